"""The peer of the benchmark does the same work: a comparison with what stands still compares with nothing."""

from __future__ import annotations

from services.bench import peer
from services.bench.run import QUICK, another_database, now_ms, running


def ignored(*_: object) -> None:
    """Nobody looks at the progress."""


def test_the_peer_answers_and_records_everything() -> None:
    """Each inquiry is answered and leaves its three records, over the tables as they are today."""
    with running(QUICK._replace(residents=300), 6, ignored) as (system, _):
        system.fleet.stop()
        inquiries = [system.world.inquiry(number, now_ms()) for number in range(50)]
        database = another_database(system, "peer", with_world=True)
        driven = peer.trial(system, database, inquiries, "peer-1", 1, ignored).driven

    assert (driven.asked, driven.answered, driven.records) == (40, 40, 120)
    assert driven.is_complete
