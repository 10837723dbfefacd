"""How a city's desk speaks with its two systems: files of rows in, messages out, replies back; and what may be asked.

Owns the CSV forms and the way in with the city's own credentials. Promises that a file read twice is entered once
(names of entries derive from what they say), that an individual number read from a file goes to VRS's request topic or
into a keyed hash and nowhere else, and that no reply, error or result holds one.
"""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any

from broker.adapters.kafka import KafkaAccess
from broker.errors import Fault
from broker.rules import vaccination
from broker.rules.areas import found_by_number
from broker.rules.numbers import is_individual_number
from broker.tables import Institution
from broker.topics import SHARED, Topics
from schemas.records import (
    HealthItemEntered,
    HealthStage,
    HealthTargetEntered,
    Item,
    Message,
    VrsDoseRead,
    VrsEligible,
)
from services.access import SIMULATED
from services.client import Client
from services.running import Running, topics_of
from services.world import HEALTH_CHECK, ITEMS, VACCINATION

KIND_NAMES = {"予防接種": VACCINATION, "健診": HEALTH_CHECK, VACCINATION: VACCINATION, HEALTH_CHECK: HEALTH_CHECK}
STAGES = {"受領": HealthStage.RECEIVED, "実施": HealthStage.PERFORMED, "取消": HealthStage.CANCELLED}
TARGET_COLUMNS = ("業務固有番号", "統合番号", "個人番号", "氏名", "生年月日", "性別", "地区")
ITEM_COLUMNS = ("業務固有番号", "種別", "記録番号", "区分", "日付", "項目2", "項目3", "項目4", "項目5", "項目6")
ELIGIBLE_COLUMNS = ("個人番号", "宛名番号", "券種", "接種券番号", "氏名", "生年月日", "性別")
DOSE_COLUMNS = (
    "OCRライン",
    "接種回",
    "接種日",
    "ワクチンメーカー",
    "ロット番号",
    "ワクチン種類",
    "製品名",
    "会場",
    "医師",
)
AT_ONCE = 500


class Unreadable(Fault):
    """A file is not what it should be; the text names file, line and column and repeats no value."""


def rows_of(path: Path, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    """The rows of a CSV file (UTF-8, a BOM is allowed) that has exactly these columns, in any order."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            missing = [column for column in columns if column not in (reader.fieldnames or ())]
            if missing:
                raise Unreadable(f"{path.name}: 列がありません / columns are missing: {', '.join(missing)}")
            for row in reader:
                if None in row or None in row.values():
                    raise Unreadable(f"{path.name}:{reader.line_num}: 列の数が違います / a wrong number of columns")
                yield {column: row[column].strip() for column in columns}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Unreadable(f"{path.name}: {type(error).__name__}") from None


def entry_name(prefix: str, parts: Iterable[object]) -> str:
    """A name for an entry that derives from what it says."""
    text = json.dumps([str(part) for part in parts], ensure_ascii=False)
    return f"{prefix}.{blake2b(text.encode(), digest_size=16).hexdigest()}"


# ── health support ───────────────────────────────────────────────────────────────────────────────────────────────


def target_of(row: Mapping[str, str], institution_code: str, key: bytes, operator: str) -> HealthTargetEntered:
    """A line of targets; the individual number becomes a keyed hash at once."""
    number = row["個人番号"]
    if number and not is_individual_number(number):
        raise Unreadable("個人番号: 検査数字が合いません / the check digit is wrong")
    hashed = found_by_number(key, number) if number else b""
    rest = (row["業務固有番号"], row["統合番号"], hashed, row["氏名"], row["生年月日"], row["性別"], row["地区"])
    name = entry_name("t", (institution_code, *(part.hex() if isinstance(part, bytes) else part for part in rest)))
    return HealthTargetEntered(institution_code, name, *rest, operator)


def item_of(
    row: Mapping[str, str], institution_code: str, transmission_id: str, place: int, operator: str
) -> HealthItemEntered:
    """A line of items: 受領, 実施 or 取消. The first item of a kind is its status and follows from the line's 区分."""
    kind = KIND_NAMES.get(row["種別"])
    stage = STAGES.get(row["区分"])
    if kind is None:
        raise Unreadable(f"種別: {'・'.join(KIND_NAMES)} / one of these")
    if stage is None:
        raise Unreadable(f"区分: {'・'.join(STAGES)} / one of these")
    status = vaccination.DONE if stage is HealthStage.PERFORMED else vaccination.NOT_DONE
    values = (status, *(row[f"項目{n}"] for n in range(2, 7)))
    items = tuple(
        Item(code, value, "" if value else "NOT_APPLICABLE") for code, value in zip(ITEMS[kind], values, strict=True)
    )
    name = entry_name("i", (institution_code, transmission_id, place, *row.values()))
    return HealthItemEntered(
        institution_code,
        name,
        row["業務固有番号"],
        kind,
        row["記録番号"],
        stage,
        row["日付"],
        () if stage is HealthStage.CANCELLED else items,
        operator,
        transmission_id=transmission_id,
    )


# ── VRS ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def eligible_of(path: Path) -> list[VrsEligible]:
    """Lines of eligible people and vouchers, numbered from 1."""
    return [
        VrsEligible(
            place,
            row["個人番号"],
            row["宛名番号"],
            row["券種"],
            row["接種券番号"],
            row["氏名"],
            row["生年月日"],
            row["性別"],
        )
        for place, row in enumerate(rows_of(path, ELIGIBLE_COLUMNS), 1)
    ]


def dose_of(row: Mapping[str, str], institution_code: str, operator: str) -> VrsDoseRead:
    """A line as a tablet reads it."""
    values = [row[column] for column in DOSE_COLUMNS]
    dose = int(values[1]) if values[1].isascii() and values[1].isdigit() and len(values[1]) < 4 else 0
    name = entry_name("d", (institution_code, *values))
    line, _, day, maker, lot, vaccine, product, venue, doctor = values
    return VrsDoseRead(institution_code, name, line, dose, day, maker, lot, vaccine, product, venue, doctor, operator)


# ── the way in ───────────────────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def desk(system: Running, institution_code: str, prefix: str) -> AsyncIterator[Client | None]:
    """A client that speaks on the institution's topics of this prefix (health, vrs or tablet) and hears its replies.

    Tablets have credentials of their own, which reach nothing else. None when nobody can speak for the institution.
    """
    folder = system.installation.directory / "credentials" / institution_code if system.installation else None
    file = (folder / ("tablet.json" if prefix == "tablet" else "credentials.json")) if folder else None
    if file is not None and file.exists():
        known = json.loads(file.read_text(encoding="utf-8"))
        access = KafkaAccess(known["bootstrap"], known["user"], known["password"], known["security_protocol"])
        topics = Topics(system.config.shards, frozenset({institution_code}))
        client = Client(access, topics, [(f"{prefix}.{institution_code}.replies", 0)])
    elif system.installation is not None and system.installation.knows(SIMULATED):
        async with system.store() as store:
            topics = await topics_of(system.config, store)
            async with store.transaction() as transaction:
                if not await transaction.rows(Institution, [(institution_code,)]):
                    yield None
                    return
        replies = [(f"{prefix}.{SHARED}.replies", shard) for shard in range(system.config.shards)]
        client = Client(system.access(SIMULATED), topics, replies)
    else:
        yield None
        return
    try:
        await client.start()
        yield client
    finally:
        await asyncio.shield(client.stop())


async def said(client: Client, messages: Iterable[Message]) -> int:
    """All of them lie on their topic, in order; how many."""
    total = 0
    waiting: list[Message] = []
    for message in messages:
        waiting.append(message)
        if len(waiting) == AT_ONCE:
            total += await client.say_all(waiting)
            waiting = []
    return total + (await client.say_all(waiting) if waiting else 0)


async def replies_to(client: Client, field: str, names: Sequence[str], seconds: float) -> list[Any]:
    """The first reply to each of these names, in their order, however many there are."""
    found: dict[str, Any] = {}
    wanted = dict.fromkeys(names)

    def all_there(message: Any) -> bool:
        name = getattr(message, field, None)
        if name in wanted:
            found.setdefault(name, message)
        return len(found) == len(wanted)

    if wanted:
        await client.hear(all_there, seconds)
    return [found[name] for name in names]


def text_in(path: Path, what: str) -> str:
    """The text of a small file of ASCII characters; Unreadable without its content otherwise."""
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable(f"{what}: {path.name}: {type(error).__name__}") from None


async def reply_to(client: Client, wanted: Mapping[str, Any], seconds: float) -> Any:
    """The first reply with these fields."""
    return await client.hear(
        lambda message: all(getattr(message, name, None) == value for name, value in wanted.items()), seconds
    )
