"""`--raw`: values to look for in every byte, how they are given and how finds are shown."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from services.cli import terminal
from services.raw_scan import LEAST_BYTES, RawScan

Raw = Annotated[
    list[str] | None,
    typer.Option(
        "--raw", help="全ファイルの全バイトから探す値、- は標準入力 / look for this in every byte; - reads lines"
    ),
]


def texts_of(given: list[str] | None) -> list[str]:
    """The values: those given, and the lines of standard input where one of them is a dash."""
    texts: list[str] = []
    for one in given or []:
        # A value on the command line is everybody's to read.
        texts += [line for line in sys.stdin.read().splitlines() if line] if one == "-" else [one]
    if any(len(text.encode()) < LEAST_BYTES for text in texts):
        raise typer.BadParameter(f"--raw: {LEAST_BYTES} バイト以上 / bytes or more")
    return texts


def body_of(seen: RawScan) -> dict[str, Any]:
    """What was found, for programs."""
    return {"ok": not seen.found, "files": seen.files, "bytes": seen.size, "count": seen.found, "found": seen.places}


def show(seen: RawScan) -> None:
    """What was found, and how much was looked at."""
    rows = [(one.number, one.spelling, one.file, f"{one.offset:,}") for one in seen.places]
    columns = ("値 / value", "表記 / spelling", "ファイル / file", "位置 / offset")
    terminal.show_table("見つかったもの / found", columns, rows, "どのファイルにもありません / in no file")
    terminal.out().print(
        f"ファイル {seen.files:,}、{seen.size:,} バイト / files and bytes looked at, {seen.found:,} found"
    )
