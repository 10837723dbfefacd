"""Verifies one capsule (format "chukan capsule 1") with nothing but Python 3.9+ and the `cryptography` package.

    python verifier.py FILE [ROOT_PUBLIC_KEY_HEX]     exit code 0 when it holds, 1 when it does not

Shares no code with chukan and needs no network. The formats are described in docs/proofs.md. Without a root key it
shows the one that sealed the capsule: compare it with the key you were given on another way.
"""

import json
import sys
from base64 import b64decode, b64encode
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

WORDS = "exchange_id inquirer_institution_code provider_institution_code requested_at affair_code procedure_code"
ALIKE = (WORDS + " spi_name_code").split()
NAMES = "inquirer_name provider_name spi_items non_disclosure_code copy_digest auto_response_disabled operator_id"
DETAIL = (NAMES + " hold_reason answer_digest sealed_digest").split()
PARTIES = ["INQUIRER", "NETWORK", "PROVIDER"]


def need(good: object, rule: str) -> None:
    if not good:
        raise ValueError(rule)


def spelt(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def raw(text: str) -> bytes:
    data = bytes.fromhex(text)
    need(data.hex() == text, "FORMAT")
    return data


def signed(key: bytes, signature: bytes, data: bytes, rule: str) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, data)
    except (InvalidSignature, ValueError):
        raise ValueError(rule) from None


def climb(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root that an RFC 9162 audit path leads to."""
    need(0 <= index < size, "INCLUSION")
    last = size - 1
    for part in path:
        need(last > 0 and len(part) == 32, "INCLUSION")
        if index & 1 or index == last:
            while not index & 1:
                index, last = index >> 1, last >> 1
            leaf = sha256(b"\x01" + part + leaf).digest()
        else:
            leaf = sha256(b"\x01" + leaf + part).digest()
        index, last = index >> 1, last >> 1
    need(last == 0, "INCLUSION")
    return leaf


def checkpoint(note: str, code: str, keys: dict[str, str]) -> tuple[int, bytes]:
    """Size and root of a C2SP checkpoint that the key of this log signed."""
    name = "chukan.invalid/provision-records/" + code
    text, _, tail = note.partition("\n\n")
    origin, size, root = text.split("\n")
    need(origin == name and str(int(size)) == size and b64encode(b64decode(root)).decode() == root, "CHECKPOINT")
    key = raw(keys[code])
    mark = sha256(name.encode() + b"\n\x01" + key).digest()[:4]
    lines = [line.split(" ")[2] for line in tail.split("\n")[:-1] if line.startswith("\u2014 " + name + " ")]
    ours = [b64decode(line) for line in lines if b64decode(line)[:4] == mark]
    need(
        [b64encode(one).decode() for one in ours] == [line for line in lines if b64decode(line)[:4] == mark],
        "CHECKPOINT",
    )
    need(len(ours) == 1, "CHECKPOINT")
    signed(key, ours[0][4:], (text + "\n").encode(), "CHECKPOINT")
    return int(size), b64decode(root)


def long(data: bytes, place: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        byte = data[place]
        value, place, shift = value | (byte & 127) << shift, place + 1, shift + 7
        if byte < 128:
            return (value >> 1) ^ -(value & 1), place


def field(kind: Any, data: bytes, place: int) -> tuple[Any, int]:
    """One Avro value: bytes as hexadecimal, enums as their symbol."""
    if kind == "boolean":
        return data[place] == 1, place + 1
    count, place = long(data, place)
    if isinstance(kind, list):
        return kind[count], place
    if kind == "long":
        return count, place
    if kind in ("string", "bytes"):
        part = data[place : place + count]
        need(count >= 0 and len(part) == count, "BODY")
        return (part.decode() if kind == "string" else part.hex()), place + count
    values = []
    while count:
        for _ in range(count):
            value, place = field(kind[:-1], data, place)
            values.append(value)
        count, place = long(data, place)
    return values, place


def decoded(data: bytes, name: str, layouts: dict[str, Any]) -> dict[str, Any]:
    """The fields of a framed message, by the layout that the capsule gives for its schema number."""
    layout = layouts[str(int.from_bytes(data[1:5], "big"))]
    need(data[0] == 0 and layout[0] == name, "BODY")
    place, found = 5, {}
    for key, kind in layout[1:]:
        found[key], place = field(kind, data, place)
    need(place == len(data), "BODY")
    return found


def included(one: dict[str, Any], counterpart: str, keys: dict[str, str]) -> bytes:
    body, name = raw(one["body"]), counterpart.encode()
    size, root = checkpoint(one["checkpoint"], one["institution_code"], keys)
    numbers = one["sequence"].to_bytes(8, "big") + one["pair_sequence"].to_bytes(8, "big")
    leaf = sha256(b"\x00\x01" + numbers + bytes([len(name)]) + name + body).digest()
    need(climb(leaf, one["sequence"], size, [raw(part) for part in one["path"]]) == root, "INCLUSION")
    return body


def record(one: dict[str, Any], capsule: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    body, layouts = included(one, one["counterpart"], capsule["keys"]["checkpoints"]), capsule["layouts"]
    told = decoded(body, "ProvisionRecorded", layouts)
    detail, gone = raw(one["detail"]), False
    if detail:
        need(sha256(detail).hexdigest() == told["detail_digest"], "DETAIL")
        told.update(decoded(detail[16:], "ProvisionDetail", layouts))
    elif told["detail_digest"]:
        gone = True
        for name in DETAIL:
            del told[name]
    names = (capsule["exchange_id"], one["institution_code"])
    need((told["exchange_id"], told["institution_code"]) == names, "EXCHANGE")
    need(told == one["told"], "TOLD")
    return told, gone


def permit(capsule: dict[str, Any], records: list[dict[str, Any]]) -> None:
    told = capsule["permit"]
    if not told:
        return
    body, proof, context = raw(told["body"]), raw(told["proof"]), b"chukan provision permit 1\n"
    need(proof[:1] == b"\x01" and len(proof) >= 69 and (len(proof) - 69) % 32 == 0, "PERMIT")
    path = [proof[at : at + 32] for at in range(5, len(proof) - 64, 32)]
    leaf = sha256(b"\x00" + context + body).digest()
    size = int.from_bytes(proof[3:5], "big")
    root = climb(leaf, int.from_bytes(proof[1:3], "big"), size, path)
    signed(raw(capsule["keys"]["permits"]), proof[-64:], context + size.to_bytes(8, "big") + root, "PERMIT")
    found = decoded(body, "Permit", capsule["layouts"])
    need(found == told["told"], "TOLD")
    need(all(found[name] == records[-1][name] for name in ALIKE if name in found), "PERMIT_USE")
    need(all(one["permit_id"] in ("", found["permit_id"]) for one in records), "PERMIT_USE")
    need(all(set(one.get("spi_items", [])) <= set(found["item_codes"]) for one in records), "PERMIT_USE")


def verify(data: bytes, root: str = "") -> dict[str, Any]:
    """What a capsule tells, all of it verified; ValueError with the rule that it breaks."""
    capsule: dict[str, Any] = json.loads(data.decode())
    need(spelt(capsule) == data, "SPELLING")
    need(capsule["format"] == "chukan capsule 1", "FORMAT")
    signature = raw(capsule.pop("signature"))
    signed(raw(capsule["root"]), signature, b"chukan proof document 1\n" + spelt(capsule), "SEAL")
    need(root in ("", capsule["root"]), "ROOT_KEY")
    found = [record(one, capsule) for one in capsule["records"]]
    records = [told for told, _ in found]
    parties = [told["party"] for told in records]
    need(parties[:1] == PARTIES[:1] and parties == [one for one in PARTIES if one in parties], "PARTIES")
    answered = records[0]["outcome"] in ("OK", "NON_DISCLOSED")
    need(not answered or parties == PARTIES, "PARTIES")
    alike = ALIKE + (["outcome", "permit_id"] if answered else [])
    need(all(told[name] == records[0][name] for told in records for name in alike), "AGREEMENT")
    permit(capsule, records)
    if capsule["list_row"]:
        row, rests = capsule["list_row"]["row"], [(r["list_version"], r["row_id"]) for r in records if r["row_id"]]
        need((capsule["list_row"]["list_version"], row["row_id"]) in rests, "LIST_ROW")
        need(all(row[name] == records[0][name] for name in ALIKE[4:]), "LIST_ROW")
    certified = set()
    for one in capsule["erasures"]:
        told = decoded(included(one, "erasures", capsule["keys"]["checkpoints"]), "DataErased", capsule["layouts"])
        need(told == one["told"], "TOLD")
        need(told["institution_code"] == one["institution_code"], "ERASURE")
        certified |= {(told["institution_code"], place) for place in told["sequences"]}
    for one, (_, gone) in zip(capsule["records"], found):  # noqa: B905 - Python 3.9 has no strict
        need(not gone or (one["institution_code"], one["sequence"]) in certified, "ERASURE")
    return capsule


def main() -> None:
    try:
        with open(sys.argv[1], "rb") as file:
            capsule = verify(file.read(), sys.argv[2] if len(sys.argv) > 2 else "")
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, OSError) as error:
        sys.exit(f"成立しません / does not hold: {error!r}")
    words = capsule["summary"]
    sys.stdout.write(f"{words['ja']}\n{words['en']}\n成立 / holds. root key: {capsule['root']}\n")


if __name__ == "__main__":
    main()
