"""A clock that tests move by hand."""

from __future__ import annotations

import asyncio
import heapq
import itertools

from tokenward.clock import Clock

START = 1_800_000_000.0
"""Wall time at which a FakeClock begins: a day in January 2027."""


async def settle(turns: int = 40) -> None:
    """Run all tasks until they wait for the clock or for I/O."""
    for _ in range(turns):
        await asyncio.sleep(0)


class FakeClock(Clock):
    """A Clock whose time moves only by ``advance``. ``jump`` sets wall time alone, as NTP might."""

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
        """Move time without waking sleepers: for tests outside the event loop."""
        self.now += seconds

    async def advance(self, seconds: float) -> None:
        """Move time. Each sleeper wakes at its time and runs before time moves further."""
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
