"""情報提供 (assessment, system 4 function 3): the provider's intermediate server.

Hears InquiryForwarded from the network, HoldConfirmed and HoldRefused from its staff, HoldDeadlinePassed from its
timer, PermissionListDistributed from the network. Says ProvisionAnswered to the inquirer, ProvisionReported to the
network, ProvisionHeld while a person must look, and the provider's record.

Always holds: no answer without a valid permit and without this side's own list check (assessment III-6 risk 2(1));
the answer is generated from permit, route and copies, never typed (2(2)); what carries the auto-response block leaves
only after a person confirmed exactly what leaves (2(3)); a permit is served once; the answer and its record are said
in the same commit; where it is so set, nothing leaves while the witnesses have not cosigned the log lately.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from functools import partial
from hashlib import sha256
from typing import NamedTuple

from broker.decision import Decision
from broker.errors import PeerFault
from broker.facts import Facts
from broker.rules.blocking import Projection, project, shown_digest
from broker.rules.calendar import after_business_days
from broker.rules.erasure import expired
from broker.rules.fields import errors_in
from broker.rules.identity import jst_date
from broker.rules.permission_list import Question
from broker.rules.permits import Verifier, opened
from broker.rules.reasons import SUCCESS
from broker.rules.records import record_of
from broker.service import Context, Service, Timer, on
from broker.tables import CodeBinding, CopyRecord, CosignedLog, Institution, ListCopy, Provision, Suspension
from schemas.codec import decode, encode
from schemas.records import (
    HoldConfirmed,
    HoldDeadlinePassed,
    HoldReason,
    HoldRefused,
    InquiryForwarded,
    InquiryWithdrawn,
    Message,
    Outcome,
    Party,
    PermissionListDistributed,
    Permit,
    ProvidedInformation,
    ProvisionAnswered,
    ProvisionErasureOrdered,
    ProvisionHeld,
    ProvisionReported,
)
from services.common import About, Draw, in_force, name_of, submit_records
from services.lists import Lists

NAME = "provision"
HOLD_DAYS = 7  # business days (assumption, domain 7 row 10)
REMIND_DAYS = 3
ANSWER_BYTES = 48_000  # so that the answers to all kinds of one inquiry fit in one record of Kafka
BY_KIND = ("institution_code", "integrated_number", "spi_name_code")
BY_EXCHANGE = ("exchange_id",)

Seal = Callable[[str, bytes, bytes, bytes, int], bytes]
"""institution code, its public sealing key, plain text, associated data, now → sealed bytes."""


class Ending(NamedTuple):
    """What leaves the provider: an answer or a refusal."""

    outcome: Outcome
    rule: str = ""
    projection: Projection | None = None
    row_id: str = ""
    nearest: tuple[str, str, str] = ("", "", "")
    operator_id: str = ""
    hold_reason: HoldReason = HoldReason.NONE


class Provider:
    """The handlers of provision, with the network's public key, what seals, the secret that salts the digests of
    answers, and what gives the salts of records."""

    def __init__(
        self,
        verifier: Verifier,
        lists: Lists,
        seal: Seal,
        salt_key: bytes,
        draw: Draw,
        cosigned_within_ms: int = 0,
    ) -> None:
        """cosigned_within_ms: nothing leaves while the log's newest cosigned checkpoint is older; 0: it may be."""
        self._submit = partial(submit_records, draw)
        self._verifier = verifier
        self._lists = lists
        self._seal = seal
        self._salt_key = salt_key
        self._cosigned_within_ms = cosigned_within_ms

    def service(self) -> Service:
        """The declaration."""
        return Service(
            NAME,
            (
                on(InquiryForwarded, self.load_forwarded, self.decide_forwarded, self._submit),
                on(InquiryWithdrawn, self.load_withdrawn, self.decide_withdrawn, self._submit),
                on(HoldConfirmed, self.load_holds, self.decide_confirmed, self._submit),
                on(HoldRefused, self.load_holds, self.decide_refused, self._submit),
                on(HoldDeadlinePassed, self.load_holds, self.decide_deadline_passed, self._submit),
                on(ProvisionErasureOrdered, load_erasure, decide_erasure),
                on(PermissionListDistributed, load_distributed, decide_distributed),
            ),
            (Timer(Provision, "remind_at", ("HELD",), say_deadline_passed),),
        )

    # ── an inquiry arrives ───────────────────────────────────────────────────────────────────────────────────────

    async def load_forwarded(self, messages: Sequence[InquiryForwarded], facts: Facts) -> None:
        """Permit use, this side's list, the person, the copies, and both parties."""
        known = [(m, permit) for m in messages if (permit := opened(m.permit)) is not None]
        await facts.load(Provision, [(permit.permit_id,) for _, permit in known])
        await self._load_basis(known, facts)

    async def _load_basis(self, known: Sequence[tuple[InquiryForwarded, Permit]], facts: Facts) -> None:
        parties = [code for _, p in known for code in (p.inquirer_institution_code, p.provider_institution_code)]
        await facts.load(Institution, [(code,) for code in parties])
        providers = [(p.provider_institution_code,) for _, p in known]
        await facts.load(ListCopy, providers)
        if self._cosigned_within_ms:
            await facts.load(CosignedLog, providers)
        copies = [facts.get(ListCopy, *code) for code in dict.fromkeys(providers)]
        await self._lists.learn([copy.list_version for copy in copies if copy], facts)
        codes = [(p.provider_institution_code, m.linkage_code) for m, p in known]
        await facts.load(CodeBinding, codes)
        found = [(facts.get(CodeBinding, *code), permit) for code, (_, permit) in zip(codes, known, strict=True)]
        persons = [(b.institution_code, b.integrated_number, p.spi_name_code) for b, p in found if b]
        await facts.load(Suspension, [person[:2] for person in persons])
        await facts.find(CopyRecord, BY_KIND, persons)

    def decide_forwarded(self, message: InquiryForwarded, facts: Facts, context: Context) -> Decision:
        """Permit, own list, person, copies, block flag; then the answer, or a hold, or a refusal that says why."""
        permit = opened(message.permit)
        rule = self._verifier.refusal(message.permit, message.permit_proof, message.exchange_id, context.now)
        if permit is None or rule not in ("", "PERMIT_EXPIRED"):
            raise PeerFault(rule or "PERMIT_FORGED", f"{message.exchange_id}: the permit does not hold")
        known = facts.get(Provision, permit.permit_id)
        if known is not None and known.state == "WITHDRAWN":
            ending = Ending(Outcome(known.outcome), known.hold_reason)
            row = new_provision(permit, message, context.now)
            return self._left(row, message, permit, ending, facts, context.now)
        if known is not None:
            raise PeerFault("PERMIT_REUSED", f"{message.exchange_id}: permit {permit.permit_id} was served before")
        row = new_provision(permit, message, context.now)
        if rule:
            return self._left(row, message, permit, Ending(Outcome.PERMIT_INVALID, rule), facts, context.now)
        ending = self._decide_content(message, permit, facts, context.now)
        if ending.projection is not None and ending.projection.blocked:
            return held(row, message, ending.projection, facts, context.now)
        return self._left(row, message, permit, ending, facts, context.now)

    def _decide_content(self, message: InquiryForwarded, permit: Permit, facts: Facts, now: int) -> Ending:
        """What would leave, had nobody to look at it first."""
        if not self._is_cosigned(permit.provider_institution_code, facts, now):
            return Ending(Outcome.UNAVAILABLE, "COSIGNATURE_TOO_OLD")
        listed = self._check_list(message, permit, facts, now)
        if listed.rule:
            return listed
        binding = facts.get(CodeBinding, permit.provider_institution_code, message.linkage_code)
        if binding is None or not in_force(binding, now):
            return Ending(Outcome.NO_MATCH, "PERSON_UNKNOWN_AT_PROVIDER", row_id=listed.row_id)
        person = (binding.institution_code, binding.integrated_number)
        suspension = facts.get(Suspension, *person)
        if suspension is not None and suspension.since <= now:
            return Ending(Outcome.SUSPENDED, "PERSON_SUSPENDED_AT_PROVIDER", row_id=listed.row_id)
        copies = facts.all(CopyRecord, BY_KIND, *person, permit.spi_name_code)
        period = (message.period_from, message.period_to)
        projection = project(copies, permit.item_codes, period, jst_date(now))
        if not projection.copies:
            return Ending(Outcome.NO_DATA, "NOTHING_HELD", row_id=listed.row_id)
        if not projection.item_codes:
            return Ending(Outcome.NO_DATA, "ITEMS_NOT_PERMITTED", row_id=listed.row_id)
        hidden = projection.non_disclosed or message.inquirer_non_disclosure_code == "2"
        outcome = Outcome.NON_DISCLOSED if hidden else Outcome.OK
        return Ending(outcome, projection=projection, row_id=listed.row_id)

    def _is_cosigned(self, provider: str, facts: Facts, now: int) -> bool:
        """Whether the provider's log is cosigned freshly enough to go on; one without any checkpoint has nothing yet
        that could be."""
        if not self._cosigned_within_ms:
            return True
        log = facts.get(CosignedLog, provider)
        return log is None or now - (log.cosigned_at or log.first_signed_at) <= self._cosigned_within_ms

    def _check_list(self, message: InquiryForwarded, permit: Permit, facts: Facts, now: int) -> Ending:
        """The provider's own check on its own copy of the list; the versions may differ."""
        copy = facts.get(ListCopy, permit.provider_institution_code)
        inquirer = facts.get(Institution, permit.inquirer_institution_code)
        provider = facts.get(Institution, permit.provider_institution_code)
        if copy is None or inquirer is None or provider is None:
            return Ending(Outcome.LIST_DISAGREES, "LIST_COPY_MISSING")
        question = Question(
            inquirer.institution_class,
            permit.affair_code,
            permit.procedure_code,
            provider.institution_class,
            permit.spi_name_code,
            jst_date(now),
            message.consent_obtained,
        )
        found = self._lists.version(copy.list_version).decision(question)
        if found.permitted:
            return Ending(Outcome.OK, row_id=found.row_id)
        nearest = (found.nearest_row_id, found.nearest_attribute, found.nearest_value)
        return Ending(Outcome.LIST_DISAGREES, str(found.rule), nearest=nearest)

    # ── the inquirer gives up ────────────────────────────────────────────────────────────────────────────────────

    async def load_withdrawn(self, messages: Sequence[InquiryWithdrawn], facts: Facts) -> None:
        """The permits' use, and the holds."""
        await facts.load(Provision, [(m.permit_id,) for m in messages])
        await self.load_holds(messages, facts)

    def decide_withdrawn(self, message: InquiryWithdrawn, facts: Facts, context: Context) -> Decision:
        """Close the hold, or keep the permit from being served should the inquiry still be on its way."""
        row = facts.get(Provision, message.permit_id)
        if row is None:
            return Decision("withdrawn", (), (withdrawn_provision(message, context.now),))
        if row.state != "HELD":
            return Decision("late")
        return self._close_hold(row, Ending(message.outcome, message.rule), facts, context.now)

    # ── a person decides ─────────────────────────────────────────────────────────────────────────────────────────

    async def load_holds(self, messages: Sequence[About], facts: Facts) -> None:
        """The holds, and everything their inquiries rest on, as it is now."""
        names = [m.exchange_id for m in messages]
        await facts.find(Provision, BY_EXCHANGE, [(name,) for name in names])
        known = []
        for row in (hold_of(name, facts) for name in names):
            if row is not None:
                message = request_of(row)
                permit = opened(message.permit)
                assert permit is not None
                known.append((message, permit))
        await self._load_basis(known, facts)

    def decide_confirmed(self, message: HoldConfirmed, facts: Facts, context: Context) -> Decision:
        """The held answer leaves, if it is still exactly what the person saw (assessment III-6 risk 2(3)).

        List, person, copies and flag are looked at again here, in the transaction that lets the answer out.
        """
        well_formed(message)
        row = hold_of(message.exchange_id, facts)
        if row is None or row.institution_code != message.provider_institution_code:
            return Decision("not_held")
        request = request_of(row)
        permit = opened(request.permit)
        assert permit is not None
        if not self._is_cosigned(permit.provider_institution_code, facts, context.now):
            return Decision("not_cosigned")  # the hold stays; the person confirms again once the witnesses are back
        ending = self._decide_content(request, permit, facts, context.now)
        now_shown = shown_digest(ending.projection) if ending.projection else b""
        if ending.projection is not None and message.confirmed_digest != now_shown:
            # Something changed under the person's eyes: the hold stays and shows what would leave now.
            return Decision("stale_confirmation", (), (row._replace(shown_digest=now_shown),))
        closed = row._replace(operator_id=message.operator_id)
        return self._left(closed, request, permit, ending._replace(operator_id=message.operator_id), facts, context.now)

    def decide_refused(self, message: HoldRefused, facts: Facts, context: Context) -> Decision:
        """Staff decided not to send; the reason stays at the provider and in its record."""
        well_formed(message)
        row = hold_of(message.exchange_id, facts)
        if row is None or row.institution_code != message.provider_institution_code:
            return Decision("not_held")
        reason = message.reason if message.reason is not HoldReason.NONE else HoldReason.OTHER
        ending = Ending(Outcome.REFUSED, "STAFF_REFUSED", operator_id=message.operator_id, hold_reason=reason)
        closed = row._replace(operator_id=message.operator_id, hold_reason=reason.value)
        return self._close_hold(closed, ending, facts, context.now)

    def decide_deadline_passed(self, message: HoldDeadlinePassed, facts: Facts, context: Context) -> Decision:
        """First a reminder, then the hold expires; it expires at once when nobody looked until after its end."""
        row = hold_of(message.exchange_id, facts)
        if row is None or row.remind_at != message.deadline_at or context.now < row.remind_at:
            return Decision("late")
        if context.now < row.hold_deadline_at:
            return Decision("reminded", (), (row._replace(remind_at=row.hold_deadline_at),))
        return self._close_hold(row, Ending(Outcome.EXPIRED, "HOLD_EXPIRED"), facts, context.now)

    def _close_hold(self, row: Provision, ending: Ending, facts: Facts, now: int) -> Decision:
        request = request_of(row)
        permit = opened(request.permit)
        assert permit is not None
        return self._left(row, request, permit, ending, facts, now)

    # ── something leaves ─────────────────────────────────────────────────────────────────────────────────────────

    def _left(
        self, row: Provision, message: InquiryForwarded, permit: Permit, ending: Ending, facts: Facts, now: int
    ) -> Decision:
        """Answer, report and record in one decision: fail closed, no record, no answer."""
        sealed = digest = b""
        if ending.outcome in SUCCESS and ending.projection is not None:
            plain = self._plain(permit, ending.projection, now)
            if len(plain) > ANSWER_BYTES:
                ending = ending._replace(outcome=Outcome.INVALID, rule="ANSWER_TOO_LARGE", projection=None)
            else:
                inquirer = facts.get(Institution, permit.inquirer_institution_code)
                assert inquirer is not None
                aad = permit.exchange_id.encode()
                sealed = self._seal(inquirer.institution_code, inquirer.sealing_key, plain, aad, now)
                digest = sha256(plain).digest()
        answered = bool(sealed)
        items = ending.projection.item_codes if answered and ending.projection else ()
        provided_at = now if answered else 0
        sealed_digest = sha256(sealed).digest() if answered else b""
        hidden = "2" if ending.outcome is Outcome.NON_DISCLOSED else message.inquirer_non_disclosure_code
        copy = facts.get(ListCopy, permit.provider_institution_code)
        version = copy.list_version if copy else 0
        answer = ProvisionAnswered(
            permit.exchange_id,
            ending.outcome,
            ending.rule,
            provided_at,
            sealed,
            digest,
            sealed_digest,
            items,
            hidden,
            version,
            *ending.nearest,
        )
        report = ProvisionReported(
            permit.exchange_id, ending.outcome, ending.rule, provided_at, digest, sealed_digest, items, hidden
        )
        record = record_of(
            Party.PROVIDER,
            permit.provider_institution_code,
            permit.exchange_id,
            inquirer_name=name_of(permit.inquirer_institution_code, facts),
            provider_institution_code=permit.provider_institution_code,
            provider_name=name_of(permit.provider_institution_code, facts),
            requested_at=message.requested_at,
            affair_code=permit.affair_code,
            procedure_code=permit.procedure_code,
            spi_name_code=permit.spi_name_code,
            outcome=ending.outcome,
            rule=ending.rule,
            provided_at=provided_at,
            spi_items=items,
            non_disclosure_code=hidden,
            permit_id=permit.permit_id,
            list_version=version,
            row_id=ending.row_id,
            copy_digest=ending.projection.digest if ending.projection else b"",
            auto_response_disabled=row.hold_deadline_at > 0,
            operator_id=ending.operator_id,
            hold_reason=ending.hold_reason,
            answer_digest=digest,
            sealed_digest=sealed_digest,
        )
        closed = row._replace(state="CLOSED", outcome=ending.outcome.value, request=b"", remind_at=0)
        return Decision(ending.outcome.lower(), (answer, report, record), (closed,))

    def _plain(self, permit: Permit, projection: Projection, now: int) -> bytes:
        """The answer, generated from permit and copies; the salt keeps its digest from being guessed."""
        salt = hmac.digest(self._salt_key, permit.exchange_id.encode(), "sha256")[:16]
        return encode(ProvidedInformation(permit.exchange_id, permit.spi_name_code, now, salt, projection.records))


def well_formed(message: HoldConfirmed | HoldRefused) -> None:
    """PeerFault when a decision of staff is ill-formed; its fields are named, their values are not."""
    errors = errors_in(message)
    if errors:
        raise PeerFault("FIELD_ILL_FORMED", "; ".join(f"{one.field}: {one.reason_en}" for one in errors))


def new_provision(permit: Permit, message: InquiryForwarded, now: int) -> Provision:
    """The row that makes the permit single-use at this side."""
    return Provision(
        permit_id=permit.permit_id,
        exchange_id=permit.exchange_id,
        institution_code=permit.provider_institution_code,
        state="RECEIVED",
        outcome="",
        received_at=now,
        linkage_code=message.linkage_code,
        integrated_number="",
        request=b"",
        hold_deadline_at=0,
        remind_at=0,
        shown_digest=b"",
        operator_id="",
        hold_reason="",
        permit=message.permit,
        permit_proof=message.permit_proof,
    )


def withdrawn_provision(message: InquiryWithdrawn, now: int) -> Provision:
    """The row that keeps a permit from being served after its inquiry was given up."""
    return Provision(
        permit_id=message.permit_id,
        exchange_id=message.exchange_id,
        institution_code="",
        state="WITHDRAWN",
        outcome=message.outcome.value,
        received_at=now,
        linkage_code="",
        integrated_number="",
        request=b"",
        hold_deadline_at=0,
        remind_at=0,
        shown_digest=b"",
        operator_id="",
        hold_reason=message.rule,
    )


def held(row: Provision, message: InquiryForwarded, projection: Projection, facts: Facts, now: int) -> Decision:
    """The inquiry parks in the durable queue; the inquirer is told to wait."""
    binding = facts.get(CodeBinding, row.institution_code, row.linkage_code)
    deadline = after_business_days(now, HOLD_DAYS)
    parked = row._replace(
        state="HELD",
        outcome=Outcome.HELD.value,
        integrated_number=binding.integrated_number if binding else "",
        request=encode(message),
        hold_deadline_at=deadline,
        remind_at=after_business_days(now, REMIND_DAYS),
        shown_digest=shown_digest(projection),
    )
    return Decision("held", (ProvisionHeld(row.exchange_id, deadline),), (parked,))


def hold_of(name: str, facts: Facts) -> Provision | None:
    """The open hold of an exchange, or None."""
    rows = [row for row in facts.all(Provision, BY_EXCHANGE, name) if row.state == "HELD"]
    return rows[0] if rows else None


def request_of(row: Provision) -> InquiryForwarded:
    """The inquiry as it was received, kept while it is held."""
    message = decode(row.request)
    assert isinstance(message, InquiryForwarded)
    return message


def say_deadline_passed(row: Provision, now: int) -> Message:
    """The timer's message about a hold whose reminder or end has come."""
    return HoldDeadlinePassed(row.exchange_id, row.remind_at)


async def load_erasure(messages: Sequence[About], facts: Facts) -> None:
    """What is kept of the exchanges."""
    await facts.find(Provision, BY_EXCHANGE, [(m.exchange_id,) for m in messages])


def decide_erasure(message: ProvisionErasureOrdered, facts: Facts, context: Context) -> Decision:
    """Erase who it was about and who decided; that a permit was served stays, so it cannot be served again."""
    rows = facts.all(Provision, BY_EXCHANGE, message.exchange_id)
    due = [row for row in rows if row.state != "HELD" and expired(message.rule, row.received_at, message.as_of)]
    changed = tuple(erased for row in due if (erased := without_person(row)) != row)
    return Decision("erased", (), changed) if changed else Decision("nothing_to_erase")


def without_person(row: Provision) -> Provision:
    """The row with nothing in it that leads to a person; the permit names none."""
    return row._replace(
        linkage_code="", integrated_number="", request=b"", shown_digest=b"", operator_id="", hold_reason=""
    )


async def load_distributed(messages: Sequence[PermissionListDistributed], facts: Facts) -> None:
    """The copies held so far."""
    await facts.load(ListCopy, [(m.institution_code,) for m in messages])


def decide_distributed(message: PermissionListDistributed, facts: Facts, context: Context) -> Decision:
    """Take the version in; an older one than held changes nothing."""
    copy = facts.get(ListCopy, message.institution_code)
    if copy is not None and copy.list_version >= message.list_version:
        return Decision("late")
    return Decision("list_received", (), (ListCopy(message.institution_code, message.list_version, context.now),))
