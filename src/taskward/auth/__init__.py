"""Who is calling: Better Auth tokens verified against a cached JWKS, for any ASGI application.

Nothing here imports the rest of ``taskward``. The front door is ``jwks_authenticator``::

    authenticator = jwks_authenticator(
        "https://app.example/api/auth/jwks", issuer="https://app.example", audience="https://app.example"
    )
    app = BearerMiddleware(app, authenticator)      # any ASGI application: scope["user"] is an Identity
"""

import httpx

from taskward.auth.asgi import BearerMiddleware
from taskward.auth.authenticator import Authenticator
from taskward.auth.backend import BearerBackend
from taskward.auth.cache import TokenCache
from taskward.auth.clock import Clock
from taskward.auth.errors import (
    AuthError,
    InvalidToken,
    KeysUnavailable,
    MalformedRequest,
    MissingToken,
    Reason,
    TooManyFailures,
)
from taskward.auth.events import AuthEvents
from taskward.auth.identity import Identity
from taskward.auth.jwks import JwksSource
from taskward.auth.secret import SecretSource
from taskward.auth.throttle import FailureThrottle
from taskward.auth.verifier import TokenVerifier

__all__ = [
    "AuthError",
    "AuthEvents",
    "Authenticator",
    "BearerBackend",
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
    "SecretSource",
    "TokenCache",
    "TokenVerifier",
    "TooManyFailures",
    "jwks_authenticator",
]


def jwks_authenticator(
    jwks_url: str,
    *,
    issuer: str,
    audience: str,
    algorithms: frozenset[str] = frozenset({"EdDSA", "Ed25519", "RS256"}),
) -> Authenticator:
    """An authenticator for one issuer and one audience, with the defaults this package recommends."""
    source = JwksSource(jwks_url, httpx.AsyncClient())
    verifier = TokenVerifier(frozenset({issuer}), frozenset({audience}), algorithms)
    return Authenticator(source, verifier)
