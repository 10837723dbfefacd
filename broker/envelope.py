"""What travels around a message's bytes: CloudEvents headers (binary mode), the cause, the trace; and the outbox body.

Owns both spellings of each, so that what is read is what was written. Ids derive from the id of the message that
caused them, never from chance: deciding twice gives the same bytes.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from broker.errors import OwnFault
from broker.ports import Cause, Delivered, Outgoing
from broker.rules.identity import derived_id
from broker.rules.permits import opened
from broker.topics import Destination, is_of_services, sender_of
from schemas.codec import decode, encode, frame
from schemas.records import (
    BundledMessage,
    InquiryForwarded,
    InquiryReturned,
    InquirySent,
    MessagesBundled,
    PermitIssued,
    PermitRefused,
    PermitRequested,
    ProvisionAnswered,
    ProvisionHeld,
    ProvisionReported,
)
from schemas.wire import Malformed, items_ahead

CONTENT_TYPE = b"application/vnd.confluent.avro"
TYPE_PREFIX = "jp.chukan."
ID_PLACE, CAUSE_PLACE = 3, 4  # among the headers of every message of ours

# One outbox entry: lengths of topic and type, partition, length of key, id, lengths of trace and value; then those.
_ENTRY = struct.Struct(">BBHH16sBI")
_AT = struct.Struct(">Q")

# Kinds that travel in bundles, and what the messages of one bundle must have in common. No record may hold codes of
# one person at two institutions (domain 4.6 rule 2): what carries a code is bundled by the institution that has it.
BUNDLED: dict[type[Any], Callable[[Any], str]] = {
    PermitRequested: lambda _: "",
    PermitIssued: lambda _: "",
    PermitRefused: lambda _: "",
    InquirySent: lambda message: message.presented_by,
    InquiryForwarded: lambda message: provider_of(message.permit),
    InquiryReturned: lambda _: "",
    ProvisionHeld: lambda _: "",
    ProvisionAnswered: lambda _: "",
    ProvisionReported: lambda _: "",
}
BUNDLE = MessagesBundled.__name__
BUNDLE_FRAME = frame(MessagesBundled)
BUNDLE_MESSAGES = 200
BUNDLE_BYTES = 131_072  # below the limit of a message, with room for what is around each entry


class Said(NamedTuple):
    """One decided message, encoded, before it gets its cause. `id`: 32 hex digits.

    group: messages of one kind, partition and group may travel as one record; None for what travels alone.
    """

    destination: Destination
    type: str
    id: str
    trace: bytes
    value: bytes
    group: str | None = None


class Origin(NamedTuple):
    """What the headers of a delivered message tell: its id, its cause (None from outside), its trace."""

    id: str
    source: str
    cause: Cause | None
    trace: bytes


Headers = tuple[tuple[str, bytes], ...]
_TRACE = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")  # W3C Trace Context, version 00


@lru_cache(maxsize=256)
def _fixed(name: str, source: str) -> Headers:
    return (
        ("ce_specversion", b"1.0"),
        ("ce_type", (TYPE_PREFIX + name).encode()),
        ("ce_source", f"/chukan/{source}".encode()),
    )


@lru_cache(maxsize=64)
def iso_time(at: int) -> bytes:
    """Milliseconds since 1970 UTC as RFC 3339 text."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").encode()


def outgoing(said: Sequence[Said], source: str, batch: int, at: int) -> list[Outgoing]:
    """A batch's messages with their headers; `source` is service/shard, and the index is the place in the batch.

    What leaves for an institution carries all CloudEvents attributes; between the services those that have no other
    place (a record's key is its subject, its timestamp the time).
    """
    found = []
    for index, (destination, name, identity, trace, value, _) in enumerate(said):
        topic, partition, key = destination
        headers: Headers = (
            *_fixed(name, source),
            ("ce_id", identity.encode()),
            ("cause", b"%b %d %d" % (source.encode(), batch, index)),
        )
        if trace:
            headers = (*headers, ("traceparent", trace))
        if sender_of(topic):
            headers = (*headers, ("ce_time", iso_time(at)), ("ce_subject", key), ("content-type", CONTENT_TYPE))
        found.append(Outgoing(topic, partition, key, value, headers, at))
    return found


def bundled(said: Sequence[Said]) -> list[Said]:
    """What a batch says as it leaves: messages of one of these kinds for one partition become one record.

    The order of an exchange's messages stays, since a topic has one kind. Done once, before the commit: what is said
    again after a crash is what was committed.
    """
    found: list[Said] = []
    waiting: dict[tuple[str, int, str], list[Said]] = {}
    for one in said:
        if one.group is None:
            found.append(one)
        else:
            waiting.setdefault((*one.destination[:2], one.group), []).append(one)
    for some in waiting.values():
        found += _bundles(some)
    return found


def _bundles(said: Sequence[Said]) -> list[Said]:
    found: list[Said] = []
    first = size = 0
    for place, one in enumerate(said):
        if place > first and (place - first == BUNDLE_MESSAGES or size + len(one.value) > BUNDLE_BYTES):
            found.append(_bundle(said[first:place]))
            first, size = place, 0
        size += len(one.value)
    found.append(_bundle(said[first:]))
    return found


def _bundle(said: Sequence[Said]) -> Said:
    if len(said) == 1:
        return said[0]
    entries = tuple(BundledMessage(bytes.fromhex(one.id), one.trace, one.value) for one in said)
    head = said[0]
    return Said(head.destination, BUNDLE, derived_id(head.id, BUNDLE, 0), b"", encode(MessagesBundled(entries)))


def weight(record: Delivered) -> int:
    """How many messages the record says it holds; reads no further."""
    value = record.value or b""
    if not value.startswith(BUNDLE_FRAME):
        return 1
    try:
        return min(items_ahead(value, len(BUNDLE_FRAME))[0], BUNDLE_MESSAGES)
    except (Malformed, IndexError):
        return 1


def messages_in(record: Delivered, origin: Origin, maximum_bytes: int) -> list[tuple[Delivered, Origin]]:
    """The messages of a record, each with its own id and trace: itself, or those of the bundle it is.

    Undecodable when the bundle is not whole. What an institution sends is never a bundle.
    """
    if not record.value or not record.value.startswith(BUNDLE_FRAME) or sender_of(record.topic):
        return [(record, origin)]
    bundle = decode(record.value, maximum_bytes)
    assert isinstance(bundle, MessagesBundled)
    topic, partition, offset, key, _, headers, at, _ = record
    _, source, cause, _ = origin
    return [
        (
            Delivered(topic, partition, offset, key, value, headers, at, place),
            Origin(identity.hex(), source, cause, trace),
        )
        for place, (identity, trace, value) in enumerate(bundle.entries)
    ]


def group_of(message: Any) -> str | None:
    """What may travel with the message; None when nothing may."""
    group = BUNDLED.get(type(message))
    return None if group is None else group(message)


def provider_of(permit: bytes) -> str:
    """The provider whose code goes with this permit."""
    found = opened(permit)
    return found.provider_institution_code if found else ""


def origin_of(record: Delivered) -> Origin:
    """What the headers say; a message from outside gets an id made of the place where it lies.

    An institution's own topics are outside: a cause claimed there is not believed, and a trace only when it is one.
    """
    headers = record.headers
    cause = headers[CAUSE_PLACE] if len(headers) > CAUSE_PLACE and is_of_services(record.topic) else ("", b"")
    parts = cause[1].split(b" ") if cause[0] == "cause" else ()
    if len(parts) != 3:
        trace = next((value for name, value in headers if name == "traceparent"), b"")
        known = trace if trace and _TRACE.fullmatch(trace) else b""  # a header without a value is None
        return Origin(f"{record.topic}/{record.partition}/{record.offset}", "", None, known)
    source, batch, index = parts
    trace = headers[CAUSE_PLACE + 1][1] if len(headers) > CAUSE_PLACE + 1 else b""
    try:
        return Origin(headers[ID_PLACE][1].decode(), source.decode(), Cause(int(batch), int(index)), trace)
    except ValueError:
        return Origin(f"{record.topic}/{record.partition}/{record.offset}", "", None, trace)


def pack(said: Sequence[Said], at: int) -> bytes:
    """The outbox body of a batch; empty when it says nothing."""
    if not said:
        return b""
    parts = [_AT.pack(at)]
    for (topic, partition, key), name, identity, trace, value, _ in said:
        lengths = (len(topic), len(name), partition, len(key), bytes.fromhex(identity), len(trace), len(value))
        parts += (_ENTRY.pack(*lengths), topic.encode(), name.encode(), key, trace, value)
    return b"".join(parts)


def unpack(body: bytes) -> tuple[list[Said], int]:
    """The messages of an outbox body and their time; OwnFault when it is not whole."""
    said, place = [], _AT.size
    while place < len(body):
        topic, name, partition, key, identity, trace, value = _ENTRY.unpack_from(body, place)
        place += _ENTRY.size
        parts = []
        for length in (topic, name, key, trace, value):
            parts.append(body[place : place + length])
            place += length
        destination = Destination(parts[0].decode(), partition, parts[2])
        said.append(Said(destination, parts[1].decode(), identity.hex(), parts[3], parts[4]))
    if place != len(body):
        raise OwnFault("an outbox row is not whole")
    return said, _AT.unpack_from(body)[0]
