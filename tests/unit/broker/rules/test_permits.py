"""A permit holds for the exchange and the time it names, and for nothing else."""

from __future__ import annotations

import pytest
from factories import KARIYA, KEYS, NOW, TOYOTA, signed

from broker.keys import Keys
from broker.rules.permits import CONTEXT, LIFE_MS, Verifier, opened
from broker.rules.signing import sign_batch
from schemas.codec import encode
from schemas.records import InquiryCancelRequested, Permit

EXCHANGE = f"{KARIYA}-20260921000000000100"
PERMIT = Permit("p", EXCHANGE, KARIYA, TOYOTA, "JM", "JT", "TM", ("1", "2"), 1, "row", NOW, NOW + LIFE_MS)
BODY, PROOF = signed(PERMIT)
VERIFIER = Verifier(KEYS.network_public)


@pytest.mark.parametrize(
    ("now", "rule"),
    [
        (NOW, ""),
        (PERMIT.expires_at - 1, ""),
        (PERMIT.expires_at, "PERMIT_EXPIRED"),
        (PERMIT.expires_at + LIFE_MS, "PERMIT_EXPIRED"),
    ],
)
def test_time(now: int, rule: str) -> None:
    """A permit holds until the moment it names, that moment excluded."""
    assert VERIFIER.refusal(BODY, PROOF, EXCHANGE, now) == rule


@pytest.mark.parametrize("exchange_id", ["", EXCHANGE[:-1], EXCHANGE[:-2] + "01", f"{TOYOTA}-20260921000000000100"])
def test_other_party(exchange_id: str) -> None:
    """Presented for another exchange it is another party's, also when it has expired."""
    assert VERIFIER.refusal(BODY, PROOF, exchange_id, NOW) == "PERMIT_OTHER_PARTY"
    assert VERIFIER.refusal(BODY, PROOF, exchange_id, PERMIT.expires_at) == "PERMIT_OTHER_PARTY"


@pytest.mark.parametrize("place", range(0, len(BODY), 3))
def test_one_changed_byte_of_the_permit(place: int) -> None:
    """A permit with one byte changed is forged."""
    changed = BODY[:place] + bytes([BODY[place] ^ 1]) + BODY[place + 1 :]

    assert VERIFIER.refusal(changed, PROOF, EXCHANGE, NOW) == "PERMIT_FORGED"


@pytest.mark.parametrize("place", range(0, len(PROOF), 3))
def test_one_changed_byte_of_the_proof(place: int) -> None:
    """A proof with one byte changed proves nothing."""
    changed = PROOF[:place] + bytes([PROOF[place] ^ 1]) + PROOF[place + 1 :]

    assert VERIFIER.refusal(BODY, changed, EXCHANGE, NOW) == "PERMIT_FORGED"


def test_what_was_signed_here_is_known_byte_for_byte() -> None:
    """Whoever signed need not verify its own; a byte more or less is a forgery as ever, and so is time or party."""
    own = Verifier(KEYS.network_public)
    mine = PERMIT._replace(permit_id="mine")
    body, proof = signed(mine, Keys(bytes(32)))  # no signature of this key: only what was told lets it pass
    own.signed([(body, proof)])

    assert own.refusal(body, proof, EXCHANGE, NOW) == ""
    assert own.refusal(body, proof, EXCHANGE, PERMIT.expires_at) == "PERMIT_EXPIRED"
    assert own.refusal(body, proof, EXCHANGE[:-1], NOW) == "PERMIT_OTHER_PARTY"
    assert own.refusal(body, proof[:-1] + bytes([proof[-1] ^ 1]), EXCHANGE, NOW) == "PERMIT_FORGED"
    assert VERIFIER.refusal(body, proof, EXCHANGE, NOW) == "PERMIT_FORGED"


def test_other_signers_and_other_contexts() -> None:
    """Another key's signature, or ours over something else than a permit, is a forgery."""
    other = signed(PERMIT, Keys(bytes(32)))[1]
    elsewhere = sign_batch([BODY], b"chukan something else 1\n", KEYS.network_signing)[0]

    assert VERIFIER.refusal(BODY, other, EXCHANGE, NOW) == "PERMIT_FORGED"
    assert VERIFIER.refusal(BODY, elsewhere, EXCHANGE, NOW) == "PERMIT_FORGED"


def test_signed_bytes_that_are_no_permit() -> None:
    """What the network signed as a permit and is none is not believed either."""
    body = encode(InquiryCancelRequested("Q", KARIYA, "x"))
    proof = sign_batch([body], CONTEXT, KEYS.network_signing)[0]

    assert VERIFIER.refusal(body, proof, EXCHANGE, NOW) == "PERMIT_FORGED"
    assert opened(body) is None
    assert opened(b"") is None
    assert opened(BODY) == PERMIT


def test_every_permit_of_a_batch_stands_alone() -> None:
    """One signature over many permits: each verifies with its own proof and none with another's."""
    bodies = [encode(PERMIT._replace(permit_id=str(n), exchange_id=f"{EXCHANGE[:-2]}{n:02d}")) for n in range(5)]
    proofs = sign_batch(bodies, CONTEXT, KEYS.network_signing)

    for n, body in enumerate(bodies):
        for m, proof in enumerate(proofs):
            rule = VERIFIER.refusal(body, proof, f"{EXCHANGE[:-2]}{n:02d}", NOW)
            assert rule == ("" if n == m else "PERMIT_FORGED")
