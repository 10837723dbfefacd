"""`chukan demo`: starts everything, plays the story of `services.demo`, and tells it."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from services import demo as story
from services.cli import audit, records, terminal
from services.cli.options import DataDir, Json, loaded
from services.demo import Evidence, Step
from services.installation import Installation
from services.processes import SystemClock
from services.running import attach
from services.up import System
from services.world import HOUSEHOLD, LOCAL_TAX, VACCINATION, World

KINDS = {VACCINATION: "予防接種の記録", HOUSEHOLD: "世帯・資格の情報", LOCAL_TAX: "地方税の情報"}
ATTRIBUTES = {
    "procedure_code": "事務手続",
    "spi_name_code": "特定個人情報名",
    "affair_code": "事務",
    "consent_obtained": "本人の同意",
}


@contextmanager
def place(data_dir: Path | None, *, keep: bool) -> Iterator[Path]:
    """The given directory, or a new one that is gone afterwards unless it is to be kept."""
    if data_dir is not None:
        if (data_dir / "installation.json").exists():
            raise typer.BadParameter(
                f"{data_dir} にはすでに世界があります。新しいディレクトリを指定してください / "
                "there is a world already; the demo wants a new directory"
            )
        yield data_dir.absolute()
        return
    made = Path(tempfile.mkdtemp(prefix="chukan-demo-"))
    made.chmod(0o711)  # PostgreSQL started by root runs as a user of its own, who must pass through
    try:
        yield made
    finally:
        if not keep:
            shutil.rmtree(made, ignore_errors=True)


class Teller:
    """Tells the steps to people, one after the other."""

    def __init__(self, world: World) -> None:
        self._names = world.names
        self._count = 0

    def __call__(self, step: Step) -> None:
        """One step."""
        self._count += 1
        out = terminal.out()
        out.print(Text.assemble(f"\n{self._count:2}  ", (step.title_ja, "bold"), f"\n    {step.title_en}"))
        if step.inquirer:
            kind = f"{KINDS.get(step.kind, '')} {step.kind}"
            out.print(f"    {self._names[step.inquirer]} → {self._names[step.provider]}  {kind}")
        for japanese, english in step.notes:
            out.print(f"    {japanese} / {english}")
        verdict = Text.assemble("    結果 / outcome: ", (step.outcome, "bold green" if step.ok else "bold red"))
        verdict.append(f" {step.rule}  {step.seconds:.2f} s" if step.rule else f"  {step.seconds:.2f} s")
        out.print(verdict)
        if step.reason_ja:
            out.print(f"    {step.reason_ja} / {step.reason_en}")
        if step.nearest[0]:
            row, attribute, value = step.nearest
            out.print(
                f"    最も近い行 / nearest row: {row}（{ATTRIBUTES.get(attribute, attribute)}が {value} なら許可 / "
                f"allowed if {attribute} were {value}）"
            )
        for key, items in step.items:
            values = "  ".join(f"{item.code}={item.value or item.absence}" for item in items)
            out.print(f"    開封した回答 / unsealed answer [{key}] {values}")
        if not step.ok:
            out.print(Text(f"    期待 / expected: {' '.join(filter(None, step.expected))}", style="bold red"))


def body_of(steps: Sequence[Step], evidence: Evidence, ready: float, seconds: float) -> dict[str, Any]:
    """The story for programs."""
    return {
        "ok": is_good(steps, evidence),
        "ready_seconds": round(ready, 3),
        "seconds": round(seconds, 3),
        "steps": [
            {
                "name": step.name,
                "ok": step.ok,
                "expected": step.expected._asdict(),
                "outcome": step.outcome,
                "rule": step.rule,
                "reason_ja": step.reason_ja,
                "reason_en": step.reason_en,
                "nearest": {"row_id": step.nearest[0], "attribute": step.nearest[1], "value": step.nearest[2]}
                if step.nearest[0]
                else None,
                "inquirer": step.inquirer,
                "provider": step.provider,
                "kind": step.kind,
                "exchange_id": step.exchange_id,
                "records": [
                    {"record_key": key, "items": [item._asdict() for item in items]} for key, items in step.items
                ],
                "seconds": round(step.seconds, 3),
            }
            for step in steps
        ],
        "exchange_id": evidence.exchange_id,
        "records": [records.body_of(kept) for kept in evidence.kept],
        "audit": audit.body_of(evidence.report),
    }


def is_good(steps: Sequence[Step], evidence: Evidence) -> bool:
    """Whether every step ended as it must, with three records, all of them signed and in order."""
    whole = len(evidence.kept) == len(records.PARTIES) and evidence.report.signed_records == evidence.report.records
    return all(step.ok for step in steps) and whole and evidence.report.ok and not evidence.report.partial


def show_end(steps: Sequence[Step], evidence: Evidence, seconds: float, directory: Path, *, kept: bool) -> None:
    """The records of one exchange, the audit, and what to type next."""
    out = terminal.out()
    out.print()
    records.show_side_by_side(evidence.exchange_id, evidence.kept)
    audit.show_report(evidence.report)
    good = sum(step.ok for step in steps)
    out.print(f"\n{good}/{len(steps)} の場面が期待どおり、{seconds:.1f} 秒 / as expected, in {seconds:.1f} s")
    where = f" --data-dir {directory}" if kept else ""
    out.print(
        f"\n次に / what to type next:\n"
        f"  chukan up{where}                         # 動かし続ける / keep it running\n"
        f"  chukan inquiry send --resident 7{where}  # 別の端末で照会する / ask, in another terminal\n"
        f"  chukan records list{where}               # 記録を見る / look at the records\n"
        f"  chukan audit verify{where}               # 監査する / audit them"
    )


def ended(*_: object) -> None:
    """SIGTERM ends the demo in order: everything it started is stopped."""
    sys.exit(128 + signal.SIGTERM)


def demo(
    data_dir: DataDir = None,
    keep: Annotated[bool, typer.Option("--keep", help="一時ディレクトリを残す / leave the directory there")] = False,
    json_: Json = False,
) -> None:
    """自治体どうしの照会を一通り実演する / play a dozen exchanges, each with its expected end."""
    started = time.monotonic()
    config = loaded(data_dir)
    signal.signal(signal.SIGTERM, ended)
    with place(data_dir, keep=keep) as directory:
        terminal.talk("Kafka・PostgreSQL・全サービスを起動しています / starting Kafka, PostgreSQL and all services …")
        plan = story.PLAN._replace(at=SystemClock().now_ms())
        with System(Installation(directory, config), plan) as system:
            ready = time.monotonic() - started
            terminal.talk(f"{ready:.1f} 秒で準備完了 / ready in {ready:.1f} s: {system.ready_line()}")
            tell = (lambda _: None) if json_ else Teller(system.world)
            running = attach(config, directory, chosen=True)
            steps, evidence = asyncio.run(story.play(running, system.world, tell, terminal.talk))
        seconds = time.monotonic() - started
        if json_:
            terminal.show_json("demo", body_of(steps, evidence, ready, seconds))
        else:
            show_end(steps, evidence, seconds, directory, kept=keep or data_dir is not None)
    raise typer.Exit(terminal.DONE if is_good(steps, evidence) else terminal.CHECK_FAILED)
