"""How a service is declared: a name and a tuple of `on(Message, load, decide)`, plus timers.

The runtime reads the declaration; topics and ownership follow from it and nothing is named twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from broker.decision import Decision
from broker.facts import Facts
from schemas.records import Message

M = TypeVar("M")


class Context(NamedTuple):
    """What a decision may know besides the message and the facts.

    now: milliseconds since 1970 UTC. identity: the derived id of the message decided on; ids of what it causes
    derive from it. topic, partition, offset: where the message lay. sender: the topic's institution, `shared`, or
    empty for internal topics. value: the message's bytes.
    """

    now: int
    identity: str
    topic: str
    partition: int
    offset: int
    sender: str
    value: bytes


Load = Callable[[Sequence[Any], Facts], Awaitable[None]]
Decide = Callable[[Any, Facts, Context], Decision]


class Handler(NamedTuple):
    """One message type of one service. `load` reads for a whole run of messages, `decide` decides on one.

    close: called once after a run of messages has been decided, for work that is cheaper for many at once
    (one signature for a batch of permits); it may replace what the run's decisions say, never what they write.
    """

    message: type[Any]
    load: Load
    decide: Decide
    close: Callable[[Sequence[Decision]], Sequence[Decision]] | None = None


def on(
    message: type[M],
    load: Callable[[Sequence[M], Facts], Awaitable[None]],
    decide: Callable[[M, Facts, Context], Decision],
    close: Callable[[Sequence[Decision]], Sequence[Decision]] | None = None,
) -> Handler:
    """Bind a message to the two functions that serve it; the type checker holds the three together."""
    return Handler(message, load, decide, close)


class Timer(NamedTuple):
    """Rows whose time has come, turned into messages. A timer only says; what it means is decided by a handler.

    column: the time, in milliseconds. states: values of the row's `state` that still wait (empty: any row).
    """

    row: type[Any]
    column: str
    states: tuple[str, ...]
    say: Callable[[Any, int], Message]


class Keep(NamedTuple):
    """Rows that only the shard of their `by` column (an exchange id or a lane's institution) ever writes, so that it
    need not read again what it committed itself.

    row: the table. lasting: whether a row in this state will be wanted again. by: empty when every message that
    writes the table comes to the row's shard.
    """

    row: type[Any]
    lasting: Callable[[Any], bool]
    by: str = ""


class Service(NamedTuple):
    """A participant: its name, what it hears, and the times it watches.

    batch_messages: most messages in one transaction, for services whose messages hold many things.
    tells_senders: whether the institution on whose topic a message lay is told that it was set aside; not by a service
    that reads an institution's replies, where nobody waits for one.
    keeps: rows that are its own shard's alone.
    """

    name: str
    handlers: tuple[Handler, ...]
    timers: tuple[Timer, ...] = ()
    batch_messages: int = 5000
    tells_senders: bool = True
    keeps: tuple[Keep, ...] = ()

    @property
    def hears(self) -> tuple[type[Any], ...]:
        """The message types it serves."""
        return tuple(handler.message for handler in self.handlers)
