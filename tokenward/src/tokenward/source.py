"""The interface of key sources."""

from typing import Protocol

from tokenward.jws import Jws


class VerifyingKey(Protocol):
    """A key and the algorithms that it verifies."""

    @property
    def kid(self) -> str: ...

    @property
    def algorithms(self) -> frozenset[str]: ...

    def verifies(self, signing_input: bytes, signature: bytes) -> bool: ...


class KeySource(Protocol):
    """Implemented by JwksSource and SecretSource."""

    @property
    def has_keys(self) -> bool:
        """Whether there is a usable key set."""

    def known(self, kid: str) -> VerifyingKey | None:
        """The key, if it is usable now without waiting, or None. An unchanged key is the same object."""

    async def find(self, token: Jws) -> VerifyingKey:
        """The key of this token, fetched from the issuer if needed. Raises InvalidToken or KeysUnavailable."""

    async def start(self) -> None: ...

    async def close(self) -> None: ...
