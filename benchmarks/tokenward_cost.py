"""What knowing the caller costs a request: tokenward beside PyJWKClient and fastapi-better-auth-bridge, in FastAPI.

``python -m benchmarks.tokenward_cost`` prints processor time over the same application without authentication, in µs.
The application is called in process, one endpoint that returns the caller, with claims as Better Auth signs them.
"""

import asyncio
import importlib.util
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from tokenward import Tokenward
from tokenward.testing import Issuer

CHUNK, ROUNDS, FRESH = 200, 9, 150


async def called(app: Any, token: str | None) -> None:
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


async def cost(app: Any, tokens: Callable[[], list[str | None]]) -> float:
    """Median processor time of a request, in µs."""
    samples = []
    for _ in range(ROUNDS):
        batch = tokens()
        began = time.process_time()
        for token in batch:
            await called(app, token)
        samples.append((time.process_time() - began) / len(batch) * 1e6)
    return statistics.median(samples)


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


async def measured(alg: str) -> dict[str, tuple[float, float] | float]:
    """For each way: µs for a token seen before, and at first sight."""
    issuer = Issuer("http://127.0.0.1:1", alg=alg)
    found: dict[str, tuple[float, float] | float] = {"raw": raw(issuer)}
    counter = iter(range(10_000_000))

    def fresh() -> list[str | None]:
        return [issuer.token(f"user-{next(counter)}") for _ in range(FRESH)]

    with issuer.running() as url:
        base_app = open_app()
        await cost(base_app, lambda: [None] * CHUNK)
        base = await cost(base_app, lambda: [None] * CHUNK)
        ways: dict[str, Callable[[Issuer, str], Any]] = {"tokenward": with_tokenward}
        if importlib.util.find_spec("jwt") is not None:
            ways["PyJWKClient + jwt.decode"] = with_pyjwt
        for name, build in ways.items():
            app = build(issuer, url)
            one = issuer.token("ada")
            await called(app, one)
            await cost(app, lambda one=one: [one] * CHUNK)  # type: ignore[misc]  # bound to this round's token
            seen = await cost(app, lambda one=one: [one] * CHUNK) - base  # type: ignore[misc]  # likewise
            found[name] = (seen, await cost(app, fresh) - base)
    return found


def table() -> dict[str, dict[str, tuple[float, float] | float]]:
    return {alg: asyncio.run(measured(alg)) for alg in ("EdDSA", "RS256")}


def main() -> None:
    results = table()
    print(
        f"{'µs over no authentication':28} " + " ".join(f"{alg + ' seen':>12} {alg + ' first':>12}" for alg in results)
    )
    for name in results["EdDSA"]:
        if name != "raw":
            cells = [figure for alg in results for figure in results[alg][name]]  # type: ignore[union-attr]  # pairs, all but raw
            print(f"{name:28} " + " ".join(f"{cell:12.0f}" for cell in cells))
    print("raw signature check: " + ", ".join(f"{alg} {results[alg]['raw']:.0f} µs" for alg in results))
    if importlib.util.find_spec("jwt") is None:
        print("PyJWT is not installed: pip install 'pyjwt[crypto]' for its row", file=sys.stderr)


if __name__ == "__main__":
    main()
