"""A municipality's own area in VRS: its keys, and its rows as they are before they are sealed.

Owns what is sealed and where. Promises that nothing of an area opens with another's keys, and that an individual number
leaves this module inside sealed bytes only.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from broker.errors import OwnFault
from broker.keys import VrsKeys
from broker.rules.areas import AreaError, found_by, seal, unseal
from broker.tables import VrsDose, VrsPerson
from schemas.records import VrsDoseRead, VrsDoseRecord, VrsEligible


class Person(NamedTuple):
    """An eligible person as the area keeps one (assessment, annex 1: items 1, 2 and 5)."""

    individual_number: str
    business_person_number: str
    name: str
    birth_date: str
    sex: str


class Dose(NamedTuple):
    """One dose as the area keeps it (assessment, annex 1: items 6 to 12)."""

    dose_date: str
    maker: str
    lot_number: str
    vaccine_type: str
    product_name: str
    venue: str
    doctor: str
    registered_at: int
    operator_id: str


class Areas:
    """All areas, each with its own keys."""

    def __init__(self, keys: VrsKeys) -> None:
        self.keys = keys

    def number_hash(self, institution_code: str, individual_number: str) -> bytes:
        """What a person is found by in one area; another area's hash of the same number is another one."""
        return found_by(self.keys.area(institution_code), "individual", individual_number)

    def business_hash(self, institution_code: str, business_person_number: str) -> bytes:
        """What a person is found by with the municipality's own number."""
        return found_by(self.keys.area(institution_code), "business", business_person_number)

    def seal(self, institution_code: str, place: str, values: object) -> bytes:
        """These values (a NamedTuple, list or dict) as JSON, sealed for the area and bound to the place."""
        plain = json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()
        return seal(self.keys.area(institution_code), f"{institution_code}/{place}".encode(), plain)

    def unseal(self, institution_code: str, place: str, sealed: bytes) -> list[object]:
        """What was sealed there; OwnFault when it does not open: the row was moved or damaged."""
        try:
            plain = unseal(self.keys.area(institution_code), f"{institution_code}/{place}".encode(), sealed)
        except AreaError as error:
            raise OwnFault(f"the area of {institution_code}, {place.partition('/')[0]}: {error}") from None
        found: list[object] = json.loads(plain)
        return found

    # ── persons ──────────────────────────────────────────────────────────────────────────────────────────────────

    def person_row(self, institution_code: str, row: VrsEligible, before: VrsPerson | None) -> VrsPerson:
        """A person as a row; flags that stand stay."""
        number = self.number_hash(institution_code, row.individual_number)
        person = Person(row.individual_number, row.business_person_number, row.name, row.birth_date, row.sex)
        return VrsPerson(
            institution_code,
            number,
            self.business_hash(institution_code, row.business_person_number),
            before.flag if before else "NONE",
            before.flag_date if before else "",
            self.seal(institution_code, f"person/{number.hex()}", person),
        )

    def person_of(self, row: VrsPerson) -> Person:
        """The person behind a row."""
        return Person(*self.unseal(row.institution_code, f"person/{row.number_hash.hex()}", row.sealed))  # type: ignore[arg-type]

    # ── doses ────────────────────────────────────────────────────────────────────────────────────────────────────

    def dose_row(self, message: VrsDoseRead, voucher_number: str, number_hash: bytes, expires: int, at: int) -> VrsDose:
        """A dose as a row."""
        dose = Dose(
            message.dose_date,
            message.maker,
            message.lot_number,
            message.vaccine_type,
            message.product_name,
            message.venue,
            message.doctor,
            at,
            message.operator_id,
        )
        place = f"dose/{voucher_number}/{message.dose_number}"
        sealed = self.seal(message.institution_code, place, dose)
        return VrsDose(message.institution_code, voucher_number, message.dose_number, number_hash, expires, sealed)

    def dose_of(self, row: VrsDose) -> Dose:
        """The dose behind a row."""
        place = f"dose/{row.voucher_number}/{row.dose_number}"
        return Dose(*self.unseal(row.institution_code, place, row.sealed))  # type: ignore[arg-type]

    def provided(self, row: VrsDose, local_government_code: str, row_number: int = 0) -> VrsDoseRecord:
        """A dose as another municipality, or the person's certificate, may see it."""
        dose = self.dose_of(row)
        return VrsDoseRecord(
            row_number,
            local_government_code,
            row.voucher_number,
            row.dose_number,
            dose.dose_date,
            dose.maker,
            dose.lot_number,
            dose.vaccine_type,
            dose.product_name,
            dose.venue,
            dose.doctor,
        )
