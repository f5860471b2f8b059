"""Time as the rest of this package sees it, so that a test can pass another."""

import asyncio
import time


class Clock:
    """Wall time for claims, monotonic time for caches, and sleeping."""

    def wall(self) -> float:
        """Seconds since the epoch (RFC 7519 NumericDate)."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
