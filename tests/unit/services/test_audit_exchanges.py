"""Decisions decided again: the records' claims about permits, lists and answers."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from broker.keys import Keys
from broker.rules import checks, permits
from broker.rules.checks import History
from broker.rules.permission_list import PermissionList
from broker.rules.permits import LIFE_MS, Verifier
from broker.rules.records import record_of
from broker.rules.signing import sign_batch
from broker.tables import LogRecord, NetworkExchange, Provision
from schemas.codec import encode
from schemas.records import AnsweredKind, InquiryAnswered, InquiryForwarded, Outcome, Party, Permit
from services import world
from services.audit.exchanges import Basis, answers_as_recorded, lists_decide_again, permits_signed, presented
from services.audit.messages import without_content

INQUIRER, PROVIDER = "9900123210600000", "9900123211400000"
NAME = f"{INQUIRER}-20260401000000000100"
AT = 1_775_001_600_000
KEYS = Keys(b"\x03" * 32)
LISTS = {1: PermissionList(1, 0, world.permission_rows())}
CLASSES = dict.fromkeys((INQUIRER, PROVIDER), world.MUNICIPALITY)
BASIS = Basis(Verifier(KEYS.network_public), LISTS, CLASSES)
PERMIT = Permit(
    "p1",
    NAME,
    INQUIRER,
    PROVIDER,
    world.VACCINATION_AFFAIR,
    world.INCOMING_RESIDENT,
    world.VACCINATION,
    world.VACCINATION_ITEMS,
    1,
    "16-2-1",
    AT,
    AT + LIFE_MS,
)
NETWORK = NetworkExchange(
    NAME,
    "COMPLETED",
    PROVIDER,
    world.VACCINATION_AFFAIR,
    world.INCOMING_RESIDENT,
    world.VACCINATION,
    False,
    "1",
    AT,
    "p1",
    1,
    "16-2-1",
    AT + LIFE_MS,
)


def leaf(party: Party, **changes: Any) -> checks.Leaf:
    """A party's record of the exchange."""
    facts: dict[str, Any] = {
        "inquirer_name": "刈谷市",
        "provider_institution_code": PROVIDER,
        "provider_name": "豊田市",
        "requested_at": AT,
        "provided_at": AT + 5,
        "affair_code": world.VACCINATION_AFFAIR,
        "procedure_code": world.INCOMING_RESIDENT,
        "spi_name_code": world.VACCINATION,
        "spi_items": world.VACCINATION_ITEMS,
        "outcome": Outcome.OK,
        "permit_id": "p1",
        "list_version": 1,
        "row_id": "16-2-1",
    }
    record = record_of(party, INQUIRER, NAME, **(facts | changes))
    return checks.Leaf(LogRecord(INQUIRER, 0, PROVIDER, 1, NAME, party.value, AT + 9, b"", b"", b""), record)


def forwarded(permit: Permit = PERMIT, key: Any = None) -> InquiryForwarded:
    """The inquiry on its way, with its permit signed."""
    body = encode(permit)
    proof = sign_batch([body], permits.CONTEXT, key or KEYS.network_signing)[0]
    return InquiryForwarded(NAME, body, proof, "c" * 64, "", False, "1", AT, "0", "0", "", "")


def history(**parts: Any) -> History:
    """An answered exchange, parts of it as given."""
    records = [leaf(party) for party in Party]
    return History(**({"network_exchanges": [NETWORK], "leaves": records, "forwarded": [forwarded()]} | parts))


def test_an_answered_exchange_passes() -> None:
    """What happened as it must is not found."""
    assert permits_signed(history(), BASIS) == []
    assert lists_decide_again(history(), BASIS) == []


@pytest.mark.parametrize(
    ("kept", "found"),
    [
        (forwarded(), set()),
        (forwarded(key=Keys(b"\x04" * 32).network_signing), {NAME}),
        (forwarded(PERMIT._replace(row_id="18-1")), {NAME}),
        (forwarded()._replace(permit=b"", permit_proof=b""), set()),
    ],
    ids=["as_issued", "other_key", "other_row", "from_before_permits_were_kept"],
)
def test_permits_that_the_provider_keeps_are_verified_too(kept: InquiryForwarded, found: set[str]) -> None:
    """When the topic has let its messages go, the permit in the provider's row stands for them."""
    closed = Provision("p1", NAME, PROVIDER, "CLOSED", "OK", AT, "", "", b"", 0, 0, b"", "", "")
    row = closed._replace(permit=kept.permit, permit_proof=kept.permit_proof)
    told = history(forwarded=[], provisions=[row])

    assert {one.subject for one in permits_signed(told, BASIS)} == found
    assert len(presented(told)) == bool(kept.permit)


@pytest.mark.parametrize(
    "parts",
    [
        {"forwarded": [forwarded(key=Keys(b"\x04" * 32).network_signing)]},
        {"forwarded": [forwarded(PERMIT._replace(exchange_id=f"{INQUIRER}-1"))]},
        {"forwarded": [forwarded(PERMIT._replace(row_id="18-1"))]},
        {"network_exchanges": []},
        {"leaves": [leaf(Party.PROVIDER, permit_id="p2")]},
        {"leaves": [leaf(Party.PROVIDER, spi_items=(*world.VACCINATION_ITEMS, "200000001"))]},
    ],
    ids=["other_key", "other_exchange", "other_row", "unknown_to_network", "other_permit_recorded", "more_items"],
)
def test_permits_are_the_networks_and_used_as_issued(parts: dict[str, Any]) -> None:
    """A forged or stretched permit is found with the exchange it was used for."""
    found = permits_signed(history(**parts), BASIS)

    assert {one.subject for one in found} == {NAME}


@pytest.mark.parametrize(
    "leaves",
    [
        [leaf(Party.NETWORK, row_id="18-1")],
        [leaf(Party.PROVIDER, list_version=2)],
        [leaf(Party.PROVIDER, procedure_code=world.FEE_COLLECTION)],
        [leaf(Party.PROVIDER, outcome=Outcome.LIST_DISAGREES, rule="NO_SUCH_COMBINATION", row_id="")],
    ],
    ids=["other_row", "unknown_version", "other_procedure", "refused_for_nothing"],
)
def test_a_list_decides_the_same_again(leaves: list[checks.Leaf]) -> None:
    """A record that its own list version contradicts is found."""
    found = lists_decide_again(history(leaves=leaves), BASIS)

    assert [one.subject for one in found] == [NAME]


@pytest.mark.parametrize(
    "one",
    [
        leaf(Party.NETWORK, outcome=Outcome.LIST_DISAGREES, rule="NO_SUCH_COMBINATION"),
        leaf(Party.INQUIRER, outcome=Outcome.NOT_PERMITTED, rule="NO_SUCH_COMBINATION", list_version=9),
        leaf(Party.PROVIDER, outcome=Outcome.LIST_DISAGREES, rule="LIST_COPY_MISSING", row_id="", list_version=0),
    ],
    ids=["the_provider_refused", "the_inquirer_decides_nothing", "no_list_at_all"],
)
def test_only_those_who_decided_by_a_list_are_asked_again(one: checks.Leaf) -> None:
    """A party answers for its own decision; the network's row stands although the provider refused."""
    assert lists_decide_again(history(leaves=[one]), BASIS) == []


def test_a_refusal_of_the_network_is_decided_again_without_consent() -> None:
    """Consent is not recorded with a refusal: only its absence can have been the reason."""
    asked = {"affair_code": world.FEE_AFFAIR, "procedure_code": world.FEE_COLLECTION, "spi_name_code": world.LOCAL_TAX}
    refusal = leaf(Party.NETWORK, outcome=Outcome.NOT_PERMITTED, rule="CONSENT_MISSING", row_id="", **asked)

    assert lists_decide_again(history(leaves=[refusal], network_exchanges=[]), BASIS) == []


def test_what_was_told_is_what_was_recorded() -> None:
    """Another outcome, or other bytes than were recorded, are found; the content itself is not kept."""
    sealed = b"sealed bytes"
    kind = AnsweredKind(PROVIDER, world.VACCINATION, NAME[17:], Outcome.OK, "01", "", "", "", "", AT + 5, sealed, b"d")
    answer = without_content(InquiryAnswered("Q1", INQUIRER, "09", AT, (kind,)))
    good = leaf(Party.INQUIRER, answer_digest=b"d", sealed_digest=sha256(sealed).digest())
    bad = leaf(Party.INQUIRER, answer_digest=b"d", sealed_digest=sha256(b"other").digest())

    assert sealed not in repr(answer).encode()
    assert answers_as_recorded(History(answers=[answer], leaves=[good]), BASIS) == []
    assert [one.subject for one in answers_as_recorded(History(answers=[answer], leaves=[bad]), BASIS)] == [NAME]
