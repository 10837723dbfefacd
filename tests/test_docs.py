"""The documents, held against the code: blocks run, generated parts are current, nothing is left undescribed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from broker.config import FIELDS, PREFIX
from broker.rules import exchange
from schemas.codec import TOPIC
from schemas.records import MESSAGES
from services import docs

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
PAGES = ("README.md", "docs/client.md", "docs/hub.md")
SLOW = ("make ", "chukan up", "chukan demo", "chukan bench")  # run as tests of their own


def text_of(name: str) -> str:
    """A document."""
    return (ROOT / name).read_text(encoding="utf-8")


def commands_in(name: str) -> list[str]:
    """The `$ …` lines of a document's console blocks, comments left out."""
    found = []
    for block in re.findall(r"```console\n(.*?)```", text_of(name), flags=re.DOTALL):
        found += [line[2:].split("  #")[0].strip() for line in block.splitlines() if line.startswith("$ ")]
    return found


def test_the_readme_begins_with_the_two_commands() -> None:
    """Whoever lands here at nine in the morning types one of two things."""
    assert commands_in("README.md")[:2] == ["make demo", "make test"]


@pytest.mark.parametrize(
    "command",
    [one for name in PAGES for one in commands_in(name) if not one.startswith(SLOW)],
)
def test_documented_commands_are_real(command: str) -> None:
    """Each command of the documents exists: its own --help answers, or it runs as it stands."""
    words = [word for word in command.split() if not word.startswith(("-", "<")) and "=" not in word]
    assert words[0] in ("chukan", "python"), command
    if words[0] == "python":
        return
    verb = [word for word in words[1:4] if re.fullmatch(r"[a-z]+", word)]
    environment = {**os.environ, "COLUMNS": "200"}
    shown = subprocess.run(
        [BIN / "chukan", *verb, "--help"], capture_output=True, text=True, env=environment, timeout=60, check=False
    )

    assert shown.returncode == 0, shown.stderr
    for flag in re.findall(r"--[a-z-]+", command):
        assert flag in shown.stdout, f"{command}: {flag} is not a flag of chukan {' '.join(verb)}"


def test_the_life_of_a_kind_is_current() -> None:
    """The diagram in ARCHITECTURE.md is the table of rules/exchange.py."""
    wanted = f"<!-- begin exchange -->\n```mermaid\n{exchange.diagram()}\n```\n<!-- end exchange -->"

    assert wanted in text_of("ARCHITECTURE.md"), "run: python -m services.docs"


def test_the_client_on_the_page_is_the_one_the_tests_run() -> None:
    """docs/client.md shows tests/system/independent_client.py, in at most forty lines."""
    page = text_of("docs/client.md")
    code = page.partition("```python\n")[2].partition("\n```")[0]

    assert docs.client_page(page) == page, "run: python -m services.docs"
    assert len(code.splitlines()) <= 40


def test_every_setting_is_documented() -> None:
    """docs/settings.md names each setting with its default and its words."""
    page = text_of("docs/settings.md")
    missing = [name for name, field in FIELDS.items() if f"`{PREFIX}{name.upper()}`" not in page]

    assert missing == [], "run: python -m services.docs"
    for field in FIELDS.values():
        assert field.metadata["words"] in page


def test_every_message_is_documented() -> None:
    """docs/messages.md names each message with its topic."""
    page = text_of("docs/messages.md")
    missing = [kind.__name__ for kind in MESSAGES if f"`{kind.__name__}`" not in page]

    assert missing == [], "run: python -m services.docs"
    assert [topic for topic in TOPIC.values() if topic and f"`{topic}`" not in page] == []


def test_every_verb_is_documented() -> None:
    """The README or a page of the docs shows each verb of the command."""
    shown = subprocess.run(
        [BIN / "chukan", "--help"],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"},
        timeout=60,
        check=True,
    )
    verbs = re.findall(r"^[│| ]*([a-z]+) {2,}\S", shown.stdout, flags=re.MULTILINE)
    pages = text_of("README.md") + "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md"))

    assert len(verbs) > 8
    assert [verb for verb in verbs if f"chukan {verb}" not in pages] == []


def pages() -> list[Path]:
    """Every document."""
    return [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.name)
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    """A reader who follows a link arrives: at a file, and at a heading of it when one is named."""
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        name, _, heading = link.partition("#")
        target = path.parent / name if name else path
        if "://" in link:
            continue
        titles = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE) if target.is_file() else []
        known = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
        broken += [] if target.exists() and (not heading or heading in known) else [link]

    assert broken == []


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.name)
def test_no_document_has_scars_of_a_merge(path: Path) -> None:
    """No row of a table and no paragraph twice, each heading apart, and no blank line inside of a list."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    blocks = [block for block in re.split(r"\n{2,}", text) if block.strip()]
    rows = [line for block in blocks if block.startswith("|") for line in set(block.splitlines())]
    counted = [line for block in blocks if block.startswith("|") for line in block.splitlines()]
    lists = [block.startswith("- ") for block in blocks]

    assert len(counted) == len(rows), [line for line in counted if counted.count(line) > 1]
    assert [block for block in blocks if len(block) > 60 and blocks.count(block) > 1] == []
    assert re.findall(r"(?<!\n)\n#+ .*", text) == []
    if path.name == "CHANGELOG.md":
        assert [block for block, other in pairwise(lists) if block and other] == []


def test_the_changelog_keeps_its_form() -> None:
    """Keep a Changelog: the kinds of change in their order, each once a version, and no entry twice."""
    kinds = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
    versions = text_of("CHANGELOG.md").split("\n## ")[1:]

    assert versions[0].startswith("[Unreleased]")
    for version in versions:
        found = re.findall(r"^### (.+)$", version, re.MULTILINE)
        entries = re.findall(r"^- (.+)$", version, re.MULTILINE)
        assert found == [kind for kind in kinds if kind in found]
        assert sorted(set(entries)) == sorted(entries)


def test_the_map_names_every_folder() -> None:
    """ARCHITECTURE.md's map shows each folder of the three packages, and each module of broker."""
    drawn = text_of("ARCHITECTURE.md").partition("## The map")[2].partition("```\n")[2].partition("```")[0]
    folders = {path.parent for name in ("schemas", "broker", "services") for path in (ROOT / name).rglob("*.*")}
    names = {f"{folder.name}/" for folder in folders if folder.name != "__pycache__"}
    modules = {path.stem for path in (ROOT / "broker").glob("*.py")} - {"__init__"}

    assert [name for name in sorted(names) if name not in drawn] == []
    assert [name for name in sorted(modules) if not re.search(rf"\b{name}\b", drawn)] == []


def test_no_document_names_this_machine() -> None:
    """A path of a machine or the host of a registry belongs in no file."""
    hosts = re.compile(r"pypi\.org|pythonhosted|repo1?\.maven|registry\.npmjs|docker\.io|ghcr\.io")
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30)
    guilty = []
    for name in tracked.stdout.split():
        path = ROOT / name
        if path.suffix in {".png", ".jar"} or path == Path(__file__):
            continue
        body = path.read_text(encoding="utf-8", errors="ignore")
        if hosts.search(body) or re.search(r"(?<![\w.])/(?:work|root)/", body):
            guilty.append(name)

    assert guilty == []
