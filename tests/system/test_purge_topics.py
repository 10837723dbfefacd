"""What a purge takes from a real Kafka, and what it leaves: nothing that somebody has yet to read."""

from __future__ import annotations

from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from broker.embedded.admin import TopicSpec, ensure_topics
from broker.embedded.kafka import EmbeddedKafka
from services.purge import Kept, offsets_of, take
from services.raw_scan import raw_scan

HEARD, BEHIND, REPLIES = "heard", "behind", "institution.1.replies"
GROUP = "institution.1.client"
GROUPS = {"1": GROUP, "2": "institution.2.client"}  # the second has never read
SOURCES = [(HEARD, 0), (HEARD, 1), (BEHIND, 0), (REPLIES, 0)]
ENDS = {(HEARD, 0): 3, (HEARD, 1): 3, (BEHIND, 0): 3, (REPLIES, 0): 3}


def settings(kafka: EmbeddedKafka) -> dict[str, str]:
    """The administrator's way in."""
    return {
        "bootstrap.servers": kafka.bootstrap,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": kafka.admin_user,
        "sasl.password": kafka.admin_password,
    }


def hear(kafka: EmbeddedKafka, offset: int) -> None:
    """The institution's own program keeps with Kafka that it has heard up to here."""
    consumer = Consumer(settings(kafka) | {"group.id": GROUP})
    consumer.commit(offsets=[TopicPartition(REPLIES, 0, offset)], asynchronous=False)
    consumer.close()


def say(kafka: EmbeddedKafka) -> None:
    """Three messages on every partition."""
    ensure_topics(kafka.admin(), [TopicSpec(HEARD, 2), TopicSpec(BEHIND, 1), TopicSpec(REPLIES, 1)])
    producer = Producer(settings(kafka))
    for topic, partition in SOURCES:
        for number in range(3):
            producer.produce(topic, f"canary-{topic}-{number}".encode(), partition=partition)
    assert producer.flush(30) == 0


def there(admin: AdminClient) -> dict[tuple[str, int], tuple[int, int]]:
    """First and next offset of each partition."""
    first, ends = offsets_of(admin, SOURCES, first=True), offsets_of(admin, SOURCES, first=False)
    return {source: (first[source], ends[source]) for source in SOURCES}


def test_what_somebody_has_yet_to_read_stays(tmp_path: Path) -> None:
    """Topics with a reader behind are whole after a purge and a usual start; read to the end, the next purge takes
    them; unread replies go by order alone. Offsets go on where they were, and ports are those of before."""
    directory = tmp_path / "kafka"
    with EmbeddedKafka(directory) as kafka:
        say(kafka)
        hear(kafka, 2)
        port = kafka.bootstrap
    behind = {**ENDS, (BEHIND, 0): 1}
    texts = [f"canary-{topic}-2" for topic in (HEARD, BEHIND, REPLIES)]

    once = take(directory, behind, GROUPS, give_up_unread=False)
    with EmbeddedKafka(directory) as kafka:
        after_once, port_after = there(kafka.admin()), kafka.bootstrap
    held_once = {one.number for one in raw_scan(directory, texts).places}
    twice = take(directory, ENDS, GROUPS, give_up_unread=True)
    held_twice = raw_scan(directory, texts).found
    with EmbeddedKafka(directory) as kafka:
        after_twice = there(kafka.admin())

    assert once == (1, 6, (), (Kept(BEHIND, 2), Kept(REPLIES, 1)))
    assert after_once == {(HEARD, 0): (3, 3), (HEARD, 1): (3, 3), (BEHIND, 0): (0, 3), (REPLIES, 0): (0, 3)}
    assert port_after == port
    assert held_once == {2, 3}
    assert twice == (3, 6, (Kept(REPLIES, 1),), ())
    assert held_twice == 0
    assert after_twice == dict.fromkeys(SOURCES, (3, 3))
