"""Databases with other settings, encodings or tables: the answers are the same, or a text says what to do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio
from asgi_lifespan import LifespanManager

from taskward.app import create_app
from taskward.database.engine import Database
from taskward.database.migrate import Unfit, upgrade
from taskward.database.schema import REVISION
from taskward.embedded import EmbeddedPostgres
from taskward.operating.health import check_migrated
from tests.conftest import Person, connection
from tests.support.application import settings_for
from tests.support.postgres import Databases
from tests.support.shell import Shell
from tokenward.testing import Issuer

SETTINGS = {
    "datestyle": ["German", "SQL, DMY", "Postgres, MDY"],
    "timezone": ["Asia/Kathmandu", "America/St_Johns", "PST8PDT"],
    "intervalstyle": ["sql_standard", "iso_8601"],
    "standard_conforming_strings": ["off"],
    "backslash_quote": ["on"],
    "escape_string_warning": ["on"],
    "bytea_output": ["escape"],
    "extra_float_digits": ["-15"],
    "quote_all_identifiers": ["on"],
    "transform_null_equals": ["on"],
    "default_transaction_isolation": ["serializable", "repeatable read"],
    "default_transaction_deferrable": ["on"],
    "client_encoding": ["LATIN1", "SQL_ASCII"],
    "client_min_messages": ["debug5"],
    "search_path": ["public, pg_catalog", '"$user", public', "nowhere, public"],
    "array_nulls": ["off"],
    "enable_seqscan": ["off"],
    "enable_indexscan": ["off"],
    "jit": ["on"],
    "row_security": ["off"],
    "xmlbinary": ["hex"],
    "plan_cache_mode": ["force_custom_plan"],
    "idle_in_transaction_session_timeout": ["100"],
    "idle_session_timeout": ["250"],
    "lock_timeout": ["5000"],
    "statement_timeout": ["2000"],
    "transaction_timeout": ["2000"],
    "check_function_bodies": ["off"],
    "constraint_exclusion": ["off"],
    "default_statistics_target": ["1"],
    "from_collapse_limit": ["1"],
    "work_mem": ["64"],
    "temp_buffers": ["100"],
    "max_parallel_workers_per_gather": ["4"],
    "debug_parallel_query": ["on"],
    "enable_material": ["off"],
    "lc_time": ["C"],
    "lc_numeric": ["C"],
    "default_text_search_config": ["pg_catalog.german"],
    "xmloption": ["document"],
    "synchronous_commit": ["off"],
    "tcp_keepalives_idle": ["1"],
    "application_name": ["somebody else"],
}
CASES = [(name, value) for name, values in SETTINGS.items() for value in values]


async def execute(url: str, *statements: str) -> None:
    driver = await asyncpg.connect(url)
    try:
        for statement in statements:
            await driver.execute(statement)
    finally:
        await driver.close()


def name_of(url: str) -> str:
    return url.rpartition("/")[2].partition("?")[0]


@pytest_asyncio.fixture
async def ada(issuer: Issuer, database_url: str, request: pytest.FixtureRequest) -> AsyncIterator[Person]:
    """A person of a service whose database has the setting of this test."""
    name, value = request.param
    shown = value if name == "search_path" else "'" + value + "'"
    await execute(database_url, f'ALTER DATABASE "{name_of(database_url)}" SET {name} = {shown}')
    async with (
        httpx.AsyncClient(transport=issuer.transport()) as http,
        LifespanManager(create_app(settings_for(issuer, database_url), http=http)) as manager,
        Person("ada", issuer.token("ada"), **connection(manager.app)) as person,
    ):
        yield person


async def story(ada: Person, idle: float = 0) -> None:
    """Every kind of statement that there is, with answers that depend on how values are read and written."""
    text = "50% of_it \\ 'quoted' \"twice\" ! É 文 👍"
    made = await ada.post("/api/me/tasks", json={"title": text, "description": text}, headers={"idempotency-key": "k"})
    assert made.status_code == 201
    task = made.json()
    assert (
        await ada.post("/api/me/tasks", json={"title": text, "description": text}, headers={"idempotency-key": "k"})
    ).json() == task
    assert task["created_at"].endswith("Z")
    assert made.headers["etag"] == f'"{task["updated_at"]}"'
    for part in ("50% OF", "of_it", "\\ '", '"TWICE"', "!", "é", "文", "👍"):
        assert (await ada.get("/api/me/tasks", params={"q": part})).json()["items"] == [task], part
    for part in ("50_", "o%it", "\\\\", "!!"):
        assert (await ada.get("/api/me/tasks", params={"q": part})).json()["items"] == [], part
    await asyncio.sleep(idle)  # longer than a server may let a session be idle
    path = f"/api/me/tasks/{task['id']}"
    assert (await ada.get(path, headers={"if-none-match": made.headers["etag"]})).status_code == 304
    changed = await ada.patch(path, json={"completed": True}, headers={"if-match": made.headers["etag"]})
    assert changed.status_code == 200
    assert (await ada.put(path, json={"title": "x"}, headers={"if-match": made.headers["etag"]})).status_code == 412
    assert (await ada.get("/api/me/tasks/counts")).json() == {"open": 0, "completed": 1}
    both = await asyncio.gather(
        *(ada.patch(f"{path}/complete", json={"completed": flag}) for flag in [True, False] * 5)
    )
    assert {answer.status_code for answer in both} == {200}, "concurrent changes wait for one another"
    until = (await ada.get(path)).json()["updated_at"]
    for state in ("true", "false"):
        cleared = await ada.delete("/api/me/tasks", params={"completed": state, "until": until})
        assert cleared.status_code == 200
    assert (await ada.get("/api/me/tasks")).json()["items"] == []
    assert (await ada.get("/readyz")).status_code == 200


@pytest.mark.parametrize(
    ("ada", "idle"),
    [(case, case[0] == "idle_session_timeout") for case in CASES],
    indirect=["ada"],
    ids=[f"{name}={value}" for name, value in CASES],
)
async def test_no_session_setting_of_a_database_changes_an_answer(ada: Person, idle: bool) -> None:
    await story(ada, idle=0.3 if idle else 0)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}={case[1]}")
async def test_no_session_setting_of_a_database_stops_a_migration(
    empty_database_url: str, case: tuple[str, str]
) -> None:
    name, value = case
    shown = value if name == "search_path" else "'" + value + "'"
    await execute(empty_database_url, f'ALTER DATABASE "{name_of(empty_database_url)}" SET {name} = {shown}')
    await asyncio.to_thread(upgrade, empty_database_url)
    db = Database(empty_database_url, timeout=10)
    await db.open()
    await check_migrated(db, REVISION)
    await db.close()


@pytest.mark.parametrize("limit", ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"])
async def test_a_migration_waits_for_another_however_little_time_requests_have(
    empty_database_url: str, limit: str
) -> None:
    await execute(empty_database_url, f"ALTER DATABASE \"{name_of(empty_database_url)}\" SET {limit} = '500ms'")
    other = await asyncpg.connect(empty_database_url)
    await other.execute("SET idle_in_transaction_session_timeout = 0; BEGIN; SELECT pg_advisory_xact_lock(7261539402)")
    migrating = asyncio.create_task(asyncio.to_thread(upgrade, empty_database_url))
    await asyncio.sleep(1.5)
    assert not migrating.done()
    await other.close()
    await migrating
    await execute(empty_database_url, "SELECT FROM tasks")


# --- The version table -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("revision", ["0001", "ae1027a6acf", "9999"])
async def test_another_programs_alembic_version_is_left_alone_and_says_nothing_of_us(
    shell: Shell,
    empty_database_url: str,
    revision: str,
) -> None:
    await execute(
        empty_database_url,
        "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)",
        "INSERT INTO alembic_version VALUES ('0001')",
        f"UPDATE alembic_version SET version_num = '{revision}'",  # noqa: S608 - one of the three above
    )
    checked = await shell.check(DATABASE_URL=empty_database_url)
    assert checked.code == 1
    assert "✗ migrations: missing" in checked.out
    assert (await shell.run("serve", DATABASE_URL=empty_database_url)).code == 3
    assert (await shell.run("migrate", DATABASE_URL=empty_database_url)).code == 0
    assert (await shell.check(DATABASE_URL=empty_database_url)).code == 0
    driver = await asyncpg.connect(empty_database_url)
    assert await driver.fetchval("SELECT version_num FROM alembic_version") == revision
    assert await driver.fetchval("SELECT count(*) FROM tasks") == 0
    await driver.close()


async def test_a_database_of_the_former_version_goes_on_without_losing_a_task(shell: Shell, database_url: str) -> None:
    await execute(
        database_url,
        "ALTER TABLE taskward_version RENAME TO alembic_version",
        "ALTER TABLE alembic_version RENAME CONSTRAINT taskward_version_pkc TO alembic_version_pkc",
        "UPDATE alembic_version SET version_num = '0001'",
        "DROP TABLE used_proofs",
        "INSERT INTO tasks (user_id, id, title) VALUES ('ada', gen_random_uuid(), 'kept')",
    )
    assert (await shell.run("serve")).code == 3
    assert (await shell.run("migrate")).code == 0
    assert (await shell.check()).code == 0
    driver = await asyncpg.connect(database_url)
    assert await driver.fetchval("SELECT title FROM tasks") == "kept"
    assert await driver.fetchval("SELECT version_num FROM alembic_version") == "0001", "former replicas still read it"
    await driver.close()


@pytest.mark.parametrize("table", ["tasks", "idempotency_keys", "used_proofs"])
async def test_missing_tables_are_reported_even_with_the_right_revision(
    shell: Shell,
    database_url: str,
    table: str,
) -> None:
    await execute(database_url, f"DROP TABLE {table}")
    checked = await shell.check()
    assert (checked.code, "✗ migrations: missing" in checked.out) == (1, True)
    assert (await shell.run("serve")).code == 3


async def test_another_programs_table_of_our_name_is_named_and_left_alone(
    shell: Shell, empty_database_url: str
) -> None:
    await execute(empty_database_url, "CREATE TABLE tasks (theirs int)", "INSERT INTO tasks VALUES (1)")
    done = await shell.run("migrate", DATABASE_URL=empty_database_url)
    assert done.code == 1
    assert 'relation "tasks" already exists' in done.err
    assert "?schema=" in done.err
    await execute(empty_database_url, "CREATE SCHEMA own")
    there = f"{empty_database_url}?schema=own"
    assert (await shell.run("migrate", DATABASE_URL=there)).code == 0
    assert (await shell.check(DATABASE_URL=there)).code == 0


# --- Encodings, and causes in words ----------------------------------------------------------------------------------


@pytest_asyncio.fixture(params=["LATIN1", "SQL_ASCII", "WIN1251", "EUC_JP"])
async def encoded(databases: Databases, request: pytest.FixtureRequest) -> AsyncIterator[tuple[str, str]]:
    name = f"taskward_encoded_{request.param.lower()}"
    await databases.connection.execute(f'DROP DATABASE IF EXISTS "{name}"')
    await databases.connection.execute(
        f"CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING '{request.param}' "
        "LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C'"
    )
    url = databases.server.rpartition("/")[0] + f"/{name}"
    yield request.param, url
    await databases.drop(url)


async def test_a_database_of_another_encoding_is_refused_before_anything_is_stored(
    shell: Shell,
    encoded: tuple[str, str],
) -> None:
    encoding, url = encoded
    done = await shell.run("migrate", DATABASE_URL=url)
    assert done.code == 1
    assert f"its encoding is {encoding}" in done.err
    checked = await shell.check(DATABASE_URL=url)
    assert checked.code == 1
    assert f"✗ database encoding: {encoding}" in checked.out
    driver = await asyncpg.connect(url)
    assert await driver.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    await driver.close()
    with pytest.raises(Unfit):
        await asyncio.to_thread(upgrade, url)


async def test_check_reports_odd_settings_as_text_and_as_json(shell: Shell, database_url: str) -> None:
    await execute(
        database_url,
        f"ALTER DATABASE \"{name_of(database_url)}\" SET datestyle = 'German'",
        f'ALTER DATABASE "{name_of(database_url)}" SET default_transaction_read_only = on',
    )
    url = f"{database_url}?supa=base-pooler.x&uselibpqcompat=true"
    done = await shell.check(DATABASE_URL=url)
    assert done.code == 1
    assert "parameters not sent: supa, uselibpqcompat" in done.out
    assert "✗ database session: default_transaction_read_only is on" in done.out
    assert "DateStyle=German" in done.out
    told: dict[str, Any] = json.loads((await shell.check("--json", DATABASE_URL=url)).out)
    assert told["ok"] is False
    assert {finding["check"] for finding in told["findings"]} >= {"configuration", "database", "migrations", "keys"}
    assert all(set(finding) == {"check", "ok", "seen", "advice"} for finding in told["findings"])
    bad = await shell.check("--json", JWT_ISSUER="")
    assert (bad.code, json.loads(bad.out)["findings"][0]["check"]) == (2, "configuration")


async def test_the_cause_of_a_refusal_is_said_in_the_servers_words(
    shell: Shell, own_postgres: EmbeddedPostgres
) -> None:
    url = own_postgres.url()
    absent = url.rpartition("/")[0] + "/nowhere"
    for command in ("migrate", "check"):
        done = await shell.run(command, DATABASE_URL=absent)
        assert done.code == 1
        assert 'InvalidCatalogNameError 3D000: database "nowhere" does not exist' in done.out + done.err
    done = await shell.check(DATABASE_URL=f"{url}?options=-c%20nonsense%3D1")
    assert 'unrecognized configuration parameter "nonsense"' in done.out


@pytest.mark.parametrize("variable", [{"PGPORT": "x"}, {"PGSSLMODE": "perhaps"}, {"PGTARGETSESSIONATTRS": "perhaps"}])
@pytest.mark.parametrize("command", ["migrate", "check", "serve"])
async def test_a_variable_of_libpq_that_cannot_be_read_is_said(
    shell: Shell, command: str, variable: dict[str, str]
) -> None:
    done = await shell.run(command, DATABASE_URL="postgresql://u@127.0.0.1/d", DATABASE_TIMEOUT="1", **variable)
    assert done.code == (2 if command == "serve" else 1), done.err
