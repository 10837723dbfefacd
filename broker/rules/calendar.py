"""Business days (ASSUMPTION, domain 7 row 10): Monday to Friday, Japanese local time."""

from __future__ import annotations

DAY_MS = 86_400_000
JST_OFFSET_MS = 32_400_000


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
