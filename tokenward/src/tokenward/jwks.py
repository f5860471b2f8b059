"""The issuer's key set, cached: a token with a known key never waits, and fetches are limited to one a second.

The life of a key set, with the defaults::

    fetched ── 240 s, refreshed ahead ── 300 s stale ─────────── 3900 s unusable
    │ known keys at once                │ known keys at once    │ 503 until a fetch succeeds
    │ unknown kid: at most one fetch    │ unknown kid: 503 while the issuer
    │ a second, shared by all           │ cannot be reached
"""

import asyncio
import contextlib
import logging
import math
import random
import re
import weakref
from typing import TYPE_CHECKING

from tokenward.clock import Clock
from tokenward.errors import InvalidToken, KeysUnavailable, Reason
from tokenward.events import AuthEvents, tell
from tokenward.fetch import Fetched, Fetcher, FetchFailed
from tokenward.home import Home
from tokenward.jws import Jws
from tokenward.keyset import Key, KeySet, UnusableKeySet
from tokenward.tracing import span

if TYPE_CHECKING:
    import httpx

MIN_INTERVAL = 1.0  # seconds between the starts of two fetches
BACKOFF = (1.0, 2.0, 5.0, 10.0, 30.0)  # seconds after the first, second … failure in a row
REFRESH_AT = 0.8  # of the time to live
MAX_WAITING = 5000  # requests that may wait for a fetch; further ones are answered 503
MAX_AGE_BOUNDS = (60, 86_400)  # seconds; other values of Cache-Control are clamped

_ETAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]{0,256}"')  # RFC 9110 §8.8.3, of a length that can be sent back
_log = logging.getLogger("tokenward")


class JwksSource:
    """The keys of one JWKS URL.

    ``ttl`` and ``max_stale`` are seconds: how long a set is fresh without a Cache-Control of the issuer, and how long
    known keys are used after that while the issuer cannot be reached. ``start`` starts the background refresh; without
    it, keys are fetched on demand. ``http`` fetches the keys, and the caller closes it; every fetch empties its cookie
    jar, so give it a client of its own. Without ``http`` a client is opened for each fetch, and several event loops may
    use the source, also at the same time.
    """

    def __init__(
        self,
        url: str,
        http: "httpx.AsyncClient | None" = None,
        *,
        ttl: float = 300,
        max_stale: float = 3600,
        user_agent: str | None = None,
        clock: Clock | None = None,
        events: AuthEvents | None = None,
    ) -> None:
        self.url = url
        self.fetcher = Fetcher(http, user_agent=user_agent)
        self._ttl = ttl
        self._max_stale = max_stale
        self._clock = clock or Clock()
        self._events = events or AuthEvents()
        self._keys: KeySet | None = None
        self._etag: str | None = None
        self._fetched_at = self._fresh_until = self._usable_until = -math.inf
        self._due = -math.inf  # time of the next background refresh
        self._permitted = -math.inf  # earliest time of the next fetch
        self._failures = 0
        self._waiting = 0
        self._begun = self._answered = 0  # number of fetches, and of the last that succeeded
        # Tasks by event loop: a test client or a restarted server brings another loop.
        self._flights: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[KeysUnavailable | None]] = (
            weakref.WeakKeyDictionary()
        )
        self._keeper: asyncio.Task[None] | None = None
        self._home = Home()  # of the keeper

    # State

    @property
    def keys(self) -> KeySet | None:
        """The key set in use, or None before the first one and after it became unusable."""
        return self._keys if self._clock.monotonic() < self._usable_until else None

    @property
    def has_keys(self) -> bool:
        return self.keys is not None

    @property
    def fresh(self) -> bool:
        return self._clock.monotonic() < self._fresh_until

    @property
    def age(self) -> float | None:
        """Seconds since the set in use was last confirmed by the issuer, or None."""
        return None if self._keys is None else self._clock.monotonic() - self._fetched_at

    def reset(self, fetcher: Fetcher) -> None:
        """Remove every key and use ``fetcher`` from now on: for tests with an issuer of their own."""
        self.fetcher = fetcher
        self._keys = self._etag = None
        self._fetched_at = self._fresh_until = self._usable_until = self._due = self._permitted = -math.inf
        self._failures = 0
        self._flights.clear()

    # Keys

    def known(self, kid: str) -> Key | None:
        now = self._clock.monotonic()
        if self._keys is None or now >= self._usable_until:
            return None
        if now >= self._due:  # the background refresh is late, or was never started
            self._refresh_soon()
        return self._keys.get(kid)

    def _refresh_soon(self) -> None:
        try:
            here = self._home.here
        except RuntimeError:  # a thread of a blocking application: the facade's loop refreshes
            return
        # A loop that ends after each request would begin a fetch again and again, and end none.
        if (here or not self._home.alive) and self._under_way() is None:
            self._launch()

    async def find(self, token: Jws) -> Key:
        """The token's key. Waits for a fetch only if the ``kid`` is unknown.

        Raises KeysUnavailable if the issuer cannot be reached, and InvalidToken (``unknown_key``) if a key set that was
        fetched after this request arrived does not have the key.
        """
        kid = token.kid or ""
        key = self.known(kid)
        if key is not None:
            return key
        if self._waiting >= MAX_WAITING:
            raise KeysUnavailable(1, "too many requests wait for keys")
        self._waiting += 1
        try:
            return await self._ask_for(kid)
        finally:
            self._waiting -= 1

    async def _ask_for(self, kid: str) -> Key:
        begun = self._begun
        while True:
            await self._fetched(begun, no_cache=True)
            key = self.known(kid)
            if key is not None:
                return key
            # A fetch that began before this request may not have the newest key.
            if self._answered > begun:
                raise InvalidToken(Reason.UNKNOWN_KEY, "its kid is not in the key set", kid=kid)

    async def _fetched(self, begun: int, *, no_cache: bool = False) -> None:
        """Wait for the current fetch, or for the next permitted one. Raises KeysUnavailable if it fails.

        ``no_cache`` bypasses HTTP caches, whose copy may be older than the wanted key.
        """
        while (flight := self._under_way()) is None:
            wait = self._permitted - self._clock.monotonic()
            if wait <= 0:
                self._launch(no_cache=no_cache or self._waiting > 0)
            elif self._failures:
                raise KeysUnavailable(math.ceil(wait), "the last fetch failed")
            else:
                await self._clock.sleep(wait)
                if self._answered > begun:  # another waiter has fetched meanwhile
                    return
        await asyncio.wait({flight})  # not awaited directly: a cancelled waiter must not cancel the shared fetch
        failure = KeysUnavailable(1, "the key source is closed") if flight.cancelled() else flight.result()
        if failure is not None:
            raise KeysUnavailable(failure.retry_after, str(failure))

    def _under_way(self) -> asyncio.Task[KeysUnavailable | None] | None:
        flight = self._flights.get(asyncio.get_running_loop())
        return None if flight is None or flight.done() else flight

    def _launch(self, *, no_cache: bool = False) -> None:
        self._flights[asyncio.get_running_loop()] = asyncio.create_task(self._refresh(no_cache))

    # Fetching

    async def _refresh(self, no_cache: bool) -> KeysUnavailable | None:
        """Fetch once. Returns None, or why it failed: then the old set is kept.

        One event loop runs one fetch at a time. Of fetches in two loops, the older answer is dropped.
        """
        started = self._clock.monotonic()
        self._permitted = started + MIN_INTERVAL  # set before the fetch, so that failures count too
        self._begun += 1
        number = self._begun
        try:
            with span("tokenward.fetch_keys", url=self.url):
                answer = await self._ask(self._etag if self._keys else None, no_cache)
            keys = self._keys if answer.body is None else KeySet.parse(answer.body, self._keys)
        except Exception as error:  # FetchFailed, UnusableKeySet, or any error of a library on hostile bytes
            return self._failed(started, error)
        if number > self._answered:
            self._answered = number
            self._install(started, keys, answer)
        return None

    async def _ask(self, etag: str | None, no_cache: bool) -> Fetched:
        return await self.fetcher.fetch(self.url, etag, no_cache=no_cache)

    def _failed(self, started: float, error: Exception) -> KeysUnavailable:
        now = self._clock.monotonic()
        pause = max(BACKOFF[min(self._failures, len(BACKOFF) - 1)], getattr(error, "retry_after", 0))
        self._failures += 1
        self._etag = None  # in case the conditional request caused the failure
        self._permitted = self._due = now + min(pause, BACKOFF[-1])
        detail = str(error) if isinstance(error, FetchFailed | UnusableKeySet) else type(error).__name__
        tell(self._events.fetched, outcome="failed", detail=detail, seconds=now - started, keys=0)
        return KeysUnavailable(math.ceil(self._permitted - now), detail)

    def _install(self, started: float, keys: KeySet | None, answer: Fetched) -> None:
        now = self._clock.monotonic()
        ttl = self._ttl
        if answer.max_age is not None:
            ttl = min(max(answer.max_age, MAX_AGE_BOUNDS[0]), MAX_AGE_BOUNDS[1])
        replaced = keys is not self._keys
        self._keys = keys
        self._etag = answer.etag if answer.etag and _ETAG.fullmatch(answer.etag) else None
        self._failures = 0
        self._fetched_at = now
        self._fresh_until = now + ttl
        self._usable_until = self._fresh_until + self._max_stale
        # Jitter, so that replicas that started together do not fetch together.
        ahead = ttl * (REFRESH_AT - random.uniform(0, 0.1))  # noqa: S311 - spreads load, keeps no secret
        self._due = max(now + ahead, self._permitted)
        outcome = "replaced" if replaced else "unchanged"
        tell(self._events.fetched, outcome=outcome, detail="", seconds=now - started, keys=len(keys or ()))
        if replaced and keys is not None:
            for kid, reason in keys.refused.items():
                tell(self._events.key_refused, kid, reason)

    # Refreshing ahead

    async def refresh(self) -> None:
        """Fetch the key set now, or at the next permitted time. Raises KeysUnavailable."""
        await self._fetched(self._begun)

    async def start(self) -> None:
        """Start the background refresh. Returns at once, also if the issuer cannot be reached."""
        if self._keeper is not None and self._keeper.get_loop() is asyncio.get_running_loop():
            self._keeper.cancel()
        self._keeper = asyncio.create_task(self._keep_fresh())
        self._home.settle()

    async def _keep_fresh(self) -> None:
        while True:
            wait = self._due - self._clock.monotonic()
            if wait <= 0:
                with contextlib.suppress(KeysUnavailable):  # reported to the events; tried again when due
                    await self.refresh()
            else:
                await self._clock.sleep(min(wait, BACKOFF[-1]))

    async def close(self) -> None:
        """Stop the background refresh and the current fetch."""
        loop = asyncio.get_running_loop()
        if self._home.here:
            self._home.leave()
        for task in (self._keeper, self._flights.pop(loop, None)):
            if task is not None and task.get_loop() is loop:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
