"""`chukan keys`: generations of the keys that an institution's answers are sealed for."""

from __future__ import annotations

from typing import Annotated

import typer

from broker.rules.key_periods import DAY_MS, refusal
from broker.tables import InstitutionKey
from services import key_management
from services.cli import terminal
from services.cli.desk import AtDesk, Operator, at_desk, checked, turned_away
from services.cli.options import DataDir, Json, example, running, wait_for
from services.key_management import Changed
from services.processes import SystemClock
from services.staff.desk import About

app = typer.Typer(no_args_is_help=True, help="機関の鍵 / an institution's keys")
Institution = Annotated[str, typer.Option(help="機関コード / institution, 16 digits")]


@app.command("list", epilog=example("chukan keys list --institution 9900123210600000"))
def list_(
    institution: Institution = "", operator: Operator = "", data_dir: DataDir = None, json_: Json = False
) -> None:
    """封をする鍵の世代と有効な期間 / generations of the sealing key, and when each is good."""
    system = running(data_dir)

    async def read() -> list[InstitutionKey]:
        async with at_desk(system, operator) as desk:
            await desk.ask("KEYS_LIST", About("", institution))
            code = desk.institution_code or institution
            checked(code)
            return await key_management.keys_of(await desk.store(code), system.keys, code)

    found = wait_for(read())
    now = SystemClock().now_ms()
    if json_:
        body = [one._asdict() | {"rule": refusal(one, now)} for one in found]
        terminal.show_json("keys", {"keys": body})
        return
    rows = [
        (
            one.generation,
            one.sealing_key.hex()[:16] + "…",
            terminal.moment(one.valid_from),
            terminal.moment(one.valid_to),
            terminal.moment(one.revoked_at),
            refusal(one, now) or "有効 / good",
            one.reason or "—",
        )
        for one in found
    ]
    columns = (
        "世代",
        "公開鍵 / public",
        "始まり / from",
        "終わり / to",
        "失効 / revoked",
        "状態 / state",
        "理由 / reason",
    )
    terminal.show_table("鍵 / keys", columns, rows)


@app.command(epilog=example("chukan keys rotate --institution 9900123210600000 --overlap-days 7"))
def rotate(
    institution: Institution = "",
    overlap_days: Annotated[
        int, typer.Option(min=0, max=365, help="前の鍵も使える日数 / days the old key stays good")
    ] = 7,
    operator: Operator = "",
    data_dir: DataDir = None,
    json_: Json = False,
) -> None:
    """封をする鍵を新しくする。前の鍵は重なりの間だけ使える / a new key; the old one opens until the overlap ends."""
    system = running(data_dir)

    async def work() -> Changed:
        async with at_desk(system, operator) as desk:
            code = await allowed(desk, "KEYS_ROTATE", institution, "")
            now = SystemClock().now_ms()
            async with system.store() as store:
                done = await key_management.rotate(store, system.keys, code, now, overlap_days * DAY_MS)
                private = await key_management.private_keys_of(store, system.keys, code, now)
            hand_over(desk, code, private)
            return done

    told(wait_for(work()), json=json_)


@app.command(epilog=example("chukan keys revoke 0 --institution 9900123210600000 --reason 漏えいの疑い"))
def revoke(
    generation: Annotated[int, typer.Argument(min=0, help="世代 / generation, from `chukan keys list`")],
    reason: Annotated[str, typer.Option(help="理由 / reason")],
    institution: Institution = "",
    operator: Operator = "",
    data_dir: DataDir = None,
    json_: Json = False,
) -> None:
    """鍵を失効させる。最新の鍵なら、すぐに次の鍵に替わる / revoke a key; the newest one is replaced at once."""
    system = running(data_dir)

    async def work() -> Changed:
        async with at_desk(system, operator) as desk:
            code = await allowed(desk, "KEYS_REVOKE", institution, str(generation))
            now = SystemClock().now_ms()
            async with system.store() as store:
                done = await key_management.revoke(store, system.keys, code, generation, reason, now)
                private = await key_management.private_keys_of(store, system.keys, code, now)
            hand_over(desk, code, private)
            return done

    told(wait_for(work()), json=json_)


async def allowed(desk: AtDesk, operation: str, institution: str, subject: str) -> str:
    """Whose keys; the verb ends here when they may not be touched."""
    await desk.ask(operation, About(subject, institution))
    code = desk.institution_code or institution
    checked(code)
    return code


def hand_over(desk: AtDesk, code: str, private: bytes) -> None:
    """The institution's own programs find the keys that are good now in its credentials."""
    if desk.system.installation is not None:
        desk.system.installation.hand_over_keys(code, private)


def told(done: Changed, *, json: bool) -> None:
    """What became of it, and the exit code."""
    if json:
        terminal.show_json("keys_changed", done._asdict())
    elif not done.rule:
        text = ", ".join(map(str, done.generations))
        terminal.out().print(f"開封に使える世代 / generations that open: {text}")
    if done.rule:
        turned_away(done.rule)
