"""An authenticator that asks for proofs, and clients that hold keys."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tokenward import AuthError
from tokenward.authenticator import Authenticator
from tokenward.dpop import Dpop, MemoryReplays
from tokenward.testing import Holder, Issuer
from world import World, world

URL = "https://api.example/notes"
HOLDERS = {alg: Holder(alg) for alg in ("ES256", "ES384", "ES512", "EdDSA", "Ed25519", "RS256", "PS256", "PS512")}
HOLDER = HOLDERS["ES256"]
OTHER = Holder("ES256")
NOW = 1_800_000_000
"""When a world begins."""


def request(method: str = "GET", path: str = "/notes", **changes: Any) -> dict[str, Any]:
    """An ASGI scope."""
    raw = path.encode()
    scope = {"type": "http", "method": method, "scheme": "https", "path": path.partition("?")[0], "raw_path": raw}
    return {**scope, "headers": [(b"host", b"api.example")], **changes}


class Guarded:
    """A world whose authenticator asks for proofs."""

    def __init__(self, inner: World, dpop: Dpop) -> None:
        self.world, self.dpop = inner, dpop
        self.authenticator = Authenticator(
            inner.source,
            inner.verifier,
            cache=inner.cache,
            throttle=inner.throttle,
            events=inner.events,
            clock=inner.clock,
            dpop=dpop,
        )
        for holder in HOLDERS.values():
            holder.clock = inner.clock.wall

    def token(self, holder: Holder = HOLDER, **claims: Any) -> str:
        return self.world.issuer.token("ada", **{"cnf": holder.cnf, **claims})

    async def ask(self, headers: list[tuple[str, str]] | dict[str, str], scope: Mapping[str, Any] | None = None) -> str:
        """The caller's subject. Raises one of the AuthError tree."""
        pairs = headers.items() if isinstance(headers, dict) else headers
        raw = [(name.lower().encode(), value.encode("utf-8", "surrogatepass")) for name, value in pairs]
        identity = await self.authenticator.authenticate(raw, "192.0.2.1", scope or request())
        return identity.subject

    async def refusal(self, headers: Any, scope: Mapping[str, Any] | None = None) -> AuthError:
        with pytest.raises(AuthError) as caught:
            await self.ask(headers, scope)
        return caught.value


@asynccontextmanager
async def guarded(issuer: Issuer | None = None, *, limit: str = "0", **options: Any) -> AsyncIterator[Guarded]:
    async with world(issuer=issuer, limit=limit) as inner:
        options.setdefault("replays", MemoryReplays(clock=inner.clock))
        yield Guarded(inner, Dpop(**options))
