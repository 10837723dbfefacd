"""What business systems give the hub over Kafka: on a real PostgreSQL, then on an installation where both sides die.

The first half looks at what the hub makes of it, in its queue; the second goes from `health.<code>.entries` to the
intermediate server's sub-copies, with the hub and the health support system killed on the way.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from importlib import resources
from typing import Any

import pytest
from confluent_kafka import Producer
from hub_fixtures import HERE, PLAN, WORLD, caller, database, hub_over
from installation_fixtures import Supervisor, everything_on, new_system, query, rows_of, settings, until

import broker.adapters
from broker.adapters.postgres import PostgresStore, connect_pool
from broker.embedded.postgres import EmbeddedPostgres
from broker.errors import PeerFault
from broker.rules.numbers import find_individual_numbers
from broker.rules.persons import Link
from broker.service import Context
from broker.tables import (
    CopyRecord,
    HealthRecord,
    HealthTarget,
    HubBusinessNumber,
    HubCopyBatch,
    HubOperation,
    HubOutgoing,
    HubPerson,
)
from schemas.codec import decode, encode
from schemas.records import (
    BusinessNumberLinked,
    CopiesAnnounced,
    CopyBatchOpened,
    CopyCommand,
    CopyGiven,
    CopySubmitted,
    HealthItemEntered,
    HealthStage,
    HealthTransmissionOpened,
    Item,
)
from services import access
from services.health_support.service import SYSTEM
from services.installation import create_world
from services.integrated_number import given, persons
from services.integrated_number.common import Hub, Limits
from services.up import HUB, System
from services.world import ITEMS, VACCINATION, Plan

PEOPLE = [n for n in range(PLAN.residents) if WORLD.resident(n).previous == HERE]
TOPIC = f"hub.{HERE}.copies"


# ── what becomes of it ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def dsn(postgres_server: EmbeddedPostgres, postgres_template: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database of its own for each test."""
    name = "given_" + "".join(letter for letter in request.node.name if letter.isalnum())[-40:].lower()
    with database(postgres_server, postgres_template, name) as found:
        yield found


class Office:
    """A hub over the small country, and what it was given so far."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self._offset = 0

    async def give(self, *messages: Any) -> None:
        """Heard from the topic, one after the other."""
        for message in messages:
            value = encode(message)
            context = Context(self.hub.now(), "", TOPIC, 0, self._offset, HERE, value)
            async with self.hub.store.transaction() as transaction:
                await transaction.write(HubOutgoing, list(given.decide_given(message, NO_FACTS, context).write))
            self._offset += 1

    async def take_in(self) -> int:
        """Until nothing is left; how much there was."""
        total = 0
        while taken := await given.take_in(self.hub, HERE):
            total += taken
        return total

    async def queued(self) -> list[Any]:
        """What waits to be said, in its order."""
        rows = [row for row in await self.hub.store.all(HubOutgoing, 10_000) if row.lane == "BATCH"]
        return [decode(row.body) for row in sorted(rows, key=lambda row: row.sequence)]

    async def lanes(self) -> Counter[str]:
        """How much waits in each lane."""
        return Counter(row.lane for row in await self.hub.store.all(HubOutgoing, 10_000))

    async def refusals(self) -> list[tuple[str, str, int, str]]:
        """What the log of operations says of what was refused."""
        rows: list[HubOperation] = await self.hub.store.all(HubOperation, 100)
        return [(row.client_id, row.operation, row.status, row.rule) for row in rows]


NO_FACTS: Any = None


@pytest.fixture
async def office(dsn: str) -> AsyncIterator[Office]:
    """A hub whose parts hold at most ten rows."""
    store = PostgresStore(await connect_pool(dsn, 6))
    await create_world(store, WORLD)
    yield Office(hub_over(store, Limits(copies_a_part=10)))
    await store.close()


def change(number: int, lot: str = "NEW", key: str = "1", **more: Any) -> CopyGiven:
    """A resident's vaccination record has changed."""
    values = ("DONE", "2", "20240301", "模擬製薬1", lot, "模擬ワクチン")
    items = tuple(Item(code, value) for code, value in zip(ITEMS[VACCINATION], values, strict=True))
    business = WORLD.business_number(WORLD.resident(number))
    made = CopyGiven(
        HERE, SYSTEM, f"h.{number}", business, False, VACCINATION, key, "1.0", "20240301", "20240301", items
    )
    return made._replace(**more)


def deleted(number: int, key: str = "1") -> CopyGiven:
    """It was withdrawn."""
    return change(number, key=key, deleted=True, items=())


async def test_changes_leave_in_their_order_and_each_once(office: Office) -> None:
    """By integrated number; the command follows from what was sent before; what is the same is not sent; parts hold a
    record once, are no larger than they may be, and say how many rows they have."""
    first, second = PEOPLE[:2]
    many = [change(first, key=f"K{n}", transmission_id="T.1") for n in range(23)]
    await office.give(change(first, "A"), change(first, "B"), change(first, "B"), change(second, key="9"))
    await office.give(deleted(first), deleted(first), change(first, "C"), *many)
    taken, again = await office.take_in(), await office.take_in()
    said = await office.queued()
    copies = [one for one in said if isinstance(one, CopySubmitted)]
    opened = {one.batch_id: one.row_count for one in said if isinstance(one, CopyBatchOpened)}
    parts = Counter(one.batch_id for one in copies)
    batches = {row.batch_id: row for row in await office.hub.store.all(HubCopyBatch, 100)}

    assert (taken, again) == (7 + len(many), 0)
    person = WORLD.resident(first).previous_number
    mine = [(one.command, value(one)) for one in copies if one.integrated_number == person and one.record_key == "1"]
    assert mine == [
        (CopyCommand.UPDATE, "A"),
        (CopyCommand.UPDATE, "B"),
        (CopyCommand.DELETE, ""),
        (CopyCommand.REGISTER, "C"),
    ]
    assert [one.record_key for one in copies if one.record_key[0] == "K"] == [one.record_key for one in many]
    assert parts == opened
    assert max(parts.values()) == 10
    assert all(len({(c.integrated_number, c.record_key) for c in copies if c.batch_id == b}) == parts[b] for b in parts)
    rows = [batches[name] for name in dict.fromkeys(one.batch_id for one in copies if one.record_key[0] == "K")]
    assert [(row.file_id, row.part, row.row_count) for row in rows] == [
        (f"{SYSTEM}:T.1", 1, 10),
        (f"{SYSTEM}:T.1", 2, 10),
        (f"{SYSTEM}:T.1", 3, 3),
    ]
    assert await office.lanes() == Counter(BATCH=len(said))


def value(copy: CopySubmitted) -> str:
    """The lot, as the value that tells versions apart."""
    return copy.items[4].value if copy.items else ""


async def test_what_may_not_leave_yet_waits_and_then_leaves_in_order(office: Office) -> None:
    """A business number nobody told, a link that is suspended: held, others go by; then in the order it was given."""
    first, other = PEOPLE[:2]
    resident, number = WORLD.resident(first), "7" * 15
    unknown = [change(first, f"U{n}", key="U", business_person_number=number) for n in range(3)]
    mine = WORLD.business_number(resident)
    await persons.suspend(office.hub, caller(HERE, SYSTEM), mine, "家族の番号")
    await office.give(*unknown, change(first, "S1"), change(other, "GO"), change(first, "S2"))
    await office.take_in()
    before, waiting = values_of(await office.queued()), (await office.lanes())["HELD"]
    await persons.resume(office.hub, caller(HERE, SYSTEM), mine)
    await office.take_in()
    resumed = values_of(await office.queued())
    await office.give(BusinessNumberLinked(HERE, SYSTEM, number, resident.previous_number))
    await office.take_in()
    linked = values_of(await office.queued())

    assert (before, waiting) == (["GO"], 5)
    assert resumed == ["GO", "S1", "S2"]
    assert linked == ["GO", "S1", "S2", "U0", "U1", "U2"]
    assert (await office.lanes())["HELD"] == 0


def values_of(said: Sequence[Any]) -> list[str]:
    """The lots of the sub-copies among these."""
    return [value(one) for one in said if isinstance(one, CopySubmitted)]


async def test_a_corrected_person_gets_what_was_given_meanwhile(office: Office) -> None:
    """Suspended, corrected, registered anew: what waited leaves then, and every copy counts as not sent."""
    one = PEOPLE[0]
    mine, me = WORLD.business_number(WORLD.resident(one)), caller(HERE, SYSTEM)
    stranger = next(n for n in range(PLAN.residents) if HERE not in WORLD.resident(n)[2:4])
    await persons.suspend(office.hub, me, mine, "誤り")
    await office.give(change(one, "LATE"))
    await office.take_in()
    await persons.correct(office.hub, me, mine, WORLD.resident(stranger).individual_number, "訂正")
    await office.take_in()
    still = values_of(await office.queued())
    await persons.register_again(office.hub, me, mine)
    await office.take_in()

    assert (still, values_of(await office.queued())) == ([], ["LATE"])


async def test_what_cannot_be_done_is_told_and_stops_nothing(office: Office) -> None:
    """A day that is none, a number of somebody unknown or of somebody else: in the log; what follows goes on."""
    first, second = PEOPLE[:2]
    mine = WORLD.business_number(WORLD.resident(first))
    await office.give(
        change(first, "BAD", valid_from="20260230"),
        BusinessNumberLinked(HERE, SYSTEM, "7" * 15, "9" * 15),
        BusinessNumberLinked(HERE, SYSTEM, mine, WORLD.resident(second).previous_number),
        deleted(first, "NEVER"),
        change(second, "GOOD"),
    )
    await office.take_in()

    assert values_of(await office.queued()) == ["GOOD"]
    assert sorted(await office.refusals()) == [
        (f"{HERE}.{SYSTEM}", "business_number_linked", 404, "RESOURCE_UNKNOWN"),
        (f"{HERE}.{SYSTEM}", "business_number_linked", 409, "BUSINESS_NUMBER_TAKEN"),
        (f"{HERE}.{SYSTEM}", "copy_given", 422, "REQUEST_INVALID"),
        (f"{HERE}.{SYSTEM}", "copy_given", 422, "REQUEST_INVALID"),
    ]


@pytest.mark.parametrize(
    "message",
    [
        change(0)._replace(institution_code="9900123211400000"),
        change(0, system_code="kenko"),
        change(0, business_person_number="7\x00"),
        change(0, key="K\x00"),
        change(0, key="x" * 41),
        change(0, transmission_id="a/b"),
        CopiesAnnounced(HERE, SYSTEM, "T\n", 5),
        BusinessNumberLinked(HERE, SYSTEM, "7" * 15, "x"),
    ],
    ids=lambda one: type(one).__name__,
)
def test_what_nothing_could_be_looked_for_by_is_set_aside(message: Any) -> None:
    """It never comes as far as a row that would be tried for ever."""
    with pytest.raises(PeerFault):
        given.decide_given(message, NO_FACTS, Context(0, "", TOPIC, 0, 0, HERE, encode(message)))


async def test_an_announcement_over_the_cap_is_passed_on_as_it_is(office: Office) -> None:
    """The intermediate server is to refuse it; one within the cap needs no announcement; said twice it is one."""
    too_large, small = CopiesAnnounced(HERE, SYSTEM, "AIZU", 380_000), CopiesAnnounced(HERE, SYSTEM, "S", 10)
    await office.give(too_large, small, too_large)
    await office.take_in()

    assert await office.queued() == [CopyBatchOpened(HERE, "AIZU", "CHANGE", 380_000)]


class Died(Exception):  # noqa: N818 - an end, not an error
    """The process is gone."""


async def test_taking_in_is_all_or_nothing_and_only_once(office: Office, dsn: str) -> None:
    """Whatever write it dies after, nothing has happened; and of several that take in at once each row counts once."""
    await office.give(*(change(n, f"L{n}") for n in PEOPLE), change(PEOPLE[0], "AGAIN"))
    before = sorted(await office.hub.store.all(HubOutgoing, 1000))
    deaths = 0
    for place in range(1, 100):
        writes = iter(range(1, 1000))

        def reached(point: str, place: int = place, writes: Iterator[int] = writes) -> None:
            if point == "after_write" and next(writes) == place:
                raise Died

        store = PostgresStore(await connect_pool(dsn, 2), reached)
        try:
            await given.take_in(hub_over(store, Limits(copies_a_part=10)), HERE)
        except Died:
            deaths += 1
            assert sorted(await office.hub.store.all(HubOutgoing, 1000)) == before
        else:
            break
        finally:
            await store.close()
    await office.give(*(change(n, f"M{n}") for n in PEOPLE))
    taken = await asyncio.gather(*(given.take_in(office.hub, HERE) for _ in range(4)))
    said = Counter(values_of(await office.queued()))

    assert deaths > 4
    assert sum(taken) == len(PEOPLE)
    assert said == Counter([*(f"{letter}{n}" for letter in "LM" for n in PEOPLE), "AGAIN"])


async def test_whoever_was_entered_before_is_linked_by_the_migration(office: Office) -> None:
    """An installation that is older than this knows its health system's business numbers afterwards."""
    store = office.hub.store
    targets: list[HealthTarget] = await store.all(HealthTarget, 1000)
    here = [one for one in targets if one.institution_code in WORLD.attached]
    await store.query("delete from hub_business_numbers where system_code = $1", SYSTEM)
    script = resources.files(broker.adapters).joinpath("migrations", "0017_health_numbers.sql")
    await store.query(script.read_text(encoding="utf-8"))
    links: list[HubBusinessNumber] = await store.all(HubBusinessNumber, 1000)

    assert here
    assert {(one.business_person_number, one.integrated_number) for one in links if one.system_code == SYSTEM} == {
        (one.business_person_number, one.integrated_number) for one in here
    }


async def test_nobody_but_the_hub_has_put_a_number_there(office: Office) -> None:
    """What is given holds business numbers alone: no individual number, and no integrated one in a change."""
    await office.give(*(change(n) for n in PEOPLE))
    rows: list[HubOutgoing] = await office.hub.store.all(HubOutgoing, 1000)
    people: list[HubPerson] = await office.hub.store.all(HubPerson, 1000)

    assert {row.lane for row in rows} == {"GIVEN"}
    assert not [row for row in rows if find_individual_numbers(row.body)]
    assert not [row for row in rows for one in people if one.integrated_number.encode() in row.body]
    assert {one.state for one in people} == {Link.LINKED.value}


# ── on real parts, with both sides dying ─────────────────────────────────────────────────────────────────────────

REAL = Plan(seed=23, institutions=3, residents=90, attached=3)
PATIENCE_SECONDS = 120
DEATHS = (
    (HUB, "after_write:3"),
    ("health_support", "before_commit:2"),
    (HUB, "hub_said:1"),
    ("health_support", "after_commit:1"),
    (HUB, "before_commit:1"),
    (HUB, ""),
    ("health_support", "before_publish:1"),
    (HUB, "after_commit:1"),
    ("health_support", ""),
    (HUB, "after_write:8"),
    ("health_support", "after_publish:1"),
    (HUB, "hub_said:2"),
)
"""Who dies, and where; without a point from outside, wherever it is."""


class Town:
    """A running installation, its first institution with people in its care, and a desk that enters changes."""

    def __init__(self, system: System, supervisor: Supervisor) -> None:
        self.system, self.supervisor, self.world = system, supervisor, system.world
        self.here = system.world.attached[0]
        residents = [system.world.resident(n) for n in range(REAL.residents)]
        self.people = [one for one in residents if one.previous == self.here]
        user = access.institution_user(self.here)
        self._producer = Producer(settings(system.parts, user, system.installation.password(user)))

    def say(self, messages: Sequence[Any]) -> None:
        """On the health system's topic, acknowledged."""
        for message in messages:
            self._producer.produce(f"health.{self.here}.entries", encode(message), b"k", 0)
        assert self._producer.flush(30) == 0

    def entries(self, lot: str, transmission: str = "") -> list[HealthItemEntered]:
        """A change for everybody."""
        made = []
        for one in self.people:
            values = ("DONE", "2", "20240301", "模擬製薬1", f"{lot}-{one.number}", "模擬ワクチン")
            items = tuple(Item(code, text) for code, text in zip(ITEMS[VACCINATION], values, strict=True))
            name = f"{lot}.{one.number}"
            what = (self.world.business_number(one), VACCINATION, "1", HealthStage.PERFORMED, "20240301", items)
            made.append(HealthItemEntered(self.here, name, *what, "HK001", transmission_id=transmission))
        return made

    def told(self, state: str) -> None:
        """What the intermediate server says of itself from now on."""
        statement = "update institutions set operating_state = $2 where institution_code = $1"
        query(self.system.parts, statement, self.here, state)
        time.sleep(2)  # the hub looks once a second

    def current(self) -> dict[str, str]:
        """The lot of each person's current sub-copy, by integrated number; each has exactly one."""
        rows = rows_of(self.system.parts, CopyRecord)[CopyRecord]
        mine = [r for r in rows if (r.institution_code, r.spi_name_code, r.known_to) == (self.here, VACCINATION, 0)]
        assert len(mine) == len({row.integrated_number for row in mine})
        return {row.integrated_number: row.items.decode(errors="ignore") for row in mine}

    def all_have(self, lot: str) -> bool:
        """Whether everybody's sub-copy is this version."""
        found = self.current()
        return all(f"{lot}-{one.number}" in found[one.previous_number] for one in self.people)

    def idle(self) -> bool:
        """Whether nothing waits at the hub and every part has ended."""
        found = rows_of(self.system.parts, HubOutgoing, HubCopyBatch)
        return not found[HubOutgoing] and {row.state for row in found[HubCopyBatch]} <= {"ENDED"}

    def given(self) -> list[CopyGiven]:
        """What health support gave the hub, repeats included."""
        records = everything_on(self.system.parts, [f"hub.{self.here}.copies"])
        return [one for record in records if isinstance(one := decode(record.value), CopyGiven)]

    def something_given(self) -> list[CopyGiven]:
        """What health support gave, after something was entered."""
        if not self.given():
            self.say(self.entries("FIRST"))
        found: list[CopyGiven] = until(self.given, PATIENCE_SECONDS, "health support gives to the hub")
        return found

    def die(self, name: str, point: str) -> None:
        """kill -9 now; and when a point is named the next one dies there, and is followed by another."""
        fleet = self.system.fleet
        role = next(role for role in fleet.roles if role.name == name)
        with self.supervisor.lock:
            os.kill(fleet.children[name].pid, signal.SIGKILL)
            fleet.children[name].wait(20)
            fleet.start_role(role, {"CHUKAN_KILL_POINT": point} if point else None)
            died = self.supervisor.restarted.count(name)
        if point:
            self.say(self.entries(f"D{len(self.supervisor.restarted)}"))
            until(lambda: self.supervisor.restarted.count(name) > died, PATIENCE_SECONDS, f"{name} dies at {point}")


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """One installation with its hub, for the tests below."""
    directory = tmp_path_factory.mktemp("given")
    # Whoever was killed is followed soon: a shard waits for its lease.
    settled = new_system(directory, "packed", REAL, hub=True, CHUKAN_LEASE_SECONDS="1")
    with settled as system, Supervisor(system) as watch:
        yield Town(system, watch)


def test_a_change_waits_while_the_server_is_away_and_goes_when_it_is_back(town: Town) -> None:
    """Entered while the server is in maintenance: the hub has it and says nothing; online, it arrives."""
    town.told("MAINTENANCE")
    try:
        town.say(town.entries("M"))
        until(lambda: len(town.given()) == len(town.people), PATIENCE_SECONDS, "health support gives to the hub")
        parts = until(lambda: waiting(town), PATIENCE_SECONDS, "the hub has made parts of it")
        during = town.current()
    finally:
        town.told("ONLINE")
    until(lambda: town.all_have("M"), PATIENCE_SECONDS, "what waited has arrived")

    assert not [text for text in during.values() if "M-" in text]
    assert sum(row.row_count for row in parts) == len(town.people)
    until(town.idle, PATIENCE_SECONDS, "every part ends")


def waiting(town: Town) -> list[HubCopyBatch]:
    """The parts that wait, once nothing is left to be taken in."""
    found = rows_of(town.system.parts, HubOutgoing, HubCopyBatch)
    parts = [row for row in found[HubCopyBatch] if row.state == "WAITING"]
    whole = {row.lane for row in found[HubOutgoing]} == {"BATCH"}
    return parts if whole and sum(row.row_count for row in parts) == len(town.people) else []


def test_nothing_is_lost_or_doubled_when_either_side_is_killed(town: Town) -> None:
    """Hub and health support are killed again and again, at named points and anywhere, while changes are entered: every
    original's last version is the one sub-copy there is, and no change became two versions."""
    before = {row.integrated_number: row.revision for row in latest(town)}
    given_before = len({one.record_identification_number for one in town.given()})
    for turn, (name, point) in enumerate(DEATHS):
        transmission = f"T{turn}" if turn % 3 == 0 else ""
        opened = [HealthTransmissionOpened(town.here, transmission, len(town.people), "HK001")] if transmission else []
        town.say([*opened, *town.entries(f"R{turn}", transmission)])
        town.die(name, point)
    town.say(town.entries("END"))
    rounds = len(DEATHS) + sum(point != "" for _, point in DEATHS) + 1
    until(lambda: town.all_have("END"), PATIENCE_SECONDS, "the last version of everybody has arrived")
    until(town.idle, PATIENCE_SECONDS, "every part ends, nothing waits")
    after = {row.integrated_number: row.revision for row in latest(town)}
    names = {one.record_identification_number for one in town.given()}
    versions = [r for r in rows_of(town.system.parts, CopyRecord)[CopyRecord] if r.institution_code == town.here]
    lots = Counter((row.integrated_number, row.items) for row in versions if row.spi_name_code == VACCINATION)

    assert {person: after[person] - before[person] for person in after} == dict.fromkeys(after, rounds)
    assert len(names) - given_before == rounds * len(town.people)
    assert set(lots.values()) == {1}


def latest(town: Town) -> list[HealthRecord]:
    """The current original of everybody."""
    rows = rows_of(town.system.parts, HealthRecord)[HealthRecord]
    return [row for row in rows if row.institution_code == town.here and not row.superseded_at]


def test_health_support_cannot_go_past_the_hub(town: Town) -> None:
    """Kafka itself refuses its user the intermediate server's topic of an institution that has a hub."""
    own = settings(town.system.parts, access.HEALTH, town.system.installation.password(access.HEALTH))
    told: list[str] = []
    producer = Producer(own | {"message.timeout.ms": 20_000})
    said = encode(CopyBatchOpened(town.here, "PAST", "CHANGE", 1))
    topic = f"institution.{town.here}.copies"
    producer.produce(topic, said, b"k", 0, on_delivery=lambda error, _: told.append(error.name() if error else ""))
    producer.flush(30)

    assert told == ["TOPIC_AUTHORIZATION_FAILED"]
    assert town.something_given()


def test_what_health_support_gives_holds_its_own_number_alone(town: Town) -> None:
    """On the topic between them there is no individual number, and no integrated number in a change."""
    changes = [encode(one) for one in town.something_given()]

    assert changes
    assert not [one for one in changes if find_individual_numbers(one)]
    assert not [one for one in changes for person in town.people if person.previous_number.encode() in one]
