"""What all participants ask in the same way: who may speak, what holds when, what somebody is called."""

from __future__ import annotations

from typing import Any

import pytest
from factories import ANJO, KARIYA, TOYOTA, context, institution, result_of, store_of
from hypothesis import given
from hypothesis import strategies as st

from broker.config import Config
from broker.errors import OwnFault, PeerFault
from broker.facts import Facts
from broker.tables import CodeBinding, Institution
from services.assembly import terms_of
from services.common import CHECKPOINTS_A_SECOND, Terms, in_force, name_of, sender_checked

OWN, SHARED = f"institution.{KARIYA}.requests", "institution.shared.requests"


def facts_of(*codes: str) -> Facts:
    """The facts of a batch in which these institutions were looked for."""

    async def loaded() -> Facts:
        async with store_of().transaction() as transaction:
            facts = Facts(transaction)
            await facts.load(Institution, [(code,) for code in codes])
        return facts

    return result_of(loaded())


SPEAKERS = (
    (KARIYA, OWN, ""),
    (ANJO, SHARED, ""),
    (TOYOTA, OWN, "FOREIGN_SENDER"),
    (ANJO, OWN, "FOREIGN_SENDER"),
    (KARIYA, SHARED, "FOREIGN_SENDER"),
    (KARIYA, "inquiry.permit_requested", "FOREIGN_SENDER"),
    ("9900999999900000", OWN, "UNKNOWN_INSTITUTION"),
    ("9900999999900000", SHARED, "UNKNOWN_INSTITUTION"),
    ("", SHARED, "UNKNOWN_INSTITUTION"),
)


@pytest.mark.parametrize(("code", "topic", "rule"), SPEAKERS)
def test_who_may_speak_where(code: str, topic: str, rule: str) -> None:
    """An attached institution speaks on its own topics only, the others on the shared ones, a stranger nowhere."""
    facts = facts_of(code)

    if not rule:
        assert sender_checked(code, facts, context(topic=topic)) == institution(code)
        return
    with pytest.raises(PeerFault) as fault:
        sender_checked(code, facts, context(topic=topic))
    assert fault.value.rule == rule


@pytest.mark.parametrize("code", ["999900000012", "x" * 5000, "山田太郎", "\x00"])
def test_what_is_no_code_is_not_repeated(code: str) -> None:
    """The reason of a refusal is kept and told: what stands in the field could be anything."""
    with pytest.raises(PeerFault) as fault:
        sender_checked(code, facts_of(code), context(topic=OWN))

    assert fault.value.text == "the institution code is not registered"


def test_name() -> None:
    """A registered institution has its name, another none; one that nobody looked for is a fault of ours."""
    facts = facts_of(KARIYA, "nobody")

    assert (name_of(KARIYA, facts), name_of("nobody", facts)) == ("刈谷市", "")
    with pytest.raises(OwnFault):
        name_of(TOYOTA, facts)


TIMES: tuple[tuple[int, int, int, bool], ...] = (
    (10, 0, 9, False),
    (10, 0, 10, True),
    (10, 0, 10**15, True),
    (10, 20, 19, True),
    (10, 20, 20, False),
    (10, 10, 10, False),
)


@pytest.mark.parametrize(("first", "last", "now", "holds"), TIMES)
def test_in_force(first: int, last: int, now: int, holds: bool) -> None:
    """From its first moment on, until its last excluded; 0 is open."""
    assert in_force(binding(first, last), now) is holds


moments = st.integers(1, 40)


@given(st.lists(moments, min_size=2, max_size=6, unique=True), moments)
def test_codes_that_follow_one_another_never_overlap(times: list[int], now: int) -> None:
    """Codes of which each ends where the next begins: at most one holds at any moment."""
    ends = sorted(times)
    chain = [binding(first, last) for first, last in zip(ends, [*ends[1:], 0], strict=True)]

    assert sum(in_force(one, now) for one in chain) == (now >= ends[0])


def binding(first: int, last: int) -> Any:
    return CodeBinding(KARIYA, "c", "1", first, last, first, "R")


# ── how often logs are signed ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("institutions", "seconds", "expected"),
    [(6, 5.0, 5_000), (500, 5.0, 5_000), (1741, 5.0, 17_410), (1741, 60.0, 60_000)],
)
def test_many_logs_are_signed_less_often(institutions: int, seconds: float, expected: int) -> None:
    """All logs together are signed and witnessed a hundred times a second at most, however many there are."""
    terms = terms_of(Config(checkpoint_seconds=seconds, cosigned_within_seconds=9.0), institutions)

    assert terms == Terms(expected, 9_000)
    assert terms.refresh_ms == 3_000
    assert institutions / (terms.checkpoint_ms / 1000) <= CHECKPOINTS_A_SECOND
    assert terms_of(Config(), 6) == Terms()
