-- name: hold_lock
-- Whoever changes what this text names waits for whoever is changing it; until the end of the transaction.
select pg_advisory_xact_lock(hashtextextended($1, 0))

-- name: next_integrated_number
-- The next number of an institution; the row is locked until the transaction ends, so that none is given out twice.
insert into hub_counters (institution_code, last) values ($1, 1)
on conflict (institution_code) do update set last = hub_counters.last + 1 returning last

-- name: next_sequence
-- Places in the order of saying.
select nextval('hub_outgoing_sequence') as place from generate_series(1, $1::bigint) order by place

-- name: same_attributes
-- Others with the same name and day of birth, where a wrong link is looked for first.
select integrated_number from hub_persons
where institution_code = $1 and birth_date = $2 and name = $3 and integrated_number <> $4
order by integrated_number limit 10

-- name: suspects
-- People of one name and day of birth with more than one integrated number.
select name, birth_date, array_agg(integrated_number order by integrated_number) as integrated_numbers
from hub_persons where institution_code = $1 and birth_date <> ''
group by name, birth_date having count(*) > 1 order by name, birth_date limit $2

-- name: persons_by_state
-- How many people there are in each state.
select state, count(*) as persons from hub_persons where institution_code = $1 group by state order by state

-- name: waiting
-- What waits to be said, in order.
select * from hub_outgoing where institution_code = $1 and lane = any($2::text[]) order by sequence, outgoing_id limit $3

-- name: given
-- What business systems gave and nobody has looked at, in the order it was given in; it has no place among what is said.
select * from hub_outgoing where institution_code = $1 and sequence = 0 and lane = 'GIVEN' order by outgoing_id limit $2

-- name: let_go
-- What was given and waited for one of these is looked at again.
update hub_outgoing set lane = 'GIVEN', reference = ''
where institution_code = $1 and sequence = 0 and lane = 'HELD' and reference = any($2::text[])

-- name: waiting_counts
-- How much waits and since when.
select lane, count(*) as messages, min(queued_at) as since from hub_outgoing
where institution_code = $1 group by lane order by lane

-- name: forget_said
-- These have been said.
delete from hub_outgoing where institution_code = $1 and outgoing_id = any($2::text[])

-- name: inquiries_sent
-- These inquiries are on their way, unless a reply has said more already.
update hub_inquiries set state = 'SENT', changed_at = $3
where institution_code = $1 and record_identification_number = any($2::text[]) and state = 'WAITING'

-- name: codes_sent
-- These code requests are on their way, unless a reply has said more already.
update hub_codes set state = 'REQUESTED', changed_at = $3
where institution_code = $1 and request_id = any($2::text[]) and state = 'WAITING'

-- name: identities_sent
-- The resident register has been told of these.
update hub_codes set state = 'IDENTITY_SENT', changed_at = $3
where institution_code = $1 and request_id = any($2::text[]) and state = 'NUMBER_ASSIGNED'

-- name: batches_sent
-- These numbered parts are on their way, unless a report has said more already.
update hub_copy_batches set state = 'RUNNING', changed_at = $3
where institution_code = $1 and batch_id = any($2::text[]) and state = 'WAITING'

-- name: inquiries_page
-- A business system's inquiries in the order of their names; an empty state or file lets everything pass.
select * from hub_inquiries
where institution_code = $1 and system_code = $2 and ($3 = '' or state = $3) and ($4 = '' or file_id = $4)
and record_identification_number > $5 order by record_identification_number limit $6

-- name: inquiry_states_of_file
-- How far a file's inquiries have come.
select state, count(*) as inquiries from hub_inquiries
where institution_code = $1 and file_id = $2 group by state order by state

-- name: inquiries_of_file
-- A file's inquiries in the order of its lines.
select * from hub_inquiries where institution_code = $1 and file_id = $2 order by line

-- name: lines_of_file
-- A file's lines that were not taken in.
select * from hub_file_lines where institution_code = $1 and file_id = $2 order by line

-- name: refusals_of_file
-- The rows of a copy file that the intermediate server refused.
select r.* from hub_copy_refusals r join hub_copy_batches b using (institution_code, batch_id)
where r.institution_code = $1 and b.file_id = $2 order by r.line

-- name: batches_of_file
-- A copy file's numbered parts.
select * from hub_copy_batches where institution_code = $1 and file_id = $2 order by part

-- name: parts_of_file
-- How many numbered parts of a file or transmission there are.
select count(*) as parts from hub_copy_batches where institution_code = $1 and file_id = $2

-- name: send_again
-- What was sent of a person counts as not sent: after a correction every copy goes out anew.
update hub_copies set at_server = at_server or digest <> '', digest = '', changed_at = $3
where institution_code = $1 and integrated_number = $2

-- name: codes_of_person
-- A person's code requests, the newest first.
select * from hub_codes where institution_code = $1 and integrated_number = $2
order by requested_at desc, request_id limit $3

-- name: operations_page
-- The log of an institution, newest first, before a moment.
select * from hub_operations where institution_code = $1 and at < $2 order by at desc, operation_id limit $3

-- name: clients_of
-- The business systems of an institution; an empty institution means all.
select * from hub_clients where $1 = '' or institution_code = $1 order by institution_code, client_id

-- name: forget_tokens
-- A client's tokens end.
delete from hub_tokens where institution_code = $1 and client_id = $2

-- name: expired_tokens
-- Tokens whose time is over.
delete from hub_tokens where expires_at < $1

-- name: expired_inquiries
-- Results are kept for a while (domain 7 row 7); at most so many go at once.
delete from hub_inquiries where ctid = any(array(
    select ctid from hub_inquiries where institution_code = $1 and state in ('ANSWERED', 'REJECTED', 'FETCHED')
    and asked_at < $2 limit $3))
returning record_identification_number

-- name: expired_operations
-- The log is kept for seven years (domain 7 row 16).
delete from hub_operations where ctid = any(array(
    select ctid from hub_operations where institution_code = $1 and at < $2 limit $3))
returning operation_id

-- name: heartbeats
-- Until when the owners of these services' shards have promised to be there.
select service, shard, lease_until from shards where service = any($1::text[])
