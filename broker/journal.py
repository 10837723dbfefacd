"""The journal: which messages made up each committed batch, at what moment; and what was changed outside of messages.

Owns the two kinds of steps a history consists of, and the bytes in which a batch's offsets are kept. Messages, the
journal and the outside changes together are all that ever decided anything: `services.audit.replay` reads them again.
One row a batch, written in the transaction that commits the batch; nothing a message.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

from broker.errors import OwnFault
from broker.ports import Position, Source

_ENTRY = struct.Struct(">BHQ")  # length of the topic's name, partition, next offset; then the name


class Journalled(NamedTuple):
    """A committed batch: the messages up to these offsets, decided at this moment (milliseconds since 1970 UTC).

    place: its number among all steps of the installation, in the order of the commits but for what overlapped.
    transaction: the database's number of the transaction; 0 where there is none.
    """

    place: int
    transaction: int
    service: str
    shard: int
    batch: int
    at: int
    offsets: Mapping[Source, int]


class Changed(NamedTuple):
    """A row that somebody wrote outside of all messages: an operator, a migration. None: it was not, or no longer is,
    there."""

    place: int
    transaction: int
    at: int
    before: Any
    after: Any


Step = Journalled | Changed
HUB = "hub"


def is_of_a_hub(service: str) -> bool:
    """Whether a service belongs to an institution's own system, which is outside of what is replayed, like every
    program of an institution."""
    return service.partition(".")[0] == HUB


def pack_offsets(positions: Mapping[Source, Position]) -> bytes:
    """The next offsets of the partitions a batch touched."""
    parts: list[bytes] = []
    for (topic, partition), position in positions.items():
        name = topic.encode()
        parts += (_ENTRY.pack(len(name), partition, position.next_offset), name)
    return b"".join(parts)


def unpack_offsets(data: bytes) -> dict[Source, int]:
    """What `pack_offsets` wrote; OwnFault when it is not whole."""
    found: dict[Source, int] = {}
    place = 0
    try:
        while place < len(data):
            length, partition, offset = _ENTRY.unpack_from(data, place)
            place += _ENTRY.size + length
            found[data[place - length : place].decode(), partition] = offset
    except struct.error:
        raise OwnFault("a journal row is not whole") from None
    if place != len(data):
        raise OwnFault("a journal row is not whole")
    return found
