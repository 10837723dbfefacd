"""`chukan hub`: the integrated-number system: its process, its business systems, its folder, its state and log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from broker.errors import ConfigurationFault
from broker.rules.charsets import CHARSETS, Gaiji, convert
from broker.tables import HubClient
from services.cli import terminal
from services.cli.options import DataDir, Json, Wait, directory_of, example, loaded, running, wait_for
from services.integrated_number import clients, folder, serving
from services.integrated_number.common import QUERIES, SCOPES, Caller, Hub, Refused
from services.integrated_number.folder import Folder
from services.integrated_number.state import intermediate_server_state
from services.running import Running, attach

app = typer.Typer(no_args_is_help=True, help="統合番号連携システム / the integrated-number system")
client = typer.Typer(no_args_is_help=True, help="業務システムの登録 / business systems that may come in")
app.add_typer(client, name="client")

Institution = Annotated[str, typer.Option(help="機関コード、16桁 / institution code, 16 digits")]
System = Annotated[str, typer.Option(help="業務システム、例 KENKO / business system, e.g. KENKO")]
CharsetName = Annotated[str, typer.Option(help="文字コード / " + ", ".join(CHARSETS))]


@asynccontextmanager
async def hub_of(system: Running) -> AsyncIterator[Hub]:
    """The hub of a running installation, as an operator on its machine reaches it."""
    if system.installation is None:
        raise ConfigurationFault("--data-dir が要ります / --data-dir is needed: the institutions' keys lie there")
    known = serving.credentials_in(system.installation.directory)
    async with system.store() as store:
        yield serving.new_hub(store, known, system.config)


def charset_known(name: str) -> str:
    """The name, when it is one of the table."""
    if name not in CHARSETS:
        raise typer.BadParameter(f"{name}: {', '.join(CHARSETS)}")
    return name


@app.command(epilog=example("chukan hub serve --data-dir ~/chukan"))
def serve(
    data_dir: DataDir = None,
    ready_file: Annotated[str, typer.Option(help="準備完了時に書くファイル / written once it serves")] = "",
) -> None:
    """REST と Kafka 連携を動かす。`chukan up` は自分で起動する / serve REST and Kafka; `up` does so by itself."""
    config = loaded(data_dir)
    directory = directory_of(config)
    if not config.postgres_dsn:
        found = attach(config, directory, chosen=True)
        config = replace(config, postgres_dsn=found.parts.dsn)
    raise typer.Exit(serving.run(config, directory, ready_file, lambda url: terminal.out().print(url)))


def row_of(one: HubClient) -> dict[str, Any]:
    """A business system for programs: never its secret."""
    body = one._asdict()
    del body["secret_hash"]
    return body | {"scopes": one.scopes.split(), "affairs": one.affairs.split()}


@client.command(
    epilog=example("chukan hub client add --institution 9900123210600000 --system KENKO --scope persons:read")
)
def add(
    institution: Institution,
    system: System,
    name: Annotated[str, typer.Option(help="名称 / what people call it")] = "",
    scope: Annotated[
        list[str] | None,
        typer.Option(help="権限、省略するとすべて / a right, repeatable; default: all. " + " ".join(SCOPES)),
    ] = None,
    affair: Annotated[
        list[str] | None, typer.Option(help="許可する事務コード、省略するとすべて / an affair code, repeatable")
    ] = None,
    data_dir: DataDir = None,
    json_: Json = False,
) -> None:
    """業務システムを登録し、秘密を一度だけ表示する / let a business system in; its secret is shown this once."""
    found = running(data_dir)

    async def work() -> tuple[HubClient, str]:
        async with hub_of(found) as hub:
            try:
                return await clients.add(hub, institution, system, name or system, scope or SCOPES, affair or ())
            except Refused as refusal:
                raise typer.BadParameter(
                    f"{refusal.rule}: --institution, --system (A-Z 0-9 _), --scope ({' '.join(SCOPES)})"
                ) from None

    row, secret = wait_for(work())
    if json_:
        terminal.show_json("hub_client", row_of(row) | {"client_secret": secret})
        return
    terminal.show_pairs(
        "業務システム / business system",
        [
            ("client_id", row.client_id),
            ("client_secret", secret),
            ("権限 / rights", row.scopes),
            ("事務 / affairs", row.affairs or "すべて / any"),
        ],
    )
    terminal.talk("秘密は二度と表示されません / the secret is not shown again")


@client.command("list", epilog=example("chukan hub client list"))
def list_(institution: Institution = "", data_dir: DataDir = None, json_: Json = False) -> None:
    """登録された業務システム / the business systems."""
    found = running(data_dir)

    async def work() -> list[HubClient]:
        async with hub_of(found) as hub:
            return await clients.clients(hub, institution)

    rows = wait_for(work())
    if json_:
        terminal.show_json("hub_clients", {"clients": [row_of(one) for one in rows]})
        return
    terminal.show_table(
        "業務システム / business systems",
        ("client / id", "名称 / name", "権限 / rights", "事務 / affairs", "失効 / revoked"),
        [(one.client_id, one.name, one.scopes, one.affairs or "—", terminal.moment(one.revoked_at)) for one in rows],
        "登録はありません / there is none",
    )


@client.command(epilog=example("chukan hub client revoke 9900123210600000.KENKO"))
def revoke(
    client_id: Annotated[str, typer.Argument(help="client_id")], data_dir: DataDir = None, json_: Json = False
) -> None:
    """業務システムを失効させ、そのトークンをすべて終わらせる / shut a business system out, its tokens too."""
    found = running(data_dir)

    async def work() -> HubClient | None:
        async with hub_of(found) as hub:
            return await clients.revoke(hub, client_id)

    row = wait_for(work())
    if row is None:
        terminal.talk(f"{client_id} はありません / there is no such client")
        raise typer.Exit(terminal.CHECK_FAILED)
    if json_:
        terminal.show_json("hub_client", row_of(row))
        return
    terminal.out().print(f"{client_id} は失効しました / revoked")


@app.command(
    "folder", epilog=example("chukan hub folder ~/renkei --institution 9900123210600000 --system KENKO --wait 60")
)
def folder_(
    directory: Annotated[Path, typer.Argument(help="in/ out/ failed/ done/ を持つディレクトリ / the folder")],
    institution: Institution,
    system: System,
    charset: CharsetName = "CP932",
    gaiji: Annotated[Gaiji, typer.Option(help="外字を拒否か置換 / reject or substitute")] = Gaiji.REJECT,
    reason: Annotated[str, typer.Option(help="副本の登録理由 / why sub-copies are sent")] = "CHANGE",
    wait: Wait = 60.0,
    data_dir: DataDir = None,
    json_: Json = False,
) -> None:
    """フォルダーのファイルを取り込み、結果と失敗を書く / take in the files of in/, write what came of them."""
    found = running(data_dir)
    where = Folder(directory, charset_known(charset), gaiji, reason)

    async def work() -> list[folder.Done]:
        async with hub_of(found) as hub:
            try:
                hub.attached(institution)
            except Refused:
                codes = ", ".join(sorted(hub.institutions))
                raise typer.BadParameter(f"--institution: あるのは / there are: {codes}") from None
            caller = Caller(institution, system, f"folder.{system}", frozenset(SCOPES))
            done = await folder.work_through(hub, caller, where, wait)
            for one in done:
                status = 422 if one.refusal else 200
                await clients.note(hub, institution, caller.client_id, "folder", one.file_id, status, one.refusal)
            return done

    done = wait_for(work())
    if json_:
        terminal.show_json("hub_folder", {"files": done})
    else:
        terminal.show_table(
            "取り込み / taken in",
            (
                "ファイル / file",
                "id",
                "行 / lines",
                "成功 / succeeded",
                "失敗 / failed",
                "完了 / complete",
                "理由 / rule",
            ),
            [(*one[:5], "はい yes" if one.complete else "いいえ no", one.refusal or "—") for one in done],
            f"{directory}/in にファイルがありません / there is no file",
        )
    if not all(one.complete for one in done):
        raise typer.Exit(terminal.TIME_LIMIT)
    if any(one.failed or one.refusal for one in done):
        raise typer.Exit(terminal.PARTIAL)


@app.command(epilog=example("chukan hub status", "chukan hub status --json"))
def status(data_dir: DataDir = None, json_: Json = False) -> None:
    """中間サーバーの稼働状況、人、待っている電文 / each institution's server, people, and what waits to be said."""
    found = running(data_dir)

    async def work() -> list[dict[str, Any]]:
        async with hub_of(found) as hub:
            rows = []
            for code in sorted(hub.institutions):
                state = await intermediate_server_state(hub.store, code, hub.now())
                async with hub.store.work() as db:
                    people = await db.query(QUERIES["persons_by_state"], code)
                    waiting = await db.query(QUERIES["waiting_counts"], code)
                    suspects = await db.query(QUERIES["suspects"], code, 100)
                rows.append(
                    {
                        "institution_code": code,
                        "state": state.value,
                        "people": {row["state"]: row["persons"] for row in people},
                        "waiting": {row["lane"]: row["messages"] for row in waiting},
                        "suspects": [list(row["integrated_numbers"]) for row in suspects],
                    }
                )
            return rows

    rows = wait_for(work())
    if json_:
        terminal.show_json("hub_status", {"institutions": rows})
        return
    terminal.show_table(
        "統合番号連携システム / the hub",
        ("機関 / id", "中間サーバー / server", "人 / people", "待ち / waiting", "同名同生年月日 / namesakes"),
        [
            (
                row["institution_code"],
                row["state"],
                " ".join(f"{name} {count}" for name, count in row["people"].items()) or "0",
                " ".join(f"{name} {count}" for name, count in row["waiting"].items()) or "0",
                len(row["suspects"]),
            )
            for row in rows
        ],
    )


@app.command(epilog=example("chukan hub log --institution 9900123210600000 --json"))
def log(
    institution: Institution,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="件数 / how many")] = 50,
    data_dir: DataDir = None,
    json_: Json = False,
) -> None:
    """操作記録を新しい順に / the log of calls, newest first; an empty institution shows those nobody was let in for."""
    found = running(data_dir)

    async def work() -> list[Any]:
        async with hub_of(found) as hub:
            return list(await clients.operations(hub, institution, hub.now() + 1, limit))

    rows = wait_for(work())
    if json_:
        terminal.show_json("hub_log", {"operations": rows})
        return
    columns = ("時刻 / at", "client", "操作 / operation", "対象 / subject", "結果 / status", "理由 / rule")
    table = [(terminal.moment(r.at), r.client_id, r.operation, r.subject, r.status, r.rule or "—") for r in rows]
    terminal.show_table("操作記録 / operations", columns, table, "記録はありません / there is none")


@app.command("convert", epilog=example("chukan hub convert 元.csv 先.csv --from CP932 --to UTF-8 --gaiji SUBSTITUTE"))
def convert_(
    source: Annotated[Path, typer.Argument(help="元のファイル / from", exists=True, dir_okay=False)],
    target: Annotated[Path, typer.Argument(help="先のファイル / to")],
    from_: Annotated[str, typer.Option("--from", help="元の文字コード / " + ", ".join(CHARSETS))] = "CP932",
    to: Annotated[str, typer.Option("--to", help="先の文字コード / character set")] = "UTF-8",
    gaiji: Annotated[Gaiji, typer.Option(help="外字を拒否か置換 / reject or substitute")] = Gaiji.REJECT,
    json_: Json = False,
) -> None:
    """文字コードを変換し、通らない文字をすべて報告する / convert a file; every character that did not pass is told."""
    done = convert(source.read_bytes(), charset_known(from_), charset_known(to), gaiji)
    if not done.refused:
        target.write_bytes(done.data)
    if json_:
        terminal.show_json("hub_convert", {"refused": done.refused, "findings": done.findings})
    else:
        terminal.show_table(
            "通らなかった文字 / characters that did not pass",
            ("行 / line", "桁 / column", "文字 / seen", "理由 / what", "置換 / put"),
            [(one.line, one.column, one.seen, one.what, one.put or "拒否 refused") for one in done.findings],
            "すべて変換できました / all of it was converted",
        )
    if done.refused:
        raise typer.Exit(terminal.CHECK_FAILED)
