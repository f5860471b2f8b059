"""FastAPI: mistakes never open a route, several dependencies verify once, tests may override the caller."""

import warnings
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request, Security
from starlette.authentication import requires as starlette_requires

from tokenward import AuthEvents, Identity, Tokenward
from tokenward.fastapi import Caller, OptionalCaller, caller, protect, requires
from tokenward.testing import Issuer

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Starlette deprecates httpx in its test client
    from starlette.testclient import TestClient

APP = "https://app.example"


def secret() -> str:
    return "secret"


@pytest.mark.parametrize(
    "mistake",
    [
        lambda: [requires],
        lambda: [Depends(requires)],
        lambda: [Depends(requires())],
        lambda: [Caller],
        lambda: [Depends(Caller)],
        lambda: [Security(Caller, scopes=["a"])],
    ],
    ids=["requires", "Depends(requires)", "Depends(requires())", "Caller", "Depends(Caller)", "Security(Caller)"],
)
def test_a_dependency_written_wrongly_never_opens_a_route(mistake: Callable[[], list[Any]]) -> None:
    app = FastAPI()
    protect(app, Tokenward.better_auth(APP))
    try:
        app.add_api_route("/secret", secret, dependencies=mistake())
    except Exception:  # refused while the route is made: by FastAPI, in words of its own
        return
    client = TestClient(app, raise_server_exceptions=False)
    for query in ("", "?args=1&kwargs=2", "?scopes=a&roles=b&permissions=c"):
        answer = client.get(f"/secret{query}")
        assert answer.status_code >= 400
        assert "secret" not in answer.text


class Counted(AuthEvents):
    accepted_times = 0

    def accepted(self, *, cached: bool) -> None:
        self.accepted_times += 1


def test_several_dependencies_of_a_request_verify_the_token_once() -> None:
    issuer, events = Issuer(APP), Counted()
    auth = Tokenward.better_auth(APP, events=events)
    app = FastAPI(dependencies=[Depends(caller)])
    protect(app, auth)
    router = APIRouter(dependencies=[requires(roles=["admin"])])

    @router.get("/notes")
    async def notes(me: Caller, again: Annotated[Identity, Security(caller, scopes=["a"])]) -> str:
        assert me is again
        return me.subject

    app.include_router(router)
    with issuer.behind(auth), TestClient(app) as client:
        good = client.get("/notes", headers=issuer.headers("ada", role="admin", scope="a"))
        assert (good.status_code, good.json(), events.accepted_times) == (200, "ada", 1)
        for claims in ({"role": "user", "scope": "a"}, {"role": "admin", "scope": "b"}):
            assert client.get("/notes", headers=issuer.headers("eve", **claims)).status_code == 403
        assert client.get("/notes", headers=issuer.headers("ada", role="admin", scope="a")).json() == "ada"


def test_scopes_of_an_outer_dependency_hold_for_the_caller_inside_it() -> None:
    issuer = Issuer(APP)
    auth = Tokenward.better_auth(APP)
    app = FastAPI()
    protect(app, auth)

    async def writer(me: Caller) -> Identity:
        return me

    @app.get("/notes")
    async def notes(me: Annotated[Identity, Security(writer, scopes=["notes:write"])]) -> str:
        return me.subject

    with issuer.behind(auth), TestClient(app) as client:
        assert client.get("/notes", headers=issuer.headers("ada")).status_code == 403
        assert client.get("/notes", headers=issuer.headers("ada", scope="notes:write")).json() == "ada"


def test_a_test_may_override_the_caller() -> None:
    app = FastAPI()
    protect(app, Tokenward.better_auth(APP))

    @app.get("/notes")
    async def notes(me: Caller) -> str:
        return me.subject

    somebody = Identity("ada", APP, 0, 2**40, {}, {})
    app.dependency_overrides[caller] = lambda: somebody
    assert TestClient(app).get("/notes").json() == "ada"


def test_an_application_that_was_not_protected_says_so() -> None:
    app = FastAPI()

    @app.get("/notes")
    async def notes(me: Caller) -> str:
        return me.subject

    with pytest.raises(RuntimeError, match="protect"):
        TestClient(app).get("/notes")


def test_starlettes_requires_answers_an_optional_caller_without_a_token_with_403() -> None:
    issuer, auth = Issuer("https://app.example"), Tokenward.better_auth("https://app.example")
    app = FastAPI()
    protect(app, auth)

    @app.get("/notes")
    @starlette_requires("authenticated")
    async def notes(request: Request, me: OptionalCaller) -> dict[str, str]:
        assert me is not None
        return {"owner": me.subject}

    with issuer.behind(auth), TestClient(app) as client:
        assert client.get("/notes").status_code == 403
        assert client.get("/notes", headers=issuer.headers("ada")).json() == {"owner": "ada"}
