"""Putting proof documents together from the tables and the topics: capsules, pairs, grown logs.

Owns the reading and the words of a capsule's summary. Promises that what it makes verifies, because it verifies it
before it hands it out. What a document means is `broker.rules.capsule`'s and `broker.rules.evidence`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from broker.adapters.kafka import KafkaAccess
from broker.adapters.postgres import QUERIES, PostgresSnapshot, PostgresStore
from broker.errors import PeerFault
from broker.keys import Keys
from broker.rules import capsule, evidence, merkle
from broker.rules.evidence import Place
from broker.rules.identity import JST
from broker.rules.permission_list import from_json
from broker.rules.permits import opened
from broker.rules.reasons import reason_of
from broker.rules.records import forgotten, whole
from broker.rules.signing import public_key_from_bytes
from broker.tables import Checkpoint, Institution, LogRecord, PermissionListVersion, Provision
from broker.topics import Topics
from schemas.codec import Undecodable, decode
from schemas.records import DataErased, InquiryForwarded, Party, ProvisionRecorded
from services.topic_reader import reading
from services.world import MOST_INSTITUTIONS

LISTS_LIMIT = 10_000
BY_EXCHANGE = ("exchange_id",)


class NotProvable(PeerFault):
    """There is nothing to prove, or not yet; the text says why."""

    def __init__(self, text: str) -> None:
        super().__init__("NOT_PROVABLE", text)


class NotSigned(NotProvable):
    """There will be something to prove when the log's next checkpoint is signed."""


class Signed(NamedTuple):
    """A log's leaf hashes below its newest checkpoint, and that checkpoint."""

    note: str
    size: int
    leaves: Sequence[bytes]


async def signed_log(snapshot: PostgresSnapshot, owner: str, beyond: int) -> Signed:
    """The log up to its newest checkpoint, which must cover the record at this place."""
    notes = await snapshot.select(Checkpoint, QUERIES["checkpoints_of"], owner)
    if not notes or notes[-1].size <= beyond:
        raise NotSigned(f"{owner}: record {beyond} is not signed yet; try again in a few seconds")
    return await _below(snapshot, notes[-1])


async def _below(snapshot: PostgresSnapshot, point: Checkpoint) -> Signed:
    leaves: list[bytes] = []
    async for batch in snapshot.stream(QUERIES["leaves_below"], point.institution_code, point.size):
        leaves += [row["leaf"] for row in batch]
    return Signed(point.note, point.size, leaves)


async def keys_of(snapshot: PostgresSnapshot, keys: Keys, owners: Sequence[str]) -> dict[str, str]:
    """The public keys of these logs as the directory has them; the network itself is not in the directory."""
    known = await snapshot.select(Institution, QUERIES["institutions"], MOST_INSTITUTIONS + 10)
    directory = {one.institution_code: one.signing_key for one in known}
    found = {}
    for owner in owners:
        raw = directory.get(owner) or keys.institutions.signing(owner).public_bytes
        found[owner] = public_key_from_bytes(raw).public_bytes_raw().hex()
    return found


# ── a capsule ────────────────────────────────────────────────────────────────────────────────────────────────────


async def make_capsule(
    store: PostgresStore, access: KafkaAccess, topics: Topics, keys: Keys, exchange_id: str, now: int
) -> bytes:
    """The capsule of one exchange; NotProvable when there is no record of it, NotSigned when its records
    are not below a checkpoint yet."""
    permit = await kept_permit(store, exchange_id) or permit_of(await forwarded_of(access, topics, exchange_id))
    async with store.snapshot() as snapshot:
        rows = await snapshot.select(LogRecord, QUERIES["records_of_exchange"], exchange_id)
        rows = sorted(rows, key=lambda row: list(Party).index(Party(row.party)))
        if not rows:
            raise NotProvable(f"{exchange_id}: there is no record of it")
        records, erasures = [], []
        for row in rows:
            told, certificates = await _parts_of(snapshot, row)
            records.append(told)
            erasures += certificates
        document: dict[str, Any] = {
            "erasures": erasures,
            "exchange_id": exchange_id,
            "format": capsule.FORMAT,
            "keys": {
                "checkpoints": await keys_of(snapshot, keys, sorted({row.institution_code for row in rows})),
                "permits": keys.network_public.public_bytes_raw().hex(),
            },
            "list_row": await list_row_of(snapshot, [whole(row.body, row.detail) for row in rows]),
            "made_at": now,
            "permit": permit,
            "records": records,
        }
    document["layouts"] = capsule.layouts_used(document)
    document["summary"] = summary_of(document)
    data = evidence.sealed(document, keys.root_signing)
    capsule.verify(evidence.opened(data, keys.root_signing.public_key().public_bytes_raw()))
    return data


async def _parts_of(snapshot: PostgresSnapshot, row: LogRecord) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A record as a capsule holds it, and the certificates of its erasure."""
    log = await signed_log(snapshot, row.institution_code, row.sequence)
    record = whole(row.body, row.detail)
    told = {
        **_placed(row, log),
        "counterpart": row.counterpart,
        "detail": row.detail.hex(),
        "told": capsule.told_of(record, row.detail),
    }
    if not forgotten(record, row.detail):
        return told, []
    for other in await snapshot.select(LogRecord, QUERIES["certificates_of"], row.institution_code):
        found = decode(other.body)
        if isinstance(found, DataErased) and row.sequence in found.sequences:
            if other.sequence >= log.size:
                raise NotSigned(f"{row.institution_code}: the certificate is not signed yet; try again in a moment")
            return told, [{**_placed(other, log), "told": capsule.plain(found)}]
    raise NotProvable(f"{row.institution_code}/{row.sequence}: its detail is gone, and no certificate says why")


def _placed(row: LogRecord, log: Signed) -> dict[str, Any]:
    return {
        "body": row.body.hex(),
        "checkpoint": log.note,
        "institution_code": row.institution_code,
        "pair_sequence": row.pair_sequence,
        "path": [part.hex() for part in merkle.inclusion_proof(log.leaves, row.sequence)],
        "sequence": row.sequence,
    }


async def kept_permit(store: PostgresStore, exchange_id: str) -> dict[str, Any]:
    """The permit as the provider keeps it, as a capsule holds it; empty when it keeps none."""
    async with store.snapshot() as snapshot:
        rows = await snapshot.find(Provision, BY_EXCHANGE, [(exchange_id,)])
    return next((told_permit(row.permit, row.permit_proof) for row in rows if row.permit), {})


async def forwarded_of(access: KafkaAccess, topics: Topics, exchange_id: str) -> InquiryForwarded | None:
    """The inquiry as the network forwarded it, while its topic still has it; the permit travels in it.

    Only for exchanges from before the provider kept permits, and for those that it has not served yet.
    """
    async with reading(access, topics.names(InquiryForwarded)) as reader:
        async for batch in reader.batches():
            for record in batch:
                if record.key != exchange_id.encode():
                    continue
                try:
                    message = decode(record.value)
                except Undecodable:
                    continue
                if isinstance(message, InquiryForwarded) and message.exchange_id == exchange_id:
                    return message
    return None


def permit_of(message: InquiryForwarded | None) -> dict[str, Any]:
    """The permit as a capsule holds it; empty when no message has it any more."""
    return {} if message is None else told_permit(message.permit, message.permit_proof)


def told_permit(body: bytes, proof: bytes) -> dict[str, Any]:
    """A permit as a capsule holds it."""
    permit = opened(body)
    if permit is None:
        raise NotProvable("what is kept as its permit is none")
    return {"body": body.hex(), "proof": proof.hex(), "told": capsule.plain(permit)}


async def list_row_of(snapshot: PostgresSnapshot, records: Sequence[ProvisionRecorded]) -> dict[str, Any]:
    """The row of the permission list that the records rest on; empty when they rest on none."""
    named = [record for record in records if record.row_id]
    if not named:
        return {}
    number, row_id = named[-1].list_version, named[-1].row_id
    versions = await snapshot.select(PermissionListVersion, QUERIES["list_versions"], LISTS_LIMIT)
    for version in versions:
        for row in from_json(version.body).rows if version.list_version == number else ():
            if row.row_id == row_id:
                return {"digest": version.digest.hex(), "list_version": number, "row": capsule.plain(row)}
    return {}


def moment_of(at: int) -> str:
    """A moment as people read it, Japanese time."""
    return datetime.fromtimestamp(at / 1000, JST).strftime("%Y-%m-%d %H:%M:%S JST")


def summary_of(document: Mapping[str, Any]) -> dict[str, str]:
    """What a person reads first: who asked whom for what, on what basis, how it ended, what was erased."""
    first, last = document["records"][0]["told"], document["records"][-1]["told"]
    asked, provided = moment_of(first["requested_at"]), last["provided_at"]
    reason = reason_of(first["rule"])
    basis = document["list_row"].get("row", {}).get("legal_basis", "")
    names = [first.get(f"{side}_name") or first[f"{side}_institution_code"] for side in ("inquirer", "provider")]
    ja = f"{names[0]}が{names[1]}に{asked}、特定個人情報 {first['spi_name_code']} を照会しました。"
    en = f"{names[0]} asked {names[1]} at {asked} for {first['spi_name_code']}."
    if basis:
        ja += f"根拠: {basis}（照会許可用照合リスト第{last['list_version']}版 {last['row_id']}）。"
        en += f" Basis: {basis} (permission list version {last['list_version']}, row {last['row_id']})."
    ja += f"結果: {first['outcome']}" + (f"（{reason.ja}）。" if reason.ja else "。")
    en += f" Outcome: {first['outcome']}" + (f" ({reason.en})." if reason.en else ".")
    if provided:
        ja += f"提供: {moment_of(provided)}。"
        en += f" Provided at {moment_of(provided)}."
    if last.get("operator_id") and last["party"] == "PROVIDER":
        ja += f"職員 {last['operator_id']} が確認しました。"
        en += f" Confirmed by operator {last['operator_id']}."
    for rule in dict.fromkeys(one["told"]["rule"] for one in document["erasures"]):
        ja += f"記録の詳細は規則 {rule} により消去済みです。"
        en += f" Details of the records were erased under rule {rule}."
    return {"en": en, "ja": ja}


# ── whole logs ───────────────────────────────────────────────────────────────────────────────────────────────────


async def make_grown(store: PostgresStore, keys: Keys, owner: str, older: int, newer: int) -> bytes:
    """That the log at its checkpoint `older` is the beginning of the one at `newer` (0: the newest)."""
    async with store.snapshot() as snapshot:
        notes = await snapshot.select(Checkpoint, QUERIES["checkpoints_of"], owner)
        first, last = point_at(notes, older), point_at(notes, newer)
        log = await _below(snapshot, last)
        document = {
            "format": evidence.GROWN,
            "institution_code": owner,
            "keys": await keys_of(snapshot, keys, [owner]),
            "newer": last.note,
            "older": first.note,
            "proof": [part.hex() for part in merkle.consistency_proof(log.leaves, first.size)],
        }
    data = evidence.sealed(document, keys.root_signing)
    evidence.grown(evidence.opened(data))
    return data


def point_at(notes: Sequence[Checkpoint], size: int) -> Checkpoint:
    """The checkpoint of this size; the newest for 0."""
    found = [one for one in notes if one.size == size] if size else list(notes[-1:])
    if not found:
        sizes = ", ".join(str(one.size) for one in notes[-10:])
        raise NotProvable(f"no checkpoint at {size or 'all'}; the newest are at {sizes or 'none'}")
    return found[0]


async def make_pair(store: PostgresStore, keys: Keys, owner: str, counterpart: str, start: int, end: int) -> bytes:
    """All records of a pair between two checkpoints (start 0: from the beginning).

    NotProvable while nothing of the pair lies beyond `end`: ask for a mark first.
    """
    async with store.snapshot() as snapshot:
        notes = await snapshot.select(Checkpoint, QUERIES["checkpoints_of"], owner)
        first = point_at(notes, start) if start else None
        last, edge = point_at(notes, end), notes[-1]
        log = await _below(snapshot, edge)
        below = (await snapshot.query(QUERIES["pair_last_below"], owner, counterpart, first.size if first else 0))[0]
        upto = (await snapshot.query(QUERIES["pair_last_below"], owner, counterpart, last.size))[0]
        rows = await snapshot.select(
            LogRecord, QUERIES["pair_records"], owner, counterpart, below["last"], upto["last"] + 1
        )
        found = [Place(row.sequence, row.pair_sequence, row.body) for row in rows if row.sequence < edge.size]
        after = found[-1:] if found and found[-1].pair_sequence == upto["last"] + 1 else []
        if not after:
            raise NotProvable(f"{owner}: nothing of {counterpart} lies beyond {last.size} yet; a mark is needed")
        before = [one for one in found if one.pair_sequence == below["last"]]
        inside = [one for one in found if below["last"] < one.pair_sequence <= upto["last"]]
        document = pair_document(
            owner,
            counterpart,
            await keys_of(snapshot, keys, [owner]),
            (first.note if first else "", first.size if first else 0),
            (last.note, last.size),
            log,
            (before, inside, after),
        )
    data = evidence.sealed(document, keys.root_signing)
    evidence.pair(evidence.opened(data))
    return data


def pair_document(
    owner: str,
    counterpart: str,
    keys: Mapping[str, str],
    start: tuple[str, int],
    end: tuple[str, int],
    edge: Signed,
    places: tuple[Sequence[Place], Sequence[Place], Sequence[Place]],
) -> dict[str, Any]:
    """The document of a pair, not yet sealed. start, end: note and size."""
    before, inside, after = places
    below = edge.leaves[: end[1]]
    sequences = [one.sequence for part in places for one in part]
    return {
        "after": evidence.spelt(after),
        "before": evidence.spelt(before),
        "counterpart": counterpart,
        "edge": edge.note,
        "edge_proof": [part.hex() for part in merkle.consistency_proof(edge.leaves, end[1])],
        "end": end[0],
        "format": evidence.PAIR,
        "institution_code": owner,
        "keys": dict(keys),
        "proof": [part.hex() for part in merkle.multi_proof(edge.leaves, sequences)],
        "records": evidence.spelt(inside),
        "start": start[0],
        "start_proof": [part.hex() for part in merkle.consistency_proof(below, start[1])],
    }
