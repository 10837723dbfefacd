"""`chukan audit reconcile`: the three parties' records matched exchange by exchange, going on where it last stopped.

Owns the verdicts' own memory (one SQLite file in a directory the user names) and the order of the work. Promises that
an exchange has one row there however often it is judged, so that late data amends instead of counting twice; that a
run that was ended anywhere goes on without losing or repeating; and that Python's memory does not grow with the
exchanges. Writes nothing else. Decides nothing itself: see `broker.rules.reconciliation`.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from broker.errors import ConfigurationFault
from broker.rules.reconciliation import LIMITS, MISSING, ORDER, Case, Judgement, Limits, Verdict, judged

FILE = "reconciliation.sqlite"
FORMAT = "1"
EXCHANGES_AT_ONCE = 1000
CACHE_KIB = 32_768
BUSY_SECONDS = 5.0
SETTLE_SECONDS = 2.0
EXAMPLES = 100
ABSENT = frozenset({*MISSING.values(), Verdict.PERMITTED_NOT_RECORDED})

Progress = Callable[[str, int, int], None]


class Arrived(NamedTuple):
    """Something new in one log: up to where it was read, and which exchanges it is about.

    new_only: exchanges that were judged before have nothing new here.
    """

    log: str
    position: int
    exchange_ids: Sequence[str]
    new_only: bool = False


class Source(Protocol):
    """Where records come from, as they stand at one moment."""

    def arrived(self, positions: Mapping[str, int]) -> AsyncIterator[Arrived]:
        """What came after these positions, a part at a time."""

    async def cases(self, exchange_ids: Sequence[str]) -> Sequence[Case]:
        """All that is known of these exchanges, one case for each."""


Opened = Callable[[], AbstractAsyncContextManager[Source]]


class Example(NamedTuple):
    """An exchange that is not in order."""

    exchange_id: str
    verdicts: tuple[Verdict, ...]
    reasons: tuple[str, ...]


class Amendment(NamedTuple):
    """An exchange whose verdict is no longer what an earlier run said."""

    exchange_id: str
    before: tuple[Verdict, ...]
    after: tuple[Verdict, ...]


@dataclass
class Reconciled:
    """What a run did (judged, amended) and how the exchanges of all runs stand now (verdicts, waiting)."""

    judged: int = 0
    exchanges: int = 0
    waiting: int = 0
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    amended: int = 0
    amendments: list[Amendment] = field(default_factory=list)
    examples: list[Example] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """No exchange has any verdict but AGREE, LATE set aside: what came late is there now."""
        return not any(self.verdicts[one] for one in Verdict if one not in (Verdict.AGREE, Verdict.LATE))


def mask_of(verdicts: Iterable[Verdict]) -> int:
    """Verdicts as one number, a bit each; 0 is none yet."""
    return sum(1 << ORDER[one] for one in verdicts)


def verdicts_of(mask: int) -> tuple[Verdict, ...]:
    """The verdicts in such a number."""
    return tuple(one for one in Verdict if mask >> ORDER[one] & 1)


SCHEMA = """
create table if not exists about (name text primary key, value text not null) without rowid;
create table if not exists positions (log text primary key, position integer not null) without rowid;
create table if not exists touched (exchange_id text primary key) without rowid;
create table if not exists verdicts (
    exchange_id text primary key, mask integer not null, reasons text not null, due_at integer not null,
    judged_at integer not null, run integer not null
) without rowid;
create index if not exists verdicts_due on verdicts (due_at) where due_at > 0;
create index if not exists verdicts_bad on verdicts (mask) where mask > 1;
create table if not exists amendments (
    place integer primary key, exchange_id text not null, before integer not null, after integer not null,
    amended_at integer not null, run integer not null
);
"""


class State:
    """The file of verdicts. `of`: a name of the installation, so that no state is used for another one."""

    def __init__(self, directory: Path, of: str, busy_seconds: float = BUSY_SECONDS) -> None:
        self._path = directory / FILE
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._db = sqlite3.connect(self._path, timeout=busy_seconds, isolation_level=None)
            self._db.execute(f"pragma cache_size = -{CACHE_KIB}")
            self._db.execute("pragma locking_mode = exclusive")
            self._db.execute("pragma journal_mode = wal")
            self._db.execute("pragma synchronous = normal")
            self._db.executescript(SCHEMA)
            self._check("format", FORMAT)
            self._check("of", of)
        except (sqlite3.Error, OSError) as error:
            raise ConfigurationFault(f"{self._path}: 使えない状態ファイル / no usable state: {error}") from error
        self.run = 1 + int(self._about("run") or 0)
        self._say("run", str(self.run))

    def close(self) -> None:
        """No further use."""
        self._db.close()

    def _about(self, name: str) -> str:
        row = self._db.execute("select value from about where name = ?", (name,)).fetchone()
        return str(row[0]) if row else ""

    def _say(self, name: str, value: str) -> None:
        self._db.execute("insert or replace into about values (?, ?)", (name, value))

    def _check(self, name: str, wanted: str) -> None:
        known = self._about(name)
        if known and known != wanted:
            raise ConfigurationFault(f"{self._path}: 別の {name} の状態です / is of another {name}: {known}")
        self._say(name, wanted)

    @property
    def positions(self) -> dict[str, int]:
        """How far each log was read."""
        return dict(self._db.execute("select log, position from positions"))

    def arrive(self, new: Arrived) -> None:
        """Note what is to be judged, and how far the log was read: both or neither."""
        with self._transaction():
            if new.new_only:
                self._db.executemany(
                    "insert or ignore into touched select ?1 where not exists"
                    " (select 1 from verdicts where exchange_id = ?1)",
                    ((name,) for name in new.exchange_ids),
                )
            else:
                self._db.executemany("insert or ignore into touched values (?)", ((n,) for n in new.exchange_ids))
            self._db.execute("insert or replace into positions values (?, ?)", (new.log, new.position))

    def touch_due(self, as_of: int) -> None:
        """What waited, and whose time has come, is to be judged again."""
        self._db.execute(
            "insert or ignore into touched select exchange_id from verdicts where due_at > 0 and due_at <= ?", (as_of,)
        )

    def touch_absent(self) -> int:
        """What this run found missing is to be looked at once more; how many those are."""
        absent = mask_of(ABSENT)
        return self._db.execute(
            "insert or ignore into touched select exchange_id from verdicts where mask > 1 and mask & ? and run = ?",
            (absent, self.run),
        ).rowcount

    def touched(self) -> list[str]:
        """Some exchanges that are to be judged."""
        rows = self._db.execute("select exchange_id from touched order by exchange_id limit ?", (EXCHANGES_AT_ONCE,))
        return [name for (name,) in rows]

    def judge(self, judgements: Sequence[tuple[str, Judgement]], as_of: int) -> list[Amendment]:
        """Keep verdicts, and say which of them amend an earlier run's. All of it is kept, or none."""
        names = [name for name, _ in judgements]
        marks = ",".join("?" * len(names))
        with self._transaction():
            known = {
                name: (mask, run)
                for name, mask, run in self._db.execute(
                    f"select exchange_id, mask, run from verdicts where exchange_id in ({marks})",  # noqa: S608 - marks
                    names,
                )
            }
            self._db.executemany(
                "insert or replace into verdicts values (?, ?, ?, ?, ?, ?)",
                (
                    (name, mask_of(one.verdicts), "\n".join(one.reasons), one.due_at, as_of, self.run)
                    for name, one in judgements
                ),
            )
            amended = [
                Amendment(name, verdicts_of(known[name][0]), one.verdicts)
                for name, one in judgements
                if name in known and known[name][0] not in (0, mask_of(one.verdicts)) and known[name][1] != self.run
            ]
            self._db.executemany(
                "insert into amendments (exchange_id, before, after, amended_at, run) values (?, ?, ?, ?, ?)",
                ((one.exchange_id, mask_of(one.before), mask_of(one.after), as_of, self.run) for one in amended),
            )
            self._db.executemany("delete from touched where exchange_id = ?", ((name,) for name in names))
        return amended

    def masks(self, exchange_ids: Sequence[str]) -> dict[str, int]:
        """The verdicts of these exchanges, as `mask_of` has them."""
        marks = ",".join("?" * len(exchange_ids))
        statement = f"select exchange_id, mask from verdicts where exchange_id in ({marks})"  # noqa: S608 - marks
        return dict(self._db.execute(statement, list(exchange_ids)))

    def summary(self, examples: int) -> Reconciled:
        """How everything stands."""
        found = Reconciled()
        for mask, count in self._db.execute("select mask, count(*) from verdicts group by mask"):
            found.exchanges += count
            found.waiting += count if mask == 0 else 0
            found.verdicts.update(dict.fromkeys(verdicts_of(mask), count))
        rows = self._db.execute(
            "select exchange_id, mask, reasons from verdicts where mask > 1 order by exchange_id limit ?", (examples,)
        )
        found.examples = [Example(name, verdicts_of(mask), tuple(text.split("\n"))) for name, mask, text in rows]
        return found

    def _transaction(self) -> _Transaction:
        return _Transaction(self._db)


class _Transaction:
    """Begin, then commit or roll back."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("begin immediate")

    def __exit__(self, kind: object, *_: object) -> None:
        self._db.execute("rollback" if kind else "commit")


async def reconcile(
    opened: Opened,
    state: State,
    now: Callable[[], int],
    *,
    limits: Limits = LIMITS,
    settle_seconds: float = SETTLE_SECONDS,
    examples: int = EXAMPLES,
    progress: Progress = lambda *_: None,
) -> Reconciled:
    """One run: what is new, and what was waiting; then how everything stands.

    A state table may be ahead of the record that travels to its log: what seems missing is looked at again after a
    moment, before anybody is told.
    """
    amendments: list[Amendment] = []
    read = count = amended = 0
    for last in (False, True):
        as_of = now()
        async with opened() as source:
            async for new in source.arrived(state.positions):
                state.arrive(new)
                read += len(new.exchange_ids)
                progress("records", read, 0)
            state.touch_due(as_of)
            while names := state.touched():
                cases = await source.cases(names)
                assert len(cases) == len(names), "a source tells of every exchange it is asked about"
                found = [(one.exchange_id, judged(one, as_of, limits)) for one in cases]
                new_amendments = state.judge(found, as_of)
                amended += len(new_amendments)
                amendments += new_amendments[: examples - len(amendments)]
                count += len(found)
                progress("exchanges", count, 0)
        if last or not settle_seconds or not state.touch_absent():
            break
        await asyncio.sleep(settle_seconds)
    whole = state.summary(examples)
    whole.judged, whole.amended, whole.amendments = count, amended, amendments
    return whole


def body_of(found: Reconciled) -> dict[str, Any]:
    """A run for programs."""
    return {
        "ok": found.ok,
        "judged": found.judged,
        "exchanges": found.exchanges,
        "waiting": found.waiting,
        "verdicts": {one.value: found.verdicts[one] for one in Verdict},
        "amended": found.amended,
        "amendments": found.amendments,
        "examples": found.examples,
    }
