"""An Idempotency-Key over time: after a change, a deletion, 24 hours and an upgrade."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import asyncpg
import orjson
import pytest

from taskward.database.engine import Row, Rows
from taskward.database.statement import Statement
from taskward.problems import DatabaseUnavailable
from taskward.tasks.bodies import TaskInput
from taskward.tasks.repository import Tasks
from tests.conftest import Person

TASKS = "/api/me/tasks"


async def test_a_repeat_after_a_change_returns_the_current_task(alice: Person) -> None:
    key = {"idempotency-key": "k"}
    first = (await alice.post(TASKS, json={"title": "once"}, headers=key)).json()
    changed = (await alice.patch(f"{TASKS}/{first['id']}", json={"title": "later"})).json()
    again = await alice.post(TASKS, json={"title": "once"}, headers=key)
    assert (again.status_code, again.json()) == (200, changed)


async def test_a_repeat_after_a_deletion_returns_the_first_answer_and_creates_nothing(alice: Person) -> None:
    key, body = {"idempotency-key": "k"}, {"title": "once", "description": "and gone", "completed": True}
    first = (await alice.post(TASKS, json=body, headers=key)).json()
    assert (await alice.delete(f"{TASKS}/{first['id']}")).status_code == 204
    again = await alice.post(TASKS, json=body, headers=key)
    assert (again.status_code, again.json()) == (200, first)
    assert (await alice.get(TASKS)).json()["items"] == []


async def test_a_key_used_for_other_content_is_422_and_changes_nothing(alice: Person) -> None:
    key = {"idempotency-key": "k"}
    first = (await alice.post(TASKS, json={"title": "once"}, headers=key)).json()
    other = await alice.post(TASKS, json={"title": "twice"}, headers=key)
    assert other.status_code == 422
    [error] = other.json()["errors"]
    assert error == {
        "field": "Idempotency-Key",
        "message": "was used within the last 24 hours for a task with other content",
    }
    assert (await alice.get(TASKS)).json()["items"] == [first]


class Scripted(Rows):
    """Answers each statement with the next rows of a script."""

    def __init__(self, *script: list[Row]) -> None:
        self.script = list(script)

    async def all(self, statement: Statement, values: Mapping[str, Any]) -> list[Row]:
        return self.script.pop(0)


async def test_a_key_that_expires_between_two_statements_is_retried_three_times_at_most() -> None:
    task, created = TaskInput(title="once"), {"id": 1}
    assert await Tasks(Scripted([], [], [created])).create_once(task, "k") == (created, True)
    never = Scripted(*[[] for _ in range(20)])
    with pytest.raises(DatabaseUnavailable):
        await Tasks(never).create_once(task, "k")
    assert len(never.script) == 14  # three tries of two statements


@pytest.mark.parametrize(("minutes", "status"), [(24 * 60 - 1, 422), (24 * 60 + 1, 201)])
async def test_a_key_is_free_again_after_24_hours_and_other_peoples_keys_stay(
    alice: Person, bob: Person, database_url: str, minutes: int, status: int
) -> None:
    key = {"idempotency-key": "k"}
    for person in (alice, bob):
        assert (await person.post(TASKS, json={"title": "once"}, headers=key)).status_code == 201
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("UPDATE idempotency_keys SET created_at = now() - $1 * interval '1 minute'", minutes)
        again = await alice.post(TASKS, json={"title": "twice"}, headers=key)
        keys = await connection.fetch("SELECT user_id, key FROM idempotency_keys ORDER BY 1, 2")
    finally:
        await connection.close()
    assert again.status_code == status
    assert [tuple(row) for row in keys] == [("alice", "k"), ("bob", "k")]


async def test_a_repeat_returns_the_callers_task_even_when_others_have_the_same_id_or_owner(
    alice: Person, bob: Person, database_url: str
) -> None:
    key = {"idempotency-key": "k"}
    before = (await alice.post(TASKS, json={"title": "before"})).json()
    first = (await alice.post(TASKS, json={"title": "once"}, headers=key)).json()
    after = (await alice.post(TASKS, json={"title": "after"})).json()
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("INSERT INTO tasks (user_id, id, title) VALUES ('bob', $1, 'of Bob''s')", first["id"])
        await connection.execute(
            "INSERT INTO tasks (user_id, id, title) VALUES ('0', $1, 'of another''s')", first["id"]
        )
    finally:
        await connection.close()
    assert (await alice.post(TASKS, json={"title": "once"}, headers=key)).json() == first
    assert (await alice.delete(f"{TASKS}/{first['id']}")).status_code == 204
    assert (await alice.post(TASKS, json={"title": "once"}, headers=key)).json() == first
    assert (await alice.get(TASKS)).json()["items"] == [after, before]
    assert [task["title"] for task in (await bob.get(TASKS)).json()["items"]] == ["of Bob's"]


async def test_a_key_stored_by_the_previous_release_still_returns_its_task(alice: Person, database_url: str) -> None:
    """Its fingerprint was computed otherwise: a repeat across the upgrade must not be refused."""
    key = {"idempotency-key": "k"}
    first = await alice.post(TASKS, json={"title": "once", "description": "d"}, headers=key)
    former = hashlib.sha256(orjson.dumps(["once", "d", False])).digest()
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("UPDATE idempotency_keys SET fingerprint = $1", former)
    finally:
        await connection.close()
    again = await alice.post(TASKS, json={"title": "once", "description": "d"}, headers=key)
    assert (again.status_code, again.json()) == (200, first.json())
    assert (await alice.post(TASKS, json={"title": "other"}, headers=key)).status_code == 422
