"""`chukan health`: 地域健康支援システム: input, inquiry, extraction, and the way out of a stuck transmission.

Promises that nothing is entered, shown or written before the desk has found the verb's right (`broker.rules.rights`)
and recorded that it was asked for. What is entered carries the account that signed in.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from broker.errors import NotHeard
from broker.rules.identity import jst_date
from broker.rules.numbers import is_synthetic_individual_number
from broker.rules.reasons import reason_of
from broker.rules.rights import NUMBER_USE, NUMBER_USE_AFFAIRS, required_right
from broker.tables import HealthRecord
from schemas.codec import unpack_items
from schemas.records import HealthItemEntered, HealthTargetEntered, HealthTransmissionOpened, HealthTransmissionSplit
from services.city_desk import (
    ITEM_COLUMNS,
    TARGET_COLUMNS,
    desk,
    item_of,
    replies_to,
    reply_to,
    rows_of,
    said,
    target_of,
    text_in,
)
from services.cli import terminal
from services.cli.desk import Operator, at_desk, who_acts
from services.cli.inquiries import without
from services.cli.options import DataDir, Json, Wait, example, running, wait_for
from services.health_support import extraction, inquiry
from services.processes import SystemClock
from services.staff.desk import About
from services.world import HEALTH_KINDS, ITEM_NAMES

app = typer.Typer(no_args_is_help=True, help="地域健康支援システム / the city's health support system")
Institution = Annotated[str, typer.Option(help="機関コード / institution code, 16 digits")]


@app.callback()
def health() -> None:
    """地域健康支援システム / the city's health support system."""


@app.command(
    "input",
    epilog=example(
        "chukan health input --institution 9900123210600000 --targets targets.csv",
        "chukan health input --institution 9900123210600000 --items items.csv --transmission 2026-10-01",
    ),
)
def enter(
    institution: Institution,
    targets: Annotated[Path | None, typer.Option(help=f"対象者のCSV / targets: {','.join(TARGET_COLUMNS)}")] = None,
    items: Annotated[Path | None, typer.Option(help=f"受領・実施のCSV / items: {','.join(ITEM_COLUMNS)}")] = None,
    transmission: Annotated[str, typer.Option(help="一括送信の番号 / send the copies as one transmission")] = "",
    data_dir: DataDir = None,
    operator: Operator = "",
    wait: Wait = 60.0,
    json_: Json = False,
) -> None:
    """入力: 対象者と、受領・実施の内容を登録する。変更ごとに副本が出る / enter targets and what they received."""
    system = running(data_dir)
    right = required_right("health input")
    key = system.keys.health(institution)
    if (targets is None) == (items is None):
        raise typer.BadParameter("--targets か --items のどちらか一つ / one of the two")

    entered: list[HealthTargetEntered] | list[HealthItemEntered]
    kinds: tuple[str, ...] = ()
    if targets is not None:
        entered = [target_of(row, institution, key, "") for row in rows_of(targets, TARGET_COLUMNS)]
        subject = f"targets {len(entered)}"
    else:
        assert items is not None
        entered = list(item_rows(items, institution, transmission, ""))
        subject = f"items {len(entered)} {transmission}".strip()
        kinds = tuple(sorted({one.spi_name_code for one in entered}))

    async def work() -> dict[str, Any]:
        who = await who_acts(system, operator, "health input", institution, About(subject, kinds=kinds))
        async with desk(system, institution, "health") as client:
            if client is None:
                raise typer.BadParameter(without(system, institution))
            if transmission:
                await client.say(HealthTransmissionOpened(institution, transmission, len(entered), who))
                await reply_to(client, {"record_identification_number": transmission}, wait)
            await said(client, [one._replace(operator_id=who) for one in entered])
            found = await outcomes(client, [one.record_identification_number for one in entered], wait)
            return found | {"operator": who}

    body = wait_for(work()) | {"right": right}
    if json_:
        terminal.show_json("health_input", body)
    else:
        terminal.out().print(
            f"受付 {body['accepted']}、不備 {len(body['refused'])}、滞留 {body['queued']} / "
            f"{body['accepted']} taken in, {len(body['refused'])} refused, {body['queued']} wait to go out"
        )
        columns = ("番号 / name", "項目 / field", "理由", "reason")
        errors = [(name, one.field, one.reason_ja, one.reason_en) for name, found in body["refused"] for one in found]
        if errors:
            terminal.show_table("受け付けられない行 / refused", columns, errors)
    raise typer.Exit(terminal.PARTIAL if body["refused"] else terminal.DONE)


def item_rows(path: Path, institution: str, transmission: str, operator: str) -> Iterator[HealthItemEntered]:
    """The file's lines as messages."""
    for place, row in enumerate(rows_of(path, ITEM_COLUMNS), 1):
        yield item_of(row, institution, transmission, place, operator)


async def outcomes(client: Any, names: list[str], wait: float) -> dict[str, Any]:
    """The replies to these entries, counted."""
    replies = await replies_to(client, "record_identification_number", names, wait)
    return {
        "accepted": sum(one.accepted for one in replies),
        "queued": sum(one.queued for one in replies),
        "refused": [(one.record_identification_number, one.errors) for one in replies if not one.accepted],
    }


@app.command(
    epilog=example(
        "chukan health find --institution 9900123210600000 --business 700000000000001",
        "chukan health find --institution 9900123210600000 --number-file - --affair 番号法別表第1 10",
    )
)
def find(
    institution: Institution,
    business: Annotated[str, typer.Option(help="業務固有番号 / business number, 15 digits")] = "",
    number_file: Annotated[str, typer.Option(help="個人番号を含むファイル、- は標準入力 / file with the number")] = "",
    affair: Annotated[
        str, typer.Option(help=f"番号利用事務 / number-use affair: {'・'.join(NUMBER_USE_AFFAIRS)}")
    ] = "",
    data_dir: DataDir = None,
    operator: Operator = "",
    json_: Json = False,
) -> None:
    """データ照会: 業務固有番号で見る。個人番号では番号利用事務だけ。個人番号は表示しない /
    look at a person by business number; by individual number in number-use affairs only; it is never shown."""
    system = running(data_dir)
    right = required_right("health find")
    if bool(business) == bool(number_file):
        raise typer.BadParameter("--business か --number-file のどちらか一つ / one of the two")

    number = number_in(number_file) if number_file else ""
    # What is written down of a search by individual number is the affair, never the number.
    subject = business or f"by number: {affair or '—'}"

    async def work() -> tuple[inquiry.Found, str]:
        async with at_desk(system, operator) as at:
            verdict = await at.ask(right, About(subject, institution))
            if number:
                await at.ask(NUMBER_USE, About(subject, institution))
            store = await at.store(institution)
            async with store.snapshot() as snapshot:
                if business:
                    found = await inquiry.by_business_number(snapshot, institution, business)
                else:
                    key = system.keys.health(institution)
                    found = await inquiry.by_individual_number(snapshot, institution, number, key, affair)
            seen = tuple(one for one in found.records if at.is_owner or verdict.sees(one.spi_name_code))
            return found._replace(records=seen), at.account_id

    found, who = wait_for(work())
    reason = reason_of(found.rule)
    if json_:
        records = [record_body(one) for one in found.records]
        terminal.show_json(
            "health_person",
            {
                "rule": found.rule,
                "reason_ja": reason.ja,
                "reason_en": reason.en,
                "person": found.person,
                "records": records,
                "operator": who,
                "right": right,
            },
        )
    elif found.person is None:
        terminal.talk(f"{found.rule}: {reason.ja} / {reason.en}")
    else:
        terminal.show_pairs("対象者 / person", list(found.person._asdict().items()))
        for one in found.records:
            names = ITEM_NAMES.get(one.spi_name_code, ())
            items = [
                (name, item.value or item.absence) for name, item in zip(names, unpack_items(one.items), strict=False)
            ]
            title = f"{one.spi_name_code} {one.record_key} {one.stage}"
            terminal.show_pairs(
                title, [("受領日 / received", one.received_on), ("実施日 / performed", one.performed_on), *items]
            )
    raise typer.Exit(terminal.DONE if found.person else terminal.CHECK_FAILED)


def number_in(name: str) -> str:
    """The individual number in a file; never taken from the command line, where others could read it."""
    text = (sys.stdin.readline() if name == "-" else text_in(Path(name), "--number-file")).strip()
    if not is_synthetic_individual_number(text):
        raise typer.BadParameter(
            "--number-file: 架空の範囲の個人番号ではありません / not a number of the synthetic range"
        )
    return text


def record_body(one: HealthRecord) -> dict[str, Any]:
    """One record for programs."""
    return one._asdict() | {"items": [item._asdict() for item in unpack_items(one.items)]}


@app.command(
    epilog=example(
        "chukan health extract --institution 9900123210600000 --level totals --out totals.csv",
        "chukan health extract --institution 9900123210600000 --level records --out records.parquet",
    )
)
def extract(
    institution: Institution,
    out: Annotated[Path, typer.Option(help="出力ファイル / .csv or .parquet")],
    level: Annotated[str, typer.Option(help="totals 集計、records 個票 / totals or records")] = extraction.TOTALS,
    data_dir: DataDir = None,
    operator: Operator = "",
    json_: Json = False,
) -> None:
    """データ抽出: 集計と個票。個人番号・氏名・業務番号は含まず、少数のセルは伏せる /
    totals or records for statistics: no number, no name, small cells hidden."""
    system = running(data_dir)
    right = required_right("health extract")
    if level not in (extraction.TOTALS, extraction.RECORDS):
        raise typer.BadParameter("--level: totals か records / one of the two")
    year = jst_date(SystemClock().now_ms())[:4]

    async def work() -> tuple[extraction.Extracted, str]:
        async with at_desk(system, operator) as at:
            await at.ask(right, About(level, institution, HEALTH_KINDS))
            store = await at.store(institution)
            async with store.snapshot() as snapshot:
                made = await extraction.extract(snapshot, institution, out, level, year, secrets.token_bytes(32))
            return made, at.account_id

    done, who = wait_for(work())
    if json_:
        body = {"file": str(done.path), "level": level, "rows": done.rows, "suppressed": done.suppressed}
        terminal.show_json("health_extract", body | {"operator": who, "right": right})
        return
    terminal.out().print(
        f"{done.path}: {done.rows} 行、うち {done.suppressed} 行は少数のため非表示 / "
        f"{done.rows} rows, {done.suppressed} of them hidden as too small"
    )


@app.command(epilog=example("chukan health split --institution 9900123210600000 --transmission 2026-10-01"))
def split(
    institution: Institution,
    transmission: Annotated[str, typer.Option(help="滞留している送信 / the stuck transmission")],
    data_dir: DataDir = None,
    operator: Operator = "",
    wait: Wait = 30.0,
    json_: Json = False,
) -> None:
    """上限を超えて滞留した送信を分割して送り、後ろで待つものも送る / send a stuck transmission in parts."""
    system = running(data_dir)
    right = required_right("health split")

    async def work() -> Any:
        who = await who_acts(system, operator, "health split", institution, About(transmission))
        async with desk(system, institution, "health") as client:
            if client is None:
                raise typer.BadParameter(without(system, institution))
            await client.say(HealthTransmissionSplit(institution, transmission, who))
            try:
                return await reply_to(client, {"record_identification_number": transmission}, wait)
            except NotHeard:
                raise NotHeard(f"{transmission}: 返事がありません / no reply within {wait:g} s") from None

    done = wait_for(work())
    if json_:
        terminal.show_json("health_split", {"transmission": transmission, **done._asdict(), "right": right})
    else:
        for one in done.errors:
            terminal.talk(f"{one.error_id} {one.reason_ja} / {one.reason_en}")
        terminal.out().print(terminal.mark(done.accepted))
    raise typer.Exit(terminal.DONE if done.accepted else terminal.CHECK_FAILED)
