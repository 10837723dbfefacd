"""The 照会許可用照合リスト: which inquirer may ask which provider for what, for which affair and procedure.

Owns the rows of the list, the decision on a question, and the list's canonical form. Promises that a decision
is a function of list and question alone, that a refusal names the rule that failed and the row that came nearest,
and that equal lists have equal digests. Leaves to others who distributes lists, which version to ask, and whether
the PIA of a side is valid.

Times are bitemporal: a row is in force from `valid_from` to `valid_to` (both days included, JST, YYYYMMDD; an empty
`valid_to` is open), and a list is known from `known_from_ms`. Source: Number Act art. 21(2); domain.md 4.1.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from hashlib import sha256
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar, get_type_hints

from broker.rules import numbers

MAX_CACHED_DECISIONS = 8192
MAX_CACHED_DAYS = 512
FORMAT_VERSION = 1
_DIGEST_DOMAIN = b"chukan permission list 1\n"

Combination = tuple[str, str, str, str, str]
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class PermissionRow(NamedTuple):
    """One allowed combination on its legal basis; `verified` is False where the legal text is our reading."""

    row_id: str
    inquirer_class: str
    affair_code: str
    procedure_code: str
    provider_class: str
    spi_name_code: str
    item_codes: tuple[str, ...]
    legal_basis: str
    consent_required: bool
    valid_from: str
    valid_to: str
    verified: bool


class Question(NamedTuple):
    """What is asked of the list. `on_date` is YYYYMMDD; any other text is a day on which nothing is in force."""

    inquirer_class: str
    affair_code: str
    procedure_code: str
    provider_class: str
    spi_name_code: str
    on_date: str
    consent_obtained: bool


class PermissionRule(StrEnum):
    """What a decision rests on: the permission, or the first rule that no row passed."""

    PERMITTED = "PERMITTED"
    NO_SUCH_COMBINATION = "NO_SUCH_COMBINATION"
    NOT_IN_FORCE = "NOT_IN_FORCE"
    CONSENT_MISSING = "CONSENT_MISSING"


class PermissionDecision(NamedTuple):
    """Permitted: row, items and legal basis. Refused: rule, and the nearest row with what would have had to differ.

    `nearest_distance` counts the attributes of the question that the nearest row does not allow;
    `nearest_attribute` is the first of them and `nearest_value` what it demands. At distance 1 that change alone
    would have allowed the inquiry. `nearest_value` of `on_date` is an interval FROM/TO (open: FROM/), of
    `consent_obtained` is "true". Absent: "" and 0.
    """

    permitted: bool
    row_id: str
    item_codes: tuple[str, ...]
    legal_basis: str
    rule: PermissionRule
    nearest_row_id: str
    nearest_attribute: str
    nearest_value: str
    nearest_distance: int


class RowChange(NamedTuple):
    """A row that two lists hold with different content, and the names of the fields that differ."""

    before: PermissionRow
    after: PermissionRow
    fields: tuple[str, ...]


class ListDiff(NamedTuple):
    """What a new list brings; rows are known by their row_id and come in its order."""

    added: tuple[PermissionRow, ...]
    removed: tuple[PermissionRow, ...]
    changed: tuple[RowChange, ...]


class PermissionListError(ValueError):
    """A list that cannot be; `row` (its id, or # and its place) and `field` say where, "" meaning the list itself."""

    def __init__(self, row: str, field_name: str, reason: str) -> None:
        place = " ".join(part for part in (f"row {row}" if row else "", field_name) if part) or "list"
        super().__init__(f"{place}: {reason}")
        self.row = row
        self.field = field_name
        self.reason = reason


def combination_of(asked: PermissionRow | Question) -> Combination:
    """The five attributes in which a row and a question must agree."""
    return (
        asked.inquirer_class,
        asked.affair_code,
        asked.procedure_code,
        asked.provider_class,
        asked.spi_name_code,
    )


def is_in_force(row: PermissionRow, question: Question) -> bool:
    """Whether the question's day lies in the row's days."""
    day = question.on_date
    if len(day) != 8 or not (day.isascii() and day.isdigit()):
        return False
    return row.valid_from <= day and (not row.valid_to or day <= row.valid_to)


def has_consent(row: PermissionRow, question: Question) -> bool:
    """Whether consent was obtained, where the row demands it (local tax data, notification of 2017-05-29)."""
    return question.consent_obtained or not row.consent_required


RULES: tuple[tuple[PermissionRule, Callable[[PermissionRow, Question], bool]], ...] = (
    (PermissionRule.NO_SUCH_COMBINATION, lambda row, question: combination_of(row) == combination_of(question)),
    (PermissionRule.NOT_IN_FORCE, is_in_force),
    (PermissionRule.CONSENT_MISSING, has_consent),
)
"""Tried in order; each leaves fewer rows, and the first that leaves none is the reason of the refusal."""

ATTRIBUTES: tuple[str, ...] = (
    "consent_obtained",
    "on_date",
    "procedure_code",
    "spi_name_code",
    "affair_code",
    "provider_class",
    "inquirer_class",
)
"""Order in which near misses are told: what the asker can most easily put right comes first."""


@dataclass(frozen=True, slots=True)
class PermissionList:
    """One version of the list. Rows are put in the order of their ids; PermissionListError for rows that cannot be."""

    version: int
    known_from_ms: int
    rows: tuple[PermissionRow, ...]
    _by_combination: dict[Combination, tuple[PermissionRow, ...]] = field(init=False, repr=False, compare=False)
    _agreeing: dict[str, dict[str, int]] = field(init=False, repr=False, compare=False)
    _in_force: dict[str, int] = field(init=False, repr=False, compare=False)
    _decided: dict[Question, PermissionDecision] = field(init=False, repr=False, compare=False)
    _digest: list[bytes] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _check_list(self.version, self.known_from_ms, self.rows)
        rows = tuple(sorted(self.rows))
        for one, other in pairwise(rows):
            if one.row_id == other.row_id:
                raise PermissionListError(one.row_id, "row_id", "stands twice in the list")
        _set(self, "rows", rows)
        _set(self, "_by_combination", _grouped(rows))
        _set(self, "_agreeing", _masks_by_value(rows))
        _set(self, "_in_force", {})
        _set(self, "_decided", {})
        _set(self, "_digest", [])

    def decision(self, question: Question) -> PermissionDecision:
        """What this list says to the question; use the function `decide`."""
        known = self._decided.get(question)
        if known is not None:
            return known
        decision = self._decide(question)
        _remember(self._decided, question, decision, MAX_CACHED_DECISIONS)
        return decision

    def digest(self) -> bytes:
        """SHA-256 of the canonical form; use the function `digest`."""
        if not self._digest:
            self._digest.append(sha256(_DIGEST_DOMAIN + to_json(self).encode()).digest())
        return self._digest[0]

    def _decide(self, question: Question) -> PermissionDecision:
        left: Sequence[PermissionRow] = self._by_combination.get(combination_of(question), ())
        for rule, passes in RULES:
            left = [row for row in left if passes(row, question)]
            if not left:
                return _refusal(rule, question, self._nearest(question))
        row = left[0]
        return PermissionDecision(
            True, row.row_id, row.item_codes, row.legal_basis, PermissionRule.PERMITTED, "", "", "", 0
        )

    def _nearest(self, question: Question) -> PermissionRow | None:
        # Sets of rows are whole numbers, one bit a row: so all rows are compared at once.
        agreeing = [self._rows_agreeing(attribute, question) for attribute in ATTRIBUTES]
        nearest = _with_fewest_misses((1 << len(self.rows)) - 1, agreeing)
        for rows in agreeing:
            # Among equally near rows, those that miss the earlier attribute are told first.
            nearest = nearest & ~rows or nearest
        return self.rows[(nearest & -nearest).bit_length() - 1] if nearest else None

    def _rows_agreeing(self, attribute: str, question: Question) -> int:
        if attribute == "on_date":
            return self._rows_in_force(question)
        if attribute == "consent_obtained":
            every_row = (1 << len(self.rows)) - 1
            return every_row if question.consent_obtained else self._agreeing["consent_required"].get("False", 0)
        return self._agreeing[attribute].get(getattr(question, attribute), 0)

    def _rows_in_force(self, question: Question) -> int:
        known = self._in_force.get(question.on_date)
        if known is None:
            known = sum(1 << place for place, row in enumerate(self.rows) if is_in_force(row, question))
            _remember(self._in_force, question.on_date, known, MAX_CACHED_DAYS)
        return known


def decide(permission_list: PermissionList, question: Question) -> PermissionDecision:
    """Permit by the first row (in order of ids) that passes every rule, or refuse with rule and nearest row."""
    return permission_list.decision(question)


def digest(permission_list: PermissionList) -> bytes:
    """32 bytes that are equal for equal lists (version, known_from_ms and rows), whatever order the rows came in."""
    return permission_list.digest()


def diff(old: PermissionList, new: PermissionList) -> ListDiff:
    """Rows added, removed and changed from one list to the other."""
    before = {row.row_id: row for row in old.rows}
    after = {row.row_id: row for row in new.rows}
    return ListDiff(
        tuple(row for row in new.rows if row.row_id not in before),
        tuple(row for row in old.rows if row.row_id not in after),
        tuple(
            RowChange(before[row.row_id], row, _differing_fields(before[row.row_id], row))
            for row in new.rows
            if before.get(row.row_id, row) != row
        ),
    )


def to_json(permission_list: PermissionList) -> str:
    """The canonical text: one object, rows in order of ids, keys sorted, no spaces, Japanese as it is."""
    content = {
        "format": FORMAT_VERSION,
        "known_from_ms": permission_list.known_from_ms,
        "rows": [row._asdict() for row in permission_list.rows],
        "version": permission_list.version,
    }
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def from_json(text: str) -> PermissionList:
    """The list in a JSON text (any order, any spacing); PermissionListError naming row and field for anything amiss."""
    try:
        content = json.loads(text, object_pairs_hook=_object_without_repeats)
    except PermissionListError:
        raise
    except (ValueError, RecursionError) as error:
        raise PermissionListError("", "", f"not JSON: {error}") from None
    _check_keys("", content, ("format", "known_from_ms", "rows", "version"))
    if type(content["format"]) is not int or content["format"] != FORMAT_VERSION:
        raise PermissionListError("", "format", f"must be {FORMAT_VERSION}")
    if not isinstance(content["rows"], list):
        raise PermissionListError("", "rows", "must be an array")
    rows = tuple(_row_from(place, entry) for place, entry in enumerate(content["rows"]))
    return PermissionList(content["version"], content["known_from_ms"], rows)


def _refusal(rule: PermissionRule, question: Question, nearest: PermissionRow | None) -> PermissionDecision:
    if nearest is None:
        return PermissionDecision(False, "", (), "", rule, "", "", "", 0)
    misses = _misses(nearest, question)
    attribute = ATTRIBUTES[misses[0]]
    return PermissionDecision(
        False, "", (), "", rule, nearest.row_id, attribute, _demanded(nearest, attribute), len(misses)
    )


def _misses(row: PermissionRow, question: Question) -> tuple[int, ...]:
    agrees = (
        has_consent(row, question),
        is_in_force(row, question),
        row.procedure_code == question.procedure_code,
        row.spi_name_code == question.spi_name_code,
        row.affair_code == question.affair_code,
        row.provider_class == question.provider_class,
        row.inquirer_class == question.inquirer_class,
    )
    return tuple(place for place, agreed in enumerate(agrees) if not agreed)


def _with_fewest_misses(every_row: int, agreeing: Sequence[int]) -> int:
    # with_misses[n]: the rows that have missed n of the attributes looked at so far.
    with_misses = [every_row]
    for rows in agreeing:
        agreed = [some & rows for some in with_misses] + [0]
        missed = [0] + [some & ~rows for some in with_misses]
        with_misses = [a | m for a, m in zip(agreed, missed, strict=True)]
    return next((rows for rows in with_misses if rows), 0)


def _demanded(row: PermissionRow, attribute: str) -> str:
    if attribute == "consent_obtained":
        return "true"
    if attribute == "on_date":
        return f"{row.valid_from}/{row.valid_to}"
    return str(getattr(row, attribute))


def _grouped(rows: Iterable[PermissionRow]) -> dict[Combination, tuple[PermissionRow, ...]]:
    groups: dict[Combination, tuple[PermissionRow, ...]] = {}
    for row in rows:
        combination = combination_of(row)
        groups[combination] = (*groups.get(combination, ()), row)
    return groups


def _masks_by_value(rows: Sequence[PermissionRow]) -> dict[str, dict[str, int]]:
    masks: dict[str, dict[str, int]] = {name: {} for name in ("consent_required", *ATTRIBUTES[2:])}
    for place, row in enumerate(rows):
        for name, by_value in masks.items():
            value = str(getattr(row, name))
            by_value[value] = by_value.get(value, 0) | 1 << place
    return masks


def _remember(memory: dict[_Key, _Value], key: _Key, value: _Value, limit: int) -> None:
    if len(memory) >= limit:
        del memory[next(iter(memory))]
    memory[key] = value


def _set(permission_list: PermissionList, name: str, value: object) -> None:
    object.__setattr__(permission_list, name, value)


def _differing_fields(one: PermissionRow, other: PermissionRow) -> tuple[str, ...]:
    return tuple(name for name, a, b in zip(PermissionRow._fields, one, other, strict=True) if a != b)


def _check_list(version: int, known_from_ms: int, rows: tuple[PermissionRow, ...]) -> None:
    if type(version) is not int or version < 1:
        raise PermissionListError("", "version", "must be a whole number from 1")
    if type(known_from_ms) is not int or known_from_ms < 0:
        raise PermissionListError("", "known_from_ms", "must be milliseconds since 1970, not negative")
    for place, row in enumerate(rows):
        _check_row(row.row_id if isinstance(row.row_id, str) and row.row_id else f"#{place}", row)


_ROW_TYPES: dict[str, Any] = {
    name: tuple if name == "item_codes" else hint for name, hint in get_type_hints(PermissionRow).items()
}
_FIELD_RULES: tuple[tuple[str, Callable[[PermissionRow], bool], str], ...] = (
    ("row_id", lambda row: bool(row.row_id), "must not be empty"),
    ("inquirer_class", lambda row: bool(row.inquirer_class), "must not be empty"),
    ("affair_code", lambda row: numbers.is_affair_code(row.affair_code), "must be JM and 14 digits"),
    ("procedure_code", lambda row: numbers.is_procedure_code(row.procedure_code), "must be JT and 14 digits"),
    ("provider_class", lambda row: bool(row.provider_class), "must not be empty"),
    ("spi_name_code", lambda row: numbers.is_spi_name_code(row.spi_name_code), "must be TM and 14 digits"),
    (
        "item_codes",
        lambda row: all(isinstance(code, str) and code for code in row.item_codes),
        "must hold texts that are not empty",
    ),
    ("item_codes", lambda row: bool(row.item_codes), "must hold at least one item"),
    ("item_codes", lambda row: len(set(row.item_codes)) == len(row.item_codes), "holds an item twice"),
    ("legal_basis", lambda row: bool(row.legal_basis), "must not be empty"),
    ("valid_from", lambda row: _is_day(row.valid_from), "must be a day, YYYYMMDD"),
    ("valid_to", lambda row: not row.valid_to or _is_day(row.valid_to), "must be a day, YYYYMMDD, or empty"),
    ("valid_to", lambda row: not row.valid_to or row.valid_to >= row.valid_from, "is before valid_from"),
)


def _check_row(label: str, row: PermissionRow) -> None:
    for name, value in zip(PermissionRow._fields, row, strict=True):
        if type(value) is not _ROW_TYPES[name]:
            raise PermissionListError(label, name, f"must be {_ROW_TYPES[name].__name__}")
        if not _is_writable(value):
            raise PermissionListError(label, name, "holds half a character (a lone surrogate)")
    for name, holds, reason in _FIELD_RULES:
        if not holds(row):
            raise PermissionListError(label, name, reason)


def _row_from(place: int, entry: object) -> PermissionRow:
    _check_keys(f"#{place}", entry, PermissionRow._fields)
    assert isinstance(entry, dict)
    row_id = entry["row_id"]
    label = row_id if isinstance(row_id, str) and row_id else f"#{place}"
    if not isinstance(entry["item_codes"], list):
        raise PermissionListError(label, "item_codes", "must be an array")
    return PermissionRow(**{**entry, "item_codes": tuple(entry["item_codes"])})


def _check_keys(label: str, entry: object, names: tuple[str, ...]) -> None:
    if not isinstance(entry, dict):
        raise PermissionListError(label, "", "must be an object")
    for name in names:
        if name not in entry:
            raise PermissionListError(label, name, "is missing")
    for name in entry:
        if name not in names:
            raise PermissionListError(label, name, "is unknown")


def _object_without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entry = dict(pairs)
    if len(entry) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        row_id = entry.get("row_id", "")
        raise PermissionListError(row_id if isinstance(row_id, str) else "", twice, "stands twice in one object")
    return entry


def _is_writable(value: object) -> bool:
    try:
        str(value).encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_day(text: str) -> bool:
    if len(text) != 8 or not (text.isascii() and text.isdigit()):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
