"""Who witnesses whom, and what people are shown of it, on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from broker.adapters.postgres import PostgresStore, connect_pool
from broker.keys import Keys
from broker.rules import checkpoint, cosignature
from broker.rules.leaves import origin_of_log
from broker.tables import Checkpoint, Cosignature, LogFork, LogHead, WitnessDuty, WitnessedLog
from services import witnesses
from services.installation import assign_witnesses
from services.world import Plan, World

KEYS = Keys(b"\x05" * 32)
WORLD = World(Plan(institutions=4), KEYS)
LOG, FIRST, SECOND, _ = (code for _, code, _ in WORLD.codes)
AT = 1_790_000_000_000


@pytest.fixture
async def store(postgres_dsn: str) -> AsyncIterator[PostgresStore]:
    """A database with the directory in it."""
    real = PostgresStore(await connect_pool(postgres_dsn, 2))
    for row in WORLD.directory():
        await real.load(type(row), [row])
    yield real
    await real.close()


async def put(store: PostgresStore, *rows: object) -> None:
    """Write these rows."""
    async with store.transaction() as transaction:
        for row in rows:
            await transaction.write(type(row), [row])


def note(size: int, root: bytes) -> str:
    """The log's checkpoint."""
    return KEYS.institutions.sign_checkpoint(LOG, origin_of_log(LOG), size, root)


async def test_duties_are_those_of_the_plan_and_follow_the_setting(store: PostgresStore) -> None:
    """However often an installation is set up: each log has as many neighbours as are set, and no others."""
    for count, expected in ((2, 10), (2, 10), (1, 5), (0, 0), (3, 15)):
        await assign_witnesses(store, WORLD.witness_duties(count))
        found = await store.all(WitnessDuty, 100)
        assert len(found) == expected
        assert set(found) == set(WORLD.witness_duties(count))


async def test_who_gives_up_a_duty_forgets_the_log(store: PostgresStore) -> None:
    """A neighbour that did not look for a while begins anew: what it once cosigned is no place to go on from."""
    await assign_witnesses(store, WORLD.witness_duties(2))
    await put(store, *(WitnessedLog(code, LOG, 7, note(7, b"r" * 32), AT) for code in (FIRST, SECOND)))

    for count in (1, 2):
        await assign_witnesses(store, WORLD.witness_duties(count))

    assert [row.witness_code for row in await store.all(WitnessedLog, 10)] == [FIRST]


async def test_people_see_who_cosigned_what(store: PostgresStore) -> None:
    """A line a duty, with what the witness itself keeps beside where the log stands; and the newest note, verified."""
    await assign_witnesses(store, WORLD.witness_duties(2))
    signed = note(7, b"r" * 32)
    text = checkpoint.text_of(signed)
    lines = [KEYS.institutions.cosign(code, text, AT // 1000) for code in (FIRST, SECOND)]
    await put(
        store,
        LogHead(LOG, 9, b"", AT),
        Checkpoint(LOG, 7, signed, AT),
        WitnessedLog(FIRST, LOG, 7, signed, AT),
        Cosignature(LOG, 7, FIRST, lines[0], AT),
        Cosignature(LOG, 7, SECOND, lines[1].replace("A", "B"), AT),
    )

    standings = {one.witness_code: one for one in await witnesses.standings(store, LOG) if one.institution_code == LOG}
    shown = await witnesses.newest(store, LOG)

    assert standings[FIRST][2:] == (7, AT, 9, AT, 7, 0)
    assert standings[SECOND][2:] == (0, 0, 9, AT, 7, 0)
    assert len(await witnesses.standings(store)) == 10
    assert shown is not None
    assert [bool(one.fault) for one in shown.lines] == [False, True]
    assert shown.cosigned_note == signed + lines[0]
    key = cosignature.parse_verifier_key(shown.lines[0].verifier_key)
    assert key.public_key == KEYS.institutions.witness(FIRST).public_bytes
    assert await witnesses.newest(store, FIRST) is None


async def test_forks_are_shown_with_what_they_prove(store: PostgresStore) -> None:
    """Two roots of one size convict; a mere failure to prove does not."""
    kept, other, later = note(7, b"r" * 32), note(7, b"s" * 32), note(8, b"t" * 32)
    await put(
        store,
        LogFork(FIRST, LOG, 7, "LOG_FORKED", kept, other, 0, b"", b"", AT),
        LogFork(SECOND, LOG, 7, "LOG_UNPROVED", kept, later, 7, b"r" * 32, b"", AT + 1),
    )

    assert [(one.fork.witness_code, one.proved) for one in await witnesses.forks(store, KEYS)] == [
        (FIRST, True),
        (SECOND, False),
    ]
