"""The real parts for every test that wants them: one PostgreSQL and one Kafka for the whole run.

Owns their start, their end, and keeping tests apart: a database of its own copied from a migrated template, topics of
its own. A real part that cannot start fails the tests that want it; nothing is skipped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import asyncpg
import pytest

from broker import logs
from broker.adapters.kafka import KafkaAccess
from broker.adapters.postgres import migrate
from broker.embedded.admin import TopicSpec, ensure_topics
from broker.embedded.kafka import EmbeddedKafka
from broker.embedded.postgres import EmbeddedPostgres

TEMPLATE = "chukan_template"
LIMIT_SECONDS = 60
_numbers = count(1)


@pytest.fixture(autouse=True)
def logs_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """A verb run inside this process does not set up its logs: loggers keep what they were first used with, and a later
    test would look in vain for the lines of its own services."""
    monkeypatch.setattr(logs, "set_up", lambda *_: None)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """One PostgreSQL for the whole run."""
    with EmbeddedPostgres(tmp_path_factory.mktemp("real") / "postgres") as running:
        yield running


@pytest.fixture(scope="session")
def kafka_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    """One Kafka for the whole run."""
    with EmbeddedKafka(tmp_path_factory.mktemp("real") / "kafka") as running:
        yield running


async def on_server(server: EmbeddedPostgres, statement: str) -> None:
    """Run one statement as the administrator, outside a transaction."""
    connection = await asyncpg.connect(server.dsn(), timeout=LIMIT_SECONDS, command_timeout=LIMIT_SECONDS)
    try:
        await connection.execute(statement)
    finally:
        await asyncio.wait_for(connection.close(), LIMIT_SECONDS)


def apart(work: Coroutine[Any, Any, Any]) -> Any:
    """Run it to its end on a loop in a thread: whoever asks for these fixtures may be inside a loop already."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result(4 * LIMIT_SECONDS)


@pytest.fixture(scope="session")
def postgres_template(postgres_server: EmbeddedPostgres) -> str:
    """A database with all migrations in it and nothing else."""
    apart(on_server(postgres_server, f"create database {TEMPLATE}"))
    apart(migrate(postgres_server.dsn(TEMPLATE)))
    return TEMPLATE


@pytest.fixture
def postgres_dsn(postgres_server: EmbeddedPostgres, postgres_template: str) -> Iterator[str]:
    """A migrated database for one test."""
    name = f"test_{next(_numbers)}"
    apart(on_server(postgres_server, f"create database {name} template {postgres_template}"))
    yield postgres_server.dsn(name)
    apart(on_server(postgres_server, f"drop database {name} with (force)"))


class KafkaForTest:
    """A way to the broker, and topics that no other test has."""

    def __init__(self, server: EmbeddedKafka) -> None:
        self.server = server
        self.prefix = f"test{next(_numbers)}"
        self.access = KafkaAccess(server.bootstrap, server.admin_user, server.admin_password)

    def topic(self, name: str, partitions: int = 1) -> str:
        """The full name of a topic, made if it is missing."""
        full = f"{self.prefix}.{name}"
        ensure_topics(self.server.admin(), [TopicSpec(full, partitions)])
        return full


@pytest.fixture
def kafka_for_test(kafka_server: EmbeddedKafka) -> KafkaForTest:
    """Kafka with topics of the test's own."""
    return KafkaForTest(kafka_server)
