"""A stand-in for Better Auth that really signs: keys, key set and tokens, in memory or on a real socket.

issuer = Issuer("https://app.example")
issuer.token("ada")                             # as `GET /api/auth/token` returns it
issuer.token("ada", scope="notes:read", expires_in=-1)
issuer.token("ada", exp=0, email=ABSENT)        # claims changed or left out
issuer.token("ada", header={"typ": "at+jwt"})   # header changed likewise
issuer.revoke(sid="s1")                         # revokes the tokens of a session; sub="ada" those of a person
issuer.rotate("RS256")                          # a new key signs from now on, the old one stays
with issuer.behind(auth): ...                   # this Tokenward takes its keys from here, in process
with issuer.running() as url: ...               # the key set on a real port, served by a thread
async with issuer.serve() as url: ...           # the same, served by this event loop
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from tokenward.authenticator import Authenticator
from tokenward.fetch import Fetcher
from tokenward.jwks import JwksSource
from tokenward.revocation.memory import MemoryRevocations
from tokenward.testing.keys import SigningKey, as_json, compact, without_absent
from tokenward.testing.revoke import IssuerClock, revocation

JWKS_PATH: Final = "/api/auth/jwks"
LIFETIME: Final = 15 * 60
"""Seconds that a token of Better Auth lives by default."""


class _ThisIssuer(httpx.AsyncBaseTransport):
    """Answers requests for any path: the application's key set URL may have any path."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if any(name in request.url.path for name in ("/openid-configuration", "/oauth-authorization-server")):
            return httpx.Response(200, json={"issuer": self._issuer.url, "jwks_uri": self._issuer.jwks_url})
        return await self._issuer.respond(httpx.Request("GET", self._issuer.jwks_url))


@dataclass
class Answer:
    """The key server's response to one fetch. The default is Better Auth's."""

    status: int = 200
    body: bytes | str | Mapping[str, Any] | None = None
    """None: the issuer's key set as it is when the answer is sent."""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    """Seconds before anything is answered."""
    gate: asyncio.Event | None = None
    """Answer only once this is set: a delay that a test can end."""
    error: Exception | None = None
    """In memory: raised from the transport. Over a socket: the connection is reset."""
    cut_at: int | None = None
    """Over a socket: send this many bytes of the body, then close."""


class Issuer:
    """A stand-in for Better Auth, with its tokens and its key set.

    `fetches` counts requests for the key set. `script` holds the responses to the next fetches; after them `always` is
    the response, by default that of a healthy server.
    """

    def __init__(
        self,
        url: str = "http://localhost:3000",
        *,
        audience: str | None = None,
        alg: str = "EdDSA",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.url = url
        self.audience = audience or url  # Better Auth: both are the origin of baseURL
        self.clock = clock
        self.keys = [SigningKey.new(alg)]
        self.signer = self.keys[0]
        self.fetches = 0
        self.script: deque[Answer] = deque()
        self.always = Answer()
        self.fetched = asyncio.Condition()

    @property
    def jwks_url(self) -> str:
        return self.url.rstrip("/") + JWKS_PATH

    # Keys

    def jwks(self) -> dict[str, Any]:
        return {"keys": [key.jwk() for key in self.keys]}

    def rotate(self, alg: str | None = None, key: SigningKey | None = None) -> SigningKey:
        """Publish a new key, which signs from now on. Old keys stay published (Better Auth: 30 days)."""
        self.signer = key or SigningKey.new(alg or self.signer.alg)
        self.keys.append(self.signer)
        return self.signer

    def remove(self, kid: str) -> None:
        """Remove a key from the key set. If it was the signer, the newest of the others signs."""
        self.keys = [key for key in self.keys if key.kid != kid]
        if self.signer.kid == kid and self.keys:
            self.signer = self.keys[-1]

    # Revocations

    @functools.cached_property
    def revocations(self) -> MemoryRevocations:
        """This issuer's revocations. ``behind`` gives them to the application; or pass them as ``revocations=``."""
        return MemoryRevocations(clock=IssuerClock(lambda: self.clock()))

    def revoke(self, token: str | None = None, *, sid: str | None = None, sub: str | None = None) -> None:
        """Revoke tokens: of a session (``sid``), of a person until now (``sub``), or as ``token`` names them.

        An application whose Tokenward has no ``revocations`` still accepts them, as in production.
        """
        self.revocations.add([revocation(self.clock(), token, sid, sub)])

    # Tokens

    def header(self, key: SigningKey | None = None, **changes: Any) -> dict[str, Any]:
        key = key or self.signer
        return without_absent({"alg": key.alg, "kid": key.kid, **changes})

    def claims(self, sub: Any = "alice", **changes: Any) -> dict[str, Any]:
        """The registered claims and the whole user object, as Better Auth signs by default."""
        now = int(self.clock())
        user = {
            "name": str(sub).title(),
            "email": f"{sub}@example.com",
            "emailVerified": False,
            "image": None,
            "createdAt": "2026-11-21T09:00:00.000Z",
            "updatedAt": "2026-11-21T09:00:00.000Z",
            "id": sub,
        }
        registered = {"iat": now, "exp": now + LIFETIME, "iss": self.url, "aud": self.audience, "sub": sub}
        return without_absent({**user, **registered, **changes})

    def token(
        self,
        sub: Any = "alice",
        *,
        header: Mapping[str, Any] | None = None,
        key: SigningKey | None = None,
        expires_in: float | None = None,
        **claims: Any,
    ) -> str:
        """A signed token; `header` and `claims` change single members, `ABSENT` leaves one out.

        `expires_in` is seconds from now. A negative number makes a token that has expired, by more than any leeway.
        With `key`, that key signs under its own `kid` (`header={"kid": …}` borrows another's).
        """
        key = key or self.signer
        if expires_in is not None:
            now = int(self.clock())
            # It must have been valid once, and must have expired by more than a verifier's leeway (at most 300 s).
            expires = now + expires_in if expires_in > 0 else now - 301 + expires_in
            claims = {"iat": min(now, expires - LIFETIME) if expires_in <= 0 else now, "exp": expires, **claims}
        return compact(self.header(key, **(header or {})), self.claims(sub, **claims), key.sign)

    def headers(self, sub: Any = "alice", **changes: Any) -> dict[str, str]:
        """The header of a request with such a token."""
        return {"Authorization": f"Bearer {self.token(sub, **changes)}"}

    def sign_raw(self, header: Mapping[str, Any] | bytes, payload: Any, key: SigningKey | None = None) -> str:
        """A token with a genuine signature over any bytes."""
        return compact(header, payload, (key or self.signer).sign)

    def expired_token(self, sub: str = "alice", ago: int = 3600) -> str:
        """A genuine token whose `exp` passed `ago` seconds ago."""
        now = int(self.clock())
        return self.token(sub, iat=now - ago - LIFETIME, exp=now - ago)

    # The key server

    def _body(self, answer: Answer) -> bytes:
        body = self.jwks() if answer.body is None else answer.body
        if isinstance(body, bytes):
            return body
        return body.encode() if isinstance(body, str) else as_json(body)

    async def _next_answer(self) -> Answer:
        self.fetches += 1
        answer = self.script.popleft() if self.script else self.always
        async with self.fetched:
            self.fetched.notify_all()
        if answer.gate is not None:
            await answer.gate.wait()
        if answer.delay:
            await asyncio.sleep(answer.delay)
        return answer

    async def fetched_times(self, times: int) -> None:
        """Wait until the key set was requested this many times in all."""
        async with self.fetched:
            await self.fetched.wait_for(lambda: self.fetches >= times)

    async def respond(self, request: httpx.Request) -> httpx.Response:
        """The response to one request, for `httpx.MockTransport` or as a side effect of respx."""
        # Better Auth answers HEAD and OPTIONS with 404. The issuer's URL may have a path.
        if request.method != "GET" or not request.url.path.endswith(JWKS_PATH):
            return httpx.Response(404)
        answer = await self._next_answer()
        if answer.error is not None:
            raise answer.error
        headers = {"content-type": "application/json", **answer.headers}
        return httpx.Response(answer.status, headers=headers, content=self._body(answer))

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.respond)

    @contextlib.contextmanager
    def behind(self, auth: Authenticator) -> Iterator[None]:
        """``auth`` fetches its keys from here, in process, until the context ends.

        The issuer must have the ``url`` and ``audience`` that ``auth`` expects. Nothing is stubbed: tokens are
        verified with keys that were fetched. If ``auth`` has revocations, it uses those of this issuer: no database
        and no feed is needed.
        """
        sources = [source for source in auth.sources if isinstance(source, JwksSource)]
        before, asked = [source.fetcher for source in sources], auth.revocations
        if asked is not None:
            auth.revocations = self.revocations
        for source in sources:
            source.reset(Fetcher(httpx.AsyncClient(transport=_ThisIssuer(self))))
        auth.forget()
        try:
            yield
        finally:
            for source, fetcher in zip(sources, before, strict=True):
                source.reset(fetcher)
            auth.revocations = asked
            auth.forget()

    @contextlib.contextmanager
    def running(self, port: int = 0) -> Iterator[str]:
        """Serve the key set on a real socket of 127.0.0.1 from a thread; yields its URL."""
        loop = asyncio.new_event_loop()
        bound: list[str] = []
        ready, leave = threading.Event(), asyncio.Event()

        async def live() -> None:
            try:
                async with self.serve(port) as url:
                    bound.append(url)
                    ready.set()
                    await leave.wait()
            finally:
                ready.set()

        thread = threading.Thread(target=lambda: loop.run_until_complete(live()), name="tokenward-issuer", daemon=True)
        thread.start()
        ready.wait()
        try:
            yield bound[0]
        finally:
            loop.call_soon_threadsafe(leave.set)
            thread.join()
            loop.close()

    @asynccontextmanager
    async def serve(self, port: int = 0) -> AsyncIterator[str]:
        """Serve the key set on a real socket of 127.0.0.1; yields its URL."""
        server = await asyncio.start_server(self.answer_connection, "127.0.0.1", port)
        try:
            bound = server.sockets[0].getsockname()[1]
            yield f"http://127.0.0.1:{bound}{JWKS_PATH}"
        finally:
            server.close()
            for task in list(self._connections):
                task.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)
            await server.wait_closed()

    @functools.cached_property
    def _connections(self) -> set[asyncio.Task[None]]:
        return set()

    async def answer_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                while await self._exchange(reader, writer):
                    pass
        except asyncio.CancelledError:
            pass  # the server closes; a cancelled handler would be logged as an error by asyncio
        finally:
            self._connections.discard(task)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request. Returns whether the connection stays open."""
        head = await reader.readuntil(b"\r\n\r\n")
        method, path, _ = head.split(b"\r\n", 1)[0].split(b" ")
        if (method, path) != (b"GET", JWKS_PATH.encode()):
            writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
            await writer.drain()
            return True
        answer = await self._next_answer()
        if answer.error is not None:
            writer.transport.abort()
            return False
        body = self._body(answer)
        headers = {"content-type": "application/json", "content-length": str(len(body)), **answer.headers}
        lines = [f"HTTP/1.1 {answer.status} -", *(f"{name}: {value}" for name, value in headers.items())]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n")
        writer.write(body if answer.cut_at is None else body[: answer.cut_at])
        await writer.drain()
        return answer.cut_at is None
