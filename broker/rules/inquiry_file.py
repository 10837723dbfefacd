"""一括照会ファイル: one inquiry a line, CSV of fixed-width fields with CRLF ends (domain 3(c-4), 3(c-5)).

Owns the layout, the file's name and its limit. Promises that a damaged line is told with line, field and reason, that
no other line suffers, and that `line_of` writes what `read_row` reads. Leaves whose business number it is, and every
rule about codes, to the hub and to `fields`.

Numbers are padded with zeros, other fields with spaces on the right; a field that is all spaces is empty. Fields are
ASCII: widths are then the same in every character set.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from broker.rules.numbers import INDIVIDUAL_NUMBER_DIGITS, find_individual_numbers
from broker.rules.reasons import field_error
from schemas.records import FieldError

ROWS_LIMIT = 10_000
END = "\r\n"
FILE_NAME = re.compile(r"[A-Z0-9]{1,10}_[0-9]{17}_[0-9]{4}\.csv")


class Field(NamedTuple):
    """One column: its name in messages and reports, and its width in characters."""

    name: str
    width: int
    zeros: bool = False  # padded with zeros on the left


FIELDS = (
    Field("number_system", 2, zeros=True),
    Field("business_person_number", 15, zeros=True),
    Field("integrated_number", 15, zeros=True),
    Field("requested_at", 17),
    Field("inquirer_department_code", 20),
    Field("inquirer_operator_id", 20),
    Field("inquirer_institution_code", 16),
    Field("inquirer_non_disclosure_code", 1),
    Field("affair_code", 16),
    Field("procedure_code", 16),
    Field("inquirer_delegating_institution_code", 16),
    Field("provider_delegating_institution_code", 16),
    Field("provider_institution_code", 16),
    Field("spi_name_code", 16),
    Field("inquiry_condition_type", 1),
    Field("inquiry_year_type", 1),
    Field("period_from", 8),
    Field("period_to", 8),
)
LINE_CHARACTERS = sum(field.width for field in FIELDS) + len(FIELDS) - 1


class InquiryRow(NamedTuple):
    """The values of a line, unpadded; an empty field is an empty text."""

    number_system: str
    business_person_number: str
    integrated_number: str
    requested_at: str
    inquirer_department_code: str
    inquirer_operator_id: str
    inquirer_institution_code: str
    inquirer_non_disclosure_code: str
    affair_code: str
    procedure_code: str
    inquirer_delegating_institution_code: str
    provider_delegating_institution_code: str
    provider_institution_code: str
    spi_name_code: str
    inquiry_condition_type: str
    inquiry_year_type: str
    period_from: str
    period_to: str


def read_row(line: str) -> InquiryRow | list[FieldError]:
    """The values of a line without its end, or every field that is not as wide as it must be."""
    parts = line.split(",")
    if len(parts) != len(FIELDS):
        wanted = (f"{len(FIELDS)}項目、あるのは{len(parts)}", f"{len(FIELDS)} fields; there are {len(parts)}")
        return [field_error("line", "FIELD_ILL_FORMED", *wanted)]
    errors = [
        field_error(field.name, "FIELD_ILL_FORMED", f"ASCII {field.width}文字", f"{field.width} ASCII characters")
        for field, part in zip(FIELDS, parts, strict=True)
        if len(part) != field.width or not part.isascii() or not part.isprintable()
    ]
    return errors or InquiryRow(*(part.strip(" ") for part in parts))


def line_of(row: InquiryRow) -> str:
    """The line, without its end; ValueError when a value is wider than its field."""
    return ",".join(_padded(field, value) for field, value in zip(FIELDS, row, strict=True))


def _padded(field: Field, value: str) -> str:
    if len(value) > field.width:
        raise ValueError(f"{field.name} has {len(value)} characters; {field.width} fit")
    return value.rjust(field.width, "0") if field.zeros and value else value.ljust(field.width)


def file_name(prefix: str, at: str, sequence: int) -> str:
    """`PREFIX_yyyymmddhhmmssSSS_0001.csv`; `at` as `identity.local_time` writes it, sequence 1 to 9999."""
    name = f"{prefix}_{at}_{sequence:04d}.csv"
    if not FILE_NAME.fullmatch(name):
        raise ValueError("a file name is PREFIX_17 digits_4 digits.csv")
    return name


def masked(line: str) -> str:
    """A damaged line as it may be kept: an individual number that stands in it is replaced by stars (domain 3(a))."""
    for place in reversed(find_individual_numbers(line)):
        line = line[:place] + "*" * INDIVIDUAL_NUMBER_DIGITS + line[place + INDIVIDUAL_NUMBER_DIGITS :]
    return line


def parts_of(rows: Sequence[str], limit: int = ROWS_LIMIT) -> list[Sequence[str]]:
    """Lines in files of at most `limit`."""
    return [rows[first : first + limit] for first in range(0, len(rows), limit)]
