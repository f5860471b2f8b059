"""The whole way with a real Better Auth server: sign-up, token, tasks, rotation, sign-out; nothing is stood in for."""

import base64
import json
import os
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from tests.support.postgres import Databases
from tests.support.process import ROOT, TASKWARD, answers, free_port, program, until

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        # On CI a missing part is a failure, not a skipped test.
        "CI" not in os.environ and not (shutil.which("node") and (ROOT / "web/node_modules/better-auth").exists()),
        reason="Better Auth is not installed: run make install",
    ),
]
AUDIENCE = "taskward-e2e"


@dataclass(frozen=True)
class Stack:
    """A Better Auth server and the service, each a process of its own, on one database."""

    better_auth: str
    service: str

    @contextmanager
    def sign_up(self, name: str) -> Iterator[httpx.Client]:
        """Somebody new in a browser of their own."""
        with httpx.Client(base_url=self.better_auth, headers={"origin": self.better_auth}, trust_env=False) as browser:
            body = {"name": name, "email": f"{name}-{time.time_ns()}@example.org", "password": "correct horse battery"}
            assert browser.post("/api/auth/sign-up/email", json=body).status_code == 200
            yield browser

    def tasks(self, token: str, owner: str = "me") -> httpx.Client:
        """The service, as a client with this token sees it."""
        headers = {"authorization": f"Bearer {token}"}
        return httpx.Client(base_url=f"{self.service}/api/{owner}/", headers=headers, trust_env=False)


def token_of(browser: httpx.Client) -> str:
    answer = browser.get("/api/auth/token")
    assert answer.status_code == 200, answer.text
    return str(answer.json()["token"])


def part(token: str, number: int) -> dict[str, object]:
    encoded = token.split(".")[number]
    return dict(json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))))


def eventually(ask: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not ask():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.05)


@contextmanager
def started(folder: Path, database_url: str, algorithm: str, **knobs: str) -> Iterator[Stack]:
    """Both servers, ready; `knobs` go to both, each takes what it knows."""
    env = {"DATABASE_URL": database_url, "JWT_AUDIENCE": AUDIENCE, "JWT_ALGORITHM": algorithm, **knobs}
    port, log, service_log = free_port(), folder / "better-auth.log", folder / "taskward.operating.log"
    with ExitStack() as stack:
        source = stack.enter_context((ROOT / "tests/e2e/better-auth/server.mjs").open("rb"))
        node = stack.enter_context(
            program(["node", "--input-type=module"], log, env, cwd=ROOT / "web", stdin=source),
        )
        until(lambda: "http://" in log.read_text() and log.read_text().endswith("\n"), node, log)
        origin = log.read_text().strip().splitlines()[-1]
        env |= {"JWT_ISSUER": origin, "JWKS_URL": f"{origin}/api/auth/jwks", "JWT_ALGORITHMS": algorithm}
        env |= {"CORS_ORIGINS": origin}
        service = stack.enter_context(
            program([*TASKWARD, "serve", "--port", str(port)], service_log, env, cwd=folder),  # no stray .env there
        )
        until(lambda: answers(f"http://127.0.0.1:{port}/readyz"), service, service_log)
        yield Stack(origin, f"http://127.0.0.1:{port}")


@pytest_asyncio.fixture(scope="module")
async def migrated_url(databases: Databases, migrated_template: str) -> AsyncIterator[str]:
    url = await databases.create(migrated_template)
    yield url
    await databases.drop(url)


@pytest.fixture(scope="module", params=["EdDSA", "RS256"])
def stack(
    request: pytest.FixtureRequest, migrated_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp(request.param)
    with started(folder, migrated_url, request.param, ROTATION_SECONDS="2") as running:
        yield running


def test_a_person_signs_up_and_works_through_the_whole_life_of_a_task(stack: Stack) -> None:
    with stack.sign_up("ada") as browser:
        token = token_of(browser)
    assert part(token, 0)["alg"] in ("EdDSA", "RS256")
    with stack.tasks(token) as ada:
        made = ada.post("tasks", json={"title": "Write the first programme", "description": "Bernoulli numbers"})
        assert made.status_code == 201
        task = made.json()
        assert ada.get("tasks").json()["items"] == [task]
        assert ada.get(f"tasks/{task['id']}").json() == task
        replaced = ada.put(f"tasks/{task['id']}", json={"title": "Write it down"}).json()
        assert (replaced["title"], replaced["description"]) == ("Write it down", None)
        assert ada.patch(f"tasks/{task['id']}", json={"description": "again"}).json()["description"] == "again"
        assert ada.patch(f"tasks/{task['id']}/complete").json()["completed"] is True
        assert ada.get("tasks/counts").json() == {"open": 0, "completed": 1}
        assert ada.delete(f"tasks/{task['id']}").status_code == 204
        assert ada.get(f"tasks/{task['id']}").status_code == 404
    with stack.tasks(token, owner=str(part(token, 1)["sub"])) as ada:
        assert ada.get("tasks").json() == {"items": [], "next_cursor": None}


def test_a_second_person_sees_nothing_of_the_first(stack: Stack) -> None:
    with stack.sign_up("grace") as first, stack.sign_up("eve") as second:
        graces, eves = token_of(first), token_of(second)
    with stack.tasks(graces) as grace, stack.tasks(eves) as eve:
        task = grace.post("tasks", json={"title": "Private"}).json()
        assert eve.get("tasks").json()["items"] == []
        assert eve.get("tasks/counts").json() == {"open": 0, "completed": 0}
        for refused in (
            eve.get(f"tasks/{task['id']}"),
            eve.put(f"tasks/{task['id']}", json={"title": "Mine"}),
            eve.patch(f"tasks/{task['id']}/complete"),
            eve.delete(f"tasks/{task['id']}"),
        ):
            assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
        with stack.tasks(eves, owner=str(part(graces, 1)["sub"])) as trespasser:
            assert trespasser.get("tasks").json()["code"] == "not_owner"
        assert grace.get(f"tasks/{task['id']}").json() == task


def test_after_a_rotation_tokens_of_the_old_key_and_of_the_new_one_both_work(stack: Stack) -> None:
    with stack.sign_up("katherine") as browser:
        old = new = token_of(browser)

        def rotated() -> bool:
            nonlocal new
            new = token_of(browser)
            return part(new, 0)["kid"] != part(old, 0)["kid"]

        eventually(rotated)
    for token in (new, old, new):
        with stack.tasks(token) as katherine:
            assert katherine.get("tasks").status_code == 200
    published = httpx.get(f"{stack.better_auth}/api/auth/jwks", trust_env=False).json()["keys"]
    assert {part(old, 0)["kid"], part(new, 0)["kid"]} <= {key["kid"] for key in published}


def test_after_signing_out_there_are_no_new_tokens_and_the_old_one_serves_until_it_expires(stack: Stack) -> None:
    with stack.sign_up("hedy") as browser:
        token = token_of(browser)
        assert browser.post("/api/auth/sign-out", json={}).status_code == 200
        assert browser.get("/api/auth/token").status_code == 401
    with stack.tasks(token) as hedy:
        # A token is good on its own word: that is why it lives for a quarter of an hour and no longer.
        assert hedy.get("tasks").status_code == 200


def test_a_token_with_a_changed_letter_is_refused_and_nothing_is_stored(stack: Stack) -> None:
    with stack.sign_up("mary") as browser:
        token = token_of(browser)
    head, claims, signature = token.split(".")
    forged = f"{head}.{claims}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"
    with stack.tasks(forged) as forger:
        refused = forger.post("tasks", json={"title": "Forged"})
        assert (refused.status_code, refused.json()["code"]) == (401, "invalid_token")
    with stack.tasks(token) as mary:
        assert mary.get("tasks").json()["items"] == []


@pytest.mark.parametrize("algorithm", ["EdDSA", "RS256"])
def test_an_expired_token_is_refused_by_name(algorithm: str, database_url: str, tmp_path: Path) -> None:
    knobs = {"TOKEN_LIFETIME": "2s", "JWT_LEEWAY": "0"}
    with started(tmp_path, database_url, algorithm, **knobs) as stack, stack.sign_up("annie") as browser:
        with stack.tasks(token_of(browser)) as annie:
            eventually(lambda: annie.get("tasks").status_code == 401)
            refused = annie.post("tasks", json={"title": "Too late"})
        assert refused.status_code == 401
        assert 'error_description="The access token expired"' in refused.headers["www-authenticate"]
        with stack.tasks(token_of(browser)) as annie:
            assert annie.get("tasks").json()["items"] == []


def test_a_token_for_another_audience_is_refused(migrated_url: str, tmp_path: Path) -> None:
    with started(tmp_path, migrated_url, "EdDSA") as stack, stack.sign_up("joan") as browser:
        token = token_of(browser)
        env = {
            "DATABASE_URL": migrated_url,
            "JWKS_URL": f"{stack.better_auth}/api/auth/jwks",
            "JWT_ISSUER": stack.better_auth,
            "JWT_AUDIENCE": "somebody-else",
        }
        port, log = free_port(), tmp_path / "other.log"
        with program([*TASKWARD, "serve", "--port", str(port)], log, env, cwd=tmp_path) as other:
            until(lambda: answers(f"http://127.0.0.1:{port}/readyz"), other, log)
            with Stack(stack.better_auth, f"http://127.0.0.1:{port}").tasks(token) as joan:
                assert joan.get("tasks").json()["code"] == "invalid_token"
            assert token not in log.read_text()
