"""The embedded Kafka and PostgreSQL, as real as anywhere: security, durability, ownership, and no orphans."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError, TopicAuthorizationFailedError

from broker.embedded import jars
from broker.embedded.admin import Acl, TopicSpec, ensure_acls, ensure_topics, ensure_users, set_passwords
from broker.embedded.directory import is_free, ports
from broker.embedded.errors import EmbeddedError
from broker.embedded.kafka import EmbeddedKafka
from broker.embedded.postgres import EmbeddedPostgres
from broker.embedded.process import Child, Command

LIMIT_SECONDS = 30
USERS = {"mihama": "mihama-secret", "hanamura": "hanamura-secret"}


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    """A broker with two municipalities, each at home in its own prefix."""
    with EmbeddedKafka(tmp_path_factory.mktemp("part") / "kafka") as running:
        admin = running.admin()
        ensure_topics(admin, [TopicSpec(f"institution.{user}.replies", 1) for user in USERS])
        ensure_users(admin, USERS)
        ensure_acls(admin, [acl for user in USERS for acl in acls_of(user)])
        yield running


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A server of its own."""
    with EmbeddedPostgres(tmp_path_factory.mktemp("part") / "postgres") as running:
        yield running


async def test_a_message_goes_out_and_comes_back(kafka: EmbeddedKafka) -> None:
    """The administrator, logged in by SCRAM-SHA-512, reads the bytes that were sent."""
    ensure_topics(kafka.admin(), [TopicSpec("there.and.back", 1)])

    await send(kafka, "there.and.back", [b"one", b"two"])

    assert await read(kafka, "there.and.back") == [b"one", b"two"]


async def test_a_user_reads_and_writes_its_own_prefix(kafka: EmbeddedKafka) -> None:
    """A municipality with an ordinary client needs no more than its own rights."""
    await send(kafka, "institution.mihama.replies", [b"answer"], "mihama")

    assert await read(kafka, "institution.mihama.replies", "mihama") == [b"answer"]


async def test_a_user_is_refused_anybody_elses_topic(kafka: EmbeddedKafka) -> None:
    """Reading and writing outside one's own prefix fail with a reason, they do not wait."""
    with pytest.raises(TopicAuthorizationFailedError):
        await read(kafka, "institution.hanamura.replies", "mihama")
    with pytest.raises(TopicAuthorizationFailedError):
        await send(kafka, "institution.hanamura.replies", [b"forged"], "mihama")


@pytest.mark.parametrize(("user", "password"), [("mihama", "hanamura-secret"), ("nobody", "mihama-secret")])
async def test_a_wrong_password_is_refused(
    kafka: EmbeddedKafka, user: str, password: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither another's password nor an unknown name opens a connection (aiokafka says why in its log alone)."""
    accepted = await accepts(kafka, user, password)

    assert not accepted
    assert "Authentication failed" in caplog.text


async def test_a_new_password_replaces_the_old_one(kafka: EmbeddedKafka) -> None:
    """What ``ensure_users`` leaves alone, ``set_passwords`` changes."""
    admin = kafka.admin()
    made = ensure_users(admin, {"visitor": "first"}), ensure_users(admin, {"visitor": "second"})
    before = [await accepts(kafka, "visitor", word) for word in ("first", "second")]
    set_passwords(admin, {"visitor": "third"})

    assert made == (["visitor"], [])
    assert before == [True, False]
    await until(lambda: accepts(kafka, "visitor", "third"))
    assert not await accepts(kafka, "visitor", "first")


async def test_no_topic_is_made_by_accident(kafka: EmbeddedKafka) -> None:
    """Sending to a name nobody asked for fails, even for the administrator."""
    with pytest.raises((KafkaError, TimeoutError)):
        await send(kafka, "no.such.topic", [b"lost"], limit_seconds=2)

    assert "no.such.topic" not in kafka.admin().list_topics(timeout=LIMIT_SECONDS).topics


def test_topics_are_ensured_twice_and_never_reshaped(kafka: EmbeddedKafka) -> None:
    """A second call changes nothing; another partition count is an error that names the topic and both counts."""
    admin = kafka.admin()
    first = ensure_topics(admin, [TopicSpec("shaped", 3, {"retention.ms": "60000"})])
    second = ensure_topics(admin, [TopicSpec("shaped", 3)])

    assert (first, second) == (["shaped"], [])
    with pytest.raises(EmbeddedError, match="shaped has 3, not 6"):
        ensure_topics(admin, [TopicSpec("shaped", 6)])


async def test_acknowledged_messages_survive_kill_9(kafka: EmbeddedKafka) -> None:
    """A broker killed without warning comes back on its port with every acknowledged message and its users."""
    ensure_topics(kafka.admin(), [TopicSpec("kept", 1)])
    messages = [b"%d" % number for number in range(1_000)]
    await send(kafka, "kept", messages)
    before = (kafka.bootstrap, kafka.pid)

    kafka.kill()
    kafka.restart()

    assert kafka.bootstrap == before[0]
    assert kafka.pid != before[1]
    assert await read(kafka, "kept") == messages
    assert await accepts(kafka, "mihama", USERS["mihama"])


async def test_committed_rows_survive_kill_9(postgres: EmbeddedPostgres) -> None:
    """A postmaster killed under a busy backend comes back with every committed row and none of the others."""
    writer = await asyncpg.connect(postgres.dsn(), timeout=LIMIT_SECONDS)
    await writer.execute("create table kept (number int); insert into kept select generate_series(1, 1000)")
    transaction = writer.transaction()
    await transaction.start()
    await writer.execute("insert into kept values (1001)")
    busy = asyncio.create_task(writer.execute("select count(*) from generate_series(1, 1000000000)"))
    await asyncio.sleep(0.1)

    postgres.kill()
    await asyncio.to_thread(postgres.restart)
    with pytest.raises((asyncpg.PostgresError, OSError)):
        await asyncio.wait_for(busy, LIMIT_SECONDS)
    reader = await asyncpg.connect(postgres.dsn(), timeout=LIMIT_SECONDS)
    numbers = await reader.fetchval("select array_agg(number order by number) from kept")
    await reader.close()

    assert numbers == list(range(1, 1001))


async def test_postgres_is_durable_and_asks_for_a_password(postgres: EmbeddedPostgres) -> None:
    """Nothing here was made fast by giving up durability, and nobody comes in without the password."""
    connection = await asyncpg.connect(postgres.dsn(), timeout=LIMIT_SECONDS)
    durable = [await connection.fetchval(f"show {name}") for name in ("fsync", "synchronous_commit")]
    version = await connection.fetchval("show server_version_num")
    await connection.close()

    assert durable == ["on", "on"]
    assert int(version) // 10_000 == 18
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(postgres.dsn(password="wrong"), timeout=LIMIT_SECONDS)


async def test_no_value_of_a_row_is_in_the_log(postgres: EmbeddedPostgres) -> None:
    """A refused row is logged as an error, without the row (PostgreSQL would name its key)."""
    connection = await asyncpg.connect(postgres.dsn(), timeout=LIMIT_SECONDS)
    await connection.execute("create table secretive (number text primary key)")
    await connection.execute("insert into secretive values ('canary-0417')")
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.execute("insert into secretive values ($1)", "canary-0417")
    await connection.close()

    said = postgres.log.read_text()
    assert "secretive_pkey" in said
    assert "canary-0417" not in said


def test_two_directories_do_not_meet(kafka: EmbeddedKafka, postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    """A second pair beside the first has its own ports, passwords, topics and data."""
    with EmbeddedKafka(tmp_path / "kafka") as other, EmbeddedPostgres(tmp_path / "postgres") as other_postgres:
        topics = set(other.admin().list_topics(timeout=LIMIT_SECONDS).topics)

        assert not topics & {f"institution.{user}.replies" for user in USERS}
        assert other.bootstrap != kafka.bootstrap
        assert other.admin_password != kafka.admin_password
        assert other_postgres.port != postgres.port
        assert other_postgres.superuser_password != postgres.superuser_password


def test_a_directory_has_one_owner(kafka: EmbeddedKafka, postgres: EmbeddedPostgres) -> None:
    """The second start on one directory fails at once and says who has it; the first is not disturbed."""
    for second in (EmbeddedKafka(kafka.data_dir), EmbeddedPostgres(postgres.data_dir)):
        with pytest.raises(EmbeddedError, match=f"in use by process {os.getpid()}"):
            second.start()

    assert kafka.is_running
    assert postgres.is_running


START_BOTH = """
import sys, time
from pathlib import Path
from broker.embedded.kafka import EmbeddedKafka
from broker.embedded.postgres import EmbeddedPostgres
kafka, postgres = EmbeddedKafka(Path(sys.argv[1], "kafka")), EmbeddedPostgres(Path(sys.argv[1], "postgres"))
print(kafka.start().pid, postgres.start().pid, flush=True)
time.sleep(600)
"""


async def test_a_killed_parent_leaves_no_orphans_and_a_usable_directory(tmp_path: Path) -> None:
    """kill -9 of the program that started both ends both, and the next program goes on from what was committed."""
    with subprocess.Popen(  # noqa: ASYNC220 - in a test, nobody waits on the loop
        [sys.executable, "-c", START_BOTH, tmp_path], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in (await asyncio.to_thread(parent.stdout.readline)).split()]
        password = (tmp_path / "postgres" / "secrets" / "postgres").read_text()
        port = (tmp_path / "postgres" / "ports.json").read_text().split()[-1].rstrip("}")
        connection = await asyncpg.connect(f"postgresql://postgres:{password}@127.0.0.1:{port}", timeout=LIMIT_SECONDS)
        await connection.execute("create table kept as select 42 as number")
        await connection.close()
        parent.kill()

    await until(lambda: nobody_runs(pids))
    with EmbeddedKafka(tmp_path / "kafka") as kafka, EmbeddedPostgres(tmp_path / "postgres") as postgres:
        connection = await asyncpg.connect(postgres.dsn(), timeout=LIMIT_SECONDS)
        assert await connection.fetchval("select number from kept") == 42
        await connection.close()
        assert kafka.admin().list_topics(timeout=LIMIT_SECONDS).brokers


def test_a_child_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    """A worker thread of an event loop may start a part and end; the part runs on (the death signal is per thread)."""
    children: list[Child] = []
    command = Command(("/bin/sleep", "600"), tmp_path / "log", tmp_path)
    thread = threading.Thread(target=lambda: children.append(Child(command)))
    thread.start()
    thread.join(LIMIT_SECONDS)
    time.sleep(0.2)

    assert children[0].returncode is None
    assert children[0].stop(signal.SIGTERM, LIMIT_SECONDS) == -signal.SIGTERM


def test_a_part_that_cannot_start_says_why(tmp_path: Path) -> None:
    """The error holds the program's own last words, and the directory is free again."""
    part = EmbeddedPostgres(tmp_path / "postgres")
    part.start()
    part.stop()
    os.truncate(part.data_dir / "cluster" / "global" / "pg_control", 0)

    for _ in range(2):
        with pytest.raises(EmbeddedError, match="pg_control"):
            part.start()


def test_a_port_is_kept_while_it_is_free(tmp_path: Path) -> None:
    """The same directory gives the same port, and another one only when a program has taken it meanwhile."""
    memory = tmp_path / "ports.json"
    first = ports(memory, ("one", "two"))
    again = ports(memory, ("one", "two"))
    with socket.create_server(("127.0.0.1", first["one"])):
        moved = ports(memory, ("one", "two"))
        with pytest.raises(EmbeddedError, match="taken"):
            ports(memory, ("one", "two"), wanted=first["one"])

    assert again == first
    assert moved["one"] != first["one"]
    assert moved["two"] == first["two"]
    assert is_free(first["one"])


def test_a_jar_that_differs_from_the_list_is_refused(tmp_path: Path) -> None:
    """Kafka never starts with a file other than those committed; the error names it."""
    found = {jar.name: jar for jar in jars.kafka_classpath()}
    forged = tmp_path / "kafka-raft-4.4.0.jar"
    forged.write_bytes(found[forged.name].read_bytes() + b"\0")
    found |= {forged.name: forged}
    del found["zstd-jni-1.5.7-17.jar"]

    with pytest.raises(EmbeddedError, match=r"2 of Kafka's jars .* kafka-raft-4\.4\.0\.jar, zstd-jni"):
        jars._verified(found)


def test_secrets_are_for_their_owner_alone(kafka: EmbeddedKafka, postgres: EmbeddedPostgres) -> None:
    """No file that holds a password can be read by another user of the machine."""
    words = {kafka.admin_password, postgres.superuser_password}
    files = [path for part in (kafka, postgres) for path in part.data_dir.rglob("*") if path.is_file()]
    holders = [
        path for path in files if path.stat().st_size < 64_000 and any(w.encode() in path.read_bytes() for w in words)
    ]

    assert {path.name for path in holders} == {"admin", "server.properties", "postgres"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in holders)


def acls_of(user: str) -> list[Acl]:
    """Everything below one's own prefix, and groups named by it."""
    return [
        Acl(user, "topic", "prefixed", f"institution.{user}.", ("read", "write", "describe")),
        Acl(user, "group", "prefixed", f"institution.{user}.", ("read",)),
    ]


def client(kafka: EmbeddedKafka, user: str | None = None, password: str | None = None) -> dict[str, str]:
    """What an aiokafka client needs; the administrator's without a user."""
    name = user or kafka.admin_user
    return {
        "bootstrap_servers": kafka.bootstrap,
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": name,
        "sasl_plain_password": password or USERS.get(name) or kafka.admin_password,
    }


async def send(
    kafka: EmbeddedKafka,
    topic: str,
    messages: list[bytes],
    user: str | None = None,
    limit_seconds: float = LIMIT_SECONDS,
) -> None:
    """Send in order and wait until all are acknowledged."""
    producer = AIOKafkaProducer(**client(kafka, user), acks="all")
    async with asyncio.timeout(LIMIT_SECONDS):
        try:
            await producer.start()
            async with asyncio.timeout(limit_seconds):
                for acknowledged in [await producer.send(topic, message, partition=0) for message in messages]:
                    await acknowledged
        finally:
            await producer.stop()


async def read(kafka: EmbeddedKafka, topic: str, user: str | None = None) -> list[bytes]:
    """All messages of partition 0, from its beginning to its present end."""
    consumer = AIOKafkaConsumer(topic, **client(kafka, user), auto_offset_reset="earliest")
    async with asyncio.timeout(LIMIT_SECONDS):
        try:
            await consumer.start()
            partition = TopicPartition(topic, 0)
            end = 0 if user else (await consumer.end_offsets([partition]))[partition]
            values = [(await consumer.getone()).value]
            while len(values) < end:
                values.append((await consumer.getone()).value)
        finally:
            await consumer.stop()
    return values


async def accepts(kafka: EmbeddedKafka, user: str, password: str) -> bool:
    """Whether this password opens a connection."""
    producer = AIOKafkaProducer(**client(kafka, user, password))
    try:
        await asyncio.wait_for(producer.start(), LIMIT_SECONDS)
    except KafkaConnectionError:
        return False
    finally:
        await producer.stop()
    return True


async def nobody_runs(pids: list[int]) -> bool:
    """Whether these processes are gone (a zombie, which only waits for its new parent's attention, is gone)."""
    states = [Path(f"/proc/{pid}/stat") for pid in pids]
    return all(not state.exists() or state.read_text().rsplit(") ", 1)[1].startswith("Z") for state in states)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a condition, within the limit."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while not await holds():  # noqa: ASYNC110 - another process makes it true
            await asyncio.sleep(0.05)
