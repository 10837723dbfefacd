"""Drives a load through whatever is under test and waits until it is whole: answered, and recorded three times each.

Owns what "complete" means, the same for our services, the peer and the floor: the answers are heard on the reply
topics, the records counted by the heads of the logs (`sum(size)`, so that looking costs next to nothing).
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from broker.embedded.kafka import EmbeddedKafka
from broker.embedded.postgres import EmbeddedPostgres
from services.bench.correctness import RECORDS_EACH
from services.bench.load import Load, Prepared
from services.bench.measure import Cpu, Watched, cpu_between, cpu_seconds

LOOK_SECONDS = 0.02
STATEMENT_SECONDS = 30.0


class Driven(NamedTuple):
    """What came of a load. seconds: from the first due moment to the last answer and the last record, whichever is
    later; cpu: microseconds for each inquiry; latencies: seconds."""

    asked: int
    answered: int
    records: int
    seconds: float
    cpu: Cpu
    latencies: tuple[float, ...]
    records_each: int = RECORDS_EACH

    @property
    def is_complete(self) -> bool:
        """Whether everything asked was answered and recorded."""
        return self.answered == self.asked and self.records == self.records_each * self.asked

    @property
    def per_second(self) -> float:
        """Complete inquiries a second; 0 when some never became complete."""
        return self.asked / self.seconds if self.is_complete else 0.0


def watched(services: Sequence[int], kafka: EmbeddedKafka, postgres: EmbeddedPostgres) -> Watched:
    """The processes of a run; the generator is this one."""
    assert kafka.pid is not None
    assert postgres.pid is not None
    return Watched(tuple(services), kafka.pid, postgres.pid, os.getpid())


async def drive(
    name: str,
    load: Load,
    connection: Any,
    processes: Watched,
    inquiries: Sequence[Prepared],
    per_second: float,
    limit_seconds: float,
    records_each: int = RECORDS_EACH,
) -> Driven:
    """Send all, hear all, and wait for the last record, within the limit."""
    kept = await records_kept(connection)
    before = cpu_seconds(processes)
    result = await load.run(name, inquiries, per_second, limit_seconds)
    end = result.begin + limit_seconds
    wanted = records_each * len(inquiries)
    records = await records_kept(connection) - kept
    while records < wanted and time.perf_counter() < end:
        await asyncio.sleep(LOOK_SECONDS)
        records = await records_kept(connection) - kept
    seconds = time.perf_counter() - result.begin
    cpu = cpu_between(before, cpu_seconds(processes), len(inquiries))
    return Driven(len(inquiries), result.distinct, records, seconds, cpu, result.latencies, records_each)


async def records_kept(connection: Any) -> int:
    """Records in all logs, by their heads."""
    return int(
        await connection.fetchval("select coalesce(sum(size), 0)::bigint from log_heads", timeout=STATEMENT_SECONDS)
    )
