"""Reading topics as they stand, on a real Kafka: chosen partitions, from a moment on, and what retention has taken."""

from __future__ import annotations

import time
from typing import Any

import pytest
from confluent_kafka import Producer, TopicPartition
from conftest import KafkaForTest

from broker.ports import Source
from services.topic_reader import librdkafka, reading

NOW = time.time_ns() // 1_000_000
VALUES = [f"v{n}".encode() for n in range(6)]


@pytest.fixture
def topic(kafka_for_test: KafkaForTest) -> str:
    """Two partitions with three records each, a second apart."""
    name = kafka_for_test.topic("reader", 2)
    producer = Producer(librdkafka(kafka_for_test.access))
    for place, value in enumerate(VALUES):
        producer.produce(name, value, partition=place % 2, timestamp=NOW + 1000 * place)
    assert producer.flush(20) == 0
    return name


async def read(kafka: KafkaForTest, sources: set[Source] | None, topics: set[str] | None, since: int = 0) -> Any:
    """The values that are read, and the topics of which something may be gone."""
    async with reading(kafka.access, topics, sources, since) as reader:
        values = [one.value async for batch in reader.batches() for one in batch]
        return sorted(values), reader.lost


async def test_all_is_read_unless_less_is_asked_for(kafka_for_test: KafkaForTest, topic: str) -> None:
    """A whole topic, one partition of it, or what came from a moment on; at the end nothing is waited for."""
    assert await read(kafka_for_test, None, {topic}) == (VALUES, frozenset())
    assert await read(kafka_for_test, {(topic, 1)}, None) == (VALUES[1::2], frozenset())
    assert await read(kafka_for_test, {(topic, 0)}, None, NOW + 1500) == (VALUES[2::2], frozenset())
    assert await read(kafka_for_test, None, {topic}, NOW + 60_000) == ([], frozenset())


async def test_what_retention_took_is_told_when_it_matters(kafka_for_test: KafkaForTest, topic: str) -> None:
    """A topic whose beginning is gone is named, unless what was asked for came later than that."""
    admin = kafka_for_test.server.admin()
    for future in admin.delete_records([TopicPartition(topic, 0, 1)], operation_timeout=20).values():
        future.result(20)

    assert await read(kafka_for_test, None, {topic}) == (sorted(VALUES[1:]), frozenset({topic}))
    assert (await read(kafka_for_test, {(topic, 0)}, None, NOW))[1] == frozenset({topic})
    assert await read(kafka_for_test, {(topic, 0)}, None, NOW + 2500) == ([VALUES[4]], frozenset())
