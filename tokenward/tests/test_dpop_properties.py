"""Proofs made of anything: each is accepted for what it says, or refused by an AuthError; nothing else comes out."""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bound import HOLDER, HOLDERS, NOW, URL, guarded, request
from tokenward import AuthError, InvalidProof, InvalidToken
from tokenward.dpop.target import Target, normal_path
from tokenward.testing.keys import b64, unb64
from world import must_not_hang

ODD: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.sampled_from(["dpop+jwt", "ES256", "GET", URL, NOW, "\ud800", "\0", "none", "x" * 300, HOLDER.jwk, []]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
MEMBERS = ["typ", "alg", "jwk", "kid", "crit", "b64", "jku", "x5c", "zip", "enc", "cty"]
CLAIMS = ["jti", "htm", "htu", "iat", "ath", "nonce", "exp", "nbf", "iss", "cnf"]
JWK = ["kty", "crv", "x", "y", "n", "e", "d", "k", "alg", "use", "key_ops", "kid", "x5c"]
RELAXED = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def signed(header: dict[str, Any], claims: dict[str, Any]) -> str:
    """With ASCII escapes, so that half a surrogate pair arrives as one."""
    parts = [b64(json.dumps(part).encode()) for part in (header, claims)]
    return f"{'.'.join(parts)}.{b64(HOLDER.key.sign('.'.join(parts).encode()))}"


@RELAXED
@given(
    header=st.dictionaries(st.sampled_from(MEMBERS), ODD, max_size=3),
    jwk=st.dictionaries(st.sampled_from(JWK), ODD, max_size=3),
    claims=st.dictionaries(st.sampled_from(CLAIMS), ODD, max_size=3),
)
async def test_odd_members_end_in_an_answer(header: Any, jwk: Any, claims: Any) -> None:
    async with guarded() as g:
        token = g.token()
        ath = b64(hashlib.sha256(token.encode()).digest())
        head = {"typ": "dpop+jwt", "alg": "ES256", "jwk": {**HOLDER.jwk, **jwk}, **header}
        said = {"jti": "1", "htm": "GET", "htu": URL, "iat": NOW, "ath": ath, **claims}
        headers = [("authorization", f"DPoP {token}"), ("dpop", signed(head, said))]
        try:
            assert await g.ask(headers) == "ada"
        except InvalidToken:
            return
        # Accepted: then all that counts is as it should be.
        assert (said["htm"], said["ath"], head["alg"]) == ("GET", ath, "ES256")
        assert {name: head["jwk"][name] for name in HOLDER.jwk} == HOLDER.jwk
        assert not {"d", "k"} & set(head["jwk"])
        assert not {"crit", "b64", "zip", "enc", "cty"} & set(head)
        assert abs(said["iat"] - NOW) <= 60
        assert isinstance(await g.refusal(headers), InvalidProof), "and only once"


@RELAXED
@given(data=st.data())
async def test_a_proof_with_any_character_changed_is_refused(data: st.DataObject) -> None:
    async with guarded() as g:
        token = g.token()
        proof = HOLDER.proof(token, "GET", URL)
        place = data.draw(st.integers(0, len(proof) - 1))
        other = data.draw(st.characters(max_codepoint=255).filter(lambda c: c != proof[place]))
        changed = proof[:place] + other + proof[place + 1 :]
        headers = [(b"authorization", b"DPoP " + token.encode()), (b"dpop", changed.encode("latin-1"))]
        with pytest.raises(AuthError) as caught:
            await g.authenticator.authenticate(headers, None, request())
        assert caught.value.status == 401


@RELAXED
@given(st.binary(max_size=200), st.binary(max_size=200))
async def test_any_bytes_in_both_headers_end_in_an_answer(authorization: bytes, proof: bytes) -> None:
    async with guarded() as g:
        for first in (authorization, b"DPoP " + authorization, b"DPoP " + g.token().encode()):
            with pytest.raises(AuthError):
                await g.authenticator.authenticate([(b"authorization", first), (b"dpop", proof)], None, request())


@pytest.mark.parametrize("alg", ["ES256", "ES384", "ES512"])
async def test_the_mirrored_signature_of_a_used_proof_is_the_same_proof(alg: str) -> None:
    """ECDSA has two signatures for everything that is signed; a thief can make the second one without the key."""
    orders = {
        "ES256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
        "ES384": int("F" * 48 + "C7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973", 16),
        "ES512": int("01" + "F" * 65 + "A51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409", 16),
    }
    async with guarded() as g:
        holder = HOLDERS[alg]
        token = g.token(holder)
        proof = holder.proof(token, "GET", URL)
        head, body, signature = proof.split(".")
        raw = unb64(signature)
        half = len(raw) // 2
        s = orders[alg] - int.from_bytes(raw[half:], "big")
        mirrored = f"{head}.{body}.{b64(raw[:half] + s.to_bytes(half, 'big'))}"
        assert await g.ask([("authorization", f"DPoP {token}"), ("dpop", proof)]) == "ada"
        refusal = await g.refusal([("authorization", f"DPoP {token}"), ("dpop", mirrored)])
        assert refusal.headers["WWW-Authenticate"].count("used already") == 1


def test_no_url_takes_long_to_read() -> None:
    target = Target("GET", "https://h", "/a")
    long = [
        "/" * 8000,
        "/.." * 2600,
        "%41" * 2600,
        "/%" * 4000,
        "a" * 8000 + "%",
        ("/" + "a" * 50) * 150 + "\\",
        "/./" * 2600,
    ]
    with must_not_hang(5):
        began = time.process_time()
        for path in long:
            target.is_named_by(f"https://h/{path}")
            normal_path(path)
        assert time.process_time() - began < 1


async def test_without_the_request_nothing_that_is_bound_is_accepted() -> None:
    async with guarded() as g:
        headers = HOLDER.headers(g.token(), "GET", URL)
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        with pytest.raises(InvalidProof):
            await g.authenticator.authenticate(raw, None)
        assert await g.ask(headers) == "ada"


async def test_a_proof_may_be_checked_twice_within_one_request_only() -> None:
    async with guarded() as g:
        headers = HOLDER.headers(g.token(), "GET", URL)
        scope = request()
        assert await g.ask(headers, scope) == await g.ask(headers, scope) == "ada"
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        assert g.authenticator.at_once(raw, scope) is not None
        assert g.authenticator.at_once(raw, request()) is None
        assert (await g.refusal(headers, request())).status == 401
        assert (await g.refusal(HOLDER.headers(g.token(), "POST", URL), scope)).status == 401
