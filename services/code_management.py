"""符号管理 (assessment, system 4 function 1): which linkage code stands for which integrated number, and since when.

Hears CodeAcquisitionRequested, CodeRevocationRequested and LinkageSuspensionRequested from institutions,
AcquisitionNumberIssued, LinkageCodeIssued and CodeAcquisitionFailed from the network. Says AcquisitionNumberRequested
and LinkageCodeRevoked to the network, AcquisitionNumberAssigned, CodeStateChanged and LinkageSuspensionChanged to the
institution.

Always holds: no individual number comes here (domain 3(a)); the acquisition number is erased after the match
(Article 21-2); a code is bound to one integrated number and one person has one code in force at an institution.
"""

from __future__ import annotations

from collections.abc import Sequence

from broker.decision import Decision
from broker.errors import PeerFault
from broker.facts import Facts
from broker.rules.fields import echoed, errors_in
from broker.rules.reasons import field_error
from broker.service import Context, Service, Timer, on
from broker.tables import CodeBinding, CodeRequest, Institution, Suspension
from schemas.records import (
    AcquisitionNumberAssigned,
    AcquisitionNumberIssued,
    AcquisitionNumberRequested,
    CodeAcquisitionFailed,
    CodeAcquisitionRequested,
    CodeRequestDeadlinePassed,
    CodeRevocationRequested,
    CodeState,
    CodeStateChanged,
    FieldError,
    InquiryRejected,
    LinkageCodeIssued,
    LinkageCodeRevoked,
    LinkageSuspensionChanged,
    LinkageSuspensionRequested,
    Message,
)
from services.common import BY_PERSON, code_in_force, sender_checked

NAME = "code_management"


def rejected(request_id: str, institution_code: str, errors: Sequence[FieldError], context: Context) -> Decision:
    """The refusal of a message as it stands."""
    reply = InquiryRejected(
        echoed(request_id), institution_code, context.topic, context.partition, context.offset, tuple(errors)
    )
    return Decision("rejected", (reply,))


# ── an institution asks ──────────────────────────────────────────────────────────────────────────────────────────


async def load_requested(messages: Sequence[CodeAcquisitionRequested], facts: Facts) -> None:
    """The institutions, the requests of that name and the person's codes."""
    await facts.load(Institution, [(m.institution_code,) for m in messages])
    await facts.load(CodeRequest, [(m.institution_code, m.request_id) for m in messages])
    await facts.find(CodeBinding, BY_PERSON, [(m.institution_code, m.integrated_number) for m in messages])


def decide_requested(message: CodeAcquisitionRequested, facts: Facts, context: Context) -> Decision:
    """Ask the network for an acquisition number (domain 3(a)2)."""
    sender_checked(message.institution_code, facts, context)
    errors = errors_in(message)
    known = facts.get(CodeRequest, message.institution_code, message.request_id)
    if not errors and known is not None:
        if known.integrated_number == message.integrated_number:
            return Decision("repeat")
        errors = [field_error("request_id", "DUPLICATE_RECORD_ID")]
    if errors:
        return rejected(message.request_id, message.institution_code, errors, context)
    if code_in_force(message.institution_code, message.integrated_number, facts, context.now):
        state = CodeStateChanged(
            message.institution_code,
            message.request_id,
            message.integrated_number,
            CodeState.ISSUED,
            "ALREADY_ISSUED",
        )
        return Decision("already_issued", (state,))
    request = CodeRequest(
        message.institution_code,
        message.request_id,
        message.integrated_number,
        CodeState.REQUESTED.value,
        "",
        context.now,
        0,
    )
    asked = AcquisitionNumberRequested(message.institution_code, message.request_id)
    return Decision("requested", (asked,), (request,))


# ── the network answers ──────────────────────────────────────────────────────────────────────────────────────────


async def load_number_issued(messages: Sequence[AcquisitionNumberIssued], facts: Facts) -> None:
    """The requests."""
    await facts.load(CodeRequest, [(m.institution_code, m.request_id) for m in messages])


def decide_number_issued(message: AcquisitionNumberIssued, facts: Facts, context: Context) -> Decision:
    """Hand the number to the institution, which takes it to the resident register (channel 1)."""
    request = facts.get(CodeRequest, message.institution_code, message.request_id)
    if request is None or request.state != CodeState.REQUESTED.value:
        return Decision("late")
    assigned = AcquisitionNumberAssigned(
        message.institution_code,
        message.request_id,
        request.integrated_number,
        message.acquisition_number,
        message.expires_at,
    )
    waiting = request._replace(acquisition_number=message.acquisition_number, expires_at=message.expires_at)
    return Decision("number_assigned", (assigned,), (waiting,))


async def load_code_issued(messages: Sequence[LinkageCodeIssued], facts: Facts) -> None:
    """The requests, the codes and the persons' codes."""
    await facts.load(CodeRequest, [(m.institution_code, m.request_id) for m in messages])
    await facts.load(CodeBinding, [(m.institution_code, m.linkage_code) for m in messages])
    requests = [facts.get(CodeRequest, m.institution_code, m.request_id) for m in messages]
    await facts.find(CodeBinding, BY_PERSON, [(r.institution_code, r.integrated_number) for r in requests if r])


def decide_code_issued(message: LinkageCodeIssued, facts: Facts, context: Context) -> Decision:
    """Channel 2 has arrived: match the acquisition number, bind the code, erase the number."""
    request = facts.get(CodeRequest, message.institution_code, message.request_id)
    if request is None or request.acquisition_number != message.acquisition_number:
        raise PeerFault("CHANNEL_MISMATCH", f"{message.request_id}: the acquisition number does not match")
    if request.state != CodeState.REQUESTED.value:
        return Decision("late")
    bound = facts.get(CodeBinding, message.institution_code, message.linkage_code)
    if bound is not None and bound.integrated_number != request.integrated_number:
        return changed(request, CodeState.FAILED, "DUPLICATE_PERSON")
    binding = CodeBinding(
        message.institution_code,
        message.linkage_code,
        request.integrated_number,
        message.issued_at,
        0,
        context.now,
        message.request_id,
    )
    decision = changed(request, CodeState.ISSUED, "")
    return decision._replace(write=(*decision.write, binding))


def changed(request: CodeRequest, state: CodeState, rule: str) -> Decision:
    """A request's end, told to the institution; the acquisition number is gone."""
    told = CodeStateChanged(request.institution_code, request.request_id, request.integrated_number, state, rule)
    ended = request._replace(state=state.value, acquisition_number="", expires_at=0)
    return Decision(f"code_{state.value.lower()}", (told,), (ended,))


async def load_failed(messages: Sequence[CodeAcquisitionFailed], facts: Facts) -> None:
    """The requests."""
    await facts.load(CodeRequest, [(m.institution_code, m.request_id) for m in messages])


def decide_failed(message: CodeAcquisitionFailed, facts: Facts, context: Context) -> Decision:
    """The network could not issue a code."""
    request = facts.get(CodeRequest, message.institution_code, message.request_id)
    if request is None or request.state != CodeState.REQUESTED.value:
        return Decision("late")
    return changed(request, CodeState.FAILED, message.rule)


async def load_deadline_passed(messages: Sequence[CodeRequestDeadlinePassed], facts: Facts) -> None:
    """The requests."""
    await facts.load(CodeRequest, [(m.institution_code, m.request_id) for m in messages])


def decide_deadline_passed(message: CodeRequestDeadlinePassed, facts: Facts, context: Context) -> Decision:
    """One of the two channels never came: the request fails and the number is erased (domain 3(a)7, 9)."""
    request = facts.get(CodeRequest, message.institution_code, message.request_id)
    waits = request is not None and request.state == CodeState.REQUESTED.value and request.expires_at
    if request is None or not waits or context.now < request.expires_at:
        return Decision("late")
    return changed(request, CodeState.FAILED, "ACQUISITION_EXPIRED")


def say_deadline_passed(row: CodeRequest, now: int) -> Message:
    """The timer's message about a request whose number has expired."""
    return CodeRequestDeadlinePassed(row.institution_code, row.request_id, row.expires_at)


# ── a code ends ──────────────────────────────────────────────────────────────────────────────────────────────────


async def load_revocation(messages: Sequence[CodeRevocationRequested], facts: Facts) -> None:
    """The institutions and the persons' codes."""
    await facts.load(Institution, [(m.institution_code,) for m in messages])
    await facts.find(CodeBinding, BY_PERSON, [(m.institution_code, m.integrated_number) for m in messages])


def decide_revocation(message: CodeRevocationRequested, facts: Facts, context: Context) -> Decision:
    """Close the code; its row stays, so that which code was in force at any moment can be told."""
    sender_checked(message.institution_code, facts, context)
    errors = errors_in(message)
    found = code_in_force(message.institution_code, message.integrated_number, facts, context.now)
    if not errors and found is None:
        errors = [field_error("integrated_number", "CODE_UNKNOWN")]
    if errors or found is None:
        return rejected(message.request_id, message.institution_code, errors, context)
    ends = max(message.valid_to, context.now)  # the past is not rewritten
    closed = found._replace(valid_to=ends)
    told = CodeStateChanged(
        message.institution_code, message.request_id, message.integrated_number, CodeState.REVOKED, "REVOKED"
    )
    revoked = LinkageCodeRevoked(message.institution_code, closed.linkage_code, ends)
    return Decision("revoked", (told, revoked), (closed,))


# ── linkage stops for a person ───────────────────────────────────────────────────────────────────────────────────


async def load_suspension(messages: Sequence[LinkageSuspensionRequested], facts: Facts) -> None:
    """The institutions and what is suspended."""
    await facts.load(Institution, [(m.institution_code,) for m in messages])
    await facts.load(Suspension, [(m.institution_code, m.integrated_number) for m in messages])


def decide_suspension(message: LinkageSuspensionRequested, facts: Facts, context: Context) -> Decision:
    """Stop linkage for a wrongly linked person, or let it go on (domain 3(e)10); a repeat changes nothing."""
    sender_checked(message.institution_code, facts, context)
    errors = errors_in(message)
    if errors:
        return rejected(message.request_id, message.institution_code, errors, context)
    told = LinkageSuspensionChanged(
        message.institution_code, message.request_id, message.integrated_number, message.suspended
    )
    known = facts.get(Suspension, message.institution_code, message.integrated_number)
    if not message.suspended:
        return Decision("resumed", (told,), (), (known,) if known else ())
    since = known.since if known else context.now
    row = Suspension(message.institution_code, message.integrated_number, message.reason, since)
    return Decision("suspended", (told,), (row,))


SERVICE = Service(
    NAME,
    (
        on(CodeAcquisitionRequested, load_requested, decide_requested),
        on(AcquisitionNumberIssued, load_number_issued, decide_number_issued),
        on(LinkageCodeIssued, load_code_issued, decide_code_issued),
        on(CodeAcquisitionFailed, load_failed, decide_failed),
        on(CodeRevocationRequested, load_revocation, decide_revocation),
        on(LinkageSuspensionRequested, load_suspension, decide_suspension),
        on(CodeRequestDeadlinePassed, load_deadline_passed, decide_deadline_passed),
    ),
    (Timer(CodeRequest, "expires_at", (CodeState.REQUESTED.value,), say_deadline_passed),),
)
