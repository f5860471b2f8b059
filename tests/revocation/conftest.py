"""Replicas of the service, and the database whose revocations they read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import pytest_asyncio

from tests.support.revocations import Replica, replica, with_revocations
from tokenward.testing import Issuer


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    async with with_revocations(database_url) as connection:
        yield connection


Start = Callable[..., Any]


@pytest_asyncio.fixture
async def start(issuer: Issuer, database_url: str, database: asyncpg.Connection) -> AsyncIterator[Start]:
    """`await start()`: one more replica."""
    async with AsyncExitStack() as stack:

        async def one(**changes: Any) -> Replica:
            return await stack.enter_async_context(replica(issuer, database_url, **changes))

        yield one
