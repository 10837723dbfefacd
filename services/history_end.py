"""The end of the kept past: steps of the journal that no replay can reach are let go.

Owns which steps go: from the first on, as long as all messages of the batches have left Kafka. A replay rebuilds state
from the first message, so without them these steps decide nothing any more; outside changes go up to the same step, and
they hold rows about persons. Promises that a mark says how far the past is gone before anything is deleted, so that a
replay says so and never begins in the middle; that no transaction deletes more than `ROWS_AT_ONCE` rows; and that
whatever is cut short is finished by the next run. Leaves to Kafka's retention, and to `services.purge`, what becomes of
messages.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from broker.adapters.kafka import KafkaAccess, abandon, bounded
from broker.adapters.postgres import QUERIES, PostgresStore
from broker.errors import WorldFault
from broker.journal import is_of_a_hub, unpack_offsets
from broker.ports import Source
from broker.topics import Topics
from services.topic_reader import START_SECONDS, partitions_of

ROWS_AT_ONCE = 2_000
Progress = Callable[[str, int, int], None]


class LetGo(NamedTuple):
    """How many batches and outside changes went. before: the past up to this moment is gone, by this run or an earlier
    one, milliseconds since 1970 UTC; 0 when all of it is there."""

    batches: int
    changes: int
    before: int


async def beginnings(access: KafkaAccess, topics: Topics) -> dict[Source, int]:
    """Where each partition begins now: what lies below has left Kafka. WorldFault while a topic of the installation
    does not show: nothing is known of it then."""
    there = await asyncio.wait_for(asyncio.to_thread(partitions_of, access), START_SECONDS + 5)
    missing = [spec.name for spec in topics.specs() if len(there.get(spec.name, ())) < spec.partitions]
    if missing:
        raise WorldFault(f"Kafka does not show {missing[0]}; what of it is gone cannot be told")
    consumer = AIOKafkaConsumer(**access.settings(), group_id=None, enable_auto_commit=False)
    try:
        async with bounded(START_SECONDS, "asking where topics begin"):
            await consumer.start()
            places = [TopicPartition(name, number) for name, numbers in there.items() for number in numbers]
            found = await consumer.beginning_offsets(places)
    finally:
        await asyncio.shield(abandon(consumer))
    return {(place.topic, place.partition): offset for place, offset in found.items()}


async def let_go(
    store: PostgresStore,
    first: Mapping[Source, int],
    progress: Progress = lambda *_: None,
    rows_at_once: int = ROWS_AT_ONCE,
) -> LetGo:
    """Let go of the steps whose messages lie below `first`; partitions it does not name are no longer there."""
    place, at = await _end(store, first, rows_at_once)
    if place:
        await store.query(QUERIES["let_history_go"], place, at)
    batches = await _deleted(store, "journal_let_go", rows_at_once, progress)
    changes = await _deleted(store, "outside_changes_let_go", rows_at_once, progress)
    gone = await store.query(QUERIES["history_gone"])
    return LetGo(batches, changes, gone[0]["at"] if gone else 0)


async def _end(store: PostgresStore, first: Mapping[Source, int], rows_at_once: int) -> tuple[int, int]:
    """Place and moment of the last step that goes; zeros when none does. An institution's own system is not replayed:
    its batches keep nothing back."""
    end, after = (0, 0), 0
    while page := await store.query(QUERIES["journal_after"], after, rows_at_once):
        for row in page:
            after = row["place"]
            if is_of_a_hub(row["service"]):
                continue
            offsets = unpack_offsets(row["offsets"])
            if any(offset > first.get(source, offset) for source, offset in offsets.items()):
                return end
            end = (row["place"], row["at"])
    return end


async def _deleted(store: PostgresStore, statement: str, rows_at_once: int, progress: Progress) -> int:
    count = 0
    while gone := (await store.query(QUERIES[statement], rows_at_once))[0]["gone"]:
        count += gone
        progress("history", count, 0)
    return count
