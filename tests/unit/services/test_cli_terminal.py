"""The manners of the command: JSON that says what it is, talk beside the data."""

from __future__ import annotations

import json
from typing import NamedTuple

import pytest

from schemas.records import Outcome
from services.cli import terminal


class Pair(NamedTuple):
    """Something with fields."""

    digest: bytes
    outcomes: tuple[Outcome, ...]


def test_values_become_plain() -> None:
    """Bytes are hex digits, enumerations their values, records objects, sets sorted lists."""
    value = {"pair": Pair(b"\x00\xff", (Outcome.OK,)), "set": {"b", "a"}, "none": None, "n": 1}

    assert terminal.plain(value) == {
        "pair": {"digest": "00ff", "outcomes": ["OK"]},
        "set": ["a", "b"],
        "none": None,
        "n": 1,
    }


def test_json_is_one_object_with_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever parses the output knows which shape to expect; Japanese stays readable."""
    terminal.show_json("thing", {"name": "刈谷市"})

    shown = capsys.readouterr()
    assert json.loads(shown.out) == {"schema_version": 1, "kind": "thing", "name": "刈谷市"}
    assert "刈谷市" in shown.out
    assert shown.err == ""


def test_talk_never_reaches_the_data(capsys: pytest.CaptureFixture[str]) -> None:
    """Remarks and progress go to standard error, so that `> file` holds data alone."""
    terminal.talk("hello")
    with terminal.progress() as tell:
        tell("rows", 1, 10)

    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "hello\n"


def test_off_a_terminal_nothing_is_folded(capsys: pytest.CaptureFixture[str]) -> None:
    """An exchange id in a pipe is one word, however many columns stand beside it."""
    long = "9900123210600000-20261125000000000100"
    terminal.show_table("表", ("a / id", *"bcdefgh"), [(long, *["x" * 30] * 7)])

    assert long in capsys.readouterr().out


def test_an_empty_table_says_what_that_means(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing found is an answer too."""
    terminal.show_table("表", ("a",), [], "ありません / none")

    assert capsys.readouterr().out == "ありません / none\n"


def test_moments_are_told_in_japanese_time() -> None:
    """People in a municipality read their own clock; no moment is a dash."""
    assert terminal.moment(0) == "—"
    assert terminal.moment(1_775_001_600_000) == "2026-04-01 09:00:00"
