"""What a Merkle tree promises, against the recursive definitions of RFC 9162 written down as they stand there."""

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.rules import merkle

# The certificate-transparency project's well-known test leaves and the roots of their first n.
KNOWN_LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
KNOWN_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]

sizes = st.integers(1, 70)


def leaves_of(size: int) -> list[bytes]:
    return [merkle.leaf_hash(str(number).encode()) for number in range(size)]


def split_of(size: int) -> int:
    power = 1
    while power * 2 < size:
        power *= 2
    return power


def defined_root(leaves: list[bytes]) -> bytes:
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = split_of(len(leaves))
    return sha256(b"\x01" + defined_root(leaves[:k]) + defined_root(leaves[k:])).digest()


def defined_path(index: int, leaves: list[bytes]) -> list[bytes]:
    if len(leaves) == 1:
        return []
    k = split_of(len(leaves))
    if index < k:
        return [*defined_path(index, leaves[:k]), defined_root(leaves[k:])]
    return [*defined_path(index - k, leaves[k:]), defined_root(leaves[:k])]


def defined_subproof(old: int, leaves: list[bytes], whole: bool) -> list[bytes]:
    if old == len(leaves):
        return [] if whole else [defined_root(leaves)]
    k = split_of(len(leaves))
    if old <= k:
        return [*defined_subproof(old, leaves[:k], whole), defined_root(leaves[k:])]
    return [*defined_subproof(old - k, leaves[k:], False), defined_root(leaves[:k])]


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_the_world_knows(size: int) -> None:
    """Our trees are everybody's trees: any RFC 6962 or 9162 tool finds the same root."""
    leaves = [merkle.leaf_hash(bytes.fromhex(leaf)) for leaf in KNOWN_LEAVES[:size]]

    assert merkle.root(leaves).hex() == KNOWN_ROOTS[size - 1]


def test_the_empty_tree_has_the_root_of_nothing() -> None:
    """An institution that has recorded nothing has a root, too: SHA-256 of nothing, whoever computes it."""
    batch_root, paths = merkle.build_batch([])

    assert merkle.root([]) == merkle.root_of(merkle.EMPTY_FRONTIER) == batch_root == sha256(b"").digest()
    assert paths == []


def test_a_leaf_can_never_pass_for_a_node() -> None:
    """Leaf and node are hashed apart, so nobody presents an inner node as a record."""
    left, right = leaves_of(2)

    assert merkle.leaf_hash(left + right) != merkle.node_hash(left, right)


@given(size=st.integers(0, 70))
def test_root_is_the_one_the_rfc_defines(size: int) -> None:
    """The fast level-by-level root is the recursive definition's root, for every shape of tree."""
    leaves = leaves_of(size)

    assert merkle.root(leaves) == defined_root(leaves)


@given(parts=st.lists(st.integers(0, 20), max_size=6))
def test_a_frontier_grows_to_the_same_tree_however_it_is_fed(parts: list[int]) -> None:
    """A log that remembers only its frontier has the root of all its leaves, whatever the batches were."""
    leaves = leaves_of(sum(parts))
    frontier, start = merkle.EMPTY_FRONTIER, 0

    for part in parts:
        frontier = merkle.append_all(frontier, leaves[start : start + part])
        start += part

    assert frontier.size == len(leaves)
    assert len(frontier.hashes) == frontier.size.bit_count()
    assert merkle.root_of(frontier) == merkle.root(leaves)
    assert merkle.from_bytes(merkle.to_bytes(frontier)) == frontier


@pytest.mark.parametrize("data", [b"", b"\0" * 7, b"\0" * 9, b"\0" * 7 + b"\x03" + b"x" * 32, b"\0" * 8 + b"x" * 32])
def test_bytes_that_are_no_frontier_are_refused(data: bytes) -> None:
    """A torn or padded frontier is noticed when it is read, not when its root fails to fit."""
    with pytest.raises(merkle.MerkleError):
        merkle.from_bytes(data)


@settings(deadline=None)
@given(size=sizes)
def test_every_leaf_has_the_path_the_rfc_defines(size: int) -> None:
    """Single proofs and batch proofs are the RFC's, and each leads from its leaf to the root."""
    leaves = leaves_of(size)

    root, paths = merkle.build_batch(leaves)

    assert root == merkle.root(leaves)
    for index, path in enumerate(paths):
        assert path == merkle.inclusion_proof(leaves, index) == tuple(defined_path(index, leaves))
        assert merkle.verify_inclusion(leaves[index], index, size, path, root)


@settings(deadline=None)
@given(size=sizes, data=st.data())
def test_a_changed_proof_proves_nothing(size: int, data: st.DataObject) -> None:
    """Another leaf, place, root or path, a longer or a shorter path: each alone makes an inclusion proof worthless."""
    leaves = leaves_of(size)
    root = merkle.root(leaves)
    index = data.draw(st.integers(0, size - 1))
    path = merkle.inclusion_proof(leaves, index)
    bit = data.draw(st.integers(0, 255))
    place = data.draw(st.integers(-2, size + 2).filter(lambda other: other != index))

    assert not merkle.verify_inclusion(flipped(leaves[index], bit), index, size, path, root)
    assert not merkle.verify_inclusion(leaves[index], place, size, path, root)
    assert not merkle.verify_inclusion(leaves[index], index, size, path, flipped(root, bit))
    assert not merkle.verify_inclusion(leaves[index], index, size, (*path, root), root)
    for at, part in enumerate(path):
        assert not merkle.verify_inclusion(leaves[index], index, size, path[:at], root)
        for wrong in (flipped(part, bit), part + b"\0", part[:-1]):
            assert not merkle.verify_inclusion(leaves[index], index, size, (*path[:at], wrong, *path[at + 1 :]), root)


def test_the_border_between_leaf_and_sibling_is_fixed() -> None:
    """The same 64 bytes cut elsewhere are no leaf and sibling, though they hash to the same node."""
    left, right = leaves_of(2)

    assert not merkle.verify_inclusion(left[:31], 0, 2, (left[31:] + right,), merkle.root([left, right]))
    assert not merkle.verify_consistency(1, 2, left[:31], merkle.root([left, right]), (left[31:] + right,))


def test_a_subtree_is_not_the_tree() -> None:
    """A proof that ends at an inner node, or goes past the stated size, proves nothing about a tree of that size."""
    leaves = leaves_of(8)
    four, eight = merkle.root(leaves[:4]), merkle.root(leaves)

    assert not merkle.verify_inclusion(leaves[0], 0, 8, merkle.inclusion_proof(leaves[:4], 0), four)
    assert not merkle.verify_inclusion(leaves[0], 0, 4, merkle.inclusion_proof(leaves, 0), eight)
    assert not merkle.verify_consistency(3, 4, merkle.root(leaves[:7]), eight, merkle.consistency_proof(leaves, 7))
    for old_size in (2, 3):
        old = merkle.root(leaves[:old_size])
        assert not merkle.verify_consistency(old_size, 8, old, four, merkle.consistency_proof(leaves[:4], old_size))
        assert not merkle.verify_consistency(old_size, 4, old, eight, merkle.consistency_proof(leaves, old_size))


@pytest.mark.parametrize("index", [-1, 3])
def test_there_is_no_proof_for_a_leaf_that_is_not_there(index: int) -> None:
    """A place outside the tree is the caller's mistake and is said so."""
    with pytest.raises(merkle.MerkleError):
        merkle.inclusion_proof(leaves_of(3), index)


@settings(deadline=None)
@given(size=sizes, data=st.data())
def test_growth_is_proved_as_the_rfc_defines(size: int, data: st.DataObject) -> None:
    """The proof that a log has only grown is the RFC's, and it holds between the two roots."""
    leaves = leaves_of(size)
    old_size = data.draw(st.integers(1, size))
    old_root, new_root = merkle.root(leaves[:old_size]), merkle.root(leaves)

    proof = merkle.consistency_proof(leaves, old_size)

    assert proof == tuple(defined_subproof(old_size, leaves, True))
    assert merkle.verify_consistency(old_size, size, old_root, new_root, proof)


@settings(deadline=None)
@given(size=sizes, data=st.data())
def test_a_rewritten_log_cannot_be_proved_to_have_grown(size: int, data: st.DataObject) -> None:
    """Who changes a record below the old size, or any part of the proof, is found out."""
    leaves = leaves_of(size)
    old_size = data.draw(st.integers(1, size))
    bit = data.draw(st.integers(0, 255))
    old_root, new_root = merkle.root(leaves[:old_size]), merkle.root(leaves)
    proof = merkle.consistency_proof(leaves, old_size)
    rewritten = [flipped(leaves[0], bit), *leaves[1:]]

    assert not merkle.verify_consistency(
        old_size, size, old_root, merkle.root(rewritten), merkle.consistency_proof(rewritten, old_size)
    )
    assert not merkle.verify_consistency(old_size, size, flipped(old_root, bit), new_root, proof)
    assert not merkle.verify_consistency(old_size, size, old_root, flipped(new_root, bit), proof)
    assert not merkle.verify_consistency(old_size, size, old_root, new_root, (*proof, new_root))
    for at, part in enumerate(proof):
        assert not merkle.verify_consistency(old_size, size, old_root, new_root, proof[:at])
        for wrong in (flipped(part, bit), part[:-1]):
            changed = (*proof[:at], wrong, *proof[at + 1 :])
            assert not merkle.verify_consistency(old_size, size, old_root, new_root, changed)


def test_every_log_has_grown_from_the_empty_one() -> None:
    """From nothing to anything needs no proof, and takes none; a wrong empty root or a shrunken log is refused."""
    root = merkle.root(leaves_of(5))

    assert merkle.consistency_proof(leaves_of(5), 0) == ()
    assert merkle.verify_consistency(0, 5, merkle.EMPTY_ROOT, root, ())
    assert merkle.verify_consistency(0, 0, merkle.EMPTY_ROOT, merkle.EMPTY_ROOT, ())
    assert not merkle.verify_consistency(0, 0, root, root, ())
    assert not merkle.verify_consistency(0, 5, merkle.EMPTY_ROOT, root, (root,))
    assert not merkle.verify_consistency(0, 5, root, root, ())
    assert not merkle.verify_consistency(5, 4, root, root, ())
    assert not merkle.verify_consistency(-1, 4, root, root, ())


@pytest.mark.parametrize("old_size", [-1, 6])
def test_there_is_no_proof_from_a_tree_that_is_no_beginning(old_size: int) -> None:
    """A size outside the log is the caller's mistake and is said so."""
    with pytest.raises(merkle.MerkleError):
        merkle.consistency_proof(leaves_of(5), old_size)


# ── proofs from what a growing log keeps ─────────────────────────────────────────────────────────────────────────


@settings(deadline=None)
@given(old=st.integers(0, 300), steps=st.lists(st.integers(0, 120), max_size=6))
def test_a_growing_log_proves_its_growth_without_its_leaves(old: int, steps: list[int]) -> None:
    """However it was cut into batches, what is kept gives the very proof that RFC 9162 makes of all leaves."""
    leaves = [merkle.leaf_hash(b"%d" % n) for n in range(old + sum(steps))]
    frontier = merkle.append_all(merkle.EMPTY_FRONTIER, leaves[:old])
    growth = merkle.Growth(frontier, ())

    for step in steps:
        frontier, growth = merkle.grow(frontier, growth, leaves[frontier.size : frontier.size + step])
        growth = merkle.growth_from_bytes(merkle.growth_to_bytes(growth))
    proof = merkle.growth_proof(growth, frontier)

    assert frontier == merkle.append_all(merkle.EMPTY_FRONTIER, leaves)
    assert proof == merkle.consistency_proof(leaves, old)
    assert merkle.verify_consistency(old, len(leaves), merkle.root(leaves[:old]), merkle.root_of(frontier), proof)


def test_growth_from_nothing_is_no_bytes() -> None:
    """A row that was there before proofs were kept begins with the empty tree."""
    assert merkle.growth_from_bytes(b"") == merkle.UNTRACKED
    with pytest.raises(merkle.MerkleError):
        merkle.growth_from_bytes(merkle.growth_to_bytes(merkle.UNTRACKED) + b"x")
