"""What a bounded memory forgets."""

from __future__ import annotations

import pytest

from broker.rules.memory import forget_oldest


@pytest.mark.parametrize(("most", "left"), [(0, ""), (1, "d"), (3, "bcd"), (4, "abcd"), (9, "abcd")])
def test_what_came_first_goes_first(most: int, left: str) -> None:
    """As many as may stay do, the newest; an entry that was given anew keeps its old place."""
    memory = dict.fromkeys("abcd", 0)
    memory["a"] = 1

    forget_oldest(memory, most)

    assert "".join(memory) == left
