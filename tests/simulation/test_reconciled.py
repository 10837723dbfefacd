"""Real services in bad weather, their records matched and their decisions decided again: nothing is found in vain."""

from __future__ import annotations

import random

import pytest
from country import Country
from simulation.scene import run_seed

from broker.rules.permission_list import from_json
from broker.rules.permits import LIFE_MS
from broker.rules.reconciliation import MISSING, Case, Limits, Permitted, Seen, Verdict, judged
from broker.rules.redecision import Kept, Lists, past_decision
from broker.tables import Exchange, Institution, NetworkExchange, PermissionListVersion
from schemas.records import Party

LONG_AFTER = 1 << 50
LIMITS = Limits(late_ms=1 << 40)  # in this weather everything is late


def cases(country: Country) -> list[Case]:
    """Every exchange of the country, at rest."""
    leaves = country.history().leaves
    registers = {row.exchange_id: row for row in country.rows(NetworkExchange)}
    found = []
    for asked in country.rows(Exchange):
        name = asked.exchange_id
        row = registers.get(name)
        seen = tuple(Seen(leaf.record, leaf.row.recorded_at) for leaf in leaves if leaf.record.exchange_id == name)
        found.append(Case(name, seen, Permitted(row.permit_id, row.state, row.expires_at) if row else None))
    return found


@pytest.mark.parametrize("seed", range(7000, 7012))
def test_records_agree_and_decisions_follow_from_their_lists(seed: int) -> None:
    """However the weather was, at rest every exchange agrees; with one record gone, that party's is what is missing;
    and every decision, the network's and the providers', follows from the list then in force."""
    country = run_seed(seed).country
    some = cases(country)
    rng = random.Random(seed)
    robbed = [(case, rng.choice(case.seen)) for case in some if len(case.seen) > 1]
    lists = Lists([from_json(row.body) for row in country.rows(PermissionListVersion)])
    classes = {row.institution_code: row.institution_class for row in country.rows(Institution)}
    kept = {
        row.exchange_id: Kept(row.expires_at - LIFE_MS, row.consent_obtained) for row in country.rows(NetworkExchange)
    }
    past = [
        past_decision(leaf.record, leaf.row.recorded_at, kept.get(leaf.record.exchange_id), classes)
        for leaf in country.history().leaves
    ]

    assert {case.exchange_id: judged(case, LONG_AFTER, LIMITS) for case in some if not agrees(case)} == {}
    assert len({len(case.seen) for case in some}) > 1
    for case, lost in robbed:
        left = case._replace(seen=tuple(seen for seen in case.seen if seen is not lost))
        assert judged(left, LONG_AFTER, LIMITS).verdicts == (MISSING[Party(lost.record.party)],), case.exchange_id
    assert [lists.finding(one) for one in past if one is not None and lists.finding(one)] == []
    assert sum(one is not None for one in past) > 10


def agrees(case: Case) -> bool:
    """Nothing is wrong with it."""
    return judged(case, LONG_AFTER, LIMITS).verdicts == (Verdict.AGREE,)
