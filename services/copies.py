"""情報提供データベース管理 (assessment, system 4 function 6): the sub-copies (副本) an institution answers from.

Hears CopyBatchOpened and CopySubmitted from institutions. Says CopyBatchReported: rows that fail, one by one, and the
state of a batch; the rest of the batch goes on.

Always holds: a record number is taken in once; a version once written is only closed, never changed, so that the copy
as of any moment can be told; a batch resumes at the first row not yet seen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from broker.decision import Decision
from broker.facts import Facts
from broker.rules.erasure import expired
from broker.rules.fields import echoed, errors_in
from broker.rules.identity import jst_date
from broker.rules.reasons import field_error
from broker.service import Context, Service, on
from broker.tables import CopyBatch, CopyReceipt, CopyRecord, Institution, KindLayout
from schemas.codec import pack_items
from schemas.records import (
    BatchState,
    CopyBatchOpened,
    CopyBatchReported,
    CopyCommand,
    CopyErasureOrdered,
    CopySubmitted,
    FieldError,
)
from services.common import sender_checked

NAME = "copies"
BATCH_CAP = 200_000  # rows in one transmission [AIZU]
BY_KIND = ("institution_code", "integrated_number", "spi_name_code")
BY_LAYOUT = ("spi_name_code",)


# ── a batch opens ────────────────────────────────────────────────────────────────────────────────────────────────


async def load_opened(messages: Sequence[CopyBatchOpened], facts: Facts) -> None:
    """The institutions and any batch of that name."""
    await facts.load(Institution, [(m.institution_code,) for m in messages])
    await facts.load(CopyBatch, [(m.institution_code, m.batch_id) for m in messages])


def decide_opened(message: CopyBatchOpened, facts: Facts, context: Context) -> Decision:
    """Open the batch, or say where an open one stands: that is how a sender resumes."""
    sender_checked(message.institution_code, facts, context)
    errors = errors_in(message)
    if not errors and message.row_count > BATCH_CAP:
        detail = (f"上限{BATCH_CAP}件", f"at most {BATCH_CAP} rows")
        errors = [field_error("row_count", "BATCH_TOO_LARGE", *detail)]
    if errors:
        return Decision("batch_refused", (batch_refusal(message, errors),))
    batch = facts.get(CopyBatch, message.institution_code, message.batch_id)
    if batch is not None and batch.row_count != message.row_count:
        return Decision("batch_refused", (report(batch, 0, [field_error("batch_id", "DUPLICATE_RECORD_ID")]),))
    if batch is not None:
        return Decision("batch_resumed", (report(batch),))
    batch = CopyBatch(
        message.institution_code,
        message.batch_id,
        BatchState.RUNNING.value,
        message.row_count,
        1,
        0,
        0,
        context.now,
    )
    return Decision("batch_opened", (report(batch),), (batch,))


def batch_refusal(message: CopyBatchOpened, errors: Sequence[FieldError]) -> CopyBatchReported:
    """The reply to a batch that cannot be opened."""
    batch_id = echoed(message.batch_id)
    return CopyBatchReported(message.institution_code, batch_id, BatchState.ABORTED, 0, 0, 1, 0, tuple(errors))


def report(batch: CopyBatch, row_number: int = 0, errors: Sequence[FieldError] = ()) -> CopyBatchReported:
    """Where a batch stands, with the errors of one row."""
    return CopyBatchReported(
        batch.institution_code,
        batch.batch_id,
        BatchState(batch.state),
        batch.accepted,
        batch.rejected,
        batch.next_row,
        row_number,
        tuple(errors),
    )


# ── a row arrives ────────────────────────────────────────────────────────────────────────────────────────────────


async def load_submitted(messages: Sequence[CopySubmitted], facts: Facts) -> None:
    """Batches, receipts, layouts, and the person's copies of the kind."""
    await facts.load(Institution, [(m.institution_code,) for m in messages])
    await facts.load(CopyBatch, [(m.institution_code, m.batch_id) for m in messages])
    await facts.load(CopyReceipt, [(m.institution_code, m.record_identification_number) for m in messages])
    await facts.find(KindLayout, BY_LAYOUT, [(m.spi_name_code,) for m in messages])
    persons = [(m.institution_code, m.integrated_number, m.spi_name_code) for m in messages]
    await facts.find(CopyRecord, BY_KIND, persons)


def decide_submitted(message: CopySubmitted, facts: Facts, context: Context) -> Decision:
    """Take one row in, or say what is wrong with it; either way the batch counts it once."""
    sender_checked(message.institution_code, facts, context)
    digest = hashlib.sha256(context.value).digest()
    receipt = facts.get(CopyReceipt, message.institution_code, message.record_identification_number)
    if receipt is not None and receipt.content_digest == digest:
        return Decision("repeat")
    batch = facts.get(CopyBatch, message.institution_code, message.batch_id)
    misplaced = place_errors(message, batch)
    errors = misplaced or row_errors(message, receipt, facts, context.now)
    if errors:
        return row_refused(message, batch, errors, has_place=not misplaced)
    received = CopyReceipt(message.institution_code, message.record_identification_number, digest)
    writes = [received, *new_versions(message, facts, context.now)]
    if batch is None:
        return Decision("copied", (), tuple(writes))
    grown = counted(batch, accepted=1)
    say = (report(grown),) if grown.state != BatchState.RUNNING.value else ()
    return Decision("copied", say, (*writes, grown))


def place_errors(message: CopySubmitted, batch: CopyBatch | None) -> list[FieldError]:
    """What is wrong with the row's place in its batch."""
    if not message.batch_id:
        return []
    if batch is None:
        return [field_error("batch_id", "BATCH_UNKNOWN")]
    if batch.state != BatchState.RUNNING.value:
        return [field_error("batch_id", "BATCH_CLOSED")]
    if message.row_number != batch.next_row:
        return [field_error("row_number", "ROW_OUT_OF_ORDER", f"次は{batch.next_row}", f"{batch.next_row} comes next")]
    return []


def row_errors(message: CopySubmitted, receipt: CopyReceipt | None, facts: Facts, now: int) -> list[FieldError]:
    """What is wrong with the row itself: its form, its number, its layout, its command."""
    errors = errors_in(message)
    if errors:
        return errors
    if receipt is not None:
        return [field_error("record_identification_number", "DUPLICATE_RECORD_ID")]
    errors = layout_errors(message, facts, jst_date(now))
    exists = current_version(message, facts) is not None
    if message.command is CopyCommand.REGISTER and exists:
        errors.append(field_error("command", "RECORD_EXISTS"))
    if message.command is not CopyCommand.REGISTER and not exists:
        errors.append(field_error("command", "RECORD_UNKNOWN"))
    return errors


def layout_errors(message: CopySubmitted, facts: Facts, today: str) -> list[FieldError]:
    """The layout must be known, in force today, and hold exactly the items sent (a deletion needs none)."""
    if message.command is CopyCommand.DELETE:
        return []
    layouts = facts.all(KindLayout, BY_LAYOUT, message.spi_name_code)
    named = [layout for layout in layouts if layout.layout_version == message.layout_version]
    if not named:
        return [field_error("layout_version", "LAYOUT_UNKNOWN")]
    layout = named[0]
    if not (layout.valid_from <= today and (not layout.valid_to or today <= layout.valid_to)):
        return [field_error("layout_version", "LAYOUT_NOT_IN_FORCE")]
    wanted = layout.item_codes.split(",")
    sent = [item.code for item in message.items]
    errors = [
        field_error(f"items[{place}].code", "ITEM_NOT_IN_LAYOUT", code, code)
        for place, code in enumerate(sent)
        if code not in wanted or code in sent[:place]
    ]
    errors += [field_error("items", "ITEM_MISSING", code, code) for code in wanted if code not in sent]
    errors += [
        field_error(f"items[{place}].value", "FIELD_MISSING", "値か理由が要ります", "a value or a reason is needed")
        for place, item in enumerate(message.items)
        if bool(item.value) == bool(item.absence)
    ]
    return errors


def versions_of(message: CopySubmitted, facts: Facts) -> list[CopyRecord]:
    """All versions of the record."""
    person = (message.institution_code, message.integrated_number, message.spi_name_code)
    return [one for one in facts.all(CopyRecord, BY_KIND, *person) if one.record_key == message.record_key]


def current_version(message: CopySubmitted, facts: Facts) -> CopyRecord | None:
    """The version of the record that is current, or None."""
    return next((one for one in versions_of(message, facts) if one.known_to == 0), None)


def new_versions(message: CopySubmitted, facts: Facts, now: int) -> list[CopyRecord]:
    """Close the current version; register and update open a new one."""
    known = versions_of(message, facts)
    # Two changes of one record in the same millisecond would share a key: the later one is known a moment later.
    known_from = max([now, *(max(one.known_from + 1, one.known_to) for one in known)])
    versions = [one._replace(known_to=known_from) for one in known if one.known_to == 0]
    if message.command is CopyCommand.DELETE:
        return versions
    items = pack_items(message.items)
    record = CopyRecord(
        message.institution_code,
        message.integrated_number,
        message.spi_name_code,
        message.record_key,
        known_from,
        0,
        message.layout_version,
        message.valid_from,
        message.valid_to,
        message.publication_from,
        message.publication_to,
        message.auto_response_disabled,
        message.non_disclosure_code,
        items,
        copy_digest(message, items),
        message.record_identification_number,
    )
    return [*versions, record]


def copy_digest(message: CopySubmitted, items: bytes) -> bytes:
    """SHA-256 over all that the answer may depend on."""
    parts = (
        message.integrated_number,
        message.spi_name_code,
        message.record_key,
        message.layout_version,
        message.valid_from,
        message.valid_to,
        message.publication_from,
        message.publication_to,
        str(message.auto_response_disabled),
        message.non_disclosure_code,
    )
    return hashlib.sha256("\n".join(parts).encode() + b"\n" + items).digest()


# ── copies are erased ────────────────────────────────────────────────────────────────────────────────────────────


async def load_erasure(messages: Sequence[CopyErasureOrdered], facts: Facts) -> None:
    """The persons' copies of the kinds."""
    persons = [(m.institution_code, m.integrated_number, m.spi_name_code) for m in messages]
    await facts.find(CopyRecord, BY_KIND, persons)


def decide_erasure(message: CopyErasureOrdered, facts: Facts, context: Context) -> Decision:
    """Erase content and digest of the versions that have ended; that there was a version, and when, stays.

    A current version is never touched here: the institution deletes it first, on its own topic.
    """
    person = (message.institution_code, message.integrated_number, message.spi_name_code)
    due = [
        copy
        for copy in facts.all(CopyRecord, BY_KIND, *person)
        if copy.known_to and copy.digest and expired(message.rule, copy.known_to, message.as_of)
    ]
    erased = tuple(copy._replace(items=pack_items(()), digest=b"") for copy in due)
    return Decision("erased", (), erased) if erased else Decision("nothing_to_erase")


def counted(batch: CopyBatch, *, accepted: int = 0, rejected: int = 0) -> CopyBatch:
    """The batch after one more row; the last row ends it."""
    grown = batch._replace(
        next_row=batch.next_row + 1, accepted=batch.accepted + accepted, rejected=batch.rejected + rejected
    )
    if grown.next_row <= grown.row_count:
        return grown
    return grown._replace(state=(BatchState.ENDED_WITH_ERRORS if grown.rejected else BatchState.ENDED).value)


def row_refused(
    message: CopySubmitted, batch: CopyBatch | None, errors: Sequence[FieldError], *, has_place: bool
) -> Decision:
    """Say what is wrong with the row; one that has a place in the batch uses it up, the others go through."""
    if batch is None or not has_place:
        standing = batch or CopyBatch(
            message.institution_code, echoed(message.batch_id), BatchState.ABORTED.value, 0, 1, 0, 0, 0
        )
        return Decision("row_refused", (report(standing, message.row_number, errors),))
    grown = counted(batch, rejected=1)
    return Decision("row_refused", (report(grown, message.row_number, errors),), (grown,))


SERVICE = Service(
    NAME,
    (
        on(CopyBatchOpened, load_opened, decide_opened),
        on(CopySubmitted, load_submitted, decide_submitted),
        on(CopyErasureOrdered, load_erasure, decide_erasure),
    ),
)
