"""The rows we keep, one NamedTuple a table, and the table of tables.

Owns names, columns, keys and look-ups; the migrations say the same in SQL and a test holds the two together. Rows
are values; who writes them is in each docstring. Times are milliseconds since 1970 UTC unless a name says `date`.
"""

from __future__ import annotations

from typing import Any, NamedTuple, get_type_hints

# ── everybody reads ──────────────────────────────────────────────────────────────────────────────────────────────


class Institution(NamedTuple):
    """A body that takes part, as the network's directory knows it. Written by the world and by operators."""

    institution_code: str
    name: str
    local_government_code: str
    institution_class: str
    attached: bool  # has topics of its own; the others share one set
    pia_valid: bool
    operating_state: str
    signing_key: bytes  # Ed25519 public key
    sealing_key: bytes  # X25519 public key


class PermissionListVersion(NamedTuple):
    """One version of the 照会許可用照合リスト, whole. Immutable once written."""

    list_version: int
    known_from: int
    digest: bytes
    body: str  # JSON, as broker.rules.permission_list reads it


class ListCopy(NamedTuple):
    """Which version an institution holds. Written by provision on PermissionListDistributed."""

    institution_code: str
    list_version: int
    received_at: int


class ListDistribution(NamedTuple):
    """A version on its way to an institution. Written by the network's operator; swept by its timer."""

    institution_code: str
    list_version: int
    due_at: int
    distributed_at: int  # 0 until sent


class Suspension(NamedTuple):
    """Linkage stopped for a person at one institution, e.g. wrongly linked (domain 3(e)10)."""

    institution_code: str
    integrated_number: str
    reason: str
    since: int


# ── code management ──────────────────────────────────────────────────────────────────────────────────────────────


class CodeBinding(NamedTuple):
    """符号 ↔ 統合番号 at one institution, bitemporal: in force [valid_from, valid_to), known since known_from.

    Revoked codes keep their row; valid_to 0 is open.
    """

    institution_code: str
    linkage_code: str
    integrated_number: str
    valid_from: int
    valid_to: int
    known_from: int
    request_id: str


class CodeRequest(NamedTuple):
    """A code acquisition in progress, at the intermediate server. The acquisition number is erased after the match."""

    institution_code: str
    request_id: str
    integrated_number: str
    state: str
    acquisition_number: str
    requested_at: int
    expires_at: int


# ── inquiry ──────────────────────────────────────────────────────────────────────────────────────────────────────


class SerialCounter(NamedTuple):
    """Last transaction serial number given out for an institution."""

    institution_code: str
    last: int


class Inquiry(NamedTuple):
    """One InquiryRequested: its identity, its content's digest and how many kinds are still open."""

    institution_code: str
    record_identification_number: str
    content_digest: bytes
    received_at: int
    kinds: int
    open_kinds: int
    answered_at: int  # 0 until InquiryAnswered left


class Exchange(NamedTuple):
    """One kind of one inquiry at the inquirer's intermediate server: its state and all that later steps need."""

    exchange_id: str
    institution_code: str
    record_identification_number: str
    kind_index: int
    state: str
    outcome: str
    provider_institution_code: str
    integrated_number: str
    affair_code: str
    procedure_code: str
    spi_name_code: str
    conditions: str  # condition type, year type, period from, period to; separated by "/"
    non_disclosure_code: str
    operator_id: str  # department/operator who asked
    linkage_code: str
    requested_at: int
    deadline_at: int
    permit_id: str
    list_version: int
    row_id: str
    answer: bytes  # InquiryAnswered with this kind alone, kept while other kinds of the inquiry are open


# ── network ──────────────────────────────────────────────────────────────────────────────────────────────────────


class NetworkCode(NamedTuple):
    """Which person (internal id) an institution's code stands for; inside the network only."""

    institution_code: str
    linkage_code: str
    internal_id: str
    valid_from: int
    valid_to: int


class ResidentToken(NamedTuple):
    """The network's internal id of a resident record (domain 3(a)4)."""

    resident_token: str
    internal_id: str


class Acquisition(NamedTuple):
    """An acquisition number: single use, expires, removed after the match (domain 3(a)7)."""

    acquisition_number: str
    institution_code: str
    request_id: str
    expires_at: int


class NetworkExchange(NamedTuple):
    """The network's own state of an exchange, the permit's life included."""

    exchange_id: str
    state: str
    provider_institution_code: str
    affair_code: str
    procedure_code: str
    spi_name_code: str
    consent_obtained: bool
    non_disclosure_code: str
    requested_at: int
    permit_id: str
    list_version: int
    row_id: str
    expires_at: int


# ── provision ────────────────────────────────────────────────────────────────────────────────────────────────────


class CopyRecord(NamedTuple):
    """One 副本 record of one person and kind; versions keep their time of knowledge."""

    institution_code: str
    integrated_number: str
    spi_name_code: str
    record_key: str
    known_from: int
    known_to: int  # 0 while current
    layout_version: str
    valid_from: str
    valid_to: str
    publication_from: str
    publication_to: str
    auto_response_disabled: bool
    non_disclosure_code: str
    items: bytes
    digest: bytes
    record_identification_number: str


class CopyBatch(NamedTuple):
    """A numbered batch of copies and how far it has come."""

    institution_code: str
    batch_id: str
    state: str
    row_count: int
    next_row: int
    accepted: int
    rejected: int
    opened_at: int


class CopyReceipt(NamedTuple):
    """A record identification number taken in on the copies topic, with its content's digest."""

    institution_code: str
    record_identification_number: str
    content_digest: bytes


class KindLayout(NamedTuple):
    """A layout version of a kind and the days it is accepted (domain 3(b)8)."""

    spi_name_code: str
    layout_version: str
    valid_from: str
    valid_to: str
    item_codes: str  # separated by ","


class Provision(NamedTuple):
    """One permit presented to a provider: single use is this row. Holds live here too, from HELD to their end."""

    permit_id: str
    exchange_id: str
    institution_code: str
    state: str
    outcome: str
    received_at: int
    linkage_code: str
    integrated_number: str
    request: bytes  # InquiryForwarded as received, kept while held
    hold_deadline_at: int  # 0 when never held
    remind_at: int  # next reminder or expiry; 0 when none
    shown_digest: bytes
    operator_id: str
    hold_reason: str


# ── records ──────────────────────────────────────────────────────────────────────────────────────────────────────


class LogHead(NamedTuple):
    """Where an institution's Merkle log stands: its size and the compact range to go on from."""

    institution_code: str
    size: int
    frontier: bytes
    checkpoint_due_at: int  # 0 when the last checkpoint covers everything
    growth: bytes = b""  # what proves growth since the last checkpoint; empty before the first


class PairHead(NamedTuple):
    """Last sequence number between a log's owner and one counterpart: a gap shows what is missing."""

    institution_code: str
    counterpart: str
    last: int


class LogRecord(NamedTuple):
    """One 情報提供等記録 as a leaf. `body` is the framed ProvisionRecorded; `leaf` covers sequence, pair and body.

    `detail` is what the body vouches for by digest and what can be erased: salt and framed ProvisionDetail, or empty.
    """

    institution_code: str
    sequence: int
    counterpart: str
    pair_sequence: int
    exchange_id: str
    party: str
    recorded_at: int
    leaf: bytes
    body: bytes
    detail: bytes


class Checkpoint(NamedTuple):
    """A signed note over an institution's log at one size."""

    institution_code: str
    size: int
    note: str
    signed_at: int


class CosignedLog(NamedTuple):
    """How far a log is cosigned by a quorum of its witnesses. Written by provision_log, looked at by provision."""

    institution_code: str
    size: int
    cosigned_at: int  # 0 before the first
    first_signed_at: int
    refresh_due_at: int  # when an idle log shows its checkpoint again; 0 when nobody asks for fresh cosignatures


class Cosignature(NamedTuple):
    """One witness's signature line for one checkpoint, as its log has it. Written by provision_log."""

    institution_code: str
    size: int
    witness_code: str
    line: str
    cosigned_at: int


# ── witnesses ────────────────────────────────────────────────────────────────────────────────────────────────────


class WitnessDuty(NamedTuple):
    """That an institution witnesses a log, and the keys of both (Ed25519, raw). Written when an installation is set
    up, from the plan's ring and the number of witnesses that is set."""

    institution_code: str
    witness_code: str
    log_key: bytes
    witness_key: bytes


class WitnessedLog(NamedTuple):
    """All that a witness knows of a log: the last checkpoint it cosigned. Written by witness alone."""

    witness_code: str
    institution_code: str
    size: int
    note: str
    cosigned_at: int


class LogFork(NamedTuple):
    """What a witness keeps when a checkpoint does not continue the one it cosigned at `size`. Written by witness.

    Both notes, and what the log claimed; with the rule LOG_FORKED they convict the log by themselves.
    """

    witness_code: str
    institution_code: str
    size: int
    rule: str
    kept_note: str
    seen_note: str
    claimed_size: int
    claimed_root: bytes
    proof: bytes
    found_at: int


# ── resident register (J-LIS), outside intermediate server and network ───────────────────────────────────────────


class ResidentNumber(NamedTuple):
    """Keyed hash of an individual number → token of its resident record; the number itself is not kept."""

    number_hash: bytes
    resident_token: str


# ── set aside ────────────────────────────────────────────────────────────────────────────────────────────────────


class SetAside(NamedTuple):
    """A message that was not served, with the reason; its bytes are kept encrypted at rest by the operator's choice."""

    service: str
    topic: str
    partition: int
    record_offset: int
    rule: str
    reason: str
    set_aside_at: int
    value: bytes
    place: int  # in a bundle of messages; 0 for a record that is one message


class Table(NamedTuple):
    """A table: its name, key columns, look-ups (named column sets that find several rows), and who may see whose rows.

    tenant: the column that names the institution a row belongs to; empty for tables nobody outside may read.
    born_once: a new row's key is new by its making, and one shard alone writes it; it is added, not put in place.
    """

    name: str
    row: type[Any]
    key: tuple[str, ...]
    lookups: tuple[tuple[str, ...], ...] = ()
    tenant: str = "institution_code"
    born_once: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Column names in the order of the row."""
        return tuple(self.row._fields)

    @property
    def types(self) -> tuple[str, ...]:
        """SQL types in the order of the row."""
        hints = get_type_hints(self.row)
        names = {str: "text", int: "bigint", bool: "boolean", bytes: "bytea"}
        return tuple(names[hints[column]] for column in self.columns)


TABLES: tuple[Table, ...] = (
    Table("institutions", Institution, ("institution_code",), tenant=""),
    Table("permission_list_versions", PermissionListVersion, ("list_version",), tenant=""),
    Table("list_copies", ListCopy, ("institution_code",)),
    Table("list_distributions", ListDistribution, ("institution_code", "list_version")),
    Table("suspensions", Suspension, ("institution_code", "integrated_number")),
    Table(
        "code_bindings",
        CodeBinding,
        ("institution_code", "linkage_code"),
        (("institution_code", "integrated_number"),),
    ),
    Table("code_requests", CodeRequest, ("institution_code", "request_id")),
    Table("serial_counters", SerialCounter, ("institution_code",)),
    Table("inquiries", Inquiry, ("institution_code", "record_identification_number"), born_once=True),
    Table(
        "exchanges",
        Exchange,
        ("exchange_id",),
        (("institution_code", "record_identification_number"),),
        born_once=True,
    ),
    Table("network_codes", NetworkCode, ("institution_code", "linkage_code"), (("internal_id",),), tenant=""),
    Table("resident_tokens", ResidentToken, ("resident_token",), tenant=""),
    Table("acquisitions", Acquisition, ("acquisition_number",), tenant=""),
    Table("network_exchanges", NetworkExchange, ("exchange_id",), tenant="", born_once=True),
    Table(
        "copy_records",
        CopyRecord,
        ("institution_code", "integrated_number", "spi_name_code", "record_key", "known_from"),
        (("institution_code", "integrated_number", "spi_name_code"),),
        born_once=True,
    ),
    Table("copy_batches", CopyBatch, ("institution_code", "batch_id")),
    Table("copy_receipts", CopyReceipt, ("institution_code", "record_identification_number"), born_once=True),
    Table("kind_layouts", KindLayout, ("spi_name_code", "layout_version"), (("spi_name_code",),), tenant=""),
    Table("provisions", Provision, ("permit_id",), (("exchange_id",),), born_once=True),
    Table("log_heads", LogHead, ("institution_code",)),
    Table("pair_heads", PairHead, ("institution_code", "counterpart")),
    Table("log_records", LogRecord, ("institution_code", "sequence"), born_once=True),
    Table("checkpoints", Checkpoint, ("institution_code", "size")),
    Table("cosignatures", Cosignature, ("institution_code", "size", "witness_code")),
    Table("cosigned_logs", CosignedLog, ("institution_code",)),
    Table("witness_duties", WitnessDuty, ("institution_code", "witness_code"), (("institution_code",),)),
    Table("witnessed_logs", WitnessedLog, ("witness_code", "institution_code"), tenant="witness_code"),
    Table("log_forks", LogFork, ("witness_code", "institution_code", "size"), tenant="witness_code"),
    Table("resident_numbers", ResidentNumber, ("number_hash",), tenant=""),
    Table("set_aside", SetAside, ("service", "topic", "partition", "record_offset", "place"), tenant=""),
)

TABLE_OF: dict[type[Any], Table] = {table.row: table for table in TABLES}
