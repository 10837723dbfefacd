-- What replay needs beside the messages: which of them made up each batch, when; and what was written by hand.
-- Both kinds of steps share one numbering.
create sequence history_place as bigint;

create table journal (
    place bigint not null default nextval('history_place'),
    transaction bigint not null default pg_current_xact_id()::text::bigint,
    service text not null,
    shard integer not null,
    batch bigint not null,
    at bigint not null,
    offsets bytea not null,
    primary key (place)
);
alter table journal alter column offsets set storage main;

-- Rows of the tables that operators write. Services write some of them too: those steps have a journal row with the
-- same transaction.
create table outside_changes (
    place bigint not null default nextval('history_place'),
    transaction bigint not null default pg_current_xact_id()::text::bigint,
    at bigint not null default (extract(epoch from clock_timestamp()) * 1000)::bigint,
    table_name text not null,
    before jsonb,
    after jsonb,
    primary key (place)
);

create function note_outside_change() returns trigger language plpgsql as $$
begin
    insert into outside_changes (table_name, before, after) values (
        tg_table_name,
        case when tg_op = 'INSERT' then null else to_jsonb(old) end,
        case when tg_op = 'DELETE' then null else to_jsonb(new) end
    );
    return null;
end
$$;

create trigger note_change after insert or update or delete on institutions
    for each row execute function note_outside_change();
create trigger note_change after insert or update or delete on permission_list_versions
    for each row execute function note_outside_change();
create trigger note_change after insert or update or delete on list_copies
    for each row execute function note_outside_change();
create trigger note_change after insert or update or delete on list_distributions
    for each row execute function note_outside_change();
create trigger note_change after insert or update or delete on suspensions
    for each row execute function note_outside_change();
create trigger note_change after insert or update or delete on kind_layouts
    for each row execute function note_outside_change();

-- An installation that served before it kept a journal has a past that cannot be replayed: say so.
insert into outside_changes (table_name) select 'journal' where exists (select from shards);
