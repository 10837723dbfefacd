"""One life for every service: fetch a batch, decode, drop repeats, load, decide, apply in one transaction, publish.

Owns the delivery protocol (ARCHITECTURE.md, "The life of a message"). Promises that every delivered message has its
effects exactly once, however often this process, Kafka or PostgreSQL dies, and that what a batch decided is said
exactly as it was committed. Leaves all deciding to the services and all carrying to the adapters.

A worker is one shard of one service. Three rules carry the proof:
1. Whatever a batch changes commits in one transaction together with the shard's positions and its outbox row, guarded
   by the shard's epoch. A worker that lost its shard cannot commit.
2. A batch is published after its commit, in batch order, by an idempotent producer. A new owner publishes the outbox
   it finds before it fetches. So on each partition the outputs of one shard lie in the order of their causes, some of
   them more than once.
3. The reader of a partition keeps the highest cause it has seen from each shard and drops anything at or below it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import structlog

from broker.decision import Decision
from broker.envelope import Origin, Said, bundled, group_of, messages_in, origin_of, outgoing, pack, unpack, weight
from broker.errors import Fenced, Held, OwnFault, PeerFault, Unstorable, WorldFault
from broker.facts import Facts, Kept
from broker.ports import Advance, Cause, Claim, Clock, Delivered, Log, Outgoing, Position, Source, Store
from broker.rules.identity import derived_id
from broker.rules.reasons import reason_of
from broker.service import Context, Handler, Keep, Service, Timer
from broker.tables import SetAside
from broker.topics import SHARED, Topics, sender_of
from schemas.codec import Undecodable, decode, encode
from schemas.records import FieldError, InquiryRejected, Message

Read = tuple[Delivered, Origin]
NOWHERE: frozenset[int] = frozenset()
NEVER = Cause(-1, -1)
TIMER_OVERLAP_MS = 30_000
TIMER_LOOKS = 30
HAND_BACK_SECONDS = 5.0
LINGER_FETCHES = 4
LINGER_FETCH_SECONDS = 0.004
EVENT = structlog.get_logger("chukan.runtime")


class Limits(NamedTuple):
    """The bounds of a worker, each with its unit.

    batch_messages: messages in one transaction. batches_in_flight: committed but not yet acknowledged by Kafka.
    wait_seconds: longest wait for new messages. retry_seconds: pause before the same thing is tried again.
    patience_seconds: how long the world may be away before the worker gives up. lease_seconds: how long a silent
    owner keeps its shard. timer_seconds: how often due rows are looked for. timer_rows: how many at once.
    linger_messages, linger_seconds: a fetch of so many means load, and then waiting so long for more makes the batches
    larger and each message cheaper; single messages never wait.
    """

    batch_messages: int = 1000
    batches_in_flight: int = 4
    wait_seconds: float = 0.25
    retry_seconds: float = 0.2
    patience_seconds: float = 120.0
    lease_seconds: float = 5.0
    timer_seconds: float = 1.0
    timer_rows: int = 500
    maximum_bytes: int = 262_144
    linger_messages: int = 16
    linger_seconds: float = 0.03


def nothing(point: str) -> None:
    """The kill-point hook of ordinary life."""


class Worker:
    """One shard of one service. `run` serves until cancelled, fenced or faulty; see the module for its promises."""

    def __init__(
        self,
        service: Service,
        shard: int,
        owner: str,
        *,
        topics: Topics,
        log: Log,
        store: Store,
        clock: Clock,
        protect: Callable[[bytes], bytes],
        limits: Limits | None = None,
        reached: Callable[[str], None] = nothing,
    ) -> None:
        """`protect` encrypts what is set aside; `reached` is called at each named point where a crash may fall."""
        self.service = service
        self.shard = shard
        self.owner = owner
        self.limits = limits or Limits()
        self._topics = topics
        self._log = log
        self._store = store
        self._clock = clock
        self._protect = protect
        self._reached = reached
        self._source = f"{service.name}/{shard}"
        self._handlers: dict[type[Any], Handler] = {handler.message: handler for handler in service.handlers}
        self.serving = asyncio.Event()
        self._epoch = 0
        self._batch = 0
        self._positions: dict[Source, Position] = {}
        self._ahead: list[Delivered] = []  # fetched, and more messages than one transaction takes
        self._waiting: deque[tuple[int, list[Outgoing]]] = deque()
        self._published: list[int] = []
        self._looks: dict[Timer, deque[int]] = {}
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._allowed = {(name, kind) for kind in service.hears for name in topics.names(kind)}
        self._lease_ms = int(self.limits.lease_seconds * 1000)
        self._kept = Kept({keep.row: self._worth_keeping(keep) for keep in service.keeps})

    def _worth_keeping(self, keep: Keep) -> Callable[[Any], bool]:
        if not keep.by:
            return keep.lasting
        place, of_exchange, shard = keep.row._fields.index(keep.by), self._topics.of_exchange, self.shard
        return lambda row: keep.lasting(row) and of_exchange(row[place]) == shard

    # ── life ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def run(self) -> None:
        """Serve the shard. Ends with Fenced, OwnFault, or WorldFault after `patience_seconds`; cancel to stop."""
        away_since: int | None = None
        while True:
            try:
                await self._start()
                away_since = None
                await self._serve_until_fault()
            except Fenced:
                raise
            except asyncio.CancelledError:
                await self._hand_back()
                raise
            except WorldFault as fault:
                now = self._clock.now_ms()
                if away_since is None:
                    away_since = now
                    EVENT.warning("world_away", service=self.service.name, shard=self.shard, reason=str(fault))
                if now - away_since > self.limits.patience_seconds * 1000:
                    raise
                await asyncio.sleep(self.limits.retry_seconds)
            finally:
                with contextlib.suppress(WorldFault):
                    await self._log.stop()

    async def _hand_back(self) -> None:
        """Whoever comes next need not wait for our lease. Safety never rests on it: every commit asks for the epoch."""
        if not self.serving.is_set():
            return
        with contextlib.suppress(WorldFault, TimeoutError):
            async with asyncio.timeout(HAND_BACK_SECONDS):
                await self._store.release(self.service.name, self.shard, self._epoch)

    async def _start(self) -> None:
        claim = await self._claim()
        self._epoch, self._batch = claim.epoch, claim.batch
        wanted = self._topics.sources(self.service.hears, self.shard)
        self._positions = {source: claim.positions.get(source, Position(0, {})) for source in wanted}
        self._waiting.clear()
        self._published.clear()
        self._ahead.clear()
        self._kept.forget()
        await self._log.start({source: position.next_offset for source, position in self._positions.items()})
        # What an earlier owner committed is said before anything new is heard: rule 2.
        for batch, body in claim.outbox:
            said, at = unpack(body)
            await self._log.publish(outgoing(said, self._source, batch, at))
            self._published.append(batch)
        self.serving.set()
        EVENT.info(
            "shard_claimed",
            service=self.service.name,
            shard=self.shard,
            epoch=self._epoch,
            republished=len(claim.outbox),
        )

    async def _claim(self) -> Claim:
        now = self._clock.now_ms()
        try:
            return await self._store.claim(self.service.name, self.shard, self.owner, now, self._lease_ms)
        except Held as fault:
            if self._epoch:
                # It was ours, and while we were away another owner took it over.
                raise Fenced(str(fault)) from None
            raise

    async def _serve_until_fault(self) -> None:
        tasks = [asyncio.create_task(self._serve()), asyncio.create_task(self._deliver())]
        if self.service.timers:
            tasks.append(asyncio.create_task(self._watch()))
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task in done:
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self) -> None:
        idle_since = self._clock.now_ms()
        while True:
            while len(self._waiting) >= self.limits.batches_in_flight:
                self._room.clear()
                await self._room.wait()
            most = min(self.limits.batch_messages, self.service.batch_messages)
            records, self._ahead = self._ahead, []
            if not records:
                records = await self._log.fetch(most, self.limits.wait_seconds)
                if self.limits.linger_messages <= sum(map(weight, records)) < most:
                    records += await self._more(most - len(records))
            records, self._ahead = _within(records, most)
            now = self._clock.now_ms()
            if records:
                await self.handle(records)
                idle_since = now
            elif self._published or now - idle_since > self.limits.lease_seconds * 300:
                # An idle owner keeps its lease alive and lets go of outbox rows that are out.
                await self.handle([])
                idle_since = now

    async def _more(self, most: int) -> list[Delivered]:
        """Under load: what arrives in a little while, so that one transaction serves more messages."""
        await asyncio.sleep(self.limits.linger_seconds)
        found: list[Delivered] = []
        for _ in range(LINGER_FETCHES):
            more = await self._log.fetch(most - len(found), LINGER_FETCH_SECONDS)
            found += more
            if not more or len(found) >= most:
                break
        return found

    async def _deliver(self) -> None:
        while True:
            while not self._waiting:
                self._wake.clear()
                await self._wake.wait()
            batches = list(self._waiting)
            messages = [message for _, said in batches for message in said]
            self._reached("before_publish")
            await self._log.publish(messages)
            self._reached("after_publish")
            for number, _ in batches:
                self._waiting.popleft()
                self._published.append(number)
            self._room.set()

    # ── one batch ────────────────────────────────────────────────────────────────────────────────────────────────

    async def handle(self, records: Sequence[Delivered], *, unstorable: frozenset[int] = NOWHERE) -> None:
        """Decide on these records, in offset order within each partition, and commit their effects.

        unstorable: places in the one record given whose messages have been found to hold what the database cannot;
        they are set aside.
        """
        now = self._clock.now_ms()
        self._reached("after_fetch")
        positions = _Positions(self._positions)
        read = [(record, origin_of(record)) for record in records]
        fresh = [one for one in read if positions.is_fresh(*one)]
        published = tuple(self._published)
        try:
            said, outcomes = await self._commit(fresh, positions, published, now, unstorable)
        except WorldFault:
            raise
        except Unstorable:
            await self._hold(now)
            if unstorable or not records:
                raise
            # Nothing was committed. Halves of halves lead to the record; all others are served as if it were not there.
            middle = len(records) // 2
            for part in (records[:middle], records[middle:]) if middle else ():
                await self.handle(part)
            if not middle:
                await self.handle(records, unstorable=await self._unstorable(fresh, now))
            return
        except Exception:
            # Another owner's commits may have fallen between our reads: Fenced then, and the fault is not ours.
            await self._hold(now)
            raise
        self._reached("after_commit")
        # A crash here leaves the batch's messages in the outbox; the next owner says them.
        self._batch += 1
        self._positions.update(positions.changed)
        del self._published[: len(published)]
        if said:
            self._waiting.append((self._batch, outgoing(said, self._source, self._batch, now)))
            self._wake.set()
        if records:
            await self._log.acknowledge({s: p.next_offset for s, p in positions.changed.items()})
            EVENT.debug(
                "batch_handled",
                service=self.service.name,
                shard=self.shard,
                batch=self._batch,
                messages=len(records),
                repeats=len(records) - len(fresh),
                said=len(said),
                outcomes=outcomes,
            )

    async def _commit(
        self,
        fresh: Sequence[Read],
        positions: _Positions,
        published: tuple[int, ...],
        now: int,
        unstorable: frozenset[int],
    ) -> tuple[list[Said], Mapping[str, int]]:
        decided: list[Said] = []
        async with self._store.transaction() as transaction:
            facts = Facts(transaction, self._kept)
            outcomes = await self._decide(self._opened(fresh, unstorable, facts, now, decided), facts, now, decided)
            said = bundled(decided)
            self._reached("before_write")
            await facts.flush()
            advance = Advance(
                self.service.name,
                self.shard,
                self._epoch,
                self._batch + 1,
                positions.changed,
                pack(said, now),
                published,
                now + self._lease_ms,
                now,
            )
            await transaction.advance(advance)
            # A crash from here to the end of the commit leaves all of the batch or nothing of it.
            self._reached("before_commit")
        facts.settled()
        return said, outcomes

    async def _unstorable(self, fresh: Sequence[Read], now: int) -> frozenset[int]:
        """Which messages of the one record the database refuses, each tried alone and undone; all, if none alone."""
        opened = [one for read in fresh for one in messages_in(*read, self.limits.maximum_bytes)]
        refused = set()
        for one in opened if len(opened) > 1 else ():
            try:
                async with self._store.transaction() as transaction:
                    facts, said = Facts(transaction, self._kept), list[Said]()
                    await self._decide(self._opened([one], NOWHERE, facts, now, said), facts, now, said)
                    await facts.flush()
                    raise _Undone
            except Unstorable:
                refused.add(one[0].place)
            except _Undone:
                pass
        return frozenset(refused or (record.place for record, _ in opened))

    async def again(
        self, batch: int, records: Sequence[Delivered], unstorable: frozenset[int] = NOWHERE
    ) -> list[Outgoing]:
        """For a replay: serve these records as the batch of this number; what it says is returned, not published."""
        if not self.serving.is_set():
            await self._start()
        self._batch = batch - 1
        await self.handle(records, unstorable=unstorable)
        said = [message for _, messages in self._waiting for message in messages]
        self._waiting.clear()
        return said

    async def _hold(self, now: int) -> None:
        """Change nothing but the lease; Fenced when the shard is another's."""
        lease_until = now + self._lease_ms
        async with self._store.transaction() as transaction:
            await transaction.advance(
                Advance(self.service.name, self.shard, self._epoch, self._batch, {}, b"", (), lease_until)
            )

    def _opened(
        self, read: Sequence[Read], unstorable: frozenset[int], facts: Facts, now: int, said: list[Said]
    ) -> list[tuple[Message | None, Delivered, Origin]]:
        """The messages in the order they are decided on; None for what is set aside here."""
        found: list[tuple[Message | None, Delivered, Origin]] = []
        for record, origin in sorted(read, key=_place):
            try:
                messages = messages_in(record, origin, self.limits.maximum_bytes)
            except Undecodable as fault:
                self._set_aside(record, fault.rule, str(fault), facts, now, said)
                found.append((None, record, origin))
                continue
            for one, its_origin in messages:
                if one.place in unstorable:
                    self._set_aside(one, "UNSTORABLE", "the database refuses a value of it", facts, now, said)
                    found.append((None, one, its_origin))
                else:
                    found.append((self._open(one, facts, now, said), one, its_origin))
        return found

    def _open(self, record: Delivered, facts: Facts, now: int, said: list[Said]) -> Message | None:
        try:
            message = decode(record.value, self.limits.maximum_bytes)
            if (record.topic, type(message)) not in self._allowed:
                raise PeerFault("WRONG_TOPIC", f"{type(message).__name__} does not belong on {record.topic}")
        except (Undecodable, PeerFault) as fault:
            self._set_aside(record, fault.rule, str(fault), facts, now, said)
            return None
        return message

    async def _decide(
        self,
        opened: Sequence[tuple[Message | None, Delivered, Origin]],
        facts: Facts,
        now: int,
        said: list[Said],
    ) -> Mapping[str, int]:
        outcomes: dict[str, int] = {}
        run: list[tuple[Message, Delivered, Origin]] = []
        for message, record, origin in opened:
            if message is None:
                outcomes["set_aside"] = outcomes.get("set_aside", 0) + 1
                continue
            if run and type(run[0][0]) is not type(message):
                await self._decide_run(run, facts, now, said, outcomes)
                run = []
            run.append((message, record, origin))
        if run:
            await self._decide_run(run, facts, now, said, outcomes)
        return outcomes

    async def _decide_run(
        self,
        run: Sequence[tuple[Message, Delivered, Origin]],
        facts: Facts,
        now: int,
        said: list[Said],
        outcomes: dict[str, int],
    ) -> None:
        handler = self._handlers[type(run[0][0])]
        await handler.load([message for message, _, _ in run], facts)
        decisions: list[Decision] = []
        for message, record, origin in run:
            place = (record.topic, record.partition, record.offset)
            context = Context(now, origin.id, *place, sender_of(record.topic), record.value or b"")
            try:
                decision = handler.decide(message, facts, context)
            except PeerFault as fault:
                self._set_aside(record, fault.rule, fault.text, facts, now, said)
                decision = Decision("set_aside")
            if decision.alarm:
                rule, reason = decision.outcome, decision.alarm
                EVENT.warning("alarm", service=self.service.name, shard=self.shard, rule=rule, reason=reason)
            facts.absorb(decision)
            decisions.append(decision)
            outcomes[decision.outcome] = outcomes.get(decision.outcome, 0) + 1
        closed = handler.close(decisions) if handler.close else decisions
        for decision, (_, _, origin) in zip(closed, run, strict=True):
            for index, message in enumerate(decision.say):
                said.append(self._said(message, origin.id, index, origin.trace))

    def _said(self, message: Message, parent: str, index: int, trace: bytes) -> Said:
        name = type(message).__name__
        value = encode(message)
        destination = self._topics.destination(message)
        return Said(destination, name, derived_id(parent, name, index), trace, value, group_of(message))

    def _set_aside(self, record: Delivered, rule: str, reason: str, facts: Facts, now: int, said: list[Said]) -> None:
        """Keep what cannot be served, with the reason, and tell its sender when the topic names one."""
        body = self._protect(record.value or b"")
        row = SetAside(
            self.service.name, record.topic, record.partition, record.offset, rule, reason, now, body, record.place
        )
        facts.absorb(Decision("set_aside", write=(row,)))
        EVENT.warning(
            "message_set_aside",
            service=self.service.name,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            rule=rule,
        )
        sender = sender_of(record.topic)
        if self.service.tells_senders and sender not in ("", SHARED):
            known = reason_of(rule)
            error = FieldError("", known.error_id, known.ja, f"{known.en}: {reason}")
            reply = InquiryRejected("", sender, record.topic, record.partition, record.offset, (error,))
            parent = f"{record.topic}/{record.partition}/{record.offset}"
            said.append(self._said(reply, parent, 0, b""))

    # ── timers ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _watch(self) -> None:
        """Turn due rows into messages. They carry no cause; the handler decides whether they still mean anything."""
        while True:
            await asyncio.sleep(self.limits.timer_seconds)
            await self.tick()

    async def tick(self) -> None:
        """One look at the timers. Only shard 0 looks: a due row is said to the shard that owns its key."""
        if self.shard != 0:
            return
        now = self._clock.now_ms()
        for timer in self.service.timers:
            looks = self._looks.setdefault(timer, deque(maxlen=TIMER_LOOKS))
            # Look back: a row may commit after the moment it is about, also when the clock has jumped meanwhile (a
            # machine that slept), which is why looks are counted and not only time.
            since = max(0, looks[0] - TIMER_OVERLAP_MS) if looks else 0
            rows = await self._store.due(timer.row, timer.column, timer.states, (since, now), self.limits.timer_rows)
            messages = [timer.say(row, now) for row in rows]
            said = [self._said(message, f"timer/{now}/{n}", 0, b"") for n, message in enumerate(messages)]
            plain = [m._replace(headers=m.headers[:-1]) for m in outgoing(said, "timer", 0, now)]
            if plain:
                await self._log.publish(plain)
            # Only what is out is behind us: had the publishing failed, the rows are looked for again.
            if len(rows) < self.limits.timer_rows:
                looks.append(now)


class _Undone(Exception):  # noqa: N818 - a trial's end, not an error
    """Nothing of a trial transaction is to stay."""


def _within(records: list[Delivered], most: int) -> tuple[list[Delivered], list[Delivered]]:
    """As many records as hold at most so many messages, at least one, and the rest."""
    count = 0
    for place, record in enumerate(records):
        count += weight(record)
        if count > most and place:
            return records[:place], records[place:]
    return records, []


class _Positions:
    """The positions of one batch while it is read: what is fresh, and what they will be."""

    def __init__(self, before: Mapping[Source, Position]) -> None:
        self._before = before
        self._seen: dict[Source, dict[str, Cause]] = {}
        self._next: dict[Source, int] = {}

    def is_fresh(self, record: Delivered, origin: Origin) -> bool:
        """Whether the record has not been served before; moves the position past it either way."""
        source = (record.topic, record.partition)
        before = self._before.get(source)
        if before is None:
            raise OwnFault(f"{record.topic}/{record.partition} was delivered but is not of this shard")
        expected = self._next.get(source, before.next_offset)
        if record.offset < expected:
            return False
        self._next[source] = record.offset + 1
        if origin.cause is None:
            return True
        seen = self._seen.setdefault(source, dict(before.seen))
        if origin.cause <= seen.get(origin.source, NEVER):
            return False
        seen[origin.source] = origin.cause
        return True

    @property
    def changed(self) -> dict[Source, Position]:
        """Positions after the batch, for the partitions it touched."""
        return {
            source: Position(offset, self._seen.get(source, self._before[source].seen))
            for source, offset in self._next.items()
        }


def _place(read: Read) -> tuple[str, int, int]:
    return read[0][:3]
