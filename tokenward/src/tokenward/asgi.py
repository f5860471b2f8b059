"""Plain ASGI middleware that authenticates every request, for applications of any framework."""

import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, MutableMapping
from http import HTTPStatus
from typing import Any

from tokenward.authenticator import Authenticator
from tokenward.errors import AuthError, MissingToken
from tokenward.identity import Identity

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]


class Credentials:
    """The value of ``scope["auth"]``, which Starlette's ``@requires`` and ``request.auth.scopes`` read.

    ``verified_by`` is the authenticator that verified ``identity`` for this request.
    """

    __slots__ = ("identity", "verified_by")

    def __init__(self, identity: Identity, verified_by: Authenticator) -> None:
        self.identity = identity
        self.verified_by = verified_by

    @property
    def scopes(self) -> list[str]:
        """``authenticated`` and the scopes of the token."""
        return ["authenticated", *self.identity.scopes]


class Anonymous:
    """The value of ``scope["auth"]`` of a caller without a token: Starlette's ``@requires`` answers 403."""

    __slots__ = ()

    @property
    def scopes(self) -> list[str]:
        return []


class BearerMiddleware:
    """Passes a request or a WebSocket on with ``scope["user"]`` set to its Identity, or answers it with an error
    (RFC 9457).

    ``open_paths`` are exact paths, relative to ``root_path``, that need no token. Every other path needs one. With
    ``optional``, the user of a request without a token is None. The application's lifespan starts and closes the
    authenticator. Protected resource metadata (RFC 9728) is served if the authenticator has a ``resource``.
    Put CORS middleware around this one: preflight requests carry no token.
    """

    def __init__(
        self,
        app: ASGIApp,
        authenticator: Authenticator,
        open_paths: Collection[str] = frozenset(),
        *,
        optional: bool = False,
    ) -> None:
        self._app = app
        self._authenticator = authenticator
        self._open_paths = frozenset(open_paths)
        self._optional = optional

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        scope["tokenward"] = self._authenticator
        if path_below_root(scope) not in self._open_paths:
            if scope["type"] == "http" and self._authenticator.metadata_path == path_below_root(scope):
                await _send_metadata(self._authenticator, send)
                return
            try:
                identity = await authenticate(self._authenticator, scope)
                scope["user"], scope["auth"] = identity, Credentials(identity, self._authenticator)
            except AuthError as refusal:
                if not (self._optional and isinstance(refusal, MissingToken)):
                    await answer(scope, refusal)(scope, receive, send)
                    return
                scope["user"], scope["auth"] = None, Anonymous()
        else:
            scope.setdefault("user", None)
            scope.setdefault("auth", Anonymous())
        await self._app(scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(running(self._authenticator))
            received = False

            async def receive_noted() -> Message:
                nonlocal received
                received = True
                return await receive()

            async def send_once_closed(message: Message) -> None:
                if message["type"].startswith("lifespan.shutdown."):
                    await stack.aclose()  # before the message: the server may stop waiting after it
                await send(message)

            try:
                await self._app(scope, receive_noted, send_once_closed)
            except Exception:
                if received:  # its startup or shutdown failed
                    raise
            if not received:  # it has no lifespan, which most applications say by an error
                await receive()
                await send({"type": "lifespan.startup.complete"})
                await receive()
                await send_once_closed({"type": "lifespan.shutdown.complete"})


async def _send_metadata(authenticator: Authenticator, send: Send) -> None:
    body = json.dumps(authenticator.metadata()).encode()
    headers = [(b"content-type", b"application/json"), (b"access-control-allow-origin", b"*")]
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def authenticate(authenticator: Authenticator, scope: Scope) -> Identity:
    """The caller of this request or WebSocket. Raises AuthError."""
    client = scope.get("client")
    return await authenticator.authenticate(scope["headers"], client[0] if client else None, scope)


@contextlib.asynccontextmanager
async def running(authenticator: Authenticator) -> AsyncIterator[None]:
    """An async context manager: keys are refreshed in the background while it is entered."""
    await authenticator.start()
    try:
        yield
    finally:
        await authenticator.close()


def path_below_root(scope: Scope) -> str:
    """The path without ``root_path``, which some servers and mounts put in front of it."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "").rstrip("/")
    if root and (path == root or path.startswith(root + "/")):
        return path[len(root) :] or "/"
    return path


def answer(scope: Scope, refusal: AuthError) -> ASGIApp:
    """An ASGI application that answers this request with the refusal.

    A WebSocket handshake gets the same HTTP response if the server supports that. Otherwise it is closed
    with 1013 (try again later) or 1008 (policy violation, RFC 6455 §7.4), and browsers see a failed handshake.
    """
    prefix = ""
    if scope["type"] == "websocket":
        if "websocket.http.response" not in (scope.get("extensions") or {}):
            return _closing(1013 if refusal.status == 503 else 1008, refusal.phrase)
        prefix = "websocket."

    async def respond(_scope: Scope, _receive: Receive, send: Send) -> None:
        body = problem(refusal)
        fields = {"content-type": "application/problem+json", "content-length": str(len(body))}
        fields |= {"cache-control": "no-store", **{name.lower(): value for name, value in refusal.headers.items()}}
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields.items()]
        await send({"type": f"{prefix}http.response.start", "status": refusal.status, "headers": headers})
        await send({"type": f"{prefix}http.response.body", "body": body})

    return respond


def _closing(code: int, reason: str) -> ASGIApp:
    async def close(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "websocket.close", "code": code, "reason": reason})

    return close


def problem(refusal: AuthError) -> bytes:
    """The body of a refusal: ``application/problem+json``."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(refusal.status).phrase,
        "status": refusal.status,
        "code": refusal.code,
        "detail": refusal.phrase,
    }
    return json.dumps(body).encode()
