"""The database: statements compiled once from SQLAlchemy Core, run on asyncpg's pool, one round trip each.

Rules of this file: no SQL of anybody's is written here, and no driver error leaves it: what means "not now" becomes
DatabaseUnavailable, and everything else is a bug that may crash the request.
"""

from collections import deque
from collections.abc import Mapping
from typing import Any

import asyncpg
from sqlalchemy import Executable
from sqlalchemy.dialects.postgresql import asyncpg as dialect

from taskward.database.dsn import one_dsn_for_each_host
from taskward.database.pool import Pool
from taskward.problems import DatabaseUnavailable

Row = Mapping[str, Any]

_DIALECT = dialect.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves this constructor untyped

#: Classes and codes of SQLSTATE that speak of the server's state and not of the statement (PostgreSQL, appendix A):
#: connection, authorization, catalogue name, rollback, resources, object state, intervention, system, read-only;
#: and of the address: tables that are missing or not ours to use, a parameter that the server does not know.
_NOT_NOW = ("08", "28", "3D", "40", "53", "55", "57", "58", "25006", "42P01", "42501", "42704")

#: Seconds that each of several hosts has to take a connection: one that has failed may well be there and say nothing.
_HOST_SECONDS = 1.5


class Statement:
    """A Core statement compiled to PostgreSQL's ``$1`` form once, not for each request."""

    __slots__ = ("names", "sql")

    def __init__(self, clause: Executable) -> None:
        compiled = clause.compile(dialect=_DIALECT)  # type: ignore[attr-defined]  # every executable is a clause
        self.sql = str(compiled)
        self.names: tuple[str, ...] = tuple(compiled.positiontup or ())

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        return [values[name] for name in self.names]


class Database:
    """A pool of connections. ``timeout`` is seconds, for getting a connection and again for a statement.

    ``open`` does not connect, so a database that is down at start is found again as soon as it is back.
    """

    def __init__(self, url: str, *, pool_size: int = 10, timeout: float = 5) -> None:
        self._urls = deque(one_dsn_for_each_host(url))
        self._size = pool_size
        self._timeout = timeout
        self._pool: Pool | None = None
        self._pooler: bool | None = None

    async def open(self) -> None:
        self._pool = Pool(self._connect, self._size, self._timeout)

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.close()

    async def rows(self, statement: Statement, values: Mapping[str, Any]) -> list[Row]:
        """All rows of a statement, in one round trip. Raises DatabaseUnavailable."""
        if self._pool is None:
            raise DatabaseUnavailable("not open")
        try:
            return await self._pool.fetch(statement.sql, statement.arguments(values))
        except Exception as error:
            self._raise_translated(error)
            _forget_values(error)
            raise

    async def row(self, statement: Statement, values: Mapping[str, Any]) -> Row | None:
        """The first row of a statement, or None. Raises DatabaseUnavailable."""
        found = await self.rows(statement, values)
        return found[0] if found else None

    def usage(self) -> tuple[int, int]:
        """Connections open and connections idle."""
        return (0, 0) if self._pool is None else self._pool.usage()

    async def _connect(self) -> Any:
        """One connection, told apart from a pooler's.

        Behind PgBouncer in transaction mode each statement may run on another server connection: prepared statements
        must not be kept, and settings must not be sent at start. A pooler gives itself away, because the process id
        it announced is not that of the server process that answers.
        """
        if self._pooler is not False:
            connection = await self._reach(statement_cache_size=0)
            self._pooler = connection.get_server_pid() != await connection.fetchval("SELECT pg_backend_pid()")
            if self._pooler:
                return connection
            await connection.close()
        # The server gives up a little before this side does, so that nothing goes on running for nobody.
        milliseconds = str(max(1, int(self._timeout * 900)))
        settings = {
            "statement_timeout": milliseconds,
            "application_name": "taskward",
            "DateStyle": "ISO",  # times come as PostgreSQL prints them (tasks/statements.py)
            # Each statement has one right plan, the same for everybody. Left to choose, PostgreSQL plans some of them
            # anew at every request, and for whoever owns a large part of the table prefers reading all of it.
            "plan_cache_mode": "force_generic_plan",
        }
        return await self._reach(server_settings=settings)

    async def _reach(self, **options: Any) -> Any:
        """A connection to the first host that will do, beginning with the one that did last time.

        asyncpg would ask one host after the other too, but leave all the time there is to the first that says nothing.
        """
        share = min(self._timeout / len(self._urls), _HOST_SECONDS) if len(self._urls) > 1 else self._timeout
        failure: Exception | None = None
        for url in tuple(self._urls):
            try:
                return await asyncpg.connect(url, timeout=share, **options)
            except Exception as error:
                failure = failure or error
                if self._urls[0] == url:  # unless somebody beside us has moved on already
                    self._urls.rotate(-1)
        assert failure is not None  # noqa: S101 - there is at least one host
        raise failure

    def _raise_translated(self, error: Exception) -> None:
        """Raise DatabaseUnavailable for what means "not now"; return for what is a bug."""
        reason = type(error).__name__
        if isinstance(error, asyncpg.PostgresError):
            state = str(getattr(error, "sqlstate", "") or "")
            if not state.startswith(_NOT_NOW):
                return
            if state == "25006" and self._pool is not None:
                # This server has become a replica: the primary is to be looked for anew.
                self._pool.renew()
            raise DatabaseUnavailable(f"{reason} {state}") from error
        if isinstance(error, OSError | TimeoutError | asyncpg.InterfaceError | asyncpg.InternalClientError):
            raise DatabaseUnavailable(reason) from error


def _forget_values(error: Exception) -> None:
    """A bug's traceback goes to the log, and what somebody wrote into a task does not: neither row nor argument."""
    if not isinstance(error, asyncpg.PostgresError):
        return
    error.detail = None  # "Failing row contains (…)"
    if getattr(error, "severity_en", None) is None:  # asyncpg's own, about an argument that it could not send
        error.args = ("an argument does not fit its column",)
        error.__cause__ = error.__context__ = None
