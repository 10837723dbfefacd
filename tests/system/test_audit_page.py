"""docs/audit.md as an auditor follows it: every command runs, in order, on the installation that the demo leaves."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
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
                found.append(Command(line[2:].strip(), ()))
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


def surroundings() -> dict[str, str]:
    """What the page is followed in."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "NO_COLOR": "1", "CI": "1", "PATH": path}


@pytest.fixture(scope="module")
def followed(place: Path) -> Iterator[dict[str, Done]]:
    """Every command of the page, in order; `chukan up` runs on until the end."""
    environment = surroundings()
    told: dict[str, Done] = {}
    serving: subprocess.Popen[str] | None = None
    try:
        for command in commands_of(PAGE.read_text(encoding="utf-8")):
            if command.text.startswith("chukan up"):
                serving = subprocess.Popen(
                    shlex.split(command.text, comments=True),
                    cwd=place,
                    env=environment,
                    stdout=subprocess.PIPE,
                    text=True,
                )
                assert serving.stdout is not None
                told[command.text] = Done(0, serving.stdout.readline(), "")
                continue
            variable = re.match(r"(?:export )?(\w+)=", command.text)
            more = f'\nprintf %s "${variable[1]}"' if variable else ""
            done = subprocess.run(
                ["bash", "-e", "-o", "pipefail", "-c", command.text + more],
                cwd=place,
                env=environment,
                capture_output=True,
                text=True,
                timeout=LIMIT_SECONDS,
                check=False,
            )
            assert command.text not in told, f"twice on the page: {command.text}"
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


# ── what the page says in words, on the installation that it leaves: one exchange erased ─────────────────────────

ALONE = """
import runpy, sys
def deny(event, _):
    if event.startswith("socket."):
        raise OSError("no network: " + event)
sys.addaudithook(deny)
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    assert not {"broker", "schemas", "services"} & set(sys.modules)
"""


def alone(place: Path, capsule: Path, root: str) -> Done:
    """The verifier that the page wrote, in a process with nothing of ours: no environment, no network, no import."""
    command = ["env", "-i", sys.executable, "-I", "-c", ALONE, str(place / "verifier.py"), str(capsule), root]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
    return Done(done.returncode, done.stdout, done.stderr)


def typed(place: Path, *arguments: str) -> Done:
    """A verb, typed at the installation of the page."""
    environment = {**surroundings(), "CHUKAN_DATA_DIR": str(place / DIRECTORY)}
    command = [sys.executable, "-m", "services", *arguments]
    done = subprocess.run(
        command, cwd=place, env=environment, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False
    )
    return Done(done.returncode, done.stdout, done.stderr)


def told_by(done: Done, code: int = 0) -> dict[str, Any]:
    """The object a verb printed."""
    assert done.code == code, done
    found: dict[str, Any] = json.loads(done.out)
    return found


def exchange_that_ended(place: Path, outcome: str) -> str:
    """An exchange of the demo with this outcome, as the export names it."""
    files = str(place / "audit-export" / "0001" / "exchanges*.parquet")
    wanted = "select max(exchange_id) from read_parquet(?) where outcome = ?"
    with duckdb.connect() as database:
        found = database.execute(wanted, (files, outcome)).fetchone()
    assert found is not None
    assert found[0], outcome
    return str(found[0])


def root_of(followed: dict[str, Done]) -> str:
    """The root key that the page had the auditor keep."""
    return outcome_of(followed, "ROOT=").out


@pytest.mark.parametrize(
    ("outcome", "permit", "parties"),
    [
        ("OK", True, ["INQUIRER", "NETWORK", "PROVIDER"]),
        ("NOT_PERMITTED", False, ["INQUIRER", "NETWORK"]),
        ("REFUSED", True, ["INQUIRER", "NETWORK", "PROVIDER"]),
    ],
)
def test_a_capsule_holds_however_the_exchange_ended(
    followed: dict[str, Done], place: Path, outcome: str, permit: bool, parties: list[str]
) -> None:
    """Answered, refused by the network, refused by a person: `open` and the verifier alone agree on each."""
    root, capsule = root_of(followed), place / f"{outcome}.json"
    name = exchange_that_ended(place, outcome)
    assert typed(place, "audit", "capsule", name, "-o", str(capsule)).code == 0

    told = told_by(typed(place, "audit", "open", str(capsule), "--root", root, "--json"))
    stranger = alone(place, capsule, root)

    assert (told["holds"], told["root_trusted"], told["exchange_id"], told["permit"]) == (True, True, name, permit)
    assert [one["party"] for one in told["records"]] == parties
    assert {one["outcome"] for one in told["records"]} == {outcome}
    assert stranger.code == 0, stranger
    assert told["summary"]["ja"] in stranger.out


def changed(text: str, before: str) -> str:
    """The text with one hexadecimal digit after this mark turned into another."""
    at = text.index(before) + len(before)
    return text[:at] + ("1" if text[at] == "0" else "0") + text[at + 1 :]


@pytest.mark.parametrize("field", ["body", "checkpoint", "detail", "permits", "signature"])
def test_one_changed_byte_is_refused_with_its_rule(followed: dict[str, Done], place: Path, field: str) -> None:
    """Wherever it is changed, the seal is broken: both programs say so by name, and end with 1."""
    root, capsule = root_of(followed), place / f"changed-{field}.json"
    whole = (place / "capsule.json").read_text(encoding="utf-8")
    capsule.write_text(changed(whole, f'"{field}":"'), encoding="utf-8")

    told = told_by(typed(place, "audit", "open", str(capsule), "--root", root, "--json"), code=1)
    stranger = alone(place, capsule, root)

    assert (told["holds"], told["rule"]) == (False, "SEAL")
    assert stranger.code == 1
    assert "SEAL" in stranger.err


def test_a_capsule_of_another_installation_is_refused(followed: dict[str, Done], place: Path) -> None:
    """A root key that is not the one told on another way ends the reading."""
    other = root_of(followed)[::-1]

    told = told_by(typed(place, "audit", "open", str(place / "capsule.json"), "--root", other, "--json"), code=1)
    stranger = alone(place, place / "capsule.json", other)

    assert (told["holds"], told["rule"]) == (False, "ROOT_KEY")
    assert stranger.code == 1
    assert "ROOT_KEY" in stranger.err


def test_an_exchange_that_never_was_has_no_capsule(followed: dict[str, Done], place: Path) -> None:
    """Nothing is written, and the reason is told."""
    capsule = place / "never.json"

    done = typed(place, "audit", "capsule", "9900123211400000-20260401000000099900", "-o", str(capsule))

    assert root_of(followed)
    assert done.code != 0
    assert "there is no record of it" in done.err
    assert not capsule.exists()


def test_the_erased_exchange_is_proved_and_forgotten(followed: dict[str, Done], place: Path) -> None:
    """The new capsule holds nothing that was erased; the old one, beside it, says existed, erased under rule."""
    root, old, new = root_of(followed), place / "capsule.json", place / "after.json"

    told = told_by(typed(place, "audit", "open", str(old), "--root", root, "--with", str(new), "--json"))
    stranger = alone(place, new, root)

    assert [one["party"] for one in told["erased"]] == ["INQUIRER", "NETWORK", "PROVIDER"]
    assert {one["rule"] for one in told["erased"]} == {"CORRECTED"}
    assert {one["operator_id"] for one in told["erased"]} == {"soumu-01"}
    assert stranger.code == 0, stranger
    assert "CORRECTED" in stranger.out
    assert "OP900" in old.read_text(encoding="utf-8")
    assert "OP900" not in new.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "arguments",
    [
        ("audit", "verify"),
        ("audit", "replay", "--fresh"),
        ("audit", "redecide"),
        ("audit", "reconcile"),
        ("audit", "export", "-o", "export-after"),
        ("audit", "export", "--check", "export-after"),
        ("audit", "export", "--check", "audit-export"),
    ],
    ids=" ".join,
)
def test_everything_is_still_in_order_after_the_erasure(
    followed: dict[str, Done], place: Path, arguments: tuple[str, ...]
) -> None:
    """What was forgotten by order is no fault to anybody who checks: not now, not in an export of before."""
    assert outcome_of(followed, "chukan erase exchange").code == 0

    done = typed(place, *arguments)

    assert done.code == 0, done
    assert "✗" not in done.out


def test_what_is_gone_is_said_to_be_gone(followed: dict[str, Done], place: Path) -> None:
    """`audit explain` of the erased exchange names what is missing; `erase` a second time finds nothing."""
    name = outcome_of(followed, "EXCHANGE=").out

    told = typed(place, "audit", "explain", name)
    again = told_by(typed(place, "erase", "exchange", name, "--operator", "soumu-01", "--json"))

    assert told.code == 0, told
    assert "記録の詳細は消去されました" in told.out
    assert [(one["erased"], one["left"]) for one in again["steps"]] == [(0, 0)] * 3
