-- Witnesses: what a log keeps to prove that it only grew, who witnesses whom, what was cosigned, and forks.

alter table log_heads add column growth bytea not null default '';

create table witness_duties (
    institution_code text not null,
    witness_code text not null,
    log_key bytea not null,
    witness_key bytea not null,
    primary key (institution_code, witness_code)
);

create table witnessed_logs (
    witness_code text not null,
    institution_code text not null,
    size bigint not null,
    note text not null,
    cosigned_at bigint not null,
    primary key (witness_code, institution_code)
);

create table log_forks (
    witness_code text not null,
    institution_code text not null,
    size bigint not null,
    rule text not null,
    kept_note text not null,
    seen_note text not null,
    claimed_size bigint not null,
    claimed_root bytea not null,
    proof bytea not null,
    found_at bigint not null,
    primary key (witness_code, institution_code, size)
);

create table cosignatures (
    institution_code text not null,
    size bigint not null,
    witness_code text not null,
    line text not null,
    cosigned_at bigint not null,
    primary key (institution_code, size, witness_code)
);

create table cosigned_logs (
    institution_code text not null,
    size bigint not null,
    cosigned_at bigint not null,
    first_signed_at bigint not null,
    refresh_due_at bigint not null,
    primary key (institution_code)
);
create index cosigned_logs_due on cosigned_logs (refresh_due_at) where refresh_due_at > 0;

alter table witnessed_logs set (fillfactor = 50);
alter table cosigned_logs set (fillfactor = 50);
