/** The table of revocations and the triggers that write it, as SQL that may run any number of times. */
import { SCHEMA } from "../database";
import { REVOCATION_LEEWAY_S, TOKEN_LIFE_S } from "../token-life";

/** The channel of NOTIFY. The payload is the id of a row, or `*` when one statement ended more than `MANY`. */
export const CHANNEL = "taskward_revocations";
const MANY = 100;
const PRUNED_AT_ONCE = 1_000;

const TABLES = `
create table if not exists ${SCHEMA}.revocations (
  id bigint generated always as identity primary key,
  kind text not null check (kind in ('sid', 'sub', 'grant')),
  value text not null,
  not_before timestamptz not null,
  expires_at timestamptz not null
);
-- Ids may be committed out of order. The transaction tells what a reader with an older snapshot cannot have seen.
alter table ${SCHEMA}.revocations add column if not exists xid xid8 not null default pg_current_xact_id();
create index if not exists revocations_xid on ${SCHEMA}.revocations (xid);
create index if not exists revocations_expires_at on ${SCHEMA}.revocations (expires_at);
comment on table ${SCHEMA}.revocations is
  'Tokens that ended before their time. sid: of this session; sub: of this person, issued before not_before; grant: person id, a space, client id.';

create table if not exists ${SCHEMA}.farewells (
  user_id text primary key,
  said_at timestamptz not null default clock_timestamp(),
  sweep_at timestamptz not null default clock_timestamp()
);
comment on table ${SCHEMA}.farewells is 'People who are being deleted or were: their tasks are deleted again once no token can write any.';
`;

/** Triggers are SECURITY DEFINER: whichever role deletes a session, the revocation is written. */
const DEFINER = "language plpgsql security definer set search_path = pg_catalog, pg_temp";

const REVOKE = `
create or replace function ${SCHEMA}.revoke(
  revoked_kind text, revoked text[], since timestamptz default clock_timestamp()
) returns void ${DEFINER} as $$
declare
  made bigint[];
  one bigint;
begin
  if coalesce(cardinality(revoked), 0) = 0 then return; end if;
  with written as (
    insert into ${SCHEMA}.revocations (kind, value, not_before, expires_at)
    select revoked_kind, ended, since, clock_timestamp() + interval '${TOKEN_LIFE_S + REVOCATION_LEEWAY_S} seconds'
    from unnest(revoked) as ended
    returning id
  ) select array_agg(id) into made from written;
  if cardinality(made) > ${MANY} then
    perform pg_notify('${CHANNEL}', '*');
  else
    foreach one in array made loop
      perform pg_notify('${CHANNEL}', one::text);
    end loop;
  end if;
  delete from ${SCHEMA}.revocations where id in (
    select id from ${SCHEMA}.revocations where expires_at < clock_timestamp()
    order by expires_at limit ${PRUNED_AT_ONCE} for update skip locked
  );
end $$;
revoke all on function ${SCHEMA}.revoke(text, text[], timestamptz) from public;
`;

/** A function without arguments that a trigger calls, and the trigger. */
function trigger(name: string, when: string, body: string): string {
  return `
create or replace function ${SCHEMA}.${name}() returns trigger ${DEFINER} as $$
begin
  ${body}
  return null;
end $$;
create or replace trigger ${name} ${when} execute function ${SCHEMA}.${name}();
`;
}

const FAREWELL = `on conflict (user_id) do update set said_at = clock_timestamp(), sweep_at = clock_timestamp()`;

const TRIGGERS = [
  trigger(
    "revoke_deleted_sessions",
    `after delete on ${SCHEMA}.session referencing old table as gone for each statement`,
    `perform ${SCHEMA}.revoke('sid', array(select id from gone where "expiresAt" > clock_timestamp()));`,
  ),
  // A session can also be ended where it stands, by an UPDATE of its end.
  trigger(
    "revoke_expired_sessions",
    `after update of "expiresAt" on ${SCHEMA}.session for each row
       when (old."expiresAt" > now() and new."expiresAt" <= clock_timestamp())`,
    `perform ${SCHEMA}.revoke('sid', array[old.id]);`,
  ),
  trigger(
    "revoke_truncated_sessions",
    `before truncate on ${SCHEMA}.session for each statement`,
    `perform ${SCHEMA}.revoke('sid', array(select id from ${SCHEMA}.session where "expiresAt" > clock_timestamp()));`,
  ),
  trigger(
    "revoke_deleted_people",
    `after delete on ${SCHEMA}."user" referencing old table as gone for each statement`,
    `perform ${SCHEMA}.revoke('sub', array(select id from gone));
  insert into ${SCHEMA}.farewells (user_id) select id from gone ${FAREWELL};`,
  ),
  trigger(
    "revoke_truncated_people",
    `before truncate on ${SCHEMA}."user" for each statement`,
    `perform ${SCHEMA}.revoke('sub', array(select id from ${SCHEMA}."user"));
  insert into ${SCHEMA}.farewells (user_id) select id from ${SCHEMA}."user" ${FAREWELL};`,
  ),
  // Deactivated: what was signed in is signed out, and no older token of this person is believed.
  trigger(
    "revoke_banned_people",
    `after update on ${SCHEMA}."user" referencing old table as earlier new table as later for each statement`,
    `perform ${SCHEMA}.revoke('sub', array(
    select later.id from later join earlier using (id) where later.banned and earlier.banned is not true));
  delete from ${SCHEMA}.session where "userId" in (
    select later.id from later join earlier using (id) where later.banned and earlier.banned is not true);`,
  ),
];

/** Better Auth's OAuth provider keeps one row for each client that a person has let in. */
const CONSENT = trigger(
  "revoke_withdrawn_consents",
  `after delete on ${SCHEMA}."oauthConsent" referencing old table as gone for each statement`,
  `perform ${SCHEMA}.revoke('grant', array(
    select "userId" || ' ' || "clientId" from gone where "userId" is not null));`,
);

/** Runs after Better Auth's own migration, whose tables the triggers are on. */
export function revocationsSchema(hasConsents: boolean): string {
  return [TABLES, REVOKE, ...TRIGGERS, ...(hasConsents ? [CONSENT] : [])].join("");
}
