"""What a batch signature promises: every item stands alone, and nothing of it can be changed or moved."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.rules import signing

PAIR = signing.key_pair_from_bytes(bytes(range(32)))
OTHER = signing.key_pair_from_bytes(bytes(range(1, 33)))
CONTEXT = b"chukan permit 1\n"


def items_of(size: int) -> list[bytes]:
    return [f"item {number}".encode() for number in range(size)]


def test_keys_are_those_of_rfc_8032() -> None:
    """The public key of the RFC's first test secret is the RFC's."""
    secret = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    public = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")

    pair = signing.key_pair_from_bytes(secret)

    assert pair.public_bytes == public
    assert signing.private_bytes_of(pair) == secret
    assert signing.public_key_from_bytes(public) == pair.public_key
    assert secret.hex() not in repr(pair)


@settings(deadline=None, max_examples=30)
@given(size=st.integers(1, 40))
def test_every_item_of_a_batch_is_proved_by_its_own_proof(size: int) -> None:
    """Whoever gets one item and its proof needs nothing else of the batch."""
    items = items_of(size)
    cache: signing.VerifiedRoots = {}

    proofs = signing.sign_batch(items, CONTEXT, PAIR.private_key)

    assert len(proofs) == size
    for item, proof in zip(items, proofs, strict=True):
        assert signing.verify_batch_item(item, CONTEXT, proof, PAIR.public_key, cache)
    assert signing.verify_batch_item(items[-1], CONTEXT, proofs[-1], PAIR.public_key, None)
    assert len(cache) == 1


def test_an_empty_batch_needs_no_signature() -> None:
    """Nothing to sign is not a fault."""
    assert signing.sign_batch([], CONTEXT, PAIR.private_key) == []


def test_a_batch_is_bounded() -> None:
    """More items than a proof can count are refused before anything is hashed."""
    with pytest.raises(ValueError, match="at most 65535 items"):
        signing.sign_batch([b""] * 65_536, CONTEXT, PAIR.private_key)


@pytest.mark.parametrize(("size", "index"), [(1, 0), (2, 1), (5, 4), (7, 2)])
def test_every_changed_bit_of_a_proof_is_noticed(size: int, index: int) -> None:
    """Version, index, size, path and signature are all bound: one changed bit, no proof, also with a warm cache."""
    items = items_of(size)
    proof = signing.sign_batch(items, CONTEXT, PAIR.private_key)[index]
    cache: signing.VerifiedRoots = {}
    assert signing.verify_batch_item(items[index], CONTEXT, proof, PAIR.public_key, cache)

    for bit in range(len(proof) * 8):
        changed = bytearray(proof)
        changed[bit // 8] ^= 1 << bit % 8
        assert not signing.verify_batch_item(items[index], CONTEXT, bytes(changed), PAIR.public_key, cache), bit
    assert len(cache) == 1


def test_every_changed_bit_of_an_item_is_noticed() -> None:
    """The proof is this item's and no other's."""
    items = items_of(6)
    proof = signing.sign_batch(items, CONTEXT, PAIR.private_key)[3]

    for bit in range(len(items[3]) * 8):
        changed = bytearray(items[3])
        changed[bit // 8] ^= 1 << bit % 8
        assert not signing.verify_batch_item(bytes(changed), CONTEXT, proof, PAIR.public_key, {})


def test_a_proof_cannot_be_moved() -> None:
    """Neither to another item, nor to another context, nor to another signer; a shared cache changes nothing of it."""
    items = items_of(4)
    proofs = signing.sign_batch(items, CONTEXT, PAIR.private_key)
    cache: signing.VerifiedRoots = {}
    assert signing.verify_batch_item(items[0], CONTEXT, proofs[0], PAIR.public_key, cache)

    assert not signing.verify_batch_item(items[0], CONTEXT, proofs[1], PAIR.public_key, cache)
    assert not signing.verify_batch_item(items[0], CONTEXT + b"2", proofs[0], PAIR.public_key, cache)
    assert not signing.verify_batch_item(items[0], CONTEXT, proofs[0], OTHER.public_key, cache)


def test_the_border_between_context_and_item_is_bound() -> None:
    """Moving bytes from the context to the item gives the same leaf and still another signature."""
    proof = signing.sign_batch([b"cd"], b"ab", PAIR.private_key)[0]

    assert signing.verify_batch_item(b"cd", b"ab", proof, PAIR.public_key, None)
    assert not signing.verify_batch_item(b"bcd", b"a", proof, PAIR.public_key, None)


@given(proof=st.binary(max_size=700))
def test_bytes_that_are_no_proof_are_refused_quietly(proof: bytes) -> None:
    """Whatever comes from outside, the answer is no and not an exception."""
    assert not signing.verify_batch_item(b"item", CONTEXT, proof, PAIR.public_key, None)
    assert not signing.verify_batch_item(b"item", CONTEXT, b"\x01" + proof, PAIR.public_key, None)


def test_a_proof_has_one_length() -> None:
    """A proof cut short or with something after it is none."""
    items = items_of(8)
    proof = signing.sign_batch(items, CONTEXT, PAIR.private_key)[5]

    for length in range(len(proof)):
        assert not signing.verify_batch_item(items[5], CONTEXT, proof[:length], PAIR.public_key, None)
    for extra in (b"\0", bytes(32), bytes(32 * 20)):
        assert not signing.verify_batch_item(items[5], CONTEXT, proof + extra, PAIR.public_key, None)


def test_path_and_signature_never_share_a_byte() -> None:
    """Where path and signature meet in two equal bytes, leaving one of them out is noticed all the same."""
    batches = ([b"left", number.to_bytes(4, "big")] for number in range(10_000))
    signed = ((items, signing.sign_batch(items, CONTEXT, PAIR.private_key)[0]) for items in batches)
    items, proof = next((items, proof) for items, proof in signed if proof[-65] == proof[-64])

    assert signing.verify_batch_item(items[0], CONTEXT, proof, PAIR.public_key, None)
    assert not signing.verify_batch_item(items[0], CONTEXT, proof[:-65] + proof[-64:], PAIR.public_key, None)


def test_the_cache_is_bounded_and_lets_the_oldest_go() -> None:
    """Remembering roots never grows without bound, and the newest is the one that stays."""
    cache: signing.VerifiedRoots = {number.to_bytes(4, "big"): None for number in range(signing.MAX_CACHED_ROOTS)}
    proof = signing.sign_batch([b"item"], CONTEXT, PAIR.private_key)[0]

    assert signing.verify_batch_item(b"item", CONTEXT, proof, PAIR.public_key, cache)

    assert len(cache) == signing.MAX_CACHED_ROOTS
    assert (0).to_bytes(4, "big") not in cache
    assert (1).to_bytes(4, "big") in cache


def test_a_refused_signature_is_not_remembered() -> None:
    """Only what was found good fills the cache, so nobody empties it with rubbish."""
    cache: signing.VerifiedRoots = {}
    proof = signing.sign_batch([b"item"], CONTEXT, OTHER.private_key)[0]

    assert not signing.verify_batch_item(b"item", CONTEXT, proof, PAIR.public_key, cache)
    assert cache == {}
