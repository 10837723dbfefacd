"""Made-up time: waiting costs nothing, and work for a thread takes none of it."""

from __future__ import annotations

import asyncio

import pytest

from broker.adapters.virtual_time import VirtualTimeLoop, run_virtual
from broker.errors import OwnFault


def test_work_for_a_thread_takes_no_virtual_time() -> None:
    """While real work is done, no timer of the made-up world goes off: the order of events stays the same."""
    loop = VirtualTimeLoop()
    told: list[str] = []

    async def main() -> float:
        loop.call_later(0.001, told.append, "timer")
        before = loop.time()
        told.append(str(await asyncio.to_thread(sum, range(2_000_000))))
        return loop.time() - before

    assert run_virtual(main(), loop) == 0
    assert told == ["1999999000000"]


def test_what_the_work_raises_is_its_callers() -> None:
    """An exception in work for a thread comes out where the work is waited for, and the loop goes on."""
    loop = VirtualTimeLoop()

    async def main() -> str:
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 // 0)
        await asyncio.sleep(3600)
        return "on"

    assert run_virtual(main(), loop) == "on"


def test_a_wait_that_nothing_ends_is_an_error() -> None:
    """Instead of a hang."""
    loop = VirtualTimeLoop()

    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(OwnFault, match="nothing will wake it"):
        run_virtual(main(), loop)
