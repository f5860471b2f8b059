"""A semaphore whose waiters have deadlines, and no timer each: that would cost a tenth of a request."""

import asyncio
from collections import deque


class Slots:
    """At most ``size`` at a time; the others wait in turn. Deadlines are of ``time.monotonic()``."""

    def __init__(self, size: int) -> None:
        self._free = size
        self._waiting: deque[tuple[float, asyncio.Future[None]]] = deque()

    async def take(self, deadline: float) -> None:
        """Raises TimeoutError, as soon as ``expire`` is called after the deadline."""
        if self._free:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((deadline, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled() and turn.exception() is None:
                self.give()  # it was given and is not wanted any more
            raise

    def give(self) -> None:
        while self._waiting:
            _, turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def expire(self, now: float) -> None:
        """Let go of those whose deadline has passed; they are in its order, since all wait equally long."""
        while self._waiting and self._waiting[0][0] <= now:
            _, turn = self._waiting.popleft()
            if not turn.done():
                turn.set_exception(TimeoutError())
