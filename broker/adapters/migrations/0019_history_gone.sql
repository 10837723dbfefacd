-- Up to where the journal and the outside changes have been let go, because no replay could reach them any more.
create table history_gone (
    only_one boolean not null default true check (only_one),
    place bigint not null,
    at bigint not null,
    primary key (only_one)
);
