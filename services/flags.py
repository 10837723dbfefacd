"""Setting 自動応答不可 on a person's copies, the way an institution does: by an ordinary update of each copy.

Owns nothing: the institution's own system knows what it holds; this tool reads it from the tables instead.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Sequence
from typing import NamedTuple

from broker.ports import Store
from broker.tables import CopyRecord
from schemas.codec import unpack_items
from schemas.records import CopyCommand, CopySubmitted
from services.client import Client

BY_KIND = ("institution_code", "integrated_number", "spi_name_code")
POLL_SECONDS = 0.05

Person = tuple[str, str, str]
"""institution code, integrated number, kind."""


class Flagged(NamedTuple):
    """How many copies there are, and whether all of them are as wanted."""

    copies: int
    taken_in: bool


async def set_flag(store: Store, client: Client, person: Person, blocked: bool, seconds: float) -> Flagged:
    """Update every current copy of a person and kind that is not as wanted, and wait until it is taken in."""
    copies = await current(store, person)
    for copy in copies:
        if copy.auto_response_disabled != blocked:
            await client.say(update_of(copy, blocked))
    deadline = time.monotonic() + seconds
    while any(copy.auto_response_disabled != blocked for copy in await current(store, person)):
        if time.monotonic() > deadline:
            return Flagged(len(copies), False)
        await asyncio.sleep(POLL_SECONDS)
    return Flagged(len(copies), True)


async def current(store: Store, person: Person) -> Sequence[CopyRecord]:
    """The versions that are current."""
    async with store.transaction() as transaction:
        copies: list[CopyRecord] = await transaction.find(CopyRecord, BY_KIND, [person])
    return [copy for copy in copies if copy.known_to == 0]


def update_of(copy: CopyRecord, blocked: bool) -> CopySubmitted:
    """The copy as it is, with the flag as wanted."""
    return CopySubmitted(
        institution_code=copy.institution_code,
        record_identification_number=f"flag.{secrets.token_hex(8)}",
        command=CopyCommand.UPDATE,
        integrated_number=copy.integrated_number,
        spi_name_code=copy.spi_name_code,
        record_key=copy.record_key,
        layout_version=copy.layout_version,
        valid_from=copy.valid_from,
        valid_to=copy.valid_to,
        publication_from=copy.publication_from,
        publication_to=copy.publication_to,
        auto_response_disabled=blocked,
        non_disclosure_code=copy.non_disclosure_code,
        items=unpack_items(copy.items),
    )
