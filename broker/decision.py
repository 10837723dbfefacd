"""What a handler decides: messages to say, rows to write, rows to remove. Values only; nothing is carried out here."""

from __future__ import annotations

from typing import Any, NamedTuple

from schemas.records import Message


class Decision(NamedTuple):
    """The whole effect of one message.

    outcome: one word for the log line, e.g. `permitted`, `repeat`, `held`.
    say: messages to publish, in order; topics and keys follow from their schemas.
    write: rows (of `broker.tables`) to insert or replace by their key.
    remove: rows to delete by their key.
    alarm: what a person must be told at once, for the log line; codes only, never a person's data.
    """

    outcome: str
    say: tuple[Message, ...] = ()
    write: tuple[Any, ...] = ()
    remove: tuple[Any, ...] = ()
    alarm: str = ""
