"""`chukan doctor`, `chukan config` and `chukan scan`: the machine, the settings, and what must be nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import typer
from rich.text import Text

from broker import config as settings
from services import scan as scanning
from services.cli import raw, terminal
from services.cli.options import DataDir, Json, directory_of, example, loaded, running, wait_for
from services.doctor import findings
from services.raw_scan import raw_scan
from services.scan import Scan

config = typer.Typer(no_args_is_help=True, help="設定 / settings")


@config.callback()
def settings_() -> None:
    """設定 / settings."""


@config.command(epilog=example("chukan config show", "CHUKAN_SHARDS=4 chukan config show --json"))
def show(data_dir: DataDir = None, json_: Json = False) -> None:
    """すべての設定と、その値がどこから来たか / every setting and where its value comes from; secrets are masked."""
    found = settings.shown(settings.load(flags={"data_dir": str(data_dir) if data_dir else None}))
    if json_:
        terminal.show_json("config", {"settings": found})
        return
    rows = [(one["name"], one["value"], one["origin"], one["words"]) for one in found]
    terminal.show_table("設定 / settings", ("名前 / name", "値 / value", "出所 / origin", "説明 / meaning"), rows)


def doctor(data_dir: DataDir = None, json_: Json = False) -> None:
    """足りないものとその直し方。あれば 1 で終わる / what is missing and how to mend it; exit 1 if anything is."""
    found = findings(directory_of(loaded(data_dir)))
    good = all(one.ok for one in found)
    if json_:
        terminal.show_json("doctor", {"ok": good, "findings": found})
        raise typer.Exit(terminal.DONE if good else terminal.CHECK_FAILED)
    rows = [(terminal.mark(one.ok), f"{one.what_ja} / {one.what_en}", one.seen) for one in found]
    terminal.show_table("診断 / doctor", ("", "確かめたこと / what", "見えたもの / seen"), rows)
    for one in found:
        if not one.ok:
            terminal.out().print(Text(f"{one.what_ja}: {one.mend_ja}\n  {one.what_en}: {one.mend_en}"))
    raise typer.Exit(terminal.DONE if good else terminal.CHECK_FAILED)


def scan_bytes(directory: Path, texts: Sequence[str], *, json_: bool) -> NoReturn:
    """Look for these values in every byte of the installation's files, running or not."""
    with terminal.progress() as tell:
        seen = raw_scan(directory, texts, tell)
    if json_:
        terminal.show_json("raw_scan", raw.body_of(seen))
    else:
        raw.show(seen)
    raise typer.Exit(terminal.CHECK_FAILED if seen.found else terminal.DONE)


WORDS = {
    scanning.NUMBER: "個人番号がある / an individual number",
    scanning.CODES: "一人の符号が二つある / two codes of one person",
}


def scan(data_dir: DataDir = None, look_for: raw.Raw = None, json_: Json = False) -> None:
    """全トピック・全表・全ログに個人番号や両側の符号がないか探す。あればその場所を示して 1 で終わる /
    look for individual numbers and for both codes of a person, everywhere; exit 1 and the place."""
    if texts := raw.texts_of(look_for):
        scan_bytes(directory_of(loaded(data_dir)), texts, json_=json_)
    system = running(data_dir)
    directory = system.installation.directory if system.installation else None

    async def work() -> Scan:
        with terminal.progress() as tell:
            async with system.store() as store:
                return await scanning.scan(store, system.administrator, directory, tell)

    seen = wait_for(work())
    good = not seen.found
    if json_:
        body = {
            "ok": good,
            "topics": seen.topics,
            "messages": seen.messages,
            "tables": seen.tables,
            "rows": seen.rows,
            "files": seen.files,
            "bytes": seen.size,
            "found": [{"rule": rule, "place": place} for rule, place in seen.places],
            "count": sum(seen.found.values()),
        }
        terminal.show_json("scan", body)
    else:
        rows = [(WORDS[rule], place) for rule, place in seen.places]
        clean = "どこにもありません / nowhere"
        terminal.show_table("見つかったもの / found", ("何が / what", "どこに / where"), rows, clean)
        terminal.out().print(
            f"トピック {seen.topics}、電文 {seen.messages:,}、表 {seen.tables}、行 {seen.rows:,}、ファイル {seen.files}"
            "\n"
            f"{seen.topics} topics, {seen.messages:,} messages, {seen.tables} tables, {seen.rows:,} rows, "
            f"{seen.files} files, {seen.size:,} bytes"
        )
    raise typer.Exit(terminal.DONE if good else terminal.CHECK_FAILED)
