"""Reading decisions, counting flips, sharing the work: on a synthetic year and on a real PostgreSQL."""

from __future__ import annotations

from collections import Counter
from typing import Any

from factories import KARIYA, NOW, TOYOTA, WORLD

from broker.adapters.postgres import PostgresStore, connect_pool
from broker.rules.permission_list import PermissionList, PermissionRow
from broker.rules.permits import LIFE_MS
from broker.rules.records import record_of, split
from broker.rules.redecision import Effect, Lists
from broker.tables import LogRecord, NetworkExchange
from schemas.codec import encode
from schemas.records import BundledMessage, MessagesBundled, Outcome, Party, PermitRequested
from services.audit import redecide as subject
from services.audit.national_year import Maker, measured, raw_row
from services.audit.redecide import Basis, Flip, Job, judge, redecide, tallied
from services.world import (
    FEE_AFFAIR,
    FEE_COLLECTION,
    HOUSEHOLD,
    INCOMING_RESIDENT,
    VACCINATION,
    VACCINATION_AFFAIR,
    permission_rows,
)

MAKER = Maker(7)


def permits(row: PermissionRow, combination: tuple[str, ...], day: str, consent: bool) -> bool:
    """The oracle's whole knowledge: five attributes, the days, consent."""
    fits = (row.inquirer_class, row.affair_code, row.procedure_code, row.provider_class, row.spi_name_code)
    inside = row.valid_from <= day and (row.valid_to == "" or day <= row.valid_to)
    return fits == combination and inside and (consent or not row.consent_required)


def test_a_year_of_the_country_flips_where_the_oracle_says() -> None:
    """Under the lists then in force nothing flips; under the proposed one exactly what reading every row predicts."""
    past = MAKER.part(0, 1500)
    year = MAKER.year
    expected = {}
    for one in past:
        rows = {version.version: version.rows for version in (*year.versions, year.proposed)}
        after = [row for row in year.proposed.rows if permits(row, one.combination, one.days[0], bool(one.consent))]
        given = [row for row in year.proposed.rows if permits(row, one.combination, one.days[0], True)]
        before = next((row for row in rows[one.list_version] if row.row_id == one.row_id), None)
        if one.consent is None and given and not after:
            expected[one.exchange_id] = ("UNDECIDED", min(given).row_id)
        elif before is None and after:
            expected[one.exchange_id] = ("GAINS", min(after).row_id)
        elif before is not None and not after:
            expected[one.exchange_id] = ("LOSES", before.row_id)
        elif before is not None and set(before.item_codes) - set(min(after).item_codes):
            expected[one.exchange_id] = ("NARROWED", min(after).row_id)
        elif before is not None and set(min(after).item_codes) - set(before.item_codes):
            expected[one.exchange_id] = ("WIDENED", min(after).row_id)
        elif before is not None and min(after).row_id != before.row_id:
            expected[one.exchange_id] = ("REBASED", min(after).row_id)
    tally = judge(past, Lists(year.versions, year.proposed), proposed=True, kept=10)

    assert tally.ok
    assert {one.exchange_id: (one.effect.value, one.row_id) for one in tally.kept_flips} == expected
    assert tally.flips == len(expected) > 20
    assert tally.inquiries == tally.decided == 1500
    assert Counter(effect for effect, _ in expected.values()) == {
        name: count for name, count in tally.effects.items() if count and name != "SAME"
    }


def test_the_counts_by_row_procedure_and_institution_add_up() -> None:
    """Each flip is counted once by row, by procedure, by inquirer and by provider."""
    tally = judge(MAKER.part(1, 2000), Lists(MAKER.year.versions, MAKER.year.proposed), proposed=True, kept=0)

    for counts in (tally.rows, tally.procedures, tally.inquirers, tally.providers):
        assert counts.total() == tally.flips == len(tally.kept_flips)


def test_two_processes_count_what_one_does() -> None:
    """The same seed gives the same figures, however the work is shared; the parts do not depend on each other."""
    one, two = measured(5000, 3, 1, size=2000), measured(5000, 3, 2, size=2000)

    assert one.inquiries == two.inquiries == one.cold_decisions == one.records_decisions == 5000
    assert one.tally.ok
    assert two.tally.ok
    assert one.impact.effects == two.impact.effects
    assert one.impact.rows == two.impact.rows
    assert one.impact.flips > 50


def test_records_are_decided_as_the_decisions_they_hold() -> None:
    """Through the bytes of the record nothing is lost, and bytes that are no record are counted."""
    past = MAKER.part(2, 1000)
    basis = Basis(MAKER.year.versions, MAKER.year.classes, MAKER.year.proposed)
    rows = [raw_row(one) for one in past]
    direct = judge(past, basis.lists(), proposed=True, kept=0)
    through = tallied(Job([*rows, ("x", 0, b"no record", None, None)], {}), basis, basis.lists())

    assert through.effects == direct.effects
    assert through.unreadable == 1
    assert not through.ok


def test_consents_are_read_from_bundles_too() -> None:
    """A request for a permit travels alone or with others in one record; other bytes say nothing."""
    one = PermitRequested("a", "1", "2", "3", "4", "5", True, "1", 0)
    other = one._replace(exchange_id="b", consent_obtained=False)
    bundle = MessagesBundled((BundledMessage(b"1", b"", encode(one)), BundledMessage(b"2", b"", encode(other))))

    assert subject.messages_of(encode(one)) == [one]
    assert subject.messages_of(encode(bundle)) == [one, other]
    assert subject.messages_of(b"") == subject.messages_of(b"other bytes") == []


# ── on a real PostgreSQL ─────────────────────────────────────────────────────────────────────────────────────────


def rows_of(name: str, kind: str, affair: tuple[str, str], outcome: Outcome, rule: str, row_id: str, place: int) -> Any:
    """The network's record of an exchange, and its register when it permitted."""
    record = record_of(
        Party.NETWORK,
        "0" * 16,
        name,
        inquirer_name="",
        provider_institution_code=TOYOTA,
        provider_name="",
        requested_at=NOW,
        affair_code=affair[0],
        procedure_code=affair[1],
        spi_name_code=kind,
        outcome=outcome,
        rule=rule,
        list_version=1,
        row_id=row_id,
    )
    body = split(record, b"\x05" * 16)[0]
    values: dict[str, Any] = {
        "institution_code": "0" * 16,
        "sequence": place,
        "counterpart": "x",
        "pair_sequence": place + 1,
    }
    values |= {"exchange_id": name, "party": "NETWORK", "recorded_at": NOW + 5, "leaf": b"", "body": body}
    log = LogRecord(**{field: values.get(field, b"") for field in LogRecord._fields})
    permit = ("COMPLETED", TOYOTA, *affair, kind, False, "1", NOW, f"p{place}", 1, row_id, NOW + LIFE_MS)
    return [log, *([NetworkExchange(name, *permit)] if row_id else [])]


async def test_an_installation_is_decided_again(postgres_dsn: str) -> None:
    """Out of a database: findings under the list then in force, each flip with its row under a proposed one, and the
    consent that only messages told."""
    store = PostgresStore(await connect_pool(postgres_dsn, 2))
    vaccination, fee = (VACCINATION_AFFAIR, INCOMING_RESIDENT), (FEE_AFFAIR, FEE_COLLECTION)
    names = [f"{KARIYA}-2026092100000000{n:02d}00" for n in range(4)]
    rows = [
        *rows_of(names[0], VACCINATION, vaccination, Outcome.OK, "", "16-2-1", 0),
        *rows_of(names[1], HOUSEHOLD, fee, Outcome.OK, "", "74-1", 1),
        *rows_of(names[2], VACCINATION, fee, Outcome.NOT_PERMITTED, "NO_SUCH_COMBINATION", "", 2),
        *rows_of(names[3], HOUSEHOLD, fee, Outcome.OK, "", "18-2", 3),
    ]
    new = permission_rows()[4]._replace(
        row_id="99-1",
        affair_code=fee[0],
        procedure_code=fee[1],
        spi_name_code=VACCINATION,
        consent_required=True,
    )
    proposed = [row for row in permission_rows() if row.row_id != "18-2"] + [new]
    flips: list[Flip] = []
    try:
        async with store.transaction() as transaction:
            for row in [*WORLD.directory(), *rows]:
                await transaction.write(type(row), [row])
        then = await redecide(store, lambda _: None)
        impact = await redecide(
            store,
            lambda _: PermissionList(2, NOW, tuple(proposed)),
            consents={names[2]: True},
            each_flip=flips.append,
            processes=2,
        )
        unknown = await redecide(store, lambda _: PermissionList(2, NOW, tuple(proposed)))
    finally:
        await store.close()

    assert [(one.exchange_id, one.recorded, one.decided) for one in then.kept_findings] == [(names[1], "74-1", "18-2")]
    assert then.decisions == {"NETWORK": 4}
    assert [(one.exchange_id, one.effect, one.row_id, one.change) for one in flips] == [
        (names[1], Effect.LOSES, "74-1", ""),
        (names[2], Effect.GAINS, "99-1", "added"),
        (names[3], Effect.LOSES, "18-2", "removed"),
    ]
    assert impact.kept_flips == flips
    assert unknown.effects[Effect.UNDECIDED.value] == 1
    assert subject.body_of(impact, proposed=True)["effects"]["LOSES"] == 2
