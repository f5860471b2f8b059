"""Why a token is accepted or refused, told to a person: the verifier's own checks, each with what to change."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tokenward.errors import AuthError, InvalidToken, KeysUnavailable
from tokenward.events import safe_kid
from tokenward.identity import Identity
from tokenward.jwks import JwksSource
from tokenward.jws import MAX_TOKEN_BYTES, Jws, parse
from tokenward.revocation.memory import MemoryRevocations
from tokenward.source import KeySource
from tokenward.verifier import TokenVerifier


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: its name, whether it passed (None: could not be judged), what was seen, and what to change."""

    check: str
    passed: bool | None
    seen: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Names:
    """What the person who reads the advice calls each parameter; a service names its own variables."""

    issuer: str = "issuer"
    audience: str = "audience"
    algorithms: str = "algorithms"
    leeway: str = "leeway"
    max_lifetime: str = "max_lifetime"
    jwks_url: str = "jwks_url"


PARAMETERS = Names()

_BEFORE_THE_TOKEN = re.compile(r"\A(authorization:\s*)?bearer\s+", re.IGNORECASE)
_NUMERIC_DATES = 1e15  # seconds; a larger number is no date, and none to calculate with


async def explain(
    token: str, verifier: TokenVerifier, source: KeySource, now: float, names: Names = PARAMETERS
) -> list[Finding]:
    """Every check on this token, in order. The token itself is not among what is told.

    ``now`` is seconds since the epoch. Asks the key source for keys, so it may wait a few seconds.
    """
    pasted = token.strip()
    token = bare_token(token)
    try:
        jws = parse(token)
    except InvalidToken as refusal:
        return [Finding("shape", False, refusal.detail, _shape_advice(token))]
    without = "" if token == pasted else "; the word Bearer before it is the header's, and was left out"
    findings = [Finding("shape", True, f"a compact JWS{without}")]
    findings.extend(_offline(jws, verifier, now, names))
    findings.append(await _signature(jws, verifier, source, names))
    return findings


def explain_revocation(token: str, revocations: MemoryRevocations) -> Finding:
    """Whether this token is among ``revocations``, which were read, and by which rule."""
    try:
        claims = parse(bare_token(token)).claims
    except InvalidToken:
        return Finding("revocation", None, "not looked at, because this is no token")
    subject, issuer, issued = claims.get("sub"), claims.get("iss"), claims.get("iat")
    if not isinstance(subject, str) or not isinstance(issuer, str) or not _is_date(issued):
        return Finding("revocation", None, "not looked at, because the token lacks sub, iss or iat")
    found = revocations.revoked_by(Identity(subject, issuer, 0, 0, claims, claims))
    if found is None:
        only = "" if isinstance(claims.get("sid"), str) else "; it has no sid, so no sign-out can end it"
        return Finding("revocation", True, f"not among the {len(revocations)} in force{only}")
    until = f"tokens issued before {_moment(found.not_before)} are refused, and this one was issued {_moment(issued)}"
    seen = {
        "sid": f"revoked: its session (sid {_show(found.value)}) was ended",
        "sub": f"revoked: its person (sub {_show(found.value)}) was ended: {until}",
        "grant": f"revoked: its client's access to the person ({_show(found.value)}) was withdrawn: {until}",
    }[found.kind]
    return Finding("revocation", False, seen, "sign in again; a banned or deleted person cannot")


def bare_token(pasted: str) -> str:
    """The token without the header's words that people copy with it."""
    return _BEFORE_THE_TOKEN.sub("", pasted.strip())


def _offline(jws: Jws, verifier: TokenVerifier, now: float, names: Names) -> Iterator[Finding]:
    header, claims = jws.header, jws.claims
    yield _judged(
        "header", lambda: verifier.check_header(header), _header_seen(header), _header_advice(header, verifier, names)
    )
    issuer, audience = claims.get("iss"), claims.get("aud")
    yield _judged(
        "issuer",
        lambda: verifier.check_issuer(claims),
        f"iss is {_show(issuer)}, {names.issuer} is {_show(sorted(verifier.issuers))}",
        _issuer_advice(issuer, verifier, names),
    )
    yield _judged(
        "audience",
        lambda: verifier.check_audience(claims),
        f"aud is {_show(audience)}, {names.audience} is {_show(sorted(verifier.audiences))}",
        f"set jwt.audience in Better Auth and {names.audience} here to the same value",
    )
    yield _judged(
        "subject",
        lambda: verifier.check_subject(claims),
        f"sub is {_show(claims.get('sub'))}",
        "Better Auth puts the user's id there; a definePayload or getSubject of yours may have changed it",
    )
    yield _judged(
        "times",
        lambda: verifier.check_times(claims, now),
        _times_seen(claims, now),
        _times_advice(claims, verifier, now, names),
    )
    if _is_date(claims.get("exp")):
        yield _judged(
            "expiry",
            lambda: verifier.check_expiry(claims, now),
            _expiry_seen(claims["exp"], now),
            "ask Better Auth for a new one (authClient.token()); if it was made just now, its expirationTime may be a "
            'bare number, which means a moment in 1970: write "15m"',
        )


async def _signature(jws: Jws, verifier: TokenVerifier, source: KeySource, names: Names) -> Finding:
    kid = f"kid {_show(safe_kid(jws.kid))}"
    if isinstance(jws.header.get("alg"), str) is False:
        return Finding("signature", None, "not looked at, because the token names no algorithm")
    try:
        key = await source.find(jws)
    except KeysUnavailable as error:
        where = source.url if isinstance(source, JwksSource) else "the key source"
        advice = f"check that Better Auth runs and that {names.jwks_url} is right"
        return Finding("key", None, f"{where}: {error}", advice)
    except InvalidToken:
        return Finding("key", False, f"{kid} is not on offer; {_on_offer(source)}", _unknown_key_advice(names))
    try:
        verifier.check_signature(jws, key)
    except InvalidToken as refusal:
        expected = " or ".join(sorted(key.algorithms))
        advice = "it was changed on its way, or it was signed by another server under the same kid"
        return Finding("signature", False, f"{refusal.detail}; {kid} is a key for {expected}", advice)
    return Finding("signature", True, f"{kid}, {jws.header['alg']}")


def _judged(check: str, judge: Callable[[], None], seen: str, advice: str) -> Finding:
    try:
        judge()
    except AuthError as refusal:
        detail = getattr(refusal, "detail", str(refusal))
        return Finding(check, False, f"{seen}: {detail}" if seen else detail, advice)
    return Finding(check, True, seen)


def _show(value: object) -> str:
    """A value of the token, short and harmless on a terminal."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    text = ascii(value)
    return text if len(text) <= 200 else text[:200] + "…"


def _shape_advice(token: str) -> str:
    if not token:
        return "nothing was given: give the token, or - to read it from standard input"
    if token.count(".") == 4:
        return "this is an encrypted token (JWE); Better Auth's jwt plugin issues signed ones: use authClient.token()"
    if len(token) > MAX_TOKEN_BYTES:
        return (
            f"the issuer put too much into it ({len(token)} bytes, {MAX_TOKEN_BYTES} are accepted; servers and proxies "
            "cut headers at the same size). Better Auth signs the whole user by default, a picture as data URL "
            "included: set jwt.definePayload to return the few claims that are needed"
        )
    if "." not in token or token.count(".") == 1:
        return "this looks like a session token; exchange it for a JWT at /api/auth/token, or use authClient.token()"
    return "copy it whole, without spaces, quotes or line ends"


def _header_seen(header: Mapping[str, Any]) -> str:
    named = {name: header[name] for name in ("alg", "typ", "kid") if name in header}
    return ", ".join(f"{name} {_show(value)}" for name, value in named.items())


def _header_advice(header: Mapping[str, Any], verifier: TokenVerifier, names: Names) -> str:
    alg = header.get("alg")
    if not isinstance(alg, str) or alg not in verifier.algorithms:
        allowed = ", ".join(sorted(verifier.algorithms))
        return f"add {_show(alg)} to {names.algorithms} (now {allowed}), or set jwks.keyPairConfig.alg in Better Auth"
    if "kid" not in header:
        return f"tokens need a kid when keys come from {names.jwks_url}; Better Auth's jwt plugin sets it"
    return "this is not an access token of Better Auth's jwt plugin: use authClient.token()"


def _issuer_advice(issuer: object, verifier: TokenVerifier, names: Names) -> str:
    wanted = sorted(verifier.issuers)[0]
    if isinstance(issuer, str):
        if issuer.rstrip("/") in {name.rstrip("/") for name in verifier.issuers}:
            return f"they differ by a slash at the end only: make {names.issuer} exactly the token's iss"
        if issuer.removesuffix("/api/auth") in verifier.issuers or f"{issuer}/api/auth" in verifier.issuers:
            return (
                "they differ by /api/auth: Better Auth's jwt plugin uses the origin alone, its OAuth provider the "
                f"whole path; set {names.issuer} to {_show(issuer)} or jwt.issuer in Better Auth to {_show(wanted)}"
            )
    return (
        f"set {names.issuer} to {_show(issuer)}, or jwt.issuer in Better Auth to {_show(wanted)} "
        "(unset, it follows the Host header)"
    )


def _times_seen(claims: dict[str, Any], now: float) -> str:
    return ", ".join(f"{name} {_moment(claims[name])}" for name in ("iat", "nbf", "exp") if name in claims)


def _times_advice(claims: dict[str, Any], verifier: TokenVerifier, now: float, names: Names) -> str:
    starts = [claims[name] for name in ("iat", "nbf") if _is_date(claims.get(name))]
    if starts and max(starts) > now + verifier.leeway:
        ahead = max(starts) - now
        return (
            f"the issuer's clock is {ahead:.0f} seconds ahead of this one and {names.leeway} is {verifier.leeway:g}: "
            f"set both clocks by NTP, or raise {names.leeway} (at most 300)"
        )
    return f"iat and exp must be numbers of seconds; a token that lives too long needs a larger {names.max_lifetime}"


def _is_date(value: object) -> bool:
    return type(value) in (int, float) and abs(value) < _NUMERIC_DATES  # type: ignore[arg-type]  # a number by the first test


def _expiry_seen(expires: float, now: float) -> str:
    seconds = expires - now
    return (
        f"expires in {seconds:.0f} seconds"
        if seconds > 0
        else f"expired {-seconds:.0f} seconds ago, at {_moment(expires)}"
    )


def _moment(value: object) -> str:
    try:
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")  # type: ignore[arg-type]  # what is no number raises
    except (TypeError, ValueError, OverflowError, OSError):
        return _show(value)


def _on_offer(source: KeySource) -> str:
    keys = source.keys if isinstance(source, JwksSource) else None
    kids = ", ".join(f"{_show(safe_kid(key.kid))} ({'/'.join(sorted(key.algorithms))})" for key in keys or ())
    left_out = "".join(
        f"; left out {_show(safe_kid(kid))}: {why}" for kid, why in (keys.refused if keys else {}).items()
    )
    return f"the key set has {kids or 'none'}{left_out}"


def _unknown_key_advice(names: Names) -> str:
    return (
        "the token comes from another Better Auth (another database or environment), or its key is older than the "
        f"grace period: sign in again, and check that {names.jwks_url} is the server that issued it"
    )
