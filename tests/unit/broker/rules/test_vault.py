"""How individual numbers are kept."""

from __future__ import annotations

import pytest

from broker.rules.numbers import find_individual_numbers, synthetic_individual_number
from broker.rules.vault import NumberVault, VaultError

NUMBER = synthetic_individual_number(42)
PERSON, OTHER = "000000000000001", "000000000000002"
VAULT = NumberVault(b"\x01" * 32, "9900123210600000")


def test_a_sealed_number_opens_for_its_person() -> None:
    """What was sealed for a person opens for that person, and shows nothing of itself."""
    sealed = VAULT.seal(PERSON, NUMBER)

    assert VAULT.open(PERSON, sealed) == NUMBER
    assert NUMBER.encode() not in sealed
    assert not find_individual_numbers(sealed)


@pytest.mark.parametrize(
    ("vault", "person"),
    [
        (VAULT, OTHER),
        (NumberVault(b"\x01" * 32, "9900123211400000"), PERSON),
        (NumberVault(b"\x02" * 32, "9900123210600000"), PERSON),
    ],
    ids=["another person", "another institution", "another key"],
)
def test_a_row_that_was_moved_does_not_open(vault: NumberVault, person: str) -> None:
    """The number is bound to institution, person and key."""
    sealed = VAULT.seal(PERSON, NUMBER)

    with pytest.raises(VaultError):
        vault.open(person, sealed)


@pytest.mark.parametrize("place", [0, 12, -1])
def test_a_changed_row_does_not_open(place: int) -> None:
    """Nonce, ciphertext and tag are all guarded."""
    sealed = bytearray(VAULT.seal(PERSON, NUMBER))
    sealed[place] ^= 1

    with pytest.raises(VaultError):
        VAULT.open(PERSON, bytes(sealed))


def test_a_number_is_found_at_its_own_institution_alone() -> None:
    """The same number has the same hash here, and another one elsewhere, with the same key or not."""
    assert VAULT.hash(NUMBER) == VAULT.hash(NUMBER)
    assert (
        len(
            {
                VAULT.hash(NUMBER),
                NumberVault(b"\x01" * 32, "1").hash(NUMBER),
                NumberVault(b"\x02" * 32, "1").hash(NUMBER),
            }
        )
        == 3
    )


def test_a_repeat_gives_the_same_row_and_two_people_two() -> None:
    """Sealing again changes nothing; no two things share a nonce."""
    assert VAULT.seal(PERSON, NUMBER) == VAULT.seal(PERSON, NUMBER)
    assert VAULT.seal(PERSON, NUMBER)[:12] != VAULT.seal(OTHER, NUMBER)[:12]


def test_a_short_key_is_refused() -> None:
    """Thirty-two bytes, no fewer."""
    with pytest.raises(ValueError, match="32"):
        NumberVault(b"short", "9900123210600000")
