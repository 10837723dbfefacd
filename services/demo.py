"""`chukan demo`: a dozen exchanges between municipalities, on real Kafka and PostgreSQL, each with its expected end.

Owns the story. Promises that nothing in it is faked: institutions speak with their own credentials, staff decide by the
same functions as `chukan hold`, the list is published as by `chukan list`, and every step is compared with what must
come of it. Leaves the telling to `services.cli.demo`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, NamedTuple

from broker.adapters.postgres import QUERIES, PostgresStore
from broker.rules.permission_list import PermissionRow
from broker.rules.staff import copy_subject
from schemas.records import HoldReason, InquiryAnswered, InquiryRequested, Item, RequestedKind
from services import flags, holds, lists_admin, records
from services.asking import Heard, ask, heard, reply_to
from services.audit.verify import MESSAGES_LIMIT, Auditor, Report
from services.client import Client, Credentials, client_of
from services.holds import Hold, Say
from services.processes import SystemClock, SystemRandomness
from services.records import Kept
from services.running import Running, topics_of
from services.staff import demonstration
from services.staff.desk import About, Desk
from services.staff.sessions import new_session
from services.world import (
    CHILD_AFFAIR,
    FEE_COLLECTION,
    HOUSEHOLD,
    INCOMING_RESIDENT,
    ITEMS,
    LOCAL_TAX,
    MUNICIPALITY,
    VACCINATION,
    VACCINATION_AFFAIR,
    Plan,
    Resident,
    World,
)

PLAN = Plan(seed=1, institutions=4, residents=40, attached=4)
OPERATOR = "OP900"
WAIT_SECONDS = 30.0
CHECKPOINT_SECONDS = 20.0
POLL_SECONDS = 0.05
NOBODYS_NUMBER = "000000000900001"


class Expected(NamedTuple):
    """How a step must end."""

    outcome: str
    rule: str = ""
    nearest_row_id: str = ""
    nearest_attribute: str = ""


class Step(NamedTuple):
    """One step of the story and what came of it. notes: (Japanese, English) lines about what happened on the way."""

    name: str
    title_ja: str
    title_en: str
    expected: Expected
    outcome: str
    rule: str
    reason_ja: str = ""
    reason_en: str = ""
    nearest: tuple[str, str, str] = ("", "", "")
    inquirer: str = ""
    provider: str = ""
    kind: str = ""
    exchange_id: str = ""
    items: tuple[tuple[str, tuple[Item, ...]], ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether it ended as it must."""
        seen = Expected(self.outcome, self.rule, *self.nearest[:2])
        return seen == self.expected and (self.outcome != "OK" or bool(self.items) or not self.kind)


class Evidence(NamedTuple):
    """What is left when the story is over: the records of one exchange, and the audit of everything."""

    exchange_id: str
    kept: tuple[Kept, ...]
    report: Report


class Asked(NamedTuple):
    """What a step is about, before anything has happened."""

    name: str
    title_ja: str
    title_en: str
    expected: Expected
    inquiry: InquiryRequested


def step_of(asked: Asked, seen: Heard, seconds: float, *notes: tuple[str, str]) -> Step:
    """The step with what the institution has read."""
    return Step(
        asked.name,
        asked.title_ja,
        asked.title_en,
        asked.expected,
        seen.outcome,
        seen.rule,
        seen.reason_ja,
        seen.reason_en,
        (seen.nearest_row_id, seen.nearest_attribute, seen.nearest_value),
        asked.inquiry.inquirer_institution_code,
        asked.inquiry.kinds[0].provider_institution_code,
        asked.inquiry.kinds[0].spi_name_code,
        seen.exchange_id,
        seen.items,
        notes,
        seconds,
    )


@dataclass
class Cast:
    """Who plays: the running installation, its world, and a client for each institution that speaks."""

    running: Running
    world: World
    store: PostgresStore
    stack: AsyncExitStack

    def __post_init__(self) -> None:
        self._clients: dict[str, tuple[Client, Credentials]] = {}
        self._next = 0

    async def client(self, institution_code: str) -> tuple[Client, Credentials]:
        """The institution's own client, with its own credentials."""
        if institution_code not in self._clients:
            credentials = self.running.credentials(institution_code)
            assert credentials is not None, f"{institution_code} is attached in this world"
            client = await self.stack.enter_async_context(client_of(credentials))
            self._clients[institution_code] = (client, credentials)
        return self._clients[institution_code]

    def resident(self) -> Resident:
        """A person nobody has asked about yet."""
        self._next += 1
        return self.world.resident(self._next - 1)

    def inquiry(self, name: str, resident: Resident, kind: str = VACCINATION, **changes: Any) -> InquiryRequested:
        """The resident's home asks the municipality they came from."""
        asked = self.world.inquiry(resident.number, now(), kind)
        return asked._replace(record_identification_number=f"demo.{name}", **changes)

    async def played(self, asked: Asked, *notes: tuple[str, str]) -> Step:
        """Ask, and tell what came."""
        client, credentials = await self.client(asked.inquiry.inquirer_institution_code)
        started = time.monotonic()
        reply = await ask(client, asked.inquiry, WAIT_SECONDS)
        seen = heard(reply, credentials.sealing_private_key)[0]
        return step_of(asked, seen, time.monotonic() - started, *notes)

    async def answered(self, asked: Asked, *notes: tuple[str, str]) -> Step:
        """Wait for the answer to what was held, and tell it."""
        client, credentials = await self.client(asked.inquiry.inquirer_institution_code)
        started = time.monotonic()
        reply = await reply_to(client, asked.inquiry, (InquiryAnswered,), WAIT_SECONDS)
        seen = heard(reply, credentials.sealing_private_key)[0]
        return step_of(asked, seen, time.monotonic() - started, *notes)


def now() -> int:
    """Milliseconds since 1970 UTC."""
    return SystemClock().now_ms()


# ── the steps ────────────────────────────────────────────────────────────────────────────────────────────────────


async def permitted(cast: Cast) -> AsyncIterator[Step]:
    """Permit, forwarding, the provider's own check, a sealed answer."""
    yield await cast.played(
        Asked(
            "answered",
            "照合リストにある照会に、回答が返る",
            "an inquiry on the permission list is answered",
            Expected("OK"),
            cast.inquiry("answered", cast.resident()),
        )
    )


async def refused_by_network(cast: Cast) -> AsyncIterator[Step]:
    """One attribute is wrong, and the refusal says which."""
    inquiry = cast.inquiry(
        "refused-by-network",
        cast.resident(),
        LOCAL_TAX,
        affair_code=CHILD_AFFAIR,
        procedure_code=FEE_COLLECTION,
    )
    yield await cast.played(
        Asked(
            "refused_by_network",
            "事務手続が合わず、ネットワークが許可しない",
            "the network refuses: the procedure is not on the list",
            Expected("NOT_PERMITTED", "NO_SUCH_COMBINATION", "74-1", "procedure_code"),
            inquiry,
        )
    )


def new_row() -> PermissionRow:
    """The row that version 2 of the list brings: incoming residents' household, for the vaccination affair."""
    return PermissionRow(
        "16-2-2",
        MUNICIPALITY,
        VACCINATION_AFFAIR,
        INCOMING_RESIDENT,
        MUNICIPALITY,
        HOUSEHOLD,
        ITEMS[HOUSEHOLD],
        "番号法19条8号 別表第2 16の2（模擬の追加行）",
        False,
        "20210401",
        "",
        False,
    )


async def list_lag(cast: Cast) -> AsyncIterator[Step]:
    """A new list version reaches everybody but the provider; then the provider too."""
    resident = cast.resident()
    before = await lists_admin.version(cast.store)
    assert before is not None
    new = lists_admin.next_list(lists_admin.to_text((*before.rows, new_row())), newest=before.version, now=now())
    async with cast.running.voice() as say:
        started = time.monotonic()
        done = await lists_admin.publish(cast.store, say, new, [resident.previous], now(), WAIT_SECONDS)
        yield Step(
            "list_published",
            f"照合リスト第{new.version}版を公開し、提供側だけ配布を遅らせる",
            f"version {new.version} of the list is published; the provider alone does not get it yet",
            Expected("PUBLISHED"),
            "PUBLISHED" if not done.waiting else "WAITING",
            "",
            provider=resident.previous,
            notes=(
                (f"追加された行: {', '.join(done.added)}", f"added rows: {', '.join(done.added)}"),
                (
                    f"配布済み {len(done.distributed)} 機関、未配布 {len(done.left_behind)} 機関",
                    f"{len(done.distributed)} institutions have it, {len(done.left_behind)} do not",
                ),
            ),
            seconds=time.monotonic() - started,
        )
        changes = {"affair_code": VACCINATION_AFFAIR, "procedure_code": INCOMING_RESIDENT}
        yield await cast.played(
            Asked(
                "refused_by_provider",
                "ネットワークは許可したが、提供側の照合リストは旧版で、提供されない",
                "the network permits it, the provider's older list does not: nothing leaves",
                Expected("LIST_DISAGREES", "NO_SUCH_COMBINATION", "16-2-1", "spi_name_code"),
                cast.inquiry("refused-by-provider", resident, HOUSEHOLD, **changes),
            )
        )
        handed = await lists_admin.distribute(cast.store, say, new.version, [resident.previous], now(), WAIT_SECONDS)
        yield await cast.played(
            Asked(
                "list_caught_up",
                "提供側にも新しい版が届くと、同じ照会に回答が返る",
                "once the provider has the version too, the same inquiry is answered",
                Expected("OK"),
                cast.inquiry("list-caught-up", resident, HOUSEHOLD, **changes),
            ),
            (f"配布: {', '.join(handed.distributed)}", f"distributed to {', '.join(handed.distributed)}"),
        )


async def flagged(cast: Cast, resident: Resident) -> None:
    """The municipality that holds the copy sets 自動応答不可 on it, by an ordinary update."""
    client, _ = await cast.client(resident.previous)
    person = (resident.previous, resident.previous_number, VACCINATION)
    done = await flags.set_flag(cast.store, client, person, True, WAIT_SECONDS)
    assert done == (1, True), "the flag was not set"


def as_held(asked: Asked) -> Asked:
    """The same inquiry while it waits for a person."""
    return asked._replace(
        name=asked.name.replace("hold_", "held_before_"),
        title_ja="自動応答不可の副本なので、職員の確認を待つ",
        title_en="the copy is blocked from automatic answers: a person must look",
        expected=Expected("HELD"),
    )


async def confirmed(cast: Cast) -> AsyncIterator[Step]:
    """Held, shown item by item, confirmed by its digest, answered."""
    resident = cast.resident()
    await flagged(cast, resident)
    asked = Asked(
        "hold_confirmed",
        "職員が内容を確かめて確認し、回答が返る",
        "staff look at what would leave and confirm it: it is answered",
        Expected("OK"),
        cast.inquiry("hold-confirmed", resident),
    )
    waiting = await cast.played(as_held(asked))
    yield waiting
    hold = await holds.hold_of(cast.store, waiting.exchange_id)
    assert hold is not None, "the provider holds it"
    seen = await holds.shown(cast.store, hold, now())
    async with cast.running.voice() as say:
        who = await as_staff(cast, say, "HOLD_CONFIRM", hold)
        done = await holds.confirm(cast.store, say, seen, who, seen.digest, now())
    digest = seen.digest.hex()
    yield await cast.answered(
        asked,
        (f"職員 {OPERATOR} が見た内容のダイジェスト {digest[:16]}…", f"{OPERATOR} confirmed digest {digest[:16]}…"),
        (f"保留の状態: {done.state} {done.outcome}", f"the hold is {done.state} {done.outcome}"),
    )


async def as_staff(cast: Cast, say: Say, operation: str, hold: Hold) -> str:
    """A member of the provider's staff signs in and is allowed to decide on this hold; their account."""
    assert cast.running.installation is not None, "the demo has a directory of its own"
    password = demonstration.password_in(cast.running.installation.secrets)
    desk, session = Desk(cast.store, say, SystemClock(), SystemRandomness()), new_session()
    row, kind = hold.row, hold.permit.spi_name_code
    copies = copy_subject(row.integrated_number, kind)
    about = About(row.exchange_id, row.institution_code, (kind,), row.exchange_id, copies)
    signed_in = await desk.login(row.institution_code, OPERATOR, password, session)
    verdict = await desk.use(session, operation, about)
    assert signed_in.allowed, signed_in.rule
    assert verdict.allowed, verdict.rule
    return OPERATOR


async def staff_refused(cast: Cast) -> AsyncIterator[Step]:
    """Held, and refused with a reason that stays at the provider."""
    resident = cast.resident()
    await flagged(cast, resident)
    asked = Asked(
        "hold_refused",
        "職員が提供しないと判断し、理由は提供側の記録にだけ残る",
        "staff refuse; the reason stays in the provider's record alone",
        Expected("REFUSED", "STAFF_REFUSED"),
        cast.inquiry("hold-refused", resident),
    )
    waiting = await cast.played(as_held(asked))
    yield waiting
    hold = await holds.hold_of(cast.store, waiting.exchange_id)
    assert hold is not None, "the provider holds it"
    async with cast.running.voice() as say:
        who = await as_staff(cast, say, "HOLD_REFUSE", hold)
        done = await holds.refuse(cast.store, say, hold, who, HoldReason.WRONG_PERSON, "別人の疑い（模擬）", now())
    yield await cast.answered(
        asked, (f"保留の状態: {done.state} {done.outcome}", f"the hold is {done.state} {done.outcome}")
    )


async def wrong_municipality(cast: Cast) -> AsyncIterator[Step]:
    """A municipality that does not know the person."""
    resident = cast.resident()
    stranger = next(code for code in cast.world.names if code not in (resident.home, resident.previous))
    kinds = (RequestedKind(provider_institution_code=stranger, spi_name_code=VACCINATION),)
    yield await cast.played(
        Asked(
            "unknown_at_provider",
            "照会先の市町村を間違え、該当者がいない",
            "the wrong municipality was asked: nobody there",
            Expected("NO_MATCH", "PERSON_UNKNOWN_AT_PROVIDER"),
            cast.inquiry("unknown-at-provider", resident, kinds=kinds),
        )
    )


async def without_code(cast: Cast) -> AsyncIterator[Step]:
    """A person whose linkage code was never acquired."""
    yield await cast.played(
        Asked(
            "without_code",
            "符号を取得していない人の照会は、自分の中間サーバーで終わる",
            "a person without a linkage code: it ends at the inquirer's own server",
            Expected("NO_CODE", "CODE_MISSING"),
            cast.inquiry("without-code", cast.resident(), integrated_number=NOBODYS_NUMBER),
        )
    )


SCENES: tuple[Callable[[Cast], AsyncIterator[Step]], ...] = (
    permitted,
    refused_by_network,
    list_lag,
    confirmed,
    staff_refused,
    wrong_municipality,
    without_code,
)


# ── the whole ────────────────────────────────────────────────────────────────────────────────────────────────────


async def play(
    running: Running, world: World, told: Callable[[Step], None], remark: Callable[[str], None]
) -> tuple[list[Step], Evidence]:
    """The whole story; `told` hears each step as it ends."""
    steps: list[Step] = []
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(running.store())
        cast = Cast(running, world, store, stack)
        for scene in SCENES:
            async for step in scene(cast):
                steps.append(step)
                told(step)
        remark("記録の署名を待っています / waiting for the records to be signed …")
        exchange_id = next(step.exchange_id for step in steps if step.name == "hold_confirmed")
        kept = await signed_records(store, exchange_id)
        topics = await topics_of(running.config, store)
        report = await Auditor(running.keys).verify(store, running.administrator, topics, MESSAGES_LIMIT)
    return steps, Evidence(exchange_id, tuple(kept), report)


async def signed_records(store: PostgresStore, exchange_id: str) -> list[Kept]:
    """The records of an exchange, once all parties have theirs and every log is signed to its end."""
    deadline = time.monotonic() + CHECKPOINT_SECONDS
    while True:
        kept = await records.of_exchange(store, exchange_id)
        due = (await store.query(QUERIES["heads_due"]))[0]["count"]
        if (len(kept) == len(records.PARTIES) and due == 0) or time.monotonic() > deadline:
            return kept
        await asyncio.sleep(POLL_SECONDS * 4)
