"""A capsule: everything that shows one exchange was lawful, in one file that needs nobody's servers to be verified.

Owns the format `chukan capsule 1` (docs/proofs.md): the records of all parties with their places in their logs, the
signed checkpoints over these, the permit, the row of the list, certificates of what was erased, and what of all that a
person reads. Promises that every part is verified against a key of the sealed document, that each refusal has its own
rule, and that what is told is what the records hold. `services/audit/verifier.py` verifies the same without this code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from broker.rules import evidence, merkle
from broker.rules.erasure import ERASURES
from broker.rules.evidence import Refused, Rule
from broker.rules.leaves import leaf_of
from broker.rules.permits import CONTEXT
from broker.rules.reasons import SUCCESS
from broker.rules.records import FORGOTTEN, detail_refusal, forgotten, whole
from broker.rules.signing import verify_batch_item
from schemas.codec import SCHEMAS, Undecodable, decode
from schemas.records import DataErased, Party, Permit, ProvisionRecorded

FORMAT = "chukan capsule 1"
FIELDS: dict[str, type] = {
    "erasures": list,
    "exchange_id": str,
    "format": str,
    "keys": dict,
    "layouts": dict,
    "list_row": dict,
    "made_at": int,
    "permit": dict,
    "records": list,
    "root": str,
    "summary": dict,
}
KEYS: dict[str, type] = {"checkpoints": dict, "permits": str}
RECORD: dict[str, type] = {
    "body": str,
    "checkpoint": str,
    "counterpart": str,
    "detail": str,
    "institution_code": str,
    "pair_sequence": int,
    "path": list,
    "sequence": int,
    "told": dict,
}
ERASURE: dict[str, type] = {
    "body": str,
    "checkpoint": str,
    "institution_code": str,
    "pair_sequence": int,
    "path": list,
    "sequence": int,
    "told": dict,
}
# What all parties record of one exchange; the list's version and row are the network's and the provider's own.
ALIKE = (
    "exchange_id",
    "inquirer_institution_code",
    "provider_institution_code",
    "requested_at",
    "affair_code",
    "procedure_code",
    "spi_name_code",
)


class Verified(NamedTuple):
    """What a capsule proves. erasures: certificates by the log and place of the record they erased."""

    exchange_id: str
    root: bytes
    records: tuple[ProvisionRecorded, ...]
    erased: tuple[tuple[Party, DataErased], ...]
    permit: Permit | None
    list_row: Mapping[str, Any]
    summary: Mapping[str, Any]


def layouts() -> dict[str, list[Any]]:
    """The fields of the framed messages a capsule may hold, by schema number: what a stranger decodes them with."""
    names = ("ProvisionRecorded", "ProvisionDetail", "Permit", "DataErased")
    return {
        str(schema.id): [schema.name, *(_field(field) for field in json.loads(schema.text)["fields"])]
        for schema in SCHEMAS.values()
        if schema.name in names
    }


def _field(field: Mapping[str, Any]) -> list[Any]:
    kind = field["type"]
    if isinstance(kind, str):
        return [field["name"], kind]
    if kind["type"] == "enum":
        return [field["name"], kind["symbols"]]
    return [field["name"], f"{kind['items']}s"]


def plain(record: NamedTuple) -> dict[str, Any]:
    """A decoded record as a document tells it: bytes as hexadecimal, enums by their symbols, arrays as lists."""
    return {name: _plain(value) for name, value in record._asdict().items()}


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return list(value)
    return value.value if isinstance(value, StrEnum) else value


def told_of(record: ProvisionRecorded, detail: bytes) -> dict[str, Any]:
    """What a capsule tells of a record; of an erased one nothing that was erased."""
    told = plain(record)
    return {name: value for name, value in told.items() if not (forgotten(record, detail) and name in FORGOTTEN)}


# ── verifying ────────────────────────────────────────────────────────────────────────────────────────────────────


def verify(document: Mapping[str, Any], erasures: Sequence[Any] = ()) -> Verified:
    """What this opened document proves; Refused with the rule it broke.

    erasures: certificates from a later capsule of the same exchange, for a capsule that was made before them.
    """
    evidence.shape(document, FIELDS)
    evidence.shape(document["keys"], KEYS)
    name, keys = document["exchange_id"], document["keys"]["checkpoints"]
    if document["layouts"] != layouts_used(document):
        raise Refused(Rule.FORMAT, "the layouts are not those of the messages")
    found = [_record(one, name, keys) for one in document["records"]]
    records = tuple(record for record, _ in found)
    parties = [record.party for record in records]
    if Party.INQUIRER not in parties or len(set(parties)) != len(parties) or parties != sorted(parties, key=_ORDER):
        raise Refused(Rule.PARTIES, f"records of {', '.join(parties) or 'nobody'}")
    _agree(records)
    certificates = [_certificate(one, keys) for one in (*document["erasures"], *erasures)]
    permit = _permit(document["permit"], document["keys"]["permits"], records)
    _list_row(document["list_row"], records)
    erased = []
    for one, (record, detail) in zip(document["records"], found, strict=True):
        named = [c for c in certificates if c.institution_code == record.institution_code]
        named = [c for c in named if one["sequence"] in c.sequences]
        if forgotten(record, detail) and not named:
            raise Refused(Rule.ERASURE, f"{record.party}: the detail is gone, and no certificate says why")
        erased += [(record.party, certificate) for certificate in named]
    root = evidence.raw(document["root"], 32)
    return Verified(name, root, records, tuple(erased), permit, document["list_row"], document["summary"])


_ORDER = list(Party).index


def _included(one: Mapping[str, Any], counterpart: str, keys: Mapping[str, Any]) -> bytes:
    """The body of a leaf that is in the tree of its signed checkpoint."""
    body = evidence.raw(one["body"])
    point = evidence.checkpoint_of(one["checkpoint"], one["institution_code"], keys)
    sequence, number = evidence.count(one["sequence"]), evidence.count(one["pair_sequence"])
    try:
        leaf = leaf_of(sequence, counterpart, number, body)
    except OverflowError:
        raise Refused(Rule.FORMAT, "the counterpart is too long") from None
    if not merkle.verify_inclusion(leaf, sequence, point.size, evidence.hashes(one["path"]), point.root):
        raise Refused(Rule.INCLUSION, f"{one['institution_code']}/{sequence} is not in the tree of its checkpoint")
    return body


def _record(one: Any, exchange_id: str, keys: Mapping[str, Any]) -> tuple[ProvisionRecorded, bytes]:
    evidence.shape(one if isinstance(one, dict) else {}, RECORD)
    body, detail = _included(one, one["counterpart"], keys), evidence.raw(one["detail"])
    try:
        record = whole(body, b"")
        refusal = detail_refusal(record, detail)
        if refusal:
            raise Refused(Rule.DETAIL, f"{one['institution_code']}/{one['sequence']}: {refusal}")
        record = whole(body, detail)
    except Undecodable as error:
        raise Refused(Rule.BODY, f"{one['institution_code']}/{one['sequence']}: {error}") from None
    if record.exchange_id != exchange_id or record.institution_code != one["institution_code"]:
        raise Refused(Rule.EXCHANGE, f"a record of {record.exchange_id} in the log of {record.institution_code}")
    if one["told"] != told_of(record, detail):
        raise Refused(Rule.TOLD, f"{record.party}: what is told is not what the record holds")
    return record, detail


def _agree(records: Sequence[ProvisionRecorded]) -> None:
    first = records[0]
    for record in records:
        for field in ALIKE:
            if getattr(record, field) != getattr(first, field):
                raise Refused(Rule.AGREEMENT, f"{record.party}: {field} is another than the inquirer's")
        if first.outcome in SUCCESS and (record.outcome, record.permit_id) != (first.outcome, first.permit_id):
            raise Refused(Rule.AGREEMENT, f"{record.party}: another outcome or permit than the inquirer's")
    if first.outcome in SUCCESS and len(records) != len(Party):
        raise Refused(Rule.PARTIES, "an answered exchange has the records of all three")


def _permit(told: Mapping[str, Any], key: str, records: Sequence[ProvisionRecorded]) -> Permit | None:
    if not told:
        return None
    evidence.shape(told, {"body": str, "proof": str, "told": dict})
    body = evidence.raw(told["body"])
    try:
        public = Ed25519PublicKey.from_public_bytes(evidence.raw(key, 32))
        permit = decode(body)
    except (Undecodable, ValueError) as error:
        raise Refused(Rule.PERMIT, str(error)) from None
    if not isinstance(permit, Permit) or not verify_batch_item(
        body, CONTEXT, evidence.raw(told["proof"]), public, None
    ):
        raise Refused(Rule.PERMIT, "the network did not sign this permit")
    if told["told"] != plain(permit):
        raise Refused(Rule.TOLD, "what is told of the permit is not what it holds")
    record = records[-1]
    bound = [getattr(record, field) for field in ALIKE if field in permit._fields]
    if bound != [getattr(permit, field) for field in ALIKE if field in permit._fields]:
        raise Refused(Rule.PERMIT_USE, "the permit is for something else")
    if any(one.permit_id != permit.permit_id for one in records if one.permit_id):
        raise Refused(Rule.PERMIT_USE, "the records name another permit")
    if any(set(one.spi_items) - set(permit.item_codes) for one in records):
        raise Refused(Rule.PERMIT_USE, "items left that were not permitted")
    return permit


def _list_row(told: Mapping[str, Any], records: Sequence[ProvisionRecorded]) -> None:
    """The row must be the one that the records name, for the affair, procedure and kind that were asked for."""
    named = {(one.list_version, one.row_id) for one in records if one.row_id}
    if not told:
        return
    evidence.shape(told, {"digest": str, "list_version": int, "row": dict})
    row, record = told["row"], records[0]
    asked = (record.affair_code, record.procedure_code, record.spi_name_code)
    if (told["list_version"], row.get("row_id")) not in named or asked != tuple(
        row.get(field) for field in ("affair_code", "procedure_code", "spi_name_code")
    ):
        raise Refused(Rule.LIST_ROW, "the records rest on another row")


def _certificate(one: Any, keys: Mapping[str, Any]) -> DataErased:
    evidence.shape(one if isinstance(one, dict) else {}, ERASURE)
    body = _included(one, ERASURES, keys)
    try:
        found = decode(body)
    except Undecodable as error:
        raise Refused(Rule.BODY, str(error)) from None
    if not isinstance(found, DataErased) or found.institution_code != one["institution_code"]:
        raise Refused(Rule.ERASURE, "no certificate of this log")
    if one["told"] != plain(found):
        raise Refused(Rule.TOLD, "what is told of a certificate is not what it holds")
    return found


def layouts_used(document: Mapping[str, Any]) -> dict[str, Any]:
    """The layouts of exactly those messages that the document holds."""
    records, erasures, permit = document["records"], document["erasures"], document["permit"]
    framed = [(one, field) for one in records for field in ("body", "detail")]
    framed += [(one, "body") for one in erasures]
    framed += [(permit, "body")] if permit else []
    used: dict[str, Any] = {}
    known = layouts()
    for one, field in framed:
        text = one.get(field) if isinstance(one, dict) else None
        if isinstance(text, str) and text:
            number = text[34:42] if field == "detail" else text[2:10]
            number = str(int(number, 16)) if number and all(c in "0123456789abcdef" for c in number) else ""
            used[number] = known.get(number, [])
    return used
