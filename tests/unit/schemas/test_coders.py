"""The generated coders against fastavro."""

from __future__ import annotations

from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import Undecodable, decode, decode_by_fastavro, encode, encode_by_fastavro
from schemas.records import MESSAGES
from schemas.wire import Malformed, encode_long, items_ahead, more

LONGS = st.integers(-(1 << 63), (1 << 63) - 1)


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a field's type."""
    if kind is str:
        return st.text(max_size=12)
    if kind is int:
        return LONGS
    if kind is bool:
        return st.booleans()
    if kind is bytes:
        return st.binary(max_size=140)
    if get_args(kind):
        return st.lists(values_of(get_args(kind)[0]), max_size=3).map(tuple)
    if hasattr(kind, "_fields"):
        return records_of(kind)
    return st.sampled_from(list(kind))


def records_of(kind: Any) -> st.SearchStrategy[Any]:
    """Any record of a type."""
    hints = get_type_hints(kind)
    return st.tuples(*(values_of(hints[name]) for name in kind._fields)).map(kind._make)


ANY_RECORD = st.sampled_from(MESSAGES).flatmap(records_of)


@given(ANY_RECORD)
@settings(max_examples=400, deadline=None)
def test_written_bytes_are_fastavros(record: Any) -> None:
    """What a generated encoder writes is byte for byte what fastavro writes, and either reads it back."""
    data = encode(record)

    assert data == encode_by_fastavro(record)
    assert decode(data) == decode_by_fastavro(data) == record
    assert type(decode(data)) is type(record)


@given(ANY_RECORD, st.data())
@settings(max_examples=400, deadline=None)
def test_damaged_bytes_are_refused_or_read_the_same(record: Any, data: st.DataObject) -> None:
    """A changed or missing byte is refused as fastavro refuses it, or more strictly; never read differently."""
    good = encode(record)
    place = data.draw(st.integers(5, max(5, len(good) - 1)))
    bad = good[:place] + data.draw(st.binary(max_size=1)) + good[place + 1 :]

    try:
        mine = decode(bad)
    except Undecodable:
        return
    assert mine == decode_by_fastavro(bad)


@given(LONGS)
def test_longs_round_trip(number: int) -> None:
    """Every 64-bit number survives its variable-length form."""
    data = encode_long(number)
    raw, place = (data[0], 1) if data[0] < 128 else more(data, 1, data[0])

    assert (raw >> 1) ^ -(raw & 1) == number
    assert place == len(data)


@pytest.mark.parametrize("number", [1 << 63, -(1 << 63) - 1])
def test_numbers_outside_64_bits_are_not_written(number: int) -> None:
    """A number that no reader could hold is refused before it is written."""
    with pytest.raises(ValueError, match="does not fit a long"):
        encode_long(number)


def test_overlong_numbers_are_refused() -> None:
    """Eleven bytes of continuation are no number."""
    with pytest.raises(Malformed, match="more than ten bytes"):
        more(b"\xff" * 12, 1, 0xFF)


def test_a_block_may_carry_its_size() -> None:
    """A negative count is followed by the block's size in bytes, as the specification allows."""
    data = encode_long(-3) + encode_long(6) + b"abcdef"

    assert items_ahead(data, 0) == (3, 2)


def test_an_array_cannot_claim_more_than_its_bytes() -> None:
    """Six bytes do not become fifty million items."""
    with pytest.raises(Malformed, match="claims 50000000 items"):
        items_ahead(encode_long(50_000_000) + b"ab", 0)
