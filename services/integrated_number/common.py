"""What all parts of the hub share: who calls, what a refusal is, the institutions it serves, its statements.

Owns `Refused`, the one way a business system's request ends without being done: it undoes the transaction it is raised
in. Leaves wording to `broker.rules.reasons`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from broker.adapters.postgres import PostgresStore, PostgresWork, load_queries
from broker.ports import Clock, Randomness
from broker.rules.reasons import field_error
from broker.rules.vault import NumberVault
from schemas.records import FieldError

QUERIES = load_queries("hub.sql")

SCOPES = {
    "persons:write": "統合番号の付番・紐付け / number and link people",
    "persons:read": "番号変換 / convert numbers",
    "attributes:read": "4情報の参照 / read the four attributes",
    "links:manage": "紐付けの停止・訂正・再登録 / suspend, correct and re-register links",
    "codes:request": "符号取得要求 / request linkage codes",
    "inquiries:write": "情報照会 / ask",
    "inquiries:read": "照会結果の参照 / read answers",
    "copies:write": "副本の登録 / send sub-copies",
    "copies:read": "副本の送信状況 / read how they fared",
    "files:convert": "文字コード・形式の変換 / convert files",
    "operations:read": "操作記録の参照 / read the log",
    "state:read": "中間サーバーの稼働状況 / read the server's state",
}
"""The rights a business system may be given, and what each allows."""


class Caller(NamedTuple):
    """A business system of one institution, with the rights its token was given."""

    institution_code: str
    system_code: str
    client_id: str
    scopes: frozenset[str]
    affairs: frozenset[str] = frozenset()


class Refused(Exception):  # noqa: N818 - a refusal is an answer
    """Why a request was not done: an HTTP status, a rule, and the fields it is about."""

    def __init__(self, status: int, rule: str, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(rule)
        self.status = status
        self.rule = rule
        self.errors = tuple(errors) or (field_error("", rule),)


class Attached(NamedTuple):
    """An institution whose hub this is: how it keeps numbers, and the key that opens its answers."""

    institution_code: str
    vault: NumberVault
    sealing_private_key: bytes


class Limits(NamedTuple):
    """The hub's bounds. copies_a_part: rows of one numbered part; the intermediate server takes 200,000 [AIZU]."""

    copies_a_part: int = 200_000
    results_kept_days: int = 30
    operations_kept_days: int = 2557


@dataclass(frozen=True)
class Hub:
    """The store, the institutions served, time and chance."""

    store: PostgresStore
    institutions: dict[str, Attached]
    clock: Clock
    randomness: Randomness
    limits: Limits
    # Each comparison of a secret takes 19 MiB and tens of milliseconds: two at a time.
    comparing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))

    def now(self) -> int:
        """Milliseconds since 1970 UTC."""
        return self.clock.now_ms()

    def token(self) -> str:
        """24 hex digits that nobody has used."""
        return self.randomness.bytes(12).hex()

    def attached(self, institution_code: str) -> Attached:
        """The institution; Refused when the hub does not serve it."""
        found = self.institutions.get(institution_code)
        if found is None:
            raise Refused(404, "UNKNOWN_INSTITUTION")
        return found


async def hold(db: PostgresWork, *names: str) -> None:
    """Nobody else changes what these names stand for until the transaction ends."""
    for name in sorted(names):
        await db.query(QUERIES["hold_lock"], name)


def as_json(errors: Sequence[FieldError]) -> str:
    """Reasons as they are kept in a row."""
    return json.dumps([one._asdict() for one in errors], ensure_ascii=False)


def from_json(text: str) -> list[FieldError]:
    """Reasons as they were kept."""
    return [FieldError(**one) for one in json.loads(text)]


def affair_allowed(caller: Caller, affair_code: str) -> bool:
    """Whether the caller may act for this affair (domain 4.6 row 8); no list means any."""
    return not caller.affairs or affair_code in caller.affairs


def one_of(rows: Sequence[Any]) -> Any:
    """The only row, or None."""
    return rows[0] if rows else None
