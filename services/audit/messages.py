"""What was said, as far as the audit needs it: answers, forwarded inquiries, confirmations.

Promises that memory holds digests instead of answers, and stops at a limit that the report tells.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from hashlib import sha256

from broker.adapters.kafka import KafkaAccess
from broker.topics import Topics
from schemas.codec import Undecodable, decode_all
from schemas.records import HoldConfirmed, InquiryAnswered, InquiryForwarded, Message
from services.topic_reader import reading

KINDS = (InquiryAnswered, InquiryForwarded, HoldConfirmed)


@dataclass
class Said:
    """The messages by what they are about. lost: topics whose beginning retention has taken; full: limit reached."""

    answers: dict[tuple[str, str], list[InquiryAnswered]] = field(default_factory=lambda: defaultdict(list))
    forwarded: dict[str, list[InquiryForwarded]] = field(default_factory=lambda: defaultdict(list))
    confirmations: dict[str, list[HoldConfirmed]] = field(default_factory=lambda: defaultdict(list))
    lost: frozenset[str] = frozenset()
    read: int = 0
    full: bool = False

    def add(self, message: Message) -> None:
        """Keep a message."""
        if isinstance(message, InquiryAnswered):
            key = (message.inquirer_institution_code, message.record_identification_number)
            self.answers[key].append(without_content(message))
        elif isinstance(message, InquiryForwarded):
            self.forwarded[message.exchange_id].append(message)
        elif isinstance(message, HoldConfirmed):
            self.confirmations[message.exchange_id].append(message)


def without_content(answer: InquiryAnswered) -> InquiryAnswered:
    """The answer with the SHA-256 of each sealed answer in its place."""
    kinds = tuple(
        kind._replace(sealed_answer=sha256(kind.sealed_answer).digest() if kind.sealed_answer else b"")
        for kind in answer.kinds
    )
    return answer._replace(kinds=kinds)


async def said(access: KafkaAccess, topics: Topics, limit: int) -> Said:
    """Everything of these kinds that is on its topics now, at most so many messages."""
    found = Said()
    names = [name for kind in KINDS for name in topics.names(kind)]
    async with reading(access, names) as reader:
        found.lost = reader.lost
        async for batch in reader.batches():
            for record in batch:
                try:
                    messages = decode_all(record.value)
                except Undecodable:
                    continue  # set aside by the service that read it
                for message in messages:
                    if isinstance(message, KINDS):
                        found.add(message)
                        found.read += 1
            if found.read >= limit:
                found.full = True
                break
    return found
