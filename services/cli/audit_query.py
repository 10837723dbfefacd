"""`chukan audit query`: the questions an auditor asks first, by name, on an export or on the running installation."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, NamedTuple

import typer

from services.audit.export import Scope, export
from services.audit.queries import QUERIES, Query, QueryError, opened, values_for
from services.cli import terminal
from services.cli.options import DataDir, Json, example, running, wait_for
from services.processes import SystemClock

LIST = "list"
EXAMPLE = example(
    "chukan audit query list",
    "chukan audit query off_hours --export audit-export",
    "chukan audit query by_person --set institution=9900123210600000 --set person=000000000000015",
    "chukan audit query bulk --set persons=20 --set minutes=10 --csv",
)


class Answer(NamedTuple):
    """What a query found; cut: there is more than was asked for."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    cut: bool


@contextmanager
def source(export_dir: Path | None, data_dir: Path | None) -> Iterator[Path]:
    """The given exports, or one made of the running installation that is gone afterwards."""
    if export_dir is not None:
        yield export_dir
        return
    system = running(data_dir)

    async def work(directory: Path) -> None:
        with terminal.progress() as tell:
            async with system.store() as store:
                await export(store, directory, Scope(), SystemClock().now_ms(), None, tell)

    with TemporaryDirectory(prefix="chukan-audit-") as made:
        wait_for(work(Path(made)))
        yield Path(made)


def given_of(settings: list[str]) -> dict[str, str]:
    """`name=value` as often as given; BadParameter for anything else."""
    found = {}
    for one in settings:
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"--set {one}: 名前=値 / name=value")
        found[name] = value
    return found


def show_list(*, json_: bool) -> None:
    """The queries there are."""
    if json_:
        bodies = [
            {"name": one.name, "ja": one.ja, "en": one.en, "parameters": [p._asdict() for p in one.parameters]}
            for one in QUERIES.values()
        ]
        terminal.show_json("audit_queries", {"queries": bodies})
        return
    rows = [
        (one.name, f"{one.ja}\n{one.en}", "\n".join(parameter_of(p.name, p.default) for p in one.parameters))
        for one in QUERIES.values()
    ]
    columns = ("名前 / name", "何がわかるか / what it tells", "--set")
    terminal.show_table("監査の問い / an auditor's questions", columns, rows)


def parameter_of(name: str, default: str | int | None) -> str:
    """A parameter with its default."""
    return f"{name} (必須 / required)" if default is None else f"{name}={default}"


def asked(query: Query, values: Mapping[str, str | int], place: Path, limit: int) -> Answer:
    """Run the query."""
    with opened(place) as exports:
        columns, rows = exports.ask(query, values)
        kept = list(islice(rows, limit + 1))
    return Answer(columns, kept[:limit], len(kept) > limit)


def show(query: Query, values: Mapping[str, str | int], answer: Answer, *, json_: bool, csv_: bool) -> None:
    """The answer for people, for programs, or for a spreadsheet."""
    if json_:
        rows = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
        terminal.show_json(
            "audit_query", {"query": query.name, "parameters": dict(values), "rows": rows, "cut": answer.cut}
        )
    elif csv_:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(answer.columns)
        writer.writerows(answer.rows)
    else:
        cells = [tuple("—" if cell in (None, "") else cell for cell in row) for row in answer.rows]
        terminal.out().print(f"{query.ja}\n{query.en}")
        terminal.show_table(query.name, answer.columns, cells, "該当はありません / nothing found")


def query_(
    name: Annotated[str, typer.Argument(help="問いの名前、または list / a query's name, or list")],
    data_dir: DataDir = None,
    export_dir: Annotated[
        Path | None,
        typer.Option(
            "-o", "--export", file_okay=False, help="書き出したもの。なければ今の状態 / exports; default: as it is now"
        ),
    ] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="名前=値 / name=value, as often as needed")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="行数の上限 / rows at most")] = 1000,
    csv_: Annotated[bool, typer.Option("--csv", help="CSV で出力 / CSV on standard output")] = False,
    json_: Json = False,
) -> None:
    """監査でまず問うことを、名前のついた SQL で調べる（list で一覧） /
    the questions an auditor asks first, as named SQL on an export; `list` names them."""
    if name == LIST:
        show_list(json_=json_)
        return
    if name not in QUERIES:
        raise typer.BadParameter(f"{name}: {', '.join((LIST, *QUERIES))} のどれか / one of these")
    query = QUERIES[name]
    try:
        values = values_for(query, given_of(set_ or []))
        with source(export_dir, data_dir) as place:
            answer = asked(query, values, place, limit)
    except QueryError as error:
        raise typer.BadParameter(str(error)) from None
    show(query, values, answer, json_=json_, csv_=csv_)
    if answer.cut:
        terminal.talk(f"{limit:,} 行で打ち切りました / cut after {limit:,} rows; --limit")
        raise typer.Exit(terminal.PARTIAL)
