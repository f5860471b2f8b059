"""Starlette: an authentication backend, a dependency and an exception handler."""

import contextlib
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from typing import Any

from starlette.authentication import AuthCredentials, AuthenticationBackend
from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp

from tokenward.asgi import answer, authenticate, running
from tokenward.authenticator import Authenticator
from tokenward.errors import AuthError, MissingToken
from tokenward.gate import needs
from tokenward.identity import Identity

_CREDENTIALS = AuthCredentials(["authenticated"])


class BearerBackend(AuthenticationBackend):
    """An authentication backend that refuses every request without a valid token.

    Use it with AuthenticationMiddleware around the private routes, not around the whole application: then an AuthError
    reaches the application's exception handlers, such as ``on_auth_error``.
    """

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, Identity]:  # type: ignore[override]  # an Identity has what BaseUser has, without inheriting it
        scope = conn.scope
        client = scope.get("client")
        return _CREDENTIALS, await self._authenticator.authenticate(scope["headers"], client and client[0], scope)


class Bearer:
    """A dependency for applications in which only some routes are private: the caller of a request or a WebSocket.

    Pass ``lifespan`` and ``exception_handlers`` to Starlette or FastAPI under these names. An application with its own
    lifespan enters ``lifespan`` there.
    """

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    async def __call__(self, connection: HTTPConnection) -> Identity:
        """The caller of this request or WebSocket. Raises AuthError."""
        return await authenticate(self._authenticator, connection.scope)

    @contextlib.asynccontextmanager
    async def lifespan(self, _: ASGIApp) -> AsyncIterator[None]:
        """An async context manager: keys are refreshed in the background while it is entered."""
        async with running(self._authenticator):
            yield

    @property
    def exception_handlers(self) -> dict[Any, Any]:
        return {AuthError: on_auth_error}


def requires(
    *, scopes: Collection[str] = (), roles: Collection[str] = (), permissions: Collection[str] = ()
) -> Callable[[Callable[[Request], Awaitable[Any]]], Callable[[Request], Awaitable[Any]]]:
    """An endpoint for callers with all of ``scopes``, one of ``roles`` and all of ``permissions``.

    For endpoints behind ``BearerMiddleware``. Other callers get 403 with what is needed (RFC 6750 §3.1).
    """
    gate = needs(scopes=scopes, roles=roles, permissions=permissions)

    def decorate(endpoint: Callable[[Request], Awaitable[Any]]) -> Callable[[Request], Awaitable[Any]]:
        @functools.wraps(endpoint)
        async def checked(request: Request) -> Any:
            auth: Authenticator | None = request.scope.get("tokenward")
            try:
                if request.scope.get("user") is None:
                    raise MissingToken
                gate.check(request.user)
            except AuthError as refusal:
                if auth is not None:
                    auth.challenge(refusal)
                return answer(request.scope, refusal)
            return await endpoint(request)

        return checked

    return decorate


async def on_auth_error(connection: HTTPConnection, error: Exception) -> ASGIApp:
    """An exception handler for Starlette and FastAPI, of requests and of WebSockets."""
    assert isinstance(error, AuthError)  # noqa: S101 - registered for this class only
    return answer(connection.scope, error)
