"""Failed authentications, counted per client address with the ``limits`` library."""

import asyncio
import ipaddress
import math
import time

from cachetools import LRUCache
from limits import RateLimitItem, parse
from limits.aio.storage import Storage
from limits.aio.strategies import FixedWindowRateLimiter
from limits.storage import storage_from_string

MAX_ADDRESSES = 10_000
STORAGE_TIMEOUT = 0.25  # seconds a request waits for a shared store before it goes on without


class FailureThrottle:
    """``limit`` as the limits library reads it (``5/minute``), or ``0`` for none.

    ``storage_url`` names a store shared by several replicas (``redis://…``); without one, counts are this process's.
    A store that is down or slow throttles nobody: what it guards against is noise, and a valid token passes anyway.
    """

    def __init__(self, limit: str = "5/minute", storage_url: str | None = None) -> None:
        self._limit: RateLimitItem | None = None if limit.strip() == "0" else parse(limit)
        self._storage = _shared(storage_url) if storage_url else BoundedMemory()
        self._window = FixedWindowRateLimiter(self._storage)

    async def count(self, address: str | None) -> int | None:
        """Count one refused token. Returns None, or when the address is past its limit the seconds to wait (≥ 1)."""
        if self._limit is None or address is None:
            return None
        network = _network(address)
        try:
            async with asyncio.timeout(STORAGE_TIMEOUT):
                if await self._window.hit(self._limit, network):
                    return None
                reset, _ = await self._window.get_window_stats(self._limit, network)
        except Exception:  # whatever a store's client raises: it is down, and that must not refuse anybody
            return None
        return max(1, math.ceil(reset - time.time()))


def _shared(url: str) -> Storage:
    """The store of that URL; Valkey is spoken to as the Redis it is. Raises ValueError, without the URL's password."""
    if url.startswith("valkey"):
        url = "redis" + url.removeprefix("valkey")
    options = {"implementation": "redispy"} if url.startswith("redis") else {}  # the client this package depends on
    try:
        storage = storage_from_string(f"async+{url}", **options)
    except Exception as error:  # what a store's client makes of a URL differs from client to client
        raise ValueError(f"the rate limit storage cannot be used: {type(error).__name__}") from None
    if not isinstance(storage, Storage):
        raise ValueError("the rate limit storage is not an asynchronous one")
    return storage


def _network(address: str) -> str:
    """IPv6 is counted by its /64: one host has all of it to send from."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if ip.version == 6:
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)


class BoundedMemory(Storage):
    """Counts of at most 10,000 addresses in this process.

    The library's own memory storage walks every address it knows on each hit: with an attack from many addresses that
    walk is the attack. Here a hit is one look-up, and the addresses heard of longest ago make room.
    """

    STORAGE_SCHEME = None  # not to be found by URL

    def __init__(self) -> None:
        super().__init__()
        self._counts: LRUCache[str, tuple[int, float]] = LRUCache(MAX_ADDRESSES)

    @property
    def base_exceptions(self) -> type[Exception]:
        return LookupError

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        count, ends = self._live(key)
        self._counts[key] = (count + amount, ends or time.time() + expiry)
        return count + amount

    async def get(self, key: str) -> int:
        return self._live(key)[0]

    async def get_expiry(self, key: str) -> float:
        return self._live(key)[1] or time.time()

    async def check(self) -> bool:
        return True

    async def reset(self) -> int:
        known = len(self._counts)
        self._counts.clear()
        return known

    async def clear(self, key: str) -> None:
        self._counts.pop(key, None)

    def _live(self, key: str) -> tuple[int, float]:
        count, ends = self._counts.get(key, (0, 0.0))
        return (count, ends) if ends > time.time() else (0, 0.0)
