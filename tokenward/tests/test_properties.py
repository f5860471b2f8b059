"""Random changes of tokens and headers: every invalid one raises an AuthError."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import string
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tokenward import AuthError, Identity, InvalidToken, TokenVerifier
from tokenward.authenticator import bearer_token
from tokenward.jws import parse
from tokenward.keyset import read_key
from tokenward.strict import b64url, json_object
from tokenward.testing.clock import START
from tokenward.testing.issuer import Issuer
from tokenward.testing.keys import as_json, b64, compact, spare_key
from world import ALL_ALGORITHMS

NOW = START
ALGS = ("EdDSA", "RS256", "PS256", "ES256")
issuers = {alg: Issuer("https://id.example", alg=alg, clock=lambda: NOW) for alg in ALGS}
for alg, each in issuers.items():
    each.keys = [spare_key(alg)]
    each.signer = each.keys[0]
issuer = issuers["EdDSA"]
KEYS = {alg: read_key(each.signer.jwk()) for alg, each in issuers.items()}
VERIFIER = TokenVerifier(frozenset({issuer.url}), frozenset({issuer.audience}), ALL_ALGORITHMS)
VALID = {alg: each.token("alice") for alg, each in issuers.items()}
BASE64URL = string.ascii_letters + string.digits + "-_"

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=3,
)
slow = settings(max_examples=100, deadline=None)


def verdict(token: str, alg: str = "EdDSA") -> Identity | None:
    """The identity, or None; anything raised but InvalidToken fails the test."""
    try:
        return VERIFIER.verify(parse(token), KEYS[alg], NOW)
    except InvalidToken:
        return None


@pytest.mark.parametrize("alg", ALGS)
def test_the_tokens_that_are_mutated_here_are_valid(alg: str) -> None:
    identity = verdict(VALID[alg], alg)
    assert identity is not None
    assert identity.subject == "alice"


# Mutations of a valid token


@slow
@given(alg=st.sampled_from(ALGS), data=st.data())
def test_a_valid_token_with_any_one_character_changed_is_refused(alg: str, data: st.DataObject) -> None:
    token = VALID[alg]
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from(BASE64URL + ".=+/ \n\0é"))
    assume(other != token[place])
    assert verdict(token[:place] + other + token[place + 1 :], alg) is None


@pytest.mark.parametrize("alg", ALGS)
def test_a_valid_token_with_any_bit_of_its_signature_flipped_is_refused(alg: str) -> None:
    head, body, signature = VALID[alg].split(".")
    raw = b64url(signature)
    for bit in range(0, len(raw) * 8, 1 if len(raw) == 64 else 5):
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        assert verdict(f"{head}.{body}.{b64(bytes(flipped))}", alg) is None


@slow
@given(alg=st.sampled_from(ALGS), data=st.data())
def test_a_valid_token_cut_stretched_or_shuffled_is_refused(alg: str, data: st.DataObject) -> None:
    token = VALID[alg]
    start = data.draw(st.integers(0, len(token)))
    end = data.draw(st.integers(start, len(token)))
    piece = data.draw(st.sampled_from(["", token[start:end] * 2, token[start:end][::-1], "A", ".", "..", "="]))
    changed = token[:start] + piece + token[end:]
    assume(changed != token)
    assert verdict(changed, alg) is None


@slow
@given(parts=st.lists(st.sampled_from([s for t in VALID.values() for s in t.split(".")]), min_size=0, max_size=6),
       alg=st.sampled_from(ALGS))  # fmt: skip
def test_segments_of_valid_tokens_in_any_other_order_are_refused(parts: list[str], alg: str) -> None:
    token = ".".join(parts)
    assert (verdict(token, alg) is not None) == (token == VALID[alg])


@slow
@given(alg=st.sampled_from(ALGS), signature=st.binary(max_size=600))
def test_no_made_up_signature_is_accepted(alg: str, signature: bytes) -> None:
    head, body, _ = VALID[alg].split(".")
    assert verdict(f"{head}.{body}.{b64(signature)}", alg) is None


@slow
@given(claims=st.dictionaries(st.sampled_from(["sub", "aud", "iss", "exp", "role"]), json_values, min_size=1))
def test_the_claims_of_a_valid_token_cannot_be_changed_under_its_signature(claims: dict[str, Any]) -> None:
    head, _, signature = VALID["EdDSA"].split(".")
    changed = {**issuer.claims(), **claims}
    assert verdict(f"{head}.{b64(as_json(changed))}.{signature}") is None


# Genuine signatures over anything


@slow
@given(header=st.binary(max_size=120), payload=st.binary(max_size=200))
def test_a_genuine_signature_over_noise_is_no_token(header: bytes, payload: bytes) -> None:
    assert verdict(issuer.sign_raw(header, payload)) is None
    assert verdict(issuer.sign_raw(issuer.header(), payload)) is None
    assert verdict(issuer.sign_raw(header, issuer.claims())) is None


HEADER_NAMES = [
    "alg",
    "kid",
    "typ",
    "crit",
    "b64",
    "zip",
    "enc",
    "cty",
    "jwk",
    "jku",
    "x5c",
    "x5u",
    "x5t",
    "p2c",
    "epk",
]
header_values = json_values | st.sampled_from(
    [
        "EdDSA",
        "Ed25519",
        "none",
        "HS256",
        "JWT",
        "at+jwt",
        "application/JWT",
        "dpop+jwt",
        issuer.signer.kid,
        ["exp"],
        [],
    ]
)


def header_fits(header: dict[str, Any]) -> bool:
    typ = header.get("typ", "jwt")
    kid = header.get("kid")
    return (
        header.get("alg") in ("EdDSA", "Ed25519")
        and isinstance(typ, str)
        and typ.lower() in ("jwt", "at+jwt", "application/jwt", "application/at+jwt")
        and not {"crit", "b64", "zip", "enc", "cty"} & header.keys()
        and isinstance(kid, str)
        and 1 <= len(kid) <= 256
        and kid.isprintable()
    )


@settings(max_examples=150, deadline=None)
@given(changes=st.dictionaries(st.sampled_from(HEADER_NAMES) | st.text(max_size=5), header_values, max_size=4),
       dropped=st.sets(st.sampled_from(["alg", "kid"]), max_size=1))  # fmt: skip
@example(changes={"typ": None}, dropped=set())
def test_a_header_is_accepted_exactly_when_it_says_what_it_must(changes: dict[str, Any], dropped: set[str]) -> None:
    header = {name: value for name, value in {**issuer.header(), **changes}.items() if name not in dropped}
    token = issuer.sign_raw(json.dumps(header).encode(), issuer.claims())
    assert (verdict(token) is not None) == header_fits(header)


times = st.integers(-60, 60).map(lambda n: NOW + n) | st.floats(NOW - 40, NOW + 40) | st.sampled_from(
    [0, NOW + 604_800, NOW + 604_801, 1e15, 10**400, -1, True, None, str(NOW), NOW - 30, NOW + 30]
)  # fmt: skip
claim_values = {
    "sub": json_values | st.text(max_size=300) | st.sampled_from(["alice", "a" * 255, "a" * 256, "a\0", "\x9f"]),
    "iss": json_values | st.sampled_from([issuer.url, issuer.url + "/", [issuer.url]]),
    "aud": json_values | st.lists(st.sampled_from([issuer.audience, "other", 5, None]), max_size=3)
    | st.just(issuer.audience),
    "exp": times | json_values,
    "iat": times | json_values,
    "nbf": times | json_values,
    "cnf": json_values,
}  # fmt: skip


def is_time(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15


def claims_fit(claims: dict[str, Any]) -> bool:
    sub, iss, aud = claims.get("sub"), claims.get("iss"), claims.get("aud")
    if not isinstance(sub, str) or not 1 <= len(sub) <= 255:
        return False
    if any(ord(c) < 32 or 127 <= ord(c) < 160 or 0xD800 <= ord(c) < 0xE000 for c in sub):
        return False
    if iss != issuer.url:
        return False
    auds = [aud] if isinstance(aud, str) else aud
    if not isinstance(auds, list) or not all(isinstance(a, str) for a in auds) or issuer.audience not in auds:
        return False
    if not is_time(claims.get("exp")) or not is_time(claims.get("iat")) or not is_time(claims.get("nbf", 0)):
        return False
    exp, iat, nbf = claims["exp"], claims["iat"], claims.get("nbf", 0)
    return bool(
        "cnf" not in claims
        and exp - iat <= 604_800
        and iat <= NOW + 30
        and nbf <= NOW + 30
        and exp + 30 > NOW
    )  # fmt: skip


@settings(max_examples=250, deadline=None)
@given(data=st.data())
def test_claims_are_accepted_exactly_when_they_say_what_they_must(data: st.DataObject) -> None:
    names = data.draw(st.sets(st.sampled_from(sorted(claim_values)), min_size=1, max_size=3))
    claims = {**issuer.claims(), **{name: data.draw(claim_values[name], label=name) for name in sorted(names)}}
    for name in data.draw(st.sets(st.sampled_from(["sub", "iss", "aud", "exp", "iat"]), max_size=1)):
        claims.pop(name, None)
    token = issuer.sign_raw(issuer.header(), json.dumps(claims).encode())
    identity = verdict(token)
    assert (identity is not None) == claims_fit(claims)
    if identity is not None:
        assert identity.subject == claims["sub"]


# The request header


@settings(max_examples=150, deadline=None)
@given(values=st.lists(st.binary(max_size=80) | st.just(b"Bearer " + VALID["EdDSA"].encode()), max_size=3))
def test_no_authorization_header_raises_anything_but_an_auth_error(values: list[bytes]) -> None:
    headers = [(b"authorization", value) for value in values]
    try:
        token = bearer_token(headers)
    except AuthError:
        return
    assert len(values) == 1
    assert token
    assert token == token.strip()
    assert token.isascii()


# The strict readings underneath


@slow
@given(raw=st.binary(max_size=100))
def test_base64url_has_one_spelling_for_every_byte_string(raw: bytes) -> None:
    text = b64(raw)
    assert b64url(text) == raw
    if text:
        for last in BASE64URL:
            if last != text[-1]:
                with contextlib.suppress(ValueError):
                    assert b64url(text[:-1] + last) != raw


@slow
@given(text=st.text(alphabet=BASE64URL + "=+/ \n", max_size=40))
def test_accepted_base64url_encodes_to_the_same_text(text: str) -> None:
    try:
        raw = b64url(text)
    except ValueError:
        return
    assert b64(raw) == text


@pytest.mark.parametrize("length", range(5))
def test_base64url_reads_what_it_would_write_and_nothing_else(length: int) -> None:
    for characters in itertools.product("AQg-_+/=*\né", repeat=length):
        text = "".join(characters)
        ours = set(text) <= set(BASE64URL) and length % 4 != 1
        raw = base64.urlsafe_b64decode(text + "=" * (-length % 4)) if ours else b""
        try:
            assert b64url(text) == raw
            assert b64(raw) == text
        except ValueError:
            assert not ours or b64(raw) != text


@slow
@given(value=st.dictionaries(st.text(max_size=8), json_values, max_size=5))
def test_every_ordinary_json_object_is_read_as_any_other_reader_would(value: dict[str, Any]) -> None:
    assert json_object(json.dumps(value).encode()) == value
    assert json_object(json.dumps(value, ensure_ascii=False).encode("utf-8")) == value


@slow
@given(data=st.binary(max_size=80))
def test_no_bytes_make_the_json_reader_raise_anything_but_value_error(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(json_object(data), dict)


@pytest.mark.parametrize(("depth", "fits"), [(1, True), (15, True), (16, True), (17, False), (100, False)])
def test_nesting_is_read_to_sixteen_levels(depth: int, fits: bool) -> None:
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        inner = "0"
        for _ in range(depth - 1):
            inner = f"{opening}{inner}{closing}"
        document = f'{{"x":{inner}}}'.encode()
        if fits:
            assert json_object(document)
        else:
            with pytest.raises(ValueError, match="deep"):
                json_object(document)


def test_a_token_is_parsed_into_what_was_signed() -> None:
    jws = parse(VALID["EdDSA"])
    assert jws.header == issuer.header()
    assert jws.claims == issuer.claims()
    assert jws.signing_input.decode() + "." + b64(jws.signature) == VALID["EdDSA"]
    assert compact(dict(jws.header), jws.claims, lambda _: jws.signature) == VALID["EdDSA"]
