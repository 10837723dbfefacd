"""`chukan system` and `chukan nws`: batches, statistics, suspended linkages and the days of layouts."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from broker.rules.numbers import is_institution_code
from broker.rules.statistics import Group, Tally
from broker.tables import KindLayout
from schemas.records import OperatingState, OperatingStateNotified
from services import management
from services.cli import terminal
from services.cli.desk import Operator, at_desk, checked
from services.cli.options import DataDir, Json, example, running, wait_for
from services.network import NETWORK_CODE
from services.processes import SystemClock
from services.staff.desk import About

app = typer.Typer(no_args_is_help=True, help="システム管理 / system management")
nws = typer.Typer(no_args_is_help=True, help="情報提供ネットワークシステムの管理 / the network's management")

Institution = Annotated[str, typer.Option(help="機関コード / institution, 16 digits")]
Person = Annotated[str, typer.Option(help="その機関の統合番号 / the person there, 15 digits")]
By = Annotated[list[str] | None, typer.Option(help="まとめる項目 / count together by: " + ", ".join(Group._fields))]
DEFAULT_BY = ("month", "procedure_code", "inquirer_institution_code", "provider_institution_code", "outcome")
WORDS = {
    "month": "月 / month",
    "party": "立場 / party",
    "procedure_code": "事務手続 / procedure",
    "spi_name_code": "情報名 / kind",
    "inquirer_institution_code": "照会者 / inquirer",
    "provider_institution_code": "提供者 / provider",
    "outcome": "結果 / outcome",
}


def show_statistics(tally: Tally, by: list[str] | None, *, json: bool) -> None:
    """The counts, by these names."""
    names = tuple(by or DEFAULT_BY)
    unknown = [name for name in names if name not in Group._fields]
    if unknown:
        raise typer.BadParameter(f"--by {unknown[0]}: {', '.join(Group._fields)}")
    found = tally.by(*names)
    if json:
        rows: list[dict[str, Any]] = [
            dict(zip(names, key, strict=True))
            | {"count": one.exchanges, "provided": one.provided, "mean_ms": one.mean_ms, "longest_ms": one.longest_ms}
            for key, one in found.items()
        ]
        terminal.show_json("statistics", {"by": names, "rows": rows, "count": sum(one["count"] for one in rows)})
        return
    columns = (*(WORDS[name] for name in names), "件数 / count", "平均 ms / mean", "最長 ms / longest")
    lines = [(*key, one.exchanges, one.mean_ms, one.longest_ms) for key, one in found.items()]
    terminal.show_table("業務統計 / statistics", columns, lines, "記録はありません / no records")


@app.command(epilog=example("chukan system statistics --institution 9900123210600000 --by month --by outcome"))
def statistics(
    institution: Institution = "",
    by: By = None,
    operator: Operator = "",
    data_dir: DataDir = None,
    json_: Json = False,
) -> None:
    """機関の記録から業務統計を集計する / statistics, counted from an institution's records."""
    system = running(data_dir)

    async def read() -> Tally:
        async with at_desk(system, operator) as desk:
            await desk.ask("STATISTICS", About("", institution))
            code = desk.institution_code or institution
            checked(code)
            return await management.statistics(await desk.store(code), code)

    show_statistics(wait_for(read()), by, json=json_)


@app.command(epilog=example("chukan system batches --institution 9900123210600000"))
def batches(
    institution: Institution = "", operator: Operator = "", data_dir: DataDir = None, json_: Json = False
) -> None:
    """副本登録のバッチの状況、件数、止まった理由 / batches of copies: how far they are, and why they stopped."""
    system = running(data_dir)

    async def read() -> list[management.BatchStatus]:
        async with at_desk(system, operator) as desk:
            await desk.ask("STATISTICS", About("", institution))
            code = desk.institution_code or institution
            checked(code)
            return await management.batches(await desk.store(code), code)

    found = wait_for(read())
    if json_:
        terminal.show_json("batches", {"batches": [one.batch._asdict() | {"cause": one.cause} for one in found]})
        return
    rows = [
        (
            one.batch.batch_id,
            one.batch.state,
            f"{one.batch.accepted + one.batch.rejected}/{one.batch.row_count}",
            one.batch.rejected,
            terminal.moment(one.batch.opened_at),
            one.cause or "—",
        )
        for one in found
    ]
    columns = ("バッチ / id", "状態 / state", "済 / done", "誤り / rejected", "開始 / opened", "理由 / cause")
    terminal.show_table("副本登録 / batches", columns, rows, "バッチはありません / none")


@app.command(epilog=example("chukan system state --institution 9900123210600000 --set MAINTENANCE"))
def state(
    institution: Institution = "",
    set_: Annotated[
        OperatingState | None, typer.Option("--set", help="宣言する状態 / the state to declare", case_sensitive=False)
    ] = None,
    operator: Operator = "",
    data_dir: DataDir = None,
    json_: Json = False,
) -> None:
    """稼働状態を示す。--set で宣言し、機関の応答トピックに通知する / the operating state; --set declares it, and the
    institution's own systems are told on its reply topic."""
    system = running(data_dir)

    async def work() -> OperatingStateNotified | None:
        async with at_desk(system, operator) as desk:
            await desk.ask("STATE_DECLARE" if set_ else "STATE_SHOW", About(set_.value if set_ else "", institution))
            code = desk.institution_code or institution
            checked(code)
            now = SystemClock().now_ms()
            if set_ is None:
                return await management.operating_state(await desk.store(code), code, now)
            async with system.store() as store:
                await management.declare_state(store, code, set_)
                told_to = await management.operating_state(store, code, now)
            if told_to is not None:
                await (await desk.say())([told_to])
            return told_to

    found = wait_for(work())
    if found is None:
        terminal.talk("その機関は登録されていません / there is no such institution")
        raise typer.Exit(terminal.CHECK_FAILED)
    if json_:
        terminal.show_json("operating_state", found._asdict())
        return
    terminal.show_pairs(
        "稼働状態 / operating state",
        (
            ("状態 / state", found.state.value),
            ("宣言 / declared", found.declared),
            ("次に変わる時刻 / next change", terminal.moment(found.next_change_at)),
        ),
    )


# ── the network ──────────────────────────────────────────────────────────────────────────────────────────────────


@nws.command("statistics", epilog=example("chukan nws statistics --by month --by procedure_code"))
def of_the_network(by: By = None, operator: Operator = "", data_dir: DataDir = None, json_: Json = False) -> None:
    """ネットワークの記録から全国の統計を集計する / the country's statistics, counted from the network's own records."""
    system = running(data_dir)

    async def read() -> Tally:
        async with at_desk(system, operator) as desk:
            await desk.ask("STATISTICS", About("", NETWORK_CODE))
            return await management.statistics(await desk.store(NETWORK_CODE), NETWORK_CODE)

    show_statistics(wait_for(read()), by, json=json_)


@nws.command(
    epilog=example("chukan nws suspend --institution 9900123210600000 --person 000000000000015 --reason 誤紐付け")
)
def suspend(
    institution: Institution,
    person: Person,
    reason: Annotated[str, typer.Option(help="理由 / reason, e.g. wrongly linked")],
    operator: Operator = "",
    data_dir: DataDir = None,
    json_: Json = False,
) -> None:
    """ある機関のある方の情報連携を止める。照会も提供も断る / stop linkage for a person, both ways."""
    if not is_institution_code(institution):
        raise typer.BadParameter("--institution: 機関コードは16桁の数字 / an institution code has 16 digits")
    system = running(data_dir)

    async def work() -> bool:
        async with at_desk(system, operator) as desk:
            await desk.ask("LINKAGE_SUSPEND", About(f"{institution} {person}", NETWORK_CODE))
            async with system.store() as store:
                return await management.suspend(store, institution, person, reason, SystemClock().now_ms())

    told(wait_for(work()), "nws_suspension", suspended=True, json=json_)


@nws.command(epilog=example("chukan nws resume --institution 9900123210600000 --person 000000000000015"))
def resume(
    institution: Institution, person: Person, operator: Operator = "", data_dir: DataDir = None, json_: Json = False
) -> None:
    """止めた情報連携を再開する / let linkage go on."""
    system = running(data_dir)

    async def work() -> bool:
        async with at_desk(system, operator) as desk:
            await desk.ask("LINKAGE_RESUME", About(f"{institution} {person}", NETWORK_CODE))
            async with system.store() as store:
                return await management.resume(store, institution, person)

    told(wait_for(work()), "nws_suspension", suspended=False, json=json_)


def told(done: bool, kind: str, *, suspended: bool, json: bool) -> None:
    """What became of it, and the exit code."""
    if json:
        terminal.show_json(kind, {"done": done, "suspended": suspended})
    elif done:
        terminal.out().print("停止しました / suspended" if suspended else "再開しました / resumed")
    if not done:
        terminal.talk("該当する方がいないか、停止されていません / nobody there, or not suspended")
        raise typer.Exit(terminal.CHECK_FAILED)


@nws.command(epilog=example("chukan nws layouts"))
def layouts(data_dir: DataDir = None, json_: Json = False) -> None:
    """データ標準レイアウトの版と有効な日 / layout versions and the days they are accepted."""
    system = running(data_dir)

    async def read() -> list[KindLayout]:
        async with system.store() as store:
            return await management.layouts(store)

    show_layouts(wait_for(read()), json=json_)


@nws.command(epilog=example("chukan nws layout TM99000000000001 --version 2.0 --day 20270401 --item 99000100000001"))
def layout(
    kind: Annotated[str, typer.Argument(help="特定個人情報名コード / kind, TM and 14 digits")],
    version: Annotated[str, typer.Option("--version", help="新しい版 / the new version")],
    day: Annotated[str, typer.Option(help="切替日 / the day it begins, YYYYMMDD")],
    item: Annotated[list[str], typer.Option(help="項目コード / items, once each")],
    operator: Operator = "",
    data_dir: DataDir = None,
    json_: Json = False,
) -> None:
    """切替日から新しい版だけを受け付ける。前の版は前日で終わる / from a day on only the new version is accepted."""
    try:
        management.day_before(day)
    except ValueError:
        raise typer.BadParameter("--day: YYYYMMDD") from None
    system = running(data_dir)

    async def work() -> tuple[KindLayout, ...]:
        async with at_desk(system, operator) as desk:
            await desk.ask("LAYOUT_SWITCH", About(f"{kind} {version} {day}", NETWORK_CODE))
            async with system.store() as store:
                return await management.switch_layout(store, kind, version, day, item)

    written = wait_for(work())
    show_layouts(list(written), json=json_)
    if not written:
        terminal.talk(
            "この版はすでにあるか、切替日が他の版より前です / it is there already, or the day is before another's"
        )
        raise typer.Exit(terminal.CHECK_FAILED)


def show_layouts(found: list[KindLayout], *, json: bool) -> None:
    """Layouts with their days."""
    if json:
        terminal.show_json("layouts", {"layouts": [one._asdict() for one in found]})
        return
    rows = [(one.spi_name_code, one.layout_version, one.valid_from, one.valid_to or "—") for one in found]
    columns = ("情報名 / kind", "版 / version", "始まり / from", "終わり / to")
    terminal.show_table("データ標準レイアウト / layouts", columns, rows, "ありません / none")
