"""Where `chukan audit reconcile` finds its exchanges in an installation: logs and registers, in one snapshot.

Owns the reading. Promises to read each log on from where it was left (a log only grows, and without a gap), and to
find exchanges of which nothing but the permit is there. Writes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

from broker.adapters.postgres import QUERIES, PostgresSnapshot, PostgresStore
from broker.rules.reconciliation import Case, Permitted, Seen
from broker.rules.records import whole
from schemas.codec import Undecodable
from schemas.records import ProvisionRecorded
from services.audit.reconcile import Arrived

PERMITS = "permits"
OVERLAP_MS = 600_000  # permits whose transactions were under way when they were last looked for


class Installation:
    """One snapshot. unreadable: rows that hold no record of their exchange; `chukan audit verify` tells their place."""

    def __init__(self, snapshot: PostgresSnapshot) -> None:
        self._snapshot = snapshot
        self.unreadable = 0

    async def arrived(self, positions: Mapping[str, int]) -> AsyncIterator[Arrived]:
        """See `Source.arrived`."""
        for row in await self._snapshot.query(QUERIES["log_sizes"]):
            owner, size = row["institution_code"], row["size"]
            first = positions.get(owner, 0)
            if size <= first:
                continue
            async with aclosing(self._snapshot.stream(QUERIES["log_exchanges_from"], owner, first)) as batches:
                async for batch in batches:
                    yield Arrived(owner, batch[-1]["sequence"] + 1, [one["exchange_id"] for one in batch])
        since = positions.get(PERMITS, 0)
        async with aclosing(self._snapshot.stream(QUERIES["permits_since"], since - OVERLAP_MS)) as batches:
            async for batch in batches:
                names = [one["exchange_id"] for one in batch]
                yield Arrived(PERMITS, max(since, batch[-1]["expires_at"]), names, new_only=True)

    async def cases(self, exchange_ids: Sequence[str]) -> Sequence[Case]:
        """See `Source.cases`."""
        seen: dict[str, list[Seen]] = defaultdict(list)
        names = list(exchange_ids)
        for row in await self._snapshot.query(QUERIES["records_of_exchanges"], names):
            record = _record(row["body"], row["detail"])
            if record is None or record.exchange_id != row["exchange_id"]:
                self.unreadable += 1
            else:
                seen[record.exchange_id].append(Seen(record, row["recorded_at"]))
        standing = {row["exchange_id"]: row for row in await self._snapshot.query(QUERIES["exchanges_stand"], names)}
        return [_case(name, tuple(seen.get(name, ())), dict(standing[name])) for name in names]


def _record(body: bytes, detail: bytes) -> ProvisionRecorded | None:
    """The record with what was not erased of it."""
    try:
        return whole(body, detail)
    except Undecodable:
        return None


def _case(name: str, seen: tuple[Seen, ...], row: Mapping[str, Any]) -> Case:
    """The exchange as its parties' own tables have it beside their records."""
    permitted = None
    if row["permit_id"] is not None:
        permitted = Permitted(row["permit_id"], row["network_state"], row["expires_at"])
    asking, holding = row["asking_until"] or 0, row["holding_until"] or 0
    under_way = 0
    if permitted is not None and permitted.state in ("ISSUED", "USED"):
        # The inquiry may still lie on its way to the provider.
        under_way = max(permitted.expires_at, holding)
    return Case(name, seen, permitted, (asking, under_way, max(under_way, holding)))


@asynccontextmanager
async def opened(store: PostgresStore) -> AsyncIterator[Installation]:
    """One moment of the installation."""
    async with store.snapshot() as snapshot:
        yield Installation(snapshot)
