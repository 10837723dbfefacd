"""`chukan audit`: is everything the records claim so?"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from services.audit import drift as drifting
from services.audit import exchanges, logs
from services.audit.drift import LIST_LIMIT, InstitutionDrift, PostgresSource
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
from services.processes import SystemClock
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


def drift_body(one: InstitutionDrift) -> dict[str, Any]:
    """One institution for programs."""
    return {
        "institution_code": one.institution_code,
        "ok": one.ok,
        "originals": one.originals,
        "copies": one.copies,
        "original_root": one.original_root,
        "copy_root": one.copy_root,
        "buckets_apart": one.buckets_apart,
        "records_apart": one.records_apart,
        "persons_apart": len(one.persons_apart),
        "by_state": dict(one.by_state),
        "by_kind": dict(one.by_kind),
        "since": one.since,
        "queue": {"rows": one.waiting, "since": one.waiting_since, "stuck": one.stuck},
        "differences": [difference._asdict() for difference in one.differences],
        "answers": one.answers,
        "stale_answers": one.stale,
        "undetermined_answers": one.undetermined,
        "stale": [
            {**stale.answered._asdict(), "state": stale.state, "differences": [d._asdict() for d in stale.differences]}
            for stale in one.stale_answers
        ],
    }


def show_drift(one: InstitutionDrift, now: int) -> None:
    """One institution for people."""
    out = terminal.out()
    out.print(terminal.mark(one.ok))
    states = "、".join(f"{state} {count:,}" for state, count in sorted(one.by_state.items())) or "なし / none"
    pairs = [
        ("正本 / originals", f"{one.originals:,}"),
        ("副本 / copies", f"{one.copies:,}"),
        ("食い違い / records apart", f"{one.records_apart:,}（{len(one.persons_apart):,} 人 / persons）{states}"),
        ("いつから / since", f"{terminal.moment(one.since)}{age(one.since, now)}"),
        ("送信待ち / waiting to go out", f"{one.waiting:,} {terminal.moment(one.waiting_since)}"),
        ("滞留した送信 / stuck transmission", one.stuck or "—"),
        ("古い副本からの回答 / answers from stale copies", f"{one.stale:,} / {one.answers:,}"),
    ]
    terminal.show_pairs(one.institution_code, pairs)
    if one.differences:
        columns = ("統合番号 / person", "種別 / kind", "記録 / record", "状態", "いつから / since", "項目 / items")
        rows = [
            (d.integrated_number, d.spi_name_code, d.record_key, d.state, terminal.moment(d.since), " ".join(d.items))
            for d in one.differences
        ]
        terminal.show_table("食い違う副本 / stale copies", columns, rows)
    if one.stale_answers:
        columns = ("照会 / exchange", "照会者 / inquirer", "統合番号 / person", "日時 / at", "状態", "項目 / items")
        rows = [
            (
                stale.answered.exchange_id,
                stale.answered.inquirer_institution_code,
                stale.answered.integrated_number,
                terminal.moment(stale.answered.at),
                stale.state,
                " ".join(f"{d.record_key}:{d.state}:{','.join(d.items)}" for d in stale.differences),
            )
            for stale in one.stale_answers
        ]
        terminal.show_table("古い副本から出た回答 / answers from stale copies", columns, rows)


def age(since: int, now: int) -> str:
    """How long ago, in minutes, hours or days."""
    if not since:
        return ""
    minutes = max(now - since, 0) // 60_000
    return f"（{minutes // 1440} 日 {minutes // 60 % 24} 時間 {minutes % 60} 分 / d h min）"


@app.command(epilog=example("chukan audit drift", "chukan audit drift --institution 9900123210600000 --json"))
def drift(
    institution: Annotated[str, typer.Option(help="機関コード、既定はすべて / one institution; default all")] = "",
    since: Annotated[int, typer.Option(min=0, help="この時刻以降の回答 / answers since, ms since 1970 UTC")] = 0,
    limit: Annotated[int, typer.Option(min=0, help="一覧の上限、0 は無制限 / longest list, 0 for none")] = LIST_LIMIT,
    data_dir: DataDir = None,
    json_: Json = False,
) -> None:
    """正本と副本を比べ、古い副本と、そこから出た回答を示す。あれば 1 で終わる /
    compare originals with copies: who is stale, which items, since when, and what was answered from it."""
    system = running(data_dir)

    async def work() -> list[InstitutionDrift]:
        with terminal.progress() as tell:
            async with system.store() as store, store.snapshot() as snapshot:
                return await drifting.drift(PostgresSource(snapshot), institution, since, limit, tell)

    found = wait_for(work())
    ok = all(one.ok for one in found)
    if json_:
        terminal.show_json("drift", {"ok": ok, "institutions": [drift_body(one) for one in found]})
    else:
        for one in found:
            show_drift(one, SystemClock().now_ms())
    raise typer.Exit(terminal.DONE if ok else terminal.CHECK_FAILED)


audit_capsule.register(app)
audit_pair.register(app)
app.command("explain", epilog=audit_explain.EXAMPLE)(audit_explain.explain)
app.command("export", epilog=audit_export.EXAMPLE)(audit_export.export_)
app.command("query", epilog=audit_query.EXAMPLE)(audit_query.query_)
