"""The processes of peer and floor: started with an installation's settings, waited for, ended.

Owns their lives. Promises that a process that dies is told with its last words, and that all are ended on leaving.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from broker.embedded.process import Child, Command
from broker.errors import OwnFault
from services.installation import Installation, Parts

START_SECONDS = 60.0
STOP_SECONDS = 10.0


class Helper(NamedTuple):
    """One process to run: `python -m <module> <arguments>`, which writes the file it is given last when it serves."""

    name: str
    module: str
    arguments: tuple[str, ...]


@contextmanager
def helping(installation: Installation, parts: Parts, dsn: str, helpers: Sequence[Helper]) -> Iterator[tuple[int, ...]]:
    """Process ids of the running helpers; on leaving all are ended. They use the administrator and this database."""
    children: list[Child] = []
    try:
        for helper in helpers:
            mark = installation.run / f"{helper.name}.ready"
            mark.unlink(missing_ok=True)
            environment = installation.environment(parts, "administrator", helper.name) | {
                "CHUKAN_KAFKA_USER": parts.admin_user,
                "CHUKAN_KAFKA_PASSWORD": parts.admin_password,
                "CHUKAN_POSTGRES_DSN": dsn,
            }
            argv = (sys.executable, "-m", helper.module, *helper.arguments, str(mark))
            log = installation.run / f"{helper.name}.log"
            children.append(Child(Command(argv, log, installation.directory, environment, death_signal=signal.SIGTERM)))
        for helper, child in zip(helpers, children, strict=True):
            wait_until_ready(installation, helper, child)
        yield tuple(child.pid for child in children)
    finally:
        threads = [threading.Thread(target=child.stop, args=(signal.SIGTERM, STOP_SECONDS)) for child in children]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(STOP_SECONDS + 35)


def wait_until_ready(installation: Installation, helper: Helper, child: Child) -> None:
    """It has written its mark, or OwnFault with its last words."""
    mark, deadline = installation.run / f"{helper.name}.ready", time.monotonic() + START_SECONDS
    while not mark.exists():
        if child.returncode is not None:
            raise OwnFault(f"{helper.name} ended with {child.returncode}:\n{child.log_tail()}")
        if time.monotonic() > deadline:
            raise OwnFault(f"{helper.name} does not serve after {START_SECONDS:g} s:\n{child.log_tail()}")
        time.sleep(0.02)
