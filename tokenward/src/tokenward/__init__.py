"""Verifies JWT access tokens of Better Auth, or of any issuer with a key set, for any Python web application.

The main class is ``Tokenward``::

    auth = Tokenward.better_auth("https://app.example")
    auth = Tokenward(issuer="https://id.example", audience="notes", jwks_url="https://id.example/jwks")
    auth = Tokenward.from_env()

There is one module for each framework: ``tokenward.fastapi``, ``tokenward.starlette``, ``tokenward.litestar``,
``tokenward.django``, ``tokenward.drf`` and ``tokenward.flask``. ``tokenward.asgi`` is for every other ASGI framework,
``tokenward.testing`` for tests.
"""

from tokenward.asgi import BearerMiddleware
from tokenward.authenticator import Authenticator
from tokenward.cache import TokenCache
from tokenward.claims import with_claims
from tokenward.clock import Clock
from tokenward.errors import (
    AuthError,
    InsufficientScope,
    InvalidProof,
    InvalidToken,
    KeysUnavailable,
    MalformedRequest,
    MissingToken,
    NotPermitted,
    ProofsUnavailable,
    Reason,
    RevocationsUnavailable,
    TooManyFailures,
)
from tokenward.events import AuthEvents
from tokenward.front import Tokenward
from tokenward.gate import Needs, needs
from tokenward.identity import Identity
from tokenward.jwks import JwksSource
from tokenward.secret import SecretSource
from tokenward.throttle import FailureThrottle
from tokenward.trusted import Misconfigured, Trusted
from tokenward.url import check_key_set_url, is_loopback
from tokenward.verifier import TokenVerifier

__all__ = [
    "AuthError",
    "AuthEvents",
    "Authenticator",
    "BearerMiddleware",
    "Clock",
    "FailureThrottle",
    "Identity",
    "InsufficientScope",
    "InvalidProof",
    "InvalidToken",
    "JwksSource",
    "KeysUnavailable",
    "MalformedRequest",
    "Misconfigured",
    "MissingToken",
    "Needs",
    "NotPermitted",
    "ProofsUnavailable",
    "Reason",
    "RevocationsUnavailable",
    "SecretSource",
    "TokenCache",
    "TokenVerifier",
    "Tokenward",
    "TooManyFailures",
    "Trusted",
    "check_key_set_url",
    "is_loopback",
    "needs",
    "with_claims",
]
