"""情報提供等記録管理 (assessment, system 4 function 5): the Merkle log of every institution's provision records.

Hears RecordsSubmitted from inquiry, network and provision, CheckpointDue from its timers, CheckpointWitnessed from the
log's witnesses, RecordErasureOrdered and SequenceMarkRequested from operators and auditors, OperationRecorded from
staff's desk. Says CheckpointPublished to the witnesses.

Always holds: a record is appended once, with its place in the log and in the sequence of its pair of institutions;
no detail is erased without a certificate of it in the same log; every signed checkpoint covers exactly the leaves below
its size (RFC 9162 hashing, C2SP checkpoint) and is shown to the witnesses with the proof that it continues the one
before, in the commit that keeps it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from broker.decision import Decision
from broker.errors import PeerFault
from broker.facts import Facts
from broker.rules import merkle
from broker.rules.erasure import CERTIFICATE, ERASED_AT_ONCE, ERASURES, MARK, expired
from broker.rules.leaves import STAFF, leaf_of, origin_of_log
from broker.rules.numbers import is_institution_code
from broker.rules.witness import quorum
from broker.service import Context, Keep, Service, Timer, on
from broker.tables import Checkpoint, Cosignature, CosignedLog, LogHead, LogRecord, PairHead, WitnessDuty
from broker.topics import lane_of
from schemas.codec import encode
from schemas.records import (
    CheckpointDue,
    CheckpointPublished,
    CheckpointWitnessed,
    DataErased,
    Message,
    OperationRecorded,
    RecordEntry,
    RecordErasureOrdered,
    RecordsSubmitted,
    SequenceMarked,
    SequenceMarkRequested,
)
from services.common import Terms

NAME = "provision_log"
BY_LOG = ("institution_code",)
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


@lru_cache(maxsize=FRONTIERS_KEPT)
def growth_of(data: bytes) -> merkle.Growth:
    """What proves the growth since the last checkpoint, from the bytes a row keeps."""
    return merkle.growth_from_bytes(data)


def append(message: RecordsSubmitted, facts: Facts, context: Context, checkpoint_ms: int) -> Decision:
    """Append each record as the next leaf of its owner's log."""
    by_owner: dict[str, list[RecordEntry]] = {}
    for entry in message.entries:
        by_owner.setdefault(entry.institution_code, []).append(entry)
    if any(lane_of(owner) != message.lane for owner in by_owner):
        raise PeerFault("FIELD_ILL_FORMED", "a record is not for a log of this lane")  # another shard may write it
    rows: list[LogRecord] = []
    heads: list[LogHead] = []
    pairs: dict[tuple[str, str], int] = {}
    for owner, entries in by_owner.items():
        head = facts.get(LogHead, owner) or LogHead(owner, 0, EMPTY, 0)
        records = [next_record(place, entry, pairs, facts, context) for place, entry in enumerate(entries, head.size)]
        before = growth_of(head.growth)
        frontier, after = merkle.grow(frontier_of(head.frontier), before, [record.leaf for record in records])
        growth = head.growth if after is before else merkle.growth_to_bytes(after)
        due = head.checkpoint_due_at or context.now + checkpoint_ms
        heads.append(LogHead(owner, frontier.size, bytes_of(frontier), due, growth))
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


def note_operation(message: OperationRecorded, facts: Facts, context: Context, checkpoint_ms: int) -> Decision:
    """What staff did is a leaf of the same log, once; staff are a counterpart with a sequence of their own."""
    owner = message.institution_code
    if not is_institution_code(owner) or message.lane != lane_of(owner):
        raise PeerFault("FIELD_ILL_FORMED", "the lane is not that of an institution's log")
    if facts.all(LogRecord, BY_EXCHANGE, message.operation_id):
        return Decision("repeat")
    row, *heads = appended(owner, STAFF, STAFF, encode(message), facts, context, checkpoint_ms)
    assert isinstance(row, LogRecord)
    return Decision("operation_recorded", (), (row._replace(exchange_id=message.operation_id), *heads))


# ── certificates and marks ───────────────────────────────────────────────────────────────────────────────────────


async def load_erasure(messages: Sequence[RecordErasureOrdered], facts: Facts) -> None:
    """The records named, and where their logs stand."""
    owners = [message.institution_code for message in messages]
    named = [(m.institution_code, sequence) for m in messages for sequence in m.sequences[:ERASED_AT_ONCE]]
    await facts.load(LogHead, [(owner,) for owner in owners])
    await facts.load(PairHead, [(owner, ERASURES) for owner in owners])
    await facts.load(LogRecord, named)


def erase(message: RecordErasureOrdered, facts: Facts, context: Context, checkpoint_ms: int) -> Decision:
    """Erase detail and salt of the records whose time is over, and certify which, under which rule, by whose order.

    Said twice, the second finds nothing to erase and certifies nothing.
    """
    owner = message.institution_code
    if lane_of(owner) != message.lane or len(message.sequences) > ERASED_AT_ONCE:
        raise PeerFault("FIELD_OUT_OF_RANGE", f"at most {ERASED_AT_ONCE} records of one log, in its own lane")
    found = [facts.get(LogRecord, owner, sequence) for sequence in dict.fromkeys(message.sequences)]
    due = [
        row for row in found if row is not None and row.detail and expired(message.rule, row.recorded_at, message.as_of)
    ]
    if not due:
        return Decision("nothing_to_erase")
    body = encode(
        DataErased(
            owner,
            context.now,
            message.as_of,
            message.rule,
            message.operator_id,
            tuple(row.sequence for row in due),
        )
    )
    erased = tuple(row._replace(detail=b"") for row in due)
    certificate = appended(owner, ERASURES, CERTIFICATE, body, facts, context, checkpoint_ms)
    return Decision("erased", (), (*erased, *certificate))


async def load_mark(messages: Sequence[SequenceMarkRequested], facts: Facts) -> None:
    """Where the logs and the pairs stand."""
    await facts.load(LogHead, [(m.institution_code,) for m in messages])
    await facts.load(PairHead, [(m.institution_code, m.counterpart) for m in messages])


def mark(message: SequenceMarkRequested, facts: Facts, context: Context, checkpoint_ms: int) -> Decision:
    """Take the pair's next number, so that an auditor can be shown that nothing more came before it."""
    owner, counterpart = message.institution_code, message.counterpart
    if lane_of(owner) != message.lane or facts.get(PairHead, owner, counterpart) is None:
        return Decision("no_such_pair")
    body = encode(SequenceMarked(owner, counterpart, context.now))
    return Decision("marked", (), appended(owner, counterpart, MARK, body, facts, context, checkpoint_ms))


def appended(
    owner: str, counterpart: str, party: str, body: bytes, facts: Facts, context: Context, checkpoint_ms: int
) -> tuple[LogRecord | LogHead | PairHead, ...]:
    """The rows of one more leaf that is no record of an exchange; its name derives from what caused it."""
    head = facts.get(LogHead, owner) or LogHead(owner, 0, EMPTY, 0)
    known = facts.get(PairHead, owner, counterpart)
    number = known.last + 1 if known else 1
    leaf = leaf_of(head.size, counterpart, number, body)
    name = f"{party.lower()}-{context.identity}"
    row = LogRecord(owner, head.size, counterpart, number, name, party, context.now, leaf, body, b"")
    before = growth_of(head.growth)
    frontier, after = merkle.grow(frontier_of(head.frontier), before, [leaf])
    growth = head.growth if after is before else merkle.growth_to_bytes(after)
    due = head.checkpoint_due_at or context.now + checkpoint_ms
    return (row, LogHead(owner, frontier.size, bytes_of(frontier), due, growth), PairHead(owner, counterpart, number))


# ── checkpoints ──────────────────────────────────────────────────────────────────────────────────────────────────


async def load_checkpoint_due(messages: Sequence[CheckpointDue], facts: Facts) -> None:
    """Where the logs stand, and how far they are cosigned."""
    owners = [(m.institution_code,) for m in messages]
    await facts.load(LogHead, owners)
    await facts.load(CosignedLog, owners)


def say_checkpoint_due(row: LogHead | CosignedLog, now: int) -> Message:
    """The timer's message about a log that has grown, or that wants its checkpoint cosigned afresh."""
    return CheckpointDue(row.institution_code, row.size)


def without_owner(head: LogHead, known: CosignedLog | None) -> Decision:
    """A head that names no institution has nobody to sign for it: said once a growth, and not due any more.

    The name itself is not told here, for it may be anything; `audit verify` names the row.
    """
    text = f"log_heads: an institution code of {len(head.institution_code)} characters, not 16 digits; it is not signed"
    rows = (head._replace(checkpoint_due_at=0), *((known._replace(refresh_due_at=0),) if known else ()))
    return Decision("log_of_nobody", (), rows, alarm=text)


def published(note: str, head: LogHead, frontier: merkle.Frontier) -> CheckpointPublished:
    """The checkpoint as its witnesses are shown it, with the proof from the one before."""
    growth = growth_of(head.growth)
    proof = b"".join(merkle.growth_proof(growth, frontier))
    return CheckpointPublished(head.institution_code, note, growth.begin.size, merkle.root_of(growth.begin), proof)


async def load_witnessed(messages: Sequence[CheckpointWitnessed], facts: Facts) -> None:
    """How far the logs are cosigned, and by how many they should be."""
    owners = [(m.institution_code,) for m in messages]
    await facts.load(CosignedLog, owners)
    await facts.find(WitnessDuty, BY_LOG, owners)


def decide_witnessed(message: CheckpointWitnessed, facts: Facts, context: Context) -> Decision:
    """Keep the cosignatures; once a quorum has cosigned, the log is cosigned up to there."""
    owner, size = message.institution_code, message.size
    given = [
        Cosignature(owner, size, one.witness_code, one.line, one.cosigned_at) for one in message.answers if not one.rule
    ]
    wanted = quorum(len(facts.all(WitnessDuty, BY_LOG, owner)))
    known = facts.get(CosignedLog, owner)
    if known is None or len(given) < wanted:
        return Decision("cosigned_by_too_few" if len(given) < wanted else "late", (), tuple(given))
    # As old as the oldest that is needed for the quorum.
    at = sorted((one.cosigned_at for one in given), reverse=True)[wanted - 1]
    cosigned = known._replace(size=max(known.size, size), cosigned_at=max(known.cosigned_at, at))
    return Decision("cosigned", (), (*given, cosigned))


def always(_: object) -> bool:
    """Heads of logs and pairs are wanted as long as the log grows."""
    return True


def service(sign: Sign, terms: Terms = Terms()) -> Service:  # noqa: B008 - a frozen value
    """The declaration; `sign` signs with the institution's own key."""

    def decide_submitted(message: RecordsSubmitted, facts: Facts, context: Context) -> Decision:
        return append(message, facts, context, terms.checkpoint_ms)

    def decide_erasure(message: RecordErasureOrdered, facts: Facts, context: Context) -> Decision:
        """See `erase`."""
        return erase(message, facts, context, terms.checkpoint_ms)

    def decide_mark(message: SequenceMarkRequested, facts: Facts, context: Context) -> Decision:
        """See `mark`."""
        return mark(message, facts, context, terms.checkpoint_ms)

    def decide_operation(message: OperationRecorded, facts: Facts, context: Context) -> Decision:
        """See `note_operation`."""
        return note_operation(message, facts, context, terms.checkpoint_ms)

    def decide_checkpoint_due(message: CheckpointDue, facts: Facts, context: Context) -> Decision:
        """Sign the log as it stands now; one signature covers everything since the last.

        A log that has not grown shows the same checkpoint again when its cosignatures must stay fresh.
        """
        head = facts.get(LogHead, message.institution_code)
        known = facts.get(CosignedLog, message.institution_code)
        if head is None or not (head.checkpoint_due_at or (known and 0 < known.refresh_due_at <= context.now)):
            return Decision("late")
        if not is_institution_code(head.institution_code):
            return without_owner(head, known)
        frontier = frontier_of(head.frontier)
        root = merkle.root_of(frontier)
        note = sign(head.institution_code, origin_of_log(head.institution_code), head.size, root)
        refresh = context.now + terms.refresh_ms if terms.refresh_ms else 0
        cosigned = known or CosignedLog(head.institution_code, 0, 0, context.now, 0)
        shown = published(note, head, frontier)
        waits = cosigned._replace(refresh_due_at=refresh)
        if not head.checkpoint_due_at:
            return Decision("checkpoint_shown_again", (shown,), (waits,))
        signed = Checkpoint(head.institution_code, head.size, note, context.now)
        growth = merkle.growth_to_bytes(merkle.Growth(frontier, ()))
        return Decision(
            "checkpoint_signed", (shown,), (signed, head._replace(checkpoint_due_at=0, growth=growth), waits)
        )

    refresh = (Timer(CosignedLog, "refresh_due_at", (), say_checkpoint_due),) if terms.refresh_ms else ()
    return Service(
        NAME,
        (
            on(RecordsSubmitted, load_submitted, decide_submitted),
            on(OperationRecorded, load_operation, decide_operation),
            on(CheckpointDue, load_checkpoint_due, decide_checkpoint_due),
            on(RecordErasureOrdered, load_erasure, decide_erasure),
            on(SequenceMarkRequested, load_mark, decide_mark),
            on(CheckpointWitnessed, load_witnessed, decide_witnessed),
        ),
        (Timer(LogHead, "checkpoint_due_at", (), say_checkpoint_due), *refresh),
        batch_messages=25,
        keeps=(Keep(LogHead, always), Keep(PairHead, always)),
    )
