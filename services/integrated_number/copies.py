"""情報提供側機能 (assessment, system 3 functions 4 and 7): sub-copies sent on change, single and in numbered parts.

Owns what was last sent of each record. Promises that only a change is sent, that the command (register, update, delete)
follows from what the server has, that a file goes out in numbered parts within the server's cap (200,000 [AIZU]) and
comes in once, and that every refused line is told with line, field and reason. A single copy goes as a part of one,
since only parts are confirmed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from broker.adapters.postgres import PostgresWork
from broker.rules.charsets import read
from broker.rules.copy_file import CopyRow, digest_of, read_row
from broker.rules.fields import errors_in
from broker.rules.persons import Link, may_be_linked
from broker.rules.reasons import field_error
from broker.rules.sending import Lane
from broker.tables import HubCopy, HubCopyBatch, HubCopyRefusal, HubFile, HubFileLine, HubPerson
from schemas.records import CopyBatchOpened, CopyCommand, CopySubmitted, FieldError
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
from services.integrated_number.inquiry_files import Incoming, file_id_of, kept, own_file, people_of
from services.integrated_number.outgoing import Saying, queue

KIND = "COPIES"
AT_ONCE = 2_000
REASONS_OF_A_BATCH = ("FIRST_LOAD", "LAYOUT_REVISION", "RE_REGISTRATION", "CHANGE")
ENDED = frozenset({"ENDED", "ENDED_WITH_ERRORS", "ABORTED"})
REFUSALS_SHOWN = 100

Record = tuple[str, str, str, str]
"""Institution code, integrated number, kind, record key."""


class Line(NamedTuple):
    """A line of a copy file."""

    number: int
    text: str
    row: CopyRow | None
    errors: tuple[FieldError, ...]


class Change(NamedTuple):
    """A record that is to be sent: its line, what is said, and what the hub will know of it."""

    line: int
    message: CopySubmitted
    copy: HubCopy


class CopyResult(NamedTuple):
    """One record as its system sees it. state: UNCHANGED, WAITING, RUNNING, ENDED, ENDED_WITH_ERRORS or ABORTED."""

    business_person_number: str
    integrated_number: str
    spi_name_code: str
    record_key: str
    batch_id: str
    state: str
    at_server: bool
    errors: tuple[FieldError, ...]


class FileResult(NamedTuple):
    """A file as its system sees it: its parts, its lines that were refused here or there."""

    file: HubFile
    parts: tuple[HubCopyBatch, ...]
    unchanged: int
    errors: tuple[tuple[int, FieldError], ...]
    complete: bool


# ── one record ───────────────────────────────────────────────────────────────────────────────────────────────────


async def send(hub: Hub, caller: Caller, row: CopyRow, reason: str = "CHANGE") -> tuple[CopyResult, bool]:
    """Send one record if it has changed; what is known of it, and whether anything is sent."""
    async with hub.store.work() as db:
        await hold(db, copies_lock(caller))
        people = await people_of(db, caller, [row.business_person_number])
        batch_id = f"HB{hub.token()}"
        known = await copies_of(db, [key for key in [record_of(caller, row, people)] if key])
        judged = change_of(hub.now(), caller, Line(0, "", row, ()), people, known, "")
        if isinstance(judged, list):
            status = 404 if judged[0].field == "business_person_number" else 409 if not judged[0].field else 422
            raise Refused(status, "REQUEST_INVALID", judged)
        if judged is None:
            return await _result(db, row, next(iter(known.values()))), False
        await part_queued(hub, db, caller, batch_id, "", 1, reason, [judged])
        return await _result(db, row, judged.copy._replace(batch_id=batch_id, row_number=1)), True


async def sent(hub: Hub, caller: Caller, business_number: str, kind: str, record_key: str) -> CopyResult:
    """What is known of one record."""
    async with hub.store.work() as db:
        people = await people_of(db, caller, [business_number])
        person = people.get(business_number)
        if person is None:
            unknown = field_error("business_person_number", "BUSINESS_NUMBER_UNKNOWN")
            raise Refused(404, "BUSINESS_NUMBER_UNKNOWN", [unknown])
        known = await copies_of(db, [(caller.institution_code, person.integrated_number, kind, record_key)])
        copy = one_of(list(known.values()))
        if copy is None or copy.system_code != caller.system_code:
            raise Refused(404, "RESOURCE_UNKNOWN")
        row = CopyRow(business_number, kind, record_key, "", "", "", "", "", False, "1", False, ())
        return await _result(db, row, copy)


async def _result(db: PostgresWork, row: CopyRow, copy: HubCopy) -> CopyResult:
    batch: HubCopyBatch | None = one_of(await db.rows(HubCopyBatch, [(copy.institution_code, copy.batch_id)]))
    place = (copy.institution_code, copy.batch_id, copy.row_number)
    refusal: HubCopyRefusal | None = one_of(await db.rows(HubCopyRefusal, [place]))
    return CopyResult(
        row.business_person_number,
        copy.integrated_number,
        copy.spi_name_code,
        copy.record_key,
        copy.batch_id,
        batch.state if batch else "ENDED",
        copy.at_server or bool(copy.digest and batch and batch.state in ENDED),
        tuple(from_json(refusal.errors)) if refusal else (),
    )


# ── what changes ─────────────────────────────────────────────────────────────────────────────────────────────────


def record_of(caller: Caller, row: CopyRow, people: dict[str, HubPerson]) -> Record | None:
    """Which record a line is about, when its person is known."""
    person = people.get(row.business_person_number)
    if person is None:
        return None
    return (caller.institution_code, person.integrated_number, row.spi_name_code, row.record_key)


def copies_lock(caller: Caller) -> str:
    """Changes of an institution's sub-copies are taken in one after the other."""
    return f"hub/copies/{caller.institution_code}"


async def copies_of(db: PostgresWork, records: Sequence[Record]) -> dict[Record, HubCopy]:
    """What is known of these records."""
    found: list[HubCopy] = await db.rows(HubCopy, list(dict.fromkeys(records))) if records else []
    return {(one.institution_code, one.integrated_number, one.spi_name_code, one.record_key): one for one in found}


def change_of(
    now: int, caller: Caller, line: Line, people: dict[str, HubPerson], known: dict[Record, HubCopy], file_id: str
) -> Change | list[FieldError] | None:
    """What is to be sent for a line, what is wrong with it, or None when nothing has changed."""
    row = line.row
    assert row is not None
    person, record = people.get(row.business_person_number), record_of(caller, row, people)
    if person is None or record is None:
        return [field_error("business_person_number", "BUSINESS_NUMBER_UNKNOWN")]
    before = known.get(record)
    there = before is not None and (before.at_server or before.digest != b"")
    message = message_of(caller, row, person.integrated_number, command_of(row, there=there))
    errors = errors_in(message._replace(record_identification_number="H1"))
    if errors:
        return errors
    if not may_be_linked(Link(person.state)):
        return [field_error("", "LINK_NOT_IN_FORCE", person.state, person.state)]
    if row.delete and not there:
        return None if before is not None else [field_error("record_key", "RECORD_UNKNOWN")]
    digest = b"" if row.delete else digest_of(message)
    if before is not None and not row.delete and before.digest == digest:
        return None
    # What the server has once this row is taken in shows in the digest; `at_server` is what it had before.
    at_server = there and not row.delete
    copy = HubCopy(*record, digest, at_server, "", 0, caller.system_code, file_id, line.number, now)
    return Change(line.number, message, copy)


def command_of(row: CopyRow, *, there: bool) -> CopyCommand:
    """What the server is asked to do."""
    if row.delete:
        return CopyCommand.DELETE
    return CopyCommand.UPDATE if there else CopyCommand.REGISTER


def message_of(caller: Caller, row: CopyRow, integrated: str, command: CopyCommand) -> CopySubmitted:
    """What the institution says, before it has a name and a place."""
    return CopySubmitted(
        institution_code=caller.institution_code,
        record_identification_number="",
        command=command,
        integrated_number=integrated,
        spi_name_code=row.spi_name_code,
        record_key=row.record_key,
        layout_version=row.layout_version,
        valid_from=row.valid_from,
        publication_from=row.publication_from,
        items=row.items,
        valid_to=row.valid_to,
        publication_to=row.publication_to,
        auto_response_disabled=row.auto_response_disabled,
        non_disclosure_code=row.non_disclosure_code,
    )


async def part_queued(
    hub: Hub,
    db: PostgresWork,
    caller: Caller,
    batch_id: str,
    file_id: str,
    part: int,
    reason: str,
    changes: Sequence[Change],
) -> None:
    """A numbered part goes out: its opening, then its rows in their order."""
    now, code = hub.now(), caller.institution_code
    batch = HubCopyBatch(
        code, batch_id, caller.system_code, file_id, part, reason, "WAITING", len(changes), 0, 0, now, now
    )
    await db.write(HubCopyBatch, [batch])
    opened = CopyBatchOpened(code, batch_id, reason, len(changes))
    await queue(db, code, [Saying(f"{batch_id}.0", Lane.BATCH, opened)], now)
    for first in range(0, len(changes), AT_ONCE):
        copies, said = [], []
        for number, change in enumerate(changes[first : first + AT_ONCE], first + 1):
            name = f"{batch_id}.{number}"
            copies.append(change.copy._replace(batch_id=batch_id, row_number=number))
            message = change.message._replace(record_identification_number=name, batch_id=batch_id, row_number=number)
            said.append(Saying(name, Lane.BATCH, message))
        await db.write(HubCopy, copies)
        await queue(db, code, said, now)
        await asyncio.sleep(0)


# ── a file ───────────────────────────────────────────────────────────────────────────────────────────────────────


def read_lines(file: Incoming) -> list[Line]:
    """Every line with its values, or with what is wrong with it."""
    found = []
    for number, text in enumerate(read(file.data, file.charset, file.gaiji), 1):
        row = read_row(text.text)
        errors = [
            field_error(f"column[{one.column}]", "CHARACTER_REFUSED", one.seen, one.seen)
            for one in text.findings
            if not one.put
        ]
        errors += row if isinstance(row, list) else []
        found.append(Line(number, text.text, None if errors or isinstance(row, list) else row, tuple(errors)))
    return found


async def take_in(hub: Hub, caller: Caller, file: Incoming, reason: str) -> tuple[HubFile, bool]:
    """Take a file in and send what has changed, in numbered parts; it, and whether it is a new one."""
    if reason not in REASONS_OF_A_BATCH:
        raise Refused(422, "REQUEST_INVALID", [field_error("reason", "FIELD_ILL_FORMED")])
    file_id = file_id_of(caller, KIND, file.data)
    lines = await asyncio.to_thread(read_lines, file)
    async with hub.store.work() as db:
        await hold(db, copies_lock(caller))
        known: HubFile | None = one_of(await db.rows(HubFile, [(caller.institution_code, file_id)]))
        if known is not None:
            return known, False
        changes: list[Change] = []
        seen: set[Record] = set()
        damaged = 0
        for first in range(0, len(lines), AT_ONCE):
            damaged += await _sorted_out(hub, db, caller, file_id, lines[first : first + AT_ONCE], seen, changes)
        size = hub.limits.copies_a_part
        for part, first in enumerate(range(0, len(changes), size), 1):
            rows = changes[first : first + size]
            await part_queued(hub, db, caller, f"{file_id}-{part:04d}", file_id, part, reason, rows)
        counts = (len(lines), damaged, hub.now())
        row = HubFile(
            caller.institution_code,
            file_id,
            caller.system_code,
            caller.client_id,
            KIND,
            file.name,
            file.charset,
            *counts,
        )
        await db.write(HubFile, [row])
    return row, True


async def _sorted_out(
    hub: Hub,
    db: PostgresWork,
    caller: Caller,
    file_id: str,
    lines: Sequence[Line],
    seen: set[Record],
    changes: list[Change],
) -> int:
    """Add what is to be sent of these lines to `changes`; how many lines were refused here."""
    people = await people_of(db, caller, [line.row.business_person_number for line in lines if line.row])
    records = {line.number: record_of(caller, line.row, people) for line in lines if line.row}
    known = await copies_of(db, [record for record in records.values() if record])
    bad: list[HubFileLine] = []
    for line in lines:
        judged: Change | list[FieldError] | None = list(line.errors)
        record = records.get(line.number)
        if line.row is not None:
            judged = change_of(hub.now(), caller, line, people, known, file_id)
            if record in seen:
                judged = [field_error("record_key", "DUPLICATE_IN_FILE")]
        if isinstance(judged, list):
            text = kept(line.text)
            bad.append(HubFileLine(caller.institution_code, file_id, line.number, text, as_json(judged)))
        elif judged is not None:
            changes.append(judged)
        if record is not None:
            seen.add(record)
    if bad:
        await db.write(HubFileLine, bad)
    return len(bad)


async def standing(hub: Hub, caller: Caller, file_id: str) -> FileResult:
    """How far a file has come; only for the system that sent it."""
    async with hub.store.work() as db:
        file = await own_file(db, caller, file_id, KIND)
        where = (caller.institution_code, file_id)
        parts = await db.select(HubCopyBatch, QUERIES["batches_of_file"], *where)
        damaged = await db.select(HubFileLine, QUERIES["lines_of_file"], *where)
        refused = await db.select(HubCopyRefusal, QUERIES["refusals_of_file"], *where)
    told = [(line.line, error) for line in damaged for error in from_json(line.errors)]
    told += [(one.line, error) for one in refused for error in from_json(one.errors)]
    unchanged = file.line_count - file.damaged - sum(part.row_count for part in parts)
    complete = all(part.state in ENDED for part in parts)
    return FileResult(file, tuple(parts), unchanged, tuple(sorted(told, key=lambda one: one[0])), complete)
