"""Connections made by asyncpg: to the first host that will do, with settings that fit the server."""

import socket
from collections import deque
from typing import Any

import asyncpg

from taskward.database.dsn import one_dsn_for_each_host

#: Seconds that each of several hosts has to take a connection: a failed one may accept it and say nothing.
_HOST_SECONDS = 1.5

#: The first probe after 30 s; three that are not answered, 10 s apart, are the end.
_KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}

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
        # A database may have another default, under which concurrent changes of a task fail instead of waiting.
        settings["default_transaction_isolation"] = "read committed"
        # A server that ends idle sessions might end one just as a request takes it. DATABASE_IDLE is for that. Nor is
        # it idle in a transaction between a statement's preparation and its execution, when this process is busy.
        settings["idle_session_timeout"] = settings["idle_in_transaction_session_timeout"] = "0"
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
                return _kept_alive(await asyncpg.connect(dsn, timeout=share, **options))
            except Exception as error:
                failure = failure or _of_configuration(error)
                if self._dsns[0] == dsn:  # unless a concurrent attempt has moved on already
                    self._dsns.rotate(-1)
        assert failure is not None  # noqa: S101 - a DSN has at least one host
        raise failure


def _kept_alive(connection: Any) -> Any:
    """Probes on an idle connection: a firewall on the way then remembers it, or its end is noticed by this side."""
    transport = connection._transport  # asyncpg has no option for this
    opened = transport.get_extra_info("socket")
    if opened is not None and opened.family in (socket.AF_INET, socket.AF_INET6):
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, seconds in _KEEPALIVE.items():
            if hasattr(socket, name):  # what each system calls it, where it has it
                opened.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), seconds)
    return connection


def _of_configuration(error: Exception) -> Exception:
    """The error, or ClientConfigurationError for what asyncpg makes of a variable that it cannot read."""
    if isinstance(error, ValueError | LookupError | TypeError):  # PGPORT=x; a uid without a name, and no user given
        error = asyncpg.exceptions.ClientConfigurationError(type(error).__name__)
    return error
