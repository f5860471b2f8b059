"""The engine when several things happen at once."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from sqlalchemy import event, text
from structlog.testing import capture_logs

from taskward.database.connecting import Connector
from taskward.database.engine import Connect, Database
from taskward.database.statement import ServerQuestion
from taskward.problems import DatabaseUnavailable

PID = "SELECT pg_backend_pid() AS pid, pg_sleep(0.05)"
READ_ONLY = "DO $$ BEGIN RAISE EXCEPTION 'now a replica' USING ERRCODE = '25006'; END $$"


def fetch(database: Database, sql: str) -> Awaitable[Any]:
    return database.ask(ServerQuestion(text(sql)))


async def pids(database: Database, requests: int) -> set[int]:
    return {rows[0]["pid"] for rows in await asyncio.gather(*(fetch(database, PID) for _ in range(requests)))}


@asynccontextmanager
async def opened(url: str, size: int, seconds: float = 5, connect: Connect | None = None) -> AsyncIterator[Database]:
    database = Database(url, pool_size=size, timeout=seconds, connect=connect)
    await database.open()
    yield database
    await database.close()


def untimed(url: str) -> Connect:
    """Opens connections without the server's own timeout for statements."""
    return lambda: asyncpg.connect(url)


async def sessions(url: str) -> int:
    """The number of sessions on this database, without the one that counts."""
    connection = await asyncpg.connect(url)
    try:
        return int(
            await connection.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
        )
    finally:
        await connection.close()


async def soon(condition: Callable[[], Awaitable[bool]], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - the state of another process is asked for
            await asyncio.sleep(0.02)


async def no_sessions(url: str) -> None:
    async def none_left() -> bool:
        return await sessions(url) == 0

    await soon(none_left)


@pytest.mark.parametrize("in_time", [False, True], ids=["fails", "is open all the same"])
async def test_a_cancelled_request_keeps_its_slot_until_the_connection_that_it_opened_is_closed(
    database_url: str, caplog: pytest.LogCaptureFixture, in_time: bool
) -> None:
    """SQLAlchemy waits up to 2 s for a connection to close that is cancelled while it is set up."""
    opening = most = 0
    slow = asyncio.Event()

    async def connect() -> Any:
        nonlocal opening, most
        opening += 1
        most = max(most, opening)
        try:
            if not slow.is_set():
                slow.set()
                await asyncio.sleep(30)
            return await asyncpg.connect(database_url)
        except asyncio.CancelledError:
            await asyncio.sleep(0.2)
            if in_time:
                return await asyncpg.connect(database_url)
            raise
        finally:
            opening -= 1

    async with opened(database_url, 1, connect=connect) as database:
        cancelled = asyncio.ensure_future(fetch(database, PID))
        await slow.wait()
        waiting = asyncio.create_task(pids(database, 3))
        cancelled.cancel()
        assert len(await waiting) == 1
        assert cancelled.cancelled()
        assert most == 1
        assert database.usage() == (1, 1)
        gc.collect()
        assert await sessions(database_url) == 1
    assert not [line for line in caplog.records if line.name.startswith("sqlalchemy")]


async def test_a_request_cancelled_while_the_server_is_probed_leaves_no_connection_open(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    probed: asyncio.Queue[Any] = asyncio.Queue()

    async def silent(self: Any, *_: Any) -> None:
        probed.put_nowait(self)
        await asyncio.sleep(30)

    monkeypatch.setattr(asyncpg.Connection, "fetchrow", silent)
    connecting = asyncio.create_task(Connector(database_url, 5).connect())
    connection = await probed.get()
    connecting.cancel()
    await asyncio.gather(connecting, return_exceptions=True)
    assert connection.is_closed()


async def test_a_server_that_becomes_a_replica_while_a_connection_is_opened_gets_no_statement_over_it(
    database_url: str,
) -> None:
    made: list[int] = []
    gate = asyncio.Event()

    async def connect() -> Any:
        connection = await asyncpg.connect(database_url)
        made.append(connection.get_server_pid())
        if len(made) == 2:
            await gate.wait()
        return connection

    async with opened(database_url, 2, connect=connect) as database:
        running = asyncio.ensure_future(fetch(database, f"{PID}, pg_sleep(0.2)"))
        await asyncio.sleep(0.1)
        late = asyncio.create_task(pids(database, 1))
        await running
        with pytest.raises(DatabaseUnavailable):
            await fetch(database, READ_ONLY)
        gate.set()
        assert not await late & set(made[:2])
        await soon(lambda: asyncio.sleep(0, database.usage() == (1, 1)))


async def test_connections_of_an_extension_leave_no_session_behind_when_the_pool_is_full(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(database_url, 1) as database:
        ours = await pids(database, 1)
        async with database.engine.connect() as first, database.engine.connect() as second:
            for connection in (first, second):
                assert await connection.scalar(text("SELECT pg_backend_pid()")) not in ours
        await soon(lambda: asyncio.sleep(0, database.usage() == (0, 0)))
        assert await sessions(database_url) == 1, "the pool keeps one, and closes ours and the other"
        assert len(await pids(database, 3)) == 1
        async with database.engine.connect() as third:
            assert await third.scalar(text("SELECT 1"))
    await no_sessions(database_url)
    assert not [line for line in caplog.records if line.name.startswith("sqlalchemy")]


async def test_a_connection_that_the_server_ended_in_the_pool_is_not_counted_as_open(database_url: str) -> None:
    async with opened(database_url, 2) as database:
        returned = asyncio.Event()
        event.listen(database.engine.sync_engine, "checkin", lambda *_: returned.set())
        ended = (await pids(database, 1)).pop()
        await returned.wait()
        assert database.usage() == (1, 1)
        connection = await asyncpg.connect(database_url)
        await connection.execute("SELECT pg_terminate_backend($1, 5000)", ended)
        await connection.close()
        await soon(lambda: asyncio.sleep(0, database.usage() == (0, 0)))


async def test_a_pool_closed_under_a_statement_that_does_not_end_has_its_size_when_it_is_opened_again(
    database_url: str,
) -> None:
    async with opened(database_url, 2, 2, untimed(database_url)) as database:
        running = [asyncio.ensure_future(fetch(database, "SELECT pg_sleep(30)")) for _ in range(2)]
        await asyncio.sleep(0)
        await asyncio.gather(database.close(), database.close())
        assert all(task.done() for task in running), "close() waits for the requests that it ends"
        for task in running:
            with pytest.raises(DatabaseUnavailable):
                await task
        for _ in range(2):
            await database.open()
            assert len(await pids(database, 8)) == 2
            await database.close()
    await soon(lambda: asyncio.sleep(0, database.usage() == (0, 0)))


async def test_a_close_that_is_cancelled_closes_the_connections_and_the_pool_can_be_opened_again(
    database_url: str,
) -> None:
    async with opened(database_url, 2, connect=untimed(database_url)) as database:
        await pids(database, 2)
        running = asyncio.ensure_future(fetch(database, "SELECT pg_sleep(30)"))
        await asyncio.sleep(0.05)
        closing = asyncio.create_task(database.close())
        await asyncio.sleep(0.05)
        closing.cancel()
        await asyncio.gather(closing, return_exceptions=True)
        with pytest.raises(DatabaseUnavailable):
            async with asyncio.timeout(4):
                await running
        assert database.usage() == (0, 0)
        await database.open()
        assert len(await pids(database, 8)) == 2


async def test_deadlines_hold_after_a_listener_to_the_pool_has_failed(
    database_url: str,
) -> None:
    """Instrumentation listens to SQLAlchemy's pool. Its errors must not end the task that watches the deadlines."""

    def failing(*_: Any) -> None:
        raise RuntimeError("a listener")

    async with opened(database_url, 1, 0.5) as database:
        await pids(database, 1)
        event.listen(database.engine.sync_engine, "checkin", failing)
        with capture_logs() as lines:
            await soon(lambda: asyncio.sleep(0, bool(lines)))
        event.remove(database.engine.sync_engine, "checkin", failing)
        began = time.monotonic()
        with pytest.raises(DatabaseUnavailable):
            async with asyncio.timeout(10):
                await fetch(database, "SELECT pg_sleep(30)")
        assert time.monotonic() - began < 5
