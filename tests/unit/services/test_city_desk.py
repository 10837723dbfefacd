"""Files at a city's desk: their forms, what becomes of a number in them, and the right that each verb needs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from factories import KARIYA, KEYS
from typer.testing import CliRunner

from broker.rules.areas import found_by_number
from broker.rules.city_fields import city_errors_in
from broker.rules.numbers import synthetic_individual_number
from broker.rules.rights import NUMBER_USE_AFFAIRS, RIGHTS, is_number_use, required_right
from schemas.records import HealthStage
from services.__main__ import command
from services.city_desk import (
    DOSE_COLUMNS,
    ITEM_COLUMNS,
    TARGET_COLUMNS,
    Unreadable,
    dose_of,
    item_of,
    rows_of,
    target_of,
)
from services.cli.vrs import qr_code

NUMBER = synthetic_individual_number(3)
TARGET = dict(zip(TARGET_COLUMNS, ("7" * 15, "0" * 15, NUMBER, "刈谷あおい", "19800102", "2", "亀城"), strict=True))
VALUES = ("7" * 15, "予防接種", "1", "実施", "20240301", "2", "20240301", "製薬", "L", "")
ITEM = dict(zip(ITEM_COLUMNS, VALUES, strict=True))
DOSE = dict(zip(DOSE_COLUMNS, ("132321060000000001", "3", "20230601", "M", "L", "", "", "V", ""), strict=True))
KEY = KEYS.health(KARIYA)


def written(folder: Path, text: str) -> Path:
    """A file with this text."""
    path = folder / "file.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_targets_number_becomes_a_hash_at_once() -> None:
    """The message that leaves the desk holds the keyed hash of this city and no digit of the number."""
    message = target_of(TARGET, KARIYA, KEY, "OP001")

    assert message.number_hash == found_by_number(KEY, NUMBER)
    assert NUMBER not in repr(message)
    assert city_errors_in(message) == []
    assert target_of(TARGET | {"個人番号": ""}, KARIYA, KEY, "OP001").number_hash == b""


def test_an_entrys_name_derives_from_what_it_says() -> None:
    """The same line gives the same name, so that a file read twice is entered once; another line another."""
    one, other = (item_of(row, KARIYA, "", 1, "OP001") for row in (ITEM, ITEM | {"項目5": "M"}))

    assert item_of(ITEM, KARIYA, "", 1, "OP002").record_identification_number == one.record_identification_number
    assert one.record_identification_number != other.record_identification_number
    assert city_errors_in(one) == []


@pytest.mark.parametrize(
    ("word", "stage", "status"),
    [
        ("受領", HealthStage.RECEIVED, "NOT_DONE"),
        ("実施", HealthStage.PERFORMED, "DONE"),
        ("取消", HealthStage.CANCELLED, ""),
    ],
)
def test_the_status_follows_from_the_stage(word: str, stage: HealthStage, status: str) -> None:
    """受領 is not done yet, 実施 is, and a withdrawal carries no items."""
    message = item_of(ITEM | {"区分": word}, KARIYA, "", 1, "OP001")

    assert message.stage is stage
    assert [item.value for item in message.items[:1]] == ([status] if status else [])


def test_a_dose_of_a_tablet_is_well_formed() -> None:
    """Optional columns may be empty; a dose number that is none is told by the form, not by a crash."""
    assert city_errors_in(dose_of(DOSE, KARIYA, "TAB1")) == []
    assert [e.field for e in city_errors_in(dose_of(DOSE | {"接種回": "x"}, KARIYA, "TAB1"))] == ["dose_number"]


@pytest.mark.parametrize(
    "text",
    ["", "業務固有番号\n1\n", ",".join(TARGET_COLUMNS) + f"\n{NUMBER}\n", ",".join(TARGET_COLUMNS) + "\n" + "1," * 9],
)
def test_an_unreadable_file_is_told_without_its_content(text: str, tmp_path: Path) -> None:
    """Columns that are missing, too few or too many: the error names the file and repeats no value."""
    with pytest.raises(Unreadable) as told:
        list(rows_of(written(tmp_path, text), TARGET_COLUMNS))

    assert "file.csv" in str(told.value)
    assert NUMBER not in str(told.value)


def test_words_that_are_not_known_are_refused() -> None:
    """A kind, a stage or a number that cannot be: told with the words that can, never with what was written."""
    for wrong in ({"種別": "何か"}, {"区分": "何か"}):
        with pytest.raises(Unreadable, match="one of these"):
            item_of(ITEM | wrong, KARIYA, "", 1, "OP001")
    with pytest.raises(Unreadable, match="check digit"):
        target_of(TARGET | {"個人番号": "999900000001"}, KARIYA, KEY, "OP001")


def test_every_verb_of_the_city_systems_needs_a_right() -> None:
    """The table names each verb of `chukan health` and `chukan vrs`, and no verb that is not there."""
    commands = typer.main.get_command(command()).commands  # type: ignore[attr-defined]
    verbs = {f"{group} {verb}" for group in ("health", "vrs") for verb in commands[group].commands}

    assert set(RIGHTS) == verbs
    assert required_right("vrs query") == "VRS_INQUIRY"
    assert [is_number_use(affair) for affair in (*NUMBER_USE_AFFAIRS, "", "統計")] == [True, False, False]


@pytest.mark.parametrize("verb", sorted(RIGHTS))
def test_every_verb_names_its_operator(verb: str) -> None:
    """Each can sign in by `--operator`; otherwise the session of `chukan login` says who it is."""
    shown = CliRunner().invoke(command(), [*verb.split(), "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"}).stdout

    assert "--operator" in shown


def test_a_card_becomes_a_code_of_two_segments() -> None:
    """`shc:/` and then digits at three and a third bits each: the framework's one-code limit fits version 22."""
    code = qr_code("shc:/" + "56" * 1195)

    assert json.loads(str(code.version)) <= 22
