"""What the system tests share: a running installation, one that looks after it, and a crowd that asks.

Owns a bounded load whose every outcome is known beforehand, and the reading of what it left on real Kafka and real
PostgreSQL. Leaves faults and verdicts to the tests.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from broker.adapters.postgres import PostgresStore, connect_pool
from broker.config import Config
from broker.errors import WorldFault
from broker.rules import checks
from broker.rules.checks import History
from broker.tables import (
    TABLES,
    Checkpoint,
    CodeBinding,
    CopyRecord,
    Cosignature,
    Exchange,
    Inquiry,
    LogFork,
    LogHead,
    LogRecord,
    NetworkCode,
    NetworkExchange,
    PairHead,
    Provision,
    WitnessDuty,
    WitnessedLog,
)
from broker.topics import Destination, Topics
from schemas.codec import Undecodable, decode, decode_all, encode
from schemas.records import (
    AcquisitionNumberAssigned,
    CodeAcquisitionRequested,
    CodeState,
    CodeStateChanged,
    CopyBatchOpened,
    CopyBatchReported,
    CopyCommand,
    HoldConfirmed,
    HoldReason,
    HoldRefused,
    IdentityNotified,
    InquiryAnswered,
    InquiryForwarded,
    InquiryRequested,
    Message,
    RequestedKind,
)
from services.installation import Installation, Parts
from services.up import System, restart_dead_parts
from services.world import (
    CHILD_ALLOWANCE,
    FEE_AFFAIR,
    FEE_COLLECTION,
    HOUSEHOLD,
    LOCAL_TAX,
    VACCINATION,
    Plan,
    Resident,
)

ASKED = 400  # residents the crowd asks about; those after them get codes and copies
PLAN = Plan(seed=7, institutions=8, residents=460, attached=5)
ROWS_A_TABLE = 200_000
BATCH_ROWS = 4
ANSWERED, REFUSED_BY_LIST, NOBODY, NO_CODE = "OK", "NOT_PERMITTED", "NO_MATCH", "NO_CODE"
HELD = "by the operator"


def now_ms() -> int:
    """Milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


def until(wanted: Callable[[], Any], seconds: float, what: str, pause: float = 0.1) -> Any:
    """The first true value, or an assertion that says what did not come."""
    deadline = time.monotonic() + seconds
    while not (found := wanted()):
        assert time.monotonic() < deadline, f"after {seconds:g} s: {what}"
        time.sleep(pause)
    return found


def new_system(
    directory: Path, layout: str = "separate", plan: Plan = PLAN, *, hub: bool = False, **extra: str
) -> System:
    """An installation in this directory; `extra` are settings of its service processes."""
    installation = Installation(directory, Config(shards=2))
    return System(installation, plan._replace(at=now_ms() - 86_400_000), layout=layout, extra=extra, hub=hub)


# ── Kafka and PostgreSQL from the outside ────────────────────────────────────────────────────────────────────────


def settings(parts: Parts, user: str = "", password: str = "") -> dict[str, Any]:
    """librdkafka's settings for a user; without one, the administrator."""
    return {
        "bootstrap.servers": parts.bootstrap,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": user or parts.admin_user,
        "sasl.password": password or parts.admin_password,
        "log_level": 0,
        "error_cb": lambda _: None,
    }


def new_consumer(parts: Parts, **more: Any) -> Consumer:
    """A consumer with the administrator's rights that keeps no offsets."""
    return Consumer(
        settings(parts) | {"group.id": "tests", "enable.auto.commit": False, "enable.partition.eof": False} | more
    )


def topic_names(system: System) -> list[str]:
    """Every topic of the installation."""
    topics = Topics(system.installation.config.shards, frozenset(system.world.attached))
    return [spec.name for spec in topics.specs()]


def ends_of(consumer: Consumer, names: Iterable[str]) -> dict[tuple[str, int], int]:
    """The next offset of every partition of these topics."""
    known = consumer.list_topics(timeout=20).topics
    return {
        (name, partition): consumer.get_watermark_offsets(TopicPartition(name, partition), timeout=20)[1]
        for name in names
        for partition in known[name].partitions
    }


class Read(NamedTuple):
    """One record as it lies in Kafka."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


def read_of(record: Any) -> Read:
    """A consumer's record as a value."""
    headers = tuple((name, value or b"") for name, value in record.headers() or ())
    where = (record.topic(), record.partition(), record.offset())
    return Read(*where, record.key() or b"", record.value() or b"", headers)


def everything_on(parts: Parts, names: Iterable[str], seconds: float = 60) -> list[Read]:
    """All records of these topics, from the first to the last there is now."""
    consumer = new_consumer(parts)
    found: list[Read] = []
    try:
        left = {source: end for source, end in ends_of(consumer, names).items() if end}
        consumer.assign([TopicPartition(*source, 0) for source in left])
        deadline = time.monotonic() + seconds
        while left:
            assert time.monotonic() < deadline, f"not read after {seconds:g} s: {left}"
            for record in consumer.consume(2_000, timeout=1.0):
                if record.error():
                    continue
                found.append(read_of(record))
                source = found[-1][:2]
                if found[-1].offset + 1 >= left.get(source, 0):
                    left.pop(source, None)
    finally:
        consumer.close()
    return found


def query(parts: Parts, statement: str, *values: Any) -> list[asyncpg.Record]:
    """Rows of one statement, over a connection of its own."""

    async def ask() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(parts.dsn, timeout=10, command_timeout=20)
        try:
            return list(await connection.fetch(statement, *values))
        finally:
            await connection.close(timeout=5)

    return asyncio.run(asyncio.wait_for(ask(), 40))


AWAY = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)


def rows_of(parts: Parts, *kinds: type[Any]) -> dict[type[Any], list[Any]]:
    """All rows of these tables."""

    async def read() -> dict[type[Any], list[Any]]:
        store = PostgresStore(await connect_pool(parts.dsn, 1))
        try:
            return {kind: await store.all(kind, ROWS_A_TABLE) for kind in kinds}
        finally:
            await store.close()

    return asyncio.run(read())


def history_of(system: System, texts: Sequence[checks.Text] = ()) -> History:
    """All that has happened in an installation, for the checks."""
    parts = system.parts
    kinds = (Inquiry, Exchange, NetworkExchange, Provision, CopyRecord, CodeBinding, NetworkCode, LogRecord)
    about_logs = (LogHead, PairHead, Checkpoint, WitnessDuty, Cosignature, WitnessedLog, LogFork)
    rows = rows_of(parts, *kinds, *about_logs)
    said: dict[type[Any], list[Any]] = defaultdict(list)
    names = topic_names(system)
    wanted = [n for n in names if n.endswith(".replies") or "forwarded" in n or n.startswith("operations.")]
    for record in everything_on(parts, wanted):
        with suppress(Undecodable):
            for message in decode_all(record.value):
                said[type(message)].append(message)
    consumer = new_consumer(parts)
    try:
        ends = ends_of(consumer, names)
    finally:
        consumer.close()
    return History(
        inquiries=rows[Inquiry],
        exchanges=rows[Exchange],
        network_exchanges=rows[NetworkExchange],
        provisions=rows[Provision],
        copies=rows[CopyRecord],
        bindings=rows[CodeBinding],
        codes=rows[NetworkCode],
        leaves=checks.leaves(rows[LogRecord]),
        other_leaves=checks.other_leaves(rows[LogRecord]),
        heads=rows[LogHead],
        pair_heads=rows[PairHead],
        checkpoints=rows[Checkpoint],
        duties=rows[WitnessDuty],
        cosignatures=rows[Cosignature],
        witnessed=rows[WitnessedLog],
        forks=rows[LogFork],
        answers=said[InquiryAnswered],
        forwarded=said[InquiryForwarded],
        confirmations=said[HoldConfirmed],
        standings=standings(parts),
        ends=ends,
        texts=texts,
    )


def standings(parts: Parts) -> list[checks.Standing]:
    """Where every shard stands."""
    offsets: dict[tuple[str, int], dict[tuple[str, int], int]] = defaultdict(dict)
    for row in query(parts, "select service, shard, topic, partition, next_offset from positions"):
        offsets[row["service"], row["shard"]][row["topic"], row["partition"]] = row["next_offset"]
    waiting: dict[tuple[str, int], list[int]] = defaultdict(list)
    for row in query(parts, "select service, shard, batch from outbox order by batch"):
        waiting[row["service"], row["shard"]].append(row["batch"])
    return [
        checks.Standing(
            row["service"],
            row["shard"],
            row["epoch"],
            row["batch"],
            offsets[row["service"], row["shard"]],
            tuple(waiting[row["service"], row["shard"]]),
        )
        for row in query(parts, "select service, shard, epoch, batch from shards")
    ]


def dump(parts: Parts) -> list[checks.Text]:
    """Every row of every table of the database, the place being the table."""
    names = [row["table_name"] for row in query(parts, TABLE_NAMES)]
    assert set(names) >= {table.name for table in TABLES}
    return [checks.Text(name, bytes_of(row)) for name in names for row in query(parts, f'select * from "{name}"')]


TABLE_NAMES = "select table_name from information_schema.tables where table_schema = 'public'"


def bytes_of(row: asyncpg.Record) -> bytes:
    """A row as it would stand in a file: text in UTF-8, bytes as they are, a tab between."""
    return b"\t".join(value if isinstance(value, bytes) else str(value).encode() for value in row.values())


# ── one that looks after an installation ─────────────────────────────────────────────────────────────────────────


class Supervisor:
    """What `chukan up` does while it waits: start again whatever has died. Faults of its own are kept for the test."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.lock = threading.Lock()
        self.restarted: list[str] = []
        self.fault: BaseException | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor")

    def __enter__(self) -> Supervisor:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join(120)
        assert self.fault is None, self.fault

    def _run(self) -> None:
        try:
            while not self._ending.wait(0.1):
                with self.lock:
                    self.restarted += self.system.fleet.watch_once()
                self.restarted += restart_dead_parts(self.system)
        except BaseException as fault:  # noqa: BLE001 - shown by the test
            self.fault = fault


# ── a crowd that asks ────────────────────────────────────────────────────────────────────────────────────────────


class Crowd:
    """Institutions that ask, take codes, send copies, and their staff who decide on holds; all of it bounded.

    `allow` says how many inquiries may have been asked so far; no more than `open_at_most` wait for their answer.
    Every inquiry's outcomes are known beforehand.
    """

    def __init__(self, system: System, count: int, *, first: int = 0, open_at_most: int = 200) -> None:
        self.system = system
        self.parts = system.parts
        self.world = system.world
        self.topics = Topics(system.installation.config.shards, frozenset(self.world.attached))
        self.count = count
        self.first = first
        self.sent = 0
        self.allowed = 0
        self.wanted: dict[tuple[str, str], tuple[str, ...]] = {}
        self.asked_at: dict[tuple[str, str], float] = {}
        self.answers: dict[tuple[str, str], set[bytes]] = defaultdict(set)
        self.heard = 0
        self.codes: dict[tuple[str, str], str] = {}
        self.numbers: dict[tuple[str, str], str] = {}
        self.batches: dict[tuple[str, str], str] = {}
        self.decided: dict[str, str] = {}
        self.fault: BaseException | None = None
        self._said_at: dict[str, float] = {}
        self._open_at_most = open_at_most
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="crowd")
        self._producer = Producer(
            settings(self.parts) | {"enable.idempotence": True, "linger.ms": 5, "message.timeout.ms": 0}
        )
        self._consumer = new_consumer(self.parts)
        replies = [name for name in topic_names(system) if name.endswith(".replies")]
        ends = ends_of(self._consumer, replies)
        self._consumer.assign([TopicPartition(*source, end) for source, end in ends.items()])

    def __enter__(self) -> Crowd:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join(60)
        self._consumer.close()
        assert self.fault is None, self.fault

    def allow(self, more: int) -> None:
        """That many more inquiries may be asked."""
        self.allowed = min(self.count, self.allowed + more)

    @property
    def open(self) -> int:
        """Inquiries without an answer."""
        return len(self.wanted) - len(self.answers)

    def waiting(self) -> str:
        """What is not yet at its end, or an empty string."""
        codes = sum(state == "" for state in self.codes.values())
        batches = sum(state == "" for state in self.batches.values())
        unsent = self.count - self.sent
        if unsent or self.open or codes or batches:
            names = [key for key in tuple(self.wanted) if key not in self.answers][:5]  # a thread adds to them
            return f"{unsent} unsent, {self.open} unanswered ({names}), {codes} codes, {batches} batches"
        return ""

    # ── its life ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _run(self) -> None:
        looked = 0.0
        try:
            while not self._ending.is_set():
                while self.sent < self.allowed and self.open < self._open_at_most:
                    self._ask(self.first + self.sent)
                    self.sent += 1
                self._producer.poll(0)
                self._hear(0.05)
                if time.monotonic() - looked > 0.5:
                    looked = time.monotonic()
                    with suppress(*AWAY):
                        self._decide_on_holds()
            self._producer.flush(5)
        except BaseException as fault:  # noqa: BLE001 - shown by the test
            self.fault = fault

    def _say(self, message: Message) -> None:
        self.put(self.topics.destination(message), encode(message))

    def put(self, to: Destination, value: bytes) -> None:
        """These bytes, now or when Kafka is there again."""
        self._producer.produce(to.topic, value, to.key, to.partition)

    def _hear(self, seconds: float) -> None:
        for record in self._consumer.consume(500, timeout=seconds):
            if record.error():
                continue
            value = read_of(record).value
            message = decode(value)
            if isinstance(message, InquiryAnswered):
                key = (message.inquirer_institution_code, message.record_identification_number)
                if key in self.wanted:
                    self.heard += 1
                    self.answers[key].add(value)
            elif isinstance(message, AcquisitionNumberAssigned):
                owner, number = message.institution_code, message.acquisition_number
                if (resident := self.numbers.get((owner, message.request_id))) is not None:
                    self._say(IdentityNotified(owner, number, resident))
            elif isinstance(message, CodeStateChanged):
                told(self.codes, message.institution_code, message.request_id, message.state.value)
            elif isinstance(message, CopyBatchReported) and message.state.value != "RUNNING":
                state = f"{message.state.value} {message.accepted}"
                told(self.batches, message.institution_code, message.batch_id, state)

    def _decide_on_holds(self) -> None:
        held = "select exchange_id, institution_code, shown_digest from provisions where state = 'HELD'"
        for row in query(self.parts, held):
            name = row["exchange_id"]
            if time.monotonic() - self._said_at.get(name, 0.0) < 5:
                continue
            self._said_at[name] = time.monotonic()
            if self.decided.setdefault(name, "OK" if len(self.decided) % 2 else "REFUSED") == "OK":
                self._say(HoldConfirmed(name, row["institution_code"], "OP900", row["shown_digest"], now_ms()))
            else:
                self._say(HoldRefused(name, row["institution_code"], "OP900", HoldReason.OTHER, "模擬", now_ms()))

    # ── what it asks ─────────────────────────────────────────────────────────────────────────────────────────────

    def _ask(self, number: int) -> None:
        message, outcomes = self.inquiry(number)
        key = (message.inquirer_institution_code, message.record_identification_number)
        self.wanted[key] = outcomes
        self.asked_at[key] = time.monotonic()
        self._say(message)
        if number % 20 == 3:
            self._take_a_code(number)
        if number % 40 == 5:
            self._send_copies(number)

    def inquiry(self, number: int) -> tuple[InquiryRequested, tuple[str, ...]]:
        """The number-th inquiry and the outcomes of its kinds. Ten sorts take turns."""
        resident = self.world.resident(number % ASKED)
        sort = number % 10
        message = self.world.inquiry(number % ASKED, now_ms())._replace(record_identification_number=f"Q{number:09d}")
        kind = message.kinds[0]
        if sort == 5:
            return message._replace(kinds=(kind._replace(spi_name_code=LOCAL_TAX),)), (REFUSED_BY_LIST,)
        if sort == 6:
            stranger = kind._replace(provider_institution_code=self.stranger_of(resident))
            return message._replace(kinds=(stranger,)), (NOBODY,)
        if sort == 7:
            return message._replace(integrated_number=f"9{number:014d}"), (NO_CODE,)
        if sort == 8:
            return message, (HELD,)
        if sort == 9:
            kinds = tuple(RequestedKind(resident.previous, name) for name in (HOUSEHOLD, LOCAL_TAX))
            several = message._replace(affair_code=FEE_AFFAIR, procedure_code=FEE_COLLECTION, kinds=kinds)
            return several, (ANSWERED, REFUSED_BY_LIST)
        if sort == 4:
            tax = self.world.inquiry(number % ASKED, now_ms(), LOCAL_TAX)
            assert tax.procedure_code == CHILD_ALLOWANCE
            return tax._replace(record_identification_number=f"Q{number:09d}"), (ANSWERED,)
        return message, (ANSWERED,)

    def stranger_of(self, resident: Resident) -> str:
        """An institution that does not know the resident."""
        return next(code for code in self.world.names if code not in (resident.home, resident.previous))

    def _take_a_code(self, number: int) -> None:
        place = number // 20
        resident = self.world.resident(ASKED + place % (self.world.plan.residents - ASKED))
        others = [code for code in self.world.names if code not in (resident.home, resident.previous)]
        owner = others[place // (self.world.plan.residents - ASKED) % len(others)]
        request = CodeAcquisitionRequested(owner, f"C{number:09d}", f"8{number:014d}")
        self.codes[owner, request.request_id] = ""
        self.numbers[owner, request.request_id] = resident.individual_number
        self._say(request)

    def _send_copies(self, number: int) -> None:
        last = self.world.plan.residents
        chosen = [self.world.resident(ASKED + (number + n) % (last - ASKED)) for n in range(BATCH_ROWS)]
        owner, batch = chosen[0].previous, f"B{number:09d}"
        self.batches[owner, batch] = ""
        self._say(CopyBatchOpened(owner, batch, "CHANGE", BATCH_ROWS))
        for row, resident in enumerate(chosen, 1):
            copy = self.world.copy_of(resident, VACCINATION)._replace(
                institution_code=owner,
                record_identification_number=f"{batch}-{row}",
                batch_id=batch,
                row_number=row,
                integrated_number=f"7{number:010d}{row:04d}",
            )
            self._say(copy)

    # ── the verdict ──────────────────────────────────────────────────────────────────────────────────────────────

    def verdict(self) -> list[str]:
        """What of the crowd's own affairs did not end as it must."""
        found = [f"{key}: {len(said)} different answers" for key, said in self.answers.items() if len(said) != 1]
        for key, outcomes in self.wanted.items():
            for said in self.answers.get(key, ()):
                message = decode(said)
                assert isinstance(message, InquiryAnswered)
                for kind, outcome in zip(message.kinds, outcomes, strict=True):
                    wanted = (
                        self.decided.get(f"{key[0]}-{kind.transaction_serial_number}") if outcome == HELD else outcome
                    )
                    if kind.outcome.value != wanted:
                        found.append(f"{key}: {kind.outcome.value} instead of {wanted}")
        found += [f"code {key}: {state}" for key, state in self.codes.items() if state != CodeState.ISSUED.value]
        found += [f"batch {key}: {state}" for key, state in self.batches.items() if state != f"ENDED {BATCH_ROWS}"]
        return found


def told(states: dict[tuple[str, str], str], owner: str, name: str, state: str) -> None:
    """Remember what became of one of the crowd's own affairs; others may be under way beside it."""
    if (owner, name) in states:
        states[owner, name] = state


def block_every_tenth(system: System) -> None:
    """Residents 8, 18, 28 … get the auto-response block, by messages, as an institution would set it."""
    world, parts = system.world, system.parts
    topics = Topics(system.installation.config.shards, frozenset(world.attached))
    producer = Producer(settings(parts) | {"enable.idempotence": True})
    numbers = range(8, ASKED, 10)
    for number in numbers:
        copy = world.copy_of(world.resident(number), VACCINATION, CopyCommand.UPDATE)
        message = copy._replace(auto_response_disabled=True, record_identification_number=f"F{number}")
        to = topics.destination(message)
        producer.produce(to.topic, encode(message), to.key, to.partition)
    assert producer.flush(20) == 0
    blocked = "select count(*) from copy_records where auto_response_disabled"
    until(lambda: query(parts, blocked)[0][0] == len(numbers), 30, "the block flags are set")


def drained(system: System, crowd: Crowd) -> str:
    """What still waits somewhere, or an empty string."""
    if found := crowd.waiting():
        return found
    try:
        row = query(system.parts, STILL_WAITING)[0]
        if any(row.values()):
            return str(dict(row))
        return "; ".join(f"{v.subject}: {v.text}" for v in unread(system)[:5])
    except (*AWAY, KafkaException, WorldFault) as fault:
        return str(fault)


STILL_WAITING = """
select (select count(*) from outbox) as outbox,
       (select count(*) from log_heads where checkpoint_due_at > 0) as checkpoints,
       (select count(*) from inquiries where answered_at = 0) as inquiries,
       (select count(*) from provisions where state = 'HELD') as holds,
       (select count(*) from network_exchanges where state in ('ISSUED', 'USED')) as exchanges
"""


def unread(system: System) -> list[checks.Violation]:
    """Partitions of which something was not yet read."""
    consumer = new_consumer(system.parts)
    try:
        ends = ends_of(consumer, topic_names(system))
    finally:
        consumer.close()
    return checks.everything_said(History(standings=standings(system.parts), ends=ends))


def drain(system: System, crowd: Crowd, seconds: float) -> float:
    """Wait until nothing waits any more; how long it took. An assertion names what still waits after the limit."""
    started = time.monotonic()
    while found := drained(system, crowd):
        assert time.monotonic() - started < seconds, f"not drained {seconds:g} s after the last fault: {found}"
        time.sleep(0.25)
    return time.monotonic() - started
