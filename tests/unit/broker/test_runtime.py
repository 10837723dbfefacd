"""The life of a worker: what is served, what is dropped, what is set aside, and what makes it stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from country import quiet

from broker.adapters.memory import MemoryBroker, MemoryLog, MemoryStore
from broker.adapters.virtual_time import VirtualClock, VirtualTimeLoop, run_virtual
from broker.decision import Decision
from broker.envelope import Said, outgoing, unpack
from broker.errors import Fenced, OwnFault, PeerFault, Unstorable, WorldFault
from broker.facts import Facts
from broker.ports import Cause, Delivered, Outgoing, Position
from broker.runtime import Limits, Worker
from broker.service import Context, Service, Timer, on
from broker.tables import LogHead, PairHead, SerialCounter, SetAside
from broker.topics import Topics
from schemas.codec import decode, encode
from schemas.records import (
    BundledMessage,
    CheckpointDue,
    CodeRevocationRequested,
    InquiryDeadlinePassed,
    InquiryRejected,
    Message,
    MessagesBundled,
)

START_MS = 1_790_000_000_000
OWNER = "9900123210600000"
TOPICS = Topics(1, frozenset({OWNER}))
DUE = ("timers.checkpoint_due", 0)
CODES = (f"institution.{OWNER}.codes", 0)


# ── a service that counts ────────────────────────────────────────────────────────────────────────────────────────


async def load_counter(messages: Sequence[Any], facts: Facts) -> None:
    """The counters."""
    await facts.load(SerialCounter, [(m.institution_code,) for m in messages])


def decide_due(message: CheckpointDue, facts: Facts, context: Context) -> Decision:
    """Count, and say what the count is; sizes 13 and 14 are faults."""
    if message.size == 13:
        raise PeerFault("UNLUCKY", "thirteen")
    if message.size == 14:
        raise OwnFault("fourteen")
    counter = facts.get(SerialCounter, message.institution_code) or SerialCounter(message.institution_code, 0)
    grown = counter._replace(last=counter.last + 1)
    return Decision("counted", (InquiryDeadlinePassed(OWNER, grown.last),), (grown,))


def decide_revocation(message: CodeRevocationRequested, facts: Facts, context: Context) -> Decision:
    """Count."""
    counter = facts.get(SerialCounter, message.institution_code) or SerialCounter(message.institution_code, 0)
    return Decision("counted", (), (counter._replace(last=counter.last + 1),))


def say_due(row: LogHead, now: int) -> Message:
    """The timer's message."""
    return CheckpointDue(row.institution_code, row.size)


COUNTING = Service(
    "counting",
    (on(CheckpointDue, load_counter, decide_due), on(CodeRevocationRequested, load_counter, decide_revocation)),
    (Timer(LogHead, "checkpoint_due_at", (), say_due),),
)


class Bench:
    """One worker on a broker and a store, all in memory, and hands to put messages in."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        self.broker = MemoryBroker()
        self.store = MemoryStore()
        self.clock = VirtualClock(loop, START_MS)
        self.weather: Callable[[str], Awaitable[None]] = fair

    async def through(self, what: str) -> None:
        """Today's weather."""
        await self.weather(what)

    def worker(self, owner: str = "one", *, reached: Callable[[str], None] | None = None, **limits: Any) -> Worker:
        """A worker of the counting service."""
        return Worker(
            COUNTING,
            0,
            owner,
            topics=TOPICS,
            log=MemoryLog(self.broker, self.through),
            store=self.store.with_weather(self.through),
            clock=self.clock,
            protect=lambda value: b"kept:" + value,
            limits=Limits(**limits),
            reached=reached or (lambda _: None),
        )

    def put(self, size: int, cause: tuple[str, int, int] | None = None) -> None:
        """A CheckpointDue on its topic, with or without a cause."""
        message = CheckpointDue(OWNER, size)
        to = TOPICS.destination(message)
        plain = Outgoing(to.topic, to.partition, to.key, encode(message), (), START_MS)
        if cause is not None:
            source, batch, place = cause
            said = Said(to, "CheckpointDue", f"{size:032x}", b"", encode(message))
            plain = outgoing([said] * (place + 1), source, batch, START_MS)[place]
        self.broker.append(plain)

    def raw(self, source: tuple[str, int], value: bytes, headers: tuple[tuple[str, bytes], ...] = ()) -> None:
        """Any bytes anywhere."""
        self.broker.append(Outgoing(*source, b"k", value, headers, START_MS))

    @property
    def counted(self) -> int:
        """How often something was decided."""
        row = self.store.tables[SerialCounter].get((OWNER,))
        return row.last if row else 0

    def told(self) -> list[int]:
        """The counts that were said, in order."""
        return [decode(record.value).deadline_at for record in self.broker.records("timers.inquiry_deadline_passed")]  # type: ignore[union-attr]

    def aside(self) -> list[SetAside]:
        """What was set aside."""
        return list(self.store.tables[SetAside].values())

    def position(self) -> Position:
        """How far the shard has come on the topic."""
        return self.store.shards["counting", 0].positions[DUE]


async def fair(_: str) -> None:
    """Nothing happens."""


def on_bench(scene: Callable[[Bench], Awaitable[None]]) -> Bench:
    """Run a scene in virtual time."""
    loop = VirtualTimeLoop()
    asyncio.set_event_loop(loop)
    bench = Bench(loop)

    async def main() -> None:
        await scene(bench)

    try:
        with quiet():
            run_virtual(main(), loop)
    finally:
        asyncio.set_event_loop(None)
    return bench


async def live(worker: Worker, seconds: float) -> BaseException | None:
    """Let a worker run for so long; how it ended, if it did."""
    task = asyncio.create_task(worker.run())
    await asyncio.wait([task], timeout=seconds)
    if task.done():
        return task.exception()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return None


def test_a_worker_that_is_stopped_hands_its_shard_back() -> None:
    """The next owner need not wait for the lease; one that never served, or was replaced, leaves it alone."""
    waited: list[int] = []

    async def scene(bench: Bench) -> None:
        bench.put(1)
        await live(bench.worker("one", lease_seconds=60.0), 2)
        before = bench.clock.now_ms()
        two = asyncio.create_task((worker := bench.worker("two", lease_seconds=60.0)).run())
        await asyncio.wait_for(worker.serving.wait(), 30)
        waited.append(bench.clock.now_ms() - before)
        await live(bench.worker("three", lease_seconds=60.0), 2)
        waited.append(bench.store.shards["counting", 0].lease_until)
        two.cancel()
        await asyncio.gather(two, return_exceptions=True)

    bench = on_bench(scene)
    assert waited[0] == 0
    assert waited[1] > START_MS
    assert bench.store.shards["counting", 0].lease_until == 0


# ── repeats ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_repeat_is_dropped() -> None:
    """Anything at or below the highest cause of its origin is not decided again; other origins are not affected."""

    async def scene(bench: Bench) -> None:
        for cause in (("a/0", 3, 0), ("a/0", 3, 1), ("b/0", 1, 0), ("a/0", 3, 0), ("a/0", 2, 9), ("a/0", 4, 0)):
            bench.put(1, cause)
        assert await live(bench.worker(), 2) is None

    bench = on_bench(scene)
    assert bench.counted == 4
    assert bench.position() == Position(6, {"a/0": Cause(4, 0), "b/0": Cause(1, 0)})


def test_a_repeat_is_dropped_by_the_next_owner_too() -> None:
    """The highest causes are committed with the batch."""

    async def scene(bench: Bench) -> None:
        bench.put(1, ("a/0", 3, 0))
        await live(bench.worker(), 2)
        bench.put(1, ("a/0", 3, 0))
        await live(bench.worker(), 2)

    assert on_bench(scene).counted == 1


def test_a_record_fetched_twice_is_served_once() -> None:
    """A consumer may deliver an offset again; what lies below the position was served."""

    async def scene(bench: Bench) -> None:
        worker = bench.worker()
        await worker._start()
        bench.put(1)
        record = bench.broker.logs[DUE][0]
        await worker.handle([record])
        await worker.handle([record])
        await worker.handle([record, record])

    assert on_bench(scene).counted == 1


def test_messages_without_a_cause_are_all_served() -> None:
    """Timers, operators and institutions say none: their handlers tell repeats apart."""

    async def scene(bench: Bench) -> None:
        bench.put(1)
        bench.put(1)
        await live(bench.worker(), 2)

    assert on_bench(scene).counted == 2


def test_a_cause_on_an_institutions_topic_is_not_believed() -> None:
    """An institution could otherwise have other messages of its own dropped, or hide behind a service."""
    claimed = (("a", b""), ("b", b""), ("c", b""), ("ce_id", b"0" * 32), ("cause", b"a/0 9 9"))

    async def scene(bench: Bench) -> None:
        for number in ("1", "2"):
            message = CodeRevocationRequested(OWNER, number, number, 0)
            bench.raw(CODES, encode(message), claimed)
        await live(bench.worker(), 2)

    bench = on_bench(scene)
    assert bench.counted == 2
    assert bench.store.shards["counting", 0].positions[CODES] == Position(2, {})


def test_a_partition_of_another_shard_is_our_fault() -> None:
    """Nothing is decided on what was not asked for."""

    async def scene(bench: Bench) -> None:
        worker = bench.worker()
        await worker._start()
        with pytest.raises(OwnFault):
            await worker.handle([Delivered("timers.checkpoint_due", 7, 0, b"", b"", (), 0)])

    assert on_bench(scene).counted == 0


# ── what cannot be served ────────────────────────────────────────────────────────────────────────────────────────


def test_what_cannot_be_read_is_set_aside_and_the_next_is_served() -> None:
    """Its bytes are kept protected with the reason; the institution whose topic it is reads why."""

    async def scene(bench: Bench) -> None:
        bench.raw(CODES, b"no message")
        bench.raw(CODES, encode(CodeRevocationRequested(OWNER, "1", "2", 0)))
        await live(bench.worker(), 2)

    bench = on_bench(scene)
    [row] = bench.aside()
    assert (row.rule, row.topic, row.record_offset, row.value) == ("NOT_FRAMED", CODES[0], 0, b"kept:no message")
    assert bench.counted == 1
    [reply] = [decode(record.value) for record in bench.broker.records(f"institution.{OWNER}.replies")]
    assert isinstance(reply, InquiryRejected)
    assert (reply.topic, reply.partition, reply.offset) == (*CODES, 0)
    assert reply.errors[0].error_id == "SIM-E112"


def test_a_message_on_the_wrong_topic_is_set_aside() -> None:
    """Who may write to a topic may say what belongs there and nothing else."""

    async def scene(bench: Bench) -> None:
        bench.raw(CODES, encode(CheckpointDue(OWNER, 1)))
        bench.put(1)
        await live(bench.worker(), 2)

    bench = on_bench(scene)
    assert [row.rule for row in bench.aside()] == ["WRONG_TOPIC"]
    assert bench.counted == 1


def test_a_peers_fault_sets_its_message_aside() -> None:
    """The rest of the batch goes on, and nothing is said to anybody on an internal topic."""

    async def scene(bench: Bench) -> None:
        for size in (1, 13, 2):
            bench.put(size)
        await live(bench.worker(), 2)

    bench = on_bench(scene)
    assert [(row.rule, row.record_offset) for row in bench.aside()] == [("UNLUCKY", 1)]
    assert bench.told() == [1, 2]


def bundle(*values: bytes) -> bytes:
    """Framed messages as one record."""
    return encode(MessagesBundled(tuple(BundledMessage(bytes([n] * 16), b"", one) for n, one in enumerate(values))))


def test_every_message_of_a_bundle_is_served_and_a_bad_one_set_aside_alone() -> None:
    """What is wrong with one message is told with its place in the record; the others are served, in their order."""

    async def scene(bench: Bench) -> None:
        due = [encode(CheckpointDue(OWNER, size)) for size in (1, 13, 2)]
        bench.raw(DUE, bundle(due[0], b"no message", due[1], due[2]))
        bench.put(3)
        await live(bench.worker(), 2)

    bench = on_bench(scene)
    assert [(row.rule, row.record_offset, row.place) for row in bench.aside()] == [
        ("NOT_FRAMED", 0, 1),
        ("UNLUCKY", 0, 2),
    ]
    assert (bench.aside()[0].value, bench.told()) == (b"kept:no message", [1, 2, 3])


def test_a_bundle_that_is_not_whole_is_set_aside_whole() -> None:
    """Its bytes are kept as they came, and the next record is served."""

    async def scene(bench: Bench) -> None:
        bench.raw(DUE, bundle(encode(CheckpointDue(OWNER, 1)))[:-3])
        bench.put(2)
        await live(bench.worker(), 2)

    bench = on_bench(scene)
    assert [(row.rule, row.place) for row in bench.aside()] == [("DAMAGED", 0)]
    assert bench.told() == [1]


def test_an_institution_sends_no_bundles() -> None:
    """On a topic of an institution's own a bundle does not belong, whatever is in it."""

    async def scene(bench: Bench) -> None:
        bench.raw(CODES, bundle(encode(CodeRevocationRequested(OWNER, "1", "2", 0))))
        await live(bench.worker(), 2)

    bench = on_bench(scene)
    assert ([row.rule for row in bench.aside()], bench.counted) == (["WRONG_TOPIC"], 0)


def test_a_transaction_takes_messages_not_records() -> None:
    """Bundles do not make a batch larger than its bound; what was fetched beyond it is served next."""

    async def scene(bench: Bench) -> None:
        for _ in range(3):
            bench.raw(DUE, bundle(*(encode(CheckpointDue(OWNER, 1)) for _ in range(4))))
        await live(bench.worker(batch_messages=5), 2)

    bench = on_bench(scene)
    assert bench.counted == 12
    assert bench.store.shards["counting", 0].batch >= 3


class Choosy(MemoryStore):
    """A store that refuses one value, as PostgreSQL refuses texts with a zero byte."""

    refused = 13

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        """Refuses when the value is written."""
        async with super().transaction() as transaction:
            write = transaction.write

            async def choosy(kind: type[Any], rows: Sequence[Any]) -> None:
                if any(self.refused in row for row in rows if kind is PairHead):
                    raise Unstorable("a value was refused")
                await write(kind, rows)

            transaction.write = choosy  # type: ignore[method-assign]
            yield transaction


async def load_pairs(messages: Sequence[CheckpointDue], facts: Facts) -> None:
    """The rows that are written."""
    await facts.load(PairHead, [(m.institution_code, str(m.size)) for m in messages])


def decide_pair(message: CheckpointDue, facts: Facts, context: Context) -> Decision:
    """A row that holds what the message said."""
    return Decision("kept", (), (PairHead(message.institution_code, str(message.size), message.size),))


def test_what_the_database_refuses_is_found_within_a_bundle() -> None:
    """One message of a bundle is set aside; every other leaves its row."""

    async def scene(bench: Bench) -> None:
        bench.raw(DUE, bundle(*(encode(CheckpointDue(OWNER, size)) for size in (11, 12, 13, 14))))
        bench.store = Choosy()
        worker = Worker(
            Service("keeping", (on(CheckpointDue, load_pairs, decide_pair),)),
            0,
            "one",
            topics=TOPICS,
            log=MemoryLog(bench.broker, bench.through),
            store=bench.store,
            clock=bench.clock,
            protect=lambda value: value,
        )
        await live(worker, 2)

    bench = on_bench(scene)
    assert [(row.rule, row.place) for row in bench.aside()] == [("UNSTORABLE", 2)]
    assert sorted(row.last for row in bench.store.tables[PairHead].values()) == [11, 12, 14]


# ── faults ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_our_own_fault_stops_and_acknowledges_nothing() -> None:
    """The same message comes first when somebody has mended us; none of its batch has left anything."""

    async def scene(bench: Bench) -> None:
        bench.put(1)
        bench.put(14)
        assert isinstance(await live(bench.worker(), 5), OwnFault)

    bench = on_bench(scene)
    assert bench.counted == 0
    assert bench.store.shards["counting", 0].positions == {}
    assert bench.told() == []


def test_the_world_is_tried_again() -> None:
    """While Kafka or PostgreSQL is away the worker waits, and then serves what is there, once."""

    async def scene(bench: Bench) -> None:
        async def away(what: str) -> None:
            if bench.clock.now_ms() < START_MS + 20_000:
                raise WorldFault(what)

        bench.weather = away
        bench.put(1)
        assert await live(bench.worker(), 30) is None

    bench = on_bench(scene)
    assert bench.counted == 1
    assert bench.told() == [1]


def test_the_world_is_not_waited_for_without_end() -> None:
    """After the patience is over the worker gives up and says so."""

    async def scene(bench: Bench) -> None:
        async def away(what: str) -> None:
            raise WorldFault(what)

        bench.weather = away
        assert isinstance(await live(bench.worker(patience_seconds=5), 60), WorldFault)
        assert 5_000 <= bench.clock.now_ms() - START_MS < 7_000

    on_bench(scene)


def test_an_unknown_commit_is_looked_up() -> None:
    """When the answer to a commit is lost, the worker claims again and finds out what holds: nothing twice."""
    lost: list[str] = []

    async def scene(bench: Bench) -> None:
        async def lose_one(what: str) -> None:
            if what == "committed" and not lost:
                lost.append(what)
                raise WorldFault("no answer")

        bench.weather = lose_one
        bench.put(1, ("a/0", 1, 0))
        assert await live(bench.worker(), 5) is None

    bench = on_bench(scene)
    assert lost
    assert bench.counted == 1
    assert bench.told() == [1]


def test_what_was_committed_is_said_by_the_next_owner() -> None:
    """A crash between commit and publish loses nothing; what is out leaves the outbox."""

    class GoneError(BaseException):
        pass

    def end(point: str) -> None:
        if point == "before_publish":
            raise GoneError

    async def scene(bench: Bench) -> None:
        bench.put(1)
        bench.put(2)
        assert isinstance(await live(bench.worker(reached=end), 5), GoneError)
        assert bench.told() == []
        [body] = bench.store.shards["counting", 0].outbox.values()
        assert len(unpack(body)[0]) == 2
        await live(bench.worker(), 5)

    bench = on_bench(scene)
    assert bench.told() == [1, 2]
    assert bench.store.shards["counting", 0].outbox == {}


def test_a_fenced_worker_stops() -> None:
    """Once another owner has the shard, the first one neither commits nor goes on."""

    async def scene(bench: Bench) -> None:
        first = asyncio.create_task(bench.worker("one").run())
        await asyncio.sleep(1)
        second = asyncio.create_task(bench.worker("one").run())
        await asyncio.sleep(1)
        bench.put(1)
        await asyncio.sleep(5)
        assert isinstance(first.exception(), Fenced)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)

    assert on_bench(scene).counted == 1


def test_a_fault_behind_which_another_owner_stands_is_no_fault_of_ours() -> None:
    """Between two reads of one batch a new owner may commit; what then looks broken is only seen by a worker that
    has lost its shard. Found by seeds 107 and 481 of the simulation."""

    async def scene(bench: Bench) -> None:
        first = bench.worker()
        await first._start()
        bench.put(14)
        await bench.worker()._start()
        with pytest.raises(Fenced):
            await first.handle(bench.broker.logs[DUE])

    on_bench(scene)


def test_an_idle_worker_keeps_its_lease() -> None:
    """Nobody takes over a shard because there was nothing to do."""

    async def scene(bench: Bench) -> None:
        task = asyncio.create_task(bench.worker("one", lease_seconds=2).run())
        for _ in range(20):
            await asyncio.sleep(0.5)
            with pytest.raises(WorldFault):
                await bench.store.claim("counting", 0, "two", bench.clock.now_ms(), 2000)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    on_bench(scene)


# ── timers ───────────────────────────────────────────────────────────────────────────────────────────────────────


def heads(bench: Bench, *due: int) -> None:
    """Logs whose checkpoint is due at these times after the start."""
    bench.store.put(LogHead(f"{place:016d}", at, b"", START_MS + at) for place, at in enumerate(due))


def due_sizes(bench: Bench) -> set[int]:
    """Whose timers have spoken."""
    return {decode(record.value).size for record in bench.broker.records(DUE[0])}  # type: ignore[union-attr]


def test_a_due_row_becomes_a_message() -> None:
    """At its time and not before, and without a cause: the handler decides what it means."""

    async def scene(bench: Bench) -> None:
        heads(bench, 1500, 9000)
        worker = bench.worker()
        await worker._start()
        await worker.tick()
        assert due_sizes(bench) == set()
        await asyncio.sleep(2)
        await worker.tick()

    bench = on_bench(scene)
    assert due_sizes(bench) == {1500}
    assert all(name != "cause" for record in bench.broker.records(DUE[0]) for name, _ in record.headers)


def test_a_timer_whose_message_did_not_get_out_speaks_again() -> None:
    """However long Kafka was away: only what is out counts as looked at."""

    async def scene(bench: Bench) -> None:
        heads(bench, 10)
        worker = bench.worker()
        await worker._start()
        await asyncio.sleep(100)

        async def away(what: str) -> None:
            if what == "publish":
                raise WorldFault(what)

        bench.weather = away
        with pytest.raises(WorldFault):
            await worker.tick()
        bench.weather = fair
        await asyncio.sleep(100)
        await worker.tick()

    assert due_sizes(on_bench(scene)) == {10}


def test_a_row_that_commits_after_a_jump_of_the_clock_is_found() -> None:
    """A machine that slept for days in the middle of a transaction leaves a row that was due long before the last
    look. Found by seed 107 of the simulation."""

    async def scene(bench: Bench) -> None:
        worker = bench.worker()
        await worker._start()
        await worker.tick()
        bench.clock.skip(4 * 86_400)
        await worker.tick()
        heads(bench, 5000)
        await worker.tick()

    assert due_sizes(on_bench(scene)) == {5000}


def test_only_the_first_shard_looks_at_the_timers() -> None:
    """A due row is said once a look, to whichever shard owns it."""

    async def scene(bench: Bench) -> None:
        heads(bench, 0, 0)
        bench.clock.skip(10)
        worker = bench.worker()
        worker.shard = 1
        await worker.tick()

    assert due_sizes(on_bench(scene)) == set()
