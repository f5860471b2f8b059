"""The database: SQLAlchemy's AsyncEngine, with one statement and one round trip for each request.

SQLAlchemy owns the pool and compiles the statements. A compiled statement runs on the checked-out asyncpg connection:
``AsyncConnection.execute`` would take four times the processor time (benchmarks/NOTES.md). Errors of the driver leave
this file as DatabaseUnavailable, except for bugs, which answer 500.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import PoolProxiedConnection
from uuid_utils.compat import uuid4

from taskward.database.connecting import Connector
from taskward.database.failures import BECAME_REPLICA, TO_BE_REPEATED, driver_error, sqlstate, translated
from taskward.database.slots import Slots
from taskward.database.stack import Stack
from taskward.database.statement import ServerQuestion, Statement

Row = Mapping[str, Any]
Connect = Callable[[], Awaitable[Any]]

#: Deadlines are checked this often, as a fraction of the timeout.
_GRAIN = 0.05


class _Use:
    """The generation of a connection, and when it was last used."""

    __slots__ = ("generation", "since")

    def __init__(self, generation: int) -> None:
        self.generation = generation
        self.since = time.monotonic()


class Database:
    """A pool of at most ``pool_size`` connections.

    ``timeout`` is the seconds for one request: slot, connection and statement together. A connection unused for
    ``idle`` seconds is replaced. ``open`` does not connect: a database may be down at the start and come up later.
    ``watch`` wraps what opens connections.
    """

    def __init__(
        self,
        dsn: str,
        *,
        pool_size: int = 10,
        timeout: float = 5,
        idle: float = 300,
        connect: Connect | None = None,
        watch: Callable[[Connect], Connect] | None = None,
    ) -> None:
        self._connector = Connector(dsn, timeout)
        self._connect = connect or self._connector.connect
        if watch is not None:
            self._connect = watch(self._connect)
        self._timeout = timeout
        self._idle = idle
        self._size = pool_size
        self._slots = Slots(pool_size)
        self._busy: dict[Any, float] = {}  # connections in use: deadline
        self._used: dict[Any, _Use] = {}  # all connections
        self._generation = 0  # connections of an earlier generation are not used again
        self._empty = 0  # pool records whose connection was discarded
        self._closed = True
        self._watch: asyncio.Task[None] | None = None
        self.engine = self._create_engine()
        self._pool = self._pool_of(self.engine)

    def _create_engine(self) -> AsyncEngine:
        def connect() -> Any:
            return engine.sync_engine.dialect.dbapi.connect(  # type: ignore[union-attr]  # a real dialect has its DBAPI
                async_creator_fn=self._connect,
                # Behind PgBouncer a name must not be that of another client's statement.
                prepared_statement_name_func=lambda: f"__asyncpg_{uuid4()}__",
            )

        engine = create_async_engine(
            "postgresql+asyncpg://",
            creator=connect,
            poolclass=Stack,  # Slots bounds it, and waits without a greenlet
            pool_reset_on_return=None,  # single statements leave nothing to roll back
        )
        return engine

    async def open(self) -> None:
        self._closed = False
        self._watch = asyncio.create_task(self._watch_deadlines())

    async def close(self) -> None:
        """Wait up to the timeout for running statements, then close every connection. No further statement starts."""
        self._closed = True
        if self._watch is None:
            return
        deadline = time.monotonic() + self._timeout
        with contextlib.suppress(TimeoutError):
            for _ in range(self._size):
                await self._slots.take(deadline)
        self._watch.cancel()
        for connection in list(self._busy):
            connection.terminate()
        # SQLAlchemy's dispose() has no timeout, and a silent server does not answer a close.
        idle = [connection.close(timeout=self._timeout) for connection in self._used if not connection.is_closed()]
        await asyncio.gather(*idle, return_exceptions=True)
        self.engine.sync_engine.dispose(close=False)
        self._pool = self._pool_of(self.engine)
        self._used.clear()
        self._empty = 0
        self._slots = Slots(self._size)

    @staticmethod
    def _pool_of(engine: AsyncEngine) -> Stack:
        assert isinstance(engine.pool, Stack)  # noqa: S101 - the pool class given to create_async_engine
        return engine.pool

    def of(self, owner: str) -> "Rows":
        """The rows of ``owner``: the only way to run a statement on a table."""
        return Rows(self, owner)

    async def ask(self, question: ServerQuestion, values: Mapping[str, Any] | None = None) -> list[Row]:
        """The rows of a statement that has no owner. Raises DatabaseUnavailable."""
        return await self._run(question, question.arguments(values or {}))

    def usage(self) -> tuple[int, int]:
        """The numbers of open and of idle connections."""
        idle = self._pool.checkedin() - self._empty
        return len(self._busy) + idle, idle

    async def _run(self, statement: Statement, arguments: list[Any]) -> list[Row]:
        """All rows of one statement.

        Rows or an error from the server leave the connection usable. After anything else (a cancelled request, a lost
        answer) it is discarded.
        """
        deadline = time.monotonic() + self._timeout
        if self._closed or not self._slots.take_free():
            try:
                await self._take_slot(deadline)
            except Exception as error:
                raise translated(error) from error
        try:
            pooled = self._idle_connection() or await self._any_connection(deadline)
            connection: Any = pooled.driver_connection
            self._busy[connection] = deadline
            try:
                while True:
                    try:
                        fit = False
                        rows: list[Row]
                        if statement.apart and self._connector.distributed:
                            rows = await _run_apart(connection, statement, arguments)
                        else:
                            rows = await connection.fetch(statement.sql, *arguments)
                        fit = True
                        break
                    except asyncpg.PostgresError as error:
                        fit = getattr(error, "severity_en", None) == "ERROR"  # FATAL ends the session
                        if not fit or sqlstate(error) not in TO_BE_REPEATED or time.monotonic() > deadline - 0.1:
                            raise
                    await asyncio.sleep(random.random() / 50)  # noqa: S311 - jitter, so that the two do not collide again
            finally:
                del self._busy[connection]
                self._give_back(pooled, connection, fit=fit)
        except Exception as error:
            if sqlstate(driver_error(error)) == BECAME_REPLICA:
                self._generation += 1  # reconnect, to find the new primary
            if (told := translated(error)) is not error:
                raise told from error
            raise
        finally:
            self._slots.give()
        return rows

    async def _take_slot(self, deadline: float) -> None:
        self._check_open()  # close() takes every slot: a waiter behind it would never get one
        await self._slots.take(deadline)
        try:
            self._check_open()
        except asyncpg.InterfaceError:
            self._slots.give()
            raise

    def _check_open(self) -> None:
        if self._closed:
            raise asyncpg.InterfaceError("the database is closed")

    def _idle_connection(self) -> PoolProxiedConnection | None:
        """The connection used last, taken without a greenlet. None if SQLAlchemy would have to connect."""
        if self._empty or not self._pool.checkedin():
            return None
        pooled = self._pool.connect()
        if self._is_fit(pooled.driver_connection):
            return pooled
        self._discard(pooled)
        return None

    async def _any_connection(self, deadline: float) -> PoolProxiedConnection:
        """A connection, opened if needed. If the request is cancelled while connecting, the connection is discarded."""
        while True:
            generation = self._generation
            opening = asyncio.create_task(self.engine.raw_connection())
            try:
                async with asyncio.timeout_at(deadline):
                    pooled = await asyncio.shield(opening)
            except BaseException:
                opening.add_done_callback(self._abandoned)
                opening.cancel()
                raise
            if pooled.record_info.pop("empty", False):  # type: ignore[union-attr]  # a pooled connection has a record
                self._empty -= 1
            connection = pooled.driver_connection
            if connection not in self._used:
                self._used[connection] = _Use(generation)
                return pooled
            if self._is_fit(connection):
                return pooled
            self._discard(pooled)

    def _abandoned(self, opening: "asyncio.Task[PoolProxiedConnection]") -> None:
        if not opening.cancelled() and opening.exception() is None:
            self._discard(opening.result())

    def _is_fit(self, connection: Any) -> bool:
        """Whether a connection is open, of the current generation, and was used within ``idle`` seconds."""
        use = self._used[connection]
        fresh = use.generation == self._generation and time.monotonic() - use.since < self._idle
        return fresh and not connection.is_closed()

    def _discard(self, pooled: PoolProxiedConnection) -> None:
        """Close a connection. SQLAlchemy keeps its record, empty, and connects when the record is next checked out."""
        self._used.pop(pooled.driver_connection, None)
        if not pooled.record_info.get("empty"):  # type: ignore[union-attr]  # as above
            pooled.record_info["empty"] = True  # type: ignore[index]  # as above
            self._empty += 1
        pooled.invalidate()

    def _give_back(self, pooled: PoolProxiedConnection, connection: Any, *, fit: bool) -> None:
        use = self._used[connection]
        if fit and use.generation == self._generation:
            use.since = time.monotonic()
            pooled.close()
        else:
            self._discard(pooled)

    async def _watch_deadlines(self) -> None:
        """Enforce the deadlines of all requests in one task: a timer for each would cost a tenth of a request."""
        while True:
            await asyncio.sleep(self._timeout * _GRAIN)
            now = time.monotonic()
            self._slots.expire(now)
            silent = [connection for connection, deadline in self._busy.items() if deadline < now]
            for connection in silent:
                connection.terminate()  # its statement ends with an error
            if silent:
                self._generation += 1  # idle connections are probably lost too; each would cost a timeout


async def _run_apart(connection: Any, statement: Statement, arguments: list[Any]) -> list[Row]:
    """The rows of the last of ``statement.apart`` that ran. An error rolls all of them back."""
    values = dict(zip(statement.names, arguments, strict=True))
    rows: list[Row] = []
    async with connection.transaction():
        for part in statement.apart:
            rows = await connection.fetch(part.sql, *part.arguments(values))
            if part.returns and not rows:
                break
    return rows


class Rows:
    """The rows of one owner. Every statement has an owner parameter, and only this class sets it."""

    __slots__ = ("_database", "owner")

    def __init__(self, database: Database, owner: str) -> None:
        self._database = database
        self.owner = owner

    async def all(self, statement: Statement, values: Mapping[str, Any]) -> list[Row]:
        """Every row that ``statement`` returns, in one round trip. Raises DatabaseUnavailable."""
        return await self._database._run(statement, statement.arguments({**values, "owner": self.owner}))
