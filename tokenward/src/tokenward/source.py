"""What the authenticator asks of a place where keys come from."""

from typing import Protocol

from tokenward.jws import Jws


class VerifyingKey(Protocol):
    """A key bound to the algorithms it answers to."""

    @property
    def kid(self) -> str: ...

    @property
    def algorithms(self) -> frozenset[str]: ...

    def verifies(self, signing_input: bytes, signature: bytes) -> bool: ...


class KeySource(Protocol):
    """Two of them exist: JwksSource and SecretSource."""

    @property
    def has_keys(self) -> bool:
        """Whether there is a key set to look a key up in."""

    def known(self, kid: str) -> VerifyingKey | None:
        """The key, if it can be used right now without waiting. An unchanged key is always the same object."""

    async def find(self, token: Jws) -> VerifyingKey:
        """The key of this token, asking the issuer if need be. Raises InvalidToken or KeysUnavailable."""

    async def start(self) -> None: ...

    async def close(self) -> None: ...
