"""Originals against copies: equal sides by one root, unequal ones by their buckets, each difference with its age."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.rules import drift
from broker.rules.drift import CANCELLED, EXTRA, MISSING, OLDER, Answered, Difference
from broker.tables import CopyRecord, HealthRecord
from schemas.codec import pack_items
from schemas.records import Item

CITY, PERSON, KIND = "9900123210600000", "000000000000001", "TM99000000000001"
DAY_MS = 86_400_000
AT = 1_790_000_000_000


def packed(*values: str) -> bytes:
    """Items of these values, their codes counted."""
    return pack_items(tuple(Item(f"I{place}", value) for place, value in enumerate(values)))


def original(at: int, *values: str, key: str = "1", revision: int = 1, until: int = 0, **changes: Any) -> HealthRecord:
    """One version of an original."""
    items = packed(*values)
    row = HealthRecord(
        CITY, PERSON, KIND, key, revision, AT + at, until, "7" * 15, "PERFORMED", "", "20230501", "1.0", "20230501",
        False, items, sha256(items).digest(), "h", "OP",
    )  # fmt: skip
    return row._replace(**changes)


def copy(at: int, *values: str, key: str = "1", until: int = 0, **changes: Any) -> CopyRecord:
    """One version of a copy."""
    items = packed(*values)
    row = CopyRecord(
        CITY, PERSON, KIND, key, AT + at, AT + until if until else 0, "1.0", "20230501", "", "20230501", "", False, "1",
        items, sha256(key.encode() + items).digest(), "h",
    )  # fmt: skip
    return row._replace(**changes)


def one(state: str, since: int, items: tuple[str, ...], behind: int, key: str = "1") -> Difference:
    """What is found of the one person."""
    return Difference(CITY, PERSON, KIND, key, state, AT + since, items, behind)


HISTORY = (original(0, "a", "b"), original(10, "a", "c", revision=2), original(20, "d", "c", revision=3))


@pytest.mark.parametrize(
    ("originals", "copies", "found"),
    [
        (HISTORY, (copy(30, "d", "c"),), []),
        (HISTORY, (copy(30, "a", "c"),), [one(OLDER, 20, ("I0",), 1)]),
        (HISTORY, (copy(30, "a", "b"),), [one(OLDER, 10, ("I0", "I1"), 2)]),
        (HISTORY, (), [one(MISSING, 0, ("I0", "I1"), 3)]),
        (HISTORY, (copy(30, "z", "z"),), [one(OLDER, 0, ("I0", "I1"), 3)]),
        ((), (copy(30, "a"),), [one(EXTRA, 30, ("I0",), 0)]),
        ((original(0, "a"), original(5, "a", revision=2, stage=CANCELLED)), (), []),
        (
            (original(0, "a"), original(5, "a", revision=2, stage=CANCELLED)),
            (copy(1, "a"),),
            [one(EXTRA, 5, ("I0",), 1)],
        ),
        ((original(0, "a"), original(1, "a", key="2")), (copy(1, "a"),), [one(MISSING, 1, ("I0",), 1, "2")]),
        (HISTORY[:1], (copy(1, "a", "b", until=2), copy(2, "x", "b")), [one(OLDER, 0, ("I0",), 1)]),
    ],
)
def test_each_difference_has_state_age_and_items(originals: Any, copies: Any, found: list[Difference]) -> None:
    """The oldest change that the copy does not show is what it is behind since."""
    assert drift.differences(originals, copies) == found


def answered(at: int, *copies: CopyRecord, **changes: Any) -> Answered:
    """An answer made from these copies."""
    digest = sha256(b"".join(row.digest for row in copies)).digest() if copies else b""
    made = Answered("X", CITY, CITY, PERSON, KIND, AT + at, "OK", digest, ("I0", "I1"))
    return made._replace(**changes)


def test_an_answer_is_judged_by_the_copies_it_was_made_from() -> None:
    """Given before the change: right. After it, from the old copy: stale, with what was wrong and since when. From the
    new copy: right again, though the record's moment is the same."""
    old, new = copy(1, "a", "b", until=25), copy(25, "d", "c")
    versions = (old, new)

    assert drift.judged(answered(5, old), HISTORY, versions) is None
    stale = drift.judged(answered(24, old), HISTORY, versions)
    assert stale is not None
    assert (stale.state, stale.differences) == ("STALE", (one(OLDER, 10, ("I0", "I1"), 2),))
    assert drift.judged(answered(24, new), HISTORY, versions) is None
    assert drift.judged(answered(30, new), HISTORY, versions) is None


def test_only_items_that_left_can_be_wrong_in_an_answer() -> None:
    """The permission list lets some items out; an old value of another item harmed nobody."""
    old = copy(1, "a", "c")

    assert drift.judged(answered(24, old, items=("I1",)), HISTORY, (old,)) is None
    stale = drift.judged(answered(24, old, items=("I0",)), HISTORY, (old,))
    assert stale is not None
    assert stale.differences[0].items == ("I0",)


def test_no_data_while_there_was_some_is_stale_too() -> None:
    """ "Nothing is held" was told although an original was there: the copy had not come."""
    stale = drift.judged(answered(5, outcome="NO_DATA", items=()), HISTORY[:1], ())

    assert stale is not None
    assert [d.state for d in stale.differences] == [MISSING]
    assert drift.judged(answered(-5, outcome="NO_DATA", items=()), HISTORY[:1], ()) is None


def test_what_lies_outside_the_question_does_not_count() -> None:
    """An original that the period does not touch, or that is not published yet, is not missing in an answer."""
    old, later = copy(1, "a", "b"), original(2, "x", "y", key="2", valid_from="20991231")

    assert drift.judged(answered(5, old), (*HISTORY[:1], later), (old,)) is None
    asked = answered(5, old, period=("", "20230601"))
    assert drift.judged(asked, (*HISTORY[:1], later._replace(valid_from="20230701")), (old,)) is None


def test_an_unknown_digest_is_told_as_such() -> None:
    """When no copies fit the record, nothing is claimed about the answer."""
    stale = drift.judged(answered(5)._replace(copy_digest=bytes(32)), HISTORY, (copy(1, "a", "b"),))

    assert stale is not None
    assert (stale.state, stale.differences) == (drift.UNDETERMINED, ())


LEAVES = st.dictionaries(st.integers(0, drift.BUCKETS - 1), st.binary(min_size=32, max_size=32), max_size=40)


@given(LEAVES, LEAVES)
def test_the_tree_finds_exactly_the_buckets_that_differ(mine: dict[int, bytes], theirs: dict[int, bytes]) -> None:
    """From the root downwards through unequal nodes only: none is missed, none too many."""
    apart = sorted(n for n in {*mine, *theirs} if mine.get(n) != theirs.get(n))

    assert drift.differing(mine, theirs) == apart
    assert (drift.root(mine) == drift.root(theirs)) is (not apart)


def test_a_bucket_does_not_depend_on_the_order_of_its_rows() -> None:
    """PostgreSQL and Python may meet the rows in any order; a changed or missing row gives another digest."""
    leaves = [drift.leaf_of(PERSON, KIND, str(n), bytes([n]) * 32) for n in range(5)]

    assert drift.fold(leaves) == drift.fold(reversed(leaves))
    assert drift.fold(leaves[1:]) != drift.fold(leaves)
    assert 0 <= drift.bucket_of(PERSON) < drift.BUCKETS
