"""The extract for 予防接種台帳: doses of one area as CSV (domain 3(g)7 and 8).

Owns the form: 個別宛名番号 is a column that stays blank, and there is no column for an individual number; the rows an
extract is made from are doses, which hold none.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from broker.rules.identity import local_time
from broker.tables import VrsDose
from services.vrs.areas import Areas

COLUMNS = (
    "個別宛名番号",
    "接種回",
    "登録日時",
    "接種日",
    "接種券番号",
    "市区町村コード",
    "接種会場",
    "医師名",
    "メーカー",
    "ロット番号",
)
WIDTHS = (0, 2, 14, 8, 10, 6, 30, 20, 20, 20)
"""Digits or characters at most (domain 3(g)7); the dose number, an open number since 2024-04-01, is our addition."""


def line_of(row: VrsDose, areas: Areas, local_government_code: str) -> tuple[str, ...]:
    """One dose."""
    dose = areas.dose_of(row)
    at = local_time(dose.registered_at)
    place = (row.voucher_number, local_government_code, dose.venue, dose.doctor, dose.maker, dose.lot_number)
    values = ("", str(row.dose_number), at, dose.dose_date, *place)
    return tuple(value[:width] for value, width in zip(values, WIDTHS, strict=True))


def write(path: Path, lines: Iterable[tuple[str, ...]]) -> int:
    """The file (UTF-8 with BOM, mode 0600); how many rows."""
    count = 0
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for line in lines:
            writer.writerow(line)
            count += 1
    path.chmod(0o600)
    return count
