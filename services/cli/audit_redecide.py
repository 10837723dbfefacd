"""`chukan audit redecide`: past inquiries decided again, shown."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from broker.rules.permission_list import PermissionList, PermissionListError
from broker.rules.redecision import Effect
from services import lists_admin
from services.audit import national_year
from services.audit.redecide import KEPT_AT_MOST, Basis, Flip, Tally, body_of, consents_said, redecide
from services.audit.verify import MESSAGES_LIMIT
from services.cli import terminal
from services.cli.lists import content_of
from services.cli.options import DataDir, Json, example, loaded, running, wait_for
from services.processes import SystemClock
from services.running import Running, topics_of

EXAMPLE = example(
    "chukan audit redecide",
    "chukan audit redecide --list proposed.json --flips flips.jsonl",
    "chukan audit redecide --list 1 --on 20270401 --json",
    "chukan audit redecide --synthetic 1000000 --seed 1",
)
SHOWN = 20
WORDS = {
    Effect.GAINS: "新たに許可される / gains",
    Effect.LOSES: "許可されなくなる / loses",
    Effect.NARROWED: "項目が減る / narrowed",
    Effect.WIDENED: "項目が増える / widened",
    Effect.REBASED: "根拠の行だけが変わる / rebased",
    Effect.UNDECIDED: "同意の記録がなく決められない / consent unknown",
    Effect.SAME: "変わらない / same",
}

ListGiven = Annotated[
    str,
    typer.Option("--list", help="提案リストのファイルか版 / proposed list: FILE as for `list publish`, or VERSION"),
]
On = Annotated[
    str, typer.Option("--on", help="提案リストの適用日 / day to ask it on, YYYYMMDD; default: each inquiry's")
]
Flips = Annotated[Path | None, typer.Option("--flips", help="変わる照会をすべて書く JSON Lines / file for every flip")]
Keep = Annotated[int, typer.Option("--keep", min=0, max=100_000, help="示す件数の上限 / flips and findings to show")]
Synthetic = Annotated[
    int, typer.Option("--synthetic", min=0, max=100_000_000, help="架空の過去の照会で測る / measure on so many made up")
]
Processes = Annotated[int, typer.Option("--processes", min=1, max=64, help="プロセス数 / processes")]


def chosen(given: str) -> Callable[[Basis], PermissionList | None]:
    """What `--list` names, out of the versions there are or out of a file; a usage error for anything else."""

    def proposed(basis: Basis) -> PermissionList | None:
        if not given:
            return None
        if given.isdigit() and not Path(given).exists():
            found = [one for one in basis.versions if one.version == int(given)]
            if not found:
                raise typer.BadParameter(f"第{given}版はありません / there is no version {given}", param_hint="--list")
            return found[0]
        newest = max((one.version for one in basis.versions), default=0)
        try:
            return lists_admin.next_list(content_of(Path(given)), newest, SystemClock().now_ms())
        except PermissionListError as error:
            raise typer.BadParameter(f"{given}: {error}", param_hint="--list") from None

    return proposed


@contextmanager
def flips_into(file: Path | None) -> Iterator[Callable[[Flip], None]]:
    """Writes each flip as a line of JSON."""
    if file is None:
        yield lambda _: None
        return
    try:
        with file.open("w", encoding="utf-8") as lines:
            yield lambda flip: print(json.dumps(terminal.plain(flip), ensure_ascii=False), file=lines)
    except OSError as error:
        raise typer.BadParameter(f"{file}: {error}", param_hint="--flips") from None


async def decided_again(
    system: Running, given: str, on_date: str, file: Path | None, keep: int, processes: int
) -> Tally:
    """Decide everything of an installation again."""
    with terminal.progress() as tell, flips_into(file) as write:
        async with system.store() as store:
            consents: dict[str, bool] = {}
            unread = False
            if given:
                tell("consents", 0, 0)
                topics = await topics_of(system.config, store)
                consents, unread = await consents_said(system.administrator, topics, MESSAGES_LIMIT)
            tally = await redecide(
                store,
                chosen(given),
                on_date=on_date,
                consents=consents,
                kept=keep,
                processes=processes,
                each_flip=write,
                progress=tell,
            )
            tally.consents_unread = unread
            return tally


def show(tally: Tally, *, proposed: bool) -> None:
    """A tally for people."""
    terminal.show_pairs(
        "再判定 / decided again",
        (
            ("判定 / decisions", f"{tally.decided:,}"),
            ("照会 / inquiries", f"{tally.inquiries:,}"),
            ("当時のリストと合わない / do not follow from their list", f"{tally.findings.total():,}"),
            ("読めない記録 / unreadable", f"{tally.unreadable:,}"),
        ),
    )
    if tally.kept_findings:
        columns = ("照会 / id", "立場", "理由 / why", "版", "記録 / recorded", "再判定 / decided")
        terminal.show_table("合わない判定 / findings", columns, tally.kept_findings[:SHOWN])
    if proposed:
        show_impact(tally)
    terminal.out().print(terminal.mark(tally.ok))


def show_impact(tally: Tally) -> None:
    """Who gains, who loses, by which row; which procedures and institutions."""
    effects = [(WORDS[one], f"{tally.effects[one.value]:,}") for one in Effect]
    terminal.show_table("影響 / impact", ("影響 / effect", "照会 / inquiries"), effects)
    tables: tuple[tuple[str, tuple[str, ...], Any], ...] = (
        ("違いを生む行 / rows", ("影響", "行 / row", "違い / change"), tally.rows),
        ("手続 / procedures", ("影響", "事務 / affair", "手続 / procedure", "情報名 / kind"), tally.procedures),
        ("照会者 / inquirers", ("影響", "機関 / institution"), tally.inquirers),
        ("提供者 / providers", ("影響", "機関 / institution"), tally.providers),
    )
    for title, columns, counts in tables:
        rows = [(*key, f"{count:,}") for key, count in counts.most_common(SHOWN)]
        if rows:
            terminal.show_table(title, (*columns, "照会 / inquiries"), rows)
    columns = ("照会 / id", "影響", "行 / row", "違い / change", "前 / before", "後 / after")
    flips = [
        (one.exchange_id, one.effect, one.row_id, one.change, one.before, one.after) for one in tally.kept_flips[:SHOWN]
    ]
    if flips:
        terminal.show_table("変わる照会（はじめの分） / flips, the first", columns, flips)


def figures(found: national_year.Measured) -> dict[str, Any]:
    """A measurement for programs; `chukan bench` may show the same."""
    return {
        "ok": not found.tally.findings,
        "seed": found.seed,
        "inquiries": found.inquiries,
        "processes": found.processes,
        "findings": dict(found.tally.findings),
        "flips": found.impact.flips,
        "effects": {one.value: found.impact.effects[one.value] for one in Effect},
        "distinct": found.distinct,
        "decisions_a_second_and_core": {
            "memoised": round(found.in_force_rate),
            "memoised_with_impact": round(found.impact_rate),
            "cold": round(found.cold_rate),
            "from_encoded_records": round(found.records_rate),
        },
        "national_year": {
            "inquiries": national_year.NATIONAL_YEAR,
            "seconds": round(found.year_seconds(found.in_force_rate), 1),
            "seconds_with_impact": round(found.year_seconds(found.impact_rate), 1),
            "seconds_cold": round(found.year_seconds(found.cold_rate), 1),
            "seconds_from_encoded_records": round(found.year_seconds(found.records_rate), 1),
        },
        "wall_seconds": round(found.wall_seconds, 1),
        "making_seconds": round(found.making_seconds, 1),
    }


def measure(inquiries: int, seed: int, processes: int, keep: int, *, as_json: bool) -> None:
    """Past inquiries made up by seed, decided again under the clock."""
    found = national_year.measured(inquiries, seed, processes, keep)
    body = figures(found)
    if as_json:
        terminal.show_json("redecided_synthetic", body)
        return
    rates, year = body["decisions_a_second_and_core"], body["national_year"]
    terminal.show_pairs(
        f"架空の照会 {found.inquiries:,} 件 / made-up inquiries, seed {seed}, {processes} processes",
        (
            ("当時のリストと合わない / findings", f"{found.tally.findings.total():,}"),
            ("提案リストで変わる / flips", f"{found.impact.flips:,}"),
            ("異なる判定の数 / distinct verdicts remembered", f"{found.distinct:,}"),
            ("毎秒・1コア、記憶あり / decisions a second and core, memoised", f"{rates['memoised']:,}"),
            ("同、影響も / the same, with the impact", f"{rates['memoised_with_impact']:,}"),
            ("同、すべて異なり記憶なし / all distinct, nothing remembered", f"{rates['cold']:,}"),
            ("同、記録の復号から / from encoded records", f"{rates['from_encoded_records']:,}"),
            (f"全国の一年 {year['inquiries']:,} 件 / a national year, seconds", f"{year['seconds']}"),
            ("同、影響も / with the impact, seconds", f"{year['seconds_with_impact']}"),
            ("同、記憶なし / cold, seconds", f"{year['seconds_cold']}"),
            ("同、記録の復号から / from encoded records, seconds", f"{year['seconds_from_encoded_records']}"),
            ("作成を含む実時間 / wall seconds, making included", f"{found.wall_seconds:.1f}"),
        ),
    )


def redecide_verb(
    list_: ListGiven = "",
    on_date: On = "",
    flips: Flips = None,
    keep: Keep = KEPT_AT_MOST,
    synthetic: Synthetic = 0,
    seed: Annotated[int, typer.Option(min=0, help="乱数の種 / seed of `--synthetic`")] = 1,
    processes: Processes = 2,
    data_dir: DataDir = None,
    json_: Json = False,
) -> None:
    """過去の照会を当時の照合リストで判定し直す。`--list` では提案リストの影響を示す /
    decide past inquiries again under the list then in force; with `--list`, the impact of a proposed one."""
    if on_date and not (list_ and len(on_date) == 8 and on_date.isascii() and on_date.isdigit()):
        raise typer.BadParameter("--list とともに YYYYMMDD / YYYYMMDD, together with --list", param_hint="--on")
    if synthetic:
        loaded()
        measure(synthetic, seed, processes, min(keep, KEPT_AT_MOST), as_json=json_)
        return
    system = running(data_dir)
    tally = wait_for(decided_again(system, list_, on_date, flips, keep, processes))
    if json_:
        terminal.show_json("redecided", body_of(tally, proposed=bool(list_)))
    else:
        show(tally, proposed=bool(list_))
    if not tally.ok:
        raise typer.Exit(terminal.CHECK_FAILED)
    unknown = tally.consents_unread and tally.effects[Effect.UNDECIDED.value] > 0
    raise typer.Exit(terminal.PARTIAL if unknown else terminal.DONE)
