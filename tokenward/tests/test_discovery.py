"""Discovery: which metadata of an issuer counts, and when it is read again."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tokenward import KeysUnavailable, Tokenward
from tokenward.discovery import metadata_urls
from tokenward.testing import FakeClock, Issuer
from world import subject

APP = "https://app.example"


@pytest.mark.parametrize("path", ["", "/realms/x"])
@pytest.mark.parametrize("kind", [0, 1])
async def test_discovery_reads_the_metadata_and_its_issuer_must_match(path: str, kind: int) -> None:
    issuer = Issuer(APP + path)
    metadata: dict[str, Any] = {"issuer": issuer.url, "jwks_uri": f"{APP}/api/auth/jwks"}

    async def respond(request: httpx.Request) -> httpx.Response:
        if "/.well-known/" in request.url.path:
            found = str(request.url) == metadata_urls(issuer.url)[kind]
            return httpx.Response(200, json=metadata) if found else httpx.Response(404)
        return await issuer.respond(request)

    async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as http:

        def built() -> Tokenward:
            return Tokenward(issuer=issuer.url, audience=issuer.audience, discover=True, http=http)

        assert await subject(built(), issuer.token("ada")) == "ada"
        for member, value in (
            ("issuer", "https://mallory.example"),
            ("issuer", issuer.url + "/"),
            ("jwks_uri", "http://elsewhere.example/jwks"),
            ("jwks_uri", None),
        ):
            good = metadata[member]
            metadata[member] = value
            with pytest.raises(KeysUnavailable, match="metadata"):
                await subject(built(), issuer.token("ada"))
            metadata[member] = good


NO_METADATA: dict[str, httpx.Response] = {
    "a page": httpx.Response(200, html="<!doctype html><title>Sign in</title>"),
    "nothing": httpx.Response(200),
    "a list": httpx.Response(200, json=[]),
    "an object with nothing in it": httpx.Response(200, json={}),
    "an error with status 200": httpx.Response(200, json={"error": "not_found"}),
    "no jwks_uri": httpx.Response(200, json={"issuer": APP}),
    "a jwks_uri that is no URL": httpx.Response(200, json={"issuer": APP, "jwks_uri": "jwks"}),
    "a redirect": httpx.Response(302, headers={"location": "/login"}),
    "an error": httpx.Response(500),
}


@pytest.mark.parametrize("name", NO_METADATA)
async def test_what_is_no_metadata_does_not_hide_the_metadata_at_the_other_url(name: str) -> None:
    issuer = Issuer(APP)

    async def respond(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/.well-known/openid-configuration":
            answer = NO_METADATA[name]
            return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)
        if request.url.path == "/.well-known/oauth-authorization-server":
            return httpx.Response(200, json={"issuer": APP, "jwks_uri": issuer.jwks_url})
        return await issuer.respond(request)

    async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as http:
        auth = Tokenward(issuer=APP, audience=issuer.audience, discover=True, http=http)
        assert await subject(auth, issuer.token("ada")) == "ada"


async def test_metadata_of_another_issuer_is_refused_although_the_other_url_has_the_right_one() -> None:
    issuer, asked = Issuer(APP), []

    async def respond(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        openid = request.url.path == "/.well-known/openid-configuration"
        return httpx.Response(200, json={"issuer": "https://b.example" if openid else APP, "jwks_uri": issuer.jwks_url})

    async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as http:
        auth = Tokenward(issuer=APP, audience=issuer.audience, discover=True, http=http)
        with pytest.raises(KeysUnavailable, match="another"):
            await subject(auth, issuer.token("ada"))
    assert asked == ["/.well-known/openid-configuration"]


GONE: dict[str, httpx.Response] = {
    "status 404": httpx.Response(404),
    "a page": httpx.Response(200, html="<!doctype html><title>Moved</title>"),
    "an object without keys": httpx.Response(200, json={}),
    "an empty key set": httpx.Response(200, json={"keys": []}),
    "a key set of which no key can be used": httpx.Response(200, json={"keys": [{"kty": "oct", "k": "AAAA"}]}),
}


@pytest.mark.parametrize("name", GONE)
async def test_a_key_set_that_has_moved_is_found_through_the_metadata(name: str) -> None:
    issuer, clock, moved = Issuer(APP), FakeClock(), False
    issuer.clock = clock.wall

    async def respond(request: httpx.Request) -> httpx.Response:
        if "/.well-known/" in request.url.path:
            return httpx.Response(200, json={"issuer": APP, "jwks_uri": f"{APP}/{'new' if moved else 'old'}"})
        if request.url.path == "/old" and moved:
            return httpx.Response(GONE[name].status_code, headers=GONE[name].headers, content=GONE[name].content)
        return await issuer.respond(httpx.Request("GET", issuer.jwks_url))

    async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as http:
        auth = Tokenward(issuer=APP, audience=issuer.audience, discover=True, http=http, clock=clock)
        assert await subject(auth, issuer.token("ada")) == "ada"
        moved = True
        issuer.rotate()
        await clock.advance(10)
        with pytest.raises(KeysUnavailable):
            await subject(auth, issuer.token("bob"))
        await clock.advance(30)
        assert await subject(auth, issuer.token("bob")) == "bob"
