"""A year of a whole country's past decisions, made by seed, and how fast they are decided again.

Owns the synthetic lists and decisions of `chukan audit redecide --synthetic` and the measuring. Promises the same
decisions for the same seed, in parts that may be made in any order, and figures of the deciding alone: making the
decisions is told apart. The country asks as domain 5 has it: 30.29 million inquiries a year, a few procedures often,
most seldom. Every code lies in the simulator's own blocks.
"""

from __future__ import annotations

import multiprocessing
import random
import time
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

from broker.rules.identity import exchange_id, jst_date, serial_number
from broker.rules.permission_list import PermissionList, PermissionRow, Question
from broker.rules.permits import LIFE_MS
from broker.rules.records import record_of, split
from broker.rules.redecision import Lists, PastDecision
from schemas.records import Outcome, Party
from services.audit.redecide import Basis, Job, RawRow, Tally, judge, tallied
from services.world import MOST_INSTITUTIONS, institution_codes

NATIONAL_YEAR = 30_290_000  # inquiries by local governments, fiscal 2022 (Board of Audit)
SALT = b"\x05" * 16
PART = 50_000
COLD_AT_MOST = 100_000
RECORDS_AT_MOST = 50_000
YEAR_BEGINS = 1_743_433_200_000  # 2025-04-01 00:00 in Japan
DAY_MS = 86_400_000
CLASSES = ("市町村長", "都道府県知事", "医療保険者", "模擬共済組合", "模擬年金機構", "模擬支援機構")
AFFAIRS, ROWS = 120, 2400
REFUSED_SHARE, CONSENT_SHARE, EARLY_SHARE = 0.03, 0.12, 0.005
"""Inquiries that are refused; rows that ask for consent; inquiries for what only a later list permits."""


class Year(NamedTuple):
    """The lists of a year, oldest first; the one proposed for the next; institutions with their classes."""

    versions: tuple[PermissionList, ...]
    proposed: PermissionList
    classes: dict[str, str]


def _chance(seed: int, name: str) -> random.Random:
    return random.Random(f"{seed}/{name}")  # noqa: S311 - a synthetic year, the same for the same seed


def year(seed: int) -> Year:
    """The lists and institutions of a seed."""
    rng = _chance(seed, "lists")
    rows = [_row(rng, number) for number in range(ROWS)]
    first = PermissionList(1, 0, tuple(rows))
    second = PermissionList(2, YEAR_BEGINS + 90 * DAY_MS, _changed(rng, first.rows, 2))
    third = PermissionList(3, YEAR_BEGINS + 210 * DAY_MS, _changed(rng, second.rows, 3))
    proposed = PermissionList(4, YEAR_BEGINS + 365 * DAY_MS, _changed(rng, third.rows, 4))
    codes = [code for _, code, _ in institution_codes(MOST_INSTITUTIONS)]
    classes = {code: CLASSES[0] if place % 8 else CLASSES[place // 8 % 6] for place, code in enumerate(codes)}
    return Year((first, second, third), proposed, classes)


def _row(rng: random.Random, number: int, prefix: str = "N") -> PermissionRow:
    affair = rng.randrange(AFFAIRS)
    kind = rng.randrange(60)
    begins = "20170713" if rng.random() < 0.9 else jst_date(YEAR_BEGINS + rng.randrange(365) * DAY_MS)
    ends = "" if rng.random() < 0.95 else jst_date(YEAR_BEGINS + rng.randrange(365, 700) * DAY_MS)
    return PermissionRow(
        f"{prefix}{number:05d}",
        rng.choices(CLASSES, (8, 3, 2, 1, 1, 1))[0],
        f"JM99{affair:012d}",
        f"JT99{affair * 100 + rng.randrange(12):012d}",
        rng.choices(CLASSES, (8, 3, 2, 1, 1, 1))[0],
        f"TM99{kind:012d}",
        tuple(f"{kind:04d}{item:04d}" for item in range(1 + rng.randrange(6))),
        "模擬の根拠 / simulated basis",
        rng.random() < CONSENT_SHARE,
        begins,
        ends,
        False,
    )


def _changed(rng: random.Random, rows: Sequence[PermissionRow], version: int) -> tuple[PermissionRow, ...]:
    """The next version: some rows gone, some ended, narrowed or widened, some new."""
    kept: list[PermissionRow] = []
    for row in rows:
        dice = rng.random()
        if dice < 0.004:
            continue
        if dice < 0.008:
            row = row._replace(valid_to=max(row.valid_from, "20250930"))  # noqa: PLW2901
        elif dice < 0.012:
            row = row._replace(item_codes=(*row.item_codes, f"9999{version:04d}"))  # noqa: PLW2901
        elif dice < 0.016:
            row = row._replace(item_codes=row.item_codes[:1])  # noqa: PLW2901
        kept.append(row)
    return (*kept, *(_row(rng, number, f"V{version}-") for number in range(ROWS // 100)))


class Maker:
    """Makes the decisions of a seed, a part of so many at a time."""

    def __init__(self, seed: int, size: int = PART) -> None:
        self._size = size
        self.year = year(seed)
        self._seed = seed
        self._begins = [one.known_from_ms for one in self.year.versions]
        rows = self.year.versions[0].rows
        places = list(range(len(rows)))
        _chance(seed, "order").shuffle(places)
        self._rows = [rows[place] for place in places]
        known = {row.row_id for row in rows}
        self._early = [row for row in self.year.proposed.rows if row.row_id not in known]
        self._weights = list(accumulate(1 / (rank + 1) for rank in range(len(rows))))
        self._by_class: dict[str, list[str]] = {}
        for code, name in self.year.classes.items():
            self._by_class.setdefault(name, []).append(code)
        self._decided: dict[tuple[Question, int], tuple[str, str]] = {}

    def part(self, number: int, count: int) -> list[PastDecision]:
        """The first `count` decisions of a part, in the order of their exchanges."""
        rng = _chance(self._seed, str(number))
        found = [self._decision(rng, number * self._size + place) for place in range(count)]
        return sorted(found)

    def _decision(self, rng: random.Random, number: int) -> PastDecision:
        row = rng.choices(self._rows, cum_weights=self._weights)[0]
        if rng.random() < EARLY_SHARE:
            row = rng.choice(self._early)
        at = YEAR_BEGINS + rng.randrange(365) * DAY_MS + rng.randrange(30_600_000, 63_000_000)
        consent = row.consent_required or rng.random() < 0.2
        procedure = row.procedure_code
        dice = rng.random()
        if dice < REFUSED_SHARE / 2:
            consent = False
        elif dice < REFUSED_SHARE:
            procedure = f"JT99{rng.randrange(AFFAIRS * 100):012d}"
        question = Question(
            row.inquirer_class,
            row.affair_code,
            procedure,
            row.provider_class,
            row.spi_name_code,
            jst_date(at),
            consent,
        )
        inquirer = rng.choice(self._by_class[row.inquirer_class])
        provider = rng.choice(self._by_class[row.provider_class])
        return self.decided(question, at, inquirer, provider, number)

    def decided(self, question: Question, at: int, inquirer: str, provider: str, number: int) -> PastDecision:
        """The decision of the list in force at that moment."""
        version = bisect_right(self._begins, at) - 1
        key = (question, version)
        told = self._decided.get(key)
        if told is None:
            found = self.year.versions[version].decision(question)
            told = (found.row_id, "" if found.permitted else found.rule.value)
            if len(self._decided) >= 1_000_000:
                self._decided.clear()
            self._decided[key] = told
        consent = question.consent_obtained if told[0] else (False if told[1] == "CONSENT_MISSING" else None)
        return PastDecision(
            exchange_id(inquirer, serial_number(at, number, 0)),
            "NETWORK",
            inquirer,
            provider,
            question[:5],
            (question.on_date,),
            at,
            at,
            consent,
            version + 1,
            *told,
        )

    def distinct(self, count: int) -> Iterator[PastDecision]:
        """Decisions of which no two ask the same: combination, day and consent."""
        rng = _chance(self._seed, "distinct")
        rows, days = self._rows, 365
        for number, place in enumerate(rng.sample(range(len(rows) * days), min(count, len(rows) * days))):
            row = rows[place % len(rows)]
            at = YEAR_BEGINS + place // len(rows) * DAY_MS + 40_000_000
            procedure = row.procedure_code if rng.random() >= REFUSED_SHARE else f"JT98{number:012d}"
            consent = row.consent_required or rng.random() < 0.5
            question = Question(
                row.inquirer_class,
                row.affair_code,
                procedure,
                row.provider_class,
                row.spi_name_code,
                jst_date(at),
                consent,
            )
            inquirer, provider = self._by_class[row.inquirer_class][0], self._by_class[row.provider_class][0]
            yield self.decided(question, at, inquirer, provider, number)


def raw_row(past: PastDecision) -> RawRow:
    """The decision as the network's record of it lies in the log."""
    record = record_of(
        Party.NETWORK,
        "0000000000000000",
        past.exchange_id,
        inquirer_name="模擬市",
        provider_institution_code=past.provider_institution_code,
        provider_name="模擬市",
        requested_at=past.earliest,
        affair_code=past.combination[1],
        procedure_code=past.combination[2],
        spi_name_code=past.combination[4],
        outcome=Outcome.NOT_PERMITTED if past.rule else Outcome.OK,
        rule=past.rule,
        provided_at=0 if past.rule else past.latest,
        permit_id="" if past.rule else "0" * 32,
        list_version=past.list_version,
        row_id=past.row_id,
    )
    permit = (past.consent, past.latest + LIFE_MS) if past.row_id else (None, None)
    return past.exchange_id, past.latest, split(record, SALT)[0], *permit


# ── measuring ────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Measured:
    """What was measured. Rates are decisions a second of one core's time; seconds are of that time but for `wall`.

    in_force, impact: memoised, as real decisions repeat. cold: no two alike, nothing remembered. records: from the
    encoded record on, memoised. distinct: verdicts remembered at the end, in one process.
    """

    seed: int
    inquiries: int = 0
    processes: int = 1
    wall_seconds: float = 0.0
    making_seconds: float = 0.0
    in_force_seconds: float = 0.0
    impact_seconds: float = 0.0
    cold_decisions: int = 0
    cold_seconds: float = 0.0
    records_decisions: int = 0
    records_seconds: float = 0.0
    distinct: int = 0
    tally: Tally = field(default_factory=Tally)
    impact: Tally = field(default_factory=Tally)

    @property
    def in_force_rate(self) -> float:
        """Decisions a second and core, under the list then in force."""
        return self.inquiries / self.in_force_seconds if self.in_force_seconds else 0.0

    @property
    def impact_rate(self) -> float:
        """Decisions a second and core, under the list then in force and under the proposed one."""
        return self.inquiries / self.impact_seconds if self.impact_seconds else 0.0

    @property
    def cold_rate(self) -> float:
        """Decisions a second and core, no two alike and nothing remembered."""
        return self.cold_decisions / self.cold_seconds if self.cold_seconds else 0.0

    @property
    def records_rate(self) -> float:
        """Decisions a second and core, decoding the record included."""
        return self.records_decisions / self.records_seconds if self.records_seconds else 0.0

    def year_seconds(self, rate: float) -> float:
        """For one national year, on this many processes that each have a core."""
        return NATIONAL_YEAR / rate / self.processes if rate else 0.0


class Share(NamedTuple):
    """One process's part of a measurement: every step-th part, from the first on."""

    seed: int
    first: int
    step: int
    inquiries: int
    kept: int
    size: int


def share_done(share: Share) -> Measured:
    """Make and decide again, timing each."""
    maker = Maker(share.seed, share.size)
    then, proposed = Lists(maker.year.versions), Lists(maker.year.versions, maker.year.proposed)
    found = Measured(share.seed)
    parts = -(-share.inquiries // share.size)
    for number in range(share.first, parts, share.step):
        begun = time.process_time()
        decisions = maker.part(number, min(share.size, share.inquiries - number * share.size))
        made = time.process_time()
        tally = judge(decisions, then, proposed=False, kept=share.kept)
        checked = time.process_time()
        impact = judge(decisions, proposed, proposed=True, kept=share.kept)
        found.impact_seconds += time.process_time() - checked
        found.in_force_seconds += checked - made
        found.making_seconds += made - begun
        found.inquiries += len(decisions)
        found.tally.add(tally, share.kept)
        found.impact.add(impact, share.kept)
    found.distinct = proposed.distinct
    return found


def measured(inquiries: int, seed: int, processes: int = 2, kept: int = 100, size: int = PART) -> Measured:
    """The figures for so many past inquiries of a seed."""
    whole = Measured(seed, processes=processes)
    begun = time.monotonic()
    for part in _shares(inquiries, seed, processes, kept, size):
        for name in ("inquiries", "making_seconds", "in_force_seconds", "impact_seconds"):
            setattr(whole, name, getattr(whole, name) + getattr(part, name))
        whole.distinct = max(whole.distinct, part.distinct)
        whole.tally.add(part.tally, kept)
        whole.impact.add(part.impact, kept)
    whole.wall_seconds = time.monotonic() - begun
    _measure_cold(whole, min(inquiries, COLD_AT_MOST))
    _measure_records(whole, min(inquiries, RECORDS_AT_MOST))
    return whole


def _shares(inquiries: int, seed: int, processes: int, kept: int, size: int) -> Iterator[Measured]:
    shares = [Share(seed, first, processes, inquiries, kept, size) for first in range(processes)]
    if processes == 1:
        yield share_done(shares[0])
        return
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(share_done, shares)


def _measure_cold(whole: Measured, count: int) -> None:
    maker = Maker(whole.seed)
    decisions = list(maker.distinct(count))
    lists = Lists(Maker(whole.seed).year.versions, remembered=0)
    begun = time.process_time()
    tally = judge(decisions, lists, proposed=False, kept=0)
    whole.cold_seconds = time.process_time() - begun
    whole.cold_decisions = len(decisions)
    whole.tally.findings.update(tally.findings)


def _measure_records(whole: Measured, count: int) -> None:
    maker = Maker(whole.seed)
    basis = Basis(maker.year.versions, maker.year.classes)
    job = Job([raw_row(one) for one in maker.part(0, count)], {})
    lists = basis.lists()
    begun = time.process_time()
    tally = tallied(job, basis, lists)
    whole.records_seconds = time.process_time() - begun
    whole.records_decisions = tally.decided
    whole.tally.findings.update(tally.findings)
