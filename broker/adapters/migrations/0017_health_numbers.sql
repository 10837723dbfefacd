-- Sub-copies of the health support system go through the institution's integrated-number system, which has to know its
-- business numbers. Whoever was entered before is linked here; new targets are linked as they are entered.
insert into hub_business_numbers (institution_code, system_code, business_person_number, integrated_number, linked_at)
select t.institution_code, 'CHIIKI_KENKO', t.business_person_number, t.integrated_number, p.registered_at
from health_targets t join hub_persons p using (institution_code, integrated_number)
on conflict do nothing;
