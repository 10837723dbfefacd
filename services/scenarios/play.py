"""Playing a scenario on a stage: step by step, then the records it left, then what must be nowhere.

Owns what is compared: what each step gave against what the file expects, the records of each inquiry, and two plays
with each other. Promises that a play never ends in silence: a step that waits too long or fails names itself.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from broker.adapters.virtual_time import VirtualTimeLoop, run_virtual
from broker.errors import ConfigurationFault, Fault
from broker.rules import checks
from broker.rules.checks import History
from broker.rules.records import whole
from broker.tables import Exchange, LogRecord, NetworkCode
from schemas.records import ProvisionRecorded
from services.scenarios import form, memory_stage, plan
from services.scenarios.casting import BY_INQUIRY, Cast
from services.scenarios.form import Scenario, Step
from services.scenarios.memory_stage import MemoryStage
from services.scenarios.stage import NOT_HERE, Stage
from services.scenarios.verbs import VERBS


class Seen(NamedTuple):
    """What came of a step. fault: why it could not be played, or empty."""

    step: Step
    got: Mapping[str, Any]
    fault: str = ""

    @property
    def wrong(self) -> dict[str, tuple[Any, Any]]:
        """Expected and seen of what is other than expected."""
        return {
            key: (value, self.got.get(key)) for key, value in self.step.expect.items() if self.got.get(key) != value
        }


class Record(NamedTuple):
    """A provision record as two plays may be compared by it: no moment, no number, no digest."""

    step: str
    party: str
    holder: str
    inquirer: str
    provider: str
    affair_code: str
    procedure_code: str
    spi_name_code: str
    items: tuple[str, ...]
    outcome: str
    rule: str
    basis: str
    provided: bool

    @property
    def line(self) -> str:
        """As scenario files expect it."""
        return f"{self.party} {self.outcome} {self.rule}".strip()


class Played(NamedTuple):
    """A play. missing: (step, expected records, those that are there) where they differ; leaks: what is where it must
    not be."""

    scenario: Scenario
    stage: str
    seen: tuple[Seen, ...]
    records: tuple[Record, ...]
    missing: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]
    leaks: tuple[str, ...]
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether everything came as the file says."""
        return not (any(one.wrong or one.fault for one in self.seen) or self.missing or self.leaks)


def differences(first: Played, second: Played) -> list[str]:
    """What two plays of one scenario do not share."""
    found = []
    for one, other in zip(first.seen, second.seen, strict=False):
        if dict(one.got) != dict(other.got):
            found.append(f"{one.step.name}: {dict(one.got)} / {dict(other.got)}")
    if len(first.seen) != len(second.seen):
        found.append(f"{len(first.seen)} / {len(second.seen)} steps")
    found += [f"{one} / -" for one in first.records if one not in second.records]
    found += [f"- / {one}" for one in second.records if one not in first.records]
    return found


async def play(scenario: Scenario, stage: Stage, place: int) -> Played:
    """The whole scenario; place: its band of residents."""
    started = time.monotonic()
    codes, people = plan.institutions_of(scenario, stage.world), plan.people_of(scenario, stage.world, place)
    cast = Cast(scenario.name, stage, codes, people)
    seen: list[Seen] = []
    for step in scenario.steps:
        cast.step = step.name
        one = await played(cast, step)
        seen.append(one)
        if one.fault:
            break
    records, missing = await left(cast, scenario, whole_play=not seen[-1].fault)
    return Played(
        scenario, stage.name, tuple(seen), tuple(records), tuple(missing), (), round(time.monotonic() - started, 3)
    )


async def played(cast: Cast, step: Step) -> Seen:
    """One step."""
    verb = VERBS[step.verb]
    if verb.alone and not cast.stage.own:
        return Seen(step, {}, f"{ConfigurationFault.__name__}: {NOT_HERE}")
    try:
        return Seen(step, await verb.act(cast, step.arguments))
    except Fault as fault:
        return Seen(step, {}, f"{type(fault).__name__}: {fault}")


# ── records ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def left(
    cast: Cast, scenario: Scenario, *, whole_play: bool
) -> tuple[list[Record], list[tuple[str, tuple[str, ...], tuple[str, ...]]]]:
    """The records of every inquiry, waited for when the play was whole, and where they are not those expected."""
    records: list[Record] = []
    missing = []
    for step, expected in scenario.records.items():
        found: list[Record] = []

        async def there(step: str = step, expected: tuple[str, ...] = expected) -> bool:
            nonlocal found
            found = await records_of(cast, step)
            return len(found) >= len(expected)

        if step in cast.inquiries and whole_play:
            with suppress(Fault):
                await cast.stage.until(there)
        elif step in cast.inquiries:
            await there()
        records += found
        lines = tuple(sorted(one.line for one in found))
        if lines != expected:
            missing.append((step, expected, lines))
    return sorted(records), missing


async def records_of(cast: Cast, step: str) -> list[Record]:
    """The records of a step's inquiry at all parties."""
    inquiry = cast.inquiries[step]
    key = (inquiry.inquirer_institution_code, inquiry.record_identification_number)
    async with cast.stage.store.transaction() as transaction:
        exchanges: list[Exchange] = await transaction.find(Exchange, BY_INQUIRY, [key])
    rows = [row for one in exchanges for row in await cast.stage.records_of(one.exchange_id)]
    return sorted(as_compared(cast, step, row) for row in rows)


def as_compared(cast: Cast, step: str, row: LogRecord) -> Record:
    """A record without what differs from play to play."""
    record: ProvisionRecorded = whole(row.body, row.detail)
    return Record(
        step,
        row.party,
        cast.alias(row.institution_code),
        cast.alias(record.inquirer_institution_code),
        cast.alias(record.provider_institution_code),
        record.affair_code,
        record.procedure_code,
        record.spi_name_code,
        tuple(str(one) for one in record.spi_items),
        record.outcome.value,
        record.rule,
        str(getattr(record, "legal_basis", "")),
        bool(record.provided_at),
    )


# ── in memory ────────────────────────────────────────────────────────────────────────────────────────────────────


def in_memory(scenario: Scenario) -> Played:
    """A play in a country of its own, with a look into every message and row at the end."""
    loop = VirtualTimeLoop()
    place = place_of(scenario)

    async def main() -> Played:
        stage = MemoryStage(loop, f"S{place}")
        await stage.start()
        try:
            found = await play(scenario, stage, place)
        finally:
            await stage.stop()
        history = History(texts=list(stage.texts()), codes=list(stage.store.tables[NetworkCode].values()))
        leaks = [*checks.no_individual_numbers(history), *checks.codes_apart(history)]
        return found._replace(leaks=tuple(f"{one.check}: {one.subject}" for one in leaks))

    with memory_stage.quiet():
        return run_virtual(main(), loop)


def place_of(scenario: Scenario) -> int:
    """The scenario's band of residents; that of a file of one's own is the last."""
    known = form.names()
    return known.index(scenario.name) if scenario.name in known else plan.SCENARIOS_AT_MOST - 1


def all_in_memory(scenarios: Sequence[Scenario]) -> list[Played]:
    """One after the other, each in a country of its own."""
    return [in_memory(scenario) for scenario in scenarios]
