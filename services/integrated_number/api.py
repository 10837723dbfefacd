"""データ連携機能, by REST (assessment, system 3 function 7): the hub's resources, and the OpenAPI document of them.

Owns paths, rights and the mapping between shapes and what the other modules do. Promises that a token acts for its own
business system at its own institution and sees nothing else, that every refusal it can give is in the document, and
that lists are bounded. Leaves deciding to the modules and everything around a call to `web`.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, FastAPI, Form, Path, Query, Request, Security
from fastapi.openapi.utils import get_openapi
from fastapi.security import HTTPBasic, HTTPBasicCredentials
from starlette.responses import JSONResponse, Response

from broker.rules.charsets import Gaiji, convert, write_text
from broker.rules.copy_file import CopyRow
from broker.rules.identity import jst_date
from broker.rules.persons import Attributes
from broker.rules.reasons import field_error
from broker.rules.sending import SENT_IN
from broker.tables import HubCode, HubFile, HubInquiry
from schemas.records import FieldError, Item, RequestedKind
from services.integrated_number import clients, codes, copies, inquiries, inquiry_files, persons
from services.integrated_number.common import QUERIES, Caller, Hub, Refused
from services.integrated_number.shapes import (
    AttributesShape,
    BusinessNumber,
    CodeIn,
    CodeOut,
    CodesOut,
    ConversionIn,
    ConvertedOut,
    CopyFileOut,
    CopyIn,
    CopyOut,
    CorrectionIn,
    FieldProblem,
    FindingOut,
    InquiriesOut,
    InquiryFileOut,
    InquiryIn,
    InquiryOut,
    InquiryShort,
    ItemShape,
    KindCode,
    KindOut,
    LineProblem,
    OperationOut,
    OperationsOut,
    PartOut,
    PersonIn,
    PersonOut,
    ReasonIn,
    RecordKey,
    RecordOut,
    RegisteredOut,
    ServerOut,
    TokenAnswer,
    TokenProblem,
    Waits,
)
from services.integrated_number.state import Watcher
from services.integrated_number.web import Around, authorized, described, put_up, refusals

BEARER = "Bearer"
TITLE = "統合番号連携システム / integrated-number system (chukan)"
VERSION = "1"
PAGE = 100
REGISTERED = {"CP932": "Windows-31J", "SHIFT_JIS": "Shift_JIS"}  # names that are IANA's; the others are nobody's
MORE = 1000
FAR = 253_402_300_800_000  # the year 10000, in milliseconds


async def hub_of(request: Request) -> Hub:
    """The hub behind the application."""
    hub: Hub = request.app.state.hub
    return hub


HubHere = Annotated[Hub, Depends(hub_of)]
PersonsWrite = Annotated[Caller, Security(authorized, scopes=["persons:write"])]
PersonsRead = Annotated[Caller, Security(authorized, scopes=["persons:read"])]
LinksManage = Annotated[Caller, Security(authorized, scopes=["links:manage"])]
CodesRequest = Annotated[Caller, Security(authorized, scopes=["codes:request"])]
InquiriesWrite = Annotated[Caller, Security(authorized, scopes=["inquiries:write"])]
InquiriesRead = Annotated[Caller, Security(authorized, scopes=["inquiries:read"])]
CopiesWrite = Annotated[Caller, Security(authorized, scopes=["copies:write"])]
CopiesRead = Annotated[Caller, Security(authorized, scopes=["copies:read"])]
FilesConvert = Annotated[Caller, Security(authorized, scopes=["files:convert"])]
OperationsRead = Annotated[Caller, Security(authorized, scopes=["operations:read"])]
StateRead = Annotated[Caller, Security(authorized, scopes=["state:read"])]

Charset = Literal["UTF-8", "CP932", "SHIFT_JIS", "SHIFT_JIS_2004", "EUC_JIS_2004", "ISO_2022_JP_2004", "UTF-16"]
CharsetOf = Annotated[Charset, Query(description="文字コード / character set")]
GaijiOf = Annotated[Gaiji, Query(description="外字の扱い、拒否か置換 / what becomes of characters that do not fit")]
FileName = Annotated[
    str, Query(max_length=100, pattern=r"^[^\x00-\x1f\x7f/\\]*$", description="ファイル名 / file name")
]
FileId = Annotated[str, Path(pattern=r"^F[0-9a-f]{24}$", max_length=25)]
InquiryId = Annotated[str, Path(pattern=r"^[HF][0-9a-f.]{1,39}$", max_length=40)]
A_FILE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
A_CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}

router = APIRouter(generate_unique_id_function=lambda route: route.name)


# ── who comes in ─────────────────────────────────────────────────────────────────────────────────────────────────


@router.get("/health", tags=["system"])
async def health() -> dict[str, str]:
    """動いている / it answers."""
    return {"status": "ok"}


@router.post(
    "/token",
    tags=["system"],
    response_model=TokenAnswer,
    responses={
        400: {"model": TokenProblem, "description": "Bad Request"},
        401: {"model": TokenProblem, "description": "Unauthorized"},
        **{status: one for status, one in refusals().items() if status in (422, 503)},
    },
)
async def token(
    request: Request,
    hub: HubHere,
    basic: Annotated[HTTPBasicCredentials | None, Depends(HTTPBasic(auto_error=False))],
    grant_type: Annotated[str, Form(max_length=40)],
    client_id: Annotated[str, Form(max_length=100)] = "",
    client_secret: Annotated[str, Form(max_length=200)] = "",
    scope: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    """アクセストークンを得る / an access token by client credentials (RFC 6749, 4.4), in the form or by Basic."""
    name = basic.username if basic else client_id
    request.state.client_id = name
    if grant_type != "client_credentials":
        return _token_refused(request, 400, "unsupported_grant_type", "client_credentials")
    if "\x00" in name:
        return _token_refused(request, 401, "invalid_client", "client_id or client_secret")
    try:
        issued = await clients.issue(hub, name, basic.password if basic else client_secret, scope.split())
    except Refused:
        return _token_refused(request, 400, "invalid_scope", "a scope the client was not given")
    if issued is None:
        return _token_refused(request, 401, "invalid_client", "client_id or client_secret")
    answer = TokenAnswer(
        access_token=issued.token, token_type=BEARER, expires_in=issued.seconds, scope=" ".join(issued.scopes)
    )
    return JSONResponse(answer.model_dump(), headers={"Cache-Control": "no-store"})


def _token_refused(request: Request, status: int, error: str, words: str) -> Response:
    request.state.rule = "TOKEN_INVALID"
    headers = {"Cache-Control": "no-store"} | ({"WWW-Authenticate": "Basic"} if status == 401 else {})
    return JSONResponse({"error": error, "error_description": words}, status, headers)


# ── persons ──────────────────────────────────────────────────────────────────────────────────────────────────────


def person_out(known: persons.Known, caller: Caller) -> PersonOut:
    """A person as the caller may see them."""
    shown = AttributesShape(**known.attributes._asdict()) if "attributes:read" in caller.scopes else None
    return PersonOut(
        business_person_number=known.business_person_number,
        integrated_number=known.integrated_number,
        state=known.state,
        reason=known.reason,
        has_individual_number=known.has_individual_number,
        changed_at=known.changed_at,
        attributes=shown,
    )


@router.post(
    "/persons",
    tags=["persons"],
    status_code=201,
    responses={
        200: {"model": RegisteredOut, "description": "すでにある方 / a known person"},
        **refusals(400, 409, 413),
    },
)
async def register_person(
    body: PersonIn, hub: HubHere, caller: PersonsWrite, request: Request, response: Response
) -> RegisteredOut:
    """付番する、または同じ個人番号の方に紐付ける / number a person, or link to the one who has that number."""
    request.state.subject = body.business_person_number
    attributes = Attributes(**body.attributes.model_dump())
    given = persons.NewPerson(body.business_person_number, body.individual_number or "", attributes)
    done = await persons.register(hub, caller, given)
    if done.person is None:
        request.app.state.wake(caller.institution_code)
        raise Refused(409, done.refusal, [field_error("attributes", done.refusal)])
    response.status_code = 201 if done.created else 200
    return RegisteredOut(
        person=person_out(done.person, caller), created=done.created, same_attributes=list(done.same_attributes)
    )


@router.get("/persons/{business_person_number}", tags=["persons"], responses=refusals(404))
async def person(business_person_number: BusinessNumber, hub: HubHere, caller: PersonsRead) -> PersonOut:
    """業務固有番号 → 統合番号 / the person behind one of the system's own numbers."""
    return person_out(await persons.by_business_number(hub, caller, business_person_number), caller)


@router.post("/conversions", tags=["persons"], responses=refusals(400, 404, 413))
async def convert_number(body: ConversionIn, hub: HubHere, caller: PersonsRead) -> PersonOut:
    """番号変換 / any of the three numbers to the others, for the system's own people; one number must be given."""
    given = [one for one in (body.business_person_number, body.integrated_number, body.individual_number) if one]
    if len(given) != 1:
        raise Refused(422, "REQUEST_INVALID", [field_error("business_person_number", "FIELD_MISSING")])
    if body.business_person_number:
        known = await persons.by_business_number(hub, caller, body.business_person_number)
    elif body.integrated_number:
        known = await persons.by_integrated_number(hub, caller, body.integrated_number)
    else:
        known = await persons.by_individual_number(hub, caller, body.individual_number or "")
    return person_out(known, caller)


@router.put("/persons/{business_person_number}/suspension", tags=["links"], responses=refusals(400, 404, 409, 413))
async def suspend_link(
    business_person_number: BusinessNumber, body: ReasonIn, hub: HubHere, caller: LinksManage, request: Request
) -> PersonOut:
    """紐付けを停止する / stop linkage for a person whose link is suspect."""
    known = await persons.suspend(hub, caller, business_person_number, body.reason)
    request.app.state.wake(caller.institution_code)
    return person_out(known, caller)


@router.delete("/persons/{business_person_number}/suspension", tags=["links"], responses=refusals(404, 409))
async def resume_link(
    business_person_number: BusinessNumber, hub: HubHere, caller: LinksManage, request: Request
) -> PersonOut:
    """停止を解く / the link was right after all."""
    known = await persons.resume(hub, caller, business_person_number)
    request.app.state.wake(caller.institution_code)
    return person_out(known, caller)


@router.put(
    "/persons/{business_person_number}/individual-number", tags=["links"], responses=refusals(400, 404, 409, 413)
)
async def correct_link(
    business_person_number: BusinessNumber, body: CorrectionIn, hub: HubHere, caller: LinksManage, request: Request
) -> PersonOut:
    """停止中の紐付けを訂正する / the right individual number for a suspended link."""
    known = await persons.correct(hub, caller, business_person_number, body.individual_number, body.reason)
    request.app.state.wake(caller.institution_code)
    return person_out(known, caller)


@router.post("/persons/{business_person_number}/re-registration", tags=["links"], responses=refusals(404, 409))
async def register_link_again(
    business_person_number: BusinessNumber, hub: HubHere, caller: LinksManage, request: Request
) -> PersonOut:
    """訂正した紐付けを再登録する / linkage goes on: a new code, and every sub-copy counts as not yet sent."""
    known = await persons.register_again(hub, caller, business_person_number)
    request.app.state.wake(caller.institution_code)
    return person_out(known, caller)


# ── codes ────────────────────────────────────────────────────────────────────────────────────────────────────────


def code_out(code: HubCode) -> CodeOut:
    """A code request."""
    return CodeOut(
        request_id=code.request_id,
        integrated_number=code.integrated_number,
        state=code.state,
        rule=code.rule,
        requested_at=code.requested_at,
        changed_at=code.changed_at,
    )


@router.post(
    "/codes",
    tags=["codes"],
    status_code=202,
    responses={
        200: {"model": CodeOut, "description": "要求済み / a request stands already"},
        **refusals(400, 404, 409, 413),
    },
)
async def acquire_code(
    body: CodeIn, hub: HubHere, caller: CodesRequest, request: Request, response: Response
) -> CodeOut:
    """符号取得を要求する / ask for a person's linkage code."""
    request.state.subject = body.business_person_number
    code, new = await codes.acquire(hub, caller, body.business_person_number)
    response.status_code = 202 if new else 200
    response.headers["Location"] = f"/codes/{body.business_person_number}"
    request.app.state.wake(caller.institution_code)
    return code_out(code)


@router.get("/codes/{business_person_number}", tags=["codes"], responses=refusals(404))
async def codes_of_person(business_person_number: BusinessNumber, hub: HubHere, caller: CodesRequest) -> CodesOut:
    """符号取得の状態 / how far a person's code requests have come, the newest first."""
    found = await codes.codes_of(hub, caller, business_person_number)
    return CodesOut(codes=[code_out(code) for code in found])


# ── inquiries ────────────────────────────────────────────────────────────────────────────────────────────────────


def inquiry_short(row: HubInquiry) -> InquiryShort:
    """An inquiry in a list."""
    return InquiryShort(
        inquiry_id=row.record_identification_number,
        request_id=row.request_id,
        business_person_number=row.business_person_number,
        integrated_number=row.integrated_number,
        state=row.state,
        asked_at=row.asked_at,
        changed_at=row.changed_at,
    )


def problems_out(errors: tuple[FieldError, ...]) -> list[FieldProblem]:
    """Reasons."""
    return [FieldProblem(**one._asdict()) for one in errors]


def inquiry_out(result: inquiries.Result) -> InquiryOut:
    """An inquiry with its answer."""
    kinds = [
        KindOut(
            **{name: value for name, value in kind._asdict().items() if name != "records"},
            records=[
                RecordOut(
                    record_key=record.record_key,
                    layout_version=record.layout_version,
                    items=[ItemShape(**item._asdict()) for item in record.items],
                )
                for record in kind.records
            ],
        )
        for kind in result.kinds
    ]
    short = {name: value for name, value in result._asdict().items() if name not in ("kinds", "errors")}
    return InquiryOut(**short, kinds=kinds, errors=problems_out(result.errors))


@router.post(
    "/inquiries",
    tags=["inquiries"],
    status_code=202,
    responses={
        200: {"model": InquiryShort, "description": "同じ照会 / the same inquiry, taken in before"},
        **refusals(400, 404, 409, 413),
    },
)
async def ask(
    body: InquiryIn, hub: HubHere, caller: InquiriesWrite, request: Request, response: Response
) -> InquiryShort:
    """照会する。結果はあとで取りに来る / ask; the result is fetched later."""
    request.state.subject = body.business_person_number
    asked = inquiries.Ask(
        body.request_id,
        body.business_person_number,
        body.department_code,
        body.operator_id,
        body.affair_code,
        body.procedure_code,
        tuple(RequestedKind(**kind.model_dump()) for kind in body.kinds),
        body.consent_obtained,
        body.non_disclosure_code,
    )
    row, new = await inquiries.ask(hub, caller, asked)
    response.status_code = 202 if new else 200
    response.headers["Location"] = f"/inquiries/{row.record_identification_number}"
    request.app.state.wake(caller.institution_code)
    return inquiry_short(row)


@router.get("/inquiries", tags=["inquiries"], responses=refusals())
async def inquiries_page(
    hub: HubHere,
    caller: InquiriesRead,
    state: Annotated[
        Literal["", "WAITING", "SENT", "ACCEPTED", "HELD", "ANSWERED", "FETCHED", "REJECTED"], Query()
    ] = "",
    after: Annotated[str, Query(pattern=r"^([HF][0-9a-f.]{1,39})?$", max_length=40)] = "",
    limit: Annotated[int, Query(ge=1, le=MORE)] = PAGE,
) -> InquiriesOut:
    """照会の一覧 / the system's own inquiries, a page at a time."""
    rows = await inquiries.page(hub, caller, state, "", after, limit)
    last = rows[-1].record_identification_number if len(rows) == limit else ""
    return InquiriesOut(inquiries=[inquiry_short(row) for row in rows], next_after=last)


@router.get("/inquiries/{inquiry_id}", tags=["inquiries"], responses=refusals(404))
async def inquiry(inquiry_id: InquiryId, hub: HubHere, caller: InquiriesRead) -> InquiryOut:
    """照会と結果 / an inquiry and, once it is there, its answer."""
    return inquiry_out(await inquiries.fetch(hub, caller, inquiry_id))


# ── files of inquiries ───────────────────────────────────────────────────────────────────────────────────────────


def file_fields(file: HubFile) -> dict[str, Any]:
    """What all files show."""
    return {
        "file_id": file.file_id,
        "name": file.name,
        "charset": file.charset,
        "lines": file.line_count,
        "damaged": file.damaged,
        "received_at": file.received_at,
    }


@router.post(
    "/inquiry-files",
    tags=["inquiry files"],
    status_code=202,
    openapi_extra=A_FILE,
    responses={
        200: {"model": InquiryFileOut, "description": "同じファイル / the same file, taken in before"},
        **refusals(400, 413),
    },
)
async def send_inquiry_file(
    hub: HubHere,
    caller: InquiriesWrite,
    request: Request,
    response: Response,
    charset: CharsetOf = "UTF-8",
    gaiji: GaijiOf = Gaiji.REJECT,
    name: FileName = "",
) -> InquiryFileOut:
    """一括照会ファイルを送る、10,000行まで / a file of inquiries, at most 10,000 lines."""
    data = await request.body()
    file, new = await inquiry_files.take_in(hub, caller, inquiry_files.Incoming(name, data, charset, gaiji))
    request.state.subject = file.file_id
    response.status_code = 202 if new else 200
    response.headers["Location"] = f"/inquiry-files/{file.file_id}"
    request.app.state.wake(caller.institution_code)
    return _standing(await inquiry_files.standing(hub, caller, file.file_id))


def _standing(found: inquiry_files.Standing) -> InquiryFileOut:
    return InquiryFileOut(**file_fields(found.file), states=dict(found.states), complete=found.complete)


@router.get("/inquiry-files/{file_id}", tags=["inquiry files"], responses=refusals(404))
async def inquiry_file(file_id: FileId, hub: HubHere, caller: InquiriesRead) -> InquiryFileOut:
    """一括照会の状況 / how far a file has come."""
    return _standing(await inquiry_files.standing(hub, caller, file_id))


@router.get(
    "/inquiry-files/{file_id}/{part}", tags=["inquiry files"], responses=A_CSV | refusals(404), response_class=Response
)
async def inquiry_file_part(
    file_id: FileId,
    part: Annotated[Literal["results", "failures", "report"], Path()],
    hub: HubHere,
    caller: InquiriesRead,
    charset: CharsetOf = "UTF-8",
    gaiji: GaijiOf = Gaiji.REJECT,
) -> Response:
    """結果・再照会用・誤りの一覧 / the answers, the lines to be sent again, or the report of what went wrong."""
    found = await inquiry_files.written(hub, caller, file_id)
    return in_charset(getattr(found, part), charset, gaiji)


def in_charset(text: str, charset: str, gaiji: Gaiji) -> Response:
    """A CSV in the set that was asked for; Refused when a character does not fit and nothing may take its place."""
    written = write_text(text, charset, gaiji)
    if written.refused:
        errors = [
            field_error(f"line[{one.line}].column[{one.column}]", "CHARACTER_REFUSED", one.seen, one.seen)
            for one in written.findings
        ]
        raise Refused(422, "CHARACTER_REFUSED", errors)
    kind = f"text/csv; charset={REGISTERED.get(charset, charset)}"
    return Response(written.data, headers={"X-Substituted": str(len(written.findings))}, media_type=kind)


# ── sub-copies ───────────────────────────────────────────────────────────────────────────────────────────────────


def copy_out(found: copies.CopyResult) -> CopyOut:
    """What became of a record."""
    fields = {name: value for name, value in found._asdict().items() if name != "errors"}
    return CopyOut(**fields, errors=problems_out(found.errors))


@router.put(
    "/copies/{spi_name_code}/{business_person_number}/{record_key}",
    tags=["copies"],
    status_code=202,
    responses={
        200: {"model": CopyOut, "description": "変更なし / nothing has changed"},
        **refusals(400, 404, 409, 413),
    },
)
async def send_copy(
    spi_name_code: KindCode,
    business_person_number: BusinessNumber,
    record_key: RecordKey,
    body: CopyIn,
    hub: HubHere,
    caller: CopiesWrite,
    request: Request,
    response: Response,
) -> CopyOut:
    """副本を登録・更新する。変わっていなければ送らない / send a sub-copy, if it has changed."""
    request.state.subject = business_person_number
    items = tuple(Item(item.code, item.value, item.absence) for item in body.items)
    row = CopyRow(
        business_person_number,
        spi_name_code,
        record_key,
        body.layout_version,
        body.valid_from,
        body.valid_to,
        body.publication_from,
        body.publication_to,
        body.auto_response_disabled,
        body.non_disclosure_code,
        False,
        items,
    )
    return await _sent(hub, caller, row, request, response)


@router.delete(
    "/copies/{spi_name_code}/{business_person_number}/{record_key}",
    tags=["copies"],
    status_code=202,
    responses={200: {"model": CopyOut, "description": "すでにない / it is gone already"}, **refusals(404, 409)},
)
async def delete_copy(
    spi_name_code: KindCode,
    business_person_number: BusinessNumber,
    record_key: RecordKey,
    hub: HubHere,
    caller: CopiesWrite,
    request: Request,
    response: Response,
) -> CopyOut:
    """副本を削除する / take a sub-copy back."""
    request.state.subject = business_person_number
    today = jst_date(hub.now())
    where = (business_person_number, spi_name_code, record_key)
    row = CopyRow(*where, "-", today, "", today, "", False, "1", True, ())
    return await _sent(hub, caller, row, request, response)


async def _sent(hub: Hub, caller: Caller, row: CopyRow, request: Request, response: Response) -> CopyOut:
    found, new = await copies.send(hub, caller, row)
    response.status_code = 202 if new else 200
    request.app.state.wake(caller.institution_code)
    return copy_out(found)


@router.get("/copies/{spi_name_code}/{business_person_number}/{record_key}", tags=["copies"], responses=refusals(404))
async def copy(
    spi_name_code: KindCode,
    business_person_number: BusinessNumber,
    record_key: RecordKey,
    hub: HubHere,
    caller: CopiesRead,
) -> CopyOut:
    """副本の送信状況 / what became of a record; its content is not given back."""
    return copy_out(await copies.sent(hub, caller, business_person_number, spi_name_code, record_key))


@router.post(
    "/copy-files",
    tags=["copies"],
    status_code=202,
    openapi_extra=A_FILE,
    responses={
        200: {"model": CopyFileOut, "description": "同じファイル / the same file, taken in before"},
        **refusals(400, 413),
    },
)
async def send_copy_file(
    hub: HubHere,
    caller: CopiesWrite,
    request: Request,
    response: Response,
    reason: Annotated[Literal["FIRST_LOAD", "LAYOUT_REVISION", "RE_REGISTRATION", "CHANGE"], Query()] = "CHANGE",
    charset: CharsetOf = "UTF-8",
    gaiji: GaijiOf = Gaiji.REJECT,
    name: FileName = "",
) -> CopyFileOut:
    """一括副本ファイルを送る。番号付きの部に分かれる / a file of sub-copies, sent in numbered parts."""
    data = await request.body()
    file, new = await copies.take_in(hub, caller, inquiry_files.Incoming(name, data, charset, gaiji), reason)
    request.state.subject = file.file_id
    response.status_code = 202 if new else 200
    response.headers["Location"] = f"/copy-files/{file.file_id}"
    request.app.state.wake(caller.institution_code)
    return copy_file_out(await copies.standing(hub, caller, file.file_id))


@router.get("/copy-files/{file_id}", tags=["copies"], responses=refusals(404))
async def copy_file(file_id: FileId, hub: HubHere, caller: CopiesRead) -> CopyFileOut:
    """一括副本の状況 / how far a file has come, and every line that was refused."""
    return copy_file_out(await copies.standing(hub, caller, file_id))


def copy_file_out(found: copies.FileResult) -> CopyFileOut:
    """A file of sub-copies."""
    parts = [
        PartOut(
            part=part.part,
            batch_id=part.batch_id,
            state=part.state,
            rows=part.row_count,
            accepted=part.accepted,
            rejected=part.rejected,
        )
        for part in found.parts
    ]
    errors = [LineProblem(line=line, **error._asdict()) for line, error in found.errors[:MORE]]
    return CopyFileOut(
        **file_fields(found.file), parts=parts, unchanged=found.unchanged, errors=errors, complete=found.complete
    )


# ── the server, conversions, the log ─────────────────────────────────────────────────────────────────────────────


@router.get("/intermediate-server", tags=["system"], responses=refusals())
async def intermediate_server(hub: HubHere, caller: StateRead, request: Request) -> ServerOut:
    """中間サーバーの稼働状況 / the state of the institution's intermediate server, and what waits for it."""
    watcher: Watcher = request.app.state.watcher
    state = watcher.state(caller.institution_code)
    async with hub.store.work() as db:
        rows = await db.query(QUERIES["waiting_counts"], caller.institution_code)
    return ServerOut(
        institution_code=caller.institution_code,
        state=state.value,
        since=watcher.since(caller.institution_code),
        sends=[lane.value for lane in SENT_IN[state]],
        waiting=[Waits(lane=row["lane"], messages=row["messages"], since=row["since"]) for row in rows],
    )


@router.post("/file-conversions", tags=["system"], openapi_extra=A_FILE, responses=refusals(400, 413))
async def convert_file(
    caller: FilesConvert,
    request: Request,
    source: Annotated[Charset, Query(description="元の文字コード / from")] = "CP932",
    target: Annotated[Charset, Query(description="先の文字コード / to")] = "UTF-8",
    gaiji: GaijiOf = Gaiji.REJECT,
) -> ConvertedOut:
    """文字コードを変換し、通らない文字を報告する / convert a file; every character that did not pass is told."""
    data = await request.body()
    found = await asyncio.to_thread(convert, data, source, target, gaiji)
    return ConvertedOut(
        content=base64.b64encode(found.data).decode(),
        findings=[FindingOut(**one._asdict()) for one in found.findings],
        refused=found.refused,
        characters=found.characters,
    )


@router.get("/operations", tags=["system"], responses=refusals())
async def operations(
    hub: HubHere,
    caller: OperationsRead,
    before: Annotated[int, Query(ge=0, le=FAR)] = 0,
    limit: Annotated[int, Query(ge=1, le=MORE)] = PAGE,
) -> OperationsOut:
    """操作記録 / the institution's log of calls, newest first."""
    rows = await clients.operations(hub, caller.institution_code, before or FAR, limit)
    found = [
        OperationOut(
            at=row.at,
            client_id=row.client_id,
            operation=row.operation,
            subject=row.subject,
            status=row.status,
            rule=row.rule,
        )
        for row in rows
    ]
    return OperationsOut(operations=found, next_before=rows[-1].at if len(rows) == limit else 0)


# ── the application ──────────────────────────────────────────────────────────────────────────────────────────────


def new_app(hub: Hub, watcher: Watcher, wake: Callable[[str], None] = lambda _: None) -> FastAPI:
    """The application; `wake` tells the institution's sender that something waits."""
    app = FastAPI(title=TITLE, version=VERSION, docs_url=None, redoc_url=None)
    app.state.hub, app.state.watcher, app.state.wake = hub, watcher, wake
    app.include_router(router)
    put_up(app)
    app.add_middleware(Around, hub=hub)
    app.openapi = lambda: document(app)  # type: ignore[method-assign]
    return app


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document."""
    if not app.openapi_schema:
        app.openapi_schema = described(get_openapi(title=TITLE, version=VERSION, routes=app.routes))
    return app.openapi_schema


def document_text() -> str:
    """The document as it is committed in `schemas/hub-openapi.json`."""
    app = FastAPI(title=TITLE, version=VERSION)
    app.include_router(router)
    return json.dumps(document(app), ensure_ascii=False, indent=1) + "\n"
