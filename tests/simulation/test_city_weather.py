"""Both city systems in bad weather: crashes, outages, zombies and late batches change nothing that was decided."""

from __future__ import annotations

import asyncio
import random
from enum import StrEnum
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from country import EVERYBODY, LARGEST_TRANSMISSION, LIMITS, Country, Weather, run
from simulation.scene import weather_of

from broker.rules import drift as rules
from broker.rules import vaccination
from broker.tables import (
    CopyRecord,
    HealthOutbox,
    HealthQueue,
    HealthRecord,
    VrsCheckpoint,
    VrsDose,
    VrsLogHead,
    VrsRecord,
    VrsVoucher,
)
from schemas.codec import TOPIC, decode
from schemas.records import (
    MESSAGES,
    HealthItemEntered,
    HealthReported,
    HealthStage,
    HealthTransmissionOpened,
    HealthTransmissionSplit,
    Item,
    VrsDoseRead,
    VrsEligible,
    VrsEligibleRegistered,
    VrsInquired,
    VrsProvisionRecorded,
)
from services.vrs import records
from services.vrs.records import Log
from services.world import HEALTH_KINDS, ITEMS, VACCINATION

ROUNDS = 8
OPERATOR = "OP001"


def entries(country: Country, name: str, rng: random.Random) -> list[HealthItemEntered]:
    """One change for each resident, in a shuffled order."""
    made = []
    for number in range(country.plan.residents):
        person = country.world.resident(number)
        values = ("DONE", "2", "20240301", "模擬製薬1", f"{name}{number}", "模擬ワクチン")
        items = tuple(Item(code, value) for code, value in zip(ITEMS[VACCINATION], values, strict=True))
        business = country.world.business_number(person)
        known = (f"{name}.{number}", business, VACCINATION, "1", HealthStage.PERFORMED, "20240301", items, OPERATOR)
        made.append(HealthItemEntered(person.previous, *known))
    rng.shuffle(made)
    return made


def registrations(country: Country) -> list[Any]:
    """Every previous municipality registers its people."""
    local = {code: text for text, code, _ in country.world.codes}
    made = []
    for number in range(country.plan.residents):
        person = country.world.resident(number)
        row = VrsEligible(
            1, person.individual_number, f"{number:015d}", "1", f"{number:010d}", "刈谷あおい", "19800102", "2"
        )
        made.append(VrsEligibleRegistered(person.previous, f"R{number}", local[person.previous], (row,), OPERATOR))
    return made


def doses(country: Country) -> list[Any]:
    """Every voucher is read twice, by a tablet that is not sure that it was heard."""
    local = {code: text for text, code, _ in country.world.codes}
    made = []
    for number in range(country.plan.residents):
        city = country.world.resident(number).previous
        line = vaccination.ocr_line("1", 1, local[city], f"{number:010d}")
        read = VrsDoseRead(city, f"D{number}", line, 1, "20230501", "M", f"L{number}", "", "", "V", "", "TAB1")
        made += [read, read]
    return made


def inquiries(country: Country) -> list[Any]:
    """Every new home asks."""
    local = {code: text for text, code, _ in country.world.codes}
    residents = [country.world.resident(number) for number in range(country.plan.residents)]
    return [
        VrsInquired(one.home, f"Q{one.number}", one.individual_number, local[one.previous], True, True, OPERATOR)
        for one in residents
    ]


def lived(seed: int, *, faults: bool) -> Country:
    """A stretch of life by this seed: changes, a stuck transmission that is split, doses and inquiries."""
    rng = random.Random(seed)
    weather = weather_of(random.Random(seed + 1)) if faults else Weather(random.Random(seed + 1))

    async def scene(country: Country) -> None:
        city = country.world.attached[0]
        stuck = [one for one in entries(country, "S", rng) if one.institution_code == city]
        rows = [
            one._replace(record_identification_number=f"S{n}", record_key=f"K{n}", transmission_id="T")
            for n, one in enumerate(stuck * (1 + 2 * LARGEST_TRANSMISSION // len(stuck)))
        ]
        stages: list[list[Any]] = [
            [*entries(country, "A", rng), *registrations(country)],
            [HealthTransmissionOpened(city, "T", len(rows), OPERATOR), *rows, *doses(country)],
            [*entries(country, "B", rng), *inquiries(country)],
            [HealthTransmissionSplit(city, "T", OPERATOR)],
        ]
        for messages in stages:
            for message in messages:
                country.send(message)
            await country.until(lambda: not country.under_way(), 60)
        country.weather.calm = True
        await asyncio.sleep(20)  # for VRS to sign
        await country.drain(600)

    return run(scene, seed=seed, weather=weather, names=EVERYBODY)


def outcome(country: Country) -> dict[str, Any]:
    """What must not depend on the weather: contents, numbers, and who gave what; not times or places in a log."""
    originals = [row for row in country.rows(HealthRecord) if not row.superseded_at]
    current = [row for row in country.rows(CopyRecord) if not row.known_to and row.spi_name_code in HEALTH_KINDS]
    key = ("institution_code", "integrated_number", "spi_name_code", "record_key", "items")
    logs = [decode(row.body) for row in country.rows(VrsRecord)]
    return {
        "originals": sorted(tuple(getattr(row, name) for name in (*key, "revision")) for row in originals),
        "copies": sorted(tuple(getattr(row, name) for name in key) for row in current),
        "vouchers": [row.voucher_number for row in country.rows(VrsVoucher)],
        "doses": [(row.voucher_number, row.dose_number) for row in country.rows(VrsDose)],
        "provided": sorted((one.institution_code, one.request_id, one.doses) for one in logs if is_record(one)),
    }


def is_record(one: Any) -> bool:
    """Whether a log's row holds a record of VRS."""
    return isinstance(one, VrsProvisionRecorded)


def logs_of(country: Country) -> list[Log]:
    """Every municipality's log in VRS."""
    return [
        Log(
            head.institution_code,
            tuple(row for row in country.rows(VrsRecord) if row.institution_code == head.institution_code),
            head,
            tuple(row for row in country.rows(VrsCheckpoint) if row.institution_code == head.institution_code),
        )
        for head in country.rows(VrsLogHead)
    ]


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_weather_changes_nothing_that_was_decided(seed: int) -> None:
    """Nothing lost, nothing doubled, the queue's order kept: originals equal copies, every dose is there once, every
    provision is on record at both sides, and every log is whole and signed."""
    bad, fair = lived(seed, faults=True), lived(seed, faults=False)
    public = bad.keys.vrs.log.public_key
    found = outcome(bad)

    assert found == outcome(fair)
    assert [row[:5] for row in found["originals"]] == found["copies"]
    assert len(found["doses"]) == bad.plan.residents
    assert len(found["provided"]) == 2 * bad.plan.residents
    assert bad.rows(HealthOutbox) == []
    assert [(row.first_sequence == row.next_sequence, row.stuck) for row in bad.rows(HealthQueue)] == [(True, "")]
    assert (
        rules.differences(bad.rows(HealthRecord), [c for c in bad.rows(CopyRecord) if c.spi_name_code in HEALTH_KINDS])
        == []
    )
    assert all(records.judged(log, public).broken == () for log in logs_of(bad))
    assert all(records.judged(log, public).signed == len(log.rows) for log in logs_of(bad))
    assert bad.weather.crashes > 0


TEXTS = ("", "x" * 3000, "値\x00", "9" * 16, "20230230", "-1", "132321060000000001")
INTS = (0, -1, 2**63 - 1, -(2**63), 10, 1)
BYTES = (b"", b"\x00" * 32, b"x")
CITY_KINDS = [kind for kind in MESSAGES if kind.__name__.startswith(("Health", "Vrs")) and TOPIC[kind]]


def filled(kind: Any, place: int, code: str) -> Any:
    """A message of nonsense, said in an institution's name."""
    values = []
    for name, hint in get_type_hints(kind).items():
        if get_origin(hint) is tuple:
            inner = get_args(hint)[0]
            one = TEXTS[place % len(TEXTS)] if inner is str else filled(inner, place, code)
            values.append((one,) * (place % 3))
        elif name == "institution_code":
            values.append(code)
        elif isinstance(hint, type) and issubclass(hint, StrEnum):
            values.append(list(hint)[place % len(hint)])
        elif hasattr(hint, "_fields"):
            values.append(filled(hint, place, code))
        else:
            plain: dict[Any, Any] = {str: TEXTS, int: INTS, bytes: BYTES, bool: (True, False)}
            values.append(plain[hint][(place + len(values)) % len(plain[hint])])
    return kind(*values)


@pytest.mark.parametrize("kind", CITY_KINDS, ids=lambda kind: kind.__name__)
def test_nonsense_ends_no_service(kind: Any) -> None:
    """Whatever stands in the fields, each message is refused, set aside or late, and the next good one is served."""

    async def scene(country: Country) -> None:
        for place in range(42):
            for code in (country.world.attached[0], list(country.world.names)[-1], "0" * 16):
                country.send(filled(kind, place, code))
        for message in entries(country, "A", random.Random(1)):
            country.send(message)
        await country.drain(600)

    country = run(scene, seed=1, names=EVERYBODY, limits=LIMITS._replace(batch_messages=50))

    assert len(country.said(HealthReported)) >= country.plan.residents
