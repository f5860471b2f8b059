"""What a run stands on: where things are, and the peers' dependencies installed beside them and nowhere else."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
RESULTS = HERE / "results"
FASTIFY = HERE / "fastify"
VENV = HERE / ".venv"
PYTHON = VENV / "bin" / "python"
#: Taskward with the packages it is deployed with, and none of those it is developed with: they would cost memory.
TASKWARD_VENV = HERE / ".venv-taskward"
TASKWARD_PYTHON = TASKWARD_VENV / "bin" / "python"


def prepare() -> None:
    """Install what is missing: half a minute the first time, nothing afterwards. Exits saying what only you can."""
    if not Path("/proc/self/stat").exists():
        raise SystemExit("The benchmarks read processor time from /proc: run them on Linux.")
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed: `apt-get install wrk` (or dnf, brew, …), then run this again.")
    if shutil.which("npm") is None:
        raise SystemExit("node and npm are not installed: the Fastify peer needs Node 20.9 or later.")
    for lock, venv in ((HERE / "requirements.lock", VENV), (ROOT / "requirements-prod.lock", TASKWARD_VENV)):
        once(lock, venv, partial(install_python, lock, venv))
    once(FASTIFY / "package-lock.json", FASTIFY / "node_modules", install_node)


def once(lock: Path, folder: Path, install: Callable[[], None]) -> None:
    """Install into `folder` unless it was made from this very lock file."""
    stamp, digest = folder / ".installed", hashlib.sha256(lock.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == digest:
        return
    print(f"installing {lock.relative_to(ROOT)} …", flush=True)
    install()
    stamp.write_text(digest)


def install_python(lock: Path, venv: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
    pip: list[str | Path] = [venv / "bin" / "python", "-m", "pip", "install", "--quiet", "--require-hashes", "-r", lock]
    subprocess.run(pip, check=True)
    # For its metadata, which says its version; the code is read from the checkout.
    subprocess.run([*pip[:5], "--no-deps", ROOT / "tokenward"], check=True)


def tokenward_cost() -> None:
    """In the peers' environment, which has those that tokenward is measured beside."""
    paths = f"{ROOT}:{ROOT / 'tokenward' / 'src'}"
    python: list[str | Path] = [VENV / "bin" / "python", "-W", "ignore", "-m", "benchmarks.tokenward_cost"]
    subprocess.run(python, cwd=ROOT, env={**os.environ, "PYTHONPATH": paths}, check=True)


def install_node() -> None:
    subprocess.run(["npm", "ci", "--ignore-scripts", "--loglevel=error"], cwd=FASTIFY, check=True)
