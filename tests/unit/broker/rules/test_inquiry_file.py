"""The fixed-width inquiry file: its layout, and what is told of a damaged line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.rules.inquiry_file import (
    FIELDS,
    LINE_CHARACTERS,
    InquiryRow,
    file_name,
    line_of,
    masked,
    parts_of,
    read_row,
)
from broker.rules.numbers import synthetic_individual_number

ROW = InquiryRow(
    "01",
    "500000000000001",
    "000000000000001",
    "20260924123000123",
    "KENKO",
    "OP001",
    "9900123210600000",
    "1",
    "JM01000000016002",
    "JT99000000000001",
    "",
    "",
    "9900123211400000",
    "TM99000000000001",
    "0",
    "0",
    "20260101",
    "",
)


def test_the_layout_is_that_of_the_domain() -> None:
    """Eighteen fields with the widths of domain 3(c-5), every line as long as every other."""
    assert [field.width for field in FIELDS] == [2, 15, 15, 17, 20, 20, 16, 1, 16, 16, 16, 16, 16, 16, 1, 1, 8, 8]
    assert tuple(field.name for field in FIELDS) == InquiryRow._fields
    assert len(line_of(ROW)) == LINE_CHARACTERS == 237


@given(
    st.tuples(
        *(
            st.text("0123456789", min_size=0, max_size=field.width).map(
                lambda text, field=field: text.zfill(field.width) if field.zeros and text else text
            )
            for field in FIELDS
        )
    )
)
def test_what_is_written_is_read(values: tuple[str, ...]) -> None:
    """A row comes back as it was."""
    row = InquiryRow(*values)

    assert read_row(line_of(row)) == row


BAD = [
    ("too few fields", line_of(ROW).rpartition(",")[0], ["line"]),
    ("too many", line_of(ROW) + ",", ["line"]),
    ("empty", "", ["line"]),
    ("a short number", line_of(ROW).replace("500000000000001", "50000000000001", 1), ["business_person_number"]),
    ("full-width", line_of(ROW).replace("OP001", "ＯＰ001"), ["inquirer_operator_id"]),
    ("a control sign", line_of(ROW).replace("KENKO", "KEN\tO"), ["inquirer_department_code"]),
]


@pytest.mark.parametrize("row", BAD, ids=lambda row: row[0])
def test_a_damaged_line_names_its_fields(row: tuple[str, str, list[str]]) -> None:
    """Every field that is not as wide as it must be is named, with words in both languages."""
    _, line, fields = row

    errors = read_row(line)

    assert isinstance(errors, list)
    assert [one.field for one in errors] == fields
    assert all(one.error_id == "SIM-E102" and one.reason_ja and one.reason_en for one in errors)


def test_a_value_that_is_too_wide_is_not_written() -> None:
    """A line is never longer than it may be."""
    with pytest.raises(ValueError, match="inquirer_operator_id"):
        line_of(ROW._replace(inquirer_operator_id="X" * 21))


def test_a_number_in_a_damaged_line_is_masked() -> None:
    """A damaged line is kept, an individual number in it is not."""
    number = synthetic_individual_number(7)

    kept = masked(f"01,{number},x")

    assert kept == "01,************,x"


def test_files_are_named_and_parted() -> None:
    """Prefix, moment, four digits; at most so many lines."""
    assert file_name("SKI", "20260924123000123", 7) == "SKI_20260924123000123_0007.csv"
    assert [len(part) for part in parts_of(["x"] * 25, 10)] == [10, 10, 5]
    with pytest.raises(ValueError, match="PREFIX"):
        file_name("ski", "2026", 1)
