"""Where a replay reads the past from: Kafka and one snapshot of PostgreSQL. Nothing here can write.

Owns the shape of a history (`History`) and its live form; `replay_export` has the form on files. Promises that the
journal, the rows and the outboxes are one committed state, and that the topics are read as far as they go at that
moment: whatever a journalled batch read or said lies there, or in an outbox.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, Protocol, get_type_hints

from aiokafka import AIOKafkaConsumer, TopicPartition

from broker.adapters.kafka import KafkaAccess, abandon, bounded
from broker.adapters.postgres import QUERIES, PostgresSnapshot, PostgresStore
from broker.errors import WorldFault
from broker.journal import Changed, Journalled, Step, unpack_offsets
from broker.ports import Delivered, Source
from broker.tables import TABLE_OF, TABLES
from broker.topics import Topics

STEPS_AT_ONCE = 2_000
RECORDS_AT_ONCE = 2_000
FETCH_BYTES = 2_097_152
START_SECONDS = 20.0
SILENT_READS = 40
READ_MS = 500
NOWHERE = -1
ROW_OF = {table.name: table.row for table in TABLES}
BEFORE_THE_JOURNAL = "journal"


class Unreplayable(WorldFault):
    """Something of the past is gone; the text says what."""


class Gone(NamedTuple):
    """Up to which step the past has been let go, and that step's moment (milliseconds since 1970 UTC); zeros when all
    of it is there."""

    place: int = 0
    at: int = 0


class History(Protocol):
    """The past, to be read once from its beginning."""

    @property
    def gone(self) -> Gone:
        """Up to where its steps have been let go."""

    @property
    def lost(self) -> Mapping[Source, int]:
        """Partitions of which records are gone, and the first offset that is there (0: not known any more)."""

    async def count(self) -> int:
        """How many steps there are."""

    async def steps(self, after: int) -> Sequence[Step]:
        """The next steps above this place, in order; none at the end."""

    async def records(self, source: Source, offset: int) -> Sequence[Delivered]:
        """The next records of a partition from this offset on; none at its end."""

    async def outboxes(self) -> Mapping[tuple[str, int, int], bytes]:
        """(service, shard, batch) → the body of what was committed and perhaps is not published yet."""

    async def rows(self, kind: type[Any], keys: Sequence[tuple[Any, ...]]) -> list[Any]:
        """The rows of a table with these keys."""

    def every(self, kind: type[Any]) -> AsyncIterator[Sequence[Any]]:
        """All rows of a table, in batches."""


# ── live ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class LiveHistory:
    """See `History`. One consumer of all partitions that fetches only the one it is asked for."""

    def __init__(
        self,
        snapshot: PostgresSnapshot,
        consumer: AIOKafkaConsumer,
        ends: Mapping[Source, int],
        lost: Mapping[Source, int],
        gone: Gone = Gone(),  # noqa: B008 - a frozen value
    ) -> None:
        self._snapshot = snapshot
        self._consumer = consumer
        self._ends = ends
        self._next: dict[Source, int] = {}
        self.lost = lost
        self.gone = gone

    async def count(self) -> int:
        """See `History.count`."""
        return int((await self._snapshot.query(QUERIES["steps_count"]))[0]["steps"])

    async def steps(self, after: int) -> Sequence[Step]:
        """See `History.steps`."""
        return [step_of(dict(row)) for row in await self._snapshot.query(QUERIES["steps_after"], after, STEPS_AT_ONCE)]

    async def records(self, source: Source, offset: int) -> Sequence[Delivered]:
        """See `History.records`."""
        end, place = self._ends[source], TopicPartition(*source)
        if offset >= end:
            return []
        if self._next.get(source) != offset:
            self._consumer.seek(place, offset)
        for _ in range(SILENT_READS):
            async with bounded(START_SECONDS, "reading topics"):
                found = await self._consumer.getmany(place, timeout_ms=READ_MS, max_records=RECORDS_AT_ONCE)
            records = found.get(place)
            if records:
                self._next[source] = records[-1].offset + 1
                return [
                    Delivered(r.topic, r.partition, r.offset, r.key or b"", r.value, r.headers, r.timestamp)
                    for r in records
                    if r.offset < end
                ]
        raise WorldFault(f"Kafka: {source[0]}/{source[1]} has more but delivers nothing")

    async def outboxes(self) -> Mapping[tuple[str, int, int], bytes]:
        """See `History.outboxes`."""
        found = await self._snapshot.query(QUERIES["outboxes"])
        return {(row["service"], row["shard"], row["batch"]): row["body"] for row in found}

    async def rows(self, kind: type[Any], keys: Sequence[tuple[Any, ...]]) -> list[Any]:
        """See `History.rows`."""
        return await self._snapshot.rows(kind, keys)

    async def every(self, kind: type[Any]) -> AsyncGenerator[Sequence[Any], None]:
        """See `History.every`."""
        table = TABLE_OF[kind]
        statement = f"select {', '.join(table.columns)} from {table.name}"  # noqa: S608 - our own names
        async for batch in self._snapshot.stream(statement):
            yield [kind._make(row) for row in batch]


@asynccontextmanager
async def live(store: PostgresStore, access: KafkaAccess, topics: Topics) -> AsyncIterator[LiveHistory]:
    """The history of a running installation as it stands now."""
    consumer = AIOKafkaConsumer(
        **access.settings(),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=20,
        max_partition_fetch_bytes=FETCH_BYTES,
        check_crcs=False,
    )
    try:
        async with store.snapshot() as snapshot:
            async with bounded(START_SECONDS, "starting to read topics"):
                await consumer.start()
                places = [TopicPartition(one.name, n) for one in topics.specs() for n in range(one.partitions)]
                consumer.assign(places)
                first = await consumer.beginning_offsets(places)
                ends = await consumer.end_offsets(places)
            lost = {(place.topic, place.partition): offset for place, offset in first.items() if offset > 0}
            offsets = {(place.topic, place.partition): end for place, end in ends.items()}
            gone = [Gone(*row) for row in await snapshot.query(QUERIES["history_gone"])]
            yield LiveHistory(snapshot, consumer, offsets, lost, *gone)
    finally:
        await abandon(consumer)


def step_of(row: Mapping[str, Any]) -> Step:
    """A row of `steps_after`; Unreplayable when it says that there is a past without a journal."""
    if row["service"] is not None:
        offsets = unpack_offsets(row["offsets"])
        return Journalled(
            row["place"], row["transaction"], row["service"], row["shard"], row["batch"], row["at"], offsets
        )
    if row["table_name"] == BEFORE_THE_JOURNAL:
        raise Unreplayable(
            "この設置先は、処理の記録（journal）ができる前から動いていたので再実行できません / "
            "this installation served before it kept a journal; its past cannot be replayed"
        )
    kind = ROW_OF[row["table_name"]]
    before, after = (row_of(kind, row[side]) if row[side] else None for side in ("before", "after"))
    return Changed(row["place"], row["transaction"], row["at"], before, after)


def row_of(kind: type[Any], text: str) -> Any:
    """A row out of the JSON that PostgreSQL makes of it: bytes are hex digits after a backslash and an x."""
    hints, plain = get_type_hints(kind), json.loads(text)
    return kind(*(bytes.fromhex(plain[n][2:]) if hints[n] is bytes else plain[n] for n in kind._fields))
