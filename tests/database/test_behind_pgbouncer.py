"""Behind PgBouncer: no session setting changes an answer, nothing of ours leaks, and refusals have a cause."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
import httpx
import pytest
import pytest_asyncio
from asgi_lifespan import LifespanManager

from taskward.app import create_app
from taskward.database.migrate import upgrade
from taskward.embedded import EmbeddedPostgres
from tests.conftest import Person, connection
from tests.database.test_odd_databases import SETTINGS, execute, story
from tests.faults.test_database import needs_pgbouncer
from tests.support.application import settings_for
from tests.support.postgres_faults import pgbouncer
from tests.support.shell import Shell
from tokenward.testing import Issuer

pytestmark = needs_pgbouncer

TASKS = "/api/me/tasks"

#: What a pooled session cannot do without: one database for all of them, with the hardest of each.
TOGETHER = {
    "datestyle": "German",
    "timezone": "Asia/Kathmandu",
    "intervalstyle": "sql_standard",
    "standard_conforming_strings": "off",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "default_transaction_isolation": "serializable",
    "transform_null_equals": "on",
    "plan_cache_mode": "force_custom_plan",
    "idle_in_transaction_session_timeout": "5000",
}


@asynccontextmanager
async def person_behind(issuer: Issuer, url: str, **settings: Any) -> AsyncIterator[Person]:
    async with (
        httpx.AsyncClient(transport=issuer.transport()) as http,
        LifespanManager(create_app(settings_for(issuer, url, **settings), http=http)) as manager,
        Person("ada", issuer.token("ada"), **connection(manager.app)) as person,
    ):
        yield person


@pytest_asyncio.fixture
async def postgres(own_postgres: EmbeddedPostgres) -> EmbeddedPostgres:
    await asyncio.to_thread(upgrade, own_postgres.url())
    return own_postgres


@pytest.mark.parametrize("mode", ["transaction", "session"])
async def test_no_session_setting_changes_an_answer_behind_a_pooler(
    postgres: EmbeddedPostgres, issuer: Issuer, tmp_path: Path, mode: str
) -> None:
    assert set(TOGETHER) <= set(SETTINGS)
    await execute(postgres.url(), *(f"ALTER DATABASE taskward SET {name} = '{TOGETHER[name]}'" for name in TOGETHER))
    # In session mode each of our connections holds one of the server's.
    with pgbouncer(postgres, tmp_path, pool_mode=mode, pool=2 if mode == "transaction" else 20) as url:
        async with person_behind(issuer, url) as ada:
            await story(ada)


async def test_session_settings_of_the_service_do_not_reach_others_behind_a_pooler(
    postgres: EmbeddedPostgres, issuer: Issuer, tmp_path: Path
) -> None:
    names = ("statement_timeout", "plan_cache_mode", "default_transaction_isolation", "idle_session_timeout", "role")
    with pgbouncer(postgres, tmp_path, pool=1) as url:
        stranger = await asyncpg.connect(url, statement_cache_size=0)

        async def seen() -> list[str]:
            return [await stranger.fetchval("SELECT current_setting($1)", name) for name in names]

        before = await seen()
        async with person_behind(issuer, url) as ada:
            await story(ada)
            assert await seen() == before
        assert await seen() == before
        await stranger.close()


@pytest.mark.parametrize(
    ("query", "ignored", "fine"),
    [
        ("application_name=ours", "", True),
        ("search_path=public", "", False),
        ("search_path=public", "search_path", True),
        ("options=-c%20jit%3Doff", "", False),
        ("options=-c%20jit%3Doff", "options", True),
        ("statement_timeout=5000", "", False),
        ("statement_timeout=5000", "statement_timeout", True),
        ("schema=public", "", True),
        ("supa=base-pooler.x&pgbouncer=true&connection_limit=1", "", True),
    ],
)
async def test_a_parameter_that_a_pooler_refuses_is_named_with_what_to_do(
    shell: Shell, postgres: EmbeddedPostgres, tmp_path: Path, query: str, ignored: str, fine: bool
) -> None:
    with pgbouncer(postgres, tmp_path, ignore_startup_parameters=ignored or "extra_float_digits") as url:
        checked = await shell.check(DATABASE_URL=f"{url}?{query}")
        migrated = await shell.run("migrate", DATABASE_URL=f"{url}?{query}")
    assert (checked.code, migrated.code) == ((0, 0) if fine else (1, 1)), checked.out + migrated.err
    if not fine:
        for said in (checked.out, migrated.err):
            assert "ProtocolViolationError 08P01: unsupported startup parameter" in said
            assert query.partition("=")[0] in said
            assert "ignore_startup_parameters" in said


async def test_a_burst_through_a_small_pool_is_answered_in_full(
    postgres: EmbeddedPostgres, issuer: Issuer, tmp_path: Path
) -> None:
    """supabase/supabase#35684, #39227, supabase/supavisor#287, MagicStack/asyncpg#1050: no such statement."""
    with pgbouncer(postgres, tmp_path, pool=2) as url:
        async with (
            person_behind(issuer, url, database_timeout=20) as one,
            person_behind(issuer, url, database_timeout=20) as other,
        ):
            for _ in range(3):  # the first finds no connection open
                asked = [
                    person.post(TASKS, json={"title": "a"}) if turn % 3 else person.get(TASKS, params={"limit": 1})
                    for turn in range(60)
                    for person in (one, other)
                ]
                assert {answer.status_code for answer in await asyncio.gather(*asked)} == {200, 201}
            counts = (await one.get(f"{TASKS}/counts")).json()
            assert counts == {"open": 3 * 2 * 40, "completed": 0}


async def test_statement_mode_is_reported_with_what_to_do(
    shell: Shell, postgres: EmbeddedPostgres, issuer: Issuer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """There a transaction is refused, and with it the service's connections and its migrations."""
    with pgbouncer(postgres, tmp_path, pool_mode="statement") as url:
        checked, migrated = [await shell.run(command, DATABASE_URL=url) for command in ("check", "migrate")]
        for said in (checked.out, migrated.err):
            assert "transaction blocks not allowed in statement pooling mode" in said
            assert "pool_mode = transaction or session" in said
        assert (checked.code, migrated.code) == (1, 1)
        async with person_behind(issuer, url) as ada:
            answer = await ada.get("/api/me/tasks")
            assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
            assert "statement pooling mode" in "".join(capfd.readouterr())
            assert "statement pooling mode" not in answer.text


async def test_a_wrong_password_is_reported_with_the_servers_text(
    shell: Shell, postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    with pgbouncer(postgres, tmp_path) as pooled:
        for url, word in ((postgres.url(), "password authentication failed"), (pooled, "password")):
            user, _, rest = url.removeprefix("postgresql://").partition("@")
            for password in ("hunter2", quote("hunter2/@:?", safe="")):
                wrong = f"postgresql://{user.partition(':')[0]}:{password}@{rest}"
                for command in ("check", "migrate"):
                    done = await shell.run(command, DATABASE_URL=wrong)
                    said = done.out + done.err
                    assert done.code == 1, said
                    assert word in said, said
                    assert "Is PostgreSQL up" not in said, "the server has answered"


async def test_a_pooler_whose_server_is_away_says_so_and_recovers(
    shell: Shell, postgres: EmbeddedPostgres, issuer: Issuer, tmp_path: Path
) -> None:
    assert shutil.which("pgbouncer")
    with pgbouncer(postgres, tmp_path) as url:
        async with person_behind(issuer, url, database_timeout=3) as ada:
            assert (await ada.get("/api/me/tasks")).status_code == 200
            await asyncio.to_thread(postgres.stop)
            answer = await ada.get("/api/me/tasks")
            assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
            assert (await shell.check(DATABASE_URL=url, DATABASE_TIMEOUT="3")).code == 1
            await asyncio.to_thread(postgres.start)
            for _ in range(100):
                if (await ada.get("/api/me/tasks")).status_code == 200:
                    break
                await asyncio.sleep(0.1)
            await story(ada)
