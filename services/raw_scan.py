"""Looking for given values in every byte of every file under a directory: what no table or topic shows any more.

Owns the spellings a value is looked for in. Promises bounded memory whatever the files' sizes, and that a find is told
by file and offset, never by the value. Does not see through compression or encryption: what is stored that way is not
found. Follows no symbolic link; a file that goes away while it looks is passed over.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

CHUNK_BYTES = 4 * 1024 * 1024
FOUND_KEPT = 100
LEAST_BYTES = 4
"""Shorter values stand somewhere in any gigabyte by chance."""

Progress = Callable[[str, int, int], None]


class Place(NamedTuple):
    """One find. number: which of the values, from 1. spelling: how it was written. offset: bytes from the start."""

    number: int
    spelling: str
    file: str
    offset: int


class RawScan(NamedTuple):
    """What was looked at: files, bytes. found: how often; places: the first of them."""

    files: int
    size: int
    found: int
    places: tuple[Place, ...]


def spellings(text: str) -> Mapping[str, bytes]:
    """The ways in which a value may be written: UTF-8, UTF-16, hex digits of both, JSON's escapes, Base64.

    Base64 depends on the value's place among what surrounds it: the letters that hold nothing else, at each of three.
    """
    plain, wide = text.encode(), text.encode("utf-16-le")
    found = {"utf-8": plain, "utf-16": wide, "hex": plain.hex().encode(), "HEX": plain.hex().upper().encode()}
    if not text.isascii():
        found["json"] = json.dumps(text)[1:-1].encode()
    for before in range(3):
        letters = base64.b64encode(b"\x00" * before + plain)
        inner = letters[-(-8 * before // 6) : 8 * (before + len(plain)) // 6]
        if len(inner) >= 2 * LEAST_BYTES:
            found[f"base64+{before}"] = inner
    return found


def raw_scan(directory: Path, texts: Sequence[str], progress: Progress = lambda *_: None) -> RawScan:
    """Every file below the directory, to its last byte."""
    wanted = [(number, name, data) for number, text in enumerate(texts, 1) for name, data in spellings(text).items()]
    files = size = found = 0
    places: list[Place] = []
    for path in files_below(directory):
        name = str(path.relative_to(directory))
        try:
            with path.open("rb") as stream:
                for number, spelling, offset in finds(stream, wanted):
                    found += 1
                    if len(places) < FOUND_KEPT:
                        places.append(Place(number, spelling, name, offset))
                size += stream.tell()
        except FileNotFoundError:
            continue
        files += 1
        progress("bytes", size, 0)
    return RawScan(files, size, found, tuple(places))


def files_below(directory: Path) -> Iterator[Path]:
    """Plain files, in the order of their names."""
    for folder, folders, names in os.walk(directory):
        folders.sort()
        for name in sorted(names):
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink():
                yield path


def finds(
    stream: BinaryIO, wanted: Sequence[tuple[int, str, bytes]], chunk_bytes: int = CHUNK_BYTES
) -> Iterator[tuple[int, str, int]]:
    """Where these bytes stand: value, spelling, offset. Chunks overlap by what the longest may reach across."""
    overlap = max((len(data) for _, _, data in wanted), default=1) - 1
    kept, start = b"", 0
    while chunk := stream.read(chunk_bytes):
        window = kept + chunk
        for number, spelling, data in wanted:
            at = window.find(data)
            while at >= 0:
                # What lies within the overlap alone was told with the chunk before.
                if at + len(data) > len(kept):
                    yield number, spelling, start + at
                at = window.find(data, at + 1)
        kept = window[-overlap:] if overlap else b""
        start += len(window) - len(kept)
