"""What leaves the health support system for statistics: pseudonyms, and no cell small enough to be a person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from schemas.codec import pack_items
from schemas.records import Item
from services.health_support.extraction import COLUMNS, ITEM_COLUMNS, SMALLEST, line_of, totals_of

ROW: dict[str, Any] = {
    "integrated_number": "000000000000015",
    "spi_name_code": "TM99000000000001",
    "record_key": "1",
    "stage": "PERFORMED",
    "received_on": "20230401",
    "performed_on": "20230501",
    "birth_date": "19800102",
    "sex": "2",
    "district": "亀城",
    "items": pack_items((Item("1", "DONE"), Item("2", "3"))),
}
TOTALS_YEAR = "2026"


def lines(count: int, **changes: Any) -> list[tuple[str, ...]]:
    """So many people in one cell."""
    numbered = [ROW | changes | {"integrated_number": f"{changes.get('district', '')}{n}"} for n in range(count)]
    return [line_of(row, bytes(32)) for row in numbered]


def cells(rows: list[tuple[Any, ...]]) -> dict[str, tuple[str, str]]:
    """Count and mark by district."""
    return {row[3]: (row[6], row[7]) for row in rows}


def test_a_line_is_a_pseudonym_of_one_extraction() -> None:
    """No number, no name, no day of birth; the same person in another file has another pseudonym."""
    one, other = line_of(ROW, bytes(32)), line_of(ROW, b"x" * 32)

    assert len(one) == len(COLUMNS) + len(ITEM_COLUMNS)
    assert one[0] != other[0]
    assert one[1:] == other[1:]
    assert not {ROW["integrated_number"], ROW["birth_date"]} & set(one)


def test_small_cells_are_hidden_and_marked(tmp_path: Path) -> None:
    """A count below the threshold is empty; one that reaches it is told."""
    rows = [*lines(SMALLEST), *lines(SMALLEST - 1, district="小高原"), *lines(1, district="かりがね")]

    assert cells(totals_of(rows, tmp_path, TOTALS_YEAR)) == {
        "亀城": (str(SMALLEST), "false"),
        "小高原": ("", "true"),
        "かりがね": ("", "true"),
    }


def test_a_single_hidden_cell_takes_the_next_smallest_with_it(tmp_path: Path) -> None:
    """Otherwise it could be worked out from the sum of its month."""
    rows = [*lines(30), *lines(20, district="小高原"), *lines(3, district="かりがね")]

    assert cells(totals_of(rows, tmp_path, TOTALS_YEAR)) == {
        "亀城": ("30", "false"),
        "小高原": ("", "true"),
        "かりがね": ("", "true"),
    }


def test_months_are_apart(tmp_path: Path) -> None:
    """What is hidden in one month hides nothing in another."""
    rows = [*lines(30), *lines(3, performed_on="20230601"), *lines(25, performed_on="20230601", district="小高原")]
    found = totals_of(rows, tmp_path, TOTALS_YEAR)

    assert {(row[2], row[3], row[6]) for row in found} == {
        ("202305", "亀城", "30"),
        ("202306", "亀城", ""),
        ("202306", "小高原", ""),
    }
