"""`tokenward explain` says what `authenticate` does, whatever is set."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tokenward import AuthError, Tokenward
from tokenward.cli import main as command
from tokenward.testing import Holder, Issuer

HOLDER = Holder()
URL = "https://api.example/notes"
SETTINGS: dict[str, dict[str, str]] = {
    "as shipped": {},
    "no leeway": {"JWT_LEEWAY": "0"},
    "short lives": {"JWT_MAX_LIFETIME": "60"},
    "another algorithm": {"JWT_ALGORITHMS": "ES256"},
    "another audience": {"JWT_AUDIENCE": "notes"},
    "proofs accepted": {"DPOP": "accept"},
    "proofs required": {"DPOP": "require"},
}
EXPIRED = {"iat": -70, "exp": -10}
"""Seconds from the time of the test."""
TOKENS: dict[str, dict[str, Any]] = {
    "good": {},
    "expired 10 s ago": EXPIRED,
    "issued in 15 s": {"iat": 15, "exp": 75},
    "bound": {"cnf": HOLDER.cnf},
    "bound to nothing": {"cnf": {}},
    "bound to null": {"cnf": None},
    "bound to a certificate": {"cnf": {"x5t#S256": HOLDER.thumbprint}},
    "bound to two things": {"cnf": {**HOLDER.cnf, "x5t#S256": HOLDER.thumbprint}},
    "another audience": {"aud": "notes"},
}


@pytest.fixture(scope="module")
def issuer() -> Iterator[tuple[Issuer, str]]:
    it = Issuer()
    with it.running() as jwks:
        yield it, jwks


@pytest.fixture
def environ(issuer: tuple[Issuer, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    for name in set(os.environ) & {*(name for each in SETTINGS.values() for name in each), "BETTER_AUTH_URL"}:
        monkeypatch.delenv(name)
    it, jwks = issuer
    needed = {"JWKS_URL": jwks, "JWT_ISSUER": it.url, "JWT_AUDIENCE": it.audience}
    for name, value in needed.items():
        monkeypatch.setenv(name, value)
    return needed


async def accepted(auth: Tokenward, token: str) -> bool:
    """With the proof that belongs to the token, if it is bound to anything."""
    bound = auth.dpop is not None and "cnf" in token_claims(token)
    headers = HOLDER.headers(token, "GET", URL) if bound else {"Authorization": f"Bearer {token}"}
    scope = {"type": "http", "method": "GET", "scheme": "https", "path": "/notes", "raw_path": b"/notes"}
    scope["headers"] = [(b"host", b"api.example")]
    try:
        await auth.authenticate([(name.lower().encode(), value.encode()) for name, value in headers.items()], "", scope)
    except AuthError:
        return False
    return True


def at_this_time(claims: dict[str, Any]) -> dict[str, Any]:
    now = int(time.time())
    return {name: now + value if name in ("iat", "exp") else value for name, value in claims.items()}


def token_claims(token: str) -> Any:
    from tokenward.jws import parse

    return parse(token).claims


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("name", TOKENS)
def test_explain_accepts_what_authenticate_accepts(
    issuer: tuple[Issuer, str], environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, setting: str, name: str
) -> None:
    for variable, value in SETTINGS[setting].items():
        monkeypatch.setenv(variable, value)
    token = issuer[0].token("ada", **at_this_time(TOKENS[name]))
    wanted = asyncio.run(accepted(Tokenward.from_env(), token))
    assert command(["explain", token]) == (0 if wanted else 1)


@pytest.mark.parametrize("given", ["all", "some"])
def test_an_option_of_zero_counts(issuer: tuple[Issuer, str], environ: dict[str, str], given: str) -> None:
    it, jwks = issuer
    options = ["--issuer", it.url, "--audience", it.audience, "--jwks-url", jwks] if given == "all" else []
    token = it.token("ada", **at_this_time(EXPIRED))
    assert command(["explain", token, *options, "--leeway", "60"]) == 0
    assert command(["explain", token, *options, "--leeway", "0"]) == 1
    assert command(["explain", it.token("ada"), *options, "--max-lifetime", "0"]) == 2


def test_options_win_over_the_environment(
    issuer: tuple[Issuer, str], environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    it, _ = issuer
    assert command(["explain", it.token("ada", aud="notes"), "--audience", "notes"]) == 0
    assert command(["explain", it.token("ada"), "--audience", "notes"]) == 1
    assert command(["explain", it.token("ada"), "--better-auth", ""]) == 2, "it is given, although it is nothing"
    assert "--better-auth" in capsys.readouterr().err
