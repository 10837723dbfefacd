"""What a person sees of their own affairs at the portal (domain 3(d), 3(e)): records, self information, notices.

Owns what is left out: records older than seven years, and whatever an institution marked as not to be disclosed
(Number Act Article 23(2); 不開示コード 2, which protects e.g. those who fled from violence) or blocked from answers
that nobody looked at. What is left out leaves no trace: a gap that can be seen tells the same as what it hides.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from broker.tables import CopyRecord
from schemas.records import Outcome, ProvisionRecorded

HIDDEN = "2"
YEARS_SHOWN = 7


def shown_from(now: int) -> int:
    """The moment seven years before, in milliseconds; from 29 February it is 1 March."""
    moment = datetime.fromtimestamp(now / 1000, UTC)
    try:
        before = moment.replace(year=moment.year - YEARS_SHOWN)
    except ValueError:
        before = moment.replace(year=moment.year - YEARS_SHOWN, month=3, day=1)
    return int(before.timestamp() * 1000)


def shown_records(records: Iterable[ProvisionRecorded], now: int) -> list[ProvisionRecorded]:
    """What the person sees of these, newest first."""
    first = shown_from(now)
    found = [
        one
        for one in records
        if one.requested_at >= first and one.non_disclosure_code != HIDDEN and one.outcome is not Outcome.NON_DISCLOSED
    ]
    return sorted(found, key=lambda one: (-one.requested_at, one.exchange_id))


def shown_copies(copies: Iterable[CopyRecord], today: str) -> list[CopyRecord]:
    """What the person sees of the copies about them today (YYYYMMDD)."""
    return sorted(
        one
        for one in copies
        if one.known_to == 0
        and one.non_disclosure_code != HIDDEN
        and not one.auto_response_disabled
        and (not one.publication_from or one.publication_from <= today)
        and (not one.publication_to or today <= one.publication_to)
    )
