"""Nonces of the server, which keep clients from making proofs in advance (RFC 9449 §8 and §9)."""

import hmac
import secrets


class Nonces:
    """A nonce that changes every ``seconds`` and is accepted for twice that time. Nothing is stored.

    Processes that serve the same clients need the same ``secret`` of at least 32 bytes. Without one it is random, and
    other processes do not know the nonces of this one. Raises ValueError.
    """

    def __init__(self, secret: bytes | None = None, *, seconds: float = 300) -> None:
        if secret is not None and len(secret) < 32:
            raise ValueError("the secret of nonces must have at least 32 bytes")
        if not 1 <= seconds <= 86_400:
            raise ValueError("a nonce lasts from 1 to 86400 seconds")
        self._secret = secret or secrets.token_bytes(32)
        self._seconds = seconds

    def issue(self, now: float) -> str:
        """The nonce of this moment; ``now`` in seconds since the epoch."""
        return self._of(int(now // self._seconds))

    def holds(self, nonce: object, now: float) -> bool:
        """Whether this is the current nonce, the one before, or the next one (of a process whose clock is ahead)."""
        if not isinstance(nonce, str):
            return False
        current = int(now // self._seconds)
        given = nonce.encode("utf-8", "surrogatepass")
        return any(hmac.compare_digest(given, self._of(current + step).encode()) for step in (0, -1, 1))

    def _of(self, number: int) -> str:
        return hmac.digest(self._secret, b"dpop nonce %d" % number, "sha256").hex()[:32]
