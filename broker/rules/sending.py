"""中間サーバー稼働状況: what the hub may send in which state (assessment, system 3 function 5).

Owns the states (domain 3(f)4, an assumption) and the table of what leaves in each; what may not leave waits. Leaves
looking to `services.integrated_number.state`.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple


class ServerState(StrEnum):
    """STARTING: not yet serving. BATCH_ONLY: files go, single inquiries wait. DOWN: it is not heard of."""

    STARTING = "STARTING"
    ONLINE = "ONLINE"
    BATCH_ONLY = "BATCH_ONLY"
    MAINTENANCE = "MAINTENANCE"
    DOWN = "DOWN"


class Lane(StrEnum):
    """ONLINE: a person waits for it. BATCH: it may go at night."""

    ONLINE = "ONLINE"
    BATCH = "BATCH"


SENT_IN: dict[ServerState, tuple[Lane, ...]] = {
    ServerState.STARTING: (),
    ServerState.ONLINE: (Lane.ONLINE, Lane.BATCH),
    ServerState.BATCH_ONLY: (Lane.BATCH,),
    ServerState.MAINTENANCE: (),
    ServerState.DOWN: (),
}


class Heartbeat(NamedTuple):
    """A shard of the intermediate server: the moment until which its owner has promised to be there, ms since 1970."""

    service: str
    shard: int
    lease_until: int


def server_state(told: str, needed: Sequence[str], beats: Sequence[Heartbeat], now: int, grace_ms: int) -> ServerState:
    """What the server says of itself, unless it is silent.

    told: the last state it told. needed: the services an institution speaks with. A service without any shard has not
    started; one whose every shard has been silent for longer than the grace is down.
    """
    alive = {beat.service for beat in beats if beat.lease_until + grace_ms >= now}
    known = {beat.service for beat in beats}
    if not known.intersection(needed):
        return ServerState.STARTING
    if not alive.issuperset(needed):
        return ServerState.DOWN
    return ServerState(told) if told in ServerState.__members__ else ServerState.DOWN
