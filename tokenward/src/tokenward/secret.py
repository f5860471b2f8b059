"""The alternative to a key set: HS256 with one shared secret (RFC 7518 §3.2)."""

import hmac
import re

from tokenward.jws import Jws

MIN_SECRET_BYTES = 32

_KEY_FILE = re.compile(r'-----BEGIN|"kty"\s*:|^\s*(?:ssh|ecdsa)-\S+ ')


class _SecretKey:
    kid = ""
    algorithms = frozenset({"HS256"})

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def verifies(self, signing_input: bytes, signature: bytes) -> bool:
        return hmac.compare_digest(hmac.digest(self._secret, signing_input, "sha256"), signature)


class SecretSource:
    """One key for every token; ``kid`` is ignored.

    It fetches no keys, and a JwksSource has no HMAC keys. Therefore a public key can never be used as a secret
    (RFC 8725 §2.1). Raises ValueError for a secret that ``check_secret`` refuses.
    """

    def __init__(self, secret: str) -> None:
        check_secret(secret)
        self._key = _SecretKey(secret.encode("utf-8", "surrogateescape"))

    @property
    def has_keys(self) -> bool:
        return True

    def known(self, kid: str) -> _SecretKey | None:
        return self._key

    async def find(self, token: Jws) -> _SecretKey:
        return self._key

    async def start(self) -> None:
        """Nothing to start."""

    async def close(self) -> None:
        """Nothing to close."""


def check_secret(secret: str) -> None:
    """Raises ValueError for a secret that is too short or a key file. The text does not repeat the secret.

    With a public key file as the secret, everybody who has that public key could sign tokens (RFC 7518 §3.2, RFC 8725
    §2.1).
    """
    if len(secret.encode("utf-8", "surrogateescape")) < MIN_SECRET_BYTES:
        raise ValueError(
            f"must be at least {MIN_SECRET_BYTES} bytes, for example the output of: openssl rand -base64 48"
        )
    if _KEY_FILE.search(secret):
        raise ValueError("is a key file and no shared secret: public keys belong in the key set")
