"""What travels around a message's bytes: CloudEvents headers (binary mode), the cause, the trace; and the outbox body.

Owns both spellings of each, so that what is read is what was written. Ids derive from the id of the message that
caused them, never from chance: deciding twice gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from io import BytesIO
from typing import Any, NamedTuple, cast

from fastavro import parse_schema, schemaless_reader, schemaless_writer

from broker.ports import Cause, Delivered, Outgoing
from broker.topics import Destination, sender_of

CONTENT_TYPE = b"application/vnd.confluent.avro"
TYPE_PREFIX = "jp.chukan."

_OUTBOX = parse_schema(
    {
        "type": "array",
        "items": {
            "type": "record",
            "name": "Outgoing",
            "fields": [
                {"name": "topic", "type": "string"},
                {"name": "partition", "type": "int"},
                {"name": "key", "type": "bytes"},
                {"name": "type", "type": "string"},
                {"name": "id", "type": "string"},
                {"name": "trace", "type": "bytes"},
                {"name": "value", "type": "bytes"},
            ],
        },
    }
)


class Said(NamedTuple):
    """One decided message, encoded, before it gets its cause."""

    destination: Destination
    type: str
    id: str
    trace: bytes
    value: bytes


class Origin(NamedTuple):
    """What the headers of a delivered message tell: its id, its cause (None from outside), its trace."""

    id: str
    source: str
    cause: Cause | None
    trace: bytes


@lru_cache(maxsize=256)
def _fixed(name: str, source: str) -> tuple[tuple[str, bytes], ...]:
    return (
        ("ce_specversion", b"1.0"),
        ("content-type", CONTENT_TYPE),
        ("ce_type", (TYPE_PREFIX + name).encode()),
        ("ce_source", f"/chukan/{source}".encode()),
    )


@lru_cache(maxsize=64)
def iso_time(at: int) -> bytes:
    """Milliseconds since 1970 UTC as RFC 3339 text."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").encode()


def outgoing(said: Sequence[Said], source: str, batch: int, at: int) -> list[Outgoing]:
    """A batch's messages with their headers; `source` is service/shard, and the index is the place in the batch."""
    time = iso_time(at)
    found = []
    for index, (destination, name, identity, trace, value) in enumerate(said):
        headers = (
            *_fixed(name, source),
            ("ce_id", identity.encode()),
            ("ce_time", time),
            ("ce_subject", destination.key),
            ("cause", f"{source} {batch} {index}".encode()),
        )
        if trace:
            headers = (*headers, ("traceparent", trace))
        found.append(Outgoing(destination.topic, destination.partition, destination.key, value, headers, at))
    return found


def origin_of(record: Delivered) -> Origin:
    """What the headers say; a message from outside gets an id made of the place where it lies.

    An institution's own topics are outside: a cause claimed there is not believed.
    """
    identity = trace = cause = b""
    for name, value in record.headers:
        if name == "ce_id":
            identity = value
        elif name == "cause":
            cause = value
        elif name == "traceparent":
            trace = value
    if not cause or sender_of(record.topic):
        return Origin(f"{record.topic}/{record.partition}/{record.offset}", "", None, trace)
    source, batch, index = cause.decode().split(" ")
    return Origin(identity.decode(), source, Cause(int(batch), int(index)), trace)


def pack(said: Sequence[Said], at: int) -> bytes:
    """The outbox body of a batch; empty when it says nothing. The first eight bytes are its time."""
    if not said:
        return b""
    stream = BytesIO()
    stream.write(at.to_bytes(8, "big"))
    schemaless_writer(
        stream,
        _OUTBOX,
        [
            {
                "topic": one.destination.topic,
                "partition": one.destination.partition,
                "key": one.destination.key,
                "type": one.type,
                "id": one.id,
                "trace": one.trace,
                "value": one.value,
            }
            for one in said
        ],
    )
    return stream.getvalue()


def unpack(body: bytes) -> tuple[list[Said], int]:
    """The messages of an outbox body and their time."""
    stream = BytesIO(body)
    at = int.from_bytes(stream.read(8), "big")
    plain = cast(list[dict[str, Any]], schemaless_reader(stream, _OUTBOX, None))
    said = [
        Said(Destination(p["topic"], p["partition"], p["key"]), p["type"], p["id"], p["trace"], p["value"])
        for p in plain
    ]
    return said, at
