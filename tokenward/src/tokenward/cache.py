"""Tokens that were verified a moment ago, so that they need not be again.

The rules that keep it sound: the key is a digest of the whole token (tokens are not kept), only successes are stored,
the number is bounded, time is checked on every hit, and an entry holds only while the key source still yields the very
key object that verified it. A hit therefore answers what a full verification would.
"""

import hashlib
import threading

from cachetools import LRUCache

from tokenward.identity import Identity
from tokenward.source import KeySource, VerifyingKey


class TokenCache:
    """At most ``size`` identities, the least recently used thrown out first."""

    def __init__(self, size: int = 4096) -> None:
        self._entries: LRUCache[bytes, tuple[Identity, VerifyingKey, KeySource]] = LRUCache(size)
        self._lock = threading.Lock()  # threads of a blocking application share it; 0.05 µs where nobody waits

    def get(self, token: str, now: float) -> Identity | None:
        """Whom this very token was verified for, if it would be again ``now`` (seconds since the epoch)."""
        digest = _digest(token)
        with self._lock:
            try:
                identity, key, source = self._entries[digest]
            except KeyError:
                return None
            if source.known(key.kid) is not key:
                # Its key was removed or replaced, or no key is usable any more: so is every other entry of that key.
                self._entries.clear()
                return None
            if not identity.valid_from <= now < identity.valid_until:
                del self._entries[digest]
                return None
            return identity

    def put(self, token: str, identity: Identity, key: VerifyingKey, source: KeySource) -> None:
        """Keep ``identity`` for this token for as long as ``source`` yields ``key``."""
        digest = _digest(token)
        with self._lock:
            self._entries[digest] = (identity, key, source)

    def clear(self) -> None:
        """Forget everything, with a new lock: in a forked child the old one may be held by a thread that is gone."""
        self._lock = threading.Lock()
        self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
