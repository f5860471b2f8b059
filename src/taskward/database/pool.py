"""A pool of asyncpg connections that costs a request next to nothing.

Its reason: of 90 µs of processor time for one row, asyncpg's own pool spends 45 on handing a connection out and taking
it back (a task, two timers and a proxy each time), and 10 on a timer of the statement's own; the query takes the rest.
Here taking and returning are two list operations, and one watch per pool looks after everybody's time.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

#: How late, as a part of the timeout, the watch may notice that it has passed.
_GRAIN = 0.05


class Pool:
    """At most ``size`` connections made by ``connect``, the one used last given out first.

    ``timeout`` is seconds: for a connection to become free, for opening one, and for a statement to be answered.
    Rules of this file: whoever has a connection runs one statement on it, and only an answer of the server's, rows or
    an error, makes it fit for the next; after anything else (a cancelled request, a lost answer) it is thrown away.
    """

    def __init__(self, connect: Callable[[], Awaitable[Any]], size: int, timeout: float) -> None:
        self._connect = connect
        self._size = size
        self._timeout = timeout
        self._places = 0  # taken: by a connection, or by whoever is opening one
        self._idle: list[Any] = []
        self._busy: dict[Any, float] = {}  # and since when
        self._line: deque[tuple[asyncio.Future[Any], float]] = deque()  # who waits, and until when
        self._outdated: set[Any] = set()
        self._drained: asyncio.Event | None = None  # once it is closing: set when no statement runs any more
        self._now = asyncio.get_running_loop().time
        self._watch = asyncio.create_task(self._look_after_time())

    async def fetch(self, sql: str, arguments: list[Any]) -> list[Any]:
        """All rows of one statement. Raises what asyncpg raises, TimeoutError, or OSError from connecting."""
        connection = self._take() or await self._wait()
        self._busy[connection] = self._now()
        fit = False
        try:
            rows: list[Any] = await connection.fetch(sql, *arguments)
            fit = True
        except asyncpg.PostgresError as error:
            fit = getattr(error, "severity_en", None) == "ERROR"  # FATAL is the end of the session
            raise
        finally:
            self._put_back(connection, fit=fit)
        return rows

    def usage(self) -> tuple[int, int]:
        """Connections open and connections idle."""
        return len(self._idle) + len(self._busy), len(self._idle)

    def renew(self) -> None:
        """Use no connection again that was opened before now."""
        self._outdated.update(self._busy)
        while (connection := self._take()) is not None:
            connection.terminate()
            self._pass_on(None)

    async def close(self) -> None:
        """Let running statements end within the timeout, then close everything. Nobody gets a connection any more."""
        self._drained = asyncio.Event()
        for turn, _ in self._line:
            if not turn.done():
                turn.set_exception(asyncpg.InterfaceError("the pool is closing"))
        if self._busy:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._drained.wait(), self._timeout)
        self._watch.cancel()
        for connection in list(self._busy):
            connection.terminate()
        while (connection := self._take()) is not None:
            await connection.close(timeout=self._timeout)

    def _take(self) -> Any:
        """An idle connection, or None. One that was lost while it was idle is not given out."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
            self._pass_on(None)
        return None

    async def _wait(self) -> Any:
        """A connection opened now if there is a place for it, or else the next that becomes free."""
        if self._drained is not None:
            raise asyncpg.InterfaceError("the pool is closing")
        if self._places >= self._size:
            connection = await self._stand_in_line()
            if connection is not None:
                return connection
        else:
            self._places += 1
        try:
            async with asyncio.timeout(self._timeout):
                return await self._connect()
        except BaseException:
            self._pass_on(None)
            raise

    async def _stand_in_line(self) -> Any:
        """A connection, or None for the place of one that is gone."""
        turn = asyncio.get_running_loop().create_future()
        self._line.append((turn, self._now() + self._timeout))
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._pass_on(turn.result())  # our turn came in the moment in which we were told to stop
            raise

    def _put_back(self, connection: Any, *, fit: bool) -> None:
        del self._busy[connection]
        if self._drained is not None and not self._busy:
            self._drained.set()
        if not fit or connection in self._outdated or connection.is_closed():
            self._outdated.discard(connection)
            connection.terminate()
            connection = None
        self._pass_on(connection)

    def _pass_on(self, connection: Any) -> None:
        """To whoever waits longest: a connection, or (None) the place of one that is gone."""
        while self._line:
            turn, _ = self._line.popleft()
            if not turn.done():
                turn.set_result(connection)
                return
        if connection is None:
            self._places -= 1
        else:
            self._idle.append(connection)

    async def _look_after_time(self) -> None:
        while True:
            await asyncio.sleep(self._timeout * _GRAIN)
            now = self._now()
            silent = [busy for busy, since in self._busy.items() if now - since > self._timeout]
            for connection in silent:
                connection.terminate()  # its statement ends with an error
            if silent:
                self.renew()  # idle ones go the same way, and would cost a timeout each to tell
            while self._line and self._line[0][1] < now:
                turn, _ = self._line.popleft()
                if not turn.done():
                    turn.set_exception(TimeoutError("no connection became free"))
