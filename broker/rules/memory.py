"""Memories within a bound: what came first goes first. Pure."""

from __future__ import annotations

from itertools import islice
from typing import Any


def forget_oldest(memory: dict[Any, Any], most: int) -> None:
    """Let the first entries go until `most` are left.

    In one walk: looking for the first again and again walks each time past every hole that was left before.
    """
    for key in list(islice(memory, max(0, len(memory) - most))):
        del memory[key]
