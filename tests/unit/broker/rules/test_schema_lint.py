"""What a schema may look like: the committed ones pass, and every rule has an example that it alone refuses."""

import json
from collections.abc import Callable
from importlib import resources
from io import BytesIO
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_reader
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.rules.schema_lint import DEPTH_LIMIT, RULES, check, lint
from schemas.codec import SCHEMAS
from schemas.generate import digest_of

ENTRIES = json.loads(resources.files("schemas").joinpath("ids.json").read_text(encoding="utf-8"))
TEXTS = {schema.id: schema.text for schema in SCHEMAS.values()}


def message(kind: Any = "long", **changes: Any) -> dict[str, Any]:
    """A good schema whose second field has this type."""
    fields = [{"name": "code", "type": "string", "doc": "A code."}, {"name": "size", "type": kind, "doc": "A size."}]
    good = {"type": "record", "name": "Good", "namespace": "jp.chukan", "doc": "Good.", "fields": fields}
    return {**good, "topic": "things.{code}.said", "key": "code", **changes}


def record(name: str, *kinds: Any) -> dict[str, Any]:
    """A nested record with fields of these types."""
    fields = [{"name": f"f{place}", "type": kind, "doc": "A field."} for place, kind in enumerate(kinds)]
    return {"type": "record", "name": name, "doc": "A part.", "fields": fields}


def nested(levels: int) -> Any:
    """An array of arrays, this many levels with the text inside."""
    kind: Any = "string"
    for _ in range(levels):
        kind = {"type": "array", "items": kind}
    return kind


def rules_of(schema: Any) -> set[str]:
    """The rules that refuse this schema."""
    return {finding.rule for finding in lint(schema)}


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=lambda schema: f"{schema.name}-{schema.id}")
def test_every_committed_schema_passes(schema: Any) -> None:
    """What we publish, retired schemas included, keeps our own rules."""
    assert lint(json.loads(schema.text)) == []


GOOD = {
    "nullable": message(["null", "string"]),
    "nullable record": message(["null", record("Part", "string")]),
    "map": message({"type": "map", "values": "long"}),
    "fixed": message({"type": "fixed", "name": "Digest", "doc": "SHA-256.", "size": 32}),
    "type used twice": message(record("Pair", record("Part", "string"), "Part", "jp.chukan.Part")),
    "deepest": message(nested(DEPTH_LIMIT - 1)),
    "attributes on a primitive": message({"type": "string", "avro.java.string": "String"}),
    "not on a topic": message(topic="", key=""),
}


@pytest.mark.parametrize("schema", GOOD.values(), ids=GOOD)
def test_good_schemas_pass(schema: Any) -> None:
    """The rules refuse no more than they say."""
    assert lint(schema) == []


BAD = {
    "a message that is an enum": ("TYPE", {"type": "enum", "name": "E", "symbols": ["A"], "doc": "E."}),
    "an unknown type": ("TYPE", message("text")),
    "a type defined later": ("TYPE", message(record("Pair", "Part", record("Part", "string")))),
    "a type without a name": ("TYPE", message({"items": "string"})),
    "a number in place of a type": ("TYPE", message(7)),
    "fields that are no list": ("TYPE", message(topic="", key="", fields={"code": "string"})),
    "an enum without symbols": ("TYPE", message({"type": "enum", "name": "E", "symbols": [], "doc": "E."})),
    "a name with a dash": ("NAME", message(record("a-part", "string"))),
    "a name with a final newline": ("NAME", message(record("Part\n", "string"))),
    "a namespace with a digit first": ("NAME", message(namespace="jp.2chukan")),
    "a field twice": ("NAME", message(fields=message()["fields"] * 2)),
    "a symbol twice": ("NAME", message({"type": "enum", "name": "E", "symbols": ["A", "A"], "doc": "E."})),
    "a symbol in Japanese": ("NAME", message({"type": "enum", "name": "E", "symbols": ["許可"], "doc": "E."})),
    "a type named twice": ("NAME", message(record("Pair", record("Part", "string"), record("Part", "long")))),
    "a record named as a primitive": ("NAME", message(record("string", "long"))),
    "a record without doc": ("DOC", message(doc="")),
    "a field without doc": ("DOC", message(fields=[{"name": "code", "type": "string"}])),
    "an enum without doc": ("DOC", message({"type": "enum", "name": "E", "symbols": ["A"]})),
    "a blank doc": ("DOC", message(doc=" \n")),
    "too deep": ("DEPTH", message(nested(DEPTH_LIMIT))),
    # The height of a type counts where it is referred to: this chain looks shallow and is not.
    "too deep by reference": (
        "DEPTH",
        message(record("All", record("R1", nested(DEPTH_LIMIT - 3)), record("R2", record("R3", "R1")))),
    ),
    "recursive": ("RECURSION", message(record("Node", ["null", "Node"]))),
    "recursive through an array": ("RECURSION", message({"type": "array", "items": "Good"})),
    "recursive by full name": ("RECURSION", message({"type": "map", "values": "jp.chukan.Good"})),
    "null alone": ("ZERO_WIDTH", message("null")),
    "an array of nulls": ("ZERO_WIDTH", message({"type": "array", "items": "null"})),
    "a map of nulls": ("ZERO_WIDTH", message({"type": "map", "values": {"type": "null"}})),
    "an array of empty records": ("ZERO_WIDTH", message({"type": "array", "items": record("Empty")})),
    "an array of records of nulls": ("ZERO_WIDTH", message({"type": "array", "items": record("Nulls", "null")})),
    "an array of fixed(0)": (
        "ZERO_WIDTH",
        message({"type": "array", "items": {"type": "fixed", "name": "F", "doc": "F.", "size": 0}}),
    ),
    "a union of two types": ("UNION", message(["string", "long"])),
    "null last": ("UNION", message(["string", "null"])),
    "a union of one": ("UNION", message(["null"])),
    "null twice": ("UNION", message(["null", "null"])),
    "a union in a union": ("UNION", message(["null", ["null", "string"]])),
    "int": ("INT", message("int")),
    "int in an array": ("INT", message({"type": "array", "items": {"type": "int"}})),
    "no topic": ("TOPIC", {name: value for name, value in message(key="").items() if name != "topic"}),
    "a topic with a space": ("TOPIC", message(topic="things said")),
    "a topic with two placeholders": ("TOPIC", message(topic="{code}.{code}")),
    "a placeholder that is no field": ("TOPIC", message(topic="things.{institution}.said")),
    "a placeholder that is a number": ("TOPIC", message(topic="things.{size}.said")),
    "a key that is no field": ("KEY", message(key="institution")),
    "a key that is a number": ("KEY", message(key="size")),
    "a topic without a key": ("KEY", message(key="")),
    "a key without a topic": ("KEY", message(topic="")),
}


@pytest.mark.parametrize(("rule", "schema"), BAD.values(), ids=BAD)
def test_each_rule_refuses_what_no_other_does(rule: str, schema: Any) -> None:
    """A rule could not be deleted without this test noticing."""
    assert rules_of(schema) == {rule}


def test_every_rule_has_an_example() -> None:
    """A new rule comes with a schema that needs it."""
    assert {rule for rule, _ in BAD.values()} == set(RULES), "add an example to BAD"


def test_a_finding_says_where_it_is() -> None:
    """The path leads through records and arrays to the field."""
    kind = {"type": "array", "items": record("Part", ["null", "int"])}

    assert [finding.path for finding in lint(message(kind))] == ["Good.size[].f0"]


def test_an_array_without_width_is_a_bomb() -> None:
    """Why the rule exists: four bytes become 100,000 values in the decoder, and could as well become 2**62."""
    schema = {"type": "array", "items": record("Empty")}
    bomb = BytesIO(b"\xc0\x9a\x0c\x00")

    assert len(schemaless_reader(bomb, parse_schema(schema), None)) == 100_000  # type: ignore[arg-type]
    assert rules_of(message(schema)) == {"ZERO_WIDTH"}


@pytest.mark.parametrize("wrap", [lambda inner: {"type": "array", "items": inner}, lambda inner: ["null", inner]])
def test_a_schema_of_any_depth_is_refused_without_descending(wrap: Callable[[Any], Any]) -> None:
    """A schema is refused before its depth can exhaust a parser's stack, ours included."""
    kind: Any = "string"
    for _ in range(100_000):
        kind = wrap(kind)

    refused = rules_of(message(kind))

    assert refused & {"DEPTH", "UNION"}
    while isinstance(kind, (dict, list)):  # taken apart level by level, as freeing it at once descends too
        kind = kind["items"] if isinstance(kind, dict) else kind[1]


scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["record", "array", "enum"])
words = st.sampled_from(["type", "name", "fields", "items", "values", "symbols", "size", "namespace", "doc", "key"])
jsons = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=5), max_leaves=20
)


@settings(deadline=None, max_examples=150)
@given(kind=jsons, changes=st.dictionaries(words, jsons, max_size=3))
def test_nothing_makes_lint_raise(kind: Any, changes: dict[str, Any]) -> None:
    """Whatever JSON arrives, the answer is a list of findings."""
    assert isinstance(lint(kind), list)
    assert isinstance(lint({**message(kind), **changes}), list)


def test_the_committed_numbers_stand_for_the_committed_texts() -> None:
    """`chukan schemas check` is silent about what is committed."""
    assert check(ENTRIES, TEXTS, digest_of) == []


def changed(number: int, **changes: Any) -> dict[int, str]:
    """The texts, one of them changed."""
    return {**TEXTS, number: json.dumps({**json.loads(TEXTS[number]), **changes})}


@pytest.mark.parametrize(
    ("entries", "texts", "rule", "words_of_it"),
    [
        (ENTRIES, changed(1002, doc="Another."), "IDS", "1002 stands for another text"),
        (ENTRIES, changed(1002, name="Other"), "IDS", "1002 holds jp.chukan.Other"),
        (ENTRIES, changed(1002, namespace="jp.other"), "IDS", "1002 holds jp.other"),
        (ENTRIES, changed(1002, key="nothing"), "KEY", "nothing names no text field"),
        (ENTRIES, {**TEXTS, 1002: "{"}, "IDS", "1002 is not JSON"),
        (ENTRIES, {key: text for key, text in TEXTS.items() if key != 1002}, "IDS", "1002 has no text"),
        (ENTRIES, {**TEXTS, 999_999: TEXTS[1002]}, "IDS", "999999 has a text and no entry"),
        ([ENTRIES[1], ENTRIES[0], *ENTRIES[2:]], TEXTS, "IDS", "1001 does not follow 1002"),
    ],
)
def test_check_names_what_is_wrong(entries: Any, texts: Any, rule: str, words_of_it: str) -> None:
    """Each way in which numbers and files can part is told apart."""
    found = check(entries, texts, digest_of)

    assert [finding.rule for finding in found] == [rule]
    assert words_of_it in found[0].text
