"""Every reader of a message understands every writer of it, ever (FULL_TRANSITIVE), judged by Apache Avro's checker."""

import json
from collections import defaultdict
from importlib import resources
from itertools import permutations
from typing import Any

import pytest
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.schema import make_avsc_object

from schemas.codec import SCHEMAS


def misunderstandings(schemas: list[dict[str, Any]]) -> list[str]:
    """What keeps one of these schemas from reading another; every ordered pair is asked."""
    parsed = [make_avsc_object(json.loads(json.dumps(schema))) for schema in schemas]
    found = []
    for (reading, reader), (writing, writer) in permutations(enumerate(parsed), 2):
        result = ReaderWriterCompatibilityChecker().get_compatibility(reader, writer)
        if result.compatibility is not SchemaCompatibilityType.compatible:
            found.append(f"version {reading} does not read version {writing}: {'; '.join(sorted(result.messages))}")
    return found


def history() -> dict[str, list[dict[str, Any]]]:
    """All schemas of each message, oldest first."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for number in sorted(SCHEMAS):
        found[SCHEMAS[number].name].append(json.loads(SCHEMAS[number].text))
    return found


@pytest.mark.parametrize("name", history())
def test_every_version_of_a_message_reads_every_other(name: str) -> None:
    """Old logs stay readable, and old readers understand what today's writers say."""
    assert misunderstandings(history()[name]) == []


def test_every_retired_schema_has_a_number() -> None:
    """A text in `retired/` that no number points to would be checked by nobody."""
    folder = resources.files("schemas").joinpath("retired")
    texts = [path.name for path in folder.iterdir()] if folder.is_dir() else []

    assert sorted(texts) == sorted(f"{schema.id}.avsc" for schema in SCHEMAS.values() if not schema.current)


def field(name: str, kind: Any = "string", **more: Any) -> dict[str, Any]:
    """A field."""
    return {"name": name, "type": kind, "doc": "A field.", **more}


def message(*fields: dict[str, Any], name: str = "Said") -> dict[str, Any]:
    """A message with these fields."""
    return {"type": "record", "name": name, "namespace": "jp.chukan", "doc": "Said.", "fields": list(fields)}


def outcome(*symbols: str) -> dict[str, Any]:
    """An enum."""
    return {"type": "enum", "name": "Outcome", "doc": "Outcome.", "symbols": list(symbols)}


def kinds(*fields: dict[str, Any]) -> dict[str, Any]:
    """An array of records with these fields."""
    part = {"type": "record", "name": "Kind", "doc": "Kind.", "fields": list(fields)}
    return {"type": "array", "items": part}


OLD = message(field("code"), field("note", default=""))
GOOD = {
    "a field with a default is added": [OLD, message(*OLD["fields"], field("size", "long", default=0))],
    "a field with a default is removed": [OLD, message(field("code"))],
    "fields change places": [OLD, message(field("note", default=""), field("code"))],
    "docs and attributes change": [OLD, {**OLD, "doc": "Other.", "topic": "said", "key": "code"}],
    "a nested field with a default is added": [
        message(field("kinds", kinds(field("code")))),
        message(field("kinds", kinds(field("code"), field("note", default="")))),
    ],
}
BAD = {
    "a field without a default is added": [OLD, message(*OLD["fields"], field("size", "long"))],
    "a field without a default is removed": [OLD, message(field("note", default=""))],
    "a field changes its type": [OLD, message(field("code", "long"), field("note", default=""))],
    "a long becomes a double, which only reads forward": [
        message(field("size", "long")),
        message(field("size", "double")),
    ],
    "a field becomes nullable": [OLD, message(field("code", ["null", "string"]), field("note", default=""))],
    "a field is renamed": [OLD, message(field("number"), field("note", default=""))],
    "the message is renamed": [OLD, {**OLD, "name": "Told"}],
    "an enum gains a symbol": [
        message(field("outcome", outcome("OK"))),
        message(field("outcome", outcome("OK", "HELD"))),
    ],
    "a nested field without a default is added": [
        message(field("kinds", kinds(field("code")))),
        message(field("kinds", kinds(field("code"), field("note")))),
    ],
    "neighbours understand each other, the ends do not": [
        message(field("code"), field("size", default="")),
        message(field("code")),
        message(field("code"), field("size", "long", default=0)),
    ],
}


@pytest.mark.parametrize("versions", GOOD.values(), ids=GOOD)
def test_changes_that_are_allowed(versions: list[dict[str, Any]]) -> None:
    """The way a message may grow."""
    assert misunderstandings(versions) == []


@pytest.mark.parametrize("versions", BAD.values(), ids=BAD)
def test_changes_that_are_refused(versions: list[dict[str, Any]]) -> None:
    """The check can fail, also where only one direction or only distant versions part."""
    assert misunderstandings(versions)
