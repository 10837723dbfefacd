"""地域健康支援システム function 3 (データ抽出): records and totals for statistics, as CSV or Parquet, made by DuckDB.

Owns what may leave. Promises no individual number, name, business or integrated number in any file: a person is a keyed
pseudonym of this one extraction. Totals hide small cells: a count of 1 to SMALLEST - 1 is empty and marked, and when
exactly one cell of a kind, stage and month was hidden, the next smallest of them is hidden too, so that it cannot be
worked out from the sum (primary and secondary suppression; a record-level file hides nothing and says so).
"""

from __future__ import annotations

import csv
import hmac
import tempfile
from collections.abc import AsyncIterator, Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from broker.adapters.postgres import QUERIES, PostgresSnapshot
from broker.errors import ConfigurationFault
from schemas.codec import unpack_items

SMALLEST = 10
"""ASSUMPTION: counts below ten are hidden; the city's own threshold is not in the assessment."""

RECORDS, TOTALS = "records", "totals"
COLUMNS = ("person", "kind", "record_key", "stage", "received_on", "performed_on", "birth_year", "sex", "district")
ITEM_COLUMNS = tuple(f"item_{n}" for n in range(1, 7))
FORMATS = {".csv": "(format csv, header)", ".parquet": "(format parquet)"}
BANDS = "case when age < 20 then '0-19' when age < 40 then '20-39' when age < 65 then '40-64' else '65-' end"

TOTALS_SQL = f"""
with counted as (
    select kind, stage, substr(coalesce(nullif(performed_on, ''), received_on), 1, 6) as month, district, sex,
        {BANDS} as age_band, count(*) as n
    from (select *, cast(? as integer) - cast(birth_year as integer) as age from records)
    group by all
), small as (
    select *, n < ? as hidden, count(*) filter (n < ?) over part as hidden_in_part,
        row_number() over (partition by kind, stage, month, n < ? order by n, district, sex, age_band) as place
    from counted window part as (partition by kind, stage, month)
)
select kind, stage, month, district, sex, age_band,
    case when hidden or (hidden_in_part = 1 and place = 1) then null else n end as n,
    hidden or (hidden_in_part = 1 and place = 1) as suppressed
from small order by all
"""  # noqa: S608 - our own text


class Extracted(NamedTuple):
    """What was written."""

    path: Path
    rows: int
    suppressed: int


async def lines(snapshot: PostgresSnapshot, institution_code: str, secret: bytes) -> AsyncIterator[tuple[str, ...]]:
    """The current originals, a line each, persons as pseudonyms."""
    async for rows in snapshot.stream(QUERIES["health_extract"], institution_code):
        for row in rows:
            yield line_of(row, secret)


def line_of(row: Any, secret: bytes) -> tuple[str, ...]:
    """One original as it may leave. secret: of this extraction alone, so that two files cannot be joined."""
    person = hmac.new(secret, row["integrated_number"].encode(), sha256).hexdigest()[:24]
    values = [item.value for item in unpack_items(row["items"])][: len(ITEM_COLUMNS)]
    values += [""] * (len(ITEM_COLUMNS) - len(values))
    known = (row["record_key"], row["stage"], row["received_on"], row["performed_on"])
    return (person, row["spi_name_code"], *known, row["birth_date"][:4], row["sex"], row["district"], *values)


async def extract(
    snapshot: PostgresSnapshot, institution_code: str, path: Path, level: str, year: str, secret: bytes
) -> Extracted:
    """Write the file; what it holds follows from the level, its format from the name's ending (.csv or .parquet)."""
    if path.suffix not in FORMATS:
        raise ConfigurationFault(f"{path.name}: .csv か .parquet / one of the two")
    with tempfile.TemporaryDirectory(prefix="chukan-extract-") as folder:
        raw = Path(folder) / "records.csv"
        with raw.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow((*COLUMNS, *ITEM_COLUMNS))
            async for line in lines(snapshot, institution_code, secret):
                writer.writerow(line)
        return write(raw, path, level, year)


def write(raw: Path, path: Path, level: str, year: str) -> Extracted:
    """DuckDB reads the raw lines and writes the file."""
    with duckdb.connect(":memory:") as connection:
        connection.execute(
            "create table records as select * from read_csv(?, all_varchar = true, header = true)", [str(raw)]
        )
        if level == TOTALS:
            connection.execute(f"create table result as {TOTALS_SQL}", [int(year), SMALLEST, SMALLEST, SMALLEST])
        else:
            connection.execute("create table result as select * from records order by all")
        quoted = str(path).replace("'", "''")
        connection.execute(f"copy result to '{quoted}' {FORMATS[path.suffix]}")
        rows = counted(connection.execute("select count(*) from result").fetchone())
        hidden = (
            counted(connection.execute("select count(*) filter (suppressed) from result").fetchone())
            if level == TOTALS
            else 0
        )
    path.chmod(0o600)
    return Extracted(path, rows, hidden)


def counted(row: Sequence[Any] | None) -> int:
    """The one number of a result."""
    assert row is not None
    return int(row[0])


def totals_of(rows: Iterable[tuple[str, ...]], folder: Path, year: str) -> list[tuple[Any, ...]]:
    """The totals of these lines, without a database server: what tests and other tools ask for."""
    raw, path = folder / "records.csv", folder / "totals.csv"
    with raw.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([(*COLUMNS, *ITEM_COLUMNS), *rows])
    write(raw, path, TOTALS, year)
    with path.open(encoding="utf-8", newline="") as stream:
        return [tuple(row) for row in csv.reader(stream)][1:]
