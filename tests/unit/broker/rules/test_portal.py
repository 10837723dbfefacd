"""What a person sees of their own affairs, and what leaves no trace."""

from __future__ import annotations

import pytest

from broker.rules.portal import shown_copies, shown_from, shown_records
from broker.rules.records import record_of
from broker.tables import CopyRecord
from schemas.records import Outcome, Party, ProvisionRecorded

KARIYA, TOYOTA = "9900123210600000", "9900123211400000"
NOW = 1_774_969_200_000  # 2026-04-01 00:00 in Japan
DAY = 86_400_000
TODAY = "20260401"


def record(at: int, outcome: Outcome = Outcome.OK, code: str = "1") -> ProvisionRecorded:
    """A record of the network."""
    return record_of(
        Party.NETWORK,
        "0" * 16,
        f"{KARIYA}-{at:020d}",
        inquirer_name="",
        provider_institution_code=TOYOTA,
        provider_name="",
        requested_at=at,
        affair_code="",
        procedure_code="",
        spi_name_code="",
        outcome=outcome,
        non_disclosure_code=code,
    )


def copy(**more: str | int | bool) -> CopyRecord:
    """A copy that is shown."""
    plain = CopyRecord(KARIYA, "1", "TM1", "k", 1, 0, "1.0", "", "", "", "", False, "1", b"", b"", "")
    return plain._replace(**more)  # type: ignore[arg-type]


def test_records_of_seven_years_newest_first() -> None:
    """To the day seven years ago and no further."""
    first = shown_from(NOW)
    found = shown_records([record(first), record(first - 1), record(NOW)], NOW)

    assert [one.requested_at for one in found] == [NOW, first]
    assert (NOW - first) // DAY == 7 * 365 + 2


def test_seven_years_before_a_leap_day() -> None:
    """29 February has no day seven years before; 1 March has."""
    leap_day = 1_835_395_200_000  # 2028-02-29 00:00 UTC

    assert shown_from(leap_day) == 1_614_556_800_000  # 2021-03-01 00:00 UTC


@pytest.mark.parametrize("hidden", [record(NOW, code="2"), record(NOW, Outcome.NON_DISCLOSED)])
def test_what_is_not_disclosed_leaves_no_trace(hidden: ProvisionRecorded) -> None:
    """Neither by the inquirer's code nor by the provider's."""
    assert shown_records([hidden, record(NOW - 1)], NOW) == [record(NOW - 1)]


@pytest.mark.parametrize(
    "hidden",
    [
        copy(known_to=5),
        copy(non_disclosure_code="2"),
        copy(auto_response_disabled=True),
        copy(publication_from="20260402"),
        copy(publication_to="20260331"),
    ],
)
def test_copies_that_are_not_shown(hidden: CopyRecord) -> None:
    """Superseded, not to be disclosed, blocked, or outside the days of publication."""
    shown = copy(record_key="other", publication_from=TODAY, publication_to=TODAY)

    assert shown_copies([hidden, shown], TODAY) == [shown]
