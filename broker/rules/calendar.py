"""Days in Japan: weekdays, business days, public holidays, and the hours in which offices are open.

Owns the holidays of the Act on National Holidays (国民の祝日に関する法律, 昭和23年法律第178号) for 2017 to 2050,
computed: fixed days, Mondays (Happy Monday), equinoxes, substitute holidays (Article 3(2)), days between two holidays
(Article 3(3)), and what special Acts moved in 2019, 2020 and 2021. The equinoxes of years to come are announced each
February; the formula gives what the ephemeris gives until then. Business days of holds (`after_business_days`) remain
an ASSUMPTION (domain 7 row 10): Monday to Friday, holidays not looked at. Opening hours are one too (domain 7 row 9).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache

DAY_MS = 86_400_000
JST_OFFSET_MS = 32_400_000
HOUR_MS = 3_600_000
FIRST_YEAR, LAST_YEAR = 2017, 2050
OPENS_AT, CLOSES_AT = 8, 20  # hours of a working day; closing time itself is outside

SUBSTITUTE, BETWEEN = "振替休日", "国民の休日"
SPORTS_DAY_SINCE = 2020

# (month, day, name, first year, last year)
FIXED: tuple[tuple[int, int, str, int, int], ...] = (
    (1, 1, "元日", FIRST_YEAR, LAST_YEAR),
    (2, 11, "建国記念の日", FIRST_YEAR, LAST_YEAR),
    (2, 23, "天皇誕生日", 2020, LAST_YEAR),
    (4, 29, "昭和の日", FIRST_YEAR, LAST_YEAR),
    (5, 1, "天皇の即位の日", 2019, 2019),
    (5, 3, "憲法記念日", FIRST_YEAR, LAST_YEAR),
    (5, 4, "みどりの日", FIRST_YEAR, LAST_YEAR),
    (5, 5, "こどもの日", FIRST_YEAR, LAST_YEAR),
    (10, 22, "即位礼正殿の儀の行われる日", 2019, 2019),
    (11, 3, "文化の日", FIRST_YEAR, LAST_YEAR),
    (11, 23, "勤労感謝の日", FIRST_YEAR, LAST_YEAR),
    (12, 23, "天皇誕生日", FIRST_YEAR, 2018),
)
# Days that special Acts moved for the Games of Tokyo: year → name → (month, day).
MOVED: dict[int, dict[str, tuple[int, int]]] = {
    2020: {"海の日": (7, 23), "スポーツの日": (7, 24), "山の日": (8, 10)},
    2021: {"海の日": (7, 22), "スポーツの日": (7, 23), "山の日": (8, 8)},
}


def weekday(at: int) -> int:
    """0 is Monday, in Japan."""
    return ((at + JST_OFFSET_MS) // DAY_MS + 3) % 7


def after_business_days(at: int, days: int) -> int:
    """The same time of day, so many business days later; milliseconds since 1970 UTC."""
    moment = at
    while days > 0:
        moment += DAY_MS
        if weekday(moment) < 5:
            days -= 1
    return moment


def day_of(at: int) -> date:
    """The Japanese day of a moment in milliseconds since 1970 UTC."""
    return date(1970, 1, 1) + timedelta(days=(at + JST_OFFSET_MS) // DAY_MS)


@lru_cache(maxsize=LAST_YEAR - FIRST_YEAR + 1)
def holidays(year: int) -> dict[date, str]:
    """The public holidays of a year by day, with their names; ValueError outside 2017 to 2050."""
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise ValueError(f"holidays are known for {FIRST_YEAR} to {LAST_YEAR}, not for {year}")
    named = dict(sorted(_named(year)))
    return dict(sorted({**named, **_substitutes(named), **_between(named)}.items()))


def holiday_of(day: date) -> str:
    """The name of the holiday on this day, or an empty string."""
    return holidays(day.year).get(day, "")


def is_office_hours(at: int) -> bool:
    """Whether a moment lies between 08:00 and 20:00 of a working day in Japan (ASSUMPTION, domain 7 row 9)."""
    hour = (at + JST_OFFSET_MS) % DAY_MS // HOUR_MS
    return weekday(at) < 5 and not holiday_of(day_of(at)) and OPENS_AT <= hour < CLOSES_AT


def vernal_equinox(year: int) -> date:
    """春分の日 as the ephemeris gives it, 1980 to 2099."""
    return date(year, 3, int(20.8431 + 0.242194 * (year - 1980)) - (year - 1980) // 4)


def autumnal_equinox(year: int) -> date:
    """秋分の日 as the ephemeris gives it, 1980 to 2099."""
    return date(year, 9, int(23.2488 + 0.242194 * (year - 1980)) - (year - 1980) // 4)


def _named(year: int) -> Iterator[tuple[date, str]]:
    """The days that the Act names (Article 2)."""
    for month, day, name, first, last in FIXED:
        if first <= year <= last:
            yield date(year, month, day), name
    yield vernal_equinox(year), "春分の日"
    yield autumnal_equinox(year), "秋分の日"
    yield _monday(year, 1, 2), "成人の日"
    yield _monday(year, 9, 3), "敬老の日"
    moved = MOVED.get(year, {})
    sports = "体育の日" if year < SPORTS_DAY_SINCE else "スポーツの日"
    usual = {"海の日": _monday(year, 7, 3), "山の日": date(year, 8, 11), sports: _monday(year, 10, 2)}
    for name, day_usually in usual.items():
        yield (date(year, *moved[name]) if name in moved else day_usually), name


def _monday(year: int, month: int, which: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=-first.weekday() % 7 + 7 * (which - 1))


def _substitutes(named: dict[date, str]) -> dict[date, str]:
    """Article 3(2): a holiday on a Sunday makes the next day that is none a holiday."""
    found = {}
    for day in named:
        if day.weekday() == 6:
            following = day + timedelta(days=1)
            while following in named:
                following += timedelta(days=1)
            found[following] = SUBSTITUTE
    return found


def _between(named: dict[date, str]) -> dict[date, str]:
    """Article 3(3): a day that is no holiday, the days before and after it being holidays. A Sunday stays a Sunday,
    and a substitute holiday remains one."""
    substitutes = _substitutes(named)
    days = (day + timedelta(days=1) for day in named if day + timedelta(days=2) in named)
    return {day: BETWEEN for day in days if day not in named and day not in substitutes and day.weekday() != 6}
