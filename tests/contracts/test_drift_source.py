"""The database folds and finds as the rules do: drift on a real PostgreSQL, in small."""

from __future__ import annotations

from collections import defaultdict
from hashlib import sha256
from typing import Any

import drift_at_scale as scale

from broker.adapters.postgres import PostgresStore, connect_pool
from broker.rules import drift as rules
from broker.tables import CopyRecord, HealthRecord
from services.audit.drift import PostgresSource, Side


def folded(rows: list[Any]) -> Side:
    """A side folded in Python."""
    leaves: dict[int, list[bytes]] = defaultdict(list)
    for row in rows:
        leaf = rules.leaf_of(row.integrated_number, row.spi_name_code, row.record_key, sha256(row.items).digest())
        leaves[rules.bucket_of(row.integrated_number)].append(leaf)
    return Side({bucket: rules.fold(found) for bucket, found in leaves.items()}, len(rows))


async def test_the_server_folds_as_the_rules_do(postgres_dsn: str) -> None:
    """Both sides of a city, bucket by bucket the same bytes; opened buckets hold every version of their persons."""
    made = [row for part in scale.rows(380, 320) for row in part]
    current = [row for row in made if isinstance(row, HealthRecord) and not row.superseded_at]
    store = PostgresStore(await connect_pool(postgres_dsn, 2))
    try:
        await scale.load(store, made)
        async with store.snapshot() as snapshot:
            source = PostgresSource(snapshot)
            originals, copies = await source.sides(scale.CITY)
            apart = rules.differing(originals.buckets, copies.buckets)
            versions, held = await source.opened(scale.CITY, apart)
            owners = await source.owners("")
    finally:
        await store.close()

    assert originals == folded(current)
    assert copies == folded([row for row in made if isinstance(row, CopyRecord)])
    assert sorted(versions) == sorted(row for row in made if isinstance(row, HealthRecord))
    assert len(held) == 190
    assert owners == [scale.CITY]


async def test_the_stuck_batch_in_small(postgres_dsn: str) -> None:
    """380 records stuck, 320 behind: everything that is apart, and of the answers exactly those given afterwards."""
    found = await scale.measured(postgres_dsn, 380, 320, 40)

    assert found | {"seconds": 0, "memory_mb_before": 0, "memory_mb_peak": 0} == {
        "originals": 700,
        "copies": 190,
        "records_apart": 700,
        "persons_apart": 95,
        "by_state": {"OLDER": 190, "MISSING": 510},
        "by_kind": {scale.VACCINATION: 380, scale.HEALTH_CHECK: 320},
        "since": scale.T1,
        "waiting": 700,
        "stuck": "AIZU",
        "answers": 40,
        "stale": 20,
        "undetermined": 0,
        "stale_exchanges": 20,
        "seconds": 0,
        "memory_mb_before": 0,
        "memory_mb_peak": 0,
    }
