"""Proofs that do not hold: a row for each check of RFC 9449 §4.3, and combinations of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bound import HOLDER, HOLDERS, NOW, OTHER, URL, guarded
from tokenward import InvalidProof, Reason
from tokenward.dpop.proof import ProofVerifier
from tokenward.dpop.target import Target
from tokenward.keyset import ALGORITHMS
from tokenward.testing import ABSENT, Holder, SigningKey
from tokenward.testing.keys import as_json, b64, compact, spare_key

# What does not: one row for each check of §4.3

SECRET = b64(b"\2" * 32)

Row = tuple[str, Reason, dict[str, Any], dict[str, Any]]


def heads(member: str, *values: Any, reason: Reason = Reason.PROOF) -> list[Row]:
    return [(f"{member} {value!r:.60}", reason, {member: value}, {}) for value in values]


def says(member: str, *values: Any, reason: Reason = Reason.PROOF) -> list[Row]:
    return [(f"{member} {value!r:.60}", reason, {}, {member: value}) for value in values]


def of_jwk(**changes: Any) -> dict[str, Any]:
    return {name: value for name, value in {**HOLDER.jwk, **changes}.items() if value is not ABSENT}


ROWS: list[Row] = [
    *heads("typ", ABSENT, "JWT", "at+jwt", "", "dpop", "dpop+jwt ", None, 1, ["dpop+jwt"]),
    *heads(
        "alg", ABSENT, "none", "None", "HS256", "ES256K", "es256", "", None, 1, ["ES256"], "ES384", "EdDSA", "RS256"
    ),
    *heads("crit", [], ["exp"]),
    *heads("b64", False, True),
    *heads("zip", "DEF"),
    *heads("enc", "A256GCM"),
    *heads("cty", "JWT"),
    *heads("jwk", ABSENT, None, "", "x", 1, [], [HOLDER.jwk], {}, True),
    *heads("jwk", *(of_jwk(**{name: SECRET}) for name in ("d", "p", "q", "dp", "dq", "qi", "oth", "k"))),
    *heads("jwk", of_jwk(d=None), {"kty": "oct", "k": SECRET}, {"kty": "AKP", "alg": "ML-DSA-44", "pub": SECRET}),
    *heads("jwk", of_jwk(kty="oct"), of_jwk(kty="OKP"), of_jwk(kty=None), of_jwk(kty=["EC"]), of_jwk(crv="secp256k1")),
    *heads("jwk", of_jwk(crv=["P-256"]), of_jwk(crv="P-384"), of_jwk(use="enc"), of_jwk(key_ops=["sign"])),
    *heads("jwk", of_jwk(alg="ES384"), of_jwk(alg=["ES256"]), of_jwk(alg="")),
    *heads("jwk", of_jwk(x=HOLDER.jwk["x"] + "="), of_jwk(x="+/" + HOLDER.jwk["x"][2:]), of_jwk(x=b64(b"\1" * 31))),
    *heads("jwk", of_jwk(y=7), of_jwk(y=ABSENT), of_jwk(y=""), of_jwk(x=None)),
    *heads("jwk", OTHER.jwk, reason=Reason.PROOF_KEY),
    ("a symmetric jwk and HS256", Reason.PROOF, {"jwk": {"kty": "oct", "k": SECRET}, "alg": "HS256"}, {}),
    *says("jti", ABSENT, "", None, 1, ["x"], {}, "x" * 257, "a\nb", "a\0b", True),
    *says("htm", ABSENT, "POST", "get", "GET ", "", None, ["GET"], 1, True, "HEAD", reason=Reason.PROOF_URL),
    *says(
        "htu",
        *(ABSENT, "", None, 1, [URL], "/notes", "api.example/notes", "//api.example/notes", "https:///notes"),
        *("https://api.example", "https://api.example/", "https://api.example/notes/", "https://api.example/Notes"),
        *("https://api.example/notes;x=1", "https://api.example/notes%2F", "https://api.example/not%65s%"),
        *("http://api.example/notes", "https://api.example:444/notes", "https://api.example./notes"),
        *("https://api.example@other.example/notes", "https://u:p@api.example/notes", "https://api.example\\notes"),
        *("https://api.example/notes\n", " https://api.example/notes", "https://api.example/a/../../notes/x"),
        *("wss://api.example/notes", "ftp://api.example/notes", "https://api.example.other/notes"),
        *("https://\u0430pi.example/notes", "https://api.example/notes\u212a", "http\u017f://api.example/notes"),
        *("https://api.example:99999999/notes", "https://api.example:x/notes", "https://[::1]/notes"),
        reason=Reason.PROOF_URL,
    ),
    *says("iat", ABSENT, None, str(NOW), True, [NOW], 10**400, {}, -1e300),
    *says("iat", *(NOW + by for by in (-61, 61, -60.5, 60.5, -3600, 86_400, -NOW, 1e14)), reason=Reason.PROOF_STALE),
    *says("exp", NOW - 3600, reason=Reason.PROOF_STALE),
    *says("nbf", NOW + 3600, reason=Reason.PROOF_STALE),
    *says("exp", "never", None, True),
    *says("ath", ABSENT, "", None, 1, "x", ["x"], b64(hashlib.sha256(b"another token").digest())),
]
"""What is wrong, the reason in the log, and what it changes in the proof's header and claims."""


@pytest.mark.parametrize(
    ("name", "reason", "header", "claims"),
    ROWS,
    ids=[f"{number} {row[0].partition(' ')[0]}" for number, row in enumerate(ROWS)],  # keys differ from run to run
)
@pytest.mark.parametrize("seen", [False, True], ids=["first sight", "key seen before"])
async def test_a_proof_that_is_wrong_in_one_thing_is_refused_and_not_used_up(
    name: str, reason: Reason, header: dict[str, Any], claims: dict[str, Any], seen: bool
) -> None:
    async with guarded() as g:
        token = g.token()
        if seen:
            assert await g.ask(HOLDER.headers(token, "GET", URL)) == "ada"
        used = len(g.dpop.replays)  # type: ignore[arg-type]  # the store of this process, which has a length
        refusal = await g.refusal(HOLDER.headers(token, "GET", URL, header=header, **claims))
        assert isinstance(refusal, InvalidProof), name
        assert refusal.reason is reason
        assert refusal.code == "invalid_token"
        challenge = refusal.headers["WWW-Authenticate"]
        assert challenge.startswith('Bearer, DPoP error="invalid_dpop_proof", error_description="')
        assert challenge.endswith(f'algs="{" ".join(g.dpop.algorithms)}"')
        assert len(g.dpop.replays) == used  # type: ignore[arg-type]  # as above
        assert await g.ask(HOLDER.headers(token, "GET", URL)) == "ada", "and the next proof is accepted"


@settings(max_examples=150, deadline=None)
@given(rows=st.lists(st.sampled_from(ROWS), min_size=2, max_size=5))
async def test_no_combination_of_wrong_things_is_right(rows: list[Row]) -> None:
    async with guarded() as g:
        token, header, claims = g.token(), {}, {}
        for _, _, wrong_header, wrong_claims in rows:
            header |= wrong_header
            claims |= wrong_claims
        refusal = await g.refusal(HOLDER.headers(token, "GET", URL, header=header, **claims))
        assert isinstance(refusal, InvalidProof)


RAW: dict[str, Callable[[str], str]] = {
    "no signature": lambda proof: proof.rpartition(".")[0] + ".",
    "two segments": lambda proof: proof.rpartition(".")[0],
    "five segments": lambda proof: f"{proof}.x.y",
    "a signature of zeros": lambda proof: proof.rpartition(".")[0] + "." + b64(bytes(64)),
    "a signature in DER": lambda proof: proof.rpartition(".")[0] + "." + b64(b"\x30\x06\x02\x01\x01\x02\x01\x01"),
    "another signature": lambda proof: proof.rpartition(".")[0] + "." + b64(b"\1" * 64),
    "padding": lambda proof: f"{proof}=",
    "a line end": lambda proof: f"{proof}\n",
    "a space within": lambda proof: proof.replace(".", ". ", 1),
    "two proofs joined by a comma": lambda proof: f"{proof},{proof}",
    "the word DPoP before it": lambda proof: f"DPoP {proof}",
    "nothing": lambda _: "",
    "8 KiB of it": lambda proof: proof + "A" * 8192,
    "not ASCII": lambda proof: f"{proof}ä",
    "JSON": lambda proof: json.dumps(dict(zip(("protected", "payload", "signature"), proof.split("."), strict=True))),
}


@pytest.mark.parametrize("name", RAW)
@pytest.mark.parametrize("seen", [False, True], ids=["first sight", "key seen before"])
async def test_a_header_that_is_no_proof_is_refused(name: str, seen: bool) -> None:
    async with guarded() as g:
        token = g.token()
        if seen:
            await g.ask(HOLDER.headers(token, "GET", URL))
        proof = RAW[name](HOLDER.proof(token, "GET", URL))
        refusal = await g.refusal([("authorization", f"DPoP {token}"), ("dpop", proof)])
        assert isinstance(refusal, InvalidProof)


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        (lambda usual: usual.replace(b'"typ"', b'"typ":"dpop+jwt","typ"', 1), None),
        (lambda usual: usual.replace(b'"kty"', b'"kty":"EC","kty"', 1), None),
        (lambda usual: b"\xef\xbb\xbf" + usual, None),
        (lambda usual: usual[:-1] + b',"x":' + b"[" * 40 + b"]" * 40 + b"}", None),
        (None, lambda usual: usual.replace(b'"htm"', b'"htm":"GET","htm"', 1)),
        (None, lambda usual: usual.replace(b'"jti"', b'"jti":"a","jti"', 1)),
        (None, lambda usual: usual.replace(b'"htm"', b'"x":NaN,"htm"', 1)),
        (None, lambda usual: b"[" + usual + b"]"),
        (None, lambda usual: usual.decode().encode("utf-16")),
        (None, lambda usual: usual + b"\0"),
    ],
)
async def test_json_with_two_readings_is_refused(header: Any, claims: Any) -> None:
    async with guarded() as g:
        token = g.token()
        head = as_json({"typ": "dpop+jwt", "alg": "ES256", "jwk": HOLDER.jwk})
        said = as_json(
            {"jti": "j", "htm": "GET", "htu": URL, "iat": NOW, "ath": b64(hashlib.sha256(token.encode()).digest())}
        )
        good = compact(head, said, HOLDER.key.sign)
        bad = compact(header(head) if header else head, claims(said) if claims else said, HOLDER.key.sign)
        assert isinstance(await g.refusal([("authorization", f"DPoP {token}"), ("dpop", bad)]), InvalidProof)
        assert await g.ask([("authorization", f"DPoP {token}"), ("dpop", good)]) == "ada"


def test_a_key_of_rsa_is_read_as_strictly() -> None:
    holder = HOLDERS["RS256"]
    for changed in ({"n": b64(b"\0" + b"\xff" * 256)}, {"e": "AQ"}, {"n": b64(b"\xff" * 100)}, {"e": ""}):
        jwk = {**holder.jwk, **changed}
        text = json.dumps(jwk, sort_keys=True, separators=(",", ":"))
        jkt = b64(hashlib.sha256(text.encode()).digest())  # even a token that is bound to it
        proof = holder.proof("t", "GET", URL, header={"jwk": jwk}, iat=NOW)
        with pytest.raises(InvalidProof):
            ProofVerifier(ALGORITHMS).verify(proof, "t", jkt, Target("GET", "https://api.example", "/notes"), NOW)


def test_a_key_of_small_order_proves_nothing() -> None:
    x = b64(bytes(32))
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": x}
    jkt = b64(hashlib.sha256(json.dumps(jwk, sort_keys=True, separators=(",", ":")).encode()).digest())
    holder = HOLDERS["EdDSA"]
    proof = holder.proof("t", "GET", URL, header={"jwk": jwk}, iat=NOW, sign=lambda _: bytes(64))
    with pytest.raises(InvalidProof):
        ProofVerifier(ALGORITHMS).verify(proof, "t", jkt, Target("GET", "https://api.example", "/notes"), NOW)


def test_an_rsa_key_answers_to_the_alg_of_the_proof_and_to_no_other() -> None:
    key = spare_key("RS256")
    holder = Holder("RS256")
    holder.key = SigningKey("RS256", "x", key.private)
    target = Target("GET", "https://api.example", "/notes")
    verifier = ProofVerifier(ALGORITHMS)
    for alg in ("RS256", "PS256", "RS512"):
        proof = holder.proof(
            "t", "GET", URL, header={"alg": alg}, iat=NOW, sign=lambda data, alg=alg: key.sign(data, alg)
        )
        assert verifier.verify(proof, "t", holder.thumbprint, target, NOW)
        crossed = holder.proof("t", "GET", URL, header={"alg": alg}, iat=NOW, sign=lambda data: key.sign(data, "PS384"))
        with pytest.raises(InvalidProof):
            verifier.verify(crossed, "t", holder.thumbprint, target, NOW)
