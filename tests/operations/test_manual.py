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

from tests.support.process import free_port
from tests.support.service import serving
from tokenward.testing import Issuer, SigningKey

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


@pytest_asyncio.fixture(scope="module")
async def night(
    databases: object, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[dict[str, str]]:
    """A service with metrics that has refused a token, and the environment that the manual asks for."""
    folder, issuer, port = tmp_path_factory.mktemp("night"), Issuer(), free_port()
    url = await databases.create(migrated_template)  # type: ignore[attr-defined]  # tests.support.postgres.Databases
    async with (
        issuer.serve() as jwks,
        serving(issuer, jwks, url, folder, METRICS_PORT=str(port), LOG_LEVEL="info") as service,
    ):
        stranger = issuer.token("eve", key=SigningKey.new(kid=issuer.signer.kid))
        for token, status in ((issuer.token("ada"), 200), (stranger, 401)):
            async with service.client(token) as client:
                assert (await client.get("/api/me/tasks")).status_code == status
        yield {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "API": service.url,
            "METRICS": f"http://127.0.0.1:{port}",
            "LOG": f"cat {service.log}",
            "TASKWARD": "taskward",
            "PSQL": f"psql {url}",
            "DATABASE_URL": url,
            "JWKS_URL": jwks,
            "JWT_ISSUER": issuer.url,
            "JWT_AUDIENCE": issuer.audience,
        }
    await databases.drop(url)  # type: ignore[attr-defined]  # likewise


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_command_of_the_manual_runs(command: str, night: dict[str, str], tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        "bash", "-o", "pipefail", "-c", command, env=night, cwd=tmp_path, stdout=-1, stderr=-1
    )
    out, error = await asyncio.wait_for(process.communicate(), 30)
    assert not error, error.decode()
    # grep ends with 1 where there is nothing of the kind to show: this service is well.
    assert process.returncode == 0 or (process.returncode == 1 and "grep" in command and not out)
    assert out or "grep" in command
