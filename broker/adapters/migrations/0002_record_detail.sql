-- What of a record can be erased, apart from what the leaf covers. Rows from before hold everything in their body.
alter table log_records add column detail bytea not null default '';
