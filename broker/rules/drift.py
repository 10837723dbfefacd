"""Drift: where sub-copies no longer say what the originals say, since when, and what was answered from them meanwhile.

Owns the comparison of 正本 and 副本. Promises that equal sides are found equal by one root (a Merkle tree over buckets
of persons), that only buckets which differ need to be opened, and that an answer is judged by the copies it was really
made from: the digest in its record must be theirs. Leaves reading the rows to whoever has them (domain 3(b)9 to 11).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple, TypeVar

from broker.rules import merkle
from broker.rules.blocking import is_current
from broker.rules.identity import jst_date
from broker.tables import CopyRecord, HealthRecord
from schemas.codec import unpack_items

BUCKETS = 1024
CANCELLED = "CANCELLED"
MISSING, OLDER, EXTRA = "MISSING", "OLDER", "EXTRA"
UNDETERMINED = "UNDETERMINED"
EMPTY_BUCKET = sha256(b"").digest()

Row = TypeVar("Row", CopyRecord, HealthRecord)


class Difference(NamedTuple):
    """One record on which the two sides do not agree.

    state: MISSING has no copy, OLDER another content, EXTRA no original. since: of the oldest change that the copy does
    not show, milliseconds since 1970 UTC. items: codes of the items that differ. behind: changes the copy has not seen.
    """

    institution_code: str
    integrated_number: str
    spi_name_code: str
    record_key: str
    state: str
    since: int
    items: tuple[str, ...]
    behind: int


class Answered(NamedTuple):
    """One answer that left, as its records tell. period: first and last day asked for, empty when open."""

    exchange_id: str
    institution_code: str
    inquirer_institution_code: str
    integrated_number: str
    spi_name_code: str
    at: int
    outcome: str
    copy_digest: bytes
    items: tuple[str, ...]
    period: tuple[str, str] = ("", "")


class StaleAnswer(NamedTuple):
    """An answer given while the copies were behind. differences: what was wrong with it.

    state: STALE, or UNDETERMINED when no copies known here have the digest that the record holds.
    """

    answered: Answered
    state: str
    differences: tuple[Difference, ...]


# ── digests ──────────────────────────────────────────────────────────────────────────────────────────────────────


def bucket_of(integrated_number: str) -> int:
    """The bucket of a person: the first ten bits of SHA-256 of the integrated number."""
    return int.from_bytes(sha256(integrated_number.encode()).digest()[:2], "big") >> 6


def leaf_of(integrated_number: str, spi_name_code: str, record_key: str, items_digest: bytes) -> bytes:
    """What one record contributes: SHA-256 of person, kind, key and the SHA-256 of its packed items."""
    return sha256(f"{integrated_number}/{spi_name_code}/{record_key}/".encode() + items_digest).digest()


def fold(leaves: Iterable[bytes]) -> bytes:
    """The digest of a bucket: SHA-256 of its leaves in ascending order."""
    return sha256(b"".join(sorted(leaves))).digest()


def root(buckets: Mapping[int, bytes]) -> bytes:
    """The digest of an institution: the Merkle root over all buckets, empty ones included."""
    return _levels(buckets)[-1][0]


def differing(mine: Mapping[int, bytes], theirs: Mapping[int, bytes]) -> list[int]:
    """The buckets that differ, found from the root downwards through unequal nodes only."""
    ours, others = _levels(mine), _levels(theirs)
    open_nodes = [0] if ours[-1][0] != others[-1][0] else []
    for level in range(len(ours) - 2, -1, -1):
        children = [child for node in open_nodes for child in (2 * node, 2 * node + 1)]
        open_nodes = [child for child in children if ours[level][child] != others[level][child]]
    return open_nodes


def _levels(buckets: Mapping[int, bytes]) -> list[list[bytes]]:
    level = [merkle.leaf_hash(buckets.get(number, EMPTY_BUCKET)) for number in range(BUCKETS)]
    levels = [level]
    while len(level) > 1:
        level = [merkle.node_hash(level[place], level[place + 1]) for place in range(0, len(level), 2)]
        levels.append(level)
    return levels


# ── records ──────────────────────────────────────────────────────────────────────────────────────────────────────


def differences(originals: Iterable[HealthRecord], copies: Iterable[CopyRecord]) -> list[Difference]:
    """Every record on which the sides disagree now. originals: all versions; copies: the current ones or all."""
    versions = _by_record(originals)
    current = {key: rows[-1] for key, rows in _by_record(copies).items() if rows[-1].known_to == 0}
    found = []
    for key in sorted({*versions, *current}):
        one = difference(versions.get(key, ()), current.get(key))
        if one is not None:
            found.append(one)
    return found


def difference(versions: Sequence[HealthRecord], copy: CopyRecord | None) -> Difference | None:
    """How a copy differs from the last of the record's versions (oldest first), or None when it does not."""
    latest = versions[-1] if versions else None
    expected = latest.items if latest is not None and latest.stage != CANCELLED else None
    if expected == (copy.items if copy is not None else None):
        return None
    row = latest if latest is not None else copy
    assert row is not None
    unseen = _unseen(versions, copy)
    state = MISSING if copy is None else EXTRA if expected is None else OLDER
    since = unseen[0].changed_at if unseen else copy.known_from if copy is not None else 0
    items = _items_apart(expected, copy.items if copy is not None else None)
    person = (row.institution_code, row.integrated_number, row.spi_name_code, row.record_key)
    return Difference(*person, state, since, items, len(unseen))


def _unseen(versions: Sequence[HealthRecord], copy: CopyRecord | None) -> Sequence[HealthRecord]:
    """The versions after the last one that the copy (or its absence) shows; of a copy it never was, all."""
    for place in range(len(versions) - 1, -1, -1):
        one = versions[place]
        shown = one.stage == CANCELLED if copy is None else one.stage != CANCELLED and one.items == copy.items
        if shown:
            return versions[place + 1 :]
    return versions


def _items_apart(expected: bytes | None, held: bytes | None) -> tuple[str, ...]:
    """The codes of the items that are not the same on both sides."""
    one, other = (
        {item.code: item for item in unpack_items(side)} if side is not None else {} for side in (expected, held)
    )
    return tuple(sorted(code for code in {*one, *other} if one.get(code) != other.get(code)))


def _by_record(rows: Iterable[Row]) -> dict[tuple[str, str, str, str], list[Row]]:
    """Versions by record, oldest first."""
    found: dict[tuple[str, str, str, str], list[Row]] = defaultdict(list)
    for row in rows:
        found[row.institution_code, row.integrated_number, row.spi_name_code, row.record_key].append(row)
    for versions in found.values():
        versions.sort(key=_began)
    return found


def _began(row: CopyRecord | HealthRecord) -> int:
    return row.changed_at if isinstance(row, HealthRecord) else row.known_from


# ── answers ──────────────────────────────────────────────────────────────────────────────────────────────────────


def judged(answered: Answered, originals: Sequence[HealthRecord], copies: Sequence[CopyRecord]) -> StaleAnswer | None:
    """What was wrong with an answer, or None when it said what the originals said at that moment.

    originals, copies: all versions of the person's records of the kind.
    """
    used = copies_used(answered, copies)
    if used is None:
        return StaleAnswer(answered, UNDETERMINED, ())
    known = {key: _until(rows, answered.at) for key, rows in _by_record(originals).items()}
    held = {_key(copy): copy for copy in used}
    touched = [key for key, rows in known.items() if key in held or (rows and _touches(rows[-1], answered))]
    found = [difference(known.get(key, ()), held.get(key)) for key in sorted({*touched, *held})]
    apart = tuple(cut for one in found if one is not None and (cut := _seen_in(one, answered)).items)
    return StaleAnswer(answered, "STALE", apart) if apart else None


def copies_used(answered: Answered, copies: Sequence[CopyRecord]) -> list[CopyRecord] | None:
    """The copies an answer was made from: those whose digest its record holds, else None.

    Tried first: the copies of that very moment; then those of earlier and later moments, because the record's time is
    that of the whole batch of decisions.
    """
    moments = sorted({answered.at, *(copy.known_from for copy in copies)}, key=lambda at: abs(at - answered.at))
    for moment in moments:
        standing = [one for one in copies if one.known_from <= moment and (one.known_to == 0 or moment < one.known_to)]
        today = jst_date(answered.at)
        used = [one for one in standing if is_current(one._replace(known_to=0), answered.period, today)]
        used.sort(key=lambda one: (one.record_key, one.known_from))
        digest = sha256(b"".join([one.digest for one in used])).digest() if used else b""
        if digest == answered.copy_digest:
            return used
    return None


def _seen_in(one: Difference, answered: Answered) -> Difference:
    """The difference as far as the answer shows it: of an older record only the items that left."""
    left = frozenset(answered.items)
    return one._replace(items=tuple(code for code in one.items if code in left)) if one.state == OLDER else one


def _until(versions: Sequence[HealthRecord], at: int) -> Sequence[HealthRecord]:
    return [one for one in versions if one.changed_at <= at]


def _touches(version: HealthRecord, answered: Answered) -> bool:
    """Whether a copy of this version would have been looked at: in force by the last day asked for, and published."""
    last = answered.period[1]
    return version.valid_from <= jst_date(answered.at) and (not last or version.valid_from <= last)


def _key(row: CopyRecord) -> tuple[str, str, str, str]:
    return row.institution_code, row.integrated_number, row.spi_name_code, row.record_key
