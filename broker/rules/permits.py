"""情報提供許可証: issued by the network, single use, time-boxed, bound to all it names (assessment III-6 risk 1).

Owns the opening and the checking of a permit; signing is `broker.rules.signing`. Promises that a permit passes only
for the exchange, the parties and the time it names, and says which check failed otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from broker.rules.memory import forget_oldest
from broker.rules.signing import VerifiedRoots, verify_batch_item
from schemas.codec import Undecodable, decode
from schemas.records import Permit

CONTEXT = b"chukan provision permit 1\n"
LIFE_MS = 86_400_000  # 24 h (assumption, domain 7 row 4)
SIGNED_AT_MOST = 16_384


@lru_cache(maxsize=8192)
def opened(permit: bytes) -> Permit | None:
    """The permit in these bytes, or None when they are not one."""
    try:
        found = decode(permit)
    except Undecodable:
        return None
    return found if isinstance(found, Permit) else None


class Verifier:
    """Checks permits against the network's key; remembers verified batch signatures, within a bound.

    Whoever signs may tell what it has just signed: byte for byte the same need no second look.
    """

    def __init__(self, public_key: Ed25519PublicKey) -> None:
        self._public_key = public_key
        self._cache: VerifiedRoots = {}
        self._signed: dict[tuple[bytes, bytes], None] = {}

    def signed(self, permits: Iterable[tuple[bytes, bytes]]) -> None:
        """These permits, each with its proof, were signed here."""
        self._signed.update(dict.fromkeys(permits))
        forget_oldest(self._signed, SIGNED_AT_MOST)

    def refusal(self, permit: bytes, proof: bytes, exchange_id: str, now: int) -> str:
        """The rule a permit breaks for this exchange at this time, or an empty string."""
        found = opened(permit)
        if found is None or not self._is_signed(permit, proof):
            return "PERMIT_FORGED"
        if found.exchange_id != exchange_id:
            return "PERMIT_OTHER_PARTY"
        if now >= found.expires_at:
            return "PERMIT_EXPIRED"
        return ""

    def _is_signed(self, permit: bytes, proof: bytes) -> bool:
        known = (permit, proof) in self._signed
        return known or verify_batch_item(permit, CONTEXT, proof, self._public_key, self._cache)
