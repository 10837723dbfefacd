"""`chukan bench`: the benchmark of `services.bench`, shown."""

from __future__ import annotations

import signal
import sys
from typing import Annotated

import typer

from services.bench import report as shown
from services.bench.run import FULL, QUICK, Report, benchmark
from services.cli import terminal
from services.cli.options import Json, loaded
from services.world import MOST_INSTITUTIONS

MOST_INQUIRIES = 1_000_000


def ended(*_: object) -> None:
    """SIGTERM ends the benchmark in order: everything it started is stopped."""
    sys.exit(128 + signal.SIGTERM)


def show(report: Report) -> None:
    """The report for people."""
    for title, columns, rows in shown.sheets(report):
        terminal.show_table(title, columns, rows)
    out = terminal.out()
    for text in shown.remarks(report):
        out.print(text)
    out.print(terminal.mark(report.is_right))


def bench(
    inquiries: Annotated[
        int | None, typer.Option(min=100, max=MOST_INQUIRIES, help="測る照会の数 / inquiries to sustain")
    ] = None,
    institutions: Annotated[int, typer.Option(min=2, max=MOST_INSTITUTIONS, help="機関数 / institutions")] = 6,
    quick: Annotated[bool, typer.Option("--quick", help="少ない件数で / small amounts")] = False,
    sweep: Annotated[bool, typer.Option("--sweep", help="6・100・1741 機関でも / also 100 and 1,741")] = False,
    json_: Json = False,
) -> None:
    """何もない所から起動し、速さ・費用・正しさを測り、比較相手と下限に並べる。正しくなければ 1 で終わる /
    measure rate, cost and correctness from nothing, beside a peer and a floor; exit 1 when a count is wrong."""
    loaded()
    signal.signal(signal.SIGTERM, ended)
    amounts = QUICK if quick else FULL
    if inquiries is not None:
        amounts = amounts._replace(inquiries=inquiries, floor=min(inquiries, amounts.floor))
    with terminal.progress() as tell:
        report = benchmark(amounts, institutions, sweep=sweep, tell=tell)
    if json_:
        terminal.show_json("bench", shown.body_of(report))
    else:
        show(report)
    raise typer.Exit(terminal.DONE if report.is_right else terminal.CHECK_FAILED)
