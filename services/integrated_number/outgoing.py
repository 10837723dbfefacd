"""What the institution says: queued in the transaction that decided it, said in order, once the server may be told.

Owns the queue and the sender. Promises that a message is queued if and only if its cause is committed, that it is said
at least once and in order, and that every one is harmless when it is said twice, because record numbers and request ids
stand in it. What may not be said in the server's present state waits (assessment, system 3 function 5). An individual
number never waits here: `IdentityNotified` is made from the vault in the moment it is said.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

import structlog
from aiokafka import AIOKafkaProducer

from broker.adapters.kafka import KafkaAccess, abandon, bounded
from broker.adapters.postgres import PostgresWork
from broker.errors import OwnFault, WorldFault
from broker.rules.persons import Link, may_be_linked
from broker.rules.sending import SENT_IN, Lane, ServerState
from broker.rules.vault import NumberVault, VaultError
from broker.tables import HubOutgoing, HubPerson
from broker.topics import Topics
from schemas.codec import decode, encode
from schemas.records import (
    CodeAcquisitionRequested,
    CodeRevocationRequested,
    CopyBatchOpened,
    IdentityNotified,
    InquiryRequested,
    Message,
)
from services.integrated_number.common import QUERIES, Attached, Hub

EVENT = structlog.get_logger("chukan.hub")
AT_ONCE = 1000
SAY_SECONDS = 15.0
START_SECONDS = 20.0
IDLE_SECONDS = 1.0
RETRY_SECONDS = 1.0
IDENTITY = IdentityNotified.__name__
GIVEN, HELD = "GIVEN", "HELD"  # lanes of what business systems gave (`given`): nothing of them is said as it stands

# What has been said → the statement that notes it, and the name it is noted under.
NOTED: dict[str, tuple[str, Callable[[Any], str]]] = {
    InquiryRequested.__name__: ("inquiries_sent", lambda m: str(m.record_identification_number)),
    CodeAcquisitionRequested.__name__: ("codes_sent", lambda m: str(m.request_id)),
    CodeRevocationRequested.__name__: ("codes_sent", lambda m: str(m.request_id)),
    CopyBatchOpened.__name__: ("batches_sent", lambda m: str(m.batch_id)),
}


class Saying(NamedTuple):
    """A message to be queued: its name in the queue, its lane, itself."""

    name: str
    lane: Lane
    message: Message


async def queue(db: PostgresWork, institution_code: str, said: Sequence[Saying], now: int) -> None:
    """They will be said in this order, if this transaction commits."""
    if not said:
        return
    places = [row["place"] for row in await db.query(QUERIES["next_sequence"], len(said))]
    rows = [
        HubOutgoing(
            institution_code, one.name, place, one.lane.value, type(one.message).__name__, "", encode(one.message), now
        )
        for place, one in zip(places, said, strict=True)
    ]
    await db.write(HubOutgoing, rows)


def waits_for_number(system_code: str, business_number: str) -> str:
    """The name of waiting until a business number is known."""
    return f"number/{system_code}/{business_number}"


def waits_for_link(integrated_number: str) -> str:
    """The name of waiting until a person's link is in force."""
    return f"link/{integrated_number}"


async def let_go(db: PostgresWork, institution_code: str, reasons: Iterable[str]) -> None:
    """What waited for these is looked at again, in the order it was given in."""
    await db.query(QUERIES["let_go"], institution_code, list(reasons))


def identity_row(institution_code: str, request_id: str, integrated: str, acquisition: str, now: int) -> HubOutgoing:
    """The notice to the resident register, without the number it will carry (domain 3(a), channel 1)."""
    reference = f"{integrated}/{acquisition}"
    name = f"identity.{request_id}"
    return HubOutgoing(institution_code, name, 0, Lane.BATCH.value, IDENTITY, reference, b"", now)


class Voice(Protocol):
    """How an institution's messages leave."""

    async def say(self, messages: Sequence[Message]) -> None:
        """All of them lie on their topics, in order; WorldFault when they do not."""

    async def let_go(self) -> None:
        """Nothing more is said for now."""


class KafkaVoice:
    """See `Voice`: with the institution's own credentials."""

    def __init__(self, access: KafkaAccess, institution_code: str) -> None:
        self._access = access
        self._topics = Topics(1, frozenset({institution_code}))
        self._producer: AIOKafkaProducer | None = None

    async def say(self, messages: Sequence[Message]) -> None:
        """See `Voice.say`."""
        if self._producer is None:
            producer = AIOKafkaProducer(**self._access.settings(), acks="all", enable_idempotence=True)
            self._producer = producer
            async with bounded(START_SECONDS, "starting a producer"):
                await producer.start()
        async with bounded(SAY_SECONDS, "saying messages"):
            waiting = []
            for message in messages:
                to = self._topics.destination(message)
                sent = self._producer.send(to.topic, encode(message), key=to.key, partition=to.partition)
                waiting.append(await sent)
            await asyncio.gather(*waiting)

    async def let_go(self) -> None:
        """See `Voice.let_go`."""
        if self._producer is not None:
            await abandon(self._producer)
            self._producer = None


class Sender:
    """One institution's voice, and what it may say now."""

    def __init__(
        self,
        hub: Hub,
        attached: Attached,
        voice: Voice,
        state: Callable[[], ServerState],
        reached: Callable[[str], None],
    ) -> None:
        """`state`: the server's, as last seen. `reached` is called where a crash may fall."""
        self._reached = reached
        self._hub = hub
        self._attached = attached
        self._voice = voice
        self._state = state
        self.wake = asyncio.Event()

    async def run(self, may_begin: asyncio.Event) -> None:
        """Say what may be said, until cancelled; begins when this process owns the institution's replies."""
        await may_begin.wait()
        try:
            while True:
                try:
                    said = await self.step()
                except WorldFault as fault:
                    EVENT.warning("world_away", reason=str(fault), instance=self._attached.institution_code)
                    await self._voice.let_go()
                    await asyncio.sleep(RETRY_SECONDS)
                    continue
                if said < AT_ONCE:
                    self.wake.clear()
                    try:
                        await asyncio.wait_for(self.wake.wait(), IDLE_SECONDS)
                    except TimeoutError:
                        continue
        finally:
            await asyncio.shield(self._voice.let_go())

    async def step(self) -> int:
        """Say the next few that may be said; how many that were."""
        lanes = [lane.value for lane in SENT_IN[self._state()]]
        if not lanes:
            return 0
        code = self._attached.institution_code
        async with self._hub.store.work() as db:
            rows: list[HubOutgoing] = await db.select(HubOutgoing, QUERIES["waiting"], code, lanes, AT_ONCE)
            people = await self._people(db, rows)
        if not rows:
            return 0
        messages = [(row, message) for row in rows if (message := self._message(row, people)) is not None]
        await self._voice.say([message for _, message in messages])
        # A crash here says them once more after the restart; their numbers tell the server that they are the same.
        self._reached("hub_said")
        await self._note(rows, messages)
        return len(rows)

    async def _people(self, db: PostgresWork, rows: Sequence[HubOutgoing]) -> dict[str, HubPerson]:
        code = self._attached.institution_code
        wanted = [(code, row.reference.partition("/")[0]) for row in rows if row.kind == IDENTITY]
        found: list[HubPerson] = await db.rows(HubPerson, list(dict.fromkeys(wanted))) if wanted else []
        return {one.integrated_number: one for one in found}

    def _message(self, row: HubOutgoing, people: dict[str, HubPerson]) -> Message | None:
        if row.kind != IDENTITY:
            return decode(row.body)
        integrated, _, acquisition = row.reference.partition("/")
        person = people.get(integrated)
        if person is None or not may_be_linked(Link(person.state)):
            return None  # suspended meanwhile: the acquisition expires at the server (domain 3(a)7)
        number = opened(self._attached.vault, person)
        return IdentityNotified(row.institution_code, acquisition, number)

    async def _note(self, rows: Sequence[HubOutgoing], messages: Sequence[tuple[HubOutgoing, Message]]) -> None:
        now, code = self._hub.now(), self._attached.institution_code
        noted: dict[str, list[str]] = {}
        for row, message in messages:
            if row.kind == IDENTITY:
                noted.setdefault("identities_sent", []).append(row.outgoing_id.removeprefix("identity."))
            elif row.kind in NOTED:
                statement, name_of = NOTED[row.kind]
                noted.setdefault(statement, []).append(name_of(message))
        async with self._hub.store.work() as db:
            for statement, names in sorted(noted.items()):
                await db.query(QUERIES[statement], code, names, now)
            await db.query(QUERIES["forget_said"], code, [row.outgoing_id for row in rows])


def opened(vault: NumberVault, person: HubPerson) -> str:
    """The person's individual number; OwnFault when the row does not open."""
    try:
        return vault.open(person.integrated_number, person.number_sealed)
    except VaultError as error:
        raise OwnFault(f"the number of {person.integrated_number} at {person.institution_code}: {error}") from None
