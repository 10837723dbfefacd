"""What every verb takes, and how it gets from there to settings and to a running installation."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TextIO, TypeVar, cast

import typer

from broker import config as settings
from broker import logs
from services.cli import terminal
from services.running import Running, attach

Result = TypeVar("Result")

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="設置先ディレクトリ / directory of the installation")]
Json = Annotated[bool, typer.Option("--json", help="JSON で出力 / one JSON object on standard output")]
Wait = Annotated[float, typer.Option("--wait", min=0.1, max=3600, help="待つ秒数 / seconds to wait")]


def example(*lines: str) -> str:
    """The epilogue of a verb's help: what to type."""
    return "例 / example:\n\n" + "\n\n".join(lines)


def loaded(data_dir: Path | None = None) -> settings.Config:
    """The effective settings, logs set up."""
    config = settings.load(flags={"data_dir": str(data_dir) if data_dir else None}).config
    logs.set_up(config.log_level, cast(TextIO, terminal.StandardError()))
    return config


def default_data_dir() -> Path:
    """Where an installation lies when nobody says otherwise."""
    return Path.home() / ".local" / "state" / "chukan"


def directory_of(config: settings.Config) -> Path:
    """The installation's directory."""
    return Path(config.data_dir).absolute() if config.data_dir else default_data_dir()


def running(data_dir: Path | None) -> Running:
    """The running installation that is meant; a fault that says how to start one otherwise."""
    config = loaded(data_dir)
    return attach(config, directory_of(config), chosen=data_dir is not None)


def wait_for(work: Coroutine[Any, Any, Result]) -> Result:
    """Run the asynchronous part of a verb."""
    return asyncio.run(work)
