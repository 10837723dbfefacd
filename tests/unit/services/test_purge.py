"""What a purge may take: only what every reader has heard."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.config import Config
from broker.errors import ConfigurationFault
from services.installation import Installation
from services.purge import Standing, purge


def test_unread_counts_what_lies_behind_the_slowest_reader() -> None:
    """A partition that nobody has read counts from its first offset; what is heard to the end does not count."""
    first = {("a", 0): 0, ("a", 1): 3, ("b", 0): 5, ("c", 0): 7}
    ends = {("a", 0): 4, ("a", 1): 9, ("b", 0): 5, ("c", 0): 10}
    heard = {("a", 0): 4, ("a", 1): 7, ("c", 0): 10}

    assert Standing(first, ends, heard).unread() == {"a": 2}
    assert Standing(first, ends, {}).unread() == {"a": 10, "c": 3}


def test_nothing_is_purged_where_nothing_is(tmp_path: Path) -> None:
    """A directory without an installation is told, and nothing is started there."""
    with pytest.raises(ConfigurationFault, match="no installation"):
        purge(Installation(tmp_path, Config()), give_up_unread=False)
