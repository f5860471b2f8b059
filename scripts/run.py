"""`make run`: starts database, API and web client (with Better Auth), and stops them in reverse order.

PORT (8000) and WEB_PORT (3000) are their ports. API and web client both get every variable of `.env`. With `--page PID`
a child process still builds the web client, and the database starts meanwhile.
"""

import contextlib
import ctypes
import errno
import http.client
import os
import re
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
RUN_ID = "TASKWARD_RUN_ID"
# Browsers try both for `localhost`, independently of the system's resolver.
LOOPBACKS = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


class CannotRunError(Exception):
    """A part could not be started. The text is one line that says why and what to do."""


def main() -> int:
    os.chdir(ROOT)  # the API reads `.env` from here
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    started = time.monotonic()
    try:
        env = environment()
        with contextlib.ExitStack() as stack:
            page = stack.enter_context(page_build(sys.argv[1:]))
            check_ports(env)
            env["DATABASE_URL"] = stack.enter_context(database(env))
            if stop.is_set():
                return 130
            wait_for_page(page, stop)
            if stop.is_set():
                return 130
            # Start both together: an API without key server fails to fetch keys and waits longer after each failure.
            children = [stack.enter_context(start(env)) for start in (api, web)]
            wait_until_ready(children, stop)
            wait_for_keys(env, stop)
            if not stop.is_set():
                check_names(env)
                print(welcome(env, time.monotonic() - started), flush=True)
            watch(children, stop)
            print("\nStopping …", flush=True)
        print("Stopped.")
    except (CannotRunError, PostgresUnavailable) as problem:
        print(f"\n✗ {problem}", file=sys.stderr)
        return 1
    return 0


def environment() -> dict[str, str]:
    """The variables for API and web client: from the environment, then `.env`, then defaults that fit together."""
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
        "REVOCATIONS": "database",
    }
    if not given.get("JWT_SECRET"):
        fitting["JWKS_URL"] = f"http://localhost:{web_port}/api/auth/jwks"
    if not given.get("BETTER_AUTH_SECRET"):
        fitting["BETTER_AUTH_SECRET"] = kept_secret(DATA / "better-auth-secret")
    # Both servers repeat RUN_ID in answers, so that another program on the same port is recognised.
    return fitting | {name: value for name, value in given.items() if value} | {RUN_ID: secrets.token_hex(16)}


def kept_secret(file: Path) -> str:
    """A secret that is made once. With another one Better Auth could not decrypt its stored signing keys."""
    DATA.mkdir(mode=0o700, exist_ok=True)
    if not file.exists():
        # Created with mode 0600.
        with open(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), "w") as out:
            out.write(secrets.token_urlsafe(48))
    return file.read_text()


def check_ports(env: dict[str, str]) -> None:
    """Raises CannotRunError if a port is in use on 127.0.0.1 or [::1]. Browsers try [::1] first."""
    for name, what in (("PORT", "API"), ("WEB_PORT", "web client")):
        for family, loopback in LOOPBACKS:
            try:
                with socket.socket(family) as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind((loopback, int(env[name])))
            except (OSError, ValueError, OverflowError) as error:
                if isinstance(error, OSError) and error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    continue  # a machine without IPv6
                why = error.strerror if isinstance(error, OSError) else error
                where = f"Port {env[name]}" if family == socket.AF_INET else f"Port {env[name]} of [::1]"
                raise CannotRunError(f"{where}, for the {what}: {why}. {other_port(name)}") from None


def other_port(name: str) -> str:
    return f"To use another port: make run {name}={8001 if name == 'PORT' else 3001}"


def check_names(env: dict[str, str]) -> None:
    """Raises CannotRunError if another program answers on one of the IPs of `localhost`.

    Another server may have started on [::1] since the ports were checked, and browsers would open that one.
    """
    for name, path, what in (("PORT", "/readyz", "API"), ("WEB_PORT", "/healthz", "web client")):
        for family, loopback in LOOPBACKS:
            try:
                with socket.create_connection((loopback, int(env[name])), timeout=2):
                    pass
            except OSError:
                continue  # nothing listens there; browsers try the other IP
            host = f"[{loopback}]" if family == socket.AF_INET6 else loopback
            if not is_ours(f"http://{host}:{env[name]}{path}", env[RUN_ID]):
                raise CannotRunError(
                    f"Another program answers on {host}:{env[name]}, where browsers look for the {what}. "
                    f"Stop it. {other_port(name)}"
                )


def is_ours(url: str, run_id: str) -> bool:
    """Whether a server of this run answers at the URL, with success."""
    found = ask(url, run_id)
    return found is not None and run_id in found[0]


def ask(url: str, run_id: str) -> tuple[tuple[str | None, str | None], bytes] | None:
    """The header fields in which API and web client repeat the run's id, and the body. None without an answer."""
    request = urllib.request.Request(url, headers={"X-Request-Id": run_id})  # noqa: S310 - loopback, http
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5) as answer:
            return (answer.headers["X-Request-Id"], answer.headers["X-Taskward-Run"]), answer.read()
    except (OSError, http.client.HTTPException):
        return None


def wait_for_keys(env: dict[str, str], stop: threading.Event, seconds: float = 10) -> None:
    """Wait until the API has keys and revocations, for 10 s at most: it also runs without them."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not stop.is_set():
        found = ask(f"http://127.0.0.1:{env['PORT']}/readyz", env[RUN_ID])
        if found is not None and b'"keys":"none"' not in found[1]:
            revocations = re.search(rb'"revocations":"([^"]*)"', found[1])
            if revocations is None or revocations[1] == b"in step":
                return
        stop.wait(0.1)


@contextlib.contextmanager
def page_build(arguments: list[str]) -> Iterator[int | None]:
    """The id of the process that builds the web client, or None. It is stopped if another part fails."""
    page = int(arguments[1]) if arguments[:1] == ["--page"] else None
    try:
        yield page
    finally:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            if page is not None and os.waitpid(page, os.WNOHANG) == (0, 0):
                os.kill(page, signal.SIGTERM)
                os.waitpid(page, 0)


def wait_for_page(page: int | None, stop: threading.Event) -> None:
    if page is None:
        return
    while not stop.is_set():
        found, status = os.waitpid(page, os.WNOHANG)
        if found:
            if status:
                raise CannotRunError(
                    "The web client could not be built; its output is above. The other parts were stopped."
                )
            return
        stop.wait(0.05)


@contextlib.contextmanager
def database(env: dict[str, str]) -> Iterator[str]:
    """The database of DATABASE_URL, or else the embedded PostgreSQL; migrated. Yields its DSN."""
    from taskward.database.causes import cause
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
        except Exception as error:  # any error of the driver; cause() shows nothing of the DSN
            advice = "Or remove DATABASE_URL from .env and the environment, to use the embedded PostgreSQL"
            raise CannotRunError(f"The database cannot be used: {cause(error)}. {advice}.") from error
        yield url


@dataclass(frozen=True)
class Child:
    """A server that this program started. `answers` is the URL of its health check."""

    name: str
    process: subprocess.Popen[str]
    answers: str
    run_id: str

    def is_ready(self) -> bool:
        return is_ours(self.answers, self.run_id)

    def check(self) -> None:
        code = self.process.poll()
        if code is not None:
            how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"stopped with exit code {code}"
            raise CannotRunError(f"{self.name} {how}; its last output is above. The other parts were stopped.")


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
        start_new_session=True,  # Ctrl-C reaches only this process, which stops them in order
        # PR_SET_PDEATHSIG: Linux stops them if this process is killed.
        preexec_fn=(lambda: libc.prctl(1, signal.SIGTERM)) if sys.platform == "linux" else None,
    )
    relay = threading.Thread(target=lambda: [say(line.rstrip(), name) for line in process.stdout or ()], daemon=True)
    relay.start()
    try:
        yield Child(name, process, answers, env[RUN_ID])
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
    # Next.js listens on HOSTNAME.
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
            raise CannotRunError(
                f"Not ready within a minute: {', '.join(child.name for child in waiting)}. The output is above."
            )
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
