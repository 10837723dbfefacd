"""The comparison with a peer: what `peer_app` does with the same inquiries on the same Kafka and PostgreSQL.

Owns the trials: one consumer a handler, and ten, in each of two processes; the better one counts. Leaves what the peer
does to `peer_app`.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import NamedTuple

import asyncpg
import uvloop

from broker.adapters.kafka import KafkaAccess
from broker.embedded.admin import TopicSpec, ensure_topics
from broker.errors import ConfigurationFault
from broker.topics import partition_of
from schemas.codec import encode
from schemas.records import InquiryRequested
from services.bench.drive import Driven, drive, watched
from services.bench.helpers import Helper, helping
from services.bench.load import Load, Prepared, Tell
from services.up import System

PROCESSES = 2
WORKERS = (1, 10)  # consumers of each handler in each process; FastStream wants a partition for each
WARM_UP_SHARE = 4  # one for so many measured: Java compiles what commits and fetches a message at a time
LIMIT_SECONDS = 240.0
STEPS = (
    "requests",
    "permit_requested",
    "permit_issued",
    "inquiry_sent",
    "inquiry_forwarded",
    "provision_answered",
    "provision_reported",
    "provision_recorded",
    "replies",
)


class Trial(NamedTuple):
    """One way to run the peer, and what came of it."""

    processes: int
    workers: int  # consumers of each handler in each process
    driven: Driven


def ensure_available() -> None:
    """ConfigurationFault when FastStream is not installed: it is a development dependency."""
    if importlib.util.find_spec("faststream") is None:
        raise ConfigurationFault(
            "the peer of the comparison needs faststream[kafka], a development dependency: "
            "`make bench` installs it, or `pip install -r requirements/dev.txt`"
        )


def compare(system: System, dsn: str, inquiries: Sequence[InquiryRequested], tell: Tell) -> list[Trial]:
    """Run the peer in each of its ways over a database of its own; our own services must not run meanwhile."""
    share = len(inquiries) // len(WORKERS)
    found = []
    for place, workers in enumerate(WORKERS):
        mine = inquiries[place * share : (place + 1) * share]
        found.append(trial(system, dsn, mine, f"peer-{workers}", workers, tell))
    return found


def needed(count: int) -> int:
    """How many inquiries it takes to measure `count` in each of the peer's ways."""
    return len(WORKERS) * (count + count // WARM_UP_SHARE)


def best(trials: Sequence[Trial]) -> Trial:
    """The way that was fastest."""
    return max(trials, key=lambda one: one.driven.per_second)


def trial(
    system: System, dsn: str, inquiries: Sequence[InquiryRequested], prefix: str, workers: int, tell: Tell
) -> Trial:
    """One way: its topics made, its processes started, warmed up, driven, ended."""
    kafka, postgres = system.embedded.kafka, system.embedded.postgres
    partitions = PROCESSES * workers
    ensure_topics(kafka.admin(), [TopicSpec(f"{prefix}.{step}", partitions, {}) for step in STEPS])
    prepared = [prepare(one, prefix, partitions) for one in inquiries]
    helpers = [Helper(f"{prefix}-{n}", "services.bench.peer_app", (prefix, str(workers))) for n in range(PROCESSES)]
    replies = [(f"{prefix}.replies", n) for n in range(partitions)]
    access = KafkaAccess(system.parts.bootstrap, system.parts.admin_user, system.parts.admin_password)

    async def driven(pids: Sequence[int]) -> Driven:
        connection = await asyncpg.connect(dsn, timeout=30)
        try:
            async with Load(access, replies, tell) as load:
                processes = watched(pids, kafka, postgres)
                warm = len(prepared) // (WARM_UP_SHARE + 1)
                first, rest = prepared[:warm], prepared[warm:]
                ready = await drive(
                    f"比較相手・暖機 / {prefix}, warm-up", load, connection, processes, first, 0, LIMIT_SECONDS
                )
                if not ready.is_complete:
                    return ready
                return await drive(f"比較相手 / {prefix}", load, connection, processes, rest, 0, LIMIT_SECONDS)
        finally:
            await connection.close(timeout=10)

    with helping(system.installation, system.parts, dsn, helpers) as pids:
        return Trial(PROCESSES, workers, uvloop.run(driven(pids)))


def prepare(inquiry: InquiryRequested, prefix: str, partitions: int) -> Prepared:
    """The inquiry on the peer's topic; an institution's inquiries share a partition, as they do with ours."""
    partition = partition_of(inquiry.inquirer_institution_code, partitions)
    return Prepared(f"{prefix}.requests", partition, inquiry.record_identification_number.encode(), encode(inquiry))
