"""Settings: flag, then `CHUKAN_…` environment, then TOML file, then default. Read once, into one frozen value.

Owns names, defaults, parsing and words of every setting. Promises that an unknown name is an error with a suggestion,
that secrets are masked when shown, and that each value can say where it came from.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from broker.errors import ConfigurationFault

PREFIX = "CHUKAN_"
FILE_SETTING = "CHUKAN_CONFIG"
INTERNAL = frozenset({"CHUKAN_KILL_POINT"})


def setting(default: Any, words: str, *, secret: bool = False) -> Any:
    """A field with its default and what `config show` and the docs say about it."""
    return field(default=default, metadata={"words": words, "secret": secret})


@dataclass(frozen=True)
class Config:
    """One installation as a program sees it. Every field is a setting; `CHUKAN_` + its name in capitals."""

    data_dir: str = setting("", "directory of the installation; default: the user's state directory")
    kafka_bootstrap: str = setting("", "Kafka's host:port list; empty starts the embedded one")
    kafka_user: str = setting("", "SCRAM-SHA-512 user; empty for a cluster without authentication")
    kafka_password: str = setting("", "its password", secret=True)
    kafka_password_file: str = setting("", "file that holds the password instead")
    kafka_security_protocol: str = setting("SASL_PLAINTEXT", "SASL_PLAINTEXT or SASL_SSL")
    postgres_dsn: str = setting("", "postgresql://user:password@host:port/database", secret=True)
    master_secret_file: str = setting("", "file with the 32-byte master secret, as 64 hex digits")
    shards: int = setting(2, "partitions of internal topics and shards of each service; never changes")
    instance: str = setting("", "name of this process as owner of shards; default: host name and process id")
    session_file: str = setting("", "file of your session as staff; default: in the user's state directory")
    registry_host: str = setting("127.0.0.1", "address of the schema endpoint")
    registry_port: int = setting(0, "port of the schema endpoint; 0 takes a free one and keeps it")
    hub_host: str = setting("127.0.0.1", "address of the integrated-number system's REST interface")
    hub_port: int = setting(0, "its port; 0 takes a free one and keeps it")
    hub_copies_a_part: int = setting(
        200_000, "rows in one numbered part of sub-copies; the server takes 200,000 at most"
    )
    batch_messages: int = setting(1000, "messages in one transaction at most")
    fetch_wait_ms: int = setting(500, "how long Kafka may hold back an empty fetch, milliseconds")
    log_level: str = setting("info", "debug, info, warning or error")
    timer_seconds: float = setting(1.0, "how often timers look, seconds")
    lease_seconds: float = setting(5.0, "how long a silent owner keeps its shards, seconds")
    patience_seconds: float = setting(120.0, "how long Kafka or PostgreSQL may be away before a service gives up")
    witnesses: int = setting(
        2, "neighbours that cosign each log's checkpoints; taken up by `chukan up` and `chukan init`"
    )
    checkpoint_seconds: float = setting(
        5.0, "how long a log may grow unsigned, seconds; more where there are over 500 institutions"
    )
    cosigned_within_seconds: float = setting(
        0.0, "provision stops when its log's newest cosigned checkpoint is older than this; 0: it never does"
    )
    rehearsal_clock_file: str = setting(
        "", "for rehearsals only: a file with the milliseconds that are added to this process's clock; never in service"
    )


FIELDS = {one.name: one for one in fields(Config)}
DEFAULTS = Config()


@dataclass(frozen=True)
class Loaded:
    """A configuration and where each of its values came from."""

    config: Config
    origins: Mapping[str, str]


def load(environ: Mapping[str, str] | None = None, flags: Mapping[str, Any] | None = None) -> Loaded:
    """The effective settings; ConfigurationFault names what is unknown or ill-formed."""
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    origins = dict.fromkeys(FIELDS, "default")
    path = environ.get(FILE_SETTING, "")
    if path:
        for name, value in read_file(Path(path)).items():
            values[known(name, f"{path}: ")] = convert(name, value, f"{path}: {name}")
            origins[name] = path
    for variable, text in environ.items():
        if not variable.startswith(PREFIX) or variable == FILE_SETTING or variable in INTERNAL:
            continue
        name = known(variable.removeprefix(PREFIX).lower(), f"{variable}: ")
        values[name] = convert(name, text, variable)
        origins[name] = variable
    for name, value in (flags or {}).items():
        if value is not None:
            values[name] = value
            origins[name] = f"--{name.replace('_', '-')}"
    return Loaded(Config(**values), origins)


def read_file(path: Path) -> dict[str, Any]:
    """A TOML file's top-level values."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationFault(f"{FILE_SETTING} names {path}, which does not exist") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationFault(f"{path} is not TOML: {error}") from None


def known(name: str, where: str) -> str:
    """The name, or ConfigurationFault with the nearest known one."""
    if name in FIELDS:
        return name
    near = difflib.get_close_matches(name, FIELDS, 1)
    hint = f"; did you mean {near[0]}?" if near else f"; known are {', '.join(FIELDS)}"
    raise ConfigurationFault(f"{where}there is no setting {name}{hint}")


def convert(name: str, value: Any, where: str) -> Any:
    """The value as the field's type."""
    kind: type[Any] = type(getattr(DEFAULTS, name))
    try:
        return kind(value)
    except (TypeError, ValueError):
        raise ConfigurationFault(f"{where} must be {kind.__name__}; seen {value!r}") from None


def shown(loaded: Loaded) -> list[dict[str, Any]]:
    """Every setting with value, origin and words; secrets masked."""
    rows = []
    for name, one in FIELDS.items():
        value = getattr(loaded.config, name)
        masked = "********" if one.metadata["secret"] and value else value
        rows.append({"name": name, "value": masked, "origin": loaded.origins[name], "words": one.metadata["words"]})
    return rows
