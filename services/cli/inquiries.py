"""`chukan inquiry` and `chukan copy`: an institution speaks, with its own credentials and nothing else."""

from __future__ import annotations

import secrets
from typing import Annotated, Any

import typer

from broker.rules.identity import local_time
from broker.rules.staff import copy_subject
from schemas.records import InquiryRequested, Outcome, RequestedKind
from services import flags
from services.asking import Heard, ask, heard
from services.cli import terminal
from services.cli.desk import Operator, at_desk
from services.cli.options import DataDir, Json, Wait, example, running, wait_for
from services.processes import SystemClock
from services.running import Running
from services.staff.desk import About
from services.world import VACCINATION, World

app = typer.Typer(no_args_is_help=True, help="情報照会 / inquiries")
copies = typer.Typer(no_args_is_help=True, help="副本 / sub-copies")
INSTITUTION = "照会する機関コード / the institution that asks, 16 digits"


@app.callback()
def inquiry() -> None:
    """情報照会 / inquiries."""


@copies.callback()
def copy() -> None:
    """副本 / sub-copies."""


@app.command(
    epilog=example(
        "chukan inquiry send --resident 7",
        "chukan inquiry send --institution 9900123210600000 --person 000000000000015 "
        "--provider 9900123211400000 --affair JM01000000016002 --procedure JT99000000000001 "
        "--kind TM99000000000001",
    )
)
def send(
    resident: Annotated[
        int | None, typer.Option(min=0, help="模擬住民の番号。ほかの項目を世界から補う / fills the rest from the world")
    ] = None,
    institution: Annotated[str, typer.Option(help=INSTITUTION)] = "",
    person: Annotated[str, typer.Option(help="統合番号 / the person there, 15 digits")] = "",
    provider: Annotated[
        list[str] | None, typer.Option(help="照会先の機関コード / whom to ask, one or a kind each")
    ] = None,
    kind: Annotated[list[str] | None, typer.Option(help="特定個人情報名コード / kinds, TM and 14 digits")] = None,
    affair: Annotated[str, typer.Option(help="事務コード / affair, JM and 14 digits")] = "",
    procedure: Annotated[str, typer.Option(help="事務手続コード / procedure, JT and 14 digits")] = "",
    consent: Annotated[bool, typer.Option("--consent", help="本人の同意あり / the person's consent")] = False,
    period_from: Annotated[str, typer.Option(help="対象期間の始め / YYYYMMDD")] = "",
    period_to: Annotated[str, typer.Option(help="対象期間の終わり / YYYYMMDD")] = "",
    record_id: Annotated[str, typer.Option(help="レコード識別番号、既定は新しい番号 / default: a new one")] = "",
    data_dir: DataDir = None,
    operator: Operator = "",
    wait: Wait = 30.0,
    json_: Json = False,
) -> None:
    """機関として照会し、回答を待って開封する / ask as an institution, wait, unseal, print."""
    system = running(data_dir)
    known = of_resident(system, resident, (kind or [VACCINATION])[0])
    changes: dict[str, Any] = {
        "inquirer_institution_code": institution,
        "integrated_number": person,
        "affair_code": affair,
        "procedure_code": procedure,
    }
    base = known or empty()
    asked = base._replace(
        **{name: value for name, value in changes.items() if value},
        record_identification_number=record_id or f"cli.{secrets.token_hex(8)}",
        requested_at=local_time(SystemClock().now_ms()),
        consent_obtained=consent,
    )
    providers = provider or [one.provider_institution_code for one in base.kinds]
    kinds = kind or [one.spi_name_code for one in base.kinds]
    if len(providers) not in (1, len(kinds)):
        raise typer.BadParameter("--provider: 一つ、または --kind と同じ数 / one, or as many as --kind")
    targets = providers * len(kinds) if len(providers) == 1 else providers
    asked = asked._replace(
        kinds=tuple(
            RequestedKind(code, name, period_from=period_from, period_to=period_to)
            for code, name in zip(targets, kinds, strict=True)
        )
    )

    async def work() -> list[Heard]:
        async with at_desk(system, operator) as desk:
            sender = asked.inquirer_institution_code or desk.institution_code
            kinds_asked = tuple(one.spi_name_code for one in asked.kinds)
            verdict = await desk.ask("INQUIRY_SEND", About(asked.record_identification_number, sender, kinds_asked))
        name = verdict.account.account_id if verdict.account else asked.inquirer_operator_id
        return await answers(system, asked._replace(inquirer_institution_code=sender, inquirer_operator_id=name), wait)

    found = wait_for(work())
    show(asked, found, json=json_)
    # A refusal is an answer; a message that was refused as it stood started nothing.
    raise typer.Exit(terminal.DONE if all(one.exchange_id for one in found) else terminal.CHECK_FAILED)


def empty() -> InquiryRequested:
    """An inquiry with nothing in it that matters."""
    return InquiryRequested("", "", "", "CLI", "CLI", "", "", "", ())


def of_resident(system: Running, number: int | None, kind: str) -> InquiryRequested | None:
    """The world's own inquiry about a resident, or None when none was named."""
    if number is None:
        return None
    plan = system.installation.plan() if system.installation else None
    if plan is None:
        raise typer.BadParameter("--resident: この設置には模擬の世界がありません / no world is known here")
    if number >= plan.residents:
        raise typer.BadParameter(f"--resident: 0～{plan.residents - 1}")
    try:
        return World(plan, system.keys).inquiry(number, SystemClock().now_ms(), kind)
    except KeyError:
        return World(plan, system.keys).inquiry(number, SystemClock().now_ms())


async def answers(system: Running, asked: InquiryRequested, wait: float) -> list[Heard]:
    """Ask as the institution and wait."""
    async with system.client(asked.inquirer_institution_code) as speaking:
        if speaking is None:
            raise typer.BadParameter(without(system, asked.inquirer_institution_code))
        client, private_key = speaking
        return heard(await ask(client, asked, wait), private_key)


def without(system: Running, institution_code: str) -> str:
    """Why nobody can speak for this institution, and who could."""
    if not institution_code:
        return "--institution または --resident が要ります / --institution or --resident is needed"
    folder = system.installation.directory / "credentials" if system.installation else None
    codes = sorted(path.name for path in folder.iterdir()) if folder and folder.exists() else []
    return (
        f"--institution: {institution_code} の認証情報がありません。あるのは / no credentials of it; there are: "
        f"{', '.join(codes)}"
    )


def show(asked: InquiryRequested, found: list[Heard], *, json: bool) -> None:
    """What the institution reads."""
    if json:
        name = asked.record_identification_number
        terminal.show_json("inquiry", {"record_identification_number": name, "kinds": [body_of(one) for one in found]})
        return
    for one in found:
        pairs = [
            ("照会 / exchange", one.exchange_id or "—"),
            ("結果 / outcome", one.outcome),
            ("理由 / rule", f"{one.rule} {one.reason_ja} / {one.reason_en}" if one.rule or one.reason_ja else "—"),
        ]
        if one.nearest_row_id:
            nearest = f"{one.nearest_row_id}: {one.nearest_attribute} = {one.nearest_value}"
            pairs.append(("最も近い行 / nearest row", nearest))
        if one.outcome == Outcome.HELD.value:
            pairs.append(("期限 / expiry", terminal.moment(one.hold_deadline_at)))
            pairs.append(("職員が見る / staff look at it", f"chukan hold show {one.exchange_id}"))
        pairs += [(f"{key} {item.code}", item.value or item.absence) for key, items in one.items for item in items]
        terminal.show_pairs("回答 / answer", pairs)


def body_of(one: Heard) -> dict[str, Any]:
    """One kind's answer for programs."""
    body = one._asdict()
    items = body.pop("items")
    return body | {"records": [{"record_key": key, "items": found} for key, found in items]}


@copies.command(epilog=example("chukan copy flag --institution 9900123211400000 --person 000000000000016"))
def flag(
    institution: Annotated[str, typer.Option(help="副本を持つ機関コード / who holds the copy, 16 digits")],
    person: Annotated[str, typer.Option(help="統合番号 / the person there, 15 digits")],
    kind: Annotated[str, typer.Option(help="特定個人情報名コード / kind, TM and 14 digits")] = VACCINATION,
    off: Annotated[bool, typer.Option("--off", help="フラグを下ろす / take the flag away")] = False,
    data_dir: DataDir = None,
    operator: Operator = "",
    wait: Wait = 15.0,
    json_: Json = False,
) -> None:
    """副本に自動応答不可フラグを立てる、または下ろす / block copies from automatic answers, or let them go."""
    system = running(data_dir)

    async def work() -> flags.Flagged:
        async with at_desk(system, operator) as desk, system.client(institution) as speaking:
            if speaking is None:
                raise typer.BadParameter(without(system, institution))
            subject = copy_subject(person, kind)
            await desk.ask("COPY_FLAG", About(subject, institution, (kind,), copies=subject))
            store = await desk.store(institution)
            return await flags.set_flag(store, speaking[0], (institution, person, kind), not off, wait)

    done = wait_for(work())
    if json_:
        terminal.show_json("copy_flag", done._asdict())
    else:
        state = "いいえ no" if off else "はい yes"
        terminal.out().print(f"副本 {done.copies} 件 / copies, 自動応答不可 / auto-response disabled: {state}")
    if not done.copies:
        terminal.talk("該当する副本がありません / there is no such copy")
        raise typer.Exit(terminal.CHECK_FAILED)
    raise typer.Exit(terminal.DONE if done.taken_in else terminal.TIME_LIMIT)
