"""A sample of Wycheproof's vectors for JSON Web Signature: judged by the library, sent through three frameworks."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.test_frameworks import FRAMEWORKS, Ask, behind
from tokenward import Tokenward
from tokenward.keyset import UnusableKey, read_key
from tokenward.strict import b64url, json_object
from tokenward.testing import Issuer

GROUPS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "data" / "wycheproof_jws.json").read_text())[
    "testGroups"
]
ROWS = [(group["key"], test) for group in GROUPS for test in group["tests"]]
ALGORITHMS = ["EdDSA", "ES256", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]

#: Valid by the vectors and refused here: a key answers to the one algorithm that it names (RFC 8725 §3.1), and the
#: vectors give RFC 7520's figure 20 a key of PS256 for a PS384 signature, and figure 27 an algorithm "ES521".
BOUND_TO_ANOTHER_ALGORITHM = {"Figure20", "Figure27"}


def named(row: tuple[dict[str, Any], dict[str, Any]]) -> str:
    return f"{row[1]['tcId']} {row[1]['comment']}"


def judged(key: dict[str, Any], jws: str) -> bool:
    try:
        header, payload, signature = jws.split(".")
        fit = read_key(key)
        algorithm = json_object(b64url(header)).get("alg")
        return algorithm in fit.algorithms and fit.verifies(f"{header}.{payload}".encode(), b64url(signature))
    except (UnusableKey, ValueError):
        return False


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_each_vector_is_judged_as_it_says(row: tuple[dict[str, Any], dict[str, Any]]) -> None:
    key, test = row
    wanted = test["result"] == "valid" and test["comment"] not in BOUND_TO_ANOTHER_ALGORITHM
    assert judged(key, test["jws"]) is wanted


class Published(Issuer):
    """An issuer that publishes a key of the vectors beside its own."""

    extra: dict[str, Any]

    def jwks(self) -> dict[str, Any]:
        return {"keys": [*super().jwks()["keys"], self.extra]}


@pytest.fixture(scope="module", params=GROUPS, ids=lambda group: f"{group['comment']} {group['key'].get('kid')}")
def served(request: pytest.FixtureRequest) -> Iterator[tuple[dict[str, Any], Issuer, dict[str, Ask]]]:
    issuer = Published()
    issuer.extra = request.param["key"]
    with issuer.running() as url:
        made = {
            framework: Tokenward(
                issuer=issuer.url, audience=issuer.audience, jwks_url=url, algorithms=ALGORITHMS, auth_failures="0"
            )
            for framework in FRAMEWORKS
        }
        yield request.param, issuer, {framework: behind(framework, auth) for framework, auth in made.items()}
        for auth in made.values():
            if auth.facade is not None:
                auth.facade.close()


@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_no_vector_passes_a_framework_and_none_breaks_it(
    framework: str, served: tuple[dict[str, Any], Issuer, dict[str, Ask]]
) -> None:
    """Even a valid signature: what it signs is no access token."""
    group, issuer, apps = served
    for test in group["tests"]:
        status, headers, text = await apps[framework]([b"Bearer " + test["jws"].encode()])
        assert status == 401, test
        assert 'error="invalid_token"' in headers["www-authenticate"]
        assert test["jws"] not in text
    good = issuer.token("ada", nonce=time.monotonic())
    assert (await apps[framework]([b"Bearer " + good.encode()]))[0] == 200
