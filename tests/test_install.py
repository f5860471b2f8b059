"""scripts/install.py: what it installs, by which program, and when it does nothing."""

import shutil
from pathlib import Path

import pytest

from tests.support.script import script


def test_a_stamp_holds_until_a_file_or_a_word_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install = script("install")
    monkeypatch.setattr(install, "ROOT", tmp_path)
    lock, stamp = tmp_path / "lock", tmp_path / "stamp"
    lock.write_text("one")
    assert not install.Stamp(stamp, [lock], "v20").holds()
    install.Stamp(stamp, [lock], "v20").write()
    assert install.Stamp(stamp, [lock], "v20").holds()
    assert not install.Stamp(stamp, [lock], "v24").holds()
    lock.write_text("two")
    assert not install.Stamp(stamp, [lock], "v20").holds()


def test_make_run_installs_nothing_of_the_web_client_that_only_tests_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install = script("install")
    ran: list[list[str]] = []

    def npm_ci(_: str, command: list[str], cwd: Path) -> None:
        ran.append(command)
        shutil.rmtree(cwd / "node_modules", ignore_errors=True)  # as npm ci does
        (cwd / "node_modules").mkdir()

    monkeypatch.setattr(install, "ROOT", tmp_path)
    monkeypatch.setattr(install, "WEB", tmp_path)
    monkeypatch.setattr(install, "install_node", lambda: "v20")
    monkeypatch.setattr(install, "run", npm_ci)
    (tmp_path / "package-lock.json").write_text("one")
    for tests in (False, False, True, False, True):
        install.install_web(tests=tests)
    assert ["--omit=dev" in command for command in ran] == [True, False], "each is installed once"
    shutil.rmtree(tmp_path / "node_modules")
    install.install_web(tests=False)
    (tmp_path / "package-lock.json").write_text("two")
    install.install_web(tests=True)
    assert ["--omit=dev" in command for command in ran[2:]] == [True, False]


@pytest.mark.parametrize(
    ("right", "tried"),
    [
        ("those of uv", ["those of uv"]),
        ("those of the machine", ["those of uv", "those of the machine"]),
        ("those of pip", ["those of uv", "those of the machine", "those of pip"]),
    ],
)
def test_python_packages_are_installed_with_whichever_certificates_the_registry_is_right_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, right: str, tried: list[str]
) -> None:
    install = script("install")
    monkeypatch.setattr(install, "VENV", tmp_path)
    monkeypatch.setattr(install, "ROOT", tmp_path)
    (tmp_path / "bin").mkdir()
    for name, kind in (("uv", "those of uv"), ("python", "those of pip")):
        text = f"""#!/bin/sh
case " $* " in *" --system-certs "*) with="those of the machine";; *) with="{kind}";; esac
echo "$with" >> {tmp_path}/tried
test "$with" = "{right}"
"""
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setattr(install, "PIP", [str(tmp_path / "bin/python"), "-m", "pip", "install"])
    install.install_packages("packages", ["-r", "some.lock"], True)
    assert (tmp_path / "tried").read_text().splitlines() == tried


def test_an_installation_that_no_way_can_do_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install = script("install")
    monkeypatch.setattr(install, "VENV", tmp_path)
    monkeypatch.setattr(install, "PIP", ["false"])
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/uv").symlink_to("/bin/false")
    for uv in (True, False):
        with pytest.raises(install.InstallError):
            install.install_packages("packages", [], uv)


def test_node_trusts_the_certificates_of_the_machine_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install = script("install")
    print_it = ["sh", "-c", f'echo "$NODE_USE_SYSTEM_CA" >> {tmp_path}/said']
    monkeypatch.delenv("NODE_USE_SYSTEM_CA", raising=False)
    install.run("by default", print_it, tmp_path)
    monkeypatch.setenv("NODE_USE_SYSTEM_CA", "0")
    install.run("told otherwise", print_it, tmp_path)
    assert (tmp_path / "said").read_text() == "1\n0\n"


def test_the_web_client_is_built_anew_when_a_variable_changes_that_a_build_contains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install = script("install")
    built: list[str] = []
    monkeypatch.setattr(install, "ROOT", tmp_path)
    monkeypatch.setattr(install, "WEB", tmp_path)
    monkeypatch.setattr(install, "node_version", lambda: "v20")
    monkeypatch.setattr(install, "run", lambda what, *_: built.append(what))
    (tmp_path / ".next").mkdir()
    builds = []
    for value in ("", "", "true", "true", "false"):
        monkeypatch.setenv("NEXT_PUBLIC_DPOP", value)
        install.build_web()
        builds.append(len(built))
    assert builds == [1, 1, 2, 2, 3]


def test_build_outputs_are_not_among_its_sources(tmp_path: Path) -> None:
    for name in ("app/page.tsx", "package.json", ".next/BUILD_ID", "node_modules/x/index.js", "e2e/a.spec.ts"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [str(path.relative_to(tmp_path)) for path in script("install").sources(tmp_path)]
    assert found == ["app/page.tsx", "package.json"]


@pytest.mark.parametrize(
    ("said", "good"), [("v20.9.0", True), ("v24.19.0", True), ("v20.8.1", False), ("v8.0.0", False)]
)
def test_only_a_node_that_is_new_enough_is_used(
    said: str, good: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install = script("install")
    monkeypatch.setattr(install, "path", lambda: str(tmp_path))
    assert install.node_version() is None
    (tmp_path / "node").write_text(f"#!/bin/sh\necho {said}\n")
    (tmp_path / "node").chmod(0o755)
    assert install.node_version() == (said if good else None)
