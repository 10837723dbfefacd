"""The log on Apache Kafka over aiokafka: manual assignment, batches to partitions we chose, every wait bounded.

Owns the way around aiokafka's habits (no consumer groups, no Kafka transactions, a producer that is thrown away after
a failure because its sequence numbers are then spent). Translates aiokafka's exceptions here and nowhere else. Leaves
creating topics and users to `broker.embedded.admin`.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    AuthenticationFailedError,
    GroupAuthorizationFailedError,
    KafkaError,
    OffsetOutOfRangeError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
)

from broker.errors import OwnFault, WorldFault
from broker.ports import Delivered, Log, Outgoing, Source

START_SECONDS = 20.0
PUBLISH_SECONDS = 15.0
STOP_SECONDS = 5.0
QUIET_SECONDS = 10.0  # after so long without a record, ask the broker whether there are any
ACKNOWLEDGE_SECONDS = 5.0
BATCH_BYTES = 524_288

NOT_ALLOWED = (
    AuthenticationFailedError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    GroupAuthorizationFailedError,
)


class KafkaAccess(NamedTuple):
    """How to reach a cluster: host:port list and one SCRAM-SHA-512 user (an empty user means no authentication)."""

    bootstrap: str
    user: str
    password: str
    security_protocol: str = "SASL_PLAINTEXT"

    def settings(self) -> dict[str, Any]:
        """aiokafka's keyword arguments."""
        if not self.user:
            return {"bootstrap_servers": self.bootstrap}
        return {
            "bootstrap_servers": self.bootstrap,
            "security_protocol": self.security_protocol,
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": self.user,
            "sasl_plain_password": self.password,
        }


@asynccontextmanager
async def bounded(seconds: float, what: str) -> AsyncIterator[None]:
    """A time limit, and aiokafka's exceptions as ours."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise WorldFault(f"Kafka: {what} took more than {seconds:g} s") from None
    except OffsetOutOfRangeError as error:
        raise OwnFault(f"Kafka no longer has an offset we need ({error}); retention overtook us") from None
    except NOT_ALLOWED as error:
        raise OwnFault(f"Kafka refuses this user: {type(error).__name__}") from error
    except (KafkaError, OSError) as error:
        raise WorldFault(f"Kafka: {what}: {type(error).__name__}") from error


class KafkaLog:
    """See `broker.ports.Log`. `group` is the name under which lag tools see the offsets."""

    def __init__(self, access: KafkaAccess, group: str, *, wait_ms: int = 100, fetch_bytes: int = 4_194_304) -> None:
        self._access = access
        self._group = group
        self._wait_ms = wait_ms
        self._fetch_bytes = fetch_bytes
        self._consumer: AIOKafkaConsumer | None = None
        self._producer: AIOKafkaProducer | None = None
        self._acknowledged_at = 0.0
        self._acknowledging: asyncio.Task[None] | None = None
        self._heard_at = 0.0

    async def start(self, positions: Mapping[Source, int]) -> None:
        """See `Log.start`."""
        await self.stop()
        async with bounded(START_SECONDS, "starting"):
            self._producer = await self._new_producer()
            consumer = AIOKafkaConsumer(
                **self._access.settings(),
                group_id=self._group,
                enable_auto_commit=False,
                auto_offset_reset="none",
                fetch_max_wait_ms=self._wait_ms,
                fetch_max_bytes=self._fetch_bytes,
                max_partition_fetch_bytes=self._fetch_bytes,
                check_crcs=True,
            )
            self._consumer = consumer
            await consumer.start()
            sources = [TopicPartition(*source) for source in positions]
            consumer.assign(sources)
            first, last = await consumer.beginning_offsets(sources), await consumer.end_offsets(sources)
            for (topic, partition), offset in positions.items():
                low, high = first[TopicPartition(topic, partition)], last[TopicPartition(topic, partition)]
                if not low <= offset <= high and not (offset == 0 == low):
                    raise OwnFault(
                        f"{topic}/{partition} holds offsets {low} to {high}, but {offset} comes next: "
                        "its tail was lost, it was made anew, or retention overtook us"
                    )
                consumer.seek(TopicPartition(topic, partition), offset)
        self._heard_at = time.monotonic()

    async def _new_producer(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            **self._access.settings(),
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=BATCH_BYTES,
            max_request_size=2 * BATCH_BYTES,
        )
        try:
            await producer.start()
        except BaseException:
            await abandon(producer)
            raise
        return producer

    async def fetch(self, maximum: int, wait_seconds: float) -> list[Delivered]:
        """See `Log.fetch`."""
        consumer = self._started()
        async with bounded(wait_seconds + START_SECONDS, "fetching"):
            found = await consumer.getmany(timeout_ms=int(wait_seconds * 1000), max_records=maximum)
        if found:
            self._heard_at = time.monotonic()
        elif time.monotonic() - self._heard_at > QUIET_SECONDS:
            await self._look_for_more(consumer)
        return [
            Delivered(r.topic, r.partition, r.offset, r.key or b"", r.value, r.headers, r.timestamp)
            for records in found.values()
            for r in records
        ]

    async def _look_for_more(self, consumer: AIOKafkaConsumer) -> None:
        """A consumer can fall silent without an error: when there is more to read, have everything built anew."""
        self._heard_at = time.monotonic()
        async with bounded(START_SECONDS, "asking for the ends of the partitions"):
            ends = await consumer.end_offsets(list(consumer.assignment()))
            behind = [source for source, end in ends.items() if end > await consumer.position(source)]
        if behind:
            raise WorldFault(f"Kafka: {behind[0].topic}/{behind[0].partition} has more but delivers nothing")

    async def publish(self, batch: Sequence[Outgoing]) -> None:
        """See `Log.publish`. After a failure the producer is dropped: `start` makes a new one."""
        if not batch:
            return
        producer = self._producer
        if producer is None:
            raise WorldFault("Kafka: not started")
        try:
            async with bounded(PUBLISH_SECONDS, "publishing"):
                waiting = [
                    await producer.send_batch(builder, topic, partition=partition)
                    for (topic, partition), messages in by_partition(batch).items()
                    for builder in batches(producer, messages)
                ]
                await asyncio.gather(*waiting)
        except BaseException:
            self._producer = None
            await abandon(producer)
            raise

    async def acknowledge(self, positions: Mapping[Source, int]) -> None:
        """See `Log.acknowledge`; at most once in five seconds, and nobody waits for it."""
        now = time.monotonic()
        if self._consumer is None or now - self._acknowledged_at < ACKNOWLEDGE_SECONDS:
            return
        self._acknowledged_at = now
        if self._acknowledging is None or self._acknowledging.done():
            offsets = {TopicPartition(*source): offset for source, offset in positions.items()}
            self._acknowledging = asyncio.create_task(self._commit(self._consumer, offsets))

    @staticmethod
    async def _commit(consumer: AIOKafkaConsumer, offsets: Mapping[TopicPartition, int]) -> None:
        with contextlib.suppress(KafkaError, TimeoutError, OSError):
            async with asyncio.timeout(STOP_SECONDS):
                await consumer.commit(offsets)

    async def stop(self) -> None:
        """See `Log.stop`."""
        consumer, producer = self._consumer, self._producer
        self._consumer = self._producer = None
        if self._acknowledging is not None:
            self._acknowledging.cancel()
            await asyncio.gather(self._acknowledging, return_exceptions=True)
            self._acknowledging = None
        for client in (consumer, producer):
            if client is not None:
                await abandon(client)

    def _started(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise WorldFault("Kafka: not started")
        return self._consumer


def by_partition(batch: Sequence[Outgoing]) -> dict[Source, list[Outgoing]]:
    """The messages of each partition, in their order."""
    found: dict[Source, list[Outgoing]] = defaultdict(list)
    for message in batch:
        found[message.topic, message.partition].append(message)
    return found


def batches(producer: AIOKafkaProducer, messages: Sequence[Outgoing]) -> list[Any]:
    """Kafka record batches holding these messages in order, each below the size limit."""
    found = []
    builder = producer.create_batch()
    for message in messages:
        record = {"timestamp": message.at, "key": message.key, "value": message.value, "headers": list(message.headers)}
        if builder.append(**record) is None:
            found.append(builder)
            builder = producer.create_batch()
            if builder.append(**record) is None:
                raise OwnFault(f"a {len(message.value)}-byte message for {message.topic} fits no batch")
    found.append(builder)
    for one in found:
        one.close()
    return found


async def abandon(client: Any) -> None:
    """Stop a client within a bound; one whose broker is gone never finishes by itself."""
    with contextlib.suppress(KafkaError, TimeoutError, OSError, asyncio.CancelledError):
        async with asyncio.timeout(STOP_SECONDS):
            await client.stop()


def _keeps_promises(log: KafkaLog) -> Log:
    # The type checker reports here, and not in a caller, when the adapter drifts from its port.
    return log
