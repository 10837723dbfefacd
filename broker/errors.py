"""The three faults, by whose they are. A refusal is none of them: it is an answer.

Fault
├── PeerFault      they are wrong: the message is set aside with the reason and acknowledged
├── WorldFault     the world is away: the same delivery is tried again, within a bound
│   ├── Held       another owner's lease on the shard still runs: wait, or take it for Fenced when it was ours
│   ├── Fenced     another owner took the shard over: this one stops
│   └── NotHeard   everything stands, but the reply did not come in time
└── OwnFault       we are wrong, or what we stand on is not what we left: stop, acknowledge nothing
    └── Unstorable the database cannot hold a value or a row of this batch: find the message and set it aside
"""

from __future__ import annotations


class Fault(Exception):  # noqa: N818 - the domain's word
    """Something did not go as it must."""


class PeerFault(Fault):
    """They are wrong. `rule` names the check, `text` says what was seen."""

    def __init__(self, rule: str, text: str) -> None:
        super().__init__(f"{rule}: {text}")
        self.rule = rule
        self.text = text


class WorldFault(Fault):
    """Kafka or PostgreSQL cannot be reached or did not answer in time."""


class Held(WorldFault):
    """Another owner's lease on the shard still runs."""


class Fenced(WorldFault):
    """Another owner holds the shard now."""


class NotHeard(WorldFault):
    """The reply did not come in time; Kafka itself answers."""


class OwnFault(Fault):
    """What we stand on is not what we left: a log that ends early, a table that is missing, a broken invariant."""


class Unstorable(OwnFault):
    """The database refuses a value (NUL in a text) or a row (a record that is there already)."""


class ConfigurationFault(Fault):
    """A setting is missing, unknown or ill-formed; the text names it and how to mend it."""
