"""The wheels as a stranger installs them: fresh environments, every Python there is, what each extra brings."""

from __future__ import annotations

import json
import os
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from fresh import ROOT, built, environment, run

VERSIONS = ("3.11", "3.12", "3.13", "3.14")
MOST_PACKAGES, MOST_MEGABYTES, MOST_SECONDS = 14, 20, 0.25

#: What each extra is for: the module that must be importable with that extra alone.
EXTRAS = {
    "starlette": "tokenward.starlette",
    "fastapi": "tokenward.fastapi",
    "litestar": "tokenward.litestar",
    "django": "tokenward.django",
    "drf": "tokenward.drf",
    "flask": "tokenward.flask",
    "redis": "tokenward.redis",
    "postgres": "tokenward.revocation.postgres",
    "otel": "tokenward.tracing",
}

#: Verifies a good and a forged token with whatever is installed, and says what that is.
#: A megabyte is 1,000,000 bytes of what the packages' files hold, without the bytecode that Python writes beside them.
PROGRAM = """
import asyncio, importlib.metadata, json, sys, time
began = time.process_time()
import tokenward
core = time.process_time() - began
if sys.argv[1].startswith("tokenward.d"):
    import django.conf
    django.conf.settings.configure()
__import__(sys.argv[1])
seconds = time.process_time() - began
from tokenward.testing import Issuer, SigningKey
issuer, auth = Issuer("https://app.example"), tokenward.Tokenward.better_auth("https://app.example")
async def ask(token):
    try:
        return (await auth.authenticate([(b"authorization", b"Bearer " + token.encode())], None)).subject
    except tokenward.InvalidToken as refusal:
        return str(refusal.reason)
with issuer.behind(auth):
    forged = issuer.token("eve", key=SigningKey.new(kid=issuer.signer.kid))
    said = [asyncio.run(ask(issuer.token("ada"))), asyncio.run(ask(forged))]
held = [each for each in importlib.metadata.distributions() if each.name not in ("pip", "setuptools")]
files = [file.locate() for each in held for file in each.files or () if file.suffix != ".pyc"]
size = sum(file.stat().st_size for file in files if file.exists())
names = sorted(each.name.lower() for each in held)
print(json.dumps({"said": said, "packages": names, "megabytes": size / 1e6, "core": core, "seconds": seconds}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(ROOT, tmp_path_factory.mktemp("wheel"))


def installed(python: str, folder: Path, wheel: Path, extra: str = "") -> Path:
    """A fresh environment with the wheel and what it needs; the path of its interpreter."""
    what = f"tokenward[{extra}] @ {wheel.as_uri()}" if extra else f"tokenward @ {wheel.as_uri()}"
    return environment(python, folder, what)


def seen(inside: Path, module: str) -> dict[str, object]:
    done = run(inside, "-W", "error", "-c", PROGRAM, module, cwd=inside.parent)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    assert found["said"] == ["ada", "signature"]
    return found


def interpreter(version: str) -> str | None:
    """The Python of this version: on the path, or one of pyenv's that is not selected."""
    pyenv = sorted(Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob(f"versions/{version}.*/bin/python"))
    for candidate in (*map(str, pyenv), shutil.which(f"python{version}")):
        if candidate and run(candidate, "-c", "import venv, ensurepip").returncode == 0:
            return candidate
    return None


@pytest.mark.parametrize("version", VERSIONS)
def test_the_core_installs_small_imports_quickly_and_verifies(version: str, wheel: Path, tmp_path: Path) -> None:
    python = interpreter(version)
    if python is None:
        pytest.skip(f"Python {version} is not on this machine")
    inside = installed(python, tmp_path, wheel)
    found = [seen(inside, "tokenward") for _ in range(3)]
    print(f"Python {version}: {len(found[0]['packages'])} packages, {found[0]['megabytes']:.1f} MB")  # type: ignore[arg-type]  # a list, as PROGRAM prints it
    assert len(found[0]["packages"]) <= MOST_PACKAGES  # type: ignore[arg-type]  # likewise
    assert found[0]["megabytes"] <= MOST_MEGABYTES  # type: ignore[operator]  # a number
    assert min(each["core"] for each in found) <= MOST_SECONDS  # type: ignore[type-var]  # a number
    help_text = run(inside.parent / "tokenward", "--help")
    assert "explain" in help_text.stdout


@pytest.mark.parametrize("extra", EXTRAS)
def test_each_extra_brings_what_its_module_needs_and_no_other_framework(
    extra: str, wheel: Path, tmp_path: Path
) -> None:
    inside = installed(sys.executable, tmp_path, wheel, extra)
    found = [seen(inside, EXTRAS[extra]) for _ in range(2)]
    packages: list[str] = found[0]["packages"]  # type: ignore[assignment]  # as PROGRAM prints it
    seconds = min(each["seconds"] for each in found)  # type: ignore[type-var]  # a number
    print(f"[{extra}]: {len(packages)} packages, {found[0]['megabytes']:.1f} MB, {seconds:.2f} s to import")
    frameworks = {"starlette", "fastapi", "litestar", "django", "djangorestframework", "flask"}
    needed = {"fastapi": {"fastapi", "starlette"}, "drf": {"django", "djangorestframework"}}.get(extra, {extra})
    assert set(packages) & frameworks == needed & frameworks


@pytest.mark.parametrize("folder", [ROOT, ROOT.parent], ids=["tokenward", "taskward"])
def test_a_wheel_holds_its_package_and_no_test(folder: Path, tmp_path: Path) -> None:
    if not (folder / "pyproject.toml").exists():
        pytest.skip("not inside the repository of both distributions")
    made = built(folder, tmp_path)
    name = made.name.split("-")[0]
    files = zipfile.ZipFile(made).namelist()
    tops = {file.split("/")[0] for file in files}
    assert {top for top in tops if not top.endswith(".dist-info")} == {name}
    assert f"{name}/py.typed" in files
    foreign = ("test_", "conftest", "/tests/", ".pyc", "pyproject.toml", ".env", "node_modules", ".lock")
    assert not [file for file in files if any(part in file for part in foreign)]


def test_both_wheels_and_source_archives_pass_twine(tmp_path: Path) -> None:
    pytest.importorskip("hatchling")
    build = (
        "import os, sys; os.chdir(sys.argv[1]); from hatchling.build import build_sdist, build_wheel;"
        "build_wheel(sys.argv[2]); build_sdist(sys.argv[2])"
    )
    dist = tmp_path / "dist"
    for folder in (ROOT, ROOT.parent):
        if (folder / "pyproject.toml").exists():
            done = run(sys.executable, "-c", build, folder, dist)
            assert done.returncode == 0, done.stderr
    checked = run(
        environment(sys.executable, tmp_path, "twine"), "-m", "twine", "check", "--strict", *sorted(dist.iterdir())
    )
    assert checked.returncode == 0, checked.stdout
    assert checked.stdout.count("PASSED") == len(list(dist.iterdir()))
