"""docs/operating.md: every command of an alert's section runs against a real service, its log and its database."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.postgres import Databases
from tests.support.process import free_port
from tests.support.service import Service, serving
from tokenward.testing import Holder, Issuer, SigningKey

ROOT = Path(__file__).parents[2]
PAGES = re.findall(r"^### (\w+)\n(.*?)(?=^##)", (ROOT / "docs/operating.md").read_text(), re.M | re.S)
COMMANDS = [
    pytest.param(line, id=f"{name}-{number}")
    for name, page in PAGES
    for block in re.findall(r"```sh\n(.*?)```", page, re.S)
    for number, line in enumerate(block.splitlines())
]

pytestmark = pytest.mark.skipif(
    "CI" not in os.environ and not (shutil.which("psql") and shutil.which("curl")), reason="psql or curl is missing"
)


def environment(service: Service, url: str, metrics: int, issuer: Issuer, jwks: str) -> dict[str, str]:
    """The variables that the manual asks for, and the settings of the service, which `taskward check` reads."""
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "API": service.url,
        "METRICS": f"http://127.0.0.1:{metrics}",
        "LOG": f"cat {service.log}",
        "TASKWARD": "taskward",
        "PSQL": f"psql {url}",
        "DATABASE_URL": url,
        "JWKS_URL": jwks,
        "JWT_ISSUER": issuer.url,
        "JWT_AUDIENCE": issuer.audience,
    }


async def ran(command: str, env: dict[str, str], folder: Path) -> tuple[int | None, str]:
    """Exit code and output of a command of the manual, which must print no error."""
    process = await asyncio.create_subprocess_exec(
        "bash", "-o", "pipefail", "-c", command, env=env, cwd=folder, stdout=-1, stderr=-1
    )
    out, error = await asyncio.wait_for(process.communicate(), 30)
    assert not error, error.decode()
    return process.returncode, out.decode()


@pytest_asyncio.fixture(scope="module")
async def night(
    databases: Databases, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[dict[str, str]]:
    """A service with metrics that has refused a token, and the environment that the manual asks for."""
    folder, issuer, port = tmp_path_factory.mktemp("night"), Issuer(), free_port()
    url = await databases.create(migrated_template)
    async with (
        issuer.serve() as jwks,
        serving(issuer, jwks, url, folder, METRICS_PORT=str(port), LOG_LEVEL="info") as service,
    ):
        stranger = issuer.token("eve", key=SigningKey.new(kid=issuer.signer.kid))
        for token, status in ((issuer.token("ada"), 200), (stranger, 401)):
            async with service.client(token) as client:
                assert (await client.get("/api/me/tasks")).status_code == status
        yield environment(service, url, port, issuer, jwks)
    await databases.drop(url)


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_command_of_the_manual_runs(command: str, night: dict[str, str], tmp_path: Path) -> None:
    code, out = await ran(command, night, tmp_path)
    # grep ends with 1 where there is nothing of the kind to show: this service is well.
    assert code == 0 or (code == 1 and "grep" in command and not out)
    assert out or "grep" in command


async def test_the_page_of_proofs_unavailable_shows_a_store_that_is_down(
    databases: Databases, migrated_template: str, tmp_path: Path
) -> None:
    issuer, holder, port = Issuer(), Holder(), free_port()
    url = await databases.create(migrated_template)
    bound = issuer.token("ada", cnf=holder.cnf)
    settings = {
        "DPOP": "accept",
        "RATE_LIMIT_STORAGE_URL": f"redis+unix://{tmp_path}/absent.sock",
        "METRICS_PORT": str(port),
    }
    async with issuer.serve() as jwks, serving(issuer, jwks, url, tmp_path, **settings) as service:
        async with service.client(issuer.token("ada")) as client:
            assert (await client.get("/api/me/tasks")).status_code == 200, "a bearer token needs no store"
            own = holder.headers(bound, "GET", f"{service.url}/api/me/tasks")
            answer = await client.get("/api/me/tasks", headers=own)
            assert (answer.status_code, answer.json()["code"]) == (503, "proofs_unavailable")
        env = environment(service, url, port, issuer, jwks) | settings
        page = dict(PAGES)["TaskwardProofsUnavailable"]
        metric, log, check = [
            await ran(line, env, tmp_path) for line in re.findall(r"```sh\n(.*?)```", page, re.S)[0].splitlines()
        ]
        assert metric == (0, 'taskward_authentications_total{outcome="proofs_unavailable"} 1.0\n')
        assert log[0] == 0
        assert "the store of used proofs: ConnectionError" in log[1]
        assert check[0] == 1
        assert "no bound token is accepted" in check[1]
    await databases.drop(url)
