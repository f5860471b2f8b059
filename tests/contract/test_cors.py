"""The contract, chapter by chapter: CORS."""

from __future__ import annotations

import httpx
import pytest

from .conftest import Person
from .saying import NOWHERE, ORIGIN, TASKS, always_present, create, lets_the_browser_read


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_a_preflight_from_our_client_is_answered_without_a_token(api: httpx.AsyncClient, method: str) -> None:
    wanted = "authorization, content-type, idempotency-key, if-match, if-none-match"
    headers = {
        "origin": ORIGIN,
        "access-control-request-method": method,
        "access-control-request-headers": wanted,
    }
    response = await api.options(f"{TASKS}/{NOWHERE}", headers=headers)
    assert response.status_code in (200, 204), response.text
    assert response.headers["access-control-allow-origin"] == ORIGIN
    assert response.headers["access-control-allow-credentials"] == "true"
    assert method in response.headers["access-control-allow-methods"]
    allowed = {word.strip().lower() for word in response.headers["access-control-allow-headers"].split(",")}
    assert set(wanted.split(", ")) <= allowed
    assert int(response.headers["access-control-max-age"]) > 0
    assert "origin" in response.headers["vary"].lower()
    always_present(response)


FOREIGN = [
    "http://evil.example",
    "null",
    "http://localhost:3001",
    "https://localhost:3000",
    f"{ORIGIN}.evil.example",
    f"{ORIGIN}/",
    "http://LOCALHOST:3000",
]


@pytest.mark.parametrize("origin", FOREIGN)
async def test_another_origin_is_let_in_nowhere(api: httpx.AsyncClient, me: Person, origin: str) -> None:
    preflight = {"origin": origin, "access-control-request-method": "POST"}
    for response in (
        await api.options(TASKS, headers=preflight),
        await me.get(TASKS, headers={"origin": origin}),
        await api.get(TASKS, headers={"origin": origin}),
    ):
        assert "access-control-allow-origin" not in response.headers
        assert "origin" in response.headers["vary"].lower()
        always_present(response)


async def test_the_browser_may_read_answers_and_failures_of_every_kind(me: Person, api: httpx.AsyncClient) -> None:
    here = {"origin": ORIGIN}
    two = [("origin", ORIGIN), ("authorization", "Bearer a"), ("authorization", "Bearer b")]
    json_type = {**here, "content-type": "application/json"}
    task = await create(me)
    address = f"{TASKS}/{task['id']}"
    for status, response in [
        (200, await me.get(TASKS, headers=here)),
        (201, await me.post(TASKS, json={"title": "a"}, headers=here)),
        (304, await me.get(address, headers={**here, "if-none-match": "*"})),
        (400, await me.post(TASKS, content=b"{", headers=json_type)),
        (400, await api.get(TASKS, headers=two)),
        (401, await api.get(TASKS, headers=here)),
        (401, await api.get(TASKS, headers={**here, "authorization": "Bearer a.b.c"})),
        (403, await me.get("/api/somebody-else/tasks", headers=here)),
        (404, await me.get(f"{TASKS}/{NOWHERE}", headers=here)),
        (404, await me.get("/nothing", headers=here)),
        (405, await me.post(address, headers=here)),
        (406, await me.get(TASKS, headers={**here, "accept": "text/html"})),
        (412, await me.delete(address, headers={**here, "if-match": '"x"'})),
        (413, await me.post(TASKS, content=b"x" * 70_000, headers=json_type)),
        (415, await me.post(TASKS, content=b"x", headers={**here, "content-type": "text/plain"})),
        (422, await me.post(TASKS, json={}, headers=here)),
        (204, await me.delete(address, headers=here)),
    ]:
        assert response.status_code == status, response.text
        lets_the_browser_read(response)
