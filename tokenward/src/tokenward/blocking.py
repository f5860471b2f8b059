"""The authenticator for blocking applications: one background thread with an event loop for each process.

A token with a known key is verified in the calling thread. Only what may wait (an unknown key, counting a refusal) runs
in the background loop.
"""

import asyncio
import logging
import os
import re
import threading
import weakref
from collections.abc import Coroutine, Iterable, Mapping
from typing import Any, TypeVar

from tokenward.authenticator import Authenticator
from tokenward.identity import Identity

T = TypeVar("T")

_log = logging.getLogger("tokenward")

_OURS = re.compile(r"(?:^|,)\s*(?:bearer|dpop) ", re.IGNORECASE)  # a scheme of ours, first or after a comma


class Blocking:
    """``authenticator`` for threads without an event loop, and for short-lived event loops.

    The thread starts at the first request of a process, not at import. A child of ``fork`` (gunicorn's workers with
    ``preload_app``, Celery's pool) starts its own.
    """

    def __init__(self, authenticator: Authenticator) -> None:
        self.authenticator = authenticator
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        if hasattr(os, "register_at_fork"):
            itself = weakref.ref(self)

            def forked() -> None:
                if (facade := itself()) is not None:
                    facade._after_fork()

            os.register_at_fork(after_in_child=forked)

    def authenticate(
        self,
        headers: Iterable[tuple[bytes, bytes]],
        address: str | None,
        request: Mapping[str, Any] | None = None,
    ) -> Identity:
        """The caller. Blocks while a key is fetched. Raises AuthError."""
        if self._loop is None:
            self._running_loop()  # a token with a known key needs it too: keys are refreshed there
        headers = list(headers)
        identity = self.authenticator.at_once(headers, request)
        return identity or self._wait_for(self.authenticator.authenticate(headers, address, request))

    async def authenticate_async(
        self,
        headers: Iterable[tuple[bytes, bytes]],
        address: str | None,
        request: Mapping[str, Any] | None = None,
    ) -> Identity:
        """The caller, for a coroutine of any event loop, which is not blocked. Raises AuthError."""
        if self._loop is None:
            self._running_loop()
        headers = list(headers)
        identity = self.authenticator.at_once(headers, request)
        if identity is not None:
            return identity
        work = self.authenticator.authenticate(headers, address, request)
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._running_loop()))

    def start(self) -> None:
        """Start the thread and the background refresh now instead of at the first request."""
        self._running_loop()

    def close(self) -> None:
        """Stop the thread; the next request starts another."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(self.authenticator.close(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)

    def _wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._running_loop()).result()

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_run, args=(self._loop,), name="tokenward", daemon=True)
                self._thread.start()
                # Not waited for: work that is given to the loop later begins after it.
                asyncio.run_coroutine_threadsafe(self._begin(), self._loop)
            return self._loop

    async def _begin(self) -> None:
        try:
            await self.authenticator.start()
        except Exception:
            _log.exception("the authenticator could not be started")

    def _after_fork(self) -> None:
        # A forked child: the thread, and every holder of these locks, exist only in the parent.
        self._lock = threading.Lock()
        self._loop = self._thread = None
        self.authenticator.forget()


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.close()


def blocking(authenticator: Authenticator) -> Blocking:
    """The blocking facade of this authenticator, made on first use."""
    if authenticator.facade is None:
        authenticator.facade = Blocking(authenticator)
    facade: Blocking = authenticator.facade
    return facade


def wsgi_headers(environ: Mapping[str, Any]) -> list[tuple[bytes, bytes]]:
    """Authorization and DPoP as raw header fields. WSGI decodes header bytes as latin-1 (PEP 3333).

    Servers join fields of one name with a comma. No token or proof contains a comma, so the parts are returned as
    separate fields, and two are refused. Credentials of other schemes may contain commas (RFC 9110 §11.4).
    """
    authorization, proof = environ.get("HTTP_AUTHORIZATION"), environ.get("HTTP_DPOP")
    found = []
    if authorization is not None:
        parts = authorization.split(",") if _OURS.search(authorization) else [authorization]
        found = [(b"authorization", one) for one in parts]
    if proof is not None:
        found += [(b"dpop", one) for one in proof.split(",")]
    return [(name, value.encode("latin-1", "replace")) for name, value in found]
