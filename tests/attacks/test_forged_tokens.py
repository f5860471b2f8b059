"""Forged tokens: every row of the catalogue against the whole service."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.attacks.catalogue import ATTACKS, Attack, ecdsa_mirrored
from tests.attacks.conftest import FAMILIES, Target
from tokenward.testing.keys import b64, unb64

PHRASE = re.compile(r'Bearer error="invalid_token", error_description="[A-Z][A-Za-z ]+"')


@pytest.fixture(scope="module")
def tally() -> dict[str, dict[str, Any]]:
    """What was counted so far, by the document that an attack goes back to."""
    return {}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name.encode("ascii", "replace").decode())
async def test_a_forged_token_is_refused_without_requests_or_tracebacks(
    attack: Attack,
    target: Target,
    caplog: pytest.LogCaptureFixture,
    tally: dict[str, dict[str, Any]],
    reliability: Callable[..., None],
) -> None:
    caplog.set_level(logging.DEBUG)
    forged = attack.forge(target.forger)
    outbound, verifications = len(target.outbound), target.verifications
    started = time.process_time()
    with capture_logs() as logs:
        response = await target.attack(forged)

    document = re.split(r" §| Appendix|, ", attack.reference)[0]
    document = "CVEs" if document.startswith("CVE") else document
    so_far = tally.setdefault(document, {"forged_tokens": 0, "accepted": 0, "not_refused_as_they_should_be": 0})
    so_far["forged_tokens"] += 1
    so_far["accepted"] += response.status_code < 400
    so_far["not_refused_as_they_should_be"] += response.status_code != attack.status
    spent = (time.process_time() - started) * 1000  # the client's share and the fake clock's included
    so_far["slowest_processor_ms"] = max(so_far.get("slowest_processor_ms", 0.0), spent)
    reliability(document, **so_far)

    assert response.status_code == attack.status, response.text
    if attack.status == 401:
        challenge = response.headers["www-authenticate"]
        assert PHRASE.fullmatch(challenge) or challenge == "Bearer", challenge
        assert response.json()["code"] in ("invalid_token", "missing_token")
    # Nothing of it comes back, and nobody was asked but the issuer, at its own URL, once.
    asked = target.outbound[outbound:]
    assert asked in ([[], [f"GET {target.issuer.jwks_url}"]] if attack.asks_issuer else [[]])
    assert "victim" not in response.text + str(response.headers)
    assert "mallory" not in response.text + str(response.headers)
    # Cheap, counted rather than timed: at most one signature is looked at.
    assert target.verifications - verifications <= 1
    # No exception anywhere in the log, and nothing of the token.
    lines = [str(entry) for entry in logs] + [record.getMessage() for record in caplog.records]
    assert not any(entry.get("exc_info") or entry.get("log_level") in ("error", "critical") for entry in logs)
    assert not any(record.exc_info or record.levelno >= logging.ERROR for record in caplog.records)
    if isinstance(forged, str):
        for segment in forged.split("."):
            if len(segment) >= 24:
                assert not any(segment[:24] in line for line in lines)
    # And the next caller notices nothing.
    good = await target.genuine()
    assert good.status_code == 200
    assert good.json() == {"open": 0, "completed": 0}


def test_the_catalogue_names_each_attack_once_and_where_it_is_written_down() -> None:
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)
    assert len(ATTACKS) >= 380
    known = re.compile(
        r"(RFC \d{4}( §[\d.]+| Appendix [A-F])?|CVE-\d{4}-\d+|CWE-\d+|FIPS 186-5 §[\d.]+|OpenID Connect .+)"
    )
    for attack in ATTACKS:
        for part in attack.reference.split(", "):
            assert known.fullmatch(part) or re.fullmatch(r"§[\d.]+", part), attack


@pytest.mark.parametrize("alg", FAMILIES)
async def test_a_token_of_each_family_is_accepted_so_that_the_refusals_above_mean_something(
    alg: str, target: Target
) -> None:
    response = await target.attack(target.issuer.token("attacker", key=target.forger.keys[alg]))
    assert response.status_code == 200


async def test_every_genuinely_signed_row_differs_from_an_accepted_token_in_that_one_thing(target: Target) -> None:
    assert (await target.attack(target.forger.says())).status_code == 200
    assert (await target.attack(target.forger.heads())).status_code == 200
    assert (await target.attack(target.forger.claims_text("{…}"))).status_code == 200
    assert (await target.attack(target.forger.header_text("{…}"))).status_code == 200
    assert (await target.attack(target.forger.heads(typ="at+jwt", x="unknown members are ignored"))).status_code == 200


async def test_the_mirrored_ecdsa_signature_is_another_valid_one_and_nothing_here_depends_on_there_being_one(
    target: Target,
) -> None:
    # RFC 7518 does not ask for low s, and WebCrypto does not make it: refusing (r, n - s) would refuse half of all
    # genuine tokens. It says the same, for the same person; no list of seen tokens or signatures is kept.
    head, body, signature = target.issuer.token("attacker", key=target.forger.ec).split(".")
    mirrored = b64(ecdsa_mirrored(unb64(signature)))
    assert mirrored != signature
    for spelling in (signature, mirrored):
        assert (await target.attack(f"{head}.{body}.{spelling}")).status_code == 200


@pytest.mark.parametrize("where", ["query", "cookie", "body", "path", "another header"])
async def test_a_genuine_token_anywhere_but_in_the_header_is_no_token(where: str, target: Target) -> None:
    token = target.issuer.token("attacker")
    url = "/api/me/tasks"
    if where == "query":
        response = await target.client.get(url, params={"access_token": token, "token": token})
    elif where == "cookie":
        response = await target.client.get(url, headers={"cookie": f"token={token}; access_token={token}"})
    elif where == "body":
        response = await target.client.post(url, data={"access_token": token})
    elif where == "path":
        response = await target.client.get(f"{url};access_token={token}")
    else:
        response = await target.client.get(
            url, headers={"x-forwarded-access-token": token, "proxy-authorization": token}
        )
    assert response.status_code == 401
    assert response.json()["code"] == "missing_token"
    assert response.headers["www-authenticate"] == "Bearer"
