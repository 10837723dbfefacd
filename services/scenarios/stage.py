"""Where a scenario plays: a small port with two implementations, one in memory and one on real parts.

Owns the port. Verbs know nothing else, so what a verb does is the same on both. Leaves the memory to `memory_stage` and
Kafka, PostgreSQL and processes to `real_stage`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from broker.ports import Store
from broker.tables import LogRecord
from schemas.records import Message
from services.world import World

INSTITUTION = "institution"  # the channels are the first parts of topics: also vrs and tablet


class Stage(Protocol):
    """The country as a scenario's verbs reach it. tag: apart from every other play in the same installation."""

    name: str
    tag: str
    world: World

    @property
    def store(self) -> Store:
        """The tables, as an operator of the installation sees them."""

    def now_ms(self) -> int:
        """The country's time, milliseconds since 1970 UTC."""

    async def say_as(self, institution_code: str, message: Message, channel: str = INSTITUTION) -> None:
        """An attached institution says it, with the credentials of this channel where there are any."""

    async def hear(self, institution_code: str, wanted: Callable[[Any], bool], channel: str = INSTITUTION) -> Any:
        """The first reply to the institution that is wanted; NotHeard when none comes within the stage's limit."""

    def private_key(self, institution_code: str) -> bytes:
        """What opens the institution's answers."""

    async def say(self, messages: Sequence[Message]) -> None:
        """The operations desk says these."""

    async def until(self, there: Callable[[], Any]) -> Any:
        """Wait until the awaitable gives something true, which is returned; NotHeard when it does not in time."""

    async def records_of(self, exchange_id: str) -> Sequence[LogRecord]:
        """The provision records of an exchange at all parties."""

    @property
    def codes_key(self) -> bytes:
        """What the network derives linkage codes from."""

    def store_of(self, institution_code: str) -> AbstractAsyncContextManager[Any]:
        """The tables as the institution's own role sees them, where there are roles."""

    async def pass_time(self, seconds: int) -> None:
        """The country's clock goes forward; what falls due in between comes afterwards."""

    async def stop_service(self, name: str) -> None:
        """A service is gone."""

    async def start_service(self, name: str) -> None:
        """It serves again."""
