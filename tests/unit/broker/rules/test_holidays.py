"""Public holidays of Japan, held against what was in force, and equinoxes against the sun."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta

import pytest

from broker.rules import calendar
from broker.rules.calendar import FIRST_YEAR, JST_OFFSET_MS, LAST_YEAR, holiday_of, holidays, is_office_hours

# Month and day of every holiday, substitute holidays and days between included, as they were in force or announced.
KNOWN = {
    2017: "0101 0102 0109 0211 0320 0429 0503 0504 0505 0717 0811 0918 0923 1009 1103 1123 1223",
    2018: "0101 0108 0211 0212 0321 0429 0430 0503 0504 0505 0716 0811 0917 0923 0924 1008 1103 1123 1223 1224",
    2019: "0101 0114 0211 0321 0429 0430 0501 0502 0503 0504 0505 0506 0715 0811 0812 0916 0923 1014 1022 1103 1104 "
    "1123",
    2020: "0101 0113 0211 0223 0224 0320 0429 0503 0504 0505 0506 0723 0724 0810 0921 0922 1103 1123",
    2021: "0101 0111 0211 0223 0320 0429 0503 0504 0505 0722 0723 0808 0809 0920 0923 1103 1123",
    2022: "0101 0110 0211 0223 0321 0429 0503 0504 0505 0718 0811 0919 0923 1010 1103 1123",
    2023: "0101 0102 0109 0211 0223 0321 0429 0503 0504 0505 0717 0811 0918 0923 1009 1103 1123",
    2024: "0101 0108 0211 0212 0223 0320 0429 0503 0504 0505 0506 0715 0811 0812 0916 0922 0923 1014 1103 1104 1123",
    2025: "0101 0113 0211 0223 0224 0320 0429 0503 0504 0505 0506 0721 0811 0915 0923 1013 1103 1123 1124",
    2026: "0101 0112 0211 0223 0320 0429 0503 0504 0505 0506 0720 0811 0921 0922 0923 1012 1103 1123",
    2027: "0101 0111 0211 0223 0321 0322 0429 0503 0504 0505 0719 0811 0920 0923 1011 1103 1123",
}
# Jean Meeus, Astronomical Algorithms, chapter 27: mean instants and the periodic terms (A, B, C).
MARCH = (2451623.80984, 365242.37404, 0.05169, -0.00411, -0.00057)
SEPTEMBER = (2451810.21715, 365242.01767, -0.11575, 0.00337, 0.00078)
TERMS = (
    *((485, 324.96, 1934.136), (203, 337.23, 32964.467), (199, 342.08, 20.186), (182, 27.85, 445267.112)),
    *((156, 73.14, 45036.886), (136, 171.52, 22518.443), (77, 222.54, 65928.934), (74, 296.72, 3034.906)),
    *((70, 243.58, 9037.513), (58, 119.81, 33718.147), (52, 297.17, 150.678), (50, 21.02, 2281.226)),
    *((45, 247.54, 29929.562), (44, 325.15, 31555.956), (29, 60.93, 4443.417), (18, 155.12, 67555.328)),
    *((17, 288.79, 4562.452), (16, 198.04, 62894.029), (14, 199.76, 31436.921), (12, 95.39, 14577.848)),
    *((12, 287.11, 31931.756), (12, 320.81, 34777.259), (9, 227.73, 1222.114), (8, 15.45, 16859.074)),
)


def equinox(year: int, mean: tuple[float, ...]) -> date:
    """The Japanese day on which the sun passes the point, by an independent computation (to about a minute)."""
    y = (year - 2000) / 1000
    day = sum(factor * y**power for power, factor in enumerate(mean))
    t = (day - 2451545.0) / 36525
    w = math.radians(35999.373 * t - 2.47)
    slope = 1 + 0.0334 * math.cos(w) + 0.0007 * math.cos(2 * w)
    shift = sum(a * math.cos(math.radians(b + c * t)) for a, b, c in TERMS)
    day += 0.00001 * shift / slope
    moment = datetime(2000, 1, 1, 12, tzinfo=UTC) + timedelta(days=day - 2451545.0, seconds=-70)  # TT to UT
    return (moment + timedelta(hours=9)).date()


def jst(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> int:
    """Milliseconds since 1970 UTC of a Japanese wall clock."""
    return int(datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp() * 1000) - JST_OFFSET_MS


@pytest.mark.parametrize("year", KNOWN)
def test_holidays_are_those_in_force(year: int) -> None:
    """Each year's holidays are exactly the published ones: moved days, substitutes and days between among them."""
    assert " ".join(day.strftime("%m%d") for day in holidays(year)) == KNOWN[year]


@pytest.mark.parametrize("year", range(FIRST_YEAR, LAST_YEAR + 1))
def test_equinoxes_are_where_the_sun_is(year: int) -> None:
    """The formula and the sun's longitude agree on every day of the range."""
    assert calendar.vernal_equinox(year) == equinox(year, MARCH)
    assert calendar.autumnal_equinox(year) == equinox(year, SEPTEMBER)


@pytest.mark.parametrize("year", range(FIRST_YEAR, LAST_YEAR + 1))
def test_every_holiday_on_a_sunday_is_made_up_for(year: int) -> None:
    """There are as many substitutes as holidays on a Sunday, and none of them falls on a Sunday."""
    found = holidays(year)
    sundays = [day for day in found if day.weekday() == 6]
    substitutes = [day for day, name in found.items() if name == calendar.SUBSTITUTE]

    assert len(substitutes) == len(sundays)
    assert not [day for day in substitutes if day.weekday() == 6]


def test_a_year_outside_the_range_is_refused() -> None:
    """Nobody is told that a day is no holiday when the law of that year is not known here."""
    with pytest.raises(ValueError, match="2051"):
        holidays(2051)
    with pytest.raises(ValueError, match="2016"):
        holidays(2016)


@pytest.mark.parametrize(
    ("at", "open_"),
    [
        (jst(2026, 11, 24, 8), True),
        (jst(2026, 11, 24, 7, 59), False),
        (jst(2026, 11, 24, 19, 59), True),
        (jst(2026, 11, 24, 20), False),
        (jst(2026, 11, 23, 10), False),
        (jst(2026, 11, 22, 10), False),
        (jst(2026, 9, 22, 10), False),
    ],
    ids=["opening", "before", "last_minute", "closing", "holiday", "sunday", "day_between"],
)
def test_office_hours(at: int, open_: bool) -> None:
    """08:00 to 20:00 of a working day; a holiday is none."""
    assert is_office_hours(at) is open_


def test_names_are_told() -> None:
    """A reader sees why a day was a holiday."""
    assert holiday_of(date(2026, 9, 22)) == "国民の休日"
    assert holiday_of(date(2019, 5, 2)) == "国民の休日"
    assert holiday_of(date(2020, 7, 24)) == "スポーツの日"
    assert holiday_of(date(2026, 9, 24)) == ""
