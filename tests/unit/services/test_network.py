"""情報提供ネットワークシステム: permits, code conversion and the two channels of code acquisition, as tables."""

from __future__ import annotations

from typing import Any

import pytest
from factories import (
    ANJO,
    ATTACHED_HOME,
    DAY_MS,
    KARIYA,
    KEYS,
    NOW,
    TOYOTA,
    WORLD,
    Story,
    asks,
    decided,
    institution,
    kind,
    own_list,
    result_of,
    service,
    signed,
    store_of,
    told,
    without,
)

from broker.decision import Decision
from broker.errors import PeerFault
from broker.keys import Keys
from broker.rules import permits
from broker.rules.permits import LIFE_MS, Verifier, opened
from broker.tables import (
    Acquisition,
    CodeBinding,
    ListCopy,
    ListDistribution,
    NetworkCode,
    NetworkExchange,
    ResidentToken,
)
from schemas.codec import decode, encode
from schemas.records import (
    AcquisitionNumberIssued,
    AcquisitionNumberRequested,
    CodeAcquisitionFailed,
    IdentityConfirmed,
    IdentityUnknown,
    InquiryForwarded,
    InquiryReturned,
    InquirySent,
    LinkageCodeIssued,
    LinkageCodeRevoked,
    Outcome,
    Party,
    PermissionListDistributed,
    PermitDeadlinePassed,
    PermitIssued,
    PermitRefused,
    PermitRequested,
    ProvisionRecorded,
    ProvisionReported,
)
from services.network import ACQUISITION_LIFE_MS, NETWORK_CODE, distribute, internal_id_of
from services.resident_register import resident_token
from services.world import (
    FEE_AFFAIR,
    FEE_COLLECTION,
    INCOMING_RESIDENT,
    LOCAL_TAX,
    VACCINATION,
    VACCINATION_AFFAIR,
    VACCINATION_ITEMS,
    list_version,
    permission_rows,
)

NETWORK = service("network")
RESIDENT = WORLD.resident(ATTACHED_HOME)
EXCHANGE = f"{KARIYA}-20260921000000000100"
REQUEST = PermitRequested(
    EXCHANGE, KARIYA, TOYOTA, VACCINATION_AFFAIR, INCOMING_RESIDENT, VACCINATION, False, "1", NOW - 5
)
TAX = REQUEST._replace(affair_code=FEE_AFFAIR, procedure_code=FEE_COLLECTION, spi_name_code=LOCAL_TAX)


# ── permits ──────────────────────────────────────────────────────────────────────────────────────────────────────


NOBODY = "9" * 16
REFUSALS: tuple[tuple[str, PermitRequested, list[Any], Outcome, str, tuple[str, ...]], ...] = (
    (
        "inquirer unknown",
        REQUEST._replace(inquirer_institution_code="9" * 16),
        [],
        Outcome.INVALID,
        "PROVIDER_UNKNOWN",
        (),
    ),
    (
        "provider unknown",
        REQUEST._replace(provider_institution_code="9" * 16),
        [],
        Outcome.INVALID,
        "PROVIDER_UNKNOWN",
        (),
    ),
    ("pia of inquirer", REQUEST, [institution(KARIYA, pia_valid=False)], Outcome.PIA_BLOCK, "PIA_OF_INQUIRER", ()),
    ("pia of provider", REQUEST, [institution(TOYOTA, pia_valid=False)], Outcome.PIA_BLOCK, "PIA_OF_PROVIDER", ()),
    (
        "pia goes before the provider being down",
        REQUEST,
        [institution(TOYOTA, pia_valid=False, operating_state="DOWN")],
        Outcome.PIA_BLOCK,
        "PIA_OF_PROVIDER",
        (),
    ),
    ("down", REQUEST, [institution(TOYOTA, operating_state="DOWN")], Outcome.UNAVAILABLE, "PROVIDER_DOWN", ()),
    (
        "no row",
        REQUEST._replace(affair_code=FEE_AFFAIR),
        [],
        Outcome.NOT_PERMITTED,
        "NO_SUCH_COMBINATION",
        ("16-2-1", "affair_code", VACCINATION_AFFAIR),
    ),
    ("consent", TAX, [], Outcome.NOT_PERMITTED, "CONSENT_MISSING", ("18-1", "consent_obtained", "true")),
    (
        "not in force yet",
        REQUEST,
        own_list(NETWORK_CODE, lambda row: row._replace(valid_from="20270101")),
        Outcome.NOT_PERMITTED,
        "NOT_IN_FORCE",
        ("16-2-1", "on_date", "20270101/"),
    ),
)


@pytest.mark.parametrize(("name", "message", "rows", "outcome", "rule", "nearest"), REFUSALS)
def test_refused(
    name: str, message: PermitRequested, rows: list[Any], outcome: Outcome, rule: str, nearest: tuple[str, ...]
) -> None:
    """A refusal names outcome, rule, list version and nearest row, and leaves the network's record and no permit."""
    store = store_of(*rows)

    decision = decided(NETWORK, message, store)
    reply, record = decision.say

    assert isinstance(reply, PermitRefused)
    assert isinstance(record, ProvisionRecorded)
    version = store.tables[ListCopy][(NETWORK_CODE,)].list_version
    assert reply[1:] == (outcome, rule, version, *(nearest or ("", "", "")))
    assert (record.party, record.outcome, record.rule, record.provided_at) == (Party.NETWORK, outcome, rule, 0)
    assert store.tables[NetworkExchange] == {}


def test_issued() -> None:
    """A permit is bound to exchange, parties, affair, procedure, kind and items, for a day, and its signature holds."""
    store = store_of()

    (reply,) = decided(NETWORK, REQUEST, store).say

    assert isinstance(reply, PermitIssued)
    permit = opened(reply.permit)
    assert permit is not None
    assert permit[1:] == (*REQUEST[:6], VACCINATION_ITEMS, 1, "16-2-1", NOW, NOW + LIFE_MS)
    assert Verifier(KEYS.network_public).refusal(reply.permit, reply.permit_proof, EXCHANGE, NOW) == ""
    assert store.tables[NetworkExchange][(EXCHANGE,)].state == "ISSUED"


def test_one_signature_for_a_batch() -> None:
    """`close` signs the permits of a run together: each proof holds by itself, and refusals stay as they are."""
    handler = next(one for one in NETWORK.handlers if one.message is PermitRequested)
    assert handler.close is not None
    issued = [PermitIssued(f"{EXCHANGE[:-2]}{n:02d}", f"permit {n}".encode(), b"", "", 1, "") for n in range(3)]
    refused = Decision("not_permitted", (PermitRefused(EXCHANGE, Outcome.NOT_PERMITTED, "", 1, "", "", ""),))

    closed = handler.close([Decision("issued", (issued[0],)), refused, *(Decision("issued", (m,)) for m in issued[1:])])

    assert closed[1] is refused
    assert handler.close([refused]) == [refused]
    assert len({closed[n].say[0].permit_proof for n in (0, 2, 3)}) == 3  # type: ignore[union-attr]


# ── inquiries ────────────────────────────────────────────────────────────────────────────────────────────────────


def sent(permit_exchange: str = EXCHANGE, code_at: str = KARIYA, keys: Keys = KEYS, **changes: Any) -> InquirySent:
    """An inquiry with a permit from these keys, and the resident's code at an institution."""
    store = store_of()
    (reply,) = decided(service("network", keys), REQUEST._replace(exchange_id=permit_exchange), store).say
    assert isinstance(reply, PermitIssued)
    code = WORLD.code_of(RESIDENT, code_at)
    message = InquirySent(EXCHANGE, reply.permit, reply.permit_proof, code, KARIYA, "0", "0", "20260101", "")
    return message._replace(**changes)


def ready(**changes: Any) -> Any:
    """A store in which the permit of `sent()` was issued."""
    store = store_of(residents=[ATTACHED_HOME])
    decided(NETWORK, REQUEST, store)
    row = store.tables[NetworkExchange][(EXCHANGE,)]
    store.put([row._replace(**changes)])
    return store


def test_forwarded_with_the_providers_code() -> None:
    """The inquirer's code goes in and the provider's comes out; no message carries both; the permit is now used."""
    store = ready()

    (reply,) = decided(NETWORK, sent(), store).say

    assert isinstance(reply, InquiryForwarded)
    assert reply.linkage_code == WORLD.code_of(RESIDENT, TOYOTA) != sent().linkage_code
    assert sent().linkage_code.encode() not in encode(reply)
    assert (reply.period_from, reply.requested_at) == ("20260101", REQUEST.requested_at)
    assert store.tables[NetworkExchange][(EXCHANGE,)].state == "USED"


MISUSES: tuple[tuple[str, InquirySent, dict[str, Any]], ...] = (
    ("PERMIT_FORGED", sent(permit_proof=b""), {}),
    ("PERMIT_FORGED", sent(permit=b"\x00"), {}),
    ("PERMIT_FORGED", sent(keys=Keys(bytes(32))), {}),
    ("PERMIT_OTHER_PARTY", sent(permit_exchange=EXCHANGE[:-2] + "01"), {}),
    ("PERMIT_OTHER_PARTY", sent(presented_by=ANJO), {}),
    ("PERMIT_UNKNOWN", sent(), {"permit_id": "another"}),
    ("PERMIT_REUSED", sent(), {"state": "USED"}),
    ("PERMIT_REUSED", sent(), {"state": "COMPLETED"}),
    ("PERMIT_REUSED", sent(), {"state": "RETURNED"}),
)


@pytest.mark.parametrize(("rule", "message", "state"), MISUSES)
def test_misused_permit_is_set_aside(rule: str, message: InquirySent, state: dict[str, Any]) -> None:
    """A permit that is forged, another's, unknown or used gets nothing; the exchange it names is not touched."""
    store = ready(**state)
    before = dict(store.tables[NetworkExchange])

    with pytest.raises(PeerFault) as fault:
        decided(NETWORK, message, store)

    assert fault.value.rule == rule
    assert store.tables[NetworkExchange] == before


def test_unknown_exchange_is_set_aside() -> None:
    """A permit the network has no memory of is unknown, though its signature holds."""
    with pytest.raises(PeerFault) as fault:
        decided(NETWORK, sent(), store_of(residents=[ATTACHED_HOME]))

    assert fault.value.rule == "PERMIT_UNKNOWN"


@pytest.mark.parametrize(("state", "now"), [("ISSUED", NOW + LIFE_MS), ("EXPIRED", NOW + LIFE_MS - 1)])
def test_expired_permit_is_told(state: str, now: int) -> None:
    """An inquiry that comes too late is told PERMIT_EXPIRED, whether or not the timer has already been there."""
    decision = decided(NETWORK, sent(), ready(state=state), now=now)

    assert decision.say == (InquiryReturned(EXCHANGE, Outcome.PERMIT_INVALID, "PERMIT_EXPIRED"),)
    assert decision.write == ()


RETURNS: tuple[tuple[str, InquirySent, list[Any], Outcome, str], ...] = (
    ("a code of another institution", sent(code_at=ANJO), [], Outcome.NO_CODE, "CODE_NOT_OF_INQUIRER"),
    ("the provider's own code", sent(code_at=TOYOTA), [], Outcome.NO_CODE, "CODE_NOT_OF_INQUIRER"),
    (
        "the inquirer's code has ended",
        sent(),
        [NetworkCode(KARIYA, WORLD.code_of(RESIDENT, KARIYA), "x", NOW - 9, NOW)],
        Outcome.NO_CODE,
        "CODE_NOT_OF_INQUIRER",
    ),
    (
        "the inquirer's code has not begun",
        sent(),
        [NetworkCode(KARIYA, WORLD.code_of(RESIDENT, KARIYA), "x", NOW + 1, 0)],
        Outcome.NO_CODE,
        "CODE_NOT_OF_INQUIRER",
    ),
    (
        "nobody of that person at the provider",
        sent(),
        [NetworkCode(KARIYA, WORLD.code_of(RESIDENT, KARIYA), "x", NOW, 0)],
        Outcome.NO_MATCH,
        "PERSON_UNKNOWN_AT_PROVIDER",
    ),
)


@pytest.mark.parametrize(("name", "message", "rows", "outcome", "rule"), RETURNS)
def test_returned(name: str, message: InquirySent, rows: list[Any], outcome: Outcome, rule: str) -> None:
    """What cannot be forwarded goes back with its rule, and the network's exchange ends with a record."""
    store = ready()
    store.put(rows)

    reply, record = decided(NETWORK, message, store).say

    assert reply == InquiryReturned(EXCHANGE, outcome, rule)
    assert isinstance(record, ProvisionRecorded)
    assert (record.outcome, record.rule) == (outcome, rule)
    assert store.tables[NetworkExchange][(EXCHANGE,)].state == "RETURNED"


@pytest.mark.parametrize(("state", "outcome"), [("USED", "recorded"), ("COMPLETED", "late"), ("ISSUED", "late")])
def test_report_closes_a_used_exchange_once(state: str, outcome: str) -> None:
    """The provider's report makes the network's record once, for an exchange whose permit was used."""
    report = ProvisionReported(EXCHANGE, Outcome.OK, "", NOW, b"d", b"s", VACCINATION_ITEMS, "1")

    assert decided(NETWORK, report, ready(state=state)).outcome == outcome


def test_report_of_an_unknown_exchange() -> None:
    """A report about what was never permitted is set aside."""
    with pytest.raises(PeerFault) as fault:
        decided(NETWORK, ProvisionReported(EXCHANGE, Outcome.OK, "", NOW, b"", b"", (), "1"), store_of())

    assert fault.value.rule == "EXCHANGE_UNKNOWN"


@pytest.mark.parametrize(
    ("state", "now", "outcome"),
    [
        ("ISSUED", NOW + LIFE_MS, "expired"),
        ("ISSUED", NOW + LIFE_MS - 1, "late"),
        ("USED", NOW + LIFE_MS, "late"),
        ("EXPIRED", NOW + LIFE_MS, "late"),
    ],
)
def test_unused_permit_expires(state: str, now: int, outcome: str) -> None:
    """A permit nobody used in a day leaves the record of the request, once."""
    decision = decided(NETWORK, PermitDeadlinePassed(EXCHANGE, NOW), ready(state=state), now=now)

    assert (decision.outcome, len(decision.say)) == (outcome, int(outcome == "expired"))


def test_forged_permit_in_the_country() -> None:
    """An inquiry with somebody else's permit is set aside at the network; the true exchange gets its answer."""

    async def scene(story: Story) -> None:
        await story.ask(asks())
        (true,) = story.said(InquirySent)
        await story.ask(true, true._replace(permit_proof=b"\x00"), true._replace(presented_by=TOYOTA))
        await story.ask(asks(record_identification_number="NEXT"))

    story = told(scene)

    assert [row.rule for row in story.set_aside()] == ["PERMIT_REUSED", "PERMIT_FORGED", "PERMIT_OTHER_PARTY"]
    assert {row.service for row in story.set_aside()} == {"network"}
    assert all(type(decode(story.keys.unprotect(row.value))) is InquirySent for row in story.set_aside())
    assert story.kind_answered().outcome is story.kind_answered("NEXT").outcome is Outcome.OK
    assert len(story.said(InquiryForwarded)) == 2


def test_code_of_another_institution_in_the_country() -> None:
    """A code that is not the inquirer's own is worth nothing: NO_CODE, with the records of inquirer and network."""

    async def scene(story: Story) -> None:
        binding = next(r for r in story.rows(CodeBinding) if r.integrated_number == RESIDENT.home_number)
        story.store.drop(CodeBinding, (KARIYA, binding.linkage_code))
        story.store.put([binding._replace(linkage_code=WORLD.code_of(RESIDENT, ANJO))])
        await story.ask(asks())

    story = told(scene)

    assert (story.kind_answered().outcome, story.kind_answered().rule) == (Outcome.NO_CODE, "CODE_NOT_OF_INQUIRER")
    assert (story.exchange().state, story.parties()) == ("FAILED", "IN")


# ── codes ────────────────────────────────────────────────────────────────────────────────────────────────────────

NUMBER = "12345678901234567890"
TOKEN = resident_token(KEYS.register, "x")
HELD = Acquisition(NUMBER, KARIYA, "R1", NOW + 1)


def test_acquisition_number_is_twenty_digits_and_new() -> None:
    """Each request gets a number of its own, good for a day."""
    store = store_of()

    (reply,) = decided(NETWORK, AcquisitionNumberRequested(KARIYA, "R1"), store).say

    assert isinstance(reply, AcquisitionNumberIssued)
    assert len(reply.acquisition_number) == 20
    assert reply.acquisition_number.isdigit()
    assert reply.expires_at == NOW + ACQUISITION_LIFE_MS == NOW + DAY_MS
    assert list(store.tables[Acquisition]) == [(reply.acquisition_number,)]


ACQUISITIONS = (
    ("ok", HELD, KARIYA, NOW, "", False),
    ("unknown or used", None, KARIYA, NOW, "ACQUISITION_UNKNOWN", False),
    ("expired", HELD, KARIYA, NOW + 1, "ACQUISITION_EXPIRED", False),
    ("another institution's", HELD, TOYOTA, NOW, "CHANNEL_MISMATCH", True),
    ("already issued", HELD._replace(institution_code=TOYOTA), TOYOTA, NOW, "ALREADY_ISSUED", False),
)


@pytest.mark.parametrize(("name", "held", "by", "now", "rule", "stays"), ACQUISITIONS)
def test_identity_confirmed(name: str, held: Acquisition | None, by: str, now: int, rule: str, stays: bool) -> None:
    """The number is good once, in time, for its own institution; after the match or its owner's failure it is gone."""
    known = NetworkCode(TOYOTA, "f" * 64, internal_id_of(TOKEN), NOW - 1, 0)
    store = store_of(*([held] if held else []), known)

    decision = decided(NETWORK, IdentityConfirmed(by, NUMBER, TOKEN), store, now=now)
    (reply,) = decision.say

    if rule:
        assert reply == CodeAcquisitionFailed(by, held.request_id if held and not stays else "", NUMBER, rule)
    else:
        assert isinstance(reply, LinkageCodeIssued)
        assert reply[:3] == (KARIYA, "R1", NUMBER)
        assert store.tables[ResidentToken]
    assert bool(store.tables[Acquisition]) == stays


@pytest.mark.parametrize(("held", "rule"), [(HELD, "IDENTITY_UNKNOWN"), (None, "ACQUISITION_UNKNOWN")])
def test_identity_unknown(held: Acquisition | None, rule: str) -> None:
    """When the register knows nobody the number is spent."""
    store = store_of(*([held] if held else []))

    (reply,) = decided(NETWORK, IdentityUnknown(KARIYA, NUMBER), store).say

    assert isinstance(reply, CodeAcquisitionFailed)
    assert reply.rule == rule
    assert store.tables[Acquisition] == {}


def test_codes_differ_by_institution_and_generation() -> None:
    """One person has another code at each institution and after a revocation, and the same from the same inputs."""
    codes = []
    for institution_code, earlier in ((KARIYA, 0), (TOYOTA, 0), (KARIYA, 1), (KARIYA, 0)):
        ended = [NetworkCode(KARIYA, f"{n:064d}", internal_id_of(TOKEN), 1, 2) for n in range(earlier)]
        store = store_of(HELD._replace(institution_code=institution_code), *ended)
        (reply,) = decided(NETWORK, IdentityConfirmed(institution_code, NUMBER, TOKEN), store).say
        assert isinstance(reply, LinkageCodeIssued)
        codes.append(reply.linkage_code)

    assert len(set(codes)) == 3
    assert codes[0] == codes[3]
    assert all(len(code) == 64 and TOKEN not in code for code in codes)


def test_revoked_code_keeps_its_row() -> None:
    """A revocation closes the code at its moment and forgets nothing."""
    code = NetworkCode(KARIYA, "c" * 64, "person", 1, 0)
    store = store_of(code)

    decided(NETWORK, LinkageCodeRevoked(KARIYA, code.linkage_code, NOW), store)

    assert list(store.tables[NetworkCode].values()) == [code._replace(valid_to=NOW)]


def test_revocation_of_an_unknown_code() -> None:
    """A code that is not there is set aside."""
    with pytest.raises(PeerFault) as fault:
        decided(NETWORK, LinkageCodeRevoked(KARIYA, "c" * 64, NOW), store_of())

    assert fault.value.rule == "CODE_UNKNOWN"


# ── lists ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_distribution_names_version_and_digest() -> None:
    """Each institution whose time has come is handed version and digest."""
    version = list_version(7, permission_rows(), NOW)

    said = result_of(distribute(version, [ListDistribution(code, 7, NOW, 0) for code in (KARIYA, ANJO)]))

    assert list(said) == [PermissionListDistributed(code, 7, version.digest, NOW) for code in (KARIYA, ANJO)]


def test_network_decides_with_its_own_copy() -> None:
    """The list in force at the network is the one it holds itself, not the newest there is."""
    rows = own_list(NETWORK_CODE, without("16-2-1"))

    assert decided(NETWORK, REQUEST, store_of(rows[0])).outcome == "issued"
    assert decided(NETWORK, REQUEST, store_of(*rows)).outcome == "not_permitted"


def test_permit_context_is_its_own() -> None:
    """A permit's signature is for permits alone: the context is part of what is signed."""
    body, proof = signed(opened(sent().permit))  # type: ignore[arg-type]

    assert Verifier(KEYS.network_public).refusal(body, proof, EXCHANGE, NOW) == ""
    assert permits.CONTEXT == b"chukan provision permit 1\n"


def test_route_names_the_inquirer_and_no_code() -> None:
    """The provider learns where the answer goes, and nothing else of the inquirer's side."""

    async def scene(story: Story) -> None:
        await story.ask(asks(kind()))

    (message,) = told(scene).said(InquiryForwarded)

    assert message.route_info == f"nws:interface/{KARIYA}"
