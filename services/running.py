"""How tools find a running installation: its note in `run/running.json`, or the `CHUKAN_…` settings.

Owns the note, which `chukan up` leaves while it serves (mode 0600: it holds the administrators' passwords), and the
ways in: the store, the topics, a voice. Promises that a note whose process is gone is told as "not running" instead of
a connection that fails somewhere. Leaves what is asked and said to `holds`, `records`,
`lists_admin`, `audit` and `scan`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from aiokafka import AIOKafkaProducer

from broker.adapters.kafka import KafkaAccess, abandon, bounded
from broker.adapters.postgres import PostgresStore, connect_pool
from broker.adapters.separation import as_role, institution_role, let_in
from broker.config import Config
from broker.embedded.directory import write_private
from broker.envelope import Said, outgoing
from broker.errors import WorldFault
from broker.keys import Keys
from broker.rules.identity import derived_id
from broker.tables import Institution
from broker.topics import SHARED, Topics
from schemas.codec import encode
from schemas.records import Message
from services.access import OPERATIONS, SIMULATED
from services.client import Client, Credentials, client_of
from services.installation import Installation, Parts
from services.key_management import private_keys_of
from services.processes import SystemClock, access_of, kafka_password, read_keys
from services.world import MOST_INSTITUTIONS

POOL = 4
VOICE_SECONDS = 20.0
SAY_SECONDS = 15.0

Say = Callable[[Sequence[Message]], Awaitable[None]]


class NotRunning(WorldFault):
    """There is no installation to speak with; the text says how to start one."""


class Running(NamedTuple):
    """A running installation. `installation` is None when only settings lead to it, and no directory of it is here."""

    config: Config
    parts: Parts
    registry: str
    keys: Keys
    installation: Installation | None

    @asynccontextmanager
    async def store(self) -> AsyncIterator[PostgresStore]:
        """Its tables, within a pool that is closed at the end."""
        store = PostgresStore(await connect_pool(self.parts.dsn, POOL))
        try:
            yield store
        finally:
            await asyncio.shield(store.close())

    @asynccontextmanager
    async def store_of(self, institution_code: str) -> AsyncIterator[PostgresStore]:
        """Its tables as one institution may read them: its own rows, by PostgreSQL's own rule, and no others."""
        role = institution_role(institution_code)
        password = self.keys.database_password(role)
        if self.credentials(institution_code) is None:
            await let_in(self.parts.dsn, {role: password}, (role,))
        store = PostgresStore(await connect_pool(as_role(self.parts.dsn, role, password), 1))
        try:
            yield store
        finally:
            await asyncio.shield(store.close())

    def access(self, user: str) -> KafkaAccess:
        """A user's way to Kafka; by settings alone there is one user for everything."""
        if self.installation is None or not self.installation.knows(user):
            return access_of(self.config)
        return self.installation.access(self.parts, user)

    @property
    def administrator(self) -> KafkaAccess:
        """Who may read every topic; by settings, whoever they name."""
        if self.config.kafka_bootstrap == self.parts.bootstrap:
            return access_of(self.config)
        protocol = self.config.kafka_security_protocol
        return KafkaAccess(self.parts.bootstrap, self.parts.admin_user, self.parts.admin_password, protocol)

    @asynccontextmanager
    async def voice(self, user: str = OPERATIONS) -> AsyncIterator[Say]:
        """Says messages as this user, each acknowledged when the call returns."""
        async with self.store() as store:
            topics = await topics_of(self.config, store)
        producer = AIOKafkaProducer(**self.access(user).settings(), acks="all", enable_idempotence=True)
        try:
            async with bounded(VOICE_SECONDS, "starting a producer"):
                await producer.start()
            yield lambda messages: say(producer, topics, user, messages)
        finally:
            await asyncio.shield(abandon(producer))

    def credentials(self, institution_code: str) -> Credentials | None:
        """What an attached institution's own programs use, or None when it has none here."""
        if self.installation is None:
            return None
        path = self.installation.directory / "credentials" / institution_code / "credentials.json"
        return Credentials.read(path) if path.exists() else None

    @asynccontextmanager
    async def client(self, institution_code: str) -> AsyncIterator[tuple[Client, bytes] | None]:
        """A client that speaks for an institution, and the key that opens its answers; None when there is neither.

        An attached institution speaks with its own credentials, the others as the simulated ones they are.
        """
        own = self.credentials(institution_code)
        if own is not None:
            async with client_of(own) as client:
                yield client, own.sealing_private_key
            return
        if self.installation is None or not self.installation.knows(SIMULATED):
            yield None
            return
        async with self.store() as store:
            topics = await topics_of(self.config, store)
            async with store.transaction() as transaction:
                known = await transaction.rows(Institution, [(institution_code,)])
            private_keys = await private_keys_of(store, self.keys, institution_code, SystemClock().now_ms())
        if not known:
            yield None
            return
        replies = [(f"institution.{SHARED}.replies", shard) for shard in range(self.config.shards)]
        shared = Client(self.access(SIMULATED), topics, replies)
        try:
            await shared.start()
            yield shared, private_keys
        finally:
            await asyncio.shield(shared.stop())


async def topics_of(config: Config, store: PostgresStore) -> Topics:
    """Where each message travels in this installation."""
    institutions = await store.all(Institution, MOST_INSTITUTIONS + 10)
    return Topics(config.shards, frozenset(one.institution_code for one in institutions if one.attached))


async def say(producer: AIOKafkaProducer, topics: Topics, user: str, messages: Sequence[Message]) -> None:
    """Every message lies on its topic. They come from outside the services, so they carry no cause."""
    now = SystemClock().now_ms()
    said = [
        Said(
            topics.destination(message),
            type(message).__name__,
            derived_id(os.urandom(16).hex(), type(message).__name__, place),
            b"",
            encode(message),
        )
        for place, message in enumerate(messages)
    ]
    async with bounded(SAY_SECONDS, "saying messages"):
        waiting = [
            await producer.send(
                one.topic,
                one.value,
                key=one.key,
                partition=one.partition,
                headers=[header for header in one.headers if header[0] != "cause"],
            )
            for one in outgoing(said, user, 0, now)
        ]
        await asyncio.gather(*waiting)


# ── the note ─────────────────────────────────────────────────────────────────────────────────────────────────────


def note_of(directory: Path) -> Path:
    """Where the note lies."""
    return directory / "run" / "running.json"


def remember(installation: Installation, parts: Parts, registry: str) -> None:
    """This process serves the installation from now on."""
    known = {
        "pid": os.getpid(),
        "started": _started(os.getpid()),
        "registry": registry,
        "shards": installation.config.shards,
        "parts": asdict(parts),
    }
    write_private(note_of(installation.directory), json.dumps(known, indent=1))


def forget(installation: Installation) -> None:
    """It no longer does."""
    note_of(installation.directory).unlink(missing_ok=True)


def attach(config: Config, directory: Path, *, chosen: bool) -> Running:
    """The installation in this directory, or the one the settings lead to when the directory was not chosen.

    NotRunning when there is none; ConfigurationFault when the settings are half given.
    """
    if not chosen and config.kafka_bootstrap and config.postgres_dsn:
        parts = Parts(config.kafka_bootstrap, config.kafka_user, kafka_password(config), config.postgres_dsn)
        here = Installation(directory, config) if (directory / "installation.json").exists() else None
        return Running(config, parts, "", read_keys(config), here)
    try:
        known = json.loads(note_of(directory).read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = None
    if known is None or _started(known["pid"]) != known["started"]:
        raise NotRunning(
            f"{directory} では何も動いていません。先に `chukan up --data-dir {directory}` を実行してください / "
            f"nothing serves there; start `chukan up --data-dir {directory}` first"
        )
    installation = Installation(directory, config)
    return Running(config, Parts(**known["parts"]), known["registry"], installation.keys, installation)


def _started(pid: int) -> str:
    """A mark of the process with this number: empty when there is none, another one for another process."""
    with contextlib.suppress(OSError, IndexError):
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return text.rpartition(")")[2].split()[19]
    with contextlib.suppress(OSError):
        os.kill(pid, 0)
        return "alive" if not Path("/proc/self/stat").exists() else ""
    return ""
