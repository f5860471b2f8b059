"""CORS around the whole application, so that every error carries its headers too."""

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from taskward.operating.envelope import request_id_var
from taskward.problems import PREFLIGHT_REFUSED, render

EXPOSED_HEADERS = ("ETag", "Location", "Retry-After", "X-Request-Id", "WWW-Authenticate", "DPoP-Nonce")
#: Request header fields that pages may send: those of the service, of W3C Trace Context, of W3C Baggage and of Sentry.
ALLOWED_HEADERS = (
    *("Authorization", "Content-Type", "DPoP", "Idempotency-Key", "If-Match", "If-None-Match"),
    *("X-Origin", "X-Request-Id", "traceparent", "tracestate", "baggage", "sentry-trace"),
)
_VARY = (b"vary", b"Origin")


class Cors(CORSMiddleware):
    """Starlette's CORSMiddleware, faster for requests without Origin: it took a seventh of a request's overhead."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _names_origin(scope):
            await super().__call__(scope, receive, send)
            return
        scope["added_headers"].append(_VARY)
        await self.app(scope, receive, send)

    def preflight_response(self, request_headers: Headers) -> Response:
        """Starlette's answer to a preflight; a refusal becomes problem+json."""
        answer = super().preflight_response(request_headers)
        if answer.status_code == 200:
            return answer
        headers = {name: value for name, value in answer.headers.items() if not name.startswith("content-")}
        return render(request_id_var.get() or "", PREFLIGHT_REFUSED, None, headers)


def _names_origin(scope: Scope) -> bool:
    for name, _ in scope["headers"]:  # noqa: SIM110 - any() with a generator takes three times as long
        if name == b"origin":
            return True
    return False


def with_cors(app: ASGIApp, origins: tuple[str, ...], headers: tuple[str, ...] = ()) -> ASGIApp:
    """``app``, readable with credentials by pages of exactly these origins.

    ``headers`` are request header fields to allow besides ALLOWED_HEADERS.
    """
    return Cors(
        app,
        allow_origins=origins,
        allow_methods=("GET", "POST", "PUT", "PATCH", "DELETE"),
        allow_headers=(*ALLOWED_HEADERS, *headers),
        allow_credentials=True,
        allow_private_network=True,  # else a page of these origins reaches no server in its own network (Chromium)
        expose_headers=EXPOSED_HEADERS,
        max_age=600,
    )
