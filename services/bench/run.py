"""The benchmark from nothing to a report: a fresh installation, our run, its counts, the peer, the floor, the sweep.

Owns the order and the amounts. Promises that every wait is bounded, that everything started is ended whatever happens,
and that peer and floor run while our services do not. Leaves measuring, judging and showing to the modules beside it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import uvloop

from broker.adapters.kafka import KafkaAccess
from broker.adapters.postgres import PostgresStore, connect_pool, migrate
from broker.config import Config
from broker.topics import SHARED, Topics
from services.bench import floor, peer, unrecorded
from services.bench.audit_rates import Rate, audited
from services.bench.correctness import RECORDS_EACH, Correctness, judged, replies_of, rows_of
from services.bench.drive import Driven, drive, watched
from services.bench.floor_app import Samples
from services.bench.load import Load, Prepared, Tell, prepare
from services.bench.machine import Machine, machine_of
from services.bench.measure import Cpu, Growth, Latency, growth_each, latency_of, stored
from services.installation import Installation, create_world
from services.up import System
from services.world import ATTACHED_AT_MOST, Plan

LIMIT_SECONDS = 300.0
SETTLE_SECONDS = 3.0  # idle services let go of outbox rows that are out; only then a size says what is kept
SWEPT = (6, 100, 1741)
AT_ONCE = 0.0
WARM_UP, SUSTAINED = "暖機 / warm-up", "持続 / sustained"
WITH_EVIDENCE, WITHOUT_EVIDENCE = "記録あり / with evidence", "記録なし / without evidence"


class Amounts(NamedTuple):
    """How much is asked for each figure. steady: at a fixed rate; loaded: at a share of the measured rate.
    redecided, reconciled: made up; replay_seconds: when the audit's replay of the run's own exchanges is ended."""

    inquiries: int = 60_000
    residents: int = 5_000
    warm_up: int = 3_000
    steady_per_second: float = 40.0
    steady_seconds: float = 30.0
    loaded_share: float = 0.7
    loaded_seconds: float = 10.0
    peer: int = 2_000
    floor: int = 60_000
    evidence: int = 20_000
    redecided: int = 1_000_000
    reconciled: int = 100_000
    replay_seconds: float = 20.0


FULL = Amounts()
QUICK = Amounts(3_000, 1_000, 500, 40.0, 5.0, 0.7, 3.0, 300, 3_000, 2_000, 50_000, 5_000, 3.0)


class Sustained(NamedTuple):
    """Complete inquiries a second, all due at once; cpu in microseconds, growth in bytes, for each of them."""

    institutions: int
    inquiries: int
    seconds: float
    per_second: float
    cpu: Cpu
    growth: Growth


class EvidenceCost(NamedTuple):
    """The same load on one installation with evidence, without any, and with it again, so that what drifts meanwhile
    (a fuller database, a warmer machine) is seen and not taken for a cost."""

    on: Sustained
    off: Sustained
    on_again: Sustained

    @property
    def is_complete(self) -> bool:
        """Whether every phase answered everything, and recorded as it should."""
        return all(one.per_second for one in self)


class Compared(NamedTuple):
    """One rate of the comparison. cpu: microseconds for each exchange."""

    exchanges: int
    per_second: float
    cpu: Cpu
    processes: int
    workers: int


class Report(NamedTuple):
    """Everything that was measured."""

    machine: Machine
    amounts: Amounts
    sustained: Sustained
    latencies: tuple[Latency, ...]
    correctness: Correctness
    peer: Compared
    peer_trials: tuple[Compared, ...]
    floor: Compared
    sweep: tuple[Sustained, ...]
    sweep_findings: tuple[str, ...]
    evidence: EvidenceCost | None = None
    audit_rates: tuple[Rate, ...] = ()
    audit_findings: tuple[str, ...] = ()

    @property
    def is_right(self) -> bool:
        """Whether every count was as it must be; speed is no part of it."""
        compared = self.evidence is None or self.evidence.is_complete
        return compared and not (
            self.correctness.findings or self.stalled or self.sweep_findings or self.audit_findings
        )

    @property
    def stalled(self) -> tuple[str, ...]:
        """The sides of the comparison that never came to their end: a rate of 0 compares with nothing."""
        trials = [(f"peer, {one.workers} consumers a handler", one) for one in self.peer_trials]
        sides = [("peer", self.peer), *trials, ("floor", self.floor)]
        return tuple(f"{name}: not everything was answered and recorded" for name, one in sides if not one.per_second)


class Ours(NamedTuple):
    """What our own services did."""

    sustained: Sustained
    latencies: tuple[Latency, ...]
    correctness: Correctness
    samples: Samples
    postgres: str


def benchmark(amounts: Amounts, institutions: int, *, sweep: bool, tell: Tell) -> Report:
    """All of it; ConfigurationFault at once when the peer cannot run here."""
    peer.ensure_available()
    load = os.getloadavg()[0]
    with running(amounts, institutions, tell) as (system, directory):
        ours = uvloop.run(Session(system, amounts, tell).whole())
        system.fleet.stop()
        audit = audited(system, amounts.redecided, amounts.reconciled, amounts.replay_seconds, tell)
        inquiries = [system.world.inquiry(number, now_ms()) for number in range(peer.needed(amounts.peer))]
        trials = peer.compare(system, another_database(system, "peer", with_world=True), inquiries, tell)
        empty = another_database(system, "floor", with_world=False)
        moved = floor.compare(system, empty, ours.samples, amounts.floor, tell)
        machine = machine_of(directory, ours.postgres, load)
    evidence = evidence_cost(amounts, institutions, tell)
    swept = [swept_one(amounts, count, tell) for count in SWEPT if count != institutions] if sweep else []
    return Report(
        machine,
        amounts,
        ours.sustained,
        ours.latencies,
        ours.correctness,
        compared(peer.best(trials)),
        tuple(compared(one) for one in trials),
        compared(peer.Trial(system.installation.config.shards, 1, moved)),
        tuple(sorted([ours.sustained, *(sustained for sustained, _ in swept)])) if sweep else (),
        tuple(
            f"{sustained.institutions} institutions: {text}" for sustained, found in swept for text in found.findings
        ),
        evidence,
        audit.rates,
        audit.findings,
    )


def compared(trial: peer.Trial) -> Compared:
    """A trial as the report tells it."""
    driven = trial.driven
    return Compared(driven.asked, driven.per_second, driven.cpu, trial.processes, trial.workers)


def swept_one(amounts: Amounts, institutions: int, tell: Tell) -> tuple[Sustained, Correctness]:
    """The sustained rate alone, with another number of institutions."""
    with running(amounts, institutions, tell) as (system, _):
        return uvloop.run(Session(system, amounts, tell).sustained_only())


def evidence_cost(amounts: Amounts, institutions: int, tell: Tell) -> EvidenceCost:
    """The sustained rate with evidence, without it, and with it again."""
    with running(amounts, institutions, tell) as (system, _):
        session = Session(system, amounts._replace(inquiries=amounts.evidence), tell)
        on = uvloop.run(session.phase(WITH_EVIDENCE, RECORDS_EACH))
        system.refit(program=unrecorded.PROGRAM, without=unrecorded.KEEPERS)
        off = uvloop.run(session.phase(WITHOUT_EVIDENCE, 0))
        system.refit()
        return EvidenceCost(on, off, uvloop.run(session.phase(WITH_EVIDENCE, RECORDS_EACH)))


def another_database(system: System, name: str, *, with_world: bool) -> str:
    """A database of its own on the same server, with the same tables and, if wanted, the same world; its DSN."""
    dsn = system.embedded.postgres.dsn(name)

    async def make() -> None:
        connection = await asyncpg.connect(system.embedded.postgres.dsn("postgres"), timeout=30)
        try:
            await connection.execute(f'create database "{name}"', timeout=60)
        finally:
            await connection.close(timeout=10)
        await migrate(dsn)
        if with_world:
            store = PostgresStore(await connect_pool(dsn, 2))
            try:
                await create_world(store, system.world, hub=False)
            finally:
                await store.close()

    asyncio.run(make())
    return dsn


@contextmanager
def running(amounts: Amounts, institutions: int, tell: Tell) -> Iterator[tuple[System, Path]]:
    """A fresh installation in a temporary directory, all of it ended and removed afterwards.

    Kafka runs as in every embedded installation, with Java's quick compiler: over a minute the second compiler took
    twice the processor time of the messages it was compiling for.
    """
    directory = Path(tempfile.mkdtemp(prefix="chukan-bench-"))
    directory.chmod(0o711)  # PostgreSQL started by root runs as a user of its own, who must pass through
    plan = Plan(
        institutions=institutions,
        residents=amounts.residents,
        attached=min(institutions, ATTACHED_AT_MOST),
        at=now_ms() - 1000,
        vaccination_only=True,
    )
    try:
        tell(f"起動 / starting, {institutions} institutions", 0, 0)
        with System(Installation(directory, Config()), plan, progress=tell) as system:
            yield system, directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def now_ms() -> int:
    """Milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


class Session:
    """One run of our own services: what is asked, in what order, and what is read off."""

    def __init__(self, system: System, amounts: Amounts, tell: Tell) -> None:
        self._system = system
        self._amounts = amounts
        self._tell = tell
        shards = system.installation.config.shards
        self._topics = Topics(shards, frozenset(system.world.attached))
        parts = system.parts
        self._access = KafkaAccess(parts.bootstrap, parts.admin_user, parts.admin_password)
        own = [(f"institution.{code}.replies", 0) for code in system.world.attached]
        self._replies = [*own, *((f"institution.{SHARED}.replies", partition) for partition in range(shards))]
        self._asked: list[bytes] = []

    async def whole(self) -> Ours:
        """Latency at the fixed rate, the sustained rate with its costs, latency under load, the counts."""
        amounts = self._amounts
        async with self._connected() as (load, connection):
            await self._drive(load, connection, WARM_UP, amounts.warm_up, AT_ONCE)
            steady = int(amounts.steady_per_second * amounts.steady_seconds)
            first = await self._latency(load, connection, amounts.steady_per_second, steady)
            sustained = await self._sustained(load, connection)
            samples = await floor.samples_of(self._access, self._topics, connection)
            rate = max(1.0, amounts.loaded_share * sustained.per_second)
            second = await self._latency(load, connection, rate, int(rate * amounts.loaded_seconds))
            postgres = str(await connection.fetchval("show server_version", timeout=30))
            return Ours(sustained, (first, second), await self._judged(connection), samples, postgres)

    async def sustained_only(self) -> tuple[Sustained, Correctness]:
        """The sustained rate and the counts."""
        async with self._connected() as (load, connection):
            await self._drive(load, connection, WARM_UP, self._amounts.warm_up, AT_ONCE)
            return await self._sustained(load, connection), await self._judged(connection)

    async def phase(self, name: str, records_each: int) -> Sustained:
        """The sustained rate of the processes that run now, each inquiry leaving so many records."""
        async with self._connected() as (load, connection):
            await self._drive(load, connection, WARM_UP, self._amounts.warm_up, AT_ONCE, records_each)
            return await self._sustained(load, connection, name, records_each)

    async def _sustained(
        self, load: Load, connection: Any, name: str = SUSTAINED, records_each: int = RECORDS_EACH
    ) -> Sustained:
        logs = self._system.embedded.kafka.data_dir / "logs"
        await asyncio.sleep(SETTLE_SECONDS)
        before = await stored(connection, logs)
        driven = await self._drive(load, connection, name, self._amounts.inquiries, AT_ONCE, records_each)
        await asyncio.sleep(SETTLE_SECONDS)
        growth = growth_each(before, await stored(connection, logs), driven.asked)
        institutions = len(self._system.world.names)
        return Sustained(institutions, driven.asked, driven.seconds, driven.per_second, driven.cpu, growth)

    async def _latency(self, load: Load, connection: Any, per_second: float, count: int) -> Latency:
        driven = await self._drive(
            load, connection, f"毎秒 {per_second:.0f} 件 / at {per_second:.0f}/s", count, per_second
        )
        return latency_of(per_second, driven.asked, driven.seconds, driven.latencies)

    async def _drive(
        self, load: Load, connection: Any, name: str, count: int, per_second: float, records_each: int = RECORDS_EACH
    ) -> Driven:
        inquiries = self._next(count)
        self._asked += [one.key for one in inquiries]
        pids = [child.pid for child in self._system.fleet.children.values()]
        processes = watched(pids, self._system.embedded.kafka, self._system.embedded.postgres)
        limit = LIMIT_SECONDS + (count / per_second if per_second else 0.0)
        return await drive(name, load, connection, processes, inquiries, per_second, limit, records_each)

    def _next(self, count: int) -> list[Prepared]:
        first, now = len(self._asked), now_ms()
        found = [self._system.world.inquiry(number, now) for number in range(first, first + count)]
        return prepare(found, self._topics)

    async def _judged(self, connection: Any) -> Correctness:
        self._tell("照合 / counting", 0, 0)
        private_key = self._system.installation.keys.institutions.sealing_private
        replies = await replies_of(self._access, self._replies, private_key)
        return judged(self._asked, replies, await rows_of(connection))

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[tuple[Load, Any]]:
        connection = await asyncpg.connect(self._system.parts.dsn, timeout=30)
        try:
            async with Load(self._access, self._replies, self._tell) as load:
                yield load, connection
        finally:
            await connection.close(timeout=10)
