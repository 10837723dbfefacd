"""Which right each verb of the city systems needs, in one place, and what a number-use affair is.

Owns the table. Promises that a verb without a right is a mistake that a test finds. A right is a duty and an operation
of the same name in `broker.rules.staff`; the desk asks for it (assessment III-3 risk 2).
"""

from __future__ import annotations

NUMBER_USE = "NUMBER_USE"
"""A right of its own, besides that of the verb: to search by individual number."""

NUMBER_USE_AFFAIRS = ("番号法別表第1 10",)
"""In these one may search by individual number: only affairs of 番号法 別表第1 (assessment III-2 and III-3 risk 1).
ASSUMPTION: named by their basis, as affair codes of Annex I are not public (assessment I-4)."""

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
    """The right that staff need for a verb, e.g. `vrs query`; KeyError for a verb that is not in the table."""
    return RIGHTS[verb]


def is_number_use(affair: str) -> bool:
    """Whether an affair may use individual numbers."""
    return affair in NUMBER_USE_AFFAIRS
