"""Every Python block of ``docs/``, run as it stands, by its framework's test client, against a real key server."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tokenward.testing import Issuer, SigningKey

DOCS = Path(__file__).parent.parent / "docs"
BASE = "https://app.example"
PAGES = ["fastapi", "starlette", "litestar", "django", "drf", "flask", "asgi"]


def blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (DOCS / f"{page}.md").read_text(), flags=re.DOTALL)


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    issuer = Issuer(f"http://127.0.0.1:{port}")
    with issuer.running(port):
        yield issuer


def ask(issuer_url: str, page: str, block: int, *requests: tuple[str, str, dict[str, str]], kind: str = "") -> Any:
    code = blocks(page)[block]
    assert BASE in code
    task = {"code": code.replace(BASE, issuer_url), "kind": kind or page, "requests": requests}
    runner = [sys.executable, str(Path(__file__).parent / "page.py")]
    done = subprocess.run(runner, input=json.dumps(task), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def get(token: str | None, path: str = "/notes") -> tuple[str, str, dict[str, str]]:
    return ("GET", path, {"authorization": f"Bearer {token}"} if token else {})


@pytest.mark.parametrize("page", PAGES)
def test_the_common_case_takes_five_lines(page: str) -> None:
    """Lines that are there because of the caller: imports of tokenward, and statements that use it."""
    tree = ast.parse(blocks(page)[0])
    ours = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tokenward")
    ]
    text = [
        line
        for line in blocks(page)[0].splitlines()
        if re.search(r"Tokenward\.|protect\(|Bearer|TOKENWARD|\.subject|Caller|tokenward\.", line)
        and "import" not in line
    ]
    assert len(ours) + len(text) <= (8 if page in ("django", "drf") else 5)


@pytest.mark.parametrize("page", PAGES)
def test_the_first_block_lets_a_signed_token_in_and_refuses_everybody_else(page: str, issuer: Issuer) -> None:
    forged = issuer.token("ada", key=SigningKey.new(kid=issuer.signer.kid))
    good, nobody, expired, bad, elsewhere, twice = ask(
        issuer.url,
        page,
        0,
        get(issuer.token("ada")),
        get(None),
        get(issuer.token("ada", expires_in=-1)),
        get(forged),
        get(issuer.token("ada", aud="https://elsewhere.example")),
        get(f"{issuer.token('ada')}, Bearer {issuer.token('eve')}"),
    )
    assert (good[0], json.loads(good[2])) == (200, {"owner": "ada"})
    assert (nobody[0], nobody[1]["www-authenticate"]) == (401, "Bearer")
    for answer, phrase in ((expired, "expired"), (bad, "invalid"), (elsewhere, "not issued for this service")):
        assert answer[0] == 401
        assert 'error="invalid_token"' in answer[1]["www-authenticate"]
        assert phrase in answer[1]["www-authenticate"]
        assert forged not in answer[2]
    assert twice[0] in (400, 401)
    if page != "drf":  # whose error bodies are its own
        assert expired[1]["content-type"] == "application/problem+json"
        assert expired[1]["cache-control"] == "no-store"
        assert json.loads(expired[2])["code"] == "invalid_token"


@pytest.mark.parametrize("page", PAGES)
def test_a_key_that_is_new_is_fetched_and_an_outage_is_503_with_retry_after(page: str, issuer: Issuer) -> None:
    old = issuer.token("ada")
    issuer.rotate("RS256")
    for answer in ask(issuer.url, page, 0, get(old), get(issuer.token("ada"))):
        assert answer[0] == 200
    (away,) = ask("http://127.0.0.1:9", page, 0, get(Issuer("http://127.0.0.1:9").token("ada")))
    assert away[0] == 503
    assert int(away[1]["retry-after"]) >= 1
    assert "www-authenticate" not in away[1]


@pytest.mark.parametrize("page", PAGES)
def test_the_sixth_refused_token_of_a_client_is_429_and_a_good_one_passes(page: str, issuer: Issuer) -> None:
    *refused, last, good = ask(issuer.url, page, 0, *[get("bad")] * 6, get(issuer.token("ada")))
    assert [answer[0] for answer in refused] == [401] * 5
    assert last[0] == 429
    assert int(last[1]["retry-after"]) >= 1
    assert good[0] == 200, "a valid token always passes"


@pytest.mark.parametrize("page", ["fastapi", "litestar", "flask", "django"])
def test_an_optional_caller_is_none_without_a_token_and_refused_with_a_bad_one(page: str, issuer: Issuer) -> None:
    stranger, ada, bad = ask(
        issuer.url, page, 1, get(None, "/hello"), get(issuer.token("ada"), "/hello"), get("bad", "/hello")
    )
    assert (stranger[0], json.loads(stranger[2])) == (200, {"hello": "stranger"})
    assert (ada[0], json.loads(ada[2])) == (200, {"hello": "ada"})
    assert bad[0] == 401


@pytest.mark.parametrize("page", ["fastapi", "starlette", "litestar", "flask", "django"])
def test_a_missing_scope_is_403_and_names_what_is_needed(page: str, issuer: Issuer) -> None:
    without, enough = ask(
        issuer.url, page, 1, get(issuer.token("ada")), get(issuer.token("ada", scope="openid notes:read"))
    )
    assert without[0] == 403
    assert 'error="insufficient_scope"' in without[1]["www-authenticate"]
    assert 'scope="notes:read"' in without[1]["www-authenticate"]
    assert (enough[0], json.loads(enough[2])) == (200, {"owner": "ada"})


@pytest.mark.parametrize("page", ["fastapi", "django", "flask", "litestar"])
def test_a_challenge_names_the_metadata_and_the_metadata_the_issuer(page: str, issuer: Issuer) -> None:
    nobody, metadata = ask(issuer.url, page, 1, get(None), get(None, "/.well-known/oauth-protected-resource"))
    where = "https://api.example/.well-known/oauth-protected-resource"
    assert nobody[0] == 401
    assert nobody[1]["www-authenticate"] == f'Bearer resource_metadata="{where}"'
    assert json.loads(metadata[2])["resource"] == "https://api.example"
    assert json.loads(metadata[2])["authorization_servers"] == [issuer.url]


def test_fastapi_has_typed_claims_roles_and_the_scheme_in_openapi(issuer: Issuer) -> None:
    admin = {"authorization": f"Bearer {issuer.token('ada', scope='notes:write', role='user,admin')}"}
    user = {"authorization": f"Bearer {issuer.token('ada', scope='notes:write', role='user')}"}
    email, wrong, cleared, refused, document = ask(
        issuer.url,
        "fastapi",
        1,
        get(issuer.token("ada"), "/email"),
        get(issuer.token("ada", email=7), "/email"),
        ("DELETE", "/notes", admin),
        ("DELETE", "/notes", user),
        get(None, "/openapi.json"),
    )
    assert json.loads(email[2]) == {"email": "ada@example.com"}
    assert wrong[0] == 401
    assert cleared[0] == 200
    assert refused[0] == 403
    openapi = json.loads(document[2])
    assert openapi["components"]["securitySchemes"]["Bearer"]["scheme"] == "bearer"
    notes = openapi["paths"]["/notes"]["get"]
    assert notes["security"] == [{"Bearer": ["notes:read"]}]
    assert {"401", "403", "429", "503"} <= set(notes["responses"])


def test_fastapi_websockets_know_their_caller(issuer: Issuer) -> None:
    token = {"authorization": f"Bearer {issuer.token('ada')}"}
    (heard,) = ask(issuer.url, "fastapi", 2, ("WS", "/live", token))
    assert heard[2] == "ada"


def test_drf_permissions_are_403_with_the_scopes_needed(issuer: Issuer) -> None:
    def delete(**claims: Any) -> tuple[str, str, dict[str, str]]:
        return ("DELETE", "/notes/all", {"authorization": f"Bearer {issuer.token('ada', **claims)}"})

    without, enough, nobody = ask(
        issuer.url, "drf", 0, delete(), delete(scope="notes:write"), ("DELETE", "/notes/all", {})
    )
    assert without[0] == 403
    assert 'scope="notes:write"' in without[1]["www-authenticate"]
    assert enough[0] == 200
    assert nobody[0] == 401


def test_starlette_with_cors_answers_preflights_and_open_paths_without_a_token(issuer: Issuer) -> None:
    asked = {"origin": issuer.url, "access-control-request-method": "GET"}
    asked["access-control-request-headers"] = "authorization"
    preflight, health, nobody = ask(
        issuer.url,
        "starlette",
        1,
        ("OPTIONS", "/notes", asked),
        get(None, "/health"),
        ("GET", "/notes", {"origin": issuer.url}),
    )
    assert preflight[0] == 200
    assert health[0] == 200
    assert nobody[0] == 401
    assert nobody[1]["access-control-allow-origin"] == issuer.url


def test_code_without_a_framework_asks_from_a_thread_or_a_coroutine(issuer: Issuer) -> None:
    said = ask(issuer.url, "asgi", 1, get(issuer.token("ada")), get("bad"), kind="blocking")
    assert said == ["ada", "invalid_token", "ada"]


def test_every_block_passes_mypy_strict(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    files = []
    for page in PAGES:
        for number, block in enumerate(blocks(page)):
            files.append(tmp_path / f"{page}_{number}.py")
            files[-1].write_text(block)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), *map(str, files)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout


def test_the_application_that_is_moved_over_from_pyjwt_works_after_under_ten_new_lines(
    issuer: Issuer,
) -> None:
    (diff,) = re.findall(r"```diff\n(.*?)```", (DOCS / "coming-from.md").read_text(), flags=re.DOTALL)
    lines = diff.splitlines()
    before = "\n".join(line[1:] for line in lines if not line.startswith("+"))
    after = "\n".join(line[1:] for line in lines if not line.startswith("-"))
    compile(before, "before", "exec")
    added = [line for line in lines if line.startswith("+")]
    removed = [line for line in lines if line.startswith("-") and line != "-"]
    assert len(added) < 10
    assert len(added) < len(removed)
    task = {
        "code": after.replace(BASE, issuer.url),
        "kind": "fastapi",
        "requests": [get(issuer.token("ada")), get(None)],
    }
    runner = [sys.executable, str(Path(__file__).parent / "page.py")]
    done = subprocess.run(runner, input=json.dumps(task), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    good, nobody = json.loads(done.stdout)
    assert (good[0], json.loads(good[2])) == (200, {"owner": "ada"})
    assert (nobody[0], nobody[1]["www-authenticate"]) == (401, "Bearer")


def test_every_block_of_every_page_is_run_here() -> None:
    counts = {page.stem: len(blocks(page.stem)) for page in DOCS.glob("*.md") if page.stem in PAGES}
    assert counts == {"fastapi": 3, "starlette": 2, "litestar": 2, "django": 2, "drf": 1, "flask": 2, "asgi": 2}
