"""The contract, chapter by chapter: Who is calling."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from .conftest import Person, Unchanged, Variant
from .saying import ENDPOINTS, EXPIRED, INVALID_TOKEN, TASKS, ok, problem

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
