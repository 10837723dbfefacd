"""個人番号の保管: how the one system that keeps individual numbers keeps them (assessment, system 3 function 1).

Owns the form at rest: AES-256-GCM under a key of the institution, bound to institution and integrated number, so that a
stolen row says nothing and a row moved to another person or institution does not open; and the keyed hash by which a
number is found. Leaves the rows to the hub.

The nonce derives from key, person and number (as in SIV modes): two different things meet under one nonce only by a
collision of 96 bits, and the same number of the same person gives the same row, so that a repeat changes nothing.
"""

from __future__ import annotations

import hmac
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12
SEALED_BYTES = NONCE_BYTES + 12 + 16


class VaultError(Exception):
    """A sealed number does not open: another key, another person, or a row that was changed."""


class NumberVault:
    """One institution's."""

    def __init__(self, key: bytes, institution_code: str) -> None:
        """`key`: 32 bytes, the institution's own."""
        if len(key) != KEY_BYTES:
            raise ValueError(f"the key has {len(key)} bytes; {KEY_BYTES} are needed")
        self._cipher = AESGCM(self._part(key, b"seal"))
        self._nonces, self._hashes = self._part(key, b"nonce"), self._part(key, b"find")
        self._institution = institution_code.encode()

    @staticmethod
    def _part(key: bytes, purpose: bytes) -> bytes:
        return hmac.new(key, b"individual number/" + purpose, sha256).digest()

    def _bound_to(self, integrated_number: str) -> bytes:
        return b"hub person/" + self._institution + b"/" + integrated_number.encode()

    def seal(self, integrated_number: str, individual_number: str) -> bytes:
        """Nonce (12 bytes), ciphertext (12), tag (16)."""
        bound = self._bound_to(integrated_number)
        nonce = hmac.new(self._nonces, bound + b"/" + individual_number.encode(), sha256).digest()[:NONCE_BYTES]
        return nonce + self._cipher.encrypt(nonce, individual_number.encode(), bound)

    def open(self, integrated_number: str, sealed: bytes) -> str:
        """The individual number; VaultError when it was not sealed for this person with this key."""
        nonce, rest = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, rest, self._bound_to(integrated_number)).decode()
        except (InvalidTag, ValueError):
            raise VaultError("a sealed number does not open") from None

    def hash(self, individual_number: str) -> bytes:
        """32 bytes by which this institution finds the number; without a key, twelve digits could be enumerated."""
        return hmac.new(self._hashes, self._institution + b"/" + individual_number.encode(), sha256).digest()
