"""The store of used proofs, so that none is accepted twice: its protocol, and a store in memory."""

import heapq
import threading
from typing import Protocol

from tokenward.clock import Clock

SIZE = 500_000
_PRUNED_AT_ONCE = 16


class Replays(Protocol):
    """A store of used proofs: ``MemoryReplays``, or one that processes share."""

    async def first_use(self, key: bytes, seconds: float) -> bool:
        """True for exactly one call with this key (16 bytes) within ``seconds``, however many come at once.

        Raises any error if that cannot be told. Then the proof is not accepted.
        """

    async def close(self) -> None: ...

    def forked(self) -> None:
        """Called in a forked child, which must not use its parent's connections and locks."""


class Full(Exception):
    """The store is full. Proofs are refused (503) until older ones have expired."""


class MemoryReplays:
    """Used proofs of this process, at most ``size`` of them (about 170 bytes each).

    Another process does not know them: within its time a copied proof can be used once in each, and again after a
    restart. Nothing is forgotten early: a full store raises Full.
    """

    def __init__(self, size: int = SIZE, *, clock: Clock | None = None) -> None:
        self._size = size
        self._clock = clock or Clock()
        self._keys: set[bytes] = set()
        self._ends: list[tuple[float, bytes]] = []  # a heap
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._keys)

    def claim(self, key: bytes, seconds: float) -> bool:
        """``first_use`` for threads; it never waits."""
        now = self._clock.monotonic()
        with self._lock:
            for _ in range(_PRUNED_AT_ONCE):  # a few with each call, so that no call has to walk over all of them
                if not self._ends or self._ends[0][0] > now:
                    break
                self._keys.discard(heapq.heappop(self._ends)[1])
            if key in self._keys:
                return False
            if len(self._keys) >= self._size:
                raise Full(f"{self._size} used proofs are remembered already")
            self._keys.add(key)
            heapq.heappush(self._ends, (now + seconds, key))
            return True

    async def first_use(self, key: bytes, seconds: float) -> bool:
        return self.claim(key, seconds)

    async def close(self) -> None:
        """Nothing to close."""

    def forked(self) -> None:
        """A new lock for a forked child: the old one may be held by a thread that stayed in the parent."""
        self._lock = threading.Lock()
