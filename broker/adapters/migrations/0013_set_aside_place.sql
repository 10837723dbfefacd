-- One Kafka record may hold several messages; each of them can be set aside.
alter table set_aside add column place bigint not null default 0;
alter table set_aside drop constraint set_aside_pkey;
alter table set_aside add primary key (service, topic, partition, record_offset, place);
