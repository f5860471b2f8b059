"""The contract, chapter by chapter: POST a task."""

from __future__ import annotations

import unicodedata
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest

from .conftest import Person, Unchanged
from .saying import TASKS, a_task, create, moment, ok, problem


async def test_create_answers_201_with_the_task_and_where_it_is(me: Person, marker: str) -> None:
    before = (await me.everything())[1]
    response = await me.post(TASKS, json={"title": f"  {marker} ", "description": "two litres", "completed": True})
    task = a_task(ok(response, 201), title=marker, description="two litres", completed=True)
    assert task["created_at"] == task["updated_at"]
    assert abs((datetime.now(UTC) - moment(task["created_at"])).total_seconds()) < 120
    followed = await me.get(httpx.URL(str(response.request.url)).join(response.headers["location"]))
    assert ok(followed) == task
    assert response.headers["location"].endswith(f"/tasks/{task['id']}")
    assert (await me.everything())[1] == {**before, "completed": before["completed"] + 1}


async def test_a_title_is_enough(me: Person) -> None:
    a_task(ok(await me.post(TASKS, json={"title": "x"}), 201), title="x", description=None, completed=False)


@pytest.mark.parametrize(
    "title",
    [
        "x",
        "x" * 200,
        "🦊" * 200,
        "  " + "x" * 200 + "\n",
        "a\u00a0b",
        "ملف",
        "e\u0301",
        "<script>",
        "' or 1=1 --",
        "%_\\",
    ],
    ids=lambda title: ascii(title)[:24],
)
async def test_titles_keep_every_character_but_the_space_around_them(me: Person, title: str) -> None:
    task = await create(me, title)
    assert ok(await me.get(f"{TASKS}/{task['id']}"))["title"] == unicodedata.normalize("NFC", title.strip())


@pytest.mark.parametrize(
    "description", [None, "", " kept as is \n", "x" * 5000, "🦊" * 5000], ids=lambda d: ascii(d)[:16]
)
async def test_descriptions_are_kept_as_they_are(me: Person, description: str | None) -> None:
    task = await create(me, description=description)
    assert ok(await me.get(f"{TASKS}/{task['id']}"))["description"] == description


async def pieces(body: bytes) -> AsyncIterator[bytes]:
    """The body as httpx sends it without knowing its length: in chunks."""
    for start in range(0, len(body), 1024):
        yield body[start : start + 1024]


async def test_a_body_of_64_kib_is_read_and_one_byte_more_is_not(me: Person, unchanged: Unchanged) -> None:
    body = b'{"title": "x"' + b" " * (64 * 1024 - 14) + b"}"
    assert len(body) == 64 * 1024
    headers = {"content-type": "application/json"}
    for content in (body, pieces(body)):
        ok(await me.post(TASKS, content=content, headers=headers), 201)
    async with unchanged(me):
        for content in (body + b" ", pieces(body + b" ")):
            problem(await me.post(TASKS, content=content, headers=headers), 413, "content_too_large")
