"""What the permission list decides, as truth tables, and against an oracle that looks at every row."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.rules import permission_list as subject
from broker.rules.permission_list import (
    PermissionDecision,
    PermissionList,
    PermissionListError,
    PermissionRow,
    PermissionRule,
    Question,
    decide,
    diff,
    digest,
    from_json,
    to_json,
)

VACCINATION = PermissionRow(
    row_id="16-2-a",
    inquirer_class="市町村長",
    affair_code="JM01000000016002",
    procedure_code="JT01000000000001",
    provider_class="市町村長",
    spi_name_code="TM99000000000001",
    item_codes=("TM9900000000000100000001", "TM9900000000000100000002"),
    legal_basis="番号法19条8号 別表第2 16の2",
    consent_required=False,
    valid_from="20171113",
    valid_to="20240526",
    verified=False,
)
LOCAL_TAX = VACCINATION._replace(
    row_id="18-a",
    affair_code="JM01000000018000",
    procedure_code="JT01000000000002",
    spi_name_code="TM00000000000002",
    item_codes=("TM0000000000000200000001",),
    legal_basis="番号法19条8号 別表第2 18",
    consent_required=True,
    valid_to="",
    verified=True,
)
LIST = PermissionList(3, 1_711_929_600_000, (LOCAL_TAX, VACCINATION))
CASE = Question("市町村長", "JM01000000016002", "JT01000000000001", "市町村長", "TM99000000000001", "20240401", False)
TAX_CASE = Question(
    "市町村長", "JM01000000018000", "JT01000000000002", "市町村長", "TM00000000000002", "20240401", True
)


def refusal(rule: PermissionRule, row_id: str, attribute: str, value: str, distance: int) -> PermissionDecision:
    return PermissionDecision(False, "", (), "", rule, row_id, attribute, value, distance)


def test_an_allowed_combination_is_permitted_on_its_legal_basis() -> None:
    """A permission says which row allowed it, on which legal basis, and for which items."""
    assert decide(LIST, CASE) == PermissionDecision(
        True, "16-2-a", VACCINATION.item_codes, VACCINATION.legal_basis, PermissionRule.PERMITTED, "", "", "", 0
    )
    assert decide(LIST, TAX_CASE).row_id == "18-a"


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (
            CASE._replace(inquirer_class="都道府県知事"),
            refusal(PermissionRule.NO_SUCH_COMBINATION, "16-2-a", "inquirer_class", "市町村長", 1),
        ),
        (
            CASE._replace(affair_code="JM01000000099000"),
            refusal(PermissionRule.NO_SUCH_COMBINATION, "16-2-a", "affair_code", "JM01000000016002", 1),
        ),
        (
            CASE._replace(procedure_code="JT01000000000099"),
            refusal(PermissionRule.NO_SUCH_COMBINATION, "16-2-a", "procedure_code", "JT01000000000001", 1),
        ),
        (
            CASE._replace(provider_class="医療保険者"),
            refusal(PermissionRule.NO_SUCH_COMBINATION, "16-2-a", "provider_class", "市町村長", 1),
        ),
        (
            CASE._replace(spi_name_code="TM00000000000002"),
            refusal(PermissionRule.NO_SUCH_COMBINATION, "16-2-a", "spi_name_code", "TM99000000000001", 1),
        ),
        (
            CASE._replace(on_date="20240527"),
            refusal(PermissionRule.NOT_IN_FORCE, "16-2-a", "on_date", "20171113/20240526", 1),
        ),
        (
            TAX_CASE._replace(on_date="20171112"),
            refusal(PermissionRule.NOT_IN_FORCE, "18-a", "on_date", "20171113/", 1),
        ),
        (
            TAX_CASE._replace(consent_obtained=False),
            refusal(PermissionRule.CONSENT_MISSING, "18-a", "consent_obtained", "true", 1),
        ),
        (
            TAX_CASE._replace(consent_obtained=False, on_date="20171112"),
            refusal(PermissionRule.NOT_IN_FORCE, "18-a", "consent_obtained", "true", 2),
        ),
        (
            Question("", "", "", "", "", "", False),
            refusal(PermissionRule.NO_SUCH_COMBINATION, "16-2-a", "on_date", "20171113/20240526", 6),
        ),
    ],
)
def test_a_refusal_names_its_rule_and_what_would_have_allowed_it(case: Question, expected: PermissionDecision) -> None:
    """Each attribute alone is enough to be refused, and the refusal says what it ought to have been."""
    assert decide(LIST, case) == expected


@pytest.mark.parametrize("rule", [rule for rule, _ in subject.RULES])
def test_every_rule_alone_refuses_something(rule: PermissionRule) -> None:
    """No rule is idle: for each there is a row and a question in which all the others pass."""
    alone = {
        PermissionRule.NO_SUCH_COMBINATION: (VACCINATION, CASE._replace(spi_name_code="TM99000000000002")),
        PermissionRule.NOT_IN_FORCE: (VACCINATION, CASE._replace(on_date="20240527")),
        PermissionRule.CONSENT_MISSING: (LOCAL_TAX, TAX_CASE._replace(consent_obtained=False)),
    }
    row, case = alone[rule]

    assert [name for name, passes in subject.RULES if not passes(row, case)] == [rule]
    assert decide(PermissionList(1, 0, (row,)), case).rule == rule


@pytest.mark.parametrize(
    ("day", "permitted"),
    [
        ("20171112", False),
        ("20171113", True),
        ("20240526", True),
        ("20240527", False),
        ("", False),
        ("2024-04-01", False),
        ("2024040", False),
        ("２０２４０４０１", False),
    ],
)
def test_both_days_of_a_row_are_in_force(day: str, permitted: bool) -> None:
    """The first and the last day count; what is not a day is never in force, whatever its letters sort after."""
    assert decide(LIST, CASE._replace(on_date=day)).permitted is permitted


def test_an_open_row_stays_in_force() -> None:
    """A row without a last day holds until a new list says otherwise."""
    assert decide(LIST, TAX_CASE._replace(on_date="99991231")).permitted


def test_successive_rows_hand_over_by_date() -> None:
    """One combination may stand on two legal bases, one after the other, as when Annex II was replaced."""
    later = VACCINATION._replace(row_id="order-1", legal_basis="主務省令", valid_from="20240527", valid_to="")
    both = PermissionList(1, 0, (later, VACCINATION))

    assert decide(both, CASE._replace(on_date="20240526")).row_id == "16-2-a"
    assert decide(both, CASE._replace(on_date="20240527")).row_id == "order-1"


def test_of_several_allowing_rows_the_first_by_id_decides() -> None:
    """The decision does not hang on the order in which the rows came."""
    twin = VACCINATION._replace(row_id="16-2-0", legal_basis="another")

    assert decide(PermissionList(1, 0, (VACCINATION, twin)), CASE).row_id == "16-2-0"
    assert decide(PermissionList(1, 0, (twin, VACCINATION)), CASE).row_id == "16-2-0"


def test_a_row_that_asks_no_consent_serves_who_has_none() -> None:
    """A stricter row beside a laxer one takes nothing from it."""
    lax = LOCAL_TAX._replace(row_id="18-b", consent_required=False)

    assert decide(PermissionList(1, 0, (LOCAL_TAX, lax)), TAX_CASE._replace(consent_obtained=False)).row_id == "18-b"


def test_an_empty_list_permits_nothing_and_has_no_nearest_row() -> None:
    """Before a list has come, everything is refused."""
    assert decide(PermissionList(1, 0, ()), CASE) == refusal(PermissionRule.NO_SUCH_COMBINATION, "", "", "", 0)


def small_row(number: int, values: tuple[Any, ...]) -> PermissionRow:
    inquirer, affair, procedure, provider, spi, consent, period = values
    return PermissionRow(
        f"r{number:02d}",
        f"inquirer {inquirer}",
        f"JM{affair:014d}",
        f"JT{procedure:014d}",
        f"provider {provider}",
        f"TM{spi:014d}",
        (f"item {number}",),
        f"basis {number}",
        consent,
        period[0],
        period[1],
        True,
    )


days = st.sampled_from(["20231231", "20240101", "20240331", "20240401", "2024"])
periods = st.sampled_from([("20240101", "20240331"), ("20240401", ""), ("20240101", "")])
few = st.integers(0, 2)
row_values = st.tuples(few, few, few, few, few, st.booleans(), periods)
lists = st.lists(row_values, max_size=12).map(
    lambda many: PermissionList(1, 0, tuple(small_row(number, values) for number, values in enumerate(many)))
)
questions = st.tuples(few, few, few, few, few, days, st.booleans()).map(
    lambda v: Question(
        f"inquirer {v[0]}", f"JM{v[1]:014d}", f"JT{v[2]:014d}", f"provider {v[3]}", f"TM{v[4]:014d}", *v[5:]
    )
)


def missed_by(row: PermissionRow, case: Question) -> list[str]:
    in_force = len(case.on_date) == 8 and row.valid_from <= case.on_date <= (row.valid_to or "99999999")
    missed = [name for name in Question._fields[:5] if getattr(row, name) != getattr(case, name)]
    missed += [] if in_force else ["on_date"]
    missed += ["consent_obtained"] if row.consent_required and not case.consent_obtained else []
    return sorted(missed, key=subject.ATTRIBUTES.index)


def oracle(permission_list: PermissionList, case: Question) -> tuple[bool, str, PermissionRule, str, str, int]:
    rows = [(missed_by(row, case), row) for row in permission_list.rows]
    for missed, row in rows:
        if not missed:
            return True, row.row_id, PermissionRule.PERMITTED, "", "", 0
    late = {"on_date", "consent_obtained"}
    rule = PermissionRule.NO_SUCH_COMBINATION
    if any(set(missed) <= late for missed, _ in rows):
        rule = PermissionRule.NOT_IN_FORCE
    if any(missed == ["consent_obtained"] for missed, _ in rows):
        rule = PermissionRule.CONSENT_MISSING
    if not rows:
        return False, "", rule, "", "", 0
    missed, row = min(
        rows, key=lambda one: (len(one[0]), [subject.ATTRIBUTES.index(name) for name in one[0]], one[1].row_id)
    )
    return False, "", rule, row.row_id, missed[0], len(missed)


@settings(deadline=None, max_examples=300)
@given(permission_list=lists, case=questions)
def test_the_fast_decision_is_the_plain_one(permission_list: PermissionList, case: Question) -> None:
    """Index, bit sets and cache decide exactly as looking at every row does, the first time and the second."""
    for decision in (decide(permission_list, case), decide(permission_list, case)):
        assert (
            decision.permitted,
            decision.row_id,
            decision.rule,
            decision.nearest_row_id,
            decision.nearest_attribute,
            decision.nearest_distance,
        ) == oracle(permission_list, case)


@settings(deadline=None)
@given(permission_list=lists, case=questions)
def test_the_told_change_would_have_allowed_it(permission_list: PermissionList, case: Question) -> None:
    """At distance 1 the named attribute with the named value is all that was missing."""
    decision = decide(permission_list, case)
    values: dict[str, Any] = {decision.nearest_attribute: decision.nearest_value}
    if decision.nearest_attribute == "on_date":
        values = {"on_date": decision.nearest_value.partition("/")[0]}
    if decision.nearest_attribute == "consent_obtained":
        values = {"consent_obtained": True}

    assert decision.nearest_distance != 1 or decide(permission_list, case._replace(**values)).permitted


def test_remembered_decisions_are_bounded() -> None:
    """Who asks ever new questions fills no memory, and gets the same answers."""
    permission_list = PermissionList(1, 0, (VACCINATION,))

    for number in range(subject.MAX_CACHED_DECISIONS + 10):
        decide(permission_list, CASE._replace(on_date=f"{number:08d}"))

    assert len(permission_list._decided) == subject.MAX_CACHED_DECISIONS
    assert len(permission_list._in_force) == subject.MAX_CACHED_DAYS
    assert decide(permission_list, CASE).permitted


def test_a_list_is_a_value() -> None:
    """The order of the rows and the questions asked so far make no difference; every field does."""
    same = PermissionList(LIST.version, LIST.known_from_ms, (VACCINATION, LOCAL_TAX))
    others = [
        PermissionList(4, LIST.known_from_ms, LIST.rows),
        PermissionList(3, LIST.known_from_ms + 1, LIST.rows),
        PermissionList(3, LIST.known_from_ms, (VACCINATION,)),
        PermissionList(3, LIST.known_from_ms, (VACCINATION, LOCAL_TAX._replace(verified=False))),
        PermissionList(3, LIST.known_from_ms, (VACCINATION, LOCAL_TAX._replace(item_codes=("other",)))),
    ]

    assert same == LIST
    assert digest(same) == digest(LIST) == digest(from_json(to_json(LIST)))
    assert len(digest(LIST)) == 32
    assert len({digest(LIST), *map(digest, others)}) == 1 + len(others)


@settings(deadline=None)
@given(permission_list=lists)
def test_what_is_written_is_read(permission_list: PermissionList) -> None:
    """A list survives the way through its text, and the text is canonical whatever spacing it came in."""
    text = to_json(permission_list)

    assert from_json(text) == permission_list
    assert to_json(from_json(json.dumps(json.loads(text), indent=2))) == text


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("row_id", "", "must not be empty"),
        ("row_id", 7, "must be str"),
        ("inquirer_class", "", "must not be empty"),
        ("inquirer_class", None, "must be str"),
        ("affair_code", "JT01000000018000", "must be JM and 14 digits"),
        ("procedure_code", "JT1", "must be JT and 14 digits"),
        ("provider_class", "", "must not be empty"),
        ("spi_name_code", "TM0000000000000２", "must be TM and 14 digits"),
        ("item_codes", "TM0000000000000200000001", "must be an array"),
        ("item_codes", [], "must hold at least one item"),
        ("item_codes", [1], "must hold texts that are not empty"),
        ("item_codes", [""], "must hold texts that are not empty"),
        ("item_codes", [["a"]], "must hold texts that are not empty"),
        ("item_codes", ["a", "a"], "holds an item twice"),
        ("legal_basis", "", "must not be empty"),
        ("legal_basis", "\ud800", "holds half a character (a lone surrogate)"),
        ("consent_required", 1, "must be bool"),
        ("consent_required", "true", "must be bool"),
        ("valid_from", "", "must be a day, YYYYMMDD"),
        ("valid_from", "20240230", "must be a day, YYYYMMDD"),
        ("valid_from", "2024-4-1", "must be a day, YYYYMMDD"),
        ("valid_to", "2024W011", "must be a day, YYYYMMDD, or empty"),
        ("valid_to", "20171112", "is before valid_from"),
        ("valid_to", None, "must be str"),
        ("verified", None, "must be bool"),
    ],
)
def test_a_wrong_field_is_named_with_its_row(field: str, value: object, reason: str) -> None:
    """Who maintains the list is told where to look: row, field, reason."""
    content = json.loads(to_json(LIST))
    content["rows"][1][field] = value

    with pytest.raises(PermissionListError) as error:
        from_json(json.dumps(content))

    label = "#1" if field == "row_id" else "18-a"
    assert (error.value.row, error.value.field, error.value.reason) == (label, field, reason)
    assert str(error.value) == f"row {label} {field}: {reason}"


@pytest.mark.parametrize(
    ("text", "row", "field"),
    [
        ("", "", ""),
        ("[" * 100_000, "", ""),
        ("[]", "", ""),
        ("{}", "", "format"),
        (to_json(LIST).replace('"format":1', '"format":2'), "", "format"),
        (to_json(LIST).replace('"format":1', '"format":true'), "", "format"),
        (to_json(LIST).replace('"version":3', '"version":0'), "", "version"),
        (to_json(LIST).replace('"version":3', '"version":3.0'), "", "version"),
        (to_json(LIST).replace('"version":3', '"version":true'), "", "version"),
        (to_json(LIST).replace('"version":3', '"version":3,"colour":1'), "", "colour"),
        (to_json(LIST).replace('"version":3', '"version":3,"version":3'), "", "version"),
        (to_json(LIST).replace('"known_from_ms":1711929600000', '"known_from_ms":-1'), "", "known_from_ms"),
        ('{"format":1,"known_from_ms":0,"rows":{},"version":1}', "", "rows"),
        ('{"format":1,"known_from_ms":0,"rows":[7],"version":1}', "#0", ""),
        (to_json(LIST).replace('"legal_basis"', '"legal_bases"', 1), "#0", "legal_basis"),
        (to_json(LIST).replace('"verified":true', '"verified":true,"note":""'), "#1", "note"),
        (to_json(LIST).replace('"verified":true', '"verified":true,"verified":true'), "18-a", "verified"),
        (to_json(LIST).replace("18-a", "16-2-a"), "16-2-a", "row_id"),
    ],
)
def test_a_text_that_is_no_list_is_refused_with_its_place(text: str, row: str, field: str) -> None:
    """Missing, unknown, repeated and mistyped parts are errors of a known place; nothing is guessed or dropped."""
    with pytest.raises(PermissionListError) as error:
        from_json(text)

    assert (error.value.row, error.value.field) == (row, field)


def test_a_difference_tells_rows_added_removed_and_changed() -> None:
    """Before a new list is put to work, a person can read what it brings."""
    longer = VACCINATION._replace(valid_to="20250331", verified=True)
    new_row = LOCAL_TAX._replace(row_id="74-a", affair_code="JM01000000074000")
    new = PermissionList(4, LIST.known_from_ms, (new_row, longer))

    change = diff(LIST, new)

    assert change.added == (new_row,)
    assert change.removed == (LOCAL_TAX,)
    assert change.changed == (subject.RowChange(VACCINATION, longer, ("valid_to", "verified")),)
    assert diff(LIST, LIST) == ((), (), ())
