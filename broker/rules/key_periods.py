"""Which generation of an institution's key is good when (assessment, system 4 function 8; ASSUMPTION, domain 7 row 27).

Owns the periods. A key that was replaced stays good until its overlap ends, so that what was on its way under it can
still be opened; one that was revoked is good for nothing that came after. Pure: rows and times in.
"""

from __future__ import annotations

from collections.abc import Sequence

from broker.tables import InstitutionKey

DAY_MS = 86_400_000
OVERLAP_MS = 7 * DAY_MS


def refusal(key: InstitutionKey, at: int) -> str:
    """Whether a key may be used at this moment, for what was made at this moment."""
    if at < key.valid_from:
        return "KEY_NOT_YET"
    if key.revoked_at and at >= key.revoked_at:
        return "KEY_REVOKED"
    return "KEY_ENDED" if key.valid_to and at >= key.valid_to else ""


def usable(keys: Sequence[InstitutionKey], now: int) -> list[InstitutionKey]:
    """The keys that are good now, the newest first: the first one is what is sealed for from now on."""
    return sorted((key for key in keys if not refusal(key, now)), key=lambda key: -key.generation)


def rotated(
    keys: Sequence[InstitutionKey], sealing_key: bytes, now: int, overlap_ms: int
) -> tuple[InstitutionKey, ...]:
    """The rows after a new key has come: it is the newest, and those in use end with the overlap."""
    newest = max(keys, key=lambda key: key.generation)
    ending = [key._replace(valid_to=now + overlap_ms) for key in keys if not refusal(key, now) and not key.valid_to]
    fresh = InstitutionKey(newest.institution_code, newest.generation + 1, sealing_key, now, 0, 0, "")
    return (*ending, fresh)
