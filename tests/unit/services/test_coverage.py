"""The one table of the assessment's functions and measures, held against the assessment and against the code."""

from __future__ import annotations

import json
from typing import Any

import pytest
from assessment import FUNCTIONS, MEASURES, NOT_YET
from click.testing import Result
from typer.testing import CliRunner

from services import coverage
from services.__main__ import command
from services.coverage import Missing
from services.scenarios import form


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
    """A rule in both languages; without a scenario it is for people or buildings and says what the software adds."""
    _, measures = coverage.table()
    untried = [one for one in measures if not one.scenarios]

    assert {one.nature for one in measures} == set(coverage.NATURES)
    assert [one.key for one in measures if not (one.rule_ja and one.rule_en)] == []
    assert {one.nature for one in untried} == {"organisational", "physical"}
    assert [one.key for one in untried if not (one.contributes_ja and one.contributes_en)] == []
    assert [one.key for one in measures if one.scenarios and not (one.modules and one.tests and one.commands)] == []


@pytest.mark.parametrize("part", ["modules", "reached", "scenarios", "tests"])
def test_a_function_that_lacks_a_part_is_told(part: str) -> None:
    """Module, way in, scenario and test: whichever a function does not name is missing; so is one that is not there."""
    one = next(function for function in coverage.table()[0] if function.key == "中間サーバー 9")
    dreamt = one._replace(**{part: ("command dream",)})  # type: ignore[arg-type]

    assert coverage.missing_of_function(one) == []
    assert coverage.missing_of_function(one._replace(**{part: ()})) == [  # type: ignore[arg-type]
        Missing(one.key, f"names no {part}")
    ]
    assert [gone.what.rpartition("command dream")[1] for gone in coverage.missing_of_function(dreamt)] == [
        "command dream"
    ]


@pytest.mark.parametrize("part", ["modules", "commands", "scenarios", "tests"])
def test_a_measure_of_software_that_lacks_a_part_is_told(part: str) -> None:
    """A measure of software without a module, command, scenario or test is missing it, whatever it contributes."""
    one = next(measure for measure in coverage.table()[1] if measure.key == "III-6-2-4")
    excused = one._replace(contributes_ja="いろいろ", contributes_en="much", **{part: ()})  # type: ignore[arg-type]

    assert coverage.missing_of_measure(one) == []
    assert coverage.missing_of_measure(excused) == [Missing(one.key, f"names no {part}")]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"contributes_ja": ""}, {"names no contributes_ja"}),
        ({"contributes_en": ""}, {"names no contributes_en"}),
        ({"nature": "software"}, {f"names no {part}" for part in ("modules", "commands", "scenarios", "tests")}),
        ({"nature": "unheard of"}, {"nature unheard of"}),
        ({"scenarios": ("a_dream",)}, {"scenario a_dream", "names no modules", "names no commands", "names no tests"}),
    ],
)
def test_a_measure_without_a_scenario_must_say_why(changed: dict[str, Any], told: set[str]) -> None:
    """It is for people or buildings, by a field of its own, and says in both languages what the software adds."""
    one = next(measure for measure in coverage.table()[1] if measure.key == "III-4-1")

    assert coverage.missing_of_measure(one) == []
    assert {gone.what for gone in coverage.missing_of_measure(one._replace(**changed))} == told


def test_every_scenario_is_some_rows() -> None:
    """A scenario that no function and no measure names would show nothing of the assessment."""
    functions, measures = coverage.table()

    of_functions = {name for one in functions for name in one.scenarios}
    assert set(form.names()) == of_functions | {name for one in measures for name in one.scenarios}


def test_the_page_is_current() -> None:
    """docs/measures.md is the table of today."""
    page = (coverage.ROOT / "docs" / "measures.md").read_text(encoding="utf-8")

    assert page == coverage.page()
    assert Missing("a", "b") not in coverage.missing()
