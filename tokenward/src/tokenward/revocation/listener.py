"""One PostgreSQL connection, outside any pool, that listens to channels and is known to be alive."""

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Any

BEAT = 0.5
"""Seconds between two looks, whether or not there is a notification."""
REST = 0.05
"""Seconds between a look and the next, however many notifications there are."""
LATE = 0.25
"""Seconds until a question counts as late: from then on a second connection is opened beside the first."""
PATIENCE = 4.0
"""Seconds to open a connection, and the most that a question may take before it counts as late."""
BACKOFF = (0.1, 0.2, 0.5, 1.0)

Heard = Callable[[str], None]
Look = Callable[[Any, bool], Awaitable[None]]

_log = logging.getLogger("tokenward")


class Session:
    """One connection, which answers one question at a time (asyncpg runs one statement at a time).

    While a question is late, ``overtake`` runs beside it.
    """

    def __init__(self, connection: Any, patience: float, overtake: Callable[["Session"], Awaitable[None]]) -> None:
        self.connection = connection
        self.patience = patience
        self.lost = asyncio.Event()
        self._overtake = overtake
        self._turn = asyncio.Lock()

    async def fetch(self, query: str, *arguments: Any) -> list[Any]:
        """The rows. A question should be small, so that its answer is late only when something is wrong."""
        async with self._turn:
            beside = asyncio.create_task(self._wait())
            try:
                rows: list[Any] = await self.connection.fetch(query, *arguments)
                return rows
            finally:
                beside.cancel()

    async def _wait(self) -> None:
        await asyncio.sleep(self.patience)
        await self._overtake(self)


class Listener:
    """``connect`` opens an asyncpg connection; it must not keep prepared statements (PgBouncer).

    Every ``look`` is awaited after each connect (with True: everything may have been missed), after each notification
    on one of its channels, and twice a second. It is given a Session to ask. ``listening`` is false while unconnected
    and behind PgBouncer in transaction mode, which drops LISTEN without an error (``pooled``).

    A connection that died without a sign answers nothing. When an answer is late, a second connection is opened. The
    first of the two that works is kept, so a slow server costs no connection and a dead connection costs a second.
    """

    def __init__(self, connect: Callable[[], Awaitable[Any]]) -> None:
        self.connect = connect
        self._channels: dict[str, Heard | None] = {}
        self._looks: list[Look] = []
        self._wake = asyncio.Event()
        self._session: Session | None = None
        self._successor: Session | None = None
        self._task: asyncio.Task[None] | None = None
        self.listening = self.pooled = False
        self.problem: str | None = "not connected yet"

    def on(self, channel: str, heard: Heard | None = None) -> None:
        """Listen on this channel. Without ``heard`` a notification makes the looks run."""
        self._channels[channel] = heard

    def look(self, look: Look) -> None:
        self._looks.append(look)

    async def notify(self, channel: str, payload: str) -> bool:
        """Send one notification. False when it cannot be said that the server has it."""
        session = self._session
        if session is None:
            return False
        try:
            async with asyncio.timeout(PATIENCE):
                await session.fetch("SELECT pg_notify($1, $2)", channel, payload)
        except Exception:  # any error of the driver; the loop finds a dead connection
            self._wake.set()
            return False
        return True

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._successor is not None:
            self._successor.connection.terminate()

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                session, self._successor = self._successor or await self._open(LATE), None
                await self._follow(session)
            except Exception as error:  # any error of the driver means: connect again
                if self.problem is None or failures == 0:
                    _log.warning("the listening connection was lost: %s", type(error).__name__)
                failures = 0 if self.problem is None else failures + 1
                self.problem = type(error).__name__
            if self._successor is None:
                await _pause(failures)

    async def _open(self, patience: float) -> Session:
        """A connection that listens. Raises what the driver raises, and TimeoutError."""
        async with asyncio.timeout(PATIENCE):
            connection = await self.connect()
            session = Session(connection, patience, self._overtake)

            def ended(_: Any) -> None:
                session.lost.set()
                self._wake.set()

            try:
                connection.add_termination_listener(ended)
                # Behind a pooler another process answers than the one that was announced.
                self.pooled = connection.get_server_pid() != await connection.fetchval("SELECT pg_backend_pid()")
                if not self.pooled:
                    for channel in self._channels:  # first listen, then read: nothing falls between
                        await connection.add_listener(channel, self._heard)
            except BaseException:
                connection.terminate()
                raise
        return session

    async def _overtake(self, late: Session) -> None:
        """Open a second connection and end the late one. Cancelled as soon as the late one answers."""
        failures = 0
        while True:
            try:
                # It is given twice the time, so that a server that is slow by nature is not asked for ever anew.
                self._successor = await self._open(min(2 * late.patience, PATIENCE))
                break
            except Exception as error:  # any error of the driver
                self.problem = type(error).__name__
                await _pause(failures := failures + 1)
        late.connection.terminate()  # what waits for its answer fails

    async def _follow(self, session: Session) -> None:
        try:
            self._session = session
            pooled, whole = self.pooled, True
            while not session.lost.is_set():
                self._wake.clear()
                # A pooler hands each question to any server connection, and LISTEN is dropped without an error.
                listening = await session.fetch("SELECT count(*) FROM pg_listening_channels()")
                pooled = self.pooled = pooled or listening[0][0] < len(self._channels)
                for look in self._looks:
                    await look(session, whole)
                whole, self.problem, self.listening = False, None, not pooled
                session.patience = LATE
                await asyncio.sleep(REST)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(BEAT):
                        await self._wake.wait()
            raise ConnectionResetError
        finally:
            self.listening, self._session = False, None
            session.connection.terminate()

    def _heard(self, _connection: Any, _pid: int, channel: str, payload: str) -> None:
        heard = self._channels[channel]
        if heard is None:
            self._wake.set()
            return
        try:
            heard(payload)
        except Exception:  # any role of the database can notify: a payload that cannot be read is dropped
            _log.exception("a notification on %s could not be read", channel)


async def _pause(failures: int) -> None:
    await asyncio.sleep(BACKOFF[min(failures, len(BACKOFF) - 1)] * random.uniform(0.5, 1))  # noqa: S311 - spreads load, keeps no secret
