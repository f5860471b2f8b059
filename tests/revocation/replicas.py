"""Replicas of the service that read revocations, asked all at once, and wires to PostgreSQL that go dead."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from tests.support.revocations import SIGN_IN
from tests.support.service import Service, eventually, serving
from tokenward.testing.issuer import Issuer

TASKS = "/api/me/tasks/counts"
NO_DATABASE = "/api/another-person/tasks"
"""Answered 403 or 401 without a query: for when the database cannot be asked."""


class Four:
    """Replicas on one database, an issuer whose tokens name sessions, and the one who ends them."""

    def __init__(self, issuer: Issuer, services: list[Service], database: asyncpg.Connection) -> None:
        self.issuer, self.services, self.database = issuer, services, database
        self.clients = [
            httpx.AsyncClient(
                base_url=service.url, trust_env=False, timeout=30, limits=httpx.Limits(max_connections=None)
            )
            for service in services
        ]

    async def close(self) -> None:
        for client in self.clients:
            await client.aclose()

    async def asked(self, client: httpx.AsyncClient, token: str, path: str = TASKS) -> int:
        return (await client.get(path, headers={"authorization": f"Bearer {token}"})).status_code

    async def everywhere(self, token: str) -> list[int]:
        return list(await asyncio.gather(*(self.asked(client, token) for client in self.clients)))

    async def refused(self, token: str, since: float, allowed: tuple[int, ...] = (200,), path: str = TASKS) -> float:
        """Seconds since ``since`` until the last replica refused it."""

        async def one(client: httpx.AsyncClient) -> float:
            while (status := await self.asked(client, token, path)) != 401:
                assert status in allowed, status
                assert time.monotonic() - since < 10
                await asyncio.sleep(0.01)
            return time.monotonic() - since

        return max(await asyncio.gather(*map(one, self.clients)))

    async def signed_in(self, sub: str, sid: str, **claims: Any) -> str:
        """A session and a token of it that every replica has accepted, and so has in its cache."""
        await self.database.execute(SIGN_IN, sub, sid)
        token = self.issuer.token(sub, sid=sid, **claims)
        assert await self.everywhere(token) == [200] * len(self.clients)
        return token


@asynccontextmanager
async def replicas(issuer: Issuer, url: str, direct: str, folder: Path, number: int, **env: str) -> AsyncIterator[Four]:
    async with AsyncExitStack() as stack:
        jwks = await stack.enter_async_context(issuer.serve())
        settings = {"REVOCATIONS": "database", "DATABASE_POOL_SIZE": "4", "LOG_LEVEL": "error", **env}
        starting = [serving(issuer, jwks, url, folder, **settings) for _ in range(number)]
        services = list(await asyncio.gather(*map(stack.enter_async_context, starting)))
        database = await asyncpg.connect(direct)
        four = Four(issuer, services, database)
        token = issuer.token("first")

        async def in_step() -> bool:
            return await four.everywhere(token) == [200] * number

        await eventually(in_step)
        yield four
        await four.close()
        await database.close()
        assert not any("Traceback" in service.said() for service in services)


async def accepted(four: Four) -> bool:
    return await four.everywhere(four.issuer.token("somebody")) == [200] * len(four.clients)


class Wire:
    """Connections to PostgreSQL that can go dead (still open, and nothing gets through) or be slow."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.generation = self.dead = self.accepted = 0
        self.delay = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []

    @asynccontextmanager
    async def served(self) -> AsyncIterator[int]:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            for writer in self._writers:
                writer.close()

    def cut(self) -> None:
        """Every connection there is goes dead; new ones work."""
        self.generation += 1

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mine = self.generation
        self.accepted += 1
        upstream, to = await asyncio.open_connection("127.0.0.1", self.port)
        self._writers += [to, writer]
        for source, target in ((reader, to), (upstream, writer)):
            self._tasks.add(asyncio.create_task(self._pass(source, target, mine)))

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, mine: int) -> None:
        with suppress(ConnectionError):
            while some := await source.read(65_536):
                if mine < self.generation:
                    self.dead += 1
                    await asyncio.sleep(3600)
                await asyncio.sleep(self.delay)
                target.write(some)
                await target.drain()
        if mine == self.generation:
            target.close()
