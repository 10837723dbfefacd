"""A batch gives the same result as its messages one by one."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import pytest
from country import NAMES, SHARDS, START_MS, Country, ground, quiet, service_named
from simulation.scene import run_seed

from broker.adapters.memory import MemoryBroker, MemoryLog, MemoryStore
from broker.adapters.virtual_time import VirtualClock, VirtualTimeLoop, run_virtual
from broker.envelope import Said, unpack
from broker.ports import Delivered
from broker.runtime import Limits, Worker
from broker.topics import Topics
from schemas.codec import decode
from schemas.records import MessagesBundled, PermitIssued, RecordEntry, RecordsSubmitted

AT_MS = START_MS + 60_000


def heard(country: Country, name: str, shard: int) -> list[Delivered]:
    """Everything a shard had to read in that country, in the order in which a batch is decided."""
    records = [record for source in country._sources(name, shard) for record in country.broker.logs[source]]
    return sorted(records, key=lambda record: record[:3])


def handled(country: Country, name: str, shard: int, groups: Sequence[Sequence[Delivered]]) -> tuple[Any, ...]:
    """The rows and messages after a fresh worker has served these records, group by group, all at one moment."""
    loop = VirtualTimeLoop()
    base = ground(country.plan)
    store = base.copy()
    topics = Topics(SHARDS, frozenset(base.world.attached))
    log = MemoryLog(MemoryBroker())
    worker = Worker(
        service_named(name, base.keys, 0, base),
        shard,
        "test",
        topics=topics,
        log=log,
        store=store,
        clock=VirtualClock(loop, AT_MS),
        protect=lambda value: value,
        limits=Limits(),
    )

    async def main() -> None:
        await worker._start()
        for group in groups:
            await worker.handle(group)

    asyncio.set_event_loop(loop)
    try:
        with quiet():
            run_virtual(main(), loop)
    finally:
        asyncio.set_event_loop(None)
    return rows_of(store), *said_in(store, name, shard)


def rows_of(store: MemoryStore) -> dict[str, Any]:
    """Every table with its rows."""
    return {kind.__name__: dict(rows) for kind, rows in store.tables.items()}


def said_in(store: MemoryStore, name: str, shard: int) -> tuple[dict[str, Any], dict[str, list[RecordEntry]]]:
    """Messages in the outbox by id, and the records of each lane in their order.

    How records are gathered into messages depends on the batch, and so does the path of a batch's signature.
    """
    messages: dict[str, Any] = {}
    lanes: dict[str, list[RecordEntry]] = defaultdict(list)
    for _, body in sorted(store.shards[name, shard].outbox.items()):
        for said in unpack(body)[0]:
            for identity, message in one_by_one(said):
                if isinstance(message, RecordsSubmitted):
                    lanes[message.lane] += message.entries
                elif isinstance(message, PermitIssued):
                    messages[identity] = (said.destination[:2], message._replace(permit_proof=b""))
                else:
                    messages[identity] = (said.destination[:2], message)
    return messages, lanes


def one_by_one(said: Said) -> list[tuple[str, Any]]:
    """The messages with their ids, whether they travel alone or in a bundle."""
    message = decode(said.value)
    if isinstance(message, MessagesBundled):
        return [(entry.id.hex(), decode(entry.value)) for entry in message.entries]
    return [(said.id, message)]


@pytest.mark.parametrize("seed", range(5000, 5004))
def test_a_batch_decides_as_its_messages_one_by_one(seed: int) -> None:
    """Cut in any way, the same messages at the same moment leave the same rows and say the same messages."""
    country = run_seed(seed).country
    rng = random.Random(seed)

    for name in NAMES:
        for shard in range(SHARDS):
            records = heard(country, name, shard)
            cut = rng.randint(1, max(1, len(records) - 1))
            one_by_one = handled(country, name, shard, [[record] for record in records])
            whole = handled(country, name, shard, [records])
            in_two = handled(country, name, shard, [records[:cut], records[cut:]])
            assert whole == one_by_one, f"{name}/{shard}"
            assert in_two == one_by_one, f"{name}/{shard}"
