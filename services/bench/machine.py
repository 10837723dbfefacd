"""Where a benchmark ran: processors, memory, versions, file system, and how busy the machine was before."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from broker.embedded.jars import KAFKA_VERSION

MEBIBYTE = 1 << 20


class Machine(NamedTuple):
    """load: runnable processes in the minute before the start, none of them ours."""

    processors: int
    model: str
    memory_mebibytes: int
    system: str
    python: str
    kafka: str
    postgres: str
    filesystem: str
    load: float


def machine_of(directory: Path, postgres: str, load: float) -> Machine:
    """This machine; `directory` is where the data lay."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // MEBIBYTE
    return Machine(
        os.cpu_count() or 0,
        model(),
        memory,
        f"{platform.system()} {platform.release()}",
        platform.python_version(),
        KAFKA_VERSION,
        postgres,
        filesystem_of(directory, mounts()),
        round(load, 2),
    )


def model() -> str:
    """The processor's name, where the system tells it."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def mounts() -> str:
    """The mount table, or nothing where there is none to read."""
    with suppress(OSError):
        return Path("/proc/mounts").read_text(encoding="utf-8", errors="replace")
    return ""


def filesystem_of(directory: Path, table: str) -> str:
    """The type of the file system a directory lies on: the longest mount point above it; empty when unknown."""
    best, kind = -1, ""
    for line in table.splitlines():
        fields = line.split()
        if len(fields) > 2 and directory.is_relative_to(fields[1]) and len(fields[1]) >= best:
            best, kind = len(fields[1]), fields[2]
    return kind
