"""`chukan audit drift`: do the sub-copies still say what the originals say, and what was answered while they did not?

Owns the going through: roots first, then the buckets that differ, then the answers of the past. Promises one committed
state, memory that does not grow with what is well, and totals over everything even when a list is cut. The rules are
those of `broker.rules.drift`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeVar

from broker.adapters.postgres import QUERIES, PostgresSnapshot
from broker.rules import drift as rules
from broker.rules.drift import Answered, Difference, StaleAnswer
from broker.rules.records import forgotten, whole
from broker.tables import CopyRecord, HealthQueue, HealthRecord
from schemas.records import Outcome
from services.world import HEALTH_KINDS

BUCKETS_AT_ONCE = 128
LIST_LIMIT = 10_000
JUDGED = frozenset({Outcome.OK, Outcome.NON_DISCLOSED})

Row = TypeVar("Row", CopyRecord, HealthRecord)
Tell = Callable[[str, int, int], None]


class Side(NamedTuple):
    """One side of an institution: the digest of each bucket that holds something, and how many records there are."""

    buckets: Mapping[int, bytes]
    records: int


class Source(Protocol):
    """Where the rows are."""

    async def owners(self, institution_code: str) -> list[str]:
        """The institutions to look at; one, or all when the code is empty."""

    async def sides(self, institution_code: str) -> tuple[Side, Side]:
        """Originals and copies, folded."""

    async def opened(
        self, institution_code: str, buckets: Sequence[int]
    ) -> tuple[Sequence[HealthRecord], Sequence[CopyRecord]]:
        """All versions of the originals, and the current copies, of the persons in these buckets."""

    def answers(self, institution_code: str, since: int) -> AsyncIterator[Sequence[Answered]]:
        """What the institution answered since a moment, oldest first."""

    async def histories(
        self, institution_code: str, persons: Sequence[str]
    ) -> tuple[Sequence[HealthRecord], Sequence[CopyRecord]]:
        """All versions of both sides of these persons."""

    async def queue(self, institution_code: str) -> HealthQueue | None:
        """What waits to go out."""


@dataclass
class InstitutionDrift:
    """One institution. Lists may be cut at the limit; the counts are over everything."""

    institution_code: str
    originals: int = 0
    copies: int = 0
    original_root: bytes = b""
    copy_root: bytes = b""
    buckets_apart: int = 0
    records_apart: int = 0
    persons_apart: set[str] = field(default_factory=set)
    by_state: Counter[str] = field(default_factory=Counter)
    by_kind: Counter[str] = field(default_factory=Counter)
    since: int = 0
    differences: list[Difference] = field(default_factory=list)
    waiting: int = 0
    waiting_since: int = 0
    stuck: str = ""
    answers: int = 0
    stale: int = 0
    undetermined: int = 0
    stale_answers: list[StaleAnswer] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Both sides agree and nothing was ever answered from a copy that was behind."""
        return not self.records_apart and not self.stale and not self.undetermined


async def drift(source: Source, institution_code: str, since: int, limit: int, tell: Tell) -> list[InstitutionDrift]:
    """Every institution, or one. since: answers from this moment on; limit: of each list, 0 for none."""
    owners = await source.owners(institution_code)
    found = []
    for place, owner in enumerate(owners):
        tell("institutions", place, len(owners))
        report = InstitutionDrift(owner)
        await compare(source, report, limit, tell)
        await look_back(source, report, since, limit, tell)
        found.append(report)
    tell("institutions", len(owners), len(owners))
    return found


async def compare(source: Source, report: InstitutionDrift, limit: int, tell: Tell) -> None:
    """The two sides as they stand now."""
    originals, copies = await source.sides(report.institution_code)
    report.originals, report.copies = originals.records, copies.records
    report.original_root, report.copy_root = rules.root(originals.buckets), rules.root(copies.buckets)
    apart = rules.differing(originals.buckets, copies.buckets)
    report.buckets_apart = len(apart)
    queue = await source.queue(report.institution_code)
    if queue is not None:
        report.waiting = queue.next_sequence - queue.first_sequence
        report.waiting_since, report.stuck = queue.since, queue.stuck
    for first in range(0, len(apart), BUCKETS_AT_ONCE):
        tell("buckets", first, len(apart))
        for one in rules.differences(
            *await source.opened(report.institution_code, apart[first : first + BUCKETS_AT_ONCE])
        ):
            count_difference(report, one, limit)


def count_difference(report: InstitutionDrift, one: Difference, limit: int) -> None:
    """One more record on which the sides disagree."""
    report.records_apart += 1
    report.persons_apart.add(one.integrated_number)
    report.by_state[one.state] += 1
    report.by_kind[one.spi_name_code] += 1
    report.since = min(report.since or one.since, one.since)
    if not limit or len(report.differences) < limit:
        report.differences.append(one)


async def look_back(source: Source, report: InstitutionDrift, since: int, limit: int, tell: Tell) -> None:
    """Every answer of the past against what the originals said then."""
    async for answers in source.answers(report.institution_code, since):
        report.answers += len(answers)
        tell("answers", report.answers, 0)
        persons = sorted({one.integrated_number for one in answers})
        histories = await source.histories(report.institution_code, persons)
        originals, copies = by_person(histories[0]), by_person(histories[1])
        for one in answers:
            mine = one.integrated_number, one.spi_name_code
            stale = rules.judged(one, originals.get(mine, ()), copies.get(mine, ()))
            if stale is not None:
                count_answer(report, stale, limit)


def by_person(rows: Sequence[Row]) -> dict[tuple[str, str], list[Row]]:
    """Versions by person and kind."""
    found: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        found[row.integrated_number, row.spi_name_code].append(row)
    return found


def count_answer(report: InstitutionDrift, stale: StaleAnswer, limit: int) -> None:
    """One more answer that did not say what the originals said."""
    if stale.state == rules.UNDETERMINED:
        report.undetermined += 1
    else:
        report.stale += 1
    if not limit or len(report.stale_answers) < limit:
        report.stale_answers.append(stale)


def answered(body: bytes, detail: bytes, integrated_number: str, received_at: int, conditions: str) -> Answered | None:
    """A provider's record as an answer to be judged; None when it is not about a kind that has originals here, or when
    the part of it that names copies and items was erased.

    conditions: condition type, year type, period from and to, separated by "/", or empty when not known.
    """
    record = whole(body, detail)
    empty = record.outcome is Outcome.NO_DATA and record.rule == "NOTHING_HELD"
    if forgotten(record, detail) or record.spi_name_code not in HEALTH_KINDS or not (empty or record.outcome in JUDGED):
        return None
    period = tuple(conditions.split("/")[2:4]) if conditions.count("/") == 3 else ("", "")
    return Answered(
        record.exchange_id,
        record.institution_code,
        record.inquirer_institution_code,
        integrated_number,
        record.spi_name_code,
        record.provided_at or received_at,
        record.outcome.value,
        record.copy_digest,
        record.spi_items,
        (period[0], period[1]),
    )


class PostgresSource:
    """One committed state of an installation's tables."""

    def __init__(self, snapshot: PostgresSnapshot) -> None:
        self._snapshot = snapshot
        self._kinds = list(HEALTH_KINDS)

    async def owners(self, institution_code: str) -> list[str]:
        """See `Source.owners`."""
        rows = await self._snapshot.query(QUERIES["drift_owners"], self._kinds, institution_code)
        return [row["institution_code"] for row in rows]

    async def sides(self, institution_code: str) -> tuple[Side, Side]:
        """See `Source.sides`: the server folds, so that only digests cross the wire."""
        sides = []
        for name in ("original_buckets", "copy_buckets"):
            rows = await self._snapshot.query(QUERIES[name], institution_code, self._kinds)
            sides.append(Side({row["bucket"]: row["digest"] for row in rows}, sum(row["records"] for row in rows)))
        return sides[0], sides[1]

    async def opened(
        self, institution_code: str, buckets: Sequence[int]
    ) -> tuple[Sequence[HealthRecord], Sequence[CopyRecord]]:
        """See `Source.opened`."""
        values = (institution_code, self._kinds, list(buckets))
        originals = await self._snapshot.select(HealthRecord, QUERIES["originals_in_buckets"], *values)
        return originals, await self._snapshot.select(CopyRecord, QUERIES["copies_in_buckets"], *values)

    async def answers(self, institution_code: str, since: int) -> AsyncIterator[Sequence[Answered]]:
        """See `Source.answers`."""
        async for rows in self._snapshot.stream(QUERIES["answers_of"], institution_code, since):
            told = (
                answered(row["body"], row["detail"], row["integrated_number"], row["received_at"], row["conditions"])
                for row in rows
            )
            yield [one for one in told if one is not None]

    async def histories(
        self, institution_code: str, persons: Sequence[str]
    ) -> tuple[Sequence[HealthRecord], Sequence[CopyRecord]]:
        """See `Source.histories`."""
        values = (institution_code, list(persons))
        originals = await self._snapshot.select(HealthRecord, QUERIES["originals_of_persons"], *values)
        return originals, await self._snapshot.select(CopyRecord, QUERIES["copies_of_persons"], *values)

    async def queue(self, institution_code: str) -> HealthQueue | None:
        """See `Source.queue`."""
        rows = await self._snapshot.select(HealthQueue, QUERIES["health_queue_of"], institution_code)
        return rows[0] if rows else None


def _keeps_promises(source: PostgresSource) -> Source:
    # The type checker reports here when the source drifts from its port.
    return source
