"""Rules of the repository: module sizes, import directions, and places that must agree."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = {
    ".".join((package, *path.relative_to(folder / package).with_suffix("").parts)).removesuffix(".__init__"): path
    for package, folder in (("taskward", ROOT / "src"), ("tokenward", ROOT / "tokenward" / "src"))
    for path in sorted((folder / package).rglob("*.py"))
}

ROOMS = [
    {"embedded", "problems"},
    {"environment", "values"},
    {"database"},
    {"settings"},
    {"operating"},
    {"api"},
    {path.parent.name for path in (ROOT / "src" / "taskward").glob("*/routes.py")},  # the resources
    {"server"},
    {"authentication"},
    {"app"},
    {"cli"},
]
"""Who may know whom: a room imports from rooms further up, and from its own."""

RUN_AS_PROGRAMS: dict[str, str] = {
    "taskward.api.openapi": "prints the document of the whole application when it is run",
}
"""Modules that import the application below ``if __name__ == "__main__"``, each with its reason."""

LONGER_THAN_250: dict[str, str] = {
    "taskward.database.engine": "the way of one statement through slot, pool and connection is read together",
    "tokenward.authenticator": "a request's way through cache, keys, revocations, proofs and throttle, in one piece",
    "tokenward.jwks": "one state machine: when keys are fetched, by whom, and who waits for it",
    "tokenward.testing.issuer": "an issuer and the key server in front of it are read together",
}
"""Modules of more than 250 lines, each with its reason."""

READS_THE_ENVIRONMENT: dict[str, str] = {
    "taskward.environment": "looks at what libraries read of it, before they do",
    "tokenward.environment": "is what Tokenward.from_env reads, and nothing else",
    "taskward.server.process": "writes PROMETHEUS_MULTIPROC_DIR, which the metrics library reads in each worker",
    "taskward.cli.dev": "writes it, and only that: it is what uvicorn's workers read their settings from",
}
"""Modules beside settings.py that read the environment, each with its reason."""


def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text())


def room(module: str) -> str:
    package, _, rest = module.partition(".")
    return rest.partition(".")[0] if package == "taskward" else ""


def imports(module: str) -> Iterator[str]:
    """The modules of taskward that this one imports, wherever in its text."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "taskward")
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute here"
            if (node.module or "").split(".")[0] == "taskward":
                for alias in node.names:
                    name = f"{node.module}.{alias.name}"
                    yield name if name in MODULES else str(node.module)


def rank(module: str) -> int:
    ranks = [number for number, rooms in enumerate(ROOMS) if room(module) in rooms]
    assert ranks, f"{module} is in no room: give it a place in ROOMS"
    return ranks[0]


@pytest.mark.parametrize("module", [name for name in MODULES if room(name)])
def test_imports_go_one_way(module: str) -> None:
    rank(module)
    for imported in imports(module):
        if room(imported) and room(imported) != room(module):
            assert rank(imported) < rank(module) or module in RUN_AS_PROGRAMS, f"{module} imports {imported}"


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("tokenward")])
def test_tokenward_knows_nothing_of_taskward(module: str) -> None:
    assert not list(imports(module))


@pytest.mark.parametrize("module", MODULES)
def test_a_module_opens_with_one_sentence_on_what_lives_here(module: str) -> None:
    docstring = ast.get_docstring(tree(module)) or ""
    opening = docstring.split("\n", 1)[0]
    assert re.match(r"[\w`].{10,}?[.:](\s|$)", opening), f"{module}: {opening!r}"


@pytest.mark.parametrize("module", MODULES)
def test_a_module_is_short_enough_to_read(module: str) -> None:
    lines = len(MODULES[module].read_text().splitlines())
    if module in LONGER_THAN_250:
        assert lines > 250, f"{module} needs its exception no more"
    else:
        assert lines <= 250, f"{module} has {lines} lines"


@pytest.mark.parametrize("module", MODULES)
def test_only_the_configuration_reads_the_environment(module: str) -> None:
    reads = {
        f"{node.value.id}.{node.attr}"
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    } & {"os.environ", "os.environb", "os.getenv", "os.getenvb"}
    from_os = {
        alias.name
        for node in ast.walk(tree(module))
        if isinstance(node, ast.ImportFrom) and node.module == "os"
        for alias in node.names
    } & {"environ", "environb", "getenv", "getenvb"}
    if module in READS_THE_ENVIRONMENT:
        assert reads | from_os, f"{module} needs its exception no more"
    elif module != "taskward.settings":
        assert not reads | from_os, module


@pytest.mark.parametrize("module", MODULES)
def test_every_ignore_carries_its_reason(module: str) -> None:
    for number, line in enumerate(MODULES[module].read_text().splitlines(), 1):
        if found := re.search(r"#\s*(type: ignore|noqa|pragma: no cover)(\[[^]]*\]|: *[A-Z0-9, ]+)?(.*)", line):
            assert re.search(r"\w{4,}", found[3]), f"{module}:{number} says no reason: {line.strip()}"


def test_settings_and_env_example_agree() -> None:
    from taskward.settings import Settings

    example = (ROOT / ".env.example").read_text()
    named = re.findall(r"^(?:# ?)?([A-Z][A-Z0-9_]+)=", example, flags=re.MULTILINE)
    assert len(named) == len(set(named)), "each setting once"
    assert set(named) == {name.upper() for name in Settings.model_fields}


def test_every_setting_in_env_example_has_a_reason_above_it() -> None:
    for paragraph in (ROOT / ".env.example").read_text().strip().split("\n\n"):
        lines = paragraph.splitlines()
        assert all(len(line) <= 125 for line in lines), f"a line too long: {lines[0]}"
        if any(re.match(r"(?:# ?)?[A-Z][A-Z0-9_]+=", line) for line in lines):
            assert re.match(r"# .{12,}", lines[0]), f"no reason: {lines[0]}"


def test_env_example_can_be_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from taskward.settings import Settings

    example = (ROOT / ".env.example").read_text()
    (tmp_path / ".env").write_text(example)
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    Settings()


def make_targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text()
    return set(re.findall(r"^([a-z][a-z0-9_-]*):(?!=)", makefile, flags=re.MULTILINE))


def test_the_makefile_has_the_commands_of_the_contract() -> None:
    assert {"install", "run", "test", "bench", "check", "fix", "up", "down", "help"} <= make_targets()


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_commands_that_the_documents_name_exist(document: str) -> None:
    path = ROOT / document
    if not path.exists():
        pytest.skip(f"{document} is not written yet")
    text = path.read_text()
    code = "\n".join([*re.findall(r"```[a-z]*\n(.*?)```", text, flags=re.DOTALL), *re.findall(r"`([^`\n]+)`", text)])
    for named in re.findall(r"(?:^|[\s;&(])make ([a-z][a-z-]*)", code):
        assert named in make_targets(), f"make {named}"
    for named in re.findall(r"(?:^|[\s;&(/])taskward ([a-z]+)", code):
        assert named in {"serve", "migrate", "check", "explain", "dev"}, f"taskward {named}"


def test_every_promise_of_the_security_policy_is_held_by_tests_that_there_are() -> None:
    folders = (ROOT / "tests", ROOT / "tokenward" / "tests")
    tests = "".join(file.read_text() for folder in folders for file in folder.rglob("test_*.py"))
    there = set(re.findall(r"def (test_\w+)\(", tests))
    promises = [line for line in (ROOT / "SECURITY.md").read_text().splitlines() if line.startswith("| ")][1:]
    assert len(promises) > 15
    for promise in promises:
        held_by = promise.rpartition(" | ")[2]
        named = re.findall(r"`(test_\w+)`", held_by)
        assert named or "`tests/" in held_by, promise
        assert set(named) <= there, set(named) - there
        for path in re.findall(r"`(tests/[\w./]+)`", held_by):
            assert (ROOT / path).exists(), path


# Models and migrations agree: tests/database/test_migrations.py
