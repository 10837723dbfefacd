"""`chukan records`: the 情報提供等記録, newest first or one exchange's three side by side. Never a value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from broker.rules.reasons import reason_of
from broker.rules.records import FORGOTTEN
from schemas.records import HoldReason, Outcome
from services import records
from services.cli import terminal
from services.cli.desk import Operator, at_desk
from services.cli.options import DataDir, Json, example, running, wait_for
from services.records import Kept, Wanted
from services.staff.desk import About

app = typer.Typer(no_args_is_help=True, help="情報提供等の記録 / provision records")
PARTIES = {"INQUIRER": "照会者 INQUIRER", "NETWORK": "ネットワーク NETWORK", "PROVIDER": "提供者 PROVIDER"}
FIELDS = (
    ("institution_code", "記録の機関 / whose log"),
    ("inquirer_name", "照会者 / inquirer"),
    ("provider_name", "提供者 / provider"),
    ("requested_at", "照会日時 / requested"),
    ("provided_at", "提供日時 / provided"),
    ("affair_code", "事務 / affair"),
    ("procedure_code", "事務手続 / procedure"),
    ("spi_name_code", "特定個人情報名 / kind"),
    ("spi_items", "項目 / items"),
    ("outcome", "結果 / outcome"),
    ("rule", "理由 / rule"),
    ("non_disclosure_code", "不開示 / non-disclosure"),
    ("permit_id", "許可証 / permit"),
    ("list_version", "照合リストの版 / list version"),
    ("row_id", "照合リストの行 / list row"),
    ("auto_response_disabled", "自動応答不可 / held for a person"),
    ("operator_id", "担当した職員 / operator"),
    ("hold_reason", "提供しない理由 / staff's reason"),
    ("copy_digest", "副本のダイジェスト / copies used"),
    ("answer_digest", "回答のダイジェスト / plain answer"),
    ("sealed_digest", "送った内容のダイジェスト / what left"),
    ("detail_digest", "消せる部分のダイジェスト / what can be erased"),
)


def body_of(kept: Kept) -> dict[str, Any]:
    """A record for programs: its place in the log, and every field."""
    row = kept.row
    place = {
        "sequence": row.sequence,
        "counterpart": row.counterpart,
        "pair_sequence": row.pair_sequence,
        "recorded_at": row.recorded_at,
        "leaf": row.leaf,
        "erased": kept.erased,
    }
    return place | kept.record._asdict()


ERASED = "消去済み erased"


def field_of(kept: Kept, name: str) -> str:
    """A field for people; one that was erased is said to be."""
    value = getattr(kept.record, name)
    if kept.erased and name in FORGOTTEN:
        return ERASED
    return terminal.moment(value) if name.endswith("_at") else short(value)


def short(value: Any) -> str:
    """A value for people."""
    if isinstance(value, bytes):
        return f"{value.hex()[:16]}…" if value else "—"
    if isinstance(value, tuple):
        return "\n".join(value) or "—"
    if isinstance(value, bool):
        return "はい yes" if value else "いいえ no"
    return str(value) if value not in ("", 0, HoldReason.NONE) else "—"


def show_side_by_side(exchange_id: str, kept: Sequence[Kept]) -> None:
    """The records of one exchange, a column a party."""
    rows: list[list[Any]] = [["記録の番号 / place in the log", *(str(one.row.sequence) for one in kept)]]
    for name, label in FIELDS:
        rows.append([label, *(field_of(one, name) for one in kept)])
    columns = ["項目 / field", *(PARTIES[one.row.party] for one in kept)]
    terminal.show_table(f"記録 / records of {exchange_id}", columns, rows)


@app.command(
    "list", epilog=example("chukan records list --outcome NOT_PERMITTED", "chukan records list --institution CODE")
)
def list_(
    data_dir: DataDir = None,
    institution: Annotated[str, typer.Option(help="機関コード / whose log, 16 digits")] = "",
    exchange: Annotated[str, typer.Option(help="処理通番のある照会 / exchange id")] = "",
    outcome: Annotated[Outcome | None, typer.Option(help="結果 / outcome", case_sensitive=False)] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="件数 / at most so many")] = 50,
    operator: Operator = "",
    json_: Json = False,
) -> None:
    """記録を新しい順に並べる / records, newest first."""
    wanted = Wanted(institution, exchange, outcome.value if outcome else "")
    system = running(data_dir)

    async def read() -> list[Kept]:
        async with at_desk(system, operator) as desk:
            verdict = await desk.ask("RECORDS_LIST", About(exchange, institution))
            found = await records.newest(await desk.store(institution), wanted, limit)
            return [one for one in found if desk.is_owner or verdict.sees(one.record.spi_name_code)]

    found = wait_for(read())
    if json_:
        terminal.show_json("records", {"records": [body_of(one) for one in found]})
        return
    rows = [
        (
            terminal.moment(one.row.recorded_at),
            PARTIES[one.row.party].split(" ")[0],
            one.record.inquirer_name or one.record.inquirer_institution_code,
            one.record.provider_name or one.record.provider_institution_code,
            one.record.spi_name_code,
            one.record.outcome.value,
            one.record.rule,
            one.row.exchange_id,
        )
        for one in found
    ]
    columns = (
        "記録日時 / at",
        "立場",
        "照会者",
        "提供者",
        "情報名 / kind",
        "結果 / outcome",
        "理由 / rule",
        "照会 / id",
    )
    terminal.show_table("情報提供等の記録 / provision records", columns, rows, "記録はありません / no records")


@app.command(epilog=example("chukan records show 9900123210600000-20260401000000000100"))
def show(
    exchange_id: Annotated[str, typer.Argument(help="照会 / exchange id")],
    data_dir: DataDir = None,
    institution: Annotated[str, typer.Option(help="機関コード / as whose staff, 16 digits")] = "",
    operator: Operator = "",
    json_: Json = False,
) -> None:
    """一つの照会の三者の記録を並べる / the three records of one exchange, side by side."""
    system = running(data_dir)

    async def read() -> list[Kept]:
        async with at_desk(system, operator) as desk:
            verdict = await desk.ask("RECORDS_SHOW", About(exchange_id, institution))
            found = await records.of_exchange(await desk.store(institution), exchange_id)
            return [one for one in found if desk.is_owner or verdict.sees(one.record.spi_name_code)]

    found = wait_for(read())
    if json_:
        terminal.show_json("exchange_records", {"exchange_id": exchange_id, "records": [body_of(one) for one in found]})
    elif found:
        show_side_by_side(exchange_id, found)
        rules = dict.fromkeys(one.record.rule for one in found if one.record.rule)
        for rule in rules:
            reason = reason_of(rule)
            terminal.out().print(f"{reason.error_id} {rule}: {reason.ja} / {reason.en}")
    if not found:
        terminal.talk(f"{exchange_id} の記録はありません / there is no record of it")
        raise typer.Exit(terminal.CHECK_FAILED)
