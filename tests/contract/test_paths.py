"""The contract, chapter by chapter: Paths and methods."""

from __future__ import annotations

import httpx
import pytest

from .conftest import Person, Unchanged
from .saying import NOWHERE, TASKS, create, ok, problem


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
async def test_a_path_with_an_empty_user_is_not_the_callers(me: Person, path: str) -> None:
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
