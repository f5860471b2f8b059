"""The revocation that a call of ``Issuer.revoke`` makes."""

from __future__ import annotations

import math
from collections.abc import Callable

from tokenward.clock import Clock
from tokenward.jws import parse
from tokenward.revocation.protocol import Kind, Revocation

KEPT_FOR = 604_800 + 300
"""Seconds after which every token has expired: the default longest lifetime and leeway."""


class IssuerClock(Clock):
    """The issuer's wall time, in seconds since the epoch."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall

    def wall(self) -> float:
        return self._wall()


def revocation(now: float, token: str | None, sid: str | None, sub: str | None) -> Revocation:
    """The revocation of a token, a session or a person, as of now. A token means its session, or else its person."""
    if [token, sid, sub].count(None) != 2:
        raise TypeError("revoke takes one of a token, sid and sub")
    if token is not None:
        claims = parse(token).claims
        sid, sub = claims.get("sid"), claims["sub"]
    kind: Kind = "sub" if sid is None else "sid"
    # ``iat`` has whole seconds, so tokens issued in this second are revoked too.
    return Revocation(kind, str(sub if sid is None else sid), math.floor(now) + 1, now + KEPT_FOR)
