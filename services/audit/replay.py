"""`chukan audit replay`: the past decided again by today's services, sealed off, and held against what happened.

Owns the engine: every journalled batch is served once more by the real runtime and the real service, on the messages it
read then, at the moment it was decided at, over tables in memory. Whatever it says and writes is compared with what was
said and is kept. Nothing is published and nothing of an installation is written.

Each service reads what was said *then*, so a difference stays with the service that makes it and with the exchange it
is about. Two transactions that overlapped may have seen each other or not: when a batch comes out otherwise, the
replay hides what overlapping batches wrote to the rows that it read; if that explains the past, it is no difference
but counted (`overlaps`). Chance is handed in as it was recorded (`replay_compare.CHANCE`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from broker.adapters.memory import MemoryBroker, MemoryLog, MemoryStore, MemoryTransaction
from broker.envelope import ID_PLACE, Origin, messages_in, origin_of, outgoing, unpack, weight
from broker.errors import OwnFault
from broker.facts import KEY_OF, LOOKUP_OF
from broker.journal import HUB, Changed, Journalled, Step, is_of_a_hub
from broker.keys import SEAL_INFO, Keys, Sealer
from broker.ports import Cause, Delivered, Outgoing, Position, Randomness, Source, Transaction
from broker.rules.identity import JST
from broker.rules.sealing import SealingError, UnwrappedKeys, open_sealed
from broker.runtime import Worker
from broker.service import Service
from broker.tables import TABLE_OF, TABLES, Checkpoint, LogHead, LogRecord, SetAside
from broker.topics import MAXIMUM_RECORD_BYTES, Topics, sender_of
from schemas.codec import Undecodable, decode
from schemas.codec import name_of as type_named
from schemas.records import Message, ProvisionAnswered, RecordEntry, RecordErasureOrdered, RecordsSubmitted
from services import provision
from services.audit.replay_compare import (
    MISSING,
    OF_THE_BATCH,
    WHOLE,
    Difference,
    different_fields,
    exchange_of,
    row_differences,
    same_entries,
    vouched,
)
from services.audit.replay_history import NOWHERE, History, Unreplayable

WRITTEN_ONCE = (LogRecord, Checkpoint, SetAside)
"""Nobody reads these tables again: their rows are compared and let go. But for records that were ordered erased."""

OUTSIDE = (f"{HUB}_", "staff_", "portal_notices")
"""Tables that no service writes: the hub's, the desk's accounts and sessions, an office's notices. What staff decided
came to the services as messages, and is replayed."""

ROWS_AT_ONCE = 1_000
DIFFERENCES_KEPT = 5_000
RECENT_STEPS = 256
TOLD_STEPS = 20
OVERLAP_MS = 10_000
TRIES = 6
FRUITLESS = 200  # so many batches in vain: the differences are of another sort, and looking on would only take time
LOOK_BACK = 4_096  # a commit that took long may turn up below steps already done
NEVER = Cause(-1, -1)
NONE = Delivered("", 0, NOWHERE, b"", b"", (), 0)

Tell = Callable[[str, int, int], None]
Undo = tuple[type[Any], tuple[Any, ...], Any, Any]
"""table, key, row before, row after."""


# ── tables that can go back ──────────────────────────────────────────────────────────────────────────────────────


class Outcome(NamedTuple):
    """What came of a batch when it was decided again. said: how many messages."""

    said: int
    changes: tuple[Undo, ...]
    finished: list[Any]
    differences: list[Difference]


class Applied(NamedTuple):
    """What a step did to the tables. origin, batch: whose it was; empty and 0 for an operator's."""

    origin: str
    batch: int
    at: int
    changes: tuple[Undo, ...]


class ReplayStore(MemoryStore):
    """Tables in memory that remember what each step did to them. Rows written once are handed out by `finished`.

    needed: keys of records that somebody will ask for again.
    """

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[Undo] = []
        self.finished: list[Any] = []
        self.needed: set[tuple[Any, ...]] = set()
        self.reads: set[tuple[Any, ...]] | None = None
        self.asked = 0

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """See `Store.transaction`."""
        transaction = ReplayTransaction(self, self._weather)
        yield transaction
        transaction.commit()

    def write_row(self, row: Any) -> None:
        """See `MemoryStore.write_row`."""
        kind = type(row)
        key = KEY_OF[kind](row)
        if kind in WRITTEN_ONCE and not (kind is LogRecord and key in self.needed):
            self.finished.append(row)
            return
        before = self.tables[kind].get(key)
        self.changes.append((kind, key, before, row))
        super().write_row(row)

    def drop(self, kind: type[Any], key: tuple[Any, ...]) -> None:
        """See `MemoryStore.drop`."""
        self.changes.append((kind, key, self.tables[kind].get(key), None))
        super().drop(kind, key)

    def taken(self) -> tuple[tuple[Undo, ...], list[Any]]:
        """What was changed and finished since the last time."""
        found = tuple(self.changes), self.finished
        self.changes, self.finished = [], []
        return found

    def put_back(self, kind: type[Any], key: tuple[Any, ...], row: Any) -> None:
        """The row as it was, without being remembered."""
        if row is None:
            self._take_out(kind, key)
        else:
            super().write_row(row)

    def undo(self, changes: Sequence[Undo]) -> None:
        """As before these changes."""
        for kind, key, before, _ in reversed(changes):
            self.put_back(kind, key, before)

    def hide(self, steps: Sequence[Applied]) -> list[Undo]:
        """As if these steps, the last first, had not been committed yet; what somebody wrote over stays."""
        hidden = []
        for step in steps:
            for kind, key, before, after in reversed(step.changes):
                if self.tables[kind].get(key) is after:
                    self.put_back(kind, key, before)
                    hidden.append((kind, key, before, after))
        return hidden

    def show(self, hidden: Sequence[Undo]) -> None:
        """They are committed now, but for what was written meanwhile."""
        for kind, key, before, after in reversed(hidden):
            if self.tables[kind].get(key) is before:
                self.put_back(kind, key, after)


class ReplayTransaction(MemoryTransaction):
    """Remembers which rows were looked for, while the store wants to know."""

    _store: ReplayStore

    async def rows(self, kind: type[Any], keys: Sequence[tuple[Any, ...]]) -> list[Any]:
        """See `Transaction.rows`."""
        if self._store.reads is not None:
            self._store.reads.update((kind, key) for key in keys)
        return await super().rows(kind, keys)

    async def find(self, kind: type[Any], lookup: tuple[str, ...], keys: Sequence[tuple[Any, ...]]) -> list[Any]:
        """See `Transaction.find`."""
        if self._store.reads is not None:
            self._store.reads.update((kind, lookup, key) for key in keys)
        return await super().find(kind, lookup, keys)


def is_read(change: Undo, reads: set[tuple[Any, ...]]) -> bool:
    """Whether a changed row was among those looked for."""
    kind, key, before, after = change
    if (kind, key) in reads:
        return True
    return any(
        (kind, lookup, LOOKUP_OF[kind, lookup](row)) in reads
        for lookup in TABLE_OF[kind].lookups
        for row in (before, after)
        if row is not None
    )


# ── what was said, partition by partition ────────────────────────────────────────────────────────────────────────


@dataclass
class Tape:
    """One partition as far as it was read. inputs: what a service has yet to hear, from offset heard_to on; seen: each
    origin's last cause."""

    source: Source
    heard: bool
    next: int = 0
    heard_to: int = 0
    inputs: deque[Delivered] = field(default_factory=deque)
    seen: dict[str, Cause] = field(default_factory=dict)

    @property
    def of_services(self) -> bool:
        """Whether services speak here, so that a cause can be believed."""
        return sender_of(self.source[0]) == "" or self.source[0].endswith(".replies")

    def take(self, records: Sequence[Delivered], said: dict[str, dict[int, dict[str, Delivered]]]) -> None:
        """The next records of the partition; those of services are added to `said`, but for what was said before."""
        self.next = records[-1].offset + 1
        if self.heard:
            self.inputs.extend(records)
        if not self.of_services:
            return
        for record in records:
            origin = told_by(record)
            if origin.cause is None or origin.cause <= self.seen.get(origin.source, NEVER):
                continue
            self.seen[origin.source] = origin.cause
            said.setdefault(origin.source, {}).setdefault(origin.cause.batch, {})[origin.id] = record


class RecordedChance:
    """Seals as it was sealed then: hands out the recorded answer when it holds exactly what would be sealed now."""

    def __init__(self, keys: Keys, randomness: Randomness) -> None:
        self._keys = keys
        self._sealer = Sealer(randomness)
        self._private: dict[tuple[str, bytes], bytes] = {}
        self._unwrapped: UnwrappedKeys = {}
        self.recorded: dict[bytes, bytes] = {}

    def __call__(self, institution_code: str, public_key: bytes, plain: bytes, aad: bytes, now: int) -> bytes:
        """See `services.provision.Seal`."""
        recorded = self.recorded.get(aad, b"")
        if recorded and self._opened(institution_code, public_key, recorded, aad) == plain:
            return recorded
        return self._sealer(institution_code, public_key, plain, aad, now)

    def _opened(self, institution_code: str, public_key: bytes, recorded: bytes, aad: bytes) -> bytes | None:
        whose = institution_code, public_key
        private = self._private.get(whose)
        if private is None:
            private = self._private[whose] = self._keys.institutions.sealing_private_of(institution_code, public_key)
        try:
            return open_sealed(recorded, private, SEAL_INFO, aad, self._unwrapped)
        except SealingError:
            return None


class Moment:
    """A clock that shows the moment of the batch that is decided again."""

    def __init__(self) -> None:
        self.at = 0

    def now_ms(self) -> int:
        """See `broker.ports.Clock`."""
        return self.at


class Silence(MemoryLog):
    """A log of no messages, which nothing is ever published to."""

    async def start(self, positions: Mapping[Source, int]) -> None:  # noqa: ARG002 - the port's signature
        """Nothing to read."""
        self._started = True

    async def publish(self, batch: Sequence[Outgoing]) -> None:  # noqa: ARG002 - the port's signature
        """Nothing leaves a replay."""
        raise OwnFault("a replay publishes nothing")


# ── the replay ───────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Counts:
    """How much was replayed and compared."""

    steps: int = 0
    batches: int = 0
    messages_read: int = 0
    messages_compared: int = 0
    rows_compared: int = 0
    overlaps: int = 0
    differences: int = 0


@dataclass
class State:
    """Everything an interrupted replay goes on from. said: what was read of the topics and is not yet compared, by
    origin, batch and id."""

    store: ReplayStore
    tapes: dict[Source, Tape]
    said: dict[str, dict[int, dict[str, Delivered]]] = field(default_factory=dict)
    place: int = 0
    done: set[int] = field(default_factory=set)
    counts: Counts = field(default_factory=Counts)
    differences: list[Difference] = field(default_factory=list)
    recent: deque[Applied] = field(default_factory=lambda: deque(maxlen=RECENT_STEPS))
    written: dict[str, int] = field(default_factory=dict)
    patience: int = FRUITLESS


class Keeps(Protocol):
    """What keeps the state of a replay for a later one."""

    def due(self) -> bool:
        """Whether it is time."""

    def keep(self, state: State) -> None:
        """Keep it."""


Make = Callable[[RecordedChance], Mapping[str, Service]]


def new_state(start: Iterable[Any], topics: Topics, services: Iterable[Service]) -> State:
    """Tables as they were before the first message, and nothing read."""
    store = ReplayStore()
    for row in start:
        store.put_back(type(row), KEY_OF[type(row)](row), row)
    heard = {name for service in services for kind in service.hears for name in topics.names(kind)}
    sources = [(spec.name, n) for spec in topics.specs() for n in range(spec.partitions)]
    return State(store, {source: Tape(source, source[0] in heard) for source in sources})


class Replayer:
    """One replay of one history. `run` to the end; `state` is what a later one may go on from."""

    def __init__(
        self,
        history: History,
        make: Make,
        keys: Keys,
        randomness: Randomness,
        topics: Topics,
        start: Iterable[Any],
        *,
        state: State | None = None,
        tell: Tell = lambda *_: None,
        keeper: Keeps | None = None,
    ) -> None:
        """make: the services, with what seals for them. keeper: asked after each step whether to keep the state."""
        self._history = history
        self._chance = RecordedChance(keys, randomness)
        self._services = make(self._chance)
        self._topics = topics
        self._tell = tell
        self._keeper = keeper
        self._protect = keys.protector(randomness)
        self._decrypt = keys.unprotect
        self._clock = Moment()
        self._workers: dict[tuple[str, int], Worker] = {}
        self._outboxes: Mapping[tuple[str, int, int], Mapping[str, Delivered]] = {}
        self._unstorable: dict[tuple[str, str, int, int], set[int]] = {}
        self._ended: set[Source] = set()
        self._finished: list[tuple[int, Any]] = []
        self._comparing: asyncio.Task[None] | None = None
        self._of_batches: frozenset[int] = frozenset()
        self.state = state if state is not None else new_state(start, topics, self._services.values())

    # ── the whole of it ──────────────────────────────────────────────────────────────────────────────────────────

    async def run(self) -> State:
        """Every step from where the state stands, then what is left on the topics, then the rows that are kept."""
        state = self.state
        if self._history.gone.place > state.place:
            day = datetime.fromtimestamp(self._history.gone.at / 1000, JST).strftime("%Y-%m-%d %H:%M:%S JST")
            raise Unreplayable(
                f"{day} までの過去は消えています（電文の保存期間が過ぎたあとの erase expired）。"
                "書き出し（--export）からなら再実行できます / "
                f"the past before {day} is gone (erase expired, after Kafka had let its messages go); "
                "replay from an earlier export"
            )
        lost = sorted(f"{topic}/{partition}" for topic, partition in self._history.lost)
        if lost:
            raise Unreplayable(
                f"{lost[0]} の最初の電文は消えています（保存期間の経過、または erase purge）。"
                "書き出し（--export）からなら再実行できます / "
                f"its first messages are gone (retention, or a purge), of {len(lost)} partitions; "
                "replay from an earlier export"
            )
        self._outboxes = {
            (service, shard, batch): kept_in(body, f"{service}/{shard}", batch)
            for (service, shard, batch), body in (await self._history.outboxes()).items()
        }
        async for rows in self._history.every(SetAside):
            for row in rows:
                if row.rule == "UNSTORABLE":
                    where = (row.service, row.topic, row.partition, row.record_offset)
                    self._unstorable.setdefault(where, set()).add(row.place)
        state.store.needed = await self._ordered_erased()
        total = await self._history.count()
        page = await self._history.steps(max(0, state.place - LOOK_BACK))
        while page:
            # A service's row stands before its batch, perhaps on the page before.
            await self._compared()
            following = await self._history.steps(page[-1].place)
            both = (*page, *following)
            self._of_batches = frozenset(one.transaction for one in both if isinstance(one, Journalled))
            for step in page:
                if step.place not in state.done:
                    await self._step(step)
                    self._finish(step)
                    await self._look_up(total)
            page = following
        await self._compare_finished()
        await self._leftovers()
        await self._compare_rows()
        return state

    async def _ordered_erased(self) -> set[tuple[Any, ...]]:
        """The records that operators ordered erased: their service looks at them again."""
        found: set[tuple[Any, ...]] = set()
        for topic in self._topics.names(RecordErasureOrdered):
            for partition in range(self._topics.partition_count(topic)):
                offset = 0
                while records := await self._history.records((topic, partition), offset):
                    offset = records[-1].offset + 1
                    orders = [decoded(record.value) for record in records]
                    found.update(
                        (order.institution_code, sequence)
                        for order in orders
                        if isinstance(order, RecordErasureOrdered)
                        for sequence in order.sequences
                    )
        return found

    def _finish(self, step: Step) -> None:
        state = self.state
        state.place = max(state.place, step.place)
        state.done.add(step.place)
        if len(state.done) > 2 * LOOK_BACK:
            state.done = {place for place in state.done if place > state.place - LOOK_BACK}
        state.counts.steps += 1

    async def _look_up(self, total: int) -> None:
        """Between two steps: tell how far it is, and keep the state when it is time."""
        if self.state.counts.steps % TOLD_STEPS == 0:
            self._tell("再実行 / replay", self.state.counts.steps, total)
        if self._keeper is not None and self._keeper.due():
            await self._compare_finished()
            self._keeper.keep(self.state)

    async def _step(self, step: Step) -> None:
        if isinstance(step, Changed):
            self._change(step)
        elif not is_of_a_hub(step.service):
            await self._batch(step)

    def _change(self, step: Changed) -> None:
        """What an operator wrote is an input like any other; what a service wrote is decided again."""
        if step.transaction and step.transaction in self._of_batches:
            return
        store = self.state.store
        if step.after is None and step.before is not None:
            store.drop(type(step.before), KEY_OF[type(step.before)](step.before))
        elif step.after is not None:
            store.write_row(step.after)
        changes, _ = store.taken()
        self.state.recent.append(Applied("", 0, step.at, changes))

    # ── one batch ────────────────────────────────────────────────────────────────────────────────────────────────

    def _worker(self, name: str, shard: int) -> Worker:
        worker = self._workers.get((name, shard))
        if name not in self._services:
            raise Unreplayable(f"{name} というサービスはもうありません / there is no service {name} any more")
        if worker is None:
            worker = self._workers[name, shard] = Worker(
                self._services[name],
                shard,
                "replay",
                topics=self._topics,
                log=Silence(MemoryBroker()),
                store=self.state.store,
                clock=self._clock,
                protect=self._protect,
            )
        return worker

    async def _batch(self, step: Journalled) -> None:
        state = self.state
        shard = state.store.shards[step.service, step.shard]
        positions = dict(shard.positions)
        records = await self._inputs(step)
        if step.service == provision.NAME:
            await self._recall(step)
        state.counts.batches += 1
        state.counts.messages_read += sum(map(weight, records))
        outcome = await self._outcome(step, records)
        if outcome.differences and state.patience:
            outcome = await self._explained(step, records, positions, outcome)
        self._settle(step, outcome)
        state.recent.append(Applied(f"{step.service}/{step.shard}", step.batch, step.at, outcome.changes))
        self._finished += [(step.at, row) for row in outcome.finished]
        if len(self._finished) >= ROWS_AT_ONCE:
            await self._compare_meanwhile()

    async def _outcome(self, step: Journalled, records: Sequence[Delivered]) -> Outcome:
        said = await self._again(step, records)
        changes, finished = self.state.store.taken()
        return Outcome(sum(weight(laid(one)) for one in said), changes, finished, await self._compare(step, said))

    async def _again(self, step: Journalled, records: Sequence[Delivered]) -> list[Outgoing]:
        self._clock.at = step.at
        # What the database refused then, the tables in memory would take.
        refused = self._unstorable.get((step.service, *records[0][:3]), ()) if len(records) == 1 else ()
        said = await self._worker(step.service, step.shard).again(step.batch, records, frozenset(refused))
        self.state.store.shards[step.service, step.shard].outbox.clear()
        return said

    async def _inputs(self, step: Journalled) -> list[Delivered]:
        """The messages the batch read then. One that is no longer there is a difference."""
        found: list[Delivered] = []
        for source, upto in step.offsets.items():
            tape = self.state.tapes[source]
            while tape.next < upto and await self._read(tape):
                pass
            before = tape.heard_to
            while tape.inputs and tape.inputs[0].offset < upto:
                record = tape.inputs.popleft()
                self._gap(step, source, before, record.offset)
                before = record.offset + 1
                found.append(record)
            self._gap(step, source, before, upto)
            tape.heard_to = upto
        return found

    def _gap(self, step: Journalled, source: Source, expected: int, offset: int) -> None:
        for missing in range(expected, min(offset, expected + 100)):
            where = f"{source[0]}/{source[1]} offset {missing}"
            reader = f"read by {step.service}/{step.shard} batch {step.batch}"
            self._tell_of(Difference("", where, "message", WHOLE, reader, MISSING, step.at))

    async def _read(self, tape: Tape) -> bool:
        """Read on; False at the end of the partition."""
        if tape.source in self._ended:
            return False
        records = await self._history.records(tape.source, tape.next)
        if not records:
            self._ended.add(tape.source)
            return False
        tape.take(records, self.state.said)
        return True

    async def _recall(self, step: Journalled) -> None:
        """Have the answers that this batch sealed then ready to be handed in."""
        origin = f"{step.service}/{step.shard}"
        self._chance.recorded.clear()
        for topic in self._topics.names(ProvisionAnswered):
            tape = self.state.tapes[topic, step.shard]
            while tape.seen.get(origin, NEVER).batch <= step.batch and await self._read(tape):
                pass
        records = [*self.state.said.get(origin, {}).get(step.batch, {}).values(), *self._outbox(step).values()]
        answers = set(self._topics.names(ProvisionAnswered))
        for one in messages_of(record for record in records if record.topic in answers).values():
            answer = decoded(one.value)
            if isinstance(answer, ProvisionAnswered):
                self._chance.recorded[answer.exchange_id.encode()] = answer.sealed_answer

    def _outbox(self, step: Journalled) -> Mapping[str, Delivered]:
        return self._outboxes.get((step.service, step.shard, step.batch), {})

    # ── comparing a batch ────────────────────────────────────────────────────────────────────────────────────────

    async def _read_on(self, step: Journalled, source: Source, identity: str) -> Delivered | None:
        """The record with this id as the batch said it then, the partition read as far as that takes."""
        tape = self.state.tapes[source]
        origin = f"{step.service}/{step.shard}"
        while True:
            found = self.state.said.get(origin, {}).get(step.batch, {}).get(identity)
            if found is not None:
                return found
            if tape.seen.get(origin, NEVER).batch > step.batch or not await self._read(tape):
                return None

    async def _compare(self, step: Journalled, said: Sequence[Outgoing]) -> list[Difference]:
        """Records that are the same byte for byte are never opened; of the others every message is compared."""
        moved: list[Difference] = []
        same: set[str] = set()
        others: list[Delivered] = []
        for message in said:
            identity = message.headers[ID_PLACE][1].decode()
            source = (message.topic, message.partition)
            then = await self._read_on(step, source, identity) or self._outbox(step).get(identity)
            if then is not None and then.value == message.value and then[:2] == source:
                moved += self._carried(step, then, message)
                same.add(identity)
            else:
                others.append(laid(message))
        for record in others:
            await self._read_on(step, record[:2], "nothing, to the end of the batch")
        there = {**self._outbox(step), **self.state.said.get(f"{step.service}/{step.shard}", {}).get(step.batch, {})}
        left = [record for identity, record in there.items() if identity not in same]
        found = self._compare_messages(step, messages_of(left), messages_of(others), moved) if left or others else []
        # A message more or less moves all that follow it in the batch: that is no news.
        return found or moved

    def _compare_messages(
        self, step: Journalled, then: Mapping[str, Delivered], now: Mapping[str, Delivered], moved: list[Difference]
    ) -> list[Difference]:
        found: list[Difference] = []
        lanes: dict[str, tuple[list[RecordEntry], list[RecordEntry]]] = {}
        for identity in dict.fromkeys([*now, *then]):
            before, after = then.get(identity), now.get(identity)
            name = type_named((after or before or NONE).value or b"")
            if name == RecordsSubmitted.__name__:
                for side, record in enumerate((before, after)):
                    if record is not None:
                        lanes.setdefault(record.key.decode(), ([], []))[side].extend(entries_of(record.value))
            elif after is None and before is not None:
                found.append(extra(step.at, f"{step.service}/{step.shard} batch {step.batch}", before))
            elif after is not None:
                for one in self._message(step, name, before, after):
                    (moved if (one.what, one.field) in OF_THE_BATCH else found).append(one)
        for lane, sides in lanes.items():
            found += self._entries(step, lane, *sides)
        return found

    def _carried(self, step: Journalled, then: Delivered, now: Outgoing) -> list[Difference]:
        """Same bytes; but key, time and headers belong to what was said too."""
        if then.offset == NOWHERE:
            return []
        if then.key == now.key and then.at == now.at and tuple(then.headers) == now.headers:
            return []
        about = exchange_of(decode(now.value))
        sides = (
            ("key", then.key, now.key),
            ("timestamp", then.at, now.at),
            ("headers", _headers(then.headers), _headers(now.headers)),
        )
        where, name = _where(step, now), type_named(now.value)
        return [Difference(about, where, name, what, a, b, step.at) for what, a, b in sides if a != b]

    def _message(self, step: Journalled, name: str, then: Delivered | None, now: Delivered) -> list[Difference]:
        after, where = decode(now.value), _where(step, now)
        about = exchange_of(after)
        if then is None:
            return [Difference(about, where, name, WHOLE, MISSING, name, step.at)]
        before = decoded(then.value)
        if before is None:
            return [Difference(about, where, name, WHOLE, then.value, now.value, step.at)]
        found = [
            Difference(one or about, where, name, path, a, b, step.at)
            for one, path, a, b in different_fields(before, after)
        ]
        if then[:2] != now[:2]:
            found.append(Difference(about, where, name, "partition", f"{then.topic}/{then.partition}", where, step.at))
        return found

    def _entries(
        self, step: Journalled, lane: str, then: Sequence[RecordEntry], now: Sequence[RecordEntry]
    ) -> list[Difference]:
        """The records of a lane, however they were gathered into messages."""
        if same_entries(then, now):
            return []
        where = f"{step.service}/{step.shard} batch {step.batch} → lane {lane}"
        found = [
            Difference(one.exchange_id, where, "RecordEntry", "detail", "not what the body names", MISSING, step.at)
            for one in then
            if not vouched(one)
        ]
        fields = different_fields(tuple(then), tuple(now), "entries")
        return found + [Difference(one, where, "RecordsSubmitted", path, a, b, step.at) for one, path, a, b in fields]

    def _settle(self, step: Journalled, outcome: Outcome) -> None:
        """The batch is over: what it said is let go. What earlier batches said beyond it turned up too late."""
        origin = f"{step.service}/{step.shard}"
        batches = self.state.said.get(origin, {})
        batches.pop(step.batch, None)
        self._let_go(origin, step.batch - 1)
        self.state.counts.messages_compared += outcome.said
        for one in outcome.differences:
            self._tell_of(one)

    def _let_go(self, origin: str, last: int) -> None:
        """Messages of batches up to this one that no replayed batch said."""
        batches = self.state.said.get(origin, {})
        for batch in [number for number in batches if number <= last]:
            for record in messages_of(batches.pop(batch).values()).values():
                self._tell_of(extra(record.at, f"{origin} batch {batch}", record))

    def _tell_of(self, one: Difference) -> None:
        self.state.counts.differences += 1
        if len(self.state.differences) < DIFFERENCES_KEPT:
            self.state.differences.append(one)

    # ── transactions that overlapped ─────────────────────────────────────────────────────────────────────────────

    async def _explained(
        self, step: Journalled, records: Sequence[Delivered], positions: Mapping[Source, Position], first: Outcome
    ) -> Outcome:
        """The batch once more, as if it had not seen some of what was committed while it ran; what came first when
        that does not explain the past."""
        state, store = self.state, self.state.store
        known = causes_of(records)
        known[f"{step.service}/{step.shard}"] = step.batch
        near = [
            one
            for one in state.recent
            if (not one.at or one.at >= step.at - OVERLAP_MS) and one.batch > known.get(one.origin, -1)
        ]
        if not near:
            return first
        store.undo(first.changes)
        store.reads = set()
        again = await self._once_more(step, records, positions)
        reads, store.reads = store.reads, None
        store.undo(again.changes)
        seen = [one for one in reversed(near) if any(is_read(change, reads) for change in one.changes)]
        guesses = [seen[:count] for count in range(1, len(seen) + 1)] + [[one] for one in seen[1:]]
        for guess in guesses[:TRIES]:
            hidden = store.hide(guess)
            other = await self._once_more(step, records, positions)
            if other.differences:
                store.undo(other.changes)
            store.show(hidden)
            if not other.differences:
                state.counts.overlaps += 1
                state.patience = FRUITLESS
                return other
        state.patience -= bool(seen)
        return await self._once_more(step, records, positions)

    async def _once_more(
        self, step: Journalled, records: Sequence[Delivered], positions: Mapping[Source, Position]
    ) -> Outcome:
        """A fresh worker on the positions from before the batch."""
        shard = self.state.store.shards[step.service, step.shard]
        shard.positions = dict(positions)
        shard.owner, shard.lease_until = "", 0
        self._workers.pop((step.service, step.shard), None)
        return await self._outcome(step, records)

    # ── rows ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _compare_finished(self) -> None:
        """Rows that nobody reads again, against those that are kept."""
        await self._compare_meanwhile()
        await self._compared()

    async def _compare_meanwhile(self) -> None:
        """The same, while the next batches are decided: the database looks, and this process need not wait for it."""
        await self._compared()
        waiting, self._finished = self._finished, []
        self._comparing = asyncio.create_task(self._compare_written(waiting))
        await asyncio.sleep(0)  # it asks before the next batch begins

    async def _compared(self) -> None:
        """What is being compared is; nobody else may ask the history's database until then."""
        comparing, self._comparing = self._comparing, None
        if comparing is not None:
            await comparing

    async def _compare_written(self, waiting: Sequence[tuple[int, Any]]) -> None:
        for kind in WRITTEN_ONCE:
            now = {KEY_OF[kind](row): (at, row) for at, row in waiting if type(row) is kind}
            if not now:
                continue
            then = {KEY_OF[kind](row): row for row in await self._history.rows(kind, list(now))}
            for key, (at, row) in now.items():
                self._compare_row(kind, key, then.get(key), row, at)
            self.state.counts.rows_compared += len(now)
            self.state.written[kind.__name__] = self.state.written.get(kind.__name__, 0) + len(now)

    def _compare_row(self, kind: type[Any], key: tuple[Any, ...], then: Any, now: Any, at: int = 0) -> None:
        if then != now:
            for one in row_differences(TABLE_OF[kind].name, key, then, now, self._decrypt, at):
                self._tell_of(one)

    async def _compare_rows(self) -> None:
        """Every table as it is kept against the tables in memory."""
        store = self.state.store
        for table in TABLES:
            if table.name.startswith(OUTSIDE):
                continue
            kept = 0
            there = store.tables[table.row]
            async for rows in self._history.every(table.row):
                kept += sum(not is_of_a_hub(row.service) for row in rows) if table.row is SetAside else len(rows)
                self._tell(f"表 / table {table.name}", kept, 0)
                if table.row in WRITTEN_ONCE:
                    self._beyond(table.row, rows)
                    continue
                key_of = KEY_OF[table.row]
                for row in rows:
                    now = there.get(key_of(row))
                    if now != row:
                        self._compare_row(table.row, key_of(row), row, now)
            if table.row in WRITTEN_ONCE:
                self._compare_number(table.row, kept)
                continue
            self.state.counts.rows_compared += kept
            if kept < len(there):
                await self._more_now(table.row)

    def _compare_number(self, kind: type[Any], kept: int) -> None:
        """Rows that are kept and that nobody writes now; of logs each was told."""
        written = self.state.written.get(kind.__name__, 0)
        if kept > written and kind is not LogRecord:
            name = TABLE_OF[kind].name
            self._tell_of(Difference("", name, name, "number of rows", kept, written))

    def _beyond(self, kind: type[Any], rows: Sequence[Any]) -> None:
        """Records that are kept beyond the end of their log as it is now: nobody wrote them. And those erased."""
        if kind is not LogRecord:
            return
        heads, needed = self.state.store.tables[LogHead], self.state.store.tables[LogRecord]
        for row in rows:
            again = needed.get(KEY_OF[kind](row))
            if again is not None:
                self._compare_row(kind, KEY_OF[kind](row), row, again)
            head = heads.get((row.institution_code,))
            if row.sequence >= (head.size if head else 0):
                self._compare_row(kind, KEY_OF[kind](row), row, None)

    async def _more_now(self, kind: type[Any]) -> None:
        """Rows that there are now and are not kept."""
        key_of = KEY_OF[kind]
        kept = {key_of(row) async for rows in self._history.every(kind) for row in rows}
        for key, row in self.state.store.tables[kind].items():
            if key not in kept:
                self._compare_row(kind, key, None, row)

    # ── what is left on the topics ───────────────────────────────────────────────────────────────────────────────

    async def _leftovers(self) -> None:
        """What services said then in batches that were replayed, and that no replayed batch said."""
        for tape in self.state.tapes.values():
            while tape.of_services and await self._read(tape):
                self._forget_newer()
        self._forget_newer()

    def _forget_newer(self) -> None:
        """What is left of replayed batches is told; what is newer than the journal that was read is none of ours."""
        for origin, batches in self.state.said.items():
            name, _, shard = origin.partition("/")
            self._let_go(origin, self.state.store.shards[name, int(shard)].batch)
            batches.clear()


def _where(step: Journalled, message: Outgoing | Delivered) -> str:
    return f"{step.service}/{step.shard} batch {step.batch} → {message.topic}/{message.partition}"


def told_by(record: Delivered) -> Origin:
    """What the headers of a record of ours say, on an institution's own reply topic too: only we speak there."""
    return origin_of(record._replace(topic="") if sender_of(record.topic) else record)


def causes_of(records: Iterable[Delivered]) -> dict[str, int]:
    """The last batch of each origin whose messages are among these: it was committed before they were said."""
    found: dict[str, int] = {}
    for record in records:
        _, source, cause, _ = told_by(record)
        if cause is not None:
            found[source] = max(found.get(source, 0), cause.batch)
    return found


def laid(message: Outgoing) -> Delivered:
    """A record as it would lie on its partition."""
    topic, partition, key, value, headers, at = message
    return Delivered(topic, partition, NOWHERE, key, value, headers, at)


def kept_in(body: bytes, source: str, batch: int) -> dict[str, Delivered]:
    """The records of an outbox body, by id."""
    said, at = unpack(body)
    return {one.id: laid(record) for one, record in zip(said, outgoing(said, source, batch, at), strict=True)}


def messages_of(records: Iterable[Delivered]) -> dict[str, Delivered]:
    """The messages of records, bundles opened, by their ids."""
    found = {}
    for record in records:
        origin = told_by(record)
        try:
            messages = messages_in(record, origin, MAXIMUM_RECORD_BYTES)
        except Undecodable:
            messages = [(record, origin)]
        found.update({one_origin.id: one for one, one_origin in messages})
    return found


def decoded(value: bytes | None) -> Message | None:
    """The message in these bytes, or None."""
    try:
        return decode(value)
    except Undecodable:
        return None


def extra(at: int, who: str, record: Delivered) -> Difference:
    """Something that was said then and is not said now."""
    name = type_named(record.value or b"")
    where = f"{who} → {record.topic}/{record.partition} offset {record.offset}"
    return Difference(exchange_of(decoded(record.value)), where, name, WHOLE, name, MISSING, at)


def _headers(headers: Iterable[tuple[str, bytes]]) -> str:
    return " ".join(f"{name}={(value or b'').decode(errors='replace')}" for name, value in headers)


def entries_of(value: bytes | None) -> Sequence[RecordEntry]:
    """The records in a message to a lane; none when it is not one."""
    message = decoded(value)
    return message.entries if isinstance(message, RecordsSubmitted) else ()
