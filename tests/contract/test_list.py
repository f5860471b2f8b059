"""The contract, chapter by chapter: GET the list."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from .conftest import Person, Unchanged
from .saying import NOWHERE, TASKS, a_task, create, ok, problem


async def walk(person: Person, **query: Any) -> list[dict[str, Any]]:
    """Every task that matches, page after page."""
    found: list[dict[str, Any]] = []
    while True:
        page = ok(await person.get(TASKS, params=query))
        assert set(page) == {"items", "next_cursor"}
        assert len(page["items"]) <= query.get("limit", 50)
        found += map(a_task, page["items"])
        if page["next_cursor"] is None:
            return found
        assert page["items"], "a page that has a next one is not empty"
        query["cursor"] = page["next_cursor"]


async def test_the_list_is_newest_first_and_pages_hold_each_task_once(me: Person, marker: str) -> None:
    made = [await create(me, f"{marker} {n}", completed=n % 3 == 0) for n in range(7)]
    newest = made[::-1]
    assert await walk(me, q=marker) == newest
    for limit in (1, 2, 3, 6, 7, 8, 200):
        assert await walk(me, q=marker, limit=limit) == newest
    assert await walk(me, q=marker, completed="true", limit=2) == [task for task in newest if task["completed"]]
    assert await walk(me, q=marker, completed="false", limit=2) == [task for task in newest if not task["completed"]]
    exact = ok(await me.get(TASKS, params={"q": marker, "limit": 7}))
    assert exact["next_cursor"] is None, "nothing follows the last full page"
    everything = await walk(me, limit=200)
    assert [task for task in everything if marker in task["title"]] == newest


async def test_a_page_holds_fifty_unless_asked_otherwise(me: Person, marker: str) -> None:
    await asyncio.gather(*(create(me, marker) for _ in range(51)))
    first = ok(await me.get(TASKS, params={"q": marker}))
    assert len(first["items"]) == 50
    rest = ok(await me.get(TASKS, params={"q": marker, "cursor": first["next_cursor"]}))
    assert len(rest["items"]) == 1
    assert rest["next_cursor"] is None


async def test_a_cursor_outlives_the_task_it_points_at_and_skips_nothing(me: Person, marker: str) -> None:
    made = [await create(me, f"{marker} {n}") for n in range(4)][::-1]
    page = ok(await me.get(TASKS, params={"q": marker, "limit": 2}))
    for task in made[1:3]:  # the last one of this page and the first of the next
        ok(await me.delete(f"{TASKS}/{task['id']}"), 204)
    await create(me, f"{marker} newer")
    rest = ok(await me.get(TASKS, params={"q": marker, "limit": 2, "cursor": page["next_cursor"]}))
    assert rest["items"] == [made[3]]


async def test_search_finds_any_case_in_title_and_description_and_nothing_else(me: Person, marker: str) -> None:
    in_title = await create(me, f"Buy {marker.upper()}milk")
    in_text = await create(me, description=f"… {marker}MILK …")
    await create(me, "milk", description="something else")
    assert await walk(me, q=f"{marker}milk") == [in_text, in_title]
    assert await walk(me, q=f"{marker}Milk".title()) == [in_text, in_title]
    assert await walk(me, q=f"{marker}  milk") == []


@pytest.mark.parametrize("sign", ["%", "_", "\\", "'", '"', "\\%", "%%", "--", "[a]", "*", ".", "+", "&", "#", "ß"])
async def test_search_takes_signs_as_they_are(me: Person, marker: str, sign: str) -> None:
    task = await create(me, f"{marker}{sign}end")
    await create(me, f"{marker}Xend")
    await create(me, f"{marker}XYend")
    assert await walk(me, q=f"{marker}{sign}end") == [task]


@pytest.mark.parametrize(("stored", "asked"), [("ÉCLAIR", "éclair"), ("łódź", "ŁÓDŹ"), ("Привет", "пРИВЕТ")])
async def test_search_folds_case_beyond_ascii(me: Person, marker: str, stored: str, asked: str) -> None:
    task = await create(me, f"{marker} {stored}")
    assert await walk(me, q=f"{marker} {asked}") == [task]


async def test_an_empty_search_matches_everything(me: Person) -> None:
    await create(me)
    assert ok(await me.get(TASKS, params={"q": ""})) == ok(await me.get(TASKS))


BAD_QUERIES = {
    **{
        f"limit={value}": ("limit", value)
        for value in (
            "0",
            "201",
            "-1",
            "abc",
            "",
            "1.5",
            "1e2",
            "+5",
            " 5",
            "5 ",
            "0x10",
            "1_0",
            "٥",
            "９",
            "null",
            "9" * 400,
            "NaN",
        )
    },
    **{f"completed={value}": ("completed", value) for value in ("", "maybe", "1", "0", "yes", "TRUE", "null", "true ")},
    **{
        f"cursor={value}": ("cursor", value)
        for value in ("", "made-up", "AAAA", "a" * 5000, "\0", "🦊", "e30=", "bnVsbA", NOWHERE, "0", "../..")
    },
    "a NUL in q": ("q", "a\0b"),
    "a q of 201": ("q", "x" * 201),
}


@pytest.mark.parametrize(("field", "value"), BAD_QUERIES.values(), ids=lambda value: ascii(value)[:32])
async def test_a_bad_query_is_422_and_names_the_parameter(
    me: Person, unchanged: Unchanged, field: str, value: str
) -> None:
    await create(me)
    async with unchanged(me):
        problem(await me.get(TASKS, params={field: value}), 422, "validation_error", fields={field})


async def test_a_cursor_that_was_tampered_with_is_refused(me: Person, unchanged: Unchanged) -> None:
    for _ in range(3):
        await create(me)
    cursor = ok(await me.get(TASKS, params={"limit": 1}))["next_cursor"]
    ok(await me.get(TASKS, params={"cursor": cursor}))
    async with unchanged(me):
        for place in range(0, len(cursor), 5):
            letter = "A" if cursor[place] != "A" else "B"
            tampered = cursor[:place] + letter + cursor[place + 1 :]
            response = await me.get(TASKS, params={"cursor": tampered})
            problem(response, 422, "validation_error", fields={"cursor"})
        for tampered in (cursor[:-1], cursor[1:], cursor + "A", cursor + "=", cursor + " ", cursor * 2):
            response = await me.get(TASKS, params={"cursor": tampered})
            problem(response, 422, "validation_error", fields={"cursor"})


async def test_every_bad_parameter_is_named_at_once(me: Person) -> None:
    response = await me.get(TASKS, params={"limit": "0", "completed": "maybe", "cursor": "made-up", "q": "\0"})
    problem(response, 422, "validation_error", fields={"limit", "completed", "cursor", "q"})


@pytest.mark.parametrize("name", ["limit", "completed", "q", "cursor"])
async def test_a_parameter_given_twice_is_422(me: Person, unchanged: Unchanged, name: str) -> None:
    for _ in range(2):
        await create(me)
    cursor = ok(await me.get(TASKS, params={"limit": 1}))["next_cursor"]
    value = {"limit": "5", "completed": "true", "q": "a", "cursor": cursor}[name]
    async with unchanged(me):
        response = await me.get(TASKS, params=[(name, value), (name, value)])
        problem(response, 422, "validation_error", fields={name})


@pytest.mark.parametrize("name", ["complete", "Limit", "user_id", "page", "access_token", ""])
async def test_an_unknown_parameter_is_422_rather_than_quietly_ignored(
    me: Person, unchanged: Unchanged, name: str
) -> None:
    async with unchanged(me):
        problem(await me.get(TASKS, params={name: "true"}), 422, "validation_error", fields={name})


async def test_invalid_utf8_in_the_query_is_refused_or_finds_nothing(me: Person) -> None:
    await create(me)
    response = await me.get(f"{TASKS}?q=%ff%fe")
    if response.status_code == 200:
        assert ok(response) == {"items": [], "next_cursor": None}
    else:
        problem(response, 422, "validation_error")
