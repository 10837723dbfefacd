"""One process that serves the hub of every attached institution: REST, both ways over Kafka, the watcher, the clean-up.

Owns the process's life. Promises that only the owner of an institution's replies says anything for it, so that a second
hub process stands by and answers REST alone; and that after SIGTERM or `kill -9` the next start goes on where this one
stopped. It knows the institutions' own credentials and the database, and no key of the intermediate server or network.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import socket
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import structlog
import uvloop
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from broker.adapters.kafka import KafkaLog
from broker.adapters.postgres import PostgresStore
from broker.config import Config
from broker.embedded.directory import ports, write_private
from broker.errors import ConfigurationFault, Fault, WorldFault
from broker.keys import derive
from broker.rules.vault import NumberVault
from broker.runtime import Worker
from services import registry
from services.client import Credentials
from services.integrated_number import given, hearing
from services.integrated_number.api import new_app
from services.integrated_number.common import QUERIES, Attached, Hub, Limits
from services.integrated_number.outgoing import KafkaVoice, Sender
from services.integrated_number.state import Watcher
from services.processes import (
    KILL_POINT,
    KillPoint,
    SystemRandomness,
    clock_of,
    connect_patiently,
    limits_of,
    nothing,
)

EVENT = structlog.get_logger("chukan.hub")
CLEAN_SECONDS = 600.0
CLEAN_ROWS = 10_000
DAY_MS = 86_400_000
CONNECTIONS = 8
DRAIN_SECONDS = 15.0


def credentials_in(directory: Path) -> list[Credentials]:
    """What lies in the installation's directory for each attached institution; a fault when there is none."""
    found = [Credentials.read(path) for path in sorted(directory.glob("credentials/*/credentials.json"))]
    if not any(one.hub_key for one in found):
        raise ConfigurationFault(f"{directory}/credentials has no institution with a hub key: `chukan up` makes them")
    return [one for one in found if one.hub_key]


def attached_of(known: Sequence[Credentials]) -> dict[str, Attached]:
    """The institutions by code, with their keys."""
    return {
        one.institution_code: Attached(
            one.institution_code, NumberVault(one.hub_key, one.institution_code), one.sealing_private_key
        )
        for one in known
    }


def new_hub(store: PostgresStore, known: Sequence[Credentials], config: Config) -> Hub:
    """The hub over a store."""
    limits = Limits(copies_a_part=config.hub_copies_a_part)
    return Hub(store, attached_of(known), clock_of(config), SystemRandomness(), limits)


def protector(known: Credentials) -> Callable[[bytes], bytes]:
    """Encrypts what is set aside on the institution's replies, with the institution's key."""
    cipher = AESGCM(derive(known.hub_key, "set-aside"))

    def protect(value: bytes) -> bytes:
        nonce = secrets.token_bytes(12)
        return nonce + cipher.encrypt(nonce, value, b"set aside")

    return protect


@dataclass
class Running:
    """The parts of a serving hub."""

    hub: Hub
    watcher: Watcher
    senders: dict[str, Sender] = field(default_factory=dict)
    workers: list[Worker] = field(default_factory=list)
    heard: dict[str, asyncio.Event] = field(default_factory=dict)

    def wake(self, institution_code: str) -> None:
        """Something waits to be said for this institution, or may be taken in now."""
        self.senders[institution_code].wake.set()
        self.heard[institution_code].set()


def put_together(hub: Hub, known: Sequence[Credentials], config: Config, reached: Callable[[str], None]) -> Running:
    """A worker and a sender for each institution."""
    watcher = Watcher(hub)
    running = Running(hub, watcher)
    instance = config.instance or f"{socket.gethostname()}-{os.getpid()}"
    for one in known:
        code = one.institution_code
        state = partial(watcher.state, code)
        running.senders[code] = Sender(hub, hub.attached(code), KafkaVoice(one.access, code), state, reached)
        heard = running.heard[code] = asyncio.Event()
        running.workers.append(
            Worker(
                hearing.service(code),
                0,
                f"{instance}/hub",
                topics=hearing.OwnTopics(code),
                log=KafkaLog(one.access, f"institution.{code}.hub", wait_ms=config.fetch_wait_ms),
                store=hub.store,
                clock=hub.clock,
                protect=protector(one),
                limits=limits_of(config),
                reached=partial(heard_something, reached, heard),
            )
        )
    return running


def heard_something(reached: Callable[[str], None], heard: asyncio.Event, point: str) -> None:
    """What was heard is committed: it is looked at, at once."""
    if point == "after_commit":
        heard.set()
    reached(point)


async def clean(hub: Hub) -> None:
    """Tokens, results and log entries whose time is over go (domain 7 rows 7 and 16)."""
    while True:
        now = hub.now()
        with contextlib.suppress(WorldFault):
            async with hub.store.work() as db:
                await db.query(QUERIES["expired_tokens"], now)
            for code in hub.institutions:
                async with hub.store.work() as db:
                    results = now - hub.limits.results_kept_days * DAY_MS
                    await db.query(QUERIES["expired_inquiries"], code, results, CLEAN_ROWS)
                    log = now - hub.limits.operations_kept_days * DAY_MS
                    await db.query(QUERIES["expired_operations"], code, log, CLEAN_ROWS)
        await asyncio.sleep(CLEAN_SECONDS)


async def serve(config: Config, directory: Path, ready: Callable[[str], None]) -> None:
    """Serve until cancelled; the first fault of any part ends them all. `ready` gets the URL."""
    known = credentials_in(directory)
    if not config.postgres_dsn:
        raise ConfigurationFault("CHUKAN_POSTGRES_DSN is not set")
    reached = KillPoint(os.environ[KILL_POINT]) if os.environ.get(KILL_POINT) else nothing
    store = PostgresStore(await connect_patiently(config, len(known) + CONNECTIONS), reached)
    try:
        hub = new_hub(store, known, config)
        running = put_together(hub, known, config, reached)
        await running.watcher.look()
        port = config.hub_port or ports(directory / "hub-ports.json", ("hub",))["hub"]
        stop = asyncio.Event()

        def listening(at: int) -> None:
            ready(f"http://{config.hub_host}:{at}")

        app = new_app(hub, running.watcher, running.wake)
        parts: list[Coroutine[Any, Any, None]] = [
            registry.serve(config.hub_host, port, stop, listening, app),
            running.watcher.run(),
            clean(hub),
            *(worker.run() for worker in running.workers),
            *(
                running.senders[one.institution_code].run(worker.serving)
                for one, worker in zip(known, running.workers, strict=True)
            ),
            *(
                given.run(hub, code, worker.serving, running.heard[code], running.senders[code].wake)
                for code, worker in zip(running.senders, running.workers, strict=True)
            ),
        ]
        await side_by_side(parts, stop)
    finally:
        await store.close()


async def side_by_side(parts: Sequence[Coroutine[Any, Any, None]], stop: asyncio.Event) -> None:
    """All of them; the first that ends, ends the others."""
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        stop.set()
        for task in tasks[1:]:
            task.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                await asyncio.gather(*tasks, return_exceptions=True)


def run(config: Config, directory: Path, ready_file: str, say: Callable[[str], None]) -> int:
    """The whole process: exit code 0 after SIGTERM or SIGINT, 3 configuration, 4 world away, 1 a fault of ours."""

    def ready(url: str) -> None:
        say(url)
        if ready_file:
            write_private(Path(ready_file), url)
        EVENT.info("serving", pid=os.getpid())

    async def main() -> int:
        task = asyncio.create_task(serve(config, directory, ready))
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
