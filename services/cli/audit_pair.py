"""`chukan audit pair` and `grown`: proofs about a whole log, for an auditor who holds nothing but its checkpoints."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

import typer

from broker.adapters.postgres import QUERIES, PostgresStore
from broker.topics import lane_of
from schemas.records import SequenceMarkRequested
from services.audit import capsules
from services.audit.capsules import NotProvable
from services.cli.audit_capsule import Out, written
from services.cli.options import DataDir, Json, Wait, example, running, wait_for

Owner = Annotated[str, typer.Argument(help="記録の機関 / whose log: 16 digits")]
Counterpart = Annotated[str, typer.Argument(help="相手方 / with whom: 16 digits, or inquirer>provider for the network")]
Start = Annotated[
    int, typer.Option("--from", min=0, help="このチェックポイントから / from the checkpoint of this size")
]
End = Annotated[int, typer.Option("--to", min=0, help="ここまで、既定は最新 / up to this one, the newest by default")]
POLL_SECONDS = 0.5


def pair(
    owner: Owner,
    counterpart: Counterpart,
    output: Out,
    start: Start = 0,
    end: End = 0,
    wait: Wait = 30.0,
    data_dir: DataDir = None,
    json_: Json = False,
) -> None:
    """ある相手方との記録が二つの署名の間でこれで全部であることの証明 /
    prove that these are all records with a counterpart between two checkpoints."""
    system = running(data_dir)

    async def work() -> bytes:
        async with system.store() as store:
            until = end or await newest_size(store, owner)
            try:
                return await capsules.make_pair(store, system.keys, owner, counterpart, start, until)
            except NotProvable:
                async with system.voice() as say:
                    await say([SequenceMarkRequested(lane_of(owner), owner, counterpart)])
            return await once_marked(store, until)

    async def once_marked(store: PostgresStore, until: int) -> bytes:
        deadline = time.monotonic() + wait
        while True:
            try:
                return await capsules.make_pair(store, system.keys, owner, counterpart, start, until)
            except NotProvable:
                if time.monotonic() > deadline:
                    raise
            await asyncio.sleep(POLL_SECONDS)

    written(output, wait_for(work()), "pair", json_=json_)


async def newest_size(store: PostgresStore, owner: str) -> int:
    """The size that the newest checkpoint covers."""
    notes = await store.query(QUERIES["checkpoints_of"], owner)
    if not notes:
        raise NotProvable(f"{owner} has signed nothing yet")
    return int(notes[-1]["size"])


def grown(
    owner: Owner,
    older: Annotated[int, typer.Argument(min=1, help="古い方の大きさ / size of the older checkpoint")],
    output: Out,
    newer: End = 0,
    data_dir: DataDir = None,
    json_: Json = False,
) -> None:
    """台帳が書き足されただけであることの証明 / prove that a log has only grown since a checkpoint."""
    system = running(data_dir)

    async def work() -> bytes:
        async with system.store() as store:
            return await capsules.make_grown(store, system.keys, owner, older, newer)

    written(output, wait_for(work()), "grown", json_=json_)


def register(app: typer.Typer) -> None:
    """The verbs below `chukan audit`."""
    app.command("pair", epilog=example("chukan audit pair OWNER COUNTERPART -o pair.json"))(pair)
    app.command("grown", epilog=example("chukan audit grown OWNER 1000 -o grown.json"))(grown)
