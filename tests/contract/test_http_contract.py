"""The HTTP contract of Taskward as a client sees it: every endpoint, every failure, every promised header.

Nothing here looks inside. By default it runs against the application in this process; with `--base-url`
against a live server (see conftest.py). A test of a refusal also asserts that nothing changed.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from .conftest import IN_PROCESS, InProcess, Person, Unchanged, Variant

pytestmark = pytest.mark.asyncio(loop_scope="session")

TASKS = "/api/me/tasks"
NOWHERE = "0190c0de-0000-7000-8000-000000000000"  # a UUIDv7 that no task has
ORIGIN = "http://localhost:3000"
MERGE_PATCH = "application/merge-patch+json"

MEMBERS = {"type", "title", "status", "detail", "status_code", "error_type", "code", "request_id"}
"""What every problem document has; `errors` is the only other member there ever is."""

INVALID_TOKEN = re.compile(r'Bearer error="invalid_token", error_description="[A-Z][A-Za-z0-9 ,.\'-]+"')
EXPIRED = 'Bearer error="invalid_token", error_description="The access token expired"'


def problem(
    response: httpx.Response,
    status: int,
    error_type: str,
    code: str | None = None,
    fields: set[str] | None = None,
) -> dict[str, Any]:
    """The response is exactly this failure, in the one shape there is; returns the document."""
    if code == "invalid_token" and response.status_code == 429 and response.request.url.host != IN_PROCESS:
        pytest.skip("live: this address is past the server's AUTH_FAILURES")
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert set(document) - {"errors"} == MEMBERS
    assert document["status"] == document["status_code"] == status
    assert document["error_type"] == error_type
    assert document["code"] == (code or error_type)
    assert document["request_id"] == response.headers["x-request-id"]
    for member in ("type", "title", "detail", "request_id"):
        assert isinstance(document[member], str), member
        assert document[member], member
    if "errors" in document:
        assert document["errors"]
        for error in document["errors"]:
            assert set(error) == {"field", "message"}
            assert isinstance(error["field"], str)
            assert error["message"]
    if fields is not None:
        assert {error["field"] for error in document["errors"]} == fields, document
    if response.request.url.path.startswith("/api/"):
        assert response.headers["cache-control"] == "no-store"
    always_present(response)
    return document


def always_present(response: httpx.Response) -> None:
    assert re.fullmatch(r"[\x21-\x7e]{8,128}", response.headers["x-request-id"])
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] in ("no-referrer", "same-origin", "strict-origin")
    assert "Traceback" not in response.text
    assert "asyncpg" not in response.text
    assert "sqlalchemy" not in response.text.lower()


def ok(response: httpx.Response, status: int = 200) -> Any:
    """The response is this success; returns what it says."""
    assert response.status_code == status, response.text
    always_present(response)
    if response.request.url.path.startswith("/api/"):
        assert response.headers["cache-control"] == "no-store"
    if status in (204, 304):
        assert response.content == b""
        return None
    assert response.headers["content-type"] == "application/json"
    return response.json()


def a_task(value: Any, **expected: Any) -> dict[str, Any]:
    """The value is a task as the contract describes one, with these members."""
    assert set(value) == {"id", "title", "description", "completed", "created_at", "updated_at"}
    assert str(uuid.UUID(value["id"])) == value["id"]
    assert uuid.UUID(value["id"]).version == 7
    assert 1 <= len(value["title"]) <= 200
    assert value["title"] == value["title"].strip()
    assert value["description"] is None or isinstance(value["description"], str)
    assert isinstance(value["completed"], bool)
    created, updated = moment(value["created_at"]), moment(value["updated_at"])
    assert created <= updated
    for name, wanted in expected.items():
        assert value[name] == wanted, name
    return dict(value)


def moment(text: str) -> datetime:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)", text), text
    return datetime.fromisoformat(text)


async def create(person: Person, title: str | None = None, **members: Any) -> dict[str, Any]:
    body = {"title": title or f"task {secrets.token_hex(4)}", **members}
    return a_task(ok(await person.post(TASKS, json=body), 201))


@pytest.fixture
def marker() -> str:
    """A word that stands in no task yet: what a test made can be told from what was there."""
    return f"m{secrets.token_hex(8)}"


# --- The open paths --------------------------------------------------------------------------------


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


# --- Who is calling --------------------------------------------------------------------------------

ENDPOINTS = [
    ("GET", TASKS),
    ("GET", f"{TASKS}/counts"),
    ("POST", TASKS),
    ("GET", f"{TASKS}/{NOWHERE}"),
    ("PUT", f"{TASKS}/{NOWHERE}"),
    ("PATCH", f"{TASKS}/{NOWHERE}"),
    ("PATCH", f"{TASKS}/{NOWHERE}/complete"),
    ("DELETE", f"{TASKS}/{NOWHERE}"),
    ("DELETE", f"{TASKS}?completed=true"),
]
UNKNOWN = [
    "/api/",
    "/api/me",
    "/api/me/",
    "/api/nothing",
    "/api/me/notes",
    "/api/%00",
    "/api/me/tasks/",
    "/api/%0A",
    "/api/me/tasks%0A",
    "/api/me%0D%0A/tasks/x",
    "/api/x%00y",
    "/api/%2F",
    "/api/%2e%2e/healthz",
]


@pytest.mark.parametrize(("method", "path"), [*ENDPOINTS, *(("GET", path) for path in UNKNOWN), ("PROPFIND", TASKS)])
async def test_without_credentials_everything_under_api_is_401(
    api: httpx.AsyncClient, me: Person, unchanged: Unchanged, method: str, path: str
) -> None:
    async with unchanged(me):
        body = {"title": "nobody's"} if method in ("POST", "PUT", "PATCH") else None
        response = await api.request(method, path, json=body)
        problem(response, 401, "authentication_error", "missing_token")
        assert response.headers["www-authenticate"] == "Bearer"


async def test_a_made_up_token_is_401_with_one_fixed_phrase(
    api: httpx.AsyncClient, me: Person, unchanged: Unchanged
) -> None:
    async with unchanged(me):
        response = await api.post(TASKS, json={"title": "no"}, headers={"authorization": "Bearer made.up.token"})
        problem(response, 401, "authentication_error", "invalid_token")
        assert INVALID_TOKEN.fullmatch(response.headers["www-authenticate"])


async def test_a_token_with_one_letter_changed_is_401(api: httpx.AsyncClient, me: Person, unchanged: Unchanged) -> None:
    head, payload, signature = me.token.split(".")
    flipped = ("A" if signature[9] != "A" else "B").join([signature[:9], signature[10:]])
    async with unchanged(me):
        forged = {"authorization": f"Bearer {head}.{payload}.{flipped}"}
        response = await api.post(TASKS, json={"title": "no"}, headers=forged)
        problem(response, 401, "authentication_error", "invalid_token")
        assert INVALID_TOKEN.fullmatch(response.headers["www-authenticate"])


async def test_an_expired_token_says_so(api: httpx.AsyncClient, issuer: Any, me: Person, unchanged: Unchanged) -> None:
    async with unchanged(me):
        old = {"authorization": f"Bearer {issuer.expired_token(me.sub)}"}
        response = await api.post(TASKS, json={"title": "late"}, headers=old)
        problem(response, 401, "authentication_error", "invalid_token")
        assert response.headers["www-authenticate"] == EXPIRED


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://elsewhere.example"},
        {"aud": "somebody-else"},
        {"exp": 99999999999},
        {"nbf": 99999999999},
        {"sub": ""},
        {"cnf": {"jkt": "x"}},
        {"header": {"typ": "dpop+jwt"}},
        {"header": {"alg": "none"}},
        {"header": {"kid": "nobody's"}},
        {"header": {"crit": []}},
    ],
    ids=str,
)
async def test_a_signed_token_that_is_not_for_us_is_401(
    api: httpx.AsyncClient, issuer: Any, me: Person, unchanged: Unchanged, changes: dict[str, Any]
) -> None:
    token = issuer.token(**{"sub": me.sub, **changes})
    async with unchanged(me):
        response = await api.post(TASKS, json={"title": "no"}, headers={"authorization": f"Bearer {token}"})
        problem(response, 401, "authentication_error", "invalid_token")
        assert INVALID_TOKEN.fullmatch(response.headers["www-authenticate"])


async def test_a_token_of_nine_kibibytes_is_401(
    api: httpx.AsyncClient, issuer: Any, me: Person, unchanged: Unchanged
) -> None:
    token = issuer.token(me.sub, padding="x" * 9 * 1024)
    async with unchanged(me):
        response = await api.post(TASKS, json={"title": "no"}, headers={"authorization": f"Bearer {token}"})
        problem(response, 401, "authentication_error", "invalid_token")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_scheme_may_be_spelt_in_any_case(api: httpx.AsyncClient, me: Person, scheme: str) -> None:
    ok(await api.get(TASKS, headers={"authorization": f"{scheme} {me.token}"}))


@pytest.mark.parametrize("value", ["Basic YWxpY2U6c2VjcmV0", "Bearer", "{token}", "Token {token}", "Bearer{token}"])
async def test_other_ways_to_write_the_header_are_401(
    api: httpx.AsyncClient, me: Person, unchanged: Unchanged, value: str
) -> None:
    async with unchanged(me):
        header = {"authorization": value.format(token=me.token)}
        response = await api.post(TASKS, json={"title": "no"}, headers=header)
        assert response.json()["code"] in ("missing_token", "invalid_token")
        problem(response, 401, "authentication_error", response.json()["code"])
        assert response.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("value", ["Bearer {token} {token}", "Bearer {token},", "Bearer {token}, Bearer {token}"])
async def test_more_than_one_token_in_the_header_is_401(
    api: httpx.AsyncClient, me: Person, unchanged: Unchanged, value: str
) -> None:
    async with unchanged(me):
        header = {"authorization": value.format(token=me.token)}
        problem(
            await api.post(TASKS, json={"title": "no"}, headers=header),
            401,
            "authentication_error",
            "invalid_token",
        )


@pytest.mark.parametrize("second", ["Bearer {token}", "Bearer nonsense", "Basic YTpi", ""])
async def test_two_authorization_headers_are_400(
    api: httpx.AsyncClient, me: Person, unchanged: Unchanged, second: str
) -> None:
    headers = [("authorization", f"Bearer {me.token}"), ("authorization", second.format(token=me.token))]
    async with unchanged(me):
        for order in (headers, headers[::-1]):
            response = await api.post(TASKS, json={"title": "no"}, headers=order)
            problem(response, 400, "bad_request", "invalid_request")


@pytest.mark.parametrize("name", ["access_token", "token", "jwt", "authorization"])
async def test_a_token_in_the_query_is_no_token(
    api: httpx.AsyncClient, me: Person, unchanged: Unchanged, name: str
) -> None:
    async with unchanged(me):
        response = await api.post(TASKS, params={name: me.token}, json={"title": "no"})
        problem(response, 401, "authentication_error", "missing_token")
        assert response.headers["www-authenticate"] == "Bearer"


async def test_a_token_in_a_cookie_or_a_body_is_no_token(
    api: httpx.AsyncClient, me: Person, unchanged: Unchanged
) -> None:
    async with unchanged(me):
        cookie = {"cookie": f"token={me.token}; access_token={me.token}; better-auth.session_token={me.token}"}
        for request in ({"headers": cookie, "json": {"title": "no"}}, {"data": {"access_token": me.token}}):
            response = await api.post(TASKS, **request)  # type: ignore[arg-type]  # two shapes of one call
            problem(response, 401, "authentication_error", "missing_token")


async def test_past_the_limit_refused_tokens_are_429_and_a_valid_one_still_passes(
    variant: Variant, me: Person, unchanged: Unchanged
) -> None:
    front = await variant(auth_failures="2/minute")
    async with unchanged(me), front.client() as client:
        bad, good = {"authorization": "Bearer a.b.c"}, {"authorization": f"Bearer {me.token}"}
        for _ in range(2):
            problem(await client.get(TASKS, headers=bad), 401, "authentication_error", "invalid_token")
        for _ in range(3):
            response = await client.post(TASKS, headers=bad, json={"title": "no"})
            problem(response, 429, "rate_limited", "too_many_failures")
            assert 1 <= int(response.headers["retry-after"]) <= 60
            ok(await client.get(TASKS, headers=good))
        missing = await client.get(TASKS)
        problem(missing, 401, "authentication_error", "missing_token")


async def test_missing_and_expired_tokens_do_not_count_as_attacks(variant: Variant, me: Person) -> None:
    front = await variant(auth_failures="2/minute")
    async with front.client() as client:
        old = {"authorization": f"Bearer {front.issuer.expired_token(me.sub)}"}
        for _ in range(5):
            assert (await client.get(TASKS)).status_code == 401
            assert (await client.get(TASKS, headers=old)).headers["www-authenticate"] == EXPIRED


async def test_auth_failures_of_zero_turns_the_limit_off(variant: Variant) -> None:
    front = await variant(auth_failures="0")
    async with front.client() as client:
        for _ in range(12):
            response = await client.get(TASKS, headers={"authorization": "Bearer a.b.c"})
            problem(response, 401, "authentication_error", "invalid_token")


# --- Whose tasks -----------------------------------------------------------------------------------


def alike(*responses: httpx.Response) -> None:
    """Nobody can tell these answers apart: same status, same headers, same body, but for the request id."""

    def seen(response: httpx.Response) -> Any:
        headers = {name: value for name, value in response.headers.items() if name not in ("x-request-id", "date")}
        body = response.json() if response.content else None
        if isinstance(body, dict):
            body.pop("request_id", None)
        return response.status_code, headers, body

    first, *others = (seen(response) for response in responses)
    for response in others:
        assert response == first


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
async def test_the_path_of_somebody_else_is_403_whoever_they_are(
    me: Person, other: Person, unchanged: Unchanged, method: str, path: str
) -> None:
    theirs = await create(other)
    body = {"title": "mine now"} if method in ("POST", "PUT") else {"completed": True} if method == "PATCH" else None
    async with unchanged(me, other):
        answers = []
        for user in (
            other.sub,
            "nobody-at-all",
            other.sub.upper(),
            quote(me.sub + " ", safe=""),
            "ME",
            "%00",
            "null",
        ):
            for task in (theirs["id"], NOWHERE):
                there = path.replace("/me/", f"/{user}/").replace(NOWHERE, task)
                answers.append(await me.request(method, there, json=body))
                problem(answers[-1], 403, "authorization_error", "not_owner")
        alike(*answers)


async def test_me_and_the_subject_itself_name_the_same_tasks(me: Person, marker: str) -> None:
    spelt = f"/api/{quote(me.sub, safe='')}/tasks"
    task = a_task(ok(await me.post(spelt, json={"title": marker}), 201), title=marker)
    assert ok(await me.get(f"{TASKS}/{task['id']}")) == ok(await me.get(f"{spelt}/{task['id']}")) == task
    assert ok(await me.get(spelt, params={"q": marker})) == ok(await me.get(TASKS, params={"q": marker}))
    assert ok(await me.get(f"{spelt}/counts")) == ok(await me.get(f"{TASKS}/counts"))


@pytest.mark.parametrize(
    "sub",
    [
        "a/b",
        "../bob",
        "a%2Fb",
        "100%",
        "%",
        "Zoë Ŵ 🦊",
        "a?b#c",
        "auth0|12345",
        "a b",
        "me",
        "tasks",
        "x" * 255,
        "a\\b",
        "'; --",
    ],
)
async def test_a_subject_of_odd_characters_works_through_me(mocked: InProcess, me: Person, sub: str) -> None:
    before = await me.everything()
    async with mocked.person(0, sub) as odd:
        task = await create(odd, "odd")
        assert ok(await odd.get(f"{TASKS}/{task['id']}")) == task
        assert (await odd.everything())[0] == [task]
        assert await me.everything() == before
        if "/" not in odd.sub:  # a slash cannot be told from the path's own: such people use `me`
            assert ok(await odd.get(f"/api/{quote(odd.sub, safe='')}/tasks/{task['id']}")) == task
        ok(await odd.delete(f"{TASKS}/{task['id']}"), 204)


@pytest.mark.parametrize(
    ("method", "suffix"),
    [("GET", ""), ("PUT", ""), ("PATCH", ""), ("PATCH", "/complete"), ("DELETE", "")],
)
async def test_another_persons_task_looks_like_one_that_never_was(
    me: Person, other: Person, unchanged: Unchanged, method: str, suffix: str
) -> None:
    theirs = await create(other)
    tag = (await other.get(f"{TASKS}/{theirs['id']}")).headers["etag"]
    body = {"title": "mine now"} if method == "PUT" else {"completed": True} if method == "PATCH" else None
    async with unchanged(me, other):
        for conditions in (
            {},
            {"if-match": tag},
            {"if-match": "*"},
            {"if-match": '"x"'},
            {"if-none-match": tag},
        ):
            answers = [
                await me.request(method, f"{TASKS}/{task}{suffix}", json=body, headers=conditions)
                for task in (theirs["id"], NOWHERE, str(uuid.uuid4()))
            ]
            problem(answers[0], 404, "not_found")
            alike(*answers)


async def test_another_persons_cursor_looks_like_a_made_up_one(me: Person, other: Person, unchanged: Unchanged) -> None:
    for _ in range(2):
        await create(other)
        await create(me)
    theirs = ok(await other.get(TASKS, params={"limit": 1}))["next_cursor"]
    async with unchanged(me, other):
        refused = await me.get(TASKS, params={"cursor": theirs})
        problem(refused, 422, "validation_error", fields={"cursor"})
        alike(refused, await me.get(TASKS, params={"cursor": "made-up"}))


async def test_another_persons_idempotency_key_is_just_a_new_key(me: Person, other: Person) -> None:
    key = {"idempotency-key": secrets.token_hex(8)}
    theirs = ok(await other.post(TASKS, json={"title": "theirs"}, headers=key), 201)
    mine = ok(await me.post(TASKS, json={"title": "mine"}, headers=key), 201)
    assert mine["id"] != theirs["id"]
    assert ok(await other.post(TASKS, json={"title": "theirs"}, headers=key)) == theirs


async def test_lists_counts_and_clearing_are_about_ones_own(me: Person, other: Person, marker: str) -> None:
    if me_has := (await me.everything())[1]["completed"]:
        pytest.skip(f"live: would clear {me_has} completed tasks that were there before")
    async_before = await other.everything()
    await create(other, marker, completed=True)
    await create(other, marker)
    mine = await create(me, marker, completed=True)
    assert ok(await me.get(TASKS, params={"q": marker}))["items"] == [mine]
    theirs = await other.everything()
    assert theirs[1] == {
        "open": async_before[1]["open"] + 1,
        "completed": async_before[1]["completed"] + 1,
    }
    assert ok(await me.delete(f"{TASKS}?completed=true")) == {"deleted": 1}
    assert await other.everything() == theirs


# --- POST a task -----------------------------------------------------------------------------------


async def test_create_answers_201_with_the_task_and_where_it_is(me: Person, marker: str) -> None:
    before = (await me.everything())[1]
    response = await me.post(TASKS, json={"title": f"  {marker} ", "description": "two litres", "completed": True})
    task = a_task(ok(response, 201), title=marker, description="two litres", completed=True)
    assert task["created_at"] == task["updated_at"]
    assert abs((datetime.now(UTC) - moment(task["created_at"])).total_seconds()) < 120
    followed = await me.get(httpx.URL(str(response.request.url)).join(response.headers["location"]))
    assert ok(followed) == task
    assert response.headers["location"].endswith(f"/tasks/{task['id']}")
    assert (await me.everything())[1] == {**before, "completed": before["completed"] + 1}


async def test_a_title_is_enough(me: Person) -> None:
    a_task(ok(await me.post(TASKS, json={"title": "x"}), 201), title="x", description=None, completed=False)


@pytest.mark.parametrize(
    "title",
    [
        "x",
        "x" * 200,
        "🦊" * 200,
        "  " + "x" * 200 + "\n",
        "a\u00a0b",
        "ملف",
        "e\u0301",
        "<script>",
        "' or 1=1 --",
        "%_\\",
    ],
    ids=lambda title: ascii(title)[:24],
)
async def test_titles_keep_every_character_but_the_space_around_them(me: Person, title: str) -> None:
    task = await create(me, title)
    assert ok(await me.get(f"{TASKS}/{task['id']}"))["title"] == title.strip()


@pytest.mark.parametrize(
    "description", [None, "", " kept as is \n", "x" * 5000, "🦊" * 5000], ids=lambda d: ascii(d)[:16]
)
async def test_descriptions_are_kept_as_they_are(me: Person, description: str | None) -> None:
    task = await create(me, description=description)
    assert ok(await me.get(f"{TASKS}/{task['id']}"))["description"] == description


async def pieces(body: bytes) -> AsyncIterator[bytes]:
    """The body as httpx sends it without knowing its length: in chunks."""
    for start in range(0, len(body), 1024):
        yield body[start : start + 1024]


async def test_a_body_of_64_kib_is_read_and_one_byte_more_is_not(me: Person, unchanged: Unchanged) -> None:
    body = b'{"title": "x"' + b" " * (64 * 1024 - 14) + b"}"
    assert len(body) == 64 * 1024
    headers = {"content-type": "application/json"}
    for content in (body, pieces(body)):
        ok(await me.post(TASKS, content=content, headers=headers), 201)
    async with unchanged(me):
        for content in (body + b" ", pieces(body + b" ")):
            problem(await me.post(TASKS, content=content, headers=headers), 413, "content_too_large")


# --- Bodies that are refused -----------------------------------------------------------------------

WRITES = [("POST", ""), ("PUT", "/{id}"), ("PATCH", "/{id}"), ("PATCH", "/{id}/complete")]

MALFORMED = {
    "nothing": b"",
    "space": b" ",
    "cut short": b'{"title": "a"',
    "one brace too many": b'{"title": "a"}}',
    "single quotes": b"{'title': 'a'}",
    "a trailing comma": b'{"title": "a",}',
    "a comment": b'{"title": "a" /* b */}',
    "bytes": bytes(range(128, 256)),
    "invalid UTF-8": b'{"title": "\xff\xfe"}',
    "overlong UTF-8": b'{"title": "\xc0\xae"}',
    "a surrogate in UTF-8": b'{"title": "\xed\xa0\x80"}',
    "a lone surrogate": b'{"title": "\\ud800"}',
    "UTF-16": '{"title": "a"}'.encode("utf-16"),
    "a NUL byte": b'{"title": "a\x00"}',
    "20,000 arrays": b"[" * 20_000,
    "20,000 closed arrays": b'{"title": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    "10,000 objects": b'{"title":' * 6_000 + b"1" + b"}" * 6_000,
    "a form": b"title=a&completed=true",
}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        pytest.param(method, path, body, id=f"{method} {path} {name}")
        for method, path in WRITES
        for name, body in MALFORMED.items()
        if body or not path.endswith("/complete")  # without a body one toggles
    ],
)
async def test_a_body_that_is_not_json_is_400(
    me: Person, unchanged: Unchanged, method: str, path: str, body: bytes
) -> None:
    task = await create(me)
    async with unchanged(me):
        address = TASKS + path.format(**task)
        response = await me.request(method, address, content=body, headers={"content-type": "application/json"})
        problem(response, 400, "bad_request", "malformed_json")


INVALID: dict[str, tuple[Any, set[str]]] = {
    "a title of null": ({"title": None}, {"title"}),
    "an empty title": ({"title": ""}, {"title"}),
    "a title of spaces": ({"title": " \t\r\n "}, {"title"}),
    "a title of other spaces": ({"title": "\u00a0\u2003\u3000"}, {"title"}),
    "a title of 201": ({"title": "x" * 201}, {"title"}),
    "a number for a title": ({"title": 5}, {"title"}),
    "a list for a title": ({"title": ["a"]}, {"title"}),
    "an object for a title": ({"title": {"a": {"b": {}}}}, {"title"}),
    "a NUL in the title": ({"title": "a\0b"}, {"title"}),
    "a description of 5001": ({"title": "a", "description": "x" * 5001}, {"description"}),
    "a number for a description": ({"title": "a", "description": 5}, {"description"}),
    "a NUL in the description": ({"title": "a", "description": "\0"}, {"description"}),
    "a word for completed": ({"title": "a", "completed": "true"}, {"completed"}),
    "a number for completed": ({"title": "a", "completed": 1}, {"completed"}),
    "null for completed": ({"title": "a", "completed": None}, {"completed"}),
    "user_id": ({"title": "a", "user_id": "somebody-else"}, {"user_id"}),
    "id": ({"title": "a", "id": NOWHERE}, {"id"}),
    "created_at": ({"title": "a", "created_at": "2020-01-01T00:00:00Z"}, {"created_at"}),
    "an unknown field": ({"title": "a", "colour": "red"}, {"colour"}),
    "an empty field name": ({"title": "a", "": 1}, {""}),
    "everything at once": (
        {"title": " ", "description": 5, "completed": "no", "user_id": "b", "colour": "red"},
        {"title", "description", "completed", "user_id", "colour"},
    ),
}


@pytest.mark.parametrize(("body", "fields"), INVALID.values(), ids=INVALID)
@pytest.mark.parametrize(("method", "path"), WRITES[:3])
async def test_bad_fields_are_422_all_named_at_once(
    me: Person, unchanged: Unchanged, method: str, path: str, body: Any, fields: set[str]
) -> None:
    task = await create(me)
    async with unchanged(me):
        response = await me.request(method, TASKS + path.format(**task), json=body)
        problem(response, 422, "validation_error", fields=fields)


@pytest.mark.parametrize("body", [[], [{"title": "a"}], "text", 5, True, None], ids=str)
@pytest.mark.parametrize(("method", "path"), WRITES)
async def test_json_that_is_no_object_is_422(
    me: Person, unchanged: Unchanged, method: str, path: str, body: Any
) -> None:
    task = await create(me)
    async with unchanged(me):
        raw = json.dumps(body).encode()
        address = TASKS + path.format(**task)
        response = await me.request(method, address, content=raw, headers={"content-type": "application/json"})
        assert problem(response, 422, "validation_error")["errors"]


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", "1" * 5000])
async def test_numbers_that_are_none_are_refused(me: Person, unchanged: Unchanged, value: str) -> None:
    async with unchanged(me):
        for name in ("title", "completed", "colour"):
            body = f'{{"title": "a", "{name}": {value}}}'.encode()
            response = await me.post(TASKS, content=body, headers={"content-type": "application/json"})
            if response.status_code == 400:
                problem(response, 400, "bad_request", "malformed_json")
            else:
                problem(response, 422, "validation_error", fields={name})


@pytest.mark.parametrize(("method", "path"), WRITES[:2])
async def test_a_title_is_required(me: Person, unchanged: Unchanged, method: str, path: str) -> None:
    task = await create(me)
    async with unchanged(me):
        for body in ({}, {"description": "x"}):
            response = await me.request(method, TASKS + path.format(**task), json=body)
            problem(response, 422, "validation_error", fields={"title"})


async def test_what_a_refusal_says_does_not_repeat_what_was_sent(me: Person) -> None:
    secret = "hunter2-" + "x" * 300
    response = await me.post(TASKS, json={"title": secret, "description": ["hunter2"]})
    problem(response, 422, "validation_error", fields={"title", "description"})
    assert "hunter2" not in response.text


@pytest.mark.parametrize(
    "kind",
    [
        None,
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "application/jsonp",
        "application/json-patch+json",
        "nonsense",
    ],
)
@pytest.mark.parametrize(("method", "path"), WRITES)
async def test_a_body_of_another_type_is_415(
    me: Person, unchanged: Unchanged, method: str, path: str, kind: str | None
) -> None:
    task = await create(me)
    headers = {} if kind is None else {"content-type": kind}
    async with unchanged(me):
        body = b'{"completed": true}' if path.endswith("/complete") else b'{"title": "a"}'
        response = await me.request(method, TASKS + path.format(**task), content=body, headers=headers)
        problem(response, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"']
)
async def test_json_may_say_its_charset(me: Person, kind: str) -> None:
    ok(await me.post(TASKS, content=b'{"title": "a"}', headers={"content-type": kind}), 201)


@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "in chunks"])
@pytest.mark.parametrize(("method", "path"), WRITES)
async def test_a_body_of_one_mebibyte_is_413(
    me: Person, unchanged: Unchanged, method: str, path: str, chunked: bool
) -> None:
    async def chunks() -> Any:
        yield b'{"title": "'
        for _ in range(16):
            yield b"x" * 65536
        yield b'"}'

    task = await create(me)
    whole = b"".join([chunk async for chunk in chunks()])
    async with unchanged(me):
        response = await me.request(
            method,
            TASKS + path.format(**task),
            content=chunks() if chunked else whole,
            headers={"content-type": "application/json"},
        )
        problem(response, 413, "content_too_large")


async def test_a_body_in_chunks_is_read(me: Person) -> None:
    async def chunks() -> Any:
        for byte in b'{"title": "bit by bit"}':
            yield bytes([byte])

    response = await me.post(TASKS, content=chunks(), headers={"content-type": "application/json"})
    a_task(ok(response, 201), title="bit by bit")


# --- Idempotency-Key -------------------------------------------------------------------------------


async def test_the_same_key_and_body_again_is_the_same_task_and_creates_nothing(
    me: Person, unchanged: Unchanged
) -> None:
    key = {"idempotency-key": secrets.token_hex(8)}
    first = a_task(ok(await me.post(TASKS, json={"title": "once", "description": "d"}, headers=key), 201))
    async with unchanged(me):
        for body in (b'{"title":"once","description":"d"}', b'{ "description": "d",\n "title": "once" }'):
            again = await me.post(TASKS, content=body, headers={**key, "content-type": "application/json"})
            assert ok(again) == first


@pytest.mark.parametrize(
    "body",
    [{"title": "twice"}, {"title": "once", "description": "d"}, {"title": "once", "completed": True}],
    ids=str,
)
async def test_the_same_key_with_another_body_is_422(me: Person, unchanged: Unchanged, body: Any) -> None:
    key = {"idempotency-key": secrets.token_hex(8)}
    ok(await me.post(TASKS, json={"title": "once"}, headers=key), 201)
    async with unchanged(me):
        problem(await me.post(TASKS, json=body, headers=key), 422, "validation_error")


async def test_a_refused_create_does_not_use_its_key_up(me: Person, unchanged: Unchanged) -> None:
    key = {"idempotency-key": secrets.token_hex(8)}
    async with unchanged(me):
        problem(await me.post(TASKS, json={"title": " "}, headers=key), 422, "validation_error")
    ok(await me.post(TASKS, json={"title": "now"}, headers=key), 201)


@pytest.mark.parametrize("key", ["", "x" * 256, "x" * 1000], ids=lambda key: f"{len(key)} of {key[:1]!r}")
async def test_a_key_of_no_or_too_many_characters_is_422(me: Person, unchanged: Unchanged, key: str) -> None:
    async with unchanged(me):
        response = await me.post(TASKS, json={"title": "a"}, headers={"idempotency-key": key})
        problem(response, 422, "validation_error", fields={"Idempotency-Key"})


async def test_two_keys_in_one_request_are_refused(me: Person, unchanged: Unchanged) -> None:
    async with unchanged(me):
        twice = [("idempotency-key", "a"), ("idempotency-key", "b")]
        problem(
            await me.post(TASKS, json={"title": "a"}, headers=twice),
            422,
            "validation_error",
            fields={"Idempotency-Key"},
        )


@pytest.mark.parametrize("length", [1, 255])
async def test_keys_of_1_to_255_characters_work(me: Person, length: int) -> None:
    key = {
        "idempotency-key": "".join(secrets.choice("0123456789abcdef!~ \"\\%'") for _ in range(length)).replace(" ", "_")
    }
    await me.post(TASKS, json={"title": "a"}, headers=key)
    first = ok(await me.post(TASKS, json={"title": "a"}, headers=key))
    assert ok(await me.post(TASKS, json={"title": "a"}, headers=key)) == first


async def test_the_same_key_twenty_times_at_once_creates_exactly_one_task(me: Person, marker: str) -> None:
    key = {"idempotency-key": marker}
    answers = await asyncio.gather(*(me.post(TASKS, json={"title": marker}, headers=key) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(ok(await me.get(TASKS, params={"q": marker}))["items"]) == 1


async def test_one_key_with_two_bodies_at_once_keeps_one_of_them(me: Person, marker: str) -> None:
    key = {"idempotency-key": marker}
    bodies = [{"title": f"{marker} {n % 2}"} for n in range(10)]
    answers = await asyncio.gather(*(me.post(TASKS, json=body, headers=key) for body in bodies))
    assert sorted(answer.status_code for answer in answers) == [200] * 4 + [201] + [422] * 5
    assert len(ok(await me.get(TASKS, params={"q": marker}))["items"]) == 1


async def test_a_repeat_after_an_edit_is_the_same_task_and_does_not_undo_it(me: Person, unchanged: Unchanged) -> None:
    key = {"idempotency-key": secrets.token_hex(8)}
    first = ok(await me.post(TASKS, json={"title": "once"}, headers=key), 201)
    ok(await me.patch(f"{TASKS}/{first['id']}", json={"title": "edited"}))
    async with unchanged(me):
        assert ok(await me.post(TASKS, json={"title": "once"}, headers=key))["id"] == first["id"]


# --- GET one ---------------------------------------------------------------------------------------


async def test_a_task_has_an_etag_and_a_client_that_knows_it_gets_304(me: Person) -> None:
    task = await create(me)
    address = f"{TASKS}/{task['id']}"
    response = await me.get(address)
    assert ok(response) == task
    tag = response.headers["etag"]
    assert re.fullmatch(r'(W/)?"[\x21\x23-\x7e]+"', tag)
    for known in (
        tag,
        f'"x", {tag}',
        "*",
        f"W/{tag.removeprefix('W/')}",
    ):  # RFC 9110, section 13.1.2: weak comparison
        same = await me.get(address, headers={"if-none-match": known})
        ok(same, 304)
        assert same.headers["etag"] == tag
    for unknown in ('"x"', tag.strip('"'), ""):
        assert ok(await me.get(address, headers={"if-none-match": unknown})) == task
    ok(await me.patch(f"{address}/complete"))
    changed = await me.get(address, headers={"if-none-match": tag})
    assert ok(changed)["completed"] is True
    assert changed.headers["etag"] != tag


NOT_UUIDS = [
    "1",
    "x",
    "null",
    "undefined",
    "counts2",
    "%00",
    "a%00b",
    "%FF",
    "0" * 1000,
    "🦊",
    f"{NOWHERE}0",
    f" {NOWHERE}",
    f"%7B{NOWHERE}%7D",
    f"urn:uuid:{NOWHERE}",
    NOWHERE.replace("-", "_"),
    f"{NOWHERE}%0A",
    "٠190c0de-0000-7000-8000-000000000000",
]


@pytest.mark.parametrize("path", NOT_UUIDS, ids=lambda path: ascii(path)[:24])
@pytest.mark.parametrize(
    ("method", "suffix"), [("GET", ""), ("PUT", ""), ("PATCH", ""), ("PATCH", "/complete"), ("DELETE", "")]
)
async def test_an_id_that_is_no_uuid_is_simply_not_found(
    me: Person, unchanged: Unchanged, method: str, suffix: str, path: str
) -> None:
    body = {"title": "a"} if method == "PUT" else {"completed": True} if method == "PATCH" else None
    async with unchanged(me):
        problem(await me.request(method, f"{TASKS}/{path}{suffix}", json=body), 404, "not_found")


async def test_other_spellings_of_an_id_find_the_task_or_nothing_but_never_fail(me: Person) -> None:
    task = await create(me)
    address = f"{TASKS}/{task['id']}"
    assert ok(await me.get(address)) == task
    for spelling in (
        task["id"].upper(),
        task["id"].replace("-", ""),
        "{" + task["id"] + "}",
        "urn:uuid:" + task["id"],
    ):
        response = await me.get(f"{TASKS}/{quote(spelling, safe=':')}")
        if response.status_code == 200:
            assert ok(response) == task
        else:
            problem(response, 404, "not_found")


# --- GET the list ----------------------------------------------------------------------------------


async def walk(person: Person, **query: Any) -> list[dict[str, Any]]:
    """Every task that matches, page after page."""
    found: list[dict[str, Any]] = []
    while True:
        page = ok(await person.get(TASKS, params=query))
        assert set(page) == {"items", "next_cursor"}
        assert len(page["items"]) <= query.get("limit", 50)
        found += map(a_task, page["items"])
        if page["next_cursor"] is None:
            return found
        assert page["items"], "a page that has a next one is not empty"
        query["cursor"] = page["next_cursor"]


async def test_the_list_is_newest_first_and_pages_hold_each_task_once(me: Person, marker: str) -> None:
    made = [await create(me, f"{marker} {n}", completed=n % 3 == 0) for n in range(7)]
    newest = made[::-1]
    assert await walk(me, q=marker) == newest
    for limit in (1, 2, 3, 6, 7, 8, 200):
        assert await walk(me, q=marker, limit=limit) == newest
    assert await walk(me, q=marker, completed="true", limit=2) == [task for task in newest if task["completed"]]
    assert await walk(me, q=marker, completed="false", limit=2) == [task for task in newest if not task["completed"]]
    exact = ok(await me.get(TASKS, params={"q": marker, "limit": 7}))
    assert exact["next_cursor"] is None, "nothing follows the last full page"
    everything = await walk(me, limit=200)
    assert [task for task in everything if marker in task["title"]] == newest


async def test_a_page_holds_fifty_unless_asked_otherwise(me: Person, marker: str) -> None:
    await asyncio.gather(*(create(me, marker) for _ in range(51)))
    first = ok(await me.get(TASKS, params={"q": marker}))
    assert len(first["items"]) == 50
    rest = ok(await me.get(TASKS, params={"q": marker, "cursor": first["next_cursor"]}))
    assert len(rest["items"]) == 1
    assert rest["next_cursor"] is None


async def test_a_cursor_outlives_the_task_it_points_at_and_skips_nothing(me: Person, marker: str) -> None:
    made = [await create(me, f"{marker} {n}") for n in range(4)][::-1]
    page = ok(await me.get(TASKS, params={"q": marker, "limit": 2}))
    for task in made[1:3]:  # the last one of this page and the first of the next
        ok(await me.delete(f"{TASKS}/{task['id']}"), 204)
    await create(me, f"{marker} newer")
    rest = ok(await me.get(TASKS, params={"q": marker, "limit": 2, "cursor": page["next_cursor"]}))
    assert rest["items"] == [made[3]]


async def test_search_finds_any_case_in_title_and_description_and_nothing_else(me: Person, marker: str) -> None:
    in_title = await create(me, f"Buy {marker.upper()}milk")
    in_text = await create(me, description=f"… {marker}MILK …")
    await create(me, "milk", description="something else")
    assert await walk(me, q=f"{marker}milk") == [in_text, in_title]
    assert await walk(me, q=f"{marker}Milk".title()) == [in_text, in_title]
    assert await walk(me, q=f"{marker}  milk") == []


@pytest.mark.parametrize("sign", ["%", "_", "\\", "'", '"', "\\%", "%%", "--", "[a]", "*", ".", "+", "&", "#", "ß"])
async def test_search_takes_signs_as_they_are(me: Person, marker: str, sign: str) -> None:
    task = await create(me, f"{marker}{sign}end")
    await create(me, f"{marker}Xend")
    await create(me, f"{marker}XYend")
    assert await walk(me, q=f"{marker}{sign}end") == [task]


@pytest.mark.parametrize(("stored", "asked"), [("ÉCLAIR", "éclair"), ("łódź", "ŁÓDŹ"), ("Привет", "пРИВЕТ")])
async def test_search_folds_case_beyond_ascii(me: Person, marker: str, stored: str, asked: str) -> None:
    task = await create(me, f"{marker} {stored}")
    assert await walk(me, q=f"{marker} {asked}") == [task]


async def test_an_empty_search_matches_everything(me: Person) -> None:
    await create(me)
    assert ok(await me.get(TASKS, params={"q": ""})) == ok(await me.get(TASKS))


BAD_QUERIES = {
    **{
        f"limit={value}": ("limit", value)
        for value in (
            "0",
            "201",
            "-1",
            "abc",
            "",
            "1.5",
            "1e2",
            "+5",
            " 5",
            "5 ",
            "0x10",
            "1_0",
            "٥",
            "９",
            "null",
            "9" * 400,
            "NaN",
        )
    },
    **{f"completed={value}": ("completed", value) for value in ("", "maybe", "1", "0", "yes", "TRUE", "null", "true ")},
    **{
        f"cursor={value}": ("cursor", value)
        for value in ("", "made-up", "AAAA", "a" * 5000, "\0", "🦊", "e30=", "bnVsbA", NOWHERE, "0", "../..")
    },
    "a NUL in q": ("q", "a\0b"),
    "a q of 201": ("q", "x" * 201),
}


@pytest.mark.parametrize(("field", "value"), BAD_QUERIES.values(), ids=lambda value: ascii(value)[:32])
async def test_a_bad_query_is_422_and_names_the_parameter(
    me: Person, unchanged: Unchanged, field: str, value: str
) -> None:
    await create(me)
    async with unchanged(me):
        problem(await me.get(TASKS, params={field: value}), 422, "validation_error", fields={field})


async def test_a_cursor_that_was_tampered_with_is_refused(me: Person, unchanged: Unchanged) -> None:
    for _ in range(3):
        await create(me)
    cursor = ok(await me.get(TASKS, params={"limit": 1}))["next_cursor"]
    ok(await me.get(TASKS, params={"cursor": cursor}))
    async with unchanged(me):
        for place in range(0, len(cursor), 5):
            letter = "A" if cursor[place] != "A" else "B"
            tampered = cursor[:place] + letter + cursor[place + 1 :]
            response = await me.get(TASKS, params={"cursor": tampered})
            problem(response, 422, "validation_error", fields={"cursor"})
        for tampered in (cursor[:-1], cursor[1:], cursor + "A", cursor + "=", cursor + " ", cursor * 2):
            response = await me.get(TASKS, params={"cursor": tampered})
            problem(response, 422, "validation_error", fields={"cursor"})


async def test_every_bad_parameter_is_named_at_once(me: Person) -> None:
    response = await me.get(TASKS, params={"limit": "0", "completed": "maybe", "cursor": "made-up", "q": "\0"})
    problem(response, 422, "validation_error", fields={"limit", "completed", "cursor", "q"})


@pytest.mark.parametrize("name", ["limit", "completed", "q", "cursor"])
async def test_a_parameter_given_twice_is_422(me: Person, unchanged: Unchanged, name: str) -> None:
    for _ in range(2):
        await create(me)
    cursor = ok(await me.get(TASKS, params={"limit": 1}))["next_cursor"]
    value = {"limit": "5", "completed": "true", "q": "a", "cursor": cursor}[name]
    async with unchanged(me):
        response = await me.get(TASKS, params=[(name, value), (name, value)])
        problem(response, 422, "validation_error", fields={name})


@pytest.mark.parametrize("name", ["complete", "Limit", "user_id", "page", "access_token", ""])
async def test_an_unknown_parameter_is_422_rather_than_quietly_ignored(
    me: Person, unchanged: Unchanged, name: str
) -> None:
    async with unchanged(me):
        problem(await me.get(TASKS, params={name: "true"}), 422, "validation_error", fields={name})


async def test_invalid_utf8_in_the_query_is_refused_or_finds_nothing(me: Person) -> None:
    await create(me)
    response = await me.get(f"{TASKS}?q=%ff%fe")
    if response.status_code == 200:
        assert ok(response) == {"items": [], "next_cursor": None}
    else:
        problem(response, 422, "validation_error")


# --- GET counts ------------------------------------------------------------------------------------


async def test_counts_follow_every_change(me: Person) -> None:
    async def counts() -> tuple[int, int]:
        both = ok(await me.get(f"{TASKS}/counts"))
        assert set(both) == {"open", "completed"}
        return both["open"], both["completed"]

    opened, completed = await counts()
    task = await create(me)
    assert await counts() == (opened + 1, completed)
    ok(await me.patch(f"{TASKS}/{task['id']}/complete"))
    assert await counts() == (opened, completed + 1)
    ok(await me.delete(f"{TASKS}/{task['id']}"), 204)
    assert await counts() == (opened, completed)


# --- PUT -------------------------------------------------------------------------------------------


async def test_put_replaces_everything_that_can_be_written(me: Person) -> None:
    task = await create(me, description="old", completed=True)
    address = f"{TASKS}/{task['id']}"
    new = a_task(ok(await me.put(address, json={"title": " new ", "description": "text", "completed": False})))
    assert new == {
        **task,
        "title": "new",
        "description": "text",
        "completed": False,
        "updated_at": new["updated_at"],
    }
    assert moment(new["updated_at"]) > moment(task["updated_at"])
    assert ok(await me.get(address)) == new
    bare = ok(await me.put(address, json={"title": "bare"}))
    a_task(bare, title="bare", description=None, completed=False)


async def test_put_creates_nothing(me: Person, unchanged: Unchanged) -> None:
    async with unchanged(me):
        for task in (NOWHERE, str(uuid.uuid4())):
            problem(await me.put(f"{TASKS}/{task}", json={"title": "a"}), 404, "not_found")


# --- PATCH -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [MERGE_PATCH, "application/json"])
async def test_a_merge_patch_changes_what_it_names(me: Person, kind: str) -> None:
    task = await create(me, description="old")
    address = f"{TASKS}/{task['id']}"

    async def patch(body: dict[str, Any]) -> dict[str, Any]:
        response = await me.patch(address, content=json.dumps(body).encode(), headers={"content-type": kind})
        return a_task(ok(response))

    for body in (
        {"title": "new"},
        {"completed": True},
        {"description": "text"},
        {"description": None},
        {"title": " a ", "description": "b", "completed": False},
    ):
        before, task = task, await patch(body)
        wanted = {**before, **body, "title": body.get("title", before["title"]).strip()}
        assert task == {**wanted, "updated_at": task["updated_at"]}
        assert moment(task["updated_at"]) > moment(before["updated_at"])
        assert ok(await me.get(address)) == task


async def test_an_empty_merge_patch_changes_nothing(me: Person, unchanged: Unchanged) -> None:
    task = await create(me)
    async with unchanged(me):
        assert ok(await me.patch(f"{TASKS}/{task['id']}", json={})) == task


# --- PATCH …/complete ------------------------------------------------------------------------------


async def test_complete_without_a_body_toggles_and_with_one_sets(me: Person) -> None:
    task = await create(me)
    address = f"{TASKS}/{task['id']}/complete"
    seen = []
    for body in (None, None, None, True, True, False, False):
        response = await me.patch(address) if body is None else await me.patch(address, json={"completed": body})
        after = a_task(ok(response))
        seen.append(after["completed"])
        assert {**after, "completed": False, "updated_at": ""} == {**task, "updated_at": ""}
        assert ok(await me.get(f"{TASKS}/{task['id']}")) == after
    assert seen == [True, False, True, True, True, False, False]


async def test_an_empty_body_that_calls_itself_json_toggles_too(me: Person) -> None:
    task = await create(me)
    headers = {"content-type": "application/json", "content-length": "0"}
    assert ok(await me.patch(f"{TASKS}/{task['id']}/complete", headers=headers))["completed"] is True


async def test_toggling_at_once_loses_no_toggle(me: Person) -> None:
    task = await create(me)
    answers = await asyncio.gather(*(me.patch(f"{TASKS}/{task['id']}/complete") for _ in range(11)))
    assert sorted(ok(answer)["completed"] for answer in answers) == [False] * 5 + [True] * 6
    assert ok(await me.get(f"{TASKS}/{task['id']}"))["completed"] is True


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"completed"}),
        ({"completed": None}, {"completed"}),
        ({"completed": "true"}, {"completed"}),
        ({"completed": 1}, {"completed"}),
        ({"completed": True, "title": "a"}, {"title"}),
        ({"completed": True, "user_id": "a"}, {"user_id"}),
    ],
    ids=str,
)
async def test_complete_takes_a_boolean_and_nothing_else(
    me: Person, unchanged: Unchanged, body: Any, fields: set[str]
) -> None:
    task = await create(me)
    async with unchanged(me):
        response = await me.patch(f"{TASKS}/{task['id']}/complete", json=body)
        problem(response, 422, "validation_error", fields=fields)


# --- DELETE ----------------------------------------------------------------------------------------


async def test_delete_answers_204_once_and_404_ever_after(me: Person, unchanged: Unchanged) -> None:
    async with unchanged(me):
        task = await create(me)
        address = f"{TASKS}/{task['id']}"
        ok(await me.delete(address), 204)
        for method in ("GET", "DELETE"):
            problem(await me.request(method, address), 404, "not_found")
        problem(await me.put(address, json={"title": "a"}), 404, "not_found")
        problem(await me.patch(address, json={"title": "a"}), 404, "not_found")
        problem(await me.patch(f"{address}/complete"), 404, "not_found")


async def test_clearing_takes_the_completed_ones_and_says_how_many(me: Person) -> None:
    if (await me.everything())[1]["completed"]:
        pytest.skip("live: would clear completed tasks that were there before")
    kept = await create(me)
    for _ in range(3):
        await create(me, completed=True)
    assert ok(await me.delete(TASKS, params={"completed": "true"})) == {"deleted": 3}
    assert ok(await me.delete(TASKS, params={"completed": "true"})) == {"deleted": 0}
    assert ok(await me.get(f"{TASKS}/{kept['id']}")) == kept


async def test_clearing_the_open_ones_is_a_filter_too(me: Person) -> None:
    if (await me.everything())[1]["open"]:
        pytest.skip("live: would clear open tasks that were there before")
    await create(me)
    kept = await create(me, completed=True)
    assert ok(await me.delete(TASKS, params={"completed": "false"})) == {"deleted": 1}
    assert ok(await me.get(f"{TASKS}/{kept['id']}")) == kept


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?completed=",
        "?completed=maybe",
        "?completed=1",
        "?completed=true&completed=true",
    ],
)
async def test_clearing_without_its_filter_is_422(me: Person, unchanged: Unchanged, query: str) -> None:
    await create(me)
    await create(me, completed=True)
    async with unchanged(me):
        problem(await me.delete(TASKS + query), 422, "validation_error", fields={"completed"})


@pytest.mark.parametrize("name", ["q", "limit", "cursor", "older_than", "id"])
async def test_clearing_with_a_filter_we_do_not_know_deletes_nothing(
    me: Person, unchanged: Unchanged, name: str
) -> None:
    await create(me, completed=True)
    async with unchanged(me):
        response = await me.delete(TASKS, params={"completed": "true", name: "1"})
        problem(response, 422, "validation_error", fields={name})


async def test_clearing_until_a_time_leaves_what_changed_after_it(me: Person) -> None:
    if (await me.everything())[1]["completed"]:
        pytest.skip("live: would clear completed tasks that were there before")
    seen, ticked_since = await create(me, completed=True), await create(me)
    last_seen = await create(me, completed=True)
    ticked_since = ok(await me.patch(f"{TASKS}/{ticked_since['id']}/complete"))
    query = {"completed": "true", "until": last_seen["updated_at"]}
    assert ok(await me.delete(TASKS, params=query)) == {"deleted": 2}
    assert ok(await me.get(f"{TASKS}/{ticked_since['id']}")) == ticked_since
    problem(await me.get(f"{TASKS}/{seen['id']}"), 404, "not_found")
    assert ok(await me.delete(TASKS, params={**query, "until": ticked_since["updated_at"]})) == {"deleted": 1}


@pytest.mark.parametrize(
    "moment",
    [
        "1990-01-01T00:00:00Z",
        "1990-01-01t00:00:00.5z",
        "1990-01-01T01:00:00+01:00",
        "1989-12-31T23:00:00.1234567-01:00",
    ],
)
async def test_every_spelling_of_a_moment_that_rfc_3339_has_is_understood(
    me: Person, unchanged: Unchanged, moment: str
) -> None:
    await create(me, completed=True)
    async with unchanged(me):
        assert ok(await me.delete(TASKS, params={"completed": "true", "until": moment})) == {"deleted": 0}


@pytest.mark.parametrize(
    "moment",
    [
        "",
        "now",
        "1795249575",
        "2036-01-01",
        "2036-01-01 00:00:00Z",
        "2036-01-01T00:00:00",
        "2036-01-01T00:00Z",
        "2036-13-01T00:00:00Z",
        "2036-02-30T00:00:00Z",
        "2036-01-01T24:00:01Z",
        "2036-W01-1T00:00:00Z",
        "20360101T000000Z",
        "2036-01-01T00:00:00+24:00",
        "2036-01-01T00:00:00 01:00",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "\u0662036-01-01T00:00:00Z",
        "2036-01-01T00:00:00Z\n",
    ],
)
async def test_clearing_until_no_moment_is_422_and_deletes_nothing(
    me: Person, unchanged: Unchanged, moment: str
) -> None:
    await create(me, completed=True)
    async with unchanged(me):
        response = await me.delete(TASKS, params={"completed": "true", "until": moment})
        problem(response, 422, "validation_error", fields={"until"})


async def test_clearing_until_a_time_still_needs_its_filter(me: Person, unchanged: Unchanged) -> None:
    await create(me, completed=True)
    async with unchanged(me):
        response = await me.delete(TASKS, params={"until": "2036-01-01T00:00:00Z"})
        problem(response, 422, "validation_error", fields={"completed"})


# --- If-Match --------------------------------------------------------------------------------------

CHANGES: list[tuple[str, str, Any]] = [
    ("PUT", "", {"title": "changed"}),
    ("PATCH", "", {"title": "changed"}),
    ("PATCH", "/complete", None),
    ("PATCH", "/complete", {"completed": True}),
    ("DELETE", "", None),
]


@pytest.mark.parametrize(("method", "suffix", "body"), CHANGES)
async def test_a_change_to_a_task_that_changed_meanwhile_is_412(
    me: Person, unchanged: Unchanged, method: str, suffix: str, body: Any
) -> None:
    task = await create(me)
    address = f"{TASKS}/{task['id']}"
    stale = (await me.get(address)).headers["etag"]
    ok(await me.patch(address, json={"description": "meanwhile"}))
    async with unchanged(me):
        for tag in (stale, '"made-up"', f'{stale}, "b"', f"W/{stale.removeprefix('W/')}", ""):
            response = await me.request(method, address + suffix, json=body, headers={"if-match": tag})
            problem(response, 412, "precondition_failed")


@pytest.mark.parametrize(("method", "suffix", "body"), CHANGES)
async def test_if_match_compares_strongly(
    me: Person, unchanged: Unchanged, method: str, suffix: str, body: Any
) -> None:
    task = await create(me)
    address = f"{TASKS}/{task['id']}"
    tag = (await me.get(address)).headers["etag"]
    async with unchanged(me):
        for weak in (f"W/{tag}", tag.strip('"'), tag.upper().replace("T", " "), f"{tag[:-2]}"):  # RFC 9110, 13.1.1
            response = await me.request(method, address + suffix, json=body, headers={"if-match": weak})
            problem(response, 412, "precondition_failed")


@pytest.mark.parametrize(("method", "suffix", "body"), CHANGES)
@pytest.mark.parametrize("how", ["{tag}", '"other", {tag}', "*"])
async def test_a_change_that_names_what_is_there_goes_through(
    me: Person, method: str, suffix: str, body: Any, how: str
) -> None:
    task = await create(me)
    address = f"{TASKS}/{task['id']}"
    tag = (await me.get(address)).headers["etag"]
    response = await me.request(method, address + suffix, json=body, headers={"if-match": how.format(tag=tag)})
    ok(response, 204 if method == "DELETE" else 200)


async def test_the_answer_to_a_change_carries_the_tag_of_what_is_there_now(me: Person) -> None:
    response = await me.post(TASKS, json={"title": "a"})
    address = f"{TASKS}/{response.json()['id']}"
    assert response.headers["etag"] == (await me.get(address)).headers["etag"]
    for method, suffix, body in CHANGES[:4]:
        response = await me.request(method, address + suffix, json=body)
        assert response.headers["etag"] == (await me.get(address)).headers["etag"]


async def test_of_ten_changes_at_once_under_one_tag_exactly_one_wins(me: Person) -> None:
    task = await create(me)
    address = f"{TASKS}/{task['id']}"
    condition = {"if-match": (await me.get(address)).headers["etag"]}
    answers = await asyncio.gather(*(me.patch(address, json={"title": f"{n}"}, headers=condition) for n in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 9
    winner = next(answer for answer in answers if answer.status_code == 200)
    assert ok(await me.get(address)) == winner.json()


# --- Paths and methods -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/api/me",
        "/api/me/",
        "/api/me/notes",
        f"{TASKS}/",
        f"{TASKS}/{NOWHERE}/",
        f"{TASKS}/{NOWHERE}/done",
        "/api/me/Tasks",
        f"{TASKS}/counts/",
        f"{TASKS}/{NOWHERE}/complete/",
        "//api/me/tasks",
        "/api/me//tasks",
    ],
)
async def test_a_path_that_does_not_exist_is_404_and_redirects_nowhere(me: Person, path: str) -> None:
    problem(await me.get(httpx.URL(str(me.base_url).rstrip("/") + path)), 404, "not_found")


@pytest.mark.parametrize("path", ["/api/", "/api//", "/api//me/tasks", "/api/%0A/tasks"])
async def test_a_path_that_names_nobody_is_nobodys(me: Person, path: str) -> None:
    response = await me.get(path)
    if response.status_code == 403:
        problem(response, 403, "authorization_error", "not_owner")
    else:
        problem(response, 404, "not_found")


ALLOWED = {
    TASKS: {"GET", "HEAD", "POST", "DELETE"},
    f"{TASKS}/counts": {"GET", "HEAD"},
    f"{TASKS}/{NOWHERE}": {"GET", "HEAD", "PUT", "PATCH", "DELETE"},
    f"{TASKS}/{NOWHERE}/complete": {"PATCH"},
    "/healthz": {"GET", "HEAD"},
    "/openapi.json": {"GET", "HEAD"},
}


@pytest.mark.parametrize("path", ALLOWED)
async def test_a_method_that_is_not_allowed_is_405_and_says_which_are(
    me: Person, unchanged: Unchanged, path: str
) -> None:
    async with unchanged(me):
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"} - ALLOWED[path]:
            response = await me.request(method, path)
            problem(response, 405, "method_not_allowed")
            assert {word.strip() for word in response.headers["allow"].split(",")} - {"OPTIONS"} == ALLOWED[path]


@pytest.mark.parametrize("path", [TASKS, f"{TASKS}/counts", "/healthz", "/readyz", "/openapi.json"])
async def test_head_is_get_without_its_body(me: Person, path: str) -> None:
    got, headed = await me.get(path), await me.head(path)
    assert headed.status_code == 200
    assert headed.headers["content-type"] == got.headers["content-type"]
    assert headed.headers.get("cache-control") == got.headers.get("cache-control")


@pytest.mark.parametrize(
    "accept",
    [
        "text/html",
        "application/xml",
        "image/*",
        "application/json;q=0",
        "text/html, application/json;q=0.0",
        "*/*;q=0",
        "application/json;q=0, */*",
        "text/html, application/*;q=0, */*;q=0.5",
    ],
)
async def test_a_client_that_will_not_take_json_gets_406_and_nothing_happens(
    me: Person, unchanged: Unchanged, accept: str
) -> None:
    task = await create(me)
    async with unchanged(me):
        for method, path, body in [
            ("GET", "", None),
            ("POST", "", {"title": "a"}),
            ("PATCH", f"/{task['id']}/complete", None),
            ("DELETE", f"/{task['id']}", None),
        ]:
            response = await me.request(method, TASKS + path, json=body, headers={"accept": accept})
            problem(response, 406, "not_acceptable")


@pytest.mark.parametrize(
    "accept",
    [
        "*/*",
        "application/*",
        "application/json",
        "Application/JSON; charset=utf-8",
        "text/html, */*;q=0.1",
        "text/html;q=1, application/json;q=0.001",
        "",
        "application/json, application/problem+json",
    ],
)
async def test_a_client_that_takes_json_in_any_words_gets_it(me: Person, accept: str) -> None:
    ok(await me.get(TASKS, headers={"accept": accept}))


async def test_several_accept_headers_are_one_list(me: Person) -> None:
    ok(await me.get(TASKS, headers=[("accept", "text/html"), ("accept", "application/json")]))
    ruled_out = [("accept", "application/json;q=0"), ("accept", "*/*")]
    problem(await me.get(TASKS, headers=ruled_out), 406, "not_acceptable")


# --- Headers on everything -------------------------------------------------------------------------


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


# --- CORS ------------------------------------------------------------------------------------------


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


def lets_the_browser_read(response: httpx.Response) -> None:
    assert response.headers["access-control-allow-origin"] == ORIGIN
    assert response.headers["access-control-allow-credentials"] == "true"
    assert "origin" in response.headers["vary"].lower()
    exposed = {word.strip().lower() for word in response.headers["access-control-expose-headers"].split(",")}
    assert {"etag", "location", "retry-after", "x-request-id"} <= exposed


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


# --- Failures that are ours ------------------------------------------------------------------------


async def test_a_crash_is_500_in_the_one_shape_and_tells_nothing(
    mocked: InProcess, me: Person, unchanged: Unchanged
) -> None:
    import asyncpg

    connection = await asyncpg.connect(mocked.database_url)
    secret = "driver text that nobody must see"
    try:
        await connection.execute(
            f"""CREATE FUNCTION explode() RETURNS trigger LANGUAGE plpgsql
                AS $$ BEGIN RAISE EXCEPTION '{secret}'; END $$;
            CREATE TRIGGER explode BEFORE INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION explode()"""
        )
        async with unchanged(me):
            response = await me.post(TASKS, json={"title": "a"}, headers={"origin": ORIGIN})
            problem(response, 500, "internal_error")
            lets_the_browser_read(response)
            assert secret not in response.text
    finally:
        await connection.execute("DROP TRIGGER IF EXISTS explode ON tasks; DROP FUNCTION IF EXISTS explode")
        await connection.close()
    await create(me)


async def test_without_a_database_the_service_is_up_but_not_ready_and_says_503(
    variant: Variant, unused_tcp_port: int
) -> None:
    front = await variant(database_url=f"postgresql://somebody:hunter2@127.0.0.1:{unused_tcp_port}/nowhere")
    async with front.client() as anyone, front.person(0) as person:
        ok(await anyone.get("/healthz"))
        not_ready = await anyone.get("/readyz")
        assert not_ready.status_code == 503
        always_present(not_ready)
        for told in ("hunter2", "somebody", str(unused_tcp_port), "refused", "Errno"):
            assert told not in not_ready.text
        for method, path in ENDPOINTS:
            body = {"title": "a"} if method in ("POST", "PUT") else {"completed": True} if method == "PATCH" else None
            response = await person.request(method, path, json=body, headers={"origin": ORIGIN})
            problem(response, 503, "unavailable", "database_unavailable")
            assert int(response.headers["retry-after"]) >= 1
            lets_the_browser_read(response)
            for told in ("hunter2", "somebody", str(unused_tcp_port), "refused", "Errno"):
                assert told not in response.text
        problem(await anyone.get(TASKS), 401, "authentication_error", "missing_token")


async def test_without_keys_a_token_is_503_and_not_refused(variant: Variant, me: Person, unchanged: Unchanged) -> None:
    from tests.support.issuer import Answer, Issuer

    issuer = Issuer("http://127.0.0.2:3000")
    import respx

    with respx.mock(assert_all_called=False) as router:
        router.route(url=issuer.jwks_url).mock(side_effect=issuer.respond)
        issuer.always = Answer(error=httpx.ConnectError("nobody home"))
        front = await variant(issuer=issuer)
        async with unchanged(me), front.person(0) as person, front.client() as anyone:
            response = await person.post(TASKS, json={"title": "a"}, headers={"origin": ORIGIN})
            problem(response, 503, "unavailable", "keys_unavailable")
            assert int(response.headers["retry-after"]) >= 1
            assert "www-authenticate" not in response.headers, "a client must not sign its user out because of it"
            lets_the_browser_read(response)
            problem(await anyone.get(TASKS), 401, "authentication_error", "missing_token")
            ready = await anyone.get("/readyz")
            assert ready.status_code == 200, "taking every replica out would not bring the keys back"
            assert "nobody home" not in ready.text
