-- The primary key begins with the same columns: a second index only made each sub-copy slower to take in.
drop index copy_records_by_institution_integrated_spi;
