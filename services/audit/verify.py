"""`chukan audit verify`: everything the records claim, recomputed, and the place where it breaks.

Owns the order of the work: first what was said (Kafka), then one snapshot of what is kept (PostgreSQL): a log at a
time, and the exchanges a slice at a time, so that memory does not grow with the country. What was said before the
snapshot was committed before it, so every check of a committed state holds. Decides nothing itself: see `logs`,
`exchanges` and `broker.rules.checks`.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from broker.adapters.kafka import KafkaAccess
from broker.adapters.postgres import QUERIES, PostgresSnapshot, PostgresStore
from broker.keys import Keys
from broker.rules import checks
from broker.rules.checks import History, Violation
from broker.rules.exchange import FINAL
from broker.rules.permission_list import from_json
from broker.rules.permits import Verifier
from broker.rules.signing import public_key_from_bytes
from broker.tables import (
    Checkpoint,
    CodeBinding,
    CopyRecord,
    Cosignature,
    Exchange,
    Inquiry,
    Institution,
    LogFork,
    LogHead,
    LogRecord,
    NetworkExchange,
    PairHead,
    PermissionListVersion,
    Provision,
    WitnessDuty,
    WitnessedLog,
)
from broker.topics import Topics
from schemas.codec import Undecodable
from services.audit import exchanges, logs
from services.audit.exchanges import Basis
from services.audit.messages import Said, said
from services.world import MOST_INSTITUTIONS

MESSAGES_LIMIT = 1_000_000
EXCHANGES_AT_ONCE = 500
VIOLATIONS_KEPT = 100
LISTS_LIMIT = 10_000
SETTLE_SECONDS = 10.0
COMPLETE = "records_are_complete"
BY_HAND = "blocked_only_by_hand"
BY_KIND = ("institution_code", "integrated_number", "spi_name_code")
NETWORK_FINAL = frozenset({"RETURNED", "COMPLETED", "EXPIRED"})

Progress = Callable[[str, int, int], None]


class Checked(NamedTuple):
    """One check: how many things it looked at, how many were not as they must be, and the first of those."""

    name: str
    looked_at: int
    failures: int
    violations: tuple[Violation, ...]


@dataclass
class Report:
    """What was looked at and what was found."""

    looked_at: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    kept: dict[str, list[Violation]] = field(default_factory=lambda: defaultdict(list))
    logs: int = 0
    records: int = 0
    signed_records: int = 0
    checkpoints: int = 0
    exchanges: int = 0
    messages: int = 0
    skipped: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Nothing was found."""
        return not self.failures

    @property
    def partial(self) -> bool:
        """Something could not be looked at."""
        return bool(self.skipped)

    def add(self, found: Sequence[Violation]) -> None:
        """Count what is wrong, keep the first of it."""
        for one in found:
            self.failures[one.check] += 1
            if len(self.kept[one.check]) < VIOLATIONS_KEPT:
                self.kept[one.check].append(one)

    def checked(self) -> list[Checked]:
        """A line a check, in the order of the work."""
        names = dict.fromkeys([*logs.NAMES, *(name for name, _ in checks.OF_EXCHANGES), *exchanges.NAMES, COMPLETE])
        return [Checked(n, self.looked_at[n], self.failures[n], tuple(self.kept.get(n, ()))) for n in names]


class Auditor:
    """One run over one installation."""

    def __init__(self, keys: Keys, progress: Progress = lambda *_: None) -> None:
        self.report = Report()
        self._keys = keys
        self._progress = progress
        self._basis: Basis
        self._said = Said()

    async def verify(self, store: PostgresStore, access: KafkaAccess, topics: Topics, limit: int) -> Report:
        """Everything, once."""
        self._progress("messages", 0, 0)
        self._said = await said(access, topics, limit)
        self.report.messages = self._said.read
        if self._said.full:
            self.report.skipped.append(f"messages after the first {limit}")
        self.report.skipped += [f"{topic}: its beginning is gone (retention)" for topic in sorted(self._said.lost)]
        async with store.snapshot() as snapshot:
            self._basis = await self._read_basis(snapshot)
            await self._logs(snapshot)
            incomplete = await self._exchanges(snapshot)
        await self._settle(store, incomplete)
        return self.report

    async def _read_basis(self, snapshot: PostgresSnapshot) -> Basis:
        institutions = await snapshot.select(Institution, QUERIES["institutions"], MOST_INSTITUTIONS + 10)
        lists = await snapshot.select(PermissionListVersion, QUERIES["list_versions"], LISTS_LIMIT)
        self._directory = {one.institution_code: one.signing_key for one in institutions}
        return Basis(
            Verifier(self._keys.network_public),
            {one.list_version: from_json(one.body) for one in lists},
            {one.institution_code: one.institution_class for one in institutions},
        )

    # ── logs ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _public_key(self, owner: str) -> Ed25519PublicKey:
        """As the directory has it; the network itself is not in the directory."""
        raw = self._directory.get(owner)
        return public_key_from_bytes(raw) if raw else self._keys.institutions.signing(owner).public_key

    async def _logs(self, snapshot: PostgresSnapshot) -> None:
        owners = [row["institution_code"] for row in await snapshot.query(QUERIES["log_owners"])]
        for place, owner in enumerate(owners):
            self._progress("logs", place, len(owners))
            await self._log(snapshot, owner)
        self._progress("logs", len(owners), len(owners))

    async def _log(self, snapshot: PostgresSnapshot, owner: str) -> None:
        signed = await snapshot.select(Checkpoint, QUERIES["checkpoints_of"], owner)
        key = self._public_key(owner)
        about = History(
            checkpoints=signed,
            duties=await snapshot.select(WitnessDuty, QUERIES["witness_duties_of"], owner),
            cosignatures=await snapshot.select(Cosignature, QUERIES["cosignatures_of"], owner),
            forks=await snapshot.select(LogFork, QUERIES["log_forks_of"], owner),
        )
        looked_at, found = logs.of_witnesses(owner, key, about)
        self.report.looked_at.update(looked_at)
        self.report.add(found)
        witnessed = await snapshot.select(WitnessedLog, QUERIES["witnessed_logs_of"], owner)
        auditor = logs.LogAuditor(owner, key, signed, witnessed)
        async for batch in snapshot.stream(QUERIES["log_of"], owner):
            auditor.feed([LogRecord(**row) for row in batch])
        heads = await snapshot.select(LogHead, QUERIES["log_head_of"], owner)
        auditor.finish(heads[0] if heads else None, await snapshot.select(PairHead, QUERIES["pair_heads_of"], owner))
        self.report.logs += 1
        self.report.records += auditor.size
        self.report.signed_records += auditor.signed
        self.report.checkpoints += len(signed)
        self.report.looked_at.update(auditor.looked_at)
        self.report.add(auditor.found)

    # ── exchanges ────────────────────────────────────────────────────────────────────────────────────────────────

    async def _exchanges(self, snapshot: PostgresSnapshot) -> list[str]:
        """Check all exchanges; the ids of those whose records are not all there yet."""
        incomplete: list[str] = []
        after, more = "", True
        while more:
            page = await snapshot.query(QUERIES["exchange_ids_after"], after, EXCHANGES_AT_ONCE)
            more = len(page) == EXCHANGES_AT_ONCE
            # A slice ends with a whole inquiry (the last two digits count its kinds); the last slice is open.
            upto = page[-1]["exchange_id"][:-2] + "99" if more else ""
            history = await self._slice(snapshot, after, upto)
            self._check(history)
            incomplete += [one.subject for one in checks.records_are_complete(at_rest(history))]
            after = upto
            self._progress("exchanges", self.report.exchanges, 0)
        left = tuple(answer for answers in self._said.answers.values() for answer in answers)
        self.report.add(checks.one_answer_an_inquiry(History(answers=left)))
        return incomplete

    async def _slice(self, snapshot: PostgresSnapshot, after: str, upto: str) -> History:
        """All that concerns the exchanges with ids above the one and up to the other."""
        asked = await snapshot.select(Exchange, QUERIES["exchanges_between"], after, upto)
        network = await snapshot.select(NetworkExchange, QUERIES["network_exchanges_between"], after, upto)
        provisions = await snapshot.select(Provision, QUERIES["provisions_between"], after, upto)
        rows = await snapshot.select(LogRecord, QUERIES["log_records_between"], after, upto)
        inquiries = list(dict.fromkeys((one.institution_code, one.record_identification_number) for one in asked))
        codes = list(dict.fromkeys((one.institution_code, one.linkage_code) for one in provisions))
        bindings = await snapshot.rows(CodeBinding, codes) if codes else []
        persons = list(persons_of(asked, provisions, bindings))
        names = {one.exchange_id for one in (*asked, *network, *provisions)}
        return History(
            inquiries=await snapshot.rows(Inquiry, inquiries) if inquiries else [],
            exchanges=asked,
            network_exchanges=network,
            provisions=provisions,
            copies=await snapshot.find(CopyRecord, BY_KIND, persons) if persons else [],
            bindings=bindings,
            leaves=readable(rows),
            answers=[answer for key in inquiries for answer in self._said.answers.pop(key, ())],
            forwarded=[one for name in sorted(names) for one in self._said.forwarded.get(name, ())],
            confirmations=[one for name in sorted(names) for one in self._said.confirmations.get(name, ())],
        )

    def _check(self, history: History) -> None:
        report = self.report
        report.exchanges += len(history.exchanges)
        for name, find in checks.OF_EXCHANGES:
            if name == BY_HAND and not self._confirmations_are_whole:
                continue
            report.looked_at[name] += len(history.exchanges)
            report.add(find(history))
        for name, check in exchanges.CHECKS:
            report.looked_at[name] += len(
                exchanges.presented(history) if name == exchanges.PERMITS else history.exchanges
            )
            report.add(check(history, self._basis))
        report.looked_at[COMPLETE] += len(at_rest(history).exchanges)

    @property
    def _confirmations_are_whole(self) -> bool:
        return not self._said.full and not any(topic.startswith("operations.") for topic in self._said.lost)

    async def _settle(self, store: PostgresStore, incomplete: Collection[str]) -> None:
        """Records travel a moment after the answer: give those that are missing the time to arrive."""
        deadline = time.monotonic() + SETTLE_SECONDS
        missing = list(incomplete)
        while missing:
            async with store.snapshot() as snapshot:
                found = [one for name in missing for one in await self._still_incomplete(snapshot, name)]
            missing = [one.subject for one in found]
            if time.monotonic() > deadline:
                self.report.add(found)
                return
            await asyncio.sleep(0.2)

    async def _still_incomplete(self, snapshot: PostgresSnapshot, name: str) -> list[Violation]:
        history = await self._slice(snapshot, name[:-1], name)
        return [one for one in checks.records_are_complete(at_rest(history)) if one.subject == name]


def persons_of(
    asked: Sequence[Exchange], provisions: Sequence[Provision], bindings: Sequence[CodeBinding]
) -> Iterator[tuple[str, str, str]]:
    """Whose copies of which kind were looked at."""
    kinds = {one.exchange_id: one.spi_name_code for one in asked}
    numbers = {(one.institution_code, one.linkage_code): one.integrated_number for one in bindings}
    found = {
        (one.institution_code, numbers[one.institution_code, one.linkage_code], kinds[one.exchange_id])
        for one in provisions
        if one.exchange_id in kinds and (one.institution_code, one.linkage_code) in numbers
    }
    yield from sorted(found)


def readable(rows: Sequence[LogRecord]) -> list[checks.Leaf]:
    """The rows that hold a record; the others are told with their log."""
    found: list[checks.Leaf] = []
    for row in rows:
        try:
            found += checks.leaves([row])
        except Undecodable:
            continue
    return found


def at_rest(history: History) -> History:
    """The part of a history in which nothing goes on any more."""
    moving = {one.exchange_id for one in history.exchanges if one.state not in FINAL}
    moving |= {one.exchange_id for one in history.network_exchanges if one.state not in NETWORK_FINAL}
    moving |= {one.exchange_id for one in history.provisions if one.state == "HELD"}
    return history._replace(
        exchanges=[one for one in history.exchanges if one.exchange_id not in moving],
        leaves=[leaf for leaf in history.leaves if leaf.record.exchange_id not in moving],
    )
