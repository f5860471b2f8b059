"""Verification of a token with a key at a given time: pure, without I/O and without a clock."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from tokenward.errors import InvalidToken, Reason
from tokenward.identity import Identity, Payload
from tokenward.jws import Jws
from tokenward.keyset import is_kid
from tokenward.source import VerifyingKey

# RFC 7515 §4.1.11, RFC 7797, RFC 7516: members that change what the token means. None of them is supported.
REFUSED_MEMBERS = ("crit", "b64", "zip", "enc", "cty")
ACCESS_TOKENS = frozenset({"jwt", "at+jwt"})  # RFC 7519 §5.1, RFC 9068 §2.1
_UNFIT_FOR_SUBJECT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_MAX_NUMERIC_DATE = 1e15


@dataclass(frozen=True, slots=True)
class TokenVerifier:
    """The claims and header members that an accepted token must have.

    ``issuers``, ``audiences`` and ``algorithms`` are exact values; ``leeway`` is seconds of clock skew tolerated,
    ``max_lifetime`` the longest ``exp - iat`` accepted, in seconds. ``kid_required`` is off for a shared secret.
    ``bound`` lets tokens with ``cnf`` through: an Authenticator with ``dpop`` sets it, and asks for their proofs.
    ``types`` are values of ``typ`` in small letters; without one, a token is a ``jwt``.
    """

    issuers: frozenset[str]
    audiences: frozenset[str]
    algorithms: frozenset[str]
    leeway: float = 30
    max_lifetime: float = 604_800
    kid_required: bool = True
    bound: bool = False
    types: frozenset[str] = ACCESS_TOKENS

    def check(self, token: Jws, now: float) -> None:
        """Every check that needs no key, expiry last. Raises InvalidToken.

        They come before the look-up of a key, because they are cheaper.
        """
        self.check_header(token.header)
        claims = token.claims
        self.check_issuer(claims)
        self.check_audience(claims)
        self.check_subject(claims)
        if "cnf" in claims:
            self.check_binding()
        self.check_times(claims, now)
        self.check_expiry(claims, now)

    def verify(self, token: Jws, key: VerifyingKey, now: float) -> Identity:
        """The identity of the token, after every check. Raises InvalidToken."""
        self.check(token, now)
        return self.prove(token, key)

    def prove(self, token: Jws, key: VerifyingKey) -> Identity:
        """The identity of a token that has passed ``check``, after checking its signature. Raises InvalidToken."""
        self.check_signature(token, key)
        claims = token.claims
        # The same floating-point terms as in the checks: a cached identity is judged by these bounds alone.
        starts = max(claims["iat"], claims.get("nbf", 0)) - self.leeway
        payload = Payload(claims)
        return Identity(claims["sub"], claims["iss"], starts, claims["exp"] + self.leeway, payload, payload)

    def check_header(self, header: Mapping[str, Any]) -> None:
        """RFC 7515 §4.1 and RFC 8725 §3.1, §3.11. Keys in the header (jwk, jku, x5c, x5u) are ignored."""
        alg, typ = header.get("alg"), header.get("typ", "JWT")
        if not isinstance(alg, str) or alg not in self.algorithms:
            raise InvalidToken(Reason.ALGORITHM, "its alg is not allowed")
        if not isinstance(typ, str) or typ.lower().removeprefix("application/") not in self.types:
            raise InvalidToken(Reason.TYPE, "its typ is that of another kind of token")
        for member in REFUSED_MEMBERS:
            if member in header:
                raise InvalidToken(Reason.HEADER, f"its header has {member}")
        if self.kid_required and not is_kid(header.get("kid")):
            raise InvalidToken(Reason.KEY_ID, "its kid is missing or not 1-256 printable characters")

    def check_issuer(self, claims: dict[str, Any]) -> None:
        """RFC 7519 §4.1.1: compared exactly, including a trailing slash."""
        issuer = claims.get("iss")
        if not isinstance(issuer, str) or issuer not in self.issuers:
            raise InvalidToken(Reason.ISSUER, "its iss is not one of the expected issuers")

    def check_audience(self, claims: dict[str, Any]) -> None:
        """RFC 7519 §4.1.3: a string or an array of strings; one of them must be an accepted audience."""
        audience = claims.get("aud")
        named: Collection[Any] = audience if isinstance(audience, list) else (audience,)
        if not all(isinstance(name, str) for name in named) or self.audiences.isdisjoint(named):
            raise InvalidToken(Reason.AUDIENCE, "its aud holds none of the expected audiences")

    def check_subject(self, claims: dict[str, Any]) -> None:
        """RFC 7519 §4.1.2."""
        subject = claims.get("sub")
        if not isinstance(subject, str) or not 1 <= len(subject) <= 255:
            raise InvalidToken(Reason.SUBJECT, "its sub is not a string of 1-255 characters")
        if _UNFIT_FOR_SUBJECT.search(subject):
            raise InvalidToken(Reason.SUBJECT, "its sub holds control characters")

    def check_binding(self) -> None:
        """For a token with ``cnf``: a bound token is no bearer token (RFC 9449 §7.2)."""
        if not self.bound:
            raise InvalidToken(Reason.CONFIRMATION, "it is bound to a key its sender must prove")

    def check_times(self, claims: dict[str, Any], now: float) -> None:
        """RFC 7519 §4.1.4-6 without expiry: numbers, not in the future, lifetime within ``max_lifetime``."""
        issued, expires, begins = claims.get("iat"), claims.get("exp"), claims.get("nbf", 0)
        if not (is_date(issued) and is_date(expires) and is_date(begins)):
            raise InvalidToken(Reason.CLAIMS, "exp, iat or nbf is missing or not a number")
        if expires - issued > self.max_lifetime:
            raise InvalidToken(Reason.LIFETIME, f"made to last longer than {self.max_lifetime:g} seconds")
        if max(issued, begins) - self.leeway > now:
            raise InvalidToken(Reason.NOT_YET_VALID, f"valid in {max(issued, begins) - now:.0f} seconds")

    def check_expiry(self, claims: dict[str, Any], now: float) -> None:
        """RFC 7519 §4.1.4."""
        if now >= claims["exp"] + self.leeway:
            raise InvalidToken(Reason.EXPIRED, f"expired {now - claims['exp']:.0f} seconds ago")

    def check_signature(self, token: Jws, key: VerifyingKey) -> None:
        """RFC 8725 §3.1: the key determines the algorithm, not the token."""
        if token.header["alg"] not in key.algorithms:
            raise InvalidToken(Reason.ALGORITHM, "its alg is not the one of its key")
        if not key.verifies(token.signing_input, token.signature):
            raise InvalidToken(Reason.SIGNATURE, "its signature is wrong")


def is_date(value: object) -> TypeGuard[float]:
    """Whether a value is a finite JSON number that a float can hold (RFC 7519 §2 NumericDate); no boolean."""
    return type(value) in (int, float) and -_MAX_NUMERIC_DATE < value < _MAX_NUMERIC_DATE  # type: ignore[operator]  # a number by the first test
