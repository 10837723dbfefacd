"""The schema endpoint, asked by Confluent's own client and by plain HTTP, over a real loopback socket."""

import asyncio
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from importlib import resources
from typing import Any

import httpx
import pytest
from confluent_kafka.schema_registry import (
    Schema,
    SchemaRegistryClient,
    record_subject_name_strategy,
    topic_record_subject_name_strategy,
)
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext

from broker.errors import WorldFault
from schemas.codec import SCHEMAS, TOPIC, decode, encode, schema_id
from schemas.records import (
    MESSAGES,
    CancelOrdered,
    InquiryCancelRequested,
    InquiryRequested,
    PermitIssued,
    RequestedKind,
)
from services.registry import BODY_SECONDS, MAXIMUM_BODY_BYTES, serve

REQUESTS = "institution.9900123210600000.requests"
VALUE = SerializationContext(REQUESTS, MessageField.VALUE)
INQUIRY = InquiryRequested(
    "kariya-2026-000001",
    "20260401090000000",
    "9900123210600000",
    "0310",
    "tax-017",
    "000000000012345",
    "JM00000000000041",
    "JT00000000000101",
    (RequestedKind("9900123100200000", "TM00000000000027"), RequestedKind("9900123100200000", "TM00000000000028")),
)
PLAIN = {**INQUIRY._asdict(), "kinds": [kind._asdict() for kind in INQUIRY.kinds]}


def text_of(message: type[Any]) -> str:
    """The committed text of a message's schema."""
    return SCHEMAS[schema_id(message)].text


def topic_of(message: type[Any], owner: str) -> str:
    """The topic of a message, on an institution's own topics or the shared ones."""
    return re.sub(r"\{[a-z_]+\}", owner, TOPIC[message])


def edited(message: type[Any], **changes: Any) -> str:
    """The same, changed."""
    return json.dumps({**json.loads(text_of(message)), **changes})


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A served endpoint."""
    found: list[int] = []
    answering = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    def ready(port: int) -> None:
        found.append(port)
        answering.set()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve("127.0.0.1", 0, stop, ready)))
    thread.start()
    assert answering.wait(10)
    yield f"http://127.0.0.1:{found[0]}"
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    loop.close()
    assert not thread.is_alive()


@pytest.fixture(scope="module")
def http(address: str) -> Iterator[httpx.Client]:
    """A plain HTTP client."""
    with httpx.Client(base_url=address, timeout=10) as client:
        yield client


@pytest.fixture
def registry(address: str) -> Iterator[SchemaRegistryClient]:
    """Confluent's client, with nothing cached yet."""
    with SchemaRegistryClient({"url": address, "timeout": 10, "max.retries": 0}) as client:
        yield client


def refusal(response: httpx.Response) -> tuple[int, int, str]:
    """HTTP status, error code and message."""
    body = response.json()
    assert set(body) == {"error_code", "message"}
    assert response.headers["content-type"] == "application/vnd.schemaregistry.v1+json"
    return response.status_code, body["error_code"], body["message"]


# ── Confluent's serializer and deserializer ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"normalize.schemas": True},
        {"auto.register.schemas": False},
        {"subject.name.strategy": record_subject_name_strategy},
        {"subject.name.strategy": topic_record_subject_name_strategy},
        {"auto.register.schemas": False, "subject.name.strategy": record_subject_name_strategy},
        {
            "auto.register.schemas": False,
            "use.latest.version": True,
            "subject.name.strategy": record_subject_name_strategy,
        },
        {
            "auto.register.schemas": False,
            "use.latest.version": True,
            "subject.name.strategy": topic_record_subject_name_strategy,
        },
        {"auto.register.schemas": False, "use.schema.id": schema_id(InquiryRequested)},
    ],
    ids=lambda settings: ",".join(str(getattr(value, "__name__", value)) for value in settings.values()) or "default",
)
def test_what_a_confluent_client_writes_is_our_message(registry: Any, settings: dict[str, Any]) -> None:
    """Under every naming strategy and way of finding the number, the bytes are those of our own codec."""
    serializer = AvroSerializer(registry, text_of(InquiryRequested), conf=settings)

    data = serializer(PLAIN, VALUE)

    assert data == encode(INQUIRY)
    assert decode(data) == INQUIRY


def test_what_we_write_a_confluent_client_reads(registry: Any) -> None:
    """A neighbour needs nothing of ours but the address."""
    assert AvroDeserializer(registry)(encode(INQUIRY), VALUE) == PLAIN


def test_a_client_reads_as_its_own_schema(registry: Any) -> None:
    """A reader that knows only some of the fields gets those."""
    fields = [field for field in json.loads(text_of(InquiryRequested))["fields"] if field["name"] == "affair_code"]
    deserializer = AvroDeserializer(registry, edited(InquiryRequested, fields=fields))

    assert deserializer(encode(INQUIRY), VALUE) == {"affair_code": INQUIRY.affair_code}


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.__name__)
def test_every_message_is_found_under_each_of_its_names(registry: Any, message: type[Any]) -> None:
    """Latest, lookup and registration agree on the number, and the text served is the committed one."""
    number = schema_id(message)
    name = f"jp.chukan.{message.__name__}"
    topic = topic_of(message, "shared")
    subjects = [name] + ([f"{topic}-value", f"{topic}-{name}"] if topic else [])

    for subject in subjects:
        schema = Schema(text_of(message), "AVRO")
        assert registry.lookup_schema(subject, schema).schema_id == number
        assert registry.register_schema(subject, schema) == number
    assert registry.get_latest_version(name).schema_id == number
    assert json.loads(registry.get_schema(number).schema_str) == json.loads(text_of(message))


def test_latest_of_a_topic_with_several_messages_is_refused(registry: Any) -> None:
    """A client that took it would write a cancellation with the inquiry's schema; it learns which names to use."""
    serializer = AvroSerializer(
        registry, text_of(InquiryRequested), conf={"auto.register.schemas": False, "use.latest.version": True}
    )

    with pytest.raises(SchemaRegistryError) as caught:
        serializer(PLAIN, VALUE)

    assert (caught.value.http_status_code, caught.value.error_code) == (404, 40402)
    assert "InquiryCancelRequested, InquiryRequested" in caught.value.error_message
    assert f"{REQUESTS}-jp.chukan.InquiryCancelRequested" in caught.value.error_message


def test_a_topic_of_one_message_has_a_latest(registry: Any) -> None:
    """Internal topics carry one message each."""
    latest = registry.get_latest_version("network.permit_issued-value")

    assert (latest.version, latest.schema_id) == (1, schema_id(PermitIssued))


def test_a_changed_schema_is_refused_with_the_way_to_change_it(registry: Any) -> None:
    """A client that registers by itself cannot move the contract."""
    fields = [*json.loads(text_of(CancelOrdered))["fields"], {"name": "more", "type": "string", "default": ""}]
    serializer = AvroSerializer(registry, edited(CancelOrdered, fields=fields))

    with pytest.raises(SchemaRegistryError) as caught:
        serializer(
            {"exchange_id": "x", "reason": "", "more": ""}, SerializationContext("inquiry.cancel_ordered", "value")
        )

    assert (caught.value.http_status_code, caught.value.error_code) == (422, 42201)
    assert "`make schemas`" in caught.value.error_message
    assert registry.get_versions("inquiry.cancel_ordered-value") == [1]


def test_the_rest_of_the_client(registry: Any) -> None:
    """The remaining reading calls answer what they are typed to answer."""
    assert registry.get_compatibility() == "FULL_TRANSITIVE"
    assert registry.get_compatibility("jp.chukan.CancelOrdered") == "FULL_TRANSITIVE"
    assert registry.get_schema_types() == ["AVRO"]
    assert registry.get_global_mode() == "READONLY"
    assert registry.get_version("jp.chukan.CancelOrdered", 1).schema_id == schema_id(CancelOrdered)
    assert [(one.subject, one.version) for one in registry.get_schema_versions(schema_id(CancelOrdered))] == [
        ("jp.chukan.CancelOrdered", 1),
        ("inquiry.cancel_ordered-value", 1),
    ]


# ── plain HTTP ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_subjects_are_listed_and_answer(http: httpx.Client) -> None:
    """Everything listed has versions and a latest; every message is there, and an institution's topics are not."""
    subjects = http.get("/subjects").json()

    assert {f"jp.chukan.{message.__name__}" for message in MESSAGES} < set(subjects)
    assert len(subjects) == len(set(subjects))
    assert not [subject for subject in subjects if subject.startswith("institution.")]
    for subject in subjects:
        versions = http.get(f"/subjects/{subject}/versions").json()
        numbered = sum(schema.name == subject.removeprefix("jp.chukan.") for schema in SCHEMAS.values())
        assert versions == list(range(1, len(versions) + 1))
        assert len(versions) >= max(1, numbered)
        assert http.get(f"/subjects/{subject}/versions/latest").json()["subject"] == subject
    assert http.get("/subjects", params={"subjectPrefix": "jp.chukan.PermitI"}).json() == ["jp.chukan.PermitIssued"]


def test_versions_of_a_mixed_topic_can_be_read_one_by_one(http: httpx.Client) -> None:
    """Numbered as everywhere, oldest first."""
    found = http.get(f"/subjects/{REQUESTS}-value/versions").json()
    ids = [http.get(f"/subjects/{REQUESTS}-value/versions/{one}").json()["id"] for one in found]

    assert ids == sorted([schema_id(InquiryCancelRequested), schema_id(InquiryRequested)])
    assert http.get(f"/subjects/{REQUESTS}-value/versions/2/schema").json() == json.loads(text_of(InquiryRequested))


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/subjects/nothing/versions", 404, 40401),
        ("/subjects/CancelOrdered/versions", 404, 40401),
        ("/subjects/jp.chukan.Nothing/versions/1", 404, 40401),
        ("/subjects/inquiry.cancel_ordered/versions", 404, 40401),
        ("/subjects/institution.123.requests-value/versions", 404, 40401),
        ("/subjects/institution.%7Binstitution_code%7D.requests-value/versions", 404, 40401),
        ("/subjects/inquiry_cancel_ordered-value/versions", 404, 40401),
        ("/subjects/inquiry.cancel_ordered-jp.chukan.PermitIssued/versions", 404, 40401),
        ("/subjects/-value/versions", 404, 40401),
        ("/subjects/jp.chukan.CancelOrdered/versions/2", 404, 40402),
        ("/subjects/jp.chukan.CancelOrdered/versions/0", 422, 42202),
        ("/subjects/jp.chukan.CancelOrdered/versions/first", 422, 42202),
        ("/subjects/jp.chukan.CancelOrdered/versions/%EF%BC%91", 422, 42202),
        ("/schemas/ids/1", 404, 40403),
        ("/schemas/ids/none", 404, 40403),
        ("/schemas/ids/99999999999999999999/versions", 404, 40403),
        ("/config/nothing", 404, 40401),
        ("/nothing", 404, 404),
    ],
)
def test_what_is_not_there_is_refused_in_confluents_form(http: httpx.Client, path: str, status: int, code: int) -> None:
    """A client's own error handling works."""
    assert refusal(http.get(path))[:2] == (status, code)


def test_keys_have_no_schema(http: httpx.Client) -> None:
    """Who asks for a key's schema learns that there is none to have."""
    assert "plain UTF-8 text" in refusal(http.get("/subjects/inquiry.cancel_ordered-key/versions"))[2]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/subjects/jp.chukan.CancelOrdered"),
        ("DELETE", "/subjects/jp.chukan.CancelOrdered/versions/1"),
        ("PUT", "/config"),
        ("PUT", "/config/jp.chukan.CancelOrdered"),
        ("PUT", "/mode"),
    ],
)
def test_nothing_can_be_changed(http: httpx.Client, method: str, path: str) -> None:
    """Deleting and configuring are not offered, and the answer says why."""
    status, code, text = refusal(http.request(method, path, json={}))

    assert (status, code) == (405, 405)
    assert "read-only" in text


def deep(levels: int) -> str:
    """A schema of nested arrays."""
    return '{"type":"array","items":' * levels + '"string"' + "}" * levels


@pytest.mark.parametrize(
    "schema",
    [
        "{",
        "7",
        '"nothing"',
        "[" * 100_000,
        deep(20),
        deep(5_000),
        edited(CancelOrdered, fields=[{"name": "me", "type": ["null", "CancelOrdered"]}]),
        edited(CancelOrdered, fields=[{"name": "size", "type": "text"}]),
        edited(CancelOrdered, name="no name"),
        edited(CancelOrdered, fields=[{"name": "size", "type": "long", "default": "text"}]),
    ],
    ids=["cut", "a number", "unknown", "brackets", "deep", "deeper", "recursive", "unknown field", "name", "default"],
)
@pytest.mark.parametrize("path", ["/subjects/jp.chukan.CancelOrdered", "/subjects/jp.chukan.CancelOrdered/versions"])
def test_what_is_no_schema_is_never_parsed_far(http: httpx.Client, path: str, schema: str) -> None:
    """Ill-formed, recursive and endlessly nested texts are refused, and the endpoint lives on."""
    status, code, text = refusal(http.post(path, json={"schema": schema}))

    assert (status, code) in {(422, 42201), (404, 40403)}
    assert text
    assert http.get("/livez").json() == {"status": "ok"}


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[" * 100_000, 400),
        (b"\xff", 400),
        (b"[]", 422),
        (b'{"schema": 7}', 422),
        (b'{"schema": "{}", "schemaType": "PROTOBUF"}', 422),
        (b'{"schema": "{}", "references": [{}]}', 422),
        (b" " * (MAXIMUM_BODY_BYTES + 1), 413),
    ],
)
def test_a_body_that_is_no_request_is_refused(http: httpx.Client, content: bytes, status: int) -> None:
    """By shape and by size, before anything is made of it."""
    assert refusal(http.post("/subjects/jp.chukan.CancelOrdered", content=content))[0] == status


def test_the_same_schema_is_the_one_that_writes_the_same_bytes(http: httpx.Client) -> None:
    """Docs, attributes, spacing and a library's additions do not matter; names, types and order do."""
    schema = json.loads(text_of(CancelOrdered))
    bare = {
        "type": "record",
        "name": "jp.chukan.CancelOrdered",
        "fields": [
            {"name": field["name"], "type": {"type": "string", "avro.java.string": "String"}}
            for field in schema["fields"]
        ],
    }
    turned = {**bare, "fields": bare["fields"][::-1]}

    def status(schema: Any) -> int:
        path = "/subjects/jp.chukan.CancelOrdered"
        return http.post(path, json={"schema": json.dumps(schema, indent=3)}).status_code

    assert status(bare) == 200
    assert status({**schema, "doc": "Other.", "topic": "elsewhere"}) == 200
    assert status(turned) == 404
    assert status({**bare, "name": "jp.other.CancelOrdered"}) == 404


def test_the_asyncapi_document_is_served(http: httpx.Client) -> None:
    """As committed, to the byte."""
    assert http.get("/asyncapi.json").content == resources.files("schemas").joinpath("asyncapi.json").read_bytes()


def test_every_topic_of_ours_is_known(http: httpx.Client) -> None:
    """No message with a topic is forgotten by the naming strategies."""
    topics = {topic_of(message, "9900123210600000") for message in MESSAGES if TOPIC[message]}

    for topic in topics:
        assert http.get(f"/subjects/{topic}-value/versions").status_code == 200


# ── serving ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_it_stops_in_time_whatever_clients_do() -> None:
    """An idle connection, half a header and half a body do not keep it; its port is free again."""
    stop = asyncio.Event()
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve("127.0.0.1", 0, stop, port.set_result))
    address = ("127.0.0.1", await asyncio.wait_for(port, 10))
    half_a_body = b"POST /subjects/jp.chukan.CancelOrdered HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"
    connections = [await asyncio.open_connection(*address) for _ in range(3)]
    connections[1][1].write(b"GET /livez HT")
    connections[2][1].write(half_a_body)
    await asyncio.sleep(0.1)
    begun = time.monotonic()

    stop.set()
    await asyncio.wait_for(serving, 10)

    assert time.monotonic() - begun < min(5, BODY_SECONDS)
    for _, writer in connections:
        writer.close()
    with socket.create_server(address):
        pass


async def test_a_cancelled_server_lets_go_of_its_port() -> None:
    """A supervisor that cancels instead of asking leaves nothing behind."""
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve("127.0.0.1", 0, asyncio.Event(), port.set_result))
    address = ("127.0.0.1", await asyncio.wait_for(port, 10))

    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(serving, 10)

    with socket.create_server(address):
        pass


async def test_a_taken_port_is_told() -> None:
    """The address that cannot be had is named."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(WorldFault, match=f"cannot listen on 127.0.0.1:{port}"):
            await serve("127.0.0.1", port, asyncio.Event(), lambda _: None)
