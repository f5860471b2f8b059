"""Hostile responses of a key server, on a real socket: each is a failed refresh, bounded in time and memory."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from fault_server import FAULTS, Fault, FaultServer
from tokenward import JwksSource, KeysUnavailable
from tokenward import fetch as fetching
from tokenward.fetch import MAX_BYTES, TIMEOUT, FetchFailed, fetch
from tokenward.testing.clock import FakeClock
from tokenward.testing.issuer import Issuer
from world import Heard

MEBIBYTE = 1024 * 1024


class Scene:
    def __init__(self, server: FaultServer, url: str, http: httpx.AsyncClient) -> None:
        self.server, self.url, self.http = server, url, http
        self.issuer = server.issuer
        self.clock = FakeClock()
        self.events = Heard()
        self.source = JwksSource(url, http, clock=self.clock, events=self.events)
        self.failure: KeysUnavailable

    async def refresh(self) -> bool:
        """Ask now; whether that brought a usable set."""
        self.clock.now += 31  # whatever pause there may be is over
        try:
            await asyncio.wait_for(self.source.refresh(), 10)
        except KeysUnavailable as failure:
            self.failure = failure
            return False
        return True


@pytest_asyncio.fixture
async def scene(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    assert TIMEOUT == 3.0, "an attempt is given three seconds"
    monkeypatch.setattr(fetching, "TIMEOUT", 0.4)
    server = FaultServer(Issuer())
    async with server.serve() as url, httpx.AsyncClient(trust_env=False) as http:
        yield Scene(server, url, http)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=lambda fault: fault.name)
async def test_an_answer_brings_keys_or_is_a_failed_refresh_that_leaves_the_old_ones(
    fault: Fault, scene: Scene
) -> None:
    assert await scene.refresh()
    before = scene.source.known(scene.issuer.signer.kid)
    assert before is not None

    scene.server.fault = fault.name
    began = time.monotonic()
    answered = [await scene.refresh() for _ in range(2 if fault.name == "flapping" else 1)]
    assert answered[-1] == fault.usable
    if not fault.usable:
        assert 1 <= scene.failure.retry_after <= 30
    assert time.monotonic() - began < 60
    assert scene.source.known(scene.issuer.signer.kid) is before
    assert scene.source.keys is not None
    assert [key.kid for key in scene.source.keys] == [scene.issuer.signer.kid]

    # And as soon as the server is well, so are we, with a key that appeared meanwhile.
    new = scene.issuer.rotate()
    scene.server.fault = "healthy"
    assert await scene.refresh()
    assert scene.source.known(new.kid) is not None
    assert scene.server.elsewhere == 0, "a redirect was followed"
    assert scene.server.fetches == 2 + len(answered)


@pytest.mark.parametrize("fault", [f for f in FAULTS.values() if not f.usable], ids=lambda fault: fault.name)
async def test_as_the_very_first_answer_it_leaves_no_keys_and_no_doubt(fault: Fault, scene: Scene) -> None:
    scene.server.fault = fault.name
    assert not await scene.refresh()
    assert scene.source.keys is None
    assert scene.events.fetches[-1][0] == "failed"
    detail = scene.events.fetches[-1][1]
    assert detail
    assert "\n" not in detail
    scene.server.fault = "healthy"
    assert await scene.refresh()


@pytest.mark.parametrize("fault", [f for f in FAULTS.values() if f.flood], ids=lambda fault: fault.name)
async def test_a_flood_is_never_held_in_memory(fault: Fault, scene: Scene) -> None:
    assert await scene.refresh()
    scene.server.fault = fault.name
    tracemalloc.start()
    try:
        assert not await scene.refresh()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # What is read, what this process's own server wrote and has not got rid of, and httpx.
    assert peak < 4 * MEBIBYTE, f"{peak / MEBIBYTE:.1f} MiB"


@pytest.mark.parametrize(("size", "fits"), [(MAX_BYTES, True), (MAX_BYTES + 1, False)])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
async def test_exactly_256_kib_are_read_and_one_byte_more_is_not(
    size: int, fits: bool, packed: bool, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gzip

    async def write(server: FaultServer, writer: asyncio.StreamWriter) -> None:
        body = server.body().ljust(size)
        if packed:
            await server.send(writer, gzip.compress(body), content_encoding="gzip")
        else:
            await server.send(writer, body)

    monkeypatch.setitem(FAULTS, "sized", Fault("sized", write, fits, False))
    scene.server.fault = "sized"
    assert await scene.refresh() == fits


async def test_an_attempt_ends_after_its_three_seconds_however_the_server_dawdles(scene: Scene) -> None:
    scene.server.fault = "a byte a while"
    began = time.monotonic()
    with pytest.raises(FetchFailed, match="no answer within"):
        await fetch(scene.http, scene.url)
    assert 0.3 < time.monotonic() - began < 60


async def test_a_refused_connection_is_a_failed_refresh() -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        for url in ("http://127.0.0.1:9/jwks", "http://127.0.0.1:1/jwks", "http://[::1]:9/jwks"):
            with pytest.raises(FetchFailed):
                await fetch(http, url)


async def test_a_closed_client_is_a_failed_refresh_and_not_a_crash() -> None:
    http = httpx.AsyncClient()
    await http.aclose()
    source = JwksSource("http://127.0.0.1:9/jwks", http, clock=FakeClock())
    with pytest.raises(KeysUnavailable):
        await source.refresh()


async def test_the_issuers_cookies_do_not_pile_up_until_nothing_can_be_asked_any_more(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def write(server: FaultServer, writer: asyncio.StreamWriter) -> None:
        await server.send(writer, server.body(), set_cookie=f"c{server.fetches}={'x' * 3000}; Path=/")

    monkeypatch.setitem(FAULTS, "cookies", Fault("cookies", write, True, False))
    scene.server.fault = "cookies"
    for _ in range(40):
        assert await scene.refresh()
