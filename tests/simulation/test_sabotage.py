"""The checks can fail: each way of breaking the delivery protocol is found within a few seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from country import CountryLog, CountryStore, CountryTransaction
from simulation.scene import run_seed

from broker.envelope import outgoing, unpack
from broker.errors import Fault
from broker.ports import Advance, Claim, Delivered
from broker.tables import CopyRecord, LogRecord, Provision

SEEDS = range(4000, 4040)


# ── worse adapters ───────────────────────────────────────────────────────────────────────────────────────────────


class RepeatsNotDropped(CountryLog):
    """Every record claims a cause never seen before."""

    async def fetch(self, maximum: int, wait_seconds: float) -> list[Delivered]:
        """Each cause's batch grows with the offset."""
        return [self._renumbered(record) for record in await super().fetch(maximum, wait_seconds)]

    @staticmethod
    def _renumbered(record: Delivered) -> Delivered:
        headers = []
        for name, value in record.headers:
            if name == "cause":
                source, batch, place = value.split(b" ")
                headers.append((name, b"%s %d %s" % (source, int(batch) + 1_000_000 * record.offset, place)))
            else:
                headers.append((name, value))
        return record._replace(headers=tuple(headers))


class HalfABatchPublished(CountryLog):
    """Says that a batch is out although its last message is not."""

    async def publish(self, batch: Sequence[Any]) -> None:
        """Now and then all but the last."""
        short = len(batch) > 1 and self._session.weather.rng.random() < 0.2
        await super().publish(batch[:-1] if short else batch)


class NoEpochGuard(CountryTransaction):
    """Commits for an owner that has lost its shard."""

    def _check(self, advance: Advance) -> None:
        return


class PublishedBeforeCommit(CountryTransaction):
    """Says a batch before it is committed."""

    async def advance(self, advance: Advance) -> None:
        """Append the outbox at once."""
        await super().advance(advance)
        if advance.outbox:
            said, at = unpack(advance.outbox)
            for message in outgoing(said, f"{advance.service}/{advance.shard}", advance.batch, at):
                BROKERS[-1].append(message)


class RecordDropped(CountryTransaction):
    """Loses the second record of every batch that has several."""

    async def write(self, kind: type[Any], rows: Sequence[Any]) -> None:
        """One row less."""
        await super().write(kind, rows[:-1] if kind is LogRecord and len(rows) > 1 else rows)


class RecordRewritten(CountryTransaction):
    """Keeps another record than the leaf was made of."""

    async def write(self, kind: type[Any], rows: Sequence[Any]) -> None:
        """The pair's sequence is changed afterwards."""
        changed = [row._replace(pair_sequence=row.pair_sequence + 1) if kind is LogRecord else row for row in rows]
        await super().write(kind, changed)


class FlagNotSeen(CountryTransaction):
    """The auto-response block is not read."""

    async def find(self, kind: type[Any], lookup: tuple[str, ...], keys: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Copies without their flag."""
        found = await super().find(kind, lookup, keys)
        return [row._replace(auto_response_disabled=False) for row in found] if kind is CopyRecord else found


class PermitServedTwice(CountryTransaction):
    """A provider forgets which permits it has served, and repeats are not dropped."""

    async def rows(self, kind: type[Any], keys: Sequence[tuple[Any, ...]]) -> list[Any]:
        """No provision is ever found."""
        return [] if kind is Provision else await super().rows(kind, keys)


class GuardlessStore(CountryStore):
    """See `NoEpochGuard`."""

    transaction_type = NoEpochGuard


class EagerStore(CountryStore):
    """See `PublishedBeforeCommit`."""

    transaction_type = PublishedBeforeCommit


class DroppingStore(CountryStore):
    """See `RecordDropped`."""

    transaction_type = RecordDropped


class RewritingStore(CountryStore):
    """See `RecordRewritten`."""

    transaction_type = RecordRewritten


class BlindStore(CountryStore):
    """See `FlagNotSeen`."""

    transaction_type = FlagNotSeen


class ForgetfulStore(CountryStore):
    """See `PermitServedTwice`."""

    transaction_type = PermitServedTwice


class OutboxForgotten(CountryStore):
    """A new owner does not say what the earlier one had committed."""

    async def claim(self, service: str, shard: int, owner: str, now: int, lease_ms: int) -> Claim:
        """An empty outbox."""
        return (await super().claim(service, shard, owner, now, lease_ms))._replace(outbox=())


class PositionsForgotten(CountryStore):
    """A new owner begins where its partitions begin."""

    async def claim(self, service: str, shard: int, owner: str, now: int, lease_ms: int) -> Claim:
        """No positions."""
        return (await super().claim(service, shard, owner, now, lease_ms))._replace(positions={})


BROKERS: list[Any] = []


class EagerCountryLog(CountryLog):
    """Tells `PublishedBeforeCommit` where to append."""

    def __init__(self, broker: Any, session: Any, later: Any) -> None:
        super().__init__(broker, session, later)
        BROKERS[:] = [broker]


SABOTAGES: dict[str, dict[str, Any]] = {
    "repeats_not_dropped": {"log_type": RepeatsNotDropped},
    "half_a_batch_published": {"log_type": HalfABatchPublished},
    "no_epoch_guard": {"store_type": GuardlessStore},
    "published_before_commit": {"store_type": EagerStore, "log_type": EagerCountryLog},
    "record_dropped": {"store_type": DroppingStore},
    "record_rewritten": {"store_type": RewritingStore},
    "flag_not_seen": {"store_type": BlindStore},
    "permit_served_twice": {"store_type": ForgetfulStore, "log_type": RepeatsNotDropped},
    "outbox_forgotten": {"store_type": OutboxForgotten},
    "positions_forgotten": {"store_type": PositionsForgotten},
}


def first_failure(seeds: Sequence[int], options: dict[str, Any]) -> tuple[int, str] | None:
    """The first seed that is found out, and how."""
    for seed in seeds:
        try:
            run_seed(seed, **options)
        except (AssertionError, Fault) as error:
            return seed, str(error)
    return None


@pytest.mark.parametrize("name", SABOTAGES)
def test_a_sabotage_is_found(name: str) -> None:
    """A protocol broken on purpose does not get through the checks: a green run means something."""
    found = first_failure(SEEDS, SABOTAGES[name])

    assert found is not None, f"{name} went unnoticed in {len(SEEDS)} seeds"
