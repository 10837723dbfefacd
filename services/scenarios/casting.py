"""Who plays in a scenario and with what: the words that every module of verbs shares.

Owns the form of a verb (typed arguments, names of what it gives back, what it does) and the cast of one play. Promises
nothing by itself. Leaves the verbs to their modules, which `verbs` puts together into one table.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from schemas.records import InquiryRequested
from services.scenarios.stage import Stage
from services.world import HOUSEHOLD, LOCAL_TAX, VACCINATION, Resident

BY_INQUIRY = ("institution_code", "record_identification_number")
KIND_OF = {"vaccination": VACCINATION, "household": HOUSEHOLD, "local_tax": LOCAL_TAX}
MOST = 10_000_000


class Argument(NamedTuple):
    """One argument. of: what it must name: institution, person, kind or step; choices: the only values there are."""

    type: type[Any] = str
    required: bool = False
    default: Any = None
    of: str = ""
    choices: tuple[str, ...] = ()
    many: bool = False
    most: int = MOST


INSTITUTION = Argument(of="institution")
PERSON = Argument(of="person", required=True)
KIND = Argument(of="kind", default="vaccination")
STEP = Argument(of="step", required=True)
TEXT = Argument(default="")
NUMBER = Argument(int, default=0)
NUMBER_WANTED = Argument(int, required=True)
FLAG = Argument(bool, default=False)
INSTITUTIONS = Argument(of="institution", many=True, default=())
AT = Argument(of="institution", required=True)
OPERATOR = Argument(default="OP900")
TEXTS = Argument(many=True, default=())
TEXT_WANTED = Argument(required=True)


@dataclass
class Cast:
    """Who plays on which stage, and what steps leave for later ones."""

    scenario: str
    stage: Stage
    institutions: Mapping[str, str]
    people: Mapping[str, Resident]
    inquiries: dict[str, InquiryRequested] = field(default_factory=dict)
    numbers: dict[tuple[str, str], str] = field(default_factory=dict)
    kept: dict[Any, Any] = field(default_factory=dict)
    step: str = ""

    def own_name(self) -> str:
        """A name for a message of this step that no other message has."""
        return f"{self.stage.tag}.{self.step}"

    def number_at(self, institution_code: str, person: str) -> str:
        """The person's integrated number at an institution; one of its own where they are new."""
        resident = self.people[person]
        known = {resident.home: resident.home_number, resident.previous: resident.previous_number}
        return self.numbers.get((institution_code, person)) or known.get(institution_code, f"7{resident.number:014d}")

    def alias(self, institution_code: str) -> str:
        """The scenario's name of an institution."""
        return next((key for key, code in self.institutions.items() if code == institution_code), institution_code)


Act = Callable[[Cast, Mapping[str, Any]], Awaitable[Mapping[str, Any]]]


class Verb(NamedTuple):
    """A verb: words, arguments, the names of what it gives back, what it does. asks: it leaves an inquiry's records.

    alone: it needs an installation of the play's own, because it stops services, moves the clock, or meddles with keys
    or records.
    """

    words: str
    arguments: Mapping[str, Argument]
    results: tuple[str, ...]
    act: Act
    asks: bool = False
    alone: bool = False
