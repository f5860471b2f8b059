"""The Accept header and the size of a body, at every endpoint."""

from __future__ import annotations

import pytest

from taskward.api.request import MAX_BODY
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


async def test_a_request_without_accept_is_answered(alice: Person) -> None:
    del alice.headers["accept"]
    for accept in (None, "", "*/*", "application/json"):
        answer = await alice.get(TASKS, headers={} if accept is None else {"accept": accept})
        assert (answer.status_code, "accept" in answer.request.headers) == (200, accept is not None)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_content_length_above_the_limit_is_413_even_where_no_body_is_read(alice: Person, method: str) -> None:
    path = f"{TASKS}/{(await alice.post(TASKS, json={'title': 'kept'})).json()['id']}"
    refused = await alice.request(method, path, headers={"content-length": str(MAX_BODY + 1)})
    assert refused.status_code == 413
    assert (await alice.get(path)).json()["title"] == "kept"
    for fine in ({"content-length": str(MAX_BODY)}, {"content-length": "many"}, {"x-number": str(MAX_BODY + 1)}):
        assert (await alice.request(method, path, headers=fine)).status_code in (200, 204, 404)
