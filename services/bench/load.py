"""Open-loop load: inquiries sent at their appointed times whatever comes back, answers timed against those times.

Owns the generator's honesty: latency counts from the moment an inquiry was due, not from when it could be sent, so a
system that falls behind cannot hide it (coordinated omission).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from broker.adapters.kafka import KafkaAccess, abandon, bounded
from broker.topics import Topics
from schemas.codec import encode
from schemas.records import InquiryRequested

ROUND_SECONDS = 0.005  # what falls due within it is sent together
ROUND_AT_MOST = 2000
BATCH_BYTES = 262_144
TOLD_SECONDS = 0.5

Tell = Callable[[str, int, int], None]
"""What is under way, how much is done, how much there is."""


class Prepared(NamedTuple):
    """An inquiry ready to be sent. Its answer carries the same key."""

    topic: str
    partition: int
    key: bytes
    value: bytes


class Result(NamedTuple):
    """What a run of load saw. begin: when the first was due (time.perf_counter); seconds: from then to the last answer;
    latencies: seconds, from due to answered, in order of arrival."""

    sent: int
    answered: int
    distinct: int
    begin: float
    seconds: float
    latencies: tuple[float, ...]


def prepare(inquiries: Sequence[InquiryRequested], topics: Topics) -> list[Prepared]:
    """Encode beforehand: the generator shares the machine with what it measures."""
    return [Prepared(*topics.destination(inquiry), encode(inquiry)) for inquiry in inquiries]


def due_at(begin: float, place: int, per_second: float) -> float:
    """When the place-th inquiry (from 0) is due; at a rate of 0 all are due at once."""
    return begin + (place / per_second if per_second else 0.0)


def due_by(now: float, begin: float, per_second: float, total: int) -> int:
    """How many inquiries are due at this moment."""
    if now < begin:
        return 0
    return min(total, int((now - begin) * per_second) + 1) if per_second else total


class Load:
    """One generator: a producer for all institutions and a consumer of all their replies."""

    def __init__(self, access: KafkaAccess, replies: Sequence[tuple[str, int]], tell: Tell = lambda *_: None) -> None:
        self._access = access
        self._replies = [TopicPartition(*one) for one in replies]
        self._tell = tell
        self._producer: AIOKafkaProducer
        self._consumer: AIOKafkaConsumer

    async def __aenter__(self) -> Load:
        settings = self._access.settings()
        self._producer = AIOKafkaProducer(
            **settings, acks="all", enable_idempotence=True, linger_ms=0, max_batch_size=BATCH_BYTES
        )
        self._consumer = AIOKafkaConsumer(
            **settings, group_id=None, enable_auto_commit=False, fetch_max_wait_ms=100, check_crcs=False
        )
        try:
            async with bounded(60, "starting the load"):
                await self._producer.start()
                await self._consumer.start()
                self._consumer.assign(self._replies)
                await self._consumer.seek_to_end(*self._replies)
                for one in self._replies:
                    await self._consumer.position(one)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await abandon(self._consumer)
        await abandon(self._producer)

    async def run(self, name: str, inquiries: Sequence[Prepared], per_second: float, limit_seconds: float) -> Result:
        """Send at this rate (0: all at once), and hear until every one is answered or the limit is over."""
        begin = time.perf_counter() + 0.05
        due = {one.key: due_at(begin, place, per_second) for place, one in enumerate(inquiries)}
        sending = asyncio.create_task(self._send(inquiries, begin, per_second))
        try:
            return await self._hear(name, due, begin, limit_seconds, sending)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def _send(self, inquiries: Sequence[Prepared], begin: float, per_second: float) -> None:
        sent, total = 0, len(inquiries)
        while sent < total:
            now = time.perf_counter()
            until = min(due_by(now, begin, per_second, total), sent + ROUND_AT_MOST)
            if until > sent:
                await self._send_round(inquiries[sent:until])
                sent = until
            else:
                await asyncio.sleep(max(ROUND_SECONDS, due_at(begin, sent, per_second) - now))

    async def _send_round(self, inquiries: Sequence[Prepared]) -> None:
        waiting = []
        grouped: dict[tuple[str, int], list[Prepared]] = {}
        for one in inquiries:
            grouped.setdefault((one.topic, one.partition), []).append(one)
        async with bounded(30, "sending load"):
            for (topic, partition), found in grouped.items():
                builder = self._producer.create_batch()
                for one in found:
                    if builder.append(key=one.key, value=one.value, timestamp=None) is None:
                        waiting.append(await self._producer.send_batch(builder, topic, partition=partition))
                        builder = self._producer.create_batch()
                        builder.append(key=one.key, value=one.value, timestamp=None)
                waiting.append(await self._producer.send_batch(builder, topic, partition=partition))
            await asyncio.gather(*waiting)

    async def _hear(
        self, name: str, due: dict[bytes, float], begin: float, limit_seconds: float, sending: asyncio.Task[None]
    ) -> Result:
        latencies: list[float] = []
        seen: set[bytes] = set()
        answered = 0
        last = told = begin
        while len(seen) < len(due) and time.perf_counter() - begin < limit_seconds:
            async with bounded(30, "hearing answers"):
                found = await self._consumer.getmany(timeout_ms=200)
            now = time.perf_counter()
            for records in found.values():
                for record in records:
                    key = record.key
                    if key not in due:
                        continue
                    answered += 1
                    if key not in seen:
                        seen.add(key)
                        latencies.append(now - due[key])
                        last = now
            if sending.done():
                sending.result()  # a generator that failed is told at once
            if now - told > TOLD_SECONDS or len(seen) == len(due):
                told = now
                self._tell(name, len(seen), len(due))
        return Result(len(due), answered, len(seen), begin, last - begin, tuple(latencies))
