"""The CI workflow: it runs the commands of the Makefile, with pinned actions."""

import os
import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
WORKFLOW: dict[Any, Any] = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
RUN = ROOT / ".ci/run"


def test_the_workflow_adds_nothing_to_the_script_and_to_make_up() -> None:
    jobs = WORKFLOW["jobs"]
    assert [step["run"] for step in jobs["test"]["steps"] if "run" in step] == [".ci/run"]
    assert next(step["run"] for step in jobs["compose"]["steps"] if "run" in step) == "make up"
    up = re.search(r"^up:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert up
    assert re.search(r"docker compose up --build --wait\n.*scripts/smoke\.sh", up[1])
    assert WORKFLOW["permissions"] == {"contents": "read"}


def test_every_action_is_pinned_by_its_commit_and_names_its_version() -> None:
    for workflow in (ROOT / ".github/workflows").glob("*.yml"):
        for line in re.findall(r"uses: (.*)", workflow.read_text()):
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), f"{workflow.name}: {line}"


def test_the_script_is_the_two_commands_of_the_makefile() -> None:
    assert os.access(RUN, os.X_OK)
    assert re.findall(r"^make .*", RUN.read_text(), flags=re.MULTILINE) == ["make check", "make test"]


def test_the_oldest_python_that_is_promised_is_tested() -> None:
    promised = re.search(r'requires-python = ">=([\d.]+)"', (ROOT / "pyproject.toml").read_text())
    assert promised
    assert promised[1] in WORKFLOW["jobs"]["test"]["strategy"]["matrix"]["python"]


def test_the_script_installs_every_program_that_a_test_looks_for() -> None:
    """A test that skips where its program is missing fails with CI=true, or is not run there at all."""
    tests = [*(ROOT / "tests").rglob("*.py"), *(ROOT / "tokenward/tests").rglob("*.py")]
    wanted = {name for path in tests for name in re.findall(r'which\("([\w-]+)"', path.read_text())}
    assert {"psql", "curl", "kubectl", "promtool", "pgbouncer", "redis-server"} <= wanted
    script = RUN.read_text()
    brought = {"node", "npm", "uv"}  # by scripts/install.py
    alternatives = {"chromium-browser"}  # to chromium
    assert wanted - set(re.findall(r"\bhave ([\w-]+)", script)) - brought - alternatives == set()
    assert "python3-venv" in script, "Debian keeps it apart from python3"
