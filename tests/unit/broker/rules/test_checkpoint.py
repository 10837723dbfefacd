"""What a checkpoint promises: one spelling, the world's signed-note form, and a refusal that names the rule."""

from base64 import b64decode, b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.rules import checkpoint
from broker.rules.checkpoint import Checkpoint, CheckpointError, CheckpointRule
from broker.rules.signing import key_pair_from_bytes, public_key_from_bytes

PAIR = key_pair_from_bytes(bytes(range(32)))
OTHER = key_pair_from_bytes(bytes(range(1, 33)))
NAME = "chukan.example/log"
ORIGIN = "chukan.example/institution/9900123210600000"
ROOT = bytes(range(100, 132))
ROOT_TEXT = b64encode(ROOT).decode()
TEXT = f"{ORIGIN}\n42\n{ROOT_TEXT}\n"
NOTE = checkpoint.sign(TEXT, NAME, PAIR.private_key)
LINE = NOTE.split("\n\n")[1]


def refused_by(text: str) -> CheckpointRule:
    with pytest.raises(CheckpointError) as refusal:
        checkpoint.verify(text, NAME, PAIR.public_key)
    return refusal.value.rule


def test_a_checkpoint_is_three_lines() -> None:
    """Origin, decimal size and base64 root, each on its line, are all that is signed."""
    assert checkpoint.format_checkpoint(ORIGIN, 42, ROOT) == TEXT
    assert checkpoint.parse(TEXT) == Checkpoint(ORIGIN, 42, ROOT)


def test_a_signed_checkpoint_is_believed() -> None:
    """Who holds the signer's key reads from the note what the log said, and the text is the signed text."""
    assert NOTE.startswith(TEXT + "\n\u2014 " + NAME + " ")
    assert checkpoint.verify(NOTE, NAME, PAIR.public_key) == Checkpoint(ORIGIN, 42, ROOT)


@settings(deadline=None)
@given(
    origin=st.text(st.characters(codec="utf-8"), min_size=1, max_size=60).filter(
        lambda text: text.isprintable() and text == text.strip()
    ),
    size=st.integers(0, checkpoint.MAX_SIZE),
    root=st.binary(min_size=32, max_size=32),
)
def test_what_is_written_is_read(origin: str, size: int, root: bytes) -> None:
    """Every checkpoint survives the way through its text, signed or not."""
    text = checkpoint.format_checkpoint(origin, size, root)

    assert checkpoint.parse(text) == Checkpoint(origin, size, root)
    assert checkpoint.verify(checkpoint.sign(text, NAME, PAIR.private_key), NAME, PAIR.public_key).size == size


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (TEXT + "x" * 9000, CheckpointRule.TOO_LONG),
        (TEXT[:-1], CheckpointRule.LINES),
        (TEXT + "extension\n", CheckpointRule.LINES),
        ("\n" + TEXT, CheckpointRule.LINES),
        (TEXT.replace(ORIGIN, ""), CheckpointRule.ORIGIN),
        (TEXT.replace(ORIGIN, " " + ORIGIN), CheckpointRule.ORIGIN),
        (TEXT.replace(ORIGIN, "a\tb"), CheckpointRule.ORIGIN),
        (TEXT.replace(ORIGIN, "o" * 256), CheckpointRule.ORIGIN),
        (TEXT.replace("\n", "\r\n"), CheckpointRule.SIZE),
        (TEXT.replace("42", "042"), CheckpointRule.SIZE),
        (TEXT.replace("42", "+42"), CheckpointRule.SIZE),
        (TEXT.replace("42", "-1"), CheckpointRule.SIZE),
        (TEXT.replace("42", "4_2"), CheckpointRule.SIZE),
        (TEXT.replace("42", "４２"), CheckpointRule.SIZE),
        (TEXT.replace("42", ""), CheckpointRule.SIZE),
        (TEXT.replace("42", str(2**63)), CheckpointRule.SIZE),
        (TEXT.replace("42", "9" * 5000), CheckpointRule.SIZE),
        (TEXT.replace(ROOT_TEXT, ""), CheckpointRule.ROOT),
        (TEXT.replace(ROOT_TEXT, ROOT_TEXT[:-1]), CheckpointRule.ROOT),
        (TEXT.replace(ROOT_TEXT, " " + ROOT_TEXT), CheckpointRule.ROOT),
        (TEXT.replace(ROOT_TEXT, "あ" * 44), CheckpointRule.ROOT),
        (TEXT.replace(ROOT_TEXT, b64encode(ROOT[:31]).decode()), CheckpointRule.ROOT),
        (TEXT.replace(ROOT_TEXT, ROOT_TEXT[:-2] + chr(ord(ROOT_TEXT[-2]) + 1) + "="), CheckpointRule.ROOT),
    ],
)
def test_every_other_spelling_is_refused_by_name(text: str, rule: CheckpointRule) -> None:
    """Two texts never say the same checkpoint, so comparing texts is comparing checkpoints."""
    with pytest.raises(CheckpointError) as refusal:
        checkpoint.parse(text)

    assert refusal.value.rule == rule


@pytest.mark.parametrize(
    ("origin", "size", "root", "rule"),
    [
        ("", 1, ROOT, CheckpointRule.ORIGIN),
        ("two\nlines", 1, ROOT, CheckpointRule.ORIGIN),
        ("half \ud800", 1, ROOT, CheckpointRule.ORIGIN),
        (ORIGIN, -1, ROOT, CheckpointRule.SIZE),
        (ORIGIN, 2**63, ROOT, CheckpointRule.SIZE),
        (ORIGIN, 1, ROOT[:-1], CheckpointRule.ROOT),
    ],
)
def test_nothing_unreadable_is_written(origin: str, size: int, root: bytes, rule: CheckpointRule) -> None:
    """The formatter refuses what the parser would refuse."""
    with pytest.raises(CheckpointError) as refusal:
        checkpoint.format_checkpoint(origin, size, root)

    assert refusal.value.rule == rule


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (NOTE + "x" * 9000, CheckpointRule.TOO_LONG),
        (TEXT, CheckpointRule.LINES),
        (f"{TEXT}\n", CheckpointRule.SIGNATURE_LINE),
        (NOTE[:-1], CheckpointRule.SIGNATURE_LINE),
        (NOTE + "\n", CheckpointRule.SIGNATURE_LINE),
        (NOTE.replace("\u2014", "-"), CheckpointRule.SIGNATURE_LINE),
        (f"{TEXT}\n\u2014 {NAME}\n", CheckpointRule.SIGNATURE_LINE),
        (f"{TEXT}\n\u2014 {NAME} AAAA\n", CheckpointRule.SIGNATURE_LINE),
        (f"{TEXT}\n\u2014 a+b {LINE.split(' ')[2]}", CheckpointRule.SIGNATURE_LINE),
        (f"{TEXT}\n" + LINE * 17, CheckpointRule.SIGNATURE_LINE),
        (NOTE + LINE, CheckpointRule.SIGNER_ABSENT),
        (checkpoint.sign(TEXT, "somebody.else", PAIR.private_key), CheckpointRule.SIGNER_ABSENT),
        (checkpoint.sign(TEXT, NAME, OTHER.private_key), CheckpointRule.SIGNER_ABSENT),
        (NOTE.replace("\n42\n", "\n43\n"), CheckpointRule.SIGNATURE),
        (NOTE.replace("institution", "institutiom"), CheckpointRule.SIGNATURE),
        (NOTE.replace("\n42\n", "\n042\n"), CheckpointRule.SIZE),
    ],
)
def test_a_note_that_is_not_signed_as_it_must_be_is_refused_by_name(text: str, rule: CheckpointRule) -> None:
    """The one who verifies learns which rule failed, not merely that something did."""
    assert refused_by(text) == rule


def test_every_changed_bit_of_the_signature_is_noticed() -> None:
    """Key id and signature are bound to key and text in all their 544 bits."""
    head, _, encoded = LINE.rstrip("\n").rpartition(" ")
    data = b64decode(encoded)

    for bit in range(len(data) * 8):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        rule = refused_by(f"{TEXT}\n{head} {b64encode(changed).decode()}\n")
        assert rule == (CheckpointRule.SIGNER_ABSENT if bit < 32 else CheckpointRule.SIGNATURE)


def test_other_signers_may_stand_beside_ours() -> None:
    """A witness that adds its line takes nothing from ours."""
    witness_line = checkpoint.sign(TEXT, "witness.example", OTHER.private_key).split("\n\n")[1]

    for note in (NOTE + witness_line, f"{TEXT}\n{witness_line}{LINE}"):
        assert checkpoint.verify(note, NAME, PAIR.public_key).size == 42
        assert checkpoint.verify(note, "witness.example", OTHER.public_key).size == 42


@pytest.mark.parametrize("text", ["", NOTE, TEXT[:-1], TEXT.replace("42", "042")])
def test_nothing_but_a_checkpoint_is_signed(text: str) -> None:
    """The key signs no text that would be refused afterwards."""
    with pytest.raises(CheckpointError):
        checkpoint.sign(text, NAME, PAIR.private_key)


@pytest.mark.parametrize("name", ["", "two words", "a+b", "ideographic\u3000space", "n" * 256])
def test_a_name_that_would_not_be_read_back_signs_nothing(name: str) -> None:
    """A key name has neither space nor plus, which separate it from what follows."""
    with pytest.raises(CheckpointError) as refusal:
        checkpoint.sign(TEXT, name, PAIR.private_key)

    assert refusal.value.rule == CheckpointRule.KEY_NAME


def test_keys_and_signatures_are_those_of_the_world() -> None:
    """Verifier keys published by others are read, and a signature line made by others is checked, with our key ids."""
    checksums = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
    neumann = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    said = (
        b"If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n",
        "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=",
    )

    key = checkpoint.parse_verifier_key(neumann)

    assert checkpoint.parse_verifier_key(checksums).name == "sum.golang.org"
    assert b64decode(said[1])[:4] == checkpoint.key_id(*key)
    public_key_from_bytes(key.public_key).verify(b64decode(said[1])[4:], said[0])


def test_a_verifier_key_is_read_as_it_was_written() -> None:
    """What an auditor was given once leads to the same key for ever."""
    text = checkpoint.format_verifier_key(NAME, PAIR.public_bytes)

    assert checkpoint.parse_verifier_key(text) == (NAME, PAIR.public_bytes)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+01020304",
        checkpoint.format_verifier_key(NAME, PAIR.public_bytes).replace("+", "+0", 1),
        checkpoint.format_verifier_key(NAME, PAIR.public_bytes).replace("log", "lag"),
        checkpoint.format_verifier_key(NAME, PAIR.public_bytes).replace("+AQ", "+Ag"),
        checkpoint.format_verifier_key(NAME, PAIR.public_bytes) + "=",
    ],
)
def test_a_verifier_key_that_does_not_hang_together_is_refused(text: str) -> None:
    """A mistyped key is noticed by its key id before it makes every log look forged."""
    with pytest.raises(CheckpointError):
        checkpoint.parse_verifier_key(text)
