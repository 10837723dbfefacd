"""Statistics are the records, counted."""

from __future__ import annotations

from broker.rules.records import record_of
from broker.rules.statistics import Counted, Tally
from schemas.records import Outcome, Party, ProvisionRecorded

KARIYA, TOYOTA = "9900123210600000", "9900123211400000"
MARCH_31, APRIL_1 = 1_774_969_199_999, 1_774_969_200_000  # the last and the first millisecond in Japan, 2026


def record(at: int, outcome: Outcome = Outcome.OK, took: int = 0, party: Party = Party.INQUIRER) -> ProvisionRecorded:
    """A record of an exchange asked at this moment, answered so many milliseconds later."""
    return record_of(
        party,
        KARIYA,
        f"{KARIYA}-{at:020d}",
        inquirer_name="",
        provider_institution_code=TOYOTA,
        provider_name="",
        requested_at=at,
        provided_at=at + took if took else 0,
        affair_code="",
        procedure_code="JT1",
        spi_name_code="TM1",
        outcome=outcome,
    )


def test_records_are_counted_by_what_is_asked() -> None:
    """By month in Japan, by outcome, by both; every grouping has the same total."""
    tally = Tally()
    tally.add([record(MARCH_31, took=30), record(APRIL_1, took=50), record(APRIL_1, Outcome.NO_DATA)])
    tally.add([record(APRIL_1, took=10, party=Party.PROVIDER)])

    assert tally.by("month") == {("202603",): Counted(1, 1, 30, 30), ("202604",): Counted(3, 2, 60, 50)}
    assert {key: one.exchanges for key, one in tally.by("outcome", "month").items()} == {
        ("NO_DATA", "202604"): 1,
        ("OK", "202603"): 1,
        ("OK", "202604"): 2,
    }
    assert {key: one.exchanges for key, one in tally.by("party").items()} == {("INQUIRER",): 3, ("PROVIDER",): 1}
    assert tally.by()[()].exchanges == 4


def test_times_are_of_what_was_provided() -> None:
    """A refusal has no time of provision and does not shorten the mean."""
    tally = Tally()
    tally.add([record(APRIL_1, took=30), record(APRIL_1, Outcome.NO_DATA), record(APRIL_1, took=11)])

    assert (tally.by()[()].mean_ms, tally.by()[()].longest_ms) == (20, 30)
    assert Counted().mean_ms == 0
