"""Fresh environments with the wheel of this package, as a stranger installs it."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

_BUILD = "import os, sys; os.chdir(sys.argv[1]); from hatchling.build import build_wheel as b; print(b(sys.argv[2]))"


def run(*command: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    done: subprocess.CompletedProcess[str] = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, timeout=300, check=False, **options
    )  # type: ignore[call-overload]  # options are run's own
    return done


@functools.cache
def registry() -> str:
    """Why nothing can be installed here, or an empty text."""
    with tempfile.TemporaryDirectory() as folder:
        done = run(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, "cachetools")
    unreachable = ("connection", "temporary failure", "timed out", "no matching distribution")
    return done.stderr[-300:] if done.returncode and any(word in done.stderr.lower() for word in unreachable) else ""


def built(folder: Path, into: Path) -> Path:
    """The wheel of the distribution in this folder."""
    pytest.importorskip("hatchling")
    done = run(sys.executable, "-c", _BUILD, folder, into)
    assert done.returncode == 0, done.stderr
    return into / done.stdout.split()[-1]


def environment(python: str, folder: Path, *what: str) -> Path:
    """The interpreter of a new environment that holds ``what``; skips where there is no registry to install from.

    By uv where it is installed, which takes a tenth of pip's time.
    """
    if registry():
        pytest.skip(f"the package registry cannot be reached: {registry()}")
    inside = folder / "env" / "bin" / "python"
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if uv:
        steps = [[uv, "venv", "--quiet", "--python", python, folder / "env"]]
        steps += [
            [uv, "pip", "install", "--quiet", "--python", inside, *what],
            [uv, "pip", "check", "--python", inside],
        ]
    else:
        pip = [inside, "-m", "pip", "--disable-pip-version-check"]
        steps = [[python, "-m", "venv", folder / "env"], [*pip, "install", "--quiet", *what], [*pip, "check"]]
    for step in steps:
        done = run(*step)
        if done.returncode != 0 and step[0] == uv:
            done = run(*step, "--system-certs")  # behind a proxy that opens TLS
        assert done.returncode == 0, done.stdout + done.stderr
    return inside
