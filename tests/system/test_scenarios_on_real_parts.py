"""Every scenario on real Kafka and PostgreSQL, with the same outcomes and records as in memory."""

from __future__ import annotations

from pathlib import Path

from broker.config import Config
from services.scenarios import form, play, rehearsal


def test_real_parts_and_memory_tell_the_same(tmp_path: Path) -> None:
    """All scenarios in one installation: each ends as its file says and as in memory, and no number lies about."""
    scenarios = [form.load(name) for name in form.names()]
    played, seen = rehearsal.in_own_installation(tmp_path / "rehearsal", Config(), scenarios, lambda _: None)
    both = [one for one in scenarios if "memory" in one.stages]
    in_memory = {one.scenario.name: one for one in play.all_in_memory(both)}

    wrong = [(one.scenario.name, one.missing, [(s.step.name, s.wrong, s.fault) for s in one.seen]) for one in played]
    assert [found for one, found in zip(played, wrong, strict=True) if not one.ok] == []
    compared = [one for one in played if one.scenario.name in in_memory]
    assert {one.scenario.name: play.differences(in_memory[one.scenario.name], one) for one in compared} == {
        one.name: [] for one in both
    }
    assert len(played) == len(scenarios)
    assert seen.messages > 100
    assert seen.places == []
