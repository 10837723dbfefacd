"""`chukan audit`: is everything the records claim so?"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from services.audit import exchanges, logs
from services.audit.verify import COMPLETE, MESSAGES_LIMIT, Auditor, Report
from services.cli import (
    audit_capsule,
    audit_explain,
    audit_export,
    audit_pair,
    audit_query,
    audit_reconcile,
    audit_redecide,
    replay,
    terminal,
)
from services.cli.options import DataDir, Json, example, running, wait_for
from services.running import topics_of

app = typer.Typer(no_args_is_help=True, help="記録の監査 / auditing the records")


@app.callback()
def audit() -> None:
    """記録の監査 / auditing the records."""


app.command("redecide", epilog=audit_redecide.EXAMPLE)(audit_redecide.redecide_verb)
app.command("reconcile", epilog=audit_reconcile.EXAMPLE)(audit_reconcile.reconcile_verb)
app.command("replay", epilog=replay.EXAMPLE)(replay.replay)


WORDS = {
    logs.LEAVES: ("記録の葉ハッシュを再計算", "leaf hashes recomputed from the records"),
    logs.GAPS: ("記録と相手方ごとの番号に欠けがない", "no gap in a log or in a pair of institutions"),
    logs.ROOTS: ("署名された根を再計算", "signed Merkle roots recomputed"),
    logs.SIGNATURES: ("機関の公開鍵で署名を検証", "checkpoints verified with the institutions' keys"),
    logs.HEADS: ("記録の末尾と台帳が一致", "each log ends where its head stands"),
    logs.ERASED: ("消去には証明の葉がある", "what was erased is certified in the log"),
    logs.COSIGNED: ("近隣自治体の連署を検証", "witnesses' cosignatures verified, and what they keep compared"),
    logs.FORKS: ("台帳の分岐の証拠がない", "no witness keeps evidence of a fork"),
    "one_outcome_an_inquiry": ("照会ごとに結果は一つ", "one outcome an inquiry"),
    "one_answer_an_inquiry": ("照会ごとに回答は一つ", "one answer an inquiry, as it was decided"),
    "no_answer_without_permit": ("許可なく提供されていない", "nothing left without a permit"),
    "permits_used_once": ("許可証は一度だけ使われた", "a permit was used once"),
    "one_record_a_party": ("一者につき記録は一つ", "one record a party, as it decided"),
    "records_agree": ("三者の記録が一致", "the three records agree"),
    "blocked_only_by_hand": ("自動応答不可は職員の確認だけで提供", "blocked copies left by confirmation alone"),
    exchanges.PERMITS: ("許可証の署名と内容を検証", "permits verified, and used as issued"),
    exchanges.LISTS: ("照合リストで再判定", "the permission list decides the same again"),
    exchanges.ANSWERS: ("回答と記録が一致", "what was told is what was recorded"),
    COMPLETE: ("終わった照会の記録がそろっている", "every ended exchange has all its records"),
}


def body_of(report: Report) -> dict[str, Any]:
    """The report for programs."""
    return {
        "ok": report.ok,
        "partial": report.partial,
        "not_looked_at": report.skipped,
        "logs": report.logs,
        "records": report.records,
        "signed_records": report.signed_records,
        "checkpoints": report.checkpoints,
        "exchanges": report.exchanges,
        "messages": report.messages,
        "checks": [
            {
                "check": one.name,
                "ok": one.failures == 0,
                "looked_at": one.looked_at,
                "failures": one.failures,
                "violations": [{"subject": v.subject, "text": v.text} for v in one.violations],
            }
            for one in report.checked()
        ],
    }


def show_report(report: Report) -> None:
    """The report for people."""
    rows = [
        (terminal.mark(one.failures == 0), *WORDS.get(one.name, (one.name, "")), f"{one.looked_at:,}")
        for one in report.checked()
    ]
    terminal.show_table("監査 / audit", ("", "確かめたこと", "what was checked", "件数 / n"), rows)
    broken = [(one.name, violation.subject, violation.text) for one in report.checked() for violation in one.violations]
    if broken:
        columns = ("検査 / check", "場所 / where", "見つかったこと / what was found")
        terminal.show_table("合わないところ / what is not as it must be", columns, broken)
    for one in report.skipped:
        terminal.out().print(f"見ていないもの / not looked at: {one}")
    covered = f"{report.signed_records:,}/{report.records:,}"
    terminal.out().print(
        f"台帳 {report.logs}、記録 {report.records:,}（署名済み {covered}）、署名 {report.checkpoints:,}、"
        f"照会 {report.exchanges:,}、電文 {report.messages:,}\n"
        f"{report.logs} logs, {report.records:,} records ({covered} under a signature), {report.checkpoints:,} "
        f"signatures, {report.exchanges:,} exchanges, {report.messages:,} messages"
    )


def exit_code(report: Report) -> int:
    """1 when something broke, 6 when not everything could be looked at, else 0."""
    if not report.ok:
        return terminal.CHECK_FAILED
    return terminal.PARTIAL if report.partial else terminal.DONE


@app.command(epilog=example("chukan audit verify", "chukan audit verify --json"))
def verify(
    data_dir: DataDir = None,
    messages: Annotated[int, typer.Option(min=0, help="読む電文の上限 / messages to read at most")] = MESSAGES_LIMIT,
    json_: Json = False,
) -> None:
    """記録からすべてを計算し直す。合わなければその場所を示して 1 で終わる /
    recompute everything from the records; exit 1 and the place where it breaks."""
    system = running(data_dir)

    async def work() -> Report:
        with terminal.progress() as tell:
            async with system.store() as store:
                topics = await topics_of(system.config, store)
                return await Auditor(system.keys, tell).verify(store, system.administrator, topics, messages)

    report = wait_for(work())
    if json_:
        terminal.show_json("audit", body_of(report))
    else:
        show_report(report)
    raise typer.Exit(exit_code(report))


audit_capsule.register(app)
audit_pair.register(app)
app.command("explain", epilog=audit_explain.EXAMPLE)(audit_explain.explain)
app.command("export", epilog=audit_export.EXAMPLE)(audit_export.export_)
app.command("query", epilog=audit_query.EXAMPLE)(audit_query.query_)
