"""符号管理: acquisition over two channels from end to end, revocation, and everything that can go wrong between."""

from __future__ import annotations

from typing import Any

import pytest
from factories import (
    ANJO,
    KARIYA,
    NOW,
    TOYOTA,
    WORLD,
    Story,
    asks,
    decided,
    kind,
    service,
    store_of,
    told,
)

from broker.errors import PeerFault
from broker.rules import numbers
from broker.rules.reasons import field_error
from broker.tables import Acquisition, CodeBinding, CodeRequest, NetworkCode, ResidentNumber, Suspension
from schemas.codec import encode
from schemas.records import (
    AcquisitionNumberAssigned,
    AcquisitionNumberIssued,
    CodeAcquisitionFailed,
    CodeAcquisitionRequested,
    CodeRevocationRequested,
    CodeState,
    CodeStateChanged,
    CopyCommand,
    IdentityConfirmed,
    IdentityNotified,
    InquiryAnswered,
    InquiryRejected,
    LinkageCodeIssued,
    LinkageCodeRevoked,
    LinkageSuspensionChanged,
    LinkageSuspensionRequested,
    Outcome,
)
from services.network import ACQUISITION_LIFE_MS
from services.world import VACCINATION

CODES = service("code_management")
N = next(n for n in range(24) if {WORLD.resident(n).home, WORLD.resident(n).previous} == {TOYOTA, ANJO})
PERSON = WORLD.resident(N)
NUMBER = "900000000000001"
ASK = CodeAcquisitionRequested(KARIYA, "R1", NUMBER)
TOPIC = f"institution.{KARIYA}.codes"
REVOKE = CodeRevocationRequested(KARIYA, "X1", NUMBER, 0)


def assigned(story: Story) -> AcquisitionNumberAssigned:
    """The last acquisition number that an institution was given."""
    return story.said(AcquisitionNumberAssigned)[-1]  # type: ignore[no-any-return]


def notified(story: Story, individual_number: str = PERSON.individual_number, by: str = KARIYA) -> IdentityNotified:
    """Channel 1: the institution takes the acquisition number to the resident register."""
    return IdentityNotified(by, assigned(story).acquisition_number, individual_number)


def states(story: Story) -> list[tuple[str, str, str]]:
    """What the institutions were told of their codes, in the order it was said."""
    return [(m.request_id, m.state.value, m.rule) for m in story.said(CodeStateChanged)]


# ── both channels ────────────────────────────────────────────────────────────────────────────────────────────────


def test_code_is_acquired_over_two_channels() -> None:
    """Number over one channel, identity over the other; the code is bound, the number is gone everywhere."""

    async def scene(story: Story) -> None:
        await story.ask(ASK)
        number = assigned(story).acquisition_number
        assert (len(number), assigned(story).integrated_number) == (20, NUMBER)
        await story.ask(notified(story))
        for table, rows in story.store.tables.items():
            assert all(number not in str(row) for row in rows.values()), table

    story = told(scene)
    binding = next(row for row in story.rows(CodeBinding) if row.institution_code == KARIYA and row.request_id == "R1")

    assert states(story) == [("R1", "ISSUED", "")]
    assert (binding.integrated_number, binding.valid_to) == (NUMBER, 0)
    assert [row.state for row in story.rows(CodeRequest)] == ["ISSUED"]
    assert story.rows(Acquisition) == []


def test_same_person_has_different_codes_at_two_institutions() -> None:
    """The code that Kariya gets is not one that Toyota or Anjo holds; the network alone knows they belong together."""

    async def scene(story: Story) -> None:
        await story.ask(ASK)
        await story.ask(notified(story))

    story = told(scene)
    issued = story.said(LinkageCodeIssued)[0].linkage_code
    person = next(row.internal_id for row in story.rows(NetworkCode) if row.linkage_code == issued)
    codes = {row.institution_code: row.linkage_code for row in story.rows(NetworkCode) if row.internal_id == person}

    assert set(codes) == {KARIYA, TOYOTA, ANJO}
    assert len(set(codes.values())) == 3
    assert codes[TOYOTA] == WORLD.code_of(PERSON, TOYOTA)


def test_neither_channel_alone_links_number_and_code() -> None:
    """Channel 1 never sees a code, channel 2 never an individual number; only the network's token stands between."""

    async def scene(story: Story) -> None:
        await story.ask(ASK)
        await story.ask(notified(story))

    story = told(scene)
    code = story.said(LinkageCodeIssued)[0].linkage_code.encode()
    with_number = {t for (t, _), log in story.broker.logs.items() for r in log if _number() in (r.value or b"")}
    with_code = {t for (t, _), log in story.broker.logs.items() for r in log if code in (r.value or b"")}

    assert with_number == {f"juki.{KARIYA}.identities"}
    assert with_code == {"network.linkage_code_issued"}
    assert _number() not in encode(story.said(IdentityConfirmed)[0])
    assert all(PERSON.individual_number not in str(row) for row in story.rows(ResidentNumber))


def _number() -> bytes:
    return PERSON.individual_number.encode()


def test_new_code_serves_an_inquiry() -> None:
    """A code acquired in the story carries an inquiry to the person's other institutions."""

    async def scene(story: Story) -> None:
        question = asks(
            kind(VACCINATION, provider=PERSON.previous), integrated_number=NUMBER, record_identification_number="A"
        )
        await story.ask(question)
        await story.ask(ASK)
        await story.ask(notified(story))
        await story.ask(question._replace(record_identification_number="B"))

    story = told(scene)

    assert story.kind_answered("A").outcome is Outcome.NO_CODE
    assert story.kind_answered("B").outcome is Outcome.OK
    assert story.opened(story.kind_answered("B"), KARIYA).records[0].items == WORLD.items_of(PERSON, VACCINATION)


# ── what goes wrong ──────────────────────────────────────────────────────────────────────────────────────────────


def test_number_is_used_once() -> None:
    """The same number taken to the register again is unknown, and the code stays as it is."""

    async def scene(story: Story) -> None:
        await story.ask(ASK)
        await story.ask(notified(story))
        await story.ask(notified(story))

    story = told(scene)

    assert [m.rule for m in story.said(CodeAcquisitionFailed)] == ["ACQUISITION_UNKNOWN"]
    assert states(story) == [("R1", "ISSUED", "")]


def test_number_expires() -> None:
    """A day later the number is worth nothing and is erased; the institution is told and can ask again."""

    async def scene(story: Story) -> None:
        await story.ask(ASK)
        await story.pass_time(seconds=ACQUISITION_LIFE_MS / 1000)
        await story.ask(notified(story))
        await story.ask(ASK._replace(request_id="R2"))
        await story.ask(notified(story))

    story = told(scene)

    assert states(story) == [("R1", "FAILED", "ACQUISITION_EXPIRED"), ("R2", "ISSUED", "")]
    assert story.rows(Acquisition) == []


def test_number_belongs_to_its_institution() -> None:
    """Another institution that brings the number gets CHANNEL_MISMATCH; its owner can still use it."""

    async def scene(story: Story) -> None:
        await story.ask(ASK)
        await story.ask(notified(story, by=TOYOTA))
        await story.ask(notified(story))

    story = told(scene)

    assert [(m.institution_code, m.rule, m.request_id) for m in story.said(CodeAcquisitionFailed)] == [
        (TOYOTA, "CHANNEL_MISMATCH", "")
    ]
    assert states(story) == [("R1", "ISSUED", "")]


def test_unknown_identity() -> None:
    """A synthetic number of nobody ends the request as IDENTITY_UNKNOWN and spends the acquisition number."""

    async def scene(story: Story) -> None:
        await story.ask(ASK)
        await story.ask(notified(story, numbers.synthetic_individual_number(9_999_999)))

    story = told(scene)

    assert states(story) == [("R1", "FAILED", "IDENTITY_UNKNOWN")]
    assert story.rows(Acquisition) == []
    assert not [row for row in story.rows(CodeBinding) if row.request_id == "R1"]


def test_number_outside_the_synthetic_range() -> None:
    """A number that could be a real person's is set aside, encrypted, unread, and the right one is served after it."""
    real = "12345678901" + numbers.individual_number_check_digit("12345678901")

    async def scene(story: Story) -> None:
        await story.ask(ASK)
        await story.ask(notified(story, real))
        await story.ask(notified(story))

    story = told(scene)
    (row,) = story.set_aside()

    assert (row.service, row.rule, row.reason) == (
        "resident_register",
        "NOT_SYNTHETIC",
        "the number is outside the synthetic range",
    )
    assert real.encode() not in row.value
    assert real.encode() in story.keys.unprotect(row.value)
    assert states(story) == [("R1", "ISSUED", "")]


def test_code_already_in_force() -> None:
    """Asking for a code that is there is answered at once and starts nothing."""
    ask = CodeAcquisitionRequested(PERSON.home, "R1", PERSON.home_number)

    async def scene(story: Story) -> None:
        await story.ask(ask)

    story = told(scene)

    assert states(story) == [("R1", "ISSUED", "ALREADY_ISSUED")]
    assert story.rows(CodeRequest) == []


def test_person_with_two_integrated_numbers() -> None:
    """The network gives a person one code at an institution: a second integrated number gets none."""

    async def scene(story: Story) -> None:
        await story.ask(ASK)
        await story.ask(notified(story))
        await story.ask(ASK._replace(request_id="R2", integrated_number="900000000000002"))
        await story.ask(notified(story))

    story = told(scene)

    assert states(story)[1][:2] == ("R2", "FAILED")
    assert states(story)[1][2] in ("ALREADY_ISSUED", "DUPLICATE_PERSON")
    assert [row.request_id for row in story.rows(CodeBinding) if row.request_id[0] == "R"] == ["R1"]


def test_request_repeated() -> None:
    """The same request again is dropped; the same number for another person is refused."""

    async def scene(story: Story) -> None:
        await story.ask(ASK, ASK)
        await story.ask(ASK._replace(integrated_number="900000000000002"))

    story = told(scene)

    assert len(story.said(AcquisitionNumberAssigned)) == 1
    assert [m.errors for m in story.said(InquiryRejected)] == [(field_error("request_id", "DUPLICATE_RECORD_ID"),)]


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        (ASK._replace(request_id=""), ["request_id"]),
        (ASK._replace(integrated_number="1", request_id="x" * 41), ["request_id", "integrated_number"]),
        (REVOKE._replace(valid_to=0), ["valid_to"]),
        (
            REVOKE._replace(request_id="\n", integrated_number="", valid_to=-1),
            ["request_id", "integrated_number", "valid_to"],
        ),
    ],
)
def test_ill_formed_requests(message: Any, fields: list[str]) -> None:
    """Every ill-formed field is named, nothing is begun, and the next request is served."""

    async def scene(story: Story) -> None:
        await story.ask(message, ASK)

    story = told(scene)
    (rejected,) = story.said(InquiryRejected)

    assert [error.field for error in rejected.errors] == fields
    assert len(story.said(AcquisitionNumberAssigned)) == 1


# ── the table of one decision ────────────────────────────────────────────────────────────────────────────────────

WAITING = CodeRequest(KARIYA, "R1", NUMBER, "REQUESTED", "1" * 20, NOW - 5, NOW + 5)
ISSUED = LinkageCodeIssued(KARIYA, "R1", "1" * 20, "c" * 64, NOW - 1)


def test_issued_code_is_bound() -> None:
    """The binding holds since the network issued it, is known since now, and the request's number is erased."""
    store = store_of(WAITING)

    (reply,) = decided(CODES, ISSUED, store).say

    assert reply == CodeStateChanged(KARIYA, "R1", NUMBER, CodeState.ISSUED, "")
    assert list(store.tables[CodeBinding].values()) == [CodeBinding(KARIYA, "c" * 64, NUMBER, NOW - 1, 0, NOW, "R1")]
    assert store.tables[CodeRequest][KARIYA, "R1"] == WAITING._replace(
        state="ISSUED", acquisition_number="", expires_at=0
    )


@pytest.mark.parametrize("rows", [[], [WAITING._replace(acquisition_number="2" * 20)]])
def test_code_with_another_number_is_set_aside(rows: list[Any]) -> None:
    """A code that does not match the number that was given out binds nothing."""
    store = store_of(*rows)

    with pytest.raises(PeerFault) as fault:
        decided(CODES, ISSUED, store)

    assert fault.value.rule == "CHANNEL_MISMATCH"
    assert store.tables[CodeBinding] == {}


def test_code_bound_to_another_person_here() -> None:
    """A code that stands for another integrated number already is DUPLICATE_PERSON, and the old binding stays."""
    bound = CodeBinding(KARIYA, "c" * 64, "900000000000009", 1, 0, 1, "R0")
    store = store_of(WAITING, bound)

    (reply,) = decided(CODES, ISSUED, store).say

    assert isinstance(reply, CodeStateChanged)
    assert (reply.state, reply.rule) == (CodeState.FAILED, "DUPLICATE_PERSON")
    assert list(store.tables[CodeBinding].values()) == [bound]


@pytest.mark.parametrize("state", ["ISSUED", "FAILED"])
def test_what_comes_after_the_end_is_late(state: str) -> None:
    """A request that has ended is moved by no later number, code or failure."""
    store = store_of(WAITING._replace(state=state))

    assert decided(CODES, AcquisitionNumberIssued(KARIYA, "R1", "3" * 20, NOW), store).outcome == "late"
    assert decided(CODES, ISSUED, store).outcome == "late"
    assert decided(CODES, CodeAcquisitionFailed(KARIYA, "R1", "1" * 20, "IDENTITY_UNKNOWN"), store).outcome == "late"
    assert decided(CODES, CodeAcquisitionFailed(KARIYA, "", "1" * 20, "CHANNEL_MISMATCH"), store).outcome == "late"


# ── a code ends ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_revoked_code_no_longer_serves_and_a_new_one_is_another() -> None:
    """After revocation the provider does not know the person; a new acquisition gives a code never used before."""
    provider, number = PERSON.previous, PERSON.previous_number
    by = PERSON.home
    question = asks(n=N)

    async def scene(story: Story) -> None:
        await story.ask(question._replace(record_identification_number="BEFORE"))
        await story.ask(CodeRevocationRequested(provider, "X1", number, story.clock.now_ms()))
        await story.ask(question._replace(record_identification_number="AFTER"))
        await story.ask(CodeAcquisitionRequested(provider, "R9", number))
        await story.ask(notified(story, by=provider))
        await story.ask(question._replace(record_identification_number="AGAIN"))

    story = told(scene)
    outcomes = [m.kinds[0].outcome for m in story.said(InquiryAnswered)]
    bindings = [row for row in story.rows(CodeBinding) if row.integrated_number == number]

    assert by == question.inquirer_institution_code
    assert outcomes == [Outcome.OK, Outcome.NO_MATCH, Outcome.OK]
    assert states(story) == [("X1", "REVOKED", "REVOKED"), ("R9", "ISSUED", "")]
    assert len({row.linkage_code for row in bindings}) == 2
    assert [bool(row.valid_to) for row in sorted(bindings, key=lambda row: row.valid_from)] == [True, False]


def test_which_code_was_in_force_can_be_told() -> None:
    """Of a person's codes exactly one holds at any moment between the first issue and an end, none in between."""
    provider, number = PERSON.previous, PERSON.previous_number

    async def scene(story: Story) -> None:
        await story.pass_time(days=1)
        await story.ask(CodeRevocationRequested(provider, "X1", number, story.clock.now_ms()))
        await story.pass_time(days=1)
        await story.ask(CodeAcquisitionRequested(provider, "R9", number))
        await story.ask(notified(story, by=provider))

    story = told(scene)
    bindings = sorted(
        (row for row in story.rows(CodeBinding) if row.integrated_number == number), key=lambda row: row.valid_from
    )

    def at(days: float) -> list[int]:
        moment = NOW + int(days * 86_400_000)
        return [n for n, row in enumerate(bindings) if row.valid_from <= moment < (row.valid_to or moment + 1)]

    assert [at(days) for days in (0, 0.9, 1.5, 2.5)] == [[0], [0], [], [1]]


def test_revocation_for_a_later_day_leaves_the_code_in_force_until_then() -> None:
    """A code may be given up from a moment to come; until then it serves."""
    provider, number = PERSON.previous, PERSON.previous_number
    question = asks(n=N)

    async def scene(story: Story) -> None:
        await story.ask(CodeRevocationRequested(provider, "X1", number, NOW + 86_400_000))
        await story.ask(question._replace(record_identification_number="BEFORE"))
        await story.pass_time(days=1)
        await story.ask(question._replace(record_identification_number="AFTER"))

    assert [m.kinds[0].outcome for m in told(scene).said(InquiryAnswered)] == [Outcome.OK, Outcome.NO_MATCH]


def test_revocation_of_nothing() -> None:
    """There must be a code in force to revoke; the reply says so, and a second revocation finds none."""
    revoke = CodeRevocationRequested(PERSON.previous, "X1", PERSON.previous_number, NOW)

    async def scene(story: Story) -> None:
        await story.ask(revoke)
        await story.ask(revoke._replace(request_id="X2"))

    story = told(scene)

    assert [m.errors for m in story.said(InquiryRejected)] == [(field_error("integrated_number", "CODE_UNKNOWN"),)]
    assert len(story.said(LinkageCodeRevoked)) == 1


def test_copies_wait_for_the_code() -> None:
    """A copy of a person without a code is kept and serves as soon as the code is there (domain 3(b)7)."""
    copy = WORLD.copy_of(PERSON, VACCINATION, CopyCommand.REGISTER)._replace(
        institution_code=KARIYA, integrated_number=NUMBER, record_identification_number="C1"
    )
    home, home_number = PERSON.home, PERSON.home_number
    question = asks(kind(provider=KARIYA), n=N, inquirer_institution_code=home, integrated_number=home_number)

    async def scene(story: Story) -> None:
        await story.ask(copy)
        await story.ask(question._replace(record_identification_number="BEFORE"))
        await story.ask(ASK)
        await story.ask(notified(story))
        await story.ask(question._replace(record_identification_number="AFTER"))

    assert [m.kinds[0].outcome for m in told(scene).said(InquiryAnswered)] == [Outcome.NO_MATCH, Outcome.OK]


# ── linkage stops for a person ───────────────────────────────────────────────────────────────────────────────────


def test_suspension_stops_linkage_and_lets_it_go_on() -> None:
    """A wrongly linked person is suspended, told so, and let go again; a repeat changes nothing (domain 3(e)10)."""
    stop = LinkageSuspensionRequested(KARIYA, "S1", NUMBER, True, "紐付け誤り")
    store = store_of()

    first = decided(CODES, stop, store, topic=TOPIC)
    again = decided(CODES, stop, store_of(*first.write), topic=TOPIC)
    gone = decided(CODES, stop._replace(request_id="S2", suspended=False), store_of(*first.write), topic=TOPIC)

    assert first.write == (Suspension(KARIYA, NUMBER, "紐付け誤り", NOW),)
    assert first.say == (LinkageSuspensionChanged(KARIYA, "S1", NUMBER, True),)
    assert again.write == first.write
    assert gone.remove == first.write
    assert gone.say == (LinkageSuspensionChanged(KARIYA, "S2", NUMBER, False),)


def test_ill_formed_suspension_is_refused() -> None:
    """A suspension without a reason stops nobody; the refusal names the field."""
    decision = decided(CODES, LinkageSuspensionRequested(KARIYA, "S1", NUMBER, True, ""), store_of(), topic=TOPIC)

    assert decision.write == ()
    assert [error.field for error in decision.say[0].errors] == ["reason"]  # type: ignore[attr-defined]
