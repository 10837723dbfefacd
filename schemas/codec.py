"""Records ↔ bytes in Confluent's wire format: 0x00, four bytes of schema id, Avro body.

Owns the table of schemas by id, retired ones included. Promises that what decodes is exactly one record of a known
schema with nothing behind it, and that anything else raises `Undecodable` with a reason one can act on. Leaves to
others what the fields mean (`broker.rules.fields`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from io import BytesIO
from typing import Any, cast

from fastavro import parse_schema, schemaless_reader, schemaless_writer

from schemas.coders import CODERS as GENERATED
from schemas.coders import decode_item, encode_item
from schemas.records import CODERS, Item, Message, MessagesBundled
from schemas.wire import Malformed, encode_long, items_ahead

MAXIMUM_MESSAGE_BYTES = 262_144


class Undecodable(ValueError):  # noqa: N818 - the name is the finding
    """These bytes are not a message of ours; `rule` says which check failed, the text says what was seen."""

    def __init__(self, rule: str, text: str) -> None:
        super().__init__(text)
        self.rule = rule


@dataclass(frozen=True)
class Schema:
    """One numbered schema. `text` is the JSON as registered, `current` whether today's writers use it."""

    id: int
    name: str
    text: str
    current: bool


def _load() -> dict[int, Schema]:
    folder = resources.files("schemas")
    found: dict[int, Schema] = {}
    entries = json.loads(folder.joinpath("ids.json").read_text(encoding="utf-8"))
    newest = {entry["name"]: entry["id"] for entry in entries}
    for entry in entries:
        current = newest[entry["name"]] == entry["id"]
        path = f"{_snake(entry['name'])}.avsc" if current else f"retired/{entry['id']}.avsc"
        text = folder.joinpath(path).read_text(encoding="utf-8")
        found[entry["id"]] = Schema(entry["id"], entry["name"], text, current)
    return found


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(name))


SCHEMAS: dict[int, Schema] = _load()
TOPIC: dict[type[Any], str] = {coder[0]: coder[3] for coder in CODERS}
KEY: dict[type[Any], str] = {coder[0]: coder[4] for coder in CODERS}
TYPES: dict[str, type[Any]] = {coder[0].__name__: coder[0] for coder in CODERS}


class _Reader:
    """Decodes bodies written with one schema into today's record."""

    def __init__(self, schema: Schema) -> None:
        today = next(s for s in SCHEMAS.values() if s.name == schema.name and s.current)
        self.name = schema.name
        self.writer = parse_schema(json.loads(schema.text))
        self.reader = None if schema.current else parse_schema(json.loads(today.text))
        self.build: Callable[[Mapping[str, Any]], Message] = next(
            coder[1] for coder in CODERS if coder[0].__name__ == schema.name
        )

    def read(self, stream: BytesIO) -> Message:
        plain = cast(dict[str, Any], schemaless_reader(stream, self.writer, self.reader))
        return self.build(plain)


_READERS: dict[int, _Reader] = {schema_id: _Reader(schema) for schema_id, schema in SCHEMAS.items()}
_WRITERS: dict[type[Any], tuple[bytes, Any, Callable[[Any], Mapping[str, Any]]]] = {
    TYPES[schema.name]: (
        b"\x00" + schema.id.to_bytes(4, "big"),
        parse_schema(json.loads(schema.text)),
        next(coder[2] for coder in CODERS if coder[0].__name__ == schema.name),
    )
    for schema in SCHEMAS.values()
    if schema.current
}


def schema_id(message_type: type[Any]) -> int:
    """The number of the schema that today's writers of this message use."""
    return int.from_bytes(_WRITERS[message_type][0][1:], "big")


def frame(message_type: type[Any]) -> bytes:
    """The five bytes that every message of this type begins with today."""
    return _WRITERS[message_type][0]


_ENCODERS: dict[type[Any], tuple[bytes, Callable[[Any], bytes]]] = {
    kind: (_WRITERS[kind][0], cast(Callable[[Any], bytes], pair[0])) for kind, pair in GENERATED.items()
}
_DECODERS: dict[bytes, tuple[str, Callable[[bytes, int], tuple[Any, int]]]] = {
    _WRITERS[kind][0]: (kind.__name__, pair[1]) for kind, pair in GENERATED.items()
}


def encode(record: Message) -> bytes:
    """One record as framed bytes; a field of the wrong type raises TypeError or ValueError before anything leaves."""
    prefix, body = _ENCODERS[type(record)]
    try:
        return prefix + body(record)
    except (AttributeError, KeyError) as error:
        raise TypeError(f"{type(record).__name__}: a field has the wrong type ({error})") from error


def encode_by_fastavro(record: Message) -> bytes:
    """The same bytes by the library: what the generated encoders are held against."""
    prefix, schema, plain = _WRITERS[type(record)]
    stream = BytesIO()
    stream.write(prefix)
    schemaless_writer(stream, schema, plain(record))
    return stream.getvalue()


def decode(data: bytes | None, maximum_bytes: int = MAXIMUM_MESSAGE_BYTES) -> Message:
    """The record in these framed bytes, or `Undecodable` (EMPTY, OVERSIZED, NOT_FRAMED, UNKNOWN_SCHEMA, DAMAGED,
    TRAILING_BYTES). Today's schemas go through the generated decoders, retired ones through fastavro's resolution."""
    if not data:
        raise Undecodable("EMPTY", "the message has no value")
    if len(data) > maximum_bytes:
        raise Undecodable("OVERSIZED", f"the message has {len(data)} bytes; the limit is {maximum_bytes}")
    known = _DECODERS.get(data[:5])
    if known is None:
        return decode_by_fastavro(data)
    name, body = known
    try:
        record, end = body(data, 5)
    except (Malformed, IndexError, UnicodeDecodeError) as error:
        raise Undecodable(
            "DAMAGED", f"{name}: the body does not follow its schema ({error or type(error).__name__})"
        ) from error
    if end != len(data):
        raise Undecodable("TRAILING_BYTES", f"{name}: {len(data) - end} bytes follow the record")
    return cast(Message, record)


def decode_all(data: bytes | None, maximum_bytes: int = MAXIMUM_MESSAGE_BYTES) -> list[Message]:
    """The messages of a record: the one that it is, or those of the bundle that it is; or `Undecodable`."""
    message = decode(data, maximum_bytes)
    return [decode(one.value) for one in message.entries] if isinstance(message, MessagesBundled) else [message]


def decode_by_fastavro(data: bytes) -> Message:
    """The record in these framed bytes of any known schema, by the library's own resolution; or `Undecodable`."""
    if len(data) < 5 or data[0] != 0:
        raise Undecodable(
            "NOT_FRAMED", f"a message begins with 0x00 and a schema id; seen {data[:5].hex() or 'nothing'}"
        )
    reader = _READERS.get(int.from_bytes(data[1:5], "big"))
    if reader is None:
        raise Undecodable("UNKNOWN_SCHEMA", f"schema id {int.from_bytes(data[1:5], 'big')} is not registered")
    stream = BytesIO(data)
    stream.seek(5)
    try:
        record = reader.read(stream)
    except Exception as error:  # the reader raises whatever the bytes provoke
        raise Undecodable(
            "DAMAGED", f"{reader.name}: the body does not follow its schema ({error or type(error).__name__})"
        ) from error
    if stream.tell() != len(data):
        raise Undecodable("TRAILING_BYTES", f"{reader.name}: {len(data) - stream.tell()} bytes follow the record")
    return record


def name_of(data: bytes) -> str:
    """The message name that these framed bytes claim, or an empty string; reads five bytes and decodes nothing."""
    if len(data) < 5 or data[0] != 0:
        return ""
    schema = SCHEMAS.get(int.from_bytes(data[1:5], "big"))
    return schema.name if schema else ""


def pack_items(items: Sequence[Item]) -> bytes:
    """Items as a copy record keeps them: an Avro array without a frame, for tables only."""
    return encode_long(len(items)) + b"".join([encode_item(item) for item in items])


@lru_cache(maxsize=8192)
def unpack_items(data: bytes) -> tuple[Item, ...]:
    """The items of a copy record."""
    count, place = items_ahead(data, 0)
    found = []
    for _ in range(count):
        item, place = decode_item(data, place)
        found.append(item)
    return tuple(found)
