"""文字コード変換 (assessment, system 3 function 8): Japanese character sets in and out, and what became of each 外字.

Owns the table of character sets, the policy for what a set cannot hold, and the report: no character is ever replaced
or refused without a finding that names its line, column and code. Python's own codecs do the mapping. Leaves what the
text means to `csv_lines`, `inquiry_file` and `copy_file`.

外字 (user-defined characters) are the code points of Unicode's private use areas; CP932's area F040 to F9FC maps there.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

CHARSETS = {
    "UTF-8": "utf-8",
    "CP932": "cp932",
    "SHIFT_JIS": "shift_jis",
    "SHIFT_JIS_2004": "shift_jis_2004",
    "EUC_JIS_2004": "euc_jis_2004",
    "ISO_2022_JP_2004": "iso2022_jp_2004",
    "UTF-16": "utf-16",
}
GETA = "〓"  # the printers' sign for a missing letter; UTF-16 and every set above have it
BOM = "\ufeff"
FINDINGS_LIMIT = 1000

# One sign, two code points, by whose table a file was made: each is taken for the other when it is missing.
_TWINS = ("\u301c\uff5e", "\u2212\uff0d", "\u2016\u2225", "\u00a2\uffe0", "\u00a3\uffe1", "\u00ac\uffe2")
VARIANTS = {one: other for pair in _TWINS for one, other in zip(pair, reversed(pair), strict=True)}
PRIVATE = ((0xE000, 0xF8FF), (0xF0000, 0xFFFFD), (0x100000, 0x10FFFD))


class Gaiji(StrEnum):
    """What is done with a character that the other side cannot hold: 拒否 or 置換."""

    REJECT = "REJECT"
    SUBSTITUTE = "SUBSTITUTE"


class Finding(NamedTuple):
    """One character or byte that did not pass as it was.

    line, column: counted from 1, the column in characters. seen: `U+E000`, or bytes as hex digits.
    what: UNDECODABLE, GAIJI, UNENCODABLE or VARIANT. put: what stands there now; empty when it was refused.
    """

    line: int
    column: int
    seen: str
    what: str
    put: str


class Text(NamedTuple):
    """A text that was read, and what was found. It may be used when `refused` is false."""

    text: str
    findings: tuple[Finding, ...]

    @property
    def refused(self) -> bool:
        """Whether any character was refused."""
        return any(not one.put for one in self.findings)


class Bytes(NamedTuple):
    """A text as bytes, and what was found."""

    data: bytes
    findings: tuple[Finding, ...]

    @property
    def refused(self) -> bool:
        """Whether any character was refused."""
        return any(not one.put for one in self.findings)


class Converted(NamedTuple):
    """A whole file in another set: `data` is empty when anything was refused."""

    data: bytes
    findings: tuple[Finding, ...]
    refused: bool
    characters: int


def is_gaiji(character: str) -> bool:
    """Whether a character is a user-defined one."""
    return any(first <= ord(character) <= last for first, last in PRIVATE)


def name_of(character: str) -> str:
    """`U+E000`."""
    return f"U+{ord(character):04X}"


def read(data: bytes, charset: str, gaiji: Gaiji) -> Iterator[Text]:
    """The lines of a file in their order, without their ends (LF or CRLF); an empty last line is none.

    In all sets but UTF-16 the byte 0x0A ends a line and is nothing else, so that a damaged line spoils no other.
    """
    if charset == "UTF-16":
        lines = [_known(line) for line in data.decode("utf-16", "replace").split("\n")]
    else:
        lines = [_decoded(line, CHARSETS[charset]) for line in data.split(b"\n")]
    if not lines[-1][0]:
        lines.pop()
    for number, line in enumerate(lines, 1):
        yield _judged(line, number, gaiji)


# A text as it was read: each byte sequence that is no character is one U+FFFD, and its bytes stand beside it.
_Read = tuple[str, tuple[bytes, ...]]
_DAMAGED = "\ufffd"


def _known(line: str) -> _Read:
    return line, tuple(b"" for character in line if character == _DAMAGED)


def _decoded(line: bytes, codec: str) -> _Read:
    parts: list[str] = []
    damaged: list[bytes] = []
    rest = line
    while True:
        try:
            parts.append(rest.decode(codec))
            break
        except UnicodeDecodeError as error:
            end = max(error.end, error.start + 1)
            parts += [rest[: error.start].decode(codec), _DAMAGED]
            damaged.append(rest[error.start : end])
            rest = rest[end:]
    text = "".join(parts)
    if text.count(_DAMAGED) != len(damaged):  # the file itself holds the sign
        damaged = [b""] * text.count(_DAMAGED)
    return text, tuple(damaged)


def _judged(read: _Read, line: int, gaiji: Gaiji) -> Text:
    text, damaged = read
    text = text.removesuffix("\r")
    if line == 1:
        text = text.removeprefix(BOM)
    if text.isascii():
        return Text(text, ())
    put = GETA if gaiji is Gaiji.SUBSTITUTE else ""
    waiting = iter(damaged)
    findings = []
    for column, character in enumerate(text, 1):
        if character == _DAMAGED:
            findings.append(Finding(line, column, next(waiting, b"").hex() or name_of(_DAMAGED), "UNDECODABLE", put))
        elif is_gaiji(character):
            findings.append(Finding(line, column, name_of(character), "GAIJI", put))
    if findings:
        text = "".join(GETA if one == _DAMAGED or is_gaiji(one) else one for one in text)
    return Text(text, tuple(findings[:FINDINGS_LIMIT]))


def write_text(text: str, charset: str, gaiji: Gaiji) -> Bytes:
    """A text as bytes of a set; what the set lacks is refused or replaced, and found either way."""
    codec = CHARSETS[charset]
    try:
        return Bytes(text.encode(codec), ())
    except UnicodeEncodeError:
        pass
    parts: list[str] = []
    findings: list[Finding] = []
    line, column = 1, 0
    for character in text:
        line, column = (line + 1, 0) if character == "\n" else (line, column + 1)
        put, what = _fitting(character, codec)
        parts.append(put)
        if what and len(findings) < FINDINGS_LIMIT:
            shown = put if gaiji is Gaiji.SUBSTITUTE else ""
            findings.append(Finding(line, column, name_of(character), what, shown))
    return Bytes("".join(parts).encode(codec), tuple(findings))


def _fitting(character: str, codec: str) -> tuple[str, str]:
    if _can_hold(character, codec):
        return character, ""
    variant = VARIANTS.get(character, "")
    if variant and _can_hold(variant, codec):
        return variant, "VARIANT"
    return GETA, "GAIJI" if is_gaiji(character) else "UNENCODABLE"


def _can_hold(character: str, codec: str) -> bool:
    try:
        character.encode(codec)
    except UnicodeEncodeError:
        return False
    return True


def convert(data: bytes, source: str, target: str, gaiji: Gaiji) -> Converted:
    """A whole text file from one set to another; its line ends, LF or CRLF, stay."""
    lines = list(read(data, source, gaiji))
    end = "\r\n" if b"\r\n" in data or (source == "UTF-16" and "\r\n" in data.decode("utf-16", "replace")) else "\n"
    text = "".join(one.text + end for one in lines)
    written = write_text(text, target, gaiji)
    findings = (*(finding for one in lines for finding in one.findings), *written.findings)
    refused = any(not one.put for one in findings)
    return Converted(b"" if refused else written.data, findings[:FINDINGS_LIMIT], refused, len(text))
