"""The peer: the same exchange as a careful user of FastStream writes it, a handler a message, a transaction a message.

Owns nothing of the project but the comparison. It decides by the same rules (`broker.rules`), keeps the same tables and
says the same messages. At least once: the transaction commits, the messages are said and acknowledged by Kafka, then
the offset is committed; a repeat changes nothing (primary keys) and says the same again. Plain SQL, a statement a fact,
as one writes it; joined where that saves a round trip. Run as a process by `peer`.

Arguments: topic prefix, partitions, workers a handler, ready file. Settings: as `chukan run`.
"""

from __future__ import annotations

import asyncio
import hmac
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import uvloop
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.security import SASLScram512

from broker import config as settings
from broker.keys import Keys, Sealer
from broker.rules import merkle, permits
from broker.rules.blocking import project
from broker.rules.fields import errors_in
from broker.rules.identity import derived_id, exchange_id, jst_date, serial_number, split_exchange_id
from broker.rules.leaves import leaf_of
from broker.rules.permission_list import PermissionList, Question, from_json
from broker.rules.permits import Verifier, opened
from broker.rules.records import SALT_BYTES, record_of, split
from broker.rules.signing import sign_batch
from broker.tables import (
    TABLES,
    CopyRecord,
    Exchange,
    Inquiry,
    LogRecord,
    NetworkExchange,
    Provision,
)
from schemas.codec import KEY, decode, encode
from schemas.records import (
    AnsweredKind,
    InquiryAnswered,
    InquiryForwarded,
    InquiryRequested,
    InquirySent,
    Message,
    Outcome,
    Party,
    Permit,
    PermitIssued,
    PermitRequested,
    ProvidedInformation,
    ProvisionAnswered,
    ProvisionRecorded,
    ProvisionReported,
)
from services.common import counterpart_of
from services.network import NETWORK_CODE, route_to
from services.processes import SystemClock, SystemRandomness, read_keys

ANSWER_MS = 3_600_000
STATEMENT_SECONDS = 30.0
EMPTY_FRONTIER = merkle.to_bytes(merkle.EMPTY_FRONTIER)

TOPICS: dict[type[Any], str] = {
    InquiryRequested: "requests",
    PermitRequested: "permit_requested",
    PermitIssued: "permit_issued",
    InquirySent: "inquiry_sent",
    InquiryForwarded: "inquiry_forwarded",
    ProvisionAnswered: "provision_answered",
    ProvisionReported: "provision_reported",
    ProvisionRecorded: "provision_recorded",
    InquiryAnswered: "replies",
}

# One row, unless its key is there already.
INSERT: dict[type[Any], str] = {
    table.row: f"insert into {table.name} ({', '.join(table.columns)}) "  # noqa: S608 - our own names
    f"values ({', '.join(f'${place}' for place in range(1, len(table.columns) + 1))}) on conflict do nothing"
    for table in TABLES
}

Handle = Callable[[Any, Any], Awaitable[Sequence[Message]]]


class Refused(Exception):  # noqa: N818 - the finding
    """A message that cannot be served; the comparison's load holds none."""


class Secrets(NamedTuple):
    """What the handlers need of the installation's keys."""

    keys: Keys
    verifier: Verifier
    seal: Sealer
    draw: Callable[[int], bytes]


def key_of(message: Message) -> bytes:
    """The partition key: as in the schemas, and the log's owner for records, so that a log has one writer."""
    kind = type(message)
    return str(getattr(message, "institution_code" if kind is ProvisionRecorded else KEY[kind])).encode()


class Handlers:
    """One method a message: the connection in its transaction, and the message, in; what is to be said, out."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._lists: dict[int, PermissionList] = {}
        self._clock = SystemClock()

    def table(self) -> dict[type[Any], Handle]:
        """Which method serves which message."""
        return {
            InquiryRequested: self.requested,
            PermitRequested: self.permit_requested,
            PermitIssued: self.permit_issued,
            InquirySent: self.inquiry_sent,
            InquiryForwarded: self.inquiry_forwarded,
            ProvisionAnswered: self.provision_answered,
            ProvisionReported: self.provision_reported,
            ProvisionRecorded: self.provision_recorded,
        }

    async def list_of(self, call: Any, version: int) -> PermissionList:
        """A list version, read once; it never changes."""
        found = self._lists.get(version)
        if found is None:
            body = await call.fetchval("select body from permission_list_versions where list_version = $1", version)
            found = self._lists[version] = from_json(body)
        return found

    # ── the inquirer's side ──────────────────────────────────────────────────────────────────────────────────────

    async def requested(self, call: Any, message: InquiryRequested) -> Sequence[Message]:
        """Check it, number it, keep it, ask for the permit."""
        errors = errors_in(message)
        if errors:
            raise Refused(errors[0].field)
        now = self._clock.now_ms()
        inquirer, record_id, kind = (
            message.inquirer_institution_code,
            message.record_identification_number,
            message.kinds[0],
        )
        found = await call.fetchrow(
            "select (select linkage_code from code_bindings b where b.institution_code = i.institution_code "
            " and b.integrated_number = $2 and valid_from <= $3 and (valid_to = 0 or $3 < valid_to) limit 1) as code, "
            "exists (select 1 from suspensions s where s.institution_code = i.institution_code "
            " and s.integrated_number = $2 and since <= $3) as suspended "
            "from institutions i where i.institution_code = $1",
            inquirer,
            message.integrated_number,
            now,
        )
        if found is None or found["suspended"] or found["code"] is None:
            raise Refused(f"{inquirer}: not served")
        digest = sha256(encode(message)).digest()
        inquiry = Inquiry(inquirer, record_id, digest, now, kinds=1, open_kinds=1, answered_at=0)
        fresh = await call.fetchval(f"{INSERT[Inquiry]} returning 1", *inquiry)
        if fresh:
            last = await call.fetchval(
                "insert into serial_counters values ($1, 1) "
                "on conflict (institution_code) do update set last = serial_counters.last + 1 returning last",
                inquirer,
            )
            name = exchange_id(inquirer, serial_number(now, last, 0))
            await call.execute(INSERT[Exchange], *new_exchange(message, name, found["code"], now))
        else:
            known = await call.fetchrow(
                "select e.exchange_id, i.content_digest from exchanges e join inquiries i "
                "using (institution_code, record_identification_number) "
                "where e.institution_code = $1 and e.record_identification_number = $2",
                inquirer,
                record_id,
            )
            if known["content_digest"] != digest:
                raise Refused(f"{record_id} was used for another inquiry")
            name = known["exchange_id"]
        return [
            PermitRequested(
                name,
                inquirer,
                kind.provider_institution_code,
                message.affair_code,
                message.procedure_code,
                kind.spi_name_code,
                message.consent_obtained,
                message.inquirer_non_disclosure_code,
                now,
            )
        ]

    async def permit_issued(self, call: Any, message: PermitIssued) -> Sequence[Message]:
        """Keep the permit, send the inquiry."""
        row = await call.fetchrow(
            "update exchanges set permit_id = $2, list_version = $3, row_id = $4, "
            "state = case state when 'PERMIT_REQUESTED' then 'SENT' else state end "
            "where exchange_id = $1 returning linkage_code, institution_code, conditions",
            message.exchange_id,
            message.permit_id,
            message.list_version,
            message.row_id,
        )
        conditions = row["conditions"].split("/")
        return [
            InquirySent(
                message.exchange_id,
                message.permit,
                message.permit_proof,
                row["linkage_code"],
                row["institution_code"],
                *conditions,
            )
        ]

    async def provision_answered(self, call: Any, message: ProvisionAnswered) -> Sequence[Message]:
        """End the exchange, record it, tell the institution."""
        now = self._clock.now_ms()
        row = await call.fetchrow(
            "update exchanges e set state = 'RECEIVED', outcome = $2 from institutions i, institutions p "
            "where exchange_id = $1 and i.institution_code = e.institution_code "
            "and p.institution_code = e.provider_institution_code "
            "returning e.*, i.name as inquirer_name, p.name as provider_name",
            message.exchange_id,
            message.outcome.value,
        )
        await call.execute(
            "update inquiries set open_kinds = 0, answered_at = $3 "
            "where institution_code = $1 and record_identification_number = $2",
            row["institution_code"],
            row["record_identification_number"],
            now,
        )
        record = record_of(
            Party.INQUIRER,
            row["institution_code"],
            message.exchange_id,
            inquirer_name=row["inquirer_name"],
            provider_institution_code=row["provider_institution_code"],
            provider_name=row["provider_name"],
            requested_at=row["requested_at"],
            affair_code=row["affair_code"],
            procedure_code=row["procedure_code"],
            spi_name_code=row["spi_name_code"],
            outcome=message.outcome,
            rule=message.rule,
            provided_at=message.provided_at,
            spi_items=message.spi_items,
            non_disclosure_code=message.non_disclosure_code or row["non_disclosure_code"],
            permit_id=row["permit_id"],
            list_version=row["list_version"],
            row_id=row["row_id"],
            operator_id=row["operator_id"],
            answer_digest=message.answer_digest,
            sealed_digest=message.sealed_digest,
        )
        kind = AnsweredKind(
            row["provider_institution_code"],
            row["spi_name_code"],
            split_exchange_id(message.exchange_id)[1],
            message.outcome,
            "01",
            message.rule,
            "",
            "",
            "",
            message.provided_at,
            message.sealed_answer,
            message.answer_digest,
        )
        answer = InquiryAnswered(row["record_identification_number"], row["institution_code"], "09", now, (kind,))
        return [record, answer]

    # ── the network ──────────────────────────────────────────────────────────────────────────────────────────────

    async def permit_requested(self, call: Any, message: PermitRequested) -> Sequence[Message]:
        """Both assessments, the list, the permit with its own signature."""
        now = self._clock.now_ms()
        found = await call.fetchrow(
            "select i.institution_class as inquirer_class, p.institution_class as provider_class, "
            "i.pia_valid and p.pia_valid as assessed, p.operating_state, l.list_version "
            "from institutions i, institutions p, list_copies l "
            "where i.institution_code = $1 and p.institution_code = $2 and l.institution_code = $3",
            message.inquirer_institution_code,
            message.provider_institution_code,
            NETWORK_CODE,
        )
        if found is None or not found["assessed"] or found["operating_state"] != "ONLINE":
            raise Refused(f"{message.exchange_id}: one of the parties may not")
        version = found["list_version"]
        question = Question(
            found["inquirer_class"],
            message.affair_code,
            message.procedure_code,
            found["provider_class"],
            message.spi_name_code,
            jst_date(now),
            message.consent_obtained,
        )
        decision = (await self.list_of(call, version)).decision(question)
        if not decision.permitted:
            raise Refused(f"{message.exchange_id}: {decision.rule}")
        permit_id = derived_id(message.exchange_id, "permit", 0)
        row = NetworkExchange(
            exchange_id=message.exchange_id,
            state="ISSUED",
            provider_institution_code=message.provider_institution_code,
            affair_code=message.affair_code,
            procedure_code=message.procedure_code,
            spi_name_code=message.spi_name_code,
            consent_obtained=message.consent_obtained,
            non_disclosure_code=message.inquirer_non_disclosure_code,
            requested_at=message.requested_at,
            permit_id=permit_id,
            list_version=version,
            row_id=decision.row_id,
            expires_at=now + permits.LIFE_MS,
        )
        await call.execute(INSERT[NetworkExchange], *row)
        permit = encode(
            Permit(
                permit_id,
                message.exchange_id,
                message.inquirer_institution_code,
                message.provider_institution_code,
                message.affair_code,
                message.procedure_code,
                message.spi_name_code,
                decision.item_codes,
                version,
                decision.row_id,
                now,
                row.expires_at,
            )
        )
        proof = sign_batch([permit], permits.CONTEXT, self._secrets.keys.network_signing)[0]
        return [PermitIssued(message.exchange_id, permit, proof, permit_id, version, decision.row_id)]

    async def inquiry_sent(self, call: Any, message: InquirySent) -> Sequence[Message]:
        """Check the permit, turn the inquirer's code into the provider's, forward."""
        now = self._clock.now_ms()
        permit = self._valid_permit(message, now)
        row = await call.fetchrow(
            "update network_exchanges set state = case state when 'ISSUED' then 'USED' else state end "
            "where exchange_id = $1 and permit_id = $2 "
            "returning consent_obtained, non_disclosure_code, requested_at",
            message.exchange_id,
            permit.permit_id,
        )
        code = await call.fetchval(
            "select p.linkage_code from network_codes o join network_codes p using (internal_id) "
            "where o.institution_code = $1 and o.linkage_code = $2 and p.institution_code = $3 "
            "and o.valid_from <= $4 and (o.valid_to = 0 or $4 < o.valid_to) "
            "and p.valid_from <= $4 and (p.valid_to = 0 or $4 < p.valid_to)",
            permit.inquirer_institution_code,
            message.linkage_code,
            permit.provider_institution_code,
            now,
        )
        if row is None or code is None or message.presented_by != permit.inquirer_institution_code:
            raise Refused(f"{message.exchange_id}: not forwarded")
        return [
            InquiryForwarded(
                message.exchange_id,
                message.permit,
                message.permit_proof,
                code,
                route_to(permit.inquirer_institution_code),
                row["consent_obtained"],
                row["non_disclosure_code"],
                row["requested_at"],
                message.inquiry_condition_type,
                message.inquiry_year_type,
                message.period_from,
                message.period_to,
            )
        ]

    async def provision_reported(self, call: Any, message: ProvisionReported) -> Sequence[Message]:
        """The network's record."""
        row = await call.fetchrow(
            "update network_exchanges n set state = 'COMPLETED' from institutions i, institutions p "
            "where exchange_id = $1 and i.institution_code = $2 and p.institution_code = n.provider_institution_code "
            "returning n.*, i.name as inquirer_name, p.name as provider_name",
            message.exchange_id,
            split_exchange_id(message.exchange_id)[0],
        )
        record = record_of(
            Party.NETWORK,
            NETWORK_CODE,
            message.exchange_id,
            inquirer_name=row["inquirer_name"],
            provider_institution_code=row["provider_institution_code"],
            provider_name=row["provider_name"],
            requested_at=row["requested_at"],
            affair_code=row["affair_code"],
            procedure_code=row["procedure_code"],
            spi_name_code=row["spi_name_code"],
            outcome=message.outcome,
            rule=message.rule,
            provided_at=message.provided_at,
            spi_items=message.spi_items,
            non_disclosure_code=message.non_disclosure_code or row["non_disclosure_code"],
            permit_id=row["permit_id"],
            list_version=row["list_version"],
            row_id=row["row_id"],
            answer_digest=message.answer_digest,
            sealed_digest=message.sealed_digest,
        )
        return [record]

    def _valid_permit(self, message: InquirySent | InquiryForwarded, now: int) -> Permit:
        permit = opened(message.permit)
        rule = self._secrets.verifier.refusal(message.permit, message.permit_proof, message.exchange_id, now)
        if permit is None or rule:
            raise Refused(f"{message.exchange_id}: {rule}")
        return permit

    # ── the provider's side ──────────────────────────────────────────────────────────────────────────────────────

    async def inquiry_forwarded(self, call: Any, message: InquiryForwarded) -> Sequence[Message]:
        """Permit, own list, person, copies; answer sealed for the inquirer, report, record."""
        now = self._clock.now_ms()
        permit = self._valid_permit(message, now)
        parties = await call.fetchrow(
            "select i.institution_class as inquirer_class, i.name as inquirer_name, i.sealing_key, "
            "p.institution_class as provider_class, p.name as provider_name, l.list_version "
            "from institutions i, institutions p join list_copies l using (institution_code) "
            "where i.institution_code = $1 and p.institution_code = $2",
            permit.inquirer_institution_code,
            permit.provider_institution_code,
        )
        question = Question(
            parties["inquirer_class"],
            permit.affair_code,
            permit.procedure_code,
            parties["provider_class"],
            permit.spi_name_code,
            jst_date(now),
            message.consent_obtained,
        )
        decision = (await self.list_of(call, parties["list_version"])).decision(question)
        person = await call.fetchrow(
            "select integrated_number, exists (select 1 from suspensions s "
            " where s.institution_code = b.institution_code and s.integrated_number = b.integrated_number "
            " and since <= $3) as suspended "
            "from code_bindings b where institution_code = $1 and linkage_code = $2 "
            "and valid_from <= $3 and (valid_to = 0 or $3 < valid_to)",
            permit.provider_institution_code,
            message.linkage_code,
            now,
        )
        if not decision.permitted or person is None or person["suspended"]:
            raise Refused(f"{message.exchange_id}: not provided")
        copies = await call.fetch(
            "select * from copy_records where institution_code = $1 and integrated_number = $2 and spi_name_code = $3",
            permit.provider_institution_code,
            person["integrated_number"],
            permit.spi_name_code,
        )
        period = (message.period_from, message.period_to)
        projection = project([CopyRecord(**copy) for copy in copies], permit.item_codes, period, jst_date(now))
        if projection.blocked or not projection.item_codes:
            raise Refused(f"{message.exchange_id}: nothing may leave")
        outcome = Outcome.NON_DISCLOSED if projection.non_disclosed else Outcome.OK
        hidden = "2" if projection.non_disclosed else message.inquirer_non_disclosure_code
        row = Provision(
            permit_id=permit.permit_id,
            exchange_id=permit.exchange_id,
            institution_code=permit.provider_institution_code,
            state="CLOSED",
            outcome=outcome.value,
            received_at=now,
            linkage_code=message.linkage_code,
            integrated_number="",
            request=b"",
            hold_deadline_at=0,
            remind_at=0,
            shown_digest=b"",
            operator_id="",
            hold_reason="",
            permit=message.permit,
            permit_proof=message.permit_proof,
        )
        await call.execute(INSERT[Provision], *row)
        salt = hmac.new(self._secrets.keys.salts, permit.exchange_id.encode(), sha256).digest()[:16]
        plain = encode(ProvidedInformation(permit.exchange_id, permit.spi_name_code, now, salt, projection.records))
        aad = permit.exchange_id.encode()
        sealed = self._secrets.seal(permit.inquirer_institution_code, parties["sealing_key"], plain, aad, now)
        digest, sealed_digest, items = sha256(plain).digest(), sha256(sealed).digest(), projection.item_codes
        version = parties["list_version"]
        record = record_of(
            Party.PROVIDER,
            permit.provider_institution_code,
            permit.exchange_id,
            inquirer_name=parties["inquirer_name"],
            provider_institution_code=permit.provider_institution_code,
            provider_name=parties["provider_name"],
            requested_at=message.requested_at,
            affair_code=permit.affair_code,
            procedure_code=permit.procedure_code,
            spi_name_code=permit.spi_name_code,
            outcome=outcome,
            provided_at=now,
            spi_items=items,
            non_disclosure_code=hidden,
            permit_id=permit.permit_id,
            list_version=version,
            row_id=decision.row_id,
            copy_digest=projection.digest,
            answer_digest=digest,
            sealed_digest=sealed_digest,
        )
        answer = ProvisionAnswered(
            permit.exchange_id, outcome, "", now, sealed, digest, sealed_digest, items, hidden, version, "", "", ""
        )
        report = ProvisionReported(permit.exchange_id, outcome, "", now, digest, sealed_digest, items, hidden)
        return [answer, report, record]

    # ── the logs ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def provision_recorded(self, call: Any, message: ProvisionRecorded) -> Sequence[Message]:
        """The next leaf of its owner's log, unless it is there."""
        owner, counterpart, now = message.institution_code, counterpart_of(message), self._clock.now_ms()
        head = await call.fetchrow(
            "select size, frontier, exists (select 1 from log_records where exchange_id = $2 and party = $3) as known "
            "from log_heads where institution_code = $1 for update of log_heads",
            owner,
            message.exchange_id,
            message.party.value,
        )
        if head is not None and head["known"]:
            return []
        size, frontier = (head["size"], head["frontier"]) if head is not None else (0, EMPTY_FRONTIER)
        pair = await call.fetchval(
            "insert into pair_heads values ($1, $2, 1) "
            "on conflict (institution_code, counterpart) do update set last = pair_heads.last + 1 returning last",
            owner,
            counterpart,
        )
        body, detail = split(message, self._secrets.draw(SALT_BYTES))
        leaf = leaf_of(size, counterpart, pair, body)
        place = (owner, size, counterpart, pair, message.exchange_id, message.party.value)
        row = LogRecord(*place, now, leaf, body, detail)
        await call.execute(INSERT[LogRecord], *row)
        grown = merkle.append_all(merkle.from_bytes(frontier), [leaf])
        await call.execute(
            "insert into log_heads (institution_code, size, frontier, checkpoint_due_at) values ($1, $2, $3, $4) "
            "on conflict (institution_code) do update set size = excluded.size, frontier = excluded.frontier",
            *(owner, grown.size, merkle.to_bytes(grown), 0),
        )
        return []


def new_exchange(message: InquiryRequested, name: str, linkage_code: str, now: int) -> Exchange:
    """The row of an inquiry's first kind; the load has one kind an inquiry."""
    kind = message.kinds[0]
    conditions = (kind.inquiry_condition_type, kind.inquiry_year_type, kind.period_from, kind.period_to)
    return Exchange(
        exchange_id=name,
        institution_code=message.inquirer_institution_code,
        record_identification_number=message.record_identification_number,
        kind_index=0,
        state="PERMIT_REQUESTED",
        outcome="",
        provider_institution_code=kind.provider_institution_code,
        integrated_number=message.integrated_number,
        affair_code=message.affair_code,
        procedure_code=message.procedure_code,
        spi_name_code=kind.spi_name_code,
        conditions="/".join(conditions),
        non_disclosure_code=message.inquirer_non_disclosure_code,
        operator_id=f"{message.inquirer_department_code}/{message.inquirer_operator_id}",
        linkage_code=linkage_code,
        requested_at=now,
        deadline_at=now + ANSWER_MS,
        permit_id="",
        list_version=0,
        row_id="",
        answer=b"",
    )


def application(config: settings.Config, pool: asyncpg.Pool[asyncpg.Record], prefix: str, workers: int) -> KafkaBroker:
    """The broker with its subscribers."""
    broker = KafkaBroker(
        config.kafka_bootstrap,
        security=SASLScram512(config.kafka_user, config.kafka_password),
        acks="all",
        enable_idempotence=True,
        allow_auto_create_topics=False,
        apply_types=False,
        logger=None,
        decoder=lambda message: decode(message.body),
    )

    async def say(message: Message) -> None:
        await broker.publish(encode(message), f"{prefix}.{TOPICS[type(message)]}", key=key_of(message))

    def serving(handle: Handle) -> Callable[[Any], Awaitable[None]]:
        async def serve(message: Any) -> None:
            async with pool.acquire() as connection, connection.transaction():
                said = await handle(connection, message)
            await asyncio.gather(*(say(one) for one in said))

        return serve

    keys = read_keys(config)
    chance = SystemRandomness()
    handlers = Handlers(Secrets(keys, Verifier(keys.network_public), Sealer(chance), chance.bytes))
    for kind, handle in handlers.table().items():
        topic = f"{prefix}.{TOPICS[kind]}"
        broker.subscriber(
            topic,
            group_id=topic,
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.NACK_ON_ERROR,
            max_workers=workers,
        )(serving(handle))
    return broker


async def serve(prefix: str, workers: int, ready_file: str) -> None:
    """Serve until SIGTERM."""
    config = settings.load().config
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    pool = await asyncpg.create_pool(
        config.postgres_dsn, min_size=1, max_size=8 * min(workers, 5), command_timeout=STATEMENT_SECONDS
    )
    try:
        async with application(config, pool, prefix, workers) as broker:
            await broker.start()
            Path(ready_file).write_text("ready", encoding="ascii")  # noqa: ASYNC240 - five bytes, once
            await stop.wait()
    finally:
        await asyncio.wait_for(pool.close(), STATEMENT_SECONDS)


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
