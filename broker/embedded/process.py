"""Owns the children of this process: how one is started, watched, stopped, and found dead.

Promises: a child ends when this process ends, also after ``kill -9`` of it (Linux); Ctrl-C at a terminal reaches this
process alone, which then decides; every wait has a limit. It works from any thread and beside any event loop. Leaves to
``kafka`` and ``postgres`` what is started and when it counts as ready.
"""

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from broker.embedded.errors import EmbeddedError

LAUNCHER = Path(__file__).with_name("launch.py")
KEPT_LOG_BYTES = 8 * 1024 * 1024
SPAWN_LIMIT_SECONDS = 30.0


@dataclass(frozen=True)
class User:
    """Another system user for a child to run as; only root may ask for one."""

    uid: int
    gid: int


@dataclass(frozen=True)
class Command:
    """What to start: an absolute program and arguments, its whole environment, where, and as whom.

    ``log`` receives both outputs (appended). ``kept_files`` stay open in the child: a lock on one of them lasts as long
    as the child and its own children. ``standard_input`` is an open file, or nothing.
    """

    argv: tuple[str, ...]
    log: Path
    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    death_signal: signal.Signals = signal.SIGKILL
    user: User | None = None
    kept_files: tuple[int, ...] = ()
    standard_input: int = subprocess.DEVNULL


class Child:
    """One running (or ended) program; the leader of a session and a process group of its own."""

    def __init__(self, command: Command) -> None:
        """Start it. Raises EmbeddedError when the program cannot even be forked."""
        self.command = command
        self._process = _spawn_on_starter_thread(command)

    @property
    def pid(self) -> int:
        """Process id; stays the same after the end."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs; minus the signal's number when a signal ended it."""
        return self._process.poll()

    def wait(self, limit_seconds: float) -> int:
        """Its return code, or EmbeddedError when it still runs after the limit."""
        try:
            return self._process.wait(limit_seconds)
        except subprocess.TimeoutExpired:
            name = Path(self.command.argv[0]).name
            raise EmbeddedError(f"{name} (pid {self.pid}) still runs after {limit_seconds:g} s") from None

    def stop(self, graceful: signal.Signals, limit_seconds: float) -> int:
        """Ask it to end, insist with SIGKILL after the limit; its return code."""
        self._send(graceful)
        try:
            return self.wait(limit_seconds)
        except EmbeddedError:
            return self.kill()

    def kill(self) -> int:
        """End it and what it left in its process group with SIGKILL; its return code."""
        if self.returncode is None:
            os.killpg(self.pid, signal.SIGKILL)
        return self.wait(SPAWN_LIMIT_SECONDS)

    def log_tail(self, lines: int = 15) -> str:
        """The last lines it said, for an error message."""
        return log_tail(self.command.log, lines)

    def _send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)  # does nothing when it has ended


def run(command: Command, limit_seconds: float) -> None:
    """Start and wait. Raises EmbeddedError with its last words when it fails or takes too long."""
    child = Child(command)
    try:
        code = child.wait(limit_seconds)
    except EmbeddedError:
        child.kill()
        raise
    if code != 0:
        name = Path(command.argv[0]).name
        raise EmbeddedError(f"{name} ended with code {code}; {command.log} says:\n{child.log_tail()}")


def log_tail(log: Path, lines: int) -> str:
    """The last lines of a log, at most 16 KiB of it."""
    with log.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 16 * 1024))
        return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-lines:])


def _spawn(command: Command) -> "subprocess.Popen[bytes]":
    user = command.user
    identity = ("-", "-") if user is None else (str(user.uid), str(user.gid))
    launcher = (sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), str(int(command.death_signal)))
    _keep_small(command.log)
    descriptor = os.open(command.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return subprocess.Popen(
            (*launcher, *identity, *command.argv),
            cwd=command.directory,
            env=dict(command.environment),
            stdin=command.standard_input,
            stdout=descriptor,
            stderr=descriptor,
            pass_fds=command.kept_files,
            start_new_session=True,
        )
    finally:
        os.close(descriptor)


def _keep_small(log: Path) -> None:
    """One older log is kept, so that starts for years do not fill a disc."""
    if log.exists() and log.stat().st_size > KEPT_LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))


# The death signal is tied to the *thread* that forked. A worker thread of an event loop may end long before the program
# does and would take its children along, so one thread that never ends starts them all.
_Spawned = Future[subprocess.Popen[bytes]]
_Requests = queue.SimpleQueue[tuple[Command, _Spawned]]
_starting = threading.Lock()
_starter: tuple[threading.Thread, _Requests] | None = None


def _spawn_on_starter_thread(command: Command) -> "subprocess.Popen[bytes]":
    spawned = _Spawned()
    _requests().put((command, spawned))
    try:
        return spawned.result(SPAWN_LIMIT_SECONDS)
    except TimeoutError:
        raise EmbeddedError(f"no process was started within {SPAWN_LIMIT_SECONDS:g} s") from None
    except (OSError, subprocess.SubprocessError) as error:
        raise EmbeddedError(f"cannot start {command.argv[0]}: {error}") from error


def _requests() -> _Requests:
    global _starter  # noqa: PLW0603 - one a process, made anew after a fork
    with _starting:
        if _starter is None or not _starter[0].is_alive():
            requests = _Requests()
            thread = threading.Thread(target=_serve, args=(requests,), name="child-starter", daemon=True)
            thread.start()
            _starter = (thread, requests)
        return _starter[1]


def _serve(requests: _Requests) -> None:
    while True:
        command, spawned = requests.get()
        try:
            spawned.set_result(_spawn(command))
        except Exception as error:  # noqa: BLE001 - raised where the child was asked for
            spawned.set_exception(error)
