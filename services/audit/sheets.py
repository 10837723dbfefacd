"""What an export holds: one sheet a kind of row, with its columns, key and source.

Owns the shape of the export. Promises that no content, no wrapped answer and no key is in it, that a person's codes
stand on the sheets of their own institution only (`exchanges`, `codes`, `copies`) and never on those that lead to
another one (`provisions`, `network_exchanges`, `records`), and that the detail of a record that was erased is NULL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any, NamedTuple, get_type_hints

from broker.rules.permission_list import PermissionRow, from_json
from broker.rules.records import FORGOTTEN
from broker.tables import (
    Checkpoint,
    CodeBinding,
    CopyRecord,
    Exchange,
    Inquiry,
    Institution,
    LogRecord,
    NetworkExchange,
    Provision,
)
from schemas.records import ProvisionRecorded
from services.records import opened

PLACE = ("sequence", "counterpart", "pair_sequence", "recorded_at", "leaf", "body")
Values = tuple[Any, ...]


class Sheet(NamedTuple):
    """One kind of row. columns: name → DuckDB type; rows: what one row of the source becomes; statement: its source
    among the named queries, with institution ('' for all), first and last moment."""

    name: str
    columns: dict[str, str]
    key: tuple[str, ...]
    statement: str
    rows: Callable[[Any], Iterator[Values]]


def type_of(hint: Any) -> str:
    """The DuckDB type of a field."""
    if isinstance(hint, type) and issubclass(hint, Enum):
        return "VARCHAR"
    return {str: "VARCHAR", int: "BIGINT", bool: "BOOLEAN", bytes: "BLOB"}.get(hint, "VARCHAR[]")


def columns_of(kind: type[Any], without: tuple[str, ...] = ()) -> dict[str, str]:
    """The columns of a row or message, those left out that do not belong in an export."""
    hints = get_type_hints(kind)
    return {name: type_of(hints[name]) for name in kind._fields if name not in without}


def plain(value: Any) -> Any:
    """A value as DuckDB takes it."""
    if isinstance(value, Enum):
        return value.value
    return list(value) if isinstance(value, tuple) else value


def _sheet(name: str, kind: type[Any], key: tuple[str, ...], without: tuple[str, ...] = ()) -> Sheet:
    columns = columns_of(kind, without)

    def rows(row: Any) -> Iterator[Values]:
        yield tuple(row[column] for column in columns)

    return Sheet(name, columns, key, f"export_{name}", rows)


NOT_OF_A_LEAF = ("counterpart", "pair_sequence", "exchange_id", "body", "detail")
RECORD_COLUMNS = columns_of(ProvisionRecorded)


def record_rows(row: Any) -> Iterator[Values]:
    """A record: every field, and its place in its log; NULL where the detail was erased."""
    kept = opened(LogRecord(**row))
    fields = kept.record._asdict()
    yield (
        *(None if kept.erased and name in FORGOTTEN else plain(fields[name]) for name in RECORD_COLUMNS),
        *(getattr(kept.row, name) for name in PLACE),
        kept.erased,
    )


def list_rows(row: Any) -> Iterator[Values]:
    """A list version's rows."""
    found = from_json(row["body"])
    for one in found.rows:
        yield (found.version, *(plain(value) for value in one))


SHEETS: tuple[Sheet, ...] = (
    _sheet(
        "institutions",
        Institution,
        ("institution_code",),
        ("local_government_code", "attached", "sealing_key"),
    ),
    _sheet("exchanges", Exchange, ("exchange_id",), ("conditions", "answer")),
    _sheet("inquiries", Inquiry, ("institution_code", "record_identification_number"), ("content_digest",)),
    _sheet("network_exchanges", NetworkExchange, ("exchange_id",)),
    _sheet(
        "provisions",
        Provision,
        ("permit_id",),
        ("linkage_code", "integrated_number", "request", "remind_at", "shown_digest", "permit", "permit_proof"),
    ),
    Sheet(
        "records",
        {**RECORD_COLUMNS, **{name: type_of(get_type_hints(LogRecord)[name]) for name in PLACE}, "erased": "BOOLEAN"},
        ("institution_code", "sequence"),
        "export_log_records",
        record_rows,
    ),
    _sheet("other_leaves", LogRecord, ("institution_code", "sequence"), NOT_OF_A_LEAF),
    _sheet("codes", CodeBinding, ("institution_code", "linkage_code")),
    _sheet(
        "copies",
        CopyRecord,
        ("institution_code", "integrated_number", "spi_name_code", "record_key", "known_from"),
        ("items", "digest", "layout_version", "publication_from", "publication_to"),
    ),
    _sheet("checkpoints", Checkpoint, ("institution_code", "size")),
    Sheet(
        "permission_rows",
        {"list_version": "BIGINT", **columns_of(PermissionRow)},
        ("list_version", "row_id"),
        "export_lists",
        list_rows,
    ),
)
SHEET_OF = {sheet.name: sheet for sheet in SHEETS}
