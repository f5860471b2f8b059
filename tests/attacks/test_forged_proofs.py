"""Bound tokens in the hands of a thief, every row against the whole service: refused, silent, harmless to the next."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import pytest_asyncio
from asgi_lifespan import LifespanManager
from structlog.testing import capture_logs

from taskward.app import create_app
from tests.attacks.proofs import HOST, MISUSES, PATH, URL, Misuse, Thief
from tests.support.application import settings_for
from tests.support.postgres import Databases
from tokenward.keyset import Key
from tokenward.testing import Issuer

PHRASE = re.compile(
    r'(Bearer, )?(Bearer|DPoP) error="(invalid_token|invalid_dpop_proof)", error_description="[A-Za-z ]+"'
    r'(, DPoP)?,? algs="[A-Za-z0-9 ]+"'
)


class Scene:
    """The service with DPOP=accept or require, a thief, and what the service did."""

    def __init__(self) -> None:
        self.issuer = Issuer()
        self.thief = Thief(self.issuer)
        self.outbound: list[str] = []
        self.verifications = 0
        self.client: Any = None

    async def fetch(self, request: httpx.Request) -> httpx.Response:
        self.outbound.append(str(request.url))
        return await self.issuer.respond(request)


@asynccontextmanager
async def scene_of(databases: Databases, template: str, mode: str) -> AsyncIterator[Scene]:
    scene, url = Scene(), await databases.create(template)
    verifies = Key.verifies

    def counted(key: Key, signing_input: bytes, signature: bytes) -> bool:
        scene.verifications += 1
        return verifies(key, signing_input, signature)

    Key.verifies = counted  # type: ignore[method-assign]  # counted, not replaced: nothing is stubbed
    try:
        http = httpx.AsyncClient(transport=httpx.MockTransport(scene.fetch))
        settings = settings_for(scene.issuer, url, auth_failures="0", dpop=mode)
        async with LifespanManager(create_app(settings, http=http), startup_timeout=60) as manager:
            transport = httpx.ASGITransport(manager.app, raise_app_exceptions=True)
            async with httpx.AsyncClient(transport=transport, base_url=HOST) as scene.client:
                yield scene
    finally:
        Key.verifies = verifies  # type: ignore[method-assign]  # as it was
        await databases.drop(url)


@pytest_asyncio.fixture(scope="module", params=["accept", "require"])
async def scene(request: Any, databases: Databases, migrated_template: str) -> AsyncIterator[Scene]:
    async with scene_of(databases, migrated_template, request.param) as made:
        yield made


@pytest.fixture(scope="module")
def tally() -> dict[str, int]:
    return {"misuses": 0, "accepted": 0, "not_refused_as_they_should_be": 0}


@pytest.mark.parametrize("misuse", MISUSES, ids=lambda misuse: misuse.name.encode("ascii", "replace").decode())
async def test_a_bound_token_is_worthless_without_its_key(
    misuse: Misuse,
    scene: Scene,
    caplog: pytest.LogCaptureFixture,
    tally: dict[str, int],
    reliability: Callable[..., None],
) -> None:
    caplog.set_level(logging.DEBUG)
    headers = misuse.forge(scene.thief)
    verifications, outbound = scene.verifications, len(scene.outbound)
    raw = [(name.encode(), value.encode("utf-8", "surrogatepass")) for name, value in headers]
    with capture_logs() as logs:
        refused = await scene.client.get(PATH, headers=raw)
    tally["misuses"] += 1
    tally["accepted"] += refused.status_code < 400
    tally["not_refused_as_they_should_be"] += refused.status_code != 401
    reliability("RFC 9449, bound tokens", **tally)

    assert (refused.status_code, refused.json()["code"]) == (401, misuse.code)
    challenge = refused.headers["www-authenticate"]
    assert PHRASE.fullmatch(challenge) or misuse.code == "missing_token", challenge
    assert "victim" not in refused.text + str(refused.headers)
    assert scene.outbound[outbound:] == [] or len(scene.outbound) <= 1, "nobody is asked but the issuer, once"
    assert scene.verifications - verifications <= 2, "one for the token, one for the proof"
    lines = [str(entry) for entry in logs] + [record.getMessage() for record in caplog.records]
    assert not any(entry.get("exc_info") or entry.get("log_level") in ("error", "critical") for entry in logs)
    for _, value in headers:
        for segment in re.split(r"[. ,]", value):
            if len(segment) >= 24:
                assert not any(segment[:24] in line for line in lines)
    # And the victim notices nothing.
    victim = scene.thief.victim
    good = await scene.client.get(PATH, headers=victim.headers(scene.thief.token, "GET", URL))
    assert good.status_code == 200, good.text


async def test_a_proof_that_was_seen_is_used_by_fifty_at_once_and_one_passes(scene: Scene) -> None:
    headers = scene.thief.victim.headers(scene.thief.token, "GET", URL)
    answers = await asyncio.gather(*(scene.client.get(PATH, headers=headers) for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 49
    assert (await scene.client.get(PATH, headers=headers)).status_code == 401


def test_the_catalogue_names_each_misuse_once_and_where_it_is_written_down() -> None:
    assert len({misuse.name for misuse in MISUSES}) == len(MISUSES) >= 150
    assert all(re.fullmatch(r"RFC \d{4} §[\d.]+", misuse.reference) for misuse in MISUSES)
