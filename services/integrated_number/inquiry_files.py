"""情報照会側機能, in bulk (assessment, system 3 functions 3, 7 and 8): a file of inquiries in, two files out.

Owns what becomes of each line of a 一括照会ファイル (`broker.rules.inquiry_file`): inquired, or told with line, field
and reason while all others go on. Promises that the same file comes in once, however often it is sent; that the result
file has a line for each inquiry that ended well and the failure file every other one, in the form of the input, so
that it can be mended and sent again (domain 3(c-4)3). Files are inquired in the batch lane: also while the server is
BATCH_ONLY.
"""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from broker.adapters.postgres import PostgresWork
from broker.rules.charsets import Gaiji, read
from broker.rules.identity import local_time
from broker.rules.inquiry_file import END, ROWS_LIMIT, InquiryRow, line_of, masked, read_row
from broker.rules.reasons import REASONS, SUCCESS, field_error
from broker.rules.sending import Lane
from broker.tables import HubBusinessNumber, HubFile, HubFileLine, HubInquiry, HubPerson
from schemas.codec import decode
from schemas.records import FieldError, InquiryRequested, RequestedKind
from services.integrated_number.common import (
    QUERIES,
    Caller,
    Hub,
    Refused,
    as_json,
    from_json,
    hold,
    one_of,
)
from services.integrated_number.inquiries import Ask, Result, message_of, name_of, problems, result_of, row_of
from services.integrated_number.outgoing import Saying, queue

KIND = "INQUIRIES"
AT_ONCE = 2_000
LINES_KEPT = 400  # characters of a damaged line


class Line(NamedTuple):
    """A line as it was read: its number, its text, and its values or what is wrong with it."""

    number: int
    text: str
    row: InquiryRow | None
    errors: tuple[FieldError, ...]


class Incoming(NamedTuple):
    """A file as it comes in. gaiji: what is done with characters that cannot be."""

    name: str
    data: bytes
    charset: str
    gaiji: Gaiji


class Standing(NamedTuple):
    """How far a file has come: its inquiries by state, and whether all have ended."""

    file: HubFile
    states: Mapping[str, int]
    complete: bool


class Written(NamedTuple):
    """The result of a file: lines that succeeded, lines to be sent again, and a report of all that went wrong."""

    results: str
    failures: str
    report: str
    succeeded: int
    failed: int


def file_id_of(caller: Caller, kind: str, data: bytes) -> str:
    """A file's name by its content: the same content is the same file."""
    return "F" + name_of(caller, kind, hashlib.sha256(data).hexdigest())[1:25]


# ── in ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_lines(file: Incoming) -> list[Line]:
    """Every line; Refused when there are more than a file may hold."""
    found = []
    for number, text in enumerate(read(file.data, file.charset, file.gaiji), 1):
        if number > ROWS_LIMIT:
            words = (f"{ROWS_LIMIT}行まで", f"at most {ROWS_LIMIT} lines")
            raise Refused(422, "TOO_MANY_ROWS", [field_error("line", "TOO_MANY_ROWS", *words)])
        row = read_row(text.text)
        errors = [
            field_error(f"column[{one.column}]", "CHARACTER_REFUSED", one.seen, one.seen)
            for one in text.findings
            if not one.put
        ]
        errors += row if isinstance(row, list) else []
        found.append(Line(number, text.text, None if errors or isinstance(row, list) else row, tuple(errors)))
    return found


def kept(line: str) -> str:
    """A damaged line as a row may hold it: its beginning, no number in it, and no zero byte, which no text may have."""
    return masked(line).replace("\x00", "?")[:LINES_KEPT]


async def take_in(hub: Hub, caller: Caller, file: Incoming) -> tuple[HubFile, bool]:
    """Take a file in; it, and whether it is a new one."""
    file_id = file_id_of(caller, KIND, file.data)
    lines = await asyncio.to_thread(read_lines, file)
    async with hub.store.work() as db:
        await hold(db, f"hub/file/{file_id}")
        known: HubFile | None = one_of(await db.rows(HubFile, [(caller.institution_code, file_id)]))
        if known is not None:
            return known, False
        damaged = 0
        for first in range(0, len(lines), AT_ONCE):
            damaged += await _inquire(hub, db, caller, file_id, lines[first : first + AT_ONCE])
        row = HubFile(
            caller.institution_code,
            file_id,
            caller.system_code,
            caller.client_id,
            KIND,
            file.name,
            file.charset,
            len(lines),
            damaged,
            hub.now(),
        )
        await db.write(HubFile, [row])
    return row, True


async def _inquire(hub: Hub, db: PostgresWork, caller: Caller, file_id: str, lines: Sequence[Line]) -> int:
    """Inquire what can be inquired of these lines; how many could not."""
    people = await people_of(db, caller, [line.row.business_person_number for line in lines if line.row])
    now = hub.now()
    good: list[tuple[HubInquiry, InquiryRequested]] = []
    bad: list[HubFileLine] = []
    for line in lines:
        message, errors = (None, list(line.errors)) if line.row is None else judged(hub, caller, file_id, line, people)
        if message is None or errors:
            text = kept(line.text)
            bad.append(HubFileLine(caller.institution_code, file_id, line.number, text, as_json(errors)))
        else:
            good.append((row_of(caller, "", message, now, file_id, line.number), message))
    if bad:
        await db.write(HubFileLine, bad)
    if good:
        await db.write(HubInquiry, [row for row, _ in good])
        said = [Saying(message.record_identification_number, Lane.BATCH, message) for _, message in good]
        await queue(db, caller.institution_code, said, now)
    return len(bad)


async def people_of(db: PostgresWork, caller: Caller, business_numbers: Sequence[str]) -> dict[str, HubPerson]:
    """The people behind the caller's business numbers, those it has."""
    keys = [(caller.institution_code, caller.system_code, number) for number in dict.fromkeys(business_numbers)]
    links: list[HubBusinessNumber] = await db.rows(HubBusinessNumber, keys) if keys else []
    names = [(caller.institution_code, link.integrated_number) for link in links]
    found: list[HubPerson] = await db.rows(HubPerson, list(dict.fromkeys(names))) if names else []
    people = {person.integrated_number: person for person in found}
    return {link.business_person_number: people[link.integrated_number] for link in links}


def judged(
    hub: Hub, caller: Caller, file_id: str, line: Line, people: Mapping[str, HubPerson]
) -> tuple[InquiryRequested | None, list[FieldError]]:
    """A line's inquiry, or what is wrong with it."""
    row = line.row
    assert row is not None
    person = people.get(row.business_person_number)
    if person is None:
        return None, [field_error("business_person_number", "BUSINESS_NUMBER_UNKNOWN")]
    errors = []
    if row.integrated_number.strip("0") and row.integrated_number != person.integrated_number:
        errors.append(field_error("integrated_number", "NUMBER_DISAGREES"))
    if row.inquirer_institution_code not in ("", caller.institution_code):
        errors.append(field_error("inquirer_institution_code", "FOREIGN_SENDER"))
    kind = RequestedKind(
        provider_institution_code=row.provider_institution_code,
        spi_name_code=row.spi_name_code,
        provider_delegating_institution_code=row.provider_delegating_institution_code,
        inquiry_condition_type=row.inquiry_condition_type or "0",
        inquiry_year_type=row.inquiry_year_type or "0",
        period_from=row.period_from,
        period_to=row.period_to,
    )
    asked = Ask(
        "",
        row.business_person_number,
        row.inquirer_department_code,
        row.inquirer_operator_id,
        row.affair_code,
        row.procedure_code,
        (kind,),
        non_disclosure_code=row.inquirer_non_disclosure_code or "1",
    )
    message = message_of(hub, caller, asked, f"{file_id}.{line.number}", person.integrated_number)
    message = message._replace(
        requested_at=row.requested_at or message.requested_at,
        number_system=row.number_system or "01",
        inquirer_delegating_institution_code=row.inquirer_delegating_institution_code,
    )
    return message, errors + problems(caller, message, person)


# ── out ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def standing(hub: Hub, caller: Caller, file_id: str) -> Standing:
    """How far a file has come; only for the system that sent it."""
    async with hub.store.work() as db:
        file = await own_file(db, caller, file_id, KIND)
        rows = await db.query(QUERIES["inquiry_states_of_file"], caller.institution_code, file_id)
    states = {row["state"]: row["inquiries"] for row in rows}
    ended = sum(count for state, count in states.items() if state in ("ANSWERED", "FETCHED", "REJECTED"))
    return Standing(file, states, ended == sum(states.values()))


async def own_file(db: PostgresWork, caller: Caller, file_id: str, kind: str) -> HubFile:
    """The file, when it is the caller's."""
    file: HubFile | None = one_of(await db.rows(HubFile, [(caller.institution_code, file_id)]))
    if file is None or file.system_code != caller.system_code or file.kind != kind:
        raise Refused(404, "RESOURCE_UNKNOWN")
    return file


async def written(hub: Hub, caller: Caller, file_id: str) -> Written:
    """The result file and the failure file as far as its inquiries have ended; those still open are in neither."""
    async with hub.store.work() as db:
        await own_file(db, caller, file_id, KIND)
        rows = await db.select(HubInquiry, QUERIES["inquiries_of_file"], caller.institution_code, file_id)
        damaged = await db.select(HubFileLine, QUERIES["lines_of_file"], caller.institution_code, file_id)
    key = hub.attached(caller.institution_code).sealing_private_key
    return await asyncio.to_thread(_written, rows, damaged, key)


def _written(rows: Sequence[HubInquiry], damaged: Sequence[HubFileLine], private_key: bytes) -> Written:
    results, report = io.StringIO(), io.StringIO()
    good, bad = csv.writer(results, lineterminator=END), csv.writer(report, lineterminator=END)
    failures = {line.line: line.text for line in damaged}
    told = [(line.line, error) for line in damaged for error in from_json(line.errors)]
    succeeded = 0
    for row in rows:
        if row.state not in ("ANSWERED", "FETCHED", "REJECTED"):
            continue
        result = result_of(row, private_key)
        wrong = errors_of(result)
        if not wrong:
            succeeded += 1
            good.writerow(result_line(result))
            continue
        failures[row.line] = input_line(row)
        told += [(row.line, error) for error in wrong]
    for line, error in sorted(told, key=lambda one: one[0]):
        bad.writerow([line, error.field, error.error_id, error.reason_ja, error.reason_en])
    again = "".join(failures[line] + END for line in sorted(failures))
    return Written(results.getvalue(), again, report.getvalue(), succeeded, len(failures))


def errors_of(result: Result) -> list[FieldError]:
    """Why an inquiry of a file did not end well; empty when it did."""
    if result.errors:
        return list(result.errors)
    successes = {one.value for one in SUCCESS}
    return [
        FieldError("", REASONS[kind.rule].error_id if kind.rule in REASONS else "", kind.reason_ja, kind.reason_en)
        for kind in result.kinds
        if kind.outcome not in successes
    ]


def result_line(result: Result) -> list[str]:
    """Person first, then provider, both statuses, outcome, words; then each record's key and its items."""
    kind = result.kinds[0]
    fixed = [
        result.business_person_number,
        result.integrated_number,
        kind.provider_institution_code,
        kind.spi_name_code,
        kind.transaction_serial_number,
        result.inquiry_status,
        kind.spi_status,
        kind.outcome,
        kind.reason_ja,
    ]
    for record in kind.records:
        fixed.append(record.record_key)
        for item in record.items:
            fixed += [item.code, item.value or item.absence]
    return fixed


def input_line(row: HubInquiry) -> str:
    """The line of an inquiry as it could have stood in a file."""
    message = decode(row.request)
    assert isinstance(message, InquiryRequested)
    kind = message.kinds[0]
    return line_of(
        InquiryRow(
            message.number_system,
            message.business_person_number,
            message.integrated_number,
            local_time(row.changed_at),  # so that sending it again is another file
            message.inquirer_department_code,
            message.inquirer_operator_id,
            message.inquirer_institution_code,
            message.inquirer_non_disclosure_code,
            message.affair_code,
            message.procedure_code,
            message.inquirer_delegating_institution_code,
            kind.provider_delegating_institution_code,
            kind.provider_institution_code,
            kind.spi_name_code,
            kind.inquiry_condition_type,
            kind.inquiry_year_type,
            kind.period_from,
            kind.period_to,
        )
    )
