"""情報提供データベース管理: sub-copies and their batches, row by row, and the copy as of any moment."""

from __future__ import annotations

from typing import Any

import pytest
from factories import (
    ANJO,
    ATTACHED_HOME,
    KARIYA,
    NOW,
    TOYOTA,
    WORLD,
    Story,
    asks,
    copy_of,
    decided,
    kind,
    service,
    store_of,
    told,
)

from broker.errors import PeerFault
from broker.rules.fields import ITEMS_LIMIT
from broker.rules.reasons import field_error
from broker.tables import CopyBatch, CopyReceipt, CopyRecord, KindLayout
from schemas.codec import encode, pack_items
from schemas.records import (
    BatchState,
    CopyBatchOpened,
    CopyBatchReported,
    CopyCommand,
    CopySubmitted,
    FieldError,
    InquiryRejected,
    Item,
    Outcome,
)
from services.copies import BATCH_CAP, copy_digest
from services.world import HOUSEHOLD, LAYOUT, VACCINATION, VACCINATION_ITEMS

COPIES = service("copies")
TOPIC = f"institution.{KARIYA}.copies"
PERSON = "900000000000001"
ITEMS = tuple(Item(code, "1") for code in VACCINATION_ITEMS)
ROW = CopySubmitted(KARIYA, "C1", CopyCommand.REGISTER, PERSON, VACCINATION, "1", LAYOUT, "20260101", "20260101", ITEMS)
GONE = ROW._replace(command=CopyCommand.DELETE, record_identification_number="C2")
BATCH = CopyBatchOpened(KARIYA, "B1", "FIRST_LOAD", 3)


def row(number: int, **changes: Any) -> CopySubmitted:
    """The n-th row of the batch: each about another record of the person."""
    changed = ROW._replace(record_identification_number=f"C{number}", record_key=str(number))
    return changed._replace(batch_id="B1", row_number=number)._replace(**changes)


def one(message: Any, store: Any, now: int = NOW) -> CopyBatchReported | None:
    """The report on a message, or None when there is nothing to report."""
    said = decided(COPIES, message, store, now=now, topic=TOPIC).say
    assert len(said) <= 1
    return said[0] if said else None  # type: ignore[return-value]


def versions(store: Any) -> list[CopyRecord]:
    """The person's versions, oldest first."""
    return sorted(store.tables[CopyRecord].values(), key=lambda r: (r.record_key, r.known_from))


def errors(report: CopyBatchReported | None) -> tuple[FieldError, ...]:
    assert report is not None
    return report.errors


# ── register, update, delete ─────────────────────────────────────────────────────────────────────────────────────


def test_register_update_delete_keep_every_version() -> None:
    """A version once written is only closed: what was known at any moment can be told afterwards."""
    store = store_of()
    newer = tuple(Item(code, "2") for code in VACCINATION_ITEMS)

    one(ROW, store, NOW)
    one(ROW._replace(command=CopyCommand.UPDATE, record_identification_number="C2", items=newer), store, NOW + 10)
    one(ROW._replace(command=CopyCommand.DELETE, record_identification_number="C3", items=()), store, NOW + 20)
    one(ROW._replace(record_identification_number="C4"), store, NOW + 30)

    def as_of(moment: int) -> list[bytes]:
        return [v.items for v in versions(store) if v.known_from <= moment < (v.known_to or moment + 1)]

    assert [(v.known_from - NOW, v.known_to and v.known_to - NOW) for v in versions(store)] == [
        (0, 10),
        (10, 20),
        (30, 0),
    ]
    assert as_of(NOW - 1) == []
    assert as_of(NOW + 9) == [pack_items(ITEMS)]
    assert as_of(NOW + 10) == [pack_items(newer)]
    assert as_of(NOW + 25) == []
    assert as_of(NOW + 30) == [pack_items(ITEMS)]
    assert len(store.tables[CopyReceipt]) == 4


def test_two_updates_in_one_millisecond() -> None:
    """Two changes of one record at the same moment are two versions, in their order."""
    store = store_of()
    one(ROW, store)

    one(ROW._replace(command=CopyCommand.UPDATE, record_identification_number="C2"), store)
    one(ROW._replace(command=CopyCommand.UPDATE, record_identification_number="C3"), store)

    assert [v.record_identification_number for v in versions(store)] == ["C1", "C2", "C3"]
    assert [v.known_to for v in versions(store)] == [NOW + 1, NOW + 2, 0]


def test_registered_again_in_one_millisecond() -> None:
    """A version that was closed stays as it was, also when the record comes back at the same moment."""
    store = store_of()

    for message in (ROW, GONE, ROW._replace(record_identification_number="C3")):
        one(message, store)

    assert [v.record_identification_number for v in versions(store)] == ["C1", "C3"]
    assert [(v.known_from, v.known_to) for v in versions(store)] == [(NOW, NOW + 1), (NOW + 1, 0)]


@pytest.mark.parametrize(
    ("before", "command", "rule"),
    [
        ([], CopyCommand.UPDATE, "RECORD_UNKNOWN"),
        ([], CopyCommand.DELETE, "RECORD_UNKNOWN"),
        ([ROW], CopyCommand.REGISTER, "RECORD_EXISTS"),
        (
            [ROW, GONE],
            CopyCommand.UPDATE,
            "RECORD_UNKNOWN",
        ),
    ],
)
def test_command_must_fit_what_is_held(before: list[CopySubmitted], command: CopyCommand, rule: str) -> None:
    """A new record is registered, an existing one updated or deleted; anything else is named."""
    store = store_of()
    for message in before:
        one(message, store)
    known = versions(store)

    report = one(ROW._replace(command=command, record_identification_number="C9"), store, NOW + 9)

    assert errors(report) == (field_error("command", rule),)
    assert versions(store) == known


def test_repeat_is_dropped_and_other_content_refused() -> None:
    """The same record number with the same content does nothing; with other content it is an error."""
    store = store_of()
    one(ROW, store)

    repeat = decided(COPIES, ROW, store, topic=TOPIC)
    other = one(ROW._replace(record_key="2"), store)

    assert (repeat.outcome, repeat.say, repeat.write) == ("repeat", (), ())
    assert errors(other) == (field_error("record_identification_number", "DUPLICATE_RECORD_ID"),)
    assert len(versions(store)) == 1


def test_refused_row_may_come_again_corrected() -> None:
    """A number whose row was refused is not used up: the corrected row is taken."""
    store = store_of()

    report = one(ROW._replace(layout_version="9.9"), store)

    assert errors(report) == (field_error("layout_version", "LAYOUT_UNKNOWN"),)
    assert one(ROW, store) is None
    assert len(versions(store)) == 1


# ── layouts ──────────────────────────────────────────────────────────────────────────────────────────────────────

NEXT = KindLayout(VACCINATION, "2.0", "20261001", "", ",".join((*VACCINATION_ITEMS, "99000100000007")))
LAST_DAY = KindLayout(VACCINATION, LAYOUT, "20210401", "20260930", ",".join(VACCINATION_ITEMS))
SWITCH_MS = 1_790_780_400_000  # 2026-10-01 00:00 in Japan


@pytest.mark.parametrize(
    ("layout", "now", "rule"),
    [
        (LAYOUT, SWITCH_MS - 1, ""),
        (LAYOUT, SWITCH_MS, "LAYOUT_NOT_IN_FORCE"),
        ("2.0", SWITCH_MS - 1, "LAYOUT_NOT_IN_FORCE"),
        ("2.0", SWITCH_MS, ""),
        ("3.0", SWITCH_MS, "LAYOUT_UNKNOWN"),
    ],
)
def test_layout_switches_at_midnight_in_japan(layout: str, now: int, rule: str) -> None:
    """On the switch day the old layout is refused and the new one taken, to the millisecond."""
    items = tuple(Item(code, "1") for code in NEXT.item_codes.split(","))
    message = ROW._replace(layout_version=layout, items=ITEMS if layout == LAYOUT else items)

    report = one(message, store_of(NEXT, LAST_DAY), now)

    assert (errors(report) if rule else report) == ((field_error("layout_version", rule),) if rule else None)


ITEM_CASES = (
    ("not in the layout", (*ITEMS, Item("X1", "1")), [("items[6].code", "ITEM_NOT_IN_LAYOUT", "X1")]),
    ("twice", (*ITEMS, ITEMS[0]), [("items[6].code", "ITEM_NOT_IN_LAYOUT", VACCINATION_ITEMS[0])]),
    ("missing", ITEMS[1:], [("items", "ITEM_MISSING", VACCINATION_ITEMS[0])]),
    ("none at all", (), [("items", "ITEM_MISSING", code) for code in VACCINATION_ITEMS]),
)


@pytest.mark.parametrize(("name", "items", "expected"), ITEM_CASES)
def test_items_are_those_of_the_layout(
    name: str, items: tuple[Item, ...], expected: list[tuple[str, str, str]]
) -> None:
    """Every item that is missing or too many is named, all at once."""
    report = one(ROW._replace(items=items), store_of())

    assert errors(report) == tuple(field_error(field, rule, code, code) for field, rule, code in expected)


@pytest.mark.parametrize("item", [Item(VACCINATION_ITEMS[0], ""), Item(VACCINATION_ITEMS[0], "1", "NOT_HELD")])
def test_item_has_a_value_or_a_reason(item: Item) -> None:
    """An empty item says why it is empty, and one with a value does not."""
    report = one(ROW._replace(items=(item, *ITEMS[1:])), store_of())

    assert [(error.field, error.error_id) for error in errors(report)] == [("items[0].value", "SIM-E101")]


def test_too_many_items_are_one_error() -> None:
    """A row of absurdly many bad items gets one short answer instead of one longer than a message."""
    report = one(ROW._replace(items=(Item("", ""),) * 80_000), store_of())

    assert [error.field for error in errors(report)] == ["items"]
    assert len(encode(report)) < 1000  # type: ignore[arg-type]


def test_the_longest_list_of_errors_fits_in_a_message() -> None:
    """As many ill-formed items as may be, each with all that can be wrong, still fit in one reply."""
    report = one(ROW._replace(items=(Item("\x00", "", "x"),) * ITEMS_LIMIT), store_of())

    assert len(errors(report)) == 2 * ITEMS_LIMIT
    assert len(encode(report)) < 262_144  # type: ignore[arg-type]


# ── batches ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("rows", "state"), [(BATCH_CAP, BatchState.RUNNING), (BATCH_CAP + 1, BatchState.ABORTED)])
def test_batch_cap(rows: int, state: BatchState) -> None:
    """200,000 rows may be announced, one more is refused at once with the limit in words (domain 3(b)9)."""
    report = one(BATCH._replace(row_count=rows), store_of())

    assert report is not None
    assert report.state is state
    if state is BatchState.ABORTED:
        assert errors(report) == (field_error("row_count", "BATCH_TOO_LARGE", "上限200000件", "at most 200000 rows"),)


def test_rows_fail_one_by_one_and_the_rest_goes_through() -> None:
    """A bad row is reported with its number and its reasons, and uses up its place; the batch ends with errors."""
    store = store_of()

    opened = one(BATCH, store)
    reports = [one(message, store) for message in (row(1), row(2, valid_from="20260230"), row(3))]

    assert opened is not None
    assert (opened.state, opened.next_row) == (BatchState.RUNNING, 1)
    assert reports[0] is None
    assert reports[1] is not None
    assert (reports[1].row_number, reports[1].next_row, [e.field for e in errors(reports[1])]) == (2, 3, ["valid_from"])
    assert reports[2] is not None
    assert (reports[2].state, reports[2].accepted, reports[2].rejected) == (BatchState.ENDED_WITH_ERRORS, 2, 1)
    assert [v.record_key for v in versions(store)] == ["1", "3"]


def test_batch_without_errors_ends_well() -> None:
    """The last row ends the batch, and the report says that all went in."""
    store = store_of()

    reports = [one(message, store) for message in (BATCH, row(1), row(2), row(3))]

    assert reports[-1] == CopyBatchReported(KARIYA, "B1", BatchState.ENDED, 3, 0, 4, 0, ())


def test_batch_resumes_at_the_first_row_not_seen() -> None:
    """Opening a batch again says where it stands; rows sent twice are dropped and do not count twice."""
    store = store_of()
    for message in (BATCH, row(1), row(2)):
        one(message, store)

    again = one(BATCH, store)
    repeated = [decided(COPIES, row(n), store, topic=TOPIC).outcome for n in (1, 2)]
    last = one(row(3), store)

    assert again == CopyBatchReported(KARIYA, "B1", BatchState.RUNNING, 2, 0, 3, 0, ())
    assert repeated == ["repeat", "repeat"]
    assert last is not None
    assert (last.state, last.accepted) == (BatchState.ENDED, 3)


def test_batch_opened_again_with_another_size() -> None:
    """A batch's name stands for one announcement: another size under it is refused, and the batch goes on."""
    store = store_of()
    for message in (BATCH, row(1)):
        one(message, store)

    report = one(BATCH._replace(row_count=2), store)

    assert report == CopyBatchReported(
        KARIYA, "B1", BatchState.RUNNING, 1, 0, 2, 0, (field_error("batch_id", "DUPLICATE_RECORD_ID"),)
    )
    assert store.tables[CopyBatch][KARIYA, "B1"].row_count == 3


PLACES: tuple[tuple[str, list[Any], CopySubmitted, FieldError], ...] = (
    ("a gap", [BATCH, row(1)], row(3), field_error("row_number", "ROW_OUT_OF_ORDER", "次は2", "2 comes next")),
    ("never opened", [], row(1), field_error("batch_id", "BATCH_UNKNOWN")),
    ("ended", [BATCH._replace(row_count=1), row(1)], row(2), field_error("batch_id", "BATCH_CLOSED")),
    (
        "a place taken",
        [BATCH, row(1)],
        row(1, record_identification_number="OTHER"),
        field_error("row_number", "ROW_OUT_OF_ORDER", "次は2", "2 comes next"),
    ),
)


@pytest.mark.parametrize(("name", "before", "message", "error"), PLACES)
def test_row_must_be_in_its_place(name: str, before: list[Any], message: CopySubmitted, error: FieldError) -> None:
    """A row out of its place is refused and does not use up a place."""
    store = store_of()
    for earlier in before:
        one(earlier, store)
    batches = dict(store.tables[CopyBatch])

    report = one(message, store)

    assert errors(report) == (error,)
    assert store.tables[CopyBatch] == batches


def test_two_batches_do_not_disturb_each_other() -> None:
    """A batch that is stuck does not keep another from ending (the queue of 2023 did)."""
    store = store_of()
    other = BATCH._replace(batch_id="B2", row_count=1)

    for message in (BATCH, row(1), other):
        one(message, store)
    report = one(row(9, batch_id="B2", row_number=1), store)

    assert report is not None
    assert (report.batch_id, report.state) == ("B2", BatchState.ENDED)
    assert store.tables[CopyBatch][KARIYA, "B1"].state == "RUNNING"


def test_institution_speaks_for_itself() -> None:
    """Copies of another institution, or of none, are set aside."""
    store = store_of()

    with pytest.raises(PeerFault) as foreign:
        one(ROW._replace(institution_code=ANJO), store)
    with pytest.raises(PeerFault) as unknown:
        one(ROW._replace(institution_code="9900999999900000"), store)
    with pytest.raises(PeerFault) as batch:
        one(BATCH._replace(institution_code=ANJO), store)

    assert [fault.value.rule for fault in (foreign, unknown, batch)] == [
        "FOREIGN_SENDER",
        "UNKNOWN_INSTITUTION",
        "FOREIGN_SENDER",
    ]


# ── what an answer depends on ────────────────────────────────────────────────────────────────────────────────────


CHANGES: dict[str, Any] = {
    "integrated_number": "900000000000002",
    "spi_name_code": HOUSEHOLD,
    "record_key": "2",
    "layout_version": "1.1",
    "valid_from": "20260102",
    "valid_to": "20270101",
    "publication_from": "20260102",
    "publication_to": "20270101",
    "auto_response_disabled": True,
    "non_disclosure_code": "2",
    "items": (Item(VACCINATION_ITEMS[0], "2"), *ITEMS[1:]),
}


@pytest.mark.parametrize("field", CHANGES)
def test_digest_covers(field: str) -> None:
    """Each field that an answer may depend on changes the digest."""
    changed = ROW._replace(**{field: CHANGES[field]})

    assert copy_digest(changed, pack_items(changed.items)) != copy_digest(ROW, pack_items(ROW.items))


def test_digest_covers_all_but_the_envelope() -> None:
    """What the digest leaves out is who sent the copy, under which number and in which batch; no content."""
    left_out = {"institution_code", "record_identification_number", "command", "batch_id", "row_number"}

    assert set(CopySubmitted._fields) - set(CHANGES) == left_out
    assert copy_digest(ROW._replace(institution_code=ANJO, row_number=7), b"") == copy_digest(ROW, b"")


def test_publication_period_decides_what_leaves() -> None:
    """A copy serves from its first day of publication to its last, both included."""

    async def scene(story: Story) -> None:
        await story.ask(copy_of(publication_from="20260922", publication_to="20260923"))
        for n in range(4):
            await story.ask(asks(kind(), record_identification_number=f"DAY{n}"))
            await story.pass_time(days=1)

    story = told(scene)

    assert [story.kind_answered(f"DAY{n}").outcome for n in range(4)] == [
        Outcome.NO_DATA,
        Outcome.OK,
        Outcome.OK,
        Outcome.NO_DATA,
    ]


# ── in the country ───────────────────────────────────────────────────────────────────────────────────────────────


def test_bad_rows_and_messages_do_not_stop_the_batch() -> None:
    """Set-aside bytes, a foreign row and a bad one in the middle: the batch ends with what was good."""

    async def scene(story: Story) -> None:
        story.send(BATCH)
        story.send(row(1))
        story.send(row(2), raw=b"\x00\x00")
        story.send(row(2, institution_code=TOYOTA), topic=TOPIC)
        story.send(row(2, publication_from="1"))
        await story.ask(row(3))

    story = told(scene)

    assert [one.rule for one in story.set_aside()] == ["NOT_FRAMED", "FOREIGN_SENDER"]
    assert [story.keys.unprotect(one.value) for one in story.set_aside()] == [
        b"\x00\x00",
        encode(row(2, institution_code=TOYOTA)),
    ]
    assert [(m.offset, len(m.errors)) for m in story.said(InquiryRejected)] == [(2, 1), (3, 1)]
    assert story.said(CopyBatchReported)[-1] == CopyBatchReported(
        KARIYA, "B1", BatchState.ENDED_WITH_ERRORS, 2, 1, 4, 0, ()
    )


def test_ill_formed_batch_name_is_not_repeated() -> None:
    """A reply never carries back a name that could be anything."""
    report = one(BATCH._replace(batch_id="x" * 100_000), store_of())
    row_report = one(row(1, batch_id="y" * 100_000), store_of())

    assert report is not None
    assert row_report is not None
    assert (report.batch_id, row_report.batch_id) == ("", "")


def test_correction_is_a_new_registration_of_the_copy() -> None:
    """Wrong data is corrected at the original and sent again as an update; the next answer has it (domain 3(e)10)."""
    corrected = tuple(Item(code, "正") for code in VACCINATION_ITEMS)

    async def scene(story: Story) -> None:
        await story.ask(asks())
        await story.ask(copy_of(n=ATTACHED_HOME, items=corrected))
        await story.ask(asks(record_identification_number="AFTER"))

    story = told(scene)
    before, after = (story.opened(story.kind_answered(name), KARIYA) for name in ("", "AFTER"))

    assert before.records[0].items == WORLD.items_of(WORLD.resident(ATTACHED_HOME), VACCINATION)
    assert after.records[0].items == corrected
