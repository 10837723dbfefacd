"""Then and now, field by field; what depends on chance, and what only seems to."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, NamedTuple

import pytest

from broker.tables import Provision, SetAside
from schemas.codec import TYPES, encode
from schemas.records import (
    AnsweredKind,
    InquiryAccepted,
    InquiryAnswered,
    Outcome,
    Party,
    PermitRequested,
    RecordEntry,
    RecordsSubmitted,
)
from services.audit.replay_compare import (
    CHANCE,
    MISSING,
    different_fields,
    exchange_of,
    row_differences,
    same_entries,
    shown,
    vouched,
)

A, B = "1" * 16, "2" * 16
ONE, OTHER = f"{A}-2026112400000000010", f"{A}-2026112400000000020"
ASKED = PermitRequested(ONE, A, B, "JM01", "JT01", "TM01", False, "1", 5)


def entry(name: str, body: bytes) -> RecordEntry:
    """A record on its way, of the form that this version of the schema has."""
    more: dict[str, Any] = {"detail": b""} if "detail" in RecordEntry._fields else {}
    return RecordEntry(institution_code=A, counterpart=B, exchange_id=name, party=Party.PROVIDER, body=body, **more)


def test_equal_values_have_no_differences() -> None:
    """The same message, decoded twice."""
    assert list(different_fields(ASKED, ASKED._replace())) == []


def test_a_difference_names_exchange_field_then_and_now() -> None:
    """One changed field of one message."""
    assert list(different_fields(ASKED, ASKED._replace(affair_code="JM02"))) == [(ONE, "affair_code", "JM01", "JM02")]


def test_messages_inside_bytes_are_opened() -> None:
    """A body that is a message is compared by its fields, wherever it lies."""
    then = RecordsSubmitted("3", (entry(ONE, encode(ASKED)),))
    now = RecordsSubmitted("3", (entry(ONE, encode(ASKED._replace(requested_at=6))),))

    assert list(different_fields(then, now)) == [(ONE, f"entries[{ONE}/PROVIDER].body.requested_at", 5, 6)]


def test_lists_of_records_are_paired_by_exchange() -> None:
    """One record less is one difference, not one in every place after it; another order is told as that."""
    both = (entry(ONE, b"x"), entry(OTHER, b"y"))

    assert list(different_fields(both, both[1:])) == [(ONE, f"[{ONE}/PROVIDER]", "RecordEntry", MISSING)]
    assert list(different_fields(both, both[::-1])) == [(ONE, "[order]", f"{ONE}/PROVIDER", f"{OTHER}/PROVIDER")]


def test_an_answer_names_the_exchange_of_the_kind_that_differs() -> None:
    """The institution stands in the answer, the serial number in its kind."""
    kinds = [
        AnsweredKind(B, "TM01", name.split("-")[1], Outcome.OK, "01", "", "", "", "", 0, b"", b"", "", "", "")
        for name in (ONE, OTHER)
    ]
    then = InquiryAnswered("Q1", A, "09", 7, tuple(kinds))
    now = then._replace(kinds=(kinds[0], kinds[1]._replace(outcome=Outcome.NO_DATA)))

    assert list(different_fields(then, now)) == [(OTHER, "kinds[1].outcome", Outcome.OK, Outcome.NO_DATA)]
    assert exchange_of(InquiryAccepted("Q1", A, "r", (ONE.split("-")[1],))) == ONE


def test_every_field_of_chance_exists_or_is_announced() -> None:
    """The table of chance names messages and fields that there are; each has its reason and what is done instead."""
    rows = {"SetAside": SetAside}
    announced = {("RecordEntry", "detail"), ("ProvisionRecorded", "detail_digest")}

    for one in CHANCE:
        kind = {**TYPES, **rows, "RecordEntry": RecordEntry}[one.message]
        fields: tuple[str, ...] = getattr(kind, "_fields", ())
        assert one.field in fields or (one.message, one.field) in announced
        assert one.reason
        assert one.how


class Salted(NamedTuple):
    """The shape of a record entry with a salted detail."""

    exchange_id: str
    body: bytes
    detail: bytes


def salted(salt: bytes, detail: bytes) -> Salted:
    """A body that names the digest of salt and detail."""
    return Salted(ONE, b"body " + sha256(salt + detail).digest(), salt + detail)


def test_salts_are_left_out_and_details_are_not() -> None:
    """Another salt changes the digest in the body and nothing else; another detail is a difference."""
    then = [salted(b"s" * 16, b"detail")]

    assert same_entries(then, [salted(b"t" * 16, b"detail")])
    assert not same_entries(then, [salted(b"t" * 16, b"other.")])
    assert not same_entries(then, [salted(b"t" * 16, b"detail")._replace(body=b"other")])
    assert not same_entries(then, [])
    assert vouched(then[0])


@pytest.mark.parametrize("lost", ["then", "now"])
def test_a_row_that_is_on_one_side_only_is_one_difference(lost: str) -> None:
    """Missing then, or missing now; a row set aside names the exchange of the message in it."""
    row = SetAside("network", "t", 0, 1, "PERMIT_REUSED", "r", 5, b"-" + encode(ASKED), 0)
    sides: dict[str, Any] = {"then": row, "now": row, lost: None}

    (found,) = row_differences("set_aside", ("network", "t", 0, 1, 0), sides["then"], sides["now"], lambda v: v[1:])

    assert found.exchange_id == ONE
    assert (found.then if lost == "then" else found.now) == MISSING


def test_what_was_set_aside_is_compared_in_the_clear() -> None:
    """Encrypted under another nonce: the same; other bytes inside: a difference."""
    then = SetAside("network", "t", 0, 1, "R", "r", 5, b"1" + b"bytes", 0)
    key = ("network", "t", 0, 1, 0)

    assert list(row_differences("set_aside", key, then, then._replace(value=b"2bytes"), lambda v: v[1:])) == []
    (found,) = row_differences("set_aside", key, then, then._replace(value=b"2other"), lambda v: v[1:])
    assert found.field == "value"


def test_a_permit_that_was_not_kept_then_is_no_difference() -> None:
    """Rows from before permits were kept have none; another permit than was kept is a difference."""
    now = Provision("p", ONE, B, "CLOSED", "OK", 5, "", "", b"", 0, 0, b"", "", "", b"permit", b"proof")
    sides = [now._replace(permit=b"", permit_proof=b""), now._replace(permit=b"other")]

    found = [list(row_differences("provisions", ("p",), then, now, bytes)) for then in sides]

    assert [[one.field for one in each] for each in found] == [[], ["permit"]]


def test_long_bytes_are_shown_by_length_and_digest() -> None:
    """A report holds no sealed answers."""
    assert shown(b"\x01\x02") == "0102"
    assert shown(b"x" * 100).startswith("100 bytes, SHA-256 ")
    assert shown((Outcome.OK, b"")) == ["OK", ""]
