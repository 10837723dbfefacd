"""One institution never sees another's rows: roles, rights and row-level policies, made from the table of tables.

Owns who may do what in PostgreSQL. Promises: every table of the schema has forced row-level security; a table with a
`tenant` shows an institution its own rows and no others, by whatever statement; all other tables show an institution
nothing, but for the few that are public knowledge (`Table.common`). Who is asking is the role that logged in
(`session_user`, named `inst_<institution code>`): no SET, SET ROLE, setting or function changes it. The services'
own role passes by the policies and pays nothing for them. Leaves who gets which password to `broker.keys`.

What stays visible to an institution's role: how large the tables are as a whole (pg_class, EXPLAIN ANALYZE's count of
rows filtered away), never whose rows they are nor what is in them.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from broker.adapters.queries import QUERIES
from broker.errors import OwnFault
from broker.tables import TABLES, Table

OWNER, SERVICE, INSTITUTIONS = "chukan_owner", "chukan_service", "chukan_institution"
PREFIX = "inst_"
POLICY = "own_rows"
OF_THE_RUNTIME = ("shards", "positions", "outbox", "migrations", "journal", "outside_changes", "history_gone")
INSTITUTION_CODE = re.compile(r"^[0-9]{16}$")
CALL_SECONDS = 30.0
CONNECTIONS = 16  # of one institution's role at a time


class Standing(NamedTuple):
    """How one table stands: as PostgreSQL's catalogue says it, or as it must be."""

    name: str
    enabled: bool
    forced: bool
    owner: str
    policies: str
    rights: str


def institution_role(institution_code: str) -> str:
    """The role that an institution's own readers log in as."""
    if not INSTITUTION_CODE.match(institution_code):
        raise OwnFault("an institution code has 16 digits")
    return PREFIX + institution_code


def wanted(name: str, table: Table | None) -> Standing:
    """How a table must stand; `table` is None for the runtime's own."""
    tenant = table.tenant if table else ""
    common = table is not None and table.common
    policies = ""
    if tenant:
        match = f"({tenant} = substr((SESSION_USER)::text, {len(PREFIX) + 1}))"
        policies = f"{POLICY} * t {{-}} {match} {match}"
    elif common:
        policies = f"{POLICY} r t {{{INSTITUTIONS}}} true"
    rights = [f"{INSTITUTIONS} select"] if tenant or common else []
    rights += [f"{SERVICE} {right}" for right in ("delete", "insert", "select", "update")]
    return Standing(name, True, True, OWNER, policies, ", ".join(rights))


def all_wanted() -> dict[str, Standing]:
    """How every table must stand."""
    known = {table.name: wanted(table.name, table) for table in TABLES}
    return known | {name: wanted(name, None) for name in OF_THE_RUNTIME}


def statements(name: str, table: Table | None) -> list[str]:
    """What brings a table to where it must stand."""
    found = [
        f"alter table {name} owner to {OWNER}",
        f"alter table {name} enable row level security",
        f"alter table {name} force row level security",
        f"drop policy if exists {POLICY} on {name}",
        f"revoke all on {name} from public, {SERVICE}, {INSTITUTIONS}",
        f"grant select, insert, update, delete on {name} to {SERVICE}",
    ]
    if table is not None and table.tenant:
        # For everybody, not for a role alone: a view of the owner is bound by it as well.
        match = f"{table.tenant} = substr(session_user::text, {len(PREFIX) + 1})"
        found.append(f"create policy {POLICY} on {name} using ({match}) with check ({match})")
    elif table is not None and table.common:
        found.append(f"create policy {POLICY} on {name} for select to {INSTITUTIONS} using (true)")
    if table is not None and (table.tenant or table.common):
        found.append(f"grant select on {name} to {INSTITUTIONS}")
    return found


async def standings(connection: asyncpg.Connection[asyncpg.Record]) -> dict[str, Standing]:
    """How every table of the schema stands now."""
    return {row["name"]: Standing(**row) for row in await connection.fetch(QUERIES["table_standings"])}


async def separate(connection: asyncpg.Connection[asyncpg.Record]) -> list[str]:
    """Bring every table that does not stand as it must to where it must; the names of those.

    Tables that stand as they must are not touched, so that a running installation is not locked. A table that nobody
    described is closed to everybody but its owner and the services.
    """
    described = {table.name: table for table in TABLES}
    changed = []
    for name, found in (await standings(connection)).items():
        if found == wanted(name, described.get(name)):
            continue
        async with connection.transaction():
            for statement in statements(name, described.get(name)):
                await connection.execute(statement)
        changed.append(name)
    await connection.execute(f"grant usage on all sequences in schema public to {SERVICE}")
    return changed


async def let_in(dsn: str, passwords: dict[str, str], members: Sequence[str] = ()) -> list[str]:
    """The roles of `passwords` can log in with them, those of `members` as institutions; the names of new ones.

    Roles belong to the whole server: one server, one installation.
    """
    connection = await asyncio.wait_for(asyncpg.connect(dsn, command_timeout=CALL_SECONDS), CALL_SECONDS)
    try:
        async with connection.transaction():
            await connection.execute("select pg_advisory_xact_lock(7264230002)")
            known = {row["rolname"] for row in await connection.fetch("select rolname from pg_roles")}
            new = [role for role in passwords if role not in known]
            for role in new:
                await connection.execute(f'create role "{role}" nosuperuser nocreatedb nocreaterole nobypassrls')
            for role, password in passwords.items():
                word = await connection.fetchval("select quote_literal($1::text)", password)
                await connection.execute(f'alter role "{role}" login password {word}')
                if role in members:
                    await connection.execute(f'grant {INSTITUTIONS} to "{role}" with inherit true, set false')
                    await connection.execute(f'alter role "{role}" connection limit {CONNECTIONS}')
    finally:
        await asyncio.wait_for(connection.close(), CALL_SECONDS)
    return new


def as_role(dsn: str, role: str, password: str) -> str:
    """The same database, logged in to as another role."""
    parts = urlsplit(dsn)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(role, '')}:{quote(password, '')}@{place}"))
