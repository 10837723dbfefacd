"""情報提供等記録管理 (assessment, system 4 function 5): the Merkle log of every institution's provision records.

Hears ProvisionRecorded from inquiry, network and provision, CheckpointDue from its timer. Says nothing: it keeps.

Always holds: a record is appended once, with its place in the log and in the sequence of its pair of institutions;
every signed checkpoint covers exactly the leaves below its size (RFC 9162 hashing, C2SP checkpoint).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from broker.decision import Decision
from broker.facts import Facts
from broker.rules import merkle
from broker.rules.leaves import leaf_of, origin_of_log
from broker.service import Context, Service, Timer, on
from broker.tables import Checkpoint, LogHead, LogRecord, PairHead
from schemas.records import CheckpointDue, Message, Party, ProvisionRecorded

NAME = "provision_log"
CHECKPOINT_MS = 5000

Sign = Callable[[str, str, int, bytes], str]
"""institution code, origin, size, root → signed note."""


def counterpart_of(record: ProvisionRecorded) -> str:
    """With whom the owner of the log had this exchange; the network's pair is both parties."""
    if record.party is Party.INQUIRER:
        return record.provider_institution_code
    if record.party is Party.PROVIDER:
        return record.inquirer_institution_code
    return f"{record.inquirer_institution_code}>{record.provider_institution_code}"


async def load_recorded(messages: Sequence[ProvisionRecorded], facts: Facts) -> None:
    """Where the logs and the pairs stand."""
    await facts.load(LogHead, [(m.institution_code,) for m in messages])
    await facts.load(PairHead, [(m.institution_code, counterpart_of(m)) for m in messages])


@lru_cache(maxsize=4096)
def frontier_of(data: bytes) -> merkle.Frontier:
    """The compact range in these bytes."""
    return merkle.from_bytes(data)


def decide_recorded(message: ProvisionRecorded, facts: Facts, context: Context) -> Decision:
    """Append the record as the next leaf of its owner's log."""
    owner, counterpart = message.institution_code, counterpart_of(message)
    head = facts.get(LogHead, owner) or LogHead(owner, 0, merkle.to_bytes(merkle.EMPTY_FRONTIER), 0)
    pair = facts.get(PairHead, owner, counterpart) or PairHead(owner, counterpart, 0)
    leaf = leaf_of(head.size, counterpart, pair.last + 1, context.value)
    frontier = merkle.append_all(frontier_of(head.frontier), (leaf,))
    record = LogRecord(
        owner,
        head.size,
        counterpart,
        pair.last + 1,
        message.exchange_id,
        message.party.value,
        context.now,
        leaf,
        context.value,
    )
    due = head.checkpoint_due_at or context.now + CHECKPOINT_MS
    grown = LogHead(owner, head.size + 1, merkle.to_bytes(frontier), due)
    return Decision("recorded", (), (record, grown, PairHead(owner, counterpart, pair.last + 1)))


async def load_checkpoint_due(messages: Sequence[CheckpointDue], facts: Facts) -> None:
    """Where the logs stand."""
    await facts.load(LogHead, [(m.institution_code,) for m in messages])


def say_checkpoint_due(row: LogHead, now: int) -> Message:
    """The timer's message about a log that has grown."""
    return CheckpointDue(row.institution_code, row.size)


def service(sign: Sign) -> Service:
    """The declaration; `sign` signs with the institution's own key."""

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
            on(ProvisionRecorded, load_recorded, decide_recorded),
            on(CheckpointDue, load_checkpoint_due, decide_checkpoint_due),
        ),
        (Timer(LogHead, "checkpoint_due_at", (), say_checkpoint_due),),
    )
