"""Forgetting without un-proving: each participant erases its own, only what is due, once, and certifies what it did."""

from __future__ import annotations

from typing import Any

import pytest
from factories import ATTACHED_HOME, KARIYA, NOW, TOYOTA, decided, service, store_of

from broker.errors import PeerFault
from broker.rules.erasure import (
    CERTIFICATE,
    COPY_EXPIRED,
    CORRECTED,
    ERASED_AT_ONCE,
    ERASURES,
    MARK,
    RECORD_EXPIRED,
    RESULT_EXPIRED,
    expired,
    records_before,
)
from broker.rules.records import SALT_BYTES, forgotten, record_of, whole
from broker.tables import CopyRecord, Exchange, Inquiry, LogHead, LogRecord, PairHead, Provision
from broker.topics import lane_of
from schemas.codec import decode, unpack_items
from schemas.records import (
    CheckpointDue,
    CopyErasureOrdered,
    DataErased,
    ExchangeErasureOrdered,
    Outcome,
    Party,
    ProvisionErasureOrdered,
    RecordErasureOrdered,
    RecordsSubmitted,
    SequenceMarked,
    SequenceMarkRequested,
)
from services.common import entry_of
from services.erasure import Order, correction_steps, expired_steps

YEAR_MS = 31_557_600_000
LATER = NOW + 8 * YEAR_MS
NAME = f"{KARIYA}-20260921000000000100"


@pytest.mark.parametrize(
    ("rule", "age", "due"),
    [
        (RECORD_EXPIRED, 8 * YEAR_MS, True),
        (RECORD_EXPIRED, 6 * YEAR_MS, False),
        (RESULT_EXPIRED, 31 * 86_400_000, True),
        (RESULT_EXPIRED, 29 * 86_400_000, False),
        (COPY_EXPIRED, 1, True),
        (COPY_EXPIRED, 0, False),
        (CORRECTED, 0, True),
        ("ANOTHER", 8 * YEAR_MS, False),
    ],
)
def test_terms(rule: str, age: int, due: bool) -> None:
    """Records seven years, results thirty days, copies once they have ended; correction at once; nothing else."""
    assert expired(rule, NOW, NOW + age) is due


def test_seven_years_before_a_leap_day() -> None:
    """29 February has no counterpart seven years earlier: the day before counts."""
    leap = 1_835_395_200_000  # 2028-02-29 00:00 UTC

    assert records_before(leap) == 1_614_470_400_000  # 2021-02-28 00:00 UTC


# ── records ──────────────────────────────────────────────────────────────────────────────────────────────────────

LOG = service("provision_log")


def store_with_records(count: int = 3) -> Any:
    """A log with so many records."""
    store = store_of()
    records = [
        record_of(
            Party.INQUIRER,
            KARIYA,
            f"{KARIYA}-{n:020d}",
            inquirer_name="刈谷市",
            provider_institution_code=TOYOTA,
            provider_name="豊田市",
            requested_at=NOW,
            affair_code="JM01000000016002",
            procedure_code="JT99000000000001",
            spi_name_code="TM99000000000001",
            outcome=Outcome.OK,
        )
        for n in range(count)
    ]
    entries = tuple(entry_of(one, bytes(SALT_BYTES)) for one in records)
    decided(LOG, RecordsSubmitted(lane_of(KARIYA), entries), store)
    return store


def order(*sequences: int, rule: str = RECORD_EXPIRED, as_of: int = LATER, lane: str = "") -> RecordErasureOrdered:
    return RecordErasureOrdered(lane or lane_of(KARIYA), KARIYA, sequences, rule, as_of, "soumu-01")


def test_erasing_leaves_a_certificate_as_a_leaf() -> None:
    """Details are gone, leaves and bodies are as before, and the next leaf says which, when, why and by whom."""
    store = store_with_records()
    before = dict(store.tables[LogRecord])

    decision = decided(LOG, order(0, 2), store, now=NOW + 5)

    rows = store.tables[LogRecord]
    assert decision.outcome == "erased"
    assert [bool(rows[KARIYA, n].detail) for n in range(3)] == [False, True, False]
    assert all(rows[key]._replace(detail=before[key].detail) == before[key] for key in before)
    assert forgotten(whole(rows[KARIYA, 0].body, b""), b"")
    certificate = rows[KARIYA, 3]
    assert decode(certificate.body) == DataErased(KARIYA, NOW + 5, LATER, RECORD_EXPIRED, "soumu-01", (0, 2))
    assert (certificate.party, certificate.counterpart, certificate.pair_sequence) == (CERTIFICATE, ERASURES, 1)
    assert store.tables[LogHead][(KARIYA,)].size == 4
    assert store.tables[PairHead][KARIYA, ERASURES].last == 1


def test_an_order_said_twice_certifies_once() -> None:
    """The second finds nothing to erase."""
    store = store_with_records()

    outcomes = [decided(LOG, order(0, 1), store).outcome for _ in range(2)]

    assert outcomes == ["erased", "nothing_to_erase"]
    assert store.tables[LogHead][(KARIYA,)].size == 4


@pytest.mark.parametrize("message", [order(0, as_of=NOW), order(9), order(0, rule="ANOTHER"), order()])
def test_what_is_not_due_stays(message: RecordErasureOrdered) -> None:
    """Too young, not there, by a rule that is none: nothing happens."""
    store = store_with_records()

    assert decided(LOG, message, store).outcome == "nothing_to_erase"
    assert all(row.detail for row in store.tables[LogRecord].values())


@pytest.mark.parametrize("message", [order(*range(ERASED_AT_ONCE + 1)), order(0, lane="x")])
def test_orders_are_bounded_and_in_their_lane(message: RecordErasureOrdered) -> None:
    """A log has one writer, and a batch has a limit."""
    with pytest.raises(PeerFault):
        decided(LOG, message, store_with_records())


def test_a_mark_takes_the_next_number_of_its_pair() -> None:
    """So that what came before it can be proved to be all; a pair that never was gets none."""
    store = store_with_records()

    outcome = decided(LOG, SequenceMarkRequested(lane_of(KARIYA), KARIYA, TOYOTA), store).outcome
    other = decided(LOG, SequenceMarkRequested(lane_of(KARIYA), KARIYA, "9900000000000000"), store).outcome

    row = store.tables[LogRecord][KARIYA, 3]
    assert (outcome, other) == ("marked", "no_such_pair")
    assert (row.party, row.counterpart, row.pair_sequence) == (MARK, TOYOTA, 4)
    assert decode(row.body) == SequenceMarked(KARIYA, TOYOTA, NOW)
    assert decided(LOG, CheckpointDue(KARIYA, 4), store).outcome == "checkpoint_signed"


# ── what the servers keep ────────────────────────────────────────────────────────────────────────────────────────


def exchange(state: str = "RECEIVED", outcome: str = "OK") -> Exchange:
    return Exchange(
        NAME, KARIYA, "r1", 0, state, outcome, TOYOTA, "000000000000009", "JM", "JT", "TM", "0/0//", "1",
        "KENKO/OP001", "c" * 64, NOW, NOW + 1, "p", 3, "row", b"answer",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "person_stays"), [(RESULT_EXPIRED, True), (RECORD_EXPIRED, False), (CORRECTED, False)]
)
def test_exchanges_lose_what_leads_to_a_person(rule: str, person_stays: bool) -> None:
    """After 30 days the answer, after seven years or by correction the person too; state and basis stay."""
    inquiry = Inquiry(KARIYA, "r1", b"", NOW, 1, 0, NOW)
    store = store_of(exchange(), inquiry)

    first, second = (
        decided(service("inquiry"), ExchangeErasureOrdered(NAME, rule, LATER, "op"), store).outcome for _ in range(2)
    )
    row = store.tables[Exchange][(NAME,)]

    assert (first, second) == ("erased", "nothing_to_erase")
    assert row.answer == b""
    assert bool(row.integrated_number and row.linkage_code and row.operator_id) is person_stays
    assert (row.state, row.outcome, row.permit_id, row.row_id) == ("RECEIVED", "OK", "p", "row")


def test_open_inquiries_are_not_touched() -> None:
    """Nothing of a kind that still waits, or whose sisters do, is erased."""
    inquiry = Inquiry(KARIYA, "r1", b"", NOW, 2, 1, 0)
    message = ExchangeErasureOrdered(NAME, CORRECTED, LATER, "op")

    assert decided(service("inquiry"), message, store_of(exchange("SENT", ""), inquiry)).outcome == "nothing_to_erase"
    assert decided(service("inquiry"), message, store_of(exchange(), inquiry)).outcome == "still_open"


def test_provisions_keep_that_the_permit_was_served() -> None:
    """Who it was about goes; the row stays, so the permit cannot be served again; an open hold is not touched."""
    closed = Provision("p", NAME, TOYOTA, "CLOSED", "OK", NOW, "c" * 64, "9", b"", 1, 0, b"d", "op", "")
    store = store_of(closed, closed._replace(permit_id="q", state="HELD"))
    message = ProvisionErasureOrdered(NAME, RECORD_EXPIRED, LATER, "op")

    outcomes = [decided(service("provision"), message, store).outcome for _ in range(2)]

    assert outcomes == ["erased", "nothing_to_erase"]
    assert store.tables[Provision][("p",)] == closed._replace(
        linkage_code="", integrated_number="", shown_digest=b"", operator_id=""
    )
    assert store.tables[Provision][("q",)].linkage_code


def test_ended_copies_lose_their_content() -> None:
    """Versions that have ended are erased with their digest; the current one is the institution's to delete."""
    store = store_of(residents=[ATTACHED_HOME])
    current = next(iter(store.tables[CopyRecord].values()))
    ended = current._replace(known_from=1, known_to=2)
    store.put([ended])
    message = CopyErasureOrdered(*current[:3], COPY_EXPIRED, LATER, "op")

    outcomes = [decided(service("copies"), message, store).outcome for _ in range(2)]
    rows = store.tables[CopyRecord]

    assert outcomes == ["erased", "nothing_to_erase"]
    kept = next(row for row in rows.values() if row[:5] == ended[:5])
    assert (unpack_items(kept.items), kept.digest) == ((), b"")
    assert current in rows.values()


# ── the operator's side ──────────────────────────────────────────────────────────────────────────────────────────


def test_orders_name_a_bounded_number_of_records_of_one_log() -> None:
    """However much has expired: 200 records a message, each log in its own lane, ordered by this operator."""
    steps = {step.name: step for step in expired_steps(Order(LATER, "soumu-01"))}
    rows = [(KARIYA, n) for n in range(ERASED_AT_ONCE + 1)] + [(TOYOTA, 7)]

    messages = steps["records"].messages(rows)

    assert [(m.institution_code, len(m.sequences), m.lane) for m in messages] == [  # type: ignore[union-attr]
        (KARIYA, ERASED_AT_ONCE, lane_of(KARIYA)),
        (KARIYA, 1, lane_of(KARIYA)),
        (TOYOTA, 1, lane_of(TOYOTA)),
    ]
    assert {(m.rule, m.as_of, m.operator_id) for m in messages} == {(RECORD_EXPIRED, LATER, "soumu-01")}  # type: ignore[union-attr]


def test_correction_orders_all_three_to_erase() -> None:
    """Records, inquirer's row, provider's row."""
    steps = correction_steps(NAME, Order(NOW, "op"))
    rows = [[(KARIYA, 0)], [(NAME,)], [(NAME,)]]
    said = [message for step, found in zip(steps, rows, strict=True) for message in step.messages(found)]

    assert [type(message) for message in said] == [
        RecordErasureOrdered,
        ExchangeErasureOrdered,
        ProvisionErasureOrdered,
    ]
    assert {message.rule for message in said} == {CORRECTED}  # type: ignore[union-attr]
