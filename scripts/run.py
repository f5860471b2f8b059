"""`make run`: a database, the API and the web client with Better Auth, started together and stopped in order.

PORT (8000) and WEB_PORT (3000) move them; everything of `.env` is honoured and handed to both.
"""

import contextlib
import ctypes
import http.client
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values

from taskward.embedded import EmbeddedPostgres, PostgresUnavailable

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / ".data"
WEB = ROOT / "web"


class CannotRunError(Exception):
    """Why, for a person, in one line."""


def main() -> int:
    os.chdir(ROOT)  # where `.env` is, for the API as well
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    started = time.monotonic()
    try:
        env = environment()
        check_ports(env)
        with contextlib.ExitStack() as stack:
            env["DATABASE_URL"] = stack.enter_context(database(env))
            if stop.is_set():
                return 130
            children = [stack.enter_context(start(env)) for start in (api, web)]
            wait_until_ready(children, stop)
            if not stop.is_set():
                print(welcome(env, time.monotonic() - started), flush=True)
            watch(children, stop)
            print("\nStopping …", flush=True)
        print("Stopped.")
    except (CannotRunError, PostgresUnavailable) as problem:
        print(f"\n✗ {problem}", file=sys.stderr)
        return 1
    return 0


def environment() -> dict[str, str]:
    """What both children get: the machine's environment over `.env` over what makes them fit together."""
    given = {name: value for name, value in dotenv_values(ROOT / ".env").items() if value} | dict(os.environ)
    api_port, web_port = given.get("PORT") or "8000", given.get("WEB_PORT") or "3000"
    origin = given.get("BETTER_AUTH_URL") or f"http://localhost:{web_port}"
    fitting = {
        "PORT": api_port,
        "WEB_PORT": web_port,
        "BETTER_AUTH_URL": origin,
        "TASKWARD_API_URL": f"http://localhost:{api_port}",
        "JWT_ISSUER": origin,
        "JWT_AUDIENCE": origin,
        "CORS_ORIGINS": origin,
    }
    if not given.get("JWT_SECRET"):
        fitting["JWKS_URL"] = f"http://localhost:{web_port}/api/auth/jwks"
    if not given.get("BETTER_AUTH_SECRET"):
        fitting["BETTER_AUTH_SECRET"] = kept_secret(DATA / "better-auth-secret")
    return fitting | {name: value for name, value in given.items() if value}


def kept_secret(file: Path) -> str:
    """Made once and kept: with another one Better Auth could not read the signing keys it has stored."""
    DATA.mkdir(mode=0o700, exist_ok=True)
    if not file.exists():
        # Private from its first moment.
        with open(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), "w") as out:
            out.write(secrets.token_urlsafe(48))
    return file.read_text()


def check_ports(env: dict[str, str]) -> None:
    for name, what in (("PORT", "API"), ("WEB_PORT", "web client")):
        try:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", int(env[name])))
        except (OSError, ValueError, OverflowError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            other = f"make run {name}={8001 if name == 'PORT' else 3001}"
            raise CannotRunError(f"Port {env[name]}, for the {what}: {why}. To take another: {other}") from None


@contextlib.contextmanager
def database(env: dict[str, str]) -> Iterator[str]:
    """The one DATABASE_URL names, or else the embedded one; migrated."""
    from taskward.database.migrate import upgrade

    with contextlib.ExitStack() as stack:
        url = env.get("DATABASE_URL")
        if url:
            say("using the database of DATABASE_URL")
        else:
            server = EmbeddedPostgres(DATA / "postgres")
            url = stack.enter_context(server).url()
            say(f"PostgreSQL is up on 127.0.0.1:{server.port}")
        try:
            upgrade(url)
        except Exception as error:  # drivers raise what they like; nothing of the URL is in a class name
            advice = "check DATABASE_URL, or take it out of .env and the environment to use the one that comes along"
            raise CannotRunError(f"The database cannot be used ({type(error).__name__}): {advice}.") from error
        yield url


@dataclass(frozen=True)
class Child:
    """A server of ours: `answers` is the address that says it is ready."""

    name: str
    process: subprocess.Popen[str]
    answers: str

    def is_ready(self) -> bool:
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(self.answers, timeout=5):
                return True
        except (OSError, http.client.HTTPException):
            return False

    def check(self) -> None:
        code = self.process.poll()
        if code is not None:
            how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"stopped with exit code {code}"
            raise CannotRunError(f"{self.name} {how}; what it said last is above. The rest was stopped too.")


@contextlib.contextmanager
def running(name: str, command: list[str], cwd: Path, env: dict[str, str], answers: str) -> Iterator[Child]:
    libc = ctypes.CDLL(None)
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,  # Ctrl-C reaches us alone, and we stop them in order
        # PR_SET_PDEATHSIG: should we be killed, Linux stops them for us.
        preexec_fn=(lambda: libc.prctl(1, signal.SIGTERM)) if sys.platform == "linux" else None,
    )
    relay = threading.Thread(target=lambda: [say(line.rstrip(), name) for line in process.stdout or ()], daemon=True)
    relay.start()
    try:
        yield Child(name, process, answers)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        relay.join(1)


def api(env: dict[str, str]) -> contextlib.AbstractContextManager[Child]:
    command = [str(Path(sys.executable).parent / "taskward"), "serve"]
    return running("api", command, ROOT, env, f"http://127.0.0.1:{env['PORT']}/readyz")


def web(env: dict[str, str]) -> contextlib.AbstractContextManager[Child]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{env.get('PATH', os.defpath)}"
    # In containers HOSTNAME is the machine's name; here it is where to listen.
    mine = env | {"PORT": env["WEB_PORT"], "HOSTNAME": "127.0.0.1", "PATH": path}
    node = shutil.which("node", path=path) or "node"
    return running("web", [node, "server/start.mjs"], WEB, mine, f"http://127.0.0.1:{env['WEB_PORT']}/healthz")


def wait_until_ready(children: list[Child], stop: threading.Event) -> None:
    waiting, deadline = list(children), time.monotonic() + 60
    while waiting and not stop.is_set():
        for child in children:
            child.check()
        waiting = [child for child in waiting if not child.is_ready()]
        if time.monotonic() > deadline:
            raise CannotRunError(f"No answer within a minute from: {', '.join(child.name for child in waiting)}")
        stop.wait(0.05)


def watch(children: list[Child], stop: threading.Event) -> None:
    while not stop.wait(0.2):
        for child in children:
            child.check()


def welcome(env: dict[str, str], seconds: float) -> str:
    return f"""
  Taskward is running (started in {seconds:.1f} s). Ctrl-C stops it.

    Web client   {env["BETTER_AUTH_URL"]}
    API          {env["TASKWARD_API_URL"]}
    API docs     {env["TASKWARD_API_URL"]}/docs
"""


def say(text: str, who: str = "db") -> None:
    print(f"{who:>3} │ {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
