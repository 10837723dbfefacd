"""The desk of staff, on tables in memory and on a real PostgreSQL: every refusal is recorded, nothing goes unseen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from hashlib import sha256
from typing import Any

import pytest
from argon2 import PasswordHasher
from factories import KARIYA, TOYOTA

from broker.adapters.memory import MemoryStore
from broker.adapters.postgres import PostgresStore, connect_pool
from broker.adapters.virtual_time import SeededRandomness
from broker.errors import WorldFault
from broker.ports import Store
from broker.rules import staff
from broker.rules.staff import CITY_DUTIES, EVERY_KIND, OPERATIONS, Duty
from broker.tables import TABLE_OF, Exchange, StaffAccount, StaffRight, StaffSecret, StaffSession
from broker.topics import lane_of
from schemas.records import Message, OperationRecorded
from services.staff.desk import About, Desk, Presented, Verdict

PASSWORD = "correct horse battery"
HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)  # as good, and quick
KIND, OTHER_KIND = "TM99000000000001", "TM00000000000001"
EXCHANGE = f"{TOYOTA}-20260401000000000100"
COPIES = staff.copy_subject("000000000000016", KIND)
HELD = About(EXCHANGE, KARIYA, (KIND,), EXCHANGE, COPIES)


@pytest.fixture(params=["memory", "postgres"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    """Either store, empty."""
    if request.param == "memory":
        yield MemoryStore()
        return
    real = PostgresStore(await connect_pool(request.getfixturevalue("postgres_dsn"), 6))
    yield real
    await real.close()


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1_790_000_000_000

    def now_ms(self) -> int:
        """See `broker.ports.Clock`."""
        return self.now


class Office:
    """A desk, its clock, and all that was recorded; `silent` makes the log unreachable."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.clock = Clock()
        self.records: list[OperationRecorded] = []
        self.silent = False
        self.desk = Desk(store, self.say, self.clock, SeededRandomness(1))
        self._drawn = 0

    async def say(self, messages: Sequence[Message]) -> None:
        """Into the log."""
        if self.silent:
            raise WorldFault("Kafka is away")
        self.records += [one for one in messages if isinstance(one, OperationRecorded)]

    async def hire(
        self, account_id: str, *rights: tuple[Duty, str], person: str = "", institution: str = KARIYA
    ) -> None:
        """Somebody with these rights, all under one password."""
        async with self.store.transaction() as transaction:
            account = StaffAccount(institution, account_id, "", person, staff.ACTIVE, 0, "test")
            await transaction.write(StaffAccount, [account])
            await transaction.write(StaffSecret, [StaffSecret(institution, account_id, HASH, 0, 0)])
            for duty, kind in rights:
                await transaction.write(StaffRight, [StaffRight(institution, account_id, duty, kind, 0, "test")])

    def fresh(self, client: str = "desk 1") -> Presented:
        """What a new login asks for."""
        self._drawn += 1
        text = sha256(str(self._drawn).encode()).hexdigest()
        return Presented(text[:32], text, text[::-1], client)

    async def session(self, account_id: str, institution: str = KARIYA) -> Presented:
        """Signed in."""
        first = self.fresh()
        assert (await self.desk.login(institution, account_id, PASSWORD, first)).allowed
        return first

    def next(self, used: Presented) -> Presented:
        """What the client presents after a use."""
        return used._replace(token=used.following, following=self.fresh().token)

    async def written(self, kind: type[Any], *key: Any) -> Any:
        """A row."""
        async with self.store.transaction() as transaction:
            return (await transaction.rows(kind, [key]))[0]

    def last(self) -> tuple[str, str, bool, str]:
        """The last record: who, what, whether it was allowed, and the rule."""
        one = self.records[-1]
        return one.account_id, one.operation, one.allowed, one.rule


@pytest.fixture
async def office(store: Store) -> Office:
    """A desk with nobody at it."""
    return Office(store)


async def test_in_an_operation_and_out(office: Office) -> None:
    """Login, an operation, a view and logout are each recorded, in the institution's own log."""
    await office.hire("OP1", (Duty.PROVIDER, EVERY_KIND))
    first = await office.session("OP1")
    second = office.next(first)
    shown = await office.desk.use(first, "HOLD_SHOW", HELD)
    out = await office.desk.logout(second)
    after = await office.desk.use(office.next(second), "HOLD_SHOW", HELD)

    assert (shown.allowed, out.allowed, after.rule) == (True, True, "SESSION_ENDED")
    assert [(one.operation, one.allowed) for one in office.records] == [
        ("LOGIN", True),
        ("HOLD_SHOW", True),
        ("LOGOUT", True),
        ("HOLD_SHOW", False),
    ]
    assert {(one.institution_code, one.lane, one.account_id) for one in office.records} == {
        (KARIYA, lane_of(KARIYA), "OP1")
    }
    assert office.records[1].subject == EXCHANGE
    assert len({one.operation_id for one in office.records}) == 4


async def test_a_wrong_password_is_refused_and_recorded(office: Office) -> None:
    """Nobody learns whether the account or the password was wrong; what was typed for a name is not written down."""
    await office.hire("OP1")
    wrong = await office.desk.login(KARIYA, "OP1", "wrong password", office.fresh())
    known = office.last()
    nobody = await office.desk.login(KARIYA, "my password?", PASSWORD, office.fresh())

    assert wrong == nobody == Verdict("LOGIN_REFUSED")
    assert known == ("OP1", "LOGIN", False, "LOGIN_REFUSED")
    assert office.last() == ("", "LOGIN", False, "LOGIN_REFUSED")


async def test_shut_out_with_back_off(office: Office) -> None:
    """The third error shuts out for 30 s, the fourth for 60; meanwhile the right password is refused too; then it is
    good and everything is forgotten."""
    await office.hire("OP1")
    waits: list[int] = []
    rules = [(await office.desk.login(KARIYA, "OP1", "wrong password", office.fresh())).rule for _ in range(3)]
    rules.append((await office.desk.login(KARIYA, "OP1", PASSWORD, office.fresh())).rule)
    recorded = office.last()
    waits.append((await office.written(StaffSecret, KARIYA, "OP1")).locked_until - office.clock.now)
    office.clock.now += 30_000
    rules.append((await office.desk.login(KARIYA, "OP1", "wrong password", office.fresh())).rule)
    waits.append((await office.written(StaffSecret, KARIYA, "OP1")).locked_until - office.clock.now)
    office.clock.now += 60_000
    rules.append((await office.desk.login(KARIYA, "OP1", PASSWORD, office.fresh())).rule)

    assert rules == [*["LOGIN_REFUSED"] * 3, "ACCOUNT_LOCKED", "LOGIN_REFUSED", ""]
    assert waits == [30_000, 60_000]
    assert recorded == ("OP1", "LOGIN", False, "ACCOUNT_LOCKED")
    assert (await office.written(StaffSecret, KARIYA, "OP1"))[3:] == (0, 0)


async def test_guessing_in_parallel_gains_nothing(office: Office) -> None:
    """Of many guesses at once no more are looked at than of guesses one after the other."""
    await office.hire("OP1")
    guesses = [office.desk.login(KARIYA, "OP1", f"wrong password {n}", office.fresh()) for n in range(6)]
    rules = [verdict.rule for verdict in await asyncio.gather(*guesses)]

    assert sorted(rules) == [*["ACCOUNT_LOCKED"] * 3, *["LOGIN_REFUSED"] * 3]
    assert len(office.records) == 6


async def test_an_idle_session_ends(office: Office) -> None:
    """After a quarter of an hour without a use, and after ten hours with, and it stays ended."""
    await office.hire("OP1", (Duty.PROVIDER, EVERY_KIND))
    first = await office.session("OP1")
    office.clock.now += staff.IDLE_MS + 1
    idle = await office.desk.use(first, "HOLD_LIST")
    recorded = office.last()
    office.clock.now -= staff.IDLE_MS
    again = await office.desk.use(first, "HOLD_LIST")
    session = await office.session("OP1")
    for _ in range(staff.ABSOLUTE_MS // staff.IDLE_MS):
        office.clock.now += staff.IDLE_MS
        assert (await office.desk.use(session, "HOLD_LIST")).allowed
        session = office.next(session)
    office.clock.now += 1
    old = await office.desk.use(session, "HOLD_LIST")

    assert (idle.rule, again.rule, old.rule) == ("SESSION_EXPIRED", "SESSION_ENDED", "SESSION_EXPIRED")
    assert recorded == ("OP1", "HOLD_LIST", False, "SESSION_EXPIRED")


async def test_a_stolen_token_ends_all_sessions(office: Office) -> None:
    """Thief and owner cannot both go on: the token that comes back is noticed, every session of the account ends."""
    await office.hire("OP1", (Duty.PROVIDER, EVERY_KIND))
    mine, elsewhere = await office.session("OP1"), await office.session("OP1")
    stolen = mine._replace(following=office.fresh().token)
    assert (await office.desk.use(mine, "HOLD_LIST")).allowed
    thief = await office.desk.use(stolen, "HOLD_LIST")
    recorded = office.last()
    owner = await office.desk.use(office.next(mine), "HOLD_LIST")
    other = await office.desk.use(elsewhere, "HOLD_LIST")

    assert (thief.rule, owner.rule, other.rule) == ("SESSION_STOLEN", "SESSION_ENDED", "SESSION_ENDED")
    assert recorded == ("OP1", "HOLD_LIST", False, "SESSION_STOLEN")
    assert (await office.written(StaffSession, elsewhere.session_id)).ended_because == "SESSION_STOLEN"


async def test_a_thief_who_comes_first_is_noticed_by_the_owner(office: Office) -> None:
    """The owner's next use brings back the token the thief has used: both are out."""
    await office.hire("OP1", (Duty.PROVIDER, EVERY_KIND))
    mine = await office.session("OP1")
    thief = mine._replace(following=office.fresh().token)
    first = await office.desk.use(thief, "HOLD_LIST")
    owner = await office.desk.use(mine, "HOLD_LIST")
    later = await office.desk.use(office.next(thief), "HOLD_LIST")

    assert (first.rule, owner.rule, later.rule) == ("", "SESSION_STOLEN", "SESSION_ENDED")


async def test_a_session_from_another_client_is_stolen(office: Office) -> None:
    """The file was copied to another machine or user: noticed at the first use, though the token is good."""
    await office.hire("OP1", (Duty.PROVIDER, EVERY_KIND))
    mine = await office.session("OP1")
    moved = await office.desk.use(mine._replace(client="another desk"), "HOLD_LIST")

    assert moved.rule == "SESSION_STOLEN"
    assert (await office.desk.use(mine, "HOLD_LIST")).rule == "SESSION_ENDED"


async def test_an_answer_that_was_not_heard_is_asked_again(office: Office) -> None:
    """A command that was cut short presents the same pair again, soon, and is no thief; later it would be."""
    await office.hire("OP1", (Duty.PROVIDER, EVERY_KIND))
    mine = await office.session("OP1")
    assert (await office.desk.use(mine, "HOLD_LIST")).allowed
    again = await office.desk.use(mine, "HOLD_LIST")
    office.clock.now += staff.AGAIN_MS + 1
    late = await office.desk.use(mine, "HOLD_LIST")

    assert (again.rule, late.rule) == ("", "SESSION_STOLEN")


async def test_a_session_nobody_was_given(office: Office) -> None:
    """No session, or one that was made up, opens nothing."""
    assert (await office.desk.use(None, "HOLD_LIST")).rule == "NOT_SIGNED_IN"
    assert (await office.desk.use(office.fresh(), "HOLD_LIST")).rule == "NOT_SIGNED_IN"


async def test_tokens_and_passwords_are_not_kept(office: Office) -> None:
    """Who reads the tables can neither log in nor use a session; nor can the institution's own role see the secrets."""
    await office.hire("OP1")
    mine = await office.session("OP1")
    row, secret = await office.written(StaffSession, mine.session_id), await office.written(StaffSecret, KARIYA, "OP1")

    assert mine.token.encode() not in row.token_digest
    assert mine.token not in str(row)
    assert secret.password_hash.startswith("$argon2id$")
    assert (TABLE_OF[StaffSecret].tenant, TABLE_OF[StaffSession].tenant) == ("", "")


async def test_a_right_revoked_in_mid_session_is_gone(office: Office) -> None:
    """The session goes on, the operation is refused and recorded."""
    await office.hire("AD1", (Duty.ADMINISTRATOR, EVERY_KIND))
    await office.hire("OP1", (Duty.PROVIDER, KIND))
    mine, admin = await office.session("OP1"), await office.session("AD1")
    before = await office.desk.use(mine, "HOLD_SHOW", HELD)
    revoked = await office.desk.revoke(admin, "OP1", Duty.PROVIDER, KIND)
    after = await office.desk.use(office.next(mine), "HOLD_SHOW", HELD)

    assert (before.rule, revoked.rule, after.rule) == ("", "", "RIGHT_MISSING")
    assert office.last() == ("OP1", "HOLD_SHOW", False, "RIGHT_MISSING")


@pytest.mark.parametrize("duty", CITY_DUTIES)
async def test_a_right_of_the_city_systems_is_given_used_and_taken(duty: Duty, office: Office) -> None:
    """With it the verb goes on, without it or once it was revoked it is refused; each attempt is in the log."""
    await office.hire("AD1", (Duty.ADMINISTRATOR, EVERY_KIND))
    await office.hire("HK1", (Duty.INQUIRER, EVERY_KIND))
    mine, admin = await office.session("HK1"), await office.session("AD1")
    rules = []
    for change in (None, office.desk.grant, office.desk.revoke):
        if change is not None:
            rules.append((await change(admin, "HK1", duty, EVERY_KIND)).rule)
            admin = office.next(admin)
        rules.append((await office.desk.use(mine, duty.value, About("7", KARIYA))).rule)
        mine = office.next(mine)
    abroad = await office.desk.use(mine, duty.value, About("7", TOYOTA))

    assert rules == ["RIGHT_MISSING", "", "", "", "RIGHT_MISSING"]
    assert abroad.rule == "OTHER_INSTITUTION"
    assert [(one.allowed, one.rule) for one in office.records if one.operation == duty.value] == [
        (False, "RIGHT_MISSING"),
        (True, ""),
        (False, "RIGHT_MISSING"),
        (False, "OTHER_INSTITUTION"),
    ]


async def test_nobody_grants_a_right_to_oneself(office: Office) -> None:
    """Neither to the account nor to another account of the same person; both attempts are recorded."""
    await office.hire("AD1", (Duty.ADMINISTRATOR, EVERY_KIND), person="city/77")
    await office.hire("OP7", person="city/77")
    first = await office.session("AD1")
    mine = await office.desk.grant(first, "AD1", Duty.AUDITOR, EVERY_KIND)
    recorded = office.last()
    other = await office.desk.grant(office.next(first), "OP7", Duty.INQUIRER, EVERY_KIND)

    assert (mine.rule, other.rule) == ("SELF_GRANT", "SELF_GRANT")
    assert recorded == office.last() == ("AD1", "STAFF_GRANT", False, "SELF_GRANT")
    assert office.records[-1].subject == f"OP7 INQUIRER {EVERY_KIND}"


async def test_who_has_no_right_grants_none(office: Office) -> None:
    """Only administrators touch accounts, and only at their own institution."""
    await office.hire("OP1", (Duty.PROVIDER, EVERY_KIND))
    await office.hire("OP2")
    await office.hire("OP9", institution=TOYOTA)
    await office.hire("AD1", (Duty.ADMINISTRATOR, EVERY_KIND))
    operator, admin = await office.session("OP1"), await office.session("AD1")
    without = await office.desk.grant(operator, "OP2", Duty.INQUIRER, KIND)
    abroad = await office.desk.grant(admin, "OP9", Duty.INQUIRER, KIND)
    admin = office.next(admin)
    conflict = await office.desk.grant(admin, "OP1", Duty.AUDITOR, EVERY_KIND)

    assert (without.rule, abroad.rule, conflict.rule) == ("RIGHT_MISSING", "ACCOUNT_UNKNOWN", "DUTIES_CONFLICT")
    assert office.last() == ("AD1", "STAFF_GRANT", False, "DUTIES_CONFLICT")


async def test_who_asked_cannot_confirm(office: Office) -> None:
    """The same person with an account at the inquirer and one at the provider: asked there, refused here, recorded."""
    await office.hire("OP1", (Duty.INQUIRER, EVERY_KIND), person="city/5", institution=TOYOTA)
    await office.hire("OP8", (Duty.PROVIDER, EVERY_KIND), person="city/5")
    await office.hire("OP9", (Duty.PROVIDER, EVERY_KIND), person="city/6")
    async with office.store.transaction() as transaction:
        await transaction.write(Exchange, [asked_by("KENKO/OP1")])
    same = await office.desk.use(await office.session("OP8"), "HOLD_CONFIRM", HELD)
    recorded = office.last()
    other = await office.desk.use(await office.session("OP9"), "HOLD_CONFIRM", HELD)

    assert (same.rule, other.rule) == ("ASKED_BY_SAME_PERSON", "")
    assert recorded == ("OP8", "HOLD_CONFIRM", False, "ASKED_BY_SAME_PERSON")


def asked_by(operator: str) -> Exchange:
    """The exchange that is held, asked by this operator of Toyota."""
    texts = dict.fromkeys(Exchange._fields, "")
    numbers = dict.fromkeys(("kind_index", "requested_at", "deadline_at", "list_version"), 0)
    values: dict[str, Any] = texts | numbers | {"answer": b"", "exchange_id": EXCHANGE, "institution_code": TOYOTA}
    return Exchange(**(values | {"operator_id": operator}))


async def test_who_set_the_flag_cannot_confirm(office: Office) -> None:
    """Whoever blocked the copies from automatic answers does not let them go; a colleague does."""
    await office.hire("OP1", (Duty.PROVIDER, EVERY_KIND))
    await office.hire("OP2", (Duty.PROVIDER, EVERY_KIND))
    first = await office.session("OP1")
    flagged = await office.desk.use(first, "COPY_FLAG", About(COPIES, KARIYA, (KIND,), copies=COPIES))
    same = await office.desk.use(office.next(first), "HOLD_CONFIRM", HELD)
    recorded = office.last()
    other = await office.desk.use(await office.session("OP2"), "HOLD_CONFIRM", HELD)

    assert (flagged.rule, same.rule, other.rule) == ("", "SET_UP_BY_SAME_PERSON", "")
    assert recorded == ("OP1", "HOLD_CONFIRM", False, "SET_UP_BY_SAME_PERSON")


async def test_another_institutions_hold_is_refused(office: Office) -> None:
    """A right is a right at one's own institution."""
    await office.hire("OP1", (Duty.PROVIDER, EVERY_KIND))
    verdict = await office.desk.use(await office.session("OP1"), "HOLD_SHOW", HELD._replace(institution_code=TOYOTA))

    assert verdict.rule == "OTHER_INSTITUTION"
    assert office.last() == ("OP1", "HOLD_SHOW", False, "OTHER_INSTITUTION")


async def test_a_kind_without_a_right_is_refused(office: Office) -> None:
    """Somebody for vaccinations does not see taxes."""
    await office.hire("OP1", (Duty.PROVIDER, KIND))
    first = await office.session("OP1")
    verdict = await office.desk.use(first, "HOLD_SHOW", HELD._replace(kinds=(OTHER_KIND,)))
    listed = await office.desk.use(office.next(first), "HOLD_LIST")

    assert verdict.rule == "RIGHT_MISSING"
    assert (listed.sees(KIND), listed.sees(OTHER_KIND)) == (True, False)


async def test_no_record_no_operation(office: Office) -> None:
    """When the log cannot be reached, nothing is allowed and nobody gets in."""
    await office.hire("OP1", (Duty.PROVIDER, EVERY_KIND))
    first = await office.session("OP1")
    office.silent = True

    with pytest.raises(WorldFault):
        await office.desk.use(first, "HOLD_SHOW", HELD)
    with pytest.raises(WorldFault):
        await office.desk.login(KARIYA, "OP1", PASSWORD, office.fresh())
    office.silent = False
    assert (await office.desk.use(first, "HOLD_SHOW", HELD)).allowed


async def test_disabling_ends_sessions_and_enabling_is_for_others(office: Office) -> None:
    """A disabled account is out at once and cannot come in; its failures are forgotten when it is let in again."""
    await office.hire("AD1", (Duty.ADMINISTRATOR, EVERY_KIND))
    await office.hire("OP1", (Duty.PROVIDER, EVERY_KIND))
    mine, admin = await office.session("OP1"), await office.session("AD1")
    disabled = await office.desk.set_state(admin, "OP1", active=False)
    used = await office.desk.use(mine, "HOLD_LIST")
    came = await office.desk.login(KARIYA, "OP1", PASSWORD, office.fresh())
    admin = office.next(admin)
    unknown = await office.desk.set_state(admin, "OP77", active=False)
    enabled = await office.desk.set_state(office.next(admin), "OP1", active=True)
    back = await office.desk.login(KARIYA, "OP1", PASSWORD, office.fresh())

    rules = [one.rule for one in (disabled, used, came, unknown, enabled, back)]
    assert rules == ["", "SESSION_ENDED", "LOGIN_REFUSED", "ACCOUNT_UNKNOWN", "", ""]


async def test_accounts_are_made_without_rights(office: Office) -> None:
    """The installation's owner makes the first administrator, once; administrators make the others, with passwords
    that are not easy."""
    first = await office.desk.first(KARIYA, "AD1", "管理", "", PASSWORD)
    second = await office.desk.first(KARIYA, "AD2", "管理", "", PASSWORD)
    admin = await office.session("AD1")
    weak = await office.desk.add(admin, "OP1", "照会", "", "password")
    admin = office.next(admin)
    added = await office.desk.add(admin, "OP1", "照会", "", PASSWORD)
    admin = office.next(admin)
    twice = await office.desk.add(admin, "OP1", "照会", "", PASSWORD)
    admin = office.next(admin)
    granted = await office.desk.grant(admin, "OP1", Duty.INQUIRER, KIND)
    asked = await office.desk.use(await office.session("OP1"), "INQUIRY_SEND", About("Q", KARIYA, (KIND,)))

    rules = [one.rule for one in (first, second, weak, added, twice, granted, asked)]
    assert rules == ["", "ACCOUNT_EXISTS", "PASSWORD_WEAK", "", "ACCOUNT_EXISTS", "", ""]
    assert [(one.account_id, [r.duty for r in rights]) for one, rights in await office.desk.accounts(KARIYA)] == [
        ("AD1", ["ADMINISTRATOR"]),
        ("OP1", ["INQUIRER"]),
    ]
    assert await office.desk.accounts(TOYOTA) == []


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
async def test_without_any_right_nothing_is_allowed(operation: str, office: Office) -> None:
    """An account alone opens nothing but itself, and each attempt is recorded."""
    await office.hire("OP1")
    verdict = await office.desk.use(await office.session("OP1"), operation, HELD)

    assert verdict.rule == ("" if operation in staff.FREE else "RIGHT_MISSING")
    assert office.last()[:2] == ("OP1", operation)
