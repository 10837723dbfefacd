"""VRS's own records of what one municipality gave another, outside NWS (assessment III-5): a Merkle log an area.

Owns the appending, in the same transaction as the provision: no record, no provision. The forms are those of the
provision records of the intermediate servers: RFC 9162 hashing, C2SP checkpoints; the signer is VRS. Promises that a
record holds names of items and never a value or a number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from broker.decision import Decision
from broker.facts import Facts
from broker.rules import merkle
from broker.rules.leaves import leaf_of
from broker.service import Context
from broker.tables import VrsCheckpoint, VrsLogHead, VrsRecord
from schemas.codec import encode
from schemas.records import Message, VrsCheckpointDue, VrsProvisionRecorded

CHECKPOINT_MS = 5000
EMPTY = merkle.to_bytes(merkle.EMPTY_FRONTIER)

Sign = Callable[[str, int, bytes], str]
"""origin, size, root → signed note."""


LOGS = "vrs/logs"  # the name that whoever appends asks for


def origin_of(institution_code: str) -> str:
    """The origin line of a municipality's checkpoints in VRS."""
    return f"chukan.invalid/vrs-records/{institution_code}"


async def load_logs(institution_codes: Iterable[str], facts: Facts) -> None:
    """Where the logs stand. A provision is written to two logs, whose municipalities may be of two shards: no other
    batch appends meanwhile."""
    await facts.alone(LOGS)
    await facts.load(VrsLogHead, [(code,) for code in institution_codes])


def appended(records: Sequence[VrsProvisionRecorded], facts: Facts, now: int) -> list[VrsLogHead | VrsRecord]:
    """The rows of these records at the ends of their owners' logs."""
    heads: dict[str, VrsLogHead] = {}
    rows: list[VrsLogHead | VrsRecord] = []
    for record in records:
        owner = record.institution_code
        head = heads.get(owner) or facts.get(VrsLogHead, owner) or VrsLogHead(owner, 0, EMPTY, 0)
        row = row_of(record, head.size, now)
        frontier = merkle.append_all(merkle.from_bytes(head.frontier), [row.leaf])
        due = head.checkpoint_due_at or now + CHECKPOINT_MS
        heads[owner] = VrsLogHead(owner, frontier.size, merkle.to_bytes(frontier), due)
        rows.append(row)
    return [*rows, *heads.values()]


def row_of(record: VrsProvisionRecorded, sequence: int, now: int) -> VrsRecord:
    """A record as the leaf at its place."""
    mine = record.institution_code == record.inquirer_institution_code
    counterpart = record.provider_institution_code if mine else record.inquirer_institution_code
    body = encode(record)
    leaf = leaf_of(sequence, counterpart, 0, body)
    return VrsRecord(record.institution_code, sequence, counterpart, record.request_id, now, leaf, body)


async def load_checkpoint_due(messages: Sequence[VrsCheckpointDue], facts: Facts) -> None:
    """Where the logs stand."""
    await load_logs([m.institution_code for m in messages], facts)


def say_checkpoint_due(row: VrsLogHead, now: int) -> Message:
    """The timer's message about a log that has grown."""
    return VrsCheckpointDue(row.institution_code, row.size)


def decide_checkpoint(message: VrsCheckpointDue, facts: Facts, context: Context, sign: Sign) -> Decision:
    """Sign the log as it stands now."""
    head = facts.get(VrsLogHead, message.institution_code)
    if head is None or head.checkpoint_due_at == 0:
        return Decision("late")
    root = merkle.root_of(merkle.from_bytes(head.frontier))
    note = sign(origin_of(head.institution_code), head.size, root)
    row = VrsCheckpoint(head.institution_code, head.size, note, context.now)
    return Decision("checkpoint_signed", (), (row, head._replace(checkpoint_due_at=0)))
