"""`chukan erase`: what has expired, or is wrong, is forgotten; that it happened, when and why stays proved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import typer

from broker.adapters.postgres import PostgresStore
from broker.rules.identity import JST
from services import erasure, history_end, raw_scan
from services import purge as purging
from services.cli import raw, terminal
from services.cli.options import DataDir, Json, directory_of, example, loaded, running, wait_for
from services.erasure import Erased, Order, Step
from services.installation import Installation
from services.processes import SystemClock
from services.running import Running, topics_of

app = typer.Typer(no_args_is_help=True, help="消去 / erasing what has expired or is wrong")

Operator = Annotated[str, typer.Option(help="職員の識別子、20文字まで / operator id, up to 20 characters", min=1)]
OPERATOR_CHARACTERS = 20
WORDS = {
    "records": ("情報提供等記録の詳細", "details of records"),
    "exchanges": ("照会側の個人を示す項目", "what leads to a person, at the inquirer"),
    "provisions": ("提供側の個人を示す項目", "what leads to a person, at the provider"),
    "results": ("照会結果", "results"),
    "copies": ("終わった副本の内容", "content of copies that have ended"),
    "journal": ("電文が残っていない処理の記録", "batches of the journal without messages"),
    "outside_changes": ("その間の手作業の変更の記録", "changes by hand of that time"),
}


@app.callback()
def erase() -> None:
    """消去 / erasing what has expired or is wrong."""


def moment_of(as_of: str) -> int:
    """The end of a Japanese day in milliseconds since 1970 UTC; now for an empty text."""
    if not as_of:
        return SystemClock().now_ms()
    try:
        day = datetime.strptime(as_of, "%Y-%m-%d").replace(tzinfo=JST)
    except ValueError:
        raise typer.BadParameter("YYYY-MM-DD", param_hint="--as-of") from None
    return int(day.timestamp() * 1000) + 86_400_000


def carry_out(data_dir: DataDir, operator: str, steps: Sequence[Step], *, history: bool = False, json_: bool) -> None:
    """Order the steps and show what became of them. history: the past that no replay can reach goes, too."""
    if len(operator) > OPERATOR_CHARACTERS:
        raise typer.BadParameter(f"<= {OPERATOR_CHARACTERS}", param_hint="--operator")
    system = running(data_dir)

    async def work() -> list[Erased]:
        with terminal.progress() as tell:
            async with system.store() as store, system.voice() as say:
                done = await erasure.erase(store, say, steps, tell)
                return [*done, *(await of_history(system, store, tell) if history else ())]

    found = wait_for(work())
    if json_:
        terminal.show_json("erased", {"steps": [one._asdict() for one in found]})
    else:
        rows = [(*WORDS[one.name], f"{one.erased:,}", f"{one.left:,}") for one in found]
        terminal.show_table("消去 / erased", ("対象", "what", "消去 / erased", "残り / left"), rows)
    if any(one.left for one in found):
        raise typer.Exit(terminal.PARTIAL)


async def of_history(system: Running, store: PostgresStore, tell: erasure.Progress) -> list[Erased]:
    """The journal's steps whose messages have left Kafka."""
    first = await history_end.beginnings(system.administrator, await topics_of(system.config, store))
    gone = await history_end.let_go(store, first, tell)
    return [Erased("journal", gone.batches, 0), Erased("outside_changes", gone.changes, 0)]


AsOf = Annotated[str, typer.Option(help="この日の終わりで判定、既定は今 / judged at the end of this day; default: now")]
EXAMPLES = ("chukan erase expired --operator soumu-01", "chukan erase expired --as-of 2033-12-31 --operator soumu-01")


@app.command(epilog=example(*EXAMPLES))
def expired(
    operator: Operator,
    data_dir: DataDir = None,
    as_of: AsOf = "",
    json_: Json = False,
) -> None:
    """保存期間を過ぎたものを消去し、消去の証明を台帳に残す。電文が Kafka から消えた過去の処理の記録（再実行用）も消す /
    erase what has expired, and leave certificates of it in the logs; the journal of a past whose messages have left
    Kafka goes, too."""
    steps = erasure.expired_steps(Order(moment_of(as_of), operator))
    carry_out(data_dir, operator, steps, history=True, json_=json_)


@app.command(epilog=example("chukan erase exchange 9900123210600000-20260401000000000100 --operator soumu-01"))
def exchange(
    exchange_id: Annotated[str, typer.Argument(help="照会 / exchange id")],
    operator: Operator,
    data_dir: DataDir = None,
    json_: Json = False,
) -> None:
    """訂正のため一つの照会の内容を消去する / erase the content of one exchange, by order of correction."""
    order = Order(SystemClock().now_ms(), operator)
    carry_out(data_dir, operator, erasure.correction_steps(exchange_id, order), json_=json_)


GiveUpUnread = Annotated[
    bool, typer.Option("--unread", help="機関がまだ読んでいない応答も消す / also take replies not yet read")
]


@app.command(epilog=example("chukan erase purge --data-dir ~/chukan", "chukan erase purge --raw - < values.txt"))
def purge(
    data_dir: DataDir = None, unread: GiveUpUnread = False, look_for: raw.Raw = None, json_: Json = False
) -> None:
    """止めた設置のファイルから、消去済みのものをバイト単位で除く。読まれていない電文は残し 6 で終わる /
    take what was erased out of the files of a stopped installation, to the last byte; unread messages stay, exit 6."""
    config = loaded(data_dir)
    directory = directory_of(config)
    texts = raw.texts_of(look_for)
    with terminal.progress() as tell:
        done = purging.purge(Installation(directory, config), give_up_unread=unread, progress=tell)
        seen = raw_scan.raw_scan(directory, texts, tell) if texts else None
    if json_:
        scanned = {"scan": raw.body_of(seen)} if seen else {}
        terminal.show_json("purged", {**done._asdict(), **scanned})
    else:
        show_purged(done)
        if seen:
            raw.show(seen)
    if seen and seen.found:
        raise typer.Exit(terminal.CHECK_FAILED)
    raise typer.Exit(terminal.PARTIAL if done.kept else terminal.DONE)


def show_purged(done: purging.Purged) -> None:
    """What has gone, and what stays because nobody has read it."""
    pairs = [
        ("トピック / topics emptied", f"{done.topics:,}"),
        ("電文 / messages taken", f"{done.messages:,}"),
        ("書き直した表 / tables written anew", f"{done.tables:,}"),
        ("WAL の区分 / segments of the write-ahead log", f"{done.segments:,}"),
        ("再実行の途中の状態 / states of an interrupted replay", f"{done.notes:,}"),
    ]
    terminal.show_pairs("除いたもの / purged", pairs)
    for words, topics in (
        ("読まれないまま消した応答 / replies taken unread", done.given_up),
        ("読まれていないので残したトピック / topics that stay, unread", done.kept),
    ):
        if topics:
            terminal.show_table(
                words, ("トピック / topic", "未読 / unread"), [(one.topic, one.unread) for one in topics]
            )
