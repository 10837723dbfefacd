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
), noted as (
    insert into journal (service, shard, batch, at, offsets)
    select $1, $2, $4, $12::bigint, $13::bytea from held where length($13::bytea) > 0
)
select batch from held


-- name: steps_after
-- The next steps of the history, batches and outside changes in one order.
select place, transaction, service, shard, batch, at, offsets, null as table_name, null as before, null as after
from journal where place > $1
union all
select place, transaction, null, null, null, at, null, table_name, before::text, after::text
from outside_changes where place > $1
order by place limit $2

-- name: steps_count
-- How many batches and outside changes there are.
select (select count(*) from journal) + (select count(*) from outside_changes) as steps

-- name: history_gone
-- Up to which step the past has been let go, and the moment of that step; nothing when all is there.
select place, at from history_gone

-- name: let_history_go
-- From here on nobody counts on the steps up to this one, whether they are deleted yet or not.
insert into history_gone (place, at) values ($1, $2)
on conflict (only_one) do update set place = excluded.place, at = excluded.at where history_gone.place < excluded.place

-- name: journal_after
-- The journal alone, in its order.
select place, service, at, offsets from journal where place > $1 order by place limit $2

-- name: journal_let_go
-- Some of the batches that have been let go; how many.
with found as (
    select place from journal where place <= (select place from history_gone) order by place limit $1
), gone as (delete from journal using found where journal.place = found.place returning 1)
select count(*) as gone from gone

-- name: outside_changes_let_go
-- Some of the outside changes that have been let go; how many.
with found as (
    select place from outside_changes where place <= (select place from history_gone) order by place limit $1
), gone as (delete from outside_changes using found where outside_changes.place = found.place returning 1)
select count(*) as gone from gone

-- name: outboxes
-- What was committed and perhaps is not published yet, of all shards.
select service, shard, batch, body from outbox

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
and party in ('INQUIRER', 'NETWORK', 'PROVIDER')
order by institution_code, sequence

-- name: export_other_leaves
-- What lies between those records in the same logs: what staff did, certificates of erasure. Places and leaves only.
select institution_code, sequence, party, recorded_at, leaf from log_records
where ($1 = '' or institution_code = $1) and recorded_at >= $2 and recorded_at < $3
and party not in ('INQUIRER', 'NETWORK', 'PROVIDER')
order by institution_code, sequence

-- name: log_owners
-- Whose logs there are, heads without records, records without heads and what only a witness knows included.
select institution_code from log_heads union select institution_code from checkpoints
union select distinct institution_code from witnessed_logs union select distinct institution_code from log_records order by institution_code

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

-- name: witness_duties_of
-- Who witnesses a log.
select * from witness_duties where institution_code = $1 order by witness_code

-- name: cosignatures_of
-- What the witnesses of a log have given it, oldest first.
select * from cosignatures where institution_code = $1 order by size, witness_code

-- name: newest_cosignatures_of
-- All lines under the newest checkpoint of a log that anybody has cosigned.
select * from cosignatures
where institution_code = $1 and size = (select max(size) from cosignatures where institution_code = $1)
order by witness_code

-- name: log_forks_of
-- What witnesses keep against a log.
select * from log_forks where institution_code = $1 order by found_at, witness_code

-- name: witnessed_logs_of
-- What each witness of a log has cosigned last, by its own account.
select * from witnessed_logs where institution_code = $1 order by witness_code

-- name: witnesses
-- Every duty with what the witness cosigned last, the log's size and newest checkpoint, and whether a fork is kept.
select d.institution_code, d.witness_code, coalesce(w.size, 0) as cosigned_size, coalesce(w.cosigned_at, 0) as cosigned_at,
    coalesce(h.size, 0) as log_size, coalesce(c.signed_at, 0) as signed_at, coalesce(c.size, 0) as signed_size,
    (select count(*) from log_forks f where f.institution_code = d.institution_code and f.witness_code = d.witness_code)
        as forks
from witness_duties d
left join witnessed_logs w using (institution_code, witness_code)
left join log_heads h using (institution_code)
left join lateral (
    select size, signed_at from checkpoints where institution_code = d.institution_code order by size desc limit 1
) as c on true
where $1 = '' or $1 in (d.institution_code, d.witness_code)
order by d.institution_code, d.witness_code

-- name: log_forks
-- Everything that is kept against any log.
select * from log_forks order by found_at, institution_code, witness_code limit $1

-- name: records_newest
-- Records for people to look at, newest first; an empty filter lets everything pass.
select * from log_records
where ($1 = '' or institution_code = $1) and ($2 = '' or exchange_id = $2)
and party in ('INQUIRER', 'NETWORK', 'PROVIDER')
order by recorded_at desc, institution_code, sequence desc

-- name: records_of_exchange
-- The records of one exchange, of all parties.
select * from log_records where exchange_id = $1 order by party

-- name: checkpoint_over
-- The first checkpoint that covers a record: its log had grown beyond the record's sequence when it was signed.
select * from checkpoints where institution_code = $1 and size > $2 order by size limit 1

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

-- name: drift_owners
-- Institutions that keep originals, or copies of kinds that have originals.
select institution_code from (
    select institution_code from health_targets union select institution_code from health_records
    union select institution_code from copy_records where spi_name_code = any($1::text[])
) as one where $2 = '' or institution_code = $2 order by institution_code

-- name: original_buckets
-- The originals of an institution folded into buckets of persons, as broker.rules.drift does it.
select bucket, sha256(string_agg(leaf, ''::bytea order by leaf)) as digest, count(*) as records from (
    select (get_byte(sha256(convert_to(integrated_number, 'UTF8')), 0) << 2) | (get_byte(sha256(convert_to(integrated_number, 'UTF8')), 1) >> 6) as bucket,
        sha256(convert_to(integrated_number || '/' || spi_name_code || '/' || record_key || '/', 'UTF8') || items_digest) as leaf
    from health_records
    where institution_code = $1 and superseded_at = 0 and stage <> 'CANCELLED' and spi_name_code = any($2::text[])
) as one group by bucket

-- name: copy_buckets
-- The sub-copies of an institution, folded in the same way.
select bucket, sha256(string_agg(leaf, ''::bytea order by leaf)) as digest, count(*) as records from (
    select (get_byte(sha256(convert_to(integrated_number, 'UTF8')), 0) << 2) | (get_byte(sha256(convert_to(integrated_number, 'UTF8')), 1) >> 6) as bucket,
        sha256(convert_to(integrated_number || '/' || spi_name_code || '/' || record_key || '/', 'UTF8') || sha256(items)) as leaf
    from copy_records
    where institution_code = $1 and known_to = 0 and spi_name_code = any($2::text[])
) as one group by bucket

-- name: originals_in_buckets
-- All versions of the originals of the persons in these buckets.
select * from health_records
where institution_code = $1 and spi_name_code = any($2::text[])
and ((get_byte(sha256(convert_to(integrated_number, 'UTF8')), 0) << 2) | (get_byte(sha256(convert_to(integrated_number, 'UTF8')), 1) >> 6)) = any($3::int[])

-- name: copies_in_buckets
-- The current sub-copies of the persons in these buckets.
select * from copy_records
where institution_code = $1 and known_to = 0 and spi_name_code = any($2::text[])
and ((get_byte(sha256(convert_to(integrated_number, 'UTF8')), 0) << 2) | (get_byte(sha256(convert_to(integrated_number, 'UTF8')), 1) >> 6)) = any($3::int[])

-- name: answers_of
-- What an institution answered, with whose it was and the period that was asked for.
select r.exchange_id, r.recorded_at, r.body, r.detail, b.integrated_number, p.received_at,
    coalesce((select e.conditions from exchanges e where e.exchange_id = r.exchange_id), '') as conditions
from log_records r join provisions p on p.exchange_id = r.exchange_id and p.institution_code = r.institution_code
join code_bindings b on b.institution_code = p.institution_code and b.linkage_code = p.linkage_code
where r.institution_code = $1 and r.party = 'PROVIDER' and r.recorded_at >= $2 order by r.sequence

-- name: originals_of_persons
-- All versions of the originals of these persons.
select found.* from unnest($2::text[]) as wanted(person)
cross join lateral (
    select * from health_records where institution_code = $1 and integrated_number = wanted.person offset 0
) as found

-- name: copies_of_persons
-- All versions of the sub-copies of these persons.
select found.* from unnest($2::text[]) as wanted(person)
cross join lateral (
    select * from copy_records where institution_code = $1 and integrated_number = wanted.person offset 0
) as found

-- name: health_queue_of
-- What waits to go out.
select * from health_queues where institution_code = $1

-- name: vrs_log_of
-- A municipality's log of provisions in VRS, in its order.
select * from vrs_records where institution_code = $1 order by sequence

-- name: vrs_log_head_of
-- Where that log says it stands.
select * from vrs_log_heads where institution_code = $1

-- name: vrs_checkpoints_of
-- What VRS has signed over it, oldest first.
select * from vrs_checkpoints where institution_code = $1 order by size

-- name: vrs_doses_of
-- The doses of one area, still sealed.
select * from vrs_doses where institution_code = $1 order by voucher_number, dose_number

-- name: health_person
-- A target by the business number.
select * from health_targets where institution_code = $1 and business_person_number = $2

-- name: health_person_by_hash
-- Targets by the keyed hash of an individual number.
select * from health_targets where institution_code = $1 and number_hash = $2 and length(number_hash) > 0

-- name: health_records_of
-- The current originals of a person.
select * from health_records
where institution_code = $1 and integrated_number = $2 and superseded_at = 0
order by spi_name_code, record_key

-- name: health_extract
-- The current originals with what totals are made of: no name and no number of any kind but the integrated one, which
-- the extraction turns into a pseudonym.
select r.integrated_number, r.spi_name_code, r.record_key, r.stage, r.received_on, r.performed_on, r.items,
    t.birth_date, t.sex, t.district
from health_records r
join health_targets t
on t.institution_code = r.institution_code and t.business_person_number = r.business_person_number
where r.institution_code = $1 and r.superseded_at = 0 and r.stage <> 'CANCELLED'
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
-- name: records_to_erase
-- Records made before a moment whose detail is still there, log by log.
select institution_code, sequence from log_records
where recorded_at < $1 and detail <> '' order by institution_code, sequence limit $2

-- name: records_to_erase_of_exchange
-- The records of one exchange whose detail is still there.
select institution_code, sequence from log_records
where exchange_id = $1 and detail <> '' order by institution_code, sequence

-- name: exchanges_to_erase
-- Ended exchanges from before a moment that still lead to a person.
select exchange_id from exchanges
where requested_at < $1 and integrated_number <> '' and outcome <> '' order by requested_at, exchange_id limit $2

-- name: answers_to_erase
-- Ended exchanges from before a moment whose answer is still kept.
select exchange_id from exchanges
where requested_at < $1 and answer <> '' and outcome <> '' order by requested_at, exchange_id limit $2

-- name: provisions_to_erase
-- Closed provisions from before a moment that still lead to a person.
select exchange_id from provisions
where received_at < $1 and linkage_code <> '' and state <> 'HELD' order by received_at, exchange_id limit $2

-- name: copies_to_erase
-- Persons and kinds with versions that ended before a moment and whose content is still there.
select distinct institution_code, integrated_number, spi_name_code from copy_records
where known_to > 0 and known_to < $1 and digest <> '' order by 1, 2, 3 limit $2

-- name: leaves_below
-- The leaf hashes of a log below a size, in their order.
select leaf from log_records where institution_code = $1 and sequence < $2 order by sequence

-- name: pair_records
-- The records of one pair with numbers from one to another.
select * from log_records
where institution_code = $1 and counterpart = $2 and pair_sequence between $3 and $4 order by sequence

-- name: pair_last_below
-- The pair's last number below a place of the log; 0 when there is none.
select coalesce(max(pair_sequence), 0) as last from log_records
where institution_code = $1 and counterpart = $2 and sequence < $3

-- name: certificates_of
-- The certificates of erasure in one log, oldest first.
select * from log_records where institution_code = $1 and party = 'ERASURE' order by sequence

-- name: exchange_to_erase
-- One ended exchange that still leads to a person.
select exchange_id from exchanges
where exchange_id = $1 and (integrated_number <> '' or answer <> '') and outcome <> ''

-- name: provision_to_erase
-- What is kept of one exchange at the provider and still leads to a person.
select exchange_id from provisions where exchange_id = $1 and linkage_code <> '' and state <> 'HELD'

-- name: decisions_recorded
-- What network and providers recorded, with the consent and the permit's time that the network keeps; an exchange's
-- records lie together, the network's first.
select r.exchange_id, r.recorded_at, r.body, n.consent_obtained, n.expires_at
from log_records r left join network_exchanges n on n.exchange_id = r.exchange_id
where r.party in ('NETWORK', 'PROVIDER')
order by r.exchange_id, r.party

-- name: decisions_recorded_count
-- How many those are.
select count(*) from log_records where party in ('NETWORK', 'PROVIDER')

-- name: log_sizes
-- How far each log goes.
select institution_code, size from log_heads order by institution_code

-- name: log_exchanges_from
-- Which exchanges a log's records from this place on are about.
select sequence, exchange_id from log_records
where institution_code = $1 and sequence >= $2 and party in ('INQUIRER', 'NETWORK', 'PROVIDER') order by sequence

-- name: permits_since
-- Exchanges whose permits expire after this moment, in that order.
select exchange_id, expires_at from network_exchanges where expires_at > $1 order by expires_at

-- name: records_of_exchanges
-- The records of some exchanges, of all parties.
select r.exchange_id, r.recorded_at, r.body, r.detail
from unnest($1::text[]) as wanted (name) join log_records r on r.exchange_id = wanted.name
order by r.exchange_id, r.party

-- name: exchanges_stand
-- How some exchanges stand in the parties' own tables: a row for each, nulls where a party has none.
select wanted.name as exchange_id, n.permit_id, n.state as network_state, n.expires_at,
    case when e.state in ('CODE_RESOLVED', 'PERMIT_REQUESTED', 'PERMITTED', 'SENT', 'HELD') then e.deadline_at end
        as asking_until,
    (select max(p.hold_deadline_at) from provisions p where p.exchange_id = wanted.name and p.state = 'HELD')
        as holding_until
from unnest($1::text[]) as wanted (name)
left join network_exchanges n on n.exchange_id = wanted.name
left join exchanges e on e.exchange_id = wanted.name
-- name: export_institutions
-- The directory, for the export; the times are not asked.
select * from institutions where ($1::text is not null) and $2::bigint < $3::bigint order by institution_code

-- name: export_exchanges
-- The inquirers' side, asked within a time, of one institution or of all.
select * from exchanges where ($1 = '' or institution_code = $1) and requested_at >= $2 and requested_at < $3
order by exchange_id

-- name: export_inquiries
-- The inquiries of that time.
select * from inquiries where ($1 = '' or institution_code = $1) and received_at >= $2 and received_at < $3
order by institution_code, record_identification_number

-- name: export_network_exchanges
-- The network's side of that time; it is nobody's who exports for one institution.
select * from network_exchanges where $1 = '' and requested_at >= $2 and requested_at < $3 order by exchange_id

-- name: export_provisions
-- The providers' side of that time.
select * from provisions where ($1 = '' or institution_code = $1) and received_at >= $2 and received_at < $3
order by permit_id

-- name: export_log_records
-- The records written in that time, a log at a time.
select * from log_records
where ($1 = '' or institution_code = $1) and recorded_at >= $2 and recorded_at < $3
and party in ('INQUIRER', 'NETWORK', 'PROVIDER')
order by institution_code, sequence

-- name: export_codes
-- When an institution came to know a person's code; whole, because a case may have begun before the time asked for.
select * from code_bindings where ($1 = '' or institution_code = $1) and $2::bigint < $3::bigint
order by institution_code, linkage_code

-- name: export_copies
-- When an institution registered something about a person; whole, for the same reason.
select * from copy_records where ($1 = '' or institution_code = $1) and $2::bigint < $3::bigint
order by institution_code, integrated_number, spi_name_code, record_key, known_from

-- name: export_checkpoints
-- What was signed, of one institution or of all.
select * from checkpoints where ($1 = '' or institution_code = $1) and $2::bigint < $3::bigint order by institution_code, size

-- name: export_lists
-- The permission list in all its versions, for the export.
select * from permission_list_versions where ($1::text is not null) and $2::bigint < $3::bigint order by list_version

-- name: newest_checkpoints
-- The newest signature over each log, of one institution or of all.
select distinct on (institution_code) * from checkpoints where ($1 = '' or institution_code = $1)
order by institution_code, size desc
