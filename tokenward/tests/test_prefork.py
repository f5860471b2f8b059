"""Blocking applications under real pre-forking servers: gunicorn's workers and Celery's pool."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from fresh import ROOT, built, environment
from tokenward.testing import Issuer, SigningKey

#: Where a token was verified: events are told of it in that very thread.
COMMON = """
import os, threading
from tokenward import AuthEvents, Tokenward
from tokenward.blocking import blocking

class Where(AuthEvents):
    thread = ""
    def accepted(self, *, cached):
        Where.thread = threading.current_thread().name

issuer = os.environ["ISSUER"]
auth = Tokenward(issuer=issuer, audience=issuer, jwks_url=os.environ["KEYS"], events=Where())
# Before any fork: keys, a cached token and the background thread are there already, and belong to the parent.
blocking(auth).authenticate([(b"authorization", b"Bearer " + os.environ["FIRST"].encode())], None)
assert "tokenward" in {thread.name for thread in threading.enumerate()}
"""

FLASK = f"""{COMMON}
from flask import Flask, g
from tokenward.flask import Bearer

app = Flask(__name__)
bearer = Bearer(auth, app)

@app.get("/who")
@bearer.required
def who():
    return {{"owner": g.identity.subject, "pid": os.getpid(), "hopped": Where.thread == "tokenward"}}
"""

CELERY = f"""{COMMON}
from celery import Celery
from tokenward import AuthError

app = Celery(__name__, broker="filesystem://", backend="file://" + os.environ["RESULTS"])
app.conf.broker_transport_options = {{
    "data_folder_in": os.environ["QUEUE"], "data_folder_out": os.environ["QUEUE"],
    "control_folder": os.environ["CONTROL"],
}}
app.conf.worker_prefetch_multiplier = 1

@app.task
def who(token):
    try:
        identity = blocking(auth).authenticate([(b"authorization", b"Bearer " + token.encode())], None)
    except AuthError as refusal:
        return {{"refused": refusal.code, "pid": os.getpid()}}
    return {{"owner": identity.subject, "pid": os.getpid(), "hopped": Where.thread == "tokenward"}}
"""

ASK = """
import json, sys, tasks
tokens = json.load(sys.stdin)
waiting = [tasks.who.delay(token) for token in tokens]
print(json.dumps([each.get(timeout=60, interval=0.05) for each in waiting]))
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prefork")
    wheel = built(ROOT, folder)
    return environment(sys.executable, folder, f"tokenward[flask] @ {wheel.as_uri()}", "gunicorn", "celery")


@pytest.fixture
def issuer() -> Iterator[tuple[Issuer, str]]:
    made = Issuer()
    with made.running() as url:
        yield made, url


def variables(issuer: Issuer, keys: str, **others: object) -> dict[str, str]:
    given = {"ISSUER": issuer.url, "KEYS": keys, "FIRST": issuer.token("parent"), **others}
    return {**os.environ, **{name: str(value) for name, value in given.items()}}


def until(condition: Callable[[], Any], seconds: float = 30) -> Any:
    """What ``condition`` says once that is true."""
    deadline = time.monotonic() + seconds
    while not (said := condition()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)
    return said


@pytest.mark.parametrize("kind", [["--preload"], ["--preload", "--threads", "4"], []], ids=" ".join)
def test_gunicorn_forks_reloads_and_stops(
    kind: list[str], python: Path, issuer: tuple[Issuer, str], tmp_path: Path
) -> None:
    (tmp_path / "web.py").write_text(FLASK)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    who, keys = issuer
    command = [python, "-m", "gunicorn", "web:app", "--workers", "2", "--bind", f"127.0.0.1:{port}", *kind]
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=tmp_path, env=variables(who, keys), stdout=log, stderr=log)

    def ask(token: str) -> dict[str, Any] | None:
        try:
            answer = httpx.get(f"http://127.0.0.1:{port}/who", headers={"authorization": f"Bearer {token}"}, timeout=20)
        except httpx.TransportError:
            return None
        return {"status": answer.status_code, **answer.json()}

    def both_workers(names: str, without: frozenset[int] = frozenset()) -> set[int]:
        """The workers that answered, each with a token of its own, none of them by way of another thread."""
        found: set[int] = set()
        for number in range(400):
            said = ask(who.token(f"{names}-{number}"))
            assert said is not None
            assert (said["status"], said["owner"], said["hopped"]) == (200, f"{names}-{number}", False)
            found |= {said["pid"]} - without
            if len(found) == 2:
                break
        return found

    try:
        until(lambda: server.poll() is not None or ask(who.token("ready")))
        first = both_workers("seen")
        assert len(first) == 2
        assert server.pid not in first
        before = who.fetches
        assert before <= 3, "the parent's fetch, or one for each worker"
        forged = ask(who.token("eve", key=SigningKey.new(kid=who.signer.kid)))
        assert forged is not None
        assert forged["status"] == 401
        who.rotate()
        said = ask(who.token("rotated"))
        assert said is not None
        assert (said["status"], said["hopped"]) == (200, True), "an unknown key is fetched by the worker's own thread"
        server.send_signal(signal.SIGHUP)
        until(lambda: len(set(children(server.pid)) - first) == 2 and not set(children(server.pid)) & first)
        if kind:  # the parent's key set is older than the rotation: each new worker asks once for the new key
            ready: set[int] = set()

            def both_have_it() -> bool:
                if (said := ask(who.token("again"))) and not said["hopped"]:
                    ready.add(said["pid"])
                return len(ready - first) == 2

            until(both_have_it)
        assert len(both_workers("reloaded", frozenset(first))) == 2
    finally:
        server.send_signal(signal.SIGTERM)
        began = time.monotonic()
        code = server.wait(40)
        told = (tmp_path / "log").read_text()
    assert code == 0, told
    assert time.monotonic() - began < 10, "the background thread keeps no worker from ending"
    assert "Traceback" not in told, told
    assert "Bearer" not in told


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_celery_forks_and_stops(python: Path, issuer: tuple[Issuer, str], tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text(CELERY)
    folders = {name.upper(): tmp_path / name for name in ("queue", "results", "control")}
    for folder in folders.values():
        folder.mkdir()
    who, keys = issuer
    environ = variables(who, keys, C_FORCE_ROOT="1", **folders)
    command = [python, "-m", "celery", "-A", "tasks", "worker", "--pool", "prefork", "--concurrency", "2"]
    command += ["--without-gossip", "--without-mingle"]
    with (tmp_path / "log").open("w") as log:
        worker = subprocess.Popen(command, cwd=tmp_path, env=environ, stdout=log, stderr=log)

    def ask(*tokens: str) -> list[dict[str, Any]]:
        done = subprocess.run(
            [python, "-c", ASK], cwd=tmp_path, env=environ, input=json.dumps(tokens), capture_output=True, text=True,
            timeout=90, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        said: list[dict[str, Any]] = json.loads(done.stdout)
        return said

    try:
        known = ask(*[who.token(f"task-{number}") for number in range(12)])
        assert [each["owner"] for each in known] == [f"task-{number}" for number in range(12)]
        assert not any(each["hopped"] for each in known), "keys that the parent fetched are the children's as well"
        assert worker.pid not in {each["pid"] for each in known}
        who.rotate()
        (rotated, forged) = ask(who.token("rotated"), who.token("eve", key=SigningKey.new(kid=who.signer.kid)))
        assert (rotated["owner"], rotated["hopped"]) == ("rotated", True)
        assert forged["refused"] == "invalid_token"
    finally:
        worker.send_signal(signal.SIGTERM)
        code = worker.wait(40)
        told = (tmp_path / "log").read_text()
    assert code == 0, told
    assert "Traceback" not in told, told
