"""Answers that wait for a person (自動応答不可, assessment III-6 risk 2(3)): what would leave, and the decision on it.

Owns the operator's side of a hold: lists, the display item by item, the digest a person confirms. Promises that what is
shown is put together by the same rules as what leaves, so that the digest shown is the digest that will be compared.
Decides nothing: a decision is a message on the operations topics, and the provision service is the judge.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from broker.facts import KEY_OF
from broker.ports import Store
from broker.rules.blocking import Projection, is_current, project, shown_digest
from broker.rules.identity import jst_date
from broker.rules.permits import opened
from broker.tables import CopyRecord, Institution, Provision
from schemas.codec import decode
from schemas.records import HoldConfirmed, HoldReason, HoldRefused, InquiryForwarded, Message, Permit

BY_EXCHANGE = ("exchange_id",)
BY_KIND = ("institution_code", "integrated_number", "spi_name_code")
HELD = "HELD"
CLOSED = "CLOSED"
STALE = "STALE"
WAITING = "WAITING"
POLL_SECONDS = 0.05
ALWAYS = (0, 2**62)

Say = Callable[[Sequence[Message]], Awaitable[None]]


class Hold(NamedTuple):
    """One held answer: its row, the inquiry as it came, and the permit it came with."""

    row: Provision
    request: InquiryForwarded
    permit: Permit
    inquirer_name: str

    @property
    def reminded(self) -> bool:
        """Whether the reminder has gone out; what comes next is the end."""
        return self.row.remind_at == self.row.hold_deadline_at


class Shown(NamedTuple):
    """What a person looks at: what would leave now, its digest, and the copies that carry the block flag."""

    hold: Hold
    projection: Projection
    digest: bytes
    blocked_records: tuple[str, ...]


class Decided(NamedTuple):
    """What became of a decision. state: CLOSED with the outcome; STALE: something else would leave now, look again;
    WAITING: not taken in within the limit."""

    state: str
    outcome: str
    digest: bytes


async def holds(store: Store, institution_code: str = "", limit: int = 1000) -> list[Hold]:
    """The open holds of an institution, or of all, the first to expire first."""
    rows = await store.due(Provision, "hold_deadline_at", (HELD,), ALWAYS, limit)
    found = [row for row in rows if institution_code in ("", row.institution_code)]
    return [await _opened(store, row) for row in found]


async def hold_of(store: Store, exchange_id: str) -> Hold | None:
    """The open hold of an exchange, or None."""
    rows = [row for row in await provisions_of(store, exchange_id) if row.state == HELD]
    return await _opened(store, rows[0]) if rows else None


async def provisions_of(store: Store, exchange_id: str) -> list[Provision]:
    """What the provider's side holds of an exchange."""
    async with store.transaction() as transaction:
        found: list[Provision] = await transaction.find(Provision, BY_EXCHANGE, [(exchange_id,)])
    return found


async def shown(store: Store, hold: Hold, now: int) -> Shown:
    """What would leave if it were confirmed now."""
    person = (hold.row.institution_code, hold.row.integrated_number, hold.permit.spi_name_code)
    async with store.transaction() as transaction:
        copies: list[CopyRecord] = await transaction.find(CopyRecord, BY_KIND, [person])
    copies = sorted(copies, key=KEY_OF[CopyRecord])
    period, today = (hold.request.period_from, hold.request.period_to), jst_date(now)
    projection = project(copies, hold.permit.item_codes, period, today)
    blocked = [one.record_key for one in copies if one.auto_response_disabled and is_current(one, period, today)]
    return Shown(hold, projection, shown_digest(projection), tuple(blocked))


async def confirm(
    store: Store, say: Say, seen: Shown, operator_id: str, digest: bytes, now: int, limit_seconds: float = 15.0
) -> Decided:
    """Say that the person confirmed what has this digest, and wait for what becomes of it.

    `seen` is what would leave now. When that is not what the person confirmed, nothing is said.
    """
    row = seen.hold.row
    if digest != seen.digest:
        return Decided(STALE, "", seen.digest)
    await say([HoldConfirmed(row.exchange_id, row.institution_code, operator_id, digest, now)])
    return await _decided(store, row, digest, limit_seconds)


async def refuse(
    store: Store,
    say: Say,
    hold: Hold,
    operator_id: str,
    reason: HoldReason,
    note: str,
    now: int,
    limit_seconds: float = 15.0,
) -> Decided:
    """Say that the person refused, and wait for what becomes of it."""
    row = hold.row
    await say([HoldRefused(row.exchange_id, row.institution_code, operator_id, reason, note, now)])
    return await _decided(store, row, row.shown_digest, limit_seconds)


async def _decided(store: Store, before: Provision, digest: bytes, limit_seconds: float) -> Decided:
    deadline = time.monotonic() + limit_seconds
    while True:
        row = next(one for one in await provisions_of(store, before.exchange_id) if one.permit_id == before.permit_id)
        if row.state == CLOSED:
            return Decided(CLOSED, row.outcome, digest)
        if row.shown_digest not in (before.shown_digest, digest):
            return Decided(STALE, "", row.shown_digest)
        if time.monotonic() > deadline:
            return Decided(WAITING, "", row.shown_digest)
        await asyncio.sleep(POLL_SECONDS)


async def _opened(store: Store, row: Provision) -> Hold:
    request = decode(row.request)
    assert isinstance(request, InquiryForwarded)
    permit = opened(request.permit)
    assert permit is not None
    async with store.transaction() as transaction:
        parties = await transaction.rows(Institution, [(permit.inquirer_institution_code,)])
    return Hold(row, request, permit, parties[0].name if parties else "")
