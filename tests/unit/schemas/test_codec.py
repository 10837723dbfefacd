"""Records and bytes: what is written is read, and what is no message of ours is told apart by rule and text."""

import json
from io import BytesIO
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_writer
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import (
    KEY,
    MAXIMUM_MESSAGE_BYTES,
    SCHEMAS,
    TOPIC,
    TYPES,
    Schema,
    Undecodable,
    _Reader,
    decode,
    encode,
    name_of,
    schema_id,
)
from schemas.records import CODERS, MESSAGES, CancelOrdered, InquiryRequested, RequestedKind
from services.asyncapi import example

CURRENT = {schema.name: json.loads(schema.text) for schema in SCHEMAS.values() if schema.current}
READ = {coder[0].__name__: coder[1] for coder in CODERS}
WRITE = {coder[0].__name__: coder[2] for coder in CODERS}
PRIMITIVES: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(max_size=30),
    "long": st.integers(-(2**63), 2**63 - 1),
    "boolean": st.booleans(),
    "bytes": st.binary(max_size=40),
}
ORDER = CancelOrdered("9900123210600000-20260401000000000100", "withdrawn")
BYTES = encode(ORDER)


def plains(kind: Any) -> st.SearchStrategy[Any]:
    """Plain values of an Avro type."""
    if isinstance(kind, str):
        return PRIMITIVES[kind]
    if kind["type"] == "array":
        return st.lists(plains(kind["items"]), max_size=3)
    if kind["type"] == "enum":
        return st.sampled_from(kind["symbols"])
    names = [field["name"] for field in kind["fields"]]
    values = st.tuples(*[plains(field["type"]) for field in kind["fields"]])
    return values.map(lambda found: dict(zip(names, found, strict=True)))  # in schema order, as the reader fills it


def framed(number: int, body: bytes) -> bytes:
    """Confluent's frame around a body."""
    return b"\x00" + number.to_bytes(4, "big") + body


def refusal(data: bytes | None, **limits: int) -> tuple[str, str]:
    """The rule and the text with which these bytes are refused."""
    with pytest.raises(Undecodable) as caught:
        decode(data, **limits)
    return caught.value.rule, str(caught.value)


@pytest.mark.parametrize("name", CURRENT)
def test_what_is_written_is_read(name: str) -> None:
    """Every message survives the way through bytes, in each of its fields, as the same record."""

    @settings(deadline=None, max_examples=15, database=None)
    @given(plain=plains(CURRENT[name]))
    def holds(plain: dict[str, Any]) -> None:
        record = READ[name](plain)

        data = encode(record)

        assert decode(data) == record
        assert type(decode(data)) is TYPES[name]
        assert {field: getattr(record, field) for field in record._fields} == decode(data)._asdict()
        assert name_of(data) == name
        assert encode(decode(data)) == data

    holds()


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.__name__)
def test_the_tables_agree(message: type[Any]) -> None:
    """Number, topic and key of a message are those of its file, and its fields are the file's in order."""
    schema = CURRENT[message.__name__]

    assert SCHEMAS[schema_id(message)].name == message.__name__
    assert (TOPIC[message], KEY[message]) == (schema["topic"], schema["key"])
    assert list(message._fields) == [field["name"] for field in schema["fields"]]


def test_a_field_of_a_wrong_type_never_leaves() -> None:
    """The mistake is ours and shows before anything is sent."""
    with pytest.raises((TypeError, ValueError)):
        encode(CancelOrdered(7, ""))  # type: ignore[arg-type]


# ── bytes that are no message ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("data", [None, b""])
def test_nothing_is_no_message(data: bytes | None) -> None:
    """A tombstone has a reason of its own."""
    assert refusal(data) == ("EMPTY", "the message has no value")


def test_the_limit_counts_to_the_byte() -> None:
    """At the limit a message passes; one byte more is refused before anything is decoded."""
    size = len(BYTES)

    assert decode(BYTES, size) == ORDER
    assert decode(BYTES, size + 1) == ORDER
    assert refusal(BYTES, maximum_bytes=size - 1) == (
        "OVERSIZED",
        f"the message has {size} bytes; the limit is {size - 1}",
    )


@pytest.mark.parametrize(("excess", "passes"), [(-1, True), (0, True), (1, False)])
def test_the_default_limit_holds(excess: int, passes: bool) -> None:
    """256 KiB, frame included."""
    overhead = len(encode(CancelOrdered("x" * 200_000, ""))) - 200_000
    data = encode(CancelOrdered("x" * (MAXIMUM_MESSAGE_BYTES - overhead + excess), ""))

    assert len(data) == MAXIMUM_MESSAGE_BYTES + excess
    if passes:
        assert decode(data)
    else:
        assert refusal(data) == ("OVERSIZED", "the message has 262145 bytes; the limit is 262144")


@pytest.mark.parametrize(
    ("data", "seen"),
    [
        (b"\x00", "00"),
        (b"\x00\x00\x00\x03", "00000003"),
        (b"\x01" + BYTES[1:], "01" + BYTES[1:5].hex()),
        (b"{}", "7b7d"),
    ],
)
def test_other_frames_are_shown(data: bytes, seen: str) -> None:
    """The sender sees the first bytes of what it sent."""
    assert refusal(data) == ("NOT_FRAMED", f"a message begins with 0x00 and a schema id; seen {seen}")
    assert name_of(data) == ""


@pytest.mark.parametrize("number", [0, 1000, 2**32 - 1])
def test_an_unknown_number_is_named(number: int) -> None:
    """A client that talks to another registry learns so."""
    assert refusal(framed(number, BYTES[5:])) == ("UNKNOWN_SCHEMA", f"schema id {number} is not registered")
    assert name_of(framed(number, b"")) == ""


@pytest.mark.parametrize(
    "body",
    [b"", BYTES[5:-1], b"\x01text", b"\xff" * 12, b"\x02\xff"],
    ids=["nothing", "cut short", "a negative length", "an endless number", "no UTF-8"],
)
def test_a_damaged_body_names_its_message(body: bytes) -> None:
    """The reason says which schema the body does not follow."""
    rule, text = refusal(framed(schema_id(CancelOrdered), body))

    assert rule == "DAMAGED"
    assert text.startswith("CancelOrdered: the body does not follow its schema (")


def test_an_enum_symbol_that_is_not_there_is_damage() -> None:
    """A place beyond the symbols is refused."""
    assert refusal(framed(schema_id(TYPES["CodeStateChanged"]), b"\x02a" * 3 + b"\x0a\x00"))[0] == "DAMAGED"


@pytest.mark.parametrize("more", [1, 7])
def test_what_follows_a_record_is_counted(more: int) -> None:
    """Two messages in one value, or padding, are not taken for one message."""
    assert refusal(BYTES + b"\x00" * more) == ("TRAILING_BYTES", f"CancelOrdered: {more} bytes follow the record")


def test_an_array_longer_than_its_message_ends_with_the_bytes() -> None:
    """A claim of 2**61 items costs no more than the bytes that are there."""
    schema = CURRENT["InquiryAccepted"]
    place = next(place for place, field in enumerate(schema["fields"]) if isinstance(field["type"], dict))
    body = b"\x02a" * place + b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f"

    assert refusal(framed(schema_id(TYPES["InquiryAccepted"]), body))[0] == "DAMAGED"


@pytest.mark.parametrize("name", CURRENT)
def test_no_flipped_bit_escapes(name: str) -> None:
    """Whatever one bit becomes, the bytes are a record of some message or Undecodable, never another exception."""
    data = encode(READ[name](example(CURRENT[name])))
    seen = set()
    for place in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << place % 8
        try:
            seen.add(type(decode(bytes(flipped))).__name__)
        except Undecodable as error:
            seen.add(error.rule)

    assert seen <= {*TYPES, "NOT_FRAMED", "UNKNOWN_SCHEMA", "DAMAGED", "TRAILING_BYTES"}
    assert {"NOT_FRAMED", "UNKNOWN_SCHEMA", "DAMAGED"} <= seen


# ── logs written with an earlier schema ──────────────────────────────────────────────────────────────────────────


def written_with(schema: dict[str, Any], plain: dict[str, Any]) -> Any:
    """Today's record of what a writer of an earlier schema wrote."""
    stream = BytesIO()
    schemaless_writer(stream, parse_schema(json.loads(json.dumps(schema))), plain)
    stream.seek(0)
    return _Reader(Schema(999, schema["name"], json.dumps(schema), current=False)).read(stream)


def earlier(name: str, without: tuple[str, ...], nested: str = "") -> dict[str, Any]:
    """A message's schema before these fields, of itself or of the records in a nested array, were there."""
    schema: dict[str, Any] = json.loads(json.dumps(CURRENT[name]))
    holder = schema
    if nested:
        holder = next(field for field in schema["fields"] if field["name"] == nested)["type"]["items"]
    holder["fields"] = [field for field in holder["fields"] if field["name"] not in without]
    return schema


def test_a_field_that_was_not_there_takes_its_default() -> None:
    """An inquiry logged before `acknowledge` and `number_system` existed is today's inquiry with their defaults."""
    today = InquiryRequested("r", "t", "i", "d", "o", "n", "a", "p", (RequestedKind("q", "s"),), consent_obtained=True)
    plain = WRITE["InquiryRequested"](today)
    old = {name: value for name, value in plain.items() if name not in ("acknowledge", "number_system")}

    assert written_with(earlier("InquiryRequested", ("acknowledge", "number_system")), dict(old)) == today


def test_a_field_that_is_gone_and_another_order_change_nothing() -> None:
    """What only the earlier schema said is dropped; the places of its fields mean nothing."""
    schema = earlier("CancelOrdered", ())
    schema["fields"] = [{"name": "gone", "type": "long", "doc": "Gone.", "default": 0}, *schema["fields"][::-1]]

    assert written_with(schema, {"gone": 7, **ORDER._asdict()}) == ORDER


def test_a_nested_field_that_was_not_there_takes_its_default() -> None:
    """Inside a kind, too, every value stays in its own field."""
    kind = RequestedKind("q", "s", inquiry_year_type="1", period_from="20250401", period_to="20260331")
    today = InquiryRequested("r", "t", "i", "d", "o", "n", "a", "p", (kind,))
    plain = dict(WRITE["InquiryRequested"](today))
    plain["kinds"] = [{k: v for k, v in kind._asdict().items() if k != "inquiry_condition_type"}]

    assert written_with(earlier("InquiryRequested", ("inquiry_condition_type",), "kinds"), plain) == today
