"""The stage in memory: the real services and the real runtime on the memory adapters, on a clock that costs nothing.

Owns one small country a play. Promises the same decisions as on real parts, because the services are the same objects;
and that the first fault of any worker ends the play with that fault. Leaves bad weather to the simulations.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from typing import Any

import structlog

from broker.adapters.memory import MemoryBroker, MemoryLog, MemoryStore
from broker.adapters.postgres import QUERIES
from broker.adapters.virtual_time import SeededRandomness, VirtualClock, VirtualTimeLoop
from broker.envelope import messages_in, origin_of
from broker.errors import NotHeard
from broker.keys import Keys
from broker.ports import Delivered, Outgoing
from broker.rules.checks import Text
from broker.runtime import Limits, Worker
from broker.tables import TABLE_OF, CopyRecord, Exchange, LogRecord, Provision
from broker.topics import MAXIMUM_RECORD_BYTES, Topics
from schemas.codec import decode, encode
from schemas.records import Message
from services.assembly import NAMES, assemble
from services.scenarios.plan import PLAN
from services.scenarios.stage import INSTITUTION
from services.world import Plan, World

SHARDS = 2
START_MS = 1_790_000_000_000
PATIENCE_SECONDS = 120.0
POLL_SECONDS = 0.1
LIMITS = Limits(
    batch_messages=50, wait_seconds=0.5, retry_seconds=0.05, lease_seconds=5, patience_seconds=1e9, timer_seconds=1.0
)


Tables = Mapping[type[Any], Mapping[tuple[Any, ...], Any]]


def _selected(
    kind: type[Any], columns: tuple[str, ...], wanted: Callable[[Any, int], bool]
) -> Callable[..., list[dict[str, Any]]]:
    """What an operator's statement finds: these columns of the rows that are wanted before a moment."""

    def query(tables: Tables, before: int, limit: int) -> list[dict[str, Any]]:
        found = {tuple(getattr(row, name) for name in columns) for row in tables[kind].values() if wanted(row, before)}
        return [dict(zip(columns, values, strict=True)) for values in sorted(found)[:limit]]

    return query


EXCHANGE = ("exchange_id",)
# The statements of `services.erasure` as broker/adapters/queries.sql has them.
QUERY: Mapping[str, Callable[..., list[dict[str, Any]]]] = {
    "records_to_erase": _selected(
        LogRecord,
        ("institution_code", "sequence"),
        lambda row, before: row.recorded_at < before and row.detail != b"",
    ),
    "exchanges_to_erase": _selected(
        Exchange,
        EXCHANGE,
        lambda row, before: row.requested_at < before and row.integrated_number != "" and row.outcome != "",
    ),
    "answers_to_erase": _selected(
        Exchange, EXCHANGE, lambda row, before: row.requested_at < before and row.answer != b"" and row.outcome != ""
    ),
    "provisions_to_erase": _selected(
        Provision,
        EXCHANGE,
        lambda row, before: row.received_at < before and row.linkage_code != "" and row.state != "HELD",
    ),
    "copies_to_erase": _selected(
        CopyRecord,
        ("institution_code", "integrated_number", "spi_name_code"),
        lambda row, before: 0 < row.known_to < before and row.digest != b"",
    ),
}


def _exchanges_of_code(tables: Tables, institution_code: str, code: str) -> list[dict[str, Any]]:
    rows = [*tables[Provision].values(), *tables[Exchange].values()]
    mine = {row.exchange_id for row in rows if (row.institution_code, row.linkage_code) == (institution_code, code)}
    return [{"exchange_id": name} for name in sorted(mine)]


def _records_of_network(tables: Tables, institution_code: str, names: Sequence[str]) -> list[dict[str, Any]]:
    rows = [row for row in tables[LogRecord].values() if row.institution_code == institution_code]
    return [row._asdict() for row in rows if row.exchange_id in names and row.party == "NETWORK"]


QUERY = {**QUERY, "exchanges_of_code": _exchanges_of_code, "records_of_network": _records_of_network}


class RehearsalStore(MemoryStore):
    """Tables in memory that also take what operators of a real installation load."""

    async def load(self, _: type[Any], rows: Sequence[Any]) -> None:
        """See `PostgresStore.load`."""
        self.put(rows)

    async def query(self, statement: str, *arguments: Any) -> list[dict[str, Any]]:
        """See `PostgresStore.query`; the statements that scenarios need, and no other."""
        name = next(name for name, text in QUERIES.items() if text == statement)
        return QUERY[name](self.tables, *arguments)


class Ground(MemoryStore):
    """The tables of the country before anything has happened."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.keys = Keys(bytes([11]) * 32)
        self.world = World(plan, self.keys)
        self.put(self.world.directory())
        self.put(self.world.witness_duties(2))
        for rows in self.world.rows():
            self.put(rows)


@cache
def ground() -> Ground:
    """Made once a process."""
    return Ground(PLAN._replace(at=START_MS - 1000))


def fresh(base: Ground) -> RehearsalStore:
    """The same rows in tables of their own."""
    made = RehearsalStore()
    for kind, rows in base.tables.items():
        made.tables[kind].update(rows)
    for name, index in base.indexes.items():
        made.indexes[name].update({key: dict(rows) for key, rows in index.items()})
    return made


class MovedClock:
    """The time of the loop, moved forward for the services alone: a loop whose own time runs to years loses the
    fractions of a second that its timers need."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        self._clock = VirtualClock(loop, START_MS)
        self._offset_ms = 0

    def now_ms(self) -> int:
        """See `broker.ports.Clock`."""
        return self._clock.now_ms() + self._offset_ms

    def move(self, seconds: int) -> None:
        """So many seconds later."""
        self._offset_ms += seconds * 1000


class MemoryStage:
    """See `Stage`."""

    name = "memory"

    def __init__(self, loop: VirtualTimeLoop, tag: str) -> None:
        base = ground()
        self.tag = tag
        self.world: World = base.world
        self.store = fresh(base)
        self.broker = MemoryBroker()
        self._keys = base.keys
        self._loop = loop
        self._clock = MovedClock(loop)
        self._topics = Topics(SHARDS, frozenset(self.world.attached))
        self._services = assemble(self._keys, SeededRandomness(1))
        self._workers: dict[str, list[asyncio.Task[None]]] = {}
        self._heard: dict[str, list[Any]] = {}
        self._read: dict[str, int] = {}

    # ── its life ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def start(self) -> None:
        """All services serve."""
        for name in NAMES:
            await self.start_service(name)

    async def stop(self) -> None:
        """None does."""
        for name in list(self._workers):
            await self.stop_service(name)

    async def start_service(self, name: str) -> None:
        """See `Stage.start_service`."""
        if name not in self._workers:
            self._workers[name] = [asyncio.create_task(self._worker(name, shard).run()) for shard in range(SHARDS)]

    async def stop_service(self, name: str) -> None:
        """See `Stage.stop_service`."""
        tasks = self._workers.pop(name, [])
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _worker(self, name: str, shard: int) -> Worker:
        return Worker(
            self._services[name],
            shard,
            f"{name}-{shard}",
            topics=self._topics,
            log=MemoryLog(self.broker),
            store=self.store,
            clock=self._clock,
            protect=self._keys.protector(SeededRandomness(2)),
            limits=LIMITS,
        )

    def _check(self) -> None:
        for tasks in self._workers.values():
            for task in tasks:
                if task.done():
                    task.result()

    # ── the port ─────────────────────────────────────────────────────────────────────────────────────────────────

    def now_ms(self) -> int:
        """See `Stage.now_ms`."""
        return self._clock.now_ms()

    async def say_as(self, institution_code: str, message: Message, channel: str = INSTITUTION) -> None:  # noqa: ARG002 - the message names both
        """See `Stage.say_as`."""
        self._append(message)

    async def say(self, messages: Sequence[Message]) -> None:
        """See `Stage.say`."""
        for message in messages:
            self._append(message)

    def _append(self, message: Message) -> None:
        to = self._topics.destination(message)
        self.broker.append(Outgoing(to.topic, to.partition, to.key, encode(message), (), self.now_ms()))

    def private_key(self, institution_code: str) -> bytes:
        """See `Stage.private_key`."""
        return self._keys.institutions.sealing_private(institution_code)

    async def hear(self, institution_code: str, wanted: Callable[[Any], bool], channel: str = INSTITUTION) -> Any:
        """See `Stage.hear`."""
        topic = f"{channel}.{institution_code}.replies"
        looked = 0
        end = self._loop.time() + PATIENCE_SECONDS
        while self._loop.time() < end:
            known = self._replies(topic)
            for message in known[looked:]:
                if wanted(message):
                    return message
            looked = len(known)
            await asyncio.sleep(POLL_SECONDS)
            self._check()
        raise NotHeard(f"no such reply within {PATIENCE_SECONDS:g} virtual seconds")

    def _replies(self, topic: str) -> list[Any]:
        known, records = self._heard.setdefault(topic, []), self.broker.records(topic)
        for record in records[self._read.get(topic, 0) :]:
            known += opened(record)
        self._read[topic] = len(records)
        return known

    async def until(self, there: Callable[[], Any]) -> Any:
        """See `Stage.until`."""
        end = self._loop.time() + PATIENCE_SECONDS
        while self._loop.time() < end:
            if found := await there():
                return found
            await asyncio.sleep(POLL_SECONDS)
            self._check()
        raise NotHeard(f"not so within {PATIENCE_SECONDS:g} virtual seconds")

    async def records_of(self, exchange_id: str) -> Sequence[LogRecord]:
        """See `Stage.records_of`."""
        return [row for row in self.store.tables[LogRecord].values() if row.exchange_id == exchange_id]

    @property
    def codes_key(self) -> bytes:
        """See `Stage.codes_key`."""
        return self._keys.network_codes

    @asynccontextmanager
    async def store_of(self, institution_code: str) -> AsyncIterator[Any]:  # noqa: ARG002 - memory has no roles
        """See `Stage.store_of`."""
        yield self.store

    async def pass_time(self, seconds: int) -> None:
        """See `Stage.pass_time`."""
        await asyncio.sleep(3)  # what is under way comes to rest first
        self._clock.move(seconds)
        await asyncio.sleep(3)

    # ── looking everywhere ───────────────────────────────────────────────────────────────────────────────────────

    def texts(self) -> Iterator[Text]:
        """Every message and every row that the play has written."""
        for log in self.broker.logs.values():
            for record in log:
                parts = (record.key, record.value or b"", *(value or b"" for _, value in record.headers))
                yield Text(record.topic, b"\x00\x00".join(parts))
        before = ground().tables
        for kind, rows in self.store.tables.items():
            for key, row in rows.items():
                if before[kind].get(key) is not row:
                    yield Text(TABLE_OF[kind].name, repr(row).encode())


def opened(record: Delivered) -> list[Any]:
    """The messages of a record, which may be a bundle."""
    found = messages_in(record, origin_of(record), MAXIMUM_RECORD_BYTES)
    return [decode(one.value) for one, _ in found if one.value]


@contextmanager
def quiet() -> Iterator[None]:
    """No log lines meanwhile: they would tell of made-up moments."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50), cache_logger_on_first_use=False)
    try:
        yield
    finally:
        structlog.configure(**before)
