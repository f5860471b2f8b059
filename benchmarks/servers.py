"""The services under load: how each is started, asked whether it answers, measured and stopped."""

import os
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from benchmarks import processes
from benchmarks.ground import FASTIFY, HERE, PYTHON, ROOT, TASKWARD_PYTHON

POOL_SIZE = 10
#: The `taskward` command.
COMMAND = (str(TASKWARD_PYTHON), "-c", "import sys; from taskward.cli.main import main; sys.exit(main())")
UVICORN = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]


@dataclass(frozen=True)
class Peer:
    """One of those compared: `label` is for people, `command` gets its port as the last argument or as PORT."""

    name: str
    label: str
    command: tuple[str, ...]
    authenticates: bool = True


def uvicorn(python: str, app: str, *options: str) -> tuple[str, ...]:
    return (python, "-m", "uvicorn", f"benchmarks.peers.{app}:app", *options, *UVICORN, "--port")


TASKWARD = Peer("taskward", "Taskward", (*COMMAND, "serve", "--port"))
OPEN = Peer(
    "open", "Taskward's handlers, no authentication", (str(TASKWARD_PYTHON), "-m", "benchmarks.peers.open_app"), False
)
FASTIFY_PEER = Peer("fastify", "Fastify 5 + jose + pg", ("node", str(FASTIFY / "server.js")))
FASTAPI_PEER = Peer("fastapi", "FastAPI + SQLModel + PyJWT", uvicorn(str(PYTHON), "fastapi_app"))
LIMIT = Peer("limit", "limit: bare ASGI + asyncpg, no authentication", uvicorn(str(PYTHON), "limit_app"), False)
PEERS = (FASTAPI_PEER, FASTIFY_PEER, LIMIT, TASKWARD, OPEN)


def environment(database_url: str, issuer: Any) -> dict[str, str]:
    """The same settings for everybody, in Taskward's names."""
    return {
        **{name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")},
        "DATABASE_URL": database_url,
        "JWKS_URL": issuer.jwks_url,
        "JWT_ISSUER": issuer.url,
        "JWT_AUDIENCE": issuer.url,
        "POOL_SIZE": str(POOL_SIZE),
        "DATABASE_POOL_SIZE": str(POOL_SIZE),
        "LOG_LEVEL": "warning",
        "NODE_ENV": "production",
        "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}:{ROOT / 'tokenward' / 'src'}",
    }


class Server:
    """A peer running on a port of 127.0.0.1, from `with` to the end of it."""

    def __init__(self, peer: Peer, port: int, environment: dict[str, str]) -> None:
        self.peer, self.port = peer, port
        self.url = f"http://127.0.0.1:{port}"
        self._environment = environment | {
            "PORT": str(port),
            "JWKS_URL": f"{environment['JWKS_URL']}?for={peer.name}",  # so that the key server can count
        }
        self._process: subprocess.Popen[bytes] | None = None
        self.start_seconds = 0.0

    def __enter__(self) -> "Server":
        command = [*self.peer.command, *([str(self.port)] if self.peer.command[-1] == "--port" else [])]
        started = time.perf_counter()
        self._process = subprocess.Popen(command, cwd=HERE, env=self._environment)
        while not self._answers():
            if self._process.poll() is not None or time.perf_counter() - started > 60:
                self.__exit__()
                raise RuntimeError(f"{self.peer.label} did not start: {' '.join(command)}")
            time.sleep(0.002)
        self.start_seconds = time.perf_counter() - started
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def cpu(self) -> float:
        return processes.cpu(self.pid)

    def memory(self) -> float:
        return processes.memory(self.pid)

    def ask(self, method: str, path: str, token: str, body: bytes | None = None) -> tuple[int, bytes]:
        """One request, for checks: status and body."""
        headers = {"Authorization": f"Bearer {token}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(self.url + path, body, headers, method=method)  # noqa: S310 - always http
        try:
            with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - always http
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.url + "/healthz", timeout=5):  # noqa: S310 - always http
                return True
        except urllib.error.HTTPError:
            return True  # it has no such route, but it answers
        except OSError:
            return False
