"""A leaf is frozen: what it covers can never be spelt another way."""

from __future__ import annotations

from hashlib import sha256

from factories import KARIYA
from hypothesis import given
from hypothesis import strategies as st

from broker.rules.leaves import leaf_of, origin_of_log

places = st.integers(0, 2**63 - 1)
names = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60)
leaves = st.tuples(places, names, places, st.binary(max_size=40))


def test_leaf_is_spelt_like_this() -> None:
    """Version 1: 0x00 (RFC 9162), 0x01, sequence, pair sequence, length of the name, name, record."""
    data = b"\x00\x01" + (7).to_bytes(8, "big") + (3).to_bytes(8, "big") + b"\x02ab" + b"record"

    assert leaf_of(7, "ab", 3, b"record") == sha256(data).digest()


@given(leaves, leaves)
def test_different_places_or_records_have_different_leaves(
    one: tuple[int, str, int, bytes], other: tuple[int, str, int, bytes]
) -> None:
    """Sequence, counterpart, pair sequence and record are all covered, and cannot run into each other."""
    assert (leaf_of(*one) == leaf_of(*other)) == (one == other)


def test_name_and_record_cannot_run_into_each_other() -> None:
    """A byte moved from the name to the record is another leaf."""
    assert leaf_of(0, "ab", 1, b"c") != leaf_of(0, "a", 1, b"bc")


def test_origin_names_the_log() -> None:
    """The origin line says whose log it is."""
    assert origin_of_log(KARIYA) == f"chukan.invalid/provision-records/{KARIYA}"
