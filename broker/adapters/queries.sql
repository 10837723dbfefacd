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
