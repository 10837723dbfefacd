"""What each reply of the intermediate server means for the hub's rows."""

from __future__ import annotations

from typing import Any

import pytest
from factories import KARIYA, NOW, TOYOTA, decided

from broker.adapters.memory import MemoryStore
from broker.rules.reasons import field_error
from broker.tables import HubCode, HubCopy, HubCopyBatch, HubCopyRefusal, HubInquiry, HubOutgoing
from broker.topics import Topics
from schemas.codec import TOPIC, encode
from schemas.records import (
    MESSAGES,
    AcquisitionNumberAssigned,
    BatchState,
    CodeState,
    CodeStateChanged,
    CopyBatchReported,
    InquiryAccepted,
    InquiryAnswered,
    InquiryHeld,
    InquiryRejected,
)
from services.integrated_number import hearing
from services.integrated_number.common import as_json

SERVICE = hearing.service(KARIYA)
PERSON, NAME = "000000000000001", "H1"
INQUIRY = HubInquiry(KARIYA, NAME, "KENKO", "c", "", "", 0, "5" * 15, PERSON, "SENT", 0, b"", b"", NOW, NOW)
CODE = HubCode(KARIYA, "HC1", PERSON, "REQUESTED", "", NOW, NOW)
BATCH = HubCopyBatch(KARIYA, "B1", "KENKO", "F1", 1, "CHANGE", "RUNNING", 3, 0, 0, NOW, NOW)
COPY = HubCopy(KARIYA, PERSON, "TM99000000000001", "1", b"digest", False, "B1", 2, "KENKO", "F1", 7, NOW)
ANSWERED = InquiryAnswered(NAME, KARIYA, "09", NOW, ())


def store_with(*rows: Any) -> MemoryStore:
    """A store that holds these rows."""
    store = MemoryStore()
    store.put(rows)
    return store


def reported(
    row: int = 0, *rules: str, state: BatchState = BatchState.RUNNING, counts: tuple[int, int] = (1, 1)
) -> Any:
    """A report about a part."""
    errors = tuple(field_error("items", rule) for rule in rules)
    return CopyBatchReported(KARIYA, "B1", state, *counts, sum(counts) + 1, row, errors)


@pytest.mark.parametrize(
    ("message", "state"),
    [
        (InquiryAccepted(NAME, KARIYA, "1", ()), "ACCEPTED"),
        (InquiryHeld(NAME, KARIYA, "TM99000000000001", "1" * 20, NOW + 5), "HELD"),
        (ANSWERED, "ANSWERED"),
        (InquiryRejected(NAME, KARIYA, "t", 0, 0, (field_error("kinds", "FIELD_OUT_OF_RANGE"),)), "REJECTED"),
    ],
)
def test_each_reply_moves_the_inquiry(message: Any, state: str) -> None:
    """Accepted, held, answered, rejected; an answer and a refusal are kept as they came."""
    decision = decided(SERVICE, message, store_with(INQUIRY))

    assert [row.state for row in decision.write] == [state]
    assert decision.write[0].answer == (encode(message) if state in ("ANSWERED", "REJECTED") else b"")
    assert decision.say == ()


@pytest.mark.parametrize("state", ["ANSWERED", "FETCHED", "REJECTED"])
def test_an_inquiry_that_has_ended_hears_nothing_more(state: str) -> None:
    """A reply that comes twice, or late, changes nothing."""
    decision = decided(SERVICE, ANSWERED, store_with(INQUIRY._replace(state=state)))

    assert decision.write == ()


def test_replies_to_others_are_passed_over() -> None:
    """The institution's other programs hear on the same topic; what they asked is not ours."""
    store = store_with(INQUIRY, CODE, BATCH)
    others = [
        ANSWERED._replace(record_identification_number="Q1"),
        CodeStateChanged(KARIYA, "R1", PERSON, CodeState.ISSUED, ""),
        AcquisitionNumberAssigned(KARIYA, "R1", PERSON, "1" * 20, NOW),
        reported()._replace(batch_id="X"),
    ]

    assert [decided(SERVICE, one, store).write for one in others] == [()] * 4


def test_an_acquisition_number_goes_to_the_resident_register() -> None:
    """What is queued holds the person and the acquisition number, and no individual number (domain 3(a))."""
    message = AcquisitionNumberAssigned(KARIYA, "HC1", PERSON, "12345678901234567890", NOW + 5)

    decision = decided(SERVICE, message, store_with(CODE))
    again = decided(SERVICE, message, store_with(CODE._replace(state="IDENTITY_SENT")))

    code, queued = decision.write
    assert code.state == "NUMBER_ASSIGNED"
    assert isinstance(queued, HubOutgoing)
    assert (queued.kind, queued.reference, queued.body) == ("IdentityNotified", f"{PERSON}/12345678901234567890", b"")
    assert again.write == ()


@pytest.mark.parametrize("state", [CodeState.ISSUED, CodeState.FAILED, CodeState.REVOKED])
def test_a_code_request_ends(state: CodeState) -> None:
    """Issued, failed or revoked, with the rule that decided; then nothing more."""
    message = CodeStateChanged(KARIYA, "HC1", PERSON, state, "IDENTITY_UNKNOWN")

    ended = decided(SERVICE, message, store_with(CODE)).write[0]
    late = decided(SERVICE, message, store_with(CODE._replace(state="ISSUED")))

    assert (ended.state, ended.rule) == (state.value, "IDENTITY_UNKNOWN")
    assert late.write == ()


def test_a_refused_request_about_a_code_fails() -> None:
    """A code request that was refused as it stood does not wait for ever."""
    message = InquiryRejected("HC1", KARIYA, "t", 0, 0, (field_error("integrated_number", "CODE_UNKNOWN"),))

    ended = decided(SERVICE, message, store_with(CODE)).write[0]

    assert (ended.state, ended.rule) == ("FAILED", "SIM-E708")


def test_a_refused_row_is_told_with_its_line_and_sent_again() -> None:
    """The refusal is kept with the line of the file, and the record counts as not sent."""
    decision = decided(SERVICE, reported(2, "ITEM_MISSING"), store_with(BATCH, COPY))

    refusal, copy, batch = decision.write
    assert refusal == HubCopyRefusal(KARIYA, "B1", 2, 7, as_json(reported(2, "ITEM_MISSING").errors))
    assert (copy.digest, copy.at_server) == (b"", False)
    assert (batch.accepted, batch.rejected, batch.state) == (1, 1, "RUNNING")


@pytest.mark.parametrize(("rule", "before", "after"), [("RECORD_EXISTS", False, True), ("RECORD_UNKNOWN", True, False)])
def test_the_server_knows_best_what_it_has(rule: str, before: bool, after: bool) -> None:
    """Whoever registers what is there, or updates what is not, does better the next time."""
    store = store_with(BATCH, COPY._replace(at_server=before))

    copies = [row for row in decided(SERVICE, reported(2, rule), store).write if isinstance(row, HubCopy)]

    assert [row.at_server for row in copies] == [after]


def test_the_first_refusal_of_a_row_stays() -> None:
    """A row that was said twice is refused twice, the second time for coming out of order."""
    store = store_with(BATCH, COPY, HubCopyRefusal(KARIYA, "B1", 2, 7, "[]"))

    decision = decided(SERVICE, reported(2, "ROW_OUT_OF_ORDER"), store)

    assert not [row for row in decision.write if isinstance(row, HubCopyRefusal | HubCopy)]


@pytest.mark.parametrize("state", [BatchState.ENDED, BatchState.ENDED_WITH_ERRORS, BatchState.ABORTED])
def test_a_part_ends_once(state: BatchState) -> None:
    """The last report ends it; a late or smaller one changes nothing."""
    ended = decided(SERVICE, reported(state=state, counts=(2, 1)), store_with(BATCH)).write[0]
    late = decided(SERVICE, reported(counts=(1, 0)), store_with(ended))
    smaller = decided(SERVICE, reported(counts=(0, 0)), store_with(BATCH._replace(accepted=1)))

    assert (ended.state, ended.accepted, ended.rejected) == (state.value, 2, 1)
    assert late.write == ()
    assert smaller.write == ()


def test_every_reply_is_heard() -> None:
    """A reply the hub does not need, one that is added later too, is passed over and never set aside; and so is all
    that business systems give."""
    replies = {kind for kind in MESSAGES if TOPIC[kind].endswith(".replies")}
    given = {kind for kind in MESSAGES if TOPIC[kind].startswith("hub.")}

    assert set(SERVICE.hears) == replies | given
    assert given
    assert not SERVICE.tells_senders


def test_a_hub_reads_its_own_topics_alone() -> None:
    """Whatever other institutions are attached, the sources are its replies and what its business systems give."""
    topics = hearing.OwnTopics(KARIYA)

    assert set(topics.sources(SERVICE.hears, 0)) == {
        (f"institution.{KARIYA}.replies", 0),
        (f"hub.{KARIYA}.copies", 0),
    }
    assert TOYOTA not in str(topics.sources(SERVICE.hears, 0))
    assert len(Topics(1, frozenset({KARIYA})).sources(SERVICE.hears, 0)) > 1
