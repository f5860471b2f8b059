"""What people reported of SQLAlchemy's asyncio extension and of asyncpg, tried on the engine and the service."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random
import warnings
from typing import Any

import asyncpg
import pytest

from taskward.problems import DatabaseUnavailable
from tests.conftest import Person
from tests.database.test_engine import Make, fetch, make, pid  # noqa: F401 - make is a fixture
from tests.database.test_engine_races import sessions

TASKS = "/api/me/tasks"


def connections() -> int:
    """Open connections in memory."""
    return sum(type(found) is asyncpg.Connection and not found.is_closed() for found in gc.get_objects())


async def cancelled(task: asyncio.Future[Any], *, again: bool) -> None:
    """Cancel as asyncio does, once, or as anyio does: at each turn of the loop until the task is done."""
    task.cancel()
    while again and not task.done():
        await asyncio.sleep(0)
        task.cancel()


@pytest.mark.parametrize("again", [False, True])
async def test_requests_cancelled_at_any_moment_leave_no_connection_behind(
    make: Make,  # noqa: F811 - the fixture
    database_url: str,
    again: bool,
) -> None:
    """sqlalchemy/sqlalchemy#6652, #8145, #12077, #12099, #7059, #6592: sessions stayed, memory grew."""
    gc.collect()
    kept = connections()
    pool = await make(4)
    assert await pid(pool)
    before = await sessions(database_url)
    chance = random.Random(7)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # SQLAlchemy warns when the garbage collector finds a connection
        for _ in range(40):
            tasks = [asyncio.ensure_future(fetch(pool, "SELECT pg_sleep(0.003)")) for _ in range(10)]
            await asyncio.sleep(chance.random() / 100)
            await asyncio.gather(*(cancelled(task, again=again) for task in tasks if chance.random() < 0.7))
            for found in await asyncio.gather(*tasks, return_exceptions=True):
                assert not isinstance(found, BaseException) or isinstance(found, asyncio.CancelledError), repr(found)
        gc.collect()
    assert await pid(pool)
    used, idle = pool.usage()
    assert used <= 4
    assert used == idle
    for _ in range(50):
        if await sessions(database_url) <= before - 1 + used:
            break
        await asyncio.sleep(0.1)
    assert await sessions(database_url) <= before - 1 + used
    gc.collect()
    assert connections() <= kept + 4


async def test_sessions_ended_under_load_fail_their_own_requests_only(make: Make, database_url: str) -> None:  # noqa: F811
    """sqlalchemy/sqlalchemy#13241, #13381: a connection in an impossible state went back to the pool and was used."""
    pool = await make(6)
    done = False
    seen: list[BaseException] = []

    async def work() -> None:
        while not done:
            try:
                await fetch(pool, "SELECT pg_sleep(0.001), repeat('x', 20000)")
            except Exception as error:
                seen.append(error)

    workers = [asyncio.create_task(work()) for _ in range(12)]
    driver = await asyncpg.connect(database_url)
    for _ in range(60):
        await driver.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND random() < 0.5"
        )
        await asyncio.sleep(0.02)
    await driver.close()
    done = True
    await asyncio.gather(*workers)
    assert seen, "no statement was running when its session ended"
    assert {type(error) for error in seen} == {DatabaseUnavailable}
    assert len(set(await asyncio.gather(*(pid(pool) for _ in range(50))))) <= 6


async def test_everybody_may_connect_at_once_after_the_pool_was_closed_and_opened(make: Make) -> None:  # noqa: F811
    """sqlalchemy/sqlalchemy#10813, #5546: a deadlock of first connections, and no waiting for an exhausted pool."""
    pool = await make(5, seconds=20)
    for _ in range(3):
        await pool.close()
        await pool.open()
        async with asyncio.timeout(20):
            await asyncio.gather(*(pid(pool) for _ in range(60)))
        assert pool.usage()[0] <= 5


async def test_indexes_made_anew_while_their_statements_are_prepared_change_no_answer(
    alice: Person, database_url: str
) -> None:
    """sqlalchemy/sqlalchemy#6645, proliferate-ai/proliferate#702: no unique constraint matching ON CONFLICT, 500."""

    async def story(key: str) -> None:
        headers = {"idempotency-key": key}
        answers = [await alice.post(TASKS, json={"title": "a"}, headers=headers) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [201, 200]
        one = f"{TASKS}/{answers[0].json()['id']}"
        assert (await alice.get(one)).status_code == 200
        assert (await alice.get(TASKS, params={"q": "a"})).status_code == 200

    for turn in range(8):  # PostgreSQL keeps a plan from the sixth execution on
        await story(f"before {turn}")
    driver = await asyncpg.connect(database_url)
    constraints = await driver.fetch(
        "SELECT conrelid::regclass::text AS of, conname AS name, pg_get_constraintdef(oid) AS text FROM pg_constraint"
        " WHERE contype IN ('p', 'u') AND conrelid::regclass::text IN ('tasks', 'idempotency_keys')"
    )
    assert constraints
    for at, (of, name, text) in enumerate(constraints):
        with contextlib.suppress(asyncpg.DependentObjectsStillExistError):
            await driver.execute(
                f"ALTER TABLE {of} DROP CONSTRAINT {name}; ALTER TABLE {of} ADD CONSTRAINT {name} {text}"
            )
        await driver.execute(f"REINDEX TABLE {of}")
        await story(f"after {at}")
    await driver.close()
