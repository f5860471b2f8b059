"""The web client's own Better Auth, with its triggers and its feed, as a process of its own; its pages are left out."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.support.process import ROOT, free_port, program, until

WEB = ROOT / "web"
PASSWORD = "correct horse battery"
INSTALLED = "CI" in os.environ or bool(
    shutil.which("node")
    and (WEB / "node_modules/better-auth").exists()
    and (WEB / "node_modules/.bin/rolldown").exists()
)
"""On CI a missing part is a failure, not a skipped test."""


@dataclass(frozen=True)
class BetterAuth:
    """``url`` is its origin, and the issuer and audience of its tokens."""

    url: str
    open: ExitStack

    @property
    def audience(self) -> str:
        return self.url

    def browser(self) -> httpx.Client:
        client = httpx.Client(
            base_url=f"{self.url}/api/auth", headers={"origin": self.url}, trust_env=False, timeout=30
        )
        return self.open.enter_context(client)

    def sign_up(self, name: str) -> tuple[httpx.Client, str]:
        """Somebody new in a browser of their own, and their address."""
        browser, email = self.browser(), f"{name}-{time.time_ns()}@example.org"
        posted(browser, "/sign-up/email", name=name, email=email, password=PASSWORD)
        return browser, email

    def sign_in(self, email: str) -> httpx.Client:
        browser = self.browser()
        posted(browser, "/sign-in/email", email=email, password=PASSWORD)
        return browser


def posted(browser: httpx.Client, path: str, **body: Any) -> Any:
    answer = browser.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def token_of(browser: httpx.Client) -> str:
    answer = browser.get("/token")
    assert answer.status_code == 200, answer.text
    return str(answer.json()["token"])


@contextmanager
def better_auth(folder: Path, database_url: str, api: str, **env: str) -> Iterator[BetterAuth]:
    """``api`` is where the service is: a deletion deletes the person's tasks there first."""
    bundle, log, port = folder / "whole.mjs", folder / "better-auth.log", free_port()
    command = ["node_modules/.bin/rolldown", "-c", str(ROOT / "tests/e2e/better-auth/rolldown.config.mjs")]
    built = subprocess.run(
        [*command, "-o", str(bundle)], cwd=WEB, capture_output=True, text=True, check=False, timeout=60
    )
    assert built.returncode == 0, built.stdout + built.stderr
    url = f"http://localhost:{port}"
    env = {
        "PORT": str(port),
        "DATABASE_URL": database_url,
        "BETTER_AUTH_URL": url,
        "BETTER_AUTH_SECRET": "for-tests-only-" * 3,
        "TASKWARD_API_URL": api,
        **env,
    }
    with (
        bundle.open("rb") as source,
        program(["node", "--input-type=module"], log, env, cwd=WEB, stdin=source) as process,
        ExitStack() as browsers,
    ):
        until(lambda: "ready" in log.read_text(), process, log)
        yield BetterAuth(url, browsers)
