"""`chukan topics`: where each message travels, and who may say and hear it there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, NamedTuple

import typer

from broker.embedded.admin import Acl
from broker.topics import DAY_MS, SHARED, Topics, TopicSpec, sender_of
from services import access
from services.cli import terminal
from services.cli.options import DataDir, Json, directory_of, loaded
from services.installation import Installation
from services.registry import carried_by
from services.world import World

ANYBODY = "0" * 16
PLACEHOLDER = "{institution_code}"
INSTITUTION_USER = f"institution-{PLACEHOLDER}"


class Row(NamedTuple):
    """One topic, or all topics of one name with each institution's code in it."""

    topic: str
    partitions: int
    retention_days: int
    messages: tuple[str, ...]
    writers: tuple[str, ...]
    readers: tuple[str, ...]


def may(acls: Sequence[Acl], operation: str, topic: str) -> tuple[str, ...]:
    """The users who may do this to a topic."""
    return tuple(
        dict.fromkeys(
            acl.user
            for acl in acls
            if acl.resource == "topic"
            and operation in acl.operations
            and (topic == acl.name if acl.pattern == "literal" else topic.startswith(acl.name))
        )
    )


def row_of(spec: TopicSpec, acls: Sequence[Acl]) -> Row:
    """A topic with its rights."""
    return Row(
        spec.name,
        spec.partitions,
        int(spec.configuration["retention.ms"]) // DAY_MS,
        carried_by(spec.name),
        may(acls, "write", spec.name),
        may(acls, "read", spec.name),
    )


def patterns(partitions: int) -> list[Row]:
    """Every topic once, the institution's code as a placeholder."""
    acls = access.rights([ANYBODY])
    rows = [row_of(spec, acls) for spec in Topics(partitions, frozenset({ANYBODY})).specs()]
    user = access.institution_user(ANYBODY)
    return [
        row._replace(
            topic=row.topic.replace(ANYBODY, PLACEHOLDER),
            writers=tuple(INSTITUTION_USER if one == user else one for one in row.writers),
            readers=tuple(INSTITUTION_USER if one == user else one for one in row.readers),
        )
        for row in rows
    ]


def every_topic(partitions: int, attached: Sequence[str]) -> list[Row]:
    """Every topic of an installation."""
    acls = access.rights(attached)
    shared = [acl for acl in acls if not any(code in acl.name for code in attached)]
    rows = []
    for spec in Topics(partitions, frozenset(attached)).specs():
        owner = sender_of(spec.name)
        # An institution's topics concern its own rights and the services'; the others' need no look.
        own = access.institution_rights(access.institution_user(owner), owner) if owner not in ("", SHARED) else []
        rows.append(row_of(spec, [*shared, *own]))
    return rows


def topics(
    data_dir: DataDir = None,
    all_: Annotated[
        bool, typer.Option("--all", help="設置のすべてのトピック / each of the installation's, not one a pattern")
    ] = False,
    json_: Json = False,
) -> None:
    """トピック、分割数、書ける人、読める人、保存日数 / topics, partitions, writers, readers, retention."""
    config = loaded(data_dir)
    rows = patterns(config.shards)
    if all_:
        directory = directory_of(config)
        plan = Installation(directory, config).plan() if directory.exists() else None
        if plan is None:
            raise typer.BadParameter(f"--all: {directory} に設置がありません / there is no installation")
        rows = every_topic(config.shards, World(plan, Installation(directory, config).keys).attached)
    if json_:
        terminal.show_json("topics", {"topics": rows})
        return
    columns = ("トピック / topic", "分割", "日数", "電文 / messages", "書く人 / writers", "読む人 / readers")
    table = [
        (
            row.topic,
            row.partitions,
            row.retention_days,
            "\n".join(row.messages),
            "\n".join(row.writers),
            "\n".join(row.readers),
        )
        for row in rows
    ]
    terminal.show_table("トピック / topics", columns, table)
