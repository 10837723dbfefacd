"""What a run costs: processor time by part, bytes by store, and percentiles of latencies.

Owns the reading of /proc and of the stores' sizes. Promises to say what it cannot see: without /proc all processor
times are 0, which the report shows as "not measured". Leaves when to look to `run`.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

PROC = Path("/proc")
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
MICROSECONDS = 1_000_000
STATEMENT_SECONDS = 300.0

# Places in /proc/<pid>/stat counted from the state, which follows the name in brackets.
PARENT, USER, SYSTEM, ENDED_USER, ENDED_SYSTEM = 1, 11, 12, 13, 14


class Watched(NamedTuple):
    """The processes a run consists of. postgres: the postmaster, whose backends are found by their parent."""

    services: tuple[int, ...]
    kafka: int
    postgres: int
    generator: int


class Cpu(NamedTuple):
    """Processor time by part. others: all that ran on this machine besides, which is the noise of a figure."""

    services: float
    kafka: float
    postgres: float
    generator: float
    others: float

    @property
    def total(self) -> float:
        """Of the run's own parts."""
        return self.services + self.kafka + self.postgres + self.generator


def cpu_seconds(watched: Watched) -> Cpu:
    """Processor seconds used so far, by part."""
    services = sum(process_seconds(pid) for pid in watched.services)
    kafka = process_seconds(watched.kafka)
    postgres = tree_seconds(watched.postgres)
    generator = process_seconds(watched.generator)
    return Cpu(services, kafka, postgres, generator, machine_seconds() - services - kafka - postgres - generator)


def cpu_between(before: Cpu, after: Cpu, count: int = 0) -> Cpu:
    """What was used between two looks: in seconds, or in microseconds each when there is a count."""
    scale = MICROSECONDS / count if count else 1.0
    return Cpu(*(max(0.0, (last - first) * scale) for first, last in zip(before, after, strict=True)))


def process_seconds(pid: int) -> float:
    """User and system time of a process with all its threads; 0 when it is gone or cannot be seen."""
    fields = _stat(pid)
    return _seconds(fields, USER, SYSTEM)


def tree_seconds(pid: int) -> float:
    """A process, its living children, and those that have ended and were waited for."""
    own = _seconds(_stat(pid), USER, SYSTEM, ENDED_USER, ENDED_SYSTEM)
    return own + sum(_seconds(fields, USER, SYSTEM) for fields in _children(pid))


def machine_seconds() -> float:
    """Time in which any processor of the machine worked or was taken away by its host."""
    with suppress(OSError, ValueError, IndexError):
        user, nice, system, _, _, interrupts, soft, steal = map(
            int, _text(PROC / "stat").split("\n", 1)[0].split()[1:9]
        )
        return (user + nice + system + interrupts + soft + steal) / TICKS_A_SECOND
    return 0.0


def _children(pid: int) -> Iterable[list[str]]:
    for path in PROC.glob("[0-9]*"):
        fields = _stat(int(path.name))
        if fields and int(fields[PARENT]) == pid:
            yield fields


def _stat(pid: int) -> list[str]:
    with suppress(OSError):
        return _text(PROC / str(pid) / "stat").rpartition(")")[2].split()
    return []


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _seconds(fields: Sequence[str], *places: int) -> float:
    return sum(int(fields[place]) for place in places) / TICKS_A_SECOND if fields else 0.0


# ── bytes ────────────────────────────────────────────────────────────────────────────────────────────────────────


class Stored(NamedTuple):
    """Bytes. database: pg_database_size, indexes and free space included; tables: pg_total_relation_size of each;
    wal: written ahead since the cluster was made (it is recycled, not kept); kafka: the *.log segments by kind of
    topic, indexes left out because Kafka reserves them beforehand."""

    database: int
    tables: Mapping[str, int]
    wal: int
    kafka: Mapping[str, int]


async def stored(connection: Any, logs: Path) -> Stored:
    """The sizes now. Tables are vacuumed first, so that what waits for the vacuum is not taken for growth."""
    await connection.execute("vacuum", timeout=STATEMENT_SECONDS)
    await connection.execute("checkpoint", timeout=STATEMENT_SECONDS)
    database = await connection.fetchval("select pg_database_size(current_database())")
    wal = await connection.fetchval("select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint")
    tables = await connection.fetch(
        "select relname, pg_total_relation_size(oid) as size from pg_class "
        "where relkind = 'r' and relnamespace = current_schema()::regnamespace"
    )
    sizes = {row["relname"]: row["size"] for row in tables}
    return Stored(database, sizes, wal, await asyncio.to_thread(kafka_bytes, logs))


def kafka_bytes(logs: Path) -> dict[str, int]:
    """The log segments under Kafka's data directory, by kind of topic."""
    found: dict[str, int] = {}
    for segment in logs.glob("*/*.log"):
        with suppress(FileNotFoundError):
            kind = kind_of_topic(segment.parent.name.rpartition("-")[0])
            found[kind] = found.get(kind, 0) + segment.stat().st_size
    return found


def kind_of_topic(topic: str) -> str:
    """institutions, records, internal, or Kafka's own."""
    if topic.startswith("__"):
        return "kafka_own"
    head = topic.partition(".")[0]
    return {"institution": "institutions", "juki": "institutions", "records": "records"}.get(head, "internal")


class Growth(NamedTuple):
    """Bytes that one exchange added, as in `Stored`."""

    database: float
    tables: Mapping[str, float]
    wal: float
    kafka: Mapping[str, float]

    @property
    def kafka_total(self) -> float:
        """All topics together."""
        return sum(self.kafka.values())


def growth_each(before: Stored, after: Stored, count: int) -> Growth:
    """What was added between two looks, for each of `count` exchanges; what did not grow is left out."""
    return Growth(
        (after.database - before.database) / count,
        _grown(before.tables, after.tables, count),
        (after.wal - before.wal) / count,
        _grown(before.kafka, after.kafka, count),
    )


def _grown(before: Mapping[str, int], after: Mapping[str, int], count: int) -> dict[str, float]:
    found = {name: (size - before.get(name, 0)) / count for name, size in after.items()}
    return {name: each for name, each in sorted(found.items(), key=lambda one: -one[1]) if each > 0}


# ── latencies ────────────────────────────────────────────────────────────────────────────────────────────────────


class Latency(NamedTuple):
    """How long answers took at one offered rate, from the moment each inquiry was due. Milliseconds."""

    offered: float  # inquiries a second
    asked: int
    answered: int
    seconds: float
    p50_ms: float
    p99_ms: float
    max_ms: float


def latency_of(offered: float, asked: int, seconds: float, latencies: Sequence[float]) -> Latency:
    """The percentiles of what was heard (latencies in seconds)."""
    ordered = sorted(latencies)
    found = (1000 * percentile(ordered, share) for share in (0.50, 0.99, 1.0))
    return Latency(offered, asked, len(ordered), seconds, *found)


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed (nearest rank); NaN of nothing."""
    if not ordered:
        return math.nan
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
