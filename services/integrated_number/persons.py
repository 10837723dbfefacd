"""統合番号管理 and 個人番号・統合番号変換 (assessment, system 3 functions 1 and 6).

Owns people, their business numbers and the state of their link. Promises that an integrated number is made only when
nobody at the institution has that individual number, also when two systems register one person in the same moment;
that a link which is found to be wrong stops everywhere before anything else is done; and that a system sees people by
its own business numbers alone. An individual number comes in and never goes out of here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from broker.adapters.postgres import PostgresWork
from broker.rules import numbers
from broker.rules.persons import Attributes, Link, LinkEvent, after, disagreements, may_be_linked, merged
from broker.rules.reasons import field_error
from broker.rules.sending import Lane
from broker.tables import HubBusinessNumber, HubCode, HubPerson
from schemas.records import CodeAcquisitionRequested, CodeRevocationRequested, LinkageSuspensionRequested
from services.integrated_number.common import QUERIES, Caller, Hub, Refused, hold, one_of
from services.integrated_number.outgoing import Saying, let_go, queue, waits_for_link, waits_for_number

BY_NUMBER = ("institution_code", "number_hash")
FOUND_WRONG = "登録時に4情報の不一致を検出 / attributes disagreed at a registration"


class NewPerson(NamedTuple):
    """What a business system tells of a person. individual_number: 12 digits, or empty when the person gave none."""

    business_person_number: str
    individual_number: str
    attributes: Attributes


class Known(NamedTuple):
    """A person as a business system may see them: never with the individual number."""

    business_person_number: str
    integrated_number: str
    state: str
    reason: str
    has_individual_number: bool
    attributes: Attributes
    changed_at: int


class Registered(NamedTuple):
    """How a registration ended. refusal: a rule, when the number's owner is somebody else by the attributes."""

    person: Known | None
    created: bool
    same_attributes: tuple[str, ...] = ()
    refusal: str = ""


def known_as(business_number: str, person: HubPerson) -> Known:
    """A row as its system may see it."""
    attributes = Attributes(person.name, person.address, person.birth_date, person.sex)
    return Known(
        business_number,
        person.integrated_number,
        person.state,
        person.reason,
        bool(person.number_sealed),
        attributes,
        person.changed_at,
    )


# ── numbering and linking ────────────────────────────────────────────────────────────────────────────────────────


async def register(hub: Hub, caller: Caller, given: NewPerson) -> Registered:
    """Link a business number to a person: to the one who has the individual number, or to a new one."""
    check_number(given.individual_number)
    async with hub.store.work() as db:
        await hold(db, persons_of(caller))
        link, person = await _by_business_number(db, caller, given.business_person_number)
        if link is not None and person is not None:
            return await _told_again(hub, db, caller, person, given)
        owner = await _by_individual_number(hub, db, caller, given.individual_number)
        if owner is None:
            return await _new(hub, db, caller, given)
        known = known_as(given.business_person_number, owner)
        if disagreements(known.attributes, given.attributes):
            if owner.state == Link.LINKED.value:
                await _suspended(hub, db, owner, FOUND_WRONG)
            return Registered(None, False, refusal="ATTRIBUTES_DISAGREE")
        if not may_be_linked(Link(owner.state)):
            raise Refused(409, "LINK_NOT_IN_FORCE")
        owner = _with(owner, merged(known.attributes, given.attributes), hub.now())
        await db.write(HubPerson, [owner])
        await _link(hub, db, caller, given.business_person_number, owner)
        return await _registered(db, given.business_person_number, owner, created=False)


async def _told_again(hub: Hub, db: PostgresWork, caller: Caller, person: HubPerson, given: NewPerson) -> Registered:
    """The business number is known: attributes may change, a first individual number may come, another may not."""
    if given.individual_number:
        owner = await _by_individual_number(hub, db, caller, given.individual_number)
        if owner is not None and owner.integrated_number != person.integrated_number:
            raise Refused(409, "NUMBER_LINKED_ELSEWHERE", [field_error("individual_number", "NUMBER_LINKED_ELSEWHERE")])
        if person.number_sealed and owner is None:
            raise Refused(
                409, "BUSINESS_NUMBER_TAKEN", [field_error("business_person_number", "BUSINESS_NUMBER_TAKEN")]
            )
        if not person.number_sealed:
            person = _numbered(hub, caller, person, given.individual_number, Link.LINKED)
    known = known_as(given.business_person_number, person)
    person = _with(person, merged(known.attributes, given.attributes), hub.now())
    await db.write(HubPerson, [person])
    await let_go(db, caller.institution_code, [waits_for_link(person.integrated_number)])
    return await _registered(db, given.business_person_number, person, created=False)


async def _new(hub: Hub, db: PostgresWork, caller: Caller, given: NewPerson) -> Registered:
    last = await db.query(QUERIES["next_integrated_number"], caller.institution_code)
    now, integrated = hub.now(), f"{last[0]['last']:015d}"
    state = Link.UNNUMBERED.value
    person = HubPerson(caller.institution_code, integrated, b"", b"", *given.attributes, state, "", now, now)
    if given.individual_number:
        person = _numbered(hub, caller, person, given.individual_number, Link.LINKED)
    await db.write(HubPerson, [person])
    await _link(hub, db, caller, given.business_person_number, person)
    return await _registered(db, given.business_person_number, person, created=True)


async def _registered(db: PostgresWork, business_number: str, person: HubPerson, *, created: bool) -> Registered:
    same: tuple[str, ...] = ()
    if person.birth_date and person.name:
        where = (person.institution_code, person.birth_date, person.name, person.integrated_number)
        same = tuple(row["integrated_number"] for row in await db.query(QUERIES["same_attributes"], *where))
    return Registered(known_as(business_number, person), created, same)


async def _link(hub: Hub, db: PostgresWork, caller: Caller, business_number: str, person: HubPerson) -> None:
    where = (caller.institution_code, caller.system_code, business_number)
    await db.write(HubBusinessNumber, [HubBusinessNumber(*where, person.integrated_number, hub.now())])
    await let_go(db, caller.institution_code, [waits_for_number(caller.system_code, business_number)])


def _numbered(hub: Hub, caller: Caller, person: HubPerson, number: str, state: Link) -> HubPerson:
    vault = hub.attached(caller.institution_code).vault
    sealed = vault.seal(person.integrated_number, number)
    return person._replace(number_sealed=sealed, number_hash=vault.hash(number), state=state.value, reason="")


def _with(person: HubPerson, attributes: Attributes, now: int) -> HubPerson:
    return person._replace(**attributes._asdict(), changed_at=now)


def check_number(number: str) -> None:
    """Refused unless it is empty or a synthetic individual number; the number is not repeated in the reason."""
    if not number or numbers.is_synthetic_individual_number(number):
        return
    rule = "NOT_SYNTHETIC" if numbers.is_individual_number(number) else "NUMBER_WRONG"
    raise Refused(422, rule, [field_error("individual_number", rule)])


def persons_of(caller: Caller) -> str:
    """The name of the lock on an institution's people."""
    return f"hub/persons/{caller.institution_code}"


# ── conversion ───────────────────────────────────────────────────────────────────────────────────────────────────


async def person_of(db: PostgresWork, caller: Caller, business_number: str) -> HubPerson:
    """The person behind one of the caller's own business numbers; Refused when it is none of them."""
    _, person = await _by_business_number(db, caller, business_number)
    if person is None:
        unknown = field_error("business_person_number", "BUSINESS_NUMBER_UNKNOWN")
        raise Refused(404, "BUSINESS_NUMBER_UNKNOWN", [unknown])
    return person


async def by_business_number(hub: Hub, caller: Caller, business_number: str) -> Known:
    """業務固有番号 → 統合番号."""
    async with hub.store.work() as db:
        return known_as(business_number, await person_of(db, caller, business_number))


async def by_individual_number(hub: Hub, caller: Caller, number: str) -> Known:
    """個人番号 → 統合番号, for a system that may hold individual numbers; only people the caller has registered."""
    check_number(number)
    async with hub.store.work() as db:
        person = await _by_individual_number(hub, db, caller, number)
        return await _own(db, caller, person)


async def by_integrated_number(hub: Hub, caller: Caller, integrated: str) -> Known:
    """統合番号 → the caller's own business number."""
    async with hub.store.work() as db:
        return await _own(db, caller, one_of(await db.rows(HubPerson, [(caller.institution_code, integrated)])))


async def _own(db: PostgresWork, caller: Caller, person: HubPerson | None) -> Known:
    if person is not None:
        key = (caller.institution_code, person.integrated_number)
        links = await db.find(HubBusinessNumber, ("institution_code", "integrated_number"), [key])
        for link in sorted(links):
            if link.system_code == caller.system_code:
                return known_as(link.business_person_number, person)
    raise Refused(404, "RESOURCE_UNKNOWN")


async def _by_business_number(
    db: PostgresWork, caller: Caller, business_number: str
) -> tuple[HubBusinessNumber | None, HubPerson | None]:
    key = (caller.institution_code, caller.system_code, business_number)
    link: HubBusinessNumber | None = one_of(await db.rows(HubBusinessNumber, [key]))
    if link is None:
        return None, None
    return link, one_of(await db.rows(HubPerson, [(caller.institution_code, link.integrated_number)]))


async def _by_individual_number(hub: Hub, db: PostgresWork, caller: Caller, number: str) -> HubPerson | None:
    if not number:
        return None
    found = hub.attached(caller.institution_code).vault.hash(number)
    person: HubPerson | None = one_of(await db.find(HubPerson, BY_NUMBER, [(caller.institution_code, found)]))
    return person


# ── wrong links: suspend, correct, register anew ─────────────────────────────────────────────────────────────────


async def suspend(hub: Hub, caller: Caller, business_number: str, reason: str) -> Known:
    """Stop linkage for the person, here and at the intermediate server."""

    async def act(db: PostgresWork, person: HubPerson) -> HubPerson:
        return await _suspended(hub, db, person, reason)

    return await _moved(hub, caller, business_number, LinkEvent.SUSPENDED, act)


async def resume(hub: Hub, caller: Caller, business_number: str) -> Known:
    """The link was right after all."""

    async def act(db: PostgresWork, person: HubPerson) -> HubPerson:
        await _say(hub, db, _suspension(hub, person, False, "再開 / resumed"))
        await let_go(db, person.institution_code, [waits_for_link(person.integrated_number)])
        return person._replace(state=Link.LINKED.value, reason="", changed_at=hub.now())

    return await _moved(hub, caller, business_number, LinkEvent.RESUMED, act)


async def correct(hub: Hub, caller: Caller, business_number: str, number: str, reason: str) -> Known:
    """The right individual number takes the wrong one's place; the code of the wrong person is given up."""
    check_number(number)

    async def act(db: PostgresWork, person: HubPerson) -> HubPerson:
        owner = await _by_individual_number(hub, db, caller, number)
        if owner is not None and owner.integrated_number != person.integrated_number:
            raise Refused(409, "NUMBER_LINKED_ELSEWHERE", [field_error("individual_number", "NUMBER_LINKED_ELSEWHERE")])
        codes: list[HubCode] = await db.select(
            HubCode, QUERIES["codes_of_person"], person.institution_code, person.integrated_number, 1
        )
        if codes and codes[0].state == "ISSUED":
            await _revoke(hub, db, person)
        corrected = _numbered(hub, caller, person, number, Link.CORRECTED)
        return corrected._replace(reason=reason, changed_at=hub.now())

    return await _moved(hub, caller, business_number, LinkEvent.CORRECTED, act)


async def register_again(hub: Hub, caller: Caller, business_number: str) -> Known:
    """Linkage goes on with the right number: a code is acquired anew, and every sub-copy counts as not yet sent."""

    async def act(db: PostgresWork, person: HubPerson) -> HubPerson:
        await _say(hub, db, _suspension(hub, person, False, "再登録 / registered anew"))
        await acquisition_asked(hub, db, person)
        await db.query(QUERIES["send_again"], person.institution_code, person.integrated_number, hub.now())
        await let_go(db, person.institution_code, [waits_for_link(person.integrated_number)])
        return person._replace(state=Link.LINKED.value, reason="", changed_at=hub.now())

    return await _moved(hub, caller, business_number, LinkEvent.RE_REGISTERED, act)


Act = Callable[[PostgresWork, HubPerson], Awaitable[HubPerson]]


async def _moved(hub: Hub, caller: Caller, business_number: str, event: LinkEvent, act: Act) -> Known:
    async with hub.store.work() as db:
        await hold(db, persons_of(caller))
        person = await person_of(db, caller, business_number)
        if after(Link(person.state), event) is None:
            raise Refused(409, "LINK_STATE", [field_error("state", "LINK_STATE", person.state, person.state)])
        moved = await act(db, person)
        await db.write(HubPerson, [moved])
        return known_as(business_number, moved)


async def _suspended(hub: Hub, db: PostgresWork, person: HubPerson, reason: str) -> HubPerson:
    await _say(hub, db, _suspension(hub, person, True, reason))
    moved = person._replace(state=Link.SUSPENDED.value, reason=reason, changed_at=hub.now())
    await db.write(HubPerson, [moved])
    return moved


async def acquisition_asked(hub: Hub, db: PostgresWork, person: HubPerson) -> HubCode:
    """A new code acquisition request, queued (function 2)."""
    now, name = hub.now(), f"HC{hub.token()}"
    code = HubCode(person.institution_code, name, person.integrated_number, "WAITING", "", now, now)
    await db.write(HubCode, [code])
    await _say(hub, db, CodeAcquisitionRequested(person.institution_code, name, person.integrated_number))
    return code


async def _revoke(hub: Hub, db: PostgresWork, person: HubPerson) -> None:
    now, name = hub.now(), f"HR{hub.token()}"
    await db.write(HubCode, [HubCode(person.institution_code, name, person.integrated_number, "WAITING", "", now, now)])
    await _say(hub, db, CodeRevocationRequested(person.institution_code, name, person.integrated_number, now))


def _suspension(hub: Hub, person: HubPerson, suspended: bool, reason: str) -> LinkageSuspensionRequested:
    return LinkageSuspensionRequested(
        person.institution_code, f"HS{hub.token()}", person.integrated_number, suspended, reason
    )


AboutACode = CodeAcquisitionRequested | CodeRevocationRequested | LinkageSuspensionRequested


async def _say(hub: Hub, db: PostgresWork, message: AboutACode) -> None:
    await queue(db, message.institution_code, [Saying(message.request_id, Lane.BATCH, message)], hub.now())
