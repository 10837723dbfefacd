"""The floor: the same messages and rows moved in batches, and nothing else done. Run as a process by `floor`.

Owns no logic: it fetches a batch, writes the rows that such a batch leaves in one transaction, and says the next
messages, bytes of the right size without meaning. It reads nothing, checks nothing, drops no repeats, keeps no
positions and no outbox: what could not be had for less with these clients, this Kafka and this PostgreSQL.

Arguments: sample file, shard, shards, batch messages, ready file. Settings: as `chukan run`.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import uvloop

from broker import config as settings
from broker.adapters.kafka import KafkaLog
from broker.adapters.postgres import PostgresStore, connect_pool
from broker.facts import KEY_OF
from broker.ports import Delivered, Outgoing
from broker.tables import (
    TABLE_OF,
    Exchange,
    Inquiry,
    LogHead,
    LogRecord,
    NetworkExchange,
    Provision,
)
from broker.topics import lane_of, partition_of
from services.common import ENTRIES_AT_MOST
from services.network import NETWORK_CODE
from services.processes import access_of

INSTITUTION_DIGITS = 16
NAME_BYTES = 37  # an exchange id: institution code 16, "-", serial number 20
PARTIES = ("INQUIRER", "NETWORK", "PROVIDER")
RECORDS = "records"


class Step(NamedTuple):
    """One hop: who hears what, which rows it leaves, what it says, whose record it is."""

    service: str
    hears: str
    writes: tuple[type[Any], ...]
    says: tuple[str, ...]
    record: str = ""


STEPS = (
    Step("inquiry", "InquiryRequested", (Inquiry, Exchange), ("PermitRequested",)),
    Step("network", "PermitRequested", (NetworkExchange,), ("PermitIssued",)),
    Step("inquiry", "PermitIssued", (Exchange,), ("InquirySent",)),
    Step("network", "InquirySent", (NetworkExchange,), ("InquiryForwarded",)),
    Step("provision", "InquiryForwarded", (Provision,), ("ProvisionAnswered", "ProvisionReported"), "PROVIDER"),
    Step("inquiry", "ProvisionAnswered", (Exchange, Inquiry), ("InquiryAnswered",), "INQUIRER"),
    Step("network", "ProvisionReported", (NetworkExchange,), (), "NETWORK"),
)
KINDS = (Exchange, Inquiry, NetworkExchange, Provision, LogRecord)
SAID = tuple(dict.fromkeys(["InquiryRequested", *(name for step in STEPS for name in step.says)]))

Headers = tuple[tuple[str, bytes], ...]


class Samples(NamedTuple):
    """One message of each kind and one row of each table, as a real run left them."""

    messages: dict[str, tuple[bytes, Headers]]
    rows: dict[type[Any], Any]

    def written(self) -> str:
        """As JSON."""
        messages = {
            name: [value.hex(), [[key, one.hex()] for key, one in headers]]
            for name, (value, headers) in self.messages.items()
        }
        rows = {
            kind.__name__: [one.hex() if isinstance(one, bytes) else one for one in row]
            for kind, row in self.rows.items()
        }
        return json.dumps({"messages": messages, "rows": rows})

    @classmethod
    def read(cls, text: str) -> Samples:
        """From JSON."""
        plain = json.loads(text)
        messages = {
            name: (bytes.fromhex(value), tuple((key, bytes.fromhex(one)) for key, one in headers))
            for name, (value, headers) in plain["messages"].items()
        }
        rows = {kind: _row(kind, plain["rows"][kind.__name__]) for kind in KINDS}
        return cls(messages, rows)


def _row(kind: type[Any], values: Sequence[Any]) -> Any:
    types = TABLE_OF[kind].types
    return kind._make(bytes.fromhex(value) if of == "bytea" else value for value, of in zip(values, types, strict=True))


def topic_of(name: str, exchange: str) -> str:
    """Requests and replies have a topic an institution, as with ours; the others one each."""
    if name in ("InquiryRequested", "InquiryAnswered"):
        return institution_topic(name, exchange[:INSTITUTION_DIGITS])
    return f"floor.{name}"


def institution_topic(name: str, institution_code: str) -> str:
    """The topic of one institution."""
    return f"floor.{institution_code}.{'requests' if name == 'InquiryRequested' else 'replies'}"


class Mover:
    """One service of one shard: its messages in, its rows and messages out."""

    def __init__(self, service: str, shards: int, samples: Samples, log: KafkaLog, store: PostgresStore):
        self._steps = {step.hears: step for step in STEPS if step.service == service}
        self._shards = shards
        self._samples = samples
        self._log, self._store = log, store
        self._sizes: dict[str, int] = defaultdict(int)

    async def run(self, sources: Sequence[tuple[str, int]], batch_messages: int) -> None:
        """Move until cancelled; a batch is said while the next one is fetched."""
        await self._log.start(dict.fromkeys(sources, 0))
        saying: asyncio.Task[None] | None = None
        try:
            while True:
                records = await self._log.fetch(batch_messages, 0.5)
                if not records:
                    continue
                rows, said = self._logged(records) if not self._steps else self._moved(records)
                async with self._store.transaction() as transaction:
                    for kind, found in rows.items():
                        await transaction.write(kind, sorted(found.values(), key=KEY_OF[kind]))
                if saying is not None:
                    await saying
                saying = asyncio.create_task(self._log.publish(said))
        finally:
            if saying is not None:
                saying.cancel()
                await asyncio.gather(saying, return_exceptions=True)
            await self._log.stop()

    def _moved(self, records: Sequence[Delivered]) -> tuple[dict[type[Any], dict[Any, Any]], list[Outgoing]]:
        rows: dict[type[Any], dict[Any, Any]] = defaultdict(dict)
        said: list[Outgoing] = []
        entries: dict[str, list[bytes]] = defaultdict(list)
        now = time.time_ns() // 1_000_000
        for record in records:
            exchange = record.key.decode()
            step = self._steps[_name_of(record.topic)]
            for kind in step.writes:
                rows[kind][exchange] = self._row(kind, exchange)
            for name in step.says:
                value, headers = self._samples.messages[name]
                topic = topic_of(name, exchange)
                partition = 0 if name == "InquiryAnswered" else partition_of(exchange, self._shards)
                said.append(Outgoing(topic, partition, record.key, value, headers, now))
            if step.record:
                owner = NETWORK_CODE if step.record == "NETWORK" else exchange[:INSTITUTION_DIGITS]
                entry = (step.record[:1] + exchange).encode()
                entries[lane_of(owner)].append(entry)
        body = self._samples.rows[LogRecord].body + self._samples.rows[LogRecord].detail
        for lane, found in entries.items():
            for place in range(0, len(found), ENTRIES_AT_MOST):
                value = b"".join(entry + body for entry in found[place : place + ENTRIES_AT_MOST])
                partition = int(lane) % self._shards
                said.append(Outgoing(f"floor.{RECORDS}", partition, lane.encode(), value, (), now))
        return rows, said

    def _row(self, kind: type[Any], exchange: str) -> Any:
        sample = self._samples.rows[kind]
        if kind is Inquiry:
            return sample._replace(record_identification_number=exchange[-10:] + exchange[12:16])
        if kind is Provision:
            return sample._replace(permit_id=exchange[-32:], exchange_id=exchange)
        return sample._replace(exchange_id=exchange)

    def _logged(self, records: Sequence[Delivered]) -> tuple[dict[type[Any], dict[Any, Any]], list[Outgoing]]:
        sample = self._samples.rows[LogRecord]
        width = 1 + NAME_BYTES + len(sample.body) + len(sample.detail)
        rows: dict[type[Any], dict[Any, Any]] = defaultdict(dict)
        for record in records:
            value = record.value or b""
            for start in range(0, len(value), width):
                party = next(party for party in PARTIES if party.startswith(chr(value[start])))
                exchange = value[start + 1 : start + 1 + NAME_BYTES].decode()
                owner = NETWORK_CODE if party == "NETWORK" else exchange[:INSTITUTION_DIGITS]
                sequence = self._sizes[owner]
                self._sizes[owner] += 1
                middle = start + 1 + NAME_BYTES + len(sample.body)
                rows[LogRecord][owner, sequence] = sample._replace(
                    institution_code=owner,
                    sequence=sequence,
                    pair_sequence=sequence,
                    exchange_id=exchange,
                    party=party,
                    body=value[start + 1 + NAME_BYTES : middle],
                    detail=value[middle : start + width],
                )
                rows[LogHead][owner] = LogHead(owner, sequence + 1, b"", 0)
        return rows, []


def _name_of(topic: str) -> str:
    middle, _, last = topic.removeprefix("floor.").partition(".")
    return "InquiryRequested" if last == "requests" else middle


def sources_of(service: str, shard: int, institutions: Sequence[str], shards: int) -> list[tuple[str, int]]:
    """What one service of one shard reads."""
    if service == RECORDS:
        return [(f"floor.{RECORDS}", shard)]
    found: list[tuple[str, int]] = []
    for step in STEPS:
        if step.service == service and step.hears == "InquiryRequested":
            mine = [code for code in institutions if partition_of(code, shards) == shard]
            found += [(institution_topic(step.hears, code), 0) for code in mine]
        elif step.service == service:
            found.append((f"floor.{step.hears}", shard))
    return found


async def serve(sample_file: str, institutions: Sequence[str], shard: int, shards: int, ready_file: str) -> None:
    """Move until SIGTERM."""
    config = settings.load().config
    samples = Samples.read(Path(sample_file).read_text(encoding="ascii"))  # noqa: ASYNC240 - once, before all else
    services = (*dict.fromkeys(step.service for step in STEPS), RECORDS)
    store = PostgresStore(await connect_pool(config.postgres_dsn, len(services)))
    try:
        tasks = [
            asyncio.create_task(
                Mover(service, shards, samples, KafkaLog(access_of(config), f"floor.{service}"), store).run(
                    sources_of(service, shard, institutions, shards), config.batch_messages
                )
            )
            for service in services
        ]
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, lambda: [task.cancel() for task in tasks])
        Path(ready_file).write_text("ready", encoding="ascii")  # noqa: ASYNC240 - five bytes, once
        await asyncio.gather(*tasks)
    except asyncio.CancelledError:
        pass
    finally:
        await store.close()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], sys.argv[2].split(","), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]))
