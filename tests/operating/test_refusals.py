"""Requests that the connection refuses: one answer, one log line, one count, and nothing of the request in them."""

from __future__ import annotations

import ast
import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator, MutableMapping
from typing import Any

import httpx
import pytest
import pytest_asyncio
import structlog
from prometheus_client import CollectorRegistry

from taskward.app import create_app
from taskward.operating import refusals
from taskward.operating.metrics import Metrics
from taskward.server.connection import MAX_HEADERS, MAX_URL, Connection
from tests.conftest import Introduce
from tests.support.wire import Wire
from tests.test_house import MODULES, imports
from tokenward.testing import Issuer

Lines = list[MutableMapping[str, Any]]
MARK = b"hunter2"
"""In everything that is sent, and in nothing that is told."""

POST = b"POST /api/me/tasks?hunter2 HTTP/1.1\r\nhost: hunter2\r\n"
CHUNKED = POST + b"transfer-encoding: chunked\r\n"

#: What is sent, and the status and code of its answer.
REFUSED = {
    "no HTTP": (b"hunter2\r\n\r\n", 400, "invalid_request"),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00hunter2", 400, "invalid_request"),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + MARK, 400, "invalid_request"),
    "another version": (b"GET /hunter2 HTTP/1.2\r\nhost: x\r\n\r\n", 400, "invalid_request"),
    "no Host": (b"GET /hunter2 HTTP/1.1\r\n\r\n", 400, "invalid_request"),
    "two of Host": (POST + b"host: y\r\n\r\n", 400, "invalid_request"),
    "a line that is no field": (POST + b"hunter2\r\n\r\n", 400, "invalid_request"),
    "a method that is none": (b"HUNTER2() / HTTP/1.1\r\nhost: hunter2\r\n\r\n", 400, "invalid_request"),
    "another coding": (POST + b"transfer-encoding: hunter2\r\n\r\n", 400, "invalid_request"),
    "two lengths": (POST + b"content-length: 1\r\ncontent-length: 2\r\n\r\n", 400, "invalid_request"),
    "an upgrade, and no HTTP after it": (
        b"GET /healthz HTTP/1.1\r\nhost: hunter2\r\nupgrade: h2c\r\nconnection: upgrade\r\n"
        b"transfer-encoding: hunter2\r\n\r\n",
        400,
        "invalid_request",
    ),
    "a chunk size that is none": (CHUNKED + b"\r\nhunter2\r\n", 400, "invalid_request"),
    "an upgrade, and a chunk size that is none": (
        CHUNKED + b"upgrade: h2c\r\nconnection: upgrade\r\n\r\nhunter2\r\n",
        400,
        "invalid_request",
    ),
    "half a head": (b"GET /hunter2 HTTP/1.1\r\nhost: x\r\n", 408, "request_timeout"),
    "half a body": (POST + b"content-length: 9\r\n\r\nhunter2", 408, "request_timeout"),
    "a body of a terabyte": (POST + b"content-length: 1000000000000\r\n\r\n", 413, "content_too_large"),
    "a long URL": (b"GET /hunter2%s HTTP/1.1\r\nhost: x\r\n\r\n" % (b"x" * MAX_URL), 414, "uri_too_long"),
    "many fields": (POST + b"x-hunter2: y\r\n" * MAX_HEADERS + b"\r\n", 431, "header_fields_too_large"),
    "a head without end": (POST + b"x-hunter2: " + b"y" * 400_000, 431, "header_fields_too_large"),
}


@pytest.fixture
def lines() -> Iterator[Lines]:
    with structlog.testing.capture_logs() as lines:
        yield lines


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest_asyncio.fixture
async def application(lines: Lines, registry: CollectorRegistry, settings: Any, issuer: Issuer) -> AsyncIterator[Any]:
    async with httpx.AsyncClient(transport=issuer.transport()) as http:
        yield create_app(settings, http=http, metrics=Metrics(registry))


@pytest.fixture
def port(served: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(Connection, "look_every", 0.1)
    return int(served.rpartition(":")[2])


def counted(registry: CollectorRegistry) -> dict[tuple[str, str, str], float]:
    """Answers by method, route and status."""
    return {
        (sample.labels["method"], sample.labels["route"], sample.labels["status"]): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "taskward_request_seconds_count"
    }


def of_requests(lines: Lines) -> Lines:
    return [line for line in lines if line["event"] == "request"]


@pytest.mark.parametrize("sent", REFUSED)
async def test_a_refusal_below_the_application_is_answered_logged_and_counted_once(
    port: int, issuer: Issuer, lines: Lines, registry: CollectorRegistry, sent: str
) -> None:
    data, status, code = REFUSED[sent]
    authorization = b"authorization: Bearer %s\r\n" % issuer.token().encode()
    wire = await Wire.to(port)
    await wire.send(data.replace(b"\r\n", b"\r\n" + authorization, 1) if data.startswith(POST) else data)
    reply = await wire.answer()
    assert await wire.ended()
    wire.close()
    assert (reply.status, reply.problem["code"], reply.get("connection")) == (status, code, "close")
    assert reply.get("content-type") == "application/problem+json"
    assert reply.get("cache-control") == "no-store"
    request_id = reply.get("x-request-id")
    await asyncio.sleep(0.1)  # what the application still does for it
    (line,) = of_requests(lines)
    assert (line["status"], line["code"], line["client"]) == (status, code, "127.0.0.1")
    assert line["request_id"] == request_id == reply.problem["request_id"]
    assert line["reason"] == reply.problem["detail"]
    assert "hunter2" not in f"{lines} {reply}".lower()
    assert counted(registry) == {("other", refusals.UNREAD, str(status)): 1}


async def test_a_request_that_was_answered_before_its_body_went_wrong_is_one_line_with_its_own_status(
    port: int, lines: Lines, registry: CollectorRegistry
) -> None:
    wire = await Wire.to(port)
    await wire.send(CHUNKED + b"\r\n")
    assert (await wire.answer()).status == 401
    await wire.send(b"hunter2\r\n")
    assert await wire.ended()
    wire.close()
    assert [line["status"] for line in of_requests(lines)] == [401]
    assert list(counted(registry).values()) == [1]


async def test_a_request_refused_behind_another_is_a_line_of_its_own(
    port: int, lines: Lines, registry: CollectorRegistry
) -> None:
    wire = await Wire.to(port)
    await wire.send(b"GET /healthz?slow HTTP/1.1\r\nhost: x\r\n\r\n" + CHUNKED + b"\r\nhunter2\r\n")
    replies = [await wire.answer(), await wire.answer()]
    assert await wire.ended()
    wire.close()
    assert [reply.status for reply in replies] == [200, 400]
    assert replies[1].get("x-request-id") in [line["request_id"] for line in of_requests(lines)]
    assert counted(registry)["other", refusals.UNREAD, "400"] == 1


@pytest.mark.parametrize("sent", ["no HTTP", "half a body", "many fields"])
async def test_a_log_and_metrics_that_fail_change_no_refusal(
    port: int, issuer: Issuer, monkeypatch: pytest.MonkeyPatch, sent: str
) -> None:
    def trouble(*_: object, **__: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(Metrics, "answered", trouble)
    monkeypatch.setattr(refusals, "_log", type("Log", (), {"info": staticmethod(trouble)}))
    data, status, _ = REFUSED[sent]
    authorization = b"\r\nauthorization: Bearer %s\r\n" % issuer.token().encode()
    wire = await Wire.to(port)
    await wire.send(data.replace(b"\r\n", authorization, 1) if data.startswith(POST) else data)
    assert (await wire.answer()).status == status
    wire.close()


async def test_the_next_connection_is_served_as_if_nothing_had_been(port: int, person: Introduce) -> None:
    for data, status, _ in list(REFUSED.values())[:6]:
        wire = await Wire.to(port)
        await wire.send(data)
        assert (await wire.answer()).status == status
        wire.close()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        assert (await client.get("/healthz")).status_code == 200


@pytest.mark.parametrize("module", ["connection", "answer", "upgrades", "refusal"])
def test_the_http_connection_imports_nothing_of_the_service(module: str) -> None:
    assert all(name.startswith("taskward.server.") for name in imports(f"taskward.server.{module}"))


def test_every_status_that_a_connection_refuses_with_has_a_text() -> None:
    tree = ast.parse(MODULES["taskward.server.connection"].read_text())
    raised = {
        ast.literal_eval(node.args[0])
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Refused"
    }
    assert raised == {400, 408, 413, 414, 431}
    render = refusals.Refusals(Metrics(CollectorRegistry()))
    for status in raised:
        body = json.loads(render(status, None, None, None)[1])
        assert body["status"] == status
        assert re.fullmatch(r"[0-9a-f]{32}", body["request_id"])
