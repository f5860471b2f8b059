"""Litestar: a plugin, guards, and the security scheme in OpenAPI.

::

    app = Litestar([notes], plugins=[TokenwardPlugin(Tokenward.better_auth("https://app.example"))])

Every handler is private: ``request.user`` is an Identity. ``opt={"public": True}`` opens one, and with
``opt={"optional": True}`` a request without a token has None for its user.
"""

import contextlib
from collections.abc import AsyncIterator, Collection
from typing import Any

from litestar import Litestar, MediaType, Request, Response, get
from litestar.config.app import AppConfig
from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.handlers import BaseRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.openapi.spec import Components, SecurityScheme
from litestar.plugins import InitPlugin
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp, Guard, Receive, Scope, Send

from tokenward.asgi import Anonymous, Credentials, authenticate, problem, running
from tokenward.authenticator import Authenticator
from tokenward.errors import AuthError, MissingToken
from tokenward.gate import needs

SCHEME = "Bearer"


class TokenwardPlugin(InitPlugin):
    """Puts ``auth`` in front of every handler of the application."""

    def __init__(self, auth: Authenticator) -> None:
        self._auth = auth

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        auth = self._auth

        @contextlib.asynccontextmanager
        async def lifespan(_: Litestar) -> AsyncIterator[None]:
            async with running(auth):
                yield

        app_config.state["tokenward"] = auth
        app_config.lifespan = [lifespan, *app_config.lifespan]
        app_config.middleware = [_Middleware(auth), *app_config.middleware]
        app_config.exception_handlers = {AuthError: on_auth_error, **app_config.exception_handlers}
        if auth.metadata_path is not None:
            app_config.route_handlers.append(_metadata(auth))
        if app_config.openapi_config is not None:
            config = app_config.openapi_config
            scheme = SecurityScheme(type="http", scheme="bearer", bearer_format="JWT")
            ours = Components(security_schemes={SCHEME: scheme})
            there = config.components if isinstance(config.components, list) else [config.components]
            config.components = [*there, ours]
            config.security = [*(config.security or []), {SCHEME: []}]
        return app_config


class _Middleware(ASGIMiddleware):
    scopes = (ScopeType.HTTP, ScopeType.WEBSOCKET)

    def __init__(self, auth: Authenticator) -> None:
        self._auth = auth

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        handler = scope["route_handler"]
        options = handler.opt
        if options.get("public") or _generated(handler):
            scope.setdefault("user", None)
            scope.setdefault("auth", Anonymous())
        else:
            try:
                identity = await authenticate(self._auth, scope)  # type: ignore[arg-type]  # Litestar's scope is a TypedDict
                scope["user"], scope["auth"] = identity, Credentials(identity, self._auth)
            except MissingToken:
                if not options.get("optional"):
                    raise
                scope["user"], scope["auth"] = None, Anonymous()
        await next_app(scope, receive, send)


def _generated(handler: Any) -> bool:
    """Whether this is Litestar's own answer to OPTIONS, the methods of a path: a preflight carries no token."""
    return getattr(handler.fn, "__module__", None) == HTTPRoute.__module__


def requires(*, scopes: Collection[str] = (), roles: Collection[str] = (), permissions: Collection[str] = ()) -> Guard:
    """A guard that requires all of ``scopes``, one of ``roles`` and all of ``permissions``."""
    gate = needs(scopes=scopes, roles=roles, permissions=permissions)

    def guard(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        auth: Authenticator = connection.app.state["tokenward"]
        if connection.user is None:
            refusal = MissingToken()
            auth.challenge(refusal)
            raise refusal
        gate.check(connection.user, auth.metadata_url)

    return guard


def on_auth_error(_: Request[Any, Any, Any], refusal: AuthError) -> Response[bytes]:
    """An exception handler: the refusal as a problem (RFC 9457)."""
    headers = {"Cache-Control": "no-store", **refusal.headers}
    return Response(
        problem(refusal), status_code=refusal.status, headers=headers, media_type="application/problem+json"
    )


def _metadata(auth: Authenticator) -> Any:
    @get(
        auth.metadata_path,
        media_type=MediaType.JSON,
        include_in_schema=False,
        opt={"public": True},
        sync_to_thread=False,
    )
    def protected_resource_metadata() -> dict[str, Any]:
        return auth.metadata()

    return protected_resource_metadata


__all__ = ["TokenwardPlugin", "on_auth_error", "requires"]
