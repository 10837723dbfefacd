"""Sub-copies in bulk on real parts: killed in the middle, sender and server, the load goes on without gap or repeat."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from installation_fixtures import Supervisor, new_system, query, rows_of, until

from broker.tables import CopyBatch, CopyReceipt, CopyRecord
from broker.topics import Topics
from schemas.codec import pack_items
from services.copy_load import KINDS, made_up, made_up_row
from services.up import System
from services.world import Plan

PLAN = Plan(seed=5, institutions=2, residents=4, attached=2)
RESIDENTS, PART_ROWS = 2_000, 2_500
ROWS = RESIDENTS * len(KINDS)
LIMIT_SECONDS = 120


def typed(system: System, *arguments: str) -> list[str]:
    """The command line of a load in the first institution's name."""
    owner = system.world.attached[0]
    where = ("--institution", owner, "--data-dir", str(system.installation.directory), "--json")
    return [sys.executable, "-m", "services", "copy", "load", *arguments, *where]


def loaded(system: System, *arguments: str, code: int = 0) -> dict[str, Any]:
    """What a load that ran to its end printed."""
    done = subprocess.run(
        typed(system, *arguments), capture_output=True, text=True, env=os.environ, timeout=LIMIT_SECONDS, check=False
    )
    assert done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def killed_at(system: System, rows: int, arguments: Sequence[str]) -> None:
    """A load starts, and is killed as soon as so many of its rows are there."""
    with subprocess.Popen(
        typed(system, *arguments), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ
    ) as child:
        until(lambda: taken_in(system) >= rows, 60, f"{rows} rows", 0.02)
        assert child.poll() is None
        child.kill()


def taken_in(system: System) -> int:
    """Rows of loads that are there."""
    found: int = query(system.parts, "select count(*) from copy_receipts")[0][0]
    return found


def serving_child(system: System) -> str:
    """The process that takes in the institution's copies."""
    shards = system.installation.config.shards
    topics = Topics(shards, frozenset(system.world.attached))
    return f"intermediate-{topics.shard_of(f'institution.{system.world.attached[0]}.copies', 0)}"


def test_a_killed_load_goes_on_without_gap_or_repeat(tmp_path: Path) -> None:
    """Killed three times, twice the sender and once the server: every row is there once, and no number twice."""
    arguments = ("--synthetic", str(RESIDENTS), "--part-rows", str(PART_ROWS))
    with new_system(tmp_path, "packed", PLAN) as system, Supervisor(system) as supervisor:
        killed_at(system, 500, arguments)
        with supervisor.lock:
            system.fleet.children[serving_child(system)].kill()
        killed_at(system, PART_ROWS + 500, arguments)
        done = loaded(system, *arguments)
        again = loaded(system, *arguments)
        found = rows_of(system.parts, CopyRecord, CopyReceipt, CopyBatch)

        assert (done["rows"], done["accepted"], done["rejected"], done["parts"]) == (ROWS, ROWS, 0, 3)
        assert PART_ROWS + 500 <= done["resumed_at"] < ROWS
        assert [one["percent"] for one in done["memory"]][-1] == 100
        assert (again["accepted"], again["resumed_at"], again["rows_per_second"]) == (ROWS, ROWS, 0.0)
        records = [row for row in found[CopyRecord] if row.integrated_number.startswith("6")]
        assert Counter((row.integrated_number, row.spi_name_code, row.items) for row in records) == Counter(
            (row.integrated_number, row.spi_name_code, pack_items(row.items)) for row in made_up(RESIDENTS, 1).begin(0)
        )
        assert {row.known_to for row in records} == {0}
        assert {row.record_identification_number for row in records} == {
            f"{done['name']}-{number}" for number in range(1, ROWS + 1)
        }
        assert len(found[CopyReceipt]) == ROWS
        assert [(row.state, row.row_count, row.accepted, row.rejected) for row in found[CopyBatch]] == [
            ("ENDED", PART_ROWS, PART_ROWS, 0),
            ("ENDED", PART_ROWS, PART_ROWS, 0),
            ("ENDED", ROWS - 2 * PART_ROWS, ROWS - 2 * PART_ROWS, 0),
        ]

        refused = loaded(system, str(file_with_a_bad_row(tmp_path / "copies.jsonl")), code=6)

        assert (refused["rows"], refused["accepted"], refused["rejected"]) == (3, 2, 1)
        assert [one["row"] for one in refused["refusals"]] == [2]
        assert "items SIM-E" in refused["refusals"][0]["reasons"][0]


def file_with_a_bad_row(path: Path) -> Path:
    """Three sub-copies, an item missing in the second."""
    lines = []
    for place in range(3):
        row = made_up_row(place, 2)
        items = [item._asdict() for item in row.items][: -1 if place == 1 else None]
        told = {"command": row.command.value, "items": items}
        names = ("integrated_number", "spi_name_code", "record_key", "layout_version", "valid_from", "publication_from")
        lines.append(json.dumps({**{name: getattr(row, name) for name in names}, **told}, ensure_ascii=False))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
