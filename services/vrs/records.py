"""VRS's records of provisions as a city reads them, and whether they are whole (assessment III-5: 記録の確認).

Owns the verification: leaves from bodies, roots from leaves, signatures from roots. Promises that it trusts nothing but
the rows of one log and VRS's public key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from broker.adapters.postgres import QUERIES, PostgresSnapshot
from broker.rules import checkpoint, merkle
from broker.rules.checkpoint import CheckpointError
from broker.rules.leaves import leaf_of
from broker.tables import VrsCheckpoint, VrsLogHead, VrsRecord
from schemas.codec import decode
from schemas.records import VrsProvisionRecorded
from services.vrs.log import origin_of


class Log(NamedTuple):
    """One municipality's log as it stands."""

    institution_code: str
    rows: tuple[VrsRecord, ...]
    head: VrsLogHead | None
    checkpoints: tuple[VrsCheckpoint, ...]


class Judged(NamedTuple):
    """What the verification found. signed: how many records lie under a signature."""

    records: tuple[VrsProvisionRecorded, ...]
    signed: int
    broken: tuple[str, ...]


async def read_log(snapshot: PostgresSnapshot, institution_code: str) -> Log:
    """The log of one municipality."""
    rows = await snapshot.select(VrsRecord, QUERIES["vrs_log_of"], institution_code)
    heads = await snapshot.select(VrsLogHead, QUERIES["vrs_log_head_of"], institution_code)
    notes = await snapshot.select(VrsCheckpoint, QUERIES["vrs_checkpoints_of"], institution_code)
    return Log(institution_code, tuple(rows), heads[0] if heads else None, tuple(notes))


def judged(log: Log, public_key: Ed25519PublicKey) -> Judged:
    """Everything that is not as it must be, in words that name the place."""
    broken: list[str] = []
    records = []
    leaves = []
    for place, row in enumerate(log.rows):
        record = decode(row.body)
        assert isinstance(record, VrsProvisionRecorded)
        records.append(record)
        leaves.append(leaf_of(place, row.counterpart, 0, row.body))
        if row.sequence != place:
            broken.append(f"record {place}: sequence {row.sequence}")
        if row.leaf != leaves[-1]:
            broken.append(f"record {place}: its leaf is not that of its content")
    size = log.head.size if log.head else 0
    if size != len(leaves) or (
        log.head and merkle.root_of(merkle.from_bytes(log.head.frontier)) != merkle.root(leaves)
    ):
        broken.append(f"the log ends at {len(leaves)}, its head says {size} or another root")
    signed = 0
    for note in log.checkpoints:
        wrong = _checkpoint_error(note, log.institution_code, leaves, public_key)
        if wrong:
            broken.append(f"checkpoint {note.size}: {wrong}")
        else:
            signed = max(signed, note.size)
    return Judged(tuple(records), signed, tuple(broken))


def _checkpoint_error(
    note: VrsCheckpoint, institution_code: str, leaves: Sequence[bytes], public_key: Ed25519PublicKey
) -> str:
    origin = origin_of(institution_code)
    try:
        found = checkpoint.verify(note.note, origin, public_key)
    except CheckpointError as error:
        return str(error)
    if found.origin != origin or found.size != note.size or found.size > len(leaves):
        return "it is about another log or another size"
    return "" if found.root == merkle.root(leaves[: found.size]) else "its root is not that of the records"
