"""Deciding again: past decisions under the list they rest on, or under a list that is only proposed.

Owns what a past decision is, when it does not follow from its list (a finding), and what another list would have
changed for an inquiry (its effect, with the row that makes the difference). Promises that a verdict depends on the
decision and the lists alone. Real decisions repeat: a verdict is remembered by the attributes it depends on, the day
among them only as the span between two days on which some row begins or ends. Leaves reading records, and counting,
to `services.audit.redecide`. Source: Number Act art. 21(2); assessment III-6 risk 1(1) and 2(1).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple, TypeVar

from broker.rules.identity import jst_date
from broker.rules.permission_list import (
    Combination,
    PermissionDecision,
    PermissionList,
    PermissionRow,
    PermissionRule,
    Question,
    combination_of,
)
from schemas.records import Outcome, Party, ProvisionRecorded

ADOPTION_MS = 60_000  # a decision under way while a version is published may still rest on the one before (assumption)
REMEMBERED_AT_MOST = 262_144
LIST_RULES = frozenset(rule.value for rule in PermissionRule) - {PermissionRule.PERMITTED.value}
_Attributes = tuple[Combination | None, int | tuple[int, ...], bool | None, int, str, str]
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")
REFUSED_BY_LIST = {Party.NETWORK: Outcome.NOT_PERMITTED, Party.PROVIDER: Outcome.LIST_DISAGREES}


class Kept(NamedTuple):
    """What the network keeps beside the record of an exchange it permitted: when (ms), and whether with consent."""

    issued_at: int
    consent_obtained: bool


class PastDecision(NamedTuple):
    """What one party decided by its list for one exchange.

    combination: the five attributes, classes of institutions included. days: the Japanese days on which it may have
    been decided (two around midnight: a record is written a moment later). earliest, latest: milliseconds since 1970
    UTC between which it was. consent: None when nothing that is kept tells. row_id: what permitted it; rule: what
    refused it; one of the two is empty.
    """

    exchange_id: str
    party: str
    inquirer_institution_code: str
    provider_institution_code: str
    combination: Combination
    days: tuple[str, ...]
    earliest: int
    latest: int
    consent: bool | None
    list_version: int
    row_id: str
    rule: str


class Unfounded(StrEnum):
    """Why a past decision does not follow from the list then in force."""

    VERSION_UNKNOWN = "VERSION_UNKNOWN"
    VERSION_NOT_IN_FORCE = "VERSION_NOT_IN_FORCE"
    DECIDES_OTHERWISE = "DECIDES_OTHERWISE"


class Finding(NamedTuple):
    """A past decision that does not follow; `recorded` and `decided` are rows or rules."""

    exchange_id: str
    party: str
    why: Unfounded
    list_version: int
    recorded: str
    decided: str


class Effect(StrEnum):
    """What a proposed list does to a past inquiry. UNDECIDED: it depends on consent, and none is kept."""

    SAME = "SAME"
    GAINS = "GAINS"
    LOSES = "LOSES"
    NARROWED = "NARROWED"
    WIDENED = "WIDENED"
    REBASED = "REBASED"
    UNDECIDED = "UNDECIDED"


class Impact(NamedTuple):
    """An effect and its reason: the row that makes the difference and what of it differs.

    change: "added", "removed", names of the row's fields, or "on_date" when the row is as it was and another day is
    asked about; empty when the decision did not rest on the row it names. before, after: row or rule. items_lost,
    items_gained: item codes of the answer.
    """

    effect: Effect
    row_id: str
    change: str
    before: str
    after: str
    items_lost: tuple[str, ...]
    items_gained: tuple[str, ...]


NO_IMPACT = Impact(Effect.SAME, "", "", "", "", (), ())


def past_decision(
    record: ProvisionRecorded, recorded_at: int, kept: Kept | None, classes: Mapping[str, str]
) -> PastDecision | None:
    """The decision a record tells of, or None when its party did not ask its list.

    Without `kept`, consent is known only where it was what was missing. classes: institution code → class, as the
    directory has it today (it keeps no earlier ones).
    """
    refused = REFUSED_BY_LIST.get(record.party)
    if refused is None:
        return None
    rule = record.rule if record.outcome is refused else ""
    row_id = "" if rule else record.row_id
    if not (row_id or rule in LIST_RULES):
        return None
    earliest, latest = record.requested_at, recorded_at
    if record.party is Party.NETWORK and kept is not None:
        earliest = latest = kept.issued_at
    elif record.provided_at:
        latest = min(recorded_at, record.provided_at)
    consent: bool | None = kept.consent_obtained if kept is not None else None
    if rule == PermissionRule.CONSENT_MISSING:
        consent = False
    # The provider decides when something leaves, which may be days after the request: the last day is likeliest.
    moments = (earliest, latest) if record.party is Party.NETWORK else (record.provided_at or latest, earliest, latest)
    return PastDecision(
        record.exchange_id,
        record.party.value,
        record.inquirer_institution_code,
        record.provider_institution_code,
        (
            classes.get(record.inquirer_institution_code, ""),
            record.affair_code,
            record.procedure_code,
            classes.get(record.provider_institution_code, ""),
            record.spi_name_code,
        ),
        tuple(dict.fromkeys(jst_date(moment) for moment in moments)),
        earliest,
        latest,
        consent,
        record.list_version,
        row_id,
        rule,
    )


def inquiries(decisions: Iterable[PastDecision]) -> Iterator[PastDecision]:
    """One decision an exchange, out of decisions in the order of exchanges, the network's before the provider's:
    the provider's when it refused what the network had permitted, else the network's."""
    kept: PastDecision | None = None
    for one in decisions:
        if kept is not None and kept.exchange_id != one.exchange_id:
            yield kept
            kept = None
        if kept is None or one.rule:
            kept = one
    if kept is not None:
        yield kept


class Lists:
    """List versions as they came into force, asked over and over; a proposed one beside them.

    on_date: the day (YYYYMMDD) on which the proposed list is asked, "" for the day of each inquiry.
    """

    def __init__(
        self,
        versions: Iterable[PermissionList],
        proposed: PermissionList | None = None,
        on_date: str = "",
        remembered: int = REMEMBERED_AT_MOST,
    ) -> None:
        self._versions = {one.version: one for one in sorted(versions, key=lambda one: one.version)}
        self._proposed = proposed
        self._on_date = on_date
        self._limit = remembered
        self._begins, self._ends = _terms(tuple(self._versions.values()))
        self._rows = {number: {row.row_id: row for row in one.rows} for number, one in self._versions.items()}
        self._proposed_rows = {row.row_id: row for row in proposed.rows} if proposed else {}
        self._edges = _edges([*self._versions.values(), *([proposed] if proposed else [])])
        self._checked: dict[_Attributes, str | None] = {}
        self._impacts: dict[_Attributes, Impact] = {}

    @property
    def distinct(self) -> int:
        """How many different verdicts are remembered now."""
        return len(self._checked) + len(self._impacts)

    # ── under the list then in force ─────────────────────────────────────────────────────────────────────────────

    def finding(self, past: PastDecision) -> Finding | None:
        """Why the decision does not follow from the list then in force, or None when it does."""
        version = past.list_version
        begin = self._begins.get(version)
        if begin is None:
            return _finding(past, Unfounded.VERSION_UNKNOWN, "")
        # A provider's copy may lag behind (domain 4.1); it cannot run ahead. The network adopts at once.
        if past.latest < begin or (past.party == "NETWORK" and past.earliest > self._ends[version]):
            return _finding(past, Unfounded.VERSION_NOT_IN_FORCE, "")
        key = self._attributes(past)
        try:
            decided = self._checked[key]
        except KeyError:
            decided = self._otherwise(past)
            _remember(self._checked, key, decided, self._limit)
        return None if decided is None else _finding(past, Unfounded.DECIDES_OTHERWISE, decided)

    def _otherwise(self, past: PastDecision) -> str | None:
        """What the list says instead; None when it says what was recorded."""
        asked = self._versions[past.list_version]
        consents = (True, False) if past.consent is None else (past.consent,)
        answers = [_told(_ask(asked, past, day, consent)) for day in past.days for consent in consents]
        return None if (past.row_id or past.rule) in answers else " or ".join(sorted(set(answers)))

    # ── under a proposed list ────────────────────────────────────────────────────────────────────────────────────

    def impact(self, past: PastDecision) -> Impact:
        """What the proposed list would have made of the inquiry; see `inquiries` for which decision that is."""
        key = self._attributes(past)
        try:
            return self._impacts[key]
        except KeyError:
            found = self._impact(past)
            _remember(self._impacts, key, found, self._limit)
            return found

    def _impact(self, past: PastDecision) -> Impact:
        assert self._proposed is not None
        day = self._on_date or self._day_of(past)
        if past.consent is None:
            given, missing = (_ask(self._proposed, past, day, consent) for consent in (True, False))
            if given.permitted != missing.permitted:
                # A refused inquiry, and the row that would now fit asks for a consent that nobody has kept.
                before = past.row_id or past.rule
                return Impact(Effect.UNDECIDED, given.row_id, "consent_required", before, _told(missing), (), ())
        after = _ask(self._proposed, past, day, bool(past.consent))
        return self._compared(past, after)

    def _compared(self, past: PastDecision, after: PermissionDecision) -> Impact:
        old = self._rows.get(past.list_version, {}).get(past.row_id) if past.row_id else None
        before, told = past.row_id or past.rule, _told(after)
        items = old.item_codes if old else ()
        lost, gained = _without(items, after.item_codes), _without(after.item_codes, items)
        if not past.row_id:
            if not after.permitted:
                return NO_IMPACT
            return Impact(Effect.GAINS, after.row_id, self._change(past, after.row_id), before, told, (), gained)
        if not after.permitted:
            return Impact(Effect.LOSES, past.row_id, self._change(past, past.row_id), before, told, lost, ())
        change = self._change(past, after.row_id)
        if old is not None and lost:
            return Impact(Effect.NARROWED, after.row_id, change, before, told, lost, gained)
        if old is not None and gained:
            return Impact(Effect.WIDENED, after.row_id, change, before, told, (), gained)
        if after.row_id != past.row_id:
            return Impact(Effect.REBASED, after.row_id, change, before, told, (), ())
        return NO_IMPACT

    def _change(self, past: PastDecision, row_id: str) -> str:
        """What of a row differs between the list of the decision and the proposed one."""
        old = self._rows.get(past.list_version, {}).get(row_id)
        new = self._proposed_rows.get(row_id)
        if old is None or new is None:
            return "added" if old is None else "removed"
        differing = [name for name in PermissionRow._fields if getattr(old, name) != getattr(new, name)]
        return ",".join(differing) or ("on_date" if self._on_date else "")

    def _day_of(self, past: PastDecision) -> str:
        """The day it was decided on: of two, the one on which its list says what was recorded."""
        asked = self._versions.get(past.list_version)
        if len(past.days) > 1 and asked is not None:
            for day in past.days:
                if _told(_ask(asked, past, day, bool(past.consent))) == (past.row_id or past.rule):
                    return day
        return past.days[0]

    def _attributes(self, past: PastDecision) -> _Attributes:
        """All that a verdict depends on. Days are told apart only where a row of this combination begins or ends
        between them, and combinations that no list knows are all alike."""
        _, _, _, _, combination, days, _, _, consent, version, row_id, rule = past
        edges = self._edges.get(combination)
        if edges is None:
            return None, 0, consent, version, row_id, rule
        span = bisect_right(edges, days[0]) if len(days) == 1 else tuple(bisect_right(edges, day) for day in days)
        return combination, span, consent, version, row_id, rule


def _ask(asked: PermissionList, past: PastDecision, day: str, consent: bool) -> PermissionDecision:
    return asked.decision(Question(*past.combination, day, consent))


def _told(decision: PermissionDecision) -> str:
    return decision.row_id if decision.permitted else decision.rule.value


def _finding(past: PastDecision, why: Unfounded, decided: str) -> Finding:
    return Finding(past.exchange_id, past.party, why, past.list_version, past.row_id or past.rule, decided)


def _without(some: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    return tuple(one for one in some if one not in others)


def _terms(versions: Sequence[PermissionList]) -> tuple[dict[int, int], dict[int, int]]:
    """From when and until when the network may have decided by each version, the time of adoption included. What was
    before the first version was known is the first one's."""
    begins = {one.version: one.known_from_ms if place else 0 for place, one in enumerate(versions)}
    ends = {one.version: following.known_from_ms + ADOPTION_MS for one, following in pairwise(versions)}
    if versions:
        ends[versions[-1].version] = 1 << 62
    return begins, ends


def _edges(lists: Sequence[PermissionList]) -> dict[Combination, list[str]]:
    """For each combination the days on which a row of it begins, or after which one ends, in order."""
    found: dict[Combination, set[str]] = defaultdict(set)
    for row in (row for one in lists for row in one.rows):
        # The sign after a last day sorts behind that day and before the next one.
        found[combination_of(row)] |= {row.valid_from, *([row.valid_to + "~"] if row.valid_to else [])}
    return {combination: sorted(edges) for combination, edges in found.items()}


def _remember(memory: dict[_Key, _Value], key: _Key, value: _Value, limit: int) -> None:
    """Within a bound: when it is full, begin again."""
    if limit <= 0:
        return
    if len(memory) >= limit:
        memory.clear()
    memory[key] = value
