"""情報照会: every way one kind can end, what the institution reads, and what becomes of late and bad input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
from factories import (
    ANJO,
    ATTACHED_HOME,
    KARIYA,
    NOW,
    RECORD,
    SHARED_HOME,
    TOYOTA,
    WORLD,
    Story,
    asks,
    asks_child,
    asks_fee,
    copy_row,
    decided,
    institution,
    kind,
    only_items,
    own_list,
    service,
    store_of,
    told,
)

from broker.decision import Decision
from broker.errors import PeerFault
from broker.rules.exchange import FINAL, State
from broker.rules.identity import exchange_id
from broker.rules.reasons import REASONS, SUCCESS, field_error
from broker.tables import CodeBinding, Exchange, Inquiry, ListCopy, Provision, SerialCounter, Suspension
from schemas.codec import encode
from schemas.records import (
    HoldConfirmed,
    HoldReason,
    HoldRefused,
    InquiryAccepted,
    InquiryAnswered,
    InquiryCancelRequested,
    InquiryHeld,
    InquiryRejected,
    InquiryRequested,
    InquirySent,
    Outcome,
    PermitIssued,
    PermitRequested,
    ProvisionAnswered,
    RequestedKind,
)
from services.inquiry import ANSWER_SECONDS
from services.network import NETWORK_CODE
from services.world import HOUSEHOLD, INSURER, LOCAL_TAX, MUNICIPALITY, VACCINATION, VACCINATION_ITEMS

INQUIRY = service("inquiry")
REQUESTS = f"institution.{KARIYA}.requests"
RESIDENT = WORLD.resident(ATTACHED_HOME)
CANCEL = InquiryCancelRequested(RECORD, KARIYA, "窓口で取下げ")


class Case(NamedTuple):
    """One way to end: what holds, what is asked, and what must come of it."""

    name: str
    outcome: Outcome
    rule: str
    state: State
    parties: str
    message: InquiryRequested
    rows: Sequence[Any] = ()
    nearest: tuple[str, str, str] = ("", "", "")


def ends(
    name: str,
    outcome: Outcome,
    rule: str,
    state: State,
    parties: str,
    *rows: Any,
    asked: InquiryRequested | None = None,
    nearest: tuple[str, str, str] = ("", "", ""),
) -> Case:
    return Case(name, outcome, rule, state, parties, asked or asks(), rows, nearest)


def closed_codes(institution_code: str) -> list[CodeBinding]:
    """The person's codes at an institution, ended before the story begins."""
    rows = [row for row in WORLD.rows_of(RESIDENT) if isinstance(row, CodeBinding)]
    return [row._replace(valid_to=NOW - 1) for row in rows if row.institution_code == institution_code]


def suspended(institution_code: str, number: str, since: int = 0) -> Suspension:
    return Suspension(institution_code, number, "紐付け誤り", since)


NEAREST_CONSENT = ("18-1", "consent_obtained", "true")
CASES = (
    ends("ok", Outcome.OK, "", State.RECEIVED, "INP"),
    ends(
        "non_disclosed_copy",
        Outcome.NON_DISCLOSED,
        "",
        State.RECEIVED,
        "INP",
        copy_row(non_disclosure_code="2"),
    ),
    ends("child_allowance", Outcome.OK, "", State.RECEIVED, "INP", asked=asks_child(kind(LOCAL_TAX))),
    ends(
        "non_disclosed_by_the_inquirer",
        Outcome.NON_DISCLOSED,
        "",
        State.RECEIVED,
        "INP",
        asked=asks(inquirer_non_disclosure_code="2"),
    ),
    ends(
        "suspension_not_yet_begun",
        Outcome.OK,
        "",
        State.RECEIVED,
        "INP",
        suspended(KARIYA, RESIDENT.home_number, NOW + 9),
    ),
    ends(
        "no_code",
        Outcome.NO_CODE,
        "CODE_MISSING",
        State.REJECTED_LOCAL,
        "I",
        asked=asks(integrated_number="900000000000001"),
    ),
    ends("code_revoked", Outcome.NO_CODE, "CODE_MISSING", State.REJECTED_LOCAL, "I", *closed_codes(KARIYA)),
    ends(
        "suspended_at_inquirer",
        Outcome.SUSPENDED,
        "PERSON_SUSPENDED_AT_INQUIRER",
        State.REJECTED_LOCAL,
        "I",
        suspended(KARIYA, RESIDENT.home_number),
    ),
    ends(
        "no_such_combination",
        Outcome.NOT_PERMITTED,
        "NO_SUCH_COMBINATION",
        State.PERMIT_DENIED,
        "IN",
        asked=asks(procedure_code="JT99000000000009"),
        nearest=("16-2-1", "procedure_code", "JT99000000000001"),
    ),
    ends(
        "wrong_class_of_provider",
        Outcome.NOT_PERMITTED,
        "NO_SUCH_COMBINATION",
        State.PERMIT_DENIED,
        "IN",
        institution(TOYOTA, institution_class=INSURER),
        nearest=("16-2-1", "provider_class", MUNICIPALITY),
    ),
    ends(
        "not_in_force",
        Outcome.NOT_PERMITTED,
        "NOT_IN_FORCE",
        State.PERMIT_DENIED,
        "IN",
        *own_list(NETWORK_CODE, lambda row: row._replace(valid_to="20260101")),
        nearest=("16-2-1", "on_date", "20210401/20260101"),
    ),
    ends(
        "consent_missing",
        Outcome.NOT_PERMITTED,
        "CONSENT_MISSING",
        State.PERMIT_DENIED,
        "IN",
        asked=asks_fee(kind(LOCAL_TAX)),
        nearest=NEAREST_CONSENT,
    ),
    ends(
        "consent_given", Outcome.OK, "", State.RECEIVED, "INP", asked=asks_fee(kind(LOCAL_TAX), consent_obtained=True)
    ),
    ends(
        "list_disagrees",
        Outcome.LIST_DISAGREES,
        "NO_SUCH_COMBINATION",
        State.FAILED,
        "INP",
        *own_list(
            TOYOTA, lambda row: row._replace(procedure_code="JT99000000000009") if row.row_id == "16-2-1" else row
        ),
        nearest=("16-2-1", "procedure_code", "JT99000000000009"),
    ),
    ends(
        "wrong_municipality",
        Outcome.NO_MATCH,
        "PERSON_UNKNOWN_AT_PROVIDER",
        State.NO_MATCH,
        "IN",
        asked=asks(kind(provider=next(c for c in (ANJO, TOYOTA) if c != RESIDENT.previous))),
    ),
    ends(
        "code_ended_at_provider",
        Outcome.NO_MATCH,
        "PERSON_UNKNOWN_AT_PROVIDER",
        State.NO_MATCH,
        "INP",
        *closed_codes(TOYOTA),
    ),
    ends(
        "outside_the_period",
        Outcome.NO_DATA,
        "NOTHING_HELD",
        State.NO_DATA,
        "INP",
        asked=asks(kind(period_from="20200101", period_to="20251231")),
    ),
    ends(
        "not_published_yet",
        Outcome.NO_DATA,
        "NOTHING_HELD",
        State.NO_DATA,
        "INP",
        copy_row(publication_from="20270101"),
    ),
    ends(
        "no_longer_published",
        Outcome.NO_DATA,
        "NOTHING_HELD",
        State.NO_DATA,
        "INP",
        copy_row(publication_to="20260601"),
    ),
    ends(
        "items_not_permitted",
        Outcome.NO_DATA,
        "ITEMS_NOT_PERMITTED",
        State.NO_DATA,
        "INP",
        *own_list(NETWORK_CODE, only_items("99000100000009")),
    ),
    ends(
        "pia_of_inquirer",
        Outcome.PIA_BLOCK,
        "PIA_OF_INQUIRER",
        State.PERMIT_DENIED,
        "IN",
        institution(KARIYA, pia_valid=False),
    ),
    ends(
        "pia_of_provider",
        Outcome.PIA_BLOCK,
        "PIA_OF_PROVIDER",
        State.PERMIT_DENIED,
        "IN",
        institution(TOYOTA, pia_valid=False),
    ),
    ends(
        "suspended_at_provider",
        Outcome.SUSPENDED,
        "PERSON_SUSPENDED_AT_PROVIDER",
        State.FAILED,
        "INP",
        suspended(TOYOTA, RESIDENT.previous_number),
    ),
    *(
        ends(
            f"provider_{state.lower()}",
            Outcome.UNAVAILABLE,
            "PROVIDER_DOWN",
            State.PERMIT_DENIED,
            "IN",
            institution(TOYOTA, operating_state=state),
        )
        for state in ("DOWN", "MAINTENANCE", "STARTING")
    ),
    ends(
        "provider_unknown",
        Outcome.INVALID,
        "PROVIDER_UNKNOWN",
        State.PERMIT_DENIED,
        "IN",
        asked=asks(kind(provider="9900999999900000")),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_one_kind_ends(case: Case) -> None:
    """Each outcome of domain 3(c-3) has its rule, its words, its final state, its records, and content only if good."""

    async def scene(story: Story) -> None:
        await story.ask(case.message)

    story = told(scene, rows=case.rows)
    answer = story.kind_answered()
    row = story.exchange()
    good = case.outcome in SUCCESS
    reason = REASONS[case.rule] if case.rule else ("", "", "")

    assert (answer.outcome, answer.rule) == (case.outcome, case.rule)
    assert (answer.error_id, answer.reason_ja, answer.reason_en) == tuple(reason)
    assert (answer.nearest_row_id, answer.nearest_attribute, answer.nearest_value) == case.nearest
    assert (row.state, row.outcome, story.parties()) == (case.state, case.outcome, case.parties)
    assert (answer.spi_status, story.answer().inquiry_status) == (("01", "09") if good else ("", ""))
    assert bool(answer.sealed_answer) == bool(answer.answer_digest) == bool(answer.provided_at) == good
    assert {record.outcome for record in story.records()} == {case.outcome}
    assert {record.rule for record in story.records()} == {case.rule}
    assert story.set_aside() == []


def test_answer_holds_what_the_provider_holds() -> None:
    """What the inquirer opens is the provider's copy, item for item, and nobody else can open it."""

    async def scene(story: Story) -> None:
        await story.ask(asks())

    story = told(scene)
    opened = story.opened(story.kind_answered(), KARIYA)

    assert [record.items for record in opened.records] == [WORLD.items_of(RESIDENT, VACCINATION)]
    assert opened.as_of == story.kind_answered().provided_at
    assert story.exchange().answer == b""  # nothing of one kind is kept at the inquirer's server once it is said


def test_only_permitted_items_leave() -> None:
    """The permit names the items; what else the copy holds stays where it is."""

    async def scene(story: Story) -> None:
        await story.ask(asks())

    story = told(scene, rows=own_list(NETWORK_CODE, only_items(*VACCINATION_ITEMS[:2])))
    opened = story.opened(story.kind_answered(), KARIYA)

    assert [item.code for record in opened.records for item in record.items] == list(VACCINATION_ITEMS[:2])
    assert all(record.spi_items == VACCINATION_ITEMS[:2] for record in story.records())


@pytest.mark.parametrize(
    ("missing_at", "outcome", "rule"),
    [
        (NETWORK_CODE, Outcome.NOT_PERMITTED, "LIST_UNKNOWN"),
        (TOYOTA, Outcome.LIST_DISAGREES, "LIST_COPY_MISSING"),
    ],
)
def test_without_a_list_nothing_is_permitted(missing_at: str, outcome: Outcome, rule: str) -> None:
    """No list at the network or at the provider means no, and the rule says where it is missing."""

    async def scene(story: Story) -> None:
        story.store.drop(ListCopy, (missing_at,))
        await story.ask(asks())

    answer = told(scene).kind_answered()

    assert (answer.outcome, answer.rule) == (outcome, rule)


def test_nothing_held_of_the_kind() -> None:
    """A person who is known, of whom nothing of the kind is held, is NO_DATA and not NO_MATCH."""

    async def scene(story: Story) -> None:
        for key in [key for key in story.store.tables[type(copy_row())] if key[2] == HOUSEHOLD]:
            story.store.drop(type(copy_row()), key)
        await story.ask(asks_fee(kind(HOUSEHOLD)))

    answer = told(scene).kind_answered()

    assert (answer.outcome, answer.rule) == (Outcome.NO_DATA, "NOTHING_HELD")


def test_no_inquiry_runs_before_its_permit() -> None:
    """The inquiry, with its linkage code, leaves only after the permit has come (assessment III-6 risk 1(1))."""

    async def scene(story: Story) -> None:
        await story.ask(asks())
        assert (len(story.said(PermitRequested)), len(story.said(InquirySent))) == (1, 0)
        story.resume("network")
        await story.settle()

    story = told(scene, away=("network",))

    assert [m.permit for m in story.said(InquirySent)] == [m.permit for m in story.said(PermitIssued)]


# ── several kinds, several providers ─────────────────────────────────────────────────────────────────────────────


def test_kinds_end_each_for_itself() -> None:
    """Each kind has its own serial, state and outcome; one answer names all in the order asked; 09 only if all well."""
    other = next(c for c in (ANJO, TOYOTA) if c != RESIDENT.previous)
    kinds = (kind(HOUSEHOLD), kind(LOCAL_TAX), kind(HOUSEHOLD, provider=other), kind(VACCINATION))

    async def scene(story: Story) -> None:
        await story.ask(asks_fee(*kinds))

    story = told(scene)
    answer = story.answer()

    assert [one.outcome for one in answer.kinds] == [
        Outcome.OK,
        Outcome.NOT_PERMITTED,
        Outcome.NO_MATCH,
        Outcome.NOT_PERMITTED,
    ]
    assert [one.spi_status for one in answer.kinds] == ["01", "", "", ""]
    assert answer.inquiry_status == ""
    assert [row.state for row in story.rows(Exchange)] == ["RECEIVED", "PERMIT_DENIED", "NO_MATCH", "PERMIT_DENIED"]
    assert [one.transaction_serial_number[-2:] for one in answer.kinds] == ["00", "01", "02", "03"]
    assert [one.provider_institution_code for one in answer.kinds] == [one.provider_institution_code for one in kinds]
    assert story.opened(answer.kinds[0], KARIYA).spi_name_code == HOUSEHOLD


def test_all_kinds_well_is_09() -> None:
    """The status of the inquiry is 09 when, and only when, every kind ended well; hidden from the person is well."""

    async def scene(story: Story) -> None:
        await story.ask(asks_fee(kind(HOUSEHOLD), kind(LOCAL_TAX), consent_obtained=True))

    story = told(scene, rows=[copy_row(LOCAL_TAX, non_disclosure_code="2")])

    assert [one.outcome for one in story.answer().kinds] == [Outcome.OK, Outcome.NON_DISCLOSED]
    assert story.answer().inquiry_status == "09"
    assert story.rows(Inquiry)[0].open_kinds == 0


def test_one_kind_waits_for_staff_while_the_other_is_done() -> None:
    """The answer waits for the last kind; a finished sister neither is lost nor holds the other up."""

    async def scene(story: Story) -> None:
        await story.ask(asks_fee(kind(HOUSEHOLD), kind(LOCAL_TAX), consent_obtained=True))
        assert story.said(InquiryAnswered) == []
        assert [row.state for row in story.rows(Exchange)] == ["RECEIVED", "HELD"]
        hold = next(row for row in story.rows(Provision) if row.state == "HELD")
        await story.ask(HoldConfirmed(hold.exchange_id, TOYOTA, "OP9", hold.shown_digest, NOW))

    story = told(scene, rows=[copy_row(LOCAL_TAX, auto_response_disabled=True)])

    assert [one.outcome for one in story.answer().kinds] == [Outcome.OK, Outcome.OK]
    assert [m.spi_name_code for m in story.said(InquiryHeld)] == [LOCAL_TAX]
    assert [len(story.opened(one, KARIYA).records) for one in story.answer().kinds] == [1, 1]


def test_each_kind_has_its_own_deadline() -> None:
    """A kind expires at its own deadline while its sister goes on waiting until hers."""

    async def scene(story: Story) -> None:
        kinds = kind(HOUSEHOLD, answer_within_seconds=10), kind(LOCAL_TAX, answer_within_seconds=500)
        await story.ask(asks_fee(*kinds, consent_obtained=True))
        await story.pass_time(seconds=20)
        assert [row.state for row in story.rows(Exchange)] == ["EXPIRED", "SENT"]
        assert story.said(InquiryAnswered) == []
        story.resume("provision")
        await story.settle()

    story = told(scene, away=("provision",))

    assert [one.outcome for one in story.answer().kinds] == [Outcome.EXPIRED, Outcome.OK]
    assert story.answer().inquiry_status == ""


def test_suspension_and_missing_code_end_every_kind_at_once() -> None:
    """What stops a person at the inquirer's own server stops all kinds there, each with its own record."""

    async def scene(story: Story) -> None:
        await story.ask(asks_fee(kind(HOUSEHOLD), kind(LOCAL_TAX)))

    story = told(scene, rows=[suspended(KARIYA, RESIDENT.home_number)])

    assert [one.outcome for one in story.answer().kinds] == [Outcome.SUSPENDED] * 2
    assert (story.parties(), story.said(PermitRequested)) == ("II", [])


# ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_expired_while_the_provider_was_away() -> None:
    """A kind whose provider was away past the deadline is EXPIRED for all: nothing leaves for what nobody awaits."""

    async def scene(story: Story) -> None:
        await story.ask(asks())
        await story.pass_time(seconds=ANSWER_SECONDS + 1)
        assert story.kind_answered().outcome is Outcome.EXPIRED
        story.resume("provision")
        await story.settle()

    story = told(scene, away=("provision",))
    records = {record.party.value: record.outcome for record in story.records()}

    assert (story.kind_answered().outcome, story.kind_answered().rule) == (Outcome.EXPIRED, "DEADLINE_PASSED")
    assert story.exchange().state == State.EXPIRED
    assert [(m.outcome, m.sealed_answer) for m in story.said(ProvisionAnswered)] == [(Outcome.EXPIRED, b"")]
    assert records == dict.fromkeys(("INQUIRER", "NETWORK", "PROVIDER"), Outcome.EXPIRED)


ENDS = (
    (State.RECEIVED, "duplicate_answer"),
    (State.REFUSED, "duplicate_answer"),
    (State.FAILED, "duplicate_answer"),
    (State.EXPIRED, "late_answer"),
    (State.CANCELLED, "late_answer"),
)


@pytest.mark.parametrize(("state", "outcome"), ENDS)
def test_answer_after_the_end_has_a_name(state: State, outcome: str) -> None:
    """A late and a duplicate answer are told apart, and neither says or writes anything."""
    store = store_of(residents=[ATTACHED_HOME])
    decided(INQUIRY, asks(), store, topic=REQUESTS)
    (row,) = store.tables[Exchange].values()
    store.put([row._replace(state=state)])
    answer = ProvisionAnswered(row.exchange_id, Outcome.OK, "", NOW, b"s", b"d", b"e", (), "1", 1)

    decision = decided(INQUIRY, answer, store)

    assert decision == Decision(outcome)


def test_answer_about_nothing_ever_asked() -> None:
    """An answer to an exchange that never was is set aside with EXCHANGE_UNKNOWN."""
    answer = ProvisionAnswered(f"{KARIYA}-{0:020d}", Outcome.OK, "", NOW, b"s", b"d", b"e", (), "1", 1)

    with pytest.raises(PeerFault) as fault:
        decided(INQUIRY, answer, store_of())

    assert fault.value.rule == "EXCHANGE_UNKNOWN"


def test_not_expired_before_the_deadline() -> None:
    """One second before the deadline the kind still waits."""

    async def scene(story: Story) -> None:
        await story.ask(asks())
        await story.pass_time(seconds=ANSWER_SECONDS - 10)
        assert story.exchange().state == State.SENT

    assert told(scene, away=("provision",)).said(InquiryAnswered) == []


@pytest.mark.parametrize(("away", "parties"), [("provision", "INP"), ("network", "IN")])
def test_cancelled_and_what_comes_later(away: str, parties: str) -> None:
    """A withdrawn kind is CANCELLED, in whichever open state it was; a permit or an answer that comes later is late."""

    async def scene(story: Story) -> None:
        await story.ask(asks())
        await story.ask(CANCEL)
        story.resume(away)
        await story.settle()
        await story.pass_time(days=2)

    story = told(scene, away=(away,))

    assert (story.kind_answered().outcome, story.kind_answered().rule) == (Outcome.CANCELLED, "WITHDRAWN")
    assert (story.exchange().state, story.parties()) == (State.CANCELLED, parties)
    assert story.answer().inquiry_status == ""
    assert len(story.said(InquirySent)) == (away == "provision")


def test_cancel_ends_open_kinds_only() -> None:
    """A withdrawal closes what still waits; what has ended keeps its answer."""

    async def scene(story: Story) -> None:
        await story.ask(asks_fee(kind(HOUSEHOLD), kind(LOCAL_TAX), consent_obtained=True), CANCEL)

    story = told(scene, rows=[copy_row(LOCAL_TAX, auto_response_disabled=True)])

    async def held(story: Story) -> None:
        await story.ask(asks_fee(kind(HOUSEHOLD), kind(LOCAL_TAX), consent_obtained=True))
        await story.ask(CANCEL)

    later = told(held, rows=[copy_row(LOCAL_TAX, auto_response_disabled=True)])

    assert [one.outcome for one in story.answer().kinds] == [Outcome.CANCELLED] * 2
    assert [one.outcome for one in later.answer().kinds] == [Outcome.OK, Outcome.CANCELLED]


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (
            CANCEL._replace(record_identification_number="NEVER"),
            field_error("record_identification_number", "UNKNOWN_INQUIRY"),
        ),
        (CANCEL, field_error("record_identification_number", "ALREADY_ANSWERED")),
    ],
)
def test_cancel_refused(message: InquiryCancelRequested, error: Any) -> None:
    """What was never asked, or has ended, cannot be withdrawn; the reply says which."""

    async def scene(story: Story) -> None:
        await story.ask(asks())
        await story.ask(message)

    story = told(scene)

    assert [m.errors for m in story.said(InquiryRejected)] == [(error,)]
    assert story.kind_answered().outcome is Outcome.OK


def test_refusal_that_overtakes_the_news_of_the_hold() -> None:
    """Staff's refusal counts even when it is read before the message that the answer was held."""

    async def scene(story: Story) -> None:
        await story.ask(asks())
        story.leave("inquiry")
        story.resume("provision")
        await story.settle()
        hold = story.hold()
        await story.ask(HoldRefused(hold.exchange_id, TOYOTA, "OP9", HoldReason.PROTECTED, "", NOW))
        story.resume("inquiry")
        await story.settle()

    story = told(scene, away=("provision",), rows=[copy_row(auto_response_disabled=True)])

    assert (story.kind_answered().outcome, story.exchange().state) == (Outcome.REFUSED, State.REFUSED)
    assert story.said(InquiryHeld) == []


# ── repeats and identity ─────────────────────────────────────────────────────────────────────────────────────────


def test_same_record_number_with_same_content_is_asked_once() -> None:
    """A repeat of the whole message is dropped: one exchange, one answer, no complaint."""

    async def scene(story: Story) -> None:
        await story.ask(asks(), asks())
        await story.ask(asks())

    story = told(scene)

    assert len(story.rows(Exchange)) == len(story.said(InquiryAnswered)) == 1
    assert story.said(InquiryRejected) == []


def test_same_record_number_with_other_content_is_refused() -> None:
    """A record number used before with other content is DUPLICATE_RECORD_ID; the first inquiry is not touched."""

    async def scene(story: Story) -> None:
        await story.ask(asks(), asks(inquirer_operator_id="OP002"))

    story = told(scene)

    assert [m.errors for m in story.said(InquiryRejected)] == [
        (field_error("record_identification_number", "DUPLICATE_RECORD_ID"),)
    ]
    assert story.said(InquiryRejected)[0].errors[0].error_id == "SIM-E106"
    assert story.kind_answered().outcome is Outcome.OK
    assert len(story.rows(Exchange)) == 1


def test_record_numbers_belong_to_their_institution() -> None:
    """Two institutions may use the same record number."""

    async def scene(story: Story) -> None:
        await story.ask(asks(n=ATTACHED_HOME), asks(n=SHARED_HOME, record_identification_number=RECORD))

    story = told(scene)

    assert [one.outcome for m in story.said(InquiryAnswered) for one in m.kinds] == [Outcome.OK] * 2
    assert len(story.rows(Inquiry)) == 2


def test_acknowledgement_when_wanted() -> None:
    """An acknowledged inquiry learns its reception number and every kind's serial number before any answer."""

    async def scene(story: Story) -> None:
        await story.ask(asks_fee(kind(HOUSEHOLD), kind(LOCAL_TAX), acknowledge=True))

    story = told(scene)
    (accepted,) = story.said(InquiryAccepted)

    assert [exchange_id(KARIYA, one) for one in accepted.transaction_serial_numbers] == [
        row.exchange_id for row in story.rows(Exchange)
    ]
    assert len(accepted.reception_number) == 32


def test_serial_numbers_count_up_within_an_institution() -> None:
    """Each inquiry of an institution gets the next number; the counter is the institution's own."""

    async def scene(story: Story) -> None:
        await story.ask(*(asks(record_identification_number=f"Q{n}") for n in range(3)), asks(n=SHARED_HOME))

    story = told(scene)

    assert [row.last for row in story.rows(SerialCounter)] == [3, 1]
    assert len({row.exchange_id for row in story.rows(Exchange)}) == 4
    assert all(row.state in FINAL for row in story.rows(Exchange))


# ── bad input from an institution ────────────────────────────────────────────────────────────────────────────────


def bad(**changes: Any) -> InquiryRequested:
    return asks(record_identification_number="BAD", **changes)


def bad_kind(**changes: Any) -> InquiryRequested:
    return bad(kinds=(kind(), kind(**changes)))


REJECTED: tuple[tuple[InquiryRequested, tuple[tuple[str, str, str], ...]], ...] = (
    (bad(requested_at=""), (("requested_at", "SIM-E101", "a required field is empty (yyyymmddhhmmssSSS, 17 digits)"),)),
    (
        bad(integrated_number="12345", affair_code="JT00000000000001"),
        (
            ("integrated_number", "SIM-E102", "the field does not have the form it must have (15 digits)"),
            ("affair_code", "SIM-E102", "the field does not have the form it must have (JM and 14 digits)"),
        ),
    ),
    (bad(kinds=()), (("kinds", "SIM-E103", "the field's value is out of range (1 to 20 kinds)"),)),
    (bad(kinds=(kind(),) * 21), (("kinds", "SIM-E103", "the field's value is out of range (1 to 20 kinds)"),)),
    (
        bad_kind(spi_name_code="TM1", answer_within_seconds=-1),
        (
            ("kinds[1].spi_name_code", "SIM-E102", "the field does not have the form it must have (TM and 14 digits)"),
            ("kinds[1].answer_within_seconds", "SIM-E103", "the field's value is out of range (0 to 2592000 seconds)"),
        ),
    ),
    (
        bad_kind(period_from="20260201", period_to="20260131"),
        (("kinds[1].period_to", "SIM-E611", "the first day is after the last"),),
    ),
)


@pytest.mark.parametrize(("message", "expected"), REJECTED, ids=lambda one: "")
def test_ill_formed_fields_are_named(message: InquiryRequested, expected: Any) -> None:
    """Every missing or ill-formed field is named at once, nothing is begun, and the next message is served."""

    async def scene(story: Story) -> None:
        await story.ask(message, asks())

    story = told(scene)
    (rejected,) = story.said(InquiryRejected)

    assert tuple((error.field, error.error_id, error.reason_en) for error in rejected.errors) == expected
    assert all(error.reason_ja for error in rejected.errors)
    assert (rejected.record_identification_number, rejected.topic, rejected.offset) == ("BAD", REQUESTS, 0)
    assert len(story.rows(Inquiry)) == 1
    assert story.kind_answered().outcome is Outcome.OK


@pytest.mark.parametrize("record_id", ["", "x" * 41, "999900000012 999900000012", "Q\x00", "<" * 100_000])
def test_an_ill_formed_record_number_is_not_repeated(record_id: str) -> None:
    """A reply never carries back what could be anything and of any size."""

    async def scene(story: Story) -> None:
        await story.ask(asks(record_identification_number=record_id), asks())

    story = told(scene)
    (reply,) = story.said(InquiryRejected)

    assert [error.field for error in reply.errors] == ["record_identification_number"]
    assert reply.record_identification_number == ""
    assert len(encode(reply)) < 1000
    assert story.kind_answered().outcome is Outcome.OK


def message_without_an_end() -> bytes:
    return encode(asks())[:-3]


UNREADABLE: tuple[tuple[str, bytes], ...] = (
    ("EMPTY", b""),
    ("NOT_FRAMED", b"{}"),
    ("NOT_FRAMED", b"<soap:Envelope/>"),
    ("UNKNOWN_SCHEMA", b"\x00\x00\x00\xff\xff"),
    ("DAMAGED", message_without_an_end()),
    ("TRAILING_BYTES", encode(asks()) + b"\x00"),
    ("OVERSIZED", encode(asks(inquirer_operator_id="x" * 300_000))),
    ("WRONG_TOPIC", encode(PermitIssued("x", b"", b"", "", 1, ""))),
    ("FOREIGN_SENDER", encode(asks(inquirer_institution_code=TOYOTA))),
    ("FOREIGN_SENDER", encode(asks(inquirer_institution_code=ANJO))),
    ("FOREIGN_SENDER", encode(CANCEL._replace(inquirer_institution_code=TOYOTA))),
    ("UNKNOWN_INSTITUTION", encode(asks(inquirer_institution_code="9900999999900000"))),
    ("UNKNOWN_INSTITUTION", encode(asks(inquirer_institution_code=""))),
    ("UNKNOWN_INSTITUTION", encode(asks(inquirer_institution_code="999900000012"))),
    ("UNKNOWN_INSTITUTION", encode(CANCEL._replace(inquirer_institution_code="x" * 100_000))),
)


@pytest.mark.parametrize(("rule", "raw"), UNREADABLE)
def test_set_aside_with_its_reason(rule: str, raw: bytes) -> None:
    """What cannot be served is kept, encrypted, with the rule; its sender is told; the next message is served."""

    async def scene(story: Story) -> None:
        story.send(asks(), topic=REQUESTS, raw=raw)
        await story.ask(asks())

    story = told(scene)
    (row,) = story.set_aside()
    (reply,) = story.said(InquiryRejected)

    assert (row.service, row.topic, row.record_offset, row.rule) == ("inquiry", REQUESTS, 0, rule)
    assert raw not in row.value or not raw
    assert story.keys.unprotect(row.value) == raw
    assert (reply.topic, reply.offset, len(reply.errors)) == (REQUESTS, 0, 1)
    assert len(encode(reply)) < 2000
    assert story.kind_answered().outcome is Outcome.OK


def test_an_institution_on_the_shared_topic_may_not_speak_for_an_attached_one() -> None:
    """A message of an institution with a topic of its own is foreign on the shared topic."""

    async def scene(story: Story) -> None:
        story.send(asks(), topic="institution.shared.requests")
        await story.ask(asks(n=SHARED_HOME))

    story = told(scene)

    assert [row.rule for row in story.set_aside()] == ["FOREIGN_SENDER"]
    assert [one.outcome for m in story.said(InquiryAnswered) for one in m.kinds] == [Outcome.OK]
    assert story.said(InquiryRejected) == []  # several read there: nobody is told of another's message


def test_kinds_limit_is_reached() -> None:
    """Twenty kinds in one inquiry are served, each for itself."""

    async def scene(story: Story) -> None:
        await story.ask(asks(*(RequestedKind(TOYOTA, VACCINATION),) * 20))

    story = told(scene)

    assert [one.outcome for one in story.answer().kinds] == [Outcome.OK] * 20
    assert len({one.transaction_serial_number for one in story.answer().kinds}) == 20
