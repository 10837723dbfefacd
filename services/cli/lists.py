"""`chukan list`: versions of the 照会許可用照合リスト: publish, look, distribute to those who were left behind."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from broker.rules.permission_list import PermissionList, PermissionListError
from services import lists_admin
from services.cli import terminal
from services.cli.options import DataDir, Json, Wait, example, running, wait_for
from services.lists_admin import Held, Published
from services.processes import SystemClock

app = typer.Typer(no_args_is_help=True, help="照会許可用照合リスト / the permission list")
LARGEST_FILE = 64 * 1024 * 1024
Version = Annotated[int, typer.Option("--version", min=0, help="版、0 は最新 / version, 0 for the newest")]


@app.command(epilog=example("chukan list versions"))
def versions(data_dir: DataDir = None, json_: Json = False) -> None:
    """すべての版と、それを持つ機関 / every version and who decides on it."""
    system = running(data_dir)

    async def read() -> list[Held]:
        async with system.store() as store:
            return await lists_admin.versions(store)

    found = wait_for(read())
    if json_:
        terminal.show_json("list_versions", {"versions": found})
        return
    rows = [
        (
            one.list_version,
            terminal.moment(one.known_from),
            one.rows,
            "はい yes" if one.at_network else "",
            len(one.holders),
            one.digest.hex()[:16] + "…",
        )
        for one in found
    ]
    columns = ("版 / version", "公開 / known from", "行 / rows", "ネットワーク / network", "機関数 / holders", "digest")
    terminal.show_table("照合リストの版 / list versions", columns, rows, "版はありません / no version")


@app.command(epilog=example("chukan list show --version 1 --json"))
def show(data_dir: DataDir = None, version: Version = 0, json_: Json = False) -> None:
    """一つの版の全行。JSON の `list` は `list publish` のファイルになる /
    all rows of a version; `list` in the JSON is what `list publish` reads."""
    system = running(data_dir)

    async def read() -> PermissionList | None:
        async with system.store() as store:
            return await lists_admin.version(store, version)

    found = wait_for(read())
    if found is None:
        terminal.talk(f"第{version}版はありません / there is no version {version}")
        raise typer.Exit(terminal.CHECK_FAILED)
    if json_:
        rows: list[dict[str, Any]] = [row._asdict() for row in found.rows]
        content = {"format": lists_admin.FORMAT, "rows": rows}
        terminal.show_json(
            "permission_list", {"list_version": found.version, "digest": found.digest(), "list": content}
        )
        return
    columns = (
        "行 / row",
        "照会者 / inquirer",
        "事務 / affair",
        "手続 / procedure",
        "提供者 / provider",
        "情報名 / kind",
    )
    table = [
        (
            row.row_id,
            row.inquirer_class,
            row.affair_code,
            row.procedure_code,
            row.provider_class,
            row.spi_name_code,
            row.legal_basis,
            "要 yes" if row.consent_required else "",
            f"{row.valid_from}～{row.valid_to}",
            "" if row.verified else "未確認 unverified",
        )
        for row in found.rows
    ]
    more = ("根拠 / legal basis", "同意 / consent", "有効 / in force", "")
    terminal.show_table(f"照合リスト 第{found.version}版 / list version {found.version}", (*columns, *more), table)


@app.command(
    epilog=example("chukan list show --json > list.json", "chukan list publish list.json --except 9900123211400000")
)
def publish(
    file: Annotated[
        Path, typer.Argument(help="JSON ファイル / file: {format, rows}, or the output of `list show --json`")
    ],
    except_: Annotated[
        list[str] | None, typer.Option("--except", help="配布しない機関 / institutions to leave behind")
    ] = None,
    data_dir: DataDir = None,
    wait: Wait = 30.0,
    json_: Json = False,
) -> None:
    """新しい版を公開する。ネットワークはすぐに、機関には配布されたときに切り替わる /
    publish the next version: the network adopts it at once, institutions when they receive it."""
    text = content_of(file)
    system = running(data_dir)

    async def work() -> Published:
        now = SystemClock().now_ms()
        async with system.store() as store, system.voice() as say:
            before = await lists_admin.version(store)
            new = lists_admin.next_list(text, before.version if before else 0, now)
            return await lists_admin.publish(store, say, new, except_ or (), now, wait)

    try:
        done = wait_for(work())
    except PermissionListError as error:
        raise typer.BadParameter(f"{file}: {error}") from None
    if json_:
        terminal.show_json("published", done._asdict())
    else:
        terminal.show_pairs(
            f"照合リスト 第{done.list_version}版 / list version {done.list_version}",
            (
                ("追加 / added", ", ".join(done.added) or "—"),
                ("変更 / changed", ", ".join(done.changed) or "—"),
                ("削除 / removed", ", ".join(done.removed) or "—"),
                ("配布 / distributed", len(done.distributed)),
                ("未配布 / left behind", ", ".join(done.left_behind) or "—"),
                ("未受領 / not taken in", ", ".join(done.waiting) or "—"),
                ("digest", done.digest.hex()),
            ),
        )
    raise typer.Exit(terminal.PARTIAL if done.waiting else terminal.DONE)


def content_of(file: Path) -> str:
    """The text of a list file."""
    try:
        if file.stat().st_size > LARGEST_FILE:
            raise typer.BadParameter(f"{file}: {LARGEST_FILE} バイトまで / at most {LARGEST_FILE} bytes")
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{file}: {error}") from None


@app.command(epilog=example("chukan list distribute", "chukan list distribute --to 9900123211400000"))
def distribute(
    to: Annotated[list[str] | None, typer.Option("--to", help="配布先、既定は遅れている全機関 / to whom")] = None,
    version: Version = 0,
    data_dir: DataDir = None,
    wait: Wait = 30.0,
    json_: Json = False,
) -> None:
    """版を、まだ持たない機関に配布する / hand a version to those who do not have it yet."""
    system = running(data_dir)

    async def work() -> tuple[int, lists_admin.Handed]:
        async with system.store() as store, system.voice() as say:
            found = await lists_admin.version(store, version)
            number = found.version if found else version
            codes = to or await lists_admin.behind(store, number)
            now = SystemClock().now_ms()
            return number, await lists_admin.distribute(store, say, number, codes, now, wait)

    number, done = wait_for(work())
    if json_:
        terminal.show_json("distributed", {"list_version": number, **done._asdict()})
    else:
        text = ", ".join(done.distributed) or "なし / nobody"
        terminal.out().print(f"第{number}版を配布 / version {number} distributed to: {text}")
        if done.waiting:
            terminal.out().print(f"未受領 / not taken in: {', '.join(done.waiting)}")
    raise typer.Exit(terminal.PARTIAL if done.waiting else terminal.DONE)
