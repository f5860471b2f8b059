"""The database: SQLAlchemy's AsyncEngine, asked for the rows of one owner, one statement and one round trip at a time.

SQLAlchemy owns the pool and compiles the statements. A compiled statement then runs on the asyncpg connection that was
checked out: ``AsyncConnection.execute`` takes four times the processor time (benchmarks/NOTES.md). No error of the
driver leaves this file but as DatabaseUnavailable, or as a bug that may crash the request.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import PoolProxiedConnection, QueuePool
from uuid_utils.compat import uuid4

from taskward.database.connecting import Connector
from taskward.database.failures import BECAME_REPLICA, TO_BE_REPEATED, driver_error, sqlstate, translated
from taskward.database.slots import Slots
from taskward.database.statement import ServerQuestion, Statement

Row = Mapping[str, Any]

#: How late, as a part of the timeout, a silent server may be noticed.
_GRAIN = 0.05


class Database:
    """A pool of at most ``pool_size`` connections.

    ``timeout`` is seconds for a request: for a slot, a connection and a statement together. ``idle`` is seconds after
    which an unused connection is replaced instead of used. ``open`` does not connect, so a database that is down at
    the start is found as soon as it is back.
    """

    def __init__(
        self,
        dsn: str,
        *,
        pool_size: int = 10,
        timeout: float = 5,
        idle: float = 300,
        connect: Callable[[], Awaitable[Any]] | None = None,
    ) -> None:
        self._connect = connect or Connector(dsn, timeout).connect
        self._timeout = timeout
        self._idle = idle
        self._size = pool_size
        self._slots = Slots(pool_size)
        self._busy: dict[Any, float] = {}  # asyncpg connections in use, and the deadline of each
        self._used: dict[Any, tuple[int, float]] = {}  # all there are: generation, and when each was last used
        self._generation = 0  # connections of an earlier one are not used again
        self._empty = 0  # records of the pool whose connection was discarded
        self._closing = False
        self._watch: asyncio.Task[None] | None = None
        self.engine = self._create_engine()
        self._pool = self._pool_of(self.engine)

    def _create_engine(self) -> AsyncEngine:
        def connect() -> Any:
            return engine.sync_engine.dialect.dbapi.connect(  # type: ignore[union-attr]  # a real dialect has its DBAPI
                async_creator_fn=self._connect,
                # Through PgBouncer one name would meet another client's statement of that name.
                prepared_statement_name_func=lambda: f"__asyncpg_{uuid4()}__",
            )

        engine = create_async_engine(
            "postgresql+asyncpg://",
            creator=connect,
            pool_size=self._size,
            max_overflow=-1,  # the semaphore bounds it, and waits without a greenlet
            pool_use_lifo=True,
            pool_reset_on_return=None,  # single statements leave nothing to roll back
        )
        return engine

    async def open(self) -> None:
        self._closing = False
        self._watch = asyncio.create_task(self._watch_deadlines())

    async def close(self) -> None:
        """Let running statements end within the timeout, then close every connection. No further statement starts."""
        self._closing = True
        if self._watch is None:
            return
        deadline = time.monotonic() + self._timeout
        with contextlib.suppress(TimeoutError):
            for _ in range(self._size):
                await self._slots.take(deadline)
        self._watch.cancel()
        for connection in list(self._busy):
            connection.terminate()
        # Not by SQLAlchemy's dispose(), which has no timeout: a server that says nothing does not say goodbye either.
        idle = [connection.close(timeout=self._timeout) for connection in self._used if not connection.is_closed()]
        await asyncio.gather(*idle, return_exceptions=True)
        self.engine.sync_engine.dispose(close=False)
        self._pool = self._pool_of(self.engine)
        self._used.clear()
        self._empty = 0
        self._slots = Slots(self._size)

    @staticmethod
    def _pool_of(engine: AsyncEngine) -> QueuePool:
        assert isinstance(engine.pool, QueuePool)  # noqa: S101 - as create_async_engine makes it
        return engine.pool

    def of(self, owner: str) -> "Rows":
        """The rows of ``owner``: the only way to run a statement on a table."""
        return Rows(self, owner)

    async def ask(self, question: ServerQuestion) -> list[Row]:
        """The answer to a question about the server itself. Raises DatabaseUnavailable."""
        return await self._run(question, [])

    def usage(self) -> tuple[int, int]:
        """Connections open and connections idle."""
        idle = self._pool.checkedin() - self._empty
        return len(self._busy) + idle, idle

    async def _run(self, statement: Statement, arguments: list[Any]) -> list[Row]:
        """All rows of one statement.

        Only an answer of the server, rows or an error, leaves the connection fit for the next statement. After
        anything else (a cancelled request, a lost answer) it is thrown away.
        """
        deadline = time.monotonic() + self._timeout
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
                        rows: list[Row] = await connection.fetch(statement.sql, *arguments)
                        fit = True
                        break
                    except asyncpg.PostgresError as error:
                        fit = getattr(error, "severity_en", None) == "ERROR"  # FATAL is the end of the session
                        if not fit or sqlstate(error) not in TO_BE_REPEATED or time.monotonic() > deadline - 0.1:
                            raise
                    await asyncio.sleep(random.random() / 50)  # noqa: S311 - so that two do not meet again
            finally:
                del self._busy[connection]
                self._give_back(pooled, connection, fit=fit)
        except Exception as error:
            if sqlstate(driver_error(error)) == BECAME_REPLICA:
                self._generation += 1  # look for the primary anew
            if (told := translated(error)) is not error:
                raise told from error
            raise
        finally:
            self._slots.give()
        return rows

    async def _take_slot(self, deadline: float) -> None:
        self._check_open()  # nobody waits behind close(), which takes every slot
        await self._slots.take(deadline)
        try:
            self._check_open()
        except asyncpg.InterfaceError:
            self._slots.give()
            raise

    def _check_open(self) -> None:
        if self._closing or self._watch is None:
            raise asyncpg.InterfaceError("the database is closed")

    def _idle_connection(self) -> PoolProxiedConnection | None:
        """The connection used last, without a greenlet; None when SQLAlchemy would have to connect."""
        if self._empty or not self._pool.checkedin():
            return None
        pooled = self._pool.connect()
        if self._is_fit(pooled.driver_connection):
            return pooled
        self._discard(pooled)
        return None

    async def _any_connection(self, deadline: float) -> PoolProxiedConnection:
        """A connection, opened if need be. A cancelled request does not interrupt that: others use its connection."""
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
                self._used[connection] = generation, time.monotonic()
                return pooled
            if self._is_fit(connection):
                return pooled
            self._discard(pooled)

    def _abandoned(self, opening: "asyncio.Task[PoolProxiedConnection]") -> None:
        if not opening.cancelled() and opening.exception() is None:
            self._discard(opening.result())

    def _is_fit(self, connection: Any) -> bool:
        """Whether a connection may be used (again): neither lost nor outdated nor unused for too long."""
        generation, since = self._used[connection]
        return generation == self._generation and time.monotonic() - since < self._idle and not connection.is_closed()

    def _discard(self, pooled: PoolProxiedConnection) -> None:
        """Close a connection. SQLAlchemy keeps the empty record of one, and fills it when it is next checked out."""
        self._used.pop(pooled.driver_connection, None)
        if not pooled.record_info.get("empty"):  # type: ignore[union-attr]  # as above
            pooled.record_info["empty"] = True  # type: ignore[index]  # as above
            self._empty += 1
        pooled.invalidate()

    def _give_back(self, pooled: PoolProxiedConnection, connection: Any, *, fit: bool) -> None:
        if fit and self._is_fit(connection):
            self._used[connection] = self._generation, time.monotonic()
            pooled.close()
        else:
            self._discard(pooled)

    async def _watch_deadlines(self) -> None:
        """One task for all requests: a timer each would cost a tenth of a request."""
        while True:
            await asyncio.sleep(self._timeout * _GRAIN)
            now = time.monotonic()
            self._slots.expire(now)
            silent = [connection for connection, deadline in self._busy.items() if deadline < now]
            for connection in silent:
                connection.terminate()  # its statement ends with an error
            if silent:
                self._generation += 1  # idle ones go the same way, and would cost a timeout each to find out


class Rows:
    """The rows of one owner. Every statement binds the owner, and this class alone says who that is."""

    __slots__ = ("_database", "owner")

    def __init__(self, database: Database, owner: str) -> None:
        self._database = database
        self.owner = owner

    async def all(self, statement: Statement, values: Mapping[str, Any]) -> list[Row]:
        """Every row that ``statement`` returns, in one round trip. Raises DatabaseUnavailable."""
        return await self._database._run(statement, statement.arguments({**values, "owner": self.owner}))
