"""An event loop whose time is made up: waiting costs nothing, and the same start gives the same order of events.

Owns time for everything in memory: simulations, scenarios and replays. A wait that nothing will ever end is an error
here instead of a hang.
"""

from __future__ import annotations

import asyncio
import random
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from broker.errors import OwnFault

Result = TypeVar("Result")


class _Selector(selectors.SelectSelector):
    """Instead of sleeping until the next timer, moves time there."""

    loop: VirtualTimeLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise OwnFault("everything waits and nothing will wake it")
        self.loop.advance(timeout)
        return super().select(0)


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An asyncio loop on virtual seconds."""

    def __init__(self) -> None:
        self._virtual_seconds = 0.0
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._virtual_seconds

    def run_in_executor(self, _: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """Work for a thread is done at once: it takes no virtual time, and the order of events stays the same."""
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it belongs to whoever waits for the work
            done.set_exception(error)
        return done

    def advance(self, seconds: float) -> None:
        """Move time forward."""
        if seconds > 0:
            self._virtual_seconds += seconds


class VirtualClock:
    """The time of a VirtualTimeLoop as milliseconds since 1970 UTC; `skip` moves it forward for everybody."""

    def __init__(self, loop: VirtualTimeLoop, start_ms: int) -> None:
        self._loop = loop
        self._start_ms = start_ms

    def now_ms(self) -> int:
        """See `broker.ports.Clock`."""
        return self._start_ms + int(self._loop.time() * 1000)

    def skip(self, seconds: float) -> None:
        """Time passes without anything happening; timers that fall due in between fire afterwards."""
        self._loop.advance(seconds)


class SeededRandomness:
    """Bytes that look like chance and are the same for the same seed. For simulations only."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)  # noqa: S311

    def bytes(self, count: int) -> bytes:
        """See `broker.ports.Randomness`."""
        return self._rng.randbytes(count)


def run_virtual(main: Coroutine[Any, Any, Result], loop: VirtualTimeLoop) -> Result:
    """Run to the end on a loop made for it, cancelling what is left, and close the loop."""
    try:
        return loop.run_until_complete(main)
    finally:
        rest = asyncio.all_tasks(loop)
        for task in rest:
            task.cancel()
        if rest:
            loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
        loop.close()
