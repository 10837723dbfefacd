"""`chukan audit redecide`: every past inquiry under the list then in force, or under a proposed one.

Owns the reading of decisions, the counting of findings and flips, and the sharing of the work between processes.
Promises to write nothing but the file of flips the user names, and that memory grows with the distinct flips' reasons
and the number that is kept, not with the decisions. Decides nothing itself: see `broker.rules.redecision`.
"""

from __future__ import annotations

import asyncio
import multiprocessing
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from broker.adapters.kafka import KafkaAccess
from broker.adapters.postgres import QUERIES, PostgresSnapshot, PostgresStore
from broker.rules.permission_list import PermissionList, from_json
from broker.rules.permits import LIFE_MS
from broker.rules.redecision import (
    Effect,
    Finding,
    Impact,
    Kept,
    Lists,
    PastDecision,
    inquiries,
    past_decision,
)
from broker.tables import Institution, PermissionListVersion
from broker.topics import Topics
from schemas.codec import Undecodable, decode, decode_all
from schemas.records import Message, PermitRequested, ProvisionRecorded
from services.topic_reader import reading
from services.world import MOST_INSTITUTIONS

LISTS_LIMIT = 10_000
KEPT_AT_MOST = 1000
ROWS_A_JOB = 20_000
JOBS_AHEAD = 3  # a process, so that none waits and none heaps up
WORTH_PROCESSES = 200_000  # decisions; below, starting processes costs more than it saves

Progress = Callable[[str, int, int], None]
RawRow = tuple[str, int, bytes, bool | None, int | None]
"""exchange id, recorded at, record, consent kept by the network, expiry of the permit; None without a permit."""


class Basis(NamedTuple):
    """What decisions are decided again on. on_date: see `redecision.Lists`; kept: flips and findings to keep."""

    versions: tuple[PermissionList, ...]
    classes: Mapping[str, str]
    proposed: PermissionList | None = None
    on_date: str = ""
    kept: int = KEPT_AT_MOST

    def lists(self) -> Lists:
        """The lists, ready to be asked."""
        return Lists(self.versions, self.proposed, self.on_date)


class Flip(NamedTuple):
    """One past inquiry for which a proposed list decides something else, and the row that makes the difference."""

    exchange_id: str
    inquirer_institution_code: str
    provider_institution_code: str
    affair_code: str
    procedure_code: str
    spi_name_code: str
    effect: Effect
    row_id: str
    change: str
    before: str
    after: str
    items_lost: tuple[str, ...]
    items_gained: tuple[str, ...]


@dataclass
class Tally:
    """What was decided again and what came of it. Counters of effects: by row, by procedure, by institution."""

    decisions: Counter[str] = field(default_factory=Counter)
    unreadable: int = 0
    inquiries: int = 0
    findings: Counter[str] = field(default_factory=Counter)
    effects: Counter[str] = field(default_factory=Counter)
    rows: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    procedures: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    inquirers: Counter[tuple[str, str]] = field(default_factory=Counter)
    providers: Counter[tuple[str, str]] = field(default_factory=Counter)
    kept_findings: list[Finding] = field(default_factory=list)
    kept_flips: list[Flip] = field(default_factory=list)
    consents_unread: bool = False

    @property
    def decided(self) -> int:
        """Decisions, of both parties."""
        return self.decisions.total()

    @property
    def ok(self) -> bool:
        """Every decision follows from the list then in force."""
        return not self.findings and not self.unreadable

    @property
    def flips(self) -> int:
        """Inquiries for which something changes."""
        return self.effects.total() - self.effects[Effect.SAME.value]

    def add(self, other: Tally, kept: int) -> None:
        """Count on with what another part of the work found."""
        for name in ("decisions", "findings", "effects", "rows", "procedures", "inquirers", "providers"):
            getattr(self, name).update(getattr(other, name))
        self.unreadable += other.unreadable
        self.inquiries += other.inquiries
        self.kept_findings += other.kept_findings[: kept - len(self.kept_findings)]
        self.kept_flips += other.kept_flips[: kept - len(self.kept_flips)]


def judge(decisions: Iterable[PastDecision], lists: Lists, *, proposed: bool, kept: int) -> Tally:
    """Decide again; decisions come in the order of their exchanges, the network's before the provider's.

    With `proposed`, all flips are kept in the tally: give it a part of the decisions at a time.
    """
    tally = Tally()
    seen: list[PastDecision] = []
    for past in decisions:
        seen.append(past)
        found = lists.finding(past)
        if found is not None:
            tally.findings[found.why.value] += 1
            if len(tally.kept_findings) < kept:
                tally.kept_findings.append(found)
    tally.decisions.update(Counter([past.party for past in seen]))
    if not proposed:
        tally.inquiries = len({past.exchange_id for past in seen})
        return tally
    for past in inquiries(seen):
        tally.inquiries += 1
        impact = lists.impact(past)
        if impact.effect is not Effect.SAME:
            _count(tally, past, impact)
    tally.effects[Effect.SAME.value] = tally.inquiries - tally.effects.total()
    return tally


def _count(tally: Tally, past: PastDecision, impact: Impact) -> None:
    effect = impact.effect.value
    _, affair, procedure, _, kind = past.combination
    tally.effects[effect] += 1
    tally.rows[effect, impact.row_id, impact.change] += 1
    tally.procedures[effect, affair, procedure, kind] += 1
    tally.inquirers[effect, past.inquirer_institution_code] += 1
    tally.providers[effect, past.provider_institution_code] += 1
    parties = (past.inquirer_institution_code, past.provider_institution_code)
    flip = Flip(past.exchange_id, *parties, affair, procedure, kind, **impact._asdict())
    tally.kept_flips.append(flip)


# ── from rows to decisions ───────────────────────────────────────────────────────────────────────────────────────


def decisions_of(
    rows: Iterable[RawRow], classes: Mapping[str, str], consents: Mapping[str, bool], tally: Tally
) -> Iterable[PastDecision]:
    """The decisions that these rows tell of; those that hold no record are counted."""
    for exchange_id, recorded_at, body, consent, expires_at in rows:
        try:
            record = decode(body)
        except Undecodable:
            record = None
        if not isinstance(record, ProvisionRecorded) or record.exchange_id != exchange_id:
            tally.unreadable += 1
            continue
        kept = None if expires_at is None else Kept(expires_at - LIFE_MS, bool(consent))
        past = past_decision(record, recorded_at, kept, classes)
        if past is not None:
            if past.consent is None and exchange_id in consents:
                past = past._replace(consent=consents[exchange_id])
            yield past


class Job(NamedTuple):
    """A part of the work: rows that hold exchanges whole, and the consents that only messages tell."""

    rows: Sequence[RawRow]
    consents: Mapping[str, bool]


def tallied(job: Job, basis: Basis, lists: Lists) -> Tally:
    """A job, decided again."""
    unreadable = Tally()
    decisions = decisions_of(job.rows, basis.classes, job.consents, unreadable)
    tally = judge(decisions, lists, proposed=basis.proposed is not None, kept=basis.kept)
    tally.unreadable = unreadable.unreadable
    return tally


_prepared: tuple[Basis, Lists]


def prepare(basis: Basis) -> None:
    """Have a process of its own ready for `done`."""
    global _prepared  # noqa: PLW0603 - what a process of a pool was given
    _prepared = basis, basis.lists()


def done(job: Job) -> Tally:
    """A job's tally, in a process that was prepared."""
    return tallied(job, *_prepared)


def workers(processes: int, basis: Basis) -> Executor:
    """Processes that are prepared. They are started anew, so that they share no connection."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(processes, mp_context=context, initializer=prepare, initargs=(basis,))


# ── reading an installation ──────────────────────────────────────────────────────────────────────────────────────


async def read_basis(snapshot: PostgresSnapshot) -> Basis:
    """All list versions and the class of each institution."""
    institutions = await snapshot.select(Institution, QUERIES["institutions"], MOST_INSTITUTIONS + 10)
    versions = await snapshot.select(PermissionListVersion, QUERIES["list_versions"], LISTS_LIMIT)
    return Basis(
        tuple(from_json(one.body) for one in versions),
        {one.institution_code: one.institution_class for one in institutions},
    )


async def consents_said(access: KafkaAccess, topics: Topics, limit: int) -> tuple[dict[str, bool], bool]:
    """Exchange id → consent, from the requests for permits still on their topics (the network's tables keep consent
    only with a permit); and whether any of them could not be read."""
    found: dict[str, bool] = {}
    async with reading(access, topics.names(PermitRequested)) as reader:
        lost = bool(reader.lost)
        async for batch in reader.batches():
            for record in batch:
                for message in messages_of(record.value or b""):
                    if isinstance(message, PermitRequested):
                        found[message.exchange_id] = message.consent_obtained
            if len(found) >= limit:
                return found, True
    return found, lost


def messages_of(value: bytes) -> list[Message]:
    """The message in a record, or those of the bundle it is; none in what cannot be read (it was set aside)."""
    try:
        return decode_all(value)
    except Undecodable:
        return []


async def jobs_of(snapshot: PostgresSnapshot, consents: Mapping[str, bool]) -> AsyncGenerator[Job, None]:
    """The network's and the providers' records in the order of exchanges, an exchange never parted."""
    waiting: list[RawRow] = []
    async with aclosing(snapshot.stream(QUERIES["decisions_recorded"])) as batches:
        async for batch in batches:
            waiting += [tuple(row) for row in batch]
            if len(waiting) < ROWS_A_JOB:
                continue
            last = waiting[-1][0]
            cut = next(place for place in range(len(waiting), 0, -1) if waiting[place - 1][0] != last)
            yield _job(waiting[:cut], consents)
            waiting = waiting[cut:]
    if waiting:
        yield _job(waiting, consents)


def _job(rows: Sequence[RawRow], consents: Mapping[str, bool]) -> Job:
    return Job(rows, {row[0]: consents[row[0]] for row in rows if row[4] is None and row[0] in consents})


async def redecide(
    store: PostgresStore,
    proposed: Callable[[Basis], PermissionList | None],
    *,
    on_date: str = "",
    consents: Mapping[str, bool] | None = None,
    kept: int = KEPT_AT_MOST,
    processes: int = 1,
    each_flip: Callable[[Flip], None] = lambda _: None,
    progress: Progress = lambda *_: None,
) -> Tally:
    """One snapshot of the installation, decided again. `proposed` chooses the list out of what the basis holds, or
    gives another; `each_flip` gets every flip, in the order of exchanges."""
    whole = Tally()
    async with store.snapshot() as snapshot:
        basis = await read_basis(snapshot)
        basis = basis._replace(proposed=proposed(basis), on_date=on_date, kept=kept)
        count = (await snapshot.query(QUERIES["decisions_recorded_count"]))[0]["count"]
        apart = processes > 1 and count >= WORTH_PROCESSES
        async with (
            aclosing(jobs_of(snapshot, consents or {})) as jobs,
            aclosing(_apart(jobs, basis, processes) if apart else _here(jobs, basis)) as results,
        ):
            async for part in results:
                for flip in part.kept_flips:
                    each_flip(flip)
                whole.add(part, kept)
                progress("redecide", whole.decided, count)
    return whole


async def _here(jobs: AsyncIterator[Job], basis: Basis) -> AsyncGenerator[Tally, None]:
    lists = basis.lists()
    async for job in jobs:
        yield tallied(job, basis, lists)


async def _apart(jobs: AsyncIterator[Job], basis: Basis, processes: int) -> AsyncGenerator[Tally, None]:
    """In the order of the jobs, a bounded number of them under way."""
    loop = asyncio.get_running_loop()
    pool = workers(processes, basis)
    waiting: list[asyncio.Future[Tally]] = []
    try:
        async for job in jobs:
            waiting.append(loop.run_in_executor(pool, done, job))
            if len(waiting) >= processes * JOBS_AHEAD:
                yield await waiting.pop(0)
        while waiting:
            yield await waiting.pop(0)
    finally:
        for one in waiting:
            one.cancel()
        pool.shutdown(wait=True, cancel_futures=True)


# ── for programs ─────────────────────────────────────────────────────────────────────────────────────────────────


def body_of(tally: Tally, *, proposed: bool) -> dict[str, Any]:
    """A tally for programs."""
    body: dict[str, Any] = {
        "ok": tally.ok,
        "decisions": dict(tally.decisions),
        "inquiries": tally.inquiries,
        "unreadable": tally.unreadable,
        "findings": dict(tally.findings),
        "kept_findings": tally.kept_findings,
    }
    if proposed:
        body |= {
            "consents_unread": tally.consents_unread,
            "flips": tally.flips,
            "effects": {effect.value: tally.effects[effect.value] for effect in Effect},
            "rows": _listed(tally.rows, "effect", "row_id", "change"),
            "procedures": _listed(tally.procedures, "effect", "affair_code", "procedure_code", "spi_name_code"),
            "inquirers": _listed(tally.inquirers, "effect", "institution_code"),
            "providers": _listed(tally.providers, "effect", "institution_code"),
            "kept_flips": tally.kept_flips,
        }
    return body


def _listed(counts: Counter[Any], *names: str) -> list[dict[str, Any]]:
    """Most first, then by name."""
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return [{**dict(zip(names, key, strict=True)), "inquiries": count} for key, count in ordered]
