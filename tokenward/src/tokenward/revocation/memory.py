"""Revocations held in memory, so that a request is judged by one or two look-ups."""

import logging
import math
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import Any

from tokenward.clock import Clock
from tokenward.identity import Identity
from tokenward.revocation.protocol import Kind, Revocation

PRUNE_EVERY = 60.0  # seconds
MAX_ENTRIES = 1_000_000

Name = str | tuple[str, str]
Times = tuple[float, float]  # not_before, expires_at

_log = logging.getLogger("tokenward")


class TooMany(Exception):
    """There are more revocations than may be held."""


class MemoryRevocations:
    """A set of revocations. On its own it is always complete: its ``lag`` is 0.

    ``observers`` are called after every change; open streams use it to end at once. The set never grows beyond
    ``max_entries``: more cannot be held, and forgetting some would bring their tokens back.
    """

    def __init__(self, *, max_lag: float = 5, clock: Clock | None = None, max_entries: int = MAX_ENTRIES) -> None:
        self.max_lag = max_lag
        self.max_entries = max_entries
        self.observers: list[Callable[[], None]] = []
        self._clock = clock or Clock()
        # By value, and by (issuer, value) where a revocation means the tokens of one issuer only.
        self._sessions: dict[Name, float] = {}  # expires_at
        self._subjects: dict[Name, Times] = {}
        self._grants: dict[Name, Times] = {}  # the value is sub and client_id
        self._scoped = False  # whether there ever was one that means the tokens of one issuer only
        self._pruned_at = self._clock.wall()
        self._looked_at = (-math.inf, -math.inf)  # monotonic and wall
        self._locks: dict[int, threading.Lock] = {}  # by process

    def _writing(self) -> threading.Lock:
        """The lock of the threads that write; a look needs none.

        A forked child has one of its own: the thread that holds its parent's may not exist there.
        """
        return self._locks.setdefault(os.getpid(), threading.Lock())

    def _now(self) -> tuple[float, float]:
        return self._clock.monotonic(), self._clock.wall()

    def since_look(self) -> float:
        """Seconds since the last complete look at the source, by the clock that says more.

        The monotonic clock stands still while a machine sleeps or is paused; the wall clock may be set back.
        """
        clock, (monotonic, wall) = self._clock, self._looked_at
        stood, passed = clock.monotonic() - monotonic, clock.wall() - wall
        return stood if stood > passed else passed  # every request asks: max() takes twice the time

    @property
    def lag(self) -> float:
        return 0.0

    @property
    def problem(self) -> str | None:
        """What keeps revocations from arriving, in words for an operator, or None."""
        return None

    def __len__(self) -> int:
        return len(self._sessions) + len(self._subjects) + len(self._grants)

    def is_revoked(self, identity: Identity[Any]) -> bool:
        if not (self._scoped or self._grants or identity.subject in self._subjects):  # as for nearly every request
            session = identity.payload.get("sid")
            return isinstance(session, str) and session in self._sessions
        return self.revoked_by(identity) is not None

    def revoked_by(self, identity: Identity[Any]) -> Revocation | None:
        """The revocation that ends this token, or None."""
        payload, issuer = identity.payload, identity.issuer
        session = payload.get("sid")
        if isinstance(session, str):  # a list or an object could not even be looked up
            if (ends := self._sessions.get(session)) is not None:  # one look, because another thread may remove it
                return Revocation("sid", session, math.inf, ends)
            if (ends := self._sessions.get((issuer, session))) is not None:
                return Revocation("sid", session, math.inf, ends, issuer)
        if self._subjects and (found := _ended("sub", self._subjects, issuer, identity.subject, payload["iat"])):
            return found
        if self._grants:
            value = f"{identity.subject} {payload.get('client_id') or payload.get('azp')}"
            return _ended("grant", self._grants, issuer, value, payload["iat"])
        return None

    def add(self, revocations: Iterable[Revocation]) -> None:
        """Add revocations. One that is known already is kept with the later of both times. Raises TooMany."""
        added, writing = False, self._writing()
        try:
            for revocation in revocations:
                with writing:  # not around the loop: what the caller gives may do anything
                    added = self._add(revocation) or added
        finally:
            self._settle(added)

    def add_many(
        self, kind: Kind, values: Sequence[str], expires_at: Sequence[float], not_before: Iterable[float] = ()
    ) -> None:
        """The same for many of one kind, given as columns; sessions, which have no ``not_before``, all at once."""
        if kind == "sid":
            fresh = dict(zip(values, expires_at, strict=True))
            with self._writing():
                room = len(self) + len(fresh) <= self.max_entries
                fits = room and len(fresh) == len(values) and self._sessions.keys().isdisjoint(fresh)
                if fits:
                    self._sessions.update(fresh)
            if fits:
                self._settle(bool(fresh))
                return
            not_before = repeat(math.inf)
        self.add(map(Revocation, repeat(kind), values, not_before, expires_at))

    def _empty(self) -> "MemoryRevocations":
        """A set to be filled, and then to be held in place of this one's entries."""
        return MemoryRevocations(clock=self._clock, max_entries=self.max_entries)

    def _put(self, fresh: "MemoryRevocations") -> None:
        """Hold these entries and no others."""
        # Put in place complete, because threads of a blocking application look while this runs.
        with self._writing():
            before = self._sessions, self._subjects, self._grants
            self._scoped = self._scoped or fresh._scoped
            self._sessions, self._subjects, self._grants = fresh._sessions, fresh._subjects, fresh._grants
            changed = before != (self._sessions, self._subjects, self._grants)
        if changed:
            self._tell()

    async def revoke(self, revocations: Iterable[Revocation]) -> None:
        """End tokens from here on, as a receiver of logout tokens does. Raises TooMany."""
        self.add(revocations)

    async def start(self) -> None:
        """Nothing to start."""

    async def close(self) -> None:
        """Nothing to close."""

    def _add(self, one: Revocation) -> bool:
        name: Name = (one.issuer, one.value) if one.issuer else one.value
        self._scoped = self._scoped or bool(one.issuer)
        if one.kind == "sid":
            known = self._sessions.get(name)
            if known is None:
                self._make_room()
            self._sessions[name] = max(known or 0, one.expires_at)
            return known is None
        before = self._dated(one.kind).get(name)
        if before is None:
            self._make_room()
        earlier, ends = before or (0.0, 0.0)
        now = max(earlier, one.not_before), max(ends, one.expires_at)
        self._dated(one.kind)[name] = now
        return now != before

    def _settle(self, added: bool) -> None:
        now = self._clock.wall()
        if now - self._pruned_at >= PRUNE_EVERY:
            with self._writing():
                self._prune(now)
        if added:
            self._tell()

    def _dated(self, kind: Kind) -> dict[Name, Times]:
        return self._subjects if kind == "sub" else self._grants

    def _make_room(self) -> None:
        if len(self) >= self.max_entries:
            now = self._clock.wall()
            if now - self._pruned_at >= 1:  # a flood must not make every addition go through all of them
                self._prune(now)
            if len(self) >= self.max_entries:
                raise TooMany(f"more than {self.max_entries} revocations")

    def _prune(self, now: float) -> None:
        self._pruned_at = now
        self._sessions = {name: ends for name, ends in self._sessions.items() if ends > now}
        self._subjects = {name: times for name, times in self._subjects.items() if times[1] > now}
        self._grants = {name: times for name, times in self._grants.items() if times[1] > now}

    def _tell(self) -> None:
        for observer in self.observers:
            try:
                observer()
            except Exception:  # an observer that fails must not stop a revocation
                _log.exception("an observer of revocations failed")


def _ended(kind: Kind, held: dict[Name, Times], issuer: str, value: str, issued_at: float) -> Revocation | None:
    for name in (value, (issuer, value)):
        times = held.get(name)
        if times is not None and issued_at < times[0]:
            return Revocation(kind, value, *times, issuer if name != value else "")
    return None
