"""The exceptions of authentication, one for each kind of refusal.

::

    AuthError
    ├── MissingToken        no bearer credentials                       401, no error code (RFC 6750 §3.1)
    ├── MalformedRequest    two Authorization headers, or unreadable    400 invalid_request
    ├── InvalidToken        one token, refused; ``reason`` says why     401 invalid_token
    │   └── InvalidProof    its DPoP proof is missing or does not hold  401 invalid_token
    ├── InsufficientScope   the token lacks a scope                     403 insufficient_scope
    ├── NotPermitted        the caller lacks a role or a permission     403 insufficient_scope
    ├── TooManyFailures     a refused token from a throttled client IP  429 with Retry-After
    └── Unavailable         the token cannot be judged now              503 with Retry-After
        ├── KeysUnavailable         the keys cannot be fetched
        ├── RevocationsUnavailable  the revocations are not up to date
        └── ProofsUnavailable       the store of used proofs fails

A client gets one of the fixed phrases here and in ``reasons``. ``detail`` is for the log only.
"""

from collections.abc import Iterable

from tokenward.reasons import INVALID
from tokenward.reasons import PHRASES as PHRASES
from tokenward.reasons import Reason as Reason


class AuthError(Exception):
    """The base class. ``status`` is the HTTP status of the answer, ``headers`` are its header fields."""

    status = 401
    code = "invalid_token"
    phrase = INVALID
    #: The URL of the protected resource metadata, for the challenge (RFC 9728 §5.1), or None.
    resource_metadata: str | None = None
    #: The scheme of the request. Its challenge carries the error.
    scheme = "Bearer"
    #: Whether bearer tokens are accepted, and the algorithms of proofs if DPoP is (RFC 9449 §7.1).
    bearer: bool = True
    algs: str = ""

    @property
    def headers(self) -> dict[str, str]:
        return {}

    def _challenge(self, error: str | None = None, **parameters: str) -> dict[str, str]:
        """One challenge for each accepted scheme (RFC 6750 §3, RFC 9449 §7.1)."""
        if error is not None:
            parameters = {"error": error, "error_description": self.phrase, **parameters}
        schemes = ["Bearer"] * self.bearer + ["DPoP"] * bool(self.algs or not self.bearer)
        challenges = []
        for scheme in schemes:
            said = parameters.copy() if scheme == self.scheme or len(schemes) == 1 else {}
            if scheme == "DPoP" and self.algs:
                said["algs"] = self.algs
            if self.resource_metadata is not None:
                said["resource_metadata"] = self.resource_metadata
            described = ", ".join(f'{name}="{value}"' for name, value in said.items())
            challenges.append(f"{scheme} {described}".rstrip())
        return {"WWW-Authenticate": ", ".join(challenges)}


class MissingToken(AuthError):
    """No bearer credentials. The challenge has no error code (RFC 6750 §3.1)."""

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

    ``reason`` is the check that failed, ``detail`` a sentence for the log, ``kid`` the unverified key ID of the token.
    ``genuine`` is true if the token has expired but is otherwise valid, with a right signature.
    """

    def __init__(self, reason: Reason, detail: str, *, kid: str | None = None) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.kid = kid
        self.genuine = False
        self.phrase = PHRASES.get(reason, INVALID)

    @property
    def headers(self) -> dict[str, str]:
        return self._challenge("invalid_token")


class InvalidProof(InvalidToken):
    """A token's DPoP proof is missing or does not hold (RFC 9449 §7.1).

    ``nonce`` is the nonce that the next proof must hold (§9), or None.
    """

    scheme = "DPoP"

    def __init__(self, reason: Reason, detail: str, *, nonce: str | None = None) -> None:
        super().__init__(reason, detail)
        self.nonce = nonce

    @property
    def headers(self) -> dict[str, str]:
        if self.nonce is None:
            return self._challenge("invalid_dpop_proof")
        return {**self._challenge("use_dpop_nonce"), "DPoP-Nonce": self.nonce}


class InsufficientScope(AuthError):
    """The token is valid but lacks a scope. ``scopes`` are all that are needed (RFC 6750 §3.1)."""

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
    """The caller lacks a role or a permission. The answer does not name it."""

    status = 403
    code = "not_permitted"
    phrase = "The caller does not have the role or permission this needs"

    @property
    def headers(self) -> dict[str, str]:
        return self._challenge("insufficient_scope")


class TooManyFailures(AuthError):
    """A refused token from a client IP with too many refused tokens. ``retry_after`` is in whole seconds."""

    status = 429
    code = "too_many_failures"
    phrase = "Too many refused tokens from this client IP; wait before trying again"

    def __init__(self, retry_after: int) -> None:
        super().__init__(self.phrase)
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.retry_after)}


class Unavailable(AuthError):
    """The token cannot be judged now. ``retry_after`` is in whole seconds."""

    status = 503

    def __init__(self, detail: str, retry_after: int = 1) -> None:
        super().__init__(detail)
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.retry_after)}


class KeysUnavailable(Unavailable):
    """The issuer's keys cannot be fetched."""

    code = "keys_unavailable"
    phrase = "The keys that verify access tokens cannot be reached right now; try again shortly"

    def __init__(self, retry_after: int = 1, detail: str = "") -> None:
        super().__init__(detail or self.phrase, retry_after)


class RevocationsUnavailable(Unavailable):
    """The revocations are not up to date. ``lag`` is the seconds since they last were, for the log."""

    code = "revocations_unavailable"
    phrase = "It cannot be told right now whether this access token was revoked; try again shortly"

    def __init__(self, lag: float, retry_after: int = 1) -> None:
        super().__init__(f"revocations were last up to date {lag:.1f} seconds ago", retry_after)
        self.lag = lag


class ProofsUnavailable(Unavailable):
    """The store of used proofs cannot be reached."""

    code = "proofs_unavailable"
    phrase = "It cannot be told right now whether this DPoP proof was used before; try again shortly"
