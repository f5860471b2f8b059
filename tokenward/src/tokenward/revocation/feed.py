"""Revocations kept in step with the signed feed of an issuer that is reached by HTTP only."""

import asyncio
import base64
import contextlib
import contextvars
import dataclasses
import itertools
import logging
import math
import random
import secrets
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from tokenward.clock import Clock
from tokenward.errors import InvalidToken, KeysUnavailable
from tokenward.fetch import Fetcher, FetchFailed, fetch
from tokenward.jws import Jws, parse
from tokenward.revocation.document import TYPE, Document, Unusable
from tokenward.revocation.memory import MAX_ENTRIES, MemoryRevocations, TooMany
from tokenward.source import KeySource
from tokenward.url import check_feed_url
from tokenward.verifier import TokenVerifier

if TYPE_CHECKING:
    import httpx

LONGEST_WAIT = 20  # seconds
PATIENCE = 1.5  # seconds beyond the wait until a request is given up
POLL = 0.5  # seconds between two questions to a feed that answers at once
MIN_INTERVAL = 0.1  # seconds between the starts of two requests, however many events there are
BACKOFF = (0.1, 0.2, 0.5, 1.0, 2.0)  # seconds after the first, second … failure in a row
LONGEST_PAUSE = 10.0  # seconds, even if Retry-After asks for more
MAX_BYTES = 32 * 1024 * 1024
LARGE = 256 * 1024  # bytes of an answer that is read in a thread, because reading it takes a while
AT_ONCE = 5_000  # events taken before others may run
CURSORS = 256  # earlier cursors that are remembered
FORGET_OFFSET = 120.0  # seconds without a usable answer; earlier answers have expired by then

T = TypeVar("T")

_log = logging.getLogger("tokenward")


class FeedFailed(Exception):
    """The feed could not be read; the text says why, without the URL and its secret."""


class FeedRevocations(MemoryRevocations):
    """One task a process asks ``url`` and waits there for news. ``max_lag`` is seconds.

    ``source`` and ``verifier`` are those of the issuer's tokens: the same keys sign the feed. A secret may stand in
    the URL as its password. Revocations are only ever added, and kept until they expire: neither a replayed answer nor
    a feed that went back to an earlier state brings a token back to life.

    A dead connection must be noticed within ``max_lag``, so a request waits for at most a quarter of that.
    """

    def __init__(
        self,
        url: str,
        source: KeySource,
        verifier: TokenVerifier,
        *,
        http: "httpx.AsyncClient | None" = None,
        max_lag: float = 5,
        audience: str = "revocations",
        allow_http: bool = False,
        user_agent: str | None = None,
        clock: Clock | None = None,
        max_entries: int = MAX_ENTRIES,
    ) -> None:
        super().__init__(max_lag=max_lag, clock=clock, max_entries=max_entries)
        check_feed_url(url, allow_http=allow_http)
        self.url, self._secret = _without_secret(url)
        self._source = source
        self._verifier = dataclasses.replace(verifier, types=frozenset({TYPE}), audiences=frozenset({audience}))
        self._fetcher = Fetcher(http, user_agent=user_agent)
        self._wait = int(min(max_lag / 4, LONGEST_WAIT))
        self._task: asyncio.Task[None] | None = None
        self._starts = 0
        self._failures = 0
        self._problem: str | None = "not read yet"
        self._cursor: str | None = None
        self._passed: OrderedDict[str, None] = OrderedDict()  # cursors that were followed by another one
        self._echoes = False  # whether the feed repeats the nonce of a question, which an old answer cannot do
        self._offset = -math.inf  # the largest difference so far between the issuer's clock and the monotonic one

    lag = property(MemoryRevocations.since_look)

    @property
    def problem(self) -> str | None:
        return self._problem if self._problem and self.lag > self.max_lag else None

    async def start(self) -> None:
        """Begin to follow the feed; returns at once, whether or not it can be reached."""
        if self._task is not None and self._task.get_loop() is asyncio.get_running_loop():
            self._task.cancel()
        self._starts += 1
        # A request may start it: then nothing of that request is kept.
        self._task = asyncio.create_task(self._follow(self._starts), context=contextvars.Context())

    async def close(self) -> None:
        task = self._task
        if task is not None and task.get_loop() is asyncio.get_running_loop():
            self._task = None
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def read(self) -> None:
        """Read the whole list once. Raises FeedFailed."""
        try:
            async with self._fetcher.client(self.url) as http:
                await self._ask(http, 0)
        except Exception as error:  # any error, those of libraries over hostile bytes included
            raise FeedFailed(_why(error)) from error

    # Following

    async def _follow(self, start: int) -> None:
        while start == self._starts:  # a later start, in another event loop, takes over
            try:
                async with self._fetcher.client(self.url) as http:  # one connection, kept
                    while start == self._starts:
                        await self._turn(http)
            except Exception as error:  # any error, those of libraries over hostile bytes included, means: ask again
                await self._clock.sleep(self._failed(error))

    async def _turn(self, http: "httpx.AsyncClient") -> None:
        wait = 0 if self._failures or self._cursor is None else self._wait
        started = self._clock.monotonic()
        told = await self._ask(http, wait)
        if self._problem is not None:
            _log.info("the feed of revocations is followed: %d in force", len(self))
        self._failures, self._problem = 0, None
        taken = self._clock.monotonic() - started
        # A feed that can wait holds the next question. With other feeds the pause is made here.
        pause = MIN_INTERVAL if told or (self._wait and taken >= wait / 2) else POLL
        await self._clock.sleep(max(0.0, pause - taken))

    def _failed(self, error: Exception) -> float:
        """Note a failure; returns the seconds to wait before the next question."""
        pause = BACKOFF[min(self._failures, len(BACKOFF) - 1)] * random.uniform(0.7, 1)  # noqa: S311 - spreads load, keeps no secret
        self._problem = f"the feed cannot be followed: {_why(error)}"
        if not self._failures:
            _log.warning("revocations: %s", self._problem)
        self._failures += 1
        return min(max(pause, getattr(error, "retry_after", 0)), LONGEST_PAUSE)

    # Asking once

    async def _ask(self, http: "httpx.AsyncClient", wait: int) -> int:
        """Ask once and add what is new. Returns the number of events. Raises any error if the answer cannot be used."""
        import httpx

        started = self._now()
        nonce, after = secrets.token_urlsafe(12), self._cursor
        query = {"wait": str(wait), "nonce": nonce}
        if after is not None:
            query["after"] = after
        headers = {"Accept": "application/jwt", "User-Agent": self._fetcher.user_agent, **self._secret}
        url = str(httpx.URL(self.url).copy_merge_params(query))
        answer = await fetch(http, url, headers=headers, seconds=wait + PATIENCE, max_bytes=MAX_BYTES)
        document = await self._verified(answer.body or b"")
        self._check_fresh(document, nonce)
        if after is None and not document.complete:
            raise Unusable("it is not the whole list, which was asked for")
        revocations = document.revocations(self._clock.wall(), self._verifier.max_lifetime)
        while some := list(itertools.islice(revocations, AT_ONCE)):
            self.add(some)
            await asyncio.sleep(0)  # requests are answered meanwhile
        self._go_on_from(after, document)
        self._looked_at = started  # what happened since may not be in the answer
        return len(document.events)

    async def _verified(self, body: bytes) -> Document:
        def read() -> Jws:
            return parse(body.decode("ascii"), max_bytes=MAX_BYTES)

        jws = await _aside(len(body), read)
        self._verifier.check_header(jws.header)
        self._verifier.check_issuer(jws.claims)
        self._verifier.check_audience(jws.claims)
        self._verifier.check_signature(jws, await self._source.find(jws))
        return Document.read(jws.claims)

    def _check_fresh(self, document: Document, nonce: str) -> None:
        """Refuse an answer that was held back or replayed. Raises Unusable.

        The nonce of the question proves it without a clock. A feed that does not repeat it is judged by its ``iat``
        and ``exp``, and by how much later it came than the fastest answer so far.
        """
        if document.nonce is not None or self._echoes:
            if document.nonce != nonce:
                raise Unusable("it is the answer to another question")
            self._echoes = True
            return
        now, moment = self._clock.wall(), self._clock.monotonic()
        if not document.issued_at - self._verifier.leeway <= now < document.expires_at + self._verifier.leeway:
            raise Unusable("it is too old, or from the future")
        if self.lag > FORGET_OFFSET:
            self._offset = -math.inf
        offset = document.issued_at - moment
        if self._offset - offset > self.max_lag + 1:  # iat has whole seconds
            raise Unusable("it was issued some time ago")
        self._offset = max(self._offset, offset)

    def _go_on_from(self, before: str | None, document: Document) -> None:
        """Follow the cursor of this answer. Raises Unusable for one that was left behind."""
        if document.next != before and document.next in self._passed and not document.complete:
            # The events in it are genuine and are kept. Others may be missing, so the whole list is asked for.
            self._cursor = None
            raise Unusable("it went back to an earlier cursor")
        if document.complete:  # an issuer that was restored from a backup may use the same cursors again
            self._passed.clear()
        elif before is not None and document.next != before:
            self._passed[before] = None
            if len(self._passed) > CURSORS:
                self._passed.popitem(last=False)
        self._cursor = document.next


async def _aside(size: int, work: Callable[[], T]) -> T:
    return await asyncio.to_thread(work) if size > LARGE else work()


def _why(error: Exception) -> str:
    """The reason in this package's own words: texts of libraries could hold the URL."""
    if isinstance(error, InvalidToken):
        return error.detail
    if isinstance(error, FetchFailed | Unusable | TooMany):
        return str(error)
    if isinstance(error, KeysUnavailable):
        return f"its key cannot be had: {error}"
    return type(error).__name__


def _without_secret(url: str) -> tuple[str, dict[str, str]]:
    """The URL as it may be shown, and the header that carries what it held (RFC 7617)."""
    import httpx

    parts = httpx.URL(url)
    if not parts.userinfo:
        return str(parts), {}
    pair = f"{parts.username}:{parts.password}".encode()
    shown = parts.copy_with(username=None, password=None)
    return str(shown), {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
