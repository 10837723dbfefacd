"""Reading topics whole, from their first record to where they end now: for tools that look at everything.

Promises to end: every wait is bounded, and what is appended after the start is not waited for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from broker.adapters.kafka import KafkaAccess, abandon, bounded
from broker.errors import WorldFault
from broker.ports import Delivered, Source

START_SECONDS = 20.0
SILENCE_SECONDS = 20.0
POLL_MS = 250
RECORDS_AT_ONCE = 1000


class TopicReader:
    """Some topics as they stand, from `start` on. `lost`: topics of which records from there on may be gone
    (retention); `ends`: where they end."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        first: dict[TopicPartition, int],
        start: dict[TopicPartition, int],
        ends: dict[Source, int],
    ) -> None:
        self._consumer = consumer
        self._start = start
        self.ends = ends
        self.lost = frozenset(one.topic for one, offset in first.items() if offset > 0 and start[one] == offset)

    async def batches(self) -> AsyncIterator[list[Delivered]]:
        """All records, in offset order within a partition."""
        left = {one for one, offset in self._start.items() if offset < self.ends[one.topic, one.partition]}
        heard = time.monotonic()
        while left:
            async with bounded(START_SECONDS, "reading topics"):
                found = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=RECORDS_AT_ONCE)
                left = {one for one in left if await self._consumer.position(one) < self.ends[one.topic, one.partition]}
            if found:
                heard = time.monotonic()
            elif time.monotonic() - heard > SILENCE_SECONDS:
                raise WorldFault(f"Kafka: {next(iter(left)).topic} has more but delivers nothing")
            batch = [
                Delivered(r.topic, r.partition, r.offset, r.key or b"", r.value, r.headers, r.timestamp)
                for records in found.values()
                for r in records
                if r.offset < self.ends[r.topic, r.partition]
            ]
            if batch:
                yield batch


@asynccontextmanager
async def reading(
    access: KafkaAccess,
    topics: Collection[str] | None = None,
    sources_only: Collection[Source] | None = None,
    since: int = 0,
) -> AsyncIterator[TopicReader]:
    """These topics, or all that the user may see (Kafka's own left out); of them only these partitions, when some are
    named, and only records from a moment on (milliseconds since 1970 UTC)."""
    partitions = await asyncio.wait_for(asyncio.to_thread(partitions_of, access), START_SECONDS + 5)
    consumer = AIOKafkaConsumer(
        **access.settings(), group_id=None, enable_auto_commit=False, auto_offset_reset="earliest", fetch_max_wait_ms=50
    )
    try:
        async with bounded(START_SECONDS, "starting to read topics"):
            await consumer.start()
            sources = [
                TopicPartition(topic, partition)
                for topic, numbers in sorted(partitions.items())
                if topics is None or topic in topics
                for partition in numbers
                if sources_only is None or (topic, partition) in sources_only
            ]
            consumer.assign(sources)
            first = await consumer.beginning_offsets(sources)
            ends = await consumer.end_offsets(sources)
            start = await _start(consumer, first, ends, since)
            for one in sources:
                consumer.seek(one, start[one])
        yield TopicReader(consumer, first, start, {(one.topic, one.partition): offset for one, offset in ends.items()})
    finally:
        await asyncio.shield(abandon(consumer))


async def _start(
    consumer: AIOKafkaConsumer, first: dict[TopicPartition, int], ends: dict[TopicPartition, int], since: int
) -> dict[TopicPartition, int]:
    """Where to begin: the first record there is, or the first from a moment on (the end, when there is none)."""
    if not since or not first:
        return first
    found = await consumer.offsets_for_times(dict.fromkeys(first, since))
    return {one: found[one].offset if found.get(one) else ends[one] for one in first}


def partitions_of(access: KafkaAccess) -> dict[str, list[int]]:
    """The topics that the user may see and their partitions; Kafka's own are left out. Blocking."""
    admin = AdminClient(librdkafka(access))
    try:
        known = admin.list_topics(timeout=START_SECONDS).topics
    except KafkaException as error:
        raise WorldFault(f"Kafka: asking for its topics: {error.args[0].name()}") from None
    return {name: sorted(topic.partitions) for name, topic in known.items() if not name.startswith("__")}


def librdkafka(access: KafkaAccess) -> dict[str, str | int | float | bool]:
    """The other client library's settings for the same user."""
    if not access.user:
        return {"bootstrap.servers": access.bootstrap, "log_level": 0}
    return {
        "bootstrap.servers": access.bootstrap,
        "security.protocol": access.security_protocol,
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": access.user,
        "sasl.password": access.password,
        "log_level": 0,
    }
