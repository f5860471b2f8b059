"""Client IP and scheme from X-Forwarded-For and X-Forwarded-Proto of the proxies in TRUSTED_PROXIES."""

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

_PROTO = b"x-forwarded-proto"


class Forwarded:
    """uvicorn's middleware, which also reads lists in X-Forwarded-Proto: the first scheme is the client's."""

    def __init__(self, app: ASGIApp, proxies: tuple[str, ...]) -> None:
        self._app = ProxyHeadersMiddleware(app, list(proxies))  # type: ignore[arg-type]  # uvicorn's and Starlette's ASGI types differ in name only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            schemes = b",".join(value for name, value in scope["headers"] if name == _PROTO)
            if b"," in schemes:
                first = next((part for part in (p.strip() for p in schemes.split(b",")) if part), b"")
                others = [field for field in scope["headers"] if field[0] != _PROTO]
                scope["headers"] = [*others, (_PROTO, first.lower())]
        await self._app(scope, receive, send)  # type: ignore[arg-type]  # likewise
