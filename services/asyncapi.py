"""The AsyncAPI 3 document of every message and topic: what a stranger's tools read before they speak with us.

Owns how schemas, topics and services become channels, messages and operations. Promises that everything in it is
derived from the .avsc files, the topic table and the services' declarations, and that every example encodes. Leaves
serving to the schema endpoint, which hands out the committed `schemas/asyncapi.json` (written by `main`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import schemas
from broker.config import Config
from broker.envelope import CONTENT_TYPE, TYPE_PREFIX, iso_time
from broker.keys import MASTER_BYTES, Keys
from broker.rules import numbers
from broker.rules.identity import derived_id, exchange_id, local_time, serial_number
from broker.rules.reasons import REASONS
from broker.service import Service
from broker.topics import SHARED, Topics
from schemas.codec import SCHEMAS, TOPIC, TYPES
from services.assembly import assemble

DEFAULT_PARTITIONS = Config().shards
BINDING_VERSION = "0.5.0"
AVRO = "application/vnd.apache.avro;version=1.9.0"
OUTSIDE = "institution"
"""The participant that is not ours: an institution's own systems, on its own topics."""

SENDERS = {
    "juki": ("resident_register",),
    "operations": ("staff",),
    "records": ("inquiry", "network", "provision"),
}
"""Who speaks on an internal topic whose first word is not the speaker's name; timers speak to their own service."""

REPLIES = {
    "code_management": ("AcquisitionNumberAssigned", "CodeStateChanged", "LinkageSuspensionChanged"),
    "copies": ("CopyBatchReported",),
    "health_support": ("HealthReported",),
    "vrs": ("VrsReplied", "VrsDoseTaken"),
    "inquiry": ("InquiryAccepted", "InquiryAnswered", "InquiryHeld", "InquiryRejected"),
    "staff": ("OperatingStateNotified",),
}
"""Who speaks on the institutions' replies topics, where several services do."""

_placeholder = re.compile(r"\{[a-z_]+\}")
Document = dict[str, Any]


# ── examples ─────────────────────────────────────────────────────────────────────────────────────────────────────

_AT = 1_775_001_600_000  # 2026-04-01T00:00:00Z
_KARIYA = numbers.institution_code_of("232106", numbers.InstitutionKind.MAYOR)
_NAGOYA = numbers.institution_code_of("231002", numbers.InstitutionKind.MAYOR)
_SERIAL = serial_number(_AT, 1, 0)
_DIGEST = b"0123456789abcdef0123456789abcdef"
_SPI_NAME = "TM00000000000002"  # local tax
_ITEM = "200000001"

# Field, or Record.field where the field's name alone does not tell.
EXAMPLES: Mapping[str, Any] = {
    "lane": "3",
    "acquisition_number": serial_number(_AT, 7, 0),
    "birth_date": "19800101",
    "business_person_number": "700000000000001",
    "certificate_id": derived_id("example", "VrsCertificate", 0),
    "district": "亀城",
    "doctor": "模擬医師",
    "dose_date": "20230501",
    "dose_number": 3,
    "event_date": "20230501",
    "flag_date": "20260401",
    "individual_numbers": [numbers.synthetic_individual_number(1)],
    "issued_on": "20260401",
    "local_government_code": "232106",
    "lot_number": "LOT0001",
    "maker": "模擬製薬1",
    "name": "刈谷あおい",
    "number_hash": _DIGEST,
    "ocr_line": "132321060000000001",
    "product_name": "模擬ワクチン",
    "roman_name": "KARIYA AOI",
    "sex": "1",
    "ticket_type": "1",
    "transmission_id": "2026-04-01.1",
    "vaccine_type": "M1",
    "venue": "刈谷市役所",
    "voucher_number": "0000000001",
    "affair_code": "JM00000000000041",
    "answer_within_seconds": 3600,
    "batch_id": "2026-04-01.tax.1",
    "confirmed_digest": _DIGEST,
    "consent_obtained": False,
    "error_id": REASONS["FIELD_ILL_FORMED"].error_id,
    "exchange_id": exchange_id(_KARIYA, _SERIAL),
    "field": "kinds[0].spi_name_code",
    "individual_number": numbers.synthetic_individual_number(1),
    "inquirer_department_code": "0310",
    "inquirer_institution_code": _KARIYA,
    "inquirer_name": "刈谷市長",
    "inquirer_non_disclosure_code": "1",
    "inquirer_operator_id": "tax-017",
    "inquiry_condition_type": "0",
    "inquiry_status": "09",
    "inquiry_year_type": "0",
    "institution_code": _KARIYA,
    "integrated_number": "000000000012345",
    "item_codes": [_ITEM],
    "layout_version": "2026.1",
    "linkage_code": "0123456789abcdef" * 4,
    "list_version": 3,
    "non_disclosure_code": "1",
    "note": "窓口で確認済み",
    "number_system": "01",
    "declared": "MAINTENANCE",
    "operator_id": "tax-017",
    "period_from": "20250401",
    "period_to": "20260331",
    "permit_id": derived_id("example", "Permit", 0),
    "presented_by": _KARIYA,
    "procedure_code": "JT00000000000101",
    "provider_institution_code": _NAGOYA,
    "provider_name": "名古屋市長",
    "publication_from": "20260401",
    "reason": "本人が申請を取り下げた",
    "reason_en": REASONS["FIELD_ILL_FORMED"].en,
    "reason_ja": REASONS["FIELD_ILL_FORMED"].ja,
    "reception_number": "2026040100000001",
    "record_identification_number": "kariya-2026-000001",
    "record_key": "2025",
    "request_id": "kariya-code-000001",
    "requested_at": _AT,
    "resident_token": "fedcba9876543210" * 4,
    "route_info": "kariya",
    "row_count": 1,
    "row_id": "PL-0001",
    "salt": _DIGEST[:16],
    "spi_items": [_ITEM],
    "spi_name_code": _SPI_NAME,
    "spi_status": "01",
    "transaction_serial_number": _SERIAL,
    "transaction_serial_numbers": [_SERIAL],
    "valid_from": "20250401",
    "valid_to": _AT,
    "AnsweredKind.error_id": "",
    "AnsweredKind.reason_en": "",
    "AnsweredKind.reason_ja": "",
    "AnsweredKind.rule": "",
    "CodeAcquisitionFailed.rule": "ACQUISITION_EXPIRED",
    "CodeStateChanged.rule": "",
    "CodeStateChanged.state": "ISSUED",
    "CopyBatchOpened.reason": "FIRST_LOAD",
    "CopyBatchReported.state": "ENDED_WITH_ERRORS",
    "CopySubmitted.valid_to": "",
    "HoldRefused.reason": "PROTECTED",
    "InquiryRequested.requested_at": local_time(_AT),
    "InquiryRejected.topic": f"institution.{_KARIYA}.requests",
    "InquiryReturned.outcome": "NO_MATCH",
    "InquiryReturned.rule": "PERSON_UNKNOWN_AT_PROVIDER",
    "Item.code": _ITEM,
    "Item.value": "1200000",
    "PermitRefused.nearest_attribute": "spi_name_code",
    "PermitRefused.nearest_row_id": "PL-0001",
    "PermitRefused.nearest_value": _SPI_NAME,
    "PermitRefused.outcome": "NOT_PERMITTED",
    "PermitRefused.rule": "NO_SUCH_COMBINATION",
    "ProvisionAnswered.rule": "",
    "ProvisionDetail.hold_reason": "NONE",
    "ProvisionDetail.operator_id": "",
    "ProvisionRecorded.inquirer_name": "",
    "ProvisionRecorded.operator_id": "",
    "ProvisionRecorded.provider_name": "",
    "ProvisionRecorded.rule": "",
    "ProvisionRecorded.spi_items": [],
    "ProvisionReported.rule": "",
}
BY_TYPE: Mapping[str, Any] = {"string": "EXAMPLE", "long": 1, "boolean": False, "bytes": b"example"}


def example(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A plain value of a record's schema that encodes; for messages from outside also one that is accepted."""
    return {field["name"]: _example_of(schema["name"], field) for field in schema["fields"]}


def _example_of(record: str, field: Mapping[str, Any]) -> Any:
    name, kind = field["name"], field["type"]
    for key in (f"{record}.{name}", name):
        if key in EXAMPLES and _fits(EXAMPLES[key], kind):
            return EXAMPLES[key]
    if "default" in field:
        return field["default"].encode("latin-1") if kind == "bytes" else field["default"]
    if isinstance(kind, str):
        return _AT if name.endswith("_at") or name == "as_of" else _DIGEST if "digest" in name else BY_TYPE[kind]
    if kind["type"] == "enum":
        return kind["symbols"][0]
    return [example(kind["items"]) if isinstance(kind["items"], dict) else BY_TYPE[kind["items"]]]


def _fits(value: Any, kind: Any) -> bool:
    if isinstance(kind, str):
        return {"string": str, "long": int, "boolean": bool, "bytes": bytes}[kind] is type(value)
    if kind["type"] == "enum":
        return value in kind["symbols"]
    return isinstance(value, list) and isinstance(kind["items"], str)


def in_json(plain: Any) -> Any:
    """The value in Avro's JSON encoding: bytes become text of the code points 0 to 255."""
    if isinstance(plain, bytes):
        return plain.decode("latin-1")
    if isinstance(plain, list):
        return [in_json(one) for one in plain]
    if isinstance(plain, dict):
        return {name: in_json(one) for name, one in plain.items()}
    return plain


# ── messages ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _current() -> dict[str, Document]:
    return {schema.name: json.loads(schema.text) for schema in SCHEMAS.values() if schema.current}


def _is_from_outside(topic: str) -> bool:
    return "{" in topic and not topic.endswith(".replies")


def _text(description: str, **more: Any) -> Document:
    return {"type": "string", "description": description, **more}


def _for_institutions(topic: str) -> bool:
    """Whether a message of ours leaves for an institution: then it carries all CloudEvents attributes."""
    return "{" in topic


def _headers(name: str, topic: str) -> Document:
    properties: Document = {
        "ce_specversion": {"type": "string", "const": "1.0"},
        "ce_type": {"type": "string", "const": TYPE_PREFIX + name},
        "ce_id": _text("Derived from the message that caused this one; the same decision gives the same id."),
        "ce_source": _text("Service and shard.", pattern="^/chukan/"),
        "cause": _text("Service/shard, batch and place in the batch of the decision.", pattern="^[^ ]+ [0-9]+ [0-9]+$"),
        "traceparent": _text("W3C trace context, where there is a trace."),
    }
    if _for_institutions(topic):
        properties |= {
            "ce_time": _text("When it was decided.", format="date-time"),
            "ce_subject": _text("The key."),
            "content-type": {"type": "string", "const": CONTENT_TYPE.decode()},
        }
    found: Document = {"type": "object", "properties": properties}
    if _is_from_outside(topic):
        return {**found, "description": "CloudEvents, binary mode. Nothing is required of a message from outside."}
    required = [header for header in properties if header != "traceparent"]
    return {**found, "required": required, "description": "CloudEvents, binary mode."}


def _message(schema: Document) -> Document:
    name, topic, key = schema["name"], schema["topic"], schema["key"]
    plain = example(schema)
    sample = {"name": f"{name}Example", "headers": _example_headers(name, topic, plain[key]), "payload": in_json(plain)}
    if _is_from_outside(topic):
        del sample["headers"]
    addressed = {"x-institution-code-field": topic[topic.index("{") + 1 : topic.index("}")]} if "{" in topic else {}
    return {
        "name": name,
        "title": name,
        "summary": schema["doc"],
        "contentType": CONTENT_TYPE.decode(),
        "headers": _headers(name, topic),
        "payload": {"schemaFormat": AVRO, "schema": schema},
        "bindings": {"kafka": _message_binding(key)},
        "examples": [sample],
        **addressed,
    }


def _message_binding(key: str) -> Document:
    return {
        "key": _text(f"Plain UTF-8 text: the field {key}."),
        "schemaIdLocation": "payload",
        "schemaIdPayloadEncoding": "confluent",
        "schemaLookupStrategy": "RecordNameStrategy",
        "bindingVersion": BINDING_VERSION,
    }


def _example_headers(name: str, topic: str, key: str) -> Document:
    found = {
        "ce_specversion": "1.0",
        "ce_type": TYPE_PREFIX + name,
        "ce_id": derived_id("example", name, 0),
        "ce_source": "/chukan/example/0",
        "cause": "example/0 1 0",
    }
    if _for_institutions(topic):
        found |= {"ce_time": iso_time(_AT).decode(), "ce_subject": key, "content-type": CONTENT_TYPE.decode()}
    return found


# ── channels and operations ──────────────────────────────────────────────────────────────────────────────────────


def channel_name(topic: str) -> str:
    """The channel of a topic: institution.{institution_code}.requests → institution.requests."""
    return _placeholder.sub("", topic).replace("..", ".")


def _channels(partitions: int) -> Document:
    topics = Topics(partitions, frozenset({_KARIYA}))
    specs = {spec.name: spec for spec in topics.specs()}
    found: Document = {}
    for kind, topic in TOPIC.items():
        if not topic:
            continue
        address = _placeholder.sub("{institution_code}", topic)
        channel = found.setdefault(
            channel_name(topic), _channel(address, specs[_placeholder.sub(_KARIYA, topic)], partitions)
        )
        channel["messages"][kind.__name__] = {"$ref": f"#/components/messages/{kind.__name__}"}
    return dict(sorted(found.items()))


def _channel(address: str, spec: Any, partitions: int) -> Document:
    configuration = {
        "cleanup.policy": [spec.configuration["cleanup.policy"]],
        "retention.ms": int(spec.configuration["retention.ms"]),
        "max.message.bytes": int(spec.configuration["max.message.bytes"]),
    }
    channel: Document = {
        "address": address,
        "messages": {},
        "servers": [{"$ref": "#/servers/kafka"}],
        "bindings": {
            "kafka": {
                "topic": address,
                "partitions": spec.partitions,
                "topicConfiguration": configuration,
                "bindingVersion": BINDING_VERSION,
            }
        },
    }
    if "{" in address:
        channel["description"] = (
            f"Institutions with topics of their own have one partition each; all others share the topic with "
            f"{SHARED} in place of the code, which has {partitions}."
        )
        channel["parameters"] = {"institution_code": {"$ref": "#/components/parameters/institution_code"}}
    return channel


def _senders(topic: str, name: str, services: Sequence[Service]) -> tuple[str, ...]:
    first = topic.partition(".")[0]
    if _is_from_outside(topic):
        return (OUTSIDE,)
    if "{" in topic:
        return tuple(service for service, said in REPLIES.items() if name in said)
    if first == "timers":
        return tuple(service.name for service in services if TYPES[name] in service.hears)
    return SENDERS.get(first, (first,))


def _operations(services: Sequence[Service]) -> Document:
    """One operation for each participant, direction and channel."""
    spoken: dict[tuple[str, str, str], list[str]] = {}
    for kind, topic in TOPIC.items():
        if not topic:
            continue
        name, channel = kind.__name__, channel_name(topic)
        hearers = [service.name for service in services if kind in service.hears]
        if "{" in topic and not _is_from_outside(topic):
            hearers.append(OUTSIDE)
        for participant in _senders(topic, name, services):
            spoken.setdefault((participant, "send", channel), []).append(name)
        for participant in hearers:
            spoken.setdefault((participant, "receive", channel), []).append(name)
    return {
        f"{who}.{action}.{channel}": _operation(who, action, channel, spoken[who, action, channel])
        for who, action, channel in sorted(spoken)
    }


def _operation(participant: str, action: str, channel: str, names: Sequence[str]) -> Document:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "title": f"{participant} {'says' if action == 'send' else 'hears'} {', '.join(names)}",
        "tags": [{"name": participant}],
        "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in names],
    }


# ── the document ─────────────────────────────────────────────────────────────────────────────────────────────────


def document(partitions: int, services: Sequence[Service]) -> Document:
    """The whole document as plain JSON values.

    partitions: of every internal topic; services: who hears what (without them, only who says what is told).
    """
    current = _current()
    return {
        "asyncapi": "3.0.0",
        "info": _info(),
        "defaultContentType": CONTENT_TYPE.decode(),
        "servers": {"kafka": _server()},
        "channels": _channels(partitions),
        "operations": _operations(services),
        "components": {
            "messages": {name: _message(schema) for name, schema in current.items() if schema["topic"]},
            "schemas": {
                name: {"schemaFormat": AVRO, "schema": schema}
                for name, schema in current.items()
                if not schema["topic"]
            },
            "parameters": {
                "institution_code": {
                    "description": "機関コード, 16 digits, or `shared`.",
                    "examples": [_KARIYA, SHARED],
                }
            },
            "securitySchemes": {
                "scram": {"type": "scramSha512", "description": "SASL/SCRAM; one user an institution, its topics only."}
            },
        },
    }


def _info() -> Document:
    return {
        "title": "chukan",
        "version": "1.0.0",
        "description": (
            "自治体中間サーバーと情報提供ネットワークシステムの全メッセージ。"
            "Every message and topic of the intermediate servers and the national network. "
            "Values are Avro in Confluent's wire format (0x00, four bytes of schema id, body); "
            "keys are plain UTF-8 text; headers are CloudEvents in binary mode."
        ),
    }


def _server() -> Document:
    return {
        "host": "{host}:{port}",
        "protocol": "kafka",
        "description": "Apache Kafka; `chukan up` prints its address, and that of the schema endpoint.",
        "variables": {"host": {"default": "127.0.0.1"}, "port": {"default": "9092"}},
        "security": [{"$ref": "#/components/securitySchemes/scram"}],
    }


def rendered(partitions: int, services: Sequence[Service]) -> str:
    """The text of the committed file."""
    return json.dumps(document(partitions, services), ensure_ascii=False, indent=1) + "\n"


class _NoRandomness:
    """What is declared does not depend on chance."""

    def bytes(self, count: int) -> bytes:
        """See `broker.ports.Randomness`."""
        return bytes(count)


def declared() -> tuple[Service, ...]:
    """Every service of an installation, as it is declared; on keys that open nothing."""
    return tuple(assemble(Keys(bytes(MASTER_BYTES)), _NoRandomness()).values())


def main() -> int:
    """Write schemas/asyncapi.json."""
    path = Path(schemas.__file__).parent / "asyncapi.json"
    path.write_text(rendered(DEFAULT_PARTITIONS, declared()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
