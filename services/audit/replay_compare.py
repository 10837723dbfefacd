"""Then and now, field by field: what a replay finds different, and what of a message depends on chance.

Owns the table of chance (`CHANCE`), the differences and their names. Pure: values in, differences out. It knows no
field of any message by itself: messages inside bytes are opened, lists of things about exchanges are paired by
exchange. Whatever is the same byte for byte is never opened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple

from schemas.codec import Undecodable, decode, name_of
from schemas.records import Message

MISSING = "—"
WHOLE = ""
SALT_BYTES = 16


class Chance(NamedTuple):
    """A field whose bytes nobody can decide again. how: what is done instead of comparing it."""

    message: str
    field: str
    reason: str
    how: str


OPENED = (
    "the recorded bytes are opened with the recipient's key; when they hold exactly the plain text decided now they "
    "are handed in as what chance gave then, and everything that follows from them is compared byte for byte"
)
BATCHWISE = (
    "compared, unless a difference elsewhere in the batch changes what the one signature covers: then it is no news"
)
VOUCHED = "left out of the comparison; the recorded detail must have the recorded digest"
CHANCE: tuple[Chance, ...] = (
    Chance("ProvisionAnswered", "sealed_answer", "a random content key, HPKE's ephemeral key, a counted nonce", OPENED),
    Chance("RecordEntry", "detail", "its first 16 bytes are a random salt", VOUCHED),
    Chance("ProvisionRecorded", "detail_digest", "covers the random salt of the detail", VOUCHED),
    Chance("PermitIssued", "permit_proof", "the path of a signature over all permits of a batch", BATCHWISE),
    Chance("SetAside", "value", "encrypted under a random nonce", "decrypted on both sides, then compared"),
)
LEFT_OUT = {(one.message, one.field) for one in CHANCE if one.how is VOUCHED and one.field != "detail"}
OF_THE_BATCH = {(one.message, one.field) for one in CHANCE if one.how is BATCHWISE}
SALTED = {(one.message, one.field) for one in CHANCE if one.how is VOUCHED and one.field == "detail"}


class Difference(NamedTuple):
    """One thing that is not as it was. exchange_id: whose it is, or empty. where: which batch, partition or row.
    what: message or table. field: the path to it, empty for the whole. at: the batch's moment. Then and now are
    values; MISSING when there was, or is, nothing."""

    exchange_id: str
    where: str
    what: str
    field: str
    then: Any
    now: Any
    at: int = 0


@lru_cache(maxsize=4096)
def message_in(data: bytes) -> Message | None:
    """The message that these bytes are, or None."""
    if not name_of(data):
        return None
    try:
        return decode(data)
    except Undecodable:
        return None


def exchange_of(value: Any) -> str:
    """The exchange a message or row is about, or an empty string."""
    found = getattr(value, "exchange_id", None)
    if found is not None:
        return str(found)
    institution = getattr(value, "inquirer_institution_code", "")
    serial = getattr(value, "transaction_serial_number", "")
    if not serial:
        numbers: Any = getattr(value, "transaction_serial_numbers", ())
        kinds: Any = getattr(value, "kinds", ())
        first: Any = kinds[0] if isinstance(kinds, tuple) and len(kinds) == 1 else None
        serial = numbers[0] if numbers else getattr(first, "transaction_serial_number", "")
    return f"{institution}-{serial}" if institution and serial else ""


def different_fields(then: Any, now: Any, path: str = WHOLE, about: str = "") -> Iterator[tuple[str, str, Any, Any]]:
    """(exchange, path, then, now) for each field that differs; what depends on chance alone does not."""
    if then == now and type(then) is type(now):
        return
    about = exchange_of(now) or exchange_of(then) or about
    if isinstance(then, bytes) and isinstance(now, bytes):
        before, after = message_in(then), message_in(now)
        if before is not None and type(before) is type(after):
            yield from different_fields(before, after, path, about)
            return
    elif hasattr(then, "_fields") and type(then) is type(now):
        kind = type(then).__name__
        for name, before, after in zip(then._fields, then, now, strict=True):
            if before == after or (kind, name) in LEFT_OUT:
                continue
            inner = f"{path}.{name}" if path else name
            if (kind, name) in SALTED and isinstance(before, bytes) and before and after:
                yield from different_fields(before[SALT_BYTES:], after[SALT_BYTES:], inner, about)
            else:
                yield from different_fields(before, after, inner, _named(about, then, name, before, after))
        return
    elif isinstance(then, tuple) and isinstance(now, tuple):
        yield from _different_items(then, now, path, about)
        return
    yield about, path or WHOLE, then, now


def _named(about: str, then: Any, name: str, before: Any, after: Any) -> str:
    """An answer names its exchanges by kind: the institution stands outside of the list, the serial inside."""
    if name != "kinds" or about:
        return about
    institution = getattr(then, "inquirer_institution_code", "")
    for one, other in zip(before, after, strict=False):
        if one != other and getattr(one, "transaction_serial_number", ""):
            return f"{institution}-{one.transaction_serial_number}"
    return about


def _different_items(then: Any, now: Any, path: str, about: str) -> Iterator[tuple[str, str, Any, Any]]:
    keys_then, keys_now = [_item_key(one) for one in then], [_item_key(one) for one in now]
    if all(keys_then) and all(keys_now):
        yield from _paired(dict(zip(keys_then, then, strict=True)), dict(zip(keys_now, now, strict=True)), path, about)
        return
    for place in range(max(len(then), len(now))):
        before = then[place] if place < len(then) else MISSING
        after = now[place] if place < len(now) else MISSING
        yield from different_fields(before, after, f"{path}[{place}]", about)


def _paired(then: dict[str, Any], now: dict[str, Any], path: str, about: str) -> Iterator[tuple[str, str, Any, Any]]:
    for key in dict.fromkeys([*then, *now]):
        before, after = then.get(key, MISSING), now.get(key, MISSING)
        if before is MISSING or after is MISSING:
            yield key.partition("/")[0], f"{path}[{key}]", _short(before), _short(after)
        else:
            yield from different_fields(before, after, f"{path}[{key}]", about)
    both = [key for key in then if key in now]
    order = [key for key in now if key in then]
    if both != order:
        first = next(n for n, pair in enumerate(zip(both, order, strict=True)) if pair[0] != pair[1])
        yield both[first].partition("/")[0], f"{path}[order]", both[first], order[first]


def _short(value: Any) -> Any:
    return type(value).__name__ if hasattr(value, "_fields") else value


def _item_key(item: Any) -> str:
    name = getattr(item, "exchange_id", "")
    party = getattr(item, "party", "")
    return f"{name}/{getattr(party, 'value', party)}" if name else ""


def same_entries(then: Sequence[Any], now: Sequence[Any]) -> bool:
    """Whether entries of records are the same but for their salts, without opening them.

    The digest of a detail stands in the body: put the recorded digest there, and all else must be equal.
    """
    if len(then) != len(now):
        return False
    for before, after in zip(then, now, strict=True):
        if before == after:
            continue
        salted, fresh = getattr(before, "detail", b""), getattr(after, "detail", b"")
        if not salted or not fresh or salted[SALT_BYTES:] != fresh[SALT_BYTES:]:
            return False
        as_then = after.body.replace(sha256(fresh).digest(), sha256(salted).digest())
        if before != after._replace(detail=salted, body=as_then):
            return False
    return True


def vouched(entry: Any) -> bool:
    """Whether a recorded entry's detail has the digest that its body names."""
    detail, body = getattr(entry, "detail", b""), message_in(entry.body)
    digest = getattr(body, "detail_digest", b"")
    return not detail or not digest or sha256(detail).digest() == digest


def shown(value: Any) -> Any:
    """A value as a report has it: bytes in hex, long ones by length and digest."""
    if isinstance(value, bytes):
        if len(value) <= 64:
            return value.hex()
        return f"{len(value)} bytes, SHA-256 {sha256(value).hexdigest()[:16]}…"
    if hasattr(value, "_asdict"):
        return {name: shown(one) for name, one in value._asdict().items()}
    if isinstance(value, tuple | list):
        return [shown(one) for one in value]
    return getattr(value, "value", value)


Decrypt = Callable[[bytes], bytes]


def row_differences(
    table: str, key: tuple[Any, ...], then: Any, now: Any, decrypt: Decrypt, at: int = 0
) -> Iterator[Difference]:
    """The fields in which a row is not as it was. What was set aside is compared in the clear."""
    where = f"{table} {'/'.join(map(shown_key, key))}"
    told = then if then is not None else now
    about = exchange_of(told)
    if type(told).__name__ == "SetAside":
        about = exchange_of(message_in(decrypt(told.value)))
    if then is None or now is None:
        yield Difference(about, where, table, WHOLE, MISSING if then is None else _short(then), _gone(now), at)
        return
    if type(then).__name__ == "SetAside":
        then, now = then._replace(value=decrypt(then.value)), now._replace(value=decrypt(now.value))
    if type(then).__name__ == "LogRecord" and not getattr(then, "detail", True):
        now = now._replace(detail=b"")  # erased since, as the law may ask: the body still vouches for what it was
    if type(then).__name__ == "Provision" and not getattr(then, "permit", True):
        now = now._replace(permit=b"", permit_proof=b"")  # served before permits were kept
    for name, before, after in zip(then._fields, then, now, strict=True):
        for inner, path, one, other in different_fields(before, after, name, about):
            yield Difference(inner or about, where, table, path, one, other, at)


def _gone(now: Any) -> Any:
    return MISSING if now is None else _short(now)


def shown_key(part: Any) -> str:
    """A part of a row's key for people."""
    return part.hex() if isinstance(part, bytes) else str(part)
