"""`chukan demo` as a newcomer runs it: on real parts, every step at its expected end, nothing left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

LIMIT_SECONDS = 180

STEPS = {
    "answered": ("OK", "", ""),
    "refused_by_network": ("NOT_PERMITTED", "NO_SUCH_COMBINATION", "procedure_code"),
    "list_published": ("PUBLISHED", "", ""),
    "refused_by_provider": ("LIST_DISAGREES", "NO_SUCH_COMBINATION", "spi_name_code"),
    "list_caught_up": ("OK", "", ""),
    "held_before_confirmed": ("HELD", "", ""),
    "hold_confirmed": ("OK", "", ""),
    "held_before_refused": ("HELD", "", ""),
    "hold_refused": ("REFUSED", "STAFF_REFUSED", ""),
    "unknown_at_provider": ("NO_MATCH", "PERSON_UNKNOWN_AT_PROVIDER", ""),
    "without_code": ("NO_CODE", "CODE_MISSING", ""),
}


def demo(temporary: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The demo with a temporary directory of its own."""
    environment = {**os.environ, "TMPDIR": str(temporary), "NO_COLOR": "1", "CI": "1"}
    command = [sys.executable, "-m", "services", "demo", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=LIMIT_SECONDS, check=False)


@pytest.fixture(scope="module")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo makes its directory; PostgreSQL's own user must pass through."""
    found = tmp_path_factory.mktemp("demo")
    for directory in (found, *found.parents[:2]):
        directory.chmod(directory.stat().st_mode | 0o111)
    return found


@pytest.fixture(scope="module")
def played(temporary: Path) -> subprocess.CompletedProcess[str]:
    """One run of `chukan demo --json`."""
    return demo(temporary, "--json")


@pytest.fixture(scope="module")
def told(played: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """What it printed."""
    assert played.returncode == 0, played.stderr[-4000:] + played.stdout[-4000:]
    found: dict[str, Any] = json.loads(played.stdout)
    return found


def test_the_story_is_whole(told: dict[str, Any]) -> None:
    """Every promised step is there, in order, and the object says what it is."""
    assert (told["schema_version"], told["kind"], told["ok"]) == (1, "demo", True)
    assert [step["name"] for step in told["steps"]] == list(STEPS)


@pytest.mark.parametrize("name", STEPS)
def test_each_step_ends_as_it_must(told: dict[str, Any], name: str) -> None:
    """The outcome, the rule and the attribute that would have allowed it, as the institution read them."""
    step = next(one for one in told["steps"] if one["name"] == name)
    nearest = (step["nearest"] or {}).get("attribute", "")

    assert step["ok"]
    assert (step["outcome"], step["rule"], nearest) == STEPS[name]


def test_answers_were_opened(told: dict[str, Any]) -> None:
    """The inquirer's own key opens what was sealed for it; a refusal carries nothing."""
    for step in told["steps"]:
        items = [item for record in step["records"] for item in record["items"]]

        assert bool(items) == (step["outcome"] == "OK"), step["name"]
        assert all(item["value"] or item["absence"] for item in items)


def test_three_records_tell_the_same(told: dict[str, Any]) -> None:
    """Inquirer, network and provider recorded the confirmed exchange; the provider's names the operator."""
    parties = {record["party"]: record for record in told["records"]}

    assert list(parties) == ["INQUIRER", "NETWORK", "PROVIDER"]
    for field in ("outcome", "provided_at", "permit_id", "sealed_digest", "answer_digest", "spi_items"):
        assert len({str(record[field]) for record in parties.values()}) == 1, field
    assert parties["PROVIDER"]["operator_id"] == "OP900"
    assert parties["PROVIDER"]["auto_response_disabled"]


def test_the_audit_is_in_order(told: dict[str, Any]) -> None:
    """Everything was recomputed, every record lies under a signature, and nothing was found."""
    audit = told["audit"]

    assert (audit["ok"], audit["partial"]) == (True, False)
    assert audit["signed_records"] == audit["records"] > 10
    assert [one for one in audit["checks"] if one["failures"]] == []
    assert [one["check"] for one in audit["checks"] if one["looked_at"] == 0] == [
        "erasures_certified"
    ]  # nothing was erased


def test_nothing_is_left_behind(told: dict[str, Any], temporary: Path) -> None:
    """The temporary directory is gone, and with it every process that lived on it."""
    assert told["ok"]
    assert list(temporary.glob("chukan-demo-*")) == []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert str(temporary) not in process.read_bytes().decode("utf-8", "replace"), process
        except OSError:
            continue


def test_talk_stays_on_standard_error(played: subprocess.CompletedProcess[str]) -> None:
    """`chukan demo --json > file` gives a file of JSON; who looks on is told when everything is ready."""
    assert played.stdout.startswith("{")
    assert "ready in" in played.stderr


def test_people_read_a_story(temporary: Path) -> None:
    """Without --json: Japanese first, each step with its verdict, and what to type next; --data-dir is kept."""
    directory = temporary / "kept"
    shown = demo(temporary, "--data-dir", str(directory))
    again = demo(temporary, "--data-dir", str(directory))

    assert shown.returncode == 0, shown.stderr[-4000:] + shown.stdout[-4000:]
    assert "照合リストにある照会に、回答が返る" in shown.stdout
    assert f"chukan up --data-dir {directory}" in shown.stdout
    assert f"{len(STEPS)}/{len(STEPS)}" in shown.stdout
    assert "\x1b" not in shown.stdout
    assert (directory / "installation.json").exists()
    assert again.returncode == 2
