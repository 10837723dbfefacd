"""An institution asks and waits, with its own credentials and nothing else: for `chukan inquiry send` and the demo."""

from __future__ import annotations

from typing import NamedTuple

from broker.rules.identity import exchange_id
from broker.rules.reasons import SUCCESS
from schemas.records import (
    AnsweredKind,
    InquiryAnswered,
    InquiryHeld,
    InquiryRejected,
    InquiryRequested,
    Item,
    Outcome,
)
from services.client import Client, unsealed

Reply = InquiryAnswered | InquiryHeld | InquiryRejected
ENDINGS = (InquiryAnswered, InquiryRejected)


class Heard(NamedTuple):
    """What the institution reads of one kind, opened with its own key.

    outcome: also HELD, while the provider's staff look, and INVALID for a message that was refused as it stood.
    """

    exchange_id: str
    outcome: str
    rule: str
    reason_ja: str
    reason_en: str
    nearest_row_id: str = ""
    nearest_attribute: str = ""
    nearest_value: str = ""
    items: tuple[tuple[str, tuple[Item, ...]], ...] = ()
    hold_deadline_at: int = 0


async def ask(client: Client, inquiry: InquiryRequested, seconds: float = 30.0) -> Reply:
    """Say it, and give the first reply that tells how it goes on; NotHeard when none comes in time."""
    await client.say(inquiry)
    return await reply_to(client, inquiry, (*ENDINGS, InquiryHeld), seconds)


async def reply_to(client: Client, inquiry: InquiryRequested, kinds: tuple[type[Reply], ...], seconds: float) -> Reply:
    """The reply of one of these kinds to this inquiry."""
    name = inquiry.record_identification_number
    found: Reply = await client.hear(
        lambda message: isinstance(message, kinds) and message.record_identification_number == name, seconds
    )
    return found


def heard(reply: Reply, private_key: bytes) -> list[Heard]:
    """What the reply says, a kind at a time."""
    if isinstance(reply, InquiryHeld):
        name = exchange_id(reply.inquirer_institution_code, reply.transaction_serial_number)
        words = ("提供側の職員の確認を待っています", "the provider's staff are looking at it")
        return [Heard(name, Outcome.HELD.value, "", *words, hold_deadline_at=reply.hold_deadline_at)]
    if isinstance(reply, InquiryRejected):
        return [
            Heard("", Outcome.INVALID.value, error.error_id, f"{error.field}: {error.reason_ja}", error.reason_en)
            for error in reply.errors
        ]
    return [_kind(reply.inquirer_institution_code, kind, private_key) for kind in reply.kinds]


def _kind(institution_code: str, kind: AnsweredKind, private_key: bytes) -> Heard:
    name = exchange_id(institution_code, kind.transaction_serial_number)
    items: tuple[tuple[str, tuple[Item, ...]], ...] = ()
    if kind.outcome in SUCCESS:
        plain = unsealed(kind, name, private_key)
        items = tuple((record.record_key, record.items) for record in plain.records)
    return Heard(
        name,
        kind.outcome.value,
        kind.rule,
        kind.reason_ja,
        kind.reason_en,
        kind.nearest_row_id,
        kind.nearest_attribute,
        kind.nearest_value,
        items,
    )
