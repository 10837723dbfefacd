"""What somebody who owns a log's database can do to it: another history, in which everything fits.

Owns nothing of the project's; computes leaves and trees as the log does, from rows that it changes.
"""

from __future__ import annotations

from collections.abc import Sequence

from broker.rules import merkle
from broker.rules.leaves import leaf_of
from broker.tables import LogHead, LogRecord
from schemas.codec import decode, encode


def rewritten(rows: Sequence[LogRecord], head: LogHead, place: int) -> tuple[list[LogRecord], LogHead]:
    """The log with another time in one of its records; every leaf, and what its head keeps, made to fit."""
    changed = list(rows)
    row = rows[place]
    record = decode(row.body)
    body = encode(record._replace(requested_at=record.requested_at + 1))  # type: ignore[union-attr,call-arg]
    leaf = leaf_of(row.sequence, row.counterpart, row.pair_sequence, body)
    changed[place] = row._replace(body=body, leaf=leaf)
    leaves = [one.leaf for one in changed]
    begin = merkle.growth_from_bytes(head.growth).begin.size
    before = merkle.append_all(merkle.EMPTY_FRONTIER, leaves[:begin])
    frontier, growth = merkle.grow(before, merkle.Growth(before, ()), leaves[begin:])
    kept = merkle.growth_to_bytes(growth)
    return changed, head._replace(frontier=merkle.to_bytes(frontier), growth=kept)
