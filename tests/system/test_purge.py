"""Forgetting to the last byte, on a real installation: what was erased stands in no file, and the rest still proves."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from confluent_kafka import Consumer, TopicPartition
from installation_fixtures import new_system, now_ms, query, settings, until

from broker.config import Config
from schemas.records import CopyCommand, HoldReason, HoldRefused
from services.asking import Heard, ask, heard
from services.client import Credentials
from services.raw_scan import RawScan, raw_scan
from services.running import Running, attach
from services.up import System
from services.world import VACCINATION, Plan, World

PLAN = Plan(seed=5, institutions=3, residents=30, attached=3)
LIMIT_SECONDS = 240
OPERATOR, VALUE, NOTE = "ZQOPERATOR7", "消える模擬製薬ZQ7", "職員の覚書ZQ7のこと"
CANARIES = (OPERATOR, VALUE, NOTE)
KEPT_OPERATOR = "KEPTOPERATOR8"
LAST_VALUE = (
    "select count(*) from copy_records where integrated_number = $1 and known_to = 0 and auto_response_disabled"
)


class Life(NamedTuple):
    """What the files held before, after `erase`, after the purge; what the purge printed; what is to stay."""

    directory: Path
    before: RawScan
    after_erasure: RawScan
    purged: dict[str, Any]
    after: RawScan
    kept_exchange: str
    laggard: Credentials


def typed(directory: Path, *arguments: str, code: int = 0) -> str:
    """What a verb printed, on both outputs."""
    done = subprocess.run(
        [sys.executable, "-m", "services", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "CHUKAN_DATA_DIR": str(directory), "NO_COLOR": "1", "CI": "1", "CHUKAN_SHARDS": "2"},
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout or done.stderr


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Life:
    """Canaries are planted, found, erased, purged, while one institution is behind with its replies."""
    directory = tmp_path_factory.mktemp("purge")
    with new_system(directory, "packed", PLAN) as system:
        kept = asked(directory, system.world, 1, KEPT_OPERATOR)
        assert kept.outcome == "OK"
        laggard = credentials(directory, system.world.resident(1).home)
        fall_behind(system, laggard)
        exchange = plant(system, directory)
        before = raw_scan(directory, CANARIES)
        for arguments in (("exchange", exchange), ("expired",)):
            done = json.loads(typed(directory, "erase", *arguments, "--operator", "soumu-01", "--json"))
            assert not any(one["left"] for one in done["steps"])
        after_erasure = raw_scan(directory, CANARIES)
    wanted = [part for text in CANARIES for part in ("--raw", text)]
    purged = json.loads(typed(directory, "erase", "purge", "--json", *wanted, code=6))
    after = raw_scan(directory, CANARIES)
    return Life(directory, before, after_erasure, purged, after, kept.exchange_id, laggard)


def attached(directory: Path) -> Running:
    """The running installation."""
    return attach(Config(shards=2), directory, chosen=True)


def credentials(directory: Path, institution_code: str) -> Credentials:
    """What an institution's own programs have."""
    return Credentials.read(directory / "credentials" / institution_code / "credentials.json")


def asked(directory: Path, world: World, number: int, operator: str) -> Heard:
    """What the first reply to an inquiry about a resident says."""
    message = world.inquiry(number, now_ms())._replace(
        inquirer_operator_id=operator, record_identification_number=f"R{now_ms()}"
    )

    async def work() -> Heard:
        async with attached(directory).client(message.inquirer_institution_code) as speaking:
            assert speaking is not None
            return heard(await ask(speaking[0], message, 40), speaking[1])[0]

    return asyncio.run(work())


def reader(parts: Any, own: Credentials) -> Consumer:
    """An institution's own program, which keeps its place with Kafka."""
    more = {"group.id": f"institution.{own.institution_code}.client", "enable.auto.commit": False}
    return Consumer(settings(parts, own.access.user, own.access.password) | more)


def fall_behind(system: System, own: Credentials) -> None:
    """The institution's own program has heard nothing yet, and says so."""
    consumer = reader(system.parts, own)
    consumer.commit(offsets=[TopicPartition(own.replies, 0, 0)], asynchronous=False)
    consumer.close()


def plant(system: System, directory: Path) -> str:
    """Canaries as an operator of an inquiry, in a version of a sub-copy that then ends, and in a note of staff."""
    person = system.world.resident(7)
    copy = system.world.copy_of(person, VACCINATION, CopyCommand.UPDATE)
    named = [one._replace(value=VALUE) if "模擬製薬" in one.value else one for one in copy.items]
    versions = (copy._replace(items=tuple(named)), copy._replace(auto_response_disabled=True))

    async def say() -> None:
        async with attached(directory).client(person.previous) as speaking:
            assert speaking is not None
            for number, version in enumerate(versions):
                await speaking[0].say(version._replace(record_identification_number=f"Z{number}"))

    asyncio.run(say())
    until(lambda: query(system.parts, LAST_VALUE, person.previous_number)[0][0], 40, "the versions are taken in")
    waiting = asked(directory, system.world, 7, OPERATOR)
    assert waiting.outcome == "HELD"
    refusal = HoldRefused(waiting.exchange_id, person.previous, OPERATOR, HoldReason.OTHER, NOTE, now_ms())

    async def refuse() -> None:
        async with attached(directory).voice() as staff:
            await staff([refusal])

    asyncio.run(refuse())
    recorded = "select count(*) = 3 from log_records where exchange_id = $1"
    until(lambda: query(system.parts, recorded, waiting.exchange_id)[0][0], 40, "all three have recorded it")
    return waiting.exchange_id


def test_each_canary_is_found_before(life: Life) -> None:
    """In Kafka's and in PostgreSQL's files, and after `erase` alone still: so the scan would see one afterwards."""
    numbers = set(range(1, len(CANARIES) + 1))
    parts = {one.file.partition("/")[0] for one in life.before.places}

    assert {one.number for one in life.before.places} == numbers
    assert parts >= {"kafka", "postgres"}
    assert {one.number for one in life.after_erasure.places} == numbers


def test_no_byte_is_left(life: Life) -> None:
    """After the purge no canary stands in any file, and the verb's own scan says so."""
    assert life.after.found == 0, life.after.places
    assert life.after.files > 100
    assert life.purged["scan"]["ok"]
    assert life.purged["scan"]["files"] == life.after.files
    assert life.purged["messages"] > 0


def test_what_nobody_has_read_stays(life: Life) -> None:
    """One institution's programs were behind with its replies: those stay, and are told."""
    assert [one["topic"] for one in life.purged["kept"]] == [life.laggard.replies]
    assert life.purged["kept"][0]["unread"] >= 1


def test_the_rest_still_proves_and_serves(life: Life) -> None:
    """Started again: every log verifies (6: messages to compare with are gone), other records are whole, a capsule has
    its permit, unread replies are read, a new inquiry is answered; a replay says that the past is gone, and then its
    journal goes."""
    capsule = life.directory.parent / "capsule.json"
    with new_system(life.directory, "packed", PLAN) as system:
        consumer = reader(system.parts, life.laggard)
        consumer.assign([TopicPartition(life.laggard.replies, 0)])
        late = consumer.consume(1, timeout=20)
        consumer.close()
        verified = json.loads(typed(life.directory, "audit", "verify", "--json", code=6))
        kept = typed(life.directory, "records", "list", "--exchange", life.kept_exchange, "--json")
        typed(life.directory, "audit", "capsule", life.kept_exchange, "-o", str(capsule))
        proof = json.loads(typed(life.directory, "audit", "open", str(capsule), "--json"))
        again = asked(life.directory, system.world, 3, "AFTER")
        replayed = typed(life.directory, "audit", "replay", code=6)
        expired = json.loads(typed(life.directory, "erase", "expired", "--operator", "soumu-01", "--json"))
        after = typed(life.directory, "audit", "replay", code=6)
        steps = query(system.parts, "select count(*) from journal where place <= (select place from history_gone)")

    assert [one.offset() for one in late] == [0]
    assert verified["ok"], verified
    assert all("its beginning is gone" in one for one in verified["not_looked_at"]), verified["not_looked_at"]
    assert KEPT_OPERATOR in kept
    assert KEPT_OPERATOR in capsule.read_text(encoding="utf-8")
    assert (proof["holds"], proof["permit"]) == (True, True)  # whole, although no topic has it any more
    assert again.outcome == "OK"
    assert "a purge" in replayed
    erased = {one["name"]: one["erased"] for one in expired["steps"]}
    assert erased["journal"] > 10  # batches whose messages the purge took
    assert erased["outside_changes"] > 0
    assert steps[0][0] == 0
    assert "the past before 2" in after
