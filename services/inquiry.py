"""情報照会 (assessment, system 4 function 2): the inquirer's intermediate server.

Hears InquiryRequested and InquiryCancelRequested from institutions, PermitIssued, PermitRefused and InquiryReturned
from the network, ProvisionHeld and ProvisionAnswered from providers, InquiryDeadlinePassed from its timer.
Says PermitRequested, InquirySent, the replies to the institution, and its own record of each exchange.

Always holds: no InquirySent without a PermitIssued (assessment III-6 risk 1(1)); a kind ends once, and its record is
said in the same commit; late and duplicate answers change nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from broker.decision import Decision
from broker.errors import OwnFault, PeerFault
from broker.facts import Facts
from broker.rules import exchange
from broker.rules.erasure import RESULT_EXPIRED, expired
from broker.rules.exchange import Event, State
from broker.rules.fields import echoed, errors_in
from broker.rules.identity import derived_id, exchange_id, serial_number, split_exchange_id
from broker.rules.reasons import SUCCESS, field_error, reason_of
from broker.rules.records import record_of
from broker.service import Context, Keep, Service, Timer, on
from broker.tables import CodeBinding, Exchange, Inquiry, Institution, SerialCounter, Suspension
from schemas.codec import decode, encode
from schemas.records import (
    AnsweredKind,
    CancelOrdered,
    ExchangeErasureOrdered,
    FieldError,
    InquiryAccepted,
    InquiryAnswered,
    InquiryCancelRequested,
    InquiryDeadlinePassed,
    InquiryHeld,
    InquiryRejected,
    InquiryRequested,
    InquiryReturned,
    InquirySent,
    InquiryWithdrawn,
    Message,
    Outcome,
    Party,
    PermitIssued,
    PermitRefused,
    PermitRequested,
    ProvisionAnswered,
    ProvisionHeld,
    RequestedKind,
)
from services.common import BY_PERSON, About, Draw, code_in_force, name_of, sender_checked, submit_records

NAME = "inquiry"
ANSWER_SECONDS = 3600  # a kind's deadline when the inquirer names none (assumption)
BY_INQUIRY = ("institution_code", "record_identification_number")


class Ending(NamedTuple):
    """How a kind ended, before it is told to anybody."""

    outcome: Outcome
    event: Event
    rule: str = ""
    provided_at: int = 0
    sealed_answer: bytes = b""
    answer_digest: bytes = b""
    sealed_digest: bytes = b""
    spi_items: tuple[str, ...] = ()
    non_disclosure_code: str = ""
    nearest: tuple[str, str, str] = ("", "", "")


# ── an inquiry comes in ──────────────────────────────────────────────────────────────────────────────────────────


async def load_requested(messages: Sequence[InquiryRequested], facts: Facts) -> None:
    """Who asks whom, what number comes next, whether the inquiry is known, and the person's codes."""
    inquirers = [(m.inquirer_institution_code,) for m in messages]
    providers = [(kind.provider_institution_code,) for m in messages for kind in m.kinds]
    persons = [(m.inquirer_institution_code, m.integrated_number) for m in messages]
    await facts.load(Institution, [*inquirers, *providers])
    await facts.load(SerialCounter, inquirers)
    await facts.load(Inquiry, [(m.inquirer_institution_code, m.record_identification_number) for m in messages])
    await facts.load(Suspension, persons)
    await facts.find(CodeBinding, BY_PERSON, persons)


def decide_requested(message: InquiryRequested, facts: Facts, context: Context) -> Decision:
    """Refuse what is ill-formed, drop what is a repeat, give every kind its serial number and ask for its permit."""
    inquirer = sender_checked(message.inquirer_institution_code, facts, context)
    errors = errors_in(message)
    if errors:
        return rejected(message.record_identification_number, inquirer.institution_code, errors, context)
    known = facts.get(Inquiry, message.inquirer_institution_code, message.record_identification_number)
    digest = hashlib.sha256(context.value).digest()
    if known is not None and known.content_digest == digest:
        return Decision("repeat")
    if known is not None:
        error = field_error("record_identification_number", "DUPLICATE_RECORD_ID")
        return rejected(message.record_identification_number, inquirer.institution_code, [error], context)
    return accepted(message, inquirer, digest, facts, context)


def accepted(
    message: InquiryRequested, inquirer: Institution, digest: bytes, facts: Facts, context: Context
) -> Decision:
    """The rows and messages of a new inquiry; kinds that fail here end here."""
    counter = facts.get(SerialCounter, inquirer.institution_code) or SerialCounter(inquirer.institution_code, 0)
    sequence = counter.last + 1
    serials = tuple(serial_number(context.now, sequence, place) for place in range(len(message.kinds)))
    local = local_refusal(message, facts, context.now)
    code = code_in_force(inquirer.institution_code, message.integrated_number, facts, context.now)
    rows: list[Exchange] = []
    say: list[Message] = []
    answered: list[AnsweredKind] = []
    for place, kind in enumerate(message.kinds):
        row = new_exchange(message, kind, place, exchange_id(inquirer.institution_code, serials[place]), context.now)
        if local is None and code is not None:
            rows.append(row._replace(linkage_code=code.linkage_code, state=step(row, Event.PERMIT_ASKED)))
            say.append(permit_request(row, message.consent_obtained))
            continue
        ending = local or Ending(Outcome.NO_CODE, Event.NOT_ASKED, "CODE_MISSING")
        answer = told(row, ending)
        rows.append(ended(row, ending, answer, keep=len(message.kinds) > 1))
        say.append(own_record(row, ending, facts))
        answered.append(answer)
    waiting = len(rows) - len(answered)
    inquiry = Inquiry(
        inquirer.institution_code,
        message.record_identification_number,
        digest,
        context.now,
        len(rows),
        waiting,
        0 if waiting else context.now,
    )
    if message.acknowledge:
        say.insert(0, acceptance(message, serials, context))
    if not waiting:
        say.append(final_answer(inquiry, tuple(answered), context.now))
    counter = SerialCounter(inquirer.institution_code, sequence)
    return Decision("accepted" if waiting else "ended_locally", tuple(say), (counter, inquiry, *rows))


def local_refusal(message: InquiryRequested, facts: Facts, now: int) -> Ending | None:
    """What stops every kind of the inquiry at the inquirer's own server, or None."""
    suspension = facts.get(Suspension, message.inquirer_institution_code, message.integrated_number)
    if suspension is not None and suspension.since <= now:
        return Ending(Outcome.SUSPENDED, Event.NOT_ASKED, "PERSON_SUSPENDED_AT_INQUIRER")
    return None


def new_exchange(message: InquiryRequested, kind: RequestedKind, place: int, name: str, now: int) -> Exchange:
    """The row of a kind before anything has happened to it."""
    conditions = (kind.inquiry_condition_type, kind.inquiry_year_type, kind.period_from, kind.period_to)
    # By place: by name takes twice as long, for the widest row of the busiest path.
    return Exchange(
        name,
        message.inquirer_institution_code,
        message.record_identification_number,
        place,
        State.CODE_RESOLVED,
        "",  # outcome
        kind.provider_institution_code,
        message.integrated_number,
        message.affair_code,
        message.procedure_code,
        kind.spi_name_code,
        "/".join(conditions),
        message.inquirer_non_disclosure_code,
        f"{message.inquirer_department_code}/{message.inquirer_operator_id}",
        "",  # linkage code
        now,
        now + 1000 * (kind.answer_within_seconds or ANSWER_SECONDS),
        "",  # permit
        0,  # list version
        "",  # row
        b"",  # answer
    )


def permit_request(row: Exchange, consent_obtained: bool) -> PermitRequested:
    """Permit issue and list check in one request (assessment III-6 risk 1(1)); no linkage code in it."""
    return PermitRequested(
        row.exchange_id,
        row.institution_code,
        row.provider_institution_code,
        row.affair_code,
        row.procedure_code,
        row.spi_name_code,
        consent_obtained,
        row.non_disclosure_code,
        row.requested_at,
    )


def acceptance(message: InquiryRequested, serials: tuple[str, ...], context: Context) -> InquiryAccepted:
    """The acknowledgement with its reception number."""
    reception = derived_id(context.identity, "reception", 0)
    return InquiryAccepted(message.record_identification_number, message.inquirer_institution_code, reception, serials)


def rejected(record_id: str, institution_code: str, errors: Sequence[FieldError], context: Context) -> Decision:
    """The refusal of a message as it stands; the next message is not affected."""
    reply = InquiryRejected(
        echoed(record_id), institution_code, context.topic, context.partition, context.offset, tuple(errors)
    )
    return Decision("rejected", (reply,))


# ── it is withdrawn ──────────────────────────────────────────────────────────────────────────────────────────────


async def load_cancel_requested(messages: Sequence[InquiryCancelRequested], facts: Facts) -> None:
    """The inquiries and their kinds."""
    await facts.load(Institution, [(m.inquirer_institution_code,) for m in messages])
    inquiries = [(m.inquirer_institution_code, m.record_identification_number) for m in messages]
    await facts.load(Inquiry, inquiries)
    await facts.find(Exchange, BY_INQUIRY, inquiries)


def decide_cancel_requested(message: InquiryCancelRequested, facts: Facts, context: Context) -> Decision:
    """Order every open kind closed. The order goes to the shard that owns the inquiry's state."""
    inquirer = sender_checked(message.inquirer_institution_code, facts, context)
    errors = errors_in(message)
    name = (inquirer.institution_code, message.record_identification_number)
    inquiry = facts.get(Inquiry, *name)
    if not errors and inquiry is None:
        errors = [field_error("record_identification_number", "UNKNOWN_INQUIRY")]
    kinds = facts.all(Exchange, BY_INQUIRY, *name)
    waiting = [row for row in kinds if row.state in exchange.OPEN]
    if not errors and not waiting:
        errors = [field_error("record_identification_number", "ALREADY_ANSWERED")]
    if errors:
        return rejected(message.record_identification_number, inquirer.institution_code, errors, context)
    return Decision("withdrawn", tuple(CancelOrdered(row.exchange_id, message.reason) for row in waiting))


# ── what the others say about a kind ─────────────────────────────────────────────────────────────────────────────


async def load_exchange(messages: Sequence[About], facts: Facts) -> None:
    """The kinds, their inquiries, and the sister kinds where an inquiry has several."""
    await facts.load(Exchange, [(m.exchange_id,) for m in messages])
    rows = [row for row in (facts.get(Exchange, m.exchange_id) for m in messages) if row is not None]
    await facts.load(Inquiry, [(row.institution_code, row.record_identification_number) for row in rows])
    await facts.load(
        Institution, [(code,) for row in rows for code in (row.institution_code, row.provider_institution_code)]
    )
    several = [
        (row.institution_code, row.record_identification_number) for row in rows if inquiry_of(row, facts).kinds > 1
    ]
    if several:
        await facts.find(Exchange, BY_INQUIRY, several)


async def load_exchange_only(messages: Sequence[About], facts: Facts) -> None:
    """The kinds, for steps that end nothing."""
    await facts.load(Exchange, [(m.exchange_id,) for m in messages])


def exchange_of(name: str, facts: Facts) -> Exchange:
    """The row of a kind; somebody who names one that never was is at fault."""
    row = facts.get(Exchange, name)
    if row is None:
        raise PeerFault("EXCHANGE_UNKNOWN", f"{name} was never asked here")
    return row


def inquiry_of(row: Exchange, facts: Facts) -> Inquiry:
    """The inquiry a kind belongs to."""
    inquiry = facts.get(Inquiry, row.institution_code, row.record_identification_number)
    if inquiry is None:
        raise OwnFault(f"{row.exchange_id} belongs to no inquiry")
    return inquiry


def step(row: Exchange, event: Event) -> State:
    """The next state; an event that cannot happen here is our own fault, late ones were sorted out before."""
    return following(row, row.state, event)


def following(row: Exchange, state: str, event: Event) -> State:
    """As `step`, from a state that the row has not been given."""
    found = exchange.after(state, event)
    if found is None:
        raise OwnFault(f"{row.exchange_id}: {event} cannot follow {state}")
    return found


def decide_permit_issued(message: PermitIssued, facts: Facts, context: Context) -> Decision:
    """The permit is there: only now the inquiry runs."""
    row = exchange_of(message.exchange_id, facts)
    permitted = exchange.after(row.state, Event.PERMIT_ISSUED)
    if permitted is None:
        return Decision("late")
    sent = row._replace(
        state=following(row, permitted, Event.INQUIRY_SENT),
        permit_id=message.permit_id,
        list_version=message.list_version,
        row_id=message.row_id,
    )
    inquiry = InquirySent(
        row.exchange_id,
        message.permit,
        message.permit_proof,
        row.linkage_code,
        row.institution_code,
        *row.conditions.split("/"),
    )
    return Decision("permitted", (inquiry,), (sent,))


def decide_permit_refused(message: PermitRefused, facts: Facts, context: Context) -> Decision:
    """The network refused: the kind ends with the rule and the row that came nearest."""
    row = exchange_of(message.exchange_id, facts)._replace(list_version=message.list_version)
    nearest = (message.nearest_row_id, message.nearest_attribute, message.nearest_value)
    ending = Ending(message.outcome, Event.PERMIT_REFUSED, message.rule, nearest=nearest)
    return finished(row, ending, facts, context)


def decide_returned(message: InquiryReturned, facts: Facts, context: Context) -> Decision:
    """The network could not forward the inquiry."""
    unknown = message.outcome is Outcome.NO_MATCH
    event = Event.UNKNOWN_PERSON if unknown else Event.RETURNED
    row = exchange_of(message.exchange_id, facts)
    return finished(row, Ending(message.outcome, event, message.rule), facts, context)


def decide_held(message: ProvisionHeld, facts: Facts, context: Context) -> Decision:
    """The provider's staff must look first: the institution is told, and the deadline moves out to the hold's."""
    row = exchange_of(message.exchange_id, facts)
    following = exchange.after(row.state, Event.HELD)
    if following is None:
        return Decision("late")
    held = row._replace(state=following, deadline_at=max(row.deadline_at, message.hold_deadline_at + HELD_GRACE_MS))
    serial = split_exchange_id(row.exchange_id)[1]
    reply = InquiryHeld(
        row.record_identification_number, row.institution_code, row.spi_name_code, serial, message.hold_deadline_at
    )
    return Decision("held", (reply,), (held,))


HELD_GRACE_MS = 60_000  # the provider's own expiry comes first


def decide_answered(message: ProvisionAnswered, facts: Facts, context: Context) -> Decision:
    """The provider answered or refused. After the end an answer is late or a duplicate, and changes nothing."""
    row = exchange_of(message.exchange_id, facts)
    if exchange.after(row.state, exchange.EVENT_OF[message.outcome]) is None:
        return Decision(exchange.lateness(row.state))
    ending = Ending(
        message.outcome,
        exchange.EVENT_OF[message.outcome],
        message.rule,
        message.provided_at,
        message.sealed_answer,
        message.answer_digest,
        message.sealed_digest,
        message.spi_items,
        message.non_disclosure_code,
        (message.nearest_row_id, message.nearest_attribute, message.nearest_value),
    )
    return finished(row, ending, facts, context)


def decide_deadline_passed(message: InquiryDeadlinePassed, facts: Facts, context: Context) -> Decision:
    """The time of a kind that still waits is over."""
    row = exchange_of(message.exchange_id, facts)
    if row.state not in exchange.OPEN or context.now < row.deadline_at:
        return Decision("late")
    return finished(row, Ending(Outcome.EXPIRED, Event.DEADLINE_PASSED, "DEADLINE_PASSED"), facts, context)


def decide_cancel_ordered(message: CancelOrdered, facts: Facts, context: Context) -> Decision:
    """The inquirer withdrew."""
    row = exchange_of(message.exchange_id, facts)
    return finished(row, Ending(Outcome.CANCELLED, Event.WITHDRAWN, "WITHDRAWN"), facts, context)


# ── a kind ends ──────────────────────────────────────────────────────────────────────────────────────────────────


def finished(row: Exchange, ending: Ending, facts: Facts, context: Context) -> Decision:
    """The kind's end: state, record, and the answer when it was the last kind. Late ones change nothing."""
    if exchange.after(row.state, ending.event) is None:
        return Decision("late")
    inquiry = inquiry_of(row, facts)
    answer = told(row, ending)
    closed = inquiry._replace(open_kinds=inquiry.open_kinds - 1)
    final = ended(row, ending, answer, keep=inquiry.kinds > 1)
    say: list[Message] = [own_record(row, ending, facts)]
    if ending.event in (Event.WITHDRAWN, Event.DEADLINE_PASSED) and row.permit_id:
        # The provider must not serve or confirm what nobody waits for.
        say.append(InquiryWithdrawn(row.exchange_id, ending.outcome, ending.rule, row.permit_id))
    if closed.open_kinds == 0:
        closed = closed._replace(answered_at=context.now)
        say.append(final_answer(closed, all_answers(final, answer, inquiry, facts), context.now))
    return Decision(ending.outcome.lower(), tuple(say), (closed, final))


def ended(row: Exchange, ending: Ending, answer: AnsweredKind, *, keep: bool) -> Exchange:
    """The row in its final state; the answer is kept only while sister kinds are open."""
    kept = b""
    if keep:
        kept = encode(InquiryAnswered(row.record_identification_number, row.institution_code, "", 0, (answer,)))
    return row._replace(state=step(row, ending.event), outcome=ending.outcome.value, answer=kept)


def all_answers(final: Exchange, answer: AnsweredKind, inquiry: Inquiry, facts: Facts) -> tuple[AnsweredKind, ...]:
    """The answers of all kinds, in the order asked."""
    if inquiry.kinds == 1:
        return (answer,)
    rows = facts.all(Exchange, BY_INQUIRY, inquiry.institution_code, inquiry.record_identification_number)
    found = {row.kind_index: kept_answer(row) for row in rows if row.exchange_id != final.exchange_id}
    found[final.kind_index] = answer
    return tuple(found[place] for place in sorted(found))


def kept_answer(row: Exchange) -> AnsweredKind:
    """The answer kept in a finished sister kind."""
    message = decode(row.answer)
    assert isinstance(message, InquiryAnswered)
    return message.kinds[0]


def decide_erasure(message: ExchangeErasureOrdered, facts: Facts, context: Context) -> Decision:
    """Erase what is kept of an ended exchange: the answer after its time; person, code, conditions and operator with
    the record, or by order of correction."""
    row = facts.get(Exchange, message.exchange_id)
    if row is None or row.state in exchange.OPEN or not expired(message.rule, row.requested_at, message.as_of):
        return Decision("nothing_to_erase")
    inquiry = inquiry_of(row, facts)
    if inquiry.open_kinds:
        return Decision("still_open")  # its answer has not left yet
    erased = row._replace(answer=b"")
    if message.rule != RESULT_EXPIRED:
        erased = erased._replace(integrated_number="", linkage_code="", operator_id="", conditions="")
    return Decision("nothing_to_erase") if erased == row else Decision("erased", (), (erased,))


def told(row: Exchange, ending: Ending) -> AnsweredKind:
    """What the institution reads about the kind."""
    reason = reason_of(ending.rule)
    return AnsweredKind(
        row.provider_institution_code,
        row.spi_name_code,
        split_exchange_id(row.exchange_id)[1],
        ending.outcome,
        "01" if ending.outcome in SUCCESS else "",
        ending.rule,
        *reason,
        ending.provided_at,
        ending.sealed_answer,
        ending.answer_digest,
        *ending.nearest,
    )


def final_answer(inquiry: Inquiry, kinds: tuple[AnsweredKind, ...], now: int) -> InquiryAnswered:
    """The reply to the institution: 09 only when every kind ended well."""
    well = all(kind.outcome in SUCCESS for kind in kinds)
    return InquiryAnswered(
        inquiry.record_identification_number, inquiry.institution_code, "09" if well else "", now, kinds
    )


def own_record(row: Exchange, ending: Ending, facts: Facts) -> Message:
    """The inquirer's record (Article 23(1)); a refused request leaves one without a time of provision."""
    return record_of(
        Party.INQUIRER,
        row.institution_code,
        row.exchange_id,
        inquirer_name=name_of(row.institution_code, facts),
        provider_institution_code=row.provider_institution_code,
        provider_name=name_of(row.provider_institution_code, facts),
        requested_at=row.requested_at,
        affair_code=row.affair_code,
        procedure_code=row.procedure_code,
        spi_name_code=row.spi_name_code,
        outcome=ending.outcome,
        rule=ending.rule,
        provided_at=ending.provided_at,
        spi_items=ending.spi_items,
        non_disclosure_code=ending.non_disclosure_code or row.non_disclosure_code,
        permit_id=row.permit_id,
        list_version=row.list_version,
        row_id=row.row_id,
        operator_id=row.operator_id,
        answer_digest=ending.answer_digest,
        sealed_digest=ending.sealed_digest,
    )


def say_deadline_passed(row: Exchange, now: int) -> Message:
    """The timer's message about a kind that still waits."""
    return InquiryDeadlinePassed(row.exchange_id, row.deadline_at)


def service(draw: Draw) -> Service:
    """The declaration; `draw` gives the salts of records."""
    close = partial(submit_records, draw)
    return Service(
        NAME,
        (
            on(InquiryRequested, load_requested, decide_requested, close),
            on(InquiryCancelRequested, load_cancel_requested, decide_cancel_requested),
            on(PermitIssued, load_exchange_only, decide_permit_issued),
            on(PermitRefused, load_exchange, decide_permit_refused, close),
            on(InquiryReturned, load_exchange, decide_returned, close),
            on(ProvisionHeld, load_exchange_only, decide_held),
            on(ProvisionAnswered, load_exchange, decide_answered, close),
            on(CancelOrdered, load_exchange, decide_cancel_ordered, close),
            on(InquiryDeadlinePassed, load_exchange, decide_deadline_passed, close),
            on(ExchangeErasureOrdered, load_exchange, decide_erasure),
        ),
        (Timer(Exchange, "deadline_at", tuple(exchange.OPEN), say_deadline_passed),),
        keeps=(Keep(Exchange, lambda row: row.state in exchange.OPEN, by="exchange_id"),),
    )
