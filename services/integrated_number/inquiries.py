"""情報照会側機能, one at a time (assessment, system 3 function 3): a business number in, an answer fetched later.

Owns an inquiry's life at the hub: WAITING (queued, or the server is not online), SENT, ACCEPTED, HELD, then ANSWERED or
REJECTED, and FETCHED once its system has read it. Promises that the same request name with the same content is the
same inquiry, and that answers lie here sealed and are opened only for the system that asked. Leaves files to
`inquiry_files`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from broker.keys import SEAL_INFO
from broker.rules.fields import errors_in
from broker.rules.identity import exchange_id, local_time
from broker.rules.persons import Link, may_be_linked
from broker.rules.reasons import SUCCESS, field_error
from broker.rules.sealing import open_sealed
from broker.rules.sending import Lane
from broker.tables import HubInquiry, HubPerson
from schemas.codec import decode, encode
from schemas.records import (
    AnsweredKind,
    FieldError,
    InquiryAnswered,
    InquiryRejected,
    InquiryRequested,
    Outcome,
    ProvidedInformation,
    ProvidedRecord,
    RequestedKind,
)
from services.integrated_number.common import QUERIES, Caller, Hub, Refused, affair_allowed, hold, one_of
from services.integrated_number.outgoing import Saying, queue
from services.integrated_number.persons import person_of

NAME_DIGITS = 30


class Ask(NamedTuple):
    """What a business system asks. request_id: its own name for it; operator and department: who asks there."""

    request_id: str
    business_person_number: str
    department_code: str
    operator_id: str
    affair_code: str
    procedure_code: str
    kinds: tuple[RequestedKind, ...]
    consent_obtained: bool = False
    non_disclosure_code: str = "1"


class KindResult(NamedTuple):
    """How one kind ended. records: the answer, opened; status codes are real ones on success only (domain 7 row 5)."""

    provider_institution_code: str
    spi_name_code: str
    transaction_serial_number: str
    outcome: str
    spi_status: str
    rule: str
    reason_ja: str
    reason_en: str
    records: tuple[ProvidedRecord, ...]


class Result(NamedTuple):
    """An inquiry as its system sees it."""

    inquiry_id: str
    request_id: str
    business_person_number: str
    integrated_number: str
    state: str
    asked_at: int
    changed_at: int
    hold_deadline_at: int
    inquiry_status: str
    kinds: tuple[KindResult, ...]
    errors: tuple[FieldError, ...]


def name_of(caller: Caller, *parts: str) -> str:
    """The record identification number of what a system calls so: a repeat has the same one."""
    whole = "/".join((caller.institution_code, caller.system_code, *parts))
    return "H" + hashlib.sha256(whole.encode()).hexdigest()[:NAME_DIGITS]


def message_of(hub: Hub, caller: Caller, asked: Ask, name: str, integrated: str) -> InquiryRequested:
    """What the institution says."""
    return InquiryRequested(
        record_identification_number=name,
        requested_at=local_time(hub.now()),
        inquirer_institution_code=caller.institution_code,
        inquirer_department_code=asked.department_code,
        inquirer_operator_id=asked.operator_id,
        inquirer_non_disclosure_code=asked.non_disclosure_code,
        business_person_number=asked.business_person_number,
        integrated_number=integrated,
        affair_code=asked.affair_code,
        procedure_code=asked.procedure_code,
        kinds=asked.kinds,
        consent_obtained=asked.consent_obtained,
        acknowledge=True,
    )


async def ask(hub: Hub, caller: Caller, asked: Ask) -> tuple[HubInquiry, bool]:
    """Take the inquiry in; it, and whether it is a new one. It leaves as soon as the server is online."""
    name = name_of(caller, "inquiry", asked.request_id or hub.token())
    async with hub.store.work() as db:
        await hold(db, f"hub/inquiry/{name}")
        person = await person_of(db, caller, asked.business_person_number)
        message = message_of(hub, caller, asked, name, person.integrated_number)
        known: HubInquiry | None = one_of(await db.rows(HubInquiry, [(caller.institution_code, name)]))
        if known is not None:
            return same(known, message), False
        errors = problems(caller, message, person)
        if errors:
            raise Refused(409 if errors[0].field == "" else 422, "REQUEST_INVALID", errors)
        row = row_of(caller, asked.request_id, message, hub.now())
        await db.write(HubInquiry, [row])
        await queue(db, caller.institution_code, [Saying(name, Lane.ONLINE, message)], hub.now())
    return row, True


def problems(caller: Caller, message: InquiryRequested, person: HubPerson) -> list[FieldError]:
    """What forbids the inquiry here: its form, the caller's rights, the person's link."""
    errors = errors_in(message)
    if not affair_allowed(caller, message.affair_code):
        errors.append(field_error("affair_code", "AFFAIR_NOT_ALLOWED"))
    if not errors and not may_be_linked(Link(person.state)):
        errors.append(field_error("", "LINK_NOT_IN_FORCE", person.state, person.state))
    return errors


def row_of(
    caller: Caller, request_id: str, message: InquiryRequested, now: int, file_id: str = "", line: int = 0
) -> HubInquiry:
    """A new inquiry's row."""
    return HubInquiry(
        caller.institution_code,
        message.record_identification_number,
        caller.system_code,
        caller.client_id,
        request_id,
        file_id,
        line,
        message.business_person_number,
        message.integrated_number,
        "WAITING",
        0,
        encode(message),
        b"",
        now,
        now,
    )


def same(known: HubInquiry, message: InquiryRequested) -> HubInquiry:
    """The inquiry that was there before, when it asks the same; its own time of asking does not count."""
    before = decode(known.request)
    assert isinstance(before, InquiryRequested)
    if before._replace(requested_at="") != message._replace(requested_at=""):
        raise Refused(409, "DUPLICATE_RECORD_ID", [field_error("request_id", "DUPLICATE_RECORD_ID")])
    return known


# ── results ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def fetch(hub: Hub, caller: Caller, name: str) -> Result:
    """The inquiry and its answer; only the system that asked sees it. Reading an answer makes it FETCHED."""
    async with hub.store.work() as db:
        row: HubInquiry | None = one_of(await db.rows(HubInquiry, [(caller.institution_code, name)]))
        if row is None or row.system_code != caller.system_code:
            raise Refused(404, "RESOURCE_UNKNOWN")
        if row.state == "ANSWERED":
            row = row._replace(state="FETCHED", changed_at=hub.now())
            await db.write(HubInquiry, [row])
    return result_of(row, hub.attached(caller.institution_code).sealing_private_key)


async def page(hub: Hub, caller: Caller, state: str, file_id: str, after: str, limit: int) -> list[HubInquiry]:
    """The caller's inquiries after a name, in the order of names."""
    async with hub.store.work() as db:
        where = (caller.institution_code, caller.system_code, state, file_id, after, limit)
        found: list[HubInquiry] = await db.select(HubInquiry, QUERIES["inquiries_page"], *where)
        return found


def result_of(row: HubInquiry, private_key: bytes) -> Result:
    """A row, its answer opened."""
    reply = decode(row.answer) if row.answer else None
    status, kinds, errors = "", (), ()  # type: tuple[str, tuple[KindResult, ...], tuple[FieldError, ...]]
    if isinstance(reply, InquiryAnswered):
        status = reply.inquiry_status
        kinds = tuple(kind_of(row.institution_code, kind, private_key) for kind in reply.kinds)
    elif isinstance(reply, InquiryRejected):
        errors = reply.errors
    return Result(
        row.record_identification_number,
        row.request_id,
        row.business_person_number,
        row.integrated_number,
        row.state,
        row.asked_at,
        row.changed_at,
        row.hold_deadline_at if row.state == "HELD" else 0,
        status,
        kinds,
        errors,
    )


def kind_of(institution_code: str, kind: AnsweredKind, private_key: bytes) -> KindResult:
    """How a kind ended, opened with the institution's key."""
    records: Sequence[ProvidedRecord] = ()
    if kind.outcome in SUCCESS and kind.sealed_answer:
        exchange = exchange_id(institution_code, kind.transaction_serial_number)
        plain = decode(open_sealed(kind.sealed_answer, private_key, SEAL_INFO, exchange.encode(), None))
        assert isinstance(plain, ProvidedInformation)
        records = plain.records
    outcome: Outcome = kind.outcome
    return KindResult(
        kind.provider_institution_code,
        kind.spi_name_code,
        kind.transaction_serial_number,
        outcome.value,
        kind.spi_status,
        kind.rule,
        kind.reason_ja,
        kind.reason_en,
        tuple(records),
    )
