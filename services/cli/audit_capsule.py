"""`chukan audit capsule`, `open` and `verifier`: one file that shows an exchange was lawful, and what opens it."""

from __future__ import annotations

import asyncio
import sys
import time
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import typer

from broker.adapters.postgres import PostgresStore
from broker.rules import capsule, checkpoint, evidence
from broker.rules.capsule import Verified
from broker.rules.evidence import PairProof, Refused
from broker.topics import Topics
from services.audit import capsules
from services.audit.capsules import NotSigned
from services.cli import terminal
from services.cli.options import DataDir, Json, Wait, example, running, wait_for
from services.processes import SystemClock
from services.running import topics_of

Out = Annotated[Path, typer.Option("-o", "--output", help="書き出すファイル / file to write", dir_okay=False)]
File = Annotated[Path, typer.Argument(help="証明のファイル / proof file", exists=True, dir_okay=False)]

POLL_SECONDS = 0.5


def written(path: Path, data: bytes, kind: str, *, json_: bool) -> None:
    """Leave the file and say so."""
    path.write_bytes(data)
    if json_:
        terminal.show_json(kind, {"file": str(path), "bytes": len(data)})
    else:
        terminal.talk(f"{path}: {len(data):,} バイト / bytes")


def make(
    exchange_id: Annotated[str, typer.Argument(help="照会 / exchange id")],
    output: Out,
    wait: Wait = 30.0,
    data_dir: DataDir = None,
    json_: Json = False,
) -> None:
    """一つの照会が適法だったことを示す一つのファイルを作る / make the one file that shows an exchange was lawful."""
    system = running(data_dir)

    async def work() -> bytes:
        async with system.store() as store:
            topics = await topics_of(system.config, store)
            return await once_signed(store, topics)

    async def once_signed(store: PostgresStore, topics: Topics) -> bytes:
        access, keys, deadline = system.administrator, system.keys, time.monotonic() + wait
        while True:
            try:
                now = SystemClock().now_ms()
                return await capsules.make_capsule(store, access, topics, keys, exchange_id, now)
            except NotSigned:
                if time.monotonic() > deadline:
                    raise
            await asyncio.sleep(POLL_SECONDS)

    written(output, wait_for(work()), "capsule", json_=json_)


Root = Annotated[str, typer.Option("--root", help="信頼する公開鍵、16進 / the root key one trusts, hexadecimal")]
Held = Annotated[
    list[Path] | None,
    typer.Option("--checkpoint", help="手元の署名付きチェックポイント / a checkpoint you hold", exists=True),
]
With = Annotated[
    Path | None,
    typer.Option("--with", help="消去後のカプセル / a capsule made after the erasure", exists=True, dir_okay=False),
]


def open_(
    file: File,
    root: Root = "",
    held: Held = None,
    later: With = None,
    json_: Json = False,
) -> None:
    """証明のファイルを検証して示す / verify a proof file and show what it proves."""
    try:
        trusted = evidence.raw(root, 32) if root else None
        document = evidence.opened(file.read_bytes(), trusted)
        body = OPENERS.get(document.get("format", ""), unknown)(document, trusted, held or [], later)
    except Refused as refused:
        if json_:
            terminal.show_json("proof", {"holds": False, "rule": refused.rule.value, "text": str(refused)})
        else:
            terminal.talk(f"成立しません / does not hold: {refused}")
        raise typer.Exit(terminal.CHECK_FAILED) from None
    body = {"holds": True, "format": document["format"], "root": document["root"], "root_trusted": bool(root), **body}
    if json_:
        terminal.show_json("proof", body)
    else:
        show(body)


def show(body: dict[str, Any]) -> None:
    """A verified proof for people."""
    pairs = [(name, value) for name, value in body.items() if not isinstance(value, list | dict)]
    terminal.show_pairs("証明 / proof", pairs)
    for text in body.get("summary", {}).values():
        terminal.out().print(text)
    for one in body.get("erased", []):
        terminal.out().print(
            f"存在し、規則 {one['rule']} により消去済み / existed, erased under rule {one['rule']}: {one['party']}"
        )
    if not body["root_trusted"]:
        terminal.talk("--root で信頼する鍵と比べてください / compare the root key with the one you trust: --root")


def open_capsule(document: dict[str, Any], trusted: bytes | None, _: list[Path], later: Path | None) -> dict[str, Any]:
    """A capsule, with the certificates of a later one."""
    erasures: list[Any] = []
    if later is not None:
        other = evidence.opened(later.read_bytes(), trusted or evidence.raw(document["root"], 32))
        capsule.verify(other)
        erasures = other["erasures"]
    found: Verified = capsule.verify(document, erasures)
    return {
        "exchange_id": found.exchange_id,
        "permit": found.permit is not None,
        "list_row": found.list_row.get("row", {}).get("row_id", ""),
        "records": [one["told"] for one in document["records"]],
        "erased": [{"party": party.value, **capsule.plain(one)} for party, one in found.erased],
        "summary": dict(found.summary),
    }


def open_pair(document: dict[str, Any], _: bytes | None, held: list[Path], __: Path | None) -> dict[str, Any]:
    """All records of a pair."""
    notes = [path.read_text(encoding="utf-8") for path in held] if held else None
    found: PairProof = evidence.pair(document, notes)
    return {
        "institution_code": found.institution_code,
        "counterpart": found.counterpart,
        "start": found.start,
        "end": found.end,
        "count": len(found.records),
        "first_number": found.records[0].pair_sequence if found.records else 0,
        "last_number": found.records[-1].pair_sequence if found.records else 0,
        "checkpoints_held": notes is not None,
    }


def open_grown(document: dict[str, Any], _: bytes | None, held: list[Path], __: Path | None) -> dict[str, Any]:
    """A log that only grew."""
    older, newer = evidence.grown(document)
    if held:
        evidence.held((older, newer), [path.read_text(encoding="utf-8") for path in held])
    return {"institution_code": document["institution_code"], "older": older.size, "newer": newer.size}


def unknown(document: dict[str, Any], *_: object) -> dict[str, Any]:
    """A format nobody here knows."""
    raise Refused(evidence.Rule.FORMAT, f"{document.get('format')!r} is no format of ours")


OPENERS = {capsule.FORMAT: open_capsule, evidence.PAIR: open_pair, evidence.GROWN: open_grown}


def verifier(output: Out, json_: Json = False) -> None:
    """カプセルを検証する独立のプログラムを書き出す / write the program that verifies a capsule without us."""
    data = resources.files("services.audit").joinpath("verifier.py").read_bytes()
    written(output, data, "verifier", json_=json_)


def root(data_dir: DataDir = None, json_: Json = False) -> None:
    """監査人に一度だけ渡す公開鍵を示す / show the root public key, which an auditor is told once."""
    key = running(data_dir).keys.root_signing.public_key().public_bytes_raw()
    if json_:
        name = "chukan.invalid/root"
        terminal.show_json("root", {"root": key.hex(), "verifier_key": checkpoint.format_verifier_key(name, key)})
    else:
        sys.stdout.write(key.hex() + "\n")


def register(app: typer.Typer) -> None:
    """The verbs below `chukan audit`."""
    app.command("capsule", epilog=example("chukan audit capsule EXCHANGE -o capsule.json"))(make)
    app.command("open", epilog=example("chukan audit open capsule.json --root KEY"))(open_)
    app.command("verifier", epilog=example("chukan audit verifier -o verifier.py"))(verifier)
    app.command("root", epilog=example("chukan audit root"))(root)
