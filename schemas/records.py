"""Generated from the .avsc files by `make schemas`; do not edit."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple


def _bytes(value: bytes | str) -> bytes:
    # fastavro hands out the default of a field the writer did not know as it stands in the schema: as text.
    return value.encode("latin-1") if isinstance(value, str) else value


class AcquisitionDeadlinePassed(NamedTuple):
    """An acquisition number has expired at the network and is to be erased.

    Fields:
        acquisition_number: 20 digits.
        expires_at: Milliseconds since 1970 UTC.
    """

    acquisition_number: str
    expires_at: int


def _read_acquisition_deadline_passed(plain: Mapping[str, Any]) -> AcquisitionDeadlinePassed:
    return AcquisitionDeadlinePassed(
        plain["acquisition_number"],
        plain["expires_at"],
    )


def _write_acquisition_deadline_passed(record: AcquisitionDeadlinePassed) -> Mapping[str, Any]:
    return record._asdict()


class AcquisitionNumberAssigned(NamedTuple):
    """The acquisition number for the resident-register channel.

    Fields:
        institution_code: 16 digits.
        request_id: Request.
        integrated_number: 15 digits.
        acquisition_number: 20 digits.
        expires_at: Milliseconds since 1970 UTC.
    """

    institution_code: str
    request_id: str
    integrated_number: str
    acquisition_number: str
    expires_at: int


def _read_acquisition_number_assigned(plain: Mapping[str, Any]) -> AcquisitionNumberAssigned:
    return AcquisitionNumberAssigned(
        plain["institution_code"],
        plain["request_id"],
        plain["integrated_number"],
        plain["acquisition_number"],
        plain["expires_at"],
    )


def _write_acquisition_number_assigned(record: AcquisitionNumberAssigned) -> Mapping[str, Any]:
    return record._asdict()


class AcquisitionNumberIssued(NamedTuple):
    """A single-use acquisition number.

    Fields:
        institution_code: 16 digits.
        request_id: Request.
        acquisition_number: 20 digits.
        expires_at: Milliseconds since 1970 UTC.
    """

    institution_code: str
    request_id: str
    acquisition_number: str
    expires_at: int


def _read_acquisition_number_issued(plain: Mapping[str, Any]) -> AcquisitionNumberIssued:
    return AcquisitionNumberIssued(
        plain["institution_code"],
        plain["request_id"],
        plain["acquisition_number"],
        plain["expires_at"],
    )


def _write_acquisition_number_issued(record: AcquisitionNumberIssued) -> Mapping[str, Any]:
    return record._asdict()


class AcquisitionNumberRequested(NamedTuple):
    """The intermediate server asks the network for an acquisition number.

    Fields:
        institution_code: 16 digits.
        request_id: Request.
    """

    institution_code: str
    request_id: str


def _read_acquisition_number_requested(plain: Mapping[str, Any]) -> AcquisitionNumberRequested:
    return AcquisitionNumberRequested(
        plain["institution_code"],
        plain["request_id"],
    )


def _write_acquisition_number_requested(record: AcquisitionNumberRequested) -> Mapping[str, Any]:
    return record._asdict()


class BusinessNumberLinked(NamedTuple):
    """業務システム → 統合番号連携システム: which integrated number one of its own business numbers stands for (assessment, system 3 function 1).

    Fields:
        institution_code: 16 digits.
        system_code: The business system that speaks, 1 to 20 capitals, digits or _.
        business_person_number: 業務固有番号 of that system, 15 digits: the hub turns it into the integrated number.
        integrated_number: 15 digits, as the hub gave it out.
    """

    institution_code: str
    system_code: str
    business_person_number: str
    integrated_number: str


def _read_business_number_linked(plain: Mapping[str, Any]) -> BusinessNumberLinked:
    return BusinessNumberLinked(
        plain["institution_code"],
        plain["system_code"],
        plain["business_person_number"],
        plain["integrated_number"],
    )


def _write_business_number_linked(record: BusinessNumberLinked) -> Mapping[str, Any]:
    return record._asdict()


class CancelOrdered(NamedTuple):
    """A kind of a withdrawn inquiry is to be closed by the shard that owns it.

    Fields:
        exchange_id: inquirer_institution_code + '-' + transaction_serial_number.
        reason: Free text of the inquirer.
    """

    exchange_id: str
    reason: str


def _read_cancel_ordered(plain: Mapping[str, Any]) -> CancelOrdered:
    return CancelOrdered(
        plain["exchange_id"],
        plain["reason"],
    )


def _write_cancel_ordered(record: CancelOrdered) -> Mapping[str, Any]:
    return record._asdict()


class CheckpointDue(NamedTuple):
    """An institution's log has grown and wants a signed checkpoint.

    Fields:
        institution_code: 16 digits.
        size: Size of the log when the timer looked.
    """

    institution_code: str
    size: int


def _read_checkpoint_due(plain: Mapping[str, Any]) -> CheckpointDue:
    return CheckpointDue(
        plain["institution_code"],
        plain["size"],
    )


def _write_checkpoint_due(record: CheckpointDue) -> Mapping[str, Any]:
    return record._asdict()


class CheckpointPublished(NamedTuple):
    """A log shows its witnesses a checkpoint it has signed, and proves that it continues the one before (C2SP tlog-witness).

    Fields:
        institution_code: Whose log: 16 digits.
        note: The signed note (C2SP tlog-checkpoint).
        previous_size: Size of the checkpoint published before; 0 when this is the first.
        previous_root: Root of the log at that size, 32 bytes.
        proof: Consistency proof between the two (RFC 9162 section 2.1.4), 32 bytes a hash.
    """

    institution_code: str
    note: str
    previous_size: int
    previous_root: bytes
    proof: bytes


def _read_checkpoint_published(plain: Mapping[str, Any]) -> CheckpointPublished:
    return CheckpointPublished(
        plain["institution_code"],
        plain["note"],
        plain["previous_size"],
        plain["previous_root"],
        plain["proof"],
    )


def _write_checkpoint_published(record: CheckpointPublished) -> Mapping[str, Any]:
    return record._asdict()


class WitnessAnswer(NamedTuple):
    """One witness's answer.

    Fields:
        witness_code: Which institution: 16 digits.
        rule: Why it does not cosign; empty when it does.
        cosigned_size: Size of the last checkpoint of this log it has cosigned.
        cosigned_at: When it cosigned that, milliseconds since 1970 UTC.
        line: The signature line (C2SP tlog-cosignature v1); empty when it does not cosign.
    """

    witness_code: str
    rule: str
    cosigned_size: int
    cosigned_at: int
    line: str


def _read_witness_answer(plain: Mapping[str, Any]) -> WitnessAnswer:
    return WitnessAnswer(
        plain["witness_code"],
        plain["rule"],
        plain["cosigned_size"],
        plain["cosigned_at"],
        plain["line"],
    )


def _write_witness_answer(record: WitnessAnswer) -> Mapping[str, Any]:
    return record._asdict()


class CheckpointWitnessed(NamedTuple):
    """What the witnesses of a log say of a checkpoint they were shown: a cosignature each, or the rule that forbids it.

    Fields:
        institution_code: Whose log: 16 digits.
        size: Size of the checkpoint that was shown.
        answers: One for each witness of the log.
    """

    institution_code: str
    size: int
    answers: tuple[WitnessAnswer, ...]


def _read_checkpoint_witnessed(plain: Mapping[str, Any]) -> CheckpointWitnessed:
    return CheckpointWitnessed(
        plain["institution_code"],
        plain["size"],
        tuple([_read_witness_answer(one) for one in plain["answers"]]),
    )


def _write_checkpoint_witnessed(record: CheckpointWitnessed) -> Mapping[str, Any]:
    plain: dict[str, Any] = record._asdict()
    plain["answers"] = [_write_witness_answer(one) for one in record.answers]
    return plain


class CodeAcquisitionFailed(NamedTuple):
    """No code: the number is unknown, used, expired or of another institution, or the person is unknown.

    Fields:
        institution_code: 16 digits.
        request_id: Request or empty.
        acquisition_number: 20 digits.
        rule: Which.
    """

    institution_code: str
    request_id: str
    acquisition_number: str
    rule: str


def _read_code_acquisition_failed(plain: Mapping[str, Any]) -> CodeAcquisitionFailed:
    return CodeAcquisitionFailed(
        plain["institution_code"],
        plain["request_id"],
        plain["acquisition_number"],
        plain["rule"],
    )


def _write_code_acquisition_failed(record: CodeAcquisitionFailed) -> Mapping[str, Any]:
    return record._asdict()


class CodeAcquisitionRequested(NamedTuple):
    """The integrated-number side asks for a linkage code (domain 3(a)2).

    Fields:
        institution_code: 16 digits.
        request_id: Up to 40 characters.
        integrated_number: 15 digits.
    """

    institution_code: str
    request_id: str
    integrated_number: str


def _read_code_acquisition_requested(plain: Mapping[str, Any]) -> CodeAcquisitionRequested:
    return CodeAcquisitionRequested(
        plain["institution_code"],
        plain["request_id"],
        plain["integrated_number"],
    )


def _write_code_acquisition_requested(record: CodeAcquisitionRequested) -> Mapping[str, Any]:
    return record._asdict()


class CodeRequestDeadlinePassed(NamedTuple):
    """A code request's acquisition number has expired at the intermediate server.

    Fields:
        institution_code: 16 digits.
        request_id: Request.
        expires_at: Milliseconds since 1970 UTC.
    """

    institution_code: str
    request_id: str
    expires_at: int


def _read_code_request_deadline_passed(plain: Mapping[str, Any]) -> CodeRequestDeadlinePassed:
    return CodeRequestDeadlinePassed(
        plain["institution_code"],
        plain["request_id"],
        plain["expires_at"],
    )


def _write_code_request_deadline_passed(record: CodeRequestDeadlinePassed) -> Mapping[str, Any]:
    return record._asdict()


class CodeRevocationRequested(NamedTuple):
    """The institution gives up a person's code from a moment on.

    Fields:
        institution_code: 16 digits.
        request_id: Up to 40 characters.
        integrated_number: 15 digits.
        valid_to: Milliseconds since 1970 UTC.
    """

    institution_code: str
    request_id: str
    integrated_number: str
    valid_to: int


def _read_code_revocation_requested(plain: Mapping[str, Any]) -> CodeRevocationRequested:
    return CodeRevocationRequested(
        plain["institution_code"],
        plain["request_id"],
        plain["integrated_number"],
        plain["valid_to"],
    )


def _write_code_revocation_requested(record: CodeRevocationRequested) -> Mapping[str, Any]:
    return record._asdict()


class CodeState(StrEnum):
    """State of a linkage code at one institution (domain 2.5 row 2)."""

    NONE = "NONE"
    REQUESTED = "REQUESTED"
    ISSUED = "ISSUED"
    FAILED = "FAILED"
    REVOKED = "REVOKED"


_CODESTATE = {member.value: member for member in CodeState}


class CodeStateChanged(NamedTuple):
    """The state of a person's linkage code at the institution; never the code itself.

    Fields:
        institution_code: 16 digits.
        request_id: Request.
        integrated_number: 15 digits.
        state: State now.
        rule: Why it failed or was revoked; empty otherwise.
    """

    institution_code: str
    request_id: str
    integrated_number: str
    state: CodeState
    rule: str


def _read_code_state_changed(plain: Mapping[str, Any]) -> CodeStateChanged:
    return CodeStateChanged(
        plain["institution_code"],
        plain["request_id"],
        plain["integrated_number"],
        _CODESTATE[plain["state"]],
        plain["rule"],
    )


def _write_code_state_changed(record: CodeStateChanged) -> Mapping[str, Any]:
    return record._asdict()


class CopiesAnnounced(NamedTuple):
    """業務システム → 統合番号連携システム: so many sub-copies are to go out as one batch. The hub parts what it is given by itself; what is announced over the cap it passes on, and the intermediate server refuses it.

    Fields:
        institution_code: 16 digits.
        system_code: The business system that speaks, 1 to 20 capitals, digits or _.
        transmission_id: 1 to 30 characters chosen by the system.
        row_count: How many rows it would hold.
    """

    institution_code: str
    system_code: str
    transmission_id: str
    row_count: int


def _read_copies_announced(plain: Mapping[str, Any]) -> CopiesAnnounced:
    return CopiesAnnounced(
        plain["institution_code"],
        plain["system_code"],
        plain["transmission_id"],
        plain["row_count"],
    )


def _write_copies_announced(record: CopiesAnnounced) -> Mapping[str, Any]:
    return record._asdict()


class CopyBatchOpened(NamedTuple):
    """A numbered batch of copies begins.

    Fields:
        institution_code: 16 digits.
        batch_id: Up to 40 characters.
        reason: FIRST_LOAD, LAYOUT_REVISION, RE_REGISTRATION or CHANGE.
        row_count: Rows to come, at most the cap.
    """

    institution_code: str
    batch_id: str
    reason: str
    row_count: int


def _read_copy_batch_opened(plain: Mapping[str, Any]) -> CopyBatchOpened:
    return CopyBatchOpened(
        plain["institution_code"],
        plain["batch_id"],
        plain["reason"],
        plain["row_count"],
    )


def _write_copy_batch_opened(record: CopyBatchOpened) -> Mapping[str, Any]:
    return record._asdict()


class BatchState(StrEnum):
    """Batch states (domain 3(f)3, assumption)."""

    WAITING = "WAITING"
    RUNNING = "RUNNING"
    ENDED = "ENDED"
    ENDED_WITH_ERRORS = "ENDED_WITH_ERRORS"
    ABORTED = "ABORTED"


_BATCHSTATE = {member.value: member for member in BatchState}


class FieldError(NamedTuple):
    """One reason, tied to the field it is about.

    Fields:
        field: Path of the field, e.g. kinds[0].spi_name_code; empty for the message as a whole.
        error_id: SIM-Ennn.
        reason_ja: Japanese.
        reason_en: English.
    """

    field: str
    error_id: str
    reason_ja: str
    reason_en: str


def _read_field_error(plain: Mapping[str, Any]) -> FieldError:
    return FieldError(
        plain["field"],
        plain["error_id"],
        plain["reason_ja"],
        plain["reason_en"],
    )


def _write_field_error(record: FieldError) -> Mapping[str, Any]:
    return record._asdict()


class CopyBatchReported(NamedTuple):
    """State of a batch with the rows that failed.

    Fields:
        institution_code: 16 digits.
        batch_id: Batch.
        state: State.
        accepted: Rows accepted so far.
        rejected: Rows rejected so far.
        next_row: First row not yet seen: where to resume.
        row_number: The row the errors are about; 0 for the batch.
        errors: Reasons.
    """

    institution_code: str
    batch_id: str
    state: BatchState
    accepted: int
    rejected: int
    next_row: int
    row_number: int
    errors: tuple[FieldError, ...]


def _read_copy_batch_reported(plain: Mapping[str, Any]) -> CopyBatchReported:
    return CopyBatchReported(
        plain["institution_code"],
        plain["batch_id"],
        _BATCHSTATE[plain["state"]],
        plain["accepted"],
        plain["rejected"],
        plain["next_row"],
        plain["row_number"],
        tuple([_read_field_error(one) for one in plain["errors"]]),
    )


def _write_copy_batch_reported(record: CopyBatchReported) -> Mapping[str, Any]:
    plain: dict[str, Any] = record._asdict()
    plain["errors"] = [_write_field_error(one) for one in record.errors]
    return plain


class CopyErasureOrdered(NamedTuple):
    """An operator orders the content of one person's copies of one kind erased: versions that are known to have ended, or whose own expiry has passed.

    Fields:
        institution_code: Whose copies: 16 digits.
        integrated_number: Whose person: 15 digits.
        spi_name_code: Which kind: TM + 14 digits.
        rule: Why: COPY_EXPIRED or CORRECTED.
        as_of: The moment for which expiry is judged; milliseconds since 1970 UTC.
        operator_id: Up to 20 characters.
    """

    institution_code: str
    integrated_number: str
    spi_name_code: str
    rule: str
    as_of: int
    operator_id: str


def _read_copy_erasure_ordered(plain: Mapping[str, Any]) -> CopyErasureOrdered:
    return CopyErasureOrdered(
        plain["institution_code"],
        plain["integrated_number"],
        plain["spi_name_code"],
        plain["rule"],
        plain["as_of"],
        plain["operator_id"],
    )


def _write_copy_erasure_ordered(record: CopyErasureOrdered) -> Mapping[str, Any]:
    return record._asdict()


class Item(NamedTuple):
    """One item of a kind of information.

    Fields:
        code: spi_item_code: TM number + 8 digits (assumption).
        value: The value as text; empty when absent.
        absence: Why it is empty: NOT_APPLICABLE or NOT_HELD; empty when there is a value.
    """

    code: str
    value: str
    absence: str = ""


def _read_item(plain: Mapping[str, Any]) -> Item:
    return Item(
        plain["code"],
        plain["value"],
        plain["absence"],
    )


def _write_item(record: Item) -> Mapping[str, Any]:
    return record._asdict()


class CopyGiven(NamedTuple):
    """業務システム → 統合番号連携システム: an original has changed; its sub-copy is to be sent (assessment, system 3 functions 4 and 7).

    Fields:
        institution_code: 16 digits.
        system_code: The business system that speaks, 1 to 20 capitals, digits or _.
        record_identification_number: What the system calls this change, 1 to 40 characters.
        business_person_number: 業務固有番号 of that system, 15 digits: the hub turns it into the integrated number.
        deleted: Whether the original is gone, and its sub-copy is to go.
        spi_name_code: TM + 14 digits.
        record_key: Key inside the data set, up to 40 characters.
        layout_version: Layout.
        valid_from: YYYYMMDD.
        publication_from: YYYYMMDD.
        items: Items of the layout; empty when it is gone.
        transmission_id: The system's own transmission that it belongs to, or empty for a single change.
        valid_to: YYYYMMDD or empty.
        publication_to: YYYYMMDD or empty.
        auto_response_disabled: 自動応答不可フラグ.
        non_disclosure_code: 1 or 2.
    """

    institution_code: str
    system_code: str
    record_identification_number: str
    business_person_number: str
    deleted: bool
    spi_name_code: str
    record_key: str
    layout_version: str
    valid_from: str
    publication_from: str
    items: tuple[Item, ...]
    transmission_id: str = ""
    valid_to: str = ""
    publication_to: str = ""
    auto_response_disabled: bool = False
    non_disclosure_code: str = "1"


def _read_copy_given(plain: Mapping[str, Any]) -> CopyGiven:
    return CopyGiven(
        plain["institution_code"],
        plain["system_code"],
        plain["record_identification_number"],
        plain["business_person_number"],
        plain["deleted"],
        plain["spi_name_code"],
        plain["record_key"],
        plain["layout_version"],
        plain["valid_from"],
        plain["publication_from"],
        tuple([_read_item(one) for one in plain["items"]]),
        plain["transmission_id"],
        plain["valid_to"],
        plain["publication_to"],
        plain["auto_response_disabled"],
        plain["non_disclosure_code"],
    )


def _write_copy_given(record: CopyGiven) -> Mapping[str, Any]:
    plain: dict[str, Any] = record._asdict()
    plain["items"] = [_write_item(one) for one in record.items]
    return plain


class CopyCommand(StrEnum):
    """What a copy message asks for; wire value of the real system unknown (domain 7 row 12)."""

    REGISTER = "REGISTER"
    UPDATE = "UPDATE"
    DELETE = "DELETE"


_COPYCOMMAND = {member.value: member for member in CopyCommand}


class CopySubmitted(NamedTuple):
    """One copy record to register, update or delete (domain 3(b)).

    Fields:
        institution_code: 16 digits.
        record_identification_number: 1 to 40 characters chosen by the sender; a repeat with other content is an error.
        command: What to do.
        integrated_number: 15 digits.
        spi_name_code: TM + 14 digits.
        record_key: Key inside the data set, up to 40 characters.
        layout_version: Layout.
        valid_from: YYYYMMDD.
        publication_from: YYYYMMDD.
        items: Items of the layout.
        batch_id: Batch or empty for a single change.
        row_number: 1-based row inside the batch.
        valid_to: YYYYMMDD or empty.
        publication_to: YYYYMMDD or empty.
        auto_response_disabled: 自動応答不可フラグ.
        non_disclosure_code: 1 or 2.
    """

    institution_code: str
    record_identification_number: str
    command: CopyCommand
    integrated_number: str
    spi_name_code: str
    record_key: str
    layout_version: str
    valid_from: str
    publication_from: str
    items: tuple[Item, ...]
    batch_id: str = ""
    row_number: int = 0
    valid_to: str = ""
    publication_to: str = ""
    auto_response_disabled: bool = False
    non_disclosure_code: str = "1"


def _read_copy_submitted(plain: Mapping[str, Any]) -> CopySubmitted:
    return CopySubmitted(
        plain["institution_code"],
        plain["record_identification_number"],
        _COPYCOMMAND[plain["command"]],
        plain["integrated_number"],
        plain["spi_name_code"],
        plain["record_key"],
        plain["layout_version"],
        plain["valid_from"],
        plain["publication_from"],
        tuple([_read_item(one) for one in plain["items"]]),
        plain["batch_id"],
        plain["row_number"],
        plain["valid_to"],
        plain["publication_to"],
        plain["auto_response_disabled"],
        plain["non_disclosure_code"],
    )


def _write_copy_submitted(record: CopySubmitted) -> Mapping[str, Any]:
    plain: dict[str, Any] = record._asdict()
    plain["items"] = [_write_item(one) for one in record.items]
    return plain


class DataErased(NamedTuple):
    """Certificate of an erasure (特定個人情報の消去), a leaf of the log whose records it names: existence and basis stay, detail and salt are gone.

    Fields:
        institution_code: Whose log: 16 digits.
        erased_at: Milliseconds since 1970 UTC.
        as_of: The moment for which expiry was judged; milliseconds since 1970 UTC.
        rule: Why: RECORD_EXPIRED or CORRECTED.
        operator_id: Who ordered it: up to 20 characters.
        sequences: The records whose detail was erased: their places in the log.
    """

    institution_code: str
    erased_at: int
    as_of: int
    rule: str
    operator_id: str
    sequences: tuple[int, ...]


def _read_data_erased(plain: Mapping[str, Any]) -> DataErased:
    return DataErased(
        plain["institution_code"],
        plain["erased_at"],
        plain["as_of"],
        plain["rule"],
        plain["operator_id"],
        tuple(plain["sequences"]),
    )


def _write_data_erased(record: DataErased) -> Mapping[str, Any]:
    return record._asdict()


class ExchangeErasureOrdered(NamedTuple):
    """An operator orders what the inquirer's server keeps of an ended exchange erased.

    Fields:
        exchange_id: inquirer_institution_code + '-' + transaction_serial_number.
        rule: Why: RESULT_EXPIRED (the answer alone), RECORD_EXPIRED or CORRECTED (person, code, operator too).
        as_of: The moment for which expiry is judged; milliseconds since 1970 UTC.
        operator_id: Up to 20 characters.
    """

    exchange_id: str
    rule: str
    as_of: int
    operator_id: str


def _read_exchange_erasure_ordered(plain: Mapping[str, Any]) -> ExchangeErasureOrdered:
    return ExchangeErasureOrdered(
        plain["exchange_id"],
        plain["rule"],
        plain["as_of"],
        plain["operator_id"],
    )


def _write_exchange_erasure_ordered(record: ExchangeErasureOrdered) -> Mapping[str, Any]:
    return record._asdict()


class HealthStage(StrEnum):
    """How far a vaccination or health check has come."""

    RECEIVED = "RECEIVED"
    PERFORMED = "PERFORMED"
    CANCELLED = "CANCELLED"


_HEALTHSTAGE = {member.value: member for member in HealthStage}


class HealthItemEntered(NamedTuple):
    """地域健康支援システム: a vaccination or health check of a person was received, performed or withdrawn.

    Fields:
        institution_code: 16 digits.
        record_identification_number: 1 to 40 characters chosen by the sender; a repeat with other content is an error.
        business_person_number: 業務固有番号, 15 digits.
        spi_name_code: TM + 14 digits.
        record_key: Which of the person's records of the kind, up to 40 characters.
        stage: What has happened.
        event_date: The day it happened, YYYYMMDD.
        items: Items of the layout; empty for a withdrawal.
        operator_id: Who entered it.
        auto_response_disabled: 自動応答不可フラグ of the copy.
        transmission_id: The transmission it belongs to, or empty for a single change.
    """

    institution_code: str
    record_identification_number: str
    business_person_number: str
    spi_name_code: str
    record_key: str
    stage: HealthStage
    event_date: str
    items: tuple[Item, ...]
    operator_id: str
    auto_response_disabled: bool = False
    transmission_id: str = ""


def _read_health_item_entered(plain: Mapping[str, Any]) -> HealthItemEntered:
    return HealthItemEntered(
        plain["institution_code"],
        plain["record_identification_number"],
        plain["business_person_number"],
        plain["spi_name_code"],
        plain["record_key"],
        _HEALTHSTAGE[plain["stage"]],
        plain["event_date"],
        tuple([_read_item(one) for one in plain["items"]]),
        plain["operator_id"],
        plain["auto_response_disabled"],
        plain["transmission_id"],
    )


def _write_health_item_entered(record: HealthItemEntered) -> Mapping[str, Any]:
    plain: dict[str, Any] = record._asdict()
    plain["items"] = [_write_item(one) for one in record.items]
    return plain


class HealthQueueAdvanced(NamedTuple):
    """地域健康支援システム: rows have left the institution's queue, and more wait.

    Fields:
        institution_code: 16 digits.
        first_sequence: The first row that still waits.
    """

    institution_code: str
    first_sequence: int


def _read_health_queue_advanced(plain: Mapping[str, Any]) -> HealthQueueAdvanced:
    return HealthQueueAdvanced(
        plain["institution_code"],
        plain["first_sequence"],
    )


def _write_health_queue_advanced(record: HealthQueueAdvanced) -> Mapping[str, Any]:
    return record._asdict()


class HealthReported(NamedTuple):
    """地域健康支援システム: what became of an entry.

    Fields:
        institution_code: 16 digits.
        record_identification_number: Which entry, or which transmission.
        accepted: Whether it was taken in.
        queued: Whether its sub-copy waits behind a transmission that does not leave.
        errors: Reasons when it was not.
    """

    institution_code: str
    record_identification_number: str
    accepted: bool
    queued: bool
    errors: tuple[FieldError, ...]


def _read_health_reported(plain: Mapping[str, Any]) -> HealthReported:
    return HealthReported(
        plain["institution_code"],
        plain["record_identification_number"],
        plain["accepted"],
        plain["queued"],
        tuple([_read_field_error(one) for one in plain["errors"]]),
    )


def _write_health_reported(record: HealthReported) -> Mapping[str, Any]:
    plain: dict[str, Any] = record._asdict()
    plain["errors"] = [_write_field_error(one) for one in record.errors]
    return plain


class HealthTargetEntered(NamedTuple):
    """地域健康支援システム: one person under its care (assessment, system 2 function 1).

    Fields:
        institution_code: 16 digits.
        record_identification_number: 1 to 40 characters chosen by the sender; a repeat with other content is an error.
        business_person_number: 業務固有番号, 15 digits.
        integrated_number: 統合番号, 15 digits.
        number_hash: Keyed hash of the individual number, 32 bytes, or empty: the number itself never comes here.
        name: Name.
        birth_date: YYYYMMDD.
        sex: 1, 2 or 0 for not stated.
        district: School district or the like, for totals.
        operator_id: Who entered it.
    """

    institution_code: str
    record_identification_number: str
    business_person_number: str
    integrated_number: str
    number_hash: bytes
    name: str
    birth_date: str
    sex: str
    district: str
    operator_id: str


def _read_health_target_entered(plain: Mapping[str, Any]) -> HealthTargetEntered:
    return HealthTargetEntered(
        plain["institution_code"],
        plain["record_identification_number"],
        plain["business_person_number"],
        plain["integrated_number"],
        plain["number_hash"],
        plain["name"],
        plain["birth_date"],
        plain["sex"],
        plain["district"],
        plain["operator_id"],
    )


def _write_health_target_entered(record: HealthTargetEntered) -> Mapping[str, Any]:
    return record._asdict()


class HealthTransmissionOpened(NamedTuple):
    """地域健康支援システム: many changes are about to be entered that go out as one transmission of sub-copies.

    Fields:
        institution_code: 16 digits.
        transmission_id: 1 to 30 characters chosen by the sender.
        row_count: How many rows follow.
        operator_id: Who entered it.
    """

    institution_code: str
    transmission_id: str
    row_count: int
    operator_id: str


def _read_health_transmission_opened(plain: Mapping[str, Any]) -> HealthTransmissionOpened:
    return HealthTransmissionOpened(
        plain["institution_code"],
        plain["transmission_id"],
        plain["row_count"],
        plain["operator_id"],
    )


def _write_health_transmission_opened(record: HealthTransmissionOpened) -> Mapping[str, Any]:
    return record._asdict()


class HealthTransmissionSplit(NamedTuple):
    """地域健康支援システム: a transmission over the limit is to go out in parts, and what waits behind it after it.

    Fields:
        institution_code: 16 digits.
        transmission_id: Which.
        operator_id: Who entered it.
    """

    institution_code: str
    transmission_id: str
    operator_id: str


def _read_health_transmission_split(plain: Mapping[str, Any]) -> HealthTransmissionSplit:
    return HealthTransmissionSplit(
        plain["institution_code"],
        plain["transmission_id"],
        plain["operator_id"],
    )


def _write_health_transmission_split(record: HealthTransmissionSplit) -> Mapping[str, Any]:
    return record._asdict()


class HoldConfirmed(NamedTuple):
    """A person at the provider confirmed that the held answer may leave.

    Fields:
        exchange_id: inquirer_institution_code + '-' + transaction_serial_number.
        provider_institution_code: 16 digits.
        operator_id: Up to 20 characters.
        confirmed_digest: SHA-256 over the copies and items the person was shown: it must be what leaves.
        decided_at: Milliseconds since 1970 UTC.
    """

    exchange_id: str
    provider_institution_code: str
    operator_id: str
    confirmed_digest: bytes
    decided_at: int


def _read_hold_confirmed(plain: Mapping[str, Any]) -> HoldConfirmed:
    return HoldConfirmed(
        plain["exchange_id"],
        plain["provider_institution_code"],
        plain["operator_id"],
        plain["confirmed_digest"],
        plain["decided_at"],
    )


def _write_hold_confirmed(record: HoldConfirmed) -> Mapping[str, Any]:
    return record._asdict()


class HoldDeadlinePassed(NamedTuple):
    """A held answer needs a reminder or has expired.

    Fields:
        exchange_id: inquirer_institution_code + '-' + transaction_serial_number.
        deadline_at: Milliseconds since 1970 UTC: the reminder or the expiry.
    """

    exchange_id: str
    deadline_at: int


def _read_hold_deadline_passed(plain: Mapping[str, Any]) -> HoldDeadlinePassed:
    return HoldDeadlinePassed(
        plain["exchange_id"],
        plain["deadline_at"],
    )


def _write_hold_deadline_passed(record: HoldDeadlinePassed) -> Mapping[str, Any]:
    return record._asdict()


class HoldReason(StrEnum):
    """Why staff did not send (domain 7 row 23)."""

    NONE = "NONE"
    WRONG_PERSON = "WRONG_PERSON"
    PROTECTED = "PROTECTED"
    NOT_HELD = "NOT_HELD"
    OTHER = "OTHER"


_HOLDREASON = {member.value: member for member in HoldReason}


class HoldRefused(NamedTuple):
    """A person at the provider refused to send.

    Fields:
        exchange_id: inquirer_institution_code + '-' + transaction_serial_number.
        provider_institution_code: 16 digits.
        operator_id: Up to 20 characters.
        reason: Why.
        note: Free text of the staff, up to 200 characters.
        decided_at: Milliseconds since 1970 UTC.
    """

    exchange_id: str
    provider_institution_code: str
    operator_id: str
    reason: HoldReason
    note: str
    decided_at: int


def _read_hold_refused(plain: Mapping[str, Any]) -> HoldRefused:
    return HoldRefused(
        plain["exchange_id"],
        plain["provider_institution_code"],
        plain["operator_id"],
        _HOLDREASON[plain["reason"]],
        plain["note"],
        plain["decided_at"],
    )


def _write_hold_refused(record: HoldRefused) -> Mapping[str, Any]:
    return record._asdict()


class IdentityConfirmed(NamedTuple):
    """J-LIS tells the network which resident record the acquisition number belongs to; no individual number.

    Fields:
        institution_code: 16 digits.
        acquisition_number: 20 digits.
        resident_token: 64 hex digits: keyed token of the resident record code.
    """

    institution_code: str
    acquisition_number: str
    resident_token: str


def _read_identity_confirmed(plain: Mapping[str, Any]) -> IdentityConfirmed:
    return IdentityConfirmed(
        plain["institution_code"],
        plain["acquisition_number"],
        plain["resident_token"],
    )


def _write_identity_confirmed(record: IdentityConfirmed) -> Mapping[str, Any]:
    return record._asdict()


class IdentityNotified(NamedTuple):
    """Channel 1, outside intermediate server and NWS: the resident register carries the identity (Article 21-2).

    Fields:
        institution_code: 16 digits.
        acquisition_number: 20 digits.
        individual_number: 12 digits of the synthetic range.
    """

    institution_code: str
    acquisition_number: str
    individual_number: str


def _read_identity_notified(plain: Mapping[str, Any]) -> IdentityNotified:
    return IdentityNotified(
        plain["institution_code"],
        plain["acquisition_number"],
        plain["individual_number"],
    )


def _write_identity_notified(record: IdentityNotified) -> Mapping[str, Any]:
    return record._asdict()


class IdentityUnknown(NamedTuple):
    """J-LIS knows nobody by that number.

    Fields:
        institution_code: 16 digits.
        acquisition_number: 20 digits.
    """

    institution_code: str
    acquisition_number: str


def _read_identity_unknown(plain: Mapping[str, Any]) -> IdentityUnknown:
    return IdentityUnknown(
        plain["institution_code"],
        plain["acquisition_number"],
    )


def _write_identity_unknown(record: IdentityUnknown) -> Mapping[str, Any]:
    return record._asdict()


class InquiryAccepted(NamedTuple):
    """The inquiry was taken in; its kinds have serial numbers.

    Fields:
        record_identification_number: 1 to 40 characters chosen by the sender; a repeat with other content is an error.
        inquirer_institution_code: 16 digits.
        reception_number: Number the intermediate server gave it (assumption).
        transaction_serial_numbers: One a kind, in the order asked.
    """

    record_identification_number: str
    inquirer_institution_code: str
    reception_number: str
    transaction_serial_numbers: tuple[str, ...]


def _read_inquiry_accepted(plain: Mapping[str, Any]) -> InquiryAccepted:
    return InquiryAccepted(
        plain["record_identification_number"],
        plain["inquirer_institution_code"],
        plain["reception_number"],
        tuple(plain["transaction_serial_numbers"]),
    )


def _write_inquiry_accepted(record: InquiryAccepted) -> Mapping[str, Any]:
    return record._asdict()


class Outcome(StrEnum):
    """How one kind of one inquiry ended (domain 3(c-3)); simulator statuses, never the two-digit codes of the real system."""

    OK = "OK"
    NON_DISCLOSED = "NON_DISCLOSED"
    NO_CODE = "NO_CODE"
    NOT_PERMITTED = "NOT_PERMITTED"
    LIST_DISAGREES = "LIST_DISAGREES"
    DUPLICATE_RECORD_ID = "DUPLICATE_RECORD_ID"
    NO_MATCH = "NO_MATCH"
    NO_DATA = "NO_DATA"
    HELD = "HELD"
    REFUSED = "REFUSED"
    PIA_BLOCK = "PIA_BLOCK"
    SUSPENDED = "SUSPENDED"
    UNAVAILABLE = "UNAVAILABLE"
    PERMIT_INVALID = "PERMIT_INVALID"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"
    INVALID = "INVALID"


_OUTCOME = {member.value: member for member in Outcome}


class AnsweredKind(NamedTuple):
    """How one kind ended.

    Fields:
        provider_institution_code: 16 digits.
        spi_name_code: TM + 14 digits.
        transaction_serial_number: 20 digits.
        outcome: How it ended.
        spi_status: 01 on success, otherwise empty: no other real code is public.
        rule: The rule that decided a refusal; empty on success.
        error_id: SIM-Ennn or empty.
        reason_ja: Japanese.
        reason_en: English.
        provided_at: Milliseconds since 1970 UTC; 0 when nothing was provided.
        sealed_answer: ProvidedInformation, sealed for the inquirer; empty when nothing was provided.
        answer_digest: Salted SHA-256 of the plain answer, as in the records; empty when nothing was provided.
        nearest_row_id: Row of the permission list that came closest to allowing it.
        nearest_attribute: The one attribute that would have allowed it.
        nearest_value: The value that attribute needed.
    """

    provider_institution_code: str
    spi_name_code: str
    transaction_serial_number: str
    outcome: Outcome
    spi_status: str
    rule: str
    error_id: str
    reason_ja: str
    reason_en: str
    provided_at: int
    sealed_answer: bytes
    answer_digest: bytes
    nearest_row_id: str = ""
    nearest_attribute: str = ""
    nearest_value: str = ""


def _read_answered_kind(plain: Mapping[str, Any]) -> AnsweredKind:
    return AnsweredKind(
        plain["provider_institution_code"],
        plain["spi_name_code"],
        plain["transaction_serial_number"],
        _OUTCOME[plain["outcome"]],
        plain["spi_status"],
        plain["rule"],
        plain["error_id"],
        plain["reason_ja"],
        plain["reason_en"],
        plain["provided_at"],
        plain["sealed_answer"],
        plain["answer_digest"],
        plain["nearest_row_id"],
        plain["nearest_attribute"],
        plain["nearest_value"],
    )


def _write_answered_kind(record: AnsweredKind) -> Mapping[str, Any]:
    return record._asdict()


class InquiryAnswered(NamedTuple):
    """All kinds of an inquiry have ended.

    Fields:
        record_identification_number: 1 to 40 characters chosen by the sender; a repeat with other content is an error.
        inquirer_institution_code: 16 digits.
        inquiry_status: 09 when every kind ended well, otherwise empty.
        answered_at: Milliseconds since 1970 UTC.
        kinds: One a kind, in the order asked.
    """

    record_identification_number: str
    inquirer_institution_code: str
    inquiry_status: str
    answered_at: int
    kinds: tuple[AnsweredKind, ...]


def _read_inquiry_answered(plain: Mapping[str, Any]) -> InquiryAnswered:
    return InquiryAnswered(
        plain["record_identification_number"],
        plain["inquirer_institution_code"],
        plain["inquiry_status"],
        plain["answered_at"],
        tuple([_read_answered_kind(one) for one in plain["kinds"]]),
    )


def _write_inquiry_answered(record: InquiryAnswered) -> Mapping[str, Any]:
    plain: dict[str, Any] = record._asdict()
    plain["kinds"] = [_write_answered_kind(one) for one in record.kinds]
    return plain


class InquiryCancelRequested(NamedTuple):
    """An institution withdraws an inquiry whose kinds are not all final.

    Fields:
        record_identification_number: 1 to 40 characters chosen by the sender; a repeat with other content is an error.
        inquirer_institution_code: 16 digits.
        reason: Free text, up to 200 characters.
    """

    record_identification_number: str
    inquirer_institution_code: str
    reason: str


def _read_inquiry_cancel_requested(plain: Mapping[str, Any]) -> InquiryCancelRequested:
    return InquiryCancelRequested(
        plain["record_identification_number"],
        plain["inquirer_institution_code"],
        plain["reason"],
    )


def _write_inquiry_cancel_requested(record: InquiryCancelRequested) -> Mapping[str, Any]:
    return record._asdict()


class InquiryDeadlinePassed(NamedTuple):
    """A kind's deadline has passed at the inquirer.

    Fields:
        exchange_id: inquirer_institution_code + '-' + transaction_serial_number.
        deadline_at: Milliseconds since 1970 UTC.
    """

    exchange_id: str
    deadline_at: int


def _read_inquiry_deadline_passed(plain: Mapping[str, Any]) -> InquiryDeadlinePassed:
    return InquiryDeadlinePassed(
        plain["exchange_id"],
        plain["deadline_at"],
    )


def _write_inquiry_deadline_passed(record: InquiryDeadlinePassed) -> Mapping[str, Any]:
    return record._asdict()


class InquiryForwarded(NamedTuple):
    """The inquiry on its way to the provider, with the provider's linkage code and the route back.

    Fields:
        exchange_id: inquirer_institution_code + '-' + transaction_serial_number.
        permit: Avro body of Permit.
        permit_proof: Batch signature of the network over it.
        linkage_code: The provider's code of the person.
        route_info: How the answer reaches the inquirer (経路情報).
        consent_obtained: Consent as the network saw it.
        inquirer_non_disclosure_code: 1 or 2.
        requested_at: Milliseconds since 1970 UTC.
        inquiry_condition_type: 1 digit.
        inquiry_year_type: 1 digit.
        period_from: YYYYMMDD or empty.
        period_to: YYYYMMDD or empty.
    """

    exchange_id: str
    permit: bytes
    permit_proof: bytes
    linkage_code: str
    route_info: str
    consent_obtained: bool
    inquirer_non_disclosure_code: str
    requested_at: int
    inquiry_condition_type: str
    inquiry_year_type: str
    period_from: str
    period_to: str


def _read_inquiry_forwarded(plain: Mapping[str, Any]) -> InquiryForwarded:
    return InquiryForwarded(
        plain["exchange_id"],
        plain["permit"],
        plain["permit_proof"],
        plain["linkage_code"],
        plain["route_info"],
        plain["consent_obtained"],
        plain["inquirer_non_disclosure_code"],
        plain["requested_at"],
        plain["inquiry_condition_type"],
        plain["inquiry_year_type"],
        plain["period_from"],
        plain["period_to"],
    )


def _write_inquiry_forwarded(record: InquiryForwarded) -> Mapping[str, Any]:
    return record._asdict()


class InquiryHeld(NamedTuple):
    """A kind waits for a person at the provider.

    Fields:
        record_identification_number: 1 to 40 characters chosen by the sender; a repeat with other content is an error.
        inquirer_institution_code: 16 digits.
        spi_name_code: TM + 14 digits.
        transaction_serial_number: 20 digits.
        hold_deadline_at: Milliseconds since 1970 UTC.
    """

    record_identification_number: str
    inquirer_institution_code: str
    spi_name_code: str
    transaction_serial_number: str
    hold_deadline_at: int


def _read_inquiry_held(plain: Mapping[str, Any]) -> InquiryHeld:
    return InquiryHeld(
        plain["record_identification_number"],
        plain["inquirer_institution_code"],
        plain["spi_name_code"],
        plain["transaction_serial_number"],
        plain["hold_deadline_at"],
    )


def _write_inquiry_held(record: InquiryHeld) -> Mapping[str, Any]:
    return record._asdict()


class InquiryRejected(NamedTuple):
    """A message was refused as it stands; nothing was started.

    Fields:
        record_identification_number: 1 to 40 characters chosen by the sender; a repeat with other content is an error.
        inquirer_institution_code: 16 digits.
        topic: Where the message lay.
        partition: Partition.
        offset: Offset.
        errors: Every reason found.
    """

    record_identification_number: str
    inquirer_institution_code: str
    topic: str
    partition: int
    offset: int
    errors: tuple[FieldError, ...]


def _read_inquiry_rejected(plain: Mapping[str, Any]) -> InquiryRejected:
    return InquiryRejected(
        plain["record_identification_number"],
        plain["inquirer_institution_code"],
        plain["topic"],
        plain["partition"],
        plain["offset"],
        tuple([_read_field_error(one) for one in plain["errors"]]),
    )


def _write_inquiry_rejected(record: InquiryRejected) -> Mapping[str, Any]:
    plain: dict[str, Any] = record._asdict()
    plain["errors"] = [_write_field_error(one) for one in record.errors]
    return plain


class RequestedKind(NamedTuple):
    """One kind of information asked of one provider.

    Fields:
        provider_institution_code: 16 digits.
        spi_name_code: TM + 14 digits.
        provider_delegating_institution_code: 16 digits or empty.
        inquiry_condition_type: 1 digit.
        inquiry_year_type: 1 digit.
        period_from: YYYYMMDD or empty (open).
        period_to: YYYYMMDD or empty (open).
        answer_within_seconds: The kind's own deadline in seconds; 0 takes the inquirer's default.
    """

    provider_institution_code: str
    spi_name_code: str
    provider_delegating_institution_code: str = ""
    inquiry_condition_type: str = "0"
    inquiry_year_type: str = "0"
    period_from: str = ""
    period_to: str = ""
    answer_within_seconds: int = 0


def _read_requested_kind(plain: Mapping[str, Any]) -> RequestedKind:
    return RequestedKind(
        plain["provider_institution_code"],
        plain["spi_name_code"],
        plain["provider_delegating_institution_code"],
        plain["inquiry_condition_type"],
        plain["inquiry_year_type"],
        plain["period_from"],
        plain["period_to"],
        plain["answer_within_seconds"],
    )


def _write_requested_kind(record: RequestedKind) -> Mapping[str, Any]:
    return record._asdict()


class InquiryRequested(NamedTuple):
    """An institution asks for one or several kinds of information about one person (domain 3(c-5)).

    Fields:
        record_identification_number: 1 to 40 characters chosen by the sender; a repeat with other content is an error.
        requested_at: yyyymmddhhmmssSSS, Japanese local time, 17 digits.
        inquirer_institution_code: 16 digits.
        inquirer_department_code: Up to 20 characters.
        inquirer_operator_id: Up to 20 characters.
        integrated_number: 15 digits.
        affair_code: JM + 14 digits.
        procedure_code: JT + 14 digits.
        kinds: 1 to 20 kinds.
        inquirer_delegating_institution_code: 16 digits or empty.
        inquirer_non_disclosure_code: 1 ordinary, 2 hidden from the person (assumption).
        number_system: 2 digits.
        business_person_number: 15 digits or empty.
        consent_obtained: The person's consent, where the row asks for it.
        acknowledge: Ask for InquiryAccepted before the answer.
    """

    record_identification_number: str
    requested_at: str
    inquirer_institution_code: str
    inquirer_department_code: str
    inquirer_operator_id: str
    integrated_number: str
    affair_code: str
    procedure_code: str
    kinds: tuple[RequestedKind, ...]
    inquirer_delegating_institution_code: str = ""
    inquirer_non_disclosure_code: str = "1"
    number_system: str = "01"
    business_person_number: str = ""
    consent_obtained: bool = False
    acknowledge: bool = False


def _read_inquiry_requested(plain: Mapping[str, Any]) -> InquiryRequested:
    return InquiryRequested(
        plain["record_identification_number"],
        plain["requested_at"],
        plain["inquirer_institution_code"],
        plain["inquirer_department_code"],
        plain["inquirer_operator_id"],
        plain["integrated_number"],
        plain["affair_code"],
        plain["procedure_code"],
        tuple([_read_requested_kind(one) for one in plain["kinds"]]),
        plain["inquirer_delegating_institution_code"],
        plain["inquirer_non_disclosure_code"],
        plain["number_system"],
        plain["business_person_number"],
        plain["consent_obtained"],
        plain["acknowledge"],
    )


def _write_inquiry_requested(record: InquiryRequested) -> Mapping[str, Any]:
    plain: dict[str, Any] = record._asdict()
    plain["kinds"] = [_write_requested_kind(one) for one in record.kinds]
    return plain


class InquiryReturned(NamedTuple):
    """The network could not forward the inquiry.

    Fields:
        exchange_id: inquirer_institution_code + '-' + transaction_serial_number.
        outcome: NO_MATCH, PERMIT_INVALID, UNAVAILABLE or SUSPENDED.
        rule: Rule that returned it.
    """

    exchange_id: str
    outcome: Outcome
    rule: str


def _read_inquiry_returned(plain: Mapping[str, Any]) -> InquiryReturned:
    return InquiryReturned(
        plain["exchange_id"],
        _OUTCOME[plain["outcome"]],
        plain["rule"],
    )


def _write_inquiry_returned(record: InquiryReturned) -> Mapping[str, Any]:
    return record._asdict()


class InquirySent(NamedTuple):
    """The inquiry itself, with its permit and the inquirer's linkage code.

    Fields:
        exchange_id: inquirer_institution_code + '-' + transaction_serial_number.
        permit: Avro body of Permit.
        permit_proof: Batch signature of the network over it.
        linkage_code: The inquirer's code of the person.
        presented_by: 16 digits: the institution that presents the permit.
        inquiry_condition_type: 1 digit.
        inquiry_year_type: 1 digit.
        period_from: YYYYMMDD or empty.
        period_to: YYYYMMDD or empty.
    """

    exchange_id: str
    permit: bytes
    permit_proof: bytes
    linkage_code: str
    presented_by: str
    inquiry_condition_type: str
    inquiry_year_type: str
    period_from: str
    period_to: str


def _read_inquiry_sent(plain: Mapping[str, Any]) -> InquirySent:
    return InquirySent(
        plain["exchange_id"],
        plain["permit"],
        plain["permit_proof"],
        plain["linkage_code"],
        plain["presented_by"],
        plain["inquiry_condition_type"],
        plain["inquiry_year_type"],
        plain["period_from"],
        plain["period_to"],
    )


def _write_inquiry_sent(record: InquirySent) -> Mapping[str, Any]:
    return record._asdict()


class InquiryWithdrawn(NamedTuple):
    """The inquirer no longer waits for a kind: a hold on it is to be closed, nothing may leave for it.

    Fields:
        exchange_id: inquirer_institution_code + '-' + transaction_serial_number.
        outcome: How the kind ended at the inquirer: CANCELLED or EXPIRED.
        rule: WITHDRAWN or DEADLINE_PASSED.
        permit_id: The permit that must not be served any more.
    """

    exchange_id: str
    outcome: Outcome
    rule: str
    permit_id: str


def _read_inquiry_withdrawn(plain: Mapping[str, Any]) -> InquiryWithdrawn:
    return InquiryWithdrawn(
        plain["exchange_id"],
        _OUTCOME[plain["outcome"]],
        plain["rule"],
        plain["permit_id"],
    )


def _write_inquiry_withdrawn(record: InquiryWithdrawn) -> Mapping[str, Any]:
    return record._asdict()


class LinkageCodeIssued(NamedTuple):
    """Channel 2: the network sends the institution's code with the acquisition number.

    Fields:
        institution_code: 16 digits.
        request_id: Request.
        acquisition_number: 20 digits.
        linkage_code: 64 hex characters (assumption).
        issued_at: Milliseconds since 1970 UTC.
    """

    institution_code: str
    request_id: str
    acquisition_number: str
    linkage_code: str
    issued_at: int


def _read_linkage_code_issued(plain: Mapping[str, Any]) -> LinkageCodeIssued:
    return LinkageCodeIssued(
        plain["institution_code"],
        plain["request_id"],
        plain["acquisition_number"],
        plain["linkage_code"],
        plain["issued_at"],
    )


def _write_linkage_code_issued(record: LinkageCodeIssued) -> Mapping[str, Any]:
    return record._asdict()


class LinkageCodeRevoked(NamedTuple):
    """A code is no longer in force at the network.

    Fields:
        institution_code: 16 digits.
        linkage_code: 64 hex characters.
        valid_to: Milliseconds since 1970 UTC.
    """

    institution_code: str
    linkage_code: str
    valid_to: int


def _read_linkage_code_revoked(plain: Mapping[str, Any]) -> LinkageCodeRevoked:
    return LinkageCodeRevoked(
        plain["institution_code"],
        plain["linkage_code"],
        plain["valid_to"],
    )


def _write_linkage_code_revoked(record: LinkageCodeRevoked) -> Mapping[str, Any]:
    return record._asdict()


class LinkageSuspensionChanged(NamedTuple):
    """Whether linkage is stopped for a person, after a request.

    Fields:
        institution_code: 16 digits.
        request_id: Up to 40 characters.
        integrated_number: 15 digits.
        suspended: True stops, false lets go on.
    """

    institution_code: str
    request_id: str
    integrated_number: str
    suspended: bool


def _read_linkage_suspension_changed(plain: Mapping[str, Any]) -> LinkageSuspensionChanged:
    return LinkageSuspensionChanged(
        plain["institution_code"],
        plain["request_id"],
        plain["integrated_number"],
        plain["suspended"],
    )


def _write_linkage_suspension_changed(record: LinkageSuspensionChanged) -> Mapping[str, Any]:
    return record._asdict()


class LinkageSuspensionRequested(NamedTuple):
    """The institution stops linkage for a person at its intermediate server, or lets it go on (domain 3(e)10).

    Fields:
        institution_code: 16 digits.
        request_id: Up to 40 characters.
        integrated_number: 15 digits.
        suspended: True stops, false lets go on.
        reason: Up to 200 characters.
    """

    institution_code: str
    request_id: str
    integrated_number: str
    suspended: bool
    reason: str


def _read_linkage_suspension_requested(plain: Mapping[str, Any]) -> LinkageSuspensionRequested:
    return LinkageSuspensionRequested(
        plain["institution_code"],
        plain["request_id"],
        plain["integrated_number"],
        plain["suspended"],
        plain["reason"],
    )


def _write_linkage_suspension_requested(record: LinkageSuspensionRequested) -> Mapping[str, Any]:
    return record._asdict()


class BundledMessage(NamedTuple):
    """One message with what its own headers would have said.

    Fields:
        id: Its id (ce_id), 16 bytes.
        trace: Its traceparent; empty when it has none.
        value: The message, framed.
    """

    id: bytes
    trace: bytes
    value: bytes


def _read_bundled_message(plain: Mapping[str, Any]) -> BundledMessage:
    return BundledMessage(
        plain["id"],
        plain["trace"],
        plain["value"],
    )


def _write_bundled_message(record: BundledMessage) -> Mapping[str, Any]:
    return record._asdict()


class MessagesBundled(NamedTuple):
    """Messages of one kind that one batch says to one partition of an internal topic, as one Kafka record. Only kinds that hold no linkage code travel so: no record may hold two codes of one person.

    Fields:
        entries: In the order they were decided.
    """

    entries: tuple[BundledMessage, ...]


def _read_messages_bundled(plain: Mapping[str, Any]) -> MessagesBundled:
    return MessagesBundled(
        tuple([_read_bundled_message(one) for one in plain["entries"]]),
    )


def _write_messages_bundled(record: MessagesBundled) -> Mapping[str, Any]:
    plain: dict[str, Any] = record._asdict()
    plain["entries"] = [_write_bundled_message(one) for one in record.entries]
    return plain


class OperatingState(StrEnum):
    """The simulator's own states (domain 3(f)4)."""

    STARTING = "STARTING"
    ONLINE = "ONLINE"
    BATCH_ONLY = "BATCH_ONLY"
    MAINTENANCE = "MAINTENANCE"
    DOWN = "DOWN"


_OPERATINGSTATE = {member.value: member for member in OperatingState}


class OperatingStateNotified(NamedTuple):
    """What the institution's intermediate server is doing, told to the institution's own systems (稼働状態の通知).

    Fields:
        institution_code: 16 digits.
        state: What counts now, the hours included.
        declared: What was declared by hand, by the same names.
        next_change_at: When the hours change it next, milliseconds since 1970 UTC; 0 when they do not.
        notified_at: Milliseconds since 1970 UTC.
    """

    institution_code: str
    state: OperatingState
    declared: str
    next_change_at: int
    notified_at: int


def _read_operating_state_notified(plain: Mapping[str, Any]) -> OperatingStateNotified:
    return OperatingStateNotified(
        plain["institution_code"],
        _OPERATINGSTATE[plain["state"]],
        plain["declared"],
        plain["next_change_at"],
        plain["notified_at"],
    )


def _write_operating_state_notified(record: OperatingStateNotified) -> Mapping[str, Any]:
    return record._asdict()


class OperationRecorded(NamedTuple):
    """What one member of staff did, looked at or was refused (中間サーバー function 9): a leaf of the institution's log of records.

    Fields:
        lane: 0 to 7: which logs; a log keeps its lane.
        operation_id: 32 hex digits, its own.
        institution_code: Whose log: 16 digits.
        account_id: Who, up to 20 characters; what was typed when there is no such account is not kept.
        session_id: In which session: 32 hex digits, or empty.
        operation: What, by its name in broker.rules.staff.
        subject: About what: an exchange, an account, an integrated number and kind, or empty.
        allowed: Whether it was allowed.
        rule: Rule that refused, or empty.
        operated_at: Milliseconds since 1970 UTC.
    """

    lane: str
    operation_id: str
    institution_code: str
    account_id: str
    session_id: str
    operation: str
    subject: str
    allowed: bool
    rule: str
    operated_at: int


def _read_operation_recorded(plain: Mapping[str, Any]) -> OperationRecorded:
    return OperationRecorded(
        plain["lane"],
        plain["operation_id"],
        plain["institution_code"],
        plain["account_id"],
        plain["session_id"],
        plain["operation"],
        plain["subject"],
        plain["allowed"],
        plain["rule"],
        plain["operated_at"],
    )


def _write_operation_recorded(record: OperationRecorded) -> Mapping[str, Any]:
    return record._asdict()


class PermissionListDistributed(NamedTuple):
    """The network hands one version of the permission list to one institution.

    Fields:
        institution_code: 16 digits.
        list_version: Version.
        list_digest: SHA-256 of the canonical list.
        distributed_at: Milliseconds since 1970 UTC.
    """

    institution_code: str
    list_version: int
    list_digest: bytes
    distributed_at: int


def _read_permission_list_distributed(plain: Mapping[str, Any]) -> PermissionListDistributed:
    return PermissionListDistributed(
        plain["institution_code"],
        plain["list_version"],
        plain["list_digest"],
        plain["distributed_at"],
    )


def _write_permission_list_distributed(record: PermissionListDistributed) -> Mapping[str, Any]:
    return record._asdict()


class Permit(NamedTuple):
    """情報提供許可証: what the network signs (assessment III-6 risk 1).

    Fields:
        permit_id: 32 hex digits, derived.
        exchange_id: inquirer_institution_code + '-' + transaction_serial_number.
        inquirer_institution_code: 16 digits.
        provider_institution_code: 16 digits.
        affair_code: JM + 14 digits.
        procedure_code: JT + 14 digits.
        spi_name_code: TM + 14 digits.
        item_codes: Items the row permits.
        list_version: Version the network decided with.
        row_id: Row that permits it.
        issued_at: Milliseconds since 1970 UTC.
        expires_at: Milliseconds since 1970 UTC.
    """

    permit_id: str
    exchange_id: str
    inquirer_institution_code: str
    provider_institution_code: str
    affair_code: str
    procedure_code: str
    spi_name_code: str
    item_codes: tuple[str, ...]
    list_version: int
    row_id: str
    issued_at: int
    expires_at: int


def _read_permit(plain: Mapping[str, Any]) -> Permit:
    return Permit(
        plain["permit_id"],
        plain["exchange_id"],
        plain["inquirer_institution_code"],
        plain["provider_institution_code"],
        plain["affair_code"],
        plain["procedure_code"],
        plain["spi_name_code"],
        tuple(plain["item_codes"]),
        plain["list_version"],
        plain["row_id"],
        plain["issued_at"],
        plain["expires_at"],
    )


def _write_permit(record: Permit) -> Mapping[str, Any]:
    return record._asdict()


class PermitDeadlinePassed(NamedTuple):
    """A permit expired without a report of its provision.

    Fields:
        exchange_id: inquirer_institution_code + '-' + transaction_serial_number.
        deadline_at: Milliseconds since 1970 UTC.
    """

    exchange_id: str
    deadline_at: int


def _read_permit_deadline_passed(plain: Mapping[str, Any]) -> PermitDeadlinePassed:
    return PermitDeadlinePassed(
        plain["exchange_id"],
        plain["deadline_at"],
    )


def _write_permit_deadline_passed(record: PermitDeadlinePassed) -> Mapping[str, Any]:
    return record._asdict()


class PermitIssued(NamedTuple):
    """The network allows this one inquiry.

    Fields:
        exchange_id: inquirer_institution_code + '-' + transaction_serial_number.
        permit: Avro body of Permit.
        permit_proof: Batch signature of the network over it.
        permit_id: 32 hex digits.
        list_version: Version decided with.
        row_id: Row that permits it.
    """

    exchange_id: str
    permit: bytes
    permit_proof: bytes
    permit_id: str
    list_version: int
    row_id: str


def _read_permit_issued(plain: Mapping[str, Any]) -> PermitIssued:
    return PermitIssued(
        plain["exchange_id"],
        plain["permit"],
        plain["permit_proof"],
        plain["permit_id"],
        plain["list_version"],
        plain["row_id"],
    )


def _write_permit_issued(record: PermitIssued) -> Mapping[str, Any]:
    return record._asdict()


class PermitRefused(NamedTuple):
    """The network refuses; an answer, not an error.

    Fields:
        exchange_id: inquirer_institution_code + '-' + transaction_serial_number.
        outcome: NOT_PERMITTED, PIA_BLOCK, SUSPENDED, UNAVAILABLE or INVALID.
        rule: Rule that refused.
        list_version: Version decided with.
        nearest_row_id: Nearest row.
        nearest_attribute: Attribute that would have allowed it.
        nearest_value: Value it needed.
    """

    exchange_id: str
    outcome: Outcome
    rule: str
    list_version: int
    nearest_row_id: str
    nearest_attribute: str
    nearest_value: str


def _read_permit_refused(plain: Mapping[str, Any]) -> PermitRefused:
    return PermitRefused(
        plain["exchange_id"],
        _OUTCOME[plain["outcome"]],
        plain["rule"],
        plain["list_version"],
        plain["nearest_row_id"],
        plain["nearest_attribute"],
        plain["nearest_value"],
    )


def _write_permit_refused(record: PermitRefused) -> Mapping[str, Any]:
    return record._asdict()


class PermitRequested(NamedTuple):
    """The intermediate server asks the network for a permit and for the list check.

    Fields:
        exchange_id: inquirer_institution_code + '-' + transaction_serial_number.
        inquirer_institution_code: 16 digits.
        provider_institution_code: 16 digits.
        affair_code: JM + 14 digits.
        procedure_code: JT + 14 digits.
        spi_name_code: TM + 14 digits.
        consent_obtained: Consent of the person.
        inquirer_non_disclosure_code: 1 or 2.
        requested_at: Milliseconds since 1970 UTC.
    """

    exchange_id: str
    inquirer_institution_code: str
    provider_institution_code: str
    affair_code: str
    procedure_code: str
    spi_name_code: str
    consent_obtained: bool
    inquirer_non_disclosure_code: str
    requested_at: int


def _read_permit_requested(plain: Mapping[str, Any]) -> PermitRequested:
    return PermitRequested(
        plain["exchange_id"],
        plain["inquirer_institution_code"],
        plain["provider_institution_code"],
        plain["affair_code"],
        plain["procedure_code"],
        plain["spi_name_code"],
        plain["consent_obtained"],
        plain["inquirer_non_disclosure_code"],
        plain["requested_at"],
    )


def _write_permit_requested(record: PermitRequested) -> Mapping[str, Any]:
    return record._asdict()


class ProvidedRecord(NamedTuple):
    """One copy record, projected to the permitted items.

    Fields:
        record_key: Key inside the data set, e.g. dose or tax year.
        layout_version: Layout the items follow.
        items: Permitted items.
    """

    record_key: str
    layout_version: str
    items: tuple[Item, ...]


def _read_provided_record(plain: Mapping[str, Any]) -> ProvidedRecord:
    return ProvidedRecord(
        plain["record_key"],
        plain["layout_version"],
        tuple([_read_item(one) for one in plain["items"]]),
    )


def _write_provided_record(record: ProvidedRecord) -> Mapping[str, Any]:
    plain: dict[str, Any] = record._asdict()
    plain["items"] = [_write_item(one) for one in record.items]
    return plain


class ProvidedInformation(NamedTuple):
    """The plain answer inside the seal; never on a topic by itself.

    Fields:
        exchange_id: inquirer_institution_code + '-' + transaction_serial_number.
        spi_name_code: TM + 14 digits.
        as_of: Copies as of this moment, milliseconds since 1970 UTC.
        salt: 16 bytes; the digest in the records covers it.
        records: Copy records.
    """

    exchange_id: str
    spi_name_code: str
    as_of: int
    salt: bytes
    records: tuple[ProvidedRecord, ...]


def _read_provided_information(plain: Mapping[str, Any]) -> ProvidedInformation:
    return ProvidedInformation(
        plain["exchange_id"],
        plain["spi_name_code"],
        plain["as_of"],
        plain["salt"],
        tuple([_read_provided_record(one) for one in plain["records"]]),
    )


def _write_provided_information(record: ProvidedInformation) -> Mapping[str, Any]:
    plain: dict[str, Any] = record._asdict()
    plain["records"] = [_write_provided_record(one) for one in record.records]
    return plain


class ProvisionAnswered(NamedTuple):
    """The provider's answer or refusal, sealed for the inquirer.

    Fields:
        exchange_id: inquirer_institution_code + '-' + transaction_serial_number.
        outcome: How the provider decided.
        rule: Rule that refused; empty when data left.
        provided_at: Milliseconds since 1970 UTC; 0 when nothing left.
        sealed_answer: Sealed ProvidedInformation or empty.
        answer_digest: Salted SHA-256 of the plain answer or empty.
        sealed_digest: SHA-256 of sealed_answer or empty.
        spi_items: Items that left.
        non_disclosure_code: 1 or 2.
        provider_list_version: Version of the provider's copy of the list.
        nearest_row_id: Nearest row of the provider's list.
        nearest_attribute: Attribute that would have allowed it.
        nearest_value: Value it needed.
    """

    exchange_id: str
    outcome: Outcome
    rule: str
    provided_at: int
    sealed_answer: bytes
    answer_digest: bytes
    sealed_digest: bytes
    spi_items: tuple[str, ...]
    non_disclosure_code: str
    provider_list_version: int
    nearest_row_id: str = ""
    nearest_attribute: str = ""
    nearest_value: str = ""


def _read_provision_answered(plain: Mapping[str, Any]) -> ProvisionAnswered:
    return ProvisionAnswered(
        plain["exchange_id"],
        _OUTCOME[plain["outcome"]],
        plain["rule"],
        plain["provided_at"],
        plain["sealed_answer"],
        plain["answer_digest"],
        plain["sealed_digest"],
        tuple(plain["spi_items"]),
        plain["non_disclosure_code"],
        plain["provider_list_version"],
        plain["nearest_row_id"],
        plain["nearest_attribute"],
        plain["nearest_value"],
    )


def _write_provision_answered(record: ProvisionAnswered) -> Mapping[str, Any]:
    return record._asdict()


class ProvisionDetail(NamedTuple):
    """What of a 情報提供等記録 can be forgotten: the leaf holds its salted digest only. Travels inside RecordsSubmitted, behind its salt.

    Fields:
        inquirer_name: Name.
        provider_name: Name.
        spi_items: Items provided.
        non_disclosure_code: 1 or 2 (Article 23(2)).
        copy_digest: SHA-256 over the copy records used, provider only.
        auto_response_disabled: The block flag as seen, provider only.
        operator_id: Who asked, at the inquirer (department/operator); who confirmed or refused, at the provider; otherwise empty.
        hold_reason: Why staff refused.
        answer_digest: Salted SHA-256 of the plain answer.
        sealed_digest: SHA-256 of what left.
    """

    inquirer_name: str
    provider_name: str
    spi_items: tuple[str, ...]
    non_disclosure_code: str
    copy_digest: bytes
    auto_response_disabled: bool
    operator_id: str
    hold_reason: HoldReason
    answer_digest: bytes
    sealed_digest: bytes


def _read_provision_detail(plain: Mapping[str, Any]) -> ProvisionDetail:
    return ProvisionDetail(
        plain["inquirer_name"],
        plain["provider_name"],
        tuple(plain["spi_items"]),
        plain["non_disclosure_code"],
        plain["copy_digest"],
        plain["auto_response_disabled"],
        plain["operator_id"],
        _HOLDREASON[plain["hold_reason"]],
        plain["answer_digest"],
        plain["sealed_digest"],
    )


def _write_provision_detail(record: ProvisionDetail) -> Mapping[str, Any]:
    return record._asdict()


class ProvisionErasureOrdered(NamedTuple):
    """An operator orders what the provider's server keeps of a closed provision erased.

    Fields:
        exchange_id: inquirer_institution_code + '-' + transaction_serial_number.
        rule: Why: RECORD_EXPIRED or CORRECTED.
        as_of: The moment for which expiry is judged; milliseconds since 1970 UTC.
        operator_id: Up to 20 characters.
    """

    exchange_id: str
    rule: str
    as_of: int
    operator_id: str


def _read_provision_erasure_ordered(plain: Mapping[str, Any]) -> ProvisionErasureOrdered:
    return ProvisionErasureOrdered(
        plain["exchange_id"],
        plain["rule"],
        plain["as_of"],
        plain["operator_id"],
    )


def _write_provision_erasure_ordered(record: ProvisionErasureOrdered) -> Mapping[str, Any]:
    return record._asdict()


class ProvisionHeld(NamedTuple):
    """The provider's staff must look first (assessment III-6 risk 2(3)).

    Fields:
        exchange_id: inquirer_institution_code + '-' + transaction_serial_number.
        hold_deadline_at: Milliseconds since 1970 UTC.
    """

    exchange_id: str
    hold_deadline_at: int


def _read_provision_held(plain: Mapping[str, Any]) -> ProvisionHeld:
    return ProvisionHeld(
        plain["exchange_id"],
        plain["hold_deadline_at"],
    )


def _write_provision_held(record: ProvisionHeld) -> Mapping[str, Any]:
    return record._asdict()


class Party(StrEnum):
    """Whose record it is: Article 23(1) names inquirer and provider, 23(3) the network."""

    INQUIRER = "INQUIRER"
    NETWORK = "NETWORK"
    PROVIDER = "PROVIDER"


_PARTY = {member.value: member for member in Party}


class ProvisionRecorded(NamedTuple):
    """情報提供等記録 (Number Act Article 23): one party's record of one exchange, with the basis of the decision and never a value. Travels inside RecordsSubmitted as the leaf's body; there, what stands behind detail_digest is empty and lies in ProvisionDetail, so that it can be erased.

    Fields:
        institution_code: Whose log: 16 digits.
        party: As what.
        exchange_id: inquirer_institution_code + '-' + transaction_serial_number.
        transaction_serial_number: 20 digits.
        inquirer_institution_code: 16 digits.
        provider_institution_code: 16 digits.
        requested_at: Milliseconds since 1970 UTC.
        provided_at: Milliseconds since 1970 UTC; 0 when nothing was provided.
        affair_code: JM + 14 digits.
        procedure_code: JT + 14 digits.
        spi_name_code: TM + 14 digits.
        outcome: How it ended.
        rule: Rule that refused.
        permit_id: Permit or empty.
        list_version: Version of the list this party decided with; 0 when it decided nothing.
        row_id: Row that permits it.
        detail_digest: SHA-256 of salt (16 bytes) and framed ProvisionDetail; empty in records made before the two were split.
        inquirer_name: Name.
        provider_name: Name.
        spi_items: Items provided.
        non_disclosure_code: 1 or 2 (Article 23(2)).
        copy_digest: SHA-256 over the copy records used, provider only.
        auto_response_disabled: The block flag as seen, provider only.
        operator_id: Who asked, at the inquirer (department/operator); who confirmed or refused, at the provider; otherwise empty.
        hold_reason: Why staff refused.
        answer_digest: Salted SHA-256 of the plain answer.
        sealed_digest: SHA-256 of what left.
    """

    institution_code: str
    party: Party
    exchange_id: str
    transaction_serial_number: str
    inquirer_institution_code: str
    provider_institution_code: str
    requested_at: int
    provided_at: int
    affair_code: str
    procedure_code: str
    spi_name_code: str
    outcome: Outcome
    rule: str
    permit_id: str
    list_version: int
    row_id: str
    detail_digest: bytes = b""
    inquirer_name: str = ""
    provider_name: str = ""
    spi_items: tuple[str, ...] = ()
    non_disclosure_code: str = ""
    copy_digest: bytes = b""
    auto_response_disabled: bool = False
    operator_id: str = ""
    hold_reason: HoldReason = HoldReason.NONE
    answer_digest: bytes = b""
    sealed_digest: bytes = b""


def _read_provision_recorded(plain: Mapping[str, Any]) -> ProvisionRecorded:
    return ProvisionRecorded(
        plain["institution_code"],
        _PARTY[plain["party"]],
        plain["exchange_id"],
        plain["transaction_serial_number"],
        plain["inquirer_institution_code"],
        plain["provider_institution_code"],
        plain["requested_at"],
        plain["provided_at"],
        plain["affair_code"],
        plain["procedure_code"],
        plain["spi_name_code"],
        _OUTCOME[plain["outcome"]],
        plain["rule"],
        plain["permit_id"],
        plain["list_version"],
        plain["row_id"],
        _bytes(plain["detail_digest"]),
        plain["inquirer_name"],
        plain["provider_name"],
        tuple(plain["spi_items"]),
        plain["non_disclosure_code"],
        _bytes(plain["copy_digest"]),
        plain["auto_response_disabled"],
        plain["operator_id"],
        _HOLDREASON[plain["hold_reason"]],
        _bytes(plain["answer_digest"]),
        _bytes(plain["sealed_digest"]),
    )


def _write_provision_recorded(record: ProvisionRecorded) -> Mapping[str, Any]:
    return record._asdict()


class ProvisionReported(NamedTuple):
    """What the network may know of a provision: everything but the content.

    Fields:
        exchange_id: inquirer_institution_code + '-' + transaction_serial_number.
        outcome: How the provider decided.
        rule: Rule that refused.
        provided_at: Milliseconds since 1970 UTC; 0 when nothing left.
        answer_digest: As in ProvisionAnswered.
        sealed_digest: As in ProvisionAnswered.
        spi_items: Items that left.
        non_disclosure_code: 1 or 2.
    """

    exchange_id: str
    outcome: Outcome
    rule: str
    provided_at: int
    answer_digest: bytes
    sealed_digest: bytes
    spi_items: tuple[str, ...]
    non_disclosure_code: str


def _read_provision_reported(plain: Mapping[str, Any]) -> ProvisionReported:
    return ProvisionReported(
        plain["exchange_id"],
        _OUTCOME[plain["outcome"]],
        plain["rule"],
        plain["provided_at"],
        plain["answer_digest"],
        plain["sealed_digest"],
        tuple(plain["spi_items"]),
        plain["non_disclosure_code"],
    )


def _write_provision_reported(record: ProvisionReported) -> Mapping[str, Any]:
    return record._asdict()


class RecordErasureOrdered(NamedTuple):
    """An operator orders the details of some records of one log erased.

    Fields:
        lane: 0 to 7: which logs.
        institution_code: Whose log: 16 digits.
        sequences: Places in the log, 200 at most.
        rule: Why: RECORD_EXPIRED or CORRECTED.
        as_of: The moment for which expiry is judged; milliseconds since 1970 UTC.
        operator_id: Up to 20 characters.
    """

    lane: str
    institution_code: str
    sequences: tuple[int, ...]
    rule: str
    as_of: int
    operator_id: str


def _read_record_erasure_ordered(plain: Mapping[str, Any]) -> RecordErasureOrdered:
    return RecordErasureOrdered(
        plain["lane"],
        plain["institution_code"],
        tuple(plain["sequences"]),
        plain["rule"],
        plain["as_of"],
        plain["operator_id"],
    )


def _write_record_erasure_ordered(record: RecordErasureOrdered) -> Mapping[str, Any]:
    return record._asdict()


class RecordEntry(NamedTuple):
    """One record with what its place in the log needs.

    Fields:
        institution_code: Whose log: 16 digits.
        counterpart: With whom: the other party, or inquirer>provider for the network.
        exchange_id: inquirer_institution_code + '-' + transaction_serial_number.
        party: As what.
        body: ProvisionRecorded, framed, without its detail; the log keeps these bytes and never opens them.
        detail: Salt (16 bytes) and framed ProvisionDetail; empty for a record from before the split.
    """

    institution_code: str
    counterpart: str
    exchange_id: str
    party: Party
    body: bytes
    detail: bytes = b""


def _read_record_entry(plain: Mapping[str, Any]) -> RecordEntry:
    return RecordEntry(
        plain["institution_code"],
        plain["counterpart"],
        plain["exchange_id"],
        _PARTY[plain["party"]],
        plain["body"],
        _bytes(plain["detail"]),
    )


def _write_record_entry(record: RecordEntry) -> Mapping[str, Any]:
    return record._asdict()


class RecordsSubmitted(NamedTuple):
    """The records that one batch of decisions leaves, for the logs of one lane.

    Fields:
        lane: 0 to 7: which logs; a log keeps its lane.
        entries: Records, in the order they were decided.
    """

    lane: str
    entries: tuple[RecordEntry, ...]


def _read_records_submitted(plain: Mapping[str, Any]) -> RecordsSubmitted:
    return RecordsSubmitted(
        plain["lane"],
        tuple([_read_record_entry(one) for one in plain["entries"]]),
    )


def _write_records_submitted(record: RecordsSubmitted) -> Mapping[str, Any]:
    plain: dict[str, Any] = record._asdict()
    plain["entries"] = [_write_record_entry(one) for one in record.entries]
    return plain


class SequenceMarkRequested(NamedTuple):
    """An auditor wants a mark after the last record of a pair.

    Fields:
        lane: 0 to 7: which logs.
        institution_code: Whose log: 16 digits.
        counterpart: With whom, as in RecordEntry.
    """

    lane: str
    institution_code: str
    counterpart: str


def _read_sequence_mark_requested(plain: Mapping[str, Any]) -> SequenceMarkRequested:
    return SequenceMarkRequested(
        plain["lane"],
        plain["institution_code"],
        plain["counterpart"],
    )


def _write_sequence_mark_requested(record: SequenceMarkRequested) -> Mapping[str, Any]:
    return record._asdict()


class SequenceMarked(NamedTuple):
    """A mark in the sequence of a pair of institutions, a leaf of the log: it takes the next number, so that one can prove what came before it.

    Fields:
        institution_code: Whose log: 16 digits.
        counterpart: With whom, as in RecordEntry.
        marked_at: Milliseconds since 1970 UTC.
    """

    institution_code: str
    counterpart: str
    marked_at: int


def _read_sequence_marked(plain: Mapping[str, Any]) -> SequenceMarked:
    return SequenceMarked(
        plain["institution_code"],
        plain["counterpart"],
        plain["marked_at"],
    )


def _write_sequence_marked(record: SequenceMarked) -> Mapping[str, Any]:
    return record._asdict()


class VrsBulkDue(NamedTuple):
    """VRS: a night's bulk inquiry is to be carried out.

    Fields:
        institution_code: 16 digits.
        request_id: Which.
    """

    institution_code: str
    request_id: str


def _read_vrs_bulk_due(plain: Mapping[str, Any]) -> VrsBulkDue:
    return VrsBulkDue(
        plain["institution_code"],
        plain["request_id"],
    )


def _write_vrs_bulk_due(record: VrsBulkDue) -> Mapping[str, Any]:
    return record._asdict()


class VrsBulkInquired(NamedTuple):
    """VRS 夜間一括: many numbers are looked for in every municipality during the night.

    Fields:
        institution_code: 16 digits.
        request_id: 1 to 40 characters chosen by the sender; a repeat with other content is an error.
        individual_numbers: 12 digits each, 1 to 500.
        consent_obtained: The person's consent is on paper (assessment III-2 (1)).
        identity_checked: Identity documents were seen (Number Act Article 16).
        operator_id: Who entered it.
    """

    institution_code: str
    request_id: str
    individual_numbers: tuple[str, ...]
    consent_obtained: bool
    identity_checked: bool
    operator_id: str


def _read_vrs_bulk_inquired(plain: Mapping[str, Any]) -> VrsBulkInquired:
    return VrsBulkInquired(
        plain["institution_code"],
        plain["request_id"],
        tuple(plain["individual_numbers"]),
        plain["consent_obtained"],
        plain["identity_checked"],
        plain["operator_id"],
    )


def _write_vrs_bulk_inquired(record: VrsBulkInquired) -> Mapping[str, Any]:
    return record._asdict()


class CertificateKind(StrEnum):
    """For use at home or abroad."""

    DOMESTIC = "DOMESTIC"
    OVERSEAS = "OVERSEAS"


_CERTIFICATEKIND = {member.value: member for member in CertificateKind}


class VrsCertificateRequested(NamedTuple):
    """VRS: a person has applied for a vaccination certificate (assessment, system 1 function 5).

    Fields:
        institution_code: 16 digits.
        request_id: 1 to 40 characters chosen by the sender; a repeat with other content is an error.
        individual_number: 12 digits of the synthetic range; travels on this topic only.
        certificate_kind: Which.
        application_received: There is an application of the person.
        identity_checked: Identity documents were seen (Number Act Article 16).
        operator_id: Who entered it.
        passport_number: 旅券番号; overseas only.
        roman_name: ローマ字氏名; overseas only.
        nationality: 国籍, 3 letters; overseas only.
        other_names: 旧姓・別姓・別名.
    """

    institution_code: str
    request_id: str
    individual_number: str
    certificate_kind: CertificateKind
    application_received: bool
    identity_checked: bool
    operator_id: str
    passport_number: str = ""
    roman_name: str = ""
    nationality: str = ""
    other_names: str = ""


def _read_vrs_certificate_requested(plain: Mapping[str, Any]) -> VrsCertificateRequested:
    return VrsCertificateRequested(
        plain["institution_code"],
        plain["request_id"],
        plain["individual_number"],
        _CERTIFICATEKIND[plain["certificate_kind"]],
        plain["application_received"],
        plain["identity_checked"],
        plain["operator_id"],
        plain["passport_number"],
        plain["roman_name"],
        plain["nationality"],
        plain["other_names"],
    )


def _write_vrs_certificate_requested(record: VrsCertificateRequested) -> Mapping[str, Any]:
    return record._asdict()


class VrsCheckpointDue(NamedTuple):
    """VRS: a municipality's log of provisions has grown and wants a signed checkpoint.

    Fields:
        institution_code: 16 digits.
        size: Size of the log when the timer looked.
    """

    institution_code: str
    size: int


def _read_vrs_checkpoint_due(plain: Mapping[str, Any]) -> VrsCheckpointDue:
    return VrsCheckpointDue(
        plain["institution_code"],
        plain["size"],
    )


def _write_vrs_checkpoint_due(record: VrsCheckpointDue) -> Mapping[str, Any]:
    return record._asdict()


class VrsDoseExpired(NamedTuple):
    """VRS: a dose was given five years ago and is to be erased.

    Fields:
        institution_code: 16 digits.
        voucher_number: 10 digits.
        dose_number: 接種回.
    """

    institution_code: str
    voucher_number: str
    dose_number: int


def _read_vrs_dose_expired(plain: Mapping[str, Any]) -> VrsDoseExpired:
    return VrsDoseExpired(
        plain["institution_code"],
        plain["voucher_number"],
        plain["dose_number"],
    )


def _write_vrs_dose_expired(record: VrsDoseExpired) -> Mapping[str, Any]:
    return record._asdict()


class VrsDoseRead(NamedTuple):
    """VRS: a tablet at a venue has read a voucher's line; it has no way to an individual number (assessment III-3 risk 1).

    Fields:
        institution_code: 16 digits.
        request_id: 1 to 40 characters chosen by the sender; a repeat with other content is an error.
        ocr_line: 18 digits: ticket type 1, dose 1, local government code 6, voucher number 10.
        dose_number: 接種回; an open number, the line has room for one digit only.
        dose_date: 接種日, YYYYMMDD.
        maker: ワクチンメーカー.
        lot_number: ロット番号.
        vaccine_type: ワクチン種類.
        product_name: 製品名.
        venue: Venue.
        doctor: Doctor.
        operator_id: Who entered it.
    """

    institution_code: str
    request_id: str
    ocr_line: str
    dose_number: int
    dose_date: str
    maker: str
    lot_number: str
    vaccine_type: str
    product_name: str
    venue: str
    doctor: str
    operator_id: str


def _read_vrs_dose_read(plain: Mapping[str, Any]) -> VrsDoseRead:
    return VrsDoseRead(
        plain["institution_code"],
        plain["request_id"],
        plain["ocr_line"],
        plain["dose_number"],
        plain["dose_date"],
        plain["maker"],
        plain["lot_number"],
        plain["vaccine_type"],
        plain["product_name"],
        plain["venue"],
        plain["doctor"],
        plain["operator_id"],
    )


def _write_vrs_dose_read(record: VrsDoseRead) -> Mapping[str, Any]:
    return record._asdict()


class VrsDoseTaken(NamedTuple):
    """VRS: what became of a dose that a tablet read.

    Fields:
        institution_code: 16 digits.
        request_id: Which.
        accepted: Whether it is registered.
        vaccination_status: DONE or NOT_DONE.
        errors: Reasons when it is not.
    """

    institution_code: str
    request_id: str
    accepted: bool
    vaccination_status: str
    errors: tuple[FieldError, ...]


def _read_vrs_dose_taken(plain: Mapping[str, Any]) -> VrsDoseTaken:
    return VrsDoseTaken(
        plain["institution_code"],
        plain["request_id"],
        plain["accepted"],
        plain["vaccination_status"],
        tuple([_read_field_error(one) for one in plain["errors"]]),
    )


def _write_vrs_dose_taken(record: VrsDoseTaken) -> Mapping[str, Any]:
    plain: dict[str, Any] = record._asdict()
    plain["errors"] = [_write_field_error(one) for one in record.errors]
    return plain


class VrsEligible(NamedTuple):
    """One line of the CSV.

    Fields:
        row_number: 1-based line.
        individual_number: 12 digits of the synthetic range.
        business_person_number: 業務固有番号, 15 digits.
        ticket_type: 券種, 1 digit.
        voucher_number: 接種券番号, 10 digits.
        name: Name.
        birth_date: YYYYMMDD.
        sex: 1, 2 or 0.
    """

    row_number: int
    individual_number: str
    business_person_number: str
    ticket_type: str
    voucher_number: str
    name: str
    birth_date: str
    sex: str


def _read_vrs_eligible(plain: Mapping[str, Any]) -> VrsEligible:
    return VrsEligible(
        plain["row_number"],
        plain["individual_number"],
        plain["business_person_number"],
        plain["ticket_type"],
        plain["voucher_number"],
        plain["name"],
        plain["birth_date"],
        plain["sex"],
    )


def _write_vrs_eligible(record: VrsEligible) -> Mapping[str, Any]:
    return record._asdict()


class VrsEligibleRegistered(NamedTuple):
    """VRS: eligible people and the vouchers issued to them (assessment, system 1 function 1).

    Fields:
        institution_code: 16 digits.
        request_id: 1 to 40 characters chosen by the sender; a repeat with other content is an error.
        local_government_code: 地方公共団体コード, 6 digits.
        rows: Lines, 1 to 500.
        operator_id: Who entered it.
    """

    institution_code: str
    request_id: str
    local_government_code: str
    rows: tuple[VrsEligible, ...]
    operator_id: str


def _read_vrs_eligible_registered(plain: Mapping[str, Any]) -> VrsEligibleRegistered:
    return VrsEligibleRegistered(
        plain["institution_code"],
        plain["request_id"],
        plain["local_government_code"],
        tuple([_read_vrs_eligible(one) for one in plain["rows"]]),
        plain["operator_id"],
    )


def _write_vrs_eligible_registered(record: VrsEligibleRegistered) -> Mapping[str, Any]:
    plain: dict[str, Any] = record._asdict()
    plain["rows"] = [_write_vrs_eligible(one) for one in record.rows]
    return plain


class VrsFlag(StrEnum):
    """転出・死亡等フラグ."""

    NONE = "NONE"
    MOVED_OUT = "MOVED_OUT"
    DEAD = "DEAD"


_VRSFLAG = {member.value: member for member in VrsFlag}


class VrsFlagSet(NamedTuple):
    """VRS: a person has moved out or died (assessment, system 1 function 3).

    Fields:
        institution_code: 16 digits.
        request_id: 1 to 40 characters chosen by the sender; a repeat with other content is an error.
        business_person_number: 業務固有番号, 15 digits.
        flag: Which; NONE takes it back.
        flag_date: From when, YYYYMMDD.
        operator_id: Who entered it.
    """

    institution_code: str
    request_id: str
    business_person_number: str
    flag: VrsFlag
    flag_date: str
    operator_id: str


def _read_vrs_flag_set(plain: Mapping[str, Any]) -> VrsFlagSet:
    return VrsFlagSet(
        plain["institution_code"],
        plain["request_id"],
        plain["business_person_number"],
        _VRSFLAG[plain["flag"]],
        plain["flag_date"],
        plain["operator_id"],
    )


def _write_vrs_flag_set(record: VrsFlagSet) -> Mapping[str, Any]:
    return record._asdict()


class VrsInquired(NamedTuple):
    """VRS: an incoming resident's doses are asked of the previous municipality (Number Act Article 19(16)).

    Fields:
        institution_code: 16 digits.
        request_id: 1 to 40 characters chosen by the sender; a repeat with other content is an error.
        individual_number: 12 digits of the synthetic range; travels on this topic only.
        local_government_code: The previous municipality, 6 digits.
        consent_obtained: The person's consent is on paper (assessment III-2 (1)).
        identity_checked: Identity documents were seen (Number Act Article 16).
        operator_id: Who entered it.
    """

    institution_code: str
    request_id: str
    individual_number: str
    local_government_code: str
    consent_obtained: bool
    identity_checked: bool
    operator_id: str


def _read_vrs_inquired(plain: Mapping[str, Any]) -> VrsInquired:
    return VrsInquired(
        plain["institution_code"],
        plain["request_id"],
        plain["individual_number"],
        plain["local_government_code"],
        plain["consent_obtained"],
        plain["identity_checked"],
        plain["operator_id"],
    )


def _write_vrs_inquired(record: VrsInquired) -> Mapping[str, Any]:
    return record._asdict()


class VrsOutcome(StrEnum):
    """How a request to VRS ended."""

    ACCEPTED = "ACCEPTED"
    PARTIAL = "PARTIAL"
    REFUSED = "REFUSED"
    NO_MATCH = "NO_MATCH"
    FOUND = "FOUND"
    WAITING = "WAITING"
    ISSUED = "ISSUED"


_VRSOUTCOME = {member.value: member for member in VrsOutcome}


class VrsProvisionRecorded(NamedTuple):
    """VRS: one municipality's record of one provision outside NWS, never with a value (assessment III-5). Kept as the body of a leaf.

    Fields:
        institution_code: Whose log: 16 digits.
        party: As what.
        request_id: Which inquiry of the inquirer.
        inquirer_institution_code: Who asked.
        provider_institution_code: Who was asked, or a city that did not match.
        requested_at: Milliseconds since 1970 UTC.
        provided_at: 0 when nothing was.
        basis: Legal basis.
        outcome: How it ended.
        items: Names of the items that left.
        doses: How many doses left.
        consent_obtained: The person's consent is on paper (assessment III-2 (1)).
        identity_checked: Identity documents were seen (Number Act Article 16).
        is_bulk: Asked of all municipalities in the night.
        operator_id: Who asked.
        answer_digest: Keyed digest of what left; empty when nothing did.
    """

    institution_code: str
    party: Party
    request_id: str
    inquirer_institution_code: str
    provider_institution_code: str
    requested_at: int
    provided_at: int
    basis: str
    outcome: VrsOutcome
    items: tuple[str, ...]
    doses: int
    consent_obtained: bool
    identity_checked: bool
    is_bulk: bool
    operator_id: str
    answer_digest: bytes


def _read_vrs_provision_recorded(plain: Mapping[str, Any]) -> VrsProvisionRecorded:
    return VrsProvisionRecorded(
        plain["institution_code"],
        _PARTY[plain["party"]],
        plain["request_id"],
        plain["inquirer_institution_code"],
        plain["provider_institution_code"],
        plain["requested_at"],
        plain["provided_at"],
        plain["basis"],
        _VRSOUTCOME[plain["outcome"]],
        tuple(plain["items"]),
        plain["doses"],
        plain["consent_obtained"],
        plain["identity_checked"],
        plain["is_bulk"],
        plain["operator_id"],
        plain["answer_digest"],
    )


def _write_vrs_provision_recorded(record: VrsProvisionRecorded) -> Mapping[str, Any]:
    return record._asdict()


class VrsDoseRecord(NamedTuple):
    """One dose as it is provided.

    Fields:
        row_number: Which number of a bulk inquiry, 1-based; 0 otherwise.
        local_government_code: Where it was given, 6 digits.
        voucher_number: 10 digits.
        dose_number: 接種回.
        dose_date: YYYYMMDD.
        maker: Maker.
        lot_number: Lot.
        vaccine_type: Vaccine type.
        product_name: Product.
        venue: Venue.
        doctor: Doctor.
    """

    row_number: int
    local_government_code: str
    voucher_number: str
    dose_number: int
    dose_date: str
    maker: str
    lot_number: str
    vaccine_type: str
    product_name: str
    venue: str
    doctor: str


def _read_vrs_dose_record(plain: Mapping[str, Any]) -> VrsDoseRecord:
    return VrsDoseRecord(
        plain["row_number"],
        plain["local_government_code"],
        plain["voucher_number"],
        plain["dose_number"],
        plain["dose_date"],
        plain["maker"],
        plain["lot_number"],
        plain["vaccine_type"],
        plain["product_name"],
        plain["venue"],
        plain["doctor"],
    )


def _write_vrs_dose_record(record: VrsDoseRecord) -> Mapping[str, Any]:
    return record._asdict()


class VrsReplied(NamedTuple):
    """VRS: the answer to a municipality; it never holds an individual number.

    Fields:
        institution_code: 16 digits.
        request_id: Which.
        outcome: How it ended.
        rule: The rule that refused, or empty.
        errors: Reasons, a row of a CSV by rows[n].
        accepted_rows: Rows of a CSV that were taken in.
        doses: Doses provided.
        basis: Legal basis of the provision, or empty.
        certificate_id: 証明書ID, or empty.
        issued_on: 証明書発行年月日, YYYYMMDD or empty.
        payload: SMART Health Card, shc:/ and digits, or empty.
    """

    institution_code: str
    request_id: str
    outcome: VrsOutcome
    rule: str
    errors: tuple[FieldError, ...]
    accepted_rows: int
    doses: tuple[VrsDoseRecord, ...]
    basis: str
    certificate_id: str = ""
    issued_on: str = ""
    payload: str = ""


def _read_vrs_replied(plain: Mapping[str, Any]) -> VrsReplied:
    return VrsReplied(
        plain["institution_code"],
        plain["request_id"],
        _VRSOUTCOME[plain["outcome"]],
        plain["rule"],
        tuple([_read_field_error(one) for one in plain["errors"]]),
        plain["accepted_rows"],
        tuple([_read_vrs_dose_record(one) for one in plain["doses"]]),
        plain["basis"],
        plain["certificate_id"],
        plain["issued_on"],
        plain["payload"],
    )


def _write_vrs_replied(record: VrsReplied) -> Mapping[str, Any]:
    plain: dict[str, Any] = record._asdict()
    plain["errors"] = [_write_field_error(one) for one in record.errors]
    plain["doses"] = [_write_vrs_dose_record(one) for one in record.doses]
    return plain


Message = (
    AcquisitionDeadlinePassed
    | AcquisitionNumberAssigned
    | AcquisitionNumberIssued
    | AcquisitionNumberRequested
    | BusinessNumberLinked
    | CancelOrdered
    | CheckpointDue
    | CheckpointPublished
    | CheckpointWitnessed
    | CodeAcquisitionFailed
    | CodeAcquisitionRequested
    | CodeRequestDeadlinePassed
    | CodeRevocationRequested
    | CodeStateChanged
    | CopiesAnnounced
    | CopyBatchOpened
    | CopyBatchReported
    | CopyErasureOrdered
    | CopyGiven
    | CopySubmitted
    | DataErased
    | ExchangeErasureOrdered
    | HealthItemEntered
    | HealthQueueAdvanced
    | HealthReported
    | HealthTargetEntered
    | HealthTransmissionOpened
    | HealthTransmissionSplit
    | HoldConfirmed
    | HoldDeadlinePassed
    | HoldRefused
    | IdentityConfirmed
    | IdentityNotified
    | IdentityUnknown
    | InquiryAccepted
    | InquiryAnswered
    | InquiryCancelRequested
    | InquiryDeadlinePassed
    | InquiryForwarded
    | InquiryHeld
    | InquiryRejected
    | InquiryRequested
    | InquiryReturned
    | InquirySent
    | InquiryWithdrawn
    | LinkageCodeIssued
    | LinkageCodeRevoked
    | LinkageSuspensionChanged
    | LinkageSuspensionRequested
    | MessagesBundled
    | OperatingStateNotified
    | OperationRecorded
    | PermissionListDistributed
    | Permit
    | PermitDeadlinePassed
    | PermitIssued
    | PermitRefused
    | PermitRequested
    | ProvidedInformation
    | ProvisionAnswered
    | ProvisionDetail
    | ProvisionErasureOrdered
    | ProvisionHeld
    | ProvisionRecorded
    | ProvisionReported
    | RecordErasureOrdered
    | RecordsSubmitted
    | SequenceMarkRequested
    | SequenceMarked
    | VrsBulkDue
    | VrsBulkInquired
    | VrsCertificateRequested
    | VrsCheckpointDue
    | VrsDoseExpired
    | VrsDoseRead
    | VrsDoseTaken
    | VrsEligibleRegistered
    | VrsFlagSet
    | VrsInquired
    | VrsProvisionRecorded
    | VrsReplied
)

MESSAGES: tuple[type[Any], ...] = (
    AcquisitionDeadlinePassed,
    AcquisitionNumberAssigned,
    AcquisitionNumberIssued,
    AcquisitionNumberRequested,
    BusinessNumberLinked,
    CancelOrdered,
    CheckpointDue,
    CheckpointPublished,
    CheckpointWitnessed,
    CodeAcquisitionFailed,
    CodeAcquisitionRequested,
    CodeRequestDeadlinePassed,
    CodeRevocationRequested,
    CodeStateChanged,
    CopiesAnnounced,
    CopyBatchOpened,
    CopyBatchReported,
    CopyErasureOrdered,
    CopyGiven,
    CopySubmitted,
    DataErased,
    ExchangeErasureOrdered,
    HealthItemEntered,
    HealthQueueAdvanced,
    HealthReported,
    HealthTargetEntered,
    HealthTransmissionOpened,
    HealthTransmissionSplit,
    HoldConfirmed,
    HoldDeadlinePassed,
    HoldRefused,
    IdentityConfirmed,
    IdentityNotified,
    IdentityUnknown,
    InquiryAccepted,
    InquiryAnswered,
    InquiryCancelRequested,
    InquiryDeadlinePassed,
    InquiryForwarded,
    InquiryHeld,
    InquiryRejected,
    InquiryRequested,
    InquiryReturned,
    InquirySent,
    InquiryWithdrawn,
    LinkageCodeIssued,
    LinkageCodeRevoked,
    LinkageSuspensionChanged,
    LinkageSuspensionRequested,
    MessagesBundled,
    OperatingStateNotified,
    OperationRecorded,
    PermissionListDistributed,
    Permit,
    PermitDeadlinePassed,
    PermitIssued,
    PermitRefused,
    PermitRequested,
    ProvidedInformation,
    ProvisionAnswered,
    ProvisionDetail,
    ProvisionErasureOrdered,
    ProvisionHeld,
    ProvisionRecorded,
    ProvisionReported,
    RecordErasureOrdered,
    RecordsSubmitted,
    SequenceMarkRequested,
    SequenceMarked,
    VrsBulkDue,
    VrsBulkInquired,
    VrsCertificateRequested,
    VrsCheckpointDue,
    VrsDoseExpired,
    VrsDoseRead,
    VrsDoseTaken,
    VrsEligibleRegistered,
    VrsFlagSet,
    VrsInquired,
    VrsProvisionRecorded,
    VrsReplied,
)
# class, from plain, to plain, topic, key
CODERS: tuple[Any, ...] = (
    (
        AcquisitionDeadlinePassed,
        _read_acquisition_deadline_passed,
        _write_acquisition_deadline_passed,
        "timers.acquisition_deadline_passed",
        "acquisition_number",
    ),
    (
        AcquisitionNumberAssigned,
        _read_acquisition_number_assigned,
        _write_acquisition_number_assigned,
        "institution.{institution_code}.replies",
        "request_id",
    ),
    (
        AcquisitionNumberIssued,
        _read_acquisition_number_issued,
        _write_acquisition_number_issued,
        "network.acquisition_number_issued",
        "request_id",
    ),
    (
        AcquisitionNumberRequested,
        _read_acquisition_number_requested,
        _write_acquisition_number_requested,
        "code_management.acquisition_number_requested",
        "request_id",
    ),
    (
        BusinessNumberLinked,
        _read_business_number_linked,
        _write_business_number_linked,
        "hub.{institution_code}.copies",
        "business_person_number",
    ),
    (CancelOrdered, _read_cancel_ordered, _write_cancel_ordered, "inquiry.cancel_ordered", "exchange_id"),
    (CheckpointDue, _read_checkpoint_due, _write_checkpoint_due, "timers.checkpoint_due", "institution_code"),
    (
        CheckpointPublished,
        _read_checkpoint_published,
        _write_checkpoint_published,
        "provision_log.checkpoint_published",
        "institution_code",
    ),
    (
        CheckpointWitnessed,
        _read_checkpoint_witnessed,
        _write_checkpoint_witnessed,
        "witness.checkpoint_witnessed",
        "institution_code",
    ),
    (
        CodeAcquisitionFailed,
        _read_code_acquisition_failed,
        _write_code_acquisition_failed,
        "network.code_acquisition_failed",
        "request_id",
    ),
    (
        CodeAcquisitionRequested,
        _read_code_acquisition_requested,
        _write_code_acquisition_requested,
        "institution.{institution_code}.codes",
        "integrated_number",
    ),
    (
        CodeRequestDeadlinePassed,
        _read_code_request_deadline_passed,
        _write_code_request_deadline_passed,
        "timers.code_request_deadline_passed",
        "request_id",
    ),
    (
        CodeRevocationRequested,
        _read_code_revocation_requested,
        _write_code_revocation_requested,
        "institution.{institution_code}.codes",
        "integrated_number",
    ),
    (
        CodeStateChanged,
        _read_code_state_changed,
        _write_code_state_changed,
        "institution.{institution_code}.replies",
        "integrated_number",
    ),
    (
        CopiesAnnounced,
        _read_copies_announced,
        _write_copies_announced,
        "hub.{institution_code}.copies",
        "transmission_id",
    ),
    (
        CopyBatchOpened,
        _read_copy_batch_opened,
        _write_copy_batch_opened,
        "institution.{institution_code}.copies",
        "batch_id",
    ),
    (
        CopyBatchReported,
        _read_copy_batch_reported,
        _write_copy_batch_reported,
        "institution.{institution_code}.replies",
        "batch_id",
    ),
    (
        CopyErasureOrdered,
        _read_copy_erasure_ordered,
        _write_copy_erasure_ordered,
        "operations.copy_erasure_ordered",
        "integrated_number",
    ),
    (CopyGiven, _read_copy_given, _write_copy_given, "hub.{institution_code}.copies", "business_person_number"),
    (
        CopySubmitted,
        _read_copy_submitted,
        _write_copy_submitted,
        "institution.{institution_code}.copies",
        "integrated_number",
    ),
    (DataErased, _read_data_erased, _write_data_erased, "", ""),
    (
        ExchangeErasureOrdered,
        _read_exchange_erasure_ordered,
        _write_exchange_erasure_ordered,
        "operations.exchange_erasure_ordered",
        "exchange_id",
    ),
    (
        HealthItemEntered,
        _read_health_item_entered,
        _write_health_item_entered,
        "health.{institution_code}.entries",
        "business_person_number",
    ),
    (
        HealthQueueAdvanced,
        _read_health_queue_advanced,
        _write_health_queue_advanced,
        "health_support.queue_advanced",
        "institution_code",
    ),
    (
        HealthReported,
        _read_health_reported,
        _write_health_reported,
        "health.{institution_code}.replies",
        "record_identification_number",
    ),
    (
        HealthTargetEntered,
        _read_health_target_entered,
        _write_health_target_entered,
        "health.{institution_code}.entries",
        "business_person_number",
    ),
    (
        HealthTransmissionOpened,
        _read_health_transmission_opened,
        _write_health_transmission_opened,
        "health.{institution_code}.entries",
        "transmission_id",
    ),
    (
        HealthTransmissionSplit,
        _read_health_transmission_split,
        _write_health_transmission_split,
        "health.{institution_code}.entries",
        "transmission_id",
    ),
    (HoldConfirmed, _read_hold_confirmed, _write_hold_confirmed, "operations.hold_confirmed", "exchange_id"),
    (
        HoldDeadlinePassed,
        _read_hold_deadline_passed,
        _write_hold_deadline_passed,
        "timers.hold_deadline_passed",
        "exchange_id",
    ),
    (HoldRefused, _read_hold_refused, _write_hold_refused, "operations.hold_refused", "exchange_id"),
    (
        IdentityConfirmed,
        _read_identity_confirmed,
        _write_identity_confirmed,
        "juki.identity_confirmed",
        "acquisition_number",
    ),
    (
        IdentityNotified,
        _read_identity_notified,
        _write_identity_notified,
        "juki.{institution_code}.identities",
        "acquisition_number",
    ),
    (IdentityUnknown, _read_identity_unknown, _write_identity_unknown, "juki.identity_unknown", "acquisition_number"),
    (
        InquiryAccepted,
        _read_inquiry_accepted,
        _write_inquiry_accepted,
        "institution.{inquirer_institution_code}.replies",
        "record_identification_number",
    ),
    (
        InquiryAnswered,
        _read_inquiry_answered,
        _write_inquiry_answered,
        "institution.{inquirer_institution_code}.replies",
        "record_identification_number",
    ),
    (
        InquiryCancelRequested,
        _read_inquiry_cancel_requested,
        _write_inquiry_cancel_requested,
        "institution.{inquirer_institution_code}.requests",
        "record_identification_number",
    ),
    (
        InquiryDeadlinePassed,
        _read_inquiry_deadline_passed,
        _write_inquiry_deadline_passed,
        "timers.inquiry_deadline_passed",
        "exchange_id",
    ),
    (InquiryForwarded, _read_inquiry_forwarded, _write_inquiry_forwarded, "network.inquiry_forwarded", "exchange_id"),
    (
        InquiryHeld,
        _read_inquiry_held,
        _write_inquiry_held,
        "institution.{inquirer_institution_code}.replies",
        "record_identification_number",
    ),
    (
        InquiryRejected,
        _read_inquiry_rejected,
        _write_inquiry_rejected,
        "institution.{inquirer_institution_code}.replies",
        "record_identification_number",
    ),
    (
        InquiryRequested,
        _read_inquiry_requested,
        _write_inquiry_requested,
        "institution.{inquirer_institution_code}.requests",
        "record_identification_number",
    ),
    (InquiryReturned, _read_inquiry_returned, _write_inquiry_returned, "network.inquiry_returned", "exchange_id"),
    (InquirySent, _read_inquiry_sent, _write_inquiry_sent, "inquiry.inquiry_sent", "exchange_id"),
    (InquiryWithdrawn, _read_inquiry_withdrawn, _write_inquiry_withdrawn, "inquiry.inquiry_withdrawn", "exchange_id"),
    (
        LinkageCodeIssued,
        _read_linkage_code_issued,
        _write_linkage_code_issued,
        "network.linkage_code_issued",
        "request_id",
    ),
    (
        LinkageCodeRevoked,
        _read_linkage_code_revoked,
        _write_linkage_code_revoked,
        "code_management.linkage_code_revoked",
        "linkage_code",
    ),
    (
        LinkageSuspensionChanged,
        _read_linkage_suspension_changed,
        _write_linkage_suspension_changed,
        "institution.{institution_code}.replies",
        "integrated_number",
    ),
    (
        LinkageSuspensionRequested,
        _read_linkage_suspension_requested,
        _write_linkage_suspension_requested,
        "institution.{institution_code}.codes",
        "integrated_number",
    ),
    (MessagesBundled, _read_messages_bundled, _write_messages_bundled, "", ""),
    (
        OperatingStateNotified,
        _read_operating_state_notified,
        _write_operating_state_notified,
        "institution.{institution_code}.replies",
        "institution_code",
    ),
    (OperationRecorded, _read_operation_recorded, _write_operation_recorded, "operations.operation_recorded", "lane"),
    (
        PermissionListDistributed,
        _read_permission_list_distributed,
        _write_permission_list_distributed,
        "network.permission_list_distributed",
        "institution_code",
    ),
    (Permit, _read_permit, _write_permit, "", ""),
    (
        PermitDeadlinePassed,
        _read_permit_deadline_passed,
        _write_permit_deadline_passed,
        "timers.permit_deadline_passed",
        "exchange_id",
    ),
    (PermitIssued, _read_permit_issued, _write_permit_issued, "network.permit_issued", "exchange_id"),
    (PermitRefused, _read_permit_refused, _write_permit_refused, "network.permit_refused", "exchange_id"),
    (PermitRequested, _read_permit_requested, _write_permit_requested, "inquiry.permit_requested", "exchange_id"),
    (ProvidedInformation, _read_provided_information, _write_provided_information, "", ""),
    (
        ProvisionAnswered,
        _read_provision_answered,
        _write_provision_answered,
        "provision.provision_answered",
        "exchange_id",
    ),
    (ProvisionDetail, _read_provision_detail, _write_provision_detail, "", ""),
    (
        ProvisionErasureOrdered,
        _read_provision_erasure_ordered,
        _write_provision_erasure_ordered,
        "operations.provision_erasure_ordered",
        "exchange_id",
    ),
    (ProvisionHeld, _read_provision_held, _write_provision_held, "provision.provision_held", "exchange_id"),
    (ProvisionRecorded, _read_provision_recorded, _write_provision_recorded, "", ""),
    (
        ProvisionReported,
        _read_provision_reported,
        _write_provision_reported,
        "provision.provision_reported",
        "exchange_id",
    ),
    (
        RecordErasureOrdered,
        _read_record_erasure_ordered,
        _write_record_erasure_ordered,
        "operations.record_erasure_ordered",
        "lane",
    ),
    (RecordsSubmitted, _read_records_submitted, _write_records_submitted, "records.records_submitted", "lane"),
    (
        SequenceMarkRequested,
        _read_sequence_mark_requested,
        _write_sequence_mark_requested,
        "operations.sequence_mark_requested",
        "lane",
    ),
    (SequenceMarked, _read_sequence_marked, _write_sequence_marked, "", ""),
    (VrsBulkDue, _read_vrs_bulk_due, _write_vrs_bulk_due, "timers.vrs_bulk_due", "institution_code"),
    (
        VrsBulkInquired,
        _read_vrs_bulk_inquired,
        _write_vrs_bulk_inquired,
        "vrs.{institution_code}.requests",
        "request_id",
    ),
    (
        VrsCertificateRequested,
        _read_vrs_certificate_requested,
        _write_vrs_certificate_requested,
        "vrs.{institution_code}.requests",
        "request_id",
    ),
    (
        VrsCheckpointDue,
        _read_vrs_checkpoint_due,
        _write_vrs_checkpoint_due,
        "timers.vrs_checkpoint_due",
        "institution_code",
    ),
    (VrsDoseExpired, _read_vrs_dose_expired, _write_vrs_dose_expired, "timers.vrs_dose_expired", "institution_code"),
    (VrsDoseRead, _read_vrs_dose_read, _write_vrs_dose_read, "tablet.{institution_code}.doses", "request_id"),
    (VrsDoseTaken, _read_vrs_dose_taken, _write_vrs_dose_taken, "tablet.{institution_code}.replies", "request_id"),
    (
        VrsEligibleRegistered,
        _read_vrs_eligible_registered,
        _write_vrs_eligible_registered,
        "vrs.{institution_code}.requests",
        "request_id",
    ),
    (VrsFlagSet, _read_vrs_flag_set, _write_vrs_flag_set, "vrs.{institution_code}.requests", "request_id"),
    (VrsInquired, _read_vrs_inquired, _write_vrs_inquired, "vrs.{institution_code}.requests", "request_id"),
    (VrsProvisionRecorded, _read_vrs_provision_recorded, _write_vrs_provision_recorded, "", ""),
    (VrsReplied, _read_vrs_replied, _write_vrs_replied, "vrs.{institution_code}.replies", "request_id"),
)
