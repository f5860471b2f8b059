"""The shared-secret mode: HS256 and nothing else, and no public key ever in the part of the secret."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenward import (
    Authenticator,
    FailureThrottle,
    InvalidToken,
    JwksSource,
    Reason,
    SecretSource,
    TokenVerifier,
)
from tokenward.keyset import ALGORITHMS, KeySet, UnusableKey, UnusableKeySet, read_key
from tokenward.secret import check_secret
from tokenward.source import KeySource
from tokenward.testing.clock import START, FakeClock
from tokenward.testing.issuer import Issuer
from tokenward.testing.keys import ABSENT, compact, spare_key
from world import at_once, bearer, world

SECRET = "kPqE8cZ1sH5tVb2nXw9yLr4dFg7jMu3a"
NOW = START
issuer = Issuer("https://id.example", clock=lambda: NOW)


def authenticator(secret: str = SECRET, source: KeySource | None = None) -> Authenticator:
    verifier = TokenVerifier(
        frozenset({issuer.url}), frozenset({issuer.audience}), frozenset({"HS256"}), kid_required=False
    )
    return Authenticator(source or SecretSource(secret), verifier, throttle=FailureThrottle("0"), clock=FakeClock(NOW))


def signed(secret: bytes = SECRET.encode(), digest: Any = hashlib.sha256, /, sub: str = "alice", **header: Any) -> str:
    head = {"alg": "HS256", **header}
    return compact(
        {name: value for name, value in head.items() if value is not ABSENT},
        issuer.claims(sub),
        lambda data: hmac.new(secret, data, digest).digest(),
    )


def refusal(token: str, one: Authenticator | None = None) -> Reason:
    with pytest.raises(InvalidToken) as refused:
        at_once((one or authenticator()).authenticate(bearer(token), None))
    return refused.value.reason


@pytest.mark.parametrize("kid", [ABSENT, "k", None, 5, "x" * 500, ["k"], "\0"])
def test_a_token_signed_with_the_secret_is_accepted_with_any_kid(kid: Any) -> None:
    one = authenticator()
    for _ in range(2):  # and out of the cache
        assert at_once(one.authenticate(bearer(signed(kid=kid)), None)).subject == "alice"


@pytest.mark.parametrize("other", [SECRET[:-1] + "b", SECRET.lower(), SECRET + " ", "", "x" * 32])
def test_any_other_secret_is_refused(other: str) -> None:
    assert refusal(signed(other.encode())) is Reason.SIGNATURE


@pytest.mark.parametrize("alg", ["none", "HS384", "HS512", "hs256", "EdDSA", "RS256", "ES256", ABSENT])
def test_no_algorithm_but_hs256_is_accepted(alg: Any) -> None:
    digest = {"HS384": hashlib.sha384, "HS512": hashlib.sha512}.get(str(alg), hashlib.sha256)
    assert refusal(signed(SECRET.encode(), digest, alg=alg)) is Reason.ALGORITHM


@pytest.mark.parametrize("length", [0, 1, 16, 31, 33, 64])
def test_a_signature_of_another_length_is_wrong_and_no_crash(length: int) -> None:
    genuine = hmac.new(SECRET.encode(), b"x", hashlib.sha256).digest()
    token = compact({"alg": "HS256"}, issuer.claims(), lambda _: (genuine * 2)[:length])
    assert refusal(token) in (Reason.SIGNATURE, Reason.SHAPE)


@pytest.mark.parametrize("secret", ["", "short", "x" * 31, "é" * 15])
def test_a_secret_under_32_bytes_is_refused_when_built_and_not_repeated(secret: str) -> None:
    with pytest.raises(ValueError, match="32 bytes") as refused:
        SecretSource(secret)
    assert not secret or secret not in str(refused.value)


@pytest.mark.parametrize("secret", ["x" * 32, "é" * 16, "秘" * 11, " " * 32, "\udcff" * 32])
def test_a_secret_of_32_bytes_or_more_is_taken_as_it_is(secret: str) -> None:
    one = authenticator(secret)
    token = signed(secret.encode("utf-8", "surrogateescape"))
    assert at_once(one.authenticate(bearer(token), None)).subject == "alice"


KEY_FILES = {
    "a public key in PEM": spare_key("RS256").public_bytes().decode(),
    "an Ed25519 key in PEM": spare_key("EdDSA").public_bytes().decode(),
    "a PKCS#1 key": spare_key("RS256").public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode(),
    "a PEM in one line": spare_key("RS256").public_bytes().decode().replace("\n", "\\n"),
    "a JWK": json.dumps(spare_key("EdDSA").jwk()),
    "a JWK without spaces": json.dumps(spare_key("EdDSA").jwk(), separators=(",", ":")),
    "a key set": json.dumps({"keys": [spare_key("RS256").jwk()]}),
    "an OpenSSH key": spare_key("EdDSA").public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode(),
    "a private key in PEM": "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA\n-----END PRIVATE KEY-----",
    "a certificate": "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUe\n-----END CERTIFICATE-----",
}


@pytest.mark.parametrize("name", KEY_FILES)
def test_a_key_file_is_no_secret(name: str) -> None:
    with pytest.raises(ValueError, match="key file") as refused:
        SecretSource(KEY_FILES[name])
    assert KEY_FILES[name][30:60] not in str(refused.value)


PUBLIC_FORMS = [
    lambda k: k.public_bytes(),
    lambda k: k.public_bytes().strip(),
    lambda k: k.public_bytes(Encoding.DER),
    lambda k: base64.b64encode(k.public_bytes(Encoding.DER)),
    lambda k: json.dumps(k.jwk()).encode(),
    lambda k: json.dumps(k.jwk(), separators=(",", ":")).encode(),
    lambda k: json.dumps({"keys": [k.jwk()]}).encode(),
    lambda k: str(k.jwk().get("x") or k.jwk()["n"]).encode(),
]


@pytest.mark.parametrize("form", range(len(PUBLIC_FORMS)))
@pytest.mark.parametrize("alg", ["EdDSA", "RS256", "ES256"])
@pytest.mark.parametrize("says", ["HS256", "HS384", "HS512"])
async def test_no_form_of_a_public_key_works_as_an_hmac_secret_against_a_key_set(
    alg: str, form: int, says: str
) -> None:
    async with world(issuer=Issuer(), algorithms=ALGORITHMS | {"HS256", "HS384", "HS512"}) as w:  # the worst settings
        key = spare_key(alg)
        w.issuer.keys = [key]
        await w.clock.advance(300)
        secret = PUBLIC_FORMS[form](key)
        digest = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}[says]
        claims = w.issuer.claims("victim")
        token = compact({"alg": says, "kid": key.kid}, claims, lambda data: hmac.new(secret, data, digest).digest())
        assert await w.outcome(token) == "algorithm"


def test_a_key_set_never_yields_an_hmac_key_and_the_two_sources_are_different_things() -> None:
    assert not {alg for alg in ALGORITHMS if alg.startswith("HS")}
    for jwk in (
        {"kty": "oct", "kid": "k", "k": "AAAA", "alg": "HS256"},
        {"kty": "RSA", "kid": "k", "alg": "HS256", "n": "AQ", "e": "AQAB"},
        {**spare_key("EdDSA").jwk(), "alg": "HS256"},
    ):
        with pytest.raises(UnusableKey):
            read_key(jwk)
    with pytest.raises(UnusableKeySet):
        KeySet.parse(json.dumps({"keys": [{"kty": "oct", "kid": "k", "k": "AAAA"}]}).encode())
    assert not issubclass(SecretSource, JwksSource)
    assert not hasattr(SecretSource(SECRET), "refresh")


async def test_a_token_signed_by_a_key_set_is_refused_in_secret_mode_and_the_other_way_round() -> None:
    ed = compact({"alg": "EdDSA", "kid": issuer.signer.kid}, issuer.claims(), issuer.signer.sign)
    assert refusal(ed) is Reason.ALGORITHM
    async with world(issuer=Issuer(issuer.url)) as w:
        assert await w.outcome(signed(kid=w.issuer.signer.kid)) == "algorithm"


def test_starting_and_ending_a_secret_source_does_nothing() -> None:
    one = authenticator()
    at_once(one.start())
    at_once(one.close())
    assert at_once(one.authenticate(bearer(signed()), None)).subject == "alice"


@settings(max_examples=100, deadline=None)
@given(secret=st.text(max_size=80), data=st.binary(max_size=64))
def test_no_made_up_signature_and_no_guessed_secret_is_accepted(secret: str, data: bytes) -> None:
    guessed = secret.encode("utf-8", "surrogatepass")
    if guessed != SECRET.encode():
        assert refusal(signed(guessed)) is Reason.SIGNATURE
    assert refusal(compact({"alg": "HS256"}, issuer.claims(), lambda _: data)) in (Reason.SIGNATURE, Reason.SHAPE)


ENOUGH = "0123456789abcdef" * 3


@pytest.mark.parametrize(
    "pasted",
    [
        "-----BEGIN PUBLIC KEY-----" + ENOUGH,
        ENOUGH + '{"kty" \n :"RSA"}',
        "ssh-ed25519 AAAA" + ENOUGH,
        "ssh-x " + ENOUGH,
        " \n ssh-rsa AAAA" + ENOUGH,
        "ecdsa-sha2-nistp256 AAAA" + ENOUGH,
    ],
)
def test_every_form_of_a_key_file_is_refused_as_a_secret(pasted: str) -> None:
    with pytest.raises(ValueError, match="is a key file"):
        check_secret(pasted)


@pytest.mark.parametrize(
    "odd",
    [
        "----BEGIN",
        "-----BEGI",
        'kty":',
        '"kty"',
        '"kty"x:',
        "x ssh-rsa A",
        "xssh-rsa A",
        "sshrsa A",
        "ecdsasha A",
        "ssh-rsa",
        "ssh- A",
    ],
)
def test_a_secret_that_only_resembles_a_key_file_is_accepted(odd: str) -> None:
    check_secret(odd + ENOUGH)
