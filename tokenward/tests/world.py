"""An authenticator with everything around it that a test may want to hold: issuer, clock, cache, events."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType
from typing import Any, TypeVar

import httpx

from tokenward import (
    Authenticator,
    AuthError,
    AuthEvents,
    FailureThrottle,
    Identity,
    InvalidToken,
    JwksSource,
    KeysUnavailable,
    TokenCache,
    TokenVerifier,
    Tokenward,
)
from tokenward.testing.clock import FakeClock
from tokenward.testing.issuer import Issuer

T = TypeVar("T")

ALL_ALGORITHMS = frozenset(
    {"EdDSA", "Ed25519", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"}
)


class Heard(AuthEvents):
    """Every event, in order, as data; the defaults still log."""

    def __init__(self) -> None:
        self.refusals: list[tuple[InvalidToken, str | None, bool]] = []
        self.fetches: list[tuple[str, str]] = []
        self.keys_refused: list[tuple[str, str]] = []
        self.counts: Counter[str] = Counter()
        self.reasons: list[str] = []

    def accepted(self, *, cached: bool) -> None:
        self.counts["cached" if cached else "verified"] += 1

    def missing(self) -> None:
        self.counts["missing"] += 1

    def refused(self, refusal: InvalidToken, *, address: str | None, throttled: bool) -> None:
        self.counts["refused"] += 1
        self.refusals.append((refusal, address, throttled))
        super().refused(refusal, address=address, throttled=throttled)

    def unavailable(self, *, reason: str) -> None:
        self.counts["unavailable"] += 1
        self.reasons.append(reason)

    def fetched(self, *, outcome: str, detail: str, seconds: float, keys: int) -> None:
        self.fetches.append((outcome, detail))
        super().fetched(outcome=outcome, detail=detail, seconds=seconds, keys=keys)

    def key_refused(self, kid: str, reason: str) -> None:
        self.keys_refused.append((kid, reason))
        super().key_refused(kid, reason)


class World:
    """One issuer, one source, one authenticator, one clock that only the test moves."""

    def __init__(
        self,
        *,
        issuer: Issuer | None = None,
        clock: FakeClock | None = None,
        algorithms: frozenset[str] = ALL_ALGORITHMS,
        leeway: float = 30,
        limit: str = "0",
        ttl: float = 300,
        max_stale: float = 3600,
        cache_size: int = 4096,
    ) -> None:
        self.clock = clock or FakeClock()
        self.issuer = issuer or Issuer()
        self.issuer.clock = self.clock.wall
        self.fetch_times: list[float] = []
        self.requests: list[httpx.Request] = []
        self.http = httpx.AsyncClient(transport=httpx.MockTransport(self._respond))
        self.events = Heard()
        self.source = JwksSource(
            self.issuer.jwks_url, self.http, ttl=ttl, max_stale=max_stale, clock=self.clock, events=self.events
        )
        self.verifier = TokenVerifier(
            frozenset({self.issuer.url}), frozenset({self.issuer.audience}), algorithms, leeway=leeway
        )
        self.cache = TokenCache(cache_size)
        self.throttle = FailureThrottle(limit, clock=self.clock)
        self.authenticator = Authenticator(
            self.source,
            self.verifier,
            cache=self.cache,
            throttle=self.throttle,
            events=self.events,
            clock=self.clock,
        )

    async def _respond(self, request: httpx.Request) -> httpx.Response:
        self.fetch_times.append(self.clock.monotonic())
        self.requests.append(request)
        return await self.issuer.respond(request)

    async def ask(self, token: str, address: str | None = "192.0.2.1") -> Identity:
        return await self.authenticator.authenticate(bearer(token), address)

    async def outcome(self, token: str, address: str | None = "192.0.2.1") -> str:
        """The subject a token is accepted for, or in which way it is refused."""
        try:
            return "ok:" + (await self.ask(token, address)).subject
        except InvalidToken as refusal:
            return str(refusal.reason)
        except KeysUnavailable:
            return "unavailable"
        except AuthError as refusal:
            return refusal.code

    def at_once(self, token: str) -> Identity:
        """Authenticate without ever waiting: a request that would wait for anything fails the test."""
        return at_once(self.ask(token))


def bearer(token: str) -> list[tuple[bytes, bytes]]:
    return [(b"host", b"taskward.test"), (b"authorization", b"Bearer " + token.encode("utf-8", "surrogateescape"))]


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that must finish without once giving way to the event loop."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    work.close()
    raise AssertionError("it waited for something")


@asynccontextmanager
async def world(*, started: bool = True, **changes: Any) -> AsyncIterator[World]:
    """A world with its source started (and its first fetch made), closed afterwards."""
    made = World(**changes)
    if started:
        await made.authenticator.start()
        await made.clock.advance(0)
    try:
        yield made
    finally:
        await made.authenticator.close()
        await made.http.aclose()


@contextmanager
def must_not_hang(seconds: float = 5) -> Iterator[None]:
    """Ends a loop that never gives way: no asyncio timeout could."""

    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise AssertionError(f"nothing else could run for {seconds} seconds")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


async def gathered(*work: Coroutine[Any, Any, Any]) -> list[Any]:
    """All results, failures among them."""
    return await asyncio.gather(*work, return_exceptions=True)


async def subject(auth: Tokenward, token: str) -> str:
    """Whose token it is, or the reason for which it is refused."""
    try:
        return (await auth.authenticate(bearer(token), None)).subject
    except InvalidToken as refusal:
        return str(refusal.reason)
