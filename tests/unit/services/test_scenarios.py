"""Scenarios: the files and their validation, and every one of them played in memory."""

from __future__ import annotations

import re

import pytest
from typer.testing import CliRunner

from broker.adapters.postgres import QUERIES
from broker.adapters.virtual_time import VirtualTimeLoop, run_virtual
from broker.errors import OwnFault
from broker.rules.numbers import find_individual_numbers
from broker.tables import InstitutionKey
from services.__main__ import command
from services.integrated_number.common import QUERIES as HUB_QUERIES
from services.scenarios import form, memory_store, plan, play
from services.scenarios.casting import Cast
from services.scenarios.form import ScenarioFault, Step
from services.scenarios.memory_stage import MemoryStage
from services.scenarios.play import Seen
from services.scenarios.verbs import VERBS

GOOD = """title_ja = "題"
title_en = "title"
source = "III-6"

[actors.institutions]
kariya = "刈谷市"
toyota = "豊田市"

[actors.people]
akari = { home = "kariya", previous = "toyota" }

[parameters]
seconds = 600

[[step]]
do = "ask"
name = "history"
person = "akari"
within_seconds = "$seconds"
expect = { outcome = "OK" }

[records]
history = ["INQUIRER OK", "NETWORK OK", "PROVIDER OK"]
"""


def test_a_good_file_is_read() -> None:
    """Actors, parameters, steps and records become frozen values."""
    scenario = form.parse("good", GOOD)

    (step,) = scenario.steps
    assert (step.verb, step.name, step.line) == ("ask", "history", 15)
    assert step.arguments["within_seconds"] == 600
    assert step.arguments["kind"] == "vaccination"
    assert scenario.records == {"history": ("INQUIRER OK", "NETWORK OK", "PROVIDER OK")}


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (
            'title_en = "title"',
            'titel_en = "title"',
            r"bad.toml:2: titel_en: unknown 'titel_en'; did you mean 'title_en'",
        ),
        ('do = "ask"', 'do = "aks"', r"bad.toml:15: step 1: do: unknown 'aks'; did you mean 'ask'"),
        ('person = "akari"', 'person = "akira"', r"bad.toml:15: step 1 \(ask\).person: .*did you mean 'akari'"),
        ('person = "akari"', 'persn = "akari"', r"bad.toml:15: step 1 \(ask\).persn: .*did you mean 'person'"),
        ('person = "akari"\n', "", r"bad.toml:15: step 1 \(ask\): 'person' is missing"),
        ('"$seconds"', '"$second"', r"within_seconds: unknown 'second'; did you mean 'seconds'"),
        ('"$seconds"', '"600"', r"within_seconds: must be int"),
        ('"$seconds"', "true", r"within_seconds: must be int"),
        ('"$seconds"', "-1", r"within_seconds: must lie between 0 and"),
        ("outcome = ", "outcom = ", r"step 1 \(ask\).expect.outcom: .*did you mean 'outcome'"),
        ('previous = "toyota"', 'previous = "toyta"', r"actors.people.akari: previous: .*did you mean 'toyota'"),
        ('previous = "toyota"', 'previous = "kariya"', r"home and previous are the same"),
        ('history = ["INQ', 'histroy = ["INQ', r"records.histroy: .*did you mean 'history'"),
        ('"INQUIRER OK"', '"INQUIRE OK"', r"records.history: must be a list of texts like"),
        ('[records]\nhistory = ["INQUIRER OK", "NETWORK OK", "PROVIDER OK"]', "[records]", r"'history' are missing"),
        ("[[step]]", "[[step", r"bad.toml: not TOML"),
        ('source = "III-6"', 'source = "III-6"\nstages = ["memory"]', r"bad.toml:4: stages: must be \[\"real\"\]"),
        ('source = "III-6"', 'source = "III-6"\nstages = "real"', r"bad.toml:4: stages: must be"),
    ],
)
def test_whatever_is_wrong_is_named_with_its_place(before: str, after: str, told: str) -> None:
    """An unknown key, verb or actor, a wrong type or a missing part: file, line, place and the nearest name."""
    assert before in GOOD

    with pytest.raises(ScenarioFault, match=told):
        form.parse("bad", GOOD.replace(before, after))


def test_few_scenarios_are_for_real_parts_alone() -> None:
    """What only PostgreSQL and Kafka can refuse; everything else plays on both. In memory such a one is refused."""
    alone = [name for name in form.names() if form.load(name).stages != ("memory", "real")]
    result = CliRunner().invoke(command(), ["scenario", "run", "kept_apart", "--memory"])
    played = play.in_memory(form.load("kept_apart"))

    assert alone == ["kept_apart"]
    assert {one.verb for one in form.load("kept_apart").steps} == {"ask", "pry", "trespass", "tablet_reads"}
    assert (result.exit_code, "kept_apart" in result.stderr) == (2, True)
    assert not played.ok


def test_where_somebody_is_served_nothing_is_meddled_with() -> None:
    """What stops services, moves the clock, takes keys away or rewrites records is refused before it is done."""

    async def main() -> Seen:
        stage = MemoryStage(loop, "S0")
        stage.own = False  # as an installation that serves already
        cast = Cast("key_rotation", stage, {"kariya": stage.world.attached[0]}, {})
        seen = await play.played(cast, Step(1, "rotate_key", "rotated", {"at": "kariya", "overlap_days": 7}, {}))
        assert stage.store.tables[InstitutionKey] == {}
        return seen

    loop = VirtualTimeLoop()
    seen = run_virtual(main(), loop)
    meddling = {name for name, verb in VERBS.items() if verb.alone}

    assert "in an installation of its own only" in seen.fault
    assert meddling == {
        *("pass_time", "pass_hold_deadline", "stop_service", "start_service"),
        *("rotate_key", "revoke_key", "misuse_permit", "lose_record", "rewrite_log", "plant"),
    }


async def test_a_statement_that_memory_does_not_know_is_a_fault() -> None:
    """A desk or hub that asks something new is told so, instead of being told that there is nothing."""
    store = memory_store.RehearsalStore()

    with pytest.raises(OwnFault, match="no such statement in memory: select everything"):
        await store.query("select everything")


def test_a_municipality_must_be_in_the_world() -> None:
    """An actor of another world is told before anything is played."""
    scenario = form.parse("far", GOOD.replace("豊田市", "大阪市"))

    with pytest.raises(form.ConfigurationFault, match="大阪市 is not in this world"):
        play.in_memory(scenario)


@pytest.mark.parametrize("name", [name for name in form.names() if "memory" in form.load(name).stages])
def test_every_scenario_ends_as_its_file_says(name: str) -> None:
    """Each step, each record, and no individual number or pair of codes where it must not be."""
    played = play.in_memory(form.load(name))

    assert [(one.step.name, one.wrong, one.fault) for one in played.seen if one.wrong or one.fault] == []
    assert played.missing == ()
    assert played.leaks == ()
    assert len(played.seen) == len(played.scenario.steps)


def test_a_wrong_expectation_is_noticed() -> None:
    """A scenario that expects another outcome or record fails, and says where."""
    text = GOOD.replace('outcome = "OK"', 'outcome = "HELD"').replace('"PROVIDER OK"', '"PROVIDER REFUSED"')
    played = play.in_memory(form.parse("wrong", text))

    assert not played.ok
    assert played.seen[0].wrong == {"outcome": ("HELD", "OK")}
    assert [step for step, _, _ in played.missing] == ["history"]


def test_two_plays_are_told_apart() -> None:
    """The comparison of stages sees another outcome and another record."""
    first = play.in_memory(form.parse("good", GOOD))
    refused = GOOD.replace('name = "history"', 'name = "history"\nkind = "local_tax"\nprocedure = "JT99000000000001"')
    second = play.in_memory(form.parse("good", refused))

    assert play.differences(first, play.in_memory(form.parse("good", GOOD))) == []
    assert len(play.differences(first, second)) > 2


def test_every_verb_is_used_and_speaks_both_languages() -> None:
    """A verb that no scenario uses is not tried by anything."""
    used = {step.verb for name in form.names() for step in form.load(name).steps}

    assert set(VERBS) - used == set()
    assert all(re.match(r"[^/]*[\u3040-\u9fff][^/]* / [ -~]+$", verb.words) for verb in VERBS.values())


def test_no_scenario_holds_a_number() -> None:
    """The files name people by where they live, never by a number."""
    assert all(not find_individual_numbers((form.FILES / f"{n}.toml").read_bytes()) for n in form.names())


def test_there_is_room_for_every_scenario() -> None:
    """Each has residents of its own, and one band is left for a file of one's own."""
    assert len(form.names()) < plan.SCENARIOS_AT_MOST


def test_statements_in_memory_are_those_of_the_database() -> None:
    """A statement that changes its name in SQL does not live on in memory."""
    assert set(memory_store.OF_THE_SERVER) <= set(QUERIES)
    assert {*memory_store.OF_THE_HUB, *memory_store.OF_THE_STORE} <= set(HUB_QUERIES)
