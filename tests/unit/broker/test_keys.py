"""All keys come from one master secret, each for one purpose, and do what they are for."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from cryptography.exceptions import InvalidTag
from factories import KARIYA, NOW, TOYOTA

from broker.adapters.virtual_time import SeededRandomness
from broker.errors import OwnFault
from broker.keys import CONTENT_KEYS_KEPT, MASTER_BYTES, SEAL_INFO, Keys, Sealer, derive
from broker.rules import checkpoint, merkle, sealing

ONE, OTHER = Keys(bytes(32)), Keys(bytes([1]) * 32)


@pytest.mark.parametrize("length", [0, MASTER_BYTES - 1, MASTER_BYTES + 1])
def test_master_secret_has_its_length(length: int) -> None:
    """A master secret of another length is refused; the text says what is needed."""
    with pytest.raises(ValueError, match=f"{length} bytes; 32 are needed"):
        Keys(bytes(length))


def test_derivation_is_hkdf() -> None:
    """RFC 5869 with an empty salt, one block: extract, then expand with the label."""
    extracted = hmac.new(bytes(32), b"m" * 32, hashlib.sha256).digest()

    assert derive(b"m" * 32, "purpose") == hmac.new(extracted, b"purpose\x01", hashlib.sha256).digest()


def everything(keys: Keys) -> list[bytes]:
    """Every secret of an installation, for two institutions."""
    return [
        keys.network_signing.private_bytes_raw(),
        keys.network_codes,
        keys.register,
        keys.salts,
        *(keys.institutions.signing(code).private_key.private_bytes_raw() for code in (KARIYA, TOYOTA)),
        *(keys.institutions.sealing_private(code) for code in (KARIYA, TOYOTA)),
    ]


def test_every_purpose_has_its_own_key() -> None:
    """No two purposes, institutions or installations share a secret, and the same master gives the same keys."""
    assert len({*everything(ONE), *everything(OTHER)}) == 2 * len(everything(ONE)) == 16
    assert everything(ONE) == everything(Keys(bytes(32)))


def test_network_public_key_belongs_to_the_signing_key() -> None:
    """What the network signs verifies with the key that providers are given."""
    ONE.network_public.verify(ONE.network_signing.sign(b"permit"), b"permit")


def test_checkpoints_are_signed_with_the_institutions_key() -> None:
    """A checkpoint verifies under its institution's public key and origin, and under no other."""
    root = merkle.root([merkle.leaf_hash(b"a")])
    note = ONE.institutions.sign_checkpoint(KARIYA, f"chukan.invalid/{KARIYA}", 1, root)

    found = checkpoint.verify(note, f"chukan.invalid/{KARIYA}", ONE.institutions.signing(KARIYA).public_key)

    assert (found.size, found.root) == (1, root)
    with pytest.raises(checkpoint.CheckpointError):
        checkpoint.verify(note, f"chukan.invalid/{KARIYA}", ONE.institutions.signing(TOYOTA).public_key)


def test_a_private_key_is_found_by_its_public_one() -> None:
    """Whatever generation an institution is at; another institution's key is nobody's."""
    mine = ONE.institutions
    for generation in (0, 1, 7):
        public = mine.sealing_public(KARIYA, generation)
        assert mine.sealing_private_of(KARIYA, public) == mine.sealing_private(KARIYA, generation)
    with pytest.raises(OwnFault, match=TOYOTA):
        mine.sealing_private_of(TOYOTA, mine.sealing_public(KARIYA))


# ── sealed answers ───────────────────────────────────────────────────────────────────────────────────────────────


def sealed(sealer: Sealer, plain: bytes, now: int = NOW, code: str = KARIYA) -> bytes:
    return sealer(code, ONE.institutions.sealing_public(code), plain, b"exchange", now)


def opened(data: bytes, code: str = KARIYA, aad: bytes = b"exchange") -> bytes:
    return sealing.open_sealed(data, ONE.institutions.sealing_private(code), SEAL_INFO, aad, None)


def test_sealed_for_one_institution_and_one_exchange() -> None:
    """Only the institution opens it, and only as the answer to the exchange it was sealed for."""
    data = sealed(Sealer(SeededRandomness(1)), b"content")

    assert opened(data) == b"content"
    with pytest.raises(sealing.SealRecipientError):
        opened(data, TOYOTA)
    with pytest.raises(sealing.SealContentError):
        opened(data, aad=b"another exchange")


def test_content_key_is_used_again_within_its_life() -> None:
    """Answers to one institution share a wrap while the key is young; afterwards a new key is made."""
    sealer = Sealer(SeededRandomness(1))
    wraps = [sealed(sealer, b"x", NOW + at)[3:83] for at in (0, 1, sealing.KEY_LIFE_MS - 1, sealing.KEY_LIFE_MS)]

    assert wraps[0] == wraps[1] == wraps[2] != wraps[3]


def test_no_two_answers_are_sealed_alike() -> None:
    """The same content twice gives different bytes, also after a restart with the same clock."""
    sealer = Sealer(SeededRandomness(1))

    assert len({sealed(sealer, b"x"), sealed(sealer, b"x"), sealed(Sealer(SeededRandomness(2)), b"x")}) == 3


def test_content_keys_do_not_grow_without_bound() -> None:
    """The oldest key is let go when there are too many."""
    sealer = Sealer(SeededRandomness(1))
    public = ONE.institutions.sealing_public(KARIYA)
    key = sealing.new_content_key(public, SEAL_INFO, bytes(32), NOW)
    sealer._keys.update({(f"old {n}", public): key for n in range(CONTENT_KEYS_KEPT)})

    for n in range(3):
        sealer(f"new {n}", public, b"x", b"", NOW)

    assert len(sealer._keys) == CONTENT_KEYS_KEPT
    assert ("old 2", public) not in sealer._keys
    assert {("old 3", public), ("new 0", public), ("new 2", public)} <= set(sealer._keys)


# ── what is set aside ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("value", [b"", b"x", bytes(262_144)])
def test_set_aside_bytes_come_back(value: bytes) -> None:
    """What is kept encrypted is the same when it is needed, and is not readable meanwhile."""
    kept = ONE.protector(SeededRandomness(1))(value)

    assert ONE.unprotect(kept) == value
    assert value == b"" or value not in kept
    assert len(kept) == len(value) + 28


def test_set_aside_is_different_each_time() -> None:
    """The same bytes twice do not look the same."""
    protect = ONE.protector(SeededRandomness(1))

    assert protect(b"x") != protect(b"x")


def test_set_aside_by_others_or_changed() -> None:
    """Another installation's key opens nothing, and one changed bit is noticed."""
    kept = ONE.protector(SeededRandomness(1))(b"secret")

    with pytest.raises(InvalidTag):
        OTHER.unprotect(kept)
    with pytest.raises(InvalidTag):
        ONE.unprotect(kept[:-1] + bytes([kept[-1] ^ 1]))
