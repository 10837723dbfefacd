"""Exchanges explained: every outcome played in the in-memory country, and what is said when things are gone."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from exchanges_of_every_kind import OUTCOMES, everything_said, played

from broker import envelope
from broker.ports import Delivered
from broker.rules.identity import split_exchange_id
from broker.rules.permission_list import PermissionList
from broker.rules.reasons import SUCCESS
from schemas.codec import TOPIC, encode
from schemas.records import MESSAGES, InquiryForwarded, InquirySent, Outcome, PermitRequested
from services.audit import material
from services.audit.decisions import Decision
from services.audit.explain import FACTS, TOLD, Explanation, explained
from services.audit.material import Gathered, Material
from services.audit.page import page_of
from services.audit.words import (
    ALLOWED,
    CONFIRMED,
    ENDED,
    HELD,
    LANES,
    REFUSED,
    elapsed,
    moment,
)
from services.audit.words import (
    OUTCOMES as OUTCOME_WORDS,
)
from services.cli import audit_explain
from services.network import NETWORK_CODE
from services.records import opened
from services.world import permission_rows

# name → (lane, decision, verdict, rule) of the decision that ended it, and how many records there are
LAST = {
    "permitted": ("PROVIDER", "content", ALLOWED, "", 3),
    "non_disclosed": ("PROVIDER", "content", ALLOWED, "", 3),
    "consented": ("PROVIDER", "content", ALLOWED, "", 3),
    "without_consent": ("NETWORK", "permit", REFUSED, "CONSENT_MISSING", 2),
    "not_listed": ("NETWORK", "permit", REFUSED, "NO_SUCH_COMBINATION", 2),
    "no_code": ("INQUIRER", "local", REFUSED, "CODE_MISSING", 1),
    "suspended": ("INQUIRER", "local", REFUSED, "PERSON_SUSPENDED_AT_INQUIRER", 1),
    "unknown_person": ("NETWORK", "forwarding", REFUSED, "PERSON_UNKNOWN_AT_PROVIDER", 2),
    "nothing_held": ("PROVIDER", "content", REFUSED, "NOTHING_HELD", 3),
    "confirmed": ("PROVIDER", "content", ALLOWED, "", 3),
    "refused": ("PROVIDER", "staff", REFUSED, "STAFF_REFUSED", 3),
    "expired": ("INQUIRER", "end", ENDED, "DEADLINE_PASSED", 3),
    "withdrawn": ("INQUIRER", "end", ENDED, "WITHDRAWN", 2),
    "withdrawn_under_hold": ("INQUIRER", "end", ENDED, "WITHDRAWN", 3),
    "lists_differ": ("PROVIDER", "list", REFUSED, "NO_SUCH_COMBINATION", 3),
    "pia": ("NETWORK", "permit", REFUSED, "PIA_OF_PROVIDER", 2),
    "down": ("NETWORK", "permit", REFUSED, "PROVIDER_DOWN", 2),
    "held": ("PROVIDER", "block", HELD, "", 0),
}


def told(name: str) -> Explanation:
    """The explanation of the exchange with this name, everything being there."""
    return explained(played().material(name))


def without_messages(found: Material) -> Material:
    """What is left when retention has taken every message."""
    return found._replace(said=(), lost=frozenset({"network.permit_issued"}))


def decision_of(one: Explanation, name: str) -> Decision:
    """The decision with this name."""
    return next(decision for decision in one.decisions if decision.name == name)


@pytest.mark.parametrize("name", OUTCOMES)
def test_every_outcome_is_explained(name: str) -> None:
    """Whatever the end, it is told who decided it, by which rule, and which records hold it."""
    one = told(name)
    last = one.decisions[-1]

    assert one.outcome == OUTCOMES[name]
    assert (last.lane, last.name, last.verdict, last.rule, len(one.records)) == LAST[name]
    assert one.missing == ()
    assert all(decision.laws and decision.at for decision in one.decisions)


@pytest.mark.parametrize("name", OUTCOMES)
def test_rules_are_told_with_words_and_law(name: str) -> None:
    """A rule has its number, its words in both languages, and what it rests on."""
    for decision in told(name).decisions:
        assert bool(decision.rule) == (decision.verdict in (REFUSED, ENDED))
        assert bool(decision.reason.ja and decision.reason.en and decision.reason.error_id) == bool(decision.rule)


@pytest.mark.parametrize("name", OUTCOMES)
def test_what_happened_is_told_in_order(name: str) -> None:
    """Steps come in the order of time and of cause, each in a lane and with the place it was read from."""
    steps = told(name).steps

    assert [step.at for step in steps] == sorted(step.at for step in steps)
    assert steps[0].name == "InquiryRequested"
    assert all(step.lane in LANES and step.source and step.ja and step.en for step in steps)


@pytest.mark.parametrize("name", OUTCOMES)
def test_without_messages_the_decisions_are_the_same(name: str) -> None:
    """Rows and records alone still tell every decision and its basis, and what is gone is said."""
    whole, left = told(name), explained(without_messages(played().material(name)))

    def basis(one: Explanation) -> list[tuple[object, ...]]:
        return [(d.lane, d.name, d.verdict, d.rule, d.list_version, d.row_id, d.nearest) for d in one.decisions]

    assert basis(left) == basis(whole)
    assert left.outcome == whole.outcome
    assert {gone.name for gone in left.missing} == {"messages", "topic"}
    assert "InquiryRequested" in left.missing[0].en


@pytest.mark.parametrize("name", ["permitted", "refused", "lists_differ", "not_listed", "no_code"])
def test_records_alone_are_enough_to_tell_the_end(name: str) -> None:
    """When even the rows are gone, the records still say who asked whom for what, and how it ended."""
    found = played().material(name)
    left = explained(found._replace(said=(), exchange=None, inquiry=None, network=None, provisions=()))

    assert left.outcome == OUTCOMES[name]
    assert len(left.records) == len(found.kept)
    assert "exchange" in {gone.name for gone in left.missing}
    assert {fact.name: fact.value for fact in left.head}["spi_name_code"].startswith("TM")


def test_nothing_known_is_told_as_nothing() -> None:
    """An exchange that never was is empty, and explaining it fails on nothing."""
    found = Material("9900123210600000-20260401000000000100")

    assert found.is_empty
    assert explained(found).outcome == ""
    assert {gone.name for gone in explained(found).missing} == {"exchange"}


def test_a_permission_has_its_row_and_legal_basis() -> None:
    """Network and provider each name the list version, the row and the article behind it."""
    one = told("permitted")

    for name in ("permit", "list"):
        decision = decision_of(one, name)
        assert (decision.list_version, decision.row_id) == (1, "16-2-1")
        assert decision.row is not None
        assert "別表第2 16の2" in decision.row.legal_basis


def test_a_refusal_of_the_list_names_the_nearest_row() -> None:
    """The row, the attribute, what was asked and what would have been allowed."""
    near = decision_of(told("without_consent"), "permit").nearest
    disagreed = decision_of(told("lists_differ"), "list")

    assert near is not None
    assert (near.row_id, near.attribute, near.asked, near.demanded) == ("18-1", "consent_obtained", "false", "true")
    assert disagreed.list_version == 2
    assert disagreed.nearest is not None
    assert decision_of(told("lists_differ"), "permit").row_id == "18-2"


def test_a_list_that_is_not_stored_is_told() -> None:
    """A row of a version nobody keeps is named without its text, and the version is missing."""
    left = explained(played().material("permitted")._replace(lists=()))

    assert decision_of(left, "permit").row_id == "16-2-1"
    assert decision_of(left, "permit").row is None
    assert [gone.name for gone in left.missing] == ["list"]


def test_who_confirmed_and_who_refused_are_named() -> None:
    """A hold is told with the person who decided, when, and why nothing was sent."""
    confirmed, refused = decision_of(told("confirmed"), "staff"), decision_of(told("refused"), "staff")

    assert (confirmed.verdict, confirmed.operator_id) == (CONFIRMED, "ST01")
    assert (refused.operator_id, refused.hold_reason) == ("ST02", "PROTECTED")
    assert decision_of(told("confirmed"), "block").verdict == HELD
    assert "ST01" in told("confirmed").summary_ja


def test_a_hold_nobody_decided_names_nobody() -> None:
    """An expired hold ended before anybody decided."""
    staff = decision_of(told("expired"), "staff")

    assert (staff.verdict, staff.rule, staff.operator_id) == (ENDED, "HOLD_EXPIRED", "")
    assert decision_of(told("withdrawn_under_hold"), "staff").rule == "WITHDRAWN"


def test_records_name_the_signature_over_them() -> None:
    """Each record lies under a checkpoint that is larger than its sequence; without one, that is told."""
    found = played().material("permitted")
    unsigned = explained(found._replace(signed=()))

    assert all(record.checkpoint_size > record.sequence for record in explained(found).records)
    assert [record.institution_code for record in explained(found).records][1] == NETWORK_CODE
    assert [gone.name for gone in unsigned.missing] == ["checkpoint"] * 3


def test_an_erased_detail_is_told() -> None:
    """The record, its place and its signature stand; that its detail is gone is said, party by party."""
    found = played().material("confirmed")
    left = explained(found._replace(kept=[opened(kept.row._replace(detail=b"")) for kept in found.kept]))

    assert [gone.name for gone in left.missing] == ["detail"] * 3
    assert all(record.erased and record.checkpoint_size for record in left.records)
    assert "詳細は消去済み" in page_of(left, 1)


def test_a_missing_record_is_told() -> None:
    """An exchange that ended without its provider's record says so instead of failing."""
    found = played().material("permitted")
    left = explained(found._replace(kept=[kept for kept in found.kept if kept.row.party != "PROVIDER"]))

    assert [gone.name for gone in left.missing] == ["record"]
    assert "provider" in left.missing[0].en


@pytest.mark.parametrize("name", OUTCOMES)
def test_no_linkage_code_and_no_content_is_told(name: str) -> None:
    """The two codes of a person never meet on one screen, and what left is not shown."""
    found = played().material(name)
    everything = page_of(explained(found), 1) + repr(found.said) + str(audit_explain.body_of(explained(found)))
    codes = {
        message.linkage_code
        for message in everything_said(played().country, found.exchange_id)
        if isinstance(message, InquirySent | InquiryForwarded)
    }

    assert len(codes) > 2
    assert [code for code in codes if code in everything] == []


def test_only_its_own_messages_are_gathered() -> None:
    """Other exchanges that share the partition leave no trace; a repeat is counted, not told twice."""
    found = played().material("confirmed")
    others = played().exchange("permitted").record_identification_number

    assert others not in repr(found.said)
    assert len({said.message for said in found.said}) == len(found.said)


def test_every_message_of_an_exchange_can_be_told() -> None:
    """A message type that concerns an exchange is gathered and has words; a forgotten one is named here."""
    kinds = {
        kind
        for kind in MESSAGES
        if TOPIC[kind] and ("exchange_id" in kind._fields or kind.__name__.startswith("Inquiry"))
    }
    gathered = {*material.OF_EXCHANGE, *material.OF_INQUIRY}

    assert {kind.__name__ for kind in kinds - gathered} == {"InquiryRejected"}, "nothing was started by what it refuses"
    assert {kind.__name__ for kind in gathered} == set(TOLD)
    for kind in gathered:
        assert set(TOLD[kind.__name__][3]) <= set(kind._fields) & set(FACTS), kind


def test_every_outcome_has_words() -> None:
    """A new outcome is told in both languages."""
    assert set(OUTCOME_WORDS) == {"", *Outcome}
    assert set(OUTCOME_WORDS) >= SUCCESS


class Reader(HTMLParser):
    """Reads a page the way a strict browser would: every tag closed, in order."""

    VOID = frozenset({"meta", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag opens."""
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """The tag that opened last closes."""
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", OUTCOMES)
def test_the_page_stands_alone(name: str) -> None:
    """No script, nothing from anywhere, every tag closed, heads of tables marked, Japanese with English marked so."""
    page = page_of(told(name), 1_790_000_000_000)
    reader = Reader()
    reader.feed(page)
    names = [tag for tag, _ in reader.tags]

    assert reader.open == []
    assert not {"script", "link", "img", "iframe", "object", "embed"} & set(names)
    assert not [value for _, attrs in reader.tags for key, value in attrs.items() if key in ("src", "href", "style")]
    assert "url(" not in page
    assert "@import" not in page
    assert next(attrs for tag, attrs in reader.tags if tag == "html")["lang"] == "ja"
    assert all("scope" in attrs for tag, attrs in reader.tags if tag == "th")
    assert "@media print" in page


def test_the_page_escapes_what_people_wrote() -> None:
    """A note cannot become a tag."""
    one = told("refused")
    decisions = tuple(decision._replace(note="<b>&\"'") for decision in one.decisions)

    page = page_of(one._replace(decisions=decisions), 1)

    assert "<b>" not in page
    assert "&lt;b&gt;&amp;" in page


@pytest.mark.parametrize("name", OUTCOMES)
def test_people_read_it_in_a_terminal(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Japanese first, the decisions with their rules, no colours off a terminal."""
    one = told(name)
    audit_explain.show(one)
    shown = capsys.readouterr().out

    assert one.summary_ja in shown
    assert "判断と根拠" in shown
    assert all(decision.rule in shown for decision in one.decisions)
    assert "\x1b" not in shown


def test_times_are_japanese_with_milliseconds() -> None:
    """A moment and a duration as an auditor reads them."""
    assert moment(1_790_000_000_007) == "2026-09-21 23:13:20.007"
    assert moment(0) == "—"
    assert [elapsed(7), elapsed(-1_500), elapsed(5_400_000), elapsed(9 * 86_400_000)] == [
        "+0.007 s",
        "-1.500 s",
        "+01:30 h",
        "+9 d 00:00",
    ]


def test_a_list_decides_again_what_the_message_told() -> None:
    """The nearest row found from the stored list is the one the network had told."""
    found = played().material("not_listed")
    told_then = decision_of(explained(found), "permit").nearest
    other = [PermissionList(1, 0, tuple(row for row in permission_rows() if row.row_id != "16-2-1"))]
    found_again = decision_of(explained(without_messages(found)), "permit").nearest
    without = decision_of(explained(without_messages(found)._replace(lists=other)), "permit").nearest

    assert told_then == found_again
    assert without != told_then
    assert split_exchange_id(found.exchange_id)[0]


def test_what_travelled_in_a_bundle_is_gathered() -> None:
    """Several messages in one record: the exchange's own is kept, with its place in the bundle; the others are not."""
    found = played().material("permitted")
    asked = next(said.message for said in found.said if isinstance(said.message, PermitRequested))
    other = asked._replace(exchange_id=asked.exchange_id[:-2] + "01")
    topics = played().country.topics
    said = [
        envelope.Said(topics.destination(one), "PermitRequested", f"{place:032x}", b"", encode(one), "")
        for place, one in enumerate((other, asked))
    ]
    gathered = Gathered(found.exchange_id, "")
    for one in envelope.outgoing(envelope.bundled(said), "inquiry/0", 1, 5):
        gathered.add(Delivered(one.topic, one.partition, 9, one.key, one.value, one.headers, one.at))

    assert [(one.message, one.at) for one in gathered.all()] == [(asked, 5)]
    assert gathered.all()[0].place.endswith("@9#1")


def test_bytes_that_are_no_message_are_passed_over() -> None:
    """What the services set aside does not stop an explanation."""
    found = played().material("permitted")
    gathered = Gathered(found.exchange_id, "")
    gathered.add(Delivered("institution.shared.requests", 0, 1, found.exchange_id.encode(), b"\x00nonsense", (), 1))
    gathered.add(Delivered("institution.shared.requests", 0, 2, found.exchange_id.encode(), None, (), 1))

    assert gathered.all() == ()
