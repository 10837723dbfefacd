"""A batch's offsets in the journal, and what is refused as none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import OwnFault
from broker.journal import pack_offsets, unpack_offsets
from broker.ports import Position

SOURCES = st.tuples(st.text("abcdefghij._0123456789", min_size=1, max_size=60), st.integers(0, 65_535))


@given(st.dictionaries(SOURCES, st.integers(0, 2**63 - 1), max_size=30))
def test_offsets_come_back_as_they_went(offsets: dict[tuple[str, int], int]) -> None:
    """Whatever a batch touched: the same partitions with the same next offsets."""
    data = pack_offsets({source: Position(offset, {}) for source, offset in offsets.items()})

    assert unpack_offsets(data) == offsets


def test_a_batch_of_nothing_has_no_bytes() -> None:
    """An idle owner's batches leave no journal row: the body is empty."""
    assert pack_offsets({}) == b""


@pytest.mark.parametrize("cut", [1, 5, 11, 12])
def test_a_row_that_is_not_whole_is_refused(cut: int) -> None:
    """Bytes are missing: an own fault, never half an answer."""
    data = pack_offsets({("network.permit_issued", 1): Position(7, {})})

    with pytest.raises(OwnFault):
        unpack_offsets(data[:-cut])
