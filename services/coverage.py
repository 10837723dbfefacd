"""Where each function and each measure of the assessment is: one table, and whether what it names is really there.

Owns `coverage.toml` beside it. Promises that nothing is claimed: a module, message, route, command, scenario or test
that does not exist is told as missing. Leaves what the functions do to their modules. Tests are looked up where there
is a source tree; an installed package has none.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import typer

from schemas.records import MESSAGES
from services.scenarios import form

TABLE = Path(__file__).with_suffix(".toml")
ROOT = Path(__file__).parent.parent
NATURES = {
    "software": ("ソフトウェア", "software"),
    "organisational": ("組織的措置（運用）", "organisational"),
    "physical": ("物理的措置", "physical"),
}


class Function(NamedTuple):
    """One function of a system. reached: "message X", "route METHOD /path" or "command words"."""

    system: str
    number: int
    ja: str
    en: str
    modules: tuple[str, ...]
    reached: tuple[str, ...]
    scenarios: tuple[str, ...]
    tests: tuple[str, ...]

    @property
    def key(self) -> str:
        """Its name among all."""
        return f"{self.system} {self.number}"


class Measure(NamedTuple):
    """One measure of section III. ja: words by which it is found there; rule: what the software does about it.

    A measure for people or buildings alone has no scenario; contributes: what the software adds to it nevertheless.
    """

    key: str
    section: str
    ja: str
    nature: str
    rule_ja: str
    rule_en: str
    modules: tuple[str, ...]
    tests: tuple[str, ...]
    commands: tuple[str, ...]
    scenarios: tuple[str, ...]
    contributes_ja: str = ""
    contributes_en: str = ""


class Missing(NamedTuple):
    """Something the table names that is not there."""

    key: str
    what: str


def _row(kind: type[Any], row: Mapping[str, Any]) -> Any:
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in row.items()})


@cache
def table() -> tuple[tuple[Function, ...], tuple[Measure, ...]]:
    """The functions and the measures, in the order of the assessment."""
    found = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    functions = tuple(_row(Function, row) for row in found["function"])
    return functions, tuple(_row(Measure, row) for row in found["measure"])


# ── looking things up ────────────────────────────────────────────────────────────────────────────────────────────


def has_module(name: str) -> bool:
    """`package.module`, or `package.module:thing`."""
    module, _, thing = name.partition(":")
    try:
        return hasattr(importlib.import_module(module), thing) if thing else bool(importlib.util.find_spec(module))
    except ModuleNotFoundError:
        return False


def has_message(name: str) -> bool:
    """A message that travels."""
    return name in {kind.__name__ for kind in MESSAGES}


@cache
def commands() -> frozenset[str]:
    """Every verb of the `chukan` command, its words apart by blanks."""
    app = importlib.import_module("services.__main__").command()  # which imports this module: looked up when asked

    def below(group: Any, before: str) -> Iterator[str]:
        for name, command in getattr(group, "commands", {}).items():
            words = f"{before} {name}".strip()
            if hasattr(command, "commands"):
                yield from below(command, words)
            else:
                yield words

    return frozenset(below(typer.main.get_command(app), ""))


@cache
def routes() -> frozenset[str]:
    """Every route of the integrated-number system, as "METHOD /path"."""
    try:
        router = importlib.import_module("services.integrated_number.api").router
    except ModuleNotFoundError:
        return frozenset()
    return frozenset(f"{method} {route.path}" for route in router.routes for method in route.methods)


def has_test(name: str) -> bool:
    """`tests/file.py::test_name`, or a whole file; always true where there is no source tree."""
    path, _, function = name.partition("::")
    if not (ROOT / "tests").is_dir():
        return True
    return path in _tests() and (not function or function in _tests()[path])


@cache
def _tests() -> Mapping[str, frozenset[str]]:
    found = {}
    for path in (ROOT / "tests").rglob("test_*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        found[path.relative_to(ROOT).as_posix()] = frozenset(names)
    return found


REACHED: Mapping[str, Callable[[str], bool]] = {
    "message": has_message,
    "route": lambda name: name in routes(),
    "command": lambda name: name in commands(),
}


def _reached(name: str) -> bool:
    kind, _, what = name.partition(" ")
    return kind in REACHED and REACHED[kind](what)


def missing() -> list[Missing]:
    """Everything the table names that is not there, and every row that lacks a part it must have."""
    functions, measures = table()
    return [gone for one in functions for gone in missing_of_function(one)] + [
        gone for measure in measures for gone in missing_of_measure(measure)
    ]


def missing_of_function(one: Function) -> list[Missing]:
    """What a function names that is not there, and what it does not name."""
    return [
        *_absent(one.key, "module", one.modules, has_module),
        *_absent(one.key, "", one.reached, _reached),
        *_absent(one.key, "scenario", one.scenarios, has_scenario),
        *_absent(one.key, "test", one.tests, has_test),
        *_unnamed(one, ("modules", "reached", "scenarios", "tests")),
    ]


def missing_of_measure(one: Measure) -> list[Missing]:
    """The same of a measure. One without a scenario is not software's alone, and says what the software contributes."""
    found = [
        *_absent(one.key, "module", one.modules, has_module),
        *_absent(one.key, "test", one.tests, has_test),
        *_absent(one.key, "command", one.commands, lambda name: name in commands()),
        *_absent(one.key, "scenario", one.scenarios, has_scenario),
    ]
    if one.nature not in NATURES:
        found.append(Missing(one.key, f"nature {one.nature}"))
    if one.scenarios or one.nature == "software":
        return [*found, *_unnamed(one, ("modules", "commands", "scenarios", "tests"))]
    return [*found, *_unnamed(one, ("contributes_ja", "contributes_en"))]


def has_scenario(name: str) -> bool:
    """A scenario that comes with the program."""
    return name in form.names()


def _unnamed(one: Function | Measure, parts: Sequence[str]) -> list[Missing]:
    return [Missing(one.key, f"names no {part}") for part in parts if not getattr(one, part)]


def _absent(key: str, kind: str, names: Sequence[str], there: Callable[[str], bool]) -> list[Missing]:
    return [Missing(key, f"{kind} {name}".strip()) for name in names if not there(name)]


# ── the page ─────────────────────────────────────────────────────────────────────────────────────────────────────


def page() -> str:
    """docs/measures.md."""
    functions, measures = table()
    lines = [
        "# 評価書との対応 / where the assessment is",
        "",
        "`services/coverage.toml` から `python -m services.docs` が作ります。`chukan coverage` は同じ表を、",
        "挙げたものが本当にあるかを確かめながら示し、欠けていれば終了コード 1 で終わります。",
        "Made from `services/coverage.toml`; `chukan coverage` shows the same and looks whether all of it is there.",
        "",
        "「組織的措置」「物理的措置」は人や設備の仕事で、ここではソフトウェアが何を助けるかだけを書きます。",
        "What people or buildings must do is marked so, with what the software contributes. A measure that names no",
        "scenario is one of these: nothing of it can be tried by a program.",
    ]
    for system in dict.fromkeys(one.system for one in functions):
        lines += [
            "",
            f"## {system}",
            "",
            "| | 機能 / function | どこ / where | どう使う / reached by | シナリオ | 試験 / test |",
        ]
        lines += ["| --- | --- | --- | --- | --- | --- |"]
        lines += [_function_line(one) for one in functions if one.system == system]
    section = ""
    for measure in measures:
        if measure.section != section:
            section = measure.section
            lines += ["", f"## {section}"]
        lines += ["", *_measure_lines(measure)]
    return "\n".join([*lines, ""])


def _function_line(one: Function) -> str:
    where = ", ".join(f"`{name}`" for name in one.modules)
    reached = ", ".join(f"`{_shown(name)}`" for name in one.reached)
    cells = (f"{one.ja}<br>{one.en}", where, reached, ", ".join(one.scenarios) or "—", _tests_shown(one.tests))
    return f"| {one.number} | {' | '.join(cells)} |"


def _shown(name: str) -> str:
    kind, _, what = name.partition(" ")
    return f"chukan {what}" if kind == "command" else what


def _tests_shown(tests: Sequence[str]) -> str:
    return ", ".join(f"`{test.removeprefix('tests/')}`" for test in tests)


def _measure_lines(one: Measure) -> list[str]:
    ja, en = NATURES[one.nature]
    lines = [f"**{one.key}** 「{one.ja}」 — {ja} / {en}", "", f"- {one.rule_ja}", f"  {one.rule_en}"]
    if one.contributes_ja:
        lines.append(f"- ソフトウェアの寄与 / what the software contributes: {one.contributes_ja}")
        lines.append(f"  {one.contributes_en}")
    if one.modules:
        lines.append(f"- どこ / where: {', '.join(f'`{name}`' for name in one.modules)}")
    if one.tests:
        lines.append(f"- 破ろうとする試験 / the test that tries to break it: {_tests_shown(one.tests)}")
    if one.commands:
        lines.append(f"- 示す指令 / shown by: {', '.join(f'`chukan {name}`' for name in one.commands)}")
    if one.scenarios:
        lines.append(f"- シナリオ / scenarios: {', '.join(one.scenarios)}")
    return lines
