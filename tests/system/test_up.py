"""`chukan up` as its user meets it: one line when ready, everything watched, nothing left behind."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from confluent_kafka import Producer
from installation_fixtures import everything_on, now_ms, settings, until

from broker.config import Config
from broker.embedded.kafka import EmbeddedKafka
from broker.errors import WorldFault
from schemas.codec import decode, encode
from schemas.records import InquiryAnswered
from services.client import Credentials, client_of
from services.installation import Installation, Parts
from services.world import Plan, World

PLAN = Plan(seed=1, institutions=3, residents=40)
READY_SECONDS = 90
STOP_SECONDS = 25
ORPHAN_SECONDS = 15


class Up:
    """A running `chukan up` and what it said."""

    def __init__(self, directory: Path) -> None:
        argv = (sys.executable, "-m", "services", "up", "--data-dir", str(directory))
        world = ("--institutions", "3", "--residents", "40", "--seed", "1")
        self.errors = directory.with_suffix(".err")
        self.directory = directory
        self.line: dict[str, Any] = {}
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen((*argv, *world), stdout=subprocess.PIPE, stderr=errors, cwd="/")
        assert self.process.stdout is not None
        self.output = self.process.stdout

    def ready(self) -> dict[str, Any]:
        """The line it says when everything runs."""
        if not select.select([self.output], [], [], READY_SECONDS)[0]:
            raise AssertionError(f"not ready after {READY_SECONDS} s:\n{self.said()}")
        line = self.output.readline()
        assert line, self.said()
        self.line = json.loads(line)
        return self.line

    def said(self) -> str:
        """Everything on its error output."""
        return self.errors.read_text("utf-8")

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send the signal; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(STOP_SECONDS + 10)


@contextmanager
def running(directory: Path) -> Iterator[Up]:
    """A `chukan up` that is over afterwards, whatever happens."""
    one = Up(directory)
    try:
        yield one
    finally:
        if one.process.poll() is None:
            one.end(signal.SIGTERM)
        one.output.close()


def family(pid: int) -> dict[int, str]:
    """Everything that descends from a process, by process id, with its start time as a mark of identity."""
    parents: dict[int, int] = {}
    marks: dict[int, str] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_text("utf-8").rpartition(")")[2].split()
            parents[int(path.parent.name)] = int(fields[1])
            marks[int(path.parent.name)] = fields[19]
    found: dict[int, str] = {}
    frontier = {pid}
    while frontier:
        frontier = {child for child, parent in parents.items() if parent in frontier} - found.keys()
        found |= {child: marks[child] for child in frontier}
    return found


def alive(processes: dict[int, str]) -> list[str]:
    """Those that still run (a zombie nobody has waited for does not), by what they were started as."""
    found = []
    for pid, mark in processes.items():
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
            if fields[19] == mark and fields[0] != "Z":
                found.append(Path(f"/proc/{pid}/cmdline").read_text("utf-8").replace("\0", " ")[:200])
    return found


def world_of(directory: Path) -> tuple[Installation, World]:
    """The installation behind a directory and its world."""
    installation = Installation(directory, Config())
    plan = installation.plan()
    assert plan is not None
    return installation, World(plan, installation.keys)


def parts_of(directory: Path, bootstrap: str) -> Parts:
    """The administrator's way to Kafka."""
    password = (directory / "kafka" / "secrets" / "admin").read_text("ascii")
    return Parts(bootstrap, "admin", password, "")


def ask(directory: Path, number: int) -> InquiryAnswered:
    """One inquiry and its answer, with an institution's credentials; Kafka may still be on its way back."""
    _, world = world_of(directory)
    message = world.inquiry(number, now_ms())
    path = directory / "credentials" / message.inquirer_institution_code / "credentials.json"

    async def exchange() -> InquiryAnswered:
        async with client_of(Credentials.read(path)) as client:
            await client.say(message)
            answer: InquiryAnswered = await client.hear(
                lambda m: (
                    isinstance(m, InquiryAnswered)
                    and m.record_identification_number == message.record_identification_number
                ),
                60,
            )
            return answer

    for _ in range(40):
        with suppress(WorldFault):
            return asyncio.run(exchange())
        time.sleep(0.5)
    raise AssertionError(f"inquiry {number} is not answered")


def inquiries_in(directory: Path, postgres: str) -> int:
    """How many inquiries an installation knows."""
    password = (directory / "postgres" / "secrets" / "postgres").read_text("ascii")

    async def count() -> int:
        connection = await asyncpg.connect(f"postgresql://postgres:{password}@{postgres}", timeout=10)
        try:
            return int(await connection.fetchval("select count(*) from inquiries", timeout=10))
        finally:
            await connection.close(timeout=5)

    return asyncio.run(count())


# ── one life ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A `chukan up` that the tests share; the last of them end it."""
    with running(tmp_path_factory.mktemp("up") / "first") as one:
        one.ready()
        yield one


def test_the_ready_line_holds_what_was_promised(first: Up) -> None:
    """Exactly these keys, each something one can use, and no secret in it or in what was said on the side."""
    line = first.line
    said = json.dumps(line) + first.said()
    hidden = [path for path in first.directory.rglob("secrets/*") if path.is_file()]

    assert line.keys() == {"event", "kafka", "postgres", "registry", "hub", "data_dir", "credentials"}
    assert line["event"] == "ready"
    assert len(hidden) > 5
    assert [path for path in hidden if path.read_text("ascii").strip() in said] == []
    assert {path.stat().st_mode & 0o077 for path in [*hidden, *first.directory.rglob("credentials.json")]} == {0}


def test_an_inquiry_is_answered(first: Up) -> None:
    """What is up, serves."""
    assert ask(first.directory, 1).kinds[0].outcome.value == "OK"


def test_the_same_directory_cannot_be_up_twice(first: Up) -> None:
    """A second start says which directory is in use and ends with 4; the first goes on."""
    with running(first.directory) as second:
        code = second.process.wait(60)

        assert code == 4
        assert str(first.directory) in second.said()
        assert "Traceback" not in second.said()
    assert first.process.poll() is None


@pytest.mark.parametrize(
    ("part", "resident"), [("services run", 14), ("services hub", 15), ("kafka.Kafka", 16), ("postgres", 17)]
)
def test_what_is_killed_is_started_again(first: Up, part: str, resident: int) -> None:
    """kill -9 of any child: it is back without anybody's help, and the next inquiry is answered."""
    before = children(first, part)
    for pid in before:
        os.kill(pid, signal.SIGKILL)

    until(lambda: len(new := children(first, part)) == len(before) and not new & before, 60, f"{part} is back")

    assert ask(first.directory, resident).kinds[0].outcome.value == "OK"


def test_kafka_may_die_while_it_starts(first: Up) -> None:
    """The second kill falls into the restart after the first; it is tried once more."""
    for _ in range(2):
        pid = until(lambda: children(first, "kafka.Kafka"), 60, "Kafka is started", 0.01).pop()
        os.kill(pid, signal.SIGKILL)
        until(partial(is_over, pid), 10, "Kafka is dead", 0.01)

    assert ask(first.directory, 30).kinds[0].outcome.value == "OK"


def is_over(pid: int) -> bool:
    """Whether this process runs no more."""
    return not Path(f"/proc/{pid}").exists()


def children(one: Up, what: str) -> set[int]:
    """Its own children of a kind."""
    found = set()
    for pid in family(one.process.pid):
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
            words = Path(f"/proc/{pid}/cmdline").read_text("utf-8").replace("\0", " ")
            if int(fields[1]) == one.process.pid and what in words and "launch.py" not in words:
                found.add(pid)
    return found


def test_sigterm_leaves_no_process_and_the_next_start_goes_on(first: Up) -> None:
    """SIGTERM ends everything in time with 0; an inquiry sent while all services are down is answered by the next
    start, which finds world, ports and records as they were."""
    known = family(first.process.pid)
    line = first.line
    count = inquiries_in(first.directory, line["postgres"])
    started = time.monotonic()

    code = first.end()
    took = time.monotonic() - started
    left = alive(known)
    number = say_while_down(first.directory)
    with running(first.directory) as second:
        again = second.ready()
        answered = until(lambda: heard(first.directory, again["kafka"], number), 30, "the inquiry is answered")
        counted = inquiries_in(first.directory, again["postgres"])

    assert (code, left) == (0, [])
    assert took < STOP_SECONDS
    assert again == line
    assert answered.kinds[0].outcome.value == "OK"
    assert counted == count + 1


def say_while_down(directory: Path) -> str:
    """Nothing but Kafka runs, and an institution asks; the inquiry's number."""
    installation, world = world_of(directory)
    message = world.inquiry(35, now_ms())
    user = f"institution-{message.inquirer_institution_code}"
    with EmbeddedKafka(directory / "kafka") as kafka:
        parts = parts_of(directory, kafka.bootstrap)
        producer = Producer(settings(parts, user, installation.password(user)))
        producer.produce(f"institution.{message.inquirer_institution_code}.requests", encode(message))
        assert producer.flush(20) == 0
    return message.record_identification_number


def heard(directory: Path, bootstrap: str, number: str) -> InquiryAnswered | None:
    """The answer to this inquiry on any institution's topic."""
    _, world = world_of(directory)
    names = [f"institution.{code}.replies" for code in world.attached]
    for record in everything_on(parts_of(directory, bootstrap), names):
        message = decode(record.value)
        if isinstance(message, InquiryAnswered) and message.record_identification_number == number:
            return message
    return None


# ── other lives ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_two_do_not_meet_and_no_orphan_survives_kill_9(tmp_path: Path) -> None:
    """Two installations run side by side, each with its own ports and inquiries; kill -9 of one parent ends its
    children within seconds and leaves the other as it was."""
    with running(tmp_path / "one") as one, running(tmp_path / "two") as two:
        lines = [one.ready(), two.ready()]
        ask(one.directory, 1)
        ask(one.directory, 2)
        ask(two.directory, 3)
        counts = [inquiries_in(up.directory, line["postgres"]) for up, line in zip((one, two), lines, strict=True)]
        orphans = family(one.process.pid)

        one.process.send_signal(signal.SIGKILL)
        one.process.wait(10)
        started = time.monotonic()
        until(lambda: alive(orphans) == [], ORPHAN_SECONDS, "all children of the dead parent end")
        print(f"{len(orphans)} processes ended {time.monotonic() - started:.1f} s after their parent")

        assert counts == [2, 1]
        assert len(orphans) > 5
        assert not {lines[0][key] for key in lines[0] if key != "event"} & set(lines[1].values())
        assert ask(two.directory, 4).kinds[0].outcome.value == "OK"


def test_a_start_that_was_cut_short_is_finished_by_the_next(tmp_path: Path) -> None:
    """kill -9 while the world is being made leaves something the next start can go on from."""
    directory = tmp_path / "cut"
    with running(directory) as one:
        until(lambda: has_world(directory), 60, "the world is begun", 0.005)
        orphans = family(one.process.pid)
        one.process.send_signal(signal.SIGKILL)
        one.process.wait(10)
        until(lambda: alive(orphans) == [], ORPHAN_SECONDS, "all children of the dead parent end")
    assert not (directory / "installation.json").exists()
    with running(directory) as second:
        second.ready()

        assert ask(directory, 1).kinds[0].outcome.value == "OK"


def has_world(directory: Path) -> bool:
    """Whether the first rows of a world are there."""
    with suppress(OSError, ValueError, IndexError, asyncpg.PostgresError, asyncpg.InterfaceError):
        port = (directory / "postgres" / "cluster" / "postmaster.pid").read_text("ascii").splitlines()[3]
        return institutions_at(directory, port) > 0
    return False


def institutions_at(directory: Path, port: str) -> int:
    """How many institutions a world under way has."""
    password = (directory / "postgres" / "secrets" / "postgres").read_text("ascii")

    async def count() -> int:
        connection = await asyncpg.connect(f"postgresql://postgres:{password}@127.0.0.1:{port}/chukan", timeout=5)
        try:
            return int(await connection.fetchval("select count(*) from institutions", timeout=5))
        finally:
            await connection.close(timeout=5)

    return asyncio.run(count())


def test_sigterm_during_the_start_ends_it(tmp_path: Path) -> None:
    """Who changes their mind at once need not wait for ever, and nothing is left."""
    with running(tmp_path / "early") as one:
        until(lambda: family(one.process.pid), 30, "something was started", 0.01)
        known = family(one.process.pid)

        code = one.end()

        assert code == 0
        assert alive(known | family(one.process.pid)) == []
