"""The contract, chapter by chapter: Idempotency-Key."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

import pytest

from .conftest import Person, Unchanged
from .saying import TASKS, a_task, ok, problem


async def test_the_same_key_and_body_again_is_the_same_task_and_creates_nothing(
    me: Person, unchanged: Unchanged
) -> None:
    key = {"idempotency-key": secrets.token_hex(8)}
    first = a_task(ok(await me.post(TASKS, json={"title": "once", "description": "d"}, headers=key), 201))
    async with unchanged(me):
        for body in (b'{"title":"once","description":"d"}', b'{ "description": "d",\n "title": "once" }'):
            again = await me.post(TASKS, content=body, headers={**key, "content-type": "application/json"})
            assert ok(again) == first


@pytest.mark.parametrize(
    "body",
    [{"title": "twice"}, {"title": "once", "description": "d"}, {"title": "once", "completed": True}],
    ids=str,
)
async def test_the_same_key_with_another_body_is_422(me: Person, unchanged: Unchanged, body: Any) -> None:
    key = {"idempotency-key": secrets.token_hex(8)}
    ok(await me.post(TASKS, json={"title": "once"}, headers=key), 201)
    async with unchanged(me):
        problem(await me.post(TASKS, json=body, headers=key), 422, "validation_error")


async def test_a_refused_create_does_not_use_its_key_up(me: Person, unchanged: Unchanged) -> None:
    key = {"idempotency-key": secrets.token_hex(8)}
    async with unchanged(me):
        problem(await me.post(TASKS, json={"title": " "}, headers=key), 422, "validation_error")
    ok(await me.post(TASKS, json={"title": "now"}, headers=key), 201)


@pytest.mark.parametrize("key", ["", "x" * 256, "x" * 1000], ids=lambda key: f"{len(key)} of {key[:1]!r}")
async def test_a_key_of_no_or_too_many_characters_is_422(me: Person, unchanged: Unchanged, key: str) -> None:
    async with unchanged(me):
        response = await me.post(TASKS, json={"title": "a"}, headers={"idempotency-key": key})
        problem(response, 422, "validation_error", fields={"Idempotency-Key"})


async def test_two_keys_in_one_request_are_refused(me: Person, unchanged: Unchanged) -> None:
    async with unchanged(me):
        twice = [("idempotency-key", "a"), ("idempotency-key", "b")]
        problem(
            await me.post(TASKS, json={"title": "a"}, headers=twice),
            422,
            "validation_error",
            fields={"Idempotency-Key"},
        )


@pytest.mark.parametrize("length", [1, 255])
async def test_keys_of_1_to_255_characters_work(me: Person, length: int) -> None:
    key = {
        "idempotency-key": "".join(secrets.choice("0123456789abcdef!~ \"\\%'") for _ in range(length)).replace(" ", "_")
    }
    await me.post(TASKS, json={"title": "a"}, headers=key)
    first = ok(await me.post(TASKS, json={"title": "a"}, headers=key))
    assert ok(await me.post(TASKS, json={"title": "a"}, headers=key)) == first


async def test_the_same_key_twenty_times_at_once_creates_exactly_one_task(me: Person, marker: str) -> None:
    key = {"idempotency-key": marker}
    answers = await asyncio.gather(*(me.post(TASKS, json={"title": marker}, headers=key) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(ok(await me.get(TASKS, params={"q": marker}))["items"]) == 1


async def test_one_key_with_two_bodies_at_once_keeps_one_of_them(me: Person, marker: str) -> None:
    key = {"idempotency-key": marker}
    bodies = [{"title": f"{marker} {n % 2}"} for n in range(10)]
    answers = await asyncio.gather(*(me.post(TASKS, json=body, headers=key) for body in bodies))
    assert sorted(answer.status_code for answer in answers) == [200] * 4 + [201] + [422] * 5
    assert len(ok(await me.get(TASKS, params={"q": marker}))["items"]) == 1


async def test_a_repeat_after_an_edit_is_the_same_task_and_does_not_undo_it(me: Person, unchanged: Unchanged) -> None:
    key = {"idempotency-key": secrets.token_hex(8)}
    first = ok(await me.post(TASKS, json={"title": "once"}, headers=key), 201)
    ok(await me.patch(f"{TASKS}/{first['id']}", json={"title": "edited"}))
    async with unchanged(me):
        assert ok(await me.post(TASKS, json={"title": "once"}, headers=key))["id"] == first["id"]
