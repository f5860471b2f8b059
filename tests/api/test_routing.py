"""Which paths exist, and which of them need a token."""

from __future__ import annotations

import httpx
import pytest

from tests.conftest import Person

TASKS = "/api/me/tasks"


@pytest.mark.parametrize("path", ["/docs", "/healthz", "/openapi.json", TASKS, f"{TASKS}/counts"])
async def test_a_path_that_ends_in_a_line_feed_is_404(alice: Person, path: str) -> None:
    assert (await alice.get(path)).status_code == 200
    assert (await alice.get(f"{path}%0a")).status_code == 404


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/x"])
async def test_api_itself_needs_a_token_and_apix_is_404(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 401
    assert (await client.get("/apix")).status_code == 404
