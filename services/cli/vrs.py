"""`chukan vrs`: ワクチン接種記録システム: the five functions, as a city's desk and a venue's tablet use them.

Promises that nothing is said or shown before the desk has found the right of the verb (`broker.rules.rights`) and
recorded that it was asked for. What is said carries the account that signed in.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import segno
import typer

from broker.adapters.postgres import QUERIES, PostgresStore
from broker.rules import certificate
from broker.rules.numbers import is_local_government_code
from broker.rules.rights import required_right
from broker.tables import Institution, VrsDose
from schemas.records import (
    CertificateKind,
    FieldError,
    VrsBulkInquired,
    VrsCertificateRequested,
    VrsEligibleRegistered,
    VrsFlag,
    VrsFlagSet,
    VrsInquired,
    VrsProvisionRecorded,
    VrsReplied,
)
from services import records as provision_records
from services.city_desk import (
    AT_ONCE,
    DOSE_COLUMNS,
    ELIGIBLE_COLUMNS,
    desk,
    dose_of,
    eligible_of,
    entry_name,
    replies_to,
    reply_to,
    rows_of,
    said,
    text_in,
)
from services.cli import terminal
from services.cli.desk import Operator, at_desk, who_acts
from services.cli.health import number_in
from services.cli.inquiries import answers, of_resident, without
from services.cli.options import DataDir, Json, Wait, example, running, wait_for
from services.processes import SystemClock, SystemRandomness
from services.running import Running
from services.staff.desk import About
from services.vrs import export as extract
from services.vrs import records, routes
from services.vrs.areas import Areas
from services.world import VACCINATION, World

app = typer.Typer(no_args_is_help=True, help="ワクチン接種記録システム / the vaccination record system (VRS)")
City = Annotated[str, typer.Option("--institution", help="機関コード / institution code, 16 digits")]
NumberFile = Annotated[
    str, typer.Option(help="個人番号を含むファイル、- は標準入力 / file with the number, - for stdin")
]
Resident = Annotated[int | None, typer.Option(min=0, help="模擬住民の番号 / a resident of the synthetic world")]
Consent = Annotated[bool, typer.Option("--consent", help="本人の同意を得た / consent was obtained")]
Identity = Annotated[bool, typer.Option("--identity", help="本人確認をした / identity was checked")]
GOOD = frozenset({"ACCEPTED", "FOUND", "WAITING", "ISSUED"})


@app.callback()
def vrs() -> None:
    """ワクチン接種記録システム / the vaccination record system (VRS)."""


# ── speaking ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def asked(system: Running, message: Any, wait: float) -> VrsReplied:
    """Say it as the municipality and wait for the reply."""
    async with desk(system, message.institution_code, "vrs") as client:
        if client is None:
            raise typer.BadParameter(without(system, message.institution_code))
        await client.say(message)
        found: VrsReplied = await reply_to(client, {"request_id": message.request_id}, wait)
        return found


async def asked_by(
    system: Running, operator: str, verb: str, message: Any, subject: str, wait: float
) -> tuple[VrsReplied, str]:
    """The reply to a message that somebody says who has the verb's right, and who that is."""
    who = await who_acts(system, operator, verb, message.institution_code, About(subject))
    return await asked(system, message._replace(operator_id=who), wait), who


def fresh(prefix: str) -> str:
    """A new name for a request."""
    return f"{prefix}.{SystemRandomness().bytes(16).hex()}"


def number_of(system: Running, resident: int | None, number_file: str) -> str:
    """The individual number that is meant: in a file, or a synthetic resident's."""
    if (resident is None) == (not number_file):
        raise typer.BadParameter("--resident か --number-file のどちらか一つ / one of the two")
    return number_in(number_file) if resident is None else world_of(system).resident(resident).individual_number


def world_of(system: Running) -> World:
    """The synthetic world of the installation."""
    plan = system.installation.plan() if system.installation else None
    if plan is None:
        raise typer.BadParameter("--resident: この設置には模擬の世界がありません / no world is known here")
    return World(plan, system.keys)


async def local_code(system: Running, institution: str) -> str:
    """An institution's 地方公共団体コード."""
    async with system.store() as store, store.transaction() as transaction:
        rows: list[Institution] = await transaction.rows(Institution, [(institution,)])
    if not rows:
        raise typer.BadParameter("--institution: 登録されていない機関コードです / it is not registered")
    return rows[0].local_government_code


def show(kind: str, verb: str, replies: Sequence[VrsReplied], *, json: bool, **more: Any) -> None:
    """What VRS said; the exit code follows from how it ended."""
    right = required_right(verb)
    if json:
        terminal.show_json(kind, {"replies": [one._asdict() for one in replies], "right": right, **more})
    else:
        for one in replies:
            terminal.out().print(f"{one.outcome.value} {one.rule} {one.basis}")
            show_errors(one.errors)
            rows = [(d.row_number or "—", *d[1:7], d.venue) for d in one.doses]
            columns = ("番号", "市区町村", "接種券番号", "接種回", "接種日", "メーカー", "ロット", "会場")
            if rows:
                terminal.show_table("接種記録 / doses", columns, rows)
    outcomes = {one.outcome.value for one in replies}
    partial = "PARTIAL" in outcomes or ("ACCEPTED" in outcomes and "REFUSED" in outcomes)
    code = terminal.DONE if outcomes <= GOOD else terminal.PARTIAL if partial else terminal.CHECK_FAILED
    raise typer.Exit(code)


def show_errors(errors: Sequence[FieldError]) -> None:
    """What was wrong, a line each."""
    if errors:
        rows = [(one.field, one.error_id, one.reason_ja, one.reason_en) for one in errors]
        terminal.show_table("不備 / refused", ("項目 / field", "番号 / id", "理由", "reason"), rows)


# ── 1 to 3 ───────────────────────────────────────────────────────────────────────────────────────────────────────


@app.command(epilog=example("chukan vrs register eligible.csv --institution 9900123210600000 --operator HK001"))
def register(
    file: Annotated[Path, typer.Argument(help=f"CSV: {','.join(ELIGIBLE_COLUMNS)}")],
    institution: City,
    data_dir: DataDir = None,
    operator: Operator = "",
    wait: Wait = 60.0,
    json_: Json = False,
) -> None:
    """接種対象者と接種券をCSVで登録し、行ごとの結果を見る / register eligible people and vouchers, row by row."""
    system = running(data_dir)
    people = eligible_of(file)

    async def work() -> tuple[list[VrsReplied], str]:
        who = await who_acts(system, operator, "vrs register", institution, About(f"{len(people)} rows"))
        code = await local_code(system, institution)
        found = []
        for first in range(0, len(people), AT_ONCE):
            rows = tuple(people[first : first + AT_ONCE])
            name = fresh("r")
            message = VrsEligibleRegistered(institution, name, code, rows, who)
            found.append(numbered(await asked(system, message, wait), rows))
        return found, who

    replies, who = wait_for(work())
    show("vrs_register", "vrs register", replies, json=json_, operator=who)


def numbered(reply: VrsReplied, rows: Sequence[Any]) -> VrsReplied:
    """The reply with lines of the file instead of places in the message."""
    errors = []
    for error in reply.errors:
        head, bracket, rest = error.field.partition("[")
        place, close, tail = rest.partition("]")
        known = bracket and close and head == "rows"
        errors.append(error._replace(field=f"{rows[int(place)].row_number}{tail}") if known else error)
    return reply._replace(errors=tuple(errors))


@app.command(epilog=example("chukan vrs dose doses.csv --institution 9900123210600000 --operator HK101"))
def dose(
    file: Annotated[Path, typer.Argument(help=f"CSV: {','.join(DOSE_COLUMNS)}")],
    institution: City,
    data_dir: DataDir = None,
    operator: Operator = "",
    wait: Wait = 60.0,
    json_: Json = False,
) -> None:
    """タブレットとして接種記録を登録する。タブレットは個人番号に届かない /
    register doses as a tablet does, with credentials that reach no individual number."""
    system = running(data_dir)
    doses = [dose_of(row, institution, "") for row in rows_of(file, DOSE_COLUMNS)]

    async def work() -> tuple[list[Any], str]:
        who = await who_acts(system, operator, "vrs dose", institution, About(f"{len(doses)} doses"))
        async with desk(system, institution, "tablet") as client:
            if client is None:
                raise typer.BadParameter(without(system, institution))
            await said(client, [one._replace(operator_id=who) for one in doses])
            return await replies_to(client, "request_id", [one.request_id for one in doses], wait), who

    replies, who = wait_for(work())
    taken = sum(one.accepted for one in replies)
    if json_:
        body = {"taken": taken, "replies": [one._asdict() for one in replies], "operator": who}
        terminal.show_json("vrs_dose", body | {"right": required_right("vrs dose")})
    else:
        terminal.out().print(f"登録 {taken} / {len(replies)} 件 / {taken} of {len(replies)} registered")
        show_errors([error for one in replies for error in one.errors])
    raise typer.Exit(terminal.DONE if taken == len(replies) else terminal.PARTIAL)


@app.command(
    epilog=example(
        "chukan vrs move --institution 9900123210600000 --business 700000000000001 --flag MOVED_OUT --date 20261001"
    )
)
def move(
    institution: City,
    business: Annotated[str, typer.Option(help="宛名番号 / the municipality's own number, 15 digits")],
    flag: Annotated[VrsFlag, typer.Option(help="転出・死亡・取消 / which flag", case_sensitive=False)],
    date: Annotated[str, typer.Option(help="異動日 / from when, YYYYMMDD")],
    data_dir: DataDir = None,
    operator: Operator = "",
    wait: Wait = 15.0,
    json_: Json = False,
) -> None:
    """転出・死亡等のフラグを立てる、取り消す / set or take back the flag of a move or a death."""
    system = running(data_dir)
    message = VrsFlagSet(institution, fresh("f"), business, flag, date, "")
    reply, who = wait_for(asked_by(system, operator, "vrs move", message, business, wait))
    show("vrs_move", "vrs move", [reply], json=json_, operator=who)


# ── 4 ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@app.command(
    epilog=example(
        "chukan vrs query --institution 9900123210600000 --previous 232114 --number-file - --consent --identity",
        "chukan vrs query --institution 9900123210600000 --bulk numbers.txt --consent --identity",
    )
)
def query(
    institution: City,
    previous: Annotated[str, typer.Option(help="転出元の市区町村コード / the previous municipality, 6 digits")] = "",
    number_file: NumberFile = "",
    resident: Resident = None,
    bulk: Annotated[
        Path | None, typer.Option(help="夜間一括: 一行一つの個人番号 / nightly bulk: a number a line")
    ] = None,
    consent: Consent = False,
    identity: Identity = False,
    data_dir: DataDir = None,
    operator: Operator = "",
    wait: Wait = 15.0,
    json_: Json = False,
) -> None:
    """転入者の接種記録を転出元へ照会する（番号法19条16号）。一括は夜に全市区町村へ /
    ask the previous municipality; in bulk, at night, all of them."""
    system = running(data_dir)
    message: VrsInquired | VrsBulkInquired
    if bulk is not None:
        numbers = tuple(text_in(bulk, "--bulk").split())
        message = VrsBulkInquired(institution, fresh("b"), numbers, consent, identity, "")
    else:
        if not is_local_government_code(previous):
            raise typer.BadParameter("--previous: 検査数字の正しい6桁 / 6 digits with a right check digit")
        number = number_of(system, resident, number_file)
        message = VrsInquired(institution, fresh("q"), number, previous, consent, identity, "")
    reply, who = wait_for(asked_by(system, operator, "vrs query", message, message.request_id, wait))
    show("vrs_query", "vrs query", [reply], json=json_, operator=who)


# ── 5 ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@app.command(
    "certificate",
    epilog=example(
        "chukan vrs certificate --institution 9900123210600000 --number-file - --application --identity --qr card.svg"
    ),
)
def certify(
    institution: City,
    number_file: NumberFile = "",
    resident: Resident = None,
    application: Annotated[
        bool, typer.Option("--application", help="交付申請がある / there is an application")
    ] = False,
    identity: Identity = False,
    overseas: Annotated[bool, typer.Option("--overseas", help="海外用 / for use abroad")] = False,
    passport: Annotated[str, typer.Option(help="旅券番号 / passport number")] = "",
    roman_name: Annotated[str, typer.Option(help="ローマ字氏名 / name in Roman letters")] = "",
    nationality: Annotated[str, typer.Option(help="国籍、英字3文字 / nationality, 3 letters")] = "",
    other_names: Annotated[str, typer.Option(help="旧姓・別姓・別名 / other names")] = "",
    qr: Annotated[Path | None, typer.Option(help="QRコードの画像 / the QR code, .svg or .png")] = None,
    data_dir: DataDir = None,
    operator: Operator = "",
    wait: Wait = 15.0,
    json_: Json = False,
) -> None:
    """接種証明書を交付する。署名付きのQRコード（SMART Health Card） / issue a certificate with a signed QR code."""
    system = running(data_dir)
    number = number_of(system, resident, number_file)
    kind = CertificateKind.OVERSEAS if overseas else CertificateKind.DOMESTIC
    given = (passport, roman_name, nationality, other_names)
    message = VrsCertificateRequested(institution, fresh("c"), number, kind, application, identity, "", *given)
    reply, who = wait_for(asked_by(system, operator, "vrs certificate", message, message.request_id, wait))
    if reply.payload and qr is not None:
        qr_code(reply.payload).save(str(qr), scale=4)
    if not json_ and reply.payload:
        terminal.out().print(f"{reply.certificate_id} {reply.issued_on}\n{reply.payload}")
    show("vrs_certificate", "vrs certificate", [reply], json=json_, operator=who)


def qr_code(payload: str) -> segno.QRCode:
    """The QR code of a card: `shc:/` as bytes, then the digits in numeric mode, as the framework asks."""
    head, digits = payload[: len(certificate.PREFIX)], payload[len(certificate.PREFIX) :]
    segments: Any = [head, digits]  # one segment each; of digits alone the library makes a numeric one
    return segno.make_qr(segments, error="l")


@app.command(epilog=example("chukan vrs check card.txt"))
def check(
    file: Annotated[Path, typer.Argument(help="shc:/ で始まる文字列のファイル / file with the text shc:/…")],
    institution: City = "",
    data_dir: DataDir = None,
    operator: Operator = "",
    json_: Json = False,
) -> None:
    """接種証明書の署名を確かめ、内容を見る / verify a certificate's signature and look into it."""
    system = running(data_dir)
    key = system.keys.vrs.certificates.public_key()
    claims, fault = None, ""
    card = text_in(file, "FILE").strip()
    wait_for(seen_by(system, operator, institution))
    try:
        claims = certificate.opened(card, key)
    except certificate.CertificateError as error:
        fault = str(error)
    body = {"ok": claims is not None, "reason": fault, "key": certificate.jwk_of(key), "claims": claims}
    if json_:
        terminal.show_json("vrs_check", body | {"right": required_right("vrs check")})
    else:
        terminal.out().print(terminal.mark(claims is not None))
        terminal.out().print(json.dumps(claims, ensure_ascii=False, indent=1) if claims else fault)
    raise typer.Exit(terminal.DONE if claims is not None else terminal.CHECK_FAILED)


async def seen_by(system: Running, operator: str, institution: str) -> None:
    """The desk lets a card be looked into."""
    async with at_desk(system, operator) as at:
        await at.ask(required_right("vrs check"), About("", institution))


# ── what lies there ──────────────────────────────────────────────────────────────────────────────────────────────


@app.command("export", epilog=example("chukan vrs export --institution 9900123210600000 --out doses.csv"))
def export_(
    institution: City,
    out: Annotated[Path, typer.Option(help="出力ファイル / the CSV file")],
    data_dir: DataDir = None,
    operator: Operator = "",
    json_: Json = False,
) -> None:
    """予防接種台帳のための接種記録CSV。個人番号の列はない / doses for the ledger; no column holds a number."""
    system = running(data_dir)
    areas = Areas(system.keys.vrs)

    async def work() -> tuple[int, str]:
        async with at_desk(system, operator) as at:
            await at.ask(required_right("vrs export"), About("", institution))
            code = await local_code(system, institution)
            store = await at.store(institution)
            async with store.snapshot() as snapshot:
                rows = await snapshot.select(VrsDose, QUERIES["vrs_doses_of"], institution)
            return extract.write(out, (extract.line_of(row, areas, code) for row in rows)), at.account_id

    count, who = wait_for(work())
    if json_:
        body = {"file": str(out), "rows": count, "operator": who, "right": required_right("vrs export")}
        terminal.show_json("vrs_export", body)
    else:
        terminal.out().print(f"{out}: {count} 行 / rows")


@app.command("records", epilog=example("chukan vrs records --institution 9900123210600000"))
def records_(institution: City, data_dir: DataDir = None, operator: Operator = "", json_: Json = False) -> None:
    """他市区町村との照会・提供の記録を読み、改ざんがないか確かめる / read and verify the provisions of a city."""
    system = running(data_dir)

    async def work() -> tuple[records.Judged, str]:
        async with at_desk(system, operator) as at:
            await at.ask(required_right("vrs records"), About("", institution))
            store = await at.store(institution)
            async with store.snapshot() as snapshot:
                log = await records.read_log(snapshot, institution)
            return records.judged(log, system.keys.vrs.log.public_key), at.account_id

    found, who = wait_for(work())
    if json_:
        body = {"ok": not found.broken, "signed": found.signed, "broken": found.broken, "operator": who}
        rows = [one._asdict() for one in found.records]
        terminal.show_json("vrs_records", body | {"records": rows, "right": required_right("vrs records")})
    else:
        rows_ = [
            (
                terminal.moment(one.requested_at),
                one.party.value,
                one.inquirer_institution_code,
                one.provider_institution_code,
                one.outcome.value,
                one.doses,
                one.basis,
            )
            for one in found.records
        ]
        columns = (
            "日時 / at",
            "立場 / as",
            "照会 / inquirer",
            "提供 / provider",
            "結果 / outcome",
            "件数 / doses",
            "根拠 / basis",
        )
        terminal.show_table("VRSの提供記録 / provisions in VRS", columns, rows_, "記録はありません / no records")
        terminal.out().print(terminal.mark(not found.broken))
        for text in found.broken:
            terminal.out().print(text)
    raise typer.Exit(terminal.CHECK_FAILED if found.broken else terminal.DONE)


async def all_three(store: PostgresStore, exchange_id: str, wait: float) -> list[provision_records.Kept]:
    """The records of an exchange; those of the other parties come a moment after the answer."""
    deadline = time.monotonic() + wait
    while True:
        kept = await provision_records.of_exchange(store, exchange_id)
        if len(kept) == len(provision_records.PARTIES) or time.monotonic() > deadline:
            return kept
        await asyncio.sleep(0.05)


@app.command(epilog=example("chukan vrs compare --resident 7 --operator HK001"))
def compare(
    resident: Annotated[int, typer.Option(min=0, help="模擬住民の番号 / a resident of the synthetic world")],
    data_dir: DataDir = None,
    operator: Operator = "",
    wait: Wait = 30.0,
    json_: Json = False,
) -> None:
    """同じ接種記録を二つの経路（19条16号のVRS、19条8号のNWS）で照会し、出たものを比べる /
    ask for the same doses by both routes and compare what each let out."""
    system = running(data_dir)
    person = world_of(system).resident(resident)

    async def work() -> tuple[routes.Comparison, str]:
        previous = await local_code(system, person.previous)
        inquiry = VrsInquired(person.home, fresh("q"), person.individual_number, previous, True, True, "")
        name = entry_name("compare", (inquiry.request_id, SystemClock().now_ms()))
        async with at_desk(system, operator) as at:
            who = await at.act(required_right("vrs compare"), About(inquiry.request_id, person.home))
            # The other route is an inquiry over NWS, and needs the right of one.
            await at.act("INQUIRY_SEND", About(name, person.home, (VACCINATION,)))
        reply = await asked(system, inquiry._replace(operator_id=who), wait)
        question = of_resident(system, resident, VACCINATION)
        assert question is not None
        question = question._replace(record_identification_number=name, inquirer_operator_id=who)
        heard = (await answers(system, question, wait))[0]
        async with system.store() as store, store.snapshot() as snapshot:
            logs = [await records.read_log(snapshot, code) for code in (person.home, person.previous)]
            kept = await all_three(store, heard.exchange_id, wait)
        mine: list[VrsProvisionRecorded] = [
            record
            for log in logs
            for record in records.judged(log, system.keys.vrs.log.public_key).records
            if record.request_id == inquiry.request_id
        ]
        return routes.compared(reply, mine, heard, [one.record for one in kept]), who

    found, who = wait_for(work())
    if json_:
        terminal.show_json("vrs_compare", found._asdict() | {"operator": who, "right": required_right("vrs compare")})
        return
    for route in (found.vrs, found.nws):
        kept = "、".join(f"{code} {party} ({count})" for code, party, count in route.records)
        pairs = [
            ("根拠 / basis", route.basis or "—"),
            ("結果 / outcome", f"{route.outcome} {route.rule}"),
            ("流れるもの / what travels", route.travels),
            ("確認 / checked", route.checked),
            ("出た項目 / items", "、".join(route.items) or "—"),
            ("記録 / records", kept or "—"),
        ]
        terminal.show_pairs(route.route, pairs)
    terminal.out().print(f"両方 / both: {'、'.join(found.both) or '—'}")
    terminal.out().print(f"VRSだけ / VRS only: {'、'.join(found.only_vrs) or '—'}")
    terminal.out().print(f"NWSだけ / NWS only: {'、'.join(found.only_nws) or '—'}")
