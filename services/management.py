"""システム管理 (assessment, system 4 function 10) and the network's own management, for people at a terminal.

Owns reading the state of batches and the statistics, and the rows that people of the network write by hand: suspended
linkages and the days of layouts. Promises that statistics come from the records alone. Leaves what a suspension and a
layout do to `inquiry`, `provision` and `copies`, which look at these rows at every message.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from broker.adapters.postgres import QUERIES, PostgresStore
from broker.ports import Store
from broker.rules import operating
from broker.rules.statistics import Tally
from broker.tables import CodeBinding, CopyBatch, Institution, KindLayout, LogRecord, Suspension
from schemas.records import OperatingState, OperatingStateNotified
from services.records import PARTIES, opened

LAYOUTS_LIMIT = 100_000
BATCHES_LIMIT = 100_000
BY_KIND = ("spi_name_code",)
BY_PERSON = ("institution_code", "integrated_number")


class BatchStatus(NamedTuple):
    """A batch of copies and what it waits for or why it stopped. cause: empty for one that ended well."""

    batch: CopyBatch
    cause: str


# ── what an institution looks at ─────────────────────────────────────────────────────────────────────────────────


async def statistics(store: PostgresStore, institution_code: str) -> Tally:
    """All records of an institution's log, counted."""
    tally = Tally()
    async with (
        store.snapshot() as snapshot,
        aclosing(snapshot.stream(QUERIES["log_of"], institution_code)) as batches,
    ):
        async for batch in batches:
            tally.add(opened(LogRecord(**row)).record for row in batch if row["party"] in PARTIES)
    return tally


async def batches(store: PostgresStore, institution_code: str) -> list[BatchStatus]:
    """The batches of an institution, newest first."""
    rows = await store.query(QUERIES["batches_of"], institution_code, BATCHES_LIMIT)
    found = [CopyBatch(**row) for row in rows]
    return [BatchStatus(one, cause_of(one)) for one in found]


def cause_of(batch: CopyBatch) -> str:
    """Why a batch stands where it stands, in few words of English; empty when it ended without an error."""
    if batch.state == "ABORTED":
        return "refused when it was opened"
    if batch.next_row < batch.row_count:
        return f"waits for row {batch.next_row}"
    return f"{batch.rejected} rows rejected" if batch.rejected else ""


async def operating_state(store: Store, institution_code: str, now: int) -> OperatingStateNotified | None:
    """What an institution's server is doing; None when there is no such institution."""
    async with store.transaction() as transaction:
        found: list[Institution] = await transaction.rows(Institution, [(institution_code,)])
    if not found:
        return None
    declared = OperatingState(found[0].operating_state)
    state, change = operating.state_at(declared, now), operating.next_change(declared, now)
    return OperatingStateNotified(institution_code, state, declared.value, change, now)


async def declare_state(store: Store, institution_code: str, declared: OperatingState) -> bool:
    """From now on the network refuses or allows inquiries to it; False when there is no such institution."""
    async with store.transaction() as transaction:
        await transaction.alone(f"institution/{institution_code}")
        found: list[Institution] = await transaction.rows(Institution, [(institution_code,)])
        if found:
            await transaction.write(Institution, [found[0]._replace(operating_state=declared.value)])
    return bool(found)


# ── what the network's people do ─────────────────────────────────────────────────────────────────────────────────


async def suspend(store: Store, institution_code: str, person: str, reason: str, now: int) -> bool:
    """No inquiry about this person leaves or is answered at this institution from now on; False: nobody there."""
    async with store.transaction() as transaction:
        if not await transaction.find(CodeBinding, BY_PERSON, [(institution_code, person)]):
            return False
        await transaction.write(Suspension, [Suspension(institution_code, person, reason, now)])
    return True


async def resume(store: Store, institution_code: str, person: str) -> bool:
    """Linkage goes on; False when it was not suspended."""
    async with store.transaction() as transaction:
        found = await transaction.rows(Suspension, [(institution_code, person)])
        if found:
            await transaction.remove(Suspension, [(institution_code, person)])
    return bool(found)


async def layouts(store: Store) -> list[KindLayout]:
    """All versions of all kinds' layouts with the days they are accepted."""
    found: list[KindLayout] = await store.all(KindLayout, LAYOUTS_LIMIT)
    return found


async def switch_layout(
    store: Store, kind: str, version: str, day: str, items: Sequence[str]
) -> tuple[KindLayout, ...]:
    """From this day (YYYYMMDD) on copies of a kind are accepted in this version alone; the rows that were written.

    The versions in force before end with the day before. An empty result: the version is there already, or the day
    lies before the beginning of another version.
    """
    last = day_before(day)
    async with store.transaction() as transaction:
        await transaction.alone(f"layouts/{kind}")
        known: list[KindLayout] = await transaction.find(KindLayout, BY_KIND, [(kind,)])
        if any(one.layout_version == version or one.valid_from >= day for one in known):
            return ()
        ending = [one._replace(valid_to=last) for one in known if not one.valid_to or one.valid_to > last]
        written = (*ending, KindLayout(kind, version, day, "", ",".join(items)))
        await transaction.write(KindLayout, written)
    return written


def day_before(day: str) -> str:
    """YYYYMMDD, one day earlier; ValueError for no day."""
    return (datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC) - timedelta(days=1)).strftime("%Y%m%d")
