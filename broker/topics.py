"""Where each message travels: topic names, partitions, retention, and who may touch what.

Owns the mapping from a message to (topic, partition, key). Partitions are chosen here and nowhere else: all kinds of
one inquiry share a partition, so that one shard owns the inquiry's state. Leaves the creating to the adapters.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b
from operator import attrgetter
from typing import Any, NamedTuple

from schemas.codec import KEY, TOPIC
from schemas.records import Message

SHARED = "shared"
DAY_MS = 86_400_000
RETENTION_MS = 30 * DAY_MS
MAXIMUM_RECORD_BYTES = 1_048_576
INSTITUTION_PREFIX = re.compile(r"^(institution|juki|health|vrs|tablet)\.([0-9]{16}|shared)\.[a-z_]+$")

LANES = 8  # logs of provision records by institution; each lane lies in one partition

# The last two digits of a transaction serial number count the kinds of one inquiry.
KIND_DIGITS = 2


class TopicSpec(NamedTuple):
    """One topic as it is created. `configuration` holds Kafka's own names."""

    name: str
    partitions: int
    configuration: dict[str, str]


class Destination(NamedTuple):
    """Where one message goes."""

    topic: str
    partition: int
    key: bytes


Way = Callable[[Message], Destination]


@lru_cache(maxsize=65_536)
def partition_of(text: str, partitions: int) -> int:
    """The partition of a key, by BLAKE2b of its UTF-8 bytes: a checksum is linear, and put the institutions of a
    neighbourhood, whose codes differ in a few digits, all on one shard."""
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest(), "big") % partitions


@lru_cache(maxsize=8192)
def sender_of(topic: str) -> str:
    """The institution a topic belongs to, `shared` for the common one, an empty string for internal topics."""
    match = INSTITUTION_PREFIX.match(topic)
    return match.group(2) if match else ""


def lane_of(institution_code: str) -> str:
    """The lane of an institution's log."""
    return str(partition_of(institution_code, LANES))


class Topics:
    """The topics of one installation.

    partitions: of every internal topic; equals the number of shards and never changes.
    attached: institutions with topics of their own; all others share one set.
    """

    def __init__(self, partitions: int, attached: frozenset[str] = frozenset()) -> None:
        self.partitions = partitions
        self.attached = attached
        self._internal = {kind: "{" not in topic for kind, topic in TOPIC.items()}
        self._way: dict[type[Any], Way] = {kind: self._way_of(kind) for kind, topic in TOPIC.items() if topic}

    def owner(self, institution_code: str) -> str:
        """The middle part of the institution's topic names: its code, or `shared`."""
        return institution_code if institution_code in self.attached else SHARED

    def destination(self, message: Message) -> Destination:
        """Topic, partition and key of a message."""
        return self._way[type(message)](message)

    def _way_of(self, kind: type[Any]) -> Way:
        topic, key_of, partitions = TOPIC[kind], attrgetter(KEY[kind]), self.partitions
        if "{" in topic:
            return self._way_to_institution(kind)
        if KEY[kind] == "exchange_id":
            return lambda message: Destination(topic, self.of_exchange(key := key_of(message)), key.encode())
        if KEY[kind] in ("lane", "institution_code"):
            # What concerns one log lies where its records do, whatever the number of partitions: one shard writes it.
            lane = str if KEY[kind] == "lane" else lane_of
            return lambda message: Destination(topic, int(lane(key := key_of(message))) % partitions, key.encode())
        return lambda message: Destination(topic, partition_of(key := key_of(message), partitions), key.encode())

    def _way_to_institution(self, kind: type[Any]) -> Way:
        head, _, rest = TOPIC[kind].partition("{")
        place, _, tail = rest.partition("}")
        institution_of, key_of = attrgetter(place), attrgetter(KEY[kind])

        def way(message: Message) -> Destination:
            institution = institution_of(message)
            owner = self.owner(institution)
            partition = partition_of(institution, self.partitions) if owner == SHARED else 0
            return Destination(f"{head}{owner}{tail}", partition, key_of(message).encode())

        return way

    def of_exchange(self, name: str) -> int:
        """The partition, and so the shard, of everything about an exchange."""
        return partition_of(name[:-KIND_DIGITS], self.partitions)

    def names(self, kind: type[Any]) -> tuple[str, ...]:
        """All topics a message type may lie on."""
        topic = TOPIC[kind]
        if self._internal[kind]:
            return (topic,)
        head, tail = topic[: topic.index("{")], topic[topic.index("}") + 1 :]
        return tuple(head + owner + tail for owner in (SHARED, *sorted(self.attached)))

    def shard_of(self, topic: str, partition: int) -> int:
        """The shard that owns a partition: its number, or for an institution's own topic the institution's hash."""
        owner = sender_of(topic)
        return partition if owner in ("", SHARED) else partition_of(owner, self.partitions)

    def sources(self, kinds: tuple[type[Any], ...], shard: int) -> tuple[tuple[str, int], ...]:
        """The (topic, partition) pairs one shard of a service reads."""
        found: dict[tuple[str, int], None] = {}
        for kind in kinds:
            for name in self.names(kind):
                for partition in range(self.partition_count(name)):
                    if self.shard_of(name, partition) == shard:
                        found[name, partition] = None
        return tuple(found)

    def partition_count(self, topic: str) -> int:
        """Partitions of a topic: one for an institution's own, else the number of shards."""
        return 1 if sender_of(topic) not in ("", SHARED) else self.partitions

    def specs(self) -> tuple[TopicSpec, ...]:
        """Every topic of the installation, to be created."""
        names = dict.fromkeys(name for kind, topic in TOPIC.items() if topic for name in self.names(kind))
        settings = {
            "retention.ms": str(RETENTION_MS),
            "max.message.bytes": str(MAXIMUM_RECORD_BYTES),
            "cleanup.policy": "delete",
        }
        return tuple(TopicSpec(name, self.partition_count(name), settings) for name in names)
