"""Every Python block of ``docs/dpop.md``, run as it stands."""

from __future__ import annotations

from typing import Any

import pytest

import test_pages
from test_pages import BASE, ask, blocks, issuer
from tokenward import Tokenward
from tokenward.testing import Holder, Issuer

URL = "https://api.example/notes"

__all__ = ["issuer"]  # a fixture


def run(number: int, issuer_url: str = BASE) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(blocks("dpop")[number].replace(BASE, issuer_url), names)  # noqa: S102 - the page's own code
    return names


@pytest.fixture
def ada(issuer: Issuer) -> tuple[Holder, str]:
    holder = Holder()
    return holder, issuer.token("ada", cnf=holder.cnf)


def test_the_application_of_the_page_asks_for_proofs(issuer: Issuer, ada: tuple[Holder, str]) -> None:
    holder, token = ada
    seen = holder.headers(token, "GET", URL)
    requests = [
        ("GET", "/notes", headers)
        for headers in (
            seen,
            seen,
            {"Authorization": f"Bearer {token}"},
            {"Authorization": f"Bearer {issuer.token('bob')}"},
            holder.headers(token, "GET", "http://testserver/notes"),
        )
    ]
    answers = ask(issuer.url, "dpop", 0, *requests, kind="fastapi")
    assert [answer[0] for answer in answers] == [200, 401, 401, 200, 401]
    assert (
        'DPoP error="invalid_dpop_proof", error_description="The DPoP proof was used already"'
        in (answers[1][1]["www-authenticate"])
    )


def test_the_shared_stores_and_the_nonces_of_the_page_are_built_as_written() -> None:
    assert run(1)["auth"].dpop.required is True
    assert run(2)["auth"].dpop.public_url == "https://api.example"
    assert run(3)["auth"].dpop.read([(b"authorization", b"DPoP x"), (b"dpop", b"y")]).bound


async def test_the_client_of_the_page_is_accepted(issuer: Issuer) -> None:
    auth = Tokenward.better_auth(issuer.url, dpop="require", public_url="https://api.example")
    headers = run(4)["headers"](issuer, URL)
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    async with auth:
        scope = {"type": "http", "method": "GET", "path": "/notes", "raw_path": b"/notes", "headers": []}
        assert (await auth.authenticate(raw, None, scope)).subject == "ada"


def test_the_table_of_modes_is_what_the_modes_are() -> None:
    for mode in ("off", "accept", "require"):
        auth = Tokenward.better_auth(BASE, dpop=mode)
        assert (auth.dpop is None) == (mode == "off")
        assert auth.dpop is None or auth.dpop.required == (mode == "require")
    auth = Tokenward.from_env({"BETTER_AUTH_URL": BASE, "DPOP": "Require", "PUBLIC_URL": "https://api.example/backend"})
    assert auth.dpop is not None
    assert auth.dpop.public_url == "https://api.example/backend"
    document = auth.metadata()
    assert document["dpop_bound_access_tokens_required"] is True
    assert document["dpop_signing_alg_values_supported"][0] == "ES256"
    with pytest.raises(ValueError, match="dpop: must be off, accept or require"):
        Tokenward.better_auth(BASE, dpop="on")
    with pytest.raises(ValueError, match="public_url"):
        Tokenward.better_auth(BASE, dpop="accept", public_url="api.example")


HOSTS = {
    "fastapi": "http://testserver",
    "starlette": "http://testserver",
    "litestar": "http://testserver.local",
    "django": "http://testserver",
    "drf": "http://testserver",
    "flask": "http://localhost",
    "asgi": "http://app.test",
}


@pytest.mark.parametrize("page", HOSTS)
def test_the_application_of_every_page_asks_for_proofs_when_it_is_told_to(
    page: str, issuer: Issuer, ada: tuple[Holder, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    holder, token = ada
    code = blocks(page)[0].replace(f'better_auth("{BASE}"', f'better_auth("{BASE}", dpop="accept"')
    assert "dpop" in code
    monkeypatch.setattr(test_pages, "blocks", lambda _: [code])
    url = f"{HOSTS[page]}/notes"
    seen, thief = holder.headers(token, "GET", url), Holder()
    headers = [
        seen,
        seen,
        thief.headers(token, "GET", url),
        holder.headers(token, "POST", url),
        {"Authorization": f"DPoP {token}"},
        {"Authorization": f"Bearer {token}"},
        {"Authorization": f"Bearer {issuer.token('bob')}"},
    ]
    answers = ask(issuer.url, page, 0, *(("GET", "/notes", each) for each in headers), kind=page)
    assert [answer[0] for answer in answers] == [200, 401, 401, 401, 401, 401, 200], answers
    for answer in answers[1:5]:
        assert 'DPoP error="invalid_dpop_proof"' in answer[1]["www-authenticate"]
