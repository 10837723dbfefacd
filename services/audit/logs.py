"""One institution's Merkle log, read from its first record to its last: is it whole, and is it what was signed?

Owns the recomputation of leaves, roots, sequences and signatures. Pure: rows in, violations out; memory grows with the
counterparts of a log, not with its records. Every hash is computed anew from the record's bytes; a stored hash is only
compared (RFC 9162 section 2.1, C2SP checkpoints).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from broker.rules import checkpoint, merkle, witness
from broker.rules.checks import History, Violation, cosigned_only_consistent, logs_not_forked
from broker.rules.erasure import CERTIFICATE, ERASURES, MARK
from broker.rules.leaves import NAMES_OF, leaf_of, origin_of_log
from broker.rules.numbers import is_institution_code
from broker.rules.records import detail_refusal, forgotten, whole
from broker.rules.witness import Claim
from broker.tables import Checkpoint, LogFork, LogHead, LogRecord, PairHead, WitnessedLog
from schemas.codec import Undecodable, decode
from schemas.records import DataErased, ProvisionRecorded, SequenceMarked

LEAVES = "leaves_cover_records"
GAPS = "logs_without_gaps"
ROOTS = "checkpoints_match"
SIGNATURES = "checkpoints_signed"
HEADS = "heads_match"
ERASED = "erasures_certified"
COSIGNED = "cosigned_only_consistent"
FORKS = "logs_not_forked"
NAMES = (LEAVES, GAPS, ROOTS, SIGNATURES, HEADS, ERASED, COSIGNED, FORKS)


class LogAuditor:
    """Feed it a log's rows in order, then `finish`. `found`: what is not as it must be; `looked_at`: how much was."""

    def __init__(
        self,
        owner: str,
        public_key: Ed25519PublicKey,
        checkpoints: Sequence[Checkpoint],
        witnessed: Sequence[WitnessedLog] = (),
    ) -> None:
        """witnessed: what the log's witnesses have kept of it, each on its own."""
        self.owner = owner
        self.found: list[Violation] = []
        self.looked_at: Counter[str] = Counter()
        self._frontier = merkle.EMPTY_FRONTIER
        self._expected = 0
        self._signed = 0
        self._pairs: dict[str, int] = defaultdict(int)
        self._waiting: dict[int, bytes] = {}
        self._erased: set[int] = set()
        self._certified: set[int] = set()
        self._cosigned: dict[int, list[tuple[str, bytes]]] = defaultdict(list)
        for one in checkpoints:
            self._open(one, public_key)
        for kept in witnessed:
            self._remember(kept, public_key)

    @property
    def size(self) -> int:
        """How many records were seen."""
        return self._frontier.size

    @property
    def signed(self) -> int:
        """The size that the newest good checkpoint covers."""
        return self._signed

    def feed(self, rows: Sequence[LogRecord]) -> None:
        """The next rows of the log."""
        fresh: list[bytes] = []
        for row in rows:
            self._look_at(row)
            fresh.append(leaf_of(row.sequence, row.counterpart, row.pair_sequence, row.body))
            size = self._frontier.size + len(fresh)
            if size in self._waiting or size in self._cosigned:
                self._grow(fresh)
                fresh = []
        self._grow(fresh)

    def finish(self, head: LogHead | None, pairs: Sequence[PairHead]) -> None:
        """The log is over: does it end where its heads say, and does anything signed lie beyond?"""
        size = head.size if head else 0
        self.looked_at[HEADS] += 1
        if size != self.size:
            self._say(GAPS, self.owner, f"{self.size} records, the head says {size}")
        elif head is not None and head.frontier != merkle.to_bytes(self._frontier):
            self._say(HEADS, self.owner, "the head stands on other records than there are")
        if not is_institution_code(self.owner):
            self._say(HEADS, self.owner, "no institution has this code (16 digits): nobody signs this log")
        told = {pair.counterpart: pair.last for pair in pairs}
        for counterpart in sorted(told.keys() | self._pairs.keys()):
            if self._pairs.get(counterpart, 0) != told.get(counterpart, 0):
                text = f"{self._pairs.get(counterpart, 0)} records, the pair's head says {told.get(counterpart, 0)}"
                self._say(GAPS, f"{self.owner}/{counterpart}", text)
        self.looked_at[ERASED] += len(self._erased | self._certified)
        for place in sorted(self._erased - self._certified):
            self._say(ERASED, f"{self.owner}/{place}", "its detail is gone, and no certificate says why")
        for place in sorted(self._certified - self._erased):
            self._say(ERASED, f"{self.owner}/{place}", "certified as erased, and it is not")
        for beyond in sorted(self._waiting):
            self._say(ROOTS, f"{self.owner}@{beyond}", f"signed over {beyond} records, there are {self.size}")
        for beyond in sorted(self._cosigned):
            for code, _ in self._cosigned[beyond]:
                text = f"cosigned over {beyond} records, there are {self.size}"
                self._say(COSIGNED, f"{self.owner}@{beyond}/{code}", text)

    # ── one row ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _look_at(self, row: LogRecord) -> None:
        place = f"{self.owner}/{row.sequence}"
        self.looked_at[LEAVES] += 1
        self.looked_at[GAPS] += 1
        if row.leaf != leaf_of(row.sequence, row.counterpart, row.pair_sequence, row.body):
            self._say(LEAVES, place, f"{row.exchange_id}: the leaf is of something else")
        self._look_into(row, place)
        expected = self._expected
        if row.sequence != expected:
            self._say(GAPS, place, f"record {expected} comes next; record {row.sequence} does")
        self._expected = row.sequence + 1
        last = self._pairs[row.counterpart]
        if row.pair_sequence != last + 1:
            text = f"{row.counterpart}: number {last + 1} comes next; number {row.pair_sequence} does"
            self._say(GAPS, place, text)
        self._pairs[row.counterpart] = row.pair_sequence

    def _look_into(self, row: LogRecord, place: str) -> None:
        if row.party in (CERTIFICATE, MARK):
            self._look_at_other(row, place)
            return
        try:
            record = decode(row.body)
            if isinstance(record, ProvisionRecorded):
                record = whole(row.body, row.detail)
        except Undecodable as error:
            self._say(LEAVES, place, f"{row.exchange_id}: no record ({error.rule}: {error})")
            return
        names = (row.institution_code, row.exchange_id, row.party)
        names_of = NAMES_OF.get(type(record))
        if names_of is None:
            self._say(LEAVES, place, f"{row.exchange_id}: no record ({type(record).__name__})")
            return
        refusal = detail_refusal(record, row.detail) if isinstance(record, ProvisionRecorded) else ""
        if refusal:
            self._say(LEAVES, place, f"{row.exchange_id}: {refusal}")
        if names != names_of(record):
            self._say(LEAVES, place, f"{row.exchange_id}: the row names another record than it holds")

        if isinstance(record, ProvisionRecorded) and forgotten(record, row.detail):
            self._erased.add(row.sequence)

    def _look_at_other(self, row: LogRecord, place: str) -> None:
        """A certificate or a mark: of this log, and what its row says it is."""
        try:
            found = decode(row.body)
        except Undecodable as error:
            self._say(LEAVES, place, f"{row.exchange_id}: no {row.party.lower()} ({error.rule})")
            return
        wanted = DataErased if row.party == CERTIFICATE else SequenceMarked
        if not isinstance(found, DataErased | SequenceMarked) or type(found) is not wanted or row.detail:
            self._say(LEAVES, place, f"{row.exchange_id}: the row says {row.party}, its body is something else")
            return
        counterpart = found.counterpart if isinstance(found, SequenceMarked) else ERASURES
        if (found.institution_code, counterpart) != (row.institution_code, row.counterpart):
            self._say(LEAVES, place, f"{row.exchange_id}: the row names another log or pair than it holds")
        if isinstance(found, DataErased):
            self._certified.update(found.sequences)

    # ── trees and signatures ─────────────────────────────────────────────────────────────────────────────────────

    def _open(self, one: Checkpoint, public_key: Ed25519PublicKey) -> None:
        place = f"{self.owner}@{one.size}"
        origin = origin_of_log(self.owner)
        self.looked_at[SIGNATURES] += 1
        try:
            told = checkpoint.verify(one.note, origin, public_key)
        except checkpoint.CheckpointError as error:
            self._say(SIGNATURES, place, str(error))
            return
        if (told.origin, told.size) != (origin, one.size):
            self._say(SIGNATURES, place, f"the note is of {told.origin} at {told.size}")
            return
        self._waiting[one.size] = told.root

    def _remember(self, kept: WitnessedLog, public_key: Ed25519PublicKey) -> None:
        place = f"{self.owner}@{kept.size}/{kept.witness_code}"
        self.looked_at[COSIGNED] += 1
        try:
            told = checkpoint.verify(kept.note, origin_of_log(self.owner), public_key)
        except checkpoint.CheckpointError as error:
            self._say(COSIGNED, place, str(error))
            return
        self._cosigned[told.size].append((kept.witness_code, told.root))

    def _grow(self, fresh: Sequence[bytes]) -> None:
        self._frontier = merkle.append_all(self._frontier, fresh)
        for code, root in self._cosigned.pop(self._frontier.size, ()):
            if root != merkle.root_of(self._frontier):
                self._say(
                    COSIGNED, f"{self.owner}@{self._frontier.size}/{code}", "cosigned over other records than there are"
                )
        told = self._waiting.pop(self._frontier.size, None)
        if told is None:
            return
        self.looked_at[ROOTS] += 1
        if merkle.root_of(self._frontier) == told:
            self._signed = self._frontier.size
        else:
            self._say(ROOTS, f"{self.owner}@{self._frontier.size}", "signed over other records than there are")

    def _say(self, check: str, subject: str, text: str) -> None:
        self.found.append(Violation(check, subject, text))


def of_witnesses(owner: str, public_key: Ed25519PublicKey, history: History) -> tuple[Counter[str], list[Violation]]:
    """What the witnesses of one log say of it: their cosignatures, verified, and the forks they keep.

    history: the log's checkpoints, duties, cosignatures and forks. The first value counts what was looked at: each
    cosignature, and each witness for what it may keep.
    """
    looked_at = Counter({COSIGNED: len(history.cosignatures), FORKS: max(len(history.duties), len(history.forks))})
    forks = [
        one._replace(text=f"{one.text} ({judgement(fork, owner, public_key)})")
        for one, fork in zip(logs_not_forked(history), history.forks, strict=True)
    ]
    return looked_at, cosigned_only_consistent(history) + forks


def judgement(fork: LogFork, owner: str, public_key: Ed25519PublicKey) -> str:
    """What the evidence of a fork is worth to somebody who trusts nobody."""
    claim = Claim(fork.claimed_size, fork.claimed_root, fork.proof)
    proved = witness.proves_a_fork(origin_of_log(owner), public_key, fork.kept_note, fork.seen_note, claim)
    return "both are signed by the log: proved" if proved else "not proved by the two notes alone"
