"""`chukan audit export`: write what auditors query as Parquet under a chained manifest, or check what was written."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from broker.rules import checkpoint
from broker.rules.calendar import DAY_MS, JST_OFFSET_MS
from services.audit.export import FOREVER, NOTE, ORIGIN, Checked, Scope, check, export
from services.cli import terminal
from services.cli.options import DataDir, Json, example, running, wait_for
from services.network import NETWORK_CODE
from services.processes import SystemClock
from services.running import Running

EXAMPLE = example(
    "chukan audit export -o audit-export",
    "chukan audit export -o audit-export --from 2026-04-01 --to 2026-04-30 --institution 9900123210600000",
    "chukan audit export --check audit-export",
)
DAY = "YYYY-MM-DD"


def day_ms(text: str, option: str) -> int:
    """The first millisecond of a Japanese day; BadParameter for text that is no day."""
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, flags=re.ASCII):
            raise ValueError(text)
        moment = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise typer.BadParameter(f"{option}: {DAY} で指定してください / a day, {DAY}") from None
    return int(moment.timestamp() * 1000) - JST_OFFSET_MS


def scope_of(institution: str, from_: str, to: str) -> Scope:
    """What the options ask for; both days are included."""
    first = day_ms(from_, "--from") if from_ else 0
    until = day_ms(to, "--to") + DAY_MS if to else FOREVER
    if first >= until:
        raise typer.BadParameter("--to: --from より前です / is before --from")
    return Scope(institution, first, until)


def verifier_key(system: Running) -> str:
    """What an auditor is given once and keeps: the key that verifies the notes of exports."""
    return checkpoint.format_verifier_key(ORIGIN, system.keys.institutions.signing(NETWORK_CODE).public_bytes)


def checked_body(found: Checked) -> dict[str, Any]:
    """A check for programs."""
    return {**found._asdict(), "ok": found.ok, "found": [one._asdict() for one in found.found]}


def show_checked(found: Checked, *, with_key: bool) -> None:
    """A check for people."""
    rows = [
        (terminal.mark(found.ok), "書き出し", "exports", f"{found.exports:,}"),
        ("", "ファイル", "files", f"{found.files:,}"),
        ("", "行", "rows", f"{found.rows:,}"),
        ("", "記録と葉ハッシュ", "records against their leaves", f"{found.leaves:,}"),
        ("", "署名された台帳の根", "signed roots of logs", f"{found.roots:,}"),
        ("", "目録の署名", "signatures over manifests", f"{found.signed:,}" if with_key else "—"),
    ]
    terminal.show_table(
        "書き出しの検査 / the exports checked", ("", "確かめたこと", "what was checked", "件数 / n"), rows
    )
    if found.found:
        columns = ("場所 / where", "見つかったこと", "what was found")
        terminal.show_table("合わないところ / what does not match", columns, [tuple(one) for one in found.found])


def run_check(directory: Path, key_text: str, *, json_: bool) -> None:
    """Check a directory of exports; exit 1 when something does not match."""
    try:
        key = checkpoint.parse_verifier_key(key_text) if key_text else None
    except checkpoint.CheckpointError as error:
        raise typer.BadParameter(f"--key: {error}") from None
    public = Ed25519PublicKey.from_public_bytes(key.public_key) if key else None
    found = check(directory, public)
    if json_:
        terminal.show_json("audit_export_check", checked_body(found))
    else:
        show_checked(found, with_key=public is not None)
    raise typer.Exit(terminal.DONE if found.ok else terminal.CHECK_FAILED)


def run_export(system: Running, directory: Path, scope: Scope, *, json_: bool) -> None:
    """Write the next export."""
    key = system.keys.institutions.signing(NETWORK_CODE).private_key

    async def work() -> tuple[Path, int]:
        with terminal.progress() as tell:
            async with system.store() as store:
                return await export(store, directory, scope, SystemClock().now_ms(), key, tell)

    place, rows = wait_for(work())
    vkey = verifier_key(system)
    if json_:
        body = {"directory": str(place), "rows": rows, "scope": scope._asdict(), "verifier_key": vkey}
        terminal.show_json("audit_export", body)
        return
    terminal.show_pairs(
        "書き出し / export",
        [
            ("場所 / where", str(place)),
            ("行 / rows", f"{rows:,}"),
            (f"署名 / {NOTE} verifies with", vkey),
        ],
    )


def export_(
    data_dir: DataDir = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", file_okay=False, help="書き出す先 / directory to write to")
    ] = None,
    from_: Annotated[str, typer.Option("--from", help=f"この日から（日本時間） / from this day, {DAY}")] = "",
    to: Annotated[str, typer.Option("--to", help=f"この日まで / until this day, {DAY}")] = "",
    institution: Annotated[str, typer.Option(help="この機関だけ / one institution, 16 digits")] = "",
    check_: Annotated[
        Path | None,
        typer.Option("--check", file_okay=False, help="書き出したものを検査する / check a directory of exports"),
    ] = None,
    key: Annotated[str, typer.Option("--key", help="署名を検証する鍵 / verifier key, with --check")] = "",
    json_: Json = False,
) -> None:
    """監査用に Parquet へ書き出し、前の目録とハッシュでつなぐ。--check で検査する /
    export for auditors as Parquet, each manifest chained to the one before; --check verifies and names what broke."""
    if (output is None) == (check_ is None):
        raise typer.BadParameter("-o か --check のどちらかを指定してください / either -o or --check")
    if check_ is not None:
        run_check(check_, key, json_=json_)
        return
    assert output is not None
    scope = scope_of(institution, from_, to)
    run_export(running(data_dir), output, scope, json_=json_)
