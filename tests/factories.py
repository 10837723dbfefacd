"""Values for tests, decisions on a memory store, and stories told in the in-memory country.

Owns no rule of its own. Promises that every story told here ends with the canary's look at everything that was said,
kept and logged.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine, Sequence
from hashlib import sha256
from itertools import count
from typing import Any, TypeVar, cast

from country import PLAN, SHARDS, START_MS, Country, ground
from structlog.testing import capture_logs

from broker.adapters.memory import MemoryStore
from broker.adapters.virtual_time import SeededRandomness, VirtualTimeLoop, run_virtual
from broker.decision import Decision
from broker.facts import Facts
from broker.keys import SEAL_INFO, Keys
from broker.rules import numbers, permits, sealing
from broker.rules.checks import CARRIES_NUMBERS, History
from broker.rules.permission_list import PermissionRow
from broker.rules.records import whole
from broker.rules.signing import sign_batch
from broker.runtime import Limits
from broker.service import Context, Handler, Service
from broker.tables import (
    CopyRecord,
    Exchange,
    Institution,
    ListCopy,
    ListDistribution,
    LogRecord,
    NetworkCode,
    PermissionListVersion,
    Provision,
    SetAside,
)
from broker.topics import sender_of
from schemas.codec import decode, encode
from schemas.records import (
    AnsweredKind,
    CopyCommand,
    CopySubmitted,
    InquiryAnswered,
    InquiryRequested,
    Permit,
    ProvidedInformation,
    ProvisionRecorded,
    RecordsSubmitted,
    RequestedKind,
)
from services.assembly import assemble
from services.network import distribute
from services.world import (
    CHILD_AFFAIR,
    CHILD_ALLOWANCE,
    FEE_AFFAIR,
    FEE_COLLECTION,
    VACCINATION,
    World,
    list_version,
    permission_rows,
)

Result = TypeVar("Result")
NOW = START_MS
DAY_MS = 86_400_000
KEYS = ground(PLAN).keys
WORLD = ground(PLAN).world
KARIYA, TOYOTA, ANJO = (code for _, code, _ in WORLD.codes)
"""Kariya and Toyota have topics of their own; Anjo speaks on the shared ones."""

VERSIONS = count(1000)  # versions are immutable: no two lists of the whole run share a number
HEX_CODE = re.compile(rb"[0-9a-f]{64}")
ATTACHED_HOME = next(n for n in range(PLAN.residents) if WORLD.resident(n).home == KARIYA)
SHARED_HOME = next(n for n in range(PLAN.residents) if WORLD.resident(n).home == ANJO)


# ── one decision ─────────────────────────────────────────────────────────────────────────────────────────────────


def result_of(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """The result of a coroutine that never waits: in memory and in fair weather none does."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return cast(Result, stop.value)
    raise AssertionError("the coroutine waits for something")


def store_of(*rows: Any, world: World = WORLD, residents: Sequence[int] = (), directory: bool = True) -> MemoryStore:
    """A memory store with the world's directory, these residents and these rows (which replace any of their key)."""
    store = MemoryStore()
    if directory:
        store.put(world.directory())
    for index in residents:
        store.put(world.rows_of(world.resident(index)))
    store.put(rows)
    return store


def context(value: bytes = b"", *, now: int = NOW, topic: str = "", sender: str | None = None) -> Context:
    """What a decision may know; the sender follows from the topic unless it is said."""
    return Context(now, "test/0/0", topic, 0, 0, sender_of(topic) if sender is None else sender, value)


def handler_of(service: Service, message: Any) -> Handler:
    """The handler of a message."""
    return next(handler for handler in service.handlers if handler.message is type(message))


def decided(
    service: Service, message: Any, store: MemoryStore, *, now: int = NOW, topic: str = "", sender: str | None = None
) -> Decision:
    """Load and decide one message on a store, and write what was decided, as the runtime does."""
    handler = handler_of(service, message)

    async def one() -> Decision:
        async with store.transaction() as transaction:
            facts = Facts(transaction)
            await handler.load([message], facts)
            decision = handler.decide(message, facts, context(encode(message), now=now, topic=topic, sender=sender))
            facts.absorb(decision)
            await facts.flush()
        return handler.close([decision])[0] if handler.close else decision

    decision = result_of(one())
    return decision._replace(say=tuple(said for message in decision.say for said in unfolded(message)))


def unfolded(message: Any) -> list[Any]:
    """The records in a message that carries some; any other message as it is."""
    if not isinstance(message, RecordsSubmitted):
        return [message]
    return [whole(entry.body, entry.detail) for entry in message.entries]


def service(name: str, keys: Keys = KEYS) -> Service:
    """A service of an installation with these keys."""
    return assemble(keys, SeededRandomness(1))[name]


def signed(permit: Permit, keys: Keys = KEYS) -> tuple[bytes, bytes]:
    """A permit's bytes and the network's proof for them."""
    body = encode(permit)
    return body, sign_batch([body], permits.CONTEXT, keys.network_signing)[0]


# ── messages ─────────────────────────────────────────────────────────────────────────────────────────────────────


def asks(*kinds: RequestedKind, n: int = ATTACHED_HOME, at: int = NOW, **changes: Any) -> InquiryRequested:
    """A resident's home asks; with no kinds named, the previous municipality about the vaccination."""
    message = WORLD.inquiry(n, at)
    return message._replace(kinds=kinds or message.kinds)._replace(**changes)


def asks_fee(*kinds: RequestedKind, n: int = ATTACHED_HOME, **changes: Any) -> InquiryRequested:
    """The same for the collection of fees: household, and with consent local tax."""
    return asks(*kinds, n=n, affair_code=FEE_AFFAIR, procedure_code=FEE_COLLECTION, **changes)


def asks_child(*kinds: RequestedKind, n: int = ATTACHED_HOME, **changes: Any) -> InquiryRequested:
    """The same for the child allowance: local tax without consent."""
    return asks(*kinds, n=n, affair_code=CHILD_AFFAIR, procedure_code=CHILD_ALLOWANCE, **changes)


def kind(name: str = VACCINATION, n: int = ATTACHED_HOME, provider: str = "", **changes: Any) -> RequestedKind:
    """One kind asked of a resident's previous municipality, or of another provider."""
    return RequestedKind(provider or WORLD.resident(n).previous, name)._replace(**changes)


def copy_of(name: str = VACCINATION, n: int = ATTACHED_HOME, **changes: Any) -> CopySubmitted:
    """The copy that a resident's previous municipality holds, as an update."""
    return WORLD.copy_of(WORLD.resident(n), name, CopyCommand.UPDATE)._replace(
        record_identification_number="U-1", **changes
    )


def copy_row(name: str = VACCINATION, n: int = ATTACHED_HOME, **changes: Any) -> CopyRecord:
    """The same as a row, digest included."""
    return WORLD.copy_row(copy_of(name, n, **changes))._replace(record_identification_number=f"W{name[-2:]}-{n}")


def institution(code: str, **changes: Any) -> Institution:
    """An institution of the world, changed."""
    rows = [row for row in WORLD.directory() if isinstance(row, Institution)]
    return next(row for row in rows if row.institution_code == code)._replace(**changes)


def rows_with(change: Callable[[PermissionRow], PermissionRow | None]) -> tuple[PermissionRow, ...]:
    """The world's permission rows after a change; None leaves a row out."""
    return tuple(row for row in map(change, permission_rows()) if row is not None)


def own_list(code: str, change: Callable[[PermissionRow], PermissionRow | None]) -> list[Any]:
    """A changed list version and one institution's copy of it."""
    version = next(VERSIONS)
    return [list_version(version, rows_with(change), NOW), ListCopy(code, version, NOW)]


def without(row_id: str) -> Callable[[PermissionRow], PermissionRow | None]:
    """Leaves out one row."""
    return lambda row: None if row.row_id == row_id else row


def only_items(*item_codes: str) -> Callable[[PermissionRow], PermissionRow | None]:
    """Cuts the rows of vaccination down to these items."""
    return lambda row: row._replace(item_codes=item_codes) if row.spi_name_code == VACCINATION else row


# ── a story ──────────────────────────────────────────────────────────────────────────────────────────────────────


class Story(Country):
    """A country in fair weather, in which services may stay away for a while. The checks look on at every step."""

    away: tuple[str, ...] = ()
    events: Sequence[Any] = ()
    provokes: tuple[str, ...] = ()

    def raise_if_broken(self) -> None:
        """See `Country.raise_if_broken`; what the story itself provokes is not a finding."""
        self.found = [one for one in self.found if one.check not in self.provokes]
        super().raise_if_broken()

    def start(self) -> None:
        """Every service that is not away."""
        self.alive: dict[str, list[asyncio.Task[None]]] = {}
        for name in self.names:
            if name not in self.away:
                self.resume(name)

    def resume(self, name: str) -> None:
        """A service comes (back)."""
        self.alive[name] = [asyncio.create_task(self._life(name, shard)) for shard in range(SHARDS)]
        self.tasks += self.alive[name]

    def leave(self, name: str) -> None:
        """A service goes away."""
        for task in self.alive.pop(name):
            task.cancel()

    def part(self, names: Sequence[str], keys: Sequence[tuple[str, str]]) -> History:
        """See `Country.part`; several exchanges about one person rest on the same copies."""
        part = super().part(names, keys)
        return part._replace(copies=list(dict.fromkeys(part.copies)))

    async def settle(self) -> None:
        """Until nothing has moved for longer than the timers' beat; what never comes to rest is an error."""
        seen = -1
        for _ in range(200):
            now = self._moved()
            if now == seen:
                return
            seen = now
            await asyncio.sleep(1.1)
            self.raise_if_broken()
        raise AssertionError("the story does not come to rest")

    def _moved(self) -> int:
        places = [p.next_offset for shard in self.store.shards.values() for p in shard.positions.values()]
        return sum(map(len, self.broker.logs.values())) + sum(places)

    async def pass_time(self, *, seconds: float = 0, days: float = 0) -> None:
        """Time passes; then everything comes to rest."""
        self.clock.skip(seconds + days * 86_400)
        await self.settle()

    async def ask(self, *messages: Any) -> None:
        """Send and let everything come to rest."""
        for message in messages:
            self.send(message)
        await self.settle()

    async def hand_out(self, version: PermissionListVersion, *codes: str) -> None:
        """The version reaches these institutions (the network by its own code)."""
        self.store.put([version])
        due = [ListDistribution(code, version.list_version, self.clock.now_ms(), 0) for code in codes]
        await self.ask(*await distribute(version, due))

    # what became of it

    def answer(self, record_id: str = "") -> InquiryAnswered:
        """The one answer to an inquiry."""
        found = [m for m in self.said(InquiryAnswered) if m.record_identification_number == (record_id or RECORD)]
        assert len(found) == 1, f"{len(found)} answers to {record_id or RECORD}"
        return cast(InquiryAnswered, found[0])

    def kind_answered(self, record_id: str = "") -> AnsweredKind:
        """The answer to an inquiry about one kind."""
        (one,) = self.answer(record_id).kinds
        return one

    def exchange(self) -> Exchange:
        """The only exchange of the story."""
        (row,) = self.rows(Exchange)
        return cast(Exchange, row)

    def hold(self) -> Provision:
        """The only provision of the story."""
        (row,) = self.rows(Provision)
        return cast(Provision, row)

    def set_aside(self) -> list[SetAside]:
        """What was set aside, in the order of its places."""
        return cast(list[SetAside], self.rows(SetAside))

    def records(self) -> list[ProvisionRecorded]:
        """Every record that was kept."""
        return [whole(row.body, row.detail) for row in self.rows(LogRecord)]

    def parties(self) -> str:
        """Who kept a record, by initials in the order inquirer, network, provider."""
        return "".join(sorted(record.party.value[0] for record in self.records()))

    def opened(self, answer: AnsweredKind, institution_code: str) -> ProvidedInformation:
        """The answer as the institution that asked reads it."""
        name = f"{institution_code}-{answer.transaction_serial_number}".encode()
        private = self.keys.institutions.sealing_private(institution_code)
        plain = sealing.open_sealed(answer.sealed_answer, private, SEAL_INFO, name, None)
        assert sha256(plain).digest() == answer.answer_digest
        return cast(ProvidedInformation, decode(plain))


RECORD = asks().record_identification_number


def told(
    scene: Callable[[Any], Any],
    *,
    away: tuple[str, ...] = (),
    rows: Sequence[Any] = (),
    provokes: tuple[str, ...] = (),
    **options: Any,
) -> Story:
    """Run an async scene on a country in which these rows hold, and judge it with the canary.

    away: services that are not there at first. provokes: checks that the story breaks by its own hand.
    """
    options.setdefault("limits", Limits(batch_messages=50, wait_seconds=30, lease_seconds=1e6, timer_seconds=1))
    loop = VirtualTimeLoop()
    asyncio.set_event_loop(loop)
    story = Story(seed=1, loop=loop, **options)
    story.away, story.provokes = away, provokes
    story.store.put(rows)

    async def main() -> None:
        story.start()
        await scene(story)
        story.raise_if_broken()

    with capture_logs() as story.events:
        try:
            run_virtual(main(), loop)
        finally:
            asyncio.set_event_loop(None)
    assert canary(story) == []
    return story


# ── the canary ───────────────────────────────────────────────────────────────────────────────────────────────────


def canary(story: Story) -> list[str]:
    """Every place where an individual number, or both sides' codes of one person, came to light; nothing is well."""
    people = {(code.institution_code, code.linkage_code): code.internal_id for code in story.rows(NetworkCode)}
    owner = {code.encode(): (institution_code, person) for (institution_code, code), person in people.items()}
    found: list[str] = []
    for (topic, _), log in story.broker.logs.items():
        for record in log:
            place = f"{topic}/{record.partition}/{record.offset}"
            everything = b"\n".join([record.key, record.value or b"", *(value for _, value in record.headers)])
            theirs = not record.headers  # what an institution itself writes on its own topic is not our doing
            if not theirs and not CARRIES_NUMBERS.match(topic) and numbers.find_individual_numbers(everything):
                found.append(f"{place}: an individual number")
            found += [f"{place}: {text}" for text in _codes_in(everything, owner, topic.startswith("institution."))]
    for table, rows in story.store.tables.items():
        for row in rows.values():
            texts = [one if isinstance(one, bytes) else str(one).encode() for one in row]
            if any(numbers.find_individual_numbers(text) for text in texts):
                found.append(f"{table.__name__}: an individual number")
            if table is not NetworkCode:
                found += [f"{table.__name__}: {text}" for text in _codes_in(b"\n".join(texts), owner, False)]
    for event in story.events:
        text = repr(event)
        if numbers.find_individual_numbers(text) or any(code.decode() in text for code in owner):
            found.append(f"log event {event.get('event')}: an individual number or a code")
    return found


def _codes_in(data: bytes, owner: dict[bytes, tuple[str, str]], forbidden: bool) -> list[str]:
    codes = {owner[text] for text in HEX_CODE.findall(data) if text in owner}
    if codes and forbidden:
        return ["a linkage code on an institution's topic"]
    persons = [person for _, person in codes]
    return ["codes of one person at two institutions"] if len(persons) != len(set(persons)) else []
