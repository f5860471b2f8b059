"""Bound tokens through every integration: each asks one place, and hands it what a proof is made for."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

import httpx
import pytest

from tokenward import Tokenward
from tokenward.testing import Holder, Issuer

MOUNTED = frozenset({"fastapi below another", "starlette"})
"""Their application stands below ``/v1``."""
Ask = Callable[[str, Mapping[str, str]], Awaitable[tuple[int, dict[str, str], str]]]


def asgi(app: Any, path: str = "/notes") -> Ask:
    async def ask(method: str, headers: Mapping[str, str]) -> tuple[int, dict[str, str], str]:
        transport = httpx.ASGITransport(app, raise_app_exceptions=True)
        async with httpx.AsyncClient(transport=transport, base_url="http://app.test") as client:
            answer = await client.request(method, f"{path}?page=2", headers=headers)
            return answer.status_code, dict(answer.headers), answer.text.strip('"')

    return ask


def in_fastapi(auth: Tokenward) -> Ask:
    from fastapi import FastAPI, Security

    from tokenward import fastapi

    app = FastAPI()
    fastapi.protect(app, auth)

    async def notes(me: Any = Security(fastapi.caller)) -> str:  # noqa: B008 - how FastAPI takes a dependency of a local function
        return str(me.subject)

    app.add_api_route("/notes", notes, methods=["GET", "POST"])
    return asgi(app)


def in_fastapi_mounted(auth: Tokenward) -> Ask:
    from fastapi import FastAPI, Security

    from tokenward import fastapi

    inner, outer = FastAPI(), FastAPI()
    fastapi.protect(inner, auth)

    async def notes(me: Any = Security(fastapi.caller)) -> str:  # noqa: B008 - as above
        return str(me.subject)

    inner.add_api_route("/notes", notes, methods=["GET", "POST"])
    outer.mount("/v1", inner)
    return asgi(outer, "/v1/notes")


def in_starlette(auth: Tokenward) -> Ask:
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.authentication import AuthenticationMiddleware
    from starlette.requests import Request
    from starlette.responses import PlainTextResponse
    from starlette.routing import Mount, Route

    from tokenward import AuthError
    from tokenward.starlette import BearerBackend, on_auth_error

    async def notes(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.user.subject)

    guarded = Mount(
        "/v1",
        routes=[Route("/notes", notes, methods=["GET", "POST"])],
        middleware=[Middleware(AuthenticationMiddleware, backend=BearerBackend(auth))],
    )
    app = Starlette(routes=[guarded], exception_handlers={AuthError: on_auth_error})  # type: ignore[dict-item]  # Starlette takes an ASGI application for an answer
    return asgi(app, "/v1/notes")


def in_asgi(auth: Tokenward) -> Ask:
    from tokenward import BearerMiddleware

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["user"].subject.encode()})

    return asgi(BearerMiddleware(app, auth))


def in_litestar(auth: Tokenward) -> Ask:
    from litestar import Litestar, Request, route

    from tokenward.litestar import TokenwardPlugin

    @route("/notes", http_method=["GET", "POST"], status_code=200, media_type="text/plain")
    async def notes(request: Request[Any, Any, Any]) -> str:
        return str(request.user.subject)

    return asgi(Litestar([notes], plugins=[TokenwardPlugin(auth)]))


def in_flask(auth: Tokenward) -> Ask:
    from flask import Flask, g

    from tokenward.flask import Bearer

    app = Flask("bound")
    app.testing = True
    bearer = Bearer(auth, app)

    @app.route("/notes", methods=["GET", "POST"])
    @bearer.required
    def notes() -> str:
        return str(g.identity.subject)

    def ask(method: str, headers: Mapping[str, str]) -> tuple[int, dict[str, str], str]:
        answer = app.test_client().open(
            "/notes?page=2", method=method, headers=dict(headers), base_url="http://app.test"
        )
        return answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, answer.text

    return lambda method, headers: asyncio.to_thread(ask, method, headers)


def _django(auth: Tokenward, view: Any) -> Ask:
    from django.conf import settings
    from django.test import Client, override_settings
    from django.urls import clear_url_caches, path

    if not settings.configured:
        settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, MIDDLEWARE=["tokenward.django.BearerMiddleware"])

    def ask(method: str, headers: Mapping[str, str]) -> tuple[int, dict[str, str], str]:
        sys.modules[__name__].__dict__["urlpatterns"] = [path("notes", view)]
        clear_url_caches()
        with override_settings(TOKENWARD=auth, ROOT_URLCONF=__name__):
            answer = Client(SERVER_NAME="app.test").generic(method, "/notes?page=2", headers=dict(headers))
        found = {name.lower(): value for name, value in answer.headers.items()}
        return answer.status_code, found, answer.content.decode()

    return lambda method, headers: asyncio.to_thread(ask, method, headers)


def in_django(auth: Tokenward) -> Ask:
    from django.http import HttpRequest, HttpResponse

    from tokenward.django import private

    @private
    def notes(request: HttpRequest) -> HttpResponse:
        return HttpResponse(request.identity.subject)  # type: ignore[attr-defined]  # what the middleware puts there

    return _django(auth, notes)


FRAMEWORKS: dict[str, Callable[[Tokenward], Ask]] = {
    "fastapi": in_fastapi,
    "fastapi below another": in_fastapi_mounted,
    "starlette": in_starlette,
    "asgi": in_asgi,
    "litestar": in_litestar,
    "flask": in_flask,
    "django": in_django,
}


@pytest.fixture(scope="module")
def issuer() -> Iterator[tuple[Issuer, str]]:
    made = Issuer()
    with made.running() as url:
        yield made, url


@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_a_bound_token_needs_a_proof_for_this_request_in_every_framework(
    framework: str, issuer: tuple[Issuer, str]
) -> None:
    made, jwks_url = issuer
    auth = Tokenward(issuer=made.url, audience=made.audience, jwks_url=jwks_url, auth_failures="0", dpop="accept")
    ask, url = FRAMEWORKS[framework](auth), url_in(framework)
    holder, thief = Holder(), Holder()
    token = made.token("ada", cnf=holder.cnf)
    for method in ("GET", "POST", "GET"):
        answer = await ask(method, holder.headers(token, method, url))
        assert (answer[0], answer[2]) == (200, "ada"), answer
    assert (await ask("GET", {"Authorization": f"Bearer {made.token('ada')}"}))[0] == 200

    used = holder.headers(token, "GET", url)
    assert (await ask("GET", used))[0] == 200
    refused = {
        "used": used,
        "of another method": holder.headers(token, "POST", url),
        "of another URL": holder.headers(token, "GET", "http://app.test/other"),
        "of another host": holder.headers(token, "GET", "http://other.test/notes"),
        "of another scheme": holder.headers(token, "GET", "https://app.test/notes"),
        "of another key": thief.headers(token, "GET", url),
        "missing": {"Authorization": f"DPoP {token}"},
    }
    for what, headers in refused.items():
        status, answered, text = await ask("GET", headers)
        assert status == 401, (what, text)
        assert 'DPoP error="invalid_dpop_proof"' in answered["www-authenticate"], what
        assert "algs=" in answered["www-authenticate"]
    status, answered, _ = await ask("GET", {"Authorization": f"Bearer {token}"})
    assert (status, answered["www-authenticate"].split(",")[0]) == (401, 'Bearer error="invalid_token"')
    status, answered, _ = await ask("GET", {})
    assert (status, answered["www-authenticate"].startswith("Bearer, DPoP algs=")) == (401, True)
    await closed(auth)


@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_of_fifty_requests_with_one_proof_exactly_one_passes_in_every_framework(
    framework: str, issuer: tuple[Issuer, str]
) -> None:
    made, jwks_url = issuer
    auth = Tokenward(issuer=made.url, audience=made.audience, jwks_url=jwks_url, auth_failures="0", dpop="require")
    ask, url = FRAMEWORKS[framework](auth), url_in(framework)
    holder = Holder()
    token = made.token("ada", cnf=holder.cnf)
    assert (await ask("GET", holder.headers(token, "GET", url)))[0] == 200
    headers = holder.headers(token, "GET", url)
    statuses = [answer[0] for answer in await asyncio.gather(*(ask("GET", headers) for _ in range(50)))]
    assert (statuses.count(200), statuses.count(401)) == (1, 49)
    await closed(auth)


def url_in(framework: str) -> str:
    return f"http://app.test{'/v1' * (framework in MOUNTED)}/notes"


async def closed(auth: Tokenward) -> None:
    if auth.facade is not None:
        await asyncio.to_thread(auth.facade.close)
    else:
        await auth.close()
