"""What a sealed answer promises: its recipient alone opens it, nothing of it can be changed, its size tells little."""

import copy
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.rules import sealing

SECRET = bytes(range(32))
OTHER_SECRET = bytes(range(1, 33))
PUBLIC = sealing.recipient_public_bytes(SECRET)
INFO = b"provider to inquirer"
AAD = b"serial 20240401000000000123"
NOW_MS = 1_711_929_600_000


def new_key(randomness: bytes = bytes(range(50, 82))) -> sealing.ContentKey:
    return sealing.new_content_key(PUBLIC, INFO, randomness, NOW_MS)


@settings(deadline=None, max_examples=50)
@given(plaintext=st.binary(max_size=2000), aad=st.binary(max_size=40))
def test_the_recipient_reads_what_was_sealed(plaintext: bytes, aad: bytes) -> None:
    """Every answer comes out as it went in, whatever its length."""
    sealed = sealing.seal(new_key(), plaintext, aad)

    assert sealing.open_sealed(sealed, SECRET, INFO, aad, None) == plaintext


def test_one_wrap_serves_many_answers() -> None:
    """A key is unwrapped once, each answer has its own nonce, and equal answers look different."""
    key, cache = new_key(), sealing.UnwrappedKeys()

    sealed = [sealing.seal(key, b"the same", AAD) for _ in range(200)]

    assert {sealing.open_sealed(one, SECRET, INFO, AAD, cache) for one in sealed} == {b"the same"}
    assert len(cache) == 1
    assert len({one[83:95] for one in sealed}) == len({one[95:] for one in sealed}) == 200
    assert len({one[:83] for one in sealed}) == 1


@pytest.mark.parametrize("cache", [None, {}])
def test_another_recipient_opens_nothing(cache: sealing.UnwrappedKeys | None) -> None:
    """Neither with another key nor under another info, even from a cache in which the right recipient's key lies."""
    sealed = sealing.seal(new_key(), b"answer", AAD)
    assert sealing.open_sealed(sealed, SECRET, INFO, AAD, cache) == b"answer"

    with pytest.raises(sealing.SealRecipientError):
        sealing.open_sealed(sealed, OTHER_SECRET, INFO, AAD, cache)
    with pytest.raises(sealing.SealRecipientError):
        sealing.open_sealed(sealed, SECRET, INFO + b"x", AAD, cache)


def test_an_answer_belongs_to_its_associated_data() -> None:
    """An answer sealed for one inquiry cannot be passed off as the answer to another."""
    sealed = sealing.seal(new_key(), b"answer", AAD)

    with pytest.raises(sealing.SealContentError):
        sealing.open_sealed(sealed, SECRET, INFO, AAD + b"x", None)


def test_every_changed_bit_is_noticed_and_named() -> None:
    """Head, wrap, nonce, ciphertext and tag: one changed bit in any gives the error of that part, cache or not."""
    sealed = sealing.seal(new_key(), b"answer", AAD)
    cache: sealing.UnwrappedKeys = {}
    sealing.open_sealed(sealed, SECRET, INFO, AAD, cache)

    for bit in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        place = bit // 8
        expected: type[sealing.SealingError] = sealing.SealContentError
        if place < 83:
            expected = sealing.SealFormatError if place < 3 else sealing.SealRecipientError
        with pytest.raises(expected):
            sealing.open_sealed(bytes(changed), SECRET, INFO, AAD, cache)
    assert len(cache) == 1


@settings(deadline=None)
@given(data=st.binary(max_size=600))
def test_bytes_that_are_no_sealed_answer_give_a_named_error(data: bytes) -> None:
    """Whatever comes from outside, the fault is one of ours."""
    with pytest.raises(sealing.SealingError):
        sealing.open_sealed(data, SECRET, INFO, AAD, None)
    with pytest.raises(sealing.SealingError):
        sealing.open_sealed(b"\x01\x00\x50" + data, SECRET, INFO, AAD, None)


def test_a_cut_or_lengthened_answer_is_refused() -> None:
    """No beginning of a sealed answer opens, and nothing can be added to it."""
    sealed = sealing.seal(new_key(), b"answer", AAD)

    for other in (*(sealed[:length] for length in range(len(sealed))), sealed + b"\0"):
        with pytest.raises(sealing.SealingError):
            sealing.open_sealed(other, SECRET, INFO, AAD, None)


@pytest.mark.parametrize(("length", "steps"), [(0, 1), (1, 1), (252, 1), (253, 2), (508, 2), (509, 3), (1000, 4)])
def test_sizes_come_in_steps(length: int, steps: int) -> None:
    """Who sees the size of an answer learns it to 256 bytes: an empty one and a short one look alike."""
    sealed = sealing.seal(new_key(), b"x" * length, AAD)

    assert len(sealed) == 3 + 80 + 12 + 256 * steps + 16


@pytest.mark.parametrize(
    "padded",
    [
        (300).to_bytes(4, "big") + bytes(252),
        (5).to_bytes(4, "big") + b"short" + b"\1" + bytes(246),
        (5).to_bytes(4, "big") + b"short" + bytes(247 + 256),
        b"\xff" * 256,
    ],
)
def test_a_wrongly_padded_answer_is_refused(padded: bytes) -> None:
    """One plain text has one padded form, so padding carries no hidden message."""
    sealed = new_key().seal_padded(padded, AAD)

    with pytest.raises(sealing.SealFormatError):
        sealing.open_sealed(sealed, SECRET, INFO, AAD, None)


@pytest.mark.parametrize(
    ("age_ms", "usable"), [(-1, False), (0, True), (15 * 60 * 1000 - 1, True), (15 * 60 * 1000, False)]
)
def test_a_content_key_lives_fifteen_minutes(age_ms: int, usable: bool) -> None:
    """A key is used from its making for a quarter of an hour, and never before it was made."""
    assert new_key().usable(NOW_MS + age_ms) is usable


def test_a_content_key_is_spent_after_its_last_answer() -> None:
    """The 2**20th answer is the last one; then the key says so beforehand and refuses afterwards."""
    key = new_key()
    key._used = sealing.MAX_ANSWERS_PER_KEY - 1

    assert key.usable(NOW_MS)
    sealed = sealing.seal(key, b"last", AAD)

    assert sealing.open_sealed(sealed, SECRET, INFO, AAD, None) == b"last"
    assert not key.usable(NOW_MS)
    with pytest.raises(sealing.ContentKeySpentError):
        sealing.seal(key, b"one too many", AAD)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_content_key_cannot_be_copied(duplicate: object) -> None:
    """Two copies of one key would use the same nonces; so there are none."""
    assert callable(duplicate)

    with pytest.raises(TypeError, match="nonces"):
        duplicate(new_key())


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_content_key_needs_all_its_randomness(length: int) -> None:
    """Too little randomness is refused, not stretched."""
    with pytest.raises(ValueError, match="32 random bytes"):
        new_key(bytes(length))


def test_keys_do_not_show_in_the_cache() -> None:
    """Neither the recipient's key nor the content key can be read off a cache that is printed by mistake."""
    cache: sealing.UnwrappedKeys = {}
    randomness = bytes(range(50, 82))

    sealing.open_sealed(sealing.seal(new_key(randomness), b"answer", AAD), SECRET, INFO, AAD, cache)

    assert all(SECRET not in name and randomness not in name for name in cache)
    assert repr(randomness)[2:-1] not in repr(cache)


def test_the_cache_is_bounded_and_lets_the_oldest_go() -> None:
    """Remembering keys never grows without bound."""
    sealed = sealing.seal(new_key(), b"answer", AAD)
    cache: sealing.UnwrappedKeys = {}
    sealing.open_sealed(sealed, SECRET, INFO, AAD, cache)
    cipher = next(iter(cache.values()))
    cache = {number.to_bytes(4, "big"): cipher for number in range(sealing.MAX_CACHED_KEYS)}

    sealing.open_sealed(sealed, SECRET, INFO, AAD, cache)

    assert len(cache) == sealing.MAX_CACHED_KEYS
    assert (0).to_bytes(4, "big") not in cache
    assert (1).to_bytes(4, "big") in cache
