"""Owns what a real part keeps beside its data: the claim on the directory, its ports, its password.

Promises: a directory serves one owner at a time, and the next one waits until the last child of a dead owner is gone;
a port chosen once is chosen again, unless another program has it now; a password is made by ``secrets`` and readable by
its owner alone.
"""

import fcntl
import json
import os
import random
import secrets
import signal
import socket
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from broker.embedded.errors import EmbeddedError

LOOPBACK = "127.0.0.1"
LEFTOVER_PATIENCE_SECONDS = 3.0
FIRST_PORT = 15_000


class Claim:
    """Two locks on a directory: ``owner`` ends with this process, ``running`` with the last child that inherited it."""

    def __init__(self, directory: Path) -> None:
        """Claim it, made if missing. Raises EmbeddedError at once when another owner has it."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.directory = directory
        self._owner = os.open(directory / "owner.lock", os.O_RDWR | os.O_CREAT, 0o600)
        if not _try_lock(self._owner):
            holder = os.read(self._owner, 32).decode("ascii", "replace")
            os.close(self._owner)
            raise EmbeddedError(f"{directory} is in use by process {holder}: stop that, or choose another directory")
        os.truncate(self._owner, 0)
        os.pwrite(self._owner, str(os.getpid()).encode(), 0)

    def running_lock(self) -> int:
        """A locked descriptor for the child to inherit (close it here after the start).

        A child of a dead owner may still hold it (PostgreSQL's backends outlive their postmaster until they look up
        from their query, and a cluster must never be opened twice): wait, then end those that do.
        """
        path = self.directory / "running.lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        for insist in (False, True):
            if insist:
                _kill_holders(path)
            if _lock_within(descriptor, LEFTOVER_PATIENCE_SECONDS):
                return descriptor
        os.close(descriptor)
        raise EmbeddedError(f"processes of an earlier start still hold {path}: end them, then start again")

    def release(self) -> None:
        """Give it up; a second call does nothing."""
        if self._owner >= 0:
            os.close(self._owner)
            self._owner = -1


def secret(path: Path) -> str:
    """The password in a file; a new one of 192 bits (URL-safe letters) when there is no such file yet."""
    with suppress(FileNotFoundError):
        return path.read_text("ascii")
    write_private(path, secrets.token_urlsafe(24))
    return path.read_text("ascii")


def write_private(path: Path, text: str) -> None:
    """Write a file (UTF-8) of mode 0600; a crash leaves the old text or the new, never half."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def ports(path: Path, names: Collection[str], wanted: int | None = None) -> dict[str, int]:
    """A port for each name: the one remembered in ``path`` if it is free, else a new one, remembered there.

    ``wanted`` fixes the first name's port. Raises EmbeddedError when another program has that one.
    """
    remembered: dict[str, int] = json.loads(path.read_text("ascii")) if path.exists() else {}
    chosen: dict[str, int] = {}
    for name in names:
        port = remembered.get(name)
        if wanted is not None and not chosen:
            port = wanted
            if not is_free(wanted):
                raise EmbeddedError(f"port {wanted} is taken by another program: free it, or leave the port open")
        if port is None or port in chosen.values() or not is_free(port):
            port = _free_port(chosen.values())
        chosen[name] = port
    if chosen != remembered:
        write_private(path, json.dumps(chosen))
    return chosen


def is_free(port: int) -> bool:
    """Whether a server could listen there now (addresses still winding down do not count)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
        return True


def _free_port(others: Collection[int]) -> int:
    """A free port below the range the kernel gives to outgoing connections.

    Within it, a client that keeps trying to reach a stopped server meets *itself* sooner or later (TCP's simultaneous
    open), and then the server finds its own port taken.
    """
    for _ in range(1_000):
        port = random.randrange(FIRST_PORT, _first_outgoing_port())  # noqa: S311 - not a secret
        if port not in others and is_free(port):
            return port
    raise EmbeddedError(f"no free port on {LOOPBACK} between {FIRST_PORT} and {_first_outgoing_port()}")


def _first_outgoing_port() -> int:
    try:
        first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text("ascii").split()[0])
    except (OSError, ValueError):
        first = 32_768
    return first if first > FIRST_PORT + 1_000 else 32_768


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lock_within(descriptor: int, limit_seconds: float) -> bool:
    deadline = time.monotonic() + limit_seconds
    while not _try_lock(descriptor):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _kill_holders(lock: Path) -> None:
    """SIGKILL for every process that has this file open (Linux): it inherited it, and its owner is dead."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended, or it is another user's
            holds = any(file.exists() and file.samefile(lock) for file in (process / "fd").iterdir())
            if holds and int(process.name) != os.getpid():
                os.kill(int(process.name), signal.SIGKILL)
