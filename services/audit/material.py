"""All that is left of one exchange: rows of all three parties, messages Kafka still retains, records and signatures.

Owns the reading. Promises to read only the partitions on which the exchange travelled, from the moment it was asked, at
most so many messages; to keep no content (digests stand in its place) and no linkage code: the two codes of a person
must not meet on one screen. What is gone is told (`lost`, `full`) and is no fault. Leaves the telling to `explain`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from broker.adapters.kafka import KafkaAccess
from broker.adapters.postgres import QUERIES, PostgresStore
from broker.envelope import messages_in, origin_of
from broker.ports import Delivered, Source
from broker.rules.identity import split_exchange_id
from broker.rules.permission_list import PermissionList, from_json
from broker.tables import (
    Checkpoint,
    Exchange,
    Inquiry,
    Institution,
    NetworkExchange,
    PermissionListVersion,
    Provision,
)
from broker.topics import MAXIMUM_RECORD_BYTES, SHARED, Topics, partition_of, sender_of
from schemas.codec import Undecodable, decode
from schemas.records import (
    CancelOrdered,
    ExchangeErasureOrdered,
    HoldConfirmed,
    HoldDeadlinePassed,
    HoldRefused,
    InquiryAccepted,
    InquiryAnswered,
    InquiryCancelRequested,
    InquiryDeadlinePassed,
    InquiryForwarded,
    InquiryHeld,
    InquiryRequested,
    InquiryReturned,
    InquirySent,
    InquiryWithdrawn,
    Message,
    PermitDeadlinePassed,
    PermitIssued,
    PermitRefused,
    PermitRequested,
    ProvisionAnswered,
    ProvisionErasureOrdered,
    ProvisionHeld,
    ProvisionReported,
)
from services import records
from services.audit.messages import without_content
from services.records import Kept
from services.topic_reader import reading

MESSAGES_LIMIT = 500_000
EARLIER_MS = 600_000  # clocks of institutions differ; their messages may bear an earlier time
BY_EXCHANGE = ("exchange_id",)
OF_EXCHANGE: tuple[type[Any], ...] = (
    PermitRequested,
    PermitIssued,
    PermitRefused,
    InquirySent,
    InquiryForwarded,
    InquiryReturned,
    InquiryDeadlinePassed,
    InquiryWithdrawn,
    CancelOrdered,
    PermitDeadlinePassed,
    ProvisionHeld,
    ProvisionAnswered,
    ProvisionReported,
    HoldConfirmed,
    HoldRefused,
    HoldDeadlinePassed,
    ExchangeErasureOrdered,
    ProvisionErasureOrdered,
)
OF_INQUIRY: tuple[type[Any], ...] = (
    InquiryRequested,
    InquiryAccepted,
    InquiryHeld,
    InquiryAnswered,
    InquiryCancelRequested,
)


class Said(NamedTuple):
    """One message about the exchange, its content and codes left out, and where it lies. times: how often it was
    said."""

    message: Message
    at: int
    place: str
    times: int = 1


class Signed(NamedTuple):
    """The first checkpoint that covers a record, by the record's owner and sequence."""

    institution_code: str
    sequence: int
    checkpoint: Checkpoint


class Material(NamedTuple):
    """What is left of an exchange. lists: versions that were named, those that are stored. lost: topics whose records
    of that time retention may have taken; full: the limit of messages was reached."""

    exchange_id: str
    exchange: Exchange | None = None
    inquiry: Inquiry | None = None
    network: NetworkExchange | None = None
    provisions: Sequence[Provision] = ()
    kept: Sequence[Kept] = ()
    signed: Sequence[Signed] = ()
    institutions: Sequence[Institution] = ()
    lists: Sequence[PermissionList] = ()
    said: Sequence[Said] = ()
    lost: frozenset[str] = frozenset()
    full: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is known of it."""
        return not (self.exchange or self.network or self.provisions or self.kept)


def sources_of(exchange_id: str, topics: Topics) -> list[Source]:
    """The partitions on which everything about an exchange travels."""
    inquirer = split_exchange_id(exchange_id)[0]
    owner = topics.owner(inquirer)
    inner = topics.of_exchange(exchange_id)
    outer = partition_of(inquirer, topics.partitions) if owner == SHARED else 0
    found = [(name, inner) for kind in OF_EXCHANGE for name in topics.names(kind)]
    found += [(name, outer) for kind in OF_INQUIRY for name in topics.names(kind) if sender_of(name) == owner]
    return list(dict.fromkeys(found))


def keys_of(exchange_id: str, record_identification_number: str) -> frozenset[bytes]:
    """The keys under which the messages about an exchange lie."""
    names = (exchange_id, record_identification_number)
    return frozenset(name.encode() for name in names if name)


def concerns(message: Message, exchange_id: str, record_identification_number: str) -> bool:
    """Whether a message is about this exchange, or about the inquiry it is a kind of."""
    if isinstance(message, OF_EXCHANGE):
        return bool(message.exchange_id == exchange_id)
    if not isinstance(message, OF_INQUIRY):
        return False
    name = (message.inquirer_institution_code, message.record_identification_number)
    serial = split_exchange_id(exchange_id)[1]
    if isinstance(message, InquiryHeld) and message.transaction_serial_number != serial:
        return False
    return name == (split_exchange_id(exchange_id)[0], record_identification_number)


def bare(message: Message) -> Message:
    """The message without content and without linkage codes."""
    if isinstance(message, InquiryAnswered):
        return without_content(message)
    if isinstance(message, ProvisionAnswered):
        return message._replace(sealed_answer=b"")
    if isinstance(message, InquirySent | InquiryForwarded):
        return message._replace(linkage_code="")
    return message


class Gathered:
    """The messages about one exchange, each content once with the count of how often it was said."""

    def __init__(self, exchange_id: str, record_identification_number: str) -> None:
        self._names = (exchange_id, record_identification_number)
        self._keys = keys_of(*self._names)
        self._found: dict[Message, Said] = {}

    def add(self, record: Delivered) -> None:
        """Look at a record, or at the messages of the bundle it is; keep what is about the exchange."""
        value = record.value
        if not value or not any(key == record.key or key in value for key in self._keys):
            return
        with suppress(Undecodable):  # set aside by the service that read it
            for one, _ in messages_in(record, origin_of(record), MAXIMUM_RECORD_BYTES):
                self._keep(one)

    def _keep(self, one: Delivered) -> None:
        message = decode(one.value)
        if not concerns(message, *self._names):
            return
        place = f"{one.topic}/{one.partition}@{one.offset}" + (f"#{one.place}" if one.place else "")
        known = self._found.get(bare(message))
        said = known._replace(times=known.times + 1) if known else Said(bare(message), one.at, place)
        self._found[said.message] = said

    def all(self) -> tuple[Said, ...]:
        """In the order of their times."""
        return tuple(sorted(self._found.values(), key=lambda said: said.at))


async def gather(
    store: PostgresStore, access: KafkaAccess, topics: Topics, exchange_id: str, limit: int = MESSAGES_LIMIT
) -> Material:
    """Everything that is left of an exchange."""
    found = await rows_left(store, exchange_id)
    if found.is_empty:
        return found
    gathered = Gathered(exchange_id, found.exchange.record_identification_number if found.exchange else "")
    read, full = 0, False
    since = max(1, asked_at(found) - EARLIER_MS)
    async with reading(access, None, frozenset(sources_of(exchange_id, topics)), since) as reader:
        lost = reader.lost
        async for batch in reader.batches():
            for one in batch:
                gathered.add(one)
            read += len(batch)
            if read >= limit:
                full = True
                break
    return found._replace(said=gathered.all(), lost=lost, full=full)


def asked_at(found: Material) -> int:
    """When it was asked, in milliseconds since 1970 UTC, from whatever is left; 0 when nothing tells."""
    rows = (found.exchange, found.network, *(kept.record for kept in found.kept))
    return next((row.requested_at for row in rows if row is not None), 0)


async def rows_left(store: PostgresStore, exchange_id: str) -> Material:
    """What the tables hold of an exchange; no message yet."""
    async with store.transaction() as transaction:
        exchanges: list[Exchange] = await transaction.rows(Exchange, [(exchange_id,)])
        networks: list[NetworkExchange] = await transaction.rows(NetworkExchange, [(exchange_id,)])
        provisions: list[Provision] = await transaction.find(Provision, BY_EXCHANGE, [(exchange_id,)])
        keys = [(one.institution_code, one.record_identification_number) for one in exchanges]
        inquiries: list[Inquiry] = await transaction.rows(Inquiry, keys) if keys else []
    kept = await records.of_exchange(store, exchange_id)
    found = Material(
        exchange_id,
        exchanges[0] if exchanges else None,
        inquiries[0] if inquiries else None,
        networks[0] if networks else None,
        provisions,
        kept,
    )
    async with store.transaction() as transaction:
        parties = [(code,) for code in parties_of(found)]
        institutions: list[Institution] = await transaction.rows(Institution, parties)
        versions = [(version,) for version in versions_of(found)]
        lists: list[PermissionListVersion] = await transaction.rows(PermissionListVersion, versions) if versions else []
    return found._replace(
        institutions=institutions,
        lists=[from_json(one.body) for one in lists],
        signed=await _signed(store, kept),
    )


async def _signed(store: PostgresStore, kept: Sequence[Kept]) -> list[Signed]:
    found: list[Signed] = []
    for owner, sequence in [(one.row.institution_code, one.row.sequence) for one in kept]:
        rows = await store.query(QUERIES["checkpoint_over"], owner, sequence)
        found += [Signed(owner, sequence, Checkpoint(**row)) for row in rows]
    return found


def parties_of(found: Material) -> list[str]:
    """Inquirer and provider; whatever is left tells the provider."""
    rows = (found.exchange, found.network, *(kept.record for kept in found.kept))
    providers = [row.provider_institution_code for row in rows if row is not None]
    return list(dict.fromkeys([split_exchange_id(found.exchange_id)[0], *providers]))


def versions_of(found: Material) -> Collection[int]:
    """The list versions that anybody decided by."""
    rows = (found.exchange, found.network, *(kept.record for kept in found.kept))
    return sorted({row.list_version for row in rows if row is not None and row.list_version})
