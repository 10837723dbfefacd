"""One party's record: what Article 23 asks for, the same from all three, and empty where nothing is known."""

from __future__ import annotations

import json
from hashlib import sha256
from importlib import resources
from io import BytesIO
from typing import Any

import pytest
from factories import KARIYA, NOW, TOYOTA
from fastavro import parse_schema, schemaless_writer

from broker.rules.records import FORGOTTEN, SALT_BYTES, detail_refusal, forgotten, record_of, split, whole
from schemas.codec import Undecodable, decode, encode
from schemas.records import CheckpointDue, HoldReason, Outcome, Party, ProvisionDetail, ProvisionRecorded

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


# ── two halves ───────────────────────────────────────────────────────────────────────────────────────────────────

SALT = bytes(range(SALT_BYTES))
FULL = record(
    Party.PROVIDER,
    spi_items=("TM1", "TM2"),
    non_disclosure_code="2",
    copy_digest=b"c" * 32,
    auto_response_disabled=True,
    operator_id="tax-017",
    hold_reason=HoldReason.OTHER,
    answer_digest=b"a" * 32,
    sealed_digest=b"s" * 32,
)


def test_both_halves_together_are_the_record() -> None:
    """Splitting loses nothing: with its detail a record is what it was, and says which detail it means."""
    body, detail = split(FULL, SALT)

    assert whole(body, detail) == FULL._replace(detail_digest=sha256(detail).digest())
    assert detail == SALT + encode(ProvisionDetail(*(getattr(FULL, name) for name in FORGOTTEN)))
    assert not forgotten(whole(body, detail), detail)


def test_the_body_holds_nothing_that_can_be_forgotten() -> None:
    """Without the detail no name, item, operator or digest of content is left, and one knows that it was erased."""
    body, _ = split(FULL, SALT)
    left = whole(body, b"")

    assert forgotten(left, b"")
    assert left == decode(body)
    empty = record()._replace(inquirer_name="", provider_name="", non_disclosure_code="")
    assert {name: getattr(left, name) for name in FORGOTTEN} == {name: getattr(empty, name) for name in FORGOTTEN}
    for value in ("刈谷市".encode(), "豊田市".encode(), b"tax-017", b"TM1", b"c" * 32, b"a" * 32, b"s" * 32):
        assert value not in body


def test_the_salt_keeps_a_detail_from_being_guessed() -> None:
    """Two records of the same content vouch for it by different digests."""
    first, second = split(FULL, SALT)[0], split(FULL, SALT[::-1])[0]

    assert whole(first, b"").detail_digest != whole(second, b"").detail_digest


@pytest.mark.parametrize("place", range((SALT_BYTES + 40) * 8))
def test_another_detail_is_refused(place: int) -> None:
    """A flipped bit in salt or detail is not what the body vouches for."""
    body, detail = split(FULL, SALT)
    flipped = bytearray(detail)
    flipped[place // 8] ^= 1 << place % 8

    assert detail_refusal(whole(body, b""), detail) == ""
    assert detail_refusal(whole(body, b""), bytes(flipped)) == "the detail is another than the record vouches for"


def test_a_record_from_before_the_split_reads_as_ever() -> None:
    """Its body holds everything, nothing of it can be erased, and a detail beside it is refused."""
    text = resources.files("schemas").joinpath("retired/1043.avsc").read_text(encoding="utf-8")
    stream = BytesIO(b"\x00" + (1043).to_bytes(4, "big"))
    stream.seek(5)
    schemaless_writer(stream, parse_schema(json.loads(text)), FULL._asdict())
    old = whole(stream.getvalue(), b"")

    assert old == FULL
    assert not forgotten(old, b"")
    assert detail_refusal(old, b"") == ""
    assert detail_refusal(old, SALT) == "a detail beside a record that names none"


def test_other_messages_are_no_halves() -> None:
    """Bytes of another message are neither a record nor a detail."""
    body, _ = split(FULL, SALT)
    other = encode(CheckpointDue(KARIYA, 1))

    for halves in ((other, b""), (body, SALT + other), (body, SALT), (body, b"x")):
        with pytest.raises(Undecodable):
            whole(*halves)
