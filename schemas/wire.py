"""Avro's primitives as bytes, for the generated coders: lengths, longs, and the checks that make reading safe.

Owns the zig-zag variable-length integers of the Avro specification ("Binary encoding"). Promises that what a coder
writes is what fastavro writes, byte for byte (a property test), and that bad lengths never pass.
"""

from __future__ import annotations

from functools import lru_cache


class Malformed(ValueError):  # noqa: N818 - said of bytes
    """The bytes do not follow the schema."""


@lru_cache(maxsize=32_768)
def encode_long(number: int) -> bytes:
    """One Avro long; ValueError outside 64 bits. Remembered: the times of a batch are the same few numbers."""
    if not -(1 << 63) <= number < 1 << 63:
        raise ValueError(f"{number} does not fit a long")
    left = (number << 1) ^ (number >> 63)
    out = bytearray()
    while left > 127:
        out.append(left & 127 | 128)
        left >>= 7
    out.append(left)
    return bytes(out)


class Lengths(dict[int, bytes]):
    """Lengths as Avro longs, by length; those nobody asked for before are made on the way."""

    def __missing__(self, length: int) -> bytes:
        return encode_long(length)


LENGTHS = Lengths({length: encode_long(length) for length in range(16_384)})
TEXTS_KEPT = 65_536


class Texts(dict[str, bytes]):
    """Texts with their length in front, by text: codes, names and words come again and again. Bounded."""

    def __missing__(self, text: str) -> bytes:
        data = text.encode()
        whole = LENGTHS[len(data)] + data
        if len(data) < 128:
            if len(self) >= TEXTS_KEPT:
                self.clear()
            self[text] = whole
        return whole


TEXTS = Texts()
TRUE, FALSE, END = b"\x01", b"\x00", b"\x00"


def more(data: bytes, place: int, first: int) -> tuple[int, int]:
    """The rest of a long integer whose first byte says that there is more: its raw value and the next place."""
    value, shift = first & 127, 7
    while True:
        byte = data[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            break
        shift += 7
        if shift > 63:
            raise Malformed("a number has more than ten bytes")
    if value >> 64:
        raise Malformed("a number does not fit 64 bits")
    return value, place


def longer(data: bytes, place: int, first: int) -> tuple[int, int]:
    """A length of more than one byte, or a negative one, which is refused."""
    value = first
    if first > 127:
        value, place = more(data, place, first)
    if value & 1:
        raise Malformed("a length is negative")
    return value, place


def items_ahead(data: bytes, place: int) -> tuple[int, int]:
    """How many items the next block of an array holds, and where they begin; 0 at the array's end."""
    raw = data[place]
    place += 1
    if raw > 127:
        raw, place = more(data, place, raw)
    count = (raw >> 1) ^ -(raw & 1)
    if count < 0:
        # A negative count is followed by the block's size in bytes, which a reader may skip by and we do not need.
        count = -count
        raw = data[place]
        place += 1
        if raw > 127:
            raw, place = more(data, place, raw)
    if count > len(data) - place:
        raise Malformed(f"an array claims {count} items in {len(data) - place} bytes")
    return count, place


def checked_bool(byte: int) -> bool:
    """A boolean is 0 or 1."""
    if byte > 1:
        raise Malformed(f"a boolean has the value {byte}")
    return byte == 1
