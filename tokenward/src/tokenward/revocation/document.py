"""One answer of a feed, read strictly and with bounds on what it can do."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tokenward.revocation.protocol import Kind, Revocation
from tokenward.verifier import is_date

TYPE = "revocations+jwt"
KINDS: tuple[Kind, ...] = ("sid", "sub", "grant")
LONGEST_VALUE = 1024  # characters
LONGEST_CURSOR = 512
SLACK = 600  # seconds that a revocation may be kept beyond the longest token


class Unusable(Exception):
    """A signed answer that cannot be used. The text is for the log."""


@dataclass(frozen=True, slots=True)
class Document:
    """``issued_at`` and ``expires_at`` are seconds since the epoch by the issuer's clock."""

    issuer: str
    issued_at: float
    expires_at: float
    next: str
    complete: bool
    nonce: str | None
    events: list[Any]

    @classmethod
    def read(cls, claims: Mapping[str, Any]) -> "Document":
        """Raises Unusable."""
        issued, expires, cursor, nonce = (claims.get(name) for name in ("iat", "exp", "next", "nonce"))
        if not (is_date(issued) and is_date(expires) and issued < expires):
            raise Unusable("its iat or exp is missing or makes no sense")
        if not (isinstance(cursor, str) and 1 <= len(cursor) <= LONGEST_CURSOR and cursor.isprintable()):
            raise Unusable(f"its next is not a string of 1-{LONGEST_CURSOR} printable characters")
        if not isinstance(claims.get("complete"), bool) or not isinstance(claims.get("events"), list):
            raise Unusable("its complete or its events is missing")
        if nonce is not None and not isinstance(nonce, str):
            raise Unusable("its nonce is not a string")
        return cls(claims["iss"], issued, expires, cursor, claims["complete"], nonce, claims["events"])

    def revocations(self, now: float, longest: float) -> Iterator[Revocation]:
        """The events as this process keeps them; ``now`` is its wall clock, ``longest`` the life of a token in seconds.

        Times in the answer are of the issuer's clock, which may differ from this one. So the rest of an event's life
        counts from the answer's ``iat``. An event from the future ends the tokens that exist, and none that will be
        issued. Unknown kinds are left out, because later versions may have more. Raises Unusable for anything else.
        """
        for event in self.events:
            kind, value = (event.get("kind"), event.get("value")) if isinstance(event, dict) else (None, None)
            if not isinstance(kind, str) or not isinstance(value, str) or not 1 <= len(value) <= LONGEST_VALUE:
                raise Unusable("one of its events has no kind or no value")
            if kind not in KINDS:
                continue
            not_before, expires = event.get("not_before"), event.get("expires_at")
            if not (is_date(not_before) and is_date(expires)):
                raise Unusable("one of its events has no times")
            left = min(expires - self.issued_at, longest + SLACK)
            if left > 0:
                # Tokens have whole seconds and so has iat, so one second more is still the past.
                yield Revocation(kind, value, min(not_before, self.issued_at + 1), now + left, self.issuer)
