"""What `broker.ports.Store` promises, on the tables in memory and on a real PostgreSQL: one body for both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from broker.adapters.memory import MemoryStore
from broker.adapters.postgres import PostgresStore, connect_pool
from broker.errors import Fenced, OwnFault, Unstorable, WorldFault
from broker.ports import Advance, Cause, Claim, Position, Store
from broker.tables import (
    CodeBinding,
    LogHead,
    LogRecord,
    NetworkCode,
    Provision,
    ResidentToken,
    SerialCounter,
    SetAside,
)

A, B = "1" * 16, "2" * 16
BY_PERSON = ("institution_code", "integrated_number")


@pytest.fixture(params=["memory", "postgres"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    """Either store, empty."""
    if request.param == "memory":
        yield MemoryStore()
        return
    real = PostgresStore(await connect_pool(request.getfixturevalue("postgres_dsn"), 4))
    yield real
    await real.close()


async def put(store: Store, *rows: Any) -> None:
    """Write rows of one table in a transaction of their own."""
    async with store.transaction() as transaction:
        await transaction.write(type(rows[0]), rows)


async def rows(store: Store, kind: type[Any], *keys: tuple[Any, ...]) -> list[Any]:
    """Committed rows with these keys, in the order of their keys."""
    async with store.transaction() as transaction:
        return sorted(await transaction.rows(kind, keys))


async def claim(store: Store, owner: str = "one", now: int = 0) -> Claim:
    """Claim the shard all tests are about."""
    return await store.claim("inquiry", 0, owner, now, 1000)


def advance(epoch: int, batch: int, **more: Any) -> Advance:
    """The bookkeeping of a batch."""
    plain: dict[str, Any] = {"positions": {}, "outbox": b"", "published": (), "lease_until": 1000, **more}
    return Advance("inquiry", 0, epoch, batch, **plain)


async def commit(store: Store, one: Advance, *rows: Any) -> None:
    """A batch's transaction."""
    async with store.transaction() as transaction:
        for row in rows:
            await transaction.write(type(row), [row])
        await transaction.advance(one)


def binding(institution: str, code: str, number: str) -> CodeBinding:
    """A code in force."""
    return CodeBinding(institution, code, number, 1, 0, 1, "r")


def provision(permit: str, state: str, remind_at: int) -> Provision:
    """A row with a time and a state."""
    return Provision(permit, f"x{permit}", A, state, "", 1, "c", "n", b"", 9, remind_at, b"", "", "")


def record(sequence: int, exchange: str) -> LogRecord:
    """A row with a key of two columns and bytes of every value."""
    return LogRecord(A, sequence, B, 1, exchange, "INQUIRER", 2**62, bytes(range(256)), b"\x00\xff", b"\xfe")


# ── rows ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_is_written_is_read_as_it_was(store: Store) -> None:
    """Every type of column comes back as it went in: text, big numbers, truth values, any bytes."""
    aside = SetAside("inquiry", "topic", 1, 2, "RULE", "理由 ' \\ \n \t", 3, b"", 5)
    await put(store, record(0, "x"))
    await put(store, aside)

    assert await rows(store, LogRecord, (A, 0)) == [record(0, "x")]
    assert await rows(store, SetAside, ("inquiry", "topic", 1, 2, 5)) == [aside]


async def test_missing_rows_are_left_out(store: Store) -> None:
    """Keys without a row give nothing."""
    await put(store, SerialCounter(A, 1))

    assert await rows(store, SerialCounter, (A,), (B,)) == [SerialCounter(A, 1)]


async def test_a_row_replaces_the_one_with_its_key(store: Store) -> None:
    """Writing is inserting or replacing, for many rows at once."""
    await put(store, SerialCounter(A, 1))

    await put(store, SerialCounter(A, 2), SerialCounter(B, 7))

    assert await rows(store, SerialCounter, (A,), (B,)) == [SerialCounter(A, 2), SerialCounter(B, 7)]


async def test_the_same_key_twice_in_one_statement_is_our_fault(store: Store) -> None:
    """At most one row a key may be given; nothing is written then."""
    with pytest.raises(OwnFault):
        await put(store, SerialCounter(A, 1), SerialCounter(A, 2))

    assert await rows(store, SerialCounter, (A,)) == []


async def test_an_added_row_is_new(store: Store) -> None:
    """Many at once, every type of column; a key that is there already is refused and nothing is added."""
    async with store.transaction() as transaction:
        await transaction.add(LogRecord, [record(0, "x"), record(1, "y")])

    async def add_again() -> None:
        async with store.transaction() as transaction:
            await transaction.add(LogRecord, [record(2, "z"), record(1, "other")])

    with pytest.raises(Unstorable):
        await add_again()

    assert await rows(store, LogRecord, *((A, n) for n in range(3))) == [record(0, "x"), record(1, "y")]


@pytest.mark.parametrize("bad", [record(0, "a\x00b"), record(2**63, "x")], ids=["zero byte", "too large"])
async def test_what_cannot_be_stored_is_not_added(postgres_dsn: str, bad: LogRecord) -> None:
    """A value that PostgreSQL has no place for is told as such, also where many rows go at once."""
    real = PostgresStore(await connect_pool(postgres_dsn, 1))

    async def add() -> None:
        async with real.transaction() as transaction:
            await transaction.add(LogRecord, [record(1, "good"), bad])

    with pytest.raises(Unstorable):
        await add()

    assert await rows(real, LogRecord, (A, 1)) == []
    await real.close()


async def test_a_change_touches_only_its_columns(store: Store) -> None:
    """Rows are found by their keys, several at once; what else was given of them is not taken."""
    one, two = binding(A, "c1", "n1"), binding(A, "c2", "n2")
    await put(store, one, two, binding(B, "c1", "n3"))

    async with store.transaction() as transaction:
        given = [row._replace(valid_to=9, integrated_number="other") for row in (one, two)]
        await transaction.change(CodeBinding, ("valid_to",), given)

    found = await rows(store, CodeBinding, (A, "c1"), (A, "c2"), (B, "c1"))
    assert found == [one._replace(valid_to=9), two._replace(valid_to=9), binding(B, "c1", "n3")]


async def test_a_change_of_what_is_not_there_is_our_fault(store: Store) -> None:
    """Nothing of the transaction is left then: a row that somebody took away is noticed."""
    await put(store, SerialCounter(A, 1))

    async def change_both() -> None:
        async with store.transaction() as transaction:
            await transaction.change(SerialCounter, ("last",), [SerialCounter(A, 2), SerialCounter(B, 2)])

    with pytest.raises(OwnFault):
        await change_both()

    assert await rows(store, SerialCounter, (A,), (B,)) == [SerialCounter(A, 1)]


async def test_removed_rows_are_gone(store: Store) -> None:
    """Removing takes rows with the keys given and no others; missing ones do not matter."""
    await put(store, NetworkCode(A, "c1", "p", 1, 0), NetworkCode(A, "c2", "p", 1, 0))

    async with store.transaction() as transaction:
        await transaction.remove(NetworkCode, [(A, "c1"), (B, "c2")])

    assert await rows(store, NetworkCode, (A, "c1"), (A, "c2")) == [NetworkCode(A, "c2", "p", 1, 0)]


async def test_a_lookup_finds_all_rows_with_its_values(store: Store) -> None:
    """Pairs of values are matched as pairs, never crosswise; a row that has changed is found where it is now."""
    one, two, other = binding(A, "c1", "n1"), binding(A, "c2", "n1"), binding(B, "c3", "n1")
    await put(store, one, two, other)
    await put(store, two._replace(integrated_number="n2"))

    async with store.transaction() as transaction:
        by_one = await transaction.find(CodeBinding, BY_PERSON, [(A, "n1")])
        by_two = sorted(await transaction.find(CodeBinding, BY_PERSON, [(A, "n2"), (B, "n1"), (B, "n9")]))

    assert by_one == [one]
    assert by_two == [two._replace(integrated_number="n2"), other]


async def test_due_rows_come_earliest_first_and_bounded(store: Store) -> None:
    """After the first moment, up to and with the last, of the wanted states, at most the limit."""
    states = {"p1": ("HELD", 30), "p2": ("HELD", 10), "p3": ("CLOSED", 20), "p4": ("HELD", 40), "p5": ("HELD", 5)}
    await put(store, *(provision(permit, state, at) for permit, (state, at) in states.items()))

    found = await store.due(Provision, "remind_at", ("HELD",), (5, 30), 10)
    any_state = await store.due(Provision, "remind_at", (), (5, 30), 10)
    first = await store.due(Provision, "remind_at", ("HELD",), (0, 100), 2)

    assert [row.permit_id for row in found] == ["p2", "p1"]
    assert [row.permit_id for row in any_state] == ["p2", "p3", "p1"]
    assert [row.permit_id for row in first] == ["p5", "p2"]


async def test_all_rows_of_a_small_table(store: Store) -> None:
    """In the order of their keys; more than expected is our fault."""
    await put(store, ResidentToken("t2", "i2"), ResidentToken("t1", "i1"))

    assert await store.all(ResidentToken, 2) == [ResidentToken("t1", "i1"), ResidentToken("t2", "i2")]
    with pytest.raises(OwnFault):
        await store.all(ResidentToken, 1)


async def test_a_transaction_holds_whole_or_not_at_all(store: Store) -> None:
    """When anything fails inside, nothing of it is there: rows, removals, positions or outbox."""
    first = await claim(store)
    await put(store, SerialCounter(B, 5))

    async def fail_midway() -> None:
        async with store.transaction() as transaction:
            await transaction.write(SerialCounter, [SerialCounter(A, 1)])
            await transaction.remove(SerialCounter, [(B,)])
            await transaction.advance(advance(first.epoch, 1, positions={("t", 0): Position(3, {})}, outbox=b"x"))
            raise RuntimeError("midway")

    with pytest.raises(RuntimeError):
        await fail_midway()

    again = await claim(store)
    assert await rows(store, SerialCounter, (A,), (B,)) == [SerialCounter(B, 5)]
    assert (again.batch, again.positions, again.outbox) == (0, {}, ())


async def test_nobody_sees_what_is_not_committed(store: Store) -> None:
    """Another transaction reads the last committed state."""
    async with store.transaction() as transaction:
        await transaction.write(LogHead, [LogHead(A, 1, b"", 0)])
        meanwhile = await rows(store, LogHead, (A,))

    assert meanwhile == []
    assert await rows(store, LogHead, (A,)) == [LogHead(A, 1, b"", 0)]


# ── owners ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_new_owner_starts_from_what_was_committed(store: Store) -> None:
    """Batch number, positions with the causes seen, and the outbox in order, less what was let go."""
    first = await claim(store)
    position = Position(12, {"network/0": Cause(41, 7), "network/1": Cause(2**40, 0)})
    await commit(store, advance(first.epoch, 1, outbox=b"first", positions={("t", 0): Position(5, {})}))
    await commit(store, advance(first.epoch, 2, outbox=b"second", positions={("t", 0): position}))
    await commit(store, advance(first.epoch, 3, outbox=b"third", positions={("t", 1): Position(1, {})}))
    await commit(store, advance(first.epoch, 4, published=(1,)))

    second = await claim(store)

    assert second.epoch > first.epoch
    assert second.batch == 4
    assert second.positions == {("t", 0): position, ("t", 1): Position(1, {})}
    assert second.outbox == ((2, b"second"), (3, b"third"))


async def test_an_earlier_owner_cannot_commit_any_more(store: Store) -> None:
    """Fenced, and its rows are not there: the epoch guards rows, positions and outbox together."""
    first = await claim(store)
    second = await claim(store)

    with pytest.raises(Fenced):
        await commit(store, advance(first.epoch, 1, outbox=b"late"), SerialCounter(A, 1))

    assert await rows(store, SerialCounter, (A,)) == []
    await commit(store, advance(second.epoch, 1), SerialCounter(A, 2))
    assert await rows(store, SerialCounter, (A,)) == [SerialCounter(A, 2)]


async def test_a_silent_owner_loses_its_shard_only_when_its_lease_ends(store: Store) -> None:
    """Another owner waits for the lease; the same name does not; a batch renews the lease."""
    first = await claim(store, "one", now=0)

    with pytest.raises(WorldFault):
        await claim(store, "two", now=999)
    await commit(store, advance(first.epoch, 1, lease_until=5000))
    with pytest.raises(WorldFault):
        await claim(store, "two", now=4999)
    taken = await claim(store, "two", now=5000)

    assert taken.epoch > first.epoch
    assert (await claim(store, "two", now=5001)).epoch > taken.epoch


async def test_a_lease_is_handed_back(store: Store) -> None:
    """Whoever ends in order lets the next one in at once; an owner that was replaced hands back nothing."""
    first = await claim(store, "one", now=0)
    await store.release("inquiry", 0, first.epoch)
    second = await claim(store, "two", now=1)
    await store.release("inquiry", 0, first.epoch)

    assert second.epoch > first.epoch
    with pytest.raises(WorldFault):
        await claim(store, "three", now=2)
    await store.release("inquiry", 1, 1)


async def test_shards_are_apart(store: Store) -> None:
    """Another shard or service has its own epoch, positions and outbox."""
    first = await claim(store)
    await commit(store, advance(first.epoch, 1, outbox=b"mine", positions={("t", 0): Position(1, {})}))

    other = await store.claim("inquiry", 1, "one", 0, 1000)
    another = await store.claim("network", 0, "one", 0, 1000)

    assert other == another == Claim(1, 0, {}, ())


async def test_a_name_is_held_until_the_transaction_ends(store: Store) -> None:
    """Of two that want to be alone with a name, the second sees what the first has committed; other names go on."""
    order: list[str] = []
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        async with store.transaction() as transaction:
            await transaction.alone("a")
            inside.set()
            await go_on.wait()
            await transaction.write(SerialCounter, [SerialCounter(A, 1)])
        order.append("first")

    async def second() -> None:
        await inside.wait()
        async with store.transaction() as transaction:
            await transaction.alone("b")
            go_on.set()
            await transaction.alone("a")
            order.append(str((await transaction.rows(SerialCounter, [(A,)]))[0].last))

    await asyncio.wait_for(asyncio.gather(first(), second()), 30)

    assert sorted(order) == ["1", "first"]
