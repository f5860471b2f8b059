"""A real Redis or Valkey on a Unix socket."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

REDIS = shutil.which("redis-server") or shutil.which("valkey-server")


@contextmanager
def redis_server(folder: Path, *more: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Its URL and its process, started with ``more`` options; the test is skipped where none is installed."""
    if REDIS is None:
        pytest.skip("needs redis-server or valkey-server")
    path = folder / "redis.sock"
    options = ["--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(folder), *more]
    server = subprocess.Popen([REDIS, *options], stdout=subprocess.DEVNULL)
    try:
        for _ in range(500):
            with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
                probe.connect(str(path))  # the file is there before anybody listens
                break
            time.sleep(0.02)
        yield f"redis+unix://{path}", server
    finally:
        server.kill()
        server.wait()
