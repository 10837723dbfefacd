"""A scenario's text file and the frozen values it becomes.

Owns the form of the files and every way one can be wrong. Promises that an unknown key, verb, actor or step is an error
which names file, line and place, with the nearest known name. Leaves what a verb does to `verbs` and playing to `play`.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from importlib import resources
from typing import Any, NamedTuple

from broker.errors import ConfigurationFault
from services.scenarios.casting import Argument, Verb
from services.scenarios.verbs import VERBS
from services.world import HOUSEHOLD, LOCAL_TAX, VACCINATION

FILES = resources.files("services.scenarios") / "files"
KINDS = {"vaccination": VACCINATION, "household": HOUSEHOLD, "local_tax": LOCAL_TAX}
TOP = ("title_ja", "title_en", "source", "shortened", "stages", "actors", "parameters", "step", "records")
REQUIRED = ("title_ja", "title_en", "source", "actors", "step", "records")
STAGES = ("memory", "real")
ACTORS = ("institutions", "people")
PERSON = ("home", "previous")
RECORD = re.compile(r"(INQUIRER|NETWORK|PROVIDER) [A-Z_]+( [A-Z_]+)?")
NAME = re.compile(r"[a-z][a-z0-9_]{0,19}")
STEPS_AT_MOST = 60


class ScenarioFault(ConfigurationFault):
    """A scenario file is wrong; the text names file, line and place."""


class Person(NamedTuple):
    """A synthetic person by the institutions they live and lived at."""

    home: str
    previous: str


class Step(NamedTuple):
    """One step: what is done, with what, and what must come of it. name: for later steps and the records."""

    line: int
    verb: str
    name: str
    arguments: Mapping[str, Any]
    expect: Mapping[str, Any]


class Scenario(NamedTuple):
    """A scenario file. institutions: name → municipality's name; records: step → records it must leave.

    shortened: what on real parts takes less time than in life, in words; empty when nothing does. stages: where it can
    be played: in memory and on real parts, or on real parts alone, for what only they can refuse.
    """

    name: str
    title_ja: str
    title_en: str
    source: str
    shortened: str
    stages: tuple[str, ...]
    institutions: Mapping[str, str]
    people: Mapping[str, Person]
    steps: tuple[Step, ...]
    records: Mapping[str, tuple[str, ...]]


def names() -> tuple[str, ...]:
    """The scenarios that come with the program."""
    return tuple(sorted(one.name[:-5] for one in FILES.iterdir() if one.name.endswith(".toml")))


def load(name: str) -> Scenario:
    """A scenario that comes with the program."""
    if name not in names():
        raise ScenarioFault(f"scenario {name!r}: {unknown(name, names())}")
    return parse(name, (FILES / f"{name}.toml").read_text(encoding="utf-8"))


def unknown(name: str, known: Collection[str]) -> str:
    """That there is no such name, with the nearest or all known ones."""
    near = difflib.get_close_matches(str(name), [str(one) for one in known], 1, 0.5)
    words = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(known)) or 'none'}"
    return f"unknown {name!r}; {words}"


def parse(name: str, text: str) -> Scenario:
    """The scenario in this text; ScenarioFault when anything in it is wrong."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioFault(f"{name}.toml: not TOML: {error}") from None
    return _Reading(name, text, found).scenario()


class _Reading:
    """One file being read."""

    def __init__(self, name: str, text: str, found: Mapping[str, Any]) -> None:
        self.name = name
        self.found = found
        self._lines = [number for number, line in enumerate(text.splitlines(), 1) if line.strip() == "[[step]]"]
        self._text = text.splitlines()

    def fail(self, where: str, words: str, line: int = 0) -> ScenarioFault:
        return ScenarioFault(f"{self.name}.toml:{line or self._line_of(where)}: {where}: {words}")

    def _line_of(self, where: str) -> int:
        word = where.rpartition(".")[2]
        return next((n for n, line in enumerate(self._text, 1) if re.match(rf"\W*{re.escape(word)}\b", line)), 1)

    def scenario(self) -> Scenario:
        self._keys("", self.found, TOP, REQUIRED)
        texts = {key: self._text_at(key) for key in TOP[:4]}
        stages = self._stages()
        actors = self._table("actors")
        self._keys("actors", actors, ACTORS, ACTORS[:1])
        parameters = self._table("parameters")
        institutions = {key: str(value) for key, value in actors["institutions"].items()}
        for key in institutions:
            self._named(f"actors.institutions.{key}", key)
        people = dict(self._people(actors.get("people", {}), institutions))
        steps = tuple(self._steps(institutions, people, parameters))
        records = dict(self._records(steps))
        return Scenario(
            self.name, **texts, stages=stages, institutions=institutions, people=people, steps=steps, records=records
        )

    def _text_at(self, key: str) -> str:
        value = self.found.get(key, "")
        if not isinstance(value, str):
            raise self.fail(key, "must be text")
        return value

    def _stages(self) -> tuple[str, ...]:
        value = self.found.get("stages", list(STAGES))
        if value not in (list(STAGES), [STAGES[-1]]):
            raise self.fail("stages", 'must be ["real"] or left out: both')
        return tuple(value)

    def _table(self, key: str) -> Mapping[str, Any]:
        value = self.found.get(key, {})
        if not isinstance(value, dict):
            raise self.fail(key, "must be a table")
        return value

    def _named(self, where: str, name: str, line: int = 0) -> None:
        if not NAME.fullmatch(name):
            raise self.fail(where, f"{name!r} is no name: a-z, 0-9 and _, at most 20, a letter first", line)

    def _keys(
        self, where: str, table: Mapping[str, Any], known: Collection[str], required: Collection[str], line: int = 0
    ) -> None:
        for key in table:
            if key not in known:
                raise self.fail(f"{where}.{key}".lstrip("."), unknown(key, known), line)
        for key in required:
            if key not in table:
                raise self.fail(where or "file", f"{key!r} is missing", line)

    def _people(self, people: Mapping[str, Any], institutions: Collection[str]) -> Iterator[tuple[str, Person]]:
        for key, value in people.items():
            where = f"actors.people.{key}"
            self._named(where, key)
            if not isinstance(value, dict):
                raise self.fail(where, "must be a table with home and previous")
            self._keys(where, value, PERSON, PERSON)
            for part in PERSON:
                if value[part] not in institutions:
                    raise self.fail(where, f"{part}: {unknown(value[part], institutions)}")
            if value["home"] == value["previous"]:
                raise self.fail(where, "home and previous are the same")
            yield key, Person(value["home"], value["previous"])

    def _steps(
        self, institutions: Collection[str], people: Collection[str], parameters: Mapping[str, Any]
    ) -> Iterator[Step]:
        rows = self.found["step"]
        if not isinstance(rows, list) or not rows or len(rows) > STEPS_AT_MOST:
            raise self.fail("step", f"must be 1 to {STEPS_AT_MOST} [[step]] tables")
        before: dict[str, str] = {}
        for place, row in enumerate(rows, 1):
            line = self._lines[place - 1] if place <= len(self._lines) else 1
            where = f"step {place}"
            word = row.get("do")
            if word not in VERBS:
                raise self.fail(where, f"do: {unknown(word, VERBS)}", line)
            verb, where = VERBS[word], f"step {place} ({word})"
            self._keys(where, row, ("do", "name", "expect", *verb.arguments), ("do", *_required(verb)), line)
            known = {"institution": institutions, "person": people, "kind": KINDS, "step": before}
            arguments = {
                key: self._argument(f"{where}.{key}", argument, row.get(key, argument.default), known, parameters, line)
                for key, argument in verb.arguments.items()
            }
            name = row.get("name", f"{word}_{place}")
            self._named(f"{where}.name", name, line)
            if name in before:
                raise self.fail(where, f"name {name!r} is taken by an earlier step", line)
            expect = row.get("expect", {})
            self._keys(f"{where}.expect", expect, verb.results, (), line)
            before[name] = word
            yield Step(line, word, name, arguments, expect)

    def _argument(
        self,
        where: str,
        argument: Argument,
        value: Any,
        known: Mapping[str, Collection[str]],
        parameters: Mapping[str, Any],
        line: int,
    ) -> Any:
        if isinstance(value, str) and value.startswith("$"):
            if value[1:] not in parameters:
                raise self.fail(where, unknown(value[1:], parameters), line)
            value = parameters[value[1:]]
        if value is None or value == argument.default:
            return value
        wanted = list(value) if argument.many and isinstance(value, list) else [value]
        if argument.many != isinstance(value, list):
            raise self.fail(where, "must be a list" if argument.many else "must not be a list", line)
        for one in wanted:
            if not isinstance(one, argument.type) or (isinstance(one, bool) and argument.type is not bool):
                raise self.fail(where, f"must be {argument.type.__name__}, not {one!r}", line)
            choices = argument.choices or known.get(argument.of, ())
            if (argument.choices or argument.of) and one not in choices:
                raise self.fail(where, unknown(one, choices), line)
            if argument.type is int and not 0 <= one <= argument.most:
                raise self.fail(where, f"must lie between 0 and {argument.most}", line)
        return tuple(wanted) if argument.many else value

    def _records(self, steps: tuple[Step, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
        asking = [step.name for step in steps if VERBS[step.verb].asks]
        records = self._table("records")
        for key, rows in records.items():
            if key not in asking:
                raise self.fail(f"records.{key}", unknown(key, asking))
            if not isinstance(rows, list) or not all(isinstance(row, str) and RECORD.fullmatch(row) for row in rows):
                raise self.fail(f"records.{key}", 'must be a list of texts like "PROVIDER OK" or "NETWORK X RULE"')
            yield key, tuple(sorted(rows))
        for name in asking:
            if name not in records:
                raise self.fail("records", f"the records of {name!r} are missing; an empty list means none")


def _required(verb: Verb) -> list[str]:
    return [key for key, argument in verb.arguments.items() if argument.required]
