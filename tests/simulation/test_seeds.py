"""A thousand countries in bad weather: after every step safe, and at rest once the weather is calm."""

from __future__ import annotations

import gc
import multiprocessing
import os
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor

import pytest
from simulation.scene import run_seed

SEEDS = int(os.environ.get("SIMULATION_SEEDS", "1000"))
FIRST = int(os.environ.get("SIMULATION_FIRST_SEED", "0"))
PROCESSES = 2


def failures(seeds: Iterable[int]) -> list[str]:
    """What went wrong, one line a seed."""
    gc.freeze()
    found = []
    for seed in seeds:
        try:
            run_seed(seed)
        except Exception as error:  # noqa: BLE001 - whatever it is, the seed is told
            found.append(f"seed {seed}: {type(error).__name__}: {error}")
        gc.collect(1)
    return found


def test_a_thousand_seeds_are_safe_and_come_to_rest() -> None:
    """Whatever the weather, every check holds after every commit and every publish, and everything ends."""
    parts = [range(FIRST + place, FIRST + SEEDS, PROCESSES * 8) for place in range(PROCESSES * 8)]
    # A process of its own kind: the tests' process holds threads, which a fork would not carry over.
    context = multiprocessing.get_context("spawn")

    with ProcessPoolExecutor(PROCESSES, mp_context=context, initializer=_see, initargs=(sys.path,)) as pool:
        found = [line for lines in pool.map(failures, parts) for line in lines]

    assert not found, f"{len(found)} of {SEEDS} seeds failed:\n" + "\n".join(found[:10])


def _see(path: list[str]) -> None:
    sys.path[:] = path


@pytest.mark.parametrize("seed", range(2000, 2006))
def test_the_same_seed_gives_the_same_run(seed: int) -> None:
    """Two runs of a seed end in the same answers and in logs with the same leaves, in the same weather."""
    first, second = run_seed(seed), run_seed(seed)

    assert first.outcomes == second.outcomes
    assert first.roots == second.roots
    assert first.weather.crashes == second.weather.crashes > 0


@pytest.mark.parametrize("seed", range(3000, 3010))
def test_faults_change_nothing_that_was_decided(seed: int) -> None:
    """Crashes, outages, zombies and late batches leave every outcome that time does not touch as it is without them."""
    bad, fair = run_seed(seed), run_seed(seed, faults=False)

    assert bad.stable == fair.stable
    assert bad.weather.crashes > 0
    assert fair.weather.crashes == 0
