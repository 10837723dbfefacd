"""One party's record of one exchange (Number Act Article 23), put together the same way by all three parties, and its
two halves: what stands in the log for ever, and what can be forgotten without un-proving the rest.

Owns which fields are which (`FORGOTTEN`) and the tie between the halves: the body holds SHA-256(salt || framed
ProvisionDetail), so the leaf, which covers the body, proves the detail while it is there and gives nothing away once
detail and salt are gone. Records from before the split hold everything in the body; they read the same.
"""

from __future__ import annotations

from hashlib import sha256

from broker.rules.identity import split_exchange_id
from schemas.codec import Undecodable, decode, encode
from schemas.records import HoldReason, Outcome, Party, ProvisionDetail, ProvisionRecorded

SALT_BYTES = 16
FORGOTTEN = ProvisionDetail._fields
_KEPT = ProvisionRecorded._fields.index("detail_digest")
_NOTHING = tuple(ProvisionRecorded._field_defaults[name] for name in FORGOTTEN)


def record_of(
    party: Party,
    owner: str,
    exchange_id: str,
    *,
    inquirer_name: str,
    provider_institution_code: str,
    provider_name: str,
    requested_at: int,
    affair_code: str,
    procedure_code: str,
    spi_name_code: str,
    outcome: Outcome,
    rule: str = "",
    provided_at: int = 0,
    spi_items: tuple[str, ...] = (),
    non_disclosure_code: str = "1",
    permit_id: str = "",
    list_version: int = 0,
    row_id: str = "",
    copy_digest: bytes = b"",
    auto_response_disabled: bool = False,
    operator_id: str = "",
    hold_reason: HoldReason = HoldReason.NONE,
    answer_digest: bytes = b"",
    sealed_digest: bytes = b"",
) -> ProvisionRecorded:
    """The record, not yet split; inquirer and serial number come from the exchange id."""
    inquirer, serial = split_exchange_id(exchange_id)
    return ProvisionRecorded(
        owner,
        party,
        exchange_id,
        serial,
        inquirer,
        provider_institution_code,
        requested_at,
        provided_at,
        affair_code,
        procedure_code,
        spi_name_code,
        outcome,
        rule,
        permit_id,
        list_version,
        row_id,
        b"",
        inquirer_name,
        provider_name,
        spi_items,
        non_disclosure_code,
        copy_digest,
        auto_response_disabled,
        operator_id,
        hold_reason,
        answer_digest,
        sealed_digest,
    )


def split(record: ProvisionRecorded, salt: bytes) -> tuple[bytes, bytes]:
    """Body and detail as the log keeps them: framed record without what can be forgotten; salt and framed detail."""
    detail = salt + encode(ProvisionDetail._make(record[_KEPT + 1 :]))
    return encode(ProvisionRecorded._make((*record[:_KEPT], sha256(detail).digest(), *_NOTHING))), detail


def whole(body: bytes, detail: bytes) -> ProvisionRecorded:
    """The record of a log's row with all that is still known of it; Undecodable for bytes that are none.

    Whether the detail is the one that the body vouches for is another question: `detail_refusal`.
    """
    record = decode(body)
    if not isinstance(record, ProvisionRecorded):
        raise Undecodable("DAMAGED", f"{type(record).__name__} is no record")
    if not detail:
        return record
    found = decode(detail[SALT_BYTES:])
    if not isinstance(found, ProvisionDetail):
        raise Undecodable("DAMAGED", f"{type(found).__name__} is no detail of a record")
    return ProvisionRecorded._make((*record[: _KEPT + 1], *found))


def forgotten(record: ProvisionRecorded, detail: bytes) -> bool:
    """Whether the detail of this record was erased; one from before the split cannot be."""
    return bool(record.detail_digest) and not detail


def detail_refusal(record: ProvisionRecorded, detail: bytes) -> str:
    """Why this detail is not the one that the record's body vouches for, or an empty string."""
    if not detail:
        return ""
    if not record.detail_digest:
        return "a detail beside a record that names none"
    if sha256(detail).digest() != record.detail_digest:
        return "the detail is another than the record vouches for"
    return ""
