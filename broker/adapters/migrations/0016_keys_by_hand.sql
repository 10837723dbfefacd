-- Keys are rotated and revoked by hand: replay compares what became of them.
create trigger note_change after insert or update or delete on institution_keys
    for each row execute function note_outside_change();
