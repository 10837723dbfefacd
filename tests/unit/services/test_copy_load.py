"""Where the rows of a bulk load come from, their parts, and what is kept of a load."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from broker.rules.fields import errors_in
from schemas.records import CopyCommand, Item
from services.copies import BATCH_CAP
from services.copy_load import Bounds, Ended, Kept, NotAFile, Part, file_of, load_name, made_up, parts_of
from services.world import ITEMS

LINE: dict[str, Any] = {
    "command": "REGISTER",
    "integrated_number": "600000000000001",
    "spi_name_code": "TM00000000000001",
    "record_key": "2026",
    "layout_version": "1.0",
    "valid_from": "20260101",
    "publication_from": "20260101",
    "items": [{"code": "100000001", "value": "刈谷"}],
}


def written(path: Path, *lines: Any) -> Path:
    """A file with these lines: objects as JSON, texts as they are."""
    texts = [one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in lines]
    path.write_text("".join(f"{one}\n" for one in texts), encoding="utf-8")
    return path


def test_made_up_rows_are_the_same_wherever_one_begins() -> None:
    """Three kinds a resident, well formed, no two of the same person and kind; going on gives what was left."""
    source = made_up(50, 3)
    rows = [
        row._replace(institution_code="9900123210600000", record_identification_number="R") for row in source.begin(0)
    ]

    assert len(rows) == source.rows == 150
    assert len({(row.integrated_number, row.spi_name_code) for row in rows}) == 150
    assert {row.spi_name_code for row in rows} == set(ITEMS)
    assert [errors_in(row) for row in rows] == [[]] * 150
    assert list(source.begin(77)) == list(islice(source.begin(0), 77, None))


def test_a_file_is_read_from_any_row_on(tmp_path: Path) -> None:
    """One sub-copy a line; its name is its content's, so a changed file is another load."""
    lines = [{**LINE, "record_key": str(n)} for n in range(5)]
    source = file_of(written(tmp_path / "a", *lines))
    other = file_of(written(tmp_path / "b", *lines[:4], {**lines[4], "valid_to": "20270331"}))

    assert source.rows == 5
    assert [row.record_key for row in source.begin(3)] == ["3", "4"]
    assert next(source.begin(0)).command is CopyCommand.REGISTER
    assert next(source.begin(0)).items == (Item("100000001", "刈谷"),)
    assert source.name == file_of(tmp_path / "a").name != other.name


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("{", "JSONDecodeError"),
        ("[]", "missing"),
        ({**LINE, "items": "x"}, "TypeError"),
        ({**LINE, "items": [{"value": "x"}]}, "TypeError"),
        ({**LINE, "valid_from": 20260101}, "TypeError"),
        ({**LINE, "command": "ADD"}, "ValueError"),
        ({**LINE, "row_number": 7}, "unknown ['row_number']"),
        ({name: value for name, value in LINE.items() if name != "record_key"}, "missing ['record_key']"),
        ({**LINE, "record_key": "x" * 300_000}, "262144"),
    ],
)
def test_a_line_that_is_no_sub_copy_is_named(tmp_path: Path, bad: Any, words: str) -> None:
    """The whole file is looked at before anything is sent; the number of the line is told."""
    path = written(tmp_path / "a", LINE, bad)

    with pytest.raises(NotAFile) as caught:
        file_of(path)

    assert words in caught.value.text
    assert "2" in caught.value.text


def test_an_empty_file_is_no_load(tmp_path: Path) -> None:
    """Nothing to do is said, not done."""
    with pytest.raises(NotAFile):
        file_of(written(tmp_path / "a"))


def test_parts_cover_every_row_once() -> None:
    """No part is above the cap, and none is empty."""
    assert parts_of(900_000, BATCH_CAP)[-1] == Part(5, 800_000, 100_000)
    for rows in (1, 4, 5, 6, 10):
        parts = parts_of(rows, 5)
        assert [part.first + n for part in parts for n in range(part.rows)] == list(range(rows))
        assert all(1 <= part.rows <= 5 for part in parts)


def test_ended_parts_are_remembered_for_their_load_alone(tmp_path: Path) -> None:
    """A file of another load, or one that was damaged, means nothing; the server is asked instead."""
    path = tmp_path / "kept.json"
    Kept(path, "S1-3").end(Part(2, 5, 5), Ended(4, 1))

    assert Kept(path, "S1-3").ended == {2: Ended(4, 1)}
    assert Kept(path, "S1-4").ended == {}
    path.write_text("{", encoding="utf-8")
    assert Kept(path, "S1-3").ended == {}


def test_other_parts_are_another_load() -> None:
    """Record numbers would stand at other places: the name says the size of the parts, unless it is the usual one."""
    assert load_name(made_up(3, 1), Bounds()) == "S1-3"
    assert load_name(made_up(3, 1), Bounds(part_rows=2)) == "S1-3-2"
