"""What mutation testing found nobody looking at, between the gate and the rows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import asyncpg
import httpx
import orjson
import pytest
from sqlalchemy import select

from taskward.api.request import MAX_BODY
from taskward.database.engine import Row, Rows
from taskward.database.statement import Statement
from taskward.problems import DatabaseUnavailable
from taskward.tasks.bodies import TaskInput
from taskward.tasks.repository import Tasks
from taskward.tasks.table import tasks
from tests.conftest import Person

TASKS = "/api/me/tasks"


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/json", 200),
        ("application/*", 200),
        ("text/html , application/json ;q=1", 200),
        ("application/json ;q=0 , application/*", 406),
        ("text/html, application/json;q=0.001", 200),
        ("application/json;q=0", 406),
        ("application/json; q = 0.0", 406),
        ("application/json;q=0.00", 406),
        ("application/json;q=0.000", 406),
        ("application/*;q=0, application/json", 200),
        ("application/json, application/*;q=0", 200),
        ("application/json;q=0, application/*", 406),
        ("*/*;q=0, application/*", 200),
        ("application/*, */*;q=0", 200),
        ("application/*;q=0, */*", 406),
        ("*/*;q=0.1, text/html", 200),
        ("*/*;q=0", 406),
        ("text/html", 406),
        ("xx/xx", 406),
    ],
)
async def test_the_most_specific_range_of_accept_decides(alice: Person, accept: str, status: int) -> None:
    answer = await alice.get(TASKS, headers={"accept": accept})
    assert answer.status_code == status


async def test_a_repeat_after_a_change_answers_the_task_as_it_is_now(alice: Person) -> None:
    key = {"idempotency-key": "k"}
    first = (await alice.post(TASKS, json={"title": "once"}, headers=key)).json()
    changed = (await alice.patch(f"{TASKS}/{first['id']}", json={"title": "later"})).json()
    again = await alice.post(TASKS, json={"title": "once"}, headers=key)
    assert (again.status_code, again.json()) == (200, changed)


async def test_a_repeat_after_a_deletion_answers_what_was_answered_first_and_creates_nothing(alice: Person) -> None:
    key, body = {"idempotency-key": "k"}, {"title": "once", "description": "and gone", "completed": True}
    first = (await alice.post(TASKS, json=body, headers=key)).json()
    assert (await alice.delete(f"{TASKS}/{first['id']}")).status_code == 204
    again = await alice.post(TASKS, json=body, headers=key)
    assert (again.status_code, again.json()) == (200, first)
    assert (await alice.get(TASKS)).json()["items"] == []


async def test_a_key_used_for_other_content_is_named_and_changes_nothing(alice: Person) -> None:
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


def test_a_statement_that_does_not_bind_its_owner_is_refused_when_it_is_made() -> None:
    with pytest.raises(TypeError, match="without their owner"):
        Statement(select(tasks))


@pytest.mark.parametrize(("hours", "later"), [(-1, 3500), (1, 0)])
async def test_a_change_is_dated_now_and_in_any_case_later_than_the_one_before(
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


async def test_a_change_of_nothing_keeps_to_if_match_too(alice: Person) -> None:
    made = await alice.post(TASKS, json={"title": "first"})
    path, first = f"{TASKS}/{made.json()['id']}", made.headers["etag"]
    same = await alice.patch(path, json={}, headers={"if-match": first})
    assert (same.status_code, same.json()) == (200, made.json())
    changed = await alice.patch(path, json={"title": "second"})
    stale = await alice.patch(path, json={}, headers={"if-match": first})
    assert stale.status_code == 412
    assert (await alice.get(path)).json() == changed.json()


class Scripted(Rows):
    """Answers each statement with the next rows of a script."""

    def __init__(self, *script: list[Row]) -> None:
        self.script = list(script)

    async def all(self, statement: Statement, values: Mapping[str, Any]) -> list[Row]:
        return self.script.pop(0)


async def test_a_key_that_expires_between_two_looks_is_free_and_one_that_never_settles_is_not_tried_for_ever() -> None:
    task, created = TaskInput(title="once"), {"id": 1}
    assert await Tasks(Scripted([], [], [created])).create_once(task, "k") == (created, True)
    never = Scripted(*[[] for _ in range(20)])
    with pytest.raises(DatabaseUnavailable):
        await Tasks(never).create_once(task, "k")
    assert len(never.script) == 14  # three tries of two statements


async def test_whoever_says_nothing_of_what_they_accept_is_answered(alice: Person) -> None:
    del alice.headers["accept"]
    for accept in (None, "", "*/*", "application/json"):
        answer = await alice.get(TASKS, headers={} if accept is None else {"accept": accept})
        assert (answer.status_code, "accept" in answer.request.headers) == (200, accept is not None)


@pytest.mark.parametrize("path", ["/docs", "/healthz", "/openapi.json", TASKS, f"{TASKS}/counts"])
async def test_a_path_with_a_line_end_behind_it_is_another_path(alice: Person, path: str) -> None:
    assert (await alice.get(path)).status_code == 200
    assert (await alice.get(f"{path}%0a")).status_code == 404


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_body_announced_as_too_large_is_refused_even_where_none_is_read(alice: Person, method: str) -> None:
    path = f"{TASKS}/{(await alice.post(TASKS, json={'title': 'kept'})).json()['id']}"
    refused = await alice.request(method, path, headers={"content-length": str(MAX_BODY + 1)})
    assert refused.status_code == 413
    assert (await alice.get(path)).json()["title"] == "kept"
    for fine in ({"content-length": str(MAX_BODY)}, {"content-length": "many"}, {"x-number": str(MAX_BODY + 1)}):
        assert (await alice.request(method, path, headers=fine)).status_code in (200, 204, 404)


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/x"])
async def test_the_place_of_the_api_itself_is_private_too_and_what_begins_like_it_is_not(
    client: httpx.AsyncClient, path: str
) -> None:
    assert (await client.get(path)).status_code == 401
    assert (await client.get("/apix")).status_code == 404


@pytest.mark.parametrize(("minutes", "status"), [(24 * 60 - 1, 422), (24 * 60 + 1, 201)])
async def test_a_key_is_ones_own_for_24_hours_and_then_free_and_nobody_elses_is_touched(
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


async def test_a_repeat_answers_ones_own_task_of_that_key_and_no_other_with_its_id_or_its_owner(
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


async def test_a_key_stored_by_the_release_before_still_answers_with_its_task(alice: Person, database_url: str) -> None:
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
