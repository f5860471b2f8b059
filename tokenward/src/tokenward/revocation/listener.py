"""One PostgreSQL connection, outside any pool, that listens to channels and is known to be alive."""

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Any

BEAT = 1.0
"""Seconds between two questions to the server: a connection that says nothing is found, and a poll is never later."""
POLL = 0.5
"""Seconds between two questions where no notification arrives: behind a pooler."""
PATIENCE = 2.0
"""Seconds the server has to answer one question before the connection is given up."""
READING = 30.0
"""Seconds for what is read then, which may be many rows."""
BACKOFF = (0.1, 0.2, 0.5, 1.0)

Heard = Callable[[str], None]
Look = Callable[[Any, bool], Awaitable[None]]

_log = logging.getLogger("tokenward")


class Listener:
    """``connect`` opens an asyncpg connection; it must not keep prepared statements (PgBouncer).

    Every ``look`` is awaited after each connect (with True: everything may have been missed), after each notification
    on one of its channels, and once a second. ``listening`` is false while unconnected and behind PgBouncer in
    transaction mode, which drops LISTEN without an error: there it looks twice a second.
    """

    def __init__(self, connect: Callable[[], Awaitable[Any]]) -> None:
        self.connect = connect
        self._channels: dict[str, Heard | None] = {}
        self._looks: list[Look] = []
        self._wake = asyncio.Event()
        self._connection: Any = None
        self._turn = asyncio.Lock()  # asyncpg runs one statement at a time on a connection
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
        connection = self._connection
        if connection is None:
            return False
        try:
            async with asyncio.timeout(PATIENCE), self._turn:
                await connection.execute("SELECT pg_notify($1, $2)", channel, payload)
        except Exception:  # whatever the driver raises, the loop below finds the connection dead
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

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                await self._session()
            except Exception as error:  # drivers raise what they like; each of it means: connect anew
                if self.problem is None or failures == 0:
                    _log.warning("the listening connection was lost: %s", type(error).__name__)
                failures = 0 if self.problem is None else failures + 1
                self.problem = type(error).__name__
            pause = BACKOFF[min(failures, len(BACKOFF) - 1)]
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - spreads load, keeps no secret

    async def _session(self) -> None:
        async with asyncio.timeout(PATIENCE * 2):
            connection = await self.connect()
        try:
            lost = asyncio.Event()

            def ended(_: Any) -> None:
                lost.set()
                self._wake.set()

            connection.add_termination_listener(ended)
            async with asyncio.timeout(PATIENCE):
                pooled = connection.get_server_pid() != await connection.fetchval("SELECT pg_backend_pid()")
                self.pooled = pooled
                if not pooled:
                    for channel in self._channels:  # first listen, then read: nothing falls between
                        await connection.add_listener(channel, self._heard)
            self._connection = connection
            whole = True
            while not lost.is_set():
                self._wake.clear()
                async with self._turn:
                    async with asyncio.timeout(PATIENCE):
                        # A pooler hands each question to any server connection, and LISTEN is dropped without an error.
                        heard = await connection.fetchval("SELECT count(*) FROM pg_listening_channels()")
                    pooled = self.pooled = pooled or heard < len(self._channels)
                    async with asyncio.timeout(READING):
                        for look in self._looks:
                            await look(connection, whole)
                whole, self.problem, self.listening = False, None, not pooled
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), POLL if pooled else BEAT)
            raise ConnectionResetError
        finally:
            self.listening, self._connection = False, None
            connection.terminate()

    def _heard(self, _connection: Any, _pid: int, channel: str, payload: str) -> None:
        heard = self._channels[channel]
        if heard is None:
            self._wake.set()
            return
        try:
            heard(payload)
        except Exception:  # anybody with a login can notify: what makes no sense is dropped
            _log.exception("a notification on %s could not be read", channel)
