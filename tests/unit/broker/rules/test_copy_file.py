"""The sub-copy file: what a line says, and what is told of a damaged one."""

from __future__ import annotations

import pytest

from broker.rules.copy_file import CopyRow, digest_of, line_of, read_row
from schemas.records import CopyCommand, CopySubmitted, Item

ROW = CopyRow(
    "500000000000001",
    "TM99000000000001",
    "1",
    "1.0",
    "20260101",
    "",
    "20260101",
    "",
    True,
    "2",
    False,
    (Item("99000100000001", "刈谷,市", ""), Item("99000100000002", "", "NOT_HELD")),
)


def test_what_is_written_is_read() -> None:
    """A row comes back as it was, commas and all."""
    assert read_row(line_of(ROW)) == ROW


BAD = [
    ("a flag of 2", line_of(ROW).replace(",1,2,0,", ",2,2,0,"), ["auto_response_disabled"]),
    ("half an item", line_of(ROW) + ",x", ["line"]),
    ("too short", "500000000000001,TM99000000000001", ["line"]),
    ("a short number", line_of(ROW)[1:], ["business_person_number"]),
    ("an open quote", '500000000000001,"TM', ["line"]),
    ("empty", "", ["line"]),
]


@pytest.mark.parametrize("row", BAD, ids=lambda row: row[0])
def test_a_damaged_line_names_its_fields(row: tuple[str, str, list[str]]) -> None:
    """The field that is wrong is named."""
    errors = read_row(row[1])

    assert isinstance(errors, list)
    assert [one.field for one in errors] == row[2]


def test_a_digest_is_of_the_content_alone() -> None:
    """Another name, part or command is no change; another value is."""
    copy = CopySubmitted(
        "9900123210600000",
        "A",
        CopyCommand.REGISTER,
        "000000000000001",
        "TM99000000000001",
        "1",
        "1.0",
        "20260101",
        "20260101",
        (Item("99000100000001", "x", ""),),
    )
    renamed = copy._replace(record_identification_number="B", command=CopyCommand.UPDATE, batch_id="C", row_number=9)

    assert digest_of(renamed) == digest_of(copy)
    assert digest_of(copy._replace(items=(Item("99000100000001", "y", ""),))) != digest_of(copy)
    assert digest_of(copy._replace(auto_response_disabled=True)) != digest_of(copy)
