"""The alternative to a key set: HS256 with one shared secret (RFC 7518 §3.2)."""

import hmac

from taskward.auth.jws import Jws

MIN_SECRET_BYTES = 32


class _SecretKey:
    kid = ""
    algorithms = frozenset({"HS256"})

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def verifies(self, signing_input: bytes, signature: bytes) -> bool:
        return hmac.compare_digest(hmac.digest(self._secret, signing_input, "sha256"), signature)


class SecretSource:
    """One key for every token, whatever its ``kid`` says.

    It never reads a key from anywhere, and a JwksSource never yields an HMAC key: a public key can therefore not be
    taken for a secret (RFC 8725 §2.1). Raises ValueError for a secret under 32 bytes (RFC 7518 §3.2).
    """

    def __init__(self, secret: str) -> None:
        encoded = secret.encode()
        if len(encoded) < MIN_SECRET_BYTES:
            raise ValueError(f"the shared secret is shorter than {MIN_SECRET_BYTES} bytes")
        self._key = _SecretKey(encoded)

    def known(self, kid: str) -> _SecretKey | None:
        return self._key

    async def find(self, token: Jws) -> _SecretKey:
        return self._key

    async def start(self) -> None:
        """Nothing to start."""

    async def close(self) -> None:
        """Nothing to close."""
