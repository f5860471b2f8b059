"""The contract, chapter by chapter: Headers on everything."""

from __future__ import annotations

import httpx
import pytest

from .conftest import Person
from .saying import TASKS, always_present, ok


async def test_each_answer_has_a_request_id_of_its_own(me: Person, api: httpx.AsyncClient) -> None:
    answers = [
        await me.get(TASKS),
        await me.get(TASKS),
        await me.get("/nothing"),
        await api.get(TASKS),
        await api.get("/healthz"),
    ]
    assert len({answer.headers["x-request-id"] for answer in answers}) == len(answers)


@pytest.mark.parametrize(
    "given", ["x" * 5000, "<script>alert(1)</script>", "a b", "ü", ""], ids=lambda given: ascii(given)[:16]
)
async def test_a_hostile_request_id_is_not_passed_on(me: Person, given: str) -> None:
    response = await me.get(TASKS, headers=[(b"x-request-id", given.encode())])
    ok(response)
    assert response.headers["x-request-id"] != given


@pytest.mark.parametrize(
    "path",
    [
        "/healthz",
        "/readyz",
        "/openapi.json",
        "/docs",
        "/.well-known/oauth-protected-resource",
        "/nothing",
        TASKS,
    ],
)
async def test_every_answer_carries_the_security_headers_once(me: Person, path: str) -> None:
    response = await me.get(path)
    always_present(response)
    names = [name.lower() for name, _ in response.headers.raw]
    for name in (
        b"x-request-id",
        b"x-content-type-options",
        b"referrer-policy",
        b"content-type",
        b"cache-control",
    ):
        assert names.count(name) <= 1, name
    assert "server" not in response.headers or "uvicorn" not in response.headers["server"].lower()
