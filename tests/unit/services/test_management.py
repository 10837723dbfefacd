"""What people of the network write by hand, and what batches say of themselves."""

from __future__ import annotations

import pytest
from factories import KARIYA, NOW, WORLD, result_of, store_of

from broker.tables import CopyBatch, KindLayout, Suspension
from services import management
from services.world import LAYOUT, VACCINATION

SWITCH = "20270401"


def test_a_suspension_is_of_somebody_and_ends() -> None:
    """Nobody is suspended who is not there; resumed once, and no more."""
    person = next(one for one in map(WORLD.resident, range(20)) if one.home == KARIYA)
    store = store_of(residents=[person.number])
    done = result_of(management.suspend(store, KARIYA, person.home_number, "誤紐付け", NOW))
    kept = store.tables[Suspension][KARIYA, person.home_number]
    nobody = result_of(management.suspend(store, KARIYA, "0" * 15, "", NOW))
    resumed = [result_of(management.resume(store, KARIYA, person.home_number)) for _ in range(2)]

    assert (done, nobody, resumed) == (True, False, [True, False])
    assert (kept.reason, kept.since) == ("誤紐付け", NOW)
    assert not store.tables[Suspension]


def test_a_layout_ends_the_day_before_the_next_begins() -> None:
    """On each day exactly one version of the kind is accepted; other kinds are left alone."""
    store = store_of()
    others = {key: row for key, row in store.tables[KindLayout].items() if key[0] != VACCINATION}
    written = result_of(management.switch_layout(store, VACCINATION, "2.0", SWITCH, ["a", "b"]))
    rows = {one.layout_version: one for one in result_of(management.layouts(store)) if one.spi_name_code == VACCINATION}

    assert len(written) == 2
    assert rows[LAYOUT].valid_to == "20270331"
    assert rows["2.0"] == KindLayout(VACCINATION, "2.0", SWITCH, "", "a,b")
    assert {key: row for key, row in store.tables[KindLayout].items() if key[0] != VACCINATION} == others


@pytest.mark.parametrize(("version", "day"), [(LAYOUT, SWITCH), ("2.0", "20000101")])
def test_a_layout_that_cannot_follow_changes_nothing(version: str, day: str) -> None:
    """A version that is there already, or a day before another begins."""
    store = store_of()
    before = dict(store.tables[KindLayout])

    assert result_of(management.switch_layout(store, VACCINATION, version, day, ["a"])) == ()
    assert store.tables[KindLayout] == before


def test_days() -> None:
    """The day before the first of March in a leap year; and what is no day."""
    assert management.day_before("20280301") == "20280229"
    with pytest.raises(ValueError, match="does not match"):
        management.day_before("tomorrow")


@pytest.mark.parametrize(
    ("state", "numbers", "cause"),
    [
        ("RUNNING", (10, 4, 3, 1), "waits for row 4"),
        ("ENDED", (10, 11, 10, 0), ""),
        ("ENDED_WITH_ERRORS", (10, 11, 8, 2), "2 rows rejected"),
        ("ABORTED", (0, 1, 0, 0), "refused when it was opened"),
    ],
)
def test_why_a_batch_stands_still(state: str, numbers: tuple[int, int, int, int], cause: str) -> None:
    """Waiting, done, done with errors, refused."""
    assert management.cause_of(CopyBatch(KARIYA, "B1", state, *numbers, NOW)) == cause
