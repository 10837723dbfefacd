"""操作者認証・権限管理 (assessment, system 4 function 9): what a duty allows, who may not confirm, who is shut out.

Owns the tables of duties and operations, lock-out and the life of a session. Pure: rows and times in, the name of the
rule that refuses out, or an empty text. Who asks, and the records of it, are `services.staff`'s.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import NamedTuple

from broker.rules.rights import NUMBER_USE, RIGHTS
from broker.tables import StaffAccount, StaffRight, StaffSecret, StaffSession

ACTIVE, DISABLED = "ACTIVE", "DISABLED"
EVERY_KIND = "*"
MINUTE_MS = 60_000
IDLE_MS = 15 * MINUTE_MS
ABSOLUTE_MS = 10 * 60 * MINUTE_MS
AGAIN_MS = MINUTE_MS  # so long a client that did not hear the answer may present the same pair of tokens again
FREE_FAILURES = 2  # typing errors that cost nothing
FIRST_LOCK_MS = 30_000
LONGEST_LOCK_MS = 60 * MINUTE_MS
PASSWORD_CHARACTERS = 12
ACCOUNT_CHARACTERS = 20


class Duty(StrEnum):
    """What somebody is there for."""

    INQUIRER = "INQUIRER"
    PROVIDER = "PROVIDER"
    ADMINISTRATOR = "ADMINISTRATOR"
    AUDITOR = "AUDITOR"
    # The two systems of the city: the rights of `broker.rules.rights`, each given by itself.
    HEALTH_INPUT = "HEALTH_INPUT"
    HEALTH_INQUIRY = "HEALTH_INQUIRY"
    NUMBER_USE = "NUMBER_USE"
    HEALTH_EXTRACTION = "HEALTH_EXTRACTION"
    HEALTH_TRANSMISSION = "HEALTH_TRANSMISSION"
    VRS_REGISTER = "VRS_REGISTER"
    VRS_DOSE = "VRS_DOSE"
    VRS_FLAG = "VRS_FLAG"
    VRS_INQUIRY = "VRS_INQUIRY"
    VRS_CERTIFICATE = "VRS_CERTIFICATE"
    VRS_EXPORT = "VRS_EXPORT"
    VRS_RECORDS = "VRS_RECORDS"


CITY_DUTIES = tuple(Duty(right) for right in dict.fromkeys((*RIGHTS.values(), NUMBER_USE)))
"""The duties of the city's own systems, in the order of their verbs."""

WORKING = (Duty.INQUIRER, Duty.PROVIDER, *CITY_DUTIES)

CONFLICTS: tuple[frozenset[Duty], ...] = (
    *(frozenset({Duty.ADMINISTRATOR, duty}) for duty in WORKING),
    *(frozenset({Duty.AUDITOR, duty}) for duty in WORKING),
    frozenset({Duty.AUDITOR, Duty.ADMINISTRATOR}),
)
"""Duties nobody has together: who gives rights uses none, who examines does nothing else."""


class Operation(NamedTuple):
    """One thing staff can do. of_kind: the right must be for the kind of information; apart: not by who asked or set
    it up; sets_up: whoever does it cannot confirm later."""

    name: str
    duties: frozenset[Duty]
    of_kind: bool = False
    apart: bool = False
    sets_up: bool = False


def _operation(
    name: str, *duties: Duty, of_kind: bool = False, apart: bool = False, sets_up: bool = False
) -> Operation:
    return Operation(name, frozenset(duties), of_kind, apart, sets_up)


OPERATIONS: dict[str, Operation] = {
    one.name: one
    for one in (
        _operation("WHOAMI", *Duty),
        _operation("LOGOUT", *Duty),
        _operation("INQUIRY_SEND", Duty.INQUIRER, of_kind=True),
        _operation("COPY_FLAG", Duty.PROVIDER, of_kind=True, sets_up=True),
        _operation("HOLD_LIST", Duty.PROVIDER, Duty.AUDITOR),
        _operation("HOLD_SHOW", Duty.PROVIDER, of_kind=True),
        _operation("HOLD_CONFIRM", Duty.PROVIDER, of_kind=True, apart=True),
        _operation("HOLD_REFUSE", Duty.PROVIDER, of_kind=True),
        _operation("RECORDS_LIST", Duty.INQUIRER, Duty.PROVIDER, Duty.AUDITOR),
        _operation("RECORDS_SHOW", Duty.INQUIRER, Duty.PROVIDER, Duty.AUDITOR),
        _operation("OPERATIONS_LIST", Duty.AUDITOR),
        _operation("STATISTICS", Duty.AUDITOR, Duty.ADMINISTRATOR),
        _operation("STATE_SHOW", *Duty),
        _operation("STATE_DECLARE", Duty.ADMINISTRATOR),
        _operation("KEYS_LIST", Duty.ADMINISTRATOR, Duty.AUDITOR),
        _operation("KEYS_ROTATE", Duty.ADMINISTRATOR),
        _operation("KEYS_REVOKE", Duty.ADMINISTRATOR),
        _operation("PORTAL_NOTIFY", Duty.PROVIDER),
        _operation("LINKAGE_SUSPEND", Duty.ADMINISTRATOR),
        _operation("LINKAGE_RESUME", Duty.ADMINISTRATOR),
        _operation("LAYOUT_SWITCH", Duty.ADMINISTRATOR),
        _operation("STAFF_LIST", Duty.ADMINISTRATOR, Duty.AUDITOR),
        _operation("STAFF_ADD", Duty.ADMINISTRATOR),
        _operation("STAFF_GRANT", Duty.ADMINISTRATOR),
        _operation("STAFF_REVOKE", Duty.ADMINISTRATOR),
        _operation("STAFF_DISABLE", Duty.ADMINISTRATOR),
        _operation("STAFF_ENABLE", Duty.ADMINISTRATOR),
        _operation("HEALTH_INPUT", Duty.HEALTH_INPUT, of_kind=True),
        _operation("HEALTH_INQUIRY", Duty.HEALTH_INQUIRY),
        _operation("NUMBER_USE", Duty.NUMBER_USE),
        _operation("HEALTH_EXTRACTION", Duty.HEALTH_EXTRACTION, of_kind=True),
        _operation("HEALTH_TRANSMISSION", Duty.HEALTH_TRANSMISSION),
        _operation("VRS_REGISTER", Duty.VRS_REGISTER),
        _operation("VRS_DOSE", Duty.VRS_DOSE),
        _operation("VRS_FLAG", Duty.VRS_FLAG),
        _operation("VRS_INQUIRY", Duty.VRS_INQUIRY),
        _operation("VRS_CERTIFICATE", Duty.VRS_CERTIFICATE),
        _operation("VRS_EXPORT", Duty.VRS_EXPORT),
        _operation("VRS_RECORDS", Duty.VRS_RECORDS),
    )
}
FREE = frozenset({"WHOAMI", "LOGOUT"})
"""Operations that ask for a session and for no right."""


def right_refusal(operation: Operation, rights: Sequence[StaffRight], kinds: Collection[str]) -> str:
    """Whether these rights allow the operation, for every one of these kinds where it is about kinds."""
    if operation.name in FREE:
        return ""
    held = {right.spi_name_code for right in rights if right.duty in operation.duties}
    if not held:
        return "RIGHT_MISSING"
    if operation.of_kind and EVERY_KIND not in held and not set(kinds) <= held:
        return "RIGHT_MISSING"
    return ""


def grant_refusal(actor: StaffAccount, target: StaffAccount, held: Sequence[StaffRight], duty: Duty) -> str:
    """Whether one account may give another this duty: never to the same person, and never against CONFLICTS."""
    if is_same_person(actor, target):
        return "SELF_GRANT"
    together = {Duty(right.duty) for right in held} | {duty}
    return "DUTIES_CONFLICT" if any(pair <= together for pair in CONFLICTS) else ""


def is_same_person(one: StaffAccount, other: StaffAccount) -> bool:
    """One account, or two of one person."""
    same_account = one[:2] == other[:2]
    return same_account or (one.person_reference != "" and one.person_reference == other.person_reference)


def locked_for_ms(failures: int) -> int:
    """How long one is shut out after so many failures in a row: half a minute, then twice as long each time."""
    beyond = failures - FREE_FAILURES
    return 0 if beyond <= 0 else min(FIRST_LOCK_MS << min(beyond - 1, 20), LONGEST_LOCK_MS)


def failed(secret: StaffSecret, now: int) -> StaffSecret:
    """The secret after one more failure."""
    failures = secret.failures + 1
    wait = locked_for_ms(failures)
    return secret._replace(failures=failures, locked_until=now + wait if wait else 0)


def session_refusal(session: StaffSession, account: StaffAccount | None, now: int) -> str:
    """Whether a session that is presented rightly is still good."""
    if session.ended_at:
        return "SESSION_ENDED"
    if now - session.used_at > IDLE_MS or now - session.created_at > ABSOLUTE_MS:
        return "SESSION_EXPIRED"
    return "" if account is not None and account.state == ACTIVE else "ACCOUNT_DISABLED"


def password_refusal(password: str, account_id: str) -> str:
    """Whether a password can be guessed too easily."""
    plain = password.lower()
    if len(password) < PASSWORD_CHARACTERS or len(set(plain)) < 5 or account_id.lower() in plain:
        return "PASSWORD_WEAK"
    return ""


def copy_subject(integrated_number: str, spi_name_code: str) -> str:
    """What the flag on a person's copies of a kind is called in acts and records."""
    return f"{integrated_number}/{spi_name_code}"
