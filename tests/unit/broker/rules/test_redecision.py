"""Deciding again, against an oracle of its own that reads every row."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from broker.rules.permission_list import PermissionList, PermissionRow
from broker.rules.records import record_of
from broker.rules.redecision import (
    ADOPTION_MS,
    NO_IMPACT,
    Effect,
    Finding,
    Kept,
    Lists,
    PastDecision,
    Unfounded,
    inquiries,
    past_decision,
)
from schemas.records import Outcome, Party

CLASSES = ("市町村長", "医療保険者")
DAYS = ("20250331", "20250401", "20250615", "20250630", "20250701", "20260331")
NAME = "9900123210600000-20250401000000000100"
AT = 1_743_467_400_000  # 2025-04-01 in Japan
ROW = PermissionRow(
    "16-2-1",
    "市町村長",
    "JM01000000016002",
    "JT99000000000001",
    "市町村長",
    "TM99000000000001",
    ("1", "2"),
    "根拠",
    False,
    "20210401",
    "",
    False,
)
PAST = PastDecision(
    NAME, "NETWORK", "9900123210600000", "9900123211400000", ROW[1:6], ("20250401",), AT, AT, False, 1, "16-2-1", ""
)


def lists(*rows: PermissionRow, proposed: Sequence[PermissionRow] | None = None, on_date: str = "") -> Lists:
    """Version 1 of these rows, and a proposed one."""
    return Lists([PermissionList(1, 0, rows)], PermissionList(2, 0, tuple(proposed or rows)), on_date)


# ── the oracle: its own few lines, every row looked at ───────────────────────────────────────────────────────────


def oracle(rows: Sequence[PermissionRow], past: PastDecision, day: str, consent: bool) -> PermissionRow | str:
    """The row that permits, or the rule that refuses."""
    fitting = [row for row in rows if tuple(row[1:6]) == tuple(past.combination)]
    standing = [row for row in fitting if row.valid_from <= day and day <= (row.valid_to or "99999999")]
    agreed = [row for row in standing if consent or not row.consent_required]
    if agreed:
        return min(agreed, key=lambda row: row.row_id)
    return "CONSENT_MISSING" if standing else "NOT_IN_FORCE" if fitting else "NO_SUCH_COMBINATION"


def flip_by_oracle(old: Sequence[PermissionRow], new: Sequence[PermissionRow], past: PastDecision) -> tuple[str, str]:
    """(effect, row that makes it) of a proposed list."""
    after = oracle(new, past, past.days[0], past.consent is True)
    given = oracle(new, past, past.days[0], True) if past.consent is None else ""
    if isinstance(given, PermissionRow) and not isinstance(after, PermissionRow):
        return "UNDECIDED", given.row_id
    if past.rule:
        return ("GAINS", after.row_id) if isinstance(after, PermissionRow) else ("SAME", "")
    if not isinstance(after, PermissionRow):
        return "LOSES", past.row_id
    items = next(set(row.item_codes) for row in old if row.row_id == past.row_id)
    if items - set(after.item_codes):
        return "NARROWED", after.row_id
    if set(after.item_codes) - items:
        return "WIDENED", after.row_id
    return ("SAME", "") if after.row_id == past.row_id else ("REBASED", after.row_id)


def some_rows(rng: random.Random, count: int) -> list[PermissionRow]:
    """Rows of few attributes, so that many stand for the same combination."""
    return [
        PermissionRow(
            f"R{number:02d}",
            rng.choice(CLASSES),
            f"JM0000000000000{rng.randrange(2)}",
            f"JT0000000000000{rng.randrange(2)}",
            rng.choice(CLASSES),
            f"TM0000000000000{rng.randrange(2)}",
            tuple(sorted(rng.sample("abcd", rng.randint(1, 3)))),
            "根拠",
            rng.random() < 0.3,
            begins := rng.choice(DAYS[:4]),
            rng.choice(["", begins, "20250630", "20260331"]),
            False,
        )
        for number in range(count)
    ]


def changed(rng: random.Random, rows: Sequence[PermissionRow]) -> list[PermissionRow]:
    """A proposal: rows gone, others that ask for consent, begin later, give other items, and new ones."""
    kept = [row for row in rows if rng.random() < 0.8]
    kept = [row._replace(consent_required=not row.consent_required) if rng.random() < 0.1 else row for row in kept]
    kept = [row._replace(valid_from="20250701", valid_to="") if rng.random() < 0.1 else row for row in kept]
    kept = [row._replace(item_codes=(*row.item_codes[:1], "e")) if rng.random() < 0.1 else row for row in kept]
    return kept + [row._replace(row_id="N" + row.row_id) for row in some_rows(rng, 4)]


def some_decisions(rng: random.Random, rows: Sequence[PermissionRow], count: int) -> list[PastDecision]:
    """Decisions as the oracle takes them."""
    found = []
    for number in range(count):
        combination = (
            rng.choice(CLASSES),
            f"JM0000000000000{rng.randrange(2)}",
            f"JT0000000000000{rng.randrange(3)}",
            rng.choice(CLASSES),
            f"TM0000000000000{rng.randrange(2)}",
        )
        consent = rng.random() < 0.5
        past = PAST._replace(exchange_id=f"X{number:05d}", combination=combination, days=(rng.choice(DAYS),))
        told = oracle(rows, past, past.days[0], consent)
        if isinstance(told, PermissionRow):
            found.append(past._replace(row_id=told.row_id, rule="", consent=consent))
        else:
            known = False if told == "CONSENT_MISSING" else rng.choice([None, consent])
            found.append(past._replace(row_id="", rule=told, consent=known))
    return found


@pytest.mark.parametrize("seed", range(12))
def test_nothing_flips_under_the_list_in_force(seed: int) -> None:
    """What the list of the time decided, it decides again, refusals by the same rule."""
    rng = random.Random(seed)
    rows = some_rows(rng, 30)
    asked = lists(*rows)
    past = some_decisions(rng, rows, 400)

    assert [found for one in past if (found := asked.finding(one))] == []
    assert {bool(one.rule) for one in past} == {True, False}


@pytest.mark.parametrize("seed", range(12))
def test_a_changed_list_flips_exactly_what_the_oracle_predicts(seed: int) -> None:
    """Each inquiry's effect and the row that makes it are those found by reading every row."""
    rng = random.Random(seed)
    old = some_rows(rng, 30)
    new = changed(rng, old)
    asked = lists(*old, proposed=new)
    past = some_decisions(rng, old, 400)

    assert [(i.effect.value, i.row_id) for i in map(asked.impact, past)] == [flip_by_oracle(old, new, p) for p in past]


def test_every_effect_is_met() -> None:
    """The seeds above see each effect there is."""
    met: set[str] = set()
    for seed in range(12):
        rng = random.Random(seed)
        old = some_rows(rng, 30)
        new = changed(rng, old)
        met |= {flip_by_oracle(old, new, past)[0] for past in some_decisions(rng, old, 400)}

    assert met == {effect.value for effect in Effect}


@pytest.mark.parametrize("seed", range(6))
def test_a_record_that_says_otherwise_is_found(seed: int) -> None:
    """A row or a rule that the list of the time does not give is a finding, and no other decision is."""
    rng = random.Random(seed)
    rows = some_rows(rng, 30)
    asked = lists(*rows)
    past = some_decisions(rng, rows, 300)
    forged = {place: rng.choice([("R99", ""), ("", "NOT_IN_FORCE"), ("R00", "")]) for place in range(0, 300, 7)}
    told = [
        one._replace(row_id=forged[place][0], rule=forged[place][1], consent=bool(one.consent))
        if place in forged
        else one
        for place, one in enumerate(past)
    ]
    wrong = [
        one.exchange_id
        for one in told
        if (o if isinstance(o := oracle(rows, one, one.days[0], bool(one.consent)), str) else o.row_id)
        != (one.row_id or one.rule)
    ]

    assert [one.exchange_id for one in told if asked.finding(one)] == wrong
    assert wrong


@pytest.mark.parametrize("seed", range(4))
def test_remembering_changes_nothing(seed: int) -> None:
    """With and without memory the same verdicts, in whatever order they are asked."""
    rng = random.Random(seed)
    old = some_rows(rng, 30)
    versions, proposed = [PermissionList(1, 0, tuple(old))], PermissionList(2, 0, tuple(changed(rng, old)))
    memory, none = Lists(versions, proposed), Lists(versions, proposed, remembered=0)
    past = some_decisions(rng, old, 300)
    shuffled = rng.sample(past, len(past))

    assert {one.exchange_id: memory.impact(one) for one in shuffled} == {
        one.exchange_id: none.impact(one) for one in past
    }
    assert [memory.finding(one) for one in past] == [none.finding(one) for one in past]
    assert none.distinct == 0 < memory.distinct < 2 * len(past)


def test_memory_is_bounded() -> None:
    """A full memory begins again."""
    rng = random.Random(1)
    rows = some_rows(rng, 30)
    small = Lists([PermissionList(1, 0, tuple(rows))], remembered=10)
    findings = [small.finding(one) for one in some_decisions(rng, rows, 300)]

    assert findings == [None] * 300
    assert small.distinct <= 10


# ── the list then in force ───────────────────────────────────────────────────────────────────────────────────────

TWO = (PermissionList(1, 0, (ROW,)), PermissionList(2, AT, (ROW,)))


@pytest.mark.parametrize(
    ("past", "why"),
    [
        (PAST._replace(list_version=3), Unfounded.VERSION_UNKNOWN),
        (PAST._replace(list_version=2), None),
        (PAST._replace(list_version=2, earliest=AT - 5, latest=AT - 1), Unfounded.VERSION_NOT_IN_FORCE),
        (PAST._replace(list_version=2, earliest=AT - 5, latest=AT), None),
        (PAST._replace(list_version=1, earliest=AT - 1, latest=AT - 1), None),
        (PAST._replace(list_version=1, earliest=AT + ADOPTION_MS, latest=AT + ADOPTION_MS), None),
        (
            PAST._replace(list_version=1, earliest=AT + ADOPTION_MS + 1, latest=AT + ADOPTION_MS + 1),
            Unfounded.VERSION_NOT_IN_FORCE,
        ),
        (PAST._replace(list_version=1, party="PROVIDER", earliest=AT * 2, latest=AT * 2), None),
        (PAST._replace(list_version=2, party="PROVIDER", earliest=0, latest=1), Unfounded.VERSION_NOT_IN_FORCE),
        (PAST._replace(row_id="17-1"), Unfounded.DECIDES_OTHERWISE),
        (PAST._replace(days=("20210331",)), Unfounded.DECIDES_OTHERWISE),
        (PAST._replace(days=("20210331", "20210401")), None),
    ],
)
def test_the_version_must_have_been_in_force(past: PastDecision, why: Unfounded | None) -> None:
    """The network decides on the newest version known, the one before for a minute more; a provider may lag, not lead;
    of two days around midnight either will do."""
    found = Lists(TWO).finding(past)

    assert (found.why if found else None) == why


def test_a_finding_tells_both_sides() -> None:
    """What was recorded, and what the list says."""
    found = Lists(TWO).finding(PAST._replace(row_id="", rule="NOT_IN_FORCE"))

    assert found == Finding(NAME, "NETWORK", Unfounded.DECIDES_OTHERWISE, 1, "NOT_IN_FORCE", "16-2-1")


def test_the_proposed_list_may_be_asked_on_another_day() -> None:
    """A row that begins later is judged as on the day it is meant for; one that ended is lost by the day alone."""
    later = lists(ROW, proposed=[ROW._replace(valid_from="20270401")])
    on_that_day = lists(ROW, proposed=[ROW._replace(valid_from="20270401")], on_date="20270401")
    after_the_end = lists(ROW._replace(valid_to="20260331"), on_date="20260401")

    assert later.impact(PAST)[:3] == (Effect.LOSES, "16-2-1", "valid_from")
    assert on_that_day.impact(PAST) == NO_IMPACT
    assert after_the_end.impact(PAST)[:5] == (Effect.LOSES, "16-2-1", "on_date", "16-2-1", "NOT_IN_FORCE")


# ── from records ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_decision_is_read_from_a_record() -> None:
    """Party, attributes, day and basis come from the record; consent and moment from what the network keeps."""
    record = record_of(
        Party.NETWORK,
        "0" * 16,
        NAME,
        inquirer_name="",
        provider_institution_code="9900123211400000",
        provider_name="",
        requested_at=AT,
        affair_code=ROW.affair_code,
        procedure_code=ROW.procedure_code,
        spi_name_code=ROW.spi_name_code,
        outcome=Outcome.OK,
        provided_at=AT + 50,
        list_version=1,
        row_id="16-2-1",
    )
    classes = dict.fromkeys(("9900123210600000", "9900123211400000"), "市町村長")
    refused = record._replace(outcome=Outcome.NOT_PERMITTED, rule="CONSENT_MISSING", row_id="", provided_at=0)

    assert past_decision(record, AT + 90, Kept(AT, False), classes) == PAST
    assert past_decision(refused, AT + 90, None, classes) == PAST._replace(
        latest=AT + 90, row_id="", rule="CONSENT_MISSING"
    )
    assert past_decision(refused._replace(rule="NOT_IN_FORCE"), AT + 90, None, classes).consent is None  # type: ignore[union-attr]
    assert past_decision(record._replace(party=Party.INQUIRER), AT, None, classes) is None
    assert past_decision(refused._replace(outcome=Outcome.PIA_BLOCK, rule="PIA_OF_PROVIDER"), AT, None, classes) is None


def test_an_inquiry_has_one_decision() -> None:
    """The provider's refusal overrules the network's permit; its agreement adds nothing."""
    agreed = PAST._replace(exchange_id="2", party="PROVIDER")
    refused = PAST._replace(exchange_id="1", party="PROVIDER", row_id="", rule="NOT_IN_FORCE")
    network = [PAST._replace(exchange_id=name) for name in "123"]

    assert list(inquiries([network[0], refused, network[1], agreed, network[2]])) == [refused, *network[1:]]
