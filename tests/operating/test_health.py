"""The probes /healthz and /readyz."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio
from asgi_lifespan import LifespanManager
from starlette.requests import Request

from taskward.app import create_app
from taskward.database.engine import Database
from taskward.database.schema import REVISION
from taskward.operating.health import Readiness, keys_state
from taskward.problems import DatabaseUnavailable
from tests.conftest import connection
from tests.support.application import settings_for
from tests.support.process import free_port
from tokenward import SecretSource
from tokenward.testing import Answer, Issuer
from world import world

Open = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest_asyncio.fixture
async def open_door(issuer: Issuer) -> AsyncIterator[Open]:
    """`await open_door(database_url, **settings)`: somebody without a token in front of a service with these."""
    async with AsyncExitStack() as stack:

        async def opened(database_url: str, **changes: Any) -> httpx.AsyncClient:
            http = await stack.enter_async_context(httpx.AsyncClient(transport=issuer.transport()))
            app = create_app(settings_for(issuer, database_url, **changes), http=http)
            manager = await stack.enter_async_context(LifespanManager(app))
            return await stack.enter_async_context(httpx.AsyncClient(**connection(manager.app)))

        yield opened


async def set_revision(database_url: str, revision: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute("UPDATE taskward_version SET version_num = $1", revision)
    await connection.close()


async def test_readiness_needs_no_token(client: httpx.AsyncClient, issuer: Issuer) -> None:
    await issuer.fetched_times(1)
    alive, ready = await client.get("/healthz"), await client.get("/readyz")
    assert (alive.status_code, alive.json()) == (200, {"status": "alive"})
    assert ready.status_code == 200
    assert ready.json()["status"] == "ready"
    assert ready.json()["database"] == "ok"


async def test_probes_answer_get_and_head_and_nothing_else(client: httpx.AsyncClient) -> None:
    for path in ("/healthz", "/readyz"):
        assert (await client.head(path)).status_code == 200
        refused = await client.post(path)
        assert refused.status_code == 405
        assert set(refused.headers["allow"].replace(" ", "").split(",")) == {"GET", "HEAD"}


async def test_readiness_reports_a_database_that_is_not_migrated(open_door: Open, empty_database_url: str) -> None:
    client = await open_door(empty_database_url)
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "database_unavailable"
    assert answer.json()["detail"] == "The database is not migrated: run taskward migrate"
    assert int(answer.headers["retry-after"]) >= 1
    assert (await client.get("/healthz")).status_code == 200


async def test_an_older_database_is_not_ready_and_a_newer_one_is(open_door: Open, database_url: str) -> None:
    await set_revision(database_url, "0000")
    older = await (await open_door(database_url)).get("/readyz")
    assert (older.status_code, "taskward migrate" in older.text) == (503, True)
    await set_revision(database_url, "9999")
    assert (await (await open_door(database_url)).get("/readyz")).status_code == 200


@pytest.mark.parametrize("wrong", ["port", "password", "name"])
async def test_an_unusable_database_is_503_without_the_drivers_text(
    open_door: Open, database_url: str, wrong: str
) -> None:
    secret = database_url.split(":")[2].split("@")[0]
    server = database_url.split("@")[1].split("/")[0]
    broken = {
        "port": database_url.replace(server, f"127.0.0.1:{free_port()}"),
        "password": database_url.replace(secret, "hunter2"),
        "name": f"{database_url}_gone",
    }[wrong]
    client = await open_door(broken)
    alive, answer = await client.get("/healthz"), await client.get("/readyz")
    assert (alive.status_code, answer.status_code) == (200, 503)
    problem = answer.json()
    assert set(problem) == {"type", "title", "status", "detail", "status_code", "error_type", "code", "request_id"}
    assert problem["detail"] == "The database cannot be reached right now; try again shortly"
    assert (problem["error_type"], problem["code"]) == ("unavailable", "database_unavailable")


async def test_keys_are_reported_and_do_not_decide(open_door: Open, issuer: Issuer, database_url: str) -> None:
    issuer.always = Answer(status=500)
    client = await open_door(database_url)
    await issuer.fetched_times(1)
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["keys"]) == (200, "none")


async def test_the_state_of_the_keys_is_named(database_url: str) -> None:
    async with world() as here:
        assert keys_state(here.source) == "fresh"
        here.issuer.always = Answer(status=500)
        await here.clock.advance(301)
        assert keys_state(here.source) == "stale"
        await here.clock.advance(3600)
        assert keys_state(here.source) == "none"
    assert keys_state(SecretSource("s" * 32)) == "shared secret"


# --- However many probes arrive --------------------------------------------------------------------------------------


class Asked(Database):
    """A database that counts what it is asked, and answers when it is let."""

    def __init__(self) -> None:
        super().__init__("postgresql://unused")
        self.times = 0
        self.let = asyncio.Event()
        self.let.set()
        self.down = False

    async def ask(self, question: Any) -> Any:
        self.times += 1
        await self.let.wait()
        if self.down:
            raise DatabaseUnavailable("ConnectionRefusedError")
        return [{"version_num": REVISION, "complete": True}]


class Probe:
    def __init__(self) -> None:
        self.now = 1000.0
        self.database = Asked()
        self.readiness = Readiness(self.database, SecretSource("s" * 32), REVISION, lambda: self.now)

    async def status(self) -> int:
        try:
            return (await self.readiness.ready(Request({"type": "http"}))).status_code
        except DatabaseUnavailable as refused:
            return refused.kind.status

    async def statuses(self, number: int) -> set[int]:
        return set(await asyncio.gather(*(self.status() for _ in range(number))))


@pytest.mark.parametrize(("down", "status"), [(False, 200), (True, 503)])
async def test_the_database_is_asked_at_most_once_a_second_up_or_down(down: bool, status: int) -> None:
    probe = Probe()
    probe.database.down = down
    assert await probe.statuses(200) == {status}
    assert probe.database.times == 1
    probe.now += 0.999
    assert await probe.statuses(200) == {status}
    assert probe.database.times == 1
    probe.now += 0.001
    assert await probe.statuses(200) == {status}
    assert probe.database.times == 2


async def test_a_database_that_does_not_answer_is_not_asked_again_meanwhile() -> None:
    probe = Probe()
    probe.database.let.clear()
    asking = [asyncio.create_task(probe.status()) for _ in range(50)]
    await asyncio.sleep(0)
    probe.now += 60
    asking += [asyncio.create_task(probe.status()) for _ in range(50)]
    await asyncio.sleep(0)
    assert probe.database.times == 1
    probe.database.let.set()
    assert set(await asyncio.gather(*asking)) == {200}


async def test_a_probe_that_gives_up_does_not_take_the_answer_from_the_others() -> None:
    probe = Probe()
    probe.database.let.clear()
    first, second = asyncio.create_task(probe.status()), asyncio.create_task(probe.status())
    await asyncio.sleep(0)
    first.cancel()
    probe.database.let.set()
    assert await second == 200
    assert first.cancelled()
    assert probe.database.times == 1


async def test_a_database_that_comes_back_is_noticed_within_a_second() -> None:
    probe = Probe()
    probe.database.down = True
    assert await probe.status() == 503
    probe.database.down = False
    probe.now += 1
    assert await probe.status() == 200
