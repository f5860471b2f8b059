"""A feed of revocations in your own tests, signed by an Issuer and served on a real socket.

feed = Feed(issuer)
async with feed.serve() as url: ...             # what REVOCATIONS or ``revocations=`` is set to
feed.revoke("sid", "session-1")                 # everybody who waits is told at once
feed.script.append(b"HTTP/1.1 500 …")           # the next answer, whatever it is
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tokenward.testing.issuer import Issuer
from tokenward.testing.keys import without_absent

PATH = "/api/auth/revocations"
LIFE = 60
KEPT = 25 * 60

Answered = bytes | Callable[[dict[str, str], asyncio.StreamWriter], Awaitable[None]]


class Feed:
    """Events in order, a cursor that counts them, and what to change of an answer.

    ``asked`` holds the query of every request so far. ``script`` holds raw answers to the next requests. ``claims``
    and ``header`` change single members of every answer; ``echo`` is whether it repeats the ``nonce``.
    """

    def __init__(self, issuer: Issuer, *, secret: str | None = None, echo: bool = True) -> None:
        self.issuer = issuer
        self.secret = secret
        self.echo = echo
        self.events: list[dict[str, Any]] = []
        self.asked: list[dict[str, str]] = []
        self.script: deque[Answered] = deque()
        self.claims: dict[str, Any] = {}
        self.header: dict[str, Any] = {}
        self.connections = 0
        self._changed = asyncio.Condition()
        self._open: set[asyncio.Task[None]] = set()

    def revoke(self, kind: str, value: Any, **changes: Any) -> None:
        """One more event."""
        now = int(self.issuer.clock())
        event = {"id": str(len(self.events) + 1), "kind": kind, "value": value}
        event |= {"not_before": now + 1, "expires_at": now + KEPT}
        self.events.append(without_absent({**event, **changes}))
        self.wake()

    def wake(self) -> None:
        """Have those who wait ask again: after a change that ``revoke`` did not make."""

        async def tell() -> None:
            async with self._changed:
                self._changed.notify_all()

        task = asyncio.get_running_loop().create_task(tell())
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    def document(self, query: dict[str, str]) -> dict[str, Any]:
        """What is answered to this question, unsigned."""
        now = int(self.issuer.clock())
        after = query.get("after", "")
        known = after.isdigit() and int(after) <= len(self.events)
        payload = {
            "iss": self.issuer.url,
            "aud": "revocations",
            "iat": now,
            "exp": now + LIFE,
            "next": str(len(self.events)),
            "complete": not known,
            "events": self.events[int(after) :] if known else self.events,
        }
        if self.echo and "nonce" in query:
            payload["nonce"] = query["nonce"]
        return without_absent({**payload, **self.claims})

    def signed(self, query: dict[str, str]) -> str:
        header = without_absent({**self.issuer.header(), "typ": "revocations+jwt", **self.header})
        return self.issuer.sign_raw(header, self.document(query))

    @contextlib.asynccontextmanager
    async def serve(self) -> AsyncIterator[str]:
        """Serve it on 127.0.0.1; yields its URL, without the secret."""
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{PATH}"
        finally:
            server.close()
            for task in list(self._open):
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)
            await server.wait_closed()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        self.connections += 1
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                while True:
                    await self._exchange((await reader.readuntil(b"\r\n\r\n")).decode("latin-1"), writer)
        except asyncio.CancelledError:
            pass  # the server closes; a cancelled handler would be logged as an error by asyncio
        finally:
            self._open.discard(task)
            writer.close()

    async def _exchange(self, head: str, writer: asyncio.StreamWriter) -> None:
        query = dict(parse_qsl(urlsplit(head.split(" ")[1]).query))
        self.asked.append(query)
        if self.script:
            scripted = self.script.popleft()
            if not isinstance(scripted, bytes):
                await scripted(query, writer)
                return
            writer.write(scripted)
        elif self.secret is not None and f"Basic {_pair(self.secret)}" not in head:
            writer.write(b"HTTP/1.1 401 -\r\ncontent-length: 0\r\n\r\n")
        else:
            await self._something_new(query)
            writer.write(reply(self.signed(query)))
        await writer.drain()

    async def _something_new(self, query: dict[str, str]) -> None:
        if query.get("after") != str(len(self.events)):
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(float(query.get("wait", "0"))), self._changed:
                await self._changed.wait_for(lambda: query["after"] != str(len(self.events)))


def reply(body: str, status: int = 200) -> bytes:
    """An HTTP answer with this body."""
    return f"HTTP/1.1 {status} -\r\ncontent-type: application/jwt\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()


def _pair(secret: str) -> str:
    return base64.b64encode(f"feed:{secret}".encode()).decode()
