"""Revocations in the shared PostgreSQL: every replica refuses the tokens within a second."""

from __future__ import annotations

import asyncio
import time

import asyncpg
import pytest

from tests.revocation.conftest import Start
from tests.support.revocations import REVOKE, SIGN_IN, SIGN_OUT, kill_listeners, seconds_until, until_in_step

LIMIT = 1.0


async def test_a_deleted_session_is_refused_at_every_replica_within_a_second(
    start: Start, database: asyncpg.Connection
) -> None:
    replicas = [await start(), await start()]
    mine = [await one.person("ada", sid="phone") for one in replicas]
    others = [await one.person("ada", sid="desk") for one in replicas]
    for session in ("phone", "desk"):
        await database.execute(SIGN_IN, "ada", session)
    for client in (*mine, *others):
        assert (await client.get("/api/me/tasks")).status_code == 200
    await database.execute(SIGN_OUT, "phone")
    assert max(await asyncio.gather(*(seconds_until(client, 401) for client in mine))) < LIMIT
    answer = await mine[0].post("/api/me/tasks", json={"title": "never"})
    assert answer.status_code == 401
    assert answer.json()["code"] == "invalid_token"
    assert 'error_description="The access token was revoked"' in answer.headers["www-authenticate"]
    assert await database.fetchval("SELECT count(*) FROM public.tasks") == 0
    for client in others:
        assert (await client.get("/api/me/tasks")).status_code == 200


async def test_a_deleted_person_is_refused_with_every_token_from_before(
    start: Start, database: asyncpg.Connection
) -> None:
    replica = await start()
    before = await replica.person("ada", iat=int(time.time()) - 5)
    await database.execute(SIGN_IN, "ada", "phone")
    await database.execute('DELETE FROM auth."user"')
    assert await seconds_until(before, 401) < LIMIT
    after = await replica.person("ada", iat=int(time.time()) + 5)
    assert (await after.get("/api/me/tasks")).status_code == 200


async def test_a_notification_lost_with_its_listener_costs_no_revocation(
    start: Start, database: asyncpg.Connection
) -> None:
    replica = await start()
    mine = await replica.person("ada", sid="phone")
    await seconds_until(mine, 200)
    async with database.transaction():
        await database.execute(REVOKE, "sid", "phone")
        assert await kill_listeners(database)
    assert await seconds_until(mine, 401) < LIMIT


async def test_a_row_without_a_notification_is_found_within_a_second(
    start: Start, database: asyncpg.Connection
) -> None:
    replica = await start()
    mine = await replica.person("ada", sid="phone")
    await seconds_until(mine, 200)
    await database.execute(REVOKE, "sid", "phone")
    assert await seconds_until(mine, 401) < LIMIT


async def test_ids_that_are_committed_out_of_order_are_all_seen(
    start: Start, database: asyncpg.Connection, database_url: str
) -> None:
    replica = await start()
    first, second = await replica.person("ada", sid="first"), await replica.person("ada", sid="second")
    slow = await asyncpg.connect(database_url)
    transaction = slow.transaction()
    await transaction.start()
    await slow.execute(REVOKE, "sid", "first")  # the lower id, committed last
    await database.execute(REVOKE, "sid", "second")
    await database.execute("NOTIFY taskward_revocations")
    assert await seconds_until(second, 401) < LIMIT
    await asyncio.sleep(1.2)
    assert (await first.get("/api/me/tasks")).status_code == 200, "not committed yet"
    await slow.execute("NOTIFY taskward_revocations")
    await transaction.commit()
    assert await seconds_until(first, 401) < LIMIT
    await slow.close()


async def test_a_replica_that_starts_afterwards_knows_what_was_revoked_before(
    start: Start, database: asyncpg.Connection
) -> None:
    await database.execute(REVOKE, "sid", "phone")
    replica = await start()
    assert (await (await replica.person("ada", sid="phone")).get("/api/me/tasks")).status_code == 401


async def test_a_missing_table_is_503_and_said_until_it_is_there(start: Start, database: asyncpg.Connection) -> None:
    await database.execute("ALTER TABLE auth.revocations RENAME TO hidden")
    starting = asyncio.create_task(start(revocations_max_lag=1))
    await asyncio.sleep(0.5)
    await database.execute("ALTER TABLE auth.hidden RENAME TO revocations")
    replica = await starting
    mine = await replica.person("ada")
    assert (await mine.get("/api/me/tasks")).status_code == 200
    await database.execute("ALTER TABLE auth.revocations RENAME TO hidden")
    assert await seconds_until(mine, 503) < 3.5
    answer = await mine.get("/api/me/tasks")
    assert answer.json()["code"] == "revocations_unavailable"
    assert int(answer.headers["retry-after"]) >= 1
    await until_in_step(replica, "auth.revocations is missing or may not be read")
    await database.execute("ALTER TABLE auth.hidden RENAME TO revocations")
    assert await seconds_until(mine, 200) < 3


TRIGGERS = {
    "revoke_deleted_sessions": ("session", "after DELETE on auth.session"),
    "revoke_expired_sessions": ("session", "after UPDATE on auth.session"),
    "revoke_truncated_sessions": ("session", "before TRUNCATE on auth.session"),
    "revoke_deleted_people": ("user", "after DELETE on auth.user"),
    "revoke_banned_people": ("user", "after UPDATE on auth.user"),
    "revoke_truncated_people": ("user", "before TRUNCATE on auth.user"),
    "revoke_withdrawn_consents": ("oauthConsent", "after DELETE on auth.oauthConsent"),
}


async def test_every_missing_trigger_is_named_by_readiness(start: Start, database: asyncpg.Connection) -> None:
    replica = await start()
    for trigger, (table, event) in TRIGGERS.items():
        for how, back in (("DISABLE", "ENABLE"), ("ENABLE REPLICA", "ENABLE ALWAYS")):
            await database.execute(f'ALTER TABLE auth."{table}" {how} TRIGGER {trigger}')
            await kill_listeners(database)  # so that it reads anew
            await until_in_step(replica, f"no trigger {event}")
            await database.execute(f'ALTER TABLE auth."{table}" {back} TRIGGER {trigger}')
            await kill_listeners(database)
            await until_in_step(replica)
    await database.execute("DROP TABLE auth.session CASCADE")
    await kill_listeners(database)
    await until_in_step(replica, "auth.session is missing")


async def test_a_hundred_thousand_revocations_in_one_transaction_are_read(
    start: Start, database: asyncpg.Connection
) -> None:
    replica = await start()
    mine = await replica.person("ada", sid="s99999")
    await seconds_until(mine, 200)
    await database.execute(
        "INSERT INTO auth.revocations (kind, value, not_before, expires_at)"
        " SELECT 'sid', 's' || n, now(), now() + interval '1 hour' FROM generate_series(1, 100000) n;"
        " NOTIFY taskward_revocations, '*'"
    )
    assert await seconds_until(mine, 401) < 3


async def test_expired_rows_and_rows_taken_back_by_hand_hold_nothing(
    start: Start, database: asyncpg.Connection
) -> None:
    await database.execute(
        "INSERT INTO auth.revocations (kind, value, not_before, expires_at)"
        " VALUES ('sid', 'old', now(), now() - interval '1 second')"
    )
    replica = await start()
    assert (await (await replica.person("ada", sid="old")).get("/api/me/tasks")).status_code == 200


@pytest.mark.parametrize("off", ["off"])
async def test_without_revocations_nothing_is_asked_and_nothing_is_refused(
    start: Start, database: asyncpg.Connection, off: str
) -> None:
    await database.execute(REVOKE, "sid", "phone")
    replica = await start(revocations=off)
    assert (await (await replica.person("ada", sid="phone")).get("/api/me/tasks")).status_code == 200


async def test_a_transaction_that_was_open_while_everything_was_read_anew_is_seen_when_it_commits(
    start: Start, database: asyncpg.Connection, database_url: str
) -> None:
    replica = await start()
    first, second = await replica.person("ada", sid="first"), await replica.person("ada", sid="second")
    await seconds_until(first, 200)
    slow = await asyncpg.connect(database_url)
    transaction = slow.transaction()
    await transaction.start()
    await slow.execute(REVOKE, "sid", "first")
    await database.execute(REVOKE, "sid", "second")
    await seconds_until(second, 401)  # so the reader is connected and has looked
    ended = await database.fetch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        " AND backend_type = 'client backend' AND query !~ 'tasks' AND pid <> ALL($1::int[])",
        [database.get_server_pid(), slow.get_server_pid()],
    )
    assert ended, "the connection that comes next reads the whole list"
    await asyncio.sleep(1.5)
    assert (await first.get("/api/me/tasks")).status_code == 200, "not committed yet"
    await slow.execute("NOTIFY taskward_revocations")
    await transaction.commit()
    assert await seconds_until(first, 401) < LIMIT
    await slow.close()
