"""What a cosignature promises: the bytes of C2SP tlog-cosignature v1, and nobody else's checkpoint under it."""

from __future__ import annotations

from base64 import b64decode, b64encode
from hashlib import sha256

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from broker.rules import checkpoint, cosignature
from broker.rules.checkpoint import CheckpointError, CheckpointRule
from broker.rules.signing import key_pair_from_bytes, public_key_from_bytes

LOG = key_pair_from_bytes(bytes(range(32)))
WITNESS = key_pair_from_bytes(bytes(range(1, 33)))
ORIGIN, NAME = "chukan.example/log", "chukan.example/witness/w1"
TEXT = checkpoint.format_checkpoint(ORIGIN, 42, bytes(range(100, 132)))
TIME = 1_679_315_147
LINE = cosignature.cosign(TEXT, NAME, WITNESS.private_key, TIME)

# A checkpoint of a public log with the lines of its own two keys and of four public witnesses.
PUBLIC_NOTE = """arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

— arche2025h1.staging.ct.transparency.dev zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQIgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=
— arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=
— transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==
— witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ75W3u5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==
— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==
— witness.stagemole.eu Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwYDJA2NmKeGi9Y8FtEyOUvVr+AJmIY/2TUFucgKi7lI7cUiOvKFYe/TmN9DAg==
"""  # noqa: E501 - as it was published
PUBLIC_TIME = 0x6A122120
PUBLIC_WITNESSES = (
    "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
    "witness.stagemole.eu+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv",
    "transparency.dev/DEV:witness-little-garden+d8042a87+BCtusOxINQNUTN5Oj8HObRkh2yHf/MwYaGX4CPdiVEPM",
    "witness1.smartit.nu/witness1+a48c820f+BPSFWg9G6KPiO7QPryYO5Xq4oYJJ+kAvLKLSimDhoxMO",
)
PUBLIC_LOG = "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f"

# The example of the specification, whose key is not given: the key id, then the time, then the signature.
EXAMPLE = "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA=="


@pytest.mark.parametrize("witness", PUBLIC_WITNESSES)
def test_cosignatures_of_public_witnesses_hold(witness: str) -> None:
    """Keys and lines that others published are read and verified: our key ids, our signed text, our layout."""
    key = cosignature.parse_verifier_key(witness)
    text, _ = checkpoint.opened(PUBLIC_NOTE)
    lines = PUBLIC_NOTE.partition("\n\n")[2]

    assert cosignature.verify(text, lines, key.name, public_key_from_bytes(key.public_key)) == PUBLIC_TIME
    with pytest.raises(CheckpointError) as refusal:
        cosignature.verify(text.replace("1432088532", "1432088533"), lines, key.name, public_key_from_bytes(key[1]))
    assert refusal.value.rule == CheckpointRule.SIGNATURE


def test_a_note_with_lines_of_other_kinds_is_still_its_logs() -> None:
    """Under one checkpoint stand signatures of several lengths; the log's own is found and verified among them."""
    key = checkpoint.parse_verifier_key(PUBLIC_LOG)

    assert checkpoint.verify(PUBLIC_NOTE, key.name, public_key_from_bytes(key.public_key)).size == 1_432_088_532


def test_the_specifications_example_has_our_layout() -> None:
    """Four bytes of key id, eight of time, sixty-four of signature."""
    data = b64decode(EXAMPLE)

    assert len(data) == 76
    assert int.from_bytes(data[4:12], "big") == TIME
    assert len(b64decode(LINE.split(" ")[2])) == 76


def test_the_bytes_are_those_of_the_specification() -> None:
    """Computed here once more, with nothing but a hash and Ed25519: the line is what C2SP tlog-cosignature v1 says."""
    public = WITNESS.public_bytes
    key_id = sha256(NAME.encode() + b"\n\x04" + public).digest()[:4]
    signed = b"cosignature/v1\ntime 1679315147\n" + TEXT.encode()
    signature = WITNESS.private_key.sign(signed)

    assert f"— {NAME} {b64encode(key_id + TIME.to_bytes(8, 'big') + signature).decode()}\n" == LINE
    typed_key = b64encode(b"\x04" + public).decode()
    assert cosignature.format_verifier_key(NAME, public) == f"{NAME}+{key_id.hex()}+{typed_key}"
    Ed25519PublicKey.from_public_bytes(public).verify(signature, signed)
    with pytest.raises(InvalidSignature):
        Ed25519PublicKey.from_public_bytes(public).verify(signature, TEXT.encode())


def test_a_log_with_cosignatures_verifies_under_every_signer() -> None:
    """Appended to the log's note, a line takes nothing from the log's own and holds beside it."""
    note = checkpoint.sign(TEXT, ORIGIN, LOG.private_key) + LINE

    assert checkpoint.verify(note, ORIGIN, LOG.public_key).size == 42
    assert cosignature.verify(checkpoint.text_of(note), note.partition("\n\n")[2], NAME, WITNESS.public_key) == TIME


@pytest.mark.parametrize(
    ("text", "lines", "rule"),
    [
        (TEXT.replace("42", "43"), LINE, CheckpointRule.SIGNATURE),
        (TEXT, LINE + LINE, CheckpointRule.SIGNER_ABSENT),
        (TEXT, checkpoint.sign(TEXT, NAME, WITNESS.private_key).partition("\n\n")[2], CheckpointRule.SIGNER_ABSENT),
        (TEXT, cosignature.cosign(TEXT, NAME, LOG.private_key, TIME), CheckpointRule.SIGNER_ABSENT),
        (TEXT, cosignature.cosign(TEXT, "w2", WITNESS.private_key, TIME), CheckpointRule.SIGNER_ABSENT),
        (
            TEXT,
            checkpoint.signature_line(NAME, cosignature.key_id(NAME, WITNESS.public_bytes), b"s" * 64),
            CheckpointRule.SIGNATURE_LINE,
        ),
        (TEXT, LINE[:-1], CheckpointRule.SIGNATURE_LINE),
        (TEXT[:-1], LINE, CheckpointRule.LINES),
    ],
)
def test_whatever_is_not_this_witnesss_word_is_refused_by_name(text: str, lines: str, rule: CheckpointRule) -> None:
    """Another text, another key, another kind of signature: each has its rule."""
    with pytest.raises(CheckpointError) as refusal:
        cosignature.verify(text, lines, NAME, WITNESS.public_key)

    assert refusal.value.rule == rule


def test_the_time_is_signed() -> None:
    """A line cannot be made younger: its time is in the signed text."""
    data = bytearray(b64decode(LINE.split(" ")[2]))
    data[11] ^= 1

    with pytest.raises(CheckpointError) as refusal:
        cosignature.verify(TEXT, f"— {NAME} {b64encode(data).decode()}\n", NAME, WITNESS.public_key)

    assert refusal.value.rule == CheckpointRule.SIGNATURE
    with pytest.raises(CheckpointError):
        cosignature.cosign(TEXT, NAME, WITNESS.private_key, 2**63)


def test_a_witnesss_key_is_no_logs_key() -> None:
    """The kind of key is part of its text: one is never read as the other."""
    text = cosignature.format_verifier_key(NAME, WITNESS.public_bytes)

    assert cosignature.parse_verifier_key(text) == (NAME, WITNESS.public_bytes)
    with pytest.raises(CheckpointError):
        checkpoint.parse_verifier_key(text)
    with pytest.raises(CheckpointError):
        cosignature.parse_verifier_key(checkpoint.format_verifier_key(NAME, WITNESS.public_bytes))
