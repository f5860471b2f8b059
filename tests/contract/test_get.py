"""The contract, chapter by chapter: GET one."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest

from .conftest import Person, Unchanged
from .saying import NOWHERE, TASKS, create, ok, problem


async def test_a_task_has_an_etag_and_a_client_that_knows_it_gets_304(me: Person) -> None:
    task = await create(me)
    address = f"{TASKS}/{task['id']}"
    response = await me.get(address)
    assert ok(response) == task
    tag = response.headers["etag"]
    assert re.fullmatch(r'(W/)?"[\x21\x23-\x7e]+"', tag)
    for known in (
        tag,
        f'"x", {tag}',
        "*",
        f"W/{tag.removeprefix('W/')}",
    ):  # RFC 9110, section 13.1.2: weak comparison
        same = await me.get(address, headers={"if-none-match": known})
        ok(same, 304)
        assert same.headers["etag"] == tag
    for unknown in ('"x"', tag.strip('"'), ""):
        assert ok(await me.get(address, headers={"if-none-match": unknown})) == task
    ok(await me.patch(f"{address}/complete"))
    changed = await me.get(address, headers={"if-none-match": tag})
    assert ok(changed)["completed"] is True
    assert changed.headers["etag"] != tag


NOT_UUIDS = [
    "1",
    "x",
    "null",
    "undefined",
    "counts2",
    "%00",
    "a%00b",
    "%FF",
    "0" * 1000,
    "🦊",
    f"{NOWHERE}0",
    f" {NOWHERE}",
    f"%7B{NOWHERE}%7D",
    f"urn:uuid:{NOWHERE}",
    NOWHERE.replace("-", "_"),
    f"{NOWHERE}%0A",
    "٠190c0de-0000-7000-8000-000000000000",
]


@pytest.mark.parametrize("path", NOT_UUIDS, ids=lambda path: ascii(path)[:24])
@pytest.mark.parametrize(
    ("method", "suffix"), [("GET", ""), ("PUT", ""), ("PATCH", ""), ("PATCH", "/complete"), ("DELETE", "")]
)
async def test_an_id_that_is_no_uuid_is_simply_not_found(
    me: Person, unchanged: Unchanged, method: str, suffix: str, path: str
) -> None:
    body = {"title": "a"} if method == "PUT" else {"completed": True} if method == "PATCH" else None
    async with unchanged(me):
        problem(await me.request(method, f"{TASKS}/{path}{suffix}", json=body), 404, "not_found")


async def test_other_spellings_of_an_id_find_the_task_or_nothing_but_never_fail(me: Person) -> None:
    task = await create(me)
    address = f"{TASKS}/{task['id']}"
    assert ok(await me.get(address)) == task
    for spelling in (
        task["id"].upper(),
        task["id"].replace("-", ""),
        "{" + task["id"] + "}",
        "urn:uuid:" + task["id"],
    ):
        response = await me.get(f"{TASKS}/{quote(spelling, safe=':')}")
        if response.status_code == 200:
            assert ok(response) == task
        else:
            problem(response, 404, "not_found")
