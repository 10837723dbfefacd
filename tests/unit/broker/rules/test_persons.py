"""The life of a link between a person and an individual number."""

from __future__ import annotations

import pytest

from broker.rules.persons import LINKS, Attributes, Link, LinkEvent, after, disagreements, may_be_linked, merged

KNOWN = Attributes("刈谷 あおい", "刈谷市", "19800101", "2")


def test_every_state_can_be_reached_and_left() -> None:
    """No state is a trap and none is out of reach, but for where a person begins."""
    reached = {Link.UNNUMBERED, *LINKS.values()}
    left = {state for state, _ in LINKS}

    assert reached == left == set(Link)
    assert {event for _, event in LINKS} == set(LinkEvent)


def test_a_wrong_link_is_suspended_corrected_and_registered_anew() -> None:
    """The order of domain 3(e)10, and no shorter way to another number."""
    state: Link | None = Link.LINKED
    for event in (LinkEvent.SUSPENDED, LinkEvent.CORRECTED, LinkEvent.RE_REGISTERED):
        assert state is not None
        state = after(state, event)

    assert state is Link.LINKED
    assert after(Link.LINKED, LinkEvent.CORRECTED) is None
    assert after(Link.SUSPENDED, LinkEvent.RE_REGISTERED) is None


@pytest.mark.parametrize("state", Link)
def test_only_a_link_in_force_lets_anything_leave(state: Link) -> None:
    """While it is suspended or not yet registered anew, nothing is asked or sent."""
    assert may_be_linked(state) is (state is Link.LINKED)


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        (KNOWN, ()),
        (KNOWN._replace(name="境川 あおい", address="知立市"), ()),
        (KNOWN._replace(birth_date="19810101"), ("birth_date",)),
        (KNOWN._replace(birth_date="19810101", sex="1"), ("birth_date", "sex")),
        (Attributes("", "", "", ""), ()),
    ],
)
def test_a_day_of_birth_tells_two_people_apart(given: Attributes, fields: tuple[str, ...]) -> None:
    """A name and an address change; a day of birth and a sex that differ are two people behind one number."""
    assert disagreements(KNOWN, given) == fields


def test_what_was_not_told_stays() -> None:
    """An empty attribute is not an attribute."""
    assert merged(KNOWN, Attributes("", "知立市", "", "")) == KNOWN._replace(address="知立市")
