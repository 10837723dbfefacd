"""The auditor's named questions, run with DuckDB on the sheets of an export.

Owns the reading of `queries.sql` and what its queries may use: a view a sheet over all exports of a directory (the
newest export wins where two hold the same row), `jst`, `holiday`, `in_office_hours`, the words of rules. Promises that
a query reads the export and nothing else, and that a parameter that is missing or unknown is named.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from broker.rules import calendar
from broker.rules.reasons import REASONS
from services.audit.export import connected, exports_in, sheets_of
from services.audit.sheets import SHEETS, Sheet

WEEKDAYS = "月火水木金土日"
ROWS_AT_ONCE = 1_000
PARAMETER = re.compile(r"^(?P<name>[a-z_]+)(?: = (?P<default>\S+))? \((?P<ja>.+) / (?P<en>.+)\)$")


class Parameter(NamedTuple):
    """What a query asks for. default: None when it must be given."""

    name: str
    default: str | int | None
    ja: str
    en: str


class Query(NamedTuple):
    """A named question."""

    name: str
    ja: str
    en: str
    parameters: tuple[Parameter, ...]
    sql: str


class QueryError(ValueError):
    """A query, an export or a parameter that cannot be used; the text says which and why."""


def load() -> dict[str, Query]:
    """The queries of queries.sql by name."""
    text = resources.files("services.audit").joinpath("queries.sql").read_text(encoding="utf-8")
    parts = re.split(r"^-- name: (\w+)$", text, flags=re.MULTILINE)[1:]
    return {name: _query(name, body) for name, body in zip(parts[::2], parts[1::2], strict=True)}


def _query(name: str, body: str) -> Query:
    told = [line[3:].partition(": ") for line in body.splitlines() if line.startswith("-- ")]
    words = {key: value for key, _, value in told if key != "parameter"}
    parameters = tuple(_parameter(value) for key, _, value in told if key == "parameter")
    sql = "\n".join(line for line in body.splitlines() if not line.startswith("--")).strip()
    return Query(name, words["ja"], words["en"], parameters, sql)


def _parameter(text: str) -> Parameter:
    found = PARAMETER.match(text)
    assert found is not None, text
    default = found["default"]
    value: str | int | None = None
    if default is not None:
        value = default.strip("'") if default.startswith("'") else int(default)
    return Parameter(found["name"], value, found["ja"], found["en"])


QUERIES = load()


def values_for(query: Query, given: Mapping[str, str]) -> dict[str, str | int]:
    """The values of a query's parameters; QueryError for one that is missing, unknown or no number where one is due."""
    known = {one.name: one for one in query.parameters}
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise QueryError(f"{unknown[0]}: {query.name} takes {', '.join(known) or 'no parameter'}")
    found: dict[str, str | int] = {}
    for name, one in known.items():
        if name not in given and one.default is None:
            raise QueryError(f"{name}: {one.ja} / {one.en} must be given")
        value = given.get(name, one.default)
        if isinstance(one.default, int):
            if not re.fullmatch(r"[0-9]{1,9}", str(value)):
                raise QueryError(f"{name}: {value!r} is not a whole number")
            value = int(str(value))
        assert value is not None
        found[name] = value
    return found


class Opened:
    """The exports of a directory, ready to be asked."""

    def __init__(self, duck: duckdb.DuckDBPyConnection) -> None:
        self._duck = duck

    def ask(self, query: Query, values: Mapping[str, Any]) -> tuple[list[str], Iterator[tuple[Any, ...]]]:
        """The columns of the answer, and its rows as they come; QueryError when the query itself is at fault."""
        try:
            answer = self._duck.execute(query.sql, dict(values) or None)
        except duckdb.Error as error:
            raise QueryError(f"{query.name}: {error}") from None
        return [one[0] for one in answer.description or ()], _rows(answer)


@contextmanager
def opened(directory: Path) -> Iterator[Opened]:
    """The exports in a directory; QueryError when there are none."""
    exports = exports_in(directory)
    if not exports:
        raise QueryError(f"{directory} に書き出しがありません / holds no export")
    with connected() as duck:
        for sheet in SHEETS:
            duck.execute(_view(sheet, sheets_of(exports)[sheet.name], several=len(exports) > 1))
        _tell_days(duck)
        _tell_rules(duck)
        duck.execute("set lock_configuration = true")
        yield Opened(duck)


def _tell_days(duck: duckdb.DuckDBPyConnection) -> None:
    days = [
        (day, name)
        for year in range(calendar.FIRST_YEAR, calendar.LAST_YEAR + 1)
        for day, name in calendar.holidays(year).items()
    ]
    duck.execute("create table holidays (day date primary key, name varchar)")
    duck.execute("insert into holidays select unnest($1::date[]), unnest($2::varchar[])", _columns(days))
    for statement in OF_DAYS:
        duck.execute(statement)


def _tell_rules(duck: duckdb.DuckDBPyConnection) -> None:
    rules = [(rule, reason.ja, reason.en) for rule, reason in REASONS.items()]
    duck.execute("create table reasons (rule varchar primary key, ja varchar, en varchar)")
    places = "unnest($1::varchar[]), unnest($2::varchar[]), unnest($3::varchar[])"
    duck.execute(f"insert into reasons select {places}", _columns(rules))
    for statement in OF_RULES:
        duck.execute(statement)


# ASSUMPTION (domain 7 row 9): offices are open on working days from 08:00 to 20:00.
HOURS = f"hour(jst(t)) >= {calendar.OPENS_AT} and hour(jst(t)) < {calendar.CLOSES_AT}"
OF_DAYS = (
    "create macro jst(t) as make_timestamp(t * 1000) + interval 9 hour",
    "create macro jst_text(t) as strftime(jst(t), '%Y-%m-%d %H:%M:%S.%g')",
    "create macro holiday(t) as coalesce((select name from holidays where day = jst(t)::date), '')",
    f"create macro weekday_ja(t) as substr('{WEEKDAYS}', isodow(jst(t))::integer, 1)",
    f"create macro in_office_hours(t) as isodow(jst(t)) < 6 and holiday(t) = '' and {HOURS}",
)
OF_RULES = (
    "create macro reason_ja(r) as coalesce((select ja from reasons where rule = r), '')",
    "create macro reason_en(r) as coalesce((select en from reasons where rule = r), '')",
)


def _view(sheet: Sheet, paths: Sequence[Path], *, several: bool) -> str:
    """A sheet over all exports; of two rows with the same key the one of the newer export counts.

    Older exports may lack a sheet that came later: it is empty then.
    """
    if not paths:
        nothing = ", ".join(f'null::{kind} as "{name}"' for name, kind in sheet.columns.items())
        return f"create view {sheet.name} as select {nothing} where false"
    files = ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths)
    columns = ", ".join(f'"{name}"' for name in sheet.columns)
    newest = f"qualify row_number() over (partition by {', '.join(sheet.key)} order by export_file desc) = 1"
    return (
        f"create view {sheet.name} as select {columns} from "  # noqa: S608 - our own names, paths quoted
        f"read_parquet([{files}], union_by_name = true, filename = 'export_file') "
        f"{newest if several else ''}"
    )


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _rows(answer: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while batch := answer.fetchmany(ROWS_AT_ONCE):
        yield from batch
