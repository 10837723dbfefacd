"""The store on PostgreSQL over asyncpg.

Owns the SQL: statements over the table of tables are built from it once, all others stand in `queries.sql`. Promises
what `broker.ports` says; translates asyncpg's exceptions here and nowhere else. Leaves the database server, its users
and its durability to whoever started it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, contextmanager
from importlib import resources
from operator import itemgetter
from typing import Any, NamedTuple

import asyncpg

from broker.adapters.queries import QUERIES as QUERIES  # noqa: PLC0414 - those who report ask for it here
from broker.adapters.queries import load_queries as load_queries  # noqa: PLC0414
from broker.adapters.separation import separate
from broker.errors import Fenced, Held, OwnFault, Unstorable, WorldFault
from broker.journal import pack_offsets
from broker.ports import Advance, Cause, Claim, Position, Source, Store, Transaction
from broker.tables import TABLE_OF, TABLES, Table

CALL_SECONDS = 30.0
STREAM_ROWS = 5_000  # in one batch of a streamed result
IDLE_SECONDS = 5  # no owner thinks so long inside a transaction: one that stands still must let go of its locks


EMPTY_COLUMNS: tuple[list[Any], ...] = ([], [], [], [])


class Changing(NamedTuple):
    """An update of some columns; values: what of a row it takes, keys first."""

    statement: str
    values: Callable[[Any], tuple[Any, ...]]


class Statements:
    """The four statements a table needs, built from its description."""

    def __init__(self, table: Table) -> None:
        columns = ", ".join(table.columns)
        arrays = ", ".join(f"${n}::{kind}[]" for n, kind in enumerate(table.types, 1))
        rest = [column for column in table.columns if column not in table.key]
        on_conflict = (
            f"do update set {', '.join(f'{column} = excluded.{column}' for column in rest)}" if rest else "do nothing"
        )
        self.write = (
            f"insert into {table.name} ({columns}) select * from unnest({arrays}) "  # noqa: S608 - our own names
            f"on conflict ({', '.join(table.key)}) {on_conflict}"
        )
        self._table = table
        self._changes: dict[tuple[str, ...], Changing] = {}
        self.rows = self._by_keys(table, table.key, columns)
        self.find = {lookup: self._by_keys(table, lookup, columns) for lookup in table.lookups}
        self.remove = f"delete from {table.name} where ctid = any(array({self._by_keys(table, table.key, 'ctid')}))"  # noqa: S608
        self.all = f"select {columns} from {table.name} order by {', '.join(table.key)} limit $1"  # noqa: S608
        self.due = {
            (column, of_state): f"select {columns} from {table.name} where {column} > $1 and {column} <= $2 "  # noqa: S608
            f"{'and state = any($4::text[]) ' if of_state else ''}order by {column}, {', '.join(table.key)} limit $3"
            for column, kind in zip(table.columns, table.types, strict=True)
            for of_state in (False, True)
            if kind == "bigint"
        }

    def change(self, columns: tuple[str, ...]) -> Changing:
        """The statement that sets these columns of rows given by their keys, and the values of a row that it takes."""
        found = self._changes.get(columns)
        if found is None:
            found = self._changes[columns] = self._changing(columns)
        return found

    def _changing(self, columns: tuple[str, ...]) -> Changing:
        table = self._table
        taken = [table.columns.index(name) for name in (*table.key, *columns)]
        arrays = ", ".join(f"${n}::{table.types[place]}[]" for n, place in enumerate(taken, 1))
        names = ", ".join(f"c{n}" for n in range(len(taken)))
        match = " and ".join(f"old.{name} = new.c{n}" for n, name in enumerate(table.key))
        values = ", ".join(f"{name} = new.c{n}" for n, name in enumerate(columns, len(table.key)))
        statement = (
            f"update {table.name} as old set {values} "  # noqa: S608 - our own names
            f"from unnest({arrays}) as new({names}) where {match}"
        )
        return Changing(statement, itemgetter(*taken))

    @staticmethod
    def _by_keys(table: Table, names: tuple[str, ...], columns: str) -> str:
        """One index look-up a key, whatever the planner believes of the table.

        `(a, b) in (select … unnest)` was planned as a scan of the whole table once statistics came in: ten times the
        work at 20,000 rows. `offset 0` keeps the inner query as it is written.
        """
        kinds = [table.types[table.columns.index(name)] for name in names]
        arrays = ", ".join(f"${n}::{kind}[]" for n, kind in enumerate(kinds, 1))
        places = [f"k{n}" for n in range(len(names))]
        match = " and ".join(f"{name} = wanted.{place}" for name, place in zip(names, places, strict=True))
        return (
            f"select found.* from unnest({arrays}) as wanted({', '.join(places)}) "  # noqa: S608 - our own names
            f"cross join lateral (select {columns} from {table.name} where {match} offset 0) as found"
        )


STATEMENTS: dict[type[Any], Statements] = {table.row: Statements(table) for table in TABLES}

# What the server or the way to it may do to us; everything else of asyncpg's is our own mistake.
AWAY = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.exceptions.ConnectionDoesNotExistError,
    asyncpg.exceptions.AdminShutdownError,
    asyncpg.exceptions.CrashShutdownError,
    asyncpg.exceptions.CannotConnectNowError,
    asyncpg.exceptions.TooManyConnectionsError,
    asyncpg.exceptions.DeadlockDetectedError,
    asyncpg.exceptions.SerializationError,
    asyncpg.exceptions.IdleInTransactionSessionTimeoutError,
    asyncpg.exceptions.InvalidCachedStatementError,
    asyncpg.exceptions.DiskFullError,
)


# What a value or a row brings with it: SQL states of the classes 22 and 23, and what asyncpg itself cannot encode.
UNSTORABLE = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)


@contextmanager
def translated() -> Any:
    """asyncpg's exceptions as ours; the text names the class and state, never a value."""
    try:
        yield
    except UNSTORABLE as error:
        raise Unstorable(f"PostgreSQL refused a value: {type(error).__name__} {error.sqlstate}") from error
    except AWAY as error:
        if isinstance(error, ValueError):
            raise Unstorable("PostgreSQL was not asked: a value does not fit its column") from error
        state = getattr(error, "sqlstate", "") or ""
        raise WorldFault(f"PostgreSQL: {type(error).__name__} {state}".strip()) from None
    except asyncpg.PostgresError as error:
        raise OwnFault(f"PostgreSQL refused a statement: {type(error).__name__} {error.sqlstate}") from error


class Connection(asyncpg.Connection):
    """A connection that needs no cleaning between uses: we hold no session locks, cursors or settings."""

    def get_reset_query(self) -> str:
        """Nothing, which saves a round trip a transaction."""
        return ""


async def connect_pool(dsn: str, size: int) -> asyncpg.Pool[asyncpg.Record]:
    """A pool of connections set up for the services' small keyed statements; WorldFault when the server is away."""
    with translated():
        async with asyncio.timeout(CALL_SECONDS):
            pool = await asyncpg.create_pool(
                dsn,
                min_size=1,
                max_size=size,
                command_timeout=CALL_SECONDS,
                max_inactive_connection_lifetime=0,
                connection_class=Connection,
                # Every statement goes by a key: with fresh tables and no statistics yet, the planner must not scan.
                server_settings={
                    "application_name": "chukan",
                    "idle_in_transaction_session_timeout": f"{IDLE_SECONDS}s",
                    "enable_seqscan": "off",
                    "enable_hashjoin": "off",
                    "enable_mergejoin": "off",
                    "jit": "off",
                    "plan_cache_mode": "force_generic_plan",
                },
            )
    return pool


async def migrate(dsn: str) -> list[str]:
    """Apply the numbered migrations that are not yet in, then separate the institutions; returns the migrations' names.

    One at a time, each whole or not.
    """
    applied = []
    folder = resources.files("broker.adapters").joinpath("migrations")
    scripts = sorted((path for path in folder.iterdir() if path.name.endswith(".sql")), key=lambda path: path.name)
    with translated():
        connection = await asyncio.wait_for(asyncpg.connect(dsn, command_timeout=CALL_SECONDS), CALL_SECONDS)
        try:
            await connection.execute("select pg_advisory_lock(7264230001)")
            await connection.execute("create table if not exists migrations (name text primary key, at timestamptz)")
            known = {row["name"] for row in await connection.fetch("select name from migrations")}
            for script in scripts:
                if script.name in known:
                    continue
                async with connection.transaction():
                    await connection.execute(script.read_text(encoding="utf-8"))
                    await connection.execute("insert into migrations values ($1, now())", script.name)
                applied.append(script.name)
            await separate(connection)
        finally:
            await asyncio.wait_for(connection.close(), CALL_SECONDS)
    return applied


class PostgresStore:
    """See `broker.ports.Store`. Holds a pool; `close` within a bound."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], reached: Callable[[str], None] | None = None) -> None:
        self._pool = pool
        self._reached = reached or (lambda _: None)

    async def close(self) -> None:
        """Let go of all connections within ten seconds, then cut them."""
        try:
            await asyncio.wait_for(self._pool.close(), 10)
        except TimeoutError:
            self._pool.terminate()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:
        with translated():
            async with self._pool.acquire(timeout=CALL_SECONDS) as connection:
                yield connection

    async def claim(self, service: str, shard: int, owner: str, now: int, lease_ms: int) -> Claim:
        """See `Store.claim`. The row lock of an owner in mid-commit is waited for, so its batch is seen or refused."""
        async with self._connection() as connection, connection.transaction():
            row = await connection.fetchrow(QUERIES["claim_shard"], service, shard, owner, now + lease_ms, now)
            if row is None:
                holder = await connection.fetchval(QUERIES["shard_owner"], service, shard)
                raise Held(f"{service}/{shard} is held by {holder}")
            positions = await connection.fetch(QUERIES["shard_positions"], service, shard)
            outbox = await connection.fetch(QUERIES["shard_outbox"], service, shard)
        return Claim(
            row["epoch"],
            row["batch"],
            {(one["topic"], one["partition"]): _position(one["next_offset"], one["seen"]) for one in positions},
            tuple((one["batch"], one["body"]) for one in outbox),
        )

    async def release(self, service: str, shard: int, epoch: int) -> None:
        """See `Store.release`."""
        async with self._connection() as connection:
            await connection.execute(QUERIES["release_shard"], service, shard, epoch)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """See `Store.transaction`."""
        async with self._connection() as connection, connection.transaction():
            yield PostgresTransaction(connection, self._reached)

    async def due(
        self, kind: type[Any], column: str, states: tuple[str, ...], between: tuple[int, int], limit: int
    ) -> list[Any]:
        """See `Store.due`."""
        statement = STATEMENTS[kind].due[column, bool(states)]
        async with self._connection() as connection:
            found = await connection.fetch(statement, *between, limit, *([list(states)] if states else []))
        return [_row(kind, record) for record in found]

    async def all(self, kind: type[Any], limit: int) -> list[Any]:
        """See `Store.all`."""
        async with self._connection() as connection:
            found = await connection.fetch(STATEMENTS[kind].all, limit + 1)
        if len(found) > limit:
            raise OwnFault(f"{TABLE_OF[kind].name} has more than {limit} rows")
        return [_row(kind, record) for record in found]

    async def load(self, kind: type[Any], rows: Sequence[Any]) -> None:
        """Add many new rows by COPY; OwnFault when one of them is there already (then none is added)."""
        table = TABLE_OF[kind]
        async with self._connection() as connection:
            await connection.copy_records_to_table(
                table.name, records=rows, columns=table.columns, timeout=CALL_SECONDS * 10
            )

    async def query(self, statement: str, *values: Any) -> list[asyncpg.Record]:
        """Rows of a reading statement, for tools that report."""
        async with self._connection() as connection:
            found: list[asyncpg.Record] = await connection.fetch(statement, *values, timeout=CALL_SECONDS * 10)
        return found

    @asynccontextmanager
    async def work(self) -> AsyncIterator[PostgresWork]:
        """One transaction for what needs more than keys; commits on leaving without an exception."""
        async with self._connection() as connection, connection.transaction():
            yield PostgresWork(connection, self._reached)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[PostgresSnapshot]:
        """One committed state to read from, however long the reading takes; nothing can be written."""
        async with (
            self._connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            await connection.execute(QUERIES["read_patiently"])
            yield PostgresSnapshot(connection, self._reached)


class PostgresTransaction:
    """See `broker.ports.Transaction`."""

    def __init__(self, connection: Any, reached: Callable[[str], None]) -> None:
        self._connection = connection
        self._reached = reached

    async def rows(self, kind: type[Any], keys: Sequence[tuple[Any, ...]]) -> list[Any]:
        """See `Transaction.rows`."""
        known = _possible(keys)
        if not known:
            return []
        found = await self._connection.fetch(STATEMENTS[kind].rows, *_columns(known))
        return [_row(kind, record) for record in found]

    async def find(self, kind: type[Any], lookup: tuple[str, ...], keys: Sequence[tuple[Any, ...]]) -> list[Any]:
        """See `Transaction.find`."""
        known = _possible(keys)
        if not known:
            return []
        found = await self._connection.fetch(STATEMENTS[kind].find[lookup], *_columns(known))
        return [_row(kind, record) for record in found]

    async def write(self, kind: type[Any], rows: Sequence[Any]) -> None:
        """See `Transaction.write`."""
        await self._connection.execute(STATEMENTS[kind].write, *_columns(rows))
        self._reached("after_write")

    async def add(self, kind: type[Any], rows: Sequence[Any]) -> None:
        """See `Transaction.add`. By COPY, which takes half the time of arrays."""
        table = TABLE_OF[kind]
        try:
            await self._connection.copy_records_to_table(table.name, records=rows, columns=table.columns)
        except (OverflowError, ValueError, TypeError) as error:
            # Here, and only here, asyncpg lets its encoders' own exceptions through.
            raise Unstorable(f"PostgreSQL was not asked: a value does not fit its column of {table.name}") from error
        self._reached("after_write")

    async def change(self, kind: type[Any], columns: Sequence[str], rows: Sequence[Any]) -> None:
        """See `Transaction.change`."""
        changing = STATEMENTS[kind].change(tuple(columns))
        done = await self._connection.execute(changing.statement, *_columns(list(map(changing.values, rows))))
        if done != f"UPDATE {len(rows)}":
            raise OwnFault(f"{TABLE_OF[kind].name}: {len(rows)} rows were to be changed, PostgreSQL says {done}")
        self._reached("after_write")

    async def remove(self, kind: type[Any], keys: Sequence[tuple[Any, ...]]) -> None:
        """See `Transaction.remove`."""
        await self._connection.execute(STATEMENTS[kind].remove, *_columns(keys))

    async def alone(self, name: str) -> None:
        """See `Transaction.alone`."""
        await self._connection.execute(QUERIES["alone"], name)

    async def advance(self, advance: Advance) -> None:
        """See `Transaction.advance`."""
        held = await self._connection.fetchval(
            QUERIES["advance"],
            advance.service,
            advance.shard,
            advance.epoch,
            advance.batch,
            advance.lease_until,
            *(_columns(_plain(advance.positions)) or EMPTY_COLUMNS),
            advance.outbox,
            list(advance.published),
            advance.at,
            pack_offsets(advance.positions),
        )
        if held is None:
            raise Fenced(f"{advance.service}/{advance.shard}: another owner has replaced epoch {advance.epoch}")


class PostgresWork(PostgresTransaction):
    """A transaction with named statements beside those that every table has."""

    async def query(self, statement: str, *values: Any) -> list[asyncpg.Record]:
        """The rows a statement gives."""
        found: list[asyncpg.Record] = await self._connection.fetch(statement, *values, timeout=CALL_SECONDS * 10)
        return found

    async def select(self, kind: type[Any], statement: str, *values: Any) -> list[Any]:
        """Whole rows of a table."""
        return [_row(kind, record) for record in await self.query(statement, *values)]


class PostgresSnapshot(PostgresWork):
    """A transaction that only reads: what a report sees is one moment of the installation."""

    async def stream(self, statement: str, *values: Any) -> AsyncGenerator[list[asyncpg.Record], None]:
        """Rows in batches, for results that need not fit memory."""
        cursor = await self._connection.cursor(statement, *values)
        while batch := await cursor.fetch(STREAM_ROWS, timeout=CALL_SECONDS):
            yield batch

    async def tables(self) -> list[str]:
        """The names of all tables of the database, ours or not, as they may stand in a statement."""
        return [record["name"] for record in await self.query(QUERIES["table_names"])]

    async def every_row(self, table: str) -> AsyncGenerator[list[asyncpg.Record], None]:
        """Everything in a table of `tables`."""
        async for batch in self.stream(f"select * from {table}"):  # noqa: S608 - quoted by the server
            yield batch


def _possible(keys: Sequence[tuple[Any, ...]]) -> Sequence[tuple[Any, ...]]:
    """The keys a row can have: PostgreSQL's texts hold no zero byte, and will not even be asked about one."""
    return [key for key in keys if not any(isinstance(part, str) and "\x00" in part for part in key)]


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _row(kind: type[Any], record: asyncpg.Record) -> Any:
    return kind._make(record)


def _position(next_offset: int, seen: str) -> Position:
    return Position(next_offset, {origin: Cause(*cause) for origin, cause in json.loads(seen).items()})


def _plain(positions: Any) -> list[tuple[str, int, int, str]]:
    found: list[tuple[str, int, int, str]] = []
    source: Source
    for source, position in positions.items():
        found.append((*source, position.next_offset, json.dumps(position.seen)))
    return found


def _keeps_promises(store: PostgresStore, transaction: PostgresTransaction) -> tuple[Store, Transaction]:
    # The type checker reports here, and not in a caller, when an adapter drifts from its port.
    return store, transaction
