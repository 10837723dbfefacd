"""Documents that prove something to somebody who has neither our tables nor our trust: leaves, places, checkpoints.

Owns what all proof documents share: the seal (one Ed25519 signature of the installation's root key over the whole
document), the keys it vouches for, a record's proof, and the two documents about a whole log: `grown` (an older
checkpoint is the beginning of a newer one) and `pair` (these are all the records of a pair between two checkpoints).
Promises that every function is pure, that each refusal has its own rule, and that a document is accepted in one
spelling only (`broker.rules.canonical`). The formats are frozen and described in docs/proofs.md. Leaves capsules of one
exchange to `broker.rules.capsule`, and reading tables to `services.audit`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from itertools import pairwise
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from broker.rules import canonical, checkpoint, merkle
from broker.rules.checkpoint import Checkpoint
from broker.rules.leaves import leaf_of, origin_of_log

SEAL_CONTEXT = b"chukan proof document 1\n"
PAIR = "chukan pair 1"
GROWN = "chukan grown 1"
LARGEST_COUNT = 2**63 - 1


class Rule(StrEnum):
    """What a document must keep to be believed."""

    SPELLING = "SPELLING"
    FORMAT = "FORMAT"
    SEAL = "SEAL"
    ROOT_KEY = "ROOT_KEY"
    KEY_UNKNOWN = "KEY_UNKNOWN"
    CHECKPOINT = "CHECKPOINT"
    CHECKPOINT_NOT_HELD = "CHECKPOINT_NOT_HELD"
    INCLUSION = "INCLUSION"
    CONSISTENCY = "CONSISTENCY"
    PERIOD = "PERIOD"
    GAP = "GAP"
    EDGE_BEFORE = "EDGE_BEFORE"
    EDGE_AFTER = "EDGE_AFTER"
    BODY = "BODY"
    EXCHANGE = "EXCHANGE"
    PARTIES = "PARTIES"
    TOLD = "TOLD"
    DETAIL = "DETAIL"
    AGREEMENT = "AGREEMENT"
    PERMIT = "PERMIT"
    PERMIT_USE = "PERMIT_USE"
    LIST_ROW = "LIST_ROW"
    ERASURE = "ERASURE"


class Refused(ValueError):  # noqa: N818 - said of a document
    """A document that proves nothing; `rule` says which rule it broke, the text where."""

    def __init__(self, rule: Rule, text: str) -> None:
        super().__init__(f"{rule}: {text}")
        self.rule = rule


class Place(NamedTuple):
    """A leaf with all it covers."""

    sequence: int
    pair_sequence: int
    body: bytes


class PairProof(NamedTuple):
    """What a pair document proves: all records that this log numbered for the counterpart between two checkpoints."""

    institution_code: str
    counterpart: str
    start: int
    end: int
    records: tuple[Place, ...]


# ── the seal ─────────────────────────────────────────────────────────────────────────────────────────────────────


def sealed(document: Mapping[str, Any], root: Ed25519PrivateKey) -> bytes:
    """The document with the root key's signature over all of it, in its one spelling."""
    whole = {**document, "root": root.public_key().public_bytes_raw().hex()}
    signature = root.sign(SEAL_CONTEXT + canonical.written(whole))
    return canonical.written({**whole, "signature": signature.hex()})


def opened(data: bytes, root: bytes | None = None) -> dict[str, Any]:
    """The document, its seal verified; with `root` (32 bytes), only one that this key sealed."""
    try:
        document = canonical.read(data)
        signature = canonical.bytes_in(document.pop("signature", None))
        stated = canonical.bytes_in(document.get("root"))
    except canonical.Misspelt as error:
        raise Refused(Rule.SPELLING, str(error)) from None
    try:
        Ed25519PublicKey.from_public_bytes(stated).verify(signature, SEAL_CONTEXT + canonical.written(document))
    except (InvalidSignature, ValueError):
        raise Refused(Rule.SEAL, "the document is not what was sealed") from None
    if root is not None and stated != root:
        raise Refused(Rule.ROOT_KEY, f"sealed by {stated.hex()}, not by the root key one trusts")
    return document


def shape(document: Mapping[str, Any], fields: Mapping[str, type]) -> None:
    """Refused unless these fields of these types are there and nothing else."""
    if document.keys() != fields.keys():
        raise Refused(Rule.FORMAT, f"fields are {', '.join(sorted(fields))}, not {', '.join(sorted(document))}")
    for name, kind in fields.items():
        if type(document[name]) is not kind:
            raise Refused(Rule.FORMAT, f"{name} is no {kind.__name__}")


def raw(text: Any, length: int | None = None) -> bytes:
    """The bytes of a hexadecimal field."""
    try:
        data = canonical.bytes_in(text)
    except canonical.Misspelt as error:
        raise Refused(Rule.FORMAT, str(error)) from None
    if length is not None and len(data) != length:
        raise Refused(Rule.FORMAT, f"{len(data)} bytes where {length} belong")
    return data


def count(value: Any) -> int:
    """A whole number from 0 that fits 63 bits."""
    if type(value) is not int or not 0 <= value <= LARGEST_COUNT:
        raise Refused(Rule.FORMAT, "a count is a whole number from 0")
    return value


def hashes(parts: Any) -> list[bytes]:
    """A list of 32-byte hashes."""
    if not isinstance(parts, list):
        raise Refused(Rule.FORMAT, "hashes are a list")
    return [raw(part, merkle.HASH_BYTES) for part in parts]


# ── checkpoints ──────────────────────────────────────────────────────────────────────────────────────────────────


def checkpoint_of(note: Any, institution_code: str, keys: Mapping[str, Any]) -> Checkpoint:
    """The checkpoint of an institution's log in a signed note, verified with the key that the document gives."""
    key = keys.get(institution_code)
    if key is None:
        raise Refused(Rule.KEY_UNKNOWN, f"no key of {institution_code}")
    origin = origin_of_log(institution_code)
    try:
        public = Ed25519PublicKey.from_public_bytes(raw(key, checkpoint.KEY_BYTES))
        found = checkpoint.verify(note if isinstance(note, str) else "", origin, public)
    except (checkpoint.CheckpointError, ValueError) as error:
        raise Refused(Rule.CHECKPOINT, f"{institution_code}: {error}") from None
    if found.origin != origin:
        raise Refused(Rule.CHECKPOINT, f"{institution_code}: a checkpoint of {found.origin}")
    return found


def held(found: Collection[Checkpoint], notes: Collection[str]) -> None:
    """Refused unless each of these checkpoints is one that the auditor holds (its text, whoever else signed it)."""
    kept = {note.partition("\n\n")[0] + "\n" for note in notes}
    for one in found:
        if one.size and checkpoint.format_checkpoint(*one) not in kept:
            raise Refused(Rule.CHECKPOINT_NOT_HELD, f"{one.origin} at {one.size} is none that you hold")


# ── a log only grew ──────────────────────────────────────────────────────────────────────────────────────────────

GROWN_FIELDS: dict[str, type] = {
    "format": str,
    "institution_code": str,
    "keys": dict,
    "newer": str,
    "older": str,
    "proof": list,
    "root": str,
}


def grown(document: Mapping[str, Any]) -> tuple[Checkpoint, Checkpoint]:
    """Both checkpoints, the older the beginning of the newer."""
    shape(document, GROWN_FIELDS)
    owner = document["institution_code"]
    older = checkpoint_of(document["older"], owner, document["keys"])
    newer = checkpoint_of(document["newer"], owner, document["keys"])
    continues(older, newer, hashes(document["proof"]))
    return older, newer


def continues(older: Checkpoint, newer: Checkpoint, proof: Sequence[bytes]) -> None:
    """Refused unless the proof shows the older tree as the beginning of the newer."""
    if not merkle.verify_consistency(older.size, newer.size, older.root, newer.root, proof):
        raise Refused(Rule.CONSISTENCY, f"{older.origin}: {newer.size} does not continue {older.size}")


# ── all records of a pair ────────────────────────────────────────────────────────────────────────────────────────

PAIR_FIELDS: dict[str, type] = {
    "after": list,
    "before": list,
    "counterpart": str,
    "edge": str,
    "edge_proof": list,
    "end": str,
    "format": str,
    "institution_code": str,
    "keys": dict,
    "proof": list,
    "records": list,
    "root": str,
    "start": str,
    "start_proof": list,
}


def pair(document: Mapping[str, Any], notes: Collection[str] | None = None) -> PairProof:
    """All records of a pair between checkpoints `start` (or the log's beginning) and `end`; with `notes`, only when
    the auditor holds both.

    Sound because the log numbers each pair's records 1, 2, 3 … in the order of its leaves: the records shown are
    numbered without a gap, the one before them lies below `start` (or they begin at 1), the one after them lies at or
    above `end`, all of them in the tree of `edge`, which continues `end`, which continues `start`.
    """
    shape(document, PAIR_FIELDS)
    owner, keys = document["institution_code"], document["keys"]
    end = checkpoint_of(document["end"], owner, keys)
    edge = checkpoint_of(document["edge"], owner, keys)
    start = Checkpoint(end.origin, 0, merkle.EMPTY_ROOT)
    if document["start"]:
        start = checkpoint_of(document["start"], owner, keys)
    if not start.size <= end.size <= edge.size:
        raise Refused(Rule.PERIOD, f"{start.size}, {end.size} and {edge.size} are in no order")
    if notes is not None:
        held((start, end), notes)
    continues(start, end, hashes(document["start_proof"]))
    continues(end, edge, hashes(document["edge_proof"]))
    before, records, after = (places(document[name]) for name in ("before", "records", "after"))
    if len(before) > 1 or len(after) != 1:
        raise Refused(Rule.FORMAT, "at most one record lies before, exactly one after")
    numbered([*before, *records, *after])
    if (records or after)[0].pair_sequence != 1 and not before:
        raise Refused(Rule.EDGE_BEFORE, "the record before the first is not shown")
    if before and before[0].sequence >= start.size:
        raise Refused(Rule.EDGE_BEFORE, f"record {before[0].sequence} does not lie below {start.size}")
    if after[0].sequence < end.size:
        raise Refused(Rule.EDGE_AFTER, f"record {after[0].sequence} does not lie beyond {end.size}")
    for one in records:
        if not start.size <= one.sequence < end.size:
            raise Refused(Rule.PERIOD, f"record {one.sequence} lies outside {start.size} to {end.size}")
    everything = [*before, *records, *after]
    try:
        leaves = {
            one.sequence: leaf_of(one.sequence, document["counterpart"], one.pair_sequence, one.body)
            for one in everything
        }
    except OverflowError:
        raise Refused(Rule.FORMAT, "the counterpart is too long") from None
    if merkle.root_from_multi(leaves, edge.size, hashes(document["proof"])) != edge.root:
        raise Refused(Rule.INCLUSION, f"these are not the records of {edge.origin} at {edge.size}")
    return PairProof(owner, document["counterpart"], start.size, end.size, tuple(records))


def places(found: Sequence[Any]) -> list[Place]:
    """Leaves as a document spells them: [sequence, pair sequence, body]."""
    result = []
    for one in found:
        if not isinstance(one, list) or len(one) != 3:
            raise Refused(Rule.FORMAT, "a record is its sequence, its pair sequence and its body")
        result.append(Place(count(one[0]), count(one[1]), raw(one[2])))
    return result


def spelt(found: Sequence[Place]) -> list[list[Any]]:
    """What `places` reads."""
    return [[one.sequence, one.pair_sequence, one.body.hex()] for one in found]


def numbered(found: Sequence[Place]) -> None:
    """Refused unless each follows the one before it, in the log and in the pair's numbers."""
    if found and found[0].pair_sequence < 1:
        raise Refused(Rule.GAP, "numbers begin at 1")
    for one, following in pairwise(found):
        if following.pair_sequence != one.pair_sequence + 1:
            raise Refused(Rule.GAP, f"number {one.pair_sequence + 1} comes next; number {following.pair_sequence} does")
        if following.sequence <= one.sequence:
            raise Refused(Rule.GAP, f"record {following.sequence} does not follow {one.sequence}")
