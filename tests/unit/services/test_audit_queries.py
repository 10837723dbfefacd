"""An auditor's questions on planted rows: exactly what was planted is found."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from exchanges_of_every_kind import OUTCOMES, played
from exports import CITY, OTHER, PERSON, SOURCES, TOWN, code, copy, exchange, exported, jst

from broker.rules import calendar
from broker.tables import CodeBinding, CopyRecord, Exchange, PermissionListVersion
from services.audit.export import Scope
from services.audit.queries import QUERIES, QueryError, opened, values_for
from services.cli.audit_query import asked
from services.world import LOCAL_TAX, VACCINATION, list_version, permission_rows

LIST = list_version(1, permission_rows(), 0)


def ask(directory: Path, name: str, rows: dict[type[Any], list[Any]], **parameters: Any) -> list[dict[str, Any]]:
    """What a query finds in an export of these rows."""
    exported(directory, rows)
    query = QUERIES[name]
    values = values_for(query, {key: str(value) for key, value in parameters.items()})
    found = asked(query, values, directory, 1000)
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


def ids(found: list[dict[str, Any]]) -> list[str]:
    """The exchanges that were found."""
    return [row["exchange_id"] for row in found]


@pytest.mark.parametrize("name", QUERIES)
def test_every_query_says_its_purpose(name: str) -> None:
    """Japanese first, English beside it, and each parameter with words of its own."""
    query = QUERIES[name]

    assert any("\u3040" <= letter <= "\u9fff" for letter in query.ja)
    assert query.en.isascii()
    assert {one.name for one in query.parameters} == set(re.findall(r"\$([a-z_]+)", query.sql))


@pytest.mark.parametrize("name", QUERIES)
def test_every_query_runs_on_an_empty_export(name: str, tmp_path: Path) -> None:
    """Nothing happened: nothing is found, and nothing fails."""
    needed = {one.name: CITY for one in QUERIES[name].parameters if one.default is None}

    assert ask(tmp_path, name, {}, **needed) == []


def test_by_procedure_counts_and_names_the_law(tmp_path: Path) -> None:
    """Procedures with their legal basis, and how often they were answered and refused."""
    rows = [
        exchange(1),
        exchange(2, outcome="REFUSED"),
        exchange(3, outcome="LIST_DISAGREES"),
        exchange(4, affair="fee", outcome="NOT_PERMITTED", list_version=1, row_id=""),
        exchange(5, outcome="", institution_code=OTHER),
    ]
    found = ask(tmp_path, "by_procedure", {Exchange: rows, PermissionListVersion: [LIST]})

    assert [(one["asked"], one["provided"], one["refused_by_rule"], one["refused_by_staff"]) for one in found] == [
        (4, 1, 1, 1),
        (1, 0, 1, 0),
    ]
    assert found[0]["legal_basis"] == "番号法19条8号 別表第2 16の2"
    assert found[0]["open"] == 1
    assert found[1]["legal_basis"] is None


def test_by_pair_counts_both_directions_apart(tmp_path: Path) -> None:
    """Who asked whom; one institution's pairs when it is named."""
    rows = [
        exchange(1),
        exchange(2, outcome="NO_MATCH"),
        exchange(3, institution_code=TOWN, provider_institution_code=CITY),
        exchange(4, institution_code=OTHER),
    ]
    found = ask(tmp_path, "by_pair", {Exchange: rows}, institution=CITY)

    pairs = [(one["inquirer_institution_code"], one["provider_institution_code"], one["asked"]) for one in found]
    assert pairs == [(CITY, TOWN, 2), (TOWN, CITY, 1)]
    assert found[0]["not_provided"] == 1


@pytest.mark.parametrize("person", [PERSON, "c" * 64])
def test_by_person_finds_one_institutions_person_alone(person: str, tmp_path: Path) -> None:
    """By number or code, at the institution whose number it is: the same number elsewhere is somebody else."""
    planted = [exchange(1, "2026-11-24 09:30"), exchange(2, "2026-11-25 10:00", outcome="NOT_PERMITTED", row_id="")]
    rows = [
        *planted,
        exchange(3, integrated_number="000000000000002", linkage_code="d" * 64),
        exchange(4, institution_code=OTHER),
    ]
    found = ask(
        tmp_path,
        "by_person",
        {Exchange: rows, PermissionListVersion: [LIST]},
        institution=CITY,
        person=person,
    )

    assert ids(found) == [one.exchange_id for one in planted]
    assert found[0]["asked_at"] == "2026-11-24 09:30:00.000"
    assert found[0]["legal_basis"] == "番号法19条8号 別表第2 16の2"


def test_by_operator_counts_persons_and_hours(tmp_path: Path) -> None:
    """One line an operator: how many persons, how much outside the hours."""
    rows = [
        exchange(1),
        exchange(2, "2026-11-24 21:00", integrated_number="2"),
        exchange(3, operator_id="ZEIMU/OP002"),
    ]
    found = ask(tmp_path, "by_operator", {Exchange: rows}, operator="KENKO/OP001")

    assert [(one["operator_id"], one["asked"], one["persons"], one["off_hours"]) for one in found] == [
        ("KENKO/OP001", 2, 2, 1)
    ]


def test_off_hours_finds_evenings_weekends_and_holidays(tmp_path: Path) -> None:
    """Before eight, from eight in the evening, Saturday, a holiday, a substitute holiday, a day between holidays."""
    inside = ["2026-11-24 08:00", "2026-11-24 19:59:59", "2026-09-24 12:00", "2026-12-31 12:00"]
    outside = [
        "2025-11-24 12:00",
        "2026-09-22 12:00",
        "2026-11-23 12:00",
        "2026-11-24 07:59:59",
        "2026-11-24 20:00",
        "2026-11-28 12:00",
        "2026-11-29 12:00",
    ]
    rows = [exchange(n, at) for n, at in enumerate((*inside, *outside))]
    found = ask(tmp_path, "off_hours", {Exchange: rows})

    assert [one["asked_at"][:16] for one in found] == [at[:16] for at in outside]
    assert [one["holiday"] for one in found][:3] == ["振替休日", "国民の休日", "勤労感謝の日"]
    assert [one["weekday"] for one in found][-2:] == ["土", "日"]


@pytest.mark.parametrize("hour", range(0, 24, 5))
@pytest.mark.parametrize("day", ["2026-11-20", "2026-11-21", "2026-11-23", "2026-12-29"])
def test_the_sql_and_the_rule_agree(day: str, hour: int, tmp_path: Path) -> None:
    """Off-hours in SQL is `calendar.is_office_hours` turned around."""
    row = exchange(1, f"{day} {hour:02d}:30")

    assert bool(ask(tmp_path, "off_hours", {Exchange: [row]})) is not calendar.is_office_hours(row.requested_at)


def test_bulk_finds_bursts_of_different_persons(tmp_path: Path) -> None:
    """Twenty persons in ten minutes is a burst; twenty look-ups of one person, or twenty in a day, are none."""

    def asks(start: int, operator: str, day: str, *, apart_seconds: int, persons: int) -> list[Exchange]:
        return [
            exchange(
                start + n,
                operator_id=operator,
                integrated_number=f"{n % persons:015d}",
                requested_at=jst(f"{day} 10:00") + n * apart_seconds * 1000,
            )
            for n in range(24)
        ]

    rows = [
        *asks(0, "KENKO/BURST", "2026-11-24", apart_seconds=10, persons=24),
        *asks(100, "KENKO/BURST", "2026-11-26", apart_seconds=20, persons=21),
        *asks(200, "KENKO/SLOW", "2026-11-24", apart_seconds=60, persons=24),
        *asks(300, "KENKO/ONE", "2026-11-24", apart_seconds=1, persons=1),
    ]
    found = ask(tmp_path, "bulk", {Exchange: rows})

    assert [(one["operator_id"], one["persons"], one["reached_at"][:10]) for one in found] == [
        ("KENKO/BURST", 24, "2026-11-24"),
        ("KENKO/BURST", 21, "2026-11-26"),
    ]
    assert ask(tmp_path, "bulk", {}, persons=25) == []


def test_without_case_finds_what_nothing_accounts_for(tmp_path: Path) -> None:
    """Only the inquiry that no code, no copy and no colleague's inquiry stands beside is found."""

    def of(serial: int, person: int, at: str = "2026-11-24 10:00", **changes: Any) -> Exchange:
        return exchange(serial, at, integrated_number=f"{person:015d}", **changes)

    rows: dict[type[Any], list[Any]] = {
        Exchange: [
            of(1, 1),  # a code was acquired the day before
            of(2, 2),  # the result was registered a week later
            of(3, 3),  # a colleague asked for the same affair
            of(4, 3, "2026-12-01 10:00", operator_id="KENKO/OP002"),
            of(5, 4),  # planted: nothing
            of(6, 5),  # planted: the same operator twice is no case
            of(7, 5, "2026-11-25 10:00"),
            of(8, 6),  # planted: the code is years old, the copy another institution's
            of(9, 7),  # planted: a colleague asked for another affair
            of(10, 7, "2026-11-25 10:00", affair="fee", operator_id="ZEIMU/OP009"),  # planted: and so is theirs
        ],
        CodeBinding: [
            code(f"{1:015d}", "2026-11-23 10:00"),
            code(f"{6:015d}", "2024-11-23 10:00"),
            code(f"{4:015d}", "2026-11-23 10:00", TOWN),
        ],
        CopyRecord: [copy(f"{2:015d}", "2026-12-01 10:00"), copy(f"{6:015d}", "2026-12-01 10:00", TOWN)],
    }
    found = ask(tmp_path, "without_case", rows)

    assert sorted(one["exchange_id"][-12:-2] for one in found) == [f"{n:010d}" for n in (5, 6, 7, 8, 9, 10)]


def test_a_case_outside_the_days_is_none(tmp_path: Path) -> None:
    """The window is the asker's to choose."""
    rows: dict[type[Any], list[Any]] = {Exchange: [exchange(1)], CodeBinding: [code(PERSON, "2026-10-30 10:00")]}

    assert ask(tmp_path, "without_case", rows) == []
    assert len(ask(tmp_path, "without_case", {}, before_days=7)) == 1


def test_another_affair_after_a_refusal(tmp_path: Path) -> None:
    """Refused, then asked again for the same under another affair by the same operator within the hours."""
    refused = exchange(1, "2026-11-24 10:00", "fee", outcome="NOT_PERMITTED")
    again = exchange(2, "2026-11-24 10:05")
    rows = [
        refused,
        again,
        exchange(3, "2026-11-24 10:06", operator_id="KENKO/OP002"),
        exchange(4, "2026-11-24 10:06", spi_name_code=LOCAL_TAX),
        exchange(5, "2026-11-24 10:07", "fee"),
        exchange(6, "2026-11-26 10:00"),
        exchange(7, "2026-11-24 09:00"),
    ]
    found = ask(tmp_path, "another_affair", {Exchange: rows})

    assert [(one["refused_exchange_id"], one["exchange_id"]) for one in found] == [
        (refused.exchange_id, again.exchange_id)
    ]


@pytest.fixture(scope="module")
def country(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of the country in which every outcome was played."""
    directory = tmp_path_factory.mktemp("country")
    exported(directory, {kind: played().country.rows(kind) for kind in SOURCES.values()})
    return directory


def test_refusals_are_counted_with_their_words(country: Path) -> None:
    """Every outcome that is not an answer, from the inquirers' records, in both languages."""
    found = asked(QUERIES["refusals"], {"institution": ""}, country, 1000)
    rules = {(row[0], row[1]) for row in found.rows}

    assert {outcome for outcome, _ in rules} == set(OUTCOMES.values()) - {"OK", "NON_DISCLOSED", "HELD"}
    assert all(row[2] and row[3] for row in found.rows)


def test_holds_tell_who_decided(country: Path) -> None:
    """Each hold with its end and the person who decided, the open one without."""
    found = asked(QUERIES["holds"], {"institution": ""}, country, 1000)
    told = {(row[2], row[3], row[4], row[5]) for row in found.rows}

    assert ("CLOSED", "OK", "ST01", "") in told
    assert ("CLOSED", "REFUSED", "ST02", "PROTECTED") in told
    assert ("HELD", "HELD", "", "") in told
    assert ("CLOSED", "EXPIRED", "", "") in told


def test_two_exports_are_asked_as_one(tmp_path: Path) -> None:
    """A row that two exports hold counts once, as the newer one has it."""
    open_, ended = exchange(1, outcome="", state="SENT"), exchange(1)
    exported(tmp_path, {Exchange: [open_, exchange(2)]}, scope=Scope("", 0, 5))
    exported(tmp_path, {Exchange: [ended, exchange(3)]}, scope=Scope("", 5, 9))

    found = asked(QUERIES["by_operator"], {"institution": "", "operator": ""}, tmp_path, 10)
    procedures = asked(QUERIES["by_procedure"], {"institution": ""}, tmp_path, 10)

    assert found.rows[0][2] == 3
    assert dict(zip(procedures.columns, procedures.rows[0], strict=True))["open"] == 0


def test_an_answer_can_be_cut(tmp_path: Path) -> None:
    """No more rows than asked for, and it is told that there are more."""
    exported(tmp_path, {Exchange: [exchange(n, "2026-11-24 22:00") for n in range(5)]})
    values = {"institution": ""}

    assert asked(QUERIES["off_hours"], values, tmp_path, 4).cut
    assert not asked(QUERIES["off_hours"], values, tmp_path, 5).cut


@pytest.mark.parametrize(
    ("name", "given", "word"),
    [
        ("bulk", {"persons": "many"}, "persons"),
        ("bulk", {"person": "3"}, "person"),
        ("by_person", {"institution": CITY}, "person"),
    ],
)
def test_a_parameter_that_cannot_be_is_named(name: str, given: dict[str, str], word: str) -> None:
    """Unknown, missing, or no number: told before anything is read."""
    with pytest.raises(QueryError, match=word):
        values_for(QUERIES[name], given)


def test_a_directory_without_exports_is_told(tmp_path: Path) -> None:
    """Not an empty answer that looks like innocence."""
    with pytest.raises(QueryError), opened(tmp_path):
        pass


def test_values_cannot_become_sql(tmp_path: Path) -> None:
    """A parameter is a value, whatever it says."""
    exported(tmp_path, {Exchange: [exchange(1)]})
    nasty = "x') or 1 = 1 --"

    assert asked(QUERIES["by_person"], {"institution": nasty, "person": nasty}, tmp_path, 10).rows == []
    assert VACCINATION in repr(asked(QUERIES["by_procedure"], {"institution": ""}, tmp_path, 10).rows)
