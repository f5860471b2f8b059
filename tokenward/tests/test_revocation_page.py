"""Every Python block of ``docs/revocation.md``, run as it stands."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from asgi_lifespan import LifespanManager

from tokenward.revocation.pushed import LOGOUT
from tokenward.testing import Feed, Issuer

PAGE = Path(__file__).parent.parent / "docs" / "revocation.md"
BASE = "https://app.example"


def block(number: int, monkeypatch: pytest.MonkeyPatch, **instead: str) -> Any:
    """The block as a module, with the URLs of this test in it."""
    code = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)[number]
    for before, after in instead.values():
        assert before in code
        code = code.replace(before, after)
    module = ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", module)
    exec(compile(code, "page", "exec"), module.__dict__)  # noqa: S102 - our own documentation
    return module


def client(app: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app.test")


def test_the_page_has_four_blocks() -> None:
    assert PAGE.read_text().count("```python") == 4


async def test_following_a_feed(monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int) -> None:
    issuer = Issuer(f"http://127.0.0.1:{unused_tcp_port}")
    feed = Feed(issuer)
    async with issuer.serve(unused_tcp_port), feed.serve() as url:
        page = block(0, monkeypatch, feed=(f"{BASE}/api/auth/revocations", url), base=(BASE, issuer.url))
        feed.revoke("sid", "phone")
        async with LifespanManager(page.app), client(page.app) as ask:
            await page.auth.revocations.read()
            answers = [await ask.get("/notes", headers=issuer.headers("ada", sid=sid)) for sid in ("desk", "phone")]
        assert [answer.status_code for answer in answers] == [200, 401]
        assert answers[0].json() == {"owner": "ada"}
        assert "revoked" in answers[1].headers["www-authenticate"]


async def test_receiving(monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int) -> None:
    issuer = Issuer(f"http://127.0.0.1:{unused_tcp_port}")
    async with issuer.serve(unused_tcp_port):
        page = block(1, monkeypatch, base=(BASE, issuer.url))
        now = int(time.time())
        claims = {"iss": issuer.url, "aud": "my-client-id", "iat": now, "exp": now + 60, "jti": "1", "sid": "phone"}
        token = issuer.sign_raw({**issuer.header(), "typ": "logout+jwt"}, {**claims, "events": {LOGOUT: {}}})
        async with LifespanManager(page.app), client(page.app) as ask:
            headers = issuer.headers("ada", sid="phone")
            assert (await ask.get("/notes", headers=headers)).json() == {"owner": "ada"}
            assert (await ask.post("/backchannel-logout", data={"logout_token": token})).status_code == 200
            assert (await ask.get("/notes", headers=headers)).status_code == 401


async def test_a_custom_revocation_set(monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int) -> None:
    issuer = Issuer(f"http://127.0.0.1:{unused_tcp_port}")
    async with issuer.serve(unused_tcp_port):
        page = block(2, monkeypatch, base=(BASE, issuer.url))
        asked = [list(_raw(issuer.headers("ada", sid=sid))) for sid in ("phone", "desk")]
        async with page.auth as auth:
            assert [(await auth.authenticate(headers, None)).subject for headers in asked] == ["ada", "ada"]
            page.end_session("phone")
            assert [auth.at_once(headers) is not None for headers in asked] == [False, True]
            page.end_person("ada")
            assert [auth.at_once(headers) is not None for headers in asked] == [False, False]


def _raw(headers: dict[str, str]) -> Iterator[tuple[bytes, bytes]]:
    return ((name.lower().encode(), value.encode()) for name, value in headers.items())


async def test_in_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    await block(3, monkeypatch).test_a_signed_out_session_is_refused()
