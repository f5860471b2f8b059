"""Revocations held in memory, so that a request is judged by one or two look-ups."""

import logging
from collections.abc import Callable, Iterable

from tokenward.clock import Clock
from tokenward.identity import Identity
from tokenward.revocation.protocol import Revocation

PRUNE_EVERY = 60.0  # seconds

_log = logging.getLogger("tokenward")


class MemoryRevocations:
    """A set of revocations. On its own it is always complete: its ``lag`` is 0.

    ``observers`` are called after every change; open streams use it to end at once.
    """

    def __init__(self, *, max_lag: float = 5, clock: Clock | None = None) -> None:
        self.max_lag = max_lag
        self.observers: list[Callable[[], None]] = []
        self._clock = clock or Clock()
        self._sessions: dict[str, float] = {}  # sid: expires_at
        self._subjects: dict[str, tuple[float, float]] = {}  # sub: not_before, expires_at
        self._grants: dict[str, tuple[float, float]] = {}  # sub and client_id: not_before, expires_at
        self._pruned_at = self._clock.wall()

    @property
    def lag(self) -> float:
        return 0.0

    def __len__(self) -> int:
        return len(self._sessions) + len(self._subjects) + len(self._grants)

    def is_revoked(self, identity: Identity) -> bool:
        claims = identity.claims
        session = claims.get("sid")
        if isinstance(session, str) and session in self._sessions:  # a list or an object could not even be looked up
            return True
        if self._subjects:
            ended = self._subjects.get(identity.subject)
            if ended is not None and claims["iat"] < ended[0]:
                return True
        if self._grants:
            ended = self._grants.get(f"{identity.subject} {claims.get('client_id') or claims.get('azp')}")
            return ended is not None and claims["iat"] < ended[0]
        return False

    def add(self, revocations: Iterable[Revocation]) -> None:
        """Add revocations. One that is known already is kept with the later of both times."""
        now = self._clock.wall()
        added = False
        for revocation in revocations:
            added = self._add(revocation) or added
        if now - self._pruned_at >= PRUNE_EVERY:
            self._prune(now)
        if added:
            self._tell()

    def replace(self, revocations: Iterable[Revocation]) -> None:
        """Hold these and no others: what was read as a whole."""
        self._sessions, self._subjects, self._grants = {}, {}, {}
        for revocation in revocations:
            self._add(revocation)
        self._tell()

    async def start(self) -> None:
        """Nothing to start."""

    async def close(self) -> None:
        """Nothing to close."""

    def _add(self, one: Revocation) -> bool:
        if one.kind == "sid":
            known = self._sessions.get(one.value)
            self._sessions[one.value] = max(known or 0, one.expires_at)
            return known is None
        held = self._subjects if one.kind == "sub" else self._grants
        before = held.get(one.value, (0.0, 0.0))
        held[one.value] = (max(before[0], one.not_before), max(before[1], one.expires_at))
        return held[one.value] != before

    def _prune(self, now: float) -> None:
        self._pruned_at = now
        self._sessions = {value: ends for value, ends in self._sessions.items() if ends > now}
        self._subjects = {value: times for value, times in self._subjects.items() if times[1] > now}
        self._grants = {value: times for value, times in self._grants.items() if times[1] > now}

    def _tell(self) -> None:
        for observer in self.observers:
            try:
                observer()
            except Exception:  # an observer's own trouble must not keep a revocation from being believed
                _log.exception("an observer of revocations failed")
