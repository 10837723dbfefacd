"""An institution's own program, written without a line of ours: it is served, and it sees nothing of anybody else."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from installation_fixtures import new_system, settings, topic_names, until

from services.up import System
from services.world import VACCINATION, Resident

DENIED = KafkaError.TOPIC_AUTHORIZATION_FAILED
SCRIPT = Path(__file__).with_name("independent_client.py")
LINES_LIMIT = 40


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A running installation."""
    with new_system(tmp_path_factory.mktemp("independent"), "packed") as running:
        yield running


@pytest.fixture(scope="module")
def resident(system: System) -> Resident:
    """Somebody whose home and former municipality are both attached."""
    everybody = (system.world.resident(n) for n in range(system.world.plan.residents))
    return next(r for r in everybody if {r.home, r.previous} <= set(system.world.attached))


def credentials_of(system: System, institution_code: str) -> Path:
    """The file an institution is given."""
    return system.installation.directory / "credentials" / institution_code / "credentials.json"


def ask(credentials: Path, system: System, resident: Resident) -> subprocess.CompletedProcess[str]:
    """Run the script as an institution would."""
    argv = (sys.executable, str(SCRIPT), str(credentials), system.registry, resident.home_number, resident.previous)
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


def test_it_is_short_and_stands_alone() -> None:
    """What a vendor has to write fits on a page and imports nothing of this project."""
    lines = SCRIPT.read_text("utf-8").splitlines()

    assert len(lines) <= LINES_LIMIT
    assert not [line for line in lines if line.startswith(("from broker", "from schemas", "from services"))]


def test_it_asks_and_reads_the_answer(system: System, resident: Resident) -> None:
    """The answer to a permitted inquiry opens with the institution's key and holds what the provider's copy holds."""
    done = ask(credentials_of(system, resident.home), system, resident)

    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    items = [(item["code"], item["value"]) for item in answer["records"][0]["items"]]
    assert answer["outcome"] == "OK"
    assert items == [(item.code, item.value) for item in system.world.items_of(resident, VACCINATION)]


def test_only_the_inquirer_can_open_the_answer(system: System, resident: Resident, tmp_path: Path) -> None:
    """With any other key the sealed answer stays closed."""
    mine = json.loads(credentials_of(system, resident.home).read_text("utf-8"))
    other = json.loads(credentials_of(system, resident.previous).read_text("utf-8"))
    mixed = tmp_path / "credentials.json"
    mixed.write_text(json.dumps(mine | {"sealing_private_key": other["sealing_private_key"]}), "utf-8")

    done = ask(mixed, system, resident)

    assert done.returncode != 0
    assert "InvalidTag" in done.stderr


# ── nothing of anybody else's ────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def mine(system: System, resident: Resident) -> dict[str, Any]:
    """librdkafka's settings out of one institution's credentials."""
    known = json.loads(credentials_of(system, resident.home).read_text("utf-8"))
    return settings(system.parts, known["user"], known["password"])


SAID = ("institution.{}.requests", "institution.{}.copies", "institution.{}.codes", "juki.{}.identities")
SAID = (*SAID, "health.{}.entries", "vrs.{}.requests", "tablet.{}.doses")
HEARD = ("institution.{}.replies", "hub.{}.copies", "health.{}.replies", "vrs.{}.replies", "tablet.{}.replies")


def writable(resident: Resident) -> set[str]:
    """Where an institution may write."""
    return {name.format(resident.home) for name in SAID}


def readable(resident: Resident) -> set[str]:
    """Where an institution may read."""
    return {name.format(resident.home) for name in HEARD}


def test_it_reads_its_own_replies_only(system: System, mine: dict[str, Any], resident: Resident) -> None:
    """Neighbours' topics, the shared ones, internal ones and its own requests: each refuses to be read."""
    foreign = set(topic_names(system)) - readable(resident)
    consumer = Consumer(mine | {"group.id": f"institution.{resident.home}.probe", "enable.auto.commit": False})
    codes: dict[str | None, int] = {}

    for name in foreign - writable(resident):  # of these, not even the partitions are told
        error = consumer.list_topics(name, timeout=10).topics[name].error
        codes[name] = 0 if error is None else error.code()
    consumer.assign([TopicPartition(name, 0, OFFSET_BEGINNING) for name in writable(resident)])
    deadline = time.monotonic() + 20
    while codes.keys() != foreign and time.monotonic() < deadline:
        for record in consumer.consume(100, timeout=0.5):
            error = record.error()
            codes[record.topic()] = 0 if error is None else error.code()
    consumer.close()

    assert codes == dict.fromkeys(foreign, DENIED)


def test_it_writes_on_its_own_request_topics_only(system: System, mine: dict[str, Any], resident: Resident) -> None:
    """Neighbours' topics, the shared ones, internal ones and its own replies: each refuses to be written."""
    foreign = set(topic_names(system)) - writable(resident)
    producer = Producer(mine)
    codes: dict[str, int] = {}

    def delivered(error: KafkaError | None, record: Any) -> None:
        codes[record.topic()] = 0 if error is None else error.code()

    for name in foreign:
        producer.produce(name, b"forged", on_delivery=delivered)
    producer.flush(20)

    assert codes == dict.fromkeys(foreign, DENIED)


def test_it_joins_no_group_and_changes_no_cluster(mine: dict[str, Any], resident: Resident) -> None:
    """The services' groups and the administrator's verbs are closed to an institution."""
    consumer = Consumer(mine | {"group.id": "chukan.inquiry"})
    consumer.subscribe([f"institution.{resident.home}.replies"])
    said = until(lambda: consumer.poll(0.5), 20, "the group is refused")
    consumer.close()
    admin = AdminClient(mine)
    making = admin.create_topics([NewTopic("institution.mine", 1)])["institution.mine"]

    assert said.error().code() == KafkaError.GROUP_AUTHORIZATION_FAILED
    with pytest.raises(KafkaException, match="AUTHORIZATION_FAILED"):
        making.result(10)


def test_a_wrong_password_is_refused(mine: dict[str, Any]) -> None:
    """Nobody gets in with another word."""
    heard: list[int] = []
    consumer = Consumer(
        mine | {"group.id": "any", "sasl.password": "wrong", "error_cb": lambda error: heard.append(error.code())}
    )

    with pytest.raises(KafkaException):
        consumer.list_topics(timeout=5)
    consumer.poll(0.1)
    consumer.close()

    assert KafkaError._AUTHENTICATION in heard
