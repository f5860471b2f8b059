"""Single connections outside the pool."""

from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from taskward.database.dsn import one_dsn_for_each_host
from taskward.database.keepalive import keep_alive

CONNECT_SECONDS = 1.5

_REVOKE = """
    INSERT INTO auth.revocations (kind, value, not_before, expires_at)
    VALUES ($1, $2, now(), now() + make_interval(secs => $3))
"""
_TELL = "SELECT pg_notify('taskward_revocations', '')"


def connector(url: str) -> Callable[[], Awaitable[Any]]:
    """A function that opens a connection to the first host that accepts one, within 1.5 s a host.

    It works behind PgBouncer, because no prepared statements are kept.
    """
    urls = one_dsn_for_each_host(url)

    async def connect() -> Any:
        failure: Exception | None = None
        for one in urls:
            try:
                connection = await asyncpg.connect(one, timeout=CONNECT_SECONDS, statement_cache_size=0)
            except Exception as error:  # try the next host; the last error is raised
                failure = error
                continue
            return keep_alive(connection, idle=5, interval=2)
        assert failure is not None  # noqa: S101 - there is at least one host
        raise failure

    return connect


async def revoke(url: str, kind: str, value: str, seconds: float) -> None:
    """Write one revocation that is kept for ``seconds``. Raises what asyncpg raises."""
    connection = await connector(url)()
    try:
        async with connection.transaction():
            await connection.execute(_REVOKE, kind, value, seconds)
            await connection.execute(_TELL)
    finally:
        connection.terminate()
