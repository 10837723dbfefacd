"""What a leaf of a provision-record log covers, and what a log is called.

Frozen: version 1 of the leaf is the byte 0x01, the sequence (8 bytes, big-endian), the pair sequence (8), the length
of the counterpart's name (1) and the name, then the record as framed Avro. The leaf hash is RFC 9162's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from broker.rules import merkle
from schemas.records import OperationRecorded, ProvisionRecorded

LEAF_VERSION = b"\x01"
STAFF = "STAFF"  # the party and the counterpart of what staff did

Names = tuple[str, str, str]
"""Whose log, which exchange or operation, which party: what the row of a leaf says beside its body."""

NAMES_OF: dict[type[Any], Callable[[Any], Names]] = {
    ProvisionRecorded: lambda record: (record.institution_code, record.exchange_id, record.party.value),
    OperationRecorded: lambda record: (record.institution_code, record.operation_id, STAFF),
}
"""Every type of message that may be a leaf, told apart by its schema's number."""


def leaf_of(sequence: int, counterpart: str, pair_sequence: int, body: bytes) -> bytes:
    """The leaf hash of one record at its place in the log and in its pair's sequence."""
    name = counterpart.encode()
    return merkle.leaf_hash(
        b"".join(
            (
                LEAF_VERSION,
                sequence.to_bytes(8, "big"),
                pair_sequence.to_bytes(8, "big"),
                len(name).to_bytes(1, "big"),
                name,
                body,
            )
        )
    )


def origin_of_log(institution_code: str) -> str:
    """The origin line of an institution's checkpoints."""
    return f"chukan.invalid/provision-records/{institution_code}"
