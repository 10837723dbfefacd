"""The life of one kind as a table: every state is reached and left, ends are ends, and the diagram is the table."""

from __future__ import annotations

import pytest

from broker.rules.exchange import EVENT_OF, FINAL, OPEN, TRANSITIONS, Event, State, after, diagram, lateness
from schemas.records import Outcome


def reachable(start: State) -> set[State]:
    """All states that can follow, the start included."""
    found, ahead = {start}, [start]
    while ahead:
        for target in TRANSITIONS.get(ahead.pop(), {}).values():
            if target not in found:
                found.add(target)
                ahead.append(target)
    return found


def test_every_state_is_reached() -> None:
    """From the first state everything can follow."""
    assert reachable(State.CODE_RESOLVED) == set(State)


@pytest.mark.parametrize("state", OPEN)
def test_every_open_state_comes_to_an_end(state: State) -> None:
    """What waits can always end, and the table says how."""
    assert TRANSITIONS[state]
    assert reachable(state) & set(FINAL)


@pytest.mark.parametrize("state", FINAL)
@pytest.mark.parametrize("event", Event)
def test_nothing_follows_an_end(state: State, event: Event) -> None:
    """A late or duplicate answer finds no way on."""
    assert after(state, event) is None


def test_every_event_happens_somewhere() -> None:
    """An event that no state knows would be a word for nothing."""
    assert {event for events in TRANSITIONS.values() for event in events} == set(Event)


def test_states_that_wait_can_be_ended_by_time_and_by_the_inquirer() -> None:
    """Whatever waits for somebody else expires and can be withdrawn; the other open states last no moment."""
    waiting = {State.PERMIT_REQUESTED, State.SENT, State.HELD}

    for state in OPEN:
        exits = {Event.DEADLINE_PASSED, Event.WITHDRAWN} & set(TRANSITIONS[state])
        assert len(exits) == (2 if state in waiting else 0)


def test_whatever_ends_a_hold_may_come_before_the_news_of_it() -> None:
    """The news of a hold and the answer lie on different topics: the answer is understood in either order."""
    assert set(TRANSITIONS[State.HELD]) <= set(TRANSITIONS[State.SENT])
    for event, target in TRANSITIONS[State.HELD].items():
        assert TRANSITIONS[State.SENT][event] is target


ANSWERS = (
    (Outcome.OK, State.RECEIVED),
    (Outcome.NON_DISCLOSED, State.RECEIVED),
    (Outcome.NO_MATCH, State.NO_MATCH),
    (Outcome.NO_DATA, State.NO_DATA),
    (Outcome.REFUSED, State.REFUSED),
    (Outcome.LIST_DISAGREES, State.FAILED),
    (Outcome.PERMIT_INVALID, State.FAILED),
    (Outcome.SUSPENDED, State.FAILED),
    (Outcome.UNAVAILABLE, State.FAILED),
    (Outcome.INVALID, State.FAILED),
    (Outcome.EXPIRED, State.EXPIRED),
    (Outcome.CANCELLED, State.CANCELLED),
)


@pytest.mark.parametrize(("outcome", "state"), ANSWERS)
@pytest.mark.parametrize("before", [State.SENT, State.HELD])
def test_provider_answer(outcome: Outcome, state: State, before: State) -> None:
    """What a provider answers decides the final state, held or not."""
    assert after(before, EVENT_OF[outcome]) is state


@pytest.mark.parametrize("state", FINAL)
def test_name_of_an_answer_after_the_end(state: State) -> None:
    """An answer after time or withdrawal is late; after another end it is a duplicate."""
    late = state in (State.EXPIRED, State.CANCELLED)

    assert lateness(state) == ("late_answer" if late else "duplicate_answer")


def test_outcomes_a_provider_never_says() -> None:
    """The rest are decided elsewhere: at the inquirer, at the network, or are not ends."""
    assert set(Outcome) - set(EVENT_OF) == {
        Outcome.NO_CODE,
        Outcome.NOT_PERMITTED,
        Outcome.DUPLICATE_RECORD_ID,
        Outcome.HELD,
        Outcome.PIA_BLOCK,
    }
    assert [outcome for outcome, _ in ANSWERS] == list(EVENT_OF)


def test_diagram_is_the_table() -> None:
    """The diagram says each transition once, and the same each time."""
    lines = diagram().splitlines()

    assert lines[:2] == ["stateDiagram-v2", "    [*] --> CODE_RESOLVED"]
    assert diagram() == diagram()
    assert len(lines) == len(set(lines)) == 2 + sum(map(len, TRANSITIONS.values())) + len(FINAL)
    for state, events in TRANSITIONS.items():
        for event, target in events.items():
            assert f"    {state} --> {target}: {event}" in lines
    assert lines[-len(FINAL) :] == [f"    {state} --> [*]" for state in FINAL]


def test_unknown_state_is_no_state() -> None:
    """A state that is not in the table is a fault of ours, never a quiet None."""
    with pytest.raises(ValueError, match="NOWHERE"):
        after("NOWHERE", Event.HELD)
