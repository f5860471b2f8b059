"""New asyncpg connections: to the first usable host of the DSN, with settings that fit the server."""

from collections import deque
from typing import Any

import asyncpg

from taskward.database.dsn import one_dsn_for_each_host
from taskward.database.keepalive import keep_alive

#: Seconds for each of several hosts. A failed host may accept the connection and then stay silent.
_HOST_SECONDS = 1.5

#: The process that answers (behind PgBouncer another than the one announced), and whether the server has Citus.
_PROBE = "SELECT pg_backend_pid() AS pid, EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') AS citus"


class Connector:
    """Opens connections. ``timeout`` is the seconds for one connection, over all hosts of the DSN.

    The first connection detects the kind of server:

    - Behind PgBouncer in transaction mode each statement may run on another server connection: prepared statements must
      not be kept, and settings must not be sent at the start.
    - Citus crashes on a generic plan, so there PostgreSQL chooses its plans. It gets a setting of its own.
    """

    def __init__(self, dsn: str, timeout: float) -> None:
        self._dsns = deque(one_dsn_for_each_host(dsn))
        self._timeout = timeout
        self.pooled: bool | None = None
        self.distributed = False

    async def connect(self) -> Any:
        """Raises asyncpg's errors, OSError or TimeoutError."""
        if self.pooled is not False:
            connection = await self._reach(statement_cache_size=0)
            try:
                found = await connection.fetchrow(_PROBE)
            except BaseException:  # a cancelled request, a lost server
                connection.terminate()
                raise
            self.pooled, self.distributed = connection.get_server_pid() != found["pid"], found["citus"]
            if self.pooled:
                return connection
            await connection.close()
        # The server's timeout is 90 % of this side's, so that no statement runs on after this side gave up.
        milliseconds = str(max(1, int(self._timeout * 900)))
        settings = {"statement_timeout": milliseconds, "application_name": "taskward"}
        # Under another isolation level, concurrent changes of a task would fail instead of waiting.
        settings["default_transaction_isolation"] = "read committed"
        # Without these timeouts the server cannot end an idle session while a request takes it (DATABASE_IDLE replaces
        # idle connections), nor one that waits between prepare and execute while this process is busy.
        settings["idle_session_timeout"] = settings["idle_in_transaction_session_timeout"] = "0"
        if self.distributed:
            # A statement that waits for a shard's move to the connected node keeps its snapshot from before the move.
            # Run in the same process it finds no row there: 404 for a task that exists. Over a connection it does.
            settings["citus.enable_local_execution"] = "off"
        else:
            # Each statement has one right plan for every person. By default PostgreSQL plans some statements again at
            # each request, and reads the whole table for a person who owns much of it.
            settings["plan_cache_mode"] = "force_generic_plan"
        return await self._reach(server_settings=settings)

    async def _reach(self, **options: Any) -> Any:
        """Connect to the first usable host, starting with the last one that was usable.

        asyncpg also tries one host after the other, but spends the whole timeout on the first silent one.
        """
        share = min(self._timeout / len(self._dsns), _HOST_SECONDS) if len(self._dsns) > 1 else self._timeout
        failure: Exception | None = None
        for dsn in tuple(self._dsns):
            try:
                return keep_alive(await asyncpg.connect(dsn, timeout=share, **options), idle=30, interval=10)
            except Exception as error:
                failure = failure or _of_configuration(error)
                if self._dsns[0] == dsn:  # unless a concurrent attempt has rotated already
                    self._dsns.rotate(-1)
        assert failure is not None  # noqa: S101 - a DSN has at least one host
        raise failure


def _of_configuration(error: Exception) -> Exception:
    """The error, or ClientConfigurationError for the errors that asyncpg raises for an unreadable PG… variable."""
    if isinstance(error, ValueError | LookupError | TypeError):  # PGPORT=x; a uid without a name, and no user given
        error = asyncpg.exceptions.ClientConfigurationError(type(error).__name__)
    return error
