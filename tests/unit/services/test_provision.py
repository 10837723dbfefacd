"""情報提供: permit, list, person, copies and block decide; a person decides over what is blocked; time ends a hold."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from factories import (
    ATTACHED_HOME,
    DAY_MS,
    KARIYA,
    NOW,
    SHARED_HOME,
    TOYOTA,
    VERSIONS,
    WORLD,
    Story,
    asks,
    copy_of,
    copy_row,
    decided,
    kind,
    rows_with,
    service,
    signed,
    store_of,
    told,
    without,
)

from broker.errors import PeerFault
from broker.keys import Keys
from broker.rules.calendar import after_business_days
from broker.rules.erasure import CORRECTED
from broker.rules.exchange import State
from broker.rules.permits import LIFE_MS
from broker.tables import Checkpoint, CopyRecord, ListCopy, NetworkExchange, Provision, SetAside, Suspension
from schemas.codec import encode
from schemas.records import (
    HoldConfirmed,
    HoldReason,
    HoldRefused,
    InquiryForwarded,
    InquiryHeld,
    Item,
    Outcome,
    PermissionListDistributed,
    Permit,
    ProvidedInformation,
    ProvisionAnswered,
    ProvisionErasureOrdered,
    ProvisionHeld,
    ProvisionRecorded,
    ProvisionReported,
)
from services.common import Terms
from services.inquiry import HELD_GRACE_MS
from services.network import NETWORK_CODE
from services.provision import ANSWER_BYTES, HOLD_DAYS, REMIND_DAYS
from services.world import (
    INCOMING_RESIDENT,
    VACCINATION,
    VACCINATION_AFFAIR,
    VACCINATION_ITEMS,
    list_version,
)

RESIDENT = WORLD.resident(ATTACHED_HOME)
EXCHANGE = f"{KARIYA}-20260921000000000100"
PERMIT = Permit(
    "p1",
    EXCHANGE,
    KARIYA,
    RESIDENT.previous,
    VACCINATION_AFFAIR,
    INCOMING_RESIDENT,
    VACCINATION,
    VACCINATION_ITEMS,
    1,
    "16-2-1",
    NOW,
    NOW + LIFE_MS,
)
BLOCKED = copy_row(auto_response_disabled=True)
PROVISION = service("provision")


def forwarded(permit: Permit = PERMIT, **changes: Any) -> InquiryForwarded:
    """The inquiry as the network forwards it, with a good permit unless it is changed."""
    body, proof = signed(permit)
    code = WORLD.code_of(RESIDENT, RESIDENT.previous)
    message = InquiryForwarded(EXCHANGE, body, proof, code, "route", False, "1", NOW, "0", "0", "", "")
    return message._replace(**changes)


def test_the_resident_moved_from_an_attached_institution() -> None:
    """The stories below rest on this: the inquirer is Kariya and the provider Toyota."""
    assert (RESIDENT.home, RESIDENT.previous) == (KARIYA, TOYOTA)
    assert WORLD.resident(SHARED_HOME).home not in (KARIYA, TOYOTA)


# ── permits ──────────────────────────────────────────────────────────────────────────────────────────────────────


def other_installation() -> InquiryForwarded:
    """The permit as the network of another installation would sign it."""
    body, proof = signed(PERMIT, Keys(bytes(32)))
    return forwarded()._replace(permit=body, permit_proof=proof)


def changed_after_signing() -> InquiryForwarded:
    """The permit with one more item than was signed."""
    return forwarded()._replace(permit=encode(PERMIT._replace(item_codes=(*VACCINATION_ITEMS, "99"))))


FORGERIES = (
    ("PERMIT_FORGED", other_installation()),
    ("PERMIT_FORGED", changed_after_signing()),
    ("PERMIT_FORGED", forwarded(permit_proof=b"")),
    ("PERMIT_FORGED", forwarded()._replace(permit=b"")),
    ("PERMIT_FORGED", forwarded()._replace(permit=b"\x00\x00\x00\x00\x01nonsense")),
    ("PERMIT_FORGED", forwarded()._replace(permit=encode(copy_of()))),
    ("PERMIT_OTHER_PARTY", forwarded(exchange_id=f"{TOYOTA}-20260921000000000100")),
    ("PERMIT_OTHER_PARTY", forwarded(exchange_id=f"{KARIYA}-20260921000000000101")),
)


@pytest.mark.parametrize(("rule", "message"), FORGERIES)
def test_permit_that_does_not_hold(rule: str, message: InquiryForwarded) -> None:
    """Nothing is looked up, answered or recorded on a forged permit, or on one of another exchange."""
    store = store_of(residents=[ATTACHED_HOME])

    with pytest.raises(PeerFault) as fault:
        decided(PROVISION, message, store)

    assert fault.value.rule == rule
    assert store.tables[Provision] == {}


def test_permit_is_served_once() -> None:
    """The second presentation of a permit is refused, whoever presents it and whatever it then asks."""
    store = store_of(residents=[ATTACHED_HOME])
    first = decided(PROVISION, forwarded(), store)

    with pytest.raises(PeerFault) as fault:
        decided(PROVISION, forwarded(period_from="20260101"), store, now=NOW + 1)

    assert (first.outcome, fault.value.rule) == ("ok", "PERMIT_REUSED")


@pytest.mark.parametrize("copies", [[], [BLOCKED]], ids=["answered", "held_and_refused"])
def test_the_permit_stays_with_its_use(copies: list[Any]) -> None:
    """Body and proof as they were presented, after the answer, after a hold, and after the erasure of who it was
    about: what shows that the network had permitted it must outlive Kafka's retention."""
    store, presented = store_of(*copies, residents=[ATTACHED_HOME]), forwarded()
    decided(PROVISION, presented, store)
    if copies:
        decided(PROVISION, refuses(store.tables[Provision]["p1",], HoldReason.OTHER), store)
    decided(PROVISION, ProvisionErasureOrdered(EXCHANGE, CORRECTED, NOW, "op"), store)

    row = store.tables[Provision]["p1",]
    assert (row.state, row.linkage_code) == ("CLOSED", "")
    assert (row.permit, row.permit_proof) == (presented.permit, presented.permit_proof)


@pytest.mark.parametrize(("late_ms", "outcome"), [(-1, Outcome.OK), (0, Outcome.PERMIT_INVALID)])
def test_expired_permit_is_answered(late_ms: int, outcome: Outcome) -> None:
    """A permit holds until its last millisecond; after that the inquirer is told PERMIT_EXPIRED, with three records."""
    store = store_of(residents=[ATTACHED_HOME])

    decision = decided(PROVISION, forwarded(), store, now=PERMIT.expires_at + late_ms)
    answer, report, record = decision.say

    assert isinstance(answer, ProvisionAnswered)
    assert isinstance(report, ProvisionReported)
    assert isinstance(record, ProvisionRecorded)
    assert answer.outcome is report.outcome is record.outcome is outcome
    assert answer.rule == ("" if outcome is Outcome.OK else "PERMIT_EXPIRED")


def test_set_aside_permits_in_the_country() -> None:
    """Forged, foreign and used permits are set aside with their rule; the exchange they claim is not touched."""

    async def scene(story: Story) -> None:
        await story.ask(asks())
        (sent,) = story.said(InquiryForwarded)
        for message in (
            sent,
            sent._replace(permit_proof=b"\x00"),
            sent._replace(exchange_id=sent.exchange_id[:-2] + "07"),
        ):
            await story.ask(message)
        await story.ask(asks(record_identification_number="NEXT"))

    story = told(scene, provokes=("permits_used_once",))

    assert [row.rule for row in story.set_aside()] == ["PERMIT_REUSED", "PERMIT_FORGED", "PERMIT_OTHER_PARTY"]
    assert [row.service for row in story.set_aside()] == ["provision"] * 3
    assert len(story.said(ProvisionAnswered)) == 2
    assert story.kind_answered("NEXT").outcome is Outcome.OK


def test_permit_that_expires_while_the_provider_is_away() -> None:
    """An inquiry that reaches the provider a day late ends as PERMIT_INVALID with a record at every party."""

    async def scene(story: Story) -> None:
        await story.ask(asks(kind(answer_within_seconds=3 * 86_400)))
        await story.pass_time(days=1.1)
        story.resume("provision")
        await story.settle()

    story = told(scene, away=("provision",))

    assert (story.kind_answered().outcome, story.kind_answered().rule) == (Outcome.PERMIT_INVALID, "PERMIT_EXPIRED")
    assert (story.exchange().state, story.parties()) == (State.FAILED, "INP")


# ── the answer ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_answer_too_large_is_refused_by_name() -> None:
    """An answer that would not fit in a message ends the kind with a reason instead of stopping anything."""
    items = tuple(Item(code, "あ" * 3000) for code in VACCINATION_ITEMS)

    async def scene(story: Story) -> None:
        await story.ask(asks())

    story = told(scene, rows=[copy_row(items=items)])

    assert len("あ".encode()) * 3000 * len(items) > ANSWER_BYTES
    assert (story.kind_answered().outcome, story.kind_answered().rule) == (Outcome.INVALID, "ANSWER_TOO_LARGE")
    assert story.parties() == "INP"


def test_twenty_large_answers_fit_in_one_record() -> None:
    """The largest answers to the most kinds an inquiry may have stay below what Kafka takes in one record."""
    decision = decided(
        PROVISION,
        forwarded(),
        store_of(copy_row(items=(Item(VACCINATION_ITEMS[0], "x" * (ANSWER_BYTES - 200)),)), residents=[ATTACHED_HOME]),
    )
    answer = decision.say[0]

    assert isinstance(answer, ProvisionAnswered)
    assert answer.outcome is Outcome.OK
    assert 20 * (len(answer.sealed_answer) + 1000) < 1_048_576


def test_answer_report_and_record_say_the_same() -> None:
    """Answer, report and record leave in one decision and agree; only the answer carries the sealed content."""
    answer, report, record = decided(PROVISION, forwarded(), store_of(residents=[ATTACHED_HOME])).say

    assert isinstance(answer, ProvisionAnswered)
    assert isinstance(report, ProvisionReported)
    assert isinstance(record, ProvisionRecorded)
    for one in (report, record):
        assert (one.provided_at, one.answer_digest, one.sealed_digest, one.spi_items, one.non_disclosure_code) == (
            answer.provided_at,
            answer.answer_digest,
            answer.sealed_digest,
            answer.spi_items,
            answer.non_disclosure_code,
        )
    assert answer.sealed_answer
    assert record.copy_digest


def test_same_answer_has_another_digest_in_another_exchange() -> None:
    """The salt keeps a digest from telling that two people have the same data, or what the data is."""
    other = PERMIT._replace(exchange_id=EXCHANGE[:-2] + "01", permit_id="p2")
    store = store_of(residents=[ATTACHED_HOME])

    first = decided(PROVISION, forwarded(), store).say[0]
    second = decided(PROVISION, forwarded(other, exchange_id=other.exchange_id), store).say[0]

    assert isinstance(first, ProvisionAnswered)
    assert isinstance(second, ProvisionAnswered)
    assert first.spi_items == second.spi_items
    assert first.answer_digest != second.answer_digest


def test_answer_is_the_copy_as_of_the_moment() -> None:
    """A copy updated before the inquiry is what leaves; the earlier version is kept and stays."""
    items = tuple(Item(code, "NEU") for code in VACCINATION_ITEMS)

    async def scene(story: Story) -> None:
        await story.ask(copy_of(items=items))
        await story.ask(asks())

    story = told(scene)
    opened: ProvidedInformation = story.opened(story.kind_answered(), KARIYA)

    assert [record.items for record in opened.records] == [items]
    assert len([row for row in story.rows(CopyRecord) if row.integrated_number == RESIDENT.previous_number]) == 4


# ── a hold ───────────────────────────────────────────────────────────────────────────────────────────────────────


def confirms(hold: Provision, digest: bytes | None = None, provider: str = TOYOTA) -> HoldConfirmed:
    shown = hold.shown_digest if digest is None else digest
    return HoldConfirmed(hold.exchange_id, provider, "OP900", shown, NOW)


def refuses(hold: Provision, reason: HoldReason, provider: str = TOYOTA) -> HoldRefused:
    return HoldRefused(hold.exchange_id, provider, "OP900", reason, "", NOW)


def test_held_then_confirmed() -> None:
    """A blocked copy leaves only after a person confirmed what leaves; the records name the person and the block."""

    async def scene(story: Story) -> None:
        await story.ask(asks())
        assert (story.exchange().state, story.hold().state) == ("HELD", "HELD")
        assert story.said(ProvisionAnswered) == []
        assert story.records() == []
        await story.ask(confirms(story.hold()))

    story = told(scene, rows=[BLOCKED])
    records = {record.party.value: record for record in story.records()}

    assert story.kind_answered().outcome is Outcome.OK
    assert story.opened(story.kind_answered(), KARIYA).records[0].items == WORLD.items_of(RESIDENT, VACCINATION)
    assert story.parties() == "INP"
    assert (records["PROVIDER"].operator_id, records["PROVIDER"].auto_response_disabled) == ("OP900", True)
    assert (story.hold().state, story.hold().outcome, story.hold().operator_id) == ("CLOSED", "OK", "OP900")
    assert story.hold().request == b""
    (told_held,) = story.said(InquiryHeld)
    assert told_held.hold_deadline_at == after_business_days(NOW, HOLD_DAYS)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        *((reason, reason) for reason in HoldReason if reason is not HoldReason.NONE),
        (HoldReason.NONE, HoldReason.OTHER),
    ],
)
def test_held_then_refused(given: HoldReason, kept: HoldReason) -> None:
    """Staff's refusal ends the kind without content; the reason stays at the provider and its record alone."""

    async def scene(story: Story) -> None:
        await story.ask(asks())
        await story.ask(refuses(story.hold(), given))

    story = told(scene, rows=[BLOCKED])
    records = {record.party.value: record for record in story.records()}

    assert (story.kind_answered().outcome, story.kind_answered().rule) == (Outcome.REFUSED, "STAFF_REFUSED")
    assert story.kind_answered().sealed_answer == b""
    assert (story.exchange().state, story.parties()) == (State.REFUSED, "INP")
    assert records["PROVIDER"].hold_reason is kept
    assert {records[one].hold_reason for one in ("INQUIRER", "NETWORK")} == {HoldReason.NONE}
    assert all(record.provided_at == 0 for record in records.values())


def test_hold_expires_after_a_reminder() -> None:
    """After three business days the hold is due for a reminder, after seven it expires; weekends do not count."""
    seen: list[int] = []
    reminder, end = after_business_days(NOW, REMIND_DAYS), after_business_days(NOW, HOLD_DAYS)

    async def scene(story: Story) -> None:
        await story.ask(asks())
        seen.append(story.hold().remind_at)
        await story.pass_time(seconds=(after_business_days(NOW, REMIND_DAYS) - NOW) / 1000 - 60)
        seen.append(story.hold().remind_at)
        await story.pass_time(seconds=120)
        seen.append(story.hold().remind_at)
        assert (story.hold().state, story.exchange().state) == ("HELD", "HELD")
        await story.pass_time(seconds=(end - story.clock.now_ms()) / 1000 + 1)

    story = told(scene, rows=[BLOCKED])

    assert seen == [reminder, reminder, end]
    assert (end - NOW) // DAY_MS > HOLD_DAYS
    assert (story.kind_answered().outcome, story.kind_answered().rule) == (Outcome.EXPIRED, "HOLD_EXPIRED")
    assert (story.exchange().state, story.hold().state, story.parties()) == (State.EXPIRED, "CLOSED", "INP")


def test_hold_outlives_the_deadline_of_an_automatic_answer() -> None:
    """While staff may still decide, the inquirer's deadline lies behind the hold's, so that the hold ends first."""

    async def scene(story: Story) -> None:
        await story.ask(asks(kind(answer_within_seconds=60)))
        await story.pass_time(days=2)
        assert story.exchange().state == "HELD"
        await story.ask(confirms(story.hold()))

    story = told(scene, rows=[BLOCKED])

    assert story.kind_answered().outcome is Outcome.OK
    assert story.exchange().deadline_at == after_business_days(NOW, HOLD_DAYS) + HELD_GRACE_MS


def test_stale_confirmation_lets_nothing_out() -> None:
    """The copy changed under the operator's eyes: the confirmation is not taken and the new digest is shown."""
    items = tuple(Item(code, "NEU") for code in VACCINATION_ITEMS)

    async def scene(story: Story) -> None:
        await story.ask(asks())
        before = story.hold()
        await story.ask(copy_of(items=items, auto_response_disabled=True))
        await story.ask(confirms(before))
        assert story.said(ProvisionAnswered) == []
        assert story.hold().state == "HELD"
        assert story.hold().shown_digest != before.shown_digest
        await story.ask(confirms(before))
        assert story.said(ProvisionAnswered) == []
        await story.ask(confirms(story.hold()))

    story = told(scene, rows=[BLOCKED])

    assert story.opened(story.kind_answered(), KARIYA).records[0].items == items


def test_block_lifted_while_held_still_needs_the_person() -> None:
    """Taking the block away does not let a held answer out by itself; the person confirms what is now to leave."""

    async def scene(story: Story) -> None:
        await story.ask(asks())
        before = story.hold()
        await story.ask(copy_of())
        assert story.said(ProvisionAnswered) == []
        await story.ask(confirms(before))
        assert story.said(ProvisionAnswered) == []
        await story.ask(confirms(story.hold()))

    assert told(scene, rows=[BLOCKED]).kind_answered().outcome is Outcome.OK


def test_block_set_while_the_inquiry_is_under_way() -> None:
    """A block set after the inquiry left and before it is answered holds it: the flag is read in the commit."""

    async def scene(story: Story) -> None:
        await story.ask(asks())
        await story.ask(copy_of(auto_response_disabled=True))
        story.resume("provision")
        await story.settle()

    story = told(scene, away=("provision",))

    assert (story.hold().state, story.said(ProvisionAnswered)) == ("HELD", [])


@pytest.mark.parametrize(
    ("rows", "outcome", "rule"),
    [
        (
            [Suspension(TOYOTA, RESIDENT.previous_number, "紐付け誤り", NOW)],
            Outcome.SUSPENDED,
            "PERSON_SUSPENDED_AT_PROVIDER",
        ),
        ([copy_row(auto_response_disabled=True, publication_to="20260101")], Outcome.NO_DATA, "NOTHING_HELD"),
    ],
)
def test_confirmation_looks_at_everything_again(rows: list[Any], outcome: Outcome, rule: str) -> None:
    """What came between hold and confirmation counts: a suspension, a copy no longer published."""

    async def scene(story: Story) -> None:
        await story.ask(asks())
        story.store.put(rows)
        await story.ask(confirms(story.hold()))

    story = told(scene, rows=[BLOCKED])

    assert (story.kind_answered().outcome, story.kind_answered().rule) == (outcome, rule)
    assert story.kind_answered().sealed_answer == b""


def test_hold_belongs_to_its_provider_and_ends_once() -> None:
    """Another institution's staff decides nothing, and neither does a second decision."""

    async def scene(story: Story) -> None:
        await story.ask(asks())
        hold = story.hold()
        await story.ask(confirms(hold, provider=KARIYA), refuses(hold, HoldReason.OTHER, KARIYA))
        assert story.hold() == hold
        await story.ask(refuses(hold, HoldReason.PROTECTED), confirms(hold), confirms(hold))

    story = told(scene, rows=[BLOCKED])

    assert len(story.said(ProvisionAnswered)) == 1
    assert story.said(ProvisionAnswered)[0].outcome in (Outcome.REFUSED, Outcome.OK)


def test_decision_about_a_hold_that_never_was() -> None:
    """A confirmation of something unknown changes nothing."""

    async def scene(story: Story) -> None:
        await story.ask(HoldConfirmed(EXCHANGE, TOYOTA, "OP900", b"", NOW))

    story = told(scene)

    assert (story.said(ProvisionAnswered), story.rows(Provision), story.set_aside()) == ([], [], [])


def test_held_twice_is_impossible() -> None:
    """A held permit presented again is reused, and the hold stays as it is."""
    store = store_of(BLOCKED, residents=[ATTACHED_HOME])
    decision = decided(PROVISION, forwarded(), store)

    with pytest.raises(PeerFault) as fault:
        decided(PROVISION, forwarded(), store)

    assert [type(message) for message in decision.say] == [ProvisionHeld]
    assert fault.value.rule == "PERMIT_REUSED"
    assert [row.state for row in store.tables[Provision].values()] == ["HELD"]


# ── the provider's own list ──────────────────────────────────────────────────────────────────────────────────────


def test_list_travels_with_lag() -> None:
    """The network knows a new row first; the provider refuses it as LIST_DISAGREES until its own copy has come."""
    new = "JT99000000000088"
    version = list_version(
        next(VERSIONS),
        rows_with(lambda row: row._replace(procedure_code=new) if row.row_id == "16-2-1" else row),
        NOW,
    )

    async def scene(story: Story) -> None:
        await story.hand_out(version, NETWORK_CODE)
        await story.ask(asks(procedure_code=new))
        await story.hand_out(version, TOYOTA)
        await story.ask(asks(procedure_code=new, record_identification_number="LATER"))

    story = told(scene)
    first = {record.party.value: record for record in story.records() if record.outcome is Outcome.LIST_DISAGREES}
    second = {record.party.value: record for record in story.records() if record.outcome is Outcome.OK}

    assert (story.kind_answered().outcome, story.kind_answered().rule) == (
        Outcome.LIST_DISAGREES,
        "NO_SUCH_COMBINATION",
    )
    assert story.kind_answered().nearest_attribute == "procedure_code"
    assert story.kind_answered("LATER").outcome is Outcome.OK
    assert {party: record.list_version for party, record in first.items()} == {
        "INQUIRER": version.list_version,
        "NETWORK": version.list_version,
        "PROVIDER": 1,
    }
    assert {record.list_version for record in second.values()} == {version.list_version}


def test_row_taken_away_at_the_provider_first() -> None:
    """A provider that already holds a list without the row refuses what the network still permits."""
    version = list_version(next(VERSIONS), rows_with(without("16-2-1")), NOW)

    async def scene(story: Story) -> None:
        await story.hand_out(version, TOYOTA)
        await story.ask(asks())

    story = told(scene)

    assert story.kind_answered().outcome is Outcome.LIST_DISAGREES
    assert story.parties() == "INP"


@pytest.mark.parametrize(("held", "arrives", "kept"), [(0, 1, 1), (1, 2, 2), (3, 2, 3), (2, 2, 2)])
def test_only_a_newer_list_is_taken(held: int, arrives: int, kept: int) -> None:
    """List versions may arrive out of order and twice; the newest stays."""
    rows = [ListCopy(TOYOTA, held, NOW)] if held else []
    store = store_of(*rows, directory=False)

    decided(PROVISION, PermissionListDistributed(TOYOTA, arrives, b"", NOW), store)

    assert [row.list_version for row in store.tables[ListCopy].values()] == [kept]


def test_nothing_of_the_network_is_left_waiting() -> None:
    """After every end of a hold the network's exchange is closed too."""

    async def scene(story: Story) -> None:
        await story.ask(asks())
        await story.ask(refuses(story.hold(), HoldReason.PROTECTED))

    story = told(scene, rows=[BLOCKED])

    assert [row.state for row in story.rows(NetworkExchange)] == ["COMPLETED"]
    assert story.rows(SetAside) == []


# ── cosigned lately, or nothing leaves ───────────────────────────────────────────────────────────────────────────

FRESH = Terms(cosigned_within_ms=60_000)
UNBLOCKED = next(n for n in range(24) if n != ATTACHED_HOME and WORLD.resident(n).previous == TOYOTA)


def test_provision_stops_while_the_witnesses_are_away_and_goes_on_when_they_are_back() -> None:
    """Without a fresh cosignature nothing leaves; the refusal has its own rule and its records, like any other."""

    async def scene(story: Story) -> None:
        await story.ask(asks(record_identification_number="before"))
        await story.pass_time(seconds=30)
        story.leave("witness")
        await story.pass_time(seconds=90)
        await story.ask(asks(record_identification_number="meanwhile"))
        story.resume("witness")
        await story.pass_time(seconds=6)
        await story.ask(asks(record_identification_number="after"))

    story = told(scene, terms=FRESH)

    found = {name: story.kind_answered(name) for name in ("before", "meanwhile", "after")}
    assert {name: kind.outcome for name, kind in found.items()} == {
        "before": Outcome.OK,
        "meanwhile": Outcome.UNAVAILABLE,
        "after": Outcome.OK,
    }
    assert (found["meanwhile"].rule, found["meanwhile"].error_id) == ("COSIGNATURE_TOO_OLD", "SIM-E407")
    refused = [record for record in story.records() if record.rule == "COSIGNATURE_TOO_OLD"]
    assert sorted(record.party.value for record in refused) == ["INQUIRER", "NETWORK", "PROVIDER"]
    assert {record.answer_digest for record in refused} == {b""}


def test_an_idle_log_stays_fresh() -> None:
    """A log that nobody adds to shows its checkpoint again, so that the first inquiry after a quiet day is served."""

    async def scene(story: Story) -> None:
        await story.ask(asks(record_identification_number="before"))
        await story.pass_time(seconds=10)
        await asyncio.sleep(3600)
        await story.ask(asks(record_identification_number="after"))

    story = told(scene, terms=FRESH)

    assert story.kind_answered("after").outcome is Outcome.OK
    assert {row.size for row in story.rows(Checkpoint) if row.institution_code == TOYOTA} == {1}


def test_a_hold_stays_while_the_log_is_not_cosigned() -> None:
    """What a person lets out leaves no sooner than anything else; the hold is not lost over it."""

    async def scene(story: Story) -> None:
        await story.ask(asks(n=UNBLOCKED, record_identification_number="first"))
        await story.pass_time(seconds=6)
        await story.ask(asks())
        story.leave("witness")
        await story.pass_time(seconds=90)
        held = next(row for row in story.rows(Provision) if row.state == "HELD")
        await story.ask(confirms(held))
        assert [row.state for row in story.rows(Provision) if row.permit_id == held.permit_id] == ["HELD"]
        story.resume("witness")
        await story.pass_time(seconds=25)
        await story.ask(confirms(held))

    story = told(scene, rows=[BLOCKED], terms=FRESH)

    assert story.kind_answered(asks().record_identification_number).outcome is Outcome.OK


def test_without_the_setting_nobody_waits_for_witnesses() -> None:
    """As it is set by default, provision goes on whatever the witnesses do."""

    async def scene(story: Story) -> None:
        await story.pass_time(days=1)
        await story.ask(asks())

    assert told(scene, away=("witness",)).kind_answered().outcome is Outcome.OK
