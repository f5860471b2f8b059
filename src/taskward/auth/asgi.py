"""The authenticator as plain ASGI middleware, for an application of any framework."""

import json

from starlette.types import ASGIApp, Receive, Scope, Send

from taskward.auth.authenticator import Authenticator
from taskward.auth.errors import AuthError


class BearerMiddleware:
    """Lets a request through with ``scope["user"]`` set to its Identity, or answers it with a problem (RFC 9457).

    ``open_paths`` are exact paths that need no token; everything else is private. WebSockets are refused by closing
    them with 1008 (RFC 6455 §7.4.1); lifespan passes through, starting and closing the authenticator with it.
    """

    def __init__(self, app: ASGIApp, authenticator: Authenticator, open_paths: frozenset[str] = frozenset()) -> None:
        self._app = app
        self._authenticator = authenticator
        self._open_paths = open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._authenticator.start()
            try:
                await self._app(scope, receive, send)
            finally:
                await self._authenticator.close()
            return
        if scope["path"] in self._open_paths:
            await self._app(scope, receive, send)
            return
        client = scope.get("client")
        try:
            scope["user"] = await self._authenticator.authenticate(scope["headers"], client[0] if client else None)
        except AuthError as refusal:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008, "reason": refusal.phrase})
                return
            status, headers, body = problem(refusal)
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})
            return
        await self._app(scope, receive, send)


def problem(refusal: AuthError) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """A refusal as status, headers and an ``application/problem+json`` body."""
    body = json.dumps(
        {"type": "about:blank", "status": refusal.status, "code": refusal.code, "detail": refusal.phrase}
    ).encode()
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *((name.lower().encode(), value.encode()) for name, value in refusal.headers.items()),
    ]
    return refusal.status, headers, body
