"""One process that runs services on real Kafka and real PostgreSQL, until it is told to stop.

Owns a process's life: connections, one worker a service and shard, SIGTERM, the exit code. Promises to end within 25
seconds of SIGTERM and to leave nothing half done. Leaves starting and restarting processes to `services.up`, compose
or whoever runs it.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import secrets
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import asyncpg
import structlog
import uvloop

from broker.adapters.kafka import KafkaAccess, KafkaLog
from broker.adapters.postgres import PostgresStore, connect_pool
from broker.adapters.separation import SERVICE, as_role
from broker.config import Config
from broker.errors import ConfigurationFault, Fault, WorldFault
from broker.keys import Keys
from broker.ports import Clock, Randomness
from broker.runtime import Limits, Worker
from broker.service import Service
from broker.tables import Institution
from broker.topics import Topics
from services.assembly import NAMES, assemble, terms_of
from services.common import Terms
from services.world import MOST_INSTITUTIONS

EVENT = structlog.get_logger("chukan.process")
DRAIN_SECONDS = 20.0
KILL_POINT = "CHUKAN_KILL_POINT"
REHEARSAL_LOOK_SECONDS = 0.1


class SystemClock:
    """The machine's time."""

    def now_ms(self) -> int:
        """See `broker.ports.Clock`."""
        return time.time_ns() // 1_000_000


class RehearsalClock:
    """The machine's time, moved forward by what a file says; looked at again ten times a second."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset_ms = 0
        self._look_at = 0.0

    def now_ms(self) -> int:
        """See `broker.ports.Clock`. Never earlier than a moment told before by more than the machine's own clock."""
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + REHEARSAL_LOOK_SECONDS
            with contextlib.suppress(OSError, ValueError):
                self._offset_ms = max(self._offset_ms, int(self._path.read_text(encoding="ascii")))
        return time.time_ns() // 1_000_000 + self._offset_ms


def clock_of(config: Config) -> Clock:
    """The clock of this process's services."""
    return RehearsalClock(Path(config.rehearsal_clock_file)) if config.rehearsal_clock_file else SystemClock()


class SystemRandomness:
    """The machine's randomness."""

    def bytes(self, count: int) -> bytes:
        """See `broker.ports.Randomness`."""
        return secrets.token_bytes(count)


class KillPoint:
    """`CHUKAN_KILL_POINT=name:count[:signal]` ends the process, as kill -9 would, the count-th time the point is
    reached; with the signal SIGSTOP it makes a zombie of it."""

    def __init__(self, text: str) -> None:
        self._name, count, number = [*text.split(":"), "", ""][:3]
        self._left = int(count or 1)
        self._signal = signal.Signals[number or "SIGKILL"]

    def __call__(self, point: str) -> None:
        """Reached."""
        if point != self._name:
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), self._signal)


def nothing(_: str) -> None:
    """No kill point is set."""


def read_keys(config: Config) -> Keys:
    """The keys of the installation from its master secret file."""
    if not config.master_secret_file:
        raise ConfigurationFault("CHUKAN_MASTER_SECRET_FILE is not set")
    try:
        return Keys(bytes.fromhex(Path(config.master_secret_file).read_text(encoding="ascii").strip()))
    except FileNotFoundError:
        raise ConfigurationFault(f"CHUKAN_MASTER_SECRET_FILE: {config.master_secret_file} does not exist") from None
    except ValueError as error:
        raise ConfigurationFault(f"CHUKAN_MASTER_SECRET_FILE: not 64 hex digits ({error})") from None


def access_of(config: Config) -> KafkaAccess:
    """How this process reaches Kafka."""
    if not config.kafka_bootstrap:
        raise ConfigurationFault("CHUKAN_KAFKA_BOOTSTRAP is not set")
    protocol = config.kafka_security_protocol
    return KafkaAccess(config.kafka_bootstrap, config.kafka_user, kafka_password(config), protocol)


def kafka_password(config: Config) -> str:
    """The password itself, or what its file holds."""
    if not config.kafka_password_file:
        return config.kafka_password
    try:
        return Path(config.kafka_password_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationFault(f"CHUKAN_KAFKA_PASSWORD_FILE: {config.kafka_password_file}: {error}") from None


def limits_of(config: Config) -> Limits:
    """The bounds of the workers."""
    return Limits(
        batch_messages=config.batch_messages,
        patience_seconds=config.patience_seconds,
        lease_seconds=config.lease_seconds,
        timer_seconds=config.timer_seconds,
    )


Assemble = Callable[[Keys, Randomness, Terms], Mapping[str, Service]]


async def serve(
    config: Config,
    names: Sequence[str],
    shards: Sequence[int],
    ready_file: str = "",
    assembled: Assemble = assemble,
) -> None:
    """Run these services on these shards until cancelled; the first fault of any worker ends them all."""
    if not config.postgres_dsn:
        raise ConfigurationFault("CHUKAN_POSTGRES_DSN is not set")
    keys, access = read_keys(config), access_of(config)
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise ConfigurationFault(f"there is no service {unknown[0]}; known are {', '.join(NAMES)}")
    instance = config.instance or f"{socket.gethostname()}-{os.getpid()}"
    reached = KillPoint(os.environ[KILL_POINT]) if os.environ.get(KILL_POINT) else nothing
    pool = await connect_patiently(as_service(config, keys), len(names) * len(shards) + 2)
    store = PostgresStore(pool, reached)
    try:
        institutions = await store.all(Institution, MOST_INSTITUTIONS + 10)
        topics = Topics(config.shards, frozenset(i.institution_code for i in institutions if i.attached))
        services = assembled(keys, SystemRandomness(), terms_of(config, len(institutions)))
        clock = clock_of(config)
        workers = [
            Worker(
                services[name],
                shard,
                f"{instance}/{name}",
                topics=topics,
                log=KafkaLog(access, f"chukan.{name}", wait_ms=config.fetch_wait_ms),
                store=store,
                clock=clock,
                protect=keys.protector(SystemRandomness()),
                limits=limits_of(config),
                reached=reached,
            )
            for name in names
            for shard in shards
        ]
        await run_all(workers, ready_file)
    finally:
        await store.close()


def as_service(config: Config, keys: Keys) -> Config:
    """The same settings, logged in to PostgreSQL as the services' own role, whoever they name."""
    return replace(config, postgres_dsn=as_role(config.postgres_dsn, SERVICE, keys.database_password(SERVICE)))


async def connect_patiently(config: Config, size: int) -> asyncpg.Pool[asyncpg.Record]:
    """A pool, waiting for the database within the configured patience."""
    deadline = time.monotonic() + config.patience_seconds
    while True:
        try:
            return await connect_pool(config.postgres_dsn, size)
        except WorldFault:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.5)


async def run_all(workers: Sequence[Worker], ready_file: str) -> None:
    """All workers side by side; the first that ends, ends the others."""
    tasks = [asyncio.create_task(worker.run(), name=worker.service.name) for worker in workers]
    announcing = asyncio.create_task(announce(workers, ready_file))
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        announcing.cancel()
        for task in tasks:
            task.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                await asyncio.gather(*tasks, announcing, return_exceptions=True)


async def announce(workers: Sequence[Worker], ready_file: str) -> None:
    """Once every worker serves, say so and leave a file for whoever started us."""
    await asyncio.gather(*(worker.serving.wait() for worker in workers))
    EVENT.info("serving", count=len(workers), pid=os.getpid())
    if ready_file:
        Path(ready_file).write_text(str(os.getpid()), encoding="ascii")  # noqa: ASYNC240 - twelve bytes, once


def run(
    config: Config,
    names: Sequence[str],
    shards: Sequence[int],
    ready_file: str = "",
    assembled: Assemble = assemble,
) -> int:
    """The whole process: exit code 0 after SIGTERM or SIGINT, 3 configuration, 4 world away, 1 a fault of ours."""

    # Nothing here makes cycles by the message; a collector that walks every live row and record costs a third.
    gc.freeze()
    gc.set_threshold(200_000, 50, 100)

    async def main() -> int:
        task = asyncio.create_task(serve(config, names, shards, ready_file, assembled))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, task.cancel)
        try:
            await task
        except asyncio.CancelledError:
            EVENT.info("stopped", pid=os.getpid())
            return 0
        except ConfigurationFault as fault:
            EVENT.error("configuration_fault", reason=str(fault))
            return 3
        except WorldFault as fault:
            EVENT.error("world_away", reason=str(fault))
            return 4
        except Fault as fault:
            EVENT.error("own_fault", reason=str(fault), exc_info=True)
            return 1
        return 0

    return uvloop.run(main())
