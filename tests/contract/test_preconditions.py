"""The contract, chapter by chapter: If-Match."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.contract.saying import TASKS, create, ok, problem

from .conftest import Person, Unchanged

CHANGES: list[tuple[str, str, Any]] = [
    ("PUT", "", {"title": "changed"}),
    ("PATCH", "", {"title": "changed"}),
    ("PATCH", "/complete", None),
    ("PATCH", "/complete", {"completed": True}),
    ("DELETE", "", None),
]


@pytest.mark.parametrize(("method", "suffix", "body"), CHANGES)
async def test_a_change_to_a_task_that_changed_meanwhile_is_412(
    me: Person, unchanged: Unchanged, method: str, suffix: str, body: Any
) -> None:
    task = await create(me)
    address = f"{TASKS}/{task['id']}"
    stale = (await me.get(address)).headers["etag"]
    ok(await me.patch(address, json={"description": "meanwhile"}))
    async with unchanged(me):
        for tag in (stale, '"made-up"', f'{stale}, "b"', f"W/{stale.removeprefix('W/')}", ""):
            response = await me.request(method, address + suffix, json=body, headers={"if-match": tag})
            problem(response, 412, "precondition_failed")


@pytest.mark.parametrize(("method", "suffix", "body"), CHANGES)
async def test_if_match_compares_strongly(
    me: Person, unchanged: Unchanged, method: str, suffix: str, body: Any
) -> None:
    task = await create(me)
    address = f"{TASKS}/{task['id']}"
    tag = (await me.get(address)).headers["etag"]
    async with unchanged(me):
        for weak in (f"W/{tag}", tag.strip('"'), tag.upper().replace("T", " "), f"{tag[:-2]}"):  # RFC 9110, 13.1.1
            response = await me.request(method, address + suffix, json=body, headers={"if-match": weak})
            problem(response, 412, "precondition_failed")


@pytest.mark.parametrize(("method", "suffix", "body"), CHANGES)
@pytest.mark.parametrize("how", ["{tag}", '"other", {tag}', "*"])
async def test_a_change_that_names_what_is_there_goes_through(
    me: Person, method: str, suffix: str, body: Any, how: str
) -> None:
    task = await create(me)
    address = f"{TASKS}/{task['id']}"
    tag = (await me.get(address)).headers["etag"]
    response = await me.request(method, address + suffix, json=body, headers={"if-match": how.format(tag=tag)})
    ok(response, 204 if method == "DELETE" else 200)


async def test_the_answer_to_a_change_carries_the_tag_of_what_is_there_now(me: Person) -> None:
    response = await me.post(TASKS, json={"title": "a"})
    address = f"{TASKS}/{response.json()['id']}"
    assert response.headers["etag"] == (await me.get(address)).headers["etag"]
    for method, suffix, body in CHANGES[:4]:
        response = await me.request(method, address + suffix, json=body)
        assert response.headers["etag"] == (await me.get(address)).headers["etag"]


async def test_of_ten_changes_at_once_under_one_tag_exactly_one_wins(me: Person) -> None:
    task = await create(me)
    address = f"{TASKS}/{task['id']}"
    condition = {"if-match": (await me.get(address)).headers["etag"]}
    answers = await asyncio.gather(*(me.patch(address, json={"title": f"{n}"}, headers=condition) for n in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 9
    winner = next(answer for answer in answers if answer.status_code == 200)
    assert ok(await me.get(address)) == winner.json()
