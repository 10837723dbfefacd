-- The first tables. Rows are described in broker/tables.py; a test holds the two together.

create table shards (
    service text not null,
    shard integer not null,
    epoch bigint not null,
    batch bigint not null,
    owner text not null,
    lease_until bigint not null,
    primary key (service, shard)
);

create table positions (
    service text not null,
    topic text not null,
    partition integer not null,
    shard integer not null,
    next_offset bigint not null,
    seen jsonb not null,
    primary key (service, topic, partition)
) with (fillfactor = 50);

-- Bodies are written once, read after a crash only, and deleted: neither compressed nor split if it can be helped.
create table outbox (
    service text not null,
    shard integer not null,
    batch bigint not null,
    body bytea not null,
    primary key (service, shard, batch)
);
alter table outbox alter column body set storage external;

create table institutions (
    institution_code text not null,
    name text not null,
    local_government_code text not null,
    institution_class text not null,
    attached boolean not null,
    pia_valid boolean not null,
    operating_state text not null,
    signing_key bytea not null,
    sealing_key bytea not null,
    primary key (institution_code)
);

create table permission_list_versions (
    list_version bigint not null,
    known_from bigint not null,
    digest bytea not null,
    body text not null,
    primary key (list_version)
);

create table list_copies (
    institution_code text not null,
    list_version bigint not null,
    received_at bigint not null,
    primary key (institution_code)
);

create table list_distributions (
    institution_code text not null,
    list_version bigint not null,
    due_at bigint not null,
    distributed_at bigint not null,
    primary key (institution_code, list_version)
);

create table suspensions (
    institution_code text not null,
    integrated_number text not null,
    reason text not null,
    since bigint not null,
    primary key (institution_code, integrated_number)
);

create table code_bindings (
    institution_code text not null,
    linkage_code text not null,
    integrated_number text not null,
    valid_from bigint not null,
    valid_to bigint not null,
    known_from bigint not null,
    request_id text not null,
    primary key (institution_code, linkage_code)
);
create index code_bindings_by_institution_integrated on code_bindings (institution_code, integrated_number);

create table code_requests (
    institution_code text not null,
    request_id text not null,
    integrated_number text not null,
    state text not null,
    acquisition_number text not null,
    requested_at bigint not null,
    expires_at bigint not null,
    primary key (institution_code, request_id)
);

create table serial_counters (
    institution_code text not null,
    last bigint not null,
    primary key (institution_code)
);

create table inquiries (
    institution_code text not null,
    record_identification_number text not null,
    content_digest bytea not null,
    received_at bigint not null,
    kinds bigint not null,
    open_kinds bigint not null,
    answered_at bigint not null,
    primary key (institution_code, record_identification_number)
);

create table exchanges (
    exchange_id text not null,
    institution_code text not null,
    record_identification_number text not null,
    kind_index bigint not null,
    state text not null,
    outcome text not null,
    provider_institution_code text not null,
    integrated_number text not null,
    affair_code text not null,
    procedure_code text not null,
    spi_name_code text not null,
    conditions text not null,
    non_disclosure_code text not null,
    operator_id text not null,
    linkage_code text not null,
    requested_at bigint not null,
    deadline_at bigint not null,
    permit_id text not null,
    list_version bigint not null,
    row_id text not null,
    answer bytea not null,
    primary key (exchange_id)
);
create index exchanges_by_institution_record on exchanges (institution_code, record_identification_number);

create table network_codes (
    institution_code text not null,
    linkage_code text not null,
    internal_id text not null,
    valid_from bigint not null,
    valid_to bigint not null,
    primary key (institution_code, linkage_code)
);
create index network_codes_by_internal on network_codes (internal_id);

create table resident_tokens (
    resident_token text not null,
    internal_id text not null,
    primary key (resident_token)
);

create table acquisitions (
    acquisition_number text not null,
    institution_code text not null,
    request_id text not null,
    expires_at bigint not null,
    primary key (acquisition_number)
);

create table network_exchanges (
    exchange_id text not null,
    state text not null,
    provider_institution_code text not null,
    affair_code text not null,
    procedure_code text not null,
    spi_name_code text not null,
    consent_obtained boolean not null,
    non_disclosure_code text not null,
    requested_at bigint not null,
    permit_id text not null,
    list_version bigint not null,
    row_id text not null,
    expires_at bigint not null,
    primary key (exchange_id)
);

create table copy_records (
    institution_code text not null,
    integrated_number text not null,
    spi_name_code text not null,
    record_key text not null,
    known_from bigint not null,
    known_to bigint not null,
    layout_version text not null,
    valid_from text not null,
    valid_to text not null,
    publication_from text not null,
    publication_to text not null,
    auto_response_disabled boolean not null,
    non_disclosure_code text not null,
    items bytea not null,
    digest bytea not null,
    record_identification_number text not null,
    primary key (institution_code, integrated_number, spi_name_code, record_key, known_from)
);
create index copy_records_by_institution_integrated_spi on copy_records (institution_code, integrated_number, spi_name_code);

create table copy_batches (
    institution_code text not null,
    batch_id text not null,
    state text not null,
    row_count bigint not null,
    next_row bigint not null,
    accepted bigint not null,
    rejected bigint not null,
    opened_at bigint not null,
    primary key (institution_code, batch_id)
);

create table copy_receipts (
    institution_code text not null,
    record_identification_number text not null,
    content_digest bytea not null,
    primary key (institution_code, record_identification_number)
);

create table kind_layouts (
    spi_name_code text not null,
    layout_version text not null,
    valid_from text not null,
    valid_to text not null,
    item_codes text not null,
    primary key (spi_name_code, layout_version)
);
create index kind_layouts_by_spi on kind_layouts (spi_name_code);

create table provisions (
    permit_id text not null,
    exchange_id text not null,
    institution_code text not null,
    state text not null,
    outcome text not null,
    received_at bigint not null,
    linkage_code text not null,
    integrated_number text not null,
    request bytea not null,
    hold_deadline_at bigint not null,
    remind_at bigint not null,
    shown_digest bytea not null,
    operator_id text not null,
    hold_reason text not null,
    primary key (permit_id)
);
create index provisions_by_exchange on provisions (exchange_id);

create table log_heads (
    institution_code text not null,
    size bigint not null,
    frontier bytea not null,
    checkpoint_due_at bigint not null,
    primary key (institution_code)
);

create table pair_heads (
    institution_code text not null,
    counterpart text not null,
    last bigint not null,
    primary key (institution_code, counterpart)
);

create table log_records (
    institution_code text not null,
    sequence bigint not null,
    counterpart text not null,
    pair_sequence bigint not null,
    exchange_id text not null,
    party text not null,
    recorded_at bigint not null,
    leaf bytea not null,
    body bytea not null,
    primary key (institution_code, sequence)
);

create table checkpoints (
    institution_code text not null,
    size bigint not null,
    note text not null,
    signed_at bigint not null,
    primary key (institution_code, size)
);

create table resident_numbers (
    number_hash bytea not null,
    resident_token text not null,
    primary key (number_hash)
);

create table set_aside (
    service text not null,
    topic text not null,
    partition bigint not null,
    record_offset bigint not null,
    rule text not null,
    reason text not null,
    set_aside_at bigint not null,
    value bytea not null,
    primary key (service, topic, partition, record_offset)
);

-- Rows that change keep their place on the page: no index holds a changing column.
alter table exchanges set (fillfactor = 60);
alter table inquiries set (fillfactor = 70);
alter table network_exchanges set (fillfactor = 60);
alter table provisions set (fillfactor = 80);
alter table log_heads set (fillfactor = 30);
alter table pair_heads set (fillfactor = 50);
alter table serial_counters set (fillfactor = 30);

-- Timers look at the rows whose time lies between two looks. The times never change while a row is open, so updates
-- of the row leave these indexes alone.
create index exchanges_due on exchanges (deadline_at);
create index network_exchanges_due on network_exchanges (expires_at);
create index code_requests_due on code_requests (expires_at) where expires_at > 0;
create index acquisitions_due on acquisitions (expires_at);
create index provisions_due on provisions (remind_at) where remind_at > 0;

-- One record a party and exchange, whatever else goes wrong.
create unique index log_records_once on log_records (exchange_id, party);
