"""A small country in memory: all real services, the real runtime, weather by seed, and the checks after every step."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import cache, lru_cache
from hashlib import blake2b
from itertools import count
from typing import Any

import hub_in_memory
import structlog
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from broker.adapters.memory import MemoryBroker, MemoryLog, MemoryStore, MemoryTransaction
from broker.adapters.virtual_time import SeededRandomness, VirtualClock, VirtualTimeLoop, run_virtual
from broker.envelope import messages_in, origin_of
from broker.errors import Fenced, OwnFault, WorldFault
from broker.keys import SEAL_INFO, Keys
from broker.ports import Advance, Outgoing, Source
from broker.rules import checks, sealing
from broker.rules.checks import History, Leaf, Standing, Text, Violation, Watcher
from broker.rules.permits import Verifier
from broker.rules.records import whole
from broker.runtime import Limits, Worker
from broker.service import Service
from broker.tables import (
    TABLE_OF,
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
from broker.topics import MAXIMUM_RECORD_BYTES, Topics
from schemas.codec import decode, decode_all, encode, name_of
from schemas.records import (
    HoldConfirmed,
    InquiryAnswered,
    InquiryForwarded,
    InquiryRequested,
    Message,
)
from services import code_management, copies, inquiry, provision_log, resident_register, witness
from services.common import Terms
from services.health_support import service as health_support
from services.lists import Lists
from services.network import Network, NetworkKeys
from services.provision import Provider
from services.vrs.service import Vrs
from services.world import HEALTH_KINDS, Plan, World

SHARDS = 2
START_MS = 1_790_000_000_000
PLAN = Plan(residents=24, institutions=3, attached=2, at=START_MS - 1000)
BY_INQUIRY = ("institution_code", "record_identification_number")
BY_KIND = ("institution_code", "integrated_number", "spi_name_code")


class Crashed(BaseException):
    """The process is gone; nothing after this line happens."""


class Broken(AssertionError):  # noqa: N818 - the finding
    """A check failed; the text names the seed and everything that was found."""


# ── weather ──────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Weather:
    """What may happen at each call: a delay, a crash, an outage, a zombie, a late batch; and when it all stops."""

    rng: random.Random
    crash: float = 0.0
    outage: float = 0.0
    delay: float = 0.0
    late: float = 0.0
    zombie_seconds: float = 0.0
    calm: bool = False
    crashes: int = 0
    outages: int = 0
    zombies: int = 0
    late_batches: int = 0

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
        weather = self.weather
        if weather.calm:
            if self.dead:
                raise Crashed
            return
        if weather.delay and weather.rng.random() < 0.3:
            await asyncio.sleep(weather.rng.random() * weather.delay)
        self.reached(what)
        if weather.outage and weather.rng.random() < weather.outage:
            weather.outages += 1
            raise WorldFault(f"no answer to {what}")

    def reached(self, point: str) -> None:
        """At each named point of the runtime."""
        if self.dead:
            raise Crashed
        if not self.weather.calm and self.weather.crash and self.weather.rng.random() < self.weather.crash:
            self.weather.crashes += 1
            self.dead = True
            raise Crashed


# ── adapters that tell what they do ──────────────────────────────────────────────────────────────────────────────


class CountryBroker(MemoryBroker):
    """Tells the country of everything that is appended."""

    def __init__(self, appended: Callable[[Outgoing], None]) -> None:
        super().__init__()
        self._appended = appended

    def append(self, message: Outgoing) -> None:
        """See `MemoryBroker.append`."""
        super().append(message)
        self._appended(message)


class CountryLog(MemoryLog):
    """What was on its way when a process ended may still arrive: the rest of a batch, or all of it once more."""

    def __init__(self, broker: MemoryBroker, session: Session, later: Callable[[Sequence[Outgoing]], None]) -> None:
        super().__init__(broker, session)
        self._session = session
        self._later = later

    async def publish(self, batch: Sequence[Outgoing]) -> None:
        """See `Log.publish`."""
        weather = self._session.weather
        done = 0
        try:
            for message in batch:
                await self._session("publish")
                self.broker.append(message)
                done += 1
            await self._session("published")
        except BaseException:
            if weather.late and not weather.calm and weather.rng.random() < weather.late:
                weather.late_batches += 1
                self._later(batch if weather.rng.random() < 0.5 else batch[done:])
            raise


class CountryTransaction(MemoryTransaction):
    """A transaction that can be asked what it did."""

    @property
    def written(self) -> list[Any]:
        """The rows it writes."""
        return [row for _, rows, _ in self._writes for row in rows]

    @property
    def advanced(self) -> Advance | None:
        """The bookkeeping it commits."""
        return self._advance


class CountryStore(MemoryStore):
    """One process's connection to the country's tables; tells the country of every commit."""

    transaction_type: type[CountryTransaction] = CountryTransaction

    def __init__(self, tables: MemoryStore, session: Session, committed: Callable[[CountryTransaction], None]) -> None:
        self.tables, self.indexes, self.shards = tables.tables, tables.indexes, tables.shards
        self.locks = tables.locks
        self.journal = tables.journal
        self._weather = session
        self._committed = committed

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[CountryTransaction]:
        """See `Store.transaction`."""
        await self._weather("begin")
        transaction = self.transaction_type(self, self._weather)
        try:
            yield transaction
            await self._weather("commit")
            transaction.commit()
        finally:
            transaction.let_go()
        self._committed(transaction)
        await self._weather("committed")


# ── services with remembered keys ────────────────────────────────────────────────────────────────────────────────


@lru_cache(maxsize=4096)
def _wrapped(public_key: bytes, content_key: bytes) -> bytes:
    key = sealing.new_content_key(public_key, SEAL_INFO, content_key, 0)
    return key._head[3:]


class SteadySealer:
    """Seals like `broker.keys.Sealer`, with the same bytes for the same seed: wraps are remembered, keys numbered."""

    def __init__(self, process: int) -> None:
        self._process = process
        self._keys: dict[str, sealing.ContentKey] = {}

    def __call__(self, institution_code: str, public_key: bytes, plain: bytes, aad: bytes, now: int) -> bytes:
        """Sealed bytes that the institution can open."""
        key = self._keys.get(institution_code)
        if key is None or not key.usable(now):
            secret = blake2b(f"{institution_code}/{self._process % 50}".encode(), digest_size=32).digest()
            key = sealing.ContentKey(AESGCM(secret), _wrapped(public_key, secret), now)
            self._keys[institution_code] = key
        return sealing.seal(key, plain, aad)


class Ground(MemoryStore):
    """The tables of a country before anything has happened; copied for each country."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.keys = Keys(bytes([7]) * 32)
        self.world = World(plan, self.keys)
        self.put(self.world.directory())
        self.put(self.world.witness_duties(2))
        for rows in self.world.rows():
            self.put(rows)
        self.put(self.world.hub_rows())
        self.network_keys = NetworkKeys(self.keys.network_signing, self.keys.network_codes)
        self.network_public = self.keys.network_public

    def copy(self) -> MemoryStore:
        """The same rows in tables of their own."""
        other = MemoryStore()
        for kind, rows in self.tables.items():
            other.tables[kind].update(rows)
        for name, index in self.indexes.items():
            other.indexes[name].update({key: dict(rows) for key, rows in index.items()})
        return other


ground = cache(Ground)


def service_named(name: str, keys: Keys, process: int, base: Ground, terms: Terms = Terms()) -> Service:  # noqa: B008
    """One service as a new process makes it."""
    if name == "network":
        return Network(base.network_keys, Lists(), SeededRandomness(process).bytes).service()
    if name == "provision":
        draw, within = SeededRandomness(process).bytes, terms.cosigned_within_ms
        return Provider(
            Verifier(base.network_public), Lists(), SteadySealer(process), keys.salts, draw, within
        ).service()
    if name == "provision_log":
        return provision_log.service(keys.institutions.sign_checkpoint, terms)
    if name == "witness":
        return witness.service(keys.institutions.cosign)
    if name == "resident_register":
        return resident_register.service(keys.register)
    if name == "health_support":
        return health_support.service(LARGEST_TRANSMISSION, HEALTH_KINDS)
    if name == "vrs":
        return Vrs(keys.vrs).service()
    if name == "inquiry":
        return inquiry.service(SeededRandomness(process).bytes)
    if name == hub_in_memory.NAME:
        return hub_in_memory.SERVICE
    return {"code_management": code_management.SERVICE, "copies": copies.SERVICE}[name]


NAMES = (
    "code_management",
    "resident_register",
    "copies",
    "inquiry",
    "network",
    "provision",
    "provision_log",
    "witness",
)
EVERYBODY = (*NAMES, "health_support", "vrs", hub_in_memory.NAME)
LARGEST_TRANSMISSION = 20  # sub-copies in one transmission of this small country, instead of 200,000
LIMITS = Limits(
    batch_messages=5, wait_seconds=0.5, retry_seconds=0.05, lease_seconds=5, patience_seconds=1e9, timer_seconds=1.0
)


# ── the country ──────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Country:
    """All services on one memory broker and one memory store, watched at every step.

    log_type and store_type: the adapters of each process; a sabotage hands in worse ones.
    """

    seed: int
    loop: VirtualTimeLoop
    plan: Plan = PLAN
    weather: Weather = field(default_factory=lambda: Weather(random.Random(0)))
    limits: Limits = LIMITS
    watched: bool = True
    names: tuple[str, ...] = NAMES  # the services that run; the city's own only where they matter
    terms: Terms = Terms()  # noqa: RUF009 - a frozen value
    log_type: type[CountryLog] = CountryLog
    store_type: type[CountryStore] = CountryStore

    def __post_init__(self) -> None:
        self.base = ground(self.plan)
        self.keys, self.world = self.base.keys, self.base.world
        self.clock = VirtualClock(self.loop, START_MS)
        self.broker = CountryBroker(self._appended)
        self.store = self.base.copy()
        self.topics = Topics(SHARDS, frozenset(self.world.attached))
        self.protect = self.keys.protector(SeededRandomness(self.seed))
        self.faults: list[BaseException] = []
        self.found: list[Violation] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.landing = 0
        self._numbers = count()
        self._watcher = Watcher()
        self._leaves: dict[str, dict[str, Leaf]] = defaultdict(dict)
        self._leaf_of: dict[tuple[str, int], Leaf] = {}
        self._answers: dict[tuple[str, str], list[InquiryAnswered]] = defaultdict(list)
        self._forwarded: dict[str, list[InquiryForwarded]] = defaultdict(list)
        self._confirmations: dict[str, list[HoldConfirmed]] = defaultdict(list)
        self._offsets: dict[tuple[str, int], dict[Source, int]] = defaultdict(dict)

    # ── processes ────────────────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """One life-long task a service and shard."""
        self.tasks += [asyncio.create_task(self._life(name, shard)) for name in self.names for shard in range(SHARDS)]

    async def _life(self, name: str, shard: int) -> None:
        """Start the worker again whenever its process has crashed; sometimes the old one lives on beside the new."""
        while True:
            process = asyncio.create_task(self._process(name, shard, self.weather.session()))
            process.add_done_callback(self._ended)
            seconds = self.weather.zombie_seconds
            lifetime = self.weather.rng.expovariate(1 / seconds) if seconds and not self.weather.calm else None
            try:
                done, _ = await asyncio.wait([process], timeout=lifetime)
                if not done and not self.weather.calm:
                    # A zombie: the supervisor believes it dead and starts another, while it goes on until fenced.
                    self.weather.zombies += 1
                    self.tasks.append(process)
                    continue
                if not done:
                    await asyncio.wait([process])
            except asyncio.CancelledError:
                process.cancel()
                raise
            if self.faults:
                return
            await asyncio.sleep(0.01)

    def _ended(self, process: asyncio.Task[None]) -> None:
        fault = None if process.cancelled() else process.exception()
        if isinstance(fault, OwnFault) or (fault and not isinstance(fault, Crashed | Fenced | WorldFault)):
            self.faults.append(fault)

    async def _process(self, name: str, shard: int, session: Session) -> None:
        number = next(self._numbers)
        worker = Worker(
            service_named(name, self.keys, number, self.base, self.terms),
            shard,
            f"{name}-{shard}",
            topics=self.topics,
            log=self.log_type(self.broker, session, self.later),
            store=self.store_type(self.store, session, self._committed),
            clock=self.clock,
            protect=self.protect,
            limits=self.limits,
            reached=session.reached,
        )
        await worker.run()

    def later(self, batch: Sequence[Outgoing]) -> None:
        """These arrive after a while, in their order: a dead process's last batch."""
        self.landing += 1
        self.tasks.append(asyncio.create_task(self._land(batch)))

    async def _land(self, batch: Sequence[Outgoing]) -> None:
        await asyncio.sleep(self.weather.rng.random() * 3)
        for message in batch:
            await asyncio.sleep(self.weather.rng.random() * 0.05)
            self.broker.append(message)
        self.landing -= 1

    # ── messages and rows ────────────────────────────────────────────────────────────────────────────────────────

    def send(self, message: Message, topic: str = "", raw: bytes | None = None) -> None:
        """An institution's own producer: no cause, no id."""
        to = self.topics.destination(message)
        value = encode(message) if raw is None else raw
        self.broker.append(Outgoing(topic or to.topic, to.partition, to.key, value, (), self.clock.now_ms()))

    def said(self, kind: type[Any]) -> list[Any]:
        """Every message of a kind on its topics, repeats included."""
        name = kind.__name__
        return [
            decode(one.value)
            for topic in self.topics.names(kind)
            for record in self.broker.records(topic)
            for one, _ in messages_in(record, origin_of(record), MAXIMUM_RECORD_BYTES)
            if one.value and name_of(one.value) == name
        ]

    def rows(self, kind: type[Any]) -> list[Any]:
        """The rows of a table, in the order of their keys."""
        table = self.store.tables[kind]
        return [table[key] for key in sorted(table)]

    def answered(self, message: InquiryRequested) -> bool:
        """Whether the institution has its answer."""
        return (message.inquirer_institution_code, message.record_identification_number) in self._answers

    # ── looking ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _appended(self, message: Outgoing) -> None:
        kind = name_of(message.value)
        if kind not in ("InquiryAnswered", "InquiryForwarded", "HoldConfirmed", "MessagesBundled"):
            return
        for said in decode_all(message.value, MAXIMUM_RECORD_BYTES):
            self._heard(said)

    def _heard(self, said: Message) -> None:
        if isinstance(said, HoldConfirmed):
            self._confirmations[said.exchange_id].append(said)
        elif isinstance(said, InquiryForwarded):
            self._forwarded[said.exchange_id].append(said)
            self._look({said.exchange_id}, ())
        elif isinstance(said, InquiryAnswered):
            key = (said.inquirer_institution_code, said.record_identification_number)
            self._answers[key].append(said)
            self._look({row.exchange_id for row in self._kinds(key)}, (key,))

    def _kinds(self, key: tuple[str, str]) -> Iterable[Exchange]:
        return self.store.indexes[Exchange, BY_INQUIRY].get(key, {}).values()

    def _committed(self, transaction: CountryTransaction) -> None:
        exchanges: dict[str, None] = {}
        inquiries: dict[tuple[str, str], None] = {}
        leaves: list[Leaf] = []
        checkpoints: list[Checkpoint] = []
        for row in transaction.written:
            kind = type(row)
            if kind is LogRecord:
                leaf = self._leaf(row)
                leaves.append(leaf)
                exchanges[row.exchange_id] = None
            elif kind is Checkpoint:
                checkpoints.append(row)
            elif kind in (Exchange, NetworkExchange, Provision):
                exchanges[row.exchange_id] = None
            elif kind is Inquiry:
                inquiries[row.institution_code, row.record_identification_number] = None
        advance = transaction.advanced
        assert advance is not None
        standing = self._standing(advance)
        changed = History(leaves=leaves, checkpoints=checkpoints, standings=(standing,))
        if exchanges or inquiries:
            self._look(exchanges, inquiries, changed)
        else:
            self.found += self._watcher.see(changed)

    def _leaf(self, row: LogRecord) -> Leaf:
        key = (row.institution_code, row.sequence)
        known = self._leaf_of.get(key)
        if known is not None and known.row == row:
            return known
        leaf = self._leaf_of[key] = Leaf(row, whole(row.body, row.detail))
        self._leaves[row.exchange_id][f"{row.institution_code}/{row.sequence}"] = leaf
        return leaf

    def _standing(self, advance: Advance) -> Standing:
        offsets = {source: position.next_offset for source, position in advance.positions.items()}
        known = self._offsets[advance.service, advance.shard]
        for source, offset in offsets.items():
            if offset < known.get(source, 0):
                text = f"{source}: {known[source]}, then {offset}"
                self.found.append(Violation("positions_only_grow", f"{advance.service}/{advance.shard}", text))
        known.update(offsets)
        return Standing(advance.service, advance.shard, advance.epoch, advance.batch, {})

    def _look(
        self,
        exchanges: Iterable[str],
        inquiries: Iterable[tuple[str, str]],
        changed: History = History(),  # noqa: B008 - a frozen value
    ) -> None:
        """The checks on everything that concerns these exchanges."""
        if not self.watched:
            return
        table = self.store.tables[Exchange]
        wanted = dict.fromkeys(exchanges)
        keys = dict.fromkeys(inquiries)
        for name in wanted:
            row = table.get((name,))
            if row is not None:
                keys[row.institution_code, row.record_identification_number] = None
        for key in keys:
            wanted.update(dict.fromkeys(row.exchange_id for row in self._kinds(key)))
        part = self.part(tuple(wanted), tuple(keys))
        self.found += checks.violations(part, checks.OF_EXCHANGES)
        self.found += self._watcher.see(
            part._replace(leaves=changed.leaves, checkpoints=changed.checkpoints, standings=changed.standings)
        )

    def part(self, names: Sequence[str], keys: Sequence[tuple[str, str]]) -> History:
        """All of the history that concerns these exchanges and inquiries."""
        tables, indexes = self.store.tables, self.store.indexes
        provisions = [row for name in names for row in indexes[Provision, ("exchange_id",)].get((name,), {}).values()]
        leaves = [leaf for name in names for leaf in self._leaves.get(name, {}).values()]
        bindings: list[CodeBinding] = []
        copied: list[CopyRecord] = []
        for row in provisions:
            binding = tables[CodeBinding].get((row.institution_code, row.linkage_code))
            asked = tables[Exchange].get((row.exchange_id,))
            if binding is not None and asked is not None and row.state == "CLOSED":
                bindings.append(binding)
                person = (row.institution_code, binding.integrated_number, asked.spi_name_code)
                copied += indexes[CopyRecord, BY_KIND].get(person, {}).values()
        return History(
            inquiries=[row for key in keys if (row := tables[Inquiry].get(key))],
            exchanges=[row for name in names if (row := tables[Exchange].get((name,)))],
            network_exchanges=[row for name in names if (row := tables[NetworkExchange].get((name,)))],
            provisions=provisions,
            copies=copied,
            bindings=bindings,
            leaves=leaves,
            answers=[answer for key in keys for answer in self._answers.get(key, ())],
            forwarded=[message for name in names for message in self._forwarded.get(name, ())],
            confirmations=[message for name in names for message in self._confirmations.get(name, ())],
        )

    def history(self) -> History:
        """Everything that has happened."""
        return History(
            inquiries=self.rows(Inquiry),
            exchanges=self.rows(Exchange),
            network_exchanges=self.rows(NetworkExchange),
            provisions=self.rows(Provision),
            copies=self.rows(CopyRecord),
            bindings=self.rows(CodeBinding),
            codes=self.rows(NetworkCode),
            leaves=[self._leaf(row) for row in self.rows(LogRecord)],
            heads=self.rows(LogHead),
            pair_heads=self.rows(PairHead),
            checkpoints=self.rows(Checkpoint),
            duties=self.rows(WitnessDuty),
            cosignatures=self.rows(Cosignature),
            witnessed=self.rows(WitnessedLog),
            forks=self.rows(LogFork),
            answers=[one for said in self._answers.values() for one in said],
            forwarded=[one for said in self._forwarded.values() for one in said],
            confirmations=[one for said in self._confirmations.values() for one in said],
            standings=self.standings(),
            ends={source: len(log) for source, log in self.broker.logs.items()},
            texts=list(self.texts()),
        )

    def standings(self) -> list[Standing]:
        """Where every shard stands."""
        return [
            Standing(
                *key,
                shard.epoch,
                shard.batch,
                {source: position.next_offset for source, position in shard.positions.items()},
                tuple(sorted(shard.outbox)),
            )
            for key, shard in sorted(self.store.shards.items())
        ]

    def texts(self) -> Iterator[Text]:
        """Every message and every row, for the scans."""
        said = {(record.topic, record.key, record.value) for log in self.broker.logs.values() for record in log}
        yield from (Text(topic, key + b" " + (value or b"")) for topic, key, value in sorted(said))
        for kind, rows in self.store.tables.items():
            before = self.base.tables[kind]
            for key, row in rows.items():
                if before.get(key) is not row:
                    yield Text(TABLE_OF[kind].name, repr(row).encode())

    # ── coming to rest ───────────────────────────────────────────────────────────────────────────────────────────

    def raise_if_broken(self) -> None:
        """Broken or the fault itself when anything went wrong so far."""
        if self.faults:
            raise self.faults[0]
        if self.found:
            lines = "\n".join(map(str, self.found[:10]))
            raise Broken(f"seed {self.seed}: {len(self.found)} violations\n{lines}")

    def under_way(self) -> str:
        """What has not come to its end yet, in words; holds and permits may stay open for days."""
        if self.landing:
            return f"{self.landing} late batches"
        for name in self.names:
            for shard in range(SHARDS):
                standing = self.store.shards[name, shard]
                if standing.outbox:
                    return f"{name}/{shard}: {len(standing.outbox)} batches in the outbox"
                for source in self._sources(name, shard):
                    position = standing.positions.get(source)
                    if (position.next_offset if position else 0) < len(self.broker.logs[source]):
                        return f"{name}/{shard} has not read all of {source}"
        now = self.clock.now_ms()
        for head in self.store.tables[LogHead].values():
            if head.checkpoint_due_at:
                return f"a checkpoint of {head.institution_code} is due"
        for name in self.names:
            for timer in service_named(name, self.keys, 0, self.base, self.terms).timers:
                place = timer.row._fields.index(timer.column)
                for row in self.store.tables[timer.row].values():
                    if 0 < row[place] <= now and (not timer.states or row.state in timer.states):
                        return f"{timer.row.__name__} {row[0]} is due"
        return ""

    def _sources(self, name: str, shard: int) -> tuple[Source, ...]:
        return _sources(self.topics.attached, name, shard)

    async def until(self, there: Callable[[], Any], seconds: float = 120) -> bool:
        """Wait until it is so, at most so many virtual seconds; whether it is."""
        end = self.loop.time() + seconds
        while not there():
            if self.loop.time() > end:
                return False
            await asyncio.sleep(0.1)
            self.raise_if_broken()
        return True

    async def drain(self, seconds: float = 120) -> None:
        """Let everything that waits come to its end; time is virtual. Broken when it does not: liveness."""
        if not await self.until(lambda: not self.under_way(), seconds):
            raise Broken(f"seed {self.seed}: not drained after {seconds} s: {self.under_way()}")
        self.raise_if_broken()


@cache
def _sources(attached: frozenset[str], name: str, shard: int) -> tuple[Source, ...]:
    base = ground(PLAN)
    return Topics(SHARDS, attached).sources(service_named(name, base.keys, 0, base).hears, shard)


@contextmanager
def quiet() -> Iterator[None]:
    """No log lines meanwhile."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50), cache_logger_on_first_use=False)
    try:
        yield
    finally:
        structlog.configure(**before)


def run(scene: Callable[[Country], Any], **options: Any) -> Country:
    """Run an async scene in a country of its own and return the country."""
    loop = VirtualTimeLoop()
    asyncio.set_event_loop(loop)
    country = Country(loop=loop, **options)

    async def main() -> None:
        country.start()
        try:
            await scene(country)
        finally:
            country.weather.calm = True

    try:
        with quiet():
            run_virtual(main(), loop)
    finally:
        asyncio.set_event_loop(None)
    return country
