"""Closed areas: what one area's keys find and open, no other's do, and nothing sealed can be moved."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.keys import VrsKeys
from broker.rules.areas import AreaError, found_by, found_by_number, seal, unseal

KEYS = VrsKeys(bytes(range(32)))
ONE, OTHER = KEYS.area("1" * 16), KEYS.area("2" * 16)


@given(st.binary(max_size=200), st.binary(max_size=40))
def test_what_is_sealed_opens_at_its_place(plain: bytes, place: bytes) -> None:
    """The same plain row at the same place gives the same bytes, and comes back as it was."""
    sealed = seal(ONE, place, plain)

    assert unseal(ONE, place, sealed) == plain
    assert seal(ONE, place, plain) == sealed
    assert len(sealed) == 12 + len(plain) + 16


@pytest.mark.parametrize(
    ("keys", "place", "cut"),
    [(OTHER, b"person/1", 0), (ONE, b"person/2", 0), (ONE, b"person/1", 1), (ONE, b"person/1", 30)],
)
def test_another_area_place_or_length_opens_nothing(keys: object, place: bytes, cut: int) -> None:
    """A row that was moved to another area or place, or damaged, is refused."""
    sealed = seal(ONE, b"person/1", b"content")

    with pytest.raises(AreaError):
        unseal(keys, place, sealed[cut:])  # type: ignore[arg-type]


def test_nonces_differ_with_content_and_place() -> None:
    """Two rows share a nonce only when they are the same row: what AES-GCM asks for."""
    nonces = {seal(ONE, place, plain)[:12] for place in (b"a", b"ab", b"b") for plain in (b"x", b"y", b"bx")}

    assert len(nonces) == 9


def test_a_number_is_found_by_other_bytes_everywhere() -> None:
    """A number's hash in one area says nothing of another, of another kind of number, or of health support."""
    number = "999900000013"
    found = [found_by(keys, what, number) for keys in (ONE, OTHER) for what in ("individual", "business")]
    found.append(found_by_number(bytes(32), number))

    assert len(set(found)) == 5
    assert {len(one) for one in found} == {32}


def test_the_same_secret_gives_the_same_areas() -> None:
    """Nothing but the master needs keeping: areas, certificates and log keys follow from it."""
    again, different = VrsKeys(bytes(range(32))), VrsKeys(bytes(32))

    assert again.area("1" * 16) == ONE
    assert again.certificates.private_numbers() == KEYS.certificates.private_numbers()
    assert again.log.public_bytes == KEYS.log.public_bytes
    assert different.area("1" * 16) != ONE
