"""No secret, token or password appears in a log, an answer or the output of a command."""

from __future__ import annotations

import base64
import hashlib
import hmac
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import asyncpg
import httpx
import pytest

from tests.support.process import ROOT, TASKWARD, free_port
from tests.support.service import serving
from tokenward.testing import Issuer, SigningKey
from tokenward.testing.keys import as_json, b64

SHARED_SECRET = base64.b64encode(hashlib.sha256(b"of this test").digest() * 2).decode()
PRIVATE = ("zanzibar", "e.mail@zanzibar.example", "idempotent-zanzibar")
"""What people write, search for and are called: no secret, and no business of the log's."""

TASKS = "/api/me/tasks"


class Watched:
    """Every token that is sent, and everything that is answered."""

    def __init__(self, issuer: Issuer, shared: bool) -> None:
        self.issuer, self.shared = issuer, shared
        self.tokens: list[str] = []
        self.answers: list[httpx.Response] = []

    def token(self, sub: str = "alice", **claims: Any) -> str:
        claims = {"email": PRIVATE[1], **claims}
        if self.shared:
            signed = f"{b64(as_json({'alg': 'HS256'}))}.{b64(as_json(self.issuer.claims(sub, **claims)))}"
            token = f"{signed}.{b64(hmac.digest(SHARED_SECRET.encode(), signed.encode(), 'sha256'))}"
        else:
            token = self.issuer.token(sub, **claims)
        return self.known(token)

    def known(self, token: str) -> str:
        self.tokens.append(token)
        return token

    async def ask(self, client: httpx.AsyncClient, method: str, path: str, token: str, **how: object) -> httpx.Response:
        headers = {"authorization": f"Bearer {token}", **how.pop("headers", {})}  # type: ignore[dict-item]  # a mapping
        answer = await client.request(method, path, headers=headers, **how)  # type: ignore[arg-type]  # httpx's own
        self.answers.append(answer)
        return answer

    def secrets(self, database_url: str) -> set[str]:
        """Passwords, and of every token what is not the same in all of them."""
        password = urlsplit(database_url).password or ""
        secrets = {SHARED_SECRET, password, unquote(password)}
        for token in self.tokens:
            secrets |= {token, *(part for part in token.split(".")[1:] if len(part) > 8)}
        return secrets - {""}


async def everything(watched: Watched, client: httpx.AsyncClient, database_url: str) -> None:
    """People who are let in, people who are not, people who are sent away, and a service that crashes."""
    ask = watched.ask
    good = watched.token()
    made = await ask(client, "POST", TASKS, good, json={"title": PRIVATE[0]}, headers={"idempotency-key": PRIVATE[2]})
    assert made.status_code == 201, made.text
    for path in (TASKS, f"{TASKS}?q={PRIVATE[0]}", f"{TASKS}/counts", f"{TASKS}/{made.json()['id']}"):
        assert (await ask(client, "GET", path, good)).status_code == 200
    assert (await ask(client, "POST", TASKS, good, json={"title": PRIVATE[0], "x": PRIVATE[0]})).status_code == 422
    assert (await ask(client, "POST", TASKS, good, content=f'{{"{PRIVATE[0]}')).status_code == 415
    assert (await ask(client, "GET", "/api/somebody/tasks", good)).status_code == 403
    now = int(time.time())
    head, body, signature = good.split(".")
    for refused in (
        watched.token(iat=now - 3600, exp=now - 1800),
        watched.token(aud="https://elsewhere.example"),
        watched.token(iss="https://elsewhere.example"),
        watched.issuer.token(key=SigningKey.new(), email=PRIVATE[1]),
        f"{head}.{body}.{signature[::-1]}",
        f"{b64(as_json({'alg': 'none'}))}.{body}.",
        f"{good}.{good}",
        good[:-40],
        "no-token-but-perhaps-a-password",
    ):
        assert (await ask(client, "GET", TASKS, watched.known(refused))).status_code in (401, 429)
        # Where it does not belong: in the query, and in a body.
        assert (await ask(client, "GET", f"{TASKS}?access_token={refused}", good)).status_code == 422
        assert (await ask(client, "POST", TASKS, good, json={"title": "t", "token": refused})).status_code == 422
    root = await asyncpg.connect(database_url)
    try:
        await root.execute("ALTER TABLE tasks RENAME COLUMN title TO headline")
        for method, how in (("GET", {}), ("POST", {"json": {"title": PRIVATE[0]}})):
            crashed = await ask(client, method, TASKS, watched.token(), **how)
            assert crashed.status_code == 500, crashed.text
            assert "headline" not in crashed.text
            assert "column" not in crashed.text
        await root.execute("ALTER TABLE tasks RENAME COLUMN headline TO title")
    finally:
        await root.close()


@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.parametrize("shared", [False, True], ids=["key set", "shared secret"])
async def test_a_whole_run_says_no_token_no_secret_and_no_password(
    issuer: Issuer, database_url: str, tmp_path: Path, log_format: str, shared: bool
) -> None:
    watched = Watched(issuer, shared)
    keys = {"JWKS_URL": "", "JWT_SECRET": SHARED_SECRET} if shared else {}
    settings = {"LOG_FORMAT": log_format, "LOG_LEVEL": "debug", "AUTH_FAILURES": "6/minute", **keys}
    async with (
        issuer.serve() as jwks,
        serving(issuer, jwks, database_url, tmp_path, **settings) as service,  # type: ignore[arg-type]  # variables
        httpx.AsyncClient(base_url=service.url, trust_env=False, timeout=30) as client,
    ):
        await everything(watched, client, database_url)
    said = service.said()
    assert said.count("request crashed") == 2
    assert "Traceback" in said
    assert said.count("token refused") >= 6
    assert 429 in {answer.status_code for answer in watched.answers}
    told = [str(answer.headers) + answer.text for answer in watched.answers]
    for secret in watched.secrets(database_url):
        assert secret not in said
        assert not any(secret in one for one in told)
    for word in PRIVATE:
        assert word not in said


COMMANDS = [
    ("nobody listens there", "check"),
    ("the password is wrong", "check"),
    ("the password is wrong", "migrate"),
    ("the URL is none", "serve --port 0"),
    ("the URL is none", "explain -"),
]


@pytest.mark.parametrize(("wrong", "command"), COMMANDS)
def test_no_command_repeats_a_secret_when_something_is_wrong(
    issuer: Issuer, database_url: str, tmp_path: Path, wrong: str, command: str
) -> None:
    password = "hunter2-correct-horse"
    there = urlsplit(database_url)
    url = {
        "nobody listens there": f"postgresql://taskward:{password}@127.0.0.1:{free_port()}/taskward",
        "the password is wrong": f"postgresql://{there.username}:{password}@{there.hostname}:{there.port}/taskward",
        "the URL is none": f"mysql://taskward:{password}@127.0.0.1/taskward",
    }[wrong]
    token = issuer.token("alice")
    environment = {
        "DATABASE_URL": url,
        "JWT_SECRET": SHARED_SECRET,
        "JWT_ISSUER": issuer.url,
        "JWT_AUDIENCE": issuer.audience,
        "DATABASE_TIMEOUT": "1",
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(ROOT / "src"),
    }
    done = subprocess.run(
        [*TASKWARD, *command.split()],
        env=environment,
        cwd=tmp_path,
        input=token,
        capture_output=True,
        text=True,
        timeout=60,
    )
    said = done.stdout + done.stderr
    assert said
    for secret in (password, SHARED_SECRET, token, token.split(".")[1], token.split(".")[2]):
        assert secret not in said
