"""地域健康支援システム function 1 (入力): targets, and what they received and had performed; the originals (正本).

Hears HealthTargetEntered, HealthItemEntered, HealthTransmissionOpened and HealthTransmissionSplit from the city's
desks, HealthQueueAdvanced from itself. Says HealthReported; to the institution's integrated-number system (the hub)
BusinessNumberLinked, CopyGiven, CopiesAnnounced. To the intermediate server it says nothing: the hub turns the business
number into the integrated number, sees what has changed, and sends. An institution that is not attached has no hub of
its own; all its programs are simulated, and for it the health system says what its hub would: CopyBatchOpened,
CopySubmitted.

Always holds: an original and the sub-copy it sends commit together (said at once, or a row of the queue), so none is
lost and none doubled: the copy's record identification number derives from record and revision. What goes out goes out
in order: behind a transmission over the limit everything waits, as it did in Aizuwakamatsu (domain 3(b)9), until a
person splits it. Individual numbers never come here: a target has a keyed hash of one, or nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

from broker.decision import Decision
from broker.errors import OwnFault
from broker.facts import Facts
from broker.rules.city_fields import city_errors_in
from broker.rules.drift import CANCELLED
from broker.rules.fields import echoed
from broker.rules.identity import derived_id, jst_date
from broker.rules.reasons import field_error
from broker.service import Context, Service, on
from broker.tables import (
    HealthOutbox,
    HealthQueue,
    HealthReceipt,
    HealthRecord,
    HealthTarget,
    HealthTransmission,
    Institution,
    KindLayout,
)
from schemas.codec import decode, encode, pack_items
from schemas.records import (
    BusinessNumberLinked,
    CopiesAnnounced,
    CopyBatchOpened,
    CopyCommand,
    CopyGiven,
    CopySubmitted,
    FieldError,
    HealthItemEntered,
    HealthQueueAdvanced,
    HealthReported,
    HealthStage,
    HealthTargetEntered,
    HealthTransmissionOpened,
    HealthTransmissionSplit,
    Message,
)
from services.common import sender_checked

NAME = "health_support"
SYSTEM = "CHIIKI_KENKO"
"""The health system's name as a business system at the hub; its business numbers are its own."""

SENDING, STUCK, SPLIT = "SENDING", "STUCK", "SPLIT"
ROWS_A_STEP = 500  # queued sub-copies in one message's decision
BY_KIND = ("institution_code", "integrated_number", "spi_name_code")
BY_LAYOUT = ("spi_name_code",)


# ── targets ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def load_target(messages: Sequence[HealthTargetEntered], facts: Facts) -> None:
    """Institutions, receipts, and the targets as they are."""
    await facts.load(Institution, [(m.institution_code,) for m in messages])
    await facts.load(HealthReceipt, [(m.institution_code, m.record_identification_number) for m in messages])
    await facts.load(HealthTarget, [(m.institution_code, m.business_person_number) for m in messages])


def decide_target(message: HealthTargetEntered, facts: Facts, context: Context) -> Decision:
    """Register a person, or correct what is known of one."""
    institution = sender_checked(message.institution_code, facts, context)
    receipt = facts.get(HealthReceipt, message.institution_code, message.record_identification_number)
    errors = city_errors_in(message) + repeat_errors(receipt, context)
    known = facts.get(HealthTarget, message.institution_code, message.business_person_number)
    if known is not None and known.integrated_number != message.integrated_number:
        errors.append(field_error("integrated_number", "TARGET_OTHER_PERSON"))
    if errors:
        return refused(message.institution_code, message.record_identification_number, errors)
    if receipt is not None:
        return Decision("repeat", (accepted(message.institution_code, message.record_identification_number),))
    target = HealthTarget(
        message.institution_code,
        message.business_person_number,
        message.integrated_number,
        message.number_hash or (known.number_hash if known else b""),
        message.name,
        message.birth_date,
        message.sex,
        message.district,
    )
    said: tuple[Message, ...] = (accepted(message.institution_code, message.record_identification_number),)
    if institution.attached:
        # Before any sub-copy of this person: both lie on one topic, in their order.
        link = BusinessNumberLinked(target.institution_code, SYSTEM, target.business_person_number, target[2])
        said = (link, *said)
    return Decision("target_registered", said, (target, receipt_of(message, context)))


def receipt_of(message: HealthTargetEntered | HealthItemEntered, context: Context) -> HealthReceipt:
    """That this entry was taken in."""
    digest = sha256(context.value).digest()
    return HealthReceipt(message.institution_code, message.record_identification_number, digest)


def repeat_errors(receipt: HealthReceipt | None, context: Context) -> list[FieldError]:
    """The same number with other content is an error."""
    if receipt is None or receipt.content_digest == sha256(context.value).digest():
        return []
    return [field_error("record_identification_number", "DUPLICATE_RECORD_ID")]


def accepted(institution_code: str, name: str, *, queued: bool = False) -> HealthReported:
    """The reply to what was taken in."""
    return HealthReported(institution_code, name, True, queued, ())


def refused(institution_code: str, name: str, errors: Sequence[FieldError]) -> Decision:
    """The reply to what was not; an ill-formed name is not repeated."""
    return Decision("refused", (HealthReported(institution_code, echoed(name), False, False, tuple(errors)),))


# ── items ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def load_item(messages: Sequence[HealthItemEntered], facts: Facts) -> None:
    """Targets first: their integrated numbers lead to the originals."""
    await facts.load(Institution, [(m.institution_code,) for m in messages])
    await facts.load(HealthReceipt, [(m.institution_code, m.record_identification_number) for m in messages])
    await facts.load(HealthTarget, [(m.institution_code, m.business_person_number) for m in messages])
    await facts.load(HealthTransmission, [(m.institution_code, m.transmission_id) for m in messages])
    await facts.load(HealthQueue, [(m.institution_code,) for m in messages])
    await facts.find(KindLayout, BY_LAYOUT, [(m.spi_name_code,) for m in messages])
    persons = []
    for message in messages:
        target = facts.get(HealthTarget, message.institution_code, message.business_person_number)
        if target is not None:
            persons.append((message.institution_code, target.integrated_number, message.spi_name_code))
    await facts.find(HealthRecord, BY_KIND, persons)


class Sending(NamedTuple):
    """How a sub-copy goes out: messages to say now, rows to keep, and whether it waits."""

    say: tuple[Message, ...]
    write: tuple[HealthQueue | HealthOutbox, ...]
    queued: bool


def service(largest_transmission: int, kinds: Sequence[str]) -> Service:
    """The declaration. largest_transmission: rows the intermediate server takes in one batch; kinds: kept here."""

    def decide_item(message: HealthItemEntered, facts: Facts, context: Context) -> Decision:
        """Keep a new version of the original and send its sub-copy, both or neither."""
        institution = sender_checked(message.institution_code, facts, context)
        name = message.record_identification_number
        receipt = facts.get(HealthReceipt, message.institution_code, name)
        errors = city_errors_in(message) + repeat_errors(receipt, context)
        if receipt is not None and not errors:
            return Decision("repeat", (accepted(message.institution_code, name),))
        target = facts.get(HealthTarget, message.institution_code, message.business_person_number)
        transmission = facts.get(HealthTransmission, message.institution_code, message.transmission_id)
        if target is None and not errors:
            errors = [field_error("business_person_number", "TARGET_UNKNOWN")]
        errors = errors or item_errors(message, facts, context.now) + place_errors(message, transmission)
        if errors or target is None:
            return refused(message.institution_code, name, errors)
        current = current_version(message, target.integrated_number, facts)
        if current is None and message.stage is HealthStage.CANCELLED:
            return refused(message.institution_code, name, [field_error("stage", "NOTHING_TO_CANCEL")])
        record = next_version(message, target.integrated_number, current, facts, context.now)
        write: list[object] = [receipt_of(message, context), record]
        latest = latest_version(message, target.integrated_number, facts)
        if latest is not None:
            write.append(latest._replace(superseded_at=record.changed_at))
        if transmission is not None:
            transmission = transmission._replace(taken=transmission.taken + 1)
            write.append(transmission)
        queue = facts.get(HealthQueue, message.institution_code)
        copy = given_of(record, message) if institution.attached else copy_of(record, current, message)
        sending = send_copy(copy, transmission, queue, context.now)
        said = accepted(message.institution_code, name, queued=sending.queued)
        return Decision("entered", (*sending.say, said), (*write, *sending.write))

    def item_errors(message: HealthItemEntered, facts: Facts, now: int) -> list[FieldError]:
        """The kind is ours, and its layout of today holds exactly the items given (a withdrawal needs none)."""
        if message.spi_name_code not in kinds:
            return [field_error("spi_name_code", "KIND_NOT_HERE")]
        if message.stage is HealthStage.CANCELLED:
            return []
        layout = layout_of(message.spi_name_code, facts, now)
        if layout is None:
            return [field_error("spi_name_code", "LAYOUT_NOT_IN_FORCE")]
        wanted, sent = layout.item_codes.split(","), [item.code for item in message.items]
        found = [
            field_error(f"items[{place}].code", "ITEM_NOT_IN_LAYOUT", code, code)
            for place, code in enumerate(sent)
            if code not in wanted or code in sent[:place]
        ]
        found += [field_error("items", "ITEM_MISSING", code, code) for code in wanted if code not in sent]
        return found + [
            field_error(f"items[{place}].value", "FIELD_MISSING", "値か理由が要ります", "a value or a reason is needed")
            for place, item in enumerate(message.items)
            if bool(item.value) == bool(item.absence)
        ]

    def send_copy(
        copy: CopyGiven | CopySubmitted, transmission: HealthTransmission | None, queue: HealthQueue | None, now: int
    ) -> Sending:
        """The one way out: said at once when nothing waits, otherwise put at the end of the queue."""
        name, row = (transmission.transmission_id, transmission.taken) if transmission else ("", 0)
        queue = queue or HealthQueue(copy.institution_code, 0, 0, "", 0)
        waits = queue.stuck != "" or queue.first_sequence < queue.next_sequence
        if not waits and (transmission is None or transmission.state != STUCK):
            return Sending(placed(copy, transmission, row), (), False)
        if not waits:
            queue = queue._replace(stuck=name)
        last = queue.next_sequence
        waiting = HealthOutbox(copy.institution_code, last, name, row, now, encode(copy))
        return Sending((), (waiting, queue._replace(next_sequence=last + 1, since=queue.since or now)), True)

    def placed(
        copy: CopyGiven | CopySubmitted, transmission: HealthTransmission | None, row: int
    ) -> tuple[Message, ...]:
        """The copy at its place: for the hub under its transmission's name, otherwise as a row of a batch.

        The first row opens a batch. A split transmission is several.
        """
        if transmission is None:
            return (copy,)
        part, place = divmod(row - 1, largest_transmission)
        rows = min(largest_transmission, transmission.row_count - part * largest_transmission)
        parted = transmission.row_count > largest_transmission
        batch = f"{transmission.transmission_id}.{part + 1}" if parted else transmission.transmission_id
        if isinstance(copy, CopyGiven):
            return (copy._replace(transmission_id=batch),)
        opened = (CopyBatchOpened(copy.institution_code, batch, "CHANGE", rows),) if place == 0 else ()
        return (*opened, copy._replace(batch_id=batch, row_number=place + 1))

    # ── transmissions ────────────────────────────────────────────────────────────────────────────────────────────

    def decide_opened(message: HealthTransmissionOpened, facts: Facts, context: Context) -> Decision:
        """Announce it; one over the limit is refused by the intermediate server and from then on blocks the way out."""
        institution = sender_checked(message.institution_code, facts, context)
        errors = city_errors_in(message)
        known = facts.get(HealthTransmission, message.institution_code, message.transmission_id)
        if known is not None and known.row_count != message.row_count:
            errors.append(field_error("transmission_id", "TRANSMISSION_EXISTS"))
        if errors:
            return refused(message.institution_code, message.transmission_id, errors)
        said = accepted(message.institution_code, message.transmission_id)
        if known is not None:
            return Decision("transmission_resumed", (said,))
        too_large = message.row_count > largest_transmission
        state = STUCK if too_large else SENDING
        row = HealthTransmission(
            message.institution_code, message.transmission_id, state, message.row_count, 0, context.now
        )
        if not too_large:
            return Decision("transmission_opened", (said,), (row,))
        name, rows = message.transmission_id, message.row_count
        attempt: Message = CopyBatchOpened(message.institution_code, name, "CHANGE", rows)
        if institution.attached:
            attempt = CopiesAnnounced(message.institution_code, SYSTEM, name, rows)
        queue = facts.get(HealthQueue, message.institution_code) or HealthQueue(message.institution_code, 0, 0, "", 0)
        if queue.first_sequence == queue.next_sequence and not queue.stuck:
            queue = queue._replace(stuck=message.transmission_id, since=context.now)
        return Decision("transmission_stuck", (said._replace(queued=True), attempt), (row, queue))

    async def load_advanced(messages: Sequence[HealthQueueAdvanced], facts: Facts) -> None:
        """The queue, its next rows, and the transmissions these belong to."""
        await facts.load(HealthQueue, [(m.institution_code,) for m in messages])
        keys = [(m.institution_code, m.first_sequence + place) for m in messages for place in range(ROWS_A_STEP + 1)]
        await facts.load(HealthOutbox, keys)
        rows = [row for key in keys if (row := facts.get(HealthOutbox, *key)) is not None]
        await facts.load(HealthTransmission, [(row.institution_code, row.transmission_id) for row in rows])

    def decide_advanced(message: HealthQueueAdvanced, facts: Facts, context: Context) -> Decision:
        """Send the next rows in their order, up to a transmission that is stuck; go on with the rest afterwards."""
        queue = facts.get(HealthQueue, message.institution_code)
        if queue is None or queue.stuck or queue.first_sequence != message.first_sequence:
            return Decision("late")
        said: list[Message] = []
        gone: list[HealthOutbox] = []
        stuck = ""
        for sequence in range(queue.first_sequence, min(queue.first_sequence + ROWS_A_STEP, queue.next_sequence)):
            row = facts.get(HealthOutbox, queue.institution_code, sequence)
            if row is None:
                raise OwnFault(f"the queue of {queue.institution_code} has no row {sequence}")
            transmission = facts.get(HealthTransmission, queue.institution_code, row.transmission_id)
            if transmission is not None and transmission.state == STUCK:
                stuck = transmission.transmission_id
                break
            copy = decode(row.body)
            assert isinstance(copy, CopyGiven | CopySubmitted)
            said += placed(copy, transmission, row.transmission_row)
            gone.append(row)
        first = queue.first_sequence + len(gone)
        following = facts.get(HealthOutbox, queue.institution_code, first) if first < queue.next_sequence else None
        since = following.queued_at if following else 0
        queue = queue._replace(first_sequence=first, stuck=stuck, since=since)
        if first < queue.next_sequence and not stuck:
            said.append(HealthQueueAdvanced(queue.institution_code, first))
        return Decision("queue_advanced", tuple(said), (queue,), tuple(gone))

    return Service(
        NAME,
        (
            on(HealthTargetEntered, load_target, decide_target),
            on(HealthItemEntered, load_item, decide_item),
            on(HealthTransmissionOpened, load_transmission, decide_opened),
            on(HealthTransmissionSplit, load_transmission, decide_split),
            on(HealthQueueAdvanced, load_advanced, decide_advanced),
        ),
    )


def place_errors(message: HealthItemEntered, transmission: HealthTransmission | None) -> list[FieldError]:
    """What is wrong with the row's place in its transmission."""
    if not message.transmission_id:
        return []
    if transmission is None:
        return [field_error("transmission_id", "TRANSMISSION_UNKNOWN")]
    return [field_error("transmission_id", "TRANSMISSION_FULL")] if transmission.taken >= transmission.row_count else []


def layout_of(spi_name_code: str, facts: Facts, now: int) -> KindLayout | None:
    """The layout of the kind that is in force today; of two the later."""
    today = jst_date(now)
    layouts = facts.all(KindLayout, BY_LAYOUT, spi_name_code)
    valid = [one for one in layouts if one.valid_from <= today and (not one.valid_to or today <= one.valid_to)]
    return max(valid, key=lambda one: (one.valid_from, one.layout_version), default=None)


def current_version(message: HealthItemEntered, integrated_number: str, facts: Facts) -> HealthRecord | None:
    """The version that holds, or None when there is none or it was withdrawn."""
    latest = latest_version(message, integrated_number, facts)
    return latest if latest is not None and latest.stage != CANCELLED else None


def latest_version(message: HealthItemEntered, integrated_number: str, facts: Facts) -> HealthRecord | None:
    """The last version, a withdrawal included."""
    versions = facts.all(HealthRecord, BY_KIND, message.institution_code, integrated_number, message.spi_name_code)
    mine = [one for one in versions if one.record_key == message.record_key]
    return max(mine, key=lambda one: one.revision, default=None)


def next_version(
    message: HealthItemEntered, integrated_number: str, current: HealthRecord | None, facts: Facts, now: int
) -> HealthRecord:
    """The record after this entry; versions of one record are known one after the other, in whole milliseconds."""
    latest = latest_version(message, integrated_number, facts)
    revision = latest.revision + 1 if latest else 1
    withdrawn = message.stage is HealthStage.CANCELLED
    items = current.items if withdrawn and current else pack_items(message.items)
    layout = layout_of(message.spi_name_code, facts, now)
    place = f"{message.institution_code}/{integrated_number}/{message.spi_name_code}/{message.record_key}"
    received = message.event_date if message.stage is HealthStage.RECEIVED else current.received_on if current else ""
    performed = message.event_date if message.stage is HealthStage.PERFORMED else ""
    return HealthRecord(
        message.institution_code,
        integrated_number,
        message.spi_name_code,
        message.record_key,
        revision,
        max(now, latest.changed_at + 1) if latest else now,
        0,
        message.business_person_number,
        message.stage.value,
        received,
        performed,
        current.layout_version if withdrawn and current else layout.layout_version if layout else "",
        message.event_date,
        message.auto_response_disabled,
        items,
        sha256(items).digest(),
        f"h.{derived_id(place, 'CopySubmitted', revision)}",
        message.operator_id,
    )


def given_of(record: HealthRecord, message: HealthItemEntered) -> CopyGiven:
    """What the hub is given of a version: by business number, and without a command, which follows from what is sent.

    Its number derives from the record and the revision, so that it is known again.
    """
    deleted = record.stage == CANCELLED
    return CopyGiven(
        institution_code=record.institution_code,
        system_code=SYSTEM,
        record_identification_number=record.record_identification_number,
        business_person_number=record.business_person_number,
        deleted=deleted,
        spi_name_code=record.spi_name_code,
        record_key=record.record_key,
        layout_version=record.layout_version,
        valid_from=record.valid_from,
        publication_from=record.valid_from,
        items=() if deleted else message.items,
        auto_response_disabled=record.auto_response_disabled,
    )


def copy_of(record: HealthRecord, before: HealthRecord | None, message: HealthItemEntered) -> CopySubmitted:
    """The sub-copy of a version; its number derives from the record and the revision, so that it is known again."""
    command = CopyCommand.REGISTER if before is None else CopyCommand.UPDATE
    return CopySubmitted(
        institution_code=record.institution_code,
        record_identification_number=record.record_identification_number,
        command=CopyCommand.DELETE if record.stage == CANCELLED else command,
        integrated_number=record.integrated_number,
        spi_name_code=record.spi_name_code,
        record_key=record.record_key,
        layout_version=record.layout_version,
        valid_from=record.valid_from,
        publication_from=record.valid_from,
        items=() if record.stage == CANCELLED else message.items,
        auto_response_disabled=record.auto_response_disabled,
    )


async def load_transmission(
    messages: Sequence[HealthTransmissionOpened | HealthTransmissionSplit], facts: Facts
) -> None:
    """The transmissions and the queues of their institutions."""
    await facts.load(Institution, [(m.institution_code,) for m in messages])
    await facts.load(HealthTransmission, [(m.institution_code, m.transmission_id) for m in messages])
    await facts.load(HealthQueue, [(m.institution_code,) for m in messages])


def decide_split(message: HealthTransmissionSplit, facts: Facts, context: Context) -> Decision:
    """A person lets a stuck transmission go out in parts; what waits behind it follows."""
    sender_checked(message.institution_code, facts, context)
    errors = city_errors_in(message)
    row = facts.get(HealthTransmission, message.institution_code, message.transmission_id)
    queue = facts.get(HealthQueue, message.institution_code)
    if not errors and (row is None or row.state != STUCK):
        errors = [field_error("transmission_id", "TRANSMISSION_NOT_STUCK")]
    if errors or row is None or queue is None:
        return refused(message.institution_code, message.transmission_id, errors)
    said: list[Message] = [accepted(message.institution_code, message.transmission_id)]
    if queue.stuck == message.transmission_id:
        queue = queue._replace(stuck="")
        said.append(HealthQueueAdvanced(message.institution_code, queue.first_sequence))
    return Decision("transmission_split", tuple(said), (row._replace(state=SPLIT), queue))
