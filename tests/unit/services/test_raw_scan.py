"""The raw scan: every spelling, every place, across chunks; and the verb."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.__main__ import command
from services.raw_scan import finds, raw_scan, spellings

VALUE = "覚書ZQ7"


@pytest.mark.parametrize(
    ("written", "spelling"),
    [
        (VALUE.encode(), "utf-8"),
        (VALUE.encode("utf-16-le"), "utf-16"),
        (VALUE.encode().hex().encode(), "hex"),
        (VALUE.encode().hex().upper().encode(), "HEX"),
        (json.dumps({"note": VALUE}).encode(), "json"),
        *((base64.b64encode(b"x" * n + VALUE.encode() + b"yy"), f"base64+{n % 3}") for n in range(6)),
    ],
)
def test_every_spelling_is_found(tmp_path: Path, written: bytes, spelling: str) -> None:
    """However a value is written, its file and the first byte are told."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_bytes(b"....." + written + b".")
    (tmp_path / "other").write_bytes(b"nothing")

    seen = raw_scan(tmp_path, ["unrelated", VALUE])

    assert (seen.files, seen.size) == (2, 5 + len(written) + 1 + 7)
    assert {(one.number, one.spelling, one.file) for one in seen.places} == {(2, spelling, "deep/file")}


@pytest.mark.parametrize("chunk", range(1, 40))
def test_what_lies_across_chunks_is_found_once(chunk: int) -> None:
    """Wherever chunks end, each find is told once and at its place."""
    data = b"ab" + b"needle" * 2 + b"xxneedl" + b"needle"
    wanted = [(1, "utf-8", b"needle"), (2, "utf-8", b"xx"), (3, "utf-8", b"a much longer needle")]

    found = sorted(finds(io.BytesIO(data), wanted, chunk))

    assert found == [(1, "utf-8", 2), (1, "utf-8", 8), (1, "utf-8", 21), (2, "utf-8", 14)]


def test_the_verb_tells_the_place_and_not_the_value(tmp_path: Path) -> None:
    """Exit code 1 with file and offset, 0 when it is nowhere; values from standard input are not in any list."""
    (tmp_path / "file").write_bytes(b"123" + VALUE.encode())

    found = CliRunner().invoke(
        command(), ["scan", "--raw", "-", "--data-dir", str(tmp_path), "--json"], input=f"{VALUE}\n"
    )
    clean = CliRunner().invoke(command(), ["scan", "--raw", "NOWHERE", "--data-dir", str(tmp_path)])
    short = CliRunner().invoke(command(), ["scan", "--raw", "abc", "--data-dir", str(tmp_path)])

    assert (found.exit_code, clean.exit_code, short.exit_code) == (1, 0, 2)
    assert json.loads(found.stdout)["found"] == [{"number": 1, "spelling": "utf-8", "file": "file", "offset": 3}]
    assert VALUE not in found.stdout


def test_a_short_value_has_no_base64_of_chance() -> None:
    """Four bytes give too few letters of Base64 to mean anything."""
    assert not [name for name in spellings("abcd") if name.startswith("base64")]
