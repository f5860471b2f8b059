"""Time that a test moves by hand: nothing sleeps, and everything due wakes in order."""

from __future__ import annotations

import asyncio
import heapq
import itertools

from tokenward.clock import Clock

START = 1_800_000_000.0
"""Wall time when a FakeClock begins: some day in January 2027."""


async def settle(turns: int = 40) -> None:
    """Let every task run until it waits for something that only a test can bring about."""
    for _ in range(turns):
        await asyncio.sleep(0)


class FakeClock(Clock):
    """Wall and monotonic time move together, by ``advance`` alone; ``jump`` sets the wall clock as NTP might."""

    def __init__(self, wall: float = START) -> None:
        self.now = 1000.0
        self._wall = wall - self.now
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self.slept: list[float] = []

    def wall(self) -> float:
        return self._wall + self.now

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + max(seconds, 0), next(self._order), woken))
        await woken

    def jump(self, seconds: float) -> None:
        """Set the wall clock alone."""
        self._wall += seconds

    def move(self, seconds: float) -> None:
        """Move on without waking anybody: for tests that do not run in the event loop."""
        self.now += seconds

    async def advance(self, seconds: float) -> None:
        """Move on; whoever's sleep ends on the way wakes at the moment it ends, and runs before time goes on."""
        target = self.now + seconds
        await settle()
        while self._sleepers and self._sleepers[0][0] <= target:
            self.now = max(self.now, self._sleepers[0][0])
            while self._sleepers and self._sleepers[0][0] <= self.now:
                _, _, woken = heapq.heappop(self._sleepers)
                if not woken.done():
                    woken.set_result(None)
            await settle()
        self.now = target
        await settle()

    @property
    def sleepers(self) -> int:
        return sum(not woken.done() for _, _, woken in self._sleepers)
