"""The stage on real parts: embedded Kafka and PostgreSQL, or an installation that runs already.

Owns the ways in, which are those of an institution with its own credentials and of the operations desk. In an
installation of its own it may also stop services and move the clock: every service process then adds the same
milliseconds, told by a file, to the machine's time (`CHUKAN_REHEARSAL_CLOCK_FILE`). In an installation that serves
already it never does either. Promises that a wait has an end.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer
from confluent_kafka import admin as kafka_admin

from broker.adapters.kafka import KafkaAccess
from broker.adapters.postgres import PostgresStore
from broker.embedded.directory import write_private
from broker.envelope import messages_in, origin_of
from broker.errors import ConfigurationFault, NotHeard
from broker.keys import Keys
from broker.tables import LogRecord
from broker.topics import MAXIMUM_RECORD_BYTES, Topics
from schemas.codec import Undecodable, decode
from schemas.records import Message
from services import city_desk, records
from services.access import user_of
from services.audit.material import Material, gather
from services.client import Client
from services.integrated_number.common import Hub
from services.processes import SystemClock, SystemRandomness
from services.running import Running, Say
from services.scan import scan
from services.scenarios.hub_calls import call_url, new_hub
from services.scenarios.stage import INSTITUTION, NOT_HERE, Call, Called
from services.staff import demonstration
from services.topic_reader import librdkafka, reading
from services.up import HUB, STOP_SECONDS, System
from services.world import World

PATIENCE_SECONDS = 40.0
POLL_SECONDS = 0.05
SETTLE_SECONDS = 0.6
CENTURY_MS = 36_525 * 86_400_000
CLOCK_FILE = "rehearsal-clock"


class RealStage:
    """See `Stage`. system: the installation of this play's own, or None when it is somebody's."""

    name = "real"

    def __init__(
        self,
        running: Running,
        world: World,
        store: PostgresStore,
        say: Say,
        stack: AsyncExitStack,
        system: System | None,
    ) -> None:
        self.world = world
        self.store = store
        self.tag = ""
        self.randomness = SystemRandomness()
        self._running = running
        self._say = say
        self._stack = stack
        self._system = system
        self._clients: dict[str, tuple[Client, bytes]] = {}
        self._desks: dict[tuple[str, str], Client] = {}
        self._clock = SystemClock()
        self._offset_ms = 0

    def now_ms(self) -> int:
        """See `Stage.now_ms`."""
        return self._clock.now_ms() + self._offset_ms

    async def open_clients(self, institutions: Sequence[str]) -> None:
        """These institutions can speak and hear from now on."""
        for code in institutions:
            if code not in self._clients:
                found = await self._stack.enter_async_context(self._running.client(code))
                if found is None:
                    raise ConfigurationFault(f"there are no credentials of {code} here")
                self._clients[code] = found

    async def say_as(self, institution_code: str, message: Message, channel: str = INSTITUTION) -> None:
        """See `Stage.say_as`."""
        await (await self._client(institution_code, channel)).say(message)

    async def say(self, messages: Sequence[Message]) -> None:
        """See `Stage.say`."""
        await self._say(messages)

    async def hear(self, institution_code: str, wanted: Callable[[Any], bool], channel: str = INSTITUTION) -> Any:
        """See `Stage.hear`."""
        return await (await self._client(institution_code, channel)).hear(wanted, PATIENCE_SECONDS)

    async def _client(self, institution_code: str, channel: str) -> Client:
        """The institution's own client, or that of its place at VRS or of a tablet, opened when first wanted."""
        if channel == INSTITUTION:
            return self._clients[institution_code][0]
        key = (institution_code, channel)
        if key not in self._desks:
            found = await self._stack.enter_async_context(city_desk.desk(self._running, institution_code, channel))
            if found is None:
                raise ConfigurationFault(f"there are no credentials of {institution_code} for {channel} here")
            found.ahead_ms = self._offset_ms
            self._desks[key] = found
        return self._desks[key]

    async def until(self, there: Callable[[], Any]) -> Any:
        """See `Stage.until`."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            if found := await there():
                return found
            if time.monotonic() > deadline:
                raise NotHeard(f"not so within {PATIENCE_SECONDS:g} s")
            await asyncio.sleep(POLL_SECONDS)

    async def records_of(self, exchange_id: str) -> Sequence[LogRecord]:
        """See `Stage.records_of`."""
        return [kept.row for kept in await records.of_exchange(self.store, exchange_id)]

    @property
    def keys(self) -> Keys:
        """See `Stage.keys`."""
        return self._running.keys

    @property
    def staff_password(self) -> str:
        """See `Stage.staff_password`."""
        installation = self._running.installation
        password = demonstration.password_in(installation.secrets) if installation else ""
        if not password:
            raise ConfigurationFault("staff are no demonstration's here any more (`chukan staff enforce`)")
        return password

    @property
    def hub(self) -> Hub:
        """See `Stage.hub`."""
        return new_hub(self.store, self.keys, self.world.attached, self, self.randomness)

    async def call_hub(self, call: Call) -> Called:
        """See `Stage.call_hub`: the hub that serves in this installation."""
        installation = self._running.installation
        mark = installation.run / f"{HUB}.ready" if installation else None
        if mark is None or not mark.exists():
            raise ConfigurationFault("no hub serves in this installation")
        return await asyncio.to_thread(call_url, mark.read_text(encoding="utf-8"), call)

    async def say_from(self, service: str, messages: Sequence[Message]) -> None:
        """See `Stage.say_from`: as the service's own Kafka user."""
        async with self._running.voice(user_of(service)) as say:
            await say(messages)

    async def messages_of(self, kind: type[Any]) -> Sequence[Any]:
        """See `Stage.messages_of`."""
        topics = Topics(self._running.config.shards, frozenset(self.world.attached))
        found: list[Any] = []
        async with reading(self._running.administrator, topics.names(kind)) as reader:
            async for batch in reader.batches():
                for record in batch:
                    with suppress(Undecodable):
                        bundle = messages_in(record, origin_of(record), MAXIMUM_RECORD_BYTES)
                        found += [decode(one.value) for one, _ in bundle if one.value]
        return [one for one in found if isinstance(one, kind)]

    async def material(self, exchange_id: str) -> Material:
        """See `Stage.material`."""
        topics = Topics(self._running.config.shards, frozenset(self.world.attached))
        return await gather(self.store, self._running.administrator, topics, exchange_id)

    async def look_everywhere(self) -> Sequence[tuple[str, str]]:
        """See `Stage.look_everywhere`: `chukan scan`."""
        directory = self._running.installation.directory if self._running.installation else None
        return (await scan(self.store, self._running.administrator, directory)).places

    async def reach(self, user: str, topic: str) -> str:
        """See `Stage.reach`."""
        return await asyncio.to_thread(refusal_of, self._running.access(user), topic)

    def store_of(self, institution_code: str) -> AbstractAsyncContextManager[Any]:
        """See `Stage.store_of`."""
        return self._running.store_of(institution_code)

    # ── in an installation of one's own ──────────────────────────────────────────────────────────────────────────

    @property
    def own(self) -> bool:
        """See `Stage.own`."""
        return self._system is not None

    def _own(self) -> System:
        if self._system is None:
            raise ConfigurationFault(NOT_HERE)
        return self._system

    async def pass_time(self, seconds: int) -> None:
        """See `Stage.pass_time`."""
        system = self._own()
        await asyncio.sleep(SETTLE_SECONDS)
        self._offset_ms += seconds * 1000
        for client in (*(one for one, _ in self._clients.values()), *self._desks.values()):
            client.ahead_ms = self._offset_ms
        await asyncio.to_thread(set_clock, system, self._offset_ms)
        await asyncio.sleep(SETTLE_SECONDS)

    async def stop_service(self, name: str) -> None:
        """See `Stage.stop_service`."""
        child = self._own().fleet.children[name]
        await asyncio.to_thread(child.stop, signal.SIGTERM, STOP_SECONDS)

    async def start_service(self, name: str) -> None:
        """See `Stage.start_service`."""
        fleet = self._own().fleet
        role = next(one for one in fleet.roles if one.name == name)

        def serve() -> None:
            fleet.start_role(role)
            fleet.wait_ready(PATIENCE_SECONDS)

        await asyncio.to_thread(serve)


def refusal_of(access: KafkaAccess, topic: str) -> str:
    """The name of Kafka's error when this user asks for the beginning of a topic; empty when it is given. Blocking."""
    settings = librdkafka(access) | {"group.id": "nobody", "enable.auto.commit": False}
    consumer = Consumer(settings)
    try:
        error = consumer.list_topics(topic, timeout=20).topics[topic].error
    finally:
        consumer.close()
    return str(error.name()) if error is not None else ""


def clock_file(directory: Path) -> Path:
    """What the services of a rehearsal read their shift from."""
    return directory / "run" / CLOCK_FILE


def extra_settings(directory: Path) -> dict[str, str]:
    """The settings by which a rehearsal's services differ from others."""
    return {"CHUKAN_REHEARSAL_CLOCK_FILE": str(clock_file(directory)), "CHUKAN_CHECKPOINT_SECONDS": "1"}


def set_clock(system: System, offset_ms: int) -> None:
    """All services are so many milliseconds ahead."""
    write_private(clock_file(system.installation.directory), str(offset_ms))
    if hasattr(system, "fleet"):  # service processes run as other users under some embedded parts: readable by all
        clock_file(system.installation.directory).chmod(0o644)


def let_time_run_ahead(system: System) -> None:
    """Kafka refuses messages from more than an hour ahead; a rehearsal's messages come from days and years ahead."""
    tools: Any = kafka_admin  # which does not declare the names it exports
    admin = tools.AdminClient(
        {
            "bootstrap.servers": system.parts.bootstrap,
            "security.protocol": system.installation.config.kafka_security_protocol,
            "sasl.mechanism": system.parts.admin_mechanism,
            "sasl.username": system.parts.admin_user,
            "sasl.password": system.parts.admin_password,
            "log_level": 0,
        }
    )
    entry = tools.ConfigEntry(
        "log.message.timestamp.after.max.ms", str(CENTURY_MS), incremental_operation=tools.AlterConfigOpType.SET
    )
    brokers = [str(broker) for broker in admin.list_topics(timeout=20).brokers]
    broker = tools.ConfigResource.Type.BROKER
    resources = [tools.ConfigResource(broker, name, incremental_configs=[entry]) for name in brokers]
    for future in admin.incremental_alter_configs(resources, request_timeout=20).values():
        future.result(20)


@asynccontextmanager
async def on_real_parts(running: Running, world: World, system: System | None) -> AsyncIterator[RealStage]:
    """A stage on a running installation; its clients, store and voice are closed at the end."""
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(running.store())
        say = await stack.enter_async_context(running.voice())
        stage = RealStage(running, world, store, say, stack, system)
        await stage.open_clients(world.attached)
        yield stage
