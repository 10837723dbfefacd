"""What each field of a message from outside must look like: every field of every form, one bad value after another."""

from __future__ import annotations

from typing import Any

import pytest
from factories import KARIYA, TOYOTA, Story, asks, kind, told

from broker.rules import fields
from broker.rules.fields import FORMS, ITEMS_LIMIT, echoed, errors_in
from broker.rules.identity import KINDS_LIMIT
from broker.rules.numbers import individual_number_check_digit, synthetic_individual_number
from broker.rules.reasons import field_error
from broker.tables import CopyRecord
from schemas.codec import encode
from schemas.records import (
    AcquisitionNumberAssigned,
    CodeAcquisitionRequested,
    CodeRevocationRequested,
    CopyBatchOpened,
    CopyBatchReported,
    CopyCommand,
    CopySubmitted,
    FieldError,
    HoldConfirmed,
    HoldReason,
    HoldRefused,
    IdentityNotified,
    InquiryCancelRequested,
    InquiryRejected,
    InquiryRequested,
    Item,
    LinkageSuspensionRequested,
    RequestedKind,
)
from services.world import LAYOUT, VACCINATION, VACCINATION_ITEMS

GOOD: dict[type[Any], Any] = {
    InquiryRequested: asks(),
    RequestedKind: kind(),
    InquiryCancelRequested: InquiryCancelRequested("Q1", KARIYA, "取下げ"),
    HoldConfirmed: HoldConfirmed("x", KARIYA, "OP900", b"d", 1),
    HoldRefused: HoldRefused("x", KARIYA, "OP900", HoldReason.OTHER, "確認できない", 1),
    CopyBatchOpened: CopyBatchOpened(KARIYA, "B1", "CHANGE", 1),
    CopySubmitted: CopySubmitted(
        KARIYA,
        "C1",
        CopyCommand.REGISTER,
        "900000000000001",
        VACCINATION,
        "1",
        LAYOUT,
        "20260101",
        "20260101",
        tuple(Item(code, "1") for code in VACCINATION_ITEMS),
    ),
    Item: Item(VACCINATION_ITEMS[0], "1"),
    CodeAcquisitionRequested: CodeAcquisitionRequested(KARIYA, "R1", "900000000000001"),
    CodeRevocationRequested: CodeRevocationRequested(KARIYA, "R2", "900000000000001", 1),
    LinkageSuspensionRequested: LinkageSuspensionRequested(KARIYA, "R3", "900000000000001", True, "紐付け誤り"),
    IdentityNotified: IdentityNotified(KARIYA, "1" * 20, synthetic_individual_number(0)),
}

CODE = ("123456789012345", "12345678901234567", "１２３４５６７８９０１２３４５６", "99001232106000x0", " " * 16)
INTEGRATED = ("12345678901234", "1234567890123456", "12345678901234a", "１２３４５６７８９０１２３４５")
ID = ("x" * 41, "a b", "番号", "a\n", "a/b", synthetic_individual_number(7), f"R-{synthetic_individual_number(8)}")
DATE = ("2026010", "202601011", "20260230", "20261301", "2026-1-1", "２０２６０１０１", "00000000")
DATE_WORDS = ("yyyymmdd", "YYYYMMDD, an existing day")
INSTITUTION_WORDS = ("16桁の数字", "16 digits")
INTEGRATED_WORDS = ("15桁の数字", "15 digits")
NO_NUMBER = ("（個人番号は不可）", ", no individual number")
ID_WORDS = ("英数字と ._:- の1～40文字" + NO_NUMBER[0], "1 to 40 letters, digits or ._:-" + NO_NUMBER[1])
NUMBER = synthetic_individual_number(7)
SPI_WORDS = ("TM+14桁", "TM and 14 digits")
SPI = ("TM1", "JM00000000000001", "TM0000000000000x", "tm00000000000001")


def text(longest: int) -> tuple[tuple[Any, ...], tuple[str, str]]:
    words = (f"1～{longest}文字" + NO_NUMBER[0], f"1 to {longest} characters" + NO_NUMBER[1])
    return ("x" * (longest + 1), "a\x00", "a\nb", "\x7f", NUMBER), words


BAD: dict[type[Any], dict[str, tuple[tuple[Any, ...], tuple[str, str]]]] = {
    InquiryRequested: {
        "record_identification_number": (ID, ID_WORDS),
        "requested_at": (
            (
                "20260101",
                "2026010112000000",
                "202601011200000000",
                "20260101240000000",
                "20260101236000000",
                "20260101235960000",
                "20260230120000000",
                "2026010112000000x",
            ),
            ("yyyymmddhhmmssSSS、17桁", "yyyymmddhhmmssSSS, 17 digits"),
        ),
        "inquirer_institution_code": (CODE, INSTITUTION_WORDS),
        "inquirer_department_code": text(20),
        "inquirer_operator_id": text(20),
        "inquirer_delegating_institution_code": (CODE, INSTITUTION_WORDS),
        "inquirer_non_disclosure_code": (("0", "3", "12", "true"), ("1・2", "1 or 2")),
        "number_system": (("1", "001", "ab"), ("2桁の数字", "2 digits")),
        "business_person_number": (INTEGRATED, INTEGRATED_WORDS),
        "integrated_number": (INTEGRATED, INTEGRATED_WORDS),
        "affair_code": (("JM1", "JT00000000000001", "JM000000000000011"), ("JM+14桁", "JM and 14 digits")),
        "procedure_code": (("JT1", "JM00000000000001", "JT000000000000011"), ("JT+14桁", "JT and 14 digits")),
    },
    RequestedKind: {
        "provider_institution_code": (CODE, INSTITUTION_WORDS),
        "provider_delegating_institution_code": (CODE, INSTITUTION_WORDS),
        "spi_name_code": (SPI, SPI_WORDS),
        "inquiry_condition_type": (("10", "x", "１"), ("1桁の数字", "1 digit")),
        "inquiry_year_type": (("10", "x", "-"), ("1桁の数字", "1 digit")),
        "period_from": (DATE, DATE_WORDS),
        "period_to": (DATE, DATE_WORDS),
        "answer_within_seconds": ((-1, 2_592_001), ("0～2592000秒", "0 to 2592000 seconds")),
    },
    InquiryCancelRequested: {
        "record_identification_number": (ID, ID_WORDS),
        "inquirer_institution_code": (CODE, INSTITUTION_WORDS),
        "reason": text(200),
    },
    HoldConfirmed: {
        "provider_institution_code": (CODE, INSTITUTION_WORDS),
        "operator_id": text(20),
    },
    HoldRefused: {
        "provider_institution_code": (CODE, INSTITUTION_WORDS),
        "operator_id": text(20),
        "note": text(200),
    },
    CopyBatchOpened: {
        "institution_code": (CODE, INSTITUTION_WORDS),
        "batch_id": (ID, ID_WORDS),
        "reason": (
            ("change", "OTHER"),
            (
                "FIRST_LOAD・LAYOUT_REVISION・RE_REGISTRATION・CHANGE",
                "FIRST_LOAD or LAYOUT_REVISION or RE_REGISTRATION or CHANGE",
            ),
        ),
        "row_count": ((0, -1), ("1以上", "1 or more")),
    },
    CopySubmitted: {
        "institution_code": (CODE, INSTITUTION_WORDS),
        "batch_id": (ID, ID_WORDS),
        "row_number": ((-1,), ("0以上", "0 or more")),
        "record_identification_number": (ID, ID_WORDS),
        "integrated_number": (INTEGRATED, INTEGRATED_WORDS),
        "spi_name_code": (SPI, SPI_WORDS),
        "record_key": text(40),
        "layout_version": text(20),
        "valid_from": (DATE, DATE_WORDS),
        "valid_to": (DATE, DATE_WORDS),
        "publication_from": (DATE, DATE_WORDS),
        "publication_to": (DATE, DATE_WORDS),
        "non_disclosure_code": (("0", "3"), ("1・2", "1 or 2")),
    },
    Item: {
        "code": text(20),
        "value": ((NUMBER, f"{NUMBER} 様"), ("値" + NO_NUMBER[0], "a value" + NO_NUMBER[1])),
        "absence": (("NONE", "x"), ("NOT_APPLICABLE・NOT_HELD", "NOT_APPLICABLE or NOT_HELD")),
    },
    CodeAcquisitionRequested: {
        "institution_code": (CODE, INSTITUTION_WORDS),
        "request_id": (ID, ID_WORDS),
        "integrated_number": (INTEGRATED, INTEGRATED_WORDS),
    },
    CodeRevocationRequested: {
        "institution_code": (CODE, INSTITUTION_WORDS),
        "request_id": (ID, ID_WORDS),
        "integrated_number": (INTEGRATED, INTEGRATED_WORDS),
        "valid_to": ((0, -1), ("1以上", "above 0")),
    },
    LinkageSuspensionRequested: {
        "institution_code": (CODE, INSTITUTION_WORDS),
        "request_id": (ID, ID_WORDS),
        "integrated_number": (INTEGRATED, INTEGRATED_WORDS),
        "reason": text(200),
    },
    IdentityNotified: {
        "institution_code": (CODE, INSTITUTION_WORDS),
        "acquisition_number": (("1" * 19, "1" * 21, "x" * 20), ("20桁の数字", "20 digits")),
        "individual_number": (("1" * 11, "1" * 13, "９９９９０００００００１"), ("12桁の数字", "12 digits")),
    },
}
MAY_BE_EMPTY = {
    (HoldRefused, "note"),
    (Item, "value"),
    (InquiryRequested, "inquirer_delegating_institution_code"),
    (InquiryRequested, "business_person_number"),
    (RequestedKind, "provider_delegating_institution_code"),
    (RequestedKind, "period_from"),
    (RequestedKind, "period_to"),
    (CopySubmitted, "batch_id"),
    (CopySubmitted, "valid_to"),
    (CopySubmitted, "publication_to"),
    (Item, "absence"),
}
FIELDS = [(kind_of, name) for kind_of, forms in FORMS.items() for name in forms]
NAMES = [f"{kind_of.__name__}.{name}" for kind_of, name in FIELDS]


def test_every_form_has_its_cases() -> None:
    """A field that gets a form gets bad values here, and a form that goes takes them along."""
    assert {one: set(forms) for one, forms in BAD.items()} == {one: set(forms) for one, forms in FORMS.items()}
    assert set(GOOD) == set(FORMS)


def test_good_messages_have_no_errors() -> None:
    """What is well-formed is not complained about."""
    assert {type(message).__name__: errors_in(message) for message in GOOD.values()} == {
        one.__name__: [] for one in FORMS
    }


@pytest.mark.parametrize(("kind_of", "name"), FIELDS, ids=NAMES)
def test_field(kind_of: type[Any], name: str) -> None:
    """Each bad value gives exactly one error: the field, the rule's number and what was expected, in both languages."""
    values, (ja, en) = BAD[kind_of][name]

    for value in values:
        found = errors_in(GOOD[kind_of]._replace(**{name: value}))
        rule = "FIELD_OUT_OF_RANGE" if isinstance(value, int) else "FIELD_ILL_FORMED"
        number = "SIM-E103" if isinstance(value, int) else "SIM-E102"
        assert found == [field_error(name, rule, ja, en)], value
        assert found[0].error_id == number
        assert (ja in found[0].reason_ja, en in found[0].reason_en) == (True, True)


@pytest.mark.parametrize(("kind_of", "name"), FIELDS, ids=NAMES)
def test_empty_field(kind_of: type[Any], name: str) -> None:
    """An empty field is missing, unless it may be empty; a number is never empty."""
    values, (ja, en) = BAD[kind_of][name]
    if isinstance(values[0], int):
        assert (kind_of, name) not in MAY_BE_EMPTY
        return

    found = errors_in(GOOD[kind_of]._replace(**{name: ""}))

    expected = [] if (kind_of, name) in MAY_BE_EMPTY else [field_error(name, "FIELD_MISSING", ja, en)]
    assert found == expected
    assert all(error.error_id == "SIM-E101" for error in found)


@pytest.mark.parametrize("kind_of", FORMS, ids=lambda one: one.__name__)
def test_all_errors_at_once(kind_of: type[Any]) -> None:
    """Every ill-formed field of a message is named in one go."""
    wrong = GOOD[kind_of]._replace(**{name: values[0] for name, (values, _) in BAD[kind_of].items()})

    assert {error.field for error in errors_in(wrong)} >= set(BAD[kind_of])


@pytest.mark.parametrize("kind_of", FORMS, ids=lambda one: one.__name__)
def test_value_is_never_repeated(kind_of: type[Any]) -> None:
    """An error tells what was expected and never what was sent: it could be anybody's number."""
    number = "12345678901" + individual_number_check_digit("12345678901")
    texts = [name for name, (values, _) in BAD[kind_of].items() if isinstance(values[0], str)]
    wrong = GOOD[kind_of]._replace(**dict.fromkeys(texts, f"{number} {number}"))

    assert errors_in(wrong)
    assert all(number not in str(error) for error in errors_in(wrong))


PERIODS = (
    (RequestedKind, "period_from", "period_to"),
    (CopySubmitted, "valid_from", "valid_to"),
    (CopySubmitted, "publication_from", "publication_to"),
)


@pytest.mark.parametrize(("kind_of", "first", "last"), PERIODS)
@pytest.mark.parametrize(
    ("begin", "end", "wrong"),
    [
        ("20260101", "20260101", False),
        ("20260101", "20260102", False),
        ("20260102", "20260101", True),
        ("20260101", "", False),
    ],
)
def test_period(kind_of: type[Any], first: str, last: str, begin: str, end: str, wrong: bool) -> None:
    """A period ends on or after the day it begins; an open end is always well."""
    found = errors_in(GOOD[kind_of]._replace(**{first: begin, last: end}))

    assert found == ([field_error(last, "DATE_RANGE")] if wrong else [])


@pytest.mark.parametrize(("count", "wrong"), [(0, True), (1, False), (KINDS_LIMIT, False), (KINDS_LIMIT + 1, True)])
def test_number_of_kinds(count: int, wrong: bool) -> None:
    """An inquiry asks 1 to 20 kinds: two digits of the serial number count them."""
    found = errors_in(asks()._replace(kinds=(kind(),) * count))

    assert [error.field for error in found] == (["kinds"] if wrong else [])


def test_nested_fields_have_their_place() -> None:
    """The path of a nested field tells which of several is meant."""
    inquiry = errors_in(asks(kind(), kind(spi_name_code="x"), kind(period_from="1")))
    copy = errors_in(GOOD[CopySubmitted]._replace(items=(Item("a", "1"), Item("", "1"), Item("c", "", "x"))))

    assert [error.field for error in inquiry] == ["kinds[1].spi_name_code", "kinds[2].period_from"]
    assert [error.field for error in copy] == ["items[1].code", "items[2].absence"]


def test_number_of_items() -> None:
    """More items than any layout has are one error, not one each."""
    item = Item("", "")

    assert len(errors_in(GOOD[CopySubmitted]._replace(items=(item,) * ITEMS_LIMIT))) == ITEMS_LIMIT
    assert errors_in(GOOD[CopySubmitted]._replace(items=(item,) * (ITEMS_LIMIT + 1))) == [
        field_error("items", "FIELD_OUT_OF_RANGE", "500件以下", "at most 500 items")
    ]


@pytest.mark.parametrize("moment", ["20260101000000000", "20261231235959999", "20240229120000000"])
def test_moments_at_the_edges(moment: str) -> None:
    """The first and the last millisecond of a day are moments, and a leap day is a day."""
    assert fields.MOMENT.fits(moment)


@pytest.mark.parametrize(("sent", "repeated"), [("Q-1.a:b_c", "Q-1.a:b_c"), ("", ""), ("x" * 41, ""), ("a b", "")])
def test_echoed(sent: str, repeated: str) -> None:
    """A sender's name for its message comes back when it is a name, else not."""
    assert echoed(sent) == repeated


# ── the same in the country: nothing is lost and the next message is served ─────────────────────────────────────


def bad_values(kind_of: type[Any], own: str) -> list[tuple[str, Any]]:
    """Every bad value of every field but the institution's own code, which is the sender's matter."""
    return [
        (name, value)
        for name, (values, _) in BAD[kind_of].items()
        for value in (*values, *(() if (kind_of, name) in MAY_BE_EMPTY or isinstance(values[0], int) else ("",)))
        if name != own
    ]


def test_bad_inquiries_one_after_another() -> None:
    """Every bad value of every field of an inquiry and of its kinds is refused by name, each between two good ones."""
    cases = bad_values(InquiryRequested, "inquirer_institution_code")
    kinds = bad_values(RequestedKind, "")

    async def scene(story: Story) -> None:
        for n, (name, value) in enumerate(cases):
            story.send(asks()._replace(record_identification_number="BAD")._replace(**{name: value}))
            story.send(asks(record_identification_number=f"G{n}"))
        for name, value in kinds:
            story.send(asks(kind()._replace(**{name: value}), record_identification_number="BAD"))
        await story.ask(asks(record_identification_number="LAST"))

    story = told(scene, watched=False)
    rejected = story.said(InquiryRejected)

    assert [m.errors[0].field for m in rejected] == [n for n, _ in cases] + [f"kinds[0].{n}" for n, _ in kinds]
    assert all(len(m.errors) == 1 for m in rejected)
    assert all(story.answer(f"G{n}").inquiry_status == "09" for n in range(len(cases)))
    assert story.answer("LAST").inquiry_status == "09"
    assert story.set_aside() == []


def test_bad_withdrawals_one_after_another() -> None:
    """Every bad value of a withdrawal is refused by name; the withdrawal after them is taken."""
    cases = bad_values(InquiryCancelRequested, "inquirer_institution_code")
    good = InquiryCancelRequested("Q1", KARIYA, "取下げ")

    async def scene(story: Story) -> None:
        story.send(asks(record_identification_number="Q1"))
        for name, value in cases:
            story.send(good._replace(**{name: value}))
        await story.ask(good)

    story = told(scene, away=("network",))

    assert [m.errors[0].field for m in story.said(InquiryRejected)] == [name for name, _ in cases]
    assert story.answer("Q1").kinds[0].outcome == "CANCELLED"


def test_bad_copies_one_after_another() -> None:
    """Every bad value of a copy is reported by name, and the copy after it is taken."""
    cases = bad_values(CopySubmitted, "institution_code")
    # A batch that was never opened is its own finding, before the form of its name.
    expected = [name for name, _ in cases]

    async def scene(story: Story) -> None:
        for n, (name, value) in enumerate(cases):
            story.send(GOOD[CopySubmitted]._replace(record_identification_number="BAD")._replace(**{name: value}))
            story.send(GOOD[CopySubmitted]._replace(record_identification_number=f"G{n}", record_key=f"G{n}"))
        await story.settle()

    story = told(scene)
    reports = story.said(CopyBatchReported)

    assert [report.errors[0].field for report in reports] == expected
    assert len([row for row in story.rows(CopyRecord) if row.record_key.startswith("G")]) == len(cases)


def test_bad_batches_one_after_another() -> None:
    """Every bad value of a batch's opening is refused by name, and the next batch opens."""
    cases = bad_values(CopyBatchOpened, "institution_code")

    async def scene(story: Story) -> None:
        for name, value in cases:
            story.send(GOOD[CopyBatchOpened]._replace(**{name: value}))
        await story.ask(GOOD[CopyBatchOpened])

    reports = told(scene).said(CopyBatchReported)

    assert [report.errors[0].field for report in reports[:-1]] == [name for name, _ in cases]
    assert [report.state.value for report in reports] == ["ABORTED"] * len(cases) + ["RUNNING"]


@pytest.mark.parametrize("kind_of", [CodeAcquisitionRequested, CodeRevocationRequested], ids=lambda one: one.__name__)
def test_bad_code_requests_one_after_another(kind_of: type[Any]) -> None:
    """Every bad value about a code is refused by name, and the next request is served."""
    cases = bad_values(kind_of, "institution_code")

    async def scene(story: Story) -> None:
        for name, value in cases:
            story.send(GOOD[kind_of]._replace(**{name: value}))
        await story.ask(GOOD[CodeAcquisitionRequested])

    story = told(scene)

    assert [m.errors[0].field for m in story.said(InquiryRejected)] == [name for name, _ in cases]
    assert len(story.said(AcquisitionNumberAssigned)) == 1


def test_bad_identities_one_after_another() -> None:
    """What the register cannot read is set aside, encrypted, with its rule; the number never comes to light."""
    cases = bad_values(IdentityNotified, "institution_code")

    async def scene(story: Story) -> None:
        await story.ask(GOOD[CodeAcquisitionRequested])
        number = story.said(AcquisitionNumberAssigned)[0].acquisition_number
        good = IdentityNotified(KARIYA, number, story.world.resident(0).individual_number)
        for name, value in cases:
            story.send(good._replace(**{name: value}))
        await story.ask(good)

    story = told(scene)
    rows = story.set_aside()

    assert [row.rule for row in rows] == ["FIELD_ILL_FORMED"] * len(cases)
    assert [row.reason.split(":")[0] for row in rows] == [name for name, _ in cases]
    assert all(encode(GOOD[IdentityNotified])[:5] == story.keys.unprotect(row.value)[:5] for row in rows)
    assert len({row.value for row in rows}) == len(rows)


OWN_CODES: tuple[tuple[type[Any], str], ...] = tuple(
    (one, name)
    for one, forms in FORMS.items()
    for name in forms
    if name in ("institution_code", "inquirer_institution_code")
)


@pytest.mark.parametrize(("kind_of", "name"), OWN_CODES, ids=lambda one: getattr(one, "__name__", one))
def test_own_code_decides_whether_anybody_listens(kind_of: type[Any], name: str) -> None:
    """A message in another's name, or in nobody's, is set aside whatever else is in it; the next one is served."""
    topic = {
        InquiryRequested: "institution.{}.requests",
        InquiryCancelRequested: "institution.{}.requests",
        CopyBatchOpened: "institution.{}.copies",
        CopySubmitted: "institution.{}.copies",
        CodeAcquisitionRequested: "institution.{}.codes",
        CodeRevocationRequested: "institution.{}.codes",
        LinkageSuspensionRequested: "institution.{}.codes",
        IdentityNotified: "juki.{}.identities",
    }[kind_of].format(KARIYA)
    values = [*BAD[kind_of][name][0], "", "9900999999900000", TOYOTA]
    sent = [encode(GOOD[kind_of]._replace(**{name: value})) for value in values]

    async def scene(story: Story) -> None:
        for raw in sent:
            story.send(GOOD[kind_of], topic=topic, raw=raw)
        await story.ask(asks())

    story = told(scene)
    rows = story.set_aside()

    assert [row.rule for row in rows] == ["UNKNOWN_INSTITUTION"] * (len(values) - 1) + ["FOREIGN_SENDER"]
    assert [story.keys.unprotect(row.value) for row in rows] == sent
    assert story.kind_answered().outcome == "OK"


def test_error_is_a_value() -> None:
    """An error is compared as it is: field, number and both texts."""
    assert field_error("f", "FIELD_MISSING", "甲", "a") == FieldError(
        "f", "SIM-E101", "必須項目が空です（甲）", "a required field is empty (a)"
    )
