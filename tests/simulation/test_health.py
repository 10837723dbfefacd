"""地域健康支援システム and its sub-copies in the in-memory country: input, the way out, drift."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from typing import Any

from country import EVERYBODY, LARGEST_TRANSMISSION
from factories import ATTACHED_HOME, NOW, WORLD, Story, asks
from factories import told as told_of

from broker.rules import drift as rules
from broker.rules.drift import EXTRA, MISSING, OLDER, Answered, StaleAnswer
from broker.tables import (
    CodeBinding,
    CopyRecord,
    Exchange,
    HealthOutbox,
    HealthQueue,
    HealthRecord,
    LogRecord,
    Provision,
)
from schemas.codec import pack_items
from schemas.records import (
    BusinessNumberLinked,
    CopiesAnnounced,
    CopyBatchReported,
    CopyCommand,
    CopyGiven,
    CopySubmitted,
    HealthItemEntered,
    HealthReported,
    HealthStage,
    HealthTargetEntered,
    HealthTransmissionOpened,
    HealthTransmissionSplit,
    Item,
)
from services.audit import drift as audit
from services.audit.drift import InstitutionDrift, Side
from services.health_support.service import SYSTEM
from services.world import HEALTH_CHECK, HEALTH_KINDS, ITEMS, VACCINATION

RESIDENT = WORLD.resident(ATTACHED_HOME)
CITY, PERSON = RESIDENT.previous, RESIDENT.previous_number
OPERATOR = "OP001"
HOUR_MS = 3_600_000


def told(scene: Any) -> Story:
    """The scene in a country where the city's two systems run as well."""
    return told_of(scene, names=EVERYBODY)


class MemorySource:
    """The rows of a country, as `services.audit.drift` asks for them."""

    def __init__(self, story: Story) -> None:
        self._story = story

    async def owners(self, institution_code: str) -> list[str]:
        found = {row.institution_code for row in self._story.rows(HealthRecord)}
        return [code for code in sorted(found) if institution_code in ("", code)]

    def _rows(self, kind: type[Any], institution_code: str) -> list[Any]:
        rows = self._story.rows(kind)
        return [row for row in rows if row.institution_code == institution_code and row.spi_name_code in HEALTH_KINDS]

    async def sides(self, institution_code: str) -> tuple[Side, Side]:
        originals = [r for r in self._rows(HealthRecord, institution_code) if not r.superseded_at]
        originals = [row for row in originals if row.stage != rules.CANCELLED]
        copies = [row for row in self._rows(CopyRecord, institution_code) if not row.known_to]
        return folded(originals), folded(copies)

    async def opened(self, institution_code: str, buckets: Sequence[int]) -> tuple[list[Any], list[Any]]:
        originals, copies = (
            [row for row in self._rows(kind, institution_code) if rules.bucket_of(row.integrated_number) in buckets]
            for kind in (HealthRecord, CopyRecord)
        )
        return originals, [row for row in copies if not row.known_to]

    async def answers(self, institution_code: str, since: int) -> AsyncIterator[Sequence[Answered]]:
        provisions = {row.exchange_id: row for row in self._story.rows(Provision)}
        exchanges = {row.exchange_id: row for row in self._story.rows(Exchange)}
        bindings = {(row.institution_code, row.linkage_code): row for row in self._story.rows(CodeBinding)}
        found = []
        for row in self._story.rows(LogRecord):
            if row.institution_code == institution_code and row.party == "PROVIDER" and row.recorded_at >= since:
                provision, exchange = provisions[row.exchange_id], exchanges[row.exchange_id]
                binding = bindings[provision.institution_code, provision.linkage_code]
                number, at = binding.integrated_number, provision.received_at
                one = audit.answered(row.body, row.detail, number, at, exchange.conditions)
                found += [one] if one is not None else []
        yield found

    async def histories(self, institution_code: str, persons: Sequence[str]) -> tuple[list[Any], list[Any]]:
        originals, copies = (
            [row for row in self._rows(kind, institution_code) if row.integrated_number in persons]
            for kind in (HealthRecord, CopyRecord)
        )
        return originals, copies

    async def queue(self, institution_code: str) -> HealthQueue | None:
        return next((row for row in self._story.rows(HealthQueue) if row.institution_code == institution_code), None)


def folded(rows: Sequence[Any]) -> Side:
    """A side folded in Python, as the server folds it in SQL."""
    leaves: dict[int, list[bytes]] = defaultdict(list)
    for row in rows:
        digest = rules.sha256(row.items).digest()
        leaf = rules.leaf_of(row.integrated_number, row.spi_name_code, row.record_key, digest)
        leaves[rules.bucket_of(row.integrated_number)].append(leaf)
    return Side({bucket: rules.fold(found) for bucket, found in leaves.items()}, len(rows))


async def drifted(story: Story, institution_code: str = CITY) -> InstitutionDrift:
    """What drift finds at one institution."""
    (found,) = await audit.drift(MemorySource(story), institution_code, 0, 0, lambda *_: None)
    return found


def items(kind: str = VACCINATION, *, dose: str = "2", lot: str = "LOT9") -> tuple[Item, ...]:
    """A kind's items, all of them there."""
    values = ("DONE", dose, "20240301", "模擬製薬1", lot, "模擬ワクチン")
    return tuple(Item(code, value) for code, value in zip(ITEMS[kind], values, strict=True))


def entry(name: str, number: int = ATTACHED_HOME, **changes: Any) -> HealthItemEntered:
    """Something was performed for a resident in the care of the previous municipality."""
    person = WORLD.resident(number)
    made = HealthItemEntered(
        person.previous,
        name,
        WORLD.business_number(person),
        VACCINATION,
        "1",
        HealthStage.PERFORMED,
        "20240301",
        items(),
        OPERATOR,
    )
    return made._replace(**changes)


def current(story: Story, kind: type[Any], person: str = PERSON, spi: str = VACCINATION) -> list[Any]:
    """A person's current rows of a kind on one side."""
    rows = [row for row in story.rows(kind) if (row.integrated_number, row.spi_name_code) == (person, spi)]
    return [row for row in rows if not (row.known_to if kind is CopyRecord else row.superseded_at)]


def replies(story: Story) -> dict[str, HealthReported]:
    """What the desk heard, by the entry's name."""
    return {one.record_identification_number: one for one in story.said(HealthReported)}


# ── input ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_change_of_an_original_reaches_its_copy_and_the_next_answer() -> None:
    """Entered at the desk, given to the hub by business number, copied by the intermediate server, and what the next
    municipality reads is the new value."""

    async def scene(story: Story) -> None:
        await story.ask(entry("E1"))
        await story.ask(asks())
        found = await drifted(story)

        assert found.ok
        assert (found.answers, found.original_root) == (1, found.copy_root)

    story = told(scene)
    ((record,), (copy,)) = current(story, HealthRecord), current(story, CopyRecord)
    provided = story.opened(story.kind_answered(), RESIDENT.home)

    assert (record.revision, record.items, copy.items) == (2, copy.items, record.items)
    (given,) = story.said(CopyGiven)
    assert (given.business_person_number, given.record_identification_number) == (
        WORLD.business_number(RESIDENT),
        record.record_identification_number,
    )
    assert PERSON not in str(given)
    assert copy.record_identification_number.startswith("HB")
    assert [one.value for one in provided.records[0].items] == [one.value for one in items()]
    assert replies(story)["E1"].accepted


def test_received_performed_withdrawn() -> None:
    """受領 makes a record that is not done, 実施 completes it, 取消 takes it and its copy away; every version stays."""
    received = tuple(
        Item(c, "NOT_DONE" if n == 0 else "", "" if n == 0 else "NOT_HELD") for n, c in enumerate(ITEMS[HEALTH_CHECK])
    )
    check = {"spi_name_code": HEALTH_CHECK, "record_key": "2026"}
    story = told(
        lambda story: story.ask(
            entry("E1", **check, stage=HealthStage.RECEIVED, event_date="20260901", items=received),
            entry("E2", **check, event_date="20260915", items=items(HEALTH_CHECK)),
            entry("E3", **check, stage=HealthStage.CANCELLED, event_date="20260920", items=()),
        )
    )
    versions = [row for row in story.rows(HealthRecord) if row.spi_name_code == HEALTH_CHECK]
    commands = [one.command for one in story.said(CopySubmitted)]

    assert [(v.stage, v.received_on, v.performed_on) for v in versions[:2]] == [
        ("RECEIVED", "20260901", ""),
        ("PERFORMED", "20260901", "20260915"),
    ]
    assert [v.superseded_at for v in versions[:2]] == [v.changed_at for v in versions[1:]]
    assert commands == [CopyCommand.REGISTER, CopyCommand.UPDATE, CopyCommand.DELETE]
    assert current(story, CopyRecord, spi=HEALTH_CHECK) == []


def test_an_entry_said_twice_is_one_change() -> None:
    """A repeat with the same content changes nothing and is told as taken in; with other content it is refused."""
    story = told(lambda story: story.ask(entry("E1"), entry("E1"), entry("E1", items=items(lot="OTHER"))))
    told_ = [(one.accepted, [e.error_id for e in one.errors]) for one in story.said(HealthReported)]

    assert [row.revision for row in current(story, HealthRecord)] == [2]
    assert len(story.said(CopySubmitted)) == 1
    assert told_ == [(True, []), (True, []), (False, ["SIM-E106"])]


def test_what_cannot_be_entered_is_told_with_its_field() -> None:
    """Unknown person, foreign kind, wrong items, an ill-formed day, no such transmission: nothing is kept or sent."""
    wrong = {
        "business_person_number": entry("E1", business_person_number="7" * 15),
        "spi_name_code": entry("E2", spi_name_code="TM00000000000002"),
        "items[0].code": entry("E3", items=(Item("990001000000099", "x"), *items()[1:])),
        "event_date": entry("E4", event_date="20260230"),
        "transmission_id": entry("E5", transmission_id="nobody"),
        "stage": entry("E6", record_key="9", stage=HealthStage.CANCELLED, items=()),
        "items[4].value": entry("E7", items=items(lot=RESIDENT.individual_number)),
    }
    story = told(lambda story: story.ask(*wrong.values()))
    fields = {name: one.errors[0].field for name, one in replies(story).items()}

    assert fields == {message.record_identification_number: field for field, message in wrong.items()}
    assert story.said(CopySubmitted) == []
    assert [row.revision for row in current(story, HealthRecord)] == [1]


def test_a_business_number_never_changes_its_person() -> None:
    """A target may be corrected, but not become somebody else."""
    good = HealthTargetEntered(
        CITY, "T1", WORLD.business_number(RESIDENT), PERSON, b"", "刈谷ひなた", "19700101", "2", "亀城", OPERATOR
    )
    other = good._replace(record_identification_number="T2", integrated_number="0" * 15)
    story = told(lambda story: story.ask(good, other))

    assert replies(story)["T1"].accepted
    assert [e.error_id for e in replies(story)["T2"].errors] == ["SIM-E982"]


def test_whoever_is_entered_is_known_to_the_hub_before_their_first_copy() -> None:
    """A new business number is told with the number it stands for; the copy that follows needs the business number."""
    number = "7" * 15
    target = HealthTargetEntered(CITY, "T1", number, PERSON, b"", "刈谷ひなた", "19700101", "2", "亀城", OPERATOR)
    first = entry("E1", business_person_number=number, record_key="9", items=items(lot="NEW"))
    story = told(lambda story: story.ask(target, target, first))
    links = [(one.system_code, one.business_person_number, one.integrated_number) for one in said_of(story, number)]

    assert links == [(SYSTEM, number, PERSON)]
    assert [one.business_person_number for one in story.said(CopyGiven)] == [number]
    assert [row.record_key for row in current(story, CopyRecord)] == ["1", "9"]


def said_of(story: Story, number: str) -> list[BusinessNumberLinked]:
    """What the hub was told of a business number."""
    return [one for one in story.said(BusinessNumberLinked) if one.business_person_number == number]


def test_an_institution_without_a_hub_has_its_programs_simulated() -> None:
    """What is not attached has no hub: the health system says what its hub would, and the copy follows as well."""
    far = next(n for n in range(WORLD.plan.residents) if WORLD.resident(n).previous not in WORLD.attached)
    story = told(lambda story: story.ask(entry("E1", far)))
    ((copy,),) = (current(story, CopyRecord, WORLD.resident(far).previous_number),)

    assert story.said(CopyGiven) == []
    assert (copy.items, replies(story)["E1"].accepted) == (pack_items(items()), True)


# ── the way out ──────────────────────────────────────────────────────────────────────────────────────────────────


def elsewhere(city: str) -> list[int]:
    """Residents whose previous municipality is this one."""
    return [n for n in range(WORLD.plan.residents) if WORLD.resident(n).previous == city]


def rows_of_transmission(name: str, count: int, **changes: Any) -> list[HealthItemEntered]:
    """So many changes in one transmission, spread over the city's people and their records."""
    people = elsewhere(CITY)
    return [
        entry(f"{name}.{n}", people[n % len(people)], record_key=f"K{n}", transmission_id=name, **changes)
        for n in range(count)
    ]


def test_a_transmission_within_the_limit_goes_out_under_its_name() -> None:
    """The hub is given each row once and in order, the intermediate server takes in all, drift finds nothing."""
    rows = rows_of_transmission("B1", LARGEST_TRANSMISSION)

    async def scene(story: Story) -> None:
        await story.ask(HealthTransmissionOpened(CITY, "B1", len(rows), OPERATOR), *rows)
        assert (await drifted(story)).ok

    story = told(scene)
    given = [(one.transmission_id, one.record_key) for one in story.said(CopyGiven)]
    ended = [one for one in story.said(CopyBatchReported) if one.state.value == "ENDED"]

    assert given == [("B1", one.record_key) for one in rows]
    assert (sum(one.accepted for one in ended), sum(one.rejected for one in ended)) == (len(rows), 0)


def test_the_stuck_batch_of_aizuwakamatsu() -> None:
    """A transmission over the limit stays, everything behind it waits, and answers go on being given from old copies.

    Drift, run within the first hour, names every person and item that is behind and since when, and lists exactly the
    answers that were given from stale copies: not the one before, not the one about somebody untouched. After a person
    has split the transmission, everything arrives in order, and only the answers of the past remain.
    """
    announced = 2 * LARGEST_TRANSMISSION - 2  # 38 for 380,000 where 20 stands for 200,000
    rows = rows_of_transmission("B1", announced)
    behind = [entry(f"S{n}", people, items=items(lot=f"NEW{n}")) for n, people in enumerate(elsewhere(CITY))]
    others = [n for n in range(WORLD.plan.residents) if WORLD.resident(n).previous != CITY]
    moments: dict[str, int] = {}
    reports: dict[str, InstitutionDrift] = {}

    async def scene(story: Story) -> None:
        await story.ask(asks(record_identification_number="BEFORE"))
        await story.pass_time(seconds=60)
        moments["blocked"] = story.clock.now_ms()
        await story.ask(HealthTransmissionOpened(CITY, "B1", announced, OPERATOR), *rows, *behind)
        await story.pass_time(seconds=600)
        await story.ask(asks(record_identification_number="STALE"))
        await story.ask(asks(n=others[0], record_identification_number="ELSEWHERE"))
        await asyncio.sleep(600)
        reports["hour"] = await drifted(story)
        reports["elsewhere"] = await drifted(story, WORLD.resident(others[0]).previous)
        moments["seen"] = story.clock.now_ms()
        await story.ask(HealthTransmissionSplit(CITY, "B1", OPERATOR))
        await story.ask(asks(record_identification_number="AFTER"))
        reports["after"] = await drifted(story)

    story = told(scene)
    hour, after = reports["hour"], reports["after"]
    answer = {one.record_identification_number: one.exchange_id for one in story.rows(Exchange)}

    assert moments["seen"] - moments["blocked"] < HOUR_MS
    assert (hour.stuck, hour.waiting) == ("B1", announced + len(behind))
    assert moments["blocked"] <= hour.since <= moments["seen"]
    assert {(d.integrated_number, d.record_key, d.state) for d in hour.differences} == {
        *(
            (WORLD.resident(elsewhere(CITY)[n % len(behind)]).previous_number, f"K{n}", MISSING)
            for n in range(announced)
        ),
        *((WORLD.resident(n).previous_number, "1", OLDER) for n in elsewhere(CITY)),
    }
    assert set().union(*(d.items for d in hour.differences)) == set(ITEMS[VACCINATION])
    assert len(hour.persons_apart) == len(behind)
    assert [one.answered.exchange_id for one in hour.stale_answers] == [answer["STALE"]]
    assert {d.record_key for d in hour.stale_answers[0].differences} >= {"1"}
    assert (hour.answers, hour.undetermined) == (2, 0)
    assert reports["elsewhere"].ok
    assert (after.records_apart, after.waiting, after.stuck) == (0, 0, "")
    assert [one.answered.exchange_id for one in after.stale_answers] == [answer["STALE"]]
    assert story.rows(HealthOutbox) == []
    refusals = [one for one in story.said(CopyBatchReported) if one.state.value == "ABORTED"]
    parts = {one.batch_id: one.state.value for one in story.said(CopyBatchReported)}
    assert refusals == []  # 38 is far below the intermediate server's own 200,000; the sender knows a smaller one
    assert [(one.transmission_id, one.row_count) for one in story.said(CopiesAnnounced)] == [("B1", announced)]
    assert {state for name, state in parts.items() if name != "B1"} == {"ENDED"}
    given = [one.transmission_id for one in story.said(CopyGiven)]
    full, rest = ["B1.1"] * LARGEST_TRANSMISSION, ["B1.2"] * (announced - LARGEST_TRANSMISSION)
    assert given == [*full, *rest, *("" for _ in behind)]
    commands = [one.record_key for one in story.said(CopySubmitted)]
    assert commands == [*(f"K{n}" for n in range(announced)), *("1" for _ in behind)]


def test_drift_names_what_has_no_original() -> None:
    """A copy that nothing stands behind is found, whoever put it there."""
    stray = WORLD.copy_of(RESIDENT, VACCINATION)._replace(record_identification_number="STRAY", record_key="99")

    async def scene(story: Story) -> None:
        await story.ask(stray)
        found = await drifted(story)

        assert [(d.record_key, d.state, d.integrated_number) for d in found.differences] == [("99", EXTRA, PERSON)]
        assert not found.ok

    told(scene)


def test_an_answer_that_never_was_is_found_as_such() -> None:
    """An answer whose digest fits no copies that were ever there is told as undetermined, not as well."""

    async def scene(story: Story) -> None:
        await story.ask(asks())
        source = MemorySource(story)
        (one,) = [answer async for found in source.answers(CITY, 0) for answer in found]
        histories = await source.histories(CITY, [PERSON])
        forged = one._replace(copy_digest=bytes(32))

        assert rules.judged(one, *histories) is None
        assert rules.judged(forged, *histories) == StaleAnswer(forged, rules.UNDETERMINED, ())

    told(scene)


def test_times_are_those_of_the_country() -> None:
    """The world's originals are as old as its copies: a country in which nothing happened has no drift anywhere."""

    async def scene(story: Story) -> None:
        await story.settle()
        found = await audit.drift(MemorySource(story), "", 0, 0, lambda *_: None)

        assert len(found) == WORLD.plan.institutions
        assert all(one.ok and one.originals == one.copies > 0 for one in found)
        assert story.clock.now_ms() >= NOW

    told(scene)
