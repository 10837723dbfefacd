"""How a play reaches the hub: the operator's own way in, and the REST interface with or without a socket.

Owns both ways of calling. Promises that the application is the same: `call_app` hands it what a server would, so that
body limits, tokens, problem details and the log of calls are those of the hub that runs.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import MutableMapping, Sequence
from typing import Any, cast
from urllib.parse import urlsplit

from starlette.types import ASGIApp

from broker.adapters.postgres import PostgresStore
from broker.errors import WorldFault
from broker.keys import Keys
from broker.ports import Clock, Randomness, Store
from broker.rules.vault import NumberVault
from services.integrated_number.common import Attached, Hub, Limits
from services.scenarios.stage import Call, Called

CALL_SECONDS = 20.0


def new_hub(store: Store, keys: Keys, attached: Sequence[str], clock: Clock, randomness: Randomness) -> Hub:
    """The hub of the attached institutions over a store."""
    held = keys.institutions
    known = {one: Attached(one, NumberVault(held.hub(one), one), held.sealing_private(one)) for one in attached}
    return Hub(cast(PostgresStore, store), known, clock, randomness, Limits())


def headers_of(call: Call) -> dict[str, str]:
    """What a business system sends along."""
    return {"content-type": call.kind} | ({"authorization": f"Bearer {call.token}"} if call.token else {})


async def call_app(app: ASGIApp, call: Call) -> Called:
    """The application's answer, without a server between."""
    path, _, query = call.path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": call.method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers_of(call).items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    status, body, sent = 0, bytearray(), False

    async def receive() -> MutableMapping[str, Any]:
        nonlocal sent
        if sent:
            return {"type": "http.disconnect"}
        sent = True
        return {"type": "http.request", "body": call.body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        else:
            body.extend(message.get("body", b""))

    await app(scope, receive, send)
    return Called(status, json.loads(bytes(body)) if body else None)


def call_url(url: str, call: Call) -> Called:
    """The answer of the hub that serves at this URL. Blocking; WorldFault when it does not answer."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "127.0.0.1", place.port, timeout=CALL_SECONDS)
    try:
        connection.request(call.method, call.path, call.body, headers_of(call))
        answer = connection.getresponse()
        body = answer.read()
    except OSError as error:
        raise WorldFault(f"the hub at {url} does not answer: {type(error).__name__}") from None
    finally:
        connection.close()
    return Called(answer.status, json.loads(body) if body else None)
