"""Advice for each failed check of a token: what to change at the issuer or in the service."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tokenward.jws import MAX_TOKEN_BYTES
from tokenward.verifier import TokenVerifier

_NUMERIC_DATES = 1e15  # seconds; a larger number is no date


@dataclass(frozen=True, slots=True)
class Names:
    """The names of the parameters in the advice. A service gives the names of its variables."""

    issuer: str = "issuer"
    audience: str = "audience"
    algorithms: str = "algorithms"
    leeway: str = "leeway"
    max_lifetime: str = "max_lifetime"
    jwks_url: str = "jwks_url"
    dpop: str = "dpop"


PARAMETERS = Names()


def show(value: object) -> str:
    """A value of the token in at most 200 printable ASCII characters."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    text = ascii(value)
    return text if len(text) <= 200 else text[:200] + "…"


def on_shape(token: str) -> str:
    if not token:
        return "there is no token: give it as argument, or - to read it from standard input"
    if token.count(".") == 4:
        return "this is an encrypted token (JWE); Better Auth's jwt plugin issues signed ones: use authClient.token()"
    if len(token) > MAX_TOKEN_BYTES:
        return (
            f"the token has {len(token)} bytes and {MAX_TOKEN_BYTES} are accepted (servers and proxies limit it "
            "too). By default Better Auth signs the whole user, including a picture as data URL: set "
            "jwt.definePayload to return the few claims that are needed"
        )
    if "." not in token or token.count(".") == 1:
        return "this looks like a session token; exchange it for a JWT at /api/auth/token, or use authClient.token()"
    return "copy the whole token, without spaces, quotes or line ends"


def on_header(header: Mapping[str, Any], verifier: TokenVerifier, names: Names) -> str:
    alg = header.get("alg")
    if not isinstance(alg, str) or alg not in verifier.algorithms:
        allowed = ", ".join(sorted(verifier.algorithms))
        return f"add {show(alg)} to {names.algorithms} (now {allowed}), or set jwks.keyPairConfig.alg in Better Auth"
    if "kid" not in header:
        return f"tokens need a kid when keys come from {names.jwks_url}; Better Auth's jwt plugin sets it"
    return "this is not an access token of Better Auth's jwt plugin: use authClient.token()"


def on_issuer(issuer: object, verifier: TokenVerifier, names: Names) -> str:
    wanted = sorted(verifier.issuers)[0]
    if isinstance(issuer, str):
        if issuer.rstrip("/") in {name.rstrip("/") for name in verifier.issuers}:
            return f"they differ by a slash at the end only: make {names.issuer} exactly the token's iss"
        if issuer.removesuffix("/api/auth") in verifier.issuers or f"{issuer}/api/auth" in verifier.issuers:
            return (
                "they differ by /api/auth: Better Auth's jwt plugin uses the origin alone, its OAuth provider the "
                f"whole path; set {names.issuer} to {show(issuer)} or jwt.issuer in Better Auth to {show(wanted)}"
            )
    return (
        f"set {names.issuer} to {show(issuer)}, or jwt.issuer in Better Auth to {show(wanted)} "
        "(unset, it follows the Host header)"
    )


def on_times(claims: dict[str, Any], verifier: TokenVerifier, now: float, names: Names) -> str:
    starts = [claims[name] for name in ("iat", "nbf") if is_date(claims.get(name))]
    if starts and max(starts) > now + verifier.leeway:
        ahead = max(starts) - now
        return (
            f"the issuer's clock is {ahead:.0f} seconds ahead of this one and {names.leeway} is {verifier.leeway:g}: "
            f"set both clocks by NTP, or raise {names.leeway} (at most 300)"
        )
    return f"iat and exp must be numbers of seconds; a token that lives too long needs a larger {names.max_lifetime}"


def is_date(value: object) -> bool:
    return type(value) in (int, float) and abs(value) < _NUMERIC_DATES  # type: ignore[arg-type]  # a number by the first test


def on_unknown_key(names: Names) -> str:
    return (
        "the token comes from another Better Auth (another database or environment), or its key is older than the "
        f"grace period: sign in again, and check that {names.jwks_url} is the server that issued it"
    )
