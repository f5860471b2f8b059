"""What trusted proxies say of the client: its address and the scheme it used, for those in TRUSTED_PROXIES alone."""

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

_PROTO = b"x-forwarded-proto"


class Forwarded:
    """uvicorn's, which knows one X-Forwarded-Proto: several proxies write a list, whose first is the client's."""

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
