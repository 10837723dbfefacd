"""Owns the jars of Apache Kafka: fetched once by jgo, checked against the list committed beside this file.

Promises: what is on the classpath is exactly the committed list, name and SHA-256; a start after the first neither
asks the network nor reads the jars again (sizes and times of change are compared with those of the last check);
callers at the same time wait for one another. All is kept in ``$XDG_CACHE_HOME/chukan`` (``~/.cache/chukan``).
"""

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from xml.etree.ElementTree import ParseError

from broker.embedded.errors import EmbeddedError

KAFKA_VERSION = "4.4.0"
COORDINATES = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}+org.slf4j:slf4j-simple:1.7.36"
LIST_NAME = "kafka-jars.sha256"
TURN_LIMIT_SECONDS = 600.0


class RegistryError(EmbeddedError):
    """The registry could not be reached or does not have it."""


def default_cache_dir() -> Path:
    """``$XDG_CACHE_HOME/chukan``, else ``~/.cache/chukan``."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "chukan"


def kafka_classpath(cache_dir: Path | None = None) -> list[Path]:
    """The verified jars, in the order of the committed list.

    Raises EmbeddedError when the registry cannot be reached, or when a jar is missing from what it gave or differs from
    the list.
    """
    cache = (cache_dir or default_cache_dir()).absolute()
    stamp = cache / f"kafka-jars-{list_digest()}.json"
    jars = _jars_of_stamp(stamp)
    if jars is None:
        with _turn(cache):
            jars = _jars_of_stamp(stamp) or _fetch(cache, stamp)
    return jars


def list_digest() -> str:
    """Sixteen hexadecimal digits that name the committed list."""
    return hashlib.sha256(_list_text().encode()).hexdigest()[:16]


def committed_jars() -> dict[str, str]:
    """Name of each jar → SHA-256 in hexadecimal digits, as ``sha256sum`` writes them."""
    lines = (line.split() for line in _list_text().splitlines() if line)
    return {name: digest for digest, name in lines}


def _list_text() -> str:
    return files("broker.embedded").joinpath(LIST_NAME).read_text("ascii")


def _jars_of_stamp(stamp: Path) -> list[Path] | None:
    """The jars as they were when last verified; None when anything has changed since, or they were copied here."""
    try:
        entries = json.loads(stamp.read_text("utf-8"))
        jars = [stamp.parent / path for path, *_ in entries]
        return jars if entries == _entries(stamp, jars) else None
    except (OSError, ValueError, TypeError):
        return None


def _entries(stamp: Path, jars: list[Path]) -> list[list[str | int]]:
    return [[str(j.relative_to(stamp.parent)), j.stat().st_size, j.stat().st_mtime_ns] for j in jars]


def _fetch(cache: Path, stamp: Path) -> list[Path]:
    try:
        jars = _verified(_resolve(cache))
    except RegistryError:
        raise
    except (EmbeddedError, ParseError, AssertionError, ValueError):
        # A fetch that was cut off leaves half a file, which jgo takes for a whole one. Once more, from nothing.
        for name in ("maven", "jgo"):
            shutil.rmtree(cache / name, ignore_errors=True)
        jars = _verified(_resolve(cache))
    fresh = stamp.with_suffix(".new")
    fresh.write_text(json.dumps(_entries(stamp, jars)), "utf-8")
    fresh.replace(stamp)
    return jars


def _resolve(cache: Path) -> dict[str, Path]:
    """Ask the registry, through jgo, for Kafka and what it needs: name → path."""
    from jgo.env import EnvironmentBuilder  # noqa: PLC0415 - a fifth of a second that later starts do not need
    from jgo.maven import MavenContext  # noqa: PLC0415

    builder = EnvironmentBuilder(context=MavenContext(repo_cache=cache / "maven"), cache_dir=cache / "jgo")
    try:
        return {jar.name: Path(jar) for jar in builder.from_endpoint(COORDINATES).all_jars}
    except (OSError, RuntimeError) as error:
        raise RegistryError(
            f"cannot fetch Apache Kafka {KAFKA_VERSION} ({COORDINATES}): {error}\n"
            f"Give this machine a way to the Maven registry (HTTPS_PROXY is honoured), or copy {cache} from a machine "
            "where it has once started."
        ) from error


def _verified(found: Mapping[str, Path]) -> list[Path]:
    """The listed jars out of those found; what is not listed is left off the classpath."""
    wrong = [name for name, digest in committed_jars().items() if _sha256(found.get(name)) != digest]
    if wrong:
        raise EmbeddedError(
            f"{len(wrong)} of Kafka's jars are missing or differ from the committed list {LIST_NAME}: "
            f"{', '.join(sorted(wrong))}. Nothing was started. The registry, or something on the way, gave other files "
            "than those this version was tested with."
        )
    return [found[name] for name in committed_jars()]


def _sha256(jar: Path | None) -> str | None:
    return hashlib.sha256(jar.read_bytes()).hexdigest() if jar is not None and jar.exists() else None


@contextmanager
def _turn(cache: Path) -> Iterator[None]:
    """One caller at a time, of all processes of this machine, fills the cache."""
    cache.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + TURN_LIMIT_SECONDS
    with (cache / "fetch.lock").open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise EmbeddedError(f"another process fills {cache} for over {TURN_LIMIT_SECONDS:g} s") from None
                time.sleep(0.1)
        yield
