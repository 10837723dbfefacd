"""The stage in memory: the real services and the real runtime on the memory adapters, on a clock that costs nothing.

Owns one small country a play. Promises the same decisions as on real parts, because the services are the same objects;
and that the first fault of any worker ends the play with that fault. Leaves bad weather to the simulations.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import cache, partial
from typing import Any, cast

import structlog
from starlette.types import ASGIApp

from broker.adapters.memory import MemoryBroker, MemoryLog, MemoryStore
from broker.adapters.postgres import PostgresStore
from broker.adapters.virtual_time import SeededRandomness, VirtualClock, VirtualTimeLoop
from broker.envelope import messages_in, origin_of
from broker.errors import ConfigurationFault, NotHeard
from broker.keys import Keys
from broker.ports import Delivered, Outgoing
from broker.rules import checks
from broker.rules.checks import History, Text
from broker.runtime import Limits, Worker
from broker.service import Service
from broker.tables import TABLE_OF, LogRecord, NetworkCode
from broker.topics import MAXIMUM_RECORD_BYTES, Topics
from schemas.codec import decode, encode
from schemas.records import Message
from services import scan
from services.assembly import NAMES, assemble
from services.audit.material import Gathered, Material, rows_left, sources_of
from services.integrated_number import given, hearing
from services.integrated_number.api import new_app
from services.integrated_number.common import Hub
from services.integrated_number.outgoing import Sender
from services.integrated_number.state import Watcher
from services.network import NETWORK_CODE
from services.scenarios.hub_calls import call_app, new_hub
from services.scenarios.memory_store import RehearsalStore
from services.scenarios.plan import PLAN
from services.scenarios.stage import INSTITUTION, Call, Called
from services.staff import demonstration
from services.staff.passwords import hashed
from services.world import Plan, World

SHARDS = 2
HUB = "hub"
START_MS = 1_790_000_000_000
WORD_OF_STAFF = "simulated staff of this memory"
PATIENCE_SECONDS = 120.0
POLL_SECONDS = 0.1
LIMITS = Limits(
    batch_messages=50, wait_seconds=0.5, retry_seconds=0.05, lease_seconds=5, patience_seconds=1e9, timer_seconds=1.0
)


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
        self.put(self.world.hub_counters())
        self.put(self.world.hub_rows())
        self.put(demonstration.rows((NETWORK_CODE, *self.world.names), hashed(WORD_OF_STAFF), plan.at))


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
    own = True

    def __init__(self, loop: VirtualTimeLoop, tag: str) -> None:
        base = ground()
        self.tag = tag
        self.world: World = base.world
        self.store = fresh(base)
        self.randomness = SeededRandomness(3)
        self.broker = MemoryBroker()
        self.keys = base.keys
        self._loop = loop
        self._clock = MovedClock(loop)
        self._topics = Topics(SHARDS, frozenset(self.world.attached))
        self._services = assemble(self.keys, SeededRandomness(1))
        self._hub: Hub | None = None
        self._app: ASGIApp | None = None
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
        return self._worker_of(self._services[name], shard, self._topics)

    def _worker_of(self, service: Service, shard: int, topics: Topics) -> Worker:
        return Worker(
            service,
            shard,
            f"{service.name}-{shard}",
            topics=topics,
            log=MemoryLog(self.broker),
            store=self.store,
            clock=self._clock,
            protect=self.keys.protector(SeededRandomness(2)),
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
    def staff_password(self) -> str:
        """See `Stage.staff_password`."""
        return WORD_OF_STAFF

    @property
    def hub(self) -> Hub:
        """See `Stage.hub`."""
        if self._hub is None:
            self._hub = new_hub(self.store, self.keys, self.world.attached, self, self.randomness)
        return self._hub

    async def call_hub(self, call: Call) -> Called:
        """See `Stage.call_hub`: the same application, without a socket."""
        if self._app is None:
            self._app = await self._serve_hub()
        return await call_app(self._app, call)

    async def _serve_hub(self) -> ASGIApp:
        """The hub begins to serve: it watches the server, hears for each institution, and says what waits."""
        watcher = Watcher(self.hub)
        await watcher.look()
        senders: dict[str, Sender] = {}
        parts = [watcher.run()]
        for code in self.world.attached:
            worker = self._worker_of(hearing.service(code), 0, hearing.OwnTopics(code))
            senders[code] = Sender(
                self.hub, self.hub.attached(code), self, partial(watcher.state, code), lambda _: None
            )
            wake = senders[code].wake
            parts += [worker.run(), senders[code].run(worker.serving)]
            parts.append(given.run(self.hub, code, worker.serving, asyncio.Event(), wake))
        self._workers[HUB] = [asyncio.create_task(part) for part in parts]
        return new_app(self.hub, watcher, lambda code: senders[code].wake.set())

    async def let_go(self) -> None:
        """See `services.integrated_number.outgoing.Voice.let_go`; what it says is said by `say`."""

    async def say_from(self, service: str, messages: Sequence[Message]) -> None:  # noqa: ARG002 - memory has no rights
        """See `Stage.say_from`."""
        await self.say(messages)

    async def messages_of(self, kind: type[Any]) -> Sequence[Any]:
        """See `Stage.messages_of`."""
        names = self._topics.names(kind)
        records = [record for (topic, _), log in self.broker.logs.items() if topic in names for record in log]
        return [one for record in records for one in opened(record) if isinstance(one, kind)]

    async def material(self, exchange_id: str) -> Material:
        """See `Stage.material`."""
        found = await rows_left(cast(PostgresStore, self.store), exchange_id)
        gathered = Gathered(exchange_id, found.exchange.record_identification_number if found.exchange else "")
        for source in sources_of(exchange_id, self._topics):
            for record in self.broker.logs[source]:
                gathered.add(record)
        return found._replace(said=gathered.all())

    async def look_everywhere(self) -> Sequence[tuple[str, str]]:
        """See `Stage.look_everywhere`."""
        history = History(texts=list(self.texts()), codes=list(self.store.tables[NetworkCode].values()))
        found = [(scan.NUMBER, one.subject) for one in checks.no_individual_numbers(history)]
        return [*found, *((scan.CODES, one.subject) for one in checks.codes_apart(history))]

    async def reach(self, user: str, topic: str) -> str:
        """See `Stage.reach`."""
        raise ConfigurationFault(f"{user} and {topic}: memory has no users and no rights; this is for real parts alone")

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
