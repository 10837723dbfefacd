"""How a verb speaks: data on standard output, talk on standard error, one JSON object for programs, exit codes.

Promises that nothing but data reaches standard output, that colours and moving bars appear on a terminal alone (and
neither under NO_COLOR nor under CI), and that JSON is one object with `schema_version`.
"""

from __future__ import annotations

import io
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from enum import Enum
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from broker.rules.identity import JST

SCHEMA_VERSION = 1
DONE, CHECK_FAILED, USAGE, CONFIGURATION, UNREACHABLE, TIME_LIMIT, PARTIAL = range(7)
WIDTH = 400  # off a terminal nothing is folded
REMARK_SECONDS = 2.0

Tell = Callable[[str, int, int], None]


def out() -> Console:
    """Where data for people goes."""
    return Console(file=sys.stdout, width=None if sys.stdout.isatty() else WIDTH, highlight=False, markup=False)


def talk(text: str) -> None:
    """A remark for whoever looks on."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


class StandardError(io.TextIOBase):
    """Standard error as it is when something is written, not as it was when logs were set up."""

    def write(self, text: str) -> int:
        """Pass it on."""
        return sys.stderr.write(text)

    def flush(self) -> None:
        """Pass it on."""
        sys.stderr.flush()


def plain(value: Any) -> Any:
    """A value as JSON has it: bytes as hex digits, records as objects."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, bytes):
        return value.hex()
    if hasattr(value, "_asdict"):
        return {name: plain(one) for name, one in value._asdict().items()}
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(one) for one in (sorted(value) if isinstance(value, set | frozenset) else value)]
    return value


def show_json(kind: str, body: Mapping[str, Any]) -> None:
    """The answer of a reading verb, for programs."""
    text = json.dumps({"schema_version": SCHEMA_VERSION, "kind": kind, **plain(body)}, ensure_ascii=False, indent=1)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def show_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], empty: str = "") -> None:
    """The answer for people; `empty` says what it means that there is nothing."""
    if not rows and empty:
        out().print(Text(empty))
        return
    table = Table(title=Text(title), title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(Text(column), overflow="fold", no_wrap=column.endswith("/ id"))
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(str(cell)) for cell in row))
    out().print(table)


def show_pairs(title: str, pairs: Sequence[tuple[str, Any]]) -> None:
    """One thing, a line a property."""
    show_table(title, ("項目 / field", "値 / value"), pairs)


def mark(good: bool) -> Text:
    """A verdict."""
    return Text("✓ OK", style="green") if good else Text("✗ NG", style="bold red")


def moment(at: int) -> str:
    """Milliseconds since 1970 UTC as people in Japan read them; a dash for none."""
    return datetime.fromtimestamp(at / 1000, JST).strftime("%Y-%m-%d %H:%M:%S") if at else "—"


def is_lively() -> bool:
    """Whether something may move on standard error."""
    return sys.stderr.isatty() and not os.environ.get("CI")


@contextmanager
def progress() -> Iterator[Tell]:
    """Tells how far something has come: a bar on a terminal, now and then a line elsewhere. A total of 0 is unknown."""
    if not is_lively():
        yield _lines()
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def tell(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=total or None)
            bars.update(tasks[name], completed=done, total=total or None)

        yield tell


def _lines() -> Tell:
    told = time.monotonic()

    def tell(name: str, done: int, total: int) -> None:
        nonlocal told
        if time.monotonic() - told > REMARK_SECONDS:
            told = time.monotonic()
            talk(f"{name}: {done:,}/{total:,}" if total else f"{name}: {done:,}")

    return tell
