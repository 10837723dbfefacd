"""Sealing keys: rotation with an overlap, revocation, and what can be opened under which."""

from __future__ import annotations

import pytest
from factories import KARIYA, KEYS, NOW, result_of, store_of

from broker.adapters.memory import MemoryStore
from broker.adapters.virtual_time import SeededRandomness
from broker.keys import SEAL_INFO, Sealer
from broker.rules.key_periods import DAY_MS, OVERLAP_MS, refusal
from broker.rules.sealing import SealingError, open_sealed
from broker.tables import Institution, InstitutionKey
from schemas.codec import encode
from schemas.records import AnsweredKind, Outcome, ProvidedInformation
from services.client import unsealed
from services.key_management import Changed, keys_of, private_keys_of, revoke, rotate

NAME = f"{KARIYA}-20260401000000000100"
PLAIN = ProvidedInformation(NAME, "TM99000000000001", NOW, bytes(16), ())


def directory_key(store: MemoryStore) -> bytes:
    """What providers seal for."""
    found: Institution = store.tables[Institution][KARIYA,]
    return found.sealing_key


def test_a_rotation_leaves_the_old_key_its_overlap() -> None:
    """The directory names the new key at once; both open until the overlap ends, the new one alone afterwards."""
    store = store_of()
    before = result_of(keys_of(store, KEYS, KARIYA))
    done = result_of(rotate(store, KEYS, KARIYA, NOW))
    after = result_of(keys_of(store, KEYS, KARIYA))
    both = result_of(private_keys_of(store, KEYS, KARIYA, NOW + OVERLAP_MS - 1))
    alone = result_of(private_keys_of(store, KEYS, KARIYA, NOW + OVERLAP_MS))

    assert [one.generation for one in before] == [0]
    assert done == Changed("", (1, 0))
    assert directory_key(store) == after[1].sealing_key != before[0].sealing_key
    assert both == KEYS.institutions.sealing_private(KARIYA, 1) + KEYS.institutions.sealing_private(KARIYA)
    assert alone == KEYS.institutions.sealing_private(KARIYA, 1)
    assert refusal(after[0], NOW + OVERLAP_MS) == "KEY_ENDED"


def test_a_second_rotation_does_not_lengthen_the_first() -> None:
    """The oldest key ends when it was told to."""
    store = store_of()
    result_of(rotate(store, KEYS, KARIYA, NOW))
    done = result_of(rotate(store, KEYS, KARIYA, NOW + DAY_MS))
    ends = [one.valid_to for one in result_of(keys_of(store, KEYS, KARIYA))]

    assert done.generations == (2, 1, 0)
    assert ends == [NOW + OVERLAP_MS, NOW + DAY_MS + OVERLAP_MS, 0]


def test_a_revoked_key_is_good_for_nothing_that_comes_after() -> None:
    """It is named, it is replaced at once when it was the newest, and what was before it stays as it was."""
    store = store_of()
    result_of(rotate(store, KEYS, KARIYA, NOW))
    done = result_of(revoke(store, KEYS, KARIYA, 1, "漏えい", NOW + 5))
    again = result_of(revoke(store, KEYS, KARIYA, 1, "漏えい", NOW + 6))
    unknown = result_of(revoke(store, KEYS, KARIYA, 9, "", NOW + 6))
    gone: InstitutionKey = store.tables[InstitutionKey][KARIYA, 1]

    assert done == Changed("", (2, 0))
    assert (again.rule, unknown.rule) == ("KEY_REVOKED", "KEY_UNKNOWN")
    assert (gone.reason, refusal(gone, NOW + 4), refusal(gone, NOW + 5)) == ("漏えい", "", "KEY_REVOKED")
    assert refusal(gone, NOW - 1) == "KEY_NOT_YET"
    assert directory_key(store) == KEYS.institutions.sealing_public(KARIYA, 2)


def test_an_older_key_is_revoked_without_another_change() -> None:
    """The newest stays what it is."""
    store = store_of()
    result_of(rotate(store, KEYS, KARIYA, NOW))
    done = result_of(revoke(store, KEYS, KARIYA, 0, "x", NOW + 1))

    assert done == Changed("", (1,))
    assert directory_key(store) == KEYS.institutions.sealing_public(KARIYA, 1)


def test_nobody_has_no_key() -> None:
    """Whoever is not in the directory has nothing to rotate."""
    assert result_of(rotate(store_of(), KEYS, "9" * 16, NOW)).rule == "UNKNOWN_INSTITUTION"


def test_what_was_sealed_before_a_rotation_opens_in_the_overlap_alone() -> None:
    """One sealer, the directory changing under it: each answer opens with the key that was there, and no other."""
    store, seal = store_of(), Sealer(SeededRandomness(1))
    aad, plain = NAME.encode(), encode(PLAIN)
    old = seal(KARIYA, directory_key(store), plain, aad, NOW)
    result_of(rotate(store, KEYS, KARIYA, NOW))
    new = seal(KARIYA, directory_key(store), plain, aad, NOW)
    both = result_of(private_keys_of(store, KEYS, KARIYA, NOW))
    alone = result_of(private_keys_of(store, KEYS, KARIYA, NOW + OVERLAP_MS))

    assert [unsealed(answer(one), NAME, both) for one in (old, new)] == [PLAIN, PLAIN]
    assert unsealed(answer(new), NAME, alone) == PLAIN
    with pytest.raises(SealingError):
        unsealed(answer(old), NAME, alone)
    with pytest.raises(SealingError):
        open_sealed(new, KEYS.institutions.sealing_private(KARIYA), SEAL_INFO, aad, None)
    with pytest.raises(SealingError):
        unsealed(answer(new), NAME, b"")


def answer(sealed: bytes) -> AnsweredKind:
    """An answer with this content."""
    empty = {"str": "", "int": 0, "bytes": b""}
    known = {name: empty.get(kind, "") for name, kind in AnsweredKind.__annotations__.items()}
    return AnsweredKind(**(known | {"outcome": Outcome.OK, "sealed_answer": sealed}))  # type: ignore[arg-type]
