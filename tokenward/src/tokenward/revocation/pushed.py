"""Logout tokens (OpenID Connect Back-Channel Logout 1.0) and security event tokens (RFC 8417): what they end."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tokenward.errors import InvalidToken, Reason
from tokenward.revocation.document import SLACK
from tokenward.revocation.protocol import Kind, Revocation
from tokenward.verifier import TokenVerifier, is_date

LOGOUT_TOKEN = "logout+jwt"  # noqa: S105 - the name of a type
SECURITY_EVENT = "secevent+jwt"
LOGOUT = "http://schemas.openid.net/event/backchannel-logout"
SESSION_REVOKED = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
LONGEST = 255  # characters of a sub, a sid or a jti

Claims = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Pushed:
    """A pushed token: its ``jti``, the seconds for which it must not be taken again, and the revocations in it."""

    jti: str
    seconds: float
    ends: tuple[Revocation, ...]


def logout(claims: dict[str, Any], verifier: TokenVerifier, now: float) -> Pushed:
    """OpenID Connect Back-Channel Logout 1.0 §2.6, all but header, issuer, audience and signature.

    With a ``sid``, that session ends, otherwise all of the person's. Raises InvalidToken.
    """
    verifier.check_times(claims, now)
    verifier.check_expiry(claims, now)
    jti, session, subject = _text(claims, "jti"), claims.get("sid"), claims.get("sub")
    events = _events(claims)
    if not isinstance(events.get(LOGOUT), dict):
        raise _wrong("its events do not hold back-channel logout")
    if "nonce" in claims:
        raise _wrong("it has a nonce, so it may be an ID token")
    if session is None and subject is None:
        raise _wrong("it has neither sub nor sid")
    for name in ("sid", "sub"):
        if claims.get(name) is not None:
            _text(claims, name)
    kind: Kind = "sub" if session is None else "sid"
    ends = _revocation(kind, subject if session is None else session, claims["iat"], claims, verifier, now)
    return Pushed(jti, claims["exp"] + verifier.leeway - now, (ends,))


def security_event(claims: dict[str, Any], verifier: TokenVerifier, now: float) -> Pushed:
    """RFC 8417 §2.2 and the session-revoked event of CAEP, all but header, issuer, audience and signature.

    Events of other types end nothing (RFC 8417 §1.2). Raises InvalidToken.
    """
    jti, events = _text(claims, "jti"), _events(claims)
    for name in ("iat", "exp", "nbf", "toe"):
        if (name in claims or name == "iat") and not is_date(claims.get(name)):
            raise _wrong(f"its {name} is missing or not a number")
    if claims["iat"] - verifier.leeway > now or claims.get("toe", 0) - verifier.leeway > now:
        raise InvalidToken(Reason.NOT_YET_VALID, "it is from the future")
    if claims.get("nbf", 0) - verifier.leeway > now:
        raise InvalidToken(Reason.NOT_YET_VALID, "it is not valid yet")
    if "exp" in claims:
        verifier.check_expiry(claims, now)
    ends: tuple[Revocation, ...] = ()
    if SESSION_REVOKED in events:
        event = events[SESSION_REVOKED]
        kind, value = _subject(claims, event)
        happened = event.get("event_timestamp", claims.get("toe", claims["iat"]))
        if not is_date(happened):
            raise _wrong("its event_timestamp is not a number")
        ends = (_revocation(kind, value, min(happened, claims["iat"]), claims, verifier, now),)
    # It may come again for as long as a token that it ends could live.
    return Pushed(jti, verifier.max_lifetime + SLACK, ends)


def _revocation(
    kind: Kind, value: Any, before: float, claims: Claims, verifier: TokenVerifier, now: float
) -> Revocation:
    # Tokens have whole seconds: one of the same second may be older.
    return Revocation(kind, value, math.floor(before) + 1, now + verifier.max_lifetime + SLACK, claims["iss"])


def _events(claims: Claims) -> Mapping[str, Any]:
    events = claims.get("events")
    if not isinstance(events, dict) or not events or not all(isinstance(event, dict) for event in events.values()):
        raise _wrong("its events is not an object of objects")
    return events


def _subject(claims: Claims, event: Claims) -> tuple[Kind, str]:
    """Whom the event is about (RFC 9493, and ``subject`` in the event as earlier drafts have it)."""
    subject = claims.get("sub_id", event.get("subject"))
    if subject is None:
        return "sub", _text(claims, "sub")
    if not isinstance(subject, dict):
        raise _wrong("its subject is not an object")
    found = _identified(subject, claims["iss"])
    if found is None:
        raise _wrong("its subject is of a format that no token has: give iss_sub, a session, or both")
    if found[0] == "sub" and claims.get("sub", found[1]) != found[1]:
        raise _wrong("its sub and its sub_id are two people")
    return found


def _identified(subject: Claims, issuer: str) -> tuple[Kind, str] | None:
    form = subject.get("format", subject.get("subject_type"))
    if form == "opaque":
        return "sid", _text(subject, "id")
    if form in ("iss_sub", "iss-sub"):
        if subject.get("iss") != issuer:
            raise InvalidToken(Reason.ISSUER, "its subject is another issuer's")
        return "sub", _text(subject, "sub")
    if form not in ("complex", None):
        return None
    found: dict[str, tuple[Kind, str] | None] = {}
    for member in ("session", "user"):
        part = subject.get(member)
        if isinstance(part, dict) and part.get("format", part.get("subject_type")) not in ("complex", None):
            found[member] = _identified(part, issuer)
    person = found.get("user")
    if person is not None and person[0] == "sid":  # an opaque id of a person is their sub
        person = "sub", person[1]
    return found.get("session") or person


def _text(members: Claims, name: str) -> str:
    value = members.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= LONGEST or not value.isprintable():
        raise _wrong(f"its {name} is not a string of 1-{LONGEST} printable characters")
    return value


def _wrong(detail: str) -> InvalidToken:
    return InvalidToken(Reason.CLAIMS, detail)
