"""The contract, chapter by chapter: DELETE."""

from __future__ import annotations

import pytest

from .conftest import Person, Unchanged
from .saying import TASKS, create, ok, problem


async def test_delete_answers_204_once_and_404_ever_after(me: Person, unchanged: Unchanged) -> None:
    async with unchanged(me):
        task = await create(me)
        address = f"{TASKS}/{task['id']}"
        ok(await me.delete(address), 204)
        for method in ("GET", "DELETE"):
            problem(await me.request(method, address), 404, "not_found")
        problem(await me.put(address, json={"title": "a"}), 404, "not_found")
        problem(await me.patch(address, json={"title": "a"}), 404, "not_found")
        problem(await me.patch(f"{address}/complete"), 404, "not_found")


async def test_clearing_deletes_completed_tasks_and_returns_their_number(me: Person) -> None:
    if (await me.everything())[1]["completed"]:
        pytest.skip("live: would clear completed tasks that were there before")
    kept = await create(me)
    for _ in range(3):
        await create(me, completed=True)
    assert ok(await me.delete(TASKS, params={"completed": "true"})) == {"deleted": 3}
    assert ok(await me.delete(TASKS, params={"completed": "true"})) == {"deleted": 0}
    assert ok(await me.get(f"{TASKS}/{kept['id']}")) == kept


async def test_open_tasks_can_be_cleared(me: Person) -> None:
    if (await me.everything())[1]["open"]:
        pytest.skip("live: would clear open tasks that were there before")
    await create(me)
    kept = await create(me, completed=True)
    assert ok(await me.delete(TASKS, params={"completed": "false"})) == {"deleted": 1}
    assert ok(await me.get(f"{TASKS}/{kept['id']}")) == kept


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?completed=",
        "?completed=maybe",
        "?completed=1",
        "?completed=true&completed=true",
    ],
)
async def test_clearing_without_its_filter_is_422(me: Person, unchanged: Unchanged, query: str) -> None:
    await create(me)
    await create(me, completed=True)
    async with unchanged(me):
        problem(await me.delete(TASKS + query), 422, "validation_error", fields={"completed"})


@pytest.mark.parametrize("name", ["q", "limit", "cursor", "older_than", "id"])
async def test_clearing_with_a_filter_we_do_not_know_deletes_nothing(
    me: Person, unchanged: Unchanged, name: str
) -> None:
    await create(me, completed=True)
    async with unchanged(me):
        response = await me.delete(TASKS, params={"completed": "true", name: "1"})
        problem(response, 422, "validation_error", fields={name})


async def test_clearing_until_a_time_leaves_what_changed_after_it(me: Person) -> None:
    if (await me.everything())[1]["completed"]:
        pytest.skip("live: would clear completed tasks that were there before")
    seen, ticked_since = await create(me, completed=True), await create(me)
    last_seen = await create(me, completed=True)
    ticked_since = ok(await me.patch(f"{TASKS}/{ticked_since['id']}/complete"))
    query = {"completed": "true", "until": last_seen["updated_at"]}
    assert ok(await me.delete(TASKS, params=query)) == {"deleted": 2}
    assert ok(await me.get(f"{TASKS}/{ticked_since['id']}")) == ticked_since
    problem(await me.get(f"{TASKS}/{seen['id']}"), 404, "not_found")
    assert ok(await me.delete(TASKS, params={**query, "until": ticked_since["updated_at"]})) == {"deleted": 1}


@pytest.mark.parametrize(
    "moment",
    [
        "1990-01-01T00:00:00Z",
        "1990-01-01t00:00:00.5z",
        "1990-01-01T01:00:00+01:00",
        "1989-12-31T23:00:00.1234567-01:00",
    ],
)
async def test_every_spelling_of_a_moment_that_rfc_3339_has_is_understood(
    me: Person, unchanged: Unchanged, moment: str
) -> None:
    await create(me, completed=True)
    async with unchanged(me):
        assert ok(await me.delete(TASKS, params={"completed": "true", "until": moment})) == {"deleted": 0}


@pytest.mark.parametrize(
    "moment",
    [
        "",
        "now",
        "1795249575",
        "2036-01-01",
        "2036-01-01 00:00:00Z",
        "2036-01-01T00:00:00",
        "2036-01-01T00:00Z",
        "2036-13-01T00:00:00Z",
        "2036-02-30T00:00:00Z",
        "2036-01-01T24:00:01Z",
        "2036-W01-1T00:00:00Z",
        "20360101T000000Z",
        "2036-01-01T00:00:00+24:00",
        "2036-01-01T00:00:00 01:00",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "\u0662036-01-01T00:00:00Z",
        "2036-01-01T00:00:00Z\n",
    ],
)
async def test_clearing_until_no_moment_is_422_and_deletes_nothing(
    me: Person, unchanged: Unchanged, moment: str
) -> None:
    await create(me, completed=True)
    async with unchanged(me):
        response = await me.delete(TASKS, params={"completed": "true", "until": moment})
        problem(response, 422, "validation_error", fields={"until"})


async def test_clearing_until_a_time_still_needs_its_filter(me: Person, unchanged: Unchanged) -> None:
    await create(me, completed=True)
    async with unchanged(me):
        response = await me.delete(TASKS, params={"until": "2036-01-01T00:00:00Z"})
        problem(response, 422, "validation_error", fields={"completed"})
