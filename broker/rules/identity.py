"""Names derived from other names: exchange ids, serial numbers, message ids. Nothing here is drawn by chance."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

JST = timezone(timedelta(hours=9), "JST")
KINDS_LIMIT = 20  # kinds in one inquiry; two digits of the serial number count them


def derived_id(parent: str, name: str, place: int) -> str:
    """The id of the place-th thing of a name that `parent` causes: 32 hex digits."""
    return hashlib.blake2b(f"{parent}/{name}/{place}".encode(), digest_size=16).hexdigest()


@lru_cache(maxsize=1024)
def _day(days: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=days)).strftime("%Y%m%d")


def jst_date(at: int) -> str:
    """The Japanese calendar day, YYYYMMDD, of a moment in milliseconds since 1970 UTC."""
    return _day((at + 32_400_000) // 86_400_000)


def serial_number(at: int, sequence: int, kind: int) -> str:
    """処理通番: day 8 + the institution's inquiry sequence 10 + kind 2 digits (domain 7 row 3, an assumption)."""
    return f"{jst_date(at)}{sequence:010d}{kind:02d}"


def exchange_id(institution_code: str, serial: str) -> str:
    """What names an exchange everywhere: the inquirer's institution and its serial number."""
    return f"{institution_code}-{serial}"


def split_exchange_id(name: str) -> tuple[str, str]:
    """Inquirer's institution code and transaction serial number of an exchange id."""
    institution, _, serial = name.partition("-")
    return institution, serial


def local_time(at: int) -> str:
    """yyyymmddhhmmssSSS, Japanese local time, 17 digits (domain 4.5)."""
    moment = datetime.fromtimestamp(at / 1000, JST)
    return moment.strftime("%Y%m%d%H%M%S") + f"{at % 1000:03d}"
