
create table if not exists auth.revocations (
  id bigint generated always as identity primary key,
  kind text not null check (kind in ('sid', 'sub', 'grant')),
  value text not null,
  not_before timestamptz not null,
  expires_at timestamptz not null
);
-- Ids may be committed out of order. The transaction tells what a reader with an older snapshot cannot have seen.
alter table auth.revocations add column if not exists xid xid8 not null default pg_current_xact_id();
create index if not exists revocations_xid on auth.revocations (xid);
create index if not exists revocations_expires_at on auth.revocations (expires_at);
comment on table auth.revocations is
  'Tokens that ended before their time. sid: of this session; sub: of this person, issued before not_before; grant: person id, a space, client id.';

create table if not exists auth.farewells (
  user_id text primary key,
  said_at timestamptz not null default clock_timestamp(),
  sweep_at timestamptz not null default clock_timestamp()
);
comment on table auth.farewells is 'People who are being deleted or were: their tasks are deleted again once no token can write any.';

create or replace function auth.revoke(
  revoked_kind text, revoked text[], since timestamptz default clock_timestamp()
) returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  made bigint[];
  one bigint;
begin
  if coalesce(cardinality(revoked), 0) = 0 then return; end if;
  with written as (
    insert into auth.revocations (kind, value, not_before, expires_at)
    select revoked_kind, ended, since, clock_timestamp() + interval '1500 seconds'
    from unnest(revoked) as ended
    returning id
  ) select array_agg(id) into made from written;
  if cardinality(made) > 100 then
    perform pg_notify('taskward_revocations', '*');
  else
    foreach one in array made loop
      perform pg_notify('taskward_revocations', one::text);
    end loop;
  end if;
  delete from auth.revocations where id in (
    select id from auth.revocations where expires_at < clock_timestamp()
    order by expires_at limit 1000 for update skip locked
  );
end $$;
revoke all on function auth.revoke(text, text[], timestamptz) from public;

create or replace function auth.revoke_deleted_sessions() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform auth.revoke('sid', array(select id from gone where "expiresAt" > clock_timestamp()));
  return null;
end $$;
create or replace trigger revoke_deleted_sessions after delete on auth.session referencing old table as gone for each statement execute function auth.revoke_deleted_sessions();

create or replace function auth.revoke_expired_sessions() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform auth.revoke('sid', array[old.id]);
  return null;
end $$;
create or replace trigger revoke_expired_sessions after update of "expiresAt" on auth.session for each row
       when (old."expiresAt" > now() and new."expiresAt" <= clock_timestamp()) execute function auth.revoke_expired_sessions();

create or replace function auth.revoke_truncated_sessions() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform auth.revoke('sid', array(select id from auth.session where "expiresAt" > clock_timestamp()));
  return null;
end $$;
create or replace trigger revoke_truncated_sessions before truncate on auth.session for each statement execute function auth.revoke_truncated_sessions();

create or replace function auth.revoke_deleted_people() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform auth.revoke('sub', array(select id from gone));
  insert into auth.farewells (user_id) select id from gone on conflict (user_id) do update set said_at = clock_timestamp(), sweep_at = clock_timestamp();
  return null;
end $$;
create or replace trigger revoke_deleted_people after delete on auth."user" referencing old table as gone for each statement execute function auth.revoke_deleted_people();

create or replace function auth.revoke_truncated_people() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform auth.revoke('sub', array(select id from auth."user"));
  insert into auth.farewells (user_id) select id from auth."user" on conflict (user_id) do update set said_at = clock_timestamp(), sweep_at = clock_timestamp();
  return null;
end $$;
create or replace trigger revoke_truncated_people before truncate on auth."user" for each statement execute function auth.revoke_truncated_people();

create or replace function auth.revoke_banned_people() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform auth.revoke('sub', array(
    select later.id from later join earlier using (id) where later.banned and earlier.banned is not true));
  delete from auth.session where "userId" in (
    select later.id from later join earlier using (id) where later.banned and earlier.banned is not true);
  return null;
end $$;
create or replace trigger revoke_banned_people after update on auth."user" referencing old table as earlier new table as later for each statement execute function auth.revoke_banned_people();

create or replace function auth.revoke_withdrawn_consents() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform auth.revoke('grant', array(
    select "userId" || ' ' || "clientId" from gone where "userId" is not null));
  return null;
end $$;
create or replace trigger revoke_withdrawn_consents after delete on auth."oauthConsent" referencing old table as gone for each statement execute function auth.revoke_withdrawn_consents();
