"""One party's record: what Article 23 asks for, the same from all three, and empty where nothing is known."""

from __future__ import annotations

from typing import Any

import pytest
from factories import KARIYA, NOW, TOYOTA

from broker.rules.records import record_of
from schemas.records import HoldReason, Outcome, Party, ProvisionRecorded

SERIAL = "20260921000000000100"


def record(party: Party = Party.INQUIRER, **changes: Any) -> ProvisionRecorded:
    return record_of(
        party,
        KARIYA,
        f"{KARIYA}-{SERIAL}",
        inquirer_name="刈谷市",
        provider_institution_code=TOYOTA,
        provider_name="豊田市",
        requested_at=NOW,
        affair_code="JM",
        procedure_code="JT",
        spi_name_code="TM",
        outcome=Outcome.OK,
        **changes,
    )


def test_inquirer_and_serial_come_from_the_exchange() -> None:
    """Names and codes of both sides, times, affair, procedure, kind, outcome: Article 23(1) i to iv."""
    found = record()

    assert (found.inquirer_institution_code, found.transaction_serial_number) == (KARIYA, SERIAL)
    assert (found.inquirer_name, found.provider_name, found.provider_institution_code) == ("刈谷市", "豊田市", TOYOTA)
    assert (found.requested_at, found.affair_code, found.procedure_code, found.spi_name_code) == (NOW, "JM", "JT", "TM")


def test_a_refused_request_has_no_time_of_provision() -> None:
    """What did not happen is empty: no time, no items, no digests, no operator."""
    found = record()

    assert (found.provided_at, found.spi_items, found.answer_digest, found.sealed_digest) == (0, (), b"", b"")
    assert (found.operator_id, found.hold_reason, found.copy_digest) == ("", HoldReason.NONE, b"")


@pytest.mark.parametrize("party", Party)
def test_parties_spell_it_the_same(party: Party) -> None:
    """The record of each party differs in whose it is and in nothing else."""
    assert record(party)._replace(party=Party.NETWORK) == record(Party.NETWORK)


def test_record_names_every_field_it_is_given() -> None:
    """Each optional field lands in the field of its name."""
    given: dict[str, Any] = {
        "rule": "R",
        "provided_at": 1,
        "spi_items": ("a",),
        "non_disclosure_code": "2",
        "permit_id": "p",
        "list_version": 3,
        "row_id": "r",
        "copy_digest": b"c",
        "auto_response_disabled": True,
        "operator_id": "o",
        "hold_reason": HoldReason.PROTECTED,
        "answer_digest": b"a",
        "sealed_digest": b"s",
    }

    found = record(**given)

    assert {name: getattr(found, name) for name in given} == given


def test_no_field_has_room_for_content() -> None:
    """A record has no field that could hold a value: names, codes, times and digests only."""
    assert not {name for name in ProvisionRecorded._fields if "value" in name or "answer" in name} - {"answer_digest"}
