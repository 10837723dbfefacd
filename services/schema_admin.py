"""Our numbered schemas, and a registry in Confluent's dialect that is to know them under the same numbers.

Owns registering: a message carries its schema's number, so a registry that gives it another number is of no use and is
told as a failure. Tries what a registry offers, in this order: the schema is there; the registry lets numbers be
imported (mode IMPORT); it happens to give the number we have.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import resources
from typing import Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen

from broker.errors import ConfigurationFault, WorldFault
from broker.rules.schema_lint import NAMESPACE, Finding, check
from schemas.codec import SCHEMAS, Schema
from schemas.generate import digest_of

CALL_SECONDS = 10.0
LARGEST_ANSWER = 4_194_304
MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"


class Registered(NamedTuple):
    """What became of one schema. how: THERE, IMPORTED, GIVEN, OTHER_ID or REFUSED; text: the registry's words."""

    id: int
    subject: str
    how: str
    text: str = ""

    @property
    def ok(self) -> bool:
        """Whether the registry knows it under our number."""
        return self.how in ("THERE", "IMPORTED", "GIVEN")


def findings() -> Sequence[Finding]:
    """Everything wrong with the committed schemas and their numbers."""
    entries = json.loads(resources.files("schemas").joinpath("ids.json").read_text(encoding="utf-8"))
    return check(entries, {number: schema.text for number, schema in SCHEMAS.items()}, digest_of)


def subject_of(schema: Schema) -> str:
    """RecordNameStrategy: a topic of ours may carry several messages."""
    return f"{NAMESPACE}.{schema.name}"


class Registry:
    """A registry behind a URL. Blocking."""

    def __init__(self, url: str) -> None:
        if urlsplit(url).scheme not in ("http", "https"):
            raise ConfigurationFault(f"{url}: http://host:port か https://host:port が要ります / is needed")
        self._url = url.rstrip("/")

    def register_all(self) -> list[Registered]:
        """All schemas, oldest number first, so that versions follow one another."""
        return [self.register(SCHEMAS[number]) for number in sorted(SCHEMAS)]

    def register(self, schema: Schema) -> Registered:
        """One schema under our number, if the registry can."""
        subject = subject_of(schema)
        path = f"/subjects/{quote(subject, '')}"
        text = {"schema": schema.text, "schemaType": "AVRO"}
        status, there = self._call("POST", path, text)
        if status == 200 and there.get("id") == schema.id:
            return Registered(schema.id, subject, "THERE")
        if self._call("PUT", f"/mode/{quote(subject, '')}", {"mode": "IMPORT"})[0] == 200:
            status, answer = self._call("POST", f"{path}/versions", text | {"id": schema.id})
            self._call("PUT", f"/mode/{quote(subject, '')}", {"mode": "READWRITE"})
            return judged(schema, subject, "IMPORTED", status, answer)
        status, answer = self._call("POST", f"{path}/versions", text)
        return judged(schema, subject, "GIVEN", status, answer)

    def _call(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        request = Request(  # noqa: S310 - http or https, see __init__
            self._url + path,
            json.dumps(body).encode(),
            {"Content-Type": MEDIA_TYPE, "Accept": MEDIA_TYPE},
            method=method,
        )
        try:
            with urlopen(request, timeout=CALL_SECONDS) as answer:  # noqa: S310
                return answer.status, parsed(answer.read(LARGEST_ANSWER))
        except HTTPError as error:
            with error:
                return error.code, parsed(error.read(LARGEST_ANSWER))
        except (URLError, OSError) as error:
            raise WorldFault(f"{self._url}: {getattr(error, 'reason', error)}") from None


def parsed(data: bytes) -> dict[str, Any]:
    """An answer as an object; whatever else it is becomes its `message`."""
    try:
        found = json.loads(data)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"message": data[:200].decode("utf-8", "replace")}


def judged(schema: Schema, subject: str, how: str, status: int, answer: dict[str, Any]) -> Registered:
    """What the registry's answer to a registration means."""
    if status != 200:
        return Registered(schema.id, subject, "REFUSED", f"{status}: {answer.get('message', '')}")
    if answer.get("id") != schema.id:
        text = f"the registry says {answer.get('id')}, our messages carry {schema.id}; use an empty registry or IMPORT"
        return Registered(schema.id, subject, "OTHER_ID", text)
    return Registered(schema.id, subject, how)
