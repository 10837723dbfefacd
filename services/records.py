"""情報提供等記録 for people to look at: newest first, or the three of one exchange side by side. Never a value.

Owns the reading; what a record proves is `services.audit`'s. Records hold digests of what left, so nothing here can
show content (Number Act Article 23; domain 7).
"""

from __future__ import annotations

from contextlib import aclosing
from typing import NamedTuple

from broker.adapters.postgres import QUERIES, PostgresStore
from broker.rules.records import forgotten, whole
from broker.tables import LogRecord
from schemas.records import ProvisionRecorded

PARTIES = ("INQUIRER", "NETWORK", "PROVIDER")


class Kept(NamedTuple):
    """A record with its place in its log: the public part and, while it is there, the detail. erased: it is not."""

    row: LogRecord
    record: ProvisionRecorded
    erased: bool = False


class Wanted(NamedTuple):
    """Which records: empty fields let everything pass."""

    institution_code: str = ""
    exchange_id: str = ""
    outcome: str = ""


def opened(row: LogRecord) -> Kept:
    """The row with both parts of its record decoded."""
    record = whole(row.body, row.detail)
    return Kept(row, record, forgotten(record, row.detail))


async def newest(store: PostgresStore, wanted: Wanted, limit: int) -> list[Kept]:
    """The newest records that are wanted."""
    found: list[Kept] = []
    async with (
        store.snapshot() as snapshot,
        aclosing(snapshot.stream(QUERIES["records_newest"], wanted.institution_code, wanted.exchange_id)) as batches,
    ):
        async for batch in batches:
            kept = [opened(LogRecord(**row)) for row in batch if row["party"] in PARTIES]
            found += [one for one in kept if wanted.outcome in ("", one.record.outcome.value)]
            if len(found) >= limit:
                break
    return found[:limit]


async def of_exchange(store: PostgresStore, exchange_id: str) -> list[Kept]:
    """The records of one exchange in the order inquirer, network, provider."""
    rows = await store.query(QUERIES["records_of_exchange"], exchange_id)
    found = [opened(LogRecord(**row)) for row in rows if row["party"] in PARTIES]
    return sorted(found, key=lambda kept: PARTIES.index(kept.row.party))
