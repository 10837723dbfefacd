"""Three parties' records of one exchange, held against each other and against the network's permit.

Owns the closed list of verdicts with what the records must show for each, which parties must have recorded, and from
when a record that is not there is missing. Promises that the verdicts depend on what is handed in alone, so that
records that come late give the verdict they would have given in time, or LATE. Only public fields decide; a detail
(items, digests, non-disclosure) is compared where both sides still have it. Leaves finding exchanges, and keeping
their verdicts, to `services.audit.reconcile`; whether a list permits, to `redecision`; whether a log is whole, to
`chukan audit verify`. Source: Number Act art. 23(1) to (3); assessment III-6 risks 1 and 2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from itertools import pairwise
from typing import Any, NamedTuple

from broker.rules.permits import LIFE_MS
from broker.rules.reasons import SUCCESS
from schemas.records import Party, ProvisionRecorded

LATE_MS = 3_600_000  # from the provision, or from the first record of an ending, to a party's record (assumption)
SKEW_MS = 5_000  # how far the parties' clocks may differ (assumption)

LOCAL_RULES = frozenset({"CODE_MISSING", "PERSON_SUSPENDED_AT_INQUIRER"})
"""The inquirer's own server refused: nobody else heard of the exchange, one record is all there is."""
OWN_ENDINGS = frozenset({"DEADLINE_PASSED", "WITHDRAWN"})
"""The inquirer ended without being told to: the others may have ended otherwise."""
PRESENTED = frozenset({"USED", "COMPLETED"})
"""States of the network's exchange in which its permit was forwarded to the provider."""


class Verdict(StrEnum):
    """What an exchange's records show. AGREE stands alone; of the others several may hold."""

    AGREE = "AGREE"
    MISSING_AT_INQUIRER = "MISSING_AT_INQUIRER"
    MISSING_AT_NETWORK = "MISSING_AT_NETWORK"
    MISSING_AT_PROVIDER = "MISSING_AT_PROVIDER"
    CONTENT_DIFFERS = "CONTENT_DIFFERS"
    ORDER_DIFFERS = "ORDER_DIFFERS"
    PERMITTED_NOT_RECORDED = "PERMITTED_NOT_RECORDED"
    RECORDED_NOT_PERMITTED = "RECORDED_NOT_PERMITTED"
    LATE = "LATE"


class Meaning(NamedTuple):
    """A verdict in words: Japanese, what the records must show, on which clause it rests."""

    verdict: Verdict
    ja: str
    shows: str
    source: str


MEANINGS = (
    Meaning(
        Verdict.AGREE,
        "一致",
        "Every record that is due is there and none of the others holds. Due are: the inquirer's, always; the "
        "network's, unless the inquirer's own server refused (CODE_MISSING, PERSON_SUSPENDED_AT_INQUIRER); the "
        "provider's, once the network forwarded the permit, or when anybody recorded a provision. So one record is "
        "right when refused locally, two when the network refused, returned the inquiry, or saw its permit expire "
        "unused, three when a provider saw it.",
        "art. 23(1), 23(3)",
    ),
    Meaning(
        Verdict.MISSING_AT_INQUIRER,
        "照会者の記録がない",
        "Another party recorded the exchange; the inquirer's record is due and not there.",
        "art. 23(1)",
    ),
    Meaning(
        Verdict.MISSING_AT_NETWORK,
        "ネットワークの記録がない",
        "Another party recorded the exchange and the inquirer's own server did not refuse it; the network's record is "
        "due and not there.",
        "art. 23(3)",
    ),
    Meaning(
        Verdict.MISSING_AT_PROVIDER,
        "提供者の記録がない",
        "Another party recorded the exchange, and its permit was forwarded or a provision recorded; the provider's "
        "record is due and not there.",
        "art. 23(1)",
    ),
    Meaning(
        Verdict.CONTENT_DIFFERS,
        "内容が異なる",
        "Serial number, institutions, time of request, affair, procedure or kind differ between two records; "
        "or outcome, rule or time of provision differ between network and provider, or between them and an inquirer "
        "that did not end by itself (DEADLINE_PASSED, WITHDRAWN); or the permit, list version or row differs between "
        "inquirer and network (a provider decides on its own copy); or, where both sides still have them, names of "
        "institutions, items, non-disclosure or digests of an answer; or a party recorded twice.",
        "art. 23(1)(i) to (iv), 23(2)",
    ),
    Meaning(
        Verdict.ORDER_DIFFERS,
        "順序が異なる",
        "A record's times contradict the order request, permit, provision, recording by more than the clocks may "
        "differ (5 s). The order in which two logs hold different exchanges is free: exchanges run side by side.",
        "art. 23(1)(ii); III-6 risk 1(1)",
    ),
    Meaning(
        Verdict.PERMITTED_NOT_RECORDED,
        "許可されたが記録がない",
        "The network issued a permit, its exchange is over or overdue, and no party recorded anything.",
        "art. 23(1), 23(3); III-6 risk 1(1)",
    ),
    Meaning(
        Verdict.RECORDED_NOT_PERMITTED,
        "記録されたが許可がない",
        "A record tells of a provision or names a permit, and the network has no such permit for the exchange, or "
        "never forwarded it although something was provided. What else differs between such records and the network "
        "follows from this, and is not told again.",
        "art. 21(2); III-6 risks 1(1), 2(1)",
    ),
    Meaning(
        Verdict.LATE,
        "遅延",
        "A record was taken down more than the limit (one hour) after the provision it tells of, or after the first "
        "record of the same ending.",
        "art. 23(1) (assumption: the limit)",
    ),
)
MISSING = {
    Party.INQUIRER: Verdict.MISSING_AT_INQUIRER,
    Party.NETWORK: Verdict.MISSING_AT_NETWORK,
    Party.PROVIDER: Verdict.MISSING_AT_PROVIDER,
}
ORDER = {verdict: place for place, verdict in enumerate(Verdict)}


class Seen(NamedTuple):
    """A record, and when the log took it down (milliseconds since 1970 UTC)."""

    record: ProvisionRecorded
    recorded_at: int


class Permitted(NamedTuple):
    """What the network's register holds of the exchange's permit. Times are milliseconds since 1970 UTC."""

    permit_id: str
    state: str
    expires_at: int


class Case(NamedTuple):
    """All that is known of one exchange.

    open_until: for inquirer, network, provider the moment until which the party itself says it may still go on, 0
    when it says nothing.
    """

    exchange_id: str
    seen: tuple[Seen, ...]
    permitted: Permitted | None = None
    open_until: tuple[int, int, int] = (0, 0, 0)


class Limits(NamedTuple):
    """What is allowed, in milliseconds."""

    late_ms: int = LATE_MS
    skew_ms: int = SKEW_MS


LIMITS = Limits()


class Judgement(NamedTuple):
    """The verdicts in the order of their list, why, and when to look again although nothing new came (0: never).

    No verdict at all: what is there is in order, and more may come.
    """

    verdicts: tuple[Verdict, ...]
    reasons: tuple[str, ...]
    due_at: int


AGREED = Judgement((Verdict.AGREE,), (), 0)
Told = tuple[Verdict, str]


def judged(case: Case, as_of: int, limits: Limits = LIMITS) -> Judgement:
    """The verdicts on an exchange as it stands at this moment."""
    records = {seen.record.party: seen for seen in case.seen}
    unpermitted = list(_unpermitted(case))
    found: list[Told] = unpermitted[:1]
    due_at = 0
    if not unpermitted:
        waiting, missing = _missing(case, records, as_of, limits)
        found += missing
        due_at = waiting
    if len(records) < len(case.seen):
        found.append((Verdict.CONTENT_DIFFERS, "a party recorded the exchange twice"))
    found += _differences(records, everything=not unpermitted)
    found += _disorder(case, limits)
    found += _lateness(case.seen, limits)
    if not found:
        return AGREED if not due_at else Judgement((), (), due_at)
    verdicts = sorted({verdict for verdict, _ in found}, key=ORDER.__getitem__)
    return Judgement(tuple(verdicts), tuple(dict.fromkeys(f"{verdict}: {text}" for verdict, text in found)), due_at)


# ── permits ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _unpermitted(case: Case) -> Iterator[Told]:
    permit = case.permitted
    for record, _ in case.seen:
        provided = record.outcome in SUCCESS
        if not provided and not record.permit_id:
            continue
        text = ""
        if permit is None:
            text = "the network issued no permit"
        elif record.permit_id != permit.permit_id:
            text = "the network issued another permit" if record.permit_id else "no permit is named"
        elif provided and permit.state not in PRESENTED:
            text = f"the permit was never forwarded ({permit.state})"
        if text:
            yield Verdict.RECORDED_NOT_PERMITTED, f"{record.party} recorded {record.outcome}, {text}"


# ── who must have recorded ───────────────────────────────────────────────────────────────────────────────────────


def wanted(case: Case) -> tuple[Party, ...]:
    """Whose records the exchange must leave, as far as it is known; see the meaning of AGREE."""
    inquirer = next((seen.record for seen in case.seen if seen.record.party is Party.INQUIRER), None)
    provided = any(seen.record.outcome in SUCCESS for seen in case.seen)
    if provided or (case.permitted is not None and case.permitted.state in PRESENTED):
        return (Party.INQUIRER, Party.NETWORK, Party.PROVIDER)
    if inquirer is not None and inquirer.rule in LOCAL_RULES and case.permitted is None:
        return (Party.INQUIRER,)
    return (Party.INQUIRER, Party.NETWORK)


PLACE = {party: place for place, party in enumerate(Party)}


def _missing(case: Case, records: dict[Party, Seen], as_of: int, limits: Limits) -> tuple[int, list[Told]]:
    """When to look again, and what is missing now."""
    absent = [party for party in wanted(case) if party not in records]
    if not absent:
        return 0, []
    newest = max((seen.recorded_at for seen in case.seen), default=0)
    if case.permitted is not None and not case.seen:
        ended_unused = case.permitted.state == "EXPIRED"
        newest = case.permitted.expires_at - (0 if ended_unused else LIFE_MS)
    if not case.seen:
        # Nothing at all is there: as long as anybody may go on, something may come.
        due = max(newest, *case.open_until) + limits.late_ms
        if as_of < due:
            return due, []
        return 0, [(Verdict.PERMITTED_NOT_RECORDED, "a permit was issued, nobody recorded anything")]
    due_at, found = 0, []
    for party in absent:
        due = max(newest, case.open_until[PLACE[party]]) + limits.late_ms
        if as_of < due:
            due_at = min(due_at or due, due)
        else:
            found.append((MISSING[party], f"recorded by {', '.join(records)}"))
    return due_at, found


# ── what they say ────────────────────────────────────────────────────────────────────────────────────────────────

Facts = Callable[[ProvisionRecorded], tuple[Any, ...]]
IDENTITY = (
    "transaction_serial_number",
    "inquirer_institution_code",
    "provider_institution_code",
    "requested_at",
    "affair_code",
    "procedure_code",
    "spi_name_code",
)
ENDING = ("outcome", "rule", "provided_at")
BASIS = ("permit_id", "list_version", "row_id")
NAMES = ("inquirer_name", "provider_name")
DETAIL = ("spi_items", "non_disclosure_code", "answer_digest", "sealed_digest")


def _facts(names: Sequence[str]) -> Facts:
    def facts(record: ProvisionRecorded) -> tuple[Any, ...]:
        return tuple([getattr(record, name) for name in names])

    return facts


_identity, _names, _ending, _detail = _facts(IDENTITY), _facts(NAMES), _facts(ENDING), _facts(DETAIL)


def _differences(records: dict[Party, Seen], *, everything: bool) -> Iterator[Told]:
    """What any two records tell differently; without a permit, only what names the exchange is compared."""
    told = [seen.record for seen in records.values()]
    for one, other in pairwise(told):
        if _identity(one) != _identity(other):
            yield from _named(one, other, IDENTITY)
        if _names(one) != _names(other):
            yield from _named(one, other, [name for name in NAMES if _both_have(one, other, name)])
    if not everything:
        return
    inquirer, network, provider = (records[p].record if p in records else None for p in Party)
    for left, right in ((network, provider), (inquirer, network), (inquirer, provider)):
        if left is None or right is None or _ended_alone(left, right):
            continue
        if _ending(left) != _ending(right):
            yield from _named(left, right, ENDING)
        elif left.outcome in SUCCESS and _detail(left) != _detail(right):
            yield from _named(left, right, [name for name in DETAIL if _both_have(left, right, name)])
    if inquirer is not None and network is not None:
        yield from _named(inquirer, network, [name for name in BASIS if _both_have(inquirer, network, name)])


def _ended_alone(one: ProvisionRecorded, other: ProvisionRecorded) -> bool:
    """Whether the inquirer ended by itself, or the two tell one expired permit from their two sides."""
    if one.party is not Party.INQUIRER:
        return False
    return one.rule in OWN_ENDINGS or (one.rule == other.rule == "PERMIT_EXPIRED")


def _both_have(one: ProvisionRecorded, other: ProvisionRecorded, name: str) -> bool:
    """An erased detail says nothing, neither yes nor no."""
    return bool(getattr(one, name)) and bool(getattr(other, name))


def _named(one: ProvisionRecorded, other: ProvisionRecorded, names: Sequence[str]) -> Iterator[Told]:
    for name in names:
        if getattr(one, name) != getattr(other, name):
            yield Verdict.CONTENT_DIFFERS, f"{name}: {one.party} and {other.party}"


# ── when ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _disorder(case: Case, limits: Limits) -> Iterator[Told]:
    issued_at = case.permitted.expires_at - LIFE_MS if case.permitted is not None else 0
    skew = limits.skew_ms
    for record, recorded_at in case.seen:
        provided_at = record.provided_at
        if recorded_at + skew < record.requested_at or recorded_at + skew < provided_at:
            yield Verdict.ORDER_DIFFERS, f"{record.party} recorded before what it recorded"
        if provided_at and provided_at + skew < record.requested_at:
            yield Verdict.ORDER_DIFFERS, f"{record.party} has the provision before the request"
        if issued_at and issued_at + skew < record.requested_at:
            yield Verdict.ORDER_DIFFERS, f"{record.party} has the permit before the request"
        if issued_at and provided_at and provided_at + skew < issued_at:
            yield Verdict.ORDER_DIFFERS, f"{record.party} has the provision before the permit"


def _lateness(seen: Sequence[Seen], limits: Limits) -> Iterator[Told]:
    first: dict[tuple[str, str], int] = {}
    for record, recorded_at in seen:
        ending = (record.outcome, record.rule)
        first[ending] = min(first.get(ending, recorded_at), recorded_at)
    for record, recorded_at in seen:
        since = record.provided_at or first[record.outcome, record.rule]
        if recorded_at - since > limits.late_ms:
            yield Verdict.LATE, f"{record.party} recorded {(recorded_at - since) // 1000} s later"


def table() -> str:
    """The verdicts as a table in Markdown, for `ARCHITECTURE.md`."""
    lines = ["| verdict | | what the records show | source |", "| --- | --- | --- | --- |"]
    lines += [f"| `{one.verdict}` | {one.ja} | {one.shows} | {one.source} |" for one in MEANINGS]
    return "\n".join(lines)
