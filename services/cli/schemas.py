"""`chukan schemas`: the numbered messages: list, check, register elsewhere, and the AsyncAPI 3 document."""

from __future__ import annotations

import asyncio
import signal
import sys
from importlib import resources
from typing import Annotated

import typer

from schemas.codec import SCHEMAS, TOPIC, TYPES
from services import registry
from services.cli import terminal
from services.cli.options import Json, example, loaded
from services.schema_admin import Registry, findings, subject_of

app = typer.Typer(no_args_is_help=True, help="電文の形式 / message schemas")


@app.command("list", epilog=example("chukan schemas list --json"))
def list_(json_: Json = False) -> None:
    """電文の形式とその番号 / the messages and their numbers."""
    rows = [
        {
            "id": schema.id,
            "name": schema.name,
            "subject": subject_of(schema),
            "topic": TOPIC[TYPES[schema.name]],
            "current": schema.current,
        }
        for _, schema in sorted(SCHEMAS.items())
    ]
    if json_:
        terminal.show_json("schemas", {"schemas": rows})
        return
    columns = ("番号 / id", "電文 / message", "トピック / topic", "状態 / state")
    table = [
        (row["id"], row["name"], row["topic"] or "—", "現行 / current" if row["current"] else "旧 / retired")
        for row in rows
    ]
    terminal.show_table("電文の形式 / schemas", columns, table)


@app.command(epilog=example("chukan schemas check"))
def check(json_: Json = False) -> None:
    """形式の規則と番号を確かめる。違反があれば 1 で終わる / check rules and numbers; exit 1 when one is broken."""
    found = findings()
    if json_:
        terminal.show_json("schema_check", {"ok": not found, "looked_at": len(SCHEMAS), "findings": found})
    else:
        good = f"{len(SCHEMAS)} の形式に問題はありません / nothing wrong with {len(SCHEMAS)} schemas"
        columns = ("場所 / path", "規則 / rule", "見つかったこと / what was found")
        terminal.show_table("形式の検査 / schema check", columns, found, good)
    raise typer.Exit(terminal.CHECK_FAILED if found else terminal.DONE)


@app.command(epilog=example("chukan schemas register http://127.0.0.1:8081"))
def register(
    url: Annotated[str, typer.Argument(help="Confluent 互換のレジストリ / URL of a Confluent-compatible registry")],
    json_: Json = False,
) -> None:
    """外部のレジストリに、同じ番号で登録する / make an external registry know the schemas by our numbers."""
    loaded()
    done = Registry(url).register_all()
    good = all(one.ok for one in done)
    if json_:
        terminal.show_json("registered", {"ok": good, "schemas": done})
    else:
        columns = ("", "番号 / id", "subject", "結果 / how", "")
        rows = [(terminal.mark(one.ok), one.id, one.subject, one.how, one.text) for one in done]
        terminal.show_table(f"登録 / registered at {url}", columns, rows)
    raise typer.Exit(terminal.DONE if good else terminal.CHECK_FAILED)


@app.command(epilog=example("CHUKAN_REGISTRY_PORT=8081 chukan schemas serve"))
def serve() -> None:
    """読み取り専用のレジストリを SIGTERM まで動かす / serve the read-only registry until SIGTERM."""
    config = loaded()

    async def work() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await registry.serve(config.registry_host, config.registry_port, stop, say_ready)

    def say_ready(port: int) -> None:
        terminal.talk(f"http://{config.registry_host}:{port}")

    asyncio.run(work())


@app.command(epilog=example("chukan schemas asyncapi > asyncapi.json"))
def asyncapi() -> None:
    """全電文と全トピックの AsyncAPI 3 文書 / the AsyncAPI 3 document of everything."""
    sys.stdout.write(resources.files("schemas").joinpath("asyncapi.json").read_text(encoding="utf-8"))
