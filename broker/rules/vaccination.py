"""Vouchers, the line a tablet reads, and which dose may follow which (assessment, system 1; domain 3(g)).

Owns the forms of 接種券番号 and of the OCR line, the order of doses, the effect of a flag, and how long a dose is kept.
Promises pure functions over texts and days. Leaves whose voucher it is, and whether it is known, to VRS.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from broker.rules.identity import JST, jst_date
from broker.rules.numbers import is_local_government_code

OCR_DIGITS = 18
VOUCHER_DIGITS = 10
HIGHEST_DOSE = 99
"""ASSUMPTION: 接種回 is an open number since 2024-04-01 (assessment, change log); two digits bound it here."""

LAST_DAY = "20240331"
"""The last day of the special vaccination: doses are shown up to this day only (domain 3(e)11)."""

RETENTION_YEARS = 5  # 予防接種法施行規則 Article 3
NIGHT_HOUR = 1
"""ASSUMPTION: the nightly bulk begins at one o'clock in Japan; the public record says "night" only."""

DONE, NOT_DONE = "DONE", "NOT_DONE"
MOVED_OUT, DEAD = "MOVED_OUT", "DEAD"

_ocr_line = re.compile(r"[0-9]{18}").fullmatch
_voucher_number = re.compile(r"[0-9]{10}").fullmatch
_ticket_type = re.compile(r"[0-9]").fullmatch


class OcrLine(NamedTuple):
    """A voucher's line taken apart (domain 3(g)1)."""

    ticket_type: str
    dose_digit: int
    local_government_code: str
    voucher_number: str


def is_voucher_number(text: str) -> bool:
    """Whether the text is 10 ASCII digits."""
    return _voucher_number(text) is not None


def is_ticket_type(text: str) -> bool:
    """Whether the text is one ASCII digit."""
    return _ticket_type(text) is not None


def read_ocr_line(text: str) -> OcrLine | None:
    """The line's parts, or None when it has not 18 digits or its 地方公共団体コード has a wrong check digit.

    The line has no check digit of its own that is public; the municipality's is the one check there is.
    """
    if _ocr_line(text) is None or not is_local_government_code(text[2:8]):
        return None
    return OcrLine(text[0], int(text[1]), text[2:8], text[8:])


def ocr_line(ticket_type: str, dose_number: int, local_government_code: str, voucher_number: str) -> str:
    """The line that is printed on a voucher."""
    return f"{ticket_type}{dose_digit(dose_number)}{local_government_code}{voucher_number}"


def dose_digit(dose_number: int) -> int:
    """What the line has room for: the dose up to 9, and 0 for any later one (ASSUMPTION: the line keeps 18 digits)."""
    return dose_number if dose_number < 10 else 0


def dose_fits_line(dose_number: int, line: OcrLine) -> bool:
    """Whether this dose may be registered with this line."""
    return 1 <= dose_number <= HIGHEST_DOSE and dose_digit(dose_number) == line.dose_digit


def is_dose_day(day: str, today: str) -> bool:
    """Whether a dose can have been given on this day (YYYYMMDD): neither in the future nor after the programme."""
    return day <= min(today, LAST_DAY)


def follows(dose_number: int, day: str, others: Iterable[tuple[int, str]]) -> bool:
    """Whether a dose of this number and day fits the person's other doses (number, day): later ones on later days."""
    return all(given != day and (number < dose_number) == (given < day) for number, given in others)


def is_flagged(flag: str, flag_date: str, day: str) -> bool:
    """Whether the person had moved out or was dead on this day; on the day of moving itself not yet."""
    return flag in (MOVED_OUT, DEAD) and flag_date < day


def expires_at(day: str) -> int:
    """When a dose of this day is to be erased, milliseconds since 1970 UTC: the end of that day, five years later."""
    given = datetime.strptime(day, "%Y%m%d").replace(tzinfo=JST)
    try:
        until = given.replace(year=given.year + RETENTION_YEARS)
    except ValueError:  # 29 February
        until = given.replace(year=given.year + RETENTION_YEARS, month=3, day=1)
    return int((until + timedelta(days=1)).timestamp() * 1000)


def night_after(now: int) -> int:
    """When the next nightly bulk begins, milliseconds since 1970 UTC."""
    today = datetime.strptime(jst_date(now), "%Y%m%d").replace(tzinfo=JST)
    begins = today + timedelta(hours=NIGHT_HOUR)
    at = int(begins.timestamp() * 1000)
    return at if at > now else at + 86_400_000
