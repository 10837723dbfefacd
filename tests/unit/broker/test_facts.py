"""The facts of a batch: read once, seen as the batch's own decisions have changed them, written last state only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from broker import facts as module
from broker.adapters.memory import MemoryStore
from broker.decision import Decision
from broker.errors import OwnFault
from broker.facts import Facts, Kept
from broker.tables import CodeBinding, SerialCounter

A, B = "1" * 16, "2" * 16
BY_PERSON = ("institution_code", "integrated_number")


def binding(code: str, number: str = "n", institution: str = A) -> CodeBinding:
    """A code in force."""
    return CodeBinding(institution, code, number, 1, 0, 1, "r")


class Counting:
    """A transaction that tells how often it was read."""

    def __init__(self, store: MemoryStore, inner: Any) -> None:
        self.inner = inner
        self.reads: list[Sequence[Any]] = []
        self.changes: list[tuple[tuple[str, ...], int]] = []

    async def rows(self, kind: type[Any], keys: Sequence[Any]) -> list[Any]:
        """Passed on."""
        self.reads.append(keys)
        found: list[Any] = await self.inner.rows(kind, keys)
        return found

    async def find(self, kind: type[Any], lookup: tuple[str, ...], keys: Sequence[Any]) -> list[Any]:
        """Passed on."""
        self.reads.append(keys)
        found: list[Any] = await self.inner.find(kind, lookup, keys)
        return found

    async def write(self, kind: type[Any], rows: Sequence[Any]) -> None:
        """Passed on."""
        await self.inner.write(kind, rows)

    async def add(self, kind: type[Any], rows: Sequence[Any]) -> None:
        """Passed on."""
        await self.inner.add(kind, rows)

    async def change(self, kind: type[Any], columns: Sequence[str], rows: Sequence[Any]) -> None:
        """Passed on."""
        self.changes.append((tuple(columns), len(rows)))
        await self.inner.change(kind, columns, rows)

    async def remove(self, kind: type[Any], keys: Sequence[Any]) -> None:
        """Passed on."""
        await self.inner.remove(kind, keys)

    async def advance(self, advance: Any) -> None:
        """Passed on."""
        await self.inner.advance(advance)


async def test_a_row_nobody_loaded_is_our_fault() -> None:
    """A decision on a row that was never read would take it for missing."""
    async with MemoryStore().transaction() as transaction:
        facts = Facts(transaction)
        await facts.load(SerialCounter, [(A,)])

        assert facts.get(SerialCounter, A) is None
        with pytest.raises(OwnFault):
            facts.get(SerialCounter, B)
        with pytest.raises(OwnFault):
            facts.all(CodeBinding, BY_PERSON, A, "n")


async def test_what_is_known_is_not_read_again() -> None:
    """One read a key and batch, also for rows that are missing."""
    store = MemoryStore()
    async with store.transaction() as inner:
        transaction = Counting(store, inner)
        facts = Facts(transaction)

        for _ in range(2):
            await facts.load(SerialCounter, [(A,), (B,), (A,)])
            await facts.find(CodeBinding, BY_PERSON, [(A, "n")])

    assert transaction.reads == [[(A,), (B,)], [(A, "n")]]


async def test_a_decision_is_seen_by_the_next() -> None:
    """By key and by every look-up, new rows, changed rows and removed ones, before anything is written."""
    store = MemoryStore()
    store.put([binding("old"), binding("gone")])
    async with store.transaction() as transaction:
        facts = Facts(transaction)
        await facts.load(CodeBinding, [(A, "old")])
        await facts.find(CodeBinding, BY_PERSON, [(A, "n"), (A, "other")])

        facts.absorb(Decision("", (), (binding("new"), binding("old", "other")), (binding("gone"),)))

        assert facts.all(CodeBinding, BY_PERSON, A, "n") == (binding("new"),)
        assert facts.all(CodeBinding, BY_PERSON, A, "other") == (binding("old", "other"),)
        assert facts.get(CodeBinding, A, "gone") is None
        assert facts.get(CodeBinding, A, "old") == binding("old", "other")


async def test_a_later_look_up_sees_earlier_decisions() -> None:
    """What is found afterwards in the tables is corrected by what the batch has already decided."""
    store = MemoryStore()
    store.put([binding("moved"), binding("gone"), binding("stays")])
    async with store.transaction() as transaction:
        facts = Facts(transaction)
        facts.absorb(Decision("", (), (binding("moved", "other"), binding("new")), (binding("gone"),)))

        await facts.find(CodeBinding, BY_PERSON, [(A, "n")])

        assert facts.all(CodeBinding, BY_PERSON, A, "n") == (binding("new"), binding("stays"))


async def test_the_last_state_is_written() -> None:
    """Changed twice is written once; removed and written again is there; written and removed again is not."""
    store = MemoryStore()
    store.put([binding("back")])
    async with store.transaction() as transaction:
        facts = Facts(transaction)
        facts.absorb(Decision("", (), (SerialCounter(A, 1), binding("brief")), (binding("back"),)))
        facts.absorb(Decision("", (), (SerialCounter(A, 2), binding("back", "n2")), (binding("brief"),)))
        await facts.flush()

    assert list(store.tables[SerialCounter].values()) == [SerialCounter(A, 2)]
    assert list(store.tables[CodeBinding].values()) == [binding("back", "n2")]


async def test_a_loaded_row_is_written_in_its_changed_columns() -> None:
    """New rows whole, others column by column, unchanged ones not at all; too many patterns become one."""
    store = MemoryStore()
    store.put([binding(f"c{n}") for n in range(9)])
    async with store.transaction() as inner:
        transaction = Counting(store, inner)
        facts = Facts(transaction)
        await facts.load(CodeBinding, [(A, f"c{n}") for n in range(9)])
        changed = [binding("c0")._replace(valid_to=7), binding("c1", "n2"), binding("c2"), binding("new")]
        facts.absorb(Decision("", (), tuple(changed)))
        await facts.flush()

    assert transaction.changes == [(("valid_to",), 1), (("integrated_number",), 1)]
    assert [store.tables[CodeBinding][A, row.linkage_code] for row in changed] == changed


async def test_many_patterns_of_change_become_one_statement() -> None:
    """The number of statements a batch needs is bounded, whatever its messages change."""
    store = MemoryStore()
    fields = CodeBinding._fields[2:]
    store.put([binding(name) for name in fields])
    changed = [binding(name)._replace(**{name: "9" if name in fields[:1] + fields[4:] else 9}) for name in fields]
    async with store.transaction() as inner:
        transaction = Counting(store, inner)
        facts = Facts(transaction)
        await facts.load(CodeBinding, [(A, name) for name in fields])
        facts.absorb(Decision("", (), tuple(changed)))
        await facts.flush()

    assert transaction.changes == [(fields, len(fields))]
    assert [store.tables[CodeBinding][A, name] for name in fields] == changed


async def test_rows_of_ones_own_are_not_read_again() -> None:
    """What a shard committed it knows; rows that were not worth keeping are read."""
    store = MemoryStore()
    kept = Kept({SerialCounter: lambda row: row.last < 10})
    async with store.transaction() as transaction:
        facts = Facts(transaction, kept)
        facts.absorb(Decision("", (), (SerialCounter(A, 1), SerialCounter(B, 10))))
        await facts.flush()
    facts.settled()

    async with store.transaction() as inner:
        counting = Counting(store, inner)
        second = Facts(counting, kept)
        await second.load(SerialCounter, [(A,), (B,)])

        assert counting.reads == [[(B,)]]
        assert (second.get(SerialCounter, A), second.get(SerialCounter, B)) == (
            SerialCounter(A, 1),
            SerialCounter(B, 10),
        )


async def test_what_was_not_committed_is_not_kept() -> None:
    """Only a settled batch is remembered, and nothing at all after the shard was claimed again."""
    kept = Kept({SerialCounter: lambda _: True})
    async with MemoryStore().transaction() as transaction:
        facts = Facts(transaction, kept)
        facts.absorb(Decision("", (), (SerialCounter(A, 1),)))
        await facts.flush()
    before = dict(kept.of(SerialCounter))
    facts.settled()
    settled = dict(kept.of(SerialCounter))
    kept.forget()

    assert (before, settled, kept.of(SerialCounter)) == ({}, {(A,): SerialCounter(A, 1)}, {})


async def test_what_is_kept_is_bounded() -> None:
    """The oldest rows go first."""
    kept = Kept({SerialCounter: lambda _: True})

    kept.settle(SerialCounter, {(str(n),): SerialCounter(str(n), n) for n in range(module.KEPT_ROWS + 5)})

    assert (len(kept.of(SerialCounter)), next(iter(kept.of(SerialCounter)))) == (module.KEPT_ROWS, ("5",))
