"""Which right each verb of the city systems needs, in one place, and what a number-use affair is.

Owns the table. Promises that a verb without a right is a mistake that a test finds. Leaves who has which right to staff
authentication (assessment III-3 risk 2).
"""

from __future__ import annotations

NUMBER_USE = "NUMBER_USE"
"""To search by individual number: only for affairs of 番号法 別表第1 (assessment III-2 and III-3 risk 1)."""

NUMBER_USE_AFFAIRS = ("番号法別表第1 10",)
"""ASSUMPTION: named by their basis, as affair codes of Annex I are not public (assessment I-4)."""

RIGHTS: dict[str, str] = {
    "health input": "HEALTH_INPUT",
    "health find": "HEALTH_INQUIRY",
    "health extract": "HEALTH_EXTRACTION",
    "health split": "HEALTH_TRANSMISSION",
    "vrs register": "VRS_REGISTER",
    "vrs dose": "VRS_DOSE",
    "vrs move": "VRS_FLAG",
    "vrs query": "VRS_INQUIRY",
    "vrs certificate": "VRS_CERTIFICATE",
    "vrs check": "VRS_CERTIFICATE",
    "vrs export": "VRS_EXPORT",
    "vrs records": "VRS_RECORDS",
    "vrs compare": "VRS_INQUIRY",
}


def required_right(verb: str) -> str:
    """The right that an operator needs for a verb, e.g. `vrs query`; KeyError for a verb that is not in the table."""
    return RIGHTS[verb]


def is_number_use(affair: str) -> bool:
    """Whether an affair may use individual numbers."""
    return affair in NUMBER_USE_AFFAIRS
