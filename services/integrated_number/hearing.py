"""What the institution hears: its replies topic, applied to the hub's tables by the runtime that runs all services, and
what its business systems give (`given`).

Owns what each reply means for the hub's rows. Promises exactly once, because rows and offset commit together, and that
replies to the institution's other programs, and kinds of replies that come later, are passed over. Says nothing by
itself: what follows from a reply is queued as a row of `outgoing`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from broker.decision import Decision
from broker.facts import Facts
from broker.service import Context, Service, on
from broker.tables import HubCode, HubCopy, HubCopyBatch, HubCopyRefusal, HubInquiry
from broker.topics import Topics
from schemas.codec import TOPIC
from schemas.records import (
    MESSAGES,
    AcquisitionNumberAssigned,
    BatchState,
    CodeStateChanged,
    CopyBatchReported,
    InquiryAccepted,
    InquiryAnswered,
    InquiryHeld,
    InquiryRejected,
)
from services.integrated_number import given
from services.integrated_number.common import as_json
from services.integrated_number.outgoing import identity_row

BY_ROW = ("institution_code", "batch_id", "row_number")
OPEN = frozenset({"WAITING", "SENT", "ACCEPTED", "HELD"})
CODE_OPEN = frozenset({"WAITING", "REQUESTED", "NUMBER_ASSIGNED", "IDENTITY_SENT"})
RECORD_EXISTS, RECORD_UNKNOWN = "SIM-E609", "SIM-E610"
NOT_OURS = Decision("not_ours")


class OwnTopics(Topics):
    """The topics of one institution, and none of the shared ones."""

    def __init__(self, institution_code: str) -> None:
        super().__init__(1, frozenset({institution_code}))
        self._code = institution_code

    def names(self, kind: type[Any]) -> tuple[str, ...]:
        """The institution's own topic that a message type lies on; those of its other systems are theirs."""
        own = (f"institution.{self._code}.", f"hub.{self._code}.")
        return tuple(name for name in super().names(kind) if name.startswith(own))


# ── inquiries ────────────────────────────────────────────────────────────────────────────────────────────────────


async def load_inquiries(messages: Sequence[Any], facts: Facts) -> None:
    """The inquiries, and code requests of that name: a refusal may be about either."""
    names = [(m.inquirer_institution_code, m.record_identification_number) for m in messages]
    await facts.load(HubInquiry, names)
    await facts.load(HubCode, names)


def open_inquiry(message: Any, facts: Facts) -> HubInquiry | None:
    """The inquiry the reply is about, when it is ours and not at its end."""
    row = facts.get(HubInquiry, message.inquirer_institution_code, message.record_identification_number)
    return row if row is not None and row.state in OPEN else None


def decide_accepted(message: InquiryAccepted, facts: Facts, context: Context) -> Decision:
    """The intermediate server has it."""
    row = open_inquiry(message, facts)
    if row is None or row.state == "HELD":
        return NOT_OURS
    return Decision("accepted", write=(row._replace(state="ACCEPTED", changed_at=context.now),))


def decide_held(message: InquiryHeld, facts: Facts, context: Context) -> Decision:
    """The provider's staff are looking at it."""
    row = open_inquiry(message, facts)
    if row is None:
        return NOT_OURS
    held = row._replace(state="HELD", hold_deadline_at=message.hold_deadline_at, changed_at=context.now)
    return Decision("held", write=(held,))


def decide_answered(message: InquiryAnswered, facts: Facts, context: Context) -> Decision:
    """The answer is kept as it came, sealed, until the business system fetches it."""
    row = open_inquiry(message, facts)
    if row is None:
        return NOT_OURS
    answered = row._replace(state="ANSWERED", answer=context.value, changed_at=context.now)
    return Decision("answered", write=(answered,))


def decide_rejected(message: InquiryRejected, facts: Facts, context: Context) -> Decision:
    """The message as it stood was refused: an inquiry, or a request about a code."""
    row = open_inquiry(message, facts)
    if row is not None:
        return Decision("rejected", write=(row._replace(state="REJECTED", answer=context.value),))
    code = facts.get(HubCode, message.inquirer_institution_code, message.record_identification_number)
    if code is None or code.state not in CODE_OPEN:
        return NOT_OURS
    rule = message.errors[0].error_id if message.errors else ""
    return Decision("code_rejected", write=(code._replace(state="FAILED", rule=rule, changed_at=context.now),))


# ── codes ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def load_codes(messages: Sequence[Any], facts: Facts) -> None:
    """The code requests."""
    await facts.load(HubCode, [(m.institution_code, m.request_id) for m in messages])


def decide_assigned(message: AcquisitionNumberAssigned, facts: Facts, context: Context) -> Decision:
    """Take the acquisition number to the resident register, with the individual number (domain 3(a), channel 1)."""
    code = facts.get(HubCode, message.institution_code, message.request_id)
    if code is None or code.state not in ("WAITING", "REQUESTED"):
        return NOT_OURS
    told = identity_row(
        message.institution_code,
        message.request_id,
        message.integrated_number,
        message.acquisition_number,
        context.now,
    )
    return Decision("number_assigned", write=(code._replace(state="NUMBER_ASSIGNED", changed_at=context.now), told))


def decide_code_state(message: CodeStateChanged, facts: Facts, context: Context) -> Decision:
    """Issued, failed or revoked."""
    code = facts.get(HubCode, message.institution_code, message.request_id)
    if code is None or code.state not in CODE_OPEN:
        return NOT_OURS
    changed = code._replace(state=message.state.value, rule=message.rule, changed_at=context.now)
    return Decision("code_state", write=(changed,))


# ── copies ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def load_reported(messages: Sequence[CopyBatchReported], facts: Facts) -> None:
    """The numbered parts, the rows that are spoken of, and what is known to be wrong with them."""
    await facts.load(HubCopyBatch, [(m.institution_code, m.batch_id) for m in messages])
    rows = [(m.institution_code, m.batch_id, m.row_number) for m in messages]
    await facts.load(HubCopyRefusal, rows)
    await facts.find(HubCopy, BY_ROW, rows)


def decide_reported(message: CopyBatchReported, facts: Facts, context: Context) -> Decision:
    """How far a part has come, and what is wrong with one row; a part that has ended hears nothing more."""
    batch = facts.get(HubCopyBatch, message.institution_code, message.batch_id)
    if batch is None:
        return NOT_OURS
    write: list[Any] = []
    if message.row_number:
        write += refused_row(message, facts, context.now)
    elif message.errors:
        write.append(HubCopyRefusal(batch.institution_code, batch.batch_id, 0, 0, as_json(message.errors)))
    if batch.state in ("WAITING", "RUNNING") and message.accepted + message.rejected >= batch.accepted + batch.rejected:
        state = message.state.value
        moved = batch._replace(state=state, accepted=message.accepted, rejected=message.rejected)
        write.append(moved._replace(changed_at=context.now))
    return Decision("reported", write=tuple(write))


def refused_row(message: CopyBatchReported, facts: Facts, now: int) -> list[Any]:
    """The refusal, and that the record is to be sent again. The first refusal stays: a repeated row gets a second."""
    place = (message.institution_code, message.batch_id, message.row_number)
    if not message.errors or facts.get(HubCopyRefusal, *place) is not None:
        return []
    copies = facts.all(HubCopy, BY_ROW, *place)
    line = copies[0].line if copies else 0
    rules = {error.error_id for error in message.errors}
    write: list[Any] = [HubCopyRefusal(*place, line, as_json(message.errors))]
    for copy in copies:
        at_server = RECORD_EXISTS in rules or (copy.at_server and RECORD_UNKNOWN not in rules)
        write.append(copy._replace(digest=b"", at_server=at_server, changed_at=now))
    return write


# ── the rest ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def load_nothing(messages: Sequence[Any], facts: Facts) -> None:
    """Nothing is needed to pass over a message."""


def decide_nothing(message: Any, facts: Facts, context: Context) -> Decision:
    """A reply that is not for the hub, or of a kind the hub does not know yet."""
    return Decision("passed_over")


REPLIES = (
    on(InquiryAccepted, load_inquiries, decide_accepted),
    on(InquiryHeld, load_inquiries, decide_held),
    on(InquiryAnswered, load_inquiries, decide_answered),
    on(InquiryRejected, load_inquiries, decide_rejected),
    on(AcquisitionNumberAssigned, load_codes, decide_assigned),
    on(CodeStateChanged, load_codes, decide_code_state),
    on(CopyBatchReported, load_reported, decide_reported),
)
ENDED = frozenset({BatchState.ENDED.value, BatchState.ENDED_WITH_ERRORS.value, BatchState.ABORTED.value})


def service(institution_code: str) -> Service:
    """The declaration; each institution's hub is a service of its own, so that its replies have one owner."""
    heard = {handler.message for handler in REPLIES}
    replies = [kind for kind in MESSAGES if TOPIC[kind].endswith(".replies") and kind not in heard]
    rest = tuple(on(kind, load_nothing, decide_nothing) for kind in replies)
    return Service(f"hub.{institution_code}", (*REPLIES, *given.HEARD, *rest), batch_messages=1000, tells_senders=False)
