"""Metrics: right counts, bounded labels, and a port of their own."""

from __future__ import annotations

import asyncio
import os
import string
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from asgi_lifespan import LifespanManager
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from taskward import app as composition
from taskward.app import create_app
from taskward.operating.metrics import AllWorkers, Metrics
from tests.conftest import connection
from tests.support.application import settings_for
from tests.support.process import ROOT, free_port
from tests.support.routes import routes_of
from tests.support.service import eventually, serving
from tokenward import Reason
from tokenward.testing import Answer, Issuer, SigningKey

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"}
Numbers = dict[tuple[str, ...], float]


def numbers(families: Any, sample: str, *labels: str) -> Numbers:
    """Samples of this name by the values of these labels."""
    return {
        tuple(found.labels[label] for label in labels): found.value
        for family in families
        for found in family.samples
        if found.name == sample
    }


class Watched:
    """The application with a registry of its own, and a client in front of it."""

    routes: set[str]

    def __init__(self, issuer: Issuer, app: Any, registry: CollectorRegistry) -> None:
        self.issuer, self.app, self.registry = issuer, app, registry
        self.client = httpx.AsyncClient(**connection(app))

    def families(self) -> list[Metric]:
        return list(self.registry.collect())

    def requests(self) -> Numbers:
        return numbers(self.families(), "taskward_request_seconds_count", "method", "route", "status")

    def outcomes(self) -> Numbers:
        return numbers(self.families(), "taskward_authentications_total", "outcome")

    async def ask(self, token: str, path: str = "/api/me/tasks", method: str = "GET", **more: Any) -> int:
        answer = await self.client.request(method, path, headers={"authorization": f"Bearer {token}"}, **more)
        return answer.status_code


@pytest_asyncio.fixture
async def watched(issuer: Issuer, database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watched]:
    monkeypatch.setattr(composition, "GAUGE_SECONDS", 0.001)
    registry = CollectorRegistry()
    async with httpx.AsyncClient(transport=issuer.transport()) as http:
        app = create_app(settings_for(issuer, database_url), http=http, metrics=Metrics(registry))
        async with LifespanManager(app) as manager:
            watched = Watched(issuer, manager.app, registry)
            watched.routes = {path for _, path in routes_of(app)}
            async with watched.client:
                yield watched


async def test_requests_are_timed_by_method_route_and_status(watched: Watched) -> None:
    token = watched.issuer.token()
    made = await watched.client.post("/api/me/tasks", json={"title": "a"}, headers={"authorization": f"Bearer {token}"})
    for _ in range(3):
        assert await watched.ask(token) == 200
    assert await watched.ask(token, f"/api/me/tasks/{made.json()['id']}") == 200
    assert await watched.ask(token, "/api/alice/tasks/nonsense", "DELETE") == 404
    assert await watched.ask(token, "/api/me/tasks/counts", "PUT") == 405
    assert await watched.ask(token, "/api/me/nonsense") == 404
    assert await watched.ask("nonsense") == 401
    for path in ("/healthz", "/readyz", "/docs", "/openapi.json", "/nonsense"):
        await watched.client.get(path)
    assert watched.requests() == {
        ("POST", "/api/{user_id}/tasks", "201"): 1,
        ("GET", "/api/{user_id}/tasks", "200"): 3,
        ("GET", "/api/{user_id}/tasks/{id}", "200"): 1,
        ("DELETE", "/api/{user_id}/tasks/{id}", "404"): 1,
        ("PUT", "/api/{user_id}/tasks/counts", "405"): 1,
        ("GET", "/api", "404"): 1,
        ("GET", "/api", "401"): 1,
        ("GET", "/healthz", "200"): 1,
        ("GET", "/readyz", "200"): 1,
        ("GET", "/docs", "200"): 1,
        ("GET", "/openapi.json", "200"): 1,
        ("GET", "none", "404"): 1,
    }
    sums = numbers(watched.families(), "taskward_request_seconds_sum", "method", "route", "status")
    assert all(0 < seconds < 30 for seconds in sums.values())


async def test_metric_labels_have_no_values_from_clients(watched: Watched) -> None:
    token = watched.issuer.token()
    for odd in (*string.ascii_letters, "%00", "%0a", "..", "%2e%2e", "\u2603", "a" * 500):
        for path in (f"/{odd}", f"/docs/{odd}", f"/api/{odd}", f"/api/me/{odd}", f"/api/me/tasks/{odd}", f"/api{odd}"):
            await watched.ask(token, path)
    for method in ("BREW", "TRACE", "CONNECT", "get", "X" * 50):
        await watched.ask(token, method=method)
        await watched.ask(token, "/healthz", method)
    allowed = watched.routes | {"/api", "/docs", "none"}
    for method, route, status in watched.requests():
        assert method in METHODS
        assert route in allowed
        assert 200 <= int(status) < 600
    assert len(watched.requests()) < 40


async def test_authentications_are_counted_by_outcome(watched: Watched) -> None:
    issuer = watched.issuer
    token = issuer.token()
    assert [await watched.ask(token) for _ in range(3)] == [200] * 3
    await watched.client.get("/api/me/tasks")
    await watched.ask(issuer.expired_token())
    await watched.ask(issuer.token(iss="http://elsewhere"))
    stranger = SigningKey.new(kid=issuer.signer.kid)
    for _ in range(6):
        await watched.ask(issuer.token(key=stranger))
    assert watched.outcomes() == {
        ("verified",): 1,
        ("cached",): 2,
        ("missing",): 1,
        ("expired",): 1,
        ("issuer",): 1,
        ("signature",): 4,
        ("throttled",): 2,
    }
    named = {"verified", "cached", "missing", "throttled", "keys_unavailable", *map(str, Reason)}
    assert {outcome for (outcome,) in watched.outcomes()} <= named


async def test_fetches_are_counted_by_outcome_and_keys_have_an_age(watched: Watched) -> None:
    async def age() -> float:
        await asyncio.sleep(0.002)  # lets the gauges be set; what they are set to is waited for
        return numbers(watched.families(), "taskward_jwks_age_seconds")[()]

    async def known() -> bool:
        return await age() >= 0

    await eventually(known)
    counts = numbers(watched.families(), "taskward_jwks_fetch_seconds_count", "outcome")
    assert counts == {("replaced",): 1}
    before = await age()

    async def older() -> bool:
        return await age() > before

    await eventually(older)


async def test_without_keys_the_age_is_minus_one_and_tokens_are_not_judged(issuer: Issuer, database_url: str) -> None:
    issuer.always = Answer(status=500)
    registry = CollectorRegistry()
    async with httpx.AsyncClient(transport=issuer.transport()) as http:
        app = create_app(settings_for(issuer, database_url), http=http, metrics=Metrics(registry))
        async with LifespanManager(app) as manager:
            watched = Watched(issuer, manager.app, registry)
            async with watched.client:
                assert await watched.ask(issuer.token()) == 503
            assert watched.outcomes() == {("keys_unavailable",): 1}
            assert numbers(watched.families(), "taskward_jwks_age_seconds") == {(): -1}
            failed = numbers(watched.families(), "taskward_jwks_fetch_seconds_count", "outcome")
            assert set(failed) == {("failed",)}


async def test_the_pool_is_seen_open_and_idle(watched: Watched) -> None:
    token = watched.issuer.token()

    async def pool() -> Numbers:
        await asyncio.sleep(0.002)  # likewise
        return numbers(watched.families(), "taskward_database_connections", "state")

    assert await watched.ask(token) == 200

    async def one_idle() -> bool:
        return await pool() == {("open",): 1, ("idle",): 1}

    await eventually(one_idle)


# --- On a port of their own ------------------------------------------------------------------------------------------


async def scraped(port: int) -> list[Metric]:
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.get(f"http://127.0.0.1:{port}/metrics")
    assert answer.status_code == 200
    return list(text_string_to_metric_families(answer.text))


@pytest.mark.parametrize("workers", [1, 2])
async def test_metrics_of_all_workers_are_served_on_the_metrics_port_only(
    issuer: Issuer, database_url: str, tmp_path: Path, workers: int
) -> None:
    port = free_port()
    settings = {"METRICS_PORT": str(port), "WORKERS": str(workers)}
    async with (
        issuer.serve() as jwks_url,
        serving(issuer, jwks_url, database_url, tmp_path, **settings) as service,
        service.client(issuer.token(), limits=httpx.Limits(max_keepalive_connections=0)) as alice,
    ):
        for _ in range(40):  # a connection each, so that every worker gets some
            assert (await alice.get("/api/me/tasks")).status_code == 200
        found = await scraped(port)
        counts = numbers(found, "taskward_request_seconds_count", "method", "route", "status")
        assert counts["GET", "/api/{user_id}/tasks", "200"] == 40
        outcomes = numbers(found, "taskward_authentications_total", "outcome")
        assert sum(outcomes.values()) == 40
        assert 1 <= outcomes["verified",] <= workers, "each worker verifies a token once"
        assert numbers(found, "taskward_jwks_age_seconds")[()] >= 0
        for path in ("/metrics", "/metrics/", "/api/me/metrics"):
            answer = await alice.get(path)
            assert answer.status_code == 404
            assert "taskward_request_seconds" not in answer.text


WORKER = """
import sys
from taskward.operating.metrics import Metrics
metrics = Metrics()
metrics.answered("GET", "/healthz", 200, 0.001)
metrics.state(60.0, 5, 3)
print("written", flush=True)
sys.stdin.read()
"""


def test_counts_of_an_ended_worker_stay_and_its_gauges_go(tmp_path: Path) -> None:
    """They would be added to its successor's for ever."""
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    pipe = subprocess.PIPE
    workers = [
        subprocess.Popen([sys.executable, "-c", WORKER], env=env, cwd=tmp_path, stdin=pipe, stdout=pipe)
        for _ in range(2)
    ]
    families = AllWorkers(CollectorRegistry(), str(tmp_path))

    def seen() -> tuple[float, Numbers, Numbers]:
        found = list(families.collect())
        counts = numbers(found, "taskward_request_seconds_count", "method", "route", "status")
        age = numbers(found, "taskward_jwks_age_seconds")
        return counts["GET", "/healthz", "200"], numbers(found, "taskward_database_connections", "state"), age

    try:
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == b"written\n"
        assert seen() == (2, {("open",): 10, ("idle",): 6}, {(): 60})
        workers[0].communicate()
        assert seen() == (2, {("open",): 5, ("idle",): 3}, {(): 60})
    finally:
        for worker in workers:
            worker.communicate()
    assert seen() == (2, {}, {})


async def test_metrics_are_off_by_default(client: httpx.AsyncClient) -> None:
    assert (await client.get("/metrics")).status_code == 404
