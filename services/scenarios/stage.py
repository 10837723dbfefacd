"""Where a scenario plays: a small port with two implementations, one in memory and one on real parts.

Owns the port. Verbs know nothing else, so what a verb does is the same on both. Leaves the memory to `memory_stage` and
Kafka, PostgreSQL and processes to `real_stage`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple, Protocol

from broker.keys import Keys
from broker.ports import Randomness, Store
from broker.tables import LogRecord
from schemas.records import Message
from services.audit.material import Material
from services.integrated_number.common import Hub
from services.world import World

INSTITUTION = "institution"  # the channels are the first parts of topics: also vrs and tablet

NOT_HERE = (
    "this step stops services, moves the clock or meddles with keys or records; it is played in an installation of its "
    "own only (leave --data-dir out)"
)


class Call(NamedTuple):
    """One call of the hub. kind: the media type of the body."""

    method: str
    path: str
    token: str = ""
    body: bytes = b""
    kind: str = "application/json"


class Called(NamedTuple):
    """What the hub answered: status, and the body as JSON (None when there is none)."""

    status: int
    body: Any


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

    async def say(self, messages: Sequence[Message]) -> None:
        """The operations desk says these."""

    async def until(self, there: Callable[[], Any]) -> Any:
        """Wait until the awaitable gives something true, which is returned; NotHeard when it does not in time."""

    async def records_of(self, exchange_id: str) -> Sequence[LogRecord]:
        """The provision records of an exchange at all parties."""

    async def say_from(self, service: str, messages: Sequence[Message]) -> None:
        """Whoever has stolen a service's credentials says these in its place."""

    async def messages_of(self, kind: type[Any]) -> Sequence[Any]:
        """Every message of a kind that lies on its topics."""

    async def material(self, exchange_id: str) -> Material:
        """All that is left of an exchange, for the auditor."""

    async def look_everywhere(self) -> Sequence[tuple[str, str]]:
        """(rule, place) of everything that lies where it must not: on topics, in tables, in files."""

    async def call_hub(self, call: Call) -> Called:
        """A business system calls the hub's REST interface."""

    async def reach(self, user: str, topic: str) -> str:
        """The name of the error by which Kafka keeps a topic from a user, or an empty text; on real parts alone."""

    @property
    def own(self) -> bool:
        """Whether this country is the play's own, so that clocks, services, keys and records may be meddled with."""

    @property
    def hub(self) -> Hub:
        """The hub as an operator on its machine reaches it."""

    @property
    def keys(self) -> Keys:
        """The keys of the installation."""

    @property
    def randomness(self) -> Randomness:
        """Chance, as staff's desk draws it."""

    @property
    def staff_password(self) -> str:
        """The password of the world's simulated staff; ConfigurationFault where they are no longer let in."""

    def store_of(self, institution_code: str) -> AbstractAsyncContextManager[Any]:
        """The tables as the institution's own role sees them, where there are roles."""

    async def pass_time(self, seconds: int) -> None:
        """The country's clock goes forward; what falls due in between comes afterwards."""

    async def stop_service(self, name: str) -> None:
        """A service is gone."""

    async def start_service(self, name: str) -> None:
        """It serves again."""
