"""Made-up logs, permits and proof documents, whole and bent: what tests and the committed vectors are made of."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from broker.keys import Keys
from broker.rules import capsule, checkpoint, evidence, merkle
from broker.rules.erasure import ERASURES
from broker.rules.evidence import Place, Rule
from broker.rules.leaves import leaf_of, origin_of_log
from broker.rules.permits import CONTEXT
from broker.rules.records import SALT_BYTES, record_of, split, whole
from broker.rules.signing import sign_batch
from schemas.codec import encode
from schemas.records import CheckpointDue, DataErased, Outcome, Party, Permit, ProvisionRecorded
from services.audit.capsules import Signed, pair_document, summary_of
from services.common import counterpart_of

KEYS = Keys(b"\x07" * 32)
OTHER = Keys(b"\x08" * 32)
ROOT = KEYS.root_signing.public_key().public_bytes_raw()
INQUIRER, PROVIDER, NETWORK = "9900123210600000", "9900123211400000", "0000000000000000"
OWNERS = {Party.INQUIRER: INQUIRER, Party.NETWORK: NETWORK, Party.PROVIDER: PROVIDER}
AT = 1_790_000_000_000
NAME = f"{INQUIRER}-20260921000000000100"
ITEMS = ("TM99000000000001-01", "TM99000000000001-02")
ROW = {
    "row_id": "16-2-1",
    "inquirer_class": "市町村長",
    "affair_code": "JM01000000016002",
    "procedure_code": "JT99000000000001",
    "provider_class": "市町村長",
    "spi_name_code": "TM99000000000001",
    "item_codes": list(ITEMS),
    "legal_basis": "番号法第19条第8号",
    "consent_required": False,
    "valid_from": "20260101",
    "valid_to": "",
    "verified": False,
}
PERMIT = Permit(
    "0123456789abcdef0123456789abcdef",
    NAME,
    INQUIRER,
    PROVIDER,
    "JM01000000016002",
    "JT99000000000001",
    "TM99000000000001",
    ITEMS,
    3,
    "16-2-1",
    AT,
    AT + 86_400_000,
)


class Log(NamedTuple):
    """One institution's log: its leaves, and the notes over sizes asked for."""

    owner: str
    leaves: list[bytes]

    def note(self, size: int, keys: Keys = KEYS) -> str:
        """The signed checkpoint at a size."""
        root = merkle.root(self.leaves[:size])
        return keys.institutions.sign_checkpoint(self.owner, origin_of_log(self.owner), size, root)


def record(party: Party, name: str = NAME, **changes: Any) -> ProvisionRecorded:
    """One party's record of the exchange."""
    facts: dict[str, Any] = {
        "inquirer_name": "刈谷市長",
        "provider_institution_code": PROVIDER,
        "provider_name": "豊田市長",
        "requested_at": AT,
        "provided_at": AT + 40,
        "affair_code": "JM01000000016002",
        "procedure_code": "JT99000000000001",
        "spi_name_code": "TM99000000000001",
        "outcome": Outcome.OK,
        "spi_items": ITEMS,
        "permit_id": PERMIT.permit_id,
        "list_version": 3,
        "row_id": "16-2-1",
        "answer_digest": b"\xaa" * 32,
        "sealed_digest": b"\xbb" * 32,
    }
    if party is Party.PROVIDER:
        facts |= {"copy_digest": b"\xcc" * 32, "auto_response_disabled": True, "operator_id": "tax-017"}
    if party is Party.INQUIRER:
        facts |= {"operator_id": "KENKO/OP001"}
    return record_of(party, OWNERS[party], name, **(facts | changes))


def bodies(count: int) -> list[bytes]:
    """So many bodies of records of one pair."""
    salt = bytes(SALT_BYTES)
    return [split(record(Party.INQUIRER, f"{INQUIRER}-{n:020d}"), salt)[0] for n in range(count)]


def placed(body: bytes, counterpart: str, number: int, log: Log) -> dict[str, Any]:
    """The last leaf of a log as a document holds it, against a checkpoint over the whole log."""
    sequence = len(log.leaves) - 1
    assert log.leaves[sequence] == leaf_of(sequence, counterpart, number, body)
    return {
        "body": body.hex(),
        "checkpoint": log.note(len(log.leaves)),
        "institution_code": log.owner,
        "pair_sequence": number,
        "path": [part.hex() for part in merkle.inclusion_proof(log.leaves, sequence)],
        "sequence": sequence,
    }


def capsule_document(*, erased: bool = False, **changes: Mapping[str, Any]) -> dict[str, Any]:
    """A capsule, not yet sealed. changes: fields of the records by party."""
    records, erasures = [], []
    for place, party in enumerate(Party):
        one = record(party, **changes.get(party.value, {}))
        log = Log(OWNERS[party], [merkle.leaf_hash(bytes([place, n])) for n in range(11 + 9 * place)])
        body, detail = split(one, bytes([place + 1]) * SALT_BYTES)
        counterpart, number, sequence = counterpart_of(one), 5 + place, len(log.leaves)
        log.leaves.append(leaf_of(sequence, counterpart, number, body))
        kept = b"" if erased else detail
        told = placed(body, counterpart, number, log)
        if erased:
            found = DataErased(log.owner, AT + 999, AT + 998, "RECORD_EXPIRED", "soumu-01", (3, sequence))
            certificate = encode(found)
            log.leaves.append(leaf_of(sequence + 1, ERASURES, 1, certificate))
            erasures.append({**placed(certificate, ERASURES, 1, log), "told": capsule.plain(found)})
            told |= {
                "checkpoint": log.note(len(log.leaves)),
                "path": [part.hex() for part in merkle.inclusion_proof(log.leaves, sequence)],
            }
        told |= {"counterpart": counterpart, "detail": kept.hex()}
        records.append({**told, "told": capsule.told_of(whole(body, kept), kept)})
    permit = encode(PERMIT)
    proof = sign_batch([b"another", permit, b"a third"], CONTEXT, KEYS.network_signing)[1]
    owners = sorted(OWNERS.values())
    document: dict[str, Any] = {
        "erasures": erasures,
        "exchange_id": NAME,
        "format": capsule.FORMAT,
        "keys": {
            "checkpoints": {code: KEYS.institutions.signing(code).public_bytes.hex() for code in owners},
            "permits": KEYS.network_public.public_bytes_raw().hex(),
        },
        "list_row": {"digest": "dd" * 32, "list_version": 3, "row": ROW},
        "made_at": AT + 1000,
        "permit": {"body": permit.hex(), "proof": proof.hex(), "told": capsule.plain(PERMIT)},
        "records": records,
    }
    document["layouts"] = capsule.layouts_used(document)
    document["summary"] = summary_of(document)
    return document


def sealed(document: Mapping[str, Any], keys: Keys = KEYS) -> bytes:
    """The document under a root key's seal."""
    return evidence.sealed(document, keys.root_signing)


class Pairs(NamedTuple):
    """A log of two pairs in turn, and all its places."""

    log: Log
    places: dict[str, list[Place]]


def pairs(count: int) -> Pairs:
    """So many records of the pair with PROVIDER, as many of another pair between them."""
    log = Log(INQUIRER, [])
    places: dict[str, list[Place]] = {PROVIDER: [], NETWORK: []}
    for number, body in enumerate(bodies(count), 1):
        for counterpart, found in places.items():
            sequence = len(log.leaves)
            log.leaves.append(leaf_of(sequence, counterpart, number, body))
            found.append(Place(sequence, number, body))
    return Pairs(log, places)


def pair_of(
    made: Pairs,
    start: int,
    end: int,
    without: Sequence[int] = (),
    change: Callable[[list[Place]], list[Place]] = lambda places: places,
) -> dict[str, Any]:
    """The document of the pair with PROVIDER; `without`: numbers that are withheld; `change`: what else is done."""
    edge = Signed(made.log.note(len(made.log.leaves)), len(made.log.leaves), made.log.leaves)
    there = [one for one in made.places[PROVIDER] if one.pair_sequence not in without]
    before = [one for one in there if one.sequence < start][-1:]
    inside = change([one for one in there if start <= one.sequence < end])
    after = [one for one in there if one.sequence >= end][:1]
    keys = {INQUIRER: KEYS.institutions.signing(INQUIRER).public_bytes.hex()}
    note = made.log.note(start) if start else ""
    return pair_document(
        INQUIRER, PROVIDER, keys, (note, start), (made.log.note(end), end), edge, (before, inside, after)
    )


def grown_document(made: Pairs, older: int, newer: int) -> dict[str, Any]:
    """That a log only grew."""
    return {
        "format": evidence.GROWN,
        "institution_code": INQUIRER,
        "keys": {INQUIRER: KEYS.institutions.signing(INQUIRER).public_bytes.hex()},
        "newer": made.log.note(newer),
        "older": made.log.note(older),
        "proof": [part.hex() for part in merkle.consistency_proof(made.log.leaves[:newer], older)],
    }


# ── bent documents, each for a reason of its own ─────────────────────────────────────────────────────────────────

Bend = Callable[[dict[str, Any]], Any]


def bent(document: Mapping[str, Any], bend: Bend) -> bytes:
    """A copy of the document, bent, then sealed anew: the seal holds and something inside does not."""
    one = copy.deepcopy(dict(document))
    one = bend(one) or one
    return sealed(one)


def flipped(text: str, place: int = 0) -> str:
    """Hexadecimal with one bit changed."""
    data = bytearray.fromhex(text)
    data[place] ^= 1
    return data.hex()


def cosigned(note: str) -> str:
    """A note with the line of one more signer."""
    text = note.partition("\n\n")[0] + "\n"
    other = checkpoint.sign(text, "chukan.invalid/witness/1", OTHER.network_signing)
    return note + other.partition("\n\n")[2]


def changing(*path: Any, to: Callable[[Any], Any]) -> Bend:
    """Replace the value at a path."""

    def bend(document: dict[str, Any]) -> None:
        holder: Any = document
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = to(holder[path[-1]])

    return bend


def alone(place: int, body: bytes) -> Bend:
    """Another body in the place of one, in a log of its own that is signed over it."""

    def bend(document: dict[str, Any]) -> None:
        one = document["records"][place]
        log = Log(one["institution_code"], [leaf_of(0, one["counterpart"], 1, body)])
        one |= placed(body, one["counterpart"], 1, log)
        document["layouts"] = capsule.layouts_used(document)

    return bend


def dropped(*path: Any) -> Bend:
    """Leave out what lies at a path."""

    def bend(document: dict[str, Any]) -> None:
        holder: Any = document
        for step in path[:-1]:
            holder = holder[step]
        del holder[path[-1]]

    return bend


def merged(*bends: Bend) -> Bend:
    """One bend after another."""

    def bend(document: dict[str, Any]) -> dict[str, Any]:
        for one in bends:
            document = one(document) or document
        return document

    return bend


CHECKPOINT_BODY = encode(CheckpointDue(PROVIDER, 1))
GOOD: dict[str, Callable[[], bytes]] = {
    "capsule": lambda: sealed(capsule_document()),
    "capsule-erased": lambda: sealed(capsule_document(erased=True)),
    "capsule-cosigned": lambda: bent(capsule_document(), changing("records", 0, "checkpoint", to=cosigned)),
    "capsule-without-permit": lambda: bent(capsule_document(), merged(changing("permit", to=lambda _: {}), relayed)),
    "pair": lambda: sealed(pair_of(pairs(12), 8, 16)),
    "pair-from-the-beginning": lambda: sealed(pair_of(pairs(12), 0, 16)),
    "pair-of-none": lambda: sealed(pair_of(pairs(12), 15, 16)),
    "grown": lambda: sealed(grown_document(pairs(12), 7, 20)),
}
# Name → rule, and the document: each keeps every rule but its own.
BAD: dict[str, tuple[Rule, Callable[[], bytes]]] = {
    "blank": (Rule.SPELLING, lambda: sealed(capsule_document()).replace(b":", b": ", 1)),
    "upper-case": (Rule.SPELLING, lambda: upper_case(sealed(capsule_document()))),
    "no-line-feed": (Rule.SPELLING, lambda: sealed(capsule_document())[:-1]),
    "summary-changed": (Rule.SEAL, lambda: sealed(capsule_document()).replace("刈谷市".encode(), "豊田市".encode())),
    "other-root": (Rule.ROOT_KEY, lambda: sealed(capsule_document(), OTHER)),
    "field-more": (Rule.FORMAT, lambda: bent(capsule_document(), lambda d: {**d, "more": 1})),
    "field-less": (Rule.FORMAT, lambda: bent(capsule_document(), dropped("made_at"))),
    "layout-changed": (
        Rule.FORMAT,
        lambda: bent(capsule_document(), changing("layouts", to=lambda one: {k: v[:-1] for k, v in one.items()})),
    ),
    "key-missing": (Rule.KEY_UNKNOWN, lambda: bent(capsule_document(), dropped("keys", "checkpoints", PROVIDER))),
    "key-of-another": (
        Rule.CHECKPOINT,
        lambda: bent(
            capsule_document(),
            changing(
                "keys", "checkpoints", PROVIDER, to=lambda _: KEYS.institutions.signing(INQUIRER).public_bytes.hex()
            ),
        ),
    ),
    "checkpoint-grown": (
        Rule.CHECKPOINT,
        lambda: bent(
            capsule_document(), changing("records", 0, "checkpoint", to=lambda note: note.replace("\n12\n", "\n13\n"))
        ),
    ),
    "path-flipped": (Rule.INCLUSION, lambda: bent(capsule_document(), changing("records", 1, "path", 0, to=flipped))),
    "path-short": (Rule.INCLUSION, lambda: bent(capsule_document(), dropped("records", 1, "path", 0))),
    "sequence-moved": (
        Rule.INCLUSION,
        lambda: bent(capsule_document(), changing("records", 2, "sequence", to=lambda n: n - 1)),
    ),
    "number-moved": (
        Rule.INCLUSION,
        lambda: bent(capsule_document(), changing("records", 2, "pair_sequence", to=lambda n: n + 1)),
    ),
    "body-flipped": (
        Rule.INCLUSION,
        lambda: bent(capsule_document(), changing("records", 0, "body", to=lambda text: flipped(text, 60))),
    ),
    "body-no-record": (Rule.BODY, lambda: bent(capsule_document(), alone(1, CHECKPOINT_BODY))),
    "record-of-another-exchange": (
        Rule.EXCHANGE,
        lambda: bent(capsule_document(), changing("exchange_id", to=lambda name: name[:-2] + "01")),
    ),
    "record-missing": (Rule.PARTIES, lambda: bent(capsule_document(), dropped("records", 2))),
    "record-twice": (
        Rule.PARTIES,
        lambda: bent(capsule_document(), changing("records", to=lambda found: [*found, found[2]])),
    ),
    "told-otherwise": (
        Rule.TOLD,
        lambda: bent(capsule_document(), changing("records", 2, "told", "operator_id", to=lambda _: "nobody")),
    ),
    "permit-told-otherwise": (
        Rule.TOLD,
        lambda: bent(capsule_document(), changing("permit", "told", "list_version", to=lambda _: 4)),
    ),
    "detail-flipped": (Rule.DETAIL, lambda: bent(capsule_document(), changing("records", 2, "detail", to=flipped))),
    "kinds-differ": (
        Rule.AGREEMENT,
        lambda: sealed(capsule_document(PROVIDER={"spi_name_code": "TM99000000000002"})),
    ),
    "outcomes-differ": (Rule.AGREEMENT, lambda: sealed(capsule_document(PROVIDER={"outcome": Outcome.NO_DATA}))),
    "permit-unsigned": (
        Rule.PERMIT,
        lambda: bent(capsule_document(), changing("permit", "proof", to=lambda text: flipped(text, 40))),
    ),
    "items-beyond-permit": (Rule.PERMIT_USE, lambda: sealed(capsule_document(PROVIDER={"spi_items": (*ITEMS, "X")}))),
    "row-of-another-kind": (
        Rule.LIST_ROW,
        lambda: bent(capsule_document(), changing("list_row", "row", "spi_name_code", to=lambda _: "TM99000000000002")),
    ),
    "row-not-recorded": (
        Rule.LIST_ROW,
        lambda: bent(capsule_document(), changing("list_row", "row", "row_id", to=lambda _: "16-2-2")),
    ),
    "erased-without-certificate": (
        Rule.ERASURE,
        lambda: bent(capsule_document(erased=True), merged(dropped("erasures", 1), relayed)),
    ),
    "pair-withheld": (Rule.GAP, lambda: sealed(pair_of(pairs(12), 8, 16, without=(6,)))),
    "pair-first-withheld": (Rule.GAP, lambda: sealed(pair_of(pairs(12), 8, 16, without=(5,)))),
    "pair-last-withheld": (Rule.GAP, lambda: sealed(pair_of(pairs(12), 8, 16, without=(8,)))),
    "pair-swapped": (Rule.GAP, lambda: sealed(pair_of(pairs(12), 8, 16, change=lambda found: found[::-1]))),
    "pair-before-not-shown": (
        Rule.EDGE_BEFORE,
        lambda: bent(pair_of(pairs(12), 8, 16), changing("before", to=lambda _: [])),
    ),
    "pair-before-inside": (
        Rule.EDGE_BEFORE,
        lambda: bent(
            pair_of(pairs(12), 8, 16), lambda d: {**d, "before": d["records"][:1], "records": d["records"][1:]}
        ),
    ),
    "pair-after-inside": (
        Rule.EDGE_AFTER,
        lambda: bent(
            pair_of(pairs(12), 8, 16), lambda d: {**d, "after": d["records"][-1:], "records": d["records"][:-1]}
        ),
    ),
    "pair-beyond": (
        Rule.PERIOD,
        lambda: bent(
            pair_of(pairs(12), 8, 18),
            lambda d: {**d, "end": pair_of(pairs(12), 8, 16)["end"], **ending(pair_of(pairs(12), 8, 16))},
        ),
    ),
    "pair-changed": (
        Rule.INCLUSION,
        lambda: bent(pair_of(pairs(12), 8, 16), changing("records", 1, 2, to=lambda text: flipped(text, 60))),
    ),
    "pair-of-another": (
        Rule.INCLUSION,
        lambda: bent(pair_of(pairs(12), 8, 16), changing("counterpart", to=lambda _: NETWORK)),
    ),
    "pair-not-continued": (
        Rule.CONSISTENCY,
        lambda: bent(pair_of(pairs(12), 8, 16), changing("edge_proof", 0, to=flipped)),
    ),
    "grown-rewritten": (
        Rule.CONSISTENCY,
        lambda: bent(grown_document(pairs(12), 7, 20), changing("proof", 0, to=flipped)),
    ),
    "grown-backwards": (
        Rule.CONSISTENCY,
        lambda: bent(grown_document(pairs(12), 7, 20), lambda d: {**d, "older": d["newer"], "newer": d["older"]}),
    ),
}


def relayed(document: dict[str, Any]) -> None:
    """The layouts of what is left."""
    document["layouts"] = capsule.layouts_used(document)


def ending(document: dict[str, Any]) -> dict[str, Any]:
    """What of a pair's document belongs to its end."""
    return {name: document[name] for name in ("edge_proof", "start_proof")}


def upper_case(data: bytes) -> bytes:
    """The root key's spelling changed."""
    place = data.index(b'"root":"') + 8
    return data[:place] + data[place : place + 64].upper() + data[place + 64 :]
