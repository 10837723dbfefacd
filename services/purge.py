"""Forgetting to the last byte: after `services.erasure`, what was erased leaves the files of an embedded installation.

Owns the order of the work on an installation that nobody serves: let the services finish what was said, take from Kafka
all that everybody has heard, have PostgreSQL write every table anew and give up its old write-ahead log. Promises that
no message is taken before its reader has it: positions decide, and a topic that somebody has yet to read is kept whole
and told, unless its institution's unread replies are given up by order. While messages are taken, Kafka listens where
no client looks, so that nothing arrives in between; and it takes them by a setting of that one process, so that a crash
leaves nothing behind that would take more. Leaves to `services.erasure` what is erased.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # its names are public, but not re-exported
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    OffsetSpec,
    ResourceType,
)

from broker.embedded.kafka import EmbeddedKafka
from broker.embedded.postgres import EmbeddedPostgres
from broker.errors import ConfigurationFault, OwnFault, WorldFault
from broker.topics import SHARED
from services.installation import DATABASE, Installation
from services.up import System

ANSWER_SECONDS = 30.0
QUIET_SECONDS = 120.0
TAKEN_SECONDS = 120.0
VACUUM_SECONDS = 4 * 3600.0
SEGMENTS_AT_MOST = 400  # of 16 MiB: three times what `max_wal_size` keeps
POLL_SECONDS = 0.2
PARTITIONS_A_REQUEST = 2_000

TAKES_NOTHING = {"log.retention.bytes": "-1", "log.retention.check.interval.ms": "3600000"}
TAKES_ALL = {
    "log.retention.bytes": "0",
    "log.retention.check.interval.ms": "200",
    "log.initial.task.delay.ms": "0",
    "log.segment.delete.delay.ms": "0",
}
# Segments of the log are unlinked instead of used again, and no bytes of a former file are taken over into a new one.
GIVES_UP = {
    "wal_recycle": "off",
    "wal_init_zero": "on",
    "min_wal_size": "32MB",
    "max_wal_size": "64MB",
    "autovacuum": "off",
}

Source = tuple[str, int]
Offsets = Mapping[Source, int]
Progress = Callable[[str, int, int], None]


class Kept(NamedTuple):
    """A topic whose messages stay, and how many of them nobody has read."""

    topic: str
    unread: int


class Standing(NamedTuple):
    """Where partitions begin and end, and up to where their readers have heard."""

    first: Offsets
    ends: Offsets
    heard: Offsets

    def unread(self) -> dict[str, int]:
        """Topics with messages that their reader has not heard, and how many."""
        found: dict[str, int] = defaultdict(int)
        for (topic, partition), end in self.ends.items():
            if (left := end - max(self.heard.get((topic, partition), 0), self.first[topic, partition])) > 0:
                found[topic] += left
        return dict(found)


class Purged(NamedTuple):
    """What has gone. given_up: unread replies that went by order; kept: topics that stay; segments: of PostgreSQL's
    log."""

    topics: int
    messages: int
    given_up: tuple[Kept, ...]
    kept: tuple[Kept, ...]
    tables: int
    segments: int
    notes: int


def purge(installation: Installation, *, give_up_unread: bool, progress: Progress = lambda *_: None) -> Purged:
    """The whole of it, on an installation that does not run; EmbeddedError when it does.

    give_up_unread: replies that an attached institution's own programs have not read go, too.
    """
    plan = installation.plan()
    if plan is None:
        raise ConfigurationFault(f"{installation.directory}: ここに設置はありません / there is no installation here")
    progress("draining", 0, 4)
    with System(installation, plan, hub=True) as system:
        groups = {code: f"institution.{code}.client" for code in system.world.attached}
        asyncio.run(_quiet(system))
    progress("topics", 1, 4)
    postgres = EmbeddedPostgres(installation.directory / "postgres", settings=GIVES_UP)
    with postgres:
        positions = asyncio.run(_positions(postgres.dsn(DATABASE)))
        topics, messages, given_up, kept = take(
            installation.directory / "kafka", positions, groups, give_up_unread=give_up_unread
        )
        progress("tables", 2, 4)
        tables = asyncio.run(_rewritten(postgres))
        progress("write-ahead log", 3, 4)
        segments = asyncio.run(_renewed(postgres.dsn()))
    notes = _without_notes(installation.run)
    progress("done", 4, 4)
    return Purged(topics, messages, given_up, kept, tables, segments, notes)


# ── what was said is heard ───────────────────────────────────────────────────────────────────────────────────────


async def _quiet(system: System) -> None:
    """Until every service has heard everything, has said what it decided, and stays so for a moment."""
    admin = await asyncio.to_thread(system.embedded.kafka.admin)
    deadline, before = time.monotonic() + QUIET_SECONDS, None
    connection = await asyncpg.connect(system.parts.dsn, timeout=ANSWER_SECONDS, command_timeout=ANSWER_SECONDS)
    try:
        while True:
            heard = await _heard(connection)
            ends = await asyncio.to_thread(offsets_of, admin, _partitions(admin), first=False)
            waiting = await connection.fetchval("select count(*) from outbox")
            behind = [source for source, offset in heard.items() if ends.get(source, 0) > offset]
            still = (dict(ends), waiting)
            if not waiting and not behind and still == before:
                return
            if time.monotonic() > deadline:
                raise WorldFault(f"not quiet after {QUIET_SECONDS:g} s: {waiting} outbox rows, unheard: {behind[:3]}")
            system.fleet.watch_once()
            before = still
            await asyncio.sleep(2.0)
    finally:
        await connection.close(timeout=ANSWER_SECONDS)


async def _positions(dsn: str) -> Offsets:
    connection = await asyncpg.connect(dsn, timeout=ANSWER_SECONDS, command_timeout=ANSWER_SECONDS)
    try:
        return await _heard(connection)
    finally:
        await connection.close(timeout=ANSWER_SECONDS)


async def _heard(connection: asyncpg.Connection[Any]) -> Offsets:
    rows = await connection.fetch("select topic, partition, min(next_offset) from positions group by topic, partition")
    return {(row[0], row[1]): row[2] for row in rows}


# ── Kafka ────────────────────────────────────────────────────────────────────────────────────────────────────────


def take(
    directory: Path, positions: Offsets, groups: Mapping[str, str], *, give_up_unread: bool
) -> tuple[int, int, tuple[Kept, ...], tuple[Kept, ...]]:
    """Take the messages of every topic that its readers have heard to the end: topics, messages, given up, kept.

    groups: the consumer group of each attached institution's own programs.
    """
    with EmbeddedKafka(directory, apart=TAKES_NOTHING) as kafka:
        admin = kafka.admin()
        standing = _standing(admin, positions, groups)
        unread = standing.unread()
        replies = {topic for topic in unread if give_up_unread and topic.endswith(".replies")}
        kept = sorted(unread.keys() - replies)
        # An exception stays until a later purge: taken back beside TAKES_ALL, it would give up what it keeps.
        _keep(admin, kept, pinned=True)
        _keep(admin, sorted({topic for topic, _ in standing.ends} - set(kept)), pinned=False)
    with EmbeddedKafka(directory, apart=TAKES_ALL) as kafka:
        admin = kafka.admin()
        _wait_until_taken(admin, {source for source in standing.ends if source[0] not in kept}, directory / "logs")
    taken = {source: end for source, end in standing.ends.items() if source[0] not in kept}
    count = sum(end - standing.first[source] for source, end in taken.items())
    told = (tuple(Kept(topic, unread[topic]) for topic in sorted(names)) for names in (replies, kept))
    return len({topic for topic, _ in taken}), count, *told  # type: ignore[return-value]


def _standing(admin: AdminClient, positions: Offsets, groups: Mapping[str, str]) -> Standing:
    sources = _partitions(admin)
    first, ends = offsets_of(admin, sources, first=True), offsets_of(admin, sources, first=False)
    heard = dict(positions)
    for source in sources:
        # The simulated institutions' common replies have no reader that comes back for them.
        if source[0] == f"institution.{SHARED}.replies":
            heard[source] = ends[source]
    for code, group in groups.items():
        for source, offset in committed_of(admin, group).items():
            if source[0] == f"institution.{code}.replies":
                heard[source] = min(offset, heard.get(source, offset))
    return Standing(first, ends, heard)


def _partitions(admin: AdminClient) -> list[Source]:
    try:
        topics = admin.list_topics(timeout=ANSWER_SECONDS).topics
    except KafkaException as error:
        raise WorldFault(f"Kafka: asking for its topics: {error}") from None
    return [(name, number) for name, one in topics.items() if not name.startswith("__") for number in one.partitions]


def offsets_of(admin: AdminClient, sources: Sequence[Source], *, first: bool) -> dict[Source, int]:
    """Where each partition begins or ends; a broker that has just started is asked again until it knows."""
    spec = OffsetSpec.earliest() if first else OffsetSpec.latest()  # type: ignore[no-untyped-call]
    deadline = time.monotonic() + ANSWER_SECONDS
    found: dict[Source, int] = {}
    while left := [source for source in sources if source not in found]:
        part = [TopicPartition(*source) for source in left[:PARTITIONS_A_REQUEST]]
        answers = admin.list_offsets(dict.fromkeys(part, spec), request_timeout=ANSWER_SECONDS)
        for one, answer in answers.items():
            try:
                found[one.topic, one.partition] = answer.result().offset
            except KafkaException as error:
                if time.monotonic() > deadline:
                    raise WorldFault(f"Kafka: asking for offsets of {one.topic}: {error}") from None
                time.sleep(POLL_SECONDS / len(part))
    return found


def committed_of(admin: AdminClient, group: str) -> dict[Source, int]:
    """What a group's members have committed; nothing for a group that never did.

    A broker that has just started does not know yet and is asked again: not knowing is not "never".
    """
    deadline = time.monotonic() + ANSWER_SECONDS
    while True:
        asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)], request_timeout=ANSWER_SECONDS)
        try:
            known = asked[group].result().topic_partitions or []
        except KafkaException as error:
            if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
                return {}
            fault: object = error
        else:
            faults = [one.error for one in known if one.error is not None]
            if not faults:
                return {(one.topic, one.partition): one.offset for one in known if one.offset >= 0}
            fault = faults[0]
        if time.monotonic() > deadline:
            raise WorldFault(f"Kafka: asking what {group} has read: {fault}")
        time.sleep(POLL_SECONDS)


def _keep(admin: AdminClient, topics: Sequence[str], *, pinned: bool) -> None:
    """Except these topics from what is taken, or take back an exception of an earlier purge."""
    if not topics:
        return
    operation = AlterConfigOpType.SET if pinned else AlterConfigOpType.DELETE
    entry = ConfigEntry("retention.bytes", "-1", incremental_operation=operation)
    asked = [ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry]) for topic in topics]
    try:
        for answer in admin.incremental_alter_configs(asked, request_timeout=ANSWER_SECONDS).values():
            answer.result()
    except KafkaException as error:
        raise WorldFault(f"Kafka: keeping what is unread: {error}") from None


def _wait_until_taken(admin: AdminClient, sources: set[Source], logs: Path) -> None:
    """Until the partitions are empty and the files of what was in them are gone."""
    deadline, left = time.monotonic() + TAKEN_SECONDS, sorted(sources)
    while True:
        first, ends = offsets_of(admin, left, first=True), offsets_of(admin, left, first=False)
        left = [source for source in left if first[source] < ends[source] or _segments(logs, source, ends[source])]
        if not left:
            return
        if time.monotonic() > deadline:
            raise OwnFault(f"Kafka still keeps {len(left)} partitions after {TAKEN_SECONDS:g} s, {left[0]} among them")
        time.sleep(POLL_SECONDS)


def _segments(logs: Path, source: Source, end: int) -> list[Path]:
    """Files of a partition's records other than its empty last one, those on their way out included."""
    folder = logs / f"{source[0]}-{source[1]}"
    found = [*folder.glob("*.log"), *folder.glob("*.deleted")]
    return [file for file in found if file.name != f"{end:020d}.log" or file.stat().st_size]


# ── PostgreSQL ───────────────────────────────────────────────────────────────────────────────────────────────────


async def _rewritten(postgres: EmbeddedPostgres) -> int:
    """Every table of every database, the catalogues among them, written anew with its indexes; how many there are.

    Statistics hold values of columns, and a new analysis leaves those of a table that has become empty: they go first.
    """
    tables = 0
    async with asyncio.timeout(VACUUM_SECONDS):
        for name in await _databases(postgres.dsn()):
            connection = await asyncpg.connect(postgres.dsn(name), timeout=ANSWER_SECONDS)
            try:
                await connection.execute("delete from pg_statistic")
                await connection.execute("delete from pg_statistic_ext_data")
                await connection.execute("vacuum (full)")
                await connection.execute("analyze")
                tables += await connection.fetchval("select count(*) from pg_class where relkind in ('r', 't', 'm')")
            finally:
                await connection.close(timeout=ANSWER_SECONDS)
    return tables


async def _databases(dsn: str) -> list[str]:
    connection = await asyncpg.connect(dsn, timeout=ANSWER_SECONDS, command_timeout=ANSWER_SECONDS)
    try:
        rows = await connection.fetch("select datname from pg_database where datallowconn order by datname")
    finally:
        await connection.close(timeout=ANSWER_SECONDS)
    return [row[0] for row in rows]


async def _renewed(dsn: str) -> int:
    """Every segment that there is now is written over with zeros where it was kept for later use, and unlinked."""
    connection = await asyncpg.connect(dsn, timeout=ANSWER_SECONDS, command_timeout=600)
    try:
        before = await _wal(connection)
        for _ in range(SEGMENTS_AT_MOST):
            # A segment that something was written to is filled up with zeros by the switch.
            await connection.execute("select pg_logical_emit_message(false, 'purge', '', true)")
            await connection.execute("select pg_switch_wal()")
            if await connection.fetchval("select pg_walfile_name(pg_current_wal_insert_lsn())") > max(before):
                break
        for _ in range(2):
            await connection.execute("checkpoint")
        left = before & await _wal(connection)
        if left:
            raise OwnFault(f"PostgreSQL keeps {len(left)} old segments of its log, {min(left)} among them")
        return len(before)
    finally:
        await connection.close(timeout=ANSWER_SECONDS)


async def _wal(connection: asyncpg.Connection[Any]) -> set[str]:
    rows = await connection.fetch("select name from pg_ls_waldir() where name ~ '^[0-9A-F]{24}$'")
    return {row[0] for row in rows}


# ── notes ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _without_notes(run: Path) -> int:
    """An interrupted replay keeps rows in a file; it cannot go on without the messages anyway."""
    found = [*run.glob("replay.state*")]
    for file in found:
        file.unlink(missing_ok=True)
    return len(found)
