"""When a witness may cosign, what convicts a log, and who witnesses whom."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import pytest

from broker.rules import checkpoint, merkle, witness
from broker.rules.checkpoint import Checkpoint
from broker.rules.signing import key_pair_from_bytes
from broker.rules.witness import FORKED, UNPROVED, WENT_BACK, Claim

KEY = key_pair_from_bytes(bytes(range(32)))
ORIGIN = "chukan.example/log"
LEAVES = [sha256(b"%d" % n).digest() for n in range(20)]
REWRITTEN = [sha256(b"rewritten").digest(), *LEAVES[1:]]


def head(leaves: Sequence[bytes], size: int) -> Checkpoint:
    return Checkpoint(ORIGIN, size, merkle.root(leaves[:size]))


def claim(leaves: Sequence[bytes], before: int, after: int) -> Claim:
    """What a log with these leaves says when it shows its checkpoint at `after`."""
    proof = b"".join(merkle.consistency_proof(leaves[:after], before))
    return Claim(before, merkle.root(leaves[:before]), proof)


NO_CLAIM = Claim(0, b"", b"")


@pytest.mark.parametrize(
    ("kept", "seen", "said", "rule"),
    [
        (None, head(LEAVES, 7), NO_CLAIM, ""),
        (head(LEAVES, 7), head(LEAVES, 7), NO_CLAIM, ""),
        (head(LEAVES, 7), head(LEAVES, 12), claim(LEAVES, 7, 12), ""),
        (head(LEAVES, 8), head(LEAVES, 12), claim(LEAVES, 8, 12), ""),
        (head(LEAVES, 7), head(REWRITTEN, 7), NO_CLAIM, FORKED),
        (head(LEAVES, 7), head(REWRITTEN, 12), claim(REWRITTEN, 7, 12), FORKED),
        (head(LEAVES, 8), head(REWRITTEN, 12), claim(REWRITTEN, 8, 12), FORKED),
        (head(LEAVES, 7), head(LEAVES, 6), claim(LEAVES, 5, 6), WENT_BACK),
        (head(LEAVES, 7), head(LEAVES, 12), claim(LEAVES, 8, 12), UNPROVED),
        (head(LEAVES, 7), head(LEAVES, 12), NO_CLAIM, UNPROVED),
        (head(LEAVES, 7), head(LEAVES, 12), claim(LEAVES, 7, 12)._replace(proof=b"x" * 32), UNPROVED),
        (head(LEAVES, 7), head(LEAVES, 12), claim(LEAVES, 7, 12)._replace(proof=b"x"), UNPROVED),
        (head(LEAVES, 7), head(LEAVES, 12), claim(LEAVES, 7, 12)._replace(proof=b"x" * 64 * 32), UNPROVED),
        # the rewritten log claims the beginning that was cosigned, and cannot prove it
        (
            head(LEAVES, 7),
            head(REWRITTEN, 12),
            claim(REWRITTEN, 7, 12)._replace(root=merkle.root(LEAVES[:7])),
            UNPROVED,
        ),
    ],
)
def test_what_a_witness_cosigns(kept: Checkpoint | None, seen: Checkpoint, said: Claim, rule: str) -> None:
    """The first it sees, the same again, and what is proved to continue; nothing else, and each refusal by name."""
    assert witness.refusal(kept, seen, said) == rule


@pytest.mark.parametrize("before", range(1, 19))
def test_every_rewritten_leaf_convicts_the_log(before: int) -> None:
    """Whichever old leaf was changed, two notes and what the log itself said prove it to anybody; an honest log is
    convicted by nothing it ever says."""
    for place in range(before):
        changed = [*LEAVES[:place], sha256(b"other").digest(), *LEAVES[place + 1 :]]
        kept, seen = note(LEAVES, before), note(changed, 19)

        assert witness.proves_a_fork(ORIGIN, KEY.public_key, kept, seen, claim(changed, before, 19))
        honest = note(LEAVES, 19)
        assert not witness.proves_a_fork(ORIGIN, KEY.public_key, kept, honest, claim(LEAVES, before, 19))
        assert not witness.proves_a_fork(ORIGIN, KEY.public_key, kept, honest, claim(changed, before, 19))


def note(leaves: Sequence[bytes], size: int, key: bytes = bytes(range(32))) -> str:
    text = checkpoint.format_checkpoint(*head(leaves, size))
    return checkpoint.sign(text, ORIGIN, key_pair_from_bytes(key).private_key)


def test_evidence_needs_the_logs_own_signature_on_both() -> None:
    """Nobody is convicted by a note that somebody else signed, or by one of another log."""
    said = claim(REWRITTEN, 7, 12)
    kept, seen, forged = note(LEAVES, 7), note(REWRITTEN, 12), note(REWRITTEN, 12, bytes(32))

    assert witness.proves_a_fork(ORIGIN, KEY.public_key, kept, seen, said)
    assert not witness.proves_a_fork(ORIGIN, KEY.public_key, kept, forged, said)
    assert not witness.proves_a_fork("another.example/log", KEY.public_key, kept, seen, said)
    assert not witness.proves_a_fork(ORIGIN, KEY.public_key, kept, "no note", said)


def test_two_roots_of_one_size_convict_without_any_proof() -> None:
    """The plainest fork: the log signed two trees of the same size."""
    assert witness.proves_a_fork(ORIGIN, KEY.public_key, note(LEAVES, 7), note(REWRITTEN, 7), NO_CLAIM)


def test_neighbours_witness_each_other_in_a_ring() -> None:
    """Each log has so many witnesses, none its own, and each institution as many duties as any other."""
    pairs = witness.ring(["a", "b", "c", "d"], ["network"], 2)

    assert pairs[:4] == [("a", "b"), ("a", "c"), ("b", "c"), ("b", "d")]
    assert pairs[-2:] == [("network", "a"), ("network", "b")]
    assert {[log for log, _ in pairs].count(one) for one in "abcd"} == {2}
    assert {[who for log, who in pairs if log != "network"].count(one) for one in "abcd"} == {2}


@pytest.mark.parametrize(("institutions", "count", "expected"), [(2, 2, 1), (2, 9, 1), (3, 2, 2), (5, 0, 0), (5, 4, 4)])
def test_a_small_ring_has_fewer_witnesses(institutions: int, count: int, expected: int) -> None:
    """Nobody witnesses itself, and nobody twice."""
    codes = [str(n) for n in range(institutions)]
    pairs = witness.ring(codes, [], count)

    assert len(set(pairs)) == len(pairs) == institutions * expected
    assert all(log != who for log, who in pairs)


@pytest.mark.parametrize("count", range(1, 9))
def test_two_quorums_share_a_witness(count: int) -> None:
    """Two views of one log cannot both be cosigned by a quorum of honest witnesses."""
    assert 2 * witness.quorum(count) > count
    assert witness.quorum(count) <= count
