"""The contract, chapter by chapter: PUT."""

from __future__ import annotations

import uuid

from .conftest import Person, Unchanged
from .saying import NOWHERE, TASKS, a_task, create, moment, ok, problem


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
