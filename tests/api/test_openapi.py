"""The OpenAPI document: complete, and in agreement with the service."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.application import settings_for
from tests.support.routes import routes_of
from tokenward.testing import Issuer

TESTS = Path(__file__).parent.parent
STATIC = TESTS.parent / "src" / "taskward" / "api" / "static"
SECONDS = 25
"""How long schemathesis may try."""

NOT_DESCRIBED = {("GET", "/docs"), ("*", "/docs/{path}")}
"""The page that shows the document to people."""

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


@pytest.fixture
def settings(issuer: Issuer, database_url: str) -> Any:
    """Nobody is throttled: schemathesis tells a refused token from too many of them."""
    return settings_for(issuer, database_url, auth_failures="0")


@pytest.fixture
async def document(client: httpx.AsyncClient) -> Any:
    return (await client.get("/openapi.json")).json()


def operations(document: Any) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield method.upper(), path, item[method]


def test_every_route_is_described_and_everything_described_is_a_route(application: Any, document: Any) -> None:
    described = {(method, path) for method, path, _ in operations(document)}
    assert (
        described == {(method, re.sub(r":\w+}", "}", path)) for method, path in routes_of(application)} - NOT_DESCRIBED
    )


def test_every_operation_has_a_name_a_summary_and_its_failures(document: Any) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))
    for method, path, operation in operations(document):
        assert operation["summary"], (method, path)
        if path.startswith("/api/"):
            answers = operation["responses"]
            assert {"401", "403", "429", "503"} <= set(answers), (method, path)
            for status, answer in answers.items():
                if int(status) >= 400:
                    assert "application/problem+json" in json.dumps(resolved(document, answer)), (path, status)


def resolved(document: Any, value: Any) -> Any:
    while "$ref" in value:
        found = document
        for step in value["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        value = found
    return value


def test_everything_under_api_asks_for_a_bearer_token_and_nothing_else_does(document: Any) -> None:
    schemes = document["components"]["securitySchemes"]
    [(name, scheme)] = schemes.items()
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    for method, path, operation in operations(document):
        security = operation.get("security", document.get("security", []))
        assert security == ([{name: []}] if path.startswith("/api/") else []), (method, path)


def test_the_copy_that_the_web_client_is_made_from_is_the_document(document: Any) -> None:
    assert json.loads((TESTS.parent / "web" / "openapi.json").read_text()) == document


def test_a_client_receives_every_member_of_a_task_that_it_may_send(document: Any) -> None:
    task, whole, patch = (
        set(document["components"]["schemas"][name]["properties"]) for name in ("Task", "TaskInput", "TaskPatch")
    )
    assert patch == whole < task


async def test_schemathesis_finds_nothing(served: str, issuer: Issuer, tmp_path: Path) -> None:
    """Every check it has, against a real socket, for a bounded time, as two people who must not see each other."""
    people = [
        {"name": sub, "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {issuer.token(sub)}"}]}
        for sub in ("alice", "bob")
    ]
    (tmp_path / "people.json").write_text(json.dumps({"auth": people}))
    for source in (TESTS / "schemathesis.toml", TESTS / "support" / "schemathesis_hooks.py"):
        (tmp_path / source.name).write_text(source.read_text())
    schemathesis = str(Path(sys.executable).with_name("schemathesis"))
    process = await asyncio.create_subprocess_exec(
        *(schemathesis, "run", f"{served}/openapi.json", "--checks", "all", "--max-time", str(SECONDS)),
        *("--generation-database", "none"),
        *("--exclude-path", "/api/{user_id}/events"),  # a stream does not end; tests/revocation reads it as a client
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    (tmp_path / "said.txt").write_bytes(said)
    assert process.returncode == 0, said.decode()[-6000:]


#: SHA-256 of the files in the npm package swagger-ui-dist 5.31.0, under the names they have here.
PUBLISHED = {
    "swagger-ui-bundle.js": "93b7b0862a80e2786f85b560be7693c2344354ffa7e7e224f850a54349724c31",
    "swagger-ui.css": "9e576f8322132c76949da47f9bb53c891373c303ea3a761ff548ffc9de50a98c",
    "swagger-ui.LICENSE": "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30",
    "swagger-ui.NOTICE": "0d20d1adef18aee3f40dd258172155521ce702ac445cb5f7b7d60ed32dad2fb2",
}
#: The one thing that was taken out: a comment that would send browsers after a map that is not shipped.
TAKEN_OUT = {"swagger-ui.css": b"/*# sourceMappingURL=swagger-ui.css.map*/"}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_swagger_ui_files_are_the_published_ones(name: str) -> None:
    content = (STATIC / name).read_bytes() + TAKEN_OUT.get(name, b"")
    assert hashlib.sha256(content).hexdigest() == PUBLISHED[name]


def test_every_file_of_the_page_is_ours_or_accounted_for() -> None:
    assert {file.name for file in STATIC.iterdir()} == {*PUBLISHED, "docs.html", "docs.js", "favicon.png"}
