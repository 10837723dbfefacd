"""A history on one file: what a replay needs, taken out of Kafka and PostgreSQL before retention takes the messages.

Owns the file (SQLite, `history.sqlite` in a directory of mode 0700: it holds what the topics and tables hold). Promises
that exporting again into the same directory adds what is new, and that a replay of the file sees one committed state.
Keys are not in it: a replay takes them from the installation.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_type_hints

from broker.errors import ConfigurationFault
from broker.facts import KEY_OF
from broker.journal import Changed, Journalled, Step
from broker.ports import Delivered, Source
from broker.tables import TABLE_OF, TABLES
from broker.topics import Topics
from services.audit.replay import LOOK_BACK
from services.audit.replay_history import ROW_OF, STEPS_AT_ONCE, Gone, History
from services.world import Plan

FORMAT = 1
FILE = "history.sqlite"
ROWS_AT_ONCE = 5_000
TABLES_OF_FILE = """
create table if not exists about (name text primary key, value text not null) without rowid;
create table if not exists steps (place integer primary key, step text not null);
create table if not exists messages (
    topic text, partition integer, position integer, at integer, key blob, value blob, headers text,
    primary key (topic, partition, position)
) without rowid;
create table if not exists outboxes (service text, shard integer, batch integer, body blob);
create table if not exists rows (kind text, key text, row text, primary key (kind, key)) without rowid;
"""

Tell = Callable[[str, int, int], None]


def plain_row(row: Any) -> str:
    """A row as JSON: its columns in order, bytes as hex digits."""
    return json.dumps([one.hex() if isinstance(one, bytes) else one for one in row], ensure_ascii=False)


def row_from(kind: type[Any], text: str) -> Any:
    """What `plain_row` wrote."""
    hints = get_type_hints(kind)
    values = zip(kind._fields, json.loads(text), strict=True)
    return kind._make(bytes.fromhex(value) if hints[name] is bytes else value for name, value in values)


def plain_step(step: Step) -> str:
    """A step as JSON."""
    if isinstance(step, Journalled):
        offsets = [[*source, offset] for source, offset in step.offsets.items()]
        return json.dumps([step.transaction, step.service, step.shard, step.batch, step.at, offsets])
    row = step.after if step.after is not None else step.before
    sides = [plain_row(side) if side is not None else None for side in (step.before, step.after)]
    return json.dumps([step.transaction, TABLE_OF[type(row)].name, step.at, *sides], ensure_ascii=False)


def step_from(place: int, text: str) -> Step:
    """What `plain_step` wrote."""
    found = json.loads(text)
    if len(found) == 6:
        offsets = {(topic, partition): offset for topic, partition, offset in found[5]}
        transaction, service, shard, batch, at = found[:5]
        return Journalled(place, transaction, service, shard, batch, at, offsets)
    kind = ROW_OF[found[1]]
    before, after = (row_from(kind, side) if side is not None else None for side in found[3:])
    return Changed(place, found[0], found[2], before, after)


@contextmanager
def opened(directory: Path) -> Iterator[sqlite3.Connection]:
    """The file, to be written."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    connection = sqlite3.connect(directory / FILE)
    try:
        (directory / FILE).chmod(0o600)
        connection.executescript(TABLES_OF_FILE)
        yield connection
        connection.commit()
    finally:
        connection.close()


async def export(history: History, topics: Topics, plan: Plan, directory: Path, tell: Tell) -> int:
    """Add to the directory what it does not hold yet; returns how many messages it holds now."""
    with opened(directory) as file:
        about = {
            "format": str(FORMAT),
            "plan": json.dumps(plan._asdict()),
            "shards": str(topics.partitions),
            "gone": json.dumps(_gone(history, file)),
            "lost": json.dumps(sorted(_lost(history, file))),
        }
        file.executemany("insert or replace into about values (?, ?)", list(about.items()))
        await _steps(history, file, tell)
        await _messages(history, topics, file, tell)
        file.execute("delete from outboxes")
        bodies = [(*name, body) for name, body in (await history.outboxes()).items()]
        file.executemany("insert into outboxes values (?, ?, ?, ?)", bodies)
        file.execute("delete from rows")
        for table in TABLES:
            async for batch_of_rows in history.every(table.row):
                _put_rows(file, table.row, batch_of_rows)
        return int(file.execute("select count(*) from messages").fetchone()[0])


def _told(file: sqlite3.Connection, name: str) -> Any:
    """What the file says of itself under this name, None when nothing."""
    found = file.execute("select value from about where name = ?", (name,)).fetchone()
    return json.loads(found[0]) if found else None


def _gone(history: History, file: sqlite3.Connection) -> Gone:
    """Up to where steps had been let go before they were exported."""
    last = file.execute("select coalesce(max(place), 0) from steps").fetchone()[0]
    before = Gone(*(_told(file, "gone") or ()))
    return max(before, history.gone) if history.gone.place > last else before


def _lost(history: History, file: sqlite3.Connection) -> set[Source]:
    """The partitions of which messages were gone before they were exported: the first ones, or some in between."""
    before = {(topic, partition) for topic, partition in _told(file, "lost") or ()}
    return before | {source for source, offset in history.lost.items() if _next(file, source) < offset}


def _next(file: sqlite3.Connection, source: Source) -> int:
    query = "select coalesce(max(position), -1) + 1 from messages where topic = ? and partition = ?"
    return int(file.execute(query, source).fetchone()[0])


async def _steps(history: History, file: sqlite3.Connection, tell: Tell) -> None:
    total, done = await history.count(), 0
    last = file.execute("select coalesce(max(place), 0) from steps").fetchone()[0]
    after = max(0, last - LOOK_BACK)
    while page := await history.steps(after):
        after = page[-1].place
        done += len(page)
        file.executemany("insert or ignore into steps values (?, ?)", [(step.place, plain_step(step)) for step in page])
        tell("処理の記録 / journal", done, total)


async def _messages(history: History, topics: Topics, file: sqlite3.Connection, tell: Tell) -> None:
    done = 0
    for spec in topics.specs():
        for partition in range(spec.partitions):
            source = (spec.name, partition)
            offset = _next(file, source)
            while records := await history.records(source, offset):
                offset = records[-1].offset + 1
                done += len(records)
                file.executemany("insert or ignore into messages values (?, ?, ?, ?, ?, ?, ?)", map(_plain, records))
                tell("電文 / messages", done, 0)


def _plain(record: Delivered) -> tuple[Any, ...]:
    headers = json.dumps([[name, value.hex() if value is not None else None] for name, value in record.headers])
    return (*record[:3], record.at, record.key, record.value, headers)


def _delivered(row: Sequence[Any]) -> Delivered:
    topic, partition, offset, at, key, value, headers = row
    found: Any = tuple((name, bytes.fromhex(one) if one is not None else None) for name, one in json.loads(headers))
    return Delivered(topic, partition, offset, key, value, found, at)


def _put_rows(file: sqlite3.Connection, kind: type[Any], rows: Sequence[Any]) -> None:
    name, key_of = TABLE_OF[kind].name, KEY_OF[kind]
    file.executemany(
        "insert or replace into rows values (?, ?, ?)",
        [(name, plain_row(key_of(row)), plain_row(row)) for row in rows],
    )


class ExportedHistory:
    """See `History`: a file that `export` wrote."""

    def __init__(self, directory: Path) -> None:
        """ConfigurationFault when there is no such file, or it has another format."""
        path = directory / FILE
        if not path.exists():
            raise ConfigurationFault(f"{path} がありません / there is no export there")
        self._file = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        about = dict(self._file.execute("select name, value from about"))
        if about.get("format") != str(FORMAT):
            raise ConfigurationFault(f"{path}: format {about.get('format')}; this program reads {FORMAT}")
        self.plan = Plan(**json.loads(about["plan"]))
        self.shards = int(about["shards"])
        self.lost: Mapping[Source, int] = {(one[0], one[1]): 0 for one in json.loads(about["lost"])}
        self.gone = Gone(*json.loads(about.get("gone", "[]")))

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    async def count(self) -> int:
        """See `History.count`."""
        return int(self._file.execute("select count(*) from steps").fetchone()[0])

    async def steps(self, after: int) -> Sequence[Step]:
        """See `History.steps`."""
        query = "select place, step from steps where place > ? order by place limit ?"
        return [step_from(*row) for row in self._file.execute(query, (after, STEPS_AT_ONCE))]

    async def records(self, source: Source, offset: int) -> Sequence[Delivered]:
        """See `History.records`."""
        query = "select * from messages where topic = ? and partition = ? and position >= ? order by position limit ?"
        return [_delivered(row) for row in self._file.execute(query, (*source, offset, ROWS_AT_ONCE // 5))]

    async def outboxes(self) -> Mapping[tuple[str, int, int], bytes]:
        """See `History.outboxes`."""
        return {tuple(row[:3]): row[3] for row in self._file.execute("select * from outboxes")}

    async def rows(self, kind: type[Any], keys: Sequence[tuple[Any, ...]]) -> list[Any]:
        """See `History.rows`."""
        name, query = TABLE_OF[kind].name, "select row from rows where kind = ? and key = ?"
        found = (self._file.execute(query, (name, plain_row(key))).fetchone() for key in keys)
        return [row_from(kind, row[0]) for row in found if row is not None]

    async def every(self, kind: type[Any]) -> AsyncIterator[Sequence[Any]]:
        """See `History.every`."""
        cursor = self._file.execute("select row from rows where kind = ?", (TABLE_OF[kind].name,))
        while batch := cursor.fetchmany(ROWS_AT_ONCE):
            yield [row_from(kind, row[0]) for row in batch]
