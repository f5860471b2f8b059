"""What every test may ask for: an issuer, the application on a database of its own, and three people."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import structlog

pytest_plugins = ["tests.support.postgres", "tests.support.shell", "tests.support.summary"]


def pytest_xdist_auto_num_workers() -> int:
    """Two processes more than cores: tests wait for a third of their time, for servers, starts and timeouts."""
    return (os.cpu_count() or 1) + 2


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give out files of few slow tests, which wait, in turn with files of many quick ones, which compute."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    by_size = sorted(files.values(), key=len)
    half = len(by_size) // 2
    pairs = zip_longest(by_size[:half], reversed(by_size[half:]), fillvalue=[])
    items[:] = [item for pair in pairs for file in pair for item in file]


class Person(httpx.AsyncClient):
    """A client with the token of one subject."""

    def __init__(self, sub: str, token: str, **connection: Any) -> None:
        super().__init__(headers={"authorization": f"Bearer {token}"}, **connection)
        self.sub, self.token = sub, token


@pytest.fixture(scope="session", autouse=True)
def _plain_log() -> None:
    """Tracebacks in what pytest captured are as the service writes them: plain, without local variables."""
    formatter = structlog.dev.plain_traceback
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.dev.ConsoleRenderer(colors=False, exception_formatter=formatter),
        ]
    )


def connection(app: Any, address: str = "127.0.0.1") -> dict[str, Any]:
    """How httpx reaches the application in this process; a crash is an answer, as it is for real clients."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 50000))
    return {"transport": transport, "base_url": "http://taskward.test"}


@pytest.fixture
def issuer() -> Any:
    from tokenward.testing import Issuer

    return Issuer()


@pytest.fixture
def settings(issuer: Any, database_url: str) -> Any:
    """A real database, the stand-in issuer, everything else as shipped."""
    from tests.support.application import settings_for

    return settings_for(issuer, database_url)


@pytest_asyncio.fixture
async def application(settings: Any, issuer: Any) -> AsyncIterator[Any]:
    """The application as it is built, not started, fetching its keys from the stand-in issuer in memory."""
    from taskward.app import create_app

    async with httpx.AsyncClient(transport=issuer.transport()) as http:
        yield create_app(settings, http=http)


@pytest_asyncio.fixture
async def app(application: Any) -> AsyncIterator[Any]:
    """The application, started."""
    from asgi_lifespan import LifespanManager

    async with LifespanManager(application, startup_timeout=60, shutdown_timeout=60) as manager:
        yield manager.app


@pytest_asyncio.fixture
async def client(app: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody without a token."""
    async with httpx.AsyncClient(**connection(app)) as client:
        yield client


Introduce = Callable[[str], Any]


@pytest_asyncio.fixture
async def person(app: Any, issuer: Any) -> AsyncIterator[Introduce]:
    """`await person("dora")`: a client with a token of that subject's, closed with the test."""
    async with AsyncExitStack() as stack:

        async def introduce(sub: str) -> Person:
            return await stack.enter_async_context(Person(sub, issuer.token(sub), **connection(app)))

        yield introduce


@pytest_asyncio.fixture
async def alice(person: Introduce) -> Person:
    return await person("alice")


@pytest_asyncio.fixture
async def bob(person: Introduce) -> Person:
    return await person("bob")


@pytest_asyncio.fixture
async def carol(person: Introduce) -> Person:
    return await person("carol")


@pytest_asyncio.fixture
async def served(application: Any) -> AsyncIterator[str]:
    """The application on a real socket of 127.0.0.1, as uvicorn serves it; its URL."""
    import uvicorn

    from taskward.server.connection import Connection

    class Server(uvicorn.Server):
        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield  # Ctrl-C belongs to pytest

    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(uvicorn.Config(application, lifespan="on", log_config=None, server_header=False, http=Connection))
    serving = asyncio.create_task(server.serve([listener]))
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    await serving
