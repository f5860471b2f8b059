"""Who is calling: Better Auth tokens verified against a cached JWKS, for any ASGI application.

The front door is ``jwks_authenticator``::

    authenticator = jwks_authenticator(
        "https://app.example/api/auth/jwks", issuer="https://app.example", audience="https://app.example"
    )
    app = BearerMiddleware(app, authenticator)      # any ASGI application: scope["user"] is an Identity

Each framework has a module of its own: ``tokenward.starlette`` and so on.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING

from tokenward.asgi import BearerMiddleware
from tokenward.authenticator import Authenticator
from tokenward.cache import TokenCache
from tokenward.clock import Clock
from tokenward.errors import (
    AuthError,
    InvalidToken,
    KeysUnavailable,
    MalformedRequest,
    MissingToken,
    Reason,
    RevocationsUnavailable,
    TooManyFailures,
)
from tokenward.events import AuthEvents
from tokenward.identity import Identity
from tokenward.jwks import JwksSource
from tokenward.secret import SecretSource
from tokenward.throttle import FailureThrottle
from tokenward.url import check_key_set_url, is_loopback
from tokenward.verifier import TokenVerifier

if TYPE_CHECKING:
    import httpx  # imported where it is used: it takes a third of a second

__all__ = [
    "AuthError",
    "AuthEvents",
    "Authenticator",
    "BearerMiddleware",
    "Clock",
    "FailureThrottle",
    "Identity",
    "InvalidToken",
    "JwksSource",
    "KeysUnavailable",
    "MalformedRequest",
    "MissingToken",
    "Reason",
    "RevocationsUnavailable",
    "SecretSource",
    "TokenCache",
    "TokenVerifier",
    "TooManyFailures",
    "jwks_authenticator",
]


def jwks_authenticator(
    jwks_url: str,
    *,
    issuer: str | Collection[str],
    audience: str | Collection[str],
    algorithms: Collection[str] = ("EdDSA", "RS256"),
    leeway: float = 30,
    auth_failures: str = "5/minute",
    allow_http: bool = False,
    events: AuthEvents | None = None,
    http: "httpx.AsyncClient | None" = None,
) -> Authenticator:
    """An authenticator for tokens of the issuer that publishes its keys at ``jwks_url``.

    ``issuer`` and ``audience`` are the exact values accepted, ``leeway`` is seconds of clock skew tolerated.
    ``auth_failures`` is how many refused tokens an address has before further refused ones are answered 429 (``0``:
    never). ``http`` fetches the keys and stays the caller's; without one, ``close`` closes the client that did.
    Raises ValueError for plain http to another machine, unless ``allow_http``.
    """
    check_key_set_url(jwks_url, allow_http=allow_http)
    # EdDSA and Ed25519 are two names for one algorithm (RFC 9864).
    names = {"EdDSA", "Ed25519"} if {"EdDSA", "Ed25519"} & set(algorithms) else set()
    events = events or AuthEvents()
    source = _OwnClient(jwks_url, events) if http is None else JwksSource(jwks_url, http, events=events)
    verifier = TokenVerifier(_all(issuer), _all(audience), frozenset(algorithms) | names, leeway=leeway)
    return Authenticator(source, verifier, throttle=FailureThrottle(auth_failures), events=events)


def _all(values: str | Collection[str]) -> frozenset[str]:
    return frozenset({values} if isinstance(values, str) else values)


class _OwnClient(JwksSource):
    """A source with an HTTP client of its own, opened anew where it was closed: an application may run twice."""

    def __init__(self, url: str, events: AuthEvents) -> None:
        super().__init__(url, self._opened(url), events=events)

    @staticmethod
    def _opened(url: str) -> "httpx.AsyncClient":
        import httpx

        # A proxy from the environment is for the way out of a network, not for a key server on this machine.
        return httpx.AsyncClient(trust_env=not is_loopback(httpx.URL(url).host))

    def _launch(self) -> None:
        if self._http.is_closed:
            self._http = self._opened(self.url)
        super()._launch()

    async def close(self) -> None:
        await super().close()
        await self._http.aclose()
