"""A log's owner rewrites its own tables in real PostgreSQL: its neighbours, who see checkpoints alone, find it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from itertools import count
from pathlib import Path
from typing import Any

from confluent_kafka import Producer, TopicPartition
from forging import rewritten
from installation_fixtures import everything_on, new_consumer, new_system, query, rows_of, settings, until

from broker.adapters.postgres import PostgresStore, connect_pool
from broker.rules.leaves import origin_of_log
from broker.rules.signing import public_key_from_bytes
from broker.rules.witness import Claim, proves_a_fork
from broker.tables import Checkpoint, CosignedLog, LogFork, LogHead, LogRecord, WitnessDuty, WitnessedLog
from broker.topics import Topics
from schemas.codec import TOPIC, decode, encode
from schemas.records import CheckpointPublished, InquiryAnswered
from services.up import System
from services.world import Plan

INTERVAL_SECONDS = 1.0
COSIGNED_WITHIN_SECONDS = 6.0
PLAN = Plan(seed=3, institutions=4, residents=40, attached=4, vaccination_only=True)


class Asker:
    """Asks one inquiry after the other and hears the answer."""

    def __init__(self, system: System) -> None:
        self.system = system
        self._topics = Topics(system.installation.config.shards, frozenset(system.world.attached))
        self._producer = Producer(settings(system.parts) | {"enable.idempotence": True})
        self._number = 0

    def ask(self, provider: str = "") -> tuple[str, str]:
        """Outcome and rule of the next inquiry, to this provider if one is named."""
        world = self.system.world
        about = (n for n in count(self._number) if provider in ("", world.resident(n % PLAN.residents).previous))
        number = next(about)
        self._number = number + 1
        message = world.inquiry(number, time.time_ns() // 1_000_000)
        consumer = new_consumer(self.system.parts)
        try:
            replies = TopicPartition(f"institution.{message.inquirer_institution_code}.replies", 0)
            end = consumer.get_watermark_offsets(replies, timeout=20)[1]
            consumer.assign([TopicPartition(replies.topic, 0, end)])
            to = self._topics.destination(message)
            self._producer.produce(to.topic, encode(message), to.key, to.partition)
            assert self._producer.flush(20) == 0
            return until(lambda: outcome_in(consumer.consume(100, timeout=0.5)), 30, "an answer", 0)  # type: ignore[no-any-return]
        finally:
            consumer.close()


def outcome_in(records: list[Any]) -> tuple[str, str] | None:
    """The outcome and rule in the first answer among these, or None."""
    for record in records:
        message = None if record.error() else decode(record.value())
        if isinstance(message, InquiryAnswered):
            return message.kinds[0].outcome.value, message.kinds[0].rule
    return None


def cosigned(system: System, owner: str) -> CosignedLog | None:
    """How far a log is cosigned by its quorum."""
    found = [row for row in rows_of(system.parts, CosignedLog)[CosignedLog] if row.institution_code == owner]
    return found[0] if found else None


def is_cosigned(system: System, owner: str) -> bool:
    """Whether everything in a log is under cosigned checkpoints."""
    size = query(system.parts, "select size from log_heads where institution_code = $1", owner)
    row = cosigned(system, owner)
    return bool(size) and row is not None and row.size == size[0][0] and row.cosigned_at > 0


def put(system: System, *rows: Any) -> None:
    """Somebody who owns the database writes these rows over what is there."""

    async def write() -> None:
        store = PostgresStore(await connect_pool(system.parts.dsn, 1))
        try:
            for row in rows:
                async with store.transaction() as transaction:
                    await transaction.write(type(row), [row])
        finally:
            await store.close()

    asyncio.run(write())


def verb(system: System, *arguments: str) -> tuple[int, dict[str, Any]]:
    """A verb's exit code and its JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "services", *arguments, "--json"],
        capture_output=True,
        text=True,
        env={**os.environ, "CHUKAN_DATA_DIR": str(system.installation.directory), "CI": "1"},
        timeout=90,
        check=False,
    )
    return done.returncode, json.loads(done.stdout)


def fault_of(report: dict[str, Any], name: str) -> list[str]:
    """Where a check of the audit found something."""
    check = next(one for one in report["checks"] if one["check"] == name)
    return [violation["subject"] for violation in check["violations"]]


def test_a_fork_is_found_within_one_interval_and_provision_stops_until_cosigned(tmp_path: Path) -> None:
    """The neighbours' process, its own state alone before it, convicts a log at the first checkpoint after it was
    rewritten. With the witnesses away nothing is provided; with them back, the honest provide again."""
    extra = {
        "CHUKAN_CHECKPOINT_SECONDS": str(INTERVAL_SECONDS),
        "CHUKAN_COSIGNED_WITHIN_SECONDS": str(COSIGNED_WITHIN_SECONDS),
        "CHUKAN_TIMER_SECONDS": "0.2",
    }
    with new_system(tmp_path, "packed", PLAN, **extra) as system:
        asker = Asker(system)
        victim, honest = (code for _, code, _ in system.world.codes[:2])
        for provider in (victim, victim, victim, honest, honest):
            assert asker.ask(provider) == ("OK", "")
        for owner in (victim, honest):
            until(lambda owner=owner: is_cosigned(system, owner), 30, f"{owner} is cosigned")
        assert verb(system, "audit", "verify")[0] == 0

        # ── the witnesses are away ───────────────────────────────────────────────────────────────────────────────
        witness = system.fleet.children["witness"]
        os.kill(witness.pid, signal.SIGSTOP)
        time.sleep(COSIGNED_WITHIN_SECONDS + 0.5)
        assert asker.ask(honest) == ("UNAVAILABLE", "COSIGNATURE_TOO_OLD")
        os.kill(witness.pid, signal.SIGCONT)
        until(lambda: is_cosigned(system, honest), 30, "cosigned again")
        assert asker.ask(honest) == ("OK", "")
        until(lambda: is_cosigned(system, victim), 30, "cosigned again")
        refused = query(system.parts, "select party from log_records where exchange_id = any($1)", refusals(system))
        assert sorted(row["party"] for row in refused) == ["INQUIRER", "NETWORK", "PROVIDER"]

        # ── one log is rewritten ─────────────────────────────────────────────────────────────────────────────────
        before = time.monotonic()
        honest_notes = forge(system, victim)
        back = time.monotonic()
        asker.ask(victim)  # served or refused, as fast as the witnesses were
        until(lambda: rows_of(system.parts, LogFork)[LogFork], 30, "the fork is found", 0.05)
        print(f"found within {time.monotonic() - back:.2f} s of the owner's services being back")
        rows = rows_of(system.parts, LogFork, WitnessDuty, WitnessedLog)
        forks = rows[LogFork]
        assert {fork.institution_code for fork in forks} == {victim}
        assert {fork.witness_code for fork in forks} == {
            duty.witness_code for duty in rows[WitnessDuty] if duty.institution_code == victim
        }
        assert all(convicts(system, fork) for fork in forks)
        # Within one interval: the first checkpoint that was not the honest log's is the one that was refused.
        shown = shown_by(system, victim)
        first = next(note for note in shown if note not in honest_notes)
        assert {fork.seen_note for fork in forks} == {first}
        assert {row.note for row in rows[WitnessedLog] if row.institution_code == victim} <= honest_notes
        log = (system.installation.run / "witness.log").read_text(encoding="utf-8")
        alarms = [line for line in log.splitlines() if '"event": "alarm"' in line]
        assert len(alarms) == 1
        assert victim in alarms[0]

        # ── told, and stopped ────────────────────────────────────────────────────────────────────────────────────
        code, report = verb(system, "audit", "verify")
        assert code == 1
        assert {subject.partition("@")[0] for subject in fault_of(report, "logs_not_forked")} == {victim}
        assert {subject.partition("@")[0] for subject in fault_of(report, "cosigned_only_consistent")} == {victim}
        code, shown = verb(system, "witness", "forks")
        assert (code, {one["proved"] for one in shown["forks"]}) == (1, {True})
        assert verb(system, "witness", "list")[0] == 1
        code, shown = verb(system, "witness", "show", honest)
        assert (code, len(shown["cosignatures"])) == (0, 2)
        time.sleep(max(0.0, COSIGNED_WITHIN_SECONDS + 0.5 - (time.monotonic() - before)))
        assert asker.ask(victim) == ("UNAVAILABLE", "COSIGNATURE_TOO_OLD")
        assert asker.ask(honest) == ("OK", "")


def notes_of(system: System, owner: str) -> set[str]:
    """Every checkpoint that a log has signed so far."""
    return {row.note for row in rows_of(system.parts, Checkpoint)[Checkpoint] if row.institution_code == owner}


def shown_by(system: System, owner: str) -> list[str]:
    """Every note that a log has shown its witnesses, in order."""
    records = everything_on(system.parts, [TOPIC[CheckpointPublished]])
    messages = [one for record in records for one in [decode(record.value)] if isinstance(one, CheckpointPublished)]
    return [one.note for one in messages if one.institution_code == owner]


def refusals(system: System) -> list[str]:
    """The exchanges that ended because the log was not cosigned."""
    return [
        row["exchange_id"]
        for row in query(system.parts, "select exchange_id from provisions where outcome = 'UNAVAILABLE'")
    ]


def forge(system: System, owner: str) -> set[str]:
    """The owner changes its oldest record, and everything in its tables that would give it away, while its own
    services are down: what they remember of a log would betray the change to themselves. What it had signed before."""
    mine = [role for role in system.fleet.roles if "provision_log" in role.services]
    for role in mine:
        system.fleet.children[role.name].stop(signal.SIGTERM, 25)
    notes = notes_of(system, owner)
    rewrite(system, owner)
    for role in mine:
        system.fleet.start_role(role)
    system.fleet.wait_ready(60)
    return notes


def rewrite(system: System, owner: str) -> None:
    """The owner's rows, another history."""
    rows = rows_of(system.parts, LogRecord, LogHead)
    records = [row for row in rows[LogRecord] if row.institution_code == owner]
    head = next(row for row in rows[LogHead] if row.institution_code == owner)
    forged, changed = rewritten(records, head, 0)
    put(system, *forged, changed)


def convicts(system: System, fork: LogFork) -> bool:
    """Whether the evidence holds for somebody who has nothing but the directory's key."""
    row = query(
        system.parts, "select signing_key from institutions where institution_code = $1", fork.institution_code
    )[0]
    key = public_key_from_bytes(row["signing_key"])
    claim = Claim(fork.claimed_size, fork.claimed_root, fork.proof)
    return proves_a_fork(origin_of_log(fork.institution_code), key, fork.kept_note, fork.seen_note, claim)
