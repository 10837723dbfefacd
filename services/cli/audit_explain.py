"""`chukan audit explain`: one exchange on one screen, for people, for programs, or as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from services.audit.decisions import Decision
from services.audit.explain import Explanation, Step, explained
from services.audit.material import MESSAGES_LIMIT, Material, gather
from services.audit.page import page_of
from services.audit.words import ATTRIBUTES, HOLD_REASONS, LANES, OUTCOMES, VERDICTS, elapsed, moment
from services.cli import terminal
from services.cli.options import DataDir, Json, example, running, wait_for
from services.processes import SystemClock
from services.running import topics_of

EXAMPLE = example(
    "chukan audit explain 9900123210600000-20260401000000000100",
    "chukan audit explain 9900123210600000-20260401000000000100 --html exchange.html",
)
STYLES = {"ALLOWED": "green", "CONFIRMED": "green", "REFUSED": "bold red", "HELD": "yellow", "ENDED": "bold"}


def body_of(one: Explanation) -> dict[str, Any]:
    """The explanation for programs."""
    return one._asdict()


def show(one: Explanation) -> None:
    """The explanation for people."""
    out = terminal.out()
    out.print(Text(one.summary_ja, style="bold"))
    out.print(one.summary_en)
    outcome = " / ".join(OUTCOMES.get(one.outcome, ("", "")))
    pairs = [("結果 / outcome", f"{one.outcome or '—'}  {outcome}")]
    pairs += [(f"{fact.ja} / {fact.en}", fact.value) for fact in one.head]
    terminal.show_pairs(f"照会 / exchange {one.exchange_id}", pairs)
    show_steps(one)
    show_decisions(one)
    show_records(one)
    for gone in one.missing:
        out.print(f"残っていないもの / not there: {gone.ja} / {gone.en}")


def show_steps(one: Explanation) -> None:
    """Three lanes in time, the records beside them."""
    lanes = [f"{japanese} / {english}" for japanese, english in LANES.values()]
    rows = [
        (mark_of(step), elapsed(step.at - one.began_at), *(told(step) if lane == step.lane else "" for lane in LANES))
        for step in one.steps
    ]
    terminal.show_table("経過（日本標準時） / what happened (JST)", ("時刻 / time", "経過 / elapsed", *lanes), rows)


def mark_of(step: Step | Decision) -> str:
    """Its time, marked when it is not exact."""
    return ("≈ " if step.about else "") + moment(step.at)


def told(step: Step) -> str:
    """A step in its lane."""
    facts = "".join(f"\n{fact.ja}: {fact.value}" for fact in step.facts)
    return f"{step.ja} / {step.en}{facts}"


def show_decisions(one: Explanation) -> None:
    """Every decision with its rule, list, row and law."""
    rows = [
        (
            mark_of(decision),
            LANES[decision.lane][0],
            f"{decision.ja}\n{decision.en}",
            verdict_of(decision),
            basis_of(decision),
            "\n".join(f"{law.ref_ja} / {law.ref_en}" for law in decision.laws),
        )
        for decision in one.decisions
    ]
    columns = (
        "時刻 / time",
        "だれが / who",
        "何を / on what",
        "判断 / verdict",
        "照合リスト / permission list",
        "法令・評価書 / law and assessment",
    )
    terminal.show_table("判断と根拠 / decisions and what they rest on", columns, rows)


def verdict_of(decision: Decision) -> Text:
    """What was decided, by which rule, and by whom."""
    mark, japanese, english = VERDICTS[decision.verdict]
    text = Text(f"{mark} {japanese} / {english}", style=STYLES[decision.verdict])
    lines = []
    if decision.rule:
        lines += [f"{decision.reason.error_id} {decision.rule}", decision.reason.ja, decision.reason.en]
    if decision.operator_id:
        lines.append(f"職員 / operator: {decision.operator_id}")
    if decision.hold_reason:
        lines.append("理由 / reason: " + " / ".join(HOLD_REASONS.get(decision.hold_reason, (decision.hold_reason,))))
    if decision.note:
        lines.append(f"補足 / note: {decision.note}")
    return text.append("".join(f"\n{line}" for line in lines), style="default")


def basis_of(decision: Decision) -> str:
    """List version, row and its legal basis; of a refusal the nearest row and what would have had to differ."""
    lines = [f"第{decision.list_version}版 / version {decision.list_version}"] if decision.list_version else []
    if decision.row_id:
        lines.append(f"行 / row {decision.row_id} {decision.row.legal_basis if decision.row else ''}".rstrip())
    near = decision.nearest
    if near:
        japanese, english = ATTRIBUTES.get(near.attribute, (near.attribute, near.attribute))
        lines.append(f"最も近い行 / nearest row {near.row_id} {near.legal_basis}")
        lines.append(f"{japanese} / {english}: {near.asked or '—'} → {near.demanded}")
    return "\n".join(lines) or "—"


def show_records(one: Explanation) -> None:
    """The records, where they lie, and the signature over them."""
    rows = [
        (
            " / ".join(LANES[record.party]),
            f"{record.institution_code} / {record.sequence}",
            f"{record.counterpart} / {record.pair_sequence}",
            moment(record.recorded_at),
            f"{record.outcome} {record.rule}".strip(),
            f"@{record.checkpoint_size} {moment(record.checkpoint_signed_at)}"
            if record.checkpoint_size
            else "未署名 / none",
            " ".join(f"{law.ref_ja} / {law.ref_en}" for law in record.laws),
        )
        for record in one.records
    ]
    columns = (
        "立場 / party",
        "台帳と番号 / log, sequence",
        "相手方との番号 / pair",
        "記録日時 / recorded",
        "結果 / outcome",
        "署名 / checkpoint",
        "根拠 / basis",
    )
    terminal.show_table("情報提供等記録 / provision records", columns, rows, "記録はありません / no records")


def explain(
    exchange_id: Annotated[str, typer.Argument(help="照会 / exchange id, from `chukan records list`")],
    data_dir: DataDir = None,
    html: Annotated[
        Path | None, typer.Option("--html", dir_okay=False, help="一枚の HTML に書く / write one self-contained page")
    ] = None,
    messages: Annotated[int, typer.Option(min=0, help="読む電文の上限 / messages to read at most")] = MESSAGES_LIMIT,
    json_: Json = False,
) -> None:
    """一つの照会を、だれが・いつ・どの根拠で判断したか、記録と署名まで示す /
    one exchange on one screen: who decided what, when and on which basis, with its records and signatures."""
    system = running(data_dir)

    async def read() -> Material:
        async with system.store() as store:
            topics = await topics_of(system.config, store)
            return await gather(store, system.administrator, topics, exchange_id, messages)

    material = wait_for(read())
    if material.is_empty:
        terminal.talk(f"{exchange_id} は見つかりません / nothing is known of it")
        raise typer.Exit(terminal.CHECK_FAILED)
    one = explained(material)
    if html is not None:
        html.write_text(page_of(one, SystemClock().now_ms()), encoding="utf-8")
        terminal.talk(f"{html} に書きました / written")
    if json_:
        terminal.show_json("explanation", body_of(one))
    elif html is None:
        show(one)
