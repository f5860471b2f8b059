"""Bound tokens the whole way: a real Better Auth, a page of a real Chromium with its own key, DPOP=require."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.e2e.test_better_auth import Stack, part, started, token_of
from tests.support.postgres import Databases
from tests.support.process import ROOT
from tokenward.testing import Holder
from tokenward.testing.keys import unb64

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        # On CI a missing part is a failure, not a skipped test.
        "CI" not in os.environ and not (shutil.which("node") and (ROOT / "web/node_modules/better-auth").exists()),
        reason="Better Auth is not installed: run make install",
    ),
]


@pytest_asyncio.fixture(scope="module")
async def database(databases: Databases, migrated_template: str) -> AsyncIterator[str]:
    url = await databases.create(migrated_template)
    yield url
    await databases.drop(url)


@pytest.fixture(scope="module")
def stack(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder: Path = tmp_path_factory.mktemp("bound")
    with started(folder, database, "EdDSA", DPOP="require", AUTH_FAILURES="0") as running:
        yield running


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None and "CI" not in os.environ, reason="no Chromium is installed")
def test_a_page_with_a_key_of_its_own_works_and_what_is_copied_from_it_is_worthless(stack: Stack) -> None:
    env = {**os.environ, "BETTER_AUTH": stack.better_auth, "SERVICE": stack.service, "CHROMIUM": str(CHROMIUM)}
    with (ROOT / "tests/e2e/better-auth/bound.mjs").open("rb") as source:
        command = ["node", "--input-type=module"]
        done = subprocess.run(command, stdin=source, env=env, cwd=ROOT / "web", capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    said: dict[str, Any] = json.loads(done.stdout)
    assert (said["signedUp"], said["made"], said["titles"]) == (200, 201, ["Bound to this page"])
    assert said["event"].startswith("event: ready")
    assert said["extracted"] is False, "the key cannot be taken out of the page"
    assert said["challenge"].startswith('DPoP error="invalid_dpop_proof"'), "and scripts can read why"

    token, url = said["token"], f"{stack.service}/api/me/tasks"
    assert list(dict(part(token, 1))["cnf"]) == ["jkt"]  # type: ignore[call-overload]  # an object, as Better Auth makes it
    thief = Holder()
    stolen: list[dict[str, str]] = [
        {"Authorization": f"Bearer {token}"},
        {"Authorization": f"DPoP {token}"},
        {"Authorization": f"DPoP {token}", "DPoP": said["used"][1]},
        thief.headers(token, "GET", url),
        thief.headers(token, "GET", url, header={"jwk": json.loads(_decoded(said["used"][1]))["jwk"]}),
    ]
    for headers in stolen:
        refused = httpx.get(url, headers=headers, trust_env=False)
        assert (refused.status_code, refused.json()["code"]) == (401, "invalid_token")
        assert "Bound to this page" not in refused.text


def test_a_client_in_python_and_one_without_a_key(stack: Stack) -> None:
    holder = Holder("EdDSA")
    with stack.sign_up("grace") as browser:
        bearer = token_of(browser)
        url = f"{stack.better_auth}/api/auth/token"
        answer = browser.get("/api/auth/token", headers={"DPoP": holder.proof("", "GET", url)})
        assert answer.status_code == 200, answer.text
        token = str(answer.json()["token"])
    assert part(token, 1)["cnf"] == holder.cnf
    url = f"{stack.service}/api/me/tasks"
    made = httpx.post(url, headers=holder.headers(token, "POST", url), json={"title": "From Python"}, trust_env=False)
    assert made.status_code == 201, made.text
    refused = httpx.get(url, headers={"Authorization": f"Bearer {bearer}"}, trust_env=False)
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid_token")
    assert refused.headers["www-authenticate"].startswith('DPoP error="invalid_token"')


def _decoded(proof: str) -> bytes:
    return unb64(proof.partition(".")[0])
