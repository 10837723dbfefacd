"""中間サーバー稼働状況確認 (assessment, system 3 function 5): what the server says of itself, and whether it lives.

Owns the one look, `intermediate_server_state`, and a watcher that keeps its last result. The server's own word is the
institution's operating state in the directory; its pulse are the leases of the shards it serves. Leaves what follows
from a state to `broker.rules.sending`.
"""

from __future__ import annotations

import asyncio

import structlog

from broker.adapters.postgres import PostgresStore
from broker.errors import WorldFault
from broker.rules.sending import Heartbeat, ServerState, server_state
from broker.tables import Institution
from services.integrated_number.common import QUERIES, Hub

EVENT = structlog.get_logger("chukan.hub")
NEEDED = ("code_management", "copies", "inquiry")
GRACE_MS = 3_000  # a restart after a crash is no outage
LOOK_SECONDS = 1.0


async def intermediate_server_state(store: PostgresStore, institution_code: str, now: int) -> ServerState:
    """The state of an institution's intermediate server at this moment."""
    async with store.work() as db:
        known: list[Institution] = await db.rows(Institution, [(institution_code,)])
        beats = [Heartbeat(*row.values()) for row in await db.query(QUERIES["heartbeats"], list(NEEDED))]
    told = known[0].operating_state if known else ""
    return server_state(told, NEEDED, beats, now, GRACE_MS)


class Watcher:
    """The last state of each institution's server; DOWN as long as nobody has looked."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._seen: dict[str, tuple[ServerState, int]] = {}

    def state(self, institution_code: str) -> ServerState:
        """As last seen."""
        return self._seen.get(institution_code, (ServerState.DOWN, 0))[0]

    def since(self, institution_code: str) -> int:
        """When this state was first seen, ms since 1970; 0 when nobody has looked."""
        return self._seen.get(institution_code, (ServerState.DOWN, 0))[1]

    async def look(self) -> None:
        """See how each server is."""
        for code in self._hub.institutions:
            now = self._hub.now()
            try:
                found = await intermediate_server_state(self._hub.store, code, now)
            except WorldFault:
                found = ServerState.DOWN
            before = self._seen.get(code)
            if before is None or before[0] is not found:
                self._seen[code] = (found, now)
                EVENT.info("server_state", instance=code, reason=found.value)

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)
