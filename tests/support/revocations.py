"""A table of revocations as the web client makes it, the service that reads it, and a reader of its event streams."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any

import asyncpg
import httpx
import uvicorn

from taskward.app import create_app
from taskward.server.connection import Connection
from tests.support.application import settings_for
from tests.support.process import ROOT
from tokenward.testing import Issuer

TABLES = """
    CREATE SCHEMA auth;
    CREATE TABLE auth."user" (id text PRIMARY KEY, banned boolean);
    CREATE TABLE auth.session (
        id text PRIMARY KEY,
        "userId" text NOT NULL REFERENCES auth."user" ON DELETE CASCADE,
        "expiresAt" timestamptz NOT NULL
    );
    CREATE TABLE auth."oauthConsent" (id text PRIMARY KEY, "userId" text, "clientId" text);
"""
"""Better Auth's own, with the columns that the triggers look at."""

SCHEMA = TABLES + (ROOT / "web/lib/server/revocations/schema.sql").read_text()
"""The table of revocations and its triggers, as the web client makes them."""

SIGN_IN = """
    WITH person AS (
        INSERT INTO auth."user" VALUES ($1, false) ON CONFLICT (id) DO UPDATE SET id = excluded.id RETURNING id
    )
    INSERT INTO auth.session SELECT $2, id, now() + interval '7 days' FROM person
"""
SIGN_OUT = "DELETE FROM auth.session WHERE id = $1"

REVOKE = (
    "INSERT INTO auth.revocations (kind, value, not_before, expires_at)"
    " VALUES ($1, $2, now(), now() + interval '25 minutes')"
)
"""A row and no notification."""


class Events:
    """One open stream: its events in order, as (name, data)."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def next(self, seconds: float = 5) -> tuple[str, Any] | None:
        """The next event, or None when the stream has ended."""
        name = ""
        async with asyncio.timeout(seconds):
            async for line in self._lines:
                if line.startswith("event: "):
                    name = line[7:]
                elif line.startswith("data: "):
                    return name, json.loads(line[6:])
        return None

    async def news(self, seconds: float = 5) -> tuple[str, Any] | None:
        """The next event that is no reset: a stream may be open before the listening connection is."""
        while (event := await self.next(seconds)) == ("reset", {}):
            pass
        return event


@asynccontextmanager
async def listen(client: httpx.AsyncClient, path: str = "/api/me/events", **options: Any) -> AsyncIterator[Events]:
    async with client.stream("GET", path, **options) as response:
        assert response.status_code == 200, await response.aread()
        events = Events(response)
        assert await events.next() == ("ready", {})
        yield events


class Replica:
    def __init__(self, url: str, issuer: Issuer, stack: AsyncExitStack, server: Any) -> None:
        self.url, self.issuer, self.stack, self.server = url, issuer, stack, server

    async def person(self, sub: str = "ada", **claims: Any) -> httpx.AsyncClient:
        headers = {"authorization": f"Bearer {self.issuer.token(sub, **claims)}"}
        client = httpx.AsyncClient(base_url=self.url, headers=headers, trust_env=False, timeout=30)
        return await self.stack.enter_async_context(client)


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # Ctrl-C belongs to pytest


@asynccontextmanager
async def with_revocations(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to the service's database, in which the table of revocations is made."""
    connection = await asyncpg.connect(database_url)
    await connection.execute(SCHEMA)
    yield connection
    await connection.close()


@asynccontextmanager
async def replica(issuer: Issuer, database_url: str, **changes: Any) -> AsyncIterator[Replica]:
    """The service on a socket of its own, in step with its revocations."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx.AsyncClient(transport=issuer.transport()))
        settings = settings_for(issuer, database_url, **{"revocations": "database", **changes})
        listener = socket.create_server(("127.0.0.1", 0))
        app = create_app(settings, http=http)
        server = _Server(uvicorn.Config(app, lifespan="on", log_config=None, http=Connection))
        serving = asyncio.create_task(server.serve([listener]))

        async def stop() -> None:
            server.lifespan.state["changes"].leave()  # as server/process.py does: open streams end
            server.should_exit = True
            async with asyncio.timeout(10):
                await serving

        stack.push_async_callback(stop)
        made = Replica(f"http://127.0.0.1:{listener.getsockname()[1]}", issuer, stack, server)
        await until_in_step(made)
        yield made


async def until_in_step(replica: Replica, wanted: str = "in step", seconds: float = 10) -> None:
    async with httpx.AsyncClient(base_url=replica.url, trust_env=False) as client, asyncio.timeout(seconds):
        while True:
            try:
                if (await client.get("/readyz")).json().get("revocations", wanted) == wanted:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.02)


async def seconds_until(client: httpx.AsyncClient, status: int, limit: float = 5) -> float:
    loop = asyncio.get_running_loop()
    started = loop.time()
    while (await client.get("/api/me/tasks")).status_code != status:
        assert loop.time() - started < limit, f"never {status}"
        await asyncio.sleep(0.01)
    return loop.time() - started


async def kill_listeners(database: asyncpg.Connection) -> int:
    """End the backends that listen, as a failing network or an operator would."""
    found = await database.fetch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        " AND datname = current_database() AND query !~ 'tasks' AND backend_type = 'client backend'"
    )
    return len(found)
