"""Merkle trees as RFC 9162 section 2.1 defines them: roots, proofs, and a growing log's frontier.

Owns the hashing of trees. Promises that every function is pure, that a proof has one accepted spelling, and that the
verifiers answer False for anything malformed instead of raising. Leaves signatures to `signing` and `checkpoint`, and
what a leaf means to whoever made it.

One convention throughout: outside `leaf_hash`, a leaf *is* its 32-byte leaf hash, so data is hashed once however often
a tree is rebuilt.
"""

from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()
MAX_MULTI_SIZE = 2**48
_SIZE_BYTES = 8
_LEAF = b"\x00"
_NODE = b"\x01"


class MerkleError(ValueError):
    """Bytes or positions that describe no tree."""


class Frontier(NamedTuple):
    """All one must keep of a tree to let it grow: its size and the roots of its perfect subtrees, largest first."""

    size: int
    hashes: tuple[bytes, ...]


EMPTY_FRONTIER = Frontier(0, ())


def leaf_hash(data: bytes) -> bytes:
    """SHA-256(0x00 || data), RFC 9162 section 2.1.1."""
    return sha256(_LEAF + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right), RFC 9162 section 2.1.1."""
    return sha256(_NODE + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """Merkle tree hash of leaf hashes; of none, SHA-256 of nothing."""
    if not leaves:
        return EMPTY_ROOT
    level = leaves
    while len(level) > 1:
        level = _parents(level)
    return level[0]


class Growth(NamedTuple):
    """What proves later that a tree has only grown: the frontier it grew from, and the subtrees that were completed
    to the right of that frontier's path since, smallest first. At most one hash a level, however much it grew."""

    begin: Frontier
    closed: tuple[bytes, ...]


def append_all(frontier: Frontier, leaf_hashes: Sequence[bytes]) -> Frontier:
    """The frontier after these leaf hashes, in order; about one hash a leaf."""
    return grow(frontier, UNTRACKED, leaf_hashes)[0]


def grow(frontier: Frontier, growth: Growth, leaf_hashes: Sequence[bytes]) -> tuple[Frontier, Growth]:
    """The same, and the growth since `growth.begin` with it: no hash more than the frontier needs."""
    waiting = list(frontier.hashes)
    kept: list[bytes] = []
    closed: list[bytes] = []
    level: Sequence[bytes] = leaf_hashes
    rest = frontier.size
    path = growth.begin.size - 1  # on each level, the node above the last old leaf; -1 when nothing is old
    # On each level the one subtree still without a right neighbour stands before the new nodes.
    while level:
        if rest & 1:
            level = [waiting.pop(), *level]
        # A path that goes left has a right sibling: it stands in every proof from here on, once it is complete.
        place = path + 1 - (rest & ~1)
        if path >= 0 and not path & 1 and 0 <= place < len(level):
            closed.append(level[place])
        if len(level) & 1:
            kept.append(level[-1])
        level = _parents(level[: len(level) & ~1])
        rest >>= 1
        path >>= 1
    after = Frontier(frontier.size + len(leaf_hashes), (*waiting, *reversed(kept)))
    return after, Growth(growth.begin, (*growth.closed, *closed)) if closed else growth


UNTRACKED = Growth(EMPTY_FRONTIER, ())
"""Growth from nothing: every tree has the empty one as its beginning, and the proof is empty."""


def root_of(frontier: Frontier) -> bytes:
    """The root of the whole tree behind a frontier."""
    if not frontier.hashes:
        return EMPTY_ROOT
    result = frontier.hashes[-1]
    for left in frontier.hashes[-2::-1]:
        result = node_hash(left, result)
    return result


def to_bytes(frontier: Frontier) -> bytes:
    """Size as unsigned 64-bit big-endian, then the hashes, largest subtree first."""
    return frontier.size.to_bytes(_SIZE_BYTES, "big") + b"".join(frontier.hashes)


def from_bytes(data: bytes) -> Frontier:
    """The frontier that `to_bytes` wrote; MerkleError unless size and number of hashes agree."""
    size = int.from_bytes(data[:_SIZE_BYTES], "big")
    if len(data) != _SIZE_BYTES + HASH_BYTES * size.bit_count():
        raise MerkleError(f"a frontier of {len(data)} bytes cannot be that of a tree of size {size}")
    return Frontier(size, _split(data[_SIZE_BYTES:]))


def growth_to_bytes(growth: Growth) -> bytes:
    """The frontier it grew from as `to_bytes` writes it, then the completed subtrees, smallest first."""
    return to_bytes(growth.begin) + b"".join(growth.closed)


def growth_from_bytes(data: bytes) -> Growth:
    """The growth that `growth_to_bytes` wrote, of no bytes the one from nothing; MerkleError when it is not whole."""
    if not data:
        return UNTRACKED
    end = _SIZE_BYTES + HASH_BYTES * int.from_bytes(data[:_SIZE_BYTES], "big").bit_count()
    if (len(data) - end) % HASH_BYTES:
        raise MerkleError(f"a growth of {len(data)} bytes is not whole")
    return Growth(from_bytes(data[:end]), _split(data[end:]))


def inclusion_proof(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """Audit path of one leaf, nearest sibling first (RFC 9162 section 2.1.3.1); MerkleError without such a leaf."""
    if not 0 <= index < len(leaves):
        raise MerkleError(f"no leaf {index} in a tree of size {len(leaves)}")
    path: list[bytes] = []
    level = leaves
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        level = _parents(level)
        index >>= 1
    return tuple(path)


def build_batch(leaves: Sequence[bytes]) -> tuple[bytes, list[tuple[bytes, ...]]]:
    """The root and every leaf's audit path at once, with one hash an inner node however many leaves there are."""
    if not leaves:
        return EMPTY_ROOT, []
    levels = [leaves]
    while len(levels[-1]) > 1:
        levels.append(_parents(levels[-1]))
    # Downwards: a node's path is its sibling, then its parent's path.
    paths: list[tuple[bytes, ...]] = [()]
    for level in reversed(levels[:-1]):
        paired = len(level) & ~1
        below = [(level[i ^ 1], *paths[i >> 1]) for i in range(paired)]
        below.extend(paths[paired >> 1 :])  # the odd one out was carried up as it is
        paths = below
    return levels[-1][0], paths


def root_from_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that an audit path leads to from a 32-byte leaf hash, or None when it has not the length it must have.

    A sibling of another width leads to a root that no tree has, so widths need no look.
    """
    if not 0 <= index < size:
        return None
    result = leaf
    last = size - 1
    for sibling in path:
        if not last:
            return None
        if index & 1:
            result = sha256(_NODE + sibling + result).digest()
        elif index == last:
            # Carried up without a sibling until it is a right child.
            shift = (index & -index).bit_length() - 1
            index >>= shift
            last >>= shift
            result = sha256(_NODE + sibling + result).digest()
        else:
            result = sha256(_NODE + result + sibling).digest()
        index >>= 1
        last >>= 1
    return None if last else result


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether this leaf hash stands at this place of the tree with this size and root (RFC 9162 section 2.1.3.2)."""
    return len(leaf) == HASH_BYTES and root_from_path(leaf, index, size, proof) == root


def consistency_proof(leaves: Sequence[bytes], old_size: int) -> tuple[bytes, ...]:
    """Proof that the tree of the first `old_size` leaves is the beginning of this one (RFC 9162 section 2.1.4.1).

    Empty for the empty and for the whole tree. MerkleError when `old_size` is not between 0 and the size.
    """
    size = len(leaves)
    if not 0 <= old_size <= size:
        raise MerkleError(f"a tree of size {old_size} is no beginning of one of size {size}")
    if old_size in (0, size):
        return ()
    right_to_left: list[bytes] = []
    start, end, whole = 0, size, True
    while old_size != end:
        split = start + _split_point(end - start)
        if old_size <= split:
            right_to_left.append(root(leaves[split:end]))
            end = split
        else:
            right_to_left.append(root(leaves[start:split]))
            start, whole = split, False
    if not whole:
        right_to_left.append(root(leaves[start:end]))
    return tuple(reversed(right_to_left))


def growth_proof(growth: Growth, frontier: Frontier) -> tuple[bytes, ...]:
    """The same proof, from `growth.begin` to this frontier, without any leaf: about two hashes a level of the tree."""
    begin, size = growth.begin, frontier.size
    if begin.size in (0, size):
        return ()
    left, closed = list(begin.hashes), iter(growth.closed)
    smallest = left.pop()
    proof = [smallest] if left else []  # a perfect old tree is known to whoever verifies
    level = (begin.size & -begin.size).bit_length() - 1
    place = (begin.size - 1) >> level
    while 1 << level < size:
        if place & 1:
            proof.append(left.pop())
        elif (place + 2) << level <= size:
            proof.append(next(closed))
        elif (place + 1) << level < size:
            proof.append(_edge(frontier, (place + 1) << level))
        place >>= 1
        level += 1
    return tuple(proof)


def _edge(frontier: Frontier, start: int) -> bytes:
    """The node over everything from this leaf on, where a perfect subtree begins."""
    inside = (frontier.size - start).bit_count()
    return root_of(Frontier(frontier.size - start, frontier.hashes[-inside:]))


def verify_consistency(old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the old tree is the beginning of the new one (RFC 9162 section 2.1.4.2).

    The empty tree is the beginning of every tree; then, and for equal sizes, the proof must be empty.
    """
    if not 0 <= old_size <= new_size or any(len(part) != HASH_BYTES for part in proof):
        return False
    if old_size == new_size:
        known = EMPTY_ROOT if new_size == 0 else new_root
        return not proof and old_root == new_root == known
    if old_size == 0:
        return not proof and old_root == EMPTY_ROOT
    return _both_roots(old_size, new_size, old_root, proof) == (old_root, new_root)


def multi_proof(leaves: Sequence[bytes], places: Collection[int]) -> tuple[bytes, ...]:
    """The roots of the largest subtrees that hold none of these places, left to right: with the leaves at the places
    they give the root. MerkleError when there is no place, or one that is not in the tree."""
    wanted = sorted(set(places))
    if not wanted or not 0 <= wanted[0] <= wanted[-1] < len(leaves):
        raise MerkleError(f"no such places in a tree of size {len(leaves)}")
    found: list[bytes] = []

    def visit(start: int, end: int, first: int, last: int) -> None:
        if first == last:
            found.append(root(leaves[start:end]))
        elif end - start > 1:
            split = start + _split_point(end - start)
            middle = bisect_left(wanted, split, first, last)
            visit(start, split, first, middle)
            visit(split, end, middle, last)

    visit(0, len(leaves), 0, len(wanted))
    return tuple(found)


def root_from_multi(found: Mapping[int, bytes], size: int, proof: Sequence[bytes]) -> bytes | None:
    """The root that these leaf hashes at their places lead to with a multi proof; None unless it fits exactly."""
    wanted = sorted(found)
    if not wanted or not 0 <= wanted[0] <= wanted[-1] < size <= MAX_MULTI_SIZE:
        return None
    if any(len(part) != HASH_BYTES for part in (*found.values(), *proof)):
        return None
    rest = iter(proof)

    def visit(start: int, end: int, first: int, last: int) -> bytes:
        if first == last:
            return next(rest, b"")
        if end - start == 1:
            return found[start]
        split = start + _split_point(end - start)
        middle = bisect_left(wanted, split, first, last)
        return node_hash(visit(start, split, first, middle), visit(split, end, middle, last))

    result = visit(0, size, 0, len(wanted))
    return result if next(rest, None) is None else None


def _both_roots(old_size: int, new_size: int, old_root: bytes, proof: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    parts = [old_root, *proof] if old_size & (old_size - 1) == 0 else list(proof)
    if not parts:
        return None
    shift = (old_size & -old_size).bit_length() - 1  # up to the first subtree that both trees hold whole
    old, new = (old_size - 1) >> shift, (new_size - 1) >> shift
    old_result = new_result = parts[0]
    for part in parts[1:]:
        if not new:
            return None
        if old & 1 or old == new:
            old_result = node_hash(part, old_result)
            new_result = node_hash(part, new_result)
            while old and not old & 1:
                old >>= 1
                new >>= 1
        else:
            new_result = node_hash(new_result, part)
        old >>= 1
        new >>= 1
    return None if new else (old_result, new_result)


def _parents(level: Sequence[bytes]) -> list[bytes]:
    above = [sha256(_NODE + a + b).digest() for a, b in zip(level[::2], level[1::2], strict=False)]
    if len(level) & 1:
        above.append(level[-1])
    return above


def _split_point(size: int) -> int:
    return 1 << ((size - 1).bit_length() - 1)


def _split(data: bytes) -> tuple[bytes, ...]:
    return tuple(data[i : i + HASH_BYTES] for i in range(0, len(data), HASH_BYTES))
