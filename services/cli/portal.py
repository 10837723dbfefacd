"""`chukan portal`: what a person sees of their own affairs, by the portal's own code of them."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from broker.tables import KindLayout
from schemas.records import ProvisionRecorded
from services import portal
from services.cli import terminal
from services.cli.desk import Operator, at_desk, checked
from services.cli.options import DataDir, Json, example, running, wait_for
from services.management import LAYOUTS_LIMIT
from services.portal import Notice, Routes, SelfInformation
from services.processes import SystemClock
from services.running import Running
from services.staff.desk import About

app = typer.Typer(no_args_is_help=True, help="マイナポータルの表示 / what the person sees")
Person = Annotated[str, typer.Option(help="マイナポータル用の符号 / the portal's code of the person, 64 hex digits")]
Institution = Annotated[str, typer.Option(help="機関コード / institution, 16 digits")]
Number = Annotated[str, typer.Option(help="その機関の統合番号 / the person there, 15 digits")]


def routes_of(system: Running, store: Any) -> Routes:
    """The network's part of the way."""
    return Routes(store, system.keys.network_codes)


@app.command("open", epilog=example("chukan portal open --institution 9900123210600000 --person 000000000000015"))
def open_(institution: Institution, person: Number, data_dir: DataDir = None, json_: Json = False) -> None:
    """模擬の利用者登録。マイナポータル用の符号を作る / a simulated sign-up: the portal's own code of the person."""
    checked(institution)
    system = running(data_dir)

    async def work() -> str:
        async with system.store() as store:
            return await routes_of(system, store).open_account(institution, person, SystemClock().now_ms())

    code = wait_for(work())
    if json_:
        terminal.show_json("portal_account", {"person": code})
    elif code:
        terminal.out().print(code)
    if not code:
        terminal.talk("符号のない方です / there is no code of this person")
        raise typer.Exit(terminal.CHECK_FAILED)


@app.command(epilog=example("chukan portal records --person CODE"))
def records(person: Person, data_dir: DataDir = None, json_: Json = False) -> None:
    """過去7年の情報提供等の記録。不開示のものは示さない / records of the last seven years, without undisclosed ones."""
    system = running(data_dir)

    async def read() -> list[ProvisionRecorded]:
        async with system.store() as store:
            now = SystemClock().now_ms()
            return await portal.records(routes_of(system, store), system.store_of, person, now)

    found = wait_for(read())
    if json_:
        names = ("requested_at", "provided_at", "inquirer_name", "provider_name", "procedure_code", "spi_name_code")
        body = [{name: getattr(one, name) for name in (*names, "spi_items", "outcome")} for one in found]
        terminal.show_json("portal_records", {"records": body})
        return
    rows = [
        (
            terminal.moment(one.requested_at),
            one.inquirer_name,
            one.provider_name,
            one.procedure_code,
            one.spi_name_code,
            terminal.moment(one.provided_at),
        )
        for one in found
    ]
    columns = ("照会 / asked", "照会者", "提供者", "事務手続 / procedure", "情報名 / kind", "提供 / provided")
    terminal.show_table("やりとり履歴 / records", columns, rows, "記録はありません / no records")


@app.command("self", epilog=example("chukan portal self --person CODE"))
def self_(person: Person, data_dir: DataDir = None, json_: Json = False) -> None:
    """自己情報 / what institutions hold about the person."""
    system = running(data_dir)

    async def read() -> list[SelfInformation]:
        async with system.store() as store:
            layouts = await store.all(KindLayout, LAYOUTS_LIMIT)
            kinds = sorted({one.spi_name_code for one in layouts})
            now = SystemClock().now_ms()
            return await portal.self_information(routes_of(system, store), system.store_of, person, kinds, now)

    found = wait_for(read())
    if json_:
        terminal.show_json("portal_self", {"records": found})
        return
    rows = [
        (one.institution_code, one.spi_name_code, one.record_key, item.code, item.value or item.absence)
        for one in found
        for item in one.items
    ]
    columns = ("機関 / institution", "情報名 / kind", "副本 / record", "項目 / item", "値 / value")
    terminal.show_table("自己情報 / self information", columns, rows, "情報はありません / nothing")


@app.command(epilog=example("chukan portal notices --person CODE"))
def notices(person: Person, data_dir: DataDir = None, json_: Json = False) -> None:
    """お知らせを新しい順に / notices, newest first."""
    system = running(data_dir)

    async def read() -> list[Notice]:
        async with system.store() as store:
            return await portal.notices(routes_of(system, store), system.store_of, person)

    found = wait_for(read())
    if json_:
        terminal.show_json("portal_notices", {"notices": found})
        return
    rows = [(terminal.moment(one.sent_at), one.institution_code, one.title, one.body) for one in found]
    columns = ("日時 / sent", "機関 / institution", "件名 / title", "本文 / text")
    terminal.show_table("お知らせ / notices", columns, rows, "お知らせはありません / none")


@app.command(
    epilog=example("chukan portal notify --institution 9900123210600000 --person 000000000000015 --title 接種")
)
def notify(
    institution: Institution,
    person: Number,
    title: Annotated[str, typer.Option(help="件名 / title")],
    text: Annotated[str, typer.Option(help="本文 / text")] = "",
    operator: Operator = "",
    data_dir: DataDir = None,
    json_: Json = False,
) -> None:
    """機関からお知らせを送る / send a person a notice, as an institution's staff."""
    checked(institution)
    system = running(data_dir)

    async def work() -> str:
        async with at_desk(system, operator) as desk:
            await desk.ask("PORTAL_NOTIFY", About(person, institution))
            async with system.store() as store:
                return await portal.notify(store, institution, person, title, text, SystemClock().now_ms())

    name = wait_for(work())
    if json_:
        terminal.show_json("portal_notice", {"notice_id": name})
    elif name:
        terminal.out().print("送りました / sent")
    if not name:
        terminal.talk("符号のない方です / there is no code of this person")
        raise typer.Exit(terminal.CHECK_FAILED)
