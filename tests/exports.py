"""Exports for auditors made of rows at hand, by the same writer that writes them from PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from broker.rules.calendar import JST_OFFSET_MS
from broker.tables import (
    Checkpoint,
    CodeBinding,
    CopyRecord,
    Exchange,
    Inquiry,
    Institution,
    LogRecord,
    NetworkExchange,
    PermissionListVersion,
    Provision,
)
from schemas.records import Party
from services.audit.export import Scope, writing
from services.audit.sheets import SHEETS
from services.world import FEE_AFFAIR, FEE_COLLECTION, INCOMING_RESIDENT, VACCINATION, VACCINATION_AFFAIR

CITY, TOWN, OTHER = "9900123210600000", "9900123211400000", "9900123212200000"
PERSON = "000000000000001"
SOURCES: dict[str, type[Any]] = {
    "institutions": Institution,
    "exchanges": Exchange,
    "inquiries": Inquiry,
    "network_exchanges": NetworkExchange,
    "provisions": Provision,
    "records": LogRecord,
    "other_leaves": LogRecord,
    "codes": CodeBinding,
    "copies": CopyRecord,
    "checkpoints": Checkpoint,
    "permission_rows": PermissionListVersion,
}
AFFAIRS = {"vaccination": (VACCINATION_AFFAIR, INCOMING_RESIDENT), "fee": (FEE_AFFAIR, FEE_COLLECTION)}


def exported(
    directory: Path,
    rows: Mapping[type[Any], Iterable[Any]],
    checkpoints: Sequence[Checkpoint] = (),
    *,
    key: Ed25519PrivateKey | None = None,
    scope: Scope | None = None,
    rows_a_file: int = 1_000,
    made_at: int = 1,
) -> Path:
    """The next export of a directory, with these rows on its sheets."""
    with writing(directory, rows_a_file) as writer:
        for sheet in SHEETS:
            writer.begin(sheet)
            values = [
                one
                for row in rows.get(SOURCES[sheet.name], ())
                if belongs(row, sheet.name)
                for one in sheet.rows(row._asdict())
            ]
            for start in range(0, len(values), rows_a_file):
                writer.add(sheet, values[start : start + rows_a_file])
            writer.end(sheet)
        return writer.finish(scope or Scope(), made_at, checkpoints, key)


def belongs(row: Any, sheet: str) -> bool:
    """Whether a row of the source is one of the sheet: the two halves of the logs share their table."""
    return not isinstance(row, LogRecord) or (row.party in set(Party)) == (sheet == "records")


def jst(text: str) -> int:
    """Milliseconds since 1970 UTC of a Japanese wall clock, YYYY-MM-DD HH:MM or with seconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000) - JST_OFFSET_MS


def exchange(serial: int, at: str = "2026-11-24 10:00", affair: str = "vaccination", **changes: Any) -> Exchange:
    """An ordinary, answered inquiry; `serial` makes its id."""
    row = Exchange(
        exchange_id=f"{changes.get('institution_code', CITY)}-20261124{serial:010d}00",
        institution_code=CITY,
        record_identification_number=f"Q{serial}",
        kind_index=0,
        state="RECEIVED",
        outcome="OK",
        provider_institution_code=TOWN,
        integrated_number=PERSON,
        affair_code=AFFAIRS[affair][0],
        procedure_code=AFFAIRS[affair][1],
        spi_name_code=VACCINATION,
        conditions="",
        non_disclosure_code="1",
        operator_id="KENKO/OP001",
        linkage_code="c" * 64,
        requested_at=jst(at),
        deadline_at=0,
        permit_id=f"p{serial}",
        list_version=1,
        row_id="16-2-1",
        answer=b"",
    )
    return row._replace(**changes)


def code(person: str, at: str, institution_code: str = CITY) -> CodeBinding:
    """A person's code became known to an institution."""
    return CodeBinding(institution_code, f"{person}-{at}", person, jst(at), 0, jst(at), "r")


def copy(person: str, at: str, institution_code: str = CITY) -> CopyRecord:
    """An institution registered something about a person."""
    known = jst(at)
    return CopyRecord(
        institution_code, person, VACCINATION, "1", known, 0, "1.0", "", "", "", "", False, "1", b"", b"", "R"
    )
