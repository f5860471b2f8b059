"""The contract, chapter by chapter: PATCH."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .conftest import Person, Unchanged
from .saying import MERGE_PATCH, TASKS, a_task, create, moment, ok


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
