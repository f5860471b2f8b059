"""Where revocations are followed: in the event loop of the lifespan, or in that of the first request."""

import asyncio
import os
import time

from tokenward.revocation.protocol import Revocations

PATIENCE = 2.0  # seconds after a start in which requests wait for the first look
POLL = 0.02  # seconds


class Following:
    """Starts and closes revocations, and knows whether they have been started in this process.

    An application may have no lifespan, be mounted in another one, or run in a forked child: then the first request
    that finds the revocations out of step starts them.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = 0
        self._until = 0.0

    async def start(self, revocations: Revocations) -> None:
        self._loop, self._process = asyncio.get_running_loop(), os.getpid()
        self._until = time.monotonic() + PATIENCE
        try:
            await revocations.start()
        except BaseException:
            self._loop = None
            raise

    async def close(self, revocations: Revocations) -> None:
        await revocations.close()
        if self._loop is asyncio.get_running_loop():  # not what another loop has started since
            self._loop = None

    async def catch_up(self, revocations: Revocations) -> None:
        """Wait until the revocations are in step, for at most PATIENCE after their start."""
        # A forked child inherits a loop that seems to run.
        if self._loop is None or not self._loop.is_running() or self._process != os.getpid():
            await self.start(revocations)
        while revocations.lag > revocations.max_lag and time.monotonic() < self._until:  # noqa: ASYNC110 - a look is no event
            await asyncio.sleep(POLL)
