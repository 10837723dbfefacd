"""How a verb asks the desk: by the session of `chukan login`, or in a demonstration by `--operator`.

Owns the way from a command to `services.staff.desk`, and the store it then reads: that of the institution alone.
Promises that nothing is shown or done before the desk has allowed it; a refusal is told with its number and ends the
verb with exit code 1.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from broker.adapters.postgres import PostgresStore
from broker.rules.numbers import is_institution_code
from broker.rules.reasons import reason_of
from broker.rules.rights import required_right
from services.cli import terminal
from services.processes import SystemClock, SystemRandomness
from services.running import Running, Say
from services.staff import demonstration
from services.staff.desk import About, Desk, Verdict
from services.staff.sessions import Kept, SessionFile, new_session

Operator = Annotated[
    str, typer.Option(help="模擬職員として認証する（実演用の設置のみ） / sign in as a demonstration's simulated staff")
]
OWNER = "実演用の設置なので、認証なしで設置者として表示します / a demonstration: shown to its owner, not signed in"


def session_file(system: Running) -> SessionFile:
    """Where this user's session with this installation lies."""
    if system.config.session_file:
        return SessionFile(Path(system.config.session_file))
    place = str(system.installation.directory) if system.installation else system.parts.bootstrap
    name = place.strip("/").replace("/", "-").replace(":", "-")
    return SessionFile(Path.home() / ".local" / "state" / "chukan-sessions" / f"{name}.json")


def demonstration_password(system: Running) -> str:
    """The password of a demonstration's staff; empty when this is none."""
    return demonstration.password_in(system.installation.secrets) if system.installation else ""


class AtDesk:
    """One command at the desk. institution_code: whose staff asks; empty for a demonstration's owner."""

    def __init__(self, system: Running, stack: AsyncExitStack, operator: str) -> None:
        self.system = system
        self.operator = operator
        self.institution_code = ""
        self.kept: Kept | None = None
        self.file = session_file(system)
        self._stack = stack
        self._desk: Desk | None = None
        self._say: Say | None = None

    @property
    def account_id(self) -> str:
        """Who is signed in; empty for a demonstration's owner."""
        return self.kept.account_id if self.kept else ""

    @property
    def is_owner(self) -> bool:
        """Whether nobody signed in, and this is a demonstration that its owner looks at."""
        return self.kept is None and not self.operator and demonstration_password(self.system) != ""

    async def say(self) -> Say:
        """The voice of operations, opened when first asked for."""
        if self._say is None:
            self._say = await self._stack.enter_async_context(self.system.voice())
        return self._say

    async def desk(self) -> Desk:
        """The desk itself, on the services' side of the tables."""
        if self._desk is None:
            store = await self._stack.enter_async_context(self.system.store())
            self._desk = Desk(store, await self.say(), SystemClock(), SystemRandomness())
        return self._desk

    async def store(self, institution_code: str = "") -> PostgresStore:
        """The tables as whoever asks may read them; a demonstration's owner names an institution, or sees all."""
        code = self.institution_code or institution_code
        if code:
            checked(code)
        way = self.system.store_of(code) if code else self.system.store()
        return await self._stack.enter_async_context(way)

    async def ask(self, operation: str, about: About = About()) -> Verdict:  # noqa: B008 - a value
        """Allowed, or the verb ends here."""
        if self.operator and self.kept is None:
            await self.sign_in(self.institution_code or about.institution_code)
        if self.is_owner:
            terminal.talk(OWNER)
            return Verdict("")
        desk = await self.desk()
        verdict = await desk.use(self.kept.session if self.kept else None, operation, about)
        self.advance()
        if not verdict.allowed:
            turned_away(verdict.rule)
        return verdict

    async def act(self, operation: str, about: About = About()) -> str:  # noqa: B008 - a value
        """Allowed, and who it is that acts; nobody acts as a demonstration's owner, who may only look."""
        if self.is_owner:
            turned_away("NOT_SIGNED_IN")
        verdict = await self.ask(operation, about)
        assert verdict.account is not None
        return verdict.account.account_id

    def advance(self) -> None:
        """The session was used: the next token is good now."""
        if self.kept is None:
            return
        if self.operator:
            following = self.kept.session.following
            fresh = new_session().following
            self.kept = self.kept._replace(session=self.kept.session._replace(token=following, following=fresh))
        else:
            self.kept = self.file.advance(self.kept)

    async def sign_in(self, institution_code: str) -> None:
        """As one of a demonstration's simulated staff, for this command alone."""
        password = demonstration_password(self.system)
        if not password:
            raise typer.BadParameter(
                "--operator: 実演用の設置だけで使えます。`chukan login` で認証してください / "
                "for demonstrations only; use `chukan login`"
            )
        checked(institution_code)
        first = new_session()
        desk = await self.desk()
        verdict = await desk.login(institution_code, self.operator, password, first)
        if not verdict.allowed:
            turned_away(verdict.rule)
        self.institution_code = institution_code
        self.kept = Kept(institution_code, self.operator, first)

    async def leave(self) -> None:
        """Whoever was signed in for this command alone is signed out."""
        if self.operator and self.kept is not None:
            await (await self.desk()).logout(self.kept.session)


@asynccontextmanager
async def at_desk(system: Running, operator: str = "") -> AsyncIterator[AtDesk]:
    """One command at the desk, its session in turn with other commands'."""
    async with AsyncExitStack() as stack:
        one = AtDesk(system, stack, operator)
        if not operator:
            one.kept = stack.enter_context(one.file.in_turn())
            one.institution_code = one.kept.institution_code if one.kept else ""
        try:
            yield one
        finally:
            await one.leave()


async def who_acts(system: Running, operator: str, verb: str, institution_code: str, about: About) -> str:
    """Who acts in a verb of the city's systems: somebody of this institution who has the verb's right."""
    async with at_desk(system, operator) as desk:
        return await desk.act(required_right(verb), about._replace(institution_code=institution_code))


def checked(institution_code: str) -> None:
    """It has the form of an institution code."""
    if not is_institution_code(institution_code):
        raise typer.BadParameter("--institution: 機関コードは16桁の数字 / an institution code has 16 digits")


def turned_away(rule: str) -> NoReturn:
    """Tell why, and end the verb."""
    reason = reason_of(rule)
    terminal.talk(f"{reason.error_id} {rule}: {reason.ja} / {reason.en}")
    raise typer.Exit(terminal.CHECK_FAILED)
