"""The clock of this package, which tests replace."""

import asyncio
import time


class Clock:
    """Wall time for claims, monotonic time for caches, and sleeping."""

    def wall(self) -> float:
        """Seconds since the epoch (RFC 7519 NumericDate)."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment; never decreases."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
