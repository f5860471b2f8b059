"""Revocations of the stand-in issuer: what one call of ``Issuer.revoke`` means."""

from __future__ import annotations

import math
from collections.abc import Callable

from tokenward.clock import Clock
from tokenward.jws import parse
from tokenward.revocation.protocol import Kind, Revocation

KEPT_FOR = 604_800 + 300
"""Seconds after which no token that a verifier accepts by default can be left: its longest life and leeway."""


class IssuerClock(Clock):
    """The issuer's wall time, wherever that comes from."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall

    def wall(self) -> float:
        return self._wall()


def revocation(now: float, token: str | None, sid: str | None, sub: str | None) -> Revocation:
    """One of a token, a session and a person, revoked now. A token means its session, or its person without one."""
    if [token, sid, sub].count(None) != 2:
        raise TypeError("revoke takes one of a token, sid and sub")
    if token is not None:
        claims = parse(token).claims
        sid, sub = claims.get("sid"), claims["sub"]
    kind: Kind = "sub" if sid is None else "sid"
    # ``iat`` is in whole seconds, so those that were issued in this second are ended with it.
    return Revocation(kind, str(sub if sid is None else sid), math.floor(now) + 1, now + KEPT_FOR)
