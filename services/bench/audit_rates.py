"""What the audit's tools do in a second: deciding again, matching three records, replaying what the run just left.

Owns the amounts' meaning and the words. Promises bounded time, and that a tool that found something it should not have
is told as a finding, not only as a rate. Leaves the measuring of made-up data to the tools' own `measured`.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import uvloop

from broker.adapters.kafka import KafkaAccess
from broker.adapters.postgres import PostgresStore, connect_pool
from broker.rules import capsule, evidence
from broker.tables import Exchange
from broker.topics import Topics
from services.assembly import terms_of
from services.audit import national_year, reconcile_synthetic
from services.audit.capsules import make_capsule
from services.audit.replay import State
from services.audit.replay_history import live
from services.audit.replay_run import STATE_FILE, Keeper, Wanted, replay
from services.processes import SystemClock, SystemRandomness
from services.up import System

SEED = 1
CORES = 2
VERIFICATIONS = 500

Tell = Callable[[str, int, int], None]


class Rate(NamedTuple):
    """One more figure of a report, measured by whoever adds it: what, how much, of what unit."""

    name: str
    value: float
    unit: str


class Audited(NamedTuple):
    """The figures, and what was found that should not be."""

    rates: tuple[Rate, ...]
    findings: tuple[str, ...]


def audited(system: System, inquiries: int, exchanges: int, replay_seconds: float, tell: Tell) -> Audited:
    """All figures: of so many inquiries decided again, so many exchanges matched, and a replay that is stopped after
    so many seconds. Nobody may serve the installation meanwhile."""
    tell("再判定 / redecide", 0, 0)
    parts = [redecided(inquiries)]
    tell("突合 / reconcile", 0, 0)
    parts.append(reconciled(exchanges))
    tell("再実行 / replay", 0, 0)
    parts.append(replayed(system, replay_seconds))
    tell("証明カプセル / capsule", 0, 0)
    parts.append(proved(system, VERIFICATIONS))
    return Audited(
        tuple(rate for part in parts for rate in part.rates), tuple(text for part in parts for text in part.findings)
    )


def redecided(inquiries: int) -> Audited:
    """Made-up inquiries of a national year decided again."""
    found = national_year.measured(inquiries, SEED, min(CORES, os.cpu_count() or 1))
    each = "decisions/s a core"
    year = f"s for {national_year.NATIONAL_YEAR:,} on {found.processes} cores, scaled up from {inquiries:,}"
    rates = (
        Rate("再判定 / redecide", found.in_force_rate, each),
        Rate("影響つき再判定 / redecide with impact", found.impact_rate, each),
        Rate("記録からの再判定 / redecide from records", found.records_rate, each),
        Rate("初見の再判定 / redecide, no two alike", found.cold_rate, each),
        Rate("全国一年 / a national year", found.year_seconds(found.in_force_rate), year),
        Rate("全国一年、影響つき / with impact", found.year_seconds(found.impact_rate), year),
    )
    wrong = found.tally.findings.total()
    return Audited(rates, (f"redecide: {wrong} findings in made-up inquiries without any",) if wrong else ())


class Matched(NamedTuple):
    """A measured reconciliation, by the process it had for itself."""

    exchanges_per_second: float
    seconds: float
    peak_bytes: float
    perfect: bool


def reconciled(exchanges: int) -> Audited:
    """Made-up exchanges with every kind of fault matched, in a process of its own, whose memory is its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        found = pool.submit(matched, exchanges).result()
    rates = (
        Rate("突合 / reconcile", found.exchanges_per_second, "exchanges/s a core"),
        Rate("突合の時間 / reconcile", found.seconds, f"s for {exchanges:,} exchanges"),
        Rate("突合のメモリ / reconcile", found.peak_bytes / 1_048_576, "MiB at most"),
    )
    return Audited(rates, () if found.perfect else ("reconcile: precision or recall below 1",))


def matched(exchanges: int) -> Matched:
    """What `reconciled` does in its own process."""
    with tempfile.TemporaryDirectory(prefix="chukan-bench-") as directory:
        found = reconcile_synthetic.measured(exchanges, SEED, Path(directory))
    return Matched(exchanges / found.seconds[0], found.seconds[0], peak_bytes(), found.perfect)


def peak_bytes() -> float:
    """The most memory this program had resident; not a number where the system does not tell. (The figure of
    getrusage begins with what the parent had.)"""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return math.nan
    return next((int(line.split()[1]) * 1024.0 for line in lines if line.startswith("VmHWM:")), math.nan)


class Enough(Exception):  # noqa: N818 - an end, not an error
    """The time is over; how far the replay came."""

    def __init__(self, state: State) -> None:
        super().__init__()
        self.state = state


class Limited(Keeper):
    """Ends a replay after so many seconds."""

    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__(path)
        self._ends = time.monotonic() + seconds

    def due(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() >= self._ends

    def keep(self, state: State) -> None:
        """The end."""
        raise Enough(state)


def replayed(system: System, seconds: float) -> Audited:
    """What the installation did, from its first message on, replayed and compared for so many seconds at most."""
    begun = time.monotonic()
    done, differences = uvloop.run(_replay(system, seconds))
    spent = time.monotonic() - begun
    rates = (
        Rate("再実行 / replay", done / spent, "exchanges/s"),
        Rate("再実行した照会 / replayed", done, f"exchanges in {spent:.1f} s, the first the run left"),
    )
    return Audited(rates, (f"replay: {differences} differences",) if differences else ())


async def _replay(system: System, seconds: float) -> tuple[int, int]:
    """Exchanges that were replayed to their end, and differences."""
    config = system.installation.config
    try:
        async with _read(system) as (store, access, topics), live(store, access, topics) as history:
            report = await replay(
                history,
                system.installation.keys,
                SystemRandomness(),
                system.world,
                config.shards,
                Wanted(),
                Limited(system.installation.run / STATE_FILE, seconds),
                lambda *_: None,
                terms=terms_of(config, system.world.plan.institutions),
            )
    except Enough as enough:
        ended = sum(bool(row.outcome) for row in enough.state.store.tables[Exchange].values())
        return ended, enough.state.counts.differences
    return report.exchanges, report.counts.differences


def proved(system: System, times: int) -> Audited:
    """The proof document of the first exchange of a log, and how often a second it is opened and verified."""
    data = uvloop.run(_capsule(system))
    root = system.installation.keys.root_signing.public_key().public_bytes_raw()
    begun = time.process_time()
    for _ in range(times):
        capsule.verify(evidence.opened(data, root))
    spent = time.process_time() - begun
    rates = (
        Rate("証明カプセルの検証 / capsule verified", times / spent, "verifications/s a core"),
        Rate("証明カプセル / capsule", len(data), "bytes, three records with their proofs"),
    )
    return Audited(rates, ())


async def _capsule(system: System) -> bytes:
    async with _read(system) as (store, access, topics):
        first = await store.query("select exchange_id from log_records order by institution_code, sequence limit 1")
        keys = system.installation.keys
        return await make_capsule(store, access, topics, keys, first[0]["exchange_id"], SystemClock().now_ms())


@asynccontextmanager
async def _read(system: System) -> AsyncIterator[tuple[PostgresStore, KafkaAccess, Topics]]:
    """The installation's tables and topics."""
    parts = system.parts
    store = PostgresStore(await connect_pool(parts.dsn, 4))
    try:
        access = KafkaAccess(parts.bootstrap, parts.admin_user, parts.admin_password)
        yield store, access, Topics(system.installation.config.shards, frozenset(system.world.attached))
    finally:
        await store.close()
