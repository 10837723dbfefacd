"""Loading sub-copies (副本) in bulk, as an institution's own program would: numbered batches on its copies topic.

Owns where rows come from (a file, or made up by seed), their parts and numbers, and how a load goes on. Promises that
a load that died, its sender or its server, goes on where it stopped, without a gap and without a repeat: record
numbers derive from the source's content and the row, and where a part stands is asked of the intermediate server. An
open batch that is opened once more answers with its next row, and the question travels behind every row said before
it, in the same partition. The same question behind every chunk bounds what is under way; memory does not grow with
the load. Leaves taking in and refusing to the service `copies`.

The file `run/copy-load/…json` holds the parts that have ended, so that they need not be asked about again; it may be
lost without harm.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from broker.embedded.directory import write_private
from broker.errors import NotHeard, PeerFault, WorldFault
from schemas.codec import encode
from schemas.records import BatchState, CopyBatchOpened, CopyBatchReported, CopyCommand, CopySubmitted, Item
from services.client import Client
from services.copies import BATCH_CAP
from services.world import HOUSEHOLD, LAYOUT, LOCAL_TAX, VACCINATION, items_of

KINDS = (VACCINATION, HOUSEHOLD, LOCAL_TAX)
FIRST_LOAD = "FIRST_LOAD"
REFUSALS_KEPT = 20
SETTLE_SECONDS = 0.5  # for answers to questions of an earlier run that still come
PAUSE_SECONDS = 0.5
SHARES = (10, 50, 100)  # of a load, at which memory is looked at
PLACED = ("institution_code", "record_identification_number", "batch_id", "row_number")
OPTIONAL = {"valid_to", "publication_to", "auto_response_disabled", "non_disclosure_code"}
REQUIRED = tuple(name for name in CopySubmitted._fields if name not in OPTIONAL and name not in PLACED)
LINE_BYTES = 262_144

Tell = Callable[[str, int, int], None]


class NotAFile(PeerFault):
    """The file cannot be loaded; the text names the line and what is wrong with it. Nothing was sent."""

    def __init__(self, text: str) -> None:
        super().__init__("NOT_A_FILE_OF_COPIES", text)


class BatchRefused(PeerFault):
    """The intermediate server does not open a part; the text has its reasons."""

    def __init__(self, text: str) -> None:
        super().__init__("BATCH_REFUSED", text)


class Gap(WorldFault):
    """A row came before the one that was next: Kafka lost some. The part is asked about anew."""


# ── where rows come from ─────────────────────────────────────────────────────────────────────────────────────────


class Source(NamedTuple):
    """Rows to load. name: the same for the same content; begin: the rows from this 0-based one on, not yet placed."""

    name: str
    rows: int
    begin: Callable[[int], Iterator[CopySubmitted]]


def made_up(residents: int, seed: int) -> Source:
    """Three kinds of sub-copies for each of so many residents, the same for the same seed."""
    return Source(
        f"S{seed}-{residents}",
        residents * len(KINDS),
        lambda first: (made_up_row(place, seed) for place in range(first, residents * len(KINDS))),
    )


def made_up_row(place: int, seed: int) -> CopySubmitted:
    """The row at this 0-based place. Integrated numbers begin with 6, which no resident of a world has."""
    resident, kind = place // len(KINDS), KINDS[place % len(KINDS)]
    return CopySubmitted(
        institution_code="",
        record_identification_number="",
        command=CopyCommand.REGISTER,
        integrated_number=f"6{seed % 1000:03d}{resident:011d}",
        spi_name_code=kind,
        record_key="1" if kind == VACCINATION else "2026",
        layout_version=LAYOUT,
        valid_from="20260101",
        publication_from="20260101",
        items=items_of(resident, kind),
    )


def file_of(path: Path) -> Source:
    """JSON lines, one sub-copy each, with the fields of CopySubmitted but those that give it its place.

    The whole file is read once before anything is sent: NotAFile names the first line that is no sub-copy.
    """
    digest, rows = hashlib.sha256(), 0
    for line in _lines(path):
        digest.update(line)
        rows += 1
        row_of(line, rows)
    if not rows:
        raise NotAFile(f"{path}: 行がありません / there is no line")
    return Source(
        f"F{digest.hexdigest()[:12]}",
        rows,
        lambda first: (row_of(line, n) for n, line in enumerate(islice(_lines(path), first, None), first + 1)),
    )


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while line := file.readline(LINE_BYTES + 1):
            if len(line) > LINE_BYTES:
                raise NotAFile(f"{path}: 一行は {LINE_BYTES} バイトまで / at most {LINE_BYTES} bytes a line")
            yield line


def row_of(line: bytes, number: int) -> CopySubmitted:
    """The sub-copy in a line; NotAFile says what is missing, unknown or of another type. What the values mean is
    judged by the intermediate server, row by row."""
    try:
        told = json.loads(line)
        missing = [name for name in REQUIRED if name not in told]
        unknown = [name for name in told if name not in REQUIRED and name not in OPTIONAL]
        if missing or unknown:
            raise NotAFile(f"{number} 行目 / line {number}: missing {missing}, unknown {unknown}")
        items = tuple(Item(**item) for item in told["items"])
        row = CopySubmitted(
            institution_code="",
            record_identification_number="",
            **{**told, "command": CopyCommand(told["command"]), "items": items},
        )
        encode(row)
    except (ValueError, TypeError, AttributeError) as error:
        raise NotAFile(f"{number} 行目 / line {number}: {type(error).__name__}: {error}") from None
    return row


# ── parts ────────────────────────────────────────────────────────────────────────────────────────────────────────


class Part(NamedTuple):
    """One batch of a load. number: 1-based; first: 0-based place of its first row in the source."""

    number: int
    first: int
    rows: int


class Ended(NamedTuple):
    """What became of a part."""

    accepted: int
    rejected: int


def parts_of(rows: int, at_most: int) -> list[Part]:
    """The rows in parts of at most so many."""
    starts = range(0, rows, at_most)
    return [Part(number, first, min(at_most, rows - first)) for number, first in enumerate(starts, 1)]


class Kept:
    """The parts that have ended, in a file that is written whole or not at all."""

    def __init__(self, path: Path, name: str) -> None:
        self._path, self._name = path, name
        self.ended: dict[int, Ended] = {}
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            if told["load"] == name:
                self.ended = {int(number): Ended(*counts) for number, counts in told["ended"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            self.ended = {}

    def end(self, part: Part, ended: Ended) -> None:
        """This part has ended."""
        self.ended[part.number] = ended
        write_private(self._path, json.dumps({"load": self._name, "ended": self.ended}))


# ── the load ─────────────────────────────────────────────────────────────────────────────────────────────────────


class Bounds(NamedTuple):
    """part_rows: rows in one batch. chunk_rows: between two questions where the batch stands. in_flight_rows: said and
    not yet known to be taken in. silence_seconds: without an answer the way is built anew; patience_seconds: without
    progress the load gives up."""

    part_rows: int = BATCH_CAP
    chunk_rows: int = 2_000
    in_flight_rows: int = 16_000
    silence_seconds: float = 30.0
    patience_seconds: float = 180.0


class Refusal(NamedTuple):
    """A row that was refused: its 1-based number in the source, and why."""

    row: int
    reasons: tuple[str, ...]


class Memory(NamedTuple):
    """Resident memory of this process when so many per cent were done."""

    percent: int
    rss_bytes: int


class Loaded(NamedTuple):
    """What a load did. resumed_at: rows that were done when this run began; seconds, rows_per_second: of this run.

    refusals: of this run, the first ones. reconnected: how often the way was built anew.
    """

    name: str
    rows: int
    parts: int
    accepted: int
    rejected: int
    resumed_at: int
    seconds: float
    rows_per_second: float
    memory: tuple[Memory, ...]
    refusals: tuple[Refusal, ...]
    reconnected: int


def load_name(source: Source, bounds: Bounds) -> str:
    """The name of a load: it says the content and the size of its parts."""
    return source.name if bounds.part_rows == BATCH_CAP else f"{source.name}-{bounds.part_rows}"


class Load:
    """One run of a load; see the module for its promises."""

    def __init__(
        self, institution_code: str, source: Source, kept: Kept, *, bounds: Bounds | None = None, tell: Tell
    ) -> None:
        self._institution_code = institution_code
        self._source = source
        self._kept = kept
        self._bounds = bounds or Bounds()
        self._tell = tell
        self._name = load_name(source, self._bounds)
        self._parts = parts_of(source.rows, self._bounds.part_rows)
        self._refusals: list[Refusal] = []
        self._memory: list[Memory] = []
        self._done = -1
        self._moved_at = 0.0
        self._found: dict[int, int] = {}  # rows of each part that were done when this run came to it

    async def run(self, connected: Callable[[], AbstractAsyncContextManager[Client]]) -> Loaded:
        """All parts have ended. BatchRefused when one is not opened; WorldFault after patience without progress."""
        begun = self._moved_at = time.monotonic()
        reconnected = 0
        while True:
            try:
                async with connected() as client:
                    for part in self._parts:
                        if part.number not in self._kept.ended:
                            self._kept.end(part, await self._loaded(client, part))
                break
            except WorldFault:
                if time.monotonic() - self._moved_at > self._bounds.patience_seconds:
                    raise
                reconnected += 1
                await asyncio.sleep(PAUSE_SECONDS)
        self._moved(self._source.rows)
        seconds = time.monotonic() - begun
        ended = self._kept.ended.values()
        now = sum(part.rows - self._found.get(part.number, part.rows) for part in self._parts)
        return Loaded(
            self._name,
            self._source.rows,
            len(self._parts),
            sum(one.accepted for one in ended),
            sum(one.rejected for one in ended),
            self._source.rows - now,
            seconds,
            now / seconds,
            tuple(self._memory),
            tuple(self._refusals),
            reconnected,
        )

    async def _loaded(self, client: Client, part: Part) -> Ended:
        """The part has ended."""
        opened = CopyBatchOpened(self._institution_code, self.batch_id(part), FIRST_LOAD, part.rows)
        await client.say(opened)
        standing = await self._standing(client, part, None, self._bounds.silence_seconds)
        while (later := await self._later(client, part, standing)) is not None:
            standing = later
        self._found.setdefault(part.number, standing.next_row - 1)
        sent, rows = -1, iter(())  # type: tuple[int, Iterator[CopySubmitted]]
        while standing.state is BatchState.RUNNING:
            if standing.next_row - 1 > sent:
                # At first, and when an answer to an earlier run's question was believed: nothing is said again.
                sent = standing.next_row - 1
                rows = self._source.begin(part.first + sent)
            while sent < part.rows and sent - standing.next_row + 1 < self._bounds.in_flight_rows:
                chunk = list(islice(rows, min(self._bounds.chunk_rows, part.rows - sent)))
                placed = [self._placed(row, part, number) for number, row in enumerate(chunk, sent + 1)]
                await client.say_all([*placed, opened])
                sent += len(chunk)
            standing = await self._standing(client, part, standing, self._bounds.silence_seconds)
        return Ended(standing.accepted, standing.rejected)

    def batch_id(self, part: Part) -> str:
        """The name of a part's batch."""
        return f"{self._name}.{part.number:05d}"

    def _placed(self, row: CopySubmitted, part: Part, number: int) -> CopySubmitted:
        return row._replace(
            institution_code=self._institution_code,
            record_identification_number=f"{self._name}-{part.first + number}",
            batch_id=self.batch_id(part),
            row_number=number,
        )

    async def _later(self, client: Client, part: Part, standing: CopyBatchReported) -> CopyBatchReported | None:
        try:
            return await self._standing(client, part, standing, SETTLE_SECONDS)
        except NotHeard:
            return None

    async def _standing(
        self, client: Client, part: Part, before: CopyBatchReported | None, seconds: float
    ) -> CopyBatchReported:
        """Where the part stands, by the newest of the next reports on it; NotHeard when none comes."""
        deadline = time.monotonic() + seconds
        newest = None
        while newest is None:
            if time.monotonic() > deadline:
                raise NotHeard(f"{self.batch_id(part)}: 応答なし / no report within {seconds:g} s")
            for message in await client.listen(min(seconds, PAUSE_SECONDS)):
                if isinstance(message, CopyBatchReported) and message.batch_id == self.batch_id(part):
                    self._judge(message, part)
                    newest = message
        if before is not None and before.next_row > newest.next_row:
            newest = before
        self._moved(part.first + newest.next_row - 1)
        return newest

    def _judge(self, report: CopyBatchReported, part: Part) -> None:
        reasons = tuple(f"{one.field} {one.error_id} {one.reason_ja} / {one.reason_en}" for one in report.errors)
        if report.row_number == 0 and reasons:
            raise BatchRefused(f"{report.batch_id}: {'; '.join(reasons)}")
        if report.row_number > report.next_row:
            raise Gap(f"{report.batch_id}: row {report.row_number} came, {report.next_row} is next")
        if report.row_number == report.next_row - 1 and reasons and len(self._refusals) < REFUSALS_KEPT:
            self._refusals.append(Refusal(part.first + report.row_number, reasons))

    def _moved(self, done: int) -> None:
        if done <= self._done:
            return
        self._done, self._moved_at = done, time.monotonic()
        self._tell("副本 / sub-copies", done, self._source.rows)
        for percent in SHARES[len(self._memory) :]:
            if done * 100 >= percent * self._source.rows:
                self._memory.append(Memory(percent, resident_bytes()))


def resident_bytes() -> int:
    """Resident memory of this process; its greatest so far where the system does not tell the present."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return pages * resource.getpagesize()


def state_file(run: Path, institution_code: str, name: str) -> Path:
    """Where the ended parts of a load are kept."""
    folder = run / "copy-load"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / f"{institution_code}-{name}.json"


def body_of(loaded: Loaded) -> dict[str, Any]:
    """A load for programs."""
    return loaded._asdict() | {"seconds": round(loaded.seconds, 3), "rows_per_second": round(loaded.rows_per_second, 1)}
