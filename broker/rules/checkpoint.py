"""Checkpoints of a log: its size and root in the C2SP tlog-checkpoint form, signed as a C2SP signed note (Ed25519).

Owns the text of a checkpoint and its signature lines. Promises one spelling: `parse` and `verify` accept exactly what
`format_checkpoint` and `sign` write, and name the rule that a refused text broke. Leaves to the caller whether the
origin is the log it meant, and whether the tree has only grown (`merkle.verify_consistency`).

    chukan.example/institution/9900123210600000
    42
    <base64 of the 32-byte root>

    — key-name <base64 of key id (4 bytes) and signature (64 bytes)>

Lines of other signers may stand beside ours, as C2SP says; they must be well formed and are not verified. What a
witness adds is made and verified in `cosignature`.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ROOT_BYTES = 32
KEY_BYTES = 32
KEY_ID_BYTES = 4
SIGNATURE_BYTES = 64
MAX_SIZE = 2**63 - 1
MAX_SIGNATURE_LINES = 16
MAX_CHARACTERS = 8192
MAX_NAME_CHARACTERS = 255
MAX_LINE_BYTES = 4096  # of one signature of whatever kind, its key id included
ED25519 = b"\x01"  # the kind of a log's own key; a witness's is another
_DASH = "\u2014 "


class CheckpointRule(StrEnum):
    """What a text must keep to be a checkpoint that we believe."""

    TOO_LONG = "TOO_LONG"
    LINES = "LINES"
    ORIGIN = "ORIGIN"
    SIZE = "SIZE"
    ROOT = "ROOT"
    SIGNATURE_LINE = "SIGNATURE_LINE"
    TIME = "TIME"
    KEY_NAME = "KEY_NAME"
    VERIFIER_KEY = "VERIFIER_KEY"
    SIGNER_ABSENT = "SIGNER_ABSENT"
    SIGNATURE = "SIGNATURE"


class CheckpointError(ValueError):
    """A text that is no checkpoint, or not one signed as demanded; `rule` says which rule failed."""

    def __init__(self, rule: CheckpointRule, detail: str) -> None:
        super().__init__(f"{rule}: {detail}")
        self.rule = rule


class Checkpoint(NamedTuple):
    """What a log says of itself: its name, its number of leaves, its 32-byte root."""

    origin: str
    size: int
    root: bytes


class SignatureLine(NamedTuple):
    """One line under a note: the signer's name, the key id it claims (4 bytes), and the rest."""

    name: str
    key_id: bytes
    signature: bytes


class VerifierKey(NamedTuple):
    """A signer's name and raw 32-byte public key."""

    name: str
    public_key: bytes


def format_checkpoint(origin: str, size: int, root: bytes) -> str:
    """The three lines that are signed; CheckpointError for values that have no such form."""
    if not _is_line(origin):
        raise CheckpointError(CheckpointRule.ORIGIN, "the origin must be one printable line of 1 to 255 characters")
    if not 0 <= size <= MAX_SIZE:
        raise CheckpointError(CheckpointRule.SIZE, f"the size must be between 0 and {MAX_SIZE}")
    if len(root) != ROOT_BYTES:
        raise CheckpointError(CheckpointRule.ROOT, f"the root must have {ROOT_BYTES} bytes, has {len(root)}")
    return f"{origin}\n{size}\n{b64encode(root).decode()}\n"


def parse(text: str) -> Checkpoint:
    """The checkpoint in three unsigned lines, exactly as `format_checkpoint` writes them."""
    if len(text) > MAX_CHARACTERS:
        raise CheckpointError(CheckpointRule.TOO_LONG, f"more than {MAX_CHARACTERS} characters")
    lines = text.split("\n")
    if len(lines) != 4 or lines[3]:
        raise CheckpointError(CheckpointRule.LINES, "three lines are needed, each ended by a line feed")
    origin, size_text, root_text, _ = lines
    checkpoint = Checkpoint(origin, _size(size_text), _base64(root_text, ROOT_BYTES, CheckpointRule.ROOT))
    format_checkpoint(*checkpoint)
    return checkpoint


def sign(note_text: str, name: str, private_key: Ed25519PrivateKey) -> str:
    """The signed note: the checkpoint's lines, an empty line, and the line of one signer."""
    parse(note_text)
    signature = private_key.sign(note_text.encode())
    identity = key_id(name, private_key.public_key().public_bytes_raw())
    return f"{note_text}\n{signature_line(name, identity, signature)}"


def verify(text: str, name: str, public_key: Ed25519PublicKey) -> Checkpoint:
    """The checkpoint in a note that this signer signed; otherwise CheckpointError with the rule that failed."""
    if len(text) > MAX_CHARACTERS:
        raise CheckpointError(CheckpointRule.TOO_LONG, f"more than {MAX_CHARACTERS} characters")
    note_text, lines = opened(text)
    checkpoint = parse(note_text)
    signature = signature_of(lines, name, key_id(name, public_key.public_bytes_raw()))
    try:
        public_key.verify(signature, note_text.encode())
    except InvalidSignature:
        raise CheckpointError(CheckpointRule.SIGNATURE, f"the signature of {name} does not fit the text") from None
    return checkpoint


def opened(note: str) -> tuple[str, list[SignatureLine]]:
    """The text that is signed, with its last line feed, and the signature lines under it."""
    body, blank, tail = note.partition("\n\n")
    if not blank:
        raise CheckpointError(CheckpointRule.LINES, "no empty line before the signatures")
    return body + "\n", signature_lines(tail)


def text_of(note: str) -> str:
    """The text that is signed; nothing is verified."""
    return note.partition("\n\n")[0] + "\n"


def signature_of(lines: Sequence[SignatureLine], name: str, identity: bytes) -> bytes:
    """The one signature that claims to be of this name and key id."""
    found = [line.signature for line in lines if (line.name, line.key_id) == (name, identity)]
    if len(found) != 1:
        raise CheckpointError(
            CheckpointRule.SIGNER_ABSENT, f"{len(found)} signature lines of this key of {name}, not one"
        )
    return found[0]


def key_id(name: str, public_key: bytes, kind: bytes = ED25519) -> bytes:
    """First four bytes of SHA-256(name || 0x0A || kind || public key), C2SP signed-note."""
    if not _is_name(name):
        raise CheckpointError(CheckpointRule.KEY_NAME, "a key name has 1 to 255 characters, no space and no plus")
    return sha256(name.encode() + b"\n" + kind + public_key).digest()[:KEY_ID_BYTES]


def format_verifier_key(name: str, public_key: bytes, kind: bytes = ED25519) -> str:
    """`name+key id in hex+base64(kind || public key)`, what an auditor is given once and keeps."""
    return f"{name}+{key_id(name, public_key, kind).hex()}+{b64encode(kind + public_key).decode()}"


def parse_verifier_key(text: str, kind: bytes = ED25519) -> VerifierKey:
    """The key that `format_verifier_key` wrote; CheckpointError when name, id and key do not belong together."""
    name, _, rest = text.partition("+")
    _, _, key_text = rest.partition("+")
    typed_key = _base64(key_text, 1 + KEY_BYTES, CheckpointRule.VERIFIER_KEY)
    if format_verifier_key(name, typed_key[1:], kind) != text:
        raise CheckpointError(CheckpointRule.VERIFIER_KEY, "name, key id and Ed25519 key do not belong together")
    return VerifierKey(name, typed_key[1:])


def signature_lines(tail: str) -> list[SignatureLine]:
    """The lines below a note's empty line; CheckpointError unless each is well formed, whatever its kind."""
    lines = tail.split("\n")
    if lines.pop() or not 0 < len(lines) <= MAX_SIGNATURE_LINES:
        raise CheckpointError(
            CheckpointRule.SIGNATURE_LINE, f"between 1 and {MAX_SIGNATURE_LINES} whole signature lines are needed"
        )
    return [_signature(line) for line in lines]


def signature_line(name: str, identity: bytes, signature: bytes) -> str:
    """One line, its line feed included."""
    return f"{_DASH}{name} {b64encode(identity + signature).decode()}\n"


def _signature(line: str) -> SignatureLine:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space or not _is_name(name):
        raise CheckpointError(CheckpointRule.SIGNATURE_LINE, "a signature line is: dash, name, base64")
    data = _base64(encoded, None, CheckpointRule.SIGNATURE_LINE)
    if not KEY_ID_BYTES < len(data) <= MAX_LINE_BYTES:
        raise CheckpointError(CheckpointRule.SIGNATURE_LINE, "a signature line holds a key id and a signature")
    return SignatureLine(name, data[:KEY_ID_BYTES], data[KEY_ID_BYTES:])


def _size(text: str) -> int:
    if len(text) > len(str(MAX_SIZE)) or not (text.isascii() and text.isdigit()) or text != str(int(text)):
        raise CheckpointError(CheckpointRule.SIZE, "the size is a decimal number without leading zeros")
    return int(text)


def _base64(text: str, length: int | None, rule: CheckpointRule) -> bytes:
    try:
        data = b64decode(text, validate=True)
    except (Base64Error, ValueError):
        raise CheckpointError(rule, "not base64") from None
    # Comparing spellings refuses the unused low bits that a decoder ignores.
    if len(data) != (length or len(data)) or b64encode(data).decode() != text:
        raise CheckpointError(rule, f"not the one base64 spelling of {length or 'any'} bytes")
    return data


def _is_line(text: str) -> bool:
    return 0 < len(text) <= MAX_NAME_CHARACTERS and text.isprintable() and text == text.strip()


def _is_name(text: str) -> bool:
    return _is_line(text) and "+" not in text and not any(character.isspace() for character in text)
