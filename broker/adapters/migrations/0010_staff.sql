-- Staff of institutions: accounts and rights may be read by their institution; secrets and sessions by nobody outside.

create table staff_accounts (
    institution_code text not null,
    account_id text not null,
    name text not null,
    person_reference text not null,
    state text not null,
    created_at bigint not null,
    created_by text not null,
    primary key (institution_code, account_id)
);

create table staff_secrets (
    institution_code text not null,
    account_id text not null,
    password_hash text not null,
    failures bigint not null,
    locked_until bigint not null,
    primary key (institution_code, account_id)
);

create table staff_rights (
    institution_code text not null,
    account_id text not null,
    duty text not null,
    spi_name_code text not null,
    granted_at bigint not null,
    granted_by text not null,
    primary key (institution_code, account_id, duty, spi_name_code)
);

create table staff_sessions (
    session_id text not null,
    institution_code text not null,
    account_id text not null,
    token_digest bytea not null,
    client_digest bytea not null,
    created_at bigint not null,
    used_at bigint not null,
    ended_at bigint not null,
    ended_because text not null,
    primary key (session_id)
);
create index staff_sessions_by_institution_account on staff_sessions (institution_code, account_id);

create table staff_acts (
    institution_code text not null,
    subject text not null,
    account_id text not null,
    acted_at bigint not null,
    primary key (institution_code, subject, account_id)
);
