"""One party's record of one exchange (Number Act Article 23), put together the same way by all three parties."""

from __future__ import annotations

from broker.rules.identity import split_exchange_id
from schemas.records import HoldReason, Outcome, Party, ProvisionRecorded


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
    """The record; inquirer and serial number come from the exchange id."""
    inquirer, serial = split_exchange_id(exchange_id)
    return ProvisionRecorded(
        owner,
        party,
        exchange_id,
        serial,
        inquirer,
        inquirer_name,
        provider_institution_code,
        provider_name,
        requested_at,
        provided_at,
        affair_code,
        procedure_code,
        spi_name_code,
        spi_items,
        outcome,
        rule,
        non_disclosure_code,
        permit_id,
        list_version,
        row_id,
        copy_digest,
        auto_response_disabled,
        operator_id,
        hold_reason,
        answer_digest,
        sealed_digest,
    )
