"""One exchange of every outcome, played once in the in-memory country, for tests that look at what is left of each."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from country import Country, Weather, run
from simulation.scene import DAY_SECONDS, Case, Scene

from broker.envelope import messages_in, origin_of
from broker.rules.permission_list import from_json
from broker.tables import (
    Checkpoint,
    Exchange,
    Inquiry,
    Institution,
    LogRecord,
    NetworkExchange,
    PermissionListVersion,
    Provision,
)
from broker.topics import MAXIMUM_RECORD_BYTES
from schemas.codec import decode
from schemas.records import InquiryCancelRequested, InquiryRequested, Message, RequestedKind
from services.audit.material import Gathered, Material, Signed, parties_of, sources_of, versions_of
from services.records import PARTIES, opened
from services.world import FEE_AFFAIR, FEE_COLLECTION, LOCAL_TAX, VACCINATION

OUTCOMES = {
    "permitted": "OK",
    "non_disclosed": "NON_DISCLOSED",
    "consented": "OK",
    "without_consent": "NOT_PERMITTED",
    "not_listed": "NOT_PERMITTED",
    "no_code": "NO_CODE",
    "suspended": "SUSPENDED",
    "unknown_person": "NO_MATCH",
    "nothing_held": "NO_DATA",
    "confirmed": "OK",
    "refused": "REFUSED",
    "expired": "EXPIRED",
    "withdrawn": "CANCELLED",
    "withdrawn_under_hold": "CANCELLED",
    "lists_differ": "LIST_DISAGREES",
    "pia": "PIA_BLOCK",
    "down": "UNAVAILABLE",
    "held": "HELD",
}


@dataclass
class Played:
    """A country in which each of these has happened, and what is left of each."""

    country: Country
    messages: dict[str, InquiryRequested] = field(default_factory=dict)

    def exchange(self, name: str) -> Exchange:
        """The first kind of the inquiry with this name."""
        message = self.messages[name]
        wanted = (message.inquirer_institution_code, message.record_identification_number, 0)
        rows: list[Exchange] = self.country.rows(Exchange)
        return next(
            one for one in rows if (one.institution_code, one.record_identification_number, one.kind_index) == wanted
        )

    def material(self, name: str) -> Material:
        """All that is left of it."""
        return material_of(self.country, self.exchange(name).exchange_id)


def material_of(country: Country, exchange_id: str) -> Material:
    """What `material.gather` reads, from memory instead of Kafka and PostgreSQL."""

    def of(kind: type[Any]) -> list[Any]:
        return [row for row in country.rows(kind) if row.exchange_id == exchange_id]

    exchanges, networks = of(Exchange), of(NetworkExchange)
    number = exchanges[0].record_identification_number if exchanges else ""
    inquiries = [row for row in country.rows(Inquiry) if row.record_identification_number == number]
    kept = sorted((opened(row) for row in of(LogRecord)), key=lambda one: PARTIES.index(one.row.party))
    gathered = Gathered(exchange_id, number)
    for source in sources_of(exchange_id, country.topics):
        for one in country.broker.logs[source]:
            gathered.add(one)
    found = Material(
        exchange_id,
        next(iter(exchanges), None),
        next(iter(inquiries), None),
        next(iter(networks), None),
        of(Provision),
        kept,
        [signed for one in kept for signed in _signed(country, one.row)],
        said=gathered.all(),
    )
    versions = versions_of(found)
    return found._replace(
        institutions=[row for row in country.rows(Institution) if row.institution_code in parties_of(found)],
        lists=[from_json(row.body) for row in country.rows(PermissionListVersion) if row.list_version in versions],
    )


def _signed(country: Country, row: LogRecord) -> list[Signed]:
    notes: list[Checkpoint] = [
        one
        for one in country.rows(Checkpoint)
        if one.institution_code == row.institution_code and one.size > row.sequence
    ]
    first = sorted(notes, key=lambda one: one.size)[:1]
    return [Signed(row.institution_code, row.sequence, one) for one in first]


def everything_said(country: Country, exchange_id: str) -> list[Message]:
    """Every message on the exchange's partitions, its own or not."""
    records = [record for source in sources_of(exchange_id, country.topics) for record in country.broker.logs[source]]
    parts = [part for record in records for part in messages_in(record, origin_of(record), MAXIMUM_RECORD_BYTES)]
    return [decode(one.value) for one, _ in parts]


@cache
def played() -> Played:
    """The country, played once a run."""
    found: list[Played] = []

    async def scene_of(country: Country) -> None:
        found.append(Played(country))
        await _play(found[0], Scene(country, random.Random(5), residents=list(range(country.plan.residents))))

    run(scene_of, seed=5, weather=Weather(random.Random(5)))
    return found[0]


async def _play(play: Played, scene: Scene) -> None:
    country = play.country

    async def ask(name: str, message: InquiryRequested, *, wait: bool = True) -> None:
        play.messages[name] = message
        country.send(message)
        if wait:
            assert await country.until(lambda: country.answered(message)), name

    def usual(**changes: Any) -> InquiryRequested:
        person = scene.resident()
        kind = RequestedKind(person.previous, VACCINATION)
        return scene.asked(person.home, person.home_number, [kind])._replace(**changes)

    def taxed(*, consent: bool) -> InquiryRequested:
        person = scene.resident()
        kind = RequestedKind(person.previous, LOCAL_TAX)
        return scene.asked(person.home, person.home_number, [kind], (FEE_AFFAIR, FEE_COLLECTION), consent=consent)

    await ask("permitted", usual())
    await ask("non_disclosed", usual(inquirer_non_disclosure_code="2"))
    await ask("consented", taxed(consent=True))
    await ask("without_consent", taxed(consent=False))
    plain: tuple[Callable[[], Case], ...] = (
        scene.not_listed, scene.no_code, scene.suspended, scene.unknown_person, scene.nothing_held,
    )  # fmt: skip
    for sort in plain:
        case = sort()
        await ask(case.name, case.message)
    await _with_institution(play, "pia", usual(), ask, pia_valid=False)
    await _with_institution(play, "down", usual(), ask, operating_state="DOWN")
    for sort in (scene.confirmed, scene.refused, scene.withdrawn_under_hold):
        case = sort()
        await ask(case.name, case.message, wait=False)
        await scene.actors.pop()()
        assert await country.until(lambda: country.answered(case.message)), case.name  # noqa: B023
    message = usual()
    await ask("withdrawn", message, wait=False)
    country.send(
        InquiryCancelRequested(message.record_identification_number, message.inquirer_institution_code, "MISTAKE")
    )
    case = scene.expired()
    await ask(case.name, case.message, wait=False)
    await scene.actors.pop()()
    await country.drain()
    for days in (4, 9):
        country.clock.skip(days * DAY_SECONDS)
        await country.drain()
    case = scene.lists_differ()
    play.messages[case.name] = case.message
    await scene.actors.pop()()
    assert await country.until(lambda: country.answered(case.message)), case.name
    person = scene.resident()
    scene.block(person, VACCINATION)
    held = scene.asked(person.home, person.home_number, [RequestedKind(person.previous, VACCINATION)])
    await ask("held", held, wait=False)
    assert await country.until(lambda: scene.hold_of(held)), "held"
    await country.drain()


async def _with_institution(
    play: Played, name: str, message: InquiryRequested, ask: Callable[..., Any], **changes: Any
) -> None:
    """Ask while the provider's row in the directory says something else."""
    store = play.country.store
    key = (message.kinds[0].provider_institution_code,)
    before = store.tables[Institution][key]
    store.put([before._replace(**changes)])
    await ask(name, message)
    store.put([before])
