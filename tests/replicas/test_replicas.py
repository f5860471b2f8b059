"""Replicas behind a proxy, with PgBouncer in transaction mode: all replicas answer alike.

All they keep for themselves are counts of refused tokens, until they share a store for those.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from taskward.database.migrate import upgrade
from taskward.embedded import EmbeddedPostgres
from tests.support.postgres_faults import SETTINGS, administrator, pgbouncer
from tests.support.process import free_port, program, until
from tests.support.service import Service, eventually, serving
from tokenward.testing import Issuer, SigningKey

TASKS = "/api/me/tasks"

pytestmark = pytest.mark.skipif(
    shutil.which("pgbouncer") is None and "CI" not in os.environ,
    reason="PgBouncer is not installed (apt-get install pgbouncer)",
)


@asynccontextmanager
async def proxy(ports: list[int]) -> AsyncIterator[str]:
    """Each new connection goes to the next replica."""
    following = itertools.cycle(ports)
    running: set[asyncio.Task[None]] = set()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while some := await reader.read(65_536):
                writer.write(some)
                await writer.drain()
            writer.write_eof()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind = await asyncio.open_connection("127.0.0.1", next(following))
        try:
            await asyncio.gather(pass_on(reader, behind[1]), pass_on(behind[0], writer))
        finally:
            for end in (writer, behind[1]):
                end.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(connected(reader, writer))
        running.add(task)
        task.add_done_callback(running.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await asyncio.gather(*running)  # who came before has gone by now


class Replicas:
    """Some replicas, each by itself and all of them behind the proxy."""

    def __init__(self, issuer: Issuer, services: list[Service], url: str, postgres: EmbeddedPostgres) -> None:
        self.issuer, self.services, self.url, self.postgres = issuer, services, url, postgres

    @asynccontextmanager
    async def clients(self, sub: str, token: str = "") -> AsyncIterator[list[httpx.AsyncClient]]:
        """One person at every replica at once."""
        async with AsyncExitStack() as stack:
            token = token or self.issuer.token(sub)
            yield [await stack.enter_async_context(service.client(token)) for service in self.services]

    @asynccontextmanager
    async def somewhere(self, sub: str) -> AsyncIterator[httpx.AsyncClient]:
        """One person before the proxy, at another replica with each request."""
        headers = {"authorization": f"Bearer {self.issuer.token(sub)}"}
        limits = httpx.Limits(max_keepalive_connections=0)
        async with httpx.AsyncClient(
            base_url=self.url, headers=headers, limits=limits, trust_env=False, timeout=30
        ) as client:
            yield client


@asynccontextmanager
async def replicas_of(
    number: int, postgres: EmbeddedPostgres, folder: Path, **settings: Any
) -> AsyncIterator[Replicas]:
    issuer = Issuer()
    async with AsyncExitStack() as stack:
        jwks = await stack.enter_async_context(issuer.serve())
        database = stack.enter_context(pgbouncer(postgres, folder, pool=3))
        settings = {"DATABASE_POOL_SIZE": "4", "JWKS_TTL": "1", **settings}
        starting = [serving(issuer, jwks, database, folder, **settings) for _ in range(number)]
        services = await asyncio.gather(*map(stack.enter_async_context, starting))
        url = await stack.enter_async_context(proxy([service.port for service in services]))
        yield Replicas(issuer, services, url, postgres)
        assert [service.process.poll() for service in services] == [None] * number
        assert not any("Traceback" in service.said() for service in services)


@pytest_asyncio.fixture(scope="module")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres") / "server", ephemeral=True, settings=SETTINGS)
    await asyncio.to_thread(server.start)
    try:
        await asyncio.to_thread(upgrade, server.url())
        yield server
    finally:
        await asyncio.to_thread(server.stop)


@pytest_asyncio.fixture(
    scope="module", params=[2, pytest.param(4, marks=pytest.mark.torture)], ids="{} replicas".format
)
async def replicas(
    request: pytest.FixtureRequest, postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Replicas]:
    async with replicas_of(request.param, postgres, tmp_path_factory.mktemp("replicas")) as replicas:
        yield replicas


async def rows(postgres: EmbeddedPostgres, sub: str) -> int:
    async with administrator(postgres) as root:
        return int(await root.fetchval("SELECT count(*) FROM tasks WHERE user_id = $1", sub))


async def test_one_idempotency_key_at_every_replica_at_once_makes_one_task(replicas: Replicas) -> None:
    sub = f"once-{len(replicas.services)}"
    async with replicas.clients(sub) as clients:
        for key in ("one", "two", "three"):
            sending = [
                client.post(TASKS, json={"title": key}, headers={"idempotency-key": key}) for client in clients * 4
            ]
            answers = await asyncio.gather(*sending)
            assert Counter(answer.status_code for answer in answers) == {201: 1, 200: len(sending) - 1}
            assert len({answer.content for answer in answers}) == 1
    assert await rows(replicas.postgres, sub) == 3


async def test_a_change_at_one_replica_is_visible_at_every_other_with_the_same_etag(replicas: Replicas) -> None:
    async with replicas.clients(f"etag-{len(replicas.services)}") as clients:
        for writer in clients:
            created = await writer.post(TASKS, json={"title": "written here"})
            assert created.status_code == 201
            path = f"{TASKS}/{created.json()['id']}"
            seen = [await client.get(path) for client in clients]
            assert {(answer.content, answer.headers["etag"]) for answer in seen} == {
                (created.content, created.headers["etag"])
            }
            unchanged = [
                await client.get(path, headers={"if-none-match": created.headers["etag"]}) for client in clients
            ]
            assert [answer.status_code for answer in unchanged] == [304] * len(clients)
        pages = [await client.get(TASKS) for client in clients]
        assert len({page.content for page in pages}) == 1


async def test_one_of_concurrent_changes_to_a_version_at_all_replicas_is_made(replicas: Replicas) -> None:
    async with replicas.clients(f"race-{len(replicas.services)}") as clients:
        created = await clients[0].post(TASKS, json={"title": "first"})
        path, guard = f"{TASKS}/{created.json()['id']}", {"if-match": created.headers["etag"]}
        answers = await asyncio.gather(
            *(
                client.patch(path, json={"title": f"by {number}"}, headers=guard)
                for number, client in enumerate(clients * 3)
            )
        )
        assert Counter(answer.status_code for answer in answers) == {200: 1, 412: len(answers) - 1}
        [winner] = [answer for answer in answers if answer.status_code == 200]
        assert {(await client.get(path)).content for client in clients} == {winner.content}


async def test_a_cursor_from_one_replica_goes_on_at_the_next(replicas: Replicas) -> None:
    async with replicas.somewhere(f"cursor-{len(replicas.services)}") as client:
        made = [(await client.post(TASKS, json={"title": str(number)})).json()["id"] for number in range(9)]
        walked: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = (await client.get(TASKS, params={"limit": 2, **cursor})).json()
            walked += [task["id"] for task in page["items"]]
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
        assert walked == made[::-1]


async def test_a_new_key_is_accepted_and_a_withdrawn_one_refused_by_every_replica(replicas: Replicas) -> None:
    issuer = replicas.issuer
    old = issuer.signer
    old_token = issuer.token("rotation")
    async with replicas.clients("rotation", old_token) as clients:
        assert {(await client.get(TASKS)).status_code for client in clients} == {200}
        issuer.rotate()
        async with replicas.clients("rotation") as renewed:
            assert {(await client.get(TASKS)).status_code for client in renewed} == {200}
            assert {(await client.get(TASKS)).status_code for client in clients} == {200}
            issuer.remove(old.kid)

            async def refused_everywhere() -> bool:
                answers = [await client.get(TASKS) for client in clients]
                return {answer.status_code for answer in answers} <= {401, 429}

            await eventually(refused_everywhere)
            assert {(await client.get(TASKS)).status_code for client in renewed} == {200}


async def refuse(client: httpx.AsyncClient, times: int) -> list[int]:
    return [(await client.get(TASKS)).status_code for _ in range(times)]


@pytest.mark.torture
async def test_refused_tokens_are_counted_by_each_process_for_itself(
    postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    async with replicas_of(2, postgres, tmp_path, AUTH_FAILURES="5/hour") as replicas:
        forged = replicas.issuer.token("mallory", key=SigningKey.new())
        async with replicas.clients("mallory", forged) as clients, replicas.clients("alice") as good:
            assert await refuse(clients[0], 6) == [401] * 5 + [429]
            assert await refuse(clients[1], 6) == [401] * 5 + [429]  # as docs/scaling.md says: five for each process
            assert {(await client.get(TASKS)).status_code for client in good} == {200}


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    server = shutil.which("redis-server") or shutil.which("valkey-server")
    if server is None:
        pytest.skip("needs redis-server or valkey-server")
    port, log = free_port(), folder / "redis.log"
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)]
    with program([server, *options], log, {}) as process:
        until(lambda: "Ready to accept connections" in log.read_text(), process, log)
        yield f"redis://127.0.0.1:{port}/0"


@pytest.mark.torture
async def test_refused_tokens_are_counted_together_where_replicas_share_a_store(
    postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    with redis(tmp_path) as url:
        settings = {"AUTH_FAILURES": "5/hour", "RATE_LIMIT_STORAGE_URL": url}
        async with replicas_of(2, postgres, tmp_path, **settings) as replicas:
            forged = replicas.issuer.token("mallory", key=SigningKey.new())
            async with replicas.clients("mallory", forged) as clients, replicas.clients("alice") as good:
                assert await refuse(clients[0], 3) == [401] * 3
                assert await refuse(clients[1], 3) == [401] * 2 + [429]
                assert await refuse(clients[0], 1) == [429]
                assert {(await client.get(TASKS)).status_code for client in good} == {200}
