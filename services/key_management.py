"""セキュリティ管理 (assessment, system 4 function 8): the keys that answers are sealed for, by generation.

Owns rotation and revocation of institutions' sealing keys. Promises that a generation's key derives from the master
secret, that the directory always names the newest good one, and that what was sealed under the one before can be opened
until the overlap ends. Leaves the network's key for permits and the institutions' for checkpoints as they are: those do
not rotate yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from broker.keys import Keys
from broker.ports import Store, Transaction
from broker.rules.key_periods import OVERLAP_MS, refusal, rotated, usable
from broker.tables import Institution, InstitutionKey

BY_INSTITUTION = ("institution_code",)


class Changed(NamedTuple):
    """What became of it. rule: why not, or empty; generations: those whose keys open answers now, newest first."""

    rule: str
    generations: tuple[int, ...] = ()


async def keys_of(store: Store, keys: Keys, institution_code: str) -> list[InstitutionKey]:
    """All generations of an institution's key, oldest first."""
    async with store.transaction() as transaction:
        return sorted(await _known(transaction, keys, institution_code))


async def private_keys_of(store: Store, keys: Keys, institution_code: str, now: int) -> bytes:
    """The raw keys that open the institution's answers now, newest first, 32 bytes each."""
    known = usable(await keys_of(store, keys, institution_code), now)
    return b"".join(keys.institutions.sealing_private(institution_code, one.generation) for one in known)


async def rotate(store: Store, keys: Keys, institution_code: str, now: int, overlap_ms: int = OVERLAP_MS) -> Changed:
    """A new key from now on; those before are good until the overlap ends."""
    async with store.transaction() as transaction:
        await transaction.alone(f"institution/{institution_code}")
        directory: list[Institution] = await transaction.rows(Institution, [(institution_code,)])
        if not directory:
            return Changed("UNKNOWN_INSTITUTION")
        known = await _known(transaction, keys, institution_code)
        return await _replace(transaction, keys, directory[0], known, now, overlap_ms)


async def revoke(store: Store, keys: Keys, institution_code: str, generation: int, reason: str, now: int) -> Changed:
    """This key opens nothing that comes after; when it is the newest, another takes its place at once."""
    async with store.transaction() as transaction:
        await transaction.alone(f"institution/{institution_code}")
        directory: list[Institution] = await transaction.rows(Institution, [(institution_code,)])
        known = await _known(transaction, keys, institution_code)
        mine = next((one for one in known if one.generation == generation), None)
        if not directory or mine is None or refusal(mine, now):
            return Changed("KEY_UNKNOWN" if mine is None or not directory else refusal(mine, now))
        gone = mine._replace(revoked_at=now, reason=reason)
        left = [gone if one == mine else one for one in known]
        await transaction.write(InstitutionKey, left)
        if generation == max(one.generation for one in known):
            return await _replace(transaction, keys, directory[0], left, now, OVERLAP_MS)
    return Changed("", tuple(one.generation for one in usable(left, now)))


async def _known(transaction: Transaction, keys: Keys, institution_code: str) -> list[InstitutionKey]:
    found: list[InstitutionKey] = await transaction.find(InstitutionKey, BY_INSTITUTION, [(institution_code,)])
    public = keys.institutions.sealing_public(institution_code)
    return found or [InstitutionKey(institution_code, 0, public, 0, 0, 0, "")]


async def _replace(
    transaction: Transaction,
    keys: Keys,
    directory: Institution,
    known: Sequence[InstitutionKey],
    now: int,
    overlap: int,
) -> Changed:
    generation = max(one.generation for one in known) + 1
    public = keys.institutions.sealing_public(directory.institution_code, generation)
    after = {one.generation: one for one in (*known, *rotated(known, public, now, overlap))}
    await transaction.write(InstitutionKey, list(after.values()))
    await transaction.write(Institution, [directory._replace(sealing_key=public)])
    return Changed("", tuple(one.generation for one in usable(list(after.values()), now)))
