"""`chukan hold`: answers that wait for a person; an operator lists them, looks at one, confirms or refuses."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from broker.rules.staff import copy_subject
from schemas.records import HoldReason
from services import holds
from services.cli import terminal
from services.cli.desk import AtDesk, Operator, at_desk
from services.cli.options import DataDir, Json, Wait, example, running, wait_for
from services.holds import Decided, Hold, Shown
from services.processes import SystemClock
from services.staff.desk import About

app = typer.Typer(no_args_is_help=True, help="職員の確認を待つ回答 / answers that wait for a person")

ExchangeId = Annotated[str, typer.Argument(help="照会 / exchange id, from `chukan hold list`")]
OPERATOR_CHARACTERS = 20
NOTE_CHARACTERS = 200
DIGEST_HEX = 64
REASONS = {
    HoldReason.WRONG_PERSON: "別人 / another person",
    HoldReason.PROTECTED: "保護の対象 / protected person",
    HoldReason.NOT_HELD: "情報なし / not held after all",
    HoldReason.OTHER: "その他 / other",
}
WHY_HELD = "自動応答不可フラグ / auto-response disabled"


def body_of(hold: Hold) -> dict[str, Any]:
    """A hold for programs."""
    return {
        "exchange_id": hold.row.exchange_id,
        "provider_institution_code": hold.row.institution_code,
        "inquirer_institution_code": hold.permit.inquirer_institution_code,
        "inquirer_name": hold.inquirer_name,
        "affair_code": hold.permit.affair_code,
        "procedure_code": hold.permit.procedure_code,
        "spi_name_code": hold.permit.spi_name_code,
        "held_because": "AUTO_RESPONSE_DISABLED",
        "received_at": hold.row.received_at,
        "reminder_at": 0 if hold.reminded else hold.row.remind_at,
        "reminded": hold.reminded,
        "expires_at": hold.row.hold_deadline_at,
    }


@app.command("list", epilog=example("chukan hold list --institution 9900123210600000"))
def list_(
    data_dir: DataDir = None,
    institution: Annotated[str, typer.Option(help="提供側の機関コード / the provider, 16 digits")] = "",
    operator: Operator = "",
    json_: Json = False,
) -> None:
    """保留中の回答を期限の近い順に並べる / open holds, the first to expire first."""
    system = running(data_dir)

    async def read() -> list[Hold]:
        async with at_desk(system, operator) as desk:
            verdict = await desk.ask("HOLD_LIST", About("", institution))
            open_holds = await holds.holds(await desk.store(institution), desk.institution_code or institution)
            return [one for one in open_holds if desk.is_owner or verdict.sees(one.permit.spi_name_code)]

    found = wait_for(read())
    if json_:
        terminal.show_json("holds", {"holds": [body_of(one) for one in found]})
        return
    rows = [
        (
            one.row.exchange_id,
            one.row.institution_code,
            one.inquirer_name,
            one.permit.spi_name_code,
            WHY_HELD,
            terminal.moment(one.row.received_at),
            "済 / done" if one.reminded else terminal.moment(one.row.remind_at),
            terminal.moment(one.row.hold_deadline_at),
        )
        for one in found
    ]
    columns = (
        "照会 / id",
        "提供側 / provider",
        "照会者 / inquirer",
        "情報名 / kind",
        "理由 / why",
        "受付 / received",
        "督促 / reminder",
        "期限 / expiry",
    )
    terminal.show_table("保留中の回答 / holds", columns, rows, "保留はありません / nothing is held")


@app.command(epilog=example("chukan hold show EXCHANGE_ID"))
def show(exchange_id: ExchangeId, data_dir: DataDir = None, operator: Operator = "", json_: Json = False) -> None:
    """確認すれば提供される内容を項目ごとに示す / what would leave, item by item, and its digest."""
    system = running(data_dir)

    async def work() -> Shown:
        async with at_desk(system, operator) as desk:
            seen = await look(desk, exchange_id)
            await desk.ask("HOLD_SHOW", about(seen))
            return seen

    seen = wait_for(work())
    if json_:
        shown = {
            "digest": seen.digest,
            "records": [
                {"record_key": one.record_key, "layout_version": one.layout_version, "items": one.items}
                for one in seen.projection.records
            ],
            "blocked_records": seen.blocked_records,
        }
        terminal.show_json("hold", body_of(seen.hold) | shown)
        return
    hold = seen.hold
    terminal.show_pairs(
        "保留 / hold",
        (
            ("照会 / exchange", hold.row.exchange_id),
            ("照会者 / inquirer", f"{hold.inquirer_name} {hold.permit.inquirer_institution_code}"),
            ("事務 / affair", f"{hold.permit.affair_code} {hold.permit.procedure_code}"),
            ("統合番号 / person here", hold.row.integrated_number),
            ("理由 / why", f"{WHY_HELD}: {', '.join(seen.blocked_records) or '—'}"),
            ("督促 / reminder", "済 / done" if hold.reminded else terminal.moment(hold.row.remind_at)),
            ("期限 / expiry", terminal.moment(hold.row.hold_deadline_at)),
            ("ダイジェスト / digest", seen.digest.hex()),
        ),
    )
    rows = [
        (record.record_key, item.code, item.value or item.absence)
        for record in seen.projection.records
        for item in record.items
    ]
    columns = ("副本 / record", "項目 / item", "値 / value")
    terminal.show_table(
        "提供される内容 / what would leave", columns, rows, "提供される項目はありません / nothing would leave"
    )
    name = hold.row.exchange_id
    terminal.talk(
        f"提供する / let it leave:  chukan hold confirm {name} --digest {seen.digest.hex()}\n"
        f"提供しない / refuse:      chukan hold refuse {name} --reason WRONG_PERSON"
    )


async def look(desk: AtDesk, exchange_id: str) -> Shown:
    """What would leave for this hold now, as the asking institution may see it; ends the verb when there is no hold."""
    store = await desk.store()
    hold = await holds.hold_of(store, exchange_id)
    if hold is None:
        gone = await holds.provisions_of(store, exchange_id)
        was = f": {gone[0].state} {gone[0].outcome}" if gone else ""
        terminal.talk(f"{exchange_id} は保留中ではありません{was} / it is not held")
        raise typer.Exit(terminal.CHECK_FAILED)
    return await holds.shown(store, hold, SystemClock().now_ms())


def about(seen: Shown) -> About:
    """What is asked of the desk about a hold."""
    row, kind = seen.hold.row, seen.hold.permit.spi_name_code
    copies = copy_subject(row.integrated_number, kind)
    return About(row.exchange_id, row.institution_code, (kind,), row.exchange_id, copies)


@app.command(epilog=example("chukan hold confirm EXCHANGE_ID --operator OP900 --digest 67df1a…"))
def confirm(
    exchange_id: ExchangeId,
    digest: Annotated[
        str, typer.Option(help="`hold show` が示したダイジェスト / the digest that was shown, 64 hex digits")
    ],
    data_dir: DataDir = None,
    operator: Operator = "",
    wait: Wait = 15.0,
    json_: Json = False,
) -> None:
    """見た内容の提供を認める。内容が変わっていれば提供されない /
    let exactly what was shown leave; when it has changed since, nothing leaves and the exit code is 1."""
    checked(operator, "")
    wanted = digest_in(digest)
    system = running(data_dir)

    async def work() -> Decided:
        async with at_desk(system, operator) as desk:
            seen = await look(desk, exchange_id)
            who = await desk.act("HOLD_CONFIRM", about(seen))
            store, say, now = await desk.store(), await desk.say(), SystemClock().now_ms()
            return await holds.confirm(store, say, seen, who, wanted, now, wait)

    tell(exchange_id, wait_for(work()), json=json_)


@app.command(epilog=example("chukan hold refuse EXCHANGE_ID --operator OP900 --reason WRONG_PERSON"))
def refuse(
    exchange_id: ExchangeId,
    reason: Annotated[HoldReason, typer.Option(help="理由 / reason", case_sensitive=False)],
    note: Annotated[str, typer.Option(help="備考、200文字まで / note, up to 200 characters")] = "",
    data_dir: DataDir = None,
    operator: Operator = "",
    wait: Wait = 15.0,
    json_: Json = False,
) -> None:
    """提供しない。理由は提供側の記録に残る / refuse to send; the reason stays in the provider's record."""
    if reason not in REASONS:
        words = "、".join(f"{one.value}（{text}）" for one, text in REASONS.items())
        raise typer.BadParameter(f"--reason: {words}")
    checked(operator, note)
    system = running(data_dir)

    async def work() -> Decided:
        async with at_desk(system, operator) as desk:
            seen = await look(desk, exchange_id)
            who = await desk.act("HOLD_REFUSE", about(seen))
            store, say, now = await desk.store(), await desk.say(), SystemClock().now_ms()
            return await holds.refuse(store, say, seen.hold, who, reason, note, now, wait)

    tell(exchange_id, wait_for(work()), json=json_)


def digest_in(text: str) -> bytes:
    """The SHA-256 that was shown."""
    if len(text) != DIGEST_HEX:
        raise typer.BadParameter("--digest: 64桁の16進数 / 64 hex digits")
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise typer.BadParameter("--digest: 64桁の16進数 / 64 hex digits") from None


def checked(operator: str, note: str) -> None:
    """The texts fit into their fields."""
    if len(operator) > OPERATOR_CHARACTERS:
        raise typer.BadParameter(
            f"--operator: {OPERATOR_CHARACTERS}文字まで / at most {OPERATOR_CHARACTERS} characters"
        )
    if len(note) > NOTE_CHARACTERS:
        raise typer.BadParameter(f"--note: {NOTE_CHARACTERS}文字まで / at most {NOTE_CHARACTERS} characters")


WORDS = {
    holds.CLOSED: "決まりました / decided",
    holds.STALE: "内容が変わったので何も提供されていません。もう一度 `hold show` で確かめてください / "
    "what would leave has changed, nothing left; look again with `hold show`",
    holds.WAITING: "時間内に受け付けられませんでした / not taken in within the time",
}
CODES = {
    holds.CLOSED: terminal.DONE,
    holds.STALE: terminal.CHECK_FAILED,
    holds.WAITING: terminal.TIME_LIMIT,
}


def tell(exchange_id: str, done: Decided, *, json: bool) -> None:
    """What became of a decision."""
    if json:
        terminal.show_json("hold_decision", {"exchange_id": exchange_id, **done._asdict()})
    else:
        terminal.out().print(f"{exchange_id}: {done.outcome or done.state}  {WORDS[done.state]}")
    raise typer.Exit(CODES[done.state])
