"""An institution's own program, as simple as one may be: says on its request topics, hears on its reply topic.

Owns nothing of the exchange. Used by the demo, the tests and the benchmark; an institution's real program may be
written in any language with any Kafka client.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from broker.adapters.kafka import BATCH_BYTES, KafkaAccess, abandon, batches, bounded, by_partition
from broker.errors import NotHeard
from broker.keys import SEAL_INFO
from broker.ports import Outgoing
from broker.rules.sealing import KEY_BYTES, SealingError, open_sealed
from broker.topics import Topics
from schemas.codec import decode, encode
from schemas.records import AnsweredKind, Message, ProvidedInformation


class Credentials(NamedTuple):
    """What lies in `credentials/<institution code>/credentials.json`."""

    institution_code: str
    access: KafkaAccess
    replies: str
    sealing_private_key: bytes  # one key of 32 bytes, or several, newest first
    hub_key: bytes = b""

    @classmethod
    def read(cls, path: Path) -> Credentials:
        """The credentials in this file."""
        known = json.loads(path.read_text(encoding="utf-8"))
        access = KafkaAccess(known["bootstrap"], known["user"], known["password"], known["security_protocol"])
        sealing = known.get("sealing_private_keys") or known["sealing_private_key"]
        keys = (bytes.fromhex(sealing), bytes.fromhex(known.get("hub_key", "")))
        return cls(known["institution_code"], access, known["replies"], *keys)


class Client:
    """One Kafka user that speaks for institutions and hears their replies from the moment it started."""

    def __init__(self, access: KafkaAccess, topics: Topics, replies: Sequence[tuple[str, int]]) -> None:
        self._access = access
        self._topics = topics
        self._replies = [TopicPartition(*one) for one in replies]
        self._heard: list[Message] = []
        self.ahead_ms = 0  # so far ahead of the machine the services are: more than none in a rehearsal alone
        self._producer: AIOKafkaProducer
        self._consumer: AIOKafkaConsumer

    async def start(self) -> None:
        """Connected; replies that are there already are not heard."""
        settings = self._access.settings()
        self._producer = AIOKafkaProducer(
            **settings,
            acks="all",
            enable_idempotence=True,
            max_batch_size=BATCH_BYTES,
            max_request_size=2 * BATCH_BYTES,
        )
        self._consumer = AIOKafkaConsumer(**settings, group_id=None, enable_auto_commit=False)
        async with bounded(20, "starting a client"):
            await self._producer.start()
            await self._consumer.start()
            self._consumer.assign(self._replies)
            await self._consumer.seek_to_end(*self._replies)
            for one in self._replies:
                await self._consumer.position(one)

    async def stop(self) -> None:
        """Within a bound nothing of Kafka is held."""
        await abandon(self._consumer)
        await abandon(self._producer)

    async def say(self, message: Message) -> None:
        """The message lies on its topic."""
        to = self._topics.destination(message)
        await self.say_raw(to.topic, to.partition, to.key, encode(message))

    async def say_raw(self, topic: str, partition: int, key: bytes, value: bytes) -> None:
        """These bytes lie on this topic, whatever they are."""
        async with bounded(15, "saying a message"):
            at = time.time_ns() // 1_000_000 + self.ahead_ms if self.ahead_ms else None
            await self._producer.send_and_wait(topic, value, key=key, partition=partition, timestamp_ms=at)

    async def say_all(self, messages: Sequence[Message]) -> int:
        """The messages lie on their topics, in their order on each; how many. For many at once."""
        now = time.time_ns() // 1_000_000
        said = [Outgoing(*self._topics.destination(one), encode(one), (), now) for one in messages]
        async with bounded(30, "saying messages"):
            waiting = [
                await self._producer.send_batch(builder, topic, partition=partition)
                for (topic, partition), some in by_partition(said).items()
                for builder in batches(self._producer, some)
            ]
            await asyncio.gather(*waiting)
        return len(messages)

    async def listen(self, seconds: float) -> list[Message]:
        """The replies that come next, at most so long waited for; `hear` will not find them."""
        async with bounded(seconds + 20, "hearing replies"):
            found = await self._consumer.getmany(timeout_ms=int(seconds * 1000))
        return [decode(record.value) for records in found.values() for record in records]

    async def hear(self, wanted: Callable[[Any], bool], seconds: float = 30.0) -> Any:
        """The first reply that is wanted, heard before or now; NotHeard when none comes in time."""
        deadline = time.monotonic() + seconds
        seen = 0
        while True:
            for message in self._heard[seen:]:
                if wanted(message):
                    return message
            seen = len(self._heard)
            left = deadline - time.monotonic()
            if left <= 0:
                raise NotHeard(f"no such reply within {seconds:g} s")
            async with bounded(left + 20, "hearing replies"):
                found = await self._consumer.getmany(timeout_ms=int(min(left, 0.5) * 1000))
            self._heard += [decode(record.value) for records in found.values() for record in records]


@asynccontextmanager
async def client_of(credentials: Credentials) -> AsyncIterator[Client]:
    """An attached institution's client."""
    topics = Topics(1, frozenset({credentials.institution_code}))
    client = Client(credentials.access, topics, [(credentials.replies, 0)])
    try:
        await client.start()
        yield client
    finally:
        await asyncio.shield(client.stop())


def unsealed(answer: AnsweredKind, exchange_id: str, private_key: bytes) -> ProvidedInformation:
    """The plain answer of a kind; a SealingError when it was not sealed for any of these keys and this exchange.

    private_key: raw keys of 32 bytes, newest first: one, or several while a rotation's overlap lasts.
    """
    keys = [private_key[start : start + KEY_BYTES] for start in range(0, len(private_key), KEY_BYTES)]
    fault: SealingError | None = None
    for key in keys:
        try:
            plain = decode(open_sealed(answer.sealed_answer, key, SEAL_INFO, exchange_id.encode(), None))
        except SealingError as error:
            fault = error
            continue
        assert isinstance(plain, ProvidedInformation)
        return plain
    raise fault or SealingError("there is no key to open it with")
