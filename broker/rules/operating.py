"""稼働状態 (assessment, systems 3 function 5 and 4 function 10; domain 3(f)4): what an institution's server is doing.

Owns the hours: weekdays 08:00 to 20:00 online, otherwise the night batch alone (ASSUMPTION, domain 7 row 9), and which
of what was declared and what the hours say counts. Whether a day is a working day is handed in.
"""

from __future__ import annotations

from collections.abc import Callable

from broker.rules.calendar import DAY_MS, JST_OFFSET_MS, weekday
from schemas.records import OperatingState

HOUR_MS = 3_600_000
OPENS_HOUR, CLOSES_HOUR = 8, 20
LOOK_AHEAD_DAYS = 30  # no row of holidays is longer

IsWorkingDay = Callable[[int], bool]
"""Any moment of a day in Japan, in milliseconds → whether the office works that day."""


def is_weekday(at: int) -> bool:
    """Monday to Friday in Japan, holidays or not."""
    return weekday(at) < 5


def by_hours(at: int, is_working_day: IsWorkingDay = is_weekday) -> OperatingState:
    """What the hours say."""
    hour = (at + JST_OFFSET_MS) % DAY_MS / HOUR_MS
    online = is_working_day(at) and OPENS_HOUR <= hour < CLOSES_HOUR
    return OperatingState.ONLINE if online else OperatingState.BATCH_ONLY


def state_at(declared: OperatingState, at: int, is_working_day: IsWorkingDay = is_weekday) -> OperatingState:
    """What counts: the hours for a server that was declared online, what was declared otherwise."""
    return by_hours(at, is_working_day) if declared is OperatingState.ONLINE else declared


def next_change(declared: OperatingState, at: int, is_working_day: IsWorkingDay = is_weekday) -> int:
    """When the hours change the state next, in milliseconds; 0 when they do not: it was declared otherwise."""
    if declared is not OperatingState.ONLINE:
        return 0
    now = by_hours(at, is_working_day)
    midnight = at - (at + JST_OFFSET_MS) % DAY_MS
    moments = (
        midnight + day * DAY_MS + hour * HOUR_MS for day in range(LOOK_AHEAD_DAYS) for hour in (OPENS_HOUR, CLOSES_HOUR)
    )
    return next((one for one in moments if one > at and by_hours(one, is_working_day) is not now), 0)
