"""A sample of the attacks and of the key server's faults, through FastAPI, Django and Flask."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import pytest

from fault_server import FAULTS, FaultServer
from tests.attacks.catalogue import ATTACKS, Attack, Forged, Forger
from tests.attacks.conftest import FAMILIES
from tokenward import Tokenward
from tokenward import fetch as fetching
from tokenward.testing import Issuer
from tokenward.testing.keys import spare_key

FRAMEWORKS = ["fastapi", "django", "flask"]
SAMPLE = [attack for attack in ATTACKS if not attack.asks_issuer][:: max(1, len(ATTACKS) // 42)][:40]
FAULT_SAMPLE = [fault.name for fault in FAULTS.values() if not fault.usable and not fault.flood][::6]

Ask = Callable[[list[bytes]], Awaitable[tuple[int, dict[str, str], str]]]


def behind(framework: str, auth: Tokenward) -> Ask:
    """An application of this framework with one private route, which answers with the caller's subject."""
    return {"fastapi": in_fastapi, "django": in_django, "flask": in_flask}[framework](auth)


def in_fastapi(auth: Tokenward) -> Ask:
    from fastapi import FastAPI, Security

    from tokenward import fastapi

    app = FastAPI()
    fastapi.protect(app, auth)

    async def notes(me: Any = Security(fastapi.caller)) -> str:  # noqa: B008 - how FastAPI takes a dependency of a local function
        return str(me.subject)

    app.add_api_route("/notes", notes)

    async def ask(values: list[bytes]) -> tuple[int, dict[str, str], str]:
        transport = httpx.ASGITransport(app, raise_app_exceptions=True)
        async with httpx.AsyncClient(transport=transport, base_url="http://app.test") as client:
            answer = await client.get("/notes", headers=[(b"authorization", value) for value in values])
            return answer.status_code, dict(answer.headers), answer.text

    return ask


def in_flask(auth: Tokenward) -> Ask:
    from flask import Flask, g

    from tokenward.flask import Bearer

    app = Flask("attacked")
    app.testing = True  # what is raised reaches the test
    bearer = Bearer(auth, app)

    @app.get("/notes")
    @bearer.required
    def notes() -> str:
        return str(g.identity.subject)

    def get(values: list[bytes]) -> tuple[int, dict[str, str], str]:
        answer = app.test_client().get("/notes", environ_overrides=environ(values))
        return answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, answer.text

    return lambda values: asyncio.to_thread(get, values)


def in_django(auth: Tokenward) -> Ask:
    from django.conf import settings
    from django.http import HttpRequest, HttpResponse
    from django.test import Client, override_settings
    from django.urls import path

    from tokenward.django import private

    if not settings.configured:
        settings.configure(
            ALLOWED_HOSTS=["*"],
            ROOT_URLCONF=__name__,
            MIDDLEWARE=["tokenward.django.BearerMiddleware"],
        )

    @private
    def notes(request: HttpRequest) -> HttpResponse:
        return HttpResponse(request.identity.subject)

    sys.modules[__name__].__dict__["urlpatterns"] = [path("notes", notes)]

    def get(values: list[bytes]) -> tuple[int, dict[str, str], str]:
        from django.urls import clear_url_caches

        clear_url_caches()
        with override_settings(TOKENWARD=auth):
            answer = Client().get("/notes", **environ(values))
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return answer.status_code, headers, answer.content.decode()

    return lambda values: asyncio.to_thread(get, values)


def environ(values: list[bytes]) -> dict[str, Any]:
    """As a WSGI server hands the header over: decoded as latin-1, several joined by a comma."""
    return {"HTTP_AUTHORIZATION": b",".join(values).decode("latin-1")} if values else {}


def header_values(forged: Forged) -> list[bytes]:
    return [b"Bearer " + forged.encode("utf-8", "surrogatepass")] if isinstance(forged, str) else forged


@pytest.fixture(scope="module")
def attacked() -> Iterator[tuple[Issuer, dict[str, Ask]]]:
    issuer = Issuer()
    issuer.keys = [spare_key(alg) for alg in FAMILIES]
    issuer.signer = issuer.keys[0]
    with issuer.running() as url:
        made = {
            framework: Tokenward(
                issuer=issuer.url, audience=issuer.audience, jwks_url=url, algorithms=FAMILIES, auth_failures="0"
            )
            for framework in FRAMEWORKS
        }
        yield issuer, {framework: behind(framework, auth) for framework, auth in made.items()}
        for auth in made.values():
            if auth.facade is not None:
                auth.facade.close()


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("attack", SAMPLE, ids=lambda attack: attack.name.encode("ascii", "replace").decode())
async def test_a_forged_token_is_refused_by_every_framework(
    attack: Attack, framework: str, attacked: tuple[Issuer, dict[str, Ask]]
) -> None:
    issuer, apps = attacked
    forged = attack.forge(Forger(issuer))
    values = header_values(forged)
    status, headers, text = await apps[framework](values)
    # A WSGI server joins two headers by a comma, so one that holds a comma counts as two there.
    assert status in ({attack.status, 400} if any(b"," in value for value in values) else {attack.status}), text
    assert "victim" not in text + str(headers)
    assert "www-authenticate" in headers
    good = issuer.token("attacker", nonce=time.monotonic())
    assert (await apps[framework]([b"Bearer " + good.encode()]))[0] == 200, "and the next caller notices nothing"


def test_the_sample_has_forty_rows() -> None:
    assert len(SAMPLE) == 40
    assert len(FAULT_SAMPLE) >= 6


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("fault", FAULT_SAMPLE)
async def test_a_key_server_at_fault_is_503_and_no_bad_token(
    fault: str, framework: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "TIMEOUT", 0.5)
    server = FaultServer(Issuer())
    server.fault = fault
    async with server.serve() as url:
        auth = Tokenward(issuer=server.issuer.url, audience=server.issuer.audience, jwks_url=url)
        ask = behind(framework, auth)
        status, headers, text = await ask([b"Bearer " + server.issuer.token("ada").encode()])
        assert (status, "keys_unavailable" in text) == (503, True)
        assert int(headers["retry-after"]) >= 1
        assert "www-authenticate" not in headers
        if auth.facade is not None:
            await asyncio.to_thread(auth.facade.close)
        else:
            await auth.close()
