"""A country's past as a replay reads it, and what may be done to it before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from country import Country, quiet

from broker.adapters.memory import MemoryStore
from broker.adapters.virtual_time import SeededRandomness
from broker.journal import Step
from broker.ports import Delivered, Source
from broker.service import Service
from services.assembly import assemble
from services.audit.replay import RecordedChance, Replayer, State
from services.audit.replay_history import Gone

PAGE = 50


class CountryHistory:
    """See `services.audit.replay_history.History`: the steps, topics and tables of a country that came to rest."""

    def __init__(self, country: Country) -> None:
        self.journal: list[Step] = list(country.store.journal)
        self.logs: dict[Source, list[Delivered]] = {source: list(log) for source, log in country.broker.logs.items()}
        self.store: MemoryStore = country.store
        self.lost: dict[Source, int] = {}
        self.gone = Gone()

    async def count(self) -> int:
        """See `History.count`."""
        return len(self.journal)

    async def steps(self, after: int) -> Sequence[Step]:
        """See `History.steps`."""
        return [step for step in self.journal if step.place > after][:PAGE]

    async def records(self, source: Source, offset: int) -> Sequence[Delivered]:
        """See `History.records`."""
        return [record for record in self.logs.get(source, ()) if record.offset >= offset][:7]

    async def outboxes(self) -> Mapping[tuple[str, int, int], bytes]:
        """See `History.outboxes`."""
        return {
            (*name, batch): body for name, shard in self.store.shards.items() for batch, body in shard.outbox.items()
        }

    async def rows(self, kind: type[Any], keys: Sequence[tuple[Any, ...]]) -> list[Any]:
        """See `History.rows`."""
        table = self.store.tables[kind]
        return [table[key] for key in keys if key in table]

    async def every(self, kind: type[Any]) -> AsyncIterator[Sequence[Any]]:
        """See `History.every`."""
        yield list(self.store.tables[kind].values())


def start_of(country: Country) -> list[Any]:
    """The rows before anything happened."""
    return [row for rows in country.base.tables.values() for row in rows.values()]


def services_of(country: Country) -> Callable[[RecordedChance], dict[str, Service]]:
    """Today's services with the country's keys."""
    return lambda chance: assemble(country.keys, SeededRandomness(1), seal=chance)


def replayer(country: Country, history: CountryHistory | None = None, **more: Any) -> Replayer:
    """A replay of the country, about to begin."""
    make = more.pop("make", services_of(country))
    return Replayer(
        history or CountryHistory(country),
        make,
        country.keys,
        SeededRandomness(2),
        country.topics,
        start_of(country),
        **more,
    )


def replayed(country: Country, history: CountryHistory | None = None, **more: Any) -> State:
    """The whole replay."""
    with quiet():
        return asyncio.run(replayer(country, history, **more).run())
