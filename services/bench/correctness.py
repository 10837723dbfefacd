"""Whether a run was right: every inquiry answered once, with three records, counted in two places.

Owns the counting, from the database and, apart from it, from the institutions' own reply topics, and the judgement of
the counts. A rate is worth nothing without it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from broker.adapters.kafka import KafkaAccess, abandon, bounded
from broker.keys import SEAL_INFO
from broker.rules.identity import exchange_id
from broker.rules.sealing import SealingError, open_sealed
from schemas.codec import decode, name_of
from schemas.records import InquiryAnswered

RECORDS_EACH = 3
OPENED_AT_MOST = 200
READ_SECONDS = 120.0


class Replies(NamedTuple):
    """What lies on the reply topics. answers: how often each inquiry was answered; others: replies of other kinds;
    outcomes: as told to the institutions; opened: of so many sealed answers tried, how many their inquirer could open
    with the digest it was told."""

    answers: Mapping[bytes, int]
    others: int
    outcomes: Mapping[str, int]
    tried: int
    opened: int


class Rows(NamedTuple):
    """What lies in the database. misrecorded: exchanges with other than three records; outcomes: as decided."""

    inquiries: int
    answered: int
    exchanges: int
    provisions: int
    records: int
    misrecorded: int
    set_aside: int
    outcomes: Mapping[str, int]


class Correctness(NamedTuple):
    """The verdict. findings: one sentence for each count that is not as it must be; none when all is well."""

    asked: int
    answered_once: int
    answered_more: int
    unanswered: int
    records: int
    set_aside: int
    outcomes: Mapping[str, int]
    tried: int
    opened: int
    findings: tuple[str, ...]


ROWS = """
select (select count(*) from inquiries) as inquiries,
       (select count(*) from inquiries where answered_at > 0) as answered,
       (select count(*) from exchanges) as exchanges,
       (select count(*) from provisions) as provisions,
       (select count(*) from log_records) as records,
       (select count(*) from (select e.exchange_id from exchanges e
                              full join (select exchange_id, count(distinct party) as parties, count(*) as records
                                         from log_records group by exchange_id) r using (exchange_id)
                              where e.exchange_id is null or r.parties is distinct from 3
                                 or r.records is distinct from 3) wrong) as misrecorded,
       (select count(*) from set_aside) as set_aside
"""


async def rows_of(connection: Any) -> Rows:
    """The counts of the database."""
    counts = await connection.fetchrow(ROWS, timeout=READ_SECONDS)
    found = await connection.fetch("select outcome, count(*) as n from exchanges group by 1", timeout=READ_SECONDS)
    return Rows(**counts, outcomes={row["outcome"]: row["n"] for row in found})


async def replies_of(
    access: KafkaAccess, sources: Sequence[tuple[str, int]], private_key: Callable[[str], bytes]
) -> Replies:
    """Read the reply topics from their first record to their last; `private_key` opens an institution's answers."""
    answers: Counter[bytes] = Counter()
    outcomes: Counter[str] = Counter()
    others = tried = opened = 0
    consumer = AIOKafkaConsumer(**access.settings(), group_id=None, enable_auto_commit=False)
    try:
        async with bounded(READ_SECONDS, "reading the reply topics"):
            await consumer.start()
            wanted = [TopicPartition(*source) for source in sources]
            consumer.assign(wanted)
            await consumer.seek_to_beginning(*wanted)
            ends = await consumer.end_offsets(wanted)
            while [one for one in wanted if await consumer.position(one) < ends[one]]:
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    for record in records:
                        if name_of(record.value) != InquiryAnswered.__name__:
                            others += 1
                            continue
                        answers[record.key] += 1
                        message = decode(record.value)
                        assert isinstance(message, InquiryAnswered)
                        outcomes.update(kind.outcome.value for kind in message.kinds)
                        if tried < OPENED_AT_MOST:
                            tried += 1
                            opened += is_openable(message, private_key(message.inquirer_institution_code))
    finally:
        await abandon(consumer)
    return Replies(answers, others, outcomes, tried, opened)


def is_openable(message: InquiryAnswered, private_key: bytes) -> bool:
    """Whether the inquirer can open every sealed answer in it, and finds the digest it was told."""
    for kind in message.kinds:
        if kind.sealed_answer:
            aad = exchange_id(message.inquirer_institution_code, kind.transaction_serial_number).encode()
            try:
                plain = open_sealed(kind.sealed_answer, private_key, SEAL_INFO, aad, None)
            except SealingError:
                return False
            if sha256(plain).digest() != kind.answer_digest:
                return False
    return True


def judged(asked: Collection[bytes], replies: Replies, rows: Rows) -> Correctness:
    """Answered = asked, each once; three records each, none twice; both counts agree; nothing set aside."""
    total = len(asked)
    once = sum(1 for key in asked if replies.answers.get(key, 0) == 1)
    more = sum(1 for key in asked if replies.answers.get(key, 0) > 1)
    strangers = len(replies.answers.keys() - set(asked))
    claims = (
        (once == total, f"{once} of {total} inquiries were answered exactly once ({more} more than once)"),
        (not strangers, f"{strangers} answers belong to no inquiry"),
        (not replies.others, f"{replies.others} replies are no answers"),
        (rows.inquiries == total, f"{rows.inquiries} inquiries are in the database, {total} were asked"),
        (rows.answered == total, f"{rows.answered} of {total} inquiries are answered according to the database"),
        (rows.exchanges == total, f"{rows.exchanges} exchanges are in the database, {total} were asked"),
        (rows.provisions == total, f"{rows.provisions} permits were served, {total} were asked"),
        (rows.records == RECORDS_EACH * total, f"{rows.records} records instead of {RECORDS_EACH * total}"),
        (not rows.misrecorded, f"{rows.misrecorded} exchanges have other than one record of each of the three parties"),
        (not rows.set_aside, f"{rows.set_aside} messages were set aside"),
        (dict(replies.outcomes) == dict(rows.outcomes), "what was told and what was decided differ"),
        (replies.opened == replies.tried, f"{replies.opened} of {replies.tried} sealed answers could be opened"),
    )
    return Correctness(
        total,
        once,
        more,
        total - once - more,
        rows.records,
        rows.set_aside,
        dict(sorted(replies.outcomes.items())),
        replies.tried,
        replies.opened,
        tuple(text for holds, text in claims if not holds),
    )
