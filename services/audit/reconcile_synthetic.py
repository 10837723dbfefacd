"""Exchanges by seed with every kind of fault in them, for measuring `chukan audit reconcile` against the truth.

Owns the making of three parties' records, the permits, what is withheld until a second run, and which verdicts are
the right ones after each run; the truth comes from what was done to an exchange, never from a rule. Promises the same
exchanges for the same seed, made when they are asked for, so that memory does not grow with them. A fault of each
kind befalls one exchange in a thousand.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from broker.rules.identity import exchange_id, serial_number
from broker.rules.permits import LIFE_MS
from broker.rules.reconciliation import Case, Permitted, Seen, Verdict
from broker.rules.records import record_of, split, whole
from schemas.records import Outcome, Party, ProvisionRecorded
from services.audit.reconcile import Arrived, Reconciled, State, mask_of, reconcile, verdicts_of

FAULT_SHARE = 0.001
BEGIN = 1_775_001_600_000  # 2026-04-01 in Japan
DAY_MS, HOUR_MS, MINUTE_MS = 86_400_000, 3_600_000, 60_000
END = BEGIN + 60 * DAY_MS
FIRST_RUN, SECOND_RUN = END + 20 * DAY_MS, END + 21 * DAY_MS
LOG, AT_ONCE = "synthetic", 1000
SALT = b"\x05" * 16
NETWORK = "0000000000000000"
INQUIRERS = tuple(f"99001{n:011d}" for n in range(40))
PROVIDERS = tuple(f"99002{n:011d}" for n in range(40))

I, N, P = Party.INQUIRER, Party.NETWORK, Party.PROVIDER  # noqa: E741 - the three parties, in tables
AGREE = frozenset({Verdict.AGREE})
LATE = frozenset({Verdict.LATE})


class Record(NamedTuple):
    """One party's record as it lies in its log. run: the run before which it comes, 1 or 2."""

    party: Party
    recorded_at: int
    content: ProvisionRecorded
    run: int = 1


class Made(NamedTuple):
    """One exchange with the verdicts that are right after the first and after the second run (none: it waits)."""

    name: str
    records: tuple[Record, ...]
    permitted: Permitted | None
    open_until: tuple[int, int, int]
    truth: tuple[frozenset[Verdict], frozenset[Verdict]]
    base: str
    fault: str = ""


class Base(NamedTuple):
    """A way an exchange goes: how often in a hundred, the network's state ("" without a permit), who ends how."""

    name: str
    share: float
    state: str
    endings: Mapping[Party, tuple[Outcome, str]]
    takes_ms: int = 400


def _all(outcome: Outcome, rule: str = "", parties: Sequence[Party] = (I, N, P)) -> dict[Party, tuple[Outcome, str]]:
    return dict.fromkeys(parties, (outcome, rule))


BASES = (
    Base("answered", 68, "COMPLETED", _all(Outcome.OK)),
    Base("non_disclosed", 5, "COMPLETED", _all(Outcome.NON_DISCLOSED)),
    Base("no_data", 6, "COMPLETED", _all(Outcome.NO_DATA, "NOTHING_HELD")),
    Base("staff_refused", 2, "COMPLETED", _all(Outcome.REFUSED, "STAFF_REFUSED"), 3 * DAY_MS),
    Base("held_then_answered", 2, "COMPLETED", _all(Outcome.OK), 2 * DAY_MS),
    Base("lists_disagree", 1, "COMPLETED", _all(Outcome.LIST_DISAGREES, "NOT_IN_FORCE")),
    Base("unknown_at_provider", 2, "COMPLETED", _all(Outcome.NO_MATCH, "PERSON_UNKNOWN_AT_PROVIDER")),
    Base("returned", 2, "RETURNED", _all(Outcome.NO_MATCH, "PERSON_UNKNOWN_AT_PROVIDER", (I, N))),
    Base("not_permitted", 4, "", _all(Outcome.NOT_PERMITTED, "NO_SUCH_COMBINATION", (I, N))),
    Base("assessment", 1, "", _all(Outcome.PIA_BLOCK, "PIA_OF_PROVIDER", (I, N))),
    Base("no_code", 2, "", _all(Outcome.NO_CODE, "CODE_MISSING", (I,))),
    Base("suspended_at_home", 1, "", _all(Outcome.SUSPENDED, "PERSON_SUSPENDED_AT_INQUIRER", (I,))),
    Base(
        "answered_too_late",
        1,
        "COMPLETED",
        {I: (Outcome.EXPIRED, "DEADLINE_PASSED"), N: (Outcome.OK, ""), P: (Outcome.OK, "")},
        2 * HOUR_MS,
    ),
    Base("withdrawn", 1, "COMPLETED", _all(Outcome.CANCELLED, "WITHDRAWN"), 10 * MINUTE_MS),
    Base(
        "withdrawn_unused",
        1,
        "EXPIRED",
        {I: (Outcome.CANCELLED, "WITHDRAWN"), N: (Outcome.EXPIRED, "PERMIT_EXPIRED")},
    ),
    Base(
        "presented_too_late",
        0.5,
        "EXPIRED",
        {I: (Outcome.PERMIT_INVALID, "PERMIT_EXPIRED"), N: (Outcome.EXPIRED, "PERMIT_EXPIRED")},
        LIFE_MS,
    ),
    Base("still_held", 0.5, "USED", {}),
)
NAMED = {base.name: base for base in BASES}
SHARES = [base.share for base in BASES]


def made(seed: int, number: int) -> Made:
    """The number-th exchange of a seed."""
    rng = random.Random(f"{seed}/{number}")  # noqa: S311 - synthetic exchanges, the same for the same seed
    place = rng.random() / FAULT_SHARE
    if place < len(FAULTS):
        return FAULTS[int(place)](rng, number)
    return went(rng, number, rng.choices(BASES, SHARES)[0])


def went(rng: random.Random, number: int, base: Base, at: int = 0) -> Made:
    """An exchange in which nothing went wrong."""
    asked = at or BEGIN + rng.randrange(END - BEGIN)
    inquirer, provider = rng.choice(INQUIRERS), rng.choice(PROVIDERS)
    name = exchange_id(inquirer, serial_number(asked, number, 0))
    permitted = Permitted(f"{number:032x}", base.state, asked + 40 + LIFE_MS) if base.state else None
    if base.name == "still_held":
        until = SECOND_RUN + DAY_MS
        return Made(name, (), permitted, (until, until, until), (frozenset(), frozenset()), base.name)
    ended = asked + base.takes_ms
    records = tuple(
        _record(rng, party, base, name, provider, asked, ended, permitted.permit_id if permitted else "")
        for party in base.endings
    )
    return Made(name, records, permitted, (0, 0, 0), (AGREE, AGREE), base.name)


def _record(
    rng: random.Random, party: Party, base: Base, name: str, provider: str, asked: int, ended: int, permit_id: str
) -> Record:
    outcome, rule = base.endings[party]
    inquirer = name[:16]
    provided = outcome in (Outcome.OK, Outcome.NON_DISCLOSED)
    recorded = ended + 50 + rng.randrange(30_000)
    if rule == "PERMIT_EXPIRED" and party is N:
        recorded = asked + 40 + LIFE_MS + rng.randrange(5_000)
    if rule == "DEADLINE_PASSED":
        recorded = asked + HOUR_MS + rng.randrange(5_000)
    content = record_of(
        party,
        {I: inquirer, N: NETWORK, P: provider}[party],
        name,
        inquirer_name=f"模擬市{inquirer[-4:]}",
        provider_institution_code=provider,
        provider_name=f"模擬市{provider[-4:]}",
        requested_at=asked,
        affair_code="JM01000000016002",
        procedure_code="JT99000000000001",
        spi_name_code="TM99000000000001",
        outcome=outcome,
        rule=rule,
        provided_at=ended if provided else 0,
        spi_items=("99000100000001", "99000100000002") if provided else (),
        non_disclosure_code="2" if outcome is Outcome.NON_DISCLOSED else "1",
        permit_id=permit_id,
        # The provider decides by its own copy, which may lag behind.
        list_version=0 if rule in ("CODE_MISSING", "PERSON_SUSPENDED_AT_INQUIRER") else 2 if party is not P else 1,
        row_id="16-2-1" if permit_id else "",
        answer_digest=ended.to_bytes(32, "big") if provided else b"",
        sealed_digest=(ended + 1).to_bytes(32, "big") if provided else b"",
    )
    return Record(party, recorded, content)


# ── faults ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _wrong(one: Made, fault: str, verdicts: frozenset[Verdict], later: frozenset[Verdict] | None = None) -> Made:
    return one._replace(fault=fault, truth=(verdicts, verdicts if later is None else later))


def _of(rng: random.Random, number: int, *names: str) -> Made:
    return went(rng, number, NAMED[rng.choice(names)])


def _missing(party: Party, verdict: Verdict, *bases: str) -> Callable[[random.Random, int], Made]:
    """A record is not there; in three of ten cases it comes before the second run, and then it is late."""

    def fault(rng: random.Random, number: int) -> Made:
        one = _of(rng, number, *bases)
        lost = next(record for record in one.records if record.party is party)
        kept = tuple(record for record in one.records if record is not lost)
        verdicts = frozenset({verdict})
        if rng.random() < 0.3:
            at = max(record.recorded_at for record in one.records) + 3 * HOUR_MS
            late = one._replace(records=(*kept, lost._replace(recorded_at=at, run=2)))
            return _wrong(late, f"{verdict} for a while", verdicts, LATE)
        return _wrong(one._replace(records=kept), str(verdict), verdicts)

    return fault


def _changed(rng: random.Random, number: int) -> Made:
    """One party wrote something else down."""
    one = _of(rng, number, "answered", "non_disclosed")
    changes: tuple[tuple[Party, dict[str, Any]], ...] = (
        (rng.choice((I, N, P)), {"affair_code": "JM01000000018000"}),
        (rng.choice((I, N, P)), {"procedure_code": "JT99000000000002"}),
        (rng.choice((I, N, P)), {"spi_name_code": "TM99000000000002"}),
        (rng.choice((I, N, P)), {"requested_at": one.records[0].content.requested_at - 1}),
        (rng.choice((I, N, P)), {"provided_at": one.records[0].content.provided_at + 1}),
        (rng.choice((I, N, P)), {"provider_institution_code": INQUIRERS[0]}),
        (rng.choice((I, N, P)), {"transaction_serial_number": "2" * 20}),
        (rng.choice((I, N, P)), {"outcome": Outcome.NO_DATA, "rule": "NOTHING_HELD"}),
        (rng.choice((I, N, P)), {"spi_items": ("99000100000009",)}),
        (rng.choice((I, N, P)), {"answer_digest": b"\x07" * 32}),
        (rng.choice((I, N, P)), {"inquirer_name": "別の市"}),
        (rng.choice((I, N)), {"row_id": "17-1"}),
        (rng.choice((I, N)), {"list_version": 3}),
    )
    party, change = rng.choice(changes)
    records = tuple(
        record._replace(content=record.content._replace(**change)) if record.party is party else record
        for record in one.records
    )
    return _wrong(one._replace(records=records), f"changed {', '.join(change)}", frozenset({Verdict.CONTENT_DIFFERS}))


def _disordered(rng: random.Random, number: int) -> Made:
    """The times contradict the order of the steps."""
    one = _of(rng, number, "answered", "non_disclosed")
    asked = one.records[0].content.requested_at
    verdicts = frozenset({Verdict.ORDER_DIFFERS})
    kind = rng.randrange(3)
    if kind == 0:
        records = tuple(
            record._replace(content=record.content._replace(provided_at=asked - MINUTE_MS)) for record in one.records
        )
        return _wrong(one._replace(records=records), "provided before asked", verdicts)
    if kind == 1:
        first, *rest = one.records
        early = first._replace(recorded_at=asked - HOUR_MS)
        return _wrong(one._replace(records=(early, *rest)), "recorded before provided", verdicts)
    assert one.permitted is not None
    permitted = one.permitted._replace(expires_at=one.permitted.expires_at + rng.choice((-1, 1)) * 2 * MINUTE_MS)
    return _wrong(one._replace(permitted=permitted), "permitted before asked or after provided", verdicts)


def _unrecorded(rng: random.Random, number: int) -> Made:
    """A permit, and nobody's record; in three of ten cases all come before the second run."""
    one = _of(rng, number, "answered", "no_data", "returned", "withdrawn_unused")
    verdicts = frozenset({Verdict.PERMITTED_NOT_RECORDED})
    if rng.random() < 0.3:
        one = _of(rng, number, "answered")
        at = max(record.recorded_at for record in one.records) + 3 * HOUR_MS
        late = tuple(record._replace(recorded_at=at, run=2) for record in one.records)
        return _wrong(one._replace(records=late), "unrecorded for a while", verdicts, LATE)
    return _wrong(one._replace(records=()), "unrecorded", verdicts)


def _unpermitted(rng: random.Random, number: int) -> Made:
    """Records of a provision that the network never permitted, or permitted otherwise."""
    one = _of(rng, number, "answered", "non_disclosed")
    assert one.permitted is not None
    verdicts = frozenset({Verdict.RECORDED_NOT_PERMITTED})
    kind = rng.randrange(5)
    if kind == 0:
        return _wrong(one._replace(permitted=None), "no permit", verdicts)
    if kind == 1:
        return _wrong(one._replace(permitted=one.permitted._replace(permit_id="f" * 32)), "another permit", verdicts)
    if kind == 2:
        return _wrong(one._replace(permitted=one.permitted._replace(state="ISSUED")), "a permit never used", verdicts)
    if kind == 3:
        left = tuple(record for record in one.records if record.party is not N)
        return _wrong(one._replace(permitted=None, records=left), "behind the network's back", verdicts)
    records = tuple(
        record._replace(content=_refused(record.content)) if record.party is N else record for record in one.records
    )
    return _wrong(one._replace(permitted=None, records=records), "provided though refused", verdicts)


def _refused(record: ProvisionRecorded) -> ProvisionRecorded:
    """The network's record, had it refused."""
    outcome, rule = Outcome.NOT_PERMITTED, "NOT_IN_FORCE"
    return record._replace(outcome=outcome, rule=rule, permit_id="", row_id="", provided_at=0)


def _late(rng: random.Random, number: int) -> Made:
    """One party recorded long after."""
    one = _of(rng, number, "answered", "non_disclosed", "no_data", "lists_disagree", "not_permitted")
    last = rng.choice(one.records)
    at = max(record.recorded_at for record in one.records) + 2 * HOUR_MS
    records = tuple(record._replace(recorded_at=at) if record is last else record for record in one.records)
    return _wrong(one._replace(records=records), "late", LATE)


def _two_missing(rng: random.Random, number: int) -> Made:
    """Only one record is left of three."""
    one = _of(rng, number, "answered", "no_data", "non_disclosed")
    left = rng.choice(one.records)
    names = {I: Verdict.MISSING_AT_INQUIRER, N: Verdict.MISSING_AT_NETWORK, P: Verdict.MISSING_AT_PROVIDER}
    verdicts = frozenset(verdict for party, verdict in names.items() if party is not left.party)
    return _wrong(one._replace(records=(left,)), "two missing", verdicts)


def _waited(rng: random.Random, number: int) -> Made:
    """No fault: still under way at the first run, ended before the second."""
    one = went(rng, number, NAMED["answered"], FIRST_RUN - 10 * MINUTE_MS + rng.randrange(8 * MINUTE_MS))
    records = tuple(record if record.party is P else record._replace(run=2) for record in one.records)
    return _wrong(one._replace(records=records), "under way", frozenset(), AGREE)


FAULTS = (
    _missing(I, Verdict.MISSING_AT_INQUIRER, "answered", "no_data", "not_permitted", "lists_disagree"),
    _missing(N, Verdict.MISSING_AT_NETWORK, "answered", "no_data", "not_permitted", "lists_disagree"),
    _missing(P, Verdict.MISSING_AT_PROVIDER, "answered", "no_data", "lists_disagree", "unknown_at_provider"),
    _changed,
    _disordered,
    _unrecorded,
    _unpermitted,
    _late,
    _two_missing,
    _waited,
)


# ── as a source ──────────────────────────────────────────────────────────────────────────────────────────────────


class Synthetic:
    """The exchanges of a seed as they stand at a run. made_seconds: what making them took, to be told apart."""

    def __init__(self, seed: int, count: int) -> None:
        self.seed = seed
        self.count = count
        self.run = 1
        self.made_seconds = 0.0

    def now(self) -> int:
        """The moment of the run."""
        return FIRST_RUN if self.run == 1 else SECOND_RUN

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Synthetic]:
        """See `reconcile.Opened`."""
        yield self

    async def arrived(self, positions: Mapping[str, int]) -> AsyncIterator[Arrived]:
        """See `Source.arrived`."""
        first = positions.get(LOG, 0)
        while first < self.run * self.count:
            last = min(first + AT_ONCE, (first // self.count + 1) * self.count)
            begun = time.process_time()
            exchanges = [made(self.seed, place % self.count) for place in range(first, last)]
            if first >= self.count:
                exchanges = [one for one in exchanges if any(record.run == 2 for record in one.records)]
            names = [one.name for one in exchanges]
            self.made_seconds += time.process_time() - begun
            yield Arrived(LOG, last, names)
            first = last

    async def cases(self, exchange_ids: Sequence[str]) -> Sequence[Case]:
        """See `Source.cases`; records pass through their bytes, as they do from a log."""
        begun = time.process_time()
        exchanges = [made(self.seed, number_of(name)) for name in exchange_ids]
        bodies = [
            [(*split(record.content, SALT), record.recorded_at) for record in one.records if record.run <= self.run]
            for one in exchanges
        ]
        self.made_seconds += time.process_time() - begun
        return [
            Case(one.name, tuple([Seen(whole(*halves), at) for *halves, at in some]), one.permitted, one.open_until)
            for one, some in zip(exchanges, bodies, strict=True)
        ]


def number_of(name: str) -> int:
    """Which exchange of its seed this is."""
    return int(name.partition("-")[2][8:18])


# ── measuring ────────────────────────────────────────────────────────────────────────────────────────────────────


class Score(NamedTuple):
    """How one verdict came out: right ones, wrong ones, ones not found."""

    verdict: str
    right: int
    wrong: int
    unfound: int

    @property
    def precision(self) -> float:
        """The share of the given verdicts that are right; 1 when none was given."""
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 1.0

    @property
    def recall(self) -> float:
        """The share of the verdicts to be given that were; 1 when there were none."""
        return self.right / (self.right + self.unfound) if self.right + self.unfound else 1.0


WAITS = "WAITING"


def scores(state: State, source: Synthetic) -> list[Score]:
    """The verdicts of a state held against the truth after this run, exchange by exchange; waiting beside them."""
    right: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    unfound: Counter[str] = Counter()
    for first in range(0, source.count, AT_ONCE):
        exchanges = [made(source.seed, place) for place in range(first, min(first + AT_ONCE, source.count))]
        masks = state.masks([one.name for one in exchanges])
        for one in exchanges:
            told = _told(masks.get(one.name, -1))
            meant = _told(mask_of(one.truth[source.run - 1]))
            right.update(told & meant)
            wrong.update(told - meant)
            unfound.update(meant - told)
    names = [*(v.value for v in Verdict), WAITS]
    return [Score(name, right[name], wrong[name], unfound[name]) for name in names]


def _told(mask: int) -> set[str]:
    """The verdicts in a mask; one that is 0 waits, a negative one is of no exchange that was judged."""
    return set() if mask < 0 else {one.value for one in verdicts_of(mask)} or {WAITS}


@dataclass
class Measured:
    """What was measured. seconds: the process's time without the making; wall_seconds: everything, both runs."""

    seed: int
    exchanges: int
    records: int = 0
    seconds: list[float] = field(default_factory=list)
    made_seconds: float = 0.0
    wall_seconds: float = 0.0
    state_bytes: int = 0
    runs: list[Reconciled] = field(default_factory=list)
    scores: list[list[Score]] = field(default_factory=list)

    @property
    def perfect(self) -> bool:
        """Precision and recall are 1 for every verdict after both runs."""
        return all(one.wrong == one.unfound == 0 for some in self.scores for one in some)


def measured(count: int, seed: int, directory: Path) -> Measured:
    """Two runs over so many exchanges of a seed, the second with what came late; each held against the truth."""
    source = Synthetic(seed, count)
    found = Measured(seed, count)
    begun = time.monotonic()
    for run in (1, 2):
        source.run = run
        state = State(directory, f"synthetic {seed} {count}")
        making, clock = source.made_seconds, time.process_time()
        result = asyncio.run(reconcile(source.opened, state, source.now, settle_seconds=0))
        spent = time.process_time() - clock
        found.seconds.append(spent - (source.made_seconds - making))
        found.runs.append(result)
        found.scores.append(scores(state, source))
        state.close()
    found.made_seconds = source.made_seconds
    found.wall_seconds = time.monotonic() - begun
    found.state_bytes = sum(path.stat().st_size for path in directory.iterdir())
    return found
