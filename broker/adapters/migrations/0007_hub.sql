-- The integrated-number system's own tables (broker/tables.py). The individual number is in hub_persons alone, encrypted.

create table hub_persons (
    institution_code text not null,
    integrated_number text not null,
    number_sealed bytea not null,
    number_hash bytea not null,
    name text not null,
    address text not null,
    birth_date text not null,
    sex text not null,
    state text not null,
    reason text not null,
    registered_at bigint not null,
    changed_at bigint not null,
    primary key (institution_code, integrated_number)
);

create table hub_business_numbers (
    institution_code text not null,
    system_code text not null,
    business_person_number text not null,
    integrated_number text not null,
    linked_at bigint not null,
    primary key (institution_code, system_code, business_person_number)
);
create index on hub_business_numbers (institution_code, integrated_number);

create table hub_counters (
    institution_code text not null,
    last bigint not null,
    primary key (institution_code)
);

create table hub_codes (
    institution_code text not null,
    request_id text not null,
    integrated_number text not null,
    state text not null,
    rule text not null,
    requested_at bigint not null,
    changed_at bigint not null,
    primary key (institution_code, request_id)
);
create index on hub_codes (institution_code, integrated_number);

create table hub_inquiries (
    institution_code text not null,
    record_identification_number text not null,
    system_code text not null,
    client_id text not null,
    request_id text not null,
    file_id text not null,
    line bigint not null,
    business_person_number text not null,
    integrated_number text not null,
    state text not null,
    hold_deadline_at bigint not null,
    request bytea not null,
    answer bytea not null,
    asked_at bigint not null,
    changed_at bigint not null,
    primary key (institution_code, record_identification_number)
);
create index on hub_inquiries (institution_code, file_id);

create table hub_files (
    institution_code text not null,
    file_id text not null,
    system_code text not null,
    client_id text not null,
    kind text not null,
    name text not null,
    charset text not null,
    line_count bigint not null,
    damaged bigint not null,
    received_at bigint not null,
    primary key (institution_code, file_id)
);

create table hub_file_lines (
    institution_code text not null,
    file_id text not null,
    line bigint not null,
    text text not null,
    errors text not null,
    primary key (institution_code, file_id, line)
);

create table hub_copies (
    institution_code text not null,
    integrated_number text not null,
    spi_name_code text not null,
    record_key text not null,
    digest bytea not null,
    at_server boolean not null,
    batch_id text not null,
    row_number bigint not null,
    system_code text not null,
    file_id text not null,
    line bigint not null,
    changed_at bigint not null,
    primary key (institution_code, integrated_number, spi_name_code, record_key)
);
create index on hub_copies (institution_code, batch_id, row_number);

create table hub_copy_batches (
    institution_code text not null,
    batch_id text not null,
    system_code text not null,
    file_id text not null,
    part bigint not null,
    reason text not null,
    state text not null,
    row_count bigint not null,
    accepted bigint not null,
    rejected bigint not null,
    opened_at bigint not null,
    changed_at bigint not null,
    primary key (institution_code, batch_id)
);
create index on hub_copy_batches (institution_code, file_id);

create table hub_copy_refusals (
    institution_code text not null,
    batch_id text not null,
    row_number bigint not null,
    line bigint not null,
    errors text not null,
    primary key (institution_code, batch_id, row_number)
);

create table hub_outgoing (
    institution_code text not null,
    outgoing_id text not null,
    sequence bigint not null,
    lane text not null,
    kind text not null,
    reference text not null,
    body bytea not null,
    queued_at bigint not null,
    primary key (institution_code, outgoing_id)
);

create table hub_clients (
    client_id text not null,
    institution_code text not null,
    system_code text not null,
    name text not null,
    secret_hash text not null,
    scopes text not null,
    affairs text not null,
    created_at bigint not null,
    revoked_at bigint not null,
    primary key (client_id)
);

create table hub_tokens (
    token_hash bytea not null,
    institution_code text not null,
    client_id text not null,
    scopes text not null,
    expires_at bigint not null,
    primary key (token_hash)
);

create table hub_operations (
    institution_code text not null,
    operation_id text not null,
    at bigint not null,
    client_id text not null,
    operation text not null,
    subject text not null,
    status bigint not null,
    rule text not null,
    primary key (institution_code, operation_id)
);

-- One person has one individual number at an institution, and one number is one person's; many have given none.
create unique index on hub_persons (institution_code, number_hash) where number_hash <> '';
-- The look-up by the number; the unique index above does not serve a search that may be for any value.
create index on hub_persons (institution_code, number_hash);
create index on hub_persons (institution_code, birth_date, name);
create index on hub_inquiries (institution_code, asked_at);
create index on hub_outgoing (institution_code, sequence);
create index on hub_clients (institution_code);
create index on hub_tokens (expires_at);
create index on hub_operations (institution_code, at);

-- The order in which messages are said.
create sequence hub_outgoing_sequence;
