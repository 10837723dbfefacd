"""A small country in memory: all real services, the real runtime, and weather by seed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from broker.adapters.memory import MemoryBroker, MemoryLog, MemoryStore
from broker.adapters.virtual_time import SeededRandomness, VirtualClock, VirtualTimeLoop, run_virtual
from broker.errors import Fenced, OwnFault, WorldFault
from broker.keys import Keys
from broker.ports import Outgoing
from broker.runtime import Limits, Worker
from broker.topics import Topics
from schemas.codec import decode, encode
from schemas.records import Message
from services.assembly import assemble
from services.world import Plan, World

SHARDS = 2
START_MS = 1_790_000_000_000


class Crashed(BaseException):
    """The process is gone; nothing after this line happens."""


@dataclass
class Weather:
    """What may happen at each call: a delay, a crash, an outage; and when it all stops."""

    rng: random.Random
    crash: float = 0.0
    outage: float = 0.0
    delay: float = 0.0
    calm: bool = False
    crashes: int = 0
    outages: int = 0

    def session(self) -> Session:
        """One process's view: once it has crashed, it stays down."""
        return Session(self)


@dataclass
class Session:
    """One process: its calls and its end."""

    weather: Weather
    dead: bool = False

    async def __call__(self, what: str) -> None:
        """Before each call to the memory adapters."""
        if self.dead:
            raise Crashed
        weather = self.weather
        if not weather.calm and weather.delay and weather.rng.random() < 0.5:
            await asyncio.sleep(weather.rng.random() * weather.delay)
        else:
            await asyncio.sleep(0)
        self.reached(what)
        if not weather.calm and weather.rng.random() < weather.outage:
            weather.outages += 1
            raise WorldFault(f"no answer to {what}")

    def reached(self, point: str) -> None:
        """At each named point of the runtime."""
        if self.dead:
            raise Crashed
        if not self.weather.calm and self.weather.rng.random() < self.weather.crash:
            self.weather.crashes += 1
            self.dead = True
            raise Crashed


@dataclass
class Country:
    """All services on one memory broker and one memory store; `after_step` runs whenever something was committed."""

    seed: int
    loop: VirtualTimeLoop
    plan: Plan = field(default_factory=lambda: Plan(residents=12, institutions=3, attached=2, at=START_MS - 1000))
    weather: Weather = field(default_factory=lambda: Weather(random.Random(0)))
    after_step: Callable[[Country], None] = lambda _: None
    limits: Limits = field(
        default_factory=lambda: Limits(batch_messages=5, retry_seconds=0.05, lease_seconds=1, patience_seconds=1e9)
    )

    def __post_init__(self) -> None:
        self.keys = Keys(bytes([self.seed % 251]) * 32)
        self.world = World(self.plan, self.keys)
        self.clock = VirtualClock(self.loop, START_MS)
        self.broker = MemoryBroker()
        self.store = MemoryStore()
        self.store.put(self.world.directory())
        for rows in self.world.rows():
            self.store.put(rows)
        self.topics = Topics(SHARDS, frozenset(self.world.attached))
        self.faults: list[BaseException] = []
        self.tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """One life-long task a service and shard."""
        for name in assemble(self.keys, SeededRandomness(self.seed)):
            for shard in range(SHARDS):
                self.tasks.append(asyncio.create_task(self._life(name, shard)))

    async def _life(self, name: str, shard: int) -> None:
        """Start the worker again whenever its process has crashed; sometimes the old one lives on beside the new."""
        while True:
            session = self.weather.session()
            process = asyncio.create_task(self._process(name, shard, session))
            lifetime = self.weather.rng.expovariate(1 / 20) if self.weather.crash else 1e9
            done, _ = await asyncio.wait([process], timeout=lifetime)
            if not done and not self.weather.calm:
                # A zombie: the supervisor believes it dead and starts another, while it goes on until it is fenced.
                self.tasks.append(process)
                continue
            if not done:
                await asyncio.wait([process])
            fault = process.exception()
            if isinstance(fault, OwnFault):
                self.faults.append(fault)
                return
            if fault is not None and not isinstance(fault, Crashed | Fenced | WorldFault):
                self.faults.append(fault)
                return
            await asyncio.sleep(0.01)

    async def _process(self, name: str, shard: int, session: Session) -> None:
        service = assemble(self.keys, SeededRandomness(self.seed))[name]
        worker = Worker(
            service,
            shard,
            f"{name}-{shard}",
            topics=self.topics,
            log=MemoryLog(self.broker, session),
            store=self.store.with_weather(session),  # type: ignore[arg-type]
            clock=self.clock,
            protect=lambda value: value,
            limits=self.limits,
            reached=lambda point: self._reached(session, point),
        )
        await worker.run()

    def _reached(self, session: Session, point: str) -> None:
        session.reached(point)
        if point == "after_commit":
            self.after_step(self)

    def send(self, message: Message, topic: str = "", raw: bytes | None = None) -> None:
        """An institution's own producer: no cause, no id."""
        to = self.topics.destination(message)
        value = encode(message) if raw is None else raw
        self.broker.append(Outgoing(topic or to.topic, to.partition, to.key, value, (), self.clock.now_ms()))

    def said(self, kind: type[Any]) -> list[Any]:
        """Every message of a kind on its topics, repeats included."""
        found = []
        for topic in self.topics.names(kind):
            for record in self.broker.records(topic):
                message = decode(record.value)
                if type(message) is kind:
                    found.append(message)
        return found

    def rows(self, kind: type[Any]) -> list[Any]:
        """The rows of a table, in the order of their keys."""
        table = self.store.tables[kind]
        return [table[key] for key in sorted(table)]

    async def drain(self, seconds: float = 60) -> None:
        """Let everything that waits come to its end; time is virtual."""
        quiet_for = 0.0
        seen = -1
        waited = 0.0
        while quiet_for < 2.0:
            count = sum(len(log) for log in self.broker.logs.values()) + sum(
                s.batch for s in self.store.shards.values()
            )
            moved = count != seen and self._unfinished()
            quiet_for = 0.0 if moved else quiet_for + 0.25
            seen = count
            await asyncio.sleep(0.25)
            waited += 0.25
            if self.faults:
                raise self.faults[0]
            if waited > seconds:
                raise AssertionError(f"seed {self.seed}: not drained after {seconds} s")

    def _unfinished(self) -> bool:
        return True


def run(scene: Callable[[Country], Any], **options: Any) -> Country:
    """Run an async scene in a country of its own and return the country."""
    loop = VirtualTimeLoop()
    asyncio.set_event_loop(loop)
    country = Country(loop=loop, **options)

    async def main() -> None:
        country.start()
        await scene(country)

    try:
        run_virtual(main(), loop)
    finally:
        asyncio.set_event_loop(None)
    return country
