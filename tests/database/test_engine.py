"""The engine: choice of connections, lost servers and cancelled requests."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import event, text

from taskward.database.engine import Database
from taskward.database.statement import ServerQuestion
from taskward.problems import DatabaseUnavailable
from tests.support.postgres import Databases

Make = Callable[..., Awaitable[Database]]


@pytest_asyncio.fixture
async def make(database_url: str) -> AsyncIterator[Make]:
    """`await make(size, seconds)`: a pool on a database of the test's own, closed with the test; `opened` counts."""
    made: list[Database] = []

    async def open_one(size: int = 2, seconds: float = 5, idle: float = 300) -> Database:
        async def connect() -> Any:
            counted.opened += 1
            return await asyncpg.connect(database_url)

        class Counted(Database):
            opened = 0

        counted = Counted(database_url, pool_size=size, timeout=seconds, idle=idle, connect=connect)
        made.append(counted)
        await counted.open()
        return counted

    yield open_one
    for database in made:
        await database.close()


def fetch(database: Database, sql: str) -> Awaitable[Any]:
    return database.ask(ServerQuestion(text(sql)))


async def pid(database: Database) -> int:
    return int((await fetch(database, "SELECT pg_backend_pid() AS pid"))[0]["pid"])


async def test_sequential_statements_use_one_connection(make: Make) -> None:
    pool = await make(5)
    assert len({await pid(pool) for _ in range(10)}) == 1
    assert pool.usage() == (1, 1)


class Pooled:
    """What SQLAlchemy's pool tells: how often a connection was taken from it and returned to it."""

    def __init__(self, database: Database) -> None:
        self.taken = self.returned = 0
        event.listen(database.engine.sync_engine, "checkout", self._take)
        event.listen(database.engine.sync_engine, "checkin", self._return)

    def _take(self, *_: Any) -> None:
        self.taken += 1

    def _return(self, *_: Any) -> None:
        self.returned += 1

    async def all_returned(self) -> None:
        async with asyncio.timeout(10):
            while self.returned < self.taken:  # noqa: ASYNC110 - SQLAlchemy calls, and knows no asyncio.Event
                await asyncio.sleep(0.01)


async def test_a_connection_stays_checked_out_while_requests_follow_one_another_and_then_returns_to_the_pool(
    make: Make,
) -> None:
    database = await make(2)
    pooled = Pooled(database)
    before = {await pid(database) for _ in range(20)}
    assert (pooled.taken, pooled.returned) == (1, 0)
    await pooled.all_returned()
    assert database.usage() == (1, 1)
    assert {await pid(database)} == before, "the pool hands out the same connection"
    assert (pooled.taken, database.opened) == (2, 1)


async def test_a_connection_lost_in_the_pool_is_replaced_without_a_failed_request(
    make: Make, database_url: str
) -> None:
    database = await make(2)
    pooled = Pooled(database)
    before = await pid(database)
    await pooled.all_returned()
    await end_session(database_url, before)
    assert await pid(database) != before
    assert database.usage() == (1, 1)


async def test_another_user_of_the_engine_gets_a_connection_that_no_request_uses(make: Make) -> None:
    """An extension may work with SQLAlchemy's own connections beside the requests."""
    database = await make(2)
    pooled = Pooled(database)
    before = await pid(database)
    async with database.engine.connect() as connection:
        assert await connection.scalar(text("SELECT pg_backend_pid()")) != before
        assert await pid(database) == before
    await pooled.all_returned()
    async with database.engine.connect() as connection:
        assert await connection.scalar(text("SELECT pg_backend_pid()"))


@pytest.mark.parametrize("returned", [False, True])
async def test_closing_closes_the_connections_that_are_checked_out_and_those_in_the_pool(
    make: Make, database_url: str, caplog: pytest.LogCaptureFixture, returned: bool
) -> None:
    database = await make(3)
    pooled = Pooled(database)
    processes = {row[0][0] for row in await asyncio.gather(*(fetch(database, SLOW_PID) for _ in range(3)))}
    if returned:
        await pooled.all_returned()
    await database.close()
    connection = await asyncpg.connect(database_url)
    async with asyncio.timeout(10):
        while await connection.fetchval(  # noqa: ASYNC110 - the state of another process is asked for
            "SELECT count(*) FROM pg_stat_activity WHERE pid = any($1)", processes
        ):
            await asyncio.sleep(0.01)
    await connection.close()
    assert database.usage() == (0, 0)
    assert not caplog.records


async def test_there_are_never_more_connections_than_slots_and_every_request_is_served(make: Make) -> None:
    pool = await make(3)
    rows = await asyncio.gather(*(fetch(pool, "SELECT pg_backend_pid(), pg_sleep(0.01)") for _ in range(30)))
    assert len({row[0][0] for row in rows}) == 3
    assert (pool.opened, pool.usage()) == (3, (3, 3))


async def test_waiters_get_slots_in_order(make: Make) -> None:
    pool, order = await make(1), list[int]()

    async def ask(number: int) -> None:
        await fetch(pool, "SELECT 1")
        order.append(number)

    await asyncio.gather(*(ask(number) for number in range(10)))
    assert order == list(range(10))


async def test_an_error_of_the_servers_leaves_the_connection_fit(make: Make) -> None:
    pool = await make()
    before = await pid(pool)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await fetch(pool, "SELECT 1/0")
    assert await pid(pool) == before


async def test_a_connection_lost_while_idle_is_replaced_without_a_failed_request(make: Make, database_url: str) -> None:
    pool = await make()
    before = await pid(pool)
    await end_session(database_url, before)
    assert await pid(pool) != before
    assert pool.usage() == (1, 1)


async def test_a_connection_lost_under_a_statement_fails_that_one_only(make: Make, database_url: str) -> None:
    pool = await make(1)
    running = asyncio.ensure_future(fetch(pool, "SELECT pg_backend_pid(), pg_sleep(30)"))
    waiting = asyncio.create_task(pid(pool))
    await end_session(database_url, await pid_running(database_url))
    with pytest.raises(DatabaseUnavailable):
        await running
    assert await waiting
    assert pool.usage() == (1, 1)


async def test_a_cancelled_request_takes_its_connection_with_it_and_the_next_is_served(
    make: Make, database_url: str
) -> None:
    pool = await make(1)
    running = asyncio.ensure_future(fetch(pool, "SELECT pg_backend_pid(), pg_sleep(30)"))
    waiting = asyncio.create_task(pid(pool))
    lost = await pid_running(database_url)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await waiting != lost
    assert pool.usage() == (1, 1)


async def test_a_discarded_connection_is_no_line_in_the_log(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    pool = await make(1)
    assert await pid(pool)
    with caplog.at_level("INFO"):
        request = asyncio.ensure_future(fetch(pool, "SELECT pg_sleep(5)"))
        await asyncio.sleep(0.05)
        request.cancel()
        await asyncio.gather(request, return_exceptions=True)
    assert pool.usage() == (0, 0)
    assert not caplog.records


@pytest.mark.parametrize("turns", range(8))
async def test_a_cancelled_waiter_does_not_leak_its_slot(make: Make, turns: int) -> None:
    """At whichever moment the cancellation falls, even in the one in which the turn has come."""
    pool = await make(1)
    tasks = [asyncio.ensure_future(fetch(pool, "SELECT pg_sleep(0.005)")) for _ in range(4)]
    await asyncio.sleep(0)
    for _ in range(turns):
        await asyncio.sleep(0.001)
    tasks[1].cancel()
    tasks[2].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert await asyncio.wait_for(pid(pool), 3)
    assert pool.usage() == (1, 1)


async def test_waiting_for_a_connection_ends_with_the_timeout(make: Make) -> None:
    pool = await make(1, 0.2)
    running = asyncio.ensure_future(fetch(pool, "SELECT pg_sleep(0.15), pg_sleep(30)"))
    await asyncio.sleep(0.05)
    started = time.monotonic()
    with pytest.raises(DatabaseUnavailable):
        await fetch(pool, "SELECT pg_sleep(30)")
    assert time.monotonic() - started < 60
    with contextlib.suppress(DatabaseUnavailable):
        await running


async def test_a_server_that_says_nothing_is_given_up_within_the_timeout(make: Make) -> None:
    pool = await make(1, 0.8)
    await pid(pool)
    started = time.monotonic()
    with pytest.raises(DatabaseUnavailable):
        await fetch(pool, "SELECT pg_sleep(30)")
    assert 0.8 <= time.monotonic() - started < 60
    assert await pid(pool)


async def test_a_server_that_does_not_answer_a_new_connection_is_given_up_within_the_timeout() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    pool = Database(f"postgresql://nobody:x@127.0.0.1:{port}/none", pool_size=1, timeout=0.2)
    await pool.open()
    for _ in range(2):
        with pytest.raises(DatabaseUnavailable):
            await fetch(pool, "SELECT 1")
    await pool.close()
    server.close()


async def test_slots_are_released_when_connecting_fails() -> None:
    refusals = 0

    async def refused() -> Any:
        nonlocal refusals
        refusals += 1
        await asyncio.sleep(0)
        raise ConnectionRefusedError

    pool = Database("postgresql://unused", pool_size=2, connect=refused)
    await pool.open()
    answers = await asyncio.gather(*(fetch(pool, "SELECT 1") for _ in range(7)), return_exceptions=True)
    assert {answer.reason.partition(":")[0] for answer in answers} == {"ConnectionRefusedError"}
    assert (refusals, pool.usage()) == (7, (0, 0))
    await pool.close()


async def test_after_a_server_has_become_read_only_no_old_connection_is_used(make: Make) -> None:
    pool = await make(2)
    old = {row[0][0] for row in await asyncio.gather(*(fetch(pool, SLOW_PID) for _ in range(2)))}
    with pytest.raises(DatabaseUnavailable):
        await fetch(pool, READ_ONLY)
    new = {row[0][0] for row in await asyncio.gather(*(fetch(pool, SLOW_PID) for _ in range(2)))}
    assert len(new) == 2
    assert not new & old


async def test_closing_lets_a_running_statement_end_and_starts_no_other(make: Make) -> None:
    pool = await make(1)
    running = asyncio.ensure_future(fetch(pool, "SELECT 7, pg_sleep(0.1)"))
    waiting = asyncio.ensure_future(fetch(pool, "SELECT 8"))
    await asyncio.sleep(0.05)
    await pool.close()
    assert (await running)[0][0] == 7
    for late in (waiting, fetch(pool, "SELECT 9")):
        with pytest.raises(DatabaseUnavailable):
            await late
    assert pool.usage() == (0, 0)


READ_ONLY = "DO $$ BEGIN RAISE EXCEPTION 'now a replica' USING ERRCODE = '25006'; END $$"
SLOW_PID = "SELECT pg_backend_pid(), pg_sleep(0.05)"


async def pid_running(database_url: str) -> int:
    """The process that runs pg_sleep, as soon as it does."""
    connection = await asyncpg.connect(database_url)
    try:
        while True:
            found = await connection.fetchval(
                "SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_sleep(30)%' AND state = 'active' "
                "AND pid <> pg_backend_pid() AND datname = current_database()"
            )
            if found:
                return int(found)
            await asyncio.sleep(0.005)
    finally:
        await connection.close()


async def end_session(database_url: str, process: int) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("SELECT pg_terminate_backend($1, 5000)", process)
    finally:
        await connection.close()


async def test_a_server_that_has_gone_silent_costs_one_timeout_and_not_one_for_each_idle_connection(make: Make) -> None:
    pool = await make(2, 0.8)
    old = {row[0][0] for row in await asyncio.gather(*(fetch(pool, SLOW_PID) for _ in range(2)))}
    with pytest.raises(DatabaseUnavailable):
        await fetch(pool, "SELECT pg_sleep(30)")
    assert await pid(pool) not in old


@pytest.mark.parametrize("wait", [0.1, 1.5], ids=["while it is checked out", "in the pool"])
async def test_a_connection_unused_for_too_long_is_replaced_without_a_wait(make: Make, wait: float) -> None:
    pool = await make(2, idle=0.05)
    before = await pid(pool)
    assert await pid(pool) == before
    await asyncio.sleep(wait)
    assert await pid(pool) != before
    assert pool.usage() == (1, 1)


async def test_a_request_waits_once_for_the_timeout_and_not_again_for_each_thing_it_needs(make: Make) -> None:
    """A slot that comes free late leaves the statement only what is left of the time."""
    pool = await make(1, 1.0)
    running = asyncio.ensure_future(fetch(pool, "SELECT pg_sleep(0.7)"))
    await asyncio.sleep(0)
    started = time.monotonic()
    with pytest.raises(DatabaseUnavailable):
        await fetch(pool, "SELECT pg_sleep(30)")
    assert time.monotonic() - started < 1.6
    await running


async def test_a_request_cancelled_while_connecting_leaves_no_connection_open(make: Make, database_url: str) -> None:
    pool = await make(2)
    tasks = [asyncio.ensure_future(pid(pool)) for _ in range(2)]
    await asyncio.sleep(0.001)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert await pid(pool)
    assert len({row["pid"] for row in await asyncio.gather(pid_row(pool), pid_row(pool))}) <= 2
    assert pool.usage()[0] <= 2


async def pid_row(database: Database) -> Any:
    return (await fetch(database, "SELECT pg_backend_pid() AS pid, pg_sleep(0.02)"))[0]


async def test_idle_session_timeouts_of_a_database_end_no_connection_of_the_service(
    databases: Databases, database_url: str
) -> None:
    """The server would end one just as a request takes it; DATABASE_IDLE says when ours are too old."""
    name = database_url.rpartition("/")[2].partition("?")[0]
    for limit in ("idle_session_timeout", "idle_in_transaction_session_timeout"):
        await databases.connection.execute(f"ALTER DATABASE \"{name}\" SET {limit} = '200ms'")
    database = Database(database_url, pool_size=1)
    await database.open()
    first = await pid(database)
    await asyncio.sleep(0.5)
    assert await pid(database) == first
    await database.close()


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
async def test_statements_that_meet_under_another_isolation_are_repeated_and_all_succeed(
    make: Make, databases: Databases, database_url: str, isolation: str
) -> None:
    """Where the isolation cannot be set, as behind PgBouncer, PostgreSQL refuses what it cannot put in an order."""
    name = database_url.rpartition("/")[2].partition("?")[0]
    await databases.connection.execute(f"ALTER DATABASE \"{name}\" SET default_transaction_isolation = '{isolation}'")
    database = await make(8, 10)
    await fetch(database, "CREATE TABLE counter AS SELECT 0 AS n")
    await asyncio.gather(*(fetch(database, "UPDATE counter SET n = n + 1") for _ in range(40)))
    assert (await fetch(database, "SELECT n FROM counter"))[0]["n"] == 40


async def test_a_statement_is_not_repeated_for_longer_than_the_timeout(make: Make) -> None:
    database = await make(1, 0.5)
    began = time.monotonic()
    with pytest.raises(DatabaseUnavailable, match=r".*"):
        await fetch(database, "DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END $$")
    assert 0.2 < time.monotonic() - began < 1.5
    assert await pid(database), "its place is free again"
