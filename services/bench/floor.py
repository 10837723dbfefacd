"""The comparison with the floor: how fast the same bytes move through the same parts when nothing is decided.

Owns the samples, which are taken from what our own run left, and the throw-away topics. Leaves the moving to
`floor_app`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg
import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition

from broker.adapters.kafka import KafkaAccess, abandon, bounded
from broker.embedded.admin import TopicSpec, ensure_topics
from broker.envelope import BUNDLE
from broker.rules.identity import exchange_id
from broker.tables import TABLE_OF
from broker.topics import Topics
from schemas.codec import TYPES, decode, name_of
from schemas.records import MessagesBundled
from services.bench.drive import Driven, drive, watched
from services.bench.floor_app import (
    KINDS,
    RECORDS,
    SAID,
    Headers,
    Samples,
    institution_topic,
    topic_of,
)
from services.bench.helpers import Helper, helping
from services.bench.load import Load, Prepared, Tell
from services.up import System

SAMPLED = 200  # newest records of a partition; the middle one by size is taken
LIMIT_SECONDS = 120.0
WARM_UP = 2000
SERIAL_DIGITS = 20


async def samples_of(access: KafkaAccess, topics: Topics, connection: Any) -> Samples:
    """A message of each kind and a row of each table from a run that has just ended."""
    messages = {name: await _message(access, topics, name) for name in SAID}
    rows = {}
    for kind in KINDS:
        table = TABLE_OF[kind]
        row = await connection.fetchrow(f"select {', '.join(table.columns)} from {table.name} limit 1")  # noqa: S608
        rows[kind] = kind._make(row)
    return Samples(messages, rows)


async def _message(access: KafkaAccess, topics: Topics, name: str) -> tuple[bytes, Headers]:
    consumer = AIOKafkaConsumer(**access.settings(), group_id=None, enable_auto_commit=False)
    found: list[tuple[bytes, Headers]] = []
    try:
        async with bounded(30, f"looking for a {name}"):
            await consumer.start()
            sources = [
                TopicPartition(topic, partition)
                for topic in topics.names(TYPES[name])
                for partition in range(topics.partition_count(topic))
            ]
            consumer.assign(sources)
            ends = await consumer.end_offsets(sources)
            for source, end in ends.items():
                consumer.seek(source, max(0, end - SAMPLED))
            while not found:
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    found += [
                        (value, tuple(one.headers))
                        for one in records
                        for value in alone(one.value)
                        if name_of(value) == name
                    ]
    finally:
        await abandon(consumer)
    return sorted(found, key=lambda one: len(one[0]))[len(found) // 2]


def alone(value: bytes) -> list[bytes]:
    """The messages of a record as the floor moves them: each in a record of its own."""
    if name_of(value) != BUNDLE:
        return [value]
    bundle = decode(value)
    assert isinstance(bundle, MessagesBundled)
    return [entry.value for entry in bundle.entries]


def compare(system: System, dsn: str, samples: Samples, count: int, tell: Tell) -> Driven:
    """Move so many exchanges over a database of its own; our own services must not run meanwhile."""
    kafka, postgres = system.embedded.kafka, system.embedded.postgres
    shards = system.installation.config.shards
    institutions = system.world.attached
    own = [institution_topic(name, code) for code in institutions for name in ("InquiryRequested", "InquiryAnswered")]
    shared = [f"floor.{name}" for name in (*SAID, RECORDS) if name not in ("InquiryRequested", "InquiryAnswered")]
    ensure_topics(
        kafka.admin(),
        [TopicSpec(name, 1, {}) for name in own] + [TopicSpec(name, shards, {}) for name in shared],
    )
    file = system.installation.run / "floor.json"
    file.write_text(samples.written(), encoding="ascii")
    helpers = [
        Helper(
            f"floor-{shard}",
            "services.bench.floor_app",
            (str(file), ",".join(institutions), str(shard), str(shards)),
        )
        for shard in range(shards)
    ]
    access = KafkaAccess(system.parts.bootstrap, system.parts.admin_user, system.parts.admin_password)
    replies = [(institution_topic("InquiryAnswered", code), 0) for code in institutions]
    warm = min(WARM_UP, max(1, count // 4))
    prepared = [prepare(place, institutions, samples) for place in range(count + warm)]

    async def driven(pids: Sequence[int]) -> Driven:
        connection = await asyncpg.connect(dsn, timeout=30)
        try:
            async with Load(access, replies, tell) as load:
                processes = watched(pids, kafka, postgres)
                ready = await drive(
                    "下限・暖機 / floor, warm-up", load, connection, processes, prepared[:warm], 0, LIMIT_SECONDS
                )
                if not ready.is_complete:
                    return ready
                return await drive("下限 / floor", load, connection, processes, prepared[warm:], 0, LIMIT_SECONDS)
        finally:
            await connection.close(timeout=10)

    with helping(system.installation, system.parts, dsn, helpers) as pids:
        return uvloop.run(driven(pids))


def prepare(place: int, institutions: Sequence[str], samples: Samples) -> Prepared:
    """The place-th exchange, asked by the institutions in turn."""
    name = exchange_id(institutions[place % len(institutions)], f"{place:0{SERIAL_DIGITS}d}")
    return Prepared(topic_of("InquiryRequested", name), 0, name.encode(), samples.messages["InquiryRequested"][0])
