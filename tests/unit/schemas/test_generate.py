"""From .avsc to records and numbers: what is committed is current, and a number never changes its meaning."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from schemas.generate import FIRST_ID, HERE, digest_of, formatted, load_schemas, number, render, retire

KNOWN: list[dict[str, Any]] = json.loads((HERE / "ids.json").read_text(encoding="utf-8"))
IN_USE = [one for one in KNOWN if one["id"] == max(other["id"] for other in KNOWN if other["name"] == one["name"])]


def changed(name: str, **changes: Any) -> dict[str, dict[str, Any]]:
    """All schemas, one of them changed."""
    schemas = load_schemas()
    return {**schemas, name: {**schemas[name], **changes}}


def test_the_committed_records_are_current() -> None:
    """Whoever changes a schema runs `make schemas`."""
    assert formatted(render(load_schemas())) == (HERE / "records.py").read_text(encoding="utf-8"), "run `make schemas`"


def test_the_committed_numbers_are_current() -> None:
    """Every schema has its number, and none has moved."""
    assert number(load_schemas(), KNOWN) == KNOWN, "run `make schemas`"
    assert retire(KNOWN, KNOWN) == []


def test_the_first_numbering_counts_from_the_first_id() -> None:
    """Numbers follow the order of the files."""
    ids = number(load_schemas(), [])

    assert [entry["id"] for entry in ids] == list(range(FIRST_ID, FIRST_ID + len(ids)))
    assert [entry["name"] for entry in ids] == list(load_schemas())


@pytest.mark.parametrize("change", [{"doc": "Another."}, {"topic": "elsewhere"}, {"fields": []}])
def test_any_change_takes_the_next_number(change: dict[str, Any]) -> None:
    """A number stands for one text, docs and attributes included; all others keep theirs."""
    latest = max(entry["id"] for entry in KNOWN)

    ids = number(changed("CancelOrdered", **change), KNOWN)

    assert ids[:-1] == KNOWN
    assert (ids[-1]["id"], ids[-1]["name"]) == (latest + 1, "CancelOrdered")
    assert ids[-1]["digest"] not in {entry["digest"] for entry in KNOWN}


def test_going_back_takes_a_number_again() -> None:
    """Numbers of one message only grow: the newest is the one that is written with."""
    there = number(changed("CancelOrdered", doc="Another."), KNOWN)

    back = number(load_schemas(), there)

    assert back[-1]["id"] == there[-1]["id"] + 1
    assert back[-1]["digest"] == digest_of(load_schemas()["CancelOrdered"])


def test_the_replaced_text_is_asked_for(tmp_path: Path) -> None:
    """Without the earlier text its log could not be read; with it nothing is missing."""
    mine = next(entry["id"] for entry in KNOWN if entry["name"] == "CancelOrdered")
    current = number(changed("CancelOrdered", doc="Another."), IN_USE)

    assert retire(IN_USE, current, tmp_path) == [
        f"CancelOrdered ({mine}): put the old text into retired/{mine}.avsc",
    ]

    (tmp_path / "retired").mkdir()
    shutil.copy(HERE / "cancel_ordered.avsc", tmp_path / "retired" / f"{mine}.avsc")

    assert retire(IN_USE, current, tmp_path) == []


def test_a_new_message_retires_nothing(tmp_path: Path) -> None:
    """Adding is not replacing."""
    schemas = load_schemas()

    current = number({**schemas, "Told": {**schemas["CancelOrdered"], "name": "Told"}}, IN_USE)

    assert retire(IN_USE, current, tmp_path) == []


def test_a_type_that_differs_between_two_files_is_refused() -> None:
    """One word, one meaning: the generated class could only be one of the two."""
    schemas = load_schemas()
    fields = json.loads(json.dumps(schemas["PermitRefused"]["fields"]))
    outcome = next(field["type"] for field in fields if field["name"] == "outcome")
    outcome["symbols"].append("OTHER")

    with pytest.raises(ValueError, match="Outcome differs between two files"):
        render(changed("PermitRefused", fields=fields))


def test_a_file_of_another_name_is_refused(tmp_path: Path) -> None:
    """A message is found where its name says."""
    shutil.copy(HERE / "cancel_ordered.avsc", tmp_path / "order_cancelled.avsc")

    with pytest.raises(ValueError, match=r"order_cancelled.avsc: holds CancelOrdered, which belongs in cancel_ordered"):
        load_schemas(tmp_path)
