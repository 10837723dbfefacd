-- Generations of the keys that answers are sealed for. An institution without a row here has generation 0 alone.

create table institution_keys (
    institution_code text not null,
    generation bigint not null,
    sealing_key bytea not null,
    valid_from bigint not null,
    valid_to bigint not null,
    revoked_at bigint not null,
    reason text not null,
    primary key (institution_code, generation)
);
