"""What the runtime needs of Kafka and PostgreSQL, as two protocols. Each docstring says what holds when a call returns.

Owns the shapes that cross the edge. The adapters keep the promises; one body of contract tests runs on all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple, Protocol

Source = tuple[str, int]  # topic, partition


class Delivered(NamedTuple):
    """One record as it came from Kafka, or one message of a bundle, which has its place in it.

    at: the record's timestamp in milliseconds since 1970 UTC.
    """

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    at: int
    place: int = 0


class Outgoing(NamedTuple):
    """One record on its way to Kafka."""

    topic: str
    partition: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    at: int


class Cause(NamedTuple):
    """Which decision a message comes from: totally ordered within one (service, shard)."""

    batch: int
    place: int


class Position(NamedTuple):
    """How far a shard has come on one partition. `seen`: highest cause by origin, e.g. {"network/0": (41, 7)}."""

    next_offset: int
    seen: Mapping[str, Cause]


class Claim(NamedTuple):
    """What a new owner of a shard starts from. `outbox`: (batch, body) of batches perhaps not yet published."""

    epoch: int
    batch: int
    positions: Mapping[Source, Position]
    outbox: tuple[tuple[int, bytes], ...]


class Advance(NamedTuple):
    """The bookkeeping that commits with a batch's effects."""

    service: str
    shard: int
    epoch: int
    batch: int
    positions: Mapping[Source, Position]
    outbox: bytes
    published: tuple[int, ...]  # batches whose outbox rows are no longer needed
    lease_until: int
    at: int = 0  # the moment the batch was decided at


class Log(Protocol):
    """Kafka, as one worker sees it."""

    async def start(self, positions: Mapping[Source, int]) -> None:
        """From here on `fetch` delivers these partitions from these offsets; OwnFault when an offset no longer or
        not yet exists (a lost tail, a topic made anew, retention that overtook us)."""

    async def fetch(self, maximum: int, wait_seconds: float) -> list[Delivered]:
        """At most `maximum` records, in offset order within a partition; an empty list when the wait is over."""

    async def publish(self, batch: Sequence[Outgoing]) -> None:
        """Every record is acknowledged by all in-sync replicas, in order within a partition; WorldFault when that
        cannot be known within the limit (some may have been appended)."""

    async def acknowledge(self, positions: Mapping[Source, int]) -> None:
        """Best effort: lag tools see these offsets. Never raises, nothing depends on it."""

    async def stop(self) -> None:
        """Within a bound all that this worker held of Kafka is let go."""


class Transaction(Protocol):
    """One database transaction: all of its writes hold together or not at all."""

    async def rows(self, kind: type[Any], keys: Sequence[tuple[Any, ...]]) -> list[Any]:
        """The rows of a table with these keys; missing ones are left out."""

    async def find(self, kind: type[Any], lookup: tuple[str, ...], keys: Sequence[tuple[Any, ...]]) -> list[Any]:
        """The rows whose `lookup` columns have one of these values."""

    async def write(self, kind: type[Any], rows: Sequence[Any]) -> None:
        """These rows are there, replacing any with the same key; at most one row a key may be given."""

    async def add(self, kind: type[Any], rows: Sequence[Any]) -> None:
        """These rows are there and were not before; Unstorable when one of them was."""

    async def change(self, kind: type[Any], columns: Sequence[str], rows: Sequence[Any]) -> None:
        """The rows with the keys of these have their values in these columns; OwnFault when one is not there."""

    async def remove(self, kind: type[Any], keys: Sequence[tuple[Any, ...]]) -> None:
        """No row has any of these keys."""

    async def alone(self, name: str) -> None:
        """Until this transaction ends, no other that asks for the same name goes on."""

    async def advance(self, advance: Advance) -> None:
        """Positions, outbox and batch number are those given, and the journal names the batch when it read something;
        Fenced when the epoch is no longer the shard's."""


class Store(Protocol):
    """PostgreSQL, as the runtime sees it."""

    async def claim(self, service: str, shard: int, owner: str, now: int, lease_ms: int) -> Claim:
        """The caller owns the shard: the epoch has grown, so no earlier owner can commit any more. Held while another
        owner's lease runs; a returning owner of the same name does not wait."""

    async def release(self, service: str, shard: int, epoch: int) -> None:
        """Another owner need not wait for this epoch's lease; nothing happens when it is not the shard's any more."""

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Commits on leaving without an exception. WorldFault when the result is unknown: claim again, then look."""

    async def due(
        self, kind: type[Any], column: str, states: tuple[str, ...], between: tuple[int, int], limit: int
    ) -> list[Any]:
        """Rows with first < `column` <= last of `between` whose `state` is one of these (any when empty), earliest
        first."""

    async def all(self, kind: type[Any], limit: int) -> list[Any]:
        """Every row of a small table; OwnFault when there are more than `limit`."""


class Clock(Protocol):
    """The only source of time; handed to the runtime alone."""

    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC."""


class Randomness(Protocol):
    """The only source of chance; handed in like time."""

    def bytes(self, count: int) -> bytes:
        """Unpredictable bytes."""
