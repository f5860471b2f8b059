"""Isolation of owners: no endpoint reveals anything about another person's tasks.

The adversary has another person's ids, cursors, idempotency keys and entity tags. Every answer must equal the answer
for values that do not exist. The endpoints come from the application's routes: a new one without a line in REQUESTS
fails.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import asyncpg
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import Introduce, Person
from tests.support.routes import routes_of
from tests.support.rows import dump

Report = Callable[..., None]
NOWHERE = "0190c0de-0000-7000-8000-000000000000"
LIST, COUNTS = "/api/{user_id}/tasks", "/api/{user_id}/tasks/counts"
EVENTS = "/api/{user_id}/events"
ONE, COMPLETE = "/api/{user_id}/tasks/{id}", "/api/{user_id}/tasks/{id}/complete"

REQUESTS: dict[tuple[str, str], list[dict[str, Any]]] = {
    ("GET", LIST): [{}, {"params": {"completed": "true"}}, {"params": {"q": "secret"}}, {"params": {"limit": 1}}],
    ("GET", COUNTS): [{}],
    ("POST", LIST): [{"json": {"title": "mine"}}],
    ("DELETE", LIST): [{"params": {"completed": "true"}}],
    ("GET", ONE): [{}],
    ("PUT", ONE): [{"json": {"title": "mine"}}, {"json": {}}],
    ("PATCH", ONE): [{"json": {"title": "mine"}}, {"json": {}}, {"json": {"colour": "red"}}],
    ("PATCH", COMPLETE): [{}, {"json": {"completed": True}}, {"json": {"completed": "x"}}],
    ("DELETE", ONE): [{}],
    ("GET", EVENTS): [{"headers": {"accept": "text/event-stream"}}],
}
"""Requests that are well made, or ill made, for each endpoint of the API."""


def template(path: str) -> str:
    """The route's path with the contract's own names for its parameters."""
    names = iter(("{user_id}", "{id}"))
    return re.sub(r"{[^}]*}", lambda _: next(names), path)


def seen(response: httpx.Response) -> Any:
    """All of an answer that a stranger could compare: everything but the request id."""
    headers = {name: value for name, value in response.headers.items() if name not in ("x-request-id", "date")}
    body = response.json() if response.content else None
    if isinstance(body, dict):
        body.pop("request_id", None)
    return response.status_code, headers, body


@pytest.fixture
def endpoints(application: Any) -> list[tuple[str, str]]:
    return sorted({(method, template(path)) for method, path in routes_of(application) if path.startswith("/api/")})


async def furnish(person: Person, word: str) -> dict[str, Any]:
    """Give a person three tasks; what a stranger might have got hold of comes back."""
    key = {"idempotency-key": f"key of {person.sub}"}
    first = await person.post("/api/me/tasks", json={"title": f"{word} 1"}, headers=key)
    await person.post("/api/me/tasks", json={"title": f"{word} 2", "completed": True})
    await person.post("/api/me/tasks", json={"title": f"{word} 3", "description": word})
    page = await person.get("/api/me/tasks", params={"limit": 1})
    one = await person.get(f"/api/me/tasks/{first.json()['id']}")
    return {
        "id": first.json()["id"],
        "key": key["idempotency-key"],
        "cursor": page.json()["next_cursor"],
        "etag": one.headers["etag"],
    }


def test_every_endpoint_of_the_application_is_tried_here(endpoints: list[tuple[str, str]]) -> None:
    assert set(endpoints) == set(REQUESTS)


async def test_another_persons_id_is_answered_like_an_unused_one(
    endpoints: list[tuple[str, str]], alice: Person, bob: Person, database_url: str, reliability: Report
) -> None:
    asked = told_apart = 0
    await furnish(alice, "own")
    theirs = await furnish(bob, "secret")
    before = await dump(database_url)
    conditions: list[dict[str, str]] = [
        {},
        {"if-match": theirs["etag"]},
        {"if-match": "*"},
        {"if-none-match": theirs["etag"]},
        {"if-none-match": "*"},
        {"idempotency-key": theirs["key"]},
    ]
    for method, path in endpoints:
        if "{id}" not in path:
            continue
        for request in REQUESTS[method, path]:
            for headers in conditions:
                answers = [
                    await alice.request(method, path.format(user_id=user, id=task), headers=headers, **request)
                    for user in ("me", "alice")
                    for task in (theirs["id"], NOWHERE)
                ]
                asked += len(answers)
                told_apart += len({repr(seen(answer)) for answer in answers}) - 1
                assert answers[0].status_code in (404, 406, 422), (method, path, request, headers)
                assert told_apart == 0, (method, path, request, headers)
    assert await dump(database_url) == before
    reliability("Another person's task id and one that never was", requests=asked, told_apart=told_apart)


async def test_another_persons_path_is_answered_like_a_path_of_no_person(
    endpoints: list[tuple[str, str]], alice: Person, bob: Person, database_url: str, reliability: Report
) -> None:
    asked = told_apart = 0
    mine, theirs = await furnish(alice, "own"), await furnish(bob, "secret")
    before = await dump(database_url)
    for method, path in endpoints:
        for request in REQUESTS[method, path]:
            answers = [
                await alice.request(method, path.format(user_id=user, id=task), **request)
                for user in ("bob", "nobody", "Alice", "alice%00", "alice%2F", "%61lice%20", "ali%63e.", "0")
                for task in (theirs["id"], mine["id"], NOWHERE, "no-uuid")
            ]
            asked += len(answers)
            told_apart += len({repr(seen(answer)) for answer in answers if answer.status_code != 404}) - 1
            assert told_apart == 0, (method, path, request)
            for answer in answers:
                assert answer.status_code in (403, 404), (method, str(answer.request.url))
                assert "secret" not in answer.text
            assert answers[0].status_code == 403
            assert repr(seen(answers[0])) == repr(seen(answers[4])), "bob exists, nobody does not"
    assert await dump(database_url) == before
    reliability("Another person's path and one of nobody", requests=asked, told_apart=told_apart)


async def test_another_persons_cursor_is_answered_like_a_made_up_one(
    alice: Person, bob: Person, reliability: Report
) -> None:
    await furnish(alice, "own")
    theirs = await furnish(bob, "secret")
    asked = told_apart = 0
    for query in ({}, {"completed": "true"}, {"q": "secret"}, {"limit": 200}):
        answers = [
            await alice.get("/api/me/tasks", params={**query, "cursor": cursor})
            for cursor in (theirs["cursor"], "made-up", "A" * len(theirs["cursor"]))
        ]
        assert answers[0].status_code == 422
        asked += len(answers)
        told_apart += len({repr(seen(answer)) for answer in answers}) - 1
        assert told_apart == 0, query
    reliability("Another person's cursor and a made-up one", requests=asked, told_apart=told_apart)


async def test_another_persons_idempotency_key_acts_like_an_unused_one(alice: Person, bob: Person) -> None:
    theirs = await furnish(bob, "secret")
    for key in (theirs["key"], "never used"):
        for body, status in ({"title": "mine"}, 201), ({"title": "mine"}, 200), ({"title": "other"}, 422):
            response = await alice.post("/api/me/tasks", json=body, headers={"idempotency-key": key})
            assert response.status_code == status
            assert "secret" not in response.text
    assert (await bob.get("/api/me/tasks/counts")).json() == {"open": 2, "completed": 1}
    assert (await alice.get("/api/me/tasks/counts")).json() == {"open": 2, "completed": 0}


async def test_lists_counts_and_clearing_never_touch_another_persons_tasks(
    alice: Person, bob: Person, carol: Person
) -> None:
    await furnish(bob, "secret")
    mine = await furnish(alice, "own")
    assert (await carol.get("/api/me/tasks")).json() == {"items": [], "next_cursor": None}
    assert (await carol.get("/api/me/tasks/counts")).json() == {"open": 0, "completed": 0}
    listed = (await alice.get("/api/me/tasks")).json()["items"]
    assert [task["title"] for task in listed] == ["own 3", "own 2", "own 1"]
    assert (await alice.get("/api/me/tasks", params={"q": "secret"})).json()["items"] == []
    rest = (await alice.get("/api/me/tasks", params={"cursor": mine["cursor"]})).json()["items"]
    assert [task["title"] for task in rest] == ["own 2", "own 1"]
    assert (await alice.delete("/api/me/tasks?completed=true")).json() == {"deleted": 1}
    assert (await bob.get("/api/me/tasks/counts")).json() == {"open": 2, "completed": 1}


async def test_two_people_with_the_very_same_task_id_stay_apart(
    alice: Person, bob: Person, database_url: str, endpoints: list[tuple[str, str]]
) -> None:
    """Nothing should make ids collide; if they ever do, the owner still decides."""
    await furnish(alice, "own")
    theirs = await furnish(bob, "secret")
    connection = await asyncpg.connect(database_url)
    try:
        columns = [
            row["attname"]
            for row in await connection.fetch(
                "SELECT attname FROM pg_attribute WHERE attrelid = 'tasks'::regclass AND attnum > 0"
                " AND NOT attisdropped AND attgenerated = ''"
            )
        ]
        taken = ", ".join({"user_id": "'alice'", "title": "'twin'"}.get(name, name) for name in columns)
        await connection.execute(
            f"INSERT INTO tasks ({', '.join(columns)})"  # noqa: S608  # the table's own column names
            f" SELECT {taken} FROM tasks WHERE id = $1 AND user_id = 'bob'",
            theirs["id"],
        )
    finally:
        await connection.close()
    address = f"/api/me/tasks/{theirs['id']}"
    before = (await bob.get(address)).json()
    assert (await alice.get(address)).json()["title"] == "twin"
    for method, path in endpoints:
        if "{id}" in path and method != "DELETE":
            for request in REQUESTS[method, path]:
                await alice.request(method, path.format(user_id="me", id=theirs["id"]), **request)
    assert (await alice.delete(address)).status_code == 204
    assert (await alice.get(address)).status_code == 404
    assert (await bob.get(address)).json() == before


async def test_without_a_token_every_endpoint_is_401(
    endpoints: list[tuple[str, str]],
    client: httpx.AsyncClient,
    alice: Person,
    database_url: str,
) -> None:
    mine = await furnish(alice, "own")
    before = await dump(database_url)
    for method, path in endpoints:
        for user in ("me", "alice", "nobody"):
            for task in (mine["id"], NOWHERE):
                for request in REQUESTS[method, path]:
                    response = await client.request(method, path.format(user_id=user, id=task), **request)
                    assert response.status_code == 401, (method, path)
                    assert response.json()["code"] == "missing_token"
    assert await dump(database_url) == before


async def test_default_deny_every_path_under_api_is_401_without_a_token_known_or_not(
    client: httpx.AsyncClient,
) -> None:
    for path in (
        "/api/",
        "/api/x",
        "/api/docs",
        "/api/healthz",
        "/api/me/tasks/",
        "/api/%2e%2e/healthz",
        "/api/..;/docs",
    ):
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"):
            assert (await client.request(method, path)).status_code == 401, (method, path)


async def test_random_paths_below_api_need_a_token(client: httpx.AsyncClient) -> None:
    paths: list[str] = []

    @settings(max_examples=200, deadline=None, database=None)
    @given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
    def collect(path: str) -> None:
        paths.append(path)

    collect()
    for path in paths:
        response = await client.get(f"http://taskward.test/api/{quote(path, safe='/')}")
        if response.request.url.path.startswith("/api/"):
            assert response.status_code == 401, path


@pytest.mark.parametrize(
    "sub", ["a", "A", "a ", "á", "a\u0301", "ａ", "me", "tasks", "a/tasks", "a%2Ftasks", "x" * 255]
)
async def test_subjects_that_look_alike_are_different_people(person: Introduce, sub: str) -> None:
    lookalikes = ["a", "A", "a ", "á", "a\u0301", "ａ", "me", "tasks", "a/tasks", "a%2Ftasks", "x" * 255, "x" * 254]
    owner = await person(sub)
    await owner.post("/api/me/tasks", json={"title": "secret"})
    for other in lookalikes:
        stranger = await person(other)
        listed = (await stranger.get("/api/me/tasks")).json()["items"]
        assert len(listed) == (1 if other == sub else 0), (sub, other)
        if other != sub and sub != "me" and "/" not in sub:
            response = await stranger.get(f"/api/{quote(sub, safe='')}/tasks")
            assert response.status_code == 403, (sub, other)
