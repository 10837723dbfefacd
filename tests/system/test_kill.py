"""Every process may die at any moment: services, Kafka, PostgreSQL. Nothing is lost, nothing is done twice."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
from confluent_kafka import Producer
from installation_fixtures import (
    AWAY,
    Crowd,
    Supervisor,
    block_every_tenth,
    drain,
    history_of,
    new_system,
    query,
    settings,
    until,
)

from broker.embedded.process import Child
from broker.envelope import outgoing, unpack
from broker.ports import Outgoing
from broker.rules.checks import violations
from services.processes import KILL_POINT
from services.up import Role, System

INQUIRIES = 2_000
DRAIN_SECONDS = 60.0
SEED = int(os.environ.get("CHUKAN_SYSTEM_SEED", "20261124"))  # another seed, other moments
POINTS = (
    "after_fetch",
    "before_write",
    "after_write",
    "before_commit",
    "after_commit",
    "before_publish",
    "after_publish",
)
# The resident register keeps no rows of its own: it never comes to this point. This crowd gives the city's systems
# nothing to do; their own deaths are in the simulation of their weather.
NEVER_REACHED = {"resident_register": ("after_write",), "health_support": POINTS, "vrs": POINTS, "hub": POINTS}
OFTEN = {"CHUKAN_CHECKPOINT_SECONDS": "0.5"}  # so that logs and witnesses have something to say in every turn


def assert_in_order(system: System, crowd: Crowd) -> None:
    """One outcome an inquiry, three records an answered exchange, logs and checkpoints whole, nothing left over."""
    history = history_of(system)

    assert crowd.verdict() == []
    assert violations(history) == []
    assert len(history.inquiries) == crowd.count
    assert {len(said) for said in crowd.answers.values()} == {1}


def test_every_service_dies_at_every_point(tmp_path: Path) -> None:
    """Each service is killed once at each named point around a durable step, the others at other points meanwhile."""
    chance = random.Random(SEED)
    print(f"seed {SEED}")
    with new_system(tmp_path, **OFTEN) as system, Supervisor(system) as supervisor:
        block_every_tenth(system)
        with Crowd(system, INQUIRIES) as crowd:
            for turn in range(len(POINTS)):
                armed = arm_all(system, supervisor, turn, chance)
                crowd.allow(-(-INQUIRIES // len(POINTS)))
                for name, child in armed.items():
                    assert child.wait(30) == -signal.SIGKILL, f"{name}:\n{child.log_tail()}"
            took = drain(system, crowd, DRAIN_SECONDS)
            print(f"drained {took:.1f} s after the last fault; {crowd.heard} answers for {crowd.count} inquiries")

            assert_in_order(system, crowd)


def arm_all(system: System, supervisor: Supervisor, turn: int, chance: random.Random) -> dict[str, Child]:
    """Every service starts anew with a kill point, each with another; the children that will die."""
    armed: dict[str, Child] = {}
    with supervisor.lock:
        for place, role in enumerate(system.fleet.roles):
            point = POINTS[(turn + place) % len(POINTS)]
            if point in NEVER_REACHED.get(role.name, ()):
                continue
            often = chance.randint(1, 3) if role.name in ("inquiry", "network", "provision") else 1
            system.fleet.children[role.name].kill()
            system.fleet.start_role(role, {KILL_POINT: f"{point}:{often}"})
            armed[role.name] = system.fleet.children[role.name]
    return armed


# ── what a dead owner had already said ───────────────────────────────────────────────────────────────────────────


def test_half_of_a_batch_was_published(tmp_path: Path) -> None:
    """A batch of which one half is out is said whole by the next owner; a half that arrives late changes nothing."""
    says = ("inquiry", "network", "provision", "copies", "code_management", "resident_register")
    with new_system(tmp_path) as system, Supervisor(system) as supervisor:
        block_every_tenth(system)
        producer = Producer(settings(system.parts) | {"enable.idempotence": True})
        with Crowd(system, 600) as crowd:
            for name in says:
                with supervisor.lock:
                    system.fleet.children[name].kill()
                    system.fleet.start_role(role_of(system, name), {KILL_POINT: "before_publish:1"})
                    child = system.fleet.children[name]
                    crowd.allow(100)
                    assert child.wait(30) == -signal.SIGKILL, child.log_tail()
                    messages = outbox_of(system, name)
                    assert messages
                    put(producer, messages[: -(-len(messages) // 2)])
                wait_until_it_serves(system, name)
                put(producer, messages[len(messages) // 3 :])
            drain(system, crowd, DRAIN_SECONDS)

            assert_in_order(system, crowd)


def outbox_of(system: System, service: str) -> list[Outgoing]:
    """What a dead service had committed and perhaps not said."""
    rows = query(system.parts, "select shard, batch, body from outbox where service = $1 order by batch", service)
    found: list[Outgoing] = []
    for row in rows:
        said, at = unpack(row["body"])
        found += outgoing(said, f"{service}/{row['shard']}", row["batch"], at)
    return found


def put(producer: Producer, messages: list[Outgoing]) -> None:
    """These records are in Kafka."""
    for one in messages:
        producer.produce(one.topic, one.value, one.key, one.partition, headers=list(one.headers), timestamp=one.at)
    assert producer.flush(20) == 0


# ── zombies ──────────────────────────────────────────────────────────────────────────────────────────────────────

STOPPED_AT = ("after_fetch", "after_write", "before_commit", "after_commit", "before_publish", "after_publish")
STOPPED = ("inquiry", "network", "provision", "provision_log", "witness")


def test_zombies_are_fenced(tmp_path: Path) -> None:
    """A service stopped in the middle of its work loses its shards after the lease, also while it holds locks in the
    database; when it goes on it can change nothing and ends."""
    chance = random.Random(SEED)
    print(f"seed {SEED}")
    with new_system(tmp_path, CHUKAN_LEASE_SECONDS="2", **OFTEN) as system:
        block_every_tenth(system)
        with Crowd(system, INQUIRIES) as crowd, ended_by_force() as zombies:
            for turn in range(len(STOPPED_AT)):
                stopped = {name: child for name in STOPPED if (child := arm_to_stop(system, name, turn, chance))}
                zombies.extend(stopped.values())
                crowd.allow(-(-INQUIRIES // len(STOPPED_AT)))
                for name, zombie in stopped.items():
                    until(partial(is_stopped, zombie.pid), 30, f"{name} stops in turn {turn}", 0.02)
                    system.fleet.start_role(role_of(system, name), {"CHUKAN_INSTANCE": f"{name}-{turn}"})
                for name in stopped:
                    wait_until_it_serves(system, name)
                time.sleep(chance.random())
                for name, zombie in stopped.items():
                    os.kill(zombie.pid, signal.SIGCONT)
                    assert zombie.wait(30) == 4, f"{name}:\n{zombie.log_tail()}"
            took = drain(system, crowd, DRAIN_SECONDS)
            print(f"drained {took:.1f} s after the last zombie; {crowd.heard} answers for {crowd.count} inquiries")

            assert_in_order(system, crowd)


def wait_until_it_serves(system: System, name: str) -> None:
    """A service's new process has its shards."""
    until(system.fleet.mark(name).exists, 30, f"{name} serves again", 0.02)


def role_of(system: System, name: str) -> Role:
    """A service's process."""
    return next(role for role in system.fleet.roles if role.name == name)


def arm_to_stop(system: System, name: str, turn: int, chance: random.Random) -> Child | None:
    """A service starts anew and will stand still at its point of this turn; None when it never comes there."""
    point = STOPPED_AT[(turn + STOPPED.index(name)) % len(STOPPED_AT)]
    if point in NEVER_REACHED.get(name, ()):
        return None
    system.fleet.children[name].stop(signal.SIGTERM, 25)
    system.fleet.start_role(role_of(system, name), {KILL_POINT: f"{point}:{chance.randint(1, 3)}:SIGSTOP"})
    return system.fleet.children[name]


@contextmanager
def ended_by_force() -> Iterator[list[Child]]:
    """Whatever happens, none of these children is left."""
    children: list[Child] = []
    try:
        yield children
    finally:
        for child in children:
            child.kill()


def is_stopped(pid: int) -> bool:
    """Whether a process stands still under SIGSTOP."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] == "T"


# ── anything, at any moment ──────────────────────────────────────────────────────────────────────────────────────

FAULTS = 16


@pytest.mark.parametrize("layout", ["packed", "separate"])
def test_anything_dies_at_any_moment(tmp_path: Path, layout: str) -> None:
    """Services, Kafka and PostgreSQL die by kill -9, stand still, and lose their connections at random moments."""
    chance = random.Random(f"{SEED}/{layout}")
    print(f"seed {SEED}/{layout}")
    with new_system(tmp_path, layout) as system, Supervisor(system):
        block_every_tenth(system)
        with Crowd(system, INQUIRIES) as crowd:
            # Each kind of fault comes at least twice, in an order of chance.
            faults = [kill_kafka, kill_postgres, stand_still, cut_connections, *[kill_a_service] * 4] * (FAULTS // 8)
            chance.shuffle(faults)
            for fault in faults:
                crowd.allow(-(-INQUIRIES // FAULTS))
                time.sleep(0.2 + 1.6 * chance.random())
                print(f"{len(crowd.answers)} answered; {fault.__name__} {fault(system, chance)}")
            took = drain(system, crowd, DRAIN_SECONDS)
            print(f"drained {took:.1f} s after the last fault; {crowd.heard} answers for {crowd.count} inquiries")

            assert_in_order(system, crowd)


def kill_a_service(system: System, chance: random.Random) -> str:
    """kill -9 of one process."""
    role: Role = chance.choice(system.fleet.roles)
    system.fleet.children[role.name].kill()
    return role.name


def kill_kafka(system: System, _: random.Random) -> int:
    """kill -9 of Kafka."""
    pid = system.embedded.kafka.pid
    assert pid is not None
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    return pid


def kill_postgres(system: System, _: random.Random) -> int:
    """kill -9 of PostgreSQL's postmaster."""
    pid = system.embedded.postgres.pid
    assert pid is not None
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    return pid


def stand_still(system: System, chance: random.Random) -> str:
    """A process gets no time for a moment, as on a busy machine."""
    role: Role = chance.choice(system.fleet.roles)
    pid = system.fleet.children[role.name].pid
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
        time.sleep(0.2 + chance.random())
        os.kill(pid, signal.SIGCONT)
    return role.name


def cut_connections(system: System, chance: random.Random) -> int:
    """PostgreSQL ends about half of the connections, whatever they are doing."""
    cut = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'chukan' and random() < $1"
    with suppress(*AWAY):
        return len(query(system.parts, cut, 0.5))
    return 0
