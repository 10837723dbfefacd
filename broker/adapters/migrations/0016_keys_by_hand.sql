-- Keys are rotated and revoked by hand: replay compares what became of them.
create trigger note_change after insert or update or delete on institution_keys
    for each row execute function note_outside_change();

-- So is the portal's own code of a person, made when they first ask; all other codes come out of messages.
create trigger note_change after insert or update on network_codes
    for each row when (new.institution_code = '0000000000000001') execute function note_outside_change();
