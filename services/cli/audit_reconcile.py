"""`chukan audit reconcile`: the three parties' records matched, shown."""

from __future__ import annotations

import resource
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from broker.rules.reconciliation import LATE_MS, LIMITS, MEANINGS, Verdict
from services.audit import reconcile_synthetic
from services.audit.reconcile import Reconciled, State, body_of, reconcile
from services.audit.reconcile_store import opened
from services.cli import terminal
from services.cli.options import DataDir, Json, example, loaded, running, wait_for
from services.processes import SystemClock
from services.running import Running

EXAMPLE = example(
    "chukan audit reconcile",
    "chukan audit reconcile --state ~/reconciled --json",
    "chukan audit reconcile --synthetic 1000000 --seed 1",
)
SHOWN = 20
WORDS = {one.verdict: one.ja for one in MEANINGS}

StateDir = Annotated[
    Path | None,
    typer.Option("--state", help="続きから始めるためのディレクトリ / directory that the next run goes on from"),
]
LateAfter = Annotated[
    int,
    typer.Option("--late-after", min=1, max=31_536_000, help="遅延とする秒数 / seconds to lateness"),
]
Synthetic = Annotated[
    int,
    typer.Option("--synthetic", min=0, max=10_000_000, help="架空の照会で測る / measure on so many made up"),
]


@contextmanager
def kept_in(directory: Path | None) -> Iterator[Path]:
    """The directory of the state; without one, a run stands alone and leaves nothing behind."""
    if directory is not None:
        yield directory
        return
    with tempfile.TemporaryDirectory(prefix="chukan-reconcile-") as made:
        yield Path(made)


async def matched(system: Running, state: State, late_after_seconds: int) -> Reconciled:
    """One run over an installation."""
    limits = LIMITS._replace(late_ms=late_after_seconds * 1000)
    with terminal.progress() as tell:
        async with system.store() as store:
            return await reconcile(lambda: opened(store), state, SystemClock().now_ms, limits=limits, progress=tell)


def show(found: Reconciled) -> None:
    """A run for people."""
    rows = [(one.value, WORDS[one], f"{found.verdicts[one]:,}") for one in Verdict]
    rows.append(("—", "まだ終わっていない / still under way", f"{found.waiting:,}"))
    terminal.show_table("三者の記録の突合 / reconciliation", ("判定 / verdict", "", "照会 / exchanges"), rows)
    if found.examples:
        bad = [(one.exchange_id, ", ".join(one.verdicts), "\n".join(one.reasons)) for one in found.examples[:SHOWN]]
        terminal.show_table("合わない照会 / not in order", ("照会 / id", "判定 / verdict", "理由 / why"), bad)
    if found.amendments:
        changed = [(one.exchange_id, ", ".join(one.before), ", ".join(one.after)) for one in found.amendments[:SHOWN]]
        terminal.show_table("改めた判定 / amended", ("照会 / id", "前 / before", "後 / after"), changed)
    terminal.out().print(
        f"今回 {found.judged:,} 件を判定、{found.amended:,} 件を改め、あわせて {found.exchanges:,} 件 / "
        f"{found.judged:,} judged now, {found.amended:,} amended, {found.exchanges:,} in all"
    )
    terminal.out().print(terminal.mark(found.ok))


def peak_bytes() -> int:
    """The largest resident set of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def figures(found: reconcile_synthetic.Measured) -> dict[str, Any]:
    """A measurement for programs; `chukan bench` may show the same."""
    return {
        "ok": found.perfect,
        "seed": found.seed,
        "exchanges": found.exchanges,
        "seconds": [round(one, 1) for one in found.seconds],
        "making_seconds": round(found.made_seconds, 1),
        "wall_seconds": round(found.wall_seconds, 1),
        "peak_bytes": peak_bytes(),
        "state_bytes": found.state_bytes,
        "runs": [
            {
                "judged": run.judged,
                "amended": run.amended,
                "waiting": run.waiting,
                "exchanges": run.exchanges,
                "verdicts": [
                    {**score._asdict(), "precision": score.precision, "recall": score.recall} for score in scores
                ],
            }
            for run, scores in zip(found.runs, found.scores, strict=True)
        ],
    }


def measure(exchanges: int, seed: int, directory: Path, *, as_json: bool) -> NoReturn:
    """Exchanges made up by seed with every kind of fault, matched in two runs and held against the truth."""
    found = reconcile_synthetic.measured(exchanges, seed, directory)
    body = figures(found)
    if as_json:
        terminal.show_json("reconciled_synthetic", body)
    else:
        for place, (run, scores) in enumerate(zip(found.runs, found.scores, strict=True)):
            title = f"第{place + 1}回 / run {place + 1}: {run.judged:,} judged, {run.amended:,} amended, "
            title += f"{found.seconds[place]:.1f} s"
            rows = [(s.verdict, f"{s.right:,}", s.wrong, s.unfound, s.precision, s.recall) for s in scores]
            columns = ("判定 / verdict", "正 / right", "誤 / wrong", "漏れ / unfound", "precision", "recall")
            terminal.show_table(title, columns, rows)
        terminal.out().print(
            f"最大 / peak {body['peak_bytes'] / 1e6:,.0f} MB, 状態 / state {found.state_bytes / 1e6:,.0f} MB, "
            f"実時間 / wall {found.wall_seconds:.1f} s（うち作成 / of it making {found.made_seconds:.1f} s）"
        )
    raise typer.Exit(terminal.DONE if found.perfect else terminal.CHECK_FAILED)


def reconcile_verb(
    state: StateDir = None,
    late_after: LateAfter = LATE_MS // 1000,
    synthetic: Synthetic = 0,
    seed: Annotated[int, typer.Option(min=0, help="乱数の種 / seed of `--synthetic`")] = 1,
    data_dir: DataDir = None,
    json_: Json = False,
) -> None:
    """照会者・ネットワーク・提供者の記録を一件ごとに突き合わせる。`--state` があれば前回の続きから /
    match the three parties' records exchange by exchange; with `--state`, on from where the last run stopped."""
    if synthetic:
        loaded()
        with kept_in(None) as directory:
            measure(synthetic, seed, directory, as_json=json_)
    system = running(data_dir)
    with kept_in(state) as directory:
        kept = State(directory, sha256(system.keys.network_public.public_bytes_raw()).hexdigest()[:16])
        try:
            found = wait_for(matched(system, kept, late_after))
        finally:
            kept.close()
    if json_:
        terminal.show_json("reconciled", body_of(found))
    else:
        show(found)
    raise typer.Exit(terminal.DONE if found.ok else terminal.CHECK_FAILED)
