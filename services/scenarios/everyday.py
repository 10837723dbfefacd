"""The everyday verbs of a scenario: inquiries, holds, codes, copies, the list, VRS, erasure, and the passing of time.

Owns what each does. Promises that a verb reaches the country only through a `Stage`, by the messages and functions that
institutions, staff and operators use, so that it does the same in memory and on real parts; and that what it gives back
names neither moments nor numbers of a run. Leaves reading files to `form` and playing to `play`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from broker.adapters.postgres import PostgresStore
from broker.rules.identity import jst_date, local_time
from broker.rules.leaves import leaf_of
from broker.rules.permission_list import PermissionRow
from broker.rules.vaccination import ocr_line
from broker.tables import CodeBinding, CopyRecord, Exchange, KindLayout, Suspension
from schemas.codec import unpack_items
from schemas.records import (
    AcquisitionNumberAssigned,
    CertificateKind,
    CodeAcquisitionRequested,
    CodeRevocationRequested,
    CodeStateChanged,
    CopyBatchOpened,
    CopyBatchReported,
    CopyCommand,
    CopySubmitted,
    HoldReason,
    IdentityNotified,
    InquiryAnswered,
    InquiryCancelRequested,
    InquiryHeld,
    InquiryRejected,
    InquiryRequested,
    Item,
    RequestedKind,
    VrsCertificateRequested,
    VrsDoseRead,
    VrsDoseTaken,
    VrsEligible,
    VrsEligibleRegistered,
    VrsFlag,
    VrsFlagSet,
    VrsInquired,
    VrsReplied,
)
from services import erasure, flags, holds, key_management, lists_admin, portal
from services.asking import Heard, heard
from services.common import BY_PERSON
from services.scenarios.casting import (
    AT,
    BY_INQUIRY,
    FLAG,
    INSTITUTION,
    INSTITUTIONS,
    KIND,
    KIND_OF,
    NUMBER,
    NUMBER_WANTED,
    OPERATOR,
    PERSON,
    STEP,
    TEXT,
    Argument,
    Cast,
    Verb,
)
from services.scenarios.stage import Stage
from services.world import ITEMS, VACCINATION

WAIT_SECONDS = 30.0
DAY_SECONDS = 86_400
AFTER_SECONDS = 2
BY_KIND = ("institution_code", "integrated_number", "spi_name_code")
SERVICES = ("provision", "network", "inquiry", "copies", "code_management", "resident_register")
Answer = InquiryAnswered | InquiryRejected


# ── inquiries ────────────────────────────────────────────────────────────────────────────────────────────────────

ASKED = {
    "person": PERSON,
    "by": INSTITUTION,
    "of": INSTITUTION,
    "kind": KIND,
    "affair": TEXT,
    "procedure": TEXT,
    "consent": FLAG,
    "within_seconds": NUMBER,
    "unknown_person": FLAG,
}
ENDED = ("outcome", "rule", "nearest_row", "nearest_attribute", "records")


def inquiry_of(cast_: Cast, given: Mapping[str, Any]) -> InquiryRequested:
    """The inquiry as the inquirer's system makes it."""
    resident = cast_.people[given["person"]]
    by = cast_.institutions[given["by"]] if given["by"] else resident.home
    of = cast_.institutions[given["of"]] if given["of"] else resident.previous
    made = cast_.stage.world.inquiry(resident.number, cast_.stage.now_ms(), KIND_OF[given["kind"]])
    kind = RequestedKind(of, KIND_OF[given["kind"]])
    if given["within_seconds"]:
        kind = kind._replace(answer_within_seconds=given["within_seconds"])
    number = "000000000900001" if given["unknown_person"] else cast_.number_at(by, given["person"])
    return made._replace(
        record_identification_number=cast_.own_name(),
        requested_at=local_time(cast_.stage.now_ms()),
        inquirer_institution_code=by,
        integrated_number=number,
        affair_code=given["affair"] or made.affair_code,
        procedure_code=given["procedure"] or made.procedure_code,
        kinds=(kind,),
        consent_obtained=given["consent"],
    )


def told(seen: Heard) -> Mapping[str, Any]:
    """What a scenario may expect of an answer."""
    return {
        "outcome": seen.outcome,
        "rule": seen.rule,
        "nearest_row": seen.nearest_row_id,
        "nearest_attribute": seen.nearest_attribute,
        "records": len(seen.items),
    }


async def opening_keys(cast_: Cast, institution_code: str) -> bytes:
    """The raw keys that open an institution's answers now, newest first."""
    stage = cast_.stage
    return await key_management.private_keys_of(stage.store, stage.keys, institution_code, stage.now_ms())


async def reply(cast_: Cast, inquiry: InquiryRequested, kinds: tuple[type[Any], ...]) -> Heard:
    """The first reply of these kinds to an inquiry, opened."""
    code, name = inquiry.inquirer_institution_code, inquiry.record_identification_number
    found = await cast_.stage.hear(
        code, lambda one: isinstance(one, kinds) and one.record_identification_number == name
    )
    return heard(found, await opening_keys(cast_, code))[0]


async def send(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Ask, and wait for nothing."""
    inquiry = cast_.inquiries[cast_.step] = inquiry_of(cast_, given)
    await cast_.stage.say_as(inquiry.inquirer_institution_code, inquiry)
    return {}


async def ask(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Ask, and wait until it is answered, refused or held."""
    await send(cast_, given)
    return told(await reply(cast_, cast_.inquiries[cast_.step], (InquiryAnswered, InquiryRejected, InquiryHeld)))


async def answer(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Wait for the end of an inquiry."""
    return told(await reply(cast_, cast_.inquiries[given["of"]], (InquiryAnswered, InquiryRejected)))


async def withdraw(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The inquirer takes an inquiry back."""
    inquiry = cast_.inquiries[given["of"]]
    code = inquiry.inquirer_institution_code
    message = InquiryCancelRequested(inquiry.record_identification_number, code, given["reason"])
    await cast_.stage.say_as(code, message)
    return {}


async def waits(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The state that the inquirer's server has reached with an inquiry that has no answer yet."""
    inquiry = cast_.inquiries[given["of"]]
    key = (inquiry.inquirer_institution_code, inquiry.record_identification_number)

    async def there() -> str:
        async with cast_.stage.store.transaction() as transaction:
            rows: list[Exchange] = await transaction.find(Exchange, BY_INQUIRY, [key])
        return given["state"] if rows and rows[0].state == given["state"] else ""

    return {"state": await cast_.stage.until(there)}


# ── holds ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def block(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The institution that holds a person's copies of a kind sets 自動応答不可 on them, or takes it away."""
    resident = cast_.people[given["person"]]
    code = cast_.institutions[given["of"]] if given["of"] else resident.previous
    person = (code, cast_.number_at(code, given["person"]), KIND_OF[given["kind"]])
    wanted = not given["off"]
    copies = await flags.current(cast_.stage.store, person)
    for copy in copies:
        await cast_.stage.say_as(code, flags.update_of(copy, wanted))

    async def there() -> bool:
        now = await flags.current(cast_.stage.store, person)
        return all(copy.auto_response_disabled == wanted for copy in now)

    await cast_.stage.until(there)
    return {"copies": len(copies)}


async def open_hold(cast_: Cast, step: str) -> holds.Hold:
    """The open hold of an inquiry."""
    inquiry = cast_.inquiries[step]
    key = (inquiry.inquirer_institution_code, inquiry.record_identification_number)

    async def there() -> Any:
        async with cast_.stage.store.transaction() as transaction:
            rows: list[Exchange] = await transaction.find(Exchange, BY_INQUIRY, [key])
        found = [await holds.hold_of(cast_.stage.store, row.exchange_id) for row in rows]
        return next((one for one in found if one is not None), None)

    return cast(holds.Hold, await cast_.stage.until(there))


async def look(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Staff of the provider look at what would leave; a later step may confirm exactly this."""
    seen = await holds.shown(cast_.stage.store, await open_hold(cast_, given["of"]), cast_.stage.now_ms())
    cast_.kept[cast_.step] = seen
    return {"records": len(seen.projection.records), "blocked": len(seen.blocked_records)}


async def confirm(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Staff confirm what they saw: in the step `seen`, or just now."""
    stage = cast_.stage
    now = await holds.shown(stage.store, await open_hold(cast_, given["of"]), stage.now_ms())
    seen = cast_.kept[given["seen"]] if given["seen"] else now
    done = await holds.confirm(stage.store, stage.say, now, given["operator"], seen.digest, stage.now_ms())
    return {"state": done.state, "outcome": done.outcome}


async def refuse(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Staff refuse, with a reason that stays at the provider."""
    hold = await open_hold(cast_, given["of"])
    reason, stage = HoldReason(given["reason"]), cast_.stage
    done = await holds.refuse(stage.store, stage.say, hold, given["operator"], reason, given["note"], stage.now_ms())
    return {"state": done.state, "outcome": done.outcome}


# ── codes, suspensions ───────────────────────────────────────────────────────────────────────────────────────────


async def state_of_code(cast_: Cast, code: str, name: str, states: tuple[str, ...]) -> Mapping[str, Any]:
    """How the request of this name ended."""
    found = await cast_.stage.hear(
        code, lambda one: isinstance(one, CodeStateChanged) and one.request_id == name and one.state.value in states
    )
    return {"state": found.state.value, "rule": found.rule}


async def acquire(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """An institution takes a linkage code for a person, over both channels."""
    code, name = cast_.institutions[given["by"]], cast_.own_name()
    resident = cast_.people[given["person"]]
    number = cast_.number_at(code, given["person"])
    if given["new_number"]:
        number = cast_.numbers[code, given["person"]] = f"6{resident.number:014d}"
    await cast_.stage.say_as(code, CodeAcquisitionRequested(code, name, number))
    ended = ("ISSUED", "FAILED")
    found = await cast_.stage.hear(
        code,
        lambda one: (
            (isinstance(one, AcquisitionNumberAssigned) and one.request_id == name)
            or (isinstance(one, CodeStateChanged) and one.request_id == name and one.state.value in ended)
        ),
    )
    if isinstance(found, AcquisitionNumberAssigned):
        whose = cast_.people[given["identity_of"] or given["person"]].individual_number
        await cast_.stage.say_as(code, IdentityNotified(code, found.acquisition_number, whose))
    return await state_of_code(cast_, code, name, ended)


async def revoke(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """An institution gives a person's code up: the person moved out or died."""
    code, name = cast_.institutions[given["by"]], cast_.own_name()
    number = cast_.number_at(code, given["person"])
    await cast_.stage.say_as(code, CodeRevocationRequested(code, name, number, cast_.stage.now_ms()))
    return await state_of_code(cast_, code, name, ("REVOKED", "FAILED"))


async def suspend(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Linkage of a person is stopped at an institution (a wrong link was found), or goes on again."""
    code = cast_.institutions[given["at"]]
    number = cast_.number_at(code, given["person"])
    async with cast_.stage.store.transaction() as transaction:
        if given["off"]:
            await transaction.remove(Suspension, [(code, number)])
        else:
            await transaction.write(Suspension, [Suspension(code, number, given["reason"], cast_.stage.now_ms())])
    return {}


# ── copies ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def copy(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """An institution registers, updates or deletes a person's copy, as a transmission of one row."""
    code, stage = cast_.institutions[given["at"]], cast_.stage
    kind, name = KIND_OF[given["kind"]], cast_.own_name()
    resident = cast_.people[given["person"]]
    items = stage.world.items_of(resident, kind)
    if given["value"]:
        items = (Item(items[0].code, given["value"]), *items[1:])
    message = stage.world.copy_of(resident, kind, CopyCommand(given["command"]))._replace(
        institution_code=code,
        record_identification_number=name,
        integrated_number=cast_.number_at(code, given["person"]),
        layout_version=given["layout"],
        items=() if given["command"] == "DELETE" else items,
        batch_id=name,
        row_number=1,
    )
    await stage.say_as(code, CopyBatchOpened(code, name, given["reason"], 1))
    await stage.say_as(code, message)
    return batch_told(await batch_end(stage, code, name))


async def batch_end(stage: Stage, code: str, name: str) -> list[CopyBatchReported]:
    """All reports on a batch, the last of which ends it."""
    found: list[CopyBatchReported] = []

    def ended(one: Any) -> bool:
        if not isinstance(one, CopyBatchReported) or one.batch_id != name:
            return False
        found.append(one)
        return one.state.value not in ("RUNNING", "WAITING")

    await stage.hear(code, ended)
    return found


def batch_told(reports: Sequence[CopyBatchReported]) -> Mapping[str, Any]:
    """What a scenario may expect of a batch."""
    last = reports[-1]
    errors = [error.error_id for one in reports for error in one.errors]
    return {
        "state": last.state.value,
        "accepted": last.accepted,
        "rejected": last.rejected,
        "error": errors[0] if errors else "",
    }


async def load_copies(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """An institution sends so many copies as one transmission; `sent` rows of those announced, all when 0."""
    code, stage, name = cast_.institutions[given["at"]], cast_.stage, cast_.own_name()
    await stage.say_as(code, CopyBatchOpened(code, name, given["reason"], given["rows"]))
    first = await stage.hear(code, lambda one: isinstance(one, CopyBatchReported) and one.batch_id == name)
    if first.state.value == "ABORTED":
        return batch_told([first])
    sent = given["sent"] or given["rows"]
    for row in range(1, sent + 1):
        await stage.say_as(code, mass_copy(cast_, code, name, row))
    if sent == given["rows"]:
        return batch_told(await batch_end(stage, code, name))

    async def seen() -> bool:
        async with stage.store.transaction() as transaction:
            rows = await transaction.find(CopyRecord, BY_KIND, [(code, f"5{sent:014d}", VACCINATION)])
        return bool(rows)

    await stage.until(seen)
    return {"state": "RUNNING", "accepted": sent, "rejected": 0, "error": ""}


def mass_copy(cast_: Cast, code: str, batch: str, row: int) -> CopySubmitted:
    """The row-th copy of a mass load, of a person of whom nothing else is known."""
    resident = next(iter(cast_.people.values()))
    return cast_.stage.world.copy_of(resident, VACCINATION, CopyCommand.REGISTER)._replace(
        institution_code=code,
        record_identification_number=f"{batch}-{row}",
        integrated_number=f"5{row:014d}",
        batch_id=batch,
        row_number=row,
    )


async def held_copies(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the tables hold of a person's kind: how many current copies, and the first item's value."""
    code = cast_.institutions[given["at"]]
    found = await flags.current(
        cast_.stage.store, (code, cast_.number_at(code, given["person"]), KIND_OF[given["kind"]])
    )
    values = [unpack_items(one.items)[0].value for one in found]
    return {
        "copies": len(found),
        "value": values[0] if values else "",
        "layout": found[0].layout_version if found else "",
    }


async def switch_layout(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """From today a kind has another layout; the one before is accepted until yesterday."""
    stage, kind = cast_.stage, KIND_OF[given["kind"]]
    today, yesterday = jst_date(stage.now_ms()), jst_date(stage.now_ms() - DAY_SECONDS * 1000)
    async with stage.store.transaction() as transaction:
        rows: list[KindLayout] = await transaction.find(KindLayout, ("spi_name_code",), [(kind,)])
        ended = [row._replace(valid_to=yesterday) for row in rows if row.valid_to == ""]
        await transaction.write(KindLayout, [*ended, KindLayout(kind, given["to"], today, "", ",".join(ITEMS[kind]))])
    return {"ended": len(ended)}


async def restore_layout(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The world's own layout of a kind again, and no other."""
    kind = KIND_OF[given["kind"]]
    async with cast_.stage.store.transaction() as transaction:
        rows: list[KindLayout] = await transaction.find(KindLayout, ("spi_name_code",), [(kind,)])
        await transaction.remove(KindLayout, [row[:2] for row in rows if row.layout_version != "1.0"])
        await transaction.write(KindLayout, [row._replace(valid_to="") for row in rows if row.layout_version == "1.0"])
    return {}


# ── the list ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def publish_list(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The network publishes the next version: the newest without some rows, and with a row added like another."""
    stage, store = cast_.stage, cast(PostgresStore, cast_.stage.store)
    newest = await lists_admin.version(store)
    assert newest is not None
    cast_.kept.setdefault("list", newest.rows)
    rows = [row for row in newest.rows if row.row_id not in given["without"]]
    if given["add_like"]:
        like = next(row for row in newest.rows if row.row_id == given["add_like"])
        rows.append(added_row(like, given["add_kind"], given["basis"]))
    return await published(cast_, tuple(rows), [cast_.institutions[one] for one in given["left_behind"]], stage)


def added_row(like: PermissionRow, kind: str, basis: str) -> PermissionRow:
    """A row as another, for another kind."""
    code = KIND_OF[kind] if kind else like.spi_name_code
    return like._replace(row_id=f"{like.row_id}-x", spi_name_code=code, item_codes=ITEMS[code], legal_basis=basis)


async def published(
    cast_: Cast, rows: tuple[PermissionRow, ...], left_behind: Sequence[str], stage: Stage
) -> Mapping[str, Any]:
    """These rows are the next version."""
    store, now = cast(PostgresStore, stage.store), stage.now_ms()
    newest = await lists_admin.version(store)
    assert newest is not None
    new = lists_admin.next_list(lists_admin.to_text(rows), newest=newest.version, now=now)
    done = await lists_admin.publish(store, stage.say, new, left_behind, now, WAIT_SECONDS)
    cast_.kept["left_behind"] = tuple(left_behind)
    return {
        "added": len(done.added),
        "removed": len(done.removed),
        "left_behind": len(done.left_behind),
        "waiting": len(done.waiting),
    }


async def distribute_list(cast_: Cast, _: Mapping[str, Any]) -> Mapping[str, Any]:
    """Those who were left behind get the newest version."""
    stage, store = cast_.stage, cast(PostgresStore, cast_.stage.store)
    newest = await lists_admin.version(store)
    assert newest is not None
    codes = cast_.kept.pop("left_behind", ())
    done = await lists_admin.distribute(store, stage.say, newest.version, codes, stage.now_ms(), WAIT_SECONDS)
    return {"distributed": len(done.distributed), "waiting": len(done.waiting)}


async def restore_list(cast_: Cast, _: Mapping[str, Any]) -> Mapping[str, Any]:
    """The rows that were there before the scenario are published again, to everybody."""
    return await published(cast_, cast_.kept["list"], (), cast_.stage)


# ── the world ────────────────────────────────────────────────────────────────────────────────────────────────────


async def pass_time(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The country's clock goes forward."""
    days = given["days"] + given["years"] * 365 + given["years"] // 4 + (1 if given["years"] else 0)
    await cast_.stage.pass_time(days * DAY_SECONDS + given["hours"] * 3600 + given["seconds"])
    return {}


async def pass_hold_deadline(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The clock goes to just after the moment by which staff should have looked, and not to the inquirer's own end."""
    hold = await open_hold(cast_, given["of"])
    left_ms = hold.row.hold_deadline_at - cast_.stage.now_ms()
    await cast_.stage.pass_time(max(left_ms, 0) // 1000 + AFTER_SECONDS)
    return {"days": left_ms // (DAY_SECONDS * 1000) >= 1}


async def stop_service(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """A service of the installation is down."""
    await cast_.stage.stop_service(given["service"])
    return {}


async def start_service(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """It serves again."""
    await cast_.stage.start_service(given["service"])
    return {}


async def erase_expired(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The operator orders everything erased that has expired by now."""
    stage, order = cast_.stage, erasure.Order(cast_.stage.now_ms(), given["operator"])
    done = await erasure.erase(cast(PostgresStore, stage.store), stage.say, erasure.expired_steps(order))
    return {"left": sum(one.left for one in done)}


async def erased(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is left of an inquiry: records without their detail, rows that lead to no person, leaves still in place."""
    inquiry = cast_.inquiries[given["of"]]
    key = (inquiry.inquirer_institution_code, inquiry.record_identification_number)
    async with cast_.stage.store.transaction() as transaction:
        rows: list[Exchange] = await transaction.find(Exchange, BY_INQUIRY, [key])
    records = [record for row in rows for record in await cast_.stage.records_of(row.exchange_id)]
    return {
        "records": len(records),
        "details": sum(record.detail != b"" for record in records),
        "persons": sum(row.integrated_number != "" for row in rows),
        "answers": sum(row.answer != b"" for row in rows),
        "leaves": sum(
            leaf_of(record.sequence, record.counterpart, record.pair_sequence, record.body) == record.leaf
            for record in records
        ),
    }


async def compare_codes(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Whether two institutions know a person by different codes."""
    found = []
    for institution in (given["one"], given["other"]):
        code = cast_.institutions[institution]
        async with cast_.stage.store.transaction() as transaction:
            rows: list[CodeBinding] = await transaction.find(
                CodeBinding, BY_PERSON, [(code, cast_.number_at(code, given["person"]))]
            )
        found.append({row.linkage_code for row in rows if not row.valid_to})
    return {"codes": len(found[0]) + len(found[1]), "shared": len(found[0] & found[1])}


async def portal_view(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the person sees at the portal, through a code of the portal's own."""
    stage, resident = cast_.stage, cast_.people[given["person"]]
    routes = portal.Routes(cast(PostgresStore, stage.store), stage.keys.network_codes)
    code = await routes.open_account(resident.home, resident.home_number, stage.now_ms())
    seen = await portal.records(routes, stage.store_of, code, stage.now_ms())
    kinds = [KIND_OF[kind] for kind in given["kinds"]]
    known = await portal.self_information(routes, stage.store_of, code, kinds, stage.now_ms())
    return {"records": len(seen), "provided": sum(bool(one.provided_at) for one in seen), "information": len(known)}


# ── VRS, the route beside the network (art. 19(16)) ──────────────────────────────────────────────────────────────


def city_of(cast_: Cast, institution_code: str) -> str:
    """The local government code of a municipality."""
    return next(local for local, code, _ in cast_.stage.world.codes if code == institution_code)


async def vrs_reply(cast_: Cast, code: str, message: Any) -> VrsReplied:
    """Say it to VRS and give the answer."""
    await cast_.stage.say_as(code, message, VRS)
    name = message.request_id
    found = await cast_.stage.hear(code, lambda one: isinstance(one, VrsReplied) and one.request_id == name, VRS)
    return cast(VrsReplied, found)


def vrs_told(found: VrsReplied) -> Mapping[str, Any]:
    """What a scenario may expect of VRS."""
    return {
        "outcome": found.outcome.value,
        "rule": found.rule,
        "rows": found.accepted_rows,
        "doses": len(found.doses),
        "card": bool(found.payload),
    }


async def vrs_register(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """A municipality registers a person and the voucher issued to them."""
    code, resident = cast_.institutions[given["at"]], cast_.people[given["person"]]
    born, business, voucher = "19800102", f"8{resident.number:014d}", f"{resident.number:010d}"
    sex = "1" if given["changed"] else "2"
    row = VrsEligible(1, resident.individual_number, business, "1", voucher, "模擬", born, sex)
    name = f"{cast_.stage.tag}.{given['again']}" if given["again"] else cast_.own_name()
    message = VrsEligibleRegistered(code, name, city_of(cast_, code), (row,), given["operator"])
    if not given["again"]:
        return vrs_told(await vrs_reply(cast_, code, message))
    told_before = len(await vrs_replies(cast_, name))
    await cast_.stage.say_as(code, message, VRS)
    if not given["changed"]:
        return {}  # a repeat is not answered once more; what it must not do is seen in the area
    found: list[VrsReplied] = await cast_.stage.until(lambda: vrs_replies(cast_, name, told_before))
    return vrs_told(found[-1])


async def vrs_replies(cast_: Cast, name: str, after: int = 0) -> list[VrsReplied]:
    """The replies to a request that was said more than once, beyond so many."""
    said = await cast_.stage.messages_of(VrsReplied)
    return [one for one in said if one.request_id == name][after:]


async def vrs_dose(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """A tablet of a municipality reads the person's voucher and registers a dose."""
    code, name, dose = cast_.institutions[given["at"]], cast_.own_name(), given["dose"]
    line = ocr_line("1", dose, city_of(cast_, code), f"{cast_.people[given['person']].number:010d}")
    lot = f"LOT{dose}"
    message = VrsDoseRead(code, name, line, dose, given["date"], "模擬製薬", lot, "M1", "模擬", "会場", "医師", "TAB1")
    await cast_.stage.say_as(code, message, TABLET)
    found = await cast_.stage.hear(code, lambda one: isinstance(one, VrsDoseTaken) and one.request_id == name, TABLET)
    return {"accepted": found.accepted, "error": found.errors[0].error_id if found.errors else ""}


async def vrs_flag(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """A municipality marks that a person moved out or died."""
    code, business = cast_.institutions[given["at"]], f"8{cast_.people[given['person']].number:014d}"
    message = VrsFlagSet(code, cast_.own_name(), business, VrsFlag(given["flag"]), given["date"], "OP001")
    return vrs_told(await vrs_reply(cast_, code, message))


async def vrs_inquire(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The new home asks the municipality that is named, with the individual number and its code."""
    resident = cast_.people[given["person"]]
    code = cast_.institutions[given["by"]] if given["by"] else resident.home
    of = cast_.institutions[given["of"]] if given["of"] else resident.previous
    consent, identity = not given["without_consent"], not given["without_identity"]
    number, local = resident.individual_number, city_of(cast_, of)
    message = VrsInquired(code, cast_.own_name(), number, local, consent, identity, "OP001")
    return vrs_told(await vrs_reply(cast_, code, message))


async def vrs_certificate(cast_: Cast, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The person applies for a certificate of the doses this municipality gave."""
    code, number = cast_.institutions[given["at"]], cast_.people[given["person"]].individual_number
    message = VrsCertificateRequested(
        code,
        cast_.own_name(),
        number,
        CertificateKind.DOMESTIC,
        not given["without_application"],
        not given["without_identity"],
        "OP001",
    )
    return vrs_told(await vrs_reply(cast_, code, message))


VRS, TABLET = "vrs", "tablet"
VRS_TOLD = ("outcome", "rule", "rows", "doses", "card")
DATE = Argument(required=True)
OF_COPY = {"person": PERSON, "of": INSTITUTION, "kind": KIND}
REASONS = ("FIRST_LOAD", "LAYOUT_REVISION", "RE_REGISTRATION", "CHANGE")
BATCH = ("state", "accepted", "rejected", "error")
LISTED = ("added", "removed", "left_behind", "waiting")
ROWS = Argument(many=True, default=())

EVERYDAY: Mapping[str, Verb] = {
    "ask": Verb("照会して返事を待つ / ask and wait", ASKED, ENDED, ask, asks=True),
    "send": Verb("照会だけする / ask without waiting", ASKED, (), send, asks=True),
    "answer": Verb("照会の結末を待つ / wait for the end", {"of": STEP}, ENDED, answer),
    "waits": Verb(
        "照会の状態 / how far an inquiry is",
        {"of": STEP, "state": Argument(required=True)},
        ("state",),
        waits,
    ),
    "withdraw": Verb(
        "照会を取り下げる / take an inquiry back",
        {"of": STEP, "reason": Argument(default="MISTAKE")},
        (),
        withdraw,
    ),
    "block": Verb(
        "自動応答不可を設定・解除する / set or clear the block flag", {**OF_COPY, "off": FLAG}, ("copies",), block
    ),
    "look": Verb("提供内容を職員が見る / staff look", {"of": STEP}, ("records", "blocked"), look),
    "confirm": Verb(
        "職員が確認する / staff confirm",
        {"of": STEP, "seen": Argument(of="step"), "operator": OPERATOR},
        ("state", "outcome"),
        confirm,
    ),
    "refuse": Verb(
        "職員が提供しない / staff refuse",
        {
            "of": STEP,
            "reason": Argument(required=True, choices=tuple(one.value for one in HoldReason if one.value != "NONE")),
            "note": TEXT,
            "operator": OPERATOR,
        },
        ("state", "outcome"),
        refuse,
    ),
    "acquire": Verb(
        "符号を取得する / acquire a code",
        {"by": AT, "person": PERSON, "identity_of": Argument(of="person"), "new_number": FLAG},
        ("state", "rule"),
        acquire,
    ),
    "revoke": Verb("符号を失効させる / give a code up", {"by": AT, "person": PERSON}, ("state", "rule"), revoke),
    "suspend": Verb(
        "連携を停止・再開する / suspend or resume linkage",
        {"at": AT, "person": PERSON, "off": FLAG, "reason": Argument(default="WRONG_LINK")},
        (),
        suspend,
    ),
    "copy": Verb(
        "副本を送る / send a copy",
        {
            "at": AT,
            "person": PERSON,
            "kind": KIND,
            "command": Argument(default="UPDATE", choices=tuple(one.value for one in CopyCommand)),
            "value": TEXT,
            "layout": Argument(default="1.0"),
            "reason": Argument(default="CHANGE", choices=REASONS),
        },
        BATCH,
        copy,
    ),
    "load_copies": Verb(
        "副本をまとめて送る / a mass load",
        {"at": AT, "rows": NUMBER_WANTED, "sent": NUMBER, "reason": Argument(default="FIRST_LOAD", choices=REASONS)},
        BATCH,
        load_copies,
    ),
    "held_copies": Verb(
        "保持している副本 / copies that are held",
        {"at": AT, "person": PERSON, "kind": KIND},
        ("copies", "value", "layout"),
        held_copies,
    ),
    "switch_layout": Verb(
        "レイアウト切替日 / the day a layout changes",
        {"kind": KIND, "to": Argument(required=True)},
        ("ended",),
        switch_layout,
    ),
    "restore_layout": Verb("レイアウトを戻す / the layout as before", {"kind": KIND}, (), restore_layout),
    "publish_list": Verb(
        "照合リストの次の版を公開する / publish the next list",
        {
            "without": ROWS,
            "add_like": TEXT,
            "add_kind": Argument(of="kind"),
            "basis": TEXT,
            "left_behind": INSTITUTIONS,
        },
        LISTED,
        publish_list,
    ),
    "distribute_list": Verb(
        "遅れていた機関に版を配る / the version reaches who was left", {}, ("distributed", "waiting"), distribute_list
    ),
    "restore_list": Verb("照合リストを元に戻す / the list as before", {}, LISTED, restore_list),
    "portal_view": Verb(
        "本人がマイナポータルで見る / what the person sees at the portal",
        {"person": PERSON, "kinds": Argument(of="kind", many=True, default=("vaccination", "household", "local_tax"))},
        ("records", "provided", "information"),
        portal_view,
    ),
    "vrs_register": Verb(
        "接種対象者と接種券を登録する / register a person and voucher at VRS",
        {
            "at": AT,
            "person": PERSON,
            "again": Argument(of="step"),
            "changed": FLAG,
            "operator": Argument(default="OP001"),
        },
        VRS_TOLD,
        vrs_register,
    ),
    "vrs_dose": Verb(
        "タブレットで接種を登録する / a tablet registers a dose",
        {"at": AT, "person": PERSON, "dose": Argument(int, required=True, most=99), "date": DATE},
        ("accepted", "error"),
        vrs_dose,
    ),
    "vrs_flag": Verb(
        "転出・死亡のフラグ / mark a move or a death",
        {
            "at": AT,
            "person": PERSON,
            "flag": Argument(required=True, choices=tuple(one.value for one in VrsFlag)),
            "date": DATE,
        },
        VRS_TOLD,
        vrs_flag,
    ),
    "vrs_inquire": Verb(
        "転出元に接種記録を照会する / ask the previous municipality through VRS",
        {
            "person": PERSON,
            "by": INSTITUTION,
            "of": INSTITUTION,
            "without_consent": FLAG,
            "without_identity": FLAG,
        },
        VRS_TOLD,
        vrs_inquire,
    ),
    "vrs_certificate": Verb(
        "接種証明書を申請する / apply for a certificate",
        {"at": AT, "person": PERSON, "without_application": FLAG, "without_identity": FLAG},
        VRS_TOLD,
        vrs_certificate,
    ),
    "erase_expired": Verb(
        "保管期限切れを消去する / erase what has expired", {"operator": OPERATOR}, ("left",), erase_expired
    ),
    "erased": Verb(
        "照会の何が残っているか / what is left of an inquiry",
        {"of": STEP},
        ("records", "details", "persons", "answers", "leaves"),
        erased,
    ),
    "compare_codes": Verb(
        "二機関の符号を比べる / compare two institutions' codes",
        {"person": PERSON, "one": AT, "other": AT},
        ("codes", "shared"),
        compare_codes,
    ),
    "pass_time": Verb(
        "時間が経つ / time passes",
        {"seconds": NUMBER, "hours": NUMBER, "days": NUMBER, "years": NUMBER},
        (),
        pass_time,
        alone=True,
    ),
    "pass_hold_deadline": Verb(
        "保留の期限が過ぎる / the deadline of a hold passes", {"of": STEP}, ("days",), pass_hold_deadline, alone=True
    ),
    "stop_service": Verb(
        "サービスが止まる / a service is down",
        {"service": Argument(required=True, choices=SERVICES)},
        (),
        stop_service,
        alone=True,
    ),
    "start_service": Verb(
        "サービスが戻る / it serves again",
        {"service": Argument(required=True, choices=SERVICES)},
        (),
        start_service,
        alone=True,
    ),
}
