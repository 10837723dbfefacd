"""`chukan witness`: who cosigned whose log and how long ago, and the forks that were found."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from broker.rules.reasons import reason_of
from services import witnesses
from services.cli import terminal
from services.cli.options import DataDir, Json, example, running, wait_for
from services.processes import SystemClock
from services.witnesses import Evidence, Shown, Standing

app = typer.Typer(no_args_is_help=True, help="近隣自治体の連署 / witnesses of the logs")


@app.callback()
def witness() -> None:
    """近隣自治体の連署 / witnesses of the logs."""


def age_of(at: int, now: int) -> float | None:
    """Seconds since a moment; None when there was none."""
    return round((now - at) / 1000, 1) if at else None


def old(seconds: float | None) -> str:
    """An age for people."""
    return "—" if seconds is None else f"{seconds:,.0f} s"


@app.command("list", epilog=example("chukan witness list", "chukan witness list --institution CODE --json"))
def list_(
    data_dir: DataDir = None,
    institution: Annotated[str, typer.Option(help="台帳か証人の機関コード / as log or as witness, 16 digits")] = "",
    json_: Json = False,
) -> None:
    """だれがどの台帳にいつ連署したか。分岐が見つかっていれば 1 で終わる /
    who cosigned whose log and when; exit 1 when a fork has been found."""
    system = running(data_dir)

    async def read() -> list[Standing]:
        async with system.store() as store:
            return await witnesses.standings(store, institution)

    found, now = wait_for(read()), SystemClock().now_ms()
    if json_:
        rows = [one._asdict() | {"age_seconds": age_of(one.cosigned_at, now)} for one in found]
        terminal.show_json("witnesses", {"witnesses": rows, "forks": sum(one.forks for one in found)})
    else:
        columns = (
            "台帳 / log id",
            "証人 / witness id",
            "連署 / cosigned",
            "署名 / signed",
            "記録 / records",
            "連署から / age",
            "分岐 / forks",
        )
        table = [
            (
                one.institution_code,
                one.witness_code,
                f"{one.cosigned_size:,}",
                f"{one.signed_size:,}",
                f"{one.log_size:,}",
                old(age_of(one.cosigned_at, now)),
                f"✗ {one.forks}" if one.forks else "0",
            )
            for one in found
        ]
        terminal.show_table("連署 / cosignatures", columns, table, "証人はいません / there are no witnesses")
    if any(one.forks for one in found):
        raise typer.Exit(terminal.CHECK_FAILED)


def shown_body(found: Shown) -> dict[str, Any]:
    """A cosigned checkpoint for programs."""
    return {
        "institution_code": found.institution_code,
        "size": found.size,
        "signed_at": found.signed_at,
        "note": found.cosigned_note,
        "cosignatures": [one._asdict() for one in found.lines],
    }


@app.command(epilog=example("chukan witness show 9900123210600000"))
def show(
    institution_code: Annotated[str, typer.Argument(help="台帳の機関コード / whose log, 16 digits")],
    data_dir: DataDir = None,
    json_: Json = False,
) -> None:
    """台帳の最新の連署済みチェックポイントを、署名を検証して示す。そのまま他の C2SP の道具で読める /
    a log's newest cosigned checkpoint, its cosignatures verified; the note is what any C2SP tool reads."""
    system = running(data_dir)

    async def read() -> Shown | None:
        async with system.store() as store:
            return await witnesses.newest(store, institution_code)

    found, now = wait_for(read()), SystemClock().now_ms()
    if found is None:
        terminal.talk(f"{institution_code} の台帳に連署はありません / nobody has cosigned that log")
        raise typer.Exit(terminal.CHECK_FAILED)
    if json_:
        terminal.show_json("cosigned_checkpoint", shown_body(found))
    else:
        terminal.out().print(found.cosigned_note)
        rows = [
            (
                terminal.mark(not one.fault),
                one.witness_code,
                old(age_of(one.cosigned_at, now)),
                one.verifier_key,
                one.fault,
            )
            for one in found.lines
        ]
        columns = ("", "証人 / witness id", "連署から / age", "検証鍵 / verifier key", "")
        terminal.show_table("連署 / cosignatures", columns, rows)
    if any(one.fault for one in found.lines):
        raise typer.Exit(terminal.CHECK_FAILED)


@app.command(epilog=example("chukan witness forks", "chukan witness forks --json"))
def forks(data_dir: DataDir = None, json_: Json = False) -> None:
    """証人が見つけた台帳の分岐と、その証拠。あれば 1 で終わる /
    forks that witnesses have found, with both notes; exit 1 when there are any."""
    system = running(data_dir)

    async def read() -> list[Evidence]:
        async with system.store() as store:
            return await witnesses.forks(store, system.keys)

    found = wait_for(read())
    if json_:
        rows = [one.fork._asdict() | {"proved": one.proved} for one in found]
        terminal.show_json("forks", {"forks": rows})
    else:
        for fork, proved in found:
            reason = reason_of(fork.rule)
            out = terminal.out()
            out.print(f"{terminal.moment(fork.found_at)} {reason.error_id} {fork.rule}: {reason.ja} / {reason.en}")
            out.print(f"台帳 / log {fork.institution_code}, 証人 / witness {fork.witness_code}")
            out.print(
                "二つの署名だけで証明できる / proved by the notes alone"
                if proved
                else "証明には台帳が要る / needs the log itself"
            )
            out.print(f"連署したもの / cosigned:\n{fork.kept_note}")
            out.print(f"示されたもの / shown:\n{fork.seen_note}")
        if not found:
            terminal.out().print("分岐は見つかっていません / no fork has been found")
    if found:
        raise typer.Exit(terminal.CHECK_FAILED)
