"""The database: SQLAlchemy's AsyncEngine, with one statement and one round trip for each request.

SQLAlchemy owns the pool and compiles the statements. A compiled statement runs on the checked-out asyncpg connection:
``AsyncConnection.execute`` would take four times the processor time. While requests follow one another, a connection
stays checked out for the next one: a checkout for each would cost a tenth of a request (benchmarks/NOTES.md). Errors of
the driver leave this file as DatabaseUnavailable, except for bugs, which answer 500.
"""

import asyncio
import contextlib
import math
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import asyncpg
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import PoolProxiedConnection
from uuid_utils import uuid4

from taskward.database.connecting import Connector
from taskward.database.failures import BECAME_REPLICA, TO_BE_REPEATED, driver_error, sqlstate, translated
from taskward.database.slots import Slots
from taskward.database.statement import ServerQuestion, Statement

_logger = structlog.get_logger("taskward.database")

Row = Mapping[str, Any]
Connect = Callable[[], Awaitable[Any]]

#: Deadlines are checked this often, as a fraction of the timeout.
_GRAIN = 0.05
#: Seconds for which a connection stays checked out after its last request.
_KEEP = 0.5
#: Seconds for requests to end whose connection close() has terminated.
_ENDING = 0.5


class _Held:
    """An open connection. ``pooled`` is its last checkout."""

    __slots__ = ("connection", "deadline", "generation", "pooled", "since")

    def __init__(self, pooled: PoolProxiedConnection, generation: int) -> None:
        self.pooled = pooled
        self.connection: Any = pooled.driver_connection
        self.generation = generation
        self.since = time.monotonic()  # when it was last used
        self.deadline = 0.0  # of the request that uses it


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
        self._open: dict[Any, _Held] = {}  # all connections
        self._busy: set[_Held] = set()  # those in use
        self._free: deque[_Held] = deque()  # those checked out and not in use; the last was used last
        self._generation = 0  # connections of an earlier generation are not used again
        self._closed = True
        self._watch: asyncio.Task[None] | None = None
        self.engine = self._create_engine()

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
            pool_size=self._size,
            max_overflow=-1,  # Slots bounds it, and waits without a greenlet
            pool_use_lifo=True,
            pool_reset_on_return=None,  # single statements leave nothing to roll back
        )
        return engine

    async def open(self) -> None:
        self._closed = False
        self._watch = asyncio.create_task(self._watch_deadlines())

    async def close(self) -> None:
        """Wait up to the timeout for running statements, then close every connection. No further statement starts."""
        self._closed = True
        watch, self._watch = self._watch, None
        if watch is None:
            return
        taken = 0
        try:
            for seconds in (self._timeout, _ENDING):
                deadline = time.monotonic() + seconds
                with contextlib.suppress(TimeoutError):
                    while taken < self._size:
                        await self._slots.take(deadline)
                        taken += 1
                for held in self._busy:
                    held.connection.terminate()
            # SQLAlchemy would close one after the other, and a silent server does not answer a close.
            idle = [connection.close(timeout=self._timeout) for connection in self._open if not connection.is_closed()]
            await asyncio.gather(*idle, return_exceptions=True)
            self._give_back(unused_since=math.inf)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._timeout):
                    await self.engine.dispose()  # closes the connections that an extension opened
        finally:
            watch.cancel()
            for connection in self._open:
                connection.terminate()  # if close() itself is cancelled
            self._give_back(unused_since=math.inf)
            self.engine.sync_engine.dispose(close=False)
            self._open.clear()
            for _ in range(taken):
                self._slots.give()

    def of(self, owner: str) -> "Rows":
        """The rows of ``owner``: the only way to run a statement on a table."""
        return Rows(self, owner)

    async def ask(self, question: ServerQuestion, values: Mapping[str, Any] | None = None) -> list[Row]:
        """The rows of a statement that has no owner. Raises DatabaseUnavailable."""
        return await self._run(question, question.arguments(values or {}))

    def usage(self) -> tuple[int, int]:
        """The numbers of open and of idle connections."""
        return len(self._open), len(self._open) - len(self._busy)

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
            held = self._free_connection() or await self._check_out(deadline)
            held.deadline = deadline
            self._busy.add(held)
            fit = False
            try:
                while True:
                    try:
                        rows: list[Row]
                        if statement.apart and self._connector.distributed:
                            rows = await _run_apart(held.connection, statement, arguments)
                        else:
                            rows = await held.connection.fetch(statement.sql, *arguments)
                        fit = True
                        break
                    except asyncpg.PostgresError as error:
                        fit = getattr(error, "severity_en", None) == "ERROR"  # FATAL ends the session
                        if not fit or sqlstate(error) not in TO_BE_REPEATED or time.monotonic() > deadline - 0.1:
                            raise
                    fit = False  # a request that is cancelled here discards the connection
                    await asyncio.sleep(random.random() / 50)  # noqa: S311 - jitter, so that the two do not collide again
            finally:
                self._busy.discard(held)
                if fit and held.generation == self._generation:
                    held.since = time.monotonic()
                    self._free.append(held)
                else:
                    self._discard(held.pooled)
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

    def _free_connection(self) -> _Held | None:
        """The connection used last, if one is still checked out."""
        while self._free:
            held = self._free.pop()
            if self._is_fit(held):
                return held
            self._discard(held.pooled)
        return None

    async def _check_out(self, deadline: float) -> _Held:
        """A connection of the pool, opened if needed. If the request is cancelled meanwhile, it is discarded.

        The slot is then given when the connection is closed: until then it is one more session on the server.
        """
        while True:
            generation = self._generation
            opening = asyncio.create_task(self.engine.raw_connection())
            try:
                async with asyncio.timeout_at(deadline):
                    pooled = await asyncio.shield(opening)
            except BaseException:
                self._slots.keep()
                opening.add_done_callback(self._abandoned)
                opening.cancel()
                raise
            held = self._open.setdefault(pooled.driver_connection, _Held(pooled, generation))
            held.pooled = pooled
            if self._is_fit(held):
                return held
            self._discard(pooled)

    def _abandoned(self, opening: "asyncio.Task[PoolProxiedConnection]") -> None:
        self._slots.give()
        if not opening.cancelled() and opening.exception() is None:
            self._discard(opening.result())

    def _is_fit(self, held: _Held) -> bool:
        """Whether a connection is open, of the current generation, and was used within ``idle`` seconds."""
        fresh = held.generation == self._generation and time.monotonic() - held.since < self._idle
        return fresh and not held.connection.is_closed()

    def _discard(self, pooled: PoolProxiedConnection) -> None:
        """Close a connection. SQLAlchemy keeps its record and connects when the record is next checked out."""
        self._open.pop(pooled.driver_connection, None)
        pooled.invalidate()

    def _give_back(self, unused_since: float) -> None:
        """Return the connections to SQLAlchemy's pool that no request has used since.

        A full pool would close them, which needs a greenlet. It is full if an extension uses connections of its own.
        """
        pool: Any = self.engine.pool
        while self._free and self._free[0].since < unused_since:
            held = self._free.popleft()
            if self._is_fit(held) and pool.checkedin() < self._size:
                held.pooled.close()
            else:
                self._discard(held.pooled)

    async def _watch_deadlines(self) -> None:
        """Enforce the deadlines of all requests in one task: a timer for each would cost a tenth of a request."""
        while True:
            await asyncio.sleep(self._timeout * _GRAIN)
            try:
                self._enforce(time.monotonic())
            except Exception:  # of a listener to SQLAlchemy's pool; without this task requests have no deadlines
                _logger.exception("a connection could not be returned to the pool")

    def _enforce(self, now: float) -> None:
        self._slots.expire(now)
        silent = [held for held in self._busy if held.deadline < now]
        for held in silent:
            held.connection.terminate()  # its statement ends with an error
        if silent:
            self._generation += 1  # idle connections are probably lost too; each would cost a timeout
        for held in [held for held in self._open.values() if held.connection.is_closed() and held not in self._busy]:
            del self._open[held.connection]  # the server ended it
        self._give_back(now - _KEEP)


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
