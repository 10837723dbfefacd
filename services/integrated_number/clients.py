"""操作者認証・権限管理 (assessment, system 3 function 9): the business systems, their secrets, tokens, rights and log.

Owns OAuth2 client credentials (RFC 6749, 4.4): a client is one business system of one institution. Promises that a
secret is kept as argon2id and a token as SHA-256, that a token lives fifteen minutes, carries no more rights than its
client has at that moment, and ends with its client; and that every call is logged with who, what, when and how it
ended, never with an individual number.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from collections.abc import Iterable
from typing import NamedTuple

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from broker.rules.inquiry_file import masked
from broker.tables import HubClient, HubOperation, HubToken
from services.integrated_number.common import QUERIES, SCOPES, Caller, Hub, Refused, one_of

TOKEN_SECONDS = 900
SUBJECT_CHARACTERS = 80
SYSTEM_CODE = re.compile(r"[A-Z0-9_]{1,20}")
HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# Somebody who is not known is compared with this, so that the time of an answer does not tell who is.
NOBODY = HASHER.hash(secrets.token_hex(16))


class Issued(NamedTuple):
    """A new access token: shown once, kept as a hash."""

    token: str
    scopes: tuple[str, ...]
    seconds: int


def client_id_of(institution_code: str, system_code: str) -> str:
    """A business system's name as a client."""
    return f"{institution_code}.{system_code}"


async def add(
    hub: Hub, institution_code: str, system_code: str, name: str, scopes: Iterable[str], affairs: Iterable[str] = ()
) -> tuple[HubClient, str]:
    """A business system may come in from now on; it, and its secret, shown this once. An earlier secret ends."""
    wanted = tuple(sorted(set(scopes)))
    unknown = [one for one in wanted if one not in SCOPES]
    if unknown or not SYSTEM_CODE.fullmatch(system_code):
        raise Refused(422, "REQUEST_INVALID")
    hub.attached(institution_code)
    secret = secrets.token_urlsafe(32)
    hashed = await asyncio.to_thread(HASHER.hash, secret)
    row = HubClient(
        client_id_of(institution_code, system_code),
        institution_code,
        system_code,
        name,
        hashed,
        " ".join(wanted),
        " ".join(sorted(set(affairs))),
        hub.now(),
        0,
    )
    async with hub.store.work() as db:
        await db.write(HubClient, [row])
        await db.query(QUERIES["forget_tokens"], institution_code, row.client_id)
    return row, secret


async def revoke(hub: Hub, client_id: str) -> HubClient | None:
    """The business system and all its tokens are out; None when there is no such client."""
    async with hub.store.work() as db:
        row: HubClient | None = one_of(await db.rows(HubClient, [(client_id,)]))
        if row is None:
            return None
        row = row._replace(revoked_at=row.revoked_at or hub.now())
        await db.write(HubClient, [row])
        await db.query(QUERIES["forget_tokens"], row.institution_code, client_id)
    return row


async def clients(hub: Hub, institution_code: str = "") -> list[HubClient]:
    """All clients, or those of one institution."""
    async with hub.store.work() as db:
        found: list[HubClient] = await db.select(HubClient, QUERIES["clients_of"], institution_code)
    return found


async def issue(hub: Hub, client_id: str, secret: str, scopes: Iterable[str]) -> Issued | None:
    """A token with the rights asked for, or all of the client's when none are; None when the secret is not right."""
    async with hub.store.work() as db:
        client: HubClient | None = one_of(await db.rows(HubClient, [(client_id,)]))
    known = client is not None and not client.revoked_at and client.institution_code in hub.institutions
    async with hub.comparing:
        right = await asyncio.to_thread(_is_right, client.secret_hash if client and known else NOBODY, secret)
    if client is None or not known or not right:
        return None
    allowed = client.scopes.split()
    wanted = tuple(dict.fromkeys(scopes)) or tuple(allowed)
    if not set(wanted) <= set(allowed):
        raise Refused(400, "SCOPE_MISSING")
    token, now = secrets.token_urlsafe(32), hub.now()
    row = HubToken(hash_of(token), client.institution_code, client_id, " ".join(wanted), now + TOKEN_SECONDS * 1000)
    async with hub.store.work() as db:
        await db.write(HubToken, [row])
    return Issued(token, wanted, TOKEN_SECONDS)


def _is_right(hashed: str, secret: str) -> bool:
    try:
        return HASHER.verify(hashed, secret)
    except (VerifyMismatchError, InvalidHashError):
        return False


def hash_of(token: str) -> bytes:
    """How a token is kept: it has 256 random bits, so that a plain hash is enough."""
    return hashlib.sha256(token.encode()).digest()


async def caller_of(hub: Hub, token: str) -> Caller | None:
    """Whose token this is, with the rights that both it and its client have now."""
    async with hub.store.work() as db:
        row: HubToken | None = one_of(await db.rows(HubToken, [(hash_of(token),)]))
        if row is None or row.expires_at <= hub.now():
            return None
        client: HubClient | None = one_of(await db.rows(HubClient, [(row.client_id,)]))
    if client is None or client.revoked_at or client.institution_code not in hub.institutions:
        return None
    scopes = frozenset(row.scopes.split()) & frozenset(client.scopes.split())
    return Caller(
        client.institution_code, client.system_code, client.client_id, scopes, frozenset(client.affairs.split())
    )


async def note(
    hub: Hub, institution_code: str, client_id: str, operation: str, subject: str, status: int, rule: str
) -> None:
    """One call, and how it ended, lies in the log."""
    row = operation_row(hub, institution_code, client_id, operation, subject, status, rule)
    async with hub.store.work() as db:
        await db.write(HubOperation, [row])


def operation_row(
    hub: Hub, institution_code: str, client_id: str, operation: str, subject: str, status: int, rule: str
) -> HubOperation:
    """An operation as the log has it: no individual number in it."""
    return HubOperation(
        institution_code,
        hub.randomness.bytes(16).hex(),
        hub.now(),
        masked(client_id)[:SUBJECT_CHARACTERS],
        operation,
        masked(subject)[:SUBJECT_CHARACTERS],
        status,
        rule,
    )


async def operations(hub: Hub, institution_code: str, before: int, limit: int) -> list[HubOperation]:
    """The institution's log, newest first."""
    async with hub.store.work() as db:
        found: list[HubOperation] = await db.select(
            HubOperation, QUERIES["operations_page"], institution_code, before, limit
        )
    return found
