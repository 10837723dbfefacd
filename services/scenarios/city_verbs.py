"""What the city's two systems do in a scenario beside VRS's everyday: health support's desk, and VRS's closed areas.

Owns entries, inquiries and extractions of 地域健康支援システム, and looks into VRS's areas, extracts and records.
Promises that files are made where nobody else looks and are gone afterwards, and that of their content only counts are
given back. Leaves what may leave to `services.health_support` and `services.vrs`.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from broker.adapters.postgres import QUERIES, PostgresStore
from broker.errors import OwnFault
from broker.rules.identity import jst_date
from broker.rules.numbers import find_individual_numbers
from broker.tables import VrsDose, VrsPerson
from schemas.records import HealthReported
from services.city_desk import item_of, target_of
from services.health_support import extraction, inquiry
from services.scenarios.casting import AT, FLAG, PERSON, TEXT, Argument, Cast, Verb
from services.scenarios.everyday import city_of
from services.vrs import export, records
from services.vrs.areas import Areas
from services.world import DISTRICTS

HEALTH = "health"
NAME = "刈谷みのり"
MAKER = "模擬製薬"


# ── health support ───────────────────────────────────────────────────────────────────────────────────────────────


def business_number(cast_: Cast, person: str) -> str:
    """The person's 業務固有番号 at the health support system."""
    return cast_.stage.world.business_number(cast_.people[person])


async def health_reply(cast_: Cast, code: str, message: Any) -> HealthReported:
    """Say it to health support and give the answer."""
    await cast_.stage.say_as(code, message, HEALTH)
    name = message.record_identification_number
    found = await cast_.stage.hear(
        code, lambda one: isinstance(one, HealthReported) and one.record_identification_number == name, HEALTH
    )
    return cast(HealthReported, found)


def health_told(found: HealthReported) -> Mapping[str, Any]:
    """What a scenario may expect of health support."""
    return {"accepted": found.accepted, "error": found.errors[0].error_id if found.errors else ""}


async def health_target(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The desk registers a person, as a line of a file: the individual number becomes a keyed hash on the way."""
    resident = cast_.people[given["person"]]
    code = resident.previous
    number = "" if given["without_number"] else resident.individual_number
    row = {
        "業務固有番号": business_number(cast_, given["person"]),
        "統合番号": resident.previous_number,
        "個人番号": number,
        "氏名": NAME,
        "生年月日": "19800102",
        "性別": "2",
        "地区": DISTRICTS[0],
    }
    message = target_of(row, code, cast_.stage.keys.health(code), "OP001")
    message = message._replace(record_identification_number=cast_.own_name())
    return health_told(await health_reply(cast_, code, message))


async def health_item(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The desk enters that a person was vaccinated."""
    code = cast_.people[given["person"]].previous
    row = {
        "業務固有番号": business_number(cast_, given["person"]),
        "種別": "予防接種",
        "記録番号": "1",
        "区分": "実施",
        "日付": given["date"],
        "項目2": "2",
        "項目3": given["date"],
        "項目4": MAKER,
        "項目5": given["lot"],
        "項目6": "",
    }
    message = item_of(row, code, "", 0, "OP001")._replace(record_identification_number=cast_.own_name())
    return health_told(await health_reply(cast_, code, message))


async def health_find(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The desk looks for a person: by business number, or by individual number for an affair."""
    resident, stage = cast_.people[given["person"]], cast_.stage
    code = cast_.institutions[given["at"]] if given["at"] else resident.previous
    async with cast(PostgresStore, stage.store).snapshot() as snapshot:
        if given["by_number"]:
            key, number = stage.keys.health(code), resident.individual_number
            found = await inquiry.by_individual_number(snapshot, code, number, key, given["affair"])
        else:
            found = await inquiry.by_business_number(snapshot, code, business_number(cast_, given["person"]))
    own = found.person is not None and found.person.integrated_number == resident.previous_number
    return {
        "rule": found.rule,
        "found": own,
        "records": len(found.records),
        "numbers": len(find_individual_numbers(repr(found))) + repr(found).count(resident.individual_number),
    }


async def health_extract(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The desk extracts data: what the file shows of the people in it, and whether a small cell can be read."""
    stage, code = cast_.stage, cast_.institutions[given["at"]]
    year = jst_date(stage.now_ms())[:4]
    everybody = [stage.world.resident(index) for index in range(stage.world.plan.residents)]
    mine = [one for one in everybody if one.previous == code]
    known = {text for one in mine for text in (one.individual_number, one.previous_number)}
    known |= {stage.world.business_number(one) for one in mine} | {NAME}
    with tempfile.TemporaryDirectory(prefix="chukan-play-") as folder:
        path = Path(folder) / "out.csv"
        async with cast(PostgresStore, stage.store).snapshot() as snapshot:
            secret = stage.randomness.bytes(32)
            done = await extraction.extract(snapshot, code, path, given["level"], year, secret)
        text = path.read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    cells = [int(row["n"]) for row in rows if row.get("n")]
    return {
        "everybody": done.rows >= len(mine) if given["level"] == extraction.RECORDS else done.rows > 0,
        "hidden": done.suppressed > 0,
        "small_cells": sum(cell < extraction.SMALLEST for cell in cells),
        "numbers": len(find_individual_numbers(text)),
        "known": len(known & {value for row in rows for value in row.values()}),
    }


# ── VRS's areas ──────────────────────────────────────────────────────────────────────────────────────────────────


async def vrs_area(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row of a city's area: does it show the number, does it open at its place, and with another city's key?"""
    stage, code = cast_.stage, cast_.institutions[given["at"]]
    other, areas = cast_.institutions[given["other"]], Areas(cast_.stage.keys.vrs)
    number = cast_.people[given["person"]].individual_number
    key = (code, areas.number_hash(code, number))
    async with stage.store.transaction() as transaction:
        (row,) = await transaction.rows(VrsPerson, [key])
        elsewhere = await transaction.rows(VrsPerson, [(other, key[1])])
        same = await transaction.find(VrsPerson, ("institution_code", "business_hash"), [(code, row.business_hash)])
    return {
        "rows": len(same),
        "shown": number.encode() in repr(row).encode() + row.sealed,
        "opens": areas.person_of(row).individual_number == number,
        "opens_elsewhere": opens(areas, row._replace(institution_code=other)),
        "opens_moved": opens(areas, row._replace(number_hash=areas.number_hash(code, "0"))),
        "found_elsewhere": len(elsewhere),
    }


def opens(areas: Areas, row: VrsPerson) -> bool:
    """Whether a sealed row opens."""
    try:
        areas.person_of(row)
    except OwnFault:
        return False
    return True


async def vrs_export(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """A city extracts its doses for the ledger: rows, and how many cells are somebody's number."""
    stage, code = cast_.stage, cast_.institutions[given["at"]]
    async with cast(PostgresStore, stage.store).snapshot() as snapshot:
        rows = await snapshot.select(VrsDose, QUERIES["vrs_doses_of"], code)
    areas = Areas(stage.keys.vrs)
    vouchers = {f"{one.number:010d}" for one in cast_.people.values()}
    lines = [export.line_of(row, areas, city_of(cast_, code)) for row in rows if row.voucher_number in vouchers]
    with tempfile.TemporaryDirectory(prefix="chukan-play-") as folder:
        path = Path(folder) / "ledger.csv"
        export.write(path, lines)
        text = path.read_text(encoding="utf-8-sig")
    numbers = [one.individual_number for one in cast_.people.values()]
    return {
        "rows": len(lines),
        "numbers": len(find_individual_numbers(text)) + sum(text.count(one) for one in numbers),
        "column": "個人番号" in text.splitlines()[0].split(","),
    }


async def vrs_records(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """A city reads and verifies VRS's records of what it asked and provided; `without_last`: one was taken out."""
    stage, code = cast_.stage, cast_.institutions[given["at"]]
    async with cast(PostgresStore, stage.store).snapshot() as snapshot:
        log = await records.read_log(snapshot, code)
    some = bool(log.rows)
    if given["without_last"]:
        log = log._replace(rows=log.rows[:-1])
    found = records.judged(log, stage.keys.vrs.log.public_key)
    return {"some": some, "broken": bool(found.broken)}


HEALTH_TOLD = ("accepted", "error")
HEALTH_PERSON = {"person": PERSON}

CITY_VERBS: Mapping[str, Verb] = {
    "health_target": Verb(
        "健康支援に対象者を登録する / register a person at health support",
        {**HEALTH_PERSON, "without_number": FLAG},
        HEALTH_TOLD,
        health_target,
    ),
    "health_item": Verb(
        "健康支援に接種を入力する / enter a vaccination at health support",
        {**HEALTH_PERSON, "date": Argument(default="20240301"), "lot": Argument(default="LOTX")},
        HEALTH_TOLD,
        health_item,
    ),
    "health_find": Verb(
        "健康支援で照会する / look a person up at health support",
        {**HEALTH_PERSON, "at": Argument(of="institution"), "by_number": FLAG, "affair": TEXT},
        ("rule", "found", "records", "numbers"),
        health_find,
    ),
    "health_extract": Verb(
        "健康支援から抽出する / extract data from health support",
        {
            "at": AT,
            "level": Argument(default=extraction.TOTALS, choices=(extraction.TOTALS, extraction.RECORDS)),
        },
        ("everybody", "hidden", "small_cells", "numbers", "known"),
        health_extract,
    ),
    "vrs_area": Verb(
        "VRSの領域をのぞく / look into a city's area at VRS",
        {"at": AT, "other": AT, "person": PERSON},
        ("rows", "shown", "opens", "opens_elsewhere", "opens_moved", "found_elsewhere"),
        vrs_area,
    ),
    "vrs_export": Verb(
        "台帳のために抽出する / extract doses for the ledger", {"at": AT}, ("rows", "numbers", "column"), vrs_export
    ),
    "vrs_records": Verb(
        "VRSの提供の記録を検証する / verify VRS's records",
        {"at": AT, "without_last": FLAG},
        ("some", "broken"),
        vrs_records,
    ),
}
