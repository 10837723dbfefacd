"""Sealed answers: only the inquirer can open what the provider sends; the network in between sees bytes and sizes.

Owns content keys and the sealed form. Promises that no nonce is used twice with a key, that sizes are told in steps of
256 bytes only, and that a wrong recipient, wrong associated data or one changed bit gives a named error and no plain
text. Leaves to the caller time, the randomness of content keys, and what `info` and `aad` bind an answer to.

A content key is a random AES-256-GCM key, wrapped once for one recipient with HPKE (RFC 9180: X25519,
HKDF-SHA256, AES-256-GCM) and good for many answers: at most 2**20 of them and 15 minutes. The wrap's ephemeral
key is the library's own randomness, so sealed bytes are never the same twice; nothing that is replayed may
depend on them.

Sealed bytes: version 0x01 (1) || length of the wrap (2, big-endian) || wrap (80) || nonce (12) || ciphertext and tag.
Plain text inside: its length (4) || itself || zeros up to a multiple of 256.
"""

from hashlib import sha256
from typing import NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

KEY_BYTES = 32
MAX_ANSWERS_PER_KEY = 2**20
KEY_LIFE_MS = 15 * 60 * 1000
PADDING_STEP_BYTES = 256
MAX_CACHED_KEYS = 4096
SEALED_VERSION = 1
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_WRAP_BYTES = 80  # 32 encapsulated key, 32 content key, 16 tag
_HEAD = bytes((SEALED_VERSION,)) + _WRAP_BYTES.to_bytes(2, "big")
_NONCE_START = len(_HEAD) + _WRAP_BYTES
_NONCE_BYTES = 12
_CIPHER_START = _NONCE_START + _NONCE_BYTES
_LENGTH_BYTES = 4
_TAG_BYTES = 16
_SHORTEST_SEALED = _CIPHER_START + PADDING_STEP_BYTES + _TAG_BYTES

UnwrappedKeys = dict[bytes, AESGCM]
"""Content keys already unwrapped, by digest; the caller keeps it, this module bounds it and lets the oldest go."""


class SealingError(Exception):
    """Something sealed cannot be opened, or something cannot be sealed."""


class ContentKeySpentError(SealingError):
    """This content key has sealed all the answers that it may."""


class SealFormatError(SealingError):
    """These bytes are not in the sealed form."""


class SealRecipientError(SealingError):
    """The content key was not wrapped for this recipient and this `info`, or the wrap was changed."""


class SealContentError(SealingError):
    """The sealed answer or its associated data was changed."""


class ContentKey:
    """A content key and its wrap. It counts its answers: the one thing here that changes, and cannot be copied."""

    __slots__ = ("_cipher", "_head", "_made_at_ms", "_used")

    def __init__(self, cipher: AESGCM, wrap: bytes, made_at_ms: int) -> None:
        self._cipher = cipher
        self._head = _HEAD + wrap
        self._made_at_ms = made_at_ms
        self._used = 0

    def usable(self, now_ms: int) -> bool:
        """Whether the key may seal one more answer now; otherwise the caller makes a new one."""
        age_ms = now_ms - self._made_at_ms
        return 0 <= age_ms < KEY_LIFE_MS and self._used < MAX_ANSWERS_PER_KEY

    def seal_padded(self, padded: bytes, aad: bytes) -> bytes:
        """Seal bytes that are padded already; use the function `seal`."""
        used = self._used
        if used >= MAX_ANSWERS_PER_KEY:
            raise ContentKeySpentError(f"a content key seals at most {MAX_ANSWERS_PER_KEY} answers")
        self._used = used + 1  # before use: a nonce is spent even if sealing fails
        nonce = used.to_bytes(_NONCE_BYTES, "big")
        return b"".join((self._head, nonce, self._cipher.encrypt(nonce, padded, aad)))

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError("a copy of a content key would use its nonces again")


def recipient_public_bytes(recipient_private_key: bytes) -> bytes:
    """The raw 32-byte X25519 public key that belongs to a raw 32-byte private key."""
    return X25519PrivateKey.from_private_bytes(recipient_private_key).public_key().public_bytes_raw()


def new_content_key(recipient_public_key: bytes, info: bytes, randomness: bytes, now_ms: int) -> ContentKey:
    """A key for answers to one recipient, wrapped under `info` (which opening must repeat: who seals for whom).

    `randomness` is 32 secret bytes, fresh from the caller for every key: the same bytes twice would use nonces twice.
    ValueError for another length or for bytes that are no X25519 key.
    """
    if len(randomness) != KEY_BYTES:
        raise ValueError(f"a content key needs {KEY_BYTES} random bytes, not {len(randomness)}")
    wrap = _SUITE.encrypt(randomness, X25519PublicKey.from_public_bytes(recipient_public_key), info)
    return ContentKey(AESGCM(randomness), wrap, now_ms)


def seal(content_key: ContentKey, plaintext: bytes, aad: bytes) -> bytes:
    """One answer, sealed and self-contained; ContentKeySpentError after 2**20 of them."""
    padding = -(_LENGTH_BYTES + len(plaintext)) % PADDING_STEP_BYTES
    return content_key.seal_padded(
        b"".join((len(plaintext).to_bytes(_LENGTH_BYTES, "big"), plaintext, bytes(padding))), aad
    )


def open_sealed(
    sealed: bytes, recipient_private_key: bytes, info: bytes, aad: bytes, cache: UnwrappedKeys | None
) -> bytes:
    """The plain answer; SealFormatError, SealRecipientError or SealContentError when there is none to be had.

    With a cache, a content key is unwrapped once; what is remembered belongs to recipient, wrap and `info`
    together, so one cache may serve many recipients.
    """
    if len(sealed) < _SHORTEST_SEALED or not sealed.startswith(_HEAD):
        raise SealFormatError("not a sealed answer of version 1")
    cipher = _unwrapped(sealed[len(_HEAD) : _NONCE_START], recipient_private_key, info, cache)
    try:
        padded = cipher.decrypt(sealed[_NONCE_START:_CIPHER_START], sealed[_CIPHER_START:], aad)
    except InvalidTag:
        raise SealContentError("the sealed answer or its associated data was changed") from None
    return _unpadded(padded)


def _unwrapped(wrap: bytes, recipient_private_key: bytes, info: bytes, cache: UnwrappedKeys | None) -> AESGCM:
    # A digest, so that no key ever stands in the open as a key of the dictionary.
    name = sha256(recipient_private_key + wrap + info).digest()
    if cache is not None and name in cache:
        return cache[name]
    try:
        key = _SUITE.decrypt(wrap, X25519PrivateKey.from_private_bytes(recipient_private_key), info)
    except InvalidTag:
        raise SealRecipientError("the content key was not wrapped for this recipient and info") from None
    cipher = AESGCM(key)
    if cache is not None:
        while len(cache) >= MAX_CACHED_KEYS:
            del cache[next(iter(cache))]
        cache[name] = cipher
    return cipher


def _unpadded(padded: bytes) -> bytes:
    end = _LENGTH_BYTES + int.from_bytes(padded[:_LENGTH_BYTES], "big")
    # A sealer with the right key can still pad wrongly; one plain text has one padded form.
    if len(padded) != end + -end % PADDING_STEP_BYTES or padded.count(0, end) != len(padded) - end:
        raise SealFormatError("the plain text inside is not padded as it must be")
    return padded[_LENGTH_BYTES:end]
