"""Every secret and key of an installation, derived from one master secret; and the hands that use them.

Owns the derivation (HKDF-SHA-256, one label a purpose). Promises that the same master gives the same keys, so that
nothing but the master needs keeping, and that private keys never leave this module but through `export`.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from broker.errors import OwnFault
from broker.ports import Randomness
from broker.rules import certificate, checkpoint, cosignature, sealing
from broker.rules.areas import AreaKeys
from broker.rules.signing import KeyPair, key_pair_from_bytes

MASTER_BYTES = 32
SEAL_INFO = b"chukan provided information 1\n"
CONTENT_KEYS_KEPT = 4096
GENERATIONS_AT_MOST = 1_000


def derive(master: bytes, label: str) -> bytes:
    """32 bytes for a purpose: HKDF-SHA-256 (RFC 5869) with an empty salt."""
    extracted = hmac.new(b"\x00" * 32, master, hashlib.sha256).digest()
    return hmac.new(extracted, label.encode() + b"\x01", hashlib.sha256).digest()


class InstitutionKeys:
    """The keys of institutions: Ed25519 for checkpoints and, apart, for cosignatures; X25519 for sealed answers."""

    def __init__(self, master: bytes) -> None:
        self._master = master
        self._signing: dict[str, KeyPair] = {}
        self._witness: dict[str, KeyPair] = {}

    def signing(self, institution_code: str) -> KeyPair:
        """The pair that signs an institution's checkpoints."""
        pair = self._signing.get(institution_code)
        if pair is None:
            pair = key_pair_from_bytes(derive(self._master, f"signing/{institution_code}"))
            self._signing[institution_code] = pair
        return pair

    def witness(self, institution_code: str) -> KeyPair:
        """The pair that cosigns others' checkpoints; never the one that signs its own (C2SP tlog-cosignature)."""
        pair = self._witness.get(institution_code)
        if pair is None:
            pair = key_pair_from_bytes(derive(self._master, f"witness/{institution_code}"))
            self._witness[institution_code] = pair
        return pair

    def sealing_private(self, institution_code: str, generation: int = 0) -> bytes:
        """The raw X25519 key that opens what is sealed for an institution under a generation of its key."""
        label = f"sealing/{institution_code}"
        return derive(self._master, f"{label}/{generation}" if generation else label)

    def sealing_public(self, institution_code: str, generation: int = 0) -> bytes:
        """The raw X25519 public key of an institution, by generation."""
        return sealing.recipient_public_bytes(self.sealing_private(institution_code, generation))

    def sealing_private_of(self, institution_code: str, public_key: bytes) -> bytes:
        """The raw X25519 key of the generation that has this public key; OwnFault when none of the first
        GENERATIONS_AT_MOST has."""
        for generation in range(GENERATIONS_AT_MOST):
            private = self.sealing_private(institution_code, generation)
            if sealing.recipient_public_bytes(private) == public_key:
                return private
        raise OwnFault(f"no key of {institution_code} has the public key {public_key.hex()}")

    def hub(self, institution_code: str) -> bytes:
        """What an institution's integrated-number system keeps individual numbers under; the institution's own."""
        return derive(self._master, f"hub/{institution_code}")

    def sign_checkpoint(self, institution_code: str, origin: str, size: int, root: bytes) -> str:
        """A signed note over a log; the signer's name is the origin."""
        text = checkpoint.format_checkpoint(origin, size, root)
        return checkpoint.sign(text, origin, self.signing(institution_code).private_key)

    def cosign(self, institution_code: str, note_text: str, time: int) -> str:
        """The institution's signature line, as a witness, for the checkpoint in these three lines."""
        name = cosignature.name_of_witness(institution_code)
        return cosignature.cosign(note_text, name, self.witness(institution_code).private_key, time)


class Sealer:
    """Seals answers; one content key serves many answers to the same institution, within its bounds."""

    def __init__(self, randomness: Randomness) -> None:
        self._randomness = randomness
        self._keys: dict[tuple[str, bytes], sealing.ContentKey] = {}

    def __call__(self, institution_code: str, public_key: bytes, plain: bytes, aad: bytes, now: int) -> bytes:
        """Sealed bytes that only the institution can open, bound to `aad`."""
        # By the public key as well: after a rotation nothing more is sealed for the key before.
        place = (institution_code, public_key)
        key = self._keys.get(place)
        if key is None or not key.usable(now):
            key = sealing.new_content_key(public_key, SEAL_INFO, self._randomness.bytes(sealing.KEY_BYTES), now)
            if len(self._keys) >= CONTENT_KEYS_KEPT:
                del self._keys[next(iter(self._keys))]
            self._keys[place] = key
        return sealing.seal(key, plain, aad)


class VrsKeys:
    """The keys of the national vaccination record system: one set an area, and its own two for signing."""

    def __init__(self, master: bytes) -> None:
        self._master = master
        self._areas: dict[str, AreaKeys] = {}
        self.certificates: EllipticCurvePrivateKey = certificate.private_key_of(derive(master, "certificates"))
        self.log = key_pair_from_bytes(derive(master, "log"))
        self.digests = derive(master, "digests")

    def area(self, institution_code: str) -> AreaKeys:
        """A municipality's keys: nothing of one area is found or opened with another's."""
        keys = self._areas.get(institution_code)
        if keys is None:
            parts = (derive(self._master, f"{part}/{institution_code}") for part in ("finding", "sealing", "nonces"))
            keys = self._areas[institution_code] = AreaKeys(*parts)
        return keys

    def sign_checkpoint(self, origin: str, size: int, root: bytes) -> str:
        """A signed note over a municipality's log of provisions; the signer's name is the origin."""
        return checkpoint.sign(checkpoint.format_checkpoint(origin, size, root), origin, self.log.private_key)


class Keys:
    """All keys of one installation."""

    def __init__(self, master: bytes) -> None:
        if len(master) != MASTER_BYTES:
            raise ValueError(f"the master secret has {len(master)} bytes; {MASTER_BYTES} are needed")
        self._master = master
        self.institutions = InstitutionKeys(derive(master, "institutions"))

    @property
    def network_signing(self) -> Ed25519PrivateKey:
        """What the network signs permits with."""
        return key_pair_from_bytes(derive(self._master, "network/permits")).private_key

    @property
    def network_public(self) -> Ed25519PublicKey:
        """What providers check permits with."""
        return self.network_signing.public_key()

    @property
    def network_codes(self) -> bytes:
        """What the network makes linkage codes with; known to the core alone."""
        return derive(self._master, "network/codes")

    @property
    def root_signing(self) -> Ed25519PrivateKey:
        """What vouches for proof documents and the public keys in them: the trust root that auditors are told once."""
        return key_pair_from_bytes(derive(self._master, "root")).private_key

    @property
    def register(self) -> bytes:
        """The resident register's secret."""
        return derive(self._master, "register")

    @property
    def salts(self) -> bytes:
        """What salts the digests of answers."""
        return derive(self._master, "provision/salts")

    @property
    def vrs(self) -> VrsKeys:
        """The vaccination record system's keys."""
        return VrsKeys(derive(self._master, "vrs"))

    def health(self, institution_code: str) -> bytes:
        """What an institution's health system finds a person by individual number with."""
        return derive(self._master, f"health/{institution_code}")

    def database_password(self, role: str) -> str:
        """What a role logs in to PostgreSQL with."""
        return derive(self._master, f"postgres/{role}").hex()

    def protector(self, randomness: Randomness) -> Callable[[bytes], bytes]:
        """Encrypts what is set aside: nonce, then AES-256-GCM."""
        cipher = AESGCM(derive(self._master, "set-aside"))

        def protect(value: bytes) -> bytes:
            nonce = randomness.bytes(12)
            return nonce + cipher.encrypt(nonce, value, b"set aside")

        return protect

    def unprotect(self, value: bytes) -> bytes:
        """What `protector` encrypted."""
        cipher = AESGCM(derive(self._master, "set-aside"))
        return cipher.decrypt(value[:12], value[12:], b"set aside")
