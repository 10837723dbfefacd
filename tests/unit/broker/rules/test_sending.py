"""The state of the intermediate server, and what leaves in it."""

from __future__ import annotations

import pytest

from broker.rules.sending import SENT_IN, Heartbeat, Lane, ServerState, server_state

NOW, GRACE = 1_000_000, 3_000
NEEDED = ("copies", "inquiry")
ALIVE = (Heartbeat("copies", 0, NOW + 1), Heartbeat("inquiry", 0, NOW + 1))


@pytest.mark.parametrize(
    ("told", "beats", "wanted"),
    [
        ("ONLINE", ALIVE, ServerState.ONLINE),
        ("BATCH_ONLY", ALIVE, ServerState.BATCH_ONLY),
        ("MAINTENANCE", ALIVE, ServerState.MAINTENANCE),
        ("ONLINE", (), ServerState.STARTING),
        ("ONLINE", (Heartbeat("network", 0, NOW + 1),), ServerState.STARTING),
        ("ONLINE", ALIVE[:1], ServerState.DOWN),
        ("ONLINE", (ALIVE[0], Heartbeat("inquiry", 0, NOW - GRACE)), ServerState.ONLINE),
        ("ONLINE", (ALIVE[0], Heartbeat("inquiry", 0, NOW - GRACE - 1)), ServerState.DOWN),
        ("ONLINE", (*ALIVE, Heartbeat("inquiry", 1, 0)), ServerState.ONLINE),
        ("", ALIVE, ServerState.DOWN),
    ],
)
def test_a_server_is_what_it_says_unless_it_is_silent(
    told: str, beats: tuple[Heartbeat, ...], wanted: ServerState
) -> None:
    """Its word counts while it lives; a restart within the grace is no outage."""
    assert server_state(told, NEEDED, beats, NOW, GRACE) is wanted


def test_every_state_says_what_leaves() -> None:
    """Single inquiries wait for ONLINE, files go at night too, and nothing goes to a server that is away."""
    assert set(SENT_IN) == set(ServerState)
    assert [state for state, lanes in SENT_IN.items() if Lane.ONLINE in lanes] == [ServerState.ONLINE]
    assert [s for s, lanes in SENT_IN.items() if Lane.BATCH in lanes] == [ServerState.ONLINE, ServerState.BATCH_ONLY]
