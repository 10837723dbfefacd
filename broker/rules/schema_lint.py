"""What a schema of ours may look like, and whether the numbered schemas are what their numbers stand for.

Owns the rules of `RULES` and their wording. Promises that `lint` never raises and never descends deeper than the cap,
whatever it is given, so that it can stand before any parser. Leaves to others whether a reader of one version
understands a writer of another: the tests ask Apache Avro's own checker (design section 5, FULL_TRANSITIVE).

Why so strict: a message of 5 kB against a recursive schema ends the process in fastavro; a few bytes against an array
of items without width are a list of a billion entries; unions other than nullable ones and the range of `int` have
been sources of silent errors. As every type here takes at least one byte, a message never holds more values than bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

NAMESPACE = "jp.chukan"
DEPTH_LIMIT = 8
PRIMITIVES = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})
RULES = {
    "TYPE": "every type is a primitive, record, enum, array, map, fixed or nullable union of Avro",
    "NAME": "names follow the Avro specification and are given once",
    "DOC": "every record, field, enum and fixed says what it is",
    "DEPTH": f"types are nested at most {DEPTH_LIMIT} deep",
    "RECURSION": "no type contains itself",
    "ZERO_WIDTH": "every type takes at least one byte",
    "UNION": 'a union is ["null", T]',
    "INT": "whole numbers are long",
    "TOPIC": "the topic is a Kafka name, and its placeholder a text field of the record",
    "KEY": "the key is a text field of the record; there is one exactly when there is a topic",
}

_name = re.compile(r"[A-Za-z_][A-Za-z0-9_]*").fullmatch
_full_name = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*").fullmatch
_topic = re.compile(r"[A-Za-z0-9._-]*(\{([A-Za-z0-9_]*)\}[A-Za-z0-9._-]*)?").fullmatch


class Finding(NamedTuple):
    """One thing wrong. path: e.g. InquiryRequested.kinds[].period_to; rule: a key of RULES, or IDS of `check`."""

    path: str
    rule: str
    text: str


def lint(schema: Any) -> list[Finding]:
    """Everything wrong with one message's schema (parsed JSON); an empty list when it may be used."""
    walk = _Walk()
    path = str(schema.get("name", "")) if isinstance(schema, dict) else ""
    if not isinstance(schema, dict) or schema.get("type") != "record":
        return [Finding(path, "TYPE", "a message is a record")]
    walk.height(schema, path, "", 1)
    return [*walk.found, *_addressing(schema, path)]


def check(
    entries: Sequence[Mapping[str, Any]],
    texts: Mapping[int, str],
    digest_of: Callable[[dict[str, Any]], str],
) -> list[Finding]:
    """Everything wrong with the numbered schemas, for `chukan schemas check`.

    entries: ids.json, oldest first ({"id", "name", "digest"}); texts: the JSON text of each id;
    digest_of: what a number stands for (`schemas.generate.digest_of`), asked only for schemas that pass `lint`.
    """
    found: list[Finding] = []
    for before, entry in zip([None, *entries], entries, strict=False):
        if before is not None and entry["id"] <= before["id"]:
            found.append(Finding(str(entry["name"]), "IDS", f"{entry['id']} does not follow {before['id']}"))
        found += _entry(entry, texts.get(entry["id"]), digest_of)
    known = {entry["id"] for entry in entries}
    return found + [Finding("", "IDS", f"{one} has a text and no entry in ids.json") for one in texts.keys() - known]


def _entry(entry: Mapping[str, Any], text: str | None, digest_of: Callable[[dict[str, Any]], str]) -> list[Finding]:
    name, number = str(entry["name"]), entry["id"]
    if text is None:
        return [Finding(name, "IDS", f"{number} has no text: expected its .avsc file or retired/{number}.avsc")]
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError) as error:
        return [Finding(name, "IDS", f"{number} is not JSON: {error}")]
    found = lint(schema)
    if found:
        return found
    if schema["name"] != name or schema.get("namespace") != NAMESPACE:
        return [
            Finding(name, "IDS", f"{number} holds {schema.get('namespace')}.{schema['name']}, not {NAMESPACE}.{name}")
        ]
    if digest_of(schema) != entry["digest"]:
        return [Finding(name, "IDS", f"{number} stands for another text: a changed schema needs a new number")]
    return []


def _addressing(schema: dict[str, Any], path: str) -> list[Finding]:
    fields = schema.get("fields")
    texts = {
        str(field.get("name"))
        for field in (fields if isinstance(fields, list) else [])
        if isinstance(field, dict) and field.get("type") == "string"
    }
    topic, key = schema.get("topic"), schema.get("key")
    found: list[Finding] = []
    match = _topic(topic) if isinstance(topic, str) else None
    if match is None:
        found.append(Finding(path, "TOPIC", f"{topic!r} is no topic: letters, digits, . _ - and one {{field}}"))
    elif match.group(1) and match.group(2) not in texts:
        found.append(Finding(path, "TOPIC", f"{{{match.group(2)}}} names no text field of the record"))
    if not isinstance(key, str) or bool(key) != bool(topic):
        found.append(Finding(path, "KEY", "a message with a topic has a key, one without has none"))
    elif key and key not in texts:
        found.append(Finding(path, "KEY", f"{key} names no text field of the record"))
    return found


class _Walk:
    """One pass over a schema. `heights`: how many levels each finished named type has, for references to it."""

    def __init__(self) -> None:
        self.found: list[Finding] = []
        self.heights: dict[str, int] = {}
        self.open: set[str] = set()

    def say(self, path: str, rule: str, text: str) -> None:
        self.found.append(Finding(path, rule, text))

    def height(self, schema: Any, path: str, namespace: str, depth: int) -> int:
        """Levels of this type; says what is wrong with it on the way. Nothing is read below the cap."""
        if isinstance(schema, str):
            return self.reference(schema, path, namespace, depth)
        if depth > DEPTH_LIMIT:
            self.say(path, "DEPTH", f"nested deeper than {DEPTH_LIMIT}")
            return 1
        if isinstance(schema, list):
            return self.union(schema, path, namespace, depth)
        kind = schema.get("type") if isinstance(schema, dict) else None
        if not isinstance(kind, str):
            self.say(path, "TYPE", f"{type(schema).__name__} without a type name is no Avro type")
            return 1
        if kind in ("record", "enum", "fixed"):
            return self.named(kind, schema, path, namespace, depth)
        if kind in ("array", "map"):
            inner = schema.get("items" if kind == "array" else "values")
            return 1 + self.height(inner, f"{path}[]" if kind == "array" else f"{path}{{}}", namespace, depth + 1)
        return self.reference(kind, path, namespace, depth)

    def reference(self, name: str, path: str, namespace: str, depth: int) -> int:
        """A primitive, or a type named earlier in the same schema."""
        full = _full(name, namespace)
        if name == "int":
            self.say(path, "INT", "use long: the range of an int is not checked when writing")
        elif name == "null":
            self.say(path, "ZERO_WIDTH", "null alone takes no byte")
        elif full in self.open:
            self.say(path, "RECURSION", f"{name} contains itself")
        elif name not in PRIMITIVES and full not in self.heights:
            self.say(path, "TYPE", f"{name} is no Avro type and no type named before")
        height = self.heights.get(full, 0)
        if depth + height - 1 > DEPTH_LIMIT:
            self.say(path, "DEPTH", f"{name} nests deeper than {DEPTH_LIMIT}")
        return height

    def union(self, branches: list[Any], path: str, namespace: str, depth: int) -> int:
        """Only nullable types; a union is one level, as it is in the decoder."""
        if len(branches) != 2 or branches[0] != "null" or branches[1] == "null" or isinstance(branches[1], list):
            self.say(path, "UNION", 'only ["null", T] is understood alike everywhere')
            return 1
        return 1 + self.height(branches[1], path, namespace, depth + 1)

    def named(self, kind: str, schema: dict[str, Any], path: str, namespace: str, depth: int) -> int:
        """A record, enum or fixed: its name, its doc, then what it holds."""
        name, space = schema.get("name"), schema.get("namespace", namespace)
        if not (isinstance(name, str) and _full_name(name) and (space == "" or _is_full_name(space))):
            self.say(path, "NAME", f"{name!r} in {space!r} is no Avro name")
            name, space = f"{path}?", ""
        full = _full(name, space)
        if full in self.heights or full in self.open or name in PRIMITIVES:
            self.say(path, "NAME", f"{name} is named twice")
        self.documented(schema, path)
        self.open.add(full)
        height = self.content(kind, schema, path, full.rpartition(".")[0], depth)
        self.open.discard(full)
        self.heights[full] = height
        return height

    def content(self, kind: str, schema: dict[str, Any], path: str, namespace: str, depth: int) -> int:
        """What is inside a named type."""
        if kind == "record":
            return 1 + self.fields(schema.get("fields"), path, namespace, depth)
        if kind == "enum":
            self.names(schema.get("symbols"), path, "symbol")
        elif not isinstance(schema.get("size"), int) or schema["size"] < 1:
            self.say(path, "ZERO_WIDTH", "a fixed has one byte or more")
        return 1

    def fields(self, fields: Any, path: str, namespace: str, depth: int) -> int:
        """The fields of a record; levels below it."""
        if not isinstance(fields, list) or not all(isinstance(field, dict) for field in fields):
            self.say(path, "TYPE", "a record has a list of fields")
            return 0
        if not fields:
            self.say(path, "ZERO_WIDTH", "a record without fields takes no byte")
            return 0
        self.names([field.get("name") for field in fields], path, "field")
        levels = [0]
        for field in fields:
            inner = f"{path}.{field.get('name')}"
            self.documented(field, inner)
            levels.append(self.height(field.get("type"), inner, namespace, depth + 1))
        return max(levels)

    def names(self, names: Any, path: str, what: str) -> None:
        """Fields of one record, or symbols of one enum."""
        if not isinstance(names, list) or not names:
            self.say(path, "TYPE", f"at least one {what} is needed")
            return
        seen: set[str] = set()
        for name in names:
            if not isinstance(name, str) or not _name(name):
                self.say(path, "NAME", f"{what} {name!r} is no Avro name")
            elif name in seen:
                self.say(path, "NAME", f"{what} {name} is named twice")
            else:
                seen.add(name)

    def documented(self, schema: dict[str, Any], path: str) -> None:
        """A sentence must be there."""
        doc = schema.get("doc")
        if not isinstance(doc, str) or not doc.strip():
            self.say(path, "DOC", "has no doc")


def _is_full_name(name: Any) -> bool:
    return isinstance(name, str) and _full_name(name) is not None


def _full(name: str, namespace: str) -> str:
    return name if "." in name or not namespace else f"{namespace}.{name}"
