"""Explains why a token is accepted or refused: the verifier's own checks, each with advice."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tokenward import advice as change
from tokenward.advice import PARAMETERS, is_date, show
from tokenward.advice import Names as Names
from tokenward.errors import AuthError, InvalidToken, KeysUnavailable
from tokenward.events import safe_kid
from tokenward.identity import Identity
from tokenward.jwks import JwksSource
from tokenward.jws import Jws, parse
from tokenward.revocation.memory import MemoryRevocations
from tokenward.source import KeySource
from tokenward.verifier import TokenVerifier


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: name, whether it passed (None: cannot be judged), the values, and what to change."""

    check: str
    passed: bool | None
    seen: str
    advice: str = ""


_BEFORE_THE_TOKEN = re.compile(r"\A(authorization:\s*)?bearer\s+", re.IGNORECASE)


async def explain(
    token: str,
    verifier: TokenVerifier,
    source: KeySource,
    now: float,
    names: Names = PARAMETERS,
    *,
    bearer: bool = True,
) -> list[Finding]:
    """Every check of this token, in order. No finding holds the token.

    ``now`` is seconds since the epoch. ``bearer`` is whether tokens that are bound to no key are accepted. It may wait
    a few seconds for the keys.
    """
    pasted = token.strip()
    token = bare_token(token)
    try:
        jws = parse(token)
    except InvalidToken as refusal:
        return [Finding("shape", False, refusal.detail, change.on_shape(token))]
    without = "" if token == pasted else "; the word Bearer before it belongs to the header and was removed"
    findings = [Finding("shape", True, f"a compact JWS{without}")]
    findings.extend(_offline(jws, verifier, now, names, bearer))
    findings.append(await _signature(jws, verifier, source, names))
    return findings


def explain_revocation(token: str, revocations: MemoryRevocations) -> Finding:
    """Whether this token is revoked, and by which rule."""
    try:
        claims = parse(bare_token(token)).claims
    except InvalidToken:
        return Finding("revocation", None, "not checked, because this is no token")
    subject, issuer, issued = claims.get("sub"), claims.get("iss"), claims.get("iat")
    if not isinstance(subject, str) or not isinstance(issuer, str) or not is_date(issued):
        return Finding("revocation", None, "not checked, because the token lacks sub, iss or iat")
    found = revocations.revoked_by(Identity(subject, issuer, 0, 0, claims, claims))
    if found is None:
        only = "" if isinstance(claims.get("sid"), str) else "; it has no sid, so no sign-out can end it"
        return Finding("revocation", True, f"not among the {len(revocations)} in force{only}")
    until = f"tokens issued before {_moment(found.not_before)} are refused, and this one was issued {_moment(issued)}"
    seen = {
        "sid": f"revoked: its session (sid {show(found.value)}) was ended",
        "sub": f"revoked: its person (sub {show(found.value)}) was ended: {until}",
        "grant": f"revoked: its client's access to the person ({show(found.value)}) was withdrawn: {until}",
    }[found.kind]
    return Finding("revocation", False, seen, "sign in again, which a banned or deleted person cannot do")


def bare_token(pasted: str) -> str:
    """The token without ``Authorization:`` and ``Bearer``, which people copy with it."""
    return _BEFORE_THE_TOKEN.sub("", pasted.strip())


def _offline(jws: Jws, verifier: TokenVerifier, now: float, names: Names, bearer: bool) -> Iterator[Finding]:
    header, claims = jws.header, jws.claims
    yield _judged(
        "header", lambda: verifier.check_header(header), _header_seen(header), change.on_header(header, verifier, names)
    )
    issuer, audience = claims.get("iss"), claims.get("aud")
    yield _judged(
        "issuer",
        lambda: verifier.check_issuer(claims),
        f"iss is {show(issuer)}, {names.issuer} is {show(sorted(verifier.issuers))}",
        change.on_issuer(issuer, verifier, names),
    )
    yield _judged(
        "audience",
        lambda: verifier.check_audience(claims),
        f"aud is {show(audience)}, {names.audience} is {show(sorted(verifier.audiences))}",
        f"set jwt.audience in Better Auth and {names.audience} here to the same value",
    )
    yield _judged(
        "subject",
        lambda: verifier.check_subject(claims),
        f"sub is {show(claims.get('sub'))}",
        "Better Auth puts the user's id there; check definePayload and getSubject in its jwt plugin",
    )
    if "cnf" in claims:
        yield _judged(
            "binding",
            lambda: _check_binding(claims["cnf"], verifier),
            f"cnf is {show(claims['cnf'])}" + ("; each request needs a DPoP proof by that key" * verifier.bound),
            f"set {names.dpop} to accept or require, or ask the issuer for a token without sending it a proof",
        )
    elif not bearer:
        advice = f"ask the issuer for it with a DPoP proof, or set {names.dpop} to accept"
        yield Finding("binding", False, f"it is bound to no key, and {names.dpop} is require", advice)
    yield _judged(
        "times",
        lambda: verifier.check_times(claims, now),
        _times_seen(claims, now),
        change.on_times(claims, verifier, now, names),
    )
    if is_date(claims.get("exp")):
        yield _judged(
            "expiry",
            lambda: verifier.check_expiry(claims, now),
            _expiry_seen(claims["exp"], now),
            "ask Better Auth for a new one (authClient.token()); if it was made just now, its expirationTime may be a "
            'bare number, which means a moment in 1970: write "15m"',
        )


def _check_binding(confirmation: object, verifier: TokenVerifier) -> None:
    verifier.check_binding()
    from tokenward.dpop.guard import thumbprint_of  # not loaded where it is off

    thumbprint_of(confirmation)


async def _signature(jws: Jws, verifier: TokenVerifier, source: KeySource, names: Names) -> Finding:
    kid = f"kid {show(safe_kid(jws.kid))}"
    if not isinstance(jws.header.get("alg"), str):
        return Finding("signature", None, "not checked, because the token names no algorithm")
    try:
        key = await source.find(jws)
    except KeysUnavailable as error:
        where = source.url if isinstance(source, JwksSource) else "the key source"
        advice = f"check that Better Auth runs and that {names.jwks_url} is right"
        return Finding("key", None, f"{where}: {error}", advice)
    except InvalidToken:
        return Finding("key", False, f"{kid} is unknown; {_on_offer(source)}", change.on_unknown_key(names))
    try:
        verifier.check_signature(jws, key)
    except InvalidToken as refusal:
        expected = " or ".join(sorted(key.algorithms))
        advice = "the token was changed on its way, or another server signed it under the same kid"
        return Finding("signature", False, f"{refusal.detail}; {kid} is a key for {expected}", advice)
    return Finding("signature", True, f"{kid}, {jws.header['alg']}")


def _judged(check: str, judge: Callable[[], None], seen: str, advice: str) -> Finding:
    try:
        judge()
    except AuthError as refusal:
        detail = getattr(refusal, "detail", str(refusal))
        return Finding(check, False, f"{seen}: {detail}" if seen else detail, advice)
    return Finding(check, True, seen)


def _header_seen(header: Mapping[str, Any]) -> str:
    named = {name: header[name] for name in ("alg", "typ", "kid") if name in header}
    return ", ".join(f"{name} {show(value)}" for name, value in named.items())


def _times_seen(claims: dict[str, Any], now: float) -> str:
    return ", ".join(f"{name} {_moment(claims[name])}" for name in ("iat", "nbf", "exp") if name in claims)


def _expiry_seen(expires: float, now: float) -> str:
    seconds = expires - now
    ago = f"expired {-seconds:.0f} seconds ago, at {_moment(expires)}"
    return f"expires in {seconds:.0f} seconds" if seconds > 0 else ago


def _moment(value: object) -> str:
    try:
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")  # type: ignore[arg-type]  # what is no number raises
    except (TypeError, ValueError, OverflowError, OSError):
        return show(value)


def _on_offer(source: KeySource) -> str:
    keys = source.keys if isinstance(source, JwksSource) else None
    kids = ", ".join(f"{show(safe_kid(key.kid))} ({'/'.join(sorted(key.algorithms))})" for key in keys or ())
    left_out = "".join(
        f"; left out {show(safe_kid(kid))}: {why}" for kid, why in (keys.refused if keys else {}).items()
    )
    return f"the key set has {kids or 'none'}{left_out}"
