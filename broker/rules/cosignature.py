"""What a witness adds to a checkpoint: a timestamped signature line in the form of C2SP tlog-cosignature v1 (Ed25519).

Owns the text that is signed, its line, and the key of a witness as others are given it. Promises one spelling, as
`checkpoint` does. Leaves to `witness` whether a checkpoint deserves it.

    — key-name <base64 of key id (4 bytes), POSIX time (8, big-endian) and signature (64)>

Signed is `cosignature/v1`, a line feed, `time`, a space, the time in decimal, a line feed, and the checkpoint's three
lines. The key id is the first four bytes of SHA-256(name || 0x0A || 0x04 || public key): a log's own key and a
witness's can never be taken for one another.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from broker.rules import checkpoint
from broker.rules.checkpoint import SIGNATURE_BYTES, CheckpointError, CheckpointRule, VerifierKey

COSIGNATURE_V1 = b"\x04"
TIME_BYTES = 8
MAX_TIME = 2**63 - 1


def name_of_witness(institution_code: str) -> str:
    """The key name of an institution as a witness."""
    return f"chukan.invalid/witness/{institution_code}"


def signed_bytes(note_text: str, time: int) -> bytes:
    """What a witness signs. time: seconds since 1970 UTC; CheckpointError for one that has no such form."""
    if not 0 <= time <= MAX_TIME:
        raise CheckpointError(CheckpointRule.TIME, f"the time must be between 0 and {MAX_TIME}")
    return f"cosignature/v1\ntime {time}\n{note_text}".encode()


def cosign(note_text: str, name: str, private_key: Ed25519PrivateKey, time: int) -> str:
    """The line of this witness for the checkpoint in these three lines, its line feed included."""
    checkpoint.parse(note_text)
    signature = private_key.sign(signed_bytes(note_text, time))
    identity = key_id(name, private_key.public_key().public_bytes_raw())
    return checkpoint.signature_line(name, identity, time.to_bytes(TIME_BYTES, "big") + signature)


def verify(note_text: str, lines: str, name: str, public_key: Ed25519PublicKey) -> int:
    """When this witness cosigned the checkpoint in these three lines, seconds since 1970 UTC.

    lines: signature lines, this witness's among them; CheckpointError names the rule that failed.
    """
    checkpoint.parse(note_text)
    identity = key_id(name, public_key.public_bytes_raw())
    stamped = checkpoint.signature_of(checkpoint.signature_lines(lines), name, identity)
    if len(stamped) != TIME_BYTES + SIGNATURE_BYTES:
        raise CheckpointError(CheckpointRule.SIGNATURE_LINE, f"{name}: a cosignature is a time and a signature")
    time = int.from_bytes(stamped[:TIME_BYTES], "big")
    try:
        public_key.verify(stamped[TIME_BYTES:], signed_bytes(note_text, time))
    except InvalidSignature:
        raise CheckpointError(CheckpointRule.SIGNATURE, f"the cosignature of {name} does not fit the text") from None
    return time


def key_id(name: str, public_key: bytes) -> bytes:
    """First four bytes of SHA-256(name || 0x0A || 0x04 || public key)."""
    return checkpoint.key_id(name, public_key, COSIGNATURE_V1)


def format_verifier_key(name: str, public_key: bytes) -> str:
    """`name+key id in hex+base64(0x04 || public key)`, what an auditor is given once and keeps."""
    return checkpoint.format_verifier_key(name, public_key, COSIGNATURE_V1)


def parse_verifier_key(text: str) -> VerifierKey:
    """The key that `format_verifier_key` wrote; CheckpointError when name, id and key do not belong together."""
    return checkpoint.parse_verifier_key(text, COSIGNATURE_V1)
