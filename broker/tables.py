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
    """One permit presented to a provider: single use is this row. Holds live here too, from HELD to their end.

    permit and its proof stay for good: they name no person, and show that the network had permitted what left.
    """

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
    permit: bytes = b""  # as presented, framed; empty when withdrawn before it came
    permit_proof: bytes = b""


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


# ── staff ────────────────────────────────────────────────────────────────────────────────────────────────────────


class StaffAccount(NamedTuple):
    """One member of staff at one institution. person_reference: the same for all accounts of one person, or empty.

    state: ACTIVE or DISABLED. Written by the desk (`services.staff`), as all of staff's rows.
    """

    institution_code: str
    account_id: str
    name: str
    person_reference: str
    state: str
    created_at: int
    created_by: str


class StaffSecret(NamedTuple):
    """What an account logs in with, and how often in a row that failed. password_hash: argon2id, encoded."""

    institution_code: str
    account_id: str
    password_hash: str
    failures: int
    locked_until: int


class StaffRight(NamedTuple):
    """A duty an account has, for one kind of information or, with `*`, for all."""

    institution_code: str
    account_id: str
    duty: str
    spi_name_code: str
    granted_at: int
    granted_by: str


class StaffSession(NamedTuple):
    """A session: the digests of the token that is good now and of the client it was given to. ended_at 0: open."""

    session_id: str
    institution_code: str
    account_id: str
    token_digest: bytes
    client_digest: bytes
    created_at: int
    used_at: int
    ended_at: int
    ended_because: str


class StaffAct(NamedTuple):
    """Who set something up, so that somebody else confirms it. subject: integrated number and kind of a copy."""

    institution_code: str
    subject: str
    account_id: str
    acted_at: int


class InstitutionKey(NamedTuple):
    """One generation of the key an institution's answers are sealed for. valid_to and revoked_at 0: open.

    Written by operators; an institution without a row has generation 0 alone, derived like all others.
    """

    institution_code: str
    generation: int
    sealing_key: bytes  # X25519 public key
    valid_from: int
    valid_to: int
    revoked_at: int
    reason: str


# ── portal ───────────────────────────────────────────────────────────────────────────────────────────────────────


class PortalNotice(NamedTuple):
    """お知らせ of an institution to a person, by the institution's own code. Written by the institution's staff."""

    institution_code: str
    notice_id: str
    linkage_code: str
    title: str
    body: str
    sent_at: int


# ── witnesses ────────────────────────────────────────────────────────────────────────────────────────────────────


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


# ── integrated-number system (the hub), outside the intermediate server ──────────────────────────────────────────


class HubPerson(NamedTuple):
    """One person of one institution: 統合番号, individual number, 4情報, state of the link (`broker.rules.persons`).

    number_sealed: AES-256-GCM under the institution's key, bound to institution and integrated number; number_hash:
    HMAC under another key, by which the number is found. Both empty while the person has given none.
    """

    institution_code: str
    integrated_number: str
    number_sealed: bytes
    number_hash: bytes
    name: str
    address: str
    birth_date: str
    sex: str
    state: str
    reason: str
    registered_at: int
    changed_at: int


class HubBusinessNumber(NamedTuple):
    """業務固有番号 of one business system → 統合番号."""

    institution_code: str
    system_code: str
    business_person_number: str
    integrated_number: str
    linked_at: int


class HubCounter(NamedTuple):
    """The last integrated number given out at an institution."""

    institution_code: str
    last: int


class HubCode(NamedTuple):
    """A code acquisition or revocation as the institution sees it."""

    institution_code: str
    request_id: str
    integrated_number: str
    state: str
    rule: str
    requested_at: int
    changed_at: int


class HubInquiry(NamedTuple):
    """An inquiry of a business system. request: the InquiryRequested as said; answer: the reply as heard, sealed."""

    institution_code: str
    record_identification_number: str
    system_code: str
    client_id: str
    request_id: str
    file_id: str
    line: int
    business_person_number: str
    integrated_number: str
    state: str
    hold_deadline_at: int
    request: bytes
    answer: bytes
    asked_at: int
    changed_at: int


class HubFile(NamedTuple):
    """A file that came in, inquiries or copies; its name derives from its content, so that it comes in once."""

    institution_code: str
    file_id: str
    system_code: str
    client_id: str
    kind: str
    name: str
    charset: str
    line_count: int
    damaged: int
    received_at: int


class HubFileLine(NamedTuple):
    """A line that could not be taken in, with its reasons as JSON; an individual number in it is masked."""

    institution_code: str
    file_id: str
    line: int
    text: str
    errors: str


class HubCopy(NamedTuple):
    """What was last sent of one sub-copy record: only a change is sent again. at_server: it was there before."""

    institution_code: str
    integrated_number: str
    spi_name_code: str
    record_key: str
    digest: bytes
    at_server: bool
    batch_id: str
    row_number: int
    system_code: str
    file_id: str
    line: int
    changed_at: int


class HubCopyBatch(NamedTuple):
    """A numbered part of sub-copies, as sent and as reported."""

    institution_code: str
    batch_id: str
    system_code: str
    file_id: str
    part: int
    reason: str
    state: str
    row_count: int
    accepted: int
    rejected: int
    opened_at: int
    changed_at: int


class HubCopyRefusal(NamedTuple):
    """A row the intermediate server refused, with its reasons as JSON."""

    institution_code: str
    batch_id: str
    row_number: int
    line: int
    errors: str


class HubOutgoing(NamedTuple):
    """A message that waits to be said, in order. Of IdentityNotified a reference is kept: no number waits here."""

    institution_code: str
    outgoing_id: str
    sequence: int
    lane: str
    kind: str
    reference: str
    body: bytes
    queued_at: int


class HubClient(NamedTuple):
    """A business system of one institution, as an OAuth2 client. secret_hash: argon2id; lists are separated by spaces.

    affairs: affair codes it may ask about; empty for any.
    """

    client_id: str
    institution_code: str
    system_code: str
    name: str
    secret_hash: str
    scopes: str
    affairs: str
    created_at: int
    revoked_at: int


class HubToken(NamedTuple):
    """An access token, as its SHA-256."""

    token_hash: bytes
    institution_code: str
    client_id: str
    scopes: str
    expires_at: int


class HubOperation(NamedTuple):
    """One call and how it ended (domain 4.6 row 7). subject: an integrated or business number, a record's or file's."""

    institution_code: str
    operation_id: str
    at: int
    client_id: str
    operation: str
    subject: str
    status: int
    rule: str


# ── 地域健康支援システム (health support), the city's own ─────────────────────────────────────────────────────────


class HealthTarget(NamedTuple):
    """One person under the health system's care. Of the individual number there is a keyed hash only, or nothing."""

    institution_code: str
    business_person_number: str
    integrated_number: str
    number_hash: bytes
    name: str
    birth_date: str
    sex: str
    district: str


class HealthRecord(NamedTuple):
    """One version of one original record (正本); versions are only closed, so that what was known when can be told."""

    institution_code: str
    integrated_number: str
    spi_name_code: str
    record_key: str
    revision: int
    changed_at: int
    superseded_at: int  # 0 while current
    business_person_number: str
    stage: str
    received_on: str
    performed_on: str
    layout_version: str
    valid_from: str
    auto_response_disabled: bool
    items: bytes
    items_digest: bytes
    record_identification_number: str  # of the sub-copy this version sends
    operator_id: str


class HealthReceipt(NamedTuple):
    """A record identification number taken in by the health system, with its content's digest."""

    institution_code: str
    record_identification_number: str
    content_digest: bytes


class HealthTransmission(NamedTuple):
    """Changes that go out as one transmission: how many were announced and how many came; STUCK when over the limit."""

    institution_code: str
    transmission_id: str
    state: str
    row_count: int
    taken: int
    opened_at: int


class HealthQueue(NamedTuple):
    """What waits to go out: rows first_sequence to next_sequence - 1; `stuck` names the transmission at the head."""

    institution_code: str
    first_sequence: int
    next_sequence: int
    stuck: str
    since: int  # when the first of them began to wait; 0 when none does


class HealthOutbox(NamedTuple):
    """One sub-copy that waits its turn, encoded as it will be said."""

    institution_code: str
    sequence: int
    transmission_id: str
    transmission_row: int
    queued_at: int
    body: bytes


# ── ワクチン接種記録システム (VRS), national, not connected to NWS ─────────────────────────────────────────────────


class VrsArea(NamedTuple):
    """A municipality that has an area of its own. `scope` is one value for all: what the nightly bulk goes through."""

    institution_code: str
    local_government_code: str
    scope: str


class VrsPerson(NamedTuple):
    """An eligible person in one area, found by keyed hashes of that area; `sealed` is encrypted with the area's key."""

    institution_code: str
    number_hash: bytes
    business_hash: bytes
    flag: str
    flag_date: str
    sealed: bytes


class VrsVoucher(NamedTuple):
    """接種券: whose it is, by keyed hash."""

    institution_code: str
    voucher_number: str
    number_hash: bytes
    ticket_type: str
    registered_at: int


class VrsDose(NamedTuple):
    """One dose, sealed with the area's key; erased five years after it was given."""

    institution_code: str
    voucher_number: str
    dose_number: int
    number_hash: bytes
    expires_at: int
    sealed: bytes


class VrsReceipt(NamedTuple):
    """A request id taken in, with its content's digest."""

    institution_code: str
    request_id: str
    content_digest: bytes


class VrsBulk(NamedTuple):
    """夜間一括: numbers that wait for the night, sealed with the inquirer's own key."""

    institution_code: str
    request_id: str
    due_at: int
    sealed: bytes


class VrsCertificate(NamedTuple):
    """接種証明書 that was issued; `sealed` holds what it certifies and the passport data."""

    institution_code: str
    certificate_id: str
    number_hash: bytes
    issued_on: str
    certificate_kind: str
    payload_digest: bytes
    sealed: bytes


class VrsLogHead(NamedTuple):
    """Where a municipality's log of VRS provisions stands."""

    institution_code: str
    size: int
    frontier: bytes
    checkpoint_due_at: int  # 0 when the last checkpoint covers everything


class VrsRecord(NamedTuple):
    """One provision outside NWS as a leaf; `body` is the framed VrsProvisionRecorded."""

    institution_code: str
    sequence: int
    counterpart: str
    request_id: str
    recorded_at: int
    leaf: bytes
    body: bytes


class VrsCheckpoint(NamedTuple):
    """VRS's signed note over a municipality's log at one size."""

    institution_code: str
    size: int
    note: str
    signed_at: int


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
    common: has no tenant, and every institution may read it: public knowledge without a person in it.
    born_once: a new row's key is new by its making, and one shard alone writes it; it is added, not put in place.
    """

    name: str
    row: type[Any]
    key: tuple[str, ...]
    lookups: tuple[tuple[str, ...], ...] = ()
    tenant: str = "institution_code"
    common: bool = False
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
    Table("institutions", Institution, ("institution_code",), tenant="", common=True),
    Table("permission_list_versions", PermissionListVersion, ("list_version",), tenant="", common=True),
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
    Table(
        "kind_layouts", KindLayout, ("spi_name_code", "layout_version"), (("spi_name_code",),), tenant="", common=True
    ),
    Table("provisions", Provision, ("permit_id",), (("exchange_id",),), born_once=True),
    Table("log_heads", LogHead, ("institution_code",)),
    Table("pair_heads", PairHead, ("institution_code", "counterpart")),
    Table("log_records", LogRecord, ("institution_code", "sequence"), (("exchange_id",),), born_once=True),
    Table("checkpoints", Checkpoint, ("institution_code", "size")),
    Table("staff_accounts", StaffAccount, ("institution_code", "account_id"), (("institution_code",),)),
    Table("staff_secrets", StaffSecret, ("institution_code", "account_id"), tenant=""),
    Table(
        "staff_rights",
        StaffRight,
        ("institution_code", "account_id", "duty", "spi_name_code"),
        (("institution_code",), ("institution_code", "account_id")),
    ),
    Table("staff_sessions", StaffSession, ("session_id",), (("institution_code", "account_id"),), tenant=""),
    Table("staff_acts", StaffAct, ("institution_code", "subject", "account_id"), (("institution_code", "subject"),)),
    Table("portal_notices", PortalNotice, ("institution_code", "notice_id"), (("institution_code", "linkage_code"),)),
    Table("institution_keys", InstitutionKey, ("institution_code", "generation"), (("institution_code",),)),
    Table("cosignatures", Cosignature, ("institution_code", "size", "witness_code")),
    Table("cosigned_logs", CosignedLog, ("institution_code",)),
    Table("witness_duties", WitnessDuty, ("institution_code", "witness_code"), (("institution_code",),)),
    Table("witnessed_logs", WitnessedLog, ("witness_code", "institution_code"), tenant="witness_code"),
    Table("log_forks", LogFork, ("witness_code", "institution_code", "size"), tenant="witness_code"),
    Table("resident_numbers", ResidentNumber, ("number_hash",), tenant=""),
    Table(
        "hub_persons",
        HubPerson,
        ("institution_code", "integrated_number"),
        (("institution_code", "number_hash"),),
    ),
    Table(
        "hub_business_numbers",
        HubBusinessNumber,
        ("institution_code", "system_code", "business_person_number"),
        (("institution_code", "integrated_number"),),
    ),
    Table("hub_counters", HubCounter, ("institution_code",)),
    Table("hub_codes", HubCode, ("institution_code", "request_id"), (("institution_code", "integrated_number"),)),
    Table(
        "hub_inquiries",
        HubInquiry,
        ("institution_code", "record_identification_number"),
        (("institution_code", "file_id"),),
    ),
    Table("hub_files", HubFile, ("institution_code", "file_id")),
    Table("hub_file_lines", HubFileLine, ("institution_code", "file_id", "line")),
    Table(
        "hub_copies",
        HubCopy,
        ("institution_code", "integrated_number", "spi_name_code", "record_key"),
        (("institution_code", "batch_id", "row_number"),),
    ),
    Table("hub_copy_batches", HubCopyBatch, ("institution_code", "batch_id"), (("institution_code", "file_id"),)),
    Table("hub_copy_refusals", HubCopyRefusal, ("institution_code", "batch_id", "row_number")),
    Table("hub_outgoing", HubOutgoing, ("institution_code", "outgoing_id")),
    Table("hub_clients", HubClient, ("client_id",)),
    Table("hub_tokens", HubToken, ("token_hash",)),
    Table("hub_operations", HubOperation, ("institution_code", "operation_id")),
    Table(
        "health_targets",
        HealthTarget,
        ("institution_code", "business_person_number"),
        (("institution_code", "number_hash"),),
    ),
    Table(
        "health_records",
        HealthRecord,
        ("institution_code", "integrated_number", "spi_name_code", "record_key", "revision"),
        (("institution_code", "integrated_number", "spi_name_code"),),
    ),
    Table("health_receipts", HealthReceipt, ("institution_code", "record_identification_number")),
    Table("health_transmissions", HealthTransmission, ("institution_code", "transmission_id")),
    Table("health_queues", HealthQueue, ("institution_code",)),
    Table("health_outbox", HealthOutbox, ("institution_code", "sequence")),
    Table("vrs_areas", VrsArea, ("institution_code",), (("scope",),)),
    Table(
        "vrs_persons",
        VrsPerson,
        ("institution_code", "number_hash"),
        (("institution_code", "business_hash"),),
    ),
    Table(
        "vrs_vouchers",
        VrsVoucher,
        ("institution_code", "voucher_number"),
        (("institution_code", "number_hash"),),
    ),
    Table(
        "vrs_doses",
        VrsDose,
        ("institution_code", "voucher_number", "dose_number"),
        (("institution_code", "number_hash"),),
    ),
    Table("vrs_receipts", VrsReceipt, ("institution_code", "request_id")),
    Table("vrs_bulks", VrsBulk, ("institution_code", "request_id")),
    Table("vrs_certificates", VrsCertificate, ("institution_code", "certificate_id")),
    Table("vrs_log_heads", VrsLogHead, ("institution_code",)),
    Table("vrs_records", VrsRecord, ("institution_code", "sequence")),
    Table("vrs_checkpoints", VrsCheckpoint, ("institution_code", "size")),
    Table("set_aside", SetAside, ("service", "topic", "partition", "record_offset", "place"), tenant=""),
)

TABLE_OF: dict[type[Any], Table] = {table.row: table for table in TABLES}
