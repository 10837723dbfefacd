"""The life of one kind of one inquiry at the inquirer's intermediate server, as a table (domain 3(c-6)).

Everything about transitions lives here. This module knows states and events; it does not know messages, rows or time.
`ARCHITECTURE.md` draws its diagram from TRANSITIONS.
"""

from __future__ import annotations

from enum import StrEnum

from schemas.records import Outcome


class State(StrEnum):
    """Where a kind stands. The first five still wait for something; the others are final."""

    CODE_RESOLVED = "CODE_RESOLVED"
    PERMIT_REQUESTED = "PERMIT_REQUESTED"
    PERMITTED = "PERMITTED"
    SENT = "SENT"
    HELD = "HELD"
    RECEIVED = "RECEIVED"
    REJECTED_LOCAL = "REJECTED_LOCAL"
    PERMIT_DENIED = "PERMIT_DENIED"
    NO_MATCH = "NO_MATCH"
    NO_DATA = "NO_DATA"
    REFUSED = "REFUSED"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"


OPEN = (State.CODE_RESOLVED, State.PERMIT_REQUESTED, State.PERMITTED, State.SENT, State.HELD)
FINAL = tuple(state for state in State if state not in OPEN)


class Event(StrEnum):
    """What may happen to a kind."""

    PERMIT_ASKED = "PERMIT_ASKED"
    NOT_ASKED = "NOT_ASKED"
    PERMIT_ISSUED = "PERMIT_ISSUED"
    PERMIT_REFUSED = "PERMIT_REFUSED"
    INQUIRY_SENT = "INQUIRY_SENT"
    RETURNED = "RETURNED"
    HELD = "HELD"
    ANSWERED = "ANSWERED"
    UNKNOWN_PERSON = "UNKNOWN_PERSON"
    NOTHING_HELD = "NOTHING_HELD"
    STAFF_REFUSED = "STAFF_REFUSED"
    PROVIDER_REFUSED = "PROVIDER_REFUSED"
    DEADLINE_PASSED = "DEADLINE_PASSED"
    WITHDRAWN = "WITHDRAWN"


TRANSITIONS: dict[State, dict[Event, State]] = {
    State.CODE_RESOLVED: {
        Event.PERMIT_ASKED: State.PERMIT_REQUESTED,
        Event.NOT_ASKED: State.REJECTED_LOCAL,
    },
    State.PERMIT_REQUESTED: {
        Event.PERMIT_ISSUED: State.PERMITTED,
        Event.PERMIT_REFUSED: State.PERMIT_DENIED,
        Event.DEADLINE_PASSED: State.EXPIRED,
        Event.WITHDRAWN: State.CANCELLED,
    },
    State.PERMITTED: {
        Event.INQUIRY_SENT: State.SENT,
    },
    State.SENT: {
        Event.HELD: State.HELD,
        Event.RETURNED: State.FAILED,
        Event.ANSWERED: State.RECEIVED,
        Event.UNKNOWN_PERSON: State.NO_MATCH,
        Event.NOTHING_HELD: State.NO_DATA,
        # The refusal may overtake the news that staff had to look: the two lie on different topics.
        Event.STAFF_REFUSED: State.REFUSED,
        Event.PROVIDER_REFUSED: State.FAILED,
        Event.DEADLINE_PASSED: State.EXPIRED,
        Event.WITHDRAWN: State.CANCELLED,
    },
    State.HELD: {
        Event.ANSWERED: State.RECEIVED,
        Event.UNKNOWN_PERSON: State.NO_MATCH,
        Event.NOTHING_HELD: State.NO_DATA,
        Event.STAFF_REFUSED: State.REFUSED,
        Event.PROVIDER_REFUSED: State.FAILED,
        Event.DEADLINE_PASSED: State.EXPIRED,
        Event.WITHDRAWN: State.CANCELLED,
    },
}

EVENT_OF: dict[Outcome, Event] = {
    Outcome.OK: Event.ANSWERED,
    Outcome.NON_DISCLOSED: Event.ANSWERED,
    Outcome.NO_MATCH: Event.UNKNOWN_PERSON,
    Outcome.NO_DATA: Event.NOTHING_HELD,
    Outcome.REFUSED: Event.STAFF_REFUSED,
    Outcome.LIST_DISAGREES: Event.PROVIDER_REFUSED,
    Outcome.PERMIT_INVALID: Event.PROVIDER_REFUSED,
    Outcome.SUSPENDED: Event.PROVIDER_REFUSED,
    Outcome.UNAVAILABLE: Event.PROVIDER_REFUSED,
    Outcome.INVALID: Event.PROVIDER_REFUSED,
    Outcome.EXPIRED: Event.DEADLINE_PASSED,
    Outcome.CANCELLED: Event.WITHDRAWN,
}


def after(state: str, event: Event) -> State | None:
    """The state that follows, or None when the event cannot happen any more: a late or duplicate answer."""
    return TRANSITIONS.get(State(state), {}).get(event)


def lateness(state: str) -> str:
    """What an answer is that finds no way on: `late_answer` after expiry or withdrawal, else `duplicate_answer`."""
    return "late_answer" if state in (State.EXPIRED, State.CANCELLED) else "duplicate_answer"


def diagram() -> str:
    """The table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", "    [*] --> CODE_RESOLVED"]
    lines += [
        f"    {state} --> {target}: {event}"
        for state, events in TRANSITIONS.items()
        for event, target in events.items()
    ]
    return "\n".join([*lines, *(f"    {state} --> [*]" for state in FINAL)])
