-- name: claim_shard
-- Make the shard's row if there is none, then grow its epoch unless another owner's lease still runs.
insert into shards (service, shard, epoch, batch, owner, lease_until)
values ($1, $2, 1, 0, $3, $4)
on conflict (service, shard) do update
set epoch = shards.epoch + 1, owner = excluded.owner, lease_until = excluded.lease_until
where shards.owner = excluded.owner or shards.lease_until <= $5
returning epoch, batch

-- name: shard_owner
-- Who holds the shard, for the error text.
select owner from shards where service = $1 and shard = $2

-- name: release_shard
-- Nobody need wait for this owner's lease.
update shards set lease_until = 0 where service = $1 and shard = $2 and epoch = $3

-- name: shard_positions
-- How far the shard has come on each partition.
select topic, partition, next_offset, seen::text as seen from positions where service = $1 and shard = $2

-- name: shard_outbox
-- Batches that were committed and perhaps not published, oldest first.
select batch, body from outbox where service = $1 and shard = $2 order by batch

-- name: advance
-- A batch's bookkeeping in one statement. The first part is its guard: it finds no row, and so nothing happens, when
-- another owner has the shard.
with held as (
    update shards set batch = $4, lease_until = $5 where service = $1 and shard = $2 and epoch = $3 returning batch
), moved as (
    insert into positions (service, shard, topic, partition, next_offset, seen)
    select $1, $2, one.* from unnest($6::text[], $7::integer[], $8::bigint[], $9::jsonb[]) as one, held
    on conflict (service, topic, partition) do update
    set next_offset = excluded.next_offset, seen = excluded.seen, shard = excluded.shard
), added as (
    insert into outbox (service, shard, batch, body)
    select $1, $2, $4, $10::bytea from held where length($10::bytea) > 0
), removed as (
    delete from outbox
    where service = $1 and shard = $2 and batch = any($11::bigint[]) and exists (select from held)
)
select batch from held


-- name: table_names
-- Every table of the schema, for the scan, quoted where it must be.
select quote_ident(c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = current_schema() and c.relkind in ('r', 'p') order by c.relname

-- name: read_patiently
-- A report thinks longer between two statements than a service may; it holds no locks.
set local idle_in_transaction_session_timeout = '300s'

-- name: exchange_ids_after
-- The next exchanges in the order of their ids, for the audit's slices.
select exchange_id from exchanges where exchange_id > $1 order by exchange_id limit $2

-- name: exchanges_between
-- The inquirers' side of a slice; an empty end is open.
select * from exchanges where exchange_id > $1 and ($2 = '' or exchange_id <= $2)

-- name: network_exchanges_between
-- The network's side of a slice.
select * from network_exchanges where exchange_id > $1 and ($2 = '' or exchange_id <= $2)

-- name: provisions_between
-- The providers' side of a slice.
select * from provisions where exchange_id > $1 and ($2 = '' or exchange_id <= $2)

-- name: log_records_between
-- The records of a slice, of all parties.
select * from log_records where exchange_id > $1 and ($2 = '' or exchange_id <= $2)
order by institution_code, sequence

-- name: log_owners
-- Whose logs there are, heads without records and records without heads included.
select institution_code from log_heads union select institution_code from checkpoints
union select distinct institution_code from log_records order by institution_code

-- name: log_of
-- One institution's log in its order.
select * from log_records where institution_code = $1 order by sequence

-- name: log_head_of
-- Where the log says it stands.
select * from log_heads where institution_code = $1

-- name: pair_heads_of
-- Where the log's pairs say they stand.
select * from pair_heads where institution_code = $1 order by counterpart

-- name: checkpoints_of
-- What the institution has signed, oldest first.
select * from checkpoints where institution_code = $1 order by size

-- name: records_newest
-- Records for people to look at, newest first; an empty filter lets everything pass.
select * from log_records
where ($1 = '' or institution_code = $1) and ($2 = '' or exchange_id = $2)
order by recorded_at desc, institution_code, sequence desc

-- name: records_of_exchange
-- The records of one exchange, of all parties.
select * from log_records where exchange_id = $1 order by party

-- name: heads_due
-- Logs that have grown since their last checkpoint.
select count(*) from log_heads where checkpoint_due_at > 0

-- name: institutions
-- The directory.
select * from institutions order by institution_code limit $1

-- name: list_versions
-- The permission list in all its versions.
select * from permission_list_versions order by list_version limit $1

-- name: owners_of_codes
-- Whose these linkage codes are.
select linkage_code, internal_id, institution_code from network_codes where linkage_code = any($1::text[])

-- name: table_standings
-- How every table stands: row-level security, its owner, its policies, and what others than the owner may do.
select c.relname as name, c.relrowsecurity as enabled, c.relforcerowsecurity as forced,
       pg_get_userbyid(c.relowner)::text as owner,
       coalesce((select string_agg(
           concat_ws(' ', p.polname, p.polcmd::text, p.polpermissive, p.polroles::regrole[],
                     pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)),
           ', ' order by p.polname) from pg_policy p where p.polrelid = c.oid), '') as policies,
       coalesce((select string_agg(concat_ws(' ', a.grantee::regrole, lower(a.privilege_type)), ', '
                                   order by a.grantee::regrole::text collate "C", a.privilege_type)
                 from aclexplode(c.relacl) a where a.grantee <> c.relowner), '') as rights
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'public' and c.relkind in ('r', 'p') order by c.relname

-- name: alone
-- Wait until nobody else holds this name, and hold it until the transaction ends.
select pg_advisory_xact_lock(hashtextextended($1, 7264230003))

-- name: operations_newest
-- What an institution's staff did, newest first.
select * from log_records where institution_code = $1 and party = 'STAFF' order by sequence desc limit $2

-- name: batches_of
-- An institution's batches of copies, newest first.
select * from copy_batches where institution_code = $1 order by opened_at desc, batch_id limit $2

-- name: exchanges_of_code
-- In which exchanges an institution was asked about, or asked about, the person behind one of its codes.
select exchange_id from provisions where institution_code = $1 and linkage_code = $2
union select exchange_id from exchanges where institution_code = $1 and linkage_code = $2

-- name: records_of_network
-- The network's own records of these exchanges.
select * from log_records where institution_code = $1 and exchange_id = any($2::text[]) and party = 'NETWORK'
