"""CORS: pages of allowed origins can read every answer, other pages none."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio
from asgi_lifespan import LifespanManager

from taskward.app import create_app
from tests.conftest import connection
from tests.support.application import settings_for
from tests.support.process import free_port
from tokenward.testing import Answer, Issuer

OURS = ("https://app.example", "http://localhost:3000")
FOREIGN = [
    "https://evil.example",
    "null",
    "https://app.example.evil.example",
    "https://app.example:8443",
    "http://app.example",
    "https://APP.example",
    "http://localhost:30000",
    "*",
    "",
]
Ask = Callable[..., Any]


@pytest_asyncio.fixture
async def api(issuer: Issuer, database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=issuer.transport()) as http:
        settings = settings_for(issuer, database_url, cors_origins=",".join(OURS), auth_failures="2/hour")
        async with (
            LifespanManager(create_app(settings, http=http)) as manager,
            httpx.AsyncClient(**connection(manager.app)) as client,
        ):
            yield client


async def every_answer(api: httpx.AsyncClient, issuer: Issuer, database_url: str, origin: str) -> dict[int, Any]:
    """One answer of every status the service has, to a page of this origin."""
    token = {"origin": origin, "authorization": f"Bearer {issuer.token()}"}
    bad = {"origin": origin, "authorization": "Bearer bad"}
    tasks = "/api/me/tasks"
    made = await api.post(tasks, json={"title": "a"}, headers=token)
    one = f"{tasks}/{made.json()['id']}"
    two_headers = [("origin", origin), ("authorization", token["authorization"]), ("authorization", "Bearer x")]
    answers = [
        made,
        await api.get(tasks, headers=token),
        await api.get(one, headers={**token, "if-none-match": made.headers["etag"]}),
        await api.get(tasks, headers=two_headers),
        await api.get(tasks, headers={"origin": origin}),
        await api.get("/api/somebody/tasks", headers=token),
        await api.get("/nowhere", headers={"origin": origin}),
        await api.put(tasks, headers=token),
        await api.get(tasks, headers={**token, "accept": "text/html"}),
        await api.put(one, json={"title": "b"}, headers={**token, "if-match": '"other"'}),
        await api.post(tasks, content=b"x" * 70_000, headers={**token, "content-type": "application/json"}),
        await api.post(tasks, content=b"<a/>", headers={**token, "content-type": "text/xml"}),
        await api.post(tasks, json={}, headers=token),
        [await api.get(tasks, headers=bad) for _ in range(3)][-1],
        await api.delete(one, headers=token),
    ]
    driver = await asyncpg.connect(database_url)
    await driver.execute(
        """CREATE FUNCTION explode() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
        CREATE TRIGGER explode BEFORE INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION explode()"""
    )
    answers.append(await api.post(tasks, json={"title": "a"}, headers=token))
    await driver.execute("DROP TABLE taskward_version")
    await driver.close()
    answers.append(await api.get("/readyz", headers={"origin": origin}))
    statuses = {answer.status_code: answer for answer in answers}
    expected = {200, 201, 204, 304, 400, 401, 403, 404, 405, 406, 412, 413, 415, 422, 429, 500, 503}
    assert set(statuses) == expected
    return statuses


@pytest.mark.parametrize("origin", OURS)
async def test_a_page_of_an_allowed_origin_can_read_every_kind_of_answer_and_its_headers(
    api: httpx.AsyncClient, issuer: Issuer, database_url: str, origin: str
) -> None:
    for status, answer in (await every_answer(api, issuer, database_url, origin)).items():
        assert answer.headers.get("access-control-allow-origin") == origin, status
        assert answer.headers["access-control-allow-credentials"] == "true", status
        assert "origin" in answer.headers["vary"].lower(), "a cache must not hand it to another page"
        exposed = {name.strip().lower() for name in answer.headers["access-control-expose-headers"].split(",")}
        assert {"etag", "location", "retry-after", "x-request-id", "www-authenticate"} <= exposed


async def test_a_page_of_another_origin_can_read_no_answer(
    api: httpx.AsyncClient, issuer: Issuer, database_url: str
) -> None:
    for status, answer in (await every_answer(api, issuer, database_url, "https://evil.example")).items():
        assert "access-control-allow-origin" not in answer.headers, status


@pytest.mark.parametrize("origin", FOREIGN)
async def test_an_origin_is_compared_as_it_is(api: httpx.AsyncClient, origin: str) -> None:
    answer = await api.get("/healthz", headers={"origin": origin})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


async def preflight(api: httpx.AsyncClient, origin: str, method: str, *headers: str) -> httpx.Response:
    asked = {"origin": origin, "access-control-request-method": method}
    if headers:
        asked["access-control-request-headers"] = ",".join(headers)
    return await api.options("/api/me/tasks", headers=asked)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_a_preflight_of_an_allowed_origin_needs_no_token(api: httpx.AsyncClient, method: str) -> None:
    headers = ("authorization", "content-type", "idempotency-key", "if-match", "if-none-match", "x-request-id")
    answer = await preflight(api, OURS[0], method, *headers)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == OURS[0]
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert method in answer.headers["access-control-allow-methods"]
    allowed = {name.strip().lower() for name in answer.headers["access-control-allow-headers"].split(",")}
    assert set(headers) <= allowed
    assert int(answer.headers["access-control-max-age"]) > 0


@pytest.mark.parametrize("origin", [origin for origin in FOREIGN if origin])
async def test_a_preflight_of_another_origin_is_refused(api: httpx.AsyncClient, origin: str) -> None:
    answer = await preflight(api, origin, "DELETE", "authorization")
    assert answer.status_code == 400
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "invalid_request"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert "origin" in answer.headers["vary"].lower(), "a cache must not hand it to a page of ours"


async def test_a_preflight_for_what_there_is_not_is_refused(api: httpx.AsyncClient) -> None:
    assert (await preflight(api, OURS[0], "BREW")).status_code == 400
    assert (await preflight(api, OURS[0], "GET", "x-anything")).status_code == 400


async def test_without_cors_origins_no_page_can_read(issuer: Issuer, database_url: str) -> None:
    settings = settings_for(issuer, database_url, cors_origins="")
    async with httpx.AsyncClient(transport=issuer.transport()) as http:
        app = create_app(settings, http=http)
        async with LifespanManager(app) as manager, httpx.AsyncClient(**connection(manager.app)) as api:
            answer = await api.get("/healthz", headers={"origin": OURS[1]})
            assert "access-control-allow-origin" not in answer.headers
            assert (await preflight(api, OURS[1], "GET")).status_code == 400


async def test_without_keys_or_database_a_page_of_ours_can_tell_that_from_a_refusal(issuer: Issuer) -> None:
    issuer.always = Answer(status=500)
    for url, token, code in (
        (f"postgresql://u:p@127.0.0.1:{free_port()}/d", issuer.token(), "keys_unavailable"),
        (f"postgresql://u:p@127.0.0.1:{free_port()}/d", "", "database_unavailable"),
    ):
        async with httpx.AsyncClient(transport=issuer.transport()) as http:
            app = create_app(settings_for(issuer, url, cors_origins=OURS[0]), http=http)
            async with LifespanManager(app) as manager, httpx.AsyncClient(**connection(manager.app)) as api:
                path = "/api/me/tasks" if token else "/readyz"
                answer = await api.get(path, headers={"origin": OURS[0], "authorization": f"Bearer {token}"})
                assert (answer.status_code, answer.json()["code"]) == (503, code)
                assert answer.headers["access-control-allow-origin"] == OURS[0]
                assert answer.headers["retry-after"]


# --- Other origins and other headers ---------------------------------------------------------------------------------

APPS = [
    *(
        "capacitor://localhost",
        "ionic://localhost",
        "tauri://localhost",
        "app://obsidian.md",
        "https://tauri.localhost",
    ),
    *("chrome-extension://abcdefghijklmnopabcdefghijklmnop", "moz-extension://6f3c1a52-0000-4000-8000-000000000000"),
    *("vscode-webview://1abc", "http://[::1]:5173", "https://xn--bcher-kva.example"),
]
TRACING = ["traceparent", "tracestate", "baggage", "sentry-trace"]


async def with_settings(issuer: Issuer, database_url: str, ask: Ask, **settings: str) -> Any:
    async with (
        httpx.AsyncClient(transport=issuer.transport()) as http,
        LifespanManager(create_app(settings_for(issuer, database_url, **settings), http=http)) as manager,
        httpx.AsyncClient(**connection(manager.app)) as client,
    ):
        return await ask(client)


@pytest.mark.parametrize("origin", APPS)
async def test_an_app_whose_scheme_is_no_webs_is_let_in_by_its_exact_origin(
    issuer: Issuer, database_url: str, origin: str
) -> None:
    async def ask(api: httpx.AsyncClient) -> None:
        asked = await preflight(api, origin, "PATCH", "authorization", "content-type")
        assert asked.status_code == 200
        assert asked.headers["access-control-allow-origin"] == origin
        own = {"origin": origin, "authorization": f"Bearer {issuer.token()}"}
        made = await api.post("/api/me/tasks", json={"title": "a"}, headers=own)
        assert (made.status_code, made.headers["access-control-allow-origin"]) == (201, origin)
        scheme, _, host = origin.partition("://")
        for other in (f"{origin}x", f"{scheme}x://{host}", f"{scheme}://x{host}", f"{origin}/", "null", host):
            assert (await preflight(api, other, "PATCH")).status_code == 400, other
            answer = await api.get("/healthz", headers={"origin": other})
            assert "access-control-allow-origin" not in answer.headers, other

    await with_settings(issuer, database_url, ask, cors_origins=origin)


@pytest.mark.parametrize("spelt", [str.lower, str.title, str.upper])
@pytest.mark.parametrize("names", [[name] for name in TRACING] + [TRACING])
async def test_a_page_that_is_traced_may_ask(api: httpx.AsyncClient, names: list[str], spelt: Any) -> None:
    answer = await preflight(api, OURS[0], "GET", "authorization", *(spelt(name) for name in names))
    assert answer.status_code == 200
    allowed = {name.strip().lower() for name in answer.headers["access-control-allow-headers"].split(",")}
    assert set(names) <= allowed


async def test_further_headers_are_allowed_by_name_and_no_others_with_them(issuer: Issuer, database_url: str) -> None:
    async def ask(api: httpx.AsyncClient) -> None:
        for names in (["x-tenant"], ["X-Tenant", "x-b3-traceid"], ["x-tenant", "authorization", "traceparent"]):
            assert (await preflight(api, OURS[0], "POST", *names)).status_code == 200, names
        for names in (["x-tenant2"], ["x-tenan"], ["x-tenant", "x-other"], ["*"]):
            assert (await preflight(api, OURS[0], "POST", *names)).status_code == 400, names

    await with_settings(issuer, database_url, ask, cors_origins=OURS[0], cors_headers="X-Tenant, X-B3-TraceId")
