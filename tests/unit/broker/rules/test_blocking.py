"""What would leave a provider: which copies and items, whether a person must look, what a confirmation covers."""

from __future__ import annotations

from typing import Any

import pytest
from factories import copy_row
from hypothesis import given
from hypothesis import strategies as st

from broker.rules.blocking import is_current, project, shown_digest
from schemas.codec import pack_items
from schemas.records import Item
from services.world import VACCINATION_ITEMS

TODAY = "20260921"
ALWAYS = ("", "")
COPY = copy_row()

CURRENT: tuple[tuple[dict[str, Any], tuple[str, str], bool], ...] = (
    ({}, ALWAYS, True),
    ({"known_to": 5}, ALWAYS, False),
    ({"publication_from": TODAY}, ALWAYS, True),
    ({"publication_from": "20260922"}, ALWAYS, False),
    ({"publication_to": TODAY}, ALWAYS, True),
    ({"publication_to": "20260920"}, ALWAYS, False),
    ({"valid_from": "20260101"}, ("", "20260101"), True),
    ({"valid_from": "20260102"}, ("", "20260101"), False),
    ({"valid_to": "20260301"}, ("20260301", ""), True),
    ({"valid_to": "20260228"}, ("20260301", ""), False),
    ({"valid_to": ""}, ("20990101", ""), True),
    ({"valid_from": "20260105", "valid_to": "20260110"}, ("20260106", "20260107"), True),
    ({"valid_from": "20260105", "valid_to": "20260110"}, ("20260110", "20260120"), True),
    ({"valid_from": "20260105", "valid_to": "20260110"}, ("20260111", "20260120"), False),
    ({"valid_from": "20260105", "valid_to": "20260110"}, ("20260101", "20260104"), False),
)


@pytest.mark.parametrize(("changes", "period", "current"), CURRENT)
def test_which_copies_serve(changes: dict[str, Any], period: tuple[str, str], current: bool) -> None:
    """A copy serves while it is the latest known, published today, and touches the period; bounds are included."""
    assert is_current(COPY._replace(**changes), period, TODAY) is current


def test_projection_cuts_down_to_the_permitted_items() -> None:
    """Only permitted items leave, in the copy's order; a copy with none of them leaves nothing but is counted."""
    other = COPY._replace(record_key="2", items=pack_items([Item("X", "1")]))

    found = project([COPY, other], (VACCINATION_ITEMS[1], VACCINATION_ITEMS[0], "Y"), ALWAYS, TODAY)

    assert found.copies == 2
    assert [record.record_key for record in found.records] == ["1"]
    assert found.item_codes == VACCINATION_ITEMS[:2]


def test_nothing_current_is_an_empty_projection() -> None:
    """Without a current copy there is nothing to count, digest, block or hide."""
    assert project([COPY._replace(known_to=1)], VACCINATION_ITEMS, ALWAYS, TODAY) == (0, (), (), b"", False, False)


@pytest.mark.parametrize("flagged", [(False, False), (False, True), (True, False), (True, True)])
def test_one_flag_is_enough(flagged: tuple[bool, bool]) -> None:
    """One blocked copy blocks the answer, one hidden copy hides it."""
    copies = [
        COPY._replace(record_key=str(n), auto_response_disabled=flag, non_disclosure_code="2" if flag else "1")
        for n, flag in enumerate(flagged)
    ]

    found = project(copies, VACCINATION_ITEMS, ALWAYS, TODAY)

    assert (found.blocked, found.non_disclosed) == (any(flagged), any(flagged))


def test_flag_of_a_copy_that_does_not_serve_is_not_looked_at() -> None:
    """A block on an old version, or on a copy outside the period, holds nothing up."""
    old = COPY._replace(known_to=1, auto_response_disabled=True, non_disclosure_code="2")

    found = project([old, COPY], VACCINATION_ITEMS, ALWAYS, TODAY)

    assert (found.blocked, found.non_disclosed, found.copies) == (False, False, 1)


CONFIRMED: dict[str, Any] = {
    "record_key": "2",
    "layout_version": "1.1",
    "valid_from": "20260102",
    "valid_to": "20270101",
    "publication_from": "20260102",
    "publication_to": "20270101",
    "auto_response_disabled": True,
    "non_disclosure_code": "2",
    "items": tuple(Item(code, "2") for code in VACCINATION_ITEMS),
}


@pytest.mark.parametrize("field", CONFIRMED)
def test_confirmation_covers(field: str) -> None:
    """A change of anything the copy says changes what a person would have to confirm."""
    before = project([COPY], VACCINATION_ITEMS, ALWAYS, TODAY)
    changed = copy_row(**{field: CONFIRMED[field]})
    after = project([changed], VACCINATION_ITEMS, ALWAYS, TODAY)

    assert shown_digest(before) != shown_digest(after)


def test_confirmation_covers_the_permitted_items() -> None:
    """Another permit, with one item more, is another thing to confirm."""
    one = project([COPY], VACCINATION_ITEMS[:1], ALWAYS, TODAY)
    two = project([COPY], VACCINATION_ITEMS[:2], ALWAYS, TODAY)

    assert one.digest == two.digest
    assert shown_digest(one) != shown_digest(two)


texts = st.text(max_size=4)
items = st.lists(st.builds(Item, st.sampled_from(VACCINATION_ITEMS), texts, texts), max_size=3).map(tuple)


@given(items, items)
def test_equal_digests_mean_equal_content(one: tuple[Item, ...], other: tuple[Item, ...]) -> None:
    """Two projections have the same confirmation exactly when the same would leave: no values run into each other."""
    first, second = (
        project([COPY._replace(items=pack_items(content), digest=b"d")], VACCINATION_ITEMS, ALWAYS, TODAY)
        for content in (one, other)
    )

    assert (shown_digest(first) == shown_digest(second)) == (one == other)
