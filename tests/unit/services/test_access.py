"""Who may touch which topic: each right once, and none to what is not there."""

from __future__ import annotations

from country import SHARDS

from broker.topics import Topics
from services import access

ATTACHED = ("9900123210600000", "9900123211400000")


def test_each_right_is_given_once() -> None:
    """A right that is written twice would outlive its being taken away."""
    rights = access.rights(ATTACHED)

    assert len(rights) == len(set(rights))
    assert {one.user for one in rights} <= set(access.users(ATTACHED))


def test_a_right_to_a_topic_is_a_right_to_something() -> None:
    """Every literal topic is there, and every prefix has topics."""
    names = [spec.name for spec in Topics(SHARDS, frozenset(ATTACHED)).specs()]

    for one in access.rights(ATTACHED):
        if one.resource == "topic":
            assert any(name.startswith(one.name) if one.pattern == "prefixed" else name == one.name for name in names)
