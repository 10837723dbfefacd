"""The numbers and codes of information linkage: their formats, their check digits, and where one hides in a text.

Owns what makes a text a 個人番号, a 地方公共団体コード, an institution code and so on (domain.md 4.3 to 4.5).
Promises pure functions on ASCII digits: full-width digits, spaces and signs are not a number. Leaves to others
whether a number is anybody's; formats marked ASSUMPTION are ours, because the public record is silent.

The simulator accepts 個人番号 of its own range only (`is_synthetic_individual_number`), so that a real person's
number typed by mistake goes no further.
"""

import re
from enum import IntEnum
from operator import mul

INDIVIDUAL_NUMBER_DIGITS = 12
SYNTHETIC_PREFIX = "9999"
"""ASSUMPTION: no range is publicly reserved for tests, so ours is every valid number that begins with 9999."""

SYNTHETIC_SEQUENCE_LIMIT = 10_000_000
SIMULATOR_SPI_PREFIX = "TM99"
"""ASSUMPTION (domain.md 7 row 18): kinds of information whose real code is unknown live in this block."""

_INDIVIDUAL_WEIGHTS = (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
_LOCAL_GOVERNMENT_WEIGHTS = (6, 5, 4, 3, 2)
_RESIDENT_WEIGHTS = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
_ZERO = ord("0")
_SPACE = ord(" ")
_HEX_SIGNS = b"0123456789abcdef"
_SHORTEST_HEX_WORD = 16

_individual_number = re.compile(r"[0-9]{12}").fullmatch
_local_government_code = re.compile(r"[0-9]{6}").fullmatch
_resident_record_code = re.compile(r"[0-9]{11}").fullmatch
_institution_code = re.compile(r"[0-9]{16}").fullmatch
_linkage_code = re.compile(r"[0-9a-f]{64}").fullmatch
_serial = re.compile(r"[0-9]{20}").fullmatch
_affair_code = re.compile(r"JM[0-9]{14}").fullmatch
_procedure_code = re.compile(r"JT[0-9]{14}").fullmatch
_spi_name_code = re.compile(r"TM[0-9]{14}").fullmatch
_avro_texts_of_twelve_digits = re.compile(rb"\x18[0-9]{12}").finditer
# Every digit becomes 0 and everything else a space: then a plain search, a tenth of a regular expression's time, does.
_DIGITS_AND_SPACES = bytes(_ZERO if chr(code) in "0123456789" else _SPACE for code in range(256))
_LONE_RUN = b" " + b"0" * INDIVIDUAL_NUMBER_DIGITS + b" "


class InstitutionKind(IntEnum):
    """ASSUMPTION: our own numbering of who, inside one local government or beside it, is an institution of its own.

    Mayor and board of education are different institutions (domain.md 2.6 function 1).
    """

    MAYOR = 1
    BOARD_OF_EDUCATION = 2
    GOVERNOR = 3
    MEDICAL_INSURER = 4
    NATIONAL_AGENCY = 5


def individual_number_check_digit(eleven_digits: str) -> str:
    """Check digit of a 個人番号 (平成26年総務省令第85号 art. 5); ValueError unless 11 ASCII digits."""
    return _digit_or_zero(_weighted_sum(eleven_digits, _INDIVIDUAL_WEIGHTS))


def is_individual_number(text: str) -> bool:
    """Whether the text is 12 digits with the right last one."""
    return _individual_number(text) is not None and _is_valid_number(text.encode())


def is_synthetic_individual_number(text: str) -> bool:
    """Whether the text is a valid number of the simulator's own range, the only ones it accepts."""
    return text.startswith(SYNTHETIC_PREFIX) and is_individual_number(text)


def synthetic_individual_number(sequence: int) -> str:
    """The synthetic person's number with this place in the range, 0 to 9,999,999; ValueError outside."""
    if not 0 <= sequence < SYNTHETIC_SEQUENCE_LIMIT:
        raise ValueError(f"the synthetic range has {SYNTHETIC_SEQUENCE_LIMIT} numbers; there is no number {sequence}")
    eleven_digits = f"{SYNTHETIC_PREFIX}{sequence:07d}"
    return eleven_digits + individual_number_check_digit(eleven_digits)


def local_government_check_digit(five_digits: str) -> str:
    """Last digit of 11 - (sum mod 11), of a 地方公共団体コード; ValueError unless 5 ASCII digits are given."""
    return str((11 - _weighted_sum(five_digits, _LOCAL_GOVERNMENT_WEIGHTS) % 11) % 10)


def is_local_government_code(text: str) -> bool:
    """Whether the text is 6 digits with the right last one."""
    return _local_government_code(text) is not None and local_government_check_digit(text[:5]) == text[5]


def is_institution_code(text: str) -> bool:
    """Whether the text is 16 digits: an opaque code, whose inner structure is not public (domain.md 7 row 19)."""
    return _institution_code(text) is not None


def institution_code_of(local_government_code: str, kind: int) -> str:
    """A synthetic institution code: 99, the kind in 3 digits, the local government code, 00000.

    ASSUMPTION: a public sample shows only that the local government code stands at positions 6 to 11 (from 1).
    ValueError for a code with a wrong check digit and for a kind outside 1 to 999.
    """
    if not is_local_government_code(local_government_code):
        raise ValueError(f"{local_government_code!r} is no 地方公共団体コード")
    if not 1 <= kind <= 999:
        raise ValueError(f"an institution kind is between 1 and 999, not {kind}")
    return f"99{int(kind):03d}{local_government_code}00000"


def resident_record_code_check_digit(ten_digits: str) -> str:
    """ASSUMPTION, as our sources lack the real rule: weights 5432765432, and the remainder rule of the 個人番号."""
    return _digit_or_zero(_weighted_sum(ten_digits, _RESIDENT_WEIGHTS))


def resident_record_code(ten_digits: str) -> str:
    """A synthetic 住民票コード: 10 digits and the (assumed) check digit."""
    return ten_digits + resident_record_code_check_digit(ten_digits)


def is_resident_record_code(text: str) -> bool:
    """Whether the text is 11 digits with the (assumed) right last one."""
    return _resident_record_code(text) is not None and resident_record_code_check_digit(text[:10]) == text[10]


def is_linkage_code(text: str) -> bool:
    """Whether the text is a 符号: 64 lower-case hex characters (ASSUMPTION, domain.md 7 row 1)."""
    return _linkage_code(text) is not None


def is_serial(text: str) -> bool:
    """Whether the text is a 処理通番 or 取得番号: 20 digits (ASSUMPTION, domain.md 7 rows 2 and 3)."""
    return _serial(text) is not None


def is_affair_code(text: str) -> bool:
    """Whether the text is JM and 14 digits (事務コード)."""
    return _affair_code(text) is not None


def is_procedure_code(text: str) -> bool:
    """Whether the text is JT and 14 digits (事務手続コード)."""
    return _procedure_code(text) is not None


def is_spi_name_code(text: str) -> bool:
    """Whether the text is TM and 14 digits (特定個人情報名コード)."""
    return _spi_name_code(text) is not None


def is_simulator_spi_name_code(text: str) -> bool:
    """Whether the text is a 特定個人情報名コード of the block TM99, for kinds with an unknown real code."""
    return text.startswith(SIMULATOR_SPI_PREFIX) and is_spi_name_code(text)


def find_individual_numbers(text: str | bytes) -> list[int]:
    """Where valid 個人番号 stand: offsets (in characters or bytes) of standalone runs of 12 ASCII digits.

    A run inside a longer run of digits does not count, and neither does one inside a word of 16 or more lower-case hex
    characters: one digest in 350 holds such a run by chance. A run right after 0x18 (the length that Avro writes before
    a text of 12) counts in any company, because the length byte that follows it may look like a digit.
    Not found: numbers written in groups or in full-width digits.
    """
    data = text.encode("latin-1", "replace") if isinstance(text, str) else text  # one byte a character: offsets stay
    in_avro = [match.start() + 1 for match in _avro_texts_of_twelve_digits(data)]
    alone = [start for start in _lone_runs(data) if not _is_in_hex_word(data, start)]
    starts = sorted({*in_avro, *alone})
    return [start for start in starts if _is_valid_number(data[start : start + INDIVIDUAL_NUMBER_DIGITS])]


def _lone_runs(data: bytes) -> list[int]:
    outline = b" " + data.translate(_DIGITS_AND_SPACES) + b" "
    starts: list[int] = []
    found = outline.find(_LONE_RUN)
    while found >= 0:
        starts.append(found)  # the space before the run stands where, without the first space, the run does
        found = outline.find(_LONE_RUN, found + INDIVIDUAL_NUMBER_DIGITS + 1)
    return starts


def _is_in_hex_word(data: bytes, start: int) -> bool:
    before = data[max(start - _SHORTEST_HEX_WORD, 0) : start]
    end = start + INDIVIDUAL_NUMBER_DIGITS
    after = data[end : end + _SHORTEST_HEX_WORD]
    joined = len(before) - len(before.rstrip(_HEX_SIGNS)) + len(after) - len(after.lstrip(_HEX_SIGNS))
    return joined + INDIVIDUAL_NUMBER_DIGITS >= _SHORTEST_HEX_WORD


def _is_valid_number(twelve_digits: bytes) -> bool:
    # The digits' character codes carry 48 each: 48 times the weights' sum 47 leaves 1 modulo 11.
    rest = (sum(map(mul, _INDIVIDUAL_WEIGHTS, twelve_digits)) - 1) % 11
    return (11 - rest if rest > 1 else 0) == twelve_digits[11] - _ZERO


def _digit_or_zero(weighted_sum: int) -> str:
    rest = weighted_sum % 11
    return "0" if rest < 2 else str(11 - rest)


def _weighted_sum(digits: str, weights: tuple[int, ...]) -> int:
    if len(digits) != len(weights) or not (digits.isascii() and digits.isdigit()):
        raise ValueError(f"exactly {len(weights)} ASCII digits are needed")
    return sum(map(mul, weights, map(int, digits)))
