"""The engine under random requests, cancellations and lost connections: nothing leaks, and every slot comes back."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from taskward.database.engine import Database
from taskward.problems import DatabaseUnavailable
from tests.database.test_engine_races import READ_ONLY, fetch, no_sessions, opened, pids, sessions, soon

SECONDS = 1.0
STATEMENTS = [
    *["SELECT 1"] * 12,
    *["SELECT pg_sleep(0.02)"] * 4,
    "SELECT pg_sleep(30)",
    "SELECT 1/0",
    "SELECT pg_terminate_backend(pg_backend_pid())",
    "DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END $$",
    READ_ONLY,
]


async def request(database: Database, sql: str) -> None:
    with contextlib.suppress(DatabaseUnavailable, asyncpg.DivisionByZeroError):
        await fetch(database, sql)


async def cancelled(database: Database, sql: str, after: float, turns: int) -> None:
    task = asyncio.create_task(request(database, sql))
    await asyncio.sleep(after)
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def extension(database: Database, seconds: float) -> None:
    with contextlib.suppress(DBAPIError):
        async with database.engine.connect() as connection:
            await connection.scalar(text("SELECT 1"))
            await asyncio.sleep(seconds)


async def cut(url: str, number: int) -> None:
    """The server ends one of the pool's sessions."""
    connection = await asyncpg.connect(url)
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
        "AND application_name = 'taskward' ORDER BY pid % $1, pid LIMIT 1",
        number,
    )
    await connection.close()


@pytest.mark.parametrize("seed", [1, 4, 5])
async def test_after_random_requests_every_slot_works_and_the_server_has_no_session_that_the_pool_does_not_know(
    database_url: str, caplog: pytest.LogCaptureFixture, seed: int
) -> None:
    chance = random.Random(seed)
    size = chance.choice([1, 2, 4])
    beside = chance.random() < 0.5  # whether an extension uses connections too
    url = f"{database_url}?sslmode=disable"  # asyncpg logs an error if it is cancelled while it asks for TLS

    async with opened(url, size, 1) as database:
        acts: list[Callable[[], Awaitable[Any]]] = [
            *[lambda: request(database, chance.choice(STATEMENTS))] * 10,
            *[lambda: cancelled(database, chance.choice(STATEMENTS), chance.random() / 50, chance.randrange(4))] * 10,
            lambda: cut(url, chance.randrange(1, 9)),
        ]
        if beside:
            acts.append(lambda: extension(database, chance.random() / 20))
        running: set[asyncio.Future[Any]] = set()
        end = asyncio.get_running_loop().time() + SECONDS
        while asyncio.get_running_loop().time() < end:
            task = asyncio.ensure_future(chance.choice(acts)())
            running.add(task)
            task.add_done_callback(running.discard)
            await asyncio.sleep(chance.choice([0, 0, 0.001, 0.01]) if len(running) < 30 else 0.02)
            assert database.usage()[0] <= size or beside
        async with asyncio.timeout(10):
            await asyncio.gather(*running, return_exceptions=True)
        for _ in range(2):
            assert len(await pids(database, size * 3)) <= size

        async def agree() -> bool:
            return await sessions(database_url) == database.usage()[0] or beside

        await soon(agree)
        assert len(await pids(database, size)) == size
    assert database.usage() == (0, 0)
    await no_sessions(database_url)
    assert not [line for line in caplog.records if line.name.startswith("sqlalchemy")]
