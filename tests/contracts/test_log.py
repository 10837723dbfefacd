"""What `broker.ports.Log` promises, in memory and on a real Kafka: one body for both."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

import pytest

from broker.adapters.kafka import KafkaLog
from broker.adapters.memory import MemoryBroker, MemoryLog
from broker.errors import OwnFault, WorldFault
from broker.ports import Delivered, Log, Outgoing, Source

AT_MS = 1_790_000_000_000
HEADERS = (("ce_id", b"1"), ("cause", b"network/0 3 1"), ("empty", b""))


class Wire(NamedTuple):
    """Two workers' views of one broker, and topics of the test's own."""

    one: Log
    two: Log
    topic: Callable[[str, int], str]


@pytest.fixture(params=["memory", "kafka"])
async def wire(request: pytest.FixtureRequest) -> AsyncIterator[Wire]:
    """Either log."""
    if request.param == "memory":
        broker = MemoryBroker()
        found = Wire(MemoryLog(broker), MemoryLog(broker), lambda name, _: name)
    else:
        real = request.getfixturevalue("kafka_for_test")
        found = Wire(KafkaLog(real.access, real.prefix), KafkaLog(real.access, real.prefix), real.topic)
    yield found
    await found.one.stop()
    await found.two.stop()


def message(source: Source, value: bytes, key: bytes = b"k") -> Outgoing:
    """One record on its way."""
    return Outgoing(*source, key, value, HEADERS, AT_MS)


async def take(log: Log, wanted: int, maximum: int = 100) -> list[Delivered]:
    """Fetch until so many have come, at most ten seconds."""
    found: list[Delivered] = []
    async with asyncio.timeout(10):
        while len(found) < wanted:
            found += await log.fetch(maximum, 0.2)
    return found


async def test_what_is_published_is_delivered_as_it_was(wire: Wire) -> None:
    """Key, value, headers in their order, timestamp, and the offset at which the record lies."""
    source = (wire.topic("as_it_was", 1), 0)
    await wire.one.start({source: 0})

    await wire.one.publish([message(source, b"\x00\x01"), message(source, b"", b"")])

    first, second = await take(wire.one, 2)
    assert first == Delivered(*source, 0, b"k", b"\x00\x01", HEADERS, AT_MS)
    assert second == Delivered(*source, 1, b"", b"", HEADERS, AT_MS)


async def test_order_holds_within_a_partition(wire: Wire) -> None:
    """However many, to however many partitions, in one batch or several."""
    topic = wire.topic("order", 2)
    await wire.one.start({(topic, 0): 0, (topic, 1): 0})

    for batch in range(3):
        await wire.two.start({}) if batch == 0 else None
        await wire.two.publish([message((topic, n % 2), b"%d %d" % (batch, n)) for n in range(200)])

    found = await take(wire.one, 600)
    for partition in (0, 1):
        values = [record.value for record in found if record.partition == partition]
        assert values == [b"%d %d" % (batch, n) for batch in range(3) for n in range(200) if n % 2 == partition]


async def test_delivery_begins_at_the_offset_asked_for(wire: Wire) -> None:
    """Each partition has its own; its end is a place to begin as well."""
    topic = wire.topic("begin", 2)
    await wire.one.start({(topic, 0): 0, (topic, 1): 0})
    await wire.one.publish([message((topic, p), b"%d" % n) for p in (0, 1) for n in range(5)])

    await wire.two.start({(topic, 0): 3, (topic, 1): 5})

    found = await take(wire.two, 2)
    assert [(record.partition, record.offset) for record in found] == [(0, 3), (0, 4)]
    await wire.one.publish([message((topic, 1), b"new")])
    assert [(record.partition, record.offset) for record in await take(wire.two, 1)] == [(1, 5)]


async def test_an_offset_beyond_the_end_is_a_fault_of_what_we_stand_on(wire: Wire) -> None:
    """The tail of the log was lost, or the topic was made anew: stop, never guess."""
    source = (wire.topic("beyond", 1), 0)
    await wire.one.start({source: 0})
    await wire.one.publish([message(source, b"1")])

    with pytest.raises(OwnFault):
        await wire.two.start({source: 2})


async def test_no_more_than_the_maximum(wire: Wire) -> None:
    """A fetch is bounded; what is left comes with the next one."""
    source = (wire.topic("maximum", 1), 0)
    await wire.one.start({source: 0})
    await wire.one.publish([message(source, b"%d" % n) for n in range(10)])

    async with asyncio.timeout(10):
        while not (first := await wire.one.fetch(3, 0.2)):
            pass
    rest = await take(wire.one, 10 - len(first))

    assert len(first) <= 3
    assert [record.offset for record in (*first, *rest)] == list(range(10))


async def test_waiting_ends(wire: Wire) -> None:
    """Nothing to read is an empty list after the wait; something that arrives meanwhile ends it."""
    source = (wire.topic("wait", 1), 0)
    await wire.one.start({source: 0})
    await wire.two.start({})

    began = time.monotonic()
    assert await wire.one.fetch(10, 0.3) == []
    assert 0.2 < time.monotonic() - began < 5
    waiting = asyncio.create_task(take(wire.one, 1))
    await asyncio.sleep(0.05)
    await wire.two.publish([message(source, b"now")])
    assert [record.value for record in await waiting] == [b"now"]


async def test_starting_again_begins_where_it_says(wire: Wire) -> None:
    """A second start forgets the first: the same records come once more, and once only."""
    source = (wire.topic("again", 1), 0)
    await wire.one.start({source: 0})
    await wire.one.publish([message(source, b"1"), message(source, b"2")])
    await take(wire.one, 2)

    await wire.one.start({source: 1})

    assert [record.value for record in await take(wire.one, 1)] == [b"2"]
    assert await wire.one.fetch(10, 0.3) == []


async def test_acknowledging_never_raises(wire: Wire) -> None:
    """Nothing depends on it."""
    source = (wire.topic("acknowledge", 1), 0)
    await wire.one.acknowledge({source: 1})
    await wire.one.start({source: 0})

    await wire.one.acknowledge({source: 0})


async def test_nothing_goes_out_after_the_stop(wire: Wire) -> None:
    """A stopped log delivers nothing and publishes nothing; stopping twice does no harm."""
    source = (wire.topic("stop", 1), 0)
    await wire.one.start({source: 0})
    await wire.one.publish([message(source, b"1")])
    await wire.one.stop()
    await wire.one.stop()

    with pytest.raises(WorldFault):
        await wire.one.fetch(10, 0.1)
    with pytest.raises(WorldFault):
        await wire.one.publish([message(source, b"2")])
