"""The rows a run works on: 1,000 people with 50 tasks each, known by number, and rows to delete."""

import asyncio
import random
import string
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

USERS = [f"user{number:012d}abcdefghijklmnop" for number in range(1000)]  # as long as Better Auth's ids
TASKS_EACH = 50
COLUMNS = ["user_id", "id", "title", "description", "completed", "created_at", "updated_at"]
EPOCH = datetime(2026, 11, 1, 9, 0, 0, 123000, tzinfo=UTC)

Row = tuple[str, UUID, str, str | None, bool, datetime, datetime]


def uuid7(milliseconds: int, number: int) -> UUID:
    """The UUID of version 7 (RFC 9562 §5.7) with this time and, for its random bits, this number."""
    return UUID(int=milliseconds << 80 | 0x7 << 76 | 0x2 << 62 | number)


def row(user: str, number: int) -> Row:
    """Task `number` of a user: the same each time it is asked for."""
    noise = random.Random(number)
    words = ["".join(noise.choices(string.ascii_lowercase, k=noise.randint(3, 9))) for _ in range(12)]
    made = EPOCH + timedelta(seconds=number)
    ident = uuid7(int(made.timestamp() * 1000), number)
    description = " ".join(words[4:]) if number % 2 else None
    return (user, ident, " ".join(words[:4]), description, number % 3 == 0, made, made)


def task_id(user: int, number: int) -> UUID:
    """The id of a user's task `number`, 0 to 49."""
    serial = number * len(USERS) + user
    return uuid7(int((EPOCH + timedelta(seconds=serial)).timestamp() * 1000), serial)


def tasks(url: str) -> None:
    """50,000 rows, in the order in which people would have made them: everybody's rows lie scattered."""
    rows = [row(USERS[serial % len(USERS)], serial) for serial in range(TASKS_EACH * len(USERS))]
    copy(url, rows)
    run(url, "VACUUM (ANALYZE) tasks")


class ToDelete:
    """Rows that are there to be deleted, once each; older than all others, so that lists do not change."""

    def __init__(self, url: str) -> None:
        self._url, self._next = url, 0

    def add(self, count: int) -> list[tuple[int, UUID]]:
        """`count` rows more: the number of the user, and the id."""
        first, self._next = self._next, self._next + count
        added = [(serial % len(USERS), uuid7(1, serial)) for serial in range(first, self._next)]
        copy(self._url, [(USERS[user], ident, "to delete", None, False, EPOCH, EPOCH) for user, ident in added])
        return added


def copy(url: str, rows: list[Row]) -> None:
    """Put rows into the table of tasks."""

    async def work() -> None:
        async with connected(url) as connection:
            await connection.copy_records_to_table("tasks", records=rows, columns=COLUMNS)

    asyncio.run(work())


def run(url: str, statement: str) -> list[asyncpg.Record]:
    """Run one statement and return its rows."""

    async def work() -> list[asyncpg.Record]:
        async with connected(url) as connection:
            return await connection.fetch(statement)  # type: ignore[no-any-return]  # asyncpg has no types here

    return asyncio.run(work())


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(url, timeout=30)
    try:
        yield connection
    finally:
        await connection.close()
