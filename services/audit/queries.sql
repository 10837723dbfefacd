-- The questions an auditor asks first, on the sheets of an export (DuckDB). Each has a name, its purpose in Japanese
-- and English, and its parameters with their defaults; `chukan audit query list` prints them.
-- Times are milliseconds since 1970 UTC; jst(t) is the Japanese wall clock, jst_text(t) the same for people.
-- A person is a code at ONE institution. No query joins the codes of two institutions, and none could: the sheets that
-- lead from one institution to the other (provisions, records, network_exchanges) hold no code of anybody.

-- name: by_procedure
-- ja: 事務手続と特定個人情報ごとに、照会・提供・拒否の件数と、照合リストの法的根拠
-- en: inquiries, provisions and refusals by procedure and kind, with the legal basis of the list's row
-- parameter: institution = '' (照会した機関、空は全部 / the inquirer, empty for all)
select
    e.affair_code,
    e.procedure_code,
    e.spi_name_code,
    string_agg(distinct p.legal_basis, '; ' order by p.legal_basis) as legal_basis,
    count(*) as asked,
    count(*) filter (e.outcome in ('OK', 'NON_DISCLOSED')) as provided,
    count(*) filter (e.outcome in ('NOT_PERMITTED', 'PIA_BLOCK', 'LIST_DISAGREES')) as refused_by_rule,
    count(*) filter (e.outcome = 'REFUSED') as refused_by_staff,
    count(*) filter (e.outcome = '') as open
from exchanges e
left join permission_rows p on p.list_version = e.list_version and p.row_id = e.row_id
where $institution in ('', e.institution_code)
group by all
order by asked desc, e.affair_code, e.procedure_code, e.spi_name_code

-- name: by_pair
-- ja: 照会者と提供者の組ごとの件数
-- en: inquiries by pair of institutions
-- parameter: institution = '' (どちらかがこの機関、空は全部 / one of the two, empty for all)
select
    e.institution_code as inquirer_institution_code,
    i.name as inquirer_name,
    e.provider_institution_code,
    o.name as provider_name,
    count(*) as asked,
    count(*) filter (e.outcome in ('OK', 'NON_DISCLOSED')) as provided,
    count(*) filter (e.outcome not in ('OK', 'NON_DISCLOSED', '')) as not_provided,
    jst_text(min(e.requested_at)) as first_asked,
    jst_text(max(e.requested_at)) as last_asked
from exchanges e
left join institutions i on i.institution_code = e.institution_code
left join institutions o on o.institution_code = e.provider_institution_code
where $institution in ('', e.institution_code, e.provider_institution_code)
group by all
order by asked desc, inquirer_institution_code, e.provider_institution_code

-- name: by_person
-- ja: 一人について、その機関のだれが・いつ・何を・どの根拠で照会したか（統合番号または符号）
-- en: who at this institution asked about one person, when, for what, on which basis (integrated number or code)
-- parameter: institution (機関コード / whose numbers and codes they are)
-- parameter: person (統合番号または符号 / integrated number or linkage code there)
select
    jst_text(e.requested_at) as asked_at,
    e.operator_id,
    o.name as provider_name,
    e.affair_code,
    e.procedure_code,
    e.spi_name_code,
    e.outcome,
    e.list_version,
    e.row_id,
    p.legal_basis,
    e.exchange_id
from exchanges e
left join institutions o on o.institution_code = e.provider_institution_code
left join permission_rows p on p.list_version = e.list_version and p.row_id = e.row_id
where e.institution_code = $institution and $person in (e.integrated_number, e.linkage_code)
order by e.requested_at, e.exchange_id

-- name: by_operator
-- ja: 職員ごとの照会件数・人数・提供されなかった件数・開庁時間外の件数
-- en: inquiries, persons, not provided, and outside office hours, by operator
-- parameter: institution = '' (照会した機関、空は全部 / the inquirer, empty for all)
-- parameter: operator = '' (部署/職員、空は全員 / department/operator, empty for everybody)
select
    e.institution_code,
    e.operator_id,
    count(*) as asked,
    count(distinct e.integrated_number) as persons,
    count(*) filter (e.outcome not in ('OK', 'NON_DISCLOSED', '')) as not_provided,
    count(*) filter (not in_office_hours(e.requested_at)) as off_hours,
    jst_text(min(e.requested_at)) as first_asked,
    jst_text(max(e.requested_at)) as last_asked
from exchanges e
where $institution in ('', e.institution_code) and $operator in ('', e.operator_id)
group by all
order by asked desc, e.institution_code, e.operator_id

-- name: off_hours
-- ja: 平日8時から20時まで（祝日・振替休日を除く、日本時間）の外で行われた照会
-- en: inquiries outside weekdays 08:00 to 20:00 in Japan, public and substitute holidays included
-- parameter: institution = '' (照会した機関、空は全部 / the inquirer, empty for all)
select
    jst_text(e.requested_at) as asked_at,
    weekday_ja(e.requested_at) as weekday,
    holiday(e.requested_at) as holiday,
    e.institution_code,
    e.operator_id,
    e.integrated_number,
    e.spi_name_code,
    e.outcome,
    e.exchange_id
from exchanges e
where $institution in ('', e.institution_code) and not in_office_hours(e.requested_at)
order by e.requested_at, e.exchange_id

-- name: bulk
-- ja: 一人の職員が短い時間に多くの人を照会した集まり
-- en: bursts in which one operator asked about many different persons in a short time
-- parameter: persons = 20 (この人数から / from so many persons)
-- parameter: minutes = 10 (この分数のうちに / within so many minutes)
-- parameter: institution = '' (照会した機関、空は全部 / the inquirer, empty for all)
with counted as (
    select
        institution_code,
        operator_id,
        requested_at,
        count(distinct integrated_number) over (
            partition by institution_code, operator_id order by requested_at
            range between $minutes::bigint * 60000 preceding and current row
        ) as persons
    from exchanges
    where $institution in ('', institution_code)
), reached as (
    select *, requested_at - lag(requested_at) over (partition by institution_code, operator_id order by requested_at)
        as since_last
    from counted
    where persons >= $persons
), numbered as (
    select *, count(*) filter (since_last is null or since_last > $minutes::bigint * 60000) over (
        partition by institution_code, operator_id order by requested_at rows unbounded preceding
    ) as burst
    from reached
)
select
    institution_code,
    operator_id,
    max(persons) as persons,
    jst_text(min(requested_at)) as reached_at,
    jst_text(max(requested_at)) as ended_at
from numbered
group by institution_code, operator_id, burst
order by persons desc, institution_code, operator_id, reached_at

-- name: without_case
-- ja: 業務上の裏付けが見当たらない照会。同じ機関が同じ人について、前後の期間に (1) 符号を取得せず、(2) 副本を登録せず、(3) 別の職員が同じ事務で照会してもいないもの
-- en: look-ups without a case: around the inquiry the same institution neither (1) acquired a code for the person nor (2) registered a copy about them, nor (3) did another operator ask about them for the same affair
-- parameter: before_days = 30 (照会の前の日数 / days before the inquiry)
-- parameter: after_days = 60 (照会の後の日数 / days after it)
-- parameter: institution = '' (照会した機関、空は全部 / the inquirer, empty for all)
select
    jst_text(e.requested_at) as asked_at,
    e.institution_code,
    e.operator_id,
    e.integrated_number,
    e.affair_code,
    e.spi_name_code,
    e.outcome,
    e.exchange_id
from exchanges e
where
    $institution in ('', e.institution_code)
    and not exists (
        select 1 from codes c
        where c.institution_code = e.institution_code and c.integrated_number = e.integrated_number
            and c.known_from between e.requested_at - $before_days::bigint * 86400000 and e.requested_at + $after_days::bigint * 86400000
    )
    and not exists (
        select 1 from copies c
        where c.institution_code = e.institution_code and c.integrated_number = e.integrated_number
            and c.known_from between e.requested_at - $before_days::bigint * 86400000 and e.requested_at + $after_days::bigint * 86400000
    )
    and not exists (
        select 1 from exchanges o
        where o.institution_code = e.institution_code and o.integrated_number = e.integrated_number
            and o.affair_code = e.affair_code and o.operator_id <> e.operator_id
            and o.requested_at between e.requested_at - $before_days::bigint * 86400000 and e.requested_at + $after_days::bigint * 86400000
    )
order by e.requested_at, e.exchange_id

-- name: another_affair
-- ja: 許可されなかった照会のあと、同じ職員が同じ人の同じ情報を別の事務・手続で照会したもの
-- en: after a refusal by the list, the same operator asked for the same kind about the same person under another affair or procedure
-- parameter: hours = 24 (この時間のうちに / within so many hours)
-- parameter: institution = '' (照会した機関、空は全部 / the inquirer, empty for all)
select
    jst_text(f.requested_at) as refused_at,
    jst_text(e.requested_at) as asked_again_at,
    e.institution_code,
    e.operator_id,
    e.integrated_number,
    e.spi_name_code,
    f.affair_code || '/' || f.procedure_code as refused_for,
    e.affair_code || '/' || e.procedure_code as asked_for,
    e.outcome,
    f.exchange_id as refused_exchange_id,
    e.exchange_id
from exchanges f
join exchanges e on
    e.institution_code = f.institution_code and e.operator_id = f.operator_id
    and e.integrated_number = f.integrated_number and e.spi_name_code = f.spi_name_code
where
    $institution in ('', f.institution_code)
    and f.outcome in ('NOT_PERMITTED', 'LIST_DISAGREES')
    and (e.affair_code, e.procedure_code) <> (f.affair_code, f.procedure_code)
    and e.requested_at > f.requested_at and e.requested_at <= f.requested_at + $hours::bigint * 3600000
order by f.requested_at, e.requested_at, e.exchange_id

-- name: refusals
-- ja: 提供されなかった理由ごとの件数（照会側の記録による）
-- en: why nothing was provided, by rule, from the inquirers' records
-- parameter: institution = '' (照会した機関、空は全部 / the inquirer, empty for all)
select
    r.outcome,
    r.rule,
    reason_ja(r.rule) as reason_ja,
    reason_en(r.rule) as reason_en,
    count(*) as exchanges,
    jst_text(max(r.requested_at)) as last_asked
from records r
where r.party = 'INQUIRER' and r.outcome not in ('OK', 'NON_DISCLOSED') and $institution in ('', r.institution_code)
group by all
order by exchanges desc, r.outcome, r.rule

-- name: holds
-- ja: 職員の確認を待った提供と、だれがどう判断したか
-- en: provisions that waited for a person: who decided, and how
-- parameter: institution = '' (提供した機関、空は全部 / the provider, empty for all)
select
    jst_text(p.received_at) as held_at,
    p.institution_code,
    p.state,
    p.outcome,
    p.operator_id,
    p.hold_reason,
    jst_text(r.recorded_at) as recorded_at,
    round((r.recorded_at - p.received_at) / 3600000.0, 3) as hours,
    p.exchange_id
from provisions p
left join records r on r.exchange_id = p.exchange_id and r.party = 'PROVIDER'
where p.hold_deadline_at > 0 and $institution in ('', p.institution_code)
order by p.received_at, p.exchange_id
