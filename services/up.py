"""`chukan up`: everything on one machine, watched: real Kafka, real PostgreSQL, the schema endpoint, all services.

Owns the processes it starts, each ended by its own id. Promises one line of JSON when ready, the restart of a service
process that dies, and that after SIGTERM nothing is left; a killed parent leaves no orphans (children watch for that).
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import structlog

from broker.embedded.directory import ports
from broker.embedded.errors import EmbeddedError
from broker.embedded.kafka import STARTS_WITHIN_SECONDS
from broker.embedded.process import Child, Command, log_tail
from broker.errors import OwnFault
from services import access, registry, running
from services.assembly import NAMES
from services.installation import EmbeddedParts, Installation, Parts
from services.world import Plan, World

EVENT = structlog.get_logger("chukan.up")
READY_SECONDS = 60.0
STOP_SECONDS = 25.0
RESTARTS_A_MINUTE = 20


class Role(NamedTuple):
    """One process to run: its name, its services and shards, and the Kafka user it runs as."""

    name: str
    services: tuple[str, ...]
    shards: tuple[int, ...]
    user: str


HUB = "hub"


def roles(shards: int, layout: str) -> list[Role]:
    """The processes of an installation.

    `packed`: one process a shard runs the intermediate server's services, one the network's and one the register's;
    `separate`: one process a service.
    """
    everything = tuple(range(shards))
    if layout == "separate":
        return [Role(name, (name,), everything, access.user_of(name)) for name in NAMES]
    mine = tuple(name for name in NAMES if access.user_of(name) == access.INTERMEDIATE_SERVER)
    others = tuple(name for name in NAMES if access.user_of(name) != access.INTERMEDIATE_SERVER)
    packed = [Role(f"intermediate-{shard}", mine, (shard,), access.INTERMEDIATE_SERVER) for shard in everything]
    return [*packed, *(Role(name, (name,), everything, access.user_of(name)) for name in others)]


class Restarts:
    """How often each process was started again within the last minute; too often is a fault."""

    def __init__(self) -> None:
        self._at: dict[str, list[float]] = {}

    def count(self, name: str, last_words: str) -> None:
        """One more; OwnFault with the last words when it was one too many."""
        now = time.monotonic()
        self._at[name] = [*(at for at in self._at.get(name, ()) if now - at < 60), now]
        if len(self._at[name]) > RESTARTS_A_MINUTE:
            raise OwnFault(f"{name} keeps dying:\n{last_words}")


class Fleet:
    """The service processes of an installation, started again when they die.

    extra: settings of all of them; program: the module that runs services; without: services that are left out.
    """

    def __init__(
        self,
        installation: Installation,
        parts: Parts,
        layout: str,
        extra: dict[str, str] | None = None,
        *,
        program: str = "services",
        without: Collection[str] = (),
        hub: bool = False,
    ) -> None:
        """`hub`: also the institutions' integrated-number system, which is no service of the intermediate server."""
        self.installation = installation
        self.parts = parts
        self.program = program
        planned = [
            role._replace(services=tuple(name for name in role.services if name not in without))
            for role in roles(installation.config.shards, layout)
        ]
        self.roles = [role for role in planned if role.services]
        if hub:
            self.roles.append(Role(HUB, (), (), ""))
        self.children: dict[str, Child] = {}
        self.restarts = Restarts()
        self._extra = extra or {}
        self._stopping = threading.Event()

    def start(self) -> None:
        """All processes run and serve all their shards."""
        for role in self.roles:
            self.start_role(role)
        self.wait_ready(READY_SECONDS)

    def start_role(self, role: Role, once: dict[str, str] | None = None) -> None:
        """One process; `once` are settings of this incarnation alone."""
        mark = self.mark(role.name)
        mark.unlink(missing_ok=True)
        environment = self.environment(role) | self._extra | (once or {})
        shards = ",".join(map(str, role.shards))
        where = ("--shards", shards, "--ready-file", str(mark))
        verb = ("hub", "serve", *where[2:]) if role.name == HUB else ("run", *role.services, *where)
        argv = (sys.executable, "-m", self.program, *verb)
        log = self.installation.run / f"{role.name}.log"
        self.children[role.name] = Child(
            Command(argv, log, self.installation.directory, environment, death_signal=signal.SIGTERM)
        )

    def environment(self, role: Role) -> dict[str, str]:
        """A process's settings; the hub has the institutions' credentials and no other way to Kafka."""
        if role.name == HUB:
            return self.installation.hub_environment(self.parts, role.name)
        return self.installation.environment(self.parts, role.user, role.name)

    @property
    def hub_url(self) -> str:
        """Where the hub's REST interface is; empty when there is no hub."""
        mark = self.mark(HUB)
        return mark.read_text(encoding="utf-8") if mark.exists() else ""

    def mark(self, name: str) -> Path:
        """The file a process leaves when it serves."""
        return self.installation.run / f"{name}.ready"

    def wait_ready(self, limit_seconds: float) -> None:
        """Every process serves, or OwnFault with the last words of one that does not."""
        deadline = time.monotonic() + limit_seconds
        for role in self.roles:
            while not self.mark(role.name).exists():
                child = self.children[role.name]
                if child.returncode is not None:
                    raise OwnFault(f"{role.name} ended with {child.returncode}:\n{child.log_tail()}")
                if time.monotonic() > deadline:
                    raise OwnFault(f"{role.name} does not serve after {limit_seconds:g} s:\n{child.log_tail()}")
                time.sleep(0.02)

    def watch_once(self) -> list[str]:
        """Start again what has died; the names of those. OwnFault when one dies again and again."""
        started = []
        for role in self.roles:
            child = self.children[role.name]
            if child.returncode is None or self._stopping.is_set():
                continue
            self.restarts.count(role.name, child.log_tail())
            EVENT.warning("process_died", process=role.name, returncode=child.returncode)
            self.start_role(role)
            started.append(role.name)
        return started

    def stop(self) -> None:
        """All processes are asked to end together, and insisted upon after the limit."""
        self._stopping.set()
        running = [child for child in self.children.values() if child.returncode is None]
        threads = [threading.Thread(target=child.stop, args=(signal.SIGTERM, STOP_SECONDS)) for child in running]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(STOP_SECONDS + 10)


class SchemaEndpoint:
    """The read-only schema endpoint on a thread of its own."""

    def __init__(self, host: str, port: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self.url = ""
        self._host, self._port = host, port
        self._thread = threading.Thread(target=self._run, name="schema-endpoint", daemon=True)

    def _run(self) -> None:
        self._loop.run_until_complete(registry.serve(self._host, self._port, self._stop, self._listening))
        self._loop.close()

    def _listening(self, port: int) -> None:
        self.url = f"http://{self._host}:{port}"
        self._ready.set()

    def start(self) -> str:
        """The URL it listens on."""
        self._thread.start()
        if not self._ready.wait(10):
            raise OwnFault("the schema endpoint does not listen after 10 s")
        return self.url

    def stop(self) -> None:
        """It no longer listens."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(10)


class System:
    """A whole running installation; `with` starts and ends it."""

    def __init__(
        self,
        installation: Installation,
        plan: Plan,
        *,
        layout: str = "packed",
        extra: dict[str, str] | None = None,
        kafka_compiler: tuple[str, ...] = STARTS_WITHIN_SECONDS,
        hub: bool = False,
        progress: Callable[[str, int, int], None] = lambda *_: None,
    ) -> None:
        self.installation = installation
        self.embedded = EmbeddedParts(installation.directory, kafka_compiler=kafka_compiler)
        self.endpoint: SchemaEndpoint
        self._plan, self._layout, self._extra, self._progress = plan, layout, extra, progress
        self._hub = hub
        self.parts: Parts
        self.world: World
        self.fleet: Fleet
        self.registry = ""

    def start(self) -> System:
        """Everything answers."""
        self.parts = self.embedded.start()
        try:
            self.world = self.installation.set_up(self.parts, self._plan, self._progress)
            self.endpoint = SchemaEndpoint(self.installation.config.registry_host, self._registry_port())
            self.registry = self.endpoint.start()
            self.fleet = Fleet(self.installation, self.parts, self._layout, self._extra, hub=self._hub)
            self.fleet.start()
            running.remember(self.installation, self.parts, self.registry)
        except BaseException:
            self.stop()
            raise
        return self

    def _registry_port(self) -> int:
        """The port that is wanted, or the one of the last start; asked for once the directory is ours alone."""
        wanted = self.installation.config.registry_port
        return wanted or ports(self.installation.directory / "ports.json", ("registry",))["registry"]

    def ready_line(self) -> str:
        """The one line of JSON that says where everything is; no secret in it."""
        return json.dumps(
            {
                "event": "ready",
                "kafka": self.parts.bootstrap,
                "postgres": self.parts.dsn.rpartition("@")[2],
                "registry": self.registry,
                **({"hub": self.fleet.hub_url} if self.fleet.hub_url else {}),
                "data_dir": str(self.installation.directory),
                "credentials": str(self.installation.directory / "credentials"),
            },
            ensure_ascii=False,
        )

    def refit(self, *, program: str = "services", without: Collection[str] = ()) -> None:
        """Other service processes in place of those that run, on the same parts."""
        self.fleet.stop()
        self.fleet = Fleet(
            self.installation, self.parts, self._layout, self._extra, program=program, without=without, hub=self._hub
        )
        self.fleet.start()

    def stop(self) -> None:
        """Services first, then the endpoint, Kafka and PostgreSQL."""
        running.forget(self.installation)
        try:
            if hasattr(self, "fleet"):
                self.fleet.stop()
            if hasattr(self, "endpoint"):
                self.endpoint.stop()
        finally:
            self.embedded.stop()

    def __enter__(self) -> System:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def up(installation: Installation, plan: Plan, layout: str, say: Callable[[str], None]) -> int:
    """Run until SIGTERM or SIGINT; exit code 0, or 1 when a process cannot be kept alive."""
    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    with System(installation, plan, layout=layout, hub=True) as system:
        say(system.ready_line())
        while not ending.wait(0.2):
            system.fleet.watch_once()
            restart_dead_parts(system)
    return 0


def restart_dead_parts(system: System) -> Sequence[str]:
    """Kafka or PostgreSQL that has died is started again on its directory; the names of those.

    One that does not come up is tried again at the next look: it may have died once more while it started.
    """
    restarted = []
    for name, part in (("postgres", system.embedded.postgres), ("kafka", system.embedded.kafka)):
        if part.is_running:
            continue
        EVENT.warning("process_died", process=name)
        system.fleet.restarts.count(name, log_tail(part.log, 15))
        try:
            part.restart()
        except EmbeddedError as fault:
            EVENT.error("restart_failed", process=name, reason=str(fault))
            continue
        restarted.append(name)
    return restarted
