"""What several participants ask of the facts in the same way; no participant imports another."""

from __future__ import annotations

from typing import Protocol

from broker.errors import PeerFault
from broker.facts import Facts
from broker.service import Context
from broker.tables import Institution


class InForce(Protocol):
    """Anything that holds from one moment until another; 0 is open."""

    @property
    def valid_from(self) -> int:
        """Milliseconds since 1970 UTC."""

    @property
    def valid_to(self) -> int:
        """Milliseconds since 1970 UTC, or 0."""


def in_force(one: InForce, now: int) -> bool:
    """Whether it holds at this moment."""
    return one.valid_from <= now and (one.valid_to == 0 or now < one.valid_to)


def sender_checked(institution_code: str, facts: Facts, context: Context) -> Institution:
    """The institution that speaks, when it may speak on this topic; PeerFault otherwise."""
    institution = facts.get(Institution, institution_code)
    if institution is None:
        raise PeerFault("UNKNOWN_INSTITUTION", f"{institution_code} is not registered")
    if context.sender != (institution_code if institution.attached else "shared"):
        raise PeerFault("FOREIGN_SENDER", f"{institution_code} does not speak on {context.topic}")
    return institution


def name_of(institution_code: str, facts: Facts) -> str:
    """The name of an institution; one that is not registered has none."""
    institution = facts.get(Institution, institution_code)
    return institution.name if institution else ""
