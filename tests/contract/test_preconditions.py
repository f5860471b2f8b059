"""The contract, chapter by chapter: If-Match."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from .conftest import Person, Unchanged
from .saying import TASKS, create, ok, problem

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


async def test_one_of_ten_concurrent_changes_with_one_etag_is_made(me: Person) -> None:
    task = await create(me)
    address = f"{TASKS}/{task['id']}"
    condition = {"if-match": (await me.get(address)).headers["etag"]}
    answers = await asyncio.gather(*(me.patch(address, json={"title": f"{n}"}, headers=condition) for n in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 9
    winner = next(answer for answer in answers if answer.status_code == 200)
    assert ok(await me.get(address)) == winner.json()


EACH_CHANGE = {
    "PUT": ("", {"json": {"title": "changed"}}),
    "PATCH": ("", {"json": {"title": "changed"}}),
    "complete": ("/complete", {"json": {"completed": True}}),
    "toggle": ("/complete", {}),
    "DELETE": ("", {}),
}

#: Entity tags that nothing here has: no date, dates that no calendar has or that leave it in UTC, other spellings.
OF_NOTHING = (
    *('"0001-01-01T00:00:00+23:59"', '"9999-12-31T23:59:59-23:59"', '"0001-01-01T00:00:00Z"', '"2026-02-30T00:00:00Z"'),
    *('"x"', '""', '"2026-W48-5T00:00:00Z"', '"20261127T000000Z"', '"-1"', '"\u00ff"', '"1e400"', '"2026-11-27"'),
)


async def changed(person: Any, path: str, change: str, headers: dict[str, Any]) -> httpx.Response:
    suffix, request = EACH_CHANGE[change]
    method = "PATCH" if suffix else change
    answer: httpx.Response = await person.request(method, path + suffix, headers=headers, **request)
    return answer


@pytest.mark.parametrize("change", EACH_CHANGE)
@pytest.mark.parametrize("tag", OF_NOTHING)
async def test_an_entity_tag_of_nothing_matches_nothing_and_raises_nothing(me: Person, change: str, tag: str) -> None:
    made = (await me.post(TASKS, json={"title": "kept"})).json()
    path = f"{TASKS}/{made['id']}"
    header: Any = tag.encode("latin-1")
    refused = await changed(me, path, change, {"if-match": header})
    assert refused.status_code == 412
    assert (await me.get(path)).json() == made
    assert (await me.get(path, headers={"if-match": header})).status_code == 412
    assert (await me.get(path, headers={"if-none-match": header})).status_code == 200


@pytest.mark.parametrize("change", EACH_CHANGE)
async def test_if_none_match_refuses_a_change_of_the_version_it_names(me: Person, change: str) -> None:
    created = await me.post(TASKS, json={"title": "kept"})
    made, tag = created.json(), created.headers["etag"]
    path = f"{TASKS}/{made['id']}"
    for value in ("*", tag, f"W/{tag}", f'"other", {tag}'):
        assert (await changed(me, path, change, {"if-none-match": value})).status_code == 412
        assert (await me.get(path)).json() == made
    assert (await changed(me, path, change, {"if-none-match": '"other"'})).status_code in (200, 204)


@pytest.mark.parametrize("change", EACH_CHANGE)
async def test_a_precondition_on_a_task_that_is_not_there_is_404(me: Person, change: str) -> None:
    path = f"{TASKS}/0191c1a0-0000-7000-8000-000000000000"
    for headers in ({"if-match": '"x"'}, {"if-none-match": "*"}, {"if-match": "*"}):
        assert (await changed(me, path, change, headers)).status_code == 404


async def test_a_get_with_an_if_match_that_does_not_hold_is_412(me: Person) -> None:
    created = await me.post(TASKS, json={"title": "one"})
    path, tag = f"{TASKS}/{created.json()['id']}", created.headers["etag"]
    assert (await me.get(path, headers={"if-match": tag})).status_code == 200
    assert (await me.get(path, headers={"if-match": "*"})).status_code == 200
    await me.patch(path, json={"title": "two"})
    assert (await me.get(path, headers={"if-match": tag})).status_code == 412
