"""The network operator's side of the permission list: publishing a version, and handing it to the institutions.

Owns how a version comes into force: it is written once, the network adopts it at once, and every institution gets a
message; one that is left behind keeps deciding on its own copy (domain 4.1: the version a provider holds may lag).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import NamedTuple

from broker.adapters.postgres import PostgresStore
from broker.errors import ConfigurationFault, PeerFault
from broker.rules.permission_list import PermissionList, PermissionListError, PermissionRow, diff, from_json, to_json
from broker.tables import Institution, ListCopy, ListDistribution, PermissionListVersion
from schemas.records import Message, PermissionListDistributed
from services.network import NETWORK_CODE
from services.world import MOST_INSTITUTIONS

FORMAT = 1
VERSIONS_LIMIT = 10_000
DISTRIBUTIONS_LIMIT = 2_000_000
POLL_SECONDS = 0.05
MESSAGES_AT_ONCE = 200

Say = Callable[[Sequence[Message]], Awaitable[None]]


class Held(NamedTuple):
    """A version, who decides on it, and who has been left behind."""

    list_version: int
    known_from: int
    digest: bytes
    rows: int
    at_network: bool
    holders: tuple[str, ...]


class Published(NamedTuple):
    """What publishing did. waiting: institutions that have not taken it in within the limit."""

    list_version: int
    digest: bytes
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    distributed: tuple[str, ...]
    left_behind: tuple[str, ...]
    waiting: tuple[str, ...]


async def versions(store: PostgresStore) -> list[Held]:
    """All versions, oldest first, with those who hold them."""
    found = await store.all(PermissionListVersion, VERSIONS_LIMIT)
    copies = await store.all(ListCopy, MOST_INSTITUTIONS + 10)
    return [
        Held(
            one.list_version,
            one.known_from,
            one.digest,
            len(from_json(one.body).rows),
            any(copy == (NETWORK_CODE, one.list_version, copy.received_at) for copy in copies),
            tuple(
                copy.institution_code
                for copy in copies
                if copy.list_version == one.list_version and copy.institution_code != NETWORK_CODE
            ),
        )
        for one in found
    ]


async def version(store: PostgresStore, number: int = 0) -> PermissionList | None:
    """A version, or the newest for 0; None when there is none."""
    found = await store.all(PermissionListVersion, VERSIONS_LIMIT)
    wanted = [one for one in found if number in (0, one.list_version)]
    return from_json(wanted[-1].body) if wanted else None


def next_list(text: str, newest: int, now: int) -> PermissionList:
    """The list in a file's text: as `list show --json` prints it, version and known_from_ms optional.

    PermissionListError names row and field for anything amiss, a version that does not follow the newest included.
    """
    try:
        content = json.loads(text)
    except ValueError as error:
        raise PermissionListError("", "", f"not JSON: {error}") from None
    if not isinstance(content, dict):
        raise PermissionListError("", "", "must be an object with rows")
    content = content.get("list", content)  # what `list show --json` prints may be given whole
    if not isinstance(content, dict):
        raise PermissionListError("", "list", "must be an object with rows")
    content = {"format": FORMAT, "version": newest + 1, "known_from_ms": now, **content}
    if content["version"] != newest + 1:
        raise PermissionListError("", "version", f"must be {newest + 1}, the one after the newest, or left out")
    return from_json(json.dumps(content))


async def publish(
    store: PostgresStore, say: Say, new: PermissionList, left_behind: Collection[str], now: int, limit_seconds: float
) -> Published:
    """Write the version, have the network adopt it, hand it to everybody but those left behind."""
    institutions = {one.institution_code for one in await store.all(Institution, MOST_INSTITUTIONS + 10)}
    unknown = sorted(set(left_behind) - institutions)
    if unknown:
        raise PeerFault("UNKNOWN_INSTITUTION", f"{unknown[0]} is not registered")
    before = await version(store)
    row = PermissionListVersion(new.version, new.known_from_ms, new.digest(), to_json(new))
    # By COPY, which refuses a version that is there: of two publishers one fails here, and nothing was adopted yet.
    await store.load(PermissionListVersion, [row])
    await adopt(store, row, institutions, now)
    handed = await distribute(store, say, new.version, institutions - set(left_behind), now, limit_seconds)
    changes = diff(before or PermissionList(1, 0, ()), new)
    return Published(
        new.version,
        row.digest,
        tuple(one.row_id for one in changes.added),
        tuple(one.row_id for one in changes.removed),
        tuple(one.after.row_id for one in changes.changed),
        handed.distributed,
        tuple(sorted(left_behind)),
        handed.waiting,
    )


async def adopt(store: PostgresStore, row: PermissionListVersion, institutions: Collection[str], now: int) -> None:
    """The network decides on this version from now on; each institution is due to get it."""
    due = [ListDistribution(code, row.list_version, now, 0) for code in sorted(institutions)]
    async with store.transaction() as transaction:
        await transaction.write(ListCopy, [ListCopy(NETWORK_CODE, row.list_version, now)])
        if due:
            await transaction.write(ListDistribution, due)


def to_text(rows: Sequence[PermissionRow]) -> str:
    """Rows as a file for `list publish` holds them."""
    return json.dumps({"format": FORMAT, "rows": [row._asdict() for row in rows]}, ensure_ascii=False, indent=1)


class Handed(NamedTuple):
    """To whom a version was sent, and who has not taken it in."""

    distributed: tuple[str, ...]
    waiting: tuple[str, ...]


async def distribute(
    store: PostgresStore, say: Say, number: int, institutions: Collection[str], now: int, limit_seconds: float
) -> Handed:
    """Send a version to these institutions and wait until each has taken it in."""
    found = [one for one in await store.all(PermissionListVersion, VERSIONS_LIMIT) if one.list_version == number]
    if not found:
        raise ConfigurationFault(f"there is no permission list version {number}; see `chukan list versions`")
    codes = sorted(institutions)
    for first in range(0, len(codes), MESSAGES_AT_ONCE):
        part = codes[first : first + MESSAGES_AT_ONCE]
        await say([PermissionListDistributed(code, number, found[0].digest, now) for code in part])
    async with store.transaction() as transaction:
        if codes:
            await transaction.write(ListDistribution, [ListDistribution(code, number, now, now) for code in codes])
    return Handed(tuple(codes), tuple(await _without(store, number, codes, limit_seconds)))


async def behind(store: PostgresStore, number: int) -> list[str]:
    """The institutions that hold an older version than this, or none."""
    copies = {one.institution_code: one.list_version for one in await store.all(ListCopy, MOST_INSTITUTIONS + 10)}
    institutions = await store.all(Institution, MOST_INSTITUTIONS + 10)
    return [one.institution_code for one in institutions if copies.get(one.institution_code, 0) < number]


async def _without(store: PostgresStore, number: int, codes: Collection[str], limit_seconds: float) -> list[str]:
    deadline = time.monotonic() + limit_seconds
    while True:
        waiting = sorted(set(await behind(store, number)) & set(codes))
        if not waiting or time.monotonic() > deadline:
            return waiting
        await asyncio.sleep(POLL_SECONDS)
