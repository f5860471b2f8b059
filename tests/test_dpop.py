"""Bound tokens at the service: DPOP=off, accept and require (RFC 9449)."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from asgi_lifespan import LifespanManager
from prometheus_client import CollectorRegistry, generate_latest
from structlog.testing import capture_logs

from taskward.app import create_app
from taskward.operating.metrics import Metrics
from tests.support.application import ORIGIN, settings_for
from tests.support.redis import redis_server
from tokenward.testing import Holder, Issuer

HOST = "http://taskward.test"
TASKS = "/api/me/tasks"
COUNTS = "/api/me/tasks/counts"


class Bound:
    """The service, and one person whose token is bound to a key."""

    def __init__(self, client: httpx.AsyncClient, issuer: Issuer, base: str) -> None:
        self.client, self.issuer, self.base = client, issuer, base
        self.holder = Holder()
        self.token = issuer.token("ada", cnf=self.holder.cnf)

    def headers(self, method: str, path: str, **changes: Any) -> dict[str, str]:
        return self.holder.headers(self.token, method, self.base + path, **changes)

    async def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        return await self.client.request(method, path, headers=self.headers(method, path), **more)

    async def tasks(self) -> int:
        counts = await self.ask("GET", COUNTS)
        assert counts.status_code == 200, counts.text
        return int(counts.json()["open"])


Serve = Callable[..., Any]


@pytest.fixture
def serve(database_url: str) -> Serve:
    @asynccontextmanager
    async def serving(*, base: str = HOST, replicas: int = 1, **settings: Any) -> AsyncIterator[Any]:
        issuer = Issuer()
        async with AsyncExitStack() as stack:
            found = []
            for _ in range(replicas):
                http = httpx.AsyncClient(transport=issuer.transport())
                metrics = Metrics(registry := CollectorRegistry())
                app = create_app(settings_for(issuer, database_url, **settings), http=http, metrics=metrics)
                manager = await stack.enter_async_context(LifespanManager(app, startup_timeout=60, shutdown_timeout=60))
                transport = httpx.ASGITransport(manager.app, raise_app_exceptions=True)
                client = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url=HOST))
                one = Bound(client, issuer, base)
                one.registry = registry  # type: ignore[attr-defined]  # for the one test that looks at metrics
                found.append(one)
            yield found[0] if replicas == 1 else found

    return serving


async def test_required_proofs_are_for_every_request_and_a_copied_token_is_worthless(serve: Serve) -> None:
    async with serve(dpop="require") as ada:
        created = await ada.ask("POST", TASKS, json={"title": "bound"})
        assert created.status_code == 201, created.text
        path = f"{TASKS}/{created.json()['id']}"
        for method, body in (("GET", None), ("PUT", {"title": "b"}), ("PATCH", {"title": "c"}), ("GET", None)):
            assert (await ada.ask(method, path, json=body)).status_code == 200
        assert (await ada.client.get(f"{TASKS}?q=c&limit=5", headers=ada.headers("GET", TASKS))).status_code == 200
        thief = Holder()
        proof = ada.headers("DELETE", path)["DPoP"]
        stolen: dict[str, dict[str, str]] = {
            "as a bearer token": {"Authorization": f"Bearer {ada.token}"},
            "as a bearer token with a proof": {"Authorization": f"Bearer {ada.token}", "DPoP": proof},
            "without a proof": {"Authorization": f"DPoP {ada.token}"},
            "with a proof of the thief's": thief.headers(ada.token, "DELETE", HOST + path),
            "with a proof for reading": ada.headers("GET", path),
            "with a proof for another task": ada.headers("DELETE", TASKS),
            "with a proof of an hour ago": ada.headers("DELETE", path, iat=int(ada.issuer.clock()) - 3600),
            "another token with this proof": {"Authorization": f"DPoP {ada.issuer.token('ada')}", "DPoP": proof},
            "no bound token at all": {"Authorization": f"Bearer {ada.issuer.token('ada')}"},
        }
        for what, headers in stolen.items():
            refused = await ada.client.delete(path, headers=headers)
            assert refused.status_code in (401, 429), (what, refused.text)
            assert refused.json()["code"] in ("invalid_token", "too_many_failures"), what
            if refused.status_code == 401:
                assert refused.headers["www-authenticate"].startswith('DPoP error="invalid_'), what
        assert await ada.tasks() == 1, "nothing was deleted"
        assert (await ada.ask("DELETE", path)).status_code == 204


async def test_a_proof_that_is_used_by_fifty_requests_at_once_creates_one_task(serve: Serve) -> None:
    async with serve(dpop="require", auth_failures="0") as ada:
        headers = ada.headers("POST", TASKS)
        bodies = ({"title": f"task {number}"} for number in range(50))
        answers = await asyncio.gather(*(ada.client.post(TASKS, headers=headers, json=body) for body in bodies))
        assert sorted(answer.status_code for answer in answers) == [201] + [401] * 49
        assert await ada.tasks() == 1


async def test_replicas_that_share_a_store_accept_a_proof_once_between_them(serve: Serve, tmp_path: Path) -> None:
    with redis_server(tmp_path) as (url, server):
        shared = {
            "dpop": "accept",
            "auth_failures": "0",
            "rate_limit_storage_url": url,
        }
        async with serve(replicas=2, **shared) as (one, other):
            other.issuer = one.issuer
            headers = one.headers("POST", TASKS)
            answers = await asyncio.gather(
                *(
                    each.client.post(TASKS, headers=headers, json={"title": "t"})
                    for each in (one, other)
                    for _ in range(25)
                )
            )
            assert sorted(answer.status_code for answer in answers).count(201) == 1
            assert await one.tasks() == 1
            server.kill()
            server.wait()
            refused = await one.ask("POST", TASKS, json={"title": "not now"})
            assert (refused.status_code, refused.json()["code"]) == (503, "proofs_unavailable")
            assert refused.json()["error_type"] == "unavailable"
            assert int(refused.headers["retry-after"]) >= 1
            assert "www-authenticate" not in refused.headers
            bearer = {"Authorization": f"Bearer {one.issuer.token('ada')}"}
            assert (await one.client.get(COUNTS, headers=bearer)).json() == {"open": 1, "completed": 0}


async def test_with_the_database_as_store_one_of_fifty_copies_passes_at_two_replicas(
    serve: Serve, database_url: str
) -> None:
    driver = await asyncpg.connect(database_url)
    async with serve(dpop="accept", replicas=2, auth_failures="0", dpop_replays="database") as (one, other):
        other.token = one.issuer.token("ada", cnf=other.holder.cnf)
        headers = one.headers("POST", TASKS)
        sent = [each.client.post(TASKS, headers=headers, json={"title": "t"}) for each in (one, other) * 25]
        answers = await asyncio.gather(*sent)
        assert sorted(answer.status_code for answer in answers) == [201] + [401] * 49
        assert await driver.fetchval("SELECT count(*) FROM tasks") == 1
        await driver.execute("DROP TABLE used_proofs")
        refused = await one.ask("POST", TASKS, json={"title": "not now"})
        assert (refused.status_code, refused.json()["code"]) == (503, "proofs_unavailable")
        assert "used_proofs" not in refused.text
        assert await driver.fetchval("SELECT count(*) FROM tasks") == 1
        bearer = {"Authorization": f"Bearer {one.issuer.token('ada')}"}
        assert (await one.client.get(COUNTS, headers=bearer)).status_code == 200
    await driver.close()


async def test_accepted_beside_bearer_tokens_with_a_challenge_for_each(serve: Serve) -> None:
    async with serve(dpop="accept") as ada:
        bearer = {"Authorization": f"Bearer {ada.issuer.token('ada')}"}
        assert (await ada.client.get(COUNTS, headers=bearer)).status_code == 200
        assert (await ada.ask("GET", COUNTS)).status_code == 200
        nobody = await ada.client.get(COUNTS)
        assert nobody.json()["code"] == "missing_token"
        assert nobody.headers["www-authenticate"].startswith('Bearer, DPoP algs="ES256 ')
        expired = {"Authorization": f"Bearer {ada.issuer.expired_token('ada')}"}
        challenge = (await ada.client.get(COUNTS, headers=expired)).headers["www-authenticate"]
        assert challenge.startswith(
            'Bearer error="invalid_token", error_description="The access token expired", DPoP algs'
        )
        two = [*ada.headers("GET", COUNTS).items(), ("DPoP", ada.headers("GET", COUNTS)["DPoP"])]
        refused = await ada.client.get(COUNTS, headers=two)
        assert refused.status_code == 401
        assert 'Bearer, DPoP error="invalid_dpop_proof"' in refused.headers["www-authenticate"]
        both = [*ada.headers("GET", COUNTS).items(), ("Authorization", bearer["Authorization"])]
        assert (await ada.client.get(COUNTS, headers=both)).status_code == 400


async def test_off_is_as_ever(serve: Serve) -> None:
    async with serve() as ada:
        refused = await ada.ask("GET", COUNTS)
        assert (refused.status_code, refused.json()["code"]) == (401, "missing_token")
        assert refused.headers["www-authenticate"] == "Bearer"
        bound = await ada.client.get(COUNTS, headers={"Authorization": f"Bearer {ada.token}"})
        assert (bound.status_code, bound.json()["code"]) == (401, "invalid_token")
        bearer = {"Authorization": f"Bearer {ada.issuer.token('ada')}", "DPoP": "of no interest"}
        assert (await ada.client.get(COUNTS, headers=bearer)).status_code == 200
        metadata = (await ada.client.get("/.well-known/oauth-protected-resource")).json()
        assert not any("dpop" in name for name in metadata)


def test_off_loads_nothing_of_it() -> None:
    code = "import sys, tokenward, taskward.app; print([name for name in sys.modules if 'dpop' in name])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize(
    "public", ["https://api.example.com", "https://api.example.com/backend", "https://x.example/api"]
)
async def test_the_url_of_a_proof_is_judged_by_public_url(serve: Serve, public: str) -> None:
    async with serve(dpop="require", public_url=public, base=public, auth_failures="0") as ada:
        created = await ada.ask("POST", TASKS, json={"title": "t"})
        assert created.status_code == 201, created.text
        assert created.headers["location"].startswith(public)
        for host in ("evil.example", "api.example.com"):
            headers = {**ada.headers("GET", COUNTS), "Host": host}
            assert (await ada.client.get(COUNTS, headers=headers)).status_code == 200, "the Host header does not matter"
        for base in (HOST, "http://api.example.com", f"{public}/x", "https://api.example.com.evil.example"):
            headers = ada.holder.headers(ada.token, "GET", base + COUNTS)
            assert (await ada.client.get(COUNTS, headers=headers)).status_code == 401


@pytest.mark.parametrize("url", ["https://a%2eb.example", "https://api.example/%zz", "https://api.example/%2"])
def test_a_public_url_that_no_proof_can_be_made_for_is_told_when_it_is_set(url: str) -> None:
    with pytest.raises(ValueError, match=r"PUBLIC_URL|clients reach the service"):
        settings_for(Issuer(), "postgresql://h/d", dpop="accept", public_url=url)


async def test_without_public_url_the_request_counts_and_a_trusted_proxys_scheme(serve: Serve) -> None:
    async with serve(
        dpop="require", trusted_proxies="127.0.0.1", base="https://taskward.test", auth_failures="0"
    ) as ada:
        headers = {**ada.headers("GET", COUNTS), "X-Forwarded-Proto": "https"}
        assert (await ada.client.get(COUNTS, headers=headers)).status_code == 200
        assert (await ada.ask("GET", COUNTS)).status_code == 401, "asked over http"
    async with serve(dpop="require", base="https://taskward.test", auth_failures="0") as ada:
        headers = {**ada.headers("GET", COUNTS), "X-Forwarded-Proto": "https"}
        assert (await ada.client.get(COUNTS, headers=headers)).status_code == 401, "nobody is trusted to say so"


async def test_the_path_is_the_one_that_was_asked_for_me_or_by_name(serve: Serve) -> None:
    async with serve(dpop="require", auth_failures="0") as ada:
        assert (await ada.ask("GET", "/api/ada/tasks/counts")).status_code == 200
        mine = ada.headers("GET", "/api/ada/tasks/counts")
        assert (await ada.client.get(COUNTS, headers=mine)).status_code == 401
        assert (await ada.client.get("/api/%61da/tasks/counts", headers=mine)).status_code == 200, "RFC 3986 §6.2.2.2"
        assert (await ada.ask("GET", "/api/bob/tasks/counts")).status_code == 403
        assert (await ada.ask("HEAD", COUNTS)).status_code == 200
        assert (await ada.client.head(COUNTS, headers=ada.headers("GET", COUNTS))).status_code == 401


async def test_metadata_and_openapi_describe_dpop(serve: Serve) -> None:
    for mode, required, schemes in (
        ("accept", False, [{"bearer": []}, {"dpop": []}]),
        ("require", True, [{"dpop": []}]),
    ):
        async with serve(dpop=mode) as ada:
            metadata = (await ada.client.get("/.well-known/oauth-protected-resource")).json()
            assert metadata["dpop_bound_access_tokens_required"] is required
            assert {"ES256", "EdDSA", "Ed25519", "RS256"} <= set(metadata["dpop_signing_alg_values_supported"])
            assert not {"none", "HS256"} & set(metadata["dpop_signing_alg_values_supported"])
            document = (await ada.client.get("/openapi.json")).json()
            assert document["security"] == schemes
            assert set(document["components"]["securitySchemes"]) == {name for each in schemes for name in each}


async def test_a_browsers_page_may_send_proofs_and_read_what_is_answered(serve: Serve) -> None:
    async with serve(dpop="require") as ada:
        asked = {
            "Origin": ORIGIN,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, dpop",
        }
        preflight = await ada.client.options(TASKS, headers=asked)
        assert preflight.status_code == 200
        refused = await ada.client.get(COUNTS, headers={"Origin": ORIGIN, "Authorization": f"DPoP {ada.token}"})
        exposed = {name.strip().lower() for name in refused.headers["access-control-expose-headers"].split(",")}
        assert {"dpop-nonce", "www-authenticate"} <= exposed
        assert refused.headers["access-control-allow-origin"] == ORIGIN


async def test_refusals_are_counted_and_logged_by_their_reason_without_the_proof(serve: Serve) -> None:
    async with serve(dpop="require", auth_failures="0") as ada:
        used = ada.headers("GET", COUNTS)
        assert (await ada.client.get(COUNTS, headers=used)).status_code == 200
        rows = {
            "proof_replayed": used,
            "proof_missing": {"Authorization": f"DPoP {ada.token}"},
            "proof_url": ada.headers("POST", COUNTS),
            "proof_stale": ada.headers("GET", COUNTS, iat=1),
            "proof_key": Holder().headers(ada.token, "GET", HOST + COUNTS),
            "proof": ada.headers("GET", COUNTS, ath="x"),
            "confirmation": {"Authorization": f"Bearer {ada.token}"},
        }
        for reason, headers in rows.items():
            with capture_logs() as logs:
                assert (await ada.client.get(COUNTS, headers=headers)).status_code == 401
            assert [line["reason"] for line in logs if line["event"] == "token refused"] == [reason]
            for secret in (ada.token, headers.get("DPoP", "no proof")):
                assert not any(part in str(logs) for part in secret.split(".") if len(part) > 20)
            counted = f'taskward_authentications_total{{outcome="{reason}"}} 1.0'
            assert counted in generate_latest(ada.registry).decode()


async def test_clocks_that_are_wrong_and_pages_from_before_are_not_throttled(serve: Serve) -> None:
    async with serve(dpop="require", auth_failures="1/hour") as ada:
        for _ in range(4):
            assert (await ada.client.get(COUNTS, headers=ada.headers("GET", COUNTS, iat=1))).status_code == 401
            bearer = {"Authorization": f"Bearer {ada.issuer.token('ada')}"}
            assert (await ada.client.get(COUNTS, headers=bearer)).status_code == 401
        statuses = []
        for _ in range(3):
            thief = Holder().headers(ada.token, "GET", HOST + COUNTS)
            statuses.append((await ada.client.get(COUNTS, headers=thief)).status_code)
        assert statuses == [401, 429, 429]
        assert (await ada.ask("GET", COUNTS)).status_code == 200, "a valid proof always passes"
