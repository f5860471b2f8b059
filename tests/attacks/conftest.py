"""The service under attack: the real application with a key of each family, and everything it does counted."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest_asyncio
from asgi_lifespan import LifespanManager

from taskward.app import create_app
from tests.attacks.catalogue import Forged, Forger
from tests.support.application import settings_for
from tests.support.postgres import Databases
from tokenward.keyset import Key
from tokenward.testing import Issuer
from tokenward.testing.clock import FakeClock, settle
from tokenward.testing.keys import spare_key

FAMILIES = ("EdDSA", "RS256", "PS256", "ES256")


class Target:
    """The application, and a count of everything an attack might make it do."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.issuer = Issuer(clock=self.clock.wall)
        self.issuer.keys = [spare_key(alg) for alg in FAMILIES]
        self.issuer.signer = self.issuer.keys[0]
        self.forger = Forger(self.issuer)
        self.outbound: list[str] = []
        self.verifications = 0
        self.client: Any = None

    async def fetch(self, request: httpx.Request) -> httpx.Response:
        self.outbound.append(f"{request.method} {request.url}")
        return await self.issuer.respond(request)

    async def attack(self, forged: Forged) -> httpx.Response:
        """Send it, while time stands still unless the service waits for a key."""
        values = [b"Bearer " + forged.encode("utf-8", "surrogatepass")] if isinstance(forged, str) else forged
        asking = asyncio.create_task(
            self.client.get("/api/me/tasks/counts", headers=[("authorization", value) for value in values])
        )
        await settle()
        for _ in range(4):
            if not asking.done():
                await self.clock.advance(0.5)
        return await asyncio.wait_for(asking, 10)

    async def genuine(self) -> httpx.Response:
        token = self.issuer.token("attacker", key=self.forger.ed, nonce=len(self.outbound))
        return await self.client.get("/api/me/tasks/counts", headers={"authorization": f"Bearer {token}"})


@pytest_asyncio.fixture(scope="module")
async def target(databases: Databases, migrated_template: str) -> AsyncIterator[Target]:
    """One for all attacks: whatever one of them breaks, the next good token shows."""
    made = Target()
    url = await databases.create(migrated_template)
    # Every algorithm there is, so that an attack has the most to choose from; no throttle, so that each is judged.
    settings = settings_for(made.issuer, url, jwt_algorithms=",".join(FAMILIES), auth_failures="0")
    verifies = Key.verifies

    def counted(key: Key, signing_input: bytes, signature: bytes) -> bool:
        made.verifications += 1
        return verifies(key, signing_input, signature)

    Key.verifies = counted  # type: ignore[method-assign]  # counted, not replaced: nothing is stubbed
    try:
        http = httpx.AsyncClient(transport=httpx.MockTransport(made.fetch))
        async with LifespanManager(create_app(settings, http=http, clock=made.clock)) as manager:
            transport = httpx.ASGITransport(manager.app, raise_app_exceptions=True)
            async with httpx.AsyncClient(transport=transport, base_url="http://taskward.test") as made.client:
                await made.clock.advance(5)
                gc.collect()
                gc.freeze()  # else the processor time of some attack is that of a walk over all that pytest has made
                yield made
                gc.unfreeze()
    finally:
        Key.verifies = verifies  # type: ignore[method-assign]  # as it was
        await databases.drop(url)


def pytest_addoption(parser: Any) -> None:
    parser.addoption("--wycheproof", metavar="FOLDER", help="testvectors_v1 of github.com/C2SP/wycheproof")
