"""Counting of refused tokens by client IP."""

import asyncio
import ipaddress
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from cachetools import LRUCache

from tokenward.clock import Clock
from tokenward.events import tell

MAX_ADDRESSES = 10_000
STORAGE_TIMEOUT = 0.25  # seconds that a request waits for a shared store

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "month": 2_592_000, "year": 31_104_000}
_LIMIT = re.compile(rf"(\d{{1,9}})\s*(?:/|per)\s*(\d{{1,6}})?\s*({'|'.join(_UNITS)})s?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Limit:
    """``amount`` refusals in ``seconds``."""

    amount: int
    seconds: int

    @classmethod
    def parse(cls, text: str) -> "Limit | None":
        """Read ``5/minute`` or ``20 per 2 hours``; ``0`` is None, no limit. Raises ValueError."""
        if text.strip() == "0":
            return None
        match = _LIMIT.fullmatch(text.strip())
        if match is None or not int(match[1]) or match[2] == "0":
            raise ValueError("must be a count per time such as 5/minute, or 0 to turn it off")
        return cls(int(match[1]), int(match[2] or 1) * _UNITS[match[3].lower()])


class Counts(Protocol):
    """The interface of counts: ``Window`` in this process, or a store that replicas share."""

    async def hit(self, limit: Limit, address: str) -> int | None:
        """Count one refusal. Returns None, or if the client IP is above the limit the seconds until the window ends."""

    async def check(self) -> None:
        """Raises the store's error if it cannot be used."""


class Window:
    """Counts of the last 10,000 client IPs in this process, in fixed windows that begin with a first refusal."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or Clock()
        self._counts: LRUCache[str, tuple[int, float]] = LRUCache(MAX_ADDRESSES)

    def __len__(self) -> int:
        return len(self._counts)

    async def hit(self, limit: Limit, address: str) -> int | None:
        now = self._clock.monotonic()
        count, ends = self._counts.get(address, (0, 0.0))
        if ends <= now:
            count, ends = 0, now + limit.seconds
        self._counts[address] = (count + 1, ends)
        return None if count < limit.amount else max(1, math.ceil(ends - now))

    async def check(self) -> None:
        """Never raises."""


def shared_counts(storage_url: str | None) -> Counts | None:
    """The counts that replicas share, or None without a URL. Raises ValueError, and ImportError without the extra."""
    if not storage_url:
        return None
    try:
        from tokenward.redis import SharedWindow
    except ImportError as error:
        raise ImportError(f"needs the extra redis: pip install 'tokenward[redis]' ({error})") from error
    return SharedWindow(storage_url)


class FailureThrottle:
    """Limits refused tokens by client IP. ``limit`` is a count per time (``5/minute``), or ``0`` for no limit.

    ``storage_url`` names a store shared by several replicas (``redis://…``; needs the extra ``redis``). Without one,
    counts are those of this process. While a store is down or slow, no client is throttled; ``failed`` is called with
    the reason when it begins to fail. Raises ValueError for an unreadable limit or URL, ImportError without the extra.
    """

    def __init__(
        self,
        limit: str = "5/minute",
        storage_url: str | None = None,
        *,
        counts: Counts | None = None,
        clock: Clock | None = None,
        failed: Callable[[str], None] | None = None,
    ) -> None:
        self._limit = Limit.parse(limit)
        if counts is None:
            counts = shared_counts(storage_url)
        self.counts: Counts = Window(clock) if counts is None else counts  # an empty one is falsy
        self.failed = failed
        self._failing = False

    async def count(self, address: str | None) -> int | None:
        """Count one refused token. Returns None, or above the limit the seconds to wait (≥ 1)."""
        if self._limit is None or address is None:
            return None
        try:
            async with asyncio.timeout(STORAGE_TIMEOUT):
                seconds = await self.counts.hit(self._limit, _network(address))
        except Exception as error:  # any error of the store: it must refuse no request
            if not self._failing and self.failed is not None:
                tell(self.failed, _reason(error))
            self._failing = True
            return None
        self._failing = False
        return seconds

    async def check(self) -> str | None:
        """None, or why the store cannot be used."""
        try:
            async with asyncio.timeout(4 * STORAGE_TIMEOUT):
                await self.counts.check()
        except Exception as error:  # as above
            return _reason(error)
        return None


def _reason(error: Exception) -> str:
    """The class of the error and the code of a Redis server (WRONGPASS, NOAUTH …); no text that could hold a URL."""
    text = str(error)
    return (
        f"{type(error).__name__}: {text[:100]}"
        if re.match(r"[A-Z]{4,} |Authentication ", text)
        else type(error).__name__
    )


def _network(address: str) -> str:
    """The network of a client IP. IPv6 is counted by /64, because one host can use all of it."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if ip.version == 6:
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)
