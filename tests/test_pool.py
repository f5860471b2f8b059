"""The pool: who gets a connection, which one is used again, and what a lost server or a lost request costs."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from taskward.database.pool import Pool

Make = Callable[..., Pool]


@pytest_asyncio.fixture
async def make(database_url: str) -> AsyncIterator[Make]:
    """`make(size, timeout)`: a pool on a database of the test's own, closed with the test; `pool.opened` counts."""
    pools: list[Pool] = []

    def made(size: int = 2, timeout: float = 5) -> Pool:
        async def connect() -> Any:
            counted.opened += 1
            return await asyncpg.connect(database_url)

        class Counted(Pool):
            opened = 0

        counted = Counted(connect, size, timeout)
        pools.append(counted)
        return counted

    yield made
    for pool in pools:
        await pool.close()


async def pid(pool: Pool) -> int:
    return int((await pool.fetch("SELECT pg_backend_pid()", []))[0][0])


async def test_one_request_after_the_other_uses_one_connection(make: Make) -> None:
    pool = make(5)
    assert len({await pid(pool) for _ in range(10)}) == 1
    assert pool.usage() == (1, 1)


async def test_there_are_never_more_connections_than_places_and_everybody_is_served(make: Make) -> None:
    pool = make(3)
    rows = await asyncio.gather(*(pool.fetch("SELECT pg_backend_pid(), pg_sleep(0.01)", []) for _ in range(30)))
    assert len({row[0][0] for row in rows}) == 3
    assert (pool.opened, pool.usage()) == (3, (3, 3))


async def test_those_who_wait_are_served_in_the_order_they_came(make: Make) -> None:
    pool, order = make(1), list[int]()

    async def ask(number: int) -> None:
        await pool.fetch("SELECT 1", [])
        order.append(number)

    await asyncio.gather(*(ask(number) for number in range(10)))
    assert order == list(range(10))


async def test_an_error_of_the_servers_leaves_the_connection_fit(make: Make) -> None:
    pool = make()
    before = await pid(pool)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await pool.fetch("SELECT 1/0", [])
    assert await pid(pool) == before


async def test_a_connection_lost_while_idle_is_replaced_and_nobody_notices(make: Make, database_url: str) -> None:
    pool = make()
    before = await pid(pool)
    await end_session(database_url, before)
    assert await pid(pool) != before
    assert pool.usage() == (1, 1)


async def test_a_connection_lost_under_a_statement_fails_that_one_only(make: Make, database_url: str) -> None:
    pool = make(1)
    running = asyncio.create_task(pool.fetch("SELECT pg_backend_pid(), pg_sleep(30)", []))
    waiting = asyncio.create_task(pid(pool))
    await end_session(database_url, await pid_running(database_url))
    with pytest.raises(asyncpg.PostgresError):
        await running
    assert await waiting
    assert pool.usage() == (1, 1)


async def test_a_cancelled_request_takes_its_connection_with_it_and_the_next_is_served(
    make: Make, database_url: str
) -> None:
    pool = make(1)
    running = asyncio.create_task(pool.fetch("SELECT pg_backend_pid(), pg_sleep(30)", []))
    waiting = asyncio.create_task(pid(pool))
    lost = await pid_running(database_url)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await waiting != lost
    assert pool.usage() == (1, 1)


@pytest.mark.parametrize("turns", range(8))
async def test_whoever_stops_waiting_loses_nobody_a_place(make: Make, turns: int) -> None:
    """At whichever moment the cancellation falls, even in the one in which the turn has come."""
    pool = make(1)
    tasks = [asyncio.create_task(pool.fetch("SELECT pg_sleep(0.005)", [])) for _ in range(4)]
    await asyncio.sleep(0)
    for _ in range(turns):
        await asyncio.sleep(0.001)
    tasks[1].cancel()
    tasks[2].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert await asyncio.wait_for(pid(pool), 3)
    assert pool.usage() == (1, 1)


async def test_waiting_for_a_connection_ends_with_the_timeout(make: Make) -> None:
    pool = make(1, 0.2)
    running = asyncio.create_task(pool.fetch("SELECT pg_sleep(0.15), pg_sleep(30)", []))
    await asyncio.sleep(0.05)
    started = time.monotonic()
    with pytest.raises((TimeoutError, asyncpg.PostgresError)):
        await pool.fetch("SELECT pg_sleep(30)", [])
    assert time.monotonic() - started < 60
    with contextlib.suppress(asyncpg.PostgresError):
        await running


async def test_a_server_that_says_nothing_is_given_up_within_the_timeout(make: Make) -> None:
    pool = make(1, 0.2)
    await pid(pool)
    started = time.monotonic()
    with pytest.raises(asyncpg.PostgresError):
        await pool.fetch("SELECT pg_sleep(30)", [])
    assert 0.2 <= time.monotonic() - started < 60
    assert await pid(pool)


async def test_a_server_that_does_not_answer_a_new_connection_is_given_up_within_the_timeout() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    pool = Pool(lambda: asyncpg.connect(f"postgresql://nobody:x@127.0.0.1:{port}/none"), 1, 0.2)
    for _ in range(2):
        with pytest.raises(TimeoutError):
            await pool.fetch("SELECT 1", [])
    await pool.close()
    server.close()


async def test_places_come_back_when_connecting_fails() -> None:
    refusals = 0

    async def refused() -> Any:
        nonlocal refusals
        refusals += 1
        await asyncio.sleep(0)
        raise ConnectionRefusedError

    pool = Pool(refused, 2, 5)
    answers = await asyncio.gather(*(pool.fetch("SELECT 1", []) for _ in range(7)), return_exceptions=True)
    assert all(isinstance(answer, ConnectionRefusedError) for answer in answers)
    assert (refusals, pool.usage()) == (7, (0, 0))
    await pool.close()


async def test_after_renew_no_old_connection_is_used(make: Make) -> None:
    pool = make(2)
    old = {row[0][0] for row in await asyncio.gather(*(pool.fetch(SLOW_PID, []) for _ in range(2)))}
    running = asyncio.create_task(pool.fetch(SLOW_PID, []))
    await asyncio.sleep(0.01)
    pool.renew()
    assert (await running)[0][0] in old
    new = {row[0][0] for row in await asyncio.gather(*(pool.fetch(SLOW_PID, []) for _ in range(2)))}
    assert len(new) == 2
    assert not new & old


async def test_closing_lets_a_running_statement_end_and_starts_no_other(make: Make) -> None:
    pool = make(1)
    running = asyncio.create_task(pool.fetch("SELECT 7, pg_sleep(0.1)", []))
    waiting = asyncio.create_task(pool.fetch("SELECT 8", []))
    await asyncio.sleep(0.05)
    await pool.close()
    assert (await running)[0][0] == 7
    for late in (waiting, pool.fetch("SELECT 9", [])):
        with pytest.raises(asyncpg.InterfaceError):
            await late
    assert pool.usage() == (0, 0)


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
    pool = make(2, 0.3)
    old = {row[0][0] for row in await asyncio.gather(*(pool.fetch(SLOW_PID, []) for _ in range(2)))}
    with pytest.raises(asyncpg.PostgresError):
        await pool.fetch("SELECT pg_sleep(30)", [])
    assert await pid(pool) not in old
