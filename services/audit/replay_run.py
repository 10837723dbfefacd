"""One replay of an installation, from what is asked to the report; and how it goes on after an interruption.

Owns what is reported (`Wanted`), the report, and the saved state (`replay.state`, mode 0600, beside the history it
belongs to). Promises that an interrupted replay goes on where it stopped, that a state of other code or another history
is not gone on from, and that filters choose what is reported, never what is replayed: state is always rebuilt from the
first message there is.
"""

from __future__ import annotations

import gc
import hashlib
import os
import pickle
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import structlog

from broker.errors import WorldFault
from broker.keys import Keys
from broker.ports import Randomness
from broker.rules.identity import split_exchange_id
from broker.tables import Exchange
from broker.topics import Topics
from services.assembly import assemble
from services.audit.replay import DIFFERENCES_KEPT, Counts, Replayer, State, Tell
from services.audit.replay_compare import Difference
from services.audit.replay_history import History
from services.common import Terms
from services.world import World

STATE_FILE = "replay.state"
SAVE_SECONDS = 60.0
MARK = "chukan replay 1"
ROOT = Path(__file__).parent.parent.parent


class Interrupted(WorldFault):
    """Somebody stopped the replay; it can go on."""


class Wanted(NamedTuple):
    """What is reported. first, last: when an exchange was asked, milliseconds since 1970 UTC; empty texts: any."""

    first: int = 0
    last: int = 2**62
    institution_code: str = ""
    exchange_id: str = ""
    outcome: str = ""


class Report(NamedTuple):
    """What a replay found. exchanges: replayed; wanted: of those, chosen by the filters; differences: of those chosen.
    seconds: of this run; gone_on: whether an earlier run's state was gone on from."""

    exchanges: int
    wanted: int
    counts: Counts
    differences: tuple[Difference, ...]
    seconds: float
    exchanges_this_run: int
    gone_on: bool

    @property
    def identical(self) -> bool:
        """Whether nothing chosen is other than it was."""
        return not self.differences

    @property
    def partial(self) -> bool:
        """Whether there were more differences than are kept."""
        return self.counts.differences > DIFFERENCES_KEPT

    @property
    def per_second(self) -> float:
        """Exchanges replayed in this run a second."""
        return self.exchanges_this_run / self.seconds if self.seconds else 0.0


# ── what is reported ─────────────────────────────────────────────────────────────────────────────────────────────


def is_chosen(row: Exchange, wanted: Wanted, outcomes: Iterable[str] = ()) -> bool:
    """Whether an exchange passes the filters. outcomes: ends it had then, besides the one it has now."""
    return (
        wanted.first <= row.requested_at <= wanted.last
        and wanted.institution_code in ("", row.institution_code, row.provider_institution_code)
        and wanted.exchange_id in ("", row.exchange_id)
        and wanted.outcome in ("", row.outcome, *outcomes)
    )


def chosen(state: State, wanted: Wanted) -> tuple[Difference, ...]:
    """The differences about what is wanted; those about no exchange unless one, or an outcome, was asked for."""
    table = state.store.tables[Exchange]
    ends: dict[str, set[str]] = {}
    for one in state.differences:
        if one.field.rpartition(".")[2] == "outcome":
            ends.setdefault(one.exchange_id, set()).add(str(getattr(one.then, "value", one.then)))
    found = []
    for one in state.differences:
        row = table.get((one.exchange_id,))
        if row is not None:
            passes = is_chosen(row, wanted, ends.get(one.exchange_id, ()))
        else:
            passes = _is_chosen_without_row(one, wanted)
        if passes:
            found.append(one)
    return tuple(found)


def _is_chosen_without_row(one: Difference, wanted: Wanted) -> bool:
    """Something of no exchange, or of one that is not there now."""
    if wanted.outcome or (one.at and not wanted.first <= one.at <= wanted.last):
        return False
    if wanted.exchange_id not in ("", one.exchange_id):
        return False
    return (
        wanted.institution_code in ("", split_exchange_id(one.exchange_id)[0]) or wanted.institution_code in one.where
    )


# ── going on ─────────────────────────────────────────────────────────────────────────────────────────────────────


def code_digest() -> str:
    """A mark of the code that decides: a state of other code means nothing to it."""
    digest = hashlib.sha256()
    for package in ("schemas", "broker", "services"):
        for path in sorted((ROOT / package).rglob("*")):
            if path.suffix in (".py", ".avsc", ".json"):
                digest.update(path.relative_to(ROOT).as_posix().encode() + b"\x00" + path.read_bytes())
    return digest.hexdigest()


class Keeper:
    """Saves the state now and then, and at once when the replay is to stop."""

    def __init__(self, path: Path, seconds: float = SAVE_SECONDS) -> None:
        self._path = path
        self._seconds = seconds
        self._next = time.monotonic() + seconds
        self._code = code_digest()
        self.stopping = False

    def due(self) -> bool:
        """Whether it is time."""
        return self.stopping or time.monotonic() >= self._next

    def keep(self, state: State) -> None:
        """Write the state down, whole or not at all; Interrupted when the replay is to stop."""
        partly = self._path.with_suffix(".partly")
        with open(os.open(partly, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            pickle.dump((MARK, self._code, state), file, protocol=pickle.HIGHEST_PROTOCOL)
        partly.replace(self._path)
        self._next = time.monotonic() + self._seconds
        if self.stopping:
            raise Interrupted(
                f"中断しました。同じコマンドで {state.counts.steps:,} 段階目から続きます / "
                f"interrupted; the same command goes on from step {state.counts.steps:,}"
            )

    def found(self) -> State | None:
        """The state to go on from, or None."""
        if not self._path.exists():
            return None
        try:
            with self._path.open("rb") as file:
                mark, code, state = pickle.load(file)  # noqa: S301 - our own file, of mode 0600 in our own directory
        except (OSError, ValueError, EOFError, pickle.UnpicklingError, AttributeError, ImportError, IndexError):
            return None
        return state if (mark, code) == (MARK, self._code) and isinstance(state, State) else None

    def forget(self) -> None:
        """Nothing to go on from any more."""
        self._path.unlink(missing_ok=True)


# ── the run ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def replay(
    history: History,
    keys: Keys,
    randomness: Randomness,
    world: World,
    shards: int,
    wanted: Wanted,
    keeper: Keeper,
    tell: Tell,
    *,
    terms: Terms,
    fresh: bool = False,
) -> Report:
    """Replay the whole history, or the rest of it, and report on what is wanted."""
    started = time.monotonic()
    state = None if fresh else keeper.found()
    known = len(state.store.tables[Exchange]) if state else 0
    replayer = Replayer(
        history,
        lambda seal: assemble(keys, randomness, terms, seal),
        keys,
        randomness,
        Topics(shards, frozenset(world.attached)),
        (row for rows in world.rows() for row in rows) if state is None else (),
        state=state,
        tell=tell,
        keeper=keeper,
    )
    with undisturbed():
        done = await replayer.run()
    keeper.forget()
    return report_of(done, wanted, time.monotonic() - started, known, gone_on=state is not None)


def report_of(state: State, wanted: Wanted, seconds: float, known: int = 0, *, gone_on: bool = False) -> Report:
    """The report on what is wanted. known: exchanges that an earlier run had replayed."""
    rows: Sequence[Any] = tuple(state.store.tables[Exchange].values())
    selected = sum(is_chosen(row, wanted) for row in rows) if wanted != Wanted() else len(rows)
    return Report(len(rows), selected, state.counts, chosen(state, wanted), seconds, len(rows) - known, gone_on)


@contextmanager
def undisturbed() -> Iterator[None]:
    """No log lines of the services meanwhile: they would tell of the past as if it happened now. And no collector that
    walks every row: nothing here makes cycles by the message."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50), cache_logger_on_first_use=False)
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
        structlog.configure(**before)
