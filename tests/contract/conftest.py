"""Two ways to stand in front of the service: in process with mocked keys, or live, over the network.

    pytest tests/contract                                            # in process: needs this repository
    pytest tests/contract --citus                                    # the same, with the SQL that Citus needs
    pytest tests/contract --database-url postgresql://…              # in process, with a migrated database of your own
    pytest tests/contract --base-url http://127.0.0.1:8000 --token "$TOKEN" [--other-token "$SOMEBODY_ELSES"]

Live, it needs this folder, pytest, pytest-asyncio and httpx, no more. Each person's own tasks are left as
they were found; what needs the issuer's private key, other settings or the database itself is skipped, and
says so. Tokens are never printed.
"""

from __future__ import annotations

import base64
import ipaddress
import itertools
import json
import secrets
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
import pytest_asyncio

pytest.register_assert_rewrite(f"{__package__}.saying")  # a failed assertion there shows the values, too

IN_PROCESS = "taskward.test"
"""The name by which the application in this process is called."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("contract", "the HTTP contract against a live server")
    group.addoption("--base-url", help="the server to speak to, such as http://127.0.0.1:8000; without it: in process")
    group.addoption("--token", help="a fresh token of one person, good for some minutes")
    group.addoption("--other-token", help="a fresh token of somebody else; tests of two people are skipped without it")
    group.addoption(
        "--database-url", help="in process: a migrated database, such as a cluster's; its tasks are added to"
    )
    group.addoption("--citus", action="store_true", help="in process: with the SQL that is sent to Citus")


def pytest_configure(config: pytest.Config) -> None:
    config.option.asyncio_mode = config.option.asyncio_mode or "auto"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One event loop for all, wherever this folder is run from: the fixtures' clients live in it."""
    for item in items:
        if Path(__file__).parent in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


class Person(httpx.AsyncClient):
    """A client that carries one person's token."""

    token: str

    @property
    def sub(self) -> str:
        payload = self.token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return str(claims["sub"])

    async def everything(self) -> tuple[list[Any], dict[str, int]]:
        """All tasks of this person's, page after page, and the counts."""
        tasks, cursor = [], None
        while True:
            query = {"limit": 200} | ({"cursor": cursor} if cursor else {})
            page = await self.get("/api/me/tasks", params=query)
            assert page.status_code == 200, page.text
            tasks += page.json()["items"]
            cursor = page.json()["next_cursor"]
            if cursor is None:
                break
        counts = await self.get("/api/me/tasks/counts")
        return tasks, counts.json()


class Front(Protocol):
    """What the tests stand in front of."""

    live: bool

    def client(self) -> httpx.AsyncClient: ...
    def person(self, which: int) -> Person: ...
    async def rows(self) -> Any: ...


class Live:
    live = True

    def __init__(self, config: pytest.Config) -> None:
        self.base_url = str(config.getoption("--base-url")).rstrip("/")
        self.tokens = [config.getoption("--token"), config.getoption("--other-token")]
        self.found: dict[str, set[str]] = {}  # by token: the tasks that were there before
        self.trusted = ssl.create_default_context()  # one for all clients: making one costs more than a request
        if not self.tokens[0]:
            raise pytest.UsageError("--base-url needs --token: a fresh token of one person")

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.base_url, verify=self.trusted)

    def person(self, which: int) -> Person:
        token = self.tokens[which]
        if not token:
            pytest.skip("live: needs a second person, --other-token")
        person = Person(base_url=self.base_url, verify=self.trusted, headers={"authorization": f"Bearer {token}"})
        person.token = token
        return person

    async def rows(self) -> None:
        """The database of a live server is not ours to look into."""


class InProcess:
    """The application in this process, its keys mocked with respx, its database real."""

    live = False
    _addresses = itertools.count(int(ipaddress.ip_address("198.18.0.1")))

    def __init__(self, app: Any, issuer: Any, database_url: str) -> None:
        self.app, self.issuer, self.database_url = app, issuer, database_url
        self.database: Any = None  # a connection past the application, for looking on

    def _connection(self) -> dict[str, Any]:
        # Each test calls from an address of its own, so that no refused token of one throttles another.
        address = str(ipaddress.ip_address(next(self._addresses)))
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False, client=(address, 50000))
        return {"transport": transport, "base_url": f"http://{IN_PROCESS}"}

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(**self._connection())

    def person(self, which: int, sub: str | None = None) -> Person:
        token = self.issuer.token(sub or f"person-{which}-{secrets.token_hex(6)}")
        person = Person(headers={"authorization": f"Bearer {token}"}, **self._connection())
        person.token = token
        return person

    async def rows(self) -> Any:
        """Every row of every table, as PostgreSQL prints it."""
        import asyncpg

        from tests.support.rows import dump

        self.database = self.database or await asyncpg.connect(self.database_url)
        return await dump(self.database)

    async def close(self) -> None:
        if self.database is not None:
            await self.database.close()


@asynccontextmanager
async def in_process(issuer: Any, database_url: str, **settings: Any) -> AsyncIterator[InProcess]:
    from asgi_lifespan import LifespanManager

    from tests.support.application import build

    app = build(issuer, database_url, **settings)
    async with LifespanManager(app, startup_timeout=60, shutdown_timeout=60) as manager:
        front = InProcess(manager.app, issuer, database_url)
        yield front
        await front.close()


@pytest.fixture(scope="module")
def database(request: pytest.FixtureRequest) -> Any:
    """Where an application in this process gets its database from; a live server has its own."""
    if request.config.getoption("--base-url", default=None):
        return None
    if request.config.getoption("--database-url"):
        return None, None
    return request.getfixturevalue("databases"), request.getfixturevalue("migrated_template")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def front(request: pytest.FixtureRequest, database: Any) -> AsyncIterator[Front]:
    if database is None:
        yield Live(request.config)
        return
    import respx

    from tokenward.testing import Issuer

    issuer = Issuer()
    databases, template = database
    url = await databases.create(template) if databases else request.config.getoption("--database-url")
    if request.config.getoption("--citus"):
        from tests.support.citus import look_like_citus

        await look_like_citus(url)
    async with respx.mock(assert_all_called=False) as router:
        router.route(url=issuer.jwks_url).mock(side_effect=issuer.respond)
        async with in_process(issuer, url) as front:
            yield front
    if databases:
        await databases.drop(url)


@pytest_asyncio.fixture(loop_scope="session")
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def _restored(front: Front, person: Person, stack: AsyncExitStack) -> Person:
    """The person, whose own tasks a live server keeps: what a test adds is taken away after it."""
    await stack.enter_async_context(person)
    if isinstance(front, Live):
        if person.token not in front.found:
            front.found[person.token] = {task["id"] for task in (await person.everything())[0]}

        async def restore() -> None:
            for task in (await person.everything())[0]:
                if task["id"] not in front.found[person.token]:
                    await person.delete(f"/api/me/tasks/{task['id']}")

        stack.push_async_callback(restore)
    return person


@pytest_asyncio.fixture(loop_scope="session")
async def me(front: Front, stack: AsyncExitStack) -> Person:
    return await _restored(front, front.person(0), stack)


@pytest_asyncio.fixture(loop_scope="session")
async def other(front: Front, stack: AsyncExitStack) -> Person:
    return await _restored(front, front.person(1), stack)


@pytest_asyncio.fixture(loop_scope="session")
async def api(front: Front, stack: AsyncExitStack) -> httpx.AsyncClient:
    """Somebody without a token."""
    return await stack.enter_async_context(front.client())


@pytest.fixture
def mocked(front: Front) -> InProcess:
    """The application in process: for what nobody can ask of a live server."""
    if not isinstance(front, InProcess):
        pytest.skip("live: needs the issuer's private key or the database itself")
    return front


@pytest.fixture
def issuer(mocked: InProcess) -> Any:
    return mocked.issuer


Variant = Callable[..., Awaitable[InProcess]]


@pytest_asyncio.fixture(loop_scope="session")
async def variant(mocked: InProcess, stack: AsyncExitStack) -> Variant:
    """The service once more, with other settings and, if asked for, its own issuer."""

    async def build(*, issuer: Any = None, database_url: str | None = None, **settings: Any) -> InProcess:
        issuer = issuer or mocked.issuer
        database_url = database_url or mocked.database_url
        return await stack.enter_async_context(in_process(issuer, database_url, **settings))

    return build


Unchanged = Callable[..., AbstractAsyncContextManager[None]]


@pytest.fixture
def unchanged(front: Front) -> Unchanged:
    """`async with unchanged(me, other):` what happens inside leaves their tasks, and every row, alone."""

    @asynccontextmanager
    async def watch(*people: Person) -> AsyncIterator[None]:
        before = [await person.everything() for person in people], await front.rows()
        yield
        after = [await person.everything() for person in people], await front.rows()
        assert after == before

    return watch


@pytest.fixture
def marker() -> str:
    """A word that stands in no task yet: what a test made can be told from what was there."""
    return f"m{secrets.token_hex(8)}"
