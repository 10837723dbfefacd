"""The world that scenarios play in, and which of its residents each scenario may have.

Owns that no two scenarios share a person, so that all of them may play in one installation. The municipalities are the
seed's own and its neighbours; the people are synthetic.
"""

from __future__ import annotations

from collections.abc import Mapping

from broker.errors import ConfigurationFault
from services.scenarios.form import Scenario
from services.world import Plan, Resident, World

BAND = 100
SCENARIOS_AT_MOST = 38
PLAN = Plan(seed=3, institutions=4, residents=BAND * SCENARIOS_AT_MOST, attached=4, boards=1)


def institutions_of(scenario: Scenario, world: World) -> Mapping[str, str]:
    """The scenario's names → institution codes; a fault names a municipality that is not in this world."""
    codes = {name: code for code, name in world.names.items()}
    missing = [name for name in scenario.institutions.values() if name not in codes]
    if missing:
        raise ConfigurationFault(
            f"{scenario.name}.toml: actors.institutions: {missing[0]} is not in this world; it has {', '.join(codes)}"
        )
    return {key: codes[name] for key, name in scenario.institutions.items()}


def people_of(scenario: Scenario, world: World, place: int) -> Mapping[str, Resident]:
    """A resident of the place-th band for each person of the scenario, by where they live and lived."""
    codes = institutions_of(scenario, world)
    found: dict[str, Resident] = {}
    taken: set[int] = set()
    for key, person in scenario.people.items():
        wanted = (codes[person.home], codes[person.previous])
        for index in range(place * BAND, min((place + 1) * BAND, world.plan.residents)):
            resident = world.resident(index)
            if index not in taken and (resident.home, resident.previous) == wanted:
                found[key] = resident
                taken.add(index)
                break
        else:
            raise ConfigurationFault(
                f"{scenario.name}.toml: actors.people.{key}: this world has nobody left who moved so; "
                "scenarios want a world made by `chukan scenario run` itself"
            )
    return found
