"""The desk: the one place that decides who of an institution's staff may do what (中間サーバー function 9).

Owns logging in and out, sessions, rights and their record. Promises: nothing is allowed or refused without an
OperationRecorded on its way into the institution's log, acknowledged before the answer is given (fail closed: no
record, no operation); a token is good once, and one that comes back, or comes from another client, ends all sessions
of its account; rights are looked at anew at every operation. Leaves the rules to `broker.rules.staff` and the log to
`provision_log`.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from broker.ports import Clock, Randomness, Store, Transaction
from broker.rules import staff
from broker.rules.staff import ACTIVE, DISABLED, EVERY_KIND, OPERATIONS, Duty, Operation
from broker.tables import Exchange, StaffAccount, StaffAct, StaffRight, StaffSecret, StaffSession
from broker.topics import lane_of
from schemas.records import Message, OperationRecorded
from services.staff import passwords

BY_INSTITUTION = ("institution_code",)
BY_ACCOUNT = ("institution_code", "account_id")
BY_SUBJECT = ("institution_code", "subject")
SETTER_UP = "set-up"  # who makes an institution's first administrator: whoever owns the installation

Say = Callable[[Sequence[Message]], Awaitable[None]]


class Presented(NamedTuple):
    """What a client shows. token: good now; following: what it wants to be good afterwards; client: where it runs."""

    session_id: str
    token: str
    following: str
    client: str


class About(NamedTuple):
    """What an operation is about. exchange_id: for one that must not be confirmed by who asked; copies: whose copies
    and of which kind, for one that must not be confirmed by who set the flag."""

    subject: str = ""
    institution_code: str = ""
    kinds: tuple[str, ...] = ()
    exchange_id: str = ""
    copies: str = ""


class Verdict(NamedTuple):
    """What the desk says. rule: what refused, or empty; then account and session are there, and for which kinds of
    information the duty was given (`*`: all)."""

    rule: str
    account: StaffAccount | None = None
    session_id: str = ""
    kinds: frozenset[str] = frozenset()

    @property
    def allowed(self) -> bool:
        """Whether it may be done."""
        return self.rule == ""

    def sees(self, spi_name_code: str) -> bool:
        """Whether the right covers this kind."""
        return EVERY_KIND in self.kinds or spi_name_code in self.kinds


def digest(text: str) -> bytes:
    """What is kept of a token: a stolen table opens no session."""
    return hashlib.sha256(text.encode()).digest()


class Desk:
    """The desk of an installation. `say` says messages, each acknowledged when the call returns."""

    def __init__(self, store: Store, say: Say, clock: Clock, randomness: Randomness) -> None:
        self._store = store
        self._say = say
        self._clock = clock
        self._randomness = randomness

    # ── in and out ───────────────────────────────────────────────────────────────────────────────────────────────

    async def login(self, institution_code: str, account_id: str, password: str, first: Presented) -> Verdict:
        """A session with token and client of `first`, or LOGIN_REFUSED (whatever was wrong), or ACCOUNT_LOCKED.

        A failure counts; while an account is locked the right password is refused too.
        """
        now = self._clock.now_ms()
        async with self._store.transaction() as transaction:
            await transaction.alone(f"staff/{institution_code}/{account_id}")
            account, secret = await self._known(transaction, institution_code, account_id)
            rule = "ACCOUNT_LOCKED" if secret is not None and now < secret.locked_until else ""
            if not rule:
                right = await asyncio.to_thread(
                    passwords.is_right, secret.password_hash if secret is not None else "", password
                )
                rule = "" if right and account is not None and account.state == ACTIVE else "LOGIN_REFUSED"
                if secret is not None:
                    kept = secret._replace(failures=0, locked_until=0) if right else staff.failed(secret, now)
                    await transaction.write(StaffSecret, [kept])
            if not rule:
                session = StaffSession(
                    first.session_id,
                    institution_code,
                    account_id,
                    digest(first.token),
                    digest(first.client),
                    now,
                    now,
                    0,
                    "",
                )
                await transaction.write(StaffSession, [session])
        # What was typed for a name may be anything, a password included: only a name that exists is written down.
        name = account_id if account is not None else ""
        await self._record(institution_code, name, "" if rule else first.session_id, "LOGIN", "", rule, now)
        return Verdict(rule, account if not rule else None, first.session_id if not rule else "")

    async def logout(self, presented: Presented) -> Verdict:
        """The session is over."""
        verdict = await self.use(presented, "LOGOUT")
        if verdict.allowed:
            async with self._store.transaction() as transaction:
                session = await self._session(transaction, presented.session_id)
                if session is not None and not session.ended_at:
                    ended = session._replace(ended_at=self._clock.now_ms(), ended_because="LOGOUT")
                    await transaction.write(StaffSession, [ended])
        return verdict

    # ── every operation ──────────────────────────────────────────────────────────────────────────────────────────

    async def use(self, presented: Presented | None, operation: str, about: About = About()) -> Verdict:  # noqa: B008
        """May the holder of this session do this now? Recorded either way; the token changes with the asking."""
        if presented is None:
            return Verdict("NOT_SIGNED_IN")
        now = self._clock.now_ms()
        async with self._store.transaction() as transaction:
            session = await self._session(transaction, presented.session_id)
            if session is None:
                return Verdict("NOT_SIGNED_IN")
            owner = session.institution_code
            account, _ = await self._known(transaction, owner, session.account_id)
            rule = await self._session_rule(transaction, session, presented, account, now)
            rights: list[StaffRight] = await transaction.find(StaffRight, BY_ACCOUNT, [(owner, session.account_id)])
            held = rights_for(OPERATIONS[operation], rights)
            if not rule and account is not None:
                rule = await self._rule(transaction, OPERATIONS[operation], account, rights, about)
                if not rule and OPERATIONS[operation].sets_up:
                    await transaction.write(StaffAct, [StaffAct(owner, about.copies, account.account_id, now)])
        await self._record(owner, session.account_id, session.session_id, operation, about.subject, rule, now)
        return Verdict(rule, account, session.session_id, frozenset(held))

    async def _session_rule(
        self,
        transaction: Transaction,
        session: StaffSession,
        presented: Presented,
        account: StaffAccount | None,
        now: int,
    ) -> str:
        """Is the session good, and presented by whom it was given to? If so the next token is the one that is good."""
        token, following = digest(presented.token), digest(presented.following)
        # A client that did not hear the answer presents the same pair again, soon: then `following` is already good.
        again = now - session.used_at <= staff.AGAIN_MS and hmac.compare_digest(following, session.token_digest)
        own = again or hmac.compare_digest(token, session.token_digest)
        own = own and hmac.compare_digest(digest(presented.client), session.client_digest)
        if not own and not session.ended_at:
            await self._end_all(transaction, session, "SESSION_STOLEN", now)
        if not own:
            return "SESSION_STOLEN"
        rule = staff.session_refusal(session, account, now)
        if rule and not session.ended_at:
            await transaction.write(StaffSession, [session._replace(ended_at=now, ended_because=rule)])
        if not rule:
            await transaction.write(StaffSession, [session._replace(token_digest=following, used_at=now)])
        return rule

    async def _rule(
        self,
        transaction: Transaction,
        operation: Operation,
        account: StaffAccount,
        rights: Sequence[StaffRight],
        about: About,
    ) -> str:
        if about.institution_code not in ("", account.institution_code):
            return "OTHER_INSTITUTION"
        rule = staff.right_refusal(operation, rights, about.kinds)
        if rule or not operation.apart:
            return rule
        return await self._apart_rule(transaction, account, about)

    async def _apart_rule(self, transaction: Transaction, account: StaffAccount, about: About) -> str:
        """Who asked, and who set it up, cannot confirm; nor can the same person under another account."""
        exchanges: list[Exchange] = await transaction.rows(Exchange, [(about.exchange_id,)])
        for one in exchanges:
            asked = await self._account(transaction, one.institution_code, one.operator_id.rpartition("/")[2])
            if asked is not None and staff.is_same_person(account, asked):
                return "ASKED_BY_SAME_PERSON"
        subject = (account.institution_code, about.copies)
        acts: list[StaffAct] = await transaction.find(StaffAct, BY_SUBJECT, [subject])
        for act in acts:
            actor = await self._account(transaction, act.institution_code, act.account_id)
            if actor is not None and staff.is_same_person(account, actor):
                return "SET_UP_BY_SAME_PERSON"
        return ""

    # ── accounts and rights ──────────────────────────────────────────────────────────────────────────────────────

    async def accounts(self, institution_code: str) -> list[tuple[StaffAccount, list[StaffRight]]]:
        """Everybody of an institution with their rights; ask `use` first."""
        async with self._store.transaction() as transaction:
            found: list[StaffAccount] = await transaction.find(StaffAccount, BY_INSTITUTION, [(institution_code,)])
            rights: list[StaffRight] = await transaction.find(StaffRight, BY_INSTITUTION, [(institution_code,)])
        return [(one, sorted(right for right in rights if right.account_id == one.account_id)) for one in sorted(found)]

    async def add(self, presented: Presented, account_id: str, name: str, person: str, password: str) -> Verdict:
        """A new account without any right."""
        verdict = await self.use(presented, "STAFF_ADD", About(account_id))
        if not verdict.allowed or verdict.account is None:
            return verdict
        actor = verdict.account
        rule = await self._add(actor.institution_code, account_id, name, person, password, actor.account_id)
        return await self._done(verdict, "STAFF_ADD", account_id, rule)

    async def first(self, institution_code: str, account_id: str, name: str, person: str, password: str) -> Verdict:
        """An institution's first administrator, made by whoever set it up; ACCOUNT_EXISTS when there is one."""
        now = self._clock.now_ms()
        async with self._store.transaction() as transaction:
            rights: list[StaffRight] = await transaction.find(StaffRight, BY_INSTITUTION, [(institution_code,)])
        rule = "ACCOUNT_EXISTS" if any(right.duty == Duty.ADMINISTRATOR for right in rights) else ""
        rule = rule or await self._add(institution_code, account_id, name, person, password, SETTER_UP)
        if not rule:
            right = StaffRight(institution_code, account_id, Duty.ADMINISTRATOR.value, EVERY_KIND, now, SETTER_UP)
            async with self._store.transaction() as transaction:
                await transaction.write(StaffRight, [right])
        await self._record(institution_code, SETTER_UP, "", "STAFF_ADD", account_id, rule, now)
        return Verdict(rule)

    async def _add(self, institution_code: str, account_id: str, name: str, person: str, password: str, by: str) -> str:
        rule = staff.password_refusal(password, account_id)
        if rule:
            return rule
        now = self._clock.now_ms()
        encoded = await asyncio.to_thread(passwords.hashed, password)
        async with self._store.transaction() as transaction:
            await transaction.alone(f"staff/{institution_code}/{account_id}")
            if await self._account(transaction, institution_code, account_id) is not None:
                return "ACCOUNT_EXISTS"
            account = StaffAccount(institution_code, account_id, name, person, ACTIVE, now, by)
            await transaction.write(StaffAccount, [account])
            await transaction.write(StaffSecret, [StaffSecret(institution_code, account_id, encoded, 0, 0)])
        return ""

    async def grant(self, presented: Presented, account_id: str, duty: Duty, spi_name_code: str) -> Verdict:
        """One more right of another account; never of one's own."""
        verdict = await self.use(presented, "STAFF_GRANT", About(f"{account_id} {duty} {spi_name_code}"))
        if not verdict.allowed or verdict.account is None:
            return verdict
        actor = verdict.account
        async with self._store.transaction() as transaction:
            await transaction.alone(f"staff/{actor.institution_code}/{account_id}")
            target = await self._account(transaction, actor.institution_code, account_id)
            held = await transaction.find(StaffRight, BY_ACCOUNT, [(actor.institution_code, account_id)])
            rule = staff.grant_refusal(actor, target, held, duty) if target else "ACCOUNT_UNKNOWN"
            if not rule:
                now = self._clock.now_ms()
                right = StaffRight(actor.institution_code, account_id, duty.value, spi_name_code, now, actor.account_id)
                await transaction.write(StaffRight, [right])
        return await self._done(verdict, "STAFF_GRANT", f"{account_id} {duty} {spi_name_code}", rule)

    async def revoke(self, presented: Presented, account_id: str, duty: Duty, spi_name_code: str) -> Verdict:
        """One right less; it is gone for sessions that are open, too."""
        subject = f"{account_id} {duty} {spi_name_code}"
        verdict = await self.use(presented, "STAFF_REVOKE", About(subject))
        if not verdict.allowed or verdict.account is None:
            return verdict
        key = (verdict.account.institution_code, account_id, duty.value, spi_name_code)
        async with self._store.transaction() as transaction:
            found = await transaction.rows(StaffRight, [key])
            if found:
                await transaction.remove(StaffRight, [key])
        return await self._done(verdict, "STAFF_REVOKE", subject, "" if found else "ACCOUNT_UNKNOWN")

    async def set_state(self, presented: Presented, account_id: str, *, active: bool) -> Verdict:
        """An account is disabled, with all its sessions, or let in again, with its failures forgotten."""
        operation = "STAFF_ENABLE" if active else "STAFF_DISABLE"
        verdict = await self.use(presented, operation, About(account_id))
        if not verdict.allowed or verdict.account is None:
            return verdict
        owner, now = verdict.account.institution_code, self._clock.now_ms()
        async with self._store.transaction() as transaction:
            await transaction.alone(f"staff/{owner}/{account_id}")
            account, secret = await self._known(transaction, owner, account_id)
            if account is None or secret is None:
                rule = "ACCOUNT_UNKNOWN"
            elif active and staff.is_same_person(verdict.account, account):
                rule = "SELF_GRANT"
            else:
                rule = ""
                await transaction.write(StaffAccount, [account._replace(state=ACTIVE if active else DISABLED)])
                await transaction.write(StaffSecret, [secret._replace(failures=0, locked_until=0)])
                if not active:
                    await self._end_all(transaction, account, "ACCOUNT_DISABLED", now)
        return await self._done(verdict, operation, account_id, rule)

    async def _done(self, verdict: Verdict, operation: str, subject: str, rule: str) -> Verdict:
        """The right was there; when the thing itself was refused, that is recorded as well."""
        if not rule or verdict.account is None:
            return verdict
        who, now = verdict.account, self._clock.now_ms()
        await self._record(who.institution_code, who.account_id, verdict.session_id, operation, subject, rule, now)
        return verdict._replace(rule=rule)

    # ── rows ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _known(
        self, transaction: Transaction, institution_code: str, account_id: str
    ) -> tuple[StaffAccount | None, StaffSecret | None]:
        secrets: list[StaffSecret] = await transaction.rows(StaffSecret, [(institution_code, account_id)])
        account = await self._account(transaction, institution_code, account_id)
        return account, secrets[0] if secrets else None

    async def _account(self, transaction: Transaction, institution_code: str, account_id: str) -> StaffAccount | None:
        found: list[StaffAccount] = await transaction.rows(StaffAccount, [(institution_code, account_id)])
        return found[0] if found else None

    async def _end_all(
        self, transaction: Transaction, owner: StaffSession | StaffAccount, because: str, now: int
    ) -> None:
        key = (owner.institution_code, owner.account_id)
        sessions: list[StaffSession] = await transaction.find(StaffSession, BY_ACCOUNT, [key])
        ended = [one._replace(ended_at=now, ended_because=because) for one in sessions if not one.ended_at]
        if ended:
            await transaction.write(StaffSession, ended)

    async def _session(self, transaction: Transaction, session_id: str) -> StaffSession | None:
        """The session, with its account held: nobody ends it or uses it meanwhile."""
        found: list[StaffSession] = await transaction.rows(StaffSession, [(session_id,)])
        if not found:
            return None
        await transaction.alone(f"staff/{found[0].institution_code}/{found[0].account_id}")
        found = await transaction.rows(StaffSession, [(session_id,)])
        return found[0]

    async def _record(
        self, institution_code: str, account_id: str, session_id: str, operation: str, subject: str, rule: str, now: int
    ) -> None:
        name = self._randomness.bytes(16).hex()
        record = OperationRecorded(
            lane_of(institution_code),
            name,
            institution_code,
            account_id,
            session_id,
            operation,
            subject,
            not rule,
            rule,
            now,
        )
        await self._say([record])


def rights_for(operation: Operation, rights: Sequence[StaffRight]) -> set[str]:
    """For which kinds these rights allow the operation."""
    return {right.spi_name_code for right in rights if right.duty in operation.duties}
