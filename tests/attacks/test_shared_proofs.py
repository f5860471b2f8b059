"""One proof in fifty concurrent requests, at two processes with a shared store: exactly one is accepted."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bound import HOLDER, URL, guarded
from tests.support.postgres import Databases
from tests.support.redis import redis_server
from tokenward import ProofsUnavailable
from tokenward.dpop.postgres import PostgresReplays
from tokenward.dpop.redis import RedisReplays
from tokenward.testing import Issuer

KEYS = 20
FORKING = """
import asyncio, os
from tokenward.dpop.{module} import {name}

store = {name}({url!r})
first = asyncio.new_event_loop()
print(first.run_until_complete(store.first_use(b"a" * 16, 60)), flush=True)
if os.fork() == 0:
    store.forked()
    own = asyncio.new_event_loop()
    print(own.run_until_complete(store.first_use(b"a" * 16, 60)), flush=True)
    print(own.run_until_complete(store.first_use(b"b" * 16, 60)), flush=True)
    own.run_until_complete(store.close())
    os._exit(0)
os.wait()
print(first.run_until_complete(store.first_use(b"b" * 16, 60)), flush=True)
first.run_until_complete(store.close())
"""
CHILD = """
import asyncio, sys
from tokenward.dpop.{module} import {name}

async def main():
    store = {name}({url!r})
    await store.first_use(b"warm" + bytes(12), 1)
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range({keys}):
        key = number.to_bytes(16, "big")
        print(sum(await asyncio.gather(*(store.first_use(key, 60) for _ in range(25)))), flush=True)
    await store.close()

asyncio.run(main())
"""


@asynccontextmanager
async def child(module: str, name: str, url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    text = CHILD.format(module=module, name=name, url=url, keys=KEYS)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", text, stdin=pipe, stdout=pipe)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def passed(module: str, name: str, url: str) -> list[int]:
    """How many of fifty calls were the first, for each key."""
    async with child(module, name, url) as one, child(module, name, url) as other:
        for process in (one, other):
            assert process.stdout is not None
            assert await process.stdout.readline() == b"ready\n"
        said = await asyncio.gather(one.communicate(b"\n"), other.communicate(b"\n"))
        firsts = [[int(line) for line in out.split()] for out, _ in said]
        return [sum(each) for each in zip(*firsts, strict=True)]


async def test_of_fifty_uses_in_two_processes_exactly_one_is_the_first_in_redis(tmp_path: Path) -> None:
    with redis_server(tmp_path) as (url, _):
        assert await passed("redis", "RedisReplays", url) == [1] * KEYS


@pytest.fixture
async def table(databases: Databases) -> AsyncIterator[str]:
    url = await databases.create()
    store = PostgresReplays(url)
    await store.create()
    await store.create()  # it may be there
    await store.close()
    yield url
    await databases.drop(url)


async def test_of_fifty_uses_in_two_processes_exactly_one_is_the_first_in_postgresql(table: str) -> None:
    assert await passed("postgres", "PostgresReplays", table) == [1] * KEYS


@pytest.mark.parametrize("kind", ["redis", "postgres"])
async def test_fifty_requests_with_one_proof_at_two_replicas_that_share_a_store(
    kind: str, table: str, tmp_path: Path
) -> None:
    with redis_server(tmp_path) as (redis_url, _):
        stores: list[Any] = [RedisReplays(redis_url) if kind == "redis" else PostgresReplays(table) for _ in range(2)]
        issuer = Issuer()
        async with guarded(issuer, replays=stores[0]) as one, guarded(issuer, replays=stores[1]) as other:
            headers = HOLDER.headers(one.token(), "GET", URL)
            outcomes = await asyncio.gather(
                *(replica.ask(headers) for replica in (one, other) for _ in range(25)), return_exceptions=True
            )
            assert outcomes.count("ada") == 1
            assert {getattr(outcome, "status", None) for outcome in outcomes if outcome != "ada"} == {401}
        for store in stores:
            await store.close()


async def test_a_redis_that_freezes_or_dies_accepts_nothing(tmp_path: Path) -> None:
    with redis_server(tmp_path) as (url, server):
        store = RedisReplays(url)
        async with guarded(replays=store) as g:
            assert await g.ask(HOLDER.headers(g.token(), "GET", URL)) == "ada"
            server.send_signal(signal.SIGSTOP)
            assert isinstance(await g.refusal(HOLDER.headers(g.token(), "GET", URL)), ProofsUnavailable)
            server.send_signal(signal.SIGCONT)
            assert await g.ask(HOLDER.headers(g.token(), "GET", URL)) == "ada", "and is asked again once it is back"
            server.kill()
            server.wait()
            refusal = await g.refusal(HOLDER.headers(g.token(), "GET", URL))
            assert isinstance(refusal, ProofsUnavailable)
            assert refusal.headers == {"Retry-After": "1"}
        await store.close()


async def test_a_postgresql_without_the_table_or_without_a_server_accepts_nothing(databases: Databases) -> None:
    empty = await databases.create()
    stores = [PostgresReplays(empty), PostgresReplays("postgresql://127.0.0.1:9/none")]
    for store in stores:
        async with guarded(replays=store) as g:
            assert isinstance(await g.refusal(HOLDER.headers(g.token(), "GET", URL)), ProofsUnavailable)
        await store.close()
    await databases.drop(empty)


async def test_only_expired_rows_are_deleted(table: str) -> None:
    store = PostgresReplays(table)
    assert await store.first_use(b"a" * 16, -1)
    assert await store.first_use(b"b" * 16, 60)
    assert not await store.first_use(b"a" * 16, 60), "expired and still there: no client makes the same proof again"
    await store.prune()
    assert await store.first_use(b"a" * 16, 60)
    assert not await store.first_use(b"b" * 16, 60)
    await store.close()


async def test_redis_forgets_after_the_time_that_was_asked_for(tmp_path: Path) -> None:
    with redis_server(tmp_path) as (url, _):
        store = RedisReplays(url)
        assert await store.first_use(b"a" * 16, 0.5)
        assert not await store.first_use(b"a" * 16, 60)
        await asyncio.sleep(1.1)
        assert await store.first_use(b"a" * 16, 60)
        await store.close()
