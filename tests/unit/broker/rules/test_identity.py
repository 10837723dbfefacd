"""Names derived from names: the same in, the same out, and nothing that collides."""

from __future__ import annotations

import pytest
from factories import KARIYA, TOYOTA
from hypothesis import given
from hypothesis import strategies as st

from broker.rules.identity import (
    KINDS_LIMIT,
    derived_id,
    exchange_id,
    jst_date,
    local_time,
    serial_number,
    split_exchange_id,
)

MIDNIGHT = 1_790_002_800_000  # 2026-09-22 00:00:00.000 in Japan


@pytest.mark.parametrize(
    ("at", "day"),
    [
        (MIDNIGHT, "20260922"),
        (MIDNIGHT - 1, "20260921"),
        (0, "19700101"),
        (54_000_000, "19700102"),
    ],
)
def test_jst_date(at: int, day: str) -> None:
    """The day changes at midnight in Japan, fifteen hours into the day of UTC."""
    assert jst_date(at) == day


@given(st.integers(0, 4_102_444_800_000))
def test_local_time_is_seventeen_digits_of_the_same_day(at: int) -> None:
    """yyyymmddhhmmssSSS in Japan; its first eight digits are the day."""
    text = local_time(at)

    assert len(text) == 17
    assert text.isdigit()
    assert text[:8] == jst_date(at)
    assert text[-3:] == f"{at % 1000:03d}"


def test_local_time() -> None:
    """A moment spelt out."""
    assert local_time(MIDNIGHT + 45_296_789) == "20260922123456789"


@given(st.integers(0, 4_102_444_800_000), st.integers(1, 9_999_999_999), st.integers(0, KINDS_LIMIT - 1))
def test_serial_number_is_twenty_digits(at: int, sequence: int, kind: int) -> None:
    """Day, sequence and kind have their places, so that no two of an institution are the same."""
    serial = serial_number(at, sequence, kind)

    assert len(serial) == 20
    assert (serial[:8], int(serial[8:18]), int(serial[18:])) == (jst_date(at), sequence, kind)
    assert split_exchange_id(exchange_id(KARIYA, serial)) == (KARIYA, serial)


def test_derived_ids() -> None:
    """Parent, name and place all count, and the same three give the same id for ever."""
    ids = [derived_id(p, n, k) for p in ("a", "b") for n in ("X", "Y") for k in (0, 1)]

    assert len(set(ids)) == 8
    assert derived_id("a", "X", 0) == ids[0] == "8527120f3faed3f26ab0ad56ce6cd6ac"
    assert all(len(one) == 32 and int(one, 16) >= 0 for one in ids)
    assert exchange_id(KARIYA, "1") != exchange_id(TOYOTA, "1")
