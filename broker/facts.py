"""The facts of one batch: rows read for it, and what its earlier decisions already changed.

Owns the promise that a batch gives the same result as its messages one by one: a decision's rows are taken in at
once, so that the next message of the same batch decides on them. Reading a row nobody loaded is a fault of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import compress
from operator import itemgetter, ne
from typing import Any, TypeVar

from broker.decision import Decision
from broker.errors import OwnFault
from broker.ports import Transaction
from broker.rules.memory import forget_oldest
from broker.tables import TABLE_OF, TABLES

Row = TypeVar("Row")
Key = tuple[Any, ...]


def _getter(kind: type[Any], columns: tuple[str, ...]) -> Callable[[Any], Key]:
    indexes = [kind._fields.index(column) for column in columns]
    if len(indexes) == 1:
        one = itemgetter(indexes[0])
        return lambda row: (one(row),)
    return itemgetter(*indexes)


KEY_OF: dict[type[Any], Callable[[Any], Key]] = {table.row: _getter(table.row, table.key) for table in TABLES}
LOOKUP_OF: dict[tuple[type[Any], tuple[str, ...]], Callable[[Any], Key]] = {
    (table.row, lookup): _getter(table.row, lookup) for table in TABLES for lookup in table.lookups
}
LOOKUPS_OF: dict[type[Any], tuple[tuple[tuple[type[Any], tuple[str, ...]], Callable[[Any], Key]], ...]] = {
    table.row: tuple(((table.row, lookup), LOOKUP_OF[table.row, lookup]) for lookup in table.lookups)
    for table in TABLES
}

MASKS_AT_MOST = 4  # statements that change rows of one table in one batch
KEPT_ROWS = 40_000  # of one table


class Kept:
    """Rows that one shard alone writes, as it last committed them: it need not read them again.

    Holds at most KEPT_ROWS of each of these tables and only rows that `worth_keeping`; forget all when the shard may
    have been another's.
    """

    def __init__(self, worth_keeping: dict[type[Any], Callable[[Any], bool]] | None = None) -> None:
        self._worth_keeping = worth_keeping or {}
        self._rows: dict[type[Any], dict[Key, Any]] = {kind: {} for kind in self._worth_keeping}

    def of(self, kind: type[Any]) -> dict[Key, Any]:
        """The rows of a table that are kept, by key."""
        return self._rows.get(kind, NOTHING)

    def settle(self, kind: type[Any], rows: dict[Key, Any]) -> None:
        """These rows (None: gone) have been committed."""
        worth_keeping = self._worth_keeping.get(kind)
        if worth_keeping is None:
            return
        kept = self._rows[kind]
        for key, row in rows.items():
            if row is not None and worth_keeping(row):
                kept[key] = row
            else:
                kept.pop(key, None)
        forget_oldest(kept, KEPT_ROWS)

    def forget(self) -> None:
        """Whatever was kept may no longer be so."""
        for rows in self._rows.values():
            rows.clear()


NOTHING: dict[Key, Any] = {}


class Facts:
    """Rows by table and key: `load_…` fills it, `decide_…` reads it, the runtime takes decisions in."""

    def __init__(self, transaction: Transaction, kept: Kept | None = None) -> None:
        self._transaction = transaction
        self._names: set[str] = set()
        self._kept = kept or Kept()
        self._rows: dict[type[Any], dict[Key, Any]] = {}
        self._before: dict[type[Any], dict[Key, Any]] = {}  # rows as they were before their first change
        self._found: dict[tuple[type[Any], tuple[str, ...]], dict[Key, dict[Key, Any]]] = {}
        self._written: dict[type[Any], dict[Key, Any]] = {}
        self._removed: dict[type[Any], dict[Key, None]] = {}

    async def alone(self, name: str) -> None:
        """For rows that several shards write: until this batch commits, no other that asks for the name goes on.

        To be asked for before the rows are loaded; one name a service, so that nobody waits for a circle.
        """
        if name not in self._names:
            self._names.add(name)
            await self._transaction.alone(name)

    async def load(self, kind: type[Row], keys: Iterable[Key]) -> None:
        """Read the rows with these keys; what the batch already wrote or read is not read again."""
        known = self._rows.setdefault(kind, {})
        missing = [key for key in dict.fromkeys(keys) if key not in known]
        if not missing:
            return
        kept = self._kept.of(kind)
        known.update((key, kept.get(key)) for key in missing)
        unread = [key for key in missing if key not in kept] if kept else missing
        if not unread:
            return
        key_of = KEY_OF[kind]
        for row in await self._transaction.rows(kind, unread):
            known[key_of(row)] = row

    async def find(self, kind: type[Row], lookup: tuple[str, ...], keys: Iterable[Key]) -> None:
        """Read the rows whose `lookup` columns have these values."""
        index = self._found.setdefault((kind, lookup), {})
        missing = [key for key in dict.fromkeys(keys) if key not in index]
        if not missing:
            return
        for key in missing:
            index[key] = {}
        key_of, lookup_of = KEY_OF[kind], LOOKUP_OF[kind, lookup]
        known = self._rows.setdefault(kind, {})
        written, removed = self._written.get(kind, {}), self._removed.get(kind, {})
        for row in await self._transaction.find(kind, lookup, missing):
            key = key_of(row)
            # What the batch has changed may have left this look-up key since.
            if key not in written and key not in removed:
                index[lookup_of(row)][key] = known[key] = row
        for key, row in written.items():
            if lookup_of(row) in index:
                index[lookup_of(row)][key] = row

    def get(self, kind: type[Row], *key: Any) -> Row | None:
        """The row with this key as of the decisions taken so far, or None."""
        try:
            row: Row | None = self._rows[kind][key]
        except KeyError:
            raise OwnFault(f"{kind.__name__} {key} was decided on without having been loaded") from None
        return row

    def all(self, kind: type[Row], lookup: tuple[str, ...], *key: Any) -> tuple[Row, ...]:
        """The rows found under this look-up key, in the order of their keys."""
        try:
            rows = self._found[kind, lookup][key]
        except KeyError:
            raise OwnFault(f"{kind.__name__} by {lookup} {key} was decided on without having been loaded") from None
        return tuple(rows[one] for one in sorted(rows))

    def absorb(self, decision: Decision) -> None:
        """Take a decision's rows in: later messages of the batch see them, the flush writes them."""
        for row in decision.write:
            kind = type(row)
            key = KEY_OF[kind](row)
            before = self._replace(kind, key, row)
            written = self._written.setdefault(kind, {})
            if key not in written:
                self._before.setdefault(kind, {})[key] = before
            written[key] = row
            if kind in self._removed:
                self._removed[kind].pop(key, None)
        for row in decision.remove:
            kind = type(row)
            key = KEY_OF[kind](row)
            self._replace(kind, key, None)
            self._removed.setdefault(kind, {})[key] = None
            if kind in self._written:
                self._written[kind].pop(key, None)

    def _replace(self, kind: type[Any], key: Key, row: Any) -> Any:
        rows = self._rows.setdefault(kind, {})
        before = rows.get(key)
        rows[key] = row
        for name, lookup_of in LOOKUPS_OF[kind]:
            index = self._found.get(name)
            if not index:
                continue
            if before is not None and (left := index.get(lookup_of(before))) is not None:
                left.pop(key, None)
            if row is not None and (found := index.get(lookup_of(row))) is not None:
                found[key] = row
        return before

    async def flush(self) -> None:
        """Write the last state of every row the batch changed: new rows whole, others in their changed columns."""
        for kind, keys in self._removed.items():
            if keys:
                await self._transaction.remove(kind, list(keys))
        for kind, rows in self._written.items():
            new, changed = _apart(rows, self._before[kind])
            if new and TABLE_OF[kind].born_once:
                await self._transaction.add(kind, new)
            elif new:
                await self._transaction.write(kind, new)
            for columns, some in changed:
                await self._transaction.change(kind, columns, some)

    def settled(self) -> None:
        """What was flushed has been committed."""
        for kind, keys in self._removed.items():
            self._kept.settle(kind, dict.fromkeys(keys))
        for kind, rows in self._written.items():
            self._kept.settle(kind, rows)


def _apart(rows: dict[Key, Any], before: dict[Key, Any]) -> tuple[list[Any], list[tuple[tuple[str, ...], list[Any]]]]:
    """Rows that were not there (as far as was read), and rows by the columns in which they changed."""
    new: list[Any] = []
    by_mask: dict[tuple[bool, ...], list[Any]] = {}
    # One lock order for all workers: two that touch the same rows wait for each other instead of deadlocking.
    for key in sorted(rows):
        row, old = rows[key], before[key]
        if old is None:
            new.append(row)
            continue
        mask = tuple(map(ne, old, row))
        if True in mask:
            by_mask.setdefault(mask, []).append(row)
    if len(by_mask) > MASKS_AT_MOST:
        every = sorted(row for some in by_mask.values() for row in some)
        by_mask = {tuple(map(any, zip(*by_mask, strict=True))): every}
    return new, [(tuple(compress(type(some[0])._fields, mask)), some) for mask, some in by_mask.items()]
