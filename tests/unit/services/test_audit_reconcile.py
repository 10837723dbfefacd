"""Matching records run by run: against known faults, after an interruption, and out of a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from factories import KARIYA, NOW, TOYOTA, WORLD

from broker.adapters.postgres import PostgresStore, connect_pool
from broker.errors import ConfigurationFault
from broker.rules.permits import LIFE_MS
from broker.rules.reconciliation import LATE_MS, Case, Verdict
from broker.rules.records import record_of, split
from broker.tables import Exchange, LogHead, LogRecord, NetworkExchange, Provision
from schemas.records import Outcome, Party
from services.audit import reconcile_store
from services.audit.reconcile import Arrived, State, mask_of, reconcile, verdicts_of
from services.audit.reconcile_synthetic import BASES, Synthetic, made, measured, scores
from services.world import INCOMING_RESIDENT, VACCINATION, VACCINATION_AFFAIR

EXCHANGES = 20_000


def test_every_fault_is_found_and_nothing_else(tmp_path: Path) -> None:
    """20,000 exchanges with every kind of fault in a thousandth: precision and recall are 1 for every verdict, and
    after what came late has come, again; each exchange is counted once."""
    found = measured(EXCHANGES, 1, tmp_path)
    first, second = found.runs

    assert [(one.precision, one.recall) for some in found.scores for one in some] == [(1.0, 1.0)] * 20
    assert {one.verdict for one in found.scores[0] if one.right} == {*Verdict, "WAITING"}
    assert first.exchanges == second.exchanges == first.judged == EXCHANGES
    assert 0 < second.judged < EXCHANGES / 100
    assert 0 < second.amended <= second.judged
    assert first.amended == 0
    assert {change.after for change in second.amendments} == {(Verdict.LATE,)}
    assert sum(second.verdicts[one] for one in Verdict) + second.waiting >= EXCHANGES
    assert found.perfect


def test_every_way_an_exchange_goes_is_among_them() -> None:
    """The made-up exchanges end in every way the services know, and with every fault."""
    some = [made(1, number) for number in range(EXCHANGES)]

    assert {one.base for one in some} == {base.name for base in BASES}
    assert {verdict for one in some for verdict in one.truth[0]} == set(Verdict)
    assert len({one.fault for one in some}) > 25
    assert len({one.name for one in some}) == EXCHANGES


class Killed(BaseException):
    """The process is gone."""


class Ending(Synthetic):
    """A source whose reader is killed at its n-th call."""

    left = 0

    def _step(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed

    async def arrived(self, positions: Mapping[str, int]) -> AsyncIterator[Arrived]:
        """See `Synthetic`."""
        async for new in super().arrived(positions):
            self._step()
            yield new

    async def cases(self, exchange_ids: Sequence[str]) -> Sequence[Case]:
        """See `Synthetic`."""
        self._step()
        return await super().cases(exchange_ids)


@pytest.mark.parametrize("left", [2, 4, 6, 9])
def test_a_run_that_is_killed_goes_on(tmp_path: Path, left: int) -> None:
    """Wherever it ended, the next run judges what was left, once, and ends with the same verdicts."""
    source = Ending(2, 4500)
    source.left = left
    state = State(tmp_path, "x")
    with pytest.raises(Killed):
        asyncio.run(reconcile(source.opened, state, source.now, settle_seconds=0))
    before = state.summary(0).exchanges
    state.close()
    again = State(tmp_path, "x")
    rest = asyncio.run(reconcile(source.opened, again, source.now, settle_seconds=0))

    assert rest.judged == 4500 - before
    assert rest.exchanges == 4500
    assert rest.amended == 0
    assert all(one.wrong == one.unfound == 0 for one in scores(again, source))
    again.close()


def test_a_run_with_nothing_new_judges_nothing(tmp_path: Path) -> None:
    """What was judged stays judged; only what waits is looked at, when it is due."""
    source = Synthetic(3, 1000)
    state = State(tmp_path, "x")
    first = asyncio.run(reconcile(source.opened, state, source.now, settle_seconds=0))
    state.close()
    state = State(tmp_path, "x")
    second = asyncio.run(reconcile(source.opened, state, source.now, settle_seconds=0))
    state.close()

    assert first.judged == 1000
    assert second.judged == 0
    assert second.verdicts == first.verdicts


def test_a_state_is_of_one_installation(tmp_path: Path) -> None:
    """The verdicts of one installation are never mixed with another's, and what is no state is refused."""
    State(tmp_path, "one").close()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "reconciliation.sqlite").write_bytes(b"something else entirely" * 100)

    with pytest.raises(ConfigurationFault):
        State(tmp_path, "two")
    with pytest.raises(ConfigurationFault):
        State(tmp_path / "other", "one")
    with pytest.raises(ConfigurationFault):
        State(tmp_path / "other" / "reconciliation.sqlite" / "below", "one")


def test_two_runs_at_once_are_one_too_many(tmp_path: Path) -> None:
    """A state in use is told as such instead of being written by two."""
    first = State(tmp_path, "one")
    with pytest.raises(ConfigurationFault, match="state"):
        State(tmp_path, "one", busy_seconds=0.1)
    first.close()


def test_masks_hold_every_set_of_verdicts() -> None:
    """Sets of verdicts survive being a number."""
    sets = [(one, other) for one in Verdict for other in Verdict if one < other]

    assert all(set(verdicts_of(mask_of(some))) == set(some) for some in sets)
    assert verdicts_of(0) == ()


# ── on a real PostgreSQL ─────────────────────────────────────────────────────────────────────────────────────────


def names(count: int) -> list[str]:
    """Exchange ids."""
    return [f"{KARIYA}-2026092100000000{n:02d}00" for n in range(count)]


OWNERS = {Party.INQUIRER: KARIYA, Party.NETWORK: "0" * 16, Party.PROVIDER: TOYOTA}


class Logs:
    """Rows of logs that grow."""

    def __init__(self) -> None:
        self.sizes: dict[str, int] = dict.fromkeys(OWNERS.values(), 0)

    def rows(self, name: str, *parties: Party, at: int = NOW + 100) -> list[Any]:
        """These parties' records of an answered exchange, and their logs' heads."""
        found: list[Any] = []
        for party in parties:
            owner = OWNERS[party]
            record = record_of(
                party,
                owner,
                name,
                inquirer_name="",
                provider_institution_code=TOYOTA,
                provider_name="",
                requested_at=NOW,
                affair_code=VACCINATION_AFFAIR,
                procedure_code=INCOMING_RESIDENT,
                spi_name_code=VACCINATION,
                outcome=Outcome.OK,
                provided_at=NOW + 50,
                permit_id=f"p{name}",
                list_version=1,
                row_id="16-2-1",
            )
            place = self.sizes[owner]
            self.sizes[owner] += 1
            values: dict[str, Any] = {"institution_code": owner, "sequence": place, "counterpart": "x"}
            values |= {"pair_sequence": place + 1, "exchange_id": name, "party": party.value, "recorded_at": at}
            body, detail = split(record, b"\x05" * 16)
            values |= {"body": body, "detail": detail}
            found.append(LogRecord(**{field: values.get(field, b"") for field in LogRecord._fields}))
            found.append(LogHead(owner, place + 1, b"", 0))
        return found


def permit(name: str, state: str = "COMPLETED") -> NetworkExchange:
    """The network's register of it."""
    affair = (VACCINATION_AFFAIR, INCOMING_RESIDENT, VACCINATION)
    return NetworkExchange(name, state, TOYOTA, *affair, False, "1", NOW, f"p{name}", 1, "16-2-1", NOW + LIFE_MS)


def asked(name: str, state: str, deadline: int) -> Exchange:
    """The inquirer's own row."""
    values: dict[str, Any] = {"exchange_id": name, "institution_code": KARIYA, "state": state, "deadline_at": deadline}
    plain = {"kind_index": 0, "requested_at": NOW, "list_version": 0, "answer": b""} | values
    return Exchange(**{field: plain.get(field, "") for field in Exchange._fields})


def held(name: str, deadline: int) -> Provision:
    """A hold at the provider."""
    values: dict[str, Any] = {"permit_id": f"p{name}", "exchange_id": name, "institution_code": TOYOTA, "state": "HELD"}
    plain = {"received_at": NOW, "remind_at": 0, "request": b"", "shown_digest": b"", "hold_deadline_at": deadline}
    plain |= {"permit": b"", "permit_proof": b""}
    return Provision(**{field: (plain | values).get(field, "") for field in Provision._fields})


async def test_an_installation_is_matched_run_by_run(postgres_dsn: str, tmp_path: Path) -> None:
    """Out of a database: agreement, each missing party, a permit alone, one still held; then late data amends."""
    store = PostgresStore(await connect_pool(postgres_dsn, 2))
    logs = Logs()
    whole, lost, alone, waiting, asking = names(5)
    later = NOW + LIFE_MS * 3
    first_rows = [
        *logs.rows(whole, *Party),
        permit(whole),
        *logs.rows(lost, Party.INQUIRER, Party.NETWORK),
        permit(lost),
        permit(alone),
        permit(waiting, "USED"),
        held(waiting, later),
        *logs.rows(asking, Party.NETWORK, Party.PROVIDER),
        permit(asking),
        asked(asking, "SENT", later),
    ]

    async def put(rows: Sequence[Any]) -> None:
        async with store.transaction() as transaction:
            for row in rows:
                await transaction.write(type(row), [row])

    async def run(at: int) -> Any:
        state = State(tmp_path, "x")
        try:
            found = await reconcile(lambda: reconcile_store.opened(store), state, lambda: at, settle_seconds=0)
            return found, state.masks(names(5))
        finally:
            state.close()

    try:
        await put([*WORLD.directory(), *first_rows])
        first, masks = await run(NOW + LIFE_MS * 2)
        await put([*logs.rows(lost, Party.PROVIDER, at=NOW + LIFE_MS * 2 + 5), *logs.rows(asking, Party.INQUIRER)])
        second, amended = await run(NOW + LIFE_MS * 2 + 10)
        third, due = await run(later + LATE_MS)
    finally:
        await store.close()

    told = {name: verdicts_of(mask) for name, mask in masks.items()}
    assert told == {
        whole: (Verdict.AGREE,),
        lost: (Verdict.MISSING_AT_PROVIDER,),
        alone: (Verdict.PERMITTED_NOT_RECORDED,),
        waiting: (),
        asking: (),
    }
    assert (first.judged, first.exchanges, first.waiting) == (5, 5, 2)
    assert {name: verdicts_of(mask) for name, mask in amended.items()} == told | {
        lost: (Verdict.LATE,),
        asking: (Verdict.AGREE,),
    }
    assert (second.judged, second.amended, second.exchanges) == (2, 1, 5)
    assert third.judged == 1
    assert verdicts_of(due[waiting]) == (Verdict.PERMITTED_NOT_RECORDED,)


async def test_what_only_travels_is_not_told_as_missing(tmp_path: Path) -> None:
    """A register may be a moment ahead of the record on its way to the log: a second look finds it there."""
    late = next(n for n in range(100_000) if made(5, n).fault == f"{Verdict.MISSING_AT_NETWORK} for a while")
    source = Synthetic(5, late + 1)

    @asynccontextmanager
    async def opened() -> AsyncIterator[Synthetic]:
        yield source
        source.run = 2

    state = State(tmp_path, "x")
    found = await reconcile(opened, state, source.now, settle_seconds=0.01)
    name = made(5, late).name
    verdicts = verdicts_of(state.masks([name])[name])
    state.close()

    assert verdicts == (Verdict.LATE,)
    assert found.amended == 0
