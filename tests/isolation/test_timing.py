"""Another person's id takes the same work as an unused one, so that response times reveal nothing.

Counted instead of timed: the same messages to PostgreSQL, the same bytes back, the same pages read, the same answer.
"""

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
import pytest_asyncio
from uuid_utils.compat import uuid7

from taskward.tasks import sql as statements
from tests.support.counting_wire import CountingWire

Asked = tuple[str, str, dict[str, Any]]

ASKED: dict[str, Asked] = {
    "get": ("GET", "", {}),
    "get if none matches": ("GET", "", {"headers": {"if-none-match": '"2026-01-01T00:00:00Z"'}}),
    "put": ("PUT", "", {"json": {"title": "mine now"}}),
    "put if unchanged": ("PUT", "", {"json": {"title": "x"}, "headers": {"if-match": '"2026-01-01T00:00:00Z"'}}),
    "patch": ("PATCH", "", {"json": {"title": "mine now"}}),
    "patch nothing": ("PATCH", "", {"json": {}}),
    "toggle": ("PATCH", "/complete", {}),
    "complete": ("PATCH", "/complete", {"json": {"completed": True}}),
    "delete": ("DELETE", "", {}),
    "delete if unchanged": ("DELETE", "", {"headers": {"if-match": '"2026-01-01T00:00:00Z"'}}),
}


@pytest.fixture
def wire() -> CountingWire:
    return CountingWire()


@pytest_asyncio.fixture
async def database_url(database_url: str, wire: CountingWire) -> AsyncIterator[str]:
    async with wire.before(database_url) as url:
        yield url


@pytest.mark.parametrize("what", ASKED)
async def test_another_persons_id_takes_the_same_work_as_an_unused_one(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient, wire: CountingWire, what: str
) -> None:
    method, below, options = ASKED[what]
    ids = [(await alice.post("/api/me/tasks", json={"title": str(number)})).json()["id"] for number in range(20)]
    await bob.post("/api/me/tasks", json={"title": "bob's own"})

    async def work(task_id: str) -> tuple[Any, ...]:
        wire.clear()
        answer = await bob.request(method, f"/api/me/tasks/{task_id}{below}", **options)
        told = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
        body = {name: value for name, value in answer.json().items() if name != "request_id"}
        return answer.status_code, told, body, len(answer.content), dict(wire.messages), wire.answered

    await work(str(uuid7()))  # statements are prepared
    for theirs in ids[::7]:
        assert await work(theirs) == await work(str(uuid7()))
    assert (await work(ids[0]))[0] == 404


async def test_postgresql_reads_the_same_pages_for_anothers_id_and_an_unused_one(database_url: str) -> None:
    """The owner comes first in every index, so that another person's rows are not even come near."""
    connection = await asyncpg.connect(database_url)
    try:
        for owner in ("alice", "bob"):
            rows = "SELECT $1, gen_random_uuid(), 'x' FROM generate_series(1, 5000)"
            await connection.execute(f"INSERT INTO tasks (user_id, id, title) {rows}", owner)
        await connection.execute("ANALYZE tasks")
        await connection.execute("VACUUM tasks")

        async def pages(statement: Any, task_id: UUID) -> tuple[int, int]:
            values = {"owner": "bob", "id": task_id, "title": "y"}
            explained = f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {statement.sql}"
            plan = json.loads(await connection.fetchval(explained, *statement.arguments(values)))[0]["Plan"]
            return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"], plan["Actual Rows"]

        theirs = [row["id"] for row in await connection.fetch("SELECT id FROM tasks WHERE user_id = 'alice' LIMIT 20")]
        changing = statements.changing(frozenset({"title"}))
        for statement in (statements.GET, changing, statements.deleting()):
            for _ in range(2):  # once for what the catalogue has to be asked
                found = {await pages(statement, task_id) for task_id in [*theirs, *(uuid4() for _ in range(20))]}
            assert len(found) == 1, found
            assert found.pop()[1] == 0
    finally:
        await connection.close()
