"""Areas that are closed to each other: keyed hashes to find by, and encryption at rest, both with the area's own keys.

Owns the two spellings. Promises that the same plain row in the same place gives the same bytes (so that deciding twice
writes the same), that a sealed row cannot be moved to another place, and that no key of one area opens or finds
anything of another. Leaves where keys come from to `broker.keys`.
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12


class AreaError(ValueError):
    """Sealed bytes that are damaged, or that belong to another area or place."""


class AreaKeys(NamedTuple):
    """The three secrets of an area, 32 bytes each: finding, sealing, and choosing nonces."""

    finding: bytes
    sealing: bytes
    nonces: bytes


def found_by(keys: AreaKeys, what: str, text: str) -> bytes:
    """The keyed hash a number is found by; `what` keeps kinds of numbers apart. 32 bytes."""
    return hmac.new(keys.finding, f"{what}/{text}".encode(), sha256).digest()


def found_by_number(key: bytes, individual_number: str) -> bytes:
    """The keyed hash that one institution's health system finds a person by. 32 bytes."""
    return hmac.new(key, f"individual/{individual_number}".encode(), sha256).digest()


def seal(keys: AreaKeys, place: bytes, plain: bytes) -> bytes:
    """AES-256-GCM under the area's key, bound to `place`: nonce, then ciphertext.

    The nonce is a keyed hash of place and content (a synthetic one, as in AES-SIV): it repeats only when both do.
    """
    nonce = hmac.new(keys.nonces, len(place).to_bytes(4, "big") + place + plain, sha256).digest()[:NONCE_BYTES]
    return nonce + AESGCM(keys.sealing).encrypt(nonce, plain, place)


def unseal(keys: AreaKeys, place: bytes, sealed: bytes) -> bytes:
    """What `seal` was given; AreaError when it was not sealed for this area and place."""
    try:
        return AESGCM(keys.sealing).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place)
    except (InvalidTag, ValueError):
        raise AreaError("the row does not open with this area's key at this place") from None
