"""Counts of refused tokens in a Redis or Valkey that replicas share, with the ``limits`` library."""

import math
import time

from limits import RateLimitItemPerSecond
from limits.aio.storage import Storage
from limits.aio.strategies import FixedWindowRateLimiter
from limits.storage import storage_from_string

from tokenward.throttle import Limit


class SharedWindow:
    """The store at ``url``. Raises ValueError for an unreadable URL, without its password."""

    def __init__(self, url: str) -> None:
        self.storage = storage_of(url)
        self._window = FixedWindowRateLimiter(self.storage)

    async def hit(self, limit: Limit, address: str) -> int | None:
        item = RateLimitItemPerSecond(limit.amount, limit.seconds)
        if await self._window.hit(item, address):
            return None
        reset, _ = await self._window.get_window_stats(item, address)
        return max(1, math.ceil(reset - time.time()))

    async def check(self) -> None:
        await self.storage.get("tokenward:check")


def storage_of(url: str) -> Storage:
    """The ``limits`` storage. Valkey is addressed as Redis."""
    if url.startswith("valkey"):
        url = "redis" + url.removeprefix("valkey")
    options = {"implementation": "redispy"} if url.startswith("redis") else {}  # the client this package depends on
    try:
        storage = storage_from_string(f"async+{url}", **options)
    except Exception as error:  # each client has its own errors
        raise ValueError(f"the rate limit storage cannot be used: {type(error).__name__}") from None
    if not isinstance(storage, Storage):
        raise ValueError("the rate limit storage is not an asynchronous one")
    return storage
