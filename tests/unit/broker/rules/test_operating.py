"""Opening hours, and what counts beside them."""

from __future__ import annotations

import pytest

from broker.rules.operating import HOUR_MS, by_hours, next_change, state_at
from schemas.records import OperatingState

WEDNESDAY = 1_774_969_200_000  # 2026-04-01 00:00 in Japan
DAY = 24 * HOUR_MS
ONLINE, BATCH_ONLY = OperatingState.ONLINE, OperatingState.BATCH_ONLY


@pytest.mark.parametrize(
    ("at", "state"),
    [
        (WEDNESDAY, BATCH_ONLY),
        (WEDNESDAY + 8 * HOUR_MS - 1, BATCH_ONLY),
        (WEDNESDAY + 8 * HOUR_MS, ONLINE),
        (WEDNESDAY + 20 * HOUR_MS - 1, ONLINE),
        (WEDNESDAY + 20 * HOUR_MS, BATCH_ONLY),
        (WEDNESDAY + 3 * DAY + 12 * HOUR_MS, BATCH_ONLY),  # Saturday
        (WEDNESDAY + 5 * DAY + 12 * HOUR_MS, ONLINE),  # Monday
    ],
)
def test_weekdays_from_eight_to_eight(at: int, state: OperatingState) -> None:
    """To the millisecond, in Japanese time."""
    assert by_hours(at) is state


def test_a_holiday_is_no_working_day() -> None:
    """Who knows the holidays says so."""
    assert by_hours(WEDNESDAY + 12 * HOUR_MS, lambda _: False) is BATCH_ONLY


@pytest.mark.parametrize("declared", [one for one in OperatingState if one is not ONLINE])
def test_what_was_declared_counts(declared: OperatingState) -> None:
    """Hours open nothing that was closed by hand."""
    noon = WEDNESDAY + 12 * HOUR_MS

    assert state_at(declared, noon) is declared
    assert next_change(declared, noon) == 0
    assert state_at(ONLINE, noon) is ONLINE


def test_the_next_change() -> None:
    """This evening, tomorrow morning, or after the weekend; never, where nobody works for a month."""
    friday_night = WEDNESDAY + 2 * DAY + 20 * HOUR_MS

    assert next_change(ONLINE, WEDNESDAY + 12 * HOUR_MS) == WEDNESDAY + 20 * HOUR_MS
    assert next_change(ONLINE, WEDNESDAY + 20 * HOUR_MS) == WEDNESDAY + DAY + 8 * HOUR_MS
    assert next_change(ONLINE, friday_night) == WEDNESDAY + 5 * DAY + 8 * HOUR_MS
    assert next_change(ONLINE, friday_night, lambda _: False) == 0
