"""Business days: Monday to Friday in Japan, the time of day kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.rules.calendar import DAY_MS, after_business_days, weekday

MONDAY = 1_789_951_800_000  # 2026-09-21 09:50 in Japan
FRIDAY = MONDAY + 4 * DAY_MS


@pytest.mark.parametrize(
    ("at", "day"),
    [
        (MONDAY, 0),
        (FRIDAY, 4),
        (FRIDAY + DAY_MS, 5),
        (1_790_434_799_999, 5),
        (1_790_434_800_000, 6),
    ],
)
def test_weekday(at: int, day: int) -> None:
    """0 is Monday; the day changes at midnight in Japan."""
    assert weekday(at) == day


@pytest.mark.parametrize(
    ("start", "days", "later"),
    [
        (MONDAY, 0, 0),
        (MONDAY, 1, 1),
        (MONDAY, 4, 4),
        (MONDAY, 5, 7),
        (MONDAY, 7, 9),
        (FRIDAY, 1, 3),
        (FRIDAY, 3, 5),
        (FRIDAY + DAY_MS, 1, 2),
        (FRIDAY + 2 * DAY_MS, 1, 1),
    ],
)
def test_after_business_days(start: int, days: int, later: int) -> None:
    """So many working days later, weekends passed over; from a weekend the count begins on Monday."""
    assert after_business_days(start, days) == start + later * DAY_MS


@given(st.integers(0, 4_102_444_800_000), st.integers(1, 30))
def test_ends_on_a_working_day_and_counts_them(start: int, days: int) -> None:
    """The end is a working day, and exactly so many working days lie between, the end included."""
    end = after_business_days(start, days)
    between = [moment for moment in range(start + DAY_MS, end + 1, DAY_MS) if weekday(moment) < 5]

    assert weekday(end) < 5
    assert (end - start) % DAY_MS == 0
    assert len(between) == days
