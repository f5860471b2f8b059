"""Traces: the spans that a collector receives from a real service."""

from __future__ import annotations

import gzip
import http.server
import json
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from taskward.settings import BadSettings, load_settings
from tests.support.process import free_port
from tests.support.service import Service, serving
from tokenward.testing import Issuer, SigningKey

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE = PARENT.split("-")[1]


class Collector(http.server.ThreadingHTTPServer):
    """An OTLP receiver: keeps what it is sent."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.services: set[str] = set()
        self.raw = b""
        super().__init__(("127.0.0.1", 0), Receiver)

    def of_trace(self, trace_id: str) -> dict[str, Span]:
        return {span.name: span for span in self.spans if span.trace_id.hex() == trace_id}


class Receiver(http.server.BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        body = gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body
        assert self.path == "/v1/traces"
        self.server.raw += body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            names = [one.value.string_value for one in resource.resource.attributes if one.key == "service.name"]
            self.server.services.update(names)
            for scope in resource.scope_spans:
                self.server.spans.extend(scope.spans)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def attributes(span: Span) -> dict[str, str | int]:
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


@asynccontextmanager
async def traced(
    issuer: Issuer, database_url: str, folder: Path, endpoint: str, **settings: str
) -> AsyncIterator[Service]:
    given = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "LOG_LEVEL": "info", **settings}
    async with issuer.serve() as jwks, serving(issuer, jwks, database_url, folder, **given) as service:
        yield service


async def test_a_request_is_a_trace_of_its_token_and_its_statement_and_joins_the_callers(
    collector: Collector, database_url: str, tmp_path: Path
) -> None:
    issuer, title, mail = Issuer(), "Buy a ring for Grace", "ada@example.test"
    token = issuer.token("ada", email=mail)
    forged = issuer.token("eve", key=SigningKey.new(kid=issuer.signer.kid))
    endpoint = f"http://127.0.0.1:{collector.server_port}"
    async with traced(issuer, database_url, tmp_path, endpoint) as service:
        async with service.client(token) as client:
            created = await client.post("/api/me/tasks", json={"title": title}, headers={"traceparent": PARENT})
            assert created.status_code == 201
            read = await client.get(f"/api/me/tasks/{created.json()['id']}", headers={"traceparent": "00-not-one"})
            assert (await client.get("/api/me/tasks", params={"q": title})).status_code == 200
        async with service.client(forged) as client:
            assert (await client.get("/api/me/tasks")).status_code == 401
    lines = [json.loads(line) for line in service.said().splitlines()]

    trace = collector.of_trace(TRACE)
    request = trace["POST /api/{user_id}/tasks"]
    assert request.parent_span_id.hex() == PARENT.split("-")[2]
    assert request.kind == Span.SPAN_KIND_SERVER
    assert attributes(request) == {
        "http.request.method": "POST",
        "http.route": "/api/{user_id}/tasks",
        "http.response.status_code": 201,
        "taskward.request_id": created.headers["x-request-id"],
    }
    assert attributes(trace["verify token"]) == {"taskward.outcome": "verified"}
    statement = next(span for name, span in trace.items() if name in ("INSERT", "WITH"))
    assert attributes(statement) == {"db.system.name": "postgresql", "db.operation.name": statement.name}
    for child in (trace["verify token"], statement):
        assert child.parent_span_id == request.span_id
        assert request.start_time_unix_nano <= child.start_time_unix_nano <= child.end_time_unix_nano

    logged = next(line for line in lines if line.get("request_id") == read.headers["x-request-id"])
    again = collector.of_trace(logged["trace_id"])
    assert attributes(again["verify token"]) == {"taskward.outcome": "cached"}
    assert not again["GET /api/{user_id}/tasks/{id}"].parent_span_id, "an invalid traceparent begins a new trace"
    assert {"SELECT"} <= set(again)
    outcomes = [attributes(span).get("taskward.outcome") for span in collector.spans]
    assert "signature" in outcomes
    assert any(span.name == "fetch key set" for span in collector.spans)
    assert collector.services == {"taskward"}
    refused = next(line for line in lines if line["event"] == "token refused")
    assert refused["trace_id"]
    for private in (token, forged, title, mail, created.json()["id"], token.split(".")[1], "eyJ"):
        assert private.encode() not in collector.raw


async def test_a_collector_that_is_away_delays_neither_requests_nor_the_end(database_url: str, tmp_path: Path) -> None:
    issuer = Issuer()
    async with traced(issuer, database_url, tmp_path, f"http://127.0.0.1:{free_port()}") as service:
        async with service.client(issuer.token("ada")) as client:
            assert (await client.get("/api/me/tasks")).status_code == 200
        service.process.terminate()
        assert service.process.wait(12) == 0


def test_a_service_without_an_endpoint_does_not_even_import_opentelemetry() -> None:
    program = (
        "import sys, taskward.app, taskward.cli.main; print([name for name in sys.modules if 'opentelemetry' in name])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("endpoint", ["localhost:4318", "grpc://localhost:4317", "http://"])
def test_an_endpoint_that_is_no_url_is_a_bad_setting(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    with pytest.raises(BadSettings, match="OTEL_EXPORTER_OTLP_ENDPOINT"):
        load_settings(
            _env_file=None,
            database_url="postgresql://h/d",
            jwks_url="http://localhost/j",
            jwt_issuer="i",
            jwt_audience="a",
        )
