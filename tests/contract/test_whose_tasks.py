"""The contract, chapter by chapter: Whose tasks."""

from __future__ import annotations

import secrets
import uuid
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from .conftest import InProcess, Person, Unchanged
from .saying import ENDPOINTS, NOWHERE, TASKS, a_task, create, ok, problem


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
async def test_the_path_of_another_user_is_403_whether_the_user_exists_or_not(
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
async def test_another_persons_task_is_answered_like_an_unused_id(
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


async def test_lists_counts_and_clearing_use_only_the_callers_tasks(me: Person, other: Person, marker: str) -> None:
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
