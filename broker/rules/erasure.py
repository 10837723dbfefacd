"""What is erased when, and under which rule: expiry and correction (Number Act Article 20; domain 7 row 16).

Owns the rules' names and terms. A rule erases payload and salt; existence, time, basis and lawfulness stay proved.
Pure: times are arguments. Leaves the order of the work to `services.erasure`, the erasing to each participant.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

RECORD_EXPIRED = "RECORD_EXPIRED"  # 情報提供等記録: seven years
RESULT_EXPIRED = "RESULT_EXPIRED"  # results at the inquirer: 30 days (assumption, domain 7 row 16)
COPY_EXPIRED = "COPY_EXPIRED"  # versions of copies that have ended: at once (assumption, domain 7 row 16)
CORRECTED = "CORRECTED"  # by order, whatever the age
RULES = (RECORD_EXPIRED, RESULT_EXPIRED, COPY_EXPIRED, CORRECTED)
RECORD_YEARS = 7
RESULT_MS = 30 * 86_400_000
ERASED_AT_ONCE = 200
ERASURES = "erasures"  # what a log calls the counterpart of its certificates
CERTIFICATE = "ERASURE"  # the party of a row that is a certificate
MARK = "MARK"  # the party of a row that is a mark


def records_before(as_of: int) -> int:
    """The moment seven years earlier: records made before it have expired. Milliseconds since 1970 UTC."""
    then = datetime.fromtimestamp(as_of / 1000, UTC)
    day = 28 if (then.month, then.day) == (2, 29) else then.day
    return int(then.replace(year=then.year - RECORD_YEARS, day=day).timestamp() * 1000)


def results_before(as_of: int) -> int:
    """The moment 30 days earlier: results told before it have expired."""
    return as_of - RESULT_MS


_BEFORE: dict[str, Callable[[int], int]] = {
    RECORD_EXPIRED: records_before,
    RESULT_EXPIRED: results_before,
    COPY_EXPIRED: int,
}


def expired(rule: str, moment: int, as_of: int) -> bool:
    """Whether something of this moment may be erased under this rule, judged for `as_of`."""
    if rule == CORRECTED:
        return True
    if rule not in _BEFORE:
        return False
    return 0 < moment < _BEFORE[rule](as_of)
