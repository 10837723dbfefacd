"""The AsyncAPI document: whole, current, and true of the schemas, topics and services it is made of."""

import json
from collections import Counter
from collections.abc import Iterator
from importlib import resources
from typing import Any

import pytest

from broker.envelope import Said, outgoing, pack, unpack
from broker.rules.city_fields import CITY_FORMS, city_errors_in
from broker.rules.fields import FORMS, errors_in
from broker.rules.schema_lint import lint
from broker.service import Handler, Service
from broker.topics import Topics
from schemas.codec import KEY, SCHEMAS, TOPIC, TYPES, decode, encode
from schemas.records import CODERS, InquiryDeadlinePassed, InquiryRequested, PermitIssued
from services.asyncapi import (
    DEFAULT_PARTITIONS,
    EXAMPLES,
    REPLIES,
    channel_name,
    declared,
    document,
    example,
    in_json,
    rendered,
)

READ = {coder[0].__name__: coder[1] for coder in CODERS}
CURRENT = {schema.name: json.loads(schema.text) for schema in SCHEMAS.values() if schema.current}
ON_TOPICS = [name for name, schema in CURRENT.items() if schema["topic"]]
INSTITUTION = "9900123210600000"


def hears(name: str, *messages: type[Any]) -> Service:
    """A service as far as the document looks at it."""

    async def load(_: Any, __: Any) -> None:
        """Nothing."""

    def decide(*_: Any) -> Any:
        """Nothing."""

    return Service(name, tuple(Handler(message, load, decide) for message in messages))


INQUIRY = hears("inquiry", InquiryRequested, PermitIssued, InquiryDeadlinePassed)
DOCUMENT = document(6, [INQUIRY])


def references(part: Any) -> Iterator[str]:
    """Every $ref below."""
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"]
        for inner in part.values():
            yield from references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from references(inner)


def resolved(reference: str) -> Any:
    """What a reference points to, itself a reference perhaps."""
    found: Any = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return resolved(found["$ref"]) if "$ref" in found else found


def test_the_committed_document_is_current() -> None:
    """Whoever changes a schema or a topic writes it anew."""
    committed = resources.files("schemas").joinpath("asyncapi.json").read_text(encoding="utf-8")

    assert committed == rendered(DEFAULT_PARTITIONS, declared()), "run `python -m services.asyncapi`"


def test_it_has_the_parts_of_an_asyncapi_3_document() -> None:
    """A tool that reads AsyncAPI 3.0 finds what it must."""
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= set(DOCUMENT["info"])
    assert all({"host", "protocol"} <= set(server) for server in DOCUMENT["servers"].values())
    assert all(one["action"] in ("send", "receive") for one in DOCUMENT["operations"].values())
    assert DOCUMENT["components"]["securitySchemes"]["scram"]["type"] == "scramSha512"
    assert json.loads(json.dumps(DOCUMENT)) == DOCUMENT


def test_every_reference_resolves() -> None:
    """No link of the document leads nowhere or out of it."""
    found = list(references(DOCUMENT))

    assert len(found) > 100
    for reference in found:
        assert reference.startswith("#/")
        assert resolved(reference)


def test_every_message_with_a_topic_is_in_exactly_one_channel() -> None:
    """A message nobody could find, or find twice, would be a mistake in the topics."""
    places = Counter(name for channel in DOCUMENT["channels"].values() for name in channel["messages"])

    assert places == Counter(ON_TOPICS)
    assert set(DOCUMENT["components"]["messages"]) == set(ON_TOPICS)
    assert set(DOCUMENT["components"]["schemas"]) == set(CURRENT) - set(ON_TOPICS)
    for channel in DOCUMENT["channels"].values():
        for name, reference in channel["messages"].items():
            assert resolved(reference["$ref"])["name"] == name


@pytest.mark.parametrize("name", DOCUMENT["channels"])
def test_a_channel_tells_what_kafka_is_told(name: str) -> None:
    """Address, partitions and settings are those the topic is created with."""
    channel = DOCUMENT["channels"][name]
    specs = {spec.name: spec for spec in Topics(6, frozenset({INSTITUTION})).specs()}
    spec = specs[channel["address"].format(institution_code=INSTITUTION)]
    binding = channel["bindings"]["kafka"]

    assert binding["topic"] == channel["address"]
    assert binding["partitions"] == spec.partitions
    assert binding["topicConfiguration"]["retention.ms"] == int(spec.configuration["retention.ms"])
    assert set(channel.get("parameters", {})) == ({"institution_code"} if "{" in channel["address"] else set())


@pytest.mark.parametrize("name", ON_TOPICS)
def test_a_message_tells_what_is_on_the_wire(name: str) -> None:
    """Payload, key and headers are those of the schema, the topic table and the envelope."""
    message = DOCUMENT["components"]["messages"][name]
    kind = TYPES[name]
    properties = message["headers"]["properties"]
    topics = Topics(6, frozenset({INSTITUTION}))
    record = READ[name](example(CURRENT[name]))
    said = Said(topics.destination(record), name, "0" * 32, b"00-trace", encode(record))
    sent = dict(outgoing(unpack(pack([said], 1))[0], "inquiry/0", 1, 1)[0].headers)

    assert message["payload"]["schema"] == CURRENT[name]
    assert lint(message["payload"]["schema"]) == []
    assert KEY[kind] in message["bindings"]["kafka"]["key"]["description"]
    assert set(sent) == set(properties)
    for header, schema in properties.items():
        assert sent[header].decode() == schema.get("const", sent[header].decode())
    if "x-institution-code-field" in message:
        assert message["x-institution-code-field"] in kind._fields


@pytest.mark.parametrize("name", CURRENT)
def test_an_example_is_a_message(name: str) -> None:
    """Every example really encodes, and one from outside would be accepted."""
    record = READ[name](example(CURRENT[name]))

    assert decode(encode(record)) == record
    if TYPES[name] in FORMS:
        assert errors_in(record) == []
    if TYPES[name] in CITY_FORMS:
        assert city_errors_in(record) == []


@pytest.mark.parametrize("name", ON_TOPICS)
def test_the_example_shown_is_the_example_checked(name: str) -> None:
    """In Avro's JSON encoding: bytes are text of the code points 0 to 255."""
    (shown,) = DOCUMENT["components"]["messages"][name]["examples"]

    assert shown["payload"] == in_json(example(CURRENT[name]))
    assert in_json(b"\x00\xff") == "\x00\xff"


def test_no_example_is_left_over() -> None:
    """Each value belongs to a field that exists."""
    fields = set()

    def walk(schema: Any) -> None:
        for field in schema["fields"]:
            fields.update({field["name"], f"{schema['name']}.{field['name']}"})
            if isinstance(field["type"], dict) and isinstance(field["type"].get("items"), dict):
                walk(field["type"]["items"])

    for schema in CURRENT.values():
        walk(schema)

    assert set(EXAMPLES) <= fields


def test_operations_follow_the_services_declarations() -> None:
    """What a service hears it receives on that message's channel; its own timer's message it sends, too."""
    operations = DOCUMENT["operations"]

    assert operations["inquiry.receive.institution.requests"]["messages"] == [
        {"$ref": "#/channels/institution.requests/messages/InquiryRequested"}
    ]
    assert "inquiry.receive.network.permit_issued" in operations
    assert "network.send.network.permit_issued" in operations
    assert "inquiry.send.timers.inquiry_deadline_passed" in operations
    assert "institution.send.institution.requests" in operations
    assert "institution.receive.institution.replies" in operations


def test_an_operation_is_about_messages_of_its_channel() -> None:
    """As AsyncAPI demands."""
    for operation in DOCUMENT["operations"].values():
        channel = operation["channel"]["$ref"]
        assert resolved(channel)
        assert operation["messages"]
        assert all(one["$ref"].startswith(f"{channel}/messages/") for one in operation["messages"])


def test_every_message_has_a_speaker() -> None:
    """Timers aside, whose speaker is the service that hears them, somebody sends each message."""
    said = {
        one["$ref"].rpartition("/")[2]
        for operation in DOCUMENT["operations"].values()
        if operation["action"] == "send"
        for one in operation["messages"]
    }

    assert {name for name in ON_TOPICS if not CURRENT[name]["topic"].startswith("timers.")} <= said


def test_every_reply_has_one_speaker() -> None:
    """A new reply is entered in REPLIES, under the service that says it."""
    replies = {kind.__name__ for kind, topic in TOPIC.items() if topic.endswith(".replies")}

    assert Counter(name for names in REPLIES.values() for name in names) == Counter(replies), "enter it in REPLIES"


def test_channels_are_named_after_topics() -> None:
    """The placeholder leaves no trace in the name."""
    assert channel_name("institution.{inquirer_institution_code}.replies") == "institution.replies"
    assert channel_name("network.permit_issued") == "network.permit_issued"
