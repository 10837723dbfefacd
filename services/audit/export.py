"""`chukan audit export`: everything an auditor queries, as Parquet files under a manifest that is chained by hash.

Owns the files, the manifest, the chain and its check. An export directory holds numbered exports, `0001`, `0002`, …;
each manifest names every file with its SHA-256, rows and columns, the checkpoints it was made under, and the SHA-256
of the manifest before it; a C2SP note beside it signs that digest. Promises one committed state of the database a
export, bounded memory (rows are streamed and written in slices), and that an export that was not finished is never
taken for one: its directory gets its name last. `check` needs neither installation nor network.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import duckdb
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from broker.adapters.postgres import QUERIES, PostgresSnapshot, PostgresStore
from broker.rules import checkpoint, merkle
from broker.rules.leaves import leaf_of, origin_of_log
from broker.tables import Checkpoint
from schemas.codec import Undecodable, decode
from schemas.records import ProvisionRecorded
from services.audit.sheets import SHEET_OF, SHEETS, Sheet, Values

SCHEMA_VERSION = 1
MANIFEST, NOTE = "manifest.json", "manifest.note"
OTHER_LEAVES = "other_leaves"
ORIGIN = "chukan.invalid/audit-exports"
ROWS_A_FILE = 50_000
HASHED_AT_ONCE = 1 << 20
ROWS_AT_ONCE = 5_000
EXPORTS_AT_MOST = 9_999
MEMORY = "512MB"
FOREVER = 2**62
# What the body of a record says of itself for ever, whatever was erased of it.
OF_BODY = (
    "party",
    "exchange_id",
    "inquirer_institution_code",
    "provider_institution_code",
    "requested_at",
    "provided_at",
    "affair_code",
    "procedure_code",
    "spi_name_code",
    "outcome",
    "rule",
    "permit_id",
    "list_version",
    "row_id",
)

Progress = Callable[[str, int, int], None]


class Scope(NamedTuple):
    """What is exported: of one institution or of all (''), from a moment until before another."""

    institution_code: str = ""
    from_ms: int = 0
    until_ms: int = FOREVER

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left out in time, so that whole logs are there."""
        return self.from_ms == 0 and self.until_ms == FOREVER


class Found(NamedTuple):
    """Something that is not as its manifest says: where, and what."""

    place: str
    ja: str
    en: str


class Checked(NamedTuple):
    """What was looked at and what was found. signed: notes that held; unsigned: notes nobody gave a key for."""

    exports: int
    files: int
    rows: int
    leaves: int
    roots: int
    signed: int
    found: tuple[Found, ...]

    @property
    def ok(self) -> bool:
        """Nothing was found."""
        return not self.found


@contextmanager
def connected() -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty DuckDB in memory that loads nothing from anywhere, within a limit of memory; what does not fit goes to
    a temporary directory that is gone afterwards."""
    with TemporaryDirectory(prefix="chukan-audit-") as spill:
        settings: dict[str, Any] = {
            "memory_limit": MEMORY,
            "threads": 2,
            "temp_directory": spill,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        duck = duckdb.connect(":memory:", config=settings)
        try:
            yield duck
        finally:
            duck.close()


# ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────


class Writer:
    """One export in the making, in a directory that is not named as one until it is finished."""

    def __init__(self, directory: Path, duck: duckdb.DuckDBPyConnection, rows_a_file: int = ROWS_A_FILE) -> None:
        self.directory = directory
        self.number = len(exports_in(directory)) + 1
        if self.number > EXPORTS_AT_MOST:
            raise ValueError(f"{directory} holds {EXPORTS_AT_MOST} exports already")
        self.files: list[dict[str, Any]] = []
        self.rows = 0
        self._rows_a_file = rows_a_file
        self._part = directory / f".{self.number:04d}.part"
        shutil.rmtree(self._part, ignore_errors=True)  # left by an export that was not finished
        self._part.mkdir(parents=True)
        self._duck = duck
        self._waiting = 0

    def give_up(self) -> None:
        """Remove what is not finished; nothing when it is."""
        shutil.rmtree(self._part, ignore_errors=True)

    def begin(self, sheet: Sheet) -> None:
        """The rows that follow belong on this sheet."""
        columns = ", ".join(f'"{name}" {kind}' for name, kind in sheet.columns.items())
        self._duck.execute(f"create or replace table sheet ({columns})")
        self._waiting = 0

    def add(self, sheet: Sheet, rows: Sequence[Values]) -> None:
        """Rows of the sheet that was begun; a file is written whenever enough are together."""
        if not rows:
            return
        places = ", ".join(f"unnest(${n}::{kind}[])" for n, kind in enumerate(sheet.columns.values(), 1))
        self._duck.execute(f"insert into sheet select {places}", [list(one) for one in zip(*rows, strict=True)])
        self._waiting += len(rows)
        if self._waiting >= self._rows_a_file:
            self._flush(sheet)

    def end(self, sheet: Sheet) -> None:
        """No more rows; an empty sheet still has a file, so that its absence is never an accident."""
        if self._waiting or not any(one["sheet"] == sheet.name for one in self.files):
            self._flush(sheet)

    def _flush(self, sheet: Sheet) -> None:
        place = sum(one["sheet"] == sheet.name for one in self.files) + 1
        name = f"{sheet.name}-{place:04d}.parquet"
        path = self._part / name
        self._duck.execute(f"copy sheet to '{_quoted(path)}' (format parquet, compression zstd)")
        self.files.append(
            {
                "name": name,
                "sheet": sheet.name,
                "rows": self._waiting,
                "bytes": path.stat().st_size,
                "sha256": sha256_of(path),
                "columns": [{"name": column, "type": kind} for column, kind in sheet.columns.items()],
            }
        )
        self.rows += self._waiting
        self._duck.execute("truncate sheet")
        self._waiting = 0

    def finish(
        self, scope: Scope, made_at: int, checkpoints: Sequence[Checkpoint], key: Ed25519PrivateKey | None
    ) -> Path:
        """Write the manifest and its note, and give the directory its name."""
        manifest = {
            "schema_version": SCHEMA_VERSION,
            "kind": "audit_export",
            "number": self.number,
            "previous_manifest_sha256": digest_of_last(self.directory),
            "made_at": made_at,
            "scope": {
                "institution_code": scope.institution_code,
                "from_ms": scope.from_ms,
                "until_ms": scope.until_ms,
            },
            "checkpoints": [one._asdict() for one in checkpoints],
            "files": self.files,
        }
        text = json.dumps(manifest, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
        (self._part / MANIFEST).write_text(text, encoding="utf-8")
        if key is not None:
            note = checkpoint.format_checkpoint(ORIGIN, self.number, sha256(text.encode()).digest())
            (self._part / NOTE).write_text(checkpoint.sign(note, ORIGIN, key), encoding="utf-8")
        done = self.directory / f"{self.number:04d}"
        self._part.rename(done)
        return done


async def export(
    store: PostgresStore,
    directory: Path,
    scope: Scope,
    made_at: int,
    key: Ed25519PrivateKey | None,
    progress: Progress = lambda *_: None,
) -> tuple[Path, int]:
    """Write the next export of this directory; where it lies and how many rows it holds."""
    with writing(directory) as writer:
        async with store.snapshot() as snapshot:
            for sheet in SHEETS:
                writer.begin(sheet)
                async for rows in _rows(snapshot, sheet, scope):
                    writer.add(sheet, rows)
                    progress(sheet.name, writer.rows, 0)
                writer.end(sheet)
            newest = await snapshot.select(Checkpoint, QUERIES["newest_checkpoints"], scope.institution_code)
        return writer.finish(scope, made_at, newest, key), writer.rows


@contextmanager
def writing(directory: Path, rows_a_file: int = ROWS_A_FILE) -> Iterator[Writer]:
    """A writer of the next export; one that is not finished leaves nothing."""
    with connected() as duck:
        writer = Writer(directory, duck, rows_a_file)
        try:
            yield writer
        finally:
            writer.give_up()


async def _rows(snapshot: PostgresSnapshot, sheet: Sheet, scope: Scope) -> AsyncIterator[list[Values]]:
    async for batch in snapshot.stream(QUERIES[sheet.statement], *scope):
        yield [values for row in batch for values in sheet.rows(row)]


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, read in pieces."""
    found = sha256()
    with path.open("rb") as file:
        while piece := file.read(HASHED_AT_ONCE):
            found.update(piece)
    return found.hexdigest()


def exports_in(directory: Path) -> list[Path]:
    """The finished exports of a directory, oldest first."""
    found = directory.glob("[0-9][0-9][0-9][0-9]") if directory.is_dir() else ()
    return sorted(path for path in found if path.is_dir())


def digest_of_last(directory: Path) -> str:
    """The SHA-256 of the newest manifest, or an empty string before the first."""
    exports = exports_in(directory)
    return sha256_of(exports[-1] / MANIFEST) if exports else ""


# ── checking ─────────────────────────────────────────────────────────────────────────────────────────────────────


def check(directory: Path, key: Ed25519PublicKey | None = None) -> Checked:
    """Everything the manifests of a directory claim, recomputed; the place of whatever does not match."""
    found: list[Found] = []
    counts = dict.fromkeys(("files", "rows", "leaves", "roots", "signed"), 0)
    previous = ""
    exports = exports_in(directory)
    if not exports:
        found.append(Found(str(directory), "書き出しがありません", "there is no export"))
    with connected() as duck:
        for number, place in enumerate(exports, 1):
            manifest, faults = manifest_of(place, number, previous)
            found += faults
            if manifest is None:
                break
            previous = sha256_of(place / MANIFEST)
            found += _note(place, number, previous, key, counts)
            broken = list(_files(duck, place, manifest, counts))
            found += broken
            if not broken:
                found += _logs(duck, place, manifest, counts)
    return Checked(len(exports), **counts, found=tuple(found))


def manifest_of(place: Path, number: int, previous: str) -> tuple[dict[str, Any] | None, list[Found]]:
    """A manifest, and how it fails to follow the one before."""
    path = place / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if manifest["kind"] != "audit_export" or manifest["schema_version"] != SCHEMA_VERSION:
            raise ValueError("another kind of file")
        _ = manifest["files"], manifest["checkpoints"], manifest["scope"]["institution_code"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        return None, [Found(_name(path), "目録を読めません", f"no manifest can be read: {type(error).__name__}")]
    found = []
    if manifest.get("number") != number or place.name != f"{number:04d}":
        found.append(Found(_name(path), "番号が続いていません", f"number {number} comes next"))
    if manifest.get("previous_manifest_sha256") != previous:
        words = "前の目録のハッシュと合いません", "does not follow the manifest before it"
        found.append(Found(_name(path), *words))
    return manifest, found


def _note(
    place: Path, number: int, digest: str, key: Ed25519PublicKey | None, counts: dict[str, int]
) -> Iterator[Found]:
    """The signature over a manifest, when somebody gave the key to verify it with."""
    if key is None:
        return
    path = place / NOTE
    try:
        told = checkpoint.verify(path.read_text(encoding="utf-8"), ORIGIN, key)
    except (OSError, ValueError) as error:
        yield Found(_name(path), "署名を検証できません", f"the signature does not hold: {error}")
        return
    if (told.size, told.root.hex()) != (number, digest):
        yield Found(_name(path), "別の目録の署名です", "signs another manifest")
        return
    counts["signed"] += 1


def _files(
    duck: duckdb.DuckDBPyConnection, place: Path, manifest: Mapping[str, Any], counts: dict[str, int]
) -> Iterator[Found]:
    named = {one["name"] for one in manifest["files"]}
    for path in sorted(place.iterdir()):
        if path.name not in named | {MANIFEST, NOTE}:
            yield Found(_name(path), "目録にないファイルです", "is in no manifest")
    for one in manifest["files"]:
        counts["files"] += 1
        counts["rows"] += one["rows"]
        path = place / one["name"]
        if path.parent != place or not path.is_file():
            yield Found(_name(path), "ファイルがありません", "the file is missing")
        elif sha256_of(path) != one["sha256"]:
            yield Found(_name(path), "ハッシュが目録と合いません", "the file is another than the manifest names")
        else:
            yield from _content(duck, path, one)


def _content(duck: duckdb.DuckDBPyConnection, path: Path, one: Mapping[str, Any]) -> Iterator[Found]:
    described = duck.execute(f"describe select * from '{_quoted(path)}'").fetchall()  # noqa: S608 - a path of ours
    columns = [{"name": name, "type": kind} for name, kind, *_ in described]
    counted = duck.execute(f"select count(*) from '{_quoted(path)}'").fetchall()[0][0]  # noqa: S608 - a path of ours
    if columns != one["columns"]:
        yield Found(_name(path), "列が目録と合いません", "other columns than the manifest names")
    if counted != one["rows"]:
        yield Found(_name(path), "行数が目録と合いません", f"{counted} rows, the manifest names {one['rows']}")


def _logs(
    duck: duckdb.DuckDBPyConnection, place: Path, manifest: Mapping[str, Any], counts: dict[str, int]
) -> Iterator[Found]:
    """The records against their leaves, and whole logs against the signatures the export was made under."""
    sheets = {one["sheet"] for one in manifest["files"]}
    missing = {"institutions", "records"} - sheets
    for name in sorted(missing):
        yield Found(f"{place.name}/{name}", "この表がありません", "there is no such sheet")
    if missing:
        return
    whole = Scope(**manifest["scope"]).is_whole
    notes = {one["institution_code"]: Checkpoint(**one) for one in manifest["checkpoints"]} if whole else {}
    directory = duck.execute(f"select institution_code, signing_key from {_sheet(place, 'institutions')}").fetchall()  # noqa: S608
    keys = {code: Ed25519PublicKey.from_public_bytes(raw) for code, raw in directory}
    others = OTHER_LEAVES in sheets
    for owner, rows in groupby(_records(duck, place, others=others), key=lambda row: str(row[0])):
        yield from _log(place, owner, rows, notes.pop(owner, None), keys.get(owner), counts, others=others)
    for owner in sorted(notes):
        yield Found(f"{place.name}/{owner}", "署名された台帳の記録がありません", "a signed log has no records here")


def _sheet(place: Path, name: str) -> str:
    return f"read_parquet('{_quoted(place / (name + '-*.parquet'))}')"


def _records(duck: duckdb.DuckDBPyConnection, place: Path, *, others: bool) -> Iterator[tuple[Any, ...]]:
    """All records, a log at a time, in the order of the log; others: whether there is a sheet of what lies between."""
    columns = ("institution_code", "sequence", "counterpart", "pair_sequence", "leaf", "body", *OF_BODY)
    # What lies between the records in the same logs has a leaf, and no body here.
    between = (
        f" union all by name select institution_code, sequence, leaf from {_sheet(place, OTHER_LEAVES)}"  # noqa: S608
        if others
        else ""
    )
    cursor = duck.execute(
        f"select {', '.join(columns)} from (select * from {_sheet(place, 'records')}{between}) "  # noqa: S608
        "order by institution_code, sequence"
    )
    while batch := cursor.fetchmany(ROWS_AT_ONCE):
        yield from batch


def _log(
    place: Path,
    owner: str,
    rows: Iterable[tuple[Any, ...]],
    note: Checkpoint | None,
    key: Ed25519PublicKey | None,
    counts: dict[str, int],
    *,
    others: bool,
) -> Iterator[Found]:
    frontier = merkle.EMPTY_FRONTIER
    size = note.size if note else 0
    for _, sequence, counterpart, pair_sequence, leaf, body, *told in rows:
        where = f"{place.name}/records {owner}/{sequence}"
        if body is not None:
            counts["leaves"] += 1
            if leaf_of(sequence, counterpart, pair_sequence, body) != leaf:
                yield Found(where, "葉ハッシュが記録と合いません", "the leaf is of another record")
            elif tuple(told) != of_body(body):
                yield Found(where, "列が記録と合いません", "the columns say other than the record")
        if sequence == frontier.size < size:
            frontier = merkle.append_all(frontier, [leaf])
    where = f"{place.name}/{owner}@{size}"
    if note is not None and frontier.size < size and not others:
        yield Found(
            where,
            "記録でない葉を持たない古い書き出しなので、根を計算できません。書き出し直してください",
            "an older export, without the leaves that are no records: the root cannot be recomputed; export it anew",
        )
    elif note is not None:
        yield from _root(where, note, frontier, key, counts)


def _root(
    where: str, note: Checkpoint, frontier: merkle.Frontier, key: Ed25519PublicKey | None, counts: dict[str, int]
) -> Iterator[Found]:
    """A log's leaves against what was signed. The network itself is not in the directory: its root is compared, its
    signature is for `audit verify`."""
    try:
        if key is not None:
            root = checkpoint.verify(note.note, origin_of_log(note.institution_code), key).root
        else:
            root = checkpoint.parse(note.note.partition("\n\n")[0] + "\n").root
    except checkpoint.CheckpointError as error:
        yield Found(where, "台帳の署名を検証できません", f"the log's signature does not hold: {error}")
        return
    if frontier.size != note.size or merkle.root_of(frontier) != root:
        yield Found(where, "署名された根と合いません", "other records than were signed")
        return
    counts["roots"] += 1


def of_body(body: bytes) -> tuple[Any, ...]:
    """What a record's body says in the columns that are never erased; empty for bytes that are no record."""
    try:
        record = decode(body)
    except Undecodable:
        return ()
    if not isinstance(record, ProvisionRecorded):
        return ()
    values = (getattr(record, name) for name in OF_BODY)
    return tuple(getattr(value, "value", value) for value in values)


def _name(path: Path) -> str:
    """A place as the manifest's reader knows it: export and file."""
    return f"{path.parent.name}/{path.name}"


def sheets_of(exports: Iterable[Path]) -> dict[str, list[Path]]:
    """The files of each sheet over several exports, oldest first."""
    found: dict[str, list[Path]] = {name: [] for name in SHEET_OF}
    for place in exports:
        for name in found:
            found[name] += sorted(place.glob(f"{name}-*.parquet"))
    return found
