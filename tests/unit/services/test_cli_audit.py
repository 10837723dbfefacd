"""The audit's verbs as they are typed, on exports at hand: what is printed, and the exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from exports import CITY, PERSON, exchange, exported
from typer.testing import CliRunner

from broker.keys import Keys
from broker.rules import checkpoint
from broker.rules.calendar import DAY_MS
from broker.tables import Exchange
from services.__main__ import command
from services.audit.export import FOREVER, ORIGIN, Scope
from services.audit.queries import QUERIES
from services.cli.audit_export import day_ms, scope_of
from services.network import NETWORK_CODE

KEY = Keys(b"\x05" * 32).institutions.signing(NETWORK_CODE)


def run(*arguments: str) -> Result:
    """The verb in this process."""
    return CliRunner().invoke(command(), ["audit", *arguments])


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """An export with one ordinary inquiry and one at night."""
    directory = tmp_path / "exports"
    exported(directory, {Exchange: [exchange(1), exchange(2, "2026-11-24 23:00")]}, key=KEY.private_key)
    return directory


def test_queries_are_listed_with_their_parameters() -> None:
    """Whoever types `list` sees every question and what it takes."""
    body = json.loads(run("query", "list", "--json").stdout)

    assert [one["name"] for one in body["queries"]] == list(QUERIES)
    assert "persons=20" in run("query", "list").stdout


def test_a_query_prints_people_json_and_csv(made: Path) -> None:
    """The same rows in three forms."""
    shown = run("query", "off_hours", "--export", str(made))
    body = json.loads(run("query", "off_hours", "-o", str(made), "--json").stdout)
    lines = run("query", "off_hours", "-o", str(made), "--csv").stdout.splitlines()

    assert exchange(2).exchange_id in shown.stdout
    assert [row["exchange_id"] for row in body["rows"]] == [exchange(2).exchange_id]
    assert (body["kind"], body["query"], body["cut"]) == ("audit_query", "off_hours", False)
    assert lines[0].startswith("asked_at,")
    assert len(lines) == 2


def test_a_cut_answer_ends_with_six(made: Path) -> None:
    """Partial is not done."""
    given = ("--set", f"institution={CITY}", "--set", f"person={PERSON}")

    assert run("query", "by_person", "-o", str(made), *given, "--limit", "1").exit_code == 6
    assert run("query", "by_person", "-o", str(made), *given).exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("query", "nope"),
        ("query", "bulk", "--set", "persons"),
        ("query", "bulk", "--set", "persons=few"),
        ("query", "by_person"),
        ("export",),
        ("export", "-o", "a", "--check", "b"),
        ("export", "-o", "a", "--from", "yesterday"),
        ("export", "-o", "a", "--from", "2026-04-02", "--to", "2026-04-01"),
        ("export", "--check", "a", "--key", "nonsense"),
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_two(arguments: tuple[str, ...]) -> None:
    """What was typed wrongly is told before anything is read or written."""
    assert run(*arguments).exit_code == 2


def test_a_check_ends_with_its_verdict(made: Path) -> None:
    """0 and the counts when all matches; 1 and the place when a file does not."""
    key = checkpoint.format_verifier_key(ORIGIN, KEY.public_bytes)
    good = json.loads(run("export", "--check", str(made), "--key", key, "--json").stdout)
    (made / "0001" / "exchanges-0001.parquet").write_bytes(b"")
    bad = run("export", "--check", str(made))

    assert (good["ok"], good["signed"], good["exports"]) == (True, 1, 1)
    assert bad.exit_code == 1
    assert "0001/exchanges-0001.parquet" in bad.stdout


def test_days_are_japanese_and_both_included() -> None:
    """From the first to the last day, as a Japanese calendar has them."""
    first = day_ms("2026-04-01", "--from")

    assert first == 1_774_969_200_000
    assert scope_of("", "2026-04-01", "2026-04-01") == Scope("", first, first + DAY_MS)
    assert scope_of(CITY, "", "") == Scope(CITY, 0, FOREVER)
