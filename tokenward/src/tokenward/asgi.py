"""The authenticator in front of applications of any framework: as plain ASGI middleware, and as a dependency."""

import contextlib
import json
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

from starlette.authentication import AuthCredentials
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from tokenward.authenticator import Authenticator
from tokenward.errors import AuthError
from tokenward.identity import Identity

_CREDENTIALS = AuthCredentials(["authenticated"])


class BearerMiddleware:
    """Lets a request or a WebSocket through with ``scope["user"]`` set to its Identity, or answers it (RFC 9457).

    ``open_paths`` are exact paths that need no token; everything else is private. The application's lifespan starts
    and closes the authenticator. Middleware that answers browsers' preflights, which carry no token, goes around it.
    """

    def __init__(self, app: ASGIApp, authenticator: Authenticator, open_paths: frozenset[str] = frozenset()) -> None:
        self._app = app
        self._bearer = Bearer(authenticator)
        self._open_paths = open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        if scope["path"] not in self._open_paths:
            try:
                scope["user"] = await self._bearer(HTTPConnection(scope))
            except AuthError as refusal:
                await answer(scope, refusal)(scope, receive, send)
                return
            scope["auth"] = _CREDENTIALS
        await self._app(scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(self._bearer.lifespan(self._app))

            async def send_once_closed(message: Message) -> None:
                if message["type"].startswith("lifespan.shutdown."):
                    await stack.aclose()  # the server does not wait for anything that comes after this message
                await send(message)

            await self._app(scope, receive, send_once_closed)


class Bearer:
    """The caller of a request or a WebSocket as a dependency, for applications where only some routes are private.

    ``lifespan`` and ``exception_handlers`` are what Starlette and FastAPI take by those names; an application with a
    lifespan of its own enters ``lifespan`` in it.
    """

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    async def __call__(self, connection: HTTPConnection) -> Identity:
        """Raises one of the AuthError tree."""
        client = connection.scope.get("client")
        return await self._authenticator.authenticate(connection.scope["headers"], client[0] if client else None)

    @contextlib.asynccontextmanager
    async def lifespan(self, _: ASGIApp) -> AsyncIterator[None]:
        """Keys are refreshed in the background for as long as this is entered."""
        await self._authenticator.start()
        try:
            yield
        finally:
            await self._authenticator.close()

    @property
    def exception_handlers(self) -> dict[Any, Any]:
        return {AuthError: on_auth_error}


async def on_auth_error(connection: HTTPConnection, error: Exception) -> ASGIApp:
    """An exception handler for Starlette and FastAPI, of requests and of WebSockets."""
    assert isinstance(error, AuthError)  # noqa: S101 - the handler table sends nothing else here
    return answer(connection.scope, error)


def answer(scope: Scope, refusal: AuthError) -> ASGIApp:
    """The refusal as the answer to this request.

    A WebSocket is refused by the same HTTP answer where the server can give one to its handshake; otherwise it is
    closed, with 1013 (try again later) or 1008 (RFC 6455 §7.4), which a browser sees as a handshake that failed.
    """
    if scope["type"] == "websocket" and "websocket.http.response" not in (scope.get("extensions") or {}):
        return WebSocketClose(1013 if refusal.status == 503 else 1008, refusal.phrase)
    return problem(refusal)


def problem(refusal: AuthError) -> Response:
    """A refusal as ``application/problem+json``."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(refusal.status).phrase,
        "status": refusal.status,
        "code": refusal.code,
        "detail": refusal.phrase,
    }
    headers = {"Cache-Control": "no-store", **refusal.headers}
    return Response(json.dumps(body), refusal.status, headers, "application/problem+json")
