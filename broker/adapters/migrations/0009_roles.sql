-- Who may touch what. Roles belong to the whole server, so they are made once and found by later databases.
-- chukan_owner owns every table and logs in nowhere: forced policies hold even for views and functions of the owner.
-- chukan_service is what the services log in as: they host all institutions and pass by the policies.
-- chukan_institution is what every institution's own role is a member of: it may read, and sees one institution.
do $$
begin
    if not exists (select from pg_roles where rolname = 'chukan_owner') then
        create role chukan_owner nologin noinherit nobypassrls;
    end if;
    if not exists (select from pg_roles where rolname = 'chukan_service') then
        create role chukan_service nologin noinherit bypassrls;
    end if;
    if not exists (select from pg_roles where rolname = 'chukan_institution') then
        create role chukan_institution nologin noinherit nobypassrls;
    end if;
    execute format('revoke all on database %I from public', current_database());
    execute format('grant connect on database %I to chukan_service, chukan_institution', current_database());
end
$$;
revoke all on schema public from public;
grant usage on schema public to chukan_service, chukan_institution, chukan_owner;
alter default privileges revoke execute on functions from public;
