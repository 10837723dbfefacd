"""What an institution's staff do in a scenario: sign in, be refused, act, and be recorded (中間サーバー function 9).

Owns accounts of the play's own beside the world's simulated staff. Promises that every step asks the real desk, and
that no password and no token is given back. Leaves what is allowed to `services.staff.desk` and `broker.rules.staff`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

from broker.rules.staff import EVERY_KIND, Duty, copy_subject
from broker.tables import LogRecord
from schemas.codec import decode
from schemas.records import InquiryAnswered, InquiryHeld, InquiryRejected, Message, OperationRecorded
from services import holds
from services.scenarios.casting import (
    AT,
    FLAG,
    INSTITUTION,
    KIND,
    KIND_OF,
    PERSON,
    STEP,
    TEXT,
    TEXT_WANTED,
    Argument,
    Cast,
    Verb,
)
from services.scenarios.everyday import ENDED, block, inquiry_of, open_hold, reply, told
from services.staff.desk import About, Desk, Presented, Verdict

ADMINISTRATOR = "AD001"  # of the world's simulated staff
DUTIES = tuple(one.value for one in Duty)
BY_EXCHANGE = ("exchange_id",)


class Office:
    """Staff of one play: who they really are, what they hold, and what the desk recorded of them."""

    def __init__(self, cast_: Cast) -> None:
        self._cast = cast_
        self.desk = Desk(cast_.stage.store, self._say, cast_.stage, cast_.stage.randomness)
        self.places: dict[str, str] = {}
        self.holding: dict[str, Presented] = {}
        self.said: list[OperationRecorded] = []

    async def _say(self, messages: Sequence[Message]) -> None:
        await self._cast.stage.say(messages)
        self.said += [one for one in messages if isinstance(one, OperationRecorded)]

    def account(self, name: str) -> str:
        """The account behind a name of the file: the world's own, or one that no other play has."""
        if name not in self.places:
            return name
        mark = blake2b(f"{self._cast.stage.tag}/{self._cast.scenario}".encode(), digest_size=4).hexdigest()
        return f"{name}-{mark}".upper()

    def password(self, name: str) -> str:
        """What the person types; the simulated staff share one."""
        if name not in self.places:
            return self._cast.stage.staff_password
        return blake2b(f"{self.account(name)}/password".encode(), digest_size=12).hexdigest()

    def fresh(self, client: str) -> Presented:
        """What a login asks for."""
        draw = self._cast.stage.randomness.bytes
        return Presented(draw(16).hex(), draw(32).hex(), draw(32).hex(), client)

    async def login(self, at: str, name: str, client: str) -> Verdict:
        """Signed in, when the desk allows it."""
        first = self.fresh(client)
        verdict = await self.desk.login(at, self.account(name), self.password(name), first)
        if verdict.allowed:
            self.holding[name] = first
        return verdict

    def present(self, name: str) -> Presented | None:
        """What this person's client shows now; after an answer the next token is the good one."""
        held = self.holding.get(name)
        if held is not None:
            self.holding[name] = held._replace(token=held.following, following=self.fresh("").token)
        return held

    async def administrator(self, at: str) -> Presented:
        """What the administrator of an institution shows; signed in when first asked for."""
        name = f"{ADMINISTRATOR}/{at}"
        if name not in self.holding:
            first = self.fresh("administration")
            verdict = await self.desk.login(at, ADMINISTRATOR, self._cast.stage.staff_password, first)
            assert verdict.allowed, verdict.rule
            self.holding[name] = first
        held = self.present(name)
        assert held is not None
        return held

    async def use(self, name: str, operation: str, about: About) -> Verdict:
        """The desk's answer to an operation."""
        return await self.desk.use(self.present(name), operation, about)


def office_of(cast_: Cast) -> Office:
    """The office of this play."""
    return cast_.kept.setdefault("office", Office(cast_))  # type: ignore[no-any-return]


# ── accounts ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def staff_add(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The institution's administrator makes an account and gives it its rights, one duty after the other."""
    office, code = office_of(cast_), cast_.institutions[given["at"]]
    office.places[given["account"]] = code
    name, person = office.account(given["account"]), f"{cast_.stage.tag}/{given['same_as'] or given['account']}"
    password = given["password"] or office.password(given["account"])
    verdict = await office.desk.add(await office.administrator(code), name, "模擬職員", person, password)
    for duty in given["duties"]:
        if verdict.allowed:
            kind = KIND_OF.get(given["kind"], EVERY_KIND)
            verdict = await office.desk.grant(await office.administrator(code), name, Duty(duty), kind)
    return {"rule": verdict.rule}


async def staff_right(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Somebody who is signed in gives an account a right, or takes it away."""
    office = office_of(cast_)
    held = office.present(given["by"])
    assert held is not None, "sign in first"
    name, kind = office.account(given["account"]), KIND_OF.get(given["kind"], EVERY_KIND)
    act = office.desk.revoke if given["off"] else office.desk.grant
    return {"rule": (await act(held, name, Duty(given["duty"]), kind)).rule}


async def staff_disable(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The administrator shuts an account out, with all its sessions."""
    office, code = office_of(cast_), cast_.institutions[given["at"]]
    held = await office.administrator(code)
    verdict = await office.desk.set_state(held, office.account(given["account"]), active=False)
    return {"rule": verdict.rule}


# ── in and out ───────────────────────────────────────────────────────────────────────────────────────────────────


async def staff_login(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Somebody signs in at a client, with the right password or a wrong one."""
    office, code = office_of(cast_), cast_.institutions[given["at"]]
    if given["wrong"]:
        name = office.account(given["account"])
        verdict = await office.desk.login(code, name, "not the password at all", office.fresh(given["client"]))
    else:
        verdict = await office.login(code, given["account"], given["client"])
    return {"rule": verdict.rule}


async def staff_logout(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The session is over."""
    office = office_of(cast_)
    held = office.present(given["account"])
    assert held is not None, "sign in first"
    return {"rule": (await office.desk.logout(held)).rule}


async def staff_do(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Somebody asks the desk for an operation: at their own institution, or about another one."""
    office = office_of(cast_)
    about = About(given["operation"].lower(), cast_.institutions[given["at"]] if given["at"] else "")
    if given["kind"]:
        about = about._replace(kinds=(KIND_OF[given["kind"]],))
    return {"rule": (await office.use(given["account"], given["operation"], about)).rule}


async def staff_steal(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """A thief shows a copy of somebody's session: at another client, or after its owner has used it."""
    office = office_of(cast_)
    held = office.holding[given["account"]]
    stolen = held._replace(following=office.fresh("").token)
    if given["from_client"]:
        stolen = stolen._replace(client=given["from_client"])
    else:
        office.present(given["account"])  # the owner will show what follows, as if the thief had not been there
    verdict = await office.desk.use(stolen, given["operation"], About("stolen"))
    return {"rule": verdict.rule}


async def staff_recorded(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the institution's log holds of an account, in its order: operation, and the rule where it was refused."""
    office = office_of(cast_)
    name, stage = office.account(given["account"]), cast_.stage
    said = [one for one in office.said if one.account_id == name]

    keys = [(one.operation_id,) for one in said]

    async def there() -> list[LogRecord]:
        async with stage.store.transaction() as transaction:
            rows: list[LogRecord] = await transaction.find(LogRecord, BY_EXCHANGE, keys)
        return rows if len(rows) == len(keys) else []

    rows = sorted(await stage.until(there), key=lambda row: (row.recorded_at, row.sequence))
    records = [decode(row.body) for row in rows]
    kept = [one for one in records if isinstance(one, OperationRecorded)]
    return {
        "operations": [f"{one.operation} {one.rule}".strip() for one in kept],
        "refused": sum(not one.allowed for one in kept),
    }


# ── at work ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def staff_ask(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Somebody asks for a person's information; the inquiry leaves only when the desk allows it."""
    office = office_of(cast_)
    inquiry = inquiry_of(cast_, given)
    code = inquiry.inquirer_institution_code
    about = About(inquiry.record_identification_number, code, (KIND_OF[given["kind"]],))
    verdict = await office.use(given["account"], "INQUIRY_SEND", about)
    if not verdict.allowed:
        return {"outcome": "", "rule": verdict.rule, "nearest_row": "", "nearest_attribute": "", "records": 0}
    inquiry = inquiry._replace(inquirer_operator_id=office.account(given["account"]))
    cast_.inquiries[cast_.step] = inquiry
    await cast_.stage.say_as(code, inquiry)
    return told(await reply(cast_, inquiry, (InquiryAnswered, InquiryRejected, InquiryHeld)))


async def staff_block(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Somebody sets 自動応答不可 on a person's copies; it is set only when the desk allows it."""
    resident, kind = cast_.people[given["person"]], KIND_OF[given["kind"]]
    code = cast_.institutions[given["of"]] if given["of"] else resident.previous
    subject = copy_subject(cast_.number_at(code, given["person"]), kind)
    about = About(subject, code, (kind,), copies=subject)
    verdict = await office_of(cast_).use(given["account"], "COPY_FLAG", about)
    done = await block(cast_, given) if verdict.allowed else {"copies": 0}
    return {"rule": verdict.rule, **done}


async def staff_confirm(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Somebody looks at what would leave and confirms it, each when the desk allows it."""
    office, stage = office_of(cast_), cast_.stage
    seen = await holds.shown(stage.store, await open_hold(cast_, given["of"]), stage.now_ms())
    row, kind = seen.hold.row, seen.hold.permit.spi_name_code
    copies = copy_subject(row.integrated_number, kind)
    about = About(row.exchange_id, row.institution_code, (kind,), row.exchange_id, copies)
    for operation in ("HOLD_SHOW", "HOLD_CONFIRM"):
        verdict = await office.use(given["account"], operation, about)
        if not verdict.allowed:
            return {"rule": verdict.rule, "state": "", "outcome": ""}
    operator = office.account(given["account"])
    done = await holds.confirm(stage.store, stage.say, seen, operator, seen.digest, stage.now_ms())
    return {"rule": "", "state": done.state, "outcome": done.outcome}


ACCOUNT = TEXT_WANTED
CLIENT = Argument(default="desk 1")
ALL_KINDS = Argument(of="kind", default="")
DUTY = Argument(required=True, choices=DUTIES)

STAFF_VERBS: Mapping[str, Verb] = {
    "staff_add": Verb(
        "管理者が職員を登録し権限を付ける / the administrator makes an account with rights",
        {
            "at": AT,
            "account": ACCOUNT,
            "duties": Argument(many=True, default=(), choices=DUTIES),
            "kind": ALL_KINDS,
            "same_as": TEXT,
            "password": TEXT,
        },
        ("rule",),
        staff_add,
    ),
    "staff_right": Verb(
        "権限を付ける・外す / give or take a right",
        {"by": ACCOUNT, "account": ACCOUNT, "duty": DUTY, "kind": ALL_KINDS, "off": FLAG},
        ("rule",),
        staff_right,
    ),
    "staff_disable": Verb(
        "職員番号を停止する / shut an account out", {"at": AT, "account": ACCOUNT}, ("rule",), staff_disable
    ),
    "staff_login": Verb(
        "ログインする / sign in",
        {"at": AT, "account": ACCOUNT, "client": CLIENT, "wrong": FLAG},
        ("rule",),
        staff_login,
    ),
    "staff_logout": Verb("ログアウトする / sign out", {"account": ACCOUNT}, ("rule",), staff_logout),
    "staff_do": Verb(
        "窓口に操作を求める / ask the desk for an operation",
        {"account": ACCOUNT, "operation": TEXT_WANTED, "at": INSTITUTION, "kind": ALL_KINDS},
        ("rule",),
        staff_do,
    ),
    "staff_steal": Verb(
        "盗んだセッションを使う / use a stolen session",
        {"account": ACCOUNT, "operation": Argument(default="WHOAMI"), "from_client": TEXT},
        ("rule",),
        staff_steal,
    ),
    "staff_recorded": Verb(
        "台帳に残った職員の操作 / what the log holds of somebody",
        {"account": ACCOUNT},
        ("operations", "refused"),
        staff_recorded,
    ),
    "staff_ask": Verb(
        "職員が照会する / somebody asks",
        {"account": ACCOUNT, "person": PERSON, "by": INSTITUTION, "of": INSTITUTION, "kind": KIND}
        | {"affair": TEXT, "procedure": TEXT, "consent": FLAG, "within_seconds": Argument(int, default=0)}
        | {"unknown_person": FLAG},
        ENDED,
        staff_ask,
        asks=True,
    ),
    "staff_block": Verb(
        "職員が自動応答不可を設定する / somebody sets the block flag",
        {"account": ACCOUNT, "person": PERSON, "of": INSTITUTION, "kind": KIND, "off": FLAG},
        ("rule", "copies"),
        staff_block,
    ),
    "staff_confirm": Verb(
        "職員が見て確認する / somebody looks and confirms",
        {"account": ACCOUNT, "of": STEP},
        ("rule", "state", "outcome"),
        staff_confirm,
    ),
}
