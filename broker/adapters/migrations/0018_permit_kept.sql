-- The permit as it was presented, with the network's signature: a capsule needs both after Kafka has let them go.
alter table provisions add column permit bytea not null default '';
alter table provisions add column permit_proof bytea not null default '';
