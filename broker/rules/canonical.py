"""The one spelling of a JSON document that is proof of something: what cannot be written in two ways cannot be bent.

Owns the spelling: UTF-8, keys sorted, no blank, nothing escaped that need not be, one line feed at the end; numbers are
whole, bytes are lower-case hexadecimal text. Promises that `read` accepts exactly what `written` writes, so that every
bit of a document counts. Leaves to others what a document means.
"""

from __future__ import annotations

import json
from typing import Any

LARGEST = 64 * 1_048_576


class Misspelt(ValueError):  # noqa: N818 - said of a document
    """Bytes that are no document in its one spelling."""


def written(document: Any) -> bytes:
    """The document in its one spelling; ValueError for what has none."""
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode() + b"\n"


def read(data: bytes) -> dict[str, Any]:
    """The document in these bytes, an object of texts, whole numbers, truths, lists and objects; or Misspelt."""
    if len(data) > LARGEST:
        raise Misspelt(f"{len(data)} bytes are too many; the limit is {LARGEST}")
    try:
        document = json.loads(data.decode(), parse_float=_refused, parse_constant=_refused)
        again = written(document)
    except (ValueError, RecursionError) as error:
        raise Misspelt(f"no JSON ({type(error).__name__})") from None
    if not isinstance(document, dict) or again != data:
        raise Misspelt("not in its one spelling")
    return document


def _refused(text: str) -> Any:
    raise ValueError(text)


def bytes_in(text: Any) -> bytes:
    """The bytes of a lower-case hexadecimal text; Misspelt for any other value or spelling."""
    try:
        data = bytes.fromhex(text)
    except (TypeError, ValueError):
        raise Misspelt("not hexadecimal") from None
    if data.hex() != text:
        raise Misspelt("hexadecimal has small letters and no blanks")
    return data
