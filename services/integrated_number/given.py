"""オンライン連携 over Kafka (assessment, system 3 functions 4 and 7): what business systems give of their own accord.

Owns what becomes of `CopyGiven`, `CopiesAnnounced` and `BusinessNumberLinked`. Hearing puts each into the institution's
queue (`hub_outgoing`, lane GIVEN) in the transaction that moves the position; taking in turns it into links and into
numbered parts of sub-copies, and takes it out, in one transaction: whoever dies, and when, loses and doubles nothing.
Promises that changes of one record leave in the order they were given in, that only a change is sent, and that a change
about somebody the hub does not know yet, or whose link is not in force, waits (lane HELD) until it may leave.
Leaves what a change is, and the sending, to `copies` and `outgoing`.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

import structlog

from broker.adapters.postgres import PostgresWork
from broker.decision import Decision
from broker.errors import PeerFault, WorldFault
from broker.facts import Facts
from broker.rules.copy_file import BUSINESS_NUMBER, CopyRow
from broker.rules.persons import Link, may_be_linked
from broker.rules.sending import Lane
from broker.service import Context, on
from broker.tables import HubBusinessNumber, HubCopy, HubCopyBatch, HubOperation, HubOutgoing, HubPerson
from schemas.codec import decode
from schemas.records import BusinessNumberLinked, CopiesAnnounced, CopyBatchOpened, CopyGiven, FieldError
from services.integrated_number.clients import SYSTEM_CODE, client_id_of, operation_row
from services.integrated_number.common import QUERIES, Caller, Hub, hold
from services.integrated_number.copies import Change, Line, Record, change_of, copies_of, part_queued, record_of
from services.integrated_number.inquiry_files import people_of
from services.integrated_number.outgoing import (
    GIVEN,
    HELD,
    RETRY_SECONDS,
    Saying,
    let_go,
    queue,
    waits_for_link,
    waits_for_number,
)

EVENT = structlog.get_logger("chukan.hub")
AT_ONCE = 2_000
LOOK_SECONDS = 5.0  # without being told that something was heard
DIGITS = 20  # of an offset in a name, so that names sort as offsets do
FORMS = {
    "system_code": SYSTEM_CODE,
    "business_person_number": BUSINESS_NUMBER,
    "integrated_number": BUSINESS_NUMBER,
    "spi_name_code": re.compile(r"[A-Z0-9]{1,20}"),
    "record_key": re.compile(r"[^\x00-\x1f\x7f]{1,40}"),
    "transmission_id": re.compile(r"[0-9A-Za-z._:-]{0,32}"),
}
"""What rows are looked for by; whatever else a message says is judged when it is taken in."""

Given = BusinessNumberLinked | CopiesAnnounced | CopyGiven


# ── heard ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def load_given(messages: Sequence[Given], facts: Facts) -> None:
    """Nothing is needed to keep a message."""


def decide_given(message: Given, facts: Facts, context: Context) -> Decision:
    """Keep it at the end of what was given; its place on the topic is its name, so that it is kept once."""
    if message.institution_code != context.sender:
        raise PeerFault("FOREIGN_SENDER", f"{context.topic} is another institution's")
    if ill_formed(message):
        raise PeerFault("REQUEST_INVALID", "system, business number or transmission is not as it must be")
    name = f"given.{context.offset:0{DIGITS}d}"
    row = HubOutgoing(
        message.institution_code, name, 0, GIVEN, type(message).__name__, "", bytes(context.value), context.now
    )
    return Decision("given", write=(row,))


def ill_formed(message: Given) -> bool:
    """Whether what a row is looked for by is not as it must be."""
    forms = {name: form for name, form in FORMS.items() if name in message._fields}
    return not all(form.fullmatch(getattr(message, name)) for name, form in forms.items())


HEARD = (
    on(BusinessNumberLinked, load_given, decide_given),
    on(CopiesAnnounced, load_given, decide_given),
    on(CopyGiven, load_given, decide_given),
)


# ── taken in ─────────────────────────────────────────────────────────────────────────────────────────────────────


class Outcome(NamedTuple):
    """What becomes of rows: those that are done, and those that go on waiting, with what they wait for."""

    done: list[HubOutgoing]
    held: list[HubOutgoing]


async def run(
    hub: Hub, institution_code: str, may_begin: asyncio.Event, heard: asyncio.Event, wake: asyncio.Event
) -> None:
    """Take in what is given, until cancelled; begins when this process owns the institution's replies.

    heard: something was heard, perhaps. wake: is set when something is there to be said.
    """
    await may_begin.wait()
    while True:
        heard.clear()
        try:
            while await take_in(hub, institution_code):
                wake.set()
        except WorldFault as fault:
            EVENT.warning("world_away", reason=str(fault), instance=institution_code)
            await asyncio.sleep(RETRY_SECONDS)
            continue
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(heard.wait(), LOOK_SECONDS)


async def take_in(hub: Hub, institution_code: str) -> int:
    """Take in the next few that were given; how many.

    Only the owner of the institution's replies calls this, and the lock makes a second one that does not know yet
    that it is none find nothing.
    """
    async with hub.store.work() as db:
        if not await db.query(QUERIES["given"], institution_code, 1):
            return 0
    async with hub.store.work() as db:
        await hold(db, f"hub/copies/{institution_code}", f"hub/persons/{institution_code}")
        rows: list[HubOutgoing] = await db.select(HubOutgoing, QUERIES["given"], institution_code, AT_ONCE)
        done: list[HubOutgoing] = []
        for (kind, system), run in groupby(((row, decode(row.body)) for row in rows), key=_kind_and_system):
            caller = Caller(institution_code, system, client_id_of(institution_code, system), frozenset())
            outcome = await TAKEN_IN[kind](hub, db, caller, list(run))
            done += outcome.done
            if outcome.held:
                await db.write(HubOutgoing, outcome.held)
        await db.query(QUERIES["forget_said"], institution_code, [row.outgoing_id for row in done])
    return len(rows)


def _kind_and_system(pair: tuple[HubOutgoing, Any]) -> tuple[str, str]:
    return pair[0].kind, pair[1].system_code


async def linked(
    hub: Hub, db: PostgresWork, caller: Caller, given: Sequence[tuple[HubOutgoing, BusinessNumberLinked]]
) -> Outcome:
    """These business numbers stand for people the hub has numbered; never for another one than before."""
    names = [(caller.institution_code, caller.system_code, one.business_person_number) for _, one in given]
    links: list[HubBusinessNumber] = await db.rows(HubBusinessNumber, list(dict.fromkeys(names)))
    known = {link.business_person_number: link.integrated_number for link in links}
    people = [(caller.institution_code, one.integrated_number) for _, one in given]
    found: list[HubPerson] = await db.rows(HubPerson, list(dict.fromkeys(people)))
    numbered = {person.integrated_number for person in found}
    new: dict[str, HubBusinessNumber] = {}
    for _, one in given:
        number, before = one.business_person_number, known.setdefault(one.business_person_number, one.integrated_number)
        if one.integrated_number not in numbered:
            known.pop(number)
            await refused(hub, db, caller, "business_number_linked", number, 404, "RESOURCE_UNKNOWN")
        elif before != one.integrated_number:
            await refused(hub, db, caller, "business_number_linked", number, 409, "BUSINESS_NUMBER_TAKEN")
        else:
            where = (caller.institution_code, caller.system_code, number)
            new[number] = HubBusinessNumber(*where, one.integrated_number, hub.now())
    if new:
        await db.write(HubBusinessNumber, list(new.values()))
        await let_go(db, caller.institution_code, [waits_for_number(caller.system_code, number) for number in new])
    return Outcome([row for row, _ in given], [])


async def announced(
    hub: Hub, db: PostgresWork, caller: Caller, given: Sequence[tuple[HubOutgoing, CopiesAnnounced]]
) -> Outcome:
    """One over the cap is passed on as it is, and what the intermediate server says of it is kept; others need none."""
    for _, one in given:
        key = (caller.institution_code, one.transmission_id)
        if one.row_count <= hub.limits.copies_a_part or await db.rows(HubCopyBatch, [key]):
            continue
        now, counts = hub.now(), (one.row_count, 0, 0)
        batch = HubCopyBatch(*key, caller.system_code, "", 1, "CHANGE", "WAITING", *counts, now, now)
        await db.write(HubCopyBatch, [batch])
        opened = CopyBatchOpened(*key, "CHANGE", one.row_count)
        await queue(db, caller.institution_code, [Saying(f"{one.transmission_id}.0", Lane.BATCH, opened)], now)
    return Outcome([row for row, _ in given], [])


async def changed(
    hub: Hub, db: PostgresWork, caller: Caller, given: Sequence[tuple[HubOutgoing, CopyGiven]]
) -> Outcome:
    """Send what has changed, in parts as large as what waits; hold what may not leave yet; tell what is refused."""
    people = await people_of(db, caller, [one.business_person_number for _, one in given])
    records = [record_of(caller, row_of(one), people) for _, one in given]
    parts = Parts(hub, db, caller, await copies_of(db, [record for record in records if record]))
    outcome = Outcome([], [])
    for (row, one), record in zip(given, records, strict=True):
        person = people.get(one.business_person_number)
        reason = waiting_for(caller, one, person)
        if reason:
            outcome.held.append(row._replace(lane=HELD, reference=reason))
            continue
        outcome.done.append(row)
        judged = parts.judge(one, people)
        if isinstance(judged, list):
            await refused(hub, db, caller, "copy_given", one.business_person_number, 422, "REQUEST_INVALID")
        elif judged is not None and record is not None:
            await parts.add(judged, record, one.transmission_id)
    await parts.close()
    return outcome


class Parts:
    """The parts that leave: each holds a record once, is of one transmission, and is no larger than it may be."""

    def __init__(self, hub: Hub, db: PostgresWork, caller: Caller, known: dict[Record, HubCopy]) -> None:
        self._hub, self._db, self._caller, self._known = hub, db, caller, known
        self._largest = min(AT_ONCE, hub.limits.copies_a_part)
        self._changes: dict[Record, Change] = {}
        self._transmission = ""

    def judge(self, one: CopyGiven, people: dict[str, HubPerson]) -> Change | list[FieldError] | None:
        """What is to be sent, after all that was given before it."""
        line, file_id = Line(0, "", row_of(one), ()), named(self._caller, one.transmission_id)
        return change_of(self._hub.now(), self._caller, line, people, self._known, file_id)

    async def add(self, change: Change, record: Record, transmission_id: str) -> None:
        """To the part that is open; another one is begun when this one cannot hold it."""
        full = len(self._changes) >= self._largest
        if full or record in self._changes or transmission_id != self._transmission:
            await self.close()
        self._transmission = transmission_id
        self._changes[record] = change
        self._known[record] = change.copy

    async def close(self) -> None:
        """What is open leaves."""
        if self._changes:
            batch_id, file_id = f"HB{self._hub.token()}", named(self._caller, self._transmission)
            part, changes = 1, list(self._changes.values())
            if file_id:
                (row,) = await self._db.query(QUERIES["parts_of_file"], self._caller.institution_code, file_id)
                part += row["parts"]
            await part_queued(self._hub, self._db, self._caller, batch_id, file_id, part, "CHANGE", changes)
            self._changes = {}


def named(caller: Caller, transmission_id: str) -> str:
    """How a part tells which transmission of which system it came from; no file has such a name."""
    return f"{caller.system_code}:{transmission_id}" if transmission_id else ""


def row_of(one: CopyGiven) -> CopyRow:
    """What was given, as a line of a copy file would say it."""
    return CopyRow(
        one.business_person_number,
        one.spi_name_code,
        one.record_key,
        one.layout_version,
        one.valid_from,
        one.valid_to,
        one.publication_from,
        one.publication_to,
        one.auto_response_disabled,
        one.non_disclosure_code,
        one.deleted,
        one.items,
    )


def waiting_for(caller: Caller, one: CopyGiven, person: HubPerson | None) -> str:
    """What has to happen before a change may leave; empty when it may."""
    if person is None:
        return waits_for_number(caller.system_code, one.business_person_number)
    return "" if may_be_linked(Link(person.state)) else waits_for_link(person.integrated_number)


async def refused(
    hub: Hub, db: PostgresWork, caller: Caller, operation: str, subject: str, status: int, rule: str
) -> None:
    """What cannot be done is told in the log of operations, in the transaction that drops it."""
    where = (caller.institution_code, caller.client_id, operation, subject, status, rule)
    await db.write(HubOperation, [operation_row(hub, *where)])


TAKEN_IN: dict[str, Any] = {
    BusinessNumberLinked.__name__: linked,
    CopiesAnnounced.__name__: announced,
    CopyGiven.__name__: changed,
}
