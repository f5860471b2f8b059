"""The tree of refusals an authentication can end in.

::

    AuthError
    ├── MissingToken        no credentials at all                       401, no error code (RFC 6750 §3.1)
    ├── MalformedRequest    credentials that cannot be read as one      400 invalid_request
    ├── InvalidToken        one token, refused; ``reason`` says why     401 invalid_token
    ├── InsufficientScope   the token lacks a scope                     403 insufficient_scope
    ├── NotPermitted        the caller lacks a role or a permission     403 insufficient_scope
    ├── TooManyFailures     a refused token from a throttled address    429 with Retry-After
    ├── KeysUnavailable     nothing can be said about the token now     503 with Retry-After
    └── RevocationsUnavailable  it may have been revoked meanwhile      503 with Retry-After

What a client is told is one of the fixed phrases below. ``detail`` is for the log and never leaves the service.
"""

from collections.abc import Iterable
from enum import StrEnum


class Reason(StrEnum):
    """Why a token was refused: the word in logs and metrics."""

    SHAPE = "shape"
    HEADER = "header"
    ALGORITHM = "algorithm"
    TYPE = "type"
    KEY_ID = "key_id"
    UNKNOWN_KEY = "unknown_key"
    SIGNATURE = "signature"
    ISSUER = "issuer"
    AUDIENCE = "audience"
    SUBJECT = "subject"
    CLAIMS = "claims"
    CONFIRMATION = "confirmation"
    LIFETIME = "lifetime"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    REVOKED = "revoked"


_MALFORMED = "The access token is malformed"
_INVALID = "The access token is invalid"
_ELSEWHERE = "The access token was not issued for this service"

#: The ``error_description`` of RFC 6750 §3: fixed phrases, so that nothing of a token is ever echoed.
PHRASES: dict[Reason, str] = {
    Reason.SHAPE: _MALFORMED,
    Reason.HEADER: _MALFORMED,
    Reason.ISSUER: _ELSEWHERE,
    Reason.AUDIENCE: _ELSEWHERE,
    Reason.NOT_YET_VALID: "The access token is not valid yet",
    Reason.EXPIRED: "The access token expired",
    Reason.REVOKED: "The access token was revoked",
}


class AuthError(Exception):
    """Base of every refusal. ``status`` is the HTTP status, ``headers`` go with the answer."""

    status = 401
    code = "invalid_token"
    phrase = _INVALID
    #: The URL of the protected resource metadata that a challenge names (RFC 9728 §5.1), or None.
    resource_metadata: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        return {}

    def _challenge(self, error: str | None = None, **parameters: str) -> dict[str, str]:
        """A ``Bearer`` challenge (RFC 6750 §3)."""
        if error is not None:
            parameters = {"error": error, "error_description": self.phrase, **parameters}
        if self.resource_metadata is not None:
            parameters["resource_metadata"] = self.resource_metadata
        described = ", ".join(f'{name}="{value}"' for name, value in parameters.items())
        return {"WWW-Authenticate": f"Bearer {described}".rstrip()}


class MissingToken(AuthError):
    """No bearer credentials: the challenge carries no error code (RFC 6750 §3.1)."""

    code = "missing_token"
    phrase = "This needs an access token: send Authorization: Bearer <token>"

    @property
    def headers(self) -> dict[str, str]:
        return self._challenge()


class MalformedRequest(AuthError):
    """More than one Authorization header, or one that is not text (RFC 6750 §3.1 ``invalid_request``)."""

    status = 400
    code = "invalid_request"
    phrase = "Send exactly one Authorization header"

    @property
    def headers(self) -> dict[str, str]:
        return self._challenge("invalid_request")


class InvalidToken(AuthError):
    """A token that was refused.

    ``reason`` is the check that failed, ``detail`` a sentence for the log, ``kid`` the key id it named (unverified).
    ``genuine`` is true when only time speaks against it: its signature is right and it has merely expired.
    """

    def __init__(self, reason: Reason, detail: str, *, kid: str | None = None) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.kid = kid
        self.genuine = False
        self.phrase = PHRASES.get(reason, _INVALID)

    @property
    def headers(self) -> dict[str, str]:
        return self._challenge("invalid_token")


class InsufficientScope(AuthError):
    """The token is good, but not for this: ``scopes`` are all that are needed (RFC 6750 §3.1)."""

    status = 403
    code = "insufficient_scope"
    phrase = "The access token does not have the scopes this needs"

    def __init__(self, scopes: Iterable[str]) -> None:
        self.scopes = tuple(scopes)
        super().__init__(f"needs {' '.join(self.scopes)}")

    @property
    def headers(self) -> dict[str, str]:
        return self._challenge("insufficient_scope", scope=" ".join(self.scopes))


class NotPermitted(AuthError):
    """The caller lacks a role or a permission; which one is not told."""

    status = 403
    code = "not_permitted"
    phrase = "The caller does not have the role or permission this needs"

    @property
    def headers(self) -> dict[str, str]:
        return self._challenge("insufficient_scope")


class TooManyFailures(AuthError):
    """A refused token from an address that has had too many refused; ``retry_after`` in whole seconds."""

    status = 429
    code = "too_many_failures"
    phrase = "Too many refused tokens from this address; wait before trying again"

    def __init__(self, retry_after: int) -> None:
        super().__init__(self.phrase)
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.retry_after)}


class KeysUnavailable(AuthError):
    """The issuer's keys cannot be had, so the token is neither good nor bad; ``retry_after`` in whole seconds."""

    status = 503
    code = "keys_unavailable"
    phrase = "The keys that verify access tokens cannot be reached right now; try again shortly"

    def __init__(self, retry_after: int = 1, detail: str = "") -> None:
        super().__init__(detail or self.phrase)
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.retry_after)}


class RevocationsUnavailable(AuthError):
    """Too long without news of revocations, so the token is neither good nor bad; ``lag`` in seconds, for the log."""

    status = 503
    code = "revocations_unavailable"
    phrase = "It cannot be told right now whether this access token was revoked; try again shortly"

    def __init__(self, lag: float, retry_after: int = 1) -> None:
        super().__init__(f"{lag:.1f} seconds without news of revocations")
        self.lag = lag
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.retry_after)}
