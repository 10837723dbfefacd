"""What would leave a provider: copies as of the request, cut down to the permitted items, and whether a person must
look first (自動応答不可フラグ, assessment III-6 risk 2(3)).

Owns the projection and its digests. Promises that the digest a person confirms covers exactly what leaves.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple, Protocol

from schemas.codec import unpack_items
from schemas.records import ProvidedRecord


class Copy(Protocol):
    """What is needed of a copy record."""

    @property
    def record_key(self) -> str: ...
    @property
    def known_to(self) -> int: ...
    @property
    def layout_version(self) -> str: ...
    @property
    def valid_from(self) -> str: ...
    @property
    def valid_to(self) -> str: ...
    @property
    def publication_from(self) -> str: ...
    @property
    def publication_to(self) -> str: ...
    @property
    def auto_response_disabled(self) -> bool: ...
    @property
    def non_disclosure_code(self) -> str: ...
    @property
    def items(self) -> bytes: ...
    @property
    def digest(self) -> bytes: ...


class Projection(NamedTuple):
    """What would leave. `copies`: how many records were found; `digest`: over the copies used."""

    copies: int
    records: tuple[ProvidedRecord, ...]
    item_codes: tuple[str, ...]
    digest: bytes
    blocked: bool
    non_disclosed: bool


def is_current(copy: Copy, period: tuple[str, str], today: str) -> bool:
    """Whether a copy is the latest known, published today, and touches the period asked for (open ends match)."""
    return (
        copy.known_to == 0
        and copy.publication_from <= today
        and (not copy.publication_to or today <= copy.publication_to)
        and (not period[1] or copy.valid_from <= period[1])
        and (not period[0] or not copy.valid_to or copy.valid_to >= period[0])
    )


def project(copies: Sequence[Copy], permitted: tuple[str, ...], period: tuple[str, str], today: str) -> Projection:
    """The current copies with nothing but the permitted items in them."""
    current = [copy for copy in copies if is_current(copy, period, today)]
    allowed = frozenset(permitted)
    records = []
    seen: dict[str, None] = {}
    for copy in current:
        items = tuple([item for item in unpack_items(copy.items) if item.code in allowed])
        if items:
            records.append(ProvidedRecord(copy.record_key, copy.layout_version, items))
            seen.update(dict.fromkeys([item.code for item in items]))
    return Projection(
        len(current),
        tuple(records),
        tuple(seen),
        sha256(b"".join([copy.digest for copy in current])).digest() if current else b"",
        any(copy.auto_response_disabled for copy in current),
        any(copy.non_disclosure_code == "2" for copy in current),
    )


def shown_digest(projection: Projection) -> bytes:
    """What a person confirms: the copies used and every item and value that would leave, flag included."""
    text = repr((projection.digest, projection.records, projection.blocked, projection.non_disclosed))
    return sha256(text.encode()).digest()
