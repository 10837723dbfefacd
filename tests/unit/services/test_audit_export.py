"""Exports: what is in them and what is not, and that any change of them is found and named."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest
from exchanges_of_every_kind import played
from exports import SOURCES, exchange, exported
from factories import KARIYA, NOW, TOYOTA, decided, service, store_of

from broker.keys import Keys
from broker.rules.erasure import CERTIFICATE, CORRECTED
from broker.rules.leaves import STAFF
from broker.rules.records import FORGOTTEN, SALT_BYTES, record_of
from broker.tables import Checkpoint, Exchange, Institution, LogRecord
from broker.topics import lane_of
from schemas.records import (
    CheckpointDue,
    OperationRecorded,
    Outcome,
    Party,
    RecordErasureOrdered,
    RecordsSubmitted,
)
from services.audit import export as exports
from services.audit.export import MANIFEST, NOTE, Checked, Scope, check, exports_in, sha256_of, writing
from services.audit.queries import Query, opened
from services.audit.sheets import SHEET_OF, SHEETS
from services.common import entry_of
from services.network import NETWORK_CODE
from services.world import INCOMING_RESIDENT, VACCINATION, VACCINATION_AFFAIR

KEYS = Keys(b"\x05" * 32)
KEY = KEYS.institutions.signing(NETWORK_CODE)


def newest_checkpoints() -> list[Checkpoint]:
    """The newest signature over each log of the country."""
    newest: dict[str, Checkpoint] = {}
    for one in sorted(played().country.rows(Checkpoint), key=lambda one: one.size):
        newest[one.institution_code] = one
    return list(newest.values())


def country_rows() -> dict[type[Any], list[Any]]:
    """Everything the country holds that an export shows."""
    return {kind: played().country.rows(kind) for kind in SOURCES.values()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two exports of the played country, chained and signed; files of at most 20 rows."""
    directory = tmp_path_factory.mktemp("whole")
    for made_at in (1, 2):
        exported(directory, country_rows(), newest_checkpoints(), key=KEY.private_key, rows_a_file=20, made_at=made_at)
    return directory


@pytest.fixture
def mine(whole: Path, tmp_path: Path) -> Path:
    """A copy to tamper with."""
    return Path(shutil.copytree(whole, tmp_path / "exports"))


def places(found: Checked) -> list[str]:
    """Where something was found."""
    return [one.place for one in found.found]


def rewritten(path: Path, statement: str) -> None:
    """Somebody changes a Parquet file and makes a good one of it again."""
    duck = duckdb.connect()
    duck.execute(f"create table sheet as select * from '{path}'")
    duck.execute(statement)
    duck.execute(f"copy sheet to '{path}' (format parquet)")
    duck.close()


def rehashed(directory: Path, number: str, name: str) -> None:
    """… and puts its new hash into the manifest."""
    manifest = json.loads((directory / number / MANIFEST).read_text(encoding="utf-8"))
    for one in manifest["files"]:
        if one["name"] == name:
            one["sha256"] = sha256_of(directory / number / name)
    (directory / number / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")


def without(directory: Path, number: str, sheet: str) -> None:
    """As an older version wrote it: no file of this sheet, and none in the manifest."""
    place = directory / number
    manifest = json.loads((place / MANIFEST).read_text(encoding="utf-8"))
    manifest["files"] = [one for one in manifest["files"] if one["sheet"] != sheet]
    (place / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    for path in place.glob(f"{sheet}-*.parquet"):
        path.unlink()


def less(directory: Path, number: str, name: str, where: str) -> None:
    """Somebody takes rows out of a file, and puts its new hash and number of rows into the manifest."""
    path = directory / number / name
    rewritten(path, f"delete from sheet where {where}")
    rehashed(directory, number, name)
    manifest = json.loads((directory / number / MANIFEST).read_text(encoding="utf-8"))
    duck = duckdb.connect()
    count = duck.execute(f"select count(*) from '{path}'").fetchall()[0][0]
    duck.close()
    entry = next(one for one in manifest["files"] if one["name"] == name)
    assert count < entry["rows"]
    entry["rows"] = count
    (directory / number / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")


def rows_of_a_mixed_log() -> dict[type[Any], list[Any]]:
    """One log with a record, what staff did, the certificate of the record's erasure, and another record; signed."""
    log, store = service("provision_log"), store_of()

    def record(n: int) -> RecordsSubmitted:
        told = record_of(
            Party.INQUIRER,
            KARIYA,
            f"{KARIYA}-{n:020d}",
            inquirer_name="刈谷市",
            provider_institution_code=TOYOTA,
            provider_name="豊田市",
            requested_at=NOW,
            affair_code=VACCINATION_AFFAIR,
            procedure_code=INCOMING_RESIDENT,
            spi_name_code=VACCINATION,
            outcome=Outcome.OK,
        )
        return RecordsSubmitted(lane_of(KARIYA), (entry_of(told, b"\x05" * SALT_BYTES),))

    lane = lane_of(KARIYA)
    did = OperationRecorded(lane, "a" * 32, KARIYA, "OP1", "", "HOLD_SHOW", "x", allowed=True, rule="", operated_at=NOW)
    said = [record(1), did, RecordErasureOrdered(lane, KARIYA, (0,), CORRECTED, NOW, "OP1"), record(2)]
    for message in [*said, CheckpointDue(KARIYA, 4)]:
        decided(log, message, store)
    return {kind: list(store.tables[kind].values()) for kind in (Institution, LogRecord, Checkpoint)}


def test_an_untouched_export_is_in_order(whole: Path) -> None:
    """Files, rows, records against leaves, leaves against signed roots, manifests in their chain and signed."""
    found = check(whole, KEY.public_key)
    records = len(played().country.rows(LogRecord))

    assert found.ok
    assert (found.exports, found.signed) == (2, 2)
    assert found.leaves == 2 * records
    assert found.roots == 2 * len(newest_checkpoints())
    assert found.rows > 4 * records


def test_a_manifest_says_everything(whole: Path) -> None:
    """Each sheet with its files, rows and columns; the checkpoints; the manifest before."""
    first, second = (json.loads((place / MANIFEST).read_text(encoding="utf-8")) for place in exports_in(whole))

    assert {one["sheet"] for one in first["files"]} == set(SHEET_OF)
    assert all(one["rows"] <= 20 for one in first["files"])
    assert first["previous_manifest_sha256"] == ""
    assert second["previous_manifest_sha256"] == sha256_of(whole / "0001" / MANIFEST)
    assert len(first["checkpoints"]) == len(newest_checkpoints())
    for one in first["files"]:
        names = {column["name"]: column["type"] for column in one["columns"]}
        assert names == SHEET_OF[one["sheet"]].columns


@pytest.mark.parametrize("name", ["exchanges-0001.parquet", "records-0002.parquet", "codes-0001.parquet"])
def test_a_changed_byte_is_found_and_named(mine: Path, name: str) -> None:
    """The file that does not match, and no other."""
    path = mine / "0002" / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))

    assert places(check(mine)) == [f"0002/{name}"]


def test_a_missing_and_an_added_file_are_named(mine: Path) -> None:
    """Nothing is taken out and nothing slipped in unseen."""
    (mine / "0001" / "copies-0001.parquet").rename(mine / "0001" / "more.parquet")

    assert sorted(places(check(mine))) == ["0001/copies-0001.parquet", "0001/more.parquet"]


def test_a_rewritten_manifest_breaks_the_chain(mine: Path) -> None:
    """Whoever changes rows and hashes of an older export breaks the newer one's link, and the signature."""
    rewritten(mine / "0001" / "exchanges-0001.parquet", "update sheet set operator_id = 'NOBODY'")
    rehashed(mine, "0001", "exchanges-0001.parquet")

    assert places(check(mine)) == [f"0002/{MANIFEST}"]
    assert places(check(mine, KEY.public_key)) == [f"0001/{NOTE}", f"0002/{MANIFEST}"]


def test_a_rewritten_newest_manifest_breaks_its_signature(mine: Path) -> None:
    """The end of the chain is held by its note."""
    rewritten(mine / "0002" / "exchanges-0001.parquet", "update sheet set operator_id = 'NOBODY'")
    rehashed(mine, "0002", "exchanges-0001.parquet")

    assert places(check(mine, KEY.public_key)) == [f"0002/{NOTE}"]
    assert places(check(mine, Keys(b"\x06" * 32).institutions.signing(NETWORK_CODE).public_key)) == [
        f"0001/{NOTE}",
        f"0002/{NOTE}",
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "update sheet set outcome = 'OK' where outcome <> 'OK'",
        "update sheet set leaf = body where sequence = 0",
        "update sheet set pair_sequence = pair_sequence + 1",
    ],
)
def test_a_record_changed_with_its_manifest_is_still_found(mine: Path, statement: str) -> None:
    """Records carry their own proof: columns against the body, the body against the leaf."""
    rewritten(mine / "0002" / "records-0001.parquet", statement)
    rehashed(mine, "0002", "records-0001.parquet")

    found = places(check(mine))
    assert found
    assert all(one.startswith("0002/") for one in found)
    assert any("records " in one for one in found)


def test_a_record_taken_out_is_missed_by_the_signed_root(mine: Path) -> None:
    """A log without one of its records does not give the root that was signed."""
    less(mine, "0002", "records-0001.parquet", "sequence = 1")

    found = places(check(mine))
    assert found
    assert all(re.fullmatch(r"0002/\d{16}@\d+", one) for one in found)


@pytest.mark.parametrize(("party", "sequence"), [(STAFF, 1), (CERTIFICATE, 2)])
def test_a_leaf_that_is_no_record_is_missed_too(tmp_path: Path, party: str, sequence: int) -> None:
    """What staff did, or the certificate of an erasure, cannot be left out: the log does not give its signed root."""
    rows = rows_of_a_mixed_log()
    exported(tmp_path, rows, rows[Checkpoint])
    before = check(tmp_path)

    less(tmp_path, "0001", "other_leaves-0001.parquet", f"party = '{party}' and sequence = {sequence}")

    assert (before.ok, before.roots, before.leaves) == (True, 1, 2)
    assert places(check(tmp_path)) == [f"0001/{KARIYA}@4"]


def test_an_export_from_before_the_other_leaves_is_checked_as_far_as_it_goes(tmp_path: Path) -> None:
    """Where records are all of a log, its root holds; where other leaves lie between, the older export says that it
    cannot show them, and is no clean bill."""
    plain, mixed = tmp_path / "plain", tmp_path / "mixed"
    exported(plain, country_rows(), newest_checkpoints())
    rows = rows_of_a_mixed_log()
    exported(mixed, rows, rows[Checkpoint])
    for directory in (plain, mixed):
        without(directory, "0001", "other_leaves")

    assert (check(plain).ok, check(plain).roots) == (True, len(newest_checkpoints()))
    assert [(one.place, "older export" in one.en) for one in check(mixed).found] == [(f"0001/{KARIYA}@4", True)]
    with opened(plain) as asked:
        _, found = asked.ask(Query("others", "", "", (), "select count(*) from other_leaves"), {})
        assert list(found) == [(0,)]


@pytest.mark.parametrize("sheet", ["institutions", "records"])
def test_a_sheet_that_no_export_is_without_is_named(mine: Path, sheet: str) -> None:
    """A manifest that leaves out the records, or whose they are, is told as that."""
    without(mine, "0002", sheet)

    assert places(check(mine)) == [f"0002/{sheet}"]


def test_an_export_taken_out_of_the_middle_is_found(mine: Path) -> None:
    """Numbers count on, and each manifest names the one before."""
    shutil.rmtree(mine / "0001")

    assert set(places(check(mine))) == {f"0002/{MANIFEST}"}


def test_a_directory_without_exports_is_no_clean_bill(tmp_path: Path) -> None:
    """Nothing to check is told, not passed."""
    assert not check(tmp_path).ok
    (tmp_path / "0001").mkdir()
    assert places(check(tmp_path)) == [f"0001/{MANIFEST}"]


def _ended_halfway(directory: Path) -> None:
    with writing(directory) as writer:
        writer.begin(SHEETS[0])
        writer.end(SHEETS[0])
        raise KeyboardInterrupt


def test_an_unfinished_export_is_none(tmp_path: Path) -> None:
    """An export that ended halfway leaves nothing that could be taken for one; the next one has its number."""
    with pytest.raises(KeyboardInterrupt):
        _ended_halfway(tmp_path)

    assert list(tmp_path.iterdir()) == []
    (tmp_path / ".0001.part").mkdir()
    (tmp_path / ".0001.part" / "left.parquet").write_bytes(b"")
    assert exported(tmp_path, {}).name == "0001"
    assert check(tmp_path).ok


def test_a_part_of_the_time_asks_no_whole_log(tmp_path: Path) -> None:
    """Records of a few days cannot give a signed root, and are not blamed for it; their leaves are still checked."""
    rows = country_rows()
    rows[LogRecord] = rows[LogRecord][3:]
    exported(tmp_path, rows, newest_checkpoints(), scope=Scope("", 5, 10))

    found = check(tmp_path)
    assert found.ok
    assert (found.roots, found.leaves) == (0, len(rows[LogRecord]))


def test_no_content_no_key_and_no_code_of_the_other_side(whole: Path) -> None:
    """Copies, sealed answers and parked requests stay behind; sheets that lead to the provider name nobody."""
    assert not {"items", "answer", "request", "shown_digest", "sealing_key"} & {
        column for sheet in SHEETS for column in sheet.columns
    }
    for name in ("provisions", "network_exchanges", "records", "inquiries"):
        assert not {"linkage_code", "integrated_number"} & set(SHEET_OF[name].columns), name
    codes = {row.linkage_code for row in played().country.rows(SOURCES["provisions"])} - {""}
    duck = duckdb.connect()
    for name in ("provisions", "network_exchanges", "records"):
        text = repr(duck.execute(f"select * from '{whole}/0001/{name}-*.parquet'").fetchall())
        assert [code for code in codes if code in text] == [], name
    duck.close()


def test_rows_come_back_as_they_were(whole: Path) -> None:
    """What Parquet holds is what the table held."""
    duck = duckdb.connect()
    found = duck.execute(
        f"select exchange_id, outcome, requested_at from '{whole}/0001/exchanges-*.parquet' order by 1"
    ).fetchall()
    duck.close()

    assert found == [(one.exchange_id, one.outcome, one.requested_at) for one in played().country.rows(Exchange)]


def test_files_are_written_in_slices(tmp_path: Path) -> None:
    """A sheet of many rows is many files of bounded size."""
    exported(tmp_path, {Exchange: [exchange(n) for n in range(45)]}, rows_a_file=10)
    manifest = json.loads((tmp_path / "0001" / MANIFEST).read_text(encoding="utf-8"))

    assert [one["rows"] for one in manifest["files"] if one["sheet"] == "exchanges"] == [10, 10, 10, 10, 5]
    assert exports.check(tmp_path).ok


def test_erased_details_are_null_and_the_rest_still_proves_itself(tmp_path: Path) -> None:
    """What was erased is in no column; leaf, public columns and signed root hold as before."""
    rows = country_rows()
    rows[LogRecord] = [row._replace(detail=b"") for row in rows[LogRecord]]
    exported(tmp_path, rows, newest_checkpoints())
    duck = duckdb.connect()
    columns = ", ".join(FORGOTTEN)
    found = duck.execute(f"select distinct erased, {columns} from '{tmp_path}/0001/records-*.parquet'").fetchall()
    duck.close()

    assert found == [(True, *(None for _ in FORGOTTEN))]
    assert check(tmp_path).ok
    assert check(tmp_path).roots == len(newest_checkpoints())
