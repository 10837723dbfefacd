"""The read-only schema endpoint: the committed schemas, spoken in the HTTP dialect of Confluent's Schema Registry.

Owns subjects, versions and their answers. Promises that a client which may register (`auto.register.schemas`) gets the
number of the schema it already has, that nothing a client sends changes anything, and that a number answered here is
one `schemas.codec` decodes. Leaves evolution to the repository: a new schema is a new .avsc file and `make schemas`.

Subjects, for the three usual naming strategies:

    jp.chukan.InquiryRequested                      RecordNameStrategy: the message's schemas, retired ones included.
    network.permit_issued-jp.chukan.PermitIssued    TopicRecordNameStrategy: the same, on a topic that carries it.
    network.permit_issued-value                     TopicNameStrategy: every schema of that topic, by number.

Versions count from 1 in the order of the numbers. An institution's topics carry several message types, so that their
`-value` subject has no `latest`: a client that took it would write one message with another's schema. It is answered
40402 with the names to use instead; lookup, registration and versions by number work there as everywhere.

Two schemas are the same when their Parsing Canonical Forms are (Avro specification): docs, defaults and attributes may
differ, the bytes cannot. Where several of ours are the same in this sense, the text itself decides, then the newest.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

import uvicorn
from fastavro.schema import parse_schema, to_parsing_canonical_form
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from broker.errors import WorldFault
from broker.rules.schema_lint import NAMESPACE, lint
from schemas.codec import SCHEMAS, TOPIC, TYPES, Schema

MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"
COMPATIBILITY = "FULL_TRANSITIVE"
MAXIMUM_BODY_BYTES = 262_144
BODY_SECONDS = 5
STOP_SECONDS = 2
CONNECTIONS_LIMIT = 64
# What makes a schema unsafe or unreadable for a parser; our other rules do not bind a client's text.
UNREADABLE = frozenset({"TYPE", "NAME", "DEPTH", "RECURSION"})
_placeholder = re.compile(r"\\\{[a-z_]+\\\}")


class Refused(Exception):  # noqa: N818 - a refusal is an answer
    """An answer in Confluent's form: HTTP status, error code, and a sentence that says what to do."""

    def __init__(self, status: int, code: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.code = code


@dataclass(frozen=True)
class Subject:
    """A name under which schemas are found; `versions[0]` is version 1. mixed: they are of several messages."""

    name: str
    versions: tuple[Schema, ...]

    @property
    def mixed(self) -> bool:
        """Whether `latest` would mean nothing."""
        return len({schema.name for schema in self.versions}) > 1


# ── subjects ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _versions(names: tuple[str, ...]) -> tuple[Schema, ...]:
    return tuple(SCHEMAS[number] for number in sorted(SCHEMAS) if SCHEMAS[number].name in names)


def _matches(template: str, topic: str) -> bool:
    pattern = _placeholder.sub("([0-9]{16}|shared)", re.escape(template))
    return bool(template) and re.fullmatch(pattern, topic) is not None


@lru_cache(maxsize=4096)
def carried_by(topic: str) -> tuple[str, ...]:
    """The names of the messages that travel on a topic; none for a topic that is not ours."""
    return tuple(kind.__name__ for kind, template in TOPIC.items() if _matches(template, topic))


@lru_cache(maxsize=4096)
def subject_of(name: str) -> Subject:
    """The subject of this name; Refused (404, 40401) when there is none."""
    if name.endswith("-key") and carried_by(name.removesuffix("-key")):
        raise Refused(404, 40401, f"Subject '{name}' not found: keys of chukan's topics are plain UTF-8 text.")
    topic, dash, record = name.rpartition(f"-{NAMESPACE}.")
    if name.endswith("-value"):
        names = carried_by(name.removesuffix("-value"))
    elif dash:
        names = tuple(one for one in carried_by(topic) if one == record)
    else:
        short = name.removeprefix(f"{NAMESPACE}.")
        names = (short,) if short in TYPES and name != short else ()
    if not names:
        raise Refused(
            404,
            40401,
            f"Subject '{name}' not found. Subjects are {NAMESPACE}.<Message>, <topic>-value and "
            f"<topic>-{NAMESPACE}.<Message>; GET /subjects lists them (an institution's topics aside).",
        )
    return Subject(name, _versions(names))


def listed() -> list[str]:
    """The subjects of GET /subjects: every message, every topic of one name. An institution's topics are left out:
    there are as many as institutions."""
    topics = sorted({f"{topic}-value" for topic in TOPIC.values() if topic and "{" not in topic})
    return [*sorted(f"{NAMESPACE}.{name}" for name in TYPES), *topics]


def version_of(subject: Subject, version: str) -> int:
    """The number behind `latest`, -1 or a number; Refused (422, 42202; 404, 40402)."""
    if version in ("latest", "-1"):
        if subject.mixed:
            raise Refused(404, 40402, _no_latest(subject))
        return len(subject.versions)
    if not re.fullmatch(r"[0-9]{1,9}", version) or int(version) < 1:
        raise Refused(422, 42202, f"'{version}' is no version: a number from 1, or latest.")
    if int(version) > len(subject.versions):
        raise Refused(404, 40402, f"Version {version} not found: {subject.name} has {len(subject.versions)}.")
    return int(version)


def _no_latest(subject: Subject) -> str:
    topic = subject.name.removesuffix("-value")
    names = sorted({schema.name for schema in subject.versions})
    return (
        f"Version latest not found: {topic} carries several messages ({', '.join(names)}). Use RecordNameStrategy "
        f"(e.g. {NAMESPACE}.{names[0]}) or TopicRecordNameStrategy (e.g. {topic}-{NAMESPACE}.{names[0]})."
    )


# ── the same schema ──────────────────────────────────────────────────────────────────────────────────────────────


def canonical(text: str) -> str:
    """The Parsing Canonical Form of an Avro schema; Refused (422, 42201) when it is none or is unsafe to parse."""
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused(422, 42201, f"Invalid schema: it is not JSON ({error}).") from error
    unreadable = [finding for finding in lint(schema) if finding.rule in UNREADABLE]
    if unreadable:
        raise Refused(422, 42201, f"Invalid schema: {unreadable[0].path}: {unreadable[0].text}.")
    try:
        return str(to_parsing_canonical_form(parse_schema(schema)))
    except Exception as error:  # the parser raises whatever the text provokes
        raise Refused(422, 42201, f"Invalid schema: {error}") from error


_CANONICAL = {number: canonical(schema.text) for number, schema in SCHEMAS.items()}


def same_as(subject: Subject, text: str) -> int | None:
    """The version of the subject whose schema is the same as this one, or None."""
    form = canonical(text)
    same = [place for place, schema in enumerate(subject.versions, 1) if _CANONICAL[schema.id] == form]
    to_the_letter = [place for place in same if json.loads(subject.versions[place - 1].text) == json.loads(text)]
    return max(to_the_letter or same, default=None)


# ── answers ──────────────────────────────────────────────────────────────────────────────────────────────────────


def answer(content: Any, status: int = 200) -> Response:
    """JSON under the registry's media type."""
    return JSONResponse(content, status, media_type=MEDIA_TYPE)


def _compact(schema: Schema) -> str:
    return json.dumps(json.loads(schema.text), ensure_ascii=False, separators=(",", ":"))


def _registered(subject: Subject, version: int) -> dict[str, Any]:
    schema = subject.versions[version - 1]
    return {"subject": subject.name, "version": version, "id": schema.id, "schema": _compact(schema)}


def _subject(request: Request) -> Subject:
    return subject_of(request.path_params["subject"])


def _numbered(request: Request) -> Schema:
    text = request.path_params["id"]
    schema = SCHEMAS.get(int(text)) if re.fullmatch(r"[0-9]{1,9}", text) else None
    if schema is None:
        raise Refused(404, 40403, f"Schema {text} not found.")
    return schema


async def _sent_schema(request: Request) -> str:
    body = b""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                body += part
                if len(body) > MAXIMUM_BODY_BYTES:
                    raise Refused(413, 413, f"The request is larger than {MAXIMUM_BODY_BYTES} bytes.")
    except TimeoutError as error:
        raise Refused(408, 408, f"The request did not arrive within {BODY_SECONDS} seconds.") from error
    try:
        sent = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refused(400, 400, f"The request is not JSON ({error}).") from error
    if not isinstance(sent, dict) or not isinstance(sent.get("schema"), str):
        raise Refused(422, 42201, 'Invalid schema: expected {"schema": "<the schema as JSON text>"}.')
    if sent.get("schemaType", "AVRO") != "AVRO" or sent.get("references"):
        raise Refused(422, 42201, "Invalid schema: only AVRO without references is spoken here.")
    return str(sent["schema"])


async def subjects(request: Request) -> Response:
    """GET /subjects[?subjectPrefix=]."""
    prefix = request.query_params.get("subjectPrefix", "")
    return answer([name for name in listed() if name.startswith(prefix)])


async def versions(request: Request) -> Response:
    """GET /subjects/{subject}/versions."""
    return answer(list(range(1, len(_subject(request).versions) + 1)))


async def version(request: Request) -> Response:
    """GET /subjects/{subject}/versions/{version}."""
    subject = _subject(request)
    return answer(_registered(subject, version_of(subject, request.path_params["version"])))


async def schema_text(request: Request) -> Response:
    """GET /subjects/{subject}/versions/{version}/schema."""
    subject = _subject(request)
    place = version_of(subject, request.path_params["version"])
    return answer(json.loads(subject.versions[place - 1].text))


async def look_up(request: Request) -> Response:
    """POST /subjects/{subject}: the registration of a schema that is the same."""
    subject = _subject(request)
    place = same_as(subject, await _sent_schema(request))
    if place is None:
        raise Refused(404, 40403, f"Schema not found under {subject.name}. {_how_to_change(subject)}")
    return answer(_registered(subject, place))


async def register(request: Request) -> Response:
    """POST /subjects/{subject}/versions: the number of a schema that is the same; anything else is refused."""
    subject = _subject(request)
    place = same_as(subject, await _sent_schema(request))
    if place is None:
        raise Refused(
            422, 42201, f"Nothing can be registered: {subject.name} has no such schema. {_how_to_change(subject)}"
        )
    return answer({"id": subject.versions[place - 1].id})


def _how_to_change(subject: Subject) -> str:
    names = sorted({schema.name for schema in subject.versions})
    return (
        f"Its schemas are those of {', '.join(names)}; take the text from GET /subjects/{NAMESPACE}.{names[0]}/"
        "versions/latest. A schema changes by its .avsc file and `make schemas`."
    )


async def schema_by_id(request: Request) -> Response:
    """GET /schemas/ids/{id}; a `subject` in the query changes nothing, as numbers are unique everywhere."""
    return answer({"schema": _compact(_numbered(request))})


async def versions_by_id(request: Request) -> Response:
    """GET /schemas/ids/{id}/versions: the listed subjects that hold this schema."""
    schema = _numbered(request)
    holding = [subject_of(name) for name in listed()]
    return answer(
        [
            {"subject": subject.name, "version": subject.versions.index(schema) + 1}
            for subject in holding
            if schema in subject.versions
        ]
    )


async def types(_: Request) -> Response:
    """GET /schemas/types."""
    return answer(["AVRO"])


async def config(_: Request) -> Response:
    """GET /config."""
    return answer({"compatibilityLevel": COMPATIBILITY})


async def subject_config(request: Request) -> Response:
    """GET /config/{subject}."""
    _subject(request)
    return answer({"compatibilityLevel": COMPATIBILITY})


async def mode(_: Request) -> Response:
    """GET /mode."""
    return answer({"mode": "READONLY"})


async def asyncapi(_: Request) -> Response:
    """GET /asyncapi.json: the committed document."""
    return Response(_asyncapi(), media_type="application/json")


@lru_cache(maxsize=1)
def _asyncapi() -> bytes:
    return resources.files("schemas").joinpath("asyncapi.json").read_bytes()


async def livez(_: Request) -> Response:
    """GET /livez."""
    return JSONResponse({"status": "ok"})


def _refusal(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return answer({"error_code": error.code, "message": str(error)}, error.status)


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    text = f"{request.method} {request.url.path}: {error.detail}."
    if error.status_code == 405:
        text += " This registry is read-only."
    return answer({"error_code": error.status_code, "message": text}, error.status_code)


def app() -> Starlette:
    """The endpoint; it keeps no state and needs neither Kafka nor PostgreSQL."""
    routes = [
        Route("/subjects", subjects),
        Route("/subjects/{subject}", look_up, methods=["POST"]),
        Route("/subjects/{subject}/versions", versions),
        Route("/subjects/{subject}/versions", register, methods=["POST"]),
        Route("/subjects/{subject}/versions/{version}", version),
        Route("/subjects/{subject}/versions/{version}/schema", schema_text),
        Route("/schemas/ids/{id}", schema_by_id),
        Route("/schemas/ids/{id}/versions", versions_by_id),
        Route("/schemas/types", types),
        Route("/config", config),
        Route("/config/{subject}", subject_config),
        Route("/mode", mode),
        Route("/asyncapi.json", asyncapi),
        Route("/livez", livez),
    ]
    return Starlette(routes=routes, exception_handlers={Refused: _refusal, HTTPException: _http_error})


# ── serving ──────────────────────────────────────────────────────────────────────────────────────────────────────


class _Server(uvicorn.Server):
    """A server inside somebody else's event loop: the signals are not its business."""

    def __init__(self, settings: uvicorn.Config) -> None:
        super().__init__(settings)
        self.answering = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.answering.set()


async def serve(
    host: str, port: int, stop: asyncio.Event, ready: Callable[[int], None], application: Any = None
) -> None:
    """Answer on host:port until `stop` is set, then end within 5 seconds; `ready` gets the port once it answers.

    port 0 takes any free one. WorldFault when the address cannot be had. application: another ASGI application than
    the schema endpoint's, for whoever serves one in the same way.
    """
    listening = _listen(host, port)
    settings = uvicorn.Config(
        application or app(),
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        limit_concurrency=CONNECTIONS_LIMIT,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    server = _Server(settings)
    running = asyncio.create_task(server.serve(sockets=[listening]))
    stopping = asyncio.create_task(stop.wait())
    answering = asyncio.create_task(server.answering.wait())
    try:
        await asyncio.wait({running, answering}, return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            ready(listening.getsockname()[1])
            await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        answering.cancel()
        server.should_exit = True
        await asyncio.wait_for(running, STOP_SECONDS + 1)


def _listen(host: str, port: int) -> socket.socket:
    try:
        # With the protocol named, asyncio sets TCP_NODELAY; without, each answer waits 40 ms for an acknowledgement.
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise WorldFault(f"cannot listen on {host}:{port}: {error.strerror}") from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(CONNECTIONS_LIMIT)
    except OSError as error:
        listening.close()
        raise WorldFault(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return listening
