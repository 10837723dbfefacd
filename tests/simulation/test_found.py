"""What the simulation has found, told as stories of their own."""

from __future__ import annotations

import random

import pytest
from country import Country, Weather, run
from simulation.scene import DAY_SECONDS, Scene, run_seed

from broker.rules import checks
from broker.tables import Provision
from schemas.records import InquiryAnswered, Outcome


def test_a_hold_expires_when_nobody_looked_until_long_after_its_end() -> None:
    """A machine that slept for a month finds the reminder first, and must not forget the expiry (seed 43)."""

    async def month(country: Country) -> None:
        scene = Scene(country, random.Random(1), residents=[1])
        case = scene.expired()
        country.send(case.message)
        await country.until(lambda: scene.hold_of(case.message))
        await country.drain()
        country.clock.skip(30 * DAY_SECONDS)
        await country.drain()

    country = run(month, seed=1, weather=Weather(random.Random(1)))
    assert [row.outcome for row in country.rows(Provision)] == ["EXPIRED"]
    assert {kind.outcome for answer in country.said(InquiryAnswered) for kind in answer.kinds} == {
        Outcome.EXPIRED,
        Outcome.NO_MATCH,
    }
    assert checks.violations(country.history()) == []


@pytest.mark.parametrize("seed", [43, 107, 481])
def test_seeds_that_once_failed(seed: int) -> None:
    """43: a hold that never expired. 107: a checkpoint that was never due again after the clock had jumped. 481: a
    zombie that took another owner's commits between its reads for a fault of its own."""
    run_seed(seed)
