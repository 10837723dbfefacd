-- The city's health support system (health_…) and the national vaccination record system (vrs_…).
-- VRS is not connected to NWS: no table of one side names one of the other.

create table health_targets (
    institution_code text not null,
    business_person_number text not null,
    integrated_number text not null,
    number_hash bytea not null,
    name text not null,
    birth_date text not null,
    sex text not null,
    district text not null,
    primary key (institution_code, business_person_number)
);
create index health_targets_by_number_hash on health_targets (institution_code, number_hash);

create table health_records (
    institution_code text not null,
    integrated_number text not null,
    spi_name_code text not null,
    record_key text not null,
    revision bigint not null,
    changed_at bigint not null,
    superseded_at bigint not null,
    business_person_number text not null,
    stage text not null,
    received_on text not null,
    performed_on text not null,
    layout_version text not null,
    valid_from text not null,
    auto_response_disabled boolean not null,
    items bytea not null,
    items_digest bytea not null,
    record_identification_number text not null,
    operator_id text not null,
    primary key (institution_code, integrated_number, spi_name_code, record_key, revision)
);

create table health_receipts (
    institution_code text not null,
    record_identification_number text not null,
    content_digest bytea not null,
    primary key (institution_code, record_identification_number)
);

create table health_transmissions (
    institution_code text not null,
    transmission_id text not null,
    state text not null,
    row_count bigint not null,
    taken bigint not null,
    opened_at bigint not null,
    primary key (institution_code, transmission_id)
);

create table health_queues (
    institution_code text not null,
    first_sequence bigint not null,
    next_sequence bigint not null,
    stuck text not null,
    since bigint not null,
    primary key (institution_code)
);

create table health_outbox (
    institution_code text not null,
    sequence bigint not null,
    transmission_id text not null,
    transmission_row bigint not null,
    queued_at bigint not null,
    body bytea not null,
    primary key (institution_code, sequence)
);

create table vrs_areas (
    institution_code text not null,
    local_government_code text not null,
    scope text not null,
    primary key (institution_code)
);
create index vrs_areas_by_scope on vrs_areas (scope);

create table vrs_persons (
    institution_code text not null,
    number_hash bytea not null,
    business_hash bytea not null,
    flag text not null,
    flag_date text not null,
    sealed bytea not null,
    primary key (institution_code, number_hash)
);
create index vrs_persons_by_business_hash on vrs_persons (institution_code, business_hash);

create table vrs_vouchers (
    institution_code text not null,
    voucher_number text not null,
    number_hash bytea not null,
    ticket_type text not null,
    registered_at bigint not null,
    primary key (institution_code, voucher_number)
);
create index vrs_vouchers_by_number_hash on vrs_vouchers (institution_code, number_hash);

create table vrs_doses (
    institution_code text not null,
    voucher_number text not null,
    dose_number bigint not null,
    number_hash bytea not null,
    expires_at bigint not null,
    sealed bytea not null,
    primary key (institution_code, voucher_number, dose_number)
);
create index vrs_doses_by_number_hash on vrs_doses (institution_code, number_hash);

create table vrs_receipts (
    institution_code text not null,
    request_id text not null,
    content_digest bytea not null,
    primary key (institution_code, request_id)
);

create table vrs_bulks (
    institution_code text not null,
    request_id text not null,
    due_at bigint not null,
    sealed bytea not null,
    primary key (institution_code, request_id)
);

create table vrs_certificates (
    institution_code text not null,
    certificate_id text not null,
    number_hash bytea not null,
    issued_on text not null,
    certificate_kind text not null,
    payload_digest bytea not null,
    sealed bytea not null,
    primary key (institution_code, certificate_id)
);

create table vrs_log_heads (
    institution_code text not null,
    size bigint not null,
    frontier bytea not null,
    checkpoint_due_at bigint not null,
    primary key (institution_code)
);

create table vrs_records (
    institution_code text not null,
    sequence bigint not null,
    counterpart text not null,
    request_id text not null,
    recorded_at bigint not null,
    leaf bytea not null,
    body bytea not null,
    primary key (institution_code, sequence)
);

create table vrs_checkpoints (
    institution_code text not null,
    size bigint not null,
    note text not null,
    signed_at bigint not null,
    primary key (institution_code, size)
);

-- Rows that change keep their place on the page.
alter table health_records set (fillfactor = 80);
alter table health_transmissions set (fillfactor = 50);
alter table health_queues set (fillfactor = 30);
alter table vrs_log_heads set (fillfactor = 30);

-- Timers look at the rows whose time lies between two looks.
create index vrs_bulks_due on vrs_bulks (due_at);
create index vrs_doses_due on vrs_doses (expires_at);
