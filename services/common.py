"""What several participants ask of the facts in the same way; no participant imports another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from broker.decision import Decision
from broker.errors import PeerFault
from broker.facts import Facts
from broker.rules.numbers import is_institution_code
from broker.rules.records import SALT_BYTES, split
from broker.service import Context
from broker.tables import CodeBinding, Institution
from broker.topics import lane_of
from schemas.codec import MAXIMUM_MESSAGE_BYTES
from schemas.records import Party, ProvisionRecorded, RecordEntry, RecordsSubmitted

BY_PERSON = ("institution_code", "integrated_number")
ENTRIES_AT_MOST = 200  # records in one message
BODIES_AT_MOST = MAXIMUM_MESSAGE_BYTES // 2  # bytes of records in one message: a record names as many items as it likes


CHECKPOINT_MS = 5000
CHECKPOINTS_A_SECOND = 100  # of all logs together: what signing and witnessing may cost is bounded by this
REFRESHES = 3  # cosignatures within the time they are believed


class Terms(NamedTuple):
    """How often a log is signed, and how fresh its cosignatures must be, in milliseconds. cosigned_within_ms 0: they
    may be of any age, and need not be there."""

    checkpoint_ms: int = CHECKPOINT_MS
    cosigned_within_ms: int = 0

    @property
    def refresh_ms(self) -> int:
        """When an idle log asks for fresh cosignatures; 0: never."""
        return self.cosigned_within_ms // REFRESHES


class About(Protocol):
    """Any message about one exchange."""

    @property
    def exchange_id(self) -> str:
        """Which."""


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


def code_in_force(institution_code: str, integrated_number: str, facts: Facts, now: int) -> CodeBinding | None:
    """The person's code that holds now at an institution; there is never more than one."""
    bindings = facts.all(CodeBinding, BY_PERSON, institution_code, integrated_number)
    return next((one for one in bindings if in_force(one, now)), None)


def sender_checked(institution_code: str, facts: Facts, context: Context) -> Institution:
    """The institution that speaks, when it may speak on this topic; PeerFault otherwise."""
    institution = facts.get(Institution, institution_code)
    if institution is None:
        # Not repeated unless it is a code: what stands in the field could be anything, an individual number included.
        known_form = institution_code if is_institution_code(institution_code) else "the institution code"
        raise PeerFault("UNKNOWN_INSTITUTION", f"{known_form} is not registered")
    if context.sender != (institution_code if institution.attached else "shared"):
        raise PeerFault("FOREIGN_SENDER", f"{institution_code} does not speak on {context.topic}")
    return institution


def name_of(institution_code: str, facts: Facts) -> str:
    """The name of an institution; one that is not registered has none."""
    institution = facts.get(Institution, institution_code)
    return institution.name if institution else ""


def counterpart_of(record: ProvisionRecorded) -> str:
    """With whom the owner of the log had this exchange; the network's pair is both parties."""
    if record.party is Party.INQUIRER:
        return record.provider_institution_code
    if record.party is Party.PROVIDER:
        return record.inquirer_institution_code
    return f"{record.inquirer_institution_code}>{record.provider_institution_code}"


def entry_of(record: ProvisionRecorded, salt: bytes) -> RecordEntry:
    """A record on its way to its log, split so that its detail can be forgotten."""
    return RecordEntry(
        record.institution_code, counterpart_of(record), record.exchange_id, record.party, *split(record, salt)
    )


def parted(entries: Sequence[RecordEntry]) -> list[list[RecordEntry]]:
    """The entries in parts that fit in a message, their order kept."""
    parts: list[list[RecordEntry]] = [[]]
    size = 0
    for entry in entries:
        own = len(entry.body) + len(entry.detail)
        if parts[-1] and (len(parts[-1]) == ENTRIES_AT_MOST or size + own > BODIES_AT_MOST):
            parts.append([])
            size = 0
        parts[-1].append(entry)
        size += own
    return parts


Draw = Callable[[int], bytes]
"""So many unpredictable bytes."""


def submit_records(draw: Draw, decisions: Sequence[Decision]) -> Sequence[Decision]:
    """Gather the records that a run of decisions says: one message a lane instead of one a record.

    draw: where the salts of the details come from, all of a run at once.
    """
    found = [[message for message in decision.say if type(message) is ProvisionRecorded] for decision in decisions]
    salts = draw(SALT_BYTES * sum(map(len, found)))
    lanes: dict[str, list[RecordEntry]] = {}
    closed = []
    place = 0
    for decision, records in zip(decisions, found, strict=True):
        for record in records:
            entry = entry_of(record, salts[place : place + SALT_BYTES])
            place += SALT_BYTES
            lanes.setdefault(lane_of(record.institution_code), []).append(entry)
        if records:
            said = tuple(message for message in decision.say if type(message) is not ProvisionRecorded)
            decision = decision._replace(say=said)  # noqa: PLW2901 - the same decision, its records taken out
        closed.append(decision)
    messages = [RecordsSubmitted(lane, tuple(part)) for lane, entries in lanes.items() for part in parted(entries)]
    if messages:
        closed[-1] = closed[-1]._replace(say=(*closed[-1].say, *messages))
    return closed
