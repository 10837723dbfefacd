"""`chukan login`, `logout`, `whoami` and `chukan staff`: who works here, what they may do, and what they did."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from broker.adapters.postgres import QUERIES
from broker.rules.reasons import reason_of
from broker.rules.staff import ACCOUNT_CHARACTERS, EVERY_KIND, Duty
from broker.tables import LogRecord
from schemas.codec import decode
from schemas.records import OperationRecorded
from services.cli import terminal
from services.cli.desk import AtDesk, Operator, at_desk, checked, demonstration_password, turned_away
from services.cli.options import DataDir, Json, example, running, wait_for
from services.staff import demonstration
from services.staff.desk import About, Desk, Presented, Verdict
from services.staff.sessions import Kept, new_session

app = typer.Typer(no_args_is_help=True, help="職員と権限 / staff and their rights")

Account = Annotated[str, typer.Argument(help="職員番号、20文字まで / account, up to 20 characters")]
Institution = Annotated[str, typer.Option(help="機関コード / institution, 16 digits")]
DutyOption = Annotated[Duty, typer.Option(help="職務 / duty", case_sensitive=False)]
KindOption = Annotated[str, typer.Option(help="特定個人情報名コード、* はすべて / kind, * for every one")]
PasswordFile = Annotated[
    Path | None, typer.Option(help="パスワードのファイル。なければ尋ねる / file with the password; asked for otherwise")
]
DUTIES = {
    Duty.INQUIRER: "照会",
    Duty.PROVIDER: "提供",
    Duty.ADMINISTRATOR: "権限管理",
    Duty.AUDITOR: "監査",
    Duty.HEALTH_INPUT: "健康支援の入力",
    Duty.HEALTH_INQUIRY: "健康支援の照会",
    Duty.NUMBER_USE: "個人番号による検索",
    Duty.HEALTH_EXTRACTION: "健康支援の抽出",
    Duty.HEALTH_TRANSMISSION: "副本の送信",
    Duty.VRS_REGISTER: "接種対象者の登録",
    Duty.VRS_DOSE: "接種記録の登録",
    Duty.VRS_FLAG: "転出・死亡等の登録",
    Duty.VRS_INQUIRY: "接種記録の照会",
    Duty.VRS_CERTIFICATE: "接種証明書",
    Duty.VRS_EXPORT: "接種記録の出力",
    Duty.VRS_RECORDS: "接種記録の提供記録",
}
OPERATIONS_SHOWN = 200


def password_from(path: Path | None) -> str:
    """The password: from a file, from the terminal without an echo, or the first line of standard input."""
    if path is not None:
        return path.read_text(encoding="utf-8").strip()
    if sys.stdin.isatty():
        return getpass.getpass("パスワード / password: ")
    return sys.stdin.readline().rstrip("\n")


def checked_account(account: str) -> str:
    """It fits into its field."""
    if not account or len(account) > ACCOUNT_CHARACTERS or not account.isascii() or not account.isprintable():
        raise typer.BadParameter(f"職員番号: ASCII {ACCOUNT_CHARACTERS}文字まで / ASCII, at most {ACCOUNT_CHARACTERS}")
    return account


def told(verdict: Verdict, *, json: bool, **more: Any) -> None:
    """What the desk said, and the exit code."""
    reason = reason_of(verdict.rule)
    if json:
        body = {"allowed": verdict.allowed, "rule": verdict.rule, "reason_ja": reason.ja, "reason_en": reason.en}
        terminal.show_json("staff", body | more)
    elif verdict.allowed:
        terminal.out().print("済みました / done")
    if not verdict.allowed:
        turned_away(verdict.rule)


# ── in and out ───────────────────────────────────────────────────────────────────────────────────────────────────


def login(
    institution: Institution,
    account: Annotated[str, typer.Option(help="職員番号 / account")],
    password_file: PasswordFile = None,
    data_dir: DataDir = None,
    json_: Json = False,
) -> None:
    """職員として認証し、セッションを始める / sign in as a member of staff."""
    checked(institution)
    system = running(data_dir)
    password = password_from(password_file)
    first = new_session()

    async def work() -> Verdict:
        async with at_desk(system) as desk:
            verdict = await (await desk.desk()).login(institution, account, password, first)
            if verdict.allowed:
                desk.file.keep(Kept(institution, account, first))
            return verdict

    told(wait_for(work()), json=json_, institution_code=institution, account_id=account)


def logout(data_dir: DataDir = None, json_: Json = False) -> None:
    """セッションを終える / sign out."""
    system = running(data_dir)

    async def work() -> Verdict:
        async with at_desk(system) as desk:
            if desk.kept is None:
                return Verdict("NOT_SIGNED_IN")
            verdict = await (await desk.desk()).logout(desk.kept.session)
            desk.file.forget()
            return verdict

    told(wait_for(work()), json=json_)


def whoami(data_dir: DataDir = None, json_: Json = False) -> None:
    """いまの職員、権限を示す / who is signed in, with which rights."""
    system = running(data_dir)

    async def work() -> tuple[Verdict, list[Any]]:
        async with at_desk(system) as desk:
            if desk.kept is None:
                turned_away("NOT_SIGNED_IN")
            verdict = await desk.ask("WHOAMI")
            everybody = await (await desk.desk()).accounts(desk.institution_code)
            return verdict, next(rights for one, rights in everybody if one == verdict.account)

    verdict, rights = wait_for(work())
    assert verdict.account is not None
    who = verdict.account
    if json_:
        held = [{"duty": right.duty, "spi_name_code": right.spi_name_code} for right in rights]
        terminal.show_json("whoami", who._asdict() | {"rights": held})
        return
    pairs = [("機関 / institution", who.institution_code), ("職員 / account", f"{who.account_id} {who.name}")]
    pairs += [(f"{DUTIES[Duty(one.duty)]} / {one.duty}", one.spi_name_code) for one in rights]
    terminal.show_pairs("職員 / staff", pairs)


# ── accounts and rights ──────────────────────────────────────────────────────────────────────────────────────────


@app.command(epilog=example("chukan staff first AD100 --institution 9900123210600000 --name 権限管理者"))
def first(
    account: Account,
    institution: Institution,
    name: Annotated[str, typer.Option(help="氏名 / name")] = "",
    person: Annotated[
        str, typer.Option(help="同じ人のすべての職員番号に共通の番号 / one for all accounts of a person")
    ] = "",
    password_file: PasswordFile = None,
    data_dir: DataDir = None,
    json_: Json = False,
) -> None:
    """機関の最初の権限管理者を、設置者として登録する。すでにいれば断る /
    the first administrator of an institution, by the installation's owner; refused when there is one."""
    checked(institution)
    checked_account(account)
    system = running(data_dir)
    password = password_from(password_file)

    async def work() -> Verdict:
        async with at_desk(system) as desk:
            return await (await desk.desk()).first(institution, account, name, person, password)

    told(wait_for(work()), json=json_)


@app.command(epilog=example("chukan staff enforce"))
def enforce(data_dir: DataDir = None, json_: Json = False) -> None:
    """実演用の抜け道（--operator と認証なしの表示）をなくす / end the demonstration: only `chukan login` leads in."""
    system = running(data_dir)
    was = demonstration.enforce(system.installation.secrets) if system.installation else False
    if json_:
        terminal.show_json("staff_enforce", {"was_demonstration": was})
    else:
        terminal.out().print(
            "認証を必須にしました / signing in is required now" if was else "すでに必須です / it was already"
        )


def acting(
    data_dir: Path | None, operator: str, institution: str, work: Callable[[Desk, Presented], Awaitable[Verdict]]
) -> Verdict:
    """One act of an administrator at the desk."""
    system = running(data_dir)

    async def run() -> Verdict:
        async with at_desk(system, operator) as desk:
            session = await session_of(desk, institution)
            verdict = await work(await desk.desk(), session)
            desk.advance()
            return verdict

    return wait_for(run())


async def session_of(desk: AtDesk, institution: str) -> Presented:
    """The session that acts; nobody gives rights without one."""
    if desk.operator and demonstration_password(desk.system):
        await desk.sign_in(institution)
    if desk.kept is None:
        turned_away("NOT_SIGNED_IN")
    return desk.kept.session


@app.command(epilog=example("chukan staff add OP100 --name 照会担当"))
def add(
    account: Account,
    name: Annotated[str, typer.Option(help="氏名 / name")] = "",
    person: Annotated[
        str, typer.Option(help="同じ人のすべての職員番号に共通の番号 / one for all accounts of a person")
    ] = "",
    password_file: PasswordFile = None,
    institution: Institution = "",
    operator: Operator = "",
    data_dir: DataDir = None,
    json_: Json = False,
) -> None:
    """職員を登録する。権限はまだない / a new account, without any right."""
    checked_account(account)
    password = password_from(password_file)
    done = acting(
        data_dir, operator, institution, lambda desk, session: desk.add(session, account, name, person, password)
    )
    told(done, json=json_)


@app.command(epilog=example("chukan staff grant OP100 --duty INQUIRER --kind TM99000000000001"))
def grant(
    account: Account,
    duty: DutyOption,
    kind: KindOption = EVERY_KIND,
    institution: Institution = "",
    operator: Operator = "",
    data_dir: DataDir = None,
    json_: Json = False,
) -> None:
    """権限を付与する。自分自身には付与できない / give a right; never to oneself."""
    done = acting(data_dir, operator, institution, lambda desk, session: desk.grant(session, account, duty, kind))
    told(done, json=json_)


@app.command(epilog=example("chukan staff revoke OP100 --duty INQUIRER --kind TM99000000000001"))
def revoke(
    account: Account,
    duty: DutyOption,
    kind: KindOption = EVERY_KIND,
    institution: Institution = "",
    operator: Operator = "",
    data_dir: DataDir = None,
    json_: Json = False,
) -> None:
    """権限を取り消す。開いているセッションにもすぐ効く / take a right away; open sessions feel it at once."""
    done = acting(data_dir, operator, institution, lambda desk, session: desk.revoke(session, account, duty, kind))
    told(done, json=json_)


@app.command(epilog=example("chukan staff disable OP100", "chukan staff disable OP100 --off"))
def disable(
    account: Account,
    off: Annotated[bool, typer.Option("--off", help="停止を解く / let in again")] = False,
    institution: Institution = "",
    operator: Operator = "",
    data_dir: DataDir = None,
    json_: Json = False,
) -> None:
    """職員の利用を停止し、すべてのセッションを終える / disable an account and end its sessions."""
    done = acting(data_dir, operator, institution, lambda desk, session: desk.set_state(session, account, active=off))
    told(done, json=json_)


@app.command("list", epilog=example("chukan staff list", "chukan staff list --institution 9900123210600000"))
def list_(
    institution: Institution = "", operator: Operator = "", data_dir: DataDir = None, json_: Json = False
) -> None:
    """職員と権限を並べる / everybody with their rights."""
    system = running(data_dir)

    async def read() -> list[Any]:
        async with at_desk(system, operator) as desk:
            await desk.ask("STAFF_LIST", About("", institution))
            return await (await desk.desk()).accounts(desk.institution_code or institution)

    found = wait_for(read())
    if json_:
        body = [
            one._asdict() | {"rights": [(right.duty, right.spi_name_code) for right in rights]} for one, rights in found
        ]
        terminal.show_json("staff_accounts", {"accounts": body})
        return
    rows = [
        (one.account_id, one.name, one.state, "、".join(f"{right.duty} {right.spi_name_code}" for right in rights))
        for one, rights in found
    ]
    columns = ("職員 / account", "氏名 / name", "状態 / state", "権限 / rights")
    terminal.show_table("職員 / staff", columns, rows, "職員はいません / nobody")


@app.command(epilog=example("chukan staff operations --institution 9900123210600000"))
def operations(
    institution: Institution = "",
    operator: Operator = "",
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="件数 / at most so many")] = OPERATIONS_SHOWN,
    data_dir: DataDir = None,
    json_: Json = False,
) -> None:
    """職員の操作と閲覧の記録を新しい順に並べる / what staff did and looked at, newest first."""
    system = running(data_dir)

    async def read() -> list[LogRecord]:
        async with at_desk(system, operator) as desk:
            await desk.ask("OPERATIONS_LIST", About("", institution))
            code = desk.institution_code or institution
            checked(code)
            store = await desk.store(code)
            return [LogRecord(**row) for row in await store.query(QUERIES["operations_newest"], code, limit)]

    found = [(row, record) for row in wait_for(read()) for record in (decode(row.body),)]
    known = [(row, record) for row, record in found if isinstance(record, OperationRecorded)]
    if json_:
        body = [record._asdict() | {"sequence": row.sequence} for row, record in known]
        terminal.show_json("operations", {"operations": body})
        return
    rows = [
        (
            row.sequence,
            terminal.moment(record.operated_at),
            record.account_id or "—",
            record.operation,
            record.subject or "—",
            terminal.mark(record.allowed),
            record.rule or "—",
        )
        for row, record in known
    ]
    columns = ("番号", "日時 / at", "職員 / account", "操作 / operation", "対象 / subject", "可否", "理由 / rule")
    terminal.show_table("操作の記録 / operations", columns, rows, "記録はありません / none")
