"""The contract, chapter by chapter: The open paths."""

from __future__ import annotations

import json
import re

import httpx
import pytest

from .conftest import Person
from .saying import always_present, ok


async def test_healthz_says_the_process_lives(api: httpx.AsyncClient) -> None:
    assert ok(await api.get("/healthz"))


async def test_readyz_says_the_service_can_work(api: httpx.AsyncClient) -> None:
    assert ok(await api.get("/readyz"))


async def test_the_openapi_document_is_3_1(api: httpx.AsyncClient) -> None:
    document = ok(await api.get("/openapi.json"))
    assert document["openapi"].startswith("3.1.")
    assert document["paths"]


async def test_docs_are_served_locally_under_a_content_security_policy(api: httpx.AsyncClient) -> None:
    page = await api.get("/docs")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    always_present(page)
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy or "default-src 'self'" in policy
    assert "unsafe-eval" not in policy
    assert "http:" not in policy
    assert "https:" not in policy
    assert "*" not in policy
    loaded = re.findall(r"""<(?:script|link|img|iframe)\b[^>]*?\b(?:src|href)=["']?([^"'\s>]+)""", page.text)
    for address in loaded:
        if address.startswith("data:"):
            continue
        assert not re.match(r"(?i)(https?:)?//", address), f"{address} is not served by us"
        asset = await api.get(httpx.URL("http://x/docs").join(address).path)
        assert asset.status_code == 200, address
        always_present(asset)


async def test_the_protected_resource_metadata_names_the_issuer(api: httpx.AsyncClient, me: Person) -> None:
    metadata = ok(await api.get("/.well-known/oauth-protected-resource"))  # RFC 9728, section 2
    assert metadata["resource"]
    assert metadata["bearer_methods_supported"] == ["header"]
    payload = json.loads(httpx_b64(me.token.split(".")[1]))
    assert payload["iss"] in metadata["authorization_servers"]


def httpx_b64(text: str) -> bytes:
    import base64

    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/openapi.json", "/docs", "/.well-known/oauth-protected-resource"]
)
async def test_a_bad_token_does_not_close_an_open_path(api: httpx.AsyncClient, path: str) -> None:
    response = await api.get(path, headers={"authorization": "Bearer nonsense"})
    assert response.status_code == 200
