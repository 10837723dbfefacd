"""docs/audit.md as an auditor follows it: every command runs, in order, on the installation that the demo leaves."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from broker.adapters.postgres import QUERIES as STATEMENTS
from services.audit.queries import QUERIES
from services.audit.sheets import SHEETS

PAGE = Path(__file__).parent.parent.parent / "docs" / "audit.md"
LIMIT_SECONDS = 240
DIRECTORY = "chukan-demo"


class Command(NamedTuple):
    """A command of the page and the first lines of the output that the page shows after it."""

    text: str
    shown: tuple[str, ...]


class Done(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str


def commands_of(page: str) -> list[Command]:
    """The `$ …` lines of the console blocks, each with what stands below it."""
    found: list[Command] = []
    for block in re.findall(r"```console\n(.*?)```", page, flags=re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(Command(line[2:].split("  #")[0].strip(), ()))
            elif line.strip() and line.strip() != "…":
                found[-1] = found[-1]._replace(shown=(*found[-1].shown, line))
    return found


def squeezed(text: str) -> str:
    """The text with what differs from run to run, and from width to width, taken out."""
    text = re.sub(r"[0-9a-f]{16,}…?|\d{4}-\d\d-\d\d|\d\d:\d\d:\d\d(\.\d+)?|[+-][\d.,]+ s|\d{20,}|@?\d+", "#", text)
    return re.sub(r"[─\s]+", " ", text).strip()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the page is followed; PostgreSQL's own user must pass through."""
    found = tmp_path_factory.mktemp("audit")
    for directory in (found, *found.parents[:2]):
        directory.chmod(directory.stat().st_mode | 0o111)
    return found


@pytest.fixture(scope="module")
def followed(place: Path) -> Iterator[dict[str, Done]]:
    """Every command of the page, in order; `chukan up` runs on until the end."""
    environment = {
        **os.environ,
        "NO_COLOR": "1",
        "CI": "1",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    told: dict[str, Done] = {}
    serving: subprocess.Popen[str] | None = None
    try:
        for command in commands_of(PAGE.read_text(encoding="utf-8")):
            if command.text.startswith("chukan up"):
                serving = subprocess.Popen(
                    command.text.split(), cwd=place, env=environment, stdout=subprocess.PIPE, text=True
                )
                assert serving.stdout is not None
                told[command.text] = Done(0, serving.stdout.readline(), "")
                continue
            variable = re.match(r"(?:export )?(\w+)=", command.text)
            more = f'; printf %s "${variable[1]}"' if variable else ""
            done = subprocess.run(
                ["bash", "-e", "-o", "pipefail", "-c", command.text + more],
                cwd=place,
                env=environment,
                capture_output=True,
                text=True,
                timeout=LIMIT_SECONDS,
                check=False,
            )
            told[command.text] = Done(done.returncode, done.stdout, done.stderr)
            if variable:
                environment[variable[1]] = done.stdout
        yield told
    finally:
        if serving is not None:
            serving.send_signal(signal.SIGTERM)
            serving.communicate(timeout=60)


def outcome_of(followed: dict[str, Done], start: str) -> Done:
    """What the first command that begins so did."""
    return next(done for text, done in followed.items() if text.startswith(start))


def test_every_command_of_the_page_works(followed: dict[str, Done]) -> None:
    """An auditor who types what stands there gets what stands there."""
    failed = {text: done for text, done in followed.items() if done.code}

    assert len(followed) > 12
    assert failed == {}


@pytest.mark.parametrize("command", commands_of(PAGE.read_text(encoding="utf-8")), ids=lambda one: one.text[:60])
def test_the_output_on_the_page_is_real(followed: dict[str, Done], command: Command) -> None:
    """Each line that the page shows stands in what the command prints, numbers and times aside."""
    printed = squeezed(followed[command.text].out)

    for line in command.shown:
        for part in line.split("…"):
            assert squeezed(part) in printed, f"{command.text}\n{line}"


def test_the_page_explains_one_exchange(followed: dict[str, Done], place: Path) -> None:
    """The resident's exchange: held, confirmed by a person, answered; told in the terminal and as a page."""
    shown = outcome_of(followed, 'chukan audit explain "$EXCHANGE"').out
    page = (place / "exchange.html").read_text(encoding="utf-8")

    for text in (shown, page):
        assert "OP900" in text
        assert "自動応答不可フラグ" in text
        assert "番号法第23条第3項" in text
        assert "別表第2 16の2" in text
    assert "残っていないもの" not in shown
    assert "<script" not in page


def test_the_export_on_the_page_is_whole(followed: dict[str, Done], place: Path) -> None:
    """Everything in it proves itself: records, leaves, signed roots, the signature over the manifest."""
    manifest = json.loads((place / "audit-export" / "0001" / "manifest.json").read_text(encoding="utf-8"))
    rows = {one["sheet"]: 0 for one in manifest["files"]}
    for one in manifest["files"]:
        rows[one["sheet"]] += one["rows"]

    assert set(rows) == {sheet.name for sheet in SHEETS}
    assert min(rows[name] for name in rows) > 0
    assert "✓ OK" in outcome_of(followed, "chukan audit export --check").out


def test_the_page_names_every_query() -> None:
    """A question without a word on the page is one nobody will ask."""
    page = PAGE.read_text(encoding="utf-8")

    assert [name for name in QUERIES if f"`{name}`" not in page] == []


def test_every_sheet_has_its_statement() -> None:
    """Each sheet is read by a named statement of the store."""
    assert [sheet.name for sheet in SHEETS if sheet.statement not in STATEMENTS] == []
