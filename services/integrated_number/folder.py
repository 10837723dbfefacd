"""データ連携機能, by folder (assessment, system 3 function 7): files in `in/`, results in `out/` and `failed/`.

Owns the folder's life. A file's name says what it holds: `SKI…` inquiries, `DBM…` sub-copies (domain 2.2). Promises
that a file is taken in once by its content, also after a crash between any two steps; that results appear whole
(written beside and renamed); that a file is moved to `done/` when its results are there; and that each refused line is
told in `failed/NAME.report.csv`, with the lines to be sent again, in the form of the input, in `failed/NAME`.
"""

from __future__ import annotations

import asyncio
import csv
import io
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from broker.rules.charsets import Gaiji, read, write_text
from broker.rules.inquiry_file import END, masked
from services.integrated_number import copies, inquiry_files
from services.integrated_number.common import Caller, Hub, Refused
from services.integrated_number.inquiry_files import Incoming

FOLDERS = ("in", "out", "failed", "done")
INQUIRIES, COPIES = "SKI", "DBM"
MOST_BYTES = 134_217_728
POLL_SECONDS = 0.5


class Folder(NamedTuple):
    """A directory and how its files are written."""

    path: Path
    charset: str
    gaiji: Gaiji
    reason: str = "CHANGE"


class Done(NamedTuple):
    """What became of one file. complete: false when its results were not all there in time."""

    name: str
    file_id: str
    lines: int
    succeeded: int
    failed: int
    complete: bool
    refusal: str = ""


def prepare(folder: Folder) -> None:
    """The four directories are there."""
    for name in FOLDERS:
        (folder.path / name).mkdir(mode=0o700, parents=True, exist_ok=True)


def waiting(folder: Folder) -> list[Path]:
    """Files that are there whole, in the order of their names: a name that begins with a dot is still being written."""
    return sorted(path for path in (folder.path / "in").iterdir() if path.is_file() and path.name[0] != ".")


async def work_through(hub: Hub, caller: Caller, folder: Folder, seconds: float) -> list[Done]:
    """Take in every file, wait for its results within the limit, and write them."""
    prepare(folder)
    deadline = time.monotonic() + seconds
    taken = [(path, await take_in(hub, caller, folder, path)) for path in waiting(folder)]
    done = []
    for path, file_id in taken:
        if isinstance(file_id, Refused):
            done.append(refused(folder, path, file_id))
            continue
        done.append(await results(hub, caller, folder, path, file_id, deadline))
    return done


def content(path: Path) -> bytes | None:
    """What is in a file; None when it is larger than one may be."""
    return path.read_bytes() if path.stat().st_size <= MOST_BYTES else None


async def take_in(hub: Hub, caller: Caller, folder: Folder, path: Path) -> str | Refused:
    """The id of the file that was taken in, now or before; or why it was refused as a whole."""
    data = content(path)
    if data is None:
        return Refused(413, "BODY_TOO_LARGE")
    incoming = Incoming(path.name, data, folder.charset, folder.gaiji)
    try:
        if path.name.startswith(INQUIRIES):
            return (await inquiry_files.take_in(hub, caller, incoming))[0].file_id
        if path.name.startswith(COPIES):
            return (await copies.take_in(hub, caller, incoming, folder.reason))[0].file_id
    except Refused as refusal:
        return refusal
    return Refused(422, "REQUEST_INVALID")


async def results(hub: Hub, caller: Caller, folder: Folder, path: Path, file_id: str, deadline: float) -> Done:
    """Wait for the end of a file and write what became of it."""
    of_inquiries = path.name.startswith(INQUIRIES)
    while True:
        complete = await (
            _inquiries_complete(hub, caller, file_id) if of_inquiries else _copies_complete(hub, caller, file_id)
        )
        if complete or time.monotonic() > deadline:
            break
        await asyncio.sleep(POLL_SECONDS)
    if of_inquiries:
        done = await _write_inquiries(hub, caller, folder, path, file_id, complete=complete)
    else:
        done = await _write_copies(hub, caller, folder, path, file_id, complete=complete)
    if complete:
        os.replace(path, folder.path / "done" / path.name)
    return done


async def _inquiries_complete(hub: Hub, caller: Caller, file_id: str) -> bool:
    return (await inquiry_files.standing(hub, caller, file_id)).complete


async def _copies_complete(hub: Hub, caller: Caller, file_id: str) -> bool:
    return (await copies.standing(hub, caller, file_id)).complete


async def _write_inquiries(
    hub: Hub, caller: Caller, folder: Folder, path: Path, file_id: str, *, complete: bool
) -> Done:
    found = await inquiry_files.written(hub, caller, file_id)
    put(folder, "out", path.name, found.results)
    if found.failed:
        put(folder, "failed", f"{path.stem}.report.csv", found.report)
        put(folder, "failed", path.name, found.failures)
    standing = await inquiry_files.standing(hub, caller, file_id)
    return Done(path.name, file_id, standing.file.line_count, found.succeeded, found.failed, complete)


async def _write_copies(hub: Hub, caller: Caller, folder: Folder, path: Path, file_id: str, *, complete: bool) -> Done:
    found = await copies.standing(hub, caller, file_id)
    accepted = sum(part.accepted for part in found.parts)
    parts = [(one.part, one.batch_id, one.state, one.row_count, one.accepted, one.rejected) for one in found.parts]
    put(folder, "out", path.name, rows(parts))
    failed = sorted({line for line, _ in found.errors})
    if failed:
        lines = [masked(one.text) for one in read(content(path) or b"", folder.charset, folder.gaiji)]
        put(folder, "failed", f"{path.stem}.report.csv", rows([(line, *error) for line, error in found.errors]))
        put(folder, "failed", path.name, "".join(lines[line - 1] + END for line in failed if 0 < line <= len(lines)))
    return Done(path.name, file_id, found.file.line_count, accepted + found.unchanged, len(failed), complete)


def refused(folder: Folder, path: Path, refusal: Refused) -> Done:
    """A file that was refused as a whole goes to `failed/`, with the reasons beside it."""
    told = [(error.field, error.error_id, error.reason_ja, error.reason_en) for error in refusal.errors]
    put(folder, "failed", f"{path.stem}.report.csv", rows(told))
    os.replace(path, folder.path / "failed" / path.name)
    return Done(path.name, "", 0, 0, 0, True, refusal.rule)


def rows(values: Sequence[Sequence[object]]) -> str:
    """Values as CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator=END).writerows(values)
    return text.getvalue()


def put(folder: Folder, where: str, name: str, text: str) -> None:
    """The file is there whole or not at all. A character that does not fit is replaced, as nobody could be asked, and
    told in `failed/NAME.characters.csv`."""
    written = write_text(text, folder.charset, Gaiji.SUBSTITUTE)
    if written.findings:
        _replace(folder.path / "failed" / f"{name}.characters.csv", rows(list(written.findings)).encode())
    _replace(folder.path / where / name, written.data)


def _replace(path: Path, data: bytes) -> None:
    beside = path.with_name(f".{path.name}.part")
    with beside.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(beside, path)
