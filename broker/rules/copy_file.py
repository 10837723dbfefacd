"""一括副本ファイル: one sub-copy a line, CSV without a header (assessment, system 3 function 4; format ours, 7 row 12).

Owns the layout. Columns: business number, kind, record key, layout version, valid from, valid to, publication from,
publication to, block flag (0 or 1), non-disclosure code, delete (0 or 1), then three a item: code, value, reason for
its absence. Promises that a damaged line is told with line, field and reason. Leaves kinds, layouts and commands to
the intermediate server, which alone knows them.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from typing import NamedTuple

from broker.rules.reasons import field_error
from schemas.codec import pack_items
from schemas.records import CopySubmitted, FieldError, Item

FIXED = (
    "business_person_number",
    "spi_name_code",
    "record_key",
    "layout_version",
    "valid_from",
    "valid_to",
    "publication_from",
    "publication_to",
    "auto_response_disabled",
    "non_disclosure_code",
    "delete",
)
COLUMNS_AN_ITEM = 3
FLAGS = {"0": False, "1": True, "": False}
BUSINESS_NUMBER = re.compile(r"[0-9]{15}")


class CopyRow(NamedTuple):
    """The values of a line."""

    business_person_number: str
    spi_name_code: str
    record_key: str
    layout_version: str
    valid_from: str
    valid_to: str
    publication_from: str
    publication_to: str
    auto_response_disabled: bool
    non_disclosure_code: str
    delete: bool
    items: tuple[Item, ...]


def read_row(line: str) -> CopyRow | list[FieldError]:
    """The values of a line without its end, or what is wrong with it."""
    try:
        parts = next(csv.reader([line], strict=True), [])
    except csv.Error:
        return [field_error("line", "FIELD_ILL_FORMED", "CSVとして読めません", "it cannot be read as CSV")]
    items = parts[len(FIXED) :]
    if len(parts) < len(FIXED) or len(items) % COLUMNS_AN_ITEM:
        words = (f"{len(FIXED)}項目と、3項目ずつの項目", f"{len(FIXED)} fields, then three an item")
        return [field_error("line", "FIELD_ILL_FORMED", *words)]
    values = dict(zip(FIXED, parts, strict=False))
    errors = [
        field_error(name, "FIELD_ILL_FORMED", "0か1", "0 or 1")
        for name in ("auto_response_disabled", "delete")
        if values[name] not in FLAGS
    ]
    if not BUSINESS_NUMBER.fullmatch(values["business_person_number"]):
        errors.append(field_error("business_person_number", "FIELD_ILL_FORMED", "15桁の数字", "15 digits"))
    if errors:
        return errors
    groups = zip(*(items[place::COLUMNS_AN_ITEM] for place in range(COLUMNS_AN_ITEM)), strict=True)
    blocked, delete = FLAGS[values["auto_response_disabled"]], FLAGS[values["delete"]]
    described = (blocked, values["non_disclosure_code"] or "1", delete, tuple(Item(*group) for group in groups))
    return CopyRow._make((*parts[:8], *described))


def line_of(row: CopyRow) -> str:
    """The line, without its end."""
    text = io.StringIO()
    fixed = [*row[:8], str(int(row.auto_response_disabled)), row.non_disclosure_code, str(int(row.delete))]
    csv.writer(text, lineterminator="").writerow([*fixed, *(value for item in row.items for value in item)])
    return text.getvalue()


def digest_of(message: CopySubmitted) -> bytes:
    """SHA-256 of what a sub-copy says, whatever it was called when it was sent: the same content is no change."""
    parts = (
        message.integrated_number,
        message.spi_name_code,
        message.record_key,
        message.layout_version,
        message.valid_from,
        message.valid_to,
        message.publication_from,
        message.publication_to,
        str(message.auto_response_disabled),
        message.non_disclosure_code,
    )
    return hashlib.sha256("\n".join(parts).encode() + b"\n" + pack_items(message.items)).digest()
