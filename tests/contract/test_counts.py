"""The contract, chapter by chapter: GET counts."""

from __future__ import annotations

from .conftest import Person
from .saying import TASKS, create, ok


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
