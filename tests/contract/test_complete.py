"""The contract, chapter by chapter: PATCH …/complete."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from .conftest import Person, Unchanged
from .saying import TASKS, a_task, create, ok, problem


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


async def test_an_empty_body_with_content_type_json_toggles(me: Person) -> None:
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
