"""What the chapters of the contract have in common: bodies, and what an answer must look like."""

from __future__ import annotations

import re
import secrets
import uuid
from datetime import datetime
from typing import Any

import httpx
import pytest

from .conftest import IN_PROCESS, Person

pytestmark = pytest.mark.asyncio(loop_scope="session")

TASKS = "/api/me/tasks"

NOWHERE = "0190c0de-0000-7000-8000-000000000000"  # a UUIDv7 that no task has

ORIGIN = "http://localhost:3000"

MERGE_PATCH = "application/merge-patch+json"

MEMBERS = {"type", "title", "status", "detail", "status_code", "error_type", "code", "request_id"}
"""What every problem document has; `errors` is the only other member there ever is."""

INVALID_TOKEN = re.compile(r'Bearer error="invalid_token", error_description="[A-Z][A-Za-z0-9 ,.\'-]+"')

EXPIRED = 'Bearer error="invalid_token", error_description="The access token expired"'


def problem(
    response: httpx.Response,
    status: int,
    error_type: str,
    code: str | None = None,
    fields: set[str] | None = None,
) -> dict[str, Any]:
    """The response is exactly this failure, in the one shape there is; returns the document."""
    if code == "invalid_token" and response.status_code == 429 and response.request.url.host != IN_PROCESS:
        pytest.skip("live: this address is past the server's AUTH_FAILURES")
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert set(document) - {"errors"} == MEMBERS
    assert document["status"] == document["status_code"] == status
    assert document["error_type"] == error_type
    assert document["code"] == (code or error_type)
    assert document["request_id"] == response.headers["x-request-id"]
    for member in ("type", "title", "detail", "request_id"):
        assert isinstance(document[member], str), member
        assert document[member], member
    if "errors" in document:
        assert document["errors"]
        for error in document["errors"]:
            assert set(error) == {"field", "message"}
            assert isinstance(error["field"], str)
            assert error["message"]
    if fields is not None:
        assert {error["field"] for error in document["errors"]} == fields, document
    if response.request.url.path.startswith("/api/"):
        assert response.headers["cache-control"] == "no-store"
    always_present(response)
    return document


def always_present(response: httpx.Response) -> None:
    assert re.fullmatch(r"[\x21-\x7e]{8,128}", response.headers["x-request-id"])
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] in ("no-referrer", "same-origin", "strict-origin")
    assert "Traceback" not in response.text
    assert "asyncpg" not in response.text
    assert "sqlalchemy" not in response.text.lower()


def ok(response: httpx.Response, status: int = 200) -> Any:
    """The response is this success; returns what it says."""
    assert response.status_code == status, response.text
    always_present(response)
    if response.request.url.path.startswith("/api/"):
        assert response.headers["cache-control"] == "no-store"
    if status in (204, 304):
        assert response.content == b""
        return None
    assert response.headers["content-type"] == "application/json"
    return response.json()


def a_task(value: Any, **expected: Any) -> dict[str, Any]:
    """The value is a task as the contract describes one, with these members."""
    assert set(value) == {"id", "title", "description", "completed", "created_at", "updated_at"}
    assert str(uuid.UUID(value["id"])) == value["id"]
    assert uuid.UUID(value["id"]).version == 7
    assert 1 <= len(value["title"]) <= 200
    assert value["title"] == value["title"].strip()
    assert value["description"] is None or isinstance(value["description"], str)
    assert isinstance(value["completed"], bool)
    created, updated = moment(value["created_at"]), moment(value["updated_at"])
    assert created <= updated
    for name, wanted in expected.items():
        assert value[name] == wanted, name
    return dict(value)


def moment(text: str) -> datetime:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)", text), text
    return datetime.fromisoformat(text)


async def create(person: Person, title: str | None = None, **members: Any) -> dict[str, Any]:
    body = {"title": title or f"task {secrets.token_hex(4)}", **members}
    return a_task(ok(await person.post(TASKS, json=body), 201))


ENDPOINTS = [
    ("GET", TASKS),
    ("GET", f"{TASKS}/counts"),
    ("POST", TASKS),
    ("GET", f"{TASKS}/{NOWHERE}"),
    ("PUT", f"{TASKS}/{NOWHERE}"),
    ("PATCH", f"{TASKS}/{NOWHERE}"),
    ("PATCH", f"{TASKS}/{NOWHERE}/complete"),
    ("DELETE", f"{TASKS}/{NOWHERE}"),
    ("DELETE", f"{TASKS}?completed=true"),
]


def lets_the_browser_read(response: httpx.Response) -> None:
    assert response.headers["access-control-allow-origin"] == ORIGIN
    assert response.headers["access-control-allow-credentials"] == "true"
    assert "origin" in response.headers["vary"].lower()
    exposed = {word.strip().lower() for word in response.headers["access-control-expose-headers"].split(",")}
    assert {"etag", "location", "retry-after", "x-request-id"} <= exposed
