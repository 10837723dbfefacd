"""The past decided again comes out as it did; what was changed in it, or in the rules, is found and named."""

from __future__ import annotations

import asyncio
import pickle
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from country import START_MS, Country, Weather, quiet, run
from replaying import CountryHistory, replayed, replayer, services_of
from simulation.scene import run_seed

from broker.decision import Decision
from broker.journal import Journalled
from broker.service import Service
from broker.tables import Exchange, LogRecord
from schemas.codec import decode
from schemas.records import Outcome, PermitRequested
from services.audit.replay import RecordedChance, State, messages_of
from services.audit.replay_compare import MISSING, Difference, exchange_of
from services.audit.replay_export import ExportedHistory, export
from services.audit.replay_history import Gone, Unreplayable
from services.audit.replay_run import Interrupted, Keeper, Wanted, report_of

ASKED = 12


def calm(count: int = ASKED) -> Country:
    """A country in which so many inquiries were answered."""

    async def scene(country: Country) -> None:
        for number in range(count):
            country.send(country.world.inquiry(number, country.clock.now_ms()))
        await country.drain()

    return run(scene, seed=1, weather=Weather(random.Random(1)))


@pytest.fixture(scope="module")
def country() -> Country:
    """The same calm country for all who only read its past."""
    return calm()


def names(found: list[Difference]) -> set[str]:
    """Which exchanges the differences are about."""
    return {one.exchange_id for one in found}


@pytest.mark.parametrize("seed", [0, 3, 61, 68, 109, 5001])
def test_any_past_comes_out_as_it_did(seed: int) -> None:
    """Whatever happened - crashes, zombies, repeats, holds, withdrawals, new lists - today's services decide the same,
    byte for byte, on every message, record and row."""
    past = run_seed(seed).country

    state = replayed(past)

    assert state.differences == []
    assert state.counts.batches == sum(isinstance(step, Journalled) for step in past.store.journal)
    assert state.counts.messages_compared > 0
    assert state.store.tables[Exchange] == past.store.tables[Exchange]


def test_sealed_answers_are_compared_by_what_is_in_them(country: Country) -> None:
    """Chance is handed in as it was: every answer is sealed anew only when it holds something else."""
    state = replayed(country)

    assert state.differences == []
    assert {row.outcome for row in state.store.tables[Exchange].values()} == {"OK"}
    assert state.counts.rows_compared > 3 * ASKED


def refusing(exchange_id: str, country: Country) -> Callable[[RecordedChance], dict[str, Service]]:
    """Today's services, with one changed rule: the network refuses one exchange that it permitted."""

    def make(chance: RecordedChance) -> dict[str, Service]:
        services = services_of(country)(chance)
        network = services["network"]
        handlers = tuple(
            one._replace(decide=changed(one.decide)) if one.message is PermitRequested else one
            for one in network.handlers
        )
        return {**services, "network": network._replace(handlers=handlers)}

    def changed(decide: Any) -> Any:
        def decided(message: PermitRequested, facts: Any, context: Any) -> Decision:
            if message.exchange_id == exchange_id:
                message = message._replace(affair_code="JM99999999999999")
            found: Decision = decide(message, facts, context)
            return found

        return decided

    return make


def test_a_changed_rule_is_found_and_named(country: Country) -> None:
    """A rule that decides otherwise today: the exchange, what was said then, what is said now; nobody else's."""
    changed = sorted(key for (key,) in country.store.tables[Exchange])[5]

    state = replayed(country, make=refusing(changed, country))

    assert names(state.differences) == {changed}
    told = {(one.what, one.then, one.now) for one in state.differences}
    assert ("PermitRefused", MISSING, "PermitRefused") in told
    assert ("PermitIssued", "PermitIssued", MISSING) in told


def test_one_changed_byte_of_a_record_is_found_and_named(country: Country) -> None:
    """One byte of one kept record: the exchange, the field, then and now; and the leaf is not the one it should be."""
    history = CountryHistory(country)
    key = sorted(history.store.tables[LogRecord])[7]
    row = history.store.tables[LogRecord][key]
    place = row.body.index(row.exchange_id.encode()) + len(row.exchange_id) + 2
    damaged = row._replace(body=row.body[:place] + bytes([row.body[place] ^ 1]) + row.body[place + 1 :])
    history.store = country.base.copy()
    for kind, rows in country.store.tables.items():
        history.store.tables[kind] = dict(rows)
    history.store.tables[LogRecord][key] = damaged

    state = replayed(country, history)

    assert names(state.differences) == {row.exchange_id}
    assert {one.what for one in state.differences} == {"log_records"}
    (found,) = state.differences
    assert found.field.startswith("body")
    assert found.then != found.now


def test_one_dropped_message_is_found_and_named(country: Country) -> None:
    """A record that is no longer on its topic: where it lay, who read it, and the exchanges it was about."""
    history = CountryHistory(country)
    source = next(source for source, log in history.logs.items() if source[0] == "inquiry.permit_requested" and log)
    dropped = history.logs[source].pop(1)
    about = {exchange_of(decode(one.value)) for one in messages_of([dropped]).values()}

    state = replayed(country, history)

    gaps = [one for one in state.differences if one.what == "message"]
    assert [one.where for one in gaps] == [f"{source[0]}/{source[1]} offset {dropped.offset}"]
    assert gaps[0].then.startswith("read by network/")
    assert names(state.differences) - {""} == about
    unsaid = [one for one in state.differences if one.what == "PermitRequested"]
    assert {one.exchange_id for one in unsaid} == about
    assert {(one.then, one.now) for one in unsaid} == {(MISSING, "PermitRequested")}


def test_filters_choose_what_is_reported(country: Country) -> None:
    """By exchange, institution, outcome then or now, and time; the replay itself is always whole."""
    changed = sorted(key for (key,) in country.store.tables[Exchange])[5]
    other = sorted(key for (key,) in country.store.tables[Exchange])[6]
    state = replayed(country, make=refusing(changed, country))
    asked = country.store.tables[Exchange][(changed,)]

    def found(**wanted: Any) -> set[str]:
        return names(list(report_of(state, Wanted(**wanted), 1.0).differences))

    assert found() == {changed}
    assert found(exchange_id=changed) == {changed}
    assert found(exchange_id=other) == set()
    assert found(institution_code=asked.provider_institution_code) == {changed}
    assert found(institution_code="0" * 16) == set()
    assert found(outcome=Outcome.EXPIRED.value) == set()
    assert found(last=asked.requested_at - 1) == set()
    assert report_of(state, Wanted(exchange_id=other), 1.0).wanted == 1
    assert report_of(state, Wanted(exchange_id=other), 1.0).exchanges == ASKED


class Stopping(Keeper):
    """Stops the replay after so many steps."""

    def __init__(self, path: Path, steps: int) -> None:
        super().__init__(path)
        self._left = steps

    def due(self) -> bool:
        """After each step one less."""
        self._left -= 1
        self.stopping = self._left == 0
        return self.stopping


def test_an_interrupted_replay_goes_on_where_it_stopped(country: Country, tmp_path: Path) -> None:
    """Stopped between two batches and gone on by another process: the same result, and no batch decided twice."""
    path = tmp_path / "replay.state"
    whole = replayed(country)

    with quiet(), pytest.raises(Interrupted):
        asyncio.run(replayer(country, keeper=Stopping(path, 25)).run())
    state = Keeper(path).found()
    assert isinstance(state, State)
    assert state.counts.steps == 25
    done = replayed(country, state=state)

    assert done.differences == []
    assert done.counts == whole.counts
    assert done.store.tables == whole.store.tables


def test_a_state_of_other_code_is_not_gone_on_from(tmp_path: Path) -> None:
    """What other rules have decided is no beginning for these; nor is a file that is not a state."""
    path = tmp_path / "replay.state"

    path.write_bytes(pickle.dumps(("chukan replay 1", "another digest", None)))
    assert Keeper(path).found() is None

    path.write_bytes(b"no state")
    assert Keeper(path).found() is None


def test_an_export_is_replayed_like_the_topics_themselves(tmp_path: Path) -> None:
    """Exported twice, which adds nothing, and read again: every message, step and row, and the same result;
    a message taken out of the file, be it the first, is named."""
    past = calm(6)
    history = CountryHistory(past)

    async def twice() -> tuple[int, int]:
        plan, nothing = past.world.plan, (lambda *_: None)
        first = await export(history, past.topics, plan, tmp_path, nothing)
        return first, await export(history, past.topics, plan, tmp_path, nothing)

    first, second = asyncio.run(twice())
    exported: Any = ExportedHistory(tmp_path)
    state = replayed(past, exported)
    exported.close()
    with closing(sqlite3.connect(tmp_path / "history.sqlite")) as file, file:
        file.execute("delete from messages where topic = 'inquiry.permit_requested' and position = 0")
    damaged: Any = ExportedHistory(tmp_path)
    found = replayed(past, damaged).differences
    damaged.close()

    assert first == second == sum(len(log) for log in history.logs.values())
    assert state.differences == []
    assert state.counts == replayed(past).counts
    assert "inquiry.permit_requested" in {one.where.partition("/")[0] for one in found if one.what == "message"}
    assert (tmp_path / "history.sqlite").stat().st_mode & 0o077 == 0


def test_nothing_is_published_and_no_row_of_the_past_is_touched(country: Country) -> None:
    """A replay reads: topics and tables are afterwards as they were."""
    logs = {source: tuple(log) for source, log in country.broker.logs.items()}
    tables = {kind: dict(rows) for kind, rows in country.store.tables.items()}

    replayed(country)

    assert {source: tuple(log) for source, log in country.broker.logs.items()} == logs
    assert country.store.tables == tables


def test_a_past_without_its_beginning_is_refused(country: Country) -> None:
    """Retention has taken the first messages: state cannot be rebuilt, and the error says so and what helps."""
    history = CountryHistory(country)
    history.lost = {("inquiry.permit_requested", 0): 3}

    with pytest.raises(Exception, match="--export"):
        replayed(country, history)


def test_a_past_that_was_let_go_is_refused(country: Country) -> None:
    """Steps were deleted after their messages: the replay says up to which moment, and never begins in the middle."""
    history = CountryHistory(country)
    history.journal = history.journal[10:]
    history.gone = Gone(history.journal[0].place - 1, START_MS)

    with pytest.raises(Unreplayable, match=r"the past before 2\d{3}-\d\d-\d\d \d\d:\d\d:\d\d JST is gone"):
        replayed(country, history)


@pytest.mark.parametrize("what", ["steps", "messages"])
def test_an_export_knows_what_it_missed(tmp_path: Path, what: str) -> None:
    """Exported whole before its beginning went, a past is replayed from the file for good; an export begun too late,
    or overtaken between two runs, says that it cannot be."""
    past = calm(3)
    whole, begun, late = (CountryHistory(past) for _ in range(3))
    if what == "steps":
        begun.journal, late.journal = whole.journal[:5], whole.journal[10:]
        late.gone = Gone(whole.journal[9].place, START_MS)
    else:
        source, log = next((source, log) for source, log in whole.logs.items() if len(log) > 2)
        begun.logs[source], late.logs[source], late.lost = log[:1], log[2:], {source: 2}

    def of(name: str, *histories: CountryHistory) -> Any:
        for history in histories:
            asyncio.run(export(history, past.topics, past.world.plan, tmp_path / name, lambda *_: None))
        return closing(ExportedHistory(tmp_path / name))

    with of("in_time", whole, late) as in_time, of("late", late) as too_late, of("between", begun, late) as overtaken:
        assert replayed(past, in_time).differences == []
        for history in (too_late, overtaken):
            with pytest.raises(Unreplayable):
                replayed(past, history)
