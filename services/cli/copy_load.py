"""`chukan copy load`: sub-copies in bulk, in an institution's own name, resumable."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer

from services import copy_load
from services.cli import terminal
from services.cli.inquiries import copies, without
from services.cli.options import DataDir, Json, example, running, wait_for
from services.client import Client
from services.copies import BATCH_CAP
from services.copy_load import Bounds, Kept, Load, Loaded, NotAFile, Source
from services.running import Running

MOST_RESIDENTS = 10_000_000


def source_of(file: Path | None, synthetic: int, seed: int) -> Source:
    """What is to be loaded: one of the two."""
    if (file is None) == (synthetic == 0):
        raise typer.BadParameter("ファイルか --synthetic のどちらか一つ / a file or --synthetic, one of them")
    if file is None:
        return copy_load.made_up(synthetic, seed)
    try:
        return copy_load.file_of(file)
    except (OSError, NotAFile) as error:
        raise typer.BadParameter(f"{file}: {error}") from None


@asynccontextmanager
async def speaking(system: Running, institution: str) -> AsyncIterator[Client]:
    """A client that speaks for the institution, with its own credentials."""
    async with system.client(institution) as found:
        if found is None:
            raise typer.BadParameter(without(system, institution))
        yield found[0]


def show(done: Loaded) -> None:
    """A load for people."""
    memory = ", ".join(f"{one.percent} %: {one.rss_bytes / 1_048_576:,.0f} MiB" for one in done.memory)
    terminal.show_pairs(
        f"副本の一括登録 / bulk load {done.name}",
        (
            ("行 / rows", f"{done.rows:,}"),
            ("回 / batches", done.parts),
            ("登録 / accepted", f"{done.accepted:,}"),
            ("拒否 / rejected", f"{done.rejected:,}"),
            ("続きの始まり / went on from", f"{done.resumed_at:,}"),
            ("時間 / seconds", f"{done.seconds:,.1f}"),
            ("速さ / rows a second", f"{done.rows_per_second:,.0f}"),
            ("メモリ / memory", memory),
            ("接続し直し / reconnected", done.reconnected),
        ),
    )
    if done.refusals:
        rows = [(f"{one.row:,}", "\n".join(one.reasons)) for one in done.refusals]
        terminal.show_table("拒否された行の初め / first rows refused", ("行 / row", "理由 / why"), rows)
    terminal.out().print(terminal.mark(not done.rejected))


@copies.command(
    epilog=example(
        "chukan copy load copies.jsonl --institution 9900123211400000",
        "chukan copy load --synthetic 300000 --institution 9900123211400000 --json",
    )
)
def load(
    institution: Annotated[str, typer.Option(help="副本を持つ機関コード / who holds the copies, 16 digits")],
    file: Annotated[
        Path | None, typer.Argument(help="JSON Lines、一行が一件の副本 / one sub-copy a line, as CopySubmitted")
    ] = None,
    synthetic: Annotated[
        int,
        typer.Option(min=0, max=MOST_RESIDENTS, help="架空の住民数、3種類ずつ / made-up residents, three kinds each"),
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, max=999, help="乱数の種 / seed of what is made up")] = 1,
    part_rows: Annotated[
        int, typer.Option("--part-rows", min=1, max=BATCH_CAP, help="一回の件数 / rows in one batch")
    ] = BATCH_CAP,
    data_dir: DataDir = None,
    patience: Annotated[
        float, typer.Option(min=1, max=86_400, help="進まないとき待つ秒数 / seconds without progress")
    ] = 180.0,
    json_: Json = False,
) -> None:
    """副本をまとめて登録する。途中で止まっても、同じコマンドで続きから、抜けも重複もなく進む /
    load sub-copies in bulk; interrupted, the same command goes on without a gap or a repeat."""
    source = source_of(file, synthetic, seed)
    system = running(data_dir)
    if system.installation is None:
        raise typer.BadParameter(without(system, institution))
    bounds = Bounds(part_rows, patience_seconds=patience)
    name = copy_load.load_name(source, bounds)
    kept = Kept(copy_load.state_file(system.installation.run, institution, name), name)
    with terminal.progress() as tell:
        work = Load(institution, source, kept, bounds=bounds, tell=tell)
        done = wait_for(work.run(lambda: speaking(system, institution)))
    if json_:
        terminal.show_json("copy_load", copy_load.body_of(done) | {"institution_code": institution})
    else:
        show(done)
    raise typer.Exit(terminal.PARTIAL if done.rejected else terminal.DONE)
