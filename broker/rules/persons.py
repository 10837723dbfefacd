"""統合番号と個人番号の紐付け: the life of a link, and what makes one suspect (assessment, system 3 function 1).

Owns the table of states and the comparison of the four attributes. A wrong link is found, suspended (linkage stops at
the intermediate server too), corrected (the code of the wrong person is revoked) and registered anew (domain 3(e)10,
section 6: the usual causes are a family member's number and a namesake). Leaves numbers and rows to the hub.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Link(StrEnum):
    """UNNUMBERED: the person has given no individual number, so nothing is linked (domain 4.6 row 10)."""

    UNNUMBERED = "UNNUMBERED"
    LINKED = "LINKED"
    SUSPENDED = "SUSPENDED"
    CORRECTED = "CORRECTED"


class LinkEvent(StrEnum):
    """What is done to a link."""

    NUMBERED = "NUMBERED"
    SUSPENDED = "SUSPENDED"
    RESUMED = "RESUMED"
    CORRECTED = "CORRECTED"
    RE_REGISTERED = "RE_REGISTERED"


LINKS: dict[tuple[Link, LinkEvent], Link] = {
    (Link.UNNUMBERED, LinkEvent.NUMBERED): Link.LINKED,
    (Link.LINKED, LinkEvent.SUSPENDED): Link.SUSPENDED,
    (Link.SUSPENDED, LinkEvent.RESUMED): Link.LINKED,
    (Link.SUSPENDED, LinkEvent.CORRECTED): Link.CORRECTED,
    (Link.CORRECTED, LinkEvent.SUSPENDED): Link.SUSPENDED,
    (Link.CORRECTED, LinkEvent.RE_REGISTERED): Link.LINKED,
}


class Attributes(NamedTuple):
    """4情報. birth_date: YYYYMMDD or empty; sex: 1 male, 2 female, 9 other, or empty when not known."""

    name: str
    address: str
    birth_date: str
    sex: str


# A name changes by marriage and an address by a move; a day of birth and a sex on file do so by mistake only.
FIRM = ("birth_date", "sex")


def after(state: Link, event: LinkEvent) -> Link | None:
    """The state after an event, or None when the event does not belong to the state."""
    return LINKS.get((state, event))


def may_be_linked(state: Link) -> bool:
    """Whether inquiries and sub-copies about the person may leave."""
    return state is Link.LINKED


def disagreements(known: Attributes, given: Attributes) -> tuple[str, ...]:
    """The firm attributes that both sides know and that differ: two people behind one number."""
    return tuple(
        name
        for name in FIRM
        if getattr(known, name) and getattr(given, name) and getattr(known, name) != getattr(given, name)
    )


def merged(known: Attributes, given: Attributes) -> Attributes:
    """What is on file after somebody told something: what was told, and the rest as it was."""
    return Attributes(*(new or old for old, new in zip(known, given, strict=True)))
