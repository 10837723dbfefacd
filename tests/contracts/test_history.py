"""What the journal holds of a batch and of an operator's rows, in memory and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg
import pytest

from broker.adapters.memory import MemoryStore
from broker.adapters.postgres import QUERIES, PostgresStore, connect_pool
from broker.errors import Fenced
from broker.journal import Changed, Journalled, Step
from broker.keys import Keys
from broker.ports import Advance, Cause, Position
from broker.tables import TABLE_OF, InstitutionKey, ListCopy, ListDistribution, NetworkCode, Suspension
from services.audit.replay_history import Unreplayable, step_of
from services.history_end import let_go
from services.portal import PORTAL_CODE
from services.world import Plan, World

A = "1" * 16
READ = {("inquiry.permit_requested", 0): Position(5, {"inquiry/0": Cause(1, 2)}), ("x", 1): Position(9, {})}


@pytest.fixture
async def real(postgres_dsn: str) -> AsyncIterator[PostgresStore]:
    """A store on a real PostgreSQL."""
    store = PostgresStore(await connect_pool(postgres_dsn, 4))
    yield store
    await store.close()


@pytest.fixture(params=["memory", "postgres"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    """Either store, empty."""
    if request.param == "memory":
        yield MemoryStore()
        return
    real = PostgresStore(await connect_pool(request.getfixturevalue("postgres_dsn"), 4))
    yield real
    await real.close()


async def steps_of(store: Any) -> Sequence[Step]:
    """Everything in the journal."""
    if isinstance(store, MemoryStore):
        return store.journal
    return [step_of(dict(row)) for row in await store.query(QUERIES["steps_after"], 0, 100)]


async def batch(store: Any, epoch: int, number: int, positions: Any, *rows: Any) -> None:
    """A batch's transaction at the moment 1000."""
    async with store.transaction() as transaction:
        for row in rows:
            await transaction.write(type(row), [row])
        await transaction.advance(Advance("network", 0, epoch, number, positions, b"", (), 9000, 1000))


async def test_a_batch_leaves_one_row(store: Any) -> None:
    """Which messages, at what moment, in the commit that has its effects; one that read nothing leaves none."""
    claim = await store.claim("network", 0, "one", 0, 1000)

    await batch(store, claim.epoch, 1, READ)
    await batch(store, claim.epoch, 2, {})
    await batch(store, claim.epoch, 3, {("x", 1): Position(10, {})})

    told = [(step.service, step.shard, step.batch, step.at, dict(step.offsets)) for step in await steps_of(store)]  # type: ignore[union-attr]
    assert told == [
        ("network", 0, 1, 1000, {("inquiry.permit_requested", 0): 5, ("x", 1): 9}),
        ("network", 0, 3, 1000, {("x", 1): 10}),
    ]


async def test_a_batch_that_does_not_commit_leaves_none(store: Any) -> None:
    """Fenced: another owner has the shard, and history knows nothing of what this one tried."""
    first = await store.claim("network", 0, "one", 0, 1000)
    await store.claim("network", 0, "one", 0, 1000)

    with pytest.raises(Fenced):
        await batch(store, first.epoch, 1, READ)

    assert await steps_of(store) == []


async def test_what_an_operator_writes_is_a_step_of_its_own(real: PostgresStore, postgres_dsn: str) -> None:
    """Rows by hand, with any tool: before, after, and their place among the batches."""
    claim = await real.claim("network", 0, "one", 0, 1000)
    one, other = Suspension(A, "7", "WRONG_LINK", 5), Suspension(A, "7", "WRONG_LINK", 6)
    connection = await asyncpg.connect(postgres_dsn, timeout=30, command_timeout=30)
    try:
        await connection.execute("insert into suspensions values ($1, '7', 'WRONG_LINK', 5)", A)
        await batch(real, claim.epoch, 1, READ)
        await connection.execute("update suspensions set since = 6")
        await connection.execute("delete from suspensions")
    finally:
        await connection.close(timeout=10)

    steps = await steps_of(real)

    assert [type(step) for step in steps] == [Changed, Journalled, Changed, Changed]
    changes = [(step.before, step.after) for step in steps if isinstance(step, Changed)]
    assert changes == [(None, one), (one, other), (other, None)]
    assert [step.place for step in steps] == sorted(step.place for step in steps)


async def test_a_services_own_row_shares_its_batchs_transaction(real: PostgresStore) -> None:
    """A service that writes such a table is no operator: its change and its batch have one transaction."""
    claim = await real.claim("network", 0, "one", 0, 1000)

    await batch(real, claim.epoch, 1, READ, ListCopy(A, 2, 7))

    changed, journalled = await steps_of(real)
    assert isinstance(changed, Changed)
    assert isinstance(journalled, Journalled)
    assert changed.after == ListCopy(A, 2, 7)
    assert changed.transaction == journalled.transaction > 0


TRIGGERS = "select tgrelid::regclass::text as name from pg_trigger where tgname = 'note_change'"


async def test_whatever_is_written_by_hand_is_noted(real: PostgresStore) -> None:
    """The tables that the world's creator and operators write, residents' own apart, keep each row before and after;
    a new one that is forgotten here could not be replayed."""
    world = World(Plan(institutions=3, residents=2), Keys(bytes(32)))
    by_hand = {type(row) for row in (*world.directory(), *world.witness_duties(1))} | {
        Suspension,
        ListDistribution,
        InstitutionKey,
    }

    noted = {row["name"] for row in await real.query(TRIGGERS)}

    assert {TABLE_OF[kind].name for kind in by_hand} <= noted


async def test_of_the_codes_only_the_portals_own_are_by_hand(real: PostgresStore) -> None:
    """The portal makes its code of a person outside of all messages; an institution's comes out of one."""
    mine = NetworkCode(PORTAL_CODE, "a", "person", 1, 0)
    async with real.transaction() as transaction:
        await transaction.write(NetworkCode, [mine, NetworkCode(A, "b", "person", 1, 0)])

    steps = await steps_of(real)

    assert [(step.before, step.after) for step in steps if isinstance(step, Changed)] == [(None, mine)]


def test_a_past_from_before_the_journal_is_told() -> None:
    """The migration marks an installation that had served without a journal: its replay says so."""
    row = {
        "service": None,
        "table_name": "journal",
        "place": 1,
        "transaction": 1,
        "at": 0,
        "before": None,
        "after": None,
    }

    with pytest.raises(Unreplayable, match="before it kept a journal"):
        step_of(row)


# ── the end of what is kept ──────────────────────────────────────────────────────────────────────────────────────

TOPIC = "network.inquiry_forwarded"


async def lived(store: PostgresStore, dsn: str) -> None:
    """Five batches of one partition (offsets 10, 20, …), a change by hand before each, and a hub's batch among them."""
    network = await store.claim("network", 0, "one", 0, 1000)
    hub = await store.claim("hub.1", 0, "one", 0, 1000)
    connection = await asyncpg.connect(dsn, timeout=30, command_timeout=30)
    try:
        for number in range(1, 6):
            await connection.execute("insert into suspensions values ($1, $2, 'WRONG_LINK', 5)", A, str(number))
            async with store.transaction() as transaction:
                read = {(TOPIC, 0): Position(number * 10, {}), ("x", 1): Position(number, {})}
                at = 1000 * number
                await transaction.advance(Advance("network", 0, network.epoch, number, read, b"", (), 99_000, at))
            if number == 2:
                async with store.transaction() as transaction:
                    heard = {("institution.1.replies", 0): Position(7, {})}
                    await transaction.advance(Advance("hub.1", 0, hub.epoch, 1, heard, b"", (), 99_000, 2500))
    finally:
        await connection.close(timeout=10)


async def left(store: PostgresStore) -> tuple[list[int], int]:
    """The moments of the network's batches, and how many changes by hand there are."""
    steps = await steps_of(store)
    batches = [one.at for one in steps if isinstance(one, Journalled) and one.service == "network"]
    return batches, sum(isinstance(one, Changed) for one in steps)


@pytest.mark.parametrize(
    ("first", "gone", "batches"),
    [
        ({(TOPIC, 0): 0, ("x", 1): 0}, (0, 0, 0), [1000, 2000, 3000, 4000, 5000]),
        ({(TOPIC, 0): 39, ("x", 1): 5}, (4, 3, 3000), [4000, 5000]),  # with the hub's batch between
        ({(TOPIC, 0): 40, ("x", 1): 2}, (2, 2, 2000), [3000, 4000, 5000]),  # one partition still has the third's
        ({(TOPIC, 0): 50, ("x", 1): 5}, (6, 5, 5000), []),
        ({("x", 1): 5}, (6, 5, 5000), []),  # a topic that is no longer there has no messages
    ],
    ids=["all_there", "three", "the_slower_partition_counts", "all_gone", "topic_gone"],
)
async def test_the_past_without_messages_is_let_go(
    real: PostgresStore,
    postgres_dsn: str,
    first: dict[tuple[str, int], int],
    gone: tuple[int, int, int],
    batches: list[int],
) -> None:
    """From the first step on, as long as every message has left Kafka, in pages and once; what was written by hand up
    to there goes with it, and how far is kept for whoever replays. The hub's own topic holds nothing back."""
    await lived(real, postgres_dsn)

    done = await let_go(real, first, rows_at_once=2)
    again = await let_go(real, first, rows_at_once=2)

    assert tuple(done) == gone
    assert tuple(again) == (0, 0, gone[2])
    assert await left(real) == (batches, len(batches))
    assert [row["at"] for row in await real.query(QUERIES["history_gone"])] == ([gone[2]] if gone[2] else [])


async def test_what_was_cut_short_is_let_go_by_the_next_run(real: PostgresStore, postgres_dsn: str) -> None:
    """The mark comes first: a run that ends between mark and deletion leaves a past that is refused, not half of one;
    and the mark never goes back."""
    await lived(real, postgres_dsn)
    places = [step.place for step in await steps_of(real)]
    await real.query(QUERIES["let_history_go"], places[3], 2000)
    await real.query(QUERIES["let_history_go"], places[0], 1)

    done = await let_go(real, {(TOPIC, 0): 0, ("x", 1): 0})

    assert tuple(done) == (2, 2, 2000)
    assert await left(real) == ([3000, 4000, 5000], 3)
