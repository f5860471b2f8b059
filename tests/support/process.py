"""Programs started by tests, in sessions of their own; they end with the test process."""

import contextlib
import ctypes
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TypeVar

import httpx

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[2]
_CODE = "import sys; sys.modules['rich'] = None; from taskward.cli.main import main; sys.exit(main())"
TASKWARD = (sys.executable, "-c", _CODE)
"""The command, whether or not the package is installed beside this interpreter.

As in production there is no `rich`: structlog and httpx load it where it is, which takes a tenth of a start.
"""


def free_port() -> int:
    """A port below those that the kernel gives to outgoing connections, so that it is free a moment later too."""
    while True:
        port = secrets.choice(range(10_000, 32_000))  # hypothesis seeds random, in every worker alike
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@contextlib.contextmanager
def program(
    command: Sequence[str],
    log: Path,
    env: Mapping[str, str],
    *,
    cwd: Path = ROOT,
    stdin: IO[bytes] | int = subprocess.DEVNULL,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command`, everything it says going to `log`; at the end ask it to stop, and make it if it does not."""
    libc = ctypes.CDLL(None)
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), "PYTHONUNBUFFERED": "1", **env},
            stdin=stdin,
            stdout=out,
            stderr=out,
            start_new_session=True,
            # PR_SET_PDEATHSIG: a test run that is killed leaves nothing behind.
            preexec_fn=(lambda: libc.prctl(1, signal.SIGTERM)) if sys.platform == "linux" else None,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until(ask: Callable[[], T], process: subprocess.Popen[bytes], log: Path, seconds: float = 60) -> T:
    """Ask until the answer is true; say what the program said when it ends or the time is up."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        if answer := ask():
            return answer
        time.sleep(0.02)
    raise AssertionError(f"{process.args!r} (exit code {process.poll()}) said:\n{log.read_text(errors='replace')}")


def answers(url: str) -> bool:
    """Whether a GET of `url` succeeds now."""
    try:
        return httpx.get(url, timeout=5, trust_env=False).is_success
    except httpx.TransportError:
        return False
