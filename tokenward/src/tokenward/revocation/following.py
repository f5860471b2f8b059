"""Where revocations are followed: in the event loop of the lifespan, or in that of the first request."""

import asyncio
import time

from tokenward.home import Home
from tokenward.revocation.protocol import Revocations

PATIENCE = 2.0  # seconds after a start in which requests wait for the first look
POLL = 0.02  # seconds


class Following:
    """Starts and closes revocations, and knows whether they have been started in this process.

    An application may have no lifespan, be mounted in another one, or run in a forked child: then the first request
    that finds the revocations out of step starts them.
    """

    def __init__(self) -> None:
        self._home = Home()
        self._until = 0.0

    async def start(self, revocations: Revocations) -> None:
        self._home.settle()
        self._until = time.monotonic() + PATIENCE
        try:
            await revocations.start()
        except BaseException:
            self._home.leave()
            raise

    async def close(self, revocations: Revocations) -> None:
        await revocations.close()
        if self._home.here:  # not what another loop has started since
            self._home.leave()

    async def catch_up(self, revocations: Revocations) -> None:
        """Wait until the revocations are in step, for at most PATIENCE after their start."""
        if not self._home.alive:
            await self.start(revocations)
        while revocations.lag > revocations.max_lag and time.monotonic() < self._until:  # noqa: ASYNC110 - a look is no event
            await asyncio.sleep(POLL)
