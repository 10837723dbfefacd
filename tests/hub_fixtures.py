"""A hub on a real PostgreSQL without Kafka: what it would say waits in its queue, where a test can look at it.

Owns the small country it serves and the HTTP client that speaks with it. Both ways over Kafka are in test_hub.py.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import asyncpg
import httpx

from broker.adapters.postgres import PostgresStore, connect_pool
from broker.embedded.postgres import EmbeddedPostgres
from broker.keys import Keys
from broker.rules.vault import NumberVault
from services import registry
from services.installation import create_world
from services.integrated_number import clients
from services.integrated_number.api import new_app
from services.integrated_number.common import SCOPES, Attached, Caller, Hub, Limits
from services.integrated_number.state import Watcher
from services.processes import SystemClock, SystemRandomness
from services.world import HEALTH_SYSTEM, Plan, World

KEYS = Keys(b"\x07" * 32)
PLAN = Plan(seed=3, institutions=3, residents=12, attached=2)
WORLD = World(PLAN, KEYS)
HERE, THERE = WORLD.attached
PATIENCE_SECONDS = 30
Result = TypeVar("Result")


def hub_over(store: PostgresStore, limits: Limits | None = None) -> Hub:
    """The hub of the two attached institutions."""
    keys = KEYS.institutions
    attached = {c: Attached(c, NumberVault(keys.hub(c), c), keys.sealing_private(c)) for c in WORLD.attached}
    return Hub(store, attached, SystemClock(), SystemRandomness(), limits or Limits())


def caller(institution_code: str = HERE, system_code: str = HEALTH_SYSTEM, *affairs: str) -> Caller:
    """A business system with every right."""
    return Caller(institution_code, system_code, "test", frozenset(SCOPES), frozenset(affairs))


@contextmanager
def database(server: EmbeddedPostgres, template: str, name: str) -> Iterator[str]:
    """A migrated database for a whole module: its DSN."""

    async def on_server(statement: str) -> None:
        connection = await asyncpg.connect(server.dsn(), timeout=PATIENCE_SECONDS, command_timeout=PATIENCE_SECONDS)
        try:
            await connection.execute(statement)
        finally:
            await connection.close(timeout=PATIENCE_SECONDS)

    asyncio.run(on_server(f"create database {name} template {template}"))
    yield server.dsn(name)
    asyncio.run(on_server(f"drop database {name} with (force)"))


class Served:
    """A hub's REST interface on a thread of its own, over a database with a small country in it."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),), daemon=True)
        self.hub: Hub
        self.url = ""

    async def _serve(self) -> None:
        store = PostgresStore(await connect_pool(self._dsn, 4))
        try:
            await create_world(store, WORLD)
            self.hub = hub_over(store)
            app = new_app(self.hub, Watcher(self.hub))
            await registry.serve("127.0.0.1", 0, self._stop, self._listening, app)
        finally:
            await store.close()

    def _listening(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._ready.set()

    def __enter__(self) -> Served:
        self._thread.start()
        assert self._ready.wait(PATIENCE_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()
        self._loop.close()

    def do(self, work: Callable[[Hub], Coroutine[Any, Any, Result]]) -> Result:
        """Run something with the hub, on its loop."""
        return asyncio.run_coroutine_threadsafe(work(self.hub), self._loop).result(PATIENCE_SECONDS)

    @contextmanager
    def client(
        self, institution_code: str = HERE, system_code: str = HEALTH_SYSTEM, *scopes: str
    ) -> Iterator[httpx.Client]:
        """An HTTP client with a token of this business system, with these rights or all."""
        with httpx.Client(base_url=self.url, timeout=PATIENCE_SECONDS) as client:
            token = self.token(institution_code, system_code, *scopes)
            client.headers["Authorization"] = f"Bearer {token}"
            yield client

    def token(self, institution_code: str = HERE, system_code: str = HEALTH_SYSTEM, *scopes: str) -> str:
        """A new token."""
        row, secret = self.do(lambda hub: clients.add(hub, institution_code, system_code, "試験", scopes or SCOPES))
        form = {"grant_type": "client_credentials", "client_id": row.client_id, "client_secret": secret}
        answer = httpx.post(f"{self.url}/token", data=form, timeout=PATIENCE_SECONDS)
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["access_token"]
        return token
