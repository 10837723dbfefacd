"""Whether a witness may cosign a checkpoint, who witnesses whom, and what proves that a log was forked.

Owns the judgement of C2SP tlog-witness: a witness knows of each log the last checkpoint it cosigned, cosigns a later
one only when it is proved to continue that (RFC 9162 section 2.1.4), and never goes back. Pure: what the witness keeps
and what it was shown come in, the name of a rule comes out.

A proof of a fork needs nobody's word: two checkpoints of one log, both signed by it, of one size and with two roots;
or of two sizes, with a consistency proof that leads to the later root from another beginning than the earlier
checkpoint has. Nobody can make either against a log that has only grown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from broker.rules import checkpoint, merkle
from broker.rules.checkpoint import Checkpoint

FORKED = "LOG_FORKED"
WENT_BACK = "LOG_WENT_BACK"
UNPROVED = "LOG_UNPROVED"
PROOF_HASHES = 63  # C2SP: no tree needs more


class Claim(NamedTuple):
    """What a log says when it shows a checkpoint: which tree it goes on from, and the proof, hash after hash."""

    size: int
    root: bytes
    proof: bytes


def refusal(kept: Checkpoint | None, seen: Checkpoint, claim: Claim) -> str:
    """The rule that forbids cosigning `seen`, or an empty string. kept: the last that was cosigned, None before any."""
    if kept is None:
        return ""
    if seen.size < kept.size:
        return WENT_BACK
    if seen.size == kept.size:
        return "" if seen.root == kept.root else FORKED
    if claim.size != kept.size or not continues(seen, claim):
        return UNPROVED
    return "" if claim.root == kept.root else FORKED


def continues(seen: Checkpoint, claim: Claim) -> bool:
    """Whether the claimed beginning is proved to be one of the tree that was seen."""
    if len(claim.proof) > PROOF_HASHES * merkle.HASH_BYTES or len(claim.proof) % merkle.HASH_BYTES:
        return False
    proof = [claim.proof[i : i + merkle.HASH_BYTES] for i in range(0, len(claim.proof), merkle.HASH_BYTES)]
    return merkle.verify_consistency(claim.size, seen.size, claim.root, seen.root, proof)


def proves_a_fork(origin: str, log_key: Ed25519PublicKey, kept_note: str, seen_note: str, claim: Claim) -> bool:
    """Whether these two notes convict the log, whoever hands them in; False for anything malformed or unsigned."""
    try:
        kept = checkpoint.verify(kept_note, origin, log_key)
        seen = checkpoint.verify(seen_note, origin, log_key)
    except checkpoint.CheckpointError:
        return False
    return kept.origin == seen.origin == origin and refusal(kept, seen, claim) == FORKED


def ring(codes: Sequence[str], others: Sequence[str], count: int) -> list[tuple[str, str]]:
    """(log, witness) pairs: each institution's log is witnessed by the next `count` of the ring, never by itself.

    others: logs outside the ring (the network's own); they are witnessed by its first.
    """
    reach = min(count, len(codes) - 1)
    pairs = [(code, codes[(n + step) % len(codes)]) for n, code in enumerate(codes) for step in range(1, reach + 1)]
    return pairs + [(other, witness) for other in others for witness in codes[:count]]


def quorum(witnesses: int) -> int:
    """How many of a log's witnesses must agree: more than half, so that no two views of a log can both have it."""
    return witnesses // 2 + 1
