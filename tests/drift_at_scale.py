"""The stuck batch of Aizuwakamatsu on a real PostgreSQL, in any size: `python tests/drift_at_scale.py --rows 380000`.

Owns the rows: a city whose last transmission did not leave, others behind it, and answers from before and after. Starts
a PostgreSQL of its own, says how long drift takes and how much memory it needs, and ends it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from broker.adapters.postgres import PostgresStore, connect_pool, migrate
from broker.embedded.postgres import EmbeddedPostgres
from broker.rules.records import record_of, split
from broker.tables import CodeBinding, CopyRecord, HealthQueue, HealthRecord, LogRecord, Provision
from schemas.codec import pack_items
from schemas.records import Item, Outcome, Party
from services.audit.drift import InstitutionDrift, PostgresSource, drift
from services.world import HEALTH_CHECK, ITEMS, VACCINATION

CITY, ASKER = "9900123210600000", "9900123211400000"
T0 = 1_790_000_000_000
T1 = T0 + 86_400_000  # when the transmission got stuck
RECORDS_A_PERSON = 4
SLICE = 20_000


def items(kind: str, lot: str) -> bytes:
    """A record's items."""
    return pack_items(tuple(Item(code, f"{lot}{place}") for place, code in enumerate(ITEMS[kind])))


OLD, NEW = items(VACCINATION, "old"), items(VACCINATION, "new")
CHECK = items(HEALTH_CHECK, "check")


def person(n: int) -> str:
    """The integrated number of record n's person."""
    return f"{n // RECORDS_A_PERSON:015d}"


def original(n: int, kind: str, content: bytes, revision: int, at: int, until: int) -> HealthRecord:
    """One version of an original."""
    return HealthRecord(
        CITY,
        person(n),
        kind,
        f"K{n % RECORDS_A_PERSON}",
        revision,
        at,
        until,
        f"7{n // RECORDS_A_PERSON:014d}",
        "PERFORMED",
        "20260901",
        "20260901",
        "1.0",
        "20260901",
        False,
        content,
        sha256(content).digest(),
        f"h.{kind[-1]}{n}.{revision}",
        "OP001",
    )


def copy(n: int) -> CopyRecord:
    """The old copy of record n."""
    digest = sha256(f"{n}".encode() + OLD).digest()
    key = f"K{n % RECORDS_A_PERSON}"
    days = ("20260901", "", "20260901", "")
    return CopyRecord(CITY, person(n), VACCINATION, key, T0, 0, "1.0", *days, False, "1", OLD, digest, f"h.1{n}.1")


def rows(records: int, behind: int) -> Iterator[list[Any]]:
    """Originals and copies, a slice at a time. Every other record of the transmission had a copy before."""
    made: list[Any] = []
    for n in range(records):
        if n % 2:
            made.append(original(n, VACCINATION, NEW, 1, T1, 0))
        else:
            made += [original(n, VACCINATION, OLD, 1, T0, T1), original(n, VACCINATION, NEW, 2, T1, 0), copy(n)]
        if len(made) >= SLICE:
            yield made
            made = []
    for n in range(behind):
        made.append(original(n, HEALTH_CHECK, CHECK, 1, T1, 0))
        if len(made) >= SLICE:
            yield made
            made = []
    yield made
    yield [HealthQueue(CITY, 0, records + behind, "AIZU", T1)]


def answers(count: int, records: int) -> Iterator[list[Any]]:
    """Answers about people of the transmission: every other one left before it got stuck."""
    made: list[Any] = []
    for n in range(count):
        first = n * RECORDS_A_PERSON % records // RECORDS_A_PERSON * RECORDS_A_PERSON
        at = T1 - 1000 if n % 2 == 0 else T1 + 1000
        name = f"{ASKER}-{n:020d}"
        used = [copy(m) for m in range(first, min(first + RECORDS_A_PERSON, records)) if m % 2 == 0]
        record = record_of(
            Party.PROVIDER,
            CITY,
            name,
            inquirer_name="",
            provider_institution_code=CITY,
            provider_name="",
            requested_at=at,
            affair_code="",
            procedure_code="",
            spi_name_code=VACCINATION,
            outcome=Outcome.OK,
            provided_at=at,
            spi_items=tuple(ITEMS[VACCINATION]),
            copy_digest=sha256(b"".join(one.digest for one in used)).digest(),
        )
        body, detail = split(record, bytes(16))
        code = f"{n:064x}"
        held = Provision(f"P{n}", name, CITY, "CLOSED", "OK", at, code, "", b"", 0, 0, b"", "", "")
        log = LogRecord(CITY, n, ASKER, n, name, "PROVIDER", at, bytes(32), body, detail)
        made += [CodeBinding(CITY, code, person(first), T0, 0, T0, "x"), held, log]
        if len(made) >= SLICE:
            yield made
            made = []
    yield made


async def load(store: PostgresStore, made: list[Any]) -> None:
    """These rows, by COPY."""
    for kind in dict.fromkeys(map(type, made)):
        await store.load(kind, [row for row in made if type(row) is kind])


async def measured(dsn: str, records: int, behind: int, given: int) -> dict[str, Any]:
    """Load, run drift twice as a process would, and say what it found and took."""
    store = PostgresStore(await connect_pool(dsn, 2))
    try:
        for part in (rows(records, behind), answers(given, records)):
            for made in part:
                await load(store, made)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started = time.monotonic()
        async with store.snapshot() as snapshot:
            (found,) = await drift(PostgresSource(snapshot), "", 0, 10_000, lambda *_: None)
        seconds = time.monotonic() - started
    finally:
        await store.close()
    return told(found) | {
        "seconds": round(seconds, 2),
        "memory_mb_before": before // 1024,
        "memory_mb_peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def told(found: InstitutionDrift) -> dict[str, Any]:
    """What was found, in numbers."""
    return {
        "originals": found.originals,
        "copies": found.copies,
        "records_apart": found.records_apart,
        "persons_apart": len(found.persons_apart),
        "by_state": dict(found.by_state),
        "by_kind": dict(found.by_kind),
        "since": found.since,
        "waiting": found.waiting,
        "stuck": found.stuck,
        "answers": found.answers,
        "stale": found.stale,
        "undetermined": found.undetermined,
        "stale_exchanges": len({one.answered.exchange_id for one in found.stale_answers}),
    }


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=380_000)
    parser.add_argument("--behind", type=int, default=320_000)
    parser.add_argument("--answers", type=int, default=20_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chukan-drift-") as folder:
        Path(folder).chmod(0o711)
        with EmbeddedPostgres(Path(folder) / "postgres") as server:
            asyncio.run(migrate(server.dsn()))
            found = asyncio.run(measured(server.dsn(), asked.rows, asked.behind, asked.answers))
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
