"""Who cosigned what, and how long ago: the witnesses for people to look at.

Owns the reading; what a cosignature proves is `services.audit`'s, whether one is given `services.witness`'s.
"""

from __future__ import annotations

from typing import NamedTuple

from broker.adapters.postgres import QUERIES, PostgresStore
from broker.keys import Keys
from broker.rules import checkpoint, cosignature, witness
from broker.rules.leaves import origin_of_log
from broker.rules.signing import public_key_from_bytes
from broker.rules.witness import Claim
from broker.tables import Checkpoint, Cosignature, Institution, LogFork, WitnessDuty

FORKS_AT_MOST = 10_000


class Standing(NamedTuple):
    """One witness of one log. signed: the newest checkpoint of the log; times in milliseconds since 1970 UTC, or 0."""

    institution_code: str
    witness_code: str
    cosigned_size: int
    cosigned_at: int
    log_size: int
    signed_at: int
    signed_size: int
    forks: int


class Line(NamedTuple):
    """A cosignature, verified: the witness's key as it is given to others, its line, and what is wrong with it."""

    witness_code: str
    verifier_key: str
    line: str
    cosigned_at: int
    fault: str


class Shown(NamedTuple):
    """A log's newest cosigned checkpoint: the note as the log signed it, and each witness's line."""

    institution_code: str
    size: int
    signed_at: int
    note: str
    lines: tuple[Line, ...]

    @property
    def cosigned_note(self) -> str:
        """The note with all lines that hold, as any C2SP verifier reads it."""
        return self.note + "".join(one.line for one in self.lines if not one.fault)


class Evidence(NamedTuple):
    """A fork that a witness keeps. proved: the two notes convict the log by themselves."""

    fork: LogFork
    proved: bool


async def standings(store: PostgresStore, institution_code: str = "") -> list[Standing]:
    """Every witness of every log, or those of one institution in either part."""
    return [Standing(*row) for row in await store.query(QUERIES["witnesses"], institution_code)]


async def newest(store: PostgresStore, institution_code: str) -> Shown | None:
    """The newest checkpoint of a log that anybody cosigned, or None."""
    async with store.snapshot() as snapshot:
        lines = await snapshot.select(Cosignature, QUERIES["newest_cosignatures_of"], institution_code)
        if not lines:
            return None
        (signed,) = await snapshot.rows(Checkpoint, [(institution_code, lines[0].size)])
        duties = await snapshot.select(WitnessDuty, QUERIES["witness_duties_of"], institution_code)
    keys = {one.witness_code: one.witness_key for one in duties}
    text = checkpoint.text_of(signed.note)
    shown = tuple(line_of(text, one, keys.get(one.witness_code, b"")) for one in lines)
    return Shown(institution_code, signed.size, signed.signed_at, signed.note, shown)


def line_of(text: str, one: Cosignature, key: bytes) -> Line:
    """A kept cosignature with its verdict."""
    name = cosignature.name_of_witness(one.witness_code)
    if not key:
        return Line(one.witness_code, "", one.line, one.cosigned_at, "no witness of this log")
    fault = ""
    try:
        cosignature.verify(text, one.line, name, public_key_from_bytes(key))
    except checkpoint.CheckpointError as error:
        fault = str(error)
    return Line(one.witness_code, cosignature.format_verifier_key(name, key), one.line, one.cosigned_at, fault)


async def forks(store: PostgresStore, keys: Keys) -> list[Evidence]:
    """Everything that witnesses keep against logs, each judged anew with the log's own key."""
    found = [LogFork(*row) for row in await store.query(QUERIES["log_forks"], FORKS_AT_MOST)]
    async with store.transaction() as transaction:
        directory = await transaction.rows(Institution, sorted({(one.institution_code,) for one in found}))
    known = {one.institution_code: one.signing_key for one in directory}
    evidence = []
    for fork in found:
        owner = fork.institution_code
        key = known.get(owner) or keys.institutions.signing(owner).public_bytes
        claim = Claim(fork.claimed_size, fork.claimed_root, fork.proof)
        notes = (fork.kept_note, fork.seen_note)
        proved = witness.proves_a_fork(origin_of_log(owner), public_key_from_bytes(key), *notes, claim)
        evidence.append(Evidence(fork, proved))
    return evidence
