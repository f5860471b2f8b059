"""Connections made by asyncpg: to the first host that will do, with settings that fit the server."""

from collections import deque
from typing import Any

import asyncpg

from taskward.database.dsn import one_dsn_for_each_host

#: Seconds that each of several hosts has to take a connection: a failed one may accept it and say nothing.
_HOST_SECONDS = 1.5

#: Whether this is Citus, and the process that answers: behind PgBouncer it is not the one announced.
_PROBE = "SELECT pg_backend_pid() AS pid, EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') AS citus"


class Connector:
    """Opens connections. ``timeout`` is seconds for one, over all hosts of the DSN.

    The first connection finds out what the server is:

    - Behind PgBouncer in transaction mode each statement may run on another server connection: prepared statements must
      not be kept, and settings must not be sent at the start.
    - Citus crashes on a generic plan, so there PostgreSQL chooses its plans.
    """

    def __init__(self, dsn: str, timeout: float) -> None:
        self._dsns = deque(one_dsn_for_each_host(dsn))
        self._timeout = timeout
        self.pooled: bool | None = None
        self._citus = False

    async def connect(self) -> Any:
        """Raises asyncpg's errors, OSError or TimeoutError."""
        if self.pooled is not False:
            connection = await self._reach(statement_cache_size=0)
            found = await connection.fetchrow(_PROBE)
            self.pooled, self._citus = connection.get_server_pid() != found["pid"], found["citus"]
            if self.pooled:
                return connection
            await connection.close()
        # The server gives up a little earlier than this side does, so that no statement runs on without a reader.
        milliseconds = str(max(1, int(self._timeout * 900)))
        settings = {"statement_timeout": milliseconds, "application_name": "taskward"}
        if not self._citus:
            # Each statement has one right plan, the same for every person. Left to choose, PostgreSQL plans some of
            # them anew at each request, and for a person who owns much of the table prefers to read all of it.
            settings["plan_cache_mode"] = "force_generic_plan"
        return await self._reach(server_settings=settings)

    async def _reach(self, **options: Any) -> Any:
        """Connect to the first host that will do, beginning with the one that did last time.

        asyncpg would try one host after the other too, but give all of the timeout to the first that says nothing.
        """
        share = min(self._timeout / len(self._dsns), _HOST_SECONDS) if len(self._dsns) > 1 else self._timeout
        failure: Exception | None = None
        for dsn in tuple(self._dsns):
            try:
                return await asyncpg.connect(dsn, timeout=share, **options)
            except Exception as error:
                failure = failure or error
                if self._dsns[0] == dsn:  # unless a concurrent attempt has moved on already
                    self._dsns.rotate(-1)
        assert failure is not None  # noqa: S101 - a DSN has at least one host
        raise failure
