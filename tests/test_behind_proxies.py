"""URLs in answers behind proxies that strip a prefix, rewrite Host or terminate TLS."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from asgi_lifespan import LifespanManager

from taskward.app import create_app
from tests.support.application import settings_for
from tokenward.testing import Issuer

INNER = "http://10.0.0.7:8000"
PUBLIC = "https://api.example.com/backend"
METADATA = "/.well-known/oauth-protected-resource"


class Proxy(httpx.AsyncBaseTransport):
    """Takes requests for ``public``, strips its path, and sends them to the application under its inner name."""

    def __init__(self, app: Any, public: str, headers: dict[str, str]) -> None:
        self._transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self._prefix, self._headers = urlsplit(public).path, headers

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode()
        if not path.startswith(f"{self._prefix}/"):
            return httpx.Response(404, text="the proxy knows no such path")
        inner = httpx.Request(
            request.method,
            INNER + path.removeprefix(self._prefix),
            headers={**dict(request.headers), "host": "10.0.0.7:8000", **self._headers},
            stream=request.stream,
        )
        return await self._transport.handle_async_request(inner)


@asynccontextmanager
async def behind(
    issuer: Issuer, database_url: str, public: str, headers: dict[str, str], **settings: Any
) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        httpx.AsyncClient(transport=issuer.transport()) as http,
        LifespanManager(create_app(settings_for(issuer, database_url, **settings), http=http)) as manager,
        httpx.AsyncClient(transport=Proxy(manager.app, public, headers)) as client,
    ):
        client.headers["authorization"] = f"Bearer {issuer.token()}"
        yield client


PREFIXES = ["https://api.example.com", PUBLIC, "https://api.example.com/a/b/c", "http://localhost:8080/x%2By"]


@pytest.mark.parametrize("public", PREFIXES)
async def test_the_page_of_the_api_works_under_any_prefix_without_a_setting(
    issuer: Issuer, database_url: str, public: str
) -> None:
    async with behind(issuer, database_url, public, {}) as client:
        page = await client.get(f"{public}/docs")
        assert page.status_code == 200
        named = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert len(named) == 4
        for reference in named:
            assert (await client.get(urljoin(str(page.url), reference))).status_code == 200, reference
        script = (await client.get(urljoin(str(page.url), "docs/docs.js"))).text
        described = urljoin(str(page.url), re.findall(r'url: "([^"]+)"', script)[0])
        document = (await client.get(described)).json()
        (server,) = document["servers"]
        base = urljoin(described, server["url"]).rstrip("/")
        assert base == public, "a server's URL is relative to the document's (OpenAPI 3.1, Server Object)"
        for path in ("/api/me/tasks", "/healthz"):
            assert (await client.get(base + path)).status_code == 200


@pytest.mark.parametrize("public", PREFIXES)
async def test_with_public_url_every_url_in_an_answer_can_be_followed(
    issuer: Issuer, database_url: str, public: str
) -> None:
    async with behind(issuer, database_url, public, {}, public_url=f"{public}/") as client:
        tasks = f"{public}/api/me/tasks"
        made = await client.post(tasks, json={"title": "a"}, headers={"idempotency-key": "k"})
        assert made.headers["location"] == f"{tasks}/{made.json()['id']}"
        assert (await client.get(made.headers["location"])).json() == made.json()
        document = (await client.get(f"{public}/openapi.json")).json()
        assert document["servers"] == [{"url": public}]
        metadata = (await client.get(f"{public}{METADATA}")).json()
        assert metadata["resource"] == public
        assert (await client.get(metadata["resource_documentation"])).status_code == 200
        assert "10.0.0.7" not in f"{made.headers} {document} {metadata}"


@pytest.mark.parametrize("public", [PUBLIC, "https://api.example.com/a/b"])
async def test_metadata_is_also_where_rfc_9728_looks_for_that_of_a_resource_with_a_path(
    issuer: Issuer, database_url: str, public: str
) -> None:
    path = urlsplit(public).path
    async with behind(issuer, database_url, "https://api.example.com", {}, public_url=public) as client:
        found = await client.get(f"https://api.example.com{METADATA}{path}")
        assert (found.status_code, found.json()["resource"]) == (200, public)
        for other in (f"{METADATA}/other", f"{METADATA}{path}/", f"{METADATA}{path}%0a"):
            assert (await client.get(f"https://api.example.com{other}")).status_code == 404


SCHEMES = {
    "https": "https",
    "https,http": "https",
    "https, http": "https",
    "HTTPS , http": "https",
    ", https, http": "https",
    "http, https": "http",
    "http": "http",
}


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("trusted", [True, False])
async def test_the_first_x_forwarded_proto_of_a_trusted_proxy_is_used(
    issuer: Issuer, database_url: str, scheme: str, trusted: bool
) -> None:
    settings = {"trusted_proxies": "127.0.0.1"} if trusted else {}
    headers = {"x-forwarded-proto": scheme, "host": "api.example.com"}
    async with behind(issuer, database_url, "http://api.example.com", headers, **settings) as client:
        metadata = (await client.get(f"http://api.example.com{METADATA}")).json()
        told = SCHEMES[scheme] if trusted else "http"
        assert metadata["resource"] == f"{told}://api.example.com"


CLIENTS = {
    "1.2.3.4": "1.2.3.4",
    "9.9.9.9, 1.2.3.4": "1.2.3.4",  # Kludex/uvicorn#590: the last is the proxy's word, the first may be the client's
    "127.0.0.1": "127.0.0.1",  # #1068: the client is on the proxy itself
    "1.2.3.4, 127.0.0.1": "1.2.3.4",
    "": "127.0.0.1",  # #1068: an empty field
    ",": "127.0.0.1",
    "1.2.3.4:1024": "1.2.3.4",  # #2789: a port; each would have been a client of its own
    "9.9.9.9:1, 1.2.3.4:65535": "1.2.3.4",
    "[2001:db8::1]:443": "2001:db8::1",
    "2001:db8::1": "2001:db8::1",
    "1.2.3.4:99999999999": "1.2.3.4",
}


@pytest.mark.parametrize("given", CLIENTS)
async def test_the_client_behind_a_trusted_proxy_is_known_by_its_ip_alone(
    issuer: Issuer, database_url: str, given: str, capsys: pytest.CaptureFixture[str]
) -> None:
    headers = {"x-forwarded-for": given, "x-forwarded-port": "8443"}  # #1974: the port is the proxy's, not the client's
    async with behind(issuer, database_url, "http://api.example.com", headers, trusted_proxies="127.0.0.1") as client:
        assert (await client.get("http://api.example.com/api/me/tasks")).status_code == 200
    assert f"client={CLIENTS[given]} " in "".join(capsys.readouterr())


async def test_refusals_of_one_client_ip_are_counted_together_whatever_its_port(
    issuer: Issuer, database_url: str
) -> None:
    settings = {"trusted_proxies": "127.0.0.1", "auth_failures": "2/minute"}
    async with behind(issuer, database_url, "http://api.example.com", {}, **settings) as client:
        client.headers["authorization"] = f"Bearer {issuer.token(aud='another')}"

        async def status(of: str) -> int:
            headers = {"x-forwarded-for": of}
            return (await client.get("http://api.example.com/api/me/tasks", headers=headers)).status_code

        assert [await status(f"1.2.3.4:{port}") for port in (1, 2, 3)] == [401, 401, 429]
        assert [await status(f"[2001:db8::1]:{port}") for port in (1, 2, 3)] == [401, 401, 429]
        assert await status("1.2.3.5:1") == 401


HOSTILE_HOSTS = [
    "",
    "a b",
    "evil.example/",
    "[",
    "[::1",
    "x:y",
    "x:99999",
    "a@b",
    "é",
    "%",
    "?",
    "#",
    "\x7f",
    "a" * 5000,
]


@pytest.mark.parametrize("host", HOSTILE_HOSTS, ids=ascii)
async def test_no_host_header_causes_a_crash_or_appears_with_public_url(
    issuer: Issuer, database_url: str, host: str
) -> None:
    for settings in ({}, {"public_url": PUBLIC}):
        async with behind(issuer, database_url, INNER, {}, **settings) as client:
            for path in (METADATA, "/openapi.json", "/docs", "/api/me/tasks", "/nowhere"):
                request = client.build_request("GET", INNER + path)
                request.headers.pop("host")
                answer = await _with_host(client, request, host)
                assert answer.status_code in (200, 404, 400), (path, answer.text)
                if settings and path == METADATA:
                    assert answer.json()["resource"] == PUBLIC


async def _with_host(client: httpx.AsyncClient, request: httpx.Request, host: str) -> httpx.Response:
    proxy = client._transport
    assert isinstance(proxy, Proxy)
    proxy._headers = {"host": host} if host.isascii() else {}
    answer = await proxy.handle_async_request(request)
    await answer.aread()
    return answer
