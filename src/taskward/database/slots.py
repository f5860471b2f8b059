"""A semaphore whose waiters have deadlines without a timer each, which would cost a tenth of a request."""

import asyncio
from collections import deque


class Slots:
    """``size`` slots and a queue of waiters, served in order. Deadlines are values of ``time.monotonic()``."""

    def __init__(self, size: int) -> None:
        self._free = size
        self._waiting: deque[tuple[float, asyncio.Future[None]]] = deque()

    def take_free(self) -> bool:
        """Take a slot if one is free."""
        if self._free <= 0:
            return False
        self._free -= 1
        return True

    async def take(self, deadline: float) -> None:
        """Take a slot. Raises TimeoutError at the first ``expire`` after the deadline."""
        if self.take_free():
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((deadline, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled() and turn.exception() is None:
                self.give()  # the slot was assigned to this waiter, which is cancelled
            raise

    def keep(self) -> None:
        """Let the next ``give`` free no slot: what the holder leaves behind uses the slot, and gives it later."""
        self._free -= 1

    def give(self) -> None:
        while self._waiting and self._free >= 0:
            _, turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def expire(self, now: float) -> None:
        """Fail the waiters whose deadline has passed. All wait equally long, so the queue is ordered by deadline."""
        while self._waiting and self._waiting[0][0] <= now:
            _, turn = self._waiting.popleft()
            if not turn.done():
                turn.set_exception(TimeoutError())
