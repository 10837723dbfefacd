"""地域健康支援システム function 2 (データ照会): a person's items, by business number; by individual number as a right.

Owns the looking. Promises that what it gives holds no individual number (there is none in the tables, and no field for
one here), and that a search by individual number without a number-use affair is refused before anything is read
(assessment III-2 1 and III-3 risk 1).
"""

from __future__ import annotations

from typing import NamedTuple

from broker.adapters.postgres import QUERIES, PostgresSnapshot
from broker.rules.areas import found_by_number
from broker.rules.rights import is_number_use
from broker.tables import HealthRecord, HealthTarget


class Person(NamedTuple):
    """A target as a screen shows one."""

    business_person_number: str
    integrated_number: str
    name: str
    birth_date: str
    sex: str
    district: str


class Found(NamedTuple):
    """The answer to a data inquiry. rule: why nothing was looked for, or empty."""

    rule: str
    person: Person | None
    records: tuple[HealthRecord, ...]


async def by_business_number(snapshot: PostgresSnapshot, institution_code: str, number: str) -> Found:
    """The person with this 業務固有番号 and the current records."""
    rows = await snapshot.select(HealthTarget, QUERIES["health_person"], institution_code, number)
    return await _found(snapshot, rows)


async def by_individual_number(
    snapshot: PostgresSnapshot, institution_code: str, number: str, key: bytes, affair: str
) -> Found:
    """The same by individual number, for a number-use affair only; the number is hashed and forgotten."""
    if not is_number_use(affair):
        return Found("NUMBER_USE_ONLY", None, ())
    hashed = found_by_number(key, number)
    rows = await snapshot.select(HealthTarget, QUERIES["health_person_by_hash"], institution_code, hashed)
    return await _found(snapshot, rows)


async def _found(snapshot: PostgresSnapshot, rows: list[HealthTarget]) -> Found:
    if not rows:
        return Found("TARGET_UNKNOWN", None, ())
    one = rows[0]
    person = Person(one.business_person_number, one.integrated_number, one.name, one.birth_date, one.sex, one.district)
    records = await snapshot.select(
        HealthRecord, QUERIES["health_records_of"], one.institution_code, one.integrated_number
    )
    return Found("", person, tuple(records))
