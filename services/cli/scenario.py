"""`chukan scenario`: whole stories of the assessment, in memory or on real parts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from services.cli import terminal
from services.cli.demo import place
from services.cli.options import DataDir, Json, directory_of, example, loaded, wait_for
from services.running import NotRunning, attach
from services.scan import Scan
from services.scenarios import form, play, rehearsal
from services.scenarios.form import Scenario
from services.scenarios.play import Played
from services.scenarios.verbs import VERBS
from services.world import World

app = typer.Typer(no_args_is_help=True, help="評価書の業務シナリオ / scenarios of the assessment")

Memory = Annotated[bool, typer.Option("--memory", help="メモリ上で、仮想の時計で / in memory, on a virtual clock")]
All = Annotated[bool, typer.Option("--all", help="すべてのシナリオ / every scenario")]

TEMPLATE = """title_ja = "（題名）"
title_en = "(title)"
source = "III-6 リスク1(1)"
shortened = ""

[actors.institutions]
kariya = "刈谷市"
toyota = "豊田市"

[actors.people]
akari = {{ home = "kariya", previous = "toyota" }}

# 動詞 / verbs: {verbs}
[[step]]
do = "ask"
name = "history"
person = "akari"
expect = {{ outcome = "OK", records = 1 }}

[records]
history = ["INQUIRER OK", "NETWORK OK", "PROVIDER OK"]
"""


@app.callback()
def scenario() -> None:
    """評価書の業務シナリオ / scenarios of the assessment."""


@app.command("list", epilog=example("chukan scenario list", "chukan scenario list --json"))
def list_(json_: Json = False) -> None:
    """シナリオの一覧 / the scenarios that come with the program."""
    found = [form.load(name) for name in form.names()]
    if json_:
        rows = [one._asdict() | {"steps": len(one.steps), "own": rehearsal.needs_own(one)} for one in found]
        keys = ("name", "title_ja", "title_en", "source", "shortened", "stages", "steps", "own")
        terminal.show_json("scenarios", {"scenarios": [{key: row[key] for key in keys} for row in rows]})
        return
    rows_ = [(one.name, one.title_ja, one.title_en, len(one.steps), one.source) for one in found]
    terminal.show_table("シナリオ / scenarios", ("名前 / id", "題名", "title", "段 / steps", "出典 / source"), rows_)


@app.command(epilog=example("chukan scenario run --all --memory", "chukan scenario run dv_hold --json"))
def run(
    names: Annotated[
        list[str] | None, typer.Argument(help="名前か TOML ファイル / names, or files of your own")
    ] = None,
    all_: All = False,
    memory: Memory = False,
    data_dir: DataDir = None,
    json_: Json = False,
) -> None:
    """シナリオを実行する。実物（組み込みの Kafka と PostgreSQL、または稼働中の環境）か、メモリ上で /
    play scenarios on real parts of their own, in a running installation (--data-dir), or in memory."""
    if bool(names) == all_:
        raise typer.BadParameter("名前か --all のどちらかを / give names or --all")
    chosen = [opened(name) for name in names or form.names()]
    tell = (lambda _: None) if json_ else show
    if memory:
        away = [one.name for one in chosen if "memory" not in one.stages]
        if away and not all_:
            raise typer.BadParameter(f"{', '.join(away)}: 実物だけで実行できます / for real parts alone")
        if away:
            terminal.talk(f"実物だけのもの / left out, for real parts alone: {', '.join(away)}")
        chosen = [one for one in chosen if "memory" in one.stages]
        played = []
        for one in chosen:
            played.append(play.in_memory(one))
            tell(played[-1])
        finish(played, None, json_=json_)
    played, seen = real(chosen, data_dir, tell)
    finish(played, seen, json_=json_)


def opened(name: str) -> Scenario:
    """A scenario of ours, or a file."""
    path = Path(name)
    return form.parse(path.stem, path.read_text(encoding="utf-8")) if path.suffix == ".toml" else form.load(name)


def real(chosen: list[Scenario], data_dir: Path | None, tell: rehearsal.Tell) -> tuple[list[Played], Scan]:
    """In the running installation of that directory, or in one of their own."""
    config = loaded(data_dir)
    if data_dir is not None:
        try:
            running = attach(config, directory_of(config), chosen=True)
        except NotRunning:
            terminal.talk("新しい環境で実行します / nothing runs there: a new installation is made")
        else:
            plan = running.installation.plan() if running.installation else None
            if plan is None:
                raise typer.BadParameter("この環境の世界が分かりません / the world of that installation is not known")
            world = World(plan, running.keys)
            return wait_for(rehearsal.on_stage(running, world, None, chosen, tell))
    with place(data_dir, keep=False) as directory:
        terminal.talk("Kafka・PostgreSQL・全サービスを起動しています / starting Kafka, PostgreSQL and all services …")
        return rehearsal.in_own_installation(directory, config, chosen, tell)


@app.command(epilog=example("chukan scenario new my_case > my_case.toml"))
def new(
    name: Annotated[str, typer.Argument(help="新しいシナリオの名前 / name of the new scenario")], json_: Json = False
) -> None:
    """雛形を標準出力に書く / a template on standard output."""
    text = TEMPLATE.format(verbs=", ".join(VERBS))
    form.parse(name, text)
    if json_:
        terminal.show_json("scenario_template", {"name": name, "text": text})
    else:
        terminal.out().print(text, end="")


def show(one: Played) -> None:
    """A play for people."""
    out = terminal.out()
    out.print(Text.assemble(terminal.mark(one.ok), f" {one.scenario.name}  ", (one.scenario.title_ja, "bold")))
    out.print(f"     {one.scenario.title_en}  ({len(one.seen)}/{len(one.scenario.steps)} steps, {one.seconds:.2f} s)")
    for seen in one.seen:
        for key, (wanted, got) in seen.wrong.items():
            where = f"{one.scenario.name}.toml:{seen.step.line} {seen.step.name}"
            out.print(Text(f"     {where}: {key}: 期待 / expected {wanted!r}, 実際 / seen {got!r}", style="bold red"))
        if seen.fault:
            out.print(Text(f"     {one.scenario.name}.toml:{seen.step.line} {seen.fault}", style="bold red"))
    for step, wanted, got in one.missing:
        out.print(Text(f"     記録 / records of {step}: {list(wanted)} / {list(got)}", style="bold red"))
    for leak in one.leaks:
        out.print(Text(f"     {leak}", style="bold red"))


def body_of(one: Played) -> dict[str, Any]:
    """A play for programs."""
    return {
        "name": one.scenario.name,
        "ok": one.ok,
        "stage": one.stage,
        "seconds": one.seconds,
        "shortened": one.scenario.shortened,
        "steps": [
            {
                "name": s.step.name,
                "line": s.step.line,
                "do": s.step.verb,
                "expect": s.step.expect,
                "got": s.got,
                "wrong": s.wrong,
                "fault": s.fault,
            }
            for s in one.seen
        ],
        "records": [record._asdict() for record in one.records],
        "missing": one.missing,
        "leaks": one.leaks,
    }


def finish(played: list[Played], seen: Scan | None, *, json_: bool) -> None:
    """The end: exit 0 when every play went as its file says and nothing lay where it must not."""
    good = sum(one.ok for one in played)
    clean = seen is None or not seen.found
    if json_:
        looked = None if seen is None else {"messages": seen.messages, "rows": seen.rows, "found": dict(seen.found)}
        body = {"ok": good == len(played) and clean, "scenarios": [body_of(one) for one in played], "scan": looked}
        terminal.show_json("scenario_run", body)
    else:
        seconds = sum(one.seconds for one in played)
        terminal.out().print(f"{good}/{len(played)} 件が期待どおり / as expected, {seconds:.1f} s")
        if seen is not None:
            for rule, where in seen.places:
                terminal.out().print(Text(f"{rule}: {where}", style="bold red"))
            terminal.out().print(
                f"走査 / scan: {seen.messages:,} messages, {seen.rows:,} rows, {seen.files} files: "
                f"{sum(seen.found.values())} found"
            )
    raise typer.Exit(terminal.DONE if good == len(played) and clean else terminal.CHECK_FAILED)
