"""Structured logs of programs: one JSON object a line on standard error, with an allow-list of fields.

A field that is not on the list is dropped and counted, so that no person's data can slip in; a last net masks any
lone 12-digit run with a valid check digit.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

from broker.rules.numbers import INDIVIDUAL_NUMBER_DIGITS, find_individual_numbers

ALLOWED = frozenset(
    {
        "event",
        "level",
        "timestamp",
        "service",
        "shard",
        "epoch",
        "batch",
        "messages",
        "repeats",
        "said",
        "outcomes",
        "republished",
        "topic",
        "partition",
        "offset",
        "rule",
        "reason",
        "instance",
        "process",
        "pid",
        "returncode",
        "seconds",
        "count",
        "kafka",
        "postgres",
        "registry",
        "data_dir",
        "credentials",
        "path",
        "exception",
    }
)
LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

Event = MutableMapping[str, Any]


def allow_listed(_: Any, __: str, event: Event) -> Event:
    """Drop fields that are not on the list, and say how many."""
    dropped = [name for name in event if name not in ALLOWED]
    for name in dropped:
        del event[name]
    if dropped:
        event["count"] = len(dropped)
    return event


def numbers_masked(_: Any, __: str, event: Event) -> Event:
    """The last net: an individual number in any text is masked."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = mask(value)
    return event


def mask(text: str) -> str:
    """The text with every lone valid individual number replaced by stars."""
    for place in reversed(find_individual_numbers(text)):
        text = text[:place] + "*" * INDIVIDUAL_NUMBER_DIGITS + text[place + INDIVIDUAL_NUMBER_DIGITS :]
    return text


def set_up(level: str, stream: TextIO | None = None) -> None:
    """Logs from here on: JSON lines on standard error; libraries' own warnings too."""
    number = LEVELS.get(level, logging.INFO)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            allow_listed,
            numbers_masked,
            structlog.processors.JSONRenderer(ensure_ascii=False, sort_keys=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(stream or sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.ERROR, stream=stream or sys.stderr, format="%(name)s: %(message)s", force=True)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
