"""One Ed25519 signature for a whole batch: each item carries its own Merkle path to the root that was signed.

Owns batch signatures and the loading of signing keys. Promises that an item's proof stands alone (no other item, no
server is needed), and that one changed bit in item, context or proof makes it worthless. Leaves to the caller what the
bytes of an item are and whether the signer was allowed to sign them.

A proof, at most 65,535 items a batch: version 0x01 (1 byte) || index (2, big-endian) || size (2) || path (32 each,
nearest first) || signature (64). Signed is context || size (8) || root; a leaf's data is context || item. What follows
the context in the signed bytes has a fixed length, so no two contexts can be taken for one another.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from broker.rules import merkle

KEY_BYTES = 32
SIGNATURE_BYTES = 64
MAX_BATCH_ITEMS = 65_535
MAX_CACHED_ROOTS = 4096
PROOF_VERSION = 1
_HEAD_BYTES = 5
_LONGEST_PROOF = _HEAD_BYTES + 16 * merkle.HASH_BYTES + SIGNATURE_BYTES

VerifiedRoots = dict[bytes, None]
"""Signed roots already found good; the caller keeps it, this module bounds it and lets the oldest go."""


class KeyPair(NamedTuple):
    """A signer's keys, ready to use; `public_bytes` is what others are given (32 bytes, RFC 8032)."""

    private_key: Ed25519PrivateKey
    public_key: Ed25519PublicKey
    public_bytes: bytes


def key_pair_from_bytes(private_bytes: bytes) -> KeyPair:
    """The key pair of a raw 32-byte private key, read from a file or fresh from the caller's randomness."""
    private_key = Ed25519PrivateKey.from_private_bytes(private_bytes)
    public_key = private_key.public_key()
    return KeyPair(private_key, public_key, public_key.public_bytes_raw())


def private_bytes_of(pair: KeyPair) -> bytes:
    """The raw 32-byte private key, to be kept in a file; never to be logged."""
    return pair.private_key.private_bytes_raw()


def public_key_from_bytes(public_bytes: bytes) -> Ed25519PublicKey:
    """The public key of 32 raw bytes; ValueError for another length."""
    return Ed25519PublicKey.from_public_bytes(public_bytes)


def sign_batch(items: Sequence[bytes], context: bytes, private_key: Ed25519PrivateKey) -> list[bytes]:
    """A proof for each item, in order, from one signature. ValueError for more than 65,535 items."""
    size = len(items)
    if size > MAX_BATCH_ITEMS:
        raise ValueError(f"a batch has at most {MAX_BATCH_ITEMS} items, not {size}")
    if not items:
        return []
    prefix = b"\x00" + context  # merkle.leaf_hash, without joining the context anew for every item
    root, paths = merkle.build_batch([sha256(prefix + item).digest() for item in items])
    signature = private_key.sign(_signed_bytes(context, size, root))
    version, size_bytes = bytes((PROOF_VERSION,)), size.to_bytes(2, "big")
    return [
        b"".join((version, index.to_bytes(2, "big"), size_bytes, *path, signature)) for index, path in enumerate(paths)
    ]


def verify_batch_item(
    item: bytes, context: bytes, proof: bytes, public_key: Ed25519PublicKey, cache: VerifiedRoots | None
) -> bool:
    """Whether this key signed this item in this context. Never raises for bad bytes.

    With a cache, the signature of a batch is verified once; what is remembered includes key, context and signature.
    """
    length = len(proof)
    path_end = length - SIGNATURE_BYTES
    if path_end < _HEAD_BYTES or length > _LONGEST_PROOF or proof[0] != PROOF_VERSION:
        return False
    if (path_end - _HEAD_BYTES) % merkle.HASH_BYTES:
        return False
    size = int.from_bytes(proof[3:5], "big")
    path = [proof[i : i + merkle.HASH_BYTES] for i in range(_HEAD_BYTES, path_end, merkle.HASH_BYTES)]
    leaf = sha256(b"\x00" + context + item).digest()
    root = merkle.root_from_path(leaf, int.from_bytes(proof[1:3], "big"), size, path)
    if root is None:
        return False
    return _is_root_signed(_signed_bytes(context, size, root), proof[path_end:], public_key, cache)


def _is_root_signed(signed: bytes, signature: bytes, public_key: Ed25519PublicKey, cache: VerifiedRoots | None) -> bool:
    # The key belongs to what is remembered: a cache may be shared between signers.
    seen = public_key.public_bytes_raw() + signature + signed
    if cache is not None and seen in cache:
        return True
    try:
        public_key.verify(signature, signed)
    except InvalidSignature:
        return False
    if cache is not None:
        while len(cache) >= MAX_CACHED_ROOTS:
            del cache[next(iter(cache))]
        cache[seen] = None
    return True


def _signed_bytes(context: bytes, size: int, root: bytes) -> bytes:
    return context + size.to_bytes(8, "big") + root
