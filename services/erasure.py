"""Forgetting without un-proving, the operator's side: finds what has expired, orders it erased, waits until it is.

Owns the order of the work and its bounds. Promises that nothing is erased here: each participant erases its own rows
on a message and judges the rule again; ordered twice, the second finds nothing. Terms are `broker.rules.erasure`'s.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from broker.adapters.postgres import QUERIES, PostgresStore
from broker.rules.erasure import (
    COPY_EXPIRED,
    CORRECTED,
    ERASED_AT_ONCE,
    RECORD_EXPIRED,
    RESULT_EXPIRED,
    records_before,
    results_before,
)
from broker.topics import lane_of
from schemas.records import (
    CopyErasureOrdered,
    ExchangeErasureOrdered,
    Message,
    ProvisionErasureOrdered,
    RecordErasureOrdered,
)

ROWS_AT_ONCE = 2000
SILENCE_SECONDS = 20.0
POLL_SECONDS = 0.1

Say = Callable[[Sequence[Message]], Awaitable[None]]
Row = tuple[Any, ...]
Progress = Callable[[str, int, int], None]


class Order(NamedTuple):
    """What an operator orders. as_of: the moment for which expiry is judged, milliseconds since 1970 UTC."""

    as_of: int
    operator_id: str


class Step(NamedTuple):
    """One kind of thing to erase: the statement that finds it, its arguments, and the messages that order it."""

    name: str
    statement: str
    arguments: Row
    messages: Callable[[Sequence[Row]], Sequence[Message]]


class Erased(NamedTuple):
    """How much of one kind was erased, and how much is left in spite of the order."""

    name: str
    erased: int
    left: int


def expired_steps(order: Order) -> tuple[Step, ...]:
    """Records of seven years, results of 30 days, versions of copies that have ended."""
    old = records_before(order.as_of)
    rest = (order.as_of, order.operator_id)

    def exchanges(rows: Sequence[Row]) -> list[Message]:
        return [ExchangeErasureOrdered(row[0], RECORD_EXPIRED, *rest) for row in rows]

    def answers(rows: Sequence[Row]) -> list[Message]:
        return [ExchangeErasureOrdered(row[0], RESULT_EXPIRED, *rest) for row in rows]

    def provisions(rows: Sequence[Row]) -> list[Message]:
        return [ProvisionErasureOrdered(row[0], RECORD_EXPIRED, *rest) for row in rows]

    def copies(rows: Sequence[Row]) -> list[Message]:
        return [CopyErasureOrdered(row[0], row[1], row[2], COPY_EXPIRED, *rest) for row in rows]

    def records(rows: Sequence[Row]) -> list[Message]:
        return of_logs(rows, RECORD_EXPIRED, order)

    return (
        Step("records", "records_to_erase", (old, ROWS_AT_ONCE), records),
        Step("exchanges", "exchanges_to_erase", (old, ROWS_AT_ONCE), exchanges),
        Step("provisions", "provisions_to_erase", (old, ROWS_AT_ONCE), provisions),
        Step("results", "answers_to_erase", (results_before(order.as_of), ROWS_AT_ONCE), answers),
        Step("copies", "copies_to_erase", (order.as_of, ROWS_AT_ONCE), copies),
    )


def correction_steps(exchange_id: str, order: Order) -> tuple[Step, ...]:
    """Everything about one exchange, whatever its age."""
    rest = (CORRECTED, order.as_of, order.operator_id)

    def records(rows: Sequence[Row]) -> list[Message]:
        return of_logs(rows, CORRECTED, order)

    def exchanges(rows: Sequence[Row]) -> list[Message]:
        return [ExchangeErasureOrdered(row[0], *rest) for row in rows]

    def provisions(rows: Sequence[Row]) -> list[Message]:
        return [ProvisionErasureOrdered(row[0], *rest) for row in rows]

    return (
        Step("records", "records_to_erase_of_exchange", (exchange_id,), records),
        Step("exchanges", "exchange_to_erase", (exchange_id,), exchanges),
        Step("provisions", "provision_to_erase", (exchange_id,), provisions),
    )


def of_logs(rows: Sequence[Row], rule: str, order: Order) -> list[Message]:
    """Orders for records given by log and place, a bounded number each."""
    logs: dict[str, list[int]] = defaultdict(list)
    for owner, sequence in rows:
        logs[owner].append(sequence)
    return [
        RecordErasureOrdered(
            lane_of(owner), owner, tuple(part[at : at + ERASED_AT_ONCE]), rule, order.as_of, order.operator_id
        )
        for owner, part in logs.items()
        for at in range(0, len(part), ERASED_AT_ONCE)
    ]


async def erase(
    store: PostgresStore, say: Say, steps: Sequence[Step], progress: Progress = lambda *_: None
) -> list[Erased]:
    """Order each step until nothing is left of it, or nothing happens any more."""
    return [await _step(store, say, step, progress) for step in steps]


async def _step(store: PostgresStore, say: Say, step: Step, progress: Progress) -> Erased:
    erased = 0
    while found := await _found(store, step):
        await say(step.messages(found))
        left = await _without(store, step, found)
        erased += len(found) - len(left)
        progress(step.name, erased, 0)
        if left:
            return Erased(step.name, erased, len(left))
    return Erased(step.name, erased, 0)


async def _without(store: PostgresStore, step: Step, before: Sequence[Row]) -> list[Row]:
    """What of these is still there when it stops getting less."""
    left, heard = list(before), time.monotonic()
    while left and time.monotonic() - heard < SILENCE_SECONDS:
        await asyncio.sleep(POLL_SECONDS)
        still = set(await _found(store, step))
        now = [row for row in left if row in still]
        if len(now) < len(left):
            left, heard = now, time.monotonic()
    return left


async def _found(store: PostgresStore, step: Step) -> list[Row]:
    return [tuple(row.values()) for row in await store.query(QUERIES[step.statement], *step.arguments)]
