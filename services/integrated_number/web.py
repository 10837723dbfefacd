"""What every call to the hub's REST interface meets: who is calling, how large it may be, how a refusal looks, the log.

Owns RFC 9457 problem details, the body limits, the bearer token's check, and the note of each call in the log before
its answer leaves. Promises that no answer and no log repeats what was sent: a value may be a number.
Leaves what a call does to `api`.
"""

from __future__ import annotations

import json
from collections.abc import MutableMapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any

import structlog
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.models import OAuthFlowClientCredentials, OAuthFlows
from fastapi.security import OAuth2, SecurityScopes
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from broker.errors import WorldFault
from broker.rules.inquiry_file import masked
from broker.rules.reasons import REASONS, field_error
from schemas.records import FieldError
from services.integrated_number import clients
from services.integrated_number.common import SCOPES, Caller, Hub, Refused
from services.integrated_number.shapes import Problem

EVENT = structlog.get_logger("chukan.hub")
PROBLEM = "application/problem+json"
JSON_BYTES = 262_144
FILE_BYTES = {"/inquiry-files": 4_194_304, "/copy-files": 67_108_864, "/file-conversions": 16_777_216}
ERRORS_SHOWN = 50
UNLOGGED = frozenset({"/health", "/openapi.json"})

scheme = OAuth2(
    flows=OAuthFlows(clientCredentials=OAuthFlowClientCredentials(tokenUrl="token", scopes=SCOPES)),
    scheme_name="client",
    description="業務システムごとのクライアント認証 / OAuth2 client credentials, one client a business system",
    auto_error=False,
)


async def authorized(
    needed: SecurityScopes, request: Request, header: Annotated[str | None, Depends(scheme)]
) -> Caller:
    """The business system that calls; Refused with 401 without a token in force, with 403 without the right."""
    kind, _, token = (header or "").partition(" ")
    hub: Hub = request.app.state.hub
    caller = await clients.caller_of(hub, token.strip()) if kind.lower() == "bearer" and token else None
    if caller is None:
        raise Refused(401, "TOKEN_INVALID")
    request.state.caller = caller
    if not caller.scopes.issuperset(needed.scopes):
        wanted = " ".join(needed.scopes)
        raise Refused(403, "SCOPE_MISSING", [field_error("scope", "SCOPE_MISSING", wanted, wanted)])
    return caller


# ── refusals ─────────────────────────────────────────────────────────────────────────────────────────────────────


def problem(status: int, rule: str, errors: Sequence[FieldError] = (), headers: Any = None) -> Response:
    """A refusal as RFC 9457 has it; Japanese first."""
    known = REASONS[rule]
    body = {
        "type": f"urn:chukan:rule:{rule.lower()}",
        "title": f"{known.ja} / {known.en}",
        "status": status,
        "detail": "; ".join(f"{one.field}: {one.reason_ja}" for one in errors[:ERRORS_SHOWN] if one.field),
        "rule": rule,
        "errors": [one._asdict() for one in errors[:ERRORS_SHOWN]],
    }
    return JSONResponse(body, status, headers, media_type=PROBLEM)


async def refused(request: Request, refusal: Exception) -> Response:
    """A rule has refused."""
    assert isinstance(refusal, Refused)
    request.state.rule = refusal.rule
    headers = {"WWW-Authenticate": "Bearer"} if refusal.status == 401 else None
    return problem(refusal.status, refusal.rule, refusal.errors, headers)


async def ill_formed(request: Request, error: Exception) -> Response:
    """Fields are not as they must be: their names and reasons, never their values."""
    assert isinstance(error, RequestValidationError)
    request.state.rule = "REQUEST_INVALID"
    found = [
        field_error(
            masked(".".join(str(part) for part in one["loc"][1:])[:100] or str(one["loc"][0])),
            "FIELD_MISSING" if one["type"] == "missing" else "FIELD_ILL_FORMED",
            one["type"],
            one["type"],
        )
        for one in error.errors()[:ERRORS_SHOWN]
    ]
    return problem(422, "REQUEST_INVALID", found)


RULE_OF_STATUS = {404: "RESOURCE_UNKNOWN", 413: "BODY_TOO_LARGE"}


async def not_served(request: Request, error: Exception) -> Response:
    """No such place, another method, a body that cannot be read."""
    assert isinstance(error, HTTPException)
    rule = RULE_OF_STATUS.get(error.status_code, "REQUEST_INVALID")
    request.state.rule = rule
    return problem(error.status_code, rule, (), error.headers)


async def away(request: Request, fault: Exception) -> Response:
    """The database is away; the call may be repeated."""
    EVENT.warning("world_away", reason=str(fault))
    request.state.rule = "SYSTEM_UNREACHABLE"
    return problem(503, "SYSTEM_UNREACHABLE", (), {"Retry-After": "5"})


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a call may be refused with, for the document."""
    return {
        status: {"model": Problem, "description": HTTPStatus(status).phrase}
        for status in sorted({401, 403, 422, 503, *statuses})
    }


# ── around every call ────────────────────────────────────────────────────────────────────────────────────────────


class Around:
    """Holds a body to its limit while it comes in, and notes the call before its answer leaves."""

    def __init__(self, app: ASGIApp, hub: Hub) -> None:
        self._app = app
        self._hub = hub

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        limit, left = limit_of(scope["path"]), [limit_of(scope["path"])]

        async def limited() -> Message:
            message = await receive()
            left[0] -= len(message.get("body", b""))
            if left[0] < 0:
                raise HTTPException(413, f"at most {limit} bytes")
            return message

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start" and scope["path"] not in UNLOGGED:
                await self._note(scope, state, message["status"])
            await send(message)

        await self._app(scope, limited, noted)

    async def _note(self, scope: Scope, state: MutableMapping[str, Any], status: int) -> None:
        caller: Caller | None = state.get("caller")
        route = scope.get("route")
        operation = getattr(route, "name", "") or f"{scope['method']} ?"
        subject = str(state.get("subject") or next(iter(scope.get("path_params", {}).values()), ""))
        rule = str(state.get("rule", ""))
        who = (caller.institution_code, caller.client_id) if caller else ("", str(state.get("client_id", "")))
        EVENT.info("hub_call", service=operation, instance=who[1][:60], returncode=status, rule=rule)
        try:
            await clients.note(self._hub, *who, operation, subject, status, rule)
        except WorldFault as fault:
            EVENT.error("not_noted", service=operation, returncode=status, reason=str(fault))


def limit_of(path: str) -> int:
    """The largest body a path takes, in bytes."""
    return next((limit for start, limit in FILE_BYTES.items() if path.startswith(start)), JSON_BYTES)


# ── the document ─────────────────────────────────────────────────────────────────────────────────────────────────


def described(document: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI document with problem details under their own media type."""
    for operations in document["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                content = response.get("content", {})
                if status >= "400" and "application/json" in content and "Problem" in json.dumps(content):
                    kind = PROBLEM if "TokenProblem" not in json.dumps(content) else "application/json"
                    response["content"] = {kind: content["application/json"]}
    return document


def put_up(app: FastAPI) -> None:
    """Refusals and faults become answers."""
    app.add_exception_handler(Refused, refused)
    app.add_exception_handler(RequestValidationError, ill_formed)
    app.add_exception_handler(HTTPException, not_served)
    app.add_exception_handler(WorldFault, away)
