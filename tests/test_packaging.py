"""The wheel: three packages with their data, nothing else, installable into an empty environment."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as the build backend makes it."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", folder, ROOT]
    subprocess.run(command, check=True, timeout=120)
    return next(folder.glob("chukan-*.whl"))


def names_in(wheel: Path) -> list[str]:
    """The files of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_the_wheel_holds_three_packages_only(wheel: Path) -> None:
    """The names are common words; nothing else may come along."""
    tops = {name.partition("/")[0] for name in names_in(wheel)}

    assert {top for top in tops if not top.endswith(".dist-info")} == {"broker", "schemas", "services"}


def test_the_wheel_holds_its_data(wheel: Path) -> None:
    """Schemas, SQL and the list of jars travel with the code."""
    names = set(names_in(wheel))
    wanted = {
        path.relative_to(ROOT).as_posix()
        for pattern in ("schemas/*.avsc", "schemas/*.json", "broker/adapters/**/*.sql", "broker/embedded/*.sha256")
        for path in ROOT.glob(pattern)
    }

    assert len(wanted) > 40
    assert wanted - names == set()


def test_the_wheel_runs_elsewhere(wheel: Path, tmp_path: Path) -> None:
    """Installed into an environment of its own, the command works from another folder."""
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True, timeout=120)
    python = environment / "bin" / "python"
    pins = ROOT / "requirements" / "run.txt"
    quiet = ["--quiet", "--disable-pip-version-check"]
    subprocess.run([python, "-m", "pip", "install", *quiet, "--require-hashes", "-r", pins], check=True, timeout=600)
    subprocess.run([python, "-m", "pip", "install", *quiet, "--no-deps", wheel], check=True, timeout=120)

    clean = {name: value for name, value in os.environ.items() if not name.startswith(("CHUKAN_", "PYTHON"))}
    shown = subprocess.run(
        [environment / "bin" / "chukan", "demo", "--json"],
        cwd=tmp_path,
        env=clean,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert shown.returncode == 0, shown.stderr[-3000:]
    assert '"schema_version"' in shown.stdout
