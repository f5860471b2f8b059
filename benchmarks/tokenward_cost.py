"""What knowing the caller costs a request: tokenward beside its peers, and in each framework.

``python -m benchmarks.tokenward_cost`` prints processor time over the same application without authentication, in µs.
Applications are called in process, one endpoint that returns the caller, with claims as Better Auth signs them. They
take turns in one run, so that a busy machine is as busy for each; the figure is the median of the turns.
"""

import asyncio
import importlib.util
import socket
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from tokenward import Tokenward
from tokenward.testing import Issuer

CHUNK, ROUNDS, FRESH = 200, 21, 100

App = Callable[[str | None], Awaitable[None]]


async def called(app: Any, token: str | None) -> None:
    """One request to an ASGI application."""
    headers = [(b"host", b"app.test")] + ([(b"authorization", b"Bearer " + token.encode())] if token else [])
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/me",
        "raw_path": b"/me",
        "root_path": "",
        "query_string": b"",
        "headers": headers,
        "client": ("192.0.2.1", 1),
        "server": ("app.test", 80),
    }
    status = 0

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        nonlocal status
        status = message.get("status", status)

    await app(scope, receive, send)
    assert status == 200, status


def open_app() -> Any:
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/me")
    async def me() -> dict[str, str]:
        return {"owner": "ada"}

    return app


def with_tokenward(issuer: Issuer, url: str) -> Any:
    from fastapi import FastAPI

    from tokenward.fastapi import Caller, protect

    app = FastAPI()
    auth = Tokenward(issuer=issuer.url, audience=issuer.audience, jwks_url=url, cache_size=4096)
    protect(app, auth)

    @app.get("/me")
    async def me(me: Caller) -> dict[str, str]:
        return {"owner": me.subject}

    return app


def with_pyjwt(issuer: Issuer, url: str) -> Any:
    import jwt
    from fastapi import Depends, FastAPI
    from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

    client = jwt.PyJWKClient(url)
    bearer = HTTPBearer()

    def caller(credentials: HTTPAuthorizationCredentials = Depends(bearer)) -> str:  # noqa: B008 - as its users write it
        key = client.get_signing_key_from_jwt(credentials.credentials)
        claims = jwt.decode(
            credentials.credentials,
            key.key,
            algorithms=["EdDSA", "RS256"],
            issuer=issuer.url,
            audience=issuer.audience,
        )
        return str(claims["sub"])

    app = FastAPI()

    @app.get("/me")
    async def me(sub: str = Depends(caller)) -> dict[str, str]:
        return {"owner": sub}

    return app


def with_bridge(issuer: Issuer, url: str) -> Any:
    from fastapi import Depends, FastAPI
    from fastapi_better_auth import BetterAuth, JwtVerifier, Session, User

    auth = BetterAuth(verifiers=[JwtVerifier(base_url=issuer.url, algorithms=["EdDSA", "RS256"])])
    app = FastAPI()

    @app.get("/me")
    async def me(session: Annotated[Session[User], Depends(auth.current_session())]) -> dict[str, str]:
        return {"owner": session.user.id}

    return app


def with_dependency(caller: Callable[..., Awaitable[str]]) -> Any:
    from fastapi import Depends, FastAPI

    app = FastAPI()

    @app.get("/me")
    async def me(sub: str = Depends(caller)) -> dict[str, str]:
        return {"owner": sub}

    return app


def with_nothing(issuer: Issuer, url: str) -> Any:
    from starlette.requests import HTTPConnection

    async def caller(connection: HTTPConnection) -> str:
        return "ada"

    return with_dependency(caller)


def with_joserfc(issuer: Issuer, url: str) -> Any:
    from joserfc import jwt
    from joserfc.jwk import KeySet
    from starlette.requests import HTTPConnection

    keys = KeySet.import_key_set(issuer.jwks())  # type: ignore[arg-type]  # a key set as it is published
    claims = jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": issuer.url}, aud={"essential": True, "value": issuer.audience}
    )

    async def caller(connection: HTTPConnection) -> str:
        token = jwt.decode(connection.headers["authorization"][7:], keys, algorithms=["EdDSA", "Ed25519", "RS256"])
        claims.validate(token.claims)
        return str(token.claims["sub"])

    return with_dependency(caller)


WAYS: dict[str, tuple[str, Callable[[Issuer, str], Any]]] = {  # name: the package it needs, what builds it
    "tokenward": ("tokenward", with_tokenward),
    "a dependency that does nothing": ("fastapi", with_nothing),
    "joserfc in a dependency, keys at hand": ("joserfc", with_joserfc),
    "fastapi-better-auth-bridge": ("fastapi_better_auth", with_bridge),
    "PyJWKClient + jwt.decode": ("jwt", with_pyjwt),
}


def starlette_app(auth: Tokenward | None) -> Any:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    from tokenward import BearerMiddleware

    async def me(request: Request) -> JSONResponse:
        return JSONResponse({"owner": request.user.subject if auth else "ada"})

    app = Starlette(routes=[Route("/me", me)])
    return BearerMiddleware(app, auth) if auth else app


def litestar_app(auth: Tokenward | None) -> Any:
    from litestar import Litestar, Request, get

    from tokenward.litestar import TokenwardPlugin

    @get("/me")
    async def me(request: Request[Any, Any, Any]) -> dict[str, str]:
        return {"owner": request.user.subject if auth else "ada"}

    return Litestar([me], plugins=[TokenwardPlugin(auth)] if auth else [], openapi_config=None, logging_config=None)


def flask_app(auth: Tokenward | None) -> Any:
    from flask import Flask, g

    from tokenward.flask import Bearer

    app = Flask("measured")

    def me() -> dict[str, str]:
        return {"owner": g.identity.subject if auth else "ada"}

    app.add_url_rule("/me", view_func=Bearer(auth, app).required(me) if auth else me)
    return app


def django_app(auth: Tokenward | None) -> Any:
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application
    from django.http import HttpRequest, JsonResponse
    from django.test import override_settings
    from django.urls import path

    def me(request: HttpRequest) -> JsonResponse:
        return JsonResponse({"owner": request.identity.subject if auth else "ada"})  # type: ignore[attr-defined]  # set by the middleware

    class Routes:
        urlpatterns = (path("me", me),)

    if not settings.configured:
        settings.configure(ALLOWED_HOSTS=["*"])
    # The handler reads these when it is made; the routes are looked up by each request.
    with override_settings(TOKENWARD=auth, MIDDLEWARE=["tokenward.django.BearerMiddleware"] if auth else []):
        app = get_wsgi_application()

    def routed(environ: Any, start: Any) -> Any:
        settings.ROOT_URLCONF, settings.TOKENWARD = Routes, auth
        return app(environ, start)

    return routed


def in_wsgi(app: Any) -> App:
    """One request to a WSGI application."""
    import io

    async def call(token: str | None) -> None:
        environ = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": "/me",
            "SCRIPT_NAME": "",
            "QUERY_STRING": "",
            "SERVER_NAME": "app.test",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": "app.test",
            "REMOTE_ADDR": "192.0.2.1",
            "wsgi.input": io.BytesIO(),
            "wsgi.errors": sys.stderr,
            "wsgi.url_scheme": "http",
        }
        if token:
            environ["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        status = []
        answer = app(environ, lambda line, headers, *_: status.append(line))
        for _ in answer:
            pass
        if hasattr(answer, "close"):
            answer.close()
        assert status[0].startswith("200"), status

    return call


def in_asgi(app: Any) -> App:
    return lambda token: called(app, token)


FRAMEWORKS: dict[str, tuple[Callable[[Tokenward | None], Any], Callable[[Any], App]]] = {
    "starlette": (starlette_app, in_asgi),
    "litestar": (litestar_app, in_asgi),
    "flask": (flask_app, in_wsgi),
    "django": (django_app, in_wsgi),
}


async def turns(runs: dict[str, tuple[App, Callable[[], list[str | None]]]], rounds: int) -> dict[str, float]:
    """Each way's median processor time of a request, in µs; the ways take turns."""
    samples: dict[str, list[float]] = {way: [] for way in runs}
    for number in range(rounds + 1):
        for way, (call, tokens) in runs.items():
            batch = tokens()
            began = time.process_time()
            for token in batch:
                await call(token)
            if number:  # the first turn warms up
                samples[way].append((time.process_time() - began) / len(batch) * 1e6)
    return {way: statistics.median(each) for way, each in samples.items()}


def raw(issuer: Issuer) -> float:
    """The signature check alone, in µs."""
    from tokenward.jws import parse
    from tokenward.keyset import read_key

    key, jws = read_key(issuer.signer.jwk()), parse(issuer.token("ada"))
    samples = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(CHUNK):
            assert key.verifies(jws.signing_input, jws.signature)
        samples.append((time.process_time() - began) / CHUNK * 1e6)
    return statistics.median(samples)


def issuer_for(alg: str) -> tuple[Issuer, int]:
    """An issuer whose URL is where it will be served: the bridge takes one for the other."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    return Issuer(f"http://127.0.0.1:{port}", alg=alg), port


def here(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


async def peers(alg: str) -> tuple[float, dict[str, tuple[float, float]]]:
    """The raw signature check, and for each way µs for a token seen before and at first sight."""
    issuer, port = issuer_for(alg)
    counter = iter(range(10_000_000))

    def fresh() -> list[str | None]:
        return [issuer.token(f"user-{next(counter)}") for _ in range(FRESH)]

    with issuer.running(port) as url:
        one = issuer.token("ada")
        seen: dict[str, tuple[App, Callable[[], list[str | None]]]] = {
            "open": (in_asgi(open_app()), lambda: [one] * CHUNK)
        }
        for way, (package, build) in WAYS.items():
            if here(package):
                seen[way] = (in_asgi(build(issuer, url)), seen["open"][1])
                await seen[way][0](one)
        first = {way: (call, fresh) for way, (call, _) in seen.items()}
        again, new = await turns(seen, ROUNDS), await turns(first, ROUNDS)
    return raw(issuer), {way: (again[way] - again["open"], new[way] - new["open"]) for way in seen if way != "open"}


async def frameworks() -> dict[str, float]:
    """For each framework: µs of a token seen before, over the same application without authentication."""
    issuer, port = issuer_for("EdDSA")
    one = issuer.token("ada")
    runs: dict[str, tuple[App, Callable[[], list[str | None]]]] = {}
    made = []
    with issuer.running(port) as url:
        for framework, (build, into) in FRAMEWORKS.items():
            if here(framework):
                auth = Tokenward(issuer=issuer.url, audience=issuer.audience, jwks_url=url)
                made.append(auth)
                runs[f"{framework} open"] = (into(build(None)), lambda: [None] * CHUNK)
                runs[framework] = (into(build(auth)), lambda: [one] * CHUNK)
        found = await turns(runs, ROUNDS)
        for auth in made:
            if auth.facade is not None:
                auth.facade.close()
    return {framework: found[framework] - found[f"{framework} open"] for framework in FRAMEWORKS if framework in found}


def main() -> None:
    results = {alg: asyncio.run(peers(alg)) for alg in ("EdDSA", "RS256")}
    print(f"{'in FastAPI, µs over no authentication':40}" + "".join(f"{alg:>8} seen {'first':>7}" for alg in results))
    for way in results["EdDSA"][1]:
        print(f"{way:40}" + "".join("{:13.0f} {:7.0f}".format(*found[way]) for _, found in results.values()))
    print("raw signature check: " + ", ".join(f"{alg} {bare:.0f} µs" for alg, (bare, _) in results.items()))
    for alg, (bare, found) in results.items():
        ours, others = found["tokenward"], [found[way] for way in found if way in PEERS]
        print(f"{alg}: first sight is the raw check + {ours[1] - bare:.0f} µs", end="")
        print(
            f"; a seen token is {min(other[0] for other in others) / ours[0]:.0f} times cheaper than any other"
            if others
            else ""
        )
    print("other frameworks, a token seen before: ", end="")
    print(", ".join(f"{framework} {cost:.0f} µs" for framework, cost in asyncio.run(frameworks()).items()))
    missing = [
        package for package in ("jwt", "fastapi_better_auth", "django", "flask", "litestar") if not here(package)
    ]
    if missing:
        print(f"not installed, so without a row: {', '.join(missing)}", file=sys.stderr)


PEERS = [way for way in WAYS if way not in ("tokenward", "a dependency that does nothing")]

if __name__ == "__main__":
    main()
