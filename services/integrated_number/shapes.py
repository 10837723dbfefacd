"""The shapes of the hub's REST interface: what may come in, what goes out. No shape that goes out has room for an
individual number, and the two that take one in say so.

Owns forms that can be judged without looking anything up. Leaves rules to `broker.rules`, which are asked again behind
every shape, because files and folders come in without them.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from broker.rules.charsets import CHARSETS
from broker.rules.identity import KINDS_LIMIT

TEXT = r"^[^\x00-\x1f\x7f]*$"


def digits(count: int) -> Any:
    """A text of so many digits."""
    return StringConstraints(pattern=rf"^[0-9]{{{count}}}$", min_length=count, max_length=count)


def code(prefix: str) -> Any:
    """A code: two letters and 14 digits."""
    return StringConstraints(pattern=rf"^{prefix}[0-9]{{14}}$", min_length=16, max_length=16)


BusinessNumber = Annotated[str, digits(15), Field(description="業務固有番号、15桁 / business number, zero padded")]
IntegratedNumber = Annotated[str, digits(15), Field(description="統合番号、15桁 / integrated number")]
IndividualNumber = Annotated[
    str,
    digits(12),
    Field(description="個人番号、12桁、架空の範囲のみ。返すことはない / synthetic range only; never given back"),
]
InstitutionCode = Annotated[str, digits(16), Field(description="機関コード、16桁 / institution code")]
AffairCode = Annotated[str, code("JM"), Field(description="事務コード / affair code")]
ProcedureCode = Annotated[str, code("JT"), Field(description="事務手続コード / procedure code")]
KindCode = Annotated[str, code("TM"), Field(description="特定個人情報名コード / kind of information")]
Day = Annotated[str, StringConstraints(pattern=r"^([0-9]{8})?$", max_length=8), Field(description="YYYYMMDD")]
SomeDay = Annotated[str, digits(8), Field(description="YYYYMMDD")]
Short = Annotated[str, StringConstraints(pattern=TEXT, min_length=1, max_length=20)]
RecordKey = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z._:-]+$", min_length=1, max_length=40)]
RequestName = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z._:-]*$", max_length=80)]
Reason = Annotated[str, StringConstraints(pattern=TEXT, min_length=1, max_length=100)]
Words = Annotated[str, StringConstraints(pattern=TEXT, max_length=200)]
Digit = Annotated[str, digits(1)]
Moment = Annotated[int, Field(description="1970年からのミリ秒 / ms since 1970 UTC")]
CHARSET_NAMES = tuple(CHARSETS)


class Shape(BaseModel):
    """Unknown fields are refused: a misspelt one would be lost in silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FieldProblem(Shape):
    """One reason, tied to the field it is about."""

    field: str
    error_id: str
    reason_ja: str
    reason_en: str


class Problem(Shape):
    """問題の詳細 / problem details (RFC 9457), with the rule that refused and every field that is wrong."""

    type: str
    title: str
    status: int
    detail: str
    rule: str
    errors: list[FieldProblem]


class TokenAnswer(Shape):
    """アクセストークン / access token (RFC 6749, 5.1)."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str


class TokenProblem(Shape):
    """RFC 6749, 5.2."""

    error: str
    error_description: str


class AttributesShape(Shape):
    """4情報 / the four attributes. birth_date: YYYYMMDD; sex: 1 男, 2 女, 9 その他; empty: not told."""

    name: Words = ""
    address: Words = ""
    birth_date: Day = ""
    sex: Annotated[str, StringConstraints(pattern=r"^[129]?$", max_length=1)] = ""


class PersonIn(Shape):
    """登録・紐付け / a person to be numbered or linked."""

    business_person_number: BusinessNumber
    individual_number: IndividualNumber | None = None
    attributes: AttributesShape = AttributesShape()


class PersonOut(Shape):
    """A person. attributes: only with the right `attributes:read`."""

    business_person_number: str
    integrated_number: str
    state: str
    reason: str
    has_individual_number: bool
    changed_at: Moment
    attributes: AttributesShape | None = None


class RegisteredOut(Shape):
    """How a registration ended. same_attributes: others of that name and birth date, to be looked at."""

    person: PersonOut
    created: bool
    same_attributes: list[str]


class ReasonIn(Shape):
    """Why."""

    reason: Reason


class CorrectionIn(Shape):
    """The right individual number, and why."""

    individual_number: IndividualNumber
    reason: Reason


class ConversionIn(Shape):
    """One of the three."""

    business_person_number: BusinessNumber | None = None
    integrated_number: IntegratedNumber | None = None
    individual_number: IndividualNumber | None = None


class CodeIn(Shape):
    """Whose code is to be acquired."""

    business_person_number: BusinessNumber


class CodeOut(Shape):
    """符号取得要求 / a code request: WAITING, REQUESTED, NUMBER_ASSIGNED, IDENTITY_SENT, ISSUED, FAILED, REVOKED."""

    request_id: str
    integrated_number: str
    state: str
    rule: str
    requested_at: Moment
    changed_at: Moment


class CodesOut(Shape):
    """A person's code requests, the newest first."""

    codes: list[CodeOut]


class KindIn(Shape):
    """One kind of information asked of one provider."""

    provider_institution_code: InstitutionCode
    spi_name_code: KindCode
    inquiry_condition_type: Digit = "0"
    inquiry_year_type: Digit = "0"
    period_from: Day = ""
    period_to: Day = ""


class InquiryIn(Shape):
    """情報照会 / an inquiry. request_id: the system's own name for it; a repeat under it is the same inquiry."""

    request_id: RequestName = ""
    business_person_number: BusinessNumber
    department_code: Short
    operator_id: Short
    affair_code: AffairCode
    procedure_code: ProcedureCode
    kinds: Annotated[list[KindIn], Field(min_length=1, max_length=KINDS_LIMIT)]
    consent_obtained: bool = False
    non_disclosure_code: Annotated[str, StringConstraints(pattern=r"^[12]$", max_length=1)] = "1"


class ItemShape(Shape):
    """One item of a record."""

    code: Annotated[str, StringConstraints(pattern=TEXT, min_length=1, max_length=20)]
    value: Annotated[str, StringConstraints(pattern=TEXT, max_length=2000)] = ""
    absence: Annotated[str, StringConstraints(pattern=r"^(NOT_APPLICABLE|NOT_HELD)?$", max_length=14)] = ""


class RecordOut(Shape):
    """One record of an answer."""

    record_key: str
    layout_version: str
    items: list[ItemShape]


class KindOut(Shape):
    """How one kind ended. spi_status: the real code 01 on success, empty otherwise: no other is public."""

    provider_institution_code: str
    spi_name_code: str
    transaction_serial_number: str
    outcome: str
    spi_status: str
    rule: str
    reason_ja: str
    reason_en: str
    records: list[RecordOut]


class InquiryShort(Shape):
    """An inquiry in a list."""

    inquiry_id: str
    request_id: str
    business_person_number: str
    integrated_number: str
    state: str
    asked_at: Moment
    changed_at: Moment


class InquiryOut(InquiryShort):
    """照会と結果 / an inquiry and its result: WAITING, SENT, ACCEPTED, HELD, ANSWERED, FETCHED, REJECTED."""

    hold_deadline_at: Moment
    inquiry_status: str
    kinds: list[KindOut]
    errors: list[FieldProblem]


class InquiriesOut(Shape):
    """A page; `next_after` goes into the next call's `after`, and is empty at the end."""

    inquiries: list[InquiryShort]
    next_after: str


class FileOut(Shape):
    """A file that came in."""

    file_id: str
    name: str
    charset: str
    lines: int
    damaged: int
    received_at: Moment


class InquiryFileOut(FileOut):
    """How far it has come."""

    states: dict[str, int]
    complete: bool


class CopyIn(Shape):
    """副本 / a sub-copy record."""

    layout_version: Short
    valid_from: SomeDay
    valid_to: Day = ""
    publication_from: SomeDay
    publication_to: Day = ""
    auto_response_disabled: bool = False
    non_disclosure_code: Annotated[str, StringConstraints(pattern=r"^[12]$", max_length=1)] = "1"
    items: Annotated[list[ItemShape], Field(max_length=500)]


class CopyOut(Shape):
    """What became of a record: WAITING, RUNNING, ENDED, ENDED_WITH_ERRORS, ABORTED."""

    business_person_number: str
    integrated_number: str
    spi_name_code: str
    record_key: str
    batch_id: str
    state: str
    at_server: bool
    errors: list[FieldProblem]


class PartOut(Shape):
    """A numbered part of a copy file."""

    part: int
    batch_id: str
    state: str
    rows: int
    accepted: int
    rejected: int


class LineProblem(FieldProblem):
    """A line that was refused, here or by the intermediate server."""

    line: int


class CopyFileOut(FileOut):
    """How far it has come. unchanged: lines that say what was sent before."""

    parts: list[PartOut]
    unchanged: int
    errors: list[LineProblem]
    complete: bool


class Waits(Shape):
    """What waits to be said in one lane."""

    lane: str
    messages: int
    since: Moment


class ServerOut(Shape):
    """中間サーバーの稼働状況 / STARTING, ONLINE, BATCH_ONLY, MAINTENANCE or DOWN, and what waits for it."""

    institution_code: str
    state: str
    since: Moment
    sends: list[str]
    waiting: list[Waits]


class FindingOut(Shape):
    """A character that did not pass as it was; `put` is what stands there now, empty when it was refused."""

    line: int
    column: int
    seen: str
    what: str
    put: str


class ConvertedOut(Shape):
    """変換結果 / content in Base64; empty when a character was refused."""

    content: str
    findings: list[FindingOut]
    refused: bool
    characters: int


class OperationOut(Shape):
    """One call."""

    at: Moment
    client_id: str
    operation: str
    subject: str
    status: int
    rule: str


class OperationsOut(Shape):
    """A page, newest first; `next_before` goes into the next call's `before`, and is 0 at the end."""

    operations: list[OperationOut]
    next_before: int
