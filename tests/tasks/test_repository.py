"""Changes of a task: their time, and their preconditions."""

from __future__ import annotations

from datetime import datetime

import asyncpg
import pytest

from tests.conftest import Person

TASKS = "/api/me/tasks"


@pytest.mark.parametrize(("hours", "later"), [(-1, 3500), (1, 0)])
async def test_updated_at_is_now_or_later_than_the_previous_value(
    alice: Person, database_url: str, hours: int, later: float
) -> None:
    path = f"{TASKS}/{(await alice.post(TASKS, json={'title': 'dated'})).json()['id']}"
    connection = await asyncpg.connect(database_url)
    await connection.execute("UPDATE tasks SET updated_at = now() + $1 * interval '1 hour'", hours)
    await connection.close()
    before, after = [
        datetime.fromisoformat((await answer).json()["updated_at"])
        for answer in (alice.get(path), alice.patch(path, json={"title": "again"}))
    ]
    assert later < (after - before).total_seconds() < later + 200


async def test_an_empty_patch_obeys_if_match(alice: Person) -> None:
    made = await alice.post(TASKS, json={"title": "first"})
    path, first = f"{TASKS}/{made.json()['id']}", made.headers["etag"]
    same = await alice.patch(path, json={}, headers={"if-match": first})
    assert (same.status_code, same.json()) == (200, made.json())
    changed = await alice.patch(path, json={"title": "second"})
    stale = await alice.patch(path, json={}, headers={"if-match": first})
    assert stale.status_code == 412
    assert (await alice.get(path)).json() == changed.json()
