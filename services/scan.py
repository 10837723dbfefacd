"""Looking everywhere for what must be nowhere: an individual number, or two codes of one person in one place.

Owns where "everywhere" is: every topic, every table whatever its name, every log and note of the installation. Promises
that batches which wait in the outbox are looked into message by message, and that a place is told without the number.
The rule of what is allowed where is `broker.rules.checks`' (domain 3(a): numbers travel to the resident register only;
both codes of a person meet in the network's own table only).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from broker.adapters.kafka import KafkaAccess
from broker.adapters.postgres import QUERIES, PostgresSnapshot, PostgresStore
from broker.envelope import unpack
from broker.rules.checks import CARRIES_NUMBERS, CODE, KEEPS_CODES
from broker.rules.numbers import find_individual_numbers
from broker.rules.vault import SEALED_BYTES
from services.topic_reader import reading

FOUND_KEPT = 100
LINE_BYTES = 1_048_576
CODES_AT_ONCE = 500
TOGETHER_KEPT = 10_000
NUMBER = "INDIVIDUAL_NUMBER"
CODES = "CODES_OF_ONE_PERSON"
KEEPS_NUMBERS = "hub_persons"  # sealed, in one column; whatever else stands there is not how a number is kept

Progress = Callable[[str, int, int], None]


@dataclass
class Scan:
    """What was looked at and what was found: (rule, place)."""

    topics: int = 0
    messages: int = 0
    tables: int = 0
    rows: int = 0
    files: int = 0
    size: int = 0
    found: Counter[str] = field(default_factory=Counter)
    places: list[tuple[str, str]] = field(default_factory=list)
    # Texts with several codes, until it is known whose they are.
    together: dict[frozenset[bytes], str] = field(default_factory=dict)

    def look(self, place: str, data: bytes, *, numbers_allowed: bool = False, codes_allowed: bool = False) -> None:
        """One message, row, header or stretch of a log."""
        self.size += len(data)
        if not numbers_allowed and find_individual_numbers(data):
            self.tell(NUMBER, place)
        codes = frozenset(CODE.findall(data))
        if len(codes) > 1 and not codes_allowed and len(self.together) < TOGETHER_KEPT:
            self.together.setdefault(codes, place)

    def tell(self, rule: str, place: str) -> None:
        """Something lies where it must not."""
        self.found[rule] += 1
        if len(self.places) < FOUND_KEPT:
            self.places.append((rule, place))


async def scan(
    store: PostgresStore, access: KafkaAccess, directory: Path | None, progress: Progress = lambda *_: None
) -> Scan:
    """Everything there is now."""
    seen = Scan()
    await scan_topics(seen, access, progress)
    async with store.snapshot() as snapshot:
        await scan_tables(seen, snapshot, progress)
        await settle_codes(seen, snapshot)
    if directory is not None:
        for file in sorted(notes(directory)):
            progress(f"file {file.name}", 0, 0)
            scan_file(seen, file, str(file.relative_to(directory)))
    return seen


# ── topics ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def scan_topics(seen: Scan, access: KafkaAccess, progress: Progress) -> None:
    """Every message with its key and headers."""
    async with reading(access) as reader:
        total = sum(reader.ends.values())
        seen.topics = len({topic for topic, _ in reader.ends})
        async for batch in reader.batches():
            for record in batch:
                place = f"topic {record.topic}/{record.partition}@{record.offset}"
                allowed = CARRIES_NUMBERS.match(record.topic) is not None
                # Apart from each other: where one ends and the next begins is no place for a number.
                parts = (record.key, record.value or b"", *(value or b"" for _, value in record.headers))
                seen.look(place, b"\x00\x00".join(parts), numbers_allowed=allowed)
            seen.messages += len(batch)
            progress("messages", seen.messages, total)


# ── tables ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def scan_tables(seen: Scan, snapshot: PostgresSnapshot, progress: Progress) -> None:
    """Every row of every table, ours or not."""
    tables = await snapshot.tables()
    seen.tables = len(tables)
    for place, table in enumerate(tables):
        progress("tables", place, len(tables))
        before = seen.rows
        async for batch in snapshot.every_row(table):
            for row in batch:
                seen.rows += 1
                where = f"table {table}, row {seen.rows - before}"
                for part in parts_of(table, row):
                    seen.look(where, part, codes_allowed=table == KEEPS_CODES)
                if table == KEEPS_NUMBERS and len(row["number_sealed"]) not in (0, SEALED_BYTES):
                    seen.tell(NUMBER, where)
    progress("tables", len(tables), len(tables))


def parts_of(table: str, row: Any) -> Iterator[bytes]:
    """A row as the bytes it holds; an outbox row as its messages, because a batch is no place by itself."""
    if table == "outbox" and row["body"]:
        yield from (one.value for one in unpack(row["body"])[0])
        return
    yield b"\x00\x00".join(value if isinstance(value, bytes) else str(value).encode() for value in row.values())


async def settle_codes(seen: Scan, snapshot: PostgresSnapshot) -> None:
    """Whose the codes are that were seen together."""
    waiting = list(seen.together.items())
    for first in range(0, len(waiting), CODES_AT_ONCE):
        part = waiting[first : first + CODES_AT_ONCE]
        codes = sorted({code.decode() for together, _ in part for code in together})
        owners: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for row in await snapshot.query(QUERIES["owners_of_codes"], codes):
            owners[row["linkage_code"]].append((row["internal_id"], row["institution_code"]))
        for together, place in part:
            people = {owner for code in together for owner in owners[code.decode()]}
            persons = Counter(internal_id for internal_id, _ in people)
            if any(count > 1 for count in persons.values()):
                seen.tell(CODES, place)


# ── files ────────────────────────────────────────────────────────────────────────────────────────────────────────


def notes(directory: Path) -> Sequence[Path]:
    """Logs and notes of an installation; the parts' own data are read through the parts."""
    found = [*directory.glob("*.json"), *directory.glob("run/*")]
    found += [*directory.glob("kafka/*.log*"), *directory.glob("postgres/*.log*")]
    return [file for file in found if file.is_file()]


def scan_file(seen: Scan, file: Path, name: str) -> None:
    """A file, a line at a time."""
    seen.files += 1
    with file.open("rb") as stream:
        for number, line in enumerate(iter(lambda: stream.readline(LINE_BYTES), b""), 1):
            seen.look(f"file {name}:{number}", line)
