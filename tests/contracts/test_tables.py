"""The migrations make exactly the tables that `broker.tables` describes."""

from __future__ import annotations

import asyncpg

from broker.tables import TABLES

COLUMNS = """
select table_name, column_name, data_type, is_nullable from information_schema.columns
where table_schema = 'public' order by table_name, ordinal_position
"""
KEYS = """
select c.relname as table_name, a.attname as column_name
from pg_index i join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
cross join lateral unnest(i.indkey) with ordinality as k(number, place)
join pg_attribute a on a.attrelid = c.oid and a.attnum = k.number
where n.nspname = 'public' and i.indisprimary order by 1, k.place
"""
INDEXES = """
select c.relname as table_name, array_agg(a.attname::text order by k.place) as columns
from pg_index i join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
cross join lateral unnest(i.indkey) with ordinality as k(number, place)
join pg_attribute a on a.attrelid = c.oid and a.attnum = k.number
where n.nspname = 'public' and i.indpred is null group by c.relname, i.indexrelid
"""
OF_THE_RUNTIME = {"shards", "positions", "outbox", "migrations", "journal", "outside_changes", "history_gone"}


async def catalogue(dsn: str, statement: str) -> list[asyncpg.Record]:
    """What PostgreSQL says about itself."""
    connection = await asyncpg.connect(dsn, timeout=30, command_timeout=30)
    try:
        return await connection.fetch(statement)
    finally:
        await connection.close(timeout=10)


async def test_columns_are_those_of_the_rows(postgres_dsn: str) -> None:
    """Every table, every column in its order with its type, none of them null; and no table more."""
    found: dict[str, list[tuple[str, str]]] = {}
    nullable = []
    for table, column, kind, null in await catalogue(postgres_dsn, COLUMNS):
        if table not in OF_THE_RUNTIME:
            found.setdefault(table, []).append((column, kind))
            nullable += [(table, column)] if null == "YES" else []

    assert found == {table.name: list(zip(table.columns, table.types, strict=True)) for table in TABLES}
    assert nullable == []


async def test_keys_are_those_of_the_tables(postgres_dsn: str) -> None:
    """The primary key is the row's key, in the same order."""
    found: dict[str, tuple[str, ...]] = {}
    for table, column in await catalogue(postgres_dsn, KEYS):
        found[table] = (*found.get(table, ()), column)

    assert {name: key for name, key in found.items() if name not in OF_THE_RUNTIME} == {
        table.name: table.key for table in TABLES
    }


async def test_every_lookup_has_an_index(postgres_dsn: str) -> None:
    """What is found by other columns than the key is found by an index that begins with them."""
    indexes = [(row["table_name"], tuple(row["columns"])) for row in await catalogue(postgres_dsn, INDEXES)]

    for table in TABLES:
        for lookup in table.lookups:
            begins = [name for name, columns in indexes if name == table.name and columns[: len(lookup)] == lookup]
            assert begins, f"{table.name} has no index for {lookup}"


def test_every_table_is_described_once() -> None:
    """Two descriptions of one table would disagree some day, and the last one would win unseen."""
    names = [table.name for table in TABLES]

    assert sorted(set(names)) == sorted(names)
