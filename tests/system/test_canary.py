"""No individual number but on its way to the resident register, no two codes of a person in one place: nowhere at all.

One whole life of an installation is looked through afterwards: codes acquired with individual numbers, inquiries,
refusals, holds, crashes, and individual numbers planted by an institution in every field of every message it can say.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from confluent_kafka import KafkaError, Producer
from installation_fixtures import (
    Crowd,
    Read,
    Supervisor,
    block_every_tenth,
    drain,
    dump,
    everything_on,
    new_system,
    now_ms,
    query,
    read_of,
    rows_of,
    settings,
    topic_names,
    until,
)

from broker.rules.checks import History, Text, codes_apart
from broker.rules.numbers import find_individual_numbers
from broker.tables import NetworkCode
from broker.topics import Topics
from schemas.codec import MAXIMUM_MESSAGE_BYTES, encode
from schemas.records import (
    CodeAcquisitionRequested,
    CodeRevocationRequested,
    CopyBatchOpened,
    HoldReason,
    HoldRefused,
    IdentityNotified,
    InquiryCancelRequested,
    InquiryRequested,
    Item,
    Message,
)
from services.up import System
from services.world import VACCINATION

INQUIRIES = 400
CANDIDATE = re.compile(rb"[0-9]{12}")
NUMBERS_TRAVEL = re.compile(r"juki\.[0-9a-z]+\.identities|vrs\.[0-9a-z]+\.requests")
OUTSIDE_RANGE = "123456789018"  # a number as a real one looks; the simulator takes none of these


class Planted(NamedTuple):
    """A record an institution said with an individual number where none belongs."""

    topic: str
    value: bytes
    headers: tuple[tuple[str, bytes | None], ...] = ()
    key: bytes = b"key"


class Aftermath(NamedTuple):
    """What lies around afterwards. `planted`: where the planted records lie, which are the institution's own doing."""

    system: System
    numbers: frozenset[bytes]
    planted: frozenset[tuple[str, int, int]]
    records: list[Read]
    rows: list[Text]


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aftermath]:
    """A whole life; its services have ended, Kafka and PostgreSQL still run."""
    directory = tmp_path_factory.mktemp("canary")
    with new_system(directory, CHUKAN_LOG_LEVEL="debug") as system:
        world = system.world
        numbers = {world.resident(n).individual_number.encode() for n in range(world.plan.residents)}
        with Supervisor(system):
            block_every_tenth(system)
            with Crowd(system, INQUIRIES) as crowd:
                crowd.allow(INQUIRIES // 4)
                planted = plant(system, numbers_in_wrong_places(system))
                for role in system.fleet.roles:
                    crowd.allow(INQUIRIES // 8)
                    until(lambda: crowd.open < 100, 30, "some are answered")
                    system.fleet.children[role.name].kill()
                for part in (system.embedded.kafka, system.embedded.postgres):
                    assert part.pid is not None
                    os.kill(part.pid, signal.SIGKILL)
                crowd.allow(INQUIRIES)
                drain(system, crowd, 60)
                assert crowd.verdict() == []
        system.fleet.stop()
        yield Aftermath(
            system,
            frozenset(numbers | {OUTSIDE_RANGE.encode()}),
            frozenset(planted),
            everything_on(system.parts, topic_names(system)),
            dump(system.parts),
        )


# ── what is planted ──────────────────────────────────────────────────────────────────────────────────────────────


def numbers_in_wrong_places(system: System) -> list[Planted]:
    """An individual number in every text of every message an institution says, and in bytes, keys and headers."""
    world = system.world
    topics = Topics(system.installation.config.shards, frozenset(world.attached))
    own, shared = world.attached[0], next(code for code in world.names if code not in world.attached)
    found: list[Planted] = []
    for owner, person in ((own, world.resident(3).individual_number), (own, OUTSIDE_RANGE), (shared, OUTSIDE_RANGE)):
        for message in said_by(system, owner):
            topic = topics.destination(message).topic
            for text in (person, f"本人{person}です"):
                found += [Planted(topic, encode(one)) for one in with_text(message, text)]
    number = world.resident(5).individual_number.encode()
    inquiry = said_by(system, own)[0]
    topic, whole = topics.destination(inquiry).topic, encode(inquiry)
    odd = (number, b"\x00\x00\x00\x00\x63" + number, whole[:9] + number, whole + number, whole[:5] + number * 30)
    found += [Planted(topic, value) for value in odd]
    found += [Planted(topic, b"\x00" + number * (MAXIMUM_MESSAGE_BYTES // 12 + 1))]
    found += [Planted(topic, encode(IdentityNotified(own, "0" * 20, number.decode())))]
    for place, name in enumerate(("traceparent", "ce_id", "cause", "anything", number.decode())):
        fresh = encode(world.inquiry(place, now_ms())._replace(record_identification_number=f"H{place}"))
        to = topics.destination(world.inquiry(place, now_ms()))
        found += [Planted(to.topic, fresh, ((name, number),), number)]
    found += [Planted(topic, encode(inquiry), (("traceparent", None), ("cause", None)))]
    refusal = HoldRefused(f"{own}-{'0' * 26}", own, "OP", HoldReason.OTHER, f"{number.decode()}の件", now_ms())
    return [*found, Planted(topics.names(HoldRefused)[0], encode(refusal))]


def said_by(system: System, owner: str) -> list[Message]:
    """One of each message an institution says."""
    world = system.world
    everybody = [world.resident(n) for n in range(world.plan.residents)]
    incoming = next(r for r in everybody if r.home == owner)
    outgoing = next(r for r in everybody if r.previous == owner)
    return [
        world.inquiry(incoming.number, now_ms())._replace(record_identification_number="P1"),
        InquiryCancelRequested("P1", owner, "取り下げ"),
        CodeAcquisitionRequested(owner, "P2", "600000000000001"),
        CodeRevocationRequested(owner, "P3", "600000000000002", now_ms()),
        CopyBatchOpened(owner, "P4", "CHANGE", 1),
        world.copy_of(outgoing, VACCINATION)._replace(
            record_identification_number="P5", integrated_number="600000000000003"
        ),
        IdentityNotified(owner, "0" * 20, incoming.individual_number),
    ]


def with_text(message: Any, text: str) -> Iterator[Any]:
    """The message with this text in each of its text fields in turn, those of nested records included."""
    for name, value in message._asdict().items():
        if type(value) is str:
            yield message._replace(**{name: text})
        elif isinstance(value, tuple):
            for changed in with_text(value[0], text):
                yield message._replace(**{name: (changed, *value[1:])})
    if isinstance(message, InquiryRequested):
        yield message._replace(integrated_number=text, record_identification_number=text)
    if isinstance(message, Item):
        yield message._replace(code=text, value=text)


def plant(system: System, wanted: list[Planted]) -> list[tuple[str, int, int]]:
    """Say them; where they lie."""
    producer = Producer(settings(system.parts) | {"enable.idempotence": True})
    places: list[tuple[str, int, int]] = []

    def delivered(error: KafkaError | None, record: Any) -> None:
        assert error is None, error
        places.append(read_of(record)[:3])

    shards = system.installation.config.shards
    for number, (topic, value, headers, key) in enumerate(wanted):
        partition = number % shards if ".shared." in topic or topic.startswith("operations.") else 0
        producer.produce(topic, value, key, partition, on_delivery=delivered, headers=list(headers))
        producer.poll(0)
    assert producer.flush(30) == 0
    assert len(places) == len(wanted)
    return places


# ── what is found ────────────────────────────────────────────────────────────────────────────────────────────────


def holding(texts: list[Text], numbers: frozenset[bytes]) -> list[str]:
    """The places that hold one of these numbers, or anything else that looks like an individual number."""
    found = []
    for place, data in texts:
        exactly = any(match in numbers for match in CANDIDATE.findall(data))
        if exactly or find_individual_numbers(data):
            found.append(place)
    return found


def texts_on_topics(life: Aftermath, records: list[Read]) -> list[Text]:
    """Value, key and headers of every record but the planted ones and those on their way to the register."""
    return [
        Text(f"{one.topic}/{one.partition}@{one.offset}", part)
        for one in records
        if (one.topic, one.partition, one.offset) not in life.planted and not NUMBERS_TRAVEL.fullmatch(one.topic)
        for part in (one.value, one.key, *(value for _, value in one.headers))
    ]


def texts_in_files(directory: Path) -> list[Text]:
    """Every line of every log, note and error output."""
    files = [
        *directory.glob("*.json"),
        *directory.glob("run/*"),
        *directory.rglob("*.log"),
        *directory.rglob("*.log.1"),
    ]
    assert {"kafka.log", "postgres.log", "inquiry.log", "network.log"} <= {file.name for file in files}
    return [
        Text(str(file.relative_to(directory)), line)
        for file in dict.fromkeys(files)
        if not re.fullmatch(r"[0-9]{20}\.log", file.name)  # Kafka's data, read through Kafka
        for line in file.read_bytes().splitlines()
    ]


def test_the_life_was_a_whole_one(aftermath: Aftermath) -> None:
    """Numbers did travel to the register, codes were issued, things were set aside, refused, held and rejected."""
    travelled = {one.topic for one in aftermath.records if NUMBERS_TRAVEL.fullmatch(one.topic)}
    rules = {row["rule"] for row in query(aftermath.system.parts, "select distinct rule from set_aside")}
    outcomes = {row["outcome"] for row in query(aftermath.system.parts, "select distinct outcome from exchanges")}

    assert len(travelled) >= 3
    assert rules >= {"NOT_FRAMED", "UNKNOWN_SCHEMA", "DAMAGED", "TRAILING_BYTES", "OVERSIZED", "WRONG_TOPIC"}
    assert outcomes >= {"OK", "REFUSED", "NO_MATCH", "NO_CODE", "NOT_PERMITTED"}
    assert query(aftermath.system.parts, "select count(*) from code_bindings where request_id <> 'world'")[0][0] > 10


def test_no_number_on_any_other_topic(aftermath: Aftermath) -> None:
    """What an institution says wrongly stays where it said it: no reply, no internal message repeats it."""
    assert holding(texts_on_topics(aftermath, aftermath.records), aftermath.numbers) == []


def test_no_number_in_any_table(aftermath: Aftermath) -> None:
    """Neither in rows of work nor in what was set aside."""
    assert holding(aftermath.rows, aftermath.numbers) == []


def test_no_number_in_any_file(aftermath: Aftermath) -> None:
    """Neither in the logs of services, with every detail on, nor in Kafka's, nor in PostgreSQL's."""
    assert holding(texts_in_files(aftermath.system.installation.directory), aftermath.numbers) == []


def test_no_two_codes_of_a_person_in_one_place(aftermath: Aftermath) -> None:
    """No message shows the codes that two institutions have of a person, and no row but the network's own."""
    codes = rows_of(aftermath.system.parts, NetworkCode)[NetworkCode]
    texts = [Text(f"{one.topic}@{one.offset}", one.value) for one in aftermath.records]
    both = {code.internal_id: code for code in codes}
    pair = next((code, both[code.internal_id]) for code in codes if code != both[code.internal_id])
    control = Text("control", "|".join(code.linkage_code for code in pair).encode())

    assert codes_apart(History(codes=codes, texts=[*texts, *aftermath.rows])) == []
    assert [one.subject for one in codes_apart(History(codes=codes, texts=[*texts, control]))] == ["control"]


def test_the_search_finds_what_is_planted(aftermath: Aftermath) -> None:
    """A number put on a topic, in a table and in a log is found in each, and in the note that somebody wrote into the
    table: so the other tests would have seen one."""
    system, number = aftermath.system, aftermath.system.world.resident(0).individual_number
    plant(system, [Planted("inquiry.cancel_ordered", f"x{number}x".encode())])
    query(system.parts, "insert into suspensions values ('0', '0', $1, 0)", f"本人 {number}")
    with (system.installation.run / "network.log").open("a", encoding="utf-8") as log:
        log.write(f"number {number}\n")

    records = everything_on(system.parts, topic_names(system))
    texts = [*texts_on_topics(aftermath, records), *dump(system.parts), *texts_in_files(system.installation.directory)]

    assert {place.partition("@")[0] for place in holding(texts, aftermath.numbers)} == {
        "inquiry.cancel_ordered/0",
        "suspensions",
        "outside_changes",  # the note that somebody but a service wrote into a table has the row
        "run/network.log",
    }
