"""Open-loop load: inquiries sent at their appointed times whatever comes back, answers timed against those times.

Owns the generator's honesty: latency counts from the moment an inquiry was due, not from when it could be sent, so a
system that falls behind cannot hide it (coordinated omission).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from broker.adapters.kafka import KafkaAccess, abandon, bounded
from broker.topics import Topics
from schemas.codec import encode
from schemas.records import InquiryRequested

ROUND_SECONDS = 0.005
BATCH_BYTES = 262_144


class Prepared(NamedTuple):
    """An inquiry ready to be sent."""

    topic: str
    partition: int
    key: bytes
    value: bytes


class Result(NamedTuple):
    """What a run of load saw. latencies: seconds, from due to answered, in order of arrival."""

    sent: int
    answered: int
    distinct: int
    seconds: float
    latencies: tuple[float, ...]


def prepare(inquiries: Sequence[InquiryRequested], topics: Topics) -> list[Prepared]:
    """Encode beforehand: the generator shares the machine with what it measures."""
    return [Prepared(*topics.destination(inquiry), encode(inquiry)) for inquiry in inquiries]


class Load:
    """One generator: a producer for all institutions and a consumer of all their replies."""

    def __init__(self, access: KafkaAccess, topics: Topics, replies: Sequence[tuple[str, int]]) -> None:
        self._access = access
        self._topics = topics
        self._replies = [TopicPartition(*one) for one in replies]
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
        async with bounded(60, "starting the load"):
            await self._producer.start()
            await self._consumer.start()
            self._consumer.assign(self._replies)
            await self._consumer.seek_to_end(*self._replies)
            for one in self._replies:
                await self._consumer.position(one)
        return self

    async def __aexit__(self, *_: object) -> None:
        await abandon(self._consumer)
        await abandon(self._producer)

    async def run(self, inquiries: Sequence[Prepared], per_second: float, limit_seconds: float) -> Result:
        """Send at this rate (0: all at once), and hear until every one is answered or the limit is over."""
        begin = time.perf_counter() + 0.05
        due = {one.key: begin + (n / per_second if per_second else 0.0) for n, one in enumerate(inquiries)}
        sending = asyncio.create_task(self._send(inquiries, begin, per_second))
        try:
            return await self._hear(due, begin, limit_seconds)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def _send(self, inquiries: Sequence[Prepared], begin: float, per_second: float) -> None:
        sent = 0
        while sent < len(inquiries):
            now = time.perf_counter()
            until = len(inquiries) if not per_second else int(max(0.0, now - begin) * per_second) + (now >= begin)
            until = min(until, len(inquiries), sent + 2000)
            if until > sent and now >= begin:
                await self._send_round(inquiries[sent:until])
                sent = until
            if sent < len(inquiries) and (per_second or now < begin):
                await asyncio.sleep(ROUND_SECONDS)

    async def _send_round(self, inquiries: Sequence[Prepared]) -> None:
        waiting = []
        grouped: dict[tuple[str, int], list[Prepared]] = {}
        for one in inquiries:
            grouped.setdefault((one.topic, one.partition), []).append(one)
        for (topic, partition), found in grouped.items():
            builder = self._producer.create_batch()
            for one in found:
                if builder.append(key=one.key, value=one.value, timestamp=None) is None:
                    waiting.append(await self._producer.send_batch(builder, topic, partition=partition))
                    builder = self._producer.create_batch()
                    builder.append(key=one.key, value=one.value, timestamp=None)
            waiting.append(await self._producer.send_batch(builder, topic, partition=partition))
        async with bounded(30, "sending load"):
            await asyncio.gather(*waiting)

    async def _hear(self, due: dict[bytes, float], begin: float, limit_seconds: float) -> Result:
        latencies: list[float] = []
        seen: set[bytes] = set()
        answered = 0
        last = begin
        while len(seen) < len(due) and time.perf_counter() - begin < limit_seconds:
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
        return Result(len(due), answered, len(seen), last - begin, tuple(latencies))
