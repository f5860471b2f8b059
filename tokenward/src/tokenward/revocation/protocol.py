"""What the authenticator asks of a place that knows revoked tokens."""

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from tokenward.identity import Identity

Kind = Literal["sid", "sub", "grant"]


@dataclass(frozen=True, slots=True)
class Revocation:
    """One revocation. Times are seconds since the epoch.

    ``sid`` ends the tokens of one session. ``sub`` ends the tokens of one person that were issued before
    ``not_before``. ``grant`` ends the tokens that one client holds for one person: ``value`` is ``<sub> <client_id>``.
    After ``expires_at`` no token can be left that it would end. With ``issuer``, only tokens of that ``iss`` are meant.
    """

    kind: Kind
    value: str
    not_before: float
    expires_at: float
    issuer: str = ""


class Revocations(Protocol):
    """``lag`` is seconds since this was last known to be complete; above ``max_lag`` no token is believed."""

    max_lag: float

    @property
    def lag(self) -> float: ...

    def is_revoked(self, identity: Identity[Any]) -> bool:
        """Whether this verified token has been revoked. Called on every request, so it never waits."""

    async def start(self) -> None: ...

    async def close(self) -> None: ...
