"""Scenarios on real parts: one installation for all of them, and a look everywhere at the end.

Owns the installation of a rehearsal: services one a process, so that one can be stopped, and a clock that can be moved.
Promises that what is found where it must not be is told with its place. Leaves the scan itself to `services.scan`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from broker.config import Config
from services.installation import Installation
from services.processes import SystemClock
from services.running import Running, attach
from services.scan import Scan, scan
from services.scenarios import plan, play, real_stage
from services.scenarios.form import Scenario
from services.scenarios.play import Played
from services.scenarios.verbs import VERBS
from services.up import System
from services.world import World

HOLD_SECONDS = 12 * 86_400  # seven business days, and room for holidays; for the order alone

Tell = Callable[[Played], None]


async def on_stage(
    running: Running, world: World, system: System | None, scenarios: Sequence[Scenario], tell: Tell
) -> tuple[list[Played], Scan]:
    """All of them, one after the other, and the scan."""
    found: list[Played] = []
    async with real_stage.on_real_parts(running, world, system) as stage:
        for scenario in scenarios:
            place = play.place_of(scenario)
            stage.tag = f"S{place}" if system is not None else f"S{place}.{stage.now_ms() % 10**10}"
            one = await play.play(scenario, stage, place)
            found.append(one)
            tell(one)
        directory = running.installation.directory if running.installation else None
        return found, await scan(stage.store, running.administrator, directory)


def in_own_installation(
    directory: Path, config: Config, scenarios: Sequence[Scenario], tell: Tell
) -> tuple[list[Played], Scan]:
    """The scenarios in a new installation, which is stopped at the end."""
    world_plan = plan.PLAN._replace(at=SystemClock().now_ms() - 1000)
    extra = real_stage.extra_settings(directory)
    with System(Installation(directory, config), world_plan, layout="separate", extra=extra, hub=True) as system:
        real_stage.let_time_run_ahead(system)
        running = attach(config, directory, chosen=True)
        return asyncio.run(on_stage(running, system.world, system, in_order(scenarios), tell))


def in_order(scenarios: Sequence[Scenario]) -> list[Scenario]:
    """Those that move the clock last, the farthest at the end: time does not go back in one installation."""
    return sorted(scenarios, key=lambda one: (seconds_of(one), one.name))


def seconds_of(scenario: Scenario) -> int:
    """How far a scenario moves the clock."""
    units = {"seconds": 1, "hours": 3600, "days": 86_400, "years": 31_557_600}
    moves = [step.arguments for step in scenario.steps if step.verb == "pass_time"]
    holds = sum(step.verb == "pass_hold_deadline" for step in scenario.steps)
    moved: int = sum(move[unit] * seconds for move in moves for unit, seconds in units.items())
    return moved + holds * HOLD_SECONDS


def needs_own(scenario: Scenario) -> bool:
    """Whether a scenario may not be played where somebody is served."""
    return any(VERBS[step.verb].alone for step in scenario.steps)
