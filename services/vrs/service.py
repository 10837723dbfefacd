"""ワクチン接種記録システム (VRS): registration, doses, flags, inquiry between municipalities, certificates.

Hears the municipalities on `vrs.<code>.requests` (LGWAN terminals; individual numbers travel here), their tablets on
`tablet.<code>.doses` (no message there has a field for an individual number), and its own timers. Says VrsReplied and
VrsDoseTaken, which never hold an individual number.

Always holds: a municipality's rows are sealed with its own keys and found by keyed hashes of its own; an inquiry
looks into the area of the municipality it names and nowhere else, so that a wrong code matches nobody and leaves
nothing there; no dose leaves without its record in both logs, in the same transaction; a dose is erased five years
after it was given. VRS is not connected to NWS: nothing here touches a linkage code or a sub-copy.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any

from broker.decision import Decision
from broker.facts import Facts
from broker.keys import VrsKeys
from broker.rules import certificate, numbers, vaccination
from broker.rules.certificate import Certified
from broker.rules.city_fields import city_errors_in
from broker.rules.fields import echoed
from broker.rules.identity import derived_id, jst_date
from broker.rules.reasons import field_error
from broker.service import Context, Service, Timer, on
from broker.tables import (
    Institution,
    VrsArea,
    VrsBulk,
    VrsCertificate,
    VrsDose,
    VrsLogHead,
    VrsPerson,
    VrsReceipt,
    VrsVoucher,
)
from schemas.codec import encode
from schemas.records import (
    CertificateKind,
    FieldError,
    Message,
    Party,
    VrsBulkDue,
    VrsBulkInquired,
    VrsCertificateRequested,
    VrsCheckpointDue,
    VrsDoseExpired,
    VrsDoseRead,
    VrsDoseRecord,
    VrsDoseTaken,
    VrsEligible,
    VrsEligibleRegistered,
    VrsFlagSet,
    VrsInquired,
    VrsOutcome,
    VrsProvisionRecorded,
    VrsReplied,
)
from services.common import name_of, sender_checked
from services.vrs.areas import Areas
from services.vrs.log import appended, decide_checkpoint, load_checkpoint_due, load_logs, say_checkpoint_due

NAME = "vrs"
BASIS = "番号法19条16号"
SCOPE = "all"
ERRORS_A_ROW = 3
ANSWER_BYTES = 500_000
BY_PERSON = ("institution_code", "number_hash")
BY_BUSINESS = ("institution_code", "business_hash")
BY_SCOPE = ("scope",)
PROVIDED_ITEMS = (
    "市区町村コード",
    "接種券番号",
    "接種回",
    "接種日",
    "ワクチンメーカー",
    "ロット番号",
    "ワクチン種類",
    "製品名",
    "接種会場",
    "医師名",
)
"""Names of what leaves with a dose (domain 3(g)6); the order is that of VrsDoseRecord."""

MAYOR = numbers.InstitutionKind.MAYOR


def area_of(local_government_code: str) -> str:
    """The institution whose area a 地方公共団体コード leads to, by its form alone; an empty text for no such code."""
    known = numbers.is_local_government_code(local_government_code)
    return numbers.institution_code_of(local_government_code, MAYOR) if known else ""


def receipt_of(message: Any, context: Context) -> VrsReceipt:
    """That this request was taken in."""
    return VrsReceipt(message.institution_code, message.request_id, sha256(context.value).digest())


def reply(
    message: Any, outcome: VrsOutcome, rule: str = "", errors: Sequence[FieldError] = (), **more: Any
) -> VrsReplied:
    """The reply to a request; an ill-formed name of it is not repeated."""
    rest: dict[str, Any] = {"accepted_rows": 0, "doses": (), "basis": "", **more}
    told = tuple(errors) or ((field_error("", rule),) if rule else ())
    return VrsReplied(message.institution_code, echoed(message.request_id), outcome, rule, told, **rest)


def refused(message: Any, errors: Sequence[FieldError], rule: str = "FIELD_ILL_FORMED") -> Decision:
    """Nothing happens but the reply."""
    return Decision("refused", (reply(message, VrsOutcome.REFUSED, rule, errors),))


def checked(message: Any, facts: Facts, context: Context) -> Decision | None:
    """The refusal of a request that is ill-formed or was made before; None when it is to be decided."""
    sender_checked(message.institution_code, facts, context)
    errors = city_errors_in(message)
    if errors:
        return refused(message, errors)
    receipt = facts.get(VrsReceipt, message.institution_code, message.request_id)
    if receipt is None:
        return None
    if receipt.content_digest == sha256(context.value).digest():
        return Decision("repeat")
    return refused(message, [field_error("request_id", "DUPLICATE_RECORD_ID")], "DUPLICATE_RECORD_ID")


async def load_request(messages: Sequence[Any], facts: Facts) -> None:
    """What every request needs."""
    await facts.load(Institution, [(m.institution_code,) for m in messages])
    await facts.load(VrsReceipt, [(m.institution_code, m.request_id) for m in messages])


class Vrs:
    """The decisions, on the keys of the areas.

    consent_required: whether an inquiry needs the person's consent (the rule was lifted in December 2021 and stands in
    the assessment of 2024, domain 3(g)4).
    """

    def __init__(self, keys: VrsKeys, *, consent_required: bool = True) -> None:
        self._keys = keys
        self._areas = Areas(keys)
        self._consent_required = consent_required

    def service(self) -> Service:
        """The declaration."""
        return Service(
            NAME,
            (
                on(VrsEligibleRegistered, self.load_registered, self.decide_registered),
                on(VrsDoseRead, self.load_dose, self.decide_dose),
                on(VrsFlagSet, self.load_flag, self.decide_flag),
                on(VrsInquired, self.load_inquired, self.decide_inquired),
                on(VrsBulkInquired, load_request, self.decide_bulk_inquired),
                on(VrsBulkDue, self.load_bulk_due, self.decide_bulk_due),
                on(VrsCertificateRequested, self.load_certificate, self.decide_certificate),
                on(VrsCheckpointDue, load_checkpoint_due, self.decide_checkpoint_due),
                on(VrsDoseExpired, self.load_expired, self.decide_expired),
            ),
            (
                Timer(VrsBulk, "due_at", (), say_bulk_due),
                Timer(VrsLogHead, "checkpoint_due_at", (), say_checkpoint_due),
                Timer(VrsDose, "expires_at", (), say_expired),
            ),
            batch_messages=50,
        )

    # ── 1 registration ───────────────────────────────────────────────────────────────────────────────────────────

    async def load_registered(self, messages: Sequence[VrsEligibleRegistered], facts: Facts) -> None:
        """Areas, persons and vouchers that the rows name."""
        await load_request(messages, facts)
        await facts.load(VrsArea, [(m.institution_code,) for m in messages])
        rows = [(m.institution_code, row) for m in messages for row in m.rows]
        await facts.load(
            VrsPerson, [(code, self._areas.number_hash(code, row.individual_number)) for code, row in rows]
        )
        await facts.load(VrsVoucher, [(code, row.voucher_number) for code, row in rows])

    def decide_registered(self, message: VrsEligibleRegistered, facts: Facts, context: Context) -> Decision:
        """Take in every good row and tell what is wrong with each of the others."""
        said = checked(message, facts, context)
        if said is not None:
            return said
        code = message.institution_code
        own = facts.get(Institution, code)
        assert own is not None
        if own.local_government_code != message.local_government_code:
            return refused(message, [field_error("local_government_code", "NOT_OWN_CODE")], "NOT_OWN_CODE")
        errors: list[FieldError] = []
        persons: dict[bytes, VrsPerson] = {}
        vouchers: dict[str, VrsVoucher] = {}
        for place, row in enumerate(message.rows):
            number = self._areas.number_hash(code, row.individual_number)
            known = facts.get(VrsPerson, code, number)
            wrong = city_errors_in(row, f"rows[{place}].") or self._row_errors(
                code, place, row, known, facts, context.now
            )
            if not wrong and (number in persons or row.voucher_number in vouchers):
                wrong = [field_error(f"rows[{place}]", "DUPLICATE_ROW")]
            if wrong:
                errors += wrong[:ERRORS_A_ROW]
                continue
            persons[number] = self._areas.person_row(code, row, known)
            vouchers[row.voucher_number] = VrsVoucher(code, row.voucher_number, number, row.ticket_type, context.now)
        taken = len(persons)
        outcome = VrsOutcome.ACCEPTED if not errors else VrsOutcome.PARTIAL if taken else VrsOutcome.REFUSED
        writes: list[Any] = [receipt_of(message, context), *persons.values(), *vouchers.values()]
        if taken and facts.get(VrsArea, code) is None:
            writes.append(VrsArea(code, message.local_government_code, SCOPE))
        return Decision("registered", (reply(message, outcome, "", errors, accepted_rows=taken),), tuple(writes))

    def _row_errors(
        self, code: str, place: int, row: VrsEligible, known: VrsPerson | None, facts: Facts, now: int
    ) -> list[FieldError]:
        """What the area says against a well-formed row: somebody else's voucher, a person who has gone."""
        voucher = facts.get(VrsVoucher, code, row.voucher_number)
        if voucher is not None and voucher.number_hash != self._areas.number_hash(code, row.individual_number):
            return [field_error(f"rows[{place}].voucher_number", "VOUCHER_TAKEN")]
        if known is not None and vaccination.is_flagged(known.flag, known.flag_date, jst_date(now)):
            return [field_error(f"rows[{place}]", "PERSON_FLAGGED")]
        return []

    # ── 2 doses ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def load_dose(self, messages: Sequence[VrsDoseRead], facts: Facts) -> None:
        """From the voucher to the person and the person's other doses."""
        await load_request(messages, facts)
        lines = [(m.institution_code, line) for m in messages if (line := vaccination.read_ocr_line(m.ocr_line))]
        vouchers = [(code, line.voucher_number) for code, line in lines]
        await facts.load(VrsVoucher, vouchers)
        owners = [row for key in vouchers if (row := facts.get(VrsVoucher, *key)) is not None]
        persons = [(row.institution_code, row.number_hash) for row in owners]
        await facts.load(VrsPerson, persons)
        await facts.find(VrsDose, BY_PERSON, persons)

    def decide_dose(self, message: VrsDoseRead, facts: Facts, context: Context) -> Decision:
        """Register the dose, or say why not: 未実施 becomes 実施 for this dose of this person."""
        sender_checked(message.institution_code, facts, context)
        receipt = facts.get(VrsReceipt, message.institution_code, message.request_id)
        if receipt is not None and receipt.content_digest == sha256(context.value).digest():
            return Decision("repeat")
        errors = city_errors_in(message)
        if receipt is not None:
            errors.append(field_error("request_id", "DUPLICATE_RECORD_ID"))
        line = vaccination.read_ocr_line(message.ocr_line)
        voucher = facts.get(VrsVoucher, message.institution_code, line.voucher_number) if line else None
        errors = errors or self._dose_errors(message, line, voucher, facts, context.now)
        if errors or line is None or voucher is None:
            status = vaccination.NOT_DONE
            name = echoed(message.request_id)
            return Decision("refused", (VrsDoseTaken(message.institution_code, name, False, status, tuple(errors)),))
        expires = vaccination.expires_at(message.dose_date)
        row = self._areas.dose_row(message, voucher.voucher_number, voucher.number_hash, expires, context.now)
        taken = VrsDoseTaken(message.institution_code, message.request_id, True, vaccination.DONE, ())
        return Decision("dose_registered", (taken,), (row, receipt_of(message, context)))

    def _dose_errors(
        self, message: VrsDoseRead, line: vaccination.OcrLine | None, voucher: VrsVoucher | None, facts: Facts, now: int
    ) -> list[FieldError]:
        """One reason at most: from the line to the voucher, the person, and the other doses."""
        if line is None:
            return [field_error("ocr_line", "OCR_LINE_ILL_FORMED")]
        if area_of(line.local_government_code) != message.institution_code:
            return [field_error("ocr_line", "VOUCHER_OF_OTHER_CITY")]
        if not vaccination.dose_fits_line(message.dose_number, line):
            return [field_error("dose_number", "DOSE_LINE_DIFFERS")]
        if voucher is None or voucher.ticket_type != line.ticket_type:
            return [field_error("ocr_line", "VOUCHER_UNKNOWN")]
        if not vaccination.is_dose_day(message.dose_date, jst_date(now)):
            return [field_error("dose_date", "DOSE_DAY")]
        person = facts.get(VrsPerson, voucher.institution_code, voucher.number_hash)
        if person is None or vaccination.is_flagged(person.flag, person.flag_date, message.dose_date):
            return [field_error("dose_date", "PERSON_FLAGGED")]
        others = facts.all(VrsDose, BY_PERSON, voucher.institution_code, voucher.number_hash)
        if any(other.dose_number == message.dose_number for other in others):
            return [field_error("dose_number", "DOSE_EXISTS")]
        given = [(other.dose_number, self._areas.dose_of(other).dose_date) for other in others]
        if not vaccination.follows(message.dose_number, message.dose_date, given):
            return [field_error("dose_number", "DOSE_ORDER")]
        return []

    # ── 3 flags ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def load_flag(self, messages: Sequence[VrsFlagSet], facts: Facts) -> None:
        """The person by the municipality's own number."""
        await load_request(messages, facts)
        keys = [
            (m.institution_code, self._areas.business_hash(m.institution_code, m.business_person_number))
            for m in messages
        ]
        await facts.find(VrsPerson, BY_BUSINESS, keys)

    def decide_flag(self, message: VrsFlagSet, facts: Facts, context: Context) -> Decision:
        """Set or take back 転出・死亡等: doses stay; nothing new is registered for days after it."""
        said = checked(message, facts, context)
        if said is not None:
            return said
        code = message.institution_code
        found = facts.all(VrsPerson, BY_BUSINESS, code, self._areas.business_hash(code, message.business_person_number))
        if not found:
            return refused(
                message, [field_error("business_person_number", "PERSON_UNKNOWN_IN_AREA")], "PERSON_UNKNOWN_IN_AREA"
            )
        day = "" if message.flag.value == "NONE" else message.flag_date
        rows = [row._replace(flag=message.flag.value, flag_date=day) for row in found]
        return Decision("flagged", (reply(message, VrsOutcome.ACCEPTED),), (*rows, receipt_of(message, context)))

    # ── 4 inquiry and provision ──────────────────────────────────────────────────────────────────────────────────

    async def load_inquired(self, messages: Sequence[VrsInquired], facts: Facts) -> None:
        """The one area that the message names, and the two logs."""
        await load_request(messages, facts)
        named = [(area_of(m.local_government_code), m) for m in messages]
        await facts.load(Institution, [(code,) for code, _ in named])
        await facts.load(VrsArea, [(code,) for code, _ in named])
        keys = [(code, self._areas.number_hash(code, m.individual_number)) for code, m in named]
        await facts.load(VrsPerson, keys)
        await facts.find(VrsDose, BY_PERSON, keys)
        await load_logs([m.institution_code for m in messages] + [code for code, _ in named], facts)

    def decide_inquired(self, message: VrsInquired, facts: Facts, context: Context) -> Decision:
        """Give the doses of the previous municipality, when consent and identity allow and somebody matches there."""
        said = checked(message, facts, context)
        if said is not None:
            return said
        rule = self._inquiry_rule(message)
        code = area_of(message.local_government_code)
        if rule:
            record = self._record(message, message.institution_code, code, VrsOutcome.REFUSED, (), context.now)
            return self._recorded(
                "refused", message, reply(message, VrsOutcome.REFUSED, rule), [record], facts, context
            )
        number = self._areas.number_hash(code, message.individual_number)
        if facts.get(VrsPerson, code, number) is None:
            # Nothing is written at the municipality that was named by mistake: it never learns of the number.
            record = self._record(message, message.institution_code, code, VrsOutcome.NO_MATCH, (), context.now)
            answer = reply(message, VrsOutcome.NO_MATCH, "PERSON_UNKNOWN_IN_AREA")
            return self._recorded("no_match", message, answer, [record], facts, context)
        rows = facts.all(VrsDose, BY_PERSON, code, number)
        doses = tuple(self._areas.provided(row, message.local_government_code) for row in rows)
        records = [
            self._record(message, owner, code, VrsOutcome.FOUND, doses, context.now)
            for owner in dict.fromkeys((message.institution_code, code))
        ]
        answer = reply(message, VrsOutcome.FOUND, doses=doses, basis=BASIS)
        return self._recorded("provided", message, answer, records, facts, context)

    def _inquiry_rule(self, message: VrsInquired | VrsBulkInquired) -> str:
        """The rule against asking at all, or an empty text."""
        if self._consent_required and not message.consent_obtained:
            return "CONSENT_NOT_OBTAINED"
        return "" if message.identity_checked else "IDENTITY_NOT_CHECKED"

    def _record(
        self,
        message: VrsInquired | VrsBulkInquired,
        owner: str,
        provider: str,
        outcome: VrsOutcome,
        doses: Sequence[VrsDoseRecord],
        now: int,
    ) -> VrsProvisionRecorded:
        """One side's record; the digest is keyed, so that it tells nothing to whoever has no key."""
        body = b"".join(encode(VrsReplied("", "", outcome, "", (), 0, (dose,), "")) for dose in doses)
        return VrsProvisionRecorded(
            owner,
            Party.INQUIRER if owner == message.institution_code else Party.PROVIDER,
            message.request_id,
            message.institution_code,
            provider,
            now,
            now if outcome is VrsOutcome.FOUND else 0,
            BASIS,
            outcome,
            PROVIDED_ITEMS if doses else (),
            len(doses),
            message.consent_obtained,
            message.identity_checked,
            isinstance(message, VrsBulkInquired),
            message.operator_id,
            hmac.new(self._keys.digests, body, sha256).digest() if doses else b"",
        )

    def _recorded(
        self,
        outcome: str,
        message: Any,
        answer: VrsReplied,
        records: Sequence[VrsProvisionRecorded],
        facts: Facts,
        context: Context,
    ) -> Decision:
        """The answer, and its records in the same decision: no record, no provision."""
        receipt = receipt_of(message, context)
        return Decision(outcome, (answer,), (receipt, *appended(records, facts, context.now)))

    # ── 4 the nightly bulk ───────────────────────────────────────────────────────────────────────────────────────

    def decide_bulk_inquired(self, message: VrsBulkInquired, facts: Facts, context: Context) -> Decision:
        """Keep the numbers, sealed with the inquirer's own key, until the night."""
        said = checked(message, facts, context)
        if said is not None:
            return said
        rule = self._inquiry_rule(message)
        if rule:
            return refused(message, (), rule)
        kept = [*message.individual_numbers], message.consent_obtained, message.identity_checked, message.operator_id
        sealed = self._areas.seal(message.institution_code, f"bulk/{message.request_id}", kept)
        row = VrsBulk(message.institution_code, message.request_id, vaccination.night_after(context.now), sealed)
        return Decision("waiting", (reply(message, VrsOutcome.WAITING),), (row, receipt_of(message, context)))

    async def load_bulk_due(self, messages: Sequence[VrsBulkDue], facts: Facts) -> None:
        """Every area there is, and every number in each of them."""
        await facts.load(Institution, [(m.institution_code,) for m in messages])
        await facts.load(VrsBulk, [(m.institution_code, m.request_id) for m in messages])
        await facts.find(VrsArea, BY_SCOPE, [(SCOPE,)])
        areas = [area.institution_code for area in facts.all(VrsArea, BY_SCOPE, SCOPE)]
        waiting = [
            self._bulk_of(row) for m in messages if (row := facts.get(VrsBulk, m.institution_code, m.request_id))
        ]
        keys = [
            (code, self._areas.number_hash(code, number))
            for bulk in waiting
            for number in bulk.individual_numbers
            for code in areas
        ]
        await facts.load(VrsPerson, keys)
        await facts.find(VrsDose, BY_PERSON, [key for key in keys if facts.get(VrsPerson, *key) is not None])
        await load_logs([m.institution_code for m in messages] + areas, facts)

    def _bulk_of(self, row: VrsBulk) -> VrsBulkInquired:
        """The inquiry as it was made."""
        numbers_, consent, identity, operator = self._areas.unseal(
            row.institution_code, f"bulk/{row.request_id}", row.sealed
        )
        assert isinstance(numbers_, list)
        return VrsBulkInquired(
            row.institution_code, row.request_id, tuple(numbers_), bool(consent), bool(identity), str(operator)
        )

    def decide_bulk_due(self, message: VrsBulkDue, facts: Facts, context: Context) -> Decision:
        """Look for every number in every other municipality; one answer, and a record at each that gave something."""
        row = facts.get(VrsBulk, message.institution_code, message.request_id)
        if row is None or row.due_at > context.now:
            return Decision("late")
        bulk = self._bulk_of(row)
        by_area: dict[str, list[VrsDoseRecord]] = {}
        for area in facts.all(VrsArea, BY_SCOPE, SCOPE):
            if area.institution_code != bulk.institution_code:
                found = self._found_in(area, bulk.individual_numbers, facts)
                if found is not None:
                    by_area[area.institution_code] = found
        doses = tuple(dose for found in by_area.values() for dose in found)
        outcome, rule = (VrsOutcome.FOUND, "") if by_area else (VrsOutcome.NO_MATCH, "PERSON_UNKNOWN_IN_AREA")
        answer = reply(bulk, outcome, rule, doses=doses, basis=BASIS if by_area else "")
        if len(encode(answer)) > ANSWER_BYTES:
            outcome, by_area = VrsOutcome.REFUSED, {}
            answer = reply(bulk, outcome, "ANSWER_TOO_LARGE")
        records = [
            self._record(bulk, owner, provider, outcome, found, context.now)
            for provider, found in by_area.items()
            for owner in (bulk.institution_code, provider)
        ]
        records = records or [self._record(bulk, bulk.institution_code, "", outcome, (), context.now)]
        return Decision("bulk_done", (answer,), tuple(appended(records, facts, context.now)), (row,))

    def _found_in(self, area: VrsArea, wanted: Iterable[str], facts: Facts) -> list[VrsDoseRecord] | None:
        """The doses that one area holds of these numbers; None when it knows none of them."""
        known = False
        doses: list[VrsDoseRecord] = []
        for place, number in enumerate(wanted, 1):
            key = area.institution_code, self._areas.number_hash(area.institution_code, number)
            if facts.get(VrsPerson, *key) is not None:
                known = True
                rows = facts.all(VrsDose, BY_PERSON, *key)
                doses += [self._areas.provided(row, area.local_government_code, place) for row in rows]
        return doses if known else None

    # ── 5 certificates ───────────────────────────────────────────────────────────────────────────────────────────

    async def load_certificate(self, messages: Sequence[VrsCertificateRequested], facts: Facts) -> None:
        """The person and the doses of the municipality's own area."""
        await load_request(messages, facts)
        keys = [
            (m.institution_code, self._areas.number_hash(m.institution_code, m.individual_number)) for m in messages
        ]
        await facts.load(VrsPerson, keys)
        await facts.find(VrsDose, BY_PERSON, keys)

    def decide_certificate(self, message: VrsCertificateRequested, facts: Facts, context: Context) -> Decision:
        """Certify the doses given while the person lived here (domain 3(g)11), signed."""
        said = checked(message, facts, context)
        if said is not None:
            return said
        code = message.institution_code
        number = self._areas.number_hash(code, message.individual_number)
        row = facts.get(VrsPerson, code, number)
        doses = sorted(facts.all(VrsDose, BY_PERSON, code, number), key=lambda one: one.dose_number)
        rule = certificate_rule(message, row, len(doses))
        if rule or row is None:
            return refused(message, (), rule)
        person = self._areas.person_of(row)
        given = [self._areas.dose_of(dose) for dose in doses]
        abroad = message.certificate_kind is CertificateKind.OVERSEAS
        passport = {
            "passport_number": message.passport_number,
            "roman_name": message.roman_name,
            "nationality": message.nationality,
        }
        claims = certificate.claims_of(
            person.name,
            person.birth_date,
            name_of(code, facts),
            [Certified(one.dose_date, one.vaccine_type, one.lot_number, one.maker) for one in given],
            context.now,
            passport if abroad else {},
        )
        payload = certificate.numeric(certificate.signed(claims, self._keys.certificates))
        name = derived_id(context.identity, "VrsCertificate", 0)
        today = jst_date(context.now)
        kept = {"doses": [dose.dose_number for dose in doses], "other_names": message.other_names, **passport}
        sealed = self._areas.seal(code, f"certificate/{name}", kept)
        digest = sha256(payload.encode()).digest()
        issued = VrsCertificate(code, name, number, today, message.certificate_kind.value, digest, sealed)
        answer = reply(message, VrsOutcome.ISSUED, certificate_id=name, issued_on=today, payload=payload)
        return Decision("issued", (answer,), (issued, receipt_of(message, context)))

    # ── what timers say ──────────────────────────────────────────────────────────────────────────────────────────

    def decide_checkpoint_due(self, message: VrsCheckpointDue, facts: Facts, context: Context) -> Decision:
        """VRS signs a municipality's log."""
        return decide_checkpoint(message, facts, context, self._keys.sign_checkpoint)

    async def load_expired(self, messages: Sequence[VrsDoseExpired], facts: Facts) -> None:
        """The doses."""
        await facts.load(VrsDose, [(m.institution_code, m.voucher_number, m.dose_number) for m in messages])

    def decide_expired(self, message: VrsDoseExpired, facts: Facts, context: Context) -> Decision:
        """Erase a dose whose five years are over (予防接種法施行規則 Article 3)."""
        row = facts.get(VrsDose, message.institution_code, message.voucher_number, message.dose_number)
        if row is None or row.expires_at > context.now:
            return Decision("late")
        return Decision("erased", (), (), (row,))


def say_bulk_due(row: VrsBulk, now: int) -> Message:
    """The timer's message about a bulk inquiry whose night has come."""
    return VrsBulkDue(row.institution_code, row.request_id)


def say_expired(row: VrsDose, now: int) -> Message:
    """The timer's message about a dose whose time is over."""
    return VrsDoseExpired(row.institution_code, row.voucher_number, row.dose_number)


def certificate_rule(message: VrsCertificateRequested, row: VrsPerson | None, doses: int) -> str:
    """The rule against a certificate, or an empty text."""
    if not message.application_received:
        return "NO_APPLICATION"
    if not message.identity_checked:
        return "IDENTITY_NOT_CHECKED"
    if row is None:
        return "PERSON_UNKNOWN_IN_AREA"
    if row.flag == vaccination.DEAD:
        return "PERSON_FLAGGED"
    if not doses:
        return "NOTHING_TO_CERTIFY"
    passport = message.passport_number and message.roman_name and message.nationality
    return "PASSPORT_MISSING" if message.certificate_kind is CertificateKind.OVERSEAS and not passport else ""
