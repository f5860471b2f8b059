"""The contract tests, run against a live server from a copy of their folder alone."""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.application import settings_for
from tokenward.testing import Issuer

CONTRACT = Path(__file__).parent / "contract"


@pytest.fixture
def settings(issuer: Issuer, database_url: str) -> Any:
    """Nobody is throttled: all of those clients have one address."""
    return settings_for(issuer, database_url, auth_failures="0")


async def test_the_contract_tests_run_against_a_live_server_without_this_repository(
    served: str, issuer: Issuer, tmp_path: Path
) -> None:
    shutil.copytree(CONTRACT, tmp_path / "contract", ignore=shutil.ignore_patterns("__pycache__"))
    pytest_there = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "contract", "-q", "-ra", "-p", "no:cacheprovider", "--tb=short"),
        *("--base-url", served, "--token", issuer.token("alice"), "--other-token", issuer.token("bob")),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    raw, _ = await pytest_there.communicate()
    said = raw.decode()
    assert pytest_there.returncode == 0, said[-6000:]
    assert issuer.token("alice").split(".")[0] not in said, "a token was printed"
    passed = re.search(r"(\d+) passed", said)
    assert passed, said
    assert int(passed[1]) > 500, said
    for reason in re.findall(r"^SKIPPED \[\d+\] \S+ (.*)$", said, flags=re.MULTILINE):
        assert reason.startswith("live: "), reason
