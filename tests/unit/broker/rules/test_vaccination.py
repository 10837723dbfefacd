"""Vouchers, the OCR line, which dose may follow which, and how long one is kept."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from broker.rules import vaccination
from broker.rules.vaccination import DEAD, MOVED_OUT, OcrLine

LINE = "132321060000000123"


def at(text: str) -> int:
    """Milliseconds since 1970 of a moment in UTC."""
    return int(datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=UTC).timestamp() * 1000)


def test_the_line_falls_into_its_four_parts() -> None:
    """Ticket type 1, dose 1, municipality 6, voucher 10 digits (domain 3(g)1); what is printed is what is read."""
    line = vaccination.read_ocr_line("13" + "232106" + "0000000123")

    assert line == OcrLine("1", 3, "232106", "0000000123")
    assert vaccination.ocr_line("1", 3, "232106", "0000000123") == LINE


@pytest.mark.parametrize("text", ["", LINE[:-1], LINE + "0", "13232107" + "0" * 10, "１" + LINE[1:], LINE[:-1] + "x"])
def test_a_line_that_is_none(text: str) -> None:
    """18 ASCII digits, and the municipality's check digit must fit: one wrong digit of it is seen."""
    assert vaccination.read_ocr_line(text) is None


@pytest.mark.parametrize(
    ("dose", "digit", "fits"),
    [(1, 1, True), (9, 9, True), (10, 0, True), (3, 2, False), (0, 0, False), (100, 0, False)],
)
def test_a_dose_fits_its_line(dose: int, digit: int, fits: bool) -> None:
    """The dose is an open number since 2024-04-01, the line has one digit: 0 stands for the tenth and later ones."""
    assert vaccination.dose_fits_line(dose, OcrLine("1", digit, "232106", "0" * 10)) is fits


@pytest.mark.parametrize(
    ("dose", "day", "follows"),
    [
        (3, "20230601", True),
        (3, "20230501", False),
        (3, "20230401", False),
        (3, "20230701", False),
        (5, "20230702", True),
        (5, "20230601", False),
    ],
)
def test_later_doses_are_on_later_days(dose: int, day: str, follows: bool) -> None:
    """Number and day go the same way among a person's doses; two doses never share a day."""
    others = [(1, "20230301"), (2, "20230501"), (4, "20230701")]

    assert vaccination.follows(dose, day, others) is follows


@pytest.mark.parametrize(
    ("flag", "since", "day", "flagged"),
    [
        (MOVED_OUT, "20230601", "20230601", False),
        (MOVED_OUT, "20230601", "20230602", True),
        (DEAD, "20230601", "20230531", False),
        ("NONE", "", "20230602", False),
    ],
)
def test_a_flag_holds_from_the_next_day(flag: str, since: str, day: str, flagged: bool) -> None:
    """Doses up to the day of the move are the municipality's own; later ones are not taken."""
    assert vaccination.is_flagged(flag, since, day) is flagged


def test_a_dose_is_not_of_the_future_nor_after_the_programme() -> None:
    """The last day is 2024-03-31 (domain 3(e)11)."""
    assert vaccination.is_dose_day("20240331", "20260401")
    assert not vaccination.is_dose_day("20240401", "20260401")
    assert not vaccination.is_dose_day("20230602", "20230601")


@pytest.mark.parametrize(
    ("day", "until"),
    [("20230501", "2028-05-01 15:00"), ("20240229", "2029-03-01 15:00"), ("20231231", "2028-12-31 15:00")],
)
def test_five_years_are_five_years(day: str, until: str) -> None:
    """Kept through the same day five years later, in Japan (予防接種法施行規則 Article 3)."""
    assert vaccination.expires_at(day) == at(until)


@pytest.mark.parametrize(
    ("now", "night"),
    [
        ("2026-09-21 03:00", "2026-09-21 16:00"),
        ("2026-09-21 15:59", "2026-09-21 16:00"),
        ("2026-09-21 16:00", "2026-09-22 16:00"),
    ],
)
def test_the_night_begins_at_one_in_japan(now: str, night: str) -> None:
    """A bulk inquiry waits for the next night, never for one that has begun."""
    assert vaccination.night_after(at(now)) == at(night)
