"""情報提供等記録管理 (assessment, system 4 function 5): the Merkle log of every institution's provision records.

Hears RecordsSubmitted from inquiry, network and provision, OperationRecorded from staff's desk, CheckpointDue from its
timer. Says nothing: it keeps.

Always holds: a record is appended once, with its place in the log and in the sequence of its pair of institutions;
every signed checkpoint covers exactly the leaves below its size (RFC 9162 hashing, C2SP checkpoint).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import cast

from broker.decision import Decision
from broker.errors import PeerFault
from broker.facts import Facts
from broker.rules import merkle
from broker.rules.leaves import STAFF, leaf_of, origin_of_log
from broker.rules.numbers import is_institution_code
from broker.service import Context, Keep, Service, Timer, on
from broker.tables import Checkpoint, LogHead, LogRecord, PairHead
from broker.topics import lane_of
from schemas.codec import encode
from schemas.records import CheckpointDue, Message, OperationRecorded, Party, RecordEntry, RecordsSubmitted

NAME = "provision_log"
CHECKPOINT_MS = 5000
BY_EXCHANGE = ("exchange_id",)

Sign = Callable[[str, str, int, bytes], str]
"""institution code, origin, size, root → signed note."""


async def load_submitted(messages: Sequence[RecordsSubmitted], facts: Facts) -> None:
    """Where the logs and the pairs stand."""
    entries = [entry for message in messages for entry in message.entries]
    await facts.load(LogHead, [(entry.institution_code,) for entry in entries])
    await facts.load(PairHead, [(entry.institution_code, entry.counterpart) for entry in entries])


FRONTIERS_KEPT = 4096
_frontiers: dict[bytes, merkle.Frontier] = {}


def frontier_of(data: bytes) -> merkle.Frontier:
    """The compact range in these bytes; those made here are remembered, within a bound."""
    return _frontiers.get(data) or merkle.from_bytes(data)


def bytes_of(frontier: merkle.Frontier) -> bytes:
    """The compact range as its row keeps it."""
    data = merkle.to_bytes(frontier)
    if len(_frontiers) >= FRONTIERS_KEPT:
        del _frontiers[next(iter(_frontiers))]
    _frontiers[data] = frontier
    return data


def decide_submitted(message: RecordsSubmitted, facts: Facts, context: Context) -> Decision:
    """Append each record as the next leaf of its owner's log."""
    by_owner: dict[str, list[RecordEntry]] = {}
    for entry in message.entries:
        by_owner.setdefault(entry.institution_code, []).append(entry)
    rows: list[LogRecord] = []
    heads: list[LogHead] = []
    pairs: dict[tuple[str, str], int] = {}
    for owner, entries in by_owner.items():
        head = facts.get(LogHead, owner) or LogHead(owner, 0, EMPTY, 0)
        records = [next_record(place, entry, pairs, facts, context) for place, entry in enumerate(entries, head.size)]
        frontier = merkle.append_all(frontier_of(head.frontier), [record.leaf for record in records])
        due = head.checkpoint_due_at or context.now + CHECKPOINT_MS
        heads.append(LogHead(owner, frontier.size, bytes_of(frontier), due))
        rows += records
    kept = [PairHead(owner, counterpart, last) for (owner, counterpart), last in pairs.items()]
    return Decision("recorded", (), (*rows, *heads, *kept))


EMPTY = merkle.to_bytes(merkle.EMPTY_FRONTIER)


def next_record(
    sequence: int, entry: RecordEntry, pairs: dict[tuple[str, str], int], facts: Facts, context: Context
) -> LogRecord:
    """The row of a record at its place in the log and in its pair's sequence, which it counts on."""
    pair = (entry.institution_code, entry.counterpart)
    if pair not in pairs:
        known = facts.get(PairHead, *pair)
        pairs[pair] = known.last if known else 0
    pairs[pair] += 1
    return LogRecord(
        entry.institution_code,
        sequence,
        entry.counterpart,
        pairs[pair],
        entry.exchange_id,
        entry.party.value,
        context.now,
        leaf_of(sequence, entry.counterpart, pairs[pair], entry.body),
        entry.body,
        entry.detail,
    )


async def load_operation(messages: Sequence[OperationRecorded], facts: Facts) -> None:
    """Where the logs stand, and what of these is in them already."""
    await facts.load(LogHead, [(m.institution_code,) for m in messages])
    await facts.load(PairHead, [(m.institution_code, STAFF) for m in messages])
    await facts.find(LogRecord, BY_EXCHANGE, [(m.operation_id,) for m in messages])


class StaffParty(StrEnum):
    """As what staff stand in a log: beside the parties of exchanges."""

    STAFF = STAFF


def as_submitted(message: OperationRecorded) -> RecordsSubmitted:
    """What staff did on its way to the end of the log, as records are; staff are a counterpart of their own."""
    owner = message.institution_code
    if not is_institution_code(owner) or message.lane != lane_of(owner):
        raise PeerFault("FIELD_ILL_FORMED", "the lane is not that of an institution's log")
    party = cast(Party, StaffParty.STAFF)
    return RecordsSubmitted(
        message.lane, (RecordEntry(owner, STAFF, message.operation_id, party, encode(message), b""),)
    )


async def load_checkpoint_due(messages: Sequence[CheckpointDue], facts: Facts) -> None:
    """Where the logs stand."""
    await facts.load(LogHead, [(m.institution_code,) for m in messages])


def say_checkpoint_due(row: LogHead, now: int) -> Message:
    """The timer's message about a log that has grown."""
    return CheckpointDue(row.institution_code, row.size)


def always(_: object) -> bool:
    """Heads of logs and pairs are wanted as long as the log grows."""
    return True


def service(sign: Sign) -> Service:
    """The declaration; `sign` signs with the institution's own key."""

    def decide_operation(message: OperationRecorded, facts: Facts, context: Context) -> Decision:
        """What staff did is a leaf of the same log, once."""
        submitted = as_submitted(message)
        if facts.all(LogRecord, BY_EXCHANGE, message.operation_id):
            return Decision("repeat")
        return decide_submitted(submitted, facts, context)._replace(outcome="operation_recorded")

    def decide_checkpoint_due(message: CheckpointDue, facts: Facts, context: Context) -> Decision:
        """Sign the log as it stands now; one signature covers everything since the last."""
        head = facts.get(LogHead, message.institution_code)
        if head is None or head.checkpoint_due_at == 0:
            return Decision("late")
        root = merkle.root_of(frontier_of(head.frontier))
        note = sign(head.institution_code, origin_of_log(head.institution_code), head.size, root)
        checkpoint = Checkpoint(head.institution_code, head.size, note, context.now)
        return Decision("checkpoint_signed", (), (checkpoint, head._replace(checkpoint_due_at=0)))

    return Service(
        NAME,
        (
            on(RecordsSubmitted, load_submitted, decide_submitted),
            on(OperationRecorded, load_operation, decide_operation),
            on(CheckpointDue, load_checkpoint_due, decide_checkpoint_due),
        ),
        (Timer(LogHead, "checkpoint_due_at", (), say_checkpoint_due),),
        batch_messages=25,
        keeps=(Keep(LogHead, always), Keep(PairHead, always)),
    )
