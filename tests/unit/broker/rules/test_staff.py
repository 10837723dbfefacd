"""Duties, operations, lock-out and the life of a session, by the table."""

from __future__ import annotations

import pytest

from broker.rules import staff
from broker.rules.rights import NUMBER_USE, RIGHTS
from broker.rules.staff import CITY_DUTIES, CONFLICTS, EVERY_KIND, FREE, OPERATIONS, Duty
from broker.tables import StaffAccount, StaffRight, StaffSecret, StaffSession

KARIYA = "9900123210600000"
KIND, OTHER = "TM99000000000001", "TM00000000000001"


def account(name: str = "OP1", person: str = "", state: str = staff.ACTIVE, institution: str = KARIYA) -> StaffAccount:
    """Somebody."""
    return StaffAccount(institution, name, "", person, state, 0, "")


def right(duty: Duty, kind: str = EVERY_KIND) -> StaffRight:
    """A right of that somebody."""
    return StaffRight(KARIYA, "OP1", duty.value, kind, 0, "")


def session(**more: int) -> StaffSession:
    """A session begun at 0."""
    return StaffSession("s", KARIYA, "OP1", b"", b"", 0, 0, 0, "")._replace(**more)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda one: one.name)
@pytest.mark.parametrize("duty", Duty)
def test_an_operation_wants_one_of_its_duties(operation: staff.Operation, duty: Duty) -> None:
    """A duty allows what the table says and nothing else."""
    rule = staff.right_refusal(operation, [right(duty)], [KIND])

    assert (rule == "") == (operation.name in FREE or duty in operation.duties)


@pytest.mark.parametrize("name", sorted({*RIGHTS.values(), NUMBER_USE}))
def test_a_right_of_the_city_is_a_duty_and_an_operation(name: str) -> None:
    """What a verb of health support or VRS needs is given by that name, is asked for by it, and allows nothing else."""
    allowed = [one.name for one in OPERATIONS.values() if Duty(name) in one.duties and one.name not in FREE]

    assert Duty(name) in CITY_DUTIES
    assert [one for one in allowed if one != "STATE_SHOW"] == [name]


@pytest.mark.parametrize("duty", CITY_DUTIES)
def test_who_gives_or_examines_works_in_no_system(duty: Duty) -> None:
    """The city's own systems are no exception."""
    for other in (Duty.ADMINISTRATOR, Duty.AUDITOR):
        assert staff.grant_refusal(account("AD1"), account("OP2"), [right(other)], duty) == "DUTIES_CONFLICT"


def test_a_right_is_for_a_kind() -> None:
    """Who may handle one kind may not handle another, nor both at once."""
    held = [right(Duty.PROVIDER, KIND)]
    show = OPERATIONS["HOLD_SHOW"]

    assert staff.right_refusal(show, held, [KIND]) == ""
    assert staff.right_refusal(show, held, [OTHER]) == "RIGHT_MISSING"
    assert staff.right_refusal(show, held, [KIND, OTHER]) == "RIGHT_MISSING"
    assert staff.right_refusal(show, [right(Duty.PROVIDER)], [KIND, OTHER]) == ""
    assert staff.right_refusal(show, [], [KIND]) == "RIGHT_MISSING"


def test_nobody_grants_to_oneself() -> None:
    """Not under the same account, and not under another account of the same person."""
    mine, same, other = account("AD1", "P1"), account("OP2", "P1"), account("OP3", "P2")

    assert staff.grant_refusal(mine, mine, [], Duty.AUDITOR) == "SELF_GRANT"
    assert staff.grant_refusal(mine, same, [], Duty.INQUIRER) == "SELF_GRANT"
    assert staff.grant_refusal(mine, other, [], Duty.INQUIRER) == ""


@pytest.mark.parametrize("pair", CONFLICTS, ids=lambda pair: "+".join(sorted(pair)))
def test_duties_that_nobody_has_together(pair: frozenset[Duty]) -> None:
    """Whoever has the one is not given the other."""
    one, other = sorted(pair)

    assert staff.grant_refusal(account("AD1"), account("OP2"), [right(one)], other) == "DUTIES_CONFLICT"
    assert staff.grant_refusal(account("AD1"), account("OP2"), [right(other)], one) == "DUTIES_CONFLICT"


def test_accounts_without_a_reference_are_different_people() -> None:
    """An empty reference says nothing."""
    assert not staff.is_same_person(account("A"), account("B"))
    assert staff.is_same_person(account("A"), account("A"))
    assert not staff.is_same_person(account("A"), account("A", institution="9900123211400000"))


def test_being_shut_out_doubles_and_ends() -> None:
    """Two errors cost nothing; then half a minute, a minute, … and never more than an hour."""
    waits = [staff.locked_for_ms(n) // 1000 for n in range(13)]

    assert waits == [0, 0, 0, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    assert staff.locked_for_ms(10**9) == staff.LONGEST_LOCK_MS


def test_a_failure_counts_from_now() -> None:
    """The time of the lock begins with the failure."""
    secret = StaffSecret(KARIYA, "OP1", "", 2, 0)

    assert staff.failed(secret, 1000)[3:] == (3, 1000 + staff.FIRST_LOCK_MS)
    assert staff.failed(secret._replace(failures=0), 1000)[3:] == (1, 0)


@pytest.mark.parametrize(
    ("more", "now", "rule"),
    [
        ({}, staff.IDLE_MS, ""),
        ({}, staff.IDLE_MS + 1, "SESSION_EXPIRED"),
        ({"used_at": staff.ABSOLUTE_MS}, staff.ABSOLUTE_MS, ""),
        ({"used_at": staff.ABSOLUTE_MS}, staff.ABSOLUTE_MS + 1, "SESSION_EXPIRED"),
        ({"ended_at": 1}, 2, "SESSION_ENDED"),
    ],
)
def test_a_session_ends(more: dict[str, int], now: int, rule: str) -> None:
    """By standing idle, by its age, or because it was ended."""
    assert staff.session_refusal(session(**more), account(), now) == rule


def test_a_disabled_account_has_no_session() -> None:
    """Nor has one that is gone."""
    assert staff.session_refusal(session(), account(state=staff.DISABLED), 1) == "ACCOUNT_DISABLED"
    assert staff.session_refusal(session(), None, 1) == "ACCOUNT_DISABLED"


@pytest.mark.parametrize("password", ["", "short", "aaaaaaaaaaaa", "the OP100 of the city", "abababababab"])
def test_easy_passwords(password: str) -> None:
    """Too short, too few letters, or the account in it."""
    assert staff.password_refusal(password, "op100") == "PASSWORD_WEAK"
    assert staff.password_refusal("a good long pass phrase", "op100") == ""
