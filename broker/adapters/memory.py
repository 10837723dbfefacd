"""Kafka and PostgreSQL in memory, with the same promises as the real ones and hooks for faults.

Owns nothing of its own idea: the contract tests run the same body on these and on the real adapters. Every call may
be delayed or refused by a `Weather`, which is how a simulation gets its reordering, repeats and outages.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from broker.errors import Fenced, Held, OwnFault, Unstorable, WorldFault
from broker.facts import KEY_OF, LOOKUP_OF
from broker.journal import Changed, Journalled, Step
from broker.ports import Advance, Claim, Delivered, Log, Outgoing, Position, Source, Store, Transaction
from broker.tables import TABLE_OF, TABLES

Weather = Callable[[str], Awaitable[None]]  # told what is about to happen; may wait, or raise


async def fair(_: str) -> None:
    """No delays and no faults."""


class MemoryBroker:
    """All topics of one Kafka. `append` is what a producer's acknowledged send does."""

    def __init__(self) -> None:
        self.logs: dict[Source, list[Delivered]] = defaultdict(list)
        self.readers: dict[Source, list[MemoryLog]] = defaultdict(list)

    def append(self, message: Outgoing) -> None:
        """One record at the end of its partition."""
        source = (message.topic, message.partition)
        log = self.logs[source]
        log.append(Delivered(*source, len(log), message.key, message.value, message.headers, message.at))
        for reader in self.readers[source]:
            reader.wake()

    def records(self, topic: str) -> list[Delivered]:
        """Everything on a topic, partition by partition."""
        return [record for (name, _), log in sorted(self.logs.items()) if name == topic for record in log]


class MemoryLog:
    """One worker's view of a MemoryBroker."""

    def __init__(self, broker: MemoryBroker, weather: Weather = fair) -> None:
        self.broker = broker
        self._weather = weather
        self._started = False
        self._next: dict[Source, int] = {}
        self._arrival: asyncio.Future[None] | None = None

    async def start(self, positions: Mapping[Source, int]) -> None:
        """See `Log.start`."""
        await self.stop()
        await self._weather("start")
        for source, offset in positions.items():
            end = len(self.broker.logs[source])
            if offset > end:
                raise OwnFault(
                    f"{source[0]}/{source[1]} ends at {end}, below the next offset {offset}: its tail is lost"
                )
        self._started = True
        self._next = dict(positions)
        for source in positions:
            self.broker.readers[source].append(self)

    async def fetch(self, maximum: int, wait_seconds: float) -> list[Delivered]:
        """See `Log.fetch`."""
        await self._weather("fetch")
        self._must_be_started()
        found = self._take(maximum)
        if not found:
            await self._wait(wait_seconds)
            found = self._take(maximum)
        return found

    def wake(self) -> None:
        """Something has arrived on a partition this worker reads, or its wait is over."""
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    async def _wait(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._arrival = loop.create_future()
        timer = loop.call_later(seconds, self.wake)
        try:
            await self._arrival
        finally:
            timer.cancel()
            self._arrival = None

    def _take(self, maximum: int) -> list[Delivered]:
        found: list[Delivered] = []
        for source, offset in self._next.items():
            room = maximum - len(found)
            if room <= 0:
                break
            records = self.broker.logs[source][offset : offset + room]
            found += records
            self._next[source] = offset + len(records)
        return found

    async def publish(self, batch: Sequence[Outgoing]) -> None:
        """See `Log.publish`: one record after the other, so that a fault leaves a prefix appended."""
        self._must_be_started()
        for message in batch:
            await self._weather("publish")
            self.broker.append(message)
        await self._weather("published")

    def _must_be_started(self) -> None:
        if not self._started:
            raise WorldFault("the log is not started")

    async def acknowledge(self, positions: Mapping[Source, int]) -> None:
        """See `Log.acknowledge`."""

    async def stop(self) -> None:
        """See `Log.stop`."""
        for source in self._next:
            self.broker.readers[source].remove(self)
        self._started = False
        self._next = {}


class _Shard:
    def __init__(self) -> None:
        self.epoch = 0
        self.batch = 0
        self.owner = ""
        self.lease_until = 0
        self.positions: dict[Source, Position] = {}
        self.outbox: dict[int, bytes] = {}


class MemoryStore:
    """All tables of one PostgreSQL."""

    def __init__(self, weather: Weather = fair) -> None:
        self.tables: dict[type[Any], dict[tuple[Any, ...], Any]] = {table.row: {} for table in TABLES}
        self.indexes: dict[tuple[type[Any], tuple[str, ...]], dict[tuple[Any, ...], dict[tuple[Any, ...], Any]]] = {
            one: defaultdict(dict) for one in LOOKUP_OF
        }
        self.shards: dict[tuple[str, int], _Shard] = defaultdict(_Shard)
        self.locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.journal: list[Step] = []
        self._weather = weather

    def with_weather(self, weather: Weather) -> MemoryStore:
        """The same tables seen through other weather: one worker's connection."""
        other = MemoryStore(weather)
        other.tables, other.indexes, other.shards = self.tables, self.indexes, self.shards
        other.locks = self.locks
        other.journal = self.journal
        return other

    def put(self, rows: Iterable[Any]) -> None:
        """Write rows at once, as a world's creator or an operator does, outside of all messages."""
        for row in rows:
            before = self.tables[type(row)].get(KEY_OF[type(row)](row))
            self.journal.append(Changed(len(self.journal) + 1, 0, 0, before, row))
            self.write_row(row)

    def write_row(self, row: Any) -> None:
        """The row is in its table and its look-ups, instead of any with its key."""
        kind = type(row)
        key = KEY_OF[kind](row)
        self._take_out(kind, key)
        self.tables[kind][key] = row
        for lookup in TABLE_OF[kind].lookups:
            self.indexes[kind, lookup][LOOKUP_OF[kind, lookup](row)][key] = row

    def drop(self, kind: type[Any], key: tuple[Any, ...]) -> None:
        """The row with this key is gone from the table and its look-ups."""
        self._take_out(kind, key)

    def _take_out(self, kind: type[Any], key: tuple[Any, ...]) -> None:
        row = self.tables[kind].pop(key, None)
        if row is None:
            return
        for lookup in TABLE_OF[kind].lookups:
            self.indexes[kind, lookup][LOOKUP_OF[kind, lookup](row)].pop(key, None)

    async def claim(self, service: str, shard: int, owner: str, now: int, lease_ms: int) -> Claim:
        """See `Store.claim`."""
        await self._weather("claim")
        state = self.shards[service, shard]
        if state.owner not in ("", owner) and state.lease_until > now:
            raise Held(f"{service}/{shard} is held by {state.owner}")
        state.epoch += 1
        state.owner, state.lease_until = owner, now + lease_ms
        return Claim(state.epoch, state.batch, dict(state.positions), tuple(sorted(state.outbox.items())))

    async def release(self, service: str, shard: int, epoch: int) -> None:
        """See `Store.release`."""
        await self._weather("release")
        state = self.shards[service, shard]
        if state.epoch == epoch:
            state.lease_until = 0

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """See `Store.transaction`."""
        await self._weather("begin")
        transaction = MemoryTransaction(self, self._weather)
        try:
            yield transaction
            await self._weather("commit")
            transaction.commit()
            await self._weather("committed")
        finally:
            transaction.let_go()

    async def due(
        self, kind: type[Any], column: str, states: tuple[str, ...], between: tuple[int, int], limit: int
    ) -> list[Any]:
        """See `Store.due`."""
        await self._weather("due")
        place = kind._fields.index(column)
        found = [
            row
            for row in self.tables[kind].values()
            if between[0] < row[place] <= between[1] and (not states or row.state in states)
        ]
        return sorted(found, key=lambda row: (row[place], row))[:limit]

    async def all(self, kind: type[Any], limit: int) -> list[Any]:
        """See `Store.all`."""
        await self._weather("all")
        rows = self.tables[kind]
        if len(rows) > limit:
            raise OwnFault(f"{kind.__name__} has {len(rows)} rows; at most {limit} were expected")
        return [rows[key] for key in sorted(rows)]


class MemoryTransaction:
    """Writes kept back until the commit; reads see what is committed."""

    def __init__(self, store: MemoryStore, weather: Weather) -> None:
        self._store = store
        self._weather = weather
        self._writes: list[tuple[type[Any], Sequence[Any], Sequence[tuple[Any, ...]]]] = []
        self._changes: list[tuple[type[Any], tuple[str, ...], Sequence[Any]]] = []
        self._advance: Advance | None = None
        self._held: list[str] = []

    async def rows(self, kind: type[Any], keys: Sequence[tuple[Any, ...]]) -> list[Any]:
        """See `Transaction.rows`."""
        await self._weather("read")
        table = self._store.tables[kind]
        return [table[key] for key in keys if key in table]

    async def find(self, kind: type[Any], lookup: tuple[str, ...], keys: Sequence[tuple[Any, ...]]) -> list[Any]:
        """See `Transaction.find`."""
        await self._weather("read")
        index = self._store.indexes[kind, lookup]
        return [row for key in keys for row in index.get(key, {}).values()]

    async def write(self, kind: type[Any], rows: Sequence[Any]) -> None:
        """See `Transaction.write`."""
        await self._weather("write")
        keys = [KEY_OF[kind](row) for row in rows]
        if len(set(keys)) != len(keys):
            raise OwnFault(f"{kind.__name__}: one statement writes the same key twice")
        self._writes.append((kind, list(rows), ()))

    async def add(self, kind: type[Any], rows: Sequence[Any]) -> None:
        """See `Transaction.add`."""
        table, key_of = self._store.tables[kind], KEY_OF[kind]
        if any(key_of(row) in table for row in rows):
            raise Unstorable(f"{kind.__name__}: a row to be added is there already")
        await self.write(kind, rows)

    async def change(self, kind: type[Any], columns: Sequence[str], rows: Sequence[Any]) -> None:
        """See `Transaction.change`."""
        await self._weather("write")
        table, key_of = self._store.tables[kind], KEY_OF[kind]
        if any(key_of(row) not in table for row in rows):
            raise OwnFault(f"{kind.__name__}: a row to be changed is not there")
        self._changes.append((kind, tuple(columns), list(rows)))

    async def remove(self, kind: type[Any], keys: Sequence[tuple[Any, ...]]) -> None:
        """See `Transaction.remove`."""
        await self._weather("write")
        self._writes.append((kind, (), list(keys)))

    async def alone(self, name: str) -> None:
        """See `Transaction.alone`."""
        await self._store.locks[name].acquire()
        self._held.append(name)

    def let_go(self) -> None:
        """Others may go on."""
        while self._held:
            self._store.locks[self._held.pop()].release()

    async def advance(self, advance: Advance) -> None:
        """See `Transaction.advance`."""
        await self._weather("write")
        self._advance = advance
        self._check(advance)

    def _check(self, advance: Advance) -> None:
        state = self._store.shards[advance.service, advance.shard]
        if state.epoch != advance.epoch:
            raise Fenced(f"{advance.service}/{advance.shard}: epoch {state.epoch} has replaced {advance.epoch}")

    def commit(self) -> None:
        """All at once; Fenced when another owner came between."""
        if self._advance is not None:
            self._check(self._advance)
        for kind, rows, keys in self._writes:
            for key in keys:
                self._store.drop(kind, key)
            for row in rows:
                self._store.write_row(row)
        for kind, columns, rows in self._changes:
            table, key_of = self._store.tables[kind], KEY_OF[kind]
            for row in rows:
                self._store.write_row(table[key_of(row)]._replace(**{name: getattr(row, name) for name in columns}))
        if self._advance is not None:
            advance = self._advance
            state = self._store.shards[advance.service, advance.shard]
            state.batch, state.lease_until = advance.batch, advance.lease_until
            state.positions.update(advance.positions)
            if advance.outbox:
                state.outbox[advance.batch] = advance.outbox
            for number in advance.published:
                state.outbox.pop(number, None)
            if advance.positions:
                offsets = {source: position.next_offset for source, position in advance.positions.items()}
                name, journal = (advance.service, advance.shard, advance.batch), self._store.journal
                journal.append(Journalled(len(journal) + 1, 0, *name, advance.at, offsets))


def _keeps_promises(
    log: MemoryLog, store: MemoryStore, transaction: MemoryTransaction
) -> tuple[Log, Store, Transaction]:
    # The type checker reports here, and not in a caller, when an adapter drifts from its port.
    return log, store, transaction
