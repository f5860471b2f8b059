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
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

from tokenward.authenticator import Authenticator
from tokenward.errors import KeysUnavailable
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
            self.start()  # for a token with a known key too: keys are refreshed there
        headers = list(headers)
        identity = self.authenticator.at_once(headers, request)
        if identity is not None:
            return identity
        try:
            return self._submit(self.authenticator.authenticate(headers, address, request)).result()
        except CancelledError:
            raise KeysUnavailable(1, "the key source is closed") from None

    async def authenticate_async(
        self,
        headers: Iterable[tuple[bytes, bytes]],
        address: str | None,
        request: Mapping[str, Any] | None = None,
    ) -> Identity:
        """The caller, for a coroutine of any event loop, which is not blocked. Raises AuthError."""
        if self._loop is None:
            self.start()
        headers = list(headers)
        identity = self.authenticator.at_once(headers, request)
        if identity is not None:
            return identity
        work = self._submit(self.authenticator.authenticate(headers, address, request))
        try:
            return await asyncio.wrap_future(work)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise KeysUnavailable(1, "the key source is closed") from None  # not this caller was cancelled

    def start(self) -> None:
        """Start the thread and the background refresh now instead of at the first request."""
        with self._lock:
            self._running_loop()

    def close(self) -> None:
        """Stop the thread. Waiting callers get 503, and the next request starts another thread."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(self.authenticator.close(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)

    def _submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        with self._lock:  # a loop that is being closed would never run it
            return asyncio.run_coroutine_threadsafe(work, self._running_loop())

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        """Under the lock."""
        if self._loop is None:
            loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=_run, args=(loop,), name="tokenward", daemon=True)
            self._thread.start()
            # Not waited for: work that is given to the loop later begins after it.
            asyncio.run_coroutine_threadsafe(self._begin(), loop)
            self._loop = loop
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
        loop.run_until_complete(_cancel_the_others())
    finally:
        loop.close()


async def _cancel_the_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


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
