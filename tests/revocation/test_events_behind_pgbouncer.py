"""Event streams behind PgBouncer, where versions are polled because LISTEN does not work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from taskward.database.migrate import upgrade
from taskward.embedded import EmbeddedPostgres
from tests.faults.test_database import needs_pgbouncer
from tests.revocation.test_events import made
from tests.support.postgres_faults import administrator, pgbouncer
from tests.support.revocations import listen, replica
from tokenward.testing import Issuer

pytestmark = needs_pgbouncer


@pytest_asyncio.fixture
async def people(
    own_postgres: EmbeddedPostgres, issuer: Issuer, tmp_path: Path
) -> AsyncIterator[list[httpx.AsyncClient]]:
    """One person at two replicas."""
    await asyncio.to_thread(upgrade, own_postgres.url())
    async with AsyncExitStack() as stack:
        url = stack.enter_context(pgbouncer(own_postgres, tmp_path, pool=4))
        starting = [replica(issuer, url, revocations="off") for _ in range(2)]
        replicas = [await stack.enter_async_context(each) for each in starting]
        for bob in [await each.person("bob") for each in replicas]:
            async with listen(bob) as events:
                await made(bob)
                while await events.next() != ("tasks", {}):  # it has not noticed yet that there is a pooler
                    pass
        yield [await each.person("ada") for each in replicas]


async def test_a_change_right_after_ready_is_told(people: list[httpx.AsyncClient]) -> None:
    here, there = people
    for _ in range(3):
        async with listen(there) as events:
            await made(here)
            assert await events.next() == ("tasks", {})


async def test_every_change_is_told_and_nothing_else_is(people: list[httpx.AsyncClient]) -> None:
    here, there = people
    one = await made(here)
    async with listen(there) as events:
        with pytest.raises(TimeoutError):
            await events.next(2)
    async with listen(there) as events:
        for _ in range(3):
            assert (await here.patch(f"/api/me/tasks/{one}/complete")).status_code == 200
            assert await events.next() == ("tasks", {})


async def test_a_change_with_an_earlier_time_than_others_is_told(
    people: list[httpx.AsyncClient], own_postgres: EmbeddedPostgres
) -> None:
    """As after the server's clock went back, or a failover to one whose clock is behind."""
    here, there = people
    one, ahead = await made(here), await made(here)
    async with administrator(own_postgres) as root:
        await root.execute("UPDATE tasks SET updated_at = now() + interval '1 hour' WHERE id = $1", ahead)
    async with listen(there) as events:
        for path, body in ((one, {"title": "b"}), (one, {"title": "c"}), (ahead, {"title": "d"})):
            assert (await here.patch(f"/api/me/tasks/{path}", json=body)).status_code == 200
            assert await events.next() == ("tasks", {})
