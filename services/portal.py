"""マイナポータル, as far as this country has one: records, self information and notices of a person.

Owns the way through the network: the portal knows a person by a linkage code of its own; the network alone turns it
into the codes of institutions (`Routes`), and each institution answers about its own code, under its own role. Promises
that what comes back names no code, so that nobody outside the network holds two codes of a person (domain 3(e)2).
The portal's place among institutions is an assumption; cards and their certificates are not simulated: who holds the
portal code is the person.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, TypeVar

from broker.adapters.postgres import QUERIES, PostgresStore
from broker.rules.identity import jst_date
from broker.rules.portal import shown_copies, shown_records
from broker.tables import CodeBinding, CopyRecord, LogRecord, NetworkCode, PortalNotice
from schemas.codec import unpack_items
from schemas.records import Item, ProvisionRecorded
from services.network import NETWORK_CODE, linkage_code
from services.records import opened

PORTAL_CODE = "0000000000000001"
BY_PERSON = ("internal_id",)
BY_NUMBER = ("institution_code", "integrated_number")
BY_CODE = ("institution_code", "linkage_code")
OF_PERSON = ("institution_code", "integrated_number", "spi_name_code")

StoreOf = Callable[[str], AbstractAsyncContextManager[PostgresStore]]
"""institution code → its own view of the tables."""


Found = TypeVar("Found")
Ask = Callable[[PostgresStore, str, str], Awaitable[list[Found]]]
"""an institution's view, its code, its code of the person → what it answers."""


class SelfInformation(NamedTuple):
    """One record an institution holds about the person."""

    institution_code: str
    spi_name_code: str
    record_key: str
    valid_from: str
    valid_to: str
    items: tuple[Item, ...]


class Notice(NamedTuple):
    """One notice, as the person reads it."""

    institution_code: str
    notice_id: str
    title: str
    body: str
    sent_at: int


class Routes:
    """The network's part: it alone sees that two codes are of one person, and tells each institution its own."""

    def __init__(self, store: PostgresStore, codes_key: bytes) -> None:
        self._store = store
        self._key = codes_key

    async def open_account(self, institution_code: str, person: str, now: int) -> str:
        """The portal's code of a person whom an institution has a code for; an empty text when it has none."""
        async with self._store.transaction() as transaction:
            bindings: list[CodeBinding] = await transaction.find(CodeBinding, BY_NUMBER, [(institution_code, person)])
            own = [(one.institution_code, one.linkage_code) for one in bindings if one.valid_to == 0]
            known: list[NetworkCode] = await transaction.rows(NetworkCode, own) if own else []
            if not known:
                return ""
            internal_id = known[0].internal_id
            code = linkage_code(self._key, internal_id, PORTAL_CODE, 0)
            await transaction.write(NetworkCode, [NetworkCode(PORTAL_CODE, code, internal_id, now, 0)])
        return code

    async def _ways(self, portal_code: str) -> list[tuple[str, str]]:
        async with self._store.transaction() as transaction:
            known: list[NetworkCode] = await transaction.rows(NetworkCode, [(PORTAL_CODE, portal_code)])
            if not known:
                return []
            codes: list[NetworkCode] = await transaction.find(NetworkCode, BY_PERSON, [(known[0].internal_id,)])
        # Revoked codes too: what was asked under them stays the person's own affair.
        return sorted((one.institution_code, one.linkage_code) for one in codes if one.institution_code != PORTAL_CODE)

    async def ask_each(self, portal_code: str, store_of: StoreOf, ask: Ask[Found]) -> list[Found]:
        """What all institutions that have a code of the person answer, each about its own code and no other."""
        found: list[Found] = []
        for institution_code, code in await self._ways(portal_code):
            async with store_of(institution_code) as store:
                found += await ask(store, institution_code, code)
        return found


async def records(routes: Routes, store_of: StoreOf, portal_code: str, now: int) -> list[ProvisionRecorded]:
    """The network's records about the person of the last seven years, without what must not be disclosed."""

    async def ask(store: PostgresStore, institution_code: str, code: str) -> list[str]:
        return [row["exchange_id"] for row in await store.query(QUERIES["exchanges_of_code"], institution_code, code)]

    names = sorted(set(await routes.ask_each(portal_code, store_of, ask)))
    async with store_of(NETWORK_CODE) as store:
        rows = await store.query(QUERIES["records_of_network"], NETWORK_CODE, names)
    kept = [opened(LogRecord(**row)) for row in rows]
    # Whether it may be disclosed went with the detail that was erased.
    return shown_records((one.record for one in kept if not one.erased), now)


async def self_information(
    routes: Routes, store_of: StoreOf, portal_code: str, kinds: Sequence[str], now: int
) -> list[SelfInformation]:
    """What institutions hold about the person of these kinds, each as it answers for itself."""

    async def ask(store: PostgresStore, institution_code: str, code: str) -> list[SelfInformation]:
        async with store.transaction() as transaction:
            bindings: list[CodeBinding] = await transaction.rows(CodeBinding, [(institution_code, code)])
            persons = [(institution_code, one.integrated_number, kind) for one in bindings for kind in kinds]
            copies: list[CopyRecord] = await transaction.find(CopyRecord, OF_PERSON, persons) if persons else []
        return [as_shown(one) for one in shown_copies(copies, jst_date(now))]

    return await routes.ask_each(portal_code, store_of, ask)


def as_shown(copy: CopyRecord) -> SelfInformation:
    """A copy as the person reads it; no code and no integrated number in it."""
    items = tuple(unpack_items(copy.items))
    where = (copy.institution_code, copy.spi_name_code, copy.record_key)
    return SelfInformation(*where, copy.valid_from, copy.valid_to, items)


async def notices(routes: Routes, store_of: StoreOf, portal_code: str) -> list[Notice]:
    """What institutions told the person, newest first."""

    async def ask(store: PostgresStore, institution_code: str, code: str) -> list[Notice]:
        async with store.transaction() as transaction:
            rows: list[PortalNotice] = await transaction.find(PortalNotice, BY_CODE, [(institution_code, code)])
        return [Notice(one.institution_code, one.notice_id, one.title, one.body, one.sent_at) for one in rows]

    found = await routes.ask_each(portal_code, store_of, ask)
    return sorted(found, key=lambda one: (-one.sent_at, one.notice_id))


async def notify(store: PostgresStore, institution_code: str, person: str, title: str, body: str, now: int) -> str:
    """A notice of an institution to a person it has a code for; its id, or an empty text when there is nobody."""
    async with store.transaction() as transaction:
        bindings: list[CodeBinding] = await transaction.find(CodeBinding, BY_NUMBER, [(institution_code, person)])
        codes = [one.linkage_code for one in bindings if one.valid_to == 0]
        if not codes:
            return ""
        name = secrets.token_hex(8)
        await transaction.write(PortalNotice, [PortalNotice(institution_code, name, codes[0], title, body, now)])
    return name
