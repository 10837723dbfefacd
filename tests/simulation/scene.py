"""What happens in one simulated run: inquiries of every sort, chosen by seed, and the people who act on them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from country import LIMITS, START_MS, Broken, Country, Weather, run

from broker.rules import checks
from broker.rules.identity import local_time
from broker.runtime import Limits
from broker.tables import (
    CodeBinding,
    CodeRequest,
    CopyRecord,
    Exchange,
    Inquiry,
    ListCopy,
    LogHead,
    PermissionListVersion,
    Provision,
    SetAside,
    Suspension,
)
from schemas.codec import encode
from schemas.records import (
    AcquisitionNumberAssigned,
    CodeAcquisitionRequested,
    CopyCommand,
    CopySubmitted,
    HoldConfirmed,
    HoldReason,
    HoldRefused,
    IdentityNotified,
    InquiryAnswered,
    InquiryCancelRequested,
    InquiryRejected,
    InquiryRequested,
    Item,
    PermissionListDistributed,
    RequestedKind,
)
from services.world import (
    FEE_AFFAIR,
    FEE_COLLECTION,
    HOUSEHOLD,
    INCOMING_RESIDENT,
    LOCAL_TAX,
    VACCINATION,
    VACCINATION_AFFAIR,
    Resident,
    list_version,
    permission_rows,
)

DAY_SECONDS = 86_400
MOST = 20
LEAST = 12
SECOND_LIST = list_version(2, tuple(row for row in permission_rows() if row.row_id != "18-2"), START_MS)


class Case(NamedTuple):
    """One planned inquiry. wanted: outcomes of its kinds; none when they depend on who is faster."""

    name: str
    message: InquiryRequested
    wanted: tuple[str, ...] = ()


@dataclass
class Scene:
    """The plan of one run and what people do in it."""

    country: Country
    rng: random.Random
    cases: list[Case] = field(default_factory=list)
    actors: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    residents: list[int] = field(default_factory=list)
    sent: int = 0

    # ── messages ─────────────────────────────────────────────────────────────────────────────────────────────────

    def resident(self) -> Resident:
        """Somebody no other case is about."""
        return self.country.world.resident(self.residents.pop())

    def third(self, person: Resident) -> str:
        """An institution that does not know this person."""
        return next(code for _, code, _ in self.country.world.codes if code not in (person.home, person.previous))

    def asked(
        self,
        inquirer: str,
        number: str,
        kinds: Sequence[RequestedKind],
        affair: tuple[str, str] = (VACCINATION_AFFAIR, INCOMING_RESIDENT),
        *,
        consent: bool = False,
    ) -> InquiryRequested:
        """An inquiry with the next record identification number."""
        self.sent += 1
        return InquiryRequested(
            record_identification_number=f"Q{self.sent:09d}",
            requested_at=local_time(START_MS),
            inquirer_institution_code=inquirer,
            inquirer_department_code="KENKO",
            inquirer_operator_id="OP001",
            integrated_number=number,
            affair_code=affair[0],
            procedure_code=affair[1],
            kinds=tuple(kinds),
            consent_obtained=consent,
            acknowledge=self.rng.random() < 0.3,
        )

    def copy(self, person: Resident, kind: str, turn: int, *, blocked: bool) -> CopySubmitted:
        """A new version of a copy the previous municipality holds."""
        items = self.country.world.items_of(person, kind)
        changed = (Item(items[0].code, f"V{turn}"), *items[1:])
        return self.country.world.copy_of(person, kind, CopyCommand.UPDATE)._replace(
            record_identification_number=f"C{person.number}-{turn}", items=changed, auto_response_disabled=blocked
        )

    def block(self, person: Resident, kind: str) -> None:
        """Set the auto-response block on a copy before anything happens."""
        row = self.country.world.copy_row(
            self.country.world.copy_of(person, kind)._replace(auto_response_disabled=True)
        )
        self.country.store.put([row])

    def hold_of(self, message: InquiryRequested) -> Provision | None:
        """The open hold of an inquiry, or None."""
        key = (message.inquirer_institution_code, message.record_identification_number)
        store = self.country.store
        for row in store.indexes[Exchange, tuple(Inquiry._fields[:2])].get(key, {}).values():
            holds: Iterable[Provision] = store.indexes[Provision, ("exchange_id",)].get((row.exchange_id,), {}).values()
            for hold in holds:
                if hold.state == "HELD":
                    return hold
        return None

    # ── sorts of inquiries ───────────────────────────────────────────────────────────────────────────────────────

    def permitted(self) -> Case:
        """Everything is as it should be."""
        person = self.resident()
        return Case("permitted", self.asked(person.home, person.home_number, [_of(person, VACCINATION)]), ("OK",))

    def not_listed(self) -> Case:
        """The list has no row for this kind under this affair."""
        person = self.resident()
        message = self.asked(person.home, person.home_number, [_of(person, LOCAL_TAX)])
        return Case("not_listed", message, ("NOT_PERMITTED",))

    def consent(self) -> Case:
        """The row asks for consent: with it or without it."""
        person = self.resident()
        given = self.rng.random() < 0.5
        affair = (FEE_AFFAIR, FEE_COLLECTION)
        message = self.asked(person.home, person.home_number, [_of(person, LOCAL_TAX)], affair, consent=given)
        return Case("consent", message, ("OK" if given else "NOT_PERMITTED",))

    def no_code(self) -> Case:
        """The inquirer has no code for the person."""
        person = self.resident()
        message = self.asked(person.home, "999999999999990", [_of(person, VACCINATION)])
        return Case("no_code", message, ("NO_CODE",))

    def suspended(self) -> Case:
        """Linkage is suspended for the person at the inquirer."""
        person = self.resident()
        self.country.store.put([Suspension(person.home, person.home_number, "WRONG_LINK", START_MS - 1)])
        message = self.asked(person.home, person.home_number, [_of(person, VACCINATION)])
        return Case("suspended", message, ("SUSPENDED",))

    def unknown_person(self) -> Case:
        """The provider does not know the person."""
        person = self.resident()
        kind = RequestedKind(self.third(person), VACCINATION)
        return Case("unknown_person", self.asked(person.home, person.home_number, [kind]), ("NO_MATCH",))

    def nothing_held(self) -> Case:
        """The provider knows the person and holds nothing of the kind."""
        person = self.resident()
        kind = RequestedKind(person.home, VACCINATION)
        return Case("nothing_held", self.asked(person.previous, person.previous_number, [kind]), ("NO_DATA",))

    def several(self) -> Case:
        """Several kinds and providers in one inquiry, each with its own end."""
        person = self.resident()
        kinds = [
            _of(person, VACCINATION),
            RequestedKind(self.third(person), VACCINATION),
            _of(person, HOUSEHOLD),
            RequestedKind(person.home, VACCINATION),
        ]
        wanted = ("OK", "NO_MATCH", "NOT_PERMITTED", "NO_DATA")
        return Case("several", self.asked(person.home, person.home_number, kinds), wanted)

    def confirmed(self) -> Case:
        """Held, then let out by a person who looked; confirmed more than once."""
        person = self.resident()
        self.block(person, VACCINATION)
        message = self.asked(person.home, person.home_number, [_of(person, VACCINATION)])

        async def staff() -> None:
            await self.confirm_until_gone(message)

        self.actors.append(staff)
        return Case("confirmed", message, ("OK",))

    async def confirm_until_gone(self, message: InquiryRequested) -> None:
        """Confirm what is shown, again and again, until it has left."""
        await self.country.until(lambda: self.hold_of(message))
        while (hold := self.hold_of(message)) is not None:
            self.country.send(self.confirmation(hold, hold.shown_digest))
            await asyncio.sleep(0.2 + self.rng.random())

    def confirmation(self, hold: Provision, digest: bytes) -> HoldConfirmed:
        """A person's confirmation of exactly this."""
        return HoldConfirmed(hold.exchange_id, hold.institution_code, "ST01", digest, self.country.clock.now_ms())

    def refused(self) -> Case:
        """Held, then refused by a person."""
        person = self.resident()
        self.block(person, VACCINATION)
        message = self.asked(person.home, person.home_number, [_of(person, VACCINATION)])

        async def staff() -> None:
            await self.country.until(lambda: self.hold_of(message))
            hold = self.hold_of(message)
            assert hold is not None
            now = self.country.clock.now_ms()
            refusal = HoldRefused(hold.exchange_id, hold.institution_code, "ST02", HoldReason.PROTECTED, "", now)
            self.country.send(refusal)
            await self.country.until(lambda: self.hold_of(message) is None)
            self.country.send(self.confirmation(hold, hold.shown_digest))

        self.actors.append(staff)
        return Case("refused", message, ("REFUSED",))

    def expired(self) -> Case:
        """Held, and nobody looks for days."""
        person = self.resident()
        self.block(person, VACCINATION)
        kinds = [_of(person, VACCINATION), RequestedKind(self.third(person), VACCINATION)]
        message = self.asked(person.home, person.home_number, kinds)

        async def until_held() -> None:
            await self.country.until(lambda: self.hold_of(message))

        self.actors.append(until_held)
        return Case("expired", message, ("EXPIRED", "NO_MATCH"))

    def changed_under_hold(self) -> Case:
        """A new copy arrives while a person looks: the confirmation of the old one lets nothing out."""
        person = self.resident()
        self.block(person, VACCINATION)
        still = self.rng.random() < 0.5
        message = self.asked(person.home, person.home_number, [_of(person, VACCINATION)])

        async def staff() -> None:
            await self.country.until(lambda: self.hold_of(message))
            hold = self.hold_of(message)
            assert hold is not None
            self.country.send(self.copy(person, VACCINATION, 1, blocked=still))
            if self.rng.random() < 0.7:
                await self.country.until(lambda: self.versions(person, VACCINATION) > 1)
            self.country.send(self.confirmation(hold, hold.shown_digest))
            await self.confirm_until_gone(message)

        self.actors.append(staff)
        return Case("changed_under_hold", message, ("OK",))

    def versions(self, person: Resident, kind: str) -> int:
        """How many versions of a copy are stored."""
        index = self.country.store.indexes[CopyRecord, tuple(CopyRecord._fields[:3])]
        return len(index.get((person.previous, person.previous_number, kind), {}))

    def copies_arriving(self) -> Case:
        """Copies change, get blocked and unblocked, while the inquiry is on its way."""
        person = self.resident()
        message = self.asked(person.home, person.home_number, [_of(person, VACCINATION)])

        async def institution() -> None:
            for turn in range(1, 4):
                self.country.send(self.copy(person, VACCINATION, turn, blocked=turn == 2))
                await asyncio.sleep(self.rng.random())
            await self.country.until(lambda: self.country.answered(message) or self.hold_of(message))
            while not self.country.answered(message):
                await self.confirm_until_gone(message)
                await asyncio.sleep(0.2)

        self.actors.append(institution)
        return Case("copies_arriving", message, ("OK",))

    def withdrawn(self) -> Case:
        """The inquirer withdraws, sooner or later."""
        person = self.resident()
        message = self.asked(person.home, person.home_number, [_of(person, VACCINATION), _of(person, HOUSEHOLD)])

        async def inquirer() -> None:
            await asyncio.sleep(self.rng.random() * 1.5)
            cancel = InquiryCancelRequested(
                message.record_identification_number, message.inquirer_institution_code, "MISTAKE"
            )
            self.country.send(cancel)

        self.actors.append(inquirer)
        return Case("withdrawn", message)

    def withdrawn_under_hold(self) -> Case:
        """The inquirer withdraws while a person at the provider looks; the person's answer comes too late."""
        person = self.resident()
        self.block(person, VACCINATION)
        message = self.asked(person.home, person.home_number, [_of(person, VACCINATION)])

        async def both() -> None:
            await self.country.until(lambda: self.hold_of(message))
            cancel = InquiryCancelRequested(
                message.record_identification_number, message.inquirer_institution_code, "MISTAKE"
            )
            self.country.send(cancel)
            await self.country.until(lambda: self.country.answered(message))
            await self.confirm_until_gone(message)

        self.actors.append(both)
        return Case("withdrawn_under_hold", message, ("CANCELLED",))

    def hurried(self) -> Case:
        """The inquirer waits a second only."""
        person = self.resident()
        kind = _of(person, VACCINATION)._replace(answer_within_seconds=1)
        return Case("hurried", self.asked(person.home, person.home_number, [kind, _of(person, HOUSEHOLD)]))

    def said_twice(self) -> Case:
        """The same bytes twice are one inquiry; other content under the same number is refused."""
        person = self.resident()
        message = self.asked(person.home, person.home_number, [_of(person, VACCINATION)])

        async def again() -> None:
            await asyncio.sleep(self.rng.random())
            self.country.send(message)
            self.country.send(message._replace(inquirer_operator_id="OP002"))
            await self.country.until(lambda: self.country.answered(message))
            self.country.send(message)

        self.actors.append(again)
        return Case("said_twice", message, ("OK",))

    def code_acquired(self) -> Case:
        """An institution that has no code for a person acquires one, over both channels, and then asks."""
        person = self.resident()
        inquirer, number = self.third(person), f"7{person.number:014d}"
        message = self.asked(inquirer, number, [_of(person, VACCINATION)])

        async def acquire() -> None:
            request = CodeAcquisitionRequested(inquirer, f"A{person.number}", number)
            self.country.send(request)
            if self.rng.random() < 0.5:
                self.country.send(request)
            waiting = self.country.store.tables[CodeRequest]
            key = (inquirer, request.request_id)
            await self.country.until(lambda: key in waiting and waiting[key].acquisition_number)
            told = [m for m in self.country.said(AcquisitionNumberAssigned) if m.request_id == request.request_id]
            assigned = waiting[key].acquisition_number if not told else told[0].acquisition_number
            for _ in range(self.rng.choice((1, 2))):
                self.country.send(IdentityNotified(inquirer, assigned, person.individual_number))
            by_person = self.country.store.indexes[CodeBinding, ("institution_code", "integrated_number")]
            await self.country.until(lambda: by_person.get((inquirer, number)))
            self.country.send(message)

        self.actors.append(acquire)
        return Case("code_acquired", message, ("OK",))

    def lists_differ(self) -> Case:
        """The provider has a newer list than the network, and that one has no such row."""
        person = self.resident()
        affair = (FEE_AFFAIR, FEE_COLLECTION)
        message = self.asked(person.home, person.home_number, [_of(person, HOUSEHOLD)], affair)

        async def distribute() -> None:
            self.country.store.put([SECOND_LIST])
            key = (PermissionListVersion.__name__, 2)
            sent = PermissionListDistributed(person.previous, key[1], SECOND_LIST.digest, START_MS)
            self.country.send(sent)
            held = self.country.store.tables[ListCopy]
            await self.country.until(lambda: held[(person.previous,)].list_version == 2)
            self.country.send(message)

        self.actors.append(distribute)
        return Case("lists_differ", message, ("LIST_DISAGREES",))

    def garbage(self) -> Case:
        """Bytes that are no message, and a message where it does not belong, beside a good one."""
        person = self.resident()
        message = self.asked(person.home, person.home_number, [_of(person, VACCINATION)])

        async def bad_producer() -> None:
            to = self.country.topics.destination(message)
            self.country.send(message, raw=self.rng.choice((b"", b"not a message", encode(message)[:-3])))
            self.country.send(message, topic=to.topic, raw=encode(self.copy(person, VACCINATION, 9, blocked=False)))

        self.actors.append(bad_producer)
        return Case("garbage", message, ("OK",))


LATER = ("code_acquired", "lists_differ")
SORTS: tuple[Callable[[Scene], Case], ...] = (
    Scene.permitted,
    Scene.not_listed,
    Scene.consent,
    Scene.no_code,
    Scene.suspended,
    Scene.unknown_person,
    Scene.nothing_held,
    Scene.several,
    Scene.confirmed,
    Scene.refused,
    Scene.expired,
    Scene.changed_under_hold,
    Scene.copies_arriving,
    Scene.withdrawn,
    Scene.withdrawn_under_hold,
    Scene.hurried,
    Scene.said_twice,
    Scene.code_acquired,
    Scene.lists_differ,
    Scene.garbage,
)


def _of(person: Resident, kind: str) -> RequestedKind:
    return RequestedKind(person.previous, kind)


# ── one run ──────────────────────────────────────────────────────────────────────────────────────────────────────


class Result(NamedTuple):
    """What must be the same for the same seed, and what the weather did."""

    outcomes: dict[str, tuple[str, ...]]
    stable: dict[str, tuple[str, ...]]
    roots: dict[str, tuple[int, bytes]]
    rejected: int
    set_aside: int
    weather: Weather
    country: Country


def weather_of(rng: random.Random) -> Weather:
    """From a drizzle to a storm."""
    strength = rng.choice((0.2, 0.6, 1.0, 1.0))
    return Weather(
        rng,
        crash=0.012 * strength,
        outage=0.012 * strength,
        delay=rng.choice((0.02, 0.2, 0.6)),
        late=0.5,
        zombie_seconds=rng.choice((5.0, 20.0)) / strength,
    )


async def play(scene: Scene) -> None:
    """Send everything, let people act, let days pass, calm the weather, and see that all comes to its end."""
    country, rng = scene.country, scene.rng
    cases = scene.cases
    people = []
    for case in cases:
        if case.name not in LATER:
            country.send(case.message)
        await asyncio.sleep(rng.random() * 0.1)
    people = [asyncio.ensure_future(actor()) for actor in scene.actors]
    try:
        await country.until(lambda: all(person.done() for person in people))
        for person in people:
            if person.done():
                person.result()
        country.weather.calm = True
        await country.until(lambda: all(person.done() for person in people), 60)
        for case in cases:
            if case.name != "expired" and not await country.until(lambda: country.answered(case.message), 60):  # noqa: B023
                raise Broken(f"seed {country.seed}: {case.name} was never answered; {country.under_way()}")
        await country.drain()
        # Days pass while nobody looks: holds are reminded of and expire, unused permits end. The weather is bad again.
        country.weather.calm = False
        for days in (4, 9):
            country.clock.skip(days * DAY_SECONDS)
            await asyncio.sleep(3)
        country.weather.calm = True
        await country.drain()
    finally:
        for person in people:
            person.cancel()
        await asyncio.gather(*people, return_exceptions=True)
    country.found += checks.violations(country.history())
    country.raise_if_broken()


def run_seed(seed: int, *, faults: bool = True, limits: Limits = LIMITS, **options: Any) -> Result:
    """One country, one plan and one weather, all by this seed; Broken when anything is not as it must be."""
    plan = random.Random(seed)
    weather = weather_of(random.Random(seed + 1)) if faults else Weather(random.Random(seed + 1))
    scenes: list[Scene] = []

    async def scene_of(country: Country) -> None:
        residents = list(range(country.plan.residents))
        plan.shuffle(residents)
        scene = Scene(country, plan, residents=residents)
        scenes.append(scene)
        sorts = [*SORTS]
        plan.shuffle(sorts)
        scene.cases = [sort(scene) for sort in sorts[: plan.randint(LEAST, MOST)]]
        await play(scene)

    run(scene_of, seed=seed, weather=weather, limits=limits, **options)
    return result_of(scenes[0])


def result_of(scene: Scene) -> Result:
    """The run's logical result. The outcomes of time-independent cases must be those planned."""
    country = scene.country
    outcomes, stable = {}, {}
    answers = {m.record_identification_number: m for m in country.said(InquiryAnswered)}
    for case in scene.cases:
        number = case.message.record_identification_number
        outcomes[number] = tuple(kind.outcome.value for kind in answers[number].kinds)
        if case.wanted:
            stable[case.name] = outcomes[number]
            if outcomes[number] != case.wanted:
                raise Broken(f"seed {country.seed}: {case.name} ended as {outcomes[number]}, not {case.wanted}")
    return Result(
        outcomes,
        stable,
        {head.institution_code: (head.size, head.frontier) for head in country.rows(LogHead)},
        len(set(country.said(InquiryRejected))),
        len(country.rows(SetAside)),
        country.weather,
        country,
    )
