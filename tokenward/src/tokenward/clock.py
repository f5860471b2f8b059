"""The clock of this package, which tests replace."""

import asyncio
import time


class Clock:
    """Wall time for claims, monotonic time for caches, and sleeping.

    ``wall()`` returns seconds since the epoch (RFC 7519 NumericDate). ``monotonic()`` returns seconds since some
    moment; they never decrease.
    """

    # Not methods in Python: every request asks five times.
    wall = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
