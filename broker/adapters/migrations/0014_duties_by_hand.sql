-- Who witnesses whom is written by hand, and what a given-up duty had cosigned is removed by hand: replay needs both.
-- What a witness cosigns is its service's own and decided again.
create trigger note_change after insert or update or delete on witness_duties
    for each row execute function note_outside_change();
create trigger note_change after delete on witnessed_logs
    for each row execute function note_outside_change();
