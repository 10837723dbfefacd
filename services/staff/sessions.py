"""The session a member of staff holds: one file of mode 0600, whose token changes with every use.

Owns the file. Promises that two commands at a time use it one after the other, and that a command cut short between
asking and hearing does not look like a thief the next time: the token that was to follow is written down first.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from broker.embedded.directory import write_private
from broker.errors import ConfigurationFault
from services.staff.desk import Presented


def client_name() -> str:
    """Where this runs: machine and user. A session that turns up elsewhere was carried there."""
    machine = socket.gethostname()
    with suppress(OSError):
        machine = Path("/etc/machine-id").read_text(encoding="ascii").strip() or machine
    return hashlib.sha256(f"{machine}/{os.getuid()}".encode()).hexdigest()


def new_session() -> Presented:
    """What a login asks for."""
    return Presented(secrets.token_hex(16), secrets.token_hex(32), secrets.token_hex(32), client_name())


class Kept(NamedTuple):
    """What the file holds: the session, and whose staff its holder is."""

    institution_code: str
    account_id: str
    session: Presented


class SessionFile:
    """The file of one session."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def keep(self, kept: Kept) -> None:
        """From now on this is the session."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        known = kept.session._asdict() | {"institution_code": kept.institution_code, "account_id": kept.account_id}
        write_private(self.path, json.dumps(known))

    def advance(self, kept: Kept) -> Kept:
        """The session was used: what was to follow is good now."""
        session = kept.session._replace(token=kept.session.following, following=secrets.token_hex(32))
        self.keep(kept._replace(session=session))
        return kept._replace(session=session)

    def forget(self) -> None:
        """There is no session any more."""
        self.path.unlink(missing_ok=True)

    def read(self) -> Kept | None:
        """The session, or None; ConfigurationFault when others may read the file."""
        try:
            mode = self.path.stat().st_mode & 0o777
            known = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        if mode & 0o077:
            raise ConfigurationFault(f"{self.path} has mode {mode:o}: others may read it; chmod 600, then log in anew")
        # Where it runs is looked at now: a file that was carried away says so by itself.
        session = Presented(known["session_id"], known["token"], known["following"], client_name())
        return Kept(known["institution_code"], known["account_id"], session)

    @contextmanager
    def in_turn(self) -> Iterator[Kept | None]:
        """The session, while no other command uses it."""
        if not self.path.exists():
            yield None
            return
        with self.path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield self.read()
