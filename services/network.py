"""情報提供ネットワークシステム (NWS), core and interface: permits, code conversion, routes, and its own record.

Hears PermitRequested and InquirySent from inquirers, ProvisionReported from providers, the two channels of code
acquisition, PermitDeadlinePassed and AcquisitionDeadlinePassed from its timers. Says permits, forwarded inquiries,
linkage codes, list versions, and the network's record of each exchange (Article 23(3)).

Always holds: it never sees content; both codes of a person meet in its tables only, and no message of its own carries
both; an inquiry is forwarded at most once a permit.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from functools import partial
from hashlib import sha256
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from broker.decision import Decision
from broker.errors import PeerFault
from broker.facts import Facts
from broker.rules import permits
from broker.rules.identity import derived_id, jst_date, split_exchange_id
from broker.rules.permission_list import Question
from broker.rules.permits import Verifier, opened
from broker.rules.records import record_of
from broker.rules.signing import sign_batch
from broker.service import Context, Keep, Service, Timer, on
from broker.tables import (
    Acquisition,
    Institution,
    ListCopy,
    ListDistribution,
    NetworkCode,
    NetworkExchange,
    PermissionListVersion,
    ResidentToken,
)
from schemas.codec import encode
from schemas.records import (
    AcquisitionDeadlinePassed,
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
    Message,
    Outcome,
    Party,
    PermissionListDistributed,
    Permit,
    PermitDeadlinePassed,
    PermitIssued,
    PermitRefused,
    PermitRequested,
    ProvisionReported,
)
from services.common import About, Draw, in_force, name_of, submit_records
from services.lists import Lists

NAME = "network"
NETWORK_CODE = "0000000000000000"  # the network's own place among institutions (assumption)
ACQUISITION_LIFE_MS = 86_400_000
BY_PERSON = ("internal_id",)
GOING_ON = frozenset({"ISSUED", "USED"})
DOWN = frozenset({"DOWN", "MAINTENANCE", "STARTING"})


class NetworkKeys(NamedTuple):
    """The core's secrets: what signs permits, and what makes codes out of internal ids (domain 3(a)4)."""

    signing: Ed25519PrivateKey
    codes: bytes


class Network:
    """The handlers of the network, with its keys, its memory of list versions, and what gives the salts of records."""

    def __init__(self, keys: NetworkKeys, lists: Lists, draw: Draw) -> None:
        self._submit = partial(submit_records, draw)
        self._keys = keys
        self._lists = lists
        self._verifier = Verifier(keys.signing.public_key())

    def service(self) -> Service:
        """The declaration."""
        return Service(
            NAME,
            (
                on(PermitRequested, self.load_permit_requested, self.decide_permit_requested, self.close_permits),
                on(InquirySent, load_sent, self.decide_sent, self._submit),
                on(ProvisionReported, load_exchange, decide_reported, self._submit),
                on(PermitDeadlinePassed, load_exchange, decide_deadline_passed, self._submit),
                on(AcquisitionNumberRequested, load_acquisition_requested, decide_acquisition_requested),
                on(IdentityConfirmed, self.load_identity, self.decide_identity),
                on(IdentityUnknown, load_identity_unknown, decide_identity_unknown),
                on(LinkageCodeRevoked, load_revoked, decide_revoked),
                on(AcquisitionDeadlinePassed, load_acquisition_deadline, decide_acquisition_deadline),
            ),
            (
                Timer(NetworkExchange, "expires_at", ("ISSUED",), say_deadline_passed),
                Timer(Acquisition, "expires_at", (), say_acquisition_deadline),
            ),
            keeps=(Keep(NetworkExchange, lambda row: row.state in GOING_ON),),
        )

    # ── permits ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def load_permit_requested(self, messages: Sequence[PermitRequested], facts: Facts) -> None:
        """The two parties and the list in force at the network."""
        codes = [code for m in messages for code in (m.inquirer_institution_code, m.provider_institution_code)]
        await facts.load(Institution, [(code,) for code in codes])
        await facts.load(ListCopy, [(NETWORK_CODE,)])
        await self._lists.learn([copy.list_version for copy in (facts.get(ListCopy, NETWORK_CODE),) if copy], facts)

    def decide_permit_requested(self, message: PermitRequested, facts: Facts, context: Context) -> Decision:
        """Article 21(2): the privacy assessment of both sides, then the list (assessment III-6 risk 1(1))."""
        inquirer = facts.get(Institution, message.inquirer_institution_code)
        provider = facts.get(Institution, message.provider_institution_code)
        copy = facts.get(ListCopy, NETWORK_CODE)
        version = copy.list_version if copy else 0
        if inquirer is None or provider is None:
            return refused(message, Outcome.INVALID, "PROVIDER_UNKNOWN", version, facts)
        if not inquirer.pia_valid:
            return refused(message, Outcome.PIA_BLOCK, "PIA_OF_INQUIRER", version, facts)
        if not provider.pia_valid:
            return refused(message, Outcome.PIA_BLOCK, "PIA_OF_PROVIDER", version, facts)
        if provider.operating_state in DOWN:
            return refused(message, Outcome.UNAVAILABLE, "PROVIDER_DOWN", version, facts)
        if copy is None:
            return refused(message, Outcome.NOT_PERMITTED, "LIST_UNKNOWN", version, facts)
        question = Question(
            inquirer.institution_class,
            message.affair_code,
            message.procedure_code,
            provider.institution_class,
            message.spi_name_code,
            jst_date(context.now),
            message.consent_obtained,
        )
        found = self._lists.version(version).decision(question)
        if not found.permitted:
            nearest = (found.nearest_row_id, found.nearest_attribute, found.nearest_value)
            return refused(message, Outcome.NOT_PERMITTED, str(found.rule), version, facts, nearest)
        return issued(message, version, found.row_id, found.item_codes, context)

    def close_permits(self, decisions: Sequence[Decision]) -> Sequence[Decision]:
        """Sign all permits of the batch with one signature."""
        places = [n for n, decision in enumerate(decisions) if decision.outcome == "issued"]
        if not places:
            return self._submit(decisions)
        said = [decisions[n].say[0] for n in places]
        bodies = [message.permit for message in said if isinstance(message, PermitIssued)]
        proofs = sign_batch(bodies, permits.CONTEXT, self._keys.signing)
        self._verifier.signed(zip(bodies, proofs, strict=True))
        closed = list(decisions)
        for n, message, proof in zip(places, said, proofs, strict=True):
            closed[n] = decisions[n]._replace(say=(message._replace(permit_proof=proof),))  # type: ignore[call-arg]
        return self._submit(closed)

    # ── inquiries ────────────────────────────────────────────────────────────────────────────────────────────────

    def decide_sent(self, message: InquirySent, facts: Facts, context: Context) -> Decision:
        """Check the permit, convert the inquirer's code to the provider's, show the way (domain 3(c-1)6 to 8)."""
        row = facts.get(NetworkExchange, message.exchange_id)
        permit = opened(message.permit)
        rule = self._verifier.refusal(message.permit, message.permit_proof, message.exchange_id, context.now)
        if not rule and permit is not None:
            rule = permit_misuse(message, permit, row)
        if permit is None or rule not in ("", "PERMIT_EXPIRED"):
            # The exchange the message names may be another's and goes on; this attempt is set aside with its reason.
            raise PeerFault(rule or "PERMIT_FORGED", f"{message.exchange_id}: the permit may not be used here")
        if rule:
            # The exchange's own record is the timer's: nobody used the permit in time.
            return Decision("permit_expired", (InquiryReturned(message.exchange_id, Outcome.PERMIT_INVALID, rule),))
        assert row is not None
        own = facts.get(NetworkCode, permit.inquirer_institution_code, message.linkage_code)
        if own is None or not in_force(own, context.now):
            return returned(message, row, Outcome.NO_CODE, "CODE_NOT_OF_INQUIRER", facts)
        code = code_at(permit.provider_institution_code, own.internal_id, facts, context.now)
        if code is None:
            return returned(message, row, Outcome.NO_MATCH, "PERSON_UNKNOWN_AT_PROVIDER", facts)
        forwarded = InquiryForwarded(
            message.exchange_id,
            message.permit,
            message.permit_proof,
            code.linkage_code,
            route_to(permit.inquirer_institution_code),
            row.consent_obtained,
            row.non_disclosure_code,
            row.requested_at,
            message.inquiry_condition_type,
            message.inquiry_year_type,
            message.period_from,
            message.period_to,
        )
        return Decision("forwarded", (forwarded,), (row._replace(state="USED"),))

    # ── codes ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def load_identity(self, messages: Sequence[IdentityConfirmed], facts: Facts) -> None:
        """The acquisitions and what is known of the residents."""
        await facts.load(Acquisition, [(m.acquisition_number,) for m in messages])
        await facts.load(ResidentToken, [(m.resident_token,) for m in messages])
        internal = [(internal_id_of(m.resident_token),) for m in messages]
        await facts.find(NetworkCode, BY_PERSON, internal)

    def decide_identity(self, message: IdentityConfirmed, facts: Facts, context: Context) -> Decision:
        """Channel 1 has arrived: match the acquisition number, make the institution's code, erase the number."""
        acquisition = facts.get(Acquisition, message.acquisition_number)
        rule = acquisition_misuse(acquisition, message.institution_code, context.now)
        if rule or acquisition is None:
            return acquisition_failed(message.institution_code, acquisition, message.acquisition_number, rule)
        internal_id = internal_id_of(message.resident_token)
        code = self.code_of(internal_id, acquisition, facts)
        row = NetworkCode(acquisition.institution_code, code, internal_id, context.now, 0)
        issued_code = LinkageCodeIssued(
            acquisition.institution_code, acquisition.request_id, message.acquisition_number, code, context.now
        )
        known = code_at(acquisition.institution_code, internal_id, facts, context.now)
        if known is not None:
            return acquisition_failed(
                message.institution_code, acquisition, message.acquisition_number, "ALREADY_ISSUED"
            )
        writes = (row, ResidentToken(message.resident_token, internal_id))
        return Decision("code_issued", (issued_code,), writes, (acquisition,))

    def code_of(self, internal_id: str, acquisition: Acquisition, facts: Facts) -> str:
        """The institution's next code of a person, never the same twice."""
        held = facts.all(NetworkCode, BY_PERSON, internal_id)
        generation = sum(1 for code in held if code.institution_code == acquisition.institution_code)
        return linkage_code(self._keys.codes, internal_id, acquisition.institution_code, generation)


def issued(
    message: PermitRequested, version: int, row_id: str, item_codes: tuple[str, ...], context: Context
) -> Decision:
    """A permit, not yet signed, and the network's state of the exchange."""
    permit = Permit(
        derived_id(context.identity, "permit", 0),
        message.exchange_id,
        message.inquirer_institution_code,
        message.provider_institution_code,
        message.affair_code,
        message.procedure_code,
        message.spi_name_code,
        item_codes,
        version,
        row_id,
        context.now,
        context.now + permits.LIFE_MS,
    )
    reply = PermitIssued(message.exchange_id, encode(permit), b"", permit.permit_id, version, row_id)
    return Decision("issued", (reply,), (state_of(message, "ISSUED", permit),))


def state_of(message: PermitRequested, state: str, permit: Permit) -> NetworkExchange:
    """The network's row of an exchange."""
    return NetworkExchange(
        message.exchange_id,
        state,
        message.provider_institution_code,
        message.affair_code,
        message.procedure_code,
        message.spi_name_code,
        message.consent_obtained,
        message.inquirer_non_disclosure_code,
        message.requested_at,
        permit.permit_id,
        permit.list_version,
        permit.row_id,
        permit.expires_at,
    )


def refused(
    message: PermitRequested,
    outcome: Outcome,
    rule: str,
    version: int,
    facts: Facts,
    nearest: tuple[str, str, str] = ("", "", ""),
) -> Decision:
    """The refusal and the network's record of it."""
    reply = PermitRefused(message.exchange_id, outcome, rule, version, *nearest)
    record = record_of(
        Party.NETWORK,
        NETWORK_CODE,
        message.exchange_id,
        inquirer_name=name_of(message.inquirer_institution_code, facts),
        provider_institution_code=message.provider_institution_code,
        provider_name=name_of(message.provider_institution_code, facts),
        requested_at=message.requested_at,
        affair_code=message.affair_code,
        procedure_code=message.procedure_code,
        spi_name_code=message.spi_name_code,
        outcome=outcome,
        rule=rule,
        non_disclosure_code=message.inquirer_non_disclosure_code,
        list_version=version,
    )
    return Decision(outcome.lower(), (reply, record))


async def load_sent(messages: Sequence[InquirySent], facts: Facts) -> None:
    """The exchanges, the codes presented, and all codes of the persons they stand for."""
    await facts.load(NetworkExchange, [(m.exchange_id,) for m in messages])
    await facts.load(NetworkCode, [(split_exchange_id(m.exchange_id)[0], m.linkage_code) for m in messages])
    own = [facts.get(NetworkCode, split_exchange_id(m.exchange_id)[0], m.linkage_code) for m in messages]
    await facts.find(NetworkCode, BY_PERSON, [(code.internal_id,) for code in own if code])
    await load_parties([m.exchange_id for m in messages], facts)


async def load_parties(names: Sequence[str], facts: Facts) -> None:
    """The institutions on both sides of these exchanges."""
    rows = [row for row in (facts.get(NetworkExchange, name) for name in names) if row]
    codes = [code for row in rows for code in (split_exchange_id(row.exchange_id)[0], row.provider_institution_code)]
    await facts.load(Institution, [(code,) for code in codes])


def permit_misuse(message: InquirySent, permit: Permit, row: NetworkExchange | None) -> str:
    """The rule broken by presenting this permit here, or an empty string."""
    if message.presented_by != permit.inquirer_institution_code:
        return "PERMIT_OTHER_PARTY"
    if row is None or row.permit_id != permit.permit_id:
        return "PERMIT_UNKNOWN"
    if row.state == "EXPIRED":
        return "PERMIT_EXPIRED"
    return "" if row.state == "ISSUED" else "PERMIT_REUSED"


def returned(message: InquirySent, row: NetworkExchange, outcome: Outcome, rule: str, facts: Facts) -> Decision:
    """The inquiry goes back and the exchange ends here, with the network's record."""
    reply = InquiryReturned(message.exchange_id, outcome, rule)
    return Decision(outcome.lower(), (reply, own_record(row, facts, outcome, rule)), (row._replace(state="RETURNED"),))


def code_at(institution_code: str, internal_id: str, facts: Facts, now: int) -> NetworkCode | None:
    """The person's code in force at an institution, or None."""
    for code in facts.all(NetworkCode, BY_PERSON, internal_id):
        if code.institution_code == institution_code and in_force(code, now):
            return code
    return None


def route_to(institution_code: str) -> str:
    """経路情報: how an answer reaches the inquirer (its form is not public; this one is the simulator's)."""
    return f"nws:interface/{institution_code}"


async def load_exchange(messages: Sequence[About], facts: Facts) -> None:
    """The exchanges and both parties' names."""
    await facts.load(NetworkExchange, [(m.exchange_id,) for m in messages])
    await load_parties([m.exchange_id for m in messages], facts)


def decide_reported(message: ProvisionReported, facts: Facts, context: Context) -> Decision:
    """The provision is over: the network's record, without content."""
    row = facts.get(NetworkExchange, message.exchange_id)
    if row is None:
        raise PeerFault("EXCHANGE_UNKNOWN", f"{message.exchange_id} was never permitted here")
    if row.state != "USED":
        return Decision("late")
    record = own_record(
        row,
        facts,
        message.outcome,
        message.rule,
        message.provided_at,
        message.spi_items,
        message.answer_digest,
        message.sealed_digest,
        message.non_disclosure_code,
    )
    return Decision("recorded", (record,), (row._replace(state="COMPLETED"),))


def decide_deadline_passed(message: PermitDeadlinePassed, facts: Facts, context: Context) -> Decision:
    """A permit nobody used is over; the request still leaves its record."""
    row = facts.get(NetworkExchange, message.exchange_id)
    if row is None or row.state != "ISSUED" or context.now < row.expires_at:
        return Decision("late")
    record = own_record(row, facts, Outcome.EXPIRED, "PERMIT_EXPIRED")
    return Decision("expired", (record,), (row._replace(state="EXPIRED"),))


def own_record(
    row: NetworkExchange,
    facts: Facts,
    outcome: Outcome,
    rule: str,
    provided_at: int = 0,
    spi_items: tuple[str, ...] = (),
    answer_digest: bytes = b"",
    sealed_digest: bytes = b"",
    non_disclosure_code: str = "",
) -> Message:
    """The network's record of an exchange (Article 23(3))."""
    inquirer = split_exchange_id(row.exchange_id)[0]
    return record_of(
        Party.NETWORK,
        NETWORK_CODE,
        row.exchange_id,
        inquirer_name=name_of(inquirer, facts),
        provider_institution_code=row.provider_institution_code,
        provider_name=name_of(row.provider_institution_code, facts),
        requested_at=row.requested_at,
        affair_code=row.affair_code,
        procedure_code=row.procedure_code,
        spi_name_code=row.spi_name_code,
        outcome=outcome,
        rule=rule,
        provided_at=provided_at,
        spi_items=spi_items,
        non_disclosure_code=non_disclosure_code or row.non_disclosure_code,
        permit_id=row.permit_id,
        list_version=row.list_version,
        row_id=row.row_id,
        answer_digest=answer_digest,
        sealed_digest=sealed_digest,
    )


def say_deadline_passed(row: NetworkExchange, now: int) -> Message:
    """The timer's message about a permit nobody has used."""
    return PermitDeadlinePassed(row.exchange_id, row.expires_at)


# ── code acquisition (domain 3(a)) ───────────────────────────────────────────────────────────────────────────────


async def load_acquisition_requested(messages: Sequence[AcquisitionNumberRequested], facts: Facts) -> None:
    """The institutions that ask."""
    await facts.load(Institution, [(m.institution_code,) for m in messages])


def decide_acquisition_requested(message: AcquisitionNumberRequested, facts: Facts, context: Context) -> Decision:
    """A single-use number of 20 digits (assumption, domain 7 row 2), derived from the request."""
    number = f"{int(derived_id(context.identity, 'acquisition', 0), 16) % 10**20:020d}"
    expires = context.now + ACQUISITION_LIFE_MS
    row = Acquisition(number, message.institution_code, message.request_id, expires)
    reply = AcquisitionNumberIssued(message.institution_code, message.request_id, number, expires)
    return Decision("number_issued", (reply,), (row,))


def linkage_code(key: bytes, internal_id: str, institution_code: str, generation: int) -> str:
    """An institution's code of a person: keyed, and different for each institution.

    ASSUMPTION (domain 7 row 1): HMAC-SHA-256 of internal id, institution and generation, as 64 hex characters.
    """
    return hmac.new(key, f"{internal_id}/{institution_code}/{generation}".encode(), sha256).hexdigest()


def internal_id_of(resident_token: str) -> str:
    """The network's internal id of a resident: its own name for the register's token."""
    return sha256(f"internal/{resident_token}".encode()).hexdigest()[:32]


def acquisition_misuse(acquisition: Acquisition | None, institution_code: str, now: int) -> str:
    """The rule an acquisition number breaks, or an empty string."""
    if acquisition is None:
        return "ACQUISITION_UNKNOWN"
    if acquisition.institution_code != institution_code:
        return "CHANNEL_MISMATCH"
    return "ACQUISITION_EXPIRED" if now >= acquisition.expires_at else ""


def acquisition_failed(institution_code: str, acquisition: Acquisition | None, number: str, rule: str) -> Decision:
    """No code. Another institution's attempt leaves the number to its owner."""
    mine = acquisition is not None and acquisition.institution_code == institution_code
    request_id = acquisition.request_id if acquisition and mine else ""
    reply = CodeAcquisitionFailed(institution_code, request_id, number, rule)
    return Decision("code_failed", (reply,), (), (acquisition,) if mine else ())


async def load_acquisition_deadline(messages: Sequence[AcquisitionDeadlinePassed], facts: Facts) -> None:
    """The acquisitions."""
    await facts.load(Acquisition, [(m.acquisition_number,) for m in messages])


def decide_acquisition_deadline(message: AcquisitionDeadlinePassed, facts: Facts, context: Context) -> Decision:
    """An acquisition number may not be kept beyond its purpose (Article 21-2): it is erased."""
    acquisition = facts.get(Acquisition, message.acquisition_number)
    if acquisition is None or context.now < acquisition.expires_at:
        return Decision("late")
    return Decision("acquisition_expired", (), (), (acquisition,))


def say_acquisition_deadline(row: Acquisition, now: int) -> Message:
    """The timer's message about an acquisition number whose time is over."""
    return AcquisitionDeadlinePassed(row.acquisition_number, row.expires_at)


async def load_identity_unknown(messages: Sequence[IdentityUnknown], facts: Facts) -> None:
    """The acquisitions."""
    await facts.load(Acquisition, [(m.acquisition_number,) for m in messages])


def decide_identity_unknown(message: IdentityUnknown, facts: Facts, context: Context) -> Decision:
    """The register knows nobody: the number is spent."""
    acquisition = facts.get(Acquisition, message.acquisition_number)
    rule = acquisition_misuse(acquisition, message.institution_code, context.now) or "IDENTITY_UNKNOWN"
    return acquisition_failed(message.institution_code, acquisition, message.acquisition_number, rule)


async def load_revoked(messages: Sequence[LinkageCodeRevoked], facts: Facts) -> None:
    """The codes."""
    await facts.load(NetworkCode, [(m.institution_code, m.linkage_code) for m in messages])


def decide_revoked(message: LinkageCodeRevoked, facts: Facts, context: Context) -> Decision:
    """The code ends; its row stays, so that the past remains explainable."""
    code = facts.get(NetworkCode, message.institution_code, message.linkage_code)
    if code is None:
        raise PeerFault("CODE_UNKNOWN", f"{message.institution_code} has no such code")
    return Decision("code_revoked", (), (code._replace(valid_to=message.valid_to),))


async def distribute(
    version: PermissionListVersion, due: Sequence[ListDistribution]
) -> Sequence[PermissionListDistributed]:
    """The messages that hand a list version to institutions whose time has come."""
    return [
        PermissionListDistributed(one.institution_code, version.list_version, version.digest, one.due_at) for one in due
    ]
