"""The contract, chapter by chapter: Bodies that are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .conftest import Person, Unchanged
from .saying import NOWHERE, TASKS, a_task, create, ok, problem

WRITES = [("POST", ""), ("PUT", "/{id}"), ("PATCH", "/{id}"), ("PATCH", "/{id}/complete")]

MALFORMED = {
    "nothing": b"",
    "space": b" ",
    "cut short": b'{"title": "a"',
    "one brace too many": b'{"title": "a"}}',
    "single quotes": b"{'title': 'a'}",
    "a trailing comma": b'{"title": "a",}',
    "a comment": b'{"title": "a" /* b */}',
    "bytes": bytes(range(128, 256)),
    "invalid UTF-8": b'{"title": "\xff\xfe"}',
    "overlong UTF-8": b'{"title": "\xc0\xae"}',
    "a surrogate in UTF-8": b'{"title": "\xed\xa0\x80"}',
    "a lone surrogate": b'{"title": "\\ud800"}',
    "UTF-16": '{"title": "a"}'.encode("utf-16"),
    "a NUL byte": b'{"title": "a\x00"}',
    "20,000 arrays": b"[" * 20_000,
    "20,000 closed arrays": b'{"title": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    "10,000 objects": b'{"title":' * 6_000 + b"1" + b"}" * 6_000,
    "a form": b"title=a&completed=true",
}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        pytest.param(method, path, body, id=f"{method} {path} {name}")
        for method, path in WRITES
        for name, body in MALFORMED.items()
        if body or not path.endswith("/complete")  # without a body one toggles
    ],
)
async def test_a_body_that_is_not_json_is_400(
    me: Person, unchanged: Unchanged, method: str, path: str, body: bytes
) -> None:
    task = await create(me)
    async with unchanged(me):
        address = TASKS + path.format(**task)
        response = await me.request(method, address, content=body, headers={"content-type": "application/json"})
        problem(response, 400, "bad_request", "malformed_json")


INVALID: dict[str, tuple[Any, set[str]]] = {
    "a title of null": ({"title": None}, {"title"}),
    "an empty title": ({"title": ""}, {"title"}),
    "a title of spaces": ({"title": " \t\r\n "}, {"title"}),
    "a title of other spaces": ({"title": "\u00a0\u2003\u3000"}, {"title"}),
    "a title of 201": ({"title": "x" * 201}, {"title"}),
    "a number for a title": ({"title": 5}, {"title"}),
    "a list for a title": ({"title": ["a"]}, {"title"}),
    "an object for a title": ({"title": {"a": {"b": {}}}}, {"title"}),
    "a NUL in the title": ({"title": "a\0b"}, {"title"}),
    "a description of 5001": ({"title": "a", "description": "x" * 5001}, {"description"}),
    "a number for a description": ({"title": "a", "description": 5}, {"description"}),
    "a NUL in the description": ({"title": "a", "description": "\0"}, {"description"}),
    "a word for completed": ({"title": "a", "completed": "true"}, {"completed"}),
    "a number for completed": ({"title": "a", "completed": 1}, {"completed"}),
    "null for completed": ({"title": "a", "completed": None}, {"completed"}),
    "user_id": ({"title": "a", "user_id": "somebody-else"}, {"user_id"}),
    "id": ({"title": "a", "id": NOWHERE}, {"id"}),
    "created_at": ({"title": "a", "created_at": "2020-01-01T00:00:00Z"}, {"created_at"}),
    "an unknown field": ({"title": "a", "colour": "red"}, {"colour"}),
    "an empty field name": ({"title": "a", "": 1}, {""}),
    "everything at once": (
        {"title": " ", "description": 5, "completed": "no", "user_id": "b", "colour": "red"},
        {"title", "description", "completed", "user_id", "colour"},
    ),
}


@pytest.mark.parametrize(("body", "fields"), INVALID.values(), ids=INVALID)
@pytest.mark.parametrize(("method", "path"), WRITES[:3])
async def test_bad_fields_are_422_all_named_at_once(
    me: Person, unchanged: Unchanged, method: str, path: str, body: Any, fields: set[str]
) -> None:
    task = await create(me)
    async with unchanged(me):
        response = await me.request(method, TASKS + path.format(**task), json=body)
        problem(response, 422, "validation_error", fields=fields)


@pytest.mark.parametrize("body", [[], [{"title": "a"}], "text", 5, True, None], ids=str)
@pytest.mark.parametrize(("method", "path"), WRITES)
async def test_json_that_is_no_object_is_422(
    me: Person, unchanged: Unchanged, method: str, path: str, body: Any
) -> None:
    task = await create(me)
    async with unchanged(me):
        raw = json.dumps(body).encode()
        address = TASKS + path.format(**task)
        response = await me.request(method, address, content=raw, headers={"content-type": "application/json"})
        assert problem(response, 422, "validation_error")["errors"]


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", "1" * 5000])
async def test_invalid_numbers_are_refused(me: Person, unchanged: Unchanged, value: str) -> None:
    async with unchanged(me):
        for name in ("title", "completed", "colour"):
            body = f'{{"title": "a", "{name}": {value}}}'.encode()
            response = await me.post(TASKS, content=body, headers={"content-type": "application/json"})
            if response.status_code == 400:
                problem(response, 400, "bad_request", "malformed_json")
            else:
                problem(response, 422, "validation_error", fields={name})


@pytest.mark.parametrize(("method", "path"), WRITES[:2])
async def test_a_title_is_required(me: Person, unchanged: Unchanged, method: str, path: str) -> None:
    task = await create(me)
    async with unchanged(me):
        for body in ({}, {"description": "x"}):
            response = await me.request(method, TASKS + path.format(**task), json=body)
            problem(response, 422, "validation_error", fields={"title"})


async def test_a_refusal_repeats_nothing_of_the_request(me: Person) -> None:
    secret = "hunter2-" + "x" * 300
    response = await me.post(TASKS, json={"title": secret, "description": ["hunter2"]})
    problem(response, 422, "validation_error", fields={"title", "description"})
    assert "hunter2" not in response.text


@pytest.mark.parametrize(
    "kind",
    [
        None,
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "application/jsonp",
        "application/json-patch+json",
        "nonsense",
    ],
)
@pytest.mark.parametrize(("method", "path"), WRITES)
async def test_a_body_of_another_type_is_415(
    me: Person, unchanged: Unchanged, method: str, path: str, kind: str | None
) -> None:
    task = await create(me)
    headers = {} if kind is None else {"content-type": kind}
    async with unchanged(me):
        body = b'{"completed": true}' if path.endswith("/complete") else b'{"title": "a"}'
        response = await me.request(method, TASKS + path.format(**task), content=body, headers=headers)
        problem(response, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"']
)
async def test_json_may_say_its_charset(me: Person, kind: str) -> None:
    ok(await me.post(TASKS, content=b'{"title": "a"}', headers={"content-type": kind}), 201)


@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "in chunks"])
@pytest.mark.parametrize(("method", "path"), WRITES)
async def test_a_body_of_one_mebibyte_is_413(
    me: Person, unchanged: Unchanged, method: str, path: str, chunked: bool
) -> None:
    async def chunks() -> Any:
        yield b'{"title": "'
        for _ in range(16):
            yield b"x" * 65536
        yield b'"}'

    task = await create(me)
    whole = b"".join([chunk async for chunk in chunks()])
    async with unchanged(me):
        response = await me.request(
            method,
            TASKS + path.format(**task),
            content=chunks() if chunked else whole,
            headers={"content-type": "application/json"},
        )
        problem(response, 413, "content_too_large")


async def test_a_body_in_chunks_is_read(me: Person) -> None:
    async def chunks() -> Any:
        for byte in b'{"title": "bit by bit"}':
            yield bytes([byte])

    response = await me.post(TASKS, content=chunks(), headers={"content-type": "application/json"})
    a_task(ok(response, 201), title="bit by bit")


@pytest.mark.parametrize(
    "parameters", ["; v=1", "; charset=utf8", '; charset="UTF-8"', ";charset=utf-8; v=2", "; boundary=x;q=1", " ;"]
)
async def test_parameters_of_json_have_no_meaning(me: Person, parameters: str) -> None:
    headers = {"content-type": f"application/json{parameters}"}
    answer = await me.post(TASKS, content=b'{"title": "a"}', headers=headers)
    assert answer.status_code == 201


@pytest.mark.parametrize("charset", ["latin-1", "utf-16", "utf-8; charset=latin-1", "us-ascii"])
async def test_another_charset_than_utf_8_is_415_and_creates_nothing(me: Person, charset: str) -> None:
    headers = {"content-type": f"application/json; charset={charset}"}
    answer = await me.post(TASKS, content=b'{"title": "a"}', headers=headers)
    assert answer.status_code == 415
    assert (await me.get(TASKS)).json()["items"] == []
