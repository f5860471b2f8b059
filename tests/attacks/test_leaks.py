"""The plugin that searches test output for tokens finds them."""

from __future__ import annotations

import httpx
import pytest
from starlette.responses import PlainTextResponse

from tests.support import leaks
from tokenward.testing import Issuer


async def test_a_token_in_an_answer_is_seen_and_so_this_test_alone_may_print_tokens(
    pytestconfig: pytest.Config,
) -> None:
    if not pytestconfig.pluginmanager.hasplugin("tests.support.leaks"):
        pytest.skip("needs -p tests.support.leaks")
    token = Issuer().token("alice")

    async def careless(scope: object, receive: object, send: object) -> None:
        await PlainTextResponse(f"unknown token {token}")(scope, receive, send)  # type: ignore[arg-type]  # ASGI

    async with httpx.AsyncClient(transport=httpx.ASGITransport(careless), base_url="http://x") as client:
        before = leaks.read["answers"]
        await client.get("/")
        assert leaks.read["answers"] == before + 1
    assert leaks._found == ["the answer to GET /"]
    print(token)


@pytest.mark.parametrize(
    ("content", "seen"),
    [
        (b"nothing", False),
        (b"eyJhbGciOiJFZERTQSJ9", False),
        (b"kid=eyJ.a.b", False),
        (Issuer().token("alice").encode(), True),
        (b"refused: " + Issuer().token("alice").encode() + b" from 192.0.2.1", True),
        (b"-----BEGIN PRIVATE KEY-----", True),
        (b"-----BEGIN RSA PRIVATE KEY-----", True),
        (b"-----BEGIN PUBLIC KEY-----", False),
    ],
)
def test_texts_that_count_as_a_leak(content: bytes, seen: bool) -> None:
    assert leaks.leaks(content) == seen
