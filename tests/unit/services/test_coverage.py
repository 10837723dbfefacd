"""The one table of the assessment's functions and measures, held against the assessment and against the code."""

from __future__ import annotations

import json

import pytest
from assessment import FUNCTIONS, MEASURES, NOT_YET
from click.testing import Result
from typer.testing import CliRunner

from services import coverage
from services.__main__ import command
from services.coverage import Missing


def run() -> Result:
    """`chukan coverage --json`."""
    return CliRunner().invoke(command(), ["coverage", "--json"])


def test_the_functions_are_those_of_the_assessment() -> None:
    """All 27, by system, number and wording, in its order; none more."""
    functions, _ = coverage.table()

    assert len(functions) == 27
    assert [(one.system, one.number, one.ja) for one in functions] == FUNCTIONS


def test_the_measures_are_those_of_the_assessment() -> None:
    """Every measure of section III, found there by its own words, in its order; none more."""
    _, measures = coverage.table()

    assert [(one.key, one.ja) for one in measures] == MEASURES


def test_what_the_table_names_is_there() -> None:
    """Modules import; messages, routes, commands, scenarios and tests are looked up. What is not is listed."""
    assert {(one.key, one.what) for one in coverage.missing()} == NOT_YET


def test_the_command_ends_as_the_table_stands() -> None:
    """Exit 1 with each missing thing, or 0 with none."""
    result = run()

    body = json.loads(result.stdout)
    assert (len(body["functions"]), len(body["measures"])) == (len(FUNCTIONS), len(MEASURES))
    assert {(one["key"], one["what"]) for one in body["missing"]} == NOT_YET
    assert body["ok"] is (not NOT_YET)
    assert result.exit_code == (1 if NOT_YET else 0)


@pytest.mark.parametrize(
    ("there", "not_there"),
    [
        (coverage.has_module("services.inquiry:service"), coverage.has_module("services.inquiry:servce")),
        (coverage.has_module("broker.rules.sealing"), coverage.has_module("broker.rules.unheard_of")),
        (coverage.has_module("services.copies:SERVICE"), coverage.has_module("services.unheard.of")),
        (coverage.has_message("InquiryRequested"), coverage.has_message("InquiryDreamt")),
        ("audit verify" in coverage.commands(), "audit dream" in coverage.commands()),
        ("POST /inquiries" in coverage.routes(), "GET /dreams" in coverage.routes()),
        (
            coverage.has_test("tests/unit/services/test_coverage.py::test_what_the_table_names_is_there"),
            coverage.has_test("tests/unit/services/test_coverage.py::test_nothing"),
        ),
    ],
)
def test_a_name_is_looked_up_for_real(there: object, not_there: object) -> None:
    """Each look-up finds what exists and does not find what does not."""
    assert (there, not_there) == (True, False)


def test_every_measure_says_what_kind_it_is() -> None:
    """A measure of software has a rule in both languages, a test and a command; the others say who they are for."""
    _, measures = coverage.table()

    assert {one.nature for one in measures} == set(coverage.NATURES)
    assert [one.key for one in measures if not (one.rule_ja and one.rule_en)] == []
    software = [one for one in measures if one.nature == "software"]
    assert [one.key for one in software if not (one.tests and one.commands)] == []


def test_the_page_is_current() -> None:
    """docs/measures.md is the table of today."""
    page = (coverage.ROOT / "docs" / "measures.md").read_text(encoding="utf-8")

    assert page == coverage.page()
    assert Missing("a", "b") not in coverage.missing()
