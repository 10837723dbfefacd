"""Institutions are separated by PostgreSQL itself: whatever statement one sends, it finds its own rows and no others.

Every table of the schema is looked at as the catalogue has it, so a table that nobody thought of fails here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any

import asyncpg
import pytest

from broker.adapters.postgres import PostgresStore, connect_pool, migrate
from broker.adapters.separation import (
    INSTITUTIONS,
    OWNER,
    SERVICE,
    all_wanted,
    as_role,
    institution_role,
    let_in,
    standings,
)
from broker.errors import OwnFault
from broker.tables import TABLES, SerialCounter, Table

MINE, OTHERS = "9900123210600000", "9900123211400000"
PASSWORD = "a password of the test's own"
TENANTS = [table for table in TABLES if table.tenant]
CLOSED = [table for table in TABLES if not table.tenant and not table.common]
VALUES: dict[str, Any] = {"text": "x", "bigint": 1, "boolean": True, "bytea": b"x"}
MARK = "9900123211400000"


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """One connection."""
    connection = await asyncpg.connect(dsn, timeout=30, command_timeout=30)
    try:
        yield connection
    finally:
        await connection.close(timeout=10)


async def as_institution(dsn: str, code: str = MINE) -> str:
    """The way in of an institution."""
    role = institution_role(code)
    await let_in(dsn, {role: PASSWORD}, (role,))
    return as_role(dsn, role, PASSWORD)


def row_of(table: Table, owner: str) -> list[Any]:
    """A row of this institution's."""
    named = {table.tenant: owner} | {
        name: owner for name in table.key if table.types[table.columns.index(name)] == "text"
    }
    return [named.get(name, VALUES[kind]) for name, kind in zip(table.columns, table.types, strict=True)]


async def fill(administrator: asyncpg.Connection[asyncpg.Record], owner: str, *, granted: bool = False) -> None:
    """A row of this institution in every table that has tenants; `granted` gives institutions every right on them."""
    for table in TENANTS:
        places = ", ".join(f"${n}" for n in range(1, len(table.columns) + 1))
        await administrator.execute(f"insert into {table.name} values ({places})", *row_of(table, owner))
        if granted:
            await administrator.execute(f"grant all on {table.name} to {INSTITUTIONS}")


async def test_every_table_stands_as_it_must(postgres_dsn: str) -> None:
    """Forced policies, owner and rights of every table there is; one that is not described has no place here."""
    async with connected(postgres_dsn) as administrator:
        found = await standings(administrator)

    assert found == all_wanted()


async def test_a_table_that_was_forgotten_is_noticed_and_closed(postgres_dsn: str) -> None:
    """A table made without separation differs from what must be; the next migration closes it to institutions."""
    mine = await as_institution(postgres_dsn)
    async with connected(postgres_dsn) as administrator, connected(mine) as institution:
        await administrator.execute("create table forgotten (institution_code text primary key)")
        await administrator.execute(f"insert into forgotten values ('{OTHERS}')")
        await administrator.execute(f"grant select on forgotten to public, {INSTITUTIONS}")
        before = await standings(administrator)
        leaked = await institution.fetchval("select count(*) from forgotten")
        await migrate(postgres_dsn)
        after = await standings(administrator)

        assert leaked == 1
        assert set(before) - set(all_wanted()) == {"forgotten"}
        assert (after["forgotten"].forced, after["forgotten"].policies) == (True, "")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await institution.fetch("select * from forgotten")


async def test_nothing_in_the_schema_passes_by_the_policies(postgres_dsn: str) -> None:
    """No view and no function of the schema runs with somebody else's rights."""
    async with connected(postgres_dsn) as administrator:
        views = await administrator.fetch(
            "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('v', 'm', 'f')"
        )
        functions = await administrator.fetch(
            "select proname from pg_proc where pronamespace = 'public'::regnamespace and prosecdef"
        )

    assert (views, functions) == ([], [])


async def test_numbers_are_drawn_by_the_services_alone(postgres_dsn: str) -> None:
    """Every sequence of the schema serves the services, and no institution's role."""
    mine = await as_institution(postgres_dsn)
    async with connected(mine) as institution:
        rights = await institution.fetch(
            "select has_sequence_privilege(current_user, oid, 'usage, select, update') as mine, "
            f"has_sequence_privilege('{SERVICE}', oid, 'usage') as theirs from pg_class where relkind = 'S'"
        )

    assert rights
    assert {(row["mine"], row["theirs"]) for row in rights} == {(False, True)}


async def test_the_roles_are_as_small_as_they_can_be(postgres_dsn: str) -> None:
    """An institution's role is no administrator, makes nothing and passes by nothing; the services' role alone does."""
    mine = await as_institution(postgres_dsn)
    names = [OWNER, SERVICE, INSTITUTIONS, institution_role(MINE)]
    async with connected(postgres_dsn) as administrator, connected(mine) as institution:
        roles = {
            row["rolname"]: row
            for row in await administrator.fetch("select * from pg_roles where rolname = any($1)", names)
        }
        can_make = await institution.fetchval("select has_schema_privilege('public', 'create')")

    assert {name for name, row in roles.items() if row["rolbypassrls"]} == {SERVICE}
    assert not any(row["rolsuper"] or row["rolcreaterole"] or row["rolcreatedb"] for row in roles.values())
    assert not roles[OWNER]["rolcanlogin"]
    assert not can_make


READS = (
    "select * from {table}",
    "select * from {table} where {tenant} = '" + OTHERS + "'",
    "select * from {table} where {tenant} like '%' or true",
    "select {tenant} from {table} group by {tenant}",
    "select row_to_json(t) from {table} t",
    "with all_of_it as materialized (select * from {table}) select * from all_of_it",
    "select a.* from {table} a full join {table} b on true",
    "select * from {table} tablesample system (100)",
    "select * from {table} for update",
    "select * from {table} except select * from {table} where {tenant} = '" + MINE + "'",
    "update {table} set {tenant} = {tenant} returning *",
    "delete from {table} returning *",
)
COUNTS = (
    "select count(*) from {table}",
    "select count(*) from {table} where exists (select from {table})",
    "select exists (select from {table})::int",
    "select exists (select from {table} where {tenant} = '" + OTHERS + "')::int",
    "with gone as (delete from {table} returning 1) select count(*) from gone",
)


@pytest.mark.parametrize("table", TENANTS, ids=lambda table: table.name)
async def test_no_statement_finds_anothers_row(table: Table, separated: tuple[str, str]) -> None:
    """With every right given to it, an institution finds none of another's rows: the policy alone holds."""
    mine, administrators = separated
    fill_in = {"table": table.name, "tenant": table.tenant}
    async with connected(mine) as institution, connected(administrators) as administrator:
        for statement in READS:
            rows = await institution.fetch(statement.format(**fill_in))
            assert rows == [], statement
        for statement in COUNTS:
            assert await institution.fetchval(statement.format(**fill_in)) == 0, statement
        prepared = await institution.prepare(f"select * from {table.name} where {table.tenant} = $1")
        assert await prepared.fetch(OTHERS) == []
        assert await institution.execute(f"update {table.name} set {table.tenant} = '{MINE}'") == "UPDATE 0"
        assert await institution.execute(f"delete from {table.name}") == "DELETE 0"
        copied = BytesIO()
        await institution.copy_from_table(table.name, output=copied)
        await institution.copy_from_query(f"select * from {table.name}", output=copied)
        assert copied.getvalue() == b""
        plan = await institution.fetch(f"explain (analyze, verbose, buffers) select * from {table.name}")
        assert MARK not in str(plan)
        assert "rows=0.00" in plan[0][0]
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await institution.execute(insert_of(table, OTHERS))
        assert await administrator.fetchval(f"select count(*) from {table.name}") == 1


def insert_of(table: Table, owner: str) -> str:
    """An insert of a second row in another's name."""
    literals = {"text": "'y'", "bigint": "2", "boolean": "true", "bytea": "'y'::bytea"}
    values = [
        f"'{owner}'" if name == table.tenant else literals[kind]
        for name, kind in zip(table.columns, table.types, strict=True)
    ]
    return f"insert into {table.name} values ({', '.join(values)})"


@pytest.fixture
async def separated(postgres_dsn: str) -> tuple[str, str]:
    """A database where another institution has a row in every table; the ways in of an institution, and of all."""
    async with connected(postgres_dsn) as administrator:
        await fill(administrator, OTHERS, granted=True)
    return await as_institution(postgres_dsn), postgres_dsn


ATTEMPTS = (
    "set role " + OWNER,
    "set role " + SERVICE,
    "set role " + INSTITUTIONS,
    "set role postgres",
    f'set role "{institution_role(OTHERS)}"',
    f'set session authorization "{institution_role(OTHERS)}"',
    "set row_security = off",
    f"set session_user = '{institution_role(OTHERS)}'",
    f"set chukan.institution_code = '{OTHERS}'",
    f"select set_config('role', '{institution_role(OTHERS)}', false)",
    "alter table exchanges disable row level security",
    "alter table exchanges no force row level security",
    "drop policy own_rows on exchanges",
    f'alter role "{institution_role(MINE)}" bypassrls',
    f'alter role "{institution_role(MINE)}" rename to "{institution_role(OTHERS)}x"',
    f'grant {SERVICE} to "{institution_role(MINE)}"',
    f'create role "inst_9" in role {SERVICE}',
    "create function public.peek() returns setof exchanges language sql security definer as 'select * from exchanges'",
    "create view public.peek as select * from exchanges",
    "copy (select * from exchanges) to program 'cat'",
    "copy exchanges to '/tmp/exchanges'",
    "select pg_read_file('postgresql.conf')",
    "create rule peek as on select to exchanges do instead select 1",
    "do $$ begin execute 'set local role chukan_owner'; end $$",
)


@pytest.mark.parametrize("attempt", ATTEMPTS)
async def test_who_one_is_cannot_be_changed(attempt: str, separated: tuple[str, str]) -> None:
    """Whatever an institution sets or tries, most of it is refused, and none of it shows another's row."""
    mine, _ = separated
    async with connected(mine) as institution:
        refused = False
        try:
            await institution.execute(attempt)
        except asyncpg.PostgresError:
            refused = True
        try:
            found = await institution.fetch("select * from exchanges")
        except asyncpg.PostgresError:
            found = []

        assert refused or "chukan.institution_code" in attempt or attempt == "set row_security = off"
        assert found == []


async def test_the_owners_views_and_functions_show_own_rows_alone(separated: tuple[str, str]) -> None:
    """Even what runs with the rights of the tables' owner asks who logged in."""
    mine, administrators = separated
    async with connected(administrators) as administrator, connected(mine) as institution:
        await administrator.execute(f"grant create on schema public to {OWNER}; set role {OWNER}")
        await administrator.execute("create view all_exchanges as select * from exchanges")
        await administrator.execute(
            "create function every_exchange() returns setof exchanges language sql security definer "
            "as 'select * from exchanges'"
        )
        await administrator.execute(f"grant select on all_exchanges to {INSTITUTIONS}")
        await administrator.execute(f"grant execute on function every_exchange to {INSTITUTIONS}")
        await administrator.execute("reset role")
        seen = await institution.fetch("select * from all_exchanges")
        called = await institution.fetch("select * from every_exchange()")
        own = row_of(next(table for table in TENANTS if table.name == "exchanges"), MINE)
        places = ", ".join(f"${n}" for n in range(1, len(own) + 1))
        await administrator.execute(f"insert into exchanges values ({places})", *own)

        assert (seen, called) == ([], [])
        assert [row["institution_code"] for row in await institution.fetch("select * from all_exchanges")] == [MINE]
        assert [row["institution_code"] for row in await institution.fetch("select * from every_exchange()")] == [MINE]


async def test_a_function_that_tells_is_asked_after_the_policy(separated: tuple[str, str]) -> None:
    """A function that would tell every row it is shown, and claims to cost nothing, is shown no other's row."""
    mine, _ = separated
    told: list[str] = []
    async with connected(mine) as institution:
        institution.add_log_listener(lambda _, message: told.append(str(message)))
        await institution.execute(
            "create function pg_temp.tell(text) returns boolean language plpgsql cost 0.0001 as "
            "$$ begin raise notice '%', $1; return true; end $$"
        )
        found = await institution.fetch("select * from exchanges where pg_temp.tell(exchange_id)")

    assert (found, told) == ([], [])


async def test_statistics_hide_what_the_rows_hide(separated: tuple[str, str]) -> None:
    """The planner's samples of a table's values are not shown, nor what other connections are doing."""
    mine, administrators = separated
    async with connected(administrators) as administrator, connected(mine) as institution:
        await administrator.execute("analyze exchanges")
        samples = await institution.fetch("select attname from pg_stats where tablename = 'exchanges'")
        doing = await institution.fetch(
            "select query from pg_stat_activity where usename <> session_user and datname = current_database()"
        )

    assert samples == []
    assert {row["query"] for row in doing} <= {"<insufficient privilege>", None}


async def test_own_rows_are_found_and_nothing_may_be_written(postgres_dsn: str) -> None:
    """As installed, an institution reads all of its own rows in every table, and writes none."""
    async with connected(postgres_dsn) as administrator:
        await fill(administrator, MINE)
    mine = await as_institution(postgres_dsn)
    async with connected(mine) as institution:
        for table in TENANTS:
            rows = await institution.fetch(f"select {table.tenant} from {table.name}")
            assert [row[0] for row in rows] == [MINE], table.name
            for statement in (f"delete from {table.name}", f"update {table.name} set {table.tenant} = {table.tenant}"):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await institution.execute(statement)


@pytest.mark.parametrize("table", CLOSED, ids=lambda table: table.name)
async def test_what_is_nobodys_is_closed(table: Table, separated: tuple[str, str]) -> None:
    """The network's codes, the register's numbers and the like cannot even be asked for."""
    mine, _ = separated
    async with connected(mine) as institution:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await institution.fetch(f"select count(*) from {table.name}")


async def test_the_services_reach_every_institution(separated: tuple[str, str]) -> None:
    """The services' own role sees and writes all rows, without being an administrator, and plans without policies."""
    _, administrators = separated
    await let_in(administrators, {SERVICE: PASSWORD})
    dsn = as_role(administrators, SERVICE, PASSWORD)
    store = PostgresStore(await connect_pool(dsn, 1))
    try:
        async with store.transaction() as transaction:
            await transaction.write(SerialCounter, [SerialCounter(MINE, 7)])
            found = await transaction.rows(SerialCounter, [(MINE,), (OTHERS,)])
        plan = await store.query("explain select * from serial_counters where institution_code = 'x'")
        with pytest.raises(OwnFault):
            await store.query("create table public.more (a int)")
    finally:
        await store.close()

    assert sorted(row.institution_code for row in found) == [MINE, OTHERS]
    assert "SESSION_USER" not in str(plan).upper()


@pytest.mark.parametrize("code", ["", "99", "9" * 17, 'x"; drop table exchanges; --'])
def test_a_role_is_named_by_a_code_alone(code: str) -> None:
    """What is not sixteen digits never becomes part of a statement."""
    with pytest.raises(OwnFault):
        institution_role(code)
