"""`chukan audit replay`: the past decided again, and whether it comes out as it did."""

from __future__ import annotations

import re
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop

from broker.errors import ConfigurationFault
from broker.keys import Keys
from broker.rules.identity import JST
from broker.topics import Topics
from schemas.records import Outcome
from services.assembly import terms_of
from services.audit import replay_export
from services.audit.replay_compare import CHANCE, Difference, shown
from services.audit.replay_export import ExportedHistory
from services.audit.replay_history import History, Unreplayable, live
from services.audit.replay_run import STATE_FILE, Interrupted, Keeper, Report, Wanted
from services.audit.replay_run import replay as replay_history
from services.cli import terminal
from services.cli.options import DataDir, Json, directory_of, example, loaded, running
from services.installation import Installation
from services.processes import SystemRandomness, read_keys
from services.running import Running, topics_of
from services.world import Plan, World

SHOWN = 50
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
EXAMPLE = example(
    "chukan audit replay",
    "chukan audit replay --from 2026-11-01 --to 2026-11-30 --institution 9900123210600000 --json",
    "chukan audit replay --export ~/history",
    "chukan audit replay --read ~/history",
)


def moment_of(text: str, name: str, *, end: bool = False) -> int:
    """Milliseconds since 1970 UTC of a day or moment, Japanese time unless it says otherwise; a day ends with its last
    millisecond."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text}: 2026-11-24 か 2026-11-24T10:00 の形で / as 2026-11-24 or with a time", param_hint=name
        ) from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=JST)
    if end and DAY.fullmatch(text):
        return int((found + timedelta(days=1)).timestamp() * 1000) - 1
    return int(found.timestamp() * 1000)


def wanted_of(first: str, last: str, institution: str, exchange: str, outcome: str) -> Wanted:
    """The filters as typed."""
    if outcome and outcome not in Outcome.__members__:
        known = ", ".join(Outcome.__members__)
        raise typer.BadParameter(f"{outcome}: {known}", param_hint="--outcome")
    return Wanted(
        moment_of(first, "--from") if first else 0,
        moment_of(last, "--to", end=True) if last else 2**62,
        institution,
        exchange,
        outcome,
    )


def plan_of(system: Running) -> Plan:
    """The plan of the world that the tables began with."""
    plan = system.installation.plan() if system.installation else None
    if plan is None:
        raise ConfigurationFault(
            "設置先の installation.json がありません。--data-dir を指定してください / "
            "the installation's own directory is needed, for what its tables began with; give --data-dir"
        )
    return plan


@asynccontextmanager
async def live_history(system: Running) -> AsyncIterator[tuple[History, Topics]]:
    """The history of a running installation."""
    async with system.store() as store:
        topics = await topics_of(system.config, store)
        async with live(store, system.administrator, topics) as history:
            yield history, topics


@contextmanager
def stoppable(keeper: Keeper) -> Iterator[None]:
    """SIGINT and SIGTERM stop the replay between two batches, its state kept."""

    def stop(*_: Any) -> None:
        keeper.stopping = True

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def body_of(report: Report) -> dict[str, Any]:
    """The report for programs."""
    return {
        "identical": report.identical,
        "partial": report.partial,
        "exchanges": report.exchanges,
        "exchanges_compared": report.wanted,
        "batches": report.counts.batches,
        "messages_read": report.counts.messages_read,
        "messages_compared": report.counts.messages_compared,
        "rows_compared": report.counts.rows_compared,
        "overlaps": report.counts.overlaps,
        "seconds": round(report.seconds, 3),
        "exchanges_per_second": round(report.per_second, 1),
        "gone_on": report.gone_on,
        "differences": [body_of_difference(one) for one in report.differences],
        "differences_found": report.counts.differences,
        "chance": [one._asdict() for one in CHANCE],
    }


def body_of_difference(one: Difference) -> dict[str, Any]:
    """One difference for programs."""
    return {
        "exchange_id": one.exchange_id,
        "where": one.where,
        "what": one.what,
        "field": one.field,
        "then": shown(one.then),
        "now": shown(one.now),
        "at": one.at,
    }


def show_report(report: Report) -> None:
    """The report for people."""
    out = terminal.out()
    columns = ("照会 / exchange id", "どこ / where", "何 / what", "項目 / field", "当時 / then", "いま / now")
    rows = [
        (one.exchange_id or "—", one.where, one.what, one.field or "—", str(shown(one.then)), str(shown(one.now)))
        for one in report.differences[:SHOWN]
    ]
    if rows:
        terminal.show_table("当時と違うところ / what is not as it was", columns, rows)
    if len(report.differences) > SHOWN:
        out.print(f"ほか {len(report.differences) - SHOWN:,} 件は --json で / the others with --json")
    touched = len({one.exchange_id for one in report.differences if one.exchange_id})
    verdict = terminal.mark(report.identical)
    out.print(verdict)
    out.print(
        f"照会 {report.exchanges:,} 件を最初から再実行し、{report.wanted:,} 件を比べました。違い "
        f"{len(report.differences):,} 件（照会 {touched:,} 件）\n"
        f"replayed {report.exchanges:,} exchanges from the beginning and compared {report.wanted:,}: "
        f"{len(report.differences):,} differences in {touched:,} exchanges\n"
        f"{report.counts.batches:,} batches, {report.counts.messages_compared:,} messages and "
        f"{report.counts.rows_compared:,} rows compared, {report.counts.overlaps} overlapping transactions; "
        f"{report.seconds:.1f} s, {report.per_second:,.0f} exchanges/s"
    )
    if report.partial:
        out.print("違いが多すぎるため、最初の分だけを残しました / only the first differences were kept")


def exit_code(report: Report) -> int:
    """1 when something is not as it was, 6 when more may be, else 0."""
    if not report.identical:
        return terminal.CHECK_FAILED
    return terminal.PARTIAL if report.partial else terminal.DONE


def replay(
    data_dir: DataDir = None,
    first: Annotated[str, typer.Option("--from", help="この日時から照会されたもの / asked from")] = "",
    last: Annotated[str, typer.Option("--to", help="この日時までに照会されたもの / asked until")] = "",
    institution: Annotated[str, typer.Option(help="照会側か提供側の機関コード / of either side")] = "",
    exchange: Annotated[str, typer.Option(help="照会の ID / one exchange id")] = "",
    outcome: Annotated[str, typer.Option(help="結果。当時か今 / an outcome, then or now")] = "",
    export: Annotated[
        Path | None,
        typer.Option("--export", help="再実行せず、過去をこのディレクトリに書き出す / write the past there"),
    ] = None,
    read: Annotated[Path | None, typer.Option("--read", help="書き出した過去を読む / read what was exported")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="中断した続きでなく最初から / do not go on")] = False,
    json_: Json = False,
) -> None:
    """過去の電文を本物のサービスでもう一度処理し、当時と一件ずつ比べる。何も送らず、何も書かない。絞り込みは比べるものを選び、
    状態はいつも最初の電文から作り直す。違いがあれば 1 / decide the past again with the real services, sealed off, and
    compare with what happened; filters choose what is compared, state is rebuilt from the first message; exit 1 when
    something is not as it was."""
    wanted = wanted_of(first, last, institution, exchange, outcome)
    try:
        if export is not None:
            write_out(running(data_dir), export, as_json=json_)
            return
        report = from_export(data_dir, read, wanted, fresh) if read else from_running(data_dir, wanted, fresh)
    except (Unreplayable, Interrupted) as fault:
        terminal.talk(str(fault))
        raise typer.Exit(terminal.PARTIAL) from None
    if json_:
        terminal.show_json("replay", body_of(report))
    else:
        show_report(report)
    raise typer.Exit(exit_code(report))


def write_out(system: Running, directory: Path, *, as_json: bool) -> None:
    """Export the history of a running installation."""
    plan = plan_of(system)

    async def work() -> int:
        with terminal.progress() as tell:
            async with live_history(system) as (history, topics):
                return await replay_export.export(history, topics, plan, directory, tell)

    messages = uvloop.run(work())
    if as_json:
        terminal.show_json("replay_export", {"directory": str(directory), "messages": messages})
    else:
        terminal.out().print(
            f"{directory} に電文 {messages:,} 件を書き出しました / {messages:,} messages are there now\n"
            f"次に / next: chukan audit replay --read {directory}"
        )


def from_running(data_dir: Path | None, wanted: Wanted, fresh: bool) -> Report:
    """Replay a running installation."""
    system = running(data_dir)
    world = World(plan_of(system), system.keys)
    assert system.installation is not None
    keeper = Keeper(system.installation.run / STATE_FILE)

    async def work() -> Report:
        with terminal.progress() as tell:
            async with live_history(system) as (history, topics):
                return await replay_history(
                    history,
                    system.keys,
                    SystemRandomness(),
                    world,
                    topics.partitions,
                    wanted,
                    keeper,
                    tell,
                    terms=terms_of(loaded(data_dir), world.plan.institutions),
                    fresh=fresh,
                )

    with stoppable(keeper):
        return uvloop.run(work())


def from_export(data_dir: Path | None, directory: Path, wanted: Wanted, fresh: bool) -> Report:
    """Replay an export; of the installation only its keys are needed."""
    history = ExportedHistory(directory)
    keys = keys_of(data_dir)
    keeper = Keeper(directory / STATE_FILE)
    world = World(history.plan, keys)

    async def work() -> Report:
        with terminal.progress() as tell:
            return await replay_history(
                history,
                keys,
                SystemRandomness(),
                world,
                history.shards,
                wanted,
                keeper,
                tell,
                terms=terms_of(loaded(data_dir), world.plan.institutions),
                fresh=fresh,
            )

    try:
        with stoppable(keeper):
            return uvloop.run(work())
    finally:
        history.close()


def keys_of(data_dir: Path | None) -> Keys:
    """The installation's keys: those in its directory, or those the settings name."""
    config = loaded(data_dir)
    if data_dir is None and config.master_secret_file:
        return read_keys(config)
    directory = directory_of(config)
    if not (directory / "installation.json").exists():
        raise ConfigurationFault(f"{directory} に設置先がありません / there is no installation, whose keys are needed")
    return Installation(directory, config).keys
