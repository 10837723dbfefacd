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

-- name: shard_positions
-- How far the shard has come on each partition.
select topic, partition, next_offset, seen::text as seen from positions where service = $1 and shard = $2

-- name: shard_outbox
-- Batches that were committed and perhaps not published, oldest first.
select batch, body from outbox where service = $1 and shard = $2 order by batch

-- name: advance_shard
-- The guard of a batch: no row changes when another owner has the shard.
update shards set batch = $4, lease_until = $5 where service = $1 and shard = $2 and epoch = $3 returning batch

-- name: advance_positions
-- Where the shard stands after the batch.
insert into positions (service, shard, topic, partition, next_offset, seen)
select $1, $2, * from unnest($3::text[], $4::integer[], $5::bigint[], $6::jsonb[])
on conflict (service, topic, partition) do update
set next_offset = excluded.next_offset, seen = excluded.seen, shard = excluded.shard

-- name: add_outbox
-- What the batch says, kept until it is known to be out.
insert into outbox (service, shard, batch, body) values ($1, $2, $3, $4)

-- name: remove_outbox
-- What is out needs no keeping.
delete from outbox where service = $1 and shard = $2 and batch = any($3::bigint[])

-- name: table_names
-- Every table of the schema, for the scan.
select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = current_schema() and c.relkind in ('r', 'p') order by c.relname

-- name: quoted_name
-- A table's name as it may stand in a statement.
select quote_ident($1)

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
