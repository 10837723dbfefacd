"""Passwords of staff: argon2id, with the parameters of RFC 9106's second recommendation.

Owns the hashing. Promises that asking about nobody takes as long as asking about somebody.
"""

from __future__ import annotations

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

HASHER = PasswordHasher(time_cost=3, memory_cost=65_536, parallelism=4)


def hashed(password: str) -> str:
    """The encoded hash, its salt drawn here."""
    return HASHER.hash(password)


def is_right(encoded: str, password: str) -> bool:
    """Whether it is the password; an empty hash is nobody's, and is looked at just as long."""
    try:
        return HASHER.verify(encoded or _nobodys(), password) and encoded != ""
    except VerificationError:
        return False


@cache
def _nobodys() -> str:
    return hashed("nobody's password")
