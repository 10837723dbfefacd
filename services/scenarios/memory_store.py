"""The tables of a scenario in memory, with the named statements that operators, desks and the hub send to PostgreSQL.

Owns what each of these statements finds here. Promises that a statement it does not know is a fault and never an empty
answer; `test_scenarios` holds the names against the SQL files. Leaves keys and look-ups to `MemoryStore`. A statement
that writes does so at once, which shows only where a transaction is undone: no scenario undoes one after such a write.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, cast

from broker.adapters.memory import MemoryStore, MemoryTransaction
from broker.adapters.postgres import QUERIES
from broker.errors import OwnFault
from broker.facts import KEY_OF
from broker.tables import (
    Checkpoint,
    CopyRecord,
    Cosignature,
    Exchange,
    HealthRecord,
    HealthTarget,
    HubClient,
    HubCode,
    HubCopyBatch,
    HubCounter,
    HubInquiry,
    HubOperation,
    HubOutgoing,
    HubPerson,
    HubToken,
    LogFork,
    LogHead,
    LogRecord,
    NetworkExchange,
    PairHead,
    Provision,
    VrsCheckpoint,
    VrsDose,
    VrsLogHead,
    VrsRecord,
    WitnessDuty,
    WitnessedLog,
)
from services.integrated_number.common import QUERIES as HUB_QUERIES

Row = dict[str, Any]
Tables = Mapping[type[Any], dict[tuple[Any, ...], Any]]
Query = Callable[..., list[Row]]
StoreQuery = Query
EXCHANGE = ("exchange_id",)
ASKING = frozenset({"CODE_RESOLVED", "PERMIT_REQUESTED", "PERMITTED", "SENT", "HELD"})


def _expired(kind: type[Any], columns: tuple[str, ...], wanted: Callable[[Any, int], bool]) -> Query:
    """These columns of the rows that are wanted before a moment: the statements of `services.erasure`."""

    def query(tables: Tables, before: int, limit: int) -> list[Row]:
        found = {tuple(getattr(row, name) for name in columns) for row in tables[kind].values() if wanted(row, before)}
        return [dict(zip(columns, values, strict=True)) for values in sorted(found)[:limit]]

    return query


def _where(kind: type[Any], *columns: str, also: Callable[[Any], bool] = lambda _: True) -> Query:
    """Whole rows, in the order of their keys, whose columns have the statement's values."""

    def query(tables: Tables, *values: Any) -> list[Row]:
        found = [row for row in tables[kind].values() if tuple(getattr(row, name) for name in columns) == values]
        return [row._asdict() for row in sorted(found) if also(row)]

    return query


# ── statements that are more than a filter ───────────────────────────────────────────────────────────────────────


def _exchanges_of_code(tables: Tables, institution_code: str, code: str) -> list[Row]:
    rows = [*tables[Provision].values(), *tables[Exchange].values()]
    mine = {row.exchange_id for row in rows if (row.institution_code, row.linkage_code) == (institution_code, code)}
    return [{"exchange_id": name} for name in sorted(mine)]


def _records_of_network(tables: Tables, institution_code: str, names: Sequence[str]) -> list[Row]:
    rows = [row for row in tables[LogRecord].values() if row.institution_code == institution_code]
    return [row._asdict() for row in rows if row.exchange_id in names and row.party == "NETWORK"]


def _checkpoint_over(tables: Tables, institution_code: str, sequence: int) -> list[Row]:
    rows = [row for row in tables[Checkpoint].values() if row.institution_code == institution_code]
    return [row._asdict() for row in sorted(rows, key=lambda row: row.size) if row.size > sequence][:1]


def _records_of_exchanges(tables: Tables, names: Sequence[str]) -> list[Row]:
    rows = [row for row in tables[LogRecord].values() if row.exchange_id in names]
    return [row._asdict() for row in sorted(rows, key=lambda row: (row.exchange_id, row.party))]


def _exchanges_stand(tables: Tables, names: Sequence[str]) -> list[Row]:
    found = []
    for name in names:
        asked, network = tables[Exchange].get((name,)), tables[NetworkExchange].get((name,))
        held = [row for row in tables[Provision].values() if row.exchange_id == name and row.state == "HELD"]
        found.append(
            {
                "exchange_id": name,
                "permit_id": network.permit_id if network else None,
                "network_state": network.state if network else None,
                "expires_at": network.expires_at if network else None,
                "asking_until": asked.deadline_at if asked and asked.state in ASKING else None,
                "holding_until": max((row.hold_deadline_at for row in held), default=None),
            }
        )
    return found


def _health_extract(tables: Tables, institution_code: str) -> list[Row]:
    found = []
    for row in tables[HealthRecord].values():
        target = tables[HealthTarget].get((institution_code, row.business_person_number))
        if row.institution_code == institution_code and not row.superseded_at and row.stage != "CANCELLED" and target:
            known = {"birth_date": target.birth_date, "sex": target.sex, "district": target.district}
            found.append(row._asdict() | known)
    return found


def _same_attributes(tables: Tables, institution_code: str, born: str, name: str, but: str) -> list[Row]:
    rows = [row for row in tables[HubPerson].values() if row.institution_code == institution_code]
    same = [row for row in rows if (row.birth_date, row.name) == (born, name) and row.integrated_number != but]
    return [{"integrated_number": row.integrated_number} for row in sorted(same)][:10]


def _clients_of(tables: Tables, institution_code: str) -> list[Row]:
    rows = sorted(tables[HubClient].values(), key=lambda row: (row.institution_code, row.client_id))
    return [row._asdict() for row in rows if institution_code in ("", row.institution_code)]


def _operations_page(tables: Tables, institution_code: str, before: int, limit: int) -> list[Row]:
    rows = [row for row in tables[HubOperation].values() if row.institution_code == institution_code]
    rows = [row for row in rows if row.at < before]
    return [row._asdict() for row in sorted(rows, key=lambda row: (-row.at, row.operation_id))[:limit]]


def _operations_newest(tables: Tables, institution_code: str, limit: int) -> list[Row]:
    rows = [row for row in tables[LogRecord].values() if row.institution_code == institution_code]
    staff = sorted((row for row in rows if row.party == "STAFF"), key=lambda row: -row.sequence)
    return [row._asdict() for row in staff[:limit]]


def _codes_of_person(tables: Tables, institution_code: str, integrated: str, limit: int) -> list[Row]:
    rows = [row for row in tables[HubCode].values() if row[0] == institution_code and row[2] == integrated]
    return [row._asdict() for row in sorted(rows, key=lambda row: (-row.requested_at, row.request_id))[:limit]]


def _waiting(tables: Tables, institution_code: str, lanes: Sequence[str], limit: int) -> list[Row]:
    rows = [row for row in tables[HubOutgoing].values() if row.institution_code == institution_code]
    rows = [row for row in rows if row.lane in lanes]
    return [row._asdict() for row in sorted(rows, key=lambda row: (row.sequence, row.outgoing_id))[:limit]]


def _given(tables: Tables, institution_code: str, limit: int) -> list[Row]:
    rows = [row for row in tables[HubOutgoing].values() if row.institution_code == institution_code]
    rows = [row for row in rows if (row.sequence, row.lane) == (0, "GIVEN")]
    return [row._asdict() for row in sorted(rows, key=lambda row: row.outgoing_id)[:limit]]


def _parts_of_file(tables: Tables, institution_code: str, file_id: str) -> list[Row]:
    rows = [row for row in tables[HubCopyBatch].values() if row.institution_code == institution_code]
    return [{"parts": sum(row.file_id == file_id for row in rows)}]


def _waiting_counts(tables: Tables, institution_code: str) -> list[Row]:
    rows = [row for row in tables[HubOutgoing].values() if row.institution_code == institution_code]
    lanes = sorted({row.lane for row in rows})
    return [
        {
            "lane": lane,
            "messages": sum(row.lane == lane for row in rows),
            "since": min(row.queued_at for row in rows if row.lane == lane),
        }
        for lane in lanes
    ]


# ── statements that write, or look at more than tables ───────────────────────────────────────────────────────────


def _next_integrated_number(store: RehearsalStore, institution_code: str) -> list[Row]:
    before = store.tables[HubCounter].get((institution_code,))
    after = HubCounter(institution_code, before.last + 1 if before else 1)
    store.write_row(after)
    return [{"last": after.last}]


def _next_sequence(store: RehearsalStore, wanted: int) -> list[Row]:
    return [{"place": next(store.places)} for _ in range(wanted)]


def _heartbeats(store: RehearsalStore, services: Sequence[str]) -> list[Row]:
    return [
        {"service": service, "shard": shard, "lease_until": state.lease_until}
        for (service, shard), state in store.shards.items()
        if service in services
    ]


def _forget(kind: type[Any], name: str) -> StoreQuery:
    """The institution's rows whose column has the statement's value, or one of them, go."""

    def query(store: RehearsalStore, institution_code: str, value: Any) -> list[Row]:
        wanted = [value] if isinstance(value, str) else value
        rows = [row for row in store.tables[kind].values() if row.institution_code == institution_code]
        for row in rows:
            if getattr(row, name) in wanted:
                store.drop(kind, KEY_OF[kind](row))
        return []

    return query


def _sent(kind: type[Any], name: str, before: str, after: str) -> StoreQuery:
    """What was said has the next state, unless a reply has said more already."""

    def query(store: RehearsalStore, institution_code: str, names: Sequence[str], now: int) -> list[Row]:
        rows = [row for row in store.tables[kind].values() if row.institution_code == institution_code]
        for row in rows:
            if getattr(row, name) in names and row.state == before:
                store.write_row(row._replace(state=after, changed_at=now))
        return []

    return query


def _let_go(store: RehearsalStore, institution_code: str, reasons: Sequence[str]) -> list[Row]:
    for row in list(store.tables[HubOutgoing].values()):
        if row.institution_code == institution_code and row.lane == "HELD" and row.reference in reasons:
            store.write_row(row._replace(lane="GIVEN", reference=""))
    return []


OF_THE_SERVER: Mapping[str, Query] = {
    "records_to_erase": _expired(
        LogRecord,
        ("institution_code", "sequence"),
        lambda row, before: row.recorded_at < before and row.detail != b"",
    ),
    "exchanges_to_erase": _expired(
        Exchange,
        EXCHANGE,
        lambda row, before: row.requested_at < before and row.integrated_number != "" and row.outcome != "",
    ),
    "answers_to_erase": _expired(
        Exchange, EXCHANGE, lambda row, before: row.requested_at < before and row.answer != b"" and row.outcome != ""
    ),
    "provisions_to_erase": _expired(
        Provision,
        EXCHANGE,
        lambda row, before: row.received_at < before and row.linkage_code != "" and row.state != "HELD",
    ),
    "copies_to_erase": _expired(
        CopyRecord,
        ("institution_code", "integrated_number", "spi_name_code"),
        lambda row, before: 0 < row.known_to < before and row.digest != b"",
    ),
    "exchanges_of_code": _exchanges_of_code,
    "records_of_network": _records_of_network,
    "records_of_exchange": _where(LogRecord, "exchange_id"),
    "checkpoint_over": _checkpoint_over,
    "records_of_exchanges": _records_of_exchanges,
    "exchanges_stand": _exchanges_stand,
    "operations_newest": _operations_newest,
    "checkpoints_of": _where(Checkpoint, "institution_code"),
    "witness_duties_of": _where(WitnessDuty, "institution_code"),
    "cosignatures_of": _where(Cosignature, "institution_code"),
    "log_forks_of": _where(LogFork, "institution_code"),
    "witnessed_logs_of": _where(WitnessedLog, "institution_code"),
    "log_of": _where(LogRecord, "institution_code"),
    "log_head_of": _where(LogHead, "institution_code"),
    "pair_heads_of": _where(PairHead, "institution_code"),
    "health_person": _where(HealthTarget, "institution_code", "business_person_number"),
    "health_person_by_hash": _where(
        HealthTarget, "institution_code", "number_hash", also=lambda row: row.number_hash != b""
    ),
    "health_records_of": _where(
        HealthRecord, "institution_code", "integrated_number", also=lambda row: not row.superseded_at
    ),
    "health_extract": _health_extract,
    "vrs_doses_of": _where(VrsDose, "institution_code"),
    "vrs_log_of": _where(VrsRecord, "institution_code"),
    "vrs_log_head_of": _where(VrsLogHead, "institution_code"),
    "vrs_checkpoints_of": _where(VrsCheckpoint, "institution_code"),
}
OF_THE_HUB: Mapping[str, Query] = {
    "same_attributes": _same_attributes,
    "codes_of_person": _codes_of_person,
    "given": _given,
    "parts_of_file": _parts_of_file,
    "waiting": _waiting,
    "waiting_counts": _waiting_counts,
    "clients_of": _clients_of,
    "operations_page": _operations_page,
}
OF_THE_STORE: Mapping[str, StoreQuery] = {
    "next_integrated_number": _next_integrated_number,
    "next_sequence": _next_sequence,
    "heartbeats": _heartbeats,
    "let_go": _let_go,
    "forget_tokens": _forget(HubToken, "client_id"),
    "forget_said": _forget(HubOutgoing, "outgoing_id"),
    "inquiries_sent": _sent(HubInquiry, "record_identification_number", "WAITING", "SENT"),
    "codes_sent": _sent(HubCode, "request_id", "WAITING", "REQUESTED"),
    "identities_sent": _sent(HubCode, "request_id", "NUMBER_ASSIGNED", "IDENTITY_SENT"),
    "batches_sent": _sent(HubCopyBatch, "batch_id", "WAITING", "RUNNING"),
}
HOLD_LOCK = HUB_QUERIES["hold_lock"]
STATEMENTS: Mapping[str, Query] = {QUERIES[name]: query for name, query in OF_THE_SERVER.items()} | {
    HUB_QUERIES[name]: query for name, query in OF_THE_HUB.items()
}

WRITING: Mapping[str, StoreQuery] = {HUB_QUERIES[name]: query for name, query in OF_THE_STORE.items()}


class RehearsalWork(MemoryTransaction):
    """See `PostgresWork` and `PostgresSnapshot`."""

    async def query(self, statement: str, *values: Any) -> list[Row]:
        """See `PostgresWork.query`."""
        if statement == HOLD_LOCK:
            await self.alone(values[0])
            return []
        return found_by(cast(RehearsalStore, self._store), statement, values)

    async def select(self, kind: type[Any], statement: str, *values: Any) -> list[Any]:
        """See `PostgresWork.select`."""
        return [kind(**row) for row in await self.query(statement, *values)]

    async def stream(self, statement: str, *values: Any) -> AsyncGenerator[list[Row], None]:
        """See `PostgresSnapshot.stream`."""
        yield await self.query(statement, *values)


def found_by(store: RehearsalStore, statement: str, values: Sequence[Any]) -> list[Row]:
    """What a statement finds; OwnFault when memory does not know it."""
    if statement in WRITING:
        return WRITING[statement](store, *values)
    query = STATEMENTS.get(statement)
    if query is None:
        raise OwnFault(f"no such statement in memory: {statement[:80]}")
    return query(store.tables, *values)


class RehearsalStore(MemoryStore):
    """Tables in memory that also take what operators, desks and the hub of a real installation ask of theirs."""

    def __init__(self) -> None:
        super().__init__()
        self.places = count(1)

    async def load(self, _: type[Any], rows: Sequence[Any]) -> None:
        """See `PostgresStore.load`."""
        self.put(rows)

    async def query(self, statement: str, *values: Any) -> list[Row]:
        """See `PostgresStore.query`."""
        return found_by(self, statement, values)

    @asynccontextmanager
    async def work(self) -> AsyncIterator[RehearsalWork]:
        """See `PostgresStore.work`."""
        transaction = RehearsalWork(self, self._weather)
        try:
            yield transaction
            transaction.commit()
        finally:
            transaction.let_go()

    def snapshot(self) -> Any:
        """See `PostgresStore.snapshot`; nothing else runs while a synchronous reader reads."""
        return self.work()
