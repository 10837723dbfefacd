"""An installation on one machine: its directory, secrets, credentials and world.

Owns what lies where. Promises that a second start on the same directory goes on where the first stopped, and that
secrets lie in files of mode 0600 only. The directory: `secrets/` (master, one password a user), `credentials/<code>/`
(what an institution's own programs need), `kafka/`, `postgres/`, `run/` (logs, ready marks), `installation.json`.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from confluent_kafka.admin import AdminClient

from broker.adapters.kafka import KafkaAccess
from broker.adapters.postgres import PostgresStore, connect_pool, migrate
from broker.adapters.separation import SERVICE, as_role, institution_role, let_in
from broker.config import Config
from broker.embedded.admin import TopicSpec, ensure_acls, ensure_topics, ensure_users
from broker.embedded.directory import secret, write_private
from broker.embedded.kafka import STARTS_WITHIN_SECONDS, EmbeddedKafka
from broker.embedded.postgres import EmbeddedPostgres
from broker.errors import ConfigurationFault
from broker.keys import Keys
from broker.tables import TABLES, WitnessDuty, WitnessedLog
from broker.topics import Topics
from services import access
from services.key_management import private_keys_of
from services.network import NETWORK_CODE
from services.staff import demonstration
from services.world import Plan, World

DATABASE = "chukan"
ROWS_A_COPY = 20_000
MOST_DUTIES = 100_000


@dataclass(frozen=True)
class Parts:
    """Where the real parts of a running installation are."""

    bootstrap: str
    admin_user: str
    admin_password: str
    dsn: str
    admin_mechanism: str = "SCRAM-SHA-512"


class Installation:
    """One directory. `plan` is fixed when the world is made; a later start finds it there."""

    def __init__(self, directory: Path, config: Config) -> None:
        self.directory = directory.absolute()
        self.config = config
        self.run = self.directory / "run"
        self.secrets = self.directory / "secrets"
        for path in (self.directory, self.run, self.secrets):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)

    # ── secrets ──────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def master_file(self) -> Path:
        """The master secret, made at the first use."""
        path = self.secrets / "master"
        if not path.exists():
            write_private(path, secrets.token_hex(32))
        return path

    @property
    def keys(self) -> Keys:
        """All keys of the installation."""
        return Keys(bytes.fromhex(self.master_file.read_text(encoding="ascii").strip()))

    def password(self, user: str) -> str:
        """A Kafka user's password, made at the first use."""
        return secret(self.secrets / f"kafka-{user}")

    def knows(self, user: str) -> bool:
        """Whether the user's password lies here."""
        return (self.secrets / f"kafka-{user}").exists()

    # ── the plan ─────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def plan_file(self) -> Path:
        """What world this installation has."""
        return self.directory / "installation.json"

    def plan(self) -> Plan | None:
        """The plan of the world that was made here, or None."""
        if not self.plan_file.exists():
            return None
        return Plan(**json.loads(self.plan_file.read_text(encoding="utf-8"))["plan"])

    def remember(self, plan: Plan) -> None:
        """The world of this plan is complete here."""
        text = json.dumps({"plan": plan._asdict(), "shards": self.config.shards}, ensure_ascii=False, indent=1)
        write_private(self.plan_file, text)

    # ── setting up ───────────────────────────────────────────────────────────────────────────────────────────────

    def set_up(self, parts: Parts, plan: Plan, progress: Callable[[str, int, int], None] = lambda *_: None) -> World:
        """Migrate, make topics, users and rights, and the world unless it is there; safe to repeat."""
        known = self.plan()
        if known is not None:
            plan = known
            self._check_shards()
        world = World(plan, self.keys)
        asyncio.run(self._set_up_database(parts.dsn, world, known is None, progress))
        self.set_up_kafka(parts, world)
        if known is None:
            self.remember(plan)
        self.write_credentials(parts, world)
        if known is not None:
            asyncio.run(self._hand_over_rotated(parts.dsn, world, time.time_ns() // 1_000_000))
        return world

    def _check_shards(self) -> None:
        shards = json.loads(self.plan_file.read_text(encoding="utf-8"))["shards"]
        if shards != self.config.shards:
            raise ConfigurationFault(
                f"{self.directory} was made with {shards} shards, which cannot change; "
                f"CHUKAN_SHARDS is {self.config.shards}"
            )

    async def _set_up_database(
        self, dsn: str, world: World, empty: bool, progress: Callable[[str, int, int], None]
    ) -> None:
        await migrate(dsn)
        await self._let_in(dsn, world)
        store = PostgresStore(await connect_pool(dsn, 2))
        try:
            if empty:
                await self._clear_half_a_world(store)
                await create_world(store, world, progress)
                simulated = demonstration.set_up(self.secrets, (NETWORK_CODE, *world.names), world.plan.at)
                await load_rows(store, simulated)
            await assign_witnesses(store, world.witness_duties(self.config.witnesses))
        finally:
            await store.close()

    async def _let_in(self, dsn: str, world: World) -> None:
        """The roles of the services, the network and the attached can log in; others when they are asked for."""
        members = [institution_role(code) for code in (NETWORK_CODE, *world.attached)]
        keys = self.keys
        await let_in(dsn, {role: keys.database_password(role) for role in (SERVICE, *members)}, members)

    def service_dsn(self, parts: Parts) -> str:
        """What the services log in to PostgreSQL with: no administrator, and bound to no institution."""
        return as_role(parts.dsn, SERVICE, self.keys.database_password(SERVICE))

    async def _clear_half_a_world(self, store: PostgresStore) -> None:
        """What a start that was cut short has left behind goes; a database that ever served does not."""
        if await store.query("select from shards limit 1"):
            raise ConfigurationFault(
                f"{self.plan_file} is missing, but services have run on this database: it belongs to the directory it "
                "was made with"
            )
        await store.query(f"truncate {', '.join(table.name for table in TABLES)}")

    def set_up_kafka(self, parts: Parts, world: World) -> None:
        """Topics, users and rights."""
        admin = AdminClient(
            {
                "bootstrap.servers": parts.bootstrap,
                "security.protocol": self.config.kafka_security_protocol,
                "sasl.mechanism": parts.admin_mechanism,
                "sasl.username": parts.admin_user,
                "sasl.password": parts.admin_password,
                "log_level": 0,
            }
        )
        topics = Topics(self.config.shards, frozenset(world.attached))
        ensure_topics(admin, [TopicSpec(*spec) for spec in topics.specs()])
        ensure_users(admin, {user: self.password(user) for user in access.users(world.attached)})
        ensure_acls(admin, access.rights(world.attached))

    def write_credentials(self, parts: Parts, world: World) -> None:
        """What each attached institution's own programs need, in its own directory."""
        keys = self.keys
        for code in world.attached:
            folder = self.directory / "credentials" / code
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            user = access.institution_user(code)
            known = {
                "institution_code": code,
                "name": world.names[code],
                "bootstrap": parts.bootstrap,
                "security_protocol": self.config.kafka_security_protocol,
                "sasl_mechanism": "SCRAM-SHA-512",
                "user": user,
                "password": self.password(user),
                "requests": f"institution.{code}.requests",
                "replies": f"institution.{code}.replies",
                "copies": f"institution.{code}.copies",
                "codes": f"institution.{code}.codes",
                "identities": f"juki.{code}.identities",
                "health_entries": f"health.{code}.entries",
                "health_replies": f"health.{code}.replies",
                "vrs_requests": f"vrs.{code}.requests",
                "vrs_replies": f"vrs.{code}.replies",
                "group": f"institution.{code}.client",
                "sealing_private_key": keys.institutions.sealing_private(code).hex(),
                "hub_key": keys.institutions.hub(code).hex(),
            }
            write_private(folder / "credentials.json", json.dumps(known, ensure_ascii=False, indent=1))
            tablet_user = access.tablet_user(code)
            tablet = {
                name: known[name]
                for name in ("institution_code", "name", "bootstrap", "security_protocol", "sasl_mechanism")
            } | {
                "user": tablet_user,
                "password": self.password(tablet_user),
                "doses": f"tablet.{code}.doses",
                "replies": f"tablet.{code}.replies",
            }
            write_private(folder / "tablet.json", json.dumps(tablet, ensure_ascii=False, indent=1))

    def hand_over_keys(self, institution_code: str, private_keys: bytes) -> None:
        """The keys that open an attached institution's answers now, newest first, into its credentials."""
        path = self.directory / "credentials" / institution_code / "credentials.json"
        if path.exists():
            known = json.loads(path.read_text(encoding="utf-8"))
            known |= {"sealing_private_key": private_keys[:32].hex(), "sealing_private_keys": private_keys.hex()}
            write_private(path, json.dumps(known, ensure_ascii=False, indent=1))

    async def _hand_over_rotated(self, dsn: str, world: World, now: int) -> None:
        store = PostgresStore(await connect_pool(dsn, 1))
        try:
            for code in world.attached:
                self.hand_over_keys(code, await private_keys_of(store, self.keys, code, now))
        finally:
            await store.close()

    def access(self, parts: Parts, user: str) -> KafkaAccess:
        """A user's way to Kafka."""
        return KafkaAccess(parts.bootstrap, user, self.password(user), self.config.kafka_security_protocol)

    def environment(self, parts: Parts, user: str, instance: str) -> dict[str, str]:
        """The settings of a process that runs services as this user; secrets go by environment, never by argument.

        Where this process found its modules, that one looks too, also in a source tree that is not installed: an
        installation runs one code.
        """
        return {
            **{name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ},
            "PATH": os.environ.get("PATH", ""),
            "HOME": os.environ.get("HOME", "/"),
            "CHUKAN_DATA_DIR": str(self.directory),
            "CHUKAN_KAFKA_BOOTSTRAP": parts.bootstrap,
            "CHUKAN_KAFKA_USER": user,
            "CHUKAN_KAFKA_PASSWORD": self.password(user) if user else "",
            "CHUKAN_KAFKA_SECURITY_PROTOCOL": self.config.kafka_security_protocol,
            "CHUKAN_POSTGRES_DSN": self.service_dsn(parts),
            "CHUKAN_MASTER_SECRET_FILE": str(self.master_file),
            "CHUKAN_SHARDS": str(self.config.shards),
            "CHUKAN_INSTANCE": instance,
            "CHUKAN_BATCH_MESSAGES": str(self.config.batch_messages),
            "CHUKAN_FETCH_WAIT_MS": str(self.config.fetch_wait_ms),
            "CHUKAN_LOG_LEVEL": self.config.log_level,
            "CHUKAN_TIMER_SECONDS": str(self.config.timer_seconds),
            "CHUKAN_LEASE_SECONDS": str(self.config.lease_seconds),
            "CHUKAN_PATIENCE_SECONDS": str(self.config.patience_seconds),
            "CHUKAN_CHECKPOINT_SECONDS": str(self.config.checkpoint_seconds),
            "CHUKAN_COSIGNED_WITHIN_SECONDS": str(self.config.cosigned_within_seconds),
        }

    def hub_environment(self, parts: Parts, instance: str) -> dict[str, str]:
        """The settings of the hub's process: no password of Kafka, no master secret; it reads `credentials/`."""
        own = self.environment(parts, "", instance) | {
            "CHUKAN_HUB_HOST": self.config.hub_host,
            "CHUKAN_HUB_PORT": str(self.config.hub_port),
            "CHUKAN_HUB_COPIES_A_PART": str(self.config.hub_copies_a_part),
        }
        secret = ("CHUKAN_KAFKA_USER", "CHUKAN_KAFKA_PASSWORD", "CHUKAN_MASTER_SECRET_FILE")
        return {name: value for name, value in own.items() if name not in secret}


async def create_world(
    store: PostgresStore, world: World, progress: Callable[[str, int, int], None] = lambda *_: None, *, hub: bool = True
) -> None:
    """Write a world into empty tables, by COPY, a slice of residents at a time.

    hub: the attached institutions' integrated-number systems know their people, too.
    """
    await load_rows(store, world.directory())
    if hub:
        await load_rows(store, world.hub_counters())
    total = world.plan.residents
    slice_size = ROWS_A_COPY // 10
    for first in range(0, total, slice_size):
        last = min(first + slice_size, total)
        await load_rows(store, [row for rows in world.rows(first, last) for row in rows])
        if hub:
            await load_rows(store, world.hub_rows(first, last))
        progress("residents", last, total)


async def load_rows(store: PostgresStore, rows: Iterable[Any]) -> None:
    """Add rows of several tables, one COPY a table."""
    by_kind: dict[type[Any], list[Any]] = {}
    for row in rows:
        by_kind.setdefault(type(row), []).append(row)
    for kind, found in by_kind.items():
        await store.load(kind, found)


async def assign_witnesses(store: PostgresStore, duties: Sequence[WitnessDuty]) -> None:
    """These duties are there, and no others. Who gives one up forgets the log: its place in it would be out of date."""
    known = await store.all(WitnessDuty, MOST_DUTIES)
    wanted, there = set(duties), set(known)
    given_up = [one for one in known if one not in wanted]
    taken_up = [one for one in duties if one not in there]
    async with store.transaction() as transaction:
        if given_up:
            await transaction.remove(WitnessDuty, [one[:2] for one in given_up])
            await transaction.remove(WitnessedLog, [(one.witness_code, one.institution_code) for one in given_up])
        if taken_up:
            await transaction.write(WitnessDuty, taken_up)


class EmbeddedParts:
    """Kafka and PostgreSQL of an installation, started here and ended here."""

    def __init__(self, directory: Path, *, kafka_compiler: tuple[str, ...] = STARTS_WITHIN_SECONDS) -> None:
        self.kafka = EmbeddedKafka(directory / "kafka", compiler=kafka_compiler)
        self.postgres = EmbeddedPostgres(directory / "postgres")

    def start(self) -> Parts:
        """Both answer; the database exists."""
        self.postgres.start()
        try:
            asyncio.run(ensure_database(self.postgres.dsn("postgres")))
            self.kafka.start()
        except BaseException:
            self.postgres.stop()
            raise
        return Parts(
            self.kafka.bootstrap, self.kafka.admin_user, self.kafka.admin_password, self.postgres.dsn(DATABASE)
        )

    def stop(self) -> None:
        """Both are ended, PostgreSQL last."""
        try:
            self.kafka.stop()
        finally:
            self.postgres.stop()


async def ensure_database(dsn: str) -> None:
    """The installation's database exists."""
    connection = await asyncio.wait_for(asyncpg.connect(dsn), 30)
    try:
        if not await connection.fetchval("select 1 from pg_database where datname = $1", DATABASE):
            await connection.execute(f'create database "{DATABASE}"')
    finally:
        await asyncio.wait_for(connection.close(), 10)
