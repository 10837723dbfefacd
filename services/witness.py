"""Witnesses (C2SP tlog-witness, by messages): neighbouring municipalities that cosign each other's checkpoints.

Hears CheckpointPublished from a log. Says CheckpointWitnessed to it: each witness's cosignature, or why there is none.

Always holds: a witness cosigns a checkpoint only when the log itself signed it and it is proved to continue the last
one this witness cosigned; what it cosigned is kept in the commit that says it, and never goes back. A checkpoint that
does not continue is kept beside the one it contradicts, once for each state of the witness. Of a log it knows nothing
but that: neither its records nor its tables.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from broker.decision import Decision
from broker.errors import PeerFault
from broker.facts import Facts
from broker.rules import checkpoint, witness
from broker.rules.checkpoint import Checkpoint
from broker.rules.leaves import origin_of_log
from broker.rules.signing import public_key_from_bytes
from broker.rules.witness import Claim
from broker.service import Context, Service, on
from broker.tables import LogFork, WitnessDuty, WitnessedLog
from schemas.records import CheckpointPublished, CheckpointWitnessed, WitnessAnswer

NAME = "witness"
BY_LOG = ("institution_code",)

Cosign = Callable[[str, str, int], str]
"""institution code of the witness, the checkpoint's three lines, seconds since 1970 UTC → signature line."""


async def load_published(messages: Sequence[CheckpointPublished], facts: Facts) -> None:
    """Who witnesses these logs, what each has cosigned, and what it has kept against them."""
    await facts.find(WitnessDuty, BY_LOG, [(m.institution_code,) for m in messages])
    duties = [
        duty
        for code in dict.fromkeys(m.institution_code for m in messages)
        for duty in facts.all(WitnessDuty, BY_LOG, code)
    ]
    keys = [(duty.witness_code, duty.institution_code) for duty in duties]
    await facts.load(WitnessedLog, keys)
    known = [facts.get(WitnessedLog, *key) for key in keys]
    await facts.load(LogFork, [(*row[:2], row.size) for row in known if row])


def signed_checkpoint(message: CheckpointPublished, duty: WitnessDuty) -> Checkpoint:
    """The checkpoint in the note; PeerFault unless it is this log's and signed by it."""
    origin = origin_of_log(message.institution_code)
    try:
        found = checkpoint.verify(message.note, origin, public_key_from_bytes(duty.log_key))
    except checkpoint.CheckpointError as error:
        raise PeerFault("CHECKPOINT_FORGED", f"{message.institution_code}: {error}") from None
    if found.origin != origin:
        raise PeerFault("CHECKPOINT_FORGED", f"{message.institution_code}: the note is of another log")
    return found


def judged(
    duty: WitnessDuty, message: CheckpointPublished, seen: Checkpoint, facts: Facts, now: int, cosign: Cosign
) -> tuple[WitnessAnswer, WitnessedLog | LogFork | None]:
    """One witness's answer by what it has cosigned itself, and what it keeps: its new state, or evidence."""
    key = (duty.witness_code, duty.institution_code)
    known = facts.get(WitnessedLog, *key)
    kept = checkpoint.parse(checkpoint.text_of(known.note)) if known else None
    claim = Claim(message.previous_size, message.previous_root, message.proof)
    rule = witness.refusal(kept, seen, claim)
    if known is None or not rule:
        time = max(now, known.cosigned_at if known else 0) // 1000
        line = cosign(duty.witness_code, checkpoint.text_of(message.note), time)
        state = WitnessedLog(*key, seen.size, message.note, time * 1000)
        return WitnessAnswer(duty.witness_code, "", seen.size, time * 1000, line), state
    answer = WitnessAnswer(duty.witness_code, rule, known.size, known.cosigned_at, "")
    if facts.get(LogFork, *key, known.size) is not None:
        return answer, None
    notes = (known.note, message.note)
    return answer, LogFork(*key, known.size, rule, *notes, claim.size, claim.root, claim.proof, now)


def service(cosign: Cosign) -> Service:
    """The declaration; `cosign` signs with a witness's own key."""

    def decide_published(message: CheckpointPublished, facts: Facts, context: Context) -> Decision:
        """Each of the log's witnesses judges for itself."""
        duties = facts.all(WitnessDuty, BY_LOG, message.institution_code)
        if not duties:
            return Decision("nobody_witnesses")
        seen = signed_checkpoint(message, duties[0])
        found = [judged(duty, message, seen, facts, context.now, cosign) for duty in duties]
        said = CheckpointWitnessed(message.institution_code, seen.size, tuple(answer for answer, _ in found))
        rows = tuple(row for _, row in found if row is not None)
        refused = [answer for answer, row in found if answer.rule and row is not None]
        words = [f"{one.rule} at {seen.size}: {one.witness_code} has cosigned {one.cosigned_size}" for one in refused]
        alarm = f"log of {message.institution_code}, {'; '.join(words)}" if words else ""
        outcome = "log_refused" if any(answer.rule for answer, _ in found) else "cosigned"
        return Decision(outcome, (said,), rows, alarm=alarm)

    return Service(NAME, (on(CheckpointPublished, load_published, decide_published),))
